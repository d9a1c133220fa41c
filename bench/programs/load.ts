import { createRequire } from 'node:module'

/** Loads the bundle that is named on the command line, as a platform does. */
export function loadBundle<T>(): T {
  const path = process.argv[2] ?? ''
  return createRequire(path)(path)
}

/** Where the log goes: both platforms collect what a function writes to its stdout. */
import { writeSync } from 'node:fs'

/** How often a reader that does not keep up is waited for, a millisecond each. */
const patience = 1000
const sleeper = new Int32Array(new SharedArrayBuffer(4))

/**
 * Writes before it returns, as a stream would not always: what a stream still holds when the platform freezes the
 * process comes late or never. Throws nothing: an invocation does not fail for its log.
 */
export function writeToStdout(text: string): void {
  let rest = Buffer.from(text)
  for (let waits = 0; rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      // The pipe is full. Any other failure means that nobody reads.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
      if (++waits > patience) {
        process.stdout.write(rest)
        return
      }
      Atomics.wait(sleeper, 0, 0, 1)
    }
  }
}

/** Not part of `npm test`: these tests need the packages of `examples/node`, and Python's of AWS. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: new URL('../../..', import.meta.url).pathname,
    include: ['test/emulated/examples/*.test.ts'],
    setupFiles: ['test/support/loopback-only.ts'],
    reporters: ['default', './test/support/closing-line.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

/** Not part of `npm test`: these tests need AWS's runtime client, which is compiled when it is installed. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: new URL('../../..', import.meta.url).pathname,
    include: ['test/emulated/runtime/*.test.ts'],
    setupFiles: ['test/support/loopback-only.ts'],
    reporters: ['default', './test/support/closing-line.ts'],
    // Much of the time is spent waiting for the pace of Tencent's API.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // test/deploy and test/runtime take minutes and more than Node: steps of .ci/run.
    include: ['test/*.test.ts', 'test/peers/*.test.ts'],
    setupFiles: ['test/loopback-only.ts', 'test/same-seed.ts'],
    reporters: ['default', './test/closing-line.ts'],
    // Most of the time is spent waiting for other processes.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

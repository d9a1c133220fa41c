import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Minutes, and needs more than Node: a step of .ci/run.
    exclude: ['test/deploy/**'],
    setupFiles: ['test/loopback-only.ts', 'test/same-seed.ts'],
    reporters: ['default', './test/closing-line.ts'],
    // Most of the time is spent waiting for other processes.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

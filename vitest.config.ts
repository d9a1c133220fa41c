import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // test/emulated/deploy and test/emulated/runtime take minutes and more than Node: steps of .ci/run.
    include: [
      'simulator/test/*.test.ts',
      'test/{unit,bundle,commands,simulation}/**/*.test.ts',
      'test/emulated/*.test.ts',
    ],
    setupFiles: ['test/support/loopback-only.ts', 'test/support/same-seed.ts'],
    reporters: ['default', './test/support/closing-line.ts'],
    // Most of the time is spent waiting for other processes.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

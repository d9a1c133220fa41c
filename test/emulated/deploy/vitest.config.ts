import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/emulated/deploy/*.test.ts'],
    // They wait for other processes, and share nothing.
    maxWorkers: 2,
    setupFiles: ['test/support/loopback-only.ts'],
    reporters: ['default', './test/support/closing-line.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})

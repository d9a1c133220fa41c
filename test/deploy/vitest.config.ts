import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/deploy/*.test.ts'],
    setupFiles: ['test/loopback-only.ts'],
    reporters: ['default', './test/closing-line.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})

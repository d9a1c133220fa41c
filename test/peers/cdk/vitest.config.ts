import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/peers/cdk/*.test.ts'],
    setupFiles: ['test/support/loopback-only.ts'],
    reporters: ['default', './test/support/closing-line.ts'],
    testTimeout: 120_000,
  },
})

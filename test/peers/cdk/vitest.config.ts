import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // CDK's advice about the template of somebody who set no parameters.
    silent: 'passed-only',
    include: ['test/peers/cdk/*.test.ts'],
    setupFiles: ['test/support/loopback-only.ts'],
    reporters: ['default', './test/support/closing-line.ts'],
    testTimeout: 120_000,
  },
})

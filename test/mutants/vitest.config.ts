/** The test files that run.ts names. */
import { defineConfig } from 'vitest/config'
import type { TestModule, Vitest } from 'vitest/node'
import type { Reporter } from 'vitest/reporters'

/** Stryker takes a file of tests that cannot even be loaded for one in which nothing failed. */
class LoadingFails implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestModuleEnd(tests: TestModule): void {
    for (const error of tests.errors()) this.#vitest?.state.catchError(error, 'Loading')
  }
}

export default defineConfig({
  test: {
    include: process.env['MUTANTS_SHOWN_TO']?.split(',') ?? [],
    // The sizes of test/unit/platform/scrub.test.ts take minutes in instrumented code.
    testNamePattern: /^(?!.*many and large)/,
    setupFiles: ['test/support/loopback-only.ts', 'test/support/same-seed.ts', 'test/mutants/few-cases.ts'],
    reporters: [new LoadingFails()],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

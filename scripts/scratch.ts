/** A temporary folder for one run of a command: what is built and mirrored into it goes with the process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildFunctions, type FunctionName } from './build.ts'

export interface Scratch {
  /** Nobody but its owner may look into it. */
  readonly folder: string
  /** Builds both functions into the folder; returns the path of each function's `index.js`. */
  build(): Promise<Record<FunctionName, string>>
  /** Ends the process and the folder; what listens or waits ends with the process. */
  end(exitCode: number): Promise<never>
}

/**
 * Makes a folder that is gone when this process ends: by itself, by an error that nobody caught, or by a signal of
 * those that ask it to end, which then makes the exit code `signalExitCode`.
 */
export function makeScratch(signalExitCode: number): Scratch {
  let building: Promise<unknown> | undefined
  let ending: Promise<never> | undefined

  const finish = async (exitCode: number): Promise<never> => {
    // esbuild runs in a process of its own, which would write its files after this one has ended.
    await building?.catch(() => {})
    process.exit(exitCode)
  }
  const end = (exitCode: number): Promise<never> => {
    ending ??= finish(exitCode)
    return ending
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void end(signalExitCode))

  const folder = mkdtempSync(join(tmpdir(), 'vod-aigc-tokens-'))
  // A file may still be on its way into the folder: then the second attempt removes it.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return {
    folder,
    end,
    build() {
      const built = buildFunctions(join(folder, 'functions'))
      building = built
      return built.catch(async (error: unknown) => {
        // Ctrl-C ends esbuild too, and that may be heard of first; the build that fails for it is no failure.
        await sleep(200)
        return ending ?? Promise.reject(error)
      })
    },
  }
}

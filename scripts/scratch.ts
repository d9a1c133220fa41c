/** A temporary folder for one run of a command: what is built and mirrored into it goes with the process. */
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
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
 * Makes a folder that only this user may look into (mode 0700), and removes those that killed processes left: nobody can
 * clear up after SIGKILL, and the tokens of a real account may lie in there. In memory, where the system has a place
 * there for each user.
 */
export function makeFolder(): string {
  const inMemory = process.env['XDG_RUNTIME_DIR'] ?? ''
  const parent = isOwn(inMemory) ? inMemory : tmpdir()
  removeLeftovers(parent)
  return mkdtempSync(join(parent, `vod-aigc-tokens-${process.pid}-`))
}

function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, pid] = /^vod-aigc-tokens-(\d+)-/.exec(name) ?? []
    const folder = join(parent, name)
    if (pid !== undefined && isOwn(folder) && !isAlive(Number(pid)))
      rmSync(folder, { recursive: true, force: true })
  }
}

function isOwn(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false })
  return found?.isDirectory() === true && found.uid === (process.getuid?.() ?? found.uid)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
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

  const folder = makeFolder()
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

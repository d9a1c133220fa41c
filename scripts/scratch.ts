/** A temporary folder for one run of a command: what is built and mirrored into it goes with the process. */
import { createHash } from 'node:crypto'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
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
  const place = findPlace()
  removeLeftovers(parent, place)
  return mkdtempSync(join(parent, ['vod-aigc-tokens', process.pid, ...(place ?? []), ''].join('-')))
}

/**
 * Where a process's number means this process and no other: in one run of a machine from boot to boot, and there in one
 * PID namespace. Containers have one each, and may share the temporary folder.
 */
type Place = readonly [boot: string, namespace: string]

function findPlace(): Place | null {
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')
    return [digest(boot), digest(readlinkSync('/proc/self/ns/pid'))]
  } catch {
    // Not Linux, or one without /proc.
    return null
  }
}

function removeLeftovers(parent: string, here: Place | null): void {
  for (const name of readdirSync(parent)) {
    const [, pid, boot, namespace] = /^vod-aigc-tokens-(\d+)-(?:([\da-f]{8})-([\da-f]{8})-)?/.exec(name) ?? []
    const folder = join(parent, name)
    if (pid === undefined || !isOwn(folder)) continue
    const place: Place | null = boot && namespace ? [boot, namespace] : null
    if (isLeft(folder, Number(pid), place, here)) rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Whether the process that made a folder has ended. That of another namespace cannot be asked, so its folder stays until the
 * machine starts again; where a folder or this machine has no place, age speaks too.
 */
function isLeft(folder: string, pid: number, place: Place | null, here: Place | null): boolean {
  if (place === null || here === null) return !isAlive(pid) && isOld(folder)
  if (place[0] !== here[0]) return true
  return place[1] === here[1] && !isAlive(pid)
}

/** Untouched for a day, as a folder in use seldom is. */
function isOld(folder: string): boolean {
  return Date.now() - (lstatSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 86_400_000
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

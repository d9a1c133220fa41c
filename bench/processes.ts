/** What is measured runs in processes of its own, with exactly the environment it is given, on plain Node. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Question, Reply } from './programs/answer.ts'

export interface Program {
  /** Sends one question and waits for its answer; one at a time. Throws what the program threw. */
  ask<T>(kind: string, parameters?: Record<string, unknown>): Promise<T>
  close(): Promise<void>
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Options of Node. */
  readonly execArgv?: readonly string[]
  /** Where its stdout goes; default: a pipe with a reader at its other end, as on Lambda. */
  readonly stdout?: 'pipe' | 'file'
}

/** A true pipe, where Node would make a pair of sockets, which is slower. */
const intoPipe = '"$0" "$@" | cat > /dev/null'

/** Starts a bundled program that answers its parent. */
export function startProgram(
  path: string,
  args: readonly string[],
  { env = {}, execArgv = [], stdout = 'pipe' }: ProgramOptions = {},
): Program {
  const file = stdout === 'file' ? openSync(join(mkdtempSync(`${path}-`), 'stdout'), 'a') : null
  const node = [process.execPath, ...execArgv, path, ...args]
  const command = file === null ? ['/bin/sh', '-c', intoPipe, ...node] : node
  const child = spawn(command[0] ?? '', command.slice(1), {
    // The SDKs use what newer versions of Node advise against.
    env: { NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', file ?? 'ignore', 'inherit', 'ipc'],
  })
  if (file !== null) closeSync(file)
  const ended = once(child, 'exit')
  return {
    async ask(kind, parameters = {}) {
      child.send({ kind, parameters } satisfies Question)
      const abort = new AbortController()
      const [reply] = (await Promise.race([
        once(child, 'message', { signal: abort.signal }),
        ended.then(([code]) => Promise.reject(new Error(`${path} ended with ${code}`))),
      ]).finally(() => abort.abort())) as [Reply]
      if ('error' in reply) throw new Error(`${path} ${args.join(' ')}: ${reply.error}`)
      return reply.result as never
    },
    async close() {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}

/** A function's first invocation in a fresh process. */
export interface ColdStart {
  /** From the start of the process to the loaded bundle, in milliseconds. */
  readonly loadedMs: number
  /** From the start of the process to the answer, in milliseconds. */
  readonly answeredMs: number
  readonly result: unknown
}

/** Starts a process, has it load a function's bundle and invoke it once; `program` is `invoke-once`. */
export async function startCold(
  program: string,
  bundle: string,
  event: unknown,
  env: Readonly<Record<string, string>>,
): Promise<ColdStart> {
  const args = [program, bundle, JSON.stringify(event)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env }).catch(({ stderr }) => {
    // The message would quote the whole event, and before it Node quotes the line of the minified bundle.
    throw new Error(`${bundle} failed: ${String(stderr).trimEnd().slice(-300)}`)
  })
  // The function's own log comes before.
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}

/** A function's first invocation, right behind its initialisation. */
export interface FirstRequest {
  /** CPU time of all threads until the function was initialised, and of the invocation. */
  readonly initCpuMs: number
  readonly cpuMs: number
  /** Of the invocation, in milliseconds. */
  readonly wallMs: number
  readonly result: unknown
}

/** Initialises a function's bundle, or its module for Lambda, and invokes it; `program` is `first-request.mjs`. */
export async function startFirstRequest(
  program: string,
  module: string,
  event: unknown,
  env: Readonly<Record<string, string>>,
): Promise<FirstRequest> {
  const args = [program, module, JSON.stringify(event)]
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { NODE_NO_WARNINGS: '1', ...env },
  }).catch(({ stderr }) => {
    throw new Error(`${module} failed: ${String(stderr).trimEnd().slice(-300)}`)
  })
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}

/** A built bundle in a process of its own, as a platform runs it: what goes in, and everything that comes out. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FunctionName } from '../../scripts/build.ts'

export interface InvokeOptions {
  /** The function's time limit, default 30000 ms. */
  readonly limitMs?: number
  /** Whether SCF's context is given instead of Lambda's. */
  readonly scf?: boolean
  /** What SCF's context says beyond the request and its limit. */
  readonly context?: Record<string, unknown>
  /** Default `handler`; the bundles also export `main_handler`. */
  readonly exportName?: string
  /** Variables that change in the warm process. */
  readonly environment?: Record<string, string>
}

export interface Answer {
  readonly result?: unknown
  readonly error?: { name: string; message: string; stack: string; cause?: string; keys: string[] }
  /** Timers that keep the process alive after the answer. */
  readonly timers: string[]
}

export interface FunctionProcess {
  /** Resolves when the bundle is loaded and, where it can be waited for, initialised. */
  readonly initialized: Promise<void>
  invoke(event: unknown, options?: InvokeOptions): Promise<Answer>
  /** Everything written to stdout and stderr so far. */
  output(): string
  /** The JSON lines among it. */
  log(): Record<string, unknown>[]
  /** Sets the calendar of the process, from here on, that far ahead of this machine's, or behind. */
  setClock(aheadMs: number): void
  /** Stops the process, as platforms do between invocations; what is sent to it meanwhile waits. */
  freeze(): void
  thaw(): void
  /** Lets it end by itself, which it does when nothing keeps it alive. */
  close(): Promise<void>
  /** Ends it at once, whatever it is doing. */
  kill(): Promise<void>
}

const runner = fileURLToPath(new URL('run-function.cjs', import.meta.url))

export function bundlePath(name: FunctionName): string {
  return fileURLToPath(new URL(`../../dist/${name}/index.js`, import.meta.url))
}

/** Starts a bundle with exactly this environment. */
export function startFunction(name: FunctionName, environment: Record<string, string>): FunctionProcess {
  return startBundle(bundlePath(name), environment)
}

/** What Lambda loads: it initialises, and is on Lambda by its environment. */
export function startLambda(name: FunctionName, environment: Record<string, string>): FunctionProcess {
  const path = join(dirname(bundlePath(name)), 'lambda.mjs')
  return startBundle(path, { AWS_LAMBDA_FUNCTION_NAME: name, ...environment })
}

/** Starts any module that exports handlers, by its absolute path. */
export function startBundle(path: string, environment: Record<string, string>): FunctionProcess {
  const child: ChildProcess = fork(runner, [path], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: [],
  })
  let output = ''
  let lastId = 0
  const answers = new Map<number, Answer>()
  const waiting = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>()
  /** Of which all output has arrived. */
  const complete = new Set<number>()
  const settle = (): void => {
    output = output.replace(/\n=answered (\d+)\n/g, (_, id) => {
      complete.add(Number(id))
      return ''
    })
    for (const id of complete) {
      const answer = answers.get(id)
      if (!answer) continue
      complete.delete(id)
      waiting.get(id)?.resolve(answer)
      waiting.delete(id)
    }
  }
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
      settle()
    })
  let initialize = { resolve: (): void => {}, reject: (_: Error): void => {} }
  const initialized = new Promise<void>((resolve, reject) => {
    initialize = { resolve, reject }
  })
  initialized.catch(() => {})
  child.on('message', ({ id, ready, ...answer }: Answer & { id: number; ready?: true }) => {
    if (ready) return initialize.resolve()
    answers.set(id, answer)
    settle()
  })
  child.on('exit', () => {
    const ended = new Error(`the function's process ended: ${output}`)
    initialize.reject(ended)
    for (const { reject } of waiting.values()) reject(ended)
  })
  return {
    initialized,
    invoke(event, options = {}) {
      const { limitMs = 30_000, scf = false, context = {} } = options
      const { exportName = 'handler', environment = {} } = options
      const id = ++lastId
      child.send({ id, event, limitMs, scf, context, exportName, environment })
      return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
    },
    output: () => output,
    log: () =>
      output
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
    setClock: (clockAheadMs) => void child.send({ clockAheadMs }),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
    async close() {
      if (child.exitCode !== null) return
      child.kill('SIGCONT')
      child.disconnect()
      await once(child, 'exit')
    },
  }
}

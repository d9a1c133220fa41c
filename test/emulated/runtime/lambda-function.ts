/**
 * A function as Lambda runs it: the zip that `npx serverless package` left, unpacked, under AWS's own runtime client
 * (aws-lambda-ric) and a Node of choice, on the Runtime API of the tests.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unzipSync } from 'fflate'
import {
  type Invocation,
  type RuntimeRequest,
  startLambdaRuntimeApi,
} from '../../support/lambda-runtime-api.ts'

export type FunctionName = 'list-tokens' | 'mirror-tokens'

export interface LambdaFunction {
  /** Sends an event; the default limit is 30000 ms. Rejects when the process ended, as it does after a timeout. */
  invoke(event: unknown, limitMs?: number): Promise<Invocation>
  /** What the Runtime API got, oldest first. */
  readonly requests: readonly RuntimeRequest[]
  stdout(): string
  stderr(): string
  /** How many file descriptors are open, sockets included. */
  openFiles(): number
  residentBytes(): number
  /** Ends the process. From then on its output is whole. */
  close(): Promise<void>
}

/** The Node to run on; the one that runs the tests where none is named. */
export const node = process.env['LAMBDA_NODE'] ?? process.execPath
const client = required('LAMBDA_RUNTIME_CLIENT', 'the index.mjs of an installed aws-lambda-ric')
const root = fileURLToPath(new URL('../../..', import.meta.url))

/** What Lambda sets, beside the settings. docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html */
function reserved(
  { name, memory, runtime }: Packaged,
  task: string,
  runtimeApi: string,
): Record<string, string> {
  return {
    AWS_EXECUTION_ENV: `AWS_Lambda_${runtime}`,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: `${memory}`,
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: '2026/03/10/[$LATEST]0123456789abcdef0123456789abcdef',
    AWS_LAMBDA_RUNTIME_API: runtimeApi,
    AWS_REGION: 'eu-central-1',
    LAMBDA_TASK_ROOT: task,
    LANG: 'en_US.UTF-8',
    PATH: '/usr/local/bin:/usr/bin:/bin',
    TZ: ':UTC',
  }
}

/** Starts a function with these settings. `handler` replaces the one that serverless.yml names. */
export async function startLambda(
  name: FunctionName,
  settings: Record<string, string>,
  handler?: string,
): Promise<LambdaFunction> {
  const deployed = readPackaged(name)
  const task = mkdtempSync(join(tmpdir(), 'lambda-task-'))
  for (const [file, bytes] of Object.entries(unzipSync(readFileSync(join(root, deployed.artifact))))) {
    mkdirSync(join(task, file, '..'), { recursive: true })
    writeFileSync(join(task, file), bytes)
  }
  const api = await startLambdaRuntimeApi()
  // The flags are those that Lambda derives from the memory size.
  const flags = [
    `--max-old-space-size=${Math.floor(deployed.memory * 0.9)}`,
    `--max-semi-space-size=${Math.floor(deployed.memory * 0.05)}`,
  ]
  const child = spawn(node, [...flags, client], {
    cwd: task,
    env: {
      ...settings,
      ...reserved(deployed, task, api.host),
      _HANDLER: handler ?? deployed.handler,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(child, 'close').then(([code, signal]) =>
    api.fail(new Error(`the runtime ended (${code ?? signal}): ${stdout}${stderr}`)),
  )
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    await api.close()
    rmSync(task, { recursive: true })
  }
  return {
    async invoke(event, limitMs = 30_000) {
      const invocation = await api.invoke(event, limitMs)
      // As Lambda does: the next invocation would get a new process.
      if (invocation.error?.errorType === 'Sandbox.Timedout') child.kill('SIGKILL')
      return invocation
    },
    requests: api.requests,
    stdout: () => stdout,
    stderr: () => stderr,
    openFiles: () => readdirSync(`/proc/${child.pid}/fd`).length,
    residentBytes: () => {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024
    },
    close() {
      closing ??= close()
      return closing
    },
  }
}

interface Packaged {
  readonly name: string
  readonly handler: string
  /** Such as `nodejs22.x`. */
  readonly runtime: string
  /** In MB. */
  readonly memory: number
  /** The zip, from the project's folder. */
  readonly artifact: string
}

/** A function as the Serverless CLI would deploy it. */
function readPackaged(name: FunctionName): Packaged {
  const state = join(root, '.serverless/serverless-state.json')
  if (!existsSync(state)) throw new Error('Nothing is packaged: run npx serverless package first')
  const { service } = JSON.parse(readFileSync(state, 'utf8'))
  const { package: packaged, ...rest } = service.functions[name]
  return { ...rest, artifact: packaged.artifact }
}

function required(name: string, what: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} must name ${what}; .ci/run shows how`)
  return value
}

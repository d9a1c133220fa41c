/** What one test of a function on Lambda needs, and the check after it that nothing secret has left the process. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, type TestContext } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../../../simulator/simulator.ts'
import type { RuntimeRequest } from '../../support/lambda-runtime-api.ts'
import { type FunctionName, type LambdaFunction, node, startLambda } from './lambda-function.ts'

export const subAppIds = Array.from({ length: 24 }, (_, i) => 251006666 + i)
/** Of each application, sorted; Tencent gives them in any order. */
export const tokens = ['CANARY-token-0001', 'CANARY-token-0002']
/** What the environment of the function holds. */
const secret = {
  AIGC_SECRET_ID: 'CANARY-secret-id-0003',
  AIGC_SECRET_KEY: 'CANARY-secret-key-0004',
  AIGC_SESSION_TOKEN: 'CANARY-session-token-0005',
  AWS_ACCESS_KEY_ID: 'CANARY-aws-access-key-id-0006',
  AWS_SECRET_ACCESS_KEY: 'CANARY-aws-secret-access-key-0007',
  AWS_SESSION_TOKEN: 'CANARY-aws-session-token-0008',
}
/** A message that quotes everything secret. */
export const quoting = `Denied: ${Object.values(secret).join(' ')} ${tokens.join(' ')}`
/** `v22.23.3` */
export const nodeVersion = execFileSync(node, ['--version']).toString().trim()

export interface World {
  readonly simulator: TencentSimulator
  /** A folder of the test's own. */
  readonly folder: string
  /** `reveals`: its answers may hold the tokens. `handler` replaces the one of serverless.yml. */
  start(
    settings: Record<string, string>,
    options?: { reveals?: boolean; handler?: string },
  ): Promise<LambdaFunction>
}

/** Makes the world of one test, which ends with it. */
export async function createWorld(
  name: FunctionName,
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
): Promise<World> {
  const simulator = await startTencentSimulator({
    applications: subAppIds.map((subAppId) => ({ subAppId, tokens })),
    lagMs: 0,
  })
  simulator.keys.set(secret.AIGC_SECRET_ID, {
    secretKey: secret.AIGC_SECRET_KEY,
    token: secret.AIGC_SESSION_TOKEN,
  })
  const folder = mkdtempSync(join(tmpdir(), 'lambda-test-'))
  const running: LambdaFunction[] = []
  onTestFinished(async () => {
    await Promise.all(running.map((fn) => fn.close()))
    await simulator.close()
    rmSync(folder, { recursive: true })
  })
  return {
    simulator,
    folder,
    async start(settings, { reveals = false, handler } = {}) {
      const common = {
        AIGC_VOD_ENDPOINT: simulator.url,
        AIGC_SSM_ENDPOINT: simulator.url,
        AIGC_SUB_APP_IDS: `${subAppIds[0]}`,
      }
      const fn = await startLambda(name, { ...secret, ...common, ...settings }, handler)
      running.push(fn)
      // The last registered is the first to run.
      onTestFinished(async () => {
        await fn.close()
        expectNoSecret(fn, reveals)
        if (handler === undefined) expectNoWarning(fn)
      })
      return fn
    },
  }
}

/** Nothing secret is in what the Runtime API and the log got. Tokens may be, where the answers reveal them. */
function expectNoSecret(fn: LambdaFunction, reveals: boolean): void {
  const left = fn.stdout() + fn.stderr() + JSON.stringify(fn.requests)
  const allowed = reveals ? tokens : []
  expect(allowed.reduce((text, token) => text.replaceAll(token, ''), left)).not.toContain('CANARY')
}

/** Nothing but the function's lines and the runtime client's, one for each error, was written. */
function expectNoWarning(fn: LambdaFunction): void {
  const lines = fn.stdout().split('\n')
  // The runtime client turns warnings of Node into lines of its own.
  expect(lines.filter((line) => !/^$|^\{|\tERROR\tInvoke Error /.test(line))).toEqual([])
  expect(fn.stderr()).toBe('')
}

/** The function's log lines. The runtime client's own are not among them. */
export function readLog(fn: LambdaFunction): Record<string, unknown>[] {
  const lines = fn.stdout().split('\n')
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
}

/** The errors that the Runtime API got: of invocations, or of the start. */
export function postedErrors(fn: LambdaFunction, of: 'invocation' | 'init'): RuntimeRequest[] {
  return fn.requests.filter(
    ({ path }) => path.startsWith(`/2018-06-01/runtime/${of}/`) && path.endsWith('/error'),
  )
}

/**
 * Sends the events in rotation, `warm` of them and then `times`, which must leave memory and open files as they were.
 */
export async function expectNoGrowth(
  fn: LambdaFunction,
  events: readonly unknown[],
  { warm, times }: { warm: number; times: number },
): Promise<void> {
  const invoke = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) await fn.invoke(events[i % events.length])
  }
  await invoke(0, warm)
  const before = { files: fn.openFiles(), bytes: fn.residentBytes() }
  await invoke(warm, warm + times)
  expect(fn.openFiles() - before.files).toBeLessThan(10)
  expect(fn.residentBytes() - before.bytes).toBeLessThan(32e6)
}

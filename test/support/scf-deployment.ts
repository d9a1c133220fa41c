/** `npm run deploy:scf` against a simulator, run to its end or killed on the way, and what it printed. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, expect } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { openCheckout } from './command.ts'
import { sha256 } from './sha256.ts'

export const region = 'ap-singapore'
export const role = ['--role', 'vod-aigc-tokens']
export const listTokens = 'vod-aigc-tokens-dev-list-web'
export const mirrorTokens = 'vod-aigc-tokens-dev-mirror-tokens'
export const rotateTokens = 'vod-aigc-tokens-dev-rotate-tokens'
/** With a run role that the simulator has to be told of. */
export const rotationRole = 'vod-aigc-tokens-rotation'
export const rotation = ['--rotation', '--rotation-role', rotationRole]
export const withRotation = {
  AIGC_ROTATION_STATE: 'tencent-ssm:prod-aigc-rotation',
  AIGC_ROTATE_EVERY_DAYS: '30',
}
export const subAppId = 251006666
export const secret = {
  id: 'CANARY-secret-id-0001',
  key: 'CANARY-secret-key-0002',
  apiKey: 'CANARY-api-key-0003',
  awsKey: 'CANARY-aws-key-0004',
}
export const apiKeySha256 = sha256(secret.apiKey)
export const withKeys = { AIGC_HTTP_AUTH: 'keys', AIGC_API_KEYS: `app:full:${apiKeySha256}` }

/** Everything that the commands of a test have printed. */
const printed: string[] = []

/** What ends the processes and the simulators of a test. */
const endings: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const end of endings.splice(0)) await end()
  for (const text of printed.splice(0))
    for (const value of [...Object.values(secret), apiKeySha256]) expect(text).not.toContain(value)
})

export interface Deployment {
  readonly simulator: TencentSimulator
  /** Runs the command to its end. */
  run(args: readonly string[], env?: Record<string, string>): Promise<{ exitCode: number; output: string }>
  /** Runs it to its end though nobody reads on after the first line; gives the exit code. */
  runUnread(args: readonly string[]): Promise<number>
  /** Starts it and kills it as soon as SCF has run the `nth` call of `action` from now on. */
  runUntilDeath(args: readonly string[], action: string, nth?: number): Promise<void>
}

/** A simulator whose account has two tokens, and the command with its settings. Ends with the test. */
export async function startDeployment(): Promise<Deployment> {
  const simulator = await startTencentSimulator({
    applications: [{ subAppId, tokens: ['token-a-0123456789', 'token-b-0123456789'] }],
    lagMs: 0,
  })
  simulator.keys.set(secret.id, { secretKey: secret.key })
  const environment = {
    AIGC_SECRET_ID: secret.id,
    AIGC_SECRET_KEY: secret.key,
    AIGC_SCF_ENDPOINT: simulator.url,
    AIGC_CLS_ENDPOINT: simulator.url,
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SSM_ENDPOINT: simulator.url,
    AIGC_SUB_APP_IDS: `${subAppId}`,
    AIGC_MIRROR_TARGETS: 'tencent-ssm:prod-aigc',
    AIGC_SETTLE_SECONDS: '0',
    AWS_SECRET_ACCESS_KEY: secret.awsKey,
  }
  const checkout = openCheckout()
  endings.push(async () => {
    await checkout.close()
    await simulator.close()
  })
  // Without npm, so that a death hits the command itself.
  const spawnCommand = (args: readonly string[], env: Record<string, string>): ChildProcess =>
    checkout.run('deploy:scf', args, { ...environment, ...env }).child
  return {
    simulator,
    async run(args, env = {}) {
      const child = spawnCommand(args, env)
      const output = collect(child)
      const [exitCode] = await once(child, 'close')
      printed.push(output())
      return { exitCode, output: output() }
    },
    async runUnread(args) {
      const child = spawnCommand(args, {})
      child.stdout?.once('data', () => child.stdout?.destroy())
      const [exitCode] = await once(child, 'close')
      return exitCode
    },
    async runUntilDeath(args, action, nth = 1) {
      const before = simulator.calls.length
      if (nth > 1) simulator.fail({ kind: 'slow', ms: 0 }, nth - 1, action)
      simulator.fail({ kind: 'slow', ms: 3_600_000 }, 1, action)
      const child = spawnCommand(args, {})
      const output = collect(child)
      const exit = once(child, 'exit')
      await until(
        () => simulator.calls.slice(before).filter((call) => call.action === action).length === nth,
        () => child.exitCode !== null && output(),
      )
      child.kill('SIGKILL')
      await exit
      printed.push(output())
    },
  }
}

function collect(child: ChildProcess): () => string {
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  return () => output
}

/** Waits until something is reached, or fails with what is given up with. */
export async function until(reached: () => boolean, given: () => string | false): Promise<void> {
  while (!reached()) {
    const up = given()
    if (up !== false) throw new Error(`the command ended by itself: ${up}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The Node example with the official packages: through a rotation under load, against the bundle and the stand-in of the gateway. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../../../simulator/simulator.ts'
import { sha256 } from '../../support/sha256.ts'
import { startWeb } from '../../support/web-process.ts'

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const example = pathOf('../../../examples/node/ask.mjs')
const node = process.env['EXAMPLE_NODE'] ?? process.execPath
const subAppId = 251006666
const key = 'a-key-of-the-example'

interface World {
  readonly simulator: TencentSimulator
  readonly environment: Record<string, string>
}

/** The simulator with one token, and `list-tokens` in front of it. */
async function openWorld(): Promise<World> {
  const simulator = await startTencentSimulator({
    applications: [{ subAppId, tokens: ['the-old-token'] }],
    lagMs: 300,
  })
  onTestFinished(() => simulator.close())
  simulator.aigc.requestsPerMinute = Number.POSITIVE_INFINITY
  const web = await startWeb({
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SUB_APP_IDS: `${subAppId}`,
    AIGC_CACHE_SECONDS: '1',
    AIGC_SETTLE_SECONDS: '1',
    AIGC_HTTP_AUTH: 'keys',
    AIGC_API_KEYS: `example:full:${sha256(key)}`,
  })
  onTestFinished(() => web.kill())
  return {
    simulator,
    environment: {
      TOKENS_URL: `http://127.0.0.1:${web.port}/tokens`,
      TOKENS_KEY: key,
      AIGC_URL: simulator.url,
    },
  }
}

function run(args: readonly string[], environment: Record<string, string>): ChildProcess {
  const child = spawn(node, args, { env: { PATH: process.env['PATH'], ...environment } })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

interface Load {
  readonly outcomes: { readonly ok: boolean; readonly error?: string }[]
  /** Lets every call end, and the process. */
  end(): Promise<void>
}

function startLoad(environment: Record<string, string>): Load {
  const child = run([pathOf('load.mjs'), example], environment)
  const outcomes: Load['outcomes'] = []
  let rest = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    outcomes.push(...lines.map((line) => JSON.parse(line)))
  })
  const errors = text(child.stderr as NonNullable<ChildProcess['stderr']>)
  return {
    outcomes,
    async end() {
      child.stdin?.end()
      expect([...(await once(child, 'close')), await errors]).toEqual([0, null, ''])
    },
  }
}

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await sleep(20)
}

describe('examples/node', () => {
  it('asks both models once', async () => {
    const { environment, simulator } = await openWorld()
    const child = run([example, 'Who are you?'], environment)
    expect(await text(child.stdout as NonNullable<ChildProcess['stdout']>)).toBe(
      'gpt-5.4: This is the answer of a stand-in.\ncd-sonnet-4.6: This is the answer of a stand-in.\n',
    )
    expect(simulator.aigc.calls.map(({ path, status }) => `${path} ${status}`)).toEqual([
      '/v1/chat/completions 200',
      '/v1/messages 200',
    ])
  })

  it.each([
    ['the gateway forgets the old one after the list', 600],
    ['the gateway forgets the old one at once', 0],
  ])('gets every answer through a rotation, where %s', async (_, forgetsAfterMs) => {
    const { environment, simulator } = await openWorld()
    const { aigc, vod } = simulator
    aigc.forgetsAfterMs = forgetsAfterMs
    const loads = [startLoad(environment), startLoad(environment)]
    const served = (token: string): number =>
      aigc.calls.filter(({ apiToken, status }) => apiToken === token && status === 200).length
    await until(() => served('the-old-token') >= 20)

    vod.create(subAppId, 'the-new-token')
    // Listed, known to the gateway, and in the cache of who was asked last.
    await sleep(2_000)
    vod.delete(subAppId, 'the-old-token')
    const before = served('the-new-token')
    await until(() => served('the-new-token') >= before + 40)
    // The old one leaves the list, and everything that kept it.
    await sleep(2_000)
    for (const load of loads) await load.end()

    const outcomes = loads.flatMap((load) => load.outcomes)
    expect(outcomes.filter(({ ok }) => !ok)).toEqual([])
    expect(outcomes.length).toBeGreaterThan(60)
    const refused = aigc.calls.filter(({ status }) => status !== 200)
    expect(refused.map(({ apiToken, status }) => `${apiToken} ${status}`)).toEqual(
      Array(Math.min(refused.length, loads.length)).fill('the-old-token 401'),
    )
  })

  it('ends with what the gateway says where no token is good', async () => {
    const { environment, simulator } = await openWorld()
    // Still listed.
    simulator.lagMs = 60_000
    simulator.aigc.forgetsAfterMs = 0
    simulator.vod.delete(subAppId, 'the-old-token')
    const child = run([example], environment)
    const errors = await text(child.stderr as NonNullable<ChildProcess['stderr']>)
    expect(errors).toContain('401')
    expect(errors).not.toMatch(/the-old-token|a-key-of/)
    expect(simulator.aigc.calls.map(({ status }) => status)).toEqual([401])
  })
})

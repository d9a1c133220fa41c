/** Log lines as both functions write them on Lambda, through good and bad times: what dashboard, filters and alarms read. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { startTencentSimulator } from '../../../simulator/simulator.ts'
import { startFunction } from '../../support/function-process.ts'
import { getEvent, recordedWith } from '../../support/recorded-events.ts'

export type Line = Readonly<Record<string, unknown>>

export const listName = 'the-list'
export const mirrorName = 'the-mirror'

let recorded: Promise<ReadonlyMap<string, Line>> | null = null

/** A line for each situation, by its name; recorded once. */
export function recordLines(): Promise<ReadonlyMap<string, Line>> {
  recorded ??= record()
  return recorded
}

async function record(): Promise<ReadonlyMap<string, Line>> {
  const folder = mkdtempSync(join(tmpdir(), 'lines-test-'))
  const ids = [1500000001, 1500000002]
  const simulator = await startTencentSimulator({
    lagMs: 0,
    applications: ids.map((subAppId) => ({
      subAppId,
      tokens: [`token-a-${subAppId}`, `token-b-${subAppId}`],
    })),
  })
  const shared = {
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SUB_APP_IDS: ids.join(),
    AIGC_HTTP_AUTH: 'gateway',
    AIGC_CACHE_SECONDS: '0',
    AIGC_TIMEOUT_MS: '4000',
    AIGC_SETTLE_SECONDS: '0',
  }
  const key = { AIGC_SECRET_ID: simulator.secretId, AIGC_SECRET_KEY: simulator.secretKey }
  // Nobody listens there.
  const noKey = {
    AIGC_CREDENTIALS_SECRET: 'team/tencent',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
  }
  const targets = { AIGC_MIRROR_TARGETS: `file:${folder}/{SubAppId}.json` }
  const asList = { ...shared, AWS_LAMBDA_FUNCTION_NAME: listName }
  const asMirror = { ...shared, ...targets, AWS_LAMBDA_FUNCTION_NAME: mirrorName }
  const processes = {
    list: startFunction('list-tokens', { ...asList, ...key }),
    listWithoutSpare: startFunction('list-tokens', { ...asList, ...key, AIGC_STALE_SECONDS: '0' }),
    listWithoutKey: startFunction('list-tokens', { ...asList, ...noKey }),
    mirror: startFunction('mirror-tokens', { ...asMirror, ...key }),
    mirrorWithoutKey: startFunction('mirror-tokens', { ...asMirror, ...noKey }),
    // As many results as a thousand applications have, without their thousand calls to Tencent.
    mirrorOfMany: startFunction('mirror-tokens', {
      ...asMirror,
      ...key,
      AIGC_SUB_APP_IDS: String(ids[0]),
      AIGC_TIMEOUT_MS: '60000',
      AIGC_MIRROR_TARGETS: Array.from({ length: 1000 }, (_, i) => `file:${folder}/many-${i}.json`).join(),
    }),
  }
  const lines = new Map<string, Line>()
  async function note(name: string, process: keyof typeof processes, event: unknown): Promise<void> {
    const written = processes[process].log().length
    await processes[process].invoke(event)
    // A line of a thousand results takes the pipe a while.
    const log = await vi.waitFor(() => processes[process].log(), { timeout: 10_000, interval: 20 })
    const line = log.slice(written).find(({ event }) => event === 'list-tokens' || event === 'mirror-tokens')
    if (!line) throw new Error(`no line of ${name}: ${processes[process].output()}`)
    lines.set(name, line)
  }
  const request = recordedWith('http-api-v2.json', 'requestContext.authorizer', {
    iam: { userArn: 'arn:aws:iam::123456789012:role/app' },
  })
  const scheduled = recordedWith('eventbridge-scheduler.json', 'detail', {})
  try {
    await note('served', 'list', request)
    await note('refused', 'list', getEvent('/tokens'))
    simulator.fail({ kind: 'error', code: 'InternalError' }, 100)
    await note('stale', 'list', request)
    simulator.clearFaults()
    simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' })
    await note('upstream-failed', 'list', request)
    simulator.fail({ kind: 'throttle' }, 100)
    await note('throttled', 'listWithoutSpare', request)
    simulator.clearFaults()
    await note('own-failure', 'listWithoutKey', request)

    await note('good', 'mirror', scheduled)
    simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' }, 100)
    await note('failed', 'mirror', scheduled)
    simulator.clearFaults()
    simulator.fail({ kind: 'empty-list' }, 100)
    await note('held', 'mirror', scheduled)
    simulator.clearFaults()
    simulator.fail({ kind: 'empty-list' }, 1)
    simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' }, 100)
    await note('held and failed', 'mirror', scheduled)
    simulator.clearFaults()
    await note('typo', 'mirror', { SubApp: 1 })
    await note('dry run', 'mirror', { DryRun: true })
    await note('typo beside a confirmation', 'mirror', { Confirm: 'all of it' })
    await note('no key', 'mirrorWithoutKey', scheduled)
    await note('good, of a thousand', 'mirrorOfMany', scheduled)
    simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' })
    await note('failed, of a thousand', 'mirrorOfMany', scheduled)
    for (let i = 0; i < 45; i++) simulator.vod.create(ids[0], `token-${i}-of-many`)
    await note('crowded', 'mirror', scheduled)
    return lines
  } finally {
    await Promise.all([...Object.values(processes).map((one) => one.close()), simulator.close()])
    rmSync(folder, { recursive: true })
  }
}

/** Log lines as the functions write them on Lambda, through good and bad times: what dashboard, filters and alarms read. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { startTencentSimulator } from '../../../simulator/simulator.ts'
import { type FunctionProcess, startFunction } from '../../support/function-process.ts'
import { getEvent, recordedWith } from '../../support/recorded-events.ts'

export type Line = Readonly<Record<string, unknown>>

export const listName = 'the-list'
export const mirrorName = 'the-mirror'
export const rotationName = 'the-rotation'

let recorded: Promise<ReadonlyMap<string, Line>> | null = null

/** A line for each situation, by its name; recorded once. */
export function recordLines(): Promise<ReadonlyMap<string, Line>> {
  recorded ??= Promise.all([record(), recordRotation()]).then(
    (all) => new Map(all.flatMap((lines) => [...lines])),
  )
  return recorded
}

/** The line that a function writes of an event. */
async function lineOf(fn: FunctionProcess, event: unknown): Promise<Line> {
  const written = fn.log().length
  await fn.invoke(event)
  // A line of a thousand results takes the pipe a while.
  const log = await vi.waitFor(() => fn.log(), { timeout: 10_000, interval: 20 })
  const line = log.slice(written).find(({ event }) => String(event).endsWith('-tokens'))
  if (!line) throw new Error(`no line: ${fn.output()}`)
  return line
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
    lines.set(name, await lineOf(processes[process], event))
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

/** Those of rotate-tokens, through a whole rotation and what may go wrong with one; all clocks are moved along. */
async function recordRotation(): Promise<ReadonlyMap<string, Line>> {
  const folder = mkdtempSync(join(tmpdir(), 'lines-test-'))
  const subAppId = 1500000001
  const hourMs = 3_600_000
  let aheadMs = 0
  const simulator = await startTencentSimulator({
    applications: [{ subAppId, tokens: ['token-in-use'] }],
    extInfos: true,
    now: () => Date.now() + aheadMs,
  })
  const { secretId, secretKey } = simulator
  const environment = {
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SECRET_ID: secretId,
    AIGC_SECRET_KEY: secretKey,
    AIGC_SUB_APP_IDS: `${subAppId}`,
    AIGC_SETTLE_SECONDS: '1',
    AIGC_MIRROR_TARGETS: `file:${folder}/tokens.json`,
    AIGC_ROTATION_STATE: `file:${folder}/record.json`,
    AIGC_ROTATE_EVERY_DAYS: '2',
    AIGC_ROTATION_MAY_DELETE: 'true',
    AWS_LAMBDA_FUNCTION_NAME: rotationName,
  }
  const mirror = startFunction('mirror-tokens', environment)
  const rotate = startFunction('rotate-tokens', environment)
  const processes = [mirror, rotate]
  const pass = (ms: number): void => {
    aheadMs += ms
    for (const fn of processes) fn.setClock(aheadMs)
  }
  const scheduled = recordedWith('eventbridge-scheduler.json', 'detail', {})
  const lines = new Map<string, Line>()
  const note = async (name: string, outcome: string, event: unknown = scheduled) => {
    const line = await lineOf(rotate, event)
    if (line['outcome'] !== outcome) throw new Error(`${name}: ${JSON.stringify(line)}`)
    lines.set(`rotation ${name}`, line)
  }
  try {
    await mirror.invoke({})
    pass(0)
    await note('begins its record', 'advanced')
    await note('waits', 'waiting')
    await note('dry run', 'would-wait', { DryRun: true })
    await note('refused', 'refused', { Rollback: true })
    simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' }, 100)
    await note('failed', 'failed')
    simulator.clearFaults()
    pass(49 * hourMs)
    await note('creates', 'advanced')
    pass(31_000)
    await mirror.invoke({})
    await note('finds it', 'advanced')
    pass(300_000)
    await note('promotes', 'advanced')
    pass(24 * hourMs + 2_000)
    await note('retires', 'advanced')
    await note('deletes', 'advanced')
    pass(31_000)
    await mirror.invoke({})
    await note('sees it gone', 'waiting')
    pass(2_000)
    await note('ends', 'advanced')
    pass(73 * hourMs)
    simulator.vod.create(subAppId, 'token-not-mirrored')
    pass(31_000)
    await note('stuck', 'waiting')
    await mirror.invoke({})
    simulator.keys.set(secretId, { secretKey, denied: new Set(['vod:CreateAigcApiToken']) })
    await note('stuck and failed', 'failed')
    writeFileSync(join(folder, 'record.json'), 'something else')
    await note('held', 'held')
    return lines
  } finally {
    await Promise.all([...processes.map((one) => one.close()), simulator.close()])
    rmSync(folder, { recursive: true })
  }
}

/** The built rotation, in a process of its own, beside the built mirror; both clocks are moved by the test. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fingerprint } from '../../lib/digest.ts'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { type Answer, type FunctionProcess, startFunction } from '../support/function-process.ts'
import { recorded } from '../support/recorded-events.ts'

const subAppId = 251006666
const old = 'CANARY-the-token-in-use'
const hourMs = 3_600_000
/** A grace, and what Tencent's dates leave out of a second. */
const graceMs = 24 * hourMs + 2_000

let simulator: TencentSimulator
let folder: string
let aheadMs: number
let running: FunctionProcess[]

beforeEach(async () => {
  aheadMs = 0
  running = []
  folder = mkdtempSync(join(tmpdir(), 'rotate-test-'))
  simulator = await startTencentSimulator({
    applications: [{ subAppId, tokens: [old] }],
    extInfos: true,
    now: () => Date.now() + aheadMs,
  })
})
afterEach(async () => {
  await Promise.all(running.map((fn) => fn.kill()))
  await simulator.close()
  rmSync(folder, { recursive: true })
})

function start(name: 'mirror-tokens' | 'rotate-tokens', more: Record<string, string> = {}): FunctionProcess {
  const fn = startFunction(name, {
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SUB_APP_IDS: `${subAppId}`,
    AIGC_SETTLE_SECONDS: '1',
    AIGC_MIRROR_TARGETS: `file:${join(folder, 'tokens.json')} file:${join(folder, 'token')}?value=token`,
    AIGC_ROTATION_STATE: `file:${join(folder, 'record.json')}`,
    ...more,
  })
  running.push(fn)
  return fn
}

/** Lets this much time pass, for everybody. */
function pass(ms: number): void {
  aheadMs += ms
  for (const fn of running) fn.setClock(aheadMs)
}

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8')
}

function resultOf({ result, error }: Answer): Record<string, unknown> {
  const report = result ?? JSON.parse(error?.message.slice(error.message.indexOf(': {"Results') + 2) ?? '{}')
  return report.Results[0]
}

async function step(rotate: FunctionProcess, event: object = {}): Promise<string> {
  const { Outcome, Step, Phase } = resultOf(await rotate.invoke(event))
  return `${Outcome} ${Step} ${Phase}`
}

/** Until the old token is to be deleted. */
async function retireOld(mirror: FunctionProcess, rotate: FunctionProcess): Promise<void> {
  await mirror.invoke({})
  await step(rotate, { Now: true })
  pass(31_000)
  await mirror.invoke({})
  await step(rotate)
  pass(300_000)
  expect(await step(rotate)).toBe('advanced promote promoted')
  pass(graceMs)
  expect(await step(rotate)).toBe('advanced note retiring')
}

describe('rotate-tokens', () => {
  it('replaces the token in use within its limits, and says nothing that is secret', async () => {
    simulator.vod.update(subAppId, old, '{"ip":{"192.0.2.1":true}}')
    simulator.vod.quotas.set({ SubAppId: subAppId, QuotaType: 'Text', ApiToken: old, QuotaLimit: 500 })
    pass(60_000)
    const mirror = start('mirror-tokens')
    const rotate = start('rotate-tokens', { AIGC_ROTATION_MAY_DELETE: 'true', AIGC_ROTATE_EVERY_DAYS: '30' })
    await mirror.invoke({})
    pass(0)
    expect(await step(rotate, recorded('eventbridge-scheduler.json'))).toBe('advanced note idle')
    pass(30 * 24 * hourMs)
    expect(await step(rotate)).toBe('advanced create intent')
    const [fresh = ''] = simulator.vod.list(subAppId).filter((token) => token !== old)
    expect(await step(rotate)).toBe('waiting wait intent')
    pass(31_000)
    await mirror.invoke({})
    expect(await step(rotate)).toBe('advanced note warming')
    expect(await step(rotate)).toBe('advanced copy warming')
    expect(await step(rotate)).toBe('waiting wait warming')
    pass(300_000)
    expect(simulator.vod.states().map(({ ExtInfo }) => JSON.parse(ExtInfo))).toEqual(
      Array(2).fill({ ip: { '192.0.2.1': true } }),
    )
    expect(simulator.vod.quotas.states().map(({ QuotaLimit }) => QuotaLimit)).toEqual([500, 500])
    expect(read('token')).toBe(old)
    expect(await step(rotate)).toBe('advanced promote promoted')
    expect([JSON.parse(read('tokens.json')).ApiToken, read('token')]).toEqual([fresh, fresh])
    pass(graceMs)
    expect(await step(rotate)).toBe('advanced note retiring')
    expect(await step(rotate)).toBe('advanced delete retiring')
    expect(simulator.vod.list(subAppId)).toEqual([fresh])
    pass(31_000)
    await mirror.invoke({})
    expect(await step(rotate)).toBe('waiting wait retiring')
    pass(2_000)
    expect(await step(rotate)).toBe('advanced note idle')
    expect(JSON.parse(read('record.json'))).toMatchObject({ Phase: 'idle', Leftovers: [] })
    const said = [rotate.output(), mirror.output(), read('record.json')].join()
    for (const secret of [old, fresh, simulator.secretKey]) expect(said).not.toContain(secret)
    expect(simulator.calls.filter(({ action }) => action === 'CreateAigcApiToken')).toHaveLength(1)
  })

  it('never deletes where that is withheld, although Tencent would', async () => {
    const mirror = start('mirror-tokens')
    const rotate = start('rotate-tokens')
    await retireOld(mirror, rotate)
    for (let days = 0; days < 3; days++) {
      const answer = await rotate.invoke({})
      expect(resultOf(answer)).toMatchObject({ Outcome: 'waiting', Delete: fingerprint(old), Remind: true })
      expect(rotate.log().at(-1)).toMatchObject({ level: 'warn', outcome: 'waiting', waiting: 1, good: 1 })
      pass(graceMs)
    }
    expect(simulator.calls.map(({ action }) => action)).not.toContain('DeleteAigcApiToken')
    expect(simulator.vod.list(subAppId)).toContain(old)
  })

  it('says that a key may not delete', async () => {
    const mirror = start('mirror-tokens')
    const rotate = start('rotate-tokens', { AIGC_ROTATION_MAY_DELETE: 'true' })
    await retireOld(mirror, rotate)
    const { secretId, secretKey } = simulator
    simulator.keys.set(secretId, { secretKey, denied: new Set(['vod:DeleteAigcApiToken']) })
    const { error } = await rotate.invoke({})
    expect(error).toMatchObject({ name: 'RotationIncomplete' })
    expect(error?.message).toMatch(
      /DeleteAigcApiToken .*UnauthorizedOperation.*grant the caller this action in Tencent CAM/,
    )
    expect(rotate.log().at(-1)).toMatchObject({ level: 'error', outcome: 'failed', good: 0 })
    expect(simulator.vod.list(subAppId)).toContain(old)
  })

  it.each(['lost-answer', 'hang'] as const)('finds its token where the answer meets a %s', async (kind) => {
    const mirror = start('mirror-tokens')
    const rotate = start('rotate-tokens', { AIGC_TIMEOUT_MS: '500' })
    await mirror.invoke({})
    simulator.fail({ kind }, 1, 'CreateAigcApiToken')
    expect(await step(rotate, { Now: true })).toBe('failed create intent')
    pass(91_000)
    await mirror.invoke({})
    expect(await step(rotate)).toBe('waiting wait intent')
    pass(2_000)
    // A hanging simulator has done nothing.
    expect(await step(rotate)).toBe(kind === 'hang' ? 'advanced note idle' : 'advanced note warming')
    expect(simulator.calls.filter(({ action }) => action === 'CreateAigcApiToken')).toHaveLength(1)
  })

  it('leaves alone what is not its record', async () => {
    writeFileSync(join(folder, 'record.json'), 'CANARY-somebody-elses-password')
    const rotate = start('rotate-tokens')
    const { error } = await rotate.invoke({ Now: true })
    expect(error?.message).toMatch(/it holds something else than the record of a rotation/)
    expect(read('record.json')).toBe('CANARY-somebody-elses-password')
    expect(rotate.output() + error?.message).not.toContain('CANARY')
    expect(simulator.vod.list(subAppId)).toEqual([old])
  })

  it.each<[string, object, RegExp]>([
    ['HTTP', recorded('http-api-v2.json'), /the event is an HTTP request/],
    ['two orders', { Now: true, Abort: true }, /"Now" and "Abort" exclude each other/],
    ['a token for its name', { Retire: old }, /must be the fingerprint of a token/],
    ['a confirmation of nothing', { Confirm: 'a'.repeat(64) }, /"Confirm" confirms a "Retire"/],
    ['half a digest', { Retire: 'a'.repeat(16), Confirm: 'a' }, /must be the Digest of a plan/],
    [
      'a dry confirmation',
      { Retire: 'a'.repeat(16), Confirm: 'a'.repeat(64), DryRun: true },
      /exclude each other/,
    ],
    ['an unknown field', { Force: true }, /"Force" is not a known field; this function takes "SubAppId"/],
    ['another application', { SubAppId: 7 }, /not one of AIGC_SUB_APP_IDS/],
  ])('refuses %s', async (_, event, reason) => {
    const { error } = await start('rotate-tokens').invoke(event)
    expect(error?.message).toMatch(reason)
    expect(error?.message).not.toContain('CANARY')
    expect(simulator.calls).toEqual([])
  })

  it('says which setting it lacks', async () => {
    const { error } = await start('rotate-tokens', { AIGC_ROTATION_STATE: '' }).invoke({})
    expect(error).toMatchObject({
      name: 'ConfigInvalid',
      message: expect.stringContaining('AIGC_ROTATION_STATE'),
    })
  })
})

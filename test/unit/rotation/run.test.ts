import { describe, expect, it } from 'vitest'
import { type Config, parseConfig } from '../../../lib/config.ts'
import { fingerprint } from '../../../lib/digest.ts'
import { StoreError, TencentError } from '../../../lib/errors.ts'
import { runMirror } from '../../../lib/mirror/run.ts'
import type { RotationRequest } from '../../../lib/rotation/plan.ts'
import {
  type RotationOutcome,
  type RotationReport,
  rotationError,
  summarizeRotation,
} from '../../../lib/rotation/report.ts'
import { type RotationDependencies, runRotation } from '../../../lib/rotation/run.ts'
import { storeKinds } from '../../../lib/stores/index.ts'
import { parseRecord } from '../../../lib/stores/record.ts'
import { isStill, overtaken, type Reading, type Store } from '../../../lib/stores/store.ts'
import type { ChangeTokens } from '../../../lib/tencent/vod.ts'
import { mirrored } from '../../support/documents.ts'
import { timeOf } from '../../support/time-of.ts'

const config: Config = parseConfig(
  {
    AIGC_SECRET_ID: 'id',
    AIGC_SECRET_KEY: 'key',
    AIGC_SUB_APP_IDS: '7',
    AIGC_MIRROR_TARGETS: 'file:a file:b',
    AIGC_ROTATION_STATE: 'file:record',
    AIGC_ROTATE_EVERY_DAYS: '30',
    AIGC_ROTATION_MAY_DELETE: 'true',
  },
  storeKinds,
)
const hourMs = 3_600_000
const [old, fresh] = ['token-in-use', 'token-that-is-new'].map(fingerprint)

interface Own {
  extInfo: string
  quota: number | null
}

function lost(action: string): TencentError {
  const call = { action, requestId: null, attempts: 1, retryable: true }
  return new TencentError('ClientError.NetworkError', `${action}: no answer`, call)
}

function refusedBy(action: string, code = 'UnauthorizedOperation', retryable = false): TencentError {
  return new TencentError(code, `${action}: ${code}`, { action, requestId: null, attempts: 1, retryable })
}

function down(attempt: string, uri: string): StoreError {
  return new StoreError('Down', `${attempt} ${uri}: down`, uri)
}

/** One application with one token in two targets, and a clock that the test moves. */
function world(settings: Partial<Config['rotation']> = {}) {
  let now = Date.UTC(2026, 2, 10)
  /** By how much the calendar of this machine is ahead. */
  let ahead = 0
  const tokens = new Map<string, Own>([['token-in-use', { extInfo: '', quota: null }]])
  const values = new Map<string, string>([
    ['file:a', mirrored(['token-in-use'])],
    ['file:b', mirrored(['token-in-use'])],
  ])
  const calls: string[] = []
  /** What goes wrong, once each: before anything is done, or after it. */
  const before = new Map<string, Error>()
  const after = new Map<string, Error>()
  /** What does not answer until it is taken out. */
  const down = new Set<string>()
  /** What does not answer before the time is up. */
  const hung = new Set<string>()
  const timers = new Set<() => void>()
  /** What happens elsewhere when a call begins, once each. */
  const meanwhile = new Map<string, () => void>()
  /** What a list tells otherwise. */
  const listing: { extInfos?: null; extInfosDropped?: boolean } = {}
  const meet = async <T>(name: string, work: () => T): Promise<T> => {
    calls.push(name)
    const elsewhere = meanwhile.get(name)
    meanwhile.delete(name)
    elsewhere?.()
    if (hung.has(name)) {
      for (const strike of timers) strike()
      return new Promise(() => {})
    }
    const [early, late] = [before.get(name), after.get(name)]
    before.delete(name)
    if (early) throw early
    if (down.has(name)) throw new StoreError('Down', `${name}: down`, name)
    const result = work()
    after.delete(name)
    if (late) throw late
    return result
  }
  const own = (token: string): Own => {
    const found = tokens.get(token)
    if (!found) throw refusedBy('changing', 'InvalidParameterValue')
    return found
  }
  const alter = (token: string, more: Partial<Own>): void => {
    tokens.set(token, { ...own(token), ...more })
  }
  const change: ChangeTokens = {
    create: () =>
      meet('create', () => {
        tokens.set('token-that-is-new', { extInfo: '', quota: null })
        return 'token-that-is-new'
      }),
    remove: (_, token) => meet('remove', () => void tokens.delete(token)),
    setExtInfo: (_, token, extInfo) => meet('setExtInfo', () => alter(token, { extInfo })),
    textQuota: (_, token) => meet('textQuota', () => own(token).quota),
    setTextQuota: (_, token, { limit, has }) =>
      meet(has ? 'modifyQuota' : 'createQuota', () => alter(token, { quota: limit })),
  }
  const deps: RotationDependencies = {
    ...timeOf(() => now, {
      now: () => now + ahead,
      after(_, work) {
        timers.add(work)
        return () => timers.delete(work)
      },
    }),
    change,
    newIntent: () => `intent-${now}`,
    list: () =>
      meet('list', () => ({
        apiTokens: [...tokens.keys()],
        extInfos: [...tokens.values()].map(({ extInfo }) => extInfo),
        extInfosDropped: false,
        requestId: null,
        pick: null,
        answeredAt: now,
        ...listing,
      })),
    openStore: (target): Store => {
      const look = (): Reading => {
        const value = values.get(target.uri)
        return value === undefined ? { state: 'absent' } : { state: 'value', marked: true, value }
      }
      return {
        mostBytes: 65_536,
        hasMark: true,
        read: () => meet(`read ${target.uri}`, look),
        write: (value, seen) =>
          meet(`write ${target.uri}`, () => {
            if (!isStill(look(), seen)) throw overtaken(target)
            values.set(target.uri, value)
          }),
      }
    },
  }
  const used: Config = { ...config, rotation: { ...config.rotation, ...settings } }
  const [mirror] = used.mirrors
  const [record] = used.rotation.records
  if (!mirror || !record) throw new Error('no application')
  const run = (request: RotationRequest = { kind: 'next' }, dryRun = false): Promise<RotationReport> => {
    const rotations = [{ mirror: { ...mirror, subAppId: 7 }, record: record.target }]
    return runRotation({ rotations, request, dryRun, deadline: now + 180_000 }, used, deps)
  }
  return {
    tokens,
    alter,
    values,
    calls,
    before,
    after,
    down,
    hung,
    meanwhile,
    listing,
    deps,
    run,
    pass: (ms: number): void => {
      now += ms
    },
    /** The calendar alone goes on, or back. */
    jump: (ms: number): void => {
      ahead += ms
    },
    mirror: () =>
      runMirror(
        { mirrors: [mirror], dryRun: false, confirm: null, promote: null, deadline: now + 180_000 },
        used,
        deps,
      ),
    recordNow: () => parseRecord(values.get('file:record') ?? ''),
    picks: () => ['file:a', 'file:b'].map((uri) => JSON.parse(values.get(uri) ?? '').ApiToken),
    /** A run, and what it says in short. */
    async step(request?: RotationRequest): Promise<string> {
      const [result] = (await run(request)).Results
      return `${result?.Outcome} ${result?.Step} ${result?.Phase}`
    },
  }
}

/** Until the new token is listed, mirrored and warm, and both have what is given. */
async function warmWorld(limits: readonly Partial<Own>[] = [], settings: Partial<Config['rotation']> = {}) {
  const made = world(settings)
  await made.step({ kind: 'now' })
  await made.step()
  await made.mirror()
  made.pass(300_000)
  made.alter('token-in-use', limits[0] ?? {})
  made.alter('token-that-is-new', limits[1] ?? {})
  made.calls.length = 0
  return made
}

/** Until the new token is in use and the old one is still there. */
async function promotedWorld(settings: Partial<Config['rotation']> = {}) {
  const made = await warmWorld([], settings)
  expect(await made.step()).toBe('advanced promote promoted')
  return made
}

/** Until the old one is about to be deleted. */
async function retiringWorld() {
  const made = await promotedWorld()
  made.pass(24 * hourMs)
  expect(await made.step()).toBe('advanced note retiring')
  made.calls.length = 0
  return made
}

describe('runRotation', () => {
  it('replaces a token, a step a run', async () => {
    const { step, mirror, pass, picks, tokens } = world()
    expect(await step()).toBe('advanced note idle')
    pass(30 * 24 * hourMs - 1)
    expect(await step()).toBe('waiting wait idle')
    pass(1)
    expect(await step()).toBe('advanced create intent')
    expect(await step()).toBe('advanced note warming')
    expect(await step()).toBe('waiting wait warming')
    await mirror()
    expect(await step()).toBe('waiting wait warming')
    pass(300_000)
    expect(picks()).toEqual(['token-in-use', 'token-in-use'])
    expect(await step()).toBe('advanced promote promoted')
    expect(picks()).toEqual(['token-that-is-new', 'token-that-is-new'])
    pass(24 * hourMs)
    expect(await step()).toBe('advanced note retiring')
    expect(await step()).toBe('advanced delete retiring')
    expect([...tokens.keys()]).toEqual(['token-that-is-new'])
    expect(await step()).toBe('waiting wait retiring')
    pass(60_000)
    expect(await step()).toBe('advanced note idle')
    expect(await step()).toBe('waiting wait idle')
  })

  it('deletes nothing where it may not, and tells a person', async () => {
    const { step, run, pass, calls, tokens } = await promotedWorld({ mayDelete: false })
    pass(24 * hourMs)
    expect(await step()).toBe('advanced note retiring')
    const told = await run()
    expect(told.Results).toMatchObject([{ Outcome: 'waiting', Delete: old, Remind: true }])
    expect(summarizeRotation(told)).toMatchObject({ outcome: 'waiting', waiting: 1, remind: true })
    expect((await run()).Results).toMatchObject([{ Delete: old, Remind: false }])
    pass(24 * hourMs)
    expect((await run()).Results).toMatchObject([{ Delete: old, Remind: true, Stuck: false }])
    pass(7 * 24 * hourMs)
    expect((await run()).Results).toMatchObject([{ Stuck: true }])
    expect(calls).not.toContain('remove')
    tokens.delete('token-in-use')
    await step()
    pass(60_000)
    expect(await step()).toBe('advanced note idle')
  })

  it('gives the new token the limits of the old one before anybody uses it', async () => {
    const { step, mirror, pass, tokens, calls, alter } = world()
    tokens.set('token-in-use', { extInfo: '{"ip":{"192.0.2.1":true},"a":1}', quota: 500 })
    await step({ kind: 'now' })
    await step()
    await mirror()
    pass(300_000)
    expect(await step()).toBe('advanced copy warming')
    expect(tokens.get('token-that-is-new')).toEqual(tokens.get('token-in-use'))
    expect(calls).toContain('createQuota')
    expect(await step()).toBe('waiting wait warming')
    pass(300_000)
    alter('token-that-is-new', { extInfo: '{"a":1, "ip":{"192.0.2.1":true}}' })
    expect(await step()).toBe('advanced promote promoted')
  })

  it('changes a quota that is there', async () => {
    const { step, tokens, calls, alter } = world()
    tokens.set('token-in-use', { extInfo: '', quota: 500 })
    await step({ kind: 'now' })
    alter('token-that-is-new', { quota: 400 })
    await step()
    expect(await step()).toBe('advanced copy warming')
    expect(calls).toContain('modifyQuota')
    expect(calls).not.toContain('setExtInfo')
  })

  it('holds where limits cannot be read', async () => {
    const { step, run, before } = world()
    await step({ kind: 'now' })
    await step()
    before.set('textQuota', refusedBy('DescribeAigcQuotas'))
    const report = await run()
    expect(report.Results).toMatchObject([
      { Outcome: 'held', Reason: expect.stringContaining('DescribeAigcQuotas: UnauthorizedOperation') },
    ])
    expect(rotationError(report)).toMatchObject({ code: 'RotationIncomplete' })
  })

  it('finds a token whose answer was lost, and creates no second one', async () => {
    const { step, run, after, pass, calls } = world()
    after.set('create', lost('CreateAigcApiToken'))
    const report = await run({ kind: 'now' })
    expect(report.Results).toMatchObject([
      { Outcome: 'failed', Phase: 'intent', Reason: expect.stringMatching(/a later run goes on from there/) },
    ])
    expect(await step()).toBe('waiting wait intent')
    pass(90_000)
    expect(await step()).toBe('waiting wait intent')
    pass(60_000)
    expect(await step()).toBe('advanced note warming')
    expect(calls.filter((call) => call === 'create')).toHaveLength(1)
  })

  it('is idle again where none came of it', async () => {
    const { step, run, before, pass, recordNow } = world()
    before.set('create', lost('CreateAigcApiToken'))
    await run({ kind: 'now' })
    pass(90_000)
    expect(await step()).toBe('waiting wait intent')
    pass(60_000)
    expect(await step()).toBe('advanced note idle')
    expect(recordNow()).toMatchObject({ failures: 1, old: null })
  })

  it('is idle at once where Tencent refuses', async () => {
    const { run, before, recordNow } = world()
    before.set('create', refusedBy('CreateAigcApiToken', 'LimitExceeded'))
    const report = await run({ kind: 'now' })
    expect(report.Results).toMatchObject([{ Outcome: 'failed', Phase: 'idle' }])
    expect(rotationError(report)?.message).toMatch(
      /^Rotating: 1 of 1 applications did not go on, such as 7 \(failed: /,
    )
    expect(recordNow()).toMatchObject({ phase: 'idle', failures: 1 })
  })

  it('creates nothing where its intent was not written, or another run wrote its own', async () => {
    for (const broken of ['before', 'after'] as const) {
      const { run, calls, [broken]: faults } = world()
      faults.set('write file:record', new StoreError('Down', 'Writing file:record: down', 'file:record'))
      expect((await run({ kind: 'now' })).Results).toMatchObject([{ Outcome: 'failed' }])
      expect(calls).not.toContain('create')
    }
    const { run, calls, deps, values } = world()
    const { openStore } = deps
    Object.assign(deps, {
      openStore: (target: Parameters<typeof openStore>[0]): Store => {
        const store = openStore(target)
        const write: Store['write'] = async (...given) => {
          await store.write(...given)
          if (target.uri === 'file:record') values.set(target.uri, given[0].replace('intent-', 'another-'))
        }
        return { ...store, write }
      },
    })
    expect((await run({ kind: 'now' })).Results).toMatchObject([
      { Outcome: 'failed', Reason: expect.stringMatching(/somebody else changed it/) },
    ])
    expect(calls).not.toContain('create')
  })

  it('touches no record that is not its own', async () => {
    const { run, values, calls } = world()
    values.set('file:record', 'a password')
    expect((await run({ kind: 'now' })).Results).toMatchObject([
      {
        Outcome: 'held',
        Reason: expect.stringMatching(/^file:record: it carries the mark of a rotation, and holds no/),
      },
    ])
    expect(calls).toEqual(['read file:record'])
  })

  it('goes on with a promotion that a target did not take', async () => {
    const { step, mirror, pass, before, picks, recordNow } = world()
    await step({ kind: 'now' })
    await step()
    await mirror()
    pass(300_000)
    before.set('write file:b', new StoreError('Down', 'Writing file:b: down', 'file:b'))
    expect(await step()).toBe('failed promote warming')
    expect(recordNow()).toMatchObject({ doing: 'promote' })
    expect(picks()).toEqual(['token-that-is-new', 'token-in-use'])
    expect(await step()).toBe('advanced promote promoted')
    expect(picks()).toEqual(['token-that-is-new', 'token-that-is-new'])
  })

  it('rolls back, and names the token that is left over', async () => {
    const { run, step, picks, pass } = await promotedWorld()
    const report = await run({ kind: 'rollback' })
    expect(report.Results).toMatchObject([
      { Outcome: 'advanced', Phase: 'idle', Leftovers: [{ Fingerprint: fresh }] },
    ])
    expect(picks()).toEqual(['token-in-use', 'token-in-use'])
    pass(48 * hourMs)
    expect(await step()).toBe('waiting wait idle')
  })

  it('remembers a rollback that a target keeps it from, and moves all together', async () => {
    const { step, picks, down, recordNow } = await promotedWorld()
    down.add('read file:a')
    expect(await step({ kind: 'rollback' })).toBe('failed promote promoted')
    expect(recordNow()).toMatchObject({ doing: 'rollback' })
    down.clear()
    expect(picks()).toEqual(['token-that-is-new', 'token-that-is-new'])
    expect(await step()).toBe('advanced promote idle')
    expect(picks()).toEqual(['token-in-use', 'token-in-use'])
  })

  it('says that a deletion was refused, every time', async () => {
    const { step, run, before, pass, recordNow, tokens } = await promotedWorld()
    pass(24 * hourMs)
    await step()
    for (let times = 0; times < 2; times++) {
      before.set('remove', refusedBy('DeleteAigcApiToken'))
      const report = await run()
      expect(report.Results).toMatchObject([{ Outcome: 'failed', Phase: 'retiring' }])
      expect(recordNow()).toMatchObject({ phase: 'retiring', doing: null })
    }
    expect(await step()).toBe('advanced delete retiring')
    expect(tokens.size).toBe(1)
  })

  it('says in the record that it deletes before it does', async () => {
    const { step, pass, deps, recordNow } = await promotedWorld()
    pass(24 * hourMs)
    await step()
    const { remove } = deps.change
    const said: unknown[] = []
    const watched: typeof remove = (...given) => {
      said.push(recordNow()?.doing)
      return remove(...given)
    }
    Object.assign(deps.change, { remove: watched })
    expect(await step()).toBe('advanced delete retiring')
    expect(said).toEqual(['delete'])
  })

  it('looks again before it deletes', async () => {
    const { step, run, pass, deps, values, calls, recordNow } = await promotedWorld()
    pass(24 * hourMs)
    await step()
    // Somebody moves consumers back between the first look and the deletion.
    const { list } = deps
    let looks = 0
    const moveBack: typeof list = async (...given) => {
      if (++looks === 2) values.set('file:a', mirrored(['token-in-use', 'token-that-is-new']))
      return list(...given)
    }
    Object.assign(deps, { list: moveBack })
    expect((await run()).Results).toMatchObject([
      { Outcome: 'failed', Reason: expect.stringMatching(/file:a names .*, so it was left/) },
    ])
    expect(calls).not.toContain('remove')
    expect(recordNow()).toMatchObject({ phase: 'promoted', doing: 'promote' })
  })

  it('deletes one token at once, when that was confirmed', async () => {
    const { run, tokens, mirror, recordNow } = world()
    tokens.set('leaked-token', { extInfo: '', quota: null })
    await mirror()
    const token = fingerprint('leaked-token')
    const [plan] = (await run({ kind: 'retire', token, confirm: null })).Results
    expect(plan).toMatchObject({ Outcome: 'would-advance', Step: 'ask' })
    expect(tokens.size).toBe(2)
    const done = await run({ kind: 'retire', token, confirm: plan?.Digest ?? '' })
    expect(done.Results).toMatchObject([{ Outcome: 'advanced', Step: 'delete' }])
    expect([...tokens.keys()]).toEqual(['token-in-use'])
    expect(recordNow()).toBeNull()
  })

  it('fails where the answer has no date', async () => {
    const { run, deps } = world()
    const { list } = deps
    const undated: typeof list = async (...given) => {
      const { answeredAt: _, ...listed } = await list(...given)
      return listed
    }
    Object.assign(deps, { list: undated })
    expect((await run()).Results).toMatchObject([
      { Outcome: 'failed', Reason: expect.stringMatching(/the answer has no Date/) },
    ])
  })

  it('changes nothing in a dry run, and never says a token', async () => {
    const made = world()
    const said: string[] = []
    for (let runs = 0; runs < 12; runs++) {
      const held = new Map(made.values)
      const dry = await made.run(runs === 0 ? { kind: 'now' } : { kind: 'next' }, true)
      expect(dry.Results).toMatchObject([{ Outcome: expect.stringMatching(/^would-/) }])
      expect(new Map(made.values)).toEqual(held)
      said.push(JSON.stringify([dry, await made.run(runs === 0 ? { kind: 'now' } : { kind: 'next' })]))
      said.push(made.values.get('file:record') ?? '')
      await made.mirror()
      made.pass(hourMs * 3)
    }
    expect(made.tokens.size).toBe(1)
    for (const token of ['token-in-use', 'token-that-is-new']) expect(said.join()).not.toContain(token)
  })

  it('refuses what cannot be done now, and says that it is no failure of the rotation', async () => {
    const { run } = world()
    const report = await run({ kind: 'rollback' })
    expect(report.Results).toMatchObject([{ Outcome: 'refused', Step: 'refuse', Phase: null, Leftovers: [] }])
    expect(rotationError(report)).toMatchObject({ code: 'RotationRefused', name: 'RotationRefused' })
  })
})

describe('runRotation of tokens with limits', () => {
  const changes = (calls: readonly string[]): readonly string[] =>
    calls.filter((call) => /^(set|create|modify)/.test(call))

  it.each<[string, Partial<Own>, Partial<Own>, RegExp, readonly string[]]>([
    [
      'both',
      { extInfo: '{"a":1}', quota: 500 },
      {},
      /: its ExtInfo and its text quota$/,
      ['setExtInfo', 'createQuota'],
    ],
    ['a quota alone', { quota: 500 }, { quota: 400 }, /: its text quota$/, ['modifyQuota']],
    [
      'an ExtInfo alone',
      { extInfo: '{"a":1}', quota: 500 },
      { quota: 500 },
      /: its ExtInfo$/,
      ['setExtInfo'],
    ],
    [
      'another ExtInfo, and leaves a quota that the old one lacks',
      { extInfo: '{"a":1}' },
      { extInfo: '{"a":2}', quota: 400 },
      /: its ExtInfo$/,
      ['setExtInfo'],
    ],
    [
      'a list that is no object',
      { extInfo: '{"a":["x"]}' },
      { extInfo: '{"a":{"0":"x"}}' },
      /: its ExtInfo$/,
      ['setExtInfo'],
    ],
    ['what is no JSON', { extInfo: 'on' }, { extInfo: 'off' }, /: its ExtInfo$/, ['setExtInfo']],
    ['nothing in place of something', {}, { extInfo: '{"a":1}' }, /: its ExtInfo$/, ['setExtInfo']],
  ])('copies %s', async (_, given, own, expected, changed) => {
    const { run, tokens, calls } = await warmWorld([given, own])
    expect((await run()).Results).toMatchObject([
      { Outcome: 'advanced', Step: 'copy', Reason: expect.stringMatching(expected) },
    ])
    expect(changes(calls)).toEqual(changed)
    expect(tokens.get('token-that-is-new')).toEqual({
      extInfo: changed.includes('setExtInfo') ? (given.extInfo ?? '{}') : '',
      quota: given.quota ?? own.quota ?? null,
    })
  })

  it.each<[string, Partial<Own>, Partial<Own>]>([
    ['an ExtInfo with nothing in it', {}, { extInfo: '{}' }],
    [
      'what is said in another order',
      { extInfo: '{"a":1,"b":{"c":[1,null,"x"],"d":null}}' },
      { extInfo: '{"b":{"d":null, "c":[1,null,"x"]}, "a":1}' },
    ],
    ['a quota that the old one lacks', {}, { quota: 400 }],
  ])('copies nothing for %s', async (_, given, own) => {
    const { step, calls } = await warmWorld([given, own])
    expect(await step()).toBe('advanced promote promoted')
    expect(changes(calls)).toEqual([])
  })

  it('takes a list without ExtInfos for one of tokens that have none', async () => {
    const { step, listing } = await warmWorld()
    Object.assign(listing, { extInfos: null })
    expect(await step()).toBe('advanced promote promoted')
  })

  it('holds where ExtInfos do not tell whose they are', async () => {
    const { run, listing } = await warmWorld()
    Object.assign(listing, { extInfos: null, extInfosDropped: true })
    expect((await run()).Results).toMatchObject([
      { Outcome: 'held', Reason: expect.stringMatching(/ExtInfos that do not fit/) },
    ])
  })

  it.each<[string, (made: Awaited<ReturnType<typeof warmWorld>>) => void]>([
    ['the old token', ({ tokens }) => tokens.delete('token-in-use')],
    ['the new token', ({ tokens }) => tokens.delete('token-that-is-new')],
    ['their ExtInfos', ({ listing }) => Object.assign(listing, { extInfos: null, extInfosDropped: true })],
  ])('copies nothing where the list lacks %s by then', async (_, elsewhere) => {
    const made = await warmWorld([{ extInfo: '{"a":1}', quota: 500 }])
    made.meanwhile.set('write file:record', () => elsewhere(made))
    expect((await made.run()).Results).toMatchObject([
      { Outcome: 'failed', Reason: expect.stringMatching(/no longer lists both tokens/) },
    ])
    expect(changes(made.calls)).toEqual([])
  })
})

describe('runRotation where something goes wrong', () => {
  it.each<[string, RegExp]>([
    ['list', /^Listing the tokens: no answer in time/],
    ['read file:record', /^Reading file:record: no answer in time/],
    ['write file:record', /^Writing file:record: no answer in time/],
    ['create', /^Creating a token: no answer in time.*a later run goes on from there/],
    ['textQuota', /: Reading the text quota: no answer in time/],
    ['setExtInfo', /^Copying ExtInfo: no answer in time/],
    ['createQuota', /^Copying the text quota: no answer in time/],
    ['remove', /^Deleting [\da-f]{16}: no answer in time/],
  ])('says what took too long: %s', async (call, expected) => {
    const { run, hung, tokens, mirror, pass } = world()
    tokens.set('token-in-use', { extInfo: '{"a":1}', quota: 500 })
    hung.add(call)
    let [result] = (await run({ kind: 'now' })).Results
    for (let runs = 0; runs < 12 && result && !['failed', 'held'].includes(result.Outcome); runs++) {
      await mirror()
      pass(hourMs * 3)
      ;[result] = (await run()).Results
    }
    expect(result?.Reason).toMatch(expected)
  })

  it('says so of the look at what it has written', async () => {
    const { run, hung, meanwhile } = world()
    meanwhile.set('write file:record', () => hung.add('read file:record'))
    expect((await run()).Results).toMatchObject([
      { Outcome: 'failed', Reason: expect.stringMatching(/^Reading file:record: no answer in time/) },
    ])
  })

  it.each<[string, Error, RotationRequest['kind'] & ('next' | 'now'), RegExp]>([
    ['list', lost('DescribeAigcApiTokens'), 'next', /: no answer$/],
    ['write file:record', down('Writing', 'file:record'), 'next', /: down$/],
    ['create', refusedBy('CreateAigcApiToken'), 'now', /Operation, while a token is created that/],
  ])('says what it was about to do, if it knew: %s', async (call, error, kind, expected) => {
    const { run, before } = world()
    before.set(call, error)
    expect((await run({ kind })).Results).toMatchObject([
      { Outcome: 'failed', Reason: expect.stringMatching(expected) },
    ])
  })

  it.each<[string, Error]>([
    ['no answer came', lost('CreateAigcApiToken')],
    ['an answer could not be used', refusedBy('CreateAigcApiToken', 'ClientError.MalformedAnswer')],
    ['Tencent refused for now', refusedBy('CreateAigcApiToken', 'InternalError', true)],
    ['it is not known what failed', new Error('odd')],
  ])('takes it for open whether a token was created where %s', async (_, error) => {
    const { run, before } = world()
    before.set('create', error)
    expect((await run({ kind: 'now' })).Results).toMatchObject([
      { Outcome: 'failed', Phase: 'intent', Reason: expect.stringMatching(/shows when Tencent lists it/) },
    ])
  })

  it('says which token it has created', async () => {
    const [result] = (await world().run({ kind: 'now' })).Results
    expect(result?.Reason).toMatch(new RegExp(`^${fresh} was created and takes the place of ${old}`))
  })

  it('writes nothing that the record says already', async () => {
    const { step, before, calls } = await warmWorld()
    before.set('write file:b', down('Writing', 'file:b'))
    expect(await step()).toBe('failed promote warming')
    calls.length = 0
    expect(await step()).toBe('advanced promote promoted')
    expect(calls.filter((call) => call === 'write file:record')).toHaveLength(1)
  })

  it('keeps down that it deletes where no answer came', async () => {
    const { step, before, recordNow } = await retiringWorld()
    before.set('remove', lost('DeleteAigcApiToken'))
    expect(await step()).toBe('failed delete retiring')
    expect(recordNow()).toMatchObject({ doing: 'delete' })
  })

  it('waits where what it was to delete is gone', async () => {
    const { run, tokens, meanwhile, calls } = await retiringWorld()
    meanwhile.set('write file:record', () => tokens.delete('token-in-use'))
    expect((await run()).Results).toMatchObject([
      { Outcome: 'waiting', Step: 'wait', Reason: expect.stringMatching(`does not list ${old}; a second`) },
    ])
    expect(calls).not.toContain('remove')
  })

  it.each<[string, (made: ReturnType<typeof world>) => void, RegExp]>([
    [
      'a target names by then',
      ({ meanwhile, values }) => {
        // After the first look at both.
        meanwhile.set('read file:b', () => {
          values.set('file:a', mirrored(['leaked-token', 'token-in-use']))
        })
      },
      /file:a names .*, so it was left/,
    ],
    [
      'Tencent does not delete',
      ({ before }) => before.set('remove', refusedBy('DeleteAigcApiToken')),
      /^DeleteAigcApiToken: UnauthorizedOperation/,
    ],
  ])('leaves a token that is to go at once where it is one that %s', async (_, elsewhere, expected) => {
    const made = world()
    made.tokens.set('leaked-token', { extInfo: '', quota: null })
    await made.mirror()
    const retire = { kind: 'retire', token: fingerprint('leaked-token') } as const
    const [plan] = (await made.run({ ...retire, confirm: null })).Results
    elsewhere(made)
    expect((await made.run({ ...retire, confirm: plan?.Digest ?? '' })).Results).toMatchObject([
      { Outcome: 'failed', Step: 'delete', Phase: null, Reason: expect.stringMatching(expected) },
    ])
    expect(made.tokens.size).toBe(2)
    expect(made.recordNow()).toBeNull()
  })
})

describe('runRotation in a dry run', () => {
  it('says what a run would do', async () => {
    const outcome = async ({ run }: ReturnType<typeof world>, kind: 'next' | 'rollback' = 'next') =>
      (await run({ kind }, true)).Results[0]?.Outcome
    const held = await warmWorld()
    held.before.set('textQuota', refusedBy('DescribeAigcQuotas'))
    expect(await outcome(held)).toBe('would-hold')
    expect(await outcome(world(), 'rollback')).toBe('would-refuse')
    const copying = await warmWorld([{ quota: 500 }])
    expect(await outcome(copying)).toBe('would-advance')
    expect(copying.calls).not.toContain('createQuota')
  })
})

describe('runRotation and the clocks', () => {
  it('keeps down when consumers were moved, and not when it began', async () => {
    const { step, pass, meanwhile, deps, recordNow } = await warmWorld()
    const slowly = (): unknown => meanwhile.set('write file:b', () => pass(5000))
    const now = () => ({ own: deps.now(), tencent: deps.now() })
    slowly()
    expect(await step()).toBe('advanced promote promoted')
    const rotated = now()
    expect(recordNow()).toMatchObject({ since: rotated, rotated })
    pass(hourMs)
    slowly()
    expect(await step({ kind: 'rollback' })).toBe('advanced promote idle')
    expect(recordNow()).toMatchObject({ since: now(), rotated })
  })

  type Made = Awaited<ReturnType<typeof warmWorld>>
  /** What happens at the first of `second` after `first`. */
  const then = ({ meanwhile }: Made, [first, second]: readonly string[], work: () => void): void => {
    meanwhile.set(first ?? '', second === undefined ? work : () => meanwhile.set(second, work))
  }
  const rows: readonly [string, () => Promise<Made>, readonly string[], string][] = [
    ['writes no record', warmWorld, ['textQuota'], 'write file:record'],
    [
      'creates nothing',
      async () => {
        const made = world()
        await made.step()
        made.pass(30 * 24 * hourMs)
        return made
      },
      ['write file:record'],
      'create',
    ],
    ['moves nobody', warmWorld, ['write file:record'], 'write file:a'],
    ['writes no target', warmWorld, ['write file:record', 'read file:b'], 'write file:a'],
    [
      'copies nothing',
      () => warmWorld([{ extInfo: '{"a":1}' }]),
      ['write file:record', 'read file:b'],
      'setExtInfo',
    ],
    ['deletes nothing', retiringWorld, ['write file:record', 'read file:b'], 'remove'],
  ]

  it.each(rows)('%s once the calendar has jumped', async (_, make, moment, left) => {
    for (const ms of [60_001, -60_001]) {
      const made = await make()
      then(made, moment, () => made.jump(ms))
      made.calls.length = 0
      expect((await made.run()).Results).toMatchObject([
        { Outcome: 'failed', Reason: expect.stringMatching(/stood still, or the clock .* was set/) },
      ])
      expect(made.calls).not.toContain(left)
    }
  })

  it('goes on where it differs by a minute, and where a run takes long by both', async () => {
    for (const [ahead, ms] of [
      [60_000, 0],
      [-60_000, 0],
      [0, 40_000],
    ] as const) {
      const { step, meanwhile, jump, pass } = await warmWorld()
      meanwhile.set('textQuota', () => {
        jump(ahead)
        pass(ms)
      })
      expect(await step()).toBe('advanced promote promoted')
    }
  })
})

describe('summarizeRotation', () => {
  it('calls a run as the worst of its applications, and says why that is', async () => {
    const [result] = (await world().run()).Results
    if (!result) throw new Error('no result')
    const fromGood: readonly RotationOutcome[] = [
      'would-wait',
      'waiting',
      'would-advance',
      'advanced',
      'would-refuse',
      'would-hold',
      'refused',
      'held',
      'failed',
    ]
    const Results = fromGood.map((Outcome) => ({ ...result, Outcome, Reason: `why ${Outcome}` }))
    for (const [index, outcome] of fromGood.entries())
      expect(summarizeRotation({ Results: Results.slice(0, index + 1) })).toMatchObject({
        outcome,
        reason: `why ${outcome}`,
      })
  })

  it('takes a run of no application for one that waits', () => {
    expect(summarizeRotation({ Results: [] })).toMatchObject({ outcome: 'waiting', reason: '' })
  })
})

import { describe, expect, it } from 'vitest'
import { fingerprint, sha256Hex } from '../../../lib/digest.ts'
import { StoreError, TencentError } from '../../../lib/errors.ts'
import {
  MirrorError,
  type MirrorReport,
  type Outcome,
  reportError,
  summarize,
} from '../../../lib/mirror/report.ts'
import { type MirrorRequest, runMirror } from '../../../lib/mirror/run.ts'
import { versionId } from '../../../lib/stores/document.ts'
import { isStill, overtaken, type Reading, type Store, type Target } from '../../../lib/stores/store.ts'
import type { Mirror } from '../../../lib/stores/target.ts'
import { mirrored } from '../../support/documents.ts'
import { listOf } from '../../support/list-of.ts'
import { timeOf } from '../../support/time-of.ts'

type Listing = readonly string[] | Error

/** Virtual time, lists by script (the last one for ever), and stores in memory that count their writes. */
function world(lists: Record<string, Listing[]>, targets: Record<string, Reading | Error>) {
  let now = 0
  const asked: string[] = []
  /** Until when each list might take. */
  const deadlines: number[] = []
  const slept: number[] = []
  const writes: string[] = []
  const readings = new Map(Object.entries(targets))
  const failing = new Map<string, Error>()
  const mostBytes = new Map<string, number>()
  /** What somebody else writes while a run writes, one at a time: that write is overtaken. */
  const rivals = new Map<string, (Reading | Error)[]>()
  let onSleep = (): void => {}
  const openStore = (target: Target): Store => ({
    mostBytes: mostBytes.get(target.uri) ?? 65_536,
    hasMark: true,
    async read() {
      const { uri } = target
      const reading = readings.get(uri)
      if (reading instanceof Error || !reading) throw reading
      return reading
    },
    async write(value, seen) {
      const { uri } = target
      const failure = failing.get(uri)
      if (failure) throw failure
      const rival = rivals.get(uri)?.shift()
      if (rival) readings.set(uri, rival)
      const found = readings.get(uri)
      if (!found || found instanceof Error || !isStill(found, seen)) throw overtaken(target)
      writes.push(uri)
      readings.set(uri, { state: 'value', marked: true, value })
    },
  })
  const run = (request: Partial<MirrorRequest> = {}, settings: object = {}): Promise<MirrorReport> =>
    runMirror(
      {
        mirrors: [mirror(7, Object.keys(targets))],
        dryRun: false,
        confirm: null,
        promote: null,
        deadline: now + 180_000,
        ...request,
      },
      {
        site: 'intl',
        settleSeconds: 60,
        minKeep: 0.5,
        timeoutMs: 10_000,
        exclude: new Set(),
        tokenLimit: 45,
        ...settings,
      },
      {
        list: async (subAppId, deadline) => {
          asked.push(`${subAppId}`)
          deadlines.push(deadline - now)
          const script = lists[`${subAppId}`] ?? []
          const listing = script.length > 1 ? script.shift() : script[0]
          if (listing instanceof Error || !listing) throw listing
          return listOf(listing)
        },
        openStore,
        ...timeOf(() => now, {
          sleep: async (ms) => {
            slept.push(ms)
            now += ms
            onSleep()
          },
        }),
      },
    )
  return {
    run,
    asked,
    deadlines,
    slept,
    writes,
    failing,
    mostBytes,
    rivals,
    readings,
    whileAsleep: (work: () => void) => {
      onSleep = work
    },
    value: (uri: string) => {
      const reading = readings.get(uri)
      return reading && !(reading instanceof Error) && reading.state === 'value' ? reading.value : null
    },
  }
}

function mirror(subAppId: number | null, uris: string[]): Mirror {
  return {
    subAppId,
    targets: uris.map((uri) => ({
      uri,
      scheme: 'memory',
      name: uri,
      options: {},
      holds: uri.startsWith('token:') ? 'token' : 'document',
      adopt: uri.includes('adopt'),
    })),
  }
}

function holds(tokens: string[], ApiToken: string | null = tokens[0] ?? null): Reading {
  return { state: 'value', marked: true, value: mirrored(tokens, { ApiToken: ApiToken }) }
}

const outcomes = (report: MirrorReport): string[] => report.Results.map(({ Outcome }) => Outcome)
const throttled = new TencentError('RequestLimitExceeded', 'Listing: RequestLimitExceeded', {
  action: 'DescribeAigcApiTokens',
  requestId: 'r',
  attempts: 3,
  retryable: true,
})

describe('summarize', () => {
  const result = (Outcome: Outcome, index: number, Reason: string | null = null) => ({
    SubAppId: 7,
    Target: `t${index}`,
    Outcome,
    Added: ['x'],
    Removed: index === 0 ? ['y', 'z'] : [],
    Pick: null,
    VersionId: null,
    Reason,
  })
  const Applications = [3, null, 5].map((Listed, i) => ({ SubAppId: i + 7, Listed }))
  const outcomes = (...all: Outcome[]) =>
    summarize({ Digest: '', Applications, Results: all.map((one, i) => result(one, i, `why ${i}`)) })

  it('gives the worst outcome, and the reason of the first target that has it', () => {
    expect(outcomes('held', 'updated', 'failed', 'failed')).toEqual({
      outcome: 'failed',
      reason: 't2 (failed: why 2)',
      held: 1,
      added: 4,
      removed: 2,
      listed: 8,
      // What one list could not say.
      mostListed: null,
      note: null,
    })
    const known = Applications.filter(({ Listed }) => Listed !== null)
    expect(summarize({ Digest: '', Applications: known, Results: [] })).toMatchObject({ mostListed: 5 })
  })

  it('gives all notes as one text', () => {
    const notes = { Digest: '', Applications: [], Results: [], Notes: ['one', 'two'] }
    expect(summarize(notes)).toMatchObject({ note: 'one; two', listed: 0, mostListed: 0 })
  })

  it.each([
    [['unchanged', 'updated'], 'updated', null],
    [['updated', 'created'], 'created', null],
    [['created', 'deferred'], 'deferred', 't1 (deferred: why 1)'],
    [['deferred', 'held'], 'held', 't1 (held: why 1)'],
    [['held', 'refused'], 'refused', 't1 (refused: why 1)'],
    [['refused', 'failed'], 'failed', 't1 (failed: why 1)'],
    [['unchanged'], 'unchanged', null],
    [['unchanged', 'would-update'], 'would-update', 't1 (would-update: why 1)'],
    [['would-update', 'would-create'], 'would-create', 't1 (would-create: why 1)'],
    [['would-create', 'would-hold'], 'would-hold', 't1 (would-hold: why 1)'],
    [['would-hold', 'would-refuse'], 'would-refuse', 't1 (would-refuse: why 1)'],
    [[], 'unchanged', null],
  ] as [Outcome[], Outcome, string | null][])('calls %j %s, because of %j', (all, outcome, reason) => {
    expect(outcomes(...all)).toMatchObject({ outcome, reason })
  })

  it('says nothing where there is no reason', () => {
    expect(summarize({ Digest: '', Applications, Results: [result('would-update', 0)] })).toMatchObject({
      reason: null,
    })
  })
})

describe('runMirror, of a target with a copy that does not follow', () => {
  const lagging = 'the replica in us-east-1 does not follow any more'
  const copied = (tokens: string[]): Reading => ({ ...holds(tokens), lagging }) as Reading

  it.each([
    ['that is in step', ['a'], []],
    ['that is written', ['a', 'b'], ['t']],
  ])('fails one %s, with the reason', async (_, listed, written) => {
    const { run, writes, value } = world({ 7: [listed] }, { t: copied(['a']), other: holds(['a', 'b']) })
    const report = await run()
    expect(report.Results[0]).toMatchObject({ Outcome: 'failed', Reason: lagging })
    expect(reportError(report)?.message).toContain(lagging)
    expect(writes.filter((uri) => uri === 't')).toEqual(written)
    expect(value('t')).toBe(mirrored(listed))
  })

  it('says of one that is deferred as well what to do about that', async () => {
    const { run } = world({ 7: [['a']] }, { t: copied(['a', 'b']) })
    expect(outcomes(await run({ deadline: 30_000 }))).toEqual(['deferred'])
  })

  it('says so of one that is held only after it is held no more', async () => {
    const report = await world({ 7: [[]] }, { t: copied(['a']) }).run()
    expect(report.Results[0]).toMatchObject({
      Outcome: 'held',
      Reason: expect.not.stringContaining('replica'),
    })
  })
})

describe('runMirror', () => {
  it('creates, reports fingerprints and the version, and writes nothing the next time', async () => {
    const { run, writes, slept } = world({ 7: [['b', 'a']] }, { t: { state: 'absent' } })
    const report = await run()
    expect(report.Results).toEqual([
      {
        SubAppId: 7,
        Target: 't',
        Outcome: 'created',
        Added: [fingerprint('a'), fingerprint('b')],
        Removed: [],
        Pick: fingerprint('a'),
        VersionId: versionId(mirrored(['a', 'b'])),
        Reason: null,
      },
    ])
    expect([report.Applications, report.Notes]).toEqual([[{ SubAppId: 7, Listed: 2 }], undefined])
    expect(reportError(report)).toBeNull()
    expect(outcomes(await run())).toEqual(['unchanged'])
    expect([writes, slept]).toEqual([['t'], []])
  })

  it('writes once for a hundred runs of shuffled and doubled lists', async () => {
    const lists = Array.from({ length: 100 }, (_, i) => (i % 2 ? ['c', 'a', 'b', 'a'] : ['b', 'c', 'c', 'a']))
    const { run, writes } = world({ 7: lists }, { t: { state: 'empty', marked: true } })
    for (let i = 0; i < 100; i++) await run()
    expect(writes).toHaveLength(1)
  })

  it('takes a token out only after a second look, settle seconds later', async () => {
    const { run, asked, slept, value } = world({ 7: [['b', 'c']] }, { t: holds(['a', 'b']) })
    const report = await run()
    expect([asked, slept]).toEqual([['7', '7'], [60_000]])
    expect(value('t')).toBe(mirrored(['b', 'c']))
    expect(report.Results[0]).toMatchObject({
      Outcome: 'updated',
      Added: [fingerprint('c')],
      Removed: [fingerprint('a')],
    })
  })

  it('publishes additions and moves the pick before it waits', async () => {
    const w = world({ 7: [['b', 'c']] }, { t: holds(['a', 'b']) })
    let meanwhile: string | null = null
    w.whileAsleep(() => {
      meanwhile = w.value('t')
    })
    await w.run()
    expect(meanwhile).toBe(mirrored(['a', 'b', 'c'], { ApiToken: 'b' }))
  })

  it('keeps a token that a flapping list shows again', async () => {
    const { run, value, writes } = world({ 7: [['b'], ['a', 'b']] }, { t: holds(['a', 'b']) })
    expect(outcomes(await run())).toEqual(['updated'])
    expect([value('t'), writes]).toEqual([mirrored(['a', 'b'], { ApiToken: 'b' }), ['t']])
    // Nor does the pick move back by itself.
    expect(outcomes(await run())).toEqual(['unchanged'])
  })

  it('keeps what another run added while this one waited', async () => {
    const w = world({ 7: [['b']] }, { t: holds(['a', 'b']) })
    w.whileAsleep(() => w.readings.set('t', holds(['a', 'b', 'new'], 'a')))
    await w.run()
    expect(w.value('t')).toBe(mirrored(['b', 'new']))
  })

  it('defers a removal for which the time limit leaves no room, and says so', async () => {
    const { run, value, slept } = world({ 7: [['b', 'c']] }, { t: holds(['a', 'b']) })
    const report = await run({ deadline: 30_000 })
    expect(slept).toEqual([])
    expect(value('t')).toBe(mirrored(['a', 'b', 'c'], { ApiToken: 'b' }))
    expect(report.Results[0]).toMatchObject({ Outcome: 'deferred', Added: [fingerprint('c')], Removed: [] })
    expect(report.Results[0]?.Reason).toContain(
      'time limit is 40 s too short; raise the time limit or lower AIGC_SETTLE_SECONDS',
    )
    expect(reportError(report)).toMatchObject({ code: 'MirrorIncomplete' })
  })

  it.each([
    ['an empty list', []],
    ['a list below the share', ['a']],
  ])('holds for %s, and Confirm applies exactly that plan', async (_, listed) => {
    const { run, value, writes, slept } = world({ 7: [listed] }, { t: holds(['a', 'b', 'c']) })
    const report = await run()
    expect(report.Results[0]).toMatchObject({ Outcome: 'held', Added: [], Removed: [] })
    expect([value('t'), writes]).toEqual([mirrored(['a', 'b', 'c']), []])
    expect(reportError(report)?.message).toContain(report.Digest)
    const confirmed = await run({ confirm: report.Digest })
    expect(outcomes(confirmed)).toEqual(['updated'])
    expect([value('t'), slept]).toEqual([mirrored(listed), []])
    expect(outcomes(await run())).toEqual(['unchanged'])
  })

  it('writes that there is no token only once that is confirmed', async () => {
    const { run, value } = world({ 7: [[]] }, { t: { state: 'absent' } })
    const { Digest, Results } = await run()
    expect([Results[0]?.Outcome, value('t')]).toEqual(['held', null])
    await run({ confirm: Digest })
    expect(value('t')).toBe('{"ApiToken":null,"ApiTokens":[],"SubAppId":7,"Site":"intl"}')
  })

  it('refuses to confirm when list or target moved, and writes nothing', async () => {
    const w = world({ 7: [['a'], ['a', 'b'], ['a']] }, { t: holds(['a', 'b', 'c', 'd']) })
    const { Digest } = await w.run()
    await expect(w.run({ confirm: Digest })).rejects.toMatchObject({
      code: 'PlanChanged',
      summary: expect.stringContaining('so nothing was written; look at the new plan'),
      report: { Results: [{ Target: 't', Outcome: 'would-update' }] },
    })
    for (const near of ['', Digest.slice(0, 16), Digest.slice(0, -1), `${Digest}0`, Digest.toUpperCase()])
      await expect(w.run({ confirm: near }), near).rejects.toMatchObject({ code: 'PlanChanged' })
    w.readings.set('t', holds(['a', 'b', 'c', 'd', 'e']))
    const refused = w.run({ confirm: Digest })
    await expect(refused).rejects.toBeInstanceOf(MirrorError)
    expect(w.writes).toEqual([])
  })

  it('takes the digest as a whole, and no part of it, for a confirmation', async () => {
    const { run, writes } = world({ 7: [['a']] }, { t: holds(['a', 'b', 'c', 'd']) })
    const { Digest } = await run()
    for (const confirm of ['', Digest.slice(0, 8), Digest.slice(0, -1), `${Digest}0`, Digest.toUpperCase()])
      await expect(run({ confirm })).rejects.toMatchObject({ code: 'PlanChanged' })
    expect(writes).toEqual([])
  })

  it('holds a value under our mark that is no document, and Confirm overwrites it', async () => {
    const spoilt: Reading = { state: 'value', marked: true, value: 'a password of somebody else' }
    const { run, value, writes } = world({ 7: [['a', 'b']] }, { t: spoilt })
    const report = await run()
    expect(report.Results[0]).toMatchObject({
      Outcome: 'held',
      VersionId: null,
      Reason: expect.stringContaining('it carries our mark, but its value is no mirrored document'),
    })
    expect(reportError(report)?.message).toContain('run by hand with the Digest as "Confirm"')
    const plan = await run({ dryRun: true })
    expect([outcomes(plan), plan.Digest, writes]).toEqual([['would-hold'], report.Digest, []])
    expect(outcomes(await run({ confirm: report.Digest }))).toEqual(['updated'])
    expect(value('t')).toBe(mirrored(['a', 'b']))
  })

  it('repairs a value that was ours a version ago, and takes a token of that version out by the rules', async () => {
    const spoilt: Reading = {
      state: 'value',
      marked: true,
      value: 'spoilt',
      before: mirrored(['a', 'b', 'c'], { ApiToken: 'b' }),
    }
    const w = world({ 7: [['b', 'c', 'd']] }, { t: spoilt })
    let meanwhile: string | null = null
    w.whileAsleep(() => {
      meanwhile = w.value('t')
    })
    const report = await w.run()
    expect(meanwhile).toBe(mirrored(['a', 'b', 'c', 'd'], { ApiToken: 'b' }))
    expect(w.value('t')).toBe(mirrored(['b', 'c', 'd'], { ApiToken: 'b' }))
    expect(report.Results[0]).toMatchObject({
      Outcome: 'updated',
      Added: [fingerprint('d')],
      Removed: [fingerprint('a')],
    })
  })

  describe('runMirror, when somebody else writes a target while it writes,', () => {
    it('plans again on what is there then, with what it knows of the list', async () => {
      const w = world({ 7: [['a', 'b']] }, { t: holds(['a']) })
      w.rivals.set('t', [holds(['a', 'new'], 'a')])
      const report = await w.run()
      expect(w.value('t')).toBe(mirrored(['a', 'b', 'new'], { ApiToken: 'a' }))
      expect([outcomes(report), w.asked]).toEqual([['updated'], ['7']])
    })

    it('takes out what it had settled, and nothing that came meanwhile', async () => {
      const w = world({ 7: [['b']] }, { t: holds(['a', 'b']) })
      w.rivals.set('t', [holds(['a', 'b', 'new'], 'a')])
      const report = await w.run()
      expect(w.value('t')).toBe(mirrored(['b', 'new']))
      expect(report.Results[0]).toMatchObject({ Outcome: 'updated', Removed: [fingerprint('a')] })
    })

    it('leaves what is right by then', async () => {
      const w = world({ 7: [['a', 'b']] }, { t: holds(['a']) })
      w.rivals.set('t', [holds(['a', 'b'])])
      expect(outcomes(await w.run())).toEqual(['unchanged'])
      expect(w.writes).toEqual([])
    })

    it('refuses and holds by the same rules', async () => {
      const w = world({ 7: [['a']] }, { one: { state: 'absent' }, two: { state: 'absent' } })
      w.rivals.set('one', [{ state: 'value', marked: false, value: 'theirs' }])
      w.rivals.set('two', [{ state: 'value', marked: true, value: 'theirs' }])
      expect(outcomes(await w.run())).toEqual(['refused', 'held'])
      expect(w.writes).toEqual([])
    })

    it('fails when that happens twice, and says so', async () => {
      const w = world({ 7: [['a', 'b']] }, { t: holds(['a']), other: holds(['a']) })
      w.rivals.set('t', [holds(['a', 'x']), holds(['a', 'y'])])
      const report = await w.run()
      expect(outcomes(report)).toEqual(['failed', 'updated'])
      expect(report.Results[0]?.Reason).toBe(
        'Writing t: somebody else changed it since it was read, and again when this run had planned anew; ' +
          'the next run tries again; if it stays, find out who else writes it',
      )
      expect(w.value('t')).toBe(mirrored(['a', 'y']))
    })

    it('fails when it cannot be read again', async () => {
      const w = world({ 7: [['a', 'b']] }, { t: holds(['a']) })
      w.rivals.set('t', [new StoreError('Timeout', 'Reading t: no answer', 't')])
      expect((await w.run()).Results[0]).toMatchObject({ Outcome: 'failed', Reason: 'Reading t: no answer' })
    })

    it('does not depart from a confirmed plan', async () => {
      const w = world({ 7: [['a']] }, { t: holds(['a', 'b', 'c']), other: holds(['a', 'b', 'c']) })
      const { Digest } = await w.run()
      w.rivals.set('t', [holds(['a', 'b', 'c', 'd'])])
      const report = await w.run({ confirm: Digest })
      expect(outcomes(report)).toEqual(['failed', 'updated'])
      expect(report.Results[0]?.Reason).toBe(
        'Confirming a plan: somebody else changed t meanwhile, and their value was left there; ' +
          'look at the new plan with {"DryRun":true} and confirm its Digest',
      )
      expect(w.value('t')).toBe(mirrored(['a', 'b', 'c', 'd']))
    })
  })

  it('reports the digest of what is still to do, so that a partly done run can be confirmed', async () => {
    const w = world(
      { 7: [['a', 'z']], 8: [[]] },
      {
        t: holds(['a']),
        u: { state: 'value', marked: true, value: mirrored(['x'], { ApiToken: 'x', SubAppId: 8 }) },
      },
    )
    const mirrors = [mirror(7, ['t']), mirror(8, ['u'])]
    const first = await w.run({ mirrors })
    expect(outcomes(first)).toEqual(['updated', 'held'])
    expect(outcomes(await w.run({ mirrors, confirm: first.Digest }))).toEqual(['unchanged', 'updated'])
    expect(w.value('u')).toBe(mirrored([], { ApiToken: null, SubAppId: 8 }))
  })

  it('plans a dry run without writing or waiting, with the digest that Confirm takes', async () => {
    const targets = {
      same: holds(['b', 'c']),
      more: holds(['a', 'b']),
      none: { state: 'absent' },
      foreign: { state: 'value', marked: false, value: 'x' },
      big: holds(['b', 'p', 'q', 'r', 's']),
    } as const
    const { run, writes, slept } = world({ 7: [['b', 'c']] }, { ...targets })
    const report = await run({ dryRun: true })
    expect(outcomes(report)).toEqual([
      'unchanged',
      'would-update',
      'would-create',
      'would-refuse',
      'would-hold',
    ])
    const after = { Pick: fingerprint('b'), VersionId: versionId(mirrored(['b', 'c'])) }
    expect(report.Results[0]).toMatchObject({ Added: [], Removed: [], ...after })
    expect(report.Results[1]).toMatchObject({
      Added: [fingerprint('c')],
      Removed: [fingerprint('a')],
      ...after,
    })
    expect(reportError(report)).toBeNull()
    expect([writes, slept]).toEqual([[], []])
    const confirmed = await run({ confirm: report.Digest })
    expect(outcomes(confirmed)).toEqual(['unchanged', 'updated', 'created', 'refused', 'updated'])
  })

  it('lets a dry run fail when no plan could be made', async () => {
    const { run } = world({ 7: [throttled] }, { t: holds(['a']) })
    const report = await run({ dryRun: true })
    expect(reportError(report)).toMatchObject({ code: 'MirrorIncomplete' })
  })

  it.each([
    ['5,000 tokens', Array.from({ length: 5_000 }, (_, n) => `${n}`.padStart(32, 't'))],
    ['one token of 300,000 characters', ['x'.repeat(300_000)]],
  ])(
    'refuses %s where that is too long, with the numbers, and serves the other targets',
    async (_, tokens) => {
      const w = world({ 7: [tokens] }, { short: { state: 'absent' }, long: { state: 'absent' } })
      w.mostBytes.set('long', 1_000_000)
      const report = await w.run()
      expect(outcomes(report)).toEqual(['refused', 'created'])
      expect(report.Results[0]?.Reason).toMatch(/^its document would have \d{5,} bytes, and .* takes 65536; /)
      expect(w.writes).toEqual(['long'])
    },
  )

  it('goes on with other targets and applications when one fails', async () => {
    const forbidden = new StoreError('AccessDeniedException', 'Reading denied: forbidden', 'denied')
    const w = world(
      { 7: [['a']], 8: [throttled], 9: [['c']] },
      {
        good: { state: 'absent' },
        denied: forbidden,
        lost: { state: 'absent' },
        other: { state: 'absent' },
        third: { state: 'absent' },
      },
    )
    w.failing.set('lost', new StoreError('Timeout', 'Writing lost: no answer', 'lost'))
    const report = await w.run({
      mirrors: [mirror(7, ['denied', 'lost', 'good']), mirror(8, ['other']), mirror(9, ['third'])],
    })
    expect(outcomes(report)).toEqual(['failed', 'failed', 'created', 'failed', 'created'])
    expect(report.Results.map(({ Reason }) => Reason)).toEqual([
      'Reading denied: forbidden',
      'Writing lost: no answer',
      null,
      'Listing: RequestLimitExceeded',
      null,
    ])
    expect(w.writes.sort()).toEqual(['good', 'third'])
    expect(reportError(report)?.message).toMatch(
      /^Mirroring: 3 of 5 targets not in step, such as [^{]+: \{"Digest"/,
    )
  })

  it('leaves the target alone when the second look fails', async () => {
    const { run, value } = world({ 7: [['b'], throttled] }, { t: holds(['a', 'b']) })
    expect(outcomes(await run())).toEqual(['failed'])
    expect(value('t')).toBe(mirrored(['a', 'b'], { ApiToken: 'b' }))
  })

  it('holds when the second list is too short, and keeps the addition', async () => {
    const { run, value } = world({ 7: [['b', 'c'], []] }, { t: holds(['a', 'b']) })
    const report = await run()
    expect(report.Results[0]).toMatchObject({ Outcome: 'held', Added: [fingerprint('c')], Removed: [] })
    expect(value('t')).toBe(mirrored(['a', 'b', 'c'], { ApiToken: 'b' }))
  })

  it('moves the pick in every target to the same token, where one of them cannot be written the next time', async () => {
    const { run, value, failing } = world(
      { 7: [['b', 'c']] },
      { one: holds(['a', 'b', 'c']), two: holds(['a', 'b', 'c']) },
    )
    failing.set('one', new Error('forbidden'))
    expect(outcomes(await run())).toEqual(['failed', 'updated'])
    expect(value('two')).toBe(mirrored(['b', 'c'], { ApiToken: 'b' }))
    failing.clear()
    await run()
    expect(value('one')).toBe(value('two'))
  })

  const alone = (value: string, marked = true): Reading => ({ state: 'value', marked, value })

  it('holds the pick alone where a target asks for that, once for each change of pick, after the document', async () => {
    const { run, value, writes } = world(
      { 7: [['a', 'b']] },
      { 'token:t': { state: 'empty', marked: true }, t: { state: 'absent' } },
    )
    const report = await run()
    expect([value('t'), value('token:t'), writes]).toEqual([mirrored(['a', 'b']), 'a', ['t', 'token:t']])
    expect(report.Results[0]).toMatchObject({
      Target: 'token:t',
      Outcome: 'created',
      Added: [],
      Removed: [],
      Pick: fingerprint('a'),
      VersionId: versionId('a'),
    })
    expect(outcomes(await run())).toEqual(['unchanged', 'unchanged'])
    const plan = await run({ promote: fingerprint('b'), dryRun: true })
    expect(plan.Results[0]).toMatchObject({
      Outcome: 'would-update',
      Added: [],
      Removed: [],
      Pick: fingerprint('b'),
      VersionId: versionId('b'),
    })
    await run({ promote: fingerprint('b') })
    expect([value('token:t'), writes.slice(2)]).toEqual(['b', ['t', 'token:t']])
    expect(outcomes(await run())).toEqual(['unchanged', 'unchanged'])
  })

  it('moves a token alone in the run that misses it, and settles only the document', async () => {
    const { run, value, writes, slept } = world(
      { 7: [['b', 'c']] },
      { t: holds(['a', 'b', 'c']), 'token:t': alone('a') },
    )
    const report = await run({ deadline: 30_000 })
    expect(report.Results.map(({ Outcome }) => Outcome)).toEqual(['deferred', 'updated'])
    expect([value('token:t'), writes, slept]).toEqual(['b', ['t', 'token:t'], []])
    await run()
    expect([value('t'), writes.slice(2)]).toEqual([mirrored(['b', 'c']), ['t']])
  })

  it.each<[string, Parameters<typeof world>, string[], string]>([
    [
      'a document that cannot be read',
      [{ 7: [['b']] }, { t: new Error('forbidden'), 'token:t': alone('a') }],
      ['failed', 'failed'],
      'left as it is, because no target that holds the document could be brought in step before it, such as t',
    ],
    [
      'a document in its place, adopted or not',
      [{ 7: [['b']] }, { t: holds(['b']), 'token:adopt': holds(['b']) }],
      ['unchanged', 'refused'],
      'it holds a mirrored document',
    ],
    [
      'a document that is refused',
      [{ 7: [['b']] }, { t: { state: 'value', marked: false, value: 'x' }, 'token:t': { state: 'absent' } }],
      ['refused', 'failed'],
      'no target that holds the document',
    ],
    [
      'a text under our mark',
      [{ 7: [['b']] }, { t: holds(['b']), 'token:t': alone('a password') }],
      ['unchanged', 'held'],
      'it carries our mark, but its value is no token',
    ],
    [
      'a token without our mark',
      [{ 7: [['b']] }, { t: holds(['b']), 'token:t': alone('b', false) }],
      ['unchanged', 'refused'],
      'it exists and does not carry our mark',
    ],
  ])('leaves a token alone as it is for %s', async (_, given, expected, reason) => {
    const { run, writes } = world(...given)
    const report = await run()
    expect(outcomes(report)).toEqual(expected)
    expect(report.Results[1]?.Reason).toContain(reason)
    expect(writes).toEqual([])
  })

  it('leaves a token alone as it is when the document cannot be written, and mends that by the next run', async () => {
    const { run, value, failing } = world(
      { 7: [['b', 'c']] },
      { t: holds(['a', 'b', 'c']), 'token:t': alone('a') },
    )
    failing.set('t', new Error('forbidden'))
    expect(outcomes(await run())).toEqual(['failed', 'failed'])
    expect(value('token:t')).toBe('a')
    failing.clear()
    await run()
    expect(value('token:t')).toBe('b')
  })

  it('follows whichever document could be written', async () => {
    const { run, value, failing } = world(
      { 7: [['b', 'c']] },
      { one: holds(['a', 'b']), two: holds(['a', 'b']), 'token:t': alone('a') },
    )
    failing.set('one', new Error('forbidden'))
    expect(outcomes(await run())).toEqual(['failed', 'updated', 'updated'])
    expect(value('token:t')).toBe('b')
    const unread = { one: new Error('forbidden'), two: holds(['a', 'b']), 'token:t': alone('a') }
    expect(outcomes(await world({ 7: [['b', 'c']] }, unread).run())).toEqual(['failed', 'updated', 'updated'])
  })

  it('follows a document that was overtaken, to where it points by then', async () => {
    const { run, value, rivals } = world({ 7: [['b', 'c']] }, { t: holds(['a', 'b']), 'token:t': alone('a') })
    rivals.set('t', [holds(['a', 'b', 'c'], 'c')])
    await run()
    expect([value('t'), value('token:t')]).toEqual([mirrored(['b', 'c'], { ApiToken: 'c' }), 'c'])
  })

  it('holds a token alone where the list is too short for any document', async () => {
    const { run } = world(
      { 7: [['a']] },
      { one: holds(['a', 'b', 'c', 'd', 'e']), two: holds(['a']), 'token:t': alone('b') },
    )
    expect(outcomes(await run())).toEqual(['held', 'unchanged', 'held'])
  })

  it('settles a document beside a value that is somebody else’s', async () => {
    const { run, value } = world(
      { 7: [['b', 'c']] },
      { t: holds(['a', 'b', 'c']), 'token:t': alone('theirs', false) },
    )
    expect(outcomes(await run())).toEqual(['updated', 'refused'])
    expect(value('t')).toBe(mirrored(['b', 'c']))
  })

  it('keeps the last token alone once it is confirmed that there is none', async () => {
    const { run, value } = world({ 7: [[]] }, { t: holds(['a']), 'token:t': alone('a') })
    const report = await run()
    expect(outcomes(report)).toEqual(['held', 'unchanged'])
    const confirmed = await run({ confirm: report.Digest })
    expect([outcomes(confirmed), value('token:t')]).toEqual([['updated', 'unchanged'], 'a'])
    expect(confirmed.Results[1]?.Reason).toBe('there is no token to hold, so what it holds stays')
    expect(reportError(await run())).toBeNull()
  })

  it('confirms both, the document first', async () => {
    const { run, value, writes } = world(
      { 7: [['b']] },
      { 'token:t': alone('a'), t: holds(['a', 'b', 'c', 'd']) },
    )
    const report = await run()
    expect([outcomes(report), value('t'), value('token:t')]).toEqual([
      ['held', 'held'],
      mirrored(['a', 'b', 'c', 'd'], { ApiToken: 'b' }),
      'b',
    ])
    await run({ confirm: report.Digest })
    expect([value('t'), writes]).toEqual([mirrored(['b']), ['t', 'token:t', 't']])
  })

  it('keeps a token in the document while a target holds it alone, or may', async () => {
    const { run, value, failing, readings } = world(
      { 7: [['b', 'c']] },
      { t: holds(['a', 'b']), 'token:t': alone('a') },
    )
    failing.set('token:t', new Error('throttled'))
    expect(outcomes(await run())).toEqual(['updated', 'failed'])
    expect(value('t')).toBe(mirrored(['a', 'b', 'c'], { ApiToken: 'b' }))
    failing.clear()
    readings.set('token:t', new Error('throttled'))
    expect(outcomes(await run())).toEqual(['unchanged', 'failed'])
    readings.set('token:t', alone('a'))
    expect(reportError(await run())).toBeNull()
    expect([value('t'), value('token:t')]).toEqual([mirrored(['b', 'c']), 'b'])
  })

  it('moves the pick of what it holds, takes excluded tokens out of it, and nothing else', async () => {
    const { run, value, writes, slept } = world(
      { 7: [['b', 'n']] },
      { t: holds(['a', 'b', 'c', 'd', 'e', 'x']) },
    )
    const report = await run({}, { exclude: new Set([fingerprint('x')]) })
    expect(report.Results[0]).toMatchObject({
      Outcome: 'held',
      Removed: [fingerprint('x')],
      Pick: fingerprint('b'),
    })
    expect(value('t')).toBe(mirrored(['a', 'b', 'c', 'd', 'e', 'n'], { ApiToken: 'b' }))
    await run({}, { exclude: new Set([fingerprint('x')]) })
    expect([writes, slept]).toEqual([['t'], []])
  })

  const excluding = (...tokens: string[]) => ({ exclude: new Set(tokens.map(fingerprint)) })

  it('takes an excluded token out of every target at once, and never publishes it', async () => {
    const { run, value, slept, writes } = world(
      { 7: [['a', 'b', 'c']] },
      { one: holds(['a', 'b']), two: { state: 'absent' } },
    )
    const report = await run({}, excluding('a'))
    expect([value('one'), value('two'), slept]).toEqual([mirrored(['b', 'c']), mirrored(['b', 'c']), []])
    expect(report).toMatchObject({
      Applications: [{ SubAppId: 7, Listed: 3 }],
      Results: [
        {
          Outcome: 'updated',
          Added: [fingerprint('c')],
          Removed: [fingerprint('a')],
          Pick: fingerprint('b'),
        },
        { Outcome: 'created' },
      ],
    })
    expect([report.Notes, reportError(report)]).toEqual([undefined, null])
    await run({}, excluding('a'))
    expect(writes).toEqual(['one', 'two'])
    await run()
    expect(value('one')).toBe(mirrored(['a', 'b', 'c'], { ApiToken: 'b' }))
  })

  it('holds rather than exclude the last token, and nobody can confirm that', async () => {
    const { run, value, writes } = world({ 7: [['a']] }, { t: holds(['a']) })
    const report = await run({}, excluding('a'))
    expect(report.Results[0]).toMatchObject({
      Outcome: 'held',
      Reason: expect.stringContaining('create another token first'),
    })
    expect([value('t'), writes]).toEqual([mirrored(['a']), []])
    const confirmed = await run({ confirm: report.Digest }, excluding('a'))
    expect([outcomes(confirmed), value('t')]).toEqual([['held'], mirrored(['a'])])
    const other = world({ 7: [['a']] }, { t: holds([], null), 'token:t': alone('a') })
    expect(outcomes(await other.run({}, excluding('a')))).toEqual(['held', 'held'])
  })

  it('notes an excluded token that is nowhere, once everything was read', async () => {
    const nowhere = `AIGC_EXCLUDE names ${fingerprint('x')}, which this run found nowhere`
    const w = world({ 7: [['a', 'b']], 8: [['c']] }, { t: holds(['a', 'y']), u: holds(['c']) })
    const report = await w.run({}, excluding('a', 'x', 'y'))
    expect(report.Notes).toEqual([expect.stringContaining(nowhere)])
    const both = { mirrors: [mirror(7, ['t']), mirror(8, ['u'])] }
    w.readings.set('u', new Error('forbidden'))
    expect((await w.run(both, excluding('x'))).Notes).toBeUndefined()
    expect((await w.run({}, excluding('x'))).Notes).toBeUndefined()
    const other = world({ 7: [['a']] }, { t: holds(['a']), 'token:t': alone('theirs', false) })
    expect((await other.run({}, excluding('theirs', 'x', 'y'))).Notes).toEqual([
      expect.stringContaining(`names ${fingerprint('x')}, ${fingerprint('y')}, which this run found nowhere`),
    ])
  })

  it('notes an application with more tokens than AIGC_TOKEN_LIMIT, excluded ones too', async () => {
    const { run } = world({ 7: [['a', 'b', 'c', 'c']], null: [['a', 'b', 'c']] }, { t: { state: 'absent' } })
    expect((await run({}, { tokenLimit: 3 })).Notes).toBeUndefined()
    const settings = { tokenLimit: 2, ...excluding('a') }
    expect((await run({ dryRun: true }, settings)).Notes).toEqual([
      'application 7 has 3 tokens, more than AIGC_TOKEN_LIMIT (2); ' +
        'Tencent makes no more than 50: delete those that nobody uses',
    ])
    const { Notes } = await run({ mirrors: [mirror(null, ['t'])], dryRun: true }, settings)
    expect(Notes).toEqual([expect.stringMatching(/^Tencent lists 3 tokens/)])
  })

  it('promotes a token in every target, at once, and keeps it', async () => {
    const { run, value, writes, slept } = world(
      { 7: [['a', 'b', 'c']] },
      { one: holds(['a', 'b', 'gone']), two: holds(['a', 'b', 'gone']) },
    )
    const plan = await run({ promote: fingerprint('b'), dryRun: true })
    const change = { Added: [fingerprint('c')], Removed: [], Pick: fingerprint('b') }
    expect(plan.Results).toMatchObject([change, change])
    expect(writes).toEqual([])
    const report = await run({ promote: fingerprint('b') })
    expect([outcomes(report), slept]).toEqual([['updated', 'updated'], []])
    const document = mirrored(['a', 'b', 'c', 'gone'], { ApiToken: 'b' })
    expect([value('one'), value('two')]).toEqual([document, document])
    expect(outcomes(await run({ promote: fingerprint('b') }))).toEqual(['unchanged', 'unchanged'])
    await run()
    expect(value('two')).toBe(mirrored(['a', 'b', 'c'], { ApiToken: 'b' }))
  })

  it('writes the first target first when it promotes, and no other where that fails', async () => {
    const { run, value, failing, writes } = world(
      { 7: [['a', 'b']] },
      { one: holds(['a', 'b']), two: holds(['a', 'b']), three: holds(['a', 'b']) },
    )
    failing.set('one', new Error('forbidden'))
    const stopped = await run({ promote: fingerprint('b') })
    expect(stopped.Results).toMatchObject([
      { Outcome: 'failed', Reason: 'forbidden' },
      { Outcome: 'failed', Reason: expect.stringContaining('left as it is, because one stands before it') },
      { Outcome: 'failed' },
    ])
    expect(writes).toEqual([])
    failing.clear()
    failing.set('two', new Error('forbidden'))
    expect(outcomes(await run({ promote: fingerprint('b') }))).toEqual(['updated', 'failed', 'updated'])
    failing.clear()
    await run()
    expect(value('two')).toBe(mirrored(['a', 'b'], { ApiToken: 'b' }))
  })

  const refusals: [string, Parameters<typeof world>, string, string][] = [
    [
      'what is not listed',
      [{ 7: [['b']] }, { t: holds(['a', 'b']) }],
      'a',
      'Tencent lists no such token; to be promoted are B',
    ],
    [
      'what nobody has',
      [{ 7: [['b']] }, { t: holds(['b']) }],
      'x',
      'Tencent lists no such token; to be promoted are B',
    ],
    [
      'what nobody has, while another is excluded',
      [{ 7: [['a', 'b', 'x']] }, { t: holds(['a', 'b']) }],
      'y',
      `Tencent lists no such token; to be promoted are ${['a', 'b'].map(fingerprint).sort().join(', ')}`,
    ],
    [
      'what a target does not hold yet',
      [{ 7: [['a', 'b']] }, { t: holds(['a', 'b']), u: holds(['b']) }],
      'a',
      'a target does not hold it yet; the next run writes it there, then promote it; to be promoted are B',
    ],
    [
      'what no target holds',
      [{ 7: [['a']] }, { t: { state: 'absent' } }],
      'a',
      'a target does not hold it yet; the next run writes it there, then promote it; to be promoted are none',
    ],
    ['what is excluded', [{ 7: [['x', 'b']] }, { t: holds(['x', 'b']) }], 'x', 'AIGC_EXCLUDE names it'],
    [
      'while a target cannot be read',
      [{ 7: [['a', 'b']] }, { t: holds(['a', 'b']), u: new Error('forbidden') }],
      'b',
      'every target must be one that can be written, and u is not: forbidden',
    ],
    [
      'while a target is refused',
      [{ 7: [['a', 'b']] }, { t: { state: 'value', marked: false, value: 'password' } }],
      'b',
      'every target must be one that can be written, and t is not: it exists and does not carry our mark',
    ],
    [
      'while a target is held',
      [{ 7: [['b']] }, { t: holds(['a', 'b', 'c']) }],
      'b',
      'every target must be one that can be written, and t is not: the list has 1 tokens where 3 are held',
    ],
    [
      'while there is no list',
      [{ 7: [throttled] }, { t: holds(['a', 'b']) }],
      'b',
      'every target must be one that can be written, and t is not: Listing: RequestLimitExceeded',
    ],
  ]
  it.each(refusals)('refuses to promote %s, and writes nothing', async (_, given, token, why) => {
    const { run, writes } = world(...given)
    for (const dryRun of [false, true]) {
      const error = await run({ promote: fingerprint(token), dryRun }, excluding('x')).catch((error) => error)
      expect(error).toMatchObject({
        code: 'PromotionRefused',
        summary: expect.stringContaining(
          `Promoting ${fingerprint(token)}: ${why.replace(/B$/, fingerprint('b'))}`,
        ),
        report: { Applications: [{ SubAppId: 7 }], Results: expect.any(Array) },
      })
      expect(error.report).not.toHaveProperty('Notes')
    }
    expect(writes).toEqual([])
  })

  it('ends with the same bytes in all targets, whatever they held before', async () => {
    const { run, value } = world(
      { 7: [['a', 'b', 'c']] },
      { one: holds(['b'], 'b'), two: holds(['a', 'c'], 'c'), three: { state: 'absent' } },
    )
    await run()
    expect([value('one'), value('two'), value('three')]).toEqual(
      Array(3).fill(mirrored(['a', 'b', 'c'], { ApiToken: 'b' })),
    )
  })

  it('reports a target that it created as created, also when the second look adds to it', async () => {
    const { run, value } = world(
      { 7: [['b'], ['b', 'c']] },
      { old: holds(['a', 'b']), absent: { state: 'absent' } },
    )
    const report = await run()
    expect(outcomes(report)).toEqual(['updated', 'created'])
    expect(report.Results[1]).toMatchObject({ Added: ['b', 'c'].map(fingerprint) })
    expect(value('absent')).toBe(value('old'))
  })

  it('gives each step its own time, and never more than the run has', async () => {
    const { run, deadlines } = world({ 7: [['a']] }, { t: { state: 'absent' } })
    await run()
    await run({ deadline: 5_000 })
    expect(deadlines).toEqual([10_000, 5_000])
  })

  it('without mirrors reports nothing', async () => {
    const { run } = world({}, {})
    const { Digest, Results } = await run({ mirrors: [] })
    expect([Digest, Results]).toEqual([sha256Hex('[]'), []])
  })

  it('names in its digest what is still to do, and nothing else', async () => {
    const { run } = world(
      { 7: [['a']] },
      { t: holds(['a']), foreign: { state: 'value', marked: false, value: 'x' } },
    )
    const { Digest, Results } = await run()
    expect(Results.map(({ Outcome }) => Outcome)).toEqual(['unchanged', 'refused'])
    expect(Digest).toBe(sha256Hex('[]'))
  })

  it('says once where refused credentials came from, and in no reason', async () => {
    const credentials = 'credentials used: a source; nothing else is set'
    const refused = new TencentError('AuthFailure', 'Listing: AuthFailure; check the key', {
      action: 'DescribeAigcApiTokens',
      requestId: 'r',
      attempts: 1,
      retryable: false,
      credentials,
    })
    const store = new StoreError('AuthFailure', 'Reading: AuthFailure', 't', false, credentials)
    const w = new StoreError('AuthFailure', 'Reading: another', 'w', false, 'credentials of the role')
    const { run } = world({ 7: [['a']], 8: [refused] }, { t: holds(['a']), u: store, v: throttled, w })
    const report = await run({ mirrors: [mirror(7, ['t', 'u', 'v', 'w']), mirror(8, ['x', 'y'])] })
    expect(report.Credentials).toBe(`${credentials}; credentials of the role`)
    expect(report.Results.map(({ Reason }) => Reason)).toEqual([
      null,
      'Reading: AuthFailure',
      'Listing: RequestLimitExceeded',
      'Reading: another',
      'Listing: AuthFailure; check the key',
      'Listing: AuthFailure; check the key',
    ])
    const { message = '' } = reportError(report) ?? {}
    expect(message.split(credentials)).toHaveLength(2)
    expect(message).toContain(JSON.stringify(report))
    expect(await run({ mirrors: [mirror(7, ['t'])] })).not.toHaveProperty('Credentials')
  })

  it('adds how to confirm when anything is held, whatever else went wrong', async () => {
    const { run } = world({ 7: [['a']] }, { t: holds(['a', 'b', 'c']), ill: new Error('down') })
    const report = await run()
    expect(outcomes(report)).toEqual(['held', 'failed'])
    expect(report).not.toHaveProperty('Credentials')
    expect(reportError(report)?.summary).toBe(
      'Mirroring: 2 of 2 targets not in step, such as t (held: the list has 1 tokens where 3 are held, less than the share ' +
        'AIGC_MIN_KEEP (0.5)); if a held change is right, run by hand with the Digest as "Confirm"',
    )
    const failed = world({ 7: [['a']] }, { ill: new Error('down') })
    expect(reportError(await failed.run())?.summary).toBe(
      'Mirroring: 1 of 1 targets not in step, such as ill (failed: down)',
    )
  })

  describe('runMirror, where a target is settled before the others', () => {
    const five = ['a', 'b', 'c', 'd', 'e']
    /** The first is held, of the second a token is to be taken out. */
    const two = (lists: Listing[]) => world({ 7: lists }, { held: holds(five), t: holds(['a', 'b']) })

    it('leaves it held when the second list fails', async () => {
      expect(outcomes(await two([['a'], throttled]).run())).toEqual(['held', 'failed'])
    })

    it('leaves it held, whatever the second list says', async () => {
      const w = two([['a'], [...five, 'f']])
      expect(outcomes(await w.run())).toEqual(['held', 'updated'])
      expect(w.writes).toEqual(['t'])
    })

    it('does not look at it again', async () => {
      const w = two([['a']])
      w.whileAsleep(() => w.readings.set('held', new Error('down')))
      expect(outcomes(await w.run())).toEqual(['held', 'updated'])
    })

    it('leaves it refused, whatever becomes of it', async () => {
      const foreign: Reading = { state: 'value', marked: false, value: 'x' }
      const w = world({ 7: [['a']] }, { foreign, t: holds(['a', 'b']) })
      w.whileAsleep(() => w.readings.set('foreign', { state: 'absent' }))
      expect(outcomes(await w.run())).toEqual(['refused', 'updated'])
      expect(w.writes).toEqual(['t'])
    })

    it('defers the other alone, and names what must be seen again', async () => {
      const w = world(
        { 7: [['a', 'b']] },
        { held: holds(five), same: holds(['a', 'b']), t: holds(['a', 'b', 'y', 'x']) },
      )
      const report = await w.run({ deadline: 69_999 })
      expect(outcomes(report)).toEqual(['held', 'unchanged', 'deferred'])
      expect(report.Results[2]?.Reason).toMatch(
        new RegExp(`^the absence of ${fingerprint('x')}, ${fingerprint('y')} must be seen again`),
      )
    })
  })

  it('takes out what both lists lack, and nothing that one of them had', async () => {
    const w = world(
      {
        7: [
          ['a', 'b'],
          ['a', 'c'],
        ],
      },
      { t: holds(['a', 'b', 'c', 'd']) },
    )
    expect(outcomes(await w.run())).toEqual(['updated'])
    expect(w.value('t')).toBe(mirrored(['a', 'b', 'c']))
  })

  it('waits when there is just enough time', async () => {
    const late = world({ 7: [['a']] }, { t: holds(['a', 'b']) })
    expect(outcomes(await late.run({ deadline: 69_999 }))).toEqual(['deferred'])
    expect(late.slept).toEqual([])
    const inTime = world({ 7: [['a']] }, { t: holds(['a', 'b']) })
    expect(outcomes(await inTime.run({ deadline: 70_000 }))).toEqual(['updated'])
  })

  it('points to a token that was mirrored before rather than to a new one', async () => {
    const w = world({ 7: [['a', 'c']] }, { t: holds(['b', 'c'], 'b') })
    await w.run()
    expect(w.value('t')).toBe(mirrored(['a', 'c'], { ApiToken: 'c' }))
  })

  it('names no version of a value that is damaged', async () => {
    const before = mirrored(['a', 'b', 'c'])
    const w = world({ 7: [['a']] }, { t: { state: 'value', marked: true, value: 'spoilt', before } })
    expect((await w.run()).Results).toMatchObject([{ Outcome: 'held', VersionId: null }])
  })

  it('says of its own document that it had lost the mark, in a dry run and when it puts that back', async () => {
    const unmarked: Reading = { state: 'value', marked: false, value: mirrored(['a']) }
    const { run } = world({ 7: [['a']] }, { t: unmarked, other: holds(['a']) })
    const Reason = expect.stringMatching(/^our own document had lost the mark, which is put back;/)
    expect((await run({ dryRun: true })).Results).toMatchObject([
      { Outcome: 'would-update', Reason },
      { Outcome: 'unchanged', Reason: null },
    ])
    expect((await run()).Results).toMatchObject([{ Outcome: 'updated', Reason }, { Outcome: 'unchanged' }])
  })

  it('says in a dry run why a target would be held', async () => {
    const { run } = world({ 7: [[]] }, { t: holds(['a']) })
    expect((await run({ dryRun: true })).Results).toMatchObject([
      { Outcome: 'would-hold', Reason: 'the list is empty' },
    ])
  })

  it('shows in a dry run what cannot be read', async () => {
    const { run } = world({ 7: [['a']] }, { ill: new Error('down'), t: { state: 'absent' } })
    expect((await run({ dryRun: true })).Results).toMatchObject([
      { Outcome: 'failed', Reason: 'down' },
      { Outcome: 'would-create' },
    ])
  })

  it('waits once for all applications', async () => {
    const mirrors = Array.from({ length: 20 }, (_, i) => mirror(i + 1, [`t${i + 1}`]))
    const w = world(
      Object.fromEntries(mirrors.map(({ subAppId }) => [`${subAppId}`, [['b']]])),
      Object.fromEntries(
        mirrors.map(({ subAppId }) => [
          `t${subAppId}`,
          {
            state: 'value',
            marked: true,
            value: mirrored(['a', 'b'], { ApiToken: 'a', SubAppId: subAppId }),
          },
        ]),
      ),
    )
    const report = await w.run({ mirrors })
    expect(new Set(outcomes(report))).toEqual(new Set(['updated']))
    expect(w.slept).toEqual([60_000])
  })
})

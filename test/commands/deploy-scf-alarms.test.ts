/**
 * The alarms of `npm run deploy:scf -- --alarms`, as the command made them in the simulator's CLS, over lines that the
 * functions really wrote: which past rings which.
 */
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { parseOptions } from '../../deploy/scf/options.ts'
import { tokenizer, wantWatch } from '../../deploy/scf/watch.ts'
import { planAlarms } from '../../deploy/scf/watch-plan.ts'
import { simulatedNotice } from '../../simulator/cls.ts'
import {
  type Index,
  type KeptLine,
  keep,
  parseCondition,
  parseQuery,
  readIndexRule,
  ring,
} from '../support/cls-query.ts'
import {
  type Deployment,
  listTokens,
  mirrorTokens,
  region,
  role,
  rotateTokens,
  rotation,
  rotationRole,
  secret,
  startDeployment,
  subAppId,
  withKeys,
  withRotation,
} from '../support/scf-deployment.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

type Fields = Readonly<Record<string, unknown>>

/** What a function wrote in each case: the last line, as CLS keeps it. */
const lines: Record<string, KeptLine['fields']> = {}
let alarms: readonly Fields[] = []
let index: Index

beforeAll(async () => {
  const deployment = await startDeployment()
  const { simulator, run } = deployment
  const settings = { ...withKeys, ...withRotation, AIGC_CACHE_SECONDS: '0', AIGC_TIMEOUT_MS: '1000' }
  simulator.scf.roles.add(rotationRole)
  const args = [...role, ...rotation, '--auth', 'NONE', '--alarms', simulatedNotice]
  const { exitCode, output } = await run(args, settings)
  expect(exitCode, output).toBe(0)
  alarms = simulator.cls.alarms(region).map((alarm) => ({ ...alarm }))
  index = readIndexRule(simulator.cls.topics(region)[0]?.Index?.Rule ?? {})
  await recordMirror(deployment)
  await recordList(deployment)
})

/** Keeps the line that a function wrote last. */
function record({ simulator }: Deployment, name: string, functionName: string): void {
  const written = simulator.scf
    .logs(region)
    .filter(({ FunctionName }) => FunctionName === functionName)
    .at(-1)
    ?.Log.split('\n')
    .filter((line) => line.startsWith('{'))
    .at(-1)
  lines[name] = { ...keep(written ?? ''), SCF_FunctionName: functionName }
}

async function recordMirror(deployment: Deployment): Promise<void> {
  const { simulator } = deployment
  const { vod, scf } = simulator
  const timer = async (name: string): Promise<void> => {
    await scf.runTimer(region, mirrorTokens)
    record(deployment, name, mirrorTokens)
  }
  const byHand = async (name: string, event: unknown): Promise<void> => {
    await call('Invoke', { FunctionName: mirrorTokens, ClientContext: JSON.stringify(event) })
    record(deployment, name, mirrorTokens)
  }
  await timer('created')
  await timer('unchanged')
  await recordRotation(deployment)
  await byHand('good by hand', {})
  await byHand('dry run by hand', { DryRun: true })
  await byHand('slip', { Typo: 1 })
  simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' }, 2, 'DescribeAigcApiTokens')
  await timer('failed')
  await byHand('failed by hand', {})
  await setMessage('{"DryRun":true}')
  await timer('dry run')
  await setMessage('')
  for (const token of vod.list(subAppId)) vod.delete(subAppId, token)
  await timer('held')
  await byHand('held by hand', {})
  const { Environment = {} } = scf.functions(region)[1] ?? {}
  const Variables = Object.entries({ ...Environment, AIGC_MIN_KEEP: '7' }).map(([Key, Value]) => ({
    Key,
    Value,
  }))
  await call('UpdateFunctionConfiguration', { FunctionName: mirrorTokens, Environment: { Variables } })
  await timer('wrong setting')

  async function setMessage(CustomArgument: string): Promise<void> {
    await call('UpdateTrigger', {
      FunctionName: mirrorTokens,
      TriggerName: 'schedule',
      Type: 'timer',
      CustomArgument,
    })
  }
  /** Waits until SCF has done it. */
  async function call(action: string, input: Fields): Promise<void> {
    await scf.service.actions.get(action)?.(input, { secretId: secret.id, region })
    await vi.waitUntil(() => scf.functions(region)[1]?.Status === 'Active')
  }
}

/** While there is nothing to do, and when that cannot be found out. */
async function recordRotation(deployment: Deployment): Promise<void> {
  const { simulator } = deployment
  const timer = async (name: string): Promise<void> => {
    await simulator.scf.runTimer(region, rotateTokens)
    record(deployment, name, rotateTokens)
  }
  await timer('rotation begins')
  await timer('rotation waits')
  const invoke = simulator.scf.service.actions.get('Invoke')
  simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' }, 2, 'DescribeAigcApiTokens')
  await timer('rotation failed')
  await invoke?.({ FunctionName: rotateTokens, ClientContext: '{}' }, { secretId: secret.id, region })
  record(deployment, 'rotation failed by hand', rotateTokens)
  const damaged = { SecretName: 'prod-aigc-rotation', VersionId: 'current', SecretString: 'no record' }
  simulator.ssm.service.actions.get('UpdateSecret')?.(damaged, { secretId: secret.id, region })
  await timer('rotation held')
  // What takes days: the line of a run that waits, with other numbers.
  const line = lines['rotation waits'] ?? {}
  lines['rotation stuck'] = { ...line, stuck: 1 }
  lines['rotation deleted'] = { ...line, outcome: 'advanced', deleted: 1 }
  lines['rotation deleted by hand'] = { ...line, outcome: 'advanced', deleted: 1, trigger: 'manual' }
}

async function recordList(deployment: Deployment): Promise<void> {
  const { simulator } = deployment
  const triggers = simulator.scf.functions(region)[0]?.Triggers
  const url = JSON.parse(triggers?.[0]?.TriggerDesc ?? '{}').NetConfig.ExtranetUrl
  const ask = async (name: string, key: string, status: number): Promise<void> => {
    const answer = await fetch(`${url}/tokens`, { headers: { authorization: `Bearer ${key}` } })
    expect(answer.status, await answer.text()).toBe(status)
    record(deployment, name, listTokens)
  }
  simulator.fail({ kind: 'reset' }, 100, 'DescribeAigcApiTokens')
  await ask('bad gateway', secret.apiKey, 502)
  simulator.clearFaults()
  await ask('served', secret.apiKey, 200)
  simulator.fail({ kind: 'reset' }, 100, 'DescribeAigcApiTokens')
  await ask('stale', secret.apiKey, 200)
  simulator.clearFaults()
  await ask('refused', 'wrong', 401)
}

/** In minutes. */
const hour = 60
const day = 24 * hour

/** A line of each of `names` every `period`, a minute apart, from `from` on and before `to`. */
function every(period: number, names: readonly string[], from: number, to: number): KeptLine[] {
  const past: KeptLine[] = []
  for (let at = from; at < to; at += period)
    for (const [retry, name] of names.entries()) {
      const fields = lines[name]
      if (!fields) throw new Error(`no line was written for ${name}`)
      past.push({ at: at + retry, fields })
    }
  return past
}

/** When the alarms ring, whatever the minute and second of their looks: from the earliest first to the latest. */
function ringAll(
  all: readonly Fields[],
  past: readonly KeptLine[],
  { from, to }: { from: number; to: number },
): Record<string, { first: number; latest: number; always: boolean }> {
  const rings: Record<string, { first: number; latest: number; always: boolean }> = {}
  for (const alarm of all) {
    const { Time } = alarm['MonitorTime'] as { Time: number }
    const phases = Math.min(Time * 2, 10)
    const looks = Array.from({ length: phases }, (_, one) => from + (one * Time) / phases + 0.01)
    const firsts = looks.map((look) => ring(alarm, index, past, { from: look, to })[0])
    const rung = firsts.filter((first) => first !== undefined)
    const name = String(alarm['Name']).replace('vod-aigc-tokens-dev-', '')
    if (rung.length > 0)
      rings[name] = {
        first: Math.min(...rung),
        latest: Math.max(...rung),
        always: rung.length === firsts.length,
      }
  }
  return rings
}

const healthy = (from: number, to: number): KeptLine[] => every(5, ['unchanged'], from, to)
/** Both functions are well. */
const turning = (from: number, to: number): KeptLine[] => [
  ...healthy(from, to),
  ...every(15, ['rotation waits'], from, to),
]
/** Of a run and its second try. */
const failing = ['failed', 'failed']

describe('the alarms of deploy:scf', () => {
  it('are four, with --rotation seven, on lines that the functions write', () => {
    expect(alarms.map(({ Name }) => Name)).toEqual([
      'vod-aigc-tokens-dev-mirror-stale',
      'vod-aigc-tokens-dev-mirror-failed',
      'vod-aigc-tokens-dev-mirror-held',
      'vod-aigc-tokens-dev-upstream-errors',
      'vod-aigc-tokens-dev-rotation-failed',
      'vod-aigc-tokens-dev-rotation-stuck',
      'vod-aigc-tokens-dev-rotation-deletions',
    ])
    for (const name of ['stuck', 'deleted']) expect(lines['rotation waits']).toHaveProperty(name, 0)
    const told = Object.entries(lines).map(([name, { trigger, outcome, good, dryRun }]) => [
      name,
      ...[trigger, outcome, good, dryRun],
    ])
    expect(told).toEqual([
      ['created', 'scf-timer', 'created', 1, 0],
      ['unchanged', 'scf-timer', 'unchanged', 1, 0],
      ['rotation begins', 'scf-timer', 'advanced', 1, 0],
      ['rotation waits', 'scf-timer', 'waiting', 1, 0],
      ['rotation failed', 'scf-timer', 'failed', 0, 0],
      ['rotation failed by hand', 'manual', 'failed', 0, 0],
      ['rotation held', 'scf-timer', 'held', 0, 0],
      ['rotation stuck', 'scf-timer', 'waiting', 1, 0],
      ['rotation deleted', 'scf-timer', 'advanced', 1, 0],
      ['rotation deleted by hand', 'manual', 'advanced', 1, 0],
      ['good by hand', 'manual', 'unchanged', 1, 0],
      ['dry run by hand', 'manual', 'unchanged', 1, 1],
      ['slip', 'manual', 'failed', 0, undefined],
      ['failed', 'scf-timer', 'failed', 0, 0],
      ['failed by hand', 'manual', 'failed', 0, 0],
      ['dry run', 'scf-timer', 'unchanged', 1, 1],
      ['held', 'scf-timer', 'held', 0, 0],
      ['held by hand', 'manual', 'held', 0, 0],
      ['wrong setting', 'scf-timer', 'failed', 0, undefined],
      ['bad gateway', 'scf-web', 'failed', 0, undefined],
      ['served', 'scf-web', 'served', 1, undefined],
      ['stale', 'scf-web', 'stale', 1, undefined],
      ['refused', 'scf-web', 'refused', 1, undefined],
    ])
  })

  type Past = [what: string, past: () => KeptLine[], rings: Record<string, object>]
  const certain = (first: number, latest: number): object => ({
    first: expect.closeTo(first, 0),
    latest: expect.closeTo(latest, 0),
    always: true,
  })
  it.each<Past>([
    ['runs are good', () => healthy(0, 6 * hour), {}],
    ['the first run comes a period after the deployment', () => healthy(5, 6 * hour), {}],
    [
      'each run fails and succeeds at its second try',
      () => every(5, ['failed', 'unchanged'], 0, 6 * hour),
      {},
    ],
    ['nothing ever runs', () => [], { 'mirror-stale': certain(5, 6) }],
    [
      'runs stop after an hour',
      () => healthy(0, hour),
      // The last is at 55.
      { 'mirror-stale': certain(70, 71) },
    ],
    [
      'both tries of one run fail',
      () => [...healthy(0, hour), ...every(5, failing, hour, hour + 1), ...healthy(hour + 5, 6 * hour)],
      { 'mirror-failed': certain(hour + 1, hour + 2) },
    ],
    [
      'runs fail from an hour on',
      () => [...healthy(0, hour), ...every(5, failing, hour, 6 * hour)],
      { 'mirror-failed': certain(hour + 1, hour + 2), 'mirror-stale': certain(70, 71) },
    ],
    [
      'a setting is wrong from an hour on',
      () => [...healthy(0, hour), ...every(5, ['wrong setting', 'wrong setting'], hour, 6 * hour)],
      { 'mirror-failed': certain(hour + 1, hour + 2), 'mirror-stale': certain(70, 71) },
    ],
    [
      'the mirror holds from an hour on',
      () => [...healthy(0, hour), ...every(5, ['held', 'held'], hour, 6 * hour)],
      { 'mirror-held': certain(hour, hour + 1) },
    ],
    [
      'somebody tries things by hand',
      () => [
        ...healthy(0, 6 * hour),
        ...every(2, ['slip', 'dry run by hand', 'failed by hand', 'held by hand'], hour, 2 * hour),
      ],
      {},
    ],
    [
      'only somebody’s runs are good',
      () => [...healthy(0, hour), ...every(5, ['good by hand', 'dry run by hand'], hour, 6 * hour)],
      { 'mirror-stale': certain(70, 71) },
    ],
    [
      'the timer’s input makes its runs dry ones',
      () => [...healthy(0, hour), ...every(5, ['dry run'], hour, 6 * hour)],
      { 'mirror-stale': certain(70, 71) },
    ],
    [
      'requests are served, and some refused',
      () => [...healthy(0, 6 * hour), ...every(1, ['served', 'refused'], 0, 6 * hour)],
      {},
    ],
    [
      'one request meets a failure of Tencent',
      () => [...healthy(0, 6 * hour), ...every(1, ['bad gateway'], hour, hour + 1)],
      {},
    ],
    [
      'requests meet failures for ten minutes and more',
      () => [...healthy(0, 6 * hour), ...every(1, ['bad gateway', 'served'], hour, hour + 11)],
      { 'upstream-errors': certain(hour + 5, hour + 10) },
    ],
    [
      'callers get an old list',
      () => [...healthy(0, 6 * hour), ...every(1, ['stale'], hour, 2 * hour)],
      { 'upstream-errors': certain(hour + 5, hour + 10) },
    ],
    [
      'a rotation waits, and deletes a token',
      () => [...turning(0, 6 * hour), ...every(day, ['rotation deleted'], hour, 6 * hour)],
      {},
    ],
    [
      'each run of a rotation fails and succeeds at its second try',
      () => [...healthy(0, 6 * hour), ...every(15, ['rotation failed', 'rotation waits'], 0, 6 * hour)],
      {},
    ],
    [
      'both tries of one run of a rotation fail',
      () => [
        ...healthy(0, 6 * hour),
        ...every(15, ['rotation waits'], 0, hour),
        ...every(15, ['rotation failed', 'rotation failed'], hour, hour + 1),
        ...every(15, ['rotation waits'], hour + 15, 6 * hour),
      ],
      { 'rotation-failed': certain(hour + 1, hour + 5) },
    ],
    [
      'a rotation is held from an hour on',
      () => [
        ...healthy(0, 6 * hour),
        ...every(15, ['rotation waits'], 0, hour),
        ...every(15, ['rotation held', 'rotation held'], hour, 6 * hour),
      ],
      { 'rotation-failed': certain(hour + 1, hour + 5) },
    ],
    [
      'somebody’s runs of a rotation fail',
      () => [...turning(0, 6 * hour), ...every(1, ['rotation failed by hand'], hour, 2 * hour)],
      {},
    ],
    [
      'a rotation is stuck from an hour on',
      () => [
        ...healthy(0, 6 * hour),
        ...every(15, ['rotation waits'], 0, hour),
        ...every(15, ['rotation stuck'], hour, 6 * hour),
      ],
      { 'rotation-stuck': certain(hour, hour + 4) },
    ],
    [
      'two tokens are deleted within hours',
      () => [
        ...turning(0, 6 * hour),
        ...every(day, ['rotation deleted'], hour, 2 * hour),
        ...every(day, ['rotation deleted by hand'], 4 * hour, 5 * hour),
      ],
      { 'rotation-deletions': certain(4 * hour, 4 * hour + 13.5) },
    ],
  ])('ring as they should when %s', (_, past, rings) => {
    expect(ringAll(alarms, past(), { from: 0, to: 6 * hour })).toEqual(rings)
  })

  it.each([
    ['0 * * * * * *', 1],
    ['0 */10 * * * * *', 10],
    ['0 0 * * * * *', hour],
    ['0 0 */8 * * * *', 8 * hour],
    ['0 0 3 * * * *', day],
  ])('follow the schedule %s', (schedule, period) => {
    const options = parseOptions(['--role', 'r', '--schedule', schedule, '--alarms', simulatedNotice])
    if ('problems' in options) throw new Error(options.problems.join())
    const none = { noticeExists: true, logsetId: 'l', topic: null, index: null, alarms: [] }
    const { steps } = planAlarms(wantWatch(simulatedNotice, options), none)
    const wanted = steps.map(({ parameters }) => parameters)
    // Within what CLS takes.
    for (const { TriggerCount, AlarmTargets } of wanted as {
      TriggerCount: number
      AlarmTargets: Fields[]
    }[]) {
      expect(TriggerCount).toBeLessThanOrEqual(10)
      for (const { StartTimeOffset } of AlarmTargets) expect(StartTimeOffset).toBeGreaterThanOrEqual(-day)
    }
    const to = 12 * Math.max(period, 5)
    const span = { from: 0, to }
    expect(ringAll(wanted, every(period, ['unchanged'], period / 2, to), span)).toEqual({})
    expect(ringAll(wanted, every(period, ['failed', 'unchanged'], period / 2, to), span)).toEqual({})
    const silent = ringAll(wanted, every(period, ['unchanged'], 0, to / 3), span)
    // From the last good run on: three periods, and up to another look.
    const { first = 0, latest = 0 } = silent['mirror-stale'] ?? {}
    const last = to / 3 - period
    expect([first, latest].map((at) => (at - last) / Math.max(period, 5))).toEqual([
      expect.closeTo(3, 0),
      expect.closeTo(3.25, 0),
    ])
    expect(Object.keys(silent)).toEqual(['mirror-stale'])
    const failed = ringAll(wanted, every(period, failing, 0, to), span)
    expect(failed).toMatchObject({ 'mirror-failed': { always: true }, 'mirror-stale': { always: true } })
  })
})

describe('the alarms of deploy:scf --rotation', () => {
  const wanted = (args: string[], env: Record<string, string> = {}): Fields[] => {
    const given = ['--role', 'r', ...rotation, ...args, '--alarms', simulatedNotice]
    const options = parseOptions(given)
    if ('problems' in options) throw new Error(options.problems.join())
    const none = { noticeExists: true, logsetId: 'l', topic: null, index: null, alarms: [] }
    const { steps } = planAlarms(wantWatch(simulatedNotice, options, env), none)
    return steps.map(({ parameters }) => parameters).slice(4)
  }

  it.each([
    ['0 * * * * * *', 1],
    ['0 0 * * * * *', hour],
    ['0 0 3 * * MON *', 7 * day],
  ])('follow the schedule %s', (schedule, period) => {
    const all = wanted(['--rotation-schedule', schedule])
    const span = { from: 0, to: 12 * Math.max(period, 5) }
    const runs = (...names: string[]): KeptLine[] => every(period, names, 0, span.to)
    expect(ringAll(all, runs('rotation failed', 'rotation waits'), span)).toEqual({})
    const failed = ringAll(all, runs('rotation failed', 'rotation failed'), span)
    expect(failed).toEqual({ 'rotation-failed': expect.objectContaining({ always: true }) })
    const stuck = ringAll(all, runs('rotation stuck'), span)
    expect(stuck).toEqual({ 'rotation-stuck': expect.objectContaining({ always: true }) })
  })

  it('let each application have one deletion a day', () => {
    const span = { from: 0, to: day }
    const two = { AIGC_SUB_APP_IDS: '251006666,251006667' }
    const deletions = (count: number): KeptLine[] => every(60, ['rotation deleted'], 0, count * 60)
    expect(ringAll(wanted([], two), deletions(2), span)).toEqual({})
    expect(Object.keys(ringAll(wanted([], two), deletions(3), span))).toEqual(['rotation-deletions'])
    const daily = every(day, ['rotation deleted'], 0, 5 * day)
    expect(ringAll(wanted([]), daily, { from: 0, to: 5 * day })).toEqual({})
    const both = deletions(1).map(({ at, fields }) => ({ at, fields: { ...fields, deleted: 2 } }))
    expect(ringAll(wanted([], two), both, span)).toEqual({})
    expect(Object.keys(ringAll(wanted([]), both, span))).toEqual(['rotation-deletions'])
  })
})

describe('the evaluator of alarms', () => {
  const small: Index = new Map([
    ['event', { type: 'text', tokenizer }],
    ['held', { type: 'long', tokenizer: '' }],
  ])
  it.each([
    ['event:"a" | select avg(held) as n', 'SQL that is not known'],
    ['event:"a" | select sum(event) as n', 'cannot be summed: event'],
    ['event:"a" | select sum(none) as n', 'cannot be summed: none'],
    ['event:"a" | select count(*) as n group by event', 'SQL that is not known'],
    ['event:"a"', 'SQL that is not known'],
    ['evnt:"a" | select count(*) as n', 'not in the index: evnt'],
    ['event:>3 | select count(*) as n', 'event is no whole number'],
    ['held:"3" | select count(*) as n', 'held is no text'],
    ['event:"a" held:3 | select count(*) as n', 'a search that is not known'],
    ['event:a | select count(*) as n', 'a search that is not known'],
    ['(held:3 | select count(*) as n', 'a bracket is open'],
    ['held:3 AND | select count(*) as n', 'ends too early'],
    ['event:"a*" | select count(*) as n', 'a phrase that is not known'],
    ['held > 0 | select count(*) as n', 'a search that is not known'],
  ])('refuses %s', (query, message) => {
    expect(() => parseQuery(query, small)).toThrow(message)
  })

  it.each(['$1.n', '$1.n > 1 & $2.n < 1', '$1.n != 1', '[$1.n] > 1', '($1.n > 1)'])('refuses %s', (text) => {
    expect(() => parseCondition(text)).toThrow('a condition that is not known')
  })

  it('looks for whole words, and for nothing that CLS drops; knows nothing of the sum of none', () => {
    const fits = (search: string, line: object): boolean =>
      parseQuery(`${search} | select count(*) as n`, small).fits({
        at: 0,
        fields: keep(JSON.stringify(line)),
      })
    expect(fits('event:"mirror-tokens"', { event: 'mirror-tokens' })).toBe(true)
    expect(fits('event:"mirror"', { event: 'mirror-tokens' })).toBe(false)
    expect(fits('event:"b c"', { event: 'a b, c' })).toBe(true)
    expect(fits('event:"a"', { event: ['a'] })).toBe(false)
    expect(fits('held:1', { held: true })).toBe(false)
    expect(fits('NOT held:1', { held: null })).toBe(true)
    expect(fits('held:1 OR event:"a" AND held:2', { held: 1 })).toBe(true)
    const { aggregate } = parseQuery('event:"a" | select sum(held) as n', small)
    expect([aggregate([]), aggregate([1, 2].map((held) => ({ at: 0, fields: { held } })))]).toEqual([null, 3])
    for (const condition of ['$1.n > 0', '$1.n < 1'])
      expect(parseCondition(condition)(new Map([[1, { n: null }]]))).toBe(false)
    expect(() => parseCondition('$1.m > 0')(new Map([[1, { n: 1 }]]))).toThrow('no query gives $1.m > 0')
  })
})

/**
 * When the alarms ring, and when not: histories of a day, made of the lines that the functions write and of what Lambda and API
 * Gateway count, watched by the alarms of the compiled template.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { createRandom, type Random } from '../../simulation/random.ts'
import {
  createComposite,
  createMetrics,
  evaluateAlarm,
  evaluateExpression,
  evaluateRule,
  type Metrics,
  metricKey,
  type Told,
  watch,
} from '../../support/cloudwatch-alarms.ts'
import { matchesPattern } from '../../support/log-filter.ts'
import type { Resource, Template } from '../../support/serverless-cli.ts'
import { cli, params, resource } from './cases.ts'
import { type Line, listName, mirrorName, recordLines, rotationName } from './lines.ts'

const schedules = [1, 5, 15, 60] as const
type Minutes = (typeof schedules)[number]
const templates = new Map<Minutes, Template>()
let lines: ReadonlyMap<string, Line>

beforeAll(async () => {
  lines = await recordLines()
  for (const minutes of schedules) {
    const schedule = minutes === 60 ? 'rate(1 hour)' : `rate(${minutes} minute${minutes === 1 ? '' : 's'})`
    const given = {
      subAppIds: '1500000001',
      schedule,
      alarmTopicArn: 'arn:aws:sns:us-east-1:123456789012:alarms',
      rotation: 'true',
    }
    expect((await cli.run(['package', ...params(given)])).output).toContain('Service packaged')
    templates.set(minutes, cli.readTemplate())
  }
}, 180_000)

/** A stack whose alarms watch what happens to it. Times are minutes, from 0. */
function createWorld(every: Minutes, random: Random) {
  const template = templates.get(every)
  if (!template) throw new Error(`no template for ${every} minutes`)
  const all = Object.entries(template.Resources)
  const only = (type: string): [string, Resource][] => all.filter(([, { Type }]) => Type === type)
  const alarms = [...only('AWS::CloudWatch::Alarm'), ...only('AWS::CloudWatch::CompositeAlarm')]
  const filters = only('AWS::Logs::MetricFilter').map(([, { Properties }]) => Properties)
  const metrics: Metrics = createMetrics()
  const resolve = (reference: unknown): string => {
    const { Ref } = reference as { Ref?: string }
    if (Ref === 'ListDashtokensLambdaFunction') return listName
    if (Ref === 'MirrorDashtokensLambdaFunction') return mirrorName
    if (Ref === 'RotateDashtokensLambdaFunction') return rotationName
    return typeof reference === 'string' ? reference : (Ref ?? '')
  }
  const unknowns = { extra: random.pick([0, 2]), shuffle: random.shuffle }
  const watched = watch(alarms, 'vod-aigc-tokens-dev-', metrics, unknowns, resolve)

  function put(
    namespace: string,
    name: string,
    dimensions: Record<string, string>,
    at: number,
    value: number,
  ): void {
    const minute = Math.floor(at)
    // In the minute itself, or one or two later.
    metrics.put(metricKey(namespace, name, dimensions), {
      minute,
      value,
      arrives: minute + random.between(0, 2),
    })
  }
  function filter(group: string, line: Line, at: number): void {
    for (const { LogGroupName, FilterPattern, MetricTransformations } of filters)
      if (LogGroupName.Ref === group && matchesPattern(FilterPattern, line))
        for (const { MetricNamespace, MetricName, MetricValue, Dimensions = [] } of MetricTransformations) {
          const named = Dimensions.map(({ Key, Value }: Resource['Properties']) => [
            Key,
            String(line[Value.slice(2)]),
          ])
          put(MetricNamespace, MetricName, Object.fromEntries(named), at, Number(MetricValue))
        }
  }
  const scheduled = (name: string, logicalName: string, schedule: string) => ({
    name,
    limitSeconds: template.Resources[`${logicalName}LambdaFunction`]?.Properties.Timeout,
    retries: template.Resources[`${logicalName}LambdaEvConf`]?.Properties,
    jitterMinutes: template.Resources[schedule]?.Properties.FlexibleTimeWindow.MaximumWindowInMinutes ?? 0,
  })
  return {
    every,
    random,
    mirror: { ...scheduled(mirrorName, 'MirrorDashtokens', 'Schedule'), every },
    rotation: { ...scheduled(rotationName, 'RotateDashtokens', 'RotationSchedule'), every: 15 },
    /** A line of one of the functions, with the metrics that are embedded in it and those that filters find in it. */
    write(situation: string, at: number): void {
      const line = lines.get(situation)
      if (!line) throw new Error(`no line of ${situation}`)
      const { _aws } = line as { _aws?: Resource['Properties'] }
      for (const { Namespace, Dimensions, Metrics: named } of _aws?.CloudWatchMetrics ?? []) {
        const dimensions = Object.fromEntries(Dimensions[0].map((name: string) => [name, String(line[name])]))
        for (const { Name } of named) put(Namespace, Name, dimensions, at, Number(line[Name]))
      }
      filter(
        line['event'] === 'list-tokens' ? 'ListDashtokensLogGroup' : 'MirrorDashtokensLogGroup',
        line,
        at,
      )
    },
    ofLambda: (name: string, functionName: string, at: number) =>
      put('AWS/Lambda', name, { FunctionName: functionName }, at, 1),
    /** A request, as API Gateway counts and logs it. */
    answer(status: number, latencyMs: number, at: number): void {
      const dimensions = { ApiId: 'HttpApi', Stage: '$default' }
      put('AWS/ApiGateway', 'Count', dimensions, at, 1)
      put('AWS/ApiGateway', '4xx', dimensions, at, status >= 400 && status < 500 ? 1 : 0)
      put('AWS/ApiGateway', '5xx', dimensions, at, status >= 500 ? 1 : 0)
      put('AWS/ApiGateway', 'Latency', dimensions, at, latencyMs)
      const { Format } = template.Resources['HttpApiStage']?.Properties.AccessLogSettings ?? {}
      filter('HttpApiLogGroup', JSON.parse(Format.replaceAll('$context.status', String(status))), at)
    },
    /** What is told until then. */
    watch(until: number): Told[] {
      const told: Told[] = []
      for (let minute = 0; minute < until; minute++) told.push(...watched.evaluate(minute))
      return told
    },
  }
}
type World = ReturnType<typeof createWorld>

/** What a run does: writes one of these lines, or dies without any. */
type Run = 'good' | 'crowded' | 'failed' | 'held' | 'held and failed' | 'no key' | 'killed'

function runMirror(
  world: World,
  until: number,
  runAt: (minute: number) => Run,
  isOn?: (minute: number) => boolean,
): void {
  runScheduled(world, world.mirror, until, (at) => [runAt(at), ['good']], isOn)
}

/** The same of rotate-tokens; situations are told without that word. */
type RotationRun = 'waits' | 'deletes' | 'stuck' | 'failed' | 'stuck and failed' | 'held' | 'killed'

function runRotation(world: World, until: number, runAt: (minute: number) => RotationRun): void {
  const good = ['rotation waits', 'rotation deletes', 'rotation stuck']
  runScheduled(world, world.rotation, until, (at) => {
    const run = runAt(at)
    return [run === 'killed' ? run : `rotation ${run}`, good]
  })
}

/**
 * The schedule and Lambda's queue in front of a function: one run at a time, a second try a minute after the first, and an
 * event that is given up is counted.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
function runScheduled(
  world: World,
  { name, every, jitterMinutes, limitSeconds, retries }: World['mirror'] | World['rotation'],
  until: number,
  /** Gives the situation, and which of them are good. */
  runAt: (minute: number) => readonly [run: string, good: readonly string[]],
  isOn: (minute: number) => boolean = () => true,
): void {
  const { random } = world
  const maxAge = retries.MaximumEventAgeInSeconds / 60
  interface Try {
    readonly at: number
    readonly since: number
    readonly left: number
  }
  const queue: Try[] = []
  for (let due = every; due < until; due += every) {
    const at = due + random.next() * jitterMinutes
    if (isOn(due)) queue.push({ at, since: at, left: retries.MaximumRetryAttempts })
  }
  let freeAt = 0
  while (queue.length > 0) {
    queue.sort((one, other) => one.at - other.at)
    const { at, since, left } = queue.shift() as Try
    const giveUp = (when: number): void => world.ofLambda('AsyncEventsDropped', name, when)
    if (at - since > maxAge) {
      giveUp(since + maxAge)
      continue
    }
    if (at < freeAt) {
      queue.push({ at: at + random.between(1, 20) / 60, since, left })
      continue
    }
    const [run, good] = runAt(at)
    // Now and then a token leaves, and the run waits for AIGC_SETTLE_SECONDS.
    const seconds =
      run === 'killed' ? limitSeconds : random.chance(0.05) ? random.between(61, 75) : random.between(1, 20)
    freeAt = at + seconds / 60
    if (run !== 'killed') world.write(run, freeAt)
    if (good.includes(run)) continue
    if (left > 0) queue.push({ at: freeAt + 1 + random.next() / 6, since, left: left - 1 })
    else giveUp(freeAt + random.next() / 2)
  }
}

const hiccups: readonly [Run, ...Run[]] = ['failed', 'held', 'held and failed', 'killed']

/** What a request meets: a line's situation with the status, or what no function sees. */
type Met =
  | 'served'
  | 'refused'
  | 'stale'
  | 'upstream-failed'
  | 'throttled'
  | 'own-failure'
  | 'turned away'
  | '429'

function ask(world: World, at: number, met: Met, latencyMs: number): void {
  if (met === 'turned away') world.ofLambda('Throttles', listName, at)
  if (met === 'turned away' || met === '429') world.answer(met === '429' ? 429 : 503, 2, at)
  else {
    world.write(met, at)
    world.answer(Number(lines.get(met)?.['status']), latencyMs, at)
  }
}

/** Requests at this rate a minute. `meet` says what becomes of one, and how long it takes. */
function askAll(
  world: World,
  { from = 0, until, rate }: { from?: number; until: number; rate: number },
  meet: (minute: number) => [Met, latencyMs?: number] = () => ['served'],
): void {
  const { random } = world
  for (let at = from + random.next() / rate; at < until; at += (0.5 + random.next()) / rate) {
    const [met, latencyMs = random.between(5, 900)] = random.chance(0.02) ? (['refused'] as const) : meet(at)
    ask(world, at, met, latencyMs)
  }
}

function rung(told: readonly Told[]): string[] {
  return told.filter(({ state }) => state === 'ALARM').map(({ alarm }) => alarm)
}

/** Runs a history in several worlds that differ in all that chance decides. */
function inWorlds(every: Minutes, play: (world: World, seed: number) => void): void {
  for (let seed = 1; seed <= 5; seed++) play(createWorld(every, createRandom(1000 * every + seed)), seed)
}

/** The last good run before trouble begins at `onset` is in the period before. */
const onset = 300
/** By when somebody is told of `trouble`, in minutes after its first run would have been good. */
const toldWithin = {
  failing: { 1: 8, 5: 8, 15: 12, 60: 22 },
  silent: { 1: 18, 5: 25, 15: 50, 60: 185 },
} as const

describe.each(schedules)('with a run every %d minutes', (every) => {
  const day = every === 60 ? 1300 : 700

  it('nobody is told while all is well', () => {
    inWorlds(every, (world) => {
      runMirror(world, day, () => 'good')
      askAll(world, { until: day, rate: 0.3 })
      expect(rung(world.watch(day))).toEqual([])
    })
  })

  it('nobody is told of a try that fails, is held or dies where the next one is good', () => {
    inWorlds(every, (world) => {
      // The first one is good.
      let last: Run = 'killed'
      runMirror(world, day, () => {
        last = last !== 'good' || world.random.chance(0.75) ? 'good' : world.random.pick(hiccups)
        return last
      })
      expect(rung(world.watch(day))).toEqual([])
    })
  })

  it('nobody is told of what somebody does by hand', () => {
    inWorlds(every, (world) => {
      runMirror(world, day, () => 'good')
      for (let at = 100; at < day; at += world.random.between(1, 90))
        world.write(
          world.random.pick([
            'typo',
            'typo beside a confirmation',
            'dry run',
            'good',
            'failed',
            'held',
          ] as const),
          at + world.random.next(),
        )
      expect(rung(world.watch(day))).toEqual([])
    })
  })

  it('only mirror-stale tells while somebody tries by hand and the schedule is off', () => {
    inWorlds(every, (world) => {
      runMirror(
        world,
        day,
        () => 'good',
        (at) => at < onset,
      )
      for (let at = onset + 3 * every; at < day; at += world.random.between(1, 3 * every))
        world.write(world.random.pick(['typo', 'no key', 'failed', 'held'] as const), at)
      expect(rung(world.watch(day)).filter((alarm) => alarm !== 'mirror-stale')).toEqual([])
    })
  })

  it('nobody is told of a deployment, after which a schedule begins anew', () => {
    inWorlds(every, (world) => {
      const at = onset + world.random.between(0, every)
      runMirror(
        world,
        day,
        () => 'good',
        (minute) => minute < at || minute >= at + every,
      )
      expect(rung(world.watch(day))).toEqual([])
    })
  })

  it('one alarm tells of a new stack that waits for its key, and of its end', () => {
    inWorlds(every, (world) => {
      runMirror(world, day, (at) => (at < 600 ? 'no key' : 'good'))
      const told = world.watch(day)
      expect(rung(told)).toEqual(['mirror-failed'])
      const [, over] = told.filter(({ alarm, minute }) => alarm === 'mirror-failed' && minute > 0)
      expect(over).toMatchObject({ state: 'OK' })
      expect(over?.minute).toBeGreaterThanOrEqual(600)
    })
  })

  const failing: [Run, string[]][] = [
    ['failed', ['mirror-failed']],
    ['no key', ['mirror-failed']],
    ['held', ['mirror-held']],
    ['crowded', ['token-limit']],
    ['held and failed', ['mirror-failed', 'mirror-held']],
  ]
  it.each(failing)(
    'runs that end as %s are told of by %j, once, in time, and so is their end',
    (run, expected) => {
      inWorlds(every, (world) => {
        const end = onset + 10 * every
        runMirror(world, day, (at) => (at < onset || at >= end ? 'good' : run))
        const all = world.watch(day)
        expect(rung(all).sort()).toEqual(expected)
        const told = all.filter(({ minute }) => minute >= onset)
        const first = told[0]?.minute ?? Number.NaN
        expect(first).toBeGreaterThanOrEqual(onset)
        expect(first).toBeLessThanOrEqual(onset + every + toldWithin.failing[every])
        const over = told.filter(({ state }) => state === 'OK')
        expect(over.map(({ alarm }) => alarm).sort()).toEqual(expected)
        for (const { minute } of over)
          expect(minute).toBeLessThanOrEqual(end + every + toldWithin.failing[every])
      })
    },
  )

  const silent: [string, (world: World) => void][] = [
    [
      'the schedule is off',
      (world) =>
        runMirror(
          world,
          day,
          () => 'good',
          (at) => at < onset,
        ),
    ],
    ['runs die', (world) => runMirror(world, day, (at) => (at < onset ? 'good' : 'killed'))],
  ]
  it.each(silent)('mirror-stale tells once that %s, in time', (_, play) => {
    inWorlds(every, (world) => {
      play(world)
      const all = world.watch(day)
      expect(rung(all)).toEqual(['mirror-stale'])
      const told = all.filter(({ minute }) => minute >= onset)
      expect(told).toHaveLength(1)
      const minute = told[0]?.minute ?? Number.NaN
      expect(minute).toBeGreaterThanOrEqual(onset + Math.max(15, 3 * every) - every)
      expect(minute).toBeLessThanOrEqual(onset + toldWithin.silent[every])
    })
  })
})

describe.each([0.3, 2, 20])('with %d requests a minute', (rate) => {
  const until = 180
  /** When trouble begins and when it ends. */
  const [begin, end] = [50, until - 50]

  it('nobody is told of cold starts, of callers who are refused, and of trouble of five minutes', () => {
    for (const hiccup of ['upstream-failed', 'own-failure', 'throttled', 'stale'] as const)
      inWorlds(5, (world, seed) => {
        runMirror(world, until, () => 'good')
        const at = begin + seed / 2
        askAll(world, { until, rate }, (minute) =>
          minute >= at && minute < at + 4.5 ? [hiccup] : ['served'],
        )
        expect(rung(world.watch(until))).toEqual([])
      })
  })

  it('nobody is told of two minutes of too many requests', () => {
    for (const turned of ['429', 'turned away'] as const)
      inWorlds(5, (world) => {
        runMirror(world, until, () => 'good')
        askAll(world, { until, rate })
        for (let at = begin; at < begin + 2; at += 0.02) ask(world, at, turned, 2)
        expect(rung(world.watch(until))).toEqual([])
      })
  })

  const troubles: [string, string, (random: Random) => [Met, number?]][] = [
    ['upstream-errors', 'Tencent refuses', () => ['upstream-failed']],
    ['upstream-errors', 'Tencent throttles', () => ['throttled', 9000]],
    ['upstream-errors', 'Tencent fails and there are old lists', () => ['stale', 2600]],
    ['5xx', 'a secret in AWS is missing', () => ['own-failure']],
    ['slow', 'Tencent answers after four seconds', () => ['served', 4000]],
  ]
  it.each(troubles)('%s tells once that %s, within 17 minutes, and of its end', (alarm, _, meet) => {
    // So few requests leave five minutes without any, which no alarm can tell from good ones.
    const [steady, within] = rate < 1 ? [1, 25] : [rate, 17]
    inWorlds(5, (world) => {
      runMirror(world, until, () => 'good')
      askAll(world, { until, rate: steady }, (minute) =>
        minute < begin || minute >= end ? ['served'] : meet(world.random),
      )
      const told = world.watch(until).filter(({ minute }) => minute > 30)
      expect(told.map(({ alarm, state }) => [alarm, state])).toEqual([
        [alarm, 'ALARM'],
        [alarm, 'OK'],
      ])
      expect(told[0]?.minute).toBeLessThanOrEqual(begin + within)
    })
  })

  const crowds: [string, Met][] = [
    ['throttles', 'turned away'],
    ['429', '429'],
  ]
  it.each(crowds)('%s tells within 6 minutes that requests are turned away, once', (alarm, turned) => {
    inWorlds(5, (world) => {
      runMirror(world, until, () => 'good')
      askAll(world, { until, rate })
      askAll(world, { from: begin, until: end, rate: Math.max(rate, 4) }, () => [turned])
      const told = world.watch(until).filter(({ minute }) => minute > 30)
      expect(rung(told)).toEqual([alarm])
      expect(told[0]?.minute).toBeLessThanOrEqual(begin + 6)
    })
  })
})

describe('with a rotation', () => {
  const day = 700

  it('nobody is told while it waits, or deletes one token a day', () => {
    const days = 3 * 1440
    inWorlds(60, (world, seed) => {
      if (seed > 2) return
      let deletions = 0
      runRotation(world, days, (at) => {
        if (at < 300 + deletions * 1460) return 'waits'
        deletions++
        return 'deletes'
      })
      runMirror(world, days, () => 'good')
      expect(rung(world.watch(days))).toEqual([])
      expect(deletions).toBe(3)
    })
  })

  it('nobody is told of a try that fails, is held or dies where the next one is good', () => {
    inWorlds(5, (world) => {
      runMirror(world, day, () => 'good')
      let last: RotationRun = 'killed'
      runRotation(world, day, () => {
        const hiccup = world.random.pick(['failed', 'stuck and failed', 'held', 'killed'] as const)
        last = last !== 'waits' || world.random.chance(0.75) ? 'waits' : hiccup
        return last
      })
      expect(rung(world.watch(day))).toEqual([])
    })
  })

  it('nobody is told of what somebody does by hand, nor of a pause', () => {
    inWorlds(5, (world) => {
      runMirror(world, day, () => 'good')
      runRotation(world, onset, () => 'waits')
      for (let at = 100; at < day; at += world.random.between(1, 90))
        world.write(
          world.random.pick(['rotation dry run', 'rotation refused', 'rotation waits', 'rotation failed']),
          at,
        )
      expect(rung(world.watch(day))).toEqual([])
    })
  })

  const troubles: [RotationRun, string][] = [
    ['failed', 'rotation-failed'],
    ['held', 'rotation-failed'],
    ['killed', 'rotation-failed'],
    ['stuck and failed', 'rotation-failed'],
    ['stuck', 'rotation-stuck'],
  ]
  it.each(troubles)(
    'runs that end as %s are told of by %s, once, in time, and so is their end',
    (run, alarm) => {
      inWorlds(5, (world) => {
        runMirror(world, day, () => 'good')
        const end = onset + 150
        runRotation(world, day, (at) => (at < onset || at >= end ? 'waits' : run))
        const told = world.watch(day).filter(({ minute }) => minute >= 30)
        expect(told.map(({ alarm, state }) => [alarm, state])).toEqual([
          [alarm, 'ALARM'],
          [alarm, 'OK'],
        ])
        const [first, over] = told
        expect(first?.minute).toBeGreaterThanOrEqual(onset)
        // The last good run has to be older than a window.
        expect(first?.minute).toBeLessThanOrEqual(onset + 15 + 23)
        expect(over?.minute).toBeLessThanOrEqual(end + 15 + 23)
      })
    },
  )

  it('rotation-deletions tells of the second deletion of a day, once, and of its end', () => {
    const days = onset + 2 * 1440
    inWorlds(60, (world, seed) => {
      if (seed > 2) return
      runMirror(world, days, () => 'good')
      let deletions = 0
      runRotation(world, days, (at) => {
        if (at < onset || deletions === 2) return 'waits'
        deletions++
        return 'deletes'
      })
      const all = world.watch(days)
      expect(rung(all)).toEqual(['rotation-deletions'])
      const told = all.filter(({ alarm, minute }) => alarm === 'rotation-deletions' && minute >= 30)
      expect(told.map(({ alarm, state }) => [alarm, state])).toEqual([
        ['rotation-deletions', 'ALARM'],
        ['rotation-deletions', 'OK'],
      ])
      expect(told[0]?.minute).toBeLessThanOrEqual(onset + 40)
    })
  })
})

describe('restart-failed', () => {
  const [machine, rule] = ['RestartMachine', 'RestartRule']
  const failures: [string, string, Record<string, string>][] = [
    ['AWS/States', 'ExecutionsFailed', { StateMachineArn: machine }],
    ['AWS/States', 'ExecutionsTimedOut', { StateMachineArn: machine }],
    ['AWS/Events', 'FailedInvocations', { RuleName: rule }],
  ]
  /** What is told in an hour, when these are counted in its 20th minute. */
  const toldOf = (
    counted: readonly (readonly [string, string, Record<string, string>, number])[],
  ): Told[] => {
    const metrics = createMetrics()
    for (const [namespace, metric, dimensions, value] of counted)
      metrics.put(metricKey(namespace, metric, dimensions), { minute: 20, value, arrives: 21 })
    const name = 'keyless and everything else'
    const alarm = ['RestartFailedAlarm', resource(name, 'RestartFailedAlarm')] as const
    const unknowns = { extra: 2, shuffle: <T>(list: readonly T[]): T[] => [...list] }
    const resolve = (reference: unknown): string => (reference as { Ref: string }).Ref
    const watched = watch([alarm], 'vod-aigc-tokens-prod-', metrics, unknowns, resolve)
    return Array.from({ length: 60 }, (_, minute) => watched.evaluate(minute)).flat()
  }

  it.each(failures)('tells of %s %s within a minute, and of its end', (...failure) => {
    const told = toldOf([[...failure, 1]]).filter(({ minute }) => minute > 0)
    expect(told.map(({ state }) => state)).toEqual(['ALARM', 'OK'])
    expect(told[0]?.minute).toBe(21)
  })

  it('tells nobody of executions that end well, nor where none is started', () => {
    const zeros = failures.map((failure) => [...failure, 0] as const)
    const well = ['AWS/States', 'ExecutionsSucceeded', { StateMachineArn: machine }, 9] as const
    for (const counted of [[], zeros, [...zeros, well]]) expect(rung(toldOf(counted))).toEqual([])
  })
})

// The examples of the user guide.
describe('the CloudWatch of these tests', () => {
  // 0 is a good value, X a breaching one, - a missing one; the last is the newest.
  it.each([
    ['0-X-X', 3, 'OK', 'OK'],
    ['0----', 3, 'OK', 'OK'],
    ['-----', 3, 'ALARM', 'OK'],
    ['0XX-X', 3, 'ALARM', 'ALARM'],
    ['--X--', 3, 'ALARM', 'OK'],
    ['0-X-X', 2, 'ALARM', 'ALARM'],
    ['00X0X', 2, 'ALARM', 'ALARM'],
    ['0-X--', 2, 'ALARM', 'OK'],
    ['----0', 2, 'ALARM', 'OK'],
    ['---X-', 2, 'ALARM', 'OK'],
  ] as const)(
    'treats missing data of %s as AWS does, for %d of 3',
    (data, DatapointsToAlarm, breaching, not) => {
      for (const [TreatMissingData, state] of [
        ['breaching', breaching],
        ['notBreaching', not],
      ] as const) {
        const metrics = createMetrics()
        for (const [minute, value] of [...data].entries())
          if (value !== '-')
            metrics.put(metricKey('n', 'm', {}), { minute, value: value === 'X' ? 1 : 0, arrives: 0 })
        const alarm = {
          ...{ Namespace: 'n', MetricName: 'm', Statistic: 'Sum', Period: 60, EvaluationPeriods: 3 },
          ...{
            DatapointsToAlarm,
            Threshold: 0,
            ComparisonOperator: 'GreaterThanThreshold',
            TreatMissingData,
          },
        }
        expect(evaluateAlarm(alarm, 4, metrics, 2, String)).toBe(state)
      }
    },
  )

  // What the composite alarm is in, then what suppresses it, minute by minute from t1; and when it acts.
  it.each([
    ['after the wait', '.AAAAA', '......', [4]],
    ['not when it is suppressed before the wait is over', '.AAAAA', '..SSSS', []],
    ['for the state it went back to', '.AOOOO', '......', [5]],
    ['not when it was suppressed before', '.AAAAA', 'SSSSSS', []],
    ['after the extension', '.AAAAAAAA', '..SSS....', [9]],
    ['after a new wait, when it goes back within the extension', '.AAAAAOOO', '..SSS....', [9]],
  ])('a composite alarm acts %s', (_, states, suppressed, expected) => {
    const composite = createComposite({
      ActionsSuppressorWaitPeriod: 120,
      ActionsSuppressorExtensionPeriod: 180,
    })
    composite.step('OK', false, -9)
    composite.step('OK', false, -7)
    const acts = [...states].flatMap((state, i) =>
      composite.step(state === 'A' ? 'ALARM' : 'OK', suppressed[i] === 'S', i + 1) ? [i + 1] : [],
    )
    expect(acts).toEqual(expected)
  })

  it.each([
    ['a + b', 1, null, 1],
    ['a + b', null, null, null],
    ['a / b', 1, null, null],
    ['a > b', null, 1, 0],
    ['IF(a > 0, 5, b)', 1, null, 5],
    ['IF(a > 0, b, 5)', 1, null, 0],
    ['IF(a > 0, 5, b)', 0, null, null],
    ['IF(a > 0, 5, b)', null, 1, null],
    ['100 * (a - b) / b', 3, 2, 50],
  ])('%s of %s and %s is %s', (expression, a, b, expected) => {
    expect(
      evaluateExpression(
        expression,
        new Map([
          ['a', a],
          ['b', b],
        ]),
      ),
    ).toBe(expected)
  })

  it.each(['FILL(a, 0)', 'a ** 2', 'c', 'a b', '(a'])('refuses the expression %s', (expression) => {
    expect(() => evaluateExpression(expression, new Map([['a', 1]]))).toThrow()
  })

  it('reads rules, and refuses what it does not know', () => {
    const stateOf = (id: string) => (id === 'A' ? 'ALARM' : 'OK')
    const [a, b] = ['A', 'B'].map((id) => `ALARM("\${${id}.Arn}")`)
    expect(evaluateRule(`${a} AND NOT ${b}`, stateOf)).toBe(true)
    expect(evaluateRule(`${b} OR (${a} AND ${b})`, stateOf)).toBe(false)
    for (const rule of ['AT_LEAST(1, A)', `${a} ${b}`, 'ALARM(A)', `(${a}`])
      expect(() => evaluateRule(rule, stateOf)).toThrow()
  })
})

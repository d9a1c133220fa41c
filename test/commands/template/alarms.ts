/** What is watched: the alarms, and the dashboard and the log lines that they read. When alarms ring is in ring.ts. */
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parameters } from '../../../deploy/aws/parameters.ts'
import { describeStack } from '../../../deploy/aws/stack.ts'
import { matchesPattern } from '../../support/log-filter.ts'
import { discoverFields, type Row, runQuery } from '../../support/logs-insights.ts'
import type { Resource } from '../../support/serverless-cli.ts'
import {
  type Case,
  caseNames,
  cases,
  deployment,
  expectAsReviewed,
  ofType,
  resource,
  rotating,
  textOf,
} from './cases.ts'
import { type Line, listName, recordLines } from './lines.ts'

/** Alarms of both types. */
function alarmsOf(name: Case): [logicalId: string, Resource][] {
  return ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm'].flatMap((type) => ofType(name, type))
}

describe('alarms', () => {
  it('watch what was reviewed', async () => {
    const reviewed = (name: Case) =>
      alarmsOf(name).map(([, { Properties }]) => {
        const { AlarmName, AlarmDescription, ...others } = Properties
        return [AlarmName, others]
      })
    await expectAsReviewed('alarms', (name) => Object.fromEntries(reviewed(name)), [
      'no parameters',
      'keyless and everything else',
    ])
  })

  it.each(caseNames)(
    'tell the same of an alarm and its end, in a sentence with its runbook, with %s',
    (name) => {
      const page = readFileSync(new URL('../../../docs/alarms.md', import.meta.url), 'utf8')
      const runbooks = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)
      for (const [, { Properties }] of alarmsOf(name)) {
        expect(Properties.OKActions).toEqual(Properties.AlarmActions)
        const [, sentence = '', runbook] =
          /^(.*) Runbook: docs\/alarms\.md#([\w-]+)$/.exec(Properties.AlarmDescription) ?? []
        expect(sentence.length).toBeGreaterThan(40)
        expect(runbooks).toContain(runbook)
      }
    },
  )

  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  it.each(['rate(1 minute)', 'rate(7 minutes)', 'rate(59 minutes)', 'rate(1 hour)', 'rate(24 hours)'])(
    'have periods that CloudWatch takes, with %s',
    (schedule) => {
      expect(parameters.schedule.accepts(schedule)).toBe(true)
      const stack = describeStack('x', deployment({ schedule }))
      const text = readFileSync(new URL('../../../deploy/aws/alarms.yml', import.meta.url), 'utf8')
      const { Resources } = parse(text, { logLevel: 'silent' })
      const resolve = (given: unknown): number => {
        if (typeof given === 'number') return given
        const path = /^\$\{self:custom\.stack\.([\w.]+)\}$/.exec(String(given))?.[1]?.split('.') ?? []
        return Number(path.reduce<Resource['Properties']>((at, name) => at[name], stack))
      }
      const alarms = Object.values<Resource>(Resources).filter(
        ({ Type }) => Type === 'AWS::CloudWatch::Alarm',
      )
      expect(alarms.length).toBeGreaterThan(5)
      for (const { Properties } of alarms) {
        const { Metrics = [], Period, EvaluationPeriods, AlarmName } = Properties
        const given = [Period, ...Metrics.map(({ MetricStat }: Resource['Properties']) => MetricStat?.Period)]
        const periods = given.filter((period) => period !== undefined).map(resolve)
        expect(periods.length, AlarmName).toBeGreaterThan(0)
        for (const period of periods) {
          expect(period % 60, AlarmName).toBe(0)
          const days = (period * resolve(EvaluationPeriods)) / 86_400
          expect(days, AlarmName).toBeLessThanOrEqual(period < 3600 ? 1 : 7)
        }
      }
    },
  )
})

describe('log lines', () => {
  let lines: ReadonlyMap<string, Line>
  beforeAll(async () => {
    lines = await recordLines()
  })

  it('of Tencent’s failures, and no others, are found by the metric filter', () => {
    const { FilterPattern, MetricTransformations } = resource(
      'no parameters',
      'UpstreamErrorsFilter',
    ).Properties
    expect(MetricTransformations).toEqual([
      {
        MetricNamespace: 'VodAigcTokens',
        MetricName: 'UpstreamErrors',
        MetricValue: '1',
        Unit: 'Count',
        Dimensions: [{ Key: 'FunctionName', Value: '$.FunctionName' }],
      },
    ])
    const found = [...lines].filter(([, line]) => matchesPattern(FilterPattern, line))
    expect(found.map(([name]) => name)).toEqual(['stale', 'upstream-failed', 'throttled'])
    for (const [, line] of found) expect(line['FunctionName']).toBe(listName)
  })

  it.each(['no parameters', rotating] as const)(
    'make, with AWS, every metric on the dashboard and in the alarms, with %s',
    (name) => {
      const ours = new Set<string>()
      for (const [, { Properties }] of ofType(name, 'AWS::Logs::MetricFilter'))
        for (const { MetricName } of Properties.MetricTransformations) ours.add(MetricName)
      for (const { _aws } of lines.values() as Iterable<Resource['Properties']>)
        for (const { Metrics } of _aws?.CloudWatchMetrics ?? [])
          for (const { Name } of Metrics) ours.add(Name)
      const body = JSON.parse(textOf(resource(name, 'Dashboard').Properties.DashboardBody))
      const shown: string[][] = body.widgets.flatMap(
        (widget: Resource['Properties']) => widget.properties.metrics ?? [],
      )
      expect(shown.length).toBeGreaterThan(10)
      const watched = ofType(name, 'AWS::CloudWatch::Alarm').flatMap(([, { Properties }]) =>
        Properties.Metrics
          ? Properties.Metrics.flatMap(({ MetricStat }: Resource['Properties']) =>
              MetricStat ? [[MetricStat.Metric.Namespace, MetricStat.Metric.MetricName]] : [],
            )
          : [[Properties.Namespace, Properties.MetricName]],
      )
      for (const [namespace = '', metric = ''] of [...shown, ...watched])
        if (namespace === 'VodAigcTokens') expect([...ours]).toContain(metric)
        else if (name !== rotating || !/^AWS\/(States|Events)$/.test(namespace))
          expect(['AWS/Lambda', 'AWS/ApiGateway']).toContain(namespace)
    },
  )
})

describe('the dashboard', () => {
  let lines: ReadonlyMap<string, Line>
  beforeAll(async () => {
    lines = await recordLines()
  })

  function bodyOf(name: Case): Resource['Properties'] {
    return JSON.parse(textOf(resource(name, 'Dashboard').Properties.DashboardBody))
  }

  /** The rows of a table over the lines of these situations. */
  function rowsOf(title: string, situations: readonly string[], of: Case = 'no parameters'): Row[] {
    const [widget] = bodyOf(of).widgets.filter(
      ({ properties }: Resource['Properties']) => properties.title === title,
    )
    const chosen = situations.map((name) => {
      const line = lines.get(name)
      if (!line) throw new Error(`no line of ${name}`)
      return line
    })
    const [functionName] = new Set(chosen.map(({ event }) => event))
    const prefix = `vod-aigc-tokens-${cases[of].stage}`
    return runQuery(widget.properties.query, `/aws/lambda/${prefix}-${functionName}`, chosen)
  }

  const ofMirror = [
    'good',
    'failed',
    'held',
    'typo',
    'dry run',
    'good, of a thousand',
    'failed, of a thousand',
  ]
  const ofList = ['served', 'refused', 'stale', 'upstream-failed', 'throttled', 'own-failure']
  const at = (name: string) => lines.get(name)?.['timestamp']

  it('opens on three hours, or on three runs', () => {
    expect(bodyOf('no parameters').start).toBe('-PT3H')
    expect(bodyOf('keyless and everything else').start).toBe('-PT3H')
    const daily = describeStack('x', deployment({ schedule: 'rate(24 hours)' })).resources.Resources
    expect(JSON.stringify(daily)).toContain('-PT72H')
  })

  it('tells the last good run', () => {
    expect(rowsOf('Last good run', ofMirror)).toEqual([
      { lastGoodRun: at('good, of a thousand'), goodRuns: 2 },
    ])
  })

  it('tells what changed, and why a run left something out of step, however many applications there are', () => {
    const rows = rowsOf('Changes, and runs that left something out of step', ofMirror)
    const shown = ['failed, of a thousand', 'good, of a thousand', 'typo', 'held', 'failed', 'good']
    expect(rows.map(({ timestamp }) => timestamp)).toEqual(shown.map(at))
    const line = lines.get('failed, of a thousand')
    expect(rows[0]).toEqual({
      timestamp: line?.['timestamp'],
      trigger: 'eventbridge-scheduler',
      outcome: 'failed',
      added: 0,
      removed: 0,
      held: 0,
      reason: line?.['reason'],
      digest: line?.['digest'],
      invocation: line?.['invocation'],
    })
    expect(rows[0]?.['reason']).toContain('UnauthorizedOperation')
    expect(rows[1]).toMatchObject({ outcome: 'created', added: 2000, reason: null })
    // So it would be without the order of a line's members.
    const { results, ...first } = line as { results: Line[] }
    expect(discoverFields({ results, ...first }).has('MirrorSuccess')).toBe(false)
  })

  it('tells the steps of a rotation, and which runs did not go on', () => {
    const told = ['held', 'stuck and failed', 'stuck', 'ends', 'deletes', 'creates', 'failed', 'refused']
    const quiet = ['waits', 'dry run', 'sees it gone']
    const rows = rowsOf(
      'Steps, and runs that did not go on',
      [...told, ...quiet].map((name) => `rotation ${name}`),
      rotating,
    )
    expect(rows.map(({ timestamp }) => timestamp)).toEqual(told.map((name) => at(`rotation ${name}`)))
    expect(rows[4]).toMatchObject({ outcome: 'advanced', deleted: 1, trigger: 'eventbridge-scheduler' })
    expect(rows[2]).toMatchObject({ outcome: 'waiting', stuck: 1 })
  })

  it('tells who asks', () => {
    const rows = rowsOf('By caller', ofList)
    expect(rows).toHaveLength(4)
    expect(rows[0]).toMatchObject({ requests: 2, route: '/tokens', subAppId: 1500000001 })
    const callers = rows.map(({ caller, status }) => [status, caller])
    expect(callers).toContainEqual([200, 'arn:aws:iam::123456789012:role/app'])
    expect(callers).toContainEqual([401, null])
  })

  it('tells the failures of list-tokens by code', () => {
    const rows = rowsOf('Failures of list-tokens by code', ofList)
    const codes = ['InternalError', 'UnauthorizedOperation', 'RequestLimitExceeded', 'ECONNREFUSED']
    expect(rows.map(({ why }) => why).sort()).toEqual(codes.sort())
    for (const { requests } of rows) expect(requests).toBe(1)
  })

  it.each([
    'filter good = 1',
    "SOURCE '/aws/lambda/x'\n| filter good = 1\n| fields nobody",
    "SOURCE '/aws/lambda/x'\n| filter good = 1\n| dedup good",
    "SOURCE '/aws/lambda/x'\n| filter good like 1\n| fields good",
    "SOURCE '/aws/lambda/x'\n| stats avg(good) as mean",
    'SOURCE \'/aws/lambda/x\'\n| filter results.40.Outcome = "failed"\n| fields good',
  ])('is tested with a Logs Insights that refuses %j', (query) => {
    const line = lines.get('good, of a thousand') as Line
    expect(() => runQuery(query, '/aws/lambda/x', [line])).toThrow()
  })

  it.each(['no parameters', 'keyless and everything else'] as const)(
    'shows every alarm that tells somebody, and its widgets do not overlap, with %s',
    (name) => {
      const body = bodyOf(name)
      const [alarms] = body.widgets.filter((widget: Resource['Properties']) => widget.type === 'alarm')
      const arns = alarmsOf(name)
        .filter(([, { Properties }]) => Properties.AlarmActions)
        .map(
          ([, { Properties }]) =>
            `arn:<Partition>:cloudwatch:<Region>:<AccountId>:alarm:${Properties.AlarmName}`,
        )
      expect([...alarms.properties.alarms].sort()).toEqual(arns.sort())
      const taken = new Set<string>()
      for (const { x, y, width, height } of body.widgets)
        for (let column = x; column < x + width; column++)
          for (let row = y; row < y + height; row++) {
            expect(taken).not.toContain(`${column},${row}`)
            expect(column).toBeLessThan(24)
            taken.add(`${column},${row}`)
          }
    },
  )
})

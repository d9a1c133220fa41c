/** What is watched: the alarms, and the dashboard and the log lines that they read. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parameters } from '../../../deploy/aws/parameters.ts'
import { describeStack } from '../../../deploy/aws/stack.ts'
import { startTencentSimulator } from '../../../simulator/simulator.ts'
import { startFunction } from '../../support/function-process.ts'
import { recordedWith } from '../../support/recorded-events.ts'
import type { Resource } from '../../support/serverless-cli.ts'
import {
  type Case,
  caseNames,
  cli,
  deployment,
  expectAsReviewed,
  ids,
  ofType,
  resource,
  textOf,
} from './cases.ts'

describe('alarms', () => {
  it('watch what was reviewed', async () => {
    const alarmsOf = (name: Case) =>
      ofType(name, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => {
        const { AlarmName, AlarmDescription, ...others } = Properties
        return [AlarmName, others]
      })
    await expectAsReviewed('alarms', (name) => Object.fromEntries(alarmsOf(name)), [
      'no parameters',
      'keyless and everything else',
    ])
  })

  it.each(caseNames)('tell the same of an alarm and its end, in a sentence, with %s', (name) => {
    for (const [, { Properties }] of ofType(name, 'AWS::CloudWatch::Alarm')) {
      expect(Properties.OKActions).toEqual(Properties.AlarmActions)
      expect(Properties.AlarmDescription.length).toBeGreaterThan(40)
    }
  })

  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  it.each(['rate(1 minute)', 'rate(7 minutes)', 'rate(59 minutes)', 'rate(1 hour)', 'rate(24 hours)'])(
    'have periods that CloudWatch takes, with %s',
    (schedule) => {
      expect(parameters.schedule.accepts(schedule)).toBe(true)
      const { periodSeconds } = describeStack('x', deployment({ schedule }))
      const { Resources } = parse(
        readFileSync(new URL('../../../deploy/aws/alarms.yml', import.meta.url), 'utf8'),
        {
          logLevel: 'silent',
        },
      )
      const alarms = Object.values<Resource>(Resources).filter(
        ({ Type }) => Type === 'AWS::CloudWatch::Alarm',
      )
      expect(alarms.length).toBeGreaterThan(5)
      for (const { Properties } of alarms) {
        const { Metrics = [], Period, EvaluationPeriods, AlarmName } = Properties
        const given = [Period, ...Metrics.map(({ MetricStat }: Resource['Properties']) => MetricStat?.Period)]
        const periods = given
          .filter((period) => period !== undefined)
          .map((period) => (typeof period === 'number' ? period : periodSeconds))
        expect(periods.length, AlarmName).toBeGreaterThan(0)
        for (const period of periods) {
          expect(period % 60, AlarmName).toBe(0)
          expect(period * EvaluationPeriods, AlarmName).toBeLessThanOrEqual((period < 3600 ? 1 : 7) * 86_400)
        }
      }
    },
  )
})

describe('log lines', () => {
  let lines: Record<string, unknown>[]
  beforeAll(async () => {
    lines = await writeLines()
  })

  /** Lines as both functions write them, through good and bad times, and the names of their fields. */
  async function writeLines(): Promise<Record<string, unknown>[]> {
    const simulator = await startTencentSimulator({
      lagMs: 0,
      applications: [{ subAppId: 1500000001, tokens: ['token-a'] }],
    })
    const shared = {
      AIGC_SECRET_ID: simulator.secretId,
      AIGC_SECRET_KEY: simulator.secretKey,
      AIGC_VOD_ENDPOINT: simulator.url,
      AIGC_SUB_APP_IDS: '1500000001',
      AIGC_HTTP_AUTH: 'gateway',
      AIGC_CACHE_SECONDS: '0',
      AIGC_TIMEOUT_MS: '4000',
    }
    const list = startFunction('list-tokens', { ...shared, AWS_LAMBDA_FUNCTION_NAME: 'the-list' })
    const mirror = startFunction('mirror-tokens', {
      ...shared,
      AWS_LAMBDA_FUNCTION_NAME: 'the-mirror',
      AIGC_MIRROR_TARGETS: `file:${join(cli.folder, 'mirrored.json')}`,
    })
    try {
      const event = recordedWith('http-api-v2.json', 'requestContext.authorizer', {
        iam: { userArn: 'arn:aws:iam::123456789012:role/app' },
      })
      await list.invoke(event)
      await mirror.invoke({})
      simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' }, 1)
      await list.invoke(event)
      simulator.fail({ kind: 'error', code: 'InternalError' }, 100)
      await list.invoke(event)
      await mirror.invoke({})
      return [...list.log(), ...mirror.log()]
    } finally {
      await Promise.all([list.close(), mirror.close(), simulator.close()])
    }
  }

  /** The names in a Logs Insights query that are neither its language nor its own. */
  function namesIn(query: string): string[] {
    const code = query.replace(/"[^"]*"|'[^']*'/g, '')
    const own = [...code.matchAll(/\bas (\w+)/g)].map(([, name]) => name)
    const language =
      'SOURCE filter stats fields sort limit by as and or desc count latest coalesce @timestamp'
    const names = code.match(/[@A-Za-z_][\w.]*/g) ?? []
    return [...new Set(names)].filter((name) => !language.split(' ').includes(name) && !own.includes(name))
  }

  it('hold every field that the dashboard and the metric filter look for', () => {
    const fields = new Set(
      lines.flatMap((line) => [
        ...Object.keys(line),
        ...(Array.isArray(line['results']) ? Object.keys(line['results'][0]) : []).map(
          (name) => `results.0.${name}`,
        ),
      ]),
    )
    const prefix = 'vod-aigc-tokens-dev'
    const body = JSON.parse(textOf(resource('no parameters', 'Dashboard').Properties.DashboardBody))
    const several = textOf(resource('keyless and everything else', 'Dashboard').Properties.DashboardBody)
    for (const [i, id] of ids.entries()) expect(several).toContain(`results.${i}.Outcome as outcome_${id}`)
    const queries: string[] = body.widgets.flatMap(
      (widget: Resource['Properties']) => widget.properties.query ?? [],
    )
    expect(queries).toHaveLength(4)
    for (const query of queries) {
      expect(query).toMatch(new RegExp(`^SOURCE '/aws/lambda/${prefix}-(list|mirror)-tokens'\n`))
      for (const name of namesIn(query)) expect([...fields]).toContain(name)
    }

    // The filter in words of this language, applied to the lines.
    const { FilterPattern, MetricTransformations } = resource(
      'no parameters',
      'UpstreamErrorsFilter',
    ).Properties
    expect(FilterPattern).toBe('{ ($.event = "list-tokens") && (($.status >= 502) || ($.StaleServed = 1)) }')
    expect(MetricTransformations).toEqual([
      {
        MetricNamespace: 'VodAigcTokens',
        MetricName: 'UpstreamErrors',
        MetricValue: '1',
        Unit: 'Count',
        Dimensions: [{ Key: 'FunctionName', Value: '$.FunctionName' }],
      },
    ])
    const counted = lines.filter(
      ({ event, status, StaleServed }) =>
        event === 'list-tokens' && ((typeof status === 'number' && status >= 502) || StaleServed === 1),
    )
    expect(counted.map(({ status, FunctionName }) => [status, FunctionName])).toEqual([
      [502, 'the-list'],
      [200, 'the-list'],
    ])
  })

  it('make, with AWS, every metric on the dashboard and in the alarms', () => {
    const ours = new Set(
      lines.flatMap(({ _aws }) =>
        // biome-ignore lint/suspicious/noExplicitAny: the format is CloudWatch's
        ((_aws as any)?.CloudWatchMetrics ?? []).flatMap(({ Metrics }: any) =>
          Metrics.map(({ Name }: { Name: string }) => Name),
        ),
      ),
    )
    ours.add(resource('no parameters', 'UpstreamErrorsFilter').Properties.MetricTransformations[0].MetricName)
    const body = JSON.parse(textOf(resource('no parameters', 'Dashboard').Properties.DashboardBody))
    const shown: string[][] = body.widgets.flatMap(
      (widget: Resource['Properties']) => widget.properties.metrics ?? [],
    )
    expect(shown.length).toBeGreaterThan(10)
    const watched = ofType('no parameters', 'AWS::CloudWatch::Alarm').flatMap(([, { Properties }]) =>
      Properties.Metrics
        ? Properties.Metrics.flatMap(({ MetricStat }: Resource['Properties']) =>
            MetricStat ? [[MetricStat.Metric.Namespace, MetricStat.Metric.MetricName]] : [],
          )
        : [[Properties.Namespace, Properties.MetricName]],
    )
    for (const [namespace = '', name = ''] of [...shown, ...watched])
      if (namespace === 'VodAigcTokens') expect([...ours]).toContain(name)
      else expect(['AWS/Lambda', 'AWS/ApiGateway', 'AWS/SQS']).toContain(namespace)
  })

  it('the dashboard shows every alarm, and its widgets do not overlap', () => {
    const body = JSON.parse(textOf(resource('no parameters', 'Dashboard').Properties.DashboardBody))
    const [alarms] = body.widgets.filter((widget: Resource['Properties']) => widget.type === 'alarm')
    const arns = ofType('no parameters', 'AWS::CloudWatch::Alarm').map(
      ([, { Properties }]) => `arn:<Partition>:cloudwatch:<Region>:<AccountId>:alarm:${Properties.AlarmName}`,
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
  })
})

/**
 * The dashboard: is the mirror fresh, what changed when, what does the rotation do, who asks, what does Tencent do. From the metrics of
 * the functions and from their log lines, whose fields are those of handlers/ and lib/endpoint/answer.ts. Pure.
 */
import { type Json, renderJson } from './intrinsics.ts'

/** In columns of 24. */
interface Widget {
  readonly type: 'text' | 'alarm' | 'metric' | 'log'
  readonly width: number
  readonly height: number
  readonly properties: { readonly [name: string]: Json }
}

/** What ends the names of the alarms in alarms.yml that tell somebody. */
const alarms = [
  'mirror-stale',
  'mirror-failed',
  'mirror-held',
  'token-limit',
  'restart-failed',
  'rotation-failed',
  'rotation-stuck',
  'rotation-deletions',
  'upstream-errors',
  '5xx',
  'slow',
  'throttles',
  '429',
]

/**
 * The body for `AWS::CloudWatch::Dashboard`. `prefix` begins the names of the functions. It opens on three hours, because a
 * query over log lines costs by what it reads, or on three runs where that is longer.
 *
 * Queries name members of a line's first level alone. Logs Insights reads 200 members of a line, and `results` has seven for
 * each target. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
 */
export function renderDashboard({
  prefix,
  stage,
  periodSeconds,
  hasMirror,
  hasRestarts,
  hasRotation,
}: {
  readonly prefix: string
  readonly stage: string
  readonly periodSeconds: number
  readonly hasMirror: boolean
  readonly hasRestarts: boolean
  readonly hasRotation: boolean
}): Json {
  const list = `${prefix}-list-tokens`
  const mirror = `${prefix}-mirror-tokens`
  const rotate = `${prefix}-rotate-tokens`
  const tooMany = `TooManyRequests-${stage}`
  const ours = (metric: string, functionName: string, options: Json): Json => [
    'VodAigcTokens',
    metric,
    'FunctionName',
    functionName,
    options,
  ]
  const api = (metric: string, options: Json): Json => [
    'AWS/ApiGateway',
    metric,
    'ApiId',
    { Ref: 'HttpApi' },
    'Stage',
    '$default',
    options,
  ]
  const lambda = (metric: string, functionName: string, options: Json): Json => [
    'AWS/Lambda',
    metric,
    'FunctionName',
    functionName,
    options,
  ]
  const sum = (label: string, more: { readonly [name: string]: Json } = {}): Json => ({
    stat: 'Sum',
    label,
    ...more,
  })

  const mirrorWidgets = (): Widget[] => [
    graph('Runs of mirror-tokens', 10, periodSeconds, [
      ours('MirrorSuccess', mirror, sum('in step', { color: green })),
      ours('MirrorFailure', mirror, sum('failed', { color: red })),
      ours('MirrorHeld', mirror, sum('targets held', { color: orange })),
      lambda('AsyncEventsDropped', mirror, sum('given up', { color: purple })),
    ]),
    table('Last good run', 6, mirror, [
      'filter event = "mirror-tokens" and MirrorSuccess = 1',
      'stats latest(timestamp) as lastGoodRun, count(*) as goodRuns',
    ]),

    heading('What changed when?'),
    graph('Tokens that came and went', 8, periodSeconds, [
      ours('TokensAdded', mirror, sum('added', { color: green })),
      ours('TokensRemoved', mirror, sum('removed', { color: orange })),
      ours('TokensListed', mirror, { stat: 'Maximum', label: 'listed, of the application with most' }),
    ]),
    table('Changes, and runs that left something out of step', 16, mirror, [
      'filter event = "mirror-tokens"',
      'filter TokensAdded > 0 or TokensRemoved > 0 or MirrorSuccess = 0',
      'fields timestamp, trigger, outcome, added, removed, held, reason, digest, invocation',
      'sort @timestamp desc',
      'limit 50',
    ]),
  ]

  const rotationWidgets = (): Widget[] => [
    heading('What does the rotation do?'),
    graph('Runs of rotate-tokens', 8, 900, [
      ours('RotationSuccess', rotate, sum('waited or went on', { color: green })),
      ours('RotationFailure', rotate, sum('failed', { color: red })),
      ours('RotationHeld', rotate, sum('applications held', { color: orange })),
      ours('RotationStuck', rotate, { stat: 'Maximum', label: 'applications that are stuck', color: purple }),
      ours('TokensDeleted', rotate, sum('tokens deleted', { color: brown })),
    ]),
    table('Steps, and runs that did not go on', 16, rotate, [
      'filter event = "rotate-tokens"',
      'filter outcome = "advanced" or level = "warn" or level = "error"',
      'fields timestamp, trigger, outcome, reason, created, deleted, held, stuck, waiting, invocation',
      'sort @timestamp desc',
      'limit 50',
    ]),
  ]

  return renderJson({
    start: `-PT${Math.max(3, Math.ceil((3 * periodSeconds) / 3600))}H`,
    periodOverride: 'inherit',
    widgets: arrange([
      heading(hasMirror ? 'Is the mirror fresh?' : 'Is all well?'),
      {
        type: 'alarm',
        width: 8,
        height: 6,
        properties: {
          title: 'Alarms',
          alarms: alarms
            .filter((name) => hasMirror || !/^(mirror-|token-limit$)/.test(name))
            .filter((name) => hasRestarts || name !== 'restart-failed')
            .filter((name) => hasRotation || !name.startsWith('rotation-'))
            .map((name) => alarmArn(`${prefix}-${name}`)),
        },
      },
      ...(hasMirror ? mirrorWidgets() : []),
      ...(hasRotation ? rotationWidgets() : []),

      heading('Who asks?'),
      graph('Requests', 8, 300, [
        api('Count', sum('requests')),
        api('4xx', sum('refused (4xx)', { color: orange })),
        api('5xx', sum('failed (5xx)', { color: red })),
        lambda('Throttles', list, sum('throttled by Lambda', { color: purple })),
        ['VodAigcTokens', tooMany, sum('too many for the API (429)', { color: brown })],
      ]),
      table('By caller', 16, list, [
        'filter event = "list-tokens"',
        'stats count(*) as requests, latest(timestamp) as lastSeen by caller, route, subAppId, status',
        'sort requests desc',
        'limit 50',
      ]),

      heading('What does Tencent do?'),
      graph('Calls to Tencent', 8, 300, [
        ours('UpstreamCalls', list, sum('calls')),
        ours('UpstreamErrors', list, sum('requests that met a failure', { color: red })),
        ours('StaleServed', list, sum('answered with an old list', { color: orange })),
      ]),
      graph('How long a request waits, ms', 8, 300, [
        api('Latency', { stat: 'p50', label: 'caller, p50' }),
        api('Latency', { stat: 'p99', label: 'caller, p99' }),
        ours('UpstreamMs', list, { stat: 'p99', label: 'of it for Tencent, p99' }),
        lambda('Duration', list, { stat: 'p99', label: 'function, p99' }),
      ]),
      table('Failures of list-tokens by code', 8, list, [
        'filter event = "list-tokens" and (status >= 500 or StaleServed = 1 or level = "error")',
        'stats count(*) as requests, latest(timestamp) as lastSeen, latest(requestId) as lastRequestId ' +
          'by coalesce(staleBecause, code) as why',
        'sort requests desc',
        'limit 20',
      ]),
    ]),
  })
}

const green = '#2ca02c'
const red = '#d62728'
const orange = '#ff7f0e'
const purple = '#9467bd'
const brown = '#8c564b'

function alarmArn(name: string): Json {
  return {
    'Fn::Sub': `arn:\${AWS::Partition}:cloudwatch:\${AWS::Region}:\${AWS::AccountId}:alarm:${name}`,
  }
}

function heading(question: string): Widget {
  return { type: 'text', width: 24, height: 1, properties: { markdown: `## ${question}` } }
}

function graph(title: string, width: number, period: number, metrics: readonly Json[]): Widget {
  const properties = { title, view: 'timeSeries', region: { Ref: 'AWS::Region' }, period, metrics }
  return { type: 'metric', width, height: 6, properties: { ...properties, yAxis: { left: { min: 0 } } } }
}

function table(title: string, width: number, functionName: string, query: readonly string[]): Widget {
  return {
    type: 'log',
    width,
    height: 6,
    properties: {
      title,
      view: 'table',
      region: { Ref: 'AWS::Region' },
      query: [`SOURCE '/aws/lambda/${functionName}'`, ...query].join('\n| '),
    },
  }
}

/** Puts widgets side by side until a row is full. */
function arrange(widgets: readonly Widget[]): Json[] {
  let [x, y, rowHeight] = [0, 0, 0]
  return widgets.map((widget) => {
    if (x + widget.width > 24) {
      x = 0
      y += rowHeight
      rowHeight = 0
    }
    const placed = { ...widget, x, y }
    x += widget.width
    rowHeight = Math.max(rowHeight, widget.height)
    return placed
  })
}

/**
 * CloudWatch's alarms as its user guide describes them, for alarms of a compiled template: metrics in, and who was told what
 * and when out. It refuses whatever of the language it does not know. Where the guide leaves something open (how many more
 * values than asked for are looked at, in which order alarms are evaluated, how late metrics arrive), the caller says it.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
 */
import { readCondition, readWords } from './conditions.ts'
import type { Resource } from './serverless-cli.ts'

/** Values of one metric by the minute; in histories minutes are counted from 0. */
export type Values = Map<number, number[]>

/** Metrics by what {@link metricKey} makes of them. */
export interface Metrics {
  /** `minute` is the one of the value's timestamp, `arrives` the one from which on CloudWatch knows of it. */
  put(key: string, value: { readonly minute: number; readonly value: number; readonly arrives: number }): void
  /** What is known at the end of minute `now`. */
  known(key: string, now: number): Values
}

export function createMetrics(): Metrics {
  const arriving = new Map<string, Map<number, { minute: number; value: number }[]>>()
  const arrived = new Map<string, { upTo: number; values: Values }>()
  return {
    put(key, { minute, value, arrives }) {
      const byMinute = arriving.get(key) ?? new Map()
      arriving.set(key, byMinute)
      if (!byMinute.get(arrives)?.push({ minute, value })) byMinute.set(arrives, [{ minute, value }])
    },
    known(key, now) {
      const state = arrived.get(key) ?? { upTo: -1, values: new Map() }
      arrived.set(key, state)
      for (; state.upTo < now; state.upTo++)
        for (const { minute, value } of arriving.get(key)?.get(state.upTo + 1) ?? [])
          if (!state.values.get(minute)?.push(value)) state.values.set(minute, [value])
      return state.values
    },
  }
}

export function metricKey(
  namespace: string,
  name: string,
  dimensions: Readonly<Record<string, string>>,
): string {
  return JSON.stringify([namespace, name, Object.entries(dimensions).sort()])
}

/** What an alarm tells, to those whom its actions name. */
export interface Told {
  readonly minute: number
  /** What ends the alarm's name. */
  readonly alarm: string
  readonly state: State
}
type State = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA'

export interface Unknowns {
  /** How many values more than `EvaluationPeriods` are retrieved. */
  readonly extra: number
  /** Orders the alarms that are evaluated in the same minute. */
  shuffle<T>(list: readonly T[]): T[]
}

/**
 * Watches these alarms: `AWS::CloudWatch::Alarm` and `AWS::CloudWatch::CompositeAlarm` by their logical ids, whose names begin
 * with `prefix`. `resolve` gives the value of a reference in a dimension.
 */
export function watch(
  resources: readonly (readonly [logicalId: string, Resource])[],
  prefix: string,
  metrics: Metrics,
  unknowns: Unknowns,
  resolve: (reference: unknown) => string,
): { evaluate(minute: number): Told[]; stateOf(alarm: string): State } {
  const states = new Map<string, State>()
  const composites = new Map<string, Composite>()
  const nameOf = (logicalId: string): string => {
    const found = resources.find(([id]) => id === logicalId)?.[1]
    if (!found) throw new Error(`there is no alarm ${logicalId}`)
    return found.Properties.AlarmName.slice(prefix.length)
  }
  for (const [logicalId] of resources) states.set(nameOf(logicalId), 'INSUFFICIENT_DATA')

  function change(properties: Resource['Properties'], alarm: string, next: State, minute: number): Told[] {
    if (states.get(alarm) === next) return []
    states.set(alarm, next)
    const { AlarmActions = [], OKActions = [] } = properties
    const actions = next === 'ALARM' ? AlarmActions : next === 'OK' ? OKActions : []
    return actions.length > 0 ? [{ minute, alarm, state: next }] : []
  }

  function follow(minute: number): Told[] {
    return resources.flatMap(([logicalId, { Type, Properties }]) => {
      if (Type !== 'AWS::CloudWatch::CompositeAlarm') return []
      const alarm = nameOf(logicalId)
      const suppressor = referredTo(Properties.ActionsSuppressor)
      const composite = composites.get(alarm) ?? createComposite(Properties)
      composites.set(alarm, composite)
      const rule = ruleOf(Properties.AlarmRule)
      const next = evaluateRule(rule, (id) => states.get(nameOf(id)) ?? 'INSUFFICIENT_DATA') ? 'ALARM' : 'OK'
      states.set(alarm, next)
      const told = composite.step(
        next,
        suppressor !== null && states.get(nameOf(suppressor)) === 'ALARM',
        minute,
      )
      return told ? [{ minute, alarm, state: next }] : []
    })
  }

  return {
    stateOf: (alarm) => states.get(alarm) ?? 'INSUFFICIENT_DATA',
    evaluate(minute) {
      const told: Told[] = []
      for (const [logicalId, { Type, Properties }] of unknowns.shuffle(resources)) {
        if (Type !== 'AWS::CloudWatch::Alarm') continue
        const before = states.get(nameOf(logicalId))
        const state = evaluateAlarm(Properties, minute, metrics, unknowns.extra, resolve, before)
        // A composite alarm is evaluated whenever one of those it refers to changes.
        told.push(...change(Properties, nameOf(logicalId), state, minute), ...follow(minute))
      }
      return told
    },
  }
}

const known = {
  alarm: [
    ...[
      'ActionsEnabled',
      'AlarmActions',
      'AlarmDescription',
      'AlarmName',
      'ComparisonOperator',
      'DatapointsToAlarm',
    ],
    ...[
      'Dimensions',
      'EvaluationPeriods',
      'MetricName',
      'Metrics',
      'Namespace',
      'OKActions',
      'Period',
      'Statistic',
    ],
    ...['Threshold', 'TreatMissingData'],
  ],
  composite: [
    ...[
      'ActionsSuppressor',
      'ActionsSuppressorExtensionPeriod',
      'ActionsSuppressorWaitPeriod',
      'AlarmActions',
    ],
    ...['AlarmDescription', 'AlarmName', 'AlarmRule', 'OKActions'],
  ],
}

function refuseOthers(properties: object, names: readonly string[]): void {
  for (const name of Object.keys(properties))
    if (!names.includes(name)) throw new Error(`this CloudWatch does not know the property ${name}`)
}

/** The state of a metric alarm at the end of `minute`; `before` is what it was. */
export function evaluateAlarm(
  alarm: Resource['Properties'],
  minute: number,
  metrics: Metrics,
  extra: number,
  resolve: (reference: unknown) => string,
  before: State = 'INSUFFICIENT_DATA',
): State {
  refuseOthers(alarm, known.alarm)
  const { EvaluationPeriods, DatapointsToAlarm = EvaluationPeriods, Threshold, TreatMissingData } = alarm
  const isBreach = comparisons[alarm.ComparisonOperator]
  if (!isBreach) throw new Error(`this CloudWatch does not know ${alarm.ComparisonOperator}`)
  if (!['breaching', 'notBreaching', 'ignore'].includes(TreatMissingData))
    throw new Error(`this CloudWatch does not know how to treat missing data as ${TreatMissingData}`)
  const values: number[] = []
  for (let back = 0; back < EvaluationPeriods + extra && values.length < EvaluationPeriods; back++) {
    const value = readValue(alarm, minute, back, metrics, resolve)
    if (value !== null) values.push(value)
  }
  if (TreatMissingData === 'ignore' && values.length === 0) return before
  const breaching = values.filter((value) => isBreach(value, Threshold)).length
  const filled = TreatMissingData === 'breaching' ? EvaluationPeriods - values.length : 0
  return breaching + filled >= DatapointsToAlarm ? 'ALARM' : 'OK'
}

const comparisons: Readonly<Record<string, (value: number, threshold: number) => boolean>> = {
  GreaterThanThreshold: (value, threshold) => value > threshold,
  LessThanThreshold: (value, threshold) => value < threshold,
}

/** The value of the window that ended `back` windows ago; `null` when it is missing. */
function readValue(
  alarm: Resource['Properties'],
  minute: number,
  back: number,
  metrics: Metrics,
  resolve: (reference: unknown) => string,
): number | null {
  const read = (metric: Resource['Properties'], stat: string, period: number): number | null => {
    const minutes = period / 60
    if (!Number.isInteger(minutes) || minutes < 1)
      throw new Error(`this CloudWatch has no period of ${period} s`)
    const values = metrics.known(keyOf(metric, resolve), minute)
    const found: number[] = []
    // Including this minute, which is over.
    for (let at = minute - (back + 1) * minutes + 1; at <= minute - back * minutes; at++)
      found.push(...(values.get(at) ?? []))
    return found.length === 0 ? null : statistic(stat, found)
  }
  if (!alarm.Metrics) return read(alarm, alarm.Statistic, alarm.Period)
  const ids = new Map<string, number | null>()
  let returned: string | null = null
  const periods = new Set<number>()
  for (const query of alarm.Metrics) {
    if (query.ReturnData !== false) {
      if (returned !== null) throw new Error('an alarm watches one expression')
      returned = query.Expression
    } else {
      const { Metric, Stat, Period } = query.MetricStat
      periods.add(Period)
      ids.set(query.Id, read(Metric, Stat, Period))
    }
  }
  if (returned === null) throw new Error('an alarm watches an expression')
  if (periods.size !== 1) throw new Error('all metrics of an expression must have the same period')
  return evaluateExpression(returned, ids)
}

const keys = new WeakMap<object, string>()

function keyOf(metric: Resource['Properties'], resolve: (reference: unknown) => string): string {
  const found = keys.get(metric)
  if (found !== undefined) return found
  const { Namespace, MetricName, Dimensions = [] } = metric
  const named = Dimensions.map(({ Name, Value }: Resource['Properties']) => [Name, resolve(Value)])
  const key = metricKey(Namespace, MetricName, Object.fromEntries(named))
  keys.set(metric, key)
  return key
}

function statistic(stat: string, values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0)
  if (stat === 'Sum') return sum
  if (stat === 'SampleCount') return values.length
  if (stat === 'Maximum') return Math.max(...values)
  // The lower bound is not in the range, the upper one is.
  const [, from, to] = /^PR\((\d+):(\d+)\)$/.exec(stat) ?? []
  if (from === undefined) throw new Error(`this CloudWatch does not know the statistic ${stat}`)
  const within = values.filter((value) => value > Number(from) && value <= Number(to))
  return (100 * within.length) / values.length
}

/**
 * Metric math at one moment: `null` where there is no value. A missing operand counts as 0, unless all are missing; a division
 * by 0 gives no value. `IF` gives none where its condition has none.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 */
export function evaluateExpression(text: string, ids: ReadonlyMap<string, number | null>): number | null {
  const tokens = text.match(/[A-Za-z_]\w*|\d+(\.\d+)?|[()+\-*/,<>]|\S/g) ?? []
  let at = 0
  interface Value {
    readonly scalar: boolean
    readonly value: number | null
  }
  const take = (token: string): void => {
    if (tokens[at++] !== token) throw new Error(`metric math: ${token} expected in ${text}`)
  }
  const combine = (left: Value, right: Value, compute: (a: number, b: number) => number | null): Value => {
    const missing = [left, right].filter(({ scalar }) => !scalar).every(({ value }) => value === null)
    const scalar = left.scalar && right.scalar
    if (missing && !scalar) return { scalar, value: null }
    return { scalar, value: compute(left.value ?? 0, right.value ?? 0) }
  }
  function comparison(): Value {
    const left = sum()
    const operator = tokens[at]
    if (operator !== '<' && operator !== '>') return left
    at++
    return combine(left, sum(), (a, b) => ((operator === '<' ? a < b : a > b) ? 1 : 0))
  }
  function sum(): Value {
    let left = product()
    while (tokens[at] === '+' || tokens[at] === '-') {
      const sign = tokens[at++] === '+' ? 1 : -1
      left = combine(left, product(), (a, b) => a + sign * b)
    }
    return left
  }
  function product(): Value {
    let left = operand()
    while (tokens[at] === '*' || tokens[at] === '/') {
      const operator = tokens[at++]
      left = combine(left, operand(), (a, b) => (operator === '*' ? a * b : b === 0 ? null : a / b))
    }
    return left
  }
  function operand(): Value {
    const token = tokens[at++] ?? ''
    if (/^\d/.test(token)) return { scalar: true, value: Number(token) }
    if (token === '(') {
      const inner = comparison()
      take(')')
      return inner
    }
    if (token === 'IF') {
      take('(')
      const condition = comparison()
      take(',')
      const yes = comparison()
      take(',')
      const no = comparison()
      take(')')
      if (condition.value === null) return { scalar: false, value: null }
      return { scalar: false, value: condition.value === 0 ? no.value : (yes.value ?? 0) }
    }
    if (!ids.has(token)) throw new Error(`metric math: this CloudWatch does not know ${token} in ${text}`)
    return { scalar: false, value: ids.get(token) ?? null }
  }
  const result = comparison()
  if (at < tokens.length) throw new Error(`metric math: unexpected ${tokens[at]} in ${text}`)
  return result.value
}

/** The rule of a composite alarm, with `${X.Arn}` for the alarm X. */
function ruleOf(rule: unknown): string {
  const { 'Fn::Sub': text } = rule as { 'Fn::Sub'?: string }
  if (text === undefined) throw new Error(`this CloudWatch cannot read the rule ${JSON.stringify(rule)}`)
  return text
}

function referredTo(value: unknown): string | null {
  if (value === undefined) return null
  const [logicalId, attribute] = (value as { 'Fn::GetAtt'?: string[] })['Fn::GetAtt'] ?? []
  if (logicalId === undefined || attribute !== 'Arn') throw new Error(`no alarm: ${JSON.stringify(value)}`)
  return logicalId
}

/** `ALARM(…)` and `OK(…)`, with AND, OR and NOT. */
export function evaluateRule(text: string, stateOf: (logicalId: string) => State): boolean {
  const words = readWords(text, /\s*((?:ALARM|OK)\("\$\{\w+\.Arn\}"\)|AND|OR|NOT|[()])\s*/y)
  const isMet = readCondition(words, { and: 'AND', or: 'OR', not: 'NOT' }, () => {
    const word = words.next()
    const { state, id } = /^(?<state>ALARM|OK)\("\$\{(?<id>\w+)\.Arn\}"\)$/.exec(word)?.groups ?? {}
    if (id === undefined) throw new Error(`this CloudWatch does not know ${word} in the rule ${text}`)
    return (states: typeof stateOf) => states(id) === state
  })
  words.end()
  return isMet(stateOf)
}

export interface Composite {
  /** Whether actions are taken now, for the state that it is in. */
  step(state: State, isSuppressed: boolean, minute: number): boolean
}

/**
 * When a composite alarm acts: after WaitPeriod from a change of its state, unless the suppressor is in ALARM by then; and after
 * ExtensionPeriod from the end of that.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm_Suppression.html
 */
export function createComposite(properties: Resource['Properties']): Composite {
  refuseOthers(properties, known.composite)
  const wait = (properties.ActionsSuppressorWaitPeriod ?? 0) / 60
  const extension = (properties.ActionsSuppressorExtensionPeriod ?? 0) / 60
  let last: State = 'INSUFFICIENT_DATA'
  let owes = false
  let until = 0
  let wasSuppressed = false
  return {
    step(state, isSuppressed, minute) {
      if (state !== last) {
        last = state
        owes = true
        // A change discards what was being waited for.
        until = minute + wait
      } else if (wasSuppressed && !isSuppressed) until = minute + extension
      wasSuppressed = isSuppressed
      if (!owes || isSuppressed || minute < until) return false
      owes = false
      return true
    },
  }
}

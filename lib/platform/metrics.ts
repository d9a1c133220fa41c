/** CloudWatch embedded metrics: log fields that CloudWatch Logs turns into metrics. Pure. */

/** The metrics of both functions and their CloudWatch units. */
const units = {
  MirrorSuccess: 'Count',
  MirrorFailure: 'Count',
  MirrorHeld: 'Count',
  TokensAdded: 'Count',
  TokensRemoved: 'Count',
  Requests: 'Count',
  UpstreamCalls: 'Count',
  StaleServed: 'Count',
  UpstreamMs: 'Milliseconds',
} as const

export type Metrics = Partial<Record<keyof typeof units, number>>

/** `Metrics` of a log line by their names: the same few sets again and again. */
const definitions = new Map<string, string>()

/**
 * The members to add to a log line's JSON, none for no metrics (namespace `VodAigcTokens`, dimension `FunctionName`). `now`
 * is in epoch milliseconds.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function embedMetrics(functionName: string, now: number, metrics: Metrics): string {
  const names = Object.keys(metrics) as (keyof typeof units)[]
  if (names.length === 0) return ''
  const key = names.join()
  const definition = definitions.get(key) ?? JSON.stringify(define(names))
  definitions.set(key, definition)
  const values = `"FunctionName":${JSON.stringify(functionName)},${JSON.stringify(metrics).slice(1, -1)}`
  return `"_aws":{"Timestamp":${now},"CloudWatchMetrics":${definition}},${values}`
}

function define(names: readonly (keyof typeof units)[]): object[] {
  const Metrics = names.map((Name) => ({ Name, Unit: units[Name] }))
  return [{ Namespace: 'VodAigcTokens', Dimensions: [['FunctionName']], Metrics }]
}

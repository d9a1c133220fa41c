/** CloudWatch embedded metrics: log fields that CloudWatch Logs turns into metrics. Pure. */
import type { Fields } from './log.ts'

/** The metrics of the functions and their CloudWatch units. */
const units = {
  MirrorSuccess: 'Count',
  MirrorFailure: 'Count',
  MirrorHeld: 'Count',
  TokensAdded: 'Count',
  TokensRemoved: 'Count',
  TokensListed: 'Count',
  RotationSuccess: 'Count',
  RotationFailure: 'Count',
  RotationHeld: 'Count',
  RotationStuck: 'Count',
  TokensDeleted: 'Count',
  Requests: 'Count',
  UpstreamCalls: 'Count',
  StaleServed: 'Count',
  UpstreamMs: 'Milliseconds',
} as const

export type Metrics = Partial<Record<keyof typeof units, number>>

/** Counts calls to Tencent and their time between two lines of the log. */
export interface Meter {
  add(durationMs: number): void
  /** What was added since it was last taken. */
  take(): { calls: number; ms: number }
}

export function createMeter(): Meter {
  let counted = { calls: 0, ms: 0 }
  return {
    add(durationMs) {
      counted.calls++
      counted.ms += durationMs
    },
    take() {
      const taken = counted
      counted = { calls: 0, ms: 0 }
      return taken
    },
  }
}

/**
 * The fields to add to a log line, none for no metrics (namespace `VodAigcTokens`, dimension `FunctionName`). `now` is in
 * epoch milliseconds.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function embedMetrics(functionName: string, now: number, metrics: Metrics): Fields {
  const names = Object.keys(metrics) as (keyof typeof units)[]
  if (names.length === 0) return {}
  const definition = {
    Namespace: 'VodAigcTokens',
    Dimensions: [['FunctionName']],
    Metrics: names.map((Name) => ({ Name, Unit: units[Name] })),
  }
  return {
    _aws: { Timestamp: now, CloudWatchMetrics: [definition] },
    FunctionName: functionName,
    ...metrics,
  }
}

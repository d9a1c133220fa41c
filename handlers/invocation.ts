/** One invocation, whatever the function: context in, one log line, metrics, the result or an error out. */
import { type Invocation, readContext } from '../lib/platform/context.ts'
import { nameSender, type PingEvent } from '../lib/platform/events.ts'
import {
  errorFields,
  type Fields,
  leavingError,
  reasonOf,
  withheldError,
  withheldLine,
} from '../lib/platform/log.ts'
import { embedMetrics, type Metrics } from '../lib/platform/metrics.ts'
import { type Edge, edge } from './runtime.ts'

/** What became of an invocation: a result, or an error to throw; and what the log says of it. */
export interface Outcome {
  readonly result?: unknown
  readonly error?: unknown
  /** Default: `error` when there is one, else `info`. */
  readonly level?: 'info' | 'warn' | 'error'
  readonly fields: Fields
  readonly metrics: Metrics
}

/** What a function does with an event. */
export interface Work {
  readonly name: 'list-tokens' | 'mirror-tokens' | 'rotate-tokens'
  run(event: unknown, invocation: Invocation, edge: Edge): Promise<Outcome>
  /** Those of an invocation whose `run` threw. */
  metricsOfError(error: unknown, edge: Edge, event: unknown): Metrics
}

/** Nothing is done for a ping: the instance that answers it is warm. */
export function answerPing({ shape }: PingEvent): Outcome {
  return { result: null, fields: { trigger: shape }, metrics: {} }
}

/**
 * Makes a handler for both platforms. Each invocation logs one line, which on Lambda is also a set of CloudWatch metrics.
 * What leaves as an error is scrubbed and named by its code. Where that fails in itself, whatever the reason, what leaves
 * and what is logged is one constant sentence: the reason may hold what was to be kept in.
 */
export function createHandler(
  work: Work,
  at: Edge = edge,
): (event: unknown, context: unknown) => Promise<unknown> {
  return async (event, context) => {
    const { result, error } = await invoke(work, event, context, at).catch(() => {
      at.write(withheldLine(work.name, at.time.now()))
      return { result: undefined, error: withheldError() }
    })
    if (error) throw error
    return result
  }
}

/** What an invocation gives, and what it throws. */
async function invoke(
  work: Work,
  event: unknown,
  context: unknown,
  edge: Edge,
): Promise<{ result?: unknown; error?: Error }> {
  const { time, scrub } = edge
  const started = time.monotonic()
  const invocation = readContext(context, started)
  let outcome: Outcome
  try {
    outcome = await work.run(event, invocation, edge)
  } catch (thrown) {
    // Also where nothing was thrown as the reason, which must not pass for success.
    const error = thrown ?? new Error('nothing was said')
    const fields = { trigger: nameSender(event), outcome: 'failed', reason: reasonOf(error), good: 0 }
    outcome = { error, fields, metrics: work.metricsOfError(thrown, edge, event) }
  }
  const { result, error, fields, metrics } = outcome
  const failed = error !== undefined
  if (failed) edge.learnEnvironment()
  const about = { invocation: invocation.requestId, durationMs: Math.round(time.monotonic() - started) }
  edge.log(
    outcome.level ?? (failed ? 'error' : 'info'),
    work.name,
    Object.assign(about, failed && errorFields(error), fields),
    edge.functionName === '' ? {} : embedMetrics(edge.functionName, time.now(), metrics),
  )
  return failed ? { error: leavingError(error, scrub) } : { result }
}

/** What a platform says of an invocation beside the event. */

/** The same of both platforms. */
export interface Invocation {
  readonly requestId: string | null
  /** When the platform stops the function, less the time to say so; on `Time.monotonic`. */
  readonly deadline: number
}

/** Kept back from the platform's time limit for reporting. */
const reserveMs = 500
/** Where no platform sets a limit, as in a run from a terminal. */
const noLimitMs = 900_000

/**
 * Lambda: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html. SCF's context has no clock of the
 * time left, only the limit, and holds the whole environment: it is never logged. `now` is on `Time.monotonic`.
 */
export function readContext(context: unknown, now: number): Invocation {
  const { getRemainingTimeInMillis, awsRequestId, time_limit_in_ms, request_id } = (context ??
    {}) as Readonly<Record<string, unknown>>
  const isLambda = typeof getRemainingTimeInMillis === 'function'
  const givenMs = Number(isLambda ? getRemainingTimeInMillis.call(context) : time_limit_in_ms)
  // SCF gives the limit, which is never 0; Lambda what is left of it, which may be.
  const limitMs = givenMs > 0 || (isLambda && givenMs <= 0) ? givenMs : noLimitMs
  const requestId = awsRequestId ?? request_id
  return {
    requestId: typeof requestId === 'string' ? requestId : null,
    deadline: now + limitMs - reserveMs,
  }
}

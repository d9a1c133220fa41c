/** Calls AWS, and again where that may help, within a deadline. The SDK's own repetition knows none. */
import { type AwsFailure, readAwsFailure } from './aws-errors.ts'

export interface AwsCallDependencies {
  /** Epoch milliseconds. */
  now(): number
  /** Uniform in [0, 1). */
  random(): number
  sleep(ms: number): Promise<void>
}

export type AwsOutcome<Answer> = { failed: AwsFailure } | { failed?: undefined; answer: Answer }

const mostAttempts = 3
/** Waits are uniform between 0 and this, doubled each time. */
const firstBackoffMs = 200
/** An attempt gets half of the time left, but at least this: a kept connection may have died unnoticed. */
const shortestAttemptMs = 1_000

/**
 * `send` makes one call with a client of `maxAttempts: 1`, and stops at the signal. `deadline` is in epoch
 * milliseconds. Words of AWS that `hold` a secret are left out.
 */
export async function callAws<Answer>(
  send: (until: { abortSignal: AbortSignal }) => Promise<Answer>,
  deadline: number,
  lend: AwsCallDependencies,
  hold?: (words: string) => boolean,
): Promise<AwsOutcome<Answer>> {
  let failed: AwsFailure | undefined
  for (let attempts = 1; ; attempts++) {
    const remainingMs = Math.max(0, deadline - lend.now())
    const timeoutMs = Math.min(remainingMs, Math.max(shortestAttemptMs, remainingMs / 2))
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(), timeoutMs)
    try {
      return { answer: await send({ abortSignal: abort.signal }) }
    } catch (error) {
      // A repetition that the deadline cut short says less than the answer before it.
      if (!failed || !abort.signal.aborted || timeoutMs >= shortestAttemptMs)
        failed = readAwsFailure(error, abort.signal, hold)
    } finally {
      clearTimeout(timer)
    }
    const waitMs = lend.random() * firstBackoffMs * 2 ** (attempts - 1)
    const mayPass = failed.retryable || skewed.test(failed.code)
    if (!mayPass || attempts === mostAttempts || lend.now() + waitMs >= deadline) return { failed }
    await lend.sleep(waitMs)
  }
}

/** What a wrong clock causes, too, which the SDK mends by the answer's date before the next attempt. */
const skewed =
  /^(RequestTimeTooSkewed|RequestExpired|RequestInTheFuture|InvalidSignatureException|SignatureDoesNotMatch)$/

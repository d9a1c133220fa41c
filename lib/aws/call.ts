/** Calls AWS, and again where that may help, within a deadline. The SDK's own repetition knows none. */

import { type Time, within } from '../time.ts'
import { type AwsFailure, readAwsFailure } from './errors.ts'

export type AwsOutcome<Answer> = { failed: AwsFailure } | { failed?: undefined; answer: Answer }

const mostAttempts = 3
/** Waits are uniform between 0 and this, doubled each time. */
const firstBackoffMs = 200
/** An attempt gets half of the time left, but at least this: a kept connection may have died unnoticed. */
const shortestAttemptMs = 1_000

/** Thrown where an attempt, or the SDK's search for credentials before it, has not ended in time. */
class TimeUp extends Error {}

/**
 * `send` makes one call with a client of `maxAttempts: 1`, and stops at the signal; where it does not, as while the SDK
 * waits for a source of credentials, it is not waited for. `deadline` is on `Time.monotonic`. Words of AWS that `hold`
 * a secret are left out.
 */
export async function callAws<Answer>(
  send: (until: { abortSignal: AbortSignal }) => Promise<Answer>,
  deadline: number,
  deps: Time,
  hold?: (words: string) => boolean,
): Promise<AwsOutcome<Answer>> {
  let failed: AwsFailure | undefined
  for (let attempts = 1; ; attempts++) {
    const started = deps.monotonic()
    const remainingMs = Math.max(0, deadline - started)
    const timeoutMs = Math.min(remainingMs, Math.max(shortestAttemptMs, remainingMs / 2))
    try {
      const late = (): Error => new TimeUp()
      return {
        answer: await within(deps, started + timeoutMs, late, (abortSignal) => send({ abortSignal })),
      }
    } catch (error) {
      const aborted = error instanceof TimeUp
      // A repetition that the deadline cut short says less than the answer before it.
      if (!failed || !aborted || timeoutMs >= shortestAttemptMs)
        failed = readAwsFailure(error, { aborted }, hold)
    }
    const waitMs = deps.random() * firstBackoffMs * 2 ** (attempts - 1)
    const mayPass = failed.retryable || skewed.test(failed.code)
    if (!mayPass || attempts === mostAttempts || deps.monotonic() + waitMs >= deadline) return { failed }
    await deps.sleep(waitMs)
  }
}

/** What a wrong clock causes, too, which the SDK mends by the answer's date before the next attempt. */
const skewed =
  /^(RequestTimeTooSkewed|RequestExpired|RequestInTheFuture|InvalidSignatureException|SignatureDoesNotMatch)$/

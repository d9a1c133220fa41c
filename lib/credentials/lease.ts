/** Credentials that are fetched, kept while they are good, and fetched again in time. */
import { CredentialsError } from '../errors.ts'
import type { Credentials } from '../tencent/tc3.ts'
import { ageMs, createShare, graceMs, type Moment, momentOf, type Time, within } from '../time.ts'

export interface Lease {
  readonly credentials: Credentials
  /** For how long they are good from the moment they came, by the clock of whoever gave them; `Infinity` when nothing says. */
  readonly lifetimeMs: number
}

/**
 * The credentials to sign with. `refused` are those that Tencent has just refused: they are never given again unless
 * they are fetched again. `deadline` is on `Time.monotonic`. Throws what the fetch threw, or `CredentialsError` with code
 * `Timeout`.
 */
export type GetCredentials = (deadline: number, refused?: Credentials) => Promise<Credentials>

/** Credentials are fetched anew this long before they expire, as most SDKs of Tencent do. */
const refreshMarginMs = 300_000
/** While the old credentials are good, a failed refresh is tried again after this time, not in every call. */
const refreshPauseMs = 10_000
/** While the old credentials are good, nobody waits longer than this for new ones, nor a third of the time there is. */
const refreshPatienceMs = 3_000

/**
 * Keeps what `fetch` gives. One fetch serves everybody who asks meanwhile, until the deadline of whoever began it: one
 * that hangs is neither waited for nor joined after that. A refresh that fails while the old credentials are good fails
 * nobody, and a failure is never kept.
 */
export function createLeasedCredentials(
  fetch: (deadline: number) => Promise<Lease>,
  time: Pick<Time, 'now' | 'monotonic' | 'after'>,
): GetCredentials {
  let lease: (Lease & { readonly since: Moment }) | null = null
  let pausedUntil = Number.NEGATIVE_INFINITY
  const share = createShare<Lease>(time, outOfTime)

  async function begin(deadline: number): Promise<Lease> {
    const fetched = await within(time, deadline + graceMs, outOfTime, () => fetch(deadline))
    lease = { ...fetched, since: momentOf(time) }
    return fetched
  }

  async function renew(deadline: number): Promise<Lease> {
    return (await share(deadline, begin)).value
  }

  return async (deadline, refused) => {
    if (refused && lease?.credentials === refused) lease = null
    const kept = lease
    const leftMs = kept ? kept.lifetimeMs - ageMs(time, kept.since) : 0
    if (!kept || leftMs <= 0) return (await renew(deadline)).credentials
    const now = time.monotonic()
    // What lives shortly would otherwise be fetched in every call.
    const marginMs = Math.min(refreshMarginMs, kept.lifetimeMs / 2)
    if (leftMs > marginMs || now < pausedUntil) return kept.credentials
    try {
      const patienceMs = Math.min(refreshPatienceMs, (deadline - now) / 3)
      return (await renew(now + patienceMs)).credentials
    } catch {
      pausedUntil = time.monotonic() + refreshPauseMs
      return kept.credentials
    }
  }
}

function outOfTime(): CredentialsError {
  return new CredentialsError(
    'Timeout',
    'Fetching the credentials for Tencent: no answer in time; check that their source can be reached from here',
    true,
  )
}

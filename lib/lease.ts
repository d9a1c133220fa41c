/** Credentials that are fetched, kept while they are good, and fetched again in time. */
import type { Credentials } from './tc3.ts'

export interface Lease {
  readonly credentials: Credentials
  /** Epoch milliseconds; `Infinity` when nothing says. */
  readonly expiresAt: number
}

/**
 * The credentials to sign with. `refused` are those that Tencent has just refused: they are never given again unless
 * they are fetched again. `deadline` is in epoch milliseconds. Throws what the fetch threw.
 */
export type GetCredentials = (deadline: number, refused?: Credentials) => Promise<Credentials>

/** Credentials are fetched anew this long before they expire, as most SDKs of Tencent do. */
const refreshMarginMs = 300_000
/** While the old credentials are good, a failed refresh is tried again after this time, not in every call. */
const refreshPauseMs = 10_000
/** While the old credentials are good, nobody waits longer than this for new ones, nor a third of the time there is. */
const refreshPatienceMs = 3_000

/**
 * Keeps what `fetch` gives. One fetch serves everybody who asks meanwhile. A refresh that fails while the old
 * credentials are good fails nobody, and a failure is never kept.
 */
export function createLeasedCredentials(
  fetch: (deadline: number) => Promise<Lease>,
  now: () => number,
): GetCredentials {
  let lease: Lease | null = null
  let flight: { readonly landing: Promise<Lease>; readonly deadline: number } | null = null
  let pausedUntil = 0

  function start(deadline: number): NonNullable<typeof flight> {
    const landing = fetch(deadline)
      .then((fetched) => {
        lease = fetched
        return fetched
      })
      .finally(() => {
        flight = null
      })
    return { landing, deadline }
  }

  async function renew(deadline: number): Promise<Lease> {
    flight ??= start(deadline)
    const joined = flight
    try {
      return await joined.landing
    } catch (error) {
      // Whoever started it had less time than is left here.
      if (now() >= joined.deadline && now() < deadline) return renew(deadline)
      throw error
    }
  }

  return async (deadline, refused) => {
    if (refused && lease?.credentials === refused) lease = null
    const kept = lease
    if (!kept || now() >= kept.expiresAt) return (await renew(deadline)).credentials
    if (now() < kept.expiresAt - refreshMarginMs || now() < pausedUntil) return kept.credentials
    try {
      const patienceMs = Math.min(refreshPatienceMs, (deadline - now()) / 3)
      return (await renew(now() + patienceMs)).credentials
    } catch {
      pausedUntil = now() + refreshPauseMs
      return kept.credentials
    }
  }
}

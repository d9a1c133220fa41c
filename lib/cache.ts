/** The lists this instance has seen lately: one upstream call serves everybody who asks meanwhile. */
import { type ClientErrorCode, CredentialsError, StoreError, TencentError } from './errors.ts'
import type { TokenList } from './tokens.ts'

/** What may go wrong upstream, which is the mirror's store where that is the source. */
export type UpstreamError = TencentError | CredentialsError | StoreError

export interface CachedList extends TokenList {
  /** When it was read, in epoch milliseconds. */
  readonly observedAt: number
  /** `false` when this very request asked for it. */
  readonly fromCache: boolean
  /** The failure because of which an old list, or a mirrored one, is served; `null` for a good list. */
  readonly staleBecause: UpstreamError | null
}

export interface TokenCache {
  /**
   * The tokens of an application; `null` where no application is configured. `refresh` asks upstream unless
   * the list is younger than a second. `deadline` is in epoch milliseconds. Throws what the fetch threw when
   * there is nothing to serve instead; a failure is never kept.
   */
  get(subAppId: number | null, options: { refresh: boolean; deadline: number }): Promise<CachedList>
}

export interface TokenCacheDependencies {
  /** Asks upstream. Not `patient`: somebody has something else to serve, so a throttled call is not repeated. */
  fetch(subAppId: number | null, deadline: number, patient: boolean): Promise<TokenList>
  /** Whether upstream is not to be asked at present, because it throttled. */
  isQuiet(): boolean
  /** Reads the mirrored document; `null` when no fallback is configured. */
  readonly fallback: ((subAppId: number | null, deadline: number) => Promise<TokenList>) | null
  /** Epoch milliseconds. */
  now(): number
  /** Uniform in [0, 1). */
  random(): number
}

interface Entry {
  /** As it is served from here on. */
  readonly list: CachedList
  readonly freshUntil: number
  readonly staleUntil: number
}

const shortestRefreshMs = 1_000
/** For how long a mirrored copy is served before Tencent, or else the store, is asked again. */
const mirroredSeconds = 5

/**
 * `cacheSeconds` 0 means "always ask". Each list's time is spread by a quarter either way, so that instances
 * which started together do not ask together. A list may be served for `staleSeconds` more while upstream
 * fails; then, and where there is a fallback, upstream gets a quarter of the time to answer.
 */
export function createTokenCache(
  { cacheSeconds, staleSeconds }: { cacheSeconds: number; staleSeconds: number },
  lend: TokenCacheDependencies,
): TokenCache {
  const entries = new Map<number | null, Entry>()
  const flights = new Map<number | null, Promise<CachedList>>()
  /** When upstream was last asked for an application, whatever came of it. */
  const askedAt = new Map<number | null, number>()

  function keep(subAppId: number | null, fetched: TokenList, staleBecause: UpstreamError | null): CachedList {
    const observedAt = lend.now()
    const freshSeconds = staleBecause ? Math.min(cacheSeconds, mirroredSeconds) : cacheSeconds
    const freshUntil = observedAt + freshSeconds * 1000 * (0.75 + 0.5 * lend.random())
    const entry = {
      list: { ...fetched, observedAt, fromCache: true, staleBecause },
      freshUntil,
      staleUntil: freshUntil + staleSeconds * 1000,
    }
    entries.set(subAppId, entry)
    return entry.list
  }

  /** Whether a list may be served until then. It may not when the clock was set back to before it was read. */
  function isBefore(end: number, { list }: Entry): boolean {
    const now = lend.now()
    return list.observedAt <= now && now < end
  }

  async function ask(subAppId: number | null, deadline: number, patient: boolean): Promise<CachedList> {
    if (!patient && lend.isQuiet()) throw quietError()
    askedAt.set(subAppId, lend.now())
    return keep(subAppId, await lend.fetch(subAppId, deadline, patient), null)
  }

  /** Asks upstream, and turns to what else there is when that fails. */
  async function fly(subAppId: number | null, deadline: number): Promise<CachedList> {
    const old = entries.get(subAppId)
    const spare = old && staleSeconds > 0 && isBefore(old.staleUntil, old) ? old.list : null
    if (spare === null && lend.fallback === null) return ask(subAppId, deadline, true)
    const now = lend.now()
    try {
      return await ask(subAppId, now + (deadline - now) / 4, false)
    } catch (error) {
      if (!mayBeHidden(error)) throw error
      // A mirrored document that was served before is read again: the mirror may be ahead of it by now.
      if (spare?.staleBecause === null) return { ...spare, staleBecause: error }
      const mirrored = await lend.fallback?.(subAppId, deadline).catch(() => null)
      if (mirrored) return keep(subAppId, mirrored, error)
      if (spare) return { ...spare, staleBecause: error }
    }
    // Nothing else to serve after all, and time left to wait.
    return ask(subAppId, deadline, true)
  }

  return {
    async get(subAppId, { refresh, deadline }) {
      const entry = entries.get(subAppId)
      const now = lend.now()
      const asked = askedAt.get(subAppId) ?? Number.NEGATIVE_INFINITY
      const asksAnew = refresh && (now >= asked + shortestRefreshMs || now < asked)
      if (entry && !asksAnew && isBefore(entry.freshUntil, entry)) return entry.list
      const joined = flights.get(subAppId)
      const flight = joined ?? fly(subAppId, deadline).finally(() => flights.delete(subAppId))
      if (!joined) flights.set(subAppId, flight)
      return { ...(await flight), fromCache: joined !== undefined }
    },
  }
}

/**
 * Failures that pass by themselves, or answers that are none. What Tencent or AWS refuse for a reason (credentials,
 * permissions, an unknown user) is shown, or nobody would mend it.
 */
function mayBeHidden(error: unknown): error is UpstreamError {
  if (error instanceof TencentError) return error.retryable || unusable.includes(error.code)
  return (error instanceof CredentialsError || error instanceof StoreError) && error.retryable
}

/** Answers that no repetition mends, and that refuse nothing. A status such as 403 may. */
const unusable: readonly string[] = [
  'ClientError.MalformedAnswer',
  'ClientError.ResponseTooLarge',
] satisfies ClientErrorCode[]

function quietError(): TencentError {
  return new TencentError(
    'RequestLimitExceeded',
    'DescribeAigcApiTokens: not asked, because Tencent throttled a moment ago',
    { action: 'DescribeAigcApiTokens', requestId: null, attempts: 0, retryable: true },
  )
}

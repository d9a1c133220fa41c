/** The lists this instance has seen lately: one upstream call serves everybody who asks meanwhile. */
import { nameTokens, type TokenNames } from '../digest.ts'
import { type ClientErrorCode, CredentialsError, StoreError, TencentError } from '../errors.ts'
import { meaningOf } from '../tencent/codes.ts'
import type { ListTokens, TokenList } from '../tencent/vod.ts'
import { ageMs, createShare, graceMs, type Moment, momentOf, type Share, type Time, within } from '../time.ts'
import type { ChoosePick } from './pick.ts'

/** What may go wrong upstream, which is the mirror's store where that is the source. */
export type UpstreamError = TencentError | CredentialsError | StoreError

/** `apiTokens` are sorted by code unit, and `extInfos` with them; `pick` is the token to use. */
export interface CachedList extends TokenList {
  readonly names: TokenNames
  /** When it was read; ISO 8601. */
  readonly observedAt: string
  /** How long ago that was, in milliseconds. */
  readonly ageMs: number
  /** `false` when this very request asked for it. */
  readonly fromCache: boolean
  /** The failure because of which an old list, or a mirrored one, is served; `null` for a good list. */
  readonly staleBecause: UpstreamError | null
}

export interface TokenCache {
  /**
   * The tokens of an application; `null` where no application is configured. `refresh` asks upstream unless
   * the list is younger than a second. `deadline` is on `Time.monotonic`. Throws what the fetch threw when
   * there is nothing to serve instead; a failure is never kept.
   */
  get(subAppId: number | null, options: { refresh: boolean; deadline: number }): Promise<CachedList>
}

export interface TokenCacheDependencies extends Pick<Time, 'now' | 'monotonic' | 'random' | 'after'> {
  /** Asks upstream. */
  readonly list: ListTokens
  /** Whether upstream is not to be asked at present, because it throttled. */
  isBackingOff(): boolean
  /**
   * Reads the mirrored document, where one is configured: for its pick beside every list, and for its tokens where upstream
   * gives none. `null` when no fallback is configured, or when upstream is that document.
   */
  readonly fallback: ListTokens | null
  choosePick: ChoosePick
}

interface Entry {
  /** As it is served from here on. */
  readonly list: CachedList
  readonly since: Moment
  /** How old it may be to be served as it is, and as an old one; in milliseconds. */
  readonly freshMs: number
  readonly staleMs: number
}

interface Mirrored {
  /** `null` where there is none, or it cannot be had. */
  readonly document: TokenList | null
  /** Whether that is because time ran out. */
  readonly isLate: boolean
}

const nothingMirrored: Mirrored = { document: null, isLate: false }

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
  deps: TokenCacheDependencies,
): TokenCache {
  const entries = new Map<number | null, Entry>()
  const shares = new Map<number | null, Share<CachedList>>()
  const documents = new Map<number | null, { readonly document: TokenList; readonly since: Moment }>()
  /** When somebody was last asked for an application, whatever came of it. */
  const askedAt = new Map<number | null, number>()

  function keep(
    subAppId: number | null,
    fetched: TokenList,
    { staleBecause, since, pick: mirrored }: Pick<CachedList, 'staleBecause' | 'pick'> & { since: Moment },
  ): CachedList {
    const sorted = sortTokens(fetched)
    const pick = deps.choosePick(subAppId, sorted.apiTokens, mirrored)
    const freshSeconds = staleBecause ? Math.min(cacheSeconds, mirroredSeconds) : cacheSeconds
    const freshMs = freshSeconds * 1000 * (0.75 + 0.5 * deps.random())
    const names = nameTokens(sorted.apiTokens, pick)
    const observedAt = new Date(since.now).toISOString()
    const entry = {
      list: { ...sorted, pick, names, observedAt, ageMs: 0, fromCache: true, staleBecause },
      since,
      freshMs,
      staleMs: freshMs + staleSeconds * 1000,
    }
    entries.set(subAppId, entry)
    return entry.list
  }

  function aged({ list, since }: Entry): CachedList {
    return { ...list, ageMs: ageMs(deps, since) }
  }

  /** `mirrored` is the document that is read meanwhile; it never rejects. */
  async function ask(
    subAppId: number | null,
    deadline: number,
    { patient, mirrored }: { patient: boolean; mirrored?: Promise<Mirrored> },
  ): Promise<CachedList> {
    if (!patient && deps.isBackingOff()) throw backingOffError()
    const fetched = await inTime(deadline, () => deps.list(subAppId, deadline, { patient }))
    const since = momentOf(deps)
    const document = (await mirrored)?.document
    return keep(subAppId, fetched, {
      staleBecause: null,
      since,
      pick: fetched.pick ?? document?.pick ?? null,
    })
  }

  /** Whatever it is that hangs, it holds nobody up past the deadline, and leaves nothing to join after that. */
  function inTime<T>(deadline: number, work: () => Promise<T>): Promise<T> {
    return within(deps, deadline + graceMs, outOfTime, work)
  }

  /** The mirrored document, not older than {@link mirroredSeconds}. */
  async function readMirrored(subAppId: number | null, deadline: number): Promise<Mirrored> {
    const { fallback } = deps
    if (!fallback) return nothingMirrored
    const known = documents.get(subAppId)
    if (known && ageMs(deps, known.since) < mirroredSeconds * 1000) return { ...known, isLate: false }
    try {
      const document = await inTime(deadline, () => fallback(subAppId, deadline))
      documents.set(subAppId, { document, since: momentOf(deps) })
      return { document, isLate: false }
    } catch {
      return { document: null, isLate: deps.monotonic() >= deadline }
    }
  }

  /**
   * An old list, while the document that was just read may be ahead of it: the token to use is one that both have, where there
   * is one, and the document's before all.
   */
  function pickAgain(subAppId: number | null, { list, ...about }: Entry, document: TokenList): Entry {
    const { apiTokens } = list
    const both = [document.pick, list.pick, ...document.apiTokens].find(
      (token) => token !== null && apiTokens.includes(token) && document.apiTokens.includes(token),
    )
    const pick = deps.choosePick(subAppId, apiTokens, both ?? null)
    const entry = { ...about, list: { ...list, pick, names: nameTokens(apiTokens, pick) } }
    entries.set(subAppId, entry)
    return entry
  }

  /** Asks upstream, and turns to what else there is when that fails. */
  async function fly(subAppId: number | null, deadline: number): Promise<CachedList> {
    askedAt.set(subAppId, deps.monotonic())
    const old = entries.get(subAppId)
    const spare = old && staleSeconds > 0 && ageMs(deps, old.since) < old.staleMs ? aged(old) : null
    if (spare === null && deps.fallback === null) return ask(subAppId, deadline, { patient: true })
    const now = deps.monotonic()
    const quarter = now + (deadline - now) / 4
    // Beside the list, so that a store costs nobody another wait, and one that fails or hangs its opinion alone.
    const isNeeded = spare?.staleBecause !== null || !deps.isBackingOff()
    const mirrored = isNeeded ? readMirrored(subAppId, quarter) : Promise.resolve(nothingMirrored)
    try {
      return await ask(subAppId, quarter, { patient: false, mirrored })
    } catch (error) {
      // Also before an error is thrown: nothing is left running.
      let { document, isLate } = await mirrored
      if (!mayBeHidden(error)) throw error
      // A mirrored document that was served before is read again: the mirror may be ahead of it by now.
      if (old && spare?.staleBecause === null) {
        const entry = document ? pickAgain(subAppId, old, document) : old
        return { ...aged(entry), staleBecause: error }
      }
      if (isLate) document = (await readMirrored(subAppId, deadline)).document
      if (document)
        return keep(subAppId, document, { staleBecause: error, since: momentOf(deps), pick: document.pick })
      if (spare) return { ...spare, staleBecause: error }
    }
    // Nothing else to serve after all, and time left to wait.
    return ask(subAppId, deadline, { patient: true })
  }

  function shareOf(subAppId: number | null): Share<CachedList> {
    const share = shares.get(subAppId) ?? createShare<CachedList>(deps, outOfTime)
    shares.set(subAppId, share)
    return share
  }

  return {
    async get(subAppId, { refresh, deadline }) {
      const entry = entries.get(subAppId)
      const asked = askedAt.get(subAppId) ?? Number.NEGATIVE_INFINITY
      const asksAnew = refresh && deps.monotonic() >= asked + shortestRefreshMs
      if (entry && !asksAnew && ageMs(deps, entry.since) < entry.freshMs) return aged(entry)
      const { value, joined } = await shareOf(subAppId)(deadline, (until) => fly(subAppId, until))
      return { ...value, fromCache: joined }
    },
  }
}

function sortTokens(list: TokenList): TokenList {
  const { apiTokens, extInfos } = list
  if (!extInfos) return { ...list, apiTokens: [...apiTokens].sort() }
  const order = [...apiTokens.keys()].sort((a, b) => ((apiTokens[a] ?? '') < (apiTokens[b] ?? '') ? -1 : 1))
  const select = (texts: readonly string[]): string[] => order.map((index) => texts[index] ?? '')
  return { ...list, apiTokens: select(apiTokens), extInfos: select(extInfos) }
}

/**
 * Failures that pass by themselves, or answers that are none. What Tencent or AWS refuse for a reason (credentials,
 * permissions, an unknown user) is shown, or nobody would mend it.
 */
function mayBeHidden(error: unknown): error is UpstreamError {
  if (error instanceof TencentError) return error.retryable || meaningOf(error.code).mayBeHidden
  return (error instanceof CredentialsError || error instanceof StoreError) && error.retryable
}

function outOfTime(): TencentError {
  return new TencentError(
    'ClientError.Timeout' satisfies ClientErrorCode,
    'Listing the tokens: no answer in time; check that this function can reach what it asks',
    { action: 'DescribeAigcApiTokens', requestId: null, attempts: 1, retryable: true },
  )
}

function backingOffError(): TencentError {
  return new TencentError(
    'RequestLimitExceeded',
    'DescribeAigcApiTokens: not asked, because Tencent throttled a moment ago',
    { action: 'DescribeAigcApiTokens', requestId: null, attempts: 0, retryable: true },
  )
}

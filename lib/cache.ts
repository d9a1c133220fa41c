/** The lists this instance has seen lately: one upstream call serves everybody who asks meanwhile. */
import type { TokenList } from './tokens.ts'

export interface ObservedList extends TokenList {
  /** When Tencent answered, in epoch milliseconds. */
  readonly observedAt: number
}

export interface TokenCache {
  /**
   * The tokens of an application, at most the cache time old; `null` where no application is configured.
   * `refresh` asks upstream unless the list is younger than a second. `deadline` is in epoch milliseconds.
   * Throws what the fetch threw; a failure is never kept.
   */
  get(subAppId: number | null, options: { refresh: boolean; deadline: number }): Promise<CachedList>
}

export interface CachedList extends ObservedList {
  /** `false` when this very request asked Tencent. */
  readonly fromCache: boolean
}

const shortestRefreshMs = 1_000

/**
 * `cacheSeconds` 0 means "always ask". Each list's time is spread by a quarter either way, so that
 * instances which started together do not ask together.
 */
export function createTokenCache(
  cacheSeconds: number,
  lend: {
    fetch(subAppId: number | null, deadline: number): Promise<TokenList>
    /** Epoch milliseconds. */
    now(): number
    /** Uniform in [0, 1). */
    random(): number
  },
): TokenCache {
  const lists = new Map<number | null, { list: ObservedList; freshUntil: number }>()
  const flights = new Map<number | null, Promise<ObservedList>>()

  async function fetch(subAppId: number | null, deadline: number): Promise<ObservedList> {
    const list = { ...(await lend.fetch(subAppId, deadline)), observedAt: lend.now() }
    const spread = 0.75 + 0.5 * lend.random()
    lists.set(subAppId, { list, freshUntil: list.observedAt + cacheSeconds * 1000 * spread })
    return list
  }

  return {
    async get(subAppId, { refresh, deadline }) {
      const cached = lists.get(subAppId)
      const usable = cached && (refresh ? cached.list.observedAt + shortestRefreshMs : cached.freshUntil)
      if (cached && usable !== undefined && lend.now() < usable) return { ...cached.list, fromCache: true }
      const joined = flights.get(subAppId)
      if (joined) return { ...(await joined), fromCache: true }
      const flight = fetch(subAppId, deadline).finally(() => flights.delete(subAppId))
      flights.set(subAppId, flight)
      return { ...(await flight), fromCache: false }
    },
  }
}

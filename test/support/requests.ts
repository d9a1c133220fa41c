/** HTTP requests as `readEvent` gives them, and lists as the cache does. */
import { nameTokens } from '../../lib/digest.ts'
import type { CachedList } from '../../lib/endpoint/cache.ts'
import type { HttpEvent } from '../../lib/platform/events.ts'

/** A GET of which nobody says who sent it. */
export function requestOf(path: string, more: Partial<HttpEvent> = {}): HttpEvent {
  return {
    kind: 'http',
    shape: 'http-api-v2',
    method: 'GET',
    path,
    stage: null,
    matched: null,
    queryNames: [],
    headers: {},
    requestId: null,
    principal: null,
    unnamedAt: null,
    ...more,
  }
}

/** A list that was asked for just now; its pick is the first token unless `more` names another. */
export function cachedList(apiTokens: readonly string[], more: Partial<CachedList> = {}): CachedList {
  const { pick = apiTokens[0] ?? null } = more
  return {
    apiTokens,
    pick,
    names: nameTokens(apiTokens, pick),
    extInfos: null,
    extInfosDropped: false,
    requestId: null,
    observedAt: '1970-01-01T00:00:00.000Z',
    ageMs: 0,
    fromCache: false,
    staleBecause: null,
    ...more,
  }
}

/** The JSON documents that show a list. */
import type { CachedList } from './cache.ts'

/** What of a list is shown. One word from the route to the key's scope and the rendering. */
export type View = 'tokens' | 'fingerprints'

/** `SubAppId` is `null` where no application is configured. */
export interface ListView {
  readonly SubAppId: number | null
  readonly ApiTokens?: readonly string[]
  readonly ExtInfos?: readonly string[]
  readonly Fingerprints?: readonly string[]
  readonly RequestId: string | null
  /** When Tencent answered, or when the mirrored document was read; ISO 8601. */
  readonly ObservedAt: string
  readonly Stale: boolean
}

/** Shows a list with the tokens themselves or with their fingerprints. */
export function viewList(list: CachedList, subAppId: number | null, view: View): ListView {
  const values = view === 'tokens'
  return {
    SubAppId: subAppId,
    ...(values ? { ApiTokens: list.apiTokens } : { Fingerprints: list.names.fingerprints }),
    ...(values && list.extInfos && { ExtInfos: list.extInfos }),
    RequestId: list.requestId,
    ObservedAt: new Date(list.observedAt).toISOString(),
    Stale: list.staleBecause !== null,
  }
}

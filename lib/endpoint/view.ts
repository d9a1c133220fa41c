/** The JSON documents that show a list. */
import type { CachedList } from './cache.ts'

/** What of a list is shown: everything, the token to use alone, or names. One word from the route to the key's scope. */
export type View = 'tokens' | 'token' | 'fingerprints'

/** `SubAppId` is `null` where no application is configured. */
export interface ListView {
  readonly SubAppId: number | null
  /** The token to use; `null` when there is none. */
  readonly ApiToken?: string | null
  readonly ApiTokens?: readonly string[]
  readonly ExtInfos?: readonly string[]
  /** Of the token to use; `null` when there is none. */
  readonly Fingerprint?: string | null
  readonly Fingerprints?: readonly string[]
  readonly RequestId: string | null
  /** When Tencent answered, or when the mirrored document was read; ISO 8601. */
  readonly ObservedAt: string
  readonly Stale: boolean
}

/** Shows a list. */
export function viewList(list: CachedList, subAppId: number | null, view: View): ListView {
  return {
    SubAppId: subAppId,
    ...show[view](list),
    RequestId: list.requestId,
    ObservedAt: list.observedAt,
    Stale: list.staleBecause !== null,
  }
}

const show: Readonly<Record<View, (list: CachedList) => Partial<ListView>>> = {
  tokens: ({ pick, apiTokens, extInfos }) => ({
    ApiToken: pick,
    ApiTokens: apiTokens,
    ...(extInfos && { ExtInfos: extInfos }),
  }),
  token: ({ pick }) => ({ ApiToken: pick }),
  fingerprints: ({ names }) => ({ Fingerprint: names.pick, Fingerprints: names.fingerprints }),
}

/** The fingerprints of the tokens that a view names or gives away. */
export function fingerprintsIn({ names }: CachedList, view: View): readonly string[] {
  return view === 'token' ? (names.pick === null ? [] : [names.pick]) : names.fingerprints
}

/** SHA-256, in hex, of what a view shows of the tokens, whatever their order. */
export function digestOf({ names }: CachedList, view: View): string {
  // Whoever may see one token must not be told when others change.
  return view === 'token' ? names.pickDigest : names.digest
}

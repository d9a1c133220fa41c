/** The mirrored document as a source of tokens, for when Tencent cannot or should not be asked. */
import type { Fallback } from '../config.ts'
import { StoreError } from '../errors.ts'
import { judgeReading } from '../stores/document.ts'
import type { Store, Target } from '../stores/store.ts'
import type { Site } from '../tencent/sites.ts'
import type { ListTokens, TokenList } from '../tencent/vod.ts'

/**
 * Lists the tokens that the one target of an application holds. The list throws `StoreError` when the store cannot be read or
 * holds no document of this application; `onFailure` hears of it, too.
 */
export function createMirroredList({
  fallbacks,
  site,
  openStore,
  onFailure,
}: {
  readonly fallbacks: readonly Fallback[]
  readonly site: Site
  openStore(target: Target): Store
  onFailure(subAppId: number | null, error: unknown): void
}): ListTokens {
  return async (subAppId, deadline) => {
    const target = fallbacks.find((fallback) => fallback.subAppId === subAppId)?.target
    if (!target) throw new Error(`no mirrored document for application ${subAppId}`)
    try {
      return await readMirrored({ subAppId, site }, target, openStore(target), deadline)
    } catch (error) {
      onFailure(subAppId, error)
      throw error
    }
  }
}

async function readMirrored(
  application: { readonly subAppId: number | null; readonly site: Site },
  target: Target,
  store: Store,
  deadline: number,
): Promise<TokenList> {
  const reading = await store.read(deadline)
  const judged = judgeReading({ application, target, reading })
  // Not what it held a version ago: who damaged the value may have meant to take the tokens away.
  const held = judged.kind === 'writable' ? judged.held : null
  if (!held) {
    const reason =
      judged.kind === 'refused' ? judged.reason : 'it holds no mirrored document; run mirror-tokens'
    throw new StoreError('NotMirrored', `Reading the tokens from ${target.uri}: ${reason}`, target.uri)
  }
  return {
    apiTokens: held.ApiTokens,
    extInfos: null,
    extInfosDropped: false,
    requestId: null,
    pick: held.ApiToken,
  }
}

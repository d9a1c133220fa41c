/** The mirrored document as a source of tokens, for when Tencent cannot or should not be asked. */
import type { Mirror, Site } from '../config.ts'
import { StoreError } from '../errors.ts'
import { judgeReading } from '../stores/document.ts'
import type { Store, Target } from '../stores/store.ts'
import type { TokenList } from '../tencent/vod.ts'

/**
 * Reads the tokens that the application's one target holds. `deadline` is on `Time.monotonic`. Throws
 * `StoreError` when the store cannot be read or holds no document of this application.
 */
export async function readMirrored(
  { subAppId, targets: [target] }: Mirror,
  site: Site,
  openStore: (target: Target) => Store,
  deadline: number,
): Promise<TokenList> {
  if (!target) throw new Error('a source needs a target')
  const reading = await openStore(target).read(deadline)
  const judged = judgeReading({ application: { subAppId, site }, target, reading })
  // Not what it held a version ago: who damaged the value may have meant to take the tokens away.
  const held = judged.refusal === undefined ? judged.held : null
  if (!held) {
    const reason = judged.refusal ?? 'it holds no mirrored document; run mirror-tokens'
    throw new StoreError('NotMirrored', `Reading the tokens from ${target.uri}: ${reason}`, target.uri)
  }
  return { apiTokens: held.ApiTokens, extInfos: null, extInfosDropped: false, requestId: null }
}

/** Lists of tokens as tests need them. */
import type { TokenList } from '../../lib/tencent/vod.ts'

export function listOf(apiTokens: readonly string[]): TokenList {
  return { apiTokens, extInfos: null, extInfosDropped: false, requestId: null, pick: null }
}

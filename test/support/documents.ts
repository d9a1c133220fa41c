/** Mirrored documents as stores hold them. */
import { type MirroredDocument, renderDocument } from '../../lib/stores/document.ts'

/** Of application 7 on `intl`, and its first token is the one to use, unless `more` says otherwise. */
export function mirrored(tokens: readonly string[], more: Partial<MirroredDocument> = {}): string {
  return renderDocument({
    ApiToken: tokens[0] ?? null,
    ApiTokens: tokens,
    SubAppId: 7,
    Site: 'intl',
    ...more,
  })
}

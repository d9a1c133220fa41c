/** The mirrored document: the one value that every target of an application holds. */
import type { Site } from '../config.ts'
import { sha256Hex } from '../tencent/tc3.ts'

export interface MirroredDocument {
  /** The token to use; `null` only after a confirmed empty list. */
  readonly ApiToken: string | null
  /** Sorted by code unit, without duplicates. */
  readonly ApiTokens: readonly string[]
  readonly SubAppId: number | null
  readonly Site: Site
}

/** The document as stored: fixed field order, no spaces, so that equal content is equal bytes. */
export function renderDocument(document: MirroredDocument): string {
  const { ApiToken, ApiTokens, SubAppId, Site } = document
  return JSON.stringify({ ApiToken, ApiTokens: [...new Set(ApiTokens)].sort(), SubAppId, Site })
}

/** Reads a stored value; `null` when it is not a mirrored document. */
export function parseDocument(value: string): MirroredDocument | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(value)
  } catch {
    return null
  }
  if (typeof parsed !== 'object' || parsed === null) return null
  const { ApiToken, ApiTokens, SubAppId, Site } = parsed as Partial<Record<keyof MirroredDocument, unknown>>
  const good =
    (ApiToken === null || typeof ApiToken === 'string') &&
    Array.isArray(ApiTokens) &&
    ApiTokens.every((token): token is string => typeof token === 'string' && token !== '') &&
    (SubAppId === null || typeof SubAppId === 'number') &&
    (Site === 'intl' || Site === 'cn')
  return good ? { ApiToken, ApiTokens: [...new Set(ApiTokens)], SubAppId, Site } : null
}

/** Whether a stored value is a mirrored document. */
export function isDocument(value: string): boolean {
  return parseDocument(value) !== null
}

/** The name of a document's content: its SHA-256 in hex, 64 digits. */
export function versionId(rendered: string): string {
  return sha256Hex(rendered)
}

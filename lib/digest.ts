/** Hashes, and the names of tokens that do not reveal them. */
import { hash } from 'node:crypto'

export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex')
}

/** A name for a token that does not reveal it: the first 16 hex digits of its SHA-256. */
export function fingerprint(token: string): string {
  return sha256Hex(token).slice(0, 16)
}

/** Whether a text is written as {@link fingerprint} writes. */
export function isFingerprint(text: string): boolean {
  return /^[\da-f]{16}$/.test(text)
}

/** Names for a list and for the token to use that do not reveal them. */
export interface TokenNames {
  /** Of the token to use. */
  readonly pick: string | null
  /** SHA-256, in hex, of the token to use. */
  readonly pickDigest: string
  /** Of all tokens, sorted. */
  readonly fingerprints: readonly string[]
  /** SHA-256, in hex, of the token to use and of the set: the same for any order and any duplicates. */
  readonly digest: string
}

export function nameTokens(apiTokens: readonly string[], pick: string | null): TokenNames {
  return {
    pick: pick === null ? null : fingerprint(pick),
    pickDigest: sha256Hex(JSON.stringify(pick)),
    fingerprints: apiTokens.map(fingerprint).sort(),
    digest: sha256Hex(JSON.stringify([pick, [...new Set(apiTokens)].sort()])),
  }
}

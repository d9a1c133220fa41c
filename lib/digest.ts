/** Hashes, and the names of tokens that do not reveal them. */
import { hash } from 'node:crypto'

export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex')
}

/** A name for a token that does not reveal it: the first 16 hex digits of its SHA-256. */
export function fingerprint(token: string): string {
  return sha256Hex(token).slice(0, 16)
}

/** Names for a list that do not reveal it. */
export interface TokenNames {
  /** Of each token, by index. */
  readonly fingerprints: readonly string[]
  /** SHA-256, in hex, of the set: the same for any order and any duplicates. */
  readonly digest: string
}

export function nameTokens(apiTokens: readonly string[]): TokenNames {
  return {
    fingerprints: apiTokens.map(fingerprint),
    digest: sha256Hex(JSON.stringify([...new Set(apiTokens)].sort())),
  }
}

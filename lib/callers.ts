/** Who is asking over HTTP, and what for. */
import { timingSafeEqual } from 'node:crypto'
import type { ApiKey } from './config.ts'
import { sha256Hex } from './tc3.ts'

/** The key whose holder sent this `Authorization` header, or `null`. Takes equally long for every key. */
export function findCaller(authorization: string | undefined, keys: readonly ApiKey[]): ApiKey | null {
  const presented = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
  if (presented === undefined) return null
  const digest = Buffer.from(sha256Hex(presented))
  let caller: ApiKey | null = null
  for (const key of keys) if (timingSafeEqual(digest, Buffer.from(key.sha256))) caller = key
  return caller
}

/** Why this caller may not have an application's tokens, or `null`. `values`: the tokens themselves, not fingerprints. */
export function refuseCaller(caller: ApiKey, subAppId: number | null, values: boolean): string | null {
  if (values && caller.scope !== 'full') return 'this key may read fingerprints only'
  if (caller.subAppIds && (subAppId === null || !caller.subAppIds.includes(subAppId)))
    return 'this key may not read that application'
  return null
}

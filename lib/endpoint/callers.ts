/** Who is asking over HTTP, and what for. */
import { timingSafeEqual } from 'node:crypto'
import type { ApiKey, Config } from '../config.ts'
import { fingerprint, sha256Hex } from '../digest.ts'
import type { HttpEvent, HttpShape } from '../platform/events.ts'
import type { View } from './view.ts'

export interface Caller {
  /** For the audit: the key's name, an ARN, a JWT's subject. */
  readonly name: string
  readonly scope: ApiKey['scope']
  /** The applications it may ask for; `null` means all that are configured. */
  readonly subAppIds: readonly number[] | null
}

/** Where this runs. */
export interface Platform {
  /** Whether that is SCF, by a mark that only SCF sets; all else is not. */
  readonly isScf: boolean
}

/** What an SCF function URL sends: events, or requests to a web function. */
const checkedByScf: readonly HttpShape[] = ['scf-function-url', 'scf-web']

/** Who sent a request, by the configured way of telling; `null` when nobody vouches for the sender. */
export function findCaller(
  request: HttpEvent,
  { httpAuth, apiKeys }: Pick<Config, 'httpAuth' | 'apiKeys'>,
  { isScf }: Platform,
): Caller | null {
  switch (httpAuth) {
    case 'keys':
      return findKey(request.headers['authorization'], apiKeys)
    case 'gateway':
      return request.principal === null ? null : vouchedFor(nameOf(request.principal, request))
    case 'platform':
      // Only a function URL with CAM grants request by request. Its events have no mark that another sender could not
      // write, so they count on SCF alone: whoever invokes this on Lambda hands in what event they like. Nobody but SCF
      // reaches the port of a web function.
      return isScf && checkedByScf.includes(request.shape) ? vouchedFor('platform') : null
    case null:
      return null
  }
}

/**
 * Why this caller may not have an application's tokens, or `null`.
 * An application that a key is not bound to does not exist for it, whatever it asks of it.
 */
export function refuseCaller(
  caller: Caller,
  subAppId: number | null,
  view: View,
): 'SubAppNotFound' | 'ScopeTooSmall' | null {
  if (caller.subAppIds && (subAppId === null || !caller.subAppIds.includes(subAppId))) return 'SubAppNotFound'
  return shownTo[caller.scope].includes(view) ? null : 'ScopeTooSmall'
}

const shownTo: Readonly<Record<Caller['scope'], readonly View[]>> = {
  full: ['tokens', 'token', 'fingerprints'],
  single: ['token'],
  masked: ['fingerprints'],
}

/** An authorizer may give the very token that it was shown as the principal: it is named by its fingerprint then. */
function nameOf(principal: string, { headers }: HttpEvent): string {
  const shown = ['authorization', 'x-api-key', 'cookie'].some((name) => headers[name]?.includes(principal))
  return shown ? `fingerprint:${fingerprint(principal)}` : principal
}

/** What it lets a caller do is the gateway's or the platform's decision, route by route. */
function vouchedFor(name: string): Caller {
  return { name, scope: 'full', subAppIds: null }
}

/** Takes equally long for every key. */
function findKey(authorization: string | undefined, keys: readonly ApiKey[]): ApiKey | null {
  const presented = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
  if (presented === undefined) return null
  const digest = Buffer.from(sha256Hex(presented))
  let found: ApiKey | null = null
  for (const key of keys) if (timingSafeEqual(digest, Buffer.from(key.sha256))) found = key
  return found
}

/**
 * TC3-HMAC-SHA256, the request signature of Tencent Cloud API 3.0, one exported function per step of the
 * specification ("Signature v3", https://cloud.tencent.com/document/product/213/30654). Pure: equal
 * arguments give equal signatures.
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { sha256Hex } from '../digest.ts'

/** The key pair a request is signed with. `token` belongs to temporary credentials and is sent, not signed. */
export interface Credentials {
  readonly secretId: string
  readonly secretKey: string
  readonly token?: string
}

/** The parts of an HTTP request that the signature covers. */
export interface SignableRequest {
  readonly method: string
  /** The query as sent, without `?`; empty for POST. */
  readonly query?: string
  /** Exactly the headers to sign; Tencent demands `content-type` and `host` (with the port when not the default). */
  readonly headers: Readonly<Record<string, string>>
  /** The very bytes that are sent. */
  readonly body: string | Uint8Array
}

/** Where and when a signature is valid. */
export interface Scope {
  /** The product's short name, such as `vod`; never taken from the host, which may be overridden. */
  readonly service: string
  /** Epoch seconds, the value of `X-TC-Timestamp`. Tencent refuses more than five minutes of difference. */
  readonly timestamp: number
}

/** The headers as the signature covers them. */
export interface CanonicalHeaders {
  /** `name:value` and a line break for each, sorted by name. */
  readonly lines: string
  /** The names, sorted and joined by `;`. */
  readonly names: string
}

/** Names and values are lower-cased and trimmed: the action is signed as `describeaigcapitokens`. */
export function canonicalHeaders(headers: SignableRequest['headers']): CanonicalHeaders {
  const entries = Object.entries(headers)
    .map(([name, value]): [string, string] => [name.trim().toLowerCase(), value.trim().toLowerCase()])
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    lines: entries.map(([name, value]) => `${name}:${value}\n`).join(''),
    names: entries.map(([name]) => name).join(';'),
  }
}

/** The path is always `/`. */
export function canonicalRequest(
  { method, query = '', headers, body }: SignableRequest,
  { lines, names } = canonicalHeaders(headers),
): string {
  // Not a template: Node hashes a string that lies in one piece faster, and a join makes one.
  return [method.toUpperCase(), '/', query, lines, names, sha256Hex(body)].join('\n')
}

/** The UTC day of the timestamp, `YYYY-MM-DD`, derived from that one reading of the clock. */
export function scopeDate(timestamp: number): string {
  return new Date(timestamp * 1000).toISOString().slice(0, 10)
}

/** `DATE/SERVICE/tc3_request`: the same for a whole day. */
export function credentialScope({ service, timestamp }: Scope): string {
  return `${scopeDate(timestamp)}/${service}/tc3_request`
}

/** `scope` is the {@link credentialScope}. */
export function stringToSign(timestamp: number, scope: string, canonical: string): string {
  return `TC3-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256Hex(canonical)}`
}

export function dateKey(secretKey: string, date: string): Buffer {
  return hmac(`TC3${secretKey}`, date)
}

export function serviceKey(keyOfDate: Uint8Array, service: string): Buffer {
  return hmac(keyOfDate, service)
}

/** The key that signs for a day: `HMAC(HMAC(HMAC("TC3" + secretKey, date), service), "tc3_request")`. */
export function signingKey(secretKey: string, { service, timestamp }: Scope): KeyObject {
  const keyOfService = serviceKey(dateKey(secretKey, scopeDate(timestamp)), service)
  // Set up once: for a key that is a Buffer, Node does so at every signature.
  return createSecretKey(hmac(keyOfService, 'tc3_request'))
}

/** 64 lower-case hex digits. */
export function signature(key: KeyObject, toSign: string): string {
  return createHmac('sha256', key).update(toSign).digest('hex')
}

/** Gives the `Authorization` header of a request with this body; `timestamp` is in epoch seconds. */
export type Sign = (
  body: SignableRequest['body'],
  timestamp: number,
  credentials: Pick<Credentials, 'secretId' | 'secretKey'>,
) => string

/**
 * Signs requests that differ in body and time alone. The canonical headers are worked out once, scope and signing key once
 * a day, and again where the key is another.
 */
export function createSigner(
  { method, query = '', headers }: Omit<SignableRequest, 'body'>,
  service: string,
): Sign {
  const canonical = canonicalHeaders(headers)
  let kept: { day: number; secretKey: string; scope: string; key: KeyObject } | undefined

  return function authorization(body, timestamp, { secretId, secretKey }) {
    const day = Math.floor(timestamp / secondsOfDay)
    if (kept?.day !== day || kept.secretKey !== secretKey) {
      const at = { service, timestamp }
      kept = { day, secretKey, scope: credentialScope(at), key: signingKey(secretKey, at) }
    }
    const { scope, key } = kept
    const request = canonicalRequest({ method, query, headers, body }, canonical)
    const signed = signature(key, stringToSign(timestamp, scope, request))
    return `TC3-HMAC-SHA256 Credential=${secretId}/${scope}, SignedHeaders=${canonical.names}, Signature=${signed}`
  }
}

const secondsOfDay = 86_400

function hmac(key: string | Uint8Array, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}

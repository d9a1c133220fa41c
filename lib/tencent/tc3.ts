/**
 * TC3-HMAC-SHA256, the request signature of Tencent Cloud API 3.0, one exported function per step of the
 * specification ("Signature v3", https://cloud.tencent.com/document/product/213/30654). Pure: equal
 * arguments give equal signatures.
 */
import { createHmac, hash } from 'node:crypto'
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

/** The names of the signed headers, lower-cased, sorted and joined by `;`. */
export function signedHeaders(headers: SignableRequest['headers']): string {
  return canonicalEntries(headers)
    .map(([name]) => name)
    .join(';')
}

/** Names and values are lower-cased and trimmed: the action is signed as `describeaigcapitokens`. The path is always `/`. */
export function canonicalRequest(request: SignableRequest): string {
  const entries = canonicalEntries(request.headers)
  return [
    request.method.toUpperCase(),
    '/',
    request.query ?? '',
    entries.map(([name, value]) => `${name}:${value}\n`).join(''),
    entries.map(([name]) => name).join(';'),
    sha256Hex(request.body),
  ].join('\n')
}

/** The UTC day of the timestamp, `YYYY-MM-DD`, derived from that one reading of the clock. */
export function scopeDate(timestamp: number): string {
  return new Date(timestamp * 1000).toISOString().slice(0, 10)
}

/** `DATE/SERVICE/tc3_request`. */
export function credentialScope(scope: Scope): string {
  return `${scopeDate(scope.timestamp)}/${scope.service}/tc3_request`
}

export function stringToSign(scope: Scope, canonical: string): string {
  return ['TC3-HMAC-SHA256', scope.timestamp, credentialScope(scope), sha256Hex(canonical)].join('\n')
}

export function dateKey(secretKey: string, date: string): Buffer {
  return hmac(`TC3${secretKey}`, date)
}

export function serviceKey(keyOfDate: Uint8Array, service: string): Buffer {
  return hmac(keyOfDate, service)
}

/** The key that signs: `HMAC(HMAC(HMAC("TC3" + secretKey, date), service), "tc3_request")`. */
export function signingKey(secretKey: string, scope: Scope): Buffer {
  return hmac(serviceKey(dateKey(secretKey, scopeDate(scope.timestamp)), scope.service), 'tc3_request')
}

/** 64 lower-case hex digits. */
export function signature(key: Uint8Array, toSign: string): string {
  return createHmac('sha256', key).update(toSign).digest('hex')
}

/** The `Authorization` header of a request, all steps together. */
export function authorization(
  request: SignableRequest,
  scope: Scope,
  credentials: Pick<Credentials, 'secretId' | 'secretKey'>,
): string {
  const signed = signature(
    signingKey(credentials.secretKey, scope),
    stringToSign(scope, canonicalRequest(request)),
  )
  return (
    `TC3-HMAC-SHA256 Credential=${credentials.secretId}/${credentialScope(scope)}, ` +
    `SignedHeaders=${signedHeaders(request.headers)}, Signature=${signed}`
  )
}

/** Gives the `Authorization` header of a request with this body; `timestamp` is in epoch seconds. */
export type Sign = (
  body: string | Uint8Array,
  timestamp: number,
  credentials: Pick<Credentials, 'secretId' | 'secretKey'>,
) => string

/**
 * What {@link authorization} gives, for requests that differ in nothing but body and time: what they share is worked
 * out once, the signing key once a day, and the hash of the canonical request, which has no time in it, once for a body
 * that is sent again.
 */
export function createSigner(request: Omit<SignableRequest, 'body'>, service: string): Sign {
  const canonical = Buffer.from(canonicalRequest({ ...request, body: '' }))
  const payloadHashAt = canonical.length - hexBytes
  const headerNames = signedHeaders(request.headers)
  let day: ReturnType<typeof prepareDay> | undefined
  let last: { readonly body: string | Uint8Array; readonly canonicalHash: string } | undefined

  return (body, timestamp, { secretId, secretKey }) => {
    // The bytes of a buffer may have changed.
    if (body !== last?.body || typeof body !== 'string') {
      canonical.write(sha256Hex(body), payloadHashAt, 'latin1')
      last = { body, canonicalHash: sha256Hex(canonical) }
    }
    const number = Math.floor(timestamp / secondsOfDay)
    if (day?.number !== number || day.secretKey !== secretKey) day = prepareDay(number, secretKey, service)
    const signed = day.hmac(`TC3-HMAC-SHA256\n${timestamp}\n${day.scope}\n${last.canonicalHash}`)
    return `TC3-HMAC-SHA256 Credential=${secretId}/${day.scope}, SignedHeaders=${headerNames}, Signature=${signed}`
  }
}

function prepareDay(number: number, secretKey: string, service: string) {
  const scope = { service, timestamp: number * secondsOfDay }
  return { number, secretKey, scope: credentialScope(scope), hmac: prepareHmac(signingKey(secretKey, scope)) }
}

const secondsOfDay = 86_400
/** A SHA-256 in hex. */
const hexBytes = 64
/** What SHA-256 takes at a time. */
const blockBytes = 64

/**
 * HMAC-SHA256 (RFC 2104) of ASCII with a key of 32 bytes, as the two hashes that it is made of: several times faster
 * than `createHmac`, which sets up a key at every call.
 */
function prepareHmac(key: Uint8Array): (ascii: string) => string {
  const pad = (byte: number): Buffer =>
    Buffer.from(Uint8Array.from({ length: blockBytes }, (_, i) => byte ^ (key[i] ?? 0)))
  const outer = Buffer.concat([pad(0x5c), Buffer.alloc(32)])
  let inner = pad(0x36)
  return (ascii) => {
    const bytes = blockBytes + ascii.length
    if (bytes !== inner.length) inner = Buffer.concat([inner.subarray(0, blockBytes)], bytes)
    inner.write(ascii, blockBytes, 'latin1')
    outer.write(hash('sha256', inner, 'binary'), blockBytes, 'latin1')
    return hash('sha256', outer, 'hex')
  }
}

function canonicalEntries(headers: SignableRequest['headers']): [name: string, value: string][] {
  return Object.entries(headers)
    .map(([name, value]): [string, string] => [name.trim().toLowerCase(), value.trim().toLowerCase()])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

function hmac(key: string | Uint8Array, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}

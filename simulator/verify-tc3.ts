/**
 * The receiving side of TC3-HMAC-SHA256, written from the specification ("Signature v3",
 * https://www.tencentcloud.com/document/product/213/33224) and sharing no line with the signer in `lib/tencent/tc3.ts`,
 * so that one mistake cannot hide in both.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** A request as it came off the wire. */
export interface RawRequest {
  readonly method: string
  /** Path and query as received. Only the query is signed: the canonical path is always `/`. */
  readonly url: string
  /** All values of every header, by lower-cased name (`IncomingMessage.headersDistinct`). */
  readonly headers: NodeJS.Dict<string[]>
  readonly body: Uint8Array
}

/** The secret half of a key pair. A `token` makes it a temporary key, good only with that `X-TC-Token`. */
export interface Key {
  readonly secretKey: string
  readonly token?: string
  /** The server's time from which the key is refused, epoch milliseconds; default never. */
  readonly expiresAt?: number
  /** What it may not do, such as `vod:DeleteAigcApiToken`; default nothing. */
  readonly denied?: ReadonlySet<string>
}

/** Why a request is refused, in the words of API 3.0. */
export interface AuthFailure {
  readonly code: `AuthFailure.${
    | 'InvalidAuthorization'
    | 'SecretIdNotFound'
    | 'SignatureExpire'
    | 'SignatureFailure'
    | 'TokenFailure'}`
  readonly message: string
}

const maxSkewSeconds = 300

const authorizationPattern =
  /^TC3-HMAC-SHA256 Credential=(?<secretId>[^/,\s]+)\/(?<date>\d{4}-\d\d-\d\d)\/(?<service>[a-z0-9]+)\/tc3_request,\s*SignedHeaders=(?<names>[a-z0-9-]+(?:;[a-z0-9-]+)*),\s*Signature=(?<signature>[0-9a-f]{64})$/

/**
 * Checks the signature of a request to `service` (`vod`, `ssm`, …) against the keys by secret id, at the
 * server's time `now` in epoch milliseconds. Returns why it is refused, or null when it is good.
 */
export function verifyTc3(
  request: RawRequest,
  { service, keys, now }: { service: string; keys: ReadonlyMap<string, Key>; now: number },
): AuthFailure | null {
  const parts = authorizationPattern.exec(request.headers['authorization']?.[0] ?? '')?.groups
  if (!parts) return malformed('it is missing, or not of the form that Signature v3 prescribes')
  const { secretId = '', date = '', names = '', signature = '' } = parts

  if (parts['service'] !== service) return malformed('`Service` in Credential not valid')
  const signed = names.split(';')
  if (!signed.includes('content-type') || !signed.includes('host'))
    return malformed('`SignedHeaders` must have content-type and host')
  if (signed.some((name, index) => index > 0 && name <= (signed[index - 1] ?? '')))
    return malformed('`SignedHeaders` must be sorted and unique')
  const unsendable = signed.find((name) => request.headers[name]?.length !== 1)
  if (unsendable) return malformed(`signed header ${unsendable} must be sent exactly once`)

  const timestamp = request.headers['x-tc-timestamp']?.[0] ?? ''
  if (!/^\d{1,12}$/.test(timestamp)) return malformed('`X-TC-Timestamp` must be in seconds')
  if (Math.abs(now / 1000 - Number(timestamp)) > maxSkewSeconds)
    return {
      code: 'AuthFailure.SignatureExpire',
      message: `Signature expired: \`X-TC-Timestamp\` is more than ${maxSkewSeconds} seconds from server time ${Math.floor(now / 1000)}.`,
    }
  if (new Date(Number(timestamp) * 1000).toISOString().slice(0, 10) !== date)
    return {
      code: 'AuthFailure.SignatureExpire',
      message: `The date ${date} in Credential is not the UTC date of \`X-TC-Timestamp\`.`,
    }

  const key = keys.get(secretId)
  if (!key)
    return {
      code: 'AuthFailure.SecretIdNotFound',
      message: 'The SecretId is not found, please ensure that your SecretId is correct.',
    }
  if (request.headers['x-tc-token']?.[0] !== key.token)
    return {
      code: 'AuthFailure.TokenFailure',
      message: '`X-TC-Token` does not belong to the SecretId, or is missing.',
    }
  // Tencent documents no code of its own for a temporary key past its time. The list of common codes says of
  // TokenFailure that the token is wrong, which comes nearest.
  if (key.expiresAt !== undefined && now >= key.expiresAt)
    return { code: 'AuthFailure.TokenFailure', message: 'The temporary key has expired.' }

  const canonicalHeaders = signed.map(
    (name) => `${name}:${request.headers[name]?.[0]?.trim().toLowerCase()}\n`,
  )
  const query = request.url.replace(/^[^?]*\??/, '')
  const canonicalRequest = `${request.method}\n/\n${query}\n${canonicalHeaders.join('')}\n${names}\n${sha256(request.body)}`
  const stringToSign = `TC3-HMAC-SHA256\n${timestamp}\n${date}/${service}/tc3_request\n${sha256(canonicalRequest)}`
  const signingKey = [date, service, 'tc3_request'].reduce<Buffer>(hmac, Buffer.from(`TC3${key.secretKey}`))

  return timingSafeEqual(hmac(signingKey, stringToSign), Buffer.from(signature, 'hex'))
    ? null
    : {
        code: 'AuthFailure.SignatureFailure',
        message: 'The provided credentials could not be validated. Please check your signature is correct.',
      }
}

function malformed(reason: string): AuthFailure {
  return {
    code: 'AuthFailure.InvalidAuthorization',
    message: `The request \`Authorization\` header does not conform to tencentcloud standards: ${reason}.`,
  }
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: Uint8Array, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}

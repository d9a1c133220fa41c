/**
 * The receiving side of AWS Signature Version 4, written from the specification
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html) and sharing no line
 * with the SDK, so that one mistake cannot hide in both.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { RawRequest } from '../../simulator/verify-tc3.ts'

/** The secret half of an access key. A `sessionToken` makes it temporary, good only with that token. */
export interface AwsKey {
  readonly secretAccessKey: string
  readonly sessionToken?: string
  /** The server's time from which the key is refused, epoch milliseconds; default never. */
  readonly expiresAt?: number
}

/** Why a request is refused, in the words of the services of the Query protocol, STS and IAM. */
export interface SigV4Failure {
  readonly code:
    | 'MissingAuthenticationToken'
    | 'IncompleteSignature'
    | 'InvalidClientTokenId'
    | 'ExpiredToken'
    | 'SignatureDoesNotMatch'
  readonly message: string
}

const maxSkewMs = 5 * 60 * 1000

const authorizationPattern =
  /^AWS4-HMAC-SHA256 Credential=(?<accessKeyId>[^/,\s]+)\/(?<date>\d{8})\/(?<region>[a-z0-9-]+)\/(?<service>[a-z0-9-]+)\/aws4_request,\s*SignedHeaders=(?<names>[a-z0-9-]+(?:;[a-z0-9-]+)*),\s*Signature=(?<signature>[0-9a-f]{64})$/

/**
 * Checks the signature in the headers of a request to `service` in `region` against the keys by access key id, at
 * the server's time `now` in epoch milliseconds. Returns why it is refused, or null when it is good.
 */
export function verifySigV4(
  request: RawRequest,
  {
    service,
    region,
    keys,
    now,
  }: { service: string; region: string; keys: ReadonlyMap<string, AwsKey>; now: number },
): SigV4Failure | null {
  const header = (name: string): string | undefined => request.headers[name]?.join(',')

  const authorization = header('authorization')
  if (!authorization)
    return { code: 'MissingAuthenticationToken', message: 'Request is missing Authentication Token' }
  const parts = authorizationPattern.exec(authorization)?.groups
  if (!parts) return incomplete('Authorization is not of the form that Signature Version 4 prescribes')
  const { accessKeyId = '', date = '', names = '', signature = '' } = parts

  const signed = names.split(';')
  if (signed.some((name, index) => index > 0 && name <= (signed[index - 1] ?? '')))
    return incomplete('SignedHeaders must be sorted and unique')
  const absent = signed.find((name) => header(name) === undefined)
  if (absent) return incomplete(`signed header ${absent} is not sent`)
  const sent = Object.keys(request.headers).filter((name) => name.startsWith('x-amz-'))
  const unsigned = ['host', 'x-amz-date', ...sent].find((name) => !signed.includes(name))
  if (unsigned) return incomplete(`header ${unsigned} must be sent and signed`)

  const key = keys.get(accessKeyId)
  if (!key || header('x-amz-security-token') !== key.sessionToken)
    return {
      code: 'InvalidClientTokenId',
      message: 'The security token included in the request is invalid.',
    }
  if (key.expiresAt !== undefined && now >= key.expiresAt)
    return { code: 'ExpiredToken', message: 'The security token included in the request is expired' }

  if (parts['region'] !== region) return mismatch('Credential should be scoped to a valid region.')
  if (parts['service'] !== service)
    return mismatch(`Credential should be scoped to correct service: '${service}'.`)
  const amzDate = header('x-amz-date') ?? ''
  const time = Date.parse(amzDate.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (Number.isNaN(time)) return incomplete('X-Amz-Date must be of the form YYYYMMDDTHHMMSSZ')
  if (!amzDate.startsWith(date)) return mismatch('Date in Credential scope does not match X-Amz-Date.')
  if (Math.abs(now - time) > maxSkewMs)
    return mismatch(
      `Signature ${time < now ? 'expired' : 'not yet current'}: ${amzDate} is more than 5 min. from ${new Date(now).toISOString()}`,
    )

  const [path = '', query = ''] = request.url.split(/\?(.*)/s)
  const canonicalRequest = [
    request.method,
    path.split('/').map(encode).join('/'),
    canonicalQuery(query),
    ...signed.map((name) => `${name}:${header(name)?.trim().replace(/\s+/g, ' ')}`),
    '',
    names,
    sha256(request.body),
  ].join('\n')
  const scope = [date, region, service, 'aws4_request']
  const stringToSign = `AWS4-HMAC-SHA256\n${amzDate}\n${scope.join('/')}\n${sha256(canonicalRequest)}`
  const signingKey = scope.reduce<Buffer>(hmac, Buffer.from(`AWS4${key.secretAccessKey}`))

  return timingSafeEqual(hmac(signingKey, stringToSign), Buffer.from(signature, 'hex'))
    ? null
    : mismatch('The request signature we calculated does not match the signature you provided.')
}

/** Decoded, encoded the one way AWS knows, and sorted by name, then by value. */
function canonicalQuery(query: string): string {
  if (!query) return ''
  return query
    .split('&')
    .map((parameter) => {
      const [name = '', value = ''] = parameter.split(/=(.*)/s)
      return [encode(decodeURIComponent(name)), encode(decodeURIComponent(value))] as const
    })
    .sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map((pair) => pair.join('='))
    .join('&')
}

/** RFC 3986: all but letters, digits and `-._~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function incomplete(reason: string): SigV4Failure {
  return { code: 'IncompleteSignature', message: `The signature is incomplete: ${reason}.` }
}

function mismatch(message: string): SigV4Failure {
  return { code: 'SignatureDoesNotMatch', message }
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: Uint8Array, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}

/**
 * A stub of AWS STS on loopback, of the one action that AWS's emulators do not have: `GetWebIdentityToken`
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html), which gives an IAM role a token
 * that others can check. Real HTTP, real signatures, faults on demand.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { type CryptoKey, exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from 'jose'
import { type AwsKey, verifySigV4 } from './verify-sigv4.ts'

/** How to start a stub. */
export interface AwsStsOptions {
  /** 0, the default, takes any free port. */
  readonly port?: number
  /** The region that callers must sign for; default `ap-southeast-1`. */
  readonly region?: string
  /** The role behind the key at the start; default `arn:aws:iam::123456789012:role/list-tokens`. */
  readonly roleArn?: string
  /** What `iss` says; by default an address as AWS gives to an account. Nothing is served there. */
  readonly issuer?: string
  /** The stub's clock, shown in `Date`, epoch milliseconds; default `Date.now`. */
  readonly now?: () => number
}

/** An access key and the ARN of the role or user that it belongs to. */
export interface AwsCallerKey extends AwsKey {
  readonly principalArn: string
}

/** A running stub. */
export interface AwsSts {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly region: string
  readonly issuer: string
  /** The public halves of the keys that sign tokens, one for each algorithm, made at the start. */
  readonly jwks: JSONWebKeySet
  /** A temporary key of the role, good from the start, for good. */
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  /** The keys that may sign, by access key id; add and delete at will. */
  readonly keys: Map<string, AwsCallerKey>
  /** Every call so far, refused ones too, oldest first. */
  readonly calls: AwsCall[]
  /** Lets the next `times` calls (default 1, `Infinity` allowed) meet a fault, after those asked for before. */
  fail(fault: AwsFault, times?: number): void
  clearFaults(): void
  /** Ends at once, whatever hangs or is kept alive. */
  close(): Promise<void>
}

/** A call as the stub saw it. */
export interface AwsCall {
  readonly action: string
  /** From the credential in `Authorization`, verified or not; empty where there is none. */
  readonly accessKeyId: string
  /** As in the form, such as `Audience.member.1`. */
  readonly parameters: Readonly<Record<string, string>>
  /** `ok`, the error code, or the fault that kept the call from an answer. */
  outcome: string
}

/** An error of the service by its code, met after the signature was checked, or a fault of the connection. */
export type AwsFault = keyof typeof faultErrors | 'hang' | 'reset'

const faultErrors = {
  AccessDenied: { status: 403, message: 'The caller is not authorized to perform: sts:GetWebIdentityToken' },
  OutboundWebIdentityFederationDisabledException: {
    status: 403,
    message: 'Outbound web identity federation is not enabled for this account.',
  },
  Throttling: { status: 400, message: 'Rate exceeded' },
  InternalFailure: { status: 500, message: 'The request processing has failed because of an unknown error.' },
  ServiceUnavailable: { status: 503, message: 'The request has failed due to a temporary failure.' },
}

const version = '2011-06-15'
const namespace = `https://sts.amazonaws.com/doc/${version}/`
const defaultSeconds = 300

/** An error as the Query protocol reports it. */
class QueryError extends Error {
  readonly code: string
  readonly status: number

  constructor(code: string, status: number, message: string) {
    super(message)
    this.code = code
    this.status = status
  }
}

/** Starts a stub on 127.0.0.1. Rejects when the port is taken. */
export async function startAwsSts(options: AwsStsOptions = {}): Promise<AwsSts> {
  const { region = 'ap-southeast-1', roleArn = 'arn:aws:iam::123456789012:role/list-tokens' } = options
  const { issuer = `https://${randomUUID()}.tokens.sts.global.api.aws`, now = Date.now } = options
  const { privateKeys, jwks } = await createSigningKeys()
  const keys = new Map<string, AwsCallerKey>()
  const calls: AwsCall[] = []
  const faults: { readonly fault: AwsFault; times: number }[] = []

  const takeFault = (): AwsFault | undefined => {
    const [next] = faults
    if (next && --next.times <= 0) faults.shift()
    return next?.fault
  }

  /** The body of a good answer. */
  const run = async ({ action, accessKeyId, parameters }: AwsCall): Promise<string> => {
    if (action !== 'GetWebIdentityToken' || parameters['Version'] !== version)
      throw new QueryError('InvalidAction', 400, `Could not find operation ${action} for version ${version}`)
    const { audiences, algorithm, seconds, tags } = readParameters(parameters)
    const { principalArn = '', expiresAt } = keys.get(accessKeyId) ?? {}
    const issuedAt = Math.floor(now() / 1000)
    if (expiresAt !== undefined && (issuedAt + seconds) * 1000 > expiresAt)
      throw new QueryError(
        'SessionDurationEscalationException',
        403,
        'The token would outlive the session that asks for it.',
      )
    const { kid, key } = privateKeys[algorithm]
    const token = await new SignJWT({
      'https://sts.amazonaws.com/': {
        aws_account: principalArn.split(':')[4],
        source_region: region,
        principal_id: principalArn,
        ...(expiresAt !== undefined && { original_session_exp: isoSeconds(expiresAt) }),
        ...(Object.keys(tags).length > 0 && { request_tags: tags }),
      },
    })
      .setProtectedHeader({ alg: algorithm, kid, typ: 'JWT' })
      .setIssuer(issuer)
      .setSubject(principalArn)
      .setAudience(audiences.length > 1 ? audiences : audiences.join())
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + seconds)
      .setJti(randomUUID())
      .sign(key)
    const expiration = isoSeconds((issuedAt + seconds) * 1000)
    return `<WebIdentityToken>${token}</WebIdentityToken><Expiration>${expiration}</Expiration>`
  }

  const server = createServer(async (incoming, response) => {
    response.setHeader('date', new Date(now()).toUTCString())
    const body = await buffer(incoming).catch(() => null)
    if (!body) return
    const { method = '', url = '', headersDistinct: headers } = incoming
    const parameters = Object.fromEntries(new URLSearchParams(body.toString()))
    const call: AwsCall = {
      action: parameters['Action'] ?? '',
      accessKeyId: /Credential=([^/]*)/.exec(headers['authorization']?.[0] ?? '')?.[1] ?? '',
      parameters,
      outcome: 'ok',
    }
    calls.push(call)
    const fault = takeFault()
    if (fault === 'hang' || fault === 'reset') {
      call.outcome = fault
      if (fault === 'reset') response.socket?.resetAndDestroy()
      return
    }
    try {
      const failure = verifySigV4(
        { method, url, headers, body },
        { service: 'sts', region, keys, now: now() },
      )
      if (failure) throw new QueryError(failure.code, 403, failure.message)
      if (fault) throw new QueryError(fault, faultErrors[fault].status, faultErrors[fault].message)
      sendResult(response, call.action, await run(call))
    } catch (error) {
      if (!(error instanceof QueryError)) throw error
      call.outcome = error.code
      sendError(response, error)
    }
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')

  const accessKeyId = 'ASIAAWSSTSSTUB'
  const secretAccessKey = randomBytes(30).toString('base64')
  const sessionToken = randomBytes(150).toString('base64')
  keys.set(accessKeyId, { secretAccessKey, sessionToken, principalArn: roleArn })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region,
    issuer,
    jwks,
    accessKeyId,
    secretAccessKey,
    sessionToken,
    keys,
    calls,
    fail: (fault, times = 1) => {
      faults.push({ fault, times })
    },
    clearFaults: () => {
      faults.length = 0
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

type Algorithm = 'RS256' | 'ES384'

/** Names and members of the public keys are those of a key set that AWS publishes: `alg` for one of them only. */
async function createSigningKeys(): Promise<{
  privateKeys: Record<Algorithm, { kid: string; key: CryptoKey }>
  jwks: JSONWebKeySet
}> {
  const [rsa, ec] = await Promise.all([generateKeyPair('RS256'), generateKeyPair('ES384')])
  const privateKeys = {
    RS256: { kid: 'RSA_0', key: rsa.privateKey },
    ES384: { kid: 'EC384_0', key: ec.privateKey },
  }
  const jwks: JSONWebKeySet = {
    keys: [
      { ...(await exportJWK(rsa.publicKey)), kid: 'RSA_0', use: 'sig' },
      { ...(await exportJWK(ec.publicKey)), kid: 'EC384_0', use: 'sig', alg: 'ES384' },
    ],
  }
  return { privateKeys, jwks }
}

/** Reads the form of `GetWebIdentityToken`. Throws `ValidationError`, for parameters that the stub lacks too. */
function readParameters(parameters: AwsCall['parameters']): {
  audiences: string[]
  algorithm: Algorithm
  seconds: number
  tags: Record<string, string | undefined>
} {
  const {
    Action,
    Version,
    SigningAlgorithm: algorithm,
    DurationSeconds = defaultSeconds,
    ...form
  } = parameters
  const audiences = takeList(form, 'Audience')
  const tagKeys = takeList(form, 'Tags', '.Key')
  const tagValues = takeList(form, 'Tags', '.Value')
  const seconds = Number(DurationSeconds)

  const [unknown] = Object.keys(form)
  if (unknown) throw invalid(unknown, 'is not a parameter that this stub takes')
  if (audiences.length < 1 || audiences.length > 10) throw invalid('audience', 'must have 1 to 10 members')
  if (audiences.some(({ length }) => length < 1 || length > 1000))
    throw invalid('audience', 'must have members of 1 to 1000 characters')
  if (algorithm !== 'RS256' && algorithm !== 'ES384')
    throw invalid('signingAlgorithm', 'must be RS256 or ES384')
  if (!Number.isInteger(seconds) || seconds < 60 || seconds > 3600)
    throw invalid('durationSeconds', 'must be 60 to 3600')
  if (tagKeys.length > 50 || tagKeys.length !== tagValues.length)
    throw invalid('tags', 'must have 50 members at most, each with a key and a value')
  const tags = Object.fromEntries(tagKeys.map((key, index) => [key, tagValues[index]]))
  return { audiences, algorithm, seconds, tags }
}

/** Takes the members of a list out of a form: `NAME.member.1PART`, `NAME.member.2PART` and so on. */
function takeList(form: Record<string, string>, name: string, part = ''): string[] {
  const members: string[] = []
  while (true) {
    const key = `${name}.member.${members.length + 1}${part}`
    const member = form[key]
    if (member === undefined) return members
    members.push(member)
    delete form[key]
  }
}

function invalid(name: string, problem: string): QueryError {
  return new QueryError('ValidationError', 400, `1 validation error detected: '${name}' ${problem}`)
}

function sendResult(response: ServerResponse, action: string, result: string): void {
  const requestId = randomUUID()
  response
    .writeHead(200, { 'content-type': 'text/xml', 'x-amzn-requestid': requestId })
    .end(
      `<${action}Response xmlns="${namespace}"><${action}Result>${result}</${action}Result>` +
        `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${action}Response>`,
    )
}

function sendError(response: ServerResponse, { code, status, message }: QueryError): void {
  const requestId = randomUUID()
  const type = status < 500 ? 'Sender' : 'Receiver'
  response
    .writeHead(status, { 'content-type': 'text/xml', 'x-amzn-requestid': requestId })
    .end(
      `<ErrorResponse xmlns="${namespace}"><Error><Type>${type}</Type><Code>${code}</Code>` +
        `<Message>${escapeXml(message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
    )
}

function escapeXml(text: string): string {
  return text.replace(/[<>&]/g, (character) => `&#${character.charCodeAt(0)};`)
}

function isoSeconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`
}

/**
 * A client of Tencent Cloud API 3.0: serialise once, sign, send, retry within a deadline.
 * Time, randomness, sleeping and the sender are passed in.
 */
import { type ClientErrorCode, TencentError } from '../errors.ts'
import type { Time } from '../time.ts'
import { type Failure, type Outcome, openAnswer, type TencentResponse } from './answer.ts'
import { meaningOf } from './codes.ts'
import type { Pace } from './pace.ts'
import { type Credentials, createSigner, type Sign } from './tc3.ts'
import { DeadConnectionError, type Send, TransportError } from './transport.ts'

/** One API product in one version. */
export interface TencentService {
  /** The product's short name in the credential scope, such as `vod`; independent of the endpoint. */
  readonly service: string
  /** Such as `2018-07-17`. */
  readonly version: string
  /** Base URL; its host and port are what is signed. */
  readonly endpoint: string
  /** Sent as `X-TC-Region` where the product wants one: SSM does, VOD does not. */
  readonly region?: string
}

export interface TencentClientDependencies extends Pick<Time, 'now' | 'monotonic' | 'random' | 'sleep'> {
  readonly send: Send
  /**
   * Asked for at every attempt, because credentials of a role change in a running process; `refused` are those that
   * Tencent has just refused. `null` sends the call unsigned, as STS takes it from who has no credentials yet.
   */
  credentials(deadline: number, refused?: Credentials): Credentials | null | Promise<Credentials | null>
  /** Says for an error where the credentials come from, without a value. */
  explainCredentials?(): string
  /** Says when a call may be sent, and hears when one was throttled. */
  readonly pace?: Pick<Pace, 'admit' | 'throttled'>
  /** Told about each attempt, for the log. */
  onAttempt?(attempt: Attempt): void
}

export interface Attempt {
  readonly action: string
  readonly number: number
  /** `null` for success, else the code of the failure. */
  readonly code: string | null
  readonly requestId: string | null
  readonly durationMs: number
}

/** Calls one action. `deadline` is on `Time.monotonic`. Throws `TencentError`, or what `credentials` throws. */
export type CallTencent = (
  action: string,
  parameters: Readonly<Record<string, unknown>>,
  deadline: number,
  options?: CallOptions,
) => Promise<TencentResponse>

/** How a call is repeated. */
export interface CallOptions {
  /** `false`: a throttled call is not repeated. Default `true`. */
  readonly patient?: boolean
  /**
   * `false`: it must not take effect twice, so it is repeated only where Tencent says that it took none: throttled, or refused
   * for its signature or credentials. Default `true`.
   */
  readonly idempotent?: boolean
}

/** Waits before a retry are uniform between 0 and this, doubled each time up to the largest ("full jitter"). */
const firstBackoffMs = 200
const largestBackoffMs = 5_000
const jsonType = 'application/json; charset=utf-8'
/**
 * An attempt that may be repeated gets half of the time left, so that one dead connection does not cost the call; but at least
 * this.
 */
const shortestAttemptMs = 1_000

export function createTencentClient(
  { service, version, endpoint, region }: TencentService,
  deps: TencentClientDependencies,
): CallTencent {
  const { host } = new URL(endpoint)
  const signers = new Map<string, Sign>()
  /** How far Tencent's clock is ahead of ours, learned from a refused signature. */
  let clockOffsetMs = 0

  function signerOf(action: string): Sign {
    const known = signers.get(action)
    if (known) return known
    const headers = { 'content-type': jsonType, host, 'x-tc-action': action }
    const signer = createSigner({ method: 'POST', headers }, service)
    signers.set(action, signer)
    return signer
  }

  async function attempt(
    action: string,
    body: string,
    credentials: Credentials | null,
    timeoutMs: number,
  ): Promise<Outcome> {
    const timestamp = Math.floor((deps.now() + clockOffsetMs) / 1000)
    const sign = signerOf(action)
    // The first three are those that are signed. Written out, because copying an object costs more than the signature.
    const headers: Record<string, string> = {
      'content-type': jsonType,
      host,
      'x-tc-action': action,
      authorization: credentials ? sign(body, timestamp, credentials) : 'SKIP',
      'x-tc-timestamp': String(timestamp),
      'x-tc-version': version,
      'x-tc-language': 'en-US',
    }
    if (region !== undefined) headers['x-tc-region'] = region
    if (credentials?.token !== undefined) headers['x-tc-token'] = credentials.token
    try {
      return openAnswer(await deps.send({ endpoint, headers, body, timeoutMs }))
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      const retryable = error.code !== 'ClientError.ResponseTooLarge'
      const atOnce = error instanceof DeadConnectionError
      return { failed: { code: error.code, message: error.message, requestId: null, retryable, atOnce } }
    }
  }

  return async (action, parameters, deadline, { patient = true, idempotent = true } = {}) => {
    const body = JSON.stringify(parameters)
    let credentials = await deps.credentials(deadline)
    let failed: Failure = outOfTime
    let clockMended = false
    let credentialsRenewed = false
    for (let attempts = 1; ; attempts++) {
      if (deps.monotonic() < deadline && deps.pace && !(await deps.pace.admit(deadline)))
        throw failure(action, endpoint, attempts === 1 ? outOfTurn : failed, attempts - 1)
      const started = deps.monotonic()
      const remainingMs = deadline - started
      if (remainingMs <= 0) throw failure(action, endpoint, failed, attempts - 1)
      const shareMs = idempotent ? remainingMs / 2 : remainingMs
      const timeoutMs = Math.min(remainingMs, Math.max(shortestAttemptMs, shareMs))
      const outcome = await attempt(action, body, credentials, timeoutMs)
      deps.onAttempt?.({
        action,
        number: attempts,
        code: outcome.failed?.code ?? null,
        requestId: outcome.failed ? outcome.failed.requestId : outcome.response.RequestId,
        durationMs: deps.monotonic() - started,
      })
      if (!outcome.failed) return outcome.response
      // A retry that the deadline cut short says less than the answer before it.
      const cutShort = outcome.failed.code === outOfTime.code && timeoutMs < shortestAttemptMs
      if (cutShort && attempts > 1) throw failure(action, endpoint, failed, attempts)
      failed = outcome.failed
      const meaning = meaningOf(failed.code)
      if (meaning.throttles) deps.pace?.throttled()

      if (meaning.blamesClock) {
        if (clockMended || failed.dateMs === undefined) throw failure(action, endpoint, failed, attempts)
        clockMended = true
        clockOffsetMs = failed.dateMs - deps.now()
      } else if (credentials && meaning.refusesCredentials) {
        const renewed = credentialsRenewed ? credentials : await deps.credentials(deadline, credentials)
        if (!renewed || sameCredentials(credentials, renewed))
          throw failure(action, endpoint, failed, attempts, deps.explainCredentials?.())
        credentialsRenewed = true
        credentials = renewed
      } else {
        const mostMs = failed.atOnce ? 0 : Math.min(largestBackoffMs, firstBackoffMs * 2 ** (attempts - 1))
        const jitteredMs = deps.random() * mostMs
        const waitMs = Math.max(jitteredMs, failed.retryAfterMs ?? 0)
        const mayPass = failed.retryable && (meaning.throttles ? patient : idempotent)
        if (!mayPass || deps.monotonic() + waitMs >= deadline)
          throw failure(
            action,
            endpoint,
            failed,
            attempts,
            meaning.told === 'credentials' ? deps.explainCredentials?.() : '',
          )
        if (waitMs > 0) await deps.sleep(waitMs)
        credentials = await deps.credentials(deadline)
      }
    }
  }
}

const outOfTime: Failure = {
  code: 'ClientError.Timeout' satisfies ClientErrorCode,
  message: 'no time was left to ask',
  requestId: null,
  retryable: true,
}

const outOfTurn: Failure = {
  code: 'ClientError.RateLimited' satisfies ClientErrorCode,
  message: 'this instance may send no more calls at present',
  requestId: null,
  retryable: true,
}

function failure(
  action: string,
  endpoint: string,
  failed: Failure,
  attempts: number,
  credentials = '',
): TencentError {
  const { code, requestId, retryable } = failed
  const detail = failed.message
  const request = requestId === null ? '' : `, request id ${requestId}`
  const said = detail === '' ? code : `${code}: ${detail}`
  const what = `${action} at ${new URL(endpoint).host}: ${said} (attempts: ${attempts}${request})`
  return new TencentError(code, [what, meaningOf(code).advice].filter(Boolean).join('; '), {
    action,
    credentials,
    requestId,
    attempts,
    retryable,
  })
}

function sameCredentials(a: Credentials, b: Credentials): boolean {
  return a.secretId === b.secretId && a.secretKey === b.secretKey && a.token === b.token
}

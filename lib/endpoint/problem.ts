/** What went wrong as the caller reads it: `application/problem+json` (RFC 9457), in sentences of our own, and the status of each. */
import { CodedError, ConfigError, CredentialsError, InputError, StoreError, TencentError } from '../errors.ts'
import { type HttpResponse, reasonPhrases } from '../platform/reply.ts'
import { meaningOf } from '../tencent/codes.ts'

/** A request that is turned away; the message is meant for the caller. */
export class Refusal extends CodedError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(code, message)
    this.status = status
    this.headers = headers
  }
}

/** After being throttled an instance asks nothing for up to five seconds. */
const retryAfterSeconds = '5'

// Sentences of our own. What Tencent or AWS said, which credentials these are and where they come from is for the
// operator to know, and stands in the log.
const credentialsDetail =
  "this function's credentials for Tencent cannot be had or are refused; its log says why"
const throttledDetail = 'Tencent Cloud takes no more calls at present; try again in some seconds'
const timeoutDetail = 'Tencent Cloud did not answer in time; try again, or see the log of this function'
const upstreamDetail = 'Tencent Cloud gave no list of tokens; the log of this function says why'

/** What a failure looks like to the caller: `application/problem+json`. */
export function describeProblem(error: unknown): HttpResponse {
  if (error instanceof Refusal) return problem(error.status, error.code, error.message, {}, error.headers)
  if (error instanceof InputError && error.code === 'SubAppNotFound')
    return problem(404, error.code, 'there is no such application here')
  if (error instanceof ConfigError)
    return problem(500, error.code, "this function's settings cannot be used; its log names each of them")
  if (error instanceof StoreError)
    return problem(502, error.code, 'the mirrored document cannot be read; the log of this function says why')
  if (error instanceof CredentialsError) return problem(502, error.code, credentialsDetail)
  if (!(error instanceof TencentError))
    return problem(500, 'InternalError', 'this function failed; its log says how')
  const { code, requestId } = error
  switch (meaningOf(code).told) {
    case 'throttled':
      return problem(503, code, throttledDetail, { requestId }, { 'retry-after': retryAfterSeconds })
    case 'late':
      return problem(504, code, timeoutDetail, { requestId })
    case 'credentials':
      return problem(502, code, credentialsDetail, { requestId })
    case 'failed': {
      // Whatever STS refuses, it is credentials that are not to be had.
      const detail = error.action === 'AssumeRoleWithWebIdentity' ? credentialsDetail : upstreamDetail
      return problem(502, code, detail, { requestId })
    }
  }
}

function problem(
  status: number,
  code: string,
  detail: string,
  more: { requestId?: string | null } = {},
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  const requestId = more.requestId ?? undefined
  const body = { type: 'about:blank', title: reasonPhrases[status], status, detail, code, requestId }
  const response = json(status, body)
  return {
    ...response,
    headers: { ...response.headers, 'content-type': 'application/problem+json', ...headers },
  }
}

/** Of every document but a problem. */
export const jsonType = 'application/json; charset=utf-8'

/** An answer that nobody keeps. */
export function json(status: number, body: object): HttpResponse {
  return {
    status,
    headers: { 'content-type': jsonType, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
    body: JSON.stringify(body),
  }
}

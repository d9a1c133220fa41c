/** Opens and reads an answer of Tencent Cloud API 3.0: a response, or what is wrong. */
import type { ClientErrorCode } from '../errors.ts'
import { readCode, readRequestId, readWords, unreadableCode } from '../foreign.ts'
import { field, isRecord, parseJson, withoutMark } from '../json.ts'
import { meaningOf } from './codes.ts'
import type { IncomingAnswer } from './transport.ts'

/** The inside of `Response`; its fields are unchecked. `AnsweredAt` is the answer's `Date`, in epoch milliseconds. */
export type TencentResponse = Readonly<Record<string, unknown>> & {
  readonly RequestId: string | null
  readonly AnsweredAt?: number
}

/** Why an attempt did not succeed. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly requestId: string | null
  readonly retryable: boolean
  /** Whether the next attempt need not wait: it goes another way than this one. */
  readonly atOnce?: boolean
  /** What the answer wants waited before the next attempt. */
  readonly retryAfterMs?: number
  /** The answer's `Date`, in epoch milliseconds. */
  readonly dateMs?: number
}

/** What came of an attempt. */
export type Outcome = { failed: Failure } | { failed?: undefined; response: TencentResponse }

/**
 * Reads an answer. API errors come as HTTP 200 with `Response.Error`, so that member says what happened, whatever the
 * status; without it, another status is a failure of the gateway in front. An error may also come as the API before this
 * one put it: `{"code":4000,"codeDesc":"InvalidParameter","message":"…"}`.
 */
export function openAnswer({ status, headers, body }: IncomingAnswer): Outcome {
  const envelope = parseJson(withoutMark(body))
  const response = field(envelope, 'Response')
  const requestId = readRequestId(field(response, 'RequestId'))
  const fail = (code: ClientErrorCode, message: string, retryable: boolean): Outcome => {
    const retryAfterMs = readRetryAfter(headers.retryAfter, headers.date)
    return {
      failed: { code, message, requestId, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) },
    }
  }
  if (status === 429) return fail('ClientError.RateLimited', `HTTP status ${status}`, true)
  const error = response === undefined ? readOldError(envelope) : field(response, 'Error')
  const given = field(error, 'Code')
  const code = typeof given === 'string' ? readCode(given) : undefined
  if (status !== 200 && code === undefined)
    return fail('ClientError.HttpStatusCodeError', `HTTP status ${status}`, status >= 500)
  if (envelope === undefined) return fail('ClientError.ParseJsonError', 'the answer is not JSON', true)
  const dateMs = Date.parse(headers.date ?? '')
  const answered = Number.isFinite(dateMs) && { AnsweredAt: dateMs }
  if (error === undefined) {
    if (isRecord(response))
      return { response: Object.assign({}, response, { RequestId: requestId }, answered) }
    return fail('ClientError.MalformedAnswer', 'the answer has no "Response" object', false)
  }
  if (code === undefined) {
    const what = response === undefined ? `is error ${field(error, 'Number')} of API 2.0` : 'has an "Error"'
    return fail('ClientError.MalformedAnswer', `the answer ${what} without a "Code"`, false)
  }
  return {
    failed: {
      code,
      message: readWords(field(error, 'Message'), code),
      requestId,
      retryable: meaningOf(code).passes,
      ...(Number.isFinite(dateMs) && { dateMs }),
    },
  }
}

/** An error of API 2.0 in the form of 3.0, and its number; `undefined` where it is none. Zero is success. */
function readOldError(envelope: unknown): Readonly<Record<string, unknown>> | undefined {
  const number = String(field(envelope, 'code'))
  if (!/^[1-9]\d{0,4}$/.test(number)) return undefined
  const name = field(envelope, 'codeDesc')
  // What does not look like a code says nothing here; the number does.
  const known = readCode(name) === unreadableCode ? undefined : name
  return { Code: known, Number: number, Message: field(envelope, 'message') }
}

/** `Retry-After` in seconds or as an HTTP date; `undefined` when absent or unreadable. */
function readRetryAfter(value: string | null, date: string | null): number | undefined {
  if (value === null) return undefined
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.parse(date ?? '')
  return Number.isFinite(ms) ? ms : undefined
}

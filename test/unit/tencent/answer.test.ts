import { describe, expect, it } from 'vitest'
import { openAnswer } from '../../../lib/tencent/answer.ts'
import type { IncomingAnswer } from '../../../lib/tencent/transport.ts'

describe('openAnswer', () => {
  const date = 'Thu, 01 Jan 2026 00:00:00 GMT'
  const open = (body: string, status = 200, headers: Partial<IncomingAnswer['headers']> = {}) =>
    openAnswer({ status, body, headers: { date: null, retryAfter: null, ...headers } })
  const requestId = '00000000-0000-4000-8000-000000000002'
  const refused = JSON.stringify({
    Response: { Error: { Code: 'LimitExceeded', Message: 'm' }, RequestId: requestId },
  })

  it('gives what is in the envelope, and when it was sent', () => {
    expect(open('{"Response":{"A":1}}')).toStrictEqual({ response: { A: 1, RequestId: null } })
    expect(open('{"Response":{"A":1}}', 200, { date })).toStrictEqual({
      response: { A: 1, RequestId: null, AnsweredAt: Date.parse(date) },
    })
  })

  it('gives the refusal, and when it was sent', () => {
    const failed = { code: 'LimitExceeded', message: 'm', requestId, retryable: false }
    expect(open(refused)).toStrictEqual({ failed })
    expect(open(refused, 503, { date, retryAfter: '7' })).toStrictEqual({
      failed: { ...failed, dateMs: Date.parse(date) },
    })
  })

  it.each([
    ['', 429, 'ClientError.RateLimited', 'HTTP status 429', true],
    [refused, 429, 'ClientError.RateLimited', 'HTTP status 429', true],
    ['', 499, 'ClientError.HttpStatusCodeError', 'HTTP status 499', false],
    ['', 500, 'ClientError.HttpStatusCodeError', 'HTTP status 500', true],
    ['{"Response":{}}', 201, 'ClientError.HttpStatusCodeError', 'HTTP status 201', false],
    ['<', 200, 'ClientError.ParseJsonError', 'the answer is not JSON', true],
    ['[]', 200, 'ClientError.MalformedAnswer', 'the answer has no "Response" object', false],
    ['{"Response":[]}', 200, 'ClientError.MalformedAnswer', 'the answer has no "Response" object', false],
    [
      '{"Response":{"Error":"x"}}',
      200,
      'ClientError.MalformedAnswer',
      'has an "Error" without a "Code"',
      false,
    ],
    ['{"Response":{"Error":{"Code":7}}}', 200, 'ClientError.MalformedAnswer', 'without a "Code"', false],
  ])('says what is wrong with %s and status %d', (body, status, code, message, retryable) => {
    const failed = {
      code,
      message: expect.stringContaining(message),
      requestId: body === refused ? requestId : null,
      retryable,
    }
    expect(open(body, status)).toStrictEqual({ failed })
    expect(open(body, status, { retryAfter: '7' })).toStrictEqual({
      failed: { ...failed, retryAfterMs: 7000 },
    })
  })
})

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

  it('openAnswer reads past a byte order mark', () => {
    expect(open('\uFEFF{"Response":{"A":1}}')).toStrictEqual({ response: { A: 1, RequestId: null } })
  })

  const old = (fields: object): string => JSON.stringify({ message: 'm', ...fields })
  it.each([
    [
      { code: 4104, codeDesc: 'InvalidParameter.SecretIdNotFound' },
      'InvalidParameter.SecretIdNotFound',
      false,
    ],
    [{ code: '6000', codeDesc: 'InternalError' }, 'InternalError', true],
    [{ code: 4400, codeDesc: 'RequestLimitExceeded.X' }, 'RequestLimitExceeded.X', true],
  ])('openAnswer reads the error %j of API 2.0, whatever the status', (fields, code, retryable) => {
    const failed = { code, message: 'm', requestId: null, retryable }
    expect(open(old(fields))).toStrictEqual({ failed })
    expect(open(old(fields), 403)).toStrictEqual({ failed })
  })

  it.each([
    ['{"Response":{"Error":null}}', 'the answer has an "Error" without a "Code"'],
    [old({ code: 4104 }), 'the answer is error 4104 of API 2.0 without a "Code"'],
    [old({ code: 4104, codeDesc: 'canary 1' }), 'the answer is error 4104 of API 2.0 without a "Code"'],
    [old({ code: 0, codeDesc: 'Success' }), 'the answer has no "Response" object'],
    [old({ code: 123456, codeDesc: 'A' }), 'the answer has no "Response" object'],
    [old({ code: true, codeDesc: 'A' }), 'the answer has no "Response" object'],
    [old({ codeDesc: 'A' }), 'the answer has no "Response" object'],
    ['{"code":1,"codeDesc":"A","Response":[]}', 'the answer has no "Response" object'],
  ])('openAnswer says of %s that %s', (body, message) => {
    expect(open(body)).toMatchObject({ failed: { code: 'ClientError.MalformedAnswer', message } })
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

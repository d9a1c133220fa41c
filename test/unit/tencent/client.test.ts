import { describe, expect, it } from 'vitest'
import { TencentError } from '../../../lib/errors.ts'
import { createTencentClient } from '../../../lib/tencent/client.ts'
import type { Credentials } from '../../../lib/tencent/tc3.ts'
import { authorization } from '../../../lib/tencent/tc3.ts'
import { type IncomingAnswer, type OutgoingRequest, TransportError } from '../../../lib/tencent/transport.ts'

type Scripted = Partial<IncomingAnswer> | TransportError | ((request: OutgoingRequest) => Scripted)

const good = {
  body: '{"Response":{"ApiTokens":["token"],"RequestId":"00000000-0000-4000-8000-000000000001"}}',
}
const start = Date.UTC(2026, 0, 1)

/** A client in a world of its own: answers by script (the last one for ever), virtual time, a chance of 1. */
function world(script: Scripted[], options: { credentials?: () => Credentials; region?: string } = {}) {
  const sent: OutgoingRequest[] = []
  const slept: number[] = []
  let now = start
  const call = createTencentClient(
    {
      service: 'vod',
      version: '2018-07-17',
      endpoint: 'http://127.0.0.1:8080',
      ...(options.region && { region: options.region }),
    },
    {
      credentials: options.credentials ?? (() => ({ secretId: 'id', secretKey: 'key' })),
      now: () => now,
      monotonic: () => now,
      random: () => 1,
      sleep: async (ms) => {
        slept.push(ms)
        now += ms
      },
      send: async (request) => {
        sent.push(request)
        now += 10
        let answer = script.length > 1 ? script.shift() : script[0]
        while (typeof answer === 'function') answer = answer(request)
        if (answer instanceof TransportError) {
          if (answer.code === 'ClientError.Timeout') now += request.timeoutMs
          throw answer
        }
        return {
          status: 200,
          body: '',
          ...answer,
          headers: { date: null, retryAfter: null, ...answer?.headers },
        }
      },
    },
  )
  return { call, sent, slept, now: () => now }
}

function refusal(code: string, headers?: IncomingAnswer['headers']): Scripted {
  const body = JSON.stringify({
    Response: {
      Error: { Code: code, Message: `${code} happened.` },
      RequestId: '00000000-0000-4000-8000-000000000002',
    },
  })
  return { body, ...(headers && { headers }) }
}

async function failureOf(promise: Promise<unknown>): Promise<TencentError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(TencentError)
  return error as TencentError
}

describe('createTencentClient', () => {
  it('createTencentClient sends the bytes it signed, with the host and port on the wire', async () => {
    const { call, sent } = world([good])
    await call('DescribeAigcApiTokens', { SubAppId: 251006666 }, start + 10_000)
    const [request] = sent
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      host: '127.0.0.1:8080',
      'x-tc-action': 'DescribeAigcApiTokens',
    }
    expect(request?.body).toBe('{"SubAppId":251006666}')
    expect(request?.headers).toEqual({
      ...headers,
      authorization: authorization(
        { method: 'POST', headers, body: '{"SubAppId":251006666}' },
        { service: 'vod', timestamp: start / 1000 },
        { secretId: 'id', secretKey: 'key' },
      ),
      'x-tc-timestamp': String(start / 1000),
      'x-tc-version': '2018-07-17',
      'x-tc-language': 'en-US',
    })
  })

  it('createTencentClient sends a region to the products that want one', async () => {
    const { call, sent } = world([good], { region: 'ap-singapore' })
    await call('A', {}, start + 10_000)
    expect(sent[0]?.headers['x-tc-region']).toBe('ap-singapore')
  })

  it('createTencentClient sends the token of temporary credentials', async () => {
    const { call, sent } = world([good], {
      credentials: () => ({ secretId: 'i', secretKey: 'k', token: 't' }),
    })
    await call('A', {}, start + 10_000)
    expect(sent[0]?.headers['x-tc-token']).toBe('t')
  })

  const passing: [string, Scripted][] = [
    ['RequestLimitExceeded', refusal('RequestLimitExceeded')],
    ['RequestLimitExceeded.UinLimitExceeded', refusal('RequestLimitExceeded.UinLimitExceeded')],
    ['InternalError', refusal('InternalError')],
    ['InternalError.DbError', refusal('InternalError.DbError')],
    ['ServiceUnavailable', refusal('ServiceUnavailable')],
    ['FailedOperation.DBError', refusal('FailedOperation.DBError')],
    ['a reset connection', new TransportError('ClientError.NetworkError', 'connection failed (ECONNRESET)')],
    ['a timeout', new TransportError('ClientError.Timeout', 'no answer')],
    ['HTTP 503', { status: 503, body: 'busy' }],
    ['HTTP 500', { status: 500, body: '' }],
    ['HTTP 429', { status: 429, body: '{"Response":{"Error":{}}}' }],
    ['an HTML page', { body: '<html>' }],
    ['a body cut short', { body: '{"Response":{"ApiTok' }],
    ['an empty body', { body: '' }],
  ]
  it.each(passing)('createTencentClient retries %s, signed anew', async (_, failure) => {
    const { call, sent, slept } = world([failure, good])
    await expect(call('A', {}, start + 10_000)).resolves.toMatchObject({
      RequestId: '00000000-0000-4000-8000-000000000001',
    })
    expect(sent).toHaveLength(2)
    expect(slept).toEqual([200])
  })

  const final: [string, Scripted, string][] = [
    ['AuthFailure.SignatureFailure', refusal('AuthFailure.SignatureFailure'), 'AuthFailure.SignatureFailure'],
    [
      'AuthFailure.UnauthorizedOperation',
      refusal('AuthFailure.UnauthorizedOperation'),
      'AuthFailure.UnauthorizedOperation',
    ],
    [
      'ResourceNotFound.UserNotExist',
      refusal('ResourceNotFound.UserNotExist'),
      'ResourceNotFound.UserNotExist',
    ],
    ['LimitExceeded, which is a quota', refusal('LimitExceeded'), 'LimitExceeded'],
    ['FailedOperation', refusal('FailedOperation'), 'FailedOperation'],
    ['InternalErrors, another word', refusal('InternalErrors'), 'InternalErrors'],
    ['HTTP 403', { status: 403, body: '' }, 'ClientError.HttpStatusCodeError'],
    [
      "Tencent's refusal, whatever the HTTP status",
      { ...refusal('AuthFailure.UnauthorizedOperation'), status: 403 },
      'AuthFailure.UnauthorizedOperation',
    ],
    ['HTTP 302', { status: 302, body: '' }, 'ClientError.HttpStatusCodeError'],
    ['JSON without an envelope', { body: '{"code":4000}' }, 'ClientError.MalformedAnswer'],
    ['JSON null', { body: 'null' }, 'ClientError.MalformedAnswer'],
    ['an error without a code', { body: '{"Response":{"Error":{}}}' }, 'ClientError.MalformedAnswer'],
    [
      'an answer too large',
      new TransportError('ClientError.ResponseTooLarge', 'more'),
      'ClientError.ResponseTooLarge',
    ],
  ]
  it.each(final)('createTencentClient does not retry %s', async (_, failure, code) => {
    const { call, sent } = world([failure])
    const error = await failureOf(call('A', {}, start + 10_000))
    expect(error).toMatchObject({ code, name: code, action: 'A', attempts: 1, retryable: false })
    expect(sent).toHaveLength(1)
  })

  it('createTencentClient says what was tried, what happened, the request id and what to do', async () => {
    const { call } = world([refusal('ResourceNotFound.UserNotExist')])
    const error = await failureOf(call('DescribeAigcApiTokens', {}, start + 10_000))
    expect(error.requestId).toBe('00000000-0000-4000-8000-000000000002')
    expect(error.message).toBe(
      'DescribeAigcApiTokens at 127.0.0.1:8080: ResourceNotFound.UserNotExist: ResourceNotFound.UserNotExist happened. ' +
        '(attempts: 1, request id 00000000-0000-4000-8000-000000000002); check AIGC_SUB_APP_IDS and AIGC_SITE',
    )
  })

  it('createTencentClient waits with full jitter, doubling up to five seconds, and stops before the deadline', async () => {
    const { call, slept, now } = world([refusal('InternalError')])
    const error = await failureOf(call('A', {}, start + 30_000))
    expect(slept).toEqual([200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000])
    expect(error).toMatchObject({ code: 'InternalError', attempts: 10, retryable: true })
    expect(now()).toBeLessThan(start + 30_000)
  })

  it('createTencentClient honours Retry-After in seconds and as a date, and gives up when it is too long', async () => {
    const busy = (retryAfter: string): Scripted => ({
      status: 503,
      headers: { date: 'Thu, 01 Jan 2026 00:00:00 GMT', retryAfter },
    })
    const { call, slept } = world([busy('3'), busy('Thu, 01 Jan 2026 00:00:02 GMT'), busy('soon'), good])
    await call('A', {}, start + 10_000)
    expect(slept).toEqual([3000, 2000, 800])
    const tooLong = world([busy('60')])
    expect(await failureOf(tooLong.call('A', {}, start + 10_000))).toMatchObject({ attempts: 1 })
    expect(tooLong.slept).toEqual([])
  })

  it('createTencentClient leaves time for another attempt when one hangs', async () => {
    const { call, sent } = world([new TransportError('ClientError.Timeout', 'no answer'), good])
    await call('A', {}, start + 10_000)
    expect(sent.map(({ timeoutMs }) => Math.round(timeoutMs))).toEqual([5000, 2395])
  })

  it('createTencentClient ends in a timeout at the deadline when every attempt hangs', async () => {
    const { call, now } = world([new TransportError('ClientError.Timeout', 'no answer')])
    expect(await failureOf(call('A', {}, start + 10_000))).toMatchObject({ code: 'ClientError.Timeout' })
    expect(now()).toBeLessThanOrEqual(start + 10_100)
  })

  it('createTencentClient tells of the answer before a retry that the deadline cut short', async () => {
    const { call } = world([{ status: 502 }, new TransportError('ClientError.Timeout', 'no answer')])
    const code = 'ClientError.HttpStatusCodeError'
    expect(await failureOf(call('A', {}, start + 1100))).toMatchObject({ code, attempts: 2 })
  })

  it('createTencentClient sends nothing when no time is left', async () => {
    const { call, sent } = world([good])
    expect(await failureOf(call('A', {}, start))).toMatchObject({ code: 'ClientError.Timeout', attempts: 0 })
    expect(sent).toHaveLength(0)
  })

  it('createTencentClient mends a wrong clock once from the Date header and remembers it', async () => {
    const expired = refusal('AuthFailure.SignatureExpire', {
      date: 'Thu, 01 Jan 2026 02:00:00 GMT',
      retryAfter: null,
    })
    const { call, sent, slept } = world([expired, good])
    await call('A', {}, start + 10_000)
    await call('A', {}, start + 10_000)
    const twoHours = 7200
    expect(sent.map(({ headers }) => Number(headers['x-tc-timestamp']) - start / 1000)).toEqual([
      0,
      twoHours,
      twoHours,
    ])
    expect(slept).toEqual([])
    expect(await failureOf(world([expired]).call('A', {}, start + 10_000))).toMatchObject({
      code: 'AuthFailure.SignatureExpire',
      attempts: 2,
    })
    expect(
      await failureOf(world([refusal('AuthFailure.SignatureExpire')]).call('A', {}, start + 10_000)),
    ).toMatchObject({
      attempts: 1,
    })
  })

  it('createTencentClient asks for credentials again once when temporary ones are refused', async () => {
    const available = ['old', 'new', 'newer']
    const credentials = (): Credentials => ({
      secretId: available.shift() ?? 'newest',
      secretKey: 'k',
      token: 't',
    })
    const { call, sent } = world([refusal('AuthFailure.TokenFailure'), good], { credentials })
    await call('A', {}, start + 10_000)
    expect(sent.map(({ headers }) => /Credential=(\w+)/.exec(headers['authorization'] ?? '')?.[1])).toEqual([
      'old',
      'new',
    ])
    const never = world([refusal('AuthFailure.TokenFailure')], { credentials })
    expect(await failureOf(never.call('A', {}, start + 10_000))).toMatchObject({ attempts: 2 })
    const same = world([refusal('AuthFailure.TokenFailure')])
    expect(await failureOf(same.call('A', {}, start + 10_000))).toMatchObject({ attempts: 1 })
  })

  it('createTencentClient gives up when the credentials that it asked for again are refused too', async () => {
    let asked = 0
    const credentials = (): Credentials => {
      if (++asked > 10) throw new Error('asked without end')
      return { secretId: `id-${asked}`, secretKey: 'key', token: 'token' }
    }
    const { call, sent } = world([refusal('AuthFailure.TokenFailure')], { credentials })
    const { code, attempts } = await failureOf(call('A', {}, start + 3_600_000))
    expect([code, attempts, asked, sent.length]).toEqual(['AuthFailure.TokenFailure', 2, 2, 2])
  })
})

import { describe, expect, it } from 'vitest'
import { TencentError } from '../../../lib/errors.ts'
import {
  type Attempt,
  createTencentClient,
  type TencentClientDependencies,
} from '../../../lib/tencent/client.ts'
import type { Credentials } from '../../../lib/tencent/tc3.ts'
import { createSigner } from '../../../lib/tencent/tc3.ts'
import {
  DeadConnectionError,
  type IncomingAnswer,
  type OutgoingRequest,
  TransportError,
} from '../../../lib/tencent/transport.ts'

type Scripted = Partial<IncomingAnswer> | Error | ((request: OutgoingRequest) => Scripted)

const good = {
  body: '{"Response":{"ApiTokens":["token"],"RequestId":"00000000-0000-4000-8000-000000000001"}}',
}
const start = Date.UTC(2026, 0, 1)

/** A client in a world of its own: answers by script (the last one for ever), virtual time, a chance of 1. */
function world(
  script: Scripted[],
  options: Partial<Omit<TencentClientDependencies, 'credentials'>> & {
    credentials?: (deadline: number, refused?: Credentials) => Credentials | null
    region?: string
  } = {},
) {
  const { region, ...own } = options
  const sent: OutgoingRequest[] = []
  const slept: number[] = []
  let now = start
  const call = createTencentClient(
    {
      service: 'vod',
      version: '2018-07-17',
      endpoint: 'http://127.0.0.1:8080',
      ...(region && { region }),
    },
    {
      credentials: () => ({ secretId: 'id', secretKey: 'key' }),
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
        if (answer instanceof TransportError && answer.code === 'ClientError.Timeout')
          now += request.timeoutMs
        if (answer instanceof Error) throw answer
        return {
          status: 200,
          body: '',
          ...answer,
          headers: { date: null, retryAfter: null, ...answer?.headers },
        }
      },
      ...own,
    },
  )
  return { call, sent, slept, now: () => now }
}

function refusal(
  code: string,
  headers?: IncomingAnswer['headers'],
  message = `${code} happened.`,
): Partial<IncomingAnswer> {
  const body = JSON.stringify({
    Response: {
      Error: { Code: code, Message: message },
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
  it('sends the bytes it signed, with the host and port on the wire', async () => {
    const { call, sent } = world([good])
    await call('DescribeAigcApiTokens', { SubAppId: 251006666 }, start + 10_000)
    const [request] = sent
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      host: '127.0.0.1:8080',
      'x-tc-action': 'DescribeAigcApiTokens',
    }
    const sign = createSigner({ method: 'POST', headers }, 'vod')
    expect(request?.body).toBe('{"SubAppId":251006666}')
    expect(request?.headers).toStrictEqual({
      ...headers,
      authorization: sign('{"SubAppId":251006666}', start / 1000, { secretId: 'id', secretKey: 'key' }),
      'x-tc-timestamp': String(start / 1000),
      'x-tc-version': '2018-07-17',
      'x-tc-language': 'en-US',
    })
  })

  it('sends again at once what went over a kept connection that had died', async () => {
    const died = new DeadConnectionError('ClientError.NetworkError', 'kept connection did not answer')
    const { call, sent, slept } = world([died, good])
    expect(await call('A', {}, start + 10_000)).toMatchObject({ ApiTokens: ['token'] })
    expect([sent.length, slept]).toEqual([2, []])
  })

  it('sends a region to the products that want one', async () => {
    const { call, sent } = world([good], { region: 'ap-singapore' })
    await call('A', {}, start + 10_000)
    expect(sent[0]?.headers['x-tc-region']).toBe('ap-singapore')
  })

  it('sends the token of temporary credentials', async () => {
    const { call, sent } = world([good], {
      credentials: () => ({ secretId: 'i', secretKey: 'k', token: 't' }),
    })
    await call('A', {}, start + 10_000)
    expect(sent[0]?.headers['x-tc-token']).toBe('t')
  })

  it('sends a call unsigned where there are no credentials', async () => {
    const { call, sent } = world([good], { credentials: () => null })
    await call('A', {}, start + 10_000)
    expect(sent[0]?.headers).toMatchObject({ authorization: 'SKIP' })
    expect(sent[0]?.headers).not.toHaveProperty('x-tc-token')
    // Nobody can renew what is not there.
    const refused = world([refusal('AuthFailure.TokenFailure')], { credentials: () => null })
    expect(await failureOf(refused.call('A', {}, start + 10_000))).toMatchObject({ attempts: 1 })
  })

  it('throws as it is what is no failure of the connection', async () => {
    const slip = new TypeError('a slip of ours')
    await expect(world([slip]).call('A', {}, start + 10_000)).rejects.toBe(slip)
  })

  it('tells of each attempt', async () => {
    const attempts: Attempt[] = []
    const { call } = world([refusal('InternalError'), { status: 503 }, good], {
      onAttempt: (attempt) => attempts.push(attempt),
    })
    await call('A', {}, start + 10_000)
    const [first, second] = ['0002', '0001'].map((end) => `00000000-0000-4000-8000-00000000${end}`)
    expect(attempts).toEqual([
      { action: 'A', number: 1, code: 'InternalError', requestId: first, durationMs: 10 },
      { action: 'A', number: 2, code: 'ClientError.HttpStatusCodeError', requestId: null, durationMs: 10 },
      { action: 'A', number: 3, code: null, requestId: second, durationMs: 10 },
    ])
  })

  it('sends nothing out of turn', async () => {
    const admitted: number[] = []
    const paced = (turns: boolean[], script: Scripted[] = [good]) =>
      world(script, {
        pace: {
          admit: async (deadline) => {
            admitted.push(deadline)
            return turns.shift() ?? false
          },
          throttled: () => {},
        },
      })
    const never = paced([])
    const error = await failureOf(never.call('A', {}, start + 10_000))
    expect(error).toMatchObject({ code: 'ClientError.RateLimited', attempts: 0, retryable: true })
    expect(error.message).toContain('this instance may send no more calls at present (attempts: 0)')
    expect([never.sent, admitted]).toEqual([[], [start + 10_000]])

    expect(await failureOf(paced([true], [{ status: 503 }]).call('A', {}, start + 10_000))).toMatchObject({
      code: 'ClientError.HttpStatusCodeError',
      attempts: 1,
    })
    await expect(paced([true]).call('A', {}, start + 10_000)).resolves.toBeDefined()

    admitted.length = 0
    expect(await failureOf(paced([true]).call('A', {}, start))).toMatchObject({
      code: 'ClientError.Timeout',
      attempts: 0,
    })
    expect(admitted).toEqual([])
  })

  it('tells the pace of throttling, and of nothing else', async () => {
    let throttled = 0
    const pace = { admit: async () => true, throttled: () => void throttled++ }
    const script = [{ status: 503 }, refusal('InternalError'), refusal('RequestLimitExceeded'), good]
    await world(script, { pace }).call('A', {}, start + 10_000)
    expect(throttled).toBe(1)
  })

  it('repeats no throttled call where somebody has something else', async () => {
    const hasty = { patient: false }
    const throttled = world([refusal('RequestLimitExceeded'), good])
    expect(await failureOf(throttled.call('A', {}, start + 10_000, hasty))).toMatchObject({
      code: 'RequestLimitExceeded',
      attempts: 1,
    })
    const failing = world([{ status: 503 }, good])
    await failing.call('A', {}, start + 10_000, hasty)
    expect(failing.sent).toHaveLength(2)
    const patient = world([refusal('RequestLimitExceeded'), good])
    await patient.call('A', {}, start + 10_000, { patient: true })
    expect(patient.sent).toHaveLength(2)
  })

  it('waits for nothing that ends at the deadline', async () => {
    const late = world([{ status: 503 }, good])
    expect(await failureOf(late.call('A', {}, start + 210))).toMatchObject({ attempts: 1 })
    expect(late.slept).toEqual([])
    const inTime = world([{ status: 503 }, good])
    await inTime.call('A', {}, start + 211)
    expect(inTime.slept).toEqual([200])
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
  it.each(passing)('retries %s, signed anew', async (_, failure) => {
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
  it.each(final)('does not retry %s', async (_, failure, code) => {
    const { call, sent } = world([failure])
    const error = await failureOf(call('A', {}, start + 10_000))
    expect(error).toMatchObject({ code, name: code, action: 'A', attempts: 1, retryable: false })
    expect(sent).toHaveLength(1)
  })

  it('says what was tried, what happened, the request id and what to do', async () => {
    const { call } = world([refusal('ResourceNotFound.UserNotExist')])
    const error = await failureOf(call('DescribeAigcApiTokens', {}, start + 10_000))
    expect(error.requestId).toBe('00000000-0000-4000-8000-000000000002')
    expect(error.message).toBe(
      'DescribeAigcApiTokens at 127.0.0.1:8080: ResourceNotFound.UserNotExist: ResourceNotFound.UserNotExist happened. ' +
        '(attempts: 1, request id 00000000-0000-4000-8000-000000000002); check AIGC_SUB_APP_IDS and AIGC_SITE',
    )
  })

  const id = 'request id 00000000-0000-4000-8000-000000000002'
  const credentialsUsed = 'credentials used: fixed'
  const reach = 'check that this function can reach that host'
  const grant = 'grant the caller this action in Tencent CAM'
  const check = 'check the Tencent credentials and AIGC_SITE'
  const words: [Scripted, string][] = [
    [refusal('LimitExceeded'), `LimitExceeded: LimitExceeded happened. (attempts: 1, ${id})`],
    [
      refusal('LimitExceeded', undefined, 'What is it . ...'),
      `LimitExceeded: What is it . ... (attempts: 1, ${id})`,
    ],
    [refusal('LimitExceeded', undefined, ''), `LimitExceeded (attempts: 1, ${id})`],
    [{ status: 403 }, 'ClientError.HttpStatusCodeError: HTTP status 403 (attempts: 1)'],
    [
      new TransportError('ClientError.NetworkError', 'refused'),
      `ClientError.NetworkError: refused (attempts: 1); ${reach}`,
    ],
    [
      new TransportError('ClientError.Timeout', 'no answer'),
      `ClientError.Timeout: no answer (attempts: 1); ${reach}`,
    ],
    [
      refusal('AuthFailure.SignatureExpire', undefined, 'm'),
      `AuthFailure.SignatureExpire (attempts: 1, ${id}); set the clock of this machine`,
    ],
    [
      refusal('AuthFailure.UnauthorizedOperation', undefined, 'm'),
      `AuthFailure.UnauthorizedOperation: m (attempts: 1, ${id}); ${grant}; ${credentialsUsed}`,
    ],
    [
      refusal('UnauthorizedOperation.X', undefined, 'm'),
      `UnauthorizedOperation.X: m (attempts: 1, ${id}); ${grant}; ${credentialsUsed}`,
    ],
    [
      refusal('AuthFailure', undefined, 'm'),
      `AuthFailure: m (attempts: 1, ${id}); ${check}; ${credentialsUsed}`,
    ],
    [
      refusal('AuthFailure.TokenFailure', undefined, 'm'),
      `AuthFailure.TokenFailure: m (attempts: 1, ${id}); ${check}; ${credentialsUsed}`,
    ],
  ]
  it.each(words)('says what can be done, where that is known (%#)', async (answer, said) => {
    const { call } = world([answer], { explainCredentials: () => credentialsUsed })
    const { message } = await failureOf(call('A', {}, start + 200))
    expect(message).toBe(`A at 127.0.0.1:8080: ${said}`)
  })

  it('waits with full jitter, doubling up to five seconds, and stops before the deadline', async () => {
    const { call, slept, now } = world([refusal('InternalError')])
    const error = await failureOf(call('A', {}, start + 30_000))
    expect(slept).toEqual([200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000])
    expect(error).toMatchObject({ code: 'InternalError', attempts: 10, retryable: true })
    expect(now()).toBeLessThan(start + 30_000)
  })

  it('honours Retry-After in seconds and as a date, and gives up when it is too long', async () => {
    const busy = (retryAfter: string): Scripted => ({
      status: 503,
      headers: { date: 'Thu, 01 Jan 2026 00:00:00 GMT', retryAfter },
    })
    const dates = ['Thu, 01 Jan 2026 00:00:02 GMT', '2026-01-01T00:00:02Z', 'Thu, 01 Jan 2026 00:00:02 +0000']
    const { call, slept } = world([busy('3'), ...dates.map(busy), busy('soon'), good])
    await call('A', {}, start + 20_000)
    expect(slept).toEqual([3000, 2000, 2000, 2000, 3200])
    const tooLong = world([busy('60')])
    expect(await failureOf(tooLong.call('A', {}, start + 10_000))).toMatchObject({ attempts: 1 })
    expect(tooLong.slept).toEqual([])
  })

  it('leaves time for another attempt when one hangs', async () => {
    const { call, sent } = world([new TransportError('ClientError.Timeout', 'no answer'), good])
    await call('A', {}, start + 10_000)
    expect(sent.map(({ timeoutMs }) => Math.round(timeoutMs))).toEqual([5000, 2395])
  })

  it('ends in a timeout at the deadline when every attempt hangs', async () => {
    const { call, now } = world([new TransportError('ClientError.Timeout', 'no answer')])
    expect(await failureOf(call('A', {}, start + 10_000))).toMatchObject({ code: 'ClientError.Timeout' })
    expect(now()).toBeLessThanOrEqual(start + 10_100)
  })

  it('tells of the answer before a retry that the deadline cut short', async () => {
    const { call } = world([{ status: 502 }, new TransportError('ClientError.Timeout', 'no answer')])
    const code = 'ClientError.HttpStatusCodeError'
    expect(await failureOf(call('A', {}, start + 1100))).toMatchObject({ code, attempts: 2 })
  })

  it('tells of the latest failure where the deadline did not cut it short', async () => {
    const hung = new TransportError('ClientError.Timeout', 'no answer')
    for (const [script, deadline, code] of [
      [[{ status: 502 }, hung], 10_000, 'ClientError.Timeout'],
      [[{ status: 502 }, refusal('LimitExceeded')], 900, 'LimitExceeded'],
    ] as const)
      expect(await failureOf(world([...script]).call('A', {}, start + deadline))).toMatchObject({ code })
    expect((await failureOf(world([hung]).call('A', {}, start + 500))).message).toContain(
      'no answer (attempts: 1)',
    )
  })

  it('sends nothing when no time is left', async () => {
    const { call, sent } = world([good])
    const error = await failureOf(call('A', {}, start))
    expect(error).toMatchObject({ code: 'ClientError.Timeout', attempts: 0, retryable: true })
    expect(error.message).toBe(
      'A at 127.0.0.1:8080: ClientError.Timeout: no time was left to ask (attempts: 0); ' +
        'check that this function can reach that host',
    )
    expect(sent).toHaveLength(0)
  })

  it('mends a wrong clock once from the Date header and remembers it', async () => {
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

  it('asks for credentials again once when temporary ones are refused', async () => {
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

  it.each([
    ['AuthFailure.TokenFailure', { secretId: 'i', secretKey: 'other' }],
    ['AuthFailure.SecretIdNotFound', { secretId: 'other', secretKey: 'k' }],
    ['AuthFailure.SignatureFailure', { secretId: 'i', secretKey: 'k', token: 'other' }],
  ])('asks for others when Tencent says %s, and says which it refused', async (code, others) => {
    const first = { secretId: 'i', secretKey: 'k' }
    const asked: unknown[] = []
    const { call, sent } = world([refusal(code), good], {
      credentials: (deadline, refused) => {
        asked.push([deadline - start, refused])
        return refused ? others : first
      },
    })
    await call('A', {}, start + 10_000)
    expect(asked).toEqual([
      [10_000, undefined],
      [10_000, first],
    ])
    expect(sent).toHaveLength(2)
  })

  it('gives up when the credentials that it asked for again are refused too', async () => {
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

/** What a code means, walked through everybody who decides by it. */

import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../lib/config.ts'
import { answerRequest } from '../../../lib/endpoint/answer.ts'
import { createTokenCache } from '../../../lib/endpoint/cache.ts'
import { TencentError } from '../../../lib/errors.ts'
import type { HttpResponse } from '../../../lib/platform/reply.ts'
import { tencentSsm } from '../../../lib/stores/tencent-ssm.ts'
import { createTencentClient } from '../../../lib/tencent/client.ts'
import { families, meaningOf } from '../../../lib/tencent/codes.ts'
import { TransportError } from '../../../lib/tencent/transport.ts'
import { describeAigcApiTokens } from '../../../lib/tencent/vod.ts'
import type { Fault } from '../../../simulator/faults.ts'
import { noAws } from '../../support/aws-deps.ts'
import { faults, transported } from '../../support/faults.ts'
import { listOf } from '../../support/list-of.ts'
import { requestOf } from '../../support/requests.ts'
import { targetOf } from '../../support/store-contract.ts'
import { timeOf } from '../../support/time-of.ts'

const codes = Object.keys(families).flatMap((family) => [family, `${family}.OfTomorrow`])

const erring = (code: string): Fault => ({ kind: 'error', code })

/** A client whose every call meets this fault. */
function clientOf(fault: Fault) {
  const sent: string[] = []
  let now = Date.UTC(2026, 0, 1)
  let asked = 0
  const sleep = async (ms: number): Promise<void> => {
    now += ms
  }
  const call = createTencentClient(
    { service: 'vod', version: '2018-07-17', endpoint: 'http://127.0.0.1:1' },
    {
      ...timeOf(() => now, { sleep }),
      credentials: () => ({ secretId: `id-${asked++}`, secretKey: 'key' }),
      explainCredentials: () => 'credentials used: a source',
      async send({ headers }) {
        sent.push(headers['x-tc-timestamp'] ?? '')
        const answer = transported(fault, ['a'])
        if (answer instanceof TransportError) throw answer
        const date = new Date(now + 3_600_000).toUTCString()
        return { status: 200, headers: { date, retryAfter: null }, body: '', ...answer }
      },
    },
  )
  return { call, sent, deadline: now + 10_000 }
}

async function failureOf(promise: Promise<unknown>): Promise<TencentError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof TencentError)) throw new Error('not a TencentError', { cause: error })
  return error
}

function failureOfList(fault: Fault): Promise<TencentError> {
  const { call, deadline } = clientOf(fault)
  return failureOf(describeAigcApiTokens(call, 7, deadline))
}

/** Whether an old list is served in place of the failure. */
async function isHidden(failure: Error): Promise<boolean> {
  let fails = false
  let now = 0
  const cache = createTokenCache(
    { cacheSeconds: 1, staleSeconds: 60 },
    {
      ...timeOf(() => now),
      isBackingOff: () => false,
      choosePick: () => null,
      list: async () => {
        if (fails) throw failure
        return listOf(['a'])
      },
      fallback: null,
    },
  )
  const get = () => cache.get(7, { refresh: false, deadline: now + 1000 })
  await get()
  now += 5_000
  fails = true
  return get().then(
    () => true,
    () => false,
  )
}

/** What is told of it to a caller over HTTP. */
async function responseTo(failure: Error): Promise<HttpResponse> {
  const { response } = await answerRequest(requestOf('/tokens', { principal: 'somebody' }), {
    config: () => parseConfig({ AIGC_HTTP_AUTH: 'gateway', AIGC_SECRET_ID: 'i', AIGC_SECRET_KEY: 'k' }, {}),
    list: () => Promise.reject(failure),
    platform: { isScf: false },
    basePath: '',
  })
  return response
}

describe('meaningOf', () => {
  it('goes by the family, not by the word, and by the longest one', () => {
    const throttles = [
      'RequestLimitExceeded',
      'RequestLimitExceeded.IPLimitExceeded',
      'LimitExceeded',
      'RequestLimitExceededX',
      'constructor',
      '',
      '.',
    ].map((code) => meaningOf(code).throttles)
    expect(throttles).toEqual([true, true, false, false, false, false, false])
    expect(meaningOf('FailedOperation').passes).toBe(false)
    expect(meaningOf('AuthFailure.TokenFailure.X')).toBe(families['AuthFailure.TokenFailure'])
    expect(meaningOf('AuthFailure.X')).toBe(families['AuthFailure'])
  })

  it('throttles nothing that does not pass, and hides nothing that is refused', () => {
    for (const [family, meaning] of Object.entries(families)) {
      if (meaning.throttles) expect(meaning.passes, family).toBe(true)
      if (meaning.told === 'credentials')
        expect([meaning.passes, meaning.mayBeHidden], family).toEqual([false, false])
    }
  })
})

describe.each(codes)('%s', (code) => {
  const meaning = meaningOf(code)

  it('is repeated, renewed or mended by the client as its meaning says', async () => {
    const { call, sent, deadline } = clientOf(erring(code))
    const error = await failureOf(call('A', {}, deadline))
    expect(error).toMatchObject({ code, retryable: meaning.passes })
    if (meaning.passes) expect(sent.length).toBeGreaterThan(2)
    else expect(sent).toHaveLength(meaning.refusesCredentials || meaning.blamesClock ? 2 : 1)
    if (meaning.blamesClock) expect(Number(sent[1]) - Number(sent[0])).toBe(3_600)
    expect(error.message.includes(meaning.advice)).toBe(true)
    expect(error.message.includes('credentials used: a source')).toBe(
      meaning.told === 'credentials' && !meaning.blamesClock,
    )
    const impatient = clientOf(erring(code))
    await failureOf(impatient.call('A', {}, impatient.deadline, { patient: false }))
    if (meaning.throttles) expect(impatient.sent).toHaveLength(1)
  })

  it('is hidden by an old list, or shown, as its meaning says', async () => {
    expect(await isHidden(await failureOfList(erring(code)))).toBe(meaning.mayBeHidden)
  })

  it('is told to a caller in a sentence of ours', async () => {
    const response = await responseTo(await failureOfList(erring(code)))
    const status = { throttled: 503, late: 504, credentials: 502, failed: 502 }[meaning.told]
    expect([response.status, JSON.parse(response.body).code]).toEqual([status, code])
    expect('retry-after' in response.headers).toBe(meaning.told === 'throttled')
    expect(response.body).not.toMatch(/happened|credentials used|AIGC_|grant/)
    expect(response.body.includes('credentials')).toBe(meaning.told === 'credentials')
  })

  it('makes a failure of the store that may pass, or not, as its meaning says', async () => {
    const { call, deadline } = clientOf(erring(code))
    const store = tencentSsm.open(targetOf('tencent-ssm', 'x'), {
      ...timeOf(() => 0),
      aws: noAws,
      tencent: () => call,
    })
    const read = store.read(deadline).catch((error: Error) => error)
    // "Not found" is an answer.
    expect(await read).toMatchObject(
      code.startsWith('ResourceNotFound') ? { state: 'absent' } : { code, retryable: meaning.passes },
    )
  })
})

describe.each(faults.filter((row) => row.code !== null))('$name', ({ fault, code, status, mayBeHidden }) => {
  it('has the code and the status, and is hidden or not, as the table of faults says', async () => {
    const failure = await failureOfList(fault)
    const response = await responseTo(failure)
    expect([failure.code, response.status, await isHidden(failure)]).toEqual([code, status, mayBeHidden])
  })
})

/** `list-tokens` under AWS's own runtime client, as `npx serverless package` would deploy it. */
import { describe, expect, it } from 'vitest'
import { fingerprint } from '../../../lib/digest.ts'
import { recorded, requests, schedules, withoutQuery } from '../../support/recorded-events.ts'
import { sha256 } from '../../support/sha256.ts'
import {
  createWorld,
  expectNoGrowth,
  nodeVersion,
  postedErrors,
  quoting,
  readLog,
  subAppIds,
  tokens,
} from './world.ts'

const everyTime = Number.POSITIVE_INFINITY
const keys = {
  AIGC_HTTP_AUTH: 'keys',
  AIGC_API_KEYS: `app:full:${sha256('example-key')}`,
}
const alwaysAsk = { AIGC_CACHE_SECONDS: '0', AIGC_STALE_SECONDS: '0' }

/** Which recorded requests have query parameters. */
const withQuery = new Set([
  'alb-multi-value.json',
  'alb.json',
  'http-api-v2-named-stage.json',
  'rest-api.json',
  'scf-api-gateway.json',
  'scf-function-url.json',
])

interface Reply {
  readonly statusCode: number
  readonly headers?: Record<string, string>
  readonly multiValueHeaders?: Record<string, string[]>
  readonly body: string
}

describe(`list-tokens on Lambda with Node ${nodeVersion}`, () => {
  it('answers every HTTP trigger in its form', async (context) => {
    const { simulator, start } = await createWorld('list-tokens', context)
    const fn = await start({ ...keys, AIGC_REVEAL: 'true' }, { reveals: true })
    for (const file of requests) {
      const { result, error } = await fn.invoke(withoutQuery(file))
      expect(error).toBeUndefined()
      const { statusCode, headers, multiValueHeaders, body } = result as Reply
      expect([file, statusCode, JSON.parse(body).ApiTokens.sort()]).toEqual([file, 200, tokens])
      const type =
        file === 'alb-multi-value.json' ? multiValueHeaders?.['content-type']?.[0] : headers?.['content-type']
      expect(type).toBe('application/json; charset=utf-8')
      const asRecorded = (await fn.invoke(recorded(file))).result as Reply
      expect([file, asRecorded.statusCode]).toEqual([file, withQuery.has(file) ? 400 : 200])
    }
    expect(simulator.calls).toHaveLength(1)
    await fn.close()
    const log = readLog(fn)
    expect(log).toHaveLength(requests.length * 2)
    expect(log.every(({ _aws, Requests }) => _aws && Requests === 1)).toBe(true)
  })

  it('run by hand gives fingerprints, and tokens on demand', async (context) => {
    const { start } = await createWorld('list-tokens', context)
    const fn = await start({ ...keys, AIGC_REVEAL: 'true' }, { reveals: true })
    const Fingerprints = expect.arrayContaining(tokens.map(fingerprint))
    for (const event of [recorded('manual-empty.json'), null])
      expect((await fn.invoke(event)).result).toMatchObject({ Fingerprints })
    const { result } = await fn.invoke(recorded('manual-fields.json'))
    expect(result).toMatchObject({ ApiTokens: expect.arrayContaining(tokens) })
  })

  it('throws InputInvalid for every schedule and says where it belongs', async (context) => {
    const { simulator, start } = await createWorld('list-tokens', context)
    const fn = await start(keys)
    for (const file of schedules) {
      const { error } = await fn.invoke(recorded(file))
      expect([file, error?.errorType]).toEqual([file, 'InputInvalid'])
      expect(error?.errorMessage).toContain('put the schedule on mirror-tokens')
    }
    expect(simulator.calls).toEqual([])
  })

  it('throws Tencent’s error under its code, without the secrets it quotes', async (context) => {
    const { simulator, start } = await createWorld('list-tokens', context)
    const fn = await start({ ...keys, ...alwaysAsk })
    // The tokens are known to the process once it has seen them.
    await fn.invoke({})
    simulator.fail({ kind: 'error', code: 'UnauthorizedOperation', message: quoting }, everyTime)
    const { error } = await fn.invoke({})
    expect(error?.errorType).toBe('UnauthorizedOperation')
    expect(error?.errorMessage).toMatch(/^DescribeAigcApiTokens at .*Denied: \*\*\* .*request id/)
    expect(error?.trace?.[0]).toContain('Denied: ***')
    const [request] = postedErrors(fn, 'invocation')
    const cause = JSON.parse(`${request?.headers['lambda-runtime-function-xray-error-cause']}`)
    expect(cause.exceptions).toMatchObject([{ type: error?.errorType, message: error?.errorMessage }])
    // The process goes on.
    simulator.clearFaults()
    expect((await fn.invoke({})).result).toMatchObject({ Stale: false })
  })

  it('starts with settings that cannot be used, and every invocation names them all', async (context) => {
    const { start } = await createWorld('list-tokens', context)
    const bad = { AIGC_SITE: 'CANARY-site', AIGC_SUB_APP_IDS: 'CANARY-id', AIGC_UNKNOWN: 'CANARY-unknown' }
    const fn = await start(bad)
    for (let i = 0; i < 2; i++) {
      const { error } = await fn.invoke({})
      expect(error?.errorType).toBe('ConfigInvalid')
      for (const name of Object.keys(bad)) expect(error?.errorMessage).toContain(name)
    }
    const request = recorded('http-api-v2.json')
    expect((await fn.invoke(request)).result).toMatchObject({ statusCode: 500 })
    const health = await fn.invoke({ ...request, rawPath: '/healthz' })
    expect(health.result).toMatchObject({ statusCode: 200 })
    expect(postedErrors(fn, 'init')).toEqual([])
  })

  it('under a handler that does not exist fails to start', async (context) => {
    const { start } = await createWorld('list-tokens', context)
    const fn = await start(keys, { handler: 'index.missing' })
    await expect(fn.invoke({})).rejects.toThrow('the runtime ended')
    const [failure] = postedErrors(fn, 'init')
    expect(failure?.headers['lambda-runtime-function-error-type']).toBe('Runtime.HandlerNotFound')
  })

  // Past its deadline the function is killed, and the caller gets Sandbox.Timedout.
  it('answers before its deadline when Tencent does not', async (context) => {
    const { simulator, start } = await createWorld('list-tokens', context)
    const fn = await start({ ...keys, AIGC_CACHE_SECONDS: '0', AIGC_TIMEOUT_MS: '60000' })
    simulator.fail({ kind: 'hang' }, everyTime)
    expect((await fn.invoke({}, 2_000)).error?.errorType).toBe('ClientError.Timeout')
    const { result } = await fn.invoke(recorded('http-api-v2.json'), 2_000)
    expect(result).toMatchObject({ statusCode: 504 })
    simulator.clearFaults()
    expect((await fn.invoke({})).result).toMatchObject({ Stale: false })
    simulator.fail({ kind: 'hang' }, everyTime)
    expect((await fn.invoke({}, 2_000)).result).toMatchObject({ Stale: true })
  })

  it('keeps nothing of a thousand invocations', async (context) => {
    const { simulator, start } = await createWorld('list-tokens', context)
    const fn = await start(
      { ...keys, AIGC_SUB_APP_IDS: subAppIds.join(), AIGC_REVEAL: 'true' },
      { reveals: true },
    )
    // Connections end in all ways.
    for (let i = 0; i < 5; i++)
      for (const kind of ['reset', 'truncated', 'lost-answer', 'html'] as const) {
        simulator.fail({ kind: 'slow', ms: 0 }, 2)
        simulator.fail({ kind })
      }
    const request = recorded('http-api-v2.json')
    // Of seven one asks Tencent, which takes as long as 20 calls a second do.
    const events = subAppIds.flatMap((SubAppId) => [
      { SubAppId, Refresh: true },
      { SubAppId, Reveal: true },
      { Unknown: 1 },
      request,
      recorded('alb-multi-value.json'),
      recorded('scf-timer.json'),
      { ...request, headers: { authorization: 'Bearer wrong' } },
    ])
    await expectNoGrowth(fn, events, { warm: 200, times: 1_000 })
    expect(simulator.calls.length).toBeGreaterThan(100)
    await fn.close()
    expect(readLog(fn)).toHaveLength(1_200)
  })
})

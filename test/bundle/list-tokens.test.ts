/** `list-tokens` as it is deployed: the built bundle in its own process, against the simulator. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fingerprint } from '../../lib/digest.ts'
import { matchRoute } from '../../lib/endpoint/routes.ts'
import type { Fault } from '../../simulator/faults.ts'
import { startTencentSimulator } from '../../simulator/simulator.ts'
import { mirrored } from '../support/documents.ts'
import { faults } from '../support/faults.ts'
import { type FunctionProcess, startFunction } from '../support/function-process.ts'
import { expectConforming } from '../support/openapi.ts'
import { getEvent, recorded, requests, withoutQuery } from '../support/recorded-events.ts'
import { sha256 } from '../support/sha256.ts'
import { shareSimulator } from '../support/shared-simulator.ts'

const tokens = ['token-one-0123456789', 'token-two-0123456789']

const failures = faults.filter(({ code }) => code !== null)

const simulator = await shareSimulator({
  applications: [{ subAppId: 251006666, tokens }, { subAppId: 1500000001 }],
  lagMs: 0,
})

const environment = {
  AIGC_SECRET_ID: simulator.secretId,
  AIGC_SECRET_KEY: simulator.secretKey,
  AIGC_VOD_ENDPOINT: simulator.url,
  AIGC_SUB_APP_IDS: '251006666,1500000001',
  AIGC_HTTP_AUTH: 'keys',
  AIGC_API_KEYS: `app:full:${sha256('example-key')}`,
  AIGC_CACHE_SECONDS: '0',
  AIGC_REVEAL: 'true',
  // Long enough for a busy machine, short enough for the faults that last.
  AIGC_TIMEOUT_MS: '2500',
}
const running: FunctionProcess[] = []
afterAll(() => Promise.all(running.map((one) => one.close())))

function start(changes: Record<string, string> = {}): FunctionProcess {
  const started = startFunction('list-tokens', { ...environment, ...changes })
  running.push(started)
  return started
}

interface Reply {
  statusCode: number
  headers?: Record<string, string>
  multiValueHeaders?: Record<string, string[]>
  body: string
}

async function request(
  fn: FunctionProcess,
  event: unknown,
): Promise<Reply & { json: Record<string, unknown> }> {
  const { result, error } = await fn.invoke(event)
  expect(error).toBeUndefined()
  const reply = result as Reply
  const { rawPath, path = rawPath } = event as { rawPath?: string; path?: string }
  const several = Object.entries(reply.multiValueHeaders ?? {}).map(([name, [value = '']]) => [name, value])
  const headers = { ...reply.headers, ...Object.fromEntries(several) }
  const route = matchRoute(path ?? '', { stage: 'prod', basePath: '', matched: null })?.route.path ?? null
  expectConforming(route, 'GET', { status: reply.statusCode, headers, body: reply.body })
  return { ...reply, json: JSON.parse(reply.body) }
}

describe('list-tokens', () => {
  it.each(requests)('answers %s', async (name) => {
    const event = withoutQuery(name)
    const { statusCode, json, headers, multiValueHeaders } = await request(start(), event)
    expect(statusCode).toBe(200)
    expect(json['ApiTokens']).toHaveLength(2)
    expect(headers?.['x-request-id'] ?? multiValueHeaders?.['x-request-id']?.[0]).toBe('aws-1')
  })

  it('runs by hand: fingerprints, or the tokens when asked to reveal them', async () => {
    const fn = start()
    const masked = {
      SubAppId: 251006666,
      Fingerprint: tokens.map(fingerprint).sort()[0],
      Fingerprints: tokens.map(fingerprint).sort(),
      RequestId: expect.any(String),
      ObservedAt: expect.any(String),
      Stale: false,
    }
    expect((await fn.invoke({})).result).toEqual(masked)
    expect((await fn.invoke(null, { scf: true, exportName: 'main_handler' })).result).toEqual(masked)
    expect((await fn.invoke({ SubAppId: 1500000001 })).result).toMatchObject({
      SubAppId: 1500000001,
      Fingerprints: [],
    })
    expect((await fn.invoke({ Reveal: true })).result).toMatchObject({
      ApiToken: expect.any(String),
      ApiTokens: [...tokens].sort(),
    })
    expect(fn.log().map(({ invocation, revealed }) => [invocation, revealed])).toEqual([
      ['aws-1', false],
      ['scf-2', false],
      ['aws-3', false],
      ['aws-4', true],
    ])
  })

  it('reports every wrong setting at once, over HTTP without a detail', async () => {
    const fn = start({
      AIGC_SITE: 'eu',
      AIGC_TIMEOUT_MS: 'x',
      AIGC_NO: '1',
      AIGC_MIN_KEEP: '2',
      AIGC_LOG_LEVEL: 'all',
    })
    const { error } = await fn.invoke({})
    expect(error?.name).toBe('ConfigInvalid')
    expect(error?.message.split('\n- ')).toHaveLength(6)
    const { statusCode, json, body } = await request(fn, recorded('rest-api.json'))
    expect([statusCode, json['code']]).toEqual([500, 'ConfigInvalid'])
    expect(body).not.toContain('AIGC_')
  })

  // Again, because on a machine that stalls for a second the last of several attempts has another end.
  it.each(failures)(
    'answers $name with $status and $code, until it is over',
    { retry: 2 },
    async ({ fault, status, code }) => {
      const fn = start()
      simulator.fail(fault, Number.POSITIVE_INFINITY)
      const { statusCode, json, headers } = await request(fn, recorded('http-api-v2.json'))
      expect([statusCode, json['code']]).toEqual([status, code])
      expect(headers?.['content-type']).toBe('application/problem+json')
      expect(headers?.['retry-after']).toBe(status === 503 ? '5' : undefined)
      expect(fn.log().at(-1)).toMatchObject({ level: 'error', status, code, durationMs: expect.any(Number) })
      simulator.clearFaults()
      const healed = async (): Promise<boolean> =>
        (await request(fn, recorded('http-api-v2.json'))).statusCode === 200
      while (!(await healed())) await new Promise((resolve) => setTimeout(resolve, 200))
    },
  )

  it.each<Fault>([{ kind: 'throttle' }, { kind: 'reset' }])('gets over one $kind', async (fault) => {
    simulator.fail(fault)
    // After being throttled, an instance that has nothing else to serve asks again in one to five seconds.
    const fn = start({ AIGC_TIMEOUT_MS: '10000' })
    expect((await request(fn, recorded('http-api-v2.json'))).statusCode).toBe(200)
    expect(simulator.calls).toHaveLength(2)
  })

  it("ends before the function's own time limit, and leaves no timer", async () => {
    simulator.fail({ kind: 'hang' }, Number.POSITIVE_INFINITY)
    const { error, timers } = await start({ AIGC_TIMEOUT_MS: '60000' }).invoke({}, { limitMs: 2500 })
    expect(error?.name).toBe('ClientError.Timeout')
    expect(timers).toEqual([])
  })

  it('logs one line per outcome; on Lambda it is a metric too', async () => {
    const fn = start({ AWS_LAMBDA_FUNCTION_NAME: 'list' })
    await request(fn, recorded('http-api-v2.json'))
    expect(fn.log()).toEqual([
      {
        level: 'info',
        event: 'list-tokens',
        timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
        invocation: 'aws-1',
        durationMs: expect.any(Number),
        trigger: 'http-api-v2',
        outcome: 'served',
        reason: null,
        good: 1,
        listed: 2,
        status: 200,
        route: '/tokens',
        caller: 'app',
        subAppId: 251006666,
        fingerprints: expect.arrayContaining(tokens.map(fingerprint)),
        upstream: true,
        staleBecause: null,
        _aws: {
          Timestamp: expect.any(Number),
          CloudWatchMetrics: [
            {
              Namespace: 'VodAigcTokens',
              Dimensions: [['FunctionName']],
              Metrics: [
                { Name: 'Requests', Unit: 'Count' },
                { Name: 'UpstreamCalls', Unit: 'Count' },
                { Name: 'UpstreamMs', Unit: 'Milliseconds' },
                { Name: 'StaleServed', Unit: 'Count' },
              ],
            },
          ],
        },
        FunctionName: 'list',
        Requests: 1,
        UpstreamCalls: 1,
        UpstreamMs: expect.any(Number),
        StaleServed: 0,
      },
    ])
  })
})

describe('list-tokens while Tencent fails', () => {
  const http = getEvent('/tokens', { authorization: 'Bearer example-key' })
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'list-test-'))
    writeFileSync(join(folder, '251006666'), mirrored(['mirrored-token-1'], { SubAppId: 251006666 }))
    writeFileSync(join(folder, '1500000001'), mirrored(['mirrored-token-2'], { SubAppId: 1500000001 }))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const outages = failures.filter(({ mayBeHidden }) => mayBeHidden)
  const refusals = failures.filter(({ mayBeHidden }) => !mayBeHidden)

  it.each(outages)('serves the last list, marked, for $name', async ({ fault }) => {
    const fn = start()
    const before = await request(fn, http)
    simulator.fail(fault, Number.POSITIVE_INFINITY)
    const { statusCode, json, headers } = await request(fn, http)
    expect(statusCode).toBe(200)
    expect(json).toMatchObject({ Stale: true, ObservedAt: before.json['ObservedAt'] })
    expect(headers).toMatchObject({ warning: '110 - "Response is Stale"', etag: before.headers?.['etag'] })
    expect(Number(headers?.['age'])).toBeGreaterThanOrEqual(0)
    expect(fn.log().at(-1)).toMatchObject({
      level: 'warn',
      status: 200,
      staleBecause: expect.any(String),
      durationMs: expect.any(Number),
    })
    simulator.clearFaults()
    expect((await fn.invoke({})).result).toMatchObject({ SubAppId: 251006666 })
  })

  it.each(outages)('serves the mirrored document, marked, when it is cold, for $name', async ({ fault }) => {
    simulator.fail(fault, Number.POSITIVE_INFINITY)
    const fn = start({ AIGC_FALLBACK: `file:${folder}/{SubAppId}` })
    const { statusCode, json, headers } = await request(fn, http)
    expect([statusCode, json['ApiTokens'], json['Stale'], json['RequestId']]).toEqual([
      200,
      ['mirrored-token-1'],
      true,
      null,
    ])
    expect(headers).toHaveProperty('warning')
    const other = { ...http, rawPath: '/sub-apps/1500000001/tokens' }
    expect((await request(fn, other)).json).toMatchObject({
      SubAppId: 1500000001,
      ApiTokens: ['mirrored-token-2'],
    })
  })

  it('gives out no token that AIGC_EXCLUDE names, of Tencent or of the mirrored document', async () => {
    const [leaked = '', other = ''] = tokens
    writeFileSync(join(folder, 'exclude-251006666'), mirrored([leaked, other], { SubAppId: 251006666 }))
    const fn = start({
      AIGC_FALLBACK: `file:${folder}/exclude-{SubAppId}`,
      AIGC_EXCLUDE: fingerprint(leaked),
      AIGC_STALE_SECONDS: '0',
    })
    const asked = await request(fn, http)
    simulator.fail({ kind: 'throttle' }, Number.POSITIVE_INFINITY)
    const fallenBack = await request(fn, http)
    expect(
      [asked, fallenBack].map(({ json }) => [json['ApiToken'], json['ApiTokens'], json['Stale']]),
    ).toEqual([
      [other, [other], false],
      [other, [other], true],
    ])
  })

  it.each(refusals)('shows $name, whatever it could serve instead', async ({ fault, status, code }) => {
    const fn = start({ AIGC_FALLBACK: `file:${folder}/{SubAppId}` })
    await request(fn, http)
    simulator.fail(fault, Number.POSITIVE_INFINITY)
    const { statusCode, json } = await request(fn, http)
    expect([statusCode, json['code']]).toEqual([status, code])
  })

  it('asks nothing for a while after it was throttled', async () => {
    const fn = start({ AIGC_TIMEOUT_MS: '10000' })
    await request(fn, http)
    simulator.fail({ kind: 'throttle' }, Number.POSITIVE_INFINITY)
    const backOffUntil = Date.now() + 1000
    expect((await request(fn, http)).json['Stale']).toBe(true)
    for (let i = 0; i < 10; i++) {
      const { json } = await request(fn, http)
      if (Date.now() >= backOffUntil) break
      expect([json['Stale'], simulator.calls.length]).toEqual([true, 2])
    }
  })

  it('asks once for 500 requests at the same time', async () => {
    const fn = start({ AIGC_CACHE_SECONDS: '300' })
    const answers = await Promise.all(Array.from({ length: 500 }, () => fn.invoke(http)))
    expect(new Set(answers.map(({ result }) => (result as { statusCode: number }).statusCode))).toEqual(
      new Set([200]),
    )
    expect(simulator.calls).toHaveLength(1)
  })

  it('never sends more than 20 calls in a second, however many applications are asked for', async () => {
    const ids = Array.from({ length: 50 }, (_, i) => 1500000100 + i)
    const many = await startTencentSimulator({ applications: ids.map((subAppId) => ({ subAppId })) })
    const fn = start({
      AIGC_SUB_APP_IDS: ids.join(),
      AIGC_VOD_ENDPOINT: many.url,
      AIGC_TIMEOUT_MS: '10000',
      AIGC_LOG_LEVEL: 'debug',
    })
    const answers = await Promise.all(
      ids.map((id) => request(fn, { ...http, rawPath: `/sub-apps/${id}/tokens` })),
    )
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
    const calls = fn.log().filter(({ event }) => event === 'tencent-call')
    const sent = calls.map(({ time, durationMs }) => Date.parse(time as string) - (durationMs as number))
    expect(sent.length).toBeGreaterThanOrEqual(50)
    for (const at of sent)
      expect(sent.filter((other) => other >= at && other < at + 1000).length).toBeLessThanOrEqual(20)
    await many.close()
  })

  it('answers 503 for what would have to wait beyond its time', async () => {
    const ids = Array.from({ length: 60 }, (_, i) => 1500000100 + i)
    const many = await startTencentSimulator({ applications: ids.map((subAppId) => ({ subAppId })) })
    const fn = start({ AIGC_SUB_APP_IDS: ids.join(), AIGC_VOD_ENDPOINT: many.url, AIGC_TIMEOUT_MS: '900' })
    const answers = await Promise.all(
      ids.map((id) => request(fn, { ...http, rawPath: `/sub-apps/${id}/tokens` })),
    )
    const refused = answers.filter(({ statusCode }) => statusCode === 503)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]).toMatchObject({
      json: { code: 'ClientError.RateLimited' },
      headers: { 'retry-after': '5' },
    })
    await many.close()
  })
})

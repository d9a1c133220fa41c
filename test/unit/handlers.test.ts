/**
 * The handlers in this process, with an environment of their own, the simulator and files: what a bundle shows from
 * outside is in list-tokens.test.ts and mirror-tokens.test.ts; here each line of `handlers/` has to matter.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { fingerprint } from '../../lib/digest.ts'
import type { FunctionName } from '../../scripts/build.ts'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { startAwsSts } from '../support/aws-sts.ts'
import { mirrored } from '../support/documents.ts'
import {
  getEvent,
  pings,
  recorded,
  refused,
  requests,
  schedules,
  withoutQuery,
} from '../support/recorded-events.ts'
import { sha256 } from '../support/sha256.ts'

const [app, other] = [251006666, 251007777]
const canary = 'CANARY-token-0004'
const lines: string[] = []
vi.mock('../../handlers/stdout.ts', () => ({ writeToStdout: (line: string) => void lines.push(line) }))

let simulator: TencentSimulator
let folder: string
let files = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'handlers-'))
})
beforeEach(async () => {
  simulator = await startTencentSimulator({
    applications: [
      { subAppId: app, tokens: [canary, 'CANARY-token-b'] },
      { subAppId: other, tokens: ['CANARY-token-other'] },
    ],
    lagMs: 0,
  })
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.resetModules()
  lines.length = 0
  await simulator.close()
})
afterAll(() => rmSync(folder, { recursive: true }))

const key = 'CANARY-api-key-0006'
type Handler = (event: unknown, context?: unknown) => Promise<unknown>

/** A cold start of one function with these settings. */
async function load(name: FunctionName, settings: Record<string, string> = {}): Promise<Handler> {
  const environment: Record<string, string> = {
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SUB_APP_IDS: `${app},${other}`,
    AIGC_SETTLE_SECONDS: '0',
    ...settings,
  }
  for (const [variable, value] of Object.entries(environment)) vi.stubEnv(variable, value)
  const modules = {
    'list-tokens': () => import('../../handlers/list-tokens.ts'),
    'mirror-tokens': () => import('../../handlers/mirror-tokens.ts'),
    'rotate-tokens': () => import('../../handlers/rotate-tokens.ts'),
  }
  const module = await modules[name]()
  expect(module.main_handler).toBe(module.handler)
  return module.handler
}

const log = (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line))
const context = (ms = 30_000) => ({ awsRequestId: 'invocation-1', getRemainingTimeInMillis: () => ms })
const keys = (): Record<string, string> => ({
  AIGC_HTTP_AUTH: 'keys',
  AIGC_API_KEYS: `app:full:${sha256(key)}`,
})
const bearer = { authorization: `Bearer ${key}` }
const path = (): string => join(folder, `${files++}-{SubAppId}`)

describe('rotate-tokens', () => {
  it('counts on Lambda what went on and what failed, and no slip of the hand', async () => {
    const handler = await load('rotate-tokens', {
      AWS_LAMBDA_FUNCTION_NAME: 'fn',
      AIGC_MIRROR_TARGETS: `file:${path()}`,
      AIGC_ROTATION_STATE: `file:${path()}`,
    })
    const count = async (event: object): Promise<Record<string, unknown>> => {
      await handler(event, context()).catch(() => {})
      const { RotationSuccess, RotationFailure, RotationHeld, RotationStuck, TokensDeleted } =
        log().at(-1) ?? {}
      return { RotationSuccess, RotationFailure, RotationHeld, RotationStuck, TokensDeleted }
    }
    const none = { RotationHeld: 0, RotationStuck: 0, TokensDeleted: 0 }
    expect(await count({})).toEqual({ RotationSuccess: 1, RotationFailure: 0, ...none })
    // Nothing is mirrored yet, so it is refused to whoever asks, and that is no failure.
    expect(await count({ Now: true })).toEqual({ RotationSuccess: 0, RotationFailure: 0, ...none })
    simulator.fail({ kind: 'error', code: 'AuthFailure.UnauthorizedOperation' }, Number.POSITIVE_INFINITY)
    expect(await count({})).toEqual({ RotationSuccess: 0, RotationFailure: 1, ...none })
    // A schedule may have sent it.
    expect(await count({ Nonsense: 1 })).toMatchObject({ RotationSuccess: 0, RotationFailure: 1 })
    for (const event of [{ DryRun: true }, { Now: true, Abort: true }, { Adopt: canary, SubAppId: app }])
      expect(Object.values(await count(event))).toEqual(Array(5).fill(undefined))
    expect(lines.join()).not.toContain('CANARY')
  })

  it('goes on, is aborted, and says each step', async () => {
    const at = path()
    const settings = {
      AIGC_MIRROR_TARGETS: `file:${at}`,
      AIGC_ROTATION_STATE: `file:${path()}`,
    }
    await (await load('mirror-tokens', settings))({}, context())
    const handler = await load('rotate-tokens', settings)
    const run = async (event: object): Promise<unknown> => {
      const result = await handler({ SubAppId: app, ...event }, context())
      const { level, trigger, outcome, dryRun, created, deleted, held, waiting, good, results } =
        log().at(-1) ?? {}
      expect((result as { Results: object[] }).Results).toEqual(results)
      return { level, trigger, outcome, dryRun, created, deleted, held, waiting, good }
    }
    const line = { level: 'info', trigger: 'manual', dryRun: 0, created: 0, deleted: 0, held: 0, good: 1 }
    expect(await run({ DryRun: true })).toMatchObject({ ...line, dryRun: 1 })
    expect(await run({ Now: true })).toMatchObject({ ...line, created: 1 })
    expect(simulator.vod.list(app)).toHaveLength(3)
    expect(await run({})).toMatchObject(line)
    await expect(handler({ Rollback: true, SubAppId: app }, context())).rejects.toThrow('"Abort":true')
    expect(log().at(-1)).toMatchObject({
      level: 'error',
      good: 0,
      message: expect.stringMatching(/^Rotating: 1 of 1 /),
    })
    expect(await run({ Abort: true })).toMatchObject(line)
    const [left = ''] = simulator.vod.list(app).filter((token) => !token.startsWith('CANARY'))
    await expect(handler({ Retire: fingerprint(left), SubAppId: app }, context())).rejects.toThrow(
      'AIGC_ROTATION_MAY_DELETE is not true',
    )
    expect(lines.join()).not.toContain('CANARY')
    expect(lines.join()).not.toContain(left)
  })

  it.each<[object, string]>([
    [{ Now: true, Abort: true }, '"Now" and "Abort" exclude each other'],
    [{ Rollback: true, Adopt: fingerprint(canary) }, '"Rollback" and "Adopt" exclude each other'],
    [{ Abort: true, Retire: fingerprint(canary) }, '"Abort" and "Retire" exclude each other'],
    [{ Confirm: '0'.repeat(64) }, '"Confirm" confirms a "Retire"'],
    [
      { DryRun: true, Retire: fingerprint(canary), Confirm: '0'.repeat(64) },
      '"DryRun" and "Confirm" exclude each other',
    ],
    [{ Retire: canary }, 'rotate-tokens: "Retire" must be the fingerprint'],
    [{ Adopt: canary }, 'rotate-tokens: "Adopt" must be the fingerprint'],
    [
      { Retire: fingerprint(canary), Confirm: 'x' },
      'rotate-tokens: "Confirm" must be the Digest of a plan, which has 64 hex digits; run {"Retire":"FINGERPRINT"}',
    ],
    [{ Abort: true }, '"Abort" needs "SubAppId" beside it'],
    [{ Rollback: true }, '"Rollback" needs "SubAppId" beside it'],
    [{ Adopt: fingerprint(canary) }, '"Adopt" needs "SubAppId" beside it'],
    [{ SubAppId: 1 }, 'not one of AIGC_SUB_APP_IDS'],
    [{ Now: 'yes' }, '"Now" must be true or false'],
    [{ Adopt: 1 }, '"Adopt" must be a string'],
  ])('refuses %j', async (event, what) => {
    const handler = await load('rotate-tokens', {
      AIGC_MIRROR_TARGETS: `file:${path()}`,
      AIGC_ROTATION_STATE: `file:${path()}`,
    })
    await expect(handler(event, context())).rejects.toThrow(what)
    expect(lines.join()).not.toContain('CANARY')
  })

  it('needs a place for its record', async () => {
    const handler = await load('rotate-tokens', { AIGC_MIRROR_TARGETS: `file:${path()}` })
    await expect(handler({}, context())).rejects.toThrow(
      'AIGC_ROTATION_STATE must name where the record is kept',
    )
  })

  it.each(requests)('refuses %s, and says what it takes', async (file) => {
    const handler = await load('rotate-tokens')
    await expect(handler(recorded(file), context())).rejects.toThrow(
      'this function takes schedules, and runs by hand such as {"DryRun":true}',
    )
  })

  it.each(pings)('does nothing for %s', async (file) => {
    expect(await (await load('rotate-tokens'))(recorded(file), context())).toBeNull()
  })
})

describe('list-tokens', () => {
  it('reveals nothing by default, and what is asked for by name', async () => {
    const handler = await load('list-tokens', { AIGC_REVEAL: 'true' })
    const fingerprints = [canary, 'CANARY-token-b'].map(fingerprint)
    for (const event of [{}, null, { Reveal: false }, { SubAppId: app }]) {
      const result = (await handler(event, context())) as { Fingerprints: string[] }
      expect(result).not.toHaveProperty('ApiTokens')
      expect(new Set(result.Fingerprints)).toEqual(new Set(fingerprints))
    }
    expect(await handler({ SubAppId: other, Reveal: true }, context())).toMatchObject({
      SubAppId: other,
      ApiTokens: ['CANARY-token-other'],
    })
    expect(lines.join()).not.toContain('CANARY')
    expect(log().map(({ revealed }) => revealed)).toEqual([false, false, false, false, true])
    // Metrics are for Lambda.
    expect(log()[0]).not.toHaveProperty('_aws')
    expect(log()[0]).toMatchObject({
      level: 'info',
      event: 'list-tokens',
      trigger: 'manual',
      invocation: 'invocation-1',
      subAppId: app,
      staleBecause: null,
    })
    expect(new Set(log()[0]?.['fingerprints'] as string[])).toEqual(new Set(fingerprints))
  })

  it('asks again when told to, and not otherwise', async () => {
    const handler = await load('list-tokens')
    for (const event of [{}, {}, { Refresh: false }]) await handler(event, context())
    expect(simulator.calls).toHaveLength(1)
    await new Promise((resolve) => setTimeout(resolve, 1_050))
    await handler({}, context())
    expect(simulator.calls).toHaveLength(1)
    await handler({ Refresh: true }, context())
    expect(simulator.calls).toHaveLength(2)
  })

  it('says on Lambda how much was asked, and of whom', async () => {
    const handler = await load('list-tokens', { AWS_LAMBDA_FUNCTION_NAME: 'fn', ...keys() })
    await handler({}, context())
    const reply = (await handler(getEvent('/tokens', bearer), context())) as { body: string }
    expect(JSON.parse(reply.body)).toMatchObject({ ApiTokens: expect.arrayContaining([canary]) })
    await handler({ SubAppId: 1 }, context()).catch(() => {})
    const [first, second, third] = log()
    expect(first).toMatchObject({ Requests: 1, UpstreamCalls: 1, StaleServed: 0, FunctionName: 'fn' })
    expect(Number(first?.['UpstreamMs'])).toBeGreaterThan(0)
    expect(second).toMatchObject({
      Requests: 1,
      UpstreamCalls: 0,
      UpstreamMs: 0,
      StaleServed: 0,
      level: 'info',
      trigger: 'http-api-v2',
      caller: 'app',
      status: 200,
      upstream: false,
    })
    expect(second).not.toHaveProperty('code')
    expect(third).toMatchObject({ Requests: 1, StaleServed: 0, level: 'error', code: 'SubAppNotFound' })
  })

  it('serves an old list while Tencent fails, and says so', async () => {
    const settings = { AIGC_CACHE_SECONDS: '0', AIGC_TIMEOUT_MS: '1200', AWS_LAMBDA_FUNCTION_NAME: 'fn' }
    const handler = await load('list-tokens', { ...settings, ...keys() })
    await handler({}, context())
    simulator.fail({ kind: 'error', code: 'InternalError' }, Number.POSITIVE_INFINITY)
    expect(await handler({}, context())).toMatchObject({ Stale: true })
    expect(await handler(getEvent('/tokens', bearer), context())).toMatchObject({
      statusCode: 200,
      headers: { warning: '110 - "Response is Stale"', 'x-request-id': 'invocation-1' },
    })
    expect(log().slice(1)).toMatchObject([
      { level: 'info', StaleServed: 1, staleBecause: 'InternalError' },
      { level: 'warn', StaleServed: 1, staleBecause: 'InternalError', route: '/tokens', subAppId: app },
    ])
  })

  it('gives each application its own fallback, and says what came of it', async () => {
    const at = path()
    writeFileSync(at.replace('{SubAppId}', `${app}`), mirrored(['CANARY-mirrored-a'], { SubAppId: app }))
    writeFileSync(at.replace('{SubAppId}', `${other}`), mirrored(['CANARY-mirrored-b'], { SubAppId: other }))
    const handler = await load('list-tokens', {
      AIGC_FALLBACK: `file:${at}`,
      AIGC_TIMEOUT_MS: '1200',
      AIGC_REVEAL: 'true',
    })
    simulator.fail({ kind: 'error', code: 'InternalError' }, Number.POSITIVE_INFINITY)
    for (const [SubAppId, token] of [
      [app, 'CANARY-mirrored-a'],
      [other, 'CANARY-mirrored-b'],
    ])
      expect(await handler({ SubAppId, Reveal: true }, context())).toMatchObject({
        SubAppId,
        ApiTokens: [token],
        Stale: true,
      })
  })

  it('logs why a fallback could not be served, and throws Tencent’s failure', async () => {
    const handler = await load('list-tokens', {
      AIGC_FALLBACK: `file:${path()}`,
      AIGC_TIMEOUT_MS: '1200',
    })
    simulator.fail({ kind: 'error', code: 'InternalError' }, Number.POSITIVE_INFINITY)
    await expect(handler({}, context())).rejects.toMatchObject({ name: 'InternalError' })
    expect(log()).toMatchObject([
      { level: 'warn', event: 'fallback-failed', subAppId: app, code: 'NotMirrored' },
      { level: 'error', event: 'list-tokens', code: 'InternalError', attempts: expect.any(Number) },
    ])
  })

  it('speaks of no fallback where there is none', async () => {
    const handler = await load('list-tokens', { AIGC_TIMEOUT_MS: '300' })
    simulator.fail({ kind: 'error', code: 'InternalError' }, Number.POSITIVE_INFINITY)
    await expect(handler({}, context())).rejects.toMatchObject({ name: 'InternalError' })
    expect(log()).toMatchObject([{ event: 'list-tokens', code: 'InternalError' }])
  })

  it('reads the mirror alone where that is the source, without a key of Tencent', async () => {
    const at = path()
    writeFileSync(at.replace('{SubAppId}', `${app}`), mirrored(['CANARY-mirrored-a'], { SubAppId: app }))
    const none = { AIGC_SECRET_ID: '', AIGC_SECRET_KEY: '' }
    const handler = await load('list-tokens', {
      ...none,
      AIGC_SOURCE: 'mirror',
      AIGC_FALLBACK: `file:${at}`,
      AIGC_REVEAL: 'true',
    })
    expect(await handler({ Reveal: true }, context())).toMatchObject({
      ApiTokens: ['CANARY-mirrored-a'],
      Stale: false,
    })
    expect(simulator.calls).toEqual([])
    await expect(handler({ SubAppId: other }, context())).rejects.toMatchObject({ name: 'NotMirrored' })
    expect(lines.join()).not.toContain('CANARY')
  })

  it.each(schedules)('refuses %s, and says what it takes', async (file) => {
    const handler = await load('list-tokens')
    const words = 'takes HTTP requests, and runs by hand such as {}; put the schedule on mirror-tokens'
    await expect(handler(recorded(file), context())).rejects.toThrow(words)
    expect(log()).toMatchObject([{ level: 'error', event: 'list-tokens', code: 'InputInvalid' }])
    expect(simulator.calls).toEqual([])
  })

  it('refuses an HTTP request in which the settings are wrong', async () => {
    const handler = await load('list-tokens')
    expect(await handler(getEvent('/tokens'), context())).toMatchObject({ statusCode: 500 })
    expect(await handler(getEvent('/healthz'), null)).toMatchObject({
      statusCode: 200,
      headers: { 'x-request-id': 'aB1cDeFgIAMEJHg=' },
    })
    expect(log().map(({ level }) => level)).toEqual(['error', 'info'])
  })

  it('says what a run by hand takes', async () => {
    const handler = await load('list-tokens')
    for (const [event, what] of [
      [
        { SubAppID: 1 },
        '"SubAppID" is not a known field; this function takes "SubAppId" (a whole number), "Reveal" (true or false), "Refresh" (true or false)',
      ],
      [{ SubAppId: 'x' }, '"SubAppId" must be a whole number'],
      [{ SubAppId: 5 }, 'not one of AIGC_SUB_APP_IDS'],
      [{ Reveal: 'yes' }, '"Reveal" must be true or false'],
      [{ Refresh: 1 }, '"Refresh" must be true or false'],
    ] as const)
      await expect(handler(event, context())).rejects.toThrow(what)
    expect(simulator.calls).toEqual([])
  })

  it('takes the base path off, and answers /healthz behind it while other settings are wrong', async () => {
    const handler = await load('list-tokens', { ...keys(), AIGC_BASE_PATH: '/aigc', AIGC_SITE: 'eu' })
    const statusOf = async (path: string): Promise<unknown> =>
      ((await handler(getEvent(path, bearer), context())) as { statusCode: number }).statusCode
    expect([await statusOf('/aigc/healthz'), await statusOf('/aigc/tokens')]).toEqual([200, 500])
    vi.resetModules()
    const good = await load('list-tokens', { ...keys(), AIGC_BASE_PATH: '/aigc', AIGC_SITE: '' })
    expect(await good(getEvent('/aigc/tokens', bearer), context())).toMatchObject({ statusCode: 200 })
  })

  it('takes secrets out of what a caller is told, and leaves what it asked for', async () => {
    simulator.vod.create(app, 'InputInvalid')
    simulator.vod.create(app, 'SecretCode')
    const settings = { AIGC_CACHE_SECONDS: '0', AIGC_STALE_SECONDS: '0', AIGC_LOG_LEVEL: 'debug', ...keys() }
    const handler = await load('list-tokens', settings)
    const ask = async (event: object) =>
      (await handler(event, context())) as { statusCode: number; body: string }
    const good = await ask(getEvent('/tokens', bearer))
    expect(JSON.parse(good.body).ApiTokens).toContain('SecretCode')
    const slip = await ask({
      ...getEvent('/tokens', bearer),
      rawQueryString: 'x=1',
      queryStringParameters: { x: '1' },
    })
    expect([slip.statusCode, JSON.parse(slip.body).code]).toEqual([400, '***'])
    simulator.fail({ kind: 'error', code: 'SecretCode' }, Number.POSITIVE_INFINITY)
    const failed = await ask(getEvent('/tokens', bearer))
    expect([failed.statusCode, JSON.parse(failed.body).code]).toEqual([502, '***'])
    // With every call of Tencent's and every choice of credentials, which only this level shows.
    expect(log().map(({ event, level, code }) => [event, level, code])).toEqual([
      ['credentials', 'debug', undefined],
      ['tencent-call', 'debug', null],
      ['list-tokens', 'info', undefined],
      ['list-tokens', 'warn', '***'],
      ['tencent-call', 'debug', '***'],
      ['list-tokens', 'error', '***'],
    ])
    expect(log()[0]).toMatchObject({ source: 'fixed', passedOver: expect.arrayContaining([]) })
    expect(log()[1]).toMatchObject({ action: 'DescribeAigcApiTokens', number: 1 })
  })

  it('logs a caller that is turned away as a warning', async () => {
    const handler = await load('list-tokens', keys())
    expect(await handler(getEvent('/tokens', { authorization: 'Bearer x' }), context())).toMatchObject({
      statusCode: 401,
    })
    expect(log()).toMatchObject([{ level: 'warn', code: 'Unauthenticated', status: 401, upstream: false }])
  })

  it.each([
    [{ TENCENTCLOUD_RUNENV: 'SCF' }, 200],
    [{ TENCENTCLOUD_RUNENV: 'SCF', AWS_LAMBDA_FUNCTION_NAME: 'fn' }, 401],
    [{ AWS_LAMBDA_FUNCTION_NAME: 'fn' }, 401],
    [{ TENCENTCLOUD_RUNENV: 'scf' }, 401],
    [{}, 401],
  ])('takes the word of the platform with %j: %d', async (environment, status) => {
    const handler = await load('list-tokens', { AIGC_HTTP_AUTH: 'platform', ...environment })
    const event = { httpMethod: 'GET', path: '/tokens/fingerprints', headers: {}, queryString: {} }
    expect(await handler(event, context())).toMatchObject({ statusCode: status })
  })

  it('reveals nothing by hand without AIGC_REVEAL, which the refusal names with its reason', async () => {
    for (const AIGC_REVEAL of ['', 'false']) {
      const handler = await load('list-tokens', { AIGC_REVEAL })
      await expect(handler({ Reveal: true }, context())).rejects.toMatchObject({
        name: 'InputInvalid',
        message: expect.stringMatching(
          /"Reveal" needs the setting AIGC_REVEAL=true, because what a run by hand/,
        ),
      })
      vi.resetModules()
    }
    expect(simulator.calls).toEqual([])
  })

  it.each([
    ['scf-function-url.json', '', 501],
    ['scf-api-gateway.json', '', 501],
    ['scf-function-url.json', 'true', 200],
    ['scf-api-gateway.json', 'true', 200],
    ['http-api-v2.json', '', 200],
    ['rest-api.json', '', 200],
    ['alb.json', '', 200],
    ['lambda-url.json', '', 200],
  ])('answers tokens to %s with AIGC_REVEAL="%s" by %d', async (file, AIGC_REVEAL, status) => {
    const handler = await load('list-tokens', { ...keys(), AIGC_REVEAL })
    const { version } = recorded(file)
    const asked = (path: string) => ({
      ...withoutQuery(file),
      ...(version === '2.0' ? { rawPath: path, routeKey: '$default' } : { path }),
      multiValueHeaders: undefined,
      headers: bearer,
    })
    const reply = (await handler(asked('/tokens'), context())) as { statusCode: number; body: string }
    expect(reply.statusCode).toBe(status)
    if (status === 501) {
      expect(JSON.parse(reply.body)).toMatchObject({
        code: 'TokensWouldBeLogged',
        detail: expect.stringMatching(/run list-tokens as a web function, or set AIGC_REVEAL=true/),
      })
      expect(simulator.calls).toEqual([])
    }
    for (const path of ['/tokens/fingerprints', '/healthz'])
      expect(await handler(asked(path), context())).toMatchObject({ statusCode: 200 })
  })

  it('drops what Tencent sent in another number than tokens, and logs it', async () => {
    const handler = await load('list-tokens')
    simulator.fail({ kind: 'ext-infos-mismatch' })
    await handler({}, context())
    expect(log()[0]).toMatchObject({ level: 'warn', event: 'ext-infos-dropped', subAppId: app })
  })

  it('keeps half a second of the platform’s time to answer', async () => {
    const handler = await load('list-tokens')
    for (const given of [context(500), { time_limit_in_ms: 500 }])
      await expect(handler({}, given)).rejects.toMatchObject({ name: 'ClientError.Timeout' })
    // None of it was spent on asking.
    expect(simulator.calls).toEqual([])
    expect(log()).toMatchObject([{ attempts: 0 }, { attempts: 0 }])
    await handler({}, context())
    expect(simulator.calls).toHaveLength(1)
  })

  it.each([{ time_limit_in_ms: 0 }, { time_limit_in_ms: 'x' }, { time_limit_in_ms: null }, {}, null])(
    'answers where the platform sets no limit: %j',
    async (odd) => {
      const handler = await load('list-tokens')
      expect(await handler({}, odd)).toMatchObject({ SubAppId: app })
    },
  )

  it('says which invocation it was, as the platform names it', async () => {
    const handler = await load('list-tokens')
    const started = performance.now()
    const nameless = { ...getEvent('/healthz'), requestContext: { http: { method: 'GET' }, domainName: 'x' } }
    for (const given of [{ awsRequestId: 'a' }, { request_id: 'b' }, { awsRequestId: 7 }, {}]) {
      const { headers } = (await handler(nameless, given)) as { headers: object }
      const named = Object.entries(headers).filter(([name]) => name === 'x-request-id')
      expect(named).toEqual(Object.values(given).flatMap((id) => (id === 7 ? [] : [['x-request-id', id]])))
    }
    expect(log().map(({ invocation }) => invocation)).toEqual(['a', 'b', null, null])
    for (const { durationMs } of log())
      expect(durationMs).toBeLessThanOrEqual(Math.ceil(performance.now() - started))
  })

  it('turns to no fallback where there is none, or where that is the source', async () => {
    const settings = { AIGC_TIMEOUT_MS: '300' }
    simulator.fail({ kind: 'error', code: 'InternalError' }, Number.POSITIVE_INFINITY)
    const handler = await load('list-tokens', settings)
    await expect(handler({}, context())).rejects.toMatchObject({ name: 'InternalError' })
    vi.resetModules()
    const mirrored = await load('list-tokens', {
      ...settings,
      AIGC_SOURCE: 'mirror',
      AIGC_FALLBACK: 'file:/dev/null/{SubAppId}',
    })
    await expect(mirrored({}, context())).rejects.toThrow()
    expect(log().map(({ event }) => event)).toEqual(['list-tokens', 'list-tokens'])
  })

  it('never waits longer than AIGC_TIMEOUT_MS for a call, nor without a limit where no platform sets one', async () => {
    simulator.fail({ kind: 'hang' }, Number.POSITIVE_INFINITY)
    const handler = await load('list-tokens', { AIGC_TIMEOUT_MS: '300' })
    for (const odd of [context(), {}, null, { time_limit_in_ms: 0 }, { time_limit_in_ms: 'x' }])
      await expect(handler({}, odd)).rejects.toMatchObject({ name: 'ClientError.Timeout' })
  })
})

describe('mirror-tokens', () => {
  const targets = (at: string): Record<string, string> => ({
    AIGC_MIRROR_TARGETS: `file:${at}`,
    AWS_LAMBDA_FUNCTION_NAME: 'fn',
  })

  it('counts a run that left all in step as a success, with what it changed', async () => {
    const at = path()
    const handler = await load('mirror-tokens', targets(at))
    expect(await handler({ Type: 'Timer' }, context())).toMatchObject({
      Results: [{ Outcome: 'created' }, { Outcome: 'created' }],
    })
    expect(readFileSync(at.replace('{SubAppId}', `${other}`), 'utf8')).toContain('CANARY-token-other')
    simulator.vod.create(app, 'CANARY-token-c')
    simulator.vod.delete(app, canary)
    await handler({ SubAppId: app }, context())
    expect(log()).toMatchObject([
      {
        trigger: 'scf-timer',
        MirrorSuccess: 1,
        MirrorFailure: 0,
        MirrorHeld: 0,
        TokensAdded: 3,
        TokensRemoved: 0,
      },
      { trigger: 'manual', MirrorSuccess: 1, MirrorFailure: 0, TokensAdded: 1, TokensRemoved: 1 },
    ])
    expect(lines.join()).not.toContain('CANARY')
  })

  it('moves the pick when told to, and takes nothing else for that', async () => {
    const at = path()
    const handler = await load('mirror-tokens', targets(at))
    const pick = (): string => JSON.parse(readFileSync(at.replace('{SubAppId}', `${app}`), 'utf8')).ApiToken
    await handler({}, context())
    const [unused = ''] = simulator.vod.list(app).filter((token) => token !== pick())
    const Promote = fingerprint(unused)
    for (const [event, what] of [
      [{ Promote }, '"Promote" needs "SubAppId" beside it, because there are several applications'],
      [{ Promote, SubAppId: app, Confirm: '0'.repeat(64) }, '"Promote" and "Confirm" exclude each other'],
      [{ Promote: unused, SubAppId: app }, 'mirror-tokens: "Promote" must be the fingerprint of a token'],
      [{ Promote: 1, SubAppId: app }, '"Promote" must be a string'],
    ] as const)
      await expect(handler(event, context())).rejects.toThrow(what)
    await handler({ Promote, SubAppId: app }, context())
    expect(pick()).toBe(unused)
    expect(lines.join()).not.toContain('CANARY')
  })

  it('warns of what makes no target go wrong, and says it', async () => {
    const handler = await load('mirror-tokens', { ...targets(path()), AIGC_TOKEN_LIMIT: '1' })
    await handler({ SubAppId: app }, context())
    simulator.vod.delete(app, canary)
    await handler({ SubAppId: app }, context())
    expect(log()[0]).toMatchObject({ level: 'warn', note: expect.stringContaining('AIGC_TOKEN_LIMIT (1)') })
    expect(log()[1]).toMatchObject({ level: 'info', outcome: 'updated' })
    expect(log()[1]).not.toHaveProperty('note')
  })

  it('counts a run that held something as neither good nor failed, and throws the report', async () => {
    const at = path()
    writeFileSync(at.replace('{SubAppId}', `${app}`), mirrored(['1', '2', '3', '4', '5'], { SubAppId: app }))
    const handler = await load('mirror-tokens', targets(at))
    const error = await handler({}, context()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'MirrorIncomplete' })
    expect(log()).toMatchObject([
      {
        level: 'error',
        code: 'MirrorIncomplete',
        // The whole report is a field of its own.
        message: expect.stringMatching(/1 of 2 targets not in step[^{]+$/),
        results: [{ Outcome: 'held' }, { Outcome: 'created' }],
        outcome: 'held',
        reason: expect.stringMatching(/^file:.* \(held: the list has 2 tokens where 5 are held/),
        good: 0,
        listed: 3,
        held: 1,
        added: 3,
        removed: 0,
        dryRun: 0,
        MirrorSuccess: 0,
        MirrorFailure: 0,
        MirrorHeld: 1,
      },
    ])
    const { Digest } = JSON.parse(/\{"Digest".*\}/s.exec(String(error))?.[0] ?? '')
    await expect(handler({ Confirm: '0'.repeat(64) }, context())).rejects.toMatchObject({
      name: 'PlanChanged',
      message: expect.stringContaining('the tokens or the targets have changed since'),
    })
    expect(log()[1]).toMatchObject({ level: 'error', code: 'PlanChanged', outcome: 'failed', good: 0 })
    expect(log()[1]).not.toHaveProperty('MirrorFailure')
    // As it comes out of some consoles.
    await handler({ Confirm: ` ${Digest.toUpperCase()}\n` }, context())
    expect(readFileSync(at.replace('{SubAppId}', `${app}`), 'utf8')).toContain(canary)
  })

  const none = { AIGC_MIRROR_TARGETS: '', AWS_LAMBDA_FUNCTION_NAME: 'fn' }
  const timer = (Message: string): object => ({ ...recorded('scf-timer.json'), Message })

  it.each<[unknown, string]>([
    [{}, 'ConfigInvalid'],
    // The constant input of a schedule looks like this.
    [{ SubApp: 1 }, 'InputInvalid'],
    [{ dryrun: true }, 'InputInvalid'],
    [{ DryRun: 'yes' }, 'InputInvalid'],
    [{ DryRun: false, SubApp: 1 }, 'InputInvalid'],
    [{ Confirm: 5 }, 'InputInvalid'],
    ['run', 'InputInvalid'],
    [[], 'InputInvalid'],
    [timer('{"SubApp":1}'), 'InputInvalid'],
    [timer('{"DryRun":true,"Confirm":"x"}'), 'InputInvalid'],
    [timer('{DryRun}'), 'InputInvalid'],
    [{ ...recorded('eventbridge-scheduler.json'), detail: '{"SubApp":1}' }, 'InputInvalid'],
  ])('counts a run that may be a schedule’s as failed: %j', async (event, name) => {
    const handler = await load('mirror-tokens', none)
    await expect(handler(event, context())).rejects.toMatchObject({ name })
    expect(log()).toMatchObject([
      {
        level: 'error',
        trigger: expect.any(String),
        outcome: 'failed',
        good: 0,
        code: name,
        MirrorSuccess: 0,
        MirrorFailure: 1,
      },
    ])
  })

  it('counts an application that is not configured as a failed run', async () => {
    const handler = await load('mirror-tokens', targets(path()))
    for (const event of [{ SubAppId: 1 }, timer('{"SubAppId":1}')])
      await expect(handler(event, context())).rejects.toMatchObject({ name: 'SubAppNotFound' })
    for (const line of log()) expect(line).toMatchObject({ MirrorSuccess: 0, MirrorFailure: 1 })
  })

  it('does what the constant input of a timer says, and ignores a remark', async () => {
    const handler = await load('mirror-tokens', targets(path()))
    expect(await handler(timer('{"DryRun":true}'), context())).toMatchObject({
      Results: [{ Outcome: 'would-create' }, { Outcome: 'would-create' }],
    })
    expect(await handler(timer(`{"SubAppId":${other}}`), context())).toMatchObject({
      Results: [{ SubAppId: other, Outcome: 'created' }],
    })
    expect(await handler(timer('every five minutes'), context())).toMatchObject({
      Results: [{ Outcome: 'created' }, { Outcome: 'unchanged' }],
    })
    expect(log().map(({ trigger }) => trigger)).toEqual(Array(3).fill('scf-timer'))
  })

  it('counts a confirmation of another plan as failed only where a timer has it', async () => {
    const handler = await load('mirror-tokens', targets(path()))
    const Confirm = 'f'.repeat(64)
    for (const event of [{ Confirm }, timer(JSON.stringify({ Confirm }))])
      await expect(handler(event, context())).rejects.toMatchObject({ name: 'PlanChanged' })
    expect(log()[0]).not.toHaveProperty('MirrorFailure')
    expect(log()[1]).toMatchObject({ MirrorFailure: 1 })
  })

  it('says where the fields stood that it does not take', async () => {
    const handler = await load('mirror-tokens', none)
    await expect(handler({ SubApp: 1 }, context())).rejects.toThrow(
      'Reading the event, given by hand or as the input of a schedule: "SubApp" is not a known field',
    )
    await expect(handler(timer('{"SubApp":1}'), context())).rejects.toThrow(
      'Reading the input of the schedule (scf-timer): "SubApp" is not a known field',
    )
  })

  it('counts no slip of the hand as a failure of the mirror', async () => {
    const handler = await load('mirror-tokens', none)
    for (const file of requests)
      await expect(handler(recorded(file), context())).rejects.toThrow(
        'takes schedules, and runs by hand such as {}; send HTTP to list-tokens',
      )
    await expect(handler({ DryRun: true, Confirm: 'x' }, context())).rejects.toThrow('exclude each other')
    for (const file of refused)
      await expect(handler(recorded(file), context())).rejects.toThrow('VPC Lattice')
    await expect(handler({ DryRun: true, dryrun: 1 }, context())).rejects.toThrow('is not a known field')
    for (const name of [canary, 'CANARYofSeventeen', 'with space', ''])
      await expect(handler({ DryRun: true, [name]: 1 }, context())).rejects.toThrow(
        'it has one that is not a known field',
      )
    expect(log()).toHaveLength(6 + requests.length + refused.length)
    expect(lines.join()).not.toContain('CANARY')
    for (const line of log()) expect(line).not.toHaveProperty('MirrorFailure')
  })

  it('says what a run by hand takes, and what the settings lack', async () => {
    const handler = await load('mirror-tokens', { AIGC_MIRROR_TARGETS: '' })
    for (const [event, what] of [
      [
        { dryRun: true },
        '"dryRun" is not a known field; this function takes "SubAppId" (a whole number), "DryRun" (true or false), "Confirm" (a string)',
      ],
      [{ SubAppId: 'x' }, '"SubAppId" must be a whole number'],
      [{ DryRun: 'yes' }, '"DryRun" must be true or false'],
      [{ Confirm: true }, '"Confirm" must be a string'],
      ...['', canary, '0'.repeat(63), '0'.repeat(65), `${'0'.repeat(63)}x`].map(
        (Confirm) =>
          [
            { Confirm },
            '"Confirm" must be the Digest of a plan, which has 64 hex digits; run {"DryRun":true}, look at the plan',
          ] as const,
      ),
      [{}, 'AIGC_MIRROR_TARGETS must name at least one target'],
    ] as const)
      await expect(handler(event, context())).rejects.toThrow(what)
    expect(log().map(({ event }) => event)).toEqual(Array(10).fill('mirror-tokens'))
    expect(lines.join()).not.toContain('CANARY')
  })

  it('repeats a throttled call, because nobody has anything else', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    onTestFinished(() => void vi.restoreAllMocks())
    simulator.fail({ kind: 'error', code: 'RequestLimitExceeded' })
    const handler = await load('mirror-tokens', { ...targets(path()), AIGC_SUB_APP_IDS: `${app}` })
    expect(await handler({}, context())).toMatchObject({ Results: [{ Outcome: 'created' }] })
  })

  it('writes to Tencent’s store, in the region of the target or else of the settings', async () => {
    const handler = await load('mirror-tokens', {
      AIGC_MIRROR_TARGETS: 'tencent-ssm:a-{SubAppId},tencent-ssm:b-{SubAppId}?region=ap-guangzhou',
      AIGC_SSM_ENDPOINT: simulator.url,
      AIGC_SUB_APP_IDS: `${app}`,
    })
    expect(await handler({}, context())).toMatchObject({
      Results: [{ Outcome: 'created' }, { Outcome: 'created' }],
    })
    const regions = simulator.calls.flatMap(({ action, headers }) =>
      action === 'CreateSecret' ? [headers['x-tc-region']?.join()] : [],
    )
    expect(regions.sort()).toEqual(['ap-guangzhou', 'ap-singapore'])
  })

  it.each(['DescribeAigcApiTokens', 'DescribeSecret'])(
    'says once which credentials %s was refused for, however many targets that fails',
    async (action) => {
      const handler = await load('mirror-tokens', {
        AIGC_MIRROR_TARGETS: 'tencent-ssm:a-{SubAppId},tencent-ssm:b-{SubAppId}',
        AIGC_SSM_ENDPOINT: simulator.url,
      })
      const code = 'AuthFailure.SecretIdNotFound'
      simulator.fail({ kind: 'error', code }, Number.POSITIVE_INFINITY, action)
      const error = await handler({}, context()).catch((thrown: unknown) => thrown)
      const said = 'credentials used: fixed (AIGC_SECRET_ID); nothing else is set'
      expect(String(error).split(said)).toHaveLength(2)
      expect(lines.join().split(said)).toHaveLength(2)
      expect(log()).toMatchObject([
        {
          credentials: said,
          results: Array(4).fill({ Outcome: 'failed', Reason: expect.stringContaining(code) }),
        },
      ])
    },
  )

  it('plans in a dry run, and counts nothing', async () => {
    const at = path()
    const handler = await load('mirror-tokens', targets(at))
    expect(await handler({ DryRun: true }, context())).toMatchObject({
      Results: [{ Outcome: 'would-create' }, { Outcome: 'would-create' }],
    })
    expect(log()).toMatchObject([
      {
        dryRun: 1,
        results: [
          { SubAppId: app, Outcome: 'would-create' },
          { SubAppId: other, Outcome: 'would-create' },
        ],
        digest: expect.any(String),
      },
    ])
    expect(log()[0]).not.toHaveProperty('MirrorSuccess')
    expect(() => readFileSync(at.replace('{SubAppId}', `${app}`))).toThrow('ENOENT')
  })

  it('takes one application when told to, and none that is not configured', async () => {
    const handler = await load('mirror-tokens', targets(path()))
    expect(await handler({ SubAppId: other }, context())).toMatchObject({ Results: [{ SubAppId: other }] })
    await expect(handler({ SubAppId: 1 }, context())).rejects.toMatchObject({ name: 'SubAppNotFound' })
  })
})

describe.each(['list-tokens', 'mirror-tokens'] as const)('%s', (name) => {
  it.each(pings)('does nothing for %s, whatever its settings are, and counts nothing', async (file) => {
    const handler = await load(name, { AIGC_SITE: 'eu', AWS_LAMBDA_FUNCTION_NAME: 'fn' })
    expect(await handler(recorded(file), context())).toBeNull()
    expect(log()).toMatchObject([{ level: 'info', event: name, trigger: expect.stringContaining('warm') }])
    expect(log()[0]).not.toHaveProperty('_aws')
    expect(simulator.calls).toEqual([])
  })

  it.each(refused)('refuses %s by name', async (file) => {
    const handler = await load(name)
    await expect(handler(recorded(file), context())).rejects.toThrow('a request of VPC Lattice')
    expect(simulator.calls).toEqual([])
  })
})

describe('what the process has seen does not leave it', () => {
  const quoting = (...secrets: string[]) =>
    ({ kind: 'error', code: 'InvalidParameter', message: `it was ${secrets.join(' and ')}` }) as const
  const aws = {
    AWS_ACCESS_KEY_ID: 'CANARY-aws-id-0007',
    AWS_SECRET_ACCESS_KEY: 'CANARY-aws-key-0008',
    AWS_SESSION_TOKEN: 'CANARY-aws-session-0009',
  }

  it('tokens of a list, values of a store, keys of the environment', async () => {
    const at = path()
    writeFileSync(at.replace('{SubAppId}', `${app}`), mirrored(['CANARY-gone-a', canary], { SubAppId: app }))
    writeFileSync(at.replace('{SubAppId}', `${other}`), 'CANARY of somebody else, in some words')
    const handler = await load('mirror-tokens', { AIGC_MIRROR_TARGETS: `file:${at}`, ...aws })
    const seen = [canary, 'CANARY-gone-a', 'CANARY of somebody else, in some words', simulator.secretKey]
    await handler({}, context()).catch(() => {})
    vi.stubEnv('AWS_SESSION_TOKEN', ' CANARY-late-session ')
    simulator.fail(quoting(...seen, ...Object.values(aws), 'CANARY-late-session'), Number.POSITIVE_INFINITY)
    const error = (await handler({}, context()).catch((thrown: unknown) => thrown)) as Error
    for (const text of [error.message, error.stack ?? '', ...lines]) {
      expect(text).not.toContain('CANARY')
      expect(text).not.toContain(simulator.secretKey)
    }
    expect(error.message).toContain('it was ***')
  })

  it('tokens, whatever foreign values there are beside them', async () => {
    const at = path().replace('-{SubAppId}', '')
    const foreign = Array.from({ length: 10 }, (_, i) => `${at}-${i}`)
    for (const file of foreign) writeFileSync(file, randomBytes(650_000).toString('base64'))
    const targets = foreign.map((file) => `file:${file}`).join()
    const handler = await load('mirror-tokens', { AIGC_SUB_APP_IDS: `${app}`, AIGC_MIRROR_TARGETS: targets })
    await handler({}, context()).catch(() => {})
    simulator.fail(quoting(canary, simulator.secretKey), Number.POSITIVE_INFINITY)
    const error = (await handler({}, context()).catch((thrown: unknown) => thrown)) as Error
    expect(error.message + lines.join()).not.toContain('CANARY')
    expect(error.message + lines.join()).not.toContain(simulator.secretKey)
  })

  it.each([
    ['a foreign value of 40 KB', 'CANARY (.*+?^{}$|[]\\ '.repeat(2_000)],
    [
      'a document of 600 tokens',
      mirrored(
        Array.from({ length: 600 }, (_, i) => `CANARY-${i}-${'x'.repeat(50)}`),
        { SubAppId: app },
      ),
    ],
    ['one token of 33,000 characters', mirrored([`CANARY-${'x'.repeat(33_000)}`], { SubAppId: app })],
  ])('%s stays in, in every run of the instance and in every reply', async (_, value) => {
    const at = path()
    writeFileSync(at.replace('{SubAppId}', `${app}`), value)
    const settings = {
      AIGC_FALLBACK: `file:${at}`,
      AIGC_MIRROR_TARGETS: `file:${at}`,
      AIGC_TIMEOUT_MS: '1000',
      ...keys(),
    }
    const mirror = await load('mirror-tokens', settings)
    const list = await load('list-tokens', settings)
    simulator.fail(
      quoting(value.slice(0, 900), value.slice(-900)),
      Number.POSITIVE_INFINITY,
      'DescribeAigcApiTokens',
    )
    const left: unknown[] = []
    for (let run = 0; run < 3; run++) {
      for (const handler of [mirror, list])
        left.push(
          await handler({}, context()).catch((error: Error) => [error.name, error.message, error.stack]),
        )
      left.push(await list(getEvent('/tokens/fingerprints', bearer), context()))
      left.push(await list(getEvent('/tokens', { authorization: 'Bearer nobody' }), context()))
    }
    const text = JSON.stringify(left) + lines.join()
    expect(text).not.toContain('CANARY')
    expect(text).not.toMatch(/SyntaxError|so did taking secrets out|withheld/)
    expect(left[3]).toMatchObject({ statusCode: 401 })
  })
})

describe('createHandler, when anything inside it throws', () => {
  const secret = 'CANARY-inside'
  const thrower = (): never => {
    throw new Error(secret)
  }
  const hostile: [what: string, thrown: unknown][] = [
    ['a message that cannot be read', Object.defineProperty(new Error(), 'message', { get: thrower })],
    ['a stack that cannot be read', Object.defineProperty(new Error(), 'stack', { get: thrower })],
    ['an object that is no text', { toString: thrower }],
    ['an object without a prototype', Object.create(null)],
    ['a symbol', Symbol('odd')],
    ['nothing', undefined],
  ]

  async function invoke(run: () => Promise<never>, given: unknown = {}, metrics = () => ({})) {
    const { createHandler } = await import('../../handlers/invocation.ts')
    const handler = createHandler({ name: 'list-tokens', metricsOfError: metrics, run })
    return handler({}, given).then(
      (result) => ({ result, error: undefined }),
      (error: Error) => ({ result: undefined, error }),
    )
  }
  const leaves = ({ error }: { error?: Error | undefined }): string =>
    [error?.name, error?.message, error?.stack, error?.cause, ...lines].join(' ')

  it.each(hostile)('lets nothing of it out: %s', async (_, thrown) => {
    const left = await invoke(() => Promise.reject(thrown))
    expect(leaves(left)).not.toContain('CANARY')
    expect(left.error?.name).toBe('InternalError')
  })

  it.each<[string, object]>([
    ['a result', { result: 1, fields: { a: { toJSON: thrower } }, metrics: {} }],
    ['a cycle', { result: 1, fields: { a: globalThis }, metrics: {} }],
    [
      'fields',
      {
        result: 1,
        get fields() {
          return thrower()
        },
        metrics: {},
      },
    ],
    [
      'metrics',
      {
        result: 1,
        fields: {},
        get metrics() {
          return thrower()
        },
      },
    ],
    ['nothing at all', null as unknown as object],
  ])('lets nothing out of an outcome whose %s cannot be read', async (_, outcome) => {
    const left = await invoke(async () => outcome as never)
    expect(leaves(left)).not.toContain('CANARY')
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow()
  })

  it('lets nothing out of a context that throws, nor of metrics', async () => {
    const odd = {
      get awsRequestId() {
        return thrower()
      },
    }
    for (const left of [
      await invoke(async () => ({}) as never, odd),
      await invoke(async () => ({}) as never, { getRemainingTimeInMillis: thrower }),
      await invoke(() => Promise.reject(new Error('why')), {}, thrower),
    ]) {
      expect(leaves(left)).not.toContain('CANARY')
      expect(left.error?.message).toContain('so did taking secrets out')
      expect(left.error?.cause).toBeUndefined()
    }
    expect(log()).toMatchObject([{ level: 'error', code: 'InternalError' }, {}, {}])
  })
})

describe('createHandler', () => {
  it('knows credentials that came with this very failure, and says so where nothing was said', async () => {
    const { createHandler } = await import('../../handlers/invocation.ts')
    const failing = (thrown: unknown) =>
      createHandler({
        name: 'list-tokens',
        metricsOfError: () => ({}),
        run: () => Promise.reject(thrown),
      })({}, {})
    vi.stubEnv('AWS_SESSION_TOKEN', 'CANARY-just-come')
    await expect(failing(new Error('it was CANARY-just-come'))).rejects.toThrow(/^it was \*\*\*$/)
    await expect(failing(undefined)).rejects.toThrow('nothing was said')
    expect(lines.join()).not.toContain('CANARY')
  })

  it('does not take a short foreign value for a secret, which lines of ours hold too', async () => {
    const at = path()
    writeFileSync(at.replace('{SubAppId}', `${app}`), 'created')
    const handler = await load('mirror-tokens', { AIGC_MIRROR_TARGETS: `file:${at}` })
    await handler({}, context()).catch(() => {})
    expect(log()).toMatchObject([{ results: [{}, { Outcome: 'created' }] }])
  })
})

describe('credentials that are fetched', () => {
  const none = {
    AIGC_SECRET_ID: '',
    AIGC_SECRET_KEY: '',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  }

  it.each([
    [{}, 'vod-aigc-tokens'],
    [{ AWS_LAMBDA_FUNCTION_NAME: 'my-function' }, 'my-function'],
  ])('come from a role, whose session is named after the function: %j', async (environment, session) => {
    const subject = 'arn:aws:iam::123456789012:role/list-tokens'
    const roleArn = 'qcs::cam::uin/100000000001:roleName/aigc-tokens'
    const aws = await startAwsSts({ region: 'eu-west-1', roleArn: subject })
    onTestFinished(() => aws.close())
    const { issuer, jwks } = aws
    simulator.sts.providers.set('aws', { issuer, audiences: ['vod-aigc-tokens'], jwks })
    simulator.sts.roles.set(roleArn, { providerId: 'aws', subject })
    const handler = await load('list-tokens', {
      ...none,
      AIGC_STS_ENDPOINT: simulator.url,
      AIGC_ROLE_ARN: roleArn,
      AIGC_OIDC_PROVIDER: 'aws',
      AIGC_OIDC_AUDIENCE: 'vod-aigc-tokens',
      AWS_ENDPOINT_URL_STS: aws.url,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: aws.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.secretAccessKey,
      AWS_SESSION_TOKEN: aws.sessionToken,
      ...environment,
    })
    expect(await handler({}, context())).toMatchObject({ SubAppId: app })
    expect(simulator.calls.map(({ action, outcome }) => [action, outcome])).toEqual([
      ['AssumeRoleWithWebIdentity', 'ok'],
      ['DescribeAigcApiTokens', 'ok'],
    ])
    const [exchange, listing] = simulator.calls
    const { RoleSessionName, WebIdentityToken } = JSON.parse(exchange?.body ?? '')
    expect(RoleSessionName).toBe(session)
    // Whatever was fetched is known from then on, and found in pieces of 64, too.
    const token = listing?.headers['x-tc-token']?.join() ?? ''
    simulator.fail({
      kind: 'error',
      code: 'InvalidParameter',
      message: `${WebIdentityToken.slice(0, 640)} and ${token.slice(0, 64)}`,
    })
    await expect(handler({ SubAppId: other }, context())).rejects.toThrow('*** and ***')
  })

  it('come from a secret of AWS', async () => {
    const { secretId, secretKey } = simulator
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        const SecretString = JSON.stringify({ SecretId: secretId, SecretKey: secretKey })
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
        response.end(JSON.stringify({ SecretString }))
      })
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const handler = await load('list-tokens', {
      ...none,
      AIGC_CREDENTIALS_SECRET: 'aigc/key',
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIATEST',
      AWS_SECRET_ACCESS_KEY: 'test-key',
    })
    expect(await handler({}, context())).toMatchObject({ SubAppId: app })
    simulator.fail({ kind: 'error', code: 'InvalidParameter', message: `it was ${secretKey}` })
    await expect(handler({ SubAppId: other }, context())).rejects.toThrow('it was ***')
  })
})

describe('initialize', () => {
  it.each([
    ['list-tokens', keys()],
    ['mirror-tokens', { AIGC_MIRROR_TARGETS: 'tencent-ssm:a-{SubAppId}?region=ap-singapore' }],
    [
      'rotate-tokens',
      {
        AIGC_MIRROR_TARGETS: 'tencent-ssm:a-{SubAppId}?region=ap-singapore',
        AIGC_ROTATION_STATE: 'tencent-ssm:r-{SubAppId}?region=ap-singapore',
      },
    ],
  ] as const)(
    'of %s connects what the first call needs, asks nobody and says nothing',
    async (name, settings) => {
      await load(name, {
        AWS_LAMBDA_FUNCTION_NAME: 'fn',
        AIGC_SSM_ENDPOINT: `http://localhost:${simulator.port}`,
        ...settings,
      })
      const { shelf } = await import('../../handlers/runtime.ts')
      const { initialize } = await import(`../../handlers/${name}.ts`)
      await initialize()
      const opened = ['127.0.0.1', 'localhost'].filter((host) =>
        shelf.take({ host, port: simulator.port, use: 'plain' })?.destroy(),
      )
      // A run of the mirror or of the rotation goes as far as its stores.
      expect(opened).toEqual(name === 'list-tokens' ? ['127.0.0.1'] : ['127.0.0.1', 'localhost'])
      expect(simulator.calls).toEqual([])
      expect(lines).toEqual([])
    },
  )
})

describe('the runtime', () => {
  it('asks first over what was connected while it initialised', async () => {
    const handler = await load('list-tokens', { AWS_LAMBDA_FUNCTION_NAME: 'fn' })
    const { shelf } = await import('../../handlers/runtime.ts')
    const { initialize } = await import('../../handlers/list-tokens.ts')
    await initialize()
    await handler({}, context())
    expect(shelf.take({ host: '127.0.0.1', port: simulator.port, use: 'plain' })).toBeNull()
  })

  it('has a cache for each keys that came with requests, and none of its own to give in their place', async () => {
    await load('list-tokens', {
      AIGC_SECRET_ID: '',
      AIGC_SECRET_KEY: '',
      AIGC_REGION: 'ap-singapore',
      TENCENTCLOUD_RUNENV: 'SCF',
    })
    const { edge } = await import('../../handlers/runtime.ts')
    const { cacheFor } = edge.runtime('requests')
    const { secretId, secretKey } = simulator
    const own = cacheFor(() => ({ secretId, secretKey }))
    expect(cacheFor(() => ({ secretId, secretKey }))).toBe(own)
    const other = cacheFor(() => ({ secretId: 'AKIDother', secretKey: 'other-key' }))
    const ask = { refresh: false, deadline: edge.time.monotonic() + 5000 }
    expect(await own.get(app, ask)).toMatchObject({ apiTokens: ['CANARY-token-0004', 'CANARY-token-b'] })
    await expect(other.get(app, ask)).rejects.toMatchObject({ code: expect.stringMatching(/^AuthFailure/) })
    await expect(cacheFor(() => null).get(app, ask)).rejects.toMatchObject({ code: 'ConfigInvalid' })
  })
})

describe('initializeInFull', () => {
  it('waits a second and a half at most, whatever hangs', async () => {
    await load('list-tokens', { AWS_LAMBDA_FUNCTION_NAME: 'fn' })
    const { edge } = await import('../../handlers/runtime.ts')
    const { initializeInFull } = await import('../../handlers/initialize.ts')
    const waits: { ms: number; work(): void }[] = []
    const time = {
      ...edge.time,
      after(ms: number, work: () => void) {
        waits.push({ ms, work })
        return () => {}
      },
    }
    const done = initializeInFull({ ...edge, time }, () => new Promise(() => {}))
    expect(waits.map(({ ms }) => Math.round(ms))).toEqual([1500])
    waits[0]?.work()
    await done
    expect(lines).toEqual([])
  })

  it('plays with settings of its own, told to nobody', async () => {
    await load('mirror-tokens', {
      AWS_LAMBDA_FUNCTION_NAME: 'fn',
      AIGC_MIRROR_TARGETS: [
        `file:${join(folder, 'a-{SubAppId}.json')}`,
        'tencent-ssm:b-{SubAppId}?region=ap-singapore',
        'tencent-ssm:c-{SubAppId}?region=ap-singapore',
        'aws-secretsmanager:d-{SubAppId}',
        'aws-parameter-store:e-{SubAppId}?value=token&region=eu-west-2',
      ].join(' '),
      ...{ AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' },
      AWS_ENDPOINT_URL: 'https://127.0.0.1:9',
      AIGC_SSM_ENDPOINT: `http://localhost:${simulator.port}`,
    })
    const { edge, shelf } = await import('../../handlers/runtime.ts')
    const { initializeInFull } = await import('../../handlers/initialize.ts')
    const played: unknown[] = []
    await initializeInFull(edge, async (stage) => {
      const { config, list, openStore } = stage.runtime()
      played.push(config.mirrors, await list(1, edge.time.monotonic() + 1000))
      for (const target of config.mirrors[0]?.targets ?? [])
        played.push(await openStore(target).read(edge.time.monotonic() + 1000))
      played.push(edge.scrub('rehearsal-of-a-token'), stage.scrub('rehearsal-of-a-token'))
    })
    expect(played).toMatchObject([
      [
        {
          subAppId: 1,
          targets: [
            { uri: 'tencent-ssm:rehearsal?region=ap-singapore' },
            { uri: 'aws-secretsmanager:rehearsal' },
            { uri: 'aws-parameter-store:rehearsal-token?region=eu-west-2&value=token' },
          ],
        },
      ],
      { apiTokens: ['rehearsal-of-a-token'] },
      ...Array(3).fill({
        state: 'value',
        marked: true,
        value: expect.stringContaining('rehearsal-of-a-token'),
      }),
      'rehearsal-of-a-token',
      '***',
    ])
    expect(simulator.calls).toEqual([])
    expect(lines).toEqual([])
    // What it would have called is connected.
    for (const host of ['127.0.0.1', 'localhost'])
      expect(shelf.take({ host, port: simulator.port, use: 'plain' })?.destroy().destroyed).toBe(true)
  })
})

/**
 * The simulator, called by Tencent's own SDK and by raw HTTP that Tencent's own signer signed. Nothing from `lib/`
 * takes part, so that a client tested against the simulator is tested against the official one's habits.
 */
import { Agent, type IncomingHttpHeaders, request as openRequest } from 'node:http'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { CommonClient } from 'tencentcloud-sdk-nodejs-common'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { vectors } from '../../test/support/tc3-vectors.ts'
import type { Fault } from '../faults.ts'
import { type SimulatorOptions, startTencentSimulator, type TencentSimulator } from '../simulator.ts'
import { type Key, type RawRequest, verifyTc3 } from '../verify-tc3.ts'

// Required rather than imported, as vitest and Node disagree about the default export of such a module.
const officialSigner = createRequire(import.meta.url)(
  'tencentcloud-sdk-nodejs-common/tencentcloud/common/sign.js',
)

const host = 'vod.intl.tencentcloudapi.com'
const version = '2018-07-17'
const SubAppId = 251006666

describe('verifyTc3', () => {
  it.each(vectors)('accepts the vector "$name"', (vector) => {
    expect(verifyTc3(...fromVector(vector))).toBeNull()
  })

  const [vector] = vectors.filter(({ name }) => name === 'DescribeAigcApiTokens of one application')
  if (!vector) throw new Error('the vector is gone')
  const [good, context] = fromVector(vector)
  const authorization = good.headers['authorization']?.[0] ?? ''
  const withHeaders = (headers: RawRequest['headers']): RawRequest => ({
    ...good,
    headers: { ...good.headers, ...headers },
  })
  const withAuthorization = (search: string | RegExp, replacement: string): RawRequest =>
    withHeaders({ authorization: [authorization.replace(search, replacement)] })
  const at = (seconds: number): number => context.now + seconds * 1000

  it.each<[what: string, code: string, request: RawRequest, context?: Partial<typeof context>]>([
    ['no Authorization', 'InvalidAuthorization', withHeaders({ authorization: [] })],
    ['another algorithm', 'InvalidAuthorization', withAuthorization('TC3-HMAC-SHA256', 'TC4-HMAC-SHA256')],
    ['a short signature', 'InvalidAuthorization', withAuthorization(/.$/, '')],
    ['a scope of another service', 'InvalidAuthorization', good, { service: 'ssm' }],
    ['content-type not signed', 'InvalidAuthorization', withAuthorization('content-type;', '')],
    ['host not signed', 'InvalidAuthorization', withAuthorization('host;', '')],
    ['unsorted names', 'InvalidAuthorization', withAuthorization('content-type;host', 'host;content-type')],
    ['a name twice', 'InvalidAuthorization', withAuthorization('host', 'host;host')],
    ['a signed header not sent', 'InvalidAuthorization', withHeaders({ 'x-tc-action': [] })],
    ['a signed header sent twice', 'InvalidAuthorization', withHeaders({ host: [host, host] })],
    ['a time in words', 'InvalidAuthorization', withHeaders({ 'x-tc-timestamp': ['now'] })],
    ['a time 301 s behind', 'SignatureExpire', good, { now: at(301) }],
    ['a time 301 s ahead', 'SignatureExpire', good, { now: at(-301) }],
    ['a date that is not the timestamp’s', 'SignatureExpire', withAuthorization('2026-01-01', '2025-12-31')],
    ['an unknown SecretId', 'SecretIdNotFound', good, { keys: new Map() }],
    ['a token with a permanent key', 'TokenFailure', withHeaders({ 'x-tc-token': ['token'] })],
    ['another key', 'SignatureFailure', good, { keys: keysOf({ secretKey: 'another' }) }],
    ['another signature', 'SignatureFailure', withAuthorization(/.{64}$/, '0'.repeat(64))],
    ['another method', 'SignatureFailure', { ...good, method: 'PUT' }],
    ['another query', 'SignatureFailure', { ...good, url: '/?Limit=1' }],
    ['another host', 'SignatureFailure', withHeaders({ host: [`${host}:8080`] })],
    ['another content type', 'SignatureFailure', withHeaders({ 'content-type': ['application/json'] })],
    ['another signed action', 'SignatureFailure', withHeaders({ 'x-tc-action': ['DeleteAigcApiToken'] })],
    ['another body', 'SignatureFailure', { ...good, body: Buffer.from('{"SubAppId":251006667}') }],
  ])('refuses %s with %s', (_, code, request, changed) => {
    expect(verifyTc3(request, { ...context, ...changed })?.code).toBe(`AuthFailure.${code}`)
  })

  it('accepts a clock 300 s off, either way', () => {
    expect(verifyTc3(good, { ...context, now: at(300) })).toBeNull()
    expect(verifyTc3(good, { ...context, now: at(-300) })).toBeNull()
  })

  it('takes a temporary key with its own token only', () => {
    const temporary = { ...context, keys: keysOf({ secretKey: vector.secretKey, token: 'token' }) }
    const verify = (token: string[]) => verifyTc3(withHeaders({ 'x-tc-token': token }), temporary)?.code
    expect(verify(['token'])).toBeUndefined()
    expect(verify(['another'])).toBe('AuthFailure.TokenFailure')
    expect(verify([])).toBe('AuthFailure.TokenFailure')
  })

  function keysOf(key: Key): Map<string, Key> {
    return new Map([[vector?.secretId ?? '', key]])
  }
})

describe('the front door', () => {
  it('startTencentSimulator lists, creates and deletes for the official SDK', async () => {
    const { simulator, call } = await start({ lagMs: 0 })
    const { ApiToken, RequestId } = await call('CreateAigcApiToken', { SubAppId })
    expect(ApiToken).toMatch(/^[A-Za-z0-9]{32}$/)
    expect(RequestId).toMatch(/^[0-9a-f]{8}-/)
    expect(await call('DescribeAigcApiTokens', { SubAppId })).toEqual({
      ApiTokens: [ApiToken],
      RequestId: expect.not.stringMatching(RequestId),
    })
    expect(simulator.vod.list(SubAppId)).toEqual([ApiToken])
    expect(await call('DeleteAigcApiToken', { SubAppId, ApiToken })).toEqual({ RequestId: expect.anything() })
    expect(await call('DescribeAigcApiTokens', { SubAppId })).toMatchObject({ ApiTokens: [] })
  })

  it('startTencentSimulator refuses the keys of others', async () => {
    const { simulator } = await start()
    const { secretId, secretKey } = simulator
    const temporary = { secretId: 'temporary', secretKey: 'key of an hour', token: 'session' }
    simulator.keys.set(temporary.secretId, temporary)
    const codeFor = (credential: Key & { secretId: string }) =>
      codeOf(client(simulator, { credential })('DescribeAigcApiTokens', { SubAppId }))

    expect(await codeFor({ secretId, secretKey: 'wrong' })).toBe('AuthFailure.SignatureFailure')
    expect(await codeFor({ secretId: 'wrong', secretKey })).toBe('AuthFailure.SecretIdNotFound')
    expect(await codeFor({ ...temporary, token: 'wrong' })).toBe('AuthFailure.TokenFailure')
    expect(await codeFor(temporary)).toBe('ok')
    simulator.keys.delete(temporary.secretId)
    expect(await codeFor(temporary)).toBe('AuthFailure.SecretIdNotFound')
  })

  it('startTencentSimulator wants the scope of the product called', async () => {
    const { simulator } = await start()
    const call = client(simulator, { endpoint: 'ssm.intl.tencentcloudapi.com' })
    expect(await codeOf(call('DescribeAigcApiTokens', { SubAppId }))).toBe('AuthFailure.InvalidAuthorization')
  })

  it('startTencentSimulator checks signatures by its own clock, and shows it in Date', async () => {
    let time = Date.now()
    const { simulator, call } = await start({ now: () => time, clockOffsetMs: 310_000 })
    expect(await codeOf(call('DescribeAigcApiTokens', { SubAppId }))).toBe('AuthFailure.SignatureExpire')
    simulator.clockOffsetMs = -310_000
    expect(await codeOf(call('DescribeAigcApiTokens', { SubAppId }))).toBe('AuthFailure.SignatureExpire')
    simulator.clockOffsetMs = 0
    expect(await codeOf(call('DescribeAigcApiTokens', { SubAppId }))).toBe('ok')

    time = Date.UTC(2026, 0, 1)
    simulator.clockOffsetMs = 90_000
    const { headers } = await exchange(simulator, {})
    expect(headers.date).toBe('Thu, 01 Jan 2026 00:01:30 GMT')
  })

  it('startTencentSimulator takes 20 calls in any one second, for each action', async () => {
    let time = Date.now()
    const { call } = await start({ now: () => time, lagMs: 0 })
    const list = () => codeOf(call('DescribeAigcApiTokens', { SubAppId }))
    const lists = (count: number) => Promise.all(Array.from({ length: count }, list))

    expect(await lists(10)).toEqual(Array(10).fill('ok'))
    time += 600
    expect(await lists(10)).toEqual(Array(10).fill('ok'))
    expect(await list()).toBe('RequestLimitExceeded')
    expect(await codeOf(call('CreateAigcApiToken', { SubAppId }))).toBe('ok')
    time += 399
    expect(await list()).toBe('RequestLimitExceeded')
    time += 1
    expect((await lists(11)).sort()).toEqual(['RequestLimitExceeded', ...Array(10).fill('ok')])
  })

  it('startTencentSimulator does not count calls with a bad signature for the rate', async () => {
    const { simulator, call } = await start({ now: frozen() })
    const intruder = client(simulator, { credential: { secretId: simulator.secretId, secretKey: 'wrong' } })
    for (let i = 0; i < 21; i++) await codeOf(intruder('DescribeAigcApiTokens', { SubAppId }))
    expect(await codeOf(call('DescribeAigcApiTokens', { SubAppId }))).toBe('ok')
  })

  it.each<[what: string, code: string, change: Parameters<typeof signed>[1]]>([
    ['no X-TC-Action', 'MissingParameter', { headers: { 'X-TC-Action': undefined } }],
    ['no X-TC-Version', 'MissingParameter', { headers: { 'X-TC-Version': undefined } }],
    ['no X-TC-Timestamp', 'MissingParameter', { headers: { 'X-TC-Timestamp': undefined } }],
    ['no Authorization', 'AuthFailure.InvalidAuthorization', { headers: { Authorization: undefined } }],
    ['another version', 'NoSuchVersion', { headers: { 'X-TC-Version': '2024-07-18' } }],
    ['an action VOD does not have', 'InvalidAction', { headers: { 'X-TC-Action': 'DescribeInstances' } }],
    ['a host that was not signed', 'AuthFailure.SignatureFailure', { headers: { Host: `${host}:80` } }],
    ['a body that is no JSON', 'InvalidRequest', { body: '{' }],
    ['a body that is no UTF-8', 'InvalidRequest', { body: Buffer.from('{"\xff":1}', 'latin1') }],
    ['a JSON array', 'InvalidRequest', { body: '[]' }],
    ['JSON null', 'InvalidRequest', { body: 'null' }],
    ['an empty body', 'InvalidRequest', { body: Buffer.alloc(0) }],
    ['a GET', 'UnsupportedProtocol', { method: 'GET', body: '' }],
    ['a form', 'UnsupportedProtocol', { contentType: 'application/x-www-form-urlencoded' }],
  ])('startTencentSimulator answers %s with %s, in an HTTP 200', async (_, code, change) => {
    const { simulator } = await start()
    const answer = await exchange(simulator, signed(simulator, change))
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toBe('application/json')
    expect(JSON.parse(answer.text)).toEqual({
      Response: { Error: { Code: code, Message: expect.any(String) }, RequestId: expect.any(String) },
    })
    expect(simulator.calls).toMatchObject([{ outcome: code }])
  })

  it('startTencentSimulator takes a charset, and any path and host that were signed', async () => {
    const { simulator } = await start()
    const request = signed(simulator, { contentType: 'application/json; charset=utf-8' })
    expect(await exchange(simulator, { ...request, path: '/elsewhere' })).toMatchObject({ status: 200 })
    expect(simulator.calls).toMatchObject([{ outcome: 'ok' }])
  })

  it('startTencentSimulator takes bodies of 10 MB and no more', async () => {
    const { simulator } = await start()
    const ofSize = (bytes: number) =>
      exchange(simulator, signed(simulator, { body: Buffer.alloc(bytes, ' ') }))
    expect((await ofSize(10 * 1024 * 1024)).text).toContain('"InvalidRequest"')
    expect((await ofSize(10 * 1024 * 1024 + 1)).text).toContain('"RequestSizeLimitExceeded"')
  })

  it('startTencentSimulator records every call, the refused too', async () => {
    const now = frozen()
    const { simulator, call } = await start({ now })
    await codeOf(call('DescribeAigcApiTokens', { SubAppId }))
    await codeOf(call('CreateAigcApiToken', { SubAppId: 1 }))
    const intruder = client(simulator, { credential: { secretId: 'intruder', secretKey: 'wrong' } })
    await codeOf(intruder('DescribeAigcApiTokens', {}))
    await exchange(simulator, {})
    const { secretId } = simulator
    const at = now()
    expect(simulator.calls).toMatchObject([
      { at, secretId, action: 'DescribeAigcApiTokens', body: '{"SubAppId":251006666}', outcome: 'ok' },
      { at, secretId, action: 'CreateAigcApiToken', outcome: 'ResourceNotFound.UserNotExist' },
      { at, secretId: 'intruder', body: '{}', outcome: 'AuthFailure.SecretIdNotFound' },
      { at, secretId: '', action: '', body: '', outcome: 'MissingParameter' },
    ])
    expect(simulator.calls[0]?.headers).toMatchObject({ 'x-tc-version': [version], host: [host] })
  })

  it('startTencentSimulator keeps connections alive', async () => {
    const { simulator } = await start()
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    const first = await exchange(simulator, { agent })
    const second = await exchange(simulator, { agent })
    expect(second.localPort).toBe(first.localPort)
  })

  it('startTencentSimulator rejects when the port is taken', async () => {
    const { simulator } = await start()
    await expect(startTencentSimulator({ port: simulator.port })).rejects.toThrow('EADDRINUSE')
  })

  it('close ends at once, whatever hangs, is late or is kept alive', async () => {
    const { simulator } = await start()
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    await exchange(simulator, { agent })
    simulator.fail({ kind: 'hang' })
    simulator.fail({ kind: 'slow', ms: 600_000 })
    const unanswered = Promise.allSettled([exchange(simulator, {}), exchange(simulator, {})])
    await vi.waitFor(() => expect(simulator.calls).toHaveLength(3), { timeout: 30_000 })
    await simulator.close()
    expect(await unanswered).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }])
    await expect(exchange(simulator, {})).rejects.toThrow('ECONNREFUSED')
    await simulator.close()
  })
})

describe('VOD', () => {
  it('DescribeAigcApiTokens trails behind creations and deletions by lagMs', async () => {
    let time = Date.now()
    const { simulator, call } = await start({
      now: () => time,
      applications: [{ subAppId: SubAppId, tokens: ['old'] }],
    })
    const list = async () => (await call('DescribeAigcApiTokens', { SubAppId })).ApiTokens.sort()

    expect(await list()).toEqual(['old'])
    const { ApiToken } = await call('CreateAigcApiToken', { SubAppId })
    await call('DeleteAigcApiToken', { SubAppId, ApiToken: 'old' })
    expect(simulator.vod.list(SubAppId)).toEqual([ApiToken])
    time += 29_999
    expect(await list()).toEqual(['old'])
    time += 1
    expect(await list()).toEqual([ApiToken])
    simulator.lagMs = 30_001
    expect(await list()).toEqual(['old'])
  })

  it('DeleteAigcApiToken takes tokens that exist and are older than lagMs', async () => {
    let time = Date.now()
    const { call } = await start({ now: () => time })
    const { ApiToken } = await call('CreateAigcApiToken', { SubAppId })
    const remove = (token: string) => codeOf(call('DeleteAigcApiToken', { SubAppId, ApiToken: token }))
    time += 29_999
    expect(await remove(ApiToken)).toBe('InvalidParameterValue')
    time += 1
    expect(await remove('unknown')).toBe('InvalidParameterValue')
    expect(await remove(ApiToken)).toBe('ok')
    expect(await remove(ApiToken)).toBe('InvalidParameterValue')
  })

  it('DescribeAigcApiTokens has no order', async () => {
    const tokens = Array.from({ length: 40 }, (_, i) => `token-${i}`)
    const { call } = await start({ applications: [{ subAppId: SubAppId, tokens }] })
    const first = (await call('DescribeAigcApiTokens', { SubAppId })).ApiTokens
    const second = (await call('DescribeAigcApiTokens', { SubAppId })).ApiTokens
    expect(first).not.toEqual(second)
    expect(first.toSorted()).toEqual(tokens.toSorted())
  })

  it('DescribeAigcApiTokens keeps applications apart', async () => {
    const { simulator, call } = await start({ lagMs: 0, applications: [{ subAppId: 1 }, { subAppId: 2 }] })
    simulator.vod.create(1, 'one')
    simulator.vod.create(2, 'two')
    expect(await call('DescribeAigcApiTokens', { SubAppId: 1 })).toMatchObject({ ApiTokens: ['one'] })
    expect(await codeOf(call('DeleteAigcApiToken', { SubAppId: 1, ApiToken: 'two' }))).not.toBe('ok')
  })

  it('DescribeAigcApiTokens lists ExtInfos beside the tokens when the account has them', async () => {
    const { simulator, call } = await start({ lagMs: 0, extInfos: true })
    const extInfo = '{"ip":{"127.0.0.1":true}}'
    for (let i = 0; i < 10; i++) simulator.vod.create(SubAppId, `limited-${i}`, extInfo)
    for (let i = 0; i < 10; i++) simulator.vod.create(SubAppId, `free-${i}`)
    const { ApiTokens, ExtInfos } = await call('DescribeAigcApiTokens', { SubAppId })
    expect(ExtInfos).toEqual(ApiTokens.map((token: string) => (token.startsWith('limited') ? extInfo : '{}')))
  })

  it.each<[what: string, code: string, action: string, body: object]>([
    ['a SubAppId in quotes', 'InvalidParameter', 'DescribeAigcApiTokens', { SubAppId: '251006666' }],
    ['a fraction', 'InvalidParameter', 'DescribeAigcApiTokens', { SubAppId: 1.5 }],
    ['a negative SubAppId', 'InvalidParameter', 'DescribeAigcApiTokens', { SubAppId: -1 }],
    ['a boolean', 'InvalidParameter', 'CreateAigcApiToken', { SubAppId: true }],
    ['a token that is a number', 'InvalidParameter', 'DeleteAigcApiToken', { SubAppId, ApiToken: 1 }],
    ['a parameter too many', 'UnknownParameter', 'DescribeAigcApiTokens', { SubAppId, Limit: 1 }],
    ['no SubAppId', 'MissingParameter', 'CreateAigcApiToken', {}],
    ['no SubAppId', 'MissingParameter', 'DeleteAigcApiToken', { ApiToken: 'token' }],
    ['no ApiToken', 'MissingParameter', 'DeleteAigcApiToken', { SubAppId }],
    ['an unknown application', 'ResourceNotFound.UserNotExist', 'DescribeAigcApiTokens', { SubAppId: 1 }],
    ['an unknown application', 'ResourceNotFound.UserNotExist', 'CreateAigcApiToken', { SubAppId: 1 }],
    [
      'an unknown application',
      'ResourceNotFound.UserNotExist',
      'DeleteAigcApiToken',
      { SubAppId: 1, ApiToken: '' },
    ],
    ['no SubAppId', 'ResourceNotFound.UserNotExist', 'DescribeAigcApiTokens', {}],
  ])('answers %s with %s to %s', async (_, code, action, body) => {
    const { call } = await start()
    expect(await codeOf(call(action, body))).toBe(code)
  })

  it('DescribeAigcApiTokens without SubAppId lists the default application of a legacy account', async () => {
    const applications = [{ subAppId: 2, tokens: ['default'] }, { subAppId: 1 }]
    const { call } = await start({ legacyAccount: true, applications })
    expect(await call('DescribeAigcApiTokens', {})).toMatchObject({ ApiTokens: ['default'] })
  })

  it('CreateAigcApiToken stops at 50 tokens in the account', async () => {
    const { simulator, call } = await start({ applications: [{ subAppId: 1 }, { subAppId: 2 }] })
    const tokens = Array.from({ length: 49 }, () => simulator.vod.create(1))
    expect(await codeOf(call('CreateAigcApiToken', { SubAppId: 2 }))).toBe('ok')
    expect(await codeOf(call('CreateAigcApiToken', { SubAppId: 2 }))).toBe('LimitExceeded')
    simulator.vod.delete(1, tokens[0] ?? '')
    expect(await codeOf(call('CreateAigcApiToken', { SubAppId: 2 }))).toBe('ok')
  })

  it('vod refuses a token twice, and an application that is not there', async () => {
    const { simulator } = await start()
    simulator.vod.create(SubAppId, 'token')
    expect(() => simulator.vod.create(SubAppId, 'token')).toThrow('exists already')
    expect(() => simulator.vod.create(1)).toThrow('does not exist')
    expect(() => simulator.vod.delete(SubAppId, 'unknown')).toThrow('does not exist')
    simulator.vod.delete(SubAppId, 'token')
    expect(simulator.vod.create(SubAppId, 'token')).toBe('token')
    await expect(startTencentSimulator({ applications: [] })).rejects.toThrow('at least one application')
  })
})

describe('faults on demand', () => {
  const tokens = ['a', 'b', 'c', 'd', 'e']
  const applications = [{ subAppId: SubAppId, tokens }]

  it('fail throttle and error show as API errors in an HTTP 200', async () => {
    const { simulator, call } = await start()
    simulator.fail({ kind: 'throttle' })
    simulator.fail({ kind: 'error', code: 'FailedOperation.DBError', message: 'no database' })
    const { status, text } = await exchange(simulator, signed(simulator))
    expect(status).toBe(200)
    expect(text).toContain('"RequestLimitExceeded"')
    await expect(call('DescribeAigcApiTokens', { SubAppId })).rejects.toMatchObject({
      code: 'FailedOperation.DBError',
      message: 'no database',
    })
    expect(await codeOf(call('DescribeAigcApiTokens', { SubAppId }))).toBe('ok')
    expect(simulator.calls.map(({ outcome }) => outcome)).toEqual([
      'RequestLimitExceeded',
      'FailedOperation.DBError',
      'ok',
    ])
  })

  it('fail status answers with that status, and Retry-After where asked for', async () => {
    const { simulator } = await start()
    simulator.fail({ kind: 'status', status: 503, retryAfter: '7', body: 'busy' })
    simulator.fail({ kind: 'status', status: 429 })
    expect(await exchange(simulator, {})).toMatchObject({
      status: 503,
      headers: { 'retry-after': '7', date: expect.any(String) },
      text: 'busy',
    })
    const second = await exchange(simulator, {})
    expect(second).toMatchObject({ status: 429, text: '' })
    expect(second.headers).not.toHaveProperty('retry-after')
    expect(() => simulator.fail({ kind: 'status', status: 200 })).toThrow('400 to 599')
    expect(simulator.calls).toMatchObject([{ outcome: 'status' }, { outcome: 'status' }])
  })

  it('fail reset resets the connection before any answer', async () => {
    const { simulator } = await start({ applications })
    simulator.fail({ kind: 'reset' })
    await expect(exchange(simulator, signed(simulator))).rejects.toThrow('read ECONNRESET')
  })

  it('fail truncated breaks off an answer short of its Content-Length', async () => {
    const { simulator } = await start({ applications })
    simulator.fail({ kind: 'truncated' })
    const { headers, text, complete } = await exchange(simulator, signed(simulator))
    expect(complete).toBe(false)
    expect(text).toMatch(/^\{"Response":\{/)
    expect(text.length).toBeLessThan(Number(headers['content-length']))
  })

  it('fail html answers with a page', async () => {
    const { simulator } = await start()
    simulator.fail({ kind: 'html' })
    expect(await exchange(simulator, {})).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8' },
      text: expect.stringMatching(/^<!doctype html>/),
    })
  })

  it('fail bom and gzip answer well, with what nobody asked for', async () => {
    const { simulator } = await start({ applications })
    simulator.fail({ kind: 'bom' })
    const { text } = await exchange(simulator, signed(simulator))
    expect(text.charCodeAt(0)).toBe(0xfeff)
    expect(JSON.parse(text.slice(1)).Response.ApiTokens.sort()).toEqual(tokens)
    simulator.fail({ kind: 'gzip' })
    const { headers, bytes } = await exchange(simulator, signed(simulator))
    expect(headers['content-encoding']).toBe('gzip')
    expect(JSON.parse(gunzipSync(bytes).toString()).Response.ApiTokens.sort()).toEqual(tokens)
  })

  it('fail old-error refuses in the form of API 2.0', async () => {
    const { simulator } = await start({ applications })
    simulator.fail({ kind: 'old-error', code: 'InvalidParameter.X', message: 'No.' })
    const { status, text } = await exchange(simulator, signed(simulator))
    expect(status).toBe(200)
    expect(JSON.parse(text)).toEqual({ code: 4000, codeDesc: 'InvalidParameter.X', message: 'No.' })
    expect(simulator.calls).toMatchObject([{ outcome: 'InvalidParameter.X' }])
  })

  it('fail hang never answers', async () => {
    const { simulator } = await start()
    simulator.fail({ kind: 'hang' })
    const settled = vi.fn()
    exchange(simulator, {}).then(settled, settled)
    await vi.waitFor(() => expect(simulator.calls).toMatchObject([{ outcome: 'hang' }]), { timeout: 30_000 })
    await exchange(simulator, {})
    expect(settled).not.toHaveBeenCalled()
  })

  it('fail slow answers well, ms milliseconds late', async () => {
    const { simulator } = await start({ applications })
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    simulator.fail({ kind: 'slow', ms: 60_000 })
    const settled = vi.fn()
    const answer = exchange(simulator, signed(simulator)).finally(settled)
    while (simulator.calls.length === 0) await exchange(simulator, { path: '/simulator' })
    await vi.advanceTimersByTimeAsync(59_999)
    await exchange(simulator, { path: '/simulator' })
    expect(settled).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    const { Response } = JSON.parse((await answer).text)
    expect(Response.ApiTokens.sort()).toEqual(tokens)
  })

  it('fail too-large answers well, with more than 1 MB', async () => {
    const { simulator } = await start({ applications })
    simulator.fail({ kind: 'too-large' })
    const { text } = await exchange(simulator, signed(simulator))
    expect(text.length).toBeGreaterThan(1024 * 1024)
    expect(JSON.parse(text).Response.ApiTokens.sort()).toEqual(tokens)
  })

  it('fail half lists a random half', async () => {
    const many = Array.from({ length: 41 }, (_, i) => `token-${i}`)
    const { simulator, call } = await start({
      extInfos: true,
      applications: [{ subAppId: SubAppId, tokens: many }],
    })
    simulator.fail({ kind: 'half' }, 2)
    const first = await call('DescribeAigcApiTokens', { SubAppId })
    const second = await call('DescribeAigcApiTokens', { SubAppId })
    expect(first.ApiTokens).toHaveLength(20)
    expect(first.ExtInfos).toHaveLength(20)
    expect(many).toEqual(expect.arrayContaining(first.ApiTokens))
    expect(second.ApiTokens.sort()).not.toEqual(first.ApiTokens.sort())
  })

  it.each<[fault: Fault, fields: object]>([
    [{ kind: 'empty-list' }, { ApiTokens: [], ExtInfos: [] }],
    [{ kind: 'null-list' }, { ApiTokens: null, ExtInfos: Array(5).fill('{}') }],
    [{ kind: 'missing-list' }, { ExtInfos: Array(5).fill('{}') }],
    [{ kind: 'garbage-list', value: ['a', '', 1, null] }, { ApiTokens: ['a', '', 1, null] }],
    [{ kind: 'garbage-list', value: { 0: 'a' } }, { ApiTokens: { 0: 'a' } }],
    [{ kind: 'ext-infos-mismatch' }, { ApiTokens: expect.any(Array), ExtInfos: Array(6).fill('{}') }],
  ])('fail %j spoils the list', async (fault, fields) => {
    const { simulator, call } = await start({ applications, extInfos: true })
    simulator.fail(fault)
    const spoilt = await call('DescribeAigcApiTokens', { SubAppId })
    expect(spoilt).toMatchObject(fields)
    expect('ApiTokens' in spoilt).toBe('ApiTokens' in fields)
    expect((await call('DescribeAigcApiTokens', { SubAppId })).ApiTokens.sort()).toEqual(tokens)
  })

  it('fail keeps a fault for lists until one is answered well, and those behind it wait', async () => {
    const { simulator, call } = await start({ applications })
    simulator.fail({ kind: 'null-list' })
    simulator.fail({ kind: 'throttle' })
    expect(await codeOf(call('CreateAigcApiToken', { SubAppId }))).toBe('ok')
    expect(await codeOf(call('DescribeAigcApiTokens', { SubAppId: 1 }))).toBe('ResourceNotFound.UserNotExist')
    expect(await call('DescribeAigcApiTokens', { SubAppId })).toMatchObject({ ApiTokens: null })
    expect(await codeOf(call('DescribeAigcApiTokens', { SubAppId }))).toBe('RequestLimitExceeded')
  })

  it('fail spoils one call with one fault, as many times as asked for', async () => {
    const { simulator, call } = await start({ applications })
    const list = async () => (await call('DescribeAigcApiTokens', { SubAppId })).ApiTokens
    simulator.fail({ kind: 'slow', ms: 0 })
    simulator.fail({ kind: 'null-list' }, 2)
    simulator.fail({ kind: 'empty-list' }, Number.POSITIVE_INFINITY)
    expect(await list()).toHaveLength(5)
    expect(await list()).toBeNull()
    expect(await list()).toBeNull()
    expect(await list()).toEqual([])
    expect(await list()).toEqual([])
    simulator.clearFaults()
    expect(await list()).toHaveLength(5)
  })

  it('fail leaves calls with a bad signature refused', async () => {
    const { simulator } = await start()
    simulator.fail({ kind: 'throttle' })
    const intruder = client(simulator, { credential: { secretId: 'intruder', secretKey: 'wrong' } })
    expect(await codeOf(intruder('DescribeAigcApiTokens', { SubAppId }))).toBe('AuthFailure.SecretIdNotFound')
  })
})

describe('the console', () => {
  it('GET /simulator explains itself', async () => {
    const { simulator } = await start()
    const { status, headers, text } = await exchange(simulator, { path: '/simulator' })
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8'])
    expect(text).toContain(`curl -X POST ${simulator.url}/simulator/tokens`)
    expect(text).toContain('ext-infos-mismatch')
    expect(simulator.calls).toEqual([])
  })

  it('/simulator/tokens creates, shows and deletes tokens', async () => {
    let time = Date.now()
    const { simulator } = await start({ now: () => time, applications: [{ subAppId: 1 }, { subAppId: 2 }] })
    const ask = async (method: string, path: string) => {
      const { status, text } = await exchange(simulator, { method, path: `/simulator/tokens${path}` })
      return { status, ...JSON.parse(text) }
    }

    const { status, Tokens } = await ask('POST', '')
    const created = { SubAppId: 1, ApiToken: expect.any(String), ExtInfo: '{}', Exists: true, Listed: false }
    expect([status, Tokens]).toEqual([201, [created]])
    expect(await ask('POST', '?SubAppId=2')).toMatchObject({ Tokens: [{ SubAppId: 2 }] })
    expect(await ask('POST', '?SubAppId=3')).toMatchObject({ status: 400 })
    expect(await ask('POST', '?ApiToken=')).toMatchObject({ status: 400 })
    expect(await ask('POST', '?SubAppId=2&ApiToken=of-my-choice')).toMatchObject({
      Tokens: [{ SubAppId: 2, ApiToken: 'of-my-choice' }],
    })
    expect(await ask('POST', '?SubAppId=2&ApiToken=of-my-choice')).toMatchObject({ status: 400 })
    expect(await ask('DELETE', '/of-my-choice')).toMatchObject({ status: 200 })
    time += 30_000
    const path = `/${Tokens[0].ApiToken}`
    expect(await ask('DELETE', path)).toMatchObject({
      status: 200,
      Tokens: [{ Exists: false, Listed: true }],
    })
    expect(await ask('DELETE', path)).toMatchObject({ status: 404 })
    expect((await ask('GET', '')).Tokens).toHaveLength(2)
    time += 30_000
    expect(await ask('GET', '')).toMatchObject({ Tokens: [{ SubAppId: 2, Exists: true, Listed: true }] })
  })

  it('/simulator/tokens/TOKEN takes what the token carries', async () => {
    const { simulator } = await start({ applications: [{ subAppId: 1, tokens: ['token-a'] }] })
    const put = async (token: string, body: string) => {
      const { status, text } = await exchange(simulator, {
        ...{ method: 'PUT', path: `/simulator/tokens/${token}`, body },
      })
      return { status, ...JSON.parse(text) }
    }
    const ExtInfo = '{"ip":{"127.0.0.1":true}}'
    expect(await put('token-a', ExtInfo)).toMatchObject({ status: 200, Tokens: [{ ExtInfo }] })
    expect(await put('token-a', '[]')).toMatchObject({ status: 400, Error: { Code: 'InvalidRequest' } })
    expect(await put('token-b', ExtInfo)).toMatchObject({ status: 404 })
    expect(simulator.vod.states()).toMatchObject([{ ExtInfo }])
  })

  it('/simulator/quotas sets and shows quotas', async () => {
    const { simulator } = await start({ applications: [{ subAppId: 1, tokens: ['token-a'] }] })
    const ask = async (method: string, quota?: object) => {
      const { status, text } = await exchange(simulator, {
        ...{ method, path: '/simulator/quotas' },
        ...(quota && { body: JSON.stringify(quota) }),
      })
      return { status, ...JSON.parse(text) }
    }
    const quota = { SubAppId: 1, QuotaType: 'Text', ApiToken: 'token-a', QuotaLimit: 1000 }
    expect(await ask('GET')).toEqual({ status: 200, Quotas: [] })
    const made = { ...quota, Usage: 5, Exists: true, Listed: false }
    expect(await ask('POST', { ...quota, Usage: 5 })).toEqual({ status: 201, Quotas: [made] })
    expect(await ask('GET')).toEqual({ status: 200, Quotas: [made] })
    for (const [changed, Code] of [
      [{ SubAppId: 2 }, 'ResourceNotFound.UserNotExist'],
      [{ QuotaType: 'Sound' }, 'InvalidParameterValue'],
      [{ QuotaType: 'Image' }, 'InvalidParameterValue'],
      [{ ApiToken: 'token-b' }, 'InvalidParameterValue'],
      [{ QuotaLimit: '1' }, 'InvalidParameter'],
    ] as const)
      expect(await ask('POST', { ...quota, ...changed })).toMatchObject({ status: 400, Error: { Code } })
    expect(simulator.vod.quotas.states()).toHaveLength(1)
  })

  it('/simulator/faults queues faults and clears them', async () => {
    const { simulator, call } = await start()
    const post = (body: string) => exchange(simulator, { method: 'POST', path: '/simulator/faults', body })
    const list = () => codeOf(call('DescribeAigcApiTokens', { SubAppId }))
    const fault = { kind: 'error', code: 'InternalError', message: 'on demand' }

    expect(await post(JSON.stringify({ ...fault, times: 2 }))).toMatchObject({ status: 201 })
    expect(await post('{"kind":"throttle","times":9}')).toMatchObject({ status: 201 })
    expect([await list(), await list(), await list()]).toEqual([
      'InternalError',
      'InternalError',
      'RequestLimitExceeded',
    ])
    expect(await exchange(simulator, { method: 'DELETE', path: '/simulator/faults' })).toMatchObject({
      status: 200,
    })
    expect(await list()).toBe('ok')
  })

  it.each([
    ['null', 'InvalidRequest'],
    ['{"kind":"nonsense"}', 'InvalidParameterValue'],
    ['{"kind":"error"}', 'MissingParameter'],
    ['{"kind":"slow","ms":"2"}', 'InvalidParameter'],
    ['{"kind":"hang","ms":2}', 'UnknownParameter'],
    ['{"kind":"status","status":200}', 'InvalidParameterValue'],
    ['{"kind":"hang","times":0}', 'InvalidParameter'],
  ])('/simulator/faults refuses %s with %s', async (body, code) => {
    const { simulator } = await start()
    const { status, text } = await exchange(simulator, { method: 'POST', path: '/simulator/faults', body })
    expect([status, JSON.parse(text).Error.Code]).toEqual([400, code])
  })

  it.each<[status: number, headers: Record<string, string>]>([
    [403, { Host: 'rebound.localhost' }],
    [403, { Host: '127.0.0.1.rebound.example' }],
    [403, { Origin: 'null' }],
    [403, { Origin: 'http://127.0.0.1' }],
    [201, { Host: 'localhost' }],
    [201, { Host: '[::1]:3000' }],
  ])('answers %i to %j', async (status, headers) => {
    const { simulator } = await start()
    const answer = await exchange(simulator, { method: 'POST', path: '/simulator/tokens', headers })
    expect(answer.status).toBe(status)
    expect(simulator.vod.list(SubAppId)).toHaveLength(status === 201 ? 1 : 0)
  })

  it('knows nothing else', async () => {
    const { simulator } = await start()
    expect(await exchange(simulator, { method: 'PUT', path: '/simulator/tokens' })).toMatchObject({
      status: 404,
    })
    expect(await exchange(simulator, { path: '/simulators' })).toMatchObject({ status: 200 })
    expect(simulator.calls).toHaveLength(1)
  })
})

/** A simulator that ends with the test, and its account's calls by the official SDK. */
async function start(
  options?: SimulatorOptions,
): Promise<{ simulator: TencentSimulator; call: ReturnType<typeof client> }> {
  const simulator = await startTencentSimulator(options)
  onTestFinished(() => simulator.close())
  return { simulator, call: client(simulator) }
}

function frozen(): () => number {
  const time = Date.now()
  return () => time
}

/**
 * The official SDK takes the scope's service from the first label of the endpoint and signs the host without its
 * port, so it keeps Tencent's host name, and only its connections are led to the simulator.
 */
function client(
  { port, secretId, secretKey }: TencentSimulator,
  {
    credential = { secretId, secretKey },
    endpoint = host,
  }: {
    credential?: { secretId: string; secretKey: string; token?: string }
    endpoint?: string
  } = {},
) {
  const agent = Object.assign(new Agent(), { createConnection: () => connect(port, '127.0.0.1') })
  const httpProfile = { endpoint, protocol: 'http://', agent }
  const sdk = new CommonClient(endpoint, version, { credential, profile: { httpProfile } })
  return (action: string, body: object) => sdk.request(action, body)
}

/** `ok`, or the code of the error that a call by the SDK rejects with. */
function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'ok',
    (error) => error.code,
  )
}

interface WireRequest {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly agent?: Agent
}

/** A list call as bytes, signed by the official signer and changed afterwards by `headers`. */
function signed(
  { secretId, secretKey }: TencentSimulator,
  {
    method = 'POST',
    contentType = 'application/json',
    body = '{"SubAppId":251006666}',
    headers = {},
  }: {
    method?: 'GET' | 'POST'
    contentType?: string
    body?: string | Buffer
    headers?: Readonly<Record<string, string | undefined>>
  } = {},
): WireRequest {
  const payload = Buffer.from(body)
  const timestamp = Math.floor(Date.now() / 1000)
  const all = {
    Host: host,
    'Content-Type': contentType,
    'X-TC-Action': 'DescribeAigcApiTokens',
    'X-TC-Version': version,
    'X-TC-Timestamp': `${timestamp}`,
    Authorization: officialSigner.default.sign3({
      method,
      url: `http://${host}/`,
      headers: { 'Content-Type': contentType },
      payload,
      timestamp,
      service: 'vod',
      secretId,
      secretKey,
      multipart: false,
      boundary: '',
    }),
    ...headers,
  }
  const sent = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { method, headers: Object.fromEntries(sent), body: payload }
}

/** Sends a request as it is. Rejects when no answer begins; `complete` is false when one breaks off. */
function exchange(
  { port }: TencentSimulator,
  { body, ...request }: WireRequest,
): Promise<{
  status: number
  headers: IncomingHttpHeaders
  bytes: Buffer
  text: string
  complete: boolean
  localPort: number
}> {
  return new Promise((resolve, reject) => {
    const outgoing = openRequest({ host: '127.0.0.1', port, ...request }, (incoming) => {
      const chunks: Buffer[] = []
      const localPort = incoming.socket.localPort ?? 0
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', () => {})
      incoming.on('close', () => {
        const bytes = Buffer.concat(chunks)
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          bytes,
          text: bytes.toString(),
          complete: incoming.complete,
          localPort,
        })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** A vector as it would come off the wire at the time it was signed, and what the server knows then. */
function fromVector({
  secretId,
  secretKey,
  scope,
  request,
  expected,
}: (typeof vectors)[number]): Parameters<typeof verifyTc3> {
  const { service, timestamp } = scope
  const date = new Date(timestamp * 1000).toISOString().slice(0, 10)
  const headers = Object.entries({
    ...request.headers,
    'X-TC-Timestamp': `${timestamp}`,
    Authorization:
      `TC3-HMAC-SHA256 Credential=${secretId}/${date}/${service}/tc3_request, ` +
      `SignedHeaders=${expected.signedHeaders}, Signature=${expected.signature}`,
  })
  return [
    {
      method: request.method,
      url: request.query ? `/?${request.query}` : '/',
      headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), [value]])),
      body: Buffer.from(request.body),
    },
    { service, keys: new Map([[secretId, { secretKey }]]), now: timestamp * 1000 },
  ]
}

/**
 * What of VOD changes tokens and limits them, called by Tencent's own SDK for VOD: its types say what may be sent and what
 * comes back. The list of tokens is in `simulator.test.ts`.
 */
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { vod } from 'tencentcloud-sdk-nodejs-vod'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { CallFault } from '../faults.ts'
import { type SimulatorOptions, startTencentSimulator, type TencentSimulator } from '../simulator.ts'

type VodClient = InstanceType<typeof vod.v20180717.Client>
type Fields = Readonly<Record<string, unknown>>

const SubAppId = 251006666
const lagMs = 30_000
const ip = { ip: { '127.0.0.1': true } }
const only = { RequestId: expect.any(String) }
const applications = [
  { subAppId: SubAppId, tokens: ['token-a', 'token-b'] },
  { subAppId: 2, tokens: ['token-of-2'] },
]
const text = { SubAppId, QuotaType: 'Text', ApiToken: 'token-a' }

/** Every action that changes something, with parameters that are good for an account with a Text quota on token-a. */
const goodCalls: readonly (readonly [action: keyof VodClient, body: Fields])[] = [
  ['CreateAigcApiToken', { SubAppId }],
  ['UpdateAigcApiToken', { SubAppId, ApiToken: 'token-a', ActionType: 'Merge', ExtInfo: JSON.stringify(ip) }],
  ['CreateAigcQuota', { ...text, ApiToken: 'token-b', QuotaLimit: 1000 }],
  ['ModifyAigcQuota', { ...text, QuotaLimit: 2000 }],
  ['DeleteAigcQuota', text],
  ['DescribeAigcQuotas', { ...text, Limit: 100, Offset: 0 }],
  ['DeleteAigcApiToken', { SubAppId, ApiToken: 'token-a' }],
]

describe('UpdateAigcApiToken', () => {
  it('merges by top-level name, or overwrites', async () => {
    const { sdk, extInfo, advance } = await start()
    const update = async (ActionType: string | undefined, value: Fields): Promise<unknown> => {
      const ExtInfo = JSON.stringify(value)
      expect(
        await sdk.UpdateAigcApiToken({
          ...{ SubAppId, ApiToken: 'token-a', ExtInfo },
          ...(ActionType && { ActionType }),
        }),
      ).toEqual(only)
      advance(lagMs)
      return JSON.parse((await extInfo('token-a')) ?? '')
    }
    expect(await extInfo('token-a')).toBe('{}')
    expect(await update(undefined, ip)).toEqual(ip)
    expect(await update('Merge', { label: 'ours' })).toEqual({ ...ip, label: 'ours' })
    expect(await update('Merge', { ip: { '10.0.0.1': true } })).toEqual({
      ip: { '10.0.0.1': true },
      label: 'ours',
    })
    expect(await update('Merge', { label: null })).toEqual({ ip: { '10.0.0.1': true }, label: null })
    expect(await update('Merge', {})).toEqual({ ip: { '10.0.0.1': true }, label: null })
    expect(await update('Overwrite', { label: 'theirs' })).toEqual({ label: 'theirs' })
    expect(await update('Overwrite', {})).toEqual({})
    expect(await extInfo('token-b')).toBe('{}')
  })

  it('merges with what is true, though the list shows something older', async () => {
    const { simulator, sdk, extInfo, advance } = await start()
    const update = (value: Fields) =>
      sdk.UpdateAigcApiToken({ SubAppId, ApiToken: 'token-a', ExtInfo: JSON.stringify(value) })
    await update(ip)
    advance(1)
    await update({ label: 'ours' })
    expect(await extInfo('token-a')).toBe('{}')
    expect(stateOf(simulator, 'token-a')?.ExtInfo).toBe('{"ip":{"127.0.0.1":true},"label":"ours"}')
    advance(lagMs - 2)
    expect(await extInfo('token-a')).toBe('{}')
    advance(1)
    expect(await extInfo('token-a')).toBe('{"ip":{"127.0.0.1":true}}')
    advance(1)
    expect(await extInfo('token-a')).toBe('{"ip":{"127.0.0.1":true},"label":"ours"}')
  })

  it('gives back another text than it got, of the same meaning', async () => {
    const { sdk, extInfo, advance } = await start()
    const ExtInfo = '{ "note": [2, 1], "ip": {"b": true, "a": false} }'
    await sdk.UpdateAigcApiToken({ SubAppId, ApiToken: 'token-a', ActionType: 'Overwrite', ExtInfo })
    advance(lagMs)
    expect(await extInfo('token-a')).toBe('{"ip":{"a":false,"b":true},"note":[2,1]}')
  })

  it('merges into nothing where an operator left something that is no object', async () => {
    const { simulator, sdk } = await start()
    simulator.vod.update(SubAppId, 'token-a', 'no JSON')
    await sdk.UpdateAigcApiToken({ SubAppId, ApiToken: 'token-a', ExtInfo: JSON.stringify(ip) })
    expect(stateOf(simulator, 'token-a')?.ExtInfo).toBe(JSON.stringify(ip))
  })

  it.each<[what: string, code: string, changed: Fields]>([
    ['no object', 'InvalidParameterValue', { ExtInfo: '[]' }],
    ['null', 'InvalidParameterValue', { ExtInfo: 'null' }],
    ['no JSON', 'InvalidParameterValue', { ExtInfo: '{ip:{}}' }],
    ['an empty text', 'InvalidParameterValue', { ExtInfo: '' }],
    ['no ExtInfo', 'InvalidParameterValue', { ExtInfo: undefined }],
    ['an object that is no text', 'InvalidParameter', { ExtInfo: ip }],
    ['another ActionType', 'InvalidParameterValue', { ActionType: 'merge' }],
    ['a token that is not there', 'InvalidParameterValue', { ApiToken: 'unknown' }],
    ['a token of another application', 'InvalidParameterValue', { ApiToken: 'token-of-2' }],
    ['no ApiToken', 'MissingParameter', { ApiToken: undefined }],
    ['no SubAppId', 'MissingParameter', { SubAppId: undefined }],
    ['an unknown application', 'ResourceNotFound.UserNotExist', { SubAppId: 1 }],
    ['a parameter too many', 'UnknownParameter', { Name: 'ours' }],
  ])('refuses %s with %s and changes nothing', async (_, code, changed) => {
    const { simulator, call } = await start()
    const good = { SubAppId, ApiToken: 'token-a', ActionType: 'Overwrite', ExtInfo: JSON.stringify(ip) }
    expect(await codeOf(call('UpdateAigcApiToken', { ...good, ...changed }))).toBe(code)
    expect(new Set(simulator.vod.states().map(({ ExtInfo }) => ExtInfo))).toEqual(new Set(['{}']))
  })

  it('takes a token once it is as old as the list lags, and none that was deleted', async () => {
    const { sdk, advance } = await start()
    const { ApiToken = '' } = await sdk.CreateAigcApiToken({ SubAppId })
    const update = () => codeOf(sdk.UpdateAigcApiToken({ SubAppId, ApiToken, ExtInfo: '{}' }))
    advance(lagMs - 1)
    expect(await update()).toBe('InvalidParameterValue')
    advance(1)
    expect(await update()).toBe('ok')
    await sdk.DeleteAigcApiToken({ SubAppId, ApiToken })
    expect(await update()).toBe('InvalidParameterValue')
  })
})

describe('CreateAigcApiToken', () => {
  it('makes a token that inherits nothing', async () => {
    const { simulator, sdk, extInfo, quotas, advance } = await start()
    simulator.vod.update(SubAppId, 'token-a', JSON.stringify(ip))
    simulator.vod.quotas.set({ ...text, QuotaType: 'Text', QuotaLimit: 10 })
    const { ApiToken = '' } = await sdk.CreateAigcApiToken({ SubAppId })
    advance(lagMs)
    expect(await extInfo('token-a')).toBe(JSON.stringify(ip))
    expect(await extInfo(ApiToken)).toBe('{}')
    expect(await quotas({ SubAppId, QuotaType: 'Text', ApiToken })).toEqual([])
  })
})

describe('quotas', () => {
  it('CreateAigcQuota, ModifyAigcQuota and DeleteAigcQuota show in DescribeAigcQuotas lagMs later', async () => {
    const { sdk, quotas, advance } = await start()
    const item = { QuotaType: 'Text', ApiToken: 'token-a', Usage: 0 }
    expect(await sdk.CreateAigcQuota({ ...text, QuotaLimit: 1000 })).toEqual(only)
    advance(lagMs - 1)
    expect(await quotas(text)).toEqual([])
    advance(1)
    expect(await quotas(text)).toEqual([{ ...item, QuotaLimit: 1000 }])
    expect(await sdk.ModifyAigcQuota({ ...text, QuotaLimit: 2000 })).toEqual(only)
    advance(lagMs - 1)
    expect(await quotas(text)).toEqual([{ ...item, QuotaLimit: 1000 }])
    advance(1)
    expect(await quotas(text)).toEqual([{ ...item, QuotaLimit: 2000 }])
    expect(await sdk.DeleteAigcQuota(text)).toEqual(only)
    advance(lagMs - 1)
    expect(await quotas(text)).toHaveLength(1)
    advance(1)
    expect(await sdk.DescribeAigcQuotas(text)).toEqual({ QuotaSet: [], TotalCount: 0, ...only })
  })

  it('are one for an application of Image and Video, without an ApiToken, and one for a token of Text', async () => {
    const { sdk, quotas } = await start({ lagMs: 0 })
    for (const QuotaType of ['Image', 'Video'])
      await sdk.CreateAigcQuota({ SubAppId, QuotaType, QuotaLimit: 7 })
    for (const ApiToken of ['token-a', 'token-b'])
      await sdk.CreateAigcQuota({ ...text, ApiToken, QuotaLimit: 8 })
    await sdk.CreateAigcQuota({ SubAppId: 2, QuotaType: 'Image', QuotaLimit: 9 })
    expect(await quotas({ SubAppId, QuotaType: 'Image' })).toEqual([
      { QuotaType: 'Image', QuotaLimit: 7, Usage: 0 },
    ])
    expect(await quotas({ SubAppId, QuotaType: 'Video' })).toEqual([
      { QuotaType: 'Video', QuotaLimit: 7, Usage: 0 },
    ])
    expect(await quotas({ SubAppId, QuotaType: 'Text' })).toMatchObject([
      { ApiToken: 'token-a' },
      { ApiToken: 'token-b' },
    ])
    expect(await quotas({ ...text, ApiToken: 'token-b' })).toMatchObject([{ ApiToken: 'token-b' }])
    expect(await quotas({ ...text, ApiToken: 'unknown' })).toEqual([])
    expect(await quotas({ SubAppId: 2, QuotaType: 'Text' })).toEqual([])
  })

  it('count what was used from their creation, over changes of the limit', async () => {
    const { simulator, sdk, quotas } = await start({ lagMs: 0 })
    const usage = async () => (await quotas(text))?.map(({ QuotaLimit, Usage }) => [QuotaLimit, Usage])
    await sdk.CreateAigcQuota({ ...text, QuotaLimit: 1000 })
    simulator.vod.quotas.set({ ...text, QuotaType: 'Text', QuotaLimit: 1000, Usage: 900 })
    expect(await usage()).toEqual([[1000, 900]])
    await sdk.ModifyAigcQuota({ ...text, QuotaLimit: 500 })
    expect(await usage()).toEqual([[500, 900]])
    simulator.vod.quotas.set({ ...text, QuotaType: 'Text', QuotaLimit: 2000 })
    expect(await usage()).toEqual([[2000, 900]])
    await sdk.DeleteAigcQuota(text)
    await sdk.CreateAigcQuota({ ...text, QuotaLimit: 1000 })
    expect(await usage()).toEqual([[1000, 0]])
  })

  it('of a token go with it, and do not come back with its name', async () => {
    const { simulator, sdk, quotas, advance } = await start()
    for (const ApiToken of ['token-a', 'token-b'])
      await sdk.CreateAigcQuota({ ...text, ApiToken, QuotaLimit: 5 })
    await sdk.CreateAigcQuota({ SubAppId, QuotaType: 'Image', QuotaLimit: 5 })
    advance(lagMs)
    await sdk.DeleteAigcApiToken({ SubAppId, ApiToken: 'token-a' })
    expect(await codeOf(sdk.ModifyAigcQuota({ ...text, QuotaLimit: 6 }))).toBe('InvalidParameterValue')
    expect(await quotas({ SubAppId, QuotaType: 'Text' })).toHaveLength(2)
    expect(simulator.vod.quotas.states()).toMatchObject([
      { ApiToken: 'token-a', Exists: false, Listed: true },
      { ApiToken: 'token-b', Exists: true, Listed: true },
      { QuotaType: 'Image', Exists: true, Listed: true },
    ])
    advance(lagMs)
    simulator.vod.create(SubAppId, 'token-a')
    expect(await quotas({ SubAppId, QuotaType: 'Text' })).toMatchObject([{ ApiToken: 'token-b' }])
    expect(await quotas({ SubAppId, QuotaType: 'Image' })).toHaveLength(1)
  })

  it('DescribeAigcQuotas gives pages of 10, or of 1 to 100, and counts all', async () => {
    const tokens = Array.from({ length: 25 }, (_, i) => `token-${i}`)
    const { simulator, sdk } = await start({ lagMs: 0, applications: [{ subAppId: SubAppId, tokens }] })
    for (const ApiToken of tokens)
      simulator.vod.quotas.set({ SubAppId, QuotaType: 'Text', ApiToken, QuotaLimit: 1 })
    const page = async (paging: { Limit?: number; Offset?: number }) => {
      const { QuotaSet, TotalCount } = await sdk.DescribeAigcQuotas({
        SubAppId,
        QuotaType: 'Text',
        ...paging,
      })
      expect(TotalCount).toBe(25)
      return QuotaSet?.map(({ ApiToken }) => ApiToken)
    }
    expect(await page({})).toEqual(tokens.slice(0, 10))
    expect(await page({ Offset: 20 })).toEqual(tokens.slice(20))
    expect(await page({ Offset: 25 })).toEqual([])
    expect(await page({ Limit: 100 })).toEqual(tokens)
    expect(await page({ Limit: 1, Offset: 24 })).toEqual(['token-24'])
  })

  const create = { ...text, QuotaLimit: 1000 }
  it.each<[what: string, code: string, action: keyof VodClient, body: Fields]>([
    ['another QuotaType', 'InvalidParameterValue', 'CreateAigcQuota', { ...create, QuotaType: 'text' }],
    ['Text without a token', 'InvalidParameterValue', 'CreateAigcQuota', { ...create, ApiToken: undefined }],
    ['Text without a token', 'InvalidParameterValue', 'DeleteAigcQuota', { SubAppId, QuotaType: 'Text' }],
    ['Image with a token', 'InvalidParameterValue', 'CreateAigcQuota', { ...create, QuotaType: 'Image' }],
    ['Image with a token', 'InvalidParameterValue', 'DescribeAigcQuotas', { ...text, QuotaType: 'Image' }],
    ['an unknown token', 'InvalidParameterValue', 'CreateAigcQuota', { ...create, ApiToken: 'unknown' }],
    ['an empty token', 'InvalidParameterValue', 'CreateAigcQuota', { ...create, ApiToken: '' }],
    ["another's token", 'InvalidParameterValue', 'CreateAigcQuota', { ...create, ApiToken: 'token-of-2' }],
    ['what is not there', 'InvalidParameterValue', 'ModifyAigcQuota', create],
    ['what is not there', 'InvalidParameterValue', 'DeleteAigcQuota', text],
    ['pages of 0', 'InvalidParameterValue', 'DescribeAigcQuotas', { ...text, Limit: 0 }],
    ['pages of 101', 'InvalidParameterValue', 'DescribeAigcQuotas', { ...text, Limit: 101 }],
    ['a negative Offset', 'InvalidParameter', 'DescribeAigcQuotas', { ...text, Offset: -1 }],
    ['no QuotaType', 'MissingParameter', 'DescribeAigcQuotas', { SubAppId }],
    ['no SubAppId', 'MissingParameter', 'DescribeAigcQuotas', { QuotaType: 'Image' }],
    ['no QuotaLimit', 'MissingParameter', 'CreateAigcQuota', text],
    ['no QuotaLimit', 'MissingParameter', 'ModifyAigcQuota', text],
    ['a QuotaLimit in quotes', 'InvalidParameter', 'CreateAigcQuota', { ...text, QuotaLimit: '1000' }],
    ['a negative QuotaLimit', 'InvalidParameter', 'CreateAigcQuota', { ...text, QuotaLimit: -1 }],
    ['a QuotaLimit', 'UnknownParameter', 'DeleteAigcQuota', create],
    [
      'an unknown application',
      'ResourceNotFound.UserNotExist',
      'CreateAigcQuota',
      { ...create, SubAppId: 1 },
    ],
    [
      'an unknown application',
      'ResourceNotFound.UserNotExist',
      'ModifyAigcQuota',
      { ...create, SubAppId: 1 },
    ],
    ['an unknown application', 'ResourceNotFound.UserNotExist', 'DeleteAigcQuota', { ...text, SubAppId: 1 }],
    [
      'an unknown application',
      'ResourceNotFound.UserNotExist',
      'DescribeAigcQuotas',
      { ...text, SubAppId: 1 },
    ],
  ])('answer %s with %s to %s', async (_, code, action, body) => {
    const { simulator, call } = await start()
    expect(await codeOf(call(action, body))).toBe(code)
    expect(simulator.vod.quotas.states()).toEqual([])
  })

  it('CreateAigcQuota refuses a second one, and a token that is younger than lagMs', async () => {
    const { sdk, advance } = await start()
    const createFor = (ApiToken = '') => codeOf(sdk.CreateAigcQuota({ ...text, ApiToken, QuotaLimit: 1 }))
    expect(await createFor('token-a')).toBe('ok')
    expect(await createFor('token-a')).toBe('InvalidParameterValue')
    const { ApiToken } = await sdk.CreateAigcApiToken({ SubAppId })
    advance(lagMs - 1)
    expect(await createFor(ApiToken)).toBe('InvalidParameterValue')
    advance(1)
    expect(await createFor(ApiToken)).toBe('ok')
  })

  it('vod.quotas sets and deletes by hand, also the text of a whole application', async () => {
    const { simulator, quotas } = await start({ lagMs: 0 })
    const whole = { SubAppId, QuotaType: 'Text' } as const
    const { quotas: hand } = simulator.vod
    hand.set({ ...whole, QuotaLimit: 3, Usage: 1 })
    expect(await quotas(whole)).toEqual([{ QuotaType: 'Text', QuotaLimit: 3, Usage: 1 }])
    expect(await quotas(text)).toEqual([])
    hand.delete(whole)
    expect(await quotas(whole)).toEqual([])
    expect(() => hand.delete(whole)).toThrow('does not exist')
    expect(() => hand.set({ ...whole, ApiToken: 'unknown', QuotaLimit: 1 })).toThrow('does not exist')
    expect(() => hand.set({ ...whole, SubAppId: 1, QuotaLimit: 1 })).toThrow('does not exist')
    const fresh = simulator.vod.create(SubAppId)
    hand.set({ ...whole, ApiToken: fresh, QuotaLimit: 1 })
    expect(hand.states()).toHaveLength(1)
  })
})

describe('every action on tokens and quotas', () => {
  it.each(goodCalls)('%s takes 20 calls in a second, whatever comes of them', async (action, body) => {
    const { call, advance } = await startWithQuota()
    for (let i = 0; i < 20; i++)
      expect(await codeOf(call(action, { ...body, SubAppId: 1 }))).toBe('ResourceNotFound.UserNotExist')
    expect(await codeOf(call(action, body))).toBe('RequestLimitExceeded')
    expect(await codeOf(call('DescribeAigcApiTokens', { SubAppId }))).toBe('ok')
    advance(1000)
    expect(await codeOf(call(action, { ...body, SubAppId: 1 }))).toBe('ResourceNotFound.UserNotExist')
  })

  it.each(goodCalls)('%s is refused to a key that may not', async (action, body) => {
    const { simulator, call } = await startWithQuota()
    const before = picture(simulator)
    const key = { secretKey: simulator.secretKey, denied: new Set([`vod:${action}`]) }
    simulator.keys.set(simulator.secretId, key)
    for (let i = 0; i < 21; i++) {
      const refused = call(action, body)
      await expect(refused).rejects.toMatchObject({
        code: 'UnauthorizedOperation',
        message: expect.stringMatching(
          `^\\[request id:[0-9a-f-]{36}\\]you are not authorized to perform operation \\(vod:${action}\\)\nresource \\(\\*\\) has no permission$`,
        ),
      })
    }
    expect(picture(simulator)).toEqual(before)
    const other = action === 'DescribeAigcQuotas' ? 'DescribeAigcApiTokens' : 'DescribeAigcQuotas'
    expect(await codeOf(call(other, other === 'DescribeAigcQuotas' ? text : { SubAppId }))).toBe('ok')
    key.denied.clear()
    expect(await codeOf(call(action, body))).toBe('ok')
  })

  it('a key that may not, and whose signature is wrong, is told of the signature', async () => {
    const { simulator, call } = await startWithQuota()
    const denied = new Set(['vod:CreateAigcApiToken'])
    simulator.keys.set(simulator.secretId, { secretKey: 'another', denied })
    expect(await codeOf(call('CreateAigcApiToken', { SubAppId }))).toBe('AuthFailure.SignatureFailure')
  })

  const changes = goodCalls.filter(([action]) => action !== 'DescribeAigcQuotas')
  it.each(changes)('%s takes place, though its answer is lost', async (action, body) => {
    const { simulator, call } = await startWithQuota()
    const before = picture(simulator)
    simulator.fail({ kind: 'lost-answer' }, 1, action)
    expect(await codeOf(call(action, body))).not.toBe('ok')
    expect(simulator.calls).toMatchObject([{ action, outcome: 'ok' }])
    expect(picture(simulator)).not.toEqual(before)
  })

  it.each(changes)('%s changes nothing while it hangs', async (action, body) => {
    const { simulator, call } = await startWithQuota()
    const before = picture(simulator)
    simulator.fail({ kind: 'hang' }, 1, action)
    const unanswered = codeOf(call(action, body))
    await vi.waitFor(() => expect(simulator.calls).toMatchObject([{ outcome: 'hang' }]), { timeout: 30_000 })
    expect(picture(simulator)).toEqual(before)
    await simulator.close()
    expect(await unanswered).not.toBe('ok')
  })

  const harmless: readonly CallFault[] = [
    { kind: 'throttle' },
    { kind: 'error', code: 'FailedOperation.DBError' },
    { kind: 'old-error', code: 'InternalError' },
    { kind: 'status', status: 502 },
    { kind: 'reset' },
    { kind: 'html' },
  ]
  it.each(changes)('%s changes nothing when it meets a fault before it is run', async (action, body) => {
    const { simulator, call } = await startWithQuota()
    const before = picture(simulator)
    for (const fault of harmless) {
      simulator.fail(fault, 1, action)
      // An error in the form of API 2.0 is none to the SDK.
      await call(action, body).catch(() => {})
      expect(picture(simulator)).toEqual(before)
    }
    expect(simulator.calls.map(({ outcome }) => outcome)).toEqual([
      'RequestLimitExceeded',
      'FailedOperation.DBError',
      'InternalError',
      'status',
      'reset',
      'html',
    ])
    expect(await codeOf(call(action, body))).toBe('ok')
    expect(picture(simulator)).not.toEqual(before)
  })

  it('UpdateAigcApiToken and quotas do not use up faults of lists', async () => {
    const { simulator, call } = await startWithQuota()
    simulator.fail({ kind: 'empty-list' })
    for (const [action, body] of goodCalls) expect(await codeOf(call(action, body))).toBe('ok')
    expect(await call('DescribeAigcApiTokens', { SubAppId })).toMatchObject({ ApiTokens: [] })
  })
})

/** As `goodCalls` need it. */
async function startWithQuota(): ReturnType<typeof start> {
  const started = await start()
  started.simulator.vod.quotas.set({ SubAppId, QuotaType: 'Text', ApiToken: 'token-a', QuotaLimit: 1 })
  return started
}

/** An account with a clock of its own, and what the SDK asks of it. */
async function start(options: SimulatorOptions = {}): Promise<{
  simulator: TencentSimulator
  sdk: VodClient
  /** For bodies that the SDK's types forbid. */
  call(action: keyof VodClient, body: Fields): Promise<unknown>
  advance(ms: number): void
  extInfo(token: string): Promise<string | undefined>
  quotas(
    which: Parameters<VodClient['DescribeAigcQuotas']>[0],
  ): Promise<Awaited<ReturnType<VodClient['DescribeAigcQuotas']>>['QuotaSet']>
}> {
  let time = Date.now()
  const simulator = await startTencentSimulator({
    ...{ applications, extInfos: true, lagMs, now: () => time },
    ...options,
  })
  onTestFinished(() => simulator.close())
  const { port, secretId, secretKey } = simulator
  const agent = Object.assign(new Agent(), { createConnection: () => connect(port, '127.0.0.1') })
  const sdk = new vod.v20180717.Client({
    credential: { secretId, secretKey },
    profile: { httpProfile: { endpoint: 'vod.intl.tencentcloudapi.com', protocol: 'http://', agent } },
  })
  return {
    simulator,
    sdk,
    call: (action, body) => sdk.request(action, body),
    advance: (ms) => {
      time += ms
      simulator.clockOffsetMs -= ms
    },
    extInfo: async (token) => {
      const { ApiTokens = [], ExtInfos } = await sdk.DescribeAigcApiTokens({ SubAppId })
      return ExtInfos?.[ApiTokens.indexOf(token)]
    },
    quotas: async (which) => (await sdk.DescribeAigcQuotas(which)).QuotaSet,
  }
}

function stateOf({ vod }: TencentSimulator, token: string) {
  return vod.states().find(({ ApiToken }) => ApiToken === token)
}

/** All that calls may change. */
function picture({ vod }: TencentSimulator): object {
  return { tokens: vod.states(), quotas: vod.quotas.states() }
}

/** `ok`, or the code of the error that a call rejects with. */
function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'ok',
    (error) => error.code ?? error.message,
  )
}

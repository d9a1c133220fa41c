/**
 * The simulator's SSM, called by Tencent's own SDK for it: what the SDK sends and expects is what the simulator has
 * to take and to give.
 */
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { ssm } from 'tencentcloud-sdk-nodejs-ssm'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type SimulatorOptions, startTencentSimulator, type TencentSimulator } from '../simulator.ts'
import type { SecretStatus } from '../ssm.ts'

const region = 'ap-singapore'
const SecretName = 'prod-aigc_1'
const VersionId = 'current'
const SecretString = '{"ApiToken":"a"}'
const daySeconds = 86_400

/** Every action, with parameters that are good for an enabled secret that has the version `current`. */
const goodCalls: readonly (readonly [action: string, body: Readonly<Record<string, unknown>>])[] = [
  ['CreateSecret', { SecretName: 'new', SecretString }],
  ['PutSecretValue', { SecretName, VersionId: 'next', SecretString }],
  ['UpdateSecret', { SecretName, VersionId, SecretString }],
  ['GetSecretValue', { SecretName, VersionId }],
  ['DescribeSecret', { SecretName }],
  ['ListSecretVersionIds', { SecretName }],
  ['DeleteSecretVersion', { SecretName, VersionId }],
  ['DeleteSecret', { SecretName }],
  ['RestoreSecret', { SecretName }],
  ['EnableSecret', { SecretName }],
  ['DisableSecret', { SecretName }],
  ['UpdateDescription', { SecretName, Description: '' }],
]

describe('secrets and their versions', () => {
  it('CreateSecret makes an enabled custom secret that GetSecretValue and DescribeSecret give back', async () => {
    const { simulator, sdk, advance } = await start()
    const created = seconds(advance(0))
    expect(
      await sdk.CreateSecret({
        SecretName,
        VersionId,
        Description: 'vod-aigc-tokens: mirrored',
        SecretType: 0,
        SecretString,
        KmsKeyId: 'key',
        EncryptType: 1,
        AdditionalConfig: '{}',
        KmsHsmClusterId: 'cluster',
        Tags: [{ TagKey: 'team', TagValue: 'video' }],
      }),
    ).toEqual({ SecretName, VersionId, TagCode: 0, TagMsg: '', RequestId: expect.any(String) })
    advance(60_000)
    expect(await sdk.GetSecretValue({ SecretName, VersionId })).toEqual({
      SecretName,
      VersionId,
      SecretString,
      SecretBinary: '',
      RequestId: expect.any(String),
    })
    expect(await sdk.DescribeSecret({ SecretName })).toMatchObject({
      SecretName,
      Description: 'vod-aigc-tokens: mirrored',
      KmsKeyId: 'key',
      EncryptType: 1,
      AdditionalConfig: '{}',
      Status: 'Enabled',
      DeleteTime: 0,
      CreateTime: created,
      SecretType: 0,
      RotationStatus: false,
      CreateUinString: expect.stringMatching(/^\d+$/),
    })
    expect(simulator.ssm.secrets(region)).toEqual([
      {
        SecretName,
        Description: 'vod-aigc-tokens: mirrored',
        Status: 'Enabled',
        RotationStatus: false,
        SecretType: 0,
        DeleteTime: 0,
        Tags: [{ TagKey: 'team', TagValue: 'video' }],
        Versions: { current: SecretString },
      },
    ])
  })

  it('CreateSecret calls the version SSM_Current when the caller does not name it', async () => {
    const { simulator, sdk } = await start()
    expect(await sdk.CreateSecret({ SecretName: 'a', SecretString })).toMatchObject({
      VersionId: 'SSM_Current',
    })
    await sdk.CreateSecret({ SecretName: 'b', VersionId: '', SecretString })
    expect(simulator.ssm.versions(region, 'b')).toEqual({ SSM_Current: SecretString })
  })

  it('GetSecretValue gives binary content back as base64', async () => {
    const { simulator, sdk } = await start()
    const SecretBinary = Buffer.from([0, 255, 1]).toString('base64')
    await sdk.CreateSecret({ SecretName, VersionId, SecretBinary })
    expect(await sdk.GetSecretValue({ SecretName, VersionId })).toMatchObject({
      SecretBinary,
      SecretString: '',
    })
    expect(simulator.ssm.versions(region, SecretName)).toEqual({ current: SecretBinary })
  })

  it('PutSecretValue adds a version, and UpdateSecret overwrites one', async () => {
    const { simulator, sdk } = await startWithSecret()
    const previous = { SecretName, VersionId: 'previous' }
    expect(await sdk.PutSecretValue({ ...previous, SecretString: 'before' })).toMatchObject(previous)
    expect(await sdk.UpdateSecret({ SecretName, VersionId, SecretString: 'after' })).toMatchObject({
      SecretName,
      VersionId,
    })
    expect(simulator.ssm.versions(region, SecretName)).toEqual({ current: 'after', previous: 'before' })
    expect(await sdk.GetSecretValue(previous)).toMatchObject({ SecretString: 'before' })
    await sdk.UpdateSecret({ ...previous, SecretBinary: 'AAAA' })
    expect(await sdk.GetSecretValue(previous)).toMatchObject({ SecretString: '', SecretBinary: 'AAAA' })
  })

  it('PutSecretValue refuses a version that exists, with a full secret too', async () => {
    const { simulator, sdk } = await startWithSecret()
    const put = () => codeOf(sdk.PutSecretValue({ SecretName, VersionId, SecretString: 'other' }))
    expect(await put()).toBe('ResourceInUse.VersionIdExists')
    simulator.ssm.put(region, SecretName, versionsUpTo(9))
    expect(await put()).toBe('ResourceInUse.VersionIdExists')
    expect(simulator.ssm.versions(region, SecretName)).toMatchObject({ current: SecretString })
  })

  it('PutSecretValue stops at 10 versions, and goes on after DeleteSecretVersion', async () => {
    const { simulator, sdk } = await startWithSecret()
    simulator.ssm.put(region, SecretName, versionsUpTo(8))
    const put = (id: string) => codeOf(sdk.PutSecretValue({ SecretName, VersionId: id, SecretString }))
    expect(await put('tenth')).toBe('ok')
    expect(await put('eleventh')).toBe('LimitExceeded')
    const tenth = { SecretName, VersionId: 'tenth' }
    expect(await sdk.DeleteSecretVersion(tenth)).toMatchObject(tenth)
    expect(await codeOf(sdk.GetSecretValue(tenth))).toBe('ResourceNotFound')
    expect(await put('eleventh')).toBe('ok')
  })

  it('ListSecretVersionIds lists versions with the time they were added, not updated', async () => {
    const { sdk, advance } = await startWithSecret()
    const created = seconds(advance(0))
    advance(10_000)
    await sdk.PutSecretValue({ SecretName, VersionId: 'next', SecretString })
    await sdk.UpdateSecret({ SecretName, VersionId, SecretString: 'after' })
    const { Versions } = await sdk.ListSecretVersionIds({ SecretName })
    expect(Versions).toEqual([
      { VersionId: 'current', CreateTime: created },
      { VersionId: 'next', CreateTime: created + 10 },
    ])
  })

  it('DeleteSecretVersion leaves a secret without versions behind', async () => {
    const { simulator, sdk } = await startWithSecret()
    await sdk.DeleteSecretVersion({ SecretName, VersionId })
    expect(await sdk.ListSecretVersionIds({ SecretName })).toMatchObject({ Versions: [] })
    expect(await sdk.DescribeSecret({ SecretName })).toMatchObject({ Status: 'Enabled' })
    expect(simulator.ssm.versions(region, SecretName)).toEqual({})
  })

  it('UpdateDescription replaces the description', async () => {
    const { sdk } = await startWithSecret()
    expect(await sdk.UpdateDescription({ SecretName, Description: 'after' })).toMatchObject({ SecretName })
    expect(await sdk.DescribeSecret({ SecretName })).toMatchObject({ Description: 'after' })
  })

  it('CreateSecret refuses a name that exists, and leaves that secret alone', async () => {
    const { simulator, sdk } = await startWithSecret()
    const again = sdk.CreateSecret({ SecretName, VersionId: 'other', SecretString: 'other' })
    expect(await codeOf(again)).toBe('ResourceInUse.SecretExists')
    expect(simulator.ssm.versions(region, SecretName)).toEqual({ current: SecretString })
  })

  it('CreateSecret stops at 1000 secrets in a region', async () => {
    const { simulator, sdk } = await start()
    for (let i = 0; i < 999; i++) simulator.ssm.put(region, `secret-${i}`, {})
    const create = (name: string) => codeOf(sdk.CreateSecret({ SecretName: name, SecretString }))
    expect(await create('thousandth')).toBe('ok')
    expect(await create('one-more')).toBe('LimitExceeded')
    expect(await create('thousandth')).toBe('ResourceInUse.SecretExists')
    const elsewhere = client(simulator, { region: 'ap-hongkong' })
    expect(await codeOf(elsewhere.CreateSecret({ SecretName: 'one-more', SecretString }))).toBe('ok')
  })
})

describe('regions', () => {
  it('CreateSecret makes a secret in its region only', async () => {
    const { simulator, sdk } = await startWithSecret()
    const elsewhere = client(simulator, { region: 'ap-hongkong' })
    expect(await codeOf(elsewhere.DescribeSecret({ SecretName }))).toBe('ResourceNotFound')
    await elsewhere.CreateSecret({ SecretName, VersionId, SecretString: 'elsewhere' })
    expect(await sdk.GetSecretValue({ SecretName, VersionId })).toMatchObject({ SecretString })
    expect(simulator.ssm.versions('ap-hongkong', SecretName)).toEqual({ current: 'elsewhere' })
    expect(simulator.ssm.secrets('ap-guangzhou')).toEqual([])
  })

  it('startTencentSimulator opens SSM in the regions asked for', async () => {
    const { simulator, sdk } = await start({ regions: ['moon-1'] })
    const onTheMoon = client(simulator, { region: 'moon-1' })
    expect(await codeOf(onTheMoon.CreateSecret({ SecretName, SecretString }))).toBe('ok')
    expect(await codeOf(sdk.CreateSecret({ SecretName, SecretString }))).toBe('UnsupportedRegion')
  })

  it('startTencentSimulator wants the scope ssm for SSM', async () => {
    const { simulator } = await startWithSecret()
    const sdk = client(simulator, { endpoint: 'vod.intl.tencentcloudapi.com' })
    expect(await codeOf(sdk.DescribeSecret({ SecretName }))).toBe('AuthFailure.InvalidAuthorization')
  })
})

describe.each(goodCalls)('every action: %s', (action, body) => {
  const callsPerSecond = action === 'UpdateSecret' ? 50 : 100

  it(`${action} needs a region, and one where SSM exists, before all else`, async () => {
    const { simulator } = await startWithSecret()
    simulator.ssm.forbid(simulator.secretId, action)
    simulator.ssm.purchased = false
    const codeIn = (region: string) => codeOf(client(simulator, { region }).request(action, { ...body }))
    expect(await codeIn('')).toBe('MissingParameter')
    expect(await codeIn('ap-nowhere')).toBe('UnsupportedRegion')
  })

  it(`${action} is refused while the service is not switched on`, async () => {
    const { simulator, sdk } = await startWithSecret()
    simulator.ssm.purchased = false
    expect(await codeOf(sdk.request(action, { ...body }))).toBe('ResourceUnavailable.NotPurchased')
    simulator.ssm.purchased = true
    expect(await codeOf(sdk.request(action, { ...body }))).toMatch(/^(ok|FailedOperation)$/)
  })

  it(`${action} is refused to a key that may not, and to no other key and no other action`, async () => {
    const { simulator, sdk } = await startWithSecret()
    simulator.keys.set('other', { secretKey: 'other key' })
    const other = client(simulator, { credential: { secretId: 'other', secretKey: 'other key' } })
    const neighbour = action === 'DescribeSecret' ? 'ListSecretVersionIds' : 'DescribeSecret'
    simulator.ssm.forbid(simulator.secretId, action)
    expect(await codeOf(sdk.request(action, { ...body }))).toBe('UnauthorizedOperation')
    expect(await codeOf(sdk.request(neighbour, { SecretName }))).toBe('ok')
    simulator.ssm.forbid(simulator.secretId, action, 'AuthFailure.UnauthorizedOperation')
    expect(await codeOf(sdk.request(action, { ...body }))).toBe('AuthFailure.UnauthorizedOperation')
    expect(await codeOf(other.request(action, { ...body }))).toMatch(/^(ok|FailedOperation)$/)
    simulator.ssm.allow(simulator.secretId, action)
    expect(await codeOf(sdk.request(action, { ...body }))).not.toMatch(/Unauthorized/)
  })

  it(`${action} needs a secret that exists, and each of its required parameters, and no unknown one`, async () => {
    const { sdk } = await startWithSecret()
    const optional = ['SecretString', 'RecoveryWindowInDays']
    for (const name of Object.keys(body).filter((name) => !optional.includes(name))) {
      const { [name]: _, ...others } = body
      expect([name, await codeOf(sdk.request(action, others))]).toEqual([name, 'MissingParameter'])
      const wrong = { ...body, [name]: 1 }
      expect([name, await codeOf(sdk.request(action, wrong))]).toEqual([name, 'InvalidParameter'])
    }
    expect(await codeOf(sdk.request(action, { ...body, Nonsense: 1 }))).toBe('UnknownParameter')
    if (action === 'CreateSecret') return
    expect(await codeOf(sdk.request(action, { ...body, SecretName: 'unknown' }))).toBe(
      action === 'GetSecretValue' ? 'ResourceNotFound.SecretNotExist' : 'ResourceNotFound',
    )
  })

  it(`${action} takes ${callsPerSecond} calls in a second`, async () => {
    const { sdk } = await start()
    const calls = Array.from({ length: callsPerSecond + 2 }, () => codeOf(sdk.request(action, {})))
    expect((await Promise.all(calls)).sort()).toEqual([
      ...Array(callsPerSecond).fill('MissingParameter'),
      'RequestLimitExceeded',
      'RequestLimitExceeded',
    ])
  })
})

describe('parameters', () => {
  const name = (SecretName: string) => ({ SecretName, SecretString })
  const version = (VersionId: string) => ({ SecretName: 'new', VersionId, SecretString })
  const create = (fields: object) => ({ SecretName: 'new', ...fields })
  const created = (fields: object) => ({ SecretName: 'new', SecretString, ...fields })
  const tag = { TagKey: 'team', TagValue: 'video' }
  const invalid = 'InvalidParameterValue'
  const kib = 1024

  it.each<[what: string, code: string, body: object]>([
    ['a name of 128 bytes', 'ok', name('a'.repeat(128))],
    ['a name of 129 bytes', invalid, name('a'.repeat(129))],
    ['a name that starts with a digit', 'ok', name('1_a-B')],
    ['a name that starts with a hyphen', invalid, name('-a')],
    ['a name that starts with an underscore', invalid, name('_a')],
    ['a name with a dot', invalid, name('a.b')],
    ['a name with a slash', invalid, name('a/b')],
    ['a name with a letter that is not ASCII', invalid, name('ä')],
    ['a name with a line break', invalid, name('a\n')],
    ['no name', invalid, name('')],
    ['a version of 64 bytes', 'ok', version('a'.repeat(64))],
    ['a version of 65 bytes', invalid, version('a'.repeat(65))],
    ['a version with all that it may have', 'ok', version('1.a_B-2')],
    ['a version that starts with a dot', invalid, version('.a')],
    ['a version with a space', invalid, version('a b')],
    ['a version with a line break', invalid, version('a\n')],
    ['a description of 2048 bytes', 'ok', created({ Description: 'é'.repeat(1024) })],
    ['a description of 2049 bytes', invalid, created({ Description: `${'é'.repeat(1024)}.` })],
    ['no value', invalid, create({})],
    ['an empty value', invalid, create({ SecretString: '' })],
    ['two empty values', invalid, create({ SecretString: '', SecretBinary: '' })],
    ['two values', invalid, create({ SecretString: 'a', SecretBinary: 'AAAA' })],
    ['a value and an empty one', 'ok', create({ SecretString: '', SecretBinary: 'AAAA' })],
    ['a text of 32 KB', 'ok', create({ SecretString: 'é'.repeat(16 * kib) })],
    ['a text of 32 KB and a byte', invalid, create({ SecretString: `${'é'.repeat(16 * kib)}.` })],
    ['base64 of 32 KB', 'ok', create({ SecretBinary: 'A'.repeat(32 * kib) })],
    ['base64 of more than 32 KB', invalid, create({ SecretBinary: 'A'.repeat(32 * kib + 4) })],
    ['binary that is not base64', invalid, create({ SecretBinary: 'AAA' })],
    ['a value that is no text', 'InvalidParameter', create({ SecretString: { ApiToken: 'a' } })],
    ['the type of a product', invalid, created({ SecretType: 1 })],
    ['a type in quotes', 'InvalidParameter', created({ SecretType: '0' })],
    ['encryption by software', 'ok', created({ EncryptType: 1 })],
    ['an unknown encryption', invalid, created({ EncryptType: 2 })],
    ['tags', 'ok', created({ Tags: [tag, { ...tag, TagKey: 'stage' }] })],
    ['a tag twice', 'InvalidParameterValue.TagKeysDuplicated', created({ Tags: [tag, tag] })],
    ['a tag without a value', 'MissingParameter', created({ Tags: [{ TagKey: 'team' }] })],
    ['a tag that is no object', 'InvalidParameter', created({ Tags: ['team'] })],
    ['tags that are no array', 'InvalidParameter', created({ Tags: tag })],
  ])('CreateSecret answers %s with %s', async (_, code, body) => {
    const { simulator, sdk } = await start()
    expect(await codeOf(sdk.request('CreateSecret', body))).toBe(code)
    expect(simulator.ssm.secrets(region)).toHaveLength(code === 'ok' ? 1 : 0)
  })

  it.each<[action: string, what: string, code: string, body: object]>([
    ['PutSecretValue', 'a version with a space', invalid, { VersionId: 'a b', SecretString }],
    ['PutSecretValue', 'an empty version', invalid, { VersionId: '', SecretString }],
    ['PutSecretValue', 'no value', invalid, { VersionId: 'next' }],
    ['PutSecretValue', 'two values', invalid, { VersionId: 'next', SecretString, SecretBinary: 'AAAA' }],
    ['PutSecretValue', 'a long text', invalid, { VersionId: 'next', SecretString: 'a'.repeat(32 * kib + 1) }],
    ['UpdateSecret', 'no value', invalid, { VersionId }],
    ['UpdateSecret', 'two values', invalid, { VersionId, SecretString, SecretBinary: 'AAAA' }],
    ['UpdateSecret', 'a long text', invalid, { VersionId, SecretString: 'a'.repeat(32 * kib + 1) }],
    ['UpdateSecret', 'an unknown version', 'ResourceNotFound', { VersionId: 'unknown', SecretString }],
    ['GetSecretValue', 'an unknown version', 'ResourceNotFound', { VersionId: 'unknown' }],
    ['DeleteSecretVersion', 'an unknown version', 'ResourceNotFound', { VersionId: 'unknown' }],
    ['UpdateDescription', 'a long description', invalid, { Description: 'a'.repeat(2049) }],
    ['DeleteSecret', 'a wait of 31 days', invalid, { RecoveryWindowInDays: 31 }],
    ['DeleteSecret', 'a wait below 0', 'InvalidParameter', { RecoveryWindowInDays: -1 }],
    ['DeleteSecret', 'CleanSSHKey in words', 'InvalidParameter', { CleanSSHKey: 'True' }],
  ])('%s answers %s with %s, and changes nothing', async (action, _, code, body) => {
    const { simulator, sdk } = await startWithSecret()
    await sdk.DisableSecret({ SecretName })
    if (action === 'GetSecretValue') await sdk.EnableSecret({ SecretName })
    const before = simulator.ssm.secrets(region)
    expect(await codeOf(sdk.request(action, { SecretName, ...body }))).toBe(code)
    expect(simulator.ssm.secrets(region)).toEqual(before)
  })

  it('SSM tells nobody the value that it refuses', async () => {
    const { simulator, sdk } = await startWithSecret()
    const marked = 'marked-secret!'
    simulator.ssm.set(region, SecretName, { RotationStatus: true })
    const refused = [
      sdk.CreateSecret({ SecretName, SecretString: marked }),
      sdk.CreateSecret({ SecretName: 'new', SecretBinary: marked }),
      sdk.CreateSecret({ SecretName: 'new', SecretString: marked, SecretBinary: marked }),
      sdk.UpdateSecret({ SecretName, VersionId, SecretString: marked }),
      sdk.UpdateSecret({ SecretName, VersionId, SecretString: marked.repeat(9999) }),
    ]
    for (const call of refused) await expect(call).rejects.toThrow(/^(?!.*marked-secret).+$/)
  })
})

describe('states', () => {
  const ok = 'ok'
  const failed = 'FailedOperation'
  const exists = 'ResourceInUse.SecretExists'
  const disabled = 'ResourceUnavailable.ResourceDisabled'
  const pendingDeleted = 'ResourceUnavailable.ResourcePendingDeleted'
  const uninitialized = 'ResourceUnavailable.ResourceUninitialized'
  const columns: readonly SecretStatus[] = ['Enabled', 'Disabled', 'PendingDelete', 'Creating', 'Failed']
  const again = { SecretName, SecretString }

  it.each<[action: string, codes: readonly string[], body?: object]>([
    ['CreateSecret', [exists, exists, exists, exists, exists], again],
    ['PutSecretValue', [ok, ok, failed, failed, failed]],
    ['UpdateSecret', [ok, ok, failed, failed, failed]],
    ['GetSecretValue', [ok, disabled, pendingDeleted, uninitialized, uninitialized]],
    ['DescribeSecret', [ok, ok, ok, ok, ok]],
    ['ListSecretVersionIds', [ok, ok, ok, ok, ok]],
    ['DeleteSecretVersion', [ok, ok, ok, ok, ok]],
    ['DeleteSecret', [failed, ok, failed, failed, failed]],
    ['DeleteSecret', [failed, ok, failed, failed, failed], { SecretName, RecoveryWindowInDays: 7 }],
    ['RestoreSecret', [failed, failed, ok, failed, failed]],
    ['EnableSecret', [ok, ok, failed, failed, failed]],
    ['DisableSecret', [ok, ok, failed, failed, failed]],
    ['UpdateDescription', [ok, ok, failed, failed, failed]],
  ])('%s answers in Enabled, Disabled, PendingDelete, Creating, Failed: %j', async (action, codes, body) => {
    const [, good = {}] = goodCalls.find(([name]) => name === action) ?? []
    const seen: string[] = []
    for (const Status of columns) {
      const { simulator, sdk } = await startWithSecret()
      simulator.ssm.set(region, SecretName, { Status })
      expect(await sdk.DescribeSecret({ SecretName })).toMatchObject({ Status })
      seen.push(await codeOf(sdk.request(action, { ...(body ?? good) })))
    }
    expect(seen).toEqual(codes)
  })

  it('DisableSecret hides the value, and EnableSecret shows it again', async () => {
    const { sdk } = await startWithSecret()
    const get = () => codeOf(sdk.GetSecretValue({ SecretName, VersionId }))
    expect(await sdk.DisableSecret({ SecretName })).toMatchObject({ SecretName })
    expect(await sdk.DescribeSecret({ SecretName })).toMatchObject({ Status: 'Disabled' })
    expect(await get()).toBe(disabled)
    expect(await sdk.EnableSecret({ SecretName })).toMatchObject({ SecretName })
    expect(await sdk.DescribeSecret({ SecretName })).toMatchObject({ Status: 'Enabled' })
    expect(await get()).toBe('ok')
  })

  it.each([undefined, 0])('DeleteSecret with a wait of %s is done at once', async (days) => {
    const { simulator, sdk, advance } = await startWithSecret()
    await sdk.DisableSecret({ SecretName })
    const wait = days === undefined ? {} : { RecoveryWindowInDays: days }
    expect(await sdk.DeleteSecret({ SecretName, ...wait, CleanSSHKey: false })).toMatchObject({
      SecretName,
      DeleteTime: seconds(advance(0)),
    })
    expect(simulator.ssm.secrets(region)).toEqual([])
    expect(await codeOf(sdk.RestoreSecret({ SecretName }))).toBe('ResourceNotFound')
    expect(await codeOf(sdk.CreateSecret({ SecretName, SecretString }))).toBe('ok')
  })

  it('DeleteSecret waits as long as asked, and RestoreSecret brings the secret back, disabled', async () => {
    const { sdk, advance } = await startWithSecret()
    await sdk.DisableSecret({ SecretName })
    const due = seconds(advance(0)) + 30 * daySeconds
    const removal = sdk.DeleteSecret({ SecretName, RecoveryWindowInDays: 30 })
    expect(await removal).toMatchObject({ SecretName, DeleteTime: due })
    advance(30 * daySeconds * 1000 - 1)
    expect(await sdk.DescribeSecret({ SecretName })).toMatchObject({
      Status: 'PendingDelete',
      DeleteTime: due,
    })
    expect(await sdk.RestoreSecret({ SecretName })).toMatchObject({ SecretName })
    expect(await sdk.DescribeSecret({ SecretName })).toMatchObject({ Status: 'Disabled', DeleteTime: 0 })
    advance(1)
    await sdk.EnableSecret({ SecretName })
    expect(await sdk.GetSecretValue({ SecretName, VersionId })).toMatchObject({ SecretString })
  })

  it('DeleteSecret frees the name once the wait is over', async () => {
    const { simulator, sdk, advance } = await startWithSecret()
    await sdk.DisableSecret({ SecretName })
    await sdk.DeleteSecret({ SecretName, RecoveryWindowInDays: 1 })
    advance(daySeconds * 1000 - 1)
    expect(await codeOf(sdk.CreateSecret({ SecretName, SecretString }))).toBe(exists)
    advance(1)
    expect(await codeOf(sdk.DescribeSecret({ SecretName }))).toBe('ResourceNotFound')
    expect(simulator.ssm.secrets(region)).toEqual([])
    expect(await codeOf(sdk.CreateSecret({ SecretName, SecretString }))).toBe('ok')
  })

  it.each<[what: string, code: string, change: object, described: object]>([
    [
      'rotated',
      'OperationDenied.AutoRotatedResource',
      { RotationStatus: true, SecretType: 1 },
      { RotationStatus: true },
    ],
    ['owned by a product', failed, { SecretType: 4 }, { SecretType: 4 }],
  ])('SSM lets nobody write a secret that is %s: %s', async (_, code, change, described) => {
    const { simulator, sdk } = await startWithSecret()
    simulator.ssm.set(region, SecretName, change)
    expect(await sdk.DescribeSecret({ SecretName })).toMatchObject(described)
    expect(await codeOf(sdk.PutSecretValue({ SecretName, VersionId: 'next', SecretString }))).toBe(code)
    expect(await codeOf(sdk.UpdateSecret({ SecretName, VersionId, SecretString }))).toBe(code)
    expect(await codeOf(sdk.DeleteSecretVersion({ SecretName, VersionId }))).toBe(failed)
    expect(await sdk.GetSecretValue({ SecretName, VersionId })).toMatchObject({ SecretString })
    simulator.ssm.set(region, SecretName, { RotationStatus: false, SecretType: 0 })
    expect(await codeOf(sdk.UpdateSecret({ SecretName, VersionId, SecretString }))).toBe('ok')
  })
})

describe('the operator’s hand', () => {
  it('put creates secrets, empty ones too, and changes versions of those there are', async () => {
    const { simulator, sdk, advance } = await start()
    const created = seconds(advance(0))
    simulator.ssm.put(region, SecretName, {})
    expect(await sdk.ListSecretVersionIds({ SecretName })).toMatchObject({ Versions: [] })
    expect(await sdk.DescribeSecret({ SecretName })).toMatchObject({ Status: 'Enabled', Description: '' })
    simulator.ssm.put(region, SecretName, { current: 'a', previous: 'b' })
    advance(5000)
    simulator.ssm.put(region, SecretName, { current: 'c' })
    expect(await sdk.GetSecretValue({ SecretName, VersionId })).toMatchObject({ SecretString: 'c' })
    expect(simulator.ssm.versions(region, SecretName)).toEqual({ current: 'c', previous: 'b' })
    const { Versions } = await sdk.ListSecretVersionIds({ SecretName })
    expect(Versions).toContainEqual({ VersionId, CreateTime: created })
  })

  it('set changes what it is told, and nothing else', async () => {
    const { simulator, sdk, advance } = await startWithSecret()
    const [before] = simulator.ssm.secrets(region)
    simulator.ssm.set(region, SecretName, { Description: 'theirs' })
    expect(simulator.ssm.secrets(region)).toEqual([{ ...before, Description: 'theirs' }])
    simulator.ssm.set(region, SecretName, { Status: 'PendingDelete' })
    expect(await sdk.DescribeSecret({ SecretName })).toMatchObject({
      Description: 'theirs',
      DeleteTime: seconds(advance(0)) + 30 * daySeconds,
    })
    simulator.ssm.set(region, SecretName, { Status: 'Enabled' })
    expect(simulator.ssm.secrets(region)).toEqual([{ ...before, Description: 'theirs' }])
  })

  it('ssm refuses regions, secrets and actions that are not there', async () => {
    const { simulator } = await start()
    const { ssm, secretId } = simulator
    expect(() => ssm.secrets('ap-nowhere')).toThrow('SSM does not exist in `ap-nowhere`, but in ')
    expect(() => ssm.put('ap-nowhere', SecretName, {})).toThrow('SSM does not exist in `ap-nowhere`')
    expect(() => ssm.versions(region, SecretName)).toThrow(
      `\`${SecretName}\` does not exist in \`${region}\``,
    )
    expect(() => ssm.set(region, SecretName, {})).toThrow('does not exist')
    expect(() => ssm.forbid(secretId, 'GetSecret')).toThrow('no action `GetSecret`, but CreateSecret, ')
    expect(() => ssm.allow(secretId, 'GetSecret')).toThrow('no action `GetSecret`')
  })
})

describe('faults with an aim', () => {
  it('fail aimed at an action waits for it, and lets others pass, other faults too', async () => {
    const { simulator, sdk } = await startWithSecret()
    simulator.fail({ kind: 'error', code: 'InternalError' }, 2, 'UpdateSecret')
    simulator.fail({ kind: 'throttle' })
    const describeIt = () => codeOf(sdk.DescribeSecret({ SecretName }))
    const update = () => codeOf(sdk.UpdateSecret({ SecretName, VersionId, SecretString }))
    expect([await describeIt(), await describeIt()]).toEqual(['RequestLimitExceeded', 'ok'])
    expect([await update(), await update(), await update()]).toEqual(['InternalError', 'InternalError', 'ok'])
  })

  it('fail keeps the order of the faults that fit a call, aimed or not', async () => {
    const { simulator, sdk } = await startWithSecret()
    simulator.fail({ kind: 'error', code: 'InternalError' })
    simulator.fail({ kind: 'throttle' }, 1, 'DescribeSecret')
    simulator.fail({ kind: 'error', code: 'ServiceUnavailable' })
    const describeIt = () => codeOf(sdk.DescribeSecret({ SecretName }))
    expect([await describeIt(), await describeIt(), await describeIt(), await describeIt()]).toEqual([
      'InternalError',
      'RequestLimitExceeded',
      'ServiceUnavailable',
      'ok',
    ])
  })

  it('fail aimed at a list holds up no other action', async () => {
    const { simulator, sdk } = await startWithSecret({ lagMs: 0 })
    simulator.fail({ kind: 'null-list' }, 1, 'DescribeAigcApiTokens')
    simulator.fail({ kind: 'throttle' })
    expect(await codeOf(sdk.DescribeSecret({ SecretName }))).toBe('RequestLimitExceeded')
    expect(await codeOf(sdk.DescribeSecret({ SecretName }))).toBe('ok')
    simulator.fail({ kind: 'empty-list' })
    const vod = vodClient(simulator)
    const list = () => vod.request('DescribeAigcApiTokens', { SubAppId: 251006666 })
    simulator.vod.create(251006666, 'token')
    expect(await list()).toMatchObject({ ApiTokens: null })
    expect(await list()).toMatchObject({ ApiTokens: [] })
    expect(await list()).toMatchObject({ ApiTokens: ['token'] })
  })

  it('fail refuses an action that nobody can call', async () => {
    const { simulator, sdk } = await startWithSecret()
    expect(() => simulator.fail({ kind: 'reset' }, 1, 'PutSecret')).toThrow(
      /^The `action` is `PutSecret` and must be one of DescribeAigcApiTokens, .*, CreateSecret, /,
    )
    expect(await codeOf(sdk.DescribeSecret({ SecretName }))).toBe('ok')
  })

  it('clearFaults drops aimed faults', async () => {
    const { simulator, sdk } = await startWithSecret()
    simulator.fail({ kind: 'throttle' }, Number.POSITIVE_INFINITY, 'DescribeSecret')
    expect(await codeOf(sdk.DescribeSecret({ SecretName }))).toBe('RequestLimitExceeded')
    simulator.clearFaults()
    expect(await codeOf(sdk.DescribeSecret({ SecretName }))).toBe('ok')
  })

  it.each([
    { kind: 'lost-answer', runs: true, outcome: 'ok', error: /read ECONNRESET/ },
    { kind: 'reset', runs: false, outcome: 'reset', error: /read ECONNRESET/ },
  ] as const)('fail $kind: the caller gets no answer; the call is run: $runs', async (row) => {
    const { kind, runs, outcome, error } = row
    const { simulator, sdk } = await startWithSecret()
    simulator.fail({ kind }, 1, 'UpdateSecret')
    await expect(sdk.UpdateSecret({ SecretName, VersionId, SecretString: 'after' })).rejects.toThrow(error)
    expect(simulator.ssm.versions(region, SecretName)).toEqual({ current: runs ? 'after' : SecretString })
    expect(simulator.calls).toMatchObject([{ action: 'UpdateSecret', outcome }])
    expect(await codeOf(sdk.UpdateSecret({ SecretName, VersionId, SecretString: 'again' }))).toBe('ok')
  })

  it('fail truncated runs the call', async () => {
    const { simulator, sdk } = await startWithSecret()
    simulator.fail({ kind: 'truncated' }, 1, 'UpdateSecret')
    // The SDK waits for the rest of an answer for ever, so nobody waits for the SDK.
    void codeOf(sdk.UpdateSecret({ SecretName, VersionId, SecretString: 'after' }))
    await vi.waitFor(() => expect(simulator.ssm.versions(region, SecretName)).toEqual({ current: 'after' }), {
      timeout: 30_000,
    })
  })

  it('fail lost-answer loses errors too, and records them', async () => {
    const { simulator, sdk } = await startWithSecret()
    simulator.fail({ kind: 'lost-answer' })
    await expect(sdk.CreateSecret({ SecretName, SecretString })).rejects.toThrow(/read ECONNRESET/)
    expect(simulator.calls).toMatchObject([{ outcome: 'ResourceInUse.SecretExists' }])
  })

  it('/simulator/faults takes an action, and GET /simulator says so', async () => {
    const { simulator, sdk } = await startWithSecret()
    const post = async (fault: object) => {
      const answer = await fetch(`${simulator.url}/simulator/faults`, {
        method: 'POST',
        body: JSON.stringify(fault),
      })
      return [answer.status, await answer.json()]
    }
    const fault = { kind: 'throttle', times: 2, action: 'GetSecretValue' }
    expect(await post(fault)).toEqual([201, fault])
    expect(await post({ kind: 'lost-answer' })).toEqual([201, { kind: 'lost-answer', times: 1 }])
    expect(await post({ ...fault, action: 'GetSecret' })).toMatchObject([
      400,
      { Error: { Code: 'InvalidParameterValue' } },
    ])
    expect(await post({ ...fault, action: 1 })).toMatchObject([400, { Error: { Code: 'InvalidParameter' } }])
    await expect(sdk.DescribeSecret({ SecretName })).rejects.toThrow(/read ECONNRESET/)
    expect(await codeOf(sdk.DescribeSecret({ SecretName }))).toBe('ok')
    expect(await codeOf(sdk.GetSecretValue({ SecretName, VersionId }))).toBe('RequestLimitExceeded')

    const help = await (await fetch(`${simulator.url}/simulator`)).text()
    const [, body = ''] = /faults -d '(\{[^']*"action"[^']*\})'/.exec(help) ?? []
    expect(await post(JSON.parse(body))).toMatchObject([201, { action: expect.any(String) }])
    expect(help).toContain('lost-answer')
  })
})

interface World {
  readonly simulator: TencentSimulator
  readonly sdk: ReturnType<typeof client>
  /** Lets time go on and says what time it is then, epoch milliseconds; nothing else moves it. */
  advance(ms: number): number
}

/** A simulator that ends with the test, and calls by the official SDK for SSM. */
async function start(options: SimulatorOptions = {}): Promise<World> {
  let elapsed = 0
  const startedAt = Date.now()
  const now = () => startedAt + elapsed
  const simulator = await startTencentSimulator({ now, ...options })
  onTestFinished(() => simulator.close())
  const advance = (ms: number): number => {
    elapsed += ms
    // The SDK signs by the system's clock, whatever time the account has come to.
    simulator.clockOffsetMs = -elapsed
    return now()
  }
  return { simulator, sdk: client(simulator), advance }
}

/** The same, with a secret that has the version `current`. */
async function startWithSecret(options?: SimulatorOptions): Promise<World> {
  const world = await start(options)
  world.simulator.ssm.put(region, SecretName, { [VersionId]: SecretString })
  return world
}

interface ClientOptions {
  /** Empty for none, and no `X-TC-Region`. */
  readonly region?: string
  readonly credential?: { readonly secretId: string; readonly secretKey: string }
  readonly endpoint?: string
}

/** The SDK keeps Tencent's host name, which it signs; only its connections are led to the simulator. */
function client({ port, secretId, secretKey }: TencentSimulator, options: ClientOptions = {}) {
  const { credential = { secretId, secretKey }, endpoint = 'ssm.intl.tencentcloudapi.com' } = options
  const { region: where = region } = options
  const agent = Object.assign(new Agent(), { createConnection: () => connect(port, '127.0.0.1') })
  return new ssm.v20190923.Client({
    credential,
    region: where,
    profile: { httpProfile: { endpoint, protocol: 'http://', agent } },
  })
}

/** A client of VOD, which no region belongs to. */
function vodClient(simulator: TencentSimulator) {
  const vod = client(simulator, { endpoint: 'vod.intl.tencentcloudapi.com', region: 'ap-nowhere' })
  return Object.assign(vod, { apiVersion: '2018-07-17' })
}

function versionsUpTo(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`version-${i}`, 'old']))
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}

/** `ok`, or the code of the error that a call by the SDK rejects with. */
function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'ok',
    (error) => error.code,
  )
}

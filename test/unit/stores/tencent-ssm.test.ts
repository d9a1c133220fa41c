import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CredentialsError } from '../../../lib/errors.ts'
import type { Reading, Store, StoreDependencies, Target } from '../../../lib/stores/store.ts'
import { parseTarget } from '../../../lib/stores/target.ts'
import { tencentSsm } from '../../../lib/stores/tencent-ssm.ts'
import type { Fields } from '../../../simulator/service.ts'
import { startTencentSimulator, type TencentSimulator } from '../../../simulator/simulator.ts'
import { documentOf, mirror, refusalOf, soon, storeContract, targetOf } from '../../support/store-contract.ts'
import { tencentDeps } from '../../support/tencent-deps.ts'

const region = 'ap-singapore'
const [a, b, c] = [documentOf('a'), documentOf('b'), documentOf('c')]
const everyTime = Number.POSITIVE_INFINITY
let names = 0
/** How far the simulator's time is ahead: each test has a second of its own, so that none meets a rate limit. */
let aheadMs = 0
let simulator: TencentSimulator
let credentials: { secretId: string; secretKey: string }

beforeAll(async () => {
  simulator = await startTencentSimulator({ now: () => Date.now() + aheadMs })
})
afterAll(() => simulator.close())
beforeEach(() => {
  aheadMs += 1000
  simulator.clearFaults()
  simulator.calls.length = 0
  simulator.ssm.purchased = true
  around = (call) => call()
  credentials = { secretId: simulator.secretId, secretKey: simulator.secretKey }
})

/** What is done around each call. */
let around: (call: () => Promise<unknown>, action: string, VersionId: unknown) => Promise<unknown> = (call) =>
  call()
/** A real client, which gives up soon: the tests let calls fail for good. */
const client = tencentDeps(() => ({ url: simulator.url, ...credentials }), 1_500)
const deps: StoreDependencies = {
  ...client,
  tencent(api) {
    const call = client.tencent(api)
    return async (action, parameters, deadline) =>
      (await around(() => call(action, parameters, deadline), action, parameters['VersionId'])) as Fields
  },
}

const target = (name = `aigc-${names++}`, options: Record<string, string> = {}): Target =>
  targetOf('tencent-ssm', name, options)
const open = (target: Target): Store => tencentSsm.open(target, deps)
/** A store whose answers to one action have other fields too. */
const openAnswering = (target: Target, action: string, fields: Record<string, unknown>): Store =>
  tencentSsm.open(target, {
    ...deps,
    tencent(api) {
      const call = deps.tencent(api)
      return async (name, ...given) => ({ ...(await call(name, ...given)), ...(name === action && fields) })
    },
  })
const read = (target: Target): Promise<Reading> => open(target).read(soon())
const versionsOf = ({ name }: Target): Readonly<Record<string, string>> =>
  simulator.ssm.versions(region, name)
const stateOf = ({ name }: Target) =>
  simulator.ssm.secrets(region).find((secret) => secret.SecretName === name)
const actions = (): string[] => simulator.calls.map(({ action }) => action)

describe('tencent-ssm', () => {
  storeContract('tencent-ssm', {
    deps,
    target,
    goodNames: ['a', '0', 'Az09_-', 'prod-aigc-251006666', 'n'.repeat(128)],
    badNames: ['', 'n'.repeat(129), '-a', '_a', 'prod/aigc', 'two words', 'schlüssel', 'a.b'],
    putForeign: async ({ name }, value) => simulator.ssm.put(region, name, { current: value }),
    putEmpty: async ({ name }) => simulator.ssm.put(region, name, {}),
    replace: async ({ name }, value) => simulator.ssm.put(region, name, { current: value }),
    async takeMark({ name }) {
      simulator.ssm.set(region, name, { Description: '' })
      return true
    },
    async beforeTheWrite(meanwhile, attempt) {
      let looks = 0
      around = async (call, action, version) => {
        // Read, then look, keep what is there, and look again.
        if (action === 'GetSecretValue' && version === 'current' && ++looks === 3) await meanwhile()
        return call()
      }
      await attempt()
    },
    async afterTheWrite(meanwhile, attempt) {
      around = async (call, action, version) => {
        const answer = await call()
        if (action === 'UpdateSecret' && version === 'current') await meanwhile()
        return answer
      }
      await attempt()
    },
    marksAnyValue: true,
    currentOf: async (target) => versionsOf(target)['current'] ?? '',
    everythingOf: async (target) => stateOf(target),
    async whileForbidden(attempt) {
      const forbidden = target()
      simulator.ssm.put(region, forbidden.name, { current: 'somebody else' })
      simulator.keys.set('nobody', { secretKey: 'nothing' })
      credentials = { secretId: 'nobody', secretKey: 'nothing' }
      for (const action of [
        'DescribeSecret',
        'GetSecretValue',
        'ListSecretVersionIds',
        'CreateSecret',
        'UpdateSecret',
        'PutSecretValue',
        'UpdateDescription',
      ])
        simulator.ssm.forbid('nobody', action)
      await attempt(forbidden)
      expect(versionsOf(forbidden)).toEqual({ current: 'somebody else' })
    },
    async whileSpreading(attempt) {
      simulator.fail({ kind: 'error', code: 'ResourceNotFound' }, everyTime, 'GetSecretValue')
      await attempt()
      simulator.clearFaults()
    },
    withdrawals: (
      [
        ['scheduled for deletion', 'PendingDelete'],
        ['that is disabled', 'Disabled'],
      ] as const
    ).map(([name, Status]) => ({
      name,
      withdraw: async (target) => simulator.ssm.set(region, target.name, { Status }),
      restore: async (target) => simulator.ssm.set(region, target.name, { Status: 'Enabled' }),
    })),
    tencent: () => ({ url: simulator.url, ...credentials }),
    breaks: [
      { step: 'CreateSecret', on: ['nothing'] as const },
      { step: 'UpdateDescription', on: ['an empty secret', 'a foreign value'] as const },
      { step: 'UpdateSecret', on: ['a foreign value', 'a later document'] as const },
      { step: 'PutSecretValue', on: ['an empty secret', 'a foreign value'] as const },
    ].flatMap(({ step, on }) =>
      // The client repeats a call whose answer is lost, so the effect may come and the call fail all the same.
      (['reset', 'lost-answer'] as const)
        .filter((kind) => !(step === 'CreateSecret' && kind === 'lost-answer'))
        .map((kind) => ({
          name: `a ${step} ${kind === 'reset' ? 'that does not arrive' : 'whose answer is lost'}`,
          on,
          async during(attempt: () => Promise<void>) {
            simulator.fail({ kind }, everyTime, step)
            await attempt()
            simulator.clearFaults()
          },
        })),
    ),
  })

  test('read asks two questions at most', async () => {
    const asked = target()
    await mirror(open(asked), a)
    simulator.calls.length = 0
    await read(asked)
    expect(actions()).toEqual(['DescribeSecret', 'GetSecretValue'])
    expect(new Set(simulator.calls.map(({ headers }) => headers['x-tc-region']?.[0]))).toEqual(
      new Set([region]),
    )
  })

  test('read and write stay in the region of the target', async () => {
    const abroad = target('abroad', { region: 'ap-hongkong' })
    await mirror(open(abroad), a)
    expect(simulator.ssm.versions('ap-hongkong', 'abroad')).toEqual({ current: a })
    expect(await read(target('abroad'))).toEqual({ state: 'absent' })
  })

  test('write uses the version of the target', async () => {
    const versioned = target(undefined, { version: 'v.1' })
    await mirror(open(versioned), a)
    await mirror(open(versioned), b)
    expect(versionsOf(versioned)).toEqual({ 'v.1': b, previous: a })
  })

  test('write keeps the value before as previous, and never more than two versions', async () => {
    const kept = target()
    for (const document of [a, b, c, a, b, c, a, b, c, a, b, c]) await mirror(open(kept), document)
    expect(versionsOf(kept)).toEqual({ current: c, previous: b })
  })

  test('write saves the old value before it touches the current one', async () => {
    const saved = target()
    await mirror(open(saved), a)
    const seen = await read(saved)
    // The first UpdateSecret is the one of `previous`, which does not exist yet; the second dies.
    simulator.fail({ kind: 'error', code: 'ResourceNotFound' }, 1, 'UpdateSecret')
    simulator.fail({ kind: 'reset' }, everyTime, 'UpdateSecret')
    await refusalOf(mirror(open(saved), b, seen), b)
    expect(versionsOf(saved)).toEqual({ current: a, previous: a })
  })

  test('write gets over a lost answer to CreateSecret', async () => {
    const lost = target()
    simulator.fail({ kind: 'lost-answer' }, 1, 'CreateSecret')
    await mirror(open(lost), a)
    expect(simulator.calls.map(({ action, outcome }) => [action, outcome]).slice(1)).toEqual([
      ['CreateSecret', 'ok'],
      ['CreateSecret', 'ResourceInUse.SecretExists'],
      ['GetSecretValue', 'ok'],
    ])
    expect(versionsOf(lost)).toEqual({ current: a })
  })

  test('write does not take over what somebody else created meanwhile', async () => {
    const raced = target()
    simulator.ssm.put(region, raced.name, { current: 'somebody else' })
    const error = await refusalOf(mirror(open(raced), a, { state: 'absent' }), a)
    expect(error.code).toBe('Overtaken')
    expect(versionsOf(raced)).toEqual({ current: 'somebody else' })
  })

  test('write takes a secret that came meanwhile, and is empty or hides its value, for somebody else’s', async () => {
    const raced = target()
    simulator.ssm.put(region, raced.name, {})
    expect(await refusalOf(mirror(open(raced), a, { state: 'absent' }), a)).toMatchObject({
      code: 'Overtaken',
    })
    simulator.ssm.put(region, raced.name, { current: a })
    simulator.fail({ kind: 'error', code: 'ResourceNotFound' }, 1, 'GetSecretValue')
    const seen: Reading = { state: 'empty', marked: true }
    expect(await refusalOf(mirror(open(raced), a, seen), a)).toMatchObject({ code: 'Overtaken' })
  })

  test('write fails as CreateSecret does, whatever is there', async () => {
    const failing = target()
    simulator.fail({ kind: 'error', code: 'FailedOperation.AccessKmsError' }, 1, 'CreateSecret')
    expect(await refusalOf(mirror(open(failing), a), a)).toMatchObject({
      code: 'FailedOperation.AccessKmsError',
    })
  })

  test('read and write say that a version is not found yet, which must be there', async () => {
    const hidden = target()
    await mirror(open(hidden), a)
    const seen = await read(hidden)
    simulator.fail({ kind: 'error', code: 'ResourceNotFound' }, everyTime, 'GetSecretValue')
    for (const [attempt, contradiction] of [
      [() => read(hidden), 'ListSecretVersionIds lists it'],
      [() => mirror(open(hidden), b, seen), 'it was there before'],
    ] as const)
      expect(await refusalOf(attempt(), b)).toMatchObject({
        code: 'ValueNotFound',
        message: `Calling GetSecretValue for ${hidden.uri}: no version "current", though ${contradiction}; the next run looks again`,
        retryable: true,
      })
    expect(versionsOf(hidden)).toEqual({ current: a })
  })

  test.each([
    [true, ['PutSecretValue']],
    [false, ['DescribeSecret', 'ListSecretVersionIds', 'UpdateDescription', 'PutSecretValue']],
  ])(
    'write into an empty secret is no call more than it takes, whether it is marked: %s',
    async (marked, calls) => {
      const empty = target()
      simulator.ssm.put(region, empty.name, {})
      await mirror(open(empty), a, { state: 'empty', marked })
      expect(actions()).toEqual(calls)
    },
  )

  test('read takes a secret of other versions for a foreign one, and write leaves those alone', async () => {
    const others = target()
    simulator.ssm.put(region, others.name, { SSM_Current: 'somebody else' })
    expect(await read(others)).toEqual({ state: 'value', marked: false, value: '' })
    await mirror(open(others), a)
    expect(versionsOf(others)).toEqual({ SSM_Current: 'somebody else', current: a })
    expect(await read(others)).toEqual({ state: 'value', marked: true, value: a })
  })

  test('read takes a secret of ours without our version for empty, whatever else it holds', async () => {
    const renamed = target(undefined, { version: 'v2' })
    for (const document of [a, b]) await mirror(open({ ...renamed, options: {} }), document)
    expect(await read(renamed)).toEqual({ state: 'empty', marked: true })
    await mirror(open(renamed), c)
    expect(versionsOf(renamed)).toEqual({ current: b, previous: a, v2: c })
  })

  test.each([true, false])('read leaves binary content alone, whether it is marked: %s', async (marked) => {
    const binary = target()
    const SecretBinary = Buffer.from([0xff, 0xfe, 0, 0x80]).toString('base64')
    const call = deps.tencent({ service: 'ssm', version: '2019-09-23' })
    const Description = marked ? 'vod-aigc-tokens: by hand' : ''
    const parameters = { SecretName: binary.name, VersionId: 'current', SecretBinary, Description }
    await call('CreateSecret', parameters, soon())
    const before = stateOf(binary)
    const reading = await read(binary)
    expect(reading).toEqual({
      state: 'unavailable',
      reason: expect.stringContaining(
        'holds binary content, which the mirror would not keep; put text there',
      ),
    })
    expect(await openAnswering(binary, 'GetSecretValue', { SecretString: undefined }).read(soon())).toEqual(
      reading,
    )
    await refusalOf(mirror(open(binary), a, reading), a)
    expect(stateOf(binary)).toEqual(before)
  })

  test('write takes over no secret with a version previous of its own', async () => {
    for (const versions of [{ current: 'theirs', previous: 'older' }, { previous: 'older' }]) {
      const theirs = target()
      simulator.ssm.put(region, theirs.name, versions)
      const before = stateOf(theirs)
      const error = await refusalOf(mirror(open(theirs), a), a)
      expect(error).toMatchObject({ code: 'PreviousExists', target: theirs.uri, retryable: false })
      expect(error.message).toContain('delete that version (DeleteSecretVersion) if nobody needs it')
      expect(stateOf(theirs)).toEqual(before)
    }
  })

  test('write takes over no secret whose version previous is listed and not found yet', async () => {
    const theirs = target()
    simulator.ssm.put(region, theirs.name, { current: 'theirs', previous: 'theirs' })
    const seen = await read(theirs)
    simulator.fail({ kind: 'error', code: 'ResourceNotFound' }, 1, 'GetSecretValue')
    expect(await refusalOf(mirror(open(theirs), a, seen), a)).toMatchObject({ code: 'PreviousExists' })
    expect(versionsOf(theirs)).toEqual({ current: 'theirs', previous: 'theirs' })
  })

  test('write does not take the previous of a run that died for somebody else’s', async () => {
    const shared = target()
    simulator.ssm.put(region, shared.name, { current: 'theirs', previous: 'theirs' })
    await mirror(open(shared), a)
    expect(versionsOf(shared)).toEqual({ current: a, previous: 'theirs' })
    // It died before the mark.
    simulator.ssm.set(region, shared.name, { Description: 'theirs' })
    await mirror(open(shared), b)
    expect(versionsOf(shared)).toEqual({ current: b, previous: a })
    expect(await read(shared)).toMatchObject({ marked: true, value: b })
  })

  test('write puts a version that UpdateSecret did not find, and updates it when it is there after all', async () => {
    const hidden = target()
    for (const document of [a, b]) await mirror(open(hidden), document)
    const seen = await read(hidden)
    simulator.calls.length = 0
    simulator.fail({ kind: 'error', code: 'ResourceNotFound' }, 1, 'UpdateSecret')
    await mirror(open(hidden), c, seen)
    expect(simulator.calls.map(({ action, outcome }) => [action, outcome])).toEqual([
      ['GetSecretValue', 'ok'],
      ['GetSecretValue', 'ok'],
      ['UpdateSecret', 'ResourceNotFound'],
      ['PutSecretValue', 'ResourceInUse.VersionIdExists'],
      ['UpdateSecret', 'ok'],
      ['GetSecretValue', 'ok'],
      ['UpdateSecret', 'ok'],
      ['GetSecretValue', 'ok'],
    ])
    expect(versionsOf(hidden)).toEqual({ current: c, previous: b })
  })

  test('write puts no version where one has come meanwhile', async () => {
    const filled = target()
    simulator.ssm.put(region, filled.name, { current: 'theirs' })
    for (const seen of [
      { state: 'empty', marked: true },
      { state: 'empty', marked: false },
    ] as const)
      expect(await refusalOf(mirror(open(filled), a, seen), a)).toMatchObject({ code: 'Overtaken' })
    expect(versionsOf(filled)).toEqual({ current: 'theirs' })
  })

  test('write marks no value that came meanwhile and is not found yet', async () => {
    const hidden = target()
    simulator.ssm.put(region, hidden.name, { current: 'theirs' })
    simulator.fail({ kind: 'error', code: 'ResourceNotFound' }, everyTime, 'GetSecretValue')
    const error = await refusalOf(mirror(open(hidden), a, { state: 'empty', marked: false }), a)
    expect(error).toMatchObject({ code: 'Overtaken' })
    expect(stateOf(hidden)).toMatchObject({ Description: '', Versions: { current: 'theirs' } })
  })

  test('write gets over a lost answer to PutSecretValue', async () => {
    const lost = target()
    simulator.ssm.put(region, lost.name, {})
    simulator.fail({ kind: 'lost-answer' }, 1, 'PutSecretValue')
    await mirror(open(lost), a)
    expect(versionsOf(lost)).toEqual({ current: a })
  })

  test.each([
    'vod-aigc-tokens',
    'vod-aigc-tokens-backup of March, do not touch',
    'vod-aigc-tokens:backup',
    ' vod-aigc-tokens: ',
    'VOD-aigc-tokens: ',
  ])('read takes the description %j for no mark of ours, and write puts the mark before it', async (text) => {
    const backup = target()
    simulator.ssm.put(region, backup.name, { current: 'theirs' })
    simulator.ssm.set(region, backup.name, { Description: text })
    expect(await read(backup)).toEqual({ state: 'value', marked: false, value: 'theirs' })
    await mirror(open(backup), a)
    expect(stateOf(backup)?.Description).toBe(
      `vod-aigc-tokens: Tencent Cloud VOD AIGC API tokens, mirrored; before: ${text}`,
    )
    expect(await read(backup)).toMatchObject({ marked: true })
  })

  test('read takes the description that 1.0 wrote for our mark', async () => {
    const old = target()
    simulator.ssm.put(region, old.name, { current: a })
    simulator.ssm.set(region, old.name, {
      Description: 'vod-aigc-tokens: Tencent Cloud VOD AIGC API tokens, mirrored',
    })
    expect(await read(old)).toEqual({ state: 'value', marked: true, value: a })
  })

  test('write puts previous back when SSM refuses the new value', async () => {
    const refused = target()
    for (const document of [a, b]) await mirror(open(refused), document)
    const seen = await read(refused)
    let updates = 0
    around = (call, action) => {
      // The first is that of `previous`; the third puts it back.
      if (action === 'UpdateSecret' && ++updates === 2)
        simulator.fail({ kind: 'error', code: 'FailedOperation.AccessKmsError' }, 1, 'UpdateSecret')
      return call()
    }
    expect(await refusalOf(mirror(open(refused), c, seen), c)).toMatchObject({
      code: 'FailedOperation.AccessKmsError',
    })
    expect(versionsOf(refused)).toEqual({ current: b, previous: a })
  })

  test('write puts previous back when the look after it gets no answer', async () => {
    const unsure = target()
    for (const document of [a, b]) await mirror(open(unsure), document)
    const seen = await read(unsure)
    let kept = false
    around = async (call, action) => {
      if (action === 'UpdateSecret' && !kept) return call().finally(() => (kept = true))
      if (!kept || simulator.calls.at(-1)?.action !== 'UpdateSecret') return call()
      simulator.fail({ kind: 'reset' }, everyTime, 'GetSecretValue')
      return call().finally(() => simulator.clearFaults())
    }
    await refusalOf(mirror(open(unsure), c, seen), c)
    expect(versionsOf(unsure)).toEqual({ current: b, previous: a })
  })

  test.each([
    ['none', {}],
    ['the value itself', { previous: b }],
  ])('write puts no previous back where there was %s', async (_, versions) => {
    const refused = target()
    await mirror(open(refused), b)
    simulator.ssm.put(region, refused.name, versions)
    const seen = await read(refused)
    around = (call, action, version) => {
      if (action === 'UpdateSecret' && version === 'current')
        simulator.fail({ kind: 'error', code: 'FailedOperation.AccessKmsError' }, 1, 'UpdateSecret')
      return call()
    }
    await refusalOf(mirror(open(refused), c, seen), c)
    expect(simulator.calls.at(-1)).toMatchObject({
      action: 'UpdateSecret',
      outcome: 'FailedOperation.AccessKmsError',
    })
    expect(versionsOf(refused)).toEqual({ current: b, previous: b })
  })

  test.each([
    ['the value was replaced all the same', 'InternalError', true],
    ['no answer came', undefined, false],
  ])('write leaves the value before in previous when %s', async (_, code, done) => {
    const unsure = target()
    for (const document of [a, b]) await mirror(open(unsure), document)
    const seen = await read(unsure)
    let updates = 0
    around = async (call, action, version) => {
      if (action !== 'UpdateSecret' || ++updates !== 2) return call()
      if (done) simulator.ssm.put(region, unsure.name, { [String(version)]: c })
      simulator.fail(
        code === undefined ? { kind: 'reset' } : { kind: 'error', code },
        everyTime,
        'UpdateSecret',
      )
      return call().finally(() => simulator.clearFaults())
    }
    await refusalOf(mirror(open(unsure), c, seen), c)
    expect(versionsOf(unsure)).toEqual({ current: done ? c : b, previous: b })
  })

  test('write over a document is six calls, and five where previous has the value already', async () => {
    const counted = target()
    await mirror(open(counted), a)
    const seen = await read(counted)
    simulator.calls.length = 0
    await mirror(open(counted), b, seen)
    const [look, keep] = ['GetSecretValue', 'UpdateSecret']
    // The first time SSM has no version `previous` to update.
    expect(actions()).toEqual([look, look, keep, 'PutSecretValue', look, keep, look])
    const next = await read(counted)
    simulator.ssm.put(region, counted.name, { previous: b })
    simulator.calls.length = 0
    await mirror(open(counted), c, next)
    expect(actions()).toEqual([look, look, look, keep, look])
  })

  test('write does not look for the value before in a secret that is not marked', async () => {
    const foreign = target()
    simulator.ssm.put(region, foreign.name, { current: 'theirs', previous: a })
    expect(await read(foreign)).toEqual({ state: 'value', marked: false, value: 'theirs' })
  })

  test.each([
    ...['', undefined].flatMap((SecretString) =>
      ['', undefined].map((SecretBinary) => [
        'GetSecretValue',
        { SecretString, SecretBinary },
        'one of "SecretString" and "SecretBinary" should be a filled string',
      ]),
    ),
    ...[null, [null], ['current'], [{ VersionId: 'v1' }, {}]].map((Versions) => [
      'ListSecretVersionIds',
      { Versions },
      '"Versions" should be an array of objects with a "VersionId"',
    ]),
    ...['DescribeSecret', 'GetSecretValue', 'ListSecretVersionIds'].flatMap((action) => [
      [action, { SecretName: undefined }, 'it should name the secret'],
      [action, { SecretName: 'another' }, 'it should name the secret'],
    ]),
    ['GetSecretValue', { VersionId: undefined }, 'and the version that was asked for'],
    ['GetSecretValue', { VersionId: 'previous' }, 'and the version that was asked for'],
  ] as [string, Record<string, unknown>, string][])(
    'read takes nothing for empty when %s answers %j',
    async (action, answer, should) => {
      const odd = target()
      await mirror(open(odd), a)
      if (action !== 'GetSecretValue')
        simulator.fail({ kind: 'error', code: 'ResourceNotFound' }, 1, 'GetSecretValue')
      expect(await refusalOf(openAnswering(odd, action, answer).read(soon()))).toMatchObject({
        code: 'ClientError.MalformedAnswer',
        message: expect.stringMatching(`^Calling ${action} for ${odd.uri}: .*; .*${should}`),
      })
    },
  )

  test.each([
    ['CreateSecret', 'nothing'],
    ['PutSecretValue', 'an empty secret'],
    ['UpdateDescription', 'an empty secret'],
    ['UpdateSecret', 'a document'],
  ])('write is not done when %s does not name what it wrote, on %s', async (action, start) => {
    for (const answer of [{ SecretName: undefined }, { SecretName: 'another' }]) {
      const odd = target()
      if (start === 'a document') await mirror(open(odd), a)
      if (start === 'an empty secret') simulator.ssm.put(region, odd.name, {})
      const seen = await read(odd)
      expect(await refusalOf(mirror(openAnswering(odd, action, answer), b, seen), b)).toMatchObject({
        code: 'ClientError.MalformedAnswer',
      })
    }
  })

  test('write creates with the tags that the target names, and says when Tencent did not put them', async () => {
    const withTags = (one: Target): Target => ({
      ...one,
      options: { ...one.options, tags: 'team=media;env=a=b' },
    })
    const [tagged, untagged] = [withTags(target()), withTags(target())]
    await mirror(open(tagged), a)
    expect(stateOf(tagged)?.Tags).toEqual([
      { TagKey: 'team', TagValue: 'media' },
      { TagKey: 'env', TagValue: 'a=b' },
    ])
    const attempt = mirror(openAnswering(untagged, 'CreateSecret', { TagCode: 4002 }), a)
    expect(await refusalOf(attempt, a)).toMatchObject({
      code: 'TagsNotPut',
      message: expect.stringContaining('the secret is there, without its tags (TagCode 4002)'),
      retryable: false,
    })
    expect(versionsOf(untagged)).toEqual({ current: a })
    for (const TagCode of [undefined, '4002'])
      expect(
        await refusalOf(mirror(openAnswering(withTags(target()), 'CreateSecret', { TagCode }), a), a),
      ).toMatchObject({ message: expect.stringContaining('(TagCode unknown)') })
    // Of no tags there is nothing to say.
    await mirror(openAnswering(target(), 'CreateSecret', { TagCode: 4002 }), a)
  })

  test.each([
    { what: 'the new value', seen: 'x', quoted: a.slice(30, 60) },
    { what: 'the value before', seen: 'a password of somebody else', quoted: 'a password of som...' },
    { what: 'a short value before', seen: 'hunter2', quoted: 'hunter2' },
  ])('write tells the code alone when Tencent quotes $what', async ({ seen: value, quoted }) => {
    const quoting = target()
    simulator.ssm.put(region, quoting.name, { current: value })
    const message = `SecretString '${quoted}' is not allowed`
    simulator.fail({ kind: 'error', code: 'InvalidParameterValue', message }, 1, 'UpdateSecret')
    const error = await refusalOf(mirror(open(quoting), a), a)
    expect(error.message).toBe(`Calling UpdateSecret for ${quoting.uri}: InvalidParameterValue`)
  })

  test.each([
    ['an old note', 'an old note'],
    // The limit is 2048 bytes, of which 70 come before the note.
    [`an old note ${'é'.repeat(1000)}`, `an old note ${'é'.repeat(983)}`],
    [`an old note! ${'é'.repeat(1000)}`, `an old note! ${'é'.repeat(982)}`],
    [`an \ufffd old note ${'😀'.repeat(1000)}`, `an \ufffd old note ${'😀'.repeat(490)}`],
    [`an \ufffd old note!!! ${'😀'.repeat(1000)}`, `an \ufffd old note!!! ${'😀'.repeat(489)}`],
  ])(
    'write keeps the description of a secret that it takes over, as far as it fits: %#',
    async (text, kept) => {
      const described = target()
      simulator.ssm.put(region, described.name, { current: 'x' })
      simulator.ssm.set(region, described.name, { Description: text })
      await mirror(open(described), a)
      expect(stateOf(described)?.Description).toBe(
        `vod-aigc-tokens: Tencent Cloud VOD AIGC API tokens, mirrored; before: ${kept}`,
      )
    },
  )

  test.each(['', undefined])('write says of no description that it was there before: %j', async (text) => {
    const bare = target()
    simulator.ssm.put(region, bare.name, { current: 'x' })
    await mirror(openAnswering(bare, 'DescribeSecret', { Description: text }), a)
    expect(stateOf(bare)?.Description).toBe('vod-aigc-tokens: Tencent Cloud VOD AIGC API tokens, mirrored')
  })

  test('write leaves a description alone that was marked meanwhile', async () => {
    const marked = target()
    simulator.ssm.put(region, marked.name, { current: 'x' })
    const seen = await read(marked)
    simulator.ssm.set(region, marked.name, { Description: 'vod-aigc-tokens: by hand' })
    await mirror(open(marked), a, seen)
    expect(stateOf(marked)).toMatchObject({
      Description: 'vod-aigc-tokens: by hand',
      Versions: { current: a },
    })
  })

  test.each([
    [{ Status: 'PendingDelete' }, 'scheduled for deletion; restore it (RestoreSecret) and enable it'],
    [{ Status: 'Disabled' }, 'is disabled; enable it (EnableSecret)'],
    [{ Status: 'Creating' }, 'still being created; the next run looks again'],
    [{ Status: 'Failed' }, 'creation of the secret failed; delete it'],
    [{ RotationStatus: true }, 'rotated by Tencent, which would overwrite the mirror; turn that off'],
    [{ SecretType: 4 }, 'belongs to another Tencent product'],
  ] as const)(
    'read says what to do about a secret with %j, and write leaves it alone',
    async (changes, advice) => {
      const unavailable = target()
      await mirror(open(unavailable), a)
      simulator.ssm.set(region, unavailable.name, changes)
      const seen = await read(unavailable)
      expect(seen).toEqual({ state: 'unavailable', reason: expect.stringContaining(advice) })
      expect(await refusalOf(mirror(open(unavailable), b, seen), b)).toMatchObject({
        code: 'Unavailable',
        message: expect.stringContaining(`Writing ${unavailable.uri}: the `),
        retryable: false,
      })
      expect(versionsOf(unavailable)).toEqual({ current: a })
    },
  )

  test('read leaves a secret alone whose state it does not know, and takes one without a type for custom', async () => {
    const odd = target()
    await mirror(open(odd), a)
    expect(await openAnswering(odd, 'DescribeSecret', { Status: 'Frozen' }).read(soon())).toEqual({
      state: 'unavailable',
      reason: expect.stringContaining('does not know; look at it in the console'),
    })
    expect(await openAnswering(odd, 'DescribeSecret', { SecretType: undefined }).read(soon())).toMatchObject({
      state: 'value',
    })
  })

  test('read knows rotation by its number too', async () => {
    const rotated = target()
    await mirror(open(rotated), a)
    expect(await openAnswering(rotated, 'DescribeSecret', { RotationStatus: 0 }).read(soon())).toMatchObject({
      state: 'value',
    })
    expect(await openAnswering(rotated, 'DescribeSecret', { RotationStatus: 1 }).read(soon())).toMatchObject({
      state: 'unavailable',
      reason: expect.stringContaining('rotated by Tencent'),
    })
  })

  test('read says where to switch the service on', async () => {
    simulator.ssm.purchased = false
    const error = await refusalOf(read(target()))
    expect(error.code).toBe('ResourceUnavailable.NotPurchased')
    expect(error.message).toContain('switch Secrets Manager on in the Tencent Cloud console')
  })

  test('write says what to do about a full secret and one that Tencent rotates', async () => {
    const full = target()
    const ten = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`v${i}`, 'x']))
    simulator.ssm.put(region, full.name, ten)
    const seen: Reading = { state: 'empty', marked: true }
    expect((await refusalOf(mirror(open(full), a, seen), a)).message).toContain('may have ten versions')
    const rotated = target()
    await mirror(open(rotated), b)
    simulator.ssm.set(region, rotated.name, { RotationStatus: true })
    expect((await refusalOf(mirror(open(rotated), a, seen), a)).message).toContain('turn its rotation off')
  })

  test.each([
    ['FailedOperation.AccessKmsError', "; check that the secret's KMS key is enabled and may be used"],
    [
      'ResourceInUse.SecretExists',
      '; somebody else changed the secret meanwhile; the next run goes on from there',
    ],
    [
      'ResourceInUse.VersionIdExists',
      '; somebody else changed the secret meanwhile; the next run goes on from there',
    ],
  ])('write says what to do about %s', async (code, advice) => {
    const failing = target()
    await mirror(open(failing), a)
    simulator.fail({ kind: 'error', code, message: 'said' }, 1, 'UpdateSecret')
    const error = await refusalOf(mirror(open(failing), b), b)
    expect(error).toMatchObject({ code, target: failing.uri })
    expect(error.message.endsWith(advice)).toBe(true)
  })

  test('read throws an error as it is that is not one of the API', async () => {
    const error = new CredentialsError('NotFound', 'no credentials', false)
    const store = tencentSsm.open(target(), { ...deps, tencent: () => () => Promise.reject(error) })
    await expect(store.read(soon())).rejects.toBe(error)
  })

  test.each(['throttle', 'hang', 'html', 'truncated'] as const)(
    'read fails, and takes nothing for absent, for %s',
    async (kind) => {
      const there = target()
      await mirror(open(there), a)
      simulator.fail({ kind }, everyTime, 'DescribeSecret')
      const error = await refusalOf(read(there))
      expect(error.message).toContain(`Calling DescribeSecret for ${there.uri}`)
    },
  )

  test('its options are region, version and tags', () => {
    const uri = 'tencent-ssm:a?region=ap-singapore&version=v1&tags=team%3Dmedia'
    expect(parseTarget(uri, { 'tencent-ssm': tencentSsm })).toEqual({
      uri,
      scheme: 'tencent-ssm',
      name: 'a',
      options: { region: 'ap-singapore', version: 'v1', tags: 'team=media' },
      holds: 'document',
      adopt: false,
    })
  })

  const check = (options: Record<string, string>): string[] => tencentSsm.check(target('a', options))

  test.each(['na-siliconvalley', 'ap-shanghai-fsi', 'ap-beijing-1', 'ap-beijing-12', 'ap-shenzhen-fsi-2'])(
    'check takes the region %s',
    (name) => {
      expect(check({ region: name })).toEqual([])
    },
  )

  test.each([
    '',
    'Mars',
    'ap',
    'ap-',
    '-ap',
    '1ap-singapore',
    'ap-singapore!',
    'ap-beijing-1a',
    'ap-1',
    'ap singapore',
  ])('check refuses the region %j without repeating it', (name) => {
    expect(check({ region: name })).toEqual(['region should be a Tencent Cloud region, such as ap-singapore'])
  })

  test('check takes a version, and refuses others without repeating them', () => {
    for (const version of ['v.1_-', 'x'.repeat(64)]) expect(check({ version })).toEqual([])
    for (const version of ['', 'previous', '.a', 'a/b', 'x'.repeat(65)])
      expect(check({ version })).toEqual([
        'version should be 1 to 64 characters of A-Z a-z 0-9 _ . -, start with a letter or digit, and not be "previous"',
      ])
  })

  test('check says what is wrong with a name and with tags', () => {
    expect(tencentSsm.check(target('a/b'))).toEqual([
      'the name should be 1 to 128 characters of A-Z a-z 0-9 _ - and start with a letter or digit',
    ])
    expect(check({ tags: 'team' })).toEqual([expect.stringContaining('tags should read')])
  })
})

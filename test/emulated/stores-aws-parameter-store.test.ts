import {
  GetParameterCommand,
  GetParameterHistoryCommand,
  LabelParameterVersionCommand,
  ListTagsForResourceCommand,
  type ParameterHistory,
  PutParameterCommand,
  RemoveTagsFromResourceCommand,
  SSMClient,
} from '@aws-sdk/client-ssm'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemTime } from '../../handlers/time.ts'
import { awsParameterStore } from '../../lib/stores/aws-parameter-store.ts'
import type { Store, Target } from '../../lib/stores/store.ts'
import {
  awsError,
  type Gateway,
  type Limits,
  startGateway,
  stubAwsEnvironment,
  type Turn,
} from '../support/aws-gateway.ts'
import { type Moto, motoMissing, startMoto } from '../support/moto.ts'
import {
  documentOf,
  lent,
  mirror,
  refusalOf,
  soon,
  storeContract,
  targetOf,
} from '../support/store-contract.ts'

const [a, b, c] = [documentOf('a'), documentOf('b'), documentOf('c')]
let names = 0

/**
 * What AWS refuses and moto lets pass: a value that is too long for its tier, a tier below that of the parameter, and a second
 * update while one is under way. And AWS's own key takes the place of a parameter's where a put names none; moto keeps it.
 * docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
 */
function limitParameterStore(): Limits {
  const [underWay, advanced] = [new Set<unknown>(), new Set<unknown>()]
  return async (action, fields, passOn) => {
    if (action !== 'PutParameter') return passOn(fields)
    const { Name, Value, Tier = advanced.has(Name) ? 'Advanced' : 'Standard' } = fields
    const isLong = Buffer.byteLength(`${Value}`) > 4096
    if (Tier === 'Standard' && isLong)
      return awsError(
        'ValidationException',
        'Standard tier parameters support a maximum parameter value of 4096 characters.',
      )
    if (Buffer.byteLength(`${Value}`) > 8192)
      return awsError(
        'ValidationException',
        'Advanced tier parameters support a maximum parameter value of 8192 characters.',
      )
    if (Tier === 'Standard' && advanced.has(Name))
      return awsError('ValidationException', 'This parameter uses the advanced-parameter tier.')
    if (underWay.has(Name)) return awsError('TooManyUpdates', 'There are concurrent updates for a resource.')
    if (Tier === 'Advanced' || isLong) advanced.add(Name)
    underWay.add(Name)
    try {
      return await passOn({ KeyId: 'alias/aws/ssm', ...fields })
    } finally {
      underWay.delete(Name)
    }
  }
}

// The SDK waits up to a few seconds between attempts when it is throttled.
describe.skipIf(motoMissing !== null)('aws-parameter-store', { timeout: 30_000 }, () => {
  let moto: Moto
  let gateway: Gateway
  let admin: SSMClient
  beforeAll(async () => {
    vi.stubEnv('AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED', 'true')
    moto = await startMoto()
    gateway = await startGateway(moto.url, limitParameterStore())
    admin = adminOf('eu-west-1')
  })
  afterAll(async () => {
    await gateway?.close()
    await moto?.close()
  })

  beforeEach(() => stubAwsEnvironment(gateway.url))
  afterEach(() => {
    vi.unstubAllEnvs()
    gateway.treat(() => 'pass')
  })

  const adminOf = (region: string): SSMClient =>
    new SSMClient({
      endpoint: moto.url,
      region,
      credentials: { accessKeyId: 'admin', secretAccessKey: 'admin' },
    })
  const target = (name = `/prod/aigc-${names++}`, options: Record<string, string> = {}): Target =>
    targetOf('aws-parameter-store', name, options)
  const open = (target: Target): Store => awsParameterStore.open(target, lent)
  const put = async ({ name: Name }: Target, Value: string, more = {}): Promise<void> => {
    await admin.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', ...more }))
  }
  const replace = (target: Target, value: string): Promise<void> => put(target, value, { Overwrite: true })
  const currentOf = async ({ name: Name }: Target, from = admin): Promise<string> => {
    const { Parameter } = await from.send(new GetParameterCommand({ Name, WithDecryption: true }))
    return Parameter?.Value ?? ''
  }
  const versionsOf = async ({ name: Name }: Target): Promise<ParameterHistory[]> => {
    const { Parameters = [] } = await admin.send(
      new GetParameterHistoryCommand({ Name, WithDecryption: true }),
    )
    return Parameters
  }
  const valuesOf = async (target: Target): Promise<unknown[]> =>
    (await versionsOf(target)).map(({ Value }) => Value)
  const tagsOf = async ({ name }: Target): Promise<unknown> =>
    (await admin.send(new ListTagsForResourceCommand({ ResourceType: 'Parameter', ResourceId: name })))
      .TagList
  /** Does something once, at the first call of an action that comes after one of another. */
  const meanwhileAt = (action: string, after: string, meanwhile: () => Promise<void>): void => {
    let done = false
    gateway.treat(async (one): Promise<Turn> => {
      if (!done && one === action && gateway.actions.includes(after)) {
        done = true
        await meanwhile()
      }
      return 'pass'
    })
  }

  storeContract('aws-parameter-store', {
    deps: lent,
    target,
    goodNames: ['a', 'Az09_.-', '/prod/aigc-tokens', '/aigc/251006666', '/p'.repeat(15), 'n'.repeat(950)],
    badNames: [
      '',
      '/',
      '/a',
      'n'.repeat(951),
      'two words',
      'schlüssel',
      'name:1',
      'prod/aigc',
      '/prod/aigc/',
      '/p'.repeat(16),
      'aws-tokens',
      '/AWS/tokens',
      'ssm.tokens',
      'arn:aws:ssm:eu-west-1:123456789012:parameter/aigc',
    ],
    putForeign: put,
    putEmpty: null,
    replace,
    async takeMark({ name: ResourceId }) {
      const TagKeys = ['managed-by']
      await admin.send(new RemoveTagsFromResourceCommand({ ResourceType: 'Parameter', ResourceId, TagKeys }))
      return true
    },
    async beforeTheWrite(meanwhile, attempt) {
      // The last look is the one after the reading.
      meanwhileAt('GetParameter', 'ListTagsForResource', meanwhile)
      await attempt()
      gateway.treat(() => 'pass')
    },
    async afterTheWrite(meanwhile, attempt) {
      meanwhileAt('GetParameter', 'PutParameter', meanwhile)
      await attempt()
      gateway.treat(() => 'pass')
    },
    marksAnyValue: true,
    currentOf,
    everythingOf: async (target) => [await versionsOf(target), await tagsOf(target)],
    async whileForbidden(attempt) {
      const forbidden = target()
      await put(forbidden, 'somebody else')
      const nobody = await moto.enforceAuth()
      try {
        vi.stubEnv('AWS_ENDPOINT_URL', moto.url) // moto checks the signed host
        vi.stubEnv('AWS_ACCESS_KEY_ID', nobody.accessKeyId)
        vi.stubEnv('AWS_SECRET_ACCESS_KEY', nobody.secretAccessKey)
        await attempt(forbidden)
      } finally {
        await moto.ignoreAuth()
      }
      expect(await currentOf(forbidden)).toBe('somebody else')
    },
    // Where a value is not found yet it is created, and then AWS says that it is there.
    whileSpreading: null,
    withdrawals: [],
    breaks: [
      { step: 'PutParameter', on: ['nothing', 'a foreign value', 'a later document'] as const },
      { step: 'AddTagsToResource', on: ['a foreign value'] as const },
    ].flatMap(({ step, on }) =>
      (['drop', 'lose'] as const).map((fault) => ({
        name: `a ${step} ${fault === 'drop' ? 'that does not arrive' : 'whose answer is lost'}, and nothing after it`,
        on,
        async during(attempt: () => Promise<void>) {
          gateway.treat((action) => {
            if (action === step) return fault
            return gateway.actions.includes(step) ? 'drop' : 'pass'
          })
          await attempt()
          gateway.treat(() => 'pass')
        },
      })),
    ),
  })

  test('read asks two questions at most', async () => {
    const asked = target()
    await mirror(open(asked), a)
    gateway.treat(() => 'pass')
    await open(asked).read(soon())
    expect(gateway.actions).toEqual(['GetParameter', 'ListTagsForResource'])
  })

  test('read and write go to the region that the target names', async () => {
    const elsewhere = target('by-region', { region: 'ap-southeast-1' })
    await mirror(open(elsewhere), a)
    expect(await currentOf(elsewhere, adminOf('ap-southeast-1'))).toBe(a)
    expect(await open(target('by-region')).read(soon())).toEqual({ state: 'absent' })
  })

  test('read gives the value before only where the current one is no document and there is one before', async () => {
    const read = target()
    await mirror(open(read), a)
    expect(await open(read).read(soon())).toEqual({ state: 'value', marked: true, value: a })
    await replace(read, 'spoilt')
    gateway.treat(() => 'pass')
    expect(await open(read).read(soon())).toMatchObject({ value: 'spoilt', before: a })
    expect(gateway.actions).toEqual(['GetParameter', 'ListTagsForResource', 'GetParameter'])
    // As after a hundred versions.
    gateway.treat((action) =>
      action === 'GetParameter' && gateway.actions.length > 1
        ? awsError('ParameterVersionNotFound', 'no such version')
        : 'pass',
    )
    expect(await open(read).read(soon())).toEqual({ state: 'value', marked: true, value: 'spoilt' })
    gateway.treat(() => 'pass')
    const first = target()
    await put(first, 'spoilt', { Tags: [{ Key: 'managed-by', Value: 'vod-aigc-tokens' }] })
    expect(await open(first).read(soon())).toEqual({ state: 'value', marked: true, value: 'spoilt' })
  })

  test('a parameter that is no SecureString is unavailable, and stays as it is', async () => {
    const plain = target()
    await put(plain, 'plain', { Type: 'String' })
    const seen = await open(plain).read(soon())
    expect(seen).toEqual({ state: 'unavailable', reason: expect.stringContaining('no SecureString') })
    expect((await refusalOf(mirror(open(plain), a, seen), a)).message).toContain('choose another name')
    expect(await valuesOf(plain)).toEqual(['plain'])
  })

  test('write creates a SecureString in one call, with the tags, the key and the tier', async () => {
    const created = target(undefined, { kmsKeyId: 'alias/aigc', tier: 'Advanced', tags: 'team=media' })
    const seen = await open(created).read(soon())
    gateway.treat(() => 'pass')
    await mirror(open(created), a, seen)
    expect(gateway.actions).toEqual(['PutParameter'])
    expect(await versionsOf(created)).toMatchObject([
      { Type: 'SecureString', KeyId: 'alias/aigc', Tier: 'Advanced', Version: 1 },
    ])
    expect(await tagsOf(created)).toEqual([
      { Key: 'managed-by', Value: 'vod-aigc-tokens' },
      { Key: 'team', Value: 'media' },
    ])
  })

  test('write keeps the key, looks right before and right after, and keeps the value before', async () => {
    const kept = target(undefined, { kmsKeyId: 'alias/aigc' })
    await mirror(open(kept), a)
    const seen = await open(kept).read(soon())
    gateway.treat(() => 'pass')
    await mirror(open(kept), b, seen)
    expect(gateway.actions).toEqual(['GetParameter', 'PutParameter', 'GetParameter'])
    expect(await versionsOf(kept)).toMatchObject([
      { Value: a, KeyId: 'alias/aigc' },
      { Value: b, KeyId: 'alias/aigc' },
    ])
  })

  test('write over a foreign value puts the mark last, and keeps the other tags', async () => {
    const foreign = target(undefined, { tags: 'team=media' })
    const Tags = [
      { Key: 'managed-by', Value: 'terraform' },
      { Key: 'read-by', Value: 'vod-aigc-tokens' },
    ]
    await put(foreign, 'theirs', { Tags })
    const seen = await open(foreign).read(soon())
    expect(seen).toMatchObject({ marked: false })
    gateway.treat(() => 'pass')
    await mirror(open(foreign), a, seen)
    expect(gateway.actions).toEqual(['GetParameter', 'PutParameter', 'GetParameter', 'AddTagsToResource'])
    expect(await tagsOf(foreign)).toEqual([
      { Key: 'managed-by', Value: 'vod-aigc-tokens' },
      { Key: 'read-by', Value: 'vod-aigc-tokens' },
      { Key: 'team', Value: 'media' },
    ])
  })

  test('write whose answer is lost once makes one version, and says so', async () => {
    const lost = target()
    const lostOnce = (): void =>
      gateway.treat((action) =>
        action === 'PutParameter' && gateway.actions.filter((one) => one === action).length === 1
          ? 'lose'
          : 'pass',
      )
    for (const document of [a, b, a]) {
      const seen = await open(lost).read(soon())
      lostOnce()
      await mirror(open(lost), document, seen)
    }
    expect(await valuesOf(lost)).toEqual([a, b, a])
  })

  test('write that is tried again looks before, and leaves what somebody else wrote meanwhile', async () => {
    const raced = target()
    await mirror(open(raced), a)
    gateway.treat(async (action): Promise<Turn> => {
      if (action !== 'PutParameter') return 'pass'
      await replace(raced, 'theirs')
      return awsError('TooManyUpdates', 'There are concurrent updates')
    })
    expect(await refusalOf(mirror(open(raced), b), b)).toMatchObject({ code: 'Overtaken' })
    expect(await valuesOf(raced)).toEqual([a, 'theirs'])
  })

  test('write of a value that came within the one call is lost to readers, and kept as the version before', async () => {
    const raced = target()
    await mirror(open(raced), a)
    gateway.treat(async (action): Promise<Turn> => {
      if (action === 'PutParameter') await replace(raced, 'theirs')
      return 'pass'
    })
    await mirror(open(raced), b)
    expect(await valuesOf(raced)).toEqual([a, 'theirs', b])
  })

  test('write waits for its version to be seen, and gives up when it is not', async () => {
    const slow = target()
    await mirror(open(slow), a)
    const seen = await open(slow).read(soon())
    const old = {
      status: 200,
      body: JSON.stringify({
        Parameter: { Name: slow.name, Type: 'SecureString', Value: a, Version: 1 },
      }),
    }
    const looks = (): number => gateway.actions.filter((one) => one === 'GetParameter').length
    gateway.treat((action) => (action === 'GetParameter' && looks() === 2 ? old : 'pass'))
    await mirror(open(slow), b, seen)
    expect(looks()).toBe(3)
    const next = await open(slow).read(soon())
    gateway.treat((action) => (action === 'GetParameter' && looks() > 1 ? old : 'pass'))
    expect(await refusalOf(mirror(open(slow), c, next), c)).toMatchObject({
      code: 'NotWritten',
      retryable: true,
      message: expect.stringContaining('nothing but AWS Systems Manager answers'),
    })
  })

  test.each([
    { tier: undefined, most: 4096 },
    { tier: 'Standard', most: 4096 },
    { tier: 'Advanced', most: 8192 },
    { tier: 'Intelligent-Tiering', most: 8192 },
  ])('tier $tier takes $most bytes, as AWS does', async ({ tier, most }) => {
    const sized = target(undefined, tier === undefined ? {} : { tier })
    const store = open(sized)
    expect(store.mostBytes).toBe(most)
    const token = JSON.parse(a).ApiToken
    await mirror(store, token.padEnd(most, token))
    await refusalOf(mirror(store, token.padEnd(most + 1, token)), token)
  })

  test('a hundred versions with a label on the oldest say what to do', async () => {
    const labelled = target()
    await mirror(open(labelled), a)
    await admin.send(new LabelParameterVersionCommand({ Name: labelled.name, Labels: ['keep'] }))
    for (let version = 2; version <= 100; version++)
      await replace(labelled, version === 100 ? a : `${version}`)
    const error = await refusalOf(mirror(open(labelled), b), b)
    expect(error).toMatchObject({ code: 'ParameterMaxVersionLimitExceeded', retryable: false })
    expect(error.message).toContain('has a label, so AWS drops none; move that label')
  })

  describe('a good answer that does not say what was asked is a failure, never empty and never done:', () => {
    const answers = ['{}', '', '{"Name":"x","VersionId":"y","ARN":"z"}', '{"Parameter":{"Name":"another"}}']
    test.each(
      (['GetParameter', 'PutParameter'] as const).flatMap((action) =>
        [true, false].flatMap((exists) => answers.map((body) => ({ action, exists, body }))),
      ),
    )('$action answered with $body (exists: $exists)', async ({ action, exists, body }) => {
      const asked = target()
      if (exists) await mirror(open(asked), a)
      const seen = await open(asked).read(soon())
      gateway.treat((one) => (one === action ? { status: 200, body } : 'pass'))
      const attempts = [mirror(open(asked), b, seen)]
      if (action === 'GetParameter')
        attempts.push(
          open(asked)
            .read(soon())
            .then(() => {}),
        )
      if (action === 'GetParameter' && !exists) attempts.shift()
      // All are looked after at once: the second may fail before the first.
      for (const refusal of await Promise.all(attempts.map((attempt) => refusalOf(attempt, b))))
        expect(refusal).toMatchObject({
          code: 'ClientError.MalformedAnswer',
          message: expect.stringMatching(/^Calling \w+ for \S+: the answer does not say what was asked; /),
        })
    })

    test.each([
      ['Name', 'another'],
      ['Type', undefined],
      ['Value', ''],
      ['Version', undefined],
    ])('GetParameter with the %s %j', async (field, value) => {
      const asked = target()
      const Parameter = { Name: asked.name, Type: 'SecureString', Value: a, Version: 1, [field]: value }
      gateway.treat(() => ({ status: 200, body: JSON.stringify({ Parameter }) }))
      expect(await refusalOf(open(asked).read(soon()))).toMatchObject({ code: 'ClientError.MalformedAnswer' })
    })
  })

  describe('an error tells the code, the request and what to do:', () => {
    test.each<{ answer: Turn; code: string; tells: string[]; retryable?: boolean }>([
      {
        answer: awsError('AccessDeniedException', 'User: arn:aws:sts::123456789012:assumed-role/f/f is not'),
        code: 'AccessDeniedException',
        tells: ['request id 00000000-0000-4000-8000-000000000003', 'allow ssm:GetParameter'],
      },
      {
        answer: awsError('ThrottlingException', 'Rate exceeded'),
        code: 'ThrottlingException',
        tells: ['Rate exceeded', 'the next run tries again'],
        retryable: true,
      },
      {
        answer: awsError('TooManyUpdates', 'There are concurrent updates'),
        code: 'TooManyUpdates',
        tells: ['the next run tries again'],
        retryable: true,
      },
      {
        answer: awsError('InvalidKeyId', 'no such key'),
        code: 'InvalidKeyId',
        tells: ['the KMS key exists'],
      },
      {
        answer: awsError('ExpiredTokenException', 'expired'),
        code: 'ExpiredTokenException',
        tells: ['give the process valid AWS credentials'],
      },
      {
        answer: { status: 502, body: '<html>proxy</html>' },
        code: 'Http502',
        tells: ['the network'],
        retryable: true,
      },
      { answer: 'drop', code: 'ECONNRESET', tells: ['the network'], retryable: true },
    ])('$code', async ({ answer, code, tells, retryable = false }) => {
      gateway.treat(() => answer)
      const failing = target()
      const error = await refusalOf(open(failing).read(soon()))
      expect(error).toMatchObject({ name: code, code, target: failing.uri, retryable })
      expect(error.message).toMatch(`Calling GetParameter for ${failing.uri}: ${code}`)
      for (const part of tells) expect(error.message).toContain(part)
      await refusalOf(mirror(open(failing), a, { state: 'absent' }), a)
    })

    test('what may be missing to write', async () => {
      gateway.treat(() => awsError('AccessDeniedException', 'not authorized'))
      const error = await refusalOf(mirror(open(target()), a, { state: 'absent' }), a)
      expect(error.message).toContain('allow ssm:PutParameter and ssm:AddTagsToResource')
    })

    test('but nothing of a value that was seen or of the document', async () => {
      const foreign = target()
      await put(foreign, 'a password of 20 char')
      const store = open(foreign)
      const seen = await store.read(soon())
      const quoting = (value: string): void =>
        gateway.treat(() => awsError('ValidationException', `it holds '${value}', which is too secret`))
      quoting('a password of 20 char')
      for (const attempt of [() => store.read(soon()), () => mirror(store, a, seen)])
        expect((await refusalOf(attempt(), a)).message).not.toMatch(/password|too secret/)
      quoting(a.slice(20, 60))
      const error = await refusalOf(mirror(open(target()), a, { state: 'absent' }), a)
      expect(error.message).not.toContain('too secret')
      expect(error).toMatchObject({ code: 'ValidationException' })
    })
  })

  test.each<Turn>(['hang', 'stall'])('the deadline ends a call whose answer does: %s', async (turn) => {
    gateway.treat(() => turn)
    const slow = target()
    const read = await refusalOf(open(slow).read(systemTime.monotonic() + 200))
    expect(read).toMatchObject({ code: 'Timeout', target: slow.uri })
    const write = open(slow).write(a, { state: 'absent' }, systemTime.monotonic() + 200)
    expect(await refusalOf(write, a)).toMatchObject({ code: 'Timeout' })
  })

  test.each([
    {
      name: 'n',
      options: { region: 'eu-central-1', kmsKeyId: 'alias/aigc', tags: 'team=media' },
      problems: 0,
    },
    { name: 'n', options: { tier: 'Standard' }, problems: 0 },
    { name: 'n', options: { tier: 'Intelligent-Tiering' }, problems: 0 },
    { name: 'n', options: { tier: 'advanced' }, problems: 1 },
    { name: 'n', options: { tier: 'toString' }, problems: 1 },
    { name: 'a b', options: { region: '', kmsKeyId: 'a key', tags: 'team', tier: '' }, problems: 5 },
  ])('check finds $problems problems in $name with $options', ({ name, options, problems }) => {
    expect(awsParameterStore.check(target(name, options as Record<string, string>))).toHaveLength(problems)
  })
})

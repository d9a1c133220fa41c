import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  type DescribeSecretResponse,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  RotateSecretCommand,
  SecretsManagerClient,
  UntagResourceCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemTime } from '../../handlers/time.ts'
import { awsSecretsManager } from '../../lib/stores/aws-secretsmanager.ts'
import type { Store, Target } from '../../lib/stores/store.ts'
import { createRandom } from '../simulation/random.ts'
import { createAwsSecret } from '../simulation/secrets-manager.ts'
import { awsDeps } from '../support/aws-deps.ts'
import {
  awsError,
  type Gateway,
  startGateway,
  stubAwsEnvironment,
  type Turn,
} from '../support/aws-gateway.ts'
import { type Moto, motoMissing, startMoto } from '../support/moto.ts'
import { sha256 } from '../support/sha256.ts'
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

// The SDK waits up to a few seconds between attempts when it is throttled.
describe.skipIf(motoMissing !== null)('aws-secretsmanager', { timeout: 30_000 }, () => {
  let moto: Moto
  let gateway: Gateway
  let admin: SecretsManagerClient
  beforeAll(async () => {
    vi.stubEnv('AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED', 'true')
    moto = await startMoto()
    gateway = await startGateway(moto.url)
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

  const adminOf = (region: string): SecretsManagerClient =>
    new SecretsManagerClient({
      endpoint: moto.url,
      region,
      credentials: { accessKeyId: 'admin', secretAccessKey: 'admin' },
    })
  const target = (name = `prod/aigc-${names++}`, options: Record<string, string> = {}): Target =>
    targetOf('aws-secretsmanager', name, options)
  const open = (target: Target, monotonic = lent.monotonic): Store =>
    awsSecretsManager.open(target, { ...lent, monotonic, aws: () => awsDeps({ monotonic }) })
  const describeSecret = (target: Target): Promise<DescribeSecretResponse> =>
    admin.send(new DescribeSecretCommand({ SecretId: target.name }))
  const stateOf = async (target: Target): Promise<unknown> => {
    const { DeletedDate, Tags, VersionIdsToStages } = await describeSecret(target)
    return { DeletedDate, Tags, VersionIdsToStages }
  }
  const putForeign = async (target: Target, value: string): Promise<void> => {
    await admin.send(new CreateSecretCommand({ Name: target.name, SecretString: value }))
  }
  /**
   * What AWS does in one step for a `PutSecretValue` without labels. moto takes AWSCURRENT from the version that was put
   * last, wherever the label has been moved since, and leaves two.
   */
  const putCurrent = async ({ name: SecretId }: Target, SecretString: string): Promise<void> => {
    const { VersionIdsToStages = {} } = await admin.send(new DescribeSecretCommand({ SecretId }))
    const from = Object.entries(VersionIdsToStages).find(([, stages]) => stages.includes('AWSCURRENT'))?.[0]
    const { VersionId } = await admin.send(
      new PutSecretValueCommand({ SecretId, SecretString, VersionStages: ['theirs'] }),
    )
    const move = {
      SecretId,
      VersionStage: 'AWSCURRENT',
      RemoveFromVersionId: from,
      MoveToVersionId: VersionId,
    }
    if (from !== undefined) await admin.send(new UpdateSecretVersionStageCommand(move))
  }
  const currentOf = async (target: Target, stage = 'AWSCURRENT'): Promise<string | undefined> =>
    (await admin.send(new GetSecretValueCommand({ SecretId: target.name, VersionStage: stage }))).SecretString
  const versionsOf = async (target: Target): Promise<unknown> =>
    (await admin.send(new ListSecretVersionIdsCommand({ SecretId: target.name }))).Versions?.map(
      ({ VersionId, VersionStages }) => ({ VersionId, VersionStages }),
    )

  storeContract('aws-secretsmanager', {
    deps: lent,
    target,
    goodNames: ['a', 'Az09/_+=.@-', 'prod/aigc-tokens', '/aigc/251006666', 'n'.repeat(512)],
    badNames: [
      '',
      'n'.repeat(513),
      'two words',
      'rds!cluster',
      'schlüssel',
      'name:1',
      'arn:aws:secretsmanager:eu-west-1:123456789012:secret:no-suffix-',
      'arn:aws:ssm:eu-west-1:123456789012:parameter/aigc-AbCdEf',
    ],
    putForeign,
    putEmpty: async (target) => {
      await admin.send(new CreateSecretCommand({ Name: target.name }))
    },
    replace: putCurrent,
    async takeMark({ name }) {
      await admin.send(new UntagResourceCommand({ SecretId: name, TagKeys: ['managed-by'] }))
      return true
    },
    async beforeTheWrite(meanwhile, attempt) {
      gateway.treat(async (action): Promise<Turn> => {
        if (action === 'UpdateSecretVersionStage') await meanwhile()
        return 'pass'
      })
      await attempt()
      gateway.treat(() => 'pass')
    },
    afterTheWrite: null,
    marksAnyValue: true,
    currentOf: async (target) => (await currentOf(target)) ?? '',
    everythingOf: async (target) => [
      await versionsOf(target),
      (await describeSecret(target)).Tags,
      await currentOf(target),
    ],
    // moto answers with 403 and XML; AWS's own shape is tested below.
    async whileForbidden(attempt) {
      const forbidden = target()
      await putForeign(forbidden, 'somebody else')
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
    async whileSpreading(attempt) {
      const message = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
      gateway.treat((action) =>
        action === 'GetSecretValue' ? awsError('ResourceNotFoundException', message) : 'pass',
      )
      await attempt()
      gateway.treat(() => 'pass')
    },
    withdrawals: [
      {
        name: 'scheduled for deletion',
        withdraw: ({ name }) =>
          admin.send(new DeleteSecretCommand({ SecretId: name, RecoveryWindowInDays: 7 })),
        restore: ({ name }) => admin.send(new RestoreSecretCommand({ SecretId: name })),
      },
    ],
    breaks: [
      { step: 'CreateSecret', on: ['nothing'] as const },
      { step: 'TagResource', on: ['an empty secret', 'a foreign value'] as const },
      { step: 'PutSecretValue', on: ['an empty secret', 'a foreign value', 'a later document'] as const },
      { step: 'UpdateSecretVersionStage', on: ['a foreign value', 'a later document'] as const },
    ].flatMap(({ step, on }) =>
      (['drop', 'lose'] as const).map((fault) => ({
        name: `a ${step} ${fault === 'drop' ? 'that does not arrive' : 'whose answer is lost'}`,
        on,
        async during(attempt: () => Promise<void>) {
          gateway.treat((action) => (action === step ? fault : 'pass'))
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
    expect(gateway.actions).toEqual(['DescribeSecret', 'GetSecretValue'])
  })

  test('read decodes a value that is stored as bytes', async () => {
    const binary = target()
    await admin.send(
      new CreateSecretCommand({ Name: binary.name, SecretBinary: new TextEncoder().encode('Schlüssel') }),
    )
    expect(await open(binary).read(soon())).toMatchObject({
      state: 'value',
      marked: false,
      value: 'Schlüssel',
    })
  })

  test('read by ARN looks in the region of the ARN', async () => {
    const frankfurt = adminOf('eu-central-1')
    const { ARN } = await frankfurt.send(new CreateSecretCommand({ Name: 'by-arn', SecretString: 'there' }))
    const byArn = target(ARN)
    expect(awsSecretsManager.check(byArn)).toEqual([])
    expect(await open(byArn).read(soon())).toMatchObject({ state: 'value', value: 'there' })
  })

  test('read and write go to the region that the target names', async () => {
    const elsewhere = target('by-region', { region: 'ap-southeast-1' })
    await mirror(open(elsewhere), a)
    const singapore = adminOf('ap-southeast-1')
    const found = await singapore.send(new GetSecretValueCommand({ SecretId: 'by-region' }))
    expect(found.SecretString).toBe(a)
    expect(await open(target('by-region')).read(soon())).toEqual({ state: 'absent' })
  })

  test('stores that share an AWS have a client for each region', async () => {
    const aws = awsDeps()
    const deps = { ...lent, aws: () => aws }
    const names = ['eu-north-1', 'ap-southeast-2', undefined].map((region) =>
      target('everywhere', region === undefined ? {} : { region }),
    )
    for (const [index, one] of names.entries())
      await mirror(awsSecretsManager.open(one, deps), documentOf(`region ${index}`))
    const found = await Promise.all(
      ['eu-north-1', 'ap-southeast-2', 'eu-west-1'].map(async (region) => {
        const answer = await adminOf(region).send(new GetSecretValueCommand({ SecretId: 'everywhere' }))
        return answer.SecretString
      }),
    )
    expect(found).toEqual([0, 1, 2].map((index) => documentOf(`region ${index}`)))
  })

  test('write creates with our digest as the version, our tag, and the KMS key asked for', async () => {
    const created = target(undefined, { kmsKeyId: 'alias/aigc' })
    await mirror(open(created), a)
    expect(await describeSecret(created)).toMatchObject({
      KmsKeyId: 'alias/aigc',
      Tags: [{ Key: 'managed-by', Value: 'vod-aigc-tokens' }],
      VersionIdsToStages: { [sha256(a)]: ['AWSCURRENT'] },
    })
  })

  test('write keeps the tags of a secret that it takes over', async () => {
    const tagged = target()
    const Tags = [
      { Key: 'team', Value: 'video' },
      { Key: 'managed-by', Value: 'terraform' },
      { Key: 'read-by', Value: 'vod-aigc-tokens' },
    ]
    await admin.send(new CreateSecretCommand({ Name: tagged.name, SecretString: 'x', Tags }))
    expect(await open(tagged).read(soon())).toMatchObject({ marked: false })
    await mirror(open(tagged), a)
    expect((await describeSecret(tagged)).Tags).toEqual([
      { Key: 'team', Value: 'video' },
      { Key: 'managed-by', Value: 'vod-aigc-tokens' },
      { Key: 'read-by', Value: 'vod-aigc-tokens' },
    ])
  })

  test('write keeps the value before as AWSPREVIOUS, on the way back too, and makes one version for a document', async () => {
    const kept = target()
    for (const document of [a, b, a]) await mirror(open(kept), document)
    expect(await currentOf(kept, 'AWSPREVIOUS')).toBe(b)
    expect(await versionsOf(kept)).toEqual([
      { VersionId: sha256(a), VersionStages: ['AWSCURRENT'] },
      { VersionId: sha256(b), VersionStages: ['vod-aigc-tokens', 'AWSPREVIOUS'] },
    ])
    await mirror(open(kept), c)
    // The version of b has lost its label by now, and AWS no longer lists it.
    await mirror(open(kept), b)
    expect(await currentOf(kept)).toBe(b)
    expect(await currentOf(kept, 'AWSPREVIOUS')).toBe(c)
  })

  test('write whose answer is lost once asks again, and makes one version', async () => {
    const lost = target()
    const lostOnce = (): void => {
      gateway.treat((action) =>
        gateway.actions.filter((other) => other === action).length > 1 ? 'pass' : 'lose',
      )
    }
    lostOnce()
    await mirror(open(lost), a)
    lostOnce()
    await mirror(open(lost), b)
    lostOnce()
    await mirror(open(lost), a)
    expect(await versionsOf(lost)).toEqual([
      { VersionId: sha256(a), VersionStages: ['AWSCURRENT'] },
      { VersionId: sha256(b), VersionStages: ['vod-aigc-tokens', 'AWSPREVIOUS'] },
    ])
  })

  test('write over a document is two calls and a look, and no reader gets the new version before the second', async () => {
    const counted = target()
    await mirror(open(counted), a)
    const seen = await open(counted).read(soon())
    const between: unknown[] = []
    gateway.treat(async (action): Promise<Turn> => {
      if (action === 'UpdateSecretVersionStage')
        between.push(await currentOf(counted), await versionsOf(counted))
      return 'pass'
    })
    await mirror(open(counted), b, seen)
    expect(gateway.actions).toEqual(['PutSecretValue', 'UpdateSecretVersionStage', 'DescribeSecret'])
    expect(between).toEqual([
      a,
      [
        { VersionId: sha256(a), VersionStages: ['AWSCURRENT'] },
        { VersionId: sha256(b), VersionStages: ['vod-aigc-tokens'] },
      ],
    ])
  })

  test('write into an unmarked secret puts the mark last where there is a value', async () => {
    const [empty, foreign] = [target(), target()]
    await admin.send(new CreateSecretCommand({ Name: empty.name }))
    await putForeign(foreign, 'theirs')
    const seen = { empty: await open(empty).read(soon()), foreign: await open(foreign).read(soon()) }
    gateway.treat(() => 'pass')
    await mirror(open(empty), a, seen.empty)
    expect(gateway.actions).toEqual(['DescribeSecret', 'TagResource', 'PutSecretValue'])
    gateway.treat(() => 'pass')
    await mirror(open(foreign), a, seen.foreign)
    expect(gateway.actions).toEqual([
      'PutSecretValue',
      'UpdateSecretVersionStage',
      'DescribeSecret',
      'TagResource',
    ])
  })

  test('write is content when it is refused what it has already done', async () => {
    const repeated = target()
    await mirror(open(repeated), a)
    const seen = await open(repeated).read(soon())
    await mirror(open(repeated), b, seen)
    gateway.treat(() => 'pass')
    await mirror(open(repeated), b, seen)
    expect(gateway.actions).toEqual(['PutSecretValue'])
    // As AWS may answer for a version that exists: without the labels it has.
    gateway.treat((action) =>
      action === 'PutSecretValue'
        ? { status: 200, body: JSON.stringify({ Name: repeated.name, VersionId: sha256(b) }) }
        : 'pass',
    )
    await mirror(open(repeated), b, seen)
    expect(gateway.actions).toEqual(['PutSecretValue', 'UpdateSecretVersionStage', 'DescribeSecret'])
    gateway.treat((action) =>
      action === 'CreateSecret' ? awsError('ResourceExistsException', 'it exists') : 'pass',
    )
    await mirror(open(repeated), b, { state: 'absent' })
    expect(await currentOf(repeated)).toBe(b)
  })

  test('write does not take a secret that got a value of somebody else while it was empty', async () => {
    const filled = target()
    await admin.send(new CreateSecretCommand({ Name: filled.name }))
    gateway.treat(async (action): Promise<Turn> => {
      if (action === 'PutSecretValue') await putCurrent(filled, 'theirs')
      return 'pass'
    })
    expect(await refusalOf(mirror(open(filled), a), a)).toMatchObject({ code: 'Overtaken' })
    // What came between the mark and the value looks reused, and is held.
    expect(await open(filled).read(soon())).toMatchObject({ marked: true, value: 'theirs' })
  })

  test('read gives the version, and the value before only where the current one is no document', async () => {
    const read = target()
    await mirror(open(read), a)
    await mirror(open(read), b)
    gateway.treat(() => 'pass')
    expect(await open(read).read(soon())).toEqual({
      state: 'value',
      marked: true,
      value: b,
      version: sha256(b),
    })
    await putCurrent(read, 'spoilt')
    gateway.treat(() => 'pass')
    expect(await open(read).read(soon())).toMatchObject({ value: 'spoilt', before: b })
    expect(gateway.actions).toEqual(['DescribeSecret', 'GetSecretValue', 'GetSecretValue'])
    await mirror(open(read), c)
    expect([await currentOf(read), await currentOf(read, 'AWSPREVIOUS')]).toEqual([c, 'spoilt'])
  })

  describe('a good answer that does not say what was asked is a failure, never empty and never done:', () => {
    const answers = [
      '{}',
      '',
      '{"Parameter":{"Name":"x","Value":"y"}}',
      '{"Name":"another","VersionId":"x","ARN":"y"}',
    ]
    const [absent, held]: [() => Promise<Target>, () => Promise<Target>] = [
      async () => target(),
      async () => {
        const one = target()
        await mirror(open(one), a)
        return one
      },
    ]
    const rows = [
      ['DescribeSecret', absent],
      ['CreateSecret', absent],
      ['GetSecretValue', held],
      ['PutSecretValue', held],
      ['UpdateSecretVersionStage', held],
    ] as const
    test.each(rows.flatMap(([action, prepare]) => answers.map((body) => ({ action, prepare, body }))))(
      '$action answered with $body',
      async ({ action, prepare, body }) => {
        const asked = await prepare()
        const seen = await open(asked).read(soon())
        gateway.treat((one) => (one === action ? { status: 200, body } : 'pass'))
        const attempt = /^(Describe|Get)/.test(action)
          ? open(asked).read(soon())
          : mirror(open(asked), b, seen)
        expect(await refusalOf(attempt, b)).toMatchObject({
          code: 'ClientError.MalformedAnswer',
          message: expect.stringMatching(/^Calling \w+ for \S+: the answer does not say what was asked; /),
        })
      },
    )

    test.each([
      ['neither text nor bytes', { VersionId: sha256(a) }],
      ['an empty text', { VersionId: sha256(a), SecretString: '' }],
      ['no version', { SecretString: a }],
    ])('GetSecretValue with %s', async (_, fields) => {
      const asked = await held()
      const body = JSON.stringify({ Name: asked.name, ...fields })
      gateway.treat((one) => (one === 'GetSecretValue' ? { status: 200, body } : 'pass'))
      expect(await refusalOf(open(asked).read(soon()))).toMatchObject({ code: 'ClientError.MalformedAnswer' })
    })

    test.each([['PutSecretValue'], ['CreateSecret']])('%s with another version', async (action) => {
      const asked = await (action === 'CreateSecret' ? absent : held)()
      const seen = await open(asked).read(soon())
      const body = JSON.stringify({ Name: asked.name, VersionId: sha256(c), VersionStages: ['AWSCURRENT'] })
      gateway.treat((one) => (one === action ? { status: 200, body } : 'pass'))
      expect(await refusalOf(mirror(open(asked), b, seen), b)).toMatchObject({
        code: 'ClientError.MalformedAnswer',
      })
    })

    test('a label that was moved by the answer alone', async () => {
      const asked = await held()
      const seen = await open(asked).read(soon())
      const body = JSON.stringify({ Name: asked.name })
      gateway.treat((one) => (one === 'UpdateSecretVersionStage' ? { status: 200, body } : 'pass'))
      expect(await refusalOf(mirror(open(asked), b, seen), b)).toMatchObject({
        code: 'NotWritten',
        retryable: true,
        message: expect.stringContaining('readers still get the one before'),
      })
      expect(gateway.actions.filter((one) => one === 'DescribeSecret')).toHaveLength(3)
      expect(await currentOf(asked)).toBe(a)
    })

    test('but a label that is seen a moment later is where it should be', async () => {
      const asked = await held()
      const seen = await open(asked).read(soon())
      const before = JSON.stringify({
        Name: asked.name,
        VersionIdsToStages: (await describeSecret(asked)).VersionIdsToStages,
      })
      gateway.treat((one) =>
        one === 'DescribeSecret' && gateway.actions.filter((other) => other === one).length === 1
          ? { status: 200, body: before }
          : 'pass',
      )
      await mirror(open(asked), b, seen)
      expect(await currentOf(asked)).toBe(b)
    })
  })

  test('write puts the tags that the target names where it puts the mark', async () => {
    const [created, adopted] = [
      target(undefined, { tags: 'team=media;env = a=b' }),
      target(undefined, { tags: 'team=media' }),
    ]
    await mirror(open(created), a)
    await putForeign(adopted, 'theirs')
    await mirror(open(adopted), a)
    const marks = { Key: 'managed-by', Value: 'vod-aigc-tokens' }
    const team = { Key: 'team', Value: 'media' }
    expect((await describeSecret(created)).Tags).toEqual([marks, team, { Key: 'env', Value: 'a=b' }])
    expect((await describeSecret(adopted)).Tags).toEqual([marks, team])
  })

  test('write does not create by ARN', async () => {
    const byArn = target('arn:aws:secretsmanager:eu-west-1:123456789012:secret:none-AbCdEf')
    const error = await refusalOf(mirror(open(byArn), a), a)
    expect(error.message).toContain('put the name there')
    expect(gateway.actions).not.toContain('CreateSecret')
  })

  describe('a secret that is not ours to touch is unavailable, and stays as it is:', () => {
    const owned = { Key: 'aws:secretsmanager:owningService', Value: 'rds' }
    test.each<{ why: string; say: RegExp; prepare: (SecretId: string) => Promise<unknown> }>([
      {
        why: 'scheduled for deletion',
        say: /RestoreSecret/,
        prepare: (SecretId) => admin.send(new DeleteSecretCommand({ SecretId, RecoveryWindowInDays: 7 })),
      },
      {
        why: 'rotated by AWS',
        say: /CancelRotateSecret/,
        prepare: (SecretId) =>
          admin.send(new RotateSecretCommand({ SecretId, RotationRules: { AutomaticallyAfterDays: 7 } })),
      },
      {
        why: 'of another AWS service',
        say: /managed by rds/,
        prepare: async (SecretId) => {
          await admin.send(new DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true }))
          await admin.send(new CreateSecretCommand({ Name: SecretId, SecretString: 'theirs', Tags: [owned] }))
        },
      },
    ])('$why', async ({ say, prepare }) => {
      const untouchable = target()
      await mirror(open(untouchable), a)
      await prepare(untouchable.name)
      const before = await stateOf(untouchable)
      gateway.treat(() => 'pass')
      const seen = await open(untouchable).read(soon())
      expect(seen).toEqual({ state: 'unavailable', reason: expect.stringMatching(say) })
      expect(gateway.actions).toEqual(['DescribeSecret'])
      expect((await refusalOf(mirror(open(untouchable), b, seen), b)).message).toMatch(say)
      expect(await stateOf(untouchable)).toEqual(before)
    })

    test('deleted between the two questions', async () => {
      // In AWS's words for actions on such a secret.
      const message = "You can't perform this operation on the secret because it was marked for deletion."
      const deleted = target()
      await mirror(open(deleted), a)
      gateway.treat((action) =>
        action === 'GetSecretValue' ? awsError('InvalidRequestException', message) : 'pass',
      )
      expect(await open(deleted).read(soon())).toMatchObject({ state: 'unavailable' })
    })
  })

  describe('a replica', () => {
    /** A secret that is replicated to a region, where its name may be taken already. */
    const replicate = async (isTaken: boolean): Promise<Target> => {
      const replicated = target()
      const { name: Name } = replicated
      if (isTaken)
        await adminOf('us-east-1').send(new CreateSecretCommand({ Name, SecretString: 'somebody else' }))
      const AddReplicaRegions = [{ Region: 'us-east-1' }]
      await admin.send(
        new CreateSecretCommand({
          Name,
          Tags: [{ Key: 'managed-by', Value: 'vod-aigc-tokens' }],
          AddReplicaRegions,
        }),
      )
      await mirror(open(replicated), a)
      return replicated
    }

    test('that follows is nothing to tell', async () => {
      const seen = await open(await replicate(false)).read(soon())
      expect(seen).toMatchObject({ state: 'value', value: a })
      expect(seen).not.toHaveProperty('lagging')
    })

    test('that AWS calls failed is told with its region and AWS’s words', async () => {
      const replicated = await replicate(true)
      const { ReplicationStatus } = await describeSecret(replicated)
      expect(ReplicationStatus).toMatchObject([{ Region: 'us-east-1', Status: 'Failed' }])
      expect(await open(replicated).read(soon())).toMatchObject({
        state: 'value',
        value: a,
        lagging: expect.stringMatching(
          /^the replica in us-east-1 \(Replication failed: .*already exists in region us-east-1\.\) does not follow any more; .*ReplicateSecretToRegions/,
        ),
      })
    })

    test.each([
      [
        [{ Region: 'us-east-1', Status: 'InProgress', StatusMessage: 'Replication is in progress' }],
        undefined,
      ],
      [[{ Region: 'us-east-1', Status: 'Failed' }], /^the replica in us-east-1 does not follow/],
      [
        [
          { Region: 'eu-west-2', Status: 'InSync' },
          { Region: 'us-east-1', Status: 'Failed', StatusMessage: 'The KMS key\nis disabled' },
          { Region: 'us-east-2', Status: 'Failed', StatusMessage: `it is ${a}` },
        ],
        /^the replica in us-east-1 \(The KMS key is disabled\) and in us-east-2 does not follow/,
      ],
    ])('of which DescribeSecret says %j', async (ReplicationStatus, lagging) => {
      const replicated = target()
      await mirror(open(replicated), a)
      const described = {
        ...(await describeSecret(replicated)),
        $metadata: undefined,
        CreatedDate: 1,
        LastChangedDate: 1,
        LastAccessedDate: 1,
        ReplicationStatus,
      }
      gateway.treat((action) =>
        action === 'DescribeSecret' ? { status: 200, body: JSON.stringify(described) } : 'pass',
      )
      const seen = await open(replicated).read(soon())
      if (lagging === undefined) expect(seen).not.toHaveProperty('lagging')
      else expect(seen).toMatchObject({ lagging: expect.stringMatching(lagging) })
    })
  })

  describe('an error tells the code, the request and what to do:', () => {
    const denied =
      'User: arn:aws:sts::123456789012:assumed-role/f/f is not authorized to perform this on the secret'
    test.each<{ answer: Turn; code: string; tells: string[] }>([
      {
        answer: awsError('AccessDeniedException', denied),
        code: 'AccessDeniedException',
        tells: [
          denied,
          'request id 00000000-0000-4000-8000-000000000003',
          'allow secretsmanager:DescribeSecret',
        ],
      },
      {
        answer: awsError('ThrottlingException', 'Rate exceeded'),
        code: 'ThrottlingException',
        tells: [
          'Rate exceeded',
          'request id 00000000-0000-4000-8000-000000000003',
          'the next run tries again',
        ],
      },
      {
        answer: awsError('DecryptionFailure', 'key disabled'),
        code: 'DecryptionFailure',
        tells: ['check that the KMS key is enabled'],
      },
      {
        answer: awsError('ExpiredTokenException', 'expired'),
        code: 'ExpiredTokenException',
        tells: ['give the process valid AWS credentials'],
      },
      {
        answer: { status: 403, body: '<html>proxy</html>' },
        code: 'Http403',
        tells: ['secretsmanager:Desc'],
      },
      { answer: { status: 502, body: '<html>proxy</html>' }, code: 'Http502', tells: ['the network'] },
      { answer: 'drop', code: 'ECONNRESET', tells: ['the network'] },
    ])('$code', async ({ answer, code, tells }) => {
      gateway.treat(() => answer)
      const failing = target()
      const error = await refusalOf(open(failing).read(soon()))
      expect(error).toMatchObject({ name: code, code, target: failing.uri })
      expect(error.message).toMatch(`Calling DescribeSecret for ${failing.uri}: ${code}`)
      for (const part of tells) expect(error.message).toContain(part)
      await Promise.all([
        refusalOf(mirror(open(failing), a, { state: 'absent' }), a),
        refusalOf(mirror(open(failing), a, { state: 'empty', marked: true }), a),
      ])
    })

    test.each([
      'hunter2',
      'a password of 20 char',
      `-----BEGIN KEY-----\n${'MIIEvQ'.repeat(10)}\n-----END KEY-----`,
    ])('but nothing of a value that was seen, in whatever form it is quoted: %j', async (value) => {
      const foreign = target()
      await putForeign(foreign, value)
      gateway.treat(() => 'pass')
      const store = open(foreign)
      const seen = await store.read(soon())
      gateway.treat(() => awsError('ValidationException', `the secret holds '${value}'`))
      for (const attempt of [() => store.read(soon()), () => mirror(store, a, seen)]) {
        const error = await refusalOf(attempt(), a)
        expect(error.message).toContain('ValidationException')
        expect(error.message).not.toMatch(/hunter2|password|MIIEvQ/)
      }
    })

    test('ThrottlingException once is not an error', async () => {
      let asked = 0
      gateway.treat(() => (asked++ === 0 ? awsError('ThrottlingException', 'Rate exceeded') : 'pass'))
      expect(await open(target()).read(soon())).toEqual({ state: 'absent' })
    })

    test('ECONNREFUSED where nobody listens', async () => {
      const closed = await startGateway(moto.url)
      await closed.close()
      vi.stubEnv('AWS_ENDPOINT_URL', closed.url)
      expect(await refusalOf(open(target()).read(soon()))).toMatchObject({ code: 'ECONNREFUSED' })
      await refusalOf(mirror(open(target()), a, { state: 'absent' }), a)
    })

    test('RegionMissing without a region', async () => {
      vi.stubEnv('AWS_REGION', undefined)
      const error = await refusalOf(open(target()).read(soon()))
      expect(error).toMatchObject({ code: 'RegionMissing', message: expect.stringContaining('add ?region=') })
    })

    test('CredentialsProviderError without credentials', async () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
      const error = await refusalOf(open(target()).read(soon()))
      expect(error).toMatchObject({
        code: 'CredentialsProviderError',
        message: expect.stringContaining('valid AWS credentials'),
      })
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

  test('the deadline counts on the clock that was lent', async () => {
    expect(await open(target(), () => 1_000).read(61_000)).toEqual({ state: 'absent' })
  })

  describe('an error holds nothing of the document', () => {
    test.each([
      { quote: 'whole', of: (document: string) => document },
      { quote: 'escaped', of: (document: string) => JSON.stringify(document) },
      { quote: 'in part', of: (document: string) => document.slice(20, 60) },
    ])('when Secrets Manager quotes it $quote', async ({ of }) => {
      gateway.treat(() => awsError('ValidationException', `Value '${of(a)}' at 'secretString' is too secret`))
      for (const seen of [{ state: 'absent' }, { state: 'empty', marked: true }] as const) {
        const error = await refusalOf(mirror(open(target()), a, seen), a)
        expect(error.message).not.toContain('too secret')
        expect(error).toMatchObject({ code: 'ValidationException' })
      }
    })

    test('when it begins where the quoted words are cut', async () => {
      const token = JSON.parse(a).ApiToken
      gateway.treat(() => awsError('ValidationException', `${'x'.repeat(295)}${token}`))
      const error = await refusalOf(mirror(open(target()), a, { state: 'absent' }), a)
      expect(error.message).not.toContain(token.slice(0, 4))
    })

    test('when the SDK cannot parse the answer that holds it', async () => {
      const broken = target()
      await mirror(open(broken), a)
      gateway.treat((action) =>
        action === 'GetSecretValue'
          ? { status: 200, body: `{"SecretString":${JSON.stringify(a)},"Name":}` }
          : 'pass',
      )
      const error = await refusalOf(open(broken).read(soon()), a)
      expect(error).toMatchObject({ code: 'Http200' })
      expect(error.message).not.toMatch(/intl|JSON/)
    })
  })

  test('the Secrets Manager of the simulation moves labels, and refuses to, as moto does', async () => {
    const random = createRandom(7)
    for (let round = 0; round < 5; round++) {
      const { name: SecretId } = target()
      const model = createAwsSecret({ exists: true, tagged: false })
      await admin.send(new CreateSecretCommand({ Name: SecretId }))
      const refusals: string[] = []
      const both = async (inMoto: Promise<unknown>, inModel: () => void): Promise<void> => {
        const [theirs, ours] = await Promise.all([
          inMoto.then(
            () => 'done',
            ({ name }) => name,
          ),
          (async () => inModel())().then(
            () => 'done',
            ({ message }) => message,
          ),
        ])
        expect(ours).toBe(theirs)
        if (ours !== 'done') refusals.push(ours)
      }
      for (let step = 0; step < 20; step++) {
        const SecretString = random.pick([a, b, c])
        const id = sha256(SecretString)
        await both(
          admin.send(
            new PutSecretValueCommand({
              SecretId,
              SecretString,
              ClientRequestToken: id,
              VersionStages: ['vod-aigc-tokens'],
            }),
          ),
          () => model.put(id, SecretString, ['vod-aigc-tokens']),
        )
        const held = model.labelled('AWSCURRENT')?.id
        const from = random.chance(0.6) ? held : sha256(random.pick([a, b, c]))
        if (held !== id)
          await both(
            admin.send(
              new UpdateSecretVersionStageCommand({
                SecretId,
                VersionStage: 'AWSCURRENT',
                RemoveFromVersionId: from,
                MoveToVersionId: id,
              }),
            ),
            () => model.move('AWSCURRENT', from, id),
          )
        const { VersionIdsToStages = {} } = await admin.send(new DescribeSecretCommand({ SecretId }))
        // moto lists versions without a label, too.
        const labelled = Object.entries(VersionIdsToStages).filter(([, stages]) => stages.length > 0)
        const sorted = (versions: (readonly [string, string[]])[]): unknown =>
          versions.map(([version, stages]) => [version, [...stages].sort()]).sort()
        expect(sorted(Object.entries(model.describe()))).toEqual(sorted(labelled))
      }
      expect(refusals).toContain('InvalidParameterException')
    }
  })

  test('the SDK is loaded on first need, and nothing keeps the process alive after the answer', async () => {
    const finished = target()
    await mirror(open(finished), a)
    const deps = fileURLToPath(new URL('../support/aws-deps.ts', import.meta.url))
    const registry = fileURLToPath(new URL('../../lib/stores/index.ts', import.meta.url))
    const time = fileURLToPath(new URL('../../handlers/time.ts', import.meta.url))
    const program = `
      import { createRequire } from 'node:module'
      import { awsDeps } from ${JSON.stringify(deps)}
      import { storeKinds } from ${JSON.stringify(registry)}
      import { systemTime } from ${JSON.stringify(time)}
      const { cache } = createRequire(${JSON.stringify(registry)})
      const sdkIsLoaded = () => Object.keys(cache).some((path) => path.includes('client-secrets-manager'))
      const store = storeKinds['aws-secretsmanager'].open(${JSON.stringify(finished)}, { ...systemTime, aws: () => awsDeps() })
      const before = sdkIsLoaded()
      const reading = await store.read(systemTime.monotonic() + 3_600_000)
      console.log(JSON.stringify({ before, after: sdkIsLoaded(), reading }))
    `
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, 'exit')])
      const reading = { state: 'value', marked: true, value: a, version: sha256(a) }
      expect(JSON.parse(output)).toEqual({ before: false, after: true, reading })
      expect(exitCode).toBe(0)
    } finally {
      child.kill('SIGKILL')
    }
  })

  test.each([
    { name: 'n', options: { region: 'eu-central-1' }, problems: 0 },
    { name: 'n', options: { region: 'us-gov-west-1' }, problems: 0 },
    { name: 'n', options: { region: 'https://evil' }, problems: 1 },
    { name: 'n', options: { kmsKeyId: 'arn:aws:kms:eu-west-1:123456789012:key/12-34' }, problems: 0 },
    { name: 'n', options: { kmsKeyId: 'a key' }, problems: 1 },
    { name: 'n', options: { tags: 'team=media;Kostenstelle=1/2 ü' }, problems: 0 },
    ...['', 'team', '=x', 'a=1;a=2', 'managed-by=me', 'aws:x=1', `a=${'x'.repeat(256)}`].map((tags) => ({
      name: 'n',
      options: { tags },
      problems: 1,
    })),
    { name: 'a b', options: { region: '', kmsKeyId: '' }, problems: 3 },
    { name: 'arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:n-AbCdEf', options: {}, problems: 0 },
    {
      name: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:n-AbCdEf',
      options: { region: 'eu-west-1' },
      problems: 0,
    },
    {
      name: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:n-AbCdEf',
      options: { region: 'eu-west-2' },
      problems: 1,
    },
  ])('check finds $problems problems in $name with $options', ({ name, options, problems }) => {
    expect(awsSecretsManager.check(target(name, options as Record<string, string>))).toHaveLength(problems)
  })
})

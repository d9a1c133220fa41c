/** The parameters of the stack: their defaults, and what they take. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type AnyTemplate, findDrops, leaveOut } from '../../deploy/aws/drops.ts'
import { type Deployment, type Given, parameters, readDeployment } from '../../deploy/aws/parameters.ts'
import { describeStack, type Stack, sizeProblem } from '../../deploy/aws/stack.ts'
import { settings } from '../../lib/config.ts'
import { isAllowed, type PolicyStatement, resolveReferences } from '../support/iam.ts'

const { params: declared } = parse(readFileSync(new URL('../../serverless.yml', import.meta.url), 'utf8'), {
  logLevel: 'silent',
})
const defaults: Given = { ...declared.default, subAppIds: 'none', secretPrefix: 'vod-aigc-tokens/dev' }
const keyArn = 'arn:aws:kms:eu-central-1:123456789012:key/mrk-0123'

describe('parameters', () => {
  const read = (changes: Partial<Given>, stage = 'dev') =>
    readDeployment(stage, 'us-east-1', { ...defaults, ...changes })
  const role = 'qcs::cam::uin/100000000001:roleName/x'

  it('have a default each in serverless.yml, and it is good', () => {
    expect(Object.keys(declared.default).sort()).toEqual(Object.keys(parameters).sort())
    expect(read({})).toMatchObject({ subAppIds: [], periodSeconds: 60, credentials: { kind: 'own-secret' } })
  })

  it.each([
    ['cacheSeconds', 'AIGC_CACHE_SECONDS'],
    ['staleSeconds', 'AIGC_STALE_SECONDS'],
    ['settleSeconds', 'AIGC_SETTLE_SECONDS'],
    ['minKeep', 'AIGC_MIN_KEEP'],
    ['tokenLimit', 'AIGC_TOKEN_LIMIT'],
    ['timeoutMs', 'AIGC_TIMEOUT_MS'],
    ['logLevel', 'AIGC_LOG_LEVEL'],
    ['site', 'AIGC_SITE'],
    ['source', 'AIGC_SOURCE'],
    ['rotationWarmSeconds', 'AIGC_ROTATION_WARM_SECONDS'],
    ['rotationGraceHours', 'AIGC_ROTATION_GRACE_HOURS'],
    ['rotationMayDelete', 'AIGC_ROTATION_MAY_DELETE'],
  ] as const)('%s has the default of %s', (name, setting) => {
    expect(defaults[name]).toBe(String(settings[setting].default))
  })

  it.each([
    [
      'subAppIds',
      ['none', '1', '1,2', '251006666, 251006667'],
      ['', 'None', 'none,1', 'x', '1,,2', '1,1', '0', '-1', '1.5', '99999999999999999'],
    ],
    ['site', ['cn'], ['', 'eu', 'INTL']],
    ['audience', ['a', 'https://example.com/x'], ['', 'a b', '*']],
    [
      'schedule',
      ['rate(1 minute)', 'rate(90 minutes)', 'rate(24 hours)'],
      [
        '',
        '5 minutes',
        'rate(0 minutes)',
        'rate(1 minutes)',
        'rate(5 minute)',
        'rate(01 minute)',
        'rate(1 hours)',
        'rate(5 seconds)',
        'rate(25 hours)',
        'cron(0 * * * ? *)',
      ],
    ],
    ['secretPrefix', ['a/b', 'prod.aigc_x'], ['', '/a', 'a/', 'a b', 'a-', 'arn:aws:x', 'a?x']],
    ['makeSecrets', ['false'], ['', 'no', 'False']],
    ['kmsKeyArn', [keyArn], ['alias/x', 'arn:aws:kms:us-east-1:123456789012:alias/x', '0123']],
    ['replicaRegions', ['eu-west-1', 'eu-west-1,ap-southeast-1'], ['eu', 'eu-west-1,eu-west-1', 'us-east-1']],
    ['source', ['mirror'], ['', 'aws']],
    ['fallback', ['false'], ['', 'yes']],
    ['mirrorConcurrency', ['none'], ['', '0', '2']],
    [
      'alarmTopicArn',
      ['arn:aws:sns:us-east-1:123456789012:x'],
      ['x', 'arn:aws:sqs:us-east-1:123456789012:x'],
    ],
    ['restartMinutes', ['1', '1440'], ['', '0', '1441', '1.5']],
    ['settleSeconds', ['0', '600'], ['', '601', '-1', '1.5', '1e2']],
    ['minKeep', ['0', '1', '0.25'], ['', '1.1', '.5', '50%']],
    ['tokenLimit', ['1', '10000'], ['', '0', '10001', '4.5']],
    [
      'exclude',
      ['', '0123456789abcdef', '0123456789abcdef, FEDCBA9876543210'],
      ['0123', '0123456789abcdeg', 'token'],
    ],
    ['cacheSeconds', ['0', '86400'], ['', '86401']],
    ['staleSeconds', ['0', '604800'], ['', 'x']],
    ['timeoutMs', ['100', '25000'], ['', '99', '25001']],
    ['rateLimit', ['1', '100'], ['', '0']],
    ['burstLimit', ['50', '5000'], ['', 'x']],
    ['confirmDrop', ['1', '1500000001,alarmTopicArn'], ['a b', ',']],
    ['tracing', ['true'], ['', 'on']],
    ['logRetentionDays', ['1', '3653'], ['', '0', '31']],
    ['logLevel', ['debug'], ['', 'trace']],
    ['systemLogLevel', ['DEBUG', 'INFO', 'WARN'], ['', 'warn', 'ERROR']],
    ['mirror', ['false'], ['', 'no']],
    ['keepSecrets', ['tokens', 'tokens,tencent-credentials'], ['a/b', ',']],
    ['keepGeneratedName', ['false'], ['', 'yes']],
    ['rotation', ['false'], ['', 'yes']],
    ['rotateEveryDays', ['', 'none'], ['0', '3651', '1.5', 'rate(1 day)']],
    ['rotationWarmSeconds', ['10', '86400'], ['', '9', '86401']],
    ['rotationGraceHours', ['1', '2160'], ['', '0', '2161', '0.5']],
    ['rotationMayDelete', ['false'], ['', 'yes']],
    ['rotationRoleArn', [''], ['arn:aws:iam::123456789012:role/x']],
    ['rotationCredentialsSecret', [''], ['arn:aws:iam::123456789012:role/x']],
  ] as const)('%s takes what it should and names itself otherwise', (name, good, bad) => {
    for (const value of good) expect(read({ [name]: value }), value).not.toBeInstanceOf(Array)
    for (const value of bad) {
      const problems = read({ [name]: value })
      expect(problems, value).toEqual([expect.stringMatching(new RegExp(`^${name} must `))])
    }
  })

  it.each([
    [
      { roleArn: role, oidcProvider: 'p' },
      { kind: 'web-identity', roleArn: role, oidcProvider: 'p' },
    ],
    [{ credentialsSecret: 'team/tencent' }, { kind: 'secret', secret: 'team/tencent', kmsKeyArn: null }],
    [
      { credentialsSecret: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:t-AbCdEf' },
      { kind: 'secret', secret: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:t-AbCdEf' },
    ],
  ])('%j choose where credentials come from', (changes, credentials) => {
    expect(read(changes)).toMatchObject({ credentials })
  })

  it('none is nothing where nothing is taken, and stays none where that means something', () => {
    const deployment = read({
      replicaRegions: 'none',
      exclude: 'none',
      alarmTopicArn: 'none',
      subAppIds: 'none',
    })
    expect(deployment).toMatchObject({ replicaRegions: [], excluded: [], alarmTopicArn: null, subAppIds: [] })
    expect(read({ site: 'none' })).toEqual([expect.stringMatching(/^site must /)])
  })

  it.each<[Partial<Given>, string]>([
    [{ roleArn: 'arn:aws:iam::123456789012:role/x', oidcProvider: 'p' }, 'roleArn must be '],
    [{ roleArn: role }, 'roleArn needs oidcProvider too'],
    [{ oidcProvider: 'p' }, 'oidcProvider needs roleArn too'],
    [{ oidcProvider: 'p q', roleArn: role }, 'oidcProvider must be '],
    [{ roleArn: role, oidcProvider: 'p', credentialsSecret: 's' }, 'roleArn and credentialsSecret exclude'],
    [{ credentialsSecret: 'arn:aws:iam::123456789012:role/x' }, 'credentialsSecret must be '],
    [{ credentialsKmsKeyArn: keyArn }, 'credentialsKmsKeyArn needs credentialsSecret too'],
    [{ credentialsKmsKeyArn: 'x', credentialsSecret: 's' }, 'credentialsKmsKeyArn must be '],
    [{ domain: 'aigc.example.com' }, 'domain needs certificateArn too'],
    [{ certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/x' }, 'certificateArn needs domain'],
    [
      { domain: 'https://x', certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/x' },
      'domain must be',
    ],
    [{ domain: 'a.example.com', certificateArn: 'x' }, 'certificateArn must be '],
    [{ basePath: '/aigc' }, 'basePath needs domain too'],
    [{ keepGeneratedName: 'true' }, 'keepGeneratedName needs domain too'],
    [{ subAppIds: '1,2', keepSecrets: '2,3' }, 'keepSecrets must name secrets of this stack, and 3 is none'],
    [
      { subAppIds: '1', keepSecrets: 'tokens' },
      'keepSecrets must name secrets of this stack, and tokens is none',
    ],
    [
      { mirror: 'false', replicaRegions: 'eu-west-1' },
      'replicaRegions must be left out when mirror is false',
    ],
    [{ mirror: 'false', targets: 'tencent-ssm:x' }, 'targets must be left out when mirror is false'],
    [{ mirror: 'false', keepSecrets: 'tokens' }, 'keepSecrets must be left out when mirror is false'],
    [
      { mirror: 'false', restartEcsServices: 'apps/chat' },
      'restartEcsServices must be left out when mirror is false',
    ],
    [{ restartEcsServices: 'apps/chat' }, 'restartEcsServices needs among targets a secret of this region'],
    [
      { subAppIds: '1', restartEcsServices: 'apps/chat', targets: 'aws-secretsmanager:y/{SubAppId}' },
      'such as aws-secretsmanager:apps/{SubAppId}/token?value=token',
    ],
    [
      {
        restartEcsServices: 'apps/chat',
        targets: 'aws-secretsmanager:y?value=token&region=eu-west-1,aws-parameter-store:y?value=token',
      },
      'such as aws-secretsmanager:apps/token?value=token',
    ],
    [
      { targets: 'file:/tmp/x' },
      'targets entry 1 is a file, which nobody but the function itself could read',
    ],
    [{ targets: 'tencent-ssm:a,x:y' }, 'targets entry 2 must start with aws-secretsmanager:'],
    [{ targets: 'aws-secretsmanager:a?adopt=true' }, 'targets entry 1 must leave out adopt and tags'],
    [{ targets: 'aws-secretsmanager:a?tags=a=b' }, 'targets entry 1 must leave out adopt and tags'],
    [
      { targets: 'aws-secretsmanager:a?kmsKeyId=alias/x' },
      'targets entry 1 must have in kmsKeyId the ARN of the key',
    ],
    [{ targets: 'aws-secretsmanager:a', subAppIds: '1,2' }, 'targets entry 1 must contain {SubAppId}'],
    [
      { targets: 'aws-secretsmanager:vod-aigc-tokens/dev/tokens?region=us-east-1' },
      'targets entry 1 is the secret of the stack',
    ],
    [
      {
        subAppIds: '1',
        targets:
          'aws-secretsmanager:arn:aws:secretsmanager:us-east-1:123456789012:secret:vod-aigc-tokens/dev/{SubAppId}-AbCdEf',
      },
      'targets entry 1 is the secret of the stack',
    ],
    [
      {
        targets: 'aws-secretsmanager:vod-aigc-tokens/dev/tokens?region=eu-west-1',
        replicaRegions: 'eu-west-1',
      },
      'targets entry 1 is a replica of the secret of the stack',
    ],
    [{ rotateEveryDays: '30' }, 'rotateEveryDays needs rotation=true'],
    [{ rotationMayDelete: 'true' }, 'rotationMayDelete needs rotation=true'],
    [{ rotationCredentialsSecret: 's' }, 'rotationCredentialsSecret needs rotation=true'],
    [
      { roleArn: role, oidcProvider: 'p', rotationRoleArn: `${role}2` },
      'rotationRoleArn needs rotation=true',
    ],
    [
      { rotation: 'true' },
      'rotation needs subAppIds: without an id it is not known whose tokens are replaced',
    ],
    [
      { subAppIds: '1', rotation: 'true', mirror: 'false' },
      'rotation must be left out when mirror is false: tokens are replaced where they are mirrored',
    ],
    [
      { subAppIds: '1', rotation: 'true', roleArn: role, oidcProvider: 'p' },
      'rotation needs rotationRoleArn beside roleArn: a Tencent role of its own',
    ],
    [
      { subAppIds: '1', rotation: 'true', roleArn: role, oidcProvider: 'p', rotationRoleArn: role },
      'rotationRoleArn must be another role than roleArn, with which the mirror could create and delete tokens',
    ],
    [
      { subAppIds: '1', rotation: 'true', credentialsSecret: 's' },
      'rotation needs rotationCredentialsSecret beside credentialsSecret: a key of its own',
    ],
    [
      { subAppIds: '1', rotation: 'true', credentialsSecret: 's', rotationCredentialsSecret: 's' },
      'rotationCredentialsSecret must be another secret than credentialsSecret',
    ],
    [{ subAppIds: '1', rotation: 'true', rotationRoleArn: role }, 'rotationRoleArn needs roleArn too'],
    [
      { subAppIds: '1', rotation: 'true', rotationCredentialsSecret: 's' },
      'rotationCredentialsSecret needs credentialsSecret too',
    ],
    [
      {
        subAppIds: '1',
        rotation: 'true',
        targets: 'aws-secretsmanager:vod-aigc-tokens/dev/rotation/{SubAppId}',
      },
      'targets entry 1 is the record of the rotation',
    ],
    [
      { subAppIds: '1', keepSecrets: 'rotation/1' },
      'keepSecrets must name secrets of this stack, and rotation/1 is',
    ],
    [
      { subAppIds: '1', rotation: 'true', keepSecrets: 'rotation/2' },
      'neither one of subAppIds nor tencent-credentials, rotation-credentials or rotation/ID',
    ],
    [{ source: 'mirror', fallback: 'false' }, 'fallback must be true when source is mirror'],
    [
      { kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/0123', replicaRegions: 'eu-west-1' },
      'kmsKeyArn must be a multi-Region key',
    ],
  ])('%j are refused', (changes, problem) => {
    expect(read(changes)).toEqual([expect.stringContaining(problem)])
  })

  it('a base path is a path', () => {
    const domain = {
      domain: 'a.example.com',
      certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/x',
    }
    for (const basePath of ['aigc', '/', '/aigc/', '/a b'])
      expect(read({ ...domain, basePath })).toEqual([expect.stringMatching(/^basePath must be a path/)])
    expect(read({ ...domain, basePath: '/a/b' })).toMatchObject({ domain: { basePath: 'a/b' } })
  })

  it('every problem is told at once, the stage’s name too', () => {
    expect(read({ site: 'x', tracing: 'x' }, 'a_b')).toEqual([
      'site must be intl or cn',
      'tracing must be true or false',
      expect.stringContaining('stage must be '),
    ])
  })
})

describe('restarts', () => {
  const targets = 'aws-secretsmanager:y/{SubAppId}/token?value=token'
  const restartsOf = (changes: Partial<Given>) => {
    const given = { ...defaults, subAppIds: '1,2', targets, restartEcsServices: 'apps/chat', ...changes }
    const read = readDeployment('dev', 'us-east-1', given)
    return Array.isArray(read) ? read : read.restarts
  }

  it.each(['chat', 'apps/', 'apps/chat/x', 'apps/ch at', 'apps/chat,apps/chat', 'arn:aws:ecs:x', ','])(
    'are of services by cluster and name, each once, not %j',
    (restartEcsServices) => {
      expect(restartsOf({ restartEcsServices })).toEqual([
        expect.stringMatching(/^restartEcsServices must be .* as CLUSTER\/SERVICE, such as apps\/chat$/),
      ])
    },
  )

  it('follow the secrets of this region that hold one token, by the name that the event has', () => {
    const arn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:'
    const others =
      'aws-secretsmanager:y/{SubAppId},aws-secretsmanager:z/{SubAppId}?value=token&region=eu-west-1'
    expect(
      restartsOf({
        restartEcsServices: 'apps/chat, apps/worker_2',
        restartMinutes: '15',
        targets: `${targets},${others},aws-secretsmanager:${arn}x/{SubAppId}-AbCdEf?value=token`,
      }),
    ).toEqual({
      services: [
        { cluster: 'apps', service: 'chat' },
        { cluster: 'apps', service: 'worker_2' },
      ],
      minutes: 15,
      secretNames: ['y/1/token', 'y/2/token', 'x/1', 'x/2'],
    })
    expect(restartsOf({ restartEcsServices: '' })).toBeNull()
    expect(restartsOf({ subAppIds: 'none', targets: 'aws-secretsmanager:y?value=token' })).toMatchObject({
      secretNames: ['y'],
    })
  })

  it('of many secrets are told by what their names have in common, which an event pattern has room for', () => {
    const subAppIds = Array.from({ length: 100 }, (_, i) => 1_500_000_000 + i).join()
    expect(restartsOf({ subAppIds })).toMatchObject({ secretNames: ['y/*/token'] })
    const given = { ...defaults, subAppIds, targets, restartEcsServices: 'apps/chat' }
    const deployment = readDeployment('dev', 'us-east-1', given) as Deployment
    expect(sizeProblem('x', deployment)).toBeNull()
    expect(JSON.stringify(describeStack('x', deployment).resources.Resources['RestartRule'])).toContain(
      '{"wildcard":"y/*/token"}',
    )
  })

  it('of more services than a role has room for are refused', () => {
    const restartEcsServices = Array.from({ length: 200 }, (_, i) => `a-cluster/with-a-service-${i}`).join()
    const given = { ...defaults, subAppIds: '1', targets, restartEcsServices }
    expect(sizeProblem('x', readDeployment('dev', 'us-east-1', given) as Deployment)).toMatch(
      /^the role that restarts restartEcsServices would have \d+ characters, and AWS takes 10240/,
    )
  })
})

describe('time limits', () => {
  it.each([
    [{}, 180, 15],
    [{ settleSeconds: '0' }, 120, 15],
    [{ settleSeconds: '600', timeoutMs: '25000' }, 810, 30],
    [{ timeoutMs: '1500' }, 129, 7],
    [{ subAppIds: Array.from({ length: 300 }, (_, i) => i + 1).join() }, 900, 15],
  ])('follow, with %j', (changes, mirrorSeconds, listSeconds) => {
    const deployment = readDeployment('dev', 'us-east-1', { ...defaults, ...changes })
    expect(describeStack('x', deployment as Deployment)).toMatchObject({
      mirrorTimeoutSeconds: mirrorSeconds,
      listTimeoutSeconds: listSeconds,
    })
  })
})

describe('secrets that exist', () => {
  const stackWith = (changes: Partial<Given>): Stack => {
    const read = readDeployment('dev', 'us-east-1', { ...defaults, subAppIds: '1,2,3', ...changes })
    return describeStack('x', read as Deployment)
  }
  const made = (stack: Stack): string[] =>
    Object.entries(stack.resources.Resources)
      .filter(([, { Type }]) => Type === 'AWS::SecretsManager::Secret')
      .map(([logicalId]) => logicalId)

  it('are left as they are, and the rest is made; the roles name both', () => {
    const stack = stackWith({ keepSecrets: '2,tencent-credentials' })
    expect(made(stack)).toEqual(['MirroredSecret1', 'MirroredSecret3'])
    expect(JSON.stringify(stack.mirrorStatements)).toContain(
      JSON.stringify([
        { Ref: 'MirroredSecret1' },
        {
          'Fn::Sub': `arn:\${AWS::Partition}:secretsmanager:\${AWS::Region}:\${AWS::AccountId}:secret:vod-aigc-tokens/dev/2-??????`,
        },
        { Ref: 'MirroredSecret3' },
      ]),
    )
    expect(JSON.stringify(stack.listStatements)).toContain('vod-aigc-tokens/dev/tencent-credentials-??????')
    const { Outputs } = stack.resources
    expect(Outputs['MirroredSecret1Arn']?.Value).toEqual({ Ref: 'MirroredSecret1' })
    expect(Outputs['MirroredSecret2Name']?.Value).toBe('vod-aigc-tokens/dev/2')
    expect(Outputs['MirroredSecret2Arn']).toBeUndefined()
  })

  it('are all that there are without a mirror, whose credentials nobody needs where the source is the mirror', () => {
    const reader = stackWith({ mirror: 'false', source: 'mirror' })
    expect(made(reader)).toEqual([])
    expect(JSON.stringify(reader.listStatements)).not.toContain('tencent-credentials')
    expect(JSON.stringify(reader.listStatements)).toContain('vod-aigc-tokens/dev/2-??????')
    expect(Object.keys(reader.resources.Outputs)).not.toContain('CredentialsSecretName')
    expect(made(stackWith({ mirror: 'false' }))).toEqual(['CredentialsSecret'])
  })
})

describe('leaveOut', () => {
  it('takes out what refers to what is taken out, however it does', () => {
    const template = {
      Resources: {
        A: {},
        B: { Properties: { X: [{ Y: { Ref: 'A' } }] } },
        C: { Properties: { X: { 'Fn::GetAtt': ['B', 'Arn'] } } },
        D: { DependsOn: ['C', 'K'] },
        E: { Properties: { X: { 'Fn::Sub': `ALARM("\${D.Arn}")` } } },
        F: { Properties: { X: { 'Fn::GetAtt': 'E.Arn' } } },
        K: { Properties: { X: 'A', Y: { Ref: 'Ab' }, Z: { 'Fn::Sub': `\${Ab} A \${!A}` } } },
        Ab: {},
      },
      Outputs: { Gone: { Value: { Ref: 'F' } }, Stays: { Value: { Ref: 'K' } } },
    }
    leaveOut(template, ['A'])
    expect(Object.keys(template.Resources)).toEqual(['K', 'Ab'])
    expect(Object.keys(template.Outputs)).toEqual(['Stays'])
  })
})

describe('a run that cannot start', () => {
  it.each([
    ['rate(1 minute)', { Mode: 'OFF' }, 540],
    ['rate(5 minutes)', { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 1 }, 540],
    ['rate(1 hour)', { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 12 }, 3600],
    ['rate(24 hours)', { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 }, 21_600],
  ])('is kept for as long as one runs and is tried again, with %s', (schedule, window, seconds) => {
    const stack = describeStack(
      'x',
      readDeployment('dev', 'us-east-1', { ...defaults, schedule }) as Deployment,
    )
    expect(stack.flexibleTimeWindow).toEqual(window)
    expect(stack.mirrorEventAgeSeconds).toBe(seconds)
    // The longest run, Lambda's longest wait between two looks, and the wait for the second try.
    expect(seconds).toBeGreaterThanOrEqual(stack.mirrorTimeoutSeconds + 300 + 60)
  })
})

describe('findDrops', () => {
  const template = (ids: string, targets: string, topics: string[] = []): AnyTemplate => ({
    Resources: {
      MirrorDashtokensLambdaFunction: {
        Properties: { Environment: { Variables: { AIGC_SUB_APP_IDS: ids, AIGC_MIRROR_TARGETS: targets } } },
      },
      SomeAlarm: { Properties: { AlarmActions: topics } },
    },
  })
  const own = 'aws-secretsmanager:p/{SubAppId}'
  const off: AnyTemplate = { Resources: {} }

  it.each<[string, AnyTemplate, AnyTemplate, string[]]>([
    ['the same', template('1,2', own, ['t']), template('2,1', own, ['other']), []],
    ['more', template('1', own), template('1,2', `${own},tencent-ssm:x`, ['t']), []],
    ['an application less', template('1,2,3', own), template('1', own), ['2', '3']],
    ['no ids any more', template('1', own), template('', 'aws-secretsmanager:p/tokens'), ['1']],
    ['ids now', template('', 'aws-secretsmanager:p/tokens'), template('1', own), ['none']],
    [
      'another prefix',
      template('1', own),
      template('1', 'aws-secretsmanager:q/{SubAppId}'),
      ['secretPrefix'],
    ],
    ['a target less', template('1', `${own},tencent-ssm:x`), template('1', own), ['targets']],
    ['no topic', template('1', own, ['t']), template('1', own), ['alarmTopicArn']],
    ['no mirror', template('1', own, ['t']), off, ['mirror', 'alarmTopicArn']],
    ['still no mirror', off, off, []],
    ['a stack that is only a bucket, or had no mirror', off, template('1', own), []],
  ])('%s', (_, before, after, names) => {
    expect(findDrops(before, after).map(({ name }) => name)).toEqual(names)
  })

  it('tells which services are not restarted any more', () => {
    const restarting = (restartEcsServices: string): AnyTemplate => {
      const given = { ...defaults, restartEcsServices, targets: 'aws-secretsmanager:y?value=token' }
      const { resources } = describeStack('x', readDeployment('dev', 'us-east-1', given) as Deployment)
      return { Resources: { ...template('', own).Resources, ...resources.Resources } }
    }
    const before = restarting('apps/chat,apps/worker')
    expect(findDrops(before, restarting('apps/worker,apps/more,apps/chat'))).toEqual([])
    expect(findDrops(before, restarting('apps/worker'))).toEqual([
      {
        name: 'restartEcsServices',
        leaves: 'apps/chat keeps the token that it has, and is not started anew when that changes',
      },
    ])
    expect(findDrops(before, off).map(({ name }) => name)).toEqual([
      'mirror',
      'restartEcsServices',
      'restartEcsServices',
    ])
  })

  it('tells that nothing is rotated any more, and what that leaves', () => {
    const rotating = (State: string): AnyTemplate => ({
      Resources: {
        ...template('1', own).Resources,
        RotateDashtokensLambdaFunction: {
          Properties: { Environment: { Variables: { AIGC_ROTATION_STATE: State } } },
        },
      },
    })
    const before = rotating('aws-secretsmanager:p/rotation/{SubAppId}')
    expect(findDrops(before, before)).toEqual([])
    expect(findDrops(template('1', own), before)).toEqual([])
    const [drop, ...others] = findDrops(before, template('1', own))
    expect(others).toEqual([])
    expect(drop?.name).toBe('rotation')
    expect(drop?.leaves).toMatch(
      /^nothing replaces tokens any more, .*; the records of aws-secretsmanager:p\/rotation\/\{SubAppId\} stay, .*: delete that key$/,
    )
    expect(findDrops(before, off).map(({ name }) => name)).toEqual(['mirror', 'rotation'])
  })

  it('tells of copies in other regions, which AWS deletes, but not of those of a secret that leaves the stack', () => {
    const copied = (changes: Partial<Given>): AnyTemplate => {
      const deployed = readDeployment('dev', 'us-east-1', { ...defaults, ...changes }) as Deployment
      const { resources } = describeStack('x', deployed)
      return { Resources: { ...template(deployed.subAppIds.join(), own).Resources, ...resources.Resources } }
    }
    const before = copied({ subAppIds: '1,2', replicaRegions: 'eu-west-1,ap-southeast-1' })
    expect(findDrops(before, before)).toEqual([])
    expect(findDrops(copied({ subAppIds: '1,2' }), before)).toEqual([])
    expect(findDrops(before, copied({ subAppIds: '1,2', replicaRegions: 'ap-southeast-1' }))).toEqual([
      {
        name: 'replicaRegions',
        leaves: 'AWS deletes the copies in eu-west-1, and whoever reads them there gets none',
      },
    ])
    expect(findDrops(before, copied({ subAppIds: '1,2' })).map(({ name }) => name)).toEqual([
      'replicaRegions',
      'replicaRegions',
    ])
    expect(findDrops(before, copied({ subAppIds: '1,2', makeSecrets: 'false' }))).toEqual([])
    const fewer = copied({ subAppIds: '1', replicaRegions: 'eu-west-1,ap-southeast-1' })
    expect(findDrops(before, fewer).map(({ name }) => name)).toEqual(['2'])
  })

  it('says what is left behind', () => {
    expect(findDrops(template('1,2', own), template('1', own))).toEqual([
      { name: '2', leaves: 'the secret of aws-secretsmanager:p/2 stays, and nothing keeps it in step' },
    ])
    expect(findDrops(template('', 'aws-secretsmanager:p/tokens'), template('1', own))[0]?.leaves).toContain(
      'p/tokens stays',
    )
  })
})

describe('a rotation', () => {
  const tencentRole = 'qcs::cam::uin/100000000001:roleName'
  const stackWith = (changes: Partial<Given>): Stack => {
    const given = { ...defaults, subAppIds: '1,2', rotation: 'true', ...changes }
    return describeStack('x', readDeployment('dev', 'us-east-1', given) as Deployment)
  }
  const arnOf = (name: string): string =>
    `arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}-AbCdEf`
  const roles = ['listStatements', 'mirrorStatements', 'rotateStatements'] as const
  const statementsOf = (stack: Stack, role: (typeof roles)[number]): PolicyStatement[] => {
    const secrets = Object.entries(stack.resources.Resources).map(([logicalId, { Properties }]) => [
      logicalId,
      arnOf(String(Properties['Name'])),
    ])
    return resolveReferences(stack[role], Object.fromEntries(secrets))
  }
  const all = ['DescribeSecret', 'GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage']
  /** What a role may do with a secret, by its name and its mark. */
  const grantsOn = (stack: Stack, role: (typeof roles)[number], name: string, mark?: string): string[] =>
    [...all, 'CreateSecret', 'TagResource', 'DeleteSecret'].filter((action) =>
      isAllowed(statementsOf(stack, role), {
        action: `secretsmanager:${action}`,
        resource: arnOf(name),
        keys: mark === undefined ? {} : { 'aws:ResourceTag/managed-by': mark },
      }),
    )

  it('is not there unless it is asked for, and nothing of it', () => {
    const { resources, leftOut, rotateStatements, rotateEnvironment } = stackWith({ rotation: 'false' })
    expect(JSON.stringify(resources)).not.toMatch(/[Rr]otat/)
    expect([rotateStatements, rotateEnvironment]).toEqual([[], {}])
    expect(leftOut).toContain('RotateDashtokensLambdaFunction')
    expect(stackWith({}).leftOut).not.toContain('RotateDashtokensLambdaFunction')
  })

  it('has the settings of the mirror, and its own', () => {
    const { mirrorEnvironment, rotateEnvironment } = stackWith({
      rotateEveryDays: '30',
      rotationWarmSeconds: '600',
      rotationGraceHours: '48',
      rotationMayDelete: 'true',
      targets: 'tencent-ssm:x-{SubAppId}',
      exclude: '0123456789abcdef',
    })
    expect(rotateEnvironment).toEqual({
      ...mirrorEnvironment,
      AIGC_CREDENTIALS_SECRET: 'vod-aigc-tokens/dev/rotation-credentials',
      AIGC_ROTATION_STATE: 'aws-secretsmanager:vod-aigc-tokens/dev/rotation/{SubAppId}',
      AIGC_ROTATE_EVERY_DAYS: '30',
      AIGC_ROTATION_WARM_SECONDS: '600',
      AIGC_ROTATION_GRACE_HOURS: '48',
      AIGC_ROTATION_MAY_DELETE: 'true',
    })
    expect(stackWith({}).rotateEnvironment).not.toHaveProperty('AIGC_ROTATE_EVERY_DAYS')
  })

  it.each<Partial<Given>>([
    {},
    { credentialsSecret: 'team/tencent', rotationCredentialsSecret: 'team/rotation' },
    { roleArn: `${tencentRole}/a`, oidcProvider: 'p', rotationRoleArn: `${tencentRole}/b` },
  ])('has credentials of its own, which no other function has, with %j', (changes) => {
    const stack = stackWith(changes)
    const named = ({ AIGC_CREDENTIALS_SECRET, AIGC_ROLE_ARN }: Readonly<Record<string, string>>) =>
      AIGC_CREDENTIALS_SECRET ?? AIGC_ROLE_ARN
    const [own, others] = [named(stack.rotateEnvironment), named(stack.mirrorEnvironment)]
    expect(named(stack.listEnvironment)).toBe(others)
    expect(own).not.toBe(others)
    if (changes.roleArn) {
      expect([others, own]).toEqual([`${tencentRole}/a`, `${tencentRole}/b`])
      return
    }
    for (const role of ['listStatements', 'mirrorStatements'] as const) {
      expect(grantsOn(stack, role, own ?? '')).toEqual([])
      expect(grantsOn(stack, role, others ?? '')).toEqual(['GetSecretValue'])
    }
    expect(grantsOn(stack, 'rotateStatements', own ?? '')).toEqual(['GetSecretValue'])
    expect(grantsOn(stack, 'rotateStatements', others ?? '')).toEqual([])
    expect(stack.resources.Resources['RotationCredentialsSecret']?.Properties['Name']).toBe(
      changes.credentialsSecret ? undefined : 'vod-aigc-tokens/dev/rotation-credentials',
    )
  })

  it.each([1, 20, 21, 200])('keeps records that no other function reaches, with %i applications', (count) => {
    const ids = Array.from({ length: count }, (_, i) => `${1_500_000_000 + i}`)
    const given = { ...defaults, subAppIds: ids.join(), rotation: 'true' }
    expect(sizeProblem('x', readDeployment('dev', 'us-east-1', given) as Deployment)).toBeNull()
    const stack = stackWith({ subAppIds: ids.join() })
    for (const id of [ids[0], ids.at(-1)]) {
      const [record, mirrored] = [`vod-aigc-tokens/dev/rotation/${id}`, `vod-aigc-tokens/dev/${id}`]
      const secret = stack.resources.Resources[`RotationRecord${id}`]
      expect(secret).toMatchObject({
        DeletionPolicy: 'RetainExceptOnCreate',
        UpdateReplacePolicy: 'Retain',
        Properties: { Name: record, Tags: [{ Key: 'managed-by', Value: 'vod-aigc-rotation' }] },
      })
      expect(Object.keys(secret?.Properties ?? {})).not.toContain('SecretString')
      expect(grantsOn(stack, 'rotateStatements', record, 'vod-aigc-rotation')).toEqual(all)
      expect(grantsOn(stack, 'rotateStatements', mirrored, 'vod-aigc-tokens')).toEqual(all)
      for (const role of ['listStatements', 'mirrorStatements'] as const)
        expect(grantsOn(stack, role, record, 'vod-aigc-rotation')).toEqual([])
    }
    for (const name of [
      'vod-aigc-tokens/prod/1500000000',
      'vod-aigc-tokens/prod/rotation/1500000000',
      'other',
    ])
      for (const mark of ['vod-aigc-tokens', 'vod-aigc-rotation', undefined])
        expect(grantsOn(stack, 'rotateStatements', name, mark)).toEqual([])
    expect(stack.rotation.deletionsADay).toBe(count)
  })

  it('leaves out secrets that exist, and names them all the same', () => {
    const stack = stackWith({ keepSecrets: 'rotation/2,rotation-credentials' })
    expect(Object.keys(stack.resources.Resources)).toContain('RotationRecord1')
    for (const gone of ['RotationRecord2', 'RotationCredentialsSecret'])
      expect(Object.keys(stack.resources.Resources)).not.toContain(gone)
    expect(grantsOn(stack, 'rotateStatements', 'vod-aigc-tokens/dev/rotation/2')).toEqual(all)
    expect(grantsOn(stack, 'rotateStatements', 'vod-aigc-tokens/dev/rotation-credentials')).toEqual([
      'GetSecretValue',
    ])
  })

  it('may write further targets, and make or mark none of them', () => {
    const stack = stackWith({
      targets: 'aws-secretsmanager:y/{SubAppId}?value=token,aws-parameter-store:/y/{SubAppId}',
      kmsKeyArn: keyArn,
    })
    expect(grantsOn(stack, 'rotateStatements', 'y/1')).toEqual(all)
    const actions = statementsOf(stack, 'rotateStatements').flatMap(({ Action }) => Action)
    expect(actions.filter((action) => action.startsWith('ssm:'))).toEqual([
      'ssm:GetParameter',
      'ssm:ListTagsForResource',
      'ssm:PutParameter',
    ])
    expect(actions).toContain('kms:GenerateDataKey')
    expect(stack.resources.Resources['RotationRecord1']?.Properties['KmsKeyId']).toBe(keyArn)
  })

  it('of more applications than a template has room for is refused with the number that fits', () => {
    const subAppIds = Array.from({ length: 300 }, (_, i) => 1_500_000_000 + i).join()
    const given = { ...defaults, subAppIds, rotation: 'true' }
    expect(sizeProblem('x', readDeployment('dev', 'us-east-1', given) as Deployment)).toMatch(
      /because the template would have \d+ resources, and AWS takes 500; the first 21\d fit/,
    )
  })
})

describe('further targets', () => {
  const arn = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:'
  const grantsOn = (
    changes: Partial<Given>,
    resource: string,
    keys: Record<string, string> = {},
  ): string[] => {
    const deployment = readDeployment('dev', 'us-east-1', { ...defaults, ...changes }) as Deployment
    const statements: PolicyStatement[] = resolveReferences(describeStack('x', deployment).mirrorStatements)
    const actions = [
      'DescribeSecret',
      'GetSecretValue',
      'PutSecretValue',
      'UpdateSecretVersionStage',
      'TagResource',
    ]
    return actions.filter((action) =>
      isAllowed(statements, { action: `secretsmanager:${action}`, resource, keys }),
    )
  }
  const all = ['DescribeSecret', 'GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage']

  it('are settings of the mirror, after the stack’s own', () => {
    const targets = 'tencent-ssm:x-{SubAppId}, aws-secretsmanager:y/{SubAppId}?region=eu-west-1'
    const deployment = readDeployment('dev', 'us-east-1', {
      ...defaults,
      subAppIds: '1',
      targets,
    }) as Deployment
    expect(describeStack('x', deployment).mirrorEnvironment['AIGC_MIRROR_TARGETS']).toBe(
      'aws-secretsmanager:vod-aigc-tokens/dev/{SubAppId},tencent-ssm:x-{SubAppId},aws-secretsmanager:y/{SubAppId}?region=eu-west-1',
    )
  })

  it('may all hold one token alone, beside the stack’s own, which holds the document', () => {
    const targets =
      'aws-secretsmanager:y/{SubAppId}?value=token,aws-parameter-store:/y/{SubAppId}?value=token'
    const read = readDeployment('dev', 'us-east-1', { ...defaults, subAppIds: '1,2', targets })
    expect(read).toMatchObject({
      extraTargets: [{ aws: { service: 'secretsmanager' } }, { aws: { service: 'ssm' } }],
    })
  })

  it('in AWS may be written by the mirror, in their region, and others not', () => {
    const given = { subAppIds: '1,2', targets: 'aws-secretsmanager:y/{SubAppId}?region=eu-west-1' }
    expect(grantsOn(given, `${arn}y/2-AbCdEf`)).toEqual(all)
    expect(grantsOn(given, `${arn}y/3-AbCdEf`)).toEqual([])
    expect(grantsOn(given, `${arn.replace('eu-west', 'us-east')}y/2-AbCdEf`)).toEqual([])
    expect(grantsOn({ targets: `aws-secretsmanager:${arn}z-AbCdEf` }, `${arn}z-AbCdEf`)).toEqual(all)
  })

  it('of many applications need the mark', () => {
    const subAppIds = Array.from({ length: 21 }, (_, i) => i + 1).join()
    const given = { subAppIds, targets: 'aws-secretsmanager:y/{SubAppId}?region=eu-west-1' }
    expect(grantsOn(given, `${arn}y/2-AbCdEf`)).toEqual([])
    expect(grantsOn(given, `${arn}y/2-AbCdEf`, { 'aws:ResourceTag/managed-by': 'vod-aigc-tokens' })).toEqual(
      all,
    )
  })

  it.each([
    ['aws-secretsmanager', 'secretsmanager', ['kms:Decrypt', 'kms:GenerateDataKey']],
    ['aws-parameter-store', 'ssm', ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey']],
  ])('of %s with a key of their own may use that', (scheme, service, actions) => {
    const kmsKeyId = 'arn:aws:kms:eu-west-1:123456789012:key/0123'
    const given = { targets: `${scheme}:y?region=eu-west-1&kmsKeyId=${kmsKeyId}` }
    const deployment = readDeployment('dev', 'us-east-1', { ...defaults, ...given }) as Deployment
    const keys = { 'kms:ViaService': `${service}.eu-west-1.amazonaws.com` }
    for (const action of actions)
      expect(
        isAllowed(resolveReferences(describeStack('x', deployment).mirrorStatements), {
          action,
          resource: kmsKeyId,
          keys,
        }),
      ).toBe(true)
  })

  it('that are parameters may be made, marked and written, in their region, and others not', () => {
    const grants = (given: Partial<Given>, name: string): string[] => {
      const deployment = readDeployment('dev', 'us-east-1', { ...defaults, ...given }) as Deployment
      const statements: PolicyStatement[] = resolveReferences(describeStack('x', deployment).mirrorStatements)
      const resource = `arn:aws:ssm:${name}`
      return [
        'GetParameter',
        'ListTagsForResource',
        'PutParameter',
        'AddTagsToResource',
        'DeleteParameter',
      ].filter((action) => isAllowed(statements, { action: `ssm:${action}`, resource, keys: {} }))
    }
    const all = ['GetParameter', 'ListTagsForResource', 'PutParameter', 'AddTagsToResource']
    const [near, far] = ['us-east-1:123456789012:parameter', 'eu-west-1:123456789012:parameter']
    const given = { subAppIds: '1,2', targets: 'aws-parameter-store:/y/{SubAppId}?region=eu-west-1&tags=a=b' }
    expect(grants(given, `${far}/y/2`)).toEqual(all)
    expect(grants(given, `${far}/y/3`)).toEqual([])
    expect(grants(given, `${near}/y/2`)).toEqual([])
    expect(grants({ targets: 'aws-parameter-store:z?adopt=true' }, `${near}/z`)).toEqual(all)
    const subAppIds = Array.from({ length: 21 }, (_, i) => i + 1).join()
    expect(grants({ ...given, subAppIds }, `${far}/y/21`)).toEqual(all)
    expect(grants({ ...given, subAppIds }, `${far}/x/21`)).toEqual([])
  })
})

describe('a stack of any number of applications', () => {
  const idsOf = (count: number): string => Array.from({ length: count }, (_, i) => 1_500_000_000 + i).join()
  const deploymentOf = (count: number, changes: Partial<Given> = {}): Deployment => {
    const read = readDeployment('dev', 'us-east-1', { ...defaults, subAppIds: idsOf(count), ...changes })
    if (Array.isArray(read)) throw new Error(read.join('; '))
    return read
  }
  const arnOf = (name: string): string =>
    `arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}-AbCdEf`
  const statementsOf = (stack: Stack, role: 'listStatements' | 'mirrorStatements'): PolicyStatement[] => {
    const secrets = Object.entries(stack.resources.Resources).map(([logicalId, { Properties }]) => [
      logicalId,
      arnOf(String(Properties['Name'])),
    ])
    return resolveReferences(stack[role], Object.fromEntries(secrets))
  }

  it.each([1, 20, 21, 26, 104, 300])(
    'fits and has the rights that it needs, and no others, with %i',
    (count) => {
      const deployment = deploymentOf(count)
      expect(sizeProblem('vod-aigc-tokens', deployment)).toBeNull()
      const stack = describeStack('vod-aigc-tokens', deployment)
      expect(Object.keys(stack.resources.Outputs).length).toBeLessThan(100)
      const mirrored = { 'aws:ResourceTag/managed-by': 'vod-aigc-tokens' }
      for (const role of ['listStatements', 'mirrorStatements'] as const) {
        const statements = statementsOf(stack, role)
        expect(JSON.stringify(statements).length).toBeLessThan(10_240)
        const may = (action: string, name: string, keys: Record<string, string> = {}): boolean =>
          isAllowed(statements, { action: `secretsmanager:${action}`, resource: arnOf(name), keys })
        for (const id of deployment.subAppIds) {
          expect(may('GetSecretValue', `vod-aigc-tokens/dev/${id}`, mirrored)).toBe(true)
          expect(may('PutSecretValue', `vod-aigc-tokens/dev/${id}`, mirrored)).toBe(
            role === 'mirrorStatements',
          )
        }
        // It has no mark, and the same prefix.
        expect(may('GetSecretValue', 'vod-aigc-tokens/dev/tencent-credentials')).toBe(true)
        expect(may('PutSecretValue', 'vod-aigc-tokens/dev/tencent-credentials')).toBe(false)
        expect(may('GetSecretValue', 'vod-aigc-tokens/prod/1500000000', mirrored)).toBe(false)
        expect(may('GetSecretValue', 'vod-aigc-tokens/dev-2/1500000000', mirrored)).toBe(false)
        expect(may('DeleteSecret', 'vod-aigc-tokens/dev/1500000000', mirrored)).toBe(false)
      }
    },
  )

  it.each([
    [420, {}],
    [1000, {}],
    [1000, { makeSecrets: 'false' }],
  ] as const)('%i with %j are refused with the number that fits, which does', (count, changes) => {
    const problem = sizeProblem('vod-aigc-tokens', deploymentOf(count, changes))
    expect(problem).toMatch(
      new RegExp(
        `^subAppIds: ${count} applications are too many for one stack, because the settings of .* bytes, and AWS takes 4096`,
      ),
    )
    const fitting = Number(/the first (\d+) fit/.exec(problem ?? '')?.[1])
    expect(fitting).toBeGreaterThan(250)
    expect(sizeProblem('vod-aigc-tokens', deploymentOf(fitting, changes))).toBeNull()
    expect(sizeProblem('vod-aigc-tokens', deploymentOf(fitting + 1, changes))).not.toBeNull()
  })

  it('is refused where so many secrets are more than a template holds', () => {
    const subAppIds = Array.from({ length: 600 }, (_, i) => 1 + i).join()
    expect(sizeProblem('vod-aigc-tokens', deploymentOf(600, { subAppIds }))).toMatch(
      /because the template would have \d+ resources, and AWS takes 500; the first 438 fit/,
    )
    expect(sizeProblem('vod-aigc-tokens', deploymentOf(600, { subAppIds, makeSecrets: 'false' }))).toBeNull()
  })

  it('is refused where the other texts alone are too long', () => {
    const targets = Array.from(
      { length: 100 },
      (_, i) => `tencent-ssm:a-further-target-with-a-long-name-${i}`,
    ).join()
    expect(sizeProblem('vod-aigc-tokens', deploymentOf(1, { targets }))).toMatch(
      /^the settings of mirror-tokens would have \d+ bytes, and AWS takes 4096; make secretPrefix and the other texts shorter$/,
    )
  })

  it('names each of a few secrets in the roles, also where their names are long', () => {
    const { mirrorStatements } = describeStack('x', deploymentOf(20))
    expect(JSON.stringify(mirrorStatements)).toContain('{"Ref":"MirroredSecret1500000019"}')
    const long = deploymentOf(20, { secretPrefix: 'x'.repeat(400) })
    expect(JSON.stringify(describeStack('x', long).mirrorStatements)).toContain('x/*')
    expect(sizeProblem('x', long)).toBeNull()
  })
})

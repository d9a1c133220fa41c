/** The CloudFormation template that the Serverless CLI makes: who may do what, what is watched, and how it is set up. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type Deployment, type Given, parameters, readDeployment } from '../../deploy/aws/parameters.ts'
import { describeStack } from '../../deploy/aws/stack.ts'
import { parseConfig, settings } from '../../lib/config.ts'
import { methods, routes } from '../../lib/endpoint/routes.ts'
import { readEvent } from '../../lib/platform/events.ts'
import { storeKinds } from '../../lib/stores/index.ts'
import { startTencentSimulator } from '../../simulator/simulator.ts'
import { startAwsSts } from '../support/aws-sts.ts'
import { startFunction } from '../support/function-process.ts'
import { copyProject, type Resource, type ServerlessCli, type Template } from '../support/serverless-cli.ts'

const ids = ['1500000001', '1500000002']
const keyArn = 'arn:aws:kms:eu-central-1:123456789012:key/mrk-0123'
const cases = {
  'no parameters': { stage: 'dev', args: [] },
  'keyless and everything else': {
    stage: 'prod',
    args: [
      '--stage=prod',
      '--region=eu-central-1',
      ...params({
        subAppIds: ids.join(),
        site: 'cn',
        roleArn: 'qcs::cam::uin/100000000001:roleName/vod-aigc-tokens',
        oidcProvider: 'aws-lambda',
        audience: 'my-audience',
        schedule: 'rate(1 hour)',
        secretPrefix: 'media/aigc',
        kmsKeyArn: keyArn,
        replicaRegions: 'eu-west-1,us-east-1',
        mirrorConcurrency: 'none',
        alarmTopicArn: 'arn:aws:sns:eu-central-1:123456789012:alarms',
        domain: 'aigc.example.com',
        certificateArn: 'arn:aws:acm:eu-central-1:123456789012:certificate/0123',
        tracing: 'true',
        logRetentionDays: '365',
        logLevel: 'debug',
      }),
    ],
  },
  'a stored key and secrets that exist': {
    stage: 'dev',
    args: params({
      subAppIds: ids[0] ?? '',
      credentialsSecret: 'team/tencent',
      credentialsKmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/0456',
      makeSecrets: 'false',
      source: 'mirror',
    }),
  },
} as const
type Case = keyof typeof cases
const caseNames = Object.keys(cases) as Case[]

const { params: declared } = parse(readFileSync(new URL('../../serverless.yml', import.meta.url), 'utf8'), {
  logLevel: 'silent',
})
const defaults: Given = { ...declared.default, secretPrefix: 'vod-aigc-tokens/dev' }

/** What these changes to the defaults come to. */
function deployment(changes: Partial<Given>): Deployment {
  const read = readDeployment('dev', 'us-east-1', { ...defaults, ...changes })
  if (Array.isArray(read)) throw new Error(read.join('; '))
  return read
}

let cli: ServerlessCli
const templates = new Map<Case, Template>()

beforeAll(async () => {
  cli = copyProject()
  for (const name of caseNames) {
    const { code, output } = await cli.run(['package', ...cases[name].args])
    expect(output).toContain('Service packaged')
    expect(code).toBe(0)
    templates.set(name, cli.readTemplate())
  }
}, 180_000)
afterAll(() => cli.remove())

function params(values: Partial<Given>): string[] {
  return Object.entries(values).map(([name, value]) => `--param=${name}=${value}`)
}

function template(name: Case): Template {
  const made = templates.get(name)
  if (!made) throw new Error(`no template for ${name}`)
  return made
}

function resource(name: Case, logicalId: string): Resource {
  const found = template(name).Resources[logicalId]
  if (!found) throw new Error(`no ${logicalId} in the template for ${name}`)
  return found
}

function ofType(name: Case, type: string): [logicalId: string, Resource][] {
  return Object.entries(template(name).Resources).filter(([, { Type }]) => Type === type)
}

/** A value as text, with `<X>` for what `{Ref: X}` refers to and `<X.Y>` for an attribute of it. */
// biome-ignore lint/suspicious/noExplicitAny: see Properties
function textOf(value: any): string {
  if (typeof value === 'string') return value.replace(/\$\{AWS::(\w+)\}/g, '<$1>')
  if (value.Ref) return `<${value.Ref}>`
  if (value['Fn::Sub']) return textOf(value['Fn::Sub'])
  if (value['Fn::GetAtt']) return `<${value['Fn::GetAtt'].join('.')}>`
  if (value['Fn::Join']) return value['Fn::Join'][1].map(textOf).join(value['Fn::Join'][0])
  throw new Error(`no text for ${JSON.stringify(value)}`)
}

interface Granted {
  readonly may: readonly string[]
  readonly on: readonly string[]
  readonly if?: unknown
}

/** Everything a role may do, line by line. */
function grants(name: Case, role: string): Granted[] {
  const { Policies, ManagedPolicyArns } = resource(name, role).Properties
  expect(ManagedPolicyArns).toBeUndefined()
  return Policies.flatMap(({ PolicyDocument }: { PolicyDocument: { Statement: Resource['Properties'][] } }) =>
    PolicyDocument.Statement.map(({ Effect, Action, Resource, Condition, ...others }) => {
      expect([Effect, others]).toEqual(['Allow', {}])
      return { may: Action, on: [Resource].flat().map(textOf), ...(Condition && { if: Condition }) }
    }),
  )
}

const logOf = (functionName: string): Granted => ({
  may: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  on: [`arn:<Partition>:logs:<Region>:<AccountId>:log-group:/aws/lambda/${functionName}:*`],
})
const sendFailedRun: Granted = { may: ['sqs:SendMessage'], on: ['<FailedRuns.Arn>'] }
const look = ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue']
const keep = [...look, 'secretsmanager:PutSecretValue', 'secretsmanager:UpdateSecretVersionStage']
const viaSecretsManager = (region: string) => ({
  StringEquals: { 'kms:ViaService': { 'Fn::Sub': `secretsmanager.${region}.\${AWS::URLSuffix}` } },
})

describe('roles', () => {
  it('ListTokensRole without parameters reads the credentials and the mirrored secret', () => {
    expect(grants('no parameters', 'ListTokensRole')).toEqual([
      logOf('vod-aigc-tokens-dev-list-tokens'),
      { may: ['secretsmanager:GetSecretValue'], on: ['<CredentialsSecret>'] },
      { may: look, on: ['<MirroredSecret>'] },
    ])
  })

  it('MirrorTokensRole without parameters reads the credentials and keeps the mirrored secret', () => {
    expect(grants('no parameters', 'MirrorTokensRole')).toEqual([
      logOf('vod-aigc-tokens-dev-mirror-tokens'),
      { may: ['secretsmanager:GetSecretValue'], on: ['<CredentialsSecret>'] },
      { may: keep, on: ['<MirroredSecret>'] },
      sendFailedRun,
    ])
  })

  const webIdentity: Granted = {
    may: ['sts:GetWebIdentityToken'],
    on: ['*'],
    if: {
      'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': 'my-audience' },
      Null: { 'sts:IdentityTokenAudience': 'false' },
      NumericLessThanEqualsIfExists: { 'sts:DurationSeconds': 300 },
    },
  }
  const tracing: Granted = { may: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], on: ['*'] }
  const secrets = ids.map((id) => `<MirroredSecret${id}>`)

  it('ListTokensRole with roleArn may ask AWS for a token for that audience, and has no stored key', () => {
    expect(grants('keyless and everything else', 'ListTokensRole')).toEqual([
      logOf('vod-aigc-tokens-prod-list-tokens'),
      webIdentity,
      { may: look, on: secrets },
      { may: ['kms:Decrypt'], on: [keyArn], if: viaSecretsManager('eu-central-1') },
      tracing,
    ])
  })

  it('MirrorTokensRole with a KMS key may use it through Secrets Manager', () => {
    expect(grants('keyless and everything else', 'MirrorTokensRole')).toEqual([
      logOf('vod-aigc-tokens-prod-mirror-tokens'),
      webIdentity,
      { may: keep, on: secrets },
      { may: ['kms:Decrypt', 'kms:GenerateDataKey'], on: [keyArn], if: viaSecretsManager('eu-central-1') },
      sendFailedRun,
      tracing,
    ])
  })

  const byName = (name: string): string =>
    `arn:<Partition>:secretsmanager:<Region>:<AccountId>:secret:${name}-??????`

  it('ListTokensRole with source=mirror has nothing to do with Tencent credentials', () => {
    expect(grants('a stored key and secrets that exist', 'ListTokensRole')).toEqual([
      logOf('vod-aigc-tokens-dev-list-tokens'),
      { may: look, on: [byName('vod-aigc-tokens/dev/1500000001')] },
    ])
  })

  it('MirrorTokensRole with credentialsSecret reads that secret with its key', () => {
    expect(grants('a stored key and secrets that exist', 'MirrorTokensRole')).toEqual([
      logOf('vod-aigc-tokens-dev-mirror-tokens'),
      { may: ['secretsmanager:GetSecretValue'], on: [byName('team/tencent')] },
      {
        may: ['kms:Decrypt'],
        on: ['arn:aws:kms:us-east-1:123456789012:key/0456'],
        if: viaSecretsManager('us-east-1'),
      },
      { may: keep, on: [byName('vod-aigc-tokens/dev/1500000001')] },
      sendFailedRun,
    ])
  })

  it.each(caseNames)('ScheduleRole invokes mirror-tokens and nothing else, with %s', (name) => {
    const { stage } = cases[name]
    expect(grants(name, 'ScheduleRole')).toEqual([
      { may: ['lambda:InvokeFunction'], on: ['<MirrorDashtokensLambdaFunction.Arn>'] },
    ])
    const [trust, ...others] = resource(name, 'ScheduleRole').Properties.AssumeRolePolicyDocument.Statement
    expect(others).toEqual([])
    expect(trust).toMatchObject({ Effect: 'Allow', Principal: { Service: 'scheduler.amazonaws.com' } })
    expect(Object.keys(trust.Condition)).toEqual(['StringEquals'])
    expect(textOf(trust.Condition.StringEquals['aws:SourceAccount'])).toBe('<AWS::AccountId>')
    expect(textOf(trust.Condition.StringEquals['aws:SourceArn'])).toBe(
      `arn:<Partition>:scheduler:<Region>:<AccountId>:schedule-group/vod-aigc-tokens-${stage}`,
    )
  })

  it.each(caseNames)('roles are three, and those of functions are for Lambda, with %s', (name) => {
    expect(ofType(name, 'AWS::IAM::Role').map(([logicalId]) => logicalId)).toEqual([
      'ListTokensRole',
      'MirrorTokensRole',
      'ScheduleRole',
    ])
    expect(ofType(name, 'AWS::IAM::Policy')).toEqual([])
    for (const role of ['ListTokensRole', 'MirrorTokensRole'])
      expect(resource(name, role).Properties.AssumeRolePolicyDocument.Statement).toEqual([
        { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
      ])
  })

  it.each(caseNames)('roles never make or mark secrets, list-tokens never writes one, with %s', (name) => {
    const actions = (role: string): string[] => grants(name, role).flatMap(({ may }) => may)
    for (const role of ['ListTokensRole', 'MirrorTokensRole', 'ScheduleRole']) {
      expect(actions(role).join()).not.toMatch(/\*|CreateSecret|DeleteSecret|TagResource/)
      // Only actions that know no resources may be granted on everything.
      for (const { may, on } of grants(name, role))
        if (on.includes('*')) expect(may.join()).toMatch(/^(sts:GetWebIdentityToken|xray:.*)$/)
    }
    expect(
      actions('ListTokensRole').filter((action) => /^secretsmanager:|^kms:/.test(action)),
    ).not.toContainEqual(expect.stringMatching(/Put|Update|GenerateDataKey/))
  })

  it.each(caseNames)('resource policies let the API invoke list-tokens, and nobody else, with %s', (name) => {
    expect(
      ofType(name, 'AWS::Lambda::Permission').map(([, { Properties }]) => [
        Properties.Principal,
        textOf(Properties.FunctionName),
        textOf(Properties.SourceArn),
      ]),
    ).toEqual([
      [
        'apigateway.amazonaws.com',
        '<ListDashtokensLambdaFunction.Arn>',
        'arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<HttpApi>/*',
      ],
    ])
  })
})

describe('functions', () => {
  it.each(caseNames)('functions run Node 22 on arm64, each with its own role and zip, with %s', (name) => {
    expect(ofType(name, 'AWS::Lambda::Function')).toHaveLength(2)
    for (const [logicalId, role, memory] of [
      ['ListDashtokensLambdaFunction', 'ListTokensRole', 512],
      ['MirrorDashtokensLambdaFunction', 'MirrorTokensRole', 256],
    ] as const)
      expect(resource(name, logicalId).Properties).toMatchObject({
        Handler: 'index.handler',
        Runtime: 'nodejs22.x',
        Architectures: ['arm64'],
        MemorySize: memory,
        Role: { 'Fn::GetAtt': [role, 'Arn'] },
        LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'DEBUG', SystemLogLevel: 'INFO' },
      })
  })

  it('functions are zips of index.js and the file that it loads when it needs it', () => {
    for (const zip of ['list-tokens', 'mirror-tokens'])
      expect(
        Object.keys(unzipSync(readFileSync(join(cli.folder, '.serverless', `${zip}.zip`)))).sort(),
      ).toEqual(['aws.js', 'index.js'])
  })

  const environment = (name: Case, logicalId: string): Record<string, string> =>
    resource(name, logicalId).Properties.Environment.Variables

  it.each(caseNames)('functions have settings that they accept, and no key among them, with %s', (name) => {
    for (const logicalId of ['ListDashtokensLambdaFunction', 'MirrorDashtokensLambdaFunction']) {
      const given = environment(name, logicalId)
      expect(Object.keys(given)).not.toContainEqual(expect.stringMatching(/SECRET_(ID|KEY)|TOKEN$|API_KEYS/))
      // Where the functions know another source of credentials, it has to satisfy them; else a stand-in does.
      const known = Object.entries(given).filter(([setting]) => Object.hasOwn(settings, setting))
      const isComplete = known.length === Object.keys(given).length
      const standIn = isComplete ? {} : { AIGC_SECRET_ID: 'id', AIGC_SECRET_KEY: 'key' }
      const config = parseConfig({ ...Object.fromEntries(known), ...standIn }, storeKinds)
      expect(config.mirrors.length > 0).toBe(logicalId.startsWith('Mirror'))
    }
  })

  it('functions without parameters use the secrets that the stack makes', () => {
    expect(environment('no parameters', 'ListDashtokensLambdaFunction')).toEqual({
      AIGC_SUB_APP_IDS: '',
      AIGC_SITE: 'intl',
      AIGC_LOG_LEVEL: 'info',
      AIGC_CREDENTIALS_SECRET: 'vod-aigc-tokens/dev/tencent-credentials',
      AIGC_HTTP_AUTH: 'gateway',
      AIGC_SOURCE: 'api',
      AIGC_FALLBACK: 'aws-secretsmanager:vod-aigc-tokens/dev/tokens',
    })
    expect(environment('no parameters', 'MirrorDashtokensLambdaFunction')).toEqual({
      AIGC_SUB_APP_IDS: '',
      AIGC_SITE: 'intl',
      AIGC_LOG_LEVEL: 'info',
      AIGC_CREDENTIALS_SECRET: 'vod-aigc-tokens/dev/tencent-credentials',
      AIGC_MIRROR_TARGETS: 'aws-secretsmanager:vod-aigc-tokens/dev/tokens',
    })
  })

  it('functions with roleArn and several ids are told both', () => {
    expect(environment('keyless and everything else', 'MirrorDashtokensLambdaFunction')).toEqual({
      AIGC_SUB_APP_IDS: '1500000001,1500000002',
      AIGC_SITE: 'cn',
      AIGC_LOG_LEVEL: 'debug',
      AIGC_ROLE_ARN: 'qcs::cam::uin/100000000001:roleName/vod-aigc-tokens',
      AIGC_OIDC_PROVIDER: 'aws-lambda',
      AIGC_OIDC_AUDIENCE: 'my-audience',
      AIGC_MIRROR_TARGETS: 'aws-secretsmanager:media/aigc/{SubAppId}',
    })
  })

  it('functions with source=mirror: list-tokens has no credentials', () => {
    const name = 'a stored key and secrets that exist'
    expect(environment(name, 'ListDashtokensLambdaFunction')).toEqual({
      AIGC_SUB_APP_IDS: '1500000001',
      AIGC_SITE: 'intl',
      AIGC_LOG_LEVEL: 'info',
      AIGC_HTTP_AUTH: 'gateway',
      AIGC_SOURCE: 'mirror',
      AIGC_FALLBACK: 'aws-secretsmanager:vod-aigc-tokens/dev/{SubAppId}',
    })
    expect(environment(name, 'MirrorDashtokensLambdaFunction')).toMatchObject({
      AIGC_CREDENTIALS_SECRET: 'team/tencent',
    })
  })

  it('functions are traced, and runs of the mirror overlap, only where that was asked for', () => {
    const of = (name: Case) => resource(name, 'MirrorDashtokensLambdaFunction').Properties
    expect(of('no parameters')).toMatchObject({ Timeout: 180, ReservedConcurrentExecutions: 1 })
    expect(of('no parameters').TracingConfig).toBeUndefined()
    expect(of('keyless and everything else').ReservedConcurrentExecutions).toBeUndefined()
    for (const logicalId of ['ListDashtokensLambdaFunction', 'MirrorDashtokensLambdaFunction'])
      expect(resource('keyless and everything else', logicalId).Properties.TracingConfig).toEqual({
        Mode: 'Active',
      })
  })

  it.each([
    ['no parameters', 30],
    ['keyless and everything else', 365],
  ] as const)('functions and the API keep their logs, with %s, for %i days', (name, days) => {
    expect(ofType(name, 'AWS::Logs::LogGroup').map(([, { Properties }]) => Properties)).toEqual([
      { LogGroupName: `/aws/lambda/vod-aigc-tokens-${cases[name].stage}-list-tokens`, RetentionInDays: days },
      {
        LogGroupName: `/aws/lambda/vod-aigc-tokens-${cases[name].stage}-mirror-tokens`,
        RetentionInDays: days,
      },
      { LogGroupName: `/aws/http-api/vod-aigc-tokens-${cases[name].stage}`, RetentionInDays: days },
    ])
  })
})

describe('HTTP API', () => {
  it.each(caseNames)('every route but /healthz has the IAM authorizer, with %s', (name) => {
    const expected = routes.flatMap(({ path, view }) =>
      methods.map((method) => [`${method} ${path}`, view === 'health' ? undefined : 'AWS_IAM']),
    )
    const made = ofType(name, 'AWS::ApiGatewayV2::Route').map(([, { Properties }]) => [
      Properties.RouteKey,
      Properties.AuthorizationType,
    ])
    expect(made.sort()).toEqual(expected.sort())
    expect(ofType(name, 'AWS::ApiGatewayV2::Authorizer')).toEqual([])
  })

  it.each(caseNames)('the stage throttles, and /healthz by itself, with %s', (name) => {
    const { Properties, DependsOn } = resource(name, 'HttpApiStage')
    expect(Properties).toMatchObject({
      StageName: '$default',
      DefaultRouteSettings: { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100 },
    })
    const open = ofType(name, 'AWS::ApiGatewayV2::Route').filter(
      ([, route]) => route.Properties.AuthorizationType === undefined,
    )
    expect(Object.keys(Properties.RouteSettings).sort()).toEqual(
      open.map(([, route]) => route.Properties.RouteKey).sort(),
    )
    for (const settings of Object.values(Properties.RouteSettings))
      expect(settings).toEqual({ ThrottlingRateLimit: 5, ThrottlingBurstLimit: 10 })
    expect(DependsOn).toEqual(expect.arrayContaining(open.map(([logicalId]) => logicalId)))
  })

  it('the access log is JSON of values that no client writes', () => {
    const { DestinationArn, Format } = resource('no parameters', 'HttpApiStage').Properties.AccessLogSettings
    expect(textOf(DestinationArn)).toBe('<HttpApiLogGroup.Arn>')
    expect(Format).not.toContain('\n')
    expect(Object.values(JSON.parse(Format)).sort()).toEqual([
      '$context.error.responseType',
      '$context.identity.sourceIp',
      '$context.identity.userArn',
      '$context.integration.status',
      '$context.integrationLatency',
      '$context.requestId',
      '$context.requestTime',
      '$context.responseLatency',
      '$context.responseLength',
      '$context.routeKey',
      '$context.status',
    ])
  })

  it('a domain of one’s own takes the place of the generated one', () => {
    const name = 'keyless and everything else'
    expect(resource(name, 'HttpApi').Properties.DisableExecuteApiEndpoint).toBe(true)
    expect(resource(name, 'Domain').Properties).toEqual({
      DomainName: 'aigc.example.com',
      DomainNameConfigurations: [
        {
          CertificateArn: 'arn:aws:acm:eu-central-1:123456789012:certificate/0123',
          EndpointType: 'REGIONAL',
          SecurityPolicy: 'TLS_1_2',
        },
      ],
    })
    expect(resource(name, 'DomainMapping').Properties).toEqual({
      ApiId: { Ref: 'HttpApi' },
      DomainName: { Ref: 'Domain' },
      Stage: { Ref: 'HttpApiStage' },
    })
    expect(template(name).Outputs['DomainTarget']?.Value).toEqual({
      'Fn::GetAtt': ['Domain', 'RegionalDomainName'],
    })
    expect(resource('no parameters', 'HttpApi').Properties.DisableExecuteApiEndpoint).toBe(false)
    expect(ofType('no parameters', 'AWS::ApiGatewayV2::DomainName')).toEqual([])
  })
})

describe('schedule', () => {
  it.each([
    ['no parameters', 'rate(5 minutes)', 1, 300],
    ['keyless and everything else', 'rate(1 hour)', 12, 3600],
  ] as const)('the schedule has jitter and retries, with %s', (name, expression, jitter, age) => {
    const { Properties } = resource(name, 'Schedule')
    expect(Properties).toMatchObject({
      GroupName: { Ref: 'ScheduleGroup' },
      ScheduleExpression: expression,
      FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: jitter },
      Target: {
        Arn: { 'Fn::GetAtt': ['MirrorDashtokensLambdaFunction', 'Arn'] },
        RoleArn: { 'Fn::GetAtt': ['ScheduleRole', 'Arn'] },
        RetryPolicy: { MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: age },
      },
    })
    expect(resource(name, 'ScheduleGroup').Properties).toEqual({
      Name: `vod-aigc-tokens-${cases[name].stage}`,
    })
    expect(ofType(name, 'AWS::Events::Rule')).toEqual([])
    expect(resource(name, 'MirrorDashtokensLambdaEvConf').Properties).toEqual({
      FunctionName: { Ref: 'MirrorDashtokensLambdaFunction' },
      Qualifier: '$LATEST',
      MaximumRetryAttempts: 1,
      MaximumEventAgeInSeconds: age,
      DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': ['FailedRuns', 'Arn'] } } },
    })
    expect(resource(name, 'FailedRuns').Properties).toMatchObject({
      MessageRetentionPeriod: 1_209_600,
      SqsManagedSseEnabled: true,
    })
    expect(ofType(name, 'AWS::SQS::QueuePolicy').map(([, { Properties }]) => Properties)).toEqual([
      {
        Queues: [{ Ref: 'FailedRuns' }],
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Deny',
              Principal: '*',
              Action: 'sqs:*',
              Resource: { 'Fn::GetAtt': ['FailedRuns', 'Arn'] },
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            },
          ],
        },
      },
    ])
  })

  it('the schedule sends what mirror-tokens knows as a schedule’s event', () => {
    const { Input } = resource('no parameters', 'Schedule').Properties.Target
    expect(readEvent(JSON.parse(Input))).toEqual({ kind: 'schedule', shape: 'eventbridge-scheduler' })
  })
})

describe('secrets', () => {
  const kept = { DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' }
  const Tags = [{ Key: 'managed-by', Value: 'vod-aigc-tokens' }]
  const Description = 'Tencent Cloud VOD AIGC API tokens, mirrored by vod-aigc-tokens'
  const secretsOf = (name: Case) => Object.fromEntries(ofType(name, 'AWS::SecretsManager::Secret'))

  it('secrets without parameters are the mirrored one, marked, and that of the credentials, not marked', () => {
    expect(secretsOf('no parameters')).toEqual({
      MirroredSecret: {
        Type: 'AWS::SecretsManager::Secret',
        ...kept,
        Properties: { Name: 'vod-aigc-tokens/dev/tokens', Description, Tags },
      },
      CredentialsSecret: {
        Type: 'AWS::SecretsManager::Secret',
        ...kept,
        Properties: {
          Name: 'vod-aigc-tokens/dev/tencent-credentials',
          Description: expect.stringContaining('credentials'),
        },
      },
    })
  })

  it('secrets with several ids are one each, with key and replicas, and none for credentials', () => {
    const replica = (Region: string) => ({
      Region,
      KmsKeyId: `arn:aws:kms:${Region}:123456789012:key/mrk-0123`,
    })
    expect(secretsOf('keyless and everything else')).toEqual(
      Object.fromEntries(
        ids.map((id) => [
          `MirroredSecret${id}`,
          {
            Type: 'AWS::SecretsManager::Secret',
            ...kept,
            Properties: {
              Name: `media/aigc/${id}`,
              Description,
              KmsKeyId: keyArn,
              ReplicaRegions: [replica('eu-west-1'), replica('us-east-1')],
              Tags,
            },
          },
        ]),
      ),
    )
  })

  it('secrets that exist are left out', () => {
    expect(secretsOf('a stored key and secrets that exist')).toEqual({})
  })

  it.each(caseNames)(
    'secrets have no value in the template, and nothing else has the mark, with %s',
    (name) => {
      const text = JSON.stringify(template(name))
      expect(text).not.toMatch(/SecretString|GenerateSecretString/)
      const marked = Object.entries(template(name).Resources).filter(([, one]) =>
        JSON.stringify(one.Properties.Tags ?? []).includes('managed-by'),
      )
      expect(marked.map(([logicalId]) => logicalId)).not.toContainEqual(
        expect.not.stringMatching(/^MirroredSecret/),
      )
    },
  )
})

describe('alarms', () => {
  const list = [{ Name: 'FunctionName', Value: { Ref: 'ListDashtokensLambdaFunction' } }]
  const mirror = [{ Name: 'FunctionName', Value: { Ref: 'MirrorDashtokensLambdaFunction' } }]
  const stage = [
    { Name: 'ApiId', Value: { Ref: 'HttpApi' } },
    { Name: 'Stage', Value: '$default' },
  ]
  const above = (Threshold: number) => ({
    ComparisonOperator: 'GreaterThanThreshold',
    Threshold,
    TreatMissingData: 'notBreaching',
  })
  const metric = (Namespace: string, MetricName: string, Dimensions: unknown, Period: number) => ({
    Namespace,
    MetricName,
    Dimensions,
    Period,
  })
  const within = (
    Id: string,
    Namespace: string,
    MetricName: string,
    Dimensions: unknown,
    Period: number,
  ) => ({
    Id,
    ReturnData: false,
    MetricStat: { Metric: { Namespace, MetricName, Dimensions }, Stat: 'Sum', Period },
  })

  it.each([
    ['no parameters', 300, []],
    ['keyless and everything else', 3600, ['arn:aws:sns:eu-central-1:123456789012:alarms']],
  ] as const)('alarms watch all that can go wrong, with %s', (name, period, actions) => {
    const alarms = ofType(name, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => {
      const { AlarmName, AlarmDescription, AlarmActions, OKActions, ...others } = Properties
      expect([AlarmActions, OKActions]).toEqual([actions, actions])
      expect(AlarmDescription.length).toBeGreaterThan(40)
      return [AlarmName.replace(`vod-aigc-tokens-${cases[name].stage}-`, ''), others]
    })
    expect(Object.fromEntries(alarms)).toEqual({
      'mirror-failed': {
        ...above(0),
        EvaluationPeriods: 1,
        Metrics: [
          {
            Id: 'failed',
            Expression: 'IF(errors > 0 AND FILL(good, 0) == 0, 1, 0)',
            Label: expect.any(String),
          },
          within('errors', 'AWS/Lambda', 'Errors', mirror, period),
          within('good', 'VodAigcTokens', 'MirrorSuccess', mirror, period),
        ],
      },
      'mirror-held': {
        ...metric('VodAigcTokens', 'MirrorHeld', mirror, period),
        ...above(0),
        Statistic: 'Sum',
        EvaluationPeriods: 1,
      },
      // The lightest sign is enough: a message stays for 14 days.
      'failed-runs': {
        ...metric(
          'AWS/SQS',
          'ApproximateNumberOfMessagesVisible',
          [{ Name: 'QueueName', Value: { 'Fn::GetAtt': ['FailedRuns', 'QueueName'] } }],
          300,
        ),
        Statistic: 'Maximum',
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        Threshold: 1,
        EvaluationPeriods: 1,
        TreatMissingData: 'notBreaching',
      },
      // Silence is the alarm.
      'mirror-stale': {
        ...metric('VodAigcTokens', 'MirrorSuccess', mirror, period),
        Statistic: 'Sum',
        ComparisonOperator: 'LessThanThreshold',
        Threshold: 1,
        EvaluationPeriods: 3,
        TreatMissingData: 'breaching',
      },
      'upstream-errors': {
        ...metric('VodAigcTokens', 'UpstreamErrors', list, 300),
        ...above(0),
        Statistic: 'Sum',
        EvaluationPeriods: 3,
        DatapointsToAlarm: 2,
      },
      throttles: {
        ...metric('AWS/Lambda', 'Throttles', list, 60),
        ...above(0),
        Statistic: 'Sum',
        EvaluationPeriods: 1,
      },
      '5xx': {
        ...above(1),
        EvaluationPeriods: 3,
        DatapointsToAlarm: 2,
        Metrics: [
          { Id: 'share', Expression: '100 * errors / requests', Label: expect.any(String) },
          within('errors', 'AWS/ApiGateway', '5xx', stage, 300),
          within('requests', 'AWS/ApiGateway', 'Count', stage, 300),
        ],
      },
      slow: {
        ...metric('AWS/ApiGateway', 'Latency', stage, 300),
        ...above(3000),
        ExtendedStatistic: 'p99',
        EvaluationPeriods: 3,
        EvaluateLowSampleCountPercentile: 'ignore',
      },
    })
  })

  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  it.each(['rate(1 minute)', 'rate(7 minutes)', 'rate(59 minutes)', 'rate(1 hour)', 'rate(24 hours)'])(
    'alarms have periods that CloudWatch takes, with %s',
    (schedule) => {
      expect(parameters.schedule.accepts(schedule)).toBe(true)
      const { periodSeconds } = describeStack('x', deployment({ schedule }))
      const { Resources } = parse(
        readFileSync(new URL('../../deploy/aws/alarms.yml', import.meta.url), 'utf8'),
        {
          logLevel: 'silent',
        },
      )
      const alarms = Object.values<Resource>(Resources).filter(
        ({ Type }) => Type === 'AWS::CloudWatch::Alarm',
      )
      expect(alarms.length).toBeGreaterThan(5)
      for (const { Properties } of alarms) {
        const { Metrics = [], Period, EvaluationPeriods, AlarmName } = Properties
        const given = [Period, ...Metrics.map(({ MetricStat }: Resource['Properties']) => MetricStat?.Period)]
        const periods = given
          .filter((period) => period !== undefined)
          .map((period) => (typeof period === 'number' ? period : periodSeconds))
        expect(periods.length, AlarmName).toBeGreaterThan(0)
        for (const period of periods) {
          expect(period % 60, AlarmName).toBe(0)
          expect(period * EvaluationPeriods, AlarmName).toBeLessThanOrEqual((period < 3600 ? 1 : 7) * 86_400)
        }
      }
    },
  )
})

describe('log lines', () => {
  let lines: Record<string, unknown>[]
  beforeAll(async () => {
    lines = await writeLines()
  })

  /** Lines as both functions write them, through good and bad times, and the names of their fields. */
  async function writeLines(): Promise<Record<string, unknown>[]> {
    const simulator = await startTencentSimulator({
      lagMs: 0,
      applications: [{ subAppId: 1500000001, tokens: ['token-a'] }],
    })
    const shared = {
      AIGC_SECRET_ID: simulator.secretId,
      AIGC_SECRET_KEY: simulator.secretKey,
      AIGC_VOD_ENDPOINT: simulator.url,
      AIGC_SUB_APP_IDS: '1500000001',
      AIGC_HTTP_AUTH: 'gateway',
      AIGC_CACHE_SECONDS: '0',
      AIGC_TIMEOUT_MS: '4000',
    }
    const list = startFunction('list-tokens', { ...shared, AWS_LAMBDA_FUNCTION_NAME: 'the-list' })
    const mirror = startFunction('mirror-tokens', {
      ...shared,
      AWS_LAMBDA_FUNCTION_NAME: 'the-mirror',
      AIGC_MIRROR_TARGETS: `file:${join(cli.folder, 'mirrored.json')}`,
    })
    try {
      const event = JSON.parse(
        readFileSync(new URL('../support/events/http-api-v2.json', import.meta.url), 'utf8'),
      )
      event.requestContext.authorizer = { iam: { userArn: 'arn:aws:iam::123456789012:role/app' } }
      await list.invoke(event)
      await mirror.invoke({})
      simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' }, 1)
      await list.invoke(event)
      simulator.fail({ kind: 'error', code: 'InternalError' }, 100)
      await list.invoke(event)
      await mirror.invoke({})
      return [...list.log(), ...mirror.log()]
    } finally {
      await Promise.all([list.close(), mirror.close(), simulator.close()])
    }
  }

  /** The names in a Logs Insights query that are neither its language nor its own. */
  function namesIn(query: string): string[] {
    const code = query.replace(/"[^"]*"|'[^']*'/g, '')
    const own = [...code.matchAll(/\bas (\w+)/g)].map(([, name]) => name)
    const language =
      'SOURCE filter stats fields sort limit by as and or desc count latest coalesce @timestamp'
    const names = code.match(/[@A-Za-z_][\w.]*/g) ?? []
    return [...new Set(names)].filter((name) => !language.split(' ').includes(name) && !own.includes(name))
  }

  it('log lines hold every field that the dashboard and the metric filter look for', () => {
    const fields = new Set(
      lines.flatMap((line) => [
        ...Object.keys(line),
        ...(Array.isArray(line['results']) ? Object.keys(line['results'][0]) : []).map(
          (name) => `results.0.${name}`,
        ),
      ]),
    )
    const prefix = 'vod-aigc-tokens-dev'
    const body = JSON.parse(textOf(resource('no parameters', 'Dashboard').Properties.DashboardBody))
    const several = textOf(resource('keyless and everything else', 'Dashboard').Properties.DashboardBody)
    for (const [i, id] of ids.entries()) expect(several).toContain(`results.${i}.Outcome as outcome_${id}`)
    const queries: string[] = body.widgets.flatMap(
      (widget: Resource['Properties']) => widget.properties.query ?? [],
    )
    expect(queries).toHaveLength(4)
    for (const query of queries) {
      expect(query).toMatch(new RegExp(`^SOURCE '/aws/lambda/${prefix}-(list|mirror)-tokens'\n`))
      for (const name of namesIn(query)) expect([...fields]).toContain(name)
    }

    // The filter in words of this language, applied to the lines.
    const { FilterPattern, MetricTransformations } = resource(
      'no parameters',
      'UpstreamErrorsFilter',
    ).Properties
    expect(FilterPattern).toBe('{ ($.event = "list-tokens") && (($.status >= 502) || ($.StaleServed = 1)) }')
    expect(MetricTransformations).toEqual([
      {
        MetricNamespace: 'VodAigcTokens',
        MetricName: 'UpstreamErrors',
        MetricValue: '1',
        Unit: 'Count',
        Dimensions: [{ Key: 'FunctionName', Value: '$.FunctionName' }],
      },
    ])
    const counted = lines.filter(
      ({ event, status, StaleServed }) =>
        event === 'list-tokens' && ((typeof status === 'number' && status >= 502) || StaleServed === 1),
    )
    expect(counted.map(({ status, FunctionName }) => [status, FunctionName])).toEqual([
      [502, 'the-list'],
      [200, 'the-list'],
    ])
  })

  it('log lines and AWS make every metric on the dashboard and in the alarms', () => {
    const ours = new Set(
      lines.flatMap(({ _aws }) =>
        // biome-ignore lint/suspicious/noExplicitAny: the format is CloudWatch's
        ((_aws as any)?.CloudWatchMetrics ?? []).flatMap(({ Metrics }: any) =>
          Metrics.map(({ Name }: { Name: string }) => Name),
        ),
      ),
    )
    ours.add(resource('no parameters', 'UpstreamErrorsFilter').Properties.MetricTransformations[0].MetricName)
    const body = JSON.parse(textOf(resource('no parameters', 'Dashboard').Properties.DashboardBody))
    const shown: string[][] = body.widgets.flatMap(
      (widget: Resource['Properties']) => widget.properties.metrics ?? [],
    )
    expect(shown.length).toBeGreaterThan(10)
    const watched = ofType('no parameters', 'AWS::CloudWatch::Alarm').flatMap(([, { Properties }]) =>
      Properties.Metrics
        ? Properties.Metrics.flatMap(({ MetricStat }: Resource['Properties']) =>
            MetricStat ? [[MetricStat.Metric.Namespace, MetricStat.Metric.MetricName]] : [],
          )
        : [[Properties.Namespace, Properties.MetricName]],
    )
    for (const [namespace = '', name = ''] of [...shown, ...watched])
      if (namespace === 'VodAigcTokens') expect([...ours]).toContain(name)
      else expect(['AWS/Lambda', 'AWS/ApiGateway', 'AWS/SQS']).toContain(namespace)
  })

  it('the dashboard shows every alarm, and its widgets do not overlap', () => {
    const body = JSON.parse(textOf(resource('no parameters', 'Dashboard').Properties.DashboardBody))
    const [alarms] = body.widgets.filter((widget: Resource['Properties']) => widget.type === 'alarm')
    const arns = ofType('no parameters', 'AWS::CloudWatch::Alarm').map(
      ([, { Properties }]) => `arn:<Partition>:cloudwatch:<Region>:<AccountId>:alarm:${Properties.AlarmName}`,
    )
    expect([...alarms.properties.alarms].sort()).toEqual(arns.sort())
    const taken = new Set<string>()
    for (const { x, y, width, height } of body.widgets)
      for (let column = x; column < x + width; column++)
        for (let row = y; row < y + height; row++) {
          expect(taken).not.toContain(`${column},${row}`)
          expect(column).toBeLessThan(24)
          taken.add(`${column},${row}`)
        }
  })
})

describe('outputs', () => {
  it.each(caseNames)(
    'outputs give the ARNs of the functions’ roles, whose names AWS makes, with %s',
    (name) => {
      for (const role of ['ListTokensRole', 'MirrorTokensRole']) {
        expect(resource(name, role).Properties.RoleName).toBeUndefined()
        expect(template(name).Outputs[`${role}Arn`]?.Value).toEqual({ 'Fn::GetAtt': [role, 'Arn'] })
      }
    },
  )
})

describe('without a stored key', () => {
  const name = 'keyless and everything else'
  const roleArn = 'qcs::cam::uin/100000000001:roleName/vod-aigc-tokens'

  /** The conditions on the identity token; both roles have the same. */
  function condition(role: string): Record<string, Record<string, string | number>> {
    const granted = grants(name, role).filter(({ may }) => may.includes('sts:GetWebIdentityToken'))
    expect(granted).toHaveLength(1)
    return granted[0]?.if as Record<string, Record<string, string | number>>
  }

  /** Whether IAM lets a request through whose condition keys have these values. */
  function isMet(
    conditions: Record<string, Record<string, string | number>>,
    keys: Readonly<Record<string, readonly string[]>>,
  ): boolean {
    return Object.entries(conditions).every(([operator, operands]) =>
      Object.entries(operands).every(([key, operand]) => {
        const values = keys[key] ?? []
        switch (operator) {
          case 'ForAllValues:StringEquals':
            return values.every((value) => value === operand)
          case 'Null':
            return (values.length === 0) === (operand === 'true')
          case 'NumericLessThanEqualsIfExists':
            return values.every((value) => Number(value) <= Number(operand))
          default:
            throw new Error(`this test does not know ${operator}`)
        }
      }),
    )
  }

  it.each([
    ['list-tokens', 'ListDashtokensLambdaFunction', 'ListTokensRole'],
    ['mirror-tokens', 'MirrorDashtokensLambdaFunction', 'MirrorTokensRole'],
  ] as const)('%s asks AWS for the identity token that its role is granted', async (fn, logicalId, role) => {
    const aws = await startAwsSts({ region: 'eu-central-1' })
    const simulator = await startTencentSimulator({
      applications: [{ subAppId: 1500000001, tokens: ['token-a'] }],
    })
    const { issuer, jwks } = aws
    simulator.sts.providers.set('aws-lambda', { issuer, audiences: ['my-audience'], jwks })
    simulator.sts.roles.set(roleArn, { providerId: 'aws-lambda' })
    const process = startFunction(fn, {
      ...resource(name, logicalId).Properties.Environment.Variables,
      AIGC_VOD_ENDPOINT: simulator.url,
      AIGC_STS_ENDPOINT: simulator.url,
      AWS_REGION: aws.region,
      AWS_ENDPOINT_URL_STS: aws.url,
      // Nobody is there: only the token is looked at here.
      AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: aws.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.secretAccessKey,
      AWS_SESSION_TOKEN: aws.sessionToken,
    })
    try {
      await process.invoke({ SubAppId: 1500000001 })
    } finally {
      await Promise.all([process.close(), aws.close(), simulator.close()])
    }
    expect(simulator.calls.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'AssumeRoleWithWebIdentity ok',
      'DescribeAigcApiTokens ok',
    ])
    expect(aws.calls.map(({ outcome }) => outcome)).toEqual(['ok'])
    const asked = Object.entries(aws.calls[0]?.parameters ?? {})
    const valuesOf = (prefix: string): string[] =>
      asked.filter(([parameter]) => parameter.startsWith(prefix)).map(([, value]) => value)
    const audiences = valuesOf('Audience.member.')
    const durations = valuesOf('DurationSeconds')
    const met = (audience: readonly string[], seconds: readonly string[]): boolean =>
      isMet(condition(role), { 'sts:IdentityTokenAudience': audience, 'sts:DurationSeconds': seconds })
    expect(met(audiences, durations)).toBe(true)
    // And none but that.
    expect(met([...audiences, 'other'], durations)).toBe(false)
    expect(met([], durations)).toBe(false)
    expect(met(audiences, ['301'])).toBe(false)
    expect(met(audiences, [])).toBe(true)
  })
})

describe('docs/credentials.md', () => {
  const page = readFileSync(new URL('../../docs/credentials.md', import.meta.url), 'utf8')
  const guide = readFileSync(new URL('../../docs/deploy-aws.md', import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/^( *)```json\n(.*?)^ *```$/gms)].map(([, , json]) =>
    JSON.parse(json ?? ''),
  )
  const keyless = describeStack(
    'x',
    deployment({ roleArn: 'qcs::cam::uin/1:roleName/r', oidcProvider: 'aws' }),
  )

  it('docs/credentials.md shows the statement that the stack grants, for the default audience', () => {
    const granted = keyless.listStatements.find(({ Action }) => Action.includes('sts:GetWebIdentityToken'))
    expect(granted).toBeDefined()
    expect(blocks).toContainEqual(granted)
  })

  it('docs/credentials.md has the default audience everywhere, and both functions in oidc:sub', () => {
    const audience = keyless.listEnvironment['AIGC_OIDC_AUDIENCE']
    const [trust] = blocks.flatMap(({ statement }) => statement ?? []).filter(({ principal }) => principal)
    const { 'oidc:aud': audiences, 'oidc:sub': subjects } = trust.condition.string_equal
    expect(audiences).toEqual([audience])
    expect(subjects).toEqual([
      expect.stringMatching(/^arn:aws:iam::\d{12}:role\/.*-ListTokensRole-/),
      expect.stringMatching(/^arn:aws:iam::\d{12}:role\/.*-MirrorTokensRole-/),
    ])
    expect(page).toContain(`Client ID: the audience, \`${audience}\``)
    expect(page).toContain(`AIGC_OIDC_AUDIENCE=${audience}\n`)
    expect(parameters.audience.takes).toContain(`such as ${audience}`)
  })

  it('docs/credentials.md and docs/deploy-aws.md read the roles’ ARNs from outputs that there are', () => {
    const outputs = Object.keys(template('no parameters').Outputs)
    const found = outputs.filter((key) => key.endsWith('TokensRoleArn'))
    expect(found).toEqual(['ListTokensRoleArn', 'MirrorTokensRoleArn'])
    for (const text of [page, guide]) expect(text).toContain("?ends_with(OutputKey, 'TokensRoleArn')")
    for (const key of found) expect(page).toContain(key)
  })
})

describe('docs/deploy-aws.md', () => {
  const guide = readFileSync(new URL('../../docs/deploy-aws.md', import.meta.url), 'utf8')
  /** The first cells of the rows of a table, which is known by its header. */
  const rows = (header: string): string[][] =>
    (guide.split(`${header}\n`)[1]?.split('\n\n')[0] ?? '')
      .split('\n')
      .slice(1)
      .map((row) => row.split('|').map((cell) => cell.trim().replaceAll('`', '')))

  it('docs/deploy-aws.md says which mark a secret must carry that the stack did not make', () => {
    expect(
      rows('| parameter | default | meaning |').find(([, name]) => name === 'makeSecrets')?.[3],
    ).toContain('managed-by=vod-aigc-tokens')
    expect(guide).toContain('--tags Key=managed-by,Value=vod-aigc-tokens')
    expect(parameters.makeSecrets.takes).toContain('managed-by=vod-aigc-tokens')
  })

  it('docs/deploy-aws.md lists every parameter with its default', () => {
    const defaults = Object.entries<string>(declared.default).map(([name, value]) => [
      name,
      value.replace(/\$\{sls:stage\}/, 'STAGE'),
    ])
    expect(rows('| parameter | default | meaning |').map(([, name, value]) => [name, value])).toEqual(
      expect.arrayContaining(defaults),
    )
    expect(rows('| parameter | default | meaning |')).toHaveLength(defaults.length)
  })
})

describe('docs/alarms.md', () => {
  it('docs/alarms.md has a section for every alarm, with what it means, what to look at and what to do', () => {
    const [, ...sections] = readFileSync(new URL('../../docs/alarms.md', import.meta.url), 'utf8').split(
      /^## /m,
    )
    const runbooks = sections.filter((text) => text.includes('**Means:**'))
    const alarms = ofType('no parameters', 'AWS::CloudWatch::Alarm').map(([, { Properties }]) =>
      Properties.AlarmName.replace('vod-aigc-tokens-dev-', ''),
    )
    expect(runbooks.map((text) => text.split('\n')[0]).sort()).toEqual(alarms.sort())
    for (const text of runbooks) expect(text).toMatch(/\*\*Means:\*\*.*\*\*Look at:\*\*.*\*\*Do:\*\*/s)
  })
})

describe('parameters', () => {
  const read = (changes: Partial<Given>, stage = 'dev') =>
    readDeployment(stage, 'us-east-1', { ...defaults, ...changes })
  const role = 'qcs::cam::uin/100000000001:roleName/x'

  it('parameters have a default each in serverless.yml, and it is good', () => {
    expect(Object.keys(declared.default).sort()).toEqual(Object.keys(parameters).sort())
    expect(read({})).toMatchObject({ subAppIds: [], periodSeconds: 300, credentials: { kind: 'own-secret' } })
  })

  it.each([
    [
      'subAppIds',
      ['1', '1,2', '251006666, 251006667'],
      ['x', '1,,2', '1,1', '0', '-1', '1.5', '99999999999999999'],
    ],
    ['site', ['cn'], ['', 'eu', 'INTL']],
    ['audience', ['a', 'https://example.com/x'], ['', 'a b', '*']],
    [
      'schedule',
      ['rate(1 minute)', 'rate(90 minutes)', 'rate(24 hours)'],
      ['', '5 minutes', 'rate(0 minutes)', 'rate(5 seconds)', 'rate(25 hours)', 'cron(0 * * * ? *)'],
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
    ['tracing', ['true'], ['', 'on']],
    ['logRetentionDays', ['1', '3653'], ['', '0', '31']],
    ['logLevel', ['debug'], ['', 'trace']],
  ] as const)('parameters: %s takes what it should and names itself otherwise', (name, good, bad) => {
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
  ])('parameters %j choose where credentials come from', (changes, credentials) => {
    expect(read(changes)).toMatchObject({ credentials })
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
    [{ source: 'mirror', fallback: 'false' }, 'fallback must be true when source is mirror'],
    [
      { kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/0123', replicaRegions: 'eu-west-1' },
      'kmsKeyArn must be a multi-Region key',
    ],
  ])('parameters %j are refused', (changes, problem) => {
    expect(read(changes)).toEqual([expect.stringContaining(problem)])
  })

  it('parameters: every problem is told at once, the stage’s name too', () => {
    expect(read({ site: 'x', tracing: 'x' }, 'a_b')).toEqual([
      'site must be intl or cn',
      'tracing must be true or false',
      expect.stringContaining('stage must be '),
    ])
  })

  it('parameters that cannot be used stop the CLI before it packages, with sentences', async () => {
    const { code, output } = await cli.run(['package', ...params({ subAppIds: '1,x' }), '--param=subAppId=1'])
    expect(code).toBe(1)
    expect(output).toContain(
      'These parameters cannot be used: subAppId is not a parameter; there are subAppIds',
    )
    expect(output).toContain('; subAppIds must be comma-separated VOD application ids')
    expect(output).not.toMatch(/Packaging|built dist|\.ts:\d/)
  })

  it('parameters that are misspelt in serverless.yml stop the CLI too', async () => {
    const file = join(cli.folder, 'serverless.yml')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace(/^params:\n/m, '$&  prod: { subAppIDs: "1" }\n'))
    try {
      const { code, output } = await cli.run(['package', '--stage=prod'])
      expect(code).toBe(1)
      expect(output).toContain('subAppIDs is not a parameter')
      expect((await cli.run(['print', '--stage=dev', '--path=service'])).code).toBe(0)
    } finally {
      writeFileSync(file, text)
    }
  })
})

/**
 * What depends on the parameters of a deployment: settings of the functions, what their roles may do, the secrets.
 * serverless.yml holds the rest and includes this as `self:custom.stack`.
 */
import { type AlarmWindows, alarmWindows } from './alarms.ts'
import { renderDashboard } from './dashboard.ts'
import type { Json } from './intrinsics.ts'
import { exceededLimits, greatestThatFits } from './limits.ts'
import {
  type Deployment,
  type ExtraTarget,
  type Given,
  nameProblem,
  ownSecretName,
  parameters,
  readDeployment,
} from './parameters.ts'
import { restartResources } from './restart.ts'

/** What the Serverless CLI passes to a file that it includes. */
interface Cli {
  readonly options: { readonly param?: string | readonly string[] }
  resolveVariable(variable: string): Promise<unknown>
  resolveConfigurationProperty(path: readonly string[]): Promise<unknown>
}

/**
 * Reads the parameters and describes the stack; `missing` says why it must not be deployed, though it can be removed. Throws one
 * error that names every problem.
 */
export async function resolveStack({
  options,
  resolveVariable,
  resolveConfigurationProperty,
}: Cli): Promise<Stack & { readonly missing: string | null }> {
  const text = async (variable: string): Promise<string> => String((await resolveVariable(variable)) ?? '')
  const stage = await text('sls:stage')
  const names = [
    ...[options.param ?? []].flat().map((param) => param.split('=', 1)[0] ?? ''),
    ...Object.keys((await resolveConfigurationProperty(['params', stage])) ?? {}),
  ]
  const unknown = [...new Set(names)].flatMap((name) => nameProblem(name) ?? [])
  const given: Record<string, string> = {}
  for (const name of Object.keys(parameters)) given[name] = (await text(`param:${name}`)).trim()
  const region = await text('self:provider.region')
  // Commands that deploy nothing, such as remove and rollback, need no ids; serverless-build.mjs refuses the others.
  const missing = given['subAppIds'] === '' ? `subAppIds must be ${parameters.subAppIds.takes}` : null
  const deployment = readDeployment(stage, region, {
    ...(given as Given),
    ...(missing !== null && { subAppIds: 'none' }),
  })
  if (Array.isArray(deployment)) throw refusal([...unknown, ...(missing ? [missing] : []), ...deployment])
  if (unknown.length > 0) throw refusal([...unknown, ...(missing ? [missing] : [])])
  const service = await text('self:service')
  const problem = sizeProblem(service, deployment)
  if (problem !== null) throw refusal([problem])
  return { ...describeStack(service, deployment), missing }
}

/** Whether AWS takes the stack, in a sentence that says how many applications it takes; `null` where it does. */
export function sizeProblem(service: string, deployment: Deployment): string | null {
  const { subAppIds } = deployment
  const withFirst = (count: number): Stack =>
    describeStack(service, { ...deployment, subAppIds: subAppIds.slice(0, count) })
  const [exceeded] = exceededLimits(withFirst(subAppIds.length))
  if (exceeded === undefined) return null
  const fitting = greatestThatFits(subAppIds.length, (count) => exceededLimits(withFirst(count)).length === 0)
  return fitting > 0
    ? `subAppIds: ${subAppIds.length} applications are too many for one stack, because ${exceeded}; the first ` +
        `${fitting} fit: deploy the others as another stage`
    : `${exceeded}; make secretPrefix and the other texts shorter`
}

/** The CLI prints an error's stack where there is one; the sentences are all that helps here. */
function refusal(problems: readonly string[]): Error {
  const error = new Error(`These parameters cannot be used: ${problems.join('; ')}`)
  error.stack = error.message
  return error
}

export interface Statement {
  readonly Effect: 'Allow'
  readonly Action: readonly string[]
  readonly Resource: Json
  readonly Condition?: Json
}

export interface Stack {
  readonly listEnvironment: Readonly<Record<string, string>>
  readonly mirrorEnvironment: Readonly<Record<string, string>>
  readonly listStatements: readonly Statement[]
  readonly mirrorStatements: readonly Statement[]
  readonly listTimeoutSeconds: number
  readonly mirrorTimeoutSeconds: number
  readonly mirrorConcurrency: number | null
  readonly mirrorEventAgeSeconds: number
  readonly schedule: string
  readonly periodSeconds: number
  readonly alarmWindows: AlarmWindows
  readonly flexibleTimeWindow: Json
  readonly alarmActions: readonly string[]
  readonly tokenLimit: number
  readonly isTraced: boolean
  readonly hidesGeneratedName: boolean
  readonly logRetentionDays: number
  readonly systemLogLevel: string
  /** Resources of the YAML files that are taken out again, and with them whatever refers to them. */
  readonly leftOut: readonly string[]
  readonly throttling: { readonly rateLimit: number; readonly burstLimit: number }
  readonly confirmedDrops: readonly string[]
  readonly resources: {
    readonly Resources: Readonly<Record<string, Resource>>
    readonly Outputs: Readonly<Record<string, { readonly Description: string; readonly Value: Json }>>
  }
}

interface Resource {
  readonly Type: string
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
  readonly Properties: Readonly<Record<string, Json>>
}

export function describeStack(service: string, deployment: Deployment): Stack {
  const { subAppIds, periodSeconds, alarmTopicArn, domain } = deployment
  const prefix = `${service}-${deployment.stage}`
  const secrets = mirroredSecrets(deployment)
  const readsTencent = deployment.source === 'api'
  const shared = {
    AIGC_SUB_APP_IDS: subAppIds.join(),
    AIGC_SITE: deployment.site,
    AIGC_LOG_LEVEL: deployment.logLevel,
    AIGC_TIMEOUT_MS: `${deployment.timeoutMs}`,
    ...(deployment.excluded.length > 0 && { AIGC_EXCLUDE: deployment.excluded.join() }),
  }
  const target = `aws-secretsmanager:${ownSecretName(deployment.secretPrefix, subAppIds)}`
  return {
    listEnvironment: {
      ...shared,
      ...(readsTencent && credentialSettings(deployment)),
      AIGC_HTTP_AUTH: 'gateway',
      AIGC_SOURCE: deployment.source,
      ...(deployment.hasFallback && { AIGC_FALLBACK: target }),
      AIGC_CACHE_SECONDS: `${deployment.cacheSeconds}`,
      AIGC_STALE_SECONDS: `${deployment.staleSeconds}`,
    },
    mirrorEnvironment: {
      ...shared,
      ...credentialSettings(deployment),
      AIGC_MIRROR_TARGETS: [target, ...deployment.extraTargets.map(({ uri }) => uri)].join(),
      AIGC_SETTLE_SECONDS: `${deployment.settleSeconds}`,
      AIGC_MIN_KEEP: deployment.minKeep,
      AIGC_TOKEN_LIMIT: `${deployment.tokenLimit}`,
    },
    listStatements: [
      writeLog(`${prefix}-list-tokens`),
      ...(readsTencent ? useCredentials(deployment) : []),
      // It hands these tokens out anyway, so being able to read them gives away nothing more.
      ...(deployment.hasFallback ? readSecrets(secrets, deployment) : []),
      ...trace(deployment),
    ],
    mirrorStatements: [
      writeLog(`${prefix}-mirror-tokens`),
      ...useCredentials(deployment),
      ...keepSecrets(onSecrets(secrets, deployment), deployment.kmsKeyArn),
      ...deployment.extraTargets.flatMap((target) => keepExtraTarget(target, subAppIds)),
      { Effect: 'Allow', Action: ['sqs:SendMessage'], Resource: { 'Fn::GetAtt': ['FailedRuns', 'Arn'] } },
      ...trace(deployment),
    ],
    // AIGC_TIMEOUT_MS and a cold start.
    listTimeoutSeconds: Math.ceil(deployment.timeoutMs / 1000) + 5,
    mirrorTimeoutSeconds: mirrorTimeoutSeconds(deployment),
    mirrorConcurrency: deployment.mirrorConcurrency,
    mirrorEventAgeSeconds: mirrorEventAgeSeconds(deployment),
    schedule: deployment.schedule,
    periodSeconds,
    alarmWindows: alarmWindows({
      periodSeconds,
      jitterMinutes: jitterMinutes(periodSeconds),
      timeoutSeconds: mirrorTimeoutSeconds(deployment),
    }),
    flexibleTimeWindow:
      jitterMinutes(periodSeconds) === 0
        ? { Mode: 'OFF' }
        : { Mode: 'FLEXIBLE', MaximumWindowInMinutes: jitterMinutes(periodSeconds) },
    alarmActions: alarmTopicArn === null ? [] : [alarmTopicArn],
    tokenLimit: deployment.tokenLimit,
    isTraced: deployment.isTraced,
    hidesGeneratedName: domain !== null && !domain.isAdditional,
    logRetentionDays: deployment.logRetentionDays,
    systemLogLevel: deployment.systemLogLevel,
    leftOut: [
      ...(deployment.hasMirror
        ? []
        : [
            'MirrorDashtokensLambdaFunction',
            'MirrorDashtokensLogGroup',
            'MirrorTokensRole',
            'ScheduleGroup',
            'FailedRuns',
          ]),
      ...(deployment.restarts === null ? ['RestartMachine'] : []),
    ],
    throttling: { rateLimit: deployment.rateLimit, burstLimit: deployment.burstLimit },
    confirmedDrops: deployment.confirmedDrops,
    resources: {
      Resources: {
        ...secretResources(secrets, deployment),
        ...domainResources(deployment),
        ...(deployment.restarts !== null && restartResources(prefix, deployment.restarts)),
        Dashboard: {
          Type: 'AWS::CloudWatch::Dashboard',
          Properties: {
            DashboardName: prefix,
            DashboardBody: renderDashboard({
              prefix,
              stage: deployment.stage,
              periodSeconds,
              hasMirror: deployment.hasMirror,
              hasRestarts: deployment.restarts !== null,
            }),
          },
        },
      },
      Outputs: {
        ...secretOutputs(secrets, deployment),
        DashboardName: { Description: 'The dashboard in CloudWatch', Value: { Ref: 'Dashboard' } },
        ListTokensRoleArn: roleOutput('ListTokensRole'),
        ...(deployment.hasMirror && { MirrorTokensRoleArn: roleOutput('MirrorTokensRole') }),
        ...(usesOwnCredentials(deployment) && {
          CredentialsSecretName: {
            Description: 'The secret to put Tencent credentials into',
            Value: ownCredentialsName(deployment),
          },
        }),
        ...domainOutputs(deployment),
      },
    },
  }
}

/**
 * `AIGC_SETTLE_SECONDS`, six steps of at most `AIGC_TIMEOUT_MS` for every twenty applications, and a minute to spare. Lambda stops
 * at 900 seconds, and hardly ever is every step as slow as it may be.
 */
function mirrorTimeoutSeconds({ settleSeconds, timeoutMs, subAppIds }: Deployment): number {
  const turns = Math.max(1, Math.ceil(subAppIds.length / 20))
  return Math.min(900, settleSeconds + Math.ceil((6 * timeoutMs * turns) / 1000) + 60)
}

/**
 * How long Lambda keeps a run that cannot start: while another one runs, which Lambda finds out up to five minutes late, and for
 * the second try, a minute later. With less, each run that waits for a removal would give up the runs that came meanwhile. A run
 * that could not start until a later one was due is not worth starting.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
function mirrorEventAgeSeconds(deployment: Deployment): number {
  return Math.min(21_600, Math.max(deployment.periodSeconds, mirrorTimeoutSeconds(deployment) + 300 + 60))
}

/**
 * Stacks that were deployed together shall not ask Tencent together. Below five minutes there is no such window, because it would
 * lengthen the period: Scheduler itself spreads its calls over the minute.
 */
function jitterMinutes(periodSeconds: number): number {
  return Math.min(15, Math.floor(periodSeconds / 300))
}

/** AWS generates the roles' names, and Tencent has to be told them (`oidc:sub`) where no key is stored. */
function roleOutput(logicalId: string): { Description: string; Value: Json } {
  return {
    Description: "What Tencent's trust policy must name in oidc:sub, where no key is stored",
    Value: { 'Fn::GetAtt': [logicalId, 'Arn'] },
  }
}

interface SecretOfStack {
  readonly logicalId: string
  readonly name: string
  /** Whether the stack makes it; else it is there. */
  readonly isMade: boolean
}

/** One per application, so that a consumer can be given one and not another. */
function mirroredSecrets(deployment: Deployment): SecretOfStack[] {
  const { subAppIds, secretPrefix, hasMirror } = deployment
  const secret = (logicalId: string, end: string): SecretOfStack => ({
    logicalId,
    name: `${secretPrefix}/${end}`,
    isMade: hasMirror && makes(deployment, end),
  })
  if (subAppIds.length === 0) return [secret('MirroredSecret', 'tokens')]
  return subAppIds.map((id) => secret(`MirroredSecret${id}`, id))
}

function makes({ makesSecrets, keptSecrets }: Deployment, end: string): boolean {
  return makesSecrets && !keptSecrets.includes(end)
}

/** The name of each secret, and its ARN where the stack makes it; or one name for all, where the roles have one too. */
function secretOutputs(
  secrets: readonly SecretOfStack[],
  { secretPrefix }: Deployment,
): Record<string, { Description: string; Value: Json }> {
  if (areMany(secrets))
    return { MirroredSecretsName: { Description: 'The mirrored secrets', Value: `${secretPrefix}/*` } }
  return Object.fromEntries(
    secrets.flatMap(({ logicalId, name, isMade }) => [
      [`${logicalId}Name`, { Description: 'A mirrored secret', Value: name }],
      ...(isMade
        ? [
            [
              `${logicalId}Arn`,
              { Description: 'Its ARN, with the six characters of AWS', Value: { Ref: logicalId } },
            ] as const,
          ]
        : []),
    ]),
  )
}

function domainOutputs({ domain }: Deployment): Stack['resources']['Outputs'] {
  if (!domain) return {}
  return {
    DomainTarget: {
      Description: `What the DNS name ${domain.name} has to be an alias or CNAME of`,
      Value: { 'Fn::GetAtt': ['Domain', 'RegionalDomainName'] },
    },
    RegionalHostedZoneId: {
      Description: 'The hosted zone of that, which an alias record names',
      Value: { 'Fn::GetAtt': ['Domain', 'RegionalHostedZoneId'] },
    },
    // In place of the CLI's, whose name does not answer then.
    ...(!domain.isAdditional && {
      HttpApiUrl: {
        Description: 'URL of the HTTP API',
        Value: `https://${[domain.name, ...(domain.basePath === null ? [] : [domain.basePath])].join('/')}`,
      },
    }),
  }
}

/** So many secrets a role names one by one. */
const mostNamed = 20

/**
 * Whether the roles name all secrets by the prefix: 102 ARNs are as long as IAM takes, and an output each as many as
 * CloudFormation takes soon.
 */
function areMany(secrets: readonly SecretOfStack[]): boolean {
  return secrets.length > mostNamed || secrets.reduce((sum, { name }) => sum + name.length, 0) > 4000
}

/** Whether anything reads the secret with credentials that the stack makes. */
function usesOwnCredentials({ credentials, hasMirror, source }: Deployment): boolean {
  return credentials.kind === 'own-secret' && (hasMirror || source === 'api')
}

function ownCredentialsName({ secretPrefix }: Deployment): string {
  return `${secretPrefix}/${ownCredentialsEnd}`
}

const ownCredentialsEnd = 'tencent-credentials'

/**
 * The secrets, without values. They outlive the stack, whose consumers must not lose them, except that a first
 * deployment that fails takes its empty ones along, so that it can be tried again.
 */
function secretResources(
  secrets: readonly SecretOfStack[],
  deployment: Deployment,
): Record<string, Resource> {
  const { kmsKeyArn, replicaRegions } = deployment
  const common = {
    Type: 'AWS::SecretsManager::Secret',
    DeletionPolicy: 'RetainExceptOnCreate',
    UpdateReplacePolicy: 'Retain',
  }
  const key = kmsKeyArn === null ? {} : { KmsKeyId: kmsKeyArn }
  const made = secrets.filter(({ isMade }) => isMade)
  const mirrored = made.map(({ logicalId, name }) => [
    logicalId,
    {
      ...common,
      Properties: {
        Name: name,
        Description: 'Tencent Cloud VOD AIGC API tokens, mirrored by vod-aigc-tokens',
        ...key,
        ...(replicaRegions.length > 0 && {
          ReplicaRegions: replicaRegions.map((Region) => ({
            Region,
            // A replica of a multi-Region key has the same id.
            ...(kmsKeyArn && { KmsKeyId: kmsKeyArn.replace(/:kms:[a-z\d-]+:/, `:kms:${Region}:`) }),
          })),
        }),
        Tags: [{ Key: 'managed-by', Value: 'vod-aigc-tokens' }],
      },
    },
  ])
  return {
    ...Object.fromEntries(mirrored),
    // Without the mark of the mirror, which leaves other people's secrets alone, and without replicas.
    ...(usesOwnCredentials(deployment) &&
      makes(deployment, ownCredentialsEnd) && {
        CredentialsSecret: {
          ...common,
          Properties: {
            Name: ownCredentialsName(deployment),
            Description: 'Tencent Cloud credentials of vod-aigc-tokens: {"SecretId":"...","SecretKey":"..."}',
            ...key,
          },
        },
      }),
  }
}

function domainResources({ domain }: Deployment): Record<string, Resource> {
  if (!domain) return {}
  return {
    Domain: {
      Type: 'AWS::ApiGatewayV2::DomainName',
      Properties: {
        DomainName: domain.name,
        DomainNameConfigurations: [
          {
            CertificateArn: domain.certificateArn,
            EndpointType: 'REGIONAL',
            SecurityPolicy: 'TLS_1_2',
          },
        ],
      },
    },
    DomainMapping: {
      Type: 'AWS::ApiGatewayV2::ApiMapping',
      Properties: {
        ApiId: { Ref: 'HttpApi' },
        DomainName: { Ref: 'Domain' },
        Stage: { Ref: 'HttpApiStage' },
        ...(domain.basePath !== null && { ApiMappingKey: domain.basePath }),
      },
    },
  }
}

function credentialSettings(deployment: Deployment): Record<string, string> {
  const { credentials } = deployment
  switch (credentials.kind) {
    case 'web-identity':
      return {
        AIGC_ROLE_ARN: credentials.roleArn,
        AIGC_OIDC_PROVIDER: credentials.oidcProvider,
        AIGC_OIDC_AUDIENCE: credentials.audience,
      }
    case 'secret':
      return { AIGC_CREDENTIALS_SECRET: credentials.secret }
    case 'own-secret':
      return { AIGC_CREDENTIALS_SECRET: ownCredentialsName(deployment) }
  }
}

function useCredentials(deployment: Deployment): Statement[] {
  const { credentials, kmsKeyArn } = deployment
  switch (credentials.kind) {
    case 'web-identity':
      return [
        {
          Effect: 'Allow',
          Action: ['sts:GetWebIdentityToken'],
          // The action knows no resources; what narrows it is for whom the token is and how long it lives.
          // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_policies.html
          Resource: '*',
          Condition: {
            'ForAllValues:StringEquals': { 'sts:IdentityTokenAudience': credentials.audience },
            Null: { 'sts:IdentityTokenAudience': 'false' },
            // A request that names no duration gets 300 seconds.
            NumericLessThanEqualsIfExists: { 'sts:DurationSeconds': 300 },
          },
        },
      ]
    case 'secret':
      return [
        {
          Effect: 'Allow',
          Action: ['secretsmanager:GetSecretValue'],
          Resource: credentials.secret.startsWith('arn:')
            ? credentials.secret
            : secretArnByName(credentials.secret),
        },
        ...useKey(credentials.kmsKeyArn, ['kms:Decrypt']),
      ]
    case 'own-secret':
      return [
        {
          Effect: 'Allow',
          Action: ['secretsmanager:GetSecretValue'],
          Resource: makes(deployment, ownCredentialsEnd)
            ? { Ref: 'CredentialsSecret' }
            : secretArnByName(ownCredentialsName(deployment)),
        },
        ...useKey(kmsKeyArn, ['kms:Decrypt']),
      ]
  }
}

function readSecrets(secrets: readonly SecretOfStack[], deployment: Deployment): Statement[] {
  return [
    {
      Effect: 'Allow',
      Action: ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue'],
      ...onSecrets(secrets, deployment),
    },
    ...useKey(deployment.kmsKeyArn, ['kms:Decrypt']),
  ]
}

/** No `CreateSecret` and no `TagResource`: the stack makes and marks them. */
function keepSecrets(
  secrets: Pick<Statement, 'Resource' | 'Condition'>,
  kmsKeyArn: string | null,
): Statement[] {
  return [
    {
      Effect: 'Allow',
      Action: [
        'secretsmanager:DescribeSecret',
        'secretsmanager:GetSecretValue',
        'secretsmanager:PutSecretValue',
        'secretsmanager:UpdateSecretVersionStage',
      ],
      ...secrets,
    },
    ...useKey(kmsKeyArn, ['kms:Decrypt', 'kms:GenerateDataKey']),
  ]
}

function keepExtraTarget({ aws }: ExtraTarget, subAppIds: readonly string[]): Statement[] {
  if (aws === null) return []
  const { service, name, region, kmsKeyArn } = aws
  const arnOf = (one: string): Json => (one.startsWith('arn:') ? one : secretArn(`${one}-??????`, region))
  const nameFor = (id: string): string => name.replaceAll('{SubAppId}', id)
  const names = name.includes('{SubAppId}') ? subAppIds.map(nameFor) : [name]
  if (service === 'ssm')
    return keepParameters(
      (names.length > mostNamed ? [nameFor('*')] : names).map((one) => parameterArn(one, region)),
      kmsKeyArn,
    )
  return keepSecrets(
    names.length > mostNamed
      ? { Resource: arnOf(nameFor('*')), Condition: isMarked }
      : { Resource: names.map(arnOf) },
    kmsKeyArn,
  )
}

/** Each secret by its ARN, or all of them by their prefix, and then by their mark: the credentials have the same prefix. */
function onSecrets(
  secrets: readonly SecretOfStack[],
  { secretPrefix }: Deployment,
): Pick<Statement, 'Resource' | 'Condition'> {
  if (areMany(secrets))
    return {
      Resource: secretArn(`${secretPrefix}/*`),
      Condition: isMarked,
    }
  return {
    Resource: secrets.map(({ logicalId, name, isMade }) =>
      isMade ? { Ref: logicalId } : secretArnByName(name),
    ),
  }
}

const isMarked = { StringEquals: { 'aws:ResourceTag/managed-by': 'vod-aigc-tokens' } }

/** A parameter is made and marked in one step, and a role that may do that may mark it later, too. */
function keepParameters(Resource: Json, kmsKeyArn: string | null): Statement[] {
  return [
    {
      Effect: 'Allow',
      Action: ['ssm:AddTagsToResource', 'ssm:GetParameter', 'ssm:ListTagsForResource', 'ssm:PutParameter'],
      Resource,
    },
    // The last is for the tier Advanced. docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
    ...useKey(kmsKeyArn, ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey'], 'ssm'),
  ]
}

/** The six characters that AWS appends to a secret's name are not known before it exists. */
function secretArnByName(name: string): Json {
  return secretArn(`${name}-??????`)
}

function secretArn(pattern: string, region = `\${AWS::Region}`): Json {
  return {
    'Fn::Sub': `arn:\${AWS::Partition}:secretsmanager:${region}:\${AWS::AccountId}:secret:${pattern}`,
  }
}

/** A name that is a path begins with the slash that an ARN has anyway. */
function parameterArn(name: string, region: string): Json {
  return {
    'Fn::Sub': `arn:\${AWS::Partition}:ssm:${region}:\${AWS::AccountId}:parameter/${name.replace(/^\//, '')}`,
  }
}

/** The use of a KMS key, through one service only. */
function useKey(arn: string | null, Action: readonly string[], service = 'secretsmanager'): Statement[] {
  if (arn === null) return []
  const [, , , region = ''] = arn.split(':')
  const via = { 'Fn::Sub': `${service}.${region}.\${AWS::URLSuffix}` }
  return [{ Effect: 'Allow', Action, Resource: arn, Condition: { StringEquals: { 'kms:ViaService': via } } }]
}

function writeLog(functionName: string): Statement {
  return {
    Effect: 'Allow',
    Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    Resource: {
      'Fn::Sub': `arn:\${AWS::Partition}:logs:\${AWS::Region}:\${AWS::AccountId}:log-group:/aws/lambda/${functionName}:*`,
    },
  }
}

function trace({ isTraced }: Deployment): Statement[] {
  // These actions know no resources.
  const Action = ['xray:PutTelemetryRecords', 'xray:PutTraceSegments']
  return isTraced ? [{ Effect: 'Allow', Action, Resource: '*' }] : []
}

/**
 * What depends on the parameters of a deployment: settings of the functions, what their roles may do, the secrets.
 * serverless.yml holds the rest and includes this as `self:custom.stack`.
 */
import { type AlarmWindows, alarmWindows } from './alarms.ts'
import { renderDashboard } from './dashboard.ts'
import type { Json } from './intrinsics.ts'
import { exceededLimits, greatestThatFits } from './limits.ts'
import {
  type Credentials,
  type Deployment,
  type ExtraTarget,
  type Given,
  nameProblem,
  noRotation,
  ownSecretName,
  parameters,
  readDeployment,
  recordName,
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
    ...(missing !== null && { ...noRotation, subAppIds: 'none' }),
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
  /** Nothing without a rotation, as of its statements. */
  readonly rotateEnvironment: Readonly<Record<string, string>>
  readonly listStatements: readonly Statement[]
  readonly mirrorStatements: readonly Statement[]
  readonly rotateStatements: readonly Statement[]
  readonly listTimeoutSeconds: number
  readonly mirrorTimeoutSeconds: number
  readonly mirrorConcurrency: number | null
  readonly mirrorEventAgeSeconds: number
  readonly schedule: string
  readonly periodSeconds: number
  readonly alarmWindows: AlarmWindows
  readonly rotation: {
    readonly schedule: string
    readonly periodSeconds: number
    readonly flexibleTimeWindow: Json
    readonly eventAgeSeconds: number
    readonly alarmWindows: AlarmWindows
    /** As many deletions as a day may have: one of each application. */
    readonly deletionsADay: number
  }
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
  const { rotation } = deployment
  const records = rotationRecords(deployment)
  const forMirror = {
    AIGC_MIRROR_TARGETS: [target, ...deployment.extraTargets.map(({ uri }) => uri)].join(),
    AIGC_SETTLE_SECONDS: `${deployment.settleSeconds}`,
    AIGC_MIN_KEEP: deployment.minKeep,
    AIGC_TOKEN_LIMIT: `${deployment.tokenLimit}`,
  }
  const timeoutSeconds = mirrorTimeoutSeconds(deployment)
  return {
    listEnvironment: {
      ...shared,
      ...(readsTencent && credentialSettings(deployment, ownCredentials)),
      AIGC_HTTP_AUTH: 'gateway',
      AIGC_SOURCE: deployment.source,
      ...(deployment.hasFallback && { AIGC_FALLBACK: target }),
      AIGC_CACHE_SECONDS: `${deployment.cacheSeconds}`,
      AIGC_STALE_SECONDS: `${deployment.staleSeconds}`,
    },
    mirrorEnvironment: {
      ...shared,
      ...credentialSettings(deployment, ownCredentials),
      ...forMirror,
    },
    rotateEnvironment: rotation
      ? {
          ...shared,
          ...credentialSettings(deployment, rotationCredentials),
          ...forMirror,
          AIGC_ROTATION_STATE: `aws-secretsmanager:${recordName(deployment.secretPrefix)}`,
          ...(rotation.everyDays !== null && { AIGC_ROTATE_EVERY_DAYS: `${rotation.everyDays}` }),
          AIGC_ROTATION_WARM_SECONDS: `${rotation.warmSeconds}`,
          AIGC_ROTATION_GRACE_HOURS: `${rotation.graceHours}`,
          AIGC_ROTATION_MAY_DELETE: `${rotation.mayDelete}`,
        }
      : {},
    listStatements: [
      writeLog(`${prefix}-list-tokens`),
      ...(readsTencent ? useCredentials(deployment, ownCredentials) : []),
      // It hands these tokens out anyway, so being able to read them gives away nothing more.
      ...(deployment.hasFallback ? readSecrets(secrets, deployment) : []),
      ...trace(deployment),
    ],
    mirrorStatements: [
      writeLog(`${prefix}-mirror-tokens`),
      ...useCredentials(deployment, ownCredentials),
      ...keepSecrets(onSecrets(secrets, deployment), deployment.kmsKeyArn),
      ...deployment.extraTargets.flatMap((target) => keepExtraTarget(target, subAppIds, makeParameter)),
      reportFailedRun,
      ...trace(deployment),
    ],
    rotateStatements: rotation
      ? [
          writeLog(`${prefix}-rotate-tokens`),
          ...useCredentials(deployment, rotationCredentials),
          // Moving the pick is writing them; making and marking them is the mirror's.
          ...keepSecrets(onSecrets(secrets, deployment), deployment.kmsKeyArn),
          ...deployment.extraTargets.flatMap((target) => keepExtraTarget(target, subAppIds, writeParameter)),
          // The key is that of the mirrored secrets.
          ...keepSecrets(onSecrets(records, deployment, ofRecords), null),
          reportFailedRun,
          ...trace(deployment),
        ]
      : [],
    // AIGC_TIMEOUT_MS and a cold start.
    listTimeoutSeconds: Math.ceil(deployment.timeoutMs / 1000) + 5,
    mirrorTimeoutSeconds: timeoutSeconds,
    mirrorConcurrency: deployment.mirrorConcurrency,
    mirrorEventAgeSeconds: eventAgeSeconds(periodSeconds, timeoutSeconds),
    schedule: deployment.schedule,
    periodSeconds,
    alarmWindows: alarmWindows({
      periodSeconds,
      jitterMinutes: jitterMinutes(periodSeconds),
      timeoutSeconds,
    }),
    rotation: {
      schedule: `rate(${rotationSeconds / 60} minutes)`,
      periodSeconds: rotationSeconds,
      flexibleTimeWindow: flexibleTimeWindow(rotationSeconds),
      eventAgeSeconds: eventAgeSeconds(rotationSeconds, timeoutSeconds),
      alarmWindows: alarmWindows({
        periodSeconds: rotationSeconds,
        jitterMinutes: jitterMinutes(rotationSeconds),
        timeoutSeconds,
      }),
      deletionsADay: Math.max(1, subAppIds.length),
    },
    flexibleTimeWindow: flexibleTimeWindow(periodSeconds),
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
      ...(rotation === null
        ? ['RotateDashtokensLambdaFunction', 'RotateDashtokensLogGroup', 'RotateTokensRole']
        : []),
    ],
    throttling: { rateLimit: deployment.rateLimit, burstLimit: deployment.burstLimit },
    confirmedDrops: deployment.confirmedDrops,
    resources: {
      Resources: {
        ...secretResources(secrets, records, deployment),
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
              hasRotation: rotation !== null,
            }),
          },
        },
      },
      Outputs: {
        ...secretOutputs(secrets, deployment),
        ...(rotation && rotationOutputs(records, deployment)),
        DashboardName: { Description: 'The dashboard in CloudWatch', Value: { Ref: 'Dashboard' } },
        ListTokensRoleArn: roleOutput('ListTokensRole'),
        ...(deployment.hasMirror && { MirrorTokensRoleArn: roleOutput('MirrorTokensRole') }),
        ...(usesOwnCredentials(deployment) && {
          CredentialsSecretName: {
            Description: 'The secret to put Tencent credentials into',
            Value: ownCredentials.nameFor(deployment),
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
function eventAgeSeconds(periodSeconds: number, timeoutSeconds: number): number {
  return Math.min(21_600, Math.max(periodSeconds, timeoutSeconds + 300 + 60))
}

/** From one run of the rotation to the next: a step each. */
const rotationSeconds = 900

/**
 * Stacks that were deployed together shall not ask Tencent together. Below five minutes there is no such window, because it would
 * lengthen the period: Scheduler itself spreads its calls over the minute.
 */
function jitterMinutes(periodSeconds: number): number {
  return Math.min(15, Math.floor(periodSeconds / 300))
}

function flexibleTimeWindow(periodSeconds: number): Json {
  const MaximumWindowInMinutes = jitterMinutes(periodSeconds)
  return MaximumWindowInMinutes === 0 ? { Mode: 'OFF' } : { Mode: 'FLEXIBLE', MaximumWindowInMinutes }
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

/** One per application, of which nobody but the rotation writes any; none without a rotation. */
function rotationRecords(deployment: Deployment): SecretOfStack[] {
  if (deployment.rotation === null) return []
  return deployment.subAppIds.map((id) => ({
    logicalId: `RotationRecord${id}`,
    name: recordName(deployment.secretPrefix).replace('{SubAppId}', id),
    isMade: makes(deployment, `rotation/${id}`),
  }))
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

function rotationOutputs(
  records: readonly SecretOfStack[],
  deployment: Deployment,
): Stack['resources']['Outputs'] {
  const [only] = records
  return {
    RotationRecordsName: {
      Description: 'Where the rotation keeps its record of each application',
      Value: records.length === 1 && only ? only.name : `${deployment.secretPrefix}/rotation/*`,
    },
    // Not with the end of the other two: it belongs into the trust policy of another Tencent role.
    RotationRoleArn: {
      ...roleOutput('RotateTokensRole'),
      Description:
        "What the trust policy of the rotation's Tencent role must name in oidc:sub, where no key is stored",
    },
    ...(deployment.rotation?.credentials.kind === 'own-secret' && {
      RotationCredentialsSecretName: {
        Description: 'The secret to put Tencent credentials into that may create tokens',
        Value: rotationCredentials.nameFor(deployment),
      },
    }),
  }
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

/** Tencent credentials of functions, and the secret that the stack makes for them where nothing else is said. */
interface CredentialsOfStack {
  readonly of: (deployment: Deployment) => Credentials | undefined
  /** What ends the secret's name. */
  readonly end: string
  readonly logicalId: string
  readonly nameFor: (deployment: Deployment) => string
}

const ownCredentials: CredentialsOfStack = {
  of: ({ credentials }) => credentials,
  end: 'tencent-credentials',
  logicalId: 'CredentialsSecret',
  nameFor: ({ secretPrefix }) => `${secretPrefix}/tencent-credentials`,
}

/** With which tokens can be created, and perhaps deleted: no other function has them. */
const rotationCredentials: CredentialsOfStack = {
  of: ({ rotation }) => rotation?.credentials,
  end: 'rotation-credentials',
  logicalId: 'RotationCredentialsSecret',
  nameFor: ({ secretPrefix }) => `${secretPrefix}/rotation-credentials`,
}

/**
 * The secrets, without values. They outlive the stack, whose consumers must not lose them, except that a first
 * deployment that fails takes its empty ones along, so that it can be tried again.
 */
function secretResources(
  secrets: readonly SecretOfStack[],
  records: readonly SecretOfStack[],
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
  // With a mark of its own, so that neither function takes one of the other for its own.
  const ofRotation = records
    .filter(({ isMade }) => isMade)
    .map(({ logicalId, name }) => [
      logicalId,
      {
        ...common,
        Properties: {
          Name: name,
          Description: 'Rotation of Tencent Cloud VOD AIGC API tokens, no secret, kept by vod-aigc-tokens',
          ...key,
          Tags: [{ Key: 'managed-by', Value: ofRecords.mark }],
        },
      },
    ])
  // Without the mark of the mirror, which leaves other people's secrets alone, and without replicas.
  const credentials = (
    { end, logicalId, nameFor }: CredentialsOfStack,
    whose: string,
  ): Record<string, Resource> => {
    if (!makes(deployment, end)) return {}
    const Description = `Tencent Cloud credentials of ${whose}: {"SecretId":"...","SecretKey":"..."}`
    return { [logicalId]: { ...common, Properties: { Name: nameFor(deployment), Description, ...key } } }
  }
  return {
    ...Object.fromEntries(mirrored),
    ...(usesOwnCredentials(deployment) && credentials(ownCredentials, 'vod-aigc-tokens')),
    ...Object.fromEntries(ofRotation),
    ...(rotationCredentials.of(deployment)?.kind === 'own-secret' &&
      credentials(rotationCredentials, 'the rotation of vod-aigc-tokens')),
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

function credentialSettings(
  deployment: Deployment,
  { of, nameFor }: CredentialsOfStack,
): Record<string, string> {
  const credentials = of(deployment)
  switch (credentials?.kind) {
    case undefined:
      return {}
    case 'web-identity':
      return {
        AIGC_ROLE_ARN: credentials.roleArn,
        AIGC_OIDC_PROVIDER: credentials.oidcProvider,
        AIGC_OIDC_AUDIENCE: credentials.audience,
      }
    case 'secret':
      return { AIGC_CREDENTIALS_SECRET: credentials.secret }
    case 'own-secret':
      return { AIGC_CREDENTIALS_SECRET: nameFor(deployment) }
  }
}

function useCredentials(
  deployment: Deployment,
  { of, end, logicalId, nameFor }: CredentialsOfStack,
): Statement[] {
  const credentials = of(deployment)
  switch (credentials?.kind) {
    case undefined:
      return []
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
          Resource: makes(deployment, end) ? { Ref: logicalId } : secretArnByName(nameFor(deployment)),
        },
        ...useKey(deployment.kmsKeyArn, ['kms:Decrypt']),
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

function keepExtraTarget(
  { aws }: ExtraTarget,
  subAppIds: readonly string[],
  onParameter: readonly string[],
): Statement[] {
  if (aws === null) return []
  const { service, name, region, kmsKeyArn } = aws
  const arnOf = (one: string): Json => (one.startsWith('arn:') ? one : secretArn(`${one}-??????`, region))
  const nameFor = (id: string): string => name.replaceAll('{SubAppId}', id)
  const names = name.includes('{SubAppId}') ? subAppIds.map(nameFor) : [name]
  if (service === 'ssm')
    return keepParameters(
      (names.length > mostNamed ? [nameFor('*')] : names).map((one) => parameterArn(one, region)),
      kmsKeyArn,
      onParameter,
    )
  return keepSecrets(
    names.length > mostNamed
      ? { Resource: arnOf(nameFor('*')), Condition: isMarkedAs('vod-aigc-tokens') }
      : { Resource: names.map(arnOf) },
    kmsKeyArn,
  )
}

/** Each secret by its ARN, or all of them by their prefix, and then by their mark: the credentials have the same prefix. */
function onSecrets(
  secrets: readonly SecretOfStack[],
  { secretPrefix }: Deployment,
  { folder, mark } = { folder: '', mark: 'vod-aigc-tokens' },
): Pick<Statement, 'Resource' | 'Condition'> {
  if (areMany(secrets))
    return { Resource: secretArn(`${secretPrefix}/${folder}*`), Condition: isMarkedAs(mark) }
  return {
    Resource: secrets.map(({ logicalId, name, isMade }) =>
      isMade ? { Ref: logicalId } : secretArnByName(name),
    ),
  }
}

const ofRecords = { folder: 'rotation/', mark: 'vod-aigc-rotation' }

function isMarkedAs(mark: string): Json {
  return { StringEquals: { 'aws:ResourceTag/managed-by': mark } }
}

const writeParameter = ['ssm:GetParameter', 'ssm:ListTagsForResource', 'ssm:PutParameter']
/** A parameter is made and marked in one step, and a role that may do that may mark it later, too. */
const makeParameter = ['ssm:AddTagsToResource', ...writeParameter]

function keepParameters(Resource: Json, kmsKeyArn: string | null, Action: readonly string[]): Statement[] {
  return [
    { Effect: 'Allow', Action, Resource },
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

const reportFailedRun: Statement = {
  Effect: 'Allow',
  Action: ['sqs:SendMessage'],
  Resource: { 'Fn::GetAtt': ['FailedRuns', 'Arn'] },
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

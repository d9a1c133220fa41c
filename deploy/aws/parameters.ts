/**
 * What a deployment to AWS may be told, as `--param="NAME=VALUE"` or under `params` in serverless.yml. Pure.
 * The defaults stand in serverless.yml.
 */

import { storeKinds } from '../../lib/stores/index.ts'
import type { Target } from '../../lib/stores/store.ts'
import { parseMirrors } from '../../lib/stores/target.ts'
import type { Restarts } from './restart.ts'

/** One parameter: what it takes, in words, and whether a value is that. */
interface Parameter {
  readonly takes: string
  readonly accepts: (value: string) => boolean
}

const tencentRoleArn = /^qcs::cam::uin\/\d+:(roleName|role)\/[\w+=,.@-]+$/
const secretNameOrArn =
  /^(?!arn:)[\w/+=.@-]{1,512}$|^arn:aws[a-z-]*:secretsmanager:[a-z\d-]+:\d{12}:secret:[\w/+=.@-]{1,512}-[A-Za-z\d]{6}$/

export const parameters = {
  subAppIds: {
    takes:
      'comma-separated VOD application ids, each once, such as 251006666,251006667, or none for an account from ' +
      'before 2023-12-25, which needs no ids',
    accepts: (value) => {
      const ids = split(value)
      return value === 'none' || (ids.length > 0 && new Set(ids).size === ids.length && ids.every(isSubAppId))
    },
  },
  site: oneOf('intl', 'cn'),
  roleArn: optional(
    'the ARN of a Tencent role, such as qcs::cam::uin/100000000001:roleName/vod-aigc-tokens',
    tencentRoleArn,
  ),
  oidcProvider: optional("the name of Tencent's OIDC identity provider for this account", /^[\w.-]{1,128}$/),
  audience: {
    takes: 'the audience (client id) that the OIDC identity provider expects, such as vod-aigc-tokens',
    accepts: (value) => /^[\w.:/@-]{1,1000}$/.test(value),
  },
  credentialsSecret: optional(
    'the name or the full ARN of a secret in AWS Secrets Manager that holds {"SecretId":"…","SecretKey":"…"}',
    secretNameOrArn,
  ),
  credentialsKmsKeyArn: keyArn('of the key that encrypts credentialsSecret'),
  schedule: {
    takes: 'rate(1 minute), rate(N minutes), rate(1 hour) or rate(N hours), up to 24 hours',
    accepts: (value) => periodSeconds(value) !== null,
  },
  mirror: {
    ...oneOf('true', 'false'),
    takes: 'true, or false in a region that only reads secrets which a stack elsewhere keeps in step',
  },
  secretPrefix: {
    takes: "the beginning of the secrets' names: letters, digits and /_+=.@- such as vod-aigc-tokens/prod",
    accepts: (value) => /^[A-Za-z\d][\w/+=.@-]{0,398}[\w+=.@]$/.test(value),
  },
  makeSecrets: {
    ...oneOf('true', 'false'),
    takes: 'true, or false where the secrets exist and carry the tag managed-by=vod-aigc-tokens',
  },
  keepSecrets: optional(
    'comma-separated ends of the names of secrets that exist, such as 251006666,tencent-credentials; the stack makes the rest',
    /^[\w-]+(\/\d+)?(\s*,\s*[\w-]+(\/\d+)?)*$/,
  ),
  kmsKeyArn: keyArn('of the key that encrypts the secrets'),
  targets: {
    takes:
      'comma-separated targets beside the secrets of the stack, such as ' +
      'tencent-ssm:aigc-tokens-{SubAppId}?region=ap-singapore',
    accepts: () => true,
  },
  replicaRegions: {
    takes: 'comma-separated AWS regions, each once, such as eu-west-1,ap-southeast-1',
    accepts: (value) => {
      const regions = split(value)
      return new Set(regions).size === regions.length && regions.every((region) => awsRegion.test(region))
    },
  },
  restartEcsServices: {
    takes: 'comma-separated services of ECS in this region, each once, as CLUSTER/SERVICE, such as apps/chat',
    accepts: (value) => {
      const services = split(value)
      return (
        new Set(services).size === services.length &&
        services.every((service) => /^[\w-]{1,255}\/[\w-]{1,255}$/.test(service))
      )
    },
  },
  restartMinutes: number({ min: 1, max: 1440 }),
  settleSeconds: number({ min: 0, max: 600 }),
  minKeep: number({ min: 0, max: 1, decimals: true }),
  tokenLimit: number({ min: 1, max: 10_000 }),
  rotation: oneOf('true', 'false'),
  rotateEveryDays: orNothing(number({ min: 1, max: 3650 })),
  rotationWarmSeconds: number({ min: 10, max: 86_400 }),
  rotationGraceHours: number({ min: 1, max: 2160 }),
  rotationMayDelete: oneOf('true', 'false'),
  rotationRoleArn: optional(
    'the ARN of a Tencent role of its own, such as qcs::cam::uin/100000000001:roleName/vod-aigc-rotation',
    tencentRoleArn,
  ),
  rotationCredentialsSecret: optional(
    'the name or the full ARN of a secret of its own in AWS Secrets Manager that holds {"SecretId":"…","SecretKey":"…"}',
    secretNameOrArn,
  ),
  exclude: optional(
    'comma-separated fingerprints of 16 hex digits, such as 0123456789abcdef',
    /^[\da-f]{16}(\s*,\s*[\da-f]{16})*$/i,
  ),
  source: oneOf('api', 'mirror'),
  fallback: oneOf('true', 'false'),
  cacheSeconds: number({ min: 0, max: 86_400 }),
  staleSeconds: number({ min: 0, max: 604_800 }),
  // The API waits for 30 seconds at most, and a cold start takes its share.
  timeoutMs: number({ min: 100, max: 25_000 }),
  rateLimit: number({ min: 1, max: 1_000_000 }),
  burstLimit: number({ min: 1, max: 1_000_000 }),
  mirrorConcurrency: oneOf('1', 'none'),
  alarmTopicArn: optional(
    'the ARN of an SNS topic, such as arn:aws:sns:us-east-1:123456789012:alarms',
    /^arn:aws[a-z-]*:sns:[a-z\d-]+:\d{12}:[\w-]{1,256}$/,
  ),
  domain: optional(
    'a host name, such as aigc.example.com',
    /^(?=.{4,253}$)([a-z\d]([a-z\d-]{0,61}[a-z\d])?\.)+[a-z]{2,63}$/,
  ),
  certificateArn: optional(
    'the ARN of an ACM certificate of this region',
    /^arn:aws[a-z-]*:acm:[a-z\d-]+:\d{12}:certificate\/[\w-]+$/,
  ),
  keepGeneratedName: oneOf('true', 'false'),
  basePath: optional(
    'a path under the domain, such as /aigc: letters, digits and $-_.+!*\'()/ without "/" at its end',
    /^(\/[\w$.+!*'()-]+)+$/,
  ),
  confirmDrop: optional(
    'what may be dropped, comma-separated, as the refusal of a deployment names it',
    /^[\w-]+(,[\w-]+)*$/,
  ),
  tracing: oneOf('true', 'false'),
  logRetentionDays: oneOf('1', '3', '5', '7', '14', '30', '60', '90', '180', '365', '731', '1827', '3653'),
  logLevel: oneOf('debug', 'info', 'warn', 'error'),
  systemLogLevel: oneOf('DEBUG', 'INFO', 'WARN'),
} as const satisfies Record<string, Parameter>

export type ParameterName = keyof typeof parameters
export type Given = Readonly<Record<ParameterName, string>>

/** Where the functions find Tencent credentials. */
export type Credentials =
  | { kind: 'web-identity'; roleArn: string; oidcProvider: string; audience: string }
  | { kind: 'secret'; secret: string; kmsKeyArn: string | null }
  /** A secret that the stack makes empty, for its owner to fill. */
  | { kind: 'own-secret' }

/** How tokens are replaced by new ones. */
export interface RotationOfStack {
  /** `null`: by hand only. */
  readonly everyDays: number | null
  readonly warmSeconds: number
  readonly graceHours: number
  readonly mayDelete: boolean
  /** Others than those of the mirror, which must not be able to create or delete a token. */
  readonly credentials: Credentials
}

export interface Deployment {
  readonly stage: string
  readonly region: string
  readonly subAppIds: readonly string[]
  readonly site: string
  readonly credentials: Credentials
  readonly schedule: string
  readonly periodSeconds: number
  readonly secretPrefix: string
  /** Whether it keeps the secrets in step; else it only reads them. */
  readonly hasMirror: boolean
  readonly makesSecrets: boolean
  /** The ends of the names of those that it does not make all the same. */
  readonly keptSecrets: readonly string[]
  readonly kmsKeyArn: string | null
  readonly replicaRegions: readonly string[]
  /** Beside the secrets of the stack. */
  readonly extraTargets: readonly ExtraTarget[]
  /** What is started anew when a token changes; `null` for nothing. */
  readonly restarts: Restarts | null
  /** `null`: tokens are replaced by hand. */
  readonly rotation: RotationOfStack | null
  readonly settleSeconds: number
  readonly minKeep: string
  readonly tokenLimit: number
  /** Fingerprints of tokens that are handed out no more. */
  readonly excluded: readonly string[]
  readonly source: string
  readonly hasFallback: boolean
  readonly cacheSeconds: number
  readonly staleSeconds: number
  readonly timeoutMs: number
  readonly rateLimit: number
  readonly burstLimit: number
  /** `null`: the account's concurrency is shared. */
  readonly mirrorConcurrency: number | null
  readonly alarmTopicArn: string | null
  readonly domain: {
    readonly name: string
    readonly certificateArn: string
    /** Without a slash at either end; `null` for none. */
    readonly basePath: string | null
    /** Whether the API answers under the name that AWS generated, too. */
    readonly isAdditional: boolean
  } | null
  /** What this deployment may drop. */
  readonly confirmedDrops: readonly string[]
  readonly isTraced: boolean
  readonly logRetentionDays: number
  readonly logLevel: string
  readonly systemLogLevel: string
}

export interface ExtraTarget {
  /** As given, `{SubAppId}` in it. */
  readonly uri: string
  /** Of a secret in AWS; `null` for others, which the roles have nothing to do with. */
  readonly aws: {
    /** As IAM calls it. */
    readonly service: 'secretsmanager' | 'ssm'
    /** A name, `{SubAppId}` in it, or a full ARN. */
    readonly name: string
    readonly region: string
    readonly kmsKeyArn: string | null
    readonly holds: Target['holds']
  } | null
}

/** The problem with a parameter's name, or `null`. */
export function nameProblem(name: string): string | null {
  return Object.hasOwn(parameters, name)
    ? null
    : `${name} is not a parameter; there are ${Object.keys(parameters).join(', ')}`
}

/**
 * Checks every parameter by itself and against the others: what to deploy, or a sentence for each problem. `none` is empty for those
 * that may be empty: the CLI takes no empty value, and serverless.yml may have one to be left out for once.
 */
export function readDeployment(stage: string, region: string, said: Given): Deployment | string[] {
  const given = Object.fromEntries(
    Object.entries(parameters).map(([name, { accepts }]) => {
      const value = said[name as ParameterName]
      return [name, value === 'none' && accepts('') ? '' : value]
    }),
  ) as Given
  const problems = Object.entries(parameters)
    .filter(([name, { accepts }]) => !accepts(given[name as ParameterName]))
    .map(([name, { takes }]) => `${name} must be ${takes}`)
  // It is part of names that may have 64 characters.
  if (!/^[A-Za-z\d-]{1,32}$/.test(stage))
    problems.push('stage must be 1 to 32 letters, digits and hyphens, such as prod')

  const replicaRegions = split(given.replicaRegions)
  if (replicaRegions.includes(region))
    problems.push(`replicaRegions must not name ${region}, where the secret itself is`)
  if (replicaRegions.length > 0 && given.kmsKeyArn !== '' && !given.kmsKeyArn.includes(':key/mrk-'))
    problems.push(
      'kmsKeyArn must be a multi-Region key (key/mrk-…) with a replica in each of replicaRegions; without kmsKeyArn ' +
        "each region uses AWS's own key",
    )
  const onlyWith = (name: ParameterName, other: ParameterName): void => {
    if (given[name] !== '' && given[other] === '') problems.push(`${name} needs ${other} too`)
  }
  onlyWith('roleArn', 'oidcProvider')
  onlyWith('oidcProvider', 'roleArn')
  onlyWith('credentialsKmsKeyArn', 'credentialsSecret')
  onlyWith('domain', 'certificateArn')
  onlyWith('certificateArn', 'domain')
  onlyWith('basePath', 'domain')
  if (given.roleArn !== '' && given.credentialsSecret !== '')
    problems.push(
      'roleArn and credentialsSecret exclude each other; pass roleArn and oidcProvider to work without a stored key, ' +
        'or credentialsSecret to use a stored one, or none of them to fill the secret that the stack makes',
    )
  if (given.source === 'mirror' && given.fallback === 'false')
    problems.push('fallback must be true when source is mirror: it is what list-tokens reads')
  if (given.keepGeneratedName === 'true') onlyWith('keepGeneratedName', 'domain')
  if (given.mirror === 'false')
    for (const name of ['replicaRegions', 'targets', 'keepSecrets', 'restartEcsServices'] as const)
      if (given[name] !== '')
        problems.push(`${name} must be left out when mirror is false, which makes no secret`)
  const subAppIds = given.subAppIds === 'none' ? [] : split(given.subAppIds)
  problems.push(...rotationProblems(given, subAppIds))
  const names = [
    ...(subAppIds.length > 0 ? subAppIds : ['tokens']),
    'tencent-credentials',
    ...(given.rotation === 'true'
      ? ['rotation-credentials', ...subAppIds.map((id) => `rotation/${id}`)]
      : []),
  ]
  for (const kept of split(given.keepSecrets))
    if (parameters.keepSecrets.accepts(given.keepSecrets) && !names.includes(kept))
      problems.push(
        `keepSecrets must name secrets of this stack, and ${kept} is none: neither one of subAppIds nor tencent-credentials` +
          (given.rotation === 'true' ? ', rotation-credentials or rotation/ID' : ''),
      )
  if (problems.length > 0) return problems
  const extraTargets = readTargets(given, subAppIds, region, (problem) => problems.push(problem))
  const restarts = readRestarts(given, extraTargets, subAppIds, region)
  if (typeof restarts === 'string') problems.push(restarts)
  if (problems.length > 0 || typeof restarts === 'string') return problems

  return {
    stage,
    region,
    subAppIds,
    site: given.site,
    credentials: credentialsOf(given),
    schedule: given.schedule,
    periodSeconds: periodSeconds(given.schedule) ?? 0,
    secretPrefix: given.secretPrefix,
    hasMirror: given.mirror === 'true',
    makesSecrets: given.makeSecrets === 'true',
    keptSecrets: split(given.keepSecrets),
    kmsKeyArn: given.kmsKeyArn || null,
    replicaRegions,
    extraTargets,
    restarts,
    rotation: given.rotation === 'true' ? rotationOf(given) : null,
    settleSeconds: Number(given.settleSeconds),
    minKeep: given.minKeep,
    tokenLimit: Number(given.tokenLimit),
    excluded: split(given.exclude),
    source: given.source,
    hasFallback: given.fallback === 'true',
    cacheSeconds: Number(given.cacheSeconds),
    staleSeconds: Number(given.staleSeconds),
    timeoutMs: Number(given.timeoutMs),
    rateLimit: Number(given.rateLimit),
    burstLimit: Number(given.burstLimit),
    mirrorConcurrency: given.mirrorConcurrency === 'none' ? null : Number(given.mirrorConcurrency),
    alarmTopicArn: given.alarmTopicArn || null,
    domain:
      given.domain === ''
        ? null
        : {
            name: given.domain,
            certificateArn: given.certificateArn,
            basePath: given.basePath.slice(1) || null,
            isAdditional: given.keepGeneratedName === 'true',
          },
    confirmedDrops: split(given.confirmDrop),
    isTraced: given.tracing === 'true',
    logRetentionDays: Number(given.logRetentionDays),
    logLevel: given.logLevel,
    systemLogLevel: given.systemLogLevel,
  }
}

/** The name of the stack's own secret for an application, `{SubAppId}` in it. */
export function ownSecretName(secretPrefix: string, subAppIds: readonly string[]): string {
  return `${secretPrefix}/${subAppIds.length > 0 ? '{SubAppId}' : 'tokens'}`
}

/** The name of the secret with the record of an application's rotation, `{SubAppId}` in it. */
export function recordName(secretPrefix: string): string {
  return `${secretPrefix}/rotation/{SubAppId}`
}

/** What a stack without a rotation is told of one. */
export const noRotation = {
  rotation: 'false',
  rotateEveryDays: '',
  rotationMayDelete: 'false',
  rotationRoleArn: '',
  rotationCredentialsSecret: '',
} as const satisfies Partial<Given>

/** What cannot be of a rotation, in sentences. It has Tencent credentials of its own, found in the same way as those of the mirror. */
function rotationProblems(given: Given, subAppIds: readonly string[]): string[] {
  if (given.rotation !== 'true')
    return (Object.keys(noRotation) as (keyof typeof noRotation)[])
      .filter((name) => name !== 'rotation' && given[name] !== noRotation[name])
      .filter((name) => parameters[name].accepts(given[name]))
      .map((name) => `${name} needs rotation=true`)
  const problems: string[] = []
  if (given.mirror === 'false')
    problems.push(
      'rotation must be left out when mirror is false: tokens are replaced where they are mirrored, by the stack that does that',
    )
  if (subAppIds.length === 0)
    problems.push('rotation needs subAppIds: without an id it is not known whose tokens are replaced')
  const isKeyless = given.roleArn !== ''
  const isStored = !isKeyless && given.credentialsSecret !== ''
  if (isKeyless && given.rotationRoleArn === '')
    problems.push(
      'rotation needs rotationRoleArn beside roleArn: a Tencent role of its own, so that the mirror can neither create nor delete a token',
    )
  if (isStored && given.rotationCredentialsSecret === '')
    problems.push(
      'rotation needs rotationCredentialsSecret beside credentialsSecret: a key of its own, so that the mirror can neither create nor ' +
        'delete a token',
    )
  if (!isKeyless && given.rotationRoleArn !== '') problems.push('rotationRoleArn needs roleArn too')
  if (!isStored && given.rotationCredentialsSecret !== '')
    problems.push('rotationCredentialsSecret needs credentialsSecret too')
  if (isKeyless && given.rotationRoleArn === given.roleArn)
    problems.push(
      'rotationRoleArn must be another role than roleArn, with which the mirror could create and delete tokens',
    )
  if (isStored && given.rotationCredentialsSecret === given.credentialsSecret)
    problems.push(
      'rotationCredentialsSecret must be another secret than credentialsSecret, with which the mirror could create and delete tokens',
    )
  return problems
}

function rotationOf(given: Given): RotationOfStack {
  return {
    everyDays: given.rotateEveryDays === '' ? null : Number(given.rotateEveryDays),
    warmSeconds: Number(given.rotationWarmSeconds),
    graceHours: Number(given.rotationGraceHours),
    mayDelete: given.rotationMayDelete === 'true',
    credentials: credentialsOf({
      ...given,
      roleArn: given.rotationRoleArn,
      credentialsSecret: given.rotationCredentialsSecret,
    }),
  }
}

/**
 * The targets beside the stack's own. The mirror's role may write secrets that carry the mark, and make and mark none, so whatever
 * of a URI asks for that is refused. Parameters it may make and mark: there is none without a value, which others could make.
 */
function readTargets(
  { targets, secretPrefix, replicaRegions, rotation }: Given,
  subAppIds: readonly string[],
  region: string,
  complain: (problem: string) => void,
): ExtraTarget[] {
  const uris = split(targets)
  if (uris.length === 0) return []
  // The stack's own secret is another one, which holds the document.
  const document = `file:${subAppIds.length > 0 ? '{SubAppId}' : 'document'}`
  const [mirror] = parseMirrors([...uris, document], subAppIds.map(Number), storeKinds, (what) =>
    complain(`targets ${what}`),
  )
  if (mirror?.targets.length !== uris.length + 1) return []
  const own = ownSecretName(secretPrefix, subAppIds)
  return uris.flatMap((uri, i) => {
    const target = mirror.targets[i]
    if (!target) return []
    const refuse = (what: string): ExtraTarget[] => {
      complain(`targets entry ${i + 1} ${what}`)
      return []
    }
    const cloud = storeKinds[target.scheme]?.cloud ?? null
    if (cloud === 'tencent') return [{ uri, aws: null }]
    if (cloud === null)
      return refuse('is a file, which nobody but the function itself could read; name a secret')
    const service = iamServices[target.scheme]
    if (service === undefined) return refuse(`is of a kind that this stack has no role for: ${target.scheme}`)
    if (service === 'secretsmanager' && (target.adopt || target.options['tags'] !== undefined))
      return refuse(
        'must leave out adopt and tags: the role may not mark secrets; put the tag managed-by=vod-aigc-tokens on it yourself',
      )
    const kmsKeyArn = target.options['kmsKeyId'] ?? null
    if (kmsKeyArn !== null && !parameters.kmsKeyArn.accepts(kmsKeyArn))
      return refuse(`must have in kmsKeyId ${parameters.kmsKeyArn.takes}`)
    const aws = { service, ...nameAndRegion(uri, target, region), kmsKeyArn, holds: target.holds }
    if (service === 'ssm') return [{ uri, aws }]
    if (isNamed(aws.name, own) && aws.region === region)
      return refuse('is the secret of the stack, which is a target already')
    if (rotation === 'true' && aws.region === region && isNamed(aws.name, recordName(secretPrefix)))
      return refuse('is the record of the rotation, in which nothing else may stand')
    if (isNamed(aws.name, own) && split(replicaRegions).includes(aws.region))
      return refuse('is a replica of the secret of the stack, which AWS keeps in step itself')
    return [{ uri, aws }]
  })
}

/** What restarts what, or the problem with that. */
function readRestarts(
  { restartEcsServices, restartMinutes }: Given,
  targets: readonly ExtraTarget[],
  subAppIds: readonly string[],
  region: string,
): Restarts | string | null {
  if (restartEcsServices === '') return null
  const secrets = targets.flatMap(({ aws }) =>
    aws?.service === 'secretsmanager' && aws.holds === 'token' && aws.region === region
      ? [plainName(aws.name)]
      : [],
  )
  if (secrets.length === 0)
    return (
      'restartEcsServices needs among targets a secret of this region that holds one token, whose change AWS tells, ' +
      `such as aws-secretsmanager:${subAppIds.length > 0 ? 'apps/{SubAppId}/token' : 'apps/token'}?value=token`
    )
  const nameEach = (ids: readonly string[]): string[] => [
    ...new Set(secrets.flatMap((name) => ids.map((id) => name.replaceAll('{SubAppId}', id)))),
  ]
  const names = nameEach(subAppIds.length > 0 ? subAppIds : [''])
  return {
    services: split(restartEcsServices).map((one) => {
      const [cluster = '', service = ''] = one.split('/')
      return { cluster, service }
    }),
    minutes: Number(restartMinutes),
    // An event pattern has 2048 characters.
    secretNames: names.join().length > 1500 ? nameEach(['*']) : names,
  }
}

/** The kinds of targets in AWS for which the stack has a role. */
const iamServices: Readonly<Record<string, 'secretsmanager' | 'ssm'>> = {
  'aws-secretsmanager': 'secretsmanager',
  'aws-parameter-store': 'ssm',
}

function nameAndRegion(
  uri: string,
  { name, options }: Target,
  region: string,
): { name: string; region: string } {
  const [, , , ofArn] = name.split(':')
  // `name` has the id of an application in it.
  const given = /^[^:]*:([^?]*)/.exec(uri)?.[1] ?? name
  return { name: given, region: options['region'] ?? ofArn ?? region }
}

/** Whether a name or an ARN is that of a secret with the name `own`. */
function isNamed(name: string, own: string): boolean {
  return plainName(name) === own
}

/** Less what makes an ARN of it: the account, and the six characters of AWS. */
function plainName(name: string): string {
  return name.startsWith('arn:') ? name.replace(/^arn:.*:secret:/, '').slice(0, -7) : name
}

function credentialsOf({
  roleArn,
  oidcProvider,
  audience,
  credentialsSecret,
  credentialsKmsKeyArn,
}: Given): Credentials {
  if (roleArn !== '') return { kind: 'web-identity', roleArn, oidcProvider, audience }
  if (credentialsSecret !== '')
    return { kind: 'secret', secret: credentialsSecret, kmsKeyArn: credentialsKmsKeyArn || null }
  return { kind: 'own-secret' }
}

/**
 * The seconds between two runs; `null` for anything that an alarm's period cannot follow, and for a wrong plural.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rate-expressions.html
 */
function periodSeconds(schedule: string): number | null {
  const { count, unit, plural } =
    /^rate\((?<count>[1-9]\d{0,3}) (?<unit>minute|hour)(?<plural>s?)\)$/.exec(schedule)?.groups ?? {}
  if ((count === '1') !== (plural === '')) return null
  const seconds = Number(count) * (unit === 'hour' ? 3600 : 60)
  return seconds >= 60 && seconds <= 86_400 ? seconds : null
}

const awsRegion = /^[a-z]{2}(-[a-z]+)+-\d$/

function isSubAppId(text: string): boolean {
  return /^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(Number(text))
}

function split(list: string): string[] {
  return list === '' ? [] : list.split(',').map((part) => part.trim())
}

function oneOf(...choices: readonly string[]): Parameter {
  return { takes: choices.join(' or '), accepts: (value) => choices.includes(value) }
}

function number({ min, max, decimals = false }: { min: number; max: number; decimals?: boolean }): Parameter {
  const pattern = decimals ? /^\d+(\.\d+)?$/ : /^\d+$/
  return {
    takes: `a ${decimals ? '' : 'whole '}number from ${min} to ${max}`,
    accepts: (value) => pattern.test(value) && Number(value) >= min && Number(value) <= max,
  }
}

function orNothing({ takes, accepts }: Parameter): Parameter {
  return { takes: `${takes}, or none`, accepts: (value) => value === '' || accepts(value) }
}

function optional(takes: string, pattern: RegExp): Parameter {
  return { takes, accepts: (value) => value === '' || pattern.test(value) }
}

/** Not an alias: the roles are granted the key by its ARN. */
function keyArn(which: string): Parameter {
  return optional(
    `the ARN ${which}, such as arn:aws:kms:us-east-1:123456789012:key/ID`,
    /^arn:aws[a-z-]*:kms:[a-z\d-]+:\d{12}:key\/[\w-]+$/,
  )
}

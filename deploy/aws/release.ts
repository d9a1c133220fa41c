/**
 * The templates of a release, made of what the Serverless CLI compiles: its parameters are parameters of CloudFormation there. `one`
 * is for one application, `many` for a list of them. scripts/release.ts writes them.
 */
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { parse } from 'yaml'
import { type Choice, type Declarations, intrinsicOf, mergeVariants, noValue } from './choices.ts'
import type { Json } from './intrinsics.ts'
import { type Given, parameters, readDeployment } from './parameters.ts'
import { describeStack, type Stack } from './stack.ts'

export const releaseKinds = ['one', 'many'] as const
export type ReleaseKind = (typeof releaseKinds)[number]

/** A template as the Serverless CLI compiles it, or as a release has it. */
export interface AnyTemplate {
  readonly Resources: Readonly<Record<string, Json>>
  readonly Outputs: Readonly<Record<string, Json>>
  readonly [section: string]: Json
}

/**
 * What stands in the compiled template for a value that is known when it is deployed. Each is a value that the parameter takes, and
 * nothing else in a template looks like it.
 */
const placeholders = {
  // The CLI's stack has this name, and all names that it gives begin with it.
  'AWS::StackName': 'vod-aigc-tokens-placeholder-stage',
  SecretPrefix: 'placeholder.SecretPrefix',
  RoleArn: 'qcs::cam::uin/100000000001:roleName/placeholder.RoleArn',
  OidcProvider: 'placeholder.OidcProvider',
  Audience: 'placeholder.Audience',
  AlarmTopicArn: 'arn:aws:sns:us-east-1:123456789012:placeholder-AlarmTopicArn',
} as const
const stage = 'placeholder-stage'
const service = 'vod-aigc-tokens'

/** More are too long for a function's settings; nothing but the mirror's time limit grows with the number. */
const mostIds = 300
const firstId = 9007199254740001
const ids = Array.from({ length: mostIds }, (_, i) => `${firstId + i}`)
const oneId = ids[0] ?? ''

const isGiven = (parameter: string): Json => ({
  'Fn::Not': [{ 'Fn::Equals': [{ Ref: parameter }, ''] }],
})

const choices: Readonly<Record<string, Choice>> = {
  SubAppId: {
    parameter: 'SubAppId',
    values: [oneId, 'none'],
    condition: {
      name: 'HasSubAppId',
      otherwise: 'HasNoSubAppId',
      test: { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'SubAppId' }, 'none'] }] },
    },
  },
  Site: { parameter: 'Site', values: ['intl', 'cn'] },
  RoleArn: {
    parameter: 'RoleArn',
    values: [placeholders.RoleArn, ''],
    condition: { name: 'IsKeyless', otherwise: 'StoresCredentials', test: isGiven('RoleArn') },
  },
  AlarmTopicArn: {
    parameter: 'AlarmTopicArn',
    values: [placeholders.AlarmTopicArn, ''],
    condition: { name: 'HasAlarmTopic', otherwise: 'HasNoAlarmTopic', test: isGiven('AlarmTopicArn') },
  },
  MirrorConcurrency: {
    parameter: 'MirrorConcurrency',
    values: ['1', 'none'],
    condition: {
      name: 'ReservesConcurrency',
      otherwise: 'ReservesNoConcurrency',
      test: { 'Fn::Equals': [{ Ref: 'MirrorConcurrency' }, '1'] },
    },
  },
  LogLevel: { parameter: 'LogLevel', values: ['debug', 'info', 'warn', 'error'] },
  EveryMinutes: { parameter: 'EveryMinutes', values: ['1', '2', '5', '10', '15', '30', '60'] },
}

/** The description that the CLI compiles: that of every combination of values in one. */
export interface Merged {
  readonly stack: Stack
  readonly declared: Declarations
}

/** What serverless.yml includes in place of `resolveStack` while a release is compiled, of the kind that the environment names. */
export function resolveRelease(): Stack & { readonly missing: null } {
  const kind = releaseKinds.find((one) => one === process.env['VOD_AIGC_TOKENS_RELEASE'])
  if (kind === undefined)
    throw new Error(`VOD_AIGC_TOKENS_RELEASE must be ${releaseKinds.join(' or ')}, or unset`)
  return { ...forCli(mergeDescriptions(kind)), missing: null }
}

/** Merges the descriptions for all values of a release's parameters; all others are as serverless.yml has them by default. */
export function mergeDescriptions(kind: ReleaseKind): Merged {
  const text = readFileSync(new URL('../../serverless.yml', import.meta.url), 'utf8')
  const defaults: Given = parse(text, { logLevel: 'silent' }).params.default
  const declared: Declarations = { Conditions: {}, Mappings: {} }
  const { SubAppId, ...others } = choices
  const varied = kind === 'one' ? Object.values(choices) : Object.values(others)
  const merged = mergeVariants(
    varied,
    (values) => {
      const given: Given = {
        ...defaults,
        ...parametersFor(values),
        secretPrefix: placeholders.SecretPrefix,
        subAppIds: kind === 'one' ? (values['SubAppId'] ?? '') : ids.join(),
      }
      const deployment = readDeployment(stage, 'us-east-1', given)
      if (Array.isArray(deployment)) throw new Error(`Describing a release: ${deployment.join('; ')}`)
      return withoutIds(kind, describeStack(service, deployment))
    },
    declared,
  )
  const stack = merged as unknown as Stack
  const { Resources, Outputs } = stack.resources
  const resources = {
    Resources: withConditions(Resources, declared),
    Outputs: withConditions(Outputs, declared),
  } as unknown as Stack['resources']
  return { stack: { ...stack, resources }, declared }
}

/** The CLI's parameters for values of a release's; those that are not named here have no parameter of a release. */
export function parametersFor(values: Readonly<Record<string, string>>): Partial<Given> {
  const { Site = '', RoleArn = '', AlarmTopicArn = '', MirrorConcurrency = '', LogLevel = '' } = values
  const minutes = values['EveryMinutes'] ?? ''
  return {
    site: Site,
    roleArn: RoleArn,
    ...(RoleArn !== '' && {
      oidcProvider: values['OidcProvider'] ?? placeholders.OidcProvider,
      audience: values['Audience'] ?? placeholders.Audience,
    }),
    alarmTopicArn: AlarmTopicArn,
    mirrorConcurrency: MirrorConcurrency,
    logLevel: LogLevel,
    schedule: minutes === '1' ? 'rate(1 minute)' : `rate(${minutes} minutes)`,
  }
}

/** One secret stands for all: those of the others differ from it in their id only. */
function withoutIds(kind: ReleaseKind, { resources, ...stack }: Stack): Json {
  const { Resources, Outputs } = resources
  const all = Object.entries(Resources).filter(([logicalId]) => /^MirroredSecret\d*$/.test(logicalId))
  const generic = (id: string, part: unknown): string => JSON.stringify(part).replaceAll(id, oneId)
  const [first] = all
  for (const [i, [, secret]] of all.entries())
    if (generic(ids[i] ?? '', secret) !== generic(oneId, first?.[1]))
      throw new Error('Describing a release: the secrets differ in more than their ids')
  const others = Object.fromEntries(
    Object.entries(Resources).filter(([id]) => !all.some(([one]) => one === id)),
  )
  const text = JSON.stringify({
    ...stack,
    resources: { Resources: { MirroredSecret: first?.[1], ...others }, Outputs },
  })
  if (kind === 'one') return JSON.parse(text.replaceAll(`MirroredSecret${oneId}`, 'MirroredSecret'))
  // Columns of the dashboard, which the CLI's stack names by id.
  return JSON.parse(text.replace(/outcome_(\d+)/g, (_, id: string) => `outcome_${Number(id) - firstId + 1}`))
}

/**
 * Where the CLI's schema takes no function of CloudFormation: these are put into what it compiled, in the place of one variant's
 * values, which is what it compiles.
 */
const lateNames = [
  'listEnvironment',
  'mirrorEnvironment',
  'mirrorConcurrency',
  'mirrorEventAgeSeconds',
] as const

/** The merged description in a form that the CLI takes. */
export function forCli(merged: Merged): Stack {
  return {
    ...merged.stack,
    ...Object.fromEntries(lateNames.map((name) => [name, oneVariant(merged, merged.stack[name] as Json)])),
  }
}

/** The first variant of each choice. */
function oneVariant(merged: Merged, value: Json): Json {
  if (Array.isArray(value)) return value.map((one) => oneVariant(merged, one))
  if (typeof value !== 'object' || value === null) return value
  const name = intrinsicOf(value)
  const argument = name === null ? null : ((value as Record<string, Json>)[name] ?? null)
  if (name === 'Fn::If') return oneVariant(merged, (argument as readonly Json[])[1] ?? null)
  if (name === 'Ref') return choices[argument as string]?.values[0] ?? value
  if (name === 'Fn::FindInMap') {
    const [mapping = '', , key = ''] = argument as readonly string[]
    return Number(Object.values(merged.declared.Mappings[mapping] ?? {})[0]?.[key])
  }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, oneVariant(merged, one)]))
}

/** Makes the template of a release of what the CLI compiled from {@link forCli}. */
export function finishTemplate(
  kind: ReleaseKind,
  merged: Merged,
  compiled: AnyTemplate,
  version: string,
): AnyTemplate {
  const { stack } = merged
  const Resources = JSON.parse(JSON.stringify(compiled.Resources))
  const Outputs = JSON.parse(JSON.stringify(compiled.Outputs))
  // `aws cloudformation package` has its own.
  for (const name of ['ServerlessDeploymentBucket', 'ServerlessDeploymentBucketPolicy'])
    delete Resources[name]
  delete Outputs.ServerlessDeploymentBucketName
  for (const output of Object.values<Record<string, Json>>(Outputs)) delete output['Export']

  const list = Resources.ListDashtokensLambdaFunction.Properties
  const mirror = Resources.MirrorDashtokensLambdaFunction.Properties
  const put = (holder: Record<string, Json>, key: string, name: (typeof lateNames)[number]): void => {
    if (JSON.stringify(holder[key]) !== JSON.stringify(forCli(merged)[name]))
      throw new Error(`Making a template: the CLI has put something else than ${name} at ${key}`)
    holder[key] = stack[name] as unknown as Json
  }
  put(list.Environment, 'Variables', 'listEnvironment')
  put(mirror.Environment, 'Variables', 'mirrorEnvironment')
  put(mirror, 'ReservedConcurrentExecutions', 'mirrorConcurrency')
  put(Resources.MirrorDashtokensLambdaEvConf.Properties, 'MaximumEventAgeInSeconds', 'mirrorEventAgeSeconds')
  // What `aws cloudformation package` uploads.
  list.Code = './list-tokens.zip'
  mirror.Code = './mirror-tokens.zip'

  const sections = withReferences(kind, { Resources, Outputs }) as unknown as AnyTemplate
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    ...(kind === 'many' && { Transform: 'AWS::LanguageExtensions' }),
    Description: `vod-aigc-tokens ${version}: serves and mirrors Tencent Cloud VOD AIGC API tokens. The name of the stack may have 50 characters.`,
    Parameters: parametersOf(kind),
    Rules: rules,
    Mappings: merged.declared.Mappings,
    Conditions: merged.declared.Conditions,
    Resources: kind === 'one' ? sections.Resources : eachSecret(sections.Resources),
    Outputs: sections.Outputs,
  }
}

/** A resource or an output that only some variants have is one with a condition. */
function withConditions<T>(
  entries: Readonly<Record<string, T>>,
  { Conditions }: Declarations,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entries).map(([name, entry]) => {
      const [condition = '', yes, no] =
        (entry as { 'Fn::If'?: readonly [string, object, object] })['Fn::If'] ?? []
      if (condition === '') return [name, entry]
      if (isDeepStrictEqual(no, noValue)) return [name, { Condition: condition, ...yes }]
      const otherwise = Object.values(choices).find((one) => one.condition?.name === condition)?.condition
        ?.otherwise
      if (otherwise === undefined || !isDeepStrictEqual(yes, noValue))
        throw new Error(`Describing a release: ${name} is two different things`)
      Conditions[otherwise] = { 'Fn::Not': [{ Condition: condition }] }
      return [name, { Condition: otherwise, ...no }]
    }),
  )
}

/** Puts references to parameters in the place of placeholders, whole or within a text. */
function withReferences(kind: ReleaseKind, value: Json): Json {
  const names: Readonly<Record<string, string>> = {
    ...placeholders,
    ...(kind === 'one' ? { SubAppId: oneId } : { Id: oneId }),
  }
  const list = ids.join()
  const replaced = (text: string): string =>
    Object.entries(names)
      .reduce((all, [name, placeholder]) => all.replaceAll(placeholder, `\${${name}}`), text)
      // The name of the API, which the CLI puts the other way round.
      .replaceAll(`${stage}-${service}`, `\${AWS::StackName}`)
      .replaceAll(stage, `\${AWS::StackName}`)
  const walk = (part: Json): Json => {
    if (typeof part === 'string') {
      if (kind === 'many' && part === list) return { 'Fn::Join': [',', { Ref: 'SubAppIds' }] }
      const whole = Object.entries(names).find(([, placeholder]) => placeholder === part)
      if (whole) return { Ref: whole[0] }
      const text = replaced(part.replaceAll('${', '${!'))
      return text === part.replaceAll('${', '${!') ? part : { 'Fn::Sub': text }
    }
    if (Array.isArray(part)) return part.map(walk)
    if (typeof part !== 'object' || part === null) return part
    if (intrinsicOf(part) === 'Fn::Sub' && typeof (part as { 'Fn::Sub': Json })['Fn::Sub'] === 'string')
      return { 'Fn::Sub': replaced((part as { 'Fn::Sub': string })['Fn::Sub']) }
    return Object.fromEntries(Object.entries(part).map(([name, one]) => [name, walk(one)]))
  }
  return walk(value)
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-foreach.html */
function eachSecret({ MirroredSecret, ...others }: Readonly<Record<string, Json>>): Record<string, Json> {
  return {
    'Fn::ForEach::MirroredSecrets': [
      'Id',
      { Ref: 'SubAppIds' },
      { [`MirroredSecret\${Id}`]: MirroredSecret ?? null },
    ],
    ...others,
  }
}

/** In the order in which the console of CloudFormation shows them. Patterns are checked against those of the CLI by a test. */
function parametersOf(kind: ReleaseKind): Json {
  const text = (Description: string, others: { readonly [name: string]: Json } = {}): Json => ({
    Type: 'String',
    Description,
    ...others,
  })
  return {
    ...(kind === 'one'
      ? {
          SubAppId: text(
            'The VOD application id, such as 251006666, or none for an account from before 2023-12-25, which needs no id',
            { AllowedPattern: 'none|[1-9][0-9]{0,15}' },
          ),
        }
      : {
          SubAppIds: {
            Type: 'CommaDelimitedList',
            Description:
              'The VOD application ids, each once, such as 251006666,251006667; the first is the default one',
            AllowedPattern: '[1-9][0-9]{0,15}',
          },
        }),
    Site: text('intl (tencentcloud.com) or cn (cloud.tencent.com)', {
      AllowedValues: [...(choices['Site']?.values ?? [])],
      Default: 'intl',
    }),
    SecretPrefix: text("The beginning of the secrets' names; each stack needs one of its own", {
      AllowedPattern: '[A-Za-z0-9][A-Za-z0-9_/+=.@-]{0,398}[A-Za-z0-9_+=.@]',
      Default: 'vod-aigc-tokens',
    }),
    EveryMinutes: text('How often the mirror runs', {
      AllowedValues: [...(choices['EveryMinutes']?.values ?? [])],
      Default: '1',
    }),
    AlarmTopicArn: text('The ARN of an SNS topic that the alarms tell; empty: they tell nobody', {
      AllowedPattern: '|arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}',
      Default: '',
    }),
    RoleArn: text(
      'Without a stored key: the ARN of a Tencent role. Empty: the stack makes the secret SecretPrefix/tencent-credentials for you to fill',
      {
        AllowedPattern: '|qcs::cam::uin/[0-9]+:(roleName|role)/[A-Za-z0-9_+=,.@-]+',
        Default: '',
      },
    ),
    OidcProvider: text("With RoleArn: the name of Tencent's OIDC identity provider for this account", {
      AllowedPattern: '[A-Za-z0-9_.-]{0,128}',
      Default: '',
    }),
    Audience: text('With RoleArn: the audience (client id) that the identity provider expects', {
      AllowedPattern: '[A-Za-z0-9_.:/@-]{1,1000}',
      Default: 'vod-aigc-tokens',
    }),
    MirrorConcurrency: text(
      'none for an account whose quota of concurrent executions leaves nothing to reserve, as that of a new one; runs may overlap safely',
      { AllowedValues: ['1', 'none'], Default: '1' },
    ),
    LogLevel: text('What is written to the log', {
      AllowedValues: [...(choices['LogLevel']?.values ?? [])],
      Default: 'info',
    }),
  }
}

const rules: Json = {
  Keyless: {
    Assertions: [
      {
        Assert: {
          'Fn::Or': [
            { 'Fn::And': [isGiven('RoleArn'), isGiven('OidcProvider')] },
            {
              'Fn::And': [
                { 'Fn::Equals': [{ Ref: 'RoleArn' }, ''] },
                { 'Fn::Equals': [{ Ref: 'OidcProvider' }, ''] },
              ],
            },
          ],
        },
        AssertDescription: `RoleArn and OidcProvider need each other: ${parameters.roleArn.takes}, and ${parameters.oidcProvider.takes}`,
      },
    ],
  },
}

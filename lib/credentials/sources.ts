/**
 * Where Tencent credentials come from: one order of precedence over the environment. Decided anew at every call,
 * because SCF replaces the run role's variables in a warm instance (https://cloud.tencent.com/document/product/583/30228).
 */
import { ConfigError } from '../errors.ts'
import type { Credentials } from '../tencent/tc3.ts'
import { either } from '../words.ts'

/** Environment variables, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The source of credentials that counts, why no other does, and which others are set all the same. */
export type CredentialChoice = {
  readonly passedOver: readonly string[]
  readonly alsoSet: readonly SourceName[]
} & (
  | { readonly source: 'fixed' | 'run-role' | 'official-names'; readonly credentials: Credentials }
  | ({ readonly source: 'keyless' } & WebIdentity)
  | { readonly source: 'aws-secret'; readonly secretId: string }
)

type SourceName = 'fixed' | 'keyless' | 'aws-secret' | 'run-role' | 'official-names'

/** How to get credentials for a Tencent role in exchange for an identity token of AWS. */
export interface WebIdentity {
  /** `qcs::cam::uin/UIN:roleName/NAME` */
  readonly roleArn: string
  /** The name of the OIDC provider in Tencent CAM. */
  readonly provider: string
  /** The client id that the provider expects in the token. */
  readonly audience: string
}

interface Source {
  readonly name: SourceName
  /** All of them are needed. */
  readonly variables: readonly string[]
  /** Spellings of the session token; the first that is set counts. */
  readonly tokens: readonly string[]
}

/** The SDKs', tccli's, and that of the Terraform provider and of what follows it. */
const officialTokens = [
  'TENCENTCLOUD_SESSION_TOKEN',
  'TENCENTCLOUD_TOKEN',
  'TENCENTCLOUD_SECURITY_TOKEN',
] as const

/** In order of precedence: the first whose variables are all set is used. */
const sources = [
  {
    name: 'fixed',
    variables: ['AIGC_SECRET_ID', 'AIGC_SECRET_KEY'],
    tokens: ['AIGC_SESSION_TOKEN'],
  },
  {
    name: 'keyless',
    variables: ['AIGC_ROLE_ARN', 'AIGC_OIDC_PROVIDER', 'AIGC_OIDC_AUDIENCE'],
    tokens: [],
  },
  { name: 'aws-secret', variables: ['AIGC_CREDENTIALS_SECRET'], tokens: [] },
  // What SCF puts there when a run role is bound. Its spellings are its own; the official SDKs read the names below.
  {
    name: 'run-role',
    variables: ['TENCENTCLOUD_SECRETID', 'TENCENTCLOUD_SECRETKEY'],
    tokens: ['TENCENTCLOUD_SESSIONTOKEN', ...officialTokens],
  },
  {
    name: 'official-names',
    variables: ['TENCENTCLOUD_SECRET_ID', 'TENCENTCLOUD_SECRET_KEY'],
    tokens: officialTokens,
  },
] as const satisfies readonly Source[]

const pairs = sources.filter(({ name }) => name !== 'keyless' && name !== 'aws-secret')

/** The variables that hold a credential, so that their values can be kept out of everything that leaves. */
export const credentialVariables: readonly string[] = [
  ...new Set(pairs.flatMap(({ variables, tokens }) => [...variables, ...tokens])),
]

/** What a value must look like, where it does not hold a credential; only told, never shown. */
const shapes: Readonly<Record<string, { pattern: RegExp; what: string }>> = {
  AIGC_ROLE_ARN: {
    pattern: /^qcs::cam::uin\/\d+:role(Name)?\/[\w+=,.@-]+$/,
    what: 'must be the ARN of a Tencent role: qcs::cam::uin/UIN:roleName/NAME',
  },
  AIGC_OIDC_PROVIDER: {
    pattern: /^[\w+=,.@-]{1,128}$/,
    what: 'must be the name of an OIDC provider in Tencent CAM',
  },
  AIGC_OIDC_AUDIENCE: {
    pattern: /^[\x21-\x7e]{1,1000}$/,
    what: 'must be 1 to 1000 characters without spaces',
  },
  AIGC_CREDENTIALS_SECRET: {
    pattern: /^[A-Za-z0-9/_+=.@:-]{1,2048}$/,
    what: 'must be the name or the ARN of a secret in AWS Secrets Manager',
  },
}

/** What stands in the way of {@link chooseCredentials}, a sentence each; that there are none counts if they are `needed`. */
export function credentialProblems(env: Environment, needed = true): string[] {
  const isSet = (name: string): boolean => read(env, name) !== undefined
  const halves = sources.flatMap(({ variables }) => {
    const missing = variables.filter((name) => !isSet(name))
    if (missing.length === 0 || missing.length === variables.length) return []
    const present = variables.filter(isSet)
    const all = variables.length === 2 ? 'both' : 'all of them'
    return [`${phrase(present)} set but ${phrase(missing)} not; set ${all}, or none`]
  })
  const owners = (token: string): readonly Source[] =>
    sources.filter(({ tokens }) => (tokens as readonly string[]).includes(token))
  const orphans = [...new Set(sources.flatMap(({ tokens }) => tokens))]
    .filter((token) => isSet(token) && !owners(token).some(({ variables }) => variables.some(isSet)))
    .map(
      (token) =>
        `${token} is set but ${phrase(owners(token).at(-1)?.variables ?? [])} not; set all of them, or none`,
    )
  const unsendable = credentialVariables
    .filter((name) => !isSendable(read(env, name) ?? ''))
    .map((name) => `${name} must be printable ASCII without spaces`)
  const misshapen = Object.entries(shapes)
    .filter(([name, { pattern }]) => isSet(name) && !pattern.test(read(env, name) ?? ''))
    .map(([name, { what }]) => `${name} ${what}`)
  const problems = [...halves, ...orphans, ...unsendable, ...misshapen]
  if (problems.length > 0) return problems
  if (!needed || sources.some(({ variables }) => variables.every(isSet))) return []
  const ways = sources.map(
    ({ name, variables }) =>
      `${name} (${variables.join(', ')}${name === 'run-role' ? ', which SCF sets for a role' : ''})`,
  )
  return [`no Tencent credentials; set all variables of ${either(ways)}; docs/credentials.md says how`]
}

/** Whether the keys of a run role count, if there are any: no source before it is set. */
export function wouldUseRunRole(env: Environment): boolean {
  const first = sources.find(
    ({ name, variables }) => name === 'run-role' || variables.every((one) => read(env, one) !== undefined),
  )
  return first?.name === 'run-role'
}

/** The environment with these keys in place of those that it may hold of a run role. */
export function withRunRole(env: Environment, { secretId, secretKey, token }: Credentials): Environment {
  return {
    ...env,
    TENCENTCLOUD_SECRETID: secretId,
    TENCENTCLOUD_SECRETKEY: secretKey,
    TENCENTCLOUD_SESSIONTOKEN: token,
  }
}

/** The source that counts now. Throws `ConfigError` when there is none, or half of one. */
export function chooseCredentials(env: Environment): CredentialChoice {
  const problems = credentialProblems(env)
  if (problems.length > 0) throw new ConfigError(problems)
  const value = (name: string): string => read(env, name) ?? ''
  const isSet = ({ variables }: Source): boolean => variables.every((name) => value(name) !== '')
  const chosen = sources.find(isSet)
  if (!chosen) throw new ConfigError(['no Tencent credentials'])
  const passedOver = sources
    .filter((source) => source !== chosen)
    .map((source) =>
      isSet(source)
        ? `${source.name} comes after ${chosen.name}`
        : `${source.name}: ${phrase(source.variables)} not set`,
    )
  const alsoSet = sources.filter((source) => source !== chosen && isSet(source)).map(({ name }) => name)
  switch (chosen.name) {
    case 'keyless':
      return {
        source: 'keyless',
        passedOver,
        alsoSet,
        roleArn: value('AIGC_ROLE_ARN'),
        provider: value('AIGC_OIDC_PROVIDER'),
        audience: value('AIGC_OIDC_AUDIENCE'),
      }
    case 'aws-secret':
      return { source: 'aws-secret', passedOver, alsoSet, secretId: value('AIGC_CREDENTIALS_SECRET') }
    default: {
      const [id, key] = chosen.variables
      // The other spellings are the official names' own where those have a key of their own.
      const shared =
        chosen.name !== 'run-role' || !sources.some((one) => one.name === 'official-names' && isSet(one))
      const token = chosen.tokens
        .slice(0, shared ? undefined : 1)
        .map(value)
        .find((spelling) => spelling !== '')
      const credentials = { secretId: value(id), secretKey: value(key), ...(token && { token }) }
      return { source: chosen.name, passedOver, alsoSet, credentials }
    }
  }
}

/** Which source is used, and which others are set and may have been meant; for an error that is about credentials. Holds no value. */
export function explainChoice({ source, alsoSet }: CredentialChoice): string {
  const others = alsoSet.map(describeSource).join(', ')
  const rest = others === '' ? 'nothing else is set' : `also set, but not used: ${others}`
  return `credentials used: ${describeSource(source)}; ${rest}`
}

/** How somebody knows the sources that docs/credentials.md numbers. */
const signs: Readonly<Record<SourceName, string>> = {
  fixed: 'AIGC_SECRET_ID',
  keyless: 'AIGC_ROLE_ARN',
  'aws-secret': 'AIGC_CREDENTIALS_SECRET',
  'run-role': 'the run role of SCF',
  'official-names': 'TENCENTCLOUD_SECRET_ID',
}

function describeSource(name: SourceName): string {
  return `${name} (${signs[name]})`
}

/** Whether a credential can be sent in a header. */
export function isSendable(text: string): boolean {
  return /^[\x21-\x7e]*$/.test(text)
}

/** `A and B are` or `A is`. */
function phrase(names: readonly string[]): string {
  const last = names.at(-1) ?? ''
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${last} are` : `${last} is`
}

function read(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || undefined
}

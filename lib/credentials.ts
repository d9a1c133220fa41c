/**
 * Where Tencent credentials come from. Read at every call, not once: SCF replaces the run role's variables in
 * a warm instance (https://cloud.tencent.com/document/product/583/30228).
 */
import { ConfigError } from './errors.ts'
import type { Credentials } from './tc3.ts'

/** Environment variables, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

interface Source {
  readonly id: string
  readonly key: string
  /** The session token's spellings, the first that is set wins. */
  readonly tokens: readonly string[]
}

/** The first source with both its id and its key set is used. */
const sources: readonly Source[] = [
  { id: 'AIGC_SECRET_ID', key: 'AIGC_SECRET_KEY', tokens: ['AIGC_SESSION_TOKEN'] },
  // The SCF run role. The official SDKs do not read these spellings.
  {
    id: 'TENCENTCLOUD_SECRETID',
    key: 'TENCENTCLOUD_SECRETKEY',
    tokens: ['TENCENTCLOUD_SESSIONTOKEN'],
  },
  {
    id: 'TENCENTCLOUD_SECRET_ID',
    key: 'TENCENTCLOUD_SECRET_KEY',
    tokens: ['TENCENTCLOUD_SESSION_TOKEN', 'TENCENTCLOUD_TOKEN'],
  },
]

/** The variables that hold a credential, so that their values can be kept out of everything that leaves. */
export const credentialVariables: readonly string[] = sources.flatMap(({ id, key, tokens }) => [
  id,
  key,
  ...tokens,
])

/** What stands in the way of {@link readCredentials}, a sentence each; that there are none counts if they are `needed`. */
export function credentialProblems(env: Environment, needed = true): string[] {
  const problems = sources.flatMap((source) => {
    const [id, key] = [read(env, source.id), read(env, source.key)]
    const token = source.tokens.find((name) => read(env, name) !== undefined)
    if (id === undefined && key !== undefined)
      return [`${source.key} is set but ${source.id} is not; set both`]
    if (id !== undefined && key === undefined)
      return [`${source.id} is set but ${source.key} is not; set both`]
    if (id === undefined && token) return [`${token} is set but ${source.id} and ${source.key} are not`]
    return []
  })
  const unsendable = credentialVariables
    .filter((name) => !/^[\x21-\x7e]*$/.test(read(env, name) ?? ''))
    .map((name) => `${name} must be printable ASCII without spaces`)
  if (problems.length > 0 || unsendable.length > 0) return [...problems, ...unsendable]
  if (!needed || sources.some((source) => read(env, source.id) !== undefined)) return []
  return [
    'no Tencent credentials: set AIGC_SECRET_ID and AIGC_SECRET_KEY, or bind a run role to the SCF function, ' +
      'or set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY',
  ]
}

/** The credentials to sign with now. Throws `ConfigError` when there are none or half a pair. */
export function readCredentials(env: Environment): Credentials {
  const problems = credentialProblems(env)
  if (problems.length > 0) throw new ConfigError(problems)
  for (const source of sources) {
    const [secretId, secretKey] = [read(env, source.id), read(env, source.key)]
    if (secretId === undefined || secretKey === undefined) continue
    const token = source.tokens.map((name) => read(env, name)).find((value) => value !== undefined)
    return { secretId, secretKey, ...(token !== undefined && { token }) }
  }
  throw new ConfigError(['no Tencent credentials'])
}

function read(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || undefined
}

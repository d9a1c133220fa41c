/** Settings: environment variables in, one `Config` or one error with every problem out. Values are never echoed. */
import { credentialProblems, type Environment } from './credentials/sources.ts'
import { ConfigError, InputError } from './errors.ts'
import type { StoreKind } from './stores/store.ts'
import { type Mirror, parseMirrors } from './stores/target.ts'
import { type Site, sites } from './tencent/sites.ts'

/** Who vouches for HTTP callers: an API gateway's authorizer, a key of ours, or the platform itself. */
export type HttpAuth = 'gateway' | 'keys' | 'platform'
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** A caller's key: only its SHA-256 is known here. */
export interface ApiKey {
  readonly name: string
  readonly scope: 'full' | 'masked'
  /** 64 lower-case hex digits. */
  readonly sha256: string
  /** The applications it may ask for; `null` means all that are configured. */
  readonly subAppIds: readonly number[] | null
}

export interface Config {
  /** The VOD applications that may be listed; the first is the default. */
  readonly subAppIds: readonly number[]
  readonly site: Site
  /** Base URL of the VOD API, such as `https://vod.intl.tencentcloudapi.com`. */
  readonly vodEndpoint: string
  /** Base URL of the SSM API. */
  readonly ssmEndpoint: string
  /** Base URL of the STS API. */
  readonly stsEndpoint: string
  /** Base URL of the SCF API, which the deploy command talks to. */
  readonly scfEndpoint: string
  /** The Tencent region of STS, and of targets that name none, such as `ap-singapore`. */
  readonly region: string
  /** `null`: unset, so HTTP callers are refused. */
  readonly httpAuth: HttpAuth | null
  readonly apiKeys: readonly ApiKey[]
  readonly cacheSeconds: number
  readonly staleSeconds: number
  /** The mirrored documents that may be served in place of Tencent's list, one per application, or none. */
  readonly fallbacks: readonly Mirror[]
  /** Where `list-tokens` reads: Tencent's API or the mirrored documents. */
  readonly source: 'api' | 'mirror'
  readonly timeoutMs: number
  readonly mirrors: readonly Mirror[]
  readonly settleSeconds: number
  readonly minKeep: number
  readonly logLevel: LogLevel
}

/** Every `AIGC_*` variable with its default as docs/settings.md shows it. Any other `AIGC_*` name is an error. */
export const settings = {
  AIGC_SUB_APP_IDS: '',
  AIGC_SITE: 'intl',
  AIGC_VOD_ENDPOINT: '',
  AIGC_SSM_ENDPOINT: '',
  AIGC_STS_ENDPOINT: '',
  AIGC_SCF_ENDPOINT: '',
  AIGC_REGION: '',
  AIGC_SECRET_ID: '',
  AIGC_SECRET_KEY: '',
  AIGC_SESSION_TOKEN: '',
  AIGC_ROLE_ARN: '',
  AIGC_OIDC_PROVIDER: '',
  AIGC_OIDC_AUDIENCE: '',
  AIGC_CREDENTIALS_SECRET: '',
  AIGC_HTTP_AUTH: '',
  AIGC_API_KEYS: '',
  AIGC_CACHE_SECONDS: '30',
  AIGC_STALE_SECONDS: '3600',
  AIGC_TIMEOUT_MS: '10000',
  AIGC_MIRROR_TARGETS: '',
  AIGC_SETTLE_SECONDS: '60',
  AIGC_MIN_KEEP: '0.5',
  AIGC_FALLBACK: '',
  AIGC_SOURCE: 'api',
  AIGC_LOG_LEVEL: 'info',
} as const satisfies Record<`AIGC_${string}`, string>

const endpointSettings = {
  vod: 'AIGC_VOD_ENDPOINT',
  ssm: 'AIGC_SSM_ENDPOINT',
  sts: 'AIGC_STS_ENDPOINT',
  scf: 'AIGC_SCF_ENDPOINT',
} as const

/**
 * Reads the settings. `storeKinds` are the known schemes of target URIs.
 * Throws one `ConfigError` that names every problem, the variable and what it takes.
 */
export function parseConfig(env: Environment, storeKinds: Readonly<Record<string, StoreKind>>): Config {
  const problems: string[] = []
  const read = (name: keyof typeof settings): string => env[name]?.trim() || settings[name]
  const complain = (name: keyof typeof settings, what: string): void => {
    problems.push(`${name} ${what}`)
  }

  for (const name of Object.keys(env)) {
    if (name.startsWith('AIGC_') && !Object.hasOwn(settings, name))
      problems.push(`${name} is not a setting; docs/settings.md lists them all`)
  }

  const choose = <T extends string>(name: keyof typeof settings, accepted: readonly T[]): T => {
    const value = accepted.find((choice) => choice === read(name))
    if (value === undefined) complain(name, `must be ${accepted.join(' or ')}`)
    return value ?? (accepted[0] as T)
  }
  const number = (
    name: keyof typeof settings,
    { min, max, integer }: { min: number; max: number; integer: boolean },
  ): number => {
    const text = read(name)
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max) || (integer && !Number.isInteger(value)))
      complain(name, `must be ${integer ? 'a whole number' : 'a number'} from ${min} to ${max}`)
    return value
  }

  const subAppIds = parseSubAppIds(list(read('AIGC_SUB_APP_IDS')), (what) =>
    complain('AIGC_SUB_APP_IDS', what),
  )
  const site = choose<Site>('AIGC_SITE', ['intl', 'cn'])
  const endpoint = (service: keyof typeof endpointSettings): string => {
    const name = endpointSettings[service]
    const url = read(name) || `https://${service}.${sites[site].domain}`
    if (!isBaseUrl(url)) complain(name, 'must be https://HOST, or http://127.0.0.1:PORT, without a path')
    return url
  }
  // SCF says itself in which region it runs.
  const region = read('AIGC_REGION') || env['TENCENTCLOUD_REGION']?.trim() || sites[site].region
  if (!isRegion(region)) complain('AIGC_REGION', 'must be a Tencent Cloud region, such as ap-singapore')

  const httpAuth =
    read('AIGC_HTTP_AUTH') === '' ? null : choose<HttpAuth>('AIGC_HTTP_AUTH', ['gateway', 'keys', 'platform'])
  const apiKeys = list(read('AIGC_API_KEYS')).flatMap((text, index) => {
    const key = parseApiKey(text, subAppIds)
    if (typeof key !== 'string') return [key]
    complain('AIGC_API_KEYS', `entry ${index + 1} ${key}`)
    return []
  })
  if (httpAuth === 'keys' && read('AIGC_API_KEYS') === '')
    complain(
      'AIGC_API_KEYS',
      'must be set when AIGC_HTTP_AUTH is keys: name:scope:sha256hex, comma-separated',
    )

  if (new Set(apiKeys.map(({ sha256 }) => sha256)).size < apiKeys.length)
    complain('AIGC_API_KEYS', 'must have each key once')

  const mirrors = parseMirrors(list(read('AIGC_MIRROR_TARGETS')), subAppIds, storeKinds, (what) =>
    complain('AIGC_MIRROR_TARGETS', what),
  )
  const fallbackUris = list(read('AIGC_FALLBACK'))
  if (fallbackUris.length > 1) complain('AIGC_FALLBACK', 'must name one target')
  const fallbacks = parseMirrors(fallbackUris, subAppIds, storeKinds, (what) =>
    complain('AIGC_FALLBACK', what),
  )
  const source = choose<Config['source']>('AIGC_SOURCE', ['api', 'mirror'])
  if (source === 'mirror' && fallbackUris.length === 0)
    complain('AIGC_FALLBACK', 'must name the target to read when AIGC_SOURCE is mirror')
  const config: Config = {
    subAppIds,
    site,
    vodEndpoint: endpoint('vod'),
    ssmEndpoint: endpoint('ssm'),
    stsEndpoint: endpoint('sts'),
    scfEndpoint: endpoint('scf'),
    region,
    httpAuth,
    apiKeys,
    cacheSeconds: number('AIGC_CACHE_SECONDS', { min: 0, max: 86_400, integer: true }),
    staleSeconds: number('AIGC_STALE_SECONDS', { min: 0, max: 604_800, integer: true }),
    fallbacks,
    source,
    timeoutMs: number('AIGC_TIMEOUT_MS', { min: 100, max: 900_000, integer: true }),
    mirrors,
    settleSeconds: number('AIGC_SETTLE_SECONDS', { min: 0, max: 900, integer: true }),
    minKeep: number('AIGC_MIN_KEEP', { min: 0, max: 1, integer: false }),
    logLevel: choose<LogLevel>('AIGC_LOG_LEVEL', ['debug', 'info', 'warn', 'error']),
  }
  // Whoever only reads a mirrored document may have no Tencent credentials at all.
  problems.push(...credentialProblems(env, source === 'api' || mirrors.length > 0))
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

/** The configured application that is meant; nothing given means the default one. Throws `InputError`. */
export function findSubApp(given: number | string | null, configured: readonly number[]): number | null {
  if (given === null) return configured[0] ?? null
  const found = configured.find((subAppId) => String(subAppId) === String(given))
  if (found === undefined)
    throw new InputError('Finding the application: it is not one of AIGC_SUB_APP_IDS', 'SubAppNotFound')
  return found
}

function list(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '')
}

function parseSubAppIds(texts: readonly string[], complain: (what: string) => void): number[] {
  const ids = texts.filter(isSubAppId).map(Number)
  if (ids.length < texts.length) complain('must be comma-separated whole numbers, such as 251006666')
  if (new Set(ids).size < ids.length) complain('must name each application once')
  return ids
}

function isSubAppId(text: string): boolean {
  return /^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(Number(text))
}

function isRegion(text: string): boolean {
  return /^[a-z]+(-[a-z]+)+(-\d+)?$/.test(text)
}

/** Plain HTTP only to this machine: everything sent is signed with, or is, a secret. */
function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const local = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)
  return (url.protocol === 'https:' || (url.protocol === 'http:' && local)) && url.href === `${url.origin}/`
}

/** `name:scope:sha256hex[:id+id]`, or a phrase that says what is wrong. */
function parseApiKey(text: string, configured: readonly number[]): ApiKey | string {
  const [name = '', scope = '', sha256 = '', ids, ...rest] = text.split(':')
  if (!/^[\w.-]{1,64}$/.test(name) || rest.length > 0)
    return 'must read name:scope:sha256hex, the name of letters, digits, ".", "_" and "-"'
  if (scope !== 'full' && scope !== 'masked') return 'must have the scope full or masked'
  if (!/^[\da-f]{64}$/i.test(sha256))
    return "must hold the key's SHA-256 as 64 hex digits, never the key itself"
  const subAppIds = ids?.split('+') ?? null
  if (subAppIds && !subAppIds.every((id) => configured.map(String).includes(id)))
    return 'must list only applications of AIGC_SUB_APP_IDS, separated by "+"'
  return { name, scope, sha256: sha256.toLowerCase(), subAppIds: subAppIds?.map(Number) ?? null }
}

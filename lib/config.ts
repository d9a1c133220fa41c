/**
 * Settings: environment variables in, one `Config` or one error with every problem out. Values are never echoed. `table` says of
 * each setting which function reads it.
 */

import { credentialProblems, type Environment } from './credentials/sources.ts'
import { isFingerprint } from './digest.ts'
import { ConfigError, InputError } from './errors.ts'
import { type HttpProxy, readProxy } from './proxy.ts'
import type { StoreKind, Target } from './stores/store.ts'
import { isSameSecret, type Mirror, parseMirrors, parseRecordTargets } from './stores/target.ts'
import { type Site, sites } from './tencent/sites.ts'
import { didYouMean, either } from './words.ts'

/** Who vouches for HTTP callers: an API gateway's authorizer, a key of ours, or the platform itself. */
export type HttpAuth = 'gateway' | 'keys' | 'platform'
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** A caller's key: only its SHA-256 is known here. */
export interface ApiKey {
  readonly name: string
  /** Everything, the token to use alone, or fingerprints. */
  readonly scope: 'full' | 'single' | 'masked'
  /** 64 lower-case hex digits. */
  readonly sha256: string
  /** The applications it may ask for; `null` means all that are configured. */
  readonly subAppIds: readonly number[] | null
}

/** One application and the one target that may answer for Tencent. */
export interface Fallback {
  readonly subAppId: number | null
  readonly target: Target
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
  /** Base URL of the CLS API, which the deploy command talks to for alarms. */
  readonly clsEndpoint: string
  /** The Tencent region of STS, and of targets that name none, such as `ap-singapore`. */
  readonly region: string
  /** `null`: unset, so HTTP callers are refused. */
  readonly httpAuth: HttpAuth | null
  readonly apiKeys: readonly ApiKey[]
  readonly cacheSeconds: number
  readonly staleSeconds: number
  /** The mirrored documents that may be served in place of Tencent's list, one per application, or none. */
  readonly fallbacks: readonly Fallback[]
  /** Where `list-tokens` reads: Tencent's API or the mirrored documents. */
  readonly source: 'api' | 'mirror'
  /** Whether tokens may stand in what a function returns where others keep or forward that. */
  readonly reveal: boolean
  readonly timeoutMs: number
  readonly mirrors: readonly Mirror[]
  readonly settleSeconds: number
  readonly minKeep: number
  /** Fingerprints of tokens that are never published, picked or handed out. */
  readonly exclude: ReadonlySet<string>
  /** Above so many tokens of an application a run of the mirror warns. */
  readonly tokenLimit: number
  readonly rotation: RotationConfig
  readonly logLevel: LogLevel
  /** What `HTTPS_PROXY` names; `null` where it is not set. */
  readonly proxy: HttpProxy | null
}

/** How tokens are replaced by new ones. */
export interface RotationConfig {
  /** `null`: never by itself. */
  readonly everyDays: number | null
  /** Where the record of each application is kept; none where rotation is off. */
  readonly records: readonly { readonly subAppId: number; readonly target: Target }[]
  readonly warmSeconds: number
  readonly graceHours: number
  readonly mayDelete: boolean
}

/** Who reads a setting: one of the functions, or the command that deploys them to SCF. */
export type Reader = 'list-tokens' | 'mirror-tokens' | 'rotate-tokens' | 'deploy'

/** An `AIGC_*` variable. */
export interface Setting<T> {
  /** Where the variable is not set. The empty text, the empty list and `null` are shown as nothing. */
  readonly default: T
  /** Who uses it, so who is given it; a value that is wrong is an error for whoever finds it in the environment. */
  readonly readers: readonly Reader[]
  /** Reads a value that is not empty. `complain` hears what it must be, if it is not that; then what comes back is of no use. */
  read(text: string, complain: (what: string) => void): T
}

const functions = ['list-tokens', 'mirror-tokens', 'rotate-tokens'] as const
const everybody = [...functions, 'deploy'] as const
const listTokens = ['list-tokens'] as const
const mirrorTokens = ['mirror-tokens', 'rotate-tokens'] as const
const rotateTokens = ['rotate-tokens'] as const

/** Every setting, as docs/settings.md shows them. Any other `AIGC_*` name is an error. */
const table = {
  AIGC_SUB_APP_IDS: { default: [], readers: functions, read: readSubAppIds },
  AIGC_SITE: choice<Site>('intl', ['intl', 'cn'], everybody),
  AIGC_VOD_ENDPOINT: endpoint(functions),
  AIGC_SSM_ENDPOINT: endpoint(functions),
  AIGC_STS_ENDPOINT: endpoint(functions),
  AIGC_SCF_ENDPOINT: endpoint(['deploy']),
  AIGC_CLS_ENDPOINT: endpoint(['deploy']),
  AIGC_REGION: { default: '', readers: everybody, read: readRegion },
  // How these must look is said where credentials are chosen.
  AIGC_SECRET_ID: text(everybody),
  AIGC_SECRET_KEY: text(everybody),
  AIGC_SESSION_TOKEN: text(everybody),
  AIGC_ROLE_ARN: text(functions),
  AIGC_OIDC_PROVIDER: text(functions),
  AIGC_OIDC_AUDIENCE: text(functions),
  AIGC_CREDENTIALS_SECRET: text(functions),
  AIGC_HTTP_AUTH: choice<HttpAuth | null>(null, ['gateway', 'keys', 'platform'], listTokens),
  AIGC_API_KEYS: list(listTokens),
  AIGC_CACHE_SECONDS: wholeNumber(30, { min: 0, max: 86_400 }, listTokens),
  AIGC_STALE_SECONDS: wholeNumber(3600, { min: 0, max: 604_800 }, listTokens),
  AIGC_TIMEOUT_MS: wholeNumber(10_000, { min: 100, max: 900_000 }, functions),
  AIGC_MIRROR_TARGETS: list(mirrorTokens),
  AIGC_SETTLE_SECONDS: wholeNumber(60, { min: 0, max: 900 }, functions),
  AIGC_MIN_KEEP: number(0.5, { min: 0, max: 1 }, mirrorTokens),
  AIGC_EXCLUDE: { default: [], readers: functions, read: readFingerprints },
  AIGC_TOKEN_LIMIT: wholeNumber(45, { min: 1, max: 10_000 }, mirrorTokens),
  AIGC_FALLBACK: list(listTokens),
  AIGC_SOURCE: choice<Config['source']>('api', ['api', 'mirror'], listTokens),
  AIGC_BASE_PATH: { default: '', readers: listTokens, read: readPathPrefix },
  AIGC_REVEAL: choice<'true' | 'false'>('false', ['true', 'false'], listTokens),
  AIGC_ROTATION_STATE: list(rotateTokens),
  AIGC_ROTATE_EVERY_DAYS: wholeNumber<number | null>(null, { min: 1, max: 3650 }, rotateTokens),
  AIGC_ROTATION_WARM_SECONDS: wholeNumber(300, { min: 10, max: 86_400 }, rotateTokens),
  AIGC_ROTATION_GRACE_HOURS: number(24, { min: 0.01, max: 2160 }, rotateTokens),
  AIGC_ROTATION_MAY_DELETE: choice<'true' | 'false'>('false', ['true', 'false'], rotateTokens),
  AIGC_LOG_LEVEL: choice<LogLevel>('info', ['debug', 'info', 'warn', 'error'], functions),
} as const satisfies Readonly<Record<`AIGC_${string}`, Setting<unknown>>>

export type SettingName = keyof typeof table
type Values = { [Name in SettingName]: ReturnType<(typeof table)[Name]['read']> }
export const settings: { readonly [Name in SettingName]: Setting<Values[Name]> } = table

export function isSetting(name: string): name is SettingName {
  return Object.hasOwn(settings, name)
}

/** Where Tencent credentials come from: a web function of SCF may get those of its run role with each request only. */
export type KeyOrigin = 'environment' | 'requests'

/**
 * Reads the settings. `storeKinds` are the known schemes of target URIs. That there are no Tencent credentials is no
 * problem where they may come with requests.
 * Throws one `ConfigError` that names every problem, the variable and what it takes.
 */
export function parseConfig(
  env: Environment,
  storeKinds: Readonly<Record<string, StoreKind>>,
  keysFrom: KeyOrigin = 'environment',
): Config {
  const problems: string[] = []
  const complainOf =
    (name: SettingName) =>
    (what: string): void => {
      problems.push(`${name} ${what}`)
    }
  const read = <Name extends SettingName>(name: Name, value = env[name]?.trim()): Values[Name] =>
    value ? settings[name].read(value, complainOf(name)) : settings[name].default

  for (const name of Object.keys(env)) {
    if (name.startsWith('AIGC_') && !isSetting(name))
      problems.push(
        `${name} is not a setting${didYouMean(name, Object.keys(settings)) || '; docs/settings.md lists them all'}`,
      )
  }

  const subAppIds = read('AIGC_SUB_APP_IDS')
  const site = read('AIGC_SITE')
  const { domain, region } = sites[site]

  const httpAuth = read('AIGC_HTTP_AUTH')
  const keys = read('AIGC_API_KEYS')
  const apiKeys = keys.flatMap((text, index) => {
    const key = parseApiKey(text, subAppIds)
    if (typeof key !== 'string') return [key]
    complainOf('AIGC_API_KEYS')(`entry ${index + 1} ${key}`)
    return []
  })
  if (httpAuth === 'keys' && keys.length === 0)
    complainOf('AIGC_API_KEYS')(`must be set when AIGC_HTTP_AUTH is keys: comma-separated ${formOfKey}`)
  if (new Set(apiKeys.map(({ sha256 }) => sha256)).size < apiKeys.length)
    complainOf('AIGC_API_KEYS')('must hold each key once: two entries have the same hash')

  const parseUris = (name: 'AIGC_MIRROR_TARGETS' | 'AIGC_FALLBACK'): Mirror[] =>
    parseMirrors(read(name), subAppIds, storeKinds, complainOf(name))
  const mirrors = parseUris('AIGC_MIRROR_TARGETS')
  const fallbackUris = read('AIGC_FALLBACK')
  if (fallbackUris.length > 1) complainOf('AIGC_FALLBACK')('must name one target, not several')
  const fallbacks = parseUris('AIGC_FALLBACK').flatMap(({ subAppId, targets }) =>
    targets.map((target) => ({ subAppId, target })),
  )
  const source = read('AIGC_SOURCE')
  // For its complaint: it is used by readBasePath.
  read('AIGC_BASE_PATH')
  if (source === 'mirror' && fallbackUris.length === 0)
    complainOf('AIGC_FALLBACK')('must name the target to read when AIGC_SOURCE is mirror')

  /** Where the records are, and how tokens are replaced. */
  const readRotation = (): RotationConfig => {
    const complain = complainOf('AIGC_ROTATION_STATE')
    const everyDays = read('AIGC_ROTATE_EVERY_DAYS')
    const uris = read('AIGC_ROTATION_STATE')
    const records = parseRecordTargets(uris, subAppIds, storeKinds, complain)
    if (uris.length > 1) complain('must name one target, not several')
    if (uris.length === 0 && everyDays !== null)
      complain('must name where the record is kept, because AIGC_ROTATE_EVERY_DAYS is set')
    if (uris.length > 0 && subAppIds.length === 0)
      complainOf('AIGC_SUB_APP_IDS')('must name the applications whose tokens are rotated')
    if (uris.length > 0 && mirrors.length === 0)
      complainOf('AIGC_MIRROR_TARGETS')('must name the targets that the rotation moves to a new token')
    const taken = [...mirrors.flatMap(({ targets }) => targets), ...fallbacks.map(({ target }) => target)]
    if (records.some(({ target }) => taken.some((other) => isSameSecret(target, other))))
      complain('must name a target of its own: AIGC_MIRROR_TARGETS or AIGC_FALLBACK names it too')
    return {
      everyDays,
      records,
      warmSeconds: read('AIGC_ROTATION_WARM_SECONDS'),
      graceHours: read('AIGC_ROTATION_GRACE_HOURS'),
      mayDelete: read('AIGC_ROTATION_MAY_DELETE') === 'true',
    }
  }

  const config: Config = {
    subAppIds,
    site,
    vodEndpoint: read('AIGC_VOD_ENDPOINT') || `https://vod.${domain}`,
    ssmEndpoint: read('AIGC_SSM_ENDPOINT') || `https://ssm.${domain}`,
    stsEndpoint: read('AIGC_STS_ENDPOINT') || `https://sts.${domain}`,
    scfEndpoint: read('AIGC_SCF_ENDPOINT') || `https://scf.${domain}`,
    clsEndpoint: read('AIGC_CLS_ENDPOINT') || `https://cls.${domain}`,
    // SCF says itself in which region it runs.
    region: read('AIGC_REGION', env['AIGC_REGION']?.trim() || env['TENCENTCLOUD_REGION']?.trim()) || region,
    httpAuth,
    apiKeys,
    cacheSeconds: read('AIGC_CACHE_SECONDS'),
    staleSeconds: read('AIGC_STALE_SECONDS'),
    fallbacks,
    source,
    reveal: read('AIGC_REVEAL') === 'true',
    timeoutMs: read('AIGC_TIMEOUT_MS'),
    mirrors,
    settleSeconds: read('AIGC_SETTLE_SECONDS'),
    minKeep: read('AIGC_MIN_KEEP'),
    exclude: new Set(read('AIGC_EXCLUDE')),
    tokenLimit: read('AIGC_TOKEN_LIMIT'),
    rotation: readRotation(),
    logLevel: read('AIGC_LOG_LEVEL'),
    proxy: readProxy(env, (problem) => problems.push(problem)),
  }
  // Whoever only reads a mirrored document may have no Tencent credentials at all.
  const needed = keysFrom === 'environment' && (source === 'api' || mirrors.length > 0)
  problems.push(...credentialProblems(env, needed))
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

/**
 * `AIGC_BASE_PATH` alone, because `/healthz` answers whatever the other settings are. Empty where it is not set, or cannot
 * be used: `parseConfig` says so then.
 */
export function readBasePath(env: Environment): string {
  const text = env['AIGC_BASE_PATH']?.trim()
  return text ? readPathPrefix(text, () => {}) : ''
}

/** The configured application that is meant; nothing given means the default one. Throws `InputError`. */
export function findSubApp(given: number | string | null, configured: readonly number[]): number | null {
  if (given === null) return configured[0] ?? null
  const found = configured.find((subAppId) => String(subAppId) === String(given))
  if (found === undefined)
    throw new InputError('Finding the application: it is not one of AIGC_SUB_APP_IDS', 'SubAppNotFound')
  return found
}

function text(readers: readonly Reader[]): Setting<string> {
  return { default: '', readers, read: (text) => text }
}

/** Texts, separated by commas or white space. */
function list(readers: readonly Reader[]): Setting<readonly string[]> {
  return { default: [], readers, read: splitList }
}

function choice<T extends string | null>(
  byDefault: T,
  accepted: readonly NonNullable<T>[],
  readers: readonly Reader[],
): Setting<T> {
  return {
    default: byDefault,
    readers,
    read(text, complain) {
      const value = accepted.find((one) => one === text)
      if (value === undefined) complain(`must be ${either(accepted)}`)
      return value ?? byDefault
    },
  }
}

interface Range {
  readonly min: number
  readonly max: number
}

function wholeNumber<T extends number | null>(
  byDefault: T,
  range: Range,
  readers: readonly Reader[],
): Setting<T | number> {
  const read = numberReader(byDefault, range, { what: 'a whole number', fits: Number.isInteger })
  return { default: byDefault, readers, read }
}

function number(byDefault: number, range: Range, readers: readonly Reader[]): Setting<number> {
  const read = numberReader(byDefault, range, { what: 'a number', fits: () => true })
  return { default: byDefault, readers, read }
}

function numberReader<T>(
  byDefault: T,
  { min, max }: Range,
  { what, fits }: { readonly what: string; fits(value: number): boolean },
): Setting<T | number>['read'] {
  return (text, complain) => {
    const value = Number(text)
    if (/^\d+(\.\d+)?$/.test(text) && value >= min && value <= max && fits(value)) return value
    complain(`must be ${what} from ${min} to ${max}`)
    return byDefault
  }
}

/** A base URL; nothing means the one of the site. */
function endpoint(readers: readonly Reader[]): Setting<string> {
  return {
    default: '',
    readers,
    read(text, complain) {
      if (!isBaseUrl(text)) complain('must be https://HOST, or http://127.0.0.1:PORT, without a path')
      return text
    },
  }
}

/** Plain HTTP only to this machine: everything sent is signed with, or is, a secret. */
function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const local = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)
  return (url.protocol === 'https:' || (url.protocol === 'http:' && local)) && url.href === `${url.origin}/`
}

/** Whatever is put in front of routes is compared as it is sent, so nothing that anybody on the way may write otherwise. */
function readPathPrefix(text: string, complain: (what: string) => void): string {
  if (/^(\/[\w~-][\w.~-]*)+$/.test(text)) return text
  complain(
    'must be a path such as /aigc: of letters, digits, "_", "-", "." and "~", and without "/" at its end',
  )
  return ''
}

function readRegion(text: string, complain: (what: string) => void): string {
  if (!/^[a-z]+(-[a-z]+)+(-\d+)?$/.test(text))
    complain('must be a Tencent Cloud region, such as ap-singapore')
  return text
}

function readSubAppIds(text: string, complain: (what: string) => void): readonly number[] {
  const texts = splitList(text)
  const ids = texts.filter(isSubAppId).map(Number)
  if (ids.length < texts.length)
    complain('must be comma-separated whole numbers, such as 251006666 or 251006666,251006667')
  if (new Set(ids).size < ids.length) complain('must name each application once')
  return ids
}

function isSubAppId(text: string): boolean {
  return /^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(Number(text))
}

function readFingerprints(text: string, complain: (what: string) => void): readonly string[] {
  const names = splitList(text).map((name) => name.toLowerCase())
  if (!names.every(isFingerprint))
    complain(
      'must be comma-separated fingerprints of 16 hex digits, as list-tokens and the log show them; never tokens',
    )
  return names
}

function splitList(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '')
}

const scopes: readonly ApiKey['scope'][] = ['full', 'single', 'masked']
const formOfKey = `name:scope:sha256hex, with scope ${either(scopes)} and 64 hex digits`
const howToHash = "printf %s 'THE KEY' | sha256sum"

/** `name:scope:sha256hex[:id+id]`, or a phrase that says what is wrong. */
function parseApiKey(text: string, configured: readonly number[]): ApiKey | string {
  const [name = '', scope = '', sha256 = '', ids, ...rest] = text.split(':')
  if (isSha256(text)) return `is a hash without a name and a scope; write ${formOfKey}`
  // Likely the key itself.
  if (!text.includes(':')) return `has no name and no scope; write ${formOfKey}, never the key itself`
  if (!/^[\w.-]{1,64}$/.test(name) || rest.length > 0)
    return `must read ${formOfKey}; a name has 1 to 64 letters, digits, ".", "_" and "-"`
  const found = scopes.find((one) => one === scope)
  if (found === undefined) return `must have its scope behind the name; write ${formOfKey}`
  if (!isSha256(sha256))
    return `must hold the key's SHA-256 as 64 hex digits, never the key itself; make it by ${howToHash}`
  const subAppIds = ids?.split('+') ?? null
  if (subAppIds && !subAppIds.every((id) => configured.map(String).includes(id)))
    return 'must list only applications of AIGC_SUB_APP_IDS, separated by "+"'
  return { name, scope: found, sha256: sha256.toLowerCase(), subAppIds: subAppIds?.map(Number) ?? null }
}

function isSha256(text: string): boolean {
  return /^[\da-f]{64}$/i.test(text)
}

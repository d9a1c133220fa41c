/** What shall stand on SCF: options, settings and zips in, functions or every problem out. Pure. */
import { isSetting, parseConfig, settings } from '../../lib/config.ts'
import type { Environment } from '../../lib/credentials/sources.ts'
import { ConfigError } from '../../lib/errors.ts'
import { storeKinds } from '../../lib/stores/index.ts'
import type { StoreKind, Target } from '../../lib/stores/store.ts'
import { either } from '../../lib/words.ts'
import { type DeployOptions, newestRuntimes } from './options.ts'
import { shortestPeriod } from './schedule.ts'
import type { EventInvoke } from './state.ts'
import { findWatchProblems } from './watch.ts'

/** A function as it shall be, but for its code. */
export interface WantedFunction {
  readonly function: FunctionName
  /** Its name on SCF. */
  readonly name: string
  readonly namespace: string
  /** `HTTP` is a web function. Neither this nor the runtime can be changed. */
  readonly type: 'Event' | 'HTTP'
  /** What it may run on, the best first. */
  readonly runtimes: readonly string[]
  readonly memoryMb: number
  readonly timeoutSeconds: number
  /** Empty: none. */
  readonly role: string
  readonly environment: Readonly<Record<string, string>>
  readonly trigger: WantedTrigger
  /** Where its log goes; `null`: where it goes already. */
  readonly delivery: Delivery | null
  /** `null` for a web function, which gets no events. */
  readonly eventInvoke: EventInvoke | null
}

/** A CLS topic; its ids are empty until it is made. */
export interface Delivery {
  readonly topicName: string
  readonly logsetId: string
  readonly topicId: string
}

export type WantedTrigger =
  | { readonly type: 'timer'; readonly cron: string }
  | { readonly type: 'http'; readonly auth: 'CAM' | 'NONE' }

/** The key that `--copy-keys` is about. A session token would expire in the function. */
const keys = ['AIGC_SECRET_ID', 'AIGC_SECRET_KEY']
const awsKeys = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']
/** What stays here though the functions would read it: the deployer's credentials, and sources that need AWS. */
const kept = [
  ...keys,
  'AIGC_SESSION_TOKEN',
  'AIGC_STS_ENDPOINT',
  'AIGC_CREDENTIALS_SECRET',
  'AIGC_ROLE_ARN',
  'AIGC_OIDC_PROVIDER',
  'AIGC_OIDC_AUDIENCE',
]

/** The functions in the order in which they are deployed, the last with `--rotation` only. */
export const functionNames = ['list-tokens', 'mirror-tokens', 'rotate-tokens'] as const
export type FunctionName = (typeof functionNames)[number]

/** Of keys and values together. https://www.tencentcloud.com/document/product/583/32748 */
const maxEnvironmentBytes = 4096
const reservedPrefixes = ['TENCENTCLOUD_', 'SCF_', 'QCLOUD_']

/** Of an event's time to wait, in seconds; `GetAccount` gives these as `MinMsgTTL` and `MaxMsgTTL`. */
const [minTtl, maxTtl] = [60, 21_600]

/** The names of the functions on SCF. */
export function nameFunctions(stage: string): Readonly<Record<FunctionName, string>> {
  return {
    // Another name than the event function's before it: a function's type cannot be changed, and names are unique.
    'list-tokens': `vod-aigc-tokens-${stage}-list-web`,
    'mirror-tokens': `vod-aigc-tokens-${stage}-mirror-tokens`,
    'rotate-tokens': `vod-aigc-tokens-${stage}-rotate-tokens`,
  }
}

/** The name of list-tokens up to version 1.1, when it was an event function. */
export function nameEarlierFunction(stage: string): string {
  return `vod-aigc-tokens-${stage}-list-tokens`
}

/** The functions as `options` and the deployer's environment want them. Throws `ConfigError` with every problem. */
export function wantFunctions(options: DeployOptions, region: string, env: Environment): WantedFunction[] {
  const problems = new Set<string>()
  for (const name of options.variables) {
    if (reservedPrefixes.some((prefix) => name.startsWith(prefix)))
      problems.add(
        `--env ${name}: SCF reserves names that start with ${reservedPrefixes.join(', ')}; the run role's are there anyway`,
      )
    else if (name.startsWith('AIGC_'))
      problems.add(`--env ${name}: AIGC_* settings go to the functions by themselves, keys with --copy-keys`)
    else if (!env[name]?.trim()) problems.add(`--env ${name}: ${name} is not set in this environment`)
  }
  if (options.auth === 'NONE' && env['AIGC_HTTP_AUTH']?.trim() !== 'keys')
    problems.add(
      '--auth NONE opens the function URL to everybody: set AIGC_HTTP_AUTH=keys and AIGC_API_KEYS with it',
    )
  if (options.copyKeys && env['AIGC_SESSION_TOKEN']?.trim())
    problems.add('--copy-keys: AIGC_SESSION_TOKEN is set, and temporary credentials expire in a function')
  if (options.copyKeys && !keys.every((name) => env[name]?.trim()))
    problems.add(`--copy-keys: ${keys.join(' and ')} must be set`)

  if (options.alarms !== null) for (const problem of findWatchProblems(options, env)) problems.add(problem)

  const names = nameFunctions(options.stage)
  const role = options.role ?? ''
  const runtimes = options.runtime === 'newest' ? newestRuntimes : [options.runtime]
  const common = { namespace: options.namespace, runtimes, memoryMb: 256, delivery: null }
  const onTimer = (
    cron: string,
  ): Pick<WantedFunction, 'type' | 'timeoutSeconds' | 'trigger' | 'eventInvoke'> => ({
    type: 'Event',
    // Room for AIGC_SETTLE_SECONDS between the two looks that a removal takes, and each step of a rotation.
    timeoutSeconds: 180,
    trigger: { type: 'timer', cron },
    // A run that could not start within a period is of no use: the next one does its work.
    eventInvoke: { retries: 1, ttlSeconds: clamp(shortestPeriod(cron) ?? minTtl) },
  })
  const wanted: WantedFunction[] = [
    {
      ...common,
      function: 'list-tokens',
      name: names['list-tokens'],
      type: 'HTTP',
      role: options.listRole ?? role,
      timeoutSeconds: 15,
      environment: chooseEnvironment('list-tokens', options, env),
      trigger: { type: 'http', auth: options.auth },
      eventInvoke: null,
    },
    {
      ...{ ...common, ...onTimer(options.schedule) },
      function: 'mirror-tokens',
      name: names['mirror-tokens'],
      role,
      environment: chooseEnvironment('mirror-tokens', options, env),
    },
  ]
  if (options.rotation)
    wanted.push({
      ...{ ...common, ...onTimer(options.rotationSchedule) },
      function: 'rotate-tokens',
      name: names['rotate-tokens'],
      role: options.rotationRole ?? '',
      environment: chooseEnvironment('rotate-tokens', options, env),
    })
  for (const one of wanted) for (const problem of checkEnvironment(one, region)) problems.add(problem)
  if (problems.size > 0) throw new ConfigError([...problems])
  return wanted
}

function clamp(seconds: number): number {
  return Math.min(Math.max(seconds, minTtl), maxTtl)
}

function chooseEnvironment(
  name: FunctionName,
  { auth, copyKeys, variables }: DeployOptions,
  env: Environment,
): Record<string, string> {
  const chosen = Object.keys(env).filter(
    (variable) =>
      (variable.startsWith('AIGC_') && !kept.includes(variable) && isReadBy(name, variable)) ||
      (copyKeys && keys.includes(variable)) ||
      variables.includes(variable),
  )
  const values: Record<string, string> = {}
  for (const variable of chosen) {
    const value = env[variable]?.trim()
    // SCF takes no empty values, and an empty setting is one that is not set.
    if (value) values[variable] = value
  }
  if (name === 'list-tokens' && auth === 'CAM') {
    // Whoever gets past CAM carries its signature where a key of ours would be.
    values['AIGC_HTTP_AUTH'] = 'platform'
    delete values['AIGC_API_KEYS']
  }
  return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** A name that is no setting goes along, for the function to refuse. */
function isReadBy(name: FunctionName, variable: string): boolean {
  return !isSetting(variable) || settings[variable].readers.includes(name)
}

/** What the function would refuse when it runs, and what SCF would refuse. */
function checkEnvironment(
  { function: name, environment, role, trigger }: WantedFunction,
  region: string,
): string[] {
  const problems: string[] = []
  const bytes = Object.entries(environment).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key + value),
    0,
  )
  if (bytes > maxEnvironmentBytes)
    problems.push(
      `the settings of ${name} have ${bytes} bytes and may have ${maxEnvironmentBytes} on SCF; ` +
        `the longest are ${longest(environment).join(', ')}`,
    )
  try {
    // SCF sets these itself, where there is a role.
    const runRole = {
      TENCENTCLOUD_SECRETID: 'id',
      TENCENTCLOUD_SECRETKEY: 'key',
      TENCENTCLOUD_SESSIONTOKEN: 'token',
    }
    const config = parseConfig(
      { ...environment, TENCENTCLOUD_REGION: region, ...(role && runRole) },
      storeKinds,
    )
    if (trigger.type === 'timer' && config.mirrors.length === 0)
      problems.push('AIGC_MIRROR_TARGETS must name at least one target, such as tencent-ssm:NAME')
    const records = config.rotation.records.map(({ target }) => target)
    if (name === 'rotate-tokens' && records.length === 0)
      problems.push(
        'AIGC_ROTATION_STATE must name where rotate-tokens keeps its record, such as tencent-ssm:NAME-rotation',
      )
    const targets = [
      ...config.mirrors.flatMap((mirror) => mirror.targets),
      ...config.fallbacks.map(({ target }) => target),
    ]
    problems.push(...checkKept('a target', targets), ...checkKept('AIGC_ROTATION_STATE', records))
    problems.push(...checkAwsTargets([...targets, ...records], environment))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    problems.push(...error.problems)
  }
  return problems
}

function cloudOf(scheme: string): StoreKind['cloud'] {
  return storeKinds[scheme]?.cloud ?? null
}

/** What would be gone with the machine that a function runs on. */
function checkKept(what: string, targets: readonly Target[]): string[] {
  const kept = Object.keys(storeKinds).filter((scheme) => cloudOf(scheme) !== null)
  const lost = targets.find(({ scheme }) => !kept.includes(scheme))
  return lost
    ? [
        `${what} is a ${lost.scheme}:, and SCF keeps no files; use ${either(kept.map((scheme) => `${scheme}:`))}`,
      ]
    : []
}

/** What AWS's own SDK would miss on SCF, which knows nothing of AWS. */
function checkAwsTargets(
  targets: readonly Target[],
  environment: Readonly<Record<string, string>>,
): string[] {
  const inAws = targets.filter(({ scheme }) => cloudOf(scheme) === 'aws')
  const missing = inAws.length > 0 ? awsKeys.filter((name) => environment[name] === undefined) : []
  const problems: string[] = []
  if (missing.length > 0)
    problems.push(
      'a target is in AWS, for which a function on SCF has no credentials; ' +
        `add ${missing.map((name) => `--env ${name}`).join(' ')}`,
    )
  const namesRegion = ({ name, options }: Target): boolean =>
    options['region'] !== undefined || name.startsWith('arn:')
  if (environment['AWS_REGION'] === undefined && !inAws.every(namesRegion))
    problems.push('a target in AWS names no region; add ?region=… to it, or --env AWS_REGION')
  return problems
}

function longest(environment: Readonly<Record<string, string>>): string[] {
  return Object.keys(environment)
    .sort((a, b) => (environment[b] ?? '').length - (environment[a] ?? '').length)
    .slice(0, 3)
}

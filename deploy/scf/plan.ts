/** The judgement of a deployment: what stands and what is wanted in, the calls that remain out. Pure. */
import { type FunctionState, isOurs, mark, type TriggerState } from './state.ts'
import type { WantedFunction } from './wanted.ts'

/** One call that changes something. */
export interface Step {
  /** For people, such as `create function NAME`; holds no value of any variable. */
  readonly what: string
  readonly action: string
  readonly parameters: Readonly<Record<string, unknown>>
  /** Whether the function does not show that the call was made, so that it stays in the plan until the next one is. */
  readonly unseen?: true
}

export interface Plan {
  /** In the order in which they must be made. None: everything is as it shall be. */
  readonly steps: readonly Step[]
  /** What is left as it is although it could surprise, a sentence each. */
  readonly notes: readonly string[]
  /** Why nothing may be done, a sentence each; then there are no steps. */
  readonly refusals: readonly string[]
}

/** A function's zip. */
export interface Code {
  readonly base64: string
  /** 64 hex digits. */
  readonly sha256: string
}

export const runtime = 'Nodejs20.19'
const handler = 'index.main_handler'
const timerName = 'schedule'
/** The name that Tencent's Terraform provider gives it; a version has no more than one. */
const urlName = 'url-trigger'

/** What is to be done for a function to be as wanted; `state` is `null` where it does not exist. */
export function planDeployment(wanted: WantedFunction, code: Code, state: FunctionState | null): Plan {
  const { name, trigger } = wanted
  if (!state) return { ...nothing, steps: [createFunction(wanted, code), createTrigger(wanted)] }
  const refusals = refuse(wanted, state)
  if (refusals.length > 0) return { ...nothing, refusals }
  // A function whose creation failed cannot be updated.
  if (state.status === 'CreateFailed')
    return {
      ...nothing,
      steps: [
        deleteFunction(wanted, `delete function ${name}, whose creation failed${because(state)}`),
        createFunction(wanted, code),
        createTrigger(wanted),
      ],
    }

  const { steps, notes } = planTrigger(wanted, state)
  const configuration = [...updateCode(wanted, code, state), ...updateConfiguration(wanted, code, state)]
  // The URL closes before the function stops asking for keys, and opens after it has begun to.
  const closes = trigger.type === 'http' && trigger.auth === 'CAM'
  return { ...nothing, notes, steps: closes ? [...steps, ...configuration] : [...configuration, ...steps] }
}

/** What is to be done for a function to be gone. */
export function planRemoval(
  wanted: Pick<WantedFunction, 'name' | 'namespace'>,
  state: FunctionState | null,
): Plan {
  if (!state) return nothing
  if (!isOurs(state)) return { ...nothing, refusals: [foreign(wanted.name)] }
  const triggers = state.triggers.map(({ type, name, qualifier }) => ({
    what: `delete ${type === 'http' ? 'function URL' : type} ${name} of ${wanted.name}`,
    action: 'DeleteTrigger',
    parameters: { ...identify(wanted), TriggerName: name, Type: type, Qualifier: qualifier },
  }))
  return { ...nothing, steps: [...triggers, deleteFunction(wanted, `delete function ${wanted.name}`)] }
}

/** The public address of the function's URL, or `null`. */
export function findUrl({ triggers }: FunctionState): string | null {
  return triggers.find(isOurUrl)?.url || null
}

const nothing: Plan = { steps: [], notes: [], refusals: [] }

function refuse({ name, trigger }: WantedFunction, state: FunctionState): string[] {
  if (!isOurs(state)) return [foreign(name)]
  const remove = 'remove it first with --remove, or choose another --stage'
  const refusals: string[] = []
  if (state.runtime !== runtime)
    refusals.push(
      `function ${name} has the runtime ${state.runtime} and should have ${runtime}, which SCF cannot change; ${remove}`,
    )
  if (state.type !== 'Event')
    refusals.push(
      `function ${name} is of type ${state.type} and should be Event, which SCF cannot change; ${remove}`,
    )
  if (state.status === 'DeleteFailed')
    refusals.push(`deleting function ${name} failed${because(state)}; try --remove again`)
  if (trigger.type === 'http' && trigger.auth === 'CAM')
    for (const other of state.triggers.filter((one) => one.type === 'http' && !isOurUrl(one)))
      if (other.auth !== 'CAM')
        refusals.push(
          `function ${name} has another URL (${other.name} of ${other.qualifier}) that is open to everybody, and with ` +
            '--auth CAM the function would ask nobody for a key; delete that URL, or use --auth NONE with keys',
        )
  return refusals
}

function foreign(name: string): string {
  return (
    `function ${name} exists and was not made by this command (its description does not start with "${mark}"); ` +
    'choose another --stage'
  )
}

function planTrigger(
  wanted: WantedFunction,
  { triggers }: FunctionState,
): { steps: readonly Step[]; notes: readonly string[] } {
  const { name, trigger } = wanted
  const found = triggers.find(trigger.type === 'http' ? isOurUrl : isOurTimer)
  if (!found) return { steps: [createTrigger(wanted)], notes: [] }
  const { what, change } =
    trigger.type === 'http'
      ? { what: 'function URL', change: urlChange(trigger.auth, found) }
      : {
          what: 'timer',
          change: found.cron === trigger.cron ? null : `"${found.cron}" becomes "${trigger.cron}"`,
        }
  const steps = change
    ? [
        {
          what: `update ${what} of ${name}: ${change}`,
          action: 'UpdateTrigger',
          parameters: { ...identifyTrigger(wanted, found.name), TriggerDesc: describeTrigger(wanted) },
        },
      ]
    : []
  // Whoever froze the mirror by switching its timer off does not want a deployment to start it again.
  const notes = found.enabled ? [] : [`the ${what} of ${name} is switched off, and is left so`]
  return { steps, notes }
}

function urlChange(auth: string, found: TriggerState): string | null {
  if (found.auth !== auth) return `AuthType ${found.auth} becomes ${auth}`
  return found.url === '' ? 'it gets a public address' : null
}

function isOurUrl({ type, qualifier }: TriggerState): boolean {
  return type === 'http' && qualifier === '$LATEST'
}

function isOurTimer({ type, name, qualifier }: TriggerState): boolean {
  return type === 'timer' && name === timerName && qualifier === '$LATEST'
}

function createFunction(wanted: WantedFunction, code: Code): Step {
  const { name, memoryMb, timeoutSeconds, role, environment } = wanted
  return {
    what:
      `create function ${name}: ${runtime}, ${memoryMb} MB, ${timeoutSeconds} s, ` +
      `${role ? `role ${role}` : 'no role'}, ${Object.keys(environment).join(', ')}`,
    action: 'CreateFunction',
    parameters: {
      ...identify(wanted),
      Type: 'Event',
      Runtime: runtime,
      Handler: handler,
      CodeSource: 'ZipFile',
      Code: { ZipFile: code.base64 },
      InstallDependency: 'FALSE',
      PublicNetConfig: { PublicNetStatus: 'ENABLE' },
      ...configure(wanted, code),
    },
  }
}

function updateCode(wanted: WantedFunction, code: Code, state: FunctionState): Step[] {
  const changes = [
    ...(readDigest(state) === code.sha256 ? [] : ['code']),
    ...(state.handler === handler ? [] : ['handler']),
    ...(state.status === 'UpdateFailed' ? ['the last update failed'] : []),
  ]
  if (changes.length === 0) return []
  return [
    {
      what: `update code of ${wanted.name}: ${changes.join(', ')}`,
      action: 'UpdateFunctionCode',
      parameters: {
        ...identify(wanted),
        Handler: handler,
        CodeSource: 'ZipFile',
        Code: { ZipFile: code.base64 },
        InstallDependency: 'FALSE',
      },
      unseen: true,
    },
  ]
}

/** Comes after the code, because it records the digest: a run that dies in between uploads the code once more. */
function updateConfiguration(wanted: WantedFunction, code: Code, state: FunctionState): Step[] {
  const changes = [
    ...compare('memory', `${state.memoryMb} MB`, `${wanted.memoryMb} MB`),
    ...compare('timeout', `${state.timeoutSeconds} s`, `${wanted.timeoutSeconds} s`),
    ...compare('role', state.role || 'none', wanted.role || 'none'),
    ...compareEnvironment(state.environment, wanted.environment),
    ...(state.description === describe(wanted, code) ? [] : ['digest of the code']),
  ]
  if (changes.length === 0) return []
  return [
    {
      what: `update configuration of ${wanted.name}: ${changes.join(', ')}`,
      action: 'UpdateFunctionConfiguration',
      parameters: { ...identify(wanted), ...configure(wanted, code), Role: wanted.role },
    },
  ]
}

function compare(what: string, is: string, should: string): string[] {
  return is === should ? [] : [`${what} ${is} becomes ${should}`]
}

/** Names only: values may be secrets. */
function compareEnvironment(
  is: Readonly<Record<string, string>>,
  should: Readonly<Record<string, string>>,
): string[] {
  const names = [...new Set([...Object.keys(is), ...Object.keys(should)])].sort()
  return names
    .filter((name) => is[name] !== should[name])
    .map(
      (name) =>
        `${name} ${is[name] === undefined ? 'added' : should[name] === undefined ? 'removed' : 'changed'}`,
    )
}

function createTrigger(wanted: WantedFunction): Step {
  const { name, trigger } = wanted
  return {
    what:
      trigger.type === 'http'
        ? `create function URL of ${name}: AuthType ${trigger.auth}`
        : `create timer of ${name}: "${trigger.cron}"`,
    action: 'CreateTrigger',
    parameters: {
      ...identifyTrigger(wanted, trigger.type === 'http' ? urlName : timerName),
      TriggerDesc: describeTrigger(wanted),
      Enable: 'OPEN',
    },
  }
}

/** https://cloud.tencent.com/document/product/583/100227 for the URL. */
function describeTrigger({ trigger }: WantedFunction): string {
  if (trigger.type === 'timer') return trigger.cron
  return JSON.stringify({
    AuthType: trigger.auth,
    NetConfig: { EnableIntranet: false, EnableExtranet: true },
  })
}

function deleteFunction(wanted: Pick<WantedFunction, 'name' | 'namespace'>, what: string): Step {
  return { what, action: 'DeleteFunction', parameters: identify(wanted) }
}

function identify({ name, namespace }: Pick<WantedFunction, 'name' | 'namespace'>): Record<string, string> {
  return { FunctionName: name, Namespace: namespace }
}

function identifyTrigger(wanted: WantedFunction, name: string): Record<string, string> {
  return { ...identify(wanted), TriggerName: name, Type: wanted.trigger.type, Qualifier: '$LATEST' }
}

function configure(wanted: WantedFunction, code: Code): Record<string, unknown> {
  return {
    Description: describe(wanted, code),
    MemorySize: wanted.memoryMb,
    Timeout: wanted.timeoutSeconds,
    ...(wanted.role && { Role: wanted.role }),
    // Never empty: each function has a setting that it cannot do without. An empty list would change nothing.
    Environment: {
      Variables: Object.entries(wanted.environment).map(([Key, Value]) => ({ Key, Value })),
    },
  }
}

/**
 * The mark, and what code the function has. `GetFunction` gives back no digest of it, and `GetFunctionAddress` one of
 * which it is not documented whether it is that of the zip as it was sent; so ours is kept here, where it changes in
 * the one call that ends an update. SCF promises to take letters, digits, blanks, commas and full stops, and no others
 * but Chinese ones (https://www.tencentcloud.com/document/api/583/18580).
 */
function describe(wanted: WantedFunction, { sha256 }: Code): string {
  return `${mark}, ${wanted.function.replace('-', ' ')}, code ${sha256}`
}

function readDigest({ description }: FunctionState): string | null {
  return /, code ([0-9a-f]{64})$/.exec(description)?.[1] ?? null
}

function because({ reason }: FunctionState): string {
  return reason ? ` (${reason})` : ''
}

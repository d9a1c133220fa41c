/** The judgement of a deployment: what stands and what is wanted in, the calls that remain out. Pure. */
import {
  type EventInvoke,
  type FunctionState,
  isOurs,
  isWatched,
  mark,
  type TriggerState,
  watchedMark,
} from './state.ts'
import type { WantedFunction } from './wanted.ts'

/** One call that changes something. */
export interface Step {
  /** For people, such as `create function NAME`; holds no value of any variable. */
  readonly what: string
  readonly action: string
  readonly parameters: Readonly<Record<string, unknown>>
  /** Whether the function does not show that the call was made, so that it stays in the plan until the next one is. */
  readonly unseen?: true
  /** What is done in its place when SCF refuses it with this code. */
  readonly instead?: { readonly code: string; readonly step: Step }
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

const handler = 'index.main_handler'
const timerName = 'schedule'
/** The name that Tencent's Terraform provider gives it; a version has no more than one. */
const urlName = 'url-trigger'

/** What is to be done for a function to be as wanted; `state` is `null` where it does not exist. */
export function planDeployment(wanted: WantedFunction, code: Code, state: FunctionState | null): Plan {
  const { name } = wanted
  const creation = [
    createFunction(wanted, code, state),
    ...updateEventInvoke(wanted, null),
    createTrigger(wanted),
  ]
  if (!state) return { ...nothing, steps: creation }
  const refusals = refuse(wanted, state)
  if (refusals.length > 0) return { ...nothing, refusals }
  // A function whose creation failed cannot be updated.
  if (state.status === 'CreateFailed')
    return {
      ...nothing,
      steps: [
        deleteFunction(wanted, `delete function ${name}, whose creation failed${because(state)}`),
        ...creation,
      ],
    }

  const { removal, steps, notes } = planTrigger(wanted, state)
  return {
    ...nothing,
    notes: [...notes, ...runtimeNotes(wanted, state), ...watchNotes(wanted, state)],
    // A URL for other callers than before goes first and comes back last. So the function never asks nobody for a key
    // behind an open URL, and never asks for keys behind one that takes none.
    steps: [
      ...removal,
      ...updateCode(wanted, code, state),
      ...updateConfiguration(wanted, code, state),
      ...(state.eventInvoke ? updateEventInvoke(wanted, state.eventInvoke) : []),
      ...steps,
    ],
  }
}

/**
 * What is to be done for the event function of version 1.1 to be gone, now that a web function answers in its place.
 * One of that name that is somebody else's is in nobody's way.
 */
export function planReplacement(
  earlier: Pick<WantedFunction, 'name' | 'namespace'>,
  successor: string,
  state: FunctionState | null,
): Plan {
  if (!state || !isOurs(state)) return nothing
  const url = findUrl(state)
  const notes = [
    `the web function ${successor} takes the place of ${earlier.name}, because SCF logs what an event function returns` +
      `${url ? `; the address ${url} ends, so tell its callers the new one` : ''}`,
  ]
  return { ...planRemoval(earlier, state), notes }
}

/** That rotate-tokens is not asked for and yet stands: what is left, and how it goes. One that is somebody else's is in nobody's way. */
export function planLeft({ name }: Pick<WantedFunction, 'name'>, state: FunctionState | null): Plan {
  if (!state || !isOurs(state)) return nothing
  const rings = state.triggers.some((trigger) => isOurTimer(trigger) && trigger.enabled)
  return {
    ...nothing,
    notes: [
      `function ${name} of an earlier deployment with --rotation is left as it is${isWatched(state) ? ', with its alarms' : ''}: ` +
        `${rings ? 'its timer goes on to start it' : 'its timer does not start it'}; give --rotation again with every ` +
        'deployment, so that it follows code and settings, or take it away with --remove --rotation',
    ],
  }
}

/** What is to be done for a function to be gone. */
export function planRemoval(
  wanted: Pick<WantedFunction, 'name' | 'namespace'>,
  state: FunctionState | null,
): Plan {
  if (!state) return nothing
  if (!isOurs(state)) return { ...nothing, refusals: [foreign(wanted.name)] }
  const triggers = state.triggers.map((trigger) => deleteTrigger(wanted, trigger))
  return { ...nothing, steps: [...triggers, deleteFunction(wanted, `delete function ${wanted.name}`)] }
}

/** The same for rotate-tokens, which may be in the middle of a rotation. */
export function planRotationRemoval(
  wanted: Pick<WantedFunction, 'name' | 'namespace'>,
  state: FunctionState | null,
): Plan {
  const plan = planRemoval(wanted, state)
  if (plan.steps.length === 0) return plan
  const note =
    'the record of AIGC_ROTATION_STATE stays, and so do the tokens of a rotation that is under way; a later deployment ' +
    'with --rotation goes on from there'
  return { ...plan, notes: [note] }
}

/** The public address of the function's URL, or `null`. */
export function findUrl({ triggers }: FunctionState): string | null {
  return triggers.find(isOurUrl)?.url || null
}

/** A plan of what needs none. */
export const nothing: Plan = { steps: [], notes: [], refusals: [] }

function refuse({ name, trigger, type, runtimes }: WantedFunction, state: FunctionState): string[] {
  if (!isOurs(state)) return [foreign(name)]
  const remove = 'remove it first with --remove, or choose another --stage'
  const refusals: string[] = []
  if (!runtimes.includes(state.runtime))
    refusals.push(
      `function ${name} has the runtime ${state.runtime} and should have ${runtimes.join(' or ')}, which SCF cannot ` +
        `change; keep it with --runtime ${state.runtime}, or ${remove}`,
    )
  if (state.type !== type)
    refusals.push(
      `function ${name} is of type ${state.type} and should be ${type}, which SCF cannot change; ${remove}`,
    )
  if (state.status === 'DeleteFailed')
    refusals.push(`deleting function ${name} failed${because(state)}; try --remove again`)
  const url = state.triggers.find(isOurUrl)
  if (trigger.type === 'http' && url && !url.enabled && urlChange(trigger.auth, url))
    refusals.push(
      `the function URL of ${name} is switched off and would have to be made anew (${urlChange(trigger.auth, url)}), ` +
        'which would switch it on; switch it on, or delete it, in the SCF console',
    )
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

/** `removal` comes before anything else is changed, `steps` after. */
function planTrigger(
  wanted: WantedFunction,
  { triggers }: FunctionState,
): { removal: readonly Step[]; steps: readonly Step[]; notes: readonly string[] } {
  const { name, trigger } = wanted
  const found = triggers.find(trigger.type === 'http' ? isOurUrl : isOurTimer)
  if (!found) return { removal: [], steps: [createTrigger(wanted)], notes: [] }
  const what = trigger.type === 'http' ? 'function URL' : 'timer'
  // Whoever froze the mirror by switching its timer off does not want a deployment to start it again.
  const notes = found.enabled ? [] : [`the ${what} of ${name} is switched off, and is left so`]
  if (trigger.type === 'timer') {
    if (found.cron === trigger.cron) return { removal: [], steps: [], notes }
    const step: Step = {
      what: `update timer of ${name}: "${found.cron}" becomes "${trigger.cron}"`,
      action: 'UpdateTrigger',
      parameters: { ...identifyTrigger(wanted, found.name), TriggerDesc: describeTrigger(wanted) },
    }
    return { removal: [], steps: [step], notes }
  }
  const change = urlChange(trigger.auth, found)
  if (!change) return { removal: [], steps: [], notes }
  // `UpdateTrigger` is for timers (https://cloud.tencent.com/document/product/583/96828).
  const removal = deleteTrigger(wanted, found, `: ${change}`)
  return {
    removal: [removal],
    steps: [createTrigger(wanted)],
    notes: [...notes, `the function URL of ${name} is made anew, so its address changes; tell its callers`],
  }
}

/** That a newer runtime was asked for than the function has. */
function runtimeNotes({ name, runtimes: [best = ''] }: WantedFunction, { runtime }: FunctionState): string[] {
  return runtime === best
    ? []
    : [
        `function ${name} keeps ${runtime}, which SCF cannot change; --remove and a new deployment would give it another`,
      ]
}

/** That nothing of CLS is touched, although something is there; said once. */
function watchNotes(wanted: WantedFunction, state: FunctionState): string[] {
  if (wanted.delivery || !isWatched(state) || wanted.function !== 'mirror-tokens') return []
  return [
    'the log topic and the alarms of an earlier deployment with --alarms are left as they are; give --alarms again ' +
      'with every deployment, so that they follow its schedule',
  ]
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

/** With the best of the runtimes, or else the next. */
function createFunction(wanted: WantedFunction, code: Code, state: FunctionState | null): Step {
  const { name, type, runtimes, memoryMb, timeoutSeconds, role, environment, delivery } = wanted
  const [runtime = '', ...others] = runtimes
  return {
    what:
      `create ${type === 'HTTP' ? 'web function' : 'function'} ${name}: ${runtimes.join(' or ')}, ${memoryMb} MB, ` +
      `${timeoutSeconds} s, ${role ? `role ${role}` : 'no role'}, ${Object.keys(environment).join(', ')}` +
      `${delivery ? `, log to ${delivery.topicName}` : ''}`,
    action: 'CreateFunction',
    ...(others.length > 0 && {
      instead: {
        code: 'InvalidParameterValue.Runtime',
        step: createFunction({ ...wanted, runtimes: others }, code, state),
      },
    }),
    parameters: {
      ...identify(wanted),
      Type: type,
      Runtime: runtime,
      ...(type === 'Event' && { Handler: handler }),
      CodeSource: 'ZipFile',
      Code: { ZipFile: code.base64 },
      InstallDependency: 'FALSE',
      PublicNetConfig: { PublicNetStatus: 'ENABLE' },
      ...configure(wanted, code, state),
    },
  }
}

function updateCode(wanted: WantedFunction, code: Code, state: FunctionState): Step[] {
  const changes = [
    ...(readDigest(state) === code.sha256 ? [] : ['code']),
    ...(wanted.type === 'HTTP' || state.handler === handler ? [] : ['handler']),
    ...(state.status === 'UpdateFailed' ? ['the last update failed'] : []),
  ]
  if (changes.length === 0) return []
  return [
    {
      what: `update code of ${wanted.name}: ${changes.join(', ')}`,
      action: 'UpdateFunctionCode',
      parameters: {
        ...identify(wanted),
        ...(wanted.type === 'Event' && { Handler: handler }),
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
    ...compareDelivery(wanted, state),
    ...(readDigest(state) === code.sha256 ? [] : ['digest of the code']),
  ]
  if (changes.length === 0 && state.description !== describe(wanted, code, state)) changes.push('description')
  if (changes.length === 0) return []
  return [
    {
      what: `update configuration of ${wanted.name}: ${changes.join(', ')}`,
      action: 'UpdateFunctionConfiguration',
      parameters: { ...identify(wanted), ...configure(wanted, code, state), Role: wanted.role },
    },
  ]
}

/** Before the timer rings for the first time. */
function updateEventInvoke({ eventInvoke, ...wanted }: WantedFunction, is: EventInvoke | null): Step[] {
  if (!eventInvoke) return []
  const { retries, ttlSeconds } = eventInvoke
  if (is?.retries === retries && is.ttlSeconds === ttlSeconds) return []
  return [
    {
      what: `update events of ${wanted.name}: ${retries} retry, none starts more than ${ttlSeconds} s late`,
      action: 'UpdateFunctionEventInvokeConfig',
      parameters: {
        ...identify(wanted),
        AsyncTriggerConfig: { RetryConfig: [{ RetryNum: retries }], MsgTTL: ttlSeconds },
      },
    },
  ]
}

function compare(what: string, is: string, should: string): string[] {
  return is === should ? [] : [`${what} ${is} becomes ${should}`]
}

function compareDelivery({ delivery }: WantedFunction, { logTopic }: FunctionState): string[] {
  if (!delivery) return []
  const { topicId, logsetId, topicName } = delivery
  const isThere = topicId !== '' && topicId === logTopic.topicId && logsetId === logTopic.logsetId
  return isThere ? [] : [`log to ${topicName}`]
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

function deleteTrigger(
  wanted: Pick<WantedFunction, 'name' | 'namespace'>,
  { type, name, qualifier }: TriggerState,
  why = '',
): Step {
  return {
    what: `delete ${type === 'http' ? 'function URL' : type} ${name} of ${wanted.name}${why}`,
    action: 'DeleteTrigger',
    parameters: { ...identify(wanted), TriggerName: name, Type: type, Qualifier: qualifier },
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

function configure(wanted: WantedFunction, code: Code, state: FunctionState | null): Record<string, unknown> {
  const { delivery } = wanted
  return {
    Description: describe(wanted, code, state),
    ...(delivery && { ClsLogsetId: delivery.logsetId, ClsTopicId: delivery.topicId }),
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
 * The mark, whether alarms watch it, and what code the function has. `GetFunction` gives back no digest of it, and `GetFunctionAddress` one of
 * which it is not documented whether it is that of the zip as it was sent; so ours is kept here, where it changes in
 * the one call that ends an update. SCF promises to take letters, digits, blanks, commas and full stops, and no others
 * but Chinese ones (https://www.tencentcloud.com/document/api/583/18580).
 */
function describe(wanted: WantedFunction, { sha256 }: Code, state: FunctionState | null): string {
  const isToBeWatched = wanted.delivery !== null || (state !== null && isWatched(state))
  const watched = isToBeWatched ? `${watchedMark}, ` : ''
  return `${mark}, ${wanted.function.replace('-', ' ')}, ${watched}code ${sha256}`
}

function readDigest({ description }: FunctionState): string | null {
  return /, code ([0-9a-f]{64})$/.exec(description)?.[1] ?? null
}

function because({ reason }: FunctionState): string {
  return reason ? ` (${reason})` : ''
}

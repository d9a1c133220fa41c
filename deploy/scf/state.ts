/** What stands on SCF: its answers about a function, read. Pure. */
import { parseJson } from '../../lib/json.ts'

type Fields = Readonly<Record<string, unknown>>

/** What the description of a function starts with that is ours. SCF promises no hyphens there. */
export const mark = 'vod aigc tokens'

/** https://cloud.tencent.com/document/api/583/115197; `Publishing` and `PublishFailed` are about other versions. */
export interface FunctionState {
  readonly status: string
  /** Why an operation failed, in SCF's words; empty where nothing did. */
  readonly reason: string
  readonly runtime: string
  readonly type: string
  readonly handler: string
  readonly description: string
  readonly memoryMb: number
  readonly timeoutSeconds: number
  readonly role: string
  readonly environment: Readonly<Record<string, string>>
  readonly triggers: readonly TriggerState[]
  /** `null` where it was not read: SCF gives it of event functions that are `Active`. */
  readonly eventInvoke: EventInvoke | null
}

/** What becomes of events, such as a timer's, that cannot be run at once or whose run fails. */
export interface EventInvoke {
  /** How often a failed run is repeated. */
  readonly retries: number
  /** How long an event waits for its run, in seconds. */
  readonly ttlSeconds: number
}

export interface TriggerState {
  readonly type: string
  readonly name: string
  readonly qualifier: string
  readonly enabled: boolean
  /** Of a timer: its cron expression. */
  readonly cron: string
  /** Of a function URL: `CAM` or `NONE`. */
  readonly auth: string
  /** Of a function URL: its public address, empty where it has none. */
  readonly url: string
}

/** Whether this command made the function: its description starts with the mark. */
export function isOurs({ description }: FunctionState): boolean {
  return description.startsWith(mark)
}

/** The states in which something is still going on with a function, so that SCF refuses all else. */
export const busyStates: readonly string[] = ['Creating', 'Updating', 'Publishing', 'Deleting']

export function isBusy({ status }: FunctionState): boolean {
  return busyStates.includes(status)
}

/** From the answers of `GetFunction`, `ListTriggers` and, where it was asked, `GetFunctionEventInvokeConfig`. */
export function readFunction(answer: Fields, triggers: Fields, invoke: Fields | null = null): FunctionState {
  const reasons = list(answer['StatusReasons']).map((reason) => text(reason['ErrorMessage']))
  return {
    status: text(answer['Status']),
    reason: reasons.filter((reason) => reason !== '').join('; ') || text(answer['StatusDesc']),
    runtime: text(answer['Runtime']),
    // Older functions may say nothing, and are event functions.
    type: text(answer['Type']) || 'Event',
    handler: text(answer['Handler']),
    description: text(answer['Description']),
    memoryMb: Number(answer['MemorySize']),
    timeoutSeconds: Number(answer['Timeout']),
    role: text(answer['Role']),
    environment: Object.fromEntries(
      list(record(answer['Environment'])['Variables']).map(({ Key, Value }) => [text(Key), text(Value)]),
    ),
    triggers: list(triggers['Triggers']).map(readTrigger),
    eventInvoke: invoke && readEventInvoke(record(invoke['AsyncTriggerConfig'])),
  }
}

function readEventInvoke(config: Fields): EventInvoke {
  // The first is about runs that fail; Tencent's example has a second one that it does not explain.
  const [retry] = list(config['RetryConfig'])
  return { retries: Number(retry?.['RetryNum']), ttlSeconds: Number(config['MsgTTL']) }
}

function readTrigger(trigger: Fields): TriggerState {
  // A timer's description goes in as a bare cron expression and comes back as JSON.
  const description = parse(text(trigger['TriggerDesc']))
  const { EnableExtranet, ExtranetUrl } = record(description['NetConfig'])
  const type = text(trigger['Type'])
  return {
    type,
    name: text(trigger['TriggerName']),
    qualifier: text(trigger['Qualifier']) || '$LATEST',
    enabled: trigger['Enable'] === 1,
    cron: type === 'timer' ? text(description['cron']) || text(trigger['TriggerDesc']) : '',
    auth: text(description['AuthType']),
    url: EnableExtranet === false ? '' : text(ExtranetUrl),
  }
}

function parse(json: string): Fields {
  return record(parseJson(json))
}

function record(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(record) : []
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

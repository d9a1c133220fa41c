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
  /** The CLS topic of its log. */
  readonly logTopic: { readonly logsetId: string; readonly topicId: string }
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

/** What its description says where alarms of `--alarms` watch it, which only CLS knows otherwise. */
export const watchedMark = 'alarms'

/** Whether a deployment with `--alarms` made or changed the function. */
export function isWatched({ description }: FunctionState): boolean {
  return description.includes(`, ${watchedMark}, `)
}

/** The states in which something is still going on with a function, so that SCF refuses all else. */
export const busyStates: readonly string[] = ['Creating', 'Updating', 'Publishing', 'Deleting']

export function isBusy({ status }: FunctionState): boolean {
  return busyStates.includes(status)
}

/** From the answers of `GetFunction`, `ListTriggers` and, where it was asked, `GetFunctionEventInvokeConfig`. */
export function readFunction(answer: Fields, triggers: Fields, invoke: Fields | null = null): FunctionState {
  const reasons = listOf(answer['StatusReasons']).map((reason) => textOf(reason['ErrorMessage']))
  return {
    status: textOf(answer['Status']),
    reason: reasons.filter((reason) => reason !== '').join('; ') || textOf(answer['StatusDesc']),
    runtime: textOf(answer['Runtime']),
    // Older functions may say nothing, and are event functions.
    type: textOf(answer['Type']) || 'Event',
    handler: textOf(answer['Handler']),
    description: textOf(answer['Description']),
    memoryMb: Number(answer['MemorySize']),
    timeoutSeconds: Number(answer['Timeout']),
    role: textOf(answer['Role']),
    environment: Object.fromEntries(
      listOf(fieldsOf(answer['Environment'])['Variables']).map(({ Key, Value }) => [
        textOf(Key),
        textOf(Value),
      ]),
    ),
    logTopic: { logsetId: textOf(answer['ClsLogsetId']), topicId: textOf(answer['ClsTopicId']) },
    triggers: listOf(triggers['Triggers']).map(readTrigger),
    eventInvoke: invoke && readEventInvoke(fieldsOf(invoke['AsyncTriggerConfig'])),
  }
}

function readEventInvoke(config: Fields): EventInvoke {
  // The first is about runs that fail; Tencent's example has a second one that it does not explain.
  const [retry] = listOf(config['RetryConfig'])
  return { retries: Number(retry?.['RetryNum']), ttlSeconds: Number(config['MsgTTL']) }
}

function readTrigger(trigger: Fields): TriggerState {
  // A timer's description goes in as a bare cron expression and comes back as JSON.
  const description = parse(textOf(trigger['TriggerDesc']))
  const { EnableExtranet, ExtranetUrl } = fieldsOf(description['NetConfig'])
  const type = textOf(trigger['Type'])
  return {
    type,
    name: textOf(trigger['TriggerName']),
    qualifier: textOf(trigger['Qualifier']) || '$LATEST',
    enabled: trigger['Enable'] === 1,
    cron: type === 'timer' ? textOf(description['cron']) || textOf(trigger['TriggerDesc']) : '',
    auth: textOf(description['AuthType']),
    url: EnableExtranet === false ? '' : textOf(ExtranetUrl),
  }
}

function parse(json: string): Fields {
  return fieldsOf(parseJson(json))
}

/** A JSON object of an answer; of anything else, one without members. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

/** A list of objects of an answer; of anything else, none. */
export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : []
}

/** A text of an answer; of anything else, none. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

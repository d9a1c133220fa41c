/** What stands in CLS: its answers about a topic, its index and the alarms on it, read. Pure. */
import { fieldsOf, listOf, textOf } from './state.ts'
import { topicMark, type Watch } from './watch.ts'

type Fields = Readonly<Record<string, unknown>>

export interface WatchState {
  /** `null`: there is none. */
  readonly logsetId: string | null
  readonly topic: TopicState | null
  readonly index: IndexState | null
  readonly alarms: readonly AlarmState[]
  readonly noticeExists: boolean
}

export interface TopicState {
  readonly id: string
  readonly keptDays: number
  /** Whether this command made it. */
  readonly isOurs: boolean
}

export interface IndexState {
  readonly isOn: boolean
  /** As CLS gives it, to be kept but for what is missing. */
  readonly rule: Fields
}

/** In the words of {@link WantedAlarm}, and `null` where an alarm is of another make. */
export interface AlarmState {
  readonly id: string
  readonly name: string
  readonly isOn: boolean
  readonly topicIds: readonly string[]
  readonly queries: readonly string[]
  readonly condition: string
  readonly windowMinutes: number | null
  readonly everyMinutes: number | null
  readonly looks: number
  readonly level: number
  readonly message: string
  readonly noticeIds: readonly string[]
}

export function findLogset(answer: Fields, name: string): string | null {
  const found = listOf(answer['Logsets']).find((one) => one['LogsetName'] === name)
  return found ? textOf(found['LogsetId']) : null
}

export function findTopic(answer: Fields, name: string): TopicState | null {
  const found = listOf(answer['Topics']).find((one) => one['TopicName'] === name)
  if (!found) return null
  return {
    id: textOf(found['TopicId']),
    keptDays: Number(found['Period']),
    isOurs: textOf(found['Describes']).startsWith(topicMark),
  }
}

export function readIndex(answer: Fields): IndexState | null {
  const rule = answer['Rule']
  return rule ? { isOn: answer['Status'] === true, rule: fieldsOf(rule) } : null
}

/** Those of the names, and no others: CLS's filter may find names that hold one. */
export function findAlarms(answer: Fields, names: readonly string[]): AlarmState[] {
  return listOf(answer['Alarms'])
    .filter((one) => names.includes(textOf(one['Name'])))
    .map(readAlarm)
}

export function findNotice(answer: Fields, { noticeId }: Pick<Watch, 'noticeId'>): boolean {
  return listOf(answer['AlarmNotices']).some((one) => one['AlarmNoticeId'] === noticeId)
}

function readAlarm(alarm: Fields): AlarmState {
  const targets = listOf(alarm['AlarmTargets'])
  const { Type, Time } = fieldsOf(alarm['MonitorTime'])
  const starts = new Set(targets.map((target) => target['StartTimeOffset']))
  const toNow = targets.every((target) => target['EndTimeOffset'] === 0 && target['SyntaxRule'] === 1)
  return {
    id: textOf(alarm['AlarmId']),
    name: textOf(alarm['Name']),
    isOn: alarm['Status'] !== false,
    topicIds: [...new Set(targets.map((target) => textOf(target['TopicId'])))],
    queries: targets.map((target) => textOf(target['Query'])),
    condition: textOf(alarm['Condition']),
    windowMinutes: starts.size === 1 && toNow ? -Number([...starts][0]) : null,
    everyMinutes: Type === 'Period' ? Number(Time) : null,
    looks: Number(alarm['TriggerCount']),
    level: Number(alarm['AlarmLevel']),
    message: textOf(alarm['MessageTemplate']),
    noticeIds: Array.isArray(alarm['AlarmNoticeIds']) ? alarm['AlarmNoticeIds'].map(textOf) : [],
  }
}

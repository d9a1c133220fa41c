/** The judgement of what watches the functions: what stands in CLS and what is wanted in, the calls that remain out. Pure. */
import { nothing, type Plan, type Step } from './plan.ts'
import { fieldsOf, listOf, textOf } from './state.ts'
import {
  indexed,
  keptDays,
  logsetName,
  nameRotationAlarms,
  tokenizer,
  topicMark,
  type WantedAlarm,
  type Watch,
} from './watch.ts'
import type { AlarmState, IndexState, WatchState } from './watch-state.ts'

/** How often a notice is repeated while an alarm lasts, in minutes. */
const repeatMinutes = 60

/** What is to be done for the functions to have a topic for their log, with an index. */
export function planTopic({ topicName, noticeId }: Watch, state: WatchState): Plan {
  const { logsetId, topic, index, noticeExists } = state
  const refusals = [
    ...(noticeExists
      ? []
      : [
          `CLS has no notice group ${noticeId} in this region; docs/deploy-tencent.md says how to make the one of --alarms`,
        ]),
    ...(topic && !topic.isOurs
      ? [
          `the log topic ${topicName} exists and was not made by this command (its description does not start with ` +
            `"${topicMark}"); choose another --stage`,
        ]
      : []),
  ]
  if (refusals.length > 0) return { ...nothing, refusals }
  const steps: Step[] = []
  if (logsetId === null)
    steps.push({
      what: `create logset ${logsetName}`,
      action: 'CreateLogset',
      parameters: { LogsetName: logsetName },
    })
  if (!topic)
    steps.push({
      what: `create log topic ${topicName}: keeps lines for ${keptDays} days`,
      action: 'CreateTopic',
      parameters: {
        LogsetId: logsetId ?? '',
        TopicName: topicName,
        PartitionCount: 1,
        StorageType: 'hot',
        Period: keptDays,
        Describes: `${topicMark}the log of the functions, for the alarms`,
      },
    })
  const missing = missingKeys(index)
  if (!index)
    steps.push({
      what: `create index of ${topicName}: ${Object.keys(indexed).length} fields`,
      action: 'CreateIndex',
      parameters: { TopicId: topic?.id ?? '', Rule: extendRule({}), Status: true },
    })
  else if (!index.isOn || missing.length > 0)
    steps.push({
      what: `update index of ${topicName}: ${[...(index.isOn ? [] : ['switched on']), ...missing].join(', ')}`,
      action: 'ModifyIndex',
      parameters: { TopicId: topic?.id ?? '', Rule: extendRule(index.rule), Status: true },
    })
  const notes =
    topic && topic.keptDays !== keptDays
      ? [`the log topic ${topicName} keeps lines for ${topic.keptDays} days, and is left so`]
      : []
  return { ...nothing, steps, notes }
}

/** What is to be done for the alarms to be as wanted, on the topic that stands. */
export function planAlarms({ alarms, noticeId }: Watch, state: WatchState): Plan {
  const topicId = state.topic?.id ?? ''
  const steps: Step[] = []
  const notes: string[] = []
  for (const alarm of alarms) {
    const found = state.alarms.find(({ name }) => name === alarm.name)
    // Whoever silenced it does not want a deployment to wake them.
    if (found && !found.isOn) notes.push(`the alarm ${alarm.name} is switched off, and is left so`)
    const fields = describeAlarm(alarm, noticeId, topicId, state.logsetId ?? '')
    if (!found)
      steps.push({
        what:
          `create alarm ${alarm.name}: looks every ${alarm.everyMinutes} min at ${alarm.windowMinutes} min, ` +
          `tells ${noticeId}`,
        action: 'CreateAlarm',
        parameters: { ...fields, Status: true },
      })
    else {
      const changes = compareAlarm(alarm, noticeId, topicId, found)
      if (changes.length > 0)
        steps.push({
          what: `update alarm ${alarm.name}: ${changes.join(', ')}`,
          action: 'ModifyAlarm',
          parameters: { AlarmId: found.id, ...fields },
        })
    }
  }
  return { ...nothing, steps, notes }
}

/** What is to be done for the alarms to be gone. */
export function planSilence(topicName: string, { topic, alarms }: WatchState): Plan {
  const steps = alarms.map(
    ({ id, name }): Step => ({
      what: `delete alarm ${name}`,
      action: 'DeleteAlarm',
      parameters: { AlarmId: id },
    }),
  )
  const notes = topic
    ? [
        `the log topic ${topicName} and the logset ${logsetName} stay, with the log of the last ${topic.keptDays} days; ` +
          'delete them in the CLS console when nobody needs them',
      ]
    : []
  return { ...nothing, steps, notes }
}

/** What is to be done for the alarms on rotate-tokens to be gone, and for the others to stay. */
export function planRotationSilence(topicName: string, state: WatchState): Plan {
  const names = nameRotationAlarms(topicName)
  return planSilence(topicName, {
    ...state,
    topic: null,
    alarms: state.alarms.filter(({ name }) => names.includes(name)),
  })
}

function describeAlarm(
  alarm: WantedAlarm,
  noticeId: string,
  topicId: string,
  logsetId: string,
): Readonly<Record<string, unknown>> {
  return {
    Name: alarm.name,
    AlarmTargets: alarm.queries.map((Query, index) => ({
      TopicId: topicId,
      LogsetId: logsetId,
      Query,
      Number: index + 1,
      StartTimeOffset: -alarm.windowMinutes,
      EndTimeOffset: 0,
      SyntaxRule: 1,
    })),
    MonitorTime: { Type: 'Period', Time: alarm.everyMinutes },
    Condition: alarm.condition,
    AlarmLevel: alarm.level,
    TriggerCount: alarm.looks,
    AlarmPeriod: repeatMinutes,
    AlarmNoticeIds: [noticeId],
    MessageTemplate: alarm.message,
  }
}

function compareAlarm(alarm: WantedAlarm, noticeId: string, topicId: string, is: AlarmState): string[] {
  const differs: Readonly<Record<string, boolean>> = {
    topic: is.topicIds.join() !== topicId,
    query: is.queries.join('\n') !== alarm.queries.join('\n'),
    condition: is.condition !== alarm.condition,
    window: is.windowMinutes !== alarm.windowMinutes,
    interval: is.everyMinutes !== alarm.everyMinutes,
    'number of looks': is.looks !== alarm.looks,
    level: is.level !== alarm.level,
    message: is.message !== alarm.message,
    'notice group': is.noticeIds.join() !== noticeId,
  }
  return Object.keys(differs).filter((what) => differs[what])
}

/** The fields that are not in the index, or not so that alarms can count them. */
function missingKeys(index: IndexState | null): string[] {
  const found = new Map(
    keyValues(index?.rule ?? {}).map((one) => [textOf(one['Key']), fieldsOf(one['Value'])]),
  )
  return Object.entries(indexed).flatMap(([key, type]) => {
    const { Type, SqlFlag } = found.get(key) ?? {}
    return Type === type && SqlFlag === true ? [] : [key]
  })
}

/** A rule with all fields of ours, and whatever somebody else put into it. */
function extendRule(rule: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const others = keyValues(rule).filter((one) => !(textOf(one['Key']) in indexed))
  return {
    FullText: rule['FullText'] ?? { CaseSensitive: false, Tokenizer: tokenizer, ContainZH: false },
    ...(rule['Tag'] ? { Tag: rule['Tag'] } : {}),
    ...(rule['DynamicIndex'] ? { DynamicIndex: rule['DynamicIndex'] } : {}),
    KeyValue: {
      CaseSensitive: true,
      KeyValues: [
        ...Object.entries(indexed).map(([Key, Type]) => ({
          Key,
          Value: { Type, Tokenizer: Type === 'text' ? tokenizer : '', SqlFlag: true, ContainZH: false },
        })),
        ...others,
      ],
    },
  }
}

function keyValues(rule: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>[] {
  return listOf(fieldsOf(rule['KeyValue'])['KeyValues'])
}

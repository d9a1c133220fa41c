/**
 * CLS (Cloud Log Service) 2020-10-16 as far as a topic and alarms on it go
 * (https://www.tencentcloud.com/document/product/614/42823): logsets, topics, indexes, alarms and notice groups of one
 * account in several regions. Types, limits and codes are those of Tencent's SDK; where two of its texts differ, the
 * narrower limit holds. What is created takes its time to show. No alarm rings and no log is kept here.
 */
import { randomUUID } from 'node:crypto'
import {
  type Action,
  ApiError,
  action,
  type Fields,
  missingParameter,
  readParameters,
  type Schema,
  type Service,
  type Values,
} from './service.ts'

/** What the account is. */
export interface ClsOptions {
  /** The values of `X-TC-Region` where CLS exists. */
  readonly regions: readonly string[]
  /** Epoch milliseconds. */
  now(): number
}

/** A topic in the fields of `DescribeTopics`, and its index in those of `DescribeIndex`. */
export interface TopicState {
  readonly LogsetId: string
  readonly TopicId: string
  readonly TopicName: string
  readonly Period: number
  readonly Describes: string
  /** `null`: none. */
  readonly Index: IndexState | null
}

/** An index in the fields of `DescribeIndex`. */
export interface IndexState {
  readonly Status: boolean
  readonly Rule: Fields
}

/** An alarm in the fields of `DescribeAlarms`. */
export interface AlarmState {
  readonly AlarmId: string
  readonly Name: string
  readonly AlarmTargets: readonly Fields[]
  readonly MonitorTime: Fields
  readonly Condition: string
  readonly TriggerCount: number
  readonly AlarmPeriod: number
  readonly AlarmLevel: number
  readonly AlarmNoticeIds: readonly string[]
  readonly MessageTemplate: string
  readonly Status: boolean
}

/**
 * The account. `service` is what callers see of it; the other members are the operator's hand. A region, topic or
 * alarm that does not exist is an {@link ApiError} here too.
 */
export interface Cls {
  readonly service: Service
  /** Whether the service is switched on; true at first. */
  opened: boolean
  /** How long what was created stays out of the lists, in milliseconds. */
  lagMs: number
  /** The ids of the notice groups of every region; at first one. */
  readonly notices: Set<string>
  /** The names of all logsets of a region, oldest first. */
  logsets(region: string): string[]
  topics(region: string): TopicState[]
  alarms(region: string): AlarmState[]
  /** Changes a topic, its index too, as the console does. */
  setTopic(
    region: string,
    name: string,
    changes: Partial<Pick<TopicState, 'Period' | 'Describes' | 'Index'>>,
  ): void
  setAlarm(region: string, name: string, changes: Partial<Omit<AlarmState, 'AlarmId'>>): void
  /** Whether functions can deliver their log there. */
  hasTopic(region: string, logsetId: string, topicId: string): boolean
}

interface Logset {
  readonly id: string
  readonly name: string
  readonly visibleAt: number
}

interface Topic extends TopicState {
  readonly visibleAt: number
}

interface Alarm extends AlarmState {
  readonly visibleAt: number
}

interface Region {
  readonly logsets: Logset[]
  topics: Topic[]
  alarms: Alarm[]
}

/** Of the account, in the form of the real ones. */
export const simulatedNotice = 'notice-5281f1d2-6275-4e56-9ec3-a1eb19d8bc2f'

const reservedTopics = [
  'cls_service_log',
  'loglistener_status',
  'loglistener_alarm',
  'loglistener_business',
  'cls_service_metric',
]
const maxIndexKeys = 300
/** One of the documentation's two limits; the other is 2000. */
const maxTriggerCount = 10
/** Of the statements of one alarm that share what they look at. */
const maxTargets = 3
const dayMinutes = 1440

const page = { Filters: 'array?', Offset: 'int64?', Limit: 'int64?' } as const
const alarmFields = {
  MonitorTime: 'any?',
  Condition: 'string?',
  AlarmLevel: 'uint64?',
  MultiConditions: 'array?',
  TriggerCount: 'int64?',
  AlarmPeriod: 'int64?',
  AlarmNoticeIds: 'array?',
  AlarmTargets: 'array?',
  Status: 'boolean?',
  Enable: 'boolean?',
  MessageTemplate: 'string?',
  CallBack: 'any?',
  Analysis: 'array?',
  GroupTriggerStatus: 'boolean?',
  GroupTriggerCondition: 'array?',
  Tags: 'array?',
  MonitorObjectType: 'uint64?',
  Classifications: 'array?',
  MonitorNotice: 'any?',
} as const
const indexFields = {
  TopicId: 'string',
  Status: 'boolean?',
  IncludeInternalFields: 'boolean?',
  MetadataFlag: 'uint64?',
  CoverageField: 'string?',
} as const

/** Opens an account. */
export function createCls({ regions: names, now }: ClsOptions): Cls {
  const regions = new Map(
    names.map((region): [string, Region] => [region, { logsets: [], topics: [], alarms: [] }]),
  )

  const regionOf = (name: string | undefined): Region => {
    if (!name) throw missingParameter('Region')
    const region = regions.get(name)
    if (!region)
      throw new ApiError(
        'UnsupportedRegion',
        `CLS does not exist in \`${name}\`, but in ${names.join(', ')}.`,
      )
    return region
  }
  const isVisible = ({ visibleAt }: { readonly visibleAt: number }): boolean => visibleAt <= now()
  const soon = (): number => now() + cls.lagMs
  const findTopic = (region: Region, id: string): Topic => {
    const topic = region.topics.find(({ TopicId }) => TopicId === id)
    if (!topic) throw new ApiError('ResourceNotFound.TopicNotExist', `The topic \`${id}\` does not exist.`)
    return topic
  }

  const createLogset = action(
    { LogsetName: 'string', Tags: 'array?', LogsetId: 'string?' },
    ({ LogsetName }, { region }) => {
      const { logsets } = regionOf(region)
      checkName('LogsetName', LogsetName)
      if (logsets.some(({ name }) => name === LogsetName))
        throw new ApiError('InvalidParameter.LogsetConflict', `The logset \`${LogsetName}\` exists already.`)
      const id = randomUUID()
      logsets.push({ id, name: LogsetName, visibleAt: soon() })
      return { LogsetId: id }
    },
  )

  const describeLogsets = action(page, (input, { region }) => {
    const fits = readFilters(input.Filters, { maxValues: 5, exact: ['logsetId'], fuzzy: ['logsetName'] })
    const found = regionOf(region)
      .logsets.filter(isVisible)
      .map(({ id, name }) => ({ LogsetId: id, LogsetName: name }))
      .filter(({ LogsetId, LogsetName }) => fits({ logsetId: LogsetId, logsetName: LogsetName }))
    return { TotalCount: found.length, Logsets: pageOf(found, input) }
  })

  const createTopic = action(
    {
      ...{ LogsetId: 'string', TopicName: 'string', PartitionCount: 'int64?', Tags: 'array?' },
      ...{ AutoSplit: 'boolean?', MaxSplitPartitions: 'int64?', StorageType: 'string?', Period: 'int64?' },
      ...{ Describes: 'string?', HotPeriod: 'uint64?', Encryption: 'uint64?', CustomKmsInfo: 'any?' },
      ...{ BizType: 'uint64?', TopicId: 'string?', IsWebTracking: 'boolean?', Extends: 'any?' },
      ...{ IsSourceFrom: 'boolean?', BillingMode: 'uint64?' },
    },
    (
      { LogsetId, TopicName, Period = 30, PartitionCount = 1, StorageType = 'hot', Describes = '' },
      caller,
    ) => {
      const { logsets, topics } = regionOf(caller.region)
      checkName('TopicName', TopicName)
      if (reservedTopics.includes(TopicName))
        throw invalid(`TopicName is \`${TopicName}\`, which is reserved`)
      if (!logsets.some(({ id }) => id === LogsetId))
        throw new ApiError('ResourceNotFound.LogsetNotExist', `The logset \`${LogsetId}\` does not exist.`)
      if (StorageType !== 'hot' && StorageType !== 'cold') throw invalid('StorageType must be hot or cold')
      if (!(Period >= (StorageType === 'hot' ? 1 : 7) && Period <= 3600) && Period !== 3640)
        throw new ApiError('FailedOperation.InvalidPeriod', `The period cannot be ${Period} days.`)
      checkRange('PartitionCount', PartitionCount, 1, 10)
      if (topics.some((one) => one.LogsetId === LogsetId && one.TopicName === TopicName))
        throw new ApiError('InvalidParameter.TopicConflict', `The topic \`${TopicName}\` exists already.`)
      const TopicId = randomUUID()
      topics.push({ LogsetId, TopicId, TopicName, Period, Describes, Index: null, visibleAt: soon() })
      return { TopicId }
    },
  )

  const describeTopics = action(
    { ...page, PreciseSearch: 'uint64?', BizType: 'uint64?' },
    ({ PreciseSearch = 0, ...input }, { region }) => {
      const { topics, logsets } = regionOf(region)
      checkRange('PreciseSearch', PreciseSearch, 0, 3)
      const names = ['topicName', 'logsetName']
      const precise = names.filter((_, bit) => PreciseSearch & (1 << bit))
      const fits = readFilters(input.Filters, {
        maxValues: 100,
        exact: ['topicId', 'logsetId', ...precise],
        fuzzy: names,
      })
      const found = topics
        .filter(isVisible)
        .filter(({ TopicId, LogsetId, TopicName }) =>
          fits({
            topicId: TopicId,
            logsetId: LogsetId,
            topicName: TopicName,
            logsetName: logsets.find(({ id }) => id === LogsetId)?.name ?? '',
          }),
        )
        .map(({ visibleAt: _, Index, ...topic }) => ({
          ...topic,
          ...{ Index: Index !== null, PartitionCount: 1, StorageType: 'hot', Status: true, AutoSplit: true },
          ...{ MaxSplitPartitions: 50, HotPeriod: 0, BizType: 0, Tags: [], CreateTime: timeText(now()) },
        }))
      return { TotalCount: found.length, Topics: pageOf(found, input) }
    },
  )

  const setIndex = (region: Region, topic: Topic, Index: IndexState): void => {
    region.topics = region.topics.map((one) => (one === topic ? { ...one, Index } : one))
  }
  const createIndex = action({ ...indexFields, Rule: 'any' }, ({ TopicId, Rule, Status = true }, caller) => {
    const region = regionOf(caller.region)
    const topic = findTopic(region, TopicId)
    if (topic.Index)
      throw new ApiError('InvalidParameter.IndexConflict', 'The topic has an index already; modify it.')
    setIndex(region, topic, { Status, Rule: readRule(Rule) })
    return {}
  })

  const modifyIndex = action({ ...indexFields, Rule: 'any?' }, ({ TopicId, Rule, Status }, caller) => {
    const region = regionOf(caller.region)
    const topic = findTopic(region, TopicId)
    if (!topic.Index) throw noIndex()
    setIndex(region, topic, {
      Status: Status ?? topic.Index.Status,
      Rule: Rule === undefined ? topic.Index.Rule : readRule(Rule),
    })
    return {}
  })

  const describeIndex = action({ TopicId: 'string' }, ({ TopicId }, { region }) => {
    const { Index } = findTopic(regionOf(region), TopicId)
    if (!Index) throw noIndex()
    return {
      TopicId,
      ...Index,
      ...{ ModifyTime: timeText(now()), IncludeInternalFields: false, MetadataFlag: 0, CoverageField: '' },
    }
  })

  const checkAlarm = (region: Region, input: Values<typeof alarmFields>): void => {
    const { AlarmTargets, MonitorTime, TriggerCount, AlarmPeriod, Condition, AlarmLevel } = input
    if (input.MultiConditions !== undefined) {
      if (Condition !== undefined || AlarmLevel !== undefined)
        throw invalid('MultiConditions excludes Condition and AlarmLevel')
      throw invalid('MultiConditions is not simulated')
    }
    if (input.AlarmNoticeIds !== undefined && input.MonitorNotice !== undefined)
      throw invalid('AlarmNoticeIds and MonitorNotice exclude each other')
    if (AlarmTargets !== undefined) checkTargets(region, AlarmTargets)
    if (MonitorTime !== undefined) readMonitorTime(MonitorTime)
    if (TriggerCount !== undefined) checkRange('TriggerCount', TriggerCount, 1, maxTriggerCount)
    if (AlarmPeriod !== undefined) checkRange('AlarmPeriod', AlarmPeriod, 0, dayMinutes)
    if (AlarmLevel !== undefined) checkRange('AlarmLevel', AlarmLevel, 0, 2)
    if (Condition !== undefined && !conditionPattern.test(Condition))
      throw invalid(`Condition is \`${Condition}\`, which is no trigger condition`)
    for (const id of input.AlarmNoticeIds ?? [])
      if (typeof id !== 'string' || !cls.notices.has(id))
        throw new ApiError(
          'ResourceNotFound.AlarmNoticeNotExist',
          `The notice group \`${id}\` does not exist.`,
        )
  }
  const checkTargets = (region: Region, targets: readonly unknown[]): void => {
    if (targets.length < 1 || targets.length > maxTargets)
      throw invalid(`AlarmTargets has ${targets.length} statements and may have 1 to ${maxTargets}`)
    for (const [index, target] of targets.entries()) {
      const read = readParameters(
        {
          ...{ TopicId: 'string', Query: 'string', Number: 'int64', StartTimeOffset: 'int64' },
          ...{ EndTimeOffset: 'int64', LogsetId: 'string', SyntaxRule: 'uint64?' },
        },
        fieldsOf('AlarmTargets', target),
      )
      const { Number: number, StartTimeOffset: start, EndTimeOffset: end, SyntaxRule = 0, Query } = read
      if (number !== index + 1) throw invalid(`Number is ${number} and must count from 1`)
      checkRange('StartTimeOffset', start, -dayMinutes, 0)
      checkRange('EndTimeOffset', end, -dayMinutes, 0)
      checkRange('SyntaxRule', SyntaxRule, 0, 1)
      if (end <= start) throw invalid('EndTimeOffset must be greater than StartTimeOffset')
      if (!Query.trim()) throw invalid('Query is empty')
      if (findTopic(region, read.TopicId).LogsetId !== read.LogsetId)
        throw invalid('LogsetId is not that of the topic')
    }
  }

  const createAlarm = action(
    {
      ...alarmFields,
      ...{ Name: 'string', AlarmTargets: 'array', MonitorTime: 'any' },
      ...{ TriggerCount: 'int64', AlarmPeriod: 'int64' },
    },
    (input, caller) => {
      const region = regionOf(caller.region)
      checkName('Name', input.Name)
      checkAlarm(region, input)
      if (region.alarms.some(({ Name }) => Name === input.Name))
        throw new ApiError('InvalidParameter.AlarmConflict', `The alarm \`${input.Name}\` exists already.`)
      const { Condition, AlarmNoticeIds } = input
      if (Condition === undefined) throw missingParameter('Condition')
      if (!AlarmNoticeIds?.length) throw missingParameter('AlarmNoticeIds')
      const AlarmId = `alarm-${randomUUID()}`
      region.alarms.push({
        AlarmId,
        Name: input.Name,
        AlarmTargets: input.AlarmTargets as readonly Fields[],
        MonitorTime: input.MonitorTime as Fields,
        Condition,
        TriggerCount: input.TriggerCount,
        AlarmPeriod: input.AlarmPeriod,
        AlarmLevel: input.AlarmLevel ?? 0,
        AlarmNoticeIds: AlarmNoticeIds as readonly string[],
        MessageTemplate: input.MessageTemplate ?? '',
        Status: input.Status ?? true,
        visibleAt: soon(),
      })
      return { AlarmId }
    },
  )

  const findAlarm = ({ alarms }: Region, id: string): Alarm => {
    const alarm = alarms.find(({ AlarmId }) => AlarmId === id)
    if (!alarm) throw new ApiError('ResourceNotFound.AlarmNotExist', `The alarm \`${id}\` does not exist.`)
    return alarm
  }
  const modifyAlarm = action(
    { ...alarmFields, AlarmId: 'string', Name: 'string?' },
    ({ AlarmId, ...changes }, caller) => {
      const region = regionOf(caller.region)
      const alarm = findAlarm(region, AlarmId)
      if (Object.keys(changes).length === 0) throw invalid('nothing is modified')
      if (changes.Name !== undefined) checkName('Name', changes.Name)
      if (region.alarms.some((other) => other !== alarm && other.Name === changes.Name))
        throw new ApiError('InvalidParameter.AlarmConflict', `The alarm \`${changes.Name}\` exists already.`)
      checkAlarm(region, changes)
      const after = { ...alarm, ...(changes as Partial<AlarmState>) }
      region.alarms = region.alarms.map((one) => (one === alarm ? after : one))
      return {}
    },
  )

  const deleteAlarm = action({ AlarmId: 'string' }, ({ AlarmId }, caller) => {
    const region = regionOf(caller.region)
    const alarm = findAlarm(region, AlarmId)
    region.alarms = region.alarms.filter((one) => one !== alarm)
    return {}
  })

  const describeAlarms = action(page, (input, caller) => {
    const { alarms } = regionOf(caller.region)
    const fits = readFilters(input.Filters, { maxValues: 5, exact: ['alarmId', 'topicId'], fuzzy: ['name'] })
    const found = alarms
      .filter(isVisible)
      .filter(({ AlarmId, Name, AlarmTargets }) =>
        fits({ alarmId: AlarmId, name: Name, topicId: String(AlarmTargets[0]?.['TopicId']) }),
      )
      .map(({ visibleAt: _, ...alarm }) => ({
        ...alarm,
        ...{ CreateTime: timeText(now()), UpdateTime: timeText(now()), CallBack: null, Analysis: [] },
        ...{ GroupTriggerStatus: false, GroupTriggerCondition: [], Tags: [], MonitorObjectType: 0 },
        ...{ Classifications: [], MultiConditions: [], MonitorNotice: null },
        AlarmTargets: alarm.AlarmTargets.map((target) => ({ SyntaxRule: 0, ...target, BizType: 0 })),
      }))
    return { TotalCount: found.length, Alarms: pageOf(found, input) }
  })

  const describeAlarmNotices = action({ ...page, HasAlarmShieldCount: 'boolean?' }, (input, { region }) => {
    regionOf(region)
    const fits = readFilters(input.Filters, { maxValues: 5, exact: ['alarmNoticeId'], fuzzy: ['name'] })
    const found = [...cls.notices]
      .map((id) => ({ AlarmNoticeId: id, Name: `group ${id.slice(-4)}`, Type: 'All', NoticeReceivers: [] }))
      .filter(({ AlarmNoticeId, Name }) => fits({ alarmNoticeId: AlarmNoticeId, name: Name }))
    return { TotalCount: found.length, AlarmNotices: pageOf(found, input) }
  })

  const whereOpened =
    (run: Action): Action =>
    (body, caller) => {
      if (!cls.opened)
        throw new ApiError(
          'OperationDenied.AccountNotExists',
          'The account does not exist; open the service.',
        )
      return run(body, caller)
    }
  const actions: Readonly<Record<string, Action>> = {
    CreateLogset: createLogset,
    DescribeLogsets: describeLogsets,
    CreateTopic: createTopic,
    DescribeTopics: describeTopics,
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
    DescribeIndex: describeIndex,
    CreateAlarm: createAlarm,
    ModifyAlarm: modifyAlarm,
    DeleteAlarm: deleteAlarm,
    DescribeAlarms: describeAlarms,
    DescribeAlarmNotices: describeAlarmNotices,
  }
  const cls: Cls = {
    service: {
      name: 'cls',
      version: '2020-10-16',
      callsPerSecond: () => 20,
      actions: new Map(Object.entries(actions).map(([name, run]) => [name, whereOpened(run)])),
    },
    opened: true,
    lagMs: 20,
    notices: new Set([simulatedNotice]),
    logsets: (region) => regionOf(region).logsets.map(({ name }) => name),
    topics: (region) => regionOf(region).topics.map(({ visibleAt: _, ...topic }) => topic),
    alarms: (region) => regionOf(region).alarms.map(({ visibleAt: _, ...alarm }) => alarm),
    setTopic: (name, topicName, changes) => {
      const region = regionOf(name)
      const topic = region.topics.find(({ TopicName }) => TopicName === topicName)
      const { TopicId } = findTopic(region, topic?.TopicId ?? topicName)
      region.topics = region.topics.map((one) => (one.TopicId === TopicId ? { ...one, ...changes } : one))
    },
    setAlarm: (name, alarmName, changes) => {
      const region = regionOf(name)
      const alarm = region.alarms.find(({ Name }) => Name === alarmName)
      const { AlarmId } = findAlarm(region, alarm?.AlarmId ?? alarmName)
      region.alarms = region.alarms.map((one) => (one.AlarmId === AlarmId ? { ...one, ...changes } : one))
    },
    hasTopic: (region, logsetId, topicId) =>
      regionOf(region).topics.some(({ LogsetId, TopicId }) => LogsetId === logsetId && TopicId === topicId),
  }
  return cls
}

/** https://www.tencentcloud.com/document/product/614/39576 */
const conditionPattern =
  /^\s*\(*\s*\$\d\.\w+(\s*([-+*/%]|[<>]=?|[!=]=|&&|\|\|)\s*\(*\s*(\$\d\.\w+|\d+(\.\d+)?|"[^"]*")\s*\)*)+\s*$/

function checkName(field: string, name: string): void {
  if (name === '' || Buffer.byteLength(name) > 255 || name.includes('|'))
    throw invalid(`${field} must have 1 to 255 bytes and no "|"`)
}

function checkRange(field: string, value: number, least: number, most: number): void {
  if (value < least || value > most) throw invalid(`${field} is ${value} and must be ${least} to ${most}`)
}

function readMonitorTime(value: unknown): void {
  const { Type, Time, CronExpression } = readParameters(
    { Type: 'string', Time: 'int64?', CronExpression: 'string?' },
    fieldsOf('MonitorTime', value),
  )
  if (Type === 'Cron') {
    if (CronExpression?.split(' ').length !== 5) throw invalid('CronExpression must have five fields')
  } else if (Type === 'Period' || Type === 'Fixed') {
    if (Time === undefined) throw missingParameter('Time')
    checkRange('Time', Time, 1, dayMinutes)
  } else throw invalid(`Type is \`${Type}\` and must be Period, Fixed or Cron`)
}

/** An index rule, if it is one. */
function readRule(value: unknown): Fields {
  const rule = readParameters(
    { FullText: 'any?', KeyValue: 'any?', Tag: 'any?', DynamicIndex: 'any?' },
    fieldsOf('Rule', value),
  )
  if (rule.FullText !== undefined && rule.FullText !== null) {
    const fields = fieldsOf('FullText', rule.FullText)
    const { Tokenizer } = readParameters(
      { CaseSensitive: 'boolean', Tokenizer: 'string', ContainZH: 'boolean?' },
      fields,
    )
    checkTokenizer(Tokenizer)
  }
  const keys: string[] = []
  for (const part of [rule.KeyValue, rule.Tag])
    if (part !== undefined && part !== null) {
      const schema: Schema = { CaseSensitive: 'boolean', KeyValues: 'array?' }
      const { KeyValues } = readParameters(schema, fieldsOf('KeyValue', part))
      for (const one of (KeyValues as readonly unknown[] | undefined) ?? []) keys.push(readKeyValue(one))
    }
  if (keys.length > maxIndexKeys)
    throw new ApiError('LimitExceeded.IndexKeyOverLimit', `The index has more than ${maxIndexKeys} keys.`)
  if (new Set(keys).size < keys.length) throw invalid('a key is in the index twice')
  return rule as Fields
}

function readKeyValue(value: unknown): string {
  const { Key, Value } = readParameters({ Key: 'string', Value: 'any' }, fieldsOf('KeyValues', value))
  if (!/^[A-Za-z0-9./@-][\w./@-]*$/.test(Key)) throw invalid(`Key is \`${Key}\``)
  const { Type, Tokenizer, ContainZH } = readParameters(
    {
      ...{
        Type: 'string',
        Tokenizer: 'string?',
        SqlFlag: 'boolean?',
        ContainZH: 'boolean?',
        Alias: 'string?',
      },
      ...{ OpenIndexForChildOnly: 'boolean?', ChildNode: 'array?' },
    },
    fieldsOf('Value', Value),
  )
  if (Type === 'text') {
    if (Tokenizer === undefined) throw missingParameter('Tokenizer')
    checkTokenizer(Tokenizer)
  } else if (Type === 'long' || Type === 'double') {
    if (Tokenizer || ContainZH) throw invalid(`${Key} is a number, and so has no Tokenizer and no Chinese`)
  } else throw invalid(`Type is \`${Type}\` and must be long, double or text`)
  return Key
}

function checkTokenizer(text: string): void {
  if (!/^[\n\t\r !-/:-@[-`{-~]*$/.test(text)) throw invalid('Tokenizer must be of ASCII punctuation')
}

interface FilterNames {
  readonly maxValues: number
  readonly exact: readonly string[]
  /** A value of it is found in the middle of names, too. */
  readonly fuzzy: readonly string[]
}

/** Whether something fits all filters: it has, under each key, one of the values. */
function readFilters(
  filters: readonly unknown[] = [],
  { maxValues, exact, fuzzy }: FilterNames,
): (one: Readonly<Record<string, string>>) => boolean {
  if (filters.length > 10) throw invalid('there are more than 10 Filters')
  const read = filters.map((filter) =>
    readParameters({ Key: 'string', Values: 'array' }, fieldsOf('Filters', filter)),
  )
  for (const { Key, Values } of read) {
    if (!exact.includes(Key) && !fuzzy.includes(Key)) throw invalid(`a filter has the Key \`${Key}\``)
    if (Values.length > maxValues) throw invalid(`a filter has more than ${maxValues} Values`)
    if (!Values.every((value) => typeof value === 'string'))
      throw invalid('a filter has no text as its value')
  }
  return (one) =>
    read.every(({ Key, Values }) =>
      Values.some((value) => {
        const is = one[Key] ?? ''
        return exact.includes(Key) ? is === value : is.includes(String(value))
      }),
    )
}

function pageOf<T>(all: readonly T[], { Offset = 0, Limit = 20 }: { Offset?: number; Limit?: number }): T[] {
  checkRange('Offset', Offset, 0, Number.MAX_SAFE_INTEGER)
  checkRange('Limit', Limit, 1, 100)
  return all.slice(Offset, Offset + Limit)
}

function fieldsOf(name: string, value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw invalid(`${name} is no object`)
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
}

function noIndex(): ApiError {
  return new ApiError('ResourceNotFound.IndexNotExist', 'The topic has no index.')
}

function invalid(what: string): ApiError {
  return new ApiError('InvalidParameter', `The request is wrong: ${what}.`)
}

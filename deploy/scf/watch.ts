/** What shall watch the functions in CLS: options in, a topic, its index and alarms out. Pure. */
import { settings } from '../../lib/config.ts'
import type { Environment } from '../../lib/credentials/sources.ts'
import type { DeployOptions } from './options.ts'
import { longestPeriod, shortestPeriod } from './schedule.ts'

/** A topic with an index, and alarms on it that tell one notice group. */
export interface Watch {
  readonly logsetName: string
  readonly topicName: string
  readonly noticeId: string
  readonly alarms: readonly WantedAlarm[]
}

/** An alarm on the lines of the functions. All times are in minutes. */
export interface WantedAlarm {
  readonly name: string
  /** In CQL and SQL: `$1`, `$2` of the condition. https://www.tencentcloud.com/document/product/614/37803 */
  readonly queries: readonly string[]
  /** https://www.tencentcloud.com/document/product/614/39576 */
  readonly condition: string
  /** How far back each look goes. */
  readonly windowMinutes: number
  readonly everyMinutes: number
  /** After how many looks in a row with the condition met it rings. */
  readonly looks: number
  /** CLS's 0 is a warning, 2 is critical. */
  readonly level: 0 | 2
  /** For whoever is told. https://www.tencentcloud.com/document/product/614/41984 */
  readonly message: string
}

export const logsetName = 'vod-aigc-tokens'
/** Of a topic that this command made, in its description. */
export const topicMark = 'vod-aigc-tokens: '
export const keptDays = 30

/** The marks at which CLS cuts texts into words. None of them is in the words that the alarms look for. */
export const tokenizer = '@&()=\'",;:<>[]{}/ \n\t\r'

/**
 * What is in the index: of each line what the alarms look for and what people look for, and what SCF adds to each
 * (https://cloud.tencent.com/document/product/583/60336).
 */
export const indexed: Readonly<Record<string, 'text' | 'long' | 'double'>> = {
  ...{ event: 'text', level: 'text', trigger: 'text', outcome: 'text', reason: 'text', code: 'text' },
  ...{ message: 'text', route: 'text', caller: 'text', status: 'long', good: 'long', held: 'long' },
  ...{ added: 'long', removed: 'long', listed: 'long', dryRun: 'long', durationMs: 'long' },
  ...{ created: 'long', deleted: 'long', stuck: 'long', waiting: 'long' },
  ...{ SCF_FunctionName: 'text', SCF_Namespace: 'text', SCF_RequestId: 'text', SCF_Alias: 'text' },
  ...{
    SCF_Qualifier: 'text',
    SCF_Level: 'text',
    SCF_Message: 'text',
    SCF_Type: 'text',
    SCF_StartTime: 'long',
  },
  ...{ SCF_LogTime: 'long', SCF_Duration: 'long', SCF_StatusCode: 'long', SCF_RetryNum: 'long' },
  SCF_MemUsage: 'double',
}

/** The longest window of CLS, in minutes. */
const dayMinutes = 1440
/** Room for a run, its retry a minute later, and the log on its way. */
const leastPeriodMinutes = 5
/** Of looks that turn out alike there are this many in a period. */
const looksPerPeriod = 4
/** How long nothing good may come. */
const stalePeriods = 3

/** A run of the timer; a run by hand is watched by whoever made it, and a dry run says nothing of the secrets. */
const timerRuns = 'event:"mirror-tokens" AND trigger:"scf-timer" AND NOT dryRun:1'
const rotationRuns = 'event:"rotate-tokens" AND trigger:"scf-timer" AND NOT dryRun:1'
/** A run that keeps a secret back did its work; mirror-held tells of it, and no other alarm. */
const fine = '(good:1 OR outcome:"held")'

/** What belongs to a stage in its namespace. */
export function nameTopic({ stage, namespace }: Pick<DeployOptions, 'stage' | 'namespace'>): string {
  // A stage has no underscore, so no two of these are the same.
  return `${logsetName}-${stage}${namespace === 'default' ? '' : `_${namespace}`}`
}

/** The names of the four alarms on a topic that are always wanted. */
export function nameAlarms(topicName: string): string[] {
  return ['mirror-stale', 'mirror-failed', 'mirror-held', 'upstream-errors'].map(
    (name) => `${topicName}-${name}`,
  )
}

/** The names of those on rotate-tokens. */
export function nameRotationAlarms(topicName: string): string[] {
  return ['rotation-failed', 'rotation-stuck', 'rotation-deletions'].map((name) => `${topicName}-${name}`)
}

/** Why the functions of these options cannot be watched, a sentence each. */
export function findWatchProblems({ schedule }: Pick<DeployOptions, 'schedule'>, env: Environment): string[] {
  const problems: string[] = []
  if (['warn', 'error'].includes(env['AIGC_LOG_LEVEL']?.trim() ?? ''))
    problems.push(
      '--alarms: with AIGC_LOG_LEVEL=warn or error a good run writes no line, and would look like none; ' +
        'set AIGC_LOG_LEVEL=info',
    )
  if (longestPeriod(schedule) === null)
    problems.push(
      '--alarms: silence can be told only of a timer that rings on every day, such as --schedule "0 0 3 * * * *"',
    )
  return problems
}

/** What `--alarms NOTICE_ID` asks for, where nothing was found to be in the way of it. */
export function wantWatch(noticeId: string, options: DeployOptions, env: Environment = {}): Watch {
  const topicName = nameTopic(options)
  const { schedule, rotation, rotationSchedule } = options
  const alarms = [
    ...wantAlarms(topicName, minutes(shortestPeriod(schedule)), minutes(longestPeriod(schedule))),
    ...(rotation
      ? wantRotationAlarms(topicName, minutes(shortestPeriod(rotationSchedule)), countApplications(env))
      : []),
  ]
  return { logsetName, topicName, noticeId, alarms }
}

/** Whatever is wrong with them is found elsewhere. */
function countApplications(env: Environment): number {
  const text = env['AIGC_SUB_APP_IDS']?.trim()
  return text ? settings.AIGC_SUB_APP_IDS.read(text, () => {}).length : 0
}

/** `NaN` where it is not known. */
function minutes(seconds: number | null): number {
  return (seconds ?? Number.NaN) / 60
}

function wantAlarms(topicName: string, shortest: number, longest: number): WantedAlarm[] {
  const [stale = '', failed = '', held = '', upstream = ''] = nameAlarms(topicName)
  const gap = Math.max(leastPeriodMinutes, Math.ceil(longest))
  const often = watchRuns(shortest)
  return [
    { name: stale, ...watchSilence(gap), ...staleAlarm },
    { name: failed, ...often, ...failedAlarm },
    { name: held, ...often, ...heldAlarm },
    { name: upstream, ...upstreamAlarm },
  ]
}

function wantRotationAlarms(topicName: string, shortest: number, applications: number): WantedAlarm[] {
  const [failed = '', stuck = '', deletions = ''] = nameRotationAlarms(topicName)
  return [
    { name: failed, ...watchRuns(shortest), ...rotationFailedAlarm },
    { name: stuck, ...watchRuns(shortest), ...rotationStuckAlarm },
    { name: deletions, ...watchDeletions(Math.max(applications, 1)) },
  ]
}

/** A window of one period, which has both tries of a run and no other. */
function watchRuns(shortest: number): Pick<WantedAlarm, 'windowMinutes' | 'everyMinutes' | 'looks'> {
  // Of a schedule of which nothing is known, SCF says what is wrong with it.
  const period = Math.max(leastPeriodMinutes, Math.floor(shortest) || 0)
  return { windowMinutes: period, everyMinutes: Math.round(period / looksPerPeriod), looks: 1 }
}

/**
 * A window of two periods, in which a good run is missing for a third one: so a deployment does not ring before its
 * timer did. A window has a day at most; beyond it, silence has to last longer.
 */
function watchSilence(gap: number): Pick<WantedAlarm, 'windowMinutes' | 'everyMinutes' | 'looks'> {
  const windowMinutes = Math.min((stalePeriods - 1) * gap, dayMinutes)
  const everyMinutes = Math.round(gap / looksPerPeriod)
  const looks = Math.ceil((stalePeriods * gap - windowMinutes) / everyMinutes) + 1
  return { windowMinutes, everyMinutes, looks }
}

const page = 'docs/alarms.md of vod-aigc-tokens says what to do.'

const staleAlarm = {
  queries: [`${timerRuns} AND ${fine} | select count(*) as good`],
  // The first half is for the case that nothing found gives no row, which is not documented.
  condition: '$1.__QUERYCOUNT__ < 1 || $1.good < 1',
  level: 2,
  message: `mirror-stale: no good run of mirror-tokens for ${stalePeriods} periods of its timer. ${page}`,
} as const

/** Both tries of a run failed, and none was good: one that fails and succeeds at its second try does not count. */
const failedAlarm = {
  queries: [
    `${timerRuns} AND NOT ${fine} | select count(*) as failed`,
    `${timerRuns} AND ${fine} | select count(*) as good`,
  ],
  condition: '$1.failed > 1 && $2.good < 1',
  level: 0,
  message: `mirror-failed: mirror-tokens failed, and so did its second try: {{.QueryLog[0][0].content.reason}} ${page}`,
} as const

const heldAlarm = {
  queries: [`${timerRuns} AND held:>0 | select count(*) as runs`],
  condition: '$1.runs > 0',
  level: 0,
  message: `mirror-held: mirror-tokens keeps a secret as it is: {{.QueryLog[0][0].content.reason}} ${page}`,
} as const

/** Callers were told (502, 503, 504), or got an old list, in two windows in a row. */
const upstreamAlarm = {
  queries: ['event:"list-tokens" AND (status:>=502 OR outcome:"stale") | select count(*) as requests'],
  condition: '$1.requests > 0',
  windowMinutes: 5,
  everyMinutes: 5,
  looks: 2,
  level: 0,
  message: `upstream-errors: requests to list-tokens met failures of Tencent: {{.QueryLog[0][0].content.reason}} ${page}`,
} as const

/** What is held for somebody to look has failed as well: no step of it is taken. */
const rotationFailedAlarm = {
  queries: [
    `${rotationRuns} AND good:0 | select count(*) as failed`,
    `${rotationRuns} AND good:1 | select count(*) as good`,
  ],
  condition: '$1.failed > 1 && $2.good < 1',
  level: 0,
  message: `rotation-failed: rotate-tokens failed or is held, and so was its second try: {{.QueryLog[0][0].content.reason}} ${page}`,
} as const

const rotationStuckAlarm = {
  queries: [`${rotationRuns} AND stuck:>0 | select count(*) as runs`],
  condition: '$1.runs > 0',
  level: 0,
  message: `rotation-stuck: a rotation does not get further: {{.QueryLog[0][0].content.reason}} ${page}`,
} as const

/**
 * Whoever started the runs: a rotation deletes one token of an application, and not soon again. Of no lines a sum is null
 * (https://www.tencentcloud.com/document/product/614/41995), which is not more than anything.
 */
function watchDeletions(applications: number): Omit<WantedAlarm, 'name'> {
  return {
    queries: ['event:"rotate-tokens" AND deleted:>0 | select sum(deleted) as tokens'],
    condition: `$1.tokens > ${applications}`,
    windowMinutes: dayMinutes,
    everyMinutes: 15,
    looks: 1,
    level: 2,
    message:
      'rotation-deletions: rotate-tokens deleted more tokens within a day than there are applications: ' +
      `{{.QueryLog[0][0].content.reason}} ${page}`,
  }
}

/** Brings topic, index and alarms in CLS into the state that a plan wants; clock and calls are lent. */
import { callMs, failed, isCode, repeat, type Scf } from './apply.ts'
import type { Plan } from './plan.ts'
import { logsetName, nameAlarms, nameRotationAlarms, type Watch } from './watch.ts'
import {
  type AlarmState,
  findAlarms,
  findLogset,
  findNotice,
  findTopic,
  readIndex,
  type WatchState,
} from './watch-state.ts'

export const clsApi = { service: 'cls', version: '2020-10-16' } as const

/** What the plan is about: the names of topic and alarms, and the notice group unless they are to go. */
export type Watched = Pick<Watch, 'topicName'> & { readonly noticeId: string | null }

type Fields = Readonly<Record<string, unknown>>

/** The most of a list that CLS gives at a time; a name's filter leaves less. */
const maxPage = 100

/** What of it stands. Throws `DeployError`. */
export async function readWatch({ topicName, noticeId }: Watched, cls: Scf): Promise<WatchState> {
  const deadline = cls.monotonic() + callMs
  const ask = (action: string, parameters: Fields): Promise<Fields> =>
    cls.call(action, parameters, deadline).catch((error) => {
      throw isAbsence(error) ? error : failed(`reading the log topic ${topicName}`, error)
    })
  const list = (action: string, filters: Readonly<Record<string, readonly string[]>>, more: Fields = {}) =>
    ask(action, {
      Filters: Object.entries(filters).map(([Key, Values]) => ({ Key, Values })),
      Limit: maxPage,
      ...more,
    })
  const noticeExists =
    noticeId === null ||
    findNotice(await list('DescribeAlarmNotices', { alarmNoticeId: [noticeId] }), { noticeId })
  const alarms: AlarmState[] = []
  // CLS takes five names at a time.
  for (const names of [nameAlarms(topicName), nameRotationAlarms(topicName)])
    alarms.push(...findAlarms(await list('DescribeAlarms', { name: names }), names))
  const logsetId = findLogset(await list('DescribeLogsets', { logsetName: [logsetName] }), logsetName)
  if (logsetId === null) return { noticeExists, alarms, logsetId, topic: null, index: null }
  const topics = await list(
    'DescribeTopics',
    { logsetId: [logsetId], topicName: [topicName] },
    { PreciseSearch: 1 },
  )
  const topic = findTopic(topics, topicName)
  const index = topic && (await ask('DescribeIndex', { TopicId: topic.id }).then(readIndex, orNone))
  return { noticeExists, alarms, logsetId, topic, index }
}

function orNone(error: unknown): null {
  if (isAbsence(error)) return null
  throw error
}

/** Makes the steps of `plan` one by one; returns what then stands. */
export async function bringWatchInStep(
  watched: Watched,
  plan: (state: WatchState) => Plan,
  cls: Scf,
): Promise<WatchState> {
  return repeat({ product: 'CLS', read: () => readWatch(watched, cls), plan, isConflict }, cls)
}

function isAbsence(error: unknown): boolean {
  return isCode(error, 'ResourceNotFound.IndexNotExist', 'ResourceNotFound.TopicNotExist')
}

/** Also when it does not show yet what was made before, by a run that died or by one beside this. */
function isConflict(error: unknown): boolean {
  return isCode(
    error,
    'InvalidParameter.LogsetConflict',
    'FailedOperation.LogsetConflict',
    'InvalidParameter.TopicConflict',
    'FailedOperation.TopicCreating',
    'InvalidParameter.IndexConflict',
    'LimitExceeded.IndexOperating',
    'InvalidParameter.AlarmConflict',
    'InvalidParameter.DbDuplication',
    'ResourceNotFound.LogsetNotExist',
    'ResourceNotFound.TopicNotExist',
    'ResourceNotFound.IndexNotExist',
    'ResourceNotFound.AlarmNotExist',
  )
}

/** All topics, in the order in which they run. */
import { call } from './call.ts'
import { coldStart } from './cold-start.ts'
import { credentials } from './credentials.ts'
import { firstRequest } from './first-request.ts'
import { keepAlive } from './keep-alive.ts'
import { memory } from './memory.ts'
import { mirror } from './mirror.ts'
import { sign } from './sign.ts'
import { size } from './size.ts'
import type { Topic } from './topic.ts'
import { warm } from './warm.ts'

export const topics = {
  'first-request': firstRequest,
  sign,
  call,
  'cold-start': coldStart,
  size,
  credentials,
  warm,
  memory,
  'keep-alive': keepAlive,
  mirror,
} as const satisfies Readonly<Record<string, Topic>>

export type TopicName = keyof typeof topics

export const topicNames = Object.keys(topics) as TopicName[]

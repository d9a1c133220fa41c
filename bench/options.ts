import { readArguments, refuse } from '../scripts/arguments.ts'
import { type TopicName, topicNames } from './topics/index.ts'

export interface Options {
  /** Less of everything: under a minute, and rougher. */
  readonly quick: boolean
  /** One JSON document on stdout, and nothing else there. */
  readonly json: boolean
  /** Whether charts are written; a full run always does. */
  readonly charts: boolean
  /** In the order of {@link topicNames}. */
  readonly topics: readonly TopicName[]
}

const command = 'npm run bench'
const usage = `${command} -- [--quick] [--json] [--charts] [--only ${topicNames.slice(0, 2).join(',')},…]`

/** Reads the command line. Ends the process where it is not what the command takes. */
export function readOptions(): Options {
  const flag = { type: 'boolean', default: false } as const
  const { values } = readArguments({
    name: command,
    usage,
    about: `Measures this project beside its peers, in about six minutes, and rewrites bench/charts.

  --quick         under a minute, rougher; leaves the charts as they are
  --charts        rewrites them all the same
  --json          one JSON document on stdout, and nothing else there
  --only TOPICS   some of ${topicNames.join(',')}
  --help          this text`,
    flags: { quick: flag, json: flag, charts: flag, only: { type: 'string' } },
    words: 'none',
  })
  const { quick, json, charts, only } = values
  const chosen = only === undefined ? topicNames : only.split(',').filter((name) => name !== '')
  const unknown = chosen.filter((name) => !topicNames.some((known) => known === name))
  const topics = `the topics are ${topicNames.join(', ')}`
  if (unknown.length > 0) refuse(command, [`--only names no topic "${unknown.join('", "')}"; ${topics}`])
  if (chosen.length === 0) refuse(command, [`--only should name at least one topic; ${topics}`])
  return { quick, json, charts: charts || !quick, topics: topicNames.filter((name) => chosen.includes(name)) }
}

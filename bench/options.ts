import { parseArgs } from 'node:util'
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

const usage = `npm run bench -- [--quick] [--json] [--charts] [--only ${topicNames.slice(0, 2).join(',')},…]
topics: ${topicNames.join(', ')}`

/** Reads the command line. Throws an `Error` that says what the command takes. */
export function readOptions(args: readonly string[]): Options {
  const { quick, json, charts, only } = parse(args)
  const chosen = only === undefined ? topicNames : only.split(',').filter((name) => name !== '')
  const unknown = chosen.filter((name) => !topicNames.some((known) => known === name))
  if (unknown.length > 0) throw new Error(`--only names no topic "${unknown.join('", "')}"\n${usage}`)
  if (chosen.length === 0) throw new Error(`--only should name at least one topic\n${usage}`)
  return { quick, json, charts: charts || !quick, topics: topicNames.filter((name) => chosen.includes(name)) }
}

function parse(args: readonly string[]): { quick: boolean; json: boolean; charts: boolean; only?: string } {
  const flag = { type: 'boolean', default: false } as const
  try {
    const options = { quick: flag, json: flag, charts: flag, only: { type: 'string' } } as const
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${usage}`)
  }
}

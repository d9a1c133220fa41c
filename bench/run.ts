/** `npm run bench`: this project, its peers and the floors side by side in one run, and how the goals are met. */
import { cpus } from 'node:os'
import { buildBundles } from './bundles.ts'
import { writeCharts } from './charts.ts'
import { describeJudgement } from './goals.ts'
import { type Options, readOptions } from './options.ts'
import { installPeers } from './peers.ts'
import { drawTable } from './table.ts'
import { type TopicName, topics } from './topics/index.ts'
import type { Measurement } from './topics/topic.ts'

interface TopicResult extends Measurement {
  readonly topic: TopicName
  readonly title: string
}

const machine = {
  node: process.version,
  cpu: `${cpus().length} x ${cpus()[0]?.model.trim()}`,
  date: new Date().toISOString(),
}

try {
  const options = readOptions()
  installPeers()
  const { results, failures } = await measure(options)
  if (options.json) console.log(JSON.stringify({ ...machine, quick: options.quick, results, failures }))
  else print(results)
  if (options.charts) chart(results, options)
  for (const failure of failures) console.error(`WRONG: ${failure}`)
  if (failures.length > 0) process.exitCode = 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

/** A topic that fails does not keep the others from being measured. */
async function measure({
  topics: names,
  quick,
}: Options): Promise<{ results: TopicResult[]; failures: string[] }> {
  const bundles = await buildBundles()
  const results: TopicResult[] = []
  const failures: string[] = []
  for (const topic of names) {
    const { title, measure } = topics[topic]
    const started = performance.now()
    try {
      results.push({ topic, title, ...(await measure({ bundles, quick })) })
      console.error(`measured ${topic} in ${((performance.now() - started) / 1000).toFixed(1)} s`)
    } catch (error) {
      failures.push(`${topic}: ${error instanceof Error ? error.message : error}`)
    }
  }
  return { results, failures }
}

function print(results: readonly TopicResult[]): void {
  for (const { title, how, rows } of results) console.log(`\n${title}\n${how}\n\n${drawTable(rows)}`)
  const goals = results.flatMap(({ goals }) => goals)
  if (goals.length === 0) return
  const met = goals.filter((goal) => goal.met).length
  console.log(`\nGoals, Node ${machine.node}, ${machine.cpu}\n\n${drawTable(goals.map(describeJudgement))}`)
  console.log(`\n${met} of ${goals.length} goals are met`)
}

function chart(results: readonly TopicResult[], { json, quick }: Options): void {
  const charts = results.flatMap(({ charts = [] }) => charts)
  if (charts.length === 0) return
  const paths = writeCharts(charts, `Node ${machine.node}, loopback, medians${quick ? ', a quick run' : ''}`)
  if (!json) console.log(`\nwritten: ${paths.join(', ')}`)
}

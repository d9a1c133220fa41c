/**
 * `node --import tsx bench/scale/run.ts`: how often fleets of `list-tokens` call Tencent, and what their clients get,
 * in virtual time. `--help` lists the options.
 */
import { writeFileSync } from 'node:fs'
import { vodCallsPerSecond } from '../../lib/tencent/vod.ts'
import { drawChart } from './chart.ts'
import { runFleet } from './fleet.ts'
import { type Options, readOptions, usage } from './options.ts'
import { type Played, printTable } from './table.ts'

// Refusals are thrown by the hundred thousand, and nobody reads where.
Error.stackTraceLimit = 0

const notes = `Played with the real cache, pace and client of lib/; clients come at random. Tencent answers ${vodCallsPerSecond} calls in any
span of one second (a sliding window) and refuses the others. A call takes 100 ms, the first of an instance 300 ms, a
reading of the mirror 20 ms. The mirror is in AWS Secrets Manager, which hands out 5,000 documents a second; for Tencent
SSM set --store-reads-per-second 300.
Instances: one for each request that comes in the 0.4 s of a cold start, and no more than 1,000 or a tenth of the rate,
which is what Lambda adds at once. They start within a second; after the first 1,000 a hundred a second.
calls/s, reads/s: most in any span of one second, as sent. a / b: from the start to a minute after the last instance
started / in the steady state; -: not played. Requests that join a call fail or succeed with it.
no jitter: whatever is random is 0.5. no quiet: the next request asks again after a refusal. no refusals: Tencent only
counts.`

const options = read()
const fleets: Played[] = []
const started = performance.now()
for (const { settings } of options.scenarios) {
  if (process.stderr.isTTY) process.stderr.write(`\r${fleets.length + 1} of ${options.scenarios.length}\r`)
  fleets.push({ settings, counts: await runFleet(settings) })
}
if (options.json) console.log(JSON.stringify(fleets))
else {
  console.log(`${printTable(fleets)}\n\n${notes}`)
  console.log(
    `Played in ${((performance.now() - started) / 1000).toFixed(1)} s, seed ${fleets[0]?.settings.seed}.`,
  )
}
if (options.chart !== null) {
  const headings = new Set(options.scenarios.flatMap(({ column }) => column ?? []))
  const columns = [...headings].map((heading) => ({
    heading,
    fleets: fleets.filter((_, index) => options.scenarios[index]?.column === heading),
  }))
  writeFileSync(options.chart, drawChart(columns))
}

function read(): Options {
  const args = process.argv.slice(2)
  if (args.includes('--help')) {
    console.log(usage)
    process.exit()
  }
  try {
    return readOptions(args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    process.exit(2)
  }
}

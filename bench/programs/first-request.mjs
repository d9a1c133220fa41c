/**
 * Initialises a function as Lambda does and invokes it once right behind that, on the share of a CPU that a control group
 * allows, if one is named; see `startThrottled`. Not bundled, because `import()` must stay what it is.
 */
import { appendFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const [, , path, event] = process.argv
const { handler } = path.endsWith('.mjs') ? await import(path) : createRequire(path)(path)
// What a module leaves for the end of this turn runs before Lambda's runtime asks for an event.
await new Promise((resolve) => process.nextTick(resolve))
const initCpu = process.cpuUsage()
const group = process.env.BENCH_CPU_GROUP
if (group) appendFileSync(`${group}/cgroup.procs`, `${process.pid}`)

const context = { awsRequestId: 'bench', functionName: 'bench', getRemainingTimeInMillis: () => 30_000 }
const request = JSON.parse(event)
const cpu = process.cpuUsage()
const started = performance.now()
const result = await handler(request, context)
const wallMs = performance.now() - started
const { user, system } = process.cpuUsage(cpu)
const line = {
  initCpuMs: (initCpu.user + initCpu.system) / 1000,
  cpuMs: (user + system) / 1000,
  wallMs,
  result,
}
process.stdout.write(`\n${JSON.stringify(line)}\n`, () => process.exit())

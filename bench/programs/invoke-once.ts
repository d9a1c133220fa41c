/** Loads a function's bundle, invokes it once and says when that was done; see `startCold`. */
import type { ColdStart } from '../processes.ts'
import { loadBundle } from './load.ts'

const { handler } = loadBundle<{ handler(event: unknown, context: unknown): Promise<unknown> }>()
const loadedMs = performance.now()
const context = { awsRequestId: 'bench', functionName: 'bench', getRemainingTimeInMillis: () => 30_000 }
handler(JSON.parse(process.argv[3] ?? '{}'), context).then((result) => {
  const answeredMs = performance.now()
  const line: ColdStart = { loadedMs, answeredMs, result }
  // A kept connection is no reason to wait.
  process.stdout.write(`\n${JSON.stringify(line)}\n`, () => process.exit())
})

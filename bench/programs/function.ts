/** Holds one function warm and invokes it as a platform does: a parsed event in, the result serialised. */
import { once } from 'node:events'
import { fstatSync, ftruncateSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { median } from '../rounds.ts'
import { answerBench } from './answer.ts'
import { loadBundle } from './load.ts'

type Handler = (event: unknown, context: unknown) => Promise<unknown>

const { handler } = loadBundle<{ handler: Handler }>()
const context = { awsRequestId: 'bench', functionName: 'bench', getRemainingTimeInMillis: () => 300_000 }
const rssAfterLoad = process.memoryUsage.rss()
/** Invocations without a turn of the event loop; their log lines fit into a pipe. */
const batch = 50
const logsToFile = fstatSync(1).isFile()

answerBench({
  rssAfterLoad: () => rssAfterLoad,

  /** The last result of so many invocations, and the resident set after them, in bytes. */
  invoke: async ({ event, count }: { event: string; count: number }) => {
    let result: unknown
    for (let i = 0; i < count; i++) {
      result = await handler(JSON.parse(event), context)
      await breathe()
    }
    return { result, rss: process.memoryUsage.rss() }
  },

  /** The result of one long invocation, and the resident sets meanwhile, in bytes. */
  watch: async ({ event, everyMs }: { event: string; everyMs: number }) => {
    const rss: number[] = []
    const timer = setInterval(() => rss.push(process.memoryUsage.rss()), everyMs)
    const result = await handler(JSON.parse(event), context).finally(() => clearInterval(timer))
    return { result, rss }
  },

  /**
   * Microseconds per invocation: of parsing and serialising alone, and with the handler between them. Medians of short
   * batches, from most of which the rest of the machine keeps away.
   */
  time: async ({ event, batches }: { event: string; batches: number }) => {
    const result = await handler(JSON.parse(event), context)
    const bare: number[] = []
    const whole: number[] = []
    let length = 0
    for (let done = 0; done < batches; done++) {
      const started = performance.now()
      for (let i = 0; i < batch; i++) {
        JSON.parse(event)
        length += JSON.stringify(result).length
      }
      const between = performance.now()
      for (let i = 0; i < batch; i++)
        length += JSON.stringify(await handler(JSON.parse(event), context)).length
      whole.push(performance.now() - between)
      bare.push(between - started)
      await breathe()
    }
    if (length === 0) throw new Error('nothing was answered')
    return { bareUs: (median(bare) * 1000) / batch, wholeUs: (median(whole) * 1000) / batch }
  },
})

/** On a platform the event loop turns between invocations, and what was logged gets out. */
async function breathe(): Promise<void> {
  if (logsToFile) ftruncateSync(1)
  if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
  await turn()
}

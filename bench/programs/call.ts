/** Calls the server in blocks with one client. */
import { median } from '../rounds.ts'
import { answerBench } from './answer.ts'
import { loadBundle } from './load.ts'

/** What `variants/call/NAME` exports. */
export interface CallVariant {
  /** Opens a client of the API at a port of this machine. A call answers what the variant understood. */
  createCall(port: number): () => Promise<unknown>
}

const call = loadBundle<CallVariant>().createCall(Number(process.argv[3]))

answerBench({
  call,

  /** The median time of one call after the other, in microseconds. */
  sequential: async ({ count }: { count: number }) => {
    const times: number[] = []
    for (let i = 0; i < count; i++) {
      const started = performance.now()
      await call()
      times.push((performance.now() - started) * 1000)
    }
    return median(times)
  },

  /** Calls a second with so many in flight. */
  parallel: async ({ count, inFlight }: { count: number; inFlight: number }) => {
    let left = count
    const worker = async (): Promise<void> => {
      while (left-- > 0) await call()
    }
    const started = performance.now()
    await Promise.all(Array.from({ length: inFlight }, worker))
    return (count / (performance.now() - started)) * 1000
  },

  rss: () => process.memoryUsage.rss(),
})

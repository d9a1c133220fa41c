/** Signs in blocks with one variant. */
import { median } from '../rounds.ts'
import { answerBench } from './answer.ts'
import { loadBundle } from './load.ts'

/** What `variants/sign/NAME` exports. */
export interface SignVariant {
  /** The value of `Authorization`; `timestamp` is in epoch seconds. */
  sign(timestamp: number): string
  /** For comparing: one signature and the timestamp that it is for. */
  authorize(timestamp: number): { readonly timestamp: number; readonly authorization: string }
}

const { sign, authorize } = loadBundle<SignVariant>()
const daySeconds = 86_400
/** Short, so that the rest of the machine keeps away from most. */
const batch = 100

answerBench({
  authorize: ({ timestamp }: { timestamp: number }) => authorize(timestamp),

  /** Microseconds per signature, each for another second of one day; the median of short batches. */
  time: ({ batches }: { batches: number }) => {
    const midnight = Math.floor(Date.now() / 1000 / daySeconds) * daySeconds
    const times: number[] = []
    let second = 0
    let length = 0
    for (let done = 0; done < batches; done++) {
      const started = performance.now()
      for (let i = 0; i < batch; i++) length += sign(midnight + (second++ % daySeconds)).length
      times.push(performance.now() - started)
    }
    if (length === 0) throw new Error('nothing was signed')
    return (median(times) * 1000) / batch
  },
})

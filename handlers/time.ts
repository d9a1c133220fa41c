/** The clocks, chance and timers of this process. */
import type { Time } from '../lib/time.ts'

/** Node takes a longer time for one millisecond. */
const longestMs = 2 ** 31 - 1

export const systemTime: Time = {
  now: Date.now,
  monotonic: () => performance.now(),
  random: Math.random,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  after(ms, work) {
    const timer = setTimeout(work, Math.min(ms, longestMs))
    return () => clearTimeout(timer)
  },
}

/** The clocks, chance and timers of this process. */
import type { Time } from '../lib/time.ts'

export const systemTime: Time = {
  now: Date.now,
  monotonic: () => performance.now(),
  random: Math.random,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  after(ms, work) {
    const timer = setTimeout(work, ms)
    return () => clearTimeout(timer)
  },
}

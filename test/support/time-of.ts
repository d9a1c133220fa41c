/** Time as a test decides it. */
import type { Time } from '../../lib/time.ts'

/** Its clocks are one variable of the test; chance is even, sleep takes nothing, and no deadline strikes by itself. */
export function timeOf(now: () => number, own: Partial<Time> = {}): Time {
  return { now, monotonic: now, random: () => 0.5, sleep: async () => {}, after: () => () => {}, ...own }
}

/** Time that passes only when the test says so, and then does what is due, in order. */
export function virtualTime(): Time & { pass(ms: number): Promise<void> } {
  let now = 0
  const due = new Set<{ at: number; work(): void }>()
  const after: Time['after'] = (ms, work) => {
    const timer = { at: now + ms, work }
    due.add(timer)
    return () => due.delete(timer)
  }
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return {
    ...timeOf(() => now),
    after,
    sleep: (ms) => new Promise((resolve) => after(ms, resolve)),
    async pass(ms) {
      const end = now + ms
      for (;;) {
        await settled()
        const [next] = [...due].sort((a, b) => a.at - b.at)
        if (!next || next.at > end) break
        now = next.at
        due.delete(next)
        next.work()
      }
      now = end
    },
  }
}

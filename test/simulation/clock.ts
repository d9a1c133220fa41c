/** Virtual time: a queue of timers, fired one by one as fast as the machine can. */

export interface Clock {
  /** True time in milliseconds; no process sees it, each has a clock of its own. */
  now(): number
  /**
   * Does `work` in `ms` milliseconds, unless the function that it gives back is called before; works due at the same time are
   * done in the order they were asked for.
   */
  after(ms: number, work: () => void): () => void
  sleep(ms: number): Promise<void>
  /** Fires timers until `done` says so. Throws when nothing is left to wait for. */
  runUntil(done: () => boolean): Promise<void>
}

export function createClock(): Clock {
  let now = 0
  /** The latest first, so that the next one is popped off the end. */
  const timers: { readonly due: number; readonly work: () => void; isOff: boolean }[] = []
  const after: Clock['after'] = (ms, work) => {
    const due = now + Math.max(0, ms)
    let place = timers.length
    while (place > 0 && (timers[place - 1]?.due ?? 0) <= due) place--
    const timer = { due, work, isOff: false }
    timers.splice(place, 0, timer)
    return () => {
      timer.isOff = true
    }
  }
  return {
    now: () => now,
    after,
    sleep: (ms) =>
      new Promise((resolve) => {
        after(ms, resolve)
      }),
    async runUntil(done) {
      while (!done()) {
        const next = timers.pop()
        if (!next) throw new Error('Simulating: everybody waits, and nothing is due')
        if (next.isOff) continue
        now = next.due
        next.work()
        await settled()
      }
    },
  }
}

/** Resolves when every promise job is done, and those that they queued: an immediate comes after all of them. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

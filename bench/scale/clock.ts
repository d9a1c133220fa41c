/** Virtual time in whole milliseconds, as `Date.now()` gives it: a heap of works, done as fast as the machine can. */

export interface Clock {
  /** Milliseconds since the beginning. */
  now(): number
  /** Does `work` at `ms`, or at once when that is past; a fraction is cut off. */
  at(ms: number, work: () => void): void
  /** At least `ms` milliseconds, as a timer does. */
  sleep(ms: number): Promise<void>
  /** Does all works that are due before `ms`. */
  run(ms: number): Promise<void>
}

interface Timer {
  readonly due: number
  readonly work: () => void
}

export function createClock(): Clock {
  /** A binary heap, the earliest first. */
  const heap: Timer[] = []
  let now = 0

  function at(ms: number, work: () => void): void {
    const timer = { due: Math.max(now, Math.floor(ms)), work }
    let place = heap.push(timer) - 1
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = heap[above] as Timer
      if (parent.due <= timer.due) break
      heap[place] = parent
      place = above
    }
    heap[place] = timer
  }

  function pop(): Timer {
    const first = heap[0] as Timer
    const last = heap.pop() as Timer
    if (heap.length === 0) return first
    let place = 0
    for (;;) {
      let below = 2 * place + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && (heap[below + 1] as Timer).due < (heap[below] as Timer).due) below++
      const child = heap[below] as Timer
      if (last.due <= child.due) break
      heap[place] = child
      place = below
    }
    heap[place] = last
    return first
  }

  return {
    now: () => now,
    at,
    sleep: (ms) => new Promise((resolve) => at(now + Math.ceil(ms), resolve)),
    async run(ms) {
      for (;;) {
        const due = heap[0]?.due ?? ms
        if (due >= ms) break
        now = due
        while (heap[0] && heap[0].due <= now) pop().work()
        // An immediate comes after every promise job, and those that they queued.
        await new Promise((resolve) => setImmediate(resolve))
      }
      now = ms
    },
  }
}

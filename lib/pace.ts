/** How fast one instance may call Tencent: the documented rate, and silence after being throttled. */

export interface Pace {
  /**
   * Waits until a call may be sent and reserves its place; `false`, at once, when that would be after
   * `deadline` (epoch milliseconds).
   */
  admit(deadline: number): Promise<boolean>
  /** Tencent throttled: nothing is asked for a random one to five seconds. */
  throttled(): void
  /** Whether such a silence is on. */
  isQuiet(): boolean
}

const longestQuietMs = 5_000
/** A little more than a second: calls that leave a second apart may arrive closer together. */
const spanMs = 1_150

/** `callsPerSecond` holds for every span of one second, wherever it begins. */
export function createPace(
  callsPerSecond: number,
  lend: {
    /** Epoch milliseconds. */
    now(): number
    /** Uniform in [0, 1). */
    random(): number
    sleep(ms: number): Promise<void>
  },
): Pace {
  /** When the latest calls were or will be sent, oldest first. */
  let places: number[] = []
  let quietUntil = 0
  let lastSeen = 0

  /** Milliseconds of silence left. After a clock was set back, an end that lies hours away does not count. */
  function quietMs(): number {
    const leftMs = quietUntil - lend.now()
    return leftMs > 0 && leftMs <= longestQuietMs ? leftMs : 0
  }

  return {
    async admit(deadline) {
      while (true) {
        const now = lend.now()
        if (now < lastSeen) places = []
        lastSeen = now
        const [oldest] = places.length < callsPerSecond ? [] : places
        const next = Math.max(now + quietMs(), oldest === undefined ? now : oldest + spanMs)
        if (next >= deadline) return false
        places = [...places, next].slice(-callsPerSecond)
        if (next > now) await lend.sleep(next - now)
        // Not if Tencent has throttled another call meanwhile. And a process that was stopped or busy wakes all who
        // wait at once, long after their places.
        if (quietMs() === 0 && lend.now() - next < spanMs - 1000) return true
      }
    },
    throttled() {
      const ms = 1000 + (longestQuietMs - 1000) * lend.random()
      quietUntil = lend.now() + Math.max(quietMs(), ms)
    },
    isQuiet: () => quietMs() > 0,
  }
}

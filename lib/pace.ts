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

  return {
    async admit(deadline) {
      const now = lend.now()
      // After a clock was set back, what was noted lies in a future that may be hours away.
      if (now < lastSeen) {
        places = []
        quietUntil = now
      }
      lastSeen = now
      const [oldest] = places.length < callsPerSecond ? [] : places
      const next = Math.max(now, quietUntil, oldest === undefined ? now : oldest + spanMs)
      if (next >= deadline) return false
      places = [...places, next].slice(-callsPerSecond)
      if (next > now) await lend.sleep(next - now)
      return true
    },
    throttled() {
      quietUntil = lend.now() + 1000 + 4000 * lend.random()
    },
    isQuiet() {
      const leftMs = quietUntil - lend.now()
      return leftMs > 0 && leftMs <= longestQuietMs
    },
  }
}

/** How fast one instance may call Tencent: the documented rate, and silence after being throttled. */
import type { Time } from '../time.ts'

export interface Pace {
  /**
   * Waits until a call may be sent and reserves its place; `false`, at once, when that would be after
   * `deadline` (on `Time.monotonic`).
   */
  admit(deadline: number): Promise<boolean>
  /** Tencent throttled: nothing is asked for a random one to five seconds. */
  throttled(): void
  /** Whether such a silence is on. */
  isQuiet(): boolean
}

/** A little more than a second: calls that leave a second apart may arrive closer together. */
const spanMs = 1_150

/** `callsPerSecond` holds for every span of one second, wherever it begins. */
export function createPace(callsPerSecond: number, lend: Pick<Time, 'monotonic' | 'random' | 'sleep'>): Pace {
  /** When the latest calls were or will be sent, oldest first. */
  let places: number[] = []
  let quietUntil = Number.NEGATIVE_INFINITY

  return {
    async admit(deadline) {
      while (true) {
        const now = lend.monotonic()
        const [oldest] = places.length < callsPerSecond ? [] : places
        const next = Math.max(now, quietUntil, oldest === undefined ? now : oldest + spanMs)
        if (next >= deadline) return false
        places = [...places, next].slice(-callsPerSecond)
        if (next > now) await lend.sleep(next - now)
        // Not if Tencent has throttled another call meanwhile. And a process that was stopped or busy wakes all who
        // wait at once, long after their places.
        const woken = lend.monotonic()
        if (woken >= quietUntil && woken - next < spanMs - 1000) return true
      }
    },
    throttled() {
      const now = lend.monotonic()
      quietUntil = Math.max(quietUntil, now + 1000 + 4000 * lend.random())
    },
    isQuiet: () => lend.monotonic() < quietUntil,
  }
}

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
  isBackingOff(): boolean
}

/** A little more than a second: calls that leave a second apart may arrive closer together. */
const spanMs = 1_150

/** `callsPerSecond` holds for every span of one second, wherever it begins. */
export function createPace(callsPerSecond: number, deps: Pick<Time, 'monotonic' | 'random' | 'sleep'>): Pace {
  /** When the latest calls were or will be sent, oldest first. */
  let slots: number[] = []
  let backOffUntil = Number.NEGATIVE_INFINITY

  return {
    async admit(deadline) {
      while (true) {
        const now = deps.monotonic()
        const [oldest] = slots.length < callsPerSecond ? [] : slots
        const next = Math.max(now, backOffUntil, oldest === undefined ? now : oldest + spanMs)
        if (next >= deadline) return false
        slots = [...slots, next].slice(-callsPerSecond)
        if (next > now) await deps.sleep(next - now)
        // Not if Tencent has throttled another call meanwhile. And a process that was stopped or busy wakes all who
        // wait at once, long after their slots.
        const woken = deps.monotonic()
        if (woken >= backOffUntil && woken - next < spanMs - 1000) return true
      }
    },
    throttled() {
      const now = deps.monotonic()
      backOffUntil = Math.max(backOffUntil, now + 1000 + 4000 * deps.random())
    },
    isBackingOff: () => deps.monotonic() < backOffUntil,
  }
}

/** Counts what happened in the second that ends now: a sliding window, not the seconds of a wall clock. */

export interface Span {
  /** Notes one event at `now` (whole milliseconds, never going back). */
  add(now: number): void
  /** Events in the 1,000 ms that end with `now`. */
  count(now: number): number
}

const spanMs = 1_000

export function createSpan(): Span {
  /** Events by millisecond, as a ring. */
  const ring = new Int32Array(spanMs)
  let total = 0
  let last = 0

  function advance(now: number): void {
    if (now - last >= spanMs) {
      ring.fill(0)
      total = 0
    } else
      for (let ms = last + 1; ms <= now; ms++) {
        total -= ring[ms % spanMs] ?? 0
        ring[ms % spanMs] = 0
      }
    last = now
  }

  return {
    add(now) {
      advance(now)
      ring[now % spanMs] = (ring[now % spanMs] ?? 0) + 1
      total++
    },
    count(now) {
      advance(now)
      return total
    },
  }
}

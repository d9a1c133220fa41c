/** Counts, by phase of a fleet's life: its start, the time after, and its steady state. */
import { vodCallsPerSecond } from '../../lib/tencent/vod.ts'
import { type FleetSettings, scalingStep } from './settings.ts'
import { createSpan } from './span.ts'

/** How a request was answered: from the API or a cache filled by it, with an old list, from the mirror, not at all. */
export type Answer = 'good' | 'stale' | 'mirror' | 'failed'

export interface PhaseCounts {
  /** Virtual seconds from `from` to `to`. */
  readonly from: number
  readonly to: number
  /** Calls that reached Tencent, and those of them that it refused. */
  calls: number
  refused: number
  /** In any span of one second. */
  mostCalls: number
  /** Seconds of the clock in which a span of one second ended that had more calls than are allowed. */
  secondsAbove: number
  /** Readings of the mirrored document, in any span of one second. */
  mostReads: number
  /** Requests by how they were answered; expected values, so with fractions. */
  readonly answers: Record<Answer, number>
}

export interface FleetCounts {
  readonly start: PhaseCounts
  readonly settling: PhaseCounts
  readonly steady: PhaseCounts
  /** Calls that reached Tencent, by second. */
  readonly callsBySecond: readonly number[]
}

export interface Meter {
  /** How long the fleet is watched, in seconds. */
  readonly seconds: number
  call(now: number, refused: boolean): void
  read(now: number): void
  /** `perMs` requests a millisecond from `from` to `to`, and `more` at `from`. */
  answer(kind: Answer, from: number, to: number, perMs: number, more: number): void
  counts(): FleetCounts
}

/** The cold start and what follows from it, in seconds after the last instance has started. */
const startSeconds = 60
/** Cache times after which instances that started together have drifted apart. */
const cyclesToSettle = 5

/**
 * The steady state is the last two cache times, but at least two minutes. A run that was made shorter by
 * `seconds` has no steady state.
 */
export function createMeter({ cacheSeconds, instances, seconds }: FleetSettings): Meter {
  const started = startSeconds + Math.max(0, (instances / scalingStep.instances - 1) * scalingStep.seconds)
  const settled = Math.max(started, cyclesToSettle * cacheSeconds)
  const end = Math.ceil(seconds ?? settled + Math.max(120, 2 * cacheSeconds))
  const phase = (from: number, to: number): PhaseCounts => ({
    from: Math.min(from, end),
    to: Math.min(to, end),
    calls: 0,
    refused: 0,
    mostCalls: 0,
    secondsAbove: 0,
    mostReads: 0,
    answers: { good: 0, stale: 0, mirror: 0, failed: 0 },
  })
  const start = phase(0, started)
  const settling = phase(started, settled)
  const steady = phase(settled, end)
  const calls = createSpan()
  const reads = createSpan()
  const callsBySecond = new Array<number>(end).fill(0)
  let lastAbove = -1
  const phaseAt = (ms: number): PhaseCounts =>
    ms < start.to * 1000 ? start : ms < settling.to * 1000 ? settling : steady

  return {
    seconds: end,
    call(now, refused) {
      const counts = phaseAt(now)
      calls.add(now)
      counts.calls++
      if (refused) counts.refused++
      const inSpan = calls.count(now)
      counts.mostCalls = Math.max(counts.mostCalls, inSpan)
      const second = Math.floor(now / 1000)
      if (inSpan > vodCallsPerSecond && second > lastAbove) {
        counts.secondsAbove++
        lastAbove = second
      }
      callsBySecond[second] = (callsBySecond[second] ?? 0) + 1
    },
    read(now) {
      const counts = phaseAt(now)
      reads.add(now)
      counts.mostReads = Math.max(counts.mostReads, reads.count(now))
    },
    answer(kind, from, to, perMs, more) {
      for (const counts of [start, settling, steady]) {
        const ms = Math.min(to, counts.to * 1000) - Math.max(from, counts.from * 1000)
        if (ms > 0) counts.answers[kind] += ms * perMs
      }
      phaseAt(from).answers[kind] += more
    },
    counts: () => ({ start, settling, steady, callsBySecond }),
  }
}

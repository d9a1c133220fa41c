/**
 * The clocks, chance and timers, passed in so that nothing below `handlers/` reads them by itself; deadlines that are kept,
 * and work that several wait for at once (`createShare`).
 */

import { CodedError } from './errors.ts'

export interface Time {
  /** What the calendar says, in epoch milliseconds. It may jump, and be wrong: for dates alone. */
  now(): number
  /** Milliseconds since some moment. It never goes back or jumps: for durations and deadlines. */
  monotonic(): number
  /** Uniform in [0, 1). */
  random(): number
  sleep(ms: number): Promise<void>
  /** Does `work` in `ms` milliseconds, unless the function that it gives back is called before. */
  after(ms: number, work: () => void): () => void
}

/** Whoever keeps a deadline by himself says better what hung. So whoever waits for that one waits so much longer. */
export const graceMs = 100

/**
 * Waits for `work` until `deadline` (on `Time.monotonic`) and no longer, whether or not `work` heeds its signal: then it
 * throws what `late` makes. What comes of `work` afterwards is dropped. Without any time left nothing is begun.
 */
export async function within<T>(
  time: Pick<Time, 'monotonic' | 'after'>,
  deadline: number,
  late: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const remainingMs = deadline - time.monotonic()
  if (!(remainingMs > 0)) throw late()
  const abort = new AbortController()
  let callOff = (): void => {}
  const tooLate = new Promise<never>((_, reject) => {
    callOff = time.after(remainingMs, () => {
      reject(late())
      abort.abort()
    })
  })
  try {
    return await Promise.race([work(abort.signal), tooLate])
  } finally {
    callOff()
  }
}

/**
 * Does one step of a run, which may take no longer than one upstream call (`timeoutMs`), nor longer than the run, whatever it is
 * that hangs. Throws `CodedError` with code `Timeout`, or what `work` throws. `attempt` begins the sentence.
 */
export function takeStep<T>(
  time: Pick<Time, 'monotonic' | 'after'>,
  run: { readonly timeoutMs: number; readonly deadline: number; readonly attempt: string },
  work: (deadline: number) => Promise<T>,
): Promise<T> {
  const deadline = Math.min(time.monotonic() + run.timeoutMs, run.deadline)
  const late = (): Error =>
    new CodedError('Timeout', `${run.attempt}: no answer in time; check that this function can reach it`)
  return within(time, deadline + graceMs, late, () => work(deadline))
}

/** Asks for work that is done once for all who ask while it is under way. `joined`: somebody else began it. */
export type Share<T> = (
  deadline: number,
  work: (deadline: number) => Promise<T>,
) => Promise<{ readonly value: T; readonly joined: boolean }>

/**
 * Work for several at once, which must end by the deadline that it is given. Nobody waits for it past a deadline of their own,
 * nor joins it after its end; who has more time than whoever began it begins it anew.
 */
export function createShare<T>(time: Pick<Time, 'monotonic' | 'after'>, late: () => Error): Share<T> {
  let pending: { readonly result: Promise<T>; readonly deadline: number } | null = null

  function begin(deadline: number, work: (deadline: number) => Promise<T>): NonNullable<typeof pending> {
    const result = work(deadline).finally(() => {
      pending = null
    })
    // Whoever waits hears of it; that nobody may be waiting any more is no error of its own.
    result.catch(() => {})
    pending = { result, deadline }
    return pending
  }

  return async function share(deadline, work) {
    const joined = pending
    const { result } = joined ?? begin(deadline, work)
    try {
      const value = await within(time, deadline + graceMs, late, () => result)
      return { value, joined: joined !== null }
    } catch (error) {
      const now = time.monotonic()
      if (joined && now >= joined.deadline && now < deadline) return share(deadline, work)
      throw error
    }
  }
}

/**
 * How long ago a moment was, in milliseconds, by whichever clock says more: the calendar jumps, and the other one may
 * stand still while a process is frozen. So nothing is taken for younger than it is.
 */
export function ageMs(time: Pick<Time, 'now' | 'monotonic'>, moment: Moment): number {
  return Math.max(time.monotonic() - moment.monotonic, time.now() - moment.now)
}

/** A moment by both clocks. */
export interface Moment {
  readonly now: number
  readonly monotonic: number
}

export function momentOf(time: Pick<Time, 'now' | 'monotonic'>): Moment {
  return { now: time.now(), monotonic: time.monotonic() }
}

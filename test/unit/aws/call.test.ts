import { describe, expect, it } from 'vitest'
import { callAws } from '../../../lib/aws/call.ts'
import { timeOf } from '../../support/time-of.ts'

const throttled = { name: 'ThrottlingException', message: 'slow down', $fault: 'client', $metadata: {} }
const refused = { name: 'AccessDeniedException', message: 'no', $fault: 'client', $metadata: {} }
const skewed = { name: 'InvalidSignatureException', message: 'clock', $fault: 'client', $metadata: {} }

/** Runs `callAws` in virtual time with a script of what each attempt throws, or answers for the last. */
async function call(script: readonly (object | 'hang')[], deadlineMs = 60_000, chance = 0.5) {
  const slept: number[] = []
  /** How long each attempt may take. */
  const allowed: number[] = []
  let attempts = 0
  let now = 0
  const outcome = await callAws(
    async ({ abortSignal }) => {
      const step = script[attempts++]
      if (step === undefined) return 'answer'
      if (step !== 'hang') throw step
      return new Promise<never>((_, reject) =>
        abortSignal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }),
      )
    },
    deadlineMs,
    {
      ...timeOf(() => now, { random: () => chance }),
      after(ms, work) {
        allowed.push(ms)
        if (script[attempts] === 'hang')
          setImmediate(() => {
            now += ms
            work()
          })
        return () => {}
      },
      sleep: async (ms) => {
        slept.push(ms)
        now += ms
      },
    },
  )
  return { outcome, slept, allowed, attempts }
}

describe('callAws', () => {
  it('tries three times, with full jitter, what may pass', async () => {
    expect(await call([throttled, { ...throttled, name: 'InternalServiceError' }])).toMatchObject({
      outcome: { answer: 'answer' },
      slept: [100, 200],
      attempts: 3,
    })
    expect(await call([throttled, throttled, throttled])).toMatchObject({
      outcome: { failed: { code: 'ThrottlingException', retryable: true } },
      attempts: 3,
    })
  })

  it('tries once what AWS refuses', async () => {
    expect(await call([refused])).toMatchObject({
      outcome: { failed: { code: 'AccessDeniedException', retryable: false } },
      slept: [],
      attempts: 1,
    })
  })

  it('tries again after a wrong clock, which the SDK has mended by then', async () => {
    expect(await call([skewed])).toMatchObject({ outcome: { answer: 'answer' }, attempts: 2 })
    for (const name of ['TheRequestExpired', 'RequestExpiredLong'])
      expect(await call([{ ...skewed, name }])).toMatchObject({ attempts: 1 })
    expect(await call([skewed, skewed, skewed])).toMatchObject({ outcome: { failed: { retryable: false } } })
  })

  it('leaves time for another attempt when one hangs', async () => {
    expect(await call(['hang'], 2_100)).toMatchObject({ outcome: { answer: 'answer' }, attempts: 2 })
    expect((await call(['hang', 'hang', 'hang'], 60_000)).allowed).toEqual([30_000, 14_950, 7_375])
    expect((await call([], 1_500)).allowed).toEqual([1_000])
    expect((await call([], 500)).allowed).toEqual([500])
  })

  it('waits for nothing that its deadline cuts short, and tells the answer before that', async () => {
    expect(await call([throttled], 90)).toMatchObject({
      outcome: { failed: { code: 'ThrottlingException' } },
      slept: [],
      attempts: 1,
    })
    expect(await call([throttled, 'hang', 'hang'], 300)).toMatchObject({
      outcome: { failed: { code: 'ThrottlingException' } },
    })
    expect(await call(['hang'], 20)).toMatchObject({ outcome: { failed: { code: 'Timeout' } } })
    // Time enough for an answer, so that there is none is news.
    for (const ms of [1_100, 60_000])
      expect(await call([throttled, 'hang', 'hang'], ms)).toMatchObject({
        outcome: { failed: { code: 'Timeout' } },
      })
    expect(await call([throttled], 100)).toMatchObject({ slept: [], attempts: 1 })
    expect(await call([throttled], 101)).toMatchObject({ slept: [100] })
  })

  it('leaves out words that hold a secret', async () => {
    const words = 'it was a secret'
    const told = async (message: string, hold?: (words: string) => boolean): Promise<unknown> => {
      const send = async (): Promise<never> => Promise.reject({ ...refused, message })
      const deps = timeOf(Date.now)
      return (await callAws(send, Date.now() + 1000, deps, hold)).failed?.words
    }
    expect(await told(words)).toBe(words)
    expect(await told(words, () => true)).toBe('')
  })
})

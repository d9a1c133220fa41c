import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPace } from '../../../lib/tencent/pace.ts'

function world(callsPerSecond = 20, chance: number | (() => number) = 0.5) {
  let now = 0
  const sent: number[] = []
  const waiting: { at: number; wake(): void }[] = []
  const pace = createPace(callsPerSecond, {
    monotonic: () => now,
    random: typeof chance === 'number' ? () => chance : chance,
    sleep: (ms) => new Promise((wake) => waiting.push({ at: now + ms, wake })),
  })
  return {
    pace,
    sent,
    send: async (deadline = Number.POSITIVE_INFINITY): Promise<boolean> => {
      const admitted = await pace.admit(deadline)
      if (admitted) sent.push(now)
      return admitted
    },
    /** Lets time pass, waking whoever sleeps when it is time. */
    pass: async (ms: number): Promise<void> => {
      const end = now + ms
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve))
        const [next] = waiting.sort((a, b) => a.at - b.at)
        if (!next || next.at > end) break
        now = Math.max(now, next.at)
        waiting.shift()
        next.wake()
      }
      now = end
    },
    jump: (ms: number) => {
      now += ms
    },
  }
}

describe('createPace', () => {
  it('lets a burst through up to the rate and makes the rest wait for their second', async () => {
    const { send, sent, pass } = world()
    const all = Promise.all(Array.from({ length: 45 }, () => send()))
    await pass(10_000)
    await all
    const at = (ms: number): number => sent.filter((time) => time === ms).length
    expect([at(0), at(1150), at(2300)]).toEqual([20, 20, 5])
  })

  it('never admits more than the rate in any second', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(400), { maxLength: 60 }), async (gaps) => {
        const { send, sent, pass } = world(5)
        const calls = []
        for (const gap of gaps) {
          calls.push(send())
          await pass(gap)
        }
        await pass(20_000)
        await Promise.all(calls)
        for (const [i, time] of sent.entries())
          expect(sent.slice(i).filter((other) => other < time + 1000).length).toBeLessThanOrEqual(5)
      }),
      { numRuns: 50 },
    )
  })

  it('refuses at once what could only be sent after its deadline, and keeps no place for it', async () => {
    const { send, sent } = world(1)
    expect(await send()).toBe(true)
    expect(await send(999)).toBe(false)
    expect(await send(1150)).toBe(false)
    expect(sent).toHaveLength(1)
  })

  it.each([
    [0, 1000],
    [0.5, 3000],
    [0.999, 4996],
  ])('is quiet after throttling: chance %d gives %d ms', async (chance, ms) => {
    const { pace, send, pass } = world(20, chance)
    pace.throttled()
    expect(pace.isBackingOff()).toBe(true)
    expect(await send(ms - 1)).toBe(false)
    await pass(ms)
    expect(pace.isBackingOff()).toBe(false)
    expect(await send()).toBe(true)
  })

  it('is never quiet for less because Tencent throttled again', async () => {
    const chances = [0.999, 0]
    const { pace, pass } = world(20, () => chances.shift() ?? 0)
    pace.throttled()
    pace.throttled()
    await pass(4995)
    expect(pace.isBackingOff()).toBe(true)
    await pass(2)
    expect(pace.isBackingOff()).toBe(false)
  })

  it('keeps back who waited for a place when Tencent throttled', async () => {
    const { pace, send, sent, pass } = world(1)
    await send()
    const waiting = send()
    await pass(1000)
    pace.throttled()
    await pass(2999)
    expect(sent).toEqual([0])
    await pass(1)
    expect(await waiting).toBe(true)
    expect(sent).toEqual([0, 4000])
  })

  it('holds the rate after the process was stopped while many waited', async () => {
    const { send, sent, pass, jump } = world()
    const all = Promise.all(Array.from({ length: 80 }, () => send()))
    await pass(0)
    jump(5_000)
    await pass(10_000)
    await all
    const at = (ms: number): number => sent.filter((time) => time === ms).length
    expect([at(0), at(5_000), at(6_150), at(7_300)]).toEqual([20, 20, 20, 20])
  })
})

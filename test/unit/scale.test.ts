/** The scale model of bench/scale: counts, which a seed decides. */
import { describe, expect, it } from 'vitest'
import { runFleet } from '../../bench/scale/fleet.ts'
import { defaults } from '../../bench/scale/scenarios.ts'
import { instancesFor } from '../../bench/scale/settings.ts'
import { vodCallsPerSecond } from '../../lib/tencent/vod.ts'

const thousand = { ...defaults, requestsPerSecond: 1_000, instances: 1_000, cacheSeconds: 120, seconds: 840 }

describe('runFleet', () => {
  it('counts what a limit would refuse: jitter keeps a steady fleet within it, no jitter does not', async () => {
    const spread = await runFleet({ ...thousand, cacheSeconds: 300, seconds: null, limit: false })
    const together = await runFleet({ ...thousand, limit: false, jitter: false })
    expect(spread.steady.mostCalls).toBeLessThanOrEqual(vodCallsPerSecond)
    expect(together.steady.mostCalls).toBeGreaterThan(5 * vodCallsPerSecond)
    expect(spread.start.mostCalls).toBe(thousand.instances)
  })

  it('refuses all but twenty calls in any second', async () => {
    const { start, callsBySecond } = await runFleet({ ...thousand, instances: 100, seconds: 60 })
    expect(callsBySecond).toHaveLength(60)
    expect(start.mostCalls).toBe(100)
    expect(start.refused).toBeGreaterThan(0)
    // One list each: nobody's gets old within the minute.
    expect(start.calls - start.refused).toBe(100)
  })

  it('answers every request of a cold start where there is a fallback, and not where there is none', async () => {
    const short = { ...thousand, instances: 200, seconds: 30 }
    const bare = await runFleet(short)
    const { start } = await runFleet({ ...short, fallback: true })
    expect(bare.start.answers.failed).toBeGreaterThan(0)
    expect(start.answers.failed).toBe(0)
    expect(start.answers.mirror).toBeGreaterThan(0)
    const all = Object.values(start.answers).reduce((sum, count) => sum + count)
    expect(all / 30_000).toBeCloseTo(1, 1)
  })

  it('never asks Tencent where the source is the mirror', async () => {
    const { start } = await runFleet({ ...thousand, source: 'mirror', seconds: 60 })
    expect(start).toMatchObject({ calls: 0, mostReads: 1_000 })
  })

  it('gives the same counts for the same seed, others for another', async () => {
    const short = { ...thousand, instances: 50, seconds: 30 }
    expect(await runFleet(short)).toEqual(await runFleet(short))
    expect(await runFleet({ ...short, seed: 2 })).not.toEqual(await runFleet(short))
  })
})

describe('instancesFor', () => {
  it.each([
    [10, 4],
    [1_000, 400],
    [100_000, 10_000],
  ])('%i requests a second gives %i', (requestsPerSecond, instances) => {
    expect(instancesFor(requestsPerSecond)).toBe(instances)
  })
})

import { describe, expect, it } from 'vitest'
import { createLeasedCredentials } from '../../lib/credentials/lease.ts'
import { createTokenCache } from '../../lib/endpoint/cache.ts'
import { runMirror } from '../../lib/mirror/run.ts'
import type { Store } from '../../lib/stores/store.ts'
import { ageMs, createShare, momentOf, within } from '../../lib/time.ts'
import { listOf } from '../support/list-of.ts'
import { targetOf } from '../support/store-contract.ts'
import { virtualTime } from '../support/time-of.ts'

const never = (): Promise<never> => new Promise(() => {})
const late = (): Error => new Error('late')

/** What has become of a promise by now. */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  promise.catch(() => {})
  await new Promise((resolve) => setImmediate(resolve))
  return Promise.race([promise, Promise.resolve('pending')]).catch((error: Error) => error.message)
}

describe('within', () => {
  it('gives what comes in time, and throws what is thrown in time', async () => {
    const time = virtualTime()
    expect(await within(time, 1, late, async () => 'in time')).toBe('in time')
    await expect(within(time, 1, late, () => Promise.reject(new Error('own')))).rejects.toThrow('own')
    await expect(within(time, 1, late, () => JSON.parse('{'))).rejects.toThrow(SyntaxError)
  })

  it('ends at the deadline, signals, and drops what comes later', async () => {
    const time = virtualTime()
    let heard: AbortSignal | undefined
    const waiting = within(time, 10, late, (signal) => {
      heard = signal
      return time.sleep(20).then(() => Promise.reject(new Error('too late to matter')))
    })
    await time.pass(9)
    expect([await stateOf(waiting), heard?.aborted]).toEqual(['pending', false])
    await time.pass(1)
    expect([await stateOf(waiting), heard?.aborted]).toEqual(['late', true])
    await time.pass(100)
  })

  it.each([async () => 'in time', () => Promise.reject(new Error('own'))])(
    'leaves no timer behind, which would keep a process from ending',
    async (work: () => Promise<unknown>) => {
      let timers = 0
      const after = (): (() => void) => {
        timers++
        return () => void timers--
      }
      await within({ monotonic: () => 0, after }, 10, late, work).catch(() => {})
      expect(timers).toBe(0)
    },
  )

  it.each([0, -1, Number.NaN])('begins nothing with %d ms left', async (ms) => {
    let begun = false
    const waiting = within(virtualTime(), ms, late, async () => {
      begun = true
    })
    await expect(waiting).rejects.toThrow('late')
    expect(begun).toBe(false)
  })
})

describe('createShare', () => {
  /** Work that ends after `ms` milliseconds, well or not, and how often it was begun. */
  function workOf(time: ReturnType<typeof virtualTime>, ms: number, failing = false) {
    const begun: number[] = []
    const work = async (deadline: number): Promise<string> => {
      begun.push(deadline)
      await time.sleep(ms)
      if (failing) throw new Error('own')
      return 'done'
    }
    return { begun, work }
  }

  it('does the work once for all who ask meanwhile, and tells them who began it', async () => {
    const time = virtualTime()
    const { begun, work } = workOf(time, 5)
    const share = createShare<string>(time, late)
    const asking = [share(10, work), share(20, work)]
    await time.pass(5)
    expect(await Promise.all(asking)).toEqual([
      { value: 'done', joined: false },
      { value: 'done', joined: true },
    ])
    const next = share(30, work)
    await time.pass(5)
    expect([await next, begun]).toEqual([{ value: 'done', joined: false }, [10, 30]])
  })

  it.each([
    ['before its deadline', 9, 20, [10]],
    ['at its deadline', 10, 20, [10, 20]],
    ['after its deadline', 11, 20, [10, 20]],
    ['at the deadline of both', 10, 10, [10]],
    ['after the deadline of both', 11, 10, [10]],
  ])('begins anew for who joined and has more time: what failed %s', async (_, ms, unhurried, begun) => {
    const time = virtualTime()
    const failing = workOf(time, ms, true)
    const share = createShare<string>(time, late)
    const asking = [share(10, failing.work), share(unhurried, failing.work)]
    for (const one of asking) one.catch(() => {})
    await time.pass(100)
    expect(await Promise.all(asking.map(stateOf))).toEqual(['own', 'own'])
    expect(failing.begun).toEqual(begun)
  })
})

describe('ageMs', () => {
  it.each([
    ['the calendar is set back', -3_600_000, 10, 10],
    ['the calendar jumps ahead', 3_600_000, 10, 3_600_000],
    ['the other clock stood still, as in a frozen machine', 60_000, 0, 60_000],
  ])('takes nothing for younger than it is when %s', (_, calendar, monotonic, age) => {
    let [now, elapsed] = [1_773_000_000_000, 500]
    const time = { now: () => now, monotonic: () => elapsed }
    const moment = momentOf(time)
    now += calendar
    elapsed += monotonic
    expect(ageMs(time, moment)).toBe(age)
  })
})

describe('what hangs', () => {
  it('createTokenCache does not wait for it past the deadline, nor join it after that', async () => {
    const time = virtualTime()
    let hangs = true
    const cache = createTokenCache(
      { cacheSeconds: 30, staleSeconds: 0 },
      {
        ...time,
        isBackingOff: () => false,
        choosePick: () => null,
        list: () => (hangs ? never() : Promise.resolve(listOf(['a']))),
        fallback: never,
      },
    )
    const get = (ms: number): Promise<unknown> =>
      cache.get(7, { refresh: false, deadline: time.monotonic() + ms })
    const first = get(1000)
    const unhurried = get(5000)
    await time.pass(1099)
    expect(await stateOf(first)).toBe('pending')
    hangs = false
    await time.pass(1)
    expect(await stateOf(first)).toContain('no answer in time')
    await expect(first).rejects.toMatchObject({
      code: 'ClientError.Timeout',
      action: 'DescribeAigcApiTokens',
      attempts: 1,
      retryable: true,
    })
    const again = get(1000)
    // The store hangs still, and its opinion is waited for no longer than the list may take: a quarter of what is left.
    await time.pass(1100)
    expect(await again).toMatchObject({ apiTokens: ['a'] })
    // Whoever joined it and has more time asks again.
    await time.pass(5000)
    expect(await unhurried).toMatchObject({ apiTokens: ['a'] })
  })

  it('createLeasedCredentials does not wait for it past the deadline, nor join it after that', async () => {
    const time = virtualTime()
    let hangs = true
    const credentials = { secretId: 'i', secretKey: 'k' }
    const fetch = () => (hangs ? never() : Promise.resolve({ credentials, lifetimeMs: 60_000 }))
    const get = createLeasedCredentials(fetch, time)
    const first = get(1000)
    const unhurried = get(5000)
    await time.pass(1099)
    expect(await stateOf(first)).toBe('pending')
    hangs = false
    await time.pass(1)
    expect(await stateOf(first)).toContain('no answer in time')
    await expect(first).rejects.toMatchObject({ code: 'Timeout', retryable: true })
    expect([await unhurried, await get(6000)]).toEqual([credentials, credentials])
  })

  it.each(['list', 'read', 'write'])(
    'runMirror fails a %s that hangs, and serves the others',
    async (step) => {
      const time = virtualTime()
      const written: string[] = []
      const store = (uri: string): Store => ({
        mostBytes: 65_536,
        hasMark: true,
        read: () => (uri === 'ill' && step === 'read' ? never() : Promise.resolve({ state: 'absent' })),
        async write() {
          if (uri === 'ill' && step === 'write') await never()
          written.push(uri)
        },
      })
      const target = (uri: string) => ({ ...targetOf('memory', uri), uri })
      const running = runMirror(
        {
          mirrors: [
            { subAppId: 7, targets: [target(step === 'list' ? 'well' : 'ill'), target('well')] },
            { subAppId: 8, targets: [target('well')] },
          ],
          dryRun: false,
          confirm: null,
          promote: null,
          deadline: 60_000,
        },
        {
          site: 'intl',
          settleSeconds: 1,
          minKeep: 0.5,
          timeoutMs: 10_000,
          exclude: new Set(),
          tokenLimit: 45,
        },
        {
          ...time,
          list: (subAppId) => (subAppId === 7 && step === 'list' ? never() : Promise.resolve(listOf(['a']))),
          openStore: ({ uri }) => store(uri),
        },
      )
      await time.pass(20_200)
      const { Results } = await running
      const ill = Results.filter(({ Outcome }) => Outcome === 'failed')
      expect(ill).toHaveLength(step === 'list' ? 2 : 1)
      for (const { Reason } of ill) expect(Reason).toMatch(/^(Listing|Reading|Writing) .*: no answer in time/)
      expect(written).toHaveLength(step === 'list' ? 1 : 2)
    },
  )

  it('runMirror leaves a store that keeps its deadline the last word', async () => {
    const time = virtualTime()
    const store: Store = {
      mostBytes: 65_536,
      hasMark: true,
      read: (deadline) =>
        time.sleep(deadline - time.monotonic()).then(() => Promise.reject(new Error('own words'))),
      write: never,
    }
    const running = runMirror(
      {
        mirrors: [{ subAppId: 7, targets: [targetOf('memory', 'x')] }],
        dryRun: false,
        confirm: null,
        promote: null,
        deadline: 60_000,
      },
      { site: 'intl', settleSeconds: 1, minKeep: 0.5, timeoutMs: 10_000, exclude: new Set(), tokenLimit: 45 },
      { ...time, list: async () => listOf(['a']), openStore: () => store },
    )
    await time.pass(10_200)
    expect((await running).Results).toMatchObject([{ Outcome: 'failed', Reason: 'own words' }])
  })
})

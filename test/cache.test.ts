import { describe, expect, it } from 'vitest'
import { createTokenCache } from '../lib/cache.ts'

function world(cacheSeconds: number, chance = 0.5) {
  let now = 0
  let gate: Promise<void> | null = null
  let failure: Error | null = null
  const fetched: (number | null)[] = []
  const cache = createTokenCache(cacheSeconds, {
    now: () => now,
    random: () => chance,
    fetch: async (subAppId) => {
      fetched.push(subAppId)
      await gate
      if (failure) throw failure
      return {
        apiTokens: [`token-${fetched.length}`],
        extInfos: null,
        extInfosDropped: false,
        requestId: null,
      }
    },
  })
  return {
    get: (subAppId: number | null = 7, refresh = false) =>
      cache.get(subAppId, { refresh, deadline: now + 1000 }),
    fetched,
    pass: (ms: number) => {
      now += ms
    },
    fail: (error: Error | null) => {
      failure = error
    },
    /** Holds every fetch until the returned function is called. */
    block: () => {
      let open = (): void => {}
      gate = new Promise((resolve) => {
        open = resolve
      })
      return () => open()
    },
  }
}

describe('createTokenCache', () => {
  it('createTokenCache serves a list for its time and says when it was observed', async () => {
    const { get, fetched, pass } = world(30)
    expect(await get()).toMatchObject({ apiTokens: ['token-1'], observedAt: 0, fromCache: false })
    pass(29_999)
    expect(await get()).toMatchObject({ apiTokens: ['token-1'], observedAt: 0, fromCache: true })
    pass(1)
    expect(await get()).toMatchObject({ apiTokens: ['token-2'], observedAt: 30_000, fromCache: false })
    expect(fetched).toHaveLength(2)
  })

  it.each([
    [0, 22_500],
    [0.5, 30_000],
    [1, 37_500],
  ])('createTokenCache spreads its time by a quarter: chance %d gives %d ms', async (chance, ms) => {
    const { get, pass } = world(30, chance)
    await get()
    pass(ms - 1)
    expect(await get()).toMatchObject({ fromCache: true })
    pass(1)
    expect(await get()).toMatchObject({ fromCache: false })
  })

  it('createTokenCache asks once for everybody who waits, per application', async () => {
    const w = world(30)
    const release = w.block()
    const waiting = [...Array.from({ length: 500 }, () => w.get(7)), w.get(8)]
    expect(w.fetched).toEqual([7, 8])
    release()
    const lists = await Promise.all(waiting)
    expect(w.fetched).toEqual([7, 8])
    expect(lists.filter(({ fromCache }) => !fromCache)).toHaveLength(2)
  })

  it('createTokenCache always asks when its time is zero', async () => {
    const { get, fetched } = world(0)
    await get()
    await get()
    expect(fetched).toHaveLength(2)
  })

  it('createTokenCache refreshes on demand, at most once a second', async () => {
    const { get, fetched, pass } = world(30)
    await get()
    await get(7, true)
    expect(fetched).toHaveLength(1)
    pass(1000)
    await get(7, true)
    expect(fetched).toHaveLength(2)
  })

  it('createTokenCache never keeps a failure', async () => {
    const { get, fail } = world(30)
    fail(new Error('down'))
    await expect(get()).rejects.toThrow('down')
    fail(null)
    expect(await get()).toMatchObject({ apiTokens: ['token-2'] })
  })
})

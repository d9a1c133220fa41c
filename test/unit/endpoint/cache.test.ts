import { describe, expect, it } from 'vitest'
import { nameTokens } from '../../../lib/digest.ts'
import { createTokenCache } from '../../../lib/endpoint/cache.ts'
import { StoreError, TencentError } from '../../../lib/errors.ts'
import { listOf } from '../../support/list-of.ts'
import { timeOf } from '../../support/time-of.ts'

interface Options {
  readonly chance?: number
  readonly staleSeconds?: number
  /** What the mirrored document holds. */
  readonly mirrored?: string[] | Error | (() => string[])
  /** What the source names as the token to use; only a mirrored document does. */
  readonly pick?: string
}

function world(cacheSeconds: number, { chance = 0.5, staleSeconds = 3600, mirrored, pick }: Options = {}) {
  let now = 0
  let gate: Promise<void> | null = null
  let failure: Error | null = null
  let quiet = false
  const fetched: (number | null)[] = []
  /** Of the mirrored document. */
  const read = { count: 0 }
  const picking: unknown[] = []
  const allowed: { ms: number; patient: boolean }[] = []
  const cache = createTokenCache(
    { cacheSeconds, staleSeconds },
    {
      ...timeOf(() => now, { random: () => chance }),
      isBackingOff: () => quiet,
      choosePick(...given) {
        picking.push(given)
        return given[2] ?? given[1][0] ?? null
      },
      list: async (subAppId, deadline, { patient } = { patient: true }) => {
        fetched.push(subAppId)
        allowed.push({ ms: deadline - now, patient })
        await gate
        if (failure) throw failure
        return { ...listOf([`token-${fetched.length}`]), pick: pick ?? null }
      },
      fallback:
        mirrored === undefined
          ? null
          : async () => {
              read.count++
              if (mirrored instanceof Error) throw mirrored
              const tokens = typeof mirrored === 'function' ? mirrored() : mirrored
              return { ...listOf(tokens), pick: tokens.at(-1) ?? null }
            },
    },
  )
  return {
    get: (subAppId: number | null = 7, refresh = false) =>
      cache.get(subAppId, { refresh, deadline: now + 1000 }),
    fetched,
    read,
    allowed,
    picking,
    beQuiet: (on: boolean) => {
      quiet = on
    },
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
  it('serves a list for its time and says when it was observed', async () => {
    const { get, fetched, pass } = world(30)
    expect(await get()).toMatchObject({
      apiTokens: ['token-1'],
      observedAt: '1970-01-01T00:00:00.000Z',
      fromCache: false,
    })
    pass(29_999)
    expect(await get()).toMatchObject({
      apiTokens: ['token-1'],
      observedAt: '1970-01-01T00:00:00.000Z',
      fromCache: true,
    })
    pass(1)
    expect(await get()).toMatchObject({
      apiTokens: ['token-2'],
      observedAt: '1970-01-01T00:00:30.000Z',
      fromCache: false,
    })
    expect(fetched).toHaveLength(2)
  })

  it.each([
    [0, 22_500],
    [0.5, 30_000],
    [1, 37_500],
  ])('spreads its time by a quarter: chance %d gives %d ms', async (chance, ms) => {
    const { get, pass } = world(30, { chance })
    await get()
    pass(ms - 1)
    expect(await get()).toMatchObject({ fromCache: true })
    pass(1)
    expect(await get()).toMatchObject({ fromCache: false })
  })

  it('asks once for everybody who waits, per application', async () => {
    const w = world(30)
    const release = w.block()
    const waiting = [...Array.from({ length: 500 }, () => w.get(7)), w.get(8)]
    expect(w.fetched).toEqual([7, 8])
    release()
    const lists = await Promise.all(waiting)
    expect(w.fetched).toEqual([7, 8])
    expect(lists.filter(({ fromCache }) => !fromCache)).toHaveLength(2)
  })

  it('asks once for everybody who waits when that fails, too', async () => {
    const w = world(30)
    const release = w.block()
    w.fail(new Error('down'))
    const waiting = Promise.allSettled([w.get(), w.get(), w.get()])
    release()
    expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(w.fetched).toEqual([7])
  })

  it('always asks when its time is zero', async () => {
    const { get, fetched } = world(0)
    await get()
    await get()
    expect(fetched).toHaveLength(2)
  })

  it('refreshes on demand, at most once a second', async () => {
    const { get, fetched, pass } = world(30)
    await get()
    await get(7, true)
    expect(fetched).toHaveLength(1)
    pass(1000)
    await get(7, true)
    expect(fetched).toHaveLength(2)
  })

  it('never keeps a failure', async () => {
    const { get, fail } = world(30)
    fail(new Error('down'))
    await expect(get()).rejects.toThrow('down')
    fail(null)
    expect(await get()).toMatchObject({ apiTokens: ['token-2'] })
  })

  const down = (code: string, retryable: boolean): TencentError =>
    new TencentError(code, `Listing: ${code}`, { action: 'A', requestId: null, attempts: 1, retryable })
  const passing = down('InternalError', true)

  it.each([
    passing,
    down('RequestLimitExceeded', true),
    down('ClientError.Timeout', true),
    down('ClientError.NetworkError', true),
    down('ClientError.MalformedAnswer', false),
    down('ClientError.ResponseTooLarge', false),
  ])('serves the old list, marked, for $code', async (failure) => {
    const { get, pass, fail } = world(30)
    await get()
    pass(60_000)
    fail(failure)
    expect(await get()).toMatchObject({
      apiTokens: ['token-1'],
      observedAt: '1970-01-01T00:00:00.000Z',
      staleBecause: failure,
    })
    fail(null)
    expect(await get()).toMatchObject({ apiTokens: ['token-3'], staleBecause: null })
  })

  it.each([
    'AuthFailure.SecretIdNotFound',
    'UnauthorizedOperation',
    'ResourceNotFound.UserNotExist',
    'InvalidParameter',
  ])('shows %s, whatever it could serve instead', async (code) => {
    const { get, pass, fail } = world(30, { mirrored: ['mirrored'] })
    await get()
    pass(60_000)
    fail(down(code, false))
    await expect(get()).rejects.toMatchObject({ code })
  })

  it('asks anew at most once a second, also while upstream fails', async () => {
    const { get, pass, fail, fetched } = world(30)
    await get()
    pass(1_000)
    fail(passing)
    for (let i = 0; i < 5; i++) {
      await get(7, true)
      pass(200)
    }
    expect(fetched).toHaveLength(2)
    await get(7, true)
    expect(fetched).toHaveLength(3)
    fail(down('AuthFailure.SecretIdNotFound', false))
    pass(1_000)
    await expect(get(7, true)).rejects.toMatchObject({ code: 'AuthFailure.SecretIdNotFound' })
    // Within the second, a fresh list is a fresh list.
    expect(await get(7, true)).toMatchObject({ staleBecause: null })
    expect(fetched).toHaveLength(4)
  })

  it('serves an old list for the stale time and no longer', async () => {
    const { get, pass, fail } = world(30, { staleSeconds: 100 })
    await get()
    fail(passing)
    pass(129_999)
    expect(await get()).toMatchObject({ staleBecause: passing })
    pass(1)
    await expect(get()).rejects.toBe(passing)
  })

  it('never serves an old list when the stale time is zero', async () => {
    const { get, pass, fail } = world(30, { staleSeconds: 0 })
    await get()
    fail(passing)
    pass(1_000)
    await expect(get(7, true)).rejects.toBe(passing)
    expect(await get()).toMatchObject({ staleBecause: null })
    pass(29_000)
    await expect(get()).rejects.toBe(passing)
  })

  it('waits a quarter of the time for upstream where it has something else to serve', async () => {
    const cold = world(30)
    await cold.get()
    cold.pass(60_000)
    await cold.get()
    expect(cold.allowed).toEqual([
      { ms: 1000, patient: true },
      { ms: 250, patient: false },
    ])
    const mirrored = world(30, { mirrored: ['mirrored'] })
    await mirrored.get()
    expect(mirrored.allowed).toEqual([{ ms: 250, patient: false }])
  })

  it('serves the mirrored document, marked, when it is cold and upstream fails', async () => {
    const { get, fail, fetched, read, pass } = world(30, { mirrored: ['mirrored'] })
    fail(passing)
    expect(await get()).toMatchObject({ apiTokens: ['mirrored'], staleBecause: passing })
    pass(4_999)
    expect(await get()).toMatchObject({
      apiTokens: ['mirrored'],
      observedAt: '1970-01-01T00:00:00.000Z',
      staleBecause: passing,
    })
    // Neither was asked again for five seconds: many instances that start during an outage would ask the store to death.
    expect([fetched.length, read.count]).toEqual([1, 1])
    pass(1)
    expect(await get()).toMatchObject({
      apiTokens: ['mirrored'],
      observedAt: '1970-01-01T00:00:05.000Z',
      staleBecause: passing,
    })
    expect([fetched.length, read.count]).toEqual([2, 2])
    fail(null)
    pass(5_000)
    expect(await get()).toMatchObject({ apiTokens: ['token-3'], staleBecause: null })
  })

  it('serves its own old list rather than the mirrored document', async () => {
    const { get, fail, pass, read } = world(30, { mirrored: ['mirrored'] })
    await get()
    pass(60_000)
    fail(passing)
    expect(await get()).toMatchObject({ apiTokens: ['token-1'], staleBecause: passing })
    // It was read for its pick, beside each list.
    expect(read.count).toBe(2)
  })

  it('takes the pick from the mirrored document, beside the list and not after it', async () => {
    const w = world(30, { mirrored: ['token-1', 'token-x'] })
    const release = w.block()
    const waiting = w.get()
    expect([w.fetched.length, w.read.count]).toEqual([1, 1])
    release()
    expect(await waiting).toMatchObject({ apiTokens: ['token-1'], pick: 'token-x', staleBecause: null })
    expect(w.picking).toEqual([[7, ['token-1'], 'token-x']])
  })

  it.each([
    ['no fallback', {}, null],
    ['a fallback that cannot be read', { mirrored: new Error('forbidden') }, null],
    ['a fallback that names none', { mirrored: [] }, null],
    ['a source that is the document', { pick: 'of the source' }, 'of the source'],
  ])('lets choosePick know of %s', async (_, options, told) => {
    const { get, picking } = world(30, options)
    expect(await get()).toMatchObject({ staleBecause: null })
    expect(picking).toEqual([[7, ['token-1'], told]])
  })

  it('takes the pick of the mirrored document with its tokens, when those are served', async () => {
    const { get, fail } = world(30, { mirrored: ['m', 'n'] })
    fail(passing)
    expect(await get()).toMatchObject({ apiTokens: ['m', 'n'], pick: 'n', staleBecause: passing })
  })

  it('reads no mirrored document while it has a list and upstream is to be left alone', async () => {
    const { get, pass, beQuiet, read } = world(30, { mirrored: ['m'] })
    await get()
    pass(60_000)
    beQuiet(true)
    expect(await get()).toMatchObject({ apiTokens: ['token-1'] })
    expect(read.count).toBe(1)
  })

  it('sorts tokens by code unit, and ExtInfos with them', async () => {
    const cache = createTokenCache(
      { cacheSeconds: 30, staleSeconds: 0 },
      {
        ...timeOf(() => 0),
        isBackingOff: () => false,
        fallback: null,
        choosePick: (_, tokens) => tokens[0] ?? null,
        list: async () => ({ ...listOf(['b', 'ä', 'a', 'B']), extInfos: ['1', '2', '3', '4'] }),
      },
    )
    expect(await cache.get(7, { refresh: false, deadline: 1000 })).toMatchObject({
      apiTokens: ['B', 'a', 'b', 'ä'],
      extInfos: ['4', '3', '1', '2'],
      pick: 'B',
      names: nameTokens(['B', 'a', 'b', 'ä'], 'B'),
    })
  })

  it('serves the mirrored document that it had while that cannot be read any more', async () => {
    let readable = true
    const mirrored = (): string[] => {
      if (readable) return ['mirrored']
      throw new Error('gone')
    }
    const { get, fail, pass } = world(30, { mirrored })
    fail(passing)
    await get()
    pass(60_000)
    readable = false
    const worse = down('ClientError.NetworkError', true)
    fail(worse)
    expect(await get()).toMatchObject({
      apiTokens: ['mirrored'],
      observedAt: '1970-01-01T00:00:00.000Z',
      staleBecause: worse,
    })
  })

  it('asks for everybody who always wants to be asked for, during an outage too', async () => {
    const { get, fail, fetched, read } = world(0, { mirrored: ['mirrored'] })
    fail(passing)
    await get()
    await get()
    // The store is asked every five seconds at most.
    expect([fetched.length, read.count]).toEqual([2, 1])
  })

  it('serves an old list while the store that is its source fails, but not when that refuses', async () => {
    const { get, pass, fail } = world(30)
    await get()
    pass(60_000)
    const throttled = new StoreError('ThrottlingException', 'm', 'target', true)
    fail(throttled)
    expect(await get()).toMatchObject({ apiTokens: ['token-1'], staleBecause: throttled })
    const refused = new StoreError('AccessDeniedException', 'm', 'target')
    fail(refused)
    await expect(get()).rejects.toBe(refused)
  })

  it("throws upstream's failure when the mirrored document cannot be read either", async () => {
    const { get, fail, allowed } = world(30, { mirrored: new Error('forbidden') })
    fail(passing)
    await expect(get()).rejects.toBe(passing)
    // With the patience of an instance that has nothing else.
    expect(allowed).toEqual([
      { ms: 250, patient: false },
      { ms: 1000, patient: true },
    ])
  })

  it('shows an HTTP status that may be a refusal, and hides an answer that is none', async () => {
    const { get, pass, fail } = world(30)
    await get()
    pass(60_000)
    fail(down('ClientError.HttpStatusCodeError', false))
    await expect(get()).rejects.toMatchObject({ code: 'ClientError.HttpStatusCodeError' })
    fail(down('ClientError.MalformedAnswer', false))
    expect(await get()).toMatchObject({ staleBecause: { code: 'ClientError.MalformedAnswer' } })
  })

  it('asks nothing while upstream is to be left alone, if it has something else to serve', async () => {
    const { get, pass, beQuiet, fetched } = world(30)
    beQuiet(true)
    await get()
    expect(fetched).toHaveLength(1)
    pass(60_000)
    expect(await get()).toMatchObject({
      staleBecause: {
        code: 'RequestLimitExceeded',
        message: expect.stringContaining('not asked'),
        action: 'DescribeAigcApiTokens',
        attempts: 0,
        retryable: true,
      },
    })
    expect(fetched).toHaveLength(1)
  })
})

import { beforeEach, describe, expect, it } from 'vitest'
import { createLeasedCredentials, type GetCredentials, type Lease } from '../../../lib/credentials/lease.ts'
import { timeOf } from '../../support/time-of.ts'

const start = Date.UTC(2026, 0, 1)
const far = start + 86_400_000

let now: number
/** What the source answers, one after the other; the last one again and again. */
let script: (Lease | Error)[]
let fetches: number[]
let get: GetCredentials

const lease = (name: string, lifetimeMs: number): Lease => ({
  credentials: { secretId: name, secretKey: 'k', token: 't' },
  lifetimeMs,
})
const idOf = async (promise: ReturnType<GetCredentials>): Promise<string> => (await promise).secretId

beforeEach(() => {
  now = start
  fetches = []
  get = createLeasedCredentials(
    async (deadline) => {
      fetches.push(deadline)
      await new Promise(setImmediate)
      const next = script.length > 1 ? script.shift() : script[0]
      if (!next || next instanceof Error) throw next
      return next
    },
    timeOf(() => now),
  )
})

describe('createLeasedCredentials', () => {
  it('fetches once for everybody who asks meanwhile and after', async () => {
    script = [lease('a', 7_200_000)]
    expect(new Set(await Promise.all([1, 2, 3].map(() => idOf(get(far)))))).toEqual(new Set(['a']))
    now += 7_200_000 - 300_001
    expect(await idOf(get(far))).toBe('a')
    expect(fetches).toEqual([far])
  })

  it('fetches anew five minutes before they expire, and waits three seconds at most', async () => {
    script = [lease('a', 7_200_000), lease('b', 14_400_000)]
    await get(far)
    now += 7_200_000 - 300_000
    expect(await Promise.all([idOf(get(far)), idOf(get(far))])).toEqual(['b', 'b'])
    expect(fetches).toEqual([far, now + 3_000])
  })

  it.each([300_000, 200_000, 10_000])('does not fetch in every call what lives for %d ms', async (ms) => {
    script = [lease('a', ms), lease('b', ms)]
    for (let i = 0; i < 3; i++) expect(await idOf(get(far))).toBe('a')
    now += ms / 2
    expect(await idOf(get(far))).toBe('b')
    expect(fetches).toHaveLength(2)
  })

  it('leaves two thirds of a short time for the call itself', async () => {
    script = [lease('a', 7_200_000), lease('b', 14_400_000)]
    await get(far)
    now += 7_200_000 - 300_000
    await get(now + 2_400)
    expect(fetches[1]).toBe(now + 800)
  })

  it('fetches again for who joined a fetch that had less time', async () => {
    let fail = (_: Error): void => {}
    fetches = []
    get = createLeasedCredentials(
      (deadline) => {
        fetches.push(deadline)
        if (fetches.length > 1) return Promise.resolve(lease('a', 7_200_000))
        return new Promise((_, reject) => {
          fail = reject
        })
      },
      timeOf(() => now),
    )
    const [hurried, unhurried] = [get(start + 10), get(start + 10_000)]
    now = start + 10
    fail(new Error('timeout'))
    await expect(hurried).rejects.toThrow('timeout')
    expect(await idOf(unhurried)).toBe('a')
    expect(fetches).toEqual([start + 10, start + 10_000])
  })

  it('survives a failing refresh while the old ones are good, and pauses ten seconds', async () => {
    script = [lease('a', 7_200_000), new Error('down')]
    await get(far)
    now += 7_200_000 - 300_000
    expect(await idOf(get(far))).toBe('a')
    now += 9_999
    expect(await idOf(get(far))).toBe('a')
    expect(fetches).toHaveLength(2)
    now += 1
    expect(await idOf(get(far))).toBe('a')
    expect(fetches).toHaveLength(3)
  })

  it('fails once the old ones have expired, and tries again in every call', async () => {
    script = [lease('a', 7_200_000), new Error('down')]
    await get(far)
    now += 7_200_000
    await expect(get(far)).rejects.toThrow('down')
    await expect(get(far)).rejects.toThrow('down')
    expect(fetches).toHaveLength(3)
    script = [lease('b', 7_200_000)]
    expect(await idOf(get(far))).toBe('b')
  })

  it('never keeps a failure, not even one that is thrown at once', async () => {
    let calls = 0
    const getAtOnce = createLeasedCredentials(
      () => {
        if (calls++ === 0) throw new Error('down')
        return Promise.resolve(lease('a', 7_200_000))
      },
      timeOf(() => now),
    )
    await expect(getAtOnce(far)).rejects.toThrow('down')
    expect(await idOf(getAtOnce(far))).toBe('a')
  })

  it('never keeps a failure', async () => {
    script = [new Error('down'), lease('a', 7_200_000)]
    await expect(get(far)).rejects.toThrow('down')
    expect(await idOf(get(far))).toBe('a')
  })

  it('fetches again once for all whose credentials were refused', async () => {
    script = [lease('a', Number.POSITIVE_INFINITY), lease('b', Number.POSITIVE_INFINITY)]
    const refused = await get(far)
    expect(await Promise.all([get(far, refused), get(far, refused)].map(idOf))).toEqual(['b', 'b'])
    // Somebody who was slow to hear of it gets what the others fetched.
    expect(await idOf(get(far, refused))).toBe('b')
    expect(fetches).toHaveLength(2)
  })

  it('does not fall back on refused ones', async () => {
    script = [lease('a', 7_200_000), new Error('down')]
    const refused = await get(far)
    await expect(get(far, refused)).rejects.toThrow('down')
    await expect(get(far)).rejects.toThrow('down')
  })
})

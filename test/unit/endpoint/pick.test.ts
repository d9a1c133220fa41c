import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPick } from '../../../lib/endpoint/pick.ts'
import { createRandom } from '../../simulation/random.ts'
import { sha256 } from '../../support/sha256.ts'

function instance(settleSeconds = 60) {
  let now = 1_000_000
  const choose = createPick({ settleSeconds }, { monotonic: () => now })
  return {
    choose: (tokens: string[], mirrored: string | null = null, subAppId: number | null = 7) =>
      choose(subAppId, tokens, mirrored),
    pass: (seconds: number) => {
      now += seconds * 1000
    },
  }
}

const smallest = (tokens: string[]): string | undefined =>
  [...tokens].sort((a, b) => (sha256(a) < sha256(b) ? -1 : 1))[0]
// As it happens, in the order of their SHA-256.
const [first, second, third] = ['a', 'b', 'c'].sort((a, b) => (sha256(a) < sha256(b) ? -1 : 1)) as [
  string,
  string,
  string,
]

describe('createPick', () => {
  it('takes the pick of the mirror, while that is listed', () => {
    const { choose } = instance()
    expect(choose([first, second, third], third)).toBe(third)
    expect(choose([first, second, third], second)).toBe(second)
    // As it was given out before.
    expect(choose([first, third], second)).toBe(third)
    expect(choose([first, second], 'of another application')).toBe(second)
  })

  it('takes the smallest SHA-256, whatever the order', () => {
    for (const tokens of [
      [first, second, third],
      [third, first, second],
    ])
      expect(instance().choose(tokens)).toBe(first)
  })

  it('stays with what it gave out last, while that is listed', () => {
    const { choose, pass } = instance()
    expect(choose([second])).toBe(second)
    pass(600)
    expect(choose([first, second])).toBe(second)
    expect(choose([first])).toBe(first)
    expect(choose([first, second])).toBe(first)
  })

  it('stays with the pick of the mirror when that cannot be read any more', () => {
    const { choose } = instance()
    choose([first, second], second)
    expect(choose([first, second])).toBe(second)
  })

  it('moves to a token that it has seen for the settle seconds, where there is one', () => {
    const { choose, pass } = instance()
    choose([second, third], third)
    pass(60)
    expect(choose([first, second])).toBe(second)
    const early = instance()
    early.choose([second, third], third)
    early.pass(59.9)
    expect(early.choose([first, second])).toBe(first)
  })

  it('counts from anew for a token that was gone', () => {
    const { choose, pass } = instance()
    choose([first, second, third], third)
    choose([second, third], third)
    pass(30)
    choose([first, second, third], third)
    pass(30)
    expect(choose([first, second])).toBe(second)
  })

  it('has nothing for an application without tokens, and goes on after that', () => {
    const { choose } = instance()
    expect([choose([]), choose([], 'x'), choose([second]), choose([first, second])]).toEqual([
      null,
      null,
      second,
      second,
    ])
  })

  it('remembers the last four that it gave out, each once, whatever empty lists come between', () => {
    const { choose } = instance()
    for (const token of ['g', 'h', 'e', 'b', 'c', 'c', 'c', 'c']) choose([token])
    for (let i = 0; i < 4; i++) choose([])
    // The SHA-256 of d is the smallest of all these.
    expect(choose(['h', 'd'])).toBe('h')
    expect(choose(['g', 'd'])).toBe('d')
  })

  it('remembers each application by itself', () => {
    const { choose } = instance()
    choose([second], null, 7)
    expect([choose([first, second], null, 8), choose([first, second], null, null)]).toEqual([first, first])
    expect(choose([first, second], null, 7)).toBe(second)
  })

  it('is always listed, and always one where there is any', () => {
    const token = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const look = fc.record({
      tokens: fc.array(token),
      mirrored: fc.option(token),
      seconds: fc.integer({ min: 0, max: 90 }),
    })
    fc.assert(
      fc.property(fc.array(look), (looks) => {
        const { choose, pass } = instance()
        for (const { tokens, mirrored, seconds } of looks) {
          pass(seconds)
          const pick = choose(tokens, mirrored)
          if (tokens.length === 0) expect(pick).toBeNull()
          else expect(tokens).toContain(pick)
          if (mirrored !== null && tokens.includes(mirrored)) expect(pick).toBe(mirrored)
        }
      }),
    )
  })

  /**
   * A rotation: the old token, both, the new one. 500 instances start at any time of it, and ask every 30 s, a quarter more
   * or less. Nobody can know in the middle which of two tokens is older who has not seen it: there is one pick of those who
   * have, and one of those who have not.
   */
  it.each([1, 2, 3, 4, 5, 6])(
    'lets 500 instances agree before and after rotation %d, on two at most in it',
    (seed) => {
      const random = createRandom(seed)
      const [older, newer] = [`old-${seed}`, `new-${seed}`]
      const [bothAt, newAt, endAt] = [600, 1200, 1800]
      const listAt = (second: number): string[] =>
        second < bothAt ? [older] : second < newAt ? [newer, older] : [newer]
      const picks: { at: number; seenAlone: boolean; pick: string | null }[] = []
      for (let index = 0; index < 500; index++) {
        const startAt = random.between(0, endAt)
        const { choose, pass } = instance()
        for (let at = startAt; at < endAt; ) {
          picks.push({ at, seenAlone: startAt < bothAt, pick: choose(random.shuffle(listAt(at))) })
          const pause = random.between(23, 37)
          pass(pause)
          at += pause
        }
      }
      const picked = (wanted: (one: (typeof picks)[number]) => boolean): (string | null)[] => [
        ...new Set(picks.filter(wanted).map(({ pick }) => pick)),
      ]
      expect(picked(({ at }) => at < bothAt)).toEqual([older])
      expect(picked(({ at }) => at >= newAt)).toEqual([newer])
      const within = (at: number): boolean => at >= bothAt && at < newAt
      expect(picked(({ at, seenAlone }) => within(at) && seenAlone)).toEqual([older])
      expect(picked(({ at, seenAlone }) => within(at) && !seenAlone)).toEqual([smallest([older, newer])])
    },
  )
})

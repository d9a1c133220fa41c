import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PlanInput, planTarget, preferTokens } from '../../../lib/mirror/plan.ts'
import { type MirroredDocument, parseDocument, versionId } from '../../../lib/stores/document.ts'
import type { Reading } from '../../../lib/stores/store.ts'
import { mirrored } from '../../support/documents.ts'

const application = { subAppId: 7, site: 'intl' } as const

function holding(value: string, marked = true, before?: string): Reading {
  return { state: 'value', marked, value, ...(before !== undefined && { before }) }
}

function input(reading: Reading, listed: string[], more: Partial<PlanInput> = {}): PlanInput {
  const { value = '', before = '' } = reading.state === 'value' ? reading : {}
  const held = parseDocument(value) ?? parseDocument(before)
  const set = new Set(listed)
  return {
    application,
    target: { adopt: false },
    reading,
    listed: set,
    settledAbsences: new Set(),
    preferred: preferTokens([held], held?.ApiTokens ?? [], set),
    guard: { minKeep: 0.5, size: held?.ApiTokens.length ?? 0 },
    ...more,
  }
}

function written(value: string): object {
  return { action: 'write', rendered: value, versionId: versionId(value) }
}

describe('planTarget', () => {
  const rows: [string, PlanInput, object][] = [
    ['creates what is absent', input({ state: 'absent' }, ['b', 'a']), written(mirrored(['a', 'b']))],
    [
      'writes tokens in the order of code units, whatever the locale',
      input({ state: 'absent' }, ['b', 'ä', 'a', 'B', 'a1', 'a-'], { preferred: [] }),
      written('{"ApiToken":"B","ApiTokens":["B","a","a-","a1","b","ä"],"SubAppId":7,"Site":"intl"}'),
    ],
    [
      'fills a secret without a value',
      input({ state: 'empty', marked: false }, ['a']),
      written(mirrored(['a'])),
    ],
    [
      'does nothing for the same set in any order',
      input(holding(mirrored(['a', 'b'], { ApiToken: 'b' })), ['b', 'a']),
      { action: 'none' },
    ],
    [
      'adds at once and keeps the token in use',
      input(holding(mirrored(['b'])), ['a', 'b']),
      written(mirrored(['a', 'b'], { ApiToken: 'b' })),
    ],
    [
      'keeps a missing token until its absence is settled',
      input(holding(mirrored(['a', 'b'])), ['b']),
      { action: 'none' },
    ],
    [
      'takes out what is gone and picks another token',
      input(holding(mirrored(['a', 'b'])), ['b'], { settledAbsences: new Set(['a']) }),
      written(mirrored(['b'])),
    ],
    [
      'lets a rotation through',
      input(holding(mirrored(['a'])), ['b']),
      written(mirrored(['a', 'b'], { ApiToken: 'a' })),
    ],
    [
      'holds when the list is empty',
      input(holding(mirrored(['a'])), []),
      { action: 'hold', reason: 'the list is empty' },
    ],
    [
      'holds when the list is empty and nothing is mirrored',
      input({ state: 'absent' }, []),
      { action: 'hold', reason: 'the list is empty' },
    ],
    [
      'holds when the list has shrunk below the share',
      input(holding(mirrored(['a', 'b', 'c'])), ['a']),
      { action: 'hold', reason: expect.stringContaining('the list has 1 tokens where 3 are held') },
    ],
    [
      'does not hold at the share exactly',
      input(holding(mirrored(['a', 'b'])), ['a'], { settledAbsences: new Set(['b']) }),
      written(mirrored(['a'])),
    ],
    ['is content with a confirmed empty list', input(holding(mirrored([])), []), { action: 'none' }],
    [
      'writes an empty list when it is confirmed',
      input(holding(mirrored(['a'])), [], { settledAbsences: new Set(['a']), guard: null }),
      written(mirrored([])),
    ],
    [
      'holds for a value under our mark that is no document',
      input(holding('{"half":'), ['a']),
      {
        action: 'hold',
        reason:
          'it carries our mark, but its value is no mirrored document, nor was it a version ago: somebody reused or ' +
          'damaged it; if it may be overwritten, confirm this plan, otherwise give the mirror another target',
      },
    ],
    [
      'overwrites it when somebody confirms',
      input(holding('{"half":'), ['a'], { guard: null }),
      written(mirrored(['a'])),
    ],
    [
      'overwrites it where that was said beforehand, with adopt',
      input(holding('{"half":'), ['a'], { target: { adopt: true } }),
      written(mirrored(['a'])),
    ],
    [
      'overwrites it when it was ours a version ago, and keeps the tokens and the pick of that document',
      input(holding('{"half":', true, mirrored(['a', 'b'], { ApiToken: 'b' })), ['a', 'c']),
      written(mirrored(['a', 'b', 'c'], { ApiToken: 'b' })),
    ],
    [
      'holds for a list that is too short for what was ours a version ago',
      input(holding('{"half":', true, mirrored(['a', 'b', 'c'])), ['a']),
      { action: 'hold', reason: expect.stringContaining('the list has 1 tokens where 3 are held') },
    ],
    ...[mirrored(['a', 'b'], { SubAppId: 8 }), mirrored(['a', 'b'], { Site: 'cn' }), '{"half":'].map(
      (before): [string, PlanInput, object] => [
        `holds for a value under our mark that was ${before} a version ago`,
        input(holding('{"half":', true, before), ['a', 'b']),
        { action: 'hold', reason: expect.stringContaining('nor was it a version ago') },
      ],
    ),
    [
      'holds rather than empty a value of ours that is no document',
      input(holding('{"half":', true, mirrored(['a'])), []),
      { action: 'hold', reason: 'the list is empty' },
    ],
    [
      'writes an unchanged document again where the mark is missing, with adopt',
      input(holding(mirrored(['a']), false), ['a'], { target: { adopt: true } }),
      written(mirrored(['a'])),
    ],
    [
      'refuses a document of ours without the mark, without adopt',
      input(holding(mirrored(['a']), false), ['a']),
      { action: 'refuse', reason: expect.stringContaining('does not carry our mark') },
    ],
    [
      'sorts by code unit, not as a language does',
      input({ state: 'absent' }, ['é', 'b', 'B', 'a', '_']),
      written('{"ApiToken":"B","ApiTokens":["B","_","a","b","é"],"SubAppId":7,"Site":"intl"}'),
    ],
    [
      'rewrites a document of ours that was edited by hand',
      input(holding(` ${mirrored(['a'])}`), ['a']),
      written(mirrored(['a'])),
    ],
    [
      'refuses a foreign value',
      input(holding('password', false), ['a']),
      { action: 'refuse', reason: expect.stringContaining('add adopt=true') },
    ],
    [
      'overwrites a foreign value that may be adopted',
      input(holding('password', false), ['a'], { target: { adopt: true } }),
      written(mirrored(['a'])),
    ],
    [
      'refuses the document of another application, adopted or not',
      input(holding(mirrored(['a'], { SubAppId: 8 })), ['a'], {
        target: { adopt: true },
      }),
      {
        action: 'refuse',
        reason:
          'it mirrors application 8 of site intl, not 7 of intl; give each application a target of its own',
      },
    ],
    [
      'refuses the document of another site',
      input(holding(mirrored(['a'], { Site: 'cn' })), ['a']),
      { action: 'refuse', reason: expect.stringContaining('of site cn') },
    ],
    [
      'refuses what is unavailable, in its own words',
      input({ state: 'unavailable', reason: 'it is scheduled for deletion' }, ['a']),
      { action: 'refuse', reason: 'it is scheduled for deletion' },
    ],
  ]
  it.each(rows)('%s', (_, given, expected) => {
    expect(planTarget(given)).toEqual(expected)
  })

  const token = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
  const tokens = fc.uniqueArray(token)

  it('never writes an unchanged set, whatever its order and duplicates', () => {
    fc.assert(
      fc.property(fc.uniqueArray(token, { minLength: 1 }), fc.array(token), (set, noise) => {
        const reading = holding(mirrored([...set].sort()))
        const listed = [...noise.filter((one) => set.includes(one)), ...set]
        expect(planTarget(input(reading, listed))).toEqual({ action: 'none' })
      }),
    )
  })

  it('writes whole documents that hold the list and lose only what is gone', () => {
    fc.assert(
      fc.property(
        tokens,
        tokens,
        tokens,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (held, listed, absent, minKeep) => {
          const gone = new Set(absent.filter((one) => !listed.includes(one)))
          const reading = holding(mirrored([...held].sort()))
          const planned = planTarget(
            input(reading, listed, { settledAbsences: gone, guard: { minKeep, size: held.length } }),
          )
          if (listed.length < minKeep * held.length - 1e-6) expect(planned.action).toBe('hold')
          if (planned.action !== 'write') return
          const after = parseDocument(planned.rendered) as MirroredDocument
          const kept = held.filter((one) => !gone.has(one))
          expect(after.ApiTokens).toEqual([...new Set([...listed, ...kept])].sort())
          expect(after.ApiTokens).toContain(after.ApiToken)
        },
      ),
    )
  })
})

describe('planTarget and the share AIGC_MIN_KEEP', () => {
  const names = Array.from({ length: 5000 }, (_, index) => `t${index}`)
  const decided = (listed: number, size: number, minKeep: number): string =>
    planTarget(input({ state: 'empty', marked: true }, names.slice(0, listed), { guard: { minKeep, size } }))
      .action

  it.each([
    [7, 50, 0.14],
    [11, 110, 0.1],
    [1, 3, 1 / 3],
  ])('does not hold for %d of %d tokens, which is %d exactly', (listed, size, share) => {
    expect(decided(listed, size, share)).toBe('write')
    expect(decided(listed - 1, size, share)).toBe('hold')
  })

  it('holds exactly below the share, for every share of up to six decimals', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 6 }).chain((decimals) =>
          fc.record({
            decimals: fc.constant(decimals),
            numerator: fc.integer({ min: 1, max: 10 ** decimals }),
          }),
        ),
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: -1, max: 1 }),
        ({ decimals, numerator }, size, offset) => {
          // Whole numbers under 2 to the 53rd: exact. Right at the share is where rounding shows.
          const scale = 10 ** decimals
          const listed = Math.min(size, Math.max(1, Math.floor((numerator * size) / scale) + offset))
          const below = listed * scale < numerator * size
          expect(decided(listed, size, numerator / scale)).toBe(below ? 'hold' : 'write')
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('preferTokens', () => {
  const doc = (ApiToken: string | null, ApiTokens: string[]): MirroredDocument => ({
    ApiToken,
    ApiTokens,
    SubAppId: 7,
    Site: 'intl',
  })

  it('puts the tokens in use first, in the order of the targets, then mirrored ones, then new ones', () => {
    const held = [null, doc('x', ['m', 'x']), doc('y', ['y'])]
    const order = preferTokens(held, ['x', 'm', 'y', 'z'], new Set(['a', 'm', 'y']))
    expect([...new Set(order)]).toEqual(['x', 'y', 'm', 'a'])
  })

  it('orders mirrored and new tokens by code unit, not as a language does', () => {
    expect(preferTokens([], ['é', 'b', 'B', 'a'], new Set(['é', 'b', 'B', 'a', 'z', '_']))).toEqual([
      'B',
      'a',
      'b',
      'é',
      'B',
      '_',
      'a',
      'b',
      'z',
      'é',
    ])
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PlanInput, planTarget, preferTokens } from '../../../lib/mirror/plan.ts'
import {
  documentHeld,
  judgeReading,
  type MirroredDocument,
  parseDocument,
  renderDocument,
  versionId,
} from '../../../lib/stores/document.ts'
import type { Reading } from '../../../lib/stores/store.ts'

const application = { subAppId: 7, site: 'intl' } as const

function document(tokens: string[], ApiToken: string | null = tokens[0] ?? null): string {
  return renderDocument({ ApiToken, ApiTokens: tokens, SubAppId: 7, Site: 'intl' })
}

function holding(value: string, marked = true, before?: string): Reading {
  return { state: 'value', marked, value, ...(before !== undefined && { before }) }
}

function documentOf(SubAppId: number, Site: 'intl' | 'cn'): string {
  return renderDocument({ ApiToken: 'a', ApiTokens: ['a', 'b'], SubAppId, Site })
}

function input(
  reading: Reading,
  listed: string[],
  { adopt = false, ...more }: Partial<PlanInput> & { readonly adopt?: boolean } = {},
): PlanInput {
  const judged = judgeReading({ application, target: { adopt }, reading })
  const held = documentHeld(judged)
  const set = new Set(listed)
  return {
    holds: 'document',
    hasMark: true,
    application,
    reading,
    judged,
    listed: set,
    excluded: 0,
    isExcluded: () => false,
    settledAbsences: new Set(),
    preferred: preferTokens([held], held?.ApiTokens ?? [], set),
    mostBytes: 65_536,
    guard: { minKeep: 0.5, before: held?.ApiTokens ?? [] },
    ...more,
  }
}

/** What a run by schedule makes of a plan. */
function scheduled(given: PlanInput): object {
  const plan = planTarget(given)
  if (plan.kind === 'refused') return { refused: plan.reason }
  const { doubt, meanwhile, note } = plan
  if (doubt !== null) return { held: doubt, ...(meanwhile !== null && { meanwhile }) }
  return { write: plan.scheduled, ...(note !== null && { note }) }
}

/** What it makes of the same plan once somebody confirmed it. */
function confirmed(given: PlanInput): object {
  const plan = planTarget(given)
  return plan.kind === 'refused' ? { refused: plan.reason } : { write: plan.confirmed }
}

/** For a target that holds one token of ours alone. */
function alone(token: string, listed: string[], more: Partial<PlanInput> = {}): PlanInput {
  const held = { ApiToken: token, ApiTokens: [token], SubAppId: 7, Site: 'intl' } as const
  const judged = { kind: 'writable', held, before: null, doubt: null, lostMark: false } as const
  return input(holding(token), listed, { holds: 'token', judged, ...more })
}

const nothing = { write: null }
const lostMark = { note: expect.stringMatching(/^our own document had lost the mark, which is put back/) }

function written(value: string): object {
  return { write: value }
}

describe('planTarget', () => {
  const rows: [string, PlanInput, object][] = [
    ['creates what is absent', input({ state: 'absent' }, ['b', 'a']), written(document(['a', 'b']))],
    [
      'writes tokens in the order of code units, whatever the locale',
      input({ state: 'absent' }, ['b', 'ä', 'a', 'B', 'a1', 'a-'], { preferred: [] }),
      written('{"ApiToken":"B","ApiTokens":["B","a","a-","a1","b","ä"],"SubAppId":7,"Site":"intl"}'),
    ],
    [
      'fills a secret without a value',
      input({ state: 'empty', marked: false }, ['a']),
      written(document(['a'])),
    ],
    [
      'does nothing for the same set in any order',
      input(holding(document(['a', 'b'], 'b')), ['b', 'a']),
      nothing,
    ],
    [
      'adds at once and keeps the token in use',
      input(holding(document(['b'])), ['a', 'b']),
      written(document(['a', 'b'], 'b')),
    ],
    [
      'keeps a missing token until its absence is settled, and moves the pick away from it at once',
      input(holding(document(['a', 'b'])), ['b']),
      written(document(['a', 'b'], 'b')),
    ],
    [
      'keeps a missing token that is not the pick, and writes nothing',
      input(holding(document(['a', 'b'], 'b')), ['b']),
      nothing,
    ],
    [
      'moves the pick to a token that was mirrored, not to a new one',
      input(holding(document(['b', 'c'])), ['a', 'c']),
      written(document(['a', 'b', 'c'], 'c')),
    ],
    ['does not move the pick back', input(holding(document(['a', 'b'], 'b')), ['a', 'b']), nothing],
    [
      'takes an excluded token out at once, and counts it on neither side',
      input(holding(document(['a', 'b', 'c', 'd'], 'a')), ['b', 'c'], {
        excluded: 1,
        isExcluded: (token) => token === 'a',
        guard: { minKeep: 0.66, before: ['a', 'b', 'c', 'd'] },
      }),
      written(document(['b', 'c', 'd'], 'b')),
    ],
    [
      'holds rather than exclude the last token',
      input(holding(document(['a'])), [], { excluded: 1, isExcluded: (token) => token === 'a' }),
      { held: expect.stringContaining('create another token first') },
    ],
    [
      'holds for an empty list, excluded or not what is held',
      input(holding(document(['a'])), [], { isExcluded: (token) => token === 'a' }),
      { held: 'the list is empty' },
    ],
    [
      'takes out what is gone and picks another token',
      input(holding(document(['a', 'b'])), ['b'], { settledAbsences: new Set(['a']) }),
      written(document(['b'])),
    ],
    ['lets a rotation through', input(holding(document(['a'])), ['b']), written(document(['a', 'b'], 'b'))],
    ['holds when the list is empty', input(holding(document(['a'])), []), { held: 'the list is empty' }],
    [
      'moves no pick to another token then, which is as little listed',
      input(holding(document(['a', 'b'], 'b')), []),
      { held: 'the list is empty' },
    ],
    [
      'holds when the list is empty and nothing is mirrored',
      input({ state: 'absent' }, []),
      { held: 'the list is empty' },
    ],
    [
      'holds when the list has shrunk below the share',
      input(holding(document(['a', 'b', 'c'])), ['a']),
      { held: expect.stringContaining('the list has 1 tokens where 3 are held') },
    ],
    [
      'moves the pick to a listed token then, and takes nothing out',
      input(holding(document(['a', 'b', 'c', 'd', 'e'])), ['b', 'x']),
      { held: expect.any(String), meanwhile: document(['a', 'b', 'c', 'd', 'e', 'x'], 'b') },
    ],
    [
      'takes out what is excluded then, and nothing else',
      input(holding(document(['a', 'b', 'c', 'd'], 'b')), ['b'], { isExcluded: (token) => token === 'a' }),
      { held: expect.any(String), meanwhile: document(['b', 'c', 'd'], 'b') },
    ],
    [
      'writes nothing then where the pick is listed, whatever is new',
      input(holding(document(['a', 'b', 'c', 'd', 'e'])), ['a', 'x']),
      { held: expect.any(String) },
    ],
    ['replaces a token alone', alone('a', ['b', 'c'], { preferred: ['c'] }), written('c')],
    [
      'leaves a token alone where none is listed, and says so',
      alone('a', []),
      { ...nothing, note: 'there is no token to hold, so what it holds stays' },
    ],
    [
      'does not hold at the share exactly',
      input(holding(document(['a', 'b'])), ['a'], { settledAbsences: new Set(['b']) }),
      written(document(['a'])),
    ],
    ['is content with a confirmed empty list', input(holding(document([])), []), nothing],
    [
      'holds for a value under our mark that is no document',
      input(holding('{"half":'), ['a']),
      {
        held:
          'it carries our mark, but its value is no mirrored document, nor was it a version ago: somebody reused or ' +
          'damaged it; if it may be overwritten, confirm this plan, otherwise give the mirror another target',
      },
    ],
    [
      'overwrites it where that was said beforehand, with adopt',
      input(holding('{"half":'), ['a'], { adopt: true }),
      written(document(['a'])),
    ],
    [
      'overwrites it when it was ours a version ago, and keeps the tokens and the pick of that document',
      input(holding('{"half":', true, document(['a', 'b'], 'b')), ['b', 'c']),
      written(document(['a', 'b', 'c'], 'b')),
    ],
    [
      'holds for a list that is too short for what was ours a version ago',
      input(holding('{"half":', true, document(['a', 'b', 'c'])), ['a']),
      { held: expect.stringContaining('the list has 1 tokens where 3 are held') },
    ],
    ...[documentOf(8, 'intl'), documentOf(7, 'cn'), '{"half":'].map((before): [string, PlanInput, object] => [
      `holds for a value under our mark that was ${before} a version ago`,
      input(holding('{"half":', true, before), ['a', 'b']),
      { held: expect.stringContaining('nor was it a version ago') },
    ]),
    [
      'holds rather than empty a value of ours that is no document',
      input(holding('{"half":', true, document(['a'])), []),
      { held: 'the list is empty' },
    ],
    [
      'writes an unchanged document again where the mark is missing, with adopt',
      input(holding(document(['a']), false), ['a'], { adopt: true }),
      { ...written(document(['a'])), ...lostMark },
    ],
    [
      'writes an unchanged document of ours again where somebody took its mark away',
      input(holding(document(['a']), false), ['a']),
      { ...written(document(['a'])), ...lostMark },
    ],
    [
      'writes a changed one then, too',
      input(holding(document(['a']), false), ['a', 'b']),
      { ...written(document(['a', 'b'])), ...lostMark },
    ],
    [
      'refuses a document of this application without the mark that is not byte for byte what we write',
      input(holding(` ${document(['a'])}`, false), ['a']),
      { refused: expect.stringContaining('does not carry our mark') },
    ],
    [
      'refuses a document that does not fit, with the numbers',
      input({ state: 'absent' }, ['a'.repeat(70_000)]),
      {
        refused:
          'its document would have 140059 bytes, and this target takes 65536; ' +
          'delete tokens at Tencent that nobody uses, or choose a kind of target, or a tier, that takes more',
      },
    ],
    [
      'holds one that fits only without the tokens whose absence is not settled',
      input(holding(document(['a', 'b'])), ['c', 'd'], { mostBytes: document(['c', 'd']).length }),
      { held: expect.stringMatching(/^its document would have \d+ bytes/) },
    ],
    [
      'takes one that fits exactly',
      input({ state: 'absent' }, ['ä'], { mostBytes: Buffer.byteLength(document(['ä'])) }),
      written(document(['ä'])),
    ],
    [
      'sorts by code unit, not as a language does',
      input({ state: 'absent' }, ['é', 'b', 'B', 'a', '_']),
      written('{"ApiToken":"B","ApiTokens":["B","_","a","b","é"],"SubAppId":7,"Site":"intl"}'),
    ],
    [
      'rewrites a document of ours that was edited by hand',
      input(holding(` ${document(['a'])}`), ['a']),
      written(document(['a'])),
    ],
    [
      'refuses a foreign value',
      input(holding('password', false), ['a']),
      { refused: expect.stringContaining('add adopt=true') },
    ],
    [
      'overwrites a foreign value that may be adopted',
      input(holding('password', false), ['a'], { adopt: true }),
      written(document(['a'])),
    ],
    [
      'refuses the document of another application, adopted or not',
      input(holding(renderDocument({ ApiToken: 'a', ApiTokens: ['a'], SubAppId: 8, Site: 'intl' })), ['a'], {
        adopt: true,
      }),
      {
        refused:
          'it mirrors application 8 of site intl, not 7 of intl; give each application a target of its own',
      },
    ],
    [
      'refuses the document of another site',
      input(holding(renderDocument({ ApiToken: 'a', ApiTokens: ['a'], SubAppId: 7, Site: 'cn' })), ['a']),
      { refused: expect.stringContaining('of site cn') },
    ],
    [
      'refuses what is unavailable, in its own words',
      input({ state: 'unavailable', reason: 'it is scheduled for deletion' }, ['a']),
      { refused: 'it is scheduled for deletion' },
    ],
  ]
  it.each(rows)('%s', (_, given, expected) => {
    expect(scheduled(given)).toEqual(expected)
  })

  const onceConfirmed: [string, PlanInput, object][] = [
    ['writes an empty list', input(holding(document(['a'])), []), written(document([]))],
    [
      'takes out every token that is not listed',
      input(holding(document(['a', 'b', 'c'])), ['b', 'd']),
      written(document(['b', 'd'])),
    ],
    [
      'overwrites a value under our mark that is no document',
      input(holding('{"half":'), ['a']),
      written(document(['a'])),
    ],
    ['writes nothing that is there already', input(holding(document(['a'])), ['a']), nothing],
    [
      'refuses what a run by schedule refuses',
      input(holding('password', false), ['a']),
      { refused: expect.stringContaining('add adopt=true') },
    ],
  ]
  it.each(onceConfirmed)('once confirmed, %s', (_, given, expected) => {
    expect(confirmed(given)).toEqual(expected)
  })

  const token = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
  const tokens = fc.uniqueArray(token)

  it('never writes an unchanged set, whatever its order and duplicates', () => {
    fc.assert(
      fc.property(fc.uniqueArray(token, { minLength: 1 }), fc.array(token), (set, noise) => {
        const reading = holding(document([...set].sort()))
        const listed = [...noise.filter((one) => set.includes(one)), ...set]
        expect(scheduled(input(reading, listed))).toEqual(nothing)
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
          const reading = holding(document([...held].sort()))
          const planned = planTarget(
            input(reading, listed, { settledAbsences: gone, guard: { minKeep, before: held } }),
          )
          if (planned.kind !== 'writable') throw new Error(planned.reason)
          if (listed.length < minKeep * held.length - 1e-6) expect(planned.doubt).not.toBeNull()
          if (planned.confirmed !== null)
            expect(parseDocument(planned.confirmed)?.ApiTokens).toEqual([...listed].sort())
          if (planned.scheduled === null) return
          const after = parseDocument(planned.scheduled) as MirroredDocument
          const kept = held.filter((one) => !gone.has(one))
          expect(after.ApiTokens).toEqual([...new Set([...listed, ...kept])].sort())
          // Never one that is dead while another stands beside it; what is doubted is not written.
          if (listed.length > 0) expect(listed).toContain(after.ApiToken)
          else expect([planned.doubt, after.ApiToken]).not.toEqual([null, expect.any(String)])
        },
      ),
    )
  })
})

describe('planTarget and the share AIGC_MIN_KEEP', () => {
  const names = Array.from({ length: 5000 }, (_, index) => `t${index}`)
  const decided = (listed: number, size: number, minKeep: number): string =>
    Object.keys(
      scheduled(
        input({ state: 'empty', marked: true }, names.slice(0, listed), {
          guard: { minKeep, before: names.slice(0, size) },
        }),
      ),
    ).join()

  it.each([
    [7, 50, 0.14],
    [11, 110, 0.1],
    [1, 3, 1 / 3],
  ])('does not hold for %d of %d tokens, which is %d exactly', (listed, size, share) => {
    expect(decided(listed, size, share)).toBe('write')
    expect(decided(listed - 1, size, share)).toBe('held')
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
          expect(decided(listed, size, numerator / scale)).toBe(below ? 'held' : 'write')
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

  it('puts the listed tokens in use first, in the order of the targets, then mirrored ones, then new ones', () => {
    const held = [null, doc('x', ['m', 'x']), doc('y', ['y'])]
    const order = preferTokens(held, ['x', 'm', 'y', 'z'], new Set(['a', 'm', 'y']))
    expect([...new Set(order)]).toEqual(['y', 'm', 'a'])
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

describe('renderDocument and parseDocument', () => {
  it('renderDocument is the same bytes for the same set', () => {
    const one = renderDocument({ Site: 'intl', SubAppId: null, ApiTokens: ['b', 'a', 'b'], ApiToken: 'a' })
    expect(one).toBe('{"ApiToken":"a","ApiTokens":["a","b"],"SubAppId":null,"Site":"intl"}')
    expect(versionId(one)).toMatch(/^[\da-f]{64}$/)
  })

  it.each([
    '',
    'x',
    'null',
    '[]',
    '{}',
    '{"ApiToken":"a","ApiTokens":"a","SubAppId":1,"Site":"intl"}',
    '{"ApiToken":"a","ApiTokens":["a",""],"SubAppId":1,"Site":"intl"}',
    '{"ApiToken":"a","ApiTokens":["a"],"SubAppId":"1","Site":"intl"}',
  ])('parseDocument takes %j for no document', (value) => {
    expect(parseDocument(value)).toBeNull()
  })
})

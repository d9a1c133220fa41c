import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  deeds,
  hasOwnForm,
  judgeRecord,
  parseRecord,
  phases,
  type RotationRecord,
  renderRecord,
} from '../../../lib/stores/record.ts'
import { mirrored } from '../../support/documents.ts'

const name = fc.stringMatching(/^[\da-f]{16}$/)
const moment = fc.integer({ min: 0, max: 4_000_000_000_000 })
const stamp = fc.record({ own: moment, tencent: moment })
const records: fc.Arbitrary<RotationRecord> = fc.record({
  subAppId: fc.integer({ min: 1 }),
  site: fc.constantFrom('intl', 'cn'),
  phase: fc.constantFrom(...phases),
  since: stamp,
  rotated: stamp,
  old: name,
  new: name,
  intent: fc.option(fc.uuid()),
  baseline: fc.array(name).map((names) => names.sort()),
  limited: fc.option(stamp),
  failures: fc.nat(),
  doing: fc.option(fc.constantFrom(...deeds)),
  missing: fc.dictionary(name, stamp, { noNullPrototype: true }),
  leftovers: fc.array(fc.record({ fingerprint: name, why: fc.string() })),
  told: fc.option(stamp),
})
const example: RotationRecord = {
  subAppId: 7,
  site: 'intl',
  phase: 'warming',
  since: { own: 0, tencent: 1 },
  rotated: { own: 0, tencent: 0 },
  old: 'a'.repeat(16),
  new: 'b'.repeat(16),
  intent: 'i',
  baseline: ['a'.repeat(16)],
  limited: null,
  failures: 0,
  doing: 'promote',
  missing: { ['a'.repeat(16)]: { own: 0, tencent: 0 } },
  leftovers: [{ fingerprint: 'c'.repeat(16), why: 'because' }],
  told: null,
}

describe('parseRecord', () => {
  it('reads what renderRecord writes', () => {
    fc.assert(
      fc.property(records, (record) => {
        expect(parseRecord(renderRecord(record))).toEqual(record)
      }),
    )
  })

  it.each<[string, unknown]>([
    ['Type', 'vod-aigc-tokens'],
    ['Format', 2],
    ['SubAppId', '7'],
    ['Site', 'moon'],
    ['Site', ['intl']],
    ['Phase', 'waning'],
    ['Since', null],
    ['Since', { Own: 'yesterday', Tencent: '1970-01-01T00:00:00.000Z' }],
    ['Rotated', {}],
    ['Old', 'a token'],
    ['Old', null],
    ['New', null],
    ['New', 7],
    ['New', 1234567890123456],
    ['Intent', 7],
    ['Baseline', ['a token']],
    ['Baseline', 'aaaaaaaaaaaaaaaa'],
    ['Limited', 'now'],
    ['Failures', null],
    ['Doing', 'nothing'],
    ['Missing', []],
    ['Missing', { 'a token': { Own: '1970-01-01T00:00:00.000Z', Tencent: '1970-01-01T00:00:00.000Z' } }],
    ['Missing', { aaaaaaaaaaaaaaaa: 'now' }],
    ['Leftovers', {}],
    ['Leftovers', ['aaaaaaaaaaaaaaaa']],
    ['Leftovers', [null]],
    ['Leftovers', [{ Fingerprint: 'a token', Why: '' }]],
    ['Leftovers', [{ Fingerprint: 1234567890123456, Why: '' }]],
    ['Leftovers', [{ Fingerprint: 'aaaaaaaaaaaaaaaa', Why: 7 }]],
    ['Told', 7],
  ])('believes none with the %s %j', (field, value) => {
    const fields = JSON.parse(renderRecord(example))
    expect(parseRecord(JSON.stringify(fields))).toEqual(example)
    expect(parseRecord(JSON.stringify({ ...fields, [field]: value }))).toBeNull()
  })

  it('wants no names that its phase has not yet', () => {
    for (const more of [
      { phase: 'idle', old: null, new: null },
      { phase: 'intent', new: null },
    ] as const) {
      const record = { ...example, ...more }
      expect(parseRecord(renderRecord(record))).toEqual(record)
    }
    for (const phase of phases.filter((one) => one !== 'idle'))
      expect(parseRecord(renderRecord({ ...example, phase, old: null }))).toBeNull()
    for (const phase of phases.filter((one) => one !== 'idle' && one !== 'intent'))
      expect(parseRecord(renderRecord({ ...example, phase, new: null }))).toBeNull()
  })

  it.each(['', 'null', '[]', '{', '{}', mirrored(['a'])])('takes %j for none', (text) => {
    expect(parseRecord(text)).toBeNull()
  })
})

describe('renderRecord', () => {
  it('gives the same text for the same record', () => {
    const [a, b] = ['a'.repeat(16), 'b'.repeat(16)]
    const moment = { own: 0, tencent: 1 }
    const stored = '{"Own":"1970-01-01T00:00:00.000Z","Tencent":"1970-01-01T00:00:00.001Z"}'
    const record = { ...example, rotated: moment, baseline: [b, a], missing: { [b]: moment, [a]: moment } }
    expect(renderRecord(record)).toBe(
      '{"Type":"vod-aigc-rotation","Format":1,"SubAppId":7,"Site":"intl","Phase":"warming",' +
        `"Since":${stored},"Rotated":${stored},"Old":"${a}","New":"${b}","Intent":"i","Baseline":["${a}","${b}"],` +
        `"Limited":null,"Failures":0,"Doing":"promote","Missing":{"${a}":${stored},"${b}":${stored}},` +
        '"Leftovers":[{"Fingerprint":"cccccccccccccccc","Why":"because"}],"Told":null}',
    )
  })
})

describe('judgeRecord', () => {
  const own = { subAppId: 7, site: 'intl' } as const
  const value = (text: string, marked: boolean) => ({ state: 'value', marked, value: text }) as const

  it('takes what is not there yet for no record', () => {
    expect(judgeRecord(own, { state: 'absent' })).toEqual({ kind: 'good', record: null })
    expect(judgeRecord(own, { state: 'empty', marked: false })).toEqual({ kind: 'good', record: null })
  })

  it('reads its own, also where the mark was taken away', () => {
    for (const marked of [true, false])
      expect(judgeRecord(own, value(renderRecord(example), marked))).toEqual({
        kind: 'good',
        record: example,
      })
  })

  it.each([
    ['somebody else’s value', value('a password', false), /something else than the record/],
    [
      'a damaged one',
      value('{"Type":"vod-aigc-rotation"', true),
      /it was damaged, or written by a later version/,
    ],
    ['a mirrored document', value(mirrored(['a']), false), /something else than the record/],
    ['another application’s', value(renderRecord({ ...example, subAppId: 8 }), true), /of application 8/],
    ['the other site’s', value(renderRecord({ ...example, site: 'cn' }), true), /of site cn/],
    [
      'what is being deleted',
      { state: 'unavailable', reason: 'it is being deleted' } as const,
      /being deleted/,
    ],
  ])('refuses %s', (_, reading, reason) => {
    expect(judgeRecord(own, reading)).toEqual({ kind: 'refused', reason: expect.stringMatching(reason) })
  })
})

describe('hasOwnForm', () => {
  it('tells records from mirrored documents', () => {
    const [record, document] = [renderRecord(example), mirrored(['a'])]
    expect([hasOwnForm({ holds: 'record' }, record), hasOwnForm({ holds: 'record' }, document)]).toEqual([
      true,
      false,
    ])
    expect([hasOwnForm({ holds: 'document' }, record), hasOwnForm({ holds: 'document' }, document)]).toEqual([
      false,
      true,
    ])
  })
})

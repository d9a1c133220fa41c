/** The mirrored document, and what is made of a value that a target holds. */
import { describe, expect, it } from 'vitest'
import { sha256Hex } from '../../../lib/digest.ts'
import {
  documentHeld,
  isDocument,
  judgeReading,
  judgeToken,
  parseDocument,
  renderDocument,
  versionId,
} from '../../../lib/stores/document.ts'
import type { Reading } from '../../../lib/stores/store.ts'

const document = { ApiToken: 'a', ApiTokens: ['a', 'b'], SubAppId: 7, Site: 'intl' } as const
const rendered = '{"ApiToken":"a","ApiTokens":["a","b"],"SubAppId":7,"Site":"intl"}'

describe('renderDocument and parseDocument', () => {
  it('renderDocument has the order of code units, and each token once', () => {
    expect(renderDocument({ ...document, ApiTokens: ['b', 'a', 'b'] })).toBe(rendered)
    expect(versionId(rendered)).toBe(sha256Hex(rendered))
  })

  it.each([
    document,
    { ...document, Site: 'cn' },
    { ...document, SubAppId: null },
    { ...document, ApiToken: null, ApiTokens: [] },
  ] as const)('parseDocument reads what renderDocument makes of %j', (one) => {
    expect(parseDocument(renderDocument(one))).toEqual(one)
    expect(isDocument(renderDocument(one))).toBe(true)
  })

  it('parseDocument has each token once', () => {
    expect(parseDocument(JSON.stringify({ ...document, ApiTokens: ['b', 'a', 'b'] }))?.ApiTokens).toEqual([
      'b',
      'a',
    ])
  })

  const spoilt: object[] = [
    { ApiToken: 1 },
    { ApiToken: undefined },
    { ApiTokens: 'a' },
    { ApiTokens: null },
    { ApiTokens: ['a', 1] },
    { ApiTokens: ['a', ''] },
    { SubAppId: '7' },
    { SubAppId: undefined },
    { Site: 'eu' },
    { Site: undefined },
  ]
  it.each([
    '',
    'text',
    'null',
    '7',
    '"text"',
    '[]',
    '{}',
    ...spoilt.map((part) => JSON.stringify({ ...document, ...part })),
  ])('parseDocument takes %s for no document', (value) => {
    expect(parseDocument(value)).toBeNull()
    expect(isDocument(value)).toBe(false)
  })
})

describe('judgeReading', () => {
  const value = (content: string, more: object = {}): Reading => ({
    state: 'value',
    marked: true,
    value: content,
    ...more,
  })
  const doubt = expect.stringMatching(/^it carries our mark, but .+; if it may be overwritten, confirm/)
  const unmarked = {
    kind: 'refused',
    reason: expect.stringMatching(/^it exists and does not carry our mark; add adopt=true/),
  }
  const eight = renderDocument({ ...document, SubAppId: 8 })
  const other = {
    kind: 'refused',
    reason: 'it mirrors application 8 of site intl, not 7 of intl; give each application a target of its own',
  }
  const chinese = {
    kind: 'refused',
    reason: expect.stringContaining('application 7 of site cn, not 7 of intl'),
  }
  const nothing = { kind: 'writable', held: null, before: null, doubt: null, lostMark: false }
  const rows: [string, Reading, adopt: boolean, object][] = [
    ['what cannot be had', { state: 'unavailable', reason: 'why' }, true, { kind: 'refused', reason: 'why' }],
    ['nothing', { state: 'absent' }, false, nothing],
    ['a secret without a value', { state: 'empty', marked: false }, false, nothing],
    [
      'our document',
      value(rendered),
      false,
      { kind: 'writable', held: document, before: null, doubt: null, lostMark: false },
    ],
    [
      'our document behind another',
      value(rendered, { before: eight }),
      false,
      { kind: 'writable', held: document, before: null, doubt: null, lostMark: false },
    ],
    [
      'our document behind our document',
      value(rendered, { before: rendered }),
      false,
      { kind: 'writable', held: document, before: null, doubt: null, lostMark: false },
    ],
    [
      'our document that lost its mark',
      value(rendered, { marked: false }),
      false,
      { kind: 'writable', held: document, before: null, doubt: null, lostMark: true },
    ],
    [
      'our document that lost its mark, under the name that we gave it',
      value(rendered, { marked: false, version: versionId(rendered) }),
      false,
      { kind: 'writable', held: document, before: null, doubt: null, lostMark: true },
    ],
    [
      'a document without a mark that was put there under another name',
      value(rendered, { marked: false, version: 'theirs' }),
      false,
      unmarked,
    ],
    [
      'a document without a mark that is spelt otherwise',
      value(` ${rendered}`, { marked: false }),
      false,
      unmarked,
    ],
    [
      'our document without a mark, adopted',
      value(rendered, { marked: false }),
      true,
      { kind: 'writable', held: document, before: null, doubt: null, lostMark: true },
    ],
    ['another application', value(eight), false, other],
    ['another application, adopted', value(eight), true, other],
    ['another site', value(renderDocument({ ...document, Site: 'cn' })), false, chinese],
    ['something foreign', value('password', { marked: false }), false, unmarked],
    ['something foreign, adopted', value('password', { marked: false }), true, nothing],
    [
      'something foreign under our mark',
      value('spoilt'),
      false,
      { kind: 'writable', held: null, before: null, doubt, lostMark: false },
    ],
    [
      'something foreign under our mark that was ours a version ago',
      value('spoilt', { before: rendered }),
      false,
      { kind: 'writable', held: null, before: document, doubt: null, lostMark: false },
    ],
    [
      'something foreign under our mark that was another application’s a version ago',
      value('spoilt', { before: eight }),
      false,
      { kind: 'writable', held: null, before: null, doubt, lostMark: false },
    ],
    [
      'something foreign under our mark that was no document a version ago either',
      value('spoilt', { before: 'spoilt' }),
      false,
      { kind: 'writable', held: null, before: null, doubt, lostMark: false },
    ],
    ['something foreign under our mark, adopted', value('spoilt'), true, nothing],
  ]
  it.each(rows)('of %s', (_, reading, adopt, expected) => {
    const judged = judgeReading({ application: { subAppId: 7, site: 'intl' }, target: { adopt }, reading })
    expect(judged).toEqual(expected)
  })
})

describe('documentHeld', () => {
  const writable = { kind: 'writable', held: null, before: null, doubt: null, lostMark: false } as const
  const older = { ...document, ApiTokens: ['a'] }

  it.each([
    ['is held', { ...writable, held: document }, document],
    ['is held behind an older one', { ...writable, held: document, before: older }, document],
    ['was held before', { ...writable, before: older }, older],
    ['never was', writable, null],
    ['must not be touched', { kind: 'refused', reason: 'why' } as const, null],
  ])('of a document that %s', (_, judged, expected) => {
    expect(documentHeld(judged)).toBe(expected)
  })
})

describe('judgeToken', () => {
  const judge = (reading: Reading, { adopt = false, hasMark = true } = {}) =>
    judgeToken({
      application: { subAppId: 7, site: 'intl' },
      target: { adopt },
      reading,
      known: (token) => token === 'a',
      hasMark,
    })
  const holding = (value: string, marked = true, version?: string): Reading => ({
    state: 'value',
    marked,
    value,
    ...(version !== undefined && { version }),
  })
  const held = (ApiToken: string, lostMark = false) => ({
    kind: 'writable',
    held: { ApiToken, ApiTokens: [ApiToken], SubAppId: 7, Site: 'intl' },
    before: null,
    doubt: null,
    lostMark,
  })
  const nothing = { kind: 'writable', held: null, before: null, doubt: null, lostMark: false }
  const refused = { kind: 'refused', reason: expect.stringContaining('add adopt=true') }
  const doubted = { ...nothing, doubt: expect.stringContaining('somebody reused or damaged it') }

  it.each<[string, Reading, object, object?]>([
    ['what is not there', { state: 'absent' }, nothing],
    ['what has no value', { state: 'empty', marked: false }, nothing],
    ['what is unavailable', { state: 'unavailable', reason: 'why' }, { kind: 'refused', reason: 'why' }],
    ['a token under our mark', holding('a'), held('a')],
    ['a text under our mark', holding('password'), doubted],
    ['a text under our mark that may be taken over', holding('password'), nothing, { adopt: true }],
    ['a token without our mark', holding('a', false), refused],
    ['the same that may be taken over', holding('a', false), held('a'), { adopt: true }],
    ['a token where there is no place for a mark', holding('a', false), held('a'), { hasMark: false }],
    ['a text where there is none', holding('password', false), refused, { hasMark: false }],
    ['what nobody knows, under whatever name', holding('old', true, versionId('old')), doubted],
    ['the same without the mark', holding('old', false, versionId('old')), refused],
    [
      'a token without the mark, under the name that we gave it',
      holding('a', false, versionId('a')),
      held('a', true),
    ],
    ['the same under another name', holding('a', false, versionId('b')), refused],
    ['a token under our mark and that name', holding('a', true, versionId('a')), held('a')],
    [
      'a token under that name where there is no place for a mark',
      holding('a', false, versionId('a')),
      held('a'),
      { hasMark: false },
    ],
    [
      'a document, whatever may be taken over',
      holding(rendered, true, versionId(rendered)),
      { kind: 'refused', reason: expect.stringContaining('it holds a mirrored document') },
      { adopt: true },
    ],
  ])('judges %s', (_, reading, judgement, options) => {
    expect(judge(reading, options)).toEqual(judgement)
  })
})

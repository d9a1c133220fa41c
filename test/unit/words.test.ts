import { describe, expect, it } from 'vitest'
import { didYouMean, either } from '../../lib/words.ts'

describe('either', () => {
  it.each([
    [[], ''],
    [['a'], 'a'],
    [['a', 'b'], 'a or b'],
    [['a', 'b', 'c'], 'a, b or c'],
  ])('joins %j to %j', (names, words) => {
    expect(either(names)).toBe(words)
  })
})

describe('didYouMean', () => {
  const names = [
    'AIGC_SUB_APP_IDS',
    'AIGC_SITE',
    'AIGC_SECRET_ID',
    'AIGC_SECRET_KEY',
    'region',
    'kmsKeyId',
    'tags',
  ]
  it.each([
    ['AIGC_SUB_APP_ID', 'AIGC_SUB_APP_IDS'],
    ['AIGC_SUBAPPIDS', 'AIGC_SUB_APP_IDS'],
    ['AIGC_SUB_APP_IDS_', 'AIGC_SUB_APP_IDS'],
    ['aigc_sites', 'AIGC_SITE'],
    // A part of its beginning, though many letters are missing; the shortest of two.
    ['AIGC_SUB', 'AIGC_SUB_APP_IDS'],
    ['AIGC_SECRET', 'AIGC_SECRET_ID'],
    ['AIGC_SECRET_KE', 'AIGC_SECRET_KEY'],
    ['kmsKey', 'kmsKeyId'],
    ['kmsKeyIdOfMine', 'kmsKeyId'],
    ['Region', 'region'],
    ['tag', 'tags'],
    ['tabs', 'tags'],
  ])('takes %s for %s', (given, meant) => {
    expect(didYouMean(given, names)).toBe(`; did you mean ${meant}?`)
  })

  it.each(['AIGC_TTL', 'zone', 'bugs', 'ta', '', 'x'])('has no guess for %j', (given) => {
    expect(didYouMean(given, names)).toBe('')
  })
})

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { fingerprint, nameTokens } from '../../../lib/digest.ts'
import { readTokenList } from '../../../lib/tencent/vod.ts'

const answer = (fields: object) => ({ RequestId: 'r-1', ...fields })

describe('readTokenList', () => {
  it.each([[null], [[]]])('readTokenList takes %j for no tokens', (ApiTokens) => {
    expect(readTokenList(answer({ ApiTokens }))).toEqual({
      apiTokens: [],
      extInfos: null,
      extInfosDropped: false,
      requestId: 'r-1',
    })
  })

  it.each([
    [undefined],
    ['token'],
    [5],
    [{}],
    [['token', '']],
    [['token', 5]],
    [[null]],
    [Array(10_001).fill('token')],
    [[['token']]],
    [true],
  ])('readTokenList refuses ApiTokens %j without quoting it', (ApiTokens) => {
    const read = (): unknown => readTokenList(answer({ ApiTokens }))
    expect(read).toThrow(
      expect.objectContaining({ code: 'ClientError.MalformedAnswer', requestId: 'r-1', retryable: false }),
    )
    expect(read).not.toThrow(/token'|"token"/)
  })

  it.each<[unknown, readonly string[] | null, boolean]>([
    [['{}', '{"ip":{}}'], ['{}', '{"ip":{}}'], false],
    [undefined, null, false],
    [null, null, false],
    [['{}'], null, true],
    [['{}', '{}', '{}'], null, true],
    [['{}', 5], null, true],
    ['{}', null, true],
  ])('readTokenList reads ExtInfos %j as %j', (ExtInfos, extInfos, extInfosDropped) => {
    expect(readTokenList(answer({ ApiTokens: ['a', 'b'], ExtInfos }))).toMatchObject({
      apiTokens: ['a', 'b'],
      extInfos,
      extInfosDropped,
    })
  })
})

describe('nameTokens', () => {
  it('nameTokens digests the set in the order of code units, whatever the locale', () => {
    // SHA-256 of ["B","a","b","ä"].
    expect(nameTokens(['b', 'ä', 'a', 'B', 'a']).digest).toBe(
      createHash('sha256').update('["B","a","b","ä"]').digest('hex'),
    )
  })
})

describe('fingerprint', () => {
  it('fingerprint is the first 16 hex digits of the SHA-256', () => {
    expect(fingerprint('abc')).toBe('ba7816bf8f01cfea')
  })
})

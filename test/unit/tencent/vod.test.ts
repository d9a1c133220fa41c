import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { fingerprint, nameTokens } from '../../../lib/digest.ts'
import { describeAigcApiTokens, readTokenList } from '../../../lib/tencent/vod.ts'

const answer = (fields: object) => ({ RequestId: 'r-1', ...fields })

describe('describeAigcApiTokens', () => {
  it.each([
    [7, { SubAppId: 7 }],
    [null, {}],
  ])('describeAigcApiTokens asks for application %s', async (subAppId, parameters) => {
    const asked: unknown[] = []
    const call = async (...given: unknown[]) => {
      asked.push(given)
      return answer({ ApiTokens: ['a'] })
    }
    expect(await describeAigcApiTokens(call, subAppId, 5, { patient: false })).toMatchObject({
      apiTokens: ['a'],
    })
    expect(asked).toEqual([['DescribeAigcApiTokens', parameters, 5, { patient: false }]])
  })
})

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

  it.each([
    [answer({}), 'missing (request id r-1)'],
    [{ RequestId: null }, 'missing'],
    [answer({ ApiTokens: 'x' }), 'of type string (request id r-1)'],
    [answer({ ApiTokens: [''] }), 'an array with other items (request id r-1)'],
  ])('readTokenList says what it found in the place of tokens: %j', (response, found) => {
    const what =
      'DescribeAigcApiTokens: the answer\'s "ApiTokens" must be an array of non-empty strings, but it is '
    expect(() => readTokenList(response)).toThrow(
      expect.objectContaining({ action: 'DescribeAigcApiTokens', attempts: 1, message: what + found }),
    )
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

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { fingerprint, nameTokens } from '../../../lib/digest.ts'
import {
  createListTokens,
  describeAigcApiTokens,
  excludeTokens,
  readTokenList,
} from '../../../lib/tencent/vod.ts'
import { listOf } from '../../support/list-of.ts'

const answer = (fields: object) => ({ RequestId: 'r-1', ...fields })

describe('describeAigcApiTokens', () => {
  it.each([
    [7, { SubAppId: 7 }],
    [null, {}],
  ])('asks for application %s', async (subAppId, parameters) => {
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
  it.each([[null], [[]]])('takes %j for no tokens', (ApiTokens) => {
    expect(readTokenList(answer({ ApiTokens }))).toEqual({
      pick: null,
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
  ])('refuses ApiTokens %j without quoting it', (ApiTokens) => {
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
  ])('says what it found in the place of tokens: %j', (response, found) => {
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
  ])('reads ExtInfos %j as %j', (ExtInfos, extInfos, extInfosDropped) => {
    expect(readTokenList(answer({ ApiTokens: ['a', 'b'], ExtInfos }))).toMatchObject({
      apiTokens: ['a', 'b'],
      extInfos,
      extInfosDropped,
    })
  })
})

describe('nameTokens', () => {
  it('digests the set in the order of code units, whatever the locale', () => {
    const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
    expect(nameTokens(['b', 'ä', 'a', 'B', 'a'], 'a')).toMatchObject({
      digest: sha256('["a",["B","a","b","ä"]]'),
      pick: sha256('a').slice(0, 16),
      pickDigest: sha256('"a"'),
    })
    expect(nameTokens([], null)).toEqual({
      pick: null,
      pickDigest: sha256('null'),
      fingerprints: [],
      digest: sha256('[null,[]]'),
    })
  })

  it('tells nothing of the order of the tokens by that of the fingerprints', () => {
    const { fingerprints } = nameTokens(['a', 'b', 'c', 'd'], null)
    expect(fingerprints).toEqual(['a', 'b', 'c', 'd'].map(fingerprint).sort())
  })
})

describe('excludeTokens', () => {
  const list = { ...listOf(['a', 'b', 'a']), extInfos: ['1', '2', '3'] }

  it('takes tokens out, and what is told of them', () => {
    expect(excludeTokens(list, new Set([fingerprint('a')]))).toEqual({
      ...list,
      apiTokens: ['b'],
      extInfos: ['2'],
    })
    expect(excludeTokens(listOf(['a']), new Set([fingerprint('a')]))).toEqual(listOf([]))
  })

  it.each([[[]], [['0123456789abcdef']], [[fingerprint('a').slice(0, -1)]]])(
    'leaves all else for %j',
    (names) => {
      expect(excludeTokens(list, new Set(names))).toEqual(list)
    },
  )
})

describe('fingerprint', () => {
  it('is the first 16 hex digits of the SHA-256', () => {
    expect(fingerprint('abc')).toBe('ba7816bf8f01cfea')
  })
})

describe('createListTokens', () => {
  const list = (fields: object) => {
    const told: unknown[] = []
    const asked: unknown[] = []
    const listTokens = createListTokens({
      call: async (...parameters) => {
        asked.push(parameters)
        return answer(fields)
      },
      addSecrets: (secrets) => void told.push(secrets),
      onExtInfosDropped: (...dropped) => void told.push(dropped),
    })
    return { told, asked, listTokens }
  }

  it('asks for the application, as patiently as it is told, and tells every token', async () => {
    const { told, asked, listTokens } = list({ ApiTokens: ['a', 'b'], ExtInfos: ['{}', '{}'] })
    expect(await listTokens(7, 1000, { patient: false })).toMatchObject({ apiTokens: ['a', 'b'] })
    await listTokens(null, 2000)
    expect(asked).toEqual([
      ['DescribeAigcApiTokens', { SubAppId: 7 }, 1000, { patient: false }],
      ['DescribeAigcApiTokens', {}, 2000, undefined],
    ])
    expect(told).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ])
  })

  it('tells that ExtInfos were dropped, and with which answer', async () => {
    const { told, listTokens } = list({ ApiTokens: ['a'], ExtInfos: [] })
    await listTokens(7, 1000)
    expect(told).toEqual([['a'], [7, 'r-1']])
  })

  it('says how many tokens are too many', async () => {
    const { told, listTokens } = list({ ApiTokens: Array(10_001).fill('token') })
    await expect(listTokens(7, 1000)).rejects.toThrow('one of 10001, more than 10000 (request id r-1)')
    expect(told).toEqual([])
  })
})

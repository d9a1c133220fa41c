import { describe, expect, it, test } from 'vitest'
import { readAwsFailure } from '../../lib/aws/errors.ts'
import { quotes, readCode, readRequestId, readWords } from '../../lib/foreign.ts'
import { openAnswer } from '../../lib/tencent/answer.ts'

const uuid = 'b7f3a0c2-5d1e-4c9a-8f0e-2a6d4e8c1b35'
const token = 'CANARY-token-0004'

describe('readCode', () => {
  it.each([
    'RequestLimitExceeded.UinLimitExceeded',
    'InternalError',
    'ECONNREFUSED',
    'CERT_HAS_EXPIRED',
    'Http503',
    'InvalidParameter.SecretId',
    'FailedOperation.Sm2SignError',
    'A.B',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'A'.repeat(80),
  ])('takes %s', (code) => expect(readCode(code)).toBe(code))

  it.each([
    token,
    '',
    'two words',
    'abcdefabcdefabcdefabcdefabcdef12',
    'hunter2hunter2hunter2',
    'AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE',
    'A1B2C3D4E5F6A7B8',
    'a'.repeat(81),
    'X'.repeat(900_000),
    '.Error',
    'Error.',
    'a/b',
    '<script>',
    '"',
    null,
    undefined,
    7,
    {},
    ['InternalError'],
  ])('does not pass on %.40s', (code) => expect(readCode(code)).toBe('UnreadableCode'))
})

describe('readRequestId', () => {
  it('takes UUIDs and nothing else', () => {
    for (const id of [uuid, uuid.toUpperCase()]) expect(readRequestId(id)).toBe(id)
    for (const id of [token, '', `${uuid}0`, `${uuid}\n`, ` ${uuid}`, null, undefined, 7, [uuid]])
      expect(readRequestId(id)).toBe(null)
  })
})

describe('readWords', () => {
  it('gives one line of whole words', () => {
    expect(readWords(' two\n\t lines\u2028\u0000 \ud800 of text ', 'InternalError')).toBe(
      'two lines � of text',
    )
    expect(readWords('w'.repeat(1000), 'InternalError')).toHaveLength(1000)
  })

  it('leaves out what is too long whole, for a cut could end within a secret of several words', () => {
    const words = `${'word '.repeat(198)}correct horse battery staple`
    expect(readWords(words, 'InternalError')).toBe(`(${words.length} characters, left out)`)
  })

  it.each(['AuthFailure.SignatureFailure', 'InvalidSignatureException', 'SignatureDoesNotMatch'])(
    'tells nothing of what comes with %s, which quotes the request',
    (code) => expect(readWords(`The canonical string should be ${token}`, code)).toBe(''),
  )

  it.each([
    'Authorization is invalid: TC3-HMAC-SHA256 Credential=id/2026-01-01/vod/tc3_request, Signature=00',
    'bad AWS4-HMAC-SHA256',
    'Signature=abc was expected',
    'header authorization: Bearer x',
  ])('tells nothing of a signed request, whatever the code: %s', (words) => {
    expect(readWords(words, 'InvalidParameterValue')).toBe('')
  })

  it.each([undefined, null, 7, {}, [token]])('reads %j as nothing said', (words) => {
    expect(readWords(words, 'InternalError')).toBe('')
  })
})

describe('what a service says', () => {
  it.each([
    { Code: token, Message: 'm', RequestId: uuid },
    { Code: 'InternalError', Message: 'm', RequestId: token },
    { Code: 'AuthFailure.SignatureFailure', Message: `request was ${token}`, RequestId: uuid },
    { Code: 'X'.repeat(900_000) + token, Message: token.repeat(100), RequestId: token.repeat(1000) },
  ])('openAnswer passes on no secret of %.60j', ({ Code, Message, RequestId }) => {
    const body = JSON.stringify({ Response: { Error: { Code, Message }, RequestId } })
    const opened = JSON.stringify(
      openAnswer({ status: 200, headers: { date: null, retryAfter: null }, body }),
    )
    expect(opened).not.toContain('CANARY')
    expect(opened.length).toBeLessThan(300)
  })

  it('openAnswer passes on no secret in the RequestId of a good answer', () => {
    const body = JSON.stringify({ Response: { ApiTokens: [], RequestId: token } })
    const { response } = openAnswer({ status: 200, headers: { date: null, retryAfter: null }, body }) as {
      response: unknown
    }
    expect(response).toMatchObject({ RequestId: null })
  })

  it('readAwsFailure passes on no secret in the place of a name, a request id or a signature', () => {
    const aws = { $fault: 'client', $metadata: { requestId: token }, message: `it was ${token}` }
    for (const name of [token, 'X'.repeat(900_000), 'InvalidSignatureException']) {
      const { code, words, requestId } = readAwsFailure({ ...aws, name }, { aborted: false }, (told) =>
        quotes(told, token),
      )
      expect([/^(UnreadableCode|InvalidSignatureException)$/.test(code), words, requestId]).toEqual([
        true,
        '',
        null,
      ])
    }
  })
})

test.each([
  ["value 'abcdefghijkl' is bad", 'abcdefghijkl', true],
  ["value 'cdefghijklmn' is bad", 'abcdefghijklmnop', true],
  ["value 'cdefghijklm' is bad", 'abcdefghijklmnop', false],
  ["value 'hunter2' is bad", 'hunter2', true],
  ['it holds -----BEGIN KEY----- MIIEv -----END', '-----BEGIN KEY-----\nMIIEv\n-----END', true],
  ["value 'hunter' is bad", 'hunter2', false],
  ['what is bad is abcdefghijkl', 'abcdefghijklmnop', true],
  ['no value is bad', '', false],
])('quotes finds in "%s" a piece of "%s": %s', (words, value, found) => {
  expect(quotes(words, value)).toBe(found)
})

test('quotes takes a message and a value of a megabyte, which differ to the end', () => {
  expect(quotes('ab'.repeat(500_000), `${'ba'.repeat(5)}c`.repeat(90_000))).toBe(false)
  expect(quotes('a'.repeat(1_000_000), 'b'.repeat(1_000_000))).toBe(false)
})

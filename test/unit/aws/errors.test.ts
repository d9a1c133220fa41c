/** What is read of whatever the AWS SDK throws. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AwsFailure, describeAwsFailure, readAwsFailure } from '../../../lib/aws/errors.ts'
import { anyThrown, canary, emptyWords } from '../../support/thrown.ts'

const requestId = 'b7f3a0c2-5d1e-4c9a-8f0e-2a6d4e8c1b35'
const answered = (name: string, httpStatusCode = 400, message = 'Words of AWS.') => ({
  name,
  message,
  $fault: 'client',
  $metadata: { requestId, httpStatusCode },
})

describe('readAwsFailure', () => {
  it.each([
    [
      'an exception of the service',
      answered('AccessDeniedException'),
      { code: 'AccessDeniedException', words: 'Words of AWS.', requestId, answered: true, retryable: false },
    ],
    [
      'an exception without words',
      answered('AccessDeniedException', 400, 'UnknownError'),
      { code: 'AccessDeniedException', words: '', requestId, answered: true, retryable: false },
    ],
    [
      'an exception without a name',
      answered('Unknown', 403, 'UnknownError'),
      { code: 'Http403', words: '', requestId, answered: true, retryable: false },
    ],
    [
      'an answer that the SDK cannot parse, which it quotes',
      { name: 'SyntaxError', message: '<html>', $metadata: { httpStatusCode: 502 } },
      { code: 'Http502', words: '', requestId: null, answered: false, retryable: true },
    ],
    [
      'the same with a status that does not pass',
      { name: 'SyntaxError', message: '<html>', $metadata: { httpStatusCode: 404 } },
      { code: 'Http404', words: '', requestId: null, answered: false, retryable: false },
    ],
    [
      'a connection that failed',
      { name: 'Error', message: 'connect to 10.0.0.1', code: 'ECONNREFUSED' },
      { code: 'ECONNREFUSED', words: '', requestId: null, answered: false, retryable: true },
    ],
    [
      'a connection that failed before any answer',
      { name: 'Error', message: 'm', code: 'ECONNRESET', $metadata: {} },
      { code: 'ECONNRESET', words: '', requestId: null, answered: false, retryable: true },
    ],
    [
      'a region that is not there',
      { name: 'Error', message: 'Region is missing' },
      { code: 'RegionMissing', words: '', requestId: null, answered: false, retryable: false },
    ],
    [
      'credentials that are not there',
      { name: 'CredentialsProviderError', message: 'Could not load', code: 7 },
      { code: 'CredentialsProviderError', words: '', requestId: null, answered: false, retryable: false },
    ],
  ])('reads %s', (_, thrown, failure) => {
    expect(readAwsFailure(thrown, { aborted: false })).toEqual(failure)
  })

  it('takes what was given up for a time limit, whatever was thrown', () => {
    expect(readAwsFailure(answered('AccessDeniedException'), { aborted: true })).toEqual({
      code: 'Timeout',
      words: '',
      requestId: null,
      answered: false,
      retryable: true,
    })
  })

  it('leaves out words that hold a secret, whole', () => {
    const hold = (words: string): boolean => words.includes('of AWS')
    expect(readAwsFailure(answered('A'), { aborted: false }, hold).words).toBe('')
    expect(readAwsFailure(answered('A', 400, 'Words.'), { aborted: false }, hold).words).toBe('Words.')
  })

  it.each([
    ['ThrottlingException', 400, true],
    ['RequestThrottled', 400, true],
    ['TooManyRequestsException', 400, true],
    ['TooManyUpdates', 400, true],
    ['TooManyTagsError', 400, false],
    ['InternalServiceError', 400, true],
    ['InternalFailure', 400, true],
    ['ServiceUnavailableException', 400, true],
    ['TimeoutError', 400, true],
    ['ENOTFOUND', 400, true],
    ['EAI_AGAIN', 400, true],
    ['AnyException', 500, true],
    ['AnyException', 499, false],
    ['ExpiredTokenException', 400, false],
    ['EAccess', 400, false],
    ['EX', 400, true],
    ['NotInternalError', 400, false],
    ['DecryptionFailure', 400, false],
  ])('says whether %s with status %d may pass: %s', (name, status, retryable) => {
    expect(readAwsFailure(answered(name, status), { aborted: false }).retryable).toBe(retryable)
  })
})

describe('readAwsFailure and describeAwsFailure', () => {
  it('have words for whatever is thrown, and repeat none of it', () => {
    fc.assert(
      fc.property(anyThrown, (thrown) => {
        const failure = readAwsFailure(thrown, { aborted: false })
        const described = describeAwsFailure({ attempt: 'Calling', failure, advice: [] })
        expect(described).not.toMatch(emptyWords)
        expect(described).not.toContain(canary)
        expect(failure.code).toMatch(/^[A-Z]\w+$/)
      }),
    )
  })
})

describe('describeAwsFailure', () => {
  const advice = [
    [/^Denied/, 'ask'],
    [/^DeniedTwice$/, 'never said'],
    [/^Silent$/, ''],
  ] as const
  const failure: AwsFailure = { code: 'Other', words: '', requestId: null, answered: true, retryable: false }

  it.each([
    [{}, 'Calling: Other'],
    [{ words: 'Words.' }, 'Calling: Other: Words.'],
    [{ requestId }, `Calling: Other; request id ${requestId}`],
    [{ code: 'DeniedTwice' }, 'Calling: DeniedTwice; ask'],
    [{ code: 'Silent', words: 'Words.' }, 'Calling: Silent: Words.'],
    [{ code: 'Denied', words: 'Words.', requestId }, `Calling: Denied: Words.; request id ${requestId}; ask`],
  ])('says of %j: %s', (own, sentence) => {
    const described = describeAwsFailure({ attempt: 'Calling', failure: { ...failure, ...own }, advice })
    expect(described).toBe(sentence)
  })
})

/** The verifier of AWS signatures, held against signatures that AWS published: its test suite and documentation. */
import { describe, expect, it } from 'vitest'
import type { RawRequest } from '../../simulator/verify-tc3.ts'
import { type AwsKey, verifySigV4 } from '../support/verify-sigv4.ts'

describe('verifySigV4', () => {
  const keys = new Map<string, AwsKey>([
    ['AKIDEXAMPLE', { secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }],
  ])
  const now = Date.UTC(2015, 7, 30, 12, 36)
  const service = { service: 'service', region: 'us-east-1', keys, now }
  const vector = (
    signature: string,
    {
      names = 'host;x-amz-date',
      service = 'service',
      ...changes
    }: Partial<RawRequest> & { names?: string; service?: string } = {},
  ): RawRequest => ({
    method: 'GET',
    url: '/',
    body: Buffer.alloc(0),
    ...changes,
    headers: {
      host: ['example.amazonaws.com'],
      'x-amz-date': ['20150830T123600Z'],
      authorization: [
        `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/${service}/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
      ],
      ...changes.headers,
    },
  })
  const vanilla = '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'
  const form = 'application/x-www-form-urlencoded'
  const good = vector(vanilla)
  const authorization = good.headers['authorization']?.[0] ?? ''
  const withHeaders = (headers: RawRequest['headers']): RawRequest => ({
    ...good,
    headers: { ...good.headers, ...headers },
  })
  const withAuthorization = (search: string | RegExp, replacement: string): RawRequest =>
    withHeaders({ authorization: [authorization.replace(search, replacement)] })

  it.each<[name: string, request: RawRequest, context?: typeof service]>([
    ['get-vanilla', good],
    [
      'get-vanilla-query-order-key-case',
      vector('b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500', {
        url: '/?Param2=value2&Param1=value1',
      }),
    ],
    [
      'post-x-www-form-urlencoded',
      vector('ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a', {
        method: 'POST',
        names: 'content-type;host;x-amz-date',
        headers: { 'content-type': [form] },
        body: Buffer.from('Param1=value1'),
      }),
    ],
    [
      'the ListUsers of the documentation',
      vector('5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7', {
        url: '/?Action=ListUsers&Version=2010-05-08',
        names: 'content-type;host;x-amz-date',
        service: 'iam',
        headers: { 'content-type': [`${form}; charset=utf-8`], host: ['iam.amazonaws.com'] },
      }),
      { ...service, service: 'iam' },
    ],
  ])('accepts the published vector "%s"', (_, request, context = service) => {
    expect(verifySigV4(request, context)).toBeNull()
  })

  it.each<[what: string, code: string, request: RawRequest, changed?: Partial<typeof service>]>([
    ['no Authorization', 'MissingAuthenticationToken', withHeaders({ authorization: [] })],
    ['another algorithm', 'IncompleteSignature', withAuthorization('AWS4-', 'AWS5-')],
    ['a short signature', 'IncompleteSignature', withAuthorization(/.$/, '')],
    ['unsorted names', 'IncompleteSignature', withAuthorization('host;x-amz-date', 'x-amz-date;host')],
    ['host not signed', 'IncompleteSignature', withAuthorization('host;x-amz-date', 'x-amz-date')],
    ['the date not signed', 'IncompleteSignature', withAuthorization('host;x-amz-date', 'host')],
    ['another x-amz header not signed', 'IncompleteSignature', withHeaders({ 'x-amz-user-agent': ['x'] })],
    ['a signed header not sent', 'IncompleteSignature', withHeaders({ 'x-amz-date': undefined })],
    ['a date in words', 'IncompleteSignature', withHeaders({ 'x-amz-date': ['20150830 now'] })],
    ['an unknown key', 'InvalidClientTokenId', good, { keys: new Map() }],
    ['an expired key', 'ExpiredToken', good, { keys: keysOf({ expiresAt: now }) }],
    ['another region', 'SignatureDoesNotMatch', good, { region: 'eu-west-1' }],
    ['another service', 'SignatureDoesNotMatch', good, { service: 'sts' }],
    ['a date that is not the scope’s', 'SignatureDoesNotMatch', withAuthorization('20150830', '20150829')],
    ['a time 301 s behind', 'SignatureDoesNotMatch', good, { now: now + 301_000 }],
    ['a time 301 s ahead', 'SignatureDoesNotMatch', good, { now: now - 301_000 }],
    ['another secret', 'SignatureDoesNotMatch', good, { keys: keysOf({ secretAccessKey: 'another' }) }],
    ['another signature', 'SignatureDoesNotMatch', withAuthorization(/.{64}$/, '0'.repeat(64))],
    ['another method', 'SignatureDoesNotMatch', { ...good, method: 'PUT' }],
    ['another path', 'SignatureDoesNotMatch', { ...good, url: '/a' }],
    ['another query', 'SignatureDoesNotMatch', { ...good, url: '/?a=1' }],
    ['another host', 'SignatureDoesNotMatch', withHeaders({ host: ['example.com'] })],
    ['another body', 'SignatureDoesNotMatch', { ...good, body: Buffer.from('a') }],
  ])('refuses %s with %s', (_, code, request, changed) => {
    expect(verifySigV4(request, { ...service, ...changed })?.code).toBe(code)
  })

  it('accepts a clock 300 s off, either way, and a key before its time is up', () => {
    expect(verifySigV4(good, { ...service, now: now + 300_000 })).toBeNull()
    expect(verifySigV4(good, { ...service, now: now - 300_000 })).toBeNull()
    expect(verifySigV4(good, { ...service, keys: keysOf({ expiresAt: now + 1 }) })).toBeNull()
  })

  function keysOf(changes: Partial<AwsKey>): Map<string, AwsKey> {
    return new Map([...keys].map(([id, key]) => [id, { ...key, ...changes }]))
  }
})

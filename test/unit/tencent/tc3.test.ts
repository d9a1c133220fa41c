import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256Hex } from '../../../lib/digest.ts'
import {
  canonicalHeaders,
  canonicalRequest,
  createSigner,
  credentialScope,
  dateKey,
  type Scope,
  type SignableRequest,
  scopeDate,
  serviceKey,
  signature,
  signingKey,
  stringToSign,
} from '../../../lib/tencent/tc3.ts'
import { vectors } from '../../support/tc3-vectors.ts'

describe.each(vectors)('$name', (vector) => {
  const { request, scope, secretId, secretKey, expected } = vector
  const date = scopeDate(scope.timestamp)

  it('sha256Hex hashes the payload', () => {
    expect(sha256Hex(request.body)).toBe(expected.payloadHash)
  })

  it('canonicalRequest has the published hash', () => {
    const canonical = canonicalRequest(request)
    if (expected.canonicalRequest) expect(canonical).toBe(expected.canonicalRequest)
    expect(sha256Hex(canonical)).toBe(expected.canonicalHash)
  })

  it('stringToSign names algorithm, time, scope and hash', () => {
    const canonical = canonicalRequest(request)
    expect(stringToSign(scope.timestamp, credentialScope(scope), canonical)).toBe(
      `TC3-HMAC-SHA256\n${scope.timestamp}\n${date}/${scope.service}/tc3_request\n${expected.canonicalHash}`,
    )
  })

  it('dateKey, serviceKey and signingKey derive the published keys', () => {
    const keyOfDate = dateKey(secretKey, date)
    expect(keyOfDate.toString('hex')).toBe(expected.dateKey)
    expect(serviceKey(keyOfDate, scope.service).toString('hex')).toBe(expected.serviceKey)
    expect(signingKey(secretKey, scope).export().toString('hex')).toBe(expected.signingKey)
  })

  it('signature and createSigner give the published signature', () => {
    const toSign = stringToSign(scope.timestamp, credentialScope(scope), canonicalRequest(request))
    expect(signature(signingKey(secretKey, scope), toSign)).toBe(expected.signature)
    const { body, ...others } = request
    const sign = createSigner(others, scope.service)
    expect(sign(body, scope.timestamp, { secretId, secretKey })).toBe(
      `TC3-HMAC-SHA256 Credential=${secretId}/${credentialScope(scope)}, ` +
        `SignedHeaders=${expected.signedHeaders}, Signature=${expected.signature}`,
    )
  })
})

describe('scopeDate', () => {
  it('is the UTC day, whatever the local zone', () => {
    expect(scopeDate(Date.UTC(2026, 0, 1, 23, 59, 59) / 1000)).toBe('2026-01-01')
    expect(scopeDate(Date.UTC(2026, 0, 2, 0, 0, 0) / 1000)).toBe('2026-01-02')
  })
})

describe('properties', () => {
  const visible = fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom(...'abcxyz0189-./:') })
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST'),
    headers: fc.record({ 'content-type': visible, host: visible, 'x-tc-action': visible }),
    body: fc.uint8Array({ minLength: 1, maxLength: 60 }),
  })
  const signed = fc.record({
    request,
    secretKey: visible,
    scope: fc.record({ service: fc.constantFrom('vod', 'ssm'), timestamp: fc.integer({ min: 1, max: 4e9 }) }),
  })
  const signatureOf = (request: SignableRequest, scope: Scope, secretKey: string): string =>
    signature(
      signingKey(secretKey, scope),
      stringToSign(scope.timestamp, credentialScope(scope), canonicalRequest(request)),
    )

  it('signature changes with any byte of method, host, header, body, timestamp, service or key', () => {
    fc.assert(
      fc.property(signed, fc.nat(), ({ request, scope, secretKey }, at) => {
        const original = signatureOf(request, scope, secretKey)
        const body = Uint8Array.from(request.body)
        const index = at % body.length
        body[index] = (body[index] ?? 0) ^ (1 << (at % 8))
        const changeChar = (text: string): string => {
          const i = at % text.length
          return `${text.slice(0, i)}${text[i] === '_' ? '~' : '_'}${text.slice(i + 1)}`
        }
        const withHeader = (name: 'content-type' | 'host' | 'x-tc-action'): SignableRequest => ({
          ...request,
          headers: { ...request.headers, [name]: changeChar(request.headers[name]) },
        })
        const others = [
          signatureOf({ ...request, method: request.method === 'GET' ? 'PUT' : 'GET' }, scope, secretKey),
          signatureOf(withHeader('host'), scope, secretKey),
          signatureOf(withHeader('content-type'), scope, secretKey),
          signatureOf(withHeader('x-tc-action'), scope, secretKey),
          signatureOf({ ...request, headers: { ...request.headers, extra: '' } }, scope, secretKey),
          signatureOf({ ...request, query: 'Limit=1' }, scope, secretKey),
          signatureOf({ ...request, body }, scope, secretKey),
          signatureOf(request, { ...scope, timestamp: scope.timestamp + 1 }, secretKey),
          signatureOf(request, { ...scope, service: 'sts' }, secretKey),
          signatureOf(request, scope, changeChar(secretKey)),
        ]
        expect(new Set([original, ...others]).size).toBe(others.length + 1)
      }),
    )
  })

  it('signature does not change with the order or the case of headers', () => {
    fc.assert(
      fc.property(signed, ({ request, scope, secretKey }) => {
        const reversed = Object.fromEntries(
          Object.entries(request.headers)
            .reverse()
            .map(([name, value]) => [name.toUpperCase(), ` ${value.toUpperCase()} `]),
        )
        expect(signatureOf({ ...request, headers: reversed }, scope, secretKey)).toBe(
          signatureOf(request, scope, secretKey),
        )
        expect(canonicalHeaders(reversed).names).toBe('content-type;host;x-tc-action')
      }),
    )
  })

  it('canonicalHeaders leaves out blanks around names and values', () => {
    expect(canonicalHeaders({ ' Host ': ' h', 'Content-Type\t': 'c ' })).toEqual({
      lines: 'content-type:c\nhost:h\n',
      names: 'content-type;host',
    })
  })

  // One signer for many calls: what it keeps from one must not spoil the next.
  it('createSigner gives what the steps give, whatever it signed before', () => {
    const call = fc.record({
      body: fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array()),
      // Around midnight and where a timestamp gains a digit, too.
      timestamp: fc.oneof(
        fc.integer({ min: 1, max: 4e9 }),
        fc.integer({ min: -2, max: 2 }).map((seconds) => Date.UTC(2026, 0, 1) / 1000 + seconds),
        fc.integer({ min: 999_999_998, max: 1_000_000_001 }),
      ),
      credentials: fc.constantFrom(
        { secretId: 'id-1', secretKey: 'key-1' },
        { secretId: 'id-2', secretKey: 'key-2' },
        {
          secretId: 'id-1',
          secretKey: 'a key that is longer than a block of SHA-256, which is 64 bytes long',
        },
      ),
    })
    fc.assert(
      fc.property(request, fc.constantFrom('vod', 'ssm'), fc.array(call), (like, service, calls) => {
        const sign = createSigner(like, service)
        for (const { body, timestamp, credentials } of calls)
          expect(sign(body, timestamp, credentials)).toBe(
            `TC3-HMAC-SHA256 Credential=${credentials.secretId}/${credentialScope({ service, timestamp })}, ` +
              `SignedHeaders=content-type;host;x-tc-action, Signature=${signatureOf({ ...like, body }, { service, timestamp }, credentials.secretKey)}`,
          )
      }),
    )
  })
})

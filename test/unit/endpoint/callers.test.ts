/** Whom a request is from. Who is let in where is in test/bundle/access.test.ts. */
import { describe, expect, it } from 'vitest'
import { fingerprint } from '../../../lib/digest.ts'
import { findCaller } from '../../../lib/endpoint/callers.ts'
import { requestOf } from '../../support/requests.ts'

describe('findCaller', () => {
  const token = 'a-bearer-token-of-somebody'
  it.each<[Record<string, string>, string]>([
    [{}, token],
    [{ authorization: `Bearer ${token}` }, `fingerprint:${fingerprint(token)}`],
    [{ 'x-api-key': token }, `fingerprint:${fingerprint(token)}`],
    [{ cookie: `a=b; t=${token}` }, `fingerprint:${fingerprint(token)}`],
    [{ 'user-agent': token, authorization: 'Bearer another' }, token],
  ])('names a principal that was shown in %j: %s', (headers, name) => {
    const caller = findCaller(
      requestOf('/tokens', { principal: token, headers }),
      { httpAuth: 'gateway', apiKeys: [] },
      { isScf: false },
    )
    expect(caller?.name).toBe(name)
  })
})

/** Requests to a server of our own, as they are read: by what they carry, and within the bounds of events. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { longestValue, mostNames, readEvent } from '../../../lib/platform/events.ts'
import { readTarget, readWebRequest } from '../../../lib/platform/web.ts'
import { recorded } from '../../support/recorded-events.ts'

const onScf = { isScf: true }
const elsewhere = { isScf: false }
const id = '5a6f7a9e-64a3-4e83-9d3c-0b6a0d1f6b52'

function read(rawHeaders: readonly string[] = [], where = onScf, url = '/tokens', method = 'GET') {
  return readWebRequest({ method, url, rawHeaders }, where)
}

describe('readWebRequest', () => {
  it('reads what an event of a function URL with the same request says, less the headers of the platform', () => {
    const event = recorded('scf-function-url.json') as {
      headers: Record<string, string>
      httpMethod: string
      path: string
      queryString: Record<string, string>
    }
    const url = `${event.path}?${new URLSearchParams(event.queryString)}`
    const raw = Object.entries(event.headers).flat()
    const { request } = read(raw, onScf, url, event.httpMethod)
    const { 'x-scf-remote-addr': address, ...headers } = event.headers
    expect(address).toBeDefined()
    expect(request).toMatchObject({ ...readEvent({ ...event, headers }), shape: 'scf-web' })
    expect({ ...request?.headers }).toEqual(headers)
  })

  it('is of the shape scf-web on SCF, and of the shape web elsewhere', () => {
    expect(read().request?.shape).toBe('scf-web')
    expect(read([], elsewhere).request?.shape).toBe('web')
  })

  it('takes headers of the platform off, in any case and however often they came', () => {
    const raw = ['X-Scf-Secret-Id', 'one', 'x-scf-secret-id', 'two', 'X-SCF-Other', 'three', 'accept', '*/*']
    for (const where of [onScf, elsewhere])
      expect({ ...read(raw, where).request?.headers }).toEqual({ accept: '*/*' })
    expect([...read(raw).platformHeaders]).toEqual([
      ['x-scf-secret-id', ['one', 'two']],
      ['x-scf-other', ['three']],
    ])
  })

  it('believes no header of the platform where there is no SCF', () => {
    const { requestId, platformHeaders } = read(['x-scf-request-id', id, 'x-scf-secret-id', 'id'], elsewhere)
    expect([requestId, platformHeaders.size]).toEqual([null, 0])
  })

  it('has the request id of SCF, if it came once and looks like one', () => {
    const { request, requestId } = read(['X-Scf-Request-Id', id])
    expect([requestId, request?.requestId]).toEqual([id, id])
    for (const raw of [
      [],
      ['x-scf-request-id', 'a secret'],
      ['x-scf-request-id', id, 'x-scf-request-id', id],
    ])
      expect(read(raw).requestId).toBeNull()
  })

  it('joins what came twice, by lower-case name, and inherits nothing', () => {
    const { request } = read(['Accept', 'a', 'ACCEPT', 'b', '__proto__', 'c', 'constructor', 'd'])
    expect(Object.entries(request?.headers ?? {})).toEqual([
      ['accept', 'a, b'],
      ['__proto__', 'c'],
      ['constructor', 'd'],
    ])
    expect(request?.headers['toString']).toBeUndefined()
  })

  it('leaves out long values and names beyond the bound, but none of the platform', () => {
    const names = Array.from({ length: mostNames + 50 }, (_, i) => [`n${i}`, 'v']).flat()
    const { request, platformHeaders } = read([...names, 'n0', 'again', 'x-scf-secret-id', 'id'])
    expect(Object.keys(request?.headers ?? {})).toHaveLength(mostNames)
    expect(request?.headers['n0']).toBe('v, again')
    expect(platformHeaders.get('x-scf-secret-id')).toEqual(['id'])
    const long = read(['a', 'x'.repeat(longestValue), 'b', 'x'.repeat(longestValue + 1)]).request?.headers
    expect(Object.keys(long ?? {})).toEqual(['a'])
  })

  it('reads the names of parameters, each once, and not their values', () => {
    expect(read([], onScf, '/tokens?a=secret&b&a=%zz&%C3%BC=1?2').request?.queryNames).toEqual([
      'a',
      'b',
      'ü',
    ])
    expect(read([], onScf, '/tokens?').request?.queryNames).toEqual([])
  })

  it('gives no request, but the rest, for a target that names nothing here', () => {
    const { request, requestId, platformHeaders } = read(['x-scf-request-id', id], onScf, '*', 'OPTIONS')
    expect([request, requestId, platformHeaders.size]).toEqual([null, id, 1])
  })

  it('never throws, and never lets a header of the platform through', () => {
    const name = fc.oneof(
      fc.constantFrom('x-scf-secret-key', 'X-Scf-Session-Token', 'X-SCF-', '__proto__', 'a'),
      fc.string(),
    )
    const raw = fc.array(fc.tuple(name, fc.string()), { maxLength: 400 })
    const bounded = fc.record({ method: fc.string(), url: fc.string(), raw, isScf: fc.boolean() })
    fc.assert(
      fc.property(bounded, ({ method, url, raw, isScf }) => {
        const { request } = readWebRequest({ method, url, rawHeaders: raw.flat() }, { isScf })
        for (const one of Object.keys(request?.headers ?? {})) expect(one).not.toMatch(/^x-scf-/i)
        if (request) expect(request.path).toMatch(/^\//)
      }),
    )
  })
})

describe('readTarget', () => {
  it.each([
    ['/tokens', '/tokens'],
    ['//elsewhere.example/tokens', '//elsewhere.example/tokens'],
    ['http://127.0.0.1/tokens', '/tokens'],
    ['HTTPS://elsewhere.example:8080/tokens?x=1', '/tokens?x=1'],
    ['http://elsewhere.example', '/'],
    ['http://elsewhere.example?x', '/?x'],
    ['*', null],
    ['', null],
    ['http://', null],
    ['ftp://127.0.0.1/tokens', null],
    ['127.0.0.1:443', null],
  ])('reads %s as %s', (url, target) => {
    expect(readTarget(url)).toBe(target)
  })
})

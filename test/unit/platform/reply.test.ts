import { STATUS_CODES } from 'node:http'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { HttpShape } from '../../../lib/platform/events.ts'
import { toReply } from '../../../lib/platform/reply.ts'

describe('toReply', () => {
  const response = { status: 200, headers: { 'content-type': 'application/json', age: '3' }, body: '{}' }
  const plain = {
    statusCode: 200,
    headers: { 'content-type': 'application/json', age: '3' },
    body: '{}',
    isBase64Encoded: false,
  }
  const replies: Record<HttpShape, unknown> = {
    'http-api-v2': plain,
    'lambda-url': plain,
    'api-gateway-v1': plain,
    'scf-api-gateway': plain,
    'scf-function-url': plain,
    'scf-web': plain,
    web: plain,
    alb: { ...plain, statusDescription: '200 OK' },
    'alb-multi-value': {
      statusCode: 200,
      statusDescription: '200 OK',
      multiValueHeaders: { 'content-type': ['application/json'], age: ['3'] },
      body: '{}',
      isBase64Encoded: false,
    },
  }

  const shapes = Object.keys(replies) as HttpShape[]
  const get = (shape: HttpShape) => ({ shape, method: 'GET' })

  it.each(shapes)('answers %s in its form', (shape) => {
    expect(toReply(get(shape), response)).toStrictEqual(replies[shape])
  })

  it('leaves the body out of an answer to HEAD', () => {
    const reply = toReply({ shape: 'alb', method: 'HEAD' }, response)
    expect(reply).toStrictEqual({ ...plain, statusDescription: '200 OK', body: '' })
  })

  it('leaves the body out of a 304', () => {
    expect(toReply(get('http-api-v2'), { ...response, status: 304 })).toStrictEqual({
      ...plain,
      statusCode: 304,
      body: '',
    })
  })

  it.each([200, 304, 400, 401, 403, 404, 405, 500, 502, 503, 504])(
    'describes status %i to an ALB',
    (status) => {
      const reply = toReply(get('alb'), { ...response, status })
      expect(reply.statusDescription).toBe(`${status} ${STATUS_CODES[status]}`)
    },
  )

  it('gives an ALB the bare number where it knows no phrase', () => {
    const reply = toReply(get('alb'), { ...response, status: 299 })
    expect(reply.statusDescription).toBe('299')
  })

  it.each(shapes)('leaves out, for %s, only the headers that could become another header', (shape) => {
    const headers = {
      'x-1': 'a\r\nset-cookie: b',
      'x-2': 'a\n',
      'x-3': '\ra',
      'x-4': 'a\0b',
      'x-5': 'a\u010ab', // a line feed where only the low byte is written
      'x-6': 'a\x7f',
      warning: '110 - "Response is Stale"\t~',
      empty: '',
    }
    const reply = toReply(get(shape), { ...response, headers })
    expect(Object.keys(reply.multiValueHeaders ?? reply.headers ?? {})).toEqual(['warning', 'empty'])
  })

  it('never lets a line break or another control character into a header', () => {
    fc.assert(
      fc.property(fc.constantFrom(...shapes), fc.string({ unit: 'binary' }), (shape, value) => {
        const reply = toReply(get(shape), { ...response, headers: { 'x-id': value } })
        const sentValue = reply.headers?.['x-id'] ?? reply.multiValueHeaders?.['x-id']?.[0]
        expect([undefined, value]).toContain(sentValue)
        expect([...(sentValue ?? '')].every((char) => char === '\t' || (char >= ' ' && char <= '~'))).toBe(
          true,
        )
      }),
    )
  })
})

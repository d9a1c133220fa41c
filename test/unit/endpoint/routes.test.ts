/** Which path is which route. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchRoute } from '../../../lib/endpoint/routes.ts'

describe('matchRoute', () => {
  it.each([
    ['/tokens', '/tokens', 'tokens', null],
    ['/sub-apps/x/tokens', '/sub-apps/{SubAppId}/tokens', 'tokens', 'x'],
    ['/tokens/fingerprints', '/tokens/fingerprints', 'fingerprints', null],
    ['/sub-apps/x/tokens/fingerprints', '/sub-apps/{SubAppId}/tokens/fingerprints', 'fingerprints', 'x'],
    ['/healthz', '/healthz', 'health', null],
  ])('finds %s', (sent, path, view, subAppId) => {
    expect(matchRoute(sent, null)).toEqual({ route: { path, view }, subAppId })
  })

  it('takes a path of 1024 characters and none that is longer', () => {
    const path = (length: number): string => `/sub-apps/${'7'.repeat(length - 17)}/tokens`
    expect(path(1024)).toHaveLength(1024)
    expect(matchRoute(path(1024), null)).not.toBeNull()
    expect(matchRoute(path(1025), null)).toBeNull()
  })

  it.each([
    ['/other/tokens', 'stage'],
    ['/null/tokens', null],
  ])('takes %s for no route where the stage is %s', (path, stage) => {
    expect(matchRoute(path, stage)).toBeNull()
  })

  it.each([
    ['/tokens', null],
    ['/tokens///', null],
    ['/prod/tokens', 'prod'],
    ['/tokens', 'prod'],
    ['/tokens', 'tokens'],
    ['/tokens/tokens/', 'tokens'],
  ])('takes %s at stage %s', (path, stage) => {
    expect(matchRoute(path, stage)?.route.path).toBe('/tokens')
  })

  it.each([
    '',
    '/',
    '//tokens',
    '/Tokens',
    '/tokens/..',
    '/%74okens',
    '/prod/tokens',
    '/sub-apps//tokens/x',
    '/sub-apps/7',
    '/tokens?x',
    '/healthz/tokens',
    '/sub-apps/7/healthz',
    '/tokens//fingerprints',
    '/.',
    '/..',
    '/./tokens',
    '/../tokens',
    '/%2e%2e/tokens',
    '/tokens%2ffingerprints',
    '/to%6bens',
    '/%',
    '/%zz',
    '/tokens%00',
    '/tokens\0',
    '/tokens\n',
    '/tokens\r\nx: y',
    '/tokens ',
    '/tokens;a=b',
    '/tokens#a',
    '/tokens\\fingerprints',
    '/\\tokens',
    '/TOKENS',
    '/tokens.json',
    '/to\u200bkens',
    '/tokens\u0301',
    '/ｔokens',
    '/\ud800',
    '/__proto__',
    '/constructor',
    '/$default/tokens',
  ])('takes %j for no route', (path) => {
    expect(matchRoute(path, 'dev')).toBeNull()
  })

  it('agrees with a regular expression on every path', () => {
    const segment = fc.oneof(
      fc.constantFrom(
        'tokens',
        'sub-apps',
        'fingerprints',
        'healthz',
        '7',
        'prod',
        '',
        '.',
        '%2f',
        'tokens?a',
      ),
      fc.string({ unit: 'binary' }),
    )
    const routed =
      /^(\/prod)?(\/tokens(\/fingerprints)?|\/sub-apps\/[^/]*\/tokens(\/fingerprints)?|\/healthz)\/*$/
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
        const path = `/${segments.join('/')}`
        expect(matchRoute(path, 'prod') !== null).toBe(routed.test(path))
      }),
    )
  })
})

/** Which path is which route. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchRoute as matchWith, type Prefixes, routes } from '../../../lib/endpoint/routes.ts'

const matchRoute = (path: string, stage: string | null, more: Partial<Prefixes> = {}) =>
  matchWith(path, { stage, basePath: '', matched: null, ...more })

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

  const appRoute = '/sub-apps/{SubAppId}/tokens'
  const matches: [
    path: string,
    template: string,
    parameters: Record<string, string>,
    route: string | null,
  ][] = [
    ['/aigc/tokens', '/tokens', {}, '/tokens'],
    ['/a/b/tokens/fingerprints/', '/tokens/fingerprints', {}, '/tokens/fingerprints'],
    ['/aigc/healthz', '/healthz', {}, '/healthz'],
    ['/aigc/sub-apps/7/tokens', appRoute, { SubAppId: '7' }, appRoute],
    ['/aigc/sub-apps/7/tokens', '/sub-apps/{id}/tokens', { id: '7' }, appRoute],
    // A mapping named like a route: what was granted is the other.
    ['/sub-apps/7/tokens', '/tokens', {}, '/tokens'],
    // The gateway says what the path does not: the path alone decides.
    ['/tokens', '/tokens/fingerprints', {}, '/tokens'],
    ['/tokens/fingerprints', '/tokens', {}, '/tokens/fingerprints'],
    ['/healthz', '/tokens', {}, '/healthz'],
    ['/sub-apps/7/tokens', appRoute, { SubAppId: '8' }, appRoute],
    ['/sub-apps/7/tokens', appRoute, {}, appRoute],
    ['/aigc/tokens', '/tokens/fingerprints', {}, null],
    ['/aigc/sub-apps/7/tokens', appRoute, { SubAppId: '8' }, null],
    ['/aigc/sub-apps/7/tokens', appRoute, {}, null],
    ['/aigc/sub-apps/7/tokens', appRoute, { SubAppId: '' }, null],
    ['/aigc/sub-apps/7/x/tokens', appRoute, { SubAppId: '7/x' }, null],
    ['/aigc/tokens', '/{proxy+}', { proxy: 'tokens' }, null],
    ['/aigc/tokens', '/{SubAppId}', { SubAppId: 'tokens' }, null],
    ['/aigc/sub-apps/7/tokens', '/sub-apps/{SubAppId+}/tokens', { 'SubAppId+': '7', SubAppId: '7' }, null],
    ['/aigc/tokens', '/Tokens', {}, null],
    ['/aigc/tokens', '/tokens/', {}, null],
    ['/xtokens', '/tokens', {}, null],
    ['/aigc/toke%6es', '/tokens', {}, null],
    ['/aigc/tokens', '/', {}, null],
  ]
  it.each(matches)(
    'takes %s, of which the gateway says %s with %j, for %s',
    (path, template, parameters, route) => {
      const match = matchRoute(path, null, { matched: { template, parameters } })
      expect(match?.route.path ?? null).toBe(route)
      if (route?.includes('{')) expect(match?.subAppId).toBe('7')
    },
  )

  it.each([
    ['/aigc/tokens', null, '/tokens'],
    ['/aigc/sub-apps/7/tokens/fingerprints/', null, '/sub-apps/{SubAppId}/tokens/fingerprints'],
    ['/tokens', null, '/tokens'],
    ['/prod/tokens', 'prod', '/tokens'],
    ['/prod/aigc/tokens', 'prod', '/tokens'],
    ['/aigc/tokens', 'prod', '/tokens'],
    ['/aigc/healthz', 'aigc', '/healthz'],
    ['/aigc/aigc/tokens', 'aigc', '/tokens'],
    ['/aigc/aigc/tokens', null, null],
    ['/aigc/prod/tokens', 'prod', null],
    ['/aigcs/tokens', null, null],
    ['/x/aigc/tokens', null, null],
    ['/AIGC/tokens', null, null],
    ['//aigc/tokens', null, null],
    ['/aigc//tokens', null, null],
    ['/aigc', null, null],
  ])('takes %s at stage %s behind the base path for %s', (path, stage, route) => {
    expect(matchRoute(path, stage, { basePath: '/aigc' })?.route.path ?? null).toBe(route)
  })

  it('looks for no route in a megabyte that stands in the place of a match', () => {
    for (const template of ['{'.repeat(1_000_000), `/${'{a}'.repeat(300_000)}`])
      expect(matchRoute('/aigc/tokens', null, { matched: { template, parameters: {} } })).toBeNull()
  })

  it('prefers the whole path to what is left without the base path', () => {
    expect(matchRoute('/tokens/fingerprints', null, { basePath: '/tokens' })?.route.path).toBe(
      '/tokens/fingerprints',
    )
  })

  it('opens only what the path ends in, and of that what the gateway matched', () => {
    const word = fc.constantFrom(
      'token',
      'tokens',
      'sub-apps',
      'fingerprints',
      'healthz',
      '7',
      '8',
      'aigc',
      'prod',
      '',
      '{SubAppId}',
    )
    const anyPath = fc.array(word, { minLength: 1, maxLength: 7 }).map((words) => `/${words.join('/')}`)
    const ours = fc.constantFrom(...routes.map(({ path }) => path))
    const known = fc
      .tuple(fc.constantFrom('', '/aigc', '/sub-apps/8', '/tokens', '/'), ours, fc.constantFrom('7', '8'))
      .map(([before, route, id]) => `${before}${route.replace('{SubAppId}', id)}`)
    const path = fc.oneof(anyPath, known)
    const template = fc.oneof(
      { weight: 3, arbitrary: ours },
      path,
      fc.constantFrom('/{proxy+}', '/{a}', '/sub-apps/{a}/tokens'),
    )
    const value = fc.oneof(
      word,
      path.map((one) => one.slice(1)),
    )
    const parameters = fc.dictionary(fc.constantFrom('SubAppId', 'a', 'proxy'), value, {
      noNullPrototype: false,
    })
    const matched = fc.option(fc.record({ template, parameters }))
    const basePath = fc.constantFrom('', '/aigc', '/tokens', '/sub-apps/7')
    const stage = fc.constantFrom(null, 'prod', 'tokens', 'sub-apps')
    const seen = new Set<string>()
    fc.assert(
      fc.property(path, fc.record({ stage, basePath, matched }), (path, prefixes) => {
        const match = matchWith(path, prefixes)
        if (match === null) return
        const { route, subAppId } = match
        const spelt = (id: string | undefined, one = route.path) => one.replace('{SubAppId}', () => id ?? '')
        const trimmed = path.replace(/\/+$/, '')
        expect(subAppId === null).toBe(route.path === spelt(undefined))
        expect(subAppId ?? '').not.toContain('/')
        expect(trimmed.endsWith(spelt(subAppId ?? undefined))).toBe(true)
        const granted = routes.find((one) => one.path === prefixes.matched?.template)
        const given = prefixes.matched?.parameters['SubAppId']
        if (!granted || given?.includes('/') || (granted.path.includes('{') && given === undefined)) return
        if (!trimmed.endsWith(spelt(given, granted.path))) return
        seen.add(granted.path)
        expect(route).toBe(granted)
      }),
      { numRuns: 10_000 },
    )
    expect(seen.size).toBe(routes.length)
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

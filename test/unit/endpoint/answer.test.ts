import { describe, expect, it } from 'vitest'
import type { Config } from '../../../lib/config.ts'
import { parseConfig } from '../../../lib/config.ts'
import { fingerprint, nameTokens } from '../../../lib/digest.ts'
import { answerRequest } from '../../../lib/endpoint/answer.ts'
import type { CachedList } from '../../../lib/endpoint/cache.ts'
import { routes } from '../../../lib/endpoint/routes.ts'
import { ConfigError, CredentialsError, InputError, StoreError, TencentError } from '../../../lib/errors.ts'
import type { HttpEvent } from '../../../lib/platform/events.ts'
import type { HttpResponse } from '../../../lib/platform/reply.ts'
import { expectConforming } from '../../support/openapi.ts'
import { cachedList, requestOf } from '../../support/requests.ts'
import { sha256 } from '../../support/sha256.ts'

const keys = ['full', 'single', 'masked'].map((scope) => `${scope}:${scope}:${sha256(`${scope}-key`)}`)
const bound = ['full', 'masked'].map((scope) => `${scope}8:${scope}:${sha256(`${scope}8-key`)}:8`)
const config = parseConfig(
  {
    AIGC_SECRET_ID: 'id',
    AIGC_SECRET_KEY: 'key',
    AIGC_SUB_APP_IDS: '7,8',
    AIGC_HTTP_AUTH: 'keys',
    AIGC_API_KEYS: [...keys, ...bound].join(),
  },
  {},
)
const list = cachedList(['token-a', 'token-b'], {
  pick: 'token-b',
  requestId: 'r-1',
  observedAt: '2026-03-10T05:16:23.000Z',
  ageMs: 12_900,
})

function request(path: string, more: Partial<HttpEvent> & { key?: string } = {}): HttpEvent {
  const { key = 'full-key', headers = {}, ...rest } = more
  const authorization = key ? { authorization: `Bearer ${key}` } : {}
  return requestOf(path, { ...rest, headers: { ...authorization, ...headers } })
}

/** Words for the caller. */
const sentence = expect.stringMatching(/\w+ \w+ \w+/)

interface World {
  basePath?: string
  config?: () => Config
  list?: (subAppId: number | null, refresh: boolean) => Promise<CachedList>
}

async function ask(
  event: HttpEvent,
  world: World = {},
): Promise<HttpResponse & { json: Record<string, unknown> | null; asked: unknown[]; audit: object }> {
  const asked: unknown[] = []
  const { response, audit } = await answerRequest(event, {
    config: world.config ?? (() => config),
    list: async (subAppId, refresh) => {
      asked.push([subAppId, refresh])
      return world.list ? world.list(subAppId, refresh) : list
    },
    platform: { isScf: false },
    basePath: world.basePath ?? '',
  })
  const method = ['GET', 'HEAD'].includes(event.method) ? event.method : 'POST'
  expectConforming(audit.route, method, { ...response, body: method === 'HEAD' ? '' : response.body })
  return { ...response, json: response.body ? JSON.parse(response.body) : null, asked, audit }
}

describe('answerRequest', () => {
  it.each([
    ['/tokens', 'ApiTokens', []],
    ['/tokens/fingerprints', 'Fingerprints', []],
    ['/token', 'ApiToken', null],
  ])('answers %s of an application without any token with %s %j', async (path, field, value) => {
    const { status, json } = await ask(request(path), { list: async () => cachedList([]) })
    expect([status, json?.[field]]).toEqual([200, value])
  })

  it('gives the tokens of the default application', async () => {
    const { status, headers, json, asked, audit } = await ask(request('/tokens'))
    expect(status).toBe(200)
    expect(json).toEqual({
      SubAppId: 7,
      ApiToken: 'token-b',
      ApiTokens: ['token-a', 'token-b'],
      RequestId: 'r-1',
      ObservedAt: '2026-03-10T05:16:23.000Z',
      Stale: false,
    })
    expect(headers).toEqual({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      etag: expect.stringMatching(/^"[\da-f]{64}"$/),
      age: '12',
    })
    expect(asked).toEqual([[7, false]])
    expect(audit).toEqual({
      route: '/tokens',
      caller: 'full',
      subAppId: 7,
      fingerprints: ['token-a', 'token-b'].map(fingerprint).sort(),
      upstream: true,
      staleBecause: null,
      error: null,
    })
  })

  it('gives the tokens or fingerprints of one application', async () => {
    expect((await ask(request('/sub-apps/8/tokens'))).json).toMatchObject({
      SubAppId: 8,
      ApiTokens: list.apiTokens,
    })
    const { json } = await ask(request('/sub-apps/8/tokens/fingerprints', { key: 'masked-key' }))
    expect(json).toEqual({
      SubAppId: 8,
      Fingerprint: fingerprint('token-b'),
      Fingerprints: list.apiTokens.map(fingerprint).sort(),
      RequestId: 'r-1',
      ObservedAt: '2026-03-10T05:16:23.000Z',
      Stale: false,
    })
    expect(JSON.stringify(json)).not.toContain('token-')
  })

  it.each(['full-key', 'single-key'])('gives %s the token to use, and nothing of the others', async (key) => {
    const { json, headers, audit, body } = await ask(request('/sub-apps/8/token', { key }), {
      list: async () => ({ ...list, extInfos: ['{"a":1}', '{"b":1}'] }),
    })
    expect(json).toEqual({
      SubAppId: 8,
      ApiToken: 'token-b',
      RequestId: 'r-1',
      ObservedAt: '2026-03-10T05:16:23.000Z',
      Stale: false,
    })
    expect(audit).toMatchObject({
      route: '/sub-apps/{SubAppId}/token',
      fingerprints: [fingerprint('token-b')],
    })
    const others = await ask(request('/token', { key }), {
      list: async () => cachedList(['token-b', 'token-c', 'token-d']),
    })
    // Nor does it tell when others change.
    expect(others.headers['etag']).toBe(headers['etag'])
    const seen = JSON.stringify([body, headers, audit])
    for (const name of ['token-a', fingerprint('token-a'), '{"a":1}']) expect(seen).not.toContain(name)
    const moved = await ask(request('/token', { key }), { list: async () => cachedList(['token-a']) })
    expect(moved.headers['etag']).not.toBe(headers['etag'])
  })

  it('adds ExtInfos where they are known', async () => {
    const extInfos = ['{}', '{"ip":{}}']
    expect((await ask(request('/tokens'), { list: async () => ({ ...list, extInfos }) })).json).toMatchObject(
      { ExtInfos: extInfos },
    )
  })

  it('keeps ExtInfos from whoever reads fingerprints', async () => {
    const extInfos = ['{"note":"of token-b"}', '{}']
    for (const key of ['masked-key', 'full-key']) {
      const event = request('/tokens/fingerprints', { key })
      const { json, body } = await ask(event, { list: async () => ({ ...list, extInfos }) })
      expect(Object.keys(json ?? {})).toEqual([
        'SubAppId',
        'Fingerprint',
        'Fingerprints',
        'RequestId',
        'ObservedAt',
        'Stale',
      ])
      expect(body).not.toContain('note')
    }
  })

  const throttled = (attempts: number): TencentError =>
    new TencentError('RequestLimitExceeded', 'm', { action: 'A', requestId: null, attempts, retryable: true })
  const askings: [string, NonNullable<World['list']>, boolean][] = [
    ['a list that was asked for', async () => list, true],
    ['a list from the cache', async () => ({ ...list, fromCache: true }), false],
    ['an old list, after asking in vain', async () => ({ ...list, staleBecause: throttled(1) }), true],
    ['an old list, without asking', async () => ({ ...list, staleBecause: throttled(0) }), false],
    ['a failure', async () => Promise.reject(throttled(3)), true],
    ['a failure to ask', async () => Promise.reject(throttled(0)), false],
  ]
  it.each(askings)('says in its audit whether it asked: %s', async (_, answer, upstream) => {
    expect((await ask(request('/tokens'), { list: answer })).audit).toMatchObject({ upstream })
  })

  it('says in its audit that HEAD and 304 handed out nothing', async () => {
    const { headers, audit } = await ask(request('/tokens', { method: 'HEAD' }))
    const known = await ask(request('/tokens', { headers: { 'if-none-match': headers['etag'] ?? '' } }))
    expect(known.status).toBe(304)
    for (const one of [audit, known.audit]) expect(one).toMatchObject({ fingerprints: [] })
  })

  it('answers /healthz without a key, settings or an upstream call', async () => {
    const broken = (): never => {
      throw new ConfigError(['broken'])
    }
    const { status, json, asked, audit } = await ask(request('/healthz', { key: '' }), { config: broken })
    expect([status, json, asked]).toEqual([200, { status: 'ok' }, []])
    expect(audit).toMatchObject({ route: '/healthz', caller: null, upstream: false })
  })

  it('has an etag of the token to use and the set of tokens, not of their order', async () => {
    const etag = async (apiTokens: string[]): Promise<string | undefined> =>
      (
        await ask(request('/tokens'), {
          list: async () => ({ ...list, apiTokens, names: nameTokens(apiTokens, 'a'), requestId: 'other' }),
        })
      ).headers['etag']
    expect(await etag(['a', 'b', 'a'])).toBe(await etag(['b', 'a']))
    expect(await etag(['a', 'b'])).not.toBe(await etag(['a']))
    const { headers } = await ask(request('/tokens'), { list: async () => cachedList(['b', 'a']) })
    expect(headers['etag']).not.toBe(await etag(['a', 'b']))
  })

  it('takes no etag for its own that has W/ inside', async () => {
    const { headers } = await ask(request('/tokens'))
    const odd = `x${'W/'}${headers['etag']}`
    expect((await ask(request('/tokens', { headers: { 'if-none-match': odd } }))).status).toBe(200)
    const within = (headers['etag'] ?? '').replace('"', 'W/"')
    expect((await ask(request('/tokens', { headers: { 'if-none-match': within } }))).status).toBe(304)
    const split = (headers['etag'] ?? '').replace(/^(..)/, '$1W/')
    expect((await ask(request('/tokens', { headers: { 'if-none-match': split } }))).status).toBe(200)
  })

  it.each(['ETAG', 'W/ETAG', '"x", ETAG', '"x",,  ETAG ,"y"', '*', '"x", *'])(
    'gives 304 without tokens for If-None-Match %s',
    async (tag) => {
      const etag = (await ask(request('/tokens'))).headers['etag'] ?? ''
      const answer = await ask(
        request('/tokens', { headers: { 'if-none-match': tag.replace('ETAG', etag) } }),
      )
      expect([answer.status, answer.body, answer.headers['etag']]).toEqual([304, '', etag])
      expect(answer.audit).toMatchObject({ fingerprints: [] })
    },
  )

  it.each([
    ...['', '"x"', 'x W/ETAG', 'ETAG-', '""', '"', 'W/', 'w/ETAG', '"ETAG"', '**', '"*"', ','.repeat(8000)],
    ...[(etag: string) => etag.slice(1, -1), (etag: string) => etag.toUpperCase()],
    () => `"${nameTokens(['token-a'], 'token-a').digest}"`,
  ])('gives the tokens for If-None-Match %s', async (tag) => {
    const etag = (await ask(request('/tokens'))).headers['etag'] ?? ''
    const sent = typeof tag === 'string' ? tag.replace('ETAG', etag) : tag(etag)
    const answer = await ask(request('/tokens', { headers: { 'if-none-match': sent } }))
    expect([answer.status, answer.json?.['ApiTokens']]).toEqual([200, list.apiTokens])
  })

  it('says that a list is old, and because of what', async () => {
    const old = async (): Promise<CachedList> => ({ ...list, staleBecause: throttled(1) })
    for (const path of ['/tokens', '/tokens/fingerprints']) {
      const { json, headers, audit } = await ask(request(path), { list: old })
      expect(json).toMatchObject({ Stale: true })
      expect(headers).toMatchObject({ warning: '110 - "Response is Stale"' })
      expect(audit).toMatchObject({ staleBecause: 'RequestLimitExceeded' })
    }
    expect((await ask(request('/tokens'))).headers).not.toHaveProperty('warning')
  })

  it.each([
    ['max-age=0, No-Cache', true],
    ['no-cache', true],
    ['max-age=0', false],
    ['NO-CACHE , x', true],
    ['no-cache-at-all', false],
    ['no-cache=""', false],
    ['max-age=-1', false],
    ['=,;"', false],
    ['', false],
  ])('asks anew for Cache-Control: %s: %s', async (header, anew) => {
    const { asked } = await ask(request('/tokens', { headers: { 'cache-control': header } }))
    expect(asked).toEqual([[7, anew]])
  })

  it.each(['Bearer full-key', 'bearer  full-key '])('takes the key of "%s"', async (authorization) => {
    expect((await ask(request('/tokens', { headers: { authorization } }))).status).toBe(200)
  })

  it.each([
    ['gateway', 'Gateway'],
    ['platform', 'TC3-HMAC-SHA256'],
  ] as const)('says how to be let in by the %s', async (httpAuth, challenge) => {
    const { status, headers, json } = await ask(request('/tokens'), {
      config: () => ({ ...config, httpAuth }),
    })
    expect([status, headers['www-authenticate'], json]).toMatchObject([
      401,
      challenge,
      { code: 'Unauthenticated', detail: sentence },
    ])
  })

  it.each(['gateway', 'keys', 'platform'] as const)(
    'says where the name is missing, with AIGC_HTTP_AUTH=%s',
    async (httpAuth) => {
      const unnamedAt = 'requestContext.authorizer.lambda.principalId'
      const { status, json, headers } = await ask(request('/tokens', { key: '', unnamedAt }), {
        config: () => ({ ...config, httpAuth }),
      })
      expect([status, json?.['code'], headers]).toMatchObject([
        401,
        'Unauthenticated',
        { 'www-authenticate': expect.any(String) },
      ])
      const said = `named nobody: ${unnamedAt} must be a text of at most 256 characters`
      if (httpAuth === 'gateway') expect(json?.['detail']).toContain(said)
      else expect(json?.['detail']).not.toContain('authorizer')
    },
  )

  it.each([
    ['//tokens', true],
    ['/tokens//fingerprints', true],
    ['//aigc///sub-apps//8/tokens/', true],
    ['/aigc//tokens', true],
    ['/tokens/nothing//', false],
    ['//nothing', false],
    ['/nothing', false],
  ])('says of %s that a slash is too many: %s', async (path, hint) => {
    const { status, json } = await ask(request(path), { basePath: '/aigc' })
    const words = '; it has two slashes in a row where one is right'
    expect([status, json?.['detail']]).toEqual([404, `there is no such path here${hint ? words : ''}`])
  })

  const notOurIds = [
    ...['9', '0', '-0', '07', '+7', '-7', '7e0', '0x7', '0b111', '7.0', '7n', '7_0', '7,8', '7;8', '%37'],
    ...[' 7', '7 ', '7%20', '7\0', '٧', '７', '9007199254740993', '9'.repeat(400), '', 'null', 'NaN'],
    ...['Infinity', '__proto__', 'constructor', '{SubAppId}', '*'],
  ]
  const notTheKey = [
    ...[
      '',
      ' ',
      'full-key',
      'Basic full-key',
      'Basic Bearer full-key',
      'Token full-key',
      'Bearer',
      'Bearer ',
    ],
    `Basic ${Buffer.from('full-key').toString('base64')}`,
    ...[
      'Bearerfull-key',
      ' Bearer full-key',
      'Bearer\tfull-key',
      'Bearer\u00a0full-key',
      'Bearer full-key\n',
    ],
    ...['Bearer full-key\r\nx-admin: true', 'Bearer full-key\0', 'Bearer full-key,', 'Bearer "full-key"'],
    ...['Bearer FULL-KEY', 'Bearer full-ke', 'Bearer full-key%20', 'Bearer full-key full-key'],
    // What a header that was sent twice is read as.
    ...['Bearer wrong, Bearer full-key', 'Bearer full-key, Bearer wrong', 'Bearer full-key, Bearer full-key'],
    ...[`Bearer ${'x'.repeat(8000)}`, `Bearer ${' '.repeat(100_000)}`, `Bearer a${' '.repeat(100_000)}a`],
  ]
  const elsewhere = [
    ...['x-api-key', 'proxy-authorization', 'cookie', 'x-forwarded-authorization', 'authorization '],
    ...['__proto__', 'constructor'],
  ]
  const otherMethods = [
    ...[
      'POST',
      'PUT',
      'DELETE',
      'OPTIONS',
      'TRACE',
      'GET ',
      'GET\r\n',
      'GETS',
      '__PROTO__',
      'CONSTRUCTOR',
      'ＧＥＴ',
    ],
  ]
  const refused: [string, HttpEvent, number, string][] = [
    ['an unknown path', request('/toke'), 404, 'NotFound'],
    ...otherMethods.map((method): [string, HttpEvent, number, string] => [
      `${JSON.stringify(method)} of a route`,
      request('/tokens', { method }),
      405,
      'MethodNotAllowed',
    ]),
    ['another method on /healthz', request('/healthz', { method: 'DELETE' }), 405, 'MethodNotAllowed'],
    ['no key', request('/tokens', { key: '' }), 401, 'Unauthenticated'],
    ['a wrong key', request('/tokens', { key: 'wrong' }), 401, 'Unauthenticated'],
    ['the digest of a key', request('/tokens', { key: sha256('full-key') }), 401, 'Unauthenticated'],
    ...notTheKey.map((authorization): [string, HttpEvent, number, string] => [
      `Authorization: ${JSON.stringify(authorization.slice(0, 40))}`,
      request('/tokens', { key: '', headers: { authorization } }),
      401,
      'Unauthenticated',
    ]),
    ...elsewhere.map((name): [string, HttpEvent, number, string] => [
      `a key in ${name}`,
      request('/tokens', { key: '', headers: Object.fromEntries([[name, 'Bearer full-key']]) }),
      401,
      'Unauthenticated',
    ]),
    [
      'a key that begins as one that is good',
      request('/tokens', { key: 'full-key-and-more' }),
      401,
      'Unauthenticated',
    ],
    ...['SubAppId', 'full-key', '__proto__', '', '%', '\r\n', 'x'.repeat(8192)].map(
      (name): [string, HttpEvent, number, string] => [
        `the query parameter ${JSON.stringify(name.slice(0, 40))}`,
        request('/tokens', { queryNames: [name] }),
        400,
        'InputInvalid',
      ],
    ),
    ['a query parameter on /healthz', request('/healthz', { queryNames: ['x'] }), 400, 'InputInvalid'],
    ...[
      ['masked', '/tokens'],
      ['masked', '/token'],
      ['masked', '/sub-apps/8/token'],
      ['single', '/tokens'],
      ['single', '/sub-apps/8/tokens'],
      ['single', '/tokens/fingerprints'],
      ['single', '/sub-apps/8/tokens/fingerprints'],
    ].map(([scope, path]): [string, HttpEvent, number, string] => [
      `a ${scope} key on ${path}`,
      request(path ?? '', { key: `${scope}-key` }),
      403,
      'ScopeTooSmall',
    ]),
    ...notOurIds.map((id): [string, HttpEvent, number, string] => [
      `application ${JSON.stringify(id)}`,
      request(`/sub-apps/${id}/tokens`),
      404,
      'SubAppNotFound',
    ]),
  ]
  it.each(refused)('refuses %s without an upstream call', async (_, event, status, code) => {
    const answer = await ask(event)
    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.json).toEqual({
      type: 'about:blank',
      title: expect.any(String),
      status,
      detail: sentence,
      code,
    })
    expect(answer.body).not.toContain('full-key')
    expect(answer.headers['allow']).toBe(status === 405 ? 'GET, HEAD' : undefined)
    expect(answer.headers['www-authenticate']).toBe(status === 401 ? 'Bearer' : undefined)
    expect(answer.asked).toEqual([])
    expect(answer.audit).toMatchObject({ error: { code, message: sentence }, upstream: false })
  })

  it('compares the whole digest of a key', async () => {
    const digest = sha256('full-key')
    const flipped = (at: number): string =>
      digest.slice(0, at) + (digest[at] === '0' ? '1' : '0') + digest.slice(at + 1)
    const apiKeys = Array.from({ length: digest.length }, (_, at) => flipped(at)).map(
      (other) => ({ name: 'other', scope: 'full', sha256: other, subAppIds: null }) as const,
    )
    const { status } = await ask(request('/tokens'), { config: () => ({ ...config, apiKeys }) })
    expect(status).toBe(401)
  })

  const unbound = ['full8-key', 'masked8-key'].flatMap((key) =>
    routes
      .filter(({ view }) => view !== 'health')
      .flatMap(({ path }) => [path.replace('{SubAppId}', '7'), path.replace('{SubAppId}', '9')])
      .map((path) => [key, path]),
  )
  it.each(unbound)('tells a bound key nothing of other applications: %s on %s', async (key, path) => {
    const { status, headers, body, asked, audit } = await ask(request(path, { key }))
    const unconfigured = await ask(request('/sub-apps/9/tokens', { key: 'full-key' }))
    expect([status, headers, body, asked]).toEqual([404, unconfigured.headers, unconfigured.body, []])
    expect(audit).toMatchObject({ error: { code: 'SubAppNotFound', message: sentence } })
  })

  it('gives a bound key its own application, by its scope', async () => {
    const [tokens, fingerprints] = ['/sub-apps/8/tokens', '/sub-apps/8/tokens/fingerprints']
    const answers: [path: string | undefined, key: string, status: number][] = [
      [tokens, 'full8-key', 200],
      [fingerprints, 'full8-key', 200],
      [tokens, 'masked8-key', 403],
      [fingerprints, 'masked8-key', 200],
    ]
    for (const [path = '', key, status] of answers) {
      const answer = await ask(request(path, { key }))
      expect([path, key, answer.status]).toEqual([path, key, status])
      if (key.startsWith('masked')) expect(answer.body).not.toContain('token-')
    }
  })

  it('goes by the route that the gateway matched, and says so in its audit', async () => {
    const event = request('/aigc/sub-apps/8/tokens', {
      matched: { template: '/sub-apps/{SubAppId}/tokens', parameters: { SubAppId: '8' } },
    })
    const { json, audit } = await ask(event)
    expect([json?.['SubAppId'], audit]).toMatchObject([
      8,
      { route: '/sub-apps/{SubAppId}/tokens', subAppId: 8 },
    ])
  })

  it('takes a base path off, and needs none', async () => {
    for (const path of ['/aigc/tokens', '/tokens'])
      expect((await ask(request(path), { basePath: '/aigc' })).status).toBe(200)
    expect((await ask(request('/aigc/tokens'))).status).toBe(404)
  })

  it.each(['/'.repeat(1_000_000), '/a'.repeat(1_000_000), `/sub-apps/${'7'.repeat(1_000_000)}/tokens`])(
    'finds no route in megabytes (%#)',
    async (path) => {
      expect((await ask(request(path))).json?.['code']).toBe('NotFound')
    },
  )

  it('finds a route before any number of slashes', async () => {
    expect((await ask(request(`/tokens${'/'.repeat(1_000_000)}`))).status).toBe(200)
  })

  it('tells 405 how to go on', async () => {
    const { json } = await ask(request('/tokens', { method: 'PUT' }))
    expect(json?.['detail']).toBe('this path takes GET and HEAD')
  })

  it('says that AIGC_HTTP_AUTH is unset to the operator alone', async () => {
    const unset = { config: (): Config => ({ ...config, httpAuth: null }) }
    const { status, json, body, audit } = await ask(request('/tokens'), unset)
    expect([status, json]).toMatchObject([500, { code: 'ConfigInvalid', detail: sentence }])
    expect(body).not.toContain('AIGC_')
    expect(audit).toMatchObject({ error: { message: expect.stringContaining('AIGC_HTTP_AUTH') } })
  })

  const upstream: [string, number, string, Record<string, string>][] = [
    ['RequestLimitExceeded.UinLimitExceeded', 503, 'takes no more calls', { 'retry-after': '5' }],
    ['ClientError.Timeout', 504, 'did not answer in time', {}],
    ['ClientError.NetworkError', 502, 'gave no list', {}],
    ['ClientError.MalformedAnswer', 502, 'gave no list', {}],
    ['InternalError', 502, 'gave no list', {}],
    ['AuthFailure', 502, 'credentials for Tencent', {}],
    ['UnauthorizedOperation', 502, 'credentials for Tencent', {}],
    ['AuthFailure.SecretIdNotFound', 502, 'credentials for Tencent', {}],
    ['ResourceNotFound.UserNotExist', 502, 'gave no list', {}],
    ['FailedOperation.AuthFailure', 502, 'gave no list', {}],
    ['AuthFailures', 502, 'gave no list', {}],
    ['SubAppNotFound', 502, 'gave no list', {}],
  ]
  it.each(upstream)('turns %s into %d', async (code, status, detail, headers) => {
    const error = new TencentError(code, `Listing: ${code}: words of Tencent; credentials used: fixed`, {
      action: 'A',
      requestId: 'r-9',
      attempts: 2,
      retryable: true,
    })
    const answer = await ask(request('/tokens'), { list: () => Promise.reject(error) })
    expect(answer.json).toEqual({
      type: 'about:blank',
      title: expect.any(String),
      status,
      detail: expect.stringContaining(detail),
      code,
      requestId: 'r-9',
    })
    expect(answer.body).not.toMatch(/words of|credentials used/)
    expect(answer.headers).toMatchObject(headers)
    expect(answer.audit).toMatchObject({ error })
  })

  const others: [string, Error, number, string, string][] = [
    ['an error it does not know', new TypeError('inside'), 500, 'InternalError', 'this function failed'],
    ['a slip of its own', new InputError('inside'), 500, 'InternalError', 'this function failed'],
    [
      'a store that fails',
      new StoreError('NotMirrored', 'inside', 'x'),
      502,
      'NotMirrored',
      'mirrored document',
    ],
    [
      'credentials that are not there',
      new CredentialsError('Http403', 'inside', false),
      502,
      'Http403',
      'credentials for Tencent',
    ],
    [
      'a role that is refused',
      new TencentError('InvalidParameter', 'inside', {
        action: 'AssumeRoleWithWebIdentity',
        requestId: null,
        attempts: 1,
        retryable: false,
      }),
      502,
      'InvalidParameter',
      'credentials for Tencent',
    ],
  ]
  it.each(others)('tells the caller little of %s', async (_, error, status, code, detail) => {
    const answer = await ask(request('/tokens'), { list: () => Promise.reject(error) })
    expect(answer.json).toMatchObject({ status, code, detail: expect.stringContaining(detail) })
    expect(answer.body).not.toContain('inside')
    expect(answer.audit).toMatchObject({ error, upstream: error instanceof TencentError })
  })
})

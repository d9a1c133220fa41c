/** The file to copy that keeps a consumer's token current: by a clock of the test's own, over real connections. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text as readText } from 'node:stream/consumers'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createTokenSource, type TokenDocument, type TokenTimes } from '../../../examples/node/token.mjs'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const pass = (seconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(seconds * 1000)

/** Without a step of the clock. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

type Answer = unknown | (() => unknown)

/** A source whose `read` gives what the test says, once for each of `answers`, and the last of them for ever. */
function openSource(answers: Answer[], times: TokenTimes = {}) {
  const asked: { signal: AbortSignal; refresh: boolean }[] = []
  const source = createTokenSource({
    ...times,
    async read(how) {
      asked.push(how)
      const answer = answers.length > 1 ? answers.shift() : answers[0]
      return (typeof answer === 'function' ? await answer() : answer) as TokenDocument
    },
  })
  return { ...source, asked, answers }
}

const document = (...tokens: string[]): TokenDocument => ({ ApiToken: tokens[0] ?? null, ApiTokens: tokens })
const fails = (): never => {
  throw new Error('the source is down')
}
const hangs = (): Promise<never> => new Promise(() => {})

type Target = string | URL | Request

interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A server on loopback, and what it received. */
async function listen(
  answer: (received: Received, response: ServerResponse) => unknown,
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = []
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url: path = '', headers } = request
    const one = { method, path, headers, body: await readText(request).catch(() => 'broken off') }
    received.push(one)
    await answer(one, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received }
}

/** A gateway that lets in the tokens of `accepted`; `status` is what it answers to these. */
async function openGateway(accepted: Set<string>, status: () => number = () => 200) {
  const { url, received } = await listen(({ headers }, response) => {
    const sent = headers['x-api-key'] ?? headers.authorization?.replace('Bearer ', '')
    const isIn = typeof sent === 'string' && accepted.has(sent)
    response.writeHead(isIn ? status() : 401).end(isIn ? 'an answer' : 'unknown token')
  })
  return {
    url,
    received,
    tokens: () => received.map(({ headers }) => headers['x-api-key'] ?? headers.authorization),
  }
}

describe('token', () => {
  it('asks once for all who ask at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 50 }), fc.boolean(), async (count, isUp) => {
        const { token, asked } = openSource([isUp ? document('a') : fails])
        const settled = await Promise.allSettled(Array.from({ length: count }, token))
        expect(new Set(settled.map(({ status }) => status)).size).toBe(1)
        expect(asked.map(({ refresh }) => refresh)).toEqual([false])
      }),
    )
  })

  it('keeps the token for its time, spread by a quarter either way', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3600 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        async (ttlSeconds, chance) => {
          vi.spyOn(Math, 'random').mockReturnValue(chance)
          const { token, asked } = openSource([document('a'), document('b')], { ttlSeconds })
          await token()
          const lifetime = ttlSeconds * (0.75 + chance / 2)
          await pass(lifetime - 0.01)
          expect(await token()).toBe('a')
          expect(asked).toHaveLength(1)
          await pass(0.02)
          expect(await token()).toBe('b')
        },
      ),
      { numRuns: 30 },
    )
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { token, asked } = openSource([document('a')])
    await token()
    await pass(29.9)
    await token()
    expect(asked).toHaveLength(1)
    await pass(0.2)
    await token()
    expect(asked).toHaveLength(2)
  })

  it('keeps nothing where the time is 0, and still gives what it was told', async () => {
    const { token, asked } = openSource([document('a'), document('b'), fails], {
      ttlSeconds: 0,
      maxStaleSeconds: 0,
    })
    expect([await token(), await token()]).toEqual(['a', 'b'])
    await expect(token()).rejects.toThrow('read() failed')
    expect(asked).toHaveLength(3)
  })

  it.each([
    ['fails', fails],
    ['names no token', document()],
    ['is not there', null],
  ])('gives the last good token while the source %s, for as long as that serves', async (_, answer) => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { token, answers, asked } = openSource([document('a'), answer], { maxStaleSeconds: 600 })
    await token()
    await pass(31)
    expect(await token()).toBe('a')
    await pass(598)
    expect(await token()).toBe('a')
    await pass(2)
    await expect(token()).rejects.toThrow(/read\(\) failed|names no token to use/)
    // Not with every call: 600 s of calls every 100 ms.
    expect(asked.length).toBeLessThan(10)
    answers.push(document('b'))
    answers.shift()
    await pass(5)
    expect(await token()).toBe('b')
  })

  it('leaves a source that fails alone for one to five seconds, and asks again for those who have nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (chance) => {
        vi.spyOn(Math, 'random').mockReturnValue(chance)
        const { token, asked } = openSource([document('a'), fails], { ttlSeconds: 1 })
        await token()
        await pass(2)
        await token()
        const pause = 1 + 4 * chance
        await pass(pause - 0.01)
        await token()
        expect(asked).toHaveLength(2)
        await pass(0.02)
        await token()
        expect(asked).toHaveLength(3)
      }),
      { numRuns: 20 },
    )
    const { token, asked } = openSource([fails, document('a')])
    await expect(token()).rejects.toThrow('read() failed')
    await pass(0.9)
    await expect(token()).rejects.toThrow('read() failed')
    expect(asked).toHaveLength(1)
    await pass(0.2)
    expect(await token()).toBe('a')
  })

  it('waits ten seconds for a source that does not answer, and tells it that nobody waits any more', async () => {
    const { token, asked } = openSource([hangs, document('a')])
    const outcome = token().catch((error: Error) => error.message)
    await pass(9.9)
    expect(asked[0]?.signal.aborted).toBe(false)
    await pass(0.2)
    expect(await outcome).toBe('Reading the token: there was no answer within 10 s')
    expect(asked[0]?.signal.aborted).toBe(true)
    await pass(1)
    expect(await token()).toBe('a')
  })

  it('waits two seconds where it has a token, once, and takes the answer when it comes', async () => {
    let answer = (_: TokenDocument): void => {}
    const late = new Promise<TokenDocument>((resolve) => {
      answer = resolve
    })
    const { token, asked } = openSource([document('a'), () => late], { ttlSeconds: 1 })
    await token()
    await pass(2)
    const done: string[] = []
    void token().then((given) => done.push(given))
    await pass(1.9)
    expect(done).toEqual([])
    await pass(0.2)
    expect(done).toEqual(['a'])
    const next = token()
    await pass(0.001)
    expect(await next).toBe('a')
    answer(document('b'))
    await pass(0)
    expect(await token()).toBe('b')
    expect(asked).toHaveLength(2)
  })

  it.each<[string, unknown[], string[]]>([
    ['only the pick', [{ ApiToken: 'a' }], ['a']],
    ['fields of its own', [{ ApiToken: 'a', ApiTokens: 'none', Stale: true }], ['a']],
    ['a pick that is not listed', [{ ApiToken: 'b', ApiTokens: ['a'] }], ['b']],
    [
      'no pick: the same token for as long as it is listed',
      [{ ApiTokens: ['b', 'a'] }, { ApiTokens: ['a', 'b'] }, { ApiTokens: ['a'] }],
      ['b', 'b', 'a'],
    ],
    ['tokens that are none', [{ ApiTokens: [null, '', 'two words', 7, 'ü', 'a'] }], ['a']],
  ])('reads a document with %s', async (_, documents, tokens) => {
    const { token } = openSource(documents, { ttlSeconds: 0 })
    for (const expected of tokens) expect(await token()).toBe(expected)
  })
})

describe('refresh', () => {
  it('asks at most once a second, however many ask', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 20 }),
        async (pauses) => {
          const times: number[] = []
          const { refresh } = openSource([
            () => {
              times.push(performance.now())
              return document('a')
            },
          ])
          for (const pause of pauses) {
            await Promise.all([refresh(), refresh()])
            await pass(pause / 1000)
          }
          const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0))
          expect(Math.min(1_000, ...gaps)).toBe(1_000)
        },
      ),
    )
  })

  it('asks past caches, and anew where an answer is on its way that may be from before', async () => {
    let answer = (_: TokenDocument): void => {}
    const first = new Promise<TokenDocument>((resolve) => {
      answer = resolve
    })
    const { token, refresh, asked } = openSource([() => first, document('new')])
    const old = token()
    const fresh = refresh()
    const meanwhile = token()
    answer(document('old'))
    expect(await fresh).toBe('new')
    expect(await meanwhile).toBe('new')
    expect(['old', 'new']).toContain(await old)
    expect(asked.map(({ refresh }) => refresh)).toEqual([false, true])
  })

  it('gives the last good token where the source fails, and the reason where there is none', async () => {
    const up = openSource([document('a'), fails])
    await up.token()
    expect(await up.refresh()).toBe('a')
    const down = openSource([fails])
    await expect(down.refresh()).rejects.toThrow('read() failed')
    await expect(down.refresh()).rejects.toThrow('read() failed')
    expect(down.asked).toHaveLength(1)
  })
})

describe('createTokenSource over HTTP', () => {
  const key = 'a-key-of-the-caller'

  it('sends the key, and what it knows by its ETag', async () => {
    const { url, received } = await listen(({ headers }, response) => {
      if (headers['if-none-match'] === '"1"') response.writeHead(304).end()
      else response.writeHead(200, { etag: '"1"' }).end(JSON.stringify(document('a', 'b')))
    })
    const { token, refresh } = createTokenSource({
      url: `${url}/tokens`,
      key,
      ttlSeconds: 0,
      maxStaleSeconds: 0,
    })
    expect([await token(), await token(), await refresh()]).toEqual(['a', 'a', 'a'])
    expect(received.map(({ method, path }) => `${method} ${path}`)).toEqual(Array(3).fill('GET /tokens'))
    expect(received.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill(`Bearer ${key}`))
    expect(received.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"1"', '"1"'])
    // The global fetch says no-cache by itself when a header makes a request conditional.
    expect(received[0]?.headers['cache-control']).toBeUndefined()
    expect(received[2]?.headers['cache-control']).toBe('no-cache')
  })

  it('asks past caches on refresh only', async () => {
    const { url, received } = await listen((_, response) => response.end(JSON.stringify({ ApiToken: 'a' })))
    const { token, refresh } = createTokenSource({ url: new URL(`${url}/token`), key, ttlSeconds: 0 })
    await token()
    await refresh()
    expect(received.map(({ headers }) => headers['cache-control'])).toEqual([undefined, 'no-cache'])
  })

  it.each<[string, (response: ServerResponse) => unknown, string]>([
    ['a refused key', (response) => response.writeHead(401).end('a-key-of-the-caller'), 'it answered 401'],
    ['304 to who knows nothing', (response) => response.writeHead(304).end(), 'it answered 304'],
    [
      'a redirect',
      (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
      'no answer could be had',
    ],
    ['a page', (response) => response.end('<p>a-token-in-the-page</p>'), 'the answer is not JSON'],
    ['half a document', (response) => response.end('{"ApiToken":"a-token-in-th'), 'the answer is not JSON'],
    ['no token', (response) => response.end('{"ApiToken":null}'), 'the answer names no token to use'],
    ['no answer', (response) => response.destroy(), 'no answer could be had'],
    [
      'half an answer',
      (response) => {
        response.writeHead(200, { 'content-length': 100 }).write('{"ApiToken":"a-token')
        setImmediate(() => response.destroy())
      },
      'no answer could be had',
    ],
  ])('says what is wrong with %s, and nothing that is secret', async (_, answer, reason) => {
    const { url, received } = await listen(({ path }, response) =>
      path === '/elsewhere' ? response.end('{"ApiToken":"stolen"}') : answer(response),
    )
    const { token } = createTokenSource({ url: `${url}/tokens?x=a-key-in-the-query`, key })
    const error: Error = await token().then(
      () => expect.fail('there is no token'),
      (thrown) => thrown,
    )
    expect(error.message).toContain(`Asking ${url}/tokens for the token: ${reason}`)
    expect(inspect(error, { depth: 9 })).not.toMatch(/a-key|a-token/)
    expect(received).toHaveLength(1)
  })

  it('says why there is no connection', async () => {
    const { token } = createTokenSource({ url: 'http://127.0.0.1:9/token', key })
    await expect(token()).rejects.toThrow(
      /^Asking http:\/\/127\.0\.0\.1:9\/token for the token: no answer could be had \(\w+\)$/,
    )
    const refusing = createTokenSource({
      url: 'http://127.0.0.1/token',
      key,
      fetch: () => Promise.reject(new TypeError('x', { cause: { code: 'ECONNREFUSED' } })),
    })
    await expect(refusing.token()).rejects.toThrow('(ECONNREFUSED)')
  })

  it('leaves a source alone for as long as that asks for', async () => {
    const { url, received } = await listen((_, response) =>
      response.writeHead(503, { 'retry-after': '7' }).end(),
    )
    const { token } = createTokenSource({ url, key })
    for (const [seconds, asked] of [
      [0, 1],
      [6.9, 1],
      [0.2, 2],
    ] as const) {
      await pass(seconds)
      await expect(token()).rejects.toThrow('it answered 503')
      expect(received).toHaveLength(asked)
    }
  })

  it('asks by the fetch that it is given', async () => {
    const asked: unknown[] = []
    const { token } = createTokenSource({
      url: 'https://tokens.example/token',
      key,
      fetch: async (input, init) => {
        asked.push([String(input), new Headers(init?.headers).get('authorization')])
        return Response.json({ ApiToken: 'a' })
      },
    })
    expect(await token()).toBe('a')
    expect(asked).toEqual([['https://tokens.example/token', `Bearer ${key}`]])
  })

  it.each<[string, Record<string, unknown>]>([
    ['no address', { url: 'a-secret', key }],
    ['an address of another kind', { url: 'file:///a-secret', key }],
    ['a user name', { url: 'https://a-secret:a-secret@host/token', key }],
    ['nothing', {}],
    ['no key', { url: 'https://host/token' }],
    ['a key with a line break', { url: 'https://host/token', key: 'a-secret\n' }],
    ['a read that is no function', { read: 'a-secret' }],
    ['a time that is none', { url: 'https://host/token', key, ttlSeconds: '30' }],
    ['a time before now', { url: 'https://host/token', key, maxStaleSeconds: -1 }],
  ])('refuses %s without repeating it', (_, options) => {
    let thrown: unknown
    try {
      createTokenSource(options as never)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(TypeError)
    expect((thrown as Error).message).toMatch(
      /^createTokenSource: "(url|key|read|ttlSeconds|maxStaleSeconds)" must be/,
    )
    expect(inspect(thrown, { depth: 9 })).not.toContain('a-secret')
  })
})

describe('errors of a source', () => {
  it('hold nothing of what was read, whatever that is', async () => {
    const secret = 'a-secret-of-32-characters-indeed'
    const spoilt = fc.oneof(
      fc.json().map((json) => ({ ApiToken: `${secret} ${json}` })),
      fc.constantFrom<unknown>(secret, [secret], { ApiToken: [secret] }, { ApiTokens: secret }),
      fc.constantFrom<unknown>({ ApiToken: `${secret}\n` }, { ApiToken: `ü${secret}` }, { Token: secret }),
    )
    await fc.assert(
      fc.asyncProperty(spoilt, fc.boolean(), async (value, isThrown) => {
        const { token, refresh } = openSource([
          () => {
            if (!isThrown) return value
            const cause = new Error(JSON.stringify(value))
            throw Object.assign(new Error(`no JSON: ${secret}`, { cause }), { name: secret, code: secret })
          },
        ])
        for (const ask of [token, refresh]) {
          const error: unknown = await ask().then(
            () => expect.fail('there is no token'),
            (thrown) => thrown,
          )
          expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(secret.slice(0, 8))
        }
      }),
    )
  })

  it('say the code or the name of what read() threw', async () => {
    const { token } = openSource([
      () => {
        throw Object.assign(new Error('of somebody'), { name: 'AccessDeniedException' })
      },
    ])
    await expect(token()).rejects.toThrow('Reading the token: read() failed (AccessDeniedException)')
  })
})

describe('withToken', () => {
  it.each<[string, (url: string) => [Target, RequestInit?], Partial<Received>]>([
    ['nothing', (url) => [url], { method: 'GET', headers: { authorization: 'Bearer a' } }],
    ['a URL', (url) => [new URL(url)], { headers: { authorization: 'Bearer a' } }],
    [
      'a header of another token',
      (url) => [url, { headers: { Authorization: 'Bearer old', 'X-Other': '1' } }],
      { headers: { authorization: 'Bearer a', 'x-other': '1' } },
    ],
    [
      'x-api-key as pairs',
      (url) => [url, { headers: [['X-Api-Key', 'old']] }],
      { headers: { 'x-api-key': 'a' } },
    ],
    [
      'Headers with both',
      (url) => [url, { headers: new Headers({ 'x-api-key': 'old', authorization: 'Bearer old' }) }],
      { headers: { 'x-api-key': 'a', authorization: 'Bearer a' } },
    ],
    [
      'x-api-key beside what is for somebody else',
      (url) => [url, { headers: { 'x-api-key': 'old', authorization: 'Basic eDp5' } }],
      { headers: { 'x-api-key': 'a', authorization: 'Basic eDp5' } },
    ],
    [
      'a Request',
      (url) => [new Request(url, { method: 'POST', body: 'text', headers: { 'x-api-key': 'old' } })],
      { method: 'POST', body: 'text', headers: { 'x-api-key': 'a' } },
    ],
    [
      'a Request and more',
      (url) => [
        new Request(url, { method: 'POST', body: 'text', headers: { 'x-api-key': 'old' } }),
        { body: 'other', headers: { 'x-other': '1' } },
      ],
      { method: 'POST', body: 'other', headers: { authorization: 'Bearer a', 'x-other': '1' } },
    ],
  ])('sends the token in the place of %s', async (_, given, expected) => {
    const { url, received } = await openGateway(new Set(['a']))
    const { withToken } = openSource([document('a')])
    const answer = await withToken()(...given(`${url}/v1`))
    expect([answer.status, await answer.text()]).toEqual([200, 'an answer'])
    const { headers = {}, ...request } = received[0] ?? {}
    const { headers: expectedHeaders, ...others } = expected
    expect(request).toMatchObject(others)
    const own = Object.entries(headers).filter(([name]) => /^(authorization|x-api-key|x-other)$/.test(name))
    expect(Object.fromEntries(own)).toEqual(expectedHeaders)
  })

  it('asks anew once after a 401, and repeats once with the new pick', async () => {
    const { url, tokens } = await openGateway(new Set(['new']))
    const { withToken, asked } = openSource([document('old'), document('new', 'old')])
    const answer = await withToken(fetch)(url, { method: 'POST', body: 'text' })
    expect(answer.status).toBe(200)
    expect(tokens()).toEqual(['Bearer old', 'Bearer new'])
    expect(asked.map(({ refresh }) => refresh)).toEqual([false, true])
  })

  it('takes another token where the pick stays, and remembers that', async () => {
    const { url, tokens } = await openGateway(new Set(['other']))
    const { withToken, token, asked } = openSource([document('dead', 'gone', 'other')])
    const ask = withToken()
    // Two are dead, and one repetition is all there is.
    expect((await ask(url)).status).toBe(401)
    expect((await ask(url)).status).toBe(200)
    expect((await ask(url)).status).toBe(200)
    expect(await token()).toBe('other')
    expect(tokens()).toEqual(['Bearer dead', 'Bearer gone', 'Bearer other', 'Bearer other'])
    expect(asked).toHaveLength(2)
    // The pick may have been too new, the others were not.
    await pass(301)
    expect((await ask(url)).status).toBe(200)
    expect(tokens().slice(4)).toEqual(['Bearer dead', 'Bearer other'])
  })

  it('goes back to a pick that the gateway did not know yet', async () => {
    const accepted = new Set(['old'])
    const { url, tokens } = await openGateway(accepted)
    const { withToken, token, answers } = openSource([document('new', 'old')])
    const ask = withToken()
    expect((await ask(url)).status).toBe(200)
    accepted.add('new')
    accepted.delete('old')
    expect((await ask(url)).status).toBe(200)
    expect((await ask(url)).status).toBe(200)
    expect(tokens()).toEqual(['new', 'old', 'old', 'new', 'new'].map((token) => `Bearer ${token}`))
    // It works, so one that is newer still does not come before it.
    answers.splice(0, 1, document('new', 'young'))
    await pass(60)
    expect(await token()).toBe('new')
  })

  it('asks anew where the pick was refused before', async () => {
    const accepted = new Set(['old'])
    const { url, tokens } = await openGateway(accepted)
    const { withToken } = openSource([document('new', 'old'), document('new', 'old'), document('third')])
    const ask = withToken()
    await ask(url)
    await pass(2)
    accepted.clear()
    accepted.add('third')
    expect((await ask(url)).status).toBe(200)
    expect(tokens()).toEqual(['new', 'old', 'old', 'third'].map((token) => `Bearer ${token}`))
  })

  it('asks no more for a refusal that comes late', async () => {
    let refuse = (): void => {}
    const late = new Promise<void>((resolve) => {
      refuse = resolve
    })
    const { withToken, asked } = openSource([document('old'), document('new')], { ttlSeconds: 600 })
    const ask = withToken(async (input, init) => {
      const token = new Headers(init?.headers).get('authorization')
      if (input === 'http://late/' && token === 'Bearer old') await late
      return new Response(null, { status: token === 'Bearer new' ? 200 : 401 })
    })
    const slow = ask('http://late/')
    expect((await ask('http://soon/')).status).toBe(200)
    await pass(5)
    refuse()
    expect((await slow).status).toBe(200)
    expect(asked).toHaveLength(2)
  })

  it.each([
    ['two seconds, where there is another token', document('dead', 'other'), 2, 200],
    ['as long as it takes, where there is none', document('dead'), 10, 401],
  ])('waits for the source %s', async (_, known, seconds, status) => {
    const { withToken, asked } = openSource([known, hangs])
    const ask = withToken(async (_, init) => {
      const isDead = new Headers(init?.headers).get('authorization') === 'Bearer dead'
      return new Response(null, { status: isDead ? 401 : 200 })
    })
    const done: number[] = []
    void ask('http://gateway/').then((answer) => done.push(answer.status))
    await until(() => asked.length === 2)
    await pass(seconds - 0.1)
    expect(done).toEqual([])
    await pass(0.2)
    expect(done).toEqual([status])
  })

  it.each([400, 403, 404, 429, 500, 503])('returns %d as it is', async (status) => {
    const { url, received } = await openGateway(new Set(['a']), () => status)
    const { withToken, asked } = openSource([document('a', 'b')])
    const answer = await withToken()(url)
    expect([answer.status, await answer.text()]).toEqual([status, 'an answer'])
    expect(received).toHaveLength(1)
    expect(asked).toHaveLength(1)
  })

  it.each([
    ['the source has no other', [document('a')]],
    ['the source fails', [document('a'), fails]],
  ])('returns the 401, whole, where %s', async (_, answers) => {
    const { url, received } = await openGateway(new Set())
    const { withToken } = openSource(answers)
    const answer = await withToken()(url, { method: 'POST', body: 'text' })
    expect([answer.status, await answer.text()]).toEqual([401, 'unknown token'])
    expect(received).toHaveLength(1)
  })

  it('returns the second 401', async () => {
    const { url, received } = await openGateway(new Set())
    const { withToken, asked } = openSource([document('a', 'b')])
    const answer = await withToken()(url)
    expect([answer.status, await answer.text()]).toEqual([401, 'unknown token'])
    expect(received).toHaveLength(2)
    expect(asked).toHaveLength(2)
  })

  it('asks the source once for all whose token was refused', async () => {
    const { url, tokens } = await openGateway(new Set(['new']))
    const { withToken, token, asked } = openSource([document('old'), document('new')])
    await token()
    const ask = withToken()
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(url)))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(asked).toHaveLength(2)
    expect(tokens().filter((sent) => sent === 'Bearer old').length).toBeLessThanOrEqual(20)
    expect(tokens()).toHaveLength(tokens().filter((sent) => sent === 'Bearer old').length + 20)
  })

  const form = (): FormData => {
    const data = new FormData()
    data.append('name', 'value')
    return data
  }
  it.each<[string, (url: string) => [Target, RequestInit?]]>([
    ['a text', (url) => [url, { method: 'POST', body: 'the body' }]],
    ['bytes', (url) => [url, { method: 'POST', body: Buffer.from('the body') }]],
    ['a buffer', (url) => [url, { method: 'POST', body: new TextEncoder().encode('the body').buffer }]],
    ['a Blob', (url) => [url, { method: 'POST', body: new Blob(['the body']) }]],
    ['parameters', (url) => [url, { method: 'POST', body: new URLSearchParams({ the: 'body' }) }]],
    ['a form', (url) => [url, { method: 'POST', body: form() }]],
    ['a Request', (url) => [new Request(url, { method: 'POST', body: 'the body' })]],
    ['a Request without one', (url) => [new Request(url)]],
    ['nothing', (url) => [url, { method: 'DELETE', body: null }]],
  ])('sends %s twice', async (_, given) => {
    const { url, received } = await openGateway(new Set(['b']))
    const { withToken } = openSource([document('a', 'b')])
    expect((await withToken()(...given(url))).status).toBe(200)
    const [first, second] = received.map(({ body }) => body.replaceAll(/-+formdata-undici-\d+/g, 'boundary'))
    expect(second).toBe(first)
    expect(received).toHaveLength(2)
  })

  it.each<[string, () => RequestInit['body']]>([
    ['a stream', () => new Blob(['the body']).stream()],
    ['a stream of Node', () => Readable.from(['the ', 'body']) as never],
    [
      'a generator',
      async function* () {
        yield Buffer.from('the body')
      } as never,
    ],
  ])('sends %s once, and knows better the next time', async (_, make) => {
    const { url, received } = await openGateway(new Set(['b']))
    const { withToken, asked } = openSource([document('a', 'b')])
    const ask = (): Promise<Response> =>
      withToken()(url, { method: 'POST', body: make(), duplex: 'half' } as RequestInit)
    const answer = await ask()
    expect([answer.status, await answer.text()]).toEqual([401, 'unknown token'])
    expect(asked.map(({ refresh }) => refresh)).toEqual([false, true])
    expect((await ask()).status).toBe(200)
    expect(received.map(({ body }) => body)).toEqual(['the body', 'the body'])
  })

  it('passes on what fetch throws, and lets go of the body', async () => {
    const { withToken } = openSource([document('a')])
    const request = new Request('http://127.0.0.1:9/', { method: 'POST', body: 'text' })
    const ask = withToken(() => Promise.reject(new TypeError('fetch failed')))
    await expect(ask(request)).rejects.toThrow('fetch failed')
    expect(request.bodyUsed).toBe(true)
  })

  it.each(['of the options', 'of the request'])('ends by the signal %s, wherever it waits', async (place) => {
    const { url } = await openGateway(new Set())
    const given = (signal: AbortSignal): [Target, RequestInit?] =>
      place === 'of the request' ? [new Request(url, { signal })] : [url, { signal }]
    const waitingForToken = openSource([hangs])
    const first = new AbortController()
    const asking = waitingForToken.withToken()(...given(first.signal))
    first.abort(new Error('enough'))
    await expect(asking).rejects.toThrow('enough')

    const waitingForAnother = openSource([document('a'), hangs])
    const second = new AbortController()
    const repeating = waitingForAnother.withToken()(...given(second.signal))
    await until(() => waitingForAnother.asked.length === 2)
    second.abort(new Error('enough'))
    await expect(repeating).rejects.toThrow('enough')
    const sent = vi.fn(fetch)
    await expect(openSource([document('a')]).withToken(sent)(...given(AbortSignal.abort()))).rejects.toThrow(
      'abort',
    )
    expect(sent).not.toHaveBeenCalled()
  })

  it('carries the token to no other place', async () => {
    const elsewhere = await openGateway(new Set(['a']))
    const { url } = await listen((_, response) => response.writeHead(307, { location: elsewhere.url }).end())
    const { withToken } = openSource([document('a')])
    const headers = { 'x-api-key': '' }
    await expect(withToken()(url, { headers })).rejects.toThrow('fetch failed')
    expect(elsewhere.received).toEqual([])
    const answer = await withToken()(url, { headers, redirect: 'manual' })
    expect(answer.status).toBe(307)
  })

  it('gets through whenever the token to use is good, with two tries at most', async () => {
    const names = ['a', 'b', 'c', 'd']
    const step = fc.record({
      list: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 2 }),
      accepted: fc.uniqueArray(fc.constantFrom(...names)),
      isUp: fc.boolean(),
      seconds: fc.integer({ min: 1, max: 400 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        let current = document('a')
        let isUp = true
        let accepted = new Set(['a'])
        const sent: string[] = []
        const { withToken, asked } = openSource([() => (isUp ? current : fails())])
        const ask = withToken(async (_, init) => {
          const token = new Headers(init?.headers).get('authorization')?.replace('Bearer ', '') ?? ''
          sent.push(token)
          return new Response(null, { status: accepted.has(token) ? 200 : 401 })
        })
        await ask('http://gateway/')
        for (const next of steps) {
          isUp = next.isUp
          if (isUp) current = document(...next.list)
          accepted = new Set(next.accepted)
          await pass(next.seconds)
          sent.length = 0
          const before = asked.length
          const { status } = await ask('http://gateway/')
          expect(asked.length - before).toBeLessThanOrEqual(2)
          expect(sent.length).toBeLessThanOrEqual(2)
          expect(new Set(sent).size).toBe(sent.length)
          if (isUp && accepted.has(current.ApiToken ?? '')) expect(status).toBe(200)
          if (status === 401 && isUp)
            for (const token of current.ApiTokens ?? []) if (accepted.has(token)) expect(sent).toHaveLength(2)
        }
      }),
      { numRuns: 300 },
    )
  })
})

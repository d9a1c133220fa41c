/** `web.js` in a process of its own, as a web function of SCF and as a container, against the simulator. */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, type IncomingMessage, request as openRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { fingerprint } from '../../lib/digest.ts'
import { routes } from '../../lib/endpoint/routes.ts'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { mirrored } from '../support/documents.ts'
import { expectConforming } from '../support/openapi.ts'
import { sha256 } from '../support/sha256.ts'
import { shareSimulator } from '../support/shared-simulator.ts'
import {
  spawnWeb,
  startWeb,
  type WebAnswer,
  type WebOptions,
  type WebProcess,
  webPath,
} from '../support/web-process.ts'

const subAppId = 251006666
const simulator = await shareSimulator({
  applications: [{ subAppId, tokens: ['CANARY-token-1', 'CANARY-token-2'] }],
  lagMs: 0,
})
/** Another account, with the same id for an application of its own. */
let stranger: TencentSimulator
/** Both accounts at one address, as Tencent has it: who signed decides. */
let tencent: Server

const key = 'CANARY-api-key'
const bearer = { authorization: `Bearer ${key}` }
const masked = 'CANARY-masked-key'
const wrong = 'CANARY-wrong-key'
const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

let running: WebProcess[] = []
afterEach(async () => {
  await Promise.all(running.map((one) => one.kill()))
  running = []
})

beforeAll(async () => {
  stranger = await startTencentSimulator({
    applications: [{ subAppId, tokens: ['CANARY-stranger-token'] }],
    lagMs: 0,
  })
  // Both simulators begin with the same key.
  stranger.keys.clear()
  tencent = createServer((incoming, response) => {
    const [, secretId = ''] = /Credential=([^/]+)/.exec(incoming.headers.authorization ?? '') ?? []
    const { port } = stranger.keys.has(secretId) ? stranger : simulator
    const { method, url, headers } = incoming
    const outgoing = openRequest({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(response)
    })
    outgoing.on('error', () => response.destroy())
    incoming.pipe(outgoing)
  }).listen(0, '127.0.0.1')
  await once(tencent, 'listening')
})
afterAll(async () => {
  tencent.closeAllConnections()
  tencent.close()
  await stranger.close()
})

const settings = (): Record<string, string> => ({
  AIGC_VOD_ENDPOINT: `http://127.0.0.1:${(tencent.address() as AddressInfo).port}`,
  AIGC_SUB_APP_IDS: `${subAppId}`,
  AIGC_HTTP_AUTH: 'keys',
  AIGC_API_KEYS: `app:full:${sha256(key)},watch:masked:${sha256(masked)}`,
})
const fixed = (): Record<string, string> => ({
  ...settings(),
  AIGC_SECRET_ID: simulator.secretId,
  AIGC_SECRET_KEY: simulator.secretKey,
})

async function start(environment = fixed(), options: WebOptions = {}): Promise<WebProcess> {
  const web = await startWeb(environment, options)
  running.push(web)
  return web
}

const tokensIn = ({ body }: WebAnswer): string[] => JSON.parse(body).ApiTokens?.sort()
const codeOf = ({ status, body }: WebAnswer): [number, string] => [status, JSON.parse(body).code]
/** Who signed the lists that were asked for, oldest first, and what came of it. */
const signers = (): string[] => simulator.calls.map(({ secretId, outcome }) => `${secretId} ${outcome}`)
const requestTo = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n${more}\r\n`
/** Waits until Tencent is asked. */
async function untilAsked(times = 1): Promise<void> {
  while (simulator.calls.length < times) await new Promise((resolve) => setTimeout(resolve, 10))
}
const statusesIn = (text: string): string[] =>
  text.match(/HTTP\/1\.1 \d+/g)?.map((line) => line.slice(9)) ?? []

describe('web.js', () => {
  it('answers every route as docs/openapi.yaml has it, with GET and HEAD', async () => {
    const web = await start()
    for (const { path, view } of routes) {
      const at = path.replace('{SubAppId}', `${subAppId}`)
      const get = await web.ask(at, bearer)
      expectConforming(path, 'GET', get)
      expect(get.status, path).toBe(200)
      expect(get.headers['content-length']).toBe(`${Buffer.byteLength(get.body)}`)
      expect(get.body.includes('CANARY-token-1')).toBe(view === 'tokens' || view === 'token')
      if (view === 'fingerprints') expect(get.body).toContain(fingerprint('CANARY-token-1'))
      const head = await web.ask(at, bearer, { method: 'HEAD' })
      expect([head.status, head.body, head.headers['etag']]).toEqual([200, '', get.headers['etag']])
    }
    expect(simulator.calls).toHaveLength(1)
  })

  it.each([
    ['GET', '/tokens', {}, 401],
    ['GET', '/tokens', { authorization: `Bearer ${wrong}` }, 401],
    ['GET', '/tokens', { authorization: [`Bearer ${key}`, `Bearer ${wrong}`] }, 401],
    ['GET', '/tokens', { authorization: `Bearer ${masked}` }, 403],
    ['GET', '/nothing', bearer, 404],
    ['GET', '/sub-apps/1/tokens', bearer, 404],
    ['GET', '/tokens?x=1', bearer, 400],
    ['POST', '/tokens', bearer, 405],
    ['OPTIONS', '*', bearer, 400],
    ['GET', 'http://elsewhere.example/healthz', {}, 200],
    ['GET', '/healthz', { upgrade: 'websocket', connection: 'upgrade' }, 200],
    // Older Nodes' own view of headers by name throws for these.
    ['GET', '/healthz', { ['__proto__']: 'x', constructor: 'y' }, 200],
  ] as [string, string, Record<string, string | string[]>, number][])(
    'answers %s %s with %o: %d, and logs one line',
    async (method, path, headers, status) => {
      const web = await start()
      const answer = await web.ask(path, headers, { method })
      expect(answer.status).toBe(status)
      if (status !== 200) {
        expectConforming(null, method, answer)
        expect(JSON.parse(answer.body)).toMatchObject({ status })
      }
      if (status === 405) expect(answer.headers['allow']).toBe('GET, HEAD')
      await web.until(() => web.log().length > 0)
      expect(web.log()).toMatchObject([
        { status, trigger: 'web', invocation: answer.headers['x-request-id'] },
      ])
      expect(answer.headers['x-request-id']).toMatch(uuid)
      expect(simulator.calls).toHaveLength(0)
    },
  )

  it('says 304 without a body to who knows the list', async () => {
    const web = await start()
    const { etag = '' } = (await web.ask('/tokens', bearer)).headers
    const answer = await web.ask('/tokens', { ...bearer, 'if-none-match': etag })
    expect([answer.status, answer.body, answer.headers['content-length']]).toEqual([304, '', undefined])
  })

  it('takes no word of a client for that of a platform', async () => {
    const web = await start({ ...fixed(), AIGC_HTTP_AUTH: 'platform', TENCENTCLOUD_RUNENV: 'other' })
    const sent = { 'x-scf-request-id': '5a6f7a9e-64a3-4e83-9d3c-0b6a0d1f6b52', ...bearer }
    const answer = await web.ask('/tokens', sent)
    expect(answer.status).toBe(401)
    expect(answer.headers['x-request-id']).not.toBe(sent['x-scf-request-id'])
  })

  it('starts with wrong settings, says so, answers /healthz, and 500 elsewhere', async () => {
    const web = await start({ ...fixed(), AIGC_CACHE_SECONDS: 'CANARY-x' })
    expect(web.output()).toMatch(/"level":"error","event":"listening".*ConfigInvalid.*AIGC_CACHE_SECONDS/)
    expect((await web.ask('/healthz')).status).toBe(200)
    expect(codeOf(await web.ask('/tokens', bearer))).toEqual([500, 'ConfigInvalid'])
    expect(web.output()).not.toContain('CANARY')
  })

  it.each([
    ['a port that is taken', () => `${(tencent.address() as AddressInfo).port}`, 'EADDRINUSE'],
    ['a port that is none', () => '65536', 'PORT must be a whole number from 0 to 65535'],
  ])('ends with exit code 1 and one line for %s', async (_, port, reason) => {
    const web = spawnWeb({ ...fixed(), PORT: port() })
    expect(await web.ended).toEqual([1, null])
    const [line = '', ...more] = web.output().trimEnd().split('\n')
    expect(more).toEqual([])
    expect(JSON.parse(line)).toMatchObject({ level: 'error', event: 'listening' })
    expect(line).toContain(reason)
  })
})

describe('web.js, under odd requests', () => {
  /** That it goes on as if nothing had been. */
  async function expectWell(web: WebProcess): Promise<void> {
    expect((await web.ask('/tokens', bearer)).status).toBe(200)
    expect(web.child.exitCode).toBeNull()
  }

  it('answers 1,000 at once, with one call to Tencent', async () => {
    const web = await start()
    const agent = new Agent({ keepAlive: true, maxSockets: 200 })
    onTestFinished(() => agent.destroy())
    const ask = async (): Promise<number> => {
      const request = openRequest({
        host: '127.0.0.1',
        port: web.port,
        path: '/tokens',
        headers: bearer,
        agent,
      })
      const [answer] = (await once(request.end(), 'response')) as [IncomingMessage]
      await answer.toArray()
      return answer.statusCode ?? 0
    }
    const statuses = await Promise.all(Array.from({ length: 1_000 }, ask))
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(simulator.calls).toHaveLength(1)
    await web.until(() => web.log().length >= 1_000)
    expect(new Set(web.log().map(({ invocation }) => invocation)).size).toBe(1_000)
  })

  it('answers requests that are sent without waiting, in their order', async () => {
    const web = await start()
    simulator.fail({ kind: 'slow', ms: 300 })
    const last = requestTo('/nothing', 'Connection: close\r\n')
    const text = await web.exchange(
      requestTo('/tokens') + requestTo('/healthz') + requestTo('/tokens') + last,
    )
    expect(statusesIn(text)).toEqual(['200', '200', '200', '404'])
  })

  it('reads no body: a small one is passed over, and the connection goes on', async () => {
    const web = await start()
    const body = 'GET /nothing HTTP/1.1\r\n\r\n'
    const text = await web.exchange(
      `${requestTo('/healthz', `Content-Length: ${body.length}\r\n`)}${body}` +
        `${requestTo('/healthz', 'Transfer-Encoding: chunked\r\n')}3\r\nabc\r\n0\r\n\r\n` +
        requestTo('/healthz', 'Connection: close\r\n'),
    )
    expect(statusesIn(text)).toEqual(['200', '200', '200'])
  })

  it('ends the connection of one whose body does not end', async () => {
    const web = await start()
    const socket = web.open()
    socket.write(requestTo('/healthz', 'Transfer-Encoding: chunked\r\n'))
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
    const flood = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.on('drain', flood).resume()
    flood()
    await new Promise((resolve) => socket.once('close', resolve))
    // What was read, and what the system held of it on both sides.
    expect(socket.bytesWritten).toBeLessThan(64_000_000)
    await expectWell(web)
  })

  it('answers who waits for leave to send a body, and gives none', async () => {
    const web = await start()
    const text = await web.exchange(requestTo('/healthz', 'Content-Length: 5\r\nExpect: 100-continue\r\n'))
    expect(statusesIn(text)).toEqual(['200'])
  })

  it.each([
    ['headers that are too large', requestTo('/healthz', `X-Large: ${'x'.repeat(20_000)}\r\n`), '431'],
    ['a path that is too long', requestTo(`/${'x'.repeat(20_000)}`), '431'],
    ['what is no HTTP', 'nonsense\r\n\r\n', '400'],
    ['CONNECT', 'CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\n\r\n', '405'],
    [
      'a target without a path',
      'GET elsewhere.example:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      '400',
    ],
  ])('answers %s', async (_, bytes, status) => {
    const web = await start()
    expect(statusesIn(await web.exchange(bytes))).toEqual([status])
    await expectWell(web)
  })

  it('cuts off headers that do not end', async () => {
    const web = await start()
    expect(statusesIn(await web.exchange('GET /tokens HTTP/1.1\r\nHost: x\r\n'))).toEqual(['408'])
    await expectWell(web)
  })

  it('lets go of a request whose client went away', async () => {
    const web = await start()
    simulator.fail({ kind: 'slow', ms: 500 })
    const socket = web.open()
    socket.write(requestTo('/tokens'))
    await untilAsked()
    socket.destroy()
    await web.until(() => web.log().length > 0)
    await expectWell(web)
    web.child.kill('SIGTERM')
    expect(await web.ended).toEqual([0, null])
  })
})

describe('web.js, told to end', () => {
  async function untilRefused(web: WebProcess): Promise<void> {
    try {
      while (true) await web.ask('/healthz')
    } catch {
      // It listens no more.
    }
  }

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s answers the request under way, takes no other, and ends with exit code 0',
    async (signal) => {
      const web = await start()
      // One that is idle, one that has sent nothing, and one that has sent half of a request.
      const idle = web.open()
      idle.write(requestTo('/healthz'))
      await once(idle.setEncoding('utf8'), 'data')
      web.open()
      web.open().write('GET /tokens HTTP/1.1\r\n')
      simulator.fail({ kind: 'slow', ms: 1_500 })
      const answer = web.exchange(requestTo('/tokens'))
      await untilAsked()
      web.child.kill(signal)
      await untilRefused(web)
      expect(await answer).toMatch(/^HTTP\/1\.1 200 .*"ApiTokens":\["CANARY-token-\d","CANARY-token-\d"\]/s)
      // So that no client sends its next request into a connection that ends.
      expect(await answer).toMatch(/^connection: close\r$/im)
      expect(await web.ended).toEqual([0, null])
      expect(web.log().filter(({ route }) => route === '/tokens')).toMatchObject([{ status: 200 }])
    },
  )

  it('twice ends at once', async () => {
    const web = await start()
    simulator.fail({ kind: 'slow', ms: 60_000 })
    const answer = web.exchange(requestTo('/tokens'))
    await untilAsked()
    web.child.kill('SIGTERM')
    await untilRefused(web)
    web.child.kill('SIGTERM')
    expect(await web.ended).toEqual([1, null])
    expect(await answer).toBe('')
  })
})

describe('web.js on SCF', () => {
  /** Temporary keys, as SCF sends them with requests. */
  const headersOf = (name: string): Record<string, string> => ({
    'X-Scf-Secret-Id': `CANARY-id-${name}`,
    'X-Scf-Secret-Key': `CANARY-key-${name}`,
    'X-Scf-Session-Token': `CANARY-session-${name}`,
  })
  const lend = ({ keys }: TencentSimulator, name: string): Record<string, string> => {
    keys.set(`CANARY-id-${name}`, { secretKey: `CANARY-key-${name}`, token: `CANARY-session-${name}` })
    return headersOf(name)
  }
  let role: Record<string, string>
  let other: Record<string, string>
  let foreign: Record<string, string>
  beforeAll(() => {
    role = lend(simulator, 'one')
    other = lend(simulator, 'two')
    foreign = lend(stranger, 'stranger')
  })
  const onScf = (changes: Record<string, string> = {}, options: WebOptions = {}): Promise<WebProcess> =>
    start({ ...settings(), AIGC_LOG_LEVEL: 'debug', ...changes }, { scf: true, ...options })
  const own = ['CANARY-token-1', 'CANARY-token-2']
  const signedBy = (name: string, outcome = 'ok'): string => `CANARY-id-${name} ${outcome}`

  it('listens on port 9000 of all addresses, whatever PORT and HOST say', async () => {
    const web = await onScf({ PORT: '80', HOST: '127.0.0.1' })
    expect(web.output()).toContain('asked to listen: {"port":9000,"host":"0.0.0.0"}')
  })

  it('signs with the keys of the request, and has the platform’s request id', async () => {
    const web = await onScf()
    const id = '5a6f7a9e-64a3-4e83-9d3c-0b6a0d1f6b52'
    const answer = await web.ask('/tokens', { ...bearer, ...role, 'X-Scf-Request-Id': id })
    expect(tokensIn(answer)).toEqual(own)
    expect(signers()).toEqual([signedBy('one')])
    expect(answer.headers['x-request-id']).toBe(id)
    await web.until(() => web.log().length > 0)
    expect(web.log()).toMatchObject([{ trigger: 'scf-web', invocation: id, status: 200 }])
  })

  it('keeps a list for those who bring the same keys', async () => {
    const web = await onScf()
    await Promise.all([1, 2, 3].map(() => web.ask('/tokens', { ...bearer, ...role })))
    await web.ask('/tokens', { ...bearer, ...role })
    expect(signers()).toEqual([signedBy('one')])
  })

  it('signs each of two requests at the same time with its own keys', async () => {
    const web = await onScf()
    simulator.fail({ kind: 'slow', ms: 300 }, 2)
    const answers = await Promise.all([role, other].map((keys) => web.ask('/tokens', { ...bearer, ...keys })))
    for (const answer of answers) expect(tokensIn(answer)).toEqual(own)
    expect(signers().sort()).toEqual([signedBy('one'), signedBy('two')])
  })

  it('asks anew once the run role has changed, and shows nothing of the account before', async () => {
    const web = await onScf()
    expect(tokensIn(await web.ask('/tokens', { ...bearer, ...role }))).toEqual(own)
    expect(tokensIn(await web.ask('/tokens', { ...bearer, ...foreign }))).toEqual(['CANARY-stranger-token'])
    // Nor as an old list while the new account cannot be asked.
    const third = lend(stranger, 'three')
    stranger.fail({ kind: 'error', code: 'InternalError' }, Number.POSITIVE_INFINITY)
    onTestFinished(() => stranger.clearFaults())
    const failed = await web.ask('/tokens', { ...bearer, ...third })
    expect(codeOf(failed)).toEqual([502, 'InternalError'])
  })

  it('gives a client with keys of another account its own tokens, and leaves nothing of them to others', async () => {
    const web = await onScf({ AIGC_CACHE_SECONDS: '0' })
    simulator.fail({ kind: 'slow', ms: 300 })
    const [forged, good] = await Promise.all([
      web.ask('/tokens', { ...bearer, ...foreign }),
      web.ask('/tokens', { ...bearer, ...role }),
    ])
    expect([tokensIn(forged), tokensIn(good)]).toEqual([['CANARY-stranger-token'], own])
    // Neither a fresh list nor an old one.
    simulator.fail({ kind: 'error', code: 'InternalError' }, Number.POSITIVE_INFINITY)
    const stale = await web.ask('/tokens', { ...bearer, ...role })
    expect([tokensIn(stale), JSON.parse(stale.body).Stale]).toEqual([own, true])
  })

  it.each([
    [
      'a key that does not belong to it',
      { 'X-Scf-Secret-Key': 'CANARY-key-forged' },
      'AuthFailure.SignatureFailure',
    ],
    [
      'a token that does not belong to it',
      { 'X-Scf-Session-Token': 'CANARY-forged' },
      'AuthFailure.TokenFailure',
    ],
  ])('shows nothing to who knows an id only, with %s, and fails nobody else', async (_, forgery, code) => {
    const web = await onScf()
    simulator.fail({ kind: 'slow', ms: 300 })
    const [forged, good] = await Promise.all([
      web.ask('/tokens', { ...bearer, ...role, ...forgery }),
      web.ask('/tokens', { ...bearer, ...role }),
    ])
    expect(codeOf(forged)).toEqual([502, code])
    expect(tokensIn(good)).toEqual(own)
    expect(codeOf(await web.ask('/tokens', { ...bearer, ...role, ...forgery }))).toEqual([502, code])
    expect(tokensIn(await web.ask('/tokens', { ...bearer, ...role }))).toEqual(own)
  })

  it('lets nobody who is throttled with other keys silence it', async () => {
    const web = await onScf({ AIGC_CACHE_SECONDS: '0', AIGC_STALE_SECONDS: '0', AIGC_TIMEOUT_MS: '1000' })
    stranger.fail({ kind: 'throttle' }, Number.POSITIVE_INFINITY)
    onTestFinished(() => stranger.clearFaults())
    expect((await web.ask('/tokens', { ...bearer, ...foreign })).status).toBe(503)
    expect(tokensIn(await web.ask('/tokens', { ...bearer, ...role }))).toEqual(own)
  })

  const twice = ['CANARY-id-one', 'CANARY-id-stranger']
  it.each<[string, Record<string, string | string[]>]>([
    ['that came twice', { 'X-Scf-Secret-Id': twice }],
    ['that came twice alike', { 'X-Scf-Session-Token': ['CANARY-session-one', 'CANARY-session-one'] }],
    ['that a proxy joined', { 'X-Scf-Secret-Id': twice.join(', ') }],
    ['that is empty', { 'X-Scf-Secret-Key': '' }],
  ])('refuses keys with one %s, says so in the log, and asks nobody', async (_, changes) => {
    // Nor does it turn to others: which of them the request was meant to have is not known.
    const web = await onScf({
      TENCENTCLOUD_SECRETID: 'CANARY-id-two',
      TENCENTCLOUD_SECRETKEY: 'CANARY-key-two',
      TENCENTCLOUD_SESSIONTOKEN: 'CANARY-session-two',
    })
    const answer = await web.ask('/tokens', { ...bearer, ...role, ...changes })
    expect(codeOf(answer)).toEqual([502, 'RunRoleUnreadable'])
    expect(signers()).toEqual([])
    await web.until((output) => output.includes('RunRoleUnreadable'))
    expect(web.log()[0]?.['message']).toMatch(/x-scf-[a-z-]+ came \d times/)
    expect(answer.body + web.output()).not.toContain('CANARY')
  })

  it('is not kept from keys by as many other headers as fit', async () => {
    const web = await onScf()
    const many = Object.fromEntries(Array.from({ length: 2_100 }, (_, i) => [i.toString(36), '']))
    expect(tokensIn(await web.ask('/tokens', { ...bearer, ...many, ...role }))).toEqual(own)
  })

  it('prefers the keys of the request to those of the environment, and takes those where none came', async () => {
    const web = await onScf({
      TENCENTCLOUD_SECRETID: 'CANARY-id-two',
      TENCENTCLOUD_SECRETKEY: 'CANARY-key-two',
      TENCENTCLOUD_SESSIONTOKEN: 'CANARY-session-two',
    })
    await web.ask('/tokens', { ...bearer, ...role })
    await web.ask('/tokens', bearer)
    expect(signers()).toEqual([signedBy('one'), signedBy('two')])
  })

  it('reads a mirrored document in SSM with the keys of the request', async () => {
    simulator.ssm.put('ap-singapore', 'prod-aigc', {
      current: mirrored(['CANARY-mirrored'], { SubAppId: subAppId }),
    })
    simulator.ssm.set('ap-singapore', 'prod-aigc', { Description: 'vod-aigc-tokens: made by a test' })
    const web = await onScf({
      AIGC_SOURCE: 'mirror',
      AIGC_FALLBACK: 'tencent-ssm:prod-aigc',
      AIGC_SSM_ENDPOINT: simulator.url,
    })
    expect(tokensIn(await web.ask('/tokens', { ...bearer, ...role }))).toEqual(['CANARY-mirrored'])
    expect(new Set(signers())).toEqual(new Set([signedBy('one')]))
    // Who has an id only is shown none of it.
    const forged = { ...role, 'X-Scf-Secret-Key': 'CANARY-key-forged' }
    expect((await web.ask('/tokens', { ...bearer, ...forged })).status).toBe(502)
  })

  it('says that there are no credentials where there are none anywhere', async () => {
    const web = await onScf()
    expect(web.output()).not.toContain('no Tencent credentials')
    expect(codeOf(await web.ask('/tokens', bearer))).toEqual([500, 'ConfigInvalid'])
    await web.until((output) => output.includes('no Tencent credentials'))
    expect((await web.ask('/healthz')).status).toBe(200)
  })

  it('looks at no keys of requests where others come first, and has one list', async () => {
    const web = await onScf({ AIGC_SECRET_ID: simulator.secretId, AIGC_SECRET_KEY: simulator.secretKey })
    for (const keys of [role, foreign, { ...role, 'X-Scf-Secret-Id': '' }, {}])
      expect(tokensIn(await web.ask('/tokens', { ...bearer, ...keys }))).toEqual(own)
    expect(signers()).toEqual([`${simulator.secretId} ok`])
  })

  it('looks at no keys before the caller is let in', async () => {
    const web = await onScf()
    const broken = { ...role, 'X-Scf-Secret-Id': '' }
    expect((await web.ask('/tokens', { ...broken, authorization: `Bearer ${wrong}` })).status).toBe(401)
    expect((await web.ask('/tokens', { ...broken, authorization: `Bearer ${masked}` })).status).toBe(403)
    expect((await web.ask('/healthz', broken)).status).toBe(200)
  })

  it('looks at no keys where there is no SCF', async () => {
    const web = await start({
      ...settings(),
      AIGC_SECRET_ID: simulator.secretId,
      AIGC_SECRET_KEY: 'wrong-key',
    })
    expect((await web.ask('/tokens', { ...bearer, ...role })).status).toBe(502)
    // There nobody need wait for a request to know that there are none.
    const none = await start(settings())
    expect(none.output()).toContain('no Tencent credentials')
    expect(codeOf(await none.ask('/tokens', { ...bearer, ...role }))).toEqual([500, 'ConfigInvalid'])
    expect(signers().map((one) => one.split(' ')[0])).toEqual([simulator.secretId])
  })

  it('lets in whom a function URL with CAM let through, with AIGC_HTTP_AUTH=platform', async () => {
    const web = await onScf({ AIGC_HTTP_AUTH: 'platform' })
    expect(tokensIn(await web.ask('/tokens', role))).toEqual(own)
    await web.until(() => web.log().length > 0)
    expect(web.log()).toMatchObject([{ caller: 'platform' }])
  })

  it('lets no key and no token into its log, nor a key into an answer', async () => {
    const web = await onScf({ AIGC_CACHE_SECONDS: '0', AIGC_STALE_SECONDS: '0', AIGC_TIMEOUT_MS: '1000' })
    const message = [...Object.values(role), ...own].join(' ')
    let answers = ''
    for (const headers of [
      role,
      other,
      foreign,
      { ...role, ...headersOf('unknown') },
      { ...role, 'x-scf-other': 'CANARY-other' },
    ])
      for (const path of [
        '/tokens',
        '/tokens/fingerprints',
        '/nothing',
        '/healthz',
        '/tokens?CANARY-query=1',
        '*',
      ])
        for (const code of ['', 'UnauthorizedOperation', 'CANARY-key-one']) {
          simulator.clearFaults()
          if (code !== '') simulator.fail({ kind: 'error', code, message }, Number.POSITIVE_INFINITY)
          const answer = await web.ask(path, { ...bearer, ...headers })
          answers += JSON.stringify(answer.headers) + (answer.status === 200 ? '' : answer.body)
        }
    await web.until(() => web.log().length === 90)
    expect(web.output() + answers).not.toMatch(/CANARY|Q0FOQVJZ/)
    expect(web.output()).not.toMatch(/x-scf/i)
  })
})

describe('scf_bootstrap', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bootstrap-test-'))
  const bootstrap = join(dirname(webPath), 'scf_bootstrap')
  afterAll(() => rmSync(folder, { recursive: true }))

  it.each([
    ['run as it is', [bootstrap]],
    ['run by bash', ['/bin/bash', bootstrap]],
  ] as [string, [string, ...string[]]][])('starts web.js, %s, and hands signals on', async (_, program) => {
    const web = await start(fixed(), { scf: true, program })
    expect(tokensIn(await web.ask('/tokens', bearer))).toEqual(['CANARY-token-1', 'CANARY-token-2'])
    web.child.kill('SIGTERM')
    expect(await web.ended).toEqual([0, null])
  })

  it('takes the newest Node of SCF that is there, else that of the path, and finds web.js beside itself', async () => {
    // `/var/lang` moved into a folder of the test, where each Node says which it is.
    const lang = join(folder, 'lang')
    const text = readFileSync(bootstrap, 'utf8')
    expect(text).toContain('/var/lang/')
    writeFileSync(join(folder, 'scf_bootstrap'), text.replaceAll('/var/lang', lang))
    mkdirSync(join(folder, 'bin'))
    const say = (path: string, name: string): void =>
      writeFileSync(path, `#!/bin/sh\necho "${name} $PWD $*"\n`, { mode: 0o755 })
    say(join(folder, 'bin/node'), 'path')
    const run = async (): Promise<string> => {
      const web = spawnWeb(
        { PATH: `${join(folder, 'bin')}:/bin:/usr/bin` },
        { program: ['/bin/bash', join(folder, 'scf_bootstrap')] },
      )
      await web.ended
      return web.output().trim()
    }
    expect(await run()).toBe(`path ${folder} web.js`)
    for (const version of ['node18', 'node20', 'node22', 'node24']) {
      mkdirSync(join(lang, version, 'bin'), { recursive: true })
      say(join(lang, version, 'bin/node'), version)
      expect(await run()).toBe(`${version === 'node18' ? 'path' : version} ${folder} web.js`)
    }
  })
})

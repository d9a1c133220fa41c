/** `npm run probe`, against the endpoint itself and against one that lets people in. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isPrivate, judge, whoAsks } from '../../scripts/probe-cases.ts'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { type Checkout, openCheckout } from '../support/command.ts'
import { sha256 } from '../support/sha256.ts'
import { startWeb, type WebProcess } from '../support/web-process.ts'

const keys = { PROBE_MASKED_KEY: 'the-masked-key', PROBE_SINGLE_KEY: 'the-single-key' }
const guarded = 6

describe('whoAsks', () => {
  it('asks every route as every stranger, and what a key may have once, to see that it is one', () => {
    const questions = whoAsks(keys)
    const of = (who: string) => questions.filter((one) => one.who === who)
    expect(of('without a key').map(({ path }) => path)).toEqual([
      ...['/token', '/sub-apps/1/token', '/tokens', '/sub-apps/1/tokens'],
      ...['/tokens/fingerprints', '/sub-apps/1/tokens/fingerprints'],
    ])
    expect(of('with a wrong key')).toHaveLength(guarded)
    expect(of('with the masked key').filter(({ may }) => may)).toMatchObject([
      { path: '/tokens/fingerprints' },
    ])
    expect(of('with the single key').filter(({ may }) => may)).toMatchObject([{ path: '/token' }])
    expect(questions.filter(({ method }) => method === 'POST').map(({ path }) => path)).toEqual([
      ...['/', '/tokens', '/', '/tokens', '/', '/tokens'],
    ])
    expect(whoAsks({}).some(({ who }) => /masked|single/.test(who))).toBe(false)
  })
})

describe('judge', () => {
  const [health, stranger] = whoAsks({})
  if (!health || !stranger) throw new Error('there are no questions')

  it.each([
    [401, '', 'fine'],
    [403, '{"message":"Forbidden"}', 'fine'],
    [404, '', 'fine'],
    [200, '', 'in'],
    [204, '', 'in'],
    [401, '{"ApiTokens":["token-a"]}', 'in'],
    [500, '{ "ApiToken" : "token-a" }', 'in'],
    [302, '', 'unknown'],
    [429, '', 'unknown'],
    [500, '', 'unknown'],
    [null, 'ECONNREFUSED', 'unknown'],
  ] as const)('of a stranger, %s %s is %s', (status, text, kind) => {
    const verdict = judge(stranger, status, text)
    expect(verdict.kind).toBe(kind)
    expect(verdict.sentence).not.toContain('token-a')
  })

  it.each([
    [200, '{"status":"ok"}', 'fine'],
    [200, '<html>', 'unknown'],
    [404, '', 'unknown'],
  ] as const)('of /healthz, %s %s is %s', (status, text, kind) => {
    expect(judge(health, status, text).kind).toBe(kind)
  })
})

describe('isPrivate', () => {
  it('is this machine alone', () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]']) expect(isPrivate(host)).toBe(true)
    for (const host of ['127.0.0.1.example.com', 'localhost.example.com', '10.0.0.1'])
      expect(isPrivate(host)).toBe(false)
  })
})

describe('npm run probe', () => {
  let checkout: Checkout
  let simulator: TencentSimulator
  let web: WebProcess
  const servers: Server[] = []

  async function serve(answer: RequestListener): Promise<string> {
    const server = createServer(answer).listen(0, '127.0.0.1')
    servers.push(server)
    await new Promise((resolve) => server.once('listening', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  async function probe(url: string, environment: Record<string, string> = keys) {
    const command = checkout.run('probe', [url], environment)
    const [code] = await command.ended
    return { code, output: command.output() }
  }

  beforeAll(async () => {
    checkout = openCheckout()
    simulator = await startTencentSimulator({
      lagMs: 0,
      applications: [{ subAppId: 1500000001, tokens: ['token-a', 'token-b'] }],
    })
    web = await startWeb({
      AIGC_SECRET_ID: simulator.secretId,
      AIGC_SECRET_KEY: simulator.secretKey,
      AIGC_VOD_ENDPOINT: simulator.url,
      AIGC_SUB_APP_IDS: '1500000001',
      AIGC_HTTP_AUTH: 'keys',
      AIGC_API_KEYS: `masked:masked:${sha256('the-masked-key')},single:single:${sha256('the-single-key')}`,
    })
  })
  afterAll(async () => {
    for (const server of servers) server.close()
    await web.kill()
    await simulator.close()
    await checkout.close()
  })

  it('finds nothing at the endpoint itself, with keys of both scopes', async () => {
    const { code, output } = await probe(`http://127.0.0.1:${web.port}`)
    const questions = whoAsks(keys).length
    expect(output).toBe(
      `http://127.0.0.1:${web.port}: ${questions} questions, 0 got in that should not, 0 had no answer that says\n`,
    )
    expect(code).toBe(0)
  })

  it('says which scopes it did not ask', async () => {
    const { code, output } = await probe(`http://127.0.0.1:${web.port}/`, {})
    expect(output).toContain('Not asked with a key of the scope masked: PROBE_MASKED_KEY is not set')
    expect(code).toBe(0)
  })

  it('says who got in, and prints neither a token nor a key', async () => {
    const leaky = await serve((request, response) => {
      // Takes any key for a full one, and everything that is posted.
      const isKnown = request.headers.authorization?.startsWith('Bearer ') || request.method === 'POST'
      const isHealth = request.url === '/healthz'
      response.statusCode = isHealth || isKnown ? 200 : 401
      response.end(isHealth ? '{"status":"ok"}' : isKnown ? '{"ApiTokens":["token-a"]}' : '')
    })
    const { code, output } = await probe(leaky)
    expect(output).toContain('GOT IN: with a wrong key, GET /tokens: 200\n')
    expect(output).toContain('GOT IN: with the masked key, GET /token: 200\n')
    expect(output).toContain('GOT IN: with the single key, GET /tokens: 200\n')
    expect(output).toContain('GOT IN: as a run by hand, {"Reveal":true}, POST /: 200\n')
    expect(output).not.toMatch(/without a key|token-a|the-masked-key|the-single-key/)
    expect(code).toBe(1)
  })

  it('says that it does not know where another server answers, or none', async () => {
    const other = await serve((_, response) => {
      response.statusCode = 404
      response.end()
    })
    const { code, output } = await probe(other)
    expect(output).toContain('NOT KNOWN: anybody, GET /healthz: 404; this is not the endpoint')
    expect(output).toContain(
      'NOT KNOWN: with the masked key, GET /tokens/fingerprints: 404; the key is not taken',
    )
    expect(code).toBe(1)
    expect((await probe('http://127.0.0.1:1')).output).toMatch(
      /NOT KNOWN: without a key, GET \/token: no answer \(\w+\)/,
    )
  })

  it('is what docs/threat-model.md asks by hand, with curl alone', async () => {
    const page = readFileSync(new URL('../../docs/threat-model.md', import.meta.url), 'utf8')
    const [, commands = ''] = page.split('By hand, from any machine')[1]?.split(/^```(?:sh)?$/m) ?? []
    const { PATH = '' } = process.env
    const { stdout } = await promisify(execFile)(
      'bash',
      ['-eu', '-c', commands.replace(/^url=.*$/m, `url=http://127.0.0.1:${web.port}`)],
      { env: { PATH, ...keys } },
    )
    const statuses = stdout.trim().split('\n')
    expect(statuses).toHaveLength(14)
    for (const line of statuses.slice(0, 10)) expect(line).toMatch(/^40[13] /)
    for (const line of statuses.slice(10)) expect(line).toMatch(/^40[0345] /)
    expect(stdout).not.toMatch(/the-masked-key|the-single-key/)
  })

  it('sends no key in the clear, and takes nothing but a URL', async () => {
    expect((await probe('http://example.com')).output).toContain('the URL must begin with https://')
    expect((await probe('https://user@example.com')).output).toContain('must have no user, query or fragment')
    expect((await probe('example')).output).toContain('"example" is not a URL')
  })
})

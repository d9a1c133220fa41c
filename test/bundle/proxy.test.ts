/** The built bundle in a network that only a proxy leads out of: calls to Tencent and to AWS, and what is said of failures. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ConnectProxy, startConnectProxy } from '../support/connect-proxy.ts'
import { type FunctionProcess, startFunction } from '../support/function-process.ts'
import { shareSimulator } from '../support/shared-simulator.ts'
import { keyInAws, type SecureServices, startSecureServices } from '../support/tls-front.ts'

const simulator = await shareSimulator({ applications: [{ subAppId: 7, tokens: ['a-token'] }], lagMs: 0 })
let services: SecureServices
let proxy: ConnectProxy
let secureProxy: ConnectProxy
const running: FunctionProcess[] = []

beforeAll(async () => {
  services = await startSecureServices(simulator, ['localhost', 'vod.test', 'secretsmanager.test'])
  const { vod, secretsManager, certificate } = services
  const tunnels = { 'vod.test': vod.port, 'secretsmanager.test': secretsManager.port }
  proxy = await startConnectProxy(tunnels)
  secureProxy = await startConnectProxy(tunnels, certificate)
})
beforeEach(() => {
  proxy.treatment = 'open'
  proxy.asked.length = 0
})
afterEach(() => Promise.all(running.splice(0).map((fn) => fn.close())))
afterAll(async () => {
  await Promise.all([proxy.close(), secureProxy.close()])
  services.close()
})

const own = { AIGC_SECRET_ID: simulator.secretId, AIGC_SECRET_KEY: simulator.secretKey }
const fromAws = { ...keyInAws, AWS_ENDPOINT_URL: 'https://secretsmanager.test' }

async function list(settings: Record<string, string>) {
  const fn = startFunction('list-tokens', {
    AIGC_VOD_ENDPOINT: 'https://vod.test',
    AIGC_SUB_APP_IDS: '7',
    AIGC_TIMEOUT_MS: '4000',
    AIGC_LOG_LEVEL: 'debug',
    HTTPS_PROXY: `http://canary-user:canary-pass@localhost:${proxy.port}`,
    NODE_EXTRA_CA_CERTS: services.certificate.file,
    ...settings,
  })
  running.push(fn)
  const answer = await fn.invoke({})
  expect(fn.output() + JSON.stringify(answer)).not.toMatch(/canary-(user|pass)/)
  expect(fn.output() + JSON.stringify(answer)).not.toContain(btoa('canary-user:canary-pass'))
  return answer
}

const good = expect.objectContaining({ Fingerprints: [expect.any(String)] })
const authorization = `Basic ${btoa('canary-user:canary-pass')}`

describe('list-tokens with HTTPS_PROXY', () => {
  it('reaches Tencent through it', async () => {
    expect((await list(own)).result).toEqual(good)
    expect(proxy.asked).toEqual([{ target: 'vod.test:443', authorization }])
  })

  it('reaches AWS through it', async () => {
    expect((await list(fromAws)).result).toEqual(good)
    expect(proxy.asked).toEqual([
      { target: 'secretsmanager.test:443', authorization },
      { target: 'vod.test:443', authorization },
    ])
  })

  it('speaks TLS to it where its URL says so', async () => {
    const { result } = await list({ ...own, HTTPS_PROXY: `https://localhost:${secureProxy.port}` })
    expect(result).toEqual(good)
    expect(secureProxy.asked).toEqual([{ target: 'vod.test:443', authorization: undefined }])
  })

  it('goes past it to hosts of NO_PROXY', async () => {
    const { result } = await list({
      ...own,
      AIGC_VOD_ENDPOINT: `https://localhost:${services.vod.port}`,
      NO_PROXY: '169.254.169.254,localhost',
    })
    expect(result).toEqual(good)
    expect(proxy.asked).toEqual([])
  })

  it('says that it refused', async () => {
    proxy.treatment = 407
    expect((await list(own)).error).toMatchObject({
      name: 'ClientError.NetworkError',
      message: expect.stringMatching(
        /at vod\.test: .*connection through the proxy of HTTPS_PROXY failed \(Proxy407: the proxy of HTTPS_PROXY refused\)/,
      ),
    })
    expect((await list(fromAws)).error).toMatchObject({
      name: 'Proxy407',
      message: expect.stringMatching(/AIGC_CREDENTIALS_SECRET: Proxy407: the proxy of HTTPS_PROXY refused/),
    })
    expect(simulator.calls).toEqual([])
  })

  it('takes its password out of what leaves, whoever quotes it', async () => {
    const quoted = 'You came by canary-pass.'
    simulator.fail({ kind: 'error', code: 'LimitExceeded', message: quoted })
    expect((await list(own)).error?.message).toContain('You came by ***.')
  })

  it('keeps its deadline where the proxy hangs, and says what it waited for', async () => {
    proxy.treatment = 'hang'
    expect((await list(own)).error).toMatchObject({
      name: 'ClientError.Timeout',
      message: expect.stringContaining('through the proxy of HTTPS_PROXY'),
    })
    expect((await list(fromAws)).error).toMatchObject({
      name: 'Timeout',
      message: expect.stringContaining('Timeout: connections go through the proxy of HTTPS_PROXY'),
    })
  })

  it('says what the variable must be, and does not repeat it', async () => {
    const { error } = await list({ ...own, HTTPS_PROXY: 'socks5://canary-user:canary-pass@proxy.test' })
    expect(error).toMatchObject({
      name: 'ConfigInvalid',
      message: expect.stringContaining('HTTPS_PROXY must be http://[USER:PASSWORD@]HOST[:PORT]'),
    })
  })
})

/** What the bundles do before they are asked, on Lambda and SCF, and that nobody is worse off for it. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createNetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { type FunctionProcess, startFunction, startLambda } from '../support/function-process.ts'
import { getEvent } from '../support/recorded-events.ts'
import { shareSimulator } from '../support/shared-simulator.ts'
import { keyInAws, type SecureServices, startSecureServices } from '../support/tls-front.ts'
import { startWeb } from '../support/web-process.ts'

const subAppId = 251006666
const simulator = await shareSimulator({ applications: [{ subAppId, tokens: ['a-token'] }], lagMs: 0 })

let running: FunctionProcess[] = []
afterEach(async () => {
  await Promise.all(running.map((one) => one.kill()))
  running = []
})

function kept(fn: FunctionProcess): FunctionProcess {
  running.push(fn)
  return fn
}

const common = { AIGC_SUB_APP_IDS: `${subAppId}`, AIGC_TIMEOUT_MS: '4000' }
const fixed = () => ({
  ...common,
  AIGC_SECRET_ID: simulator.secretId,
  AIGC_SECRET_KEY: simulator.secretKey,
  AIGC_VOD_ENDPOINT: simulator.url,
})

/** Tencent and AWS by TLS, and the settings of a function that has its key in AWS. */
async function secure(): Promise<{ services: SecureServices; settings: Record<string, string> }> {
  const services = await startSecureServices(simulator, ['localhost'])
  onTestFinished(services.close)
  return {
    services,
    settings: {
      ...common,
      ...keyInAws,
      NODE_EXTRA_CA_CERTS: services.certificate.file,
      AIGC_VOD_ENDPOINT: `https://localhost:${services.vod.port}`,
      AWS_ENDPOINT_URL: `https://localhost:${services.secretsManager.port}`,
    },
  }
}

/** A server hears of the end of a handshake after its client. */
async function untilConnected({ vod, secretsManager }: SecureServices): Promise<void> {
  while (vod.handshakes === 0 || secretsManager.handshakes === 0)
    await new Promise((resolve) => setTimeout(resolve, 10))
}

const listed = { Fingerprints: [expect.any(String)], Stale: false }

describe('lambda.mjs', () => {
  it('has its connections open when it is first asked, has asked nobody, and uses them', async () => {
    const { services, settings } = await secure()
    const fn = kept(startLambda('list-tokens', settings))
    await fn.initialized
    await untilConnected(services)
    expect([services.vod.handshakes, services.secretsManager.handshakes]).toEqual([1, 1])
    expect([simulator.calls.length, services.asked]).toEqual([0, 0])
    expect(fn.output()).toBe('')
    const { result, timers } = await fn.invoke({})
    expect(result).toMatchObject(listed)
    expect(timers).not.toContain('Timeout')
    expect([services.vod.handshakes, services.secretsManager.handshakes]).toEqual([1, 1])
    expect([simulator.calls.length, services.asked]).toEqual([1, 1])
    expect(fn.log()).toHaveLength(1)
  })

  it('opens nothing and loads no AWS where it is not on Lambda', async () => {
    const { services, settings } = await secure()
    const fn = kept(
      startLambda('list-tokens', { ...settings, AWS_LAMBDA_FUNCTION_NAME: '', NODE_DEBUG: 'module' }),
    )
    await fn.initialized
    expect([services.vod.handshakes, services.secretsManager.handshakes]).toEqual([0, 0])
    expect(fn.output()).toContain('index.js')
    expect(fn.output()).not.toContain('aws.js')
    expect((await fn.invoke({})).result).toMatchObject(listed)
  })

  it('of the mirror asks nobody either, and writes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'initialize-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const { services, settings } = await secure()
    const file = join(folder, 'mirrored.json')
    const fn = kept(
      startLambda('mirror-tokens', {
        ...settings,
        AIGC_MIRROR_TARGETS: `file:${file} aws-secretsmanager:aigc/tokens aws-secretsmanager:aigc/token?value=token`,
      }),
    )
    await fn.initialized
    await untilConnected(services)
    expect([simulator.calls.length, services.asked]).toEqual([0, 0])
    expect(existsSync(file)).toBe(false)
    expect(fn.output()).toBe('')
  })

  it.each([
    ['wherever an endpoint is set to', {}],
    ['though the SDK would have to search for keys', { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }],
  ])('asks nobody in the clear, %s', async (_, changes) => {
    let asked = 0
    const anybody = createServer((_, response) => {
      asked++
      response.end('{}')
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void anybody.close())
    await once(anybody, 'listening')
    const url = `http://127.0.0.1:${(anybody.address() as AddressInfo).port}`
    const fn = kept(
      startLambda('list-tokens', {
        ...common,
        ...keyInAws,
        AIGC_VOD_ENDPOINT: url,
        AWS_ENDPOINT_URL: url,
        AWS_EC2_METADATA_SERVICE_ENDPOINT: url,
        AIGC_FALLBACK: 'aws-secretsmanager:aigc/tokens',
        ...changes,
      }),
    )
    await fn.initialized
    expect(asked).toBe(0)
  })

  it.each([
    ['ConfigInvalid', 'settings that cannot be used', { AIGC_SITE: 'mars' }],
    ['ClientError.NetworkError', 'a Tencent that refuses', { AIGC_VOD_ENDPOINT: 'http://127.0.0.1:9' }],
    ['RegionMissing', 'no region', { AIGC_SECRET_ID: '', AIGC_SECRET_KEY: '', ...keyInAws, AWS_REGION: '' }],
    [
      'ECONNREFUSED',
      'an AWS that refuses',
      { AIGC_SECRET_ID: '', AIGC_SECRET_KEY: '', ...keyInAws, AWS_ENDPOINT_URL: 'https://127.0.0.1:9' },
    ],
  ])('starts in silence and answers %s for %s', async (code, _, changes) => {
    const fn = kept(startLambda('list-tokens', { ...fixed(), ...changes }))
    await fn.initialized
    expect(fn.output()).toBe('')
    expect((await fn.invoke(getEvent('/healthz'))).result).toMatchObject({ statusCode: 200 })
    const { error, timers } = await fn.invoke({})
    expect(error?.name).toBe(code)
    expect(timers).not.toContain('Timeout')
  })

  it('starts though a host lets it connect and then says nothing', async () => {
    const mute = createNetServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
    onTestFinished(() => void mute.close())
    await once(mute, 'listening')
    const fn = kept(
      startLambda('list-tokens', {
        ...fixed(),
        AIGC_TIMEOUT_MS: '1000',
        AIGC_VOD_ENDPOINT: `https://127.0.0.1:${(mute.address() as AddressInfo).port}`,
      }),
    )
    await fn.initialized
    const { error, timers } = await fn.invoke({})
    expect(error?.name).toBe('ClientError.Timeout')
    expect(timers).not.toContain('Timeout')
    expect(fn.log()).toHaveLength(1)
  })
})

describe('index.js', () => {
  it('on Lambda loads while it is loaded what a setting needs, and opens nothing', async () => {
    const { services, settings } = await secure()
    const fn = kept(
      startFunction('list-tokens', { ...settings, AWS_LAMBDA_FUNCTION_NAME: 'list', NODE_DEBUG: 'module' }),
    )
    await fn.initialized
    while (!fn.output().includes('aws.js')) await new Promise((resolve) => setTimeout(resolve, 10))
    expect([services.vod.handshakes, services.secretsManager.handshakes]).toEqual([0, 0])
  })
})

describe('web.js', () => {
  it('on SCF listens when its connections are open, and has asked nobody', async () => {
    const { services, settings } = await secure()
    const web = await startWeb(
      { ...settings, AIGC_HTTP_AUTH: 'platform', AWS_LAMBDA_FUNCTION_NAME: '' },
      { scf: true },
    )
    onTestFinished(web.kill)
    await untilConnected(services)
    expect([simulator.calls.length, services.asked]).toEqual([0, 0])
    expect((await web.ask('/tokens')).status).toBe(200)
    expect(services.vod.handshakes).toBe(1)
  })

  it('in a container opens nothing before it is asked', async () => {
    const { services, settings } = await secure()
    const web = await startWeb({
      ...settings,
      AIGC_HTTP_AUTH: 'keys',
      AIGC_API_KEYS: `a:full:${'0'.repeat(64)}`,
    })
    onTestFinished(web.kill)
    expect([services.vod.handshakes, services.secretsManager.handshakes]).toEqual([0, 0])
  })
})

/** The built bundle where a name has addresses that do not answer: of Tencent, and of AWS. */
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type DeafServer, startDeafServer } from '../support/deaf-server.ts'
import { type FunctionProcess, startFunction } from '../support/function-process.ts'
import { shareSimulator } from '../support/shared-simulator.ts'
import { keyInAws, type SecureServices, startSecureServices } from '../support/tls-front.ts'

const simulator = await shareSimulator({ applications: [{ subAppId: 7, tokens: ['a-token'] }], lagMs: 0 })
let services: SecureServices
let deaf: DeafServer[]
const running: FunctionProcess[] = []

beforeAll(async () => {
  services = await startSecureServices(simulator, ['vod.test', 'secretsmanager.test'])
  const fronts = [services.vod, services.secretsManager]
  deaf = await Promise.all(fronts.map(({ port }) => startDeafServer('127.0.0.2', port)))
})
afterEach(() => Promise.all(running.splice(0).map((fn) => fn.close())))
afterAll(() => {
  for (const one of [...deaf, services]) one.close()
})

describe('list-tokens', () => {
  // Nobody listens on 127.0.0.3.
  it.each([
    [['127.0.0.2', '127.0.0.1']],
    [['127.0.0.1', '127.0.0.2']],
    [['127.0.0.2', '127.0.0.3', '127.0.0.1']],
  ])('reaches AWS and Tencent at %j, each in one attempt', async (addresses) => {
    const { vod, secretsManager, certificate } = services
    const fn = startFunction('list-tokens', {
      AIGC_VOD_ENDPOINT: `https://vod.test:${vod.port}`,
      ...keyInAws,
      AIGC_SUB_APP_IDS: '7',
      AIGC_LOG_LEVEL: 'debug',
      AWS_ENDPOINT_URL: `https://secretsmanager.test:${secretsManager.port}`,
      NODE_EXTRA_CA_CERTS: certificate.file,
      NODE_OPTIONS: `--require ${fileURLToPath(new URL('../support/names.cjs', import.meta.url))}`,
      TEST_NAMES: JSON.stringify({ 'vod.test': addresses, 'secretsmanager.test': addresses }),
    })
    running.push(fn)
    const { result, error } = await fn.invoke({})
    expect(error).toBeUndefined()
    expect(result).toMatchObject({ Fingerprints: [expect.any(String)] })
    expect(fn.log().filter(({ event }) => event === 'tencent-call')).toMatchObject([
      { number: 1, code: null },
    ])
  })
})

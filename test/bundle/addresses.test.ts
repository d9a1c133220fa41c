/** The built bundle where a name has addresses that do not answer: of Tencent, and of AWS. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type DeafServer, startDeafServer } from '../support/deaf-server.ts'
import { type FunctionProcess, startFunction } from '../support/function-process.ts'
import { shareSimulator } from '../support/shared-simulator.ts'
import { type Certificate, makeCertificate, startTlsFront, type TlsFront } from '../support/tls-front.ts'

const simulator = await shareSimulator({ applications: [{ subAppId: 7, tokens: ['a-token'] }], lagMs: 0 })
let certificate: Certificate
let secretsManager: Server
let fronts: TlsFront[]
let deaf: DeafServer[]
const running: FunctionProcess[] = []

beforeAll(async () => {
  certificate = await makeCertificate(['vod.test', 'secretsmanager.test'])
  const SecretString = JSON.stringify({ SecretId: simulator.secretId, SecretKey: simulator.secretKey })
  secretsManager = createServer((request, response) =>
    request.resume().on('end', () => response.end(JSON.stringify({ SecretString }))),
  ).listen(0, '127.0.0.1')
  await once(secretsManager, 'listening')
  const ports = [simulator.port, (secretsManager.address() as AddressInfo).port]
  fronts = await Promise.all(ports.map((port) => startTlsFront(certificate, port)))
  deaf = await Promise.all(fronts.map(({ port }) => startDeafServer('127.0.0.2', port)))
})
afterEach(() => Promise.all(running.splice(0).map((fn) => fn.close())))
afterAll(() => {
  for (const one of [...deaf, ...fronts]) one.close()
  secretsManager.close()
  certificate.remove()
})

describe('list-tokens', () => {
  // Nobody listens on 127.0.0.3.
  it.each([
    [['127.0.0.2', '127.0.0.1']],
    [['127.0.0.1', '127.0.0.2']],
    [['127.0.0.2', '127.0.0.3', '127.0.0.1']],
  ])('reaches AWS and Tencent at %j, each in one attempt', async (addresses) => {
    const [vod, aws] = fronts.map(({ port }) => port)
    const fn = startFunction('list-tokens', {
      AIGC_VOD_ENDPOINT: `https://vod.test:${vod}`,
      AIGC_CREDENTIALS_SECRET: 'aigc/key',
      AIGC_SUB_APP_IDS: '7',
      AIGC_LOG_LEVEL: 'debug',
      AWS_ENDPOINT_URL: `https://secretsmanager.test:${aws}`,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIATEST',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
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

/** The built bundle over TLS, as it always talks to Tencent: what the build leaves out of undici is not needed there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { startFunction } from '../support/function-process.ts'
import { type Certificate, makeCertificate, startTlsFront, type TlsFront } from '../support/tls-front.ts'

let simulator: TencentSimulator
let front: TlsFront
let certificate: Certificate

beforeAll(async () => {
  simulator = await startTencentSimulator({
    applications: [{ subAppId: 7, tokens: ['a-token'] }],
    lagMs: 0,
  })
  certificate = await makeCertificate(['localhost'])
  front = await startTlsFront(certificate, simulator.port)
})
afterAll(async () => {
  front.close()
  await simulator.close()
  certificate.remove()
})

async function listTwice(settings: Record<string, string>): Promise<unknown[]> {
  const fn = startFunction('list-tokens', {
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
    AIGC_VOD_ENDPOINT: `https://localhost:${front.port}`,
    AIGC_SUB_APP_IDS: '7',
    AIGC_CACHE_SECONDS: '0',
    ...settings,
  })
  const answers = [await fn.invoke({}), await fn.invoke({})]
  await fn.close()
  return answers.map(({ result, error }) => result ?? error)
}

describe('list-tokens over TLS', () => {
  it('asks twice over one connection', async () => {
    const answers = await listTwice({ NODE_EXTRA_CA_CERTS: certificate.file })
    expect(answers).toEqual(Array(2).fill(expect.objectContaining({ Fingerprints: [expect.any(String)] })))
    expect(front.handshakes).toBe(1)
  })

  it('sends nothing to a server that it does not trust, and says so', async () => {
    const before = simulator.calls.length
    const answers = await listTwice({ AIGC_TIMEOUT_MS: '4000' })
    expect(answers).toEqual(
      Array(2).fill(
        expect.objectContaining({
          name: 'ClientError.NetworkError',
          message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT'),
        }),
      ),
    )
    expect(simulator.calls).toHaveLength(before)
  })
})

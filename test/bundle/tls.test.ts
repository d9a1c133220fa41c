/** The built bundle over TLS, as it always talks to Tencent: what the build leaves out of undici is not needed there. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { startFunction } from '../support/function-process.ts'

let simulator: TencentSimulator
let front: Server
let folder: string
let handshakes = 0

beforeAll(async () => {
  simulator = await startTencentSimulator({
    applications: [{ subAppId: 7, tokens: ['a-token'] }],
    lagMs: 0,
  })
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  })
  folder = mkdtempSync(join(tmpdir(), 'tls-test-'))
  writeFileSync(join(folder, 'ca.pem'), cert)
  front = createServer({ key, cert }, (socket) => {
    handshakes++
    const behind = connect(simulator.port, '127.0.0.1')
    socket.pipe(behind).pipe(socket)
    for (const [one, other] of [
      [socket, behind],
      [behind, socket],
    ] as const)
      one.on('error', () => {}).on('close', () => other.destroy())
  })
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
})
afterAll(async () => {
  front.close()
  await simulator.close()
  rmSync(folder, { recursive: true })
})

async function listTwice(settings: Record<string, string>): Promise<unknown[]> {
  const fn = startFunction('list-tokens', {
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
    AIGC_VOD_ENDPOINT: `https://localhost:${(front.address() as AddressInfo).port}`,
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
    const answers = await listTwice({ NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') })
    expect(answers).toEqual(Array(2).fill(expect.objectContaining({ Fingerprints: [expect.any(String)] })))
    expect(handshakes).toBe(1)
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

/** TLS in front of a server that speaks none, with a certificate that nobody trusts who is not told to. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { generate } from 'selfsigned'

export interface Certificate {
  readonly key: string
  readonly cert: string
  /** The file for `NODE_EXTRA_CA_CERTS`. */
  readonly file: string
  remove(): void
}

export async function makeCertificate(names: readonly string[]): Promise<Certificate> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: names[0] ?? '' }], {
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: names.map((value) => ({ type: 2, value })) },
    ],
  })
  const folder = mkdtempSync(join(tmpdir(), 'tls-front-'))
  const file = join(folder, 'ca.pem')
  writeFileSync(file, cert)
  return { key, cert, file, remove: () => rmSync(folder, { recursive: true }) }
}

export interface TlsFront {
  readonly port: number
  /** How many there were. */
  readonly handshakes: number
  close(): void
}

/** Starts one on loopback in front of a port there. */
export async function startTlsFront({ key, cert }: Certificate, behindPort: number): Promise<TlsFront> {
  let handshakes = 0
  const front = createServer({ key, cert }, (socket) => {
    handshakes++
    const behind = connect(behindPort, '127.0.0.1')
    socket.pipe(behind).pipe(socket)
    for (const [one, other] of [
      [socket, behind],
      [behind, socket],
    ] as const)
      one.on('error', () => {}).on('close', () => other.destroy())
  })
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
  return {
    port: (front.address() as AddressInfo).port,
    get handshakes() {
      return handshakes
    },
    close: () => void front.close(),
  }
}

export interface SecureServices {
  readonly certificate: Certificate
  /** In front of the simulator, and of a Secrets Manager of which every secret holds the simulator's key. */
  readonly vod: TlsFront
  readonly secretsManager: TlsFront
  /** How many requests Secrets Manager got. */
  readonly asked: number
  close(): void
}

/** Tencent and AWS as a function meets them that has its key in an AWS secret: by TLS, under these names. */
export async function startSecureServices(
  {
    port,
    secretId,
    secretKey,
  }: { readonly port: number; readonly secretId: string; readonly secretKey: string },
  names: readonly string[],
): Promise<SecureServices> {
  const certificate = await makeCertificate(names)
  const SecretString = JSON.stringify({ SecretId: secretId, SecretKey: secretKey })
  let asked = 0
  const aws = createHttpServer((request, response) => {
    asked++
    request.resume().on('end', () => response.end(JSON.stringify({ SecretString })))
  }).listen(0, '127.0.0.1')
  await once(aws, 'listening')
  const [vod, secretsManager] = await Promise.all([
    startTlsFront(certificate, port),
    startTlsFront(certificate, (aws.address() as AddressInfo).port),
  ])
  return {
    certificate,
    vod,
    secretsManager,
    get asked() {
      return asked
    },
    close() {
      vod.close()
      secretsManager.close()
      aws.close()
      certificate.remove()
    },
  }
}

/** The settings of such a function, but for where AWS is. */
export const keyInAws = {
  AIGC_CREDENTIALS_SECRET: 'aigc/key',
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: 'AKIATEST',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
}

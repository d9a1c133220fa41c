/** What the examples meet: the simulator with its gateway, both bundles, and moto for the secret. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../../../simulator/simulator.ts'
import { type FunctionProcess, startFunction } from '../../support/function-process.ts'
import type { Moto } from '../../support/moto.ts'
import { sha256 } from '../../support/sha256.ts'
import { verifySigV4 } from '../../support/verify-sigv4.ts'
import { startWeb } from '../../support/web-process.ts'

export const subAppId = 251006666
const key = 'CANARY-key-of-the-example'
const aws = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'CANARY-secret-access-key' }
const region = 'eu-west-1'

export interface World {
  readonly simulator: TencentSimulator
  /** For {@link startConsumer}: where the gateway is, and each way to a token. */
  readonly gateway: Record<string, string>
  readonly byKey: Record<string, string>
  readonly bySignature: Record<string, string>
  readonly bySecret: Record<string, string>
  /** The rotation of this account, which deletes, after the shortest times that it takes; ask it to run. */
  readonly rotate: FunctionProcess
}

/** An account with these tokens; its list lags by 300 ms. The secret is in step with it, by a run every half second. */
export async function openWorld(moto: Moto, tokens = ['CANARY-the-old-token']): Promise<World> {
  const simulator = await startTencentSimulator({
    applications: [{ subAppId, tokens }],
    lagMs: 300,
  })
  onTestFinished(() => simulator.close())
  simulator.aigc.requestsPerMinute = Number.POSITIVE_INFINITY
  const account = {
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SUB_APP_IDS: `${subAppId}`,
    AIGC_SETTLE_SECONDS: '1',
  }
  await moto.reset()
  const awsAccess = {
    AWS_ENDPOINT_URL: moto.url,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: aws.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.secretAccessKey,
  }
  const target = 'aws-secretsmanager:prod/aigc'
  const web = await startWeb({
    ...account,
    ...awsAccess,
    // So that it names the token that the mirror names.
    AIGC_FALLBACK: target,
    AIGC_CACHE_SECONDS: '1',
    AIGC_HTTP_AUTH: 'keys',
    AIGC_API_KEYS: `example:full:${sha256(key)}`,
  })
  onTestFinished(() => web.kill())
  const mirror = startFunction('mirror-tokens', {
    ...account,
    ...awsAccess,
    AIGC_MIRROR_TARGETS: target,
  })
  const rotate = startFunction('rotate-tokens', {
    ...account,
    ...awsAccess,
    AIGC_MIRROR_TARGETS: target,
    AIGC_ROTATION_STATE: 'aws-secretsmanager:prod/aigc-rotation',
    AIGC_ROTATION_WARM_SECONDS: '10',
    AIGC_ROTATION_GRACE_HOURS: '0.0125',
    AIGC_ROTATION_MAY_DELETE: 'true',
  })
  onTestFinished(() => rotate.kill())
  let isOver = false
  const runMirror = async (): Promise<void> => {
    while (!isOver) {
      expect((await mirror.invoke({})).error).toBeUndefined()
      await sleep(500)
    }
  }
  expect((await mirror.invoke({})).error).toBeUndefined()
  const running = runMirror()
  onTestFinished(async () => {
    isOver = true
    await running
    await mirror.kill()
  })
  const url = `http://127.0.0.1:${web.port}/tokens`
  return {
    simulator,
    gateway: { AIGC_URL: simulator.url },
    byKey: { TOKENS_URL: url, TOKENS_KEY: key },
    bySignature: { ...awsAccess, TOKENS_URL: await startApiGateway(url) },
    bySecret: { ...awsAccess, AIGC_SECRET: 'prod/aigc' },
    rotate,
  }
}

/** An HTTP API of API Gateway with IAM in front of `upstream`: checks the signature. Gives its address. */
async function startApiGateway(upstream: string): Promise<string> {
  const keys = new Map([[aws.accessKeyId, aws]])
  const server = createServer(async ({ method = '', url = '', headersDistinct: headers }, response) => {
    const failure = verifySigV4(
      { method, url, headers, body: new Uint8Array() },
      { service: 'execute-api', region, keys, now: Date.now() },
    )
    if (failure) return response.writeHead(403).end(`{"message":"Forbidden"}`)
    const cacheControl = headers['cache-control']?.[0]
    const answer = await fetch(upstream, {
      headers: {
        authorization: `Bearer ${key}`,
        ...(cacheControl !== undefined && { 'cache-control': cacheControl }),
      },
    })
    return response.writeHead(answer.status).end(await answer.text())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/tokens`
}

export interface Consumer {
  readonly child: ChildProcess
  answers(): string[]
  errors(): string
  /** Lets it answer what it was asked, and end; gives its exit code. */
  end(): Promise<number | null>
}

/** Starts an example, and asks it again whenever it has answered; `answersEach`: how many lines it says to one question. */
export function startConsumer(
  [program, ...args]: readonly [string, ...string[]],
  environment: Record<string, string>,
  answersEach = 1,
): Consumer {
  const { PATH, HOME } = process.env
  // AWS's packages tell Node 20 on stderr that they will want a newer one.
  const quiet = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }
  const child = spawn(program, args, { env: { PATH, HOME, ...quiet, ...environment } })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  let errors = ''
  child.stdin.on('error', () => {})
  const answers = (): string[] => output.split('\n').slice(0, -1)
  let asked = 0
  const ask = (): void => {
    if (child.stdin.writableEnded || asked * answersEach > answers().length) return
    asked++
    child.stdin.write('How are you?\n')
  }
  ask()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    ask()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const closed = once(child, 'close')
  return {
    child,
    answers,
    errors: () => errors,
    async end() {
      child.stdin.end()
      const [code] = await closed
      return code
    },
  }
}

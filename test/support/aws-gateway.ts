/** Stands between the AWS SDK and moto, counts the calls and treats them as a test asks. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { vi } from 'vitest'

/** What happens to a call: passed on; closed before or after it took effect; never answered, or half; answered here. */
export type Turn = 'pass' | 'drop' | 'lose' | 'hang' | 'stall' | Answer

export interface Answer {
  readonly status: number
  readonly body: string
}

/** Does what moto should do with a call and does not, and lets moto do the rest. */
export type Limits = (
  action: string,
  fields: Readonly<Record<string, unknown>>,
  passOn: (fields: Readonly<Record<string, unknown>>) => Promise<Answer>,
) => Promise<Answer>

export interface Gateway {
  readonly url: string
  /** Of the calls since the last `treat`. */
  readonly actions: readonly string[]
  treat(by: (action: string) => Turn | Promise<Turn>): void
  close(): Promise<void>
}

/** Starts one on loopback in front of `upstream`, moto's URL; `limits` are those of Secrets Manager if not given. */
export async function startGateway(upstream: string, limits: Limits = limitSecretsManager): Promise<Gateway> {
  let actions: string[] = []
  let treatment: (action: string) => Turn | Promise<Turn> = () => 'pass'

  const send = async (request: IncomingMessage, body: string): Promise<Answer> => {
    const headers = Object.entries(request.headers)
      .filter(([name]) => /^(authorization|content-type|x-amz-.*)$/.test(name))
      .map(([name, value]): [string, string] => [name, `${value}`])
    const answer = await fetch(upstream, { method: 'POST', headers, body })
    return { status: answer.status, body: await answer.text() }
  }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const action = `${request.headers['x-amz-target']}`.replace(/^\w+\./, '')
    const body = await text(request)
    const passOn = (): Promise<Answer> =>
      body.startsWith('{')
        ? limits(action, JSON.parse(body), (fields) => send(request, JSON.stringify(fields)))
        : send(request, body)
    actions.push(action)
    const turn = await treatment(action)
    if (turn === 'hang') return
    if (turn === 'stall') {
      response.writeHead(200, { 'content-length': 100 }).write('{"ARN":')
      return
    }
    if (turn === 'lose') await passOn()
    if (turn === 'lose' || turn === 'drop') {
      request.socket.destroy()
      return
    }
    const answer = turn === 'pass' ? await passOn() : turn
    response
      .writeHead(answer.status, { 'x-amzn-requestid': '00000000-0000-4000-8000-000000000003' })
      .end(answer.body)
  }

  const server = createServer(
    (request, response) => void serve(request, response).catch(() => request.destroy()),
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get actions() {
      return actions
    },
    treat(by) {
      actions = []
      treatment = by
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** What the SDK finds in a Lambda function whose AWS is at `url`, and nothing of the machine that the tests run on. */
export function stubAwsEnvironment(url: string): void {
  vi.stubEnv('AWS_ENDPOINT_URL', url)
  vi.stubEnv('AWS_REGION', 'eu-west-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test')
  vi.stubEnv('AWS_SESSION_TOKEN', undefined)
  vi.stubEnv('AWS_PROFILE', undefined)
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null')
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  vi.stubEnv('AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED', 'true')
}

/** What AWS says of a longer value: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html */
const limitSecretsManager: Limits = async (_, fields, passOn) => {
  const { SecretString = '' } = fields
  if (Buffer.byteLength(`${SecretString}`) <= 65_536) return passOn(fields)
  return awsError(
    'ValidationException',
    "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less " +
      'than or equal to 65536',
  )
}

/** An error in the shape of AWS: moto's are HTTP 404 or XML where AWS's are 400 and JSON. */
export function awsError(code: string, message: string): Answer {
  return { status: 400, body: JSON.stringify({ __type: code, message }) }
}

/** Stands between the AWS SDK and moto, counts the calls and treats them as a test asks. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** What happens to a call: passed on; closed before or after it took effect; never answered, or half; answered here. */
export type Turn = 'pass' | 'drop' | 'lose' | 'hang' | 'stall' | { status: number; body: string }

export interface Gateway {
  readonly url: string
  /** Of the calls since the last `treat`. */
  readonly actions: readonly string[]
  treat(by: (action: string) => Turn | Promise<Turn>): void
  close(): Promise<void>
}

/** Starts one on loopback in front of `upstream`, moto's URL. */
export async function startGateway(upstream: string): Promise<Gateway> {
  let actions: string[] = []
  let treatment: (action: string) => Turn | Promise<Turn> = () => 'pass'

  const passOn = async (
    request: IncomingMessage,
    body: string,
  ): Promise<{ status: number; body: string }> => {
    const headers = Object.entries(request.headers)
      .filter(([name]) => /^(authorization|content-type|x-amz-.*)$/.test(name))
      .map(([name, value]): [string, string] => [name, `${value}`])
    const answer = await fetch(upstream, { method: 'POST', headers, body })
    return { status: answer.status, body: await answer.text() }
  }
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const action = `${request.headers['x-amz-target']}`.replace('secretsmanager.', '')
    const body = await text(request)
    actions.push(action)
    const turn = await treatment(action)
    if (turn === 'hang') return
    if (turn === 'stall') {
      response.writeHead(200, { 'content-length': 100 }).write('{"ARN":')
      return
    }
    if (turn === 'lose') await passOn(request, body)
    if (turn === 'lose' || turn === 'drop') {
      request.socket.destroy()
      return
    }
    const answer = turn === 'pass' ? (refuseLength(body) ?? (await passOn(request, body))) : turn
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

/** What AWS says of a longer value: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html */
function refuseLength(body: string): { status: number; body: string } | null {
  if (!body.startsWith('{')) return null
  const { SecretString = '' } = JSON.parse(body) as { SecretString?: string }
  if (Buffer.byteLength(SecretString) <= 65_536) return null
  const message =
    "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less " +
    'than or equal to 65536'
  return { status: 400, body: JSON.stringify({ __type: 'ValidationException', message }) }
}

/** An error in the shape of AWS: moto's are HTTP 404 or XML where AWS's are 400 and JSON. */
export function awsError(code: string, message: string): Turn {
  return { status: 400, body: JSON.stringify({ __type: code, message }) }
}

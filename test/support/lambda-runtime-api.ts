/**
 * Lambda's Runtime API on loopback: what a runtime asks for its work and tells of it. In place of Lambda the caller
 * sends events and gets what Lambda would say to them, after the deadline too.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** The error object of the Runtime API. */
export interface FunctionError {
  readonly errorType: string
  readonly errorMessage: string
  readonly trace?: readonly string[]
}

/** What the caller of the function sees. */
export interface Invocation {
  readonly requestId: string
  readonly result?: unknown
  /** `Sandbox.Timedout` where no answer came before the deadline. */
  readonly error?: FunctionError
}

/** A request as the runtime sent it. */
export interface RuntimeRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface LambdaRuntimeApi {
  /** `127.0.0.1:PORT`, for `AWS_LAMBDA_RUNTIME_API`. */
  readonly host: string
  /** Everything the runtime sent, oldest first. */
  readonly requests: readonly RuntimeRequest[]
  /** Queues an event. `limitMs` is the function's time limit, from when the event is handed out. */
  invoke(event: unknown, limitMs: number): Promise<Invocation>
  /** Rejects what waits, now and from now on: the runtime has ended. */
  fail(reason: Error): void
  close(): Promise<void>
}

interface Pending {
  readonly requestId: string
  readonly event: unknown
  readonly limitMs: number
  resolve(invocation: Invocation): void
  reject(error: Error): void
}

const prefix = '/2018-06-01/runtime'

export async function startLambdaRuntimeApi(): Promise<LambdaRuntimeApi> {
  const requests: RuntimeRequest[] = []
  const queue: Pending[] = []
  let idle: ServerResponse | null = null
  let current: (Pending & { readonly timer: NodeJS.Timeout }) | null = null
  let failure: Error | null = null

  const handOut = (): void => {
    const next = queue[0]
    if (!next || !idle || current) return
    queue.shift()
    const timer = setTimeout(() => {
      const errorMessage = `Task timed out after ${(next.limitMs / 1000).toFixed(2)} seconds`
      settle({ error: { errorType: 'Sandbox.Timedout', errorMessage } })
    }, next.limitMs)
    current = { ...next, timer }
    idle.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': next.requestId,
      'lambda-runtime-deadline-ms': Date.now() + next.limitMs,
      'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:eu-central-1:123456789012:function:tokens',
      'lambda-runtime-trace-id': 'Root=1-69af9d87-0a1b2c3d4e5f60718293a4b5;Parent=53995c3f42cd8ad8;Sampled=0',
    })
    idle.end(JSON.stringify(next.event))
    idle = null
  }
  const settle = (outcome: Omit<Invocation, 'requestId'>): void => {
    if (!current) return
    clearTimeout(current.timer)
    current.resolve({ requestId: current.requestId, ...outcome })
    current = null
  }

  // An error's headers repeat its message, for X-Ray, and a report is long.
  const server = createServer({ maxHeaderSize: 1024 * 1024 }, async (request, response) => {
    const { url = '', headers } = request
    const body = await text(request).catch(() => '')
    requests.push({ path: url, headers, body })
    const say = (status: number, content: object): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content))
    if (url === `${prefix}/invocation/next`) {
      idle = response
      return handOut()
    }
    if (url === `${prefix}/init/error`) return say(202, { status: 'OK' })
    const [, requestId, kind] = new RegExp(`^${prefix}/invocation/([^/]+)/(response|error)$`).exec(url) ?? []
    // Also what comes after the deadline: the invocation is over.
    if (!kind || requestId !== current?.requestId)
      return say(400, { errorType: 'InvalidRequestID', errorMessage: 'Invalid request ID' })
    say(202, { status: 'OK' })
    settle(kind === 'error' ? { error: JSON.parse(body) } : { result: JSON.parse(body) })
  })
  // A runtime waits for work as long as it takes.
  server.requestTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    invoke: (event, limitMs) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure)
        queue.push({ requestId: randomUUID(), event, limitMs, resolve, reject })
        handOut()
      }),
    fail(reason) {
      failure = reason
      if (current) clearTimeout(current.timer)
      for (const { reject } of current ? [current, ...queue] : queue) reject(reason)
      current = null
      queue.length = 0
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

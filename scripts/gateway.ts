/** A local API Gateway: HTTP in, events of an HTTP API (payload 2.0) to a built bundle, its reply out. */
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { readTarget } from '../lib/platform/web.ts'
import { type Handler, type LambdaApi, lambdaContext, lambdaPath, readBody } from './lambda-api.ts'

/** Told about each request answered; for people. */
export type OnAnswer = (method: string, path: string, status: number) => void

export interface GatewayOptions {
  readonly handler: Handler
  /** 0 takes any that is free. */
  readonly port: number
  readonly onAnswer: OnAnswer
  /** What is beside the gateway at the same address; default: nothing. */
  readonly lambda?: LambdaApi
}

/** The largest body that API Gateway takes. */
const mostBodyBytes = 10_485_760

/** Serves `handler` on 127.0.0.1. Rejects when the port is taken. */
export async function startGateway({ handler, port, onAnswer, lambda }: GatewayOptions): Promise<Server> {
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '' } = request
    const target = readTarget(url)
    if (target === null) {
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"message":"Bad Request"}')
      return onAnswer(method, url, 400)
    }
    if (lambda && target.startsWith(lambdaPath)) {
      const { status, headers, body } = await lambda.answer(request, target)
      response.writeHead(status, headers).end(body)
      return onAnswer(method, target, status)
    }
    const sent = await readBody(request, mostBodyBytes)
    if (sent === null) {
      response
        .writeHead(413, { 'content-type': 'application/json' })
        .end('{"message":"Request Entity Too Large"}')
      return onAnswer(method, target, 413)
    }
    const event = toEvent(request, target, sent)
    const answer = await handler(event, lambdaContext(30_000)).catch(() => null)
    // What API Gateway says when a function throws.
    const { statusCode, headers, body } = (answer ?? {
      statusCode: 500,
      headers: { 'content-type': 'application/json' },
      body: '{"message":"Internal Server Error"}',
    }) as { statusCode: number; headers: Record<string, string>; body: string }
    response.writeHead(statusCode, headers).end(body)
    onAnswer(event.requestContext.http.method, event.rawPath, statusCode)
  }
  const server = createServer((request, response) => {
    // A client that went away in the middle of its request waits for nothing; another is told that something is wrong.
    serve(request, response).catch(() => response.destroy())
  })
  // No proxy is here: `CONNECT host:port` (RFC 9112, 3.2.3), for which Node would only hang up.
  server.on('connect', ({ url = '' }: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => {})
    socket.end(
      'HTTP/1.1 405 Method Not Allowed\r\nallow: GET, HEAD\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
    )
    onAnswer('CONNECT', url, 405)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/**
 * The event of a request to the route `$default`, without an authorizer:
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
function toEvent(request: IncomingMessage, target: string, body: Buffer) {
  const [rawPath = '/', ...query] = target.split('?')
  const rawQueryString = query.join('?')
  const { cookie, connection: _, 'transfer-encoding': __, ...headers } = request.headersDistinct
  const cookies = cookie?.flatMap((line) => line.split(/; */)).filter((one) => one !== '') ?? []
  const sourceIp = request.socket.remoteAddress ?? ''
  const now = new Date()
  const isText = isTextType(request.headers['content-type'])
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    ...(cookies.length > 0 && { cookies }),
    headers: {
      ...Object.fromEntries(Object.entries(headers).map(([name, values = []]) => [name, values.join(',')])),
      'content-length': `${body.length}`,
      'x-amzn-trace-id': `Root=1-${Math.floor(now.getTime() / 1000).toString(16)}-${randomBytes(12).toString('hex')}`,
      'x-forwarded-for': [...(headers['x-forwarded-for'] ?? []), sourceIp].join(', '),
      'x-forwarded-port': `${request.socket.localPort}`,
      'x-forwarded-proto': 'http',
    },
    ...(rawQueryString && { queryStringParameters: joinRepeated(new URLSearchParams(rawQueryString)) }),
    requestContext: {
      accountId: '123456789012',
      apiId: 'local',
      // Not the `Host` header: whoever sends the request does not choose the API that takes it.
      domainName: 'local.execute-api.localhost',
      domainPrefix: 'local',
      http: {
        method: request.method ?? 'GET',
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp,
        userAgent: request.headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: '$default',
      stage: '$default',
      time: commonLogTime(now),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 && { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: body.length > 0 && !isText,
  }
}

/**
 * Whether API Gateway hands a body on as text. Its documentation only says "binary"; these types are what somebody
 * found by asking it (https://github.com/ministackorg/ministack/pull/766): no type at all and forms are not among them.
 */
function isTextType(contentType = ''): boolean {
  return /^(text\/[^;]+|application\/(json|xml|javascript))\s*(;|$)/i.test(contentType)
}

function joinRepeated(parameters: URLSearchParams): Record<string, string> {
  return Object.fromEntries([...parameters.keys()].map((name) => [name, parameters.getAll(name).join(',')]))
}

/** Such as `12/Mar/2020:19:03:58 +0000`. */
function commonLogTime(time: Date): string {
  return time.toUTCString().replace(/^\w+, (\d+) (\w+) (\d+) (\S+) GMT$/, '$1/$2/$3:$4 +0000')
}

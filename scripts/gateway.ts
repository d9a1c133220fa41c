/** A local API Gateway: HTTP in, events of an HTTP API (payload 2.0) to a built bundle, its reply out. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'

export type Handler = (event: unknown, context: unknown) => Promise<unknown>

/** Told about each request answered; for people. */
export type OnAnswer = (method: string, path: string, status: number) => void

/** Serves `handler` on 127.0.0.1 at `port` (0: any). Rejects when the port is taken. */
export async function startGateway(handler: Handler, port: number, onAnswer: OnAnswer): Promise<Server> {
  const server = createServer(async (request, response) => {
    const event = await toEvent(request)
    const answer = await handler(event, lambdaContext(30_000)).catch(() => null)
    // What API Gateway says when a function throws.
    const { statusCode, headers, body } = (answer ?? {
      statusCode: 500,
      headers: { 'content-type': 'application/json' },
      body: '{"message":"Internal Server Error"}',
    }) as { statusCode: number; headers: Record<string, string>; body: string }
    response.writeHead(statusCode, headers).end(body)
    onAnswer(event.requestContext.http.method, event.rawPath, statusCode)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** The context of an invocation that may last `limitMs` milliseconds. */
export function lambdaContext(limitMs: number): object {
  const deadline = Date.now() + limitMs
  return { awsRequestId: randomUUID(), getRemainingTimeInMillis: () => deadline - Date.now() }
}

async function toEvent(request: IncomingMessage) {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const [rawPath = '/', ...query] = (request.url ?? '/').split('?')
  const rawQueryString = query.join('?')
  const now = new Date()
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    headers: Object.fromEntries(
      Object.entries(request.headersDistinct).map(([name, values]) => [name, (values ?? []).join(',')]),
    ),
    ...(rawQueryString && {
      queryStringParameters: Object.fromEntries(new URLSearchParams(rawQueryString)),
    }),
    requestContext: {
      accountId: '123456789012',
      apiId: 'local',
      domainName: request.headers.host ?? '127.0.0.1',
      domainPrefix: 'local',
      http: {
        method: request.method ?? 'GET',
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: request.headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: '$default',
      stage: '$default',
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 && { body: body.toString('base64') }),
    isBase64Encoded: body.length > 0,
  }
}

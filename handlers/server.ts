/** An HTTP server with bounds on what comes in, which ends after the requests that are under way. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { RawRequest } from '../lib/platform/web.ts'

export interface ServerAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface HttpServer {
  readonly address: AddressInfo
  /** Takes no more connections, and resolves when the requests under way are answered. */
  stop(): Promise<void>
}

/** Of the request line and all headers; more is answered with 431. */
const mostHeaderBytes = 16_384
/** Who sends slower than that is answered with 408. */
const headersMs = 10_000
const requestMs = 15_000
const lookEveryMs = 1_000
/** Longer than load balancers leave a connection idle (60 s mostly), so that none of them uses one that is closing. */
const keepAliveMs = 75_000
/** Who does not take an answer for so long is cut off. */
const takeMs = 60_000
/** Nobody needs bodies. So much is read and dropped, so that the connection can go on; larger ones end it. */
const mostBodyBytes = 1_048_576

/** Serves what `answer` gives; where that rejects, the connection ends. No `host`: all addresses. Rejects when it cannot listen. */
export async function startServer(
  answer: (request: RawRequest) => Promise<ServerAnswer>,
  { port, host }: { readonly port: number; readonly host?: string },
): Promise<HttpServer> {
  const pending = new Set<ServerResponse>()
  let onIdle: (() => void) | undefined

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    pending.add(response)
    response.once('close', () => {
      pending.delete(response)
      if (pending.size === 0) onIdle?.()
    })
    dropBody(request, response)
    const { status, headers, body } = await answer({
      method: request.method ?? '',
      url: request.url ?? '',
      rawHeaders: request.rawHeaders,
    })
    const hasBody = request.method !== 'HEAD' && status !== 304
    if (onIdle) response.shouldKeepAlive = false
    response.writeHead(status, { ...headers, ...(hasBody && { 'content-length': Buffer.byteLength(body) }) })
    response.end(body)
    const cut = setTimeout(() => response.destroy(), takeMs)
    response.once('close', () => clearTimeout(cut))
  }

  function receive(request: IncomingMessage, response: ServerResponse): void {
    respond(request, response).catch(() => response.destroy())
  }

  const server = createServer({
    maxHeaderSize: mostHeaderBytes,
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: lookEveryMs,
    keepAliveTimeout: keepAliveMs,
  })
  // However many the size allows: Node drops those beyond a number, and the platform's may be the last.
  server.maxHeadersCount = 0
  server.on('request', receive)
  // Whoever waits to be told to send a body is told the answer. Whether the body comes all the same nobody knows.
  server.on('checkContinue', (request, response) => {
    response.shouldKeepAlive = false
    receive(request, response)
  })
  // `CONNECT host:port` (RFC 9112, 3.2.3), for which Node would only hang up.
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => {})
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as Socket)
    response.once('finish', () => (socket as Socket).destroySoon())
    receive(request, response)
  })
  server.listen({ port, ...(host !== undefined && { host }) })
  await once(server, 'listening')
  return {
    address: server.address() as AddressInfo,
    stop: () =>
      new Promise((resolve) => {
        onIdle = resolve
        // Idle connections with it. Those whose request is not whole yet go with the process.
        server.close()
        if (pending.size === 0) resolve()
      }),
  }
}

function dropBody(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= mostBodyBytes) return
    if (response.writableFinished) request.destroy()
    // Left where it is until the answer is out, and the connection ends with that.
    response.shouldKeepAlive = false
    request.pause()
  })
}

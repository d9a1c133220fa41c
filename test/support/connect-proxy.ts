/** A proxy on loopback that opens tunnels (CONNECT), or does what a test asks instead. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'

/** Opens the tunnel; refuses with a status; never answers; closes the connection; says what is no HTTP. */
export type Treatment = 'open' | number | 'hang' | 'close' | 'garbage'

export interface ConnectProxy {
  readonly port: number
  /** What was asked for, oldest first: `HOST:PORT`, and `Proxy-Authorization`. */
  readonly asked: { readonly target: string; readonly authorization: string | undefined }[]
  treatment: Treatment
  close(): Promise<void>
}

/** Each tunnel leads to what `ports` has for the host that was asked for. With `tls` the proxy itself speaks TLS. */
export async function startConnectProxy(
  ports: Readonly<Record<string, number>>,
  tls?: { readonly key: string; readonly cert: string },
): Promise<ConnectProxy> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  }
  const tunnel = ({ url: target = '', headers }: IncomingMessage, socket: Socket): void => {
    keep(socket)
    proxy.asked.push({ target, authorization: headers['proxy-authorization'] })
    const { treatment } = proxy
    if (treatment === 'close') socket.destroy()
    else if (treatment === 'garbage') socket.end('220 smtp.example.com\r\n')
    else if (typeof treatment === 'number')
      socket.end(`HTTP/1.1 ${treatment} No\r\ncontent-length: 0\r\n\r\n`)
    else if (treatment === 'open') {
      const behind = connect(ports[target.replace(/:\d+$/, '')] ?? 0, '127.0.0.1')
      keep(behind)
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(behind).pipe(socket)
      behind.on('close', () => socket.destroy())
      socket.on('close', () => behind.destroy())
    }
  }
  const server = tls ? createSecureServer(tls) : createServer()
  server.on('connect', tunnel).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: ConnectProxy = {
    port: (server.address() as AddressInfo).port,
    asked: [],
    treatment: 'open',
    async close() {
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}

/** Opens connections: all addresses of a name are tried, and a proxy is gone through where one is set. */
import { connect as connectTo, isIP, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { CodedError } from './errors.ts'
import { codeOfFailure } from './foreign.ts'
import type { HttpProxy } from './proxy.ts'
import { ageMs, type Moment, momentOf, type Time } from './time.ts'

/** A connection that was not made; the message is ours. `code` is Node's, or `Proxy407` and the like. */
export class ConnectError extends CodedError {}

export interface ConnectDependencies {
  /** `null`: there is none. */
  readonly proxy: HttpProxy | null
  /** The addresses of a name, the best first. Default: what the system says. */
  lookup?(host: string): Promise<readonly string[]>
  /** Begins a connection to an address. Default: Node's. */
  connect?(address: string, port: number): Socket
  /** Connections that are there already. Default: none. */
  readonly shelf?: Pick<Shelf, 'take'>
}

/** Where connections go to, and whether TLS is on them. */
export interface Destination {
  readonly host: string
  readonly port: number
  readonly use: 'tls' | 'plain'
}

/** Connections that were opened before anybody needed them. Each is given to one taker, while it is fresh. */
export interface Shelf {
  put(to: Destination, socket: Socket): void
  /** One that is ready for use, TLS included; `null` where there is none. */
  take(to: Destination): Socket | null
}

/**
 * How long an unused connection is trusted. Servers close one on which nothing is asked after some seconds or a minute, and
 * whoever was frozen meanwhile hears of that too late.
 */
export const freshMs = 10_000

export function createShelf(time: Pick<Time, 'now' | 'monotonic'>): Shelf {
  const ready: { readonly to: Destination; readonly socket: Socket; readonly since: Moment }[] = []
  return {
    put(to, socket) {
      ready.push({ to, socket, since: momentOf(time) })
    },

    take({ host, port, use }) {
      for (;;) {
        const at = ready.findIndex(({ to }) => to.host === host && to.port === port && to.use === use)
        const [entry] = at < 0 ? [] : ready.splice(at, 1)
        if (!entry) return null
        const { socket, since } = entry
        // One that ended meanwhile costs nobody anything.
        if (socket.readable && socket.writable && ageMs(time, since) < freshMs) return socket
        socket.destroy()
      }
    },
  }
}

export interface Connector {
  /**
   * Opens a connection to a host, through the proxy if it covers that host and `tls` will follow. It does not keep the
   * process alive until its `ref` is called. Rejects with a `ConnectError` or an error of Node.
   */
  open(host: string, port: number, use: 'tls' | 'plain'): Promise<Socket>
  /** Puts TLS on an open connection to that host. */
  secure(socket: Socket, host: string): Promise<TLSSocket>
  /** A connection with all that, ready for use: one from the shelf, or a new one. */
  connect(to: Destination): Promise<Socket>
  /** One from the shelf, if there is one. */
  take(to: Destination): Socket | null
  /** ` through the proxy of HTTPS_PROXY`, for messages, or nothing. */
  way(host: string, port: number, use: 'tls' | 'plain'): string
}

/** How long each step may take: to connect to an address of the name, to be let through by the proxy, the handshake. */
const stepMs = 5_000
/**
 * After this time without an answer the next address is tried too. The ones before go on: a line may be slow. Node's own
 * way ends each for the next, and over a line that takes longer never connects. The number is RFC 8305's.
 */
const staggerMs = 250

export function createConnector({
  proxy,
  lookup = lookUp,
  connect = connectToAddress,
  shelf,
}: ConnectDependencies): Connector {
  /** What makes the next handshake with a host short. */
  const sessions = new Map<string, Buffer>()

  function proxyTo(host: string, port: number, use: 'tls' | 'plain'): HttpProxy | null {
    return use === 'tls' && proxy?.covers(host, port) ? proxy : null
  }

  async function openDirectly(host: string, port: number): Promise<Socket> {
    return firstToConnect(interleave(await lookup(host)), (address) => connect(address, port))
  }

  async function secure(socket: Socket, host: string): Promise<TLSSocket> {
    // Loaded on first need, as is the proxy's HTTP: a cold start that answers from elsewhere needs neither.
    const { connect: connectTls } = await import('node:tls')
    const session = sessions.get(host)
    const secured = connectTls({
      socket,
      host,
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      ...(session && { session }),
    })
    secured.on('error', () => {})
    secured.on('session', (fresh) => void sessions.set(host, fresh))
    await settled(secured, 'secureConnect', `the TLS handshake did not end within ${stepMs} ms`)
    return secured
  }

  async function openTunnel(through: HttpProxy, host: string, port: number): Promise<Socket> {
    const { variable } = through
    let socket: Socket
    try {
      socket = await openDirectly(through.host, through.port)
      if (through.secure) socket = await secure(socket, through.host)
    } catch (error) {
      throw new ConnectError(
        codeOfFailure(error) ?? 'UnknownError',
        `the proxy of ${variable} cannot be reached`,
      )
    }
    return askForTunnel(socket, through, host, port)
  }

  async function open(host: string, port: number, use: 'tls' | 'plain'): Promise<Socket> {
    const through = proxyTo(host, port, use)
    return through ? openTunnel(through, host, port) : openDirectly(host, port)
  }

  const take = (to: Destination): Socket | null => shelf?.take(to) ?? null

  return {
    open,
    secure,
    take,
    async connect(to) {
      const ready = take(to)
      if (ready) return ready
      const socket = await open(to.host, to.port, to.use)
      return to.use === 'tls' ? secure(socket, to.host) : socket
    },
    way(host, port, use) {
      const through = proxyTo(host, port, use)
      return through ? ` through the proxy of ${through.variable}` : ''
    },
  }
}

async function lookUp(host: string): Promise<readonly string[]> {
  const { lookup } = await import('node:dns')
  return new Promise((resolve, reject) =>
    lookup(host, { all: true }, (error, found) =>
      error ? reject(error) : resolve(found.map(({ address }) => address)),
    ),
  )
}

function connectToAddress(host: string, port: number): Socket {
  const socket = connectTo({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 })
  // Whoever uses it listens too; between two that do, nobody may.
  socket.on('error', () => {})
  // Whoever waits for it has a timer. Where nobody does any more, it keeps no process alive.
  return socket.unref()
}

/** Families take turns, that of the best address first: where one is filtered, the second address tried is good. */
function interleave(addresses: readonly string[]): string[] {
  const first = addresses.filter((address) => isIP(address) === isIP(addresses[0] ?? ''))
  const second = addresses.filter((address) => !first.includes(address))
  return first
    .flatMap((address, i) => [address, ...second.slice(i, i + 1)])
    .concat(second.slice(first.length))
}

/** Connects to the addresses in turn, side by side, and keeps the one that answers first. */
function firstToConnect(addresses: readonly string[], connect: (address: string) => Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const waiting = [...addresses]
    const trying = new Set<Socket>()
    let failure: Error | undefined
    let stagger: NodeJS.Timeout | undefined
    const late = (): Error =>
      new ConnectError('ETIMEDOUT', `no address of the host answered within ${stepMs} ms`)
    const patience = setTimeout(() => finish(() => reject(late())), stepMs).unref()

    function finish(settle: () => void): void {
      clearTimeout(patience)
      clearTimeout(stagger)
      waiting.length = 0
      for (const socket of trying) socket.destroy()
      settle()
    }

    function tryNext(): void {
      clearTimeout(stagger)
      const address = waiting.shift()
      if (address === undefined) {
        if (trying.size === 0) finish(() => reject(failure ?? late()))
        return
      }
      const socket = connect(address)
      trying.add(socket)
      const fail = (error: Error): void => {
        trying.delete(socket)
        // That this machine has no way to a family says less than what the other family answered.
        if (!failure || !isUnreachable(error)) failure = error
        tryNext()
      }
      socket.once('error', fail)
      socket.once('connect', () => {
        trying.delete(socket)
        socket.off('error', fail)
        finish(() => resolve(socket))
      })
      if (waiting.length > 0) stagger = setTimeout(tryNext, staggerMs).unref()
    }

    tryNext()
  })
}

function isUnreachable(error: Error): boolean {
  return /^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|EAFNOSUPPORT)$/.test(codeOfFailure(error) ?? '')
}

/** Asks a proxy, by CONNECT, for a connection to a host; what comes back is that connection. */
async function askForTunnel(
  socket: Socket,
  { variable, authorization }: HttpProxy,
  host: string,
  port: number,
): Promise<Socket> {
  const { request } = await import('node:http')
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  const asked = request({
    method: 'CONNECT',
    path: authority,
    headers: {
      host: authority,
      connection: 'keep-alive',
      ...(authorization !== null && { 'proxy-authorization': authorization }),
    },
    createConnection: () => socket,
  })
  const status = new Promise<number>((resolve, reject) => {
    asked.once('connect', ({ statusCode = 0 }, _, early) => {
      if (early.length > 0) socket.unshift(early)
      resolve(statusCode)
    })
    asked.once('error', (error) =>
      reject(new ConnectError(codeOfFailure(error) ?? 'UnknownError', `the proxy of ${variable} broke off`)),
    )
  })
  asked.end()
  const patience = setTimeout(
    () => asked.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })),
    stepMs,
  ).unref()
  const code = await status.finally(() => clearTimeout(patience))
  if (code >= 200 && code < 300) return socket
  socket.destroy()
  throw new ConnectError(`Proxy${code}`, `the proxy of ${variable} refused`)
}

/** Waits for `event`, and ends the socket where an error, or nothing, comes instead. */
function settled(socket: Socket, event: 'secureConnect', late: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => socket.destroy(new ConnectError('ETIMEDOUT', late)), stepMs).unref()
    socket.once('error', fail)
    socket.once(event, () => {
      clearTimeout(patience)
      socket.off('error', fail)
      resolve()
    })
    function fail(error: Error): void {
      clearTimeout(patience)
      reject(error)
    }
  })
}

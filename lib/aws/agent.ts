/** The connections of the AWS SDK, opened as those to Tencent are. Part of `aws.js`: see sdk.ts. */
import { Agent as PlainAgent } from 'node:http'
import { Agent } from 'node:https'
import type { Socket } from 'node:net'
import { type Connector, freshMs } from '../connect.ts'
import { ageMs, type Moment, momentOf, type Time } from '../time.ts'

/** As many as the SDK's own agents have. */
const limits = { keepAlive: true, maxSockets: 50 }

/** Makes the agent of one client, which ends its connections when the client is destroyed. */
export function createAgent({ open, take }: Connector, time: Pick<Time, 'now' | 'monotonic'>): Agent {
  const agent = new Agent(limits)
  // Node's own, which puts TLS on a socket that it is given. Its types leave it out.
  const { createConnection: secure } = agent as unknown as { createConnection: CreateConnection }
  const createConnection: CreateConnection = (options, callback) => {
    const ready = take({ ...options, use: 'tls' })
    if (ready) return ready.ref()
    open(options.host, options.port, 'tls').then(
      (socket) =>
        callback(null, secure.call(agent, { ...options, socket: socket.ref() }, callback) as Socket),
      (error: Error) => callback(error),
    )
    return undefined
  }
  return Object.assign(doubtful(agent, time), { createConnection })
}

/** The same for plain HTTP: to this machine, or to the platform's own endpoint of credentials. */
export function createPlainAgent({ connect }: Connector, time: Pick<Time, 'now' | 'monotonic'>): PlainAgent {
  const createConnection: CreateConnection = ({ host, port }, callback) => {
    connect({ host, port, use: 'plain' }).then((socket) => callback(null, socket.ref()), callback)
    return undefined
  }
  return Object.assign(doubtful(new PlainAgent(limits), time), { createConnection })
}

/**
 * Has no connection used again that was idle for long: it may have died unnoticed, as while the process was frozen, and to find
 * that out takes longer than to open another.
 */
function doubtful<Any extends PlainAgent>(agent: Any, time: Pick<Time, 'now' | 'monotonic'>): Any {
  const idleSince = new WeakMap<object, Moment>()
  const { addRequest, keepSocketAlive } = agent as unknown as Kept
  return Object.assign(agent, {
    keepSocketAlive(socket: Socket) {
      idleSince.set(socket, momentOf(time))
      return keepSocketAlive.call(agent, socket)
    },
    addRequest(...request: unknown[]) {
      for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) {
        const since = idleSince.get(socket)
        if (since && ageMs(time, since) >= freshMs) socket.destroy()
      }
      addRequest.apply(agent, request)
    },
  })
}

/** Of Node's agent: what it does with a connection that is free again, and with a request. Its types leave the second out. */
interface Kept {
  keepSocketAlive(socket: Socket): boolean
  addRequest(...request: unknown[]): void
}

type CreateConnection = (
  options: { readonly host: string; readonly port: number; readonly socket?: Socket },
  callback: (error: Error | null, socket?: Socket) => void,
) => Socket | undefined

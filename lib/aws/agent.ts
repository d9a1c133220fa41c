/** The connections of the AWS SDK, opened as those to Tencent are. Part of `aws.js`: see sdk.ts. */
import { Agent as PlainAgent } from 'node:http'
import { Agent } from 'node:https'
import type { Socket } from 'node:net'
import type { Connector } from '../connect.ts'

/** As many as the SDK's own agents have. */
const limits = { keepAlive: true, maxSockets: 50 }

/** Makes the agent of one client, which ends its connections when the client is destroyed. */
export function createAgent({ open, take }: Connector): Agent {
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
  return Object.assign(agent, { createConnection })
}

/** The same for plain HTTP: to this machine, or to the platform's own endpoint of credentials. */
export function createPlainAgent({ connect }: Connector): PlainAgent {
  const createConnection: CreateConnection = ({ host, port }, callback) => {
    connect({ host, port, use: 'plain' }).then((socket) => callback(null, socket.ref()), callback)
    return undefined
  }
  return Object.assign(new PlainAgent(limits), { createConnection })
}

type CreateConnection = (
  options: { readonly host: string; readonly port: number; readonly socket?: Socket },
  callback: (error: Error | null, socket?: Socket) => void,
) => Socket | undefined

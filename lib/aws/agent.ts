/** The connections of the AWS SDK, opened as those to Tencent are. Part of `aws.js`: see sdk.ts. */
import { Agent } from 'node:https'
import type { Socket } from 'node:net'
import type { Connector } from '../connect.ts'

/** As many as the SDK's own agent has. */
const maxSockets = 50

/** Makes the agent of one client, which ends its connections when the client is destroyed. */
export function createAgent({ open }: Connector): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets })
  // Node's own, which puts TLS on a socket that it is given. Its types leave it out.
  const { createConnection: secure } = agent as unknown as { createConnection: CreateConnection }
  const createConnection: CreateConnection = (options, callback) => {
    open(options.host, options.port, 'tls').then(
      (socket) =>
        callback(null, secure.call(agent, { ...options, socket: socket.ref() }, callback) as Socket),
      (error: Error) => callback(error),
    )
    return undefined
  }
  return Object.assign(agent, { createConnection })
}

type CreateConnection = (
  options: { readonly host: string; readonly port: number; readonly socket?: Socket },
  callback: (error: Error | null, socket?: Socket) => void,
) => Socket | undefined

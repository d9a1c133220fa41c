/** The agent that the AWS SDK gets: TLS over what the connector opens. */
import { once } from 'node:events'
import { createServer, request, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createAgent } from '../../../lib/aws/agent.ts'
import { createConnector } from '../../../lib/connect.ts'
import { type DeafServer, startDeafServer } from '../../support/deaf-server.ts'
import { timeOf } from '../../support/time-of.ts'

let server: Server
let deaf: DeafServer
let ca: string
let port: number
let connections = 0

beforeAll(async () => {
  const made = await generate([{ name: 'commonName', value: 'name.test' }], {
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'name.test' }] },
    ],
  })
  ca = made.cert
  server = createServer({ key: made.private, cert: ca }, (_, response) => response.end('good'))
  server.on('connection', () => connections++).listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  deaf = await startDeafServer('127.0.0.2', port)
})
afterAll(() => {
  deaf.close()
  server.closeAllConnections()
  server.close()
})

function agentFor(addresses: readonly string[], now = (): number => 0) {
  return createAgent(createConnector({ proxy: null, lookup: async () => addresses }), timeOf(now))
}

async function ask(agent: ReturnType<typeof createAgent>, trusted?: string): Promise<string> {
  const asked = request({ agent, host: 'name.test', port, ...(trusted && { ca: trusted }) }).end()
  const [response] = await once(asked, 'response')
  return text(response)
}

describe('createAgent', () => {
  it('connects where one of two addresses does not answer, and keeps the connection', async () => {
    const before = connections
    const agent = agentFor(['127.0.0.2', '127.0.0.1'])
    expect(await ask(agent, ca)).toBe('good')
    expect(await ask(agent, ca)).toBe('good')
    expect(connections - before).toBe(1)
    const [kept] = Object.values(agent.freeSockets).flat()
    const closed = once(kept as NonNullable<typeof kept>, 'close')
    agent.destroy()
    await closed
  })

  it('uses no connection again that was idle for ten seconds', async () => {
    let now = 0
    const before = connections
    const agent = agentFor(['127.0.0.1'], () => now)
    onTestFinished(() => agent.destroy())
    for (const [idleMs, made] of [
      [0, 1],
      [9_999, 1],
      [9_999, 1],
      [10_000, 2],
    ] as const) {
      now += idleMs
      expect(await ask(agent, ca)).toBe('good')
      expect(connections - before).toBe(made)
    }
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1)
  })

  it('says how a connection failed', async () => {
    const refused = agentFor(['127.0.0.3'])
    await expect(ask(refused, ca)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('trusts nobody by itself', async () => {
    const agent = agentFor(['127.0.0.1'])
    await expect(ask(agent)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  })
})

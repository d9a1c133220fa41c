/** Connections over lines that are slow, and to addresses of which some are dead: real ones on loopback. */
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createAgent } from '../../lib/aws/agent.ts'
import { createConnector, createShelf, type Destination } from '../../lib/connect.ts'
import { readProxy } from '../../lib/proxy.ts'
import { createTransport } from '../../lib/tencent/transport.ts'
import { startConnectProxy, type Treatment } from '../support/connect-proxy.ts'
import { startDeafServer } from '../support/deaf-server.ts'

const hasIpv6 = Object.values(networkInterfaces()).some((found) =>
  found?.some(({ address }) => address === '::1'),
)
const cleanUp: (() => unknown)[] = []
afterEach(async () => {
  vi.useRealTimers()
  for (const close of cleanUp.splice(0)) await close()
})

async function listen(host = '127.0.0.1'): Promise<number> {
  const server: Server = createServer((_, response) => response.end('good')).listen(0, host)
  cleanUp.push(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function deafen(host: string, port: number) {
  const deaf = await startDeafServer(host, port)
  cleanUp.push(deaf.close)
  return deaf
}

/** One call to a name with these addresses. */
function ask(port: number, addresses: readonly string[]) {
  const { send, tried } = watched(addresses)
  const endpoint = `http://name.test:${port}`
  return { answer: send({ endpoint, headers: {}, body: '', timeoutMs: 30_000 }), tried }
}

function watched(addresses: readonly string[]) {
  const looked: string[] = []
  const send = createTransport({
    proxy: null,
    lookup: async (host) => {
      looked.push(host)
      return addresses
    },
  })
  return { send, tried: looked }
}

describe('createConnector', () => {
  // Nobody listens on 127.0.0.3; on 127.0.0.2 somebody does who never answers.
  it.each([
    ['the last of three, where the first does not answer', ['127.0.0.2', '127.0.0.3', '127.0.0.1']],
    ['the first of two', ['127.0.0.1', '127.0.0.2']],
    ['the second, where the first refuses', ['127.0.0.3', '127.0.0.1', '127.0.0.2']],
    ['the last of four', ['127.0.0.2', '127.0.0.2', '127.0.0.2', '127.0.0.1']],
  ])('connects to %s, in one attempt', async (_, addresses) => {
    const port = await listen()
    await deafen('127.0.0.2', port)
    const { answer, tried } = ask(port, addresses)
    expect(await answer).toMatchObject({ body: 'good' })
    expect(tried).toEqual(['name.test'])
  })

  it.skipIf(!hasIpv6)(
    'connects by IPv4 where nothing answers by IPv6, however many addresses that has',
    async () => {
      const port = await listen()
      await deafen('::1', port)
      const { answer, tried } = ask(port, [...Array(30).fill('::1'), '127.0.0.1'])
      expect(await answer).toMatchObject({ body: 'good' })
      expect(tried).toHaveLength(1)
    },
  )

  // Node gives up the first address after 250 ms for the second, and so never connects over such a line.
  it.each([
    ['refuses', ['127.0.0.2', '127.0.0.3']],
    ['does not answer', ['127.0.0.2', '127.0.0.5']],
    ['comes first and refuses', ['127.0.0.3', '127.0.0.2']],
    ['comes first and does not answer', ['127.0.0.5', '127.0.0.2']],
  ])('connects over a line that takes a second, where another address %s', async (_, addresses) => {
    const port = await listen()
    const slow = await deafen('127.0.0.2', port)
    if (addresses.includes('127.0.0.5')) await deafen('127.0.0.5', port)
    const { answer, tried } = ask(port, addresses)
    setTimeout(slow.wake, 500)
    expect(await answer).toMatchObject({ body: 'awake' })
    expect(tried).toHaveLength(1)
  })

  it('says how the last address failed where none answers', async () => {
    const { answer } = ask(await listen(), ['127.0.0.3', '127.0.0.4'])
    await expect(answer).rejects.toMatchObject({
      code: 'ClientError.NetworkError',
      message: 'connection failed (ECONNREFUSED)',
    })
  })

  it('says which name is not known', async () => {
    const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND name.test'), { code: 'ENOTFOUND' })
    const connector = createConnector({ proxy: null, lookup: () => Promise.reject(unknown) })
    await expect(connector.open('name.test', 443, 'tls')).rejects.toBe(unknown)
  })

  interface Fate {
    readonly ends: 'connect' | 'error' | 'never'
    readonly afterMs: number
    readonly family: 4 | 6
  }
  const fate: fc.Arbitrary<Fate> = fc.record({
    ends: fc.constantFrom('connect', 'error', 'never'),
    afterMs: fc.nat(3_000),
    family: fc.constantFrom(4, 6),
  })

  it('connects if any address answers, tries each once, and leaves nothing open behind it', async () => {
    vi.useFakeTimers()
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { minLength: 1, maxLength: 6 }), async (fates) => {
        const addresses = fates.map(({ family }, i) => (family === 4 ? `127.0.0.${i + 1}` : `::${i + 1}`))
        const sockets = new Map<string, Stub>()
        const connector = createConnector({
          proxy: null,
          lookup: async () => addresses,
          connect: (address) => {
            expect(sockets.has(address)).toBe(false)
            const { ends, afterMs } = fates[addresses.indexOf(address)] as Fate
            const socket = new Stub()
            if (ends !== 'never') setTimeout(() => socket.end(ends), afterMs)
            sockets.set(address, socket)
            return socket as unknown as Socket
          },
        })
        const opened = connector.open('name.test', 443, 'plain').then(
          (socket) => ({ winner: socket as unknown as Stub, said: '' }),
          (error: Error) => ({ winner: null, said: error.message }),
        )
        await vi.advanceTimersByTimeAsync(10_000)
        const { winner, said } = await opened
        const has = (end: Fate['ends']): boolean => fates.some(({ ends }) => ends === end)
        expect(winner !== null).toBe(has('connect'))
        if (!winner)
          expect(said).toBe(
            has('never') ? 'no address of the host answered within 5000 ms' : 'no way, or refused',
          )
        for (const socket of sockets.values()) expect(socket.open).toBe(socket === winner)
        expect(vi.getTimerCount()).toBe(0)
      }),
    )
  })
})

describe('createConnector with a proxy', () => {
  async function startProxy(treatment: Treatment) {
    const proxy = await startConnectProxy({ 'name.test': await listen() })
    cleanUp.push(proxy.close)
    proxy.treatment = treatment
    return proxy
  }

  const looked: string[] = []
  function askThrough(port: number, timeoutMs = 30_000) {
    const send = createTransport({
      proxy: readProxy(
        { HTTPS_PROXY: `http://canary-user:canary-pass@proxy.test:${port}`, NO_PROXY: 'direct.test' },
        () => {},
      ),
      lookup: async (host) => {
        looked.push(host)
        return ['127.0.0.1']
      },
    })
    return send({ endpoint: 'https://name.test', headers: {}, body: '', timeoutMs })
  }

  it('asks it for the name, which is looked for nowhere else, and shakes hands with what answers', async () => {
    looked.length = 0
    const proxy = await startProxy('open')
    // What is behind that proxy speaks no TLS.
    await expect(askThrough(proxy.port)).rejects.toMatchObject({
      code: 'ClientError.NetworkError',
      message: expect.stringMatching(
        /^connection through the proxy of HTTPS_PROXY failed \([A-Z_]*SSL[A-Z_]*\)$/,
      ),
    })
    expect(proxy.asked).toEqual([
      { target: 'name.test:443', authorization: `Basic ${btoa('canary-user:canary-pass')}` },
    ])
    expect(looked).toEqual(['proxy.test'])
  })

  it.each<[Treatment, string]>([
    [407, 'Proxy407: the proxy of HTTPS_PROXY refused'],
    [403, 'Proxy403: the proxy of HTTPS_PROXY refused'],
    [502, 'Proxy502: the proxy of HTTPS_PROXY refused'],
    ['close', 'ECONNRESET: the proxy of HTTPS_PROXY broke off'],
    ['garbage', 'HPE_INVALID_CONSTANT: the proxy of HTTPS_PROXY broke off'],
  ])('says of one that answers with %s: %s', async (treatment, words) => {
    const { port } = await startProxy(treatment)
    await expect(askThrough(port)).rejects.toMatchObject({
      code: 'ClientError.NetworkError',
      message: `connection through the proxy of HTTPS_PROXY failed (${words})`,
    })
  })

  it('keeps the deadline where it never answers', async () => {
    const { port } = await startProxy('hang')
    await expect(askThrough(port, 50)).rejects.toMatchObject({
      code: 'ClientError.Timeout',
      message: 'no answer within 50 ms through the proxy of HTTPS_PROXY',
    })
  })

  it('says that the proxy, not the host, cannot be reached', async () => {
    const proxy = await startProxy('close')
    await proxy.close()
    await expect(askThrough(proxy.port)).rejects.toMatchObject({
      message:
        'connection through the proxy of HTTPS_PROXY failed (ECONNREFUSED: the proxy of HTTPS_PROXY cannot be reached)',
    })
  })

  it('leaves out plain connections and hosts of NO_PROXY', () => {
    const proxy = readProxy({ https_proxy: 'proxy.test', NO_PROXY: 'direct.test' }, () => {})
    const { way } = createConnector({ proxy })
    expect(way('name.test', 443, 'tls')).toBe(' through the proxy of https_proxy')
    expect(way('name.test', 80, 'plain')).toBe('')
    expect(way('direct.test', 443, 'tls')).toBe('')
  })
})

/** What of a socket is used until it is connected. */
class Stub extends EventEmitter {
  open = true

  end(how: 'connect' | 'error'): void {
    if (!this.open) return
    if (how === 'error') this.open = false
    this.emit(how, new Error('no way, or refused'))
  }

  destroy(): void {
    this.open = false
  }
}

describe('createShelf', () => {
  const clock = { calendar: 0, monotonic: 0 }
  const time = { now: () => clock.calendar, monotonic: () => clock.monotonic }

  /** A shelf with one connection on it, to a server that can do to it what servers do. */
  async function shelve() {
    const server = createNetServer().listen(0, '127.0.0.1')
    cleanUp.push(() => server.close())
    await once(server, 'listening')
    const to: Destination = { host: '127.0.0.1', port: (server.address() as AddressInfo).port, use: 'plain' }
    const [socket, [far]] = await Promise.all([
      createConnector({ proxy: null }).connect(to),
      once(server, 'connection') as Promise<[Socket]>,
    ])
    cleanUp.push(() => far.destroy())
    const shelf = createShelf(time)
    shelf.put(to, socket)
    return { shelf, to, socket, far }
  }

  it('gives a connection once, and to its own destination only', async () => {
    const { shelf, to, socket } = await shelve()
    const others = [
      { ...to, host: 'localhost' },
      { ...to, port: 1 },
      { ...to, use: 'tls' as const },
    ]
    for (const other of others) expect(shelf.take(other)).toBeNull()
    expect(shelf.take(to)).toBe(socket)
    expect(shelf.take(to)).toBeNull()
    socket.destroy()
  })

  it.each([
    ['ends', (far: Socket) => void far.end()],
    ['resets', (far: Socket) => void far.resetAndDestroy()],
  ])('gives none that the other side %s', async (_, finish) => {
    const { shelf, to, socket, far } = await shelve()
    const closed = new Promise((resolve) => socket.on('close', resolve))
    finish(far)
    await closed
    expect(shelf.take(to)).toBeNull()
  })

  it.each([
    ['by the calendar, while the process was frozen', { calendar: 10_000, monotonic: 5 }],
    ['by the other clock, while the calendar was set back', { calendar: -99_000, monotonic: 10_000 }],
  ])('ends one that is ten seconds old %s', async (_, later) => {
    const { shelf, to, socket } = await shelve()
    Object.assign(clock, later)
    expect(shelf.take(to)).toBeNull()
    expect(socket.destroyed).toBe(true)
    Object.assign(clock, { calendar: 0, monotonic: 0 })
  })

  it('is asked first by a connector, and by the agent of the AWS SDK', async () => {
    const { shelf, to, socket } = await shelve()
    const lookup = () => Promise.reject(new Error('nobody is looked up'))
    expect(await createConnector({ proxy: null, lookup, shelf }).connect(to)).toBe(socket)
    shelf.put({ ...to, use: 'tls' }, socket)
    const agent = createAgent(createConnector({ proxy: null, lookup, shelf }), time)
    expect(agent.createConnection({ host: to.host, port: to.port }, () => {})).toBe(socket)
    socket.destroy()
  })
})

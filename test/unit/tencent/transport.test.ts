import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { createTransport, DeadConnectionError } from '../../../lib/tencent/transport.ts'
import { anyThrown, canary, emptyWords } from '../../support/thrown.ts'

let server: Server | undefined

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
  server = undefined
})

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const send = createTransport()
const post = (endpoint: string, timeoutMs = 5_000) =>
  send({
    endpoint,
    headers: { host: new URL(endpoint).host, 'x-tc-action': 'A' },
    body: '{"é":1}',
    timeoutMs,
  })

describe('createTransport', () => {
  it('sends the bytes of the body and reads status, headers and body', async () => {
    const endpoint = await serve(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      response.writeHead(503, { date: 'Thu, 01 Jan 2026 00:00:00 GMT', 'retry-after': '7' })
      response.end(
        `${request.method} ${request.url} ${request.headers['x-tc-action']} ${Buffer.concat(chunks)}`,
      )
    })
    expect(await post(endpoint)).toEqual({
      status: 503,
      headers: { date: 'Thu, 01 Jan 2026 00:00:00 GMT', retryAfter: '7' },
      body: 'POST / A {"é":1}',
    })
  })

  it('keeps its connection', async () => {
    const sockets = new Set<Socket>()
    const endpoint = await serve((request, response) => {
      sockets.add(request.socket)
      response.end()
    })
    await post(endpoint)
    // undici frees the connection one turn of the event loop after the body's end.
    await new Promise((resolve) => setImmediate(resolve))
    await post(endpoint)
    expect(sockets.size).toBe(1)
  })

  it('keeps a connection that idles for longer than the five seconds of most clients', async () => {
    const sockets = new Set<Socket>()
    const endpoint = await serve((request, response) => {
      sockets.add(request.socket)
      response.end()
    })
    // The server says nothing of how long it keeps connections.
    if (server) server.keepAliveTimeout = 0
    await post(endpoint)
    await new Promise((resolve) => setTimeout(resolve, 6_500))
    await post(endpoint)
    expect(sockets.size).toBe(1)
  })

  it('times out on a server that never answers', async () => {
    let closed: Promise<unknown> | undefined
    const endpoint = await serve(({ socket }) => {
      closed = once(socket, 'close')
    })
    await expect(post(endpoint, 50)).rejects.toMatchObject({
      code: 'ClientError.Timeout',
      message: 'no answer within 50 ms',
    })
    // The connection ends with it.
    await closed
  })

  it('sends nothing when the time was up while the connection was made', async () => {
    let requests = 0
    const endpoint = await serve((_, response) => {
      requests++
      response.end()
    })
    const late = post(endpoint, 1)
    // Timers come before connections.
    for (const until = performance.now() + 20; performance.now() < until; );
    await expect(late).rejects.toMatchObject({ code: 'ClientError.Timeout' })
    await post(endpoint)
    expect(requests).toBe(1)
  })

  it('times out on a server that never finishes its answer', async () => {
    const endpoint = await serve((_, response) => void response.write('{'))
    await expect(post(endpoint, 50)).rejects.toMatchObject({ code: 'ClientError.Timeout' })
  })

  it('times out on a server that never finishes its handshake', async () => {
    const listening = createTcpServer().listen(0, '127.0.0.1')
    await once(listening, 'listening')
    const connected = once(listening, 'connection')
    const endpoint = `https://127.0.0.1:${(listening.address() as AddressInfo).port}`
    await expect(post(endpoint, 50)).rejects.toMatchObject({ code: 'ClientError.Timeout' })
    const [socket] = (await connected) as [Socket]
    socket.destroy()
    await new Promise((resolve) => listening.close(resolve))
  })

  it.each<[string, RequestListener]>([
    ['a reset', (request) => request.socket.resetAndDestroy()],
    ['a connection closed before the answer', (request) => request.socket.destroy()],
    [
      'an answer cut short',
      (request, response) => {
        response.writeHead(200, { 'content-length': 100 })
        response.write('{"Response"', () => request.socket.destroy())
      },
    ],
  ])('reports %s as a network error', async (_, listener) => {
    await expect(post(await serve(listener))).rejects.toMatchObject({ code: 'ClientError.NetworkError' })
  })

  it.each([
    '220 smtp.example.com\r\n',
    'HTTP/1.1 abc\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n',
  ])('says that %j is not HTTP', async (bytes) => {
    const endpoint = await serve(({ socket }) => void socket.end(bytes))
    await expect(post(endpoint)).rejects.toMatchObject({
      code: 'ClientError.NetworkError',
      message: 'connection failed (HTTPParserError: the answer is not HTTP)',
    })
  })

  it('has words for whatever is thrown while it connects, and repeats none of it', async () => {
    await fc.assert(
      fc.asyncProperty(anyThrown, async (thrown) => {
        const lookup = () => Promise.reject(thrown)
        const { message } = await createTransport({ proxy: null, lookup })({
          endpoint: 'http://name.test',
          headers: {},
          body: '',
          timeoutMs: 5_000,
        }).then(
          () => new Error('nothing failed'),
          (error: Error) => error,
        )
        expect(message).toMatch(/^connection failed \(.+\)$/)
        expect(message).not.toMatch(emptyWords)
        expect(message).not.toContain(canary)
      }),
    )
  })

  it('says which system error a refused connection was', async () => {
    const endpoint = await serve(() => {})
    server?.close()
    await once(server as Server, 'close')
    await expect(post(endpoint)).rejects.toMatchObject({
      code: 'ClientError.NetworkError',
      message: 'connection failed (ECONNREFUSED)',
    })
  })

  it.each([
    ['gzip', gzipSync],
    [' X-GZIP ', gzipSync],
    ['deflate', deflateSync],
    ['identity', (text: string) => Buffer.from(text)],
  ])('unpacks an answer with content-encoding %s', async (encoding, pack) => {
    const endpoint = await serve((_, response) => {
      response.setHeader('content-encoding', encoding)
      response.end(pack('{"é":1}'))
    })
    expect((await post(endpoint)).body).toBe('{"é":1}')
  })

  it('unpacks a megabyte and no more, however small it comes', async () => {
    let size = 1_000_000
    const endpoint = await serve((_, response) => {
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync('x'.repeat(size)))
    })
    expect((await post(endpoint)).body).toHaveLength(size)
    for (size of [1_000_001, 20_000_000])
      await expect(post(endpoint)).rejects.toMatchObject({
        code: 'ClientError.ResponseTooLarge',
        message: 'the answer has more than 1000000 bytes',
      })
  })

  const packed = gzipSync('{"é":1}')
  it.each([
    ['gzip', Buffer.from('{}'), 'the answer cannot be unpacked'],
    ['gzip', packed.subarray(0, -9), 'the answer cannot be unpacked'],
    ['gzip', Buffer.of(), 'the answer cannot be unpacked'],
    ['br', packed, 'the answer is packed in a way that is not known here'],
    ['gzip, gzip', packed, 'the answer is packed in a way that is not known here'],
  ])('says what is wrong with content-encoding %s (%#)', async (encoding, bytes, message) => {
    const endpoint = await serve((_, response) => {
      response.setHeader('content-encoding', encoding)
      response.end(bytes)
    })
    await expect(post(endpoint)).rejects.toMatchObject({ code: 'ClientError.ParseJsonError', message })
  })

  it('tells the status of an answer that it cannot unpack', async () => {
    const endpoint = await serve((_, response) => {
      response.writeHead(503, { 'content-encoding': 'br', 'retry-after': '7' })
      response.end('x')
    })
    expect(await post(endpoint)).toMatchObject({ status: 503, headers: { retryAfter: '7' }, body: '' })
  })

  it('takes a megabyte and refuses more', async () => {
    let size = 1_000_000
    const endpoint = await serve((_, response) => void response.end('x'.repeat(size)))
    expect((await post(endpoint)).body).toHaveLength(size)
    size += 1
    await expect(post(endpoint)).rejects.toMatchObject({
      code: 'ClientError.ResponseTooLarge',
      message: 'the answer has more than 1000000 bytes',
    })
    size = 1
    expect((await post(endpoint)).body).toBe('x')
  })
})

describe('createTransport, over a connection that was idle', () => {
  interface Timer {
    readonly at: number
    work(): void
  }

  /** A sender with one kept connection, whose last answer took 300 ms; clock, timers and answers go as the test says. */
  async function createWorld() {
    const arrived: { readonly socket: Socket; answer(): void }[] = []
    const opened: Socket[] = []
    const endpoint = await serve((request, response) => {
      arrived.push({ socket: request.socket, answer: () => response.end('good') })
    })
    server?.on('connection', (socket: Socket) => void opened.push(socket))
    const timers = new Set<Timer>()
    let now = 0
    const time = {
      now: () => now,
      monotonic: () => now,
      after(ms: number, work: () => void) {
        const timer = { at: now + ms, work }
        timers.add(timer)
        return () => void timers.delete(timer)
      },
    }
    const sendIn = createTransport({ proxy: null }, time)
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const world = {
      arrived,
      opened,
      timers,
      until,
      /** Sends, and waits until the request is there. */
      async ask() {
        const before = arrived.length
        const answer = sendIn({ endpoint, headers: {}, body: '', timeoutMs: 20_000 })
        answer.catch(() => {})
        await until(() => arrived.length > before)
        return { answer, socket: arrived.at(-1)?.socket }
      },
      pass(ms: number) {
        now += ms
        for (const timer of [...timers]) if (timer.at <= now && timers.delete(timer)) timer.work()
      },
    }
    const { answer } = await world.ask()
    world.pass(300)
    arrived[0]?.answer()
    await answer
    await new Promise((resolve) => setImmediate(resolve))
    return world
  }

  it('doubts none that was used five seconds ago', async () => {
    const { ask, pass, timers } = await createWorld()
    pass(5_000)
    await ask()
    expect(timers.size).toBe(0)
  })

  it('uses it, and opens no other while its answer takes no longer than usual', async () => {
    const { ask, pass, arrived, opened, timers } = await createWorld()
    pass(5_001)
    const { answer, socket } = await ask()
    pass(299)
    arrived.at(-1)?.answer()
    expect((await answer).body).toBe('good')
    expect(socket).toBe(arrived[0]?.socket)
    expect([opened.length, timers.size]).toEqual([1, 0])
  })

  it('gives it up for a new one, which the next request finds open, after twice the usual time', async () => {
    const { ask, pass, until, arrived, opened, timers } = await createWorld()
    pass(60_000)
    const { answer } = await ask()
    pass(300)
    await until(() => opened.length === 2 && timers.size === 1)
    pass(299)
    expect(timers.size).toBe(1)
    pass(1)
    await expect(answer).rejects.toBeInstanceOf(DeadConnectionError)
    await expect(answer).rejects.toMatchObject({
      code: 'ClientError.NetworkError',
      message: 'kept connection did not answer',
    })
    const { answer: next, socket } = await ask()
    arrived.at(-1)?.answer()
    expect((await next).body).toBe('good')
    expect(socket).toBe(opened[1])
    expect([opened.length, timers.size]).toEqual([2, 0])
  })

  it('takes an answer that comes before it is given up, and ends the new one', async () => {
    const { ask, pass, until, arrived, opened, timers } = await createWorld()
    pass(60_000)
    const { answer } = await ask()
    pass(300)
    await until(() => opened.length === 2 && timers.size === 1)
    const ended = new Promise((resolve) => opened[1]?.resume().on('close', resolve))
    arrived.at(-1)?.answer()
    expect((await answer).body).toBe('good')
    await ended
    expect(timers.size).toBe(0)
  })

  it('waits for it where no other can be opened', async () => {
    const { ask, pass, until, arrived, timers } = await createWorld()
    pass(60_000)
    const { answer } = await ask()
    server?.close()
    await until(() => server?.listening === false)
    pass(300)
    await new Promise((resolve) => setTimeout(resolve, 50))
    pass(10_000)
    arrived.at(-1)?.answer()
    expect((await answer).body).toBe('good')
    expect(timers.size).toBe(0)
  })

  it('says at once that it was reset', async () => {
    const { ask, pass, timers } = await createWorld()
    pass(60_000)
    const { answer, socket } = await ask()
    socket?.resetAndDestroy()
    await expect(answer).rejects.toBeInstanceOf(DeadConnectionError)
    expect(timers.size).toBe(0)
  })

  it('fails as ever where a connection was made for the request', async () => {
    const { ask, pass, until, arrived, opened } = await createWorld()
    opened[0]?.end()
    await until(() => arrived[0]?.socket.destroyed === true)
    pass(60_000)
    const { answer, socket } = await ask()
    socket?.resetAndDestroy()
    await expect(answer).rejects.not.toBeInstanceOf(DeadConnectionError)
  })
})

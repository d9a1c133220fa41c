/**
 * The API as far as measuring goes: over plain HTTP on loopback, the same right answer to every request, connections
 * kept for ever and counted. It costs next to nothing, so that clients are what is measured.
 */
import { type AddressInfo, createServer } from 'node:net'
import { answerBody } from '../request.ts'
import { answerBench } from './answer.ts'

const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: ${new Date().toUTCString()}\r\n` +
    `content-length: ${Buffer.byteLength(answerBody)}\r\nconnection: keep-alive\r\n\r\n${answerBody}`,
)
const count = { connections: 0, requests: 0 }

const server = createServer((socket) => {
  count.connections++
  let received = ''
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
    for (;;) {
      const headEnd = received.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(received)?.[1] ?? 0)
      const end = headEnd + 4 + length
      if (received.length < end) return
      received = received.slice(end)
      count.requests++
      socket.write(answer)
    }
  })
})
const listening = new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

answerBench({
  port: async () => {
    await listening
    return (server.address() as AddressInfo).port
  },
  count: () => count,
})

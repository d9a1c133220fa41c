/** An address that does not answer: no refusal, nothing, as behind a firewall that drops packets. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface DeafServer {
  /** From here on it answers whoever asks again: it was slow only. Requests get the text `awake`. */
  wake(): void
  close(): void
}

const script = `require('node:http').createServer((_, response) => response.end('awake'))
  .listen({ host: process.argv[1], port: Number(process.argv[2]), backlog: 1 }, () => process.send('listening'))
  process.on('disconnect', () => process.exit())`

/**
 * Listens by a process that is stopped, and fills its queue: the system then drops what asks to connect. What asked is
 * sent again after a second, so a server that wakes meanwhile has a line of a second.
 */
export async function startDeafServer(host: string, port: number): Promise<DeafServer> {
  const child = spawn(process.execPath, ['-e', script, host, String(port)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await once(child, 'message')
  child.kill('SIGSTOP')
  const queued: Socket[] = [1, 2, 3, 4].map(() => connect(port, host).on('error', () => {}))
  // The queue holds one more than its backlog.
  await Promise.all(queued.slice(0, 2).map((socket) => once(socket, 'connect')))
  return {
    wake: () => void child.kill('SIGCONT'),
    close() {
      for (const socket of queued) socket.destroy()
      child.kill('SIGKILL')
    },
  }
}

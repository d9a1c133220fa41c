/** `web.js` in a process of its own, as SCF or a container runs it: requests in, and everything that comes out. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { request as openRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

export interface WebOptions {
  /** Whether SCF says that it runs this; what is asked for as the address is then in the output. */
  readonly scf?: boolean
  /** Another program than Node with `web.js`. */
  readonly program?: readonly [string, ...string[]]
}

export interface WebAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface WebProcess {
  readonly child: ChildProcess
  readonly port: number
  /** One request on a connection of its own. A header with several values is sent several times. */
  ask(path: string, headers?: Record<string, string | string[]>, more?: AskOptions): Promise<WebAnswer>
  /** A connection on which a test writes what it likes. */
  open(): Socket
  /** Sends bytes as they are, and gives what comes back until the server ends the connection. */
  exchange(bytes: string): Promise<string>
  /** Everything written to stdout and stderr so far. */
  output(): string
  /** The log lines of requests. */
  log(): Record<string, unknown>[]
  /** Waits for something to turn up in the output. */
  until(find: (output: string) => boolean): Promise<void>
  /** Exit code and signal. */
  readonly ended: Promise<[number | null, NodeJS.Signals | null]>
  kill(): Promise<void>
}

export interface AskOptions {
  readonly method?: string
  readonly body?: string | Buffer
}

export const webPath = fileURLToPath(new URL('../../dist/list-tokens/web.js', import.meta.url))
const elsewhere = fileURLToPath(new URL('listen-elsewhere.cjs', import.meta.url))

/** Starts it with exactly this environment, on loopback. Does not wait until it listens. */
export function spawnWeb(
  environment: Readonly<Record<string, string>>,
  { scf = false, program = [process.execPath, webPath] }: WebOptions = {},
): Omit<WebProcess, 'port' | 'ask' | 'open' | 'exchange'> {
  const [command, ...args] = program
  const child = spawn(command, args, {
    env: {
      PATH: process.env['PATH'],
      ...(scf
        ? { TENCENTCLOUD_RUNENV: 'SCF', NODE_OPTIONS: `--require ${JSON.stringify(elsewhere)}` }
        : { HOST: '127.0.0.1', PORT: '0' }),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, which ends with it: what a broken `scf_bootstrap` leaves behind.
    detached: true,
  })
  let output = ''
  const listeners = new Set<() => void>()
  const hear = (): void => {
    for (const listener of [...listeners]) listener()
  }
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      hear()
    })
  // After `close` all output has come.
  const ended = once(child, 'close') as WebProcess['ended']
  void ended.then(hear)
  return {
    child,
    ended,
    output: () => output,
    log: () =>
      output
        .split('\n')
        .filter((line) => line.startsWith('{"level"'))
        .map((line) => JSON.parse(line))
        .filter(({ event }) => event === 'list-tokens'),
    until: (find) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (find(output)) resolve()
          else if (child.exitCode !== null || child.signalCode !== null)
            reject(new Error(`the process ended: ${output}`))
          else return
          listeners.delete(look)
        }
        listeners.add(look)
        look()
      }),
    async kill() {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // Nobody is left in it.
      }
      await ended
    },
  }
}

/** Starts it and waits until it listens. */
export async function startWeb(
  environment: Readonly<Record<string, string>>,
  options: WebOptions = {},
): Promise<WebProcess> {
  const web = spawnWeb(environment, options)
  const listening = /"event":"listening".*"port":(\d+)/
  await web.until((output) => listening.test(output))
  const port = Number(listening.exec(web.output())?.[1])
  const open = (): Socket => connect(port, '127.0.0.1').on('error', () => {})
  return {
    ...web,
    port,
    open,
    async exchange(bytes) {
      const socket = open()
      socket.write(bytes)
      let text = ''
      socket.setEncoding('latin1').on('data', (part: string) => {
        text += part
      })
      await once(socket, 'close')
      return text
    },
    ask: (path, headers = {}, { method = 'GET', body } = {}) =>
      new Promise((resolve, reject) => {
        const request = openRequest({ host: '127.0.0.1', port, path, method, headers, agent: false })
        request.on('error', reject).on('response', (response) => {
          let text = ''
          response
            .setEncoding('utf8')
            .on('data', (part: string) => {
              text += part
            })
            .on('error', reject)
            .on('end', () =>
              resolve({
                status: response.statusCode ?? 0,
                headers: response.headers as Record<string, string>,
                body: text,
              }),
            )
        })
        request.end(body)
      }),
  }
}

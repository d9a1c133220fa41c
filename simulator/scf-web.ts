/**
 * A web function's server as SCF runs it (https://cloud.tencent.com/document/product/583/56126): the executable
 * `scf_bootstrap` of the uploaded zip starts a process, to which requests go over plain HTTP.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unzipSync } from 'fflate'

/** What SCF answers where a function cannot: https://www.tencentcloud.com/document/product/583/35311 */
export class PlatformError extends Error {
  readonly status: number
  /** What the process wrote before it came to that, where it is gone. */
  readonly output: string

  constructor(status: number, message: string, output = '') {
    super(message)
    this.status = status
    this.output = output
  }
}

/** A request as the server gets it. */
export interface WebRequest {
  readonly method: string
  /** Path and query, as they came. */
  readonly target: string
  readonly headers: OutgoingHttpHeaders
  readonly body: Uint8Array
}

export interface WebAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
}

export interface WebServer {
  /** Fails with {@link PlatformError}. */
  ask(request: WebRequest, limitMs: number): Promise<WebAnswer>
  /** Everything written to stdout and stderr so far. */
  output(): string
  /** Ends it and its children at once. */
  kill(): Promise<void>
}

const host = '127.0.0.1'
/** Gives each server that would listen on port 9000 another one. */
const portShim = fileURLToPath(new URL('scf-port.cjs', import.meta.url))
/** SCF's default for the initialisation of code that is no image. */
const initMs = 65_000
/** Of SCF's answers. */
const maxBodyBytes = 6 * 1024 * 1024

/** Unpacks a zip with the modes that it names, as on Linux; a file without one can be read and not executed. */
export async function unpack(zip: Uint8Array, folder: string): Promise<void> {
  const modes = readModes(zip)
  for (const [path, bytes] of Object.entries(unzipSync(zip))) {
    if (path.endsWith('/')) continue
    const file = join(folder, path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, bytes)
    await chmod(file, modes.get(path) ?? 0o644)
  }
}

/** Permissions by path, from the central directory, which is where Unix keeps them in a zip. */
function readModes(zip: Uint8Array): Map<string, number> {
  const bytes = Buffer.from(zip)
  const end = bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1')
  const modes = new Map<string, number>()
  let at = bytes.readUInt32LE(end + 16)
  while (bytes.readUInt32LE(at) === 0x02014b50) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset))
    const path = bytes.toString('utf8', at + 46, at + 46 + Number(name))
    const isUnix = bytes.readUInt8(at + 5) === 3
    const mode = (bytes.readUInt32LE(at + 38) >>> 16) & 0o777
    if (isUnix && mode !== 0) modes.set(path, mode)
    at += 46 + Number(name) + Number(extra) + Number(comment)
  }
  return modes
}

/** Starts `scf_bootstrap` of a folder, and waits until something listens. Fails with {@link PlatformError}. */
export async function startWebServer(
  folder: string,
  environment: Readonly<Record<string, string>>,
): Promise<WebServer> {
  const path = join(folder, 'scf_bootstrap')
  // The kernel itself minds the mode and a CR behind the interpreter's name; but a script without a first line that
  // names one would be run by `sh` here.
  const script = await readFile(path, 'latin1').catch(() => null)
  if (!script?.startsWith('#!')) throw new PlatformError(445, 'ContainerInitError')

  const port = await findPort()
  const child = spawn(path, [], {
    cwd: folder,
    env: {
      // SCF has Node at /var/lang/nodeNN/bin/node, and on its path too.
      PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
      ...environment,
      NODE_OPTIONS: `--require ${JSON.stringify(portShim)}`,
      SCF_SIMULATOR_PORT: `${port}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that what a script leaves behind ends with it.
    detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  try {
    await once(child, 'spawn')
  } catch {
    throw new PlatformError(445, 'ContainerInitError')
  }
  // Those of a simulator that is not closed.
  const killGroup = (): void => signalGroup(child)
  process.once('exit', killGroup)
  const closed = once(child, 'close')
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null
  const kill = async (): Promise<void> => {
    killGroup()
    await closed
    process.off('exit', killGroup)
  }
  const failure = await waitForPort(port, ended)
  if (failure) {
    await kill()
    throw new PlatformError(...failure, output)
  }
  return {
    ask: (one, limitMs) => ask(one, port, limitMs),
    output: () => output,
    kill,
  }
}

function signalGroup(child: ChildProcess): void {
  try {
    process.kill(-(child.pid ?? Number.NaN), 'SIGKILL')
  } catch {
    // Nobody is left in it.
  }
}

async function findPort(): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Waits until something listens; otherwise says what SCF would answer. */
async function waitForPort(port: number, ended: () => boolean): Promise<[number, string] | null> {
  const deadline = performance.now() + initMs
  while (performance.now() < deadline) {
    if (ended()) return [405, 'ContainerStateExited']
    const socket = connect(port, host)
    const listens = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (listens) return null
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return [446, 'PortBindingFailed']
}

function ask(
  { method, target, headers, body }: WebRequest,
  port: number,
  limitMs: number,
): Promise<WebAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      if (error instanceof PlatformError) reject(error)
      else if (signal.aborted) reject(new PlatformError(433, 'TimeLimitReached'))
      // Without an answer: of a process that closed the connection and one that died the end looks the same.
      else reject(new PlatformError(439, 'User process exit when running'))
    }
    const signal = AbortSignal.timeout(limitMs)
    request({ host, port, method, path: target, headers, signal, agent: false }, async (response) => {
      try {
        const chunks: Buffer[] = []
        let length = 0
        for await (const chunk of response as AsyncIterable<Buffer>) {
          chunks.push(chunk)
          length += chunk.length
          if (length > maxBodyBytes)
            throw new PlatformError(407, 'The size of response exceeds the upper limit (6MB)')
        }
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        })
      } catch (error) {
        fail(error as Error)
      }
    })
      .on('error', fail)
      .end(body)
  })
}

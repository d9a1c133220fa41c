/** Bytes out, bytes in: the only file that knows undici. */
import type { Socket } from 'node:net'
import { type buildConnector, type Dispatcher, Pool } from 'undici'
import {
  type ConnectDependencies,
  ConnectError,
  type Connector,
  createConnector,
  type Destination,
} from '../connect.ts'
import { type ClientErrorCode, CodedError } from '../errors.ts'
import { codeOfFailure } from '../foreign.ts'
import { ageMs, type Moment, momentOf, type Time } from '../time.ts'

export interface OutgoingRequest {
  /** `https://HOST[:PORT]` without a path: API 3.0 has only `/`. */
  readonly endpoint: string
  readonly headers: Record<string, string>
  readonly body: string
  /** How long the whole exchange may take, in milliseconds. */
  readonly timeoutMs: number
}

export interface IncomingAnswer {
  readonly status: number
  /** The headers a caller needs, `null` where absent. */
  readonly headers: { readonly date: string | null; readonly retryAfter: string | null }
  readonly body: string
}

/** Sends one POST. Throws a {@link TransportError}; never retries. */
export type Send = (request: OutgoingRequest) => Promise<IncomingAnswer>

/** No whole answer came. */
export class TransportError extends CodedError {
  declare readonly code: Extract<
    ClientErrorCode,
    | 'ClientError.Timeout'
    | 'ClientError.NetworkError'
    | 'ClientError.ResponseTooLarge'
    | 'ClientError.ParseJsonError'
  >
}

/** It was a kept connection that had died. What is sent again goes over a new one, and need not wait. */
export class DeadConnectionError extends TransportError {}

/** Answers beyond this many bytes, packed or not, are refused: a list of tokens has a few kilobytes. */
const maxAnswerBytes = 1_000_000

/** A connection that was idle for longer may have died unnoticed, as while the process was frozen. */
const trustedMs = 5_000
/** So many of the last answers say how long one takes, and at least this. */
const remembered = 8
const shortestUsualMs = 100

/** The connections to a base URL, and how they answered. */
interface Line {
  pool: Pool
  /** Which way connections go, for errors, or nothing. */
  readonly way: string
  /** How many connections pools were given. */
  given: number
  /** When the last answer began, and how long the last ones took until then. */
  answered: Moment | null
  readonly tookMs: number[]
  /** Opens one beside those of the pool. */
  connect(): Promise<Socket>
  /** Has what comes go by new connections, of which one is there already. Requests under way are not ended. */
  renew(from: Pool, spare: Socket): void
}

/**
 * A sender over kept connections. They are kept for minutes, so that the next invocation saves the
 * handshake, and do not keep the process alive. One that was idle, and then takes longer for an answer than any of late, is
 * doubted: a new one is opened beside it. Where that is there, and twice the usual time is over, the kept ones are given up
 * with a {@link DeadConnectionError}. Without `time` none is doubted.
 */
export function createTransport(
  deps: ConnectDependencies = { proxy: null },
  time?: Pick<Time, 'now' | 'monotonic' | 'after'>,
): Send {
  const connector = createConnector(deps)
  const lines = new Map<string, Line>()

  function lineTo(endpoint: string): Line {
    const known = lines.get(endpoint)
    if (known) return known
    const made = createLine(endpoint, connector)
    lines.set(endpoint, made)
    return made
  }

  return ({ endpoint, headers, body, timeoutMs }) =>
    new Promise((resolve, reject) => {
      const line = lineTo(endpoint)
      const watch = time ? watchOver(line, time) : null
      const exchange = createExchange(timeoutMs, line.way, { resolve, reject, watch })
      line.pool.dispatch({ path: '/', method: 'POST', headers, body }, exchange)
    })
}

function createLine(endpoint: string, connector: Connector): Line {
  const destination = destinationOf(new URL(endpoint))
  const spares: Socket[] = []
  function openPool(): Pool {
    const pool: Pool = new Pool(endpoint, {
      keepAliveTimeout: 300_000,
      keepAliveMaxTimeout: 600_000,
      connect: connectBy(async (to) => {
        // undici opens one anew for a request that was given up.
        if (line.pool !== pool) throw new ConnectError('ECONNABORTED', 'there is a newer one')
        line.given++
        return spares.pop() ?? connector.connect(to)
      }),
      // The timer of each request is the only one that counts.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    return pool
  }
  const line: Line = {
    pool: openPool(),
    way: connector.way(destination.host, destination.port, destination.use),
    given: 0,
    answered: null,
    tookMs: [],
    connect: () => connector.connect(destination),
    renew(from, spare) {
      spares.push(spare)
      if (line.pool !== from) return
      line.pool = openPool()
      from.close().catch(() => {})
    },
  }
  return line
}

/** Follows an exchange, for what it says of its connection. */
interface Watch {
  /** The request is on its way; `giveUp` ends that. */
  sent(giveUp: () => void): void
  answered(): void
  /** Nothing comes any more. Says whether that is the end of a kept connection that was doubted and has not answered. */
  ended(): boolean
}

function watchOver(line: Line, time: Pick<Time, 'now' | 'monotonic' | 'after'>): Watch {
  const { pool, given, answered } = line
  const wasIdle = answered !== null && ageMs(time, answered) > trustedMs
  let began = 0
  let state: 'connecting' | 'trusted' | 'doubted' | 'over' = 'connecting'
  let callOff = (): void => {}
  let spare: Socket | undefined

  function settle(): void {
    state = 'over'
    callOff()
    spare?.destroy()
    spare = undefined
  }

  async function openAnother(usualMs: number, giveUp: () => void): Promise<void> {
    const socket = await line.connect()
    // Answered meanwhile, after all.
    if (state === 'over') {
      socket.destroy()
      return
    }
    spare = socket
    callOff = time.after(Math.max(0, began + 2 * usualMs - time.monotonic()), () => {
      spare = undefined
      line.renew(pool, socket)
      giveUp()
    })
  }

  return {
    sent(giveUp) {
      began = time.monotonic()
      // One that was made for this request is not in doubt.
      state = wasIdle && line.given === given ? 'doubted' : 'trusted'
      if (state === 'trusted') return
      const usualMs = Math.max(shortestUsualMs, ...line.tookMs)
      // Where none can be opened, the kept one has the time that it would have.
      callOff = time.after(usualMs, () => void openAnother(usualMs, giveUp).catch(() => {}))
    },
    answered() {
      settle()
      line.answered = momentOf(time)
      line.tookMs.push(time.monotonic() - began)
      if (line.tookMs.length > remembered) line.tookMs.shift()
    },
    ended() {
      const died = state === 'doubted'
      settle()
      return died
    },
  }
}

/** What undici calls for a connection. */
function connectBy(connect: Connector['connect']): buildConnector.connector {
  return (destination, callback) => {
    connect(destinationOf(destination)).then(
      (socket) => callback(null, socket.ref()),
      // undici asks whether there is an error, not what it is.
      (error: unknown) => callback(error instanceof Error ? error : new Error('nothing was said'), null),
    )
  }
}

function destinationOf(url: {
  readonly protocol: string
  readonly hostname: string
  readonly port: string
}): Destination {
  const use = url.protocol === 'https:' ? 'tls' : 'plain'
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(url.port) || (use === 'tls' ? 443 : 80), use }
}

/** Collects one answer. */
function createExchange(
  timeoutMs: number,
  way: string,
  {
    resolve,
    reject,
    watch,
  }: {
    resolve(answer: IncomingAnswer): void
    reject(error: TransportError): void
    readonly watch: Watch | null
  },
): Dispatcher.DispatchHandler {
  let controller: Dispatcher.DispatchController | undefined
  let giveUp: TransportError | undefined
  let status = 0
  let answerHeaders: IncomingAnswer['headers'] = { date: null, retryAfter: null }
  let encoding = ''
  let size = 0
  const chunks: Buffer[] = []

  /** Ends the exchange, and the connection with it. */
  function abort(error: TransportError): void {
    clearTimeout(timer)
    watch?.ended()
    giveUp = error
    reject(error)
    controller?.abort(error)
  }
  const timer = setTimeout(
    () =>
      abort(new TransportError('ClientError.Timeout', `no answer within ${Math.round(timeoutMs)} ms${way}`)),
    timeoutMs,
  )

  return {
    onRequestStart(started) {
      controller = started
      // The time was up while the connection was made.
      if (giveUp) started.abort(giveUp)
      else watch?.sent(() => abort(dead('did not answer')))
    },
    onResponseStart(_, statusCode, { date, 'retry-after': retryAfter, 'content-encoding': encoded }) {
      watch?.answered()
      status = statusCode
      encoding = single(encoded)?.trim().toLowerCase() ?? ''
      answerHeaders = { date: single(date), retryAfter: single(retryAfter) }
    },
    onResponseData(_, chunk) {
      size += chunk.length
      if (size <= maxAnswerBytes) chunks.push(chunk)
      else abort(tooLarge())
    },
    onResponseEnd() {
      clearTimeout(timer)
      const [only] = chunks
      const whole = only && chunks.length === 1 ? only : Buffer.concat(chunks)
      const give = (bytes: Buffer): void =>
        resolve({ status, headers: answerHeaders, body: bytes.toString('utf8') })
      if (encoding === '' || encoding === 'identity') give(whole)
      // Of another status nothing more is needed.
      else unpack(whole, encoding).then(give, status === 200 ? reject : () => give(Buffer.of()))
    },
    onResponseError(_, error) {
      clearTimeout(timer)
      const why = `failed (${reason(error)})`
      if (watch?.ended()) reject(dead(why))
      else reject(new TransportError('ClientError.NetworkError', `connection${way} ${why}`))
    },
  }

  function dead(what: string): DeadConnectionError {
    return new DeadConnectionError('ClientError.NetworkError', `kept connection${way} ${what}`)
  }
}

/** Nobody asks for packed answers, but gateways on the way give them. */
async function unpack(bytes: Buffer, encoding: string): Promise<Buffer> {
  if (!/^(x-)?gzip$|^deflate$/.test(encoding))
    throw new TransportError(
      'ClientError.ParseJsonError',
      'the answer is packed in a way that is not known here',
    )
  const { unzipSync } = await import('node:zlib')
  try {
    // At once, as the limit makes it milliseconds: Node's threads for it may all wait for a file that hangs.
    return unzipSync(bytes, { maxOutputLength: maxAnswerBytes })
  } catch (error) {
    if (codeOfFailure(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge()
    throw new TransportError('ClientError.ParseJsonError', 'the answer cannot be unpacked')
  }
}

function tooLarge(): TransportError {
  return new TransportError(
    'ClientError.ResponseTooLarge',
    `the answer has more than ${maxAnswerBytes} bytes`,
  )
}

function single(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null
}

/** The code of the failure, such as `ECONNREFUSED`, and only words of ours: others could quote what was sent. */
function reason(error: unknown): string {
  const code = codeOfFailure(error) ?? 'unknown reason'
  if (error instanceof ConnectError) return `${code}: ${error.message}`
  return code === 'HTTPParserError' ? `${code}: the answer is not HTTP` : code
}

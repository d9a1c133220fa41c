/** Bytes out, bytes in: the only file that knows undici. */
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

/** Answers beyond this many bytes, packed or not, are refused: a list of tokens has a few kilobytes. */
const maxAnswerBytes = 1_000_000

/**
 * A sender over kept connections. They are kept for minutes, so that the next invocation saves the
 * handshake, and do not keep the process alive. One that died while the process was frozen fails the first
 * request that uses it; the caller's retry opens a new one.
 */
export function createTransport(deps: ConnectDependencies = { proxy: null }): Send {
  const connector = createConnector(deps)
  const pools = new Map<string, Pool>()

  function poolOf(endpoint: string): Pool {
    const known = pools.get(endpoint)
    if (known) return known
    const pool = new Pool(endpoint, {
      keepAliveTimeout: 300_000,
      keepAliveMaxTimeout: 600_000,
      connect: connectBy(connector),
      // The timer of each request is the only one that counts.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    pools.set(endpoint, pool)
    return pool
  }

  return ({ endpoint, headers, body, timeoutMs }) =>
    new Promise((resolve, reject) => {
      const exchange = createExchange(timeoutMs, wayTo(endpoint, connector), resolve, reject)
      poolOf(endpoint).dispatch({ path: '/', method: 'POST', headers, body }, exchange)
    })
}

/** What undici calls for a connection. */
function connectBy({ connect }: Connector): buildConnector.connector {
  return (destination, callback) => {
    connect(destinationOf(destination)).then(
      (socket) => callback(null, socket.ref()),
      // undici asks whether there is an error, not what it is.
      (error: unknown) => callback(error instanceof Error ? error : new Error('nothing was said'), null),
    )
  }
}

function wayTo(endpoint: string, { way }: Connector): string {
  const { host, port, use } = destinationOf(new URL(endpoint))
  return way(host, port, use)
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

/** Collects one answer. `way` says for errors which way connections go, or nothing. */
function createExchange(
  timeoutMs: number,
  way: string,
  resolve: (answer: IncomingAnswer) => void,
  reject: (error: TransportError) => void,
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
    },
    onResponseStart(_, statusCode, { date, 'retry-after': retryAfter, 'content-encoding': encoded }) {
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
      reject(new TransportError('ClientError.NetworkError', `connection${way} failed (${reason(error)})`))
    },
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

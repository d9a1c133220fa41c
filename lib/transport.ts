/** Bytes out, bytes in: the only file that knows undici. */
import { Agent, request as undiciRequest } from 'undici'
import { type ClientErrorCode, CodedError } from './errors.ts'

export interface OutgoingRequest {
  /** `https://HOST[:PORT]` without a path: API 3.0 has only `/`. */
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
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
    'ClientError.Timeout' | 'ClientError.NetworkError' | 'ClientError.ResponseTooLarge'
  >
}

/** Answers beyond this many bytes are refused: a list of tokens has a few kilobytes. */
const maxAnswerBytes = 1_000_000

/**
 * A sender over kept connections. They are kept for minutes, so that the next invocation saves the
 * handshake, and do not keep the process alive. One that died while the process was frozen fails the first
 * request that uses it; the caller's retry opens a new one.
 */
export function createTransport(): Send {
  const dispatcher = new Agent({
    keepAliveTimeout: 300_000,
    keepAliveMaxTimeout: 600_000,
    connect: { timeout: 5_000 },
    // The timer below is the only one that counts.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return async ({ endpoint, headers, body, timeoutMs }) => {
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(), timeoutMs)
    try {
      const answer = await undiciRequest(endpoint, {
        dispatcher,
        method: 'POST',
        headers,
        body,
        signal: abort.signal,
      })
      return {
        status: answer.statusCode,
        headers: {
          date: single(answer.headers['date']),
          retryAfter: single(answer.headers['retry-after']),
        },
        body: await readCapped(answer.body),
      }
    } catch (error) {
      if (error instanceof TransportError) throw error
      if (abort.signal.aborted)
        throw new TransportError('ClientError.Timeout', `no answer within ${Math.round(timeoutMs)} ms`)
      throw new TransportError('ClientError.NetworkError', `connection failed (${reason(error)})`)
    } finally {
      clearTimeout(timer)
    }
  }
}

async function readCapped(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    // Leaving the loop destroys the stream and its connection.
    if (size > maxAnswerBytes)
      throw new TransportError(
        'ClientError.ResponseTooLarge',
        `the answer has more than ${maxAnswerBytes} bytes`,
      )
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function single(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null
}

/** The system's code for the failure, such as `ECONNREFUSED`; its message could quote what was sent. */
function reason(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
}

/** Replies to HTTP requests, in the form that each sender takes. */
import type { HttpEvent } from './events.ts'

/** An answer to an {@link HttpEvent}, before it takes the platform's form. */
export interface HttpResponse {
  status: number
  headers: Record<string, string>
  body: string
}

/** What the platforms want returned. `statusCode` is always there: SCF and payload 2.0 make a reply without it a 200. */
export interface Reply {
  statusCode: number
  statusDescription?: string
  headers?: Record<string, string>
  multiValueHeaders?: Record<string, string[]>
  body: string
  isBase64Encoded: false
}

/** Reason phrases (RFC 9110) of the statuses this bundle answers with. */
export const reasonPhrases: Readonly<Record<number, string>> = {
  200: 'OK',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/**
 * Puts a response into the form the event's sender takes. The body stays out where HTTP allows none (`HEAD`,
 * 304). A header is left out when its value holds anything but printable ASCII and tabs, line breaks above
 * all: a value that reflects input must not become a second header, nor cost the client the whole answer.
 */
export function toReply(
  { shape, method }: Pick<HttpEvent, 'shape' | 'method'>,
  response: HttpResponse,
): Reply {
  const { status } = response
  const headers = isPlain(Object.values(response.headers).join(''))
    ? response.headers
    : Object.fromEntries(Object.entries(response.headers).filter(([, value]) => isPlain(value)))
  const reply: Reply = {
    statusCode: status,
    body: method === 'HEAD' || status === 304 ? '' : response.body,
    isBase64Encoded: false,
  }
  // A target group takes headers only in the form in which it sends them.
  if (shape !== 'alb-multi-value') reply.headers = headers
  else
    reply.multiValueHeaders = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, [value]]),
    )
  if (shape === 'alb' || shape === 'alb-multi-value')
    reply.statusDescription = `${status} ${reasonPhrases[status] ?? ''}`.trimEnd()
  return reply
}

function isPlain(value: string): boolean {
  return /^[\t -~]*$/.test(value)
}

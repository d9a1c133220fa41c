/** What Tencent can do wrong, and what becomes of it: one table, over which every suite that meets faults iterates. */
import { type IncomingAnswer, TransportError } from '../../lib/tencent/transport.ts'
import { type Fault, faultKinds, spoilList } from '../../simulator/faults.ts'

/** A fault that lasts. */
export interface LastingFault {
  /** As tests are called, and where docs/failures.md speaks of it, as it does there. */
  readonly name: string
  /** As the simulator is told. */
  readonly fault: Fault
  /** What `list-tokens` answers that has nothing else to serve; `code` is null where that is a list. */
  readonly status: number
  readonly code: string | null
  /** Whether an old list, or the mirrored one, may be served instead. */
  readonly mayBeHidden: boolean
  /** How `mirror-tokens` ends for a target that holds what Tencent would list. It writes nothing. */
  readonly mirror: 'failed' | 'held' | 'unchanged'
}

/** A failure that passes, or an answer that is none. */
function outage(name: string, fault: Fault, code: string, status = 502): LastingFault {
  return { name, fault, status, code, mayBeHidden: true, mirror: 'failed' }
}

/** Something that somebody has to mend. */
function refusal(name: string, code: string, fault: Fault = { kind: 'error', code }): LastingFault {
  return { name, fault, status: 502, code, mayBeHidden: false, mirror: 'failed' }
}

/** A list like any other to `list-tokens`. */
function list(name: string, fault: Fault, mirror: 'held' | 'unchanged'): LastingFault {
  return { name, fault, status: 200, code: null, mayBeHidden: false, mirror }
}

const internal = (code: string): [Fault, string] => [{ kind: 'error', code }, code]
const gateway = (status: number): Fault => ({ kind: 'status', status })
const badList = (value: unknown): [Fault, string] => [
  { kind: 'garbage-list', value },
  'ClientError.MalformedAnswer',
]

export const faults: readonly LastingFault[] = [
  outage('throttled', { kind: 'throttle' }, 'RequestLimitExceeded', 503),
  outage('throttled by a gateway', gateway(429), 'ClientError.RateLimited', 503),
  outage('internal error', ...internal('InternalError')),
  outage('error of the database', ...internal('FailedOperation.DBError')),
  refusal('failed operation', 'FailedOperation'),
  refusal('forbidden', 'AuthFailure.UnauthorizedOperation'),
  refusal('forbidden by a policy', 'UnauthorizedOperation'),
  refusal('unknown key', 'AuthFailure.SecretIdNotFound'),
  refusal('wrong signature', 'AuthFailure.SignatureFailure'),
  refusal('session over', 'AuthFailure.TokenFailure'),
  refusal('clock beyond mending', 'AuthFailure.SignatureExpire'),
  refusal('unknown user', 'ResourceNotFound.UserNotExist'),
  refusal('forbidden by a gateway', 'ClientError.HttpStatusCodeError', gateway(403)),
  outage('gateway error', gateway(500), 'ClientError.HttpStatusCodeError'),
  // Given up at once, for there is no time to wait that long.
  outage('busy gateway', { ...gateway(503), retryAfter: '60' } as Fault, 'ClientError.HttpStatusCodeError'),
  refusal('forbidden in the form of API 2.0', 'UnauthorizedOperation', {
    kind: 'old-error',
    code: 'UnauthorizedOperation',
  }),
  outage('reset', { kind: 'reset' }, 'ClientError.NetworkError'),
  outage('cut short', { kind: 'truncated' }, 'ClientError.NetworkError'),
  outage('answer lost', { kind: 'lost-answer' }, 'ClientError.NetworkError'),
  outage('garbage', { kind: 'html' }, 'ClientError.ParseJsonError'),
  outage('timeout', { kind: 'hang' }, 'ClientError.Timeout', 504),
  outage('slow', { kind: 'slow', ms: 3_000 }, 'ClientError.Timeout', 504),
  outage('too large', { kind: 'too-large' }, 'ClientError.ResponseTooLarge'),
  outage('missing field', { kind: 'missing-list' }, 'ClientError.MalformedAnswer'),
  outage('empty token', ...badList(['token-a', ''])),
  outage('number for a token', ...badList(['token-a', 5])),
  outage('object for a list', ...badList({ 0: 'token-a' })),
  list('byte order mark', { kind: 'bom' }, 'unchanged'),
  list('packed', { kind: 'gzip' }, 'unchanged'),
  list('shrunk', { kind: 'half' }, 'held'),
  list('empty', { kind: 'empty-list' }, 'held'),
  list('null', { kind: 'null-list' }, 'held'),
  list('ExtInfos of another length', { kind: 'ext-infos-mismatch' }, 'unchanged'),
]

const missing = faultKinds.filter((kind) => faults.every(({ fault }) => fault.kind !== kind))
if (missing.length > 0) throw new Error(`the table of faults has none of ${missing.join()}`)

/** What the client's transport makes of a call that meets `fault`, where a test has no network; `tokens` is the list. */
export function transported(
  fault: Fault,
  tokens: readonly string[],
): Partial<IncomingAnswer> | TransportError {
  switch (fault.kind) {
    case 'throttle':
      return refused('RequestLimitExceeded')
    case 'error':
      return refused(fault.code)
    case 'status':
      return {
        status: fault.status,
        headers: { date: null, retryAfter: fault.retryAfter ?? null },
      }
    case 'reset':
    case 'truncated':
    case 'lost-answer':
      return new TransportError('ClientError.NetworkError', 'the connection broke')
    case 'old-error':
      return {
        body: JSON.stringify({ code: 4000, codeDesc: fault.code, message: `${fault.code} happened.` }),
      }
    case 'bom':
      return { body: `\uFEFF${answered({ ApiTokens: tokens }).body}` }
    case 'gzip':
      // Unpacked by the transport.
      return answered({ ApiTokens: tokens })
    case 'html':
      return { body: '<html>Welcome</html>' }
    case 'hang':
    case 'slow':
      return new TransportError('ClientError.Timeout', 'no answer within 5000 ms')
    case 'too-large':
      return new TransportError('ClientError.ResponseTooLarge', 'the answer is too large')
    default:
      return answered(spoilList(fault, { ApiTokens: tokens }))
  }
}

/** A good answer of Tencent with these fields. */
export function answered(fields: object): Partial<IncomingAnswer> {
  const RequestId = '00000000-0000-4000-8000-000000000001'
  return { body: JSON.stringify({ Response: { ...fields, RequestId } }) }
}

/** An answer of Tencent that says no. */
export function refused(Code: string): Partial<IncomingAnswer> {
  return answered({ Error: { Code, Message: `${Code} happened.` } })
}

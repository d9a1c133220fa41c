/** Faults on demand: what a caller of a real network and a real service meets once in a while. */
import { ApiError, type Fields, readParameters, type Schema } from './service.ts'

/** A fault of the answer to one call, whichever it is. */
export type CallFault =
  /** `RequestLimitExceeded`, after the signature was checked. */
  | { readonly kind: 'throttle' }
  /** Any API error, after the signature was checked. */
  | { readonly kind: 'error'; readonly code: string; readonly message?: string }
  /** An HTTP status from 400 to 599 of a gateway on the way; `retryAfter` is the header's text. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string; readonly body?: string }
  /** The connection is reset, and the call is not run. */
  | { readonly kind: 'reset' }
  /** The call is run, but its answer breaks off half-way, short of its `Content-Length`. */
  | { readonly kind: 'truncated' }
  /** The call is run, and the connection is reset in place of its answer. */
  | { readonly kind: 'lost-answer' }
  /** HTTP 200 with an HTML page, as from a captive portal. */
  | { readonly kind: 'html' }
  /** Any error in the form of API 2.0, `{"code":4000,"codeDesc":…,"message":…}`, after the signature was checked. */
  | { readonly kind: 'old-error'; readonly code: string; readonly message?: string }
  /** The proper answer behind a byte order mark. */
  | { readonly kind: 'bom' }
  /** The proper answer, packed, which nobody asked for. */
  | { readonly kind: 'gzip' }
  /** Nothing is ever answered. */
  | { readonly kind: 'hang' }
  /** The proper answer, `ms` milliseconds late. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** The proper answer with a padding of more than 1 MB. */
  | { readonly kind: 'too-large' }

/** A fault of a list that is otherwise answered well. */
export type ListFault =
  /** Only a random half of the tokens. */
  | { readonly kind: 'half' }
  | { readonly kind: 'empty-list' }
  /** `ApiTokens` is null. */
  | { readonly kind: 'null-list' }
  /** There is no `ApiTokens`. */
  | { readonly kind: 'missing-list' }
  /** `ApiTokens` is any JSON value. */
  | { readonly kind: 'garbage-list'; readonly value: unknown }
  /** `ExtInfos` has one more than `ApiTokens`. */
  | { readonly kind: 'ext-infos-mismatch' }

/** See {@link CallFault} and {@link ListFault}. */
export type Fault = CallFault | ListFault

/** The faults that wait for their calls, first in, first out; one aimed at an action waits aside for that action. */
export interface FaultQueue {
  /**
   * Lets the next `times` calls (`Infinity` is allowed) meet `fault`: of any action, or of `action` only. Throws
   * `InvalidParameterValue`, for an action that no product has too, as such a fault would wait in vain.
   */
  add(fault: Fault, times?: number, action?: string): void
  /** The fault for a call of `action`. A {@link ListFault} whose turn it is stays, and holds up those behind it. */
  takeForCall(action: string): CallFault | null
  /** The fault for a good list that `action` answers, if it is a {@link ListFault}'s turn. */
  takeForList(action: string): ListFault | null
  clear(): void
}

/** Opens an empty queue for the calls of `actions`. */
export function createFaultQueue(actions: ReadonlySet<string>): FaultQueue {
  const queue: { fault: Fault; times: number; aim: string | undefined }[] = []

  const take = <F extends Fault>(action: string, fits: (fault: Fault) => fault is F): F | null => {
    const index = queue.findIndex(({ aim }) => aim === undefined || aim === action)
    const next = queue[index]
    if (!next || !fits(next.fault)) return null
    next.times -= 1
    if (next.times <= 0) queue.splice(index, 1)
    return next.fault
  }

  return {
    add: (fault, times = 1, action) => {
      if (fault.kind === 'status' && !(fault.status >= 400 && fault.status <= 599))
        throw new ApiError('InvalidParameterValue', 'The `status` must be from 400 to 599.')
      if (action !== undefined && !actions.has(action))
        throw new ApiError(
          'InvalidParameterValue',
          `The \`action\` is \`${action}\` and must be one of ${[...actions].join(', ')}.`,
        )
      queue.push({ fault, times, aim: action })
    },
    takeForCall: (action) => take(action, (fault): fault is CallFault => !isListFault(fault)),
    takeForList: (action) => take(action, isListFault),
    clear: () => {
      queue.length = 0
    },
  }
}

const callFaults: { readonly [K in CallFault['kind']]: Schema } = {
  throttle: {},
  error: { code: 'string', message: 'string?' },
  status: { status: 'uint64', retryAfter: 'string?', body: 'string?' },
  reset: {},
  truncated: {},
  'lost-answer': {},
  html: {},
  'old-error': { code: 'string', message: 'string?' },
  bom: {},
  gzip: {},
  hang: {},
  slow: { ms: 'uint64' },
  'too-large': {},
}

const listFaults: { readonly [K in ListFault['kind']]: Schema } = {
  half: {},
  'empty-list': {},
  'null-list': {},
  'missing-list': {},
  'garbage-list': { value: 'any' },
  'ext-infos-mismatch': {},
}

const schemas = new Map<unknown, Schema>(Object.entries({ ...callFaults, ...listFaults }))

/** All kinds of faults there are. */
export const faultKinds = [...schemas.keys()]

/** Reads a fault from JSON, such as `{"kind":"slow","ms":2000}`. Throws {@link ApiError}. */
export function readFault({ kind, ...fields }: Fields): Fault {
  const schema = schemas.get(kind)
  if (!schema)
    throw new ApiError('InvalidParameterValue', `The \`kind\` must be one of ${faultKinds.join(', ')}.`)
  return { kind, ...readParameters(schema, fields) } as Fault
}

/** The fields of a list's answer, spoilt by `fault`. */
export function spoilList(fault: ListFault, fields: Fields): Fields {
  const { ApiTokens, ...others } = fields
  const tokens = ApiTokens as readonly string[]
  const extInfos = fields['ExtInfos'] as readonly string[] | undefined
  switch (fault.kind) {
    case 'half': {
      // The list comes shuffled, so its first half is a random one.
      const count = Math.floor(tokens.length / 2)
      return {
        ...fields,
        ApiTokens: tokens.slice(0, count),
        ...(extInfos && { ExtInfos: extInfos.slice(0, count) }),
      }
    }
    case 'empty-list':
      return { ...fields, ApiTokens: [], ...(extInfos && { ExtInfos: [] }) }
    case 'null-list':
      return { ...fields, ApiTokens: null }
    case 'missing-list':
      return others
    case 'garbage-list':
      return { ...fields, ApiTokens: fault.value }
    case 'ext-infos-mismatch':
      return { ...fields, ExtInfos: [...tokens.map(() => '{}'), '{}'] }
  }
}

function isListFault(fault: Fault): fault is ListFault {
  return Object.hasOwn(listFaults, fault.kind)
}

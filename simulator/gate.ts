/** What API 3.0 asks of every call, whatever the product, before it looks into the body. */
import { randomUUID } from 'node:crypto'
import { type Action, ApiError, missingParameter, requestLimitExceeded, type Service } from './service.ts'
import { type AuthFailure, type Key, type RawRequest, verifyTc3 } from './verify-tc3.ts'

/** The largest body that a TC3-signed POST may have. */
export const maxBodyBytes = 10 * 1024 * 1024

/** What a gate decides by. */
export interface GateOptions {
  readonly services: readonly Service[]
  /** By secret id; read at every call. */
  readonly keys: ReadonlyMap<string, Key>
  /** The passage of time for the rate limit, epoch milliseconds. */
  now(): number
  /** The server's clock for signatures, epoch milliseconds; it may be wrong. */
  clock(): number
}

/**
 * Opens a gate. It takes a request and returns the action to run, or throws the first {@link ApiError} of: size,
 * common headers, version, action, signature, permission, rate, media type. Only calls with a good signature and the
 * permission, or with no signature where none is asked for, count for the rate: a window of one second that slides, for
 * each action on its own.
 */
export function createGate({ services, keys, now, clock }: GateOptions): (request: RawRequest) => Action {
  const admittedAt = new Map<Action, number[]>()

  const checkRate = (service: Service, name: string, action: Action): void => {
    const recent = (admittedAt.get(action) ?? []).filter((at) => at > now() - 1000)
    if (recent.length >= service.callsPerSecond(name))
      throw service.tooManyCalls?.(name) ?? requestLimitExceeded()
    admittedAt.set(action, [...recent, now()])
  }

  // The words are Tencent's. The code is from VOD's list; for other products AuthFailure.UnauthorizedOperation was seen.
  const checkPermission = (request: RawRequest, operation: string): void => {
    if (keys.get(secretIdOf(request))?.denied?.has(operation))
      throw new ApiError(
        'UnauthorizedOperation',
        `[request id:${randomUUID()}]you are not authorized to perform operation (${operation})\nresource (*) has no permission`,
      )
  }

  return (request) => {
    if (request.body.length > maxBodyBytes)
      throw new ApiError('RequestSizeLimitExceeded', `The request is larger than ${maxBodyBytes} bytes.`)

    const common = (name: 'Action' | 'Version' | 'Timestamp'): string => {
      const value = request.headers[`x-tc-${name.toLowerCase()}`]?.[0]
      if (!value) throw missingParameter(name)
      return value
    }
    const name = common('Action')
    const version = common('Version')
    common('Timestamp')
    const service = services.find((service) => service.version === version)
    if (!service) throw new ApiError('NoSuchVersion', `The API version \`${version}\` does not exist.`)
    const action = service.actions.get(name)
    if (!action) throw new ApiError('InvalidAction', `The API version has no action \`${name}\`.`)

    const failure = service.unsigned?.has(name)
      ? verifyUnsigned(request)
      : verifyTc3(request, { service: service.name, keys, now: clock() })
    if (failure) throw new ApiError(failure.code, failure.message)
    checkPermission(request, `${service.name}:${name}`)
    checkRate(service, name, action)

    const mediaType = request.headers['content-type']?.[0]?.split(';')[0]?.trim().toLowerCase()
    if (request.method !== 'POST' || mediaType !== 'application/json')
      throw new ApiError('UnsupportedProtocol', 'The simulator takes POST of application/json only.')
    return action
  }
}

/** From the credential in `Authorization`, verified or not; empty where there is none. */
export function secretIdOf({ headers }: RawRequest): string {
  return /Credential=([^/]*)/.exec(headers['authorization']?.[0] ?? '')?.[1] ?? ''
}

/**
 * Whether a call to an action without a signature comes without one. The documentation asks for SKIP and for no
 * token; what becomes of a caller who sends more than that it does not say, so the simulator is strict.
 */
function verifyUnsigned({ headers }: RawRequest): AuthFailure | null {
  if (headers['authorization']?.[0] !== 'SKIP')
    return {
      code: 'AuthFailure.InvalidAuthorization',
      message: 'The action is called with `Authorization: SKIP`.',
    }
  if (headers['x-tc-token'])
    return { code: 'AuthFailure.TokenFailure', message: 'The action is called without `X-TC-Token`.' }
  return null
}

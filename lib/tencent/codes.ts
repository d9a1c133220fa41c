/**
 * What Tencent's error codes mean, and those of this client (`ClientError.…`), by family: a code is a dotted hierarchy that
 * grows, so `InternalError.DbError` means what `InternalError` does. One table, for everybody who has to decide.
 * Common codes: https://www.tencentcloud.com/document/api/213/30435 (the same for every product).
 */
import type { ClientErrorCode } from '../errors.ts'

/** What a code means to those who meet it. */
export interface Meaning {
  /** The same call may succeed later with nothing changed, so it is repeated. */
  readonly passes: boolean
  /** A rate limit: of a call that is not patient it is the answer, and nothing more is asked for some seconds. */
  readonly throttles: boolean
  /** Says that the credentials are no good, or no longer: they are fetched again, once. */
  readonly refusesCredentials: boolean
  /** Says that this machine's clock is off, which the answer's `Date` mends, once. */
  readonly blamesClock: boolean
  /** Whether an old list may be served instead. What is refused for a reason is shown, or nobody would mend it. */
  readonly mayBeHidden: boolean
  /** What a caller over HTTP is told, in words of ours; where the credentials come from is for the operator to know. */
  readonly told: 'throttled' | 'late' | 'credentials' | 'failed'
  /** What the operator can do, or empty. */
  readonly advice: string
}

const nothing: Meaning = {
  passes: false,
  throttles: false,
  refusesCredentials: false,
  blamesClock: false,
  mayBeHidden: false,
  told: 'failed',
  advice: '',
}
const passing: Meaning = { ...nothing, passes: true, mayBeHidden: true }
const throttling: Meaning = { ...passing, throttles: true, told: 'throttled' }
const unusable: Meaning = { ...nothing, mayBeHidden: true }
const credentials: Meaning = {
  ...nothing,
  told: 'credentials',
  advice: 'check the Tencent credentials and AIGC_SITE',
}
const refusing: Meaning = { ...credentials, refusesCredentials: true }
const forbidding: Meaning = { ...credentials, advice: 'grant the caller this action in Tencent CAM' }
const reach = 'check that this function can reach that host'

/** By family. `LimitExceeded` is none of the throttling ones: that is a quota; STS's `OverLimit` is one. */
export const families: Readonly<Record<string, Meaning>> = {
  RequestLimitExceeded: throttling,
  'InvalidParameter.OverLimit': throttling,
  InternalError: passing,
  ServiceUnavailable: passing,
  'FailedOperation.DBError': passing,
  AuthFailure: credentials,
  'AuthFailure.TokenFailure': refusing,
  'AuthFailure.SecretIdNotFound': refusing,
  'AuthFailure.SignatureFailure': refusing,
  'AuthFailure.SignatureExpire': {
    ...credentials,
    blamesClock: true,
    advice: 'set the clock of this machine',
  },
  'AuthFailure.UnauthorizedOperation': forbidding,
  UnauthorizedOperation: forbidding,
  'ResourceNotFound.UserNotExist': { ...nothing, advice: 'check AIGC_SUB_APP_IDS and AIGC_SITE' },
  ...({
    'ClientError.RateLimited': throttling,
    'ClientError.Timeout': { ...passing, told: 'late', advice: reach },
    'ClientError.NetworkError': { ...passing, advice: reach },
    // Of a gateway on the way. From 500 on it passes; below that it may be a refusal.
    'ClientError.HttpStatusCodeError': nothing,
    'ClientError.ParseJsonError': passing,
    'ClientError.ResponseTooLarge': unusable,
    'ClientError.MalformedAnswer': unusable,
  } satisfies Record<ClientErrorCode, Meaning>),
}

/** The meaning of a code: that of the longest family it belongs to, and nothing in particular if there is none. */
export function meaningOf(code: string): Meaning {
  for (let family = code; family !== ''; family = family.slice(0, Math.max(0, family.lastIndexOf('.')))) {
    const meaning = Object.hasOwn(families, family) ? families[family] : undefined
    if (meaning) return meaning
  }
  return nothing
}

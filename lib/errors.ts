/**
 * The errors this bundle throws. Each has a machine-readable `code`, and `name` equals it, because the
 * consoles of both clouds show `name` as the error type. Messages start with what was attempted, say what
 * is and what should be, and never hold a secret.
 */
export class CodedError extends Error {
  readonly code: string
  /** The message without {@link credentials}, for whoever tells those once for many errors. */
  readonly brief: string
  /** Where the refused Tencent credentials came from: the end of the message, or nothing. */
  readonly credentials: string

  constructor(code: string, brief: string, credentials = '') {
    super(credentials === '' ? brief : `${brief}; ${credentials}`)
    this.code = code
    this.name = code
    this.brief = brief
    this.credentials = credentials
  }
}

/** Settings that cannot be used. `problems` has one sentence per setting, all of them at once. */
export class ConfigError extends CodedError {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super('ConfigInvalid', ['Reading the settings:', ...problems].join('\n- '))
    this.problems = problems
  }
}

/** An event, or a field of it, that the function does not take. */
export class InputError extends CodedError {
  constructor(message: string, code: 'InputInvalid' | 'SubAppNotFound' = 'InputInvalid') {
    super(code, message)
  }
}

/**
 * A call to Tencent Cloud that failed for good. `code` is Tencent's own code, or one of
 * {@link ClientErrorCode} where no usable answer came.
 */
export class TencentError extends CodedError {
  /** The API action, such as `DescribeAigcApiTokens`. */
  readonly action: string
  /** Tencent's request id, where an answer carried one. */
  readonly requestId: string | null
  /** How many requests were sent. */
  readonly attempts: number
  /** Whether the same call may succeed later with nothing changed. */
  readonly retryable: boolean

  constructor(
    code: string,
    brief: string,
    call: {
      action: string
      requestId: string | null
      attempts: number
      retryable: boolean
      credentials?: string
    },
  ) {
    super(code, brief, call.credentials)
    this.action = call.action
    this.requestId = call.requestId
    this.attempts = call.attempts
    this.retryable = call.retryable
  }
}

/** Codes of our own for answers that never came or cannot be used; named as in Tencent's Go SDK. */
export type ClientErrorCode =
  | 'ClientError.Timeout'
  | 'ClientError.RateLimited'
  | 'ClientError.NetworkError'
  | 'ClientError.HttpStatusCodeError'
  | 'ClientError.ParseJsonError'
  | 'ClientError.ResponseTooLarge'
  | 'ClientError.MalformedAnswer'

/** Tencent credentials that could not be had; `code` is the code of whoever refused them. */
export class CredentialsError extends CodedError {
  /** Whether asking again may help with nothing changed. */
  readonly retryable: boolean

  constructor(code: string, brief: string, retryable: boolean, credentials = '') {
    super(code, brief, credentials)
    this.retryable = retryable
  }
}

/** A secret store that could not be read or written; `code` is the store's own error code. */
export class StoreError extends CodedError {
  /** The target's URI. */
  readonly target: string
  /** Whether the same call may succeed later with nothing changed. */
  readonly retryable: boolean

  constructor(code: string, brief: string, target: string, retryable = false, credentials = '') {
    super(code, brief, credentials)
    this.target = target
    this.retryable = retryable
  }
}

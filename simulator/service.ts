/** What every product behind API 3.0 has in common: a version, a table of actions, typed parameters, errors. */

/**
 * A product: one file that exports one of these. The server resolves it by `X-TC-Version`, because on loopback
 * the host does not name it, every product here has a version of its own, and believing the credential scope
 * would leave a scope of the wrong product unnoticed.
 */
export interface Service {
  /** Its name in the credential scope, such as `vod`. */
  readonly name: string
  /** The value of `X-TC-Version`, such as `2018-07-17`. */
  readonly version: string
  /** The limit of an action, for each on its own. */
  callsPerSecond(action: string): number
  /** The error for more calls than that; default {@link requestLimitExceeded}. */
  tooManyCalls?(action: string): ApiError
  /** Actions that take `Authorization: SKIP` in place of a signature; default none. */
  readonly unsigned?: ReadonlySet<string>
  readonly actions: ReadonlyMap<string, Action>
}

/** Runs one call: takes the body, parsed, and returns the fields of `Response`. Fails with {@link ApiError}. */
export type Action = (body: Fields, caller: Caller) => Fields | Promise<Fields>

/** Who calls, and where to. */
export interface Caller {
  /** The key that signed; empty for a call without a signature. */
  readonly secretId: string
  /** `X-TC-Region`; a product without regions ignores it. */
  readonly region: string | undefined
}

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>

/** An error that API 3.0 reports: `Response.Error` in an HTTP 200. */
export class ApiError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

interface ValueTypes {
  int64: number
  uint64: number
  string: string
  boolean: boolean
  array: readonly unknown[]
  any: unknown
}

type ValueType = keyof ValueTypes

const isOfType: { readonly [T in ValueType]: (value: unknown) => boolean } = {
  int64: Number.isSafeInteger,
  uint64: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  array: Array.isArray,
  any: () => true,
}

/** Parameter names and their types; a question mark makes one optional: `{ SubAppId: 'uint64?' }`. */
export type Schema = Readonly<Record<string, ValueType | `${ValueType}?`>>

/** The values that a {@link Schema} lets through. */
export type Values<S extends Schema> = {
  readonly [N in keyof S as S[N] extends ValueType ? N : never]: ValueTypes[S[N] & ValueType]
} & {
  readonly [N in keyof S as S[N] extends ValueType ? never : N]?: S[N] extends `${infer T extends ValueType}?`
    ? ValueTypes[T]
    : never
}

/**
 * Checks a body against a schema. Throws `UnknownParameter`, `MissingParameter`, and `InvalidParameter` for a
 * value of the wrong type: a number in quotes is one, as on the real service.
 */
export function readParameters<const S extends Schema>(schema: S, body: Fields): Values<S> {
  for (const name of Object.keys(body))
    if (!Object.hasOwn(schema, name))
      throw new ApiError('UnknownParameter', `The parameter \`${name}\` is not recognized.`)
  for (const [name, declared] of Object.entries(schema)) {
    const type = declared.replace('?', '') as ValueType
    if (Object.hasOwn(body, name)) {
      if (!isOfType[type](body[name]))
        throw new ApiError(
          'InvalidParameter',
          `The value type of parameter \`${name}\` is not valid, input type should be \`${type}\`.`,
        )
    } else if (!declared.endsWith('?')) throw missingParameter(name)
  }
  return body as Values<S>
}

/** Parses a JSON object. Throws `InvalidRequest` for any other bytes. */
export function parseObject(bytes: Uint8Array): Fields {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  } catch {
    // Neither UTF-8 nor JSON: reported below, together with JSON that is no object.
  }
  throw new ApiError('InvalidRequest', 'The request body is not a JSON object.')
}

/** The error for a parameter or a common header (by its name without `X-TC-`) that is not there. */
export function missingParameter(name: string): ApiError {
  return new ApiError('MissingParameter', `The request is missing a required parameter \`${name}\`.`)
}

/** The error for too many calls; a rate, not to be confused with `LimitExceeded`, a quota. */
export function requestLimitExceeded(): ApiError {
  return new ApiError('RequestLimitExceeded', 'The number of requests exceeds the frequency limit.')
}

/** An {@link Action} whose parameters are checked before `run` sees them. */
export function action<const S extends Schema>(
  schema: S,
  run: (input: Values<S>, caller: Caller) => Fields | Promise<Fields>,
): Action {
  return (body, caller) => run(readParameters(schema, body), caller)
}

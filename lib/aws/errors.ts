/** Reads whatever the AWS SDK throws: its code, whether to repeat the call (call.ts does), and what may be told of it. */
import { ConnectError } from '../connect.ts'
import { codeOfFailure, readCode, readRequestId, readWords } from '../foreign.ts'
import { NotAFile } from './files.ts'

/** A failed call to AWS in words that hold nothing but AWS's own, or ours. */
export interface AwsFailure {
  /** The exception's name, `Http503`, `ECONNREFUSED`, `Timeout` and the like. */
  readonly code: string
  /** AWS's message, for the log, or ours where AWS was not asked at all, or empty. */
  readonly words: string
  readonly requestId: string | null
  /** Whether AWS itself answered. If not, a firewall, a proxy or nobody did. */
  readonly answered: boolean
  /** Whether the same call may succeed later with nothing changed. */
  readonly retryable: boolean
}

interface SdkError {
  readonly name?: string
  readonly message?: string
  /** Of connections: `ECONNREFUSED` and the like. */
  readonly code?: unknown
  /** Only of errors that AWS itself answered with. */
  readonly $fault?: unknown
  readonly $metadata?: { readonly requestId?: string; readonly httpStatusCode?: number }
}

/**
 * Reads a service exception, a failed connection, or an answer that the SDK cannot parse. `aborted` makes it a
 * `Timeout`; words that `hold` a secret are left out whole.
 */
export function readAwsFailure(
  thrown: unknown,
  { aborted }: { aborted: boolean },
  hold: (words: string) => boolean = () => false,
): AwsFailure {
  // Anything can be thrown: what is no object has none of the fields.
  const error: SdkError = aborted ? { name: 'Timeout' } : Object(thrown)
  const code = codeOf(error)
  // Only AWS's own words and ours are passed on. The SDK's quote the answer where they cannot parse it.
  const answered = error.$fault !== undefined
  // Where AWS sent none, the SDK puts "UnknownError" in their place.
  const isOurs = thrown instanceof NotAFile || thrown instanceof ConnectError
  const said = (answered || isOurs) && error.message !== 'UnknownError' ? error.message : ''
  const words = readWords(said, code)
  return {
    code,
    words: hold(words) ? '' : words,
    requestId: readRequestId(error.$metadata?.requestId),
    answered,
    retryable: passing.test(code) || (error.$metadata?.httpStatusCode ?? 0) >= 500,
  }
}

/** What to do about a failure, by its code; the first row that fits counts. Empty: nothing. */
export type AwsAdvice = readonly (readonly [codes: RegExp, advice: string])[]

/** The sentence for a failed call: what was attempted, AWS's code and words, its request id, and what to do. */
export function describeAwsFailure({
  attempt,
  failure: { code, words, requestId },
  advice,
}: {
  readonly attempt: string
  readonly failure: AwsFailure
  readonly advice: AwsAdvice
}): string {
  const said = words === '' ? code : `${code}: ${words}`
  const request = requestId === null ? '' : `request id ${requestId}`
  const todo = advice.find(([codes]) => codes.test(code))?.[1] ?? ''
  return `${attempt}: ${[said, request, todo].filter(Boolean).join('; ')}`
}

const passing =
  /^((Http|Proxy)5|E[A-Z_]+$|Timeout|.*Throttl|TooMany(Requests|Updates)|Internal|ServiceUnavailable)/

function codeOf(error: SdkError): string {
  const { name, message, $fault, $metadata } = error
  // So the SDK calls what AWS answered without a name, as with an empty body.
  if ($fault !== undefined && name !== 'Unknown') return readCode(name)
  // An answer that is not AWS's, or cut short: its status says more than the parser's complaint.
  if ($metadata?.httpStatusCode !== undefined) return `Http${$metadata.httpStatusCode}`
  // The SDK has no code for either, and quotes the second one.
  const said = typeof message === 'string' ? message : ''
  if (/^Region is missing$|^Region not accepted: region="\s*"/.test(said)) return 'RegionMissing'
  if (said.startsWith('Region not accepted: ')) return 'RegionInvalid'
  return codeOfFailure(error) ?? 'UnknownError'
}

/**
 * Codes, request ids and messages of services, checked before they are logged or told. A service's answers are somebody else's text: they may quote a request, a value
 * or a key, so codes and request ids must look like codes and request ids, and words go to the log and never to a caller.
 */

/** Stands for a code that looks like none. */
export const unreadableCode = 'UnreadableCode'

/**
 * Names that begin with a capital, joined by dots, as all of Tencent's, of AWS's and of Node's codes are, with few digits:
 * a key or a token of letters and digits has many.
 */
const code = /^[A-Z][A-Za-z_]*\d{0,4}[A-Za-z_]*(\.[A-Z][A-Za-z_]*\d{0,4}[A-Za-z_]*)*$/
const longestCode = 80
/** Tencent's and AWS's request ids are UUIDs. */
const requestId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The code as it came, if it looks like one. */
export function readCode(given: unknown): string {
  return typeof given === 'string' && given.length <= longestCode && code.test(given) ? given : unreadableCode
}

/**
 * What is told of a failure that was thrown, whatever was: its code, else that of the first failure that it is made of or
 * caused by, else its name, and `null` where it has nothing of that. Never its words, which could quote what was sent.
 */
export function codeOfFailure(thrown: unknown): string | null {
  const own = readable(of(thrown, 'code'))
  if (own !== null) return own
  const parts = of(thrown, 'errors')
  const inner = Array.isArray(parts) ? parts[0] : of(thrown, 'cause')
  // Whatever is made of itself ends here.
  const code = readable(of(inner, 'code'))
  if (code !== null) return code
  const name = readable(of(thrown, 'name'))
  return name === 'Error' || name === 'AggregateError' ? null : name
}

function of(value: unknown, name: 'code' | 'errors' | 'cause' | 'name'): unknown {
  return typeof value === 'object' && value !== null && name in value
    ? (value as Record<string, unknown>)[name]
    : undefined
}

function readable(given: unknown): string | null {
  const known = readCode(given)
  return known === unreadableCode ? null : known
}

/** The request id as it came, if it looks like one; else `null`. */
export function readRequestId(given: unknown): string | null {
  return typeof given === 'string' && requestId.test(given) ? given : null
}

/** In characters. What AWS says of a missing permission has some 400. */
const longestWords = 1_000

/**
 * What may be logged of a service's message about a failure with this code: in one line, or nothing. Longer words are left
 * out whole: where they are cut, they may end within a secret, which nobody could find after that. Nor is anything told
 * of a refused signature, because such messages quote the request.
 */
export function readWords(given: unknown, failedCode: string): string {
  if (typeof given !== 'string' || /signature/i.test(failedCode)) return ''
  if (given.length > longestWords) return `(${given.length} characters, left out)`
  return quotesRequest.test(given) ? '' : foldWords(given)
}

/** A signed request, whoever quotes it: it could be sent again. */
const quotesRequest = /(TC3|AWS4)-HMAC|(Signature|Credential)=|authorization:/i

/** Text in one line: what does not print, and every run of blanks, is one blank. */
export function foldWords(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
}

/** Whether words, folded into a line, repeat a value, or a piece of it, such as most of a token. Linear in both. */
export function quotes(words: string, unfolded: string): boolean {
  const value = foldWords(unfolded)
  if (value.length < pieceLength) return value !== '' && words.includes(value)
  const pieces = new Set<string>()
  for (let start = 0; start + pieceLength <= words.length; start++)
    pieces.add(words.slice(start, start + pieceLength))
  for (let start = 0; pieces.size > 0 && start + pieceLength <= value.length; start++)
    if (pieces.has(value.slice(start, start + pieceLength))) return true
  return false
}

const pieceLength = 12

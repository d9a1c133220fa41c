/** One JSON line per outcome, and the scrubber that keeps every secret out of whatever leaves the process. */
import type { LogLevel } from './config.ts'
import { CodedError, TencentError } from './errors.ts'

/** Knows the secrets this process has seen and takes them out of text by value. */
export interface Scrubber {
  /** Those under six characters are passed over: no secret is that short, and it would garble every line. */
  learn(secrets: Iterable<string | undefined>): void
  /** The text with every known secret replaced by `***`. */
  scrub(text: string): string
}

/** What a log field may be: chosen values, never an event, a context or a foreign object. */
export type Field = string | number | boolean | null | readonly Field[] | { readonly [name: string]: Field }
export type Fields = { readonly [name: string]: Field }

/**
 * Writes one line, unless its level is below the configured one; a line that carries metrics (see `embedMetrics`) is
 * always written. `event` says what happened, in kebab case.
 */
export type Log = (level: LogLevel, event: string, fields: Fields, metrics?: string) => void

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

export function createScrubber(): Scrubber {
  const known = new Set<string>()
  let pattern: RegExp | null = null
  return {
    learn(secrets) {
      for (const secret of secrets) {
        if (!secret || secret.length < 6 || known.has(secret)) continue
        for (const form of formsOf(secret)) known.add(form)
        pattern = null
      }
    },
    scrub(text) {
      if (known.size === 0) return text
      // Longest first, so that a secret which contains another goes whole.
      pattern ??= new RegExp(
        [...known]
          .sort((a, b) => b.length - a.length)
          .map((secret) => secret.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
          .join('|'),
        'g',
      )
      return text.replace(pattern, '***')
    },
  }
}

/** A secret as text quotes it: as it is, inside a URL, inside JSON, and that JSON inside JSON again, to the fourth. */
function formsOf(secret: string): string[] {
  const forms = [encodeURIComponent(secret.toWellFormed())]
  let form = secret
  for (let depth = 0; depth <= 4; depth++) {
    forms.push(form)
    form = JSON.stringify(form).slice(1, -1)
  }
  return forms
}

/** `write` gets whole lines with their newline; `now` is in epoch milliseconds. */
export function createLog(
  least: LogLevel,
  lend: { write(line: string): void; now(): number; scrub(text: string): string },
): Log {
  return (level, event, fields, metrics = '') => {
    if (levels.indexOf(level) < levels.indexOf(least) && metrics === '') return
    const time = new Date(lend.now()).toISOString()
    const members = scrubJson(fields, lend.scrub).slice(1, -1)
    lend.write(`{"level":"${level}","event":"${event}","time":"${time}"${more(members)}${more(metrics)}}\n`)
  }
}

/** Members of an object's JSON, behind others. */
function more(members: string): string {
  return members === '' ? '' : `,${members}`
}

/**
 * JSON with every string scrubbed before it is serialised, so that no escape hides a secret. A secret is found in JSON
 * too, so what holds none is serialised once, and most lines hold none.
 */
export function scrubJson(value: unknown, scrub: (text: string) => string): string {
  const json = JSON.stringify(value)
  if (scrub(json) === json) return json
  return JSON.stringify(value, (_, part) => (typeof part === 'string' ? scrub(part) : part))
}

/** The log fields of an error. */
export function errorFields(error: unknown): Fields {
  if (!(error instanceof CodedError))
    return { code: 'InternalError', message: String(error), stack: stackOf(error) }
  return {
    code: error.code,
    message: error.message,
    ...(error instanceof TencentError && { requestId: error.requestId, attempts: error.attempts }),
  }
}

/**
 * The error to throw out of the process in place of `error`: `name` is the code, message and stack are
 * scrubbed, and there is no cause.
 */
export function leavingError(error: unknown, scrub: (text: string) => string): Error {
  const leaving = new Error(scrub(error instanceof Error ? error.message : String(error)))
  leaving.name = error instanceof CodedError ? scrub(error.code) : 'InternalError'
  leaving.stack = scrub(stackOf(error))
  return leaving
}

const withheld =
  'This function failed, and so did taking secrets out of the reason, which is therefore not told; ' +
  'with AIGC_LOG_LEVEL=debug the lines before say what was done'

/** What leaves when making {@link leavingError} or the log line failed itself. It says nothing of the cause. */
export function withheldError(): Error {
  const error = new Error(withheld)
  error.name = 'InternalError'
  error.stack = `InternalError: ${withheld}`
  return error
}

/** The log's line about {@link withheldError}. `now` is in epoch milliseconds. */
export function withheldLine(event: string, now: number): string {
  const time = new Date(now).toISOString()
  return `${JSON.stringify({ level: 'error', event, time, code: 'InternalError', message: withheld })}\n`
}

function stackOf(error: unknown): string {
  return (error instanceof Error && error.stack) || String(error)
}

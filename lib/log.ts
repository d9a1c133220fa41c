/** One JSON line per outcome, and errors as they leave the process. */
import type { LogLevel } from './config.ts'
import { CodedError, TencentError } from './errors.ts'
import { scrubJson } from './scrub.ts'

/** What a log field may be: chosen values, never an event, a context or a foreign object. */
export type Field = string | number | boolean | null | readonly Field[] | { readonly [name: string]: Field }
export type Fields = { readonly [name: string]: Field }

/**
 * Writes one line, unless its level is below the configured one; a line that carries metrics (see `embedMetrics`) is
 * always written. `event` says what happened, in kebab case.
 */
export type Log = (level: LogLevel, event: string, fields: Fields, metrics?: string) => void

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

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

function stackOf(error: unknown): string {
  return (error instanceof Error && error.stack) || String(error)
}

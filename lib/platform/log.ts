/** One JSON line per outcome, and errors as they leave the process. */
import type { LogLevel } from '../config.ts'
import { CodedError, TencentError } from '../errors.ts'
import type { Time } from '../time.ts'
import { scrubJson } from './scrub.ts'

/** What a log field may be: chosen values, never an event, a context or a foreign object. */
export type Field = string | number | boolean | null | readonly Field[] | { readonly [name: string]: Field }
export type Fields = { readonly [name: string]: Field }

/**
 * Writes one line, unless its level is below the configured one; a line that carries metrics (see `embedMetrics`) is
 * always written. `event` says what happened, in kebab case.
 */
export type Log = (level: LogLevel, event: string, fields: Fields, metrics?: Fields) => void

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** `write` gets whole lines with their newline. */
export function createLog(
  least: LogLevel,
  deps: Pick<Time, 'now'> & { write(line: string): void; scrub(text: string): string },
): Log {
  return (level, event, fields, metrics = {}) => {
    const counts = Object.keys(metrics).length > 0
    if (levels.indexOf(level) < levels.indexOf(least) && !counts) return
    const head = { level, event, timestamp: new Date(deps.now()).toISOString() }
    const json = JSON.stringify(inOrder(head, fields, metrics))
    // Most lines hold no secret. Of those that do only the fields may: a metric whose name were taken for one would be lost.
    const clean = deps.scrub(json) === json
    deps.write(`${clean ? json : JSON.stringify(inOrder(head, scrubFields(), metrics))}\n`)

    function scrubFields(): Fields {
      return JSON.parse(scrubJson(fields, deps.scrub))
    }
  }
}

/**
 * First what is no list or object, the fields and then the metrics: CLS keeps nothing else of a line, and Logs Insights reads
 * the first 200 members alone. https://cloud.tencent.com/document/product/583/67792
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
 */
function inOrder(...parts: readonly Fields[]): Record<string, Field> {
  // Not a copy of the first part: Node 20 takes ten times as long to add to one.
  const line: Record<string, Field> = {}
  const nested: Record<string, Field> = {}
  for (const part of parts)
    for (const name of Object.keys(part)) {
      const value = part[name] ?? null
      const isNested = typeof value === 'object' && value !== null
      ;(isNested ? nested : line)[name] = value
    }
  return Object.assign(line, nested)
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

/** What went wrong, in one text: for logs that keep no more of a line. */
export function reasonOf(error: unknown): string {
  const { code, message } = errorFields(error)
  return `${code}: ${error instanceof CodedError ? error.brief : message}`
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
  const timestamp = new Date(now).toISOString()
  return `${JSON.stringify({ level: 'error', event, timestamp, code: 'InternalError', message: withheld })}\n`
}

function stackOf(error: unknown): string {
  return (error instanceof Error && error.stack) || String(error)
}

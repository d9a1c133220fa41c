/** What called a function: an HTTP request in any of the senders' shapes, a schedule, or a run by hand. */
import { InputError } from '../errors.ts'
import { field, isRecord, isText } from '../json.ts'

/** What sends HTTP requests. Each name but the last two is one row of {@link shapes}. */
export type HttpShape =
  | 'http-api-v2'
  | 'lambda-url'
  | 'api-gateway-v1'
  | 'alb'
  | 'alb-multi-value'
  | 'scf-api-gateway'
  | 'scf-function-url'
  // No event has these two: `readWebRequest` makes them, on SCF and elsewhere, of what came to a server of our own.
  | 'scf-web'
  | 'web'

/** What sends schedule events. Each name is one row of {@link shapes}. */
export type ScheduleShape = 'eventbridge-rule' | 'eventbridge-scheduler' | 'scf-timer'

/** One HTTP request, whoever sent it. Text in it is the client's: quote it with care. */
export interface HttpEvent {
  kind: 'http'
  shape: HttpShape
  /** In upper case. */
  method: string
  /** Starts with `/`. Where `stage` is set it may, and need not, begin with `/{stage}`. */
  path: string
  /** The API's stage; null for `$default` and for senders that have none. */
  stage: string | null
  /**
   * Names of the query parameters, each once; of very many the first, and `…`. Their values are not read: they may be
   * secrets.
   */
  queryNames: string[]
  /**
   * By lower-case name, values of a repeated header joined with `, `. No prototype. What no gateway lets through is left
   * out: values over {@link longestValue} characters, and all beyond the first {@link mostNames} names.
   */
  headers: Record<string, string>
  /** The sender's request id; null where the event has none: take the invocation's then. */
  requestId: string | null
  /**
   * Whom the API's own authorizer let in: an IAM ARN, a token's subject, a Lambda authorizer's principal. It comes
   * from the event's context, which a client cannot write, never from a header; null when nobody was checked.
   */
  principal: string | null
}

/** The clock's call: a rule, a schedule or a timer fired. */
export interface ScheduleEvent {
  kind: 'schedule'
  shape: ScheduleShape
}

/** A run by hand: the fields given, unchecked; of very many the first {@link mostNames}. No prototype. */
export interface ManualEvent {
  kind: 'manual'
  fields: Record<string, unknown>
}

/**
 * An event may hold six megabytes of names and values, from whoever may invoke. Gateways let 8 to 64 KB of headers and
 * paths through; beyond these bounds nothing is read, and so costs nothing.
 */
export const mostNames = 256
/** In characters. */
export const longestValue = 8192

/** One way in which a service calls a function: its mark, and how to read it once the mark is there. */
export interface Shape {
  name: HttpShape | ScheduleShape
  /** True where the event carries what only this sender puts into it. Never throws. */
  matches(event: unknown): boolean
  /** The plain view. Throws `InputError` where the mark is there but not what it promises. */
  read(event: unknown): HttpEvent | ScheduleEvent
}

/**
 * Every shape but the manual one. No event of a real sender matches two rows. Sources:
 * - `http-api-v2`, `api-gateway-v1` (an HTTP API with payload 1.0, or a REST API):
 *   https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 *   https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
 * - `lambda-url`: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 * - `alb`, `alb-multi-value`:
 *   https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
 * - `scf-api-gateway`: https://www.tencentcloud.com/document/product/583/12513
 * - `scf-function-url`: https://www.tencentcloud.com/document/product/583/69491
 * - `eventbridge-rule`: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html
 * - `eventbridge-scheduler`: https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html
 * - `scf-timer`: https://www.tencentcloud.com/document/product/583/9708
 */
export const shapes: readonly Shape[] = [
  httpShape('http-api-v2', (event) => isPayload2(event) && !isLambdaUrl(event), readPayload2),
  httpShape('lambda-url', (event) => isPayload2(event) && isLambdaUrl(event), readPayload2),
  httpShape(
    'api-gateway-v1',
    (event) => isText(field(event, 'requestContext', 'apiId')) && isText(field(event, 'resource')),
    (event) => ({
      ...readPayload1(event),
      queryNames: parameterNames(event),
      principal:
        textOf(field(event, 'requestContext', 'identity', 'userArn')) ??
        principalOf(field(event, 'requestContext', 'authorizer')),
    }),
  ),
  httpShape('alb', (event) => isAlb(event) && !isMultiValue(event), readAlb),
  httpShape('alb-multi-value', (event) => isAlb(event) && isMultiValue(event), readAlb),
  // `queryStringParameters` holds the declared parameters only, `queryString` all of them.
  httpShape('scf-api-gateway', isScfApiGateway, readScf),
  httpShape(
    'scf-function-url',
    // The API Gateway event without what is the gateway's own, `serviceId` above all. By the documentation
    // there is no `requestContext`; events seen since late 2025 have one that holds `sourceIp` only.
    (event) =>
      isText(field(event, 'httpMethod')) && isRecord(field(event, 'queryString')) && !isScfApiGateway(event),
    readScf,
  ),
  scheduleShape('eventbridge-rule', (event) => isScheduledEvent(event, 'aws.events')),
  scheduleShape('eventbridge-scheduler', (event) => isScheduledEvent(event, 'aws.scheduler')),
  scheduleShape('scf-timer', (event) => field(event, 'Type') === 'Timer'),
]

/**
 * Says what an invocation is: an HTTP request, the clock, or a run by hand (an object without any shape's
 * mark, or nothing). Throws `InputError` for anything that is no JSON object, for a shape's mark without the
 * method and path it promises, and for the marks of two shapes, which no sender makes.
 */
export function readEvent(event: unknown): HttpEvent | ScheduleEvent | ManualEvent {
  if (event === null || event === undefined) return { kind: 'manual', fields: record([]) }
  if (!isRecord(event)) {
    const kind = Array.isArray(event) ? 'array' : typeof event
    throw new InputError(
      `Reading the event: its type is "${kind}", should be a JSON object such as {} or {"SubAppId":251006666}`,
    )
  }
  const [shape, another] = shapes.filter(({ matches }) => matches(event))
  if (shape && another) {
    throw new InputError(
      `Reading the event: it has the marks of "${shape.name}" and "${another.name}", should have those of one sender`,
    )
  }
  return shape?.read(event) ?? { kind: 'manual', fields: record(entriesOf(event)) }
}

/** What shapes keep in different places. */
interface HttpParts {
  method: unknown
  path: unknown
  queryNames: string[]
  principal: string | null
}

function httpShape(
  name: HttpShape,
  matches: Shape['matches'],
  readParts: (event: unknown) => HttpParts,
): Shape {
  return {
    name,
    matches,
    read(event) {
      const { method, path, queryNames, principal } = readParts(event)
      // A request is nothing without these two. Whatever else has the wrong type reads as absent, which
      // fails closed: without its header there is no key, without its context nobody was let in.
      if (!isText(method) || !isText(path) || !path.startsWith('/')) {
        throw new InputError(
          `Reading the event: it has the mark of "${name}" but no method or path, should be as that service sends it`,
        )
      }
      const context = field(event, 'requestContext')
      const stage = field(context, 'stage')
      return {
        kind: 'http',
        shape: name,
        method: method.toUpperCase(),
        path,
        stage: isText(stage) && stage !== '$default' ? stage : null,
        queryNames,
        headers: readHeaders(event),
        requestId: shortText(field(context, 'requestId')),
        principal: shortText(principal),
      }
    },
  }
}

function scheduleShape(name: ScheduleShape, matches: Shape['matches']): Shape {
  return { name, matches, read: () => ({ kind: 'schedule', shape: name }) }
}

function isPayload2(event: unknown): boolean {
  return field(event, 'version') === '2.0' && isRecord(field(event, 'requestContext', 'http'))
}

/** Function URLs send the HTTP API's payload; the host tells them apart: `{url-id}.lambda-url.{region}.on.aws`. */
function isLambdaUrl(event: unknown): boolean {
  const domain = field(event, 'requestContext', 'domainName')
  return isText(domain) && /^[^.]+\.lambda-url\./.test(domain)
}

function readPayload1(event: unknown): Pick<HttpParts, 'method' | 'path'> {
  return { method: field(event, 'httpMethod'), path: field(event, 'path') }
}

/** SCF checks callers itself, if at all, and says nothing of it. */
function readScf(event: unknown): HttpParts {
  return { ...readPayload1(event), queryNames: namesOf(field(event, 'queryString')), principal: null }
}

function readPayload2(event: unknown): HttpParts {
  const authorizer = field(event, 'requestContext', 'authorizer')
  return {
    principal:
      textOf(field(authorizer, 'iam', 'userArn')) ??
      principalOf(field(authorizer, 'jwt')) ??
      principalOf(field(authorizer, 'lambda')),
    method: field(event, 'requestContext', 'http', 'method'),
    path: field(event, 'rawPath'),
    queryNames: decodeNames(field(event, 'rawQueryString')),
  }
}

/**
 * Whom a JWT or Lambda authorizer let in. Routes without one come with `{}` or `{claims: null, scopes: null}` too,
 * so it takes a name to be somebody. A Lambda authorizer of an HTTP API gives one by putting `principalId` into its
 * context; that of a REST API always does.
 */
function principalOf(authorizer: unknown): string | null {
  const claims = field(authorizer, 'claims')
  return (
    textOf(field(authorizer, 'principalId')) ??
    textOf(field(claims, 'sub')) ??
    textOf(field(claims, 'client_id'))
  )
}

function isAlb(event: unknown): boolean {
  return isRecord(field(event, 'requestContext', 'elb'))
}

function isMultiValue(event: unknown): boolean {
  return isRecord(field(event, 'multiValueHeaders'))
}

/** Unlike API Gateway, a load balancer hands parameter names on as they came, percent-encoded. */
function readAlb(event: unknown): HttpParts {
  const names = parameterNames(event).flatMap((name) => decodeNames(`${name}=`))
  return { ...readPayload1(event), queryNames: [...new Set(names)], principal: null }
}

function isScfApiGateway(event: unknown): boolean {
  return isText(field(event, 'requestContext', 'serviceId'))
}

function isScheduledEvent(event: unknown, source: string): boolean {
  return field(event, 'source') === source && field(event, 'detail-type') === 'Scheduled Event'
}

function readHeaders(event: unknown): Record<string, string> {
  // REST APIs send both, and `headers` then has the last value only.
  const repeated = field(event, 'multiValueHeaders')
  const sent = namesOf(repeated).length > 0 ? repeated : field(event, 'headers')
  const headers = record<string>([])
  for (const spelling of namesOf(sent)) {
    const value = field(sent, spelling)
    const texts = (Array.isArray(value) ? value.slice(0, longestValue) : [value]).filter(isString)
    if (texts.length === 0) continue
    const name = spelling.toLowerCase()
    const text = texts.join(', ')
    headers[name] = name in headers ? `${headers[name]}, ${text}` : text
  }
  return record(Object.entries(headers).filter(([, text]) => text.length <= longestValue))
}

function parameterNames(event: unknown): string[] {
  const single = namesOf(field(event, 'queryStringParameters'))
  const repeated = namesOf(field(event, 'multiValueQueryStringParameters'))
  return [...new Set([...single, ...repeated])]
}

/** Names in a raw query string. `URLSearchParams` takes a malformed `%` as it stands, where `decodeURIComponent` throws. */
export function decodeNames(query: unknown): string[] {
  if (!isText(query)) return []
  const names = new Set(new URLSearchParams(query.slice(0, longestValue)).keys())
  if (query.length > longestValue) names.add('…')
  return [...names]
}

/** The first of its own names. */
function namesOf(value: unknown): string[] {
  const names: string[] = []
  if (!isRecord(value)) return names
  // Not Object.keys, which takes half of a second for what six megabytes may hold.
  for (const name in value) {
    if (names.length === mostNames) break
    if (Object.hasOwn(value, name)) names.push(name)
  }
  return names
}

function entriesOf(value: unknown): [string, unknown][] {
  return namesOf(value).map((name) => [name, field(value, name)])
}

/** An object without a prototype, so that a name from outside never finds anything inherited. */
function record<T>(entries: [string, T][]): Record<string, T> {
  const result: Record<string, T> = Object.create(null)
  for (const [name, value] of entries) result[name] = value
  return result
}

/** Names and ids are short; what is longer is none. */
const longestName = 256

function shortText(value: unknown): string | null {
  return isText(value) && value.length <= longestName ? value : null
}

function textOf(value: unknown): string | null {
  return isText(value) ? value : null
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}

/** What called a function: an HTTP request in any of the senders' shapes, a schedule, a ping, or a run by hand. */
import { InputError } from '../errors.ts'
import { field, isRecord, isText, parseJson } from '../json.ts'

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

/** What only keeps an instance warm. Each name is one row of {@link shapes}. */
export type PingShape = 'serverless-plugin-warmup' | 'lambda-warmer'

/** What sends HTTP events that are refused by name. Each name is one row of {@link shapes}. */
export type RefusedShape = 'vpc-lattice-v1' | 'vpc-lattice-v2'

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
  /** The route that the sender's gateway matched, by its own word; null where it says none. To be held against `path`. */
  matched: GatewayMatch | null
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
  /**
   * Where an authorizer let the caller in and named nobody: the place in the event where the name must stand, in at most
   * {@link longestName} characters. Else null.
   */
  unnamedAt: string | null
}

/** A route as the gateway has it. */
export interface GatewayMatch {
  /** Such as `/sub-apps/{SubAppId}/tokens`; may be anybody's, `/{proxy+}` too. */
  template: string
  /** What the request has in place of the template's parameters. No prototype. */
  parameters: Record<string, string>
}

/** The clock's call: a rule, a schedule or a timer fired. */
export interface ScheduleEvent {
  kind: 'schedule'
  shape: ScheduleShape
  /** Its constant input, unchecked, bounded as in a {@link ManualEvent}. No prototype. */
  fields: Record<string, unknown>
}

/** Somebody keeps the instance warm: there is nothing to do. */
export interface PingEvent {
  kind: 'ping'
  shape: PingShape
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
/** In characters. Names and ids are short; what is longer is none. */
export const longestName = 256

/** One way in which a service calls a function: its mark, and how to read it once the mark is there. */
export interface Shape {
  name: HttpShape | ScheduleShape | PingShape | RefusedShape
  kind: 'http' | 'schedule' | 'ping' | 'refused'
  /** True where the event carries what only this sender puts into it. Never throws. */
  matches(event: unknown): boolean
  /** The plain view. Throws `InputError` where the mark is there but not what it promises, or is of one that is refused. */
  read(event: unknown): HttpEvent | ScheduleEvent | PingEvent
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
 * - `serverless-plugin-warmup`: https://github.com/juanjoDiaz/serverless-plugin-warmup, `payload` by default
 * - `lambda-warmer`: https://github.com/jeremydaly/lambda-warmer, `flag` by default
 * - `vpc-lattice-v1`, `vpc-lattice-v2`: https://docs.aws.amazon.com/vpc-lattice/latest/ug/lambda-functions.html
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
      matched: matchOf(event, field(event, 'resource')),
      principal:
        textOf(field(event, 'requestContext', 'identity', 'userArn')) ??
        principalOf(field(event, 'requestContext', 'authorizer')),
      unnamedAt: unnamedAt('requestContext.authorizer', field(event, 'requestContext', 'authorizer')),
    }),
  ),
  httpShape('alb', (event) => isAlb(event) && !isMultiValue(event), readAlb),
  httpShape('alb-multi-value', (event) => isAlb(event) && isMultiValue(event), readAlb),
  // `queryStringParameters` holds the declared parameters only, `queryString` all of them.
  httpShape('scf-api-gateway', isScfApiGateway, readScf),
  httpShape('scf-function-url', isScfFunctionUrl, readScf),
  scheduleShape('eventbridge-rule', (event) => isScheduledEvent(event, 'aws.events'), 'detail'),
  scheduleShape('eventbridge-scheduler', (event) => isScheduledEvent(event, 'aws.scheduler'), 'detail'),
  scheduleShape('scf-timer', (event) => field(event, 'Type') === 'Timer', 'Message'),
  pingShape('serverless-plugin-warmup', (event) => field(event, 'source') === 'serverless-plugin-warmup'),
  pingShape('lambda-warmer', (event) => field(event, 'warmer') === true),
  refusedShape(
    'vpc-lattice-v1',
    (event) => isText(field(event, 'raw_path')) && isText(field(event, 'method')),
  ),
  refusedShape('vpc-lattice-v2', (event) => isText(field(event, 'requestContext', 'serviceNetworkArn'))),
]

/** Whether an event has the mark of somebody who sends HTTP, served or not. Never throws. */
export function isRequest(event: unknown): boolean {
  return shapes.some(({ kind, matches }) => (kind === 'http' || kind === 'refused') && matches(event))
}

/** Whose mark an event has, `manual` for a run by hand: for the log of an event that could not be read, too. Never throws. */
export function nameSender(event: unknown): string {
  return shapes.find(({ matches }) => matches(event))?.name ?? 'manual'
}

/**
 * Says what an invocation is: an HTTP request, the clock, a ping, or a run by hand (an object without any shape's
 * mark, or nothing). Throws `InputError` for anything that is no JSON object, for a shape's mark without the
 * method and path it promises, for a shape that is refused, and for the marks of two shapes, which no sender makes.
 */
export function readEvent(event: unknown): HttpEvent | ScheduleEvent | PingEvent | ManualEvent {
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
  /** Left out by senders that match no routes. */
  matched?: GatewayMatch | null
  /** Where the name of whom an authorizer let in must stand; left out by senders without authorizers. */
  unnamedAt?: string | null
}

function httpShape(
  name: HttpShape,
  matches: Shape['matches'],
  readParts: (event: unknown) => HttpParts,
): Shape {
  return {
    name,
    kind: 'http',
    matches,
    read(event) {
      const { method, path, queryNames, matched = null, ...caller } = readParts(event)
      const principal = shortText(caller.principal)
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
        matched,
        queryNames,
        headers: readHeaders(event),
        requestId: shortText(field(context, 'requestId')),
        principal,
        unnamedAt: principal === null ? (caller.unnamedAt ?? null) : null,
      }
    },
  }
}

/**
 * `input` is where a constant input stands, if the schedule keeps its mark beside it: an object, or the text of one. What
 * is plainly no object, such as a remark, is none.
 */
function scheduleShape(name: ScheduleShape, matches: Shape['matches'], input: string): Shape {
  return {
    name,
    kind: 'schedule',
    matches,
    read(event) {
      const given = field(event, input)
      const isObjectText = isText(given) && given.trimStart().startsWith('{')
      const fields = !isObjectText ? given : given.length > longestValue ? undefined : parseJson(given)
      // Somebody meant to say something, such as that nothing must be written.
      if (isObjectText && !isRecord(fields))
        throw new InputError(
          `Reading the event: "${input}" of the schedule (${name}) begins like a JSON object, should be one in at most ` +
            `${longestValue} characters, or a remark, or empty`,
        )
      return { kind: 'schedule', shape: name, fields: record(entriesOf(fields)) }
    },
  }
}

function pingShape(name: PingShape, matches: Shape['matches']): Shape {
  return { name, kind: 'ping', matches, read: () => ({ kind: 'ping', shape: name }) }
}

function refusedShape(name: RefusedShape, matches: Shape['matches']): Shape {
  return {
    name,
    kind: 'refused',
    matches,
    read() {
      throw new InputError(
        `Reading the event: it is a request of VPC Lattice (${name}), which is not served; should come by an HTTP API, ` +
          'a REST API, an Application Load Balancer, which may be internal, or a Lambda function URL',
      )
    },
  }
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
  const query = field(event, 'queryString')
  const queryNames = isText(query) ? decodeNames(query) : namesOf(query)
  return { ...readPayload1(event), queryNames, principal: null }
}

function readPayload2(event: unknown): HttpParts {
  const authorizer = field(event, 'requestContext', 'authorizer')
  const method = field(event, 'requestContext', 'http', 'method')
  // `GET /tokens` or `ANY /tokens`, for the request's own method; `$default` names no path.
  const [, verb, template] = /^([A-Z]+) (\/.*)$/s.exec(textOf(field(event, 'routeKey')) ?? '') ?? []
  return {
    matched: verb === 'ANY' || verb === method ? matchOf(event, template) : null,
    principal:
      textOf(field(authorizer, 'iam', 'userArn')) ??
      principalOf(field(authorizer, 'jwt')) ??
      principalOf(field(authorizer, 'lambda')),
    unnamedAt: isRecord(field(authorizer, 'iam'))
      ? 'requestContext.authorizer.iam.userArn'
      : (unnamedAt('requestContext.authorizer.jwt', field(authorizer, 'jwt')) ??
        // One that gives no context at all leaves null.
        (field(authorizer, 'lambda') === undefined ? null : 'requestContext.authorizer.lambda.principalId')),
    method,
    path: field(event, 'rawPath'),
    queryNames: decodeNames(field(event, 'rawQueryString')),
  }
}

function matchOf(event: unknown, template: unknown): GatewayMatch | null {
  if (!isText(template) || !template.startsWith('/')) return null
  const texts = entriesOf(field(event, 'pathParameters')).filter((entry): entry is [string, string] =>
    isString(entry[1]),
  )
  return { template, parameters: record(texts) }
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

/**
 * Where a JWT or Lambda authorizer puts the name, if it is one that let somebody in: there are claims, or whatever else a
 * Lambda authorizer says. A REST API adds how long that took.
 */
function unnamedAt(place: string, authorizer: unknown): string | null {
  if (isRecord(field(authorizer, 'claims'))) return `${place}.claims.sub`
  const said = namesOf(authorizer).filter(
    (name) => !['claims', 'scopes', 'integrationLatency'].includes(name),
  )
  return said.length > 0 ? `${place}.principalId` : null
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

/**
 * The API Gateway event without what is the gateway's own, `serviceId` above all. By the documentation there is no
 * `requestContext`; events seen since late 2025 have one that holds `sourceIp` only. Without parameters `queryString` may
 * be missing, null or empty: then nothing else may be there that makes it another sender's.
 */
function isScfFunctionUrl(event: unknown): boolean {
  if (!isText(field(event, 'httpMethod')) || isScfApiGateway(event)) return false
  const query = field(event, 'queryString') ?? ''
  if (isRecord(query)) return true
  const isOther =
    isAlb(event) || isText(field(event, 'requestContext', 'apiId')) || isText(field(event, 'resource'))
  return isString(query) && isRecord(field(event, 'headers')) && !isOther
}

function isScheduledEvent(event: unknown, source: string): boolean {
  return field(event, 'source') === source && field(event, 'detail-type') === 'Scheduled Event'
}

function readHeaders(event: unknown): Record<string, string> {
  // REST APIs send both, and `headers` then has the last value only.
  const repeated = entriesOf(field(event, 'multiValueHeaders'))
  const headers = record<string>([])
  const tooLong: string[] = []
  for (const [spelling, value] of repeated.length > 0 ? repeated : entriesOf(field(event, 'headers'))) {
    const text = isString(value) ? value : joinTexts(value)
    if (text === null) continue
    const name = spelling.toLowerCase()
    const before = headers[name]
    const whole = before === undefined ? text : `${before}, ${text}`
    headers[name] = whole
    if (whole.length > longestValue) tooLong.push(name)
  }
  for (const name of tooLong) delete headers[name]
  return headers
}

/** `null` where there is none. */
function joinTexts(value: unknown): string | null {
  const texts = Array.isArray(value) ? value.slice(0, longestValue).filter(isString) : []
  return texts.length === 0 ? null : texts.join(', ')
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

/**
 * The first of its own names. V8 gathers all of them before it gives out one, which for six megabytes of names takes half as
 * long as parsing them did: so each object is asked once.
 */
function namesOf(value: unknown): string[] {
  const names: string[] = []
  if (!isRecord(value)) return names
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

function shortText(value: unknown): string | null {
  return isText(value) && value.length <= longestName ? value : null
}

function textOf(value: unknown): string | null {
  return isText(value) ? value : null
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}

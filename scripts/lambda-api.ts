/**
 * A local Lambda: runs by hand of the functions that are running, by the Invoke API, so that `curl` and
 * `aws lambda invoke --endpoint-url` do here what they do on AWS
 * (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html).
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'

export type Handler = (event: unknown, context: unknown) => Promise<unknown>

/** A function as it is deployed. */
export interface LambdaFunction {
  readonly handler: Handler
  /** How long an invocation may last. */
  readonly limitMs: number
  /** How many invocations may run at once; default: any number. */
  readonly reservedConcurrency?: number
}

export interface LambdaAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface LambdaApi {
  /** Answers a request whose target begins with {@link lambdaPath}. Rejects when the client goes away before its end. */
  answer(request: IncomingMessage, target: string): Promise<LambdaAnswer>
  /** Invokes a function as a schedule does: waits for its turn, and resolves to what the function returned. */
  invoke(name: string, event: unknown): Promise<unknown>
}

export interface LambdaOptions {
  readonly functions: Readonly<Record<string, LambdaFunction>>
  /** Who sends it, as a bearer key or as the access key id of a signature (version 4), may invoke. */
  readonly key: string
  /** Runs an invocation, and hands on what the function writes to its log; default: hands on nothing. */
  readonly record?: Recorder
}

/** Runs something, and hands on what is written to stdout because of it. */
export type Recorder = <T>(run: () => Promise<T>, onText: (text: string) => void) => Promise<T>

/** Every operation of Lambda's has a path below this; none of ours has. */
export const lambdaPath = '/2015-03-31/'

const invocationPath = /^\/2015-03-31\/functions\/([^/?]+)\/invocations(?:\?(.*))?$/
/** A name, or an ARN or the end of one, with a version or an alias or without. */
const functionReference =
  /^(?:arn:aws[a-z-]*:lambda:)?(?:[a-z]{2}(?:-[a-z]+)+-\d:)?(?:\d{12}:)?(?:function:)?([\w-]+)(?::(\$LATEST|[\w-]+))?$/
/** What functions are called that `npx serverless deploy` makes, so that its pages' commands work here as they stand. */
const deployedPrefix = /^vod-aigc-tokens-[\w-]+-(?=list-tokens$|mirror-tokens$)/

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const mostEventBytes = { RequestResponse: 6_291_456, DryRun: 6_291_456, Event: 1_048_576 }
type InvocationType = keyof typeof mostEventBytes
/** A little more than what a request may have. */
const mostResultBytes = 6_291_556
const tailBytes = 4_096

/** An error of the service, not of the function. */
class LambdaError extends Error {
  readonly status: number
  readonly code: string
  readonly fields: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, fields: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.fields = fields
  }
}

/** Makes the API of `functions`. It is for loopback: whoever sees a request sees the key. */
export function createLambdaApi({ functions, key, record = (run) => run() }: LambdaOptions): LambdaApi {
  const mayInvoke = createKeyCheck(key)
  const slots = new Map(
    Object.entries(functions).map(([name, { reservedConcurrency }]) => [
      name,
      createSlots(reservedConcurrency ?? Number.POSITIVE_INFINITY),
    ]),
  )

  async function run(name: string, event: unknown, requestId: string, onText: (text: string) => void) {
    const { handler, limitMs } = functions[name] as LambdaFunction
    try {
      return await record(() => handler(event, lambdaContext(limitMs, requestId)), onText)
    } finally {
      slots.get(name)?.give()
    }
  }

  async function invokeInTurn(name: string, event: unknown, requestId: string): Promise<unknown> {
    await slots.get(name)?.take()
    return run(name, event, requestId, () => {})
  }

  async function invokeAtOnce(name: string, event: unknown, requestId: string, withTail: boolean) {
    if (slots.get(name)?.tryTake() !== true)
      throw new LambdaError(429, 'TooManyRequestsException', 'Rate Exceeded.', {
        Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
      })
    let log = Buffer.alloc(0)
    const onText = (text: string): void => {
      log = Buffer.concat([log, Buffer.from(text)]).subarray(-tailBytes)
    }
    const outcome = await run(name, event, requestId, onText).then(describeResult, describeError)
    return {
      status: 200,
      headers: {
        'x-amz-executed-version': '$LATEST',
        ...(outcome.failed && { 'x-amz-function-error': 'Unhandled' }),
        ...(withTail && { 'x-amz-log-result': log.toString('base64') }),
      },
      body: outcome.body,
    }
  }

  function findFunction(reference: string, qualifierAsked: string): string {
    const [, named = '', qualifierNamed] = functionReference.exec(reference) ?? []
    if (named === '')
      throw new LambdaError(
        400,
        'ValidationException',
        "1 validation error detected: Value at 'functionName' failed to satisfy constraint: Member must be a name or an ARN",
      )
    if (qualifierNamed !== undefined && qualifierAsked !== '' && qualifierNamed !== qualifierAsked)
      throw new LambdaError(
        400,
        'InvalidParameterValueException',
        'The derived qualifier from the function name does not match the specified qualifier.',
      )
    const qualifier = qualifierNamed ?? (qualifierAsked || '$LATEST')
    const name = named.replace(deployedPrefix, '')
    // No version was ever published here.
    if (Object.hasOwn(functions, name) && qualifier === '$LATEST') return name
    const arn = `arn:aws:lambda:us-east-1:123456789012:function:${named}${qualifier === '$LATEST' ? '' : `:${qualifier}`}`
    throw new LambdaError(
      404,
      'ResourceNotFoundException',
      `Function not found: ${arn}; here are ${Object.keys(functions).join(' and ')}`,
    )
  }

  async function answer(request: IncomingMessage, target: string, requestId: string): Promise<LambdaAnswer> {
    const { headers, method } = request
    const denied = mayInvoke(headers.authorization)
    if (denied) throw denied
    const [, reference, query] = invocationPath.exec(target) ?? []
    if (reference === undefined || method !== 'POST')
      throw new LambdaError(404, 'UnknownOperationException', 'The only operation here is Invoke')
    const name = findFunction(decode(reference), new URLSearchParams(query).get('Qualifier') ?? '')
    const type = readEnum(headers['x-amz-invocation-type'], 'invocationType', [
      'RequestResponse',
      'Event',
      'DryRun',
    ])
    const logType = readEnum(headers['x-amz-log-type'], 'logType', ['None', 'Tail'])
    const event = await readEvent(request, type)
    switch (type) {
      case 'DryRun':
        return { status: 204, headers: {}, body: '' }
      case 'Event':
        // It fails in its own log. Lambda would try twice more, after one and two minutes.
        invokeInTurn(name, event, requestId).catch(() => {})
        return { status: 202, headers: {}, body: '' }
      case 'RequestResponse':
        return invokeAtOnce(name, event, requestId, logType === 'Tail')
    }
  }

  return {
    invoke: (name, event) => invokeInTurn(name, event, randomUUID()),
    async answer(request, target) {
      const requestId = randomUUID()
      const { status, headers, body } = await answer(request, target, requestId).catch((error: unknown) => {
        if (error instanceof LambdaError) return describeLambdaError(error)
        throw error
      })
      return {
        status,
        headers: {
          ...(body !== '' && { 'content-type': 'application/json' }),
          'x-amzn-requestid': requestId,
          ...headers,
        },
        body,
      }
    },
  }
}

/** The context of an invocation that may last `limitMs` milliseconds. */
export function lambdaContext(limitMs: number, awsRequestId: string = randomUUID()): object {
  const deadline = Date.now() + limitMs
  return { awsRequestId, getRemainingTimeInMillis: () => deadline - Date.now() }
}

/**
 * Makes a {@link Recorder} of functions that run in this process: they write to descriptor 1, or to what they open in its
 * place. Nothing else that is written is recorded, files with tokens least of all.
 */
export function recordStdout(): Recorder {
  const fs: Pick<typeof import('node:fs'), 'openSync' | 'writeSync'> = createRequire(import.meta.url)(
    'node:fs',
  )
  const { openSync, writeSync } = fs
  const listener = new AsyncLocalStorage<(text: string) => void>()
  const stdout = new Set([1])
  fs.openSync = (path, ...rest) => {
    const opened = openSync(path, ...rest)
    if (path === '/proc/self/fd/1') stdout.add(opened)
    else stdout.delete(opened)
    return opened
  }
  fs.writeSync = (file: number, data: string | NodeJS.ArrayBufferView, ...rest: unknown[]) => {
    const written: number = Reflect.apply(writeSync, fs, [file, data, ...rest])
    if (stdout.has(file))
      listener.getStore()?.(
        typeof data === 'string' ? data : Buffer.from(data.buffer, data.byteOffset, written).toString(),
      )
    return written
  }
  return (run, onText) => listener.run(onText, run)
}

/** Tells by the header `Authorization` who may not. Compares hashes, which takes the same time whatever was sent. */
function createKeyCheck(key: string): (authorization: string | undefined) => LambdaError | null {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  const expected = digest(key)
  return (authorization = '') => {
    const [, sent] =
      /^Bearer +(\S+)$/i.exec(authorization) ??
      /^AWS4-HMAC-SHA256 +(?:.*[ ,])?Credential=([^/,\s]+)\//i.exec(authorization) ??
      []
    if (sent === undefined)
      return new LambdaError(403, 'MissingAuthenticationTokenException', 'Missing Authentication Token')
    return timingSafeEqual(digest(sent), expected)
      ? null
      : new LambdaError(
          403,
          'UnrecognizedClientException',
          'The security token included in the request is invalid.',
        )
  }
}

/** So many may be taken at once; who waits for one gets it in turn. */
function createSlots(count: number) {
  let free = count
  const waiting: (() => void)[] = []
  return {
    tryTake(): boolean {
      if (free < 1) return false
      free--
      return true
    },
    async take(): Promise<void> {
      if (!this.tryTake()) await new Promise<void>((resolve) => waiting.push(resolve))
    },
    give(): void {
      const next = waiting.shift()
      if (next) next()
      else free++
    },
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return ''
  }
}

/** The first value where the header is missing. */
function readEnum<T extends string>(
  sent: string | string[] | undefined,
  name: string,
  values: readonly [T, ...T[]],
): T {
  const [byDefault] = values
  if (sent === undefined) return byDefault
  const value = values.find((known) => known === sent)
  if (value === undefined)
    throw new LambdaError(
      400,
      'ValidationException',
      `1 validation error detected: Value at '${name}' failed to satisfy constraint: Member must satisfy enum value set: [${values.join(', ')}]`,
    )
  return value
}

/** An invocation without a body gets `{}`. */
async function readEvent(request: IncomingMessage, type: InvocationType): Promise<unknown> {
  const most = mostEventBytes[type]
  const body = await readBody(request, most)
  if (body === null)
    throw new LambdaError(
      413,
      'RequestEntityTooLargeException',
      `Request must be smaller than ${most} bytes for the InvokeFunction operation`,
    )
  if (body.length === 0) return {}
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    // The parser's own words would quote what was sent.
    throw new LambdaError(
      400,
      'InvalidRequestContentException',
      'Could not parse request body into json: it is not JSON in UTF-8',
    )
  }
}

/** The whole body, or null beyond `most` bytes, of which the rest is dropped. Rejects when the client goes away before the end. */
export async function readBody(request: IncomingMessage, most: number): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length <= most) chunks.push(chunk)
  }
  return length <= most ? Buffer.concat(chunks) : null
}

interface FunctionOutcome {
  readonly failed: boolean
  readonly body: string
}

function describeResult(result: unknown): FunctionOutcome {
  const body = JSON.stringify(result) ?? 'null'
  if (Buffer.byteLength(body) <= mostResultBytes) return { failed: false, body }
  return describeFailure({
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size exceeded maximum allowed payload size (${mostResultBytes} bytes).`,
  })
}

/** As Lambda's runtime for Node writes what a function throws. */
function describeError(error: unknown): FunctionOutcome {
  if (!(error instanceof Error))
    return describeFailure({ errorType: typeof error, errorMessage: String(error), trace: [] })
  const { name, message, stack = '' } = error
  return describeFailure({ errorType: name, errorMessage: message, trace: stack.split('\n') })
}

function describeFailure(document: object): FunctionOutcome {
  return { failed: true, body: JSON.stringify(document) }
}

function describeLambdaError({ status, code, message, fields }: LambdaError): LambdaAnswer {
  return {
    status,
    headers: { 'x-amzn-errortype': code },
    // So is the field called in that one's model.
    body: JSON.stringify({
      Type: 'User',
      ...fields,
      [code === 'ResourceNotFoundException' ? 'Message' : 'message']: message,
    }),
  }
}

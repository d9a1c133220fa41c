/**
 * A stand-in of the AIGC gateway, `text-aigc.vod-qcloud.com`: what tokens are for. It takes requests in the forms of OpenAI
 * and Anthropic and answers them with a constant text.
 *
 * The gateway has no public reference. Paths, headers, models, limits and status codes are those of Tencent's guide for
 * customers, read in public copies. It says that errors hold a message and `request_id`, and nothing of their form: here
 * they have the form of the protocol that was spoken. Not documented either, and decided strictly here: the order of the
 * checks (path, token, arrears, rate, body, model), both headers at once (both must be good), and a body that is not sent as
 * JSON (400). No list of models is documented, so `/v1/models` is 404.
 */
import { randomUUID } from 'node:crypto'
import { type Fields, parseObject } from './service.ts'
import type { RawRequest } from './verify-tc3.ts'

export interface AigcOptions {
  /** The application of a token that the gateway lets in at present, or null. */
  readonly findApplication: (apiToken: string, settings: AigcSettings) => number | null
  /** What {@link AigcSettings} are at first. */
  readonly settings: AigcSettings
  /** Epoch milliseconds. */
  readonly now: () => number
}

export interface AigcAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A request as the gateway saw it. */
export interface AigcCall {
  /** Epoch milliseconds of the simulator's passage of time. */
  readonly at: number
  readonly path: string
  /** As it was sent, in either header; empty where there was none. */
  readonly apiToken: string
  readonly status: number
}

/** Set at will. */
export interface AigcSettings {
  /** How long after its creation a token is let in; Tencent's guide says a minute. */
  learnsAfterMs: number
  /** How long after its deletion a token is still let in; Tencent's guide says a short time. */
  forgetsAfterMs: number
  /** For each application, in a minute that slides; 10 or 30 by different copies of the guide, and more for those who ask. */
  requestsPerMinute: number
}

export interface Aigc extends AigcSettings {
  /** Every request so far, oldest first. */
  readonly calls: AigcCall[]
  /** Applications in arrears: their tokens are answered 403. Add and delete at will. */
  readonly suspended: Set<number>
  answer(request: RawRequest): AigcAnswer
}

interface Protocol {
  readonly models: RegExp
  /** What a body must have, beside `model`, and its type. */
  readonly fields: Readonly<Record<string, 'array' | 'number' | 'text or array'>>
  describeError(type: string, message: string): object
  describe(reply: Reply): object
  /** The events of a stream, with their names where the protocol names them; null: not played here. */
  stream(reply: Reply): readonly (readonly [string | null, object | string])[] | null
}

interface Reply {
  readonly id: string
  readonly model: string
  /** Epoch seconds. */
  readonly created: number
}

const text = 'This is the answer of a stand-in.'
/** In place of a tokenizer's. */
const usage = { input: 8, output: 9 }

const chat: Protocol = {
  models: /^(gpt-(?!5\.4-pro$|5\.3-codex$)|gemini-|gk-|minimax|kimi|deepseek|glm)/i,
  fields: { messages: 'array' },
  describeError: describeOpenAiError,
  describe: ({ id, model, created }) => ({
    id: `chatcmpl-${id}`,
    object: 'chat.completion',
    created,
    model,
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
    usage: {
      prompt_tokens: usage.input,
      completion_tokens: usage.output,
      total_tokens: usage.input + usage.output,
    },
  }),
  stream({ id, model, created }) {
    const chunk = (delta: object, finish_reason: string | null) => ({
      id: `chatcmpl-${id}`,
      object: 'chat.completion.chunk',
      created,
      model,
      choices: [{ index: 0, delta, finish_reason }],
    })
    return [
      [null, chunk({ role: 'assistant', content: '' }, null)],
      ...text.split(/(?<= )/).map((content) => [null, chunk({ content }, null)] as const),
      [null, chunk({}, 'stop')],
      [null, '[DONE]'],
    ]
  },
}

const responses: Protocol = {
  models: /^gpt-/,
  fields: { input: 'text or array' },
  describeError: describeOpenAiError,
  describe: ({ id, model, created }) => ({
    id: `resp_${id}`,
    object: 'response',
    created_at: created,
    status: 'completed',
    error: null,
    model,
    output: [
      {
        id: `msg_${id}`,
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text, annotations: [] }],
      },
    ],
    usage: {
      input_tokens: usage.input,
      output_tokens: usage.output,
      total_tokens: usage.input + usage.output,
    },
  }),
  stream: () => null,
}

const messages: Protocol = {
  models: /^(cd-|minimax)/i,
  fields: { messages: 'array', max_tokens: 'number' },
  describeError: (type, message) => ({ type: 'error', error: { type, message } }),
  describe: ({ id, model }) => ({
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [{ type: 'text', text }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: usage.input, output_tokens: usage.output },
  }),
  stream(reply) {
    const event = (type: string, fields: object) => [type, { type, ...fields }] as const
    return [
      event('message_start', {
        message: { ...this.describe(reply), content: [], stop_reason: null },
      }),
      event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
      event('content_block_stop', { index: 0 }),
      event('message_delta', {
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: usage.output },
      }),
      event('message_stop', {}),
    ]
  },
}

const protocols = new Map<string, Protocol>([
  ['/v1/chat/completions', chat],
  // Claude by OpenAI's protocol.
  ['/openai/v1/chat/completions', { ...chat, models: /^(cd-|gpt-|gemini-)/ }],
  ['/v1/responses', responses],
  ['/v1/messages', messages],
])

/** What a refusal is called in the protocols' error documents. */
const errorTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
}

class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Whether a request target belongs to the gateway rather than to the API. */
export function isAigc(url: string): boolean {
  return /^\/(openai\/)?v1\//.test(url)
}

/** Opens a gateway. */
export function createAigc({ findApplication, settings, now }: AigcOptions): Aigc {
  const calls: AigcCall[] = []
  const suspended = new Set<number>()
  const admittedAt = new Map<number, number[]>()

  function admit({ headers }: RawRequest): void {
    const sent = readTokens(headers)
    if (sent.length === 0)
      throw new Refusal(401, 'There is neither an Authorization nor an x-api-key header.')
    const applications = sent.map((token) => findApplication(token, aigc))
    const [application] = applications
    if (application === undefined || application === null || applications.includes(null))
      throw new Refusal(401, 'The token is not known.')
    if (suspended.has(application)) throw new Refusal(403, 'The service of this application is suspended.')
    const recent = (admittedAt.get(application) ?? []).filter((at) => at > now() - 60_000)
    if (recent.length >= aigc.requestsPerMinute) throw new Refusal(429, 'Too many requests in a minute.')
    admittedAt.set(application, [...recent, now()])
  }

  function reply(request: RawRequest, protocol: Protocol): Omit<AigcAnswer, 'status'> {
    admit(request)
    const { model, stream } = readBody(request, protocol)
    const facts = { id: randomUUID().replaceAll('-', ''), model, created: Math.floor(now() / 1000) }
    if (!stream)
      return {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(protocol.describe(facts)),
      }
    const events = protocol.stream(facts)
    if (events === null) throw new Refusal(400, 'This stand-in has no streams of this protocol.')
    return {
      headers: { 'content-type': 'text/event-stream' },
      body: events
        .map(
          ([name, data]) =>
            `${name === null ? '' : `event: ${name}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`,
        )
        .join(''),
    }
  }

  const aigc: Aigc = {
    ...settings,
    calls,
    suspended,
    answer(request) {
      const path = request.url.replace(/\?.*/, '')
      const own = request.headers['x-request-id']?.[0] ?? ''
      const requestId = /^[\w.-]{1,128}$/.test(own) ? own : randomUUID()
      const protocol = request.method === 'POST' ? protocols.get(path) : undefined
      let answer: AigcAnswer
      try {
        if (protocol === undefined) throw new Refusal(404, 'There is no such path.')
        answer = { status: 200, ...reply(request, protocol) }
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        const { describeError } = protocol ?? chat
        const document = describeError(errorTypes[error.status] ?? 'api_error', error.message)
        answer = {
          status: error.status,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ ...document, request_id: requestId }),
        }
      }
      const [apiToken = ''] = readTokens(request.headers)
      calls.push({ at: now(), path, apiToken, status: answer.status })
      return { ...answer, headers: { ...answer.headers, 'x-request-id': requestId } }
    },
  }
  return aigc
}

function describeOpenAiError(type: string, message: string): object {
  return { error: { message, type, param: null, code: null } }
}

/** Those of both headers. What is no bearer is not a token, but not nothing either. */
function readTokens(headers: RawRequest['headers']): string[] {
  const authorization = headers['authorization']?.[0]
  const bearer = authorization?.replace(/^Bearer +/i, '')
  const key = headers['x-api-key']?.[0]
  return [...(key === undefined ? [] : [key]), ...(bearer === undefined ? [] : [bearer])]
}

function readBody(request: RawRequest, { fields, models }: Protocol): { model: string; stream: boolean } {
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type']?.[0] ?? ''))
    throw new Refusal(400, 'The body must be sent as application/json.')
  let body: Fields
  try {
    body = parseObject(request.body)
  } catch {
    throw new Refusal(400, 'The body is not a JSON object.')
  }
  const { model, stream = false } = body
  if (typeof model !== 'string') throw new Refusal(400, '`model` must be a text.')
  if (typeof stream !== 'boolean') throw new Refusal(400, '`stream` must be true or false.')
  for (const [name, type] of Object.entries(fields)) {
    const value = body[name]
    const isOf =
      type === 'number'
        ? Number.isSafeInteger(value) && Number(value) > 0
        : (Array.isArray(value) && value.length > 0) ||
          (type === 'text or array' && typeof value === 'string')
    if (!isOf) throw new Refusal(400, `\`${name}\` must be there: ${type}.`)
  }
  if (!models.test(model)) throw new Refusal(404, 'There is no such model at this path.')
  return { model, stream }
}

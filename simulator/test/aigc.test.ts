/** The stand-in of the AIGC gateway: who is let in when, and what is answered. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../simulator.ts'

const first = 251006666
const second = 251006667

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: unknown
}

async function start() {
  let passedMs = 0
  const simulator = await startTencentSimulator({
    applications: [
      { subAppId: first, tokens: ['a-token'] },
      { subAppId: second, tokens: ['another-token'] },
    ],
    now: () => 1_800_000_000_000 + passedMs,
  })
  onTestFinished(() => simulator.close())
  const send = async (
    path: string,
    headers: Record<string, string> = {},
    body: unknown = {},
    method = 'POST',
  ): Promise<Answer> => {
    const answer = await fetch(simulator.url + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(method === 'POST' && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await answer.text()
    const isJson = answer.headers.get('content-type') === 'application/json'
    return { status: answer.status, headers: answer.headers, text, json: isJson ? JSON.parse(text) : null }
  }
  return {
    simulator,
    send,
    pass: (seconds: number): void => {
      passedMs += seconds * 1000
    },
    /** What a good request with a token is answered. */
    ask: async (token: string): Promise<number> =>
      (await send('/v1/chat/completions', { authorization: `Bearer ${token}` }, chat)).status,
  }
}

const chat = { model: 'gpt-5.4', messages: [{ role: 'user', content: 'Hello' }] }
const message = { ...chat, model: 'cd-sonnet-4.6', max_tokens: 100 }
const bearer = { authorization: 'Bearer a-token' }

const times = async (count: number, work: () => Promise<number>): Promise<number[]> => {
  const given: number[] = []
  for (let index = 0; index < count; index++) given.push(await work())
  return given
}

/** The same two states, seen by the list and by the gateway. */
async function listed({ vod }: TencentSimulator, token: string): Promise<boolean> {
  return vod.states().some((state) => state.ApiToken === token && state.Listed)
}

describe('the AIGC gateway', () => {
  it.each<[string, object, unknown]>([
    [
      '/v1/chat/completions',
      chat,
      {
        object: 'chat.completion',
        choices: [{ message: { role: 'assistant', content: expect.any(String) } }],
      },
    ],
    ['/openai/v1/chat/completions', { ...chat, model: 'cd-sonnet-4.6' }, { object: 'chat.completion' }],
    [
      '/v1/responses',
      { model: 'gpt-5.3-codex', input: 'Hello' },
      { object: 'response', status: 'completed' },
    ],
    ['/v1/messages', message, { type: 'message', role: 'assistant', content: [{ type: 'text' }] }],
  ])('answers %s, by either header', async (path, body, expected) => {
    const { send } = await start()
    for (const headers of [bearer, { 'X-Api-Key': 'a-token' }]) {
      const { status, json, headers: given } = await send(path, headers, body)
      expect(status).toBe(200)
      expect(json).toMatchObject({ ...(expected as object), model: (body as { model: string }).model })
      expect(given.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
    }
  })

  it('streams in the forms of OpenAI and of Anthropic', async () => {
    const { send } = await start()
    const openAi = await send('/v1/chat/completions', bearer, { ...chat, stream: true })
    expect(openAi.headers.get('content-type')).toBe('text/event-stream')
    const lines = openAi.text.trimEnd().split('\n\n')
    expect(lines.pop()).toBe('data: [DONE]')
    const said = lines.map((line) => JSON.parse(line.replace('data: ', '')).choices[0].delta.content ?? '')
    expect(said.join('')).toBe('This is the answer of a stand-in.')
    const anthropic = await send('/v1/messages', bearer, { ...message, stream: true })
    expect(anthropic.text.match(/(?<=^event: ).*/gm)).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
  })

  it('knows a new token, and forgets a deleted one, after the list does', async () => {
    const { simulator, ask, pass } = await start()
    const token = simulator.vod.create(first)
    pass(30)
    expect(await listed(simulator, token)).toBe(true)
    expect(await ask(token)).toBe(401)
    pass(30)
    expect(await ask(token)).toBe(200)
    simulator.vod.delete(first, token)
    pass(31)
    expect(await listed(simulator, token)).toBe(false)
    expect(await ask(token)).toBe(200)
    pass(29)
    expect(await ask(token)).toBe(401)
  })

  it('knows and forgets as late as it is told', async () => {
    const { simulator, ask, pass } = await start()
    Object.assign(simulator.aigc, { learnsAfterMs: 5_000, forgetsAfterMs: 0 })
    const token = simulator.vod.create(first)
    pass(4)
    expect(await ask(token)).toBe(401)
    pass(1)
    expect(await ask(token)).toBe(200)
    simulator.vod.delete(first, token)
    expect(await ask(token)).toBe(401)
    expect(simulator.aigc.calls.map(({ apiToken, path, status }) => [apiToken, path, status])).toEqual(
      [401, 200, 401].map((status) => [token, '/v1/chat/completions', status]),
    )
  })

  it('takes ten requests of an application in a minute, whatever its tokens; those refused do not count', async () => {
    const { simulator, ask, pass } = await start()
    const token = simulator.vod.create(first)
    pass(100)
    await times(5, () => ask('unknown'))
    expect(await times(5, () => ask('a-token'))).toEqual(Array(5).fill(200))
    pass(30)
    expect(await times(6, () => ask(token))).toEqual([200, 200, 200, 200, 200, 429])
    expect(await ask('another-token')).toBe(200)
    pass(29)
    expect(await ask('a-token')).toBe(429)
    pass(1)
    expect(await times(6, () => ask('a-token'))).toEqual([200, 200, 200, 200, 200, 429])
    simulator.aigc.requestsPerMinute = 11
    expect(await ask('a-token')).toBe(200)
  })

  it('answers 403 for an application in arrears', async () => {
    const { simulator, ask } = await start()
    simulator.aigc.suspended.add(first)
    expect([await ask('a-token'), await ask('another-token'), await ask('unknown')]).toEqual([403, 200, 401])
    simulator.aigc.suspended.delete(first)
    expect(await ask('a-token')).toBe(200)
  })

  it.each<[number, string, string, Record<string, string>, unknown]>([
    [401, 'no token', '/v1/messages', {}, message],
    [401, 'a token that is none', '/v1/messages', { 'x-api-key': 'none' }, message],
    [401, 'another kind of credentials', '/v1/messages', { authorization: 'Basic YS10b2tlbg==' }, message],
    [401, 'a good and a bad token', '/v1/messages', { ...bearer, 'x-api-key': 'none' }, message],
    [
      401,
      'a bad and a good token',
      '/v1/messages',
      { authorization: 'Bearer none', 'x-api-key': 'a-token' },
      message,
    ],
    [404, 'a model that there is not', '/v1/messages', bearer, { ...message, model: 'none' }],
    [404, 'a model of another protocol', '/v1/messages', bearer, { ...message, model: 'gpt-5.4' }],
    [404, 'a model of responses', '/v1/chat/completions', bearer, { ...chat, model: 'gpt-5.4-pro' }],
    [404, 'a path that there is not', '/v1/completions', bearer, chat],
    [404, 'a list of models', '/v1/models', bearer, chat],
    [400, 'no JSON', '/v1/messages', bearer, 'no JSON'],
    [400, 'a list', '/v1/messages', bearer, []],
    [400, 'no model', '/v1/messages', bearer, { ...message, model: undefined }],
    [400, 'no messages', '/v1/messages', bearer, { ...message, messages: [] }],
    [400, 'no limit', '/v1/messages', bearer, { ...message, max_tokens: undefined }],
    [400, 'no input', '/v1/responses', bearer, { model: 'gpt-5.4' }],
    [400, 'a stream of responses', '/v1/responses', bearer, { model: 'gpt-5.4', input: 'x', stream: true }],
    [400, 'half a stream', '/v1/messages', bearer, { ...message, stream: 'yes' }],
    [400, 'another media type', '/v1/messages', { ...bearer, 'content-type': 'text/plain' }, message],
  ])('answers %d for %s, and does not repeat what was sent', async (status, _, path, headers, body) => {
    const { send } = await start()
    const answer = await send(path, { 'x-request-id': 'mine-1', ...headers }, body)
    expect(answer.status).toBe(status)
    const error = { type: expect.stringMatching(/_error$/), message: expect.any(String) }
    expect(answer.json).toMatchObject({
      request_id: 'mine-1',
      ...(path === '/v1/messages' ? { type: 'error', error } : { error: { ...error, param: null } }),
    })
    expect(answer.headers.get('x-request-id')).toBe('mine-1')
    expect(answer.text).not.toMatch(/a-token|none/)
  })

  it('takes POST only', async () => {
    const { send } = await start()
    expect((await send('/v1/chat/completions', bearer, null, 'GET')).status).toBe(404)
  })
})

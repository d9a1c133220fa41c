/** The local Lambda, invoked by AWS's own SDK and by plain requests. */
import type { AddressInfo } from 'node:net'
import { InvokeCommand, type InvokeCommandInput, LambdaClient } from '@aws-sdk/client-lambda'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { startGateway } from '../../scripts/gateway.ts'
import { createLambdaApi, type Handler, type LambdaApi, type Recorder } from '../../scripts/lambda-api.ts'

const key = 'local-0123456789abcdef01234567'
const megabyte = 1_048_576

beforeAll(() => {
  vi.stubEnv('AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED', 'true')
})

interface World {
  readonly url: string
  readonly api: LambdaApi
  /** The events that the functions got, in order. */
  readonly events: unknown[]
  /** By AWS's SDK; `payload` is text as it is sent. */
  invoke(
    input: Omit<InvokeCommandInput, 'Payload'> & { payload?: string },
    accessKeyId?: string,
  ): Promise<{ status: number; error?: string; version?: string; log?: string; payload: unknown }>
  /** By a plain request to `path`. */
  send(path: string, init?: RequestInit): Promise<{ status: number; type: string | null; body: unknown }>
}

/** A list-tokens that echoes and a mirror-tokens that does `handler`, one at a time. */
async function open(handler: Handler = async (event) => event, record?: Recorder): Promise<World> {
  const events: unknown[] = []
  const noting =
    (inner: Handler): Handler =>
    (event, context) => {
      events.push(event)
      return inner(event, context)
    }
  const api = createLambdaApi({
    functions: {
      'list-tokens': { handler: noting(async (event) => event), limitMs: 15_000 },
      'mirror-tokens': { handler: noting(handler), limitMs: 180_000, reservedConcurrency: 1 },
    },
    key,
    ...(record && { record }),
  })
  const gateway = await startGateway({
    handler: async () => ({ statusCode: 200, headers: {}, body: 'of the gateway' }),
    port: 0,
    onAnswer: () => {},
    lambda: api,
  })
  onTestFinished(() => {
    gateway.close()
    gateway.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`
  return {
    url,
    api,
    events,
    async invoke({ payload, ...input }, accessKeyId = key) {
      const client = new LambdaClient({
        endpoint: url,
        region: 'eu-west-1',
        maxAttempts: 1,
        credentials: { accessKeyId, secretAccessKey: 'any' },
      })
      onTestFinished(() => client.destroy())
      const answer = await client.send(
        new InvokeCommand({ ...input, ...(payload !== undefined && { Payload: Buffer.from(payload) }) }),
      )
      const text = answer.Payload?.transformToString() ?? ''
      return {
        status: answer.StatusCode ?? 0,
        ...(answer.FunctionError !== undefined && { error: answer.FunctionError }),
        ...(answer.ExecutedVersion !== undefined && { version: answer.ExecutedVersion }),
        ...(answer.LogResult !== undefined && { log: Buffer.from(answer.LogResult, 'base64').toString() }),
        payload: text === '' ? '' : JSON.parse(text),
      }
    },
    async send(path, init) {
      const answer = await fetch(url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        ...init,
      })
      const text = await answer.text()
      const type = answer.headers.get('x-amzn-errortype')
      return { status: answer.status, type, body: text === '' ? '' : JSON.parse(text) }
    },
  }
}

/** What waits for `promise` goes on once it is opened. */
function makeGate(): { promise: Promise<void>; open(): void } {
  let open = (): void => {}
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open }
}

const path = (name: string): string => `/2015-03-31/functions/${name}/invocations`

describe('createLambdaApi', () => {
  it.each([
    'list-tokens',
    'list-tokens:$LATEST',
    'vod-aigc-tokens-prod-list-tokens',
    'function:list-tokens',
    '123456789012:function:vod-aigc-tokens-dev-2-list-tokens',
    'arn:aws:lambda:us-gov-west-1:123456789012:function:list-tokens:$LATEST',
  ])('invokes %s, and answers what it returned', async (FunctionName) => {
    const { invoke } = await open()
    expect(await invoke({ FunctionName, payload: '{"SubAppId":7}' })).toEqual({
      status: 200,
      version: '$LATEST',
      payload: { SubAppId: 7 },
    })
  })

  it.each([
    [undefined, {}],
    ['', {}],
    ['null', null],
    ['"ü"', 'ü'],
  ])('hands on the payload %j as %j', async (payload, event) => {
    const { invoke, events } = await open()
    await invoke({ FunctionName: 'list-tokens', ...(payload !== undefined && { payload }) })
    expect(events).toEqual([event])
  })

  it('gives the function the context that Lambda gives, with the request id of the answer', async () => {
    const contexts: { awsRequestId: string; leftMs: number }[] = []
    const { url } = await open(async (_, context) => {
      const { awsRequestId, getRemainingTimeInMillis } = context as {
        awsRequestId: string
        getRemainingTimeInMillis(): number
      }
      contexts.push({ awsRequestId, leftMs: getRemainingTimeInMillis() })
      return undefined
    })
    const answer = await fetch(url + path('mirror-tokens'), {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
    })
    expect(await answer.text()).toBe('null')
    expect(contexts[0]?.awsRequestId).toBe(answer.headers.get('x-amzn-requestid'))
    expect(contexts[0]?.leftMs).toBeGreaterThan(100_000)
    expect(contexts[0]?.leftMs).toBeLessThanOrEqual(180_000)
  })

  it('answers what a function throws as Lambda does', async () => {
    const error = Object.assign(new Error('held: look'), { name: 'MirrorHeld' })
    const { invoke } = await open(() => Promise.reject(error))
    expect(await invoke({ FunctionName: 'mirror-tokens' })).toEqual({
      status: 200,
      error: 'Unhandled',
      version: '$LATEST',
      payload: {
        errorType: 'MirrorHeld',
        errorMessage: 'held: look',
        trace: expect.arrayContaining([expect.stringContaining('lambda-api.test.ts')]),
      },
    })
  })

  it.each([
    ['a text', { errorType: 'string', errorMessage: 'a text', trace: [] }],
    [undefined, { errorType: 'undefined', errorMessage: 'undefined', trace: [] }],
  ])('answers %j that a function throws', async (thrown, payload) => {
    const { invoke } = await open(() => Promise.reject(thrown))
    expect(await invoke({ FunctionName: 'mirror-tokens' })).toMatchObject({ error: 'Unhandled', payload })
  })

  it('answers Event before the function ends, and DryRun without it', async () => {
    const ended = makeGate()
    const { invoke, events } = await open(async () => {
      await ended.promise
      throw new Error('nobody hears of this here')
    })
    expect(await invoke({ FunctionName: 'mirror-tokens', InvocationType: 'DryRun' })).toEqual({
      status: 204,
      payload: '',
    })
    expect(events).toEqual([])
    const payload = '{"Confirm":"x"}'
    expect(await invoke({ FunctionName: 'mirror-tokens', InvocationType: 'Event', payload })).toEqual({
      status: 202,
      payload: '',
    })
    expect(events).toEqual([{ Confirm: 'x' }])
    ended.open()
  })

  it('runs no more at once than is reserved: refuses, or lets wait what waits for no answer', async () => {
    const gates = [makeGate(), makeGate()]
    const waiting = [...gates]
    const { invoke, api, events } = await open(async (event) => {
      await waiting.shift()?.promise
      return event
    })
    const first = api.invoke('mirror-tokens', 'scheduled')
    const second = api.invoke('mirror-tokens', 'next')
    await invoke({ FunctionName: 'mirror-tokens', InvocationType: 'Event', payload: '"event"' })
    await expect(invoke({ FunctionName: 'mirror-tokens' })).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
      $metadata: { httpStatusCode: 429 },
    })
    expect(events).toEqual(['scheduled'])
    gates[0]?.open()
    expect(await first).toBe('scheduled')
    await expect(invoke({ FunctionName: 'mirror-tokens' })).rejects.toThrow('Rate Exceeded.')
    gates[1]?.open()
    expect(await second).toBe('next')
    expect(await api.invoke('mirror-tokens', 'last')).toBe('last')
    expect(events).toEqual(['scheduled', 'next', 'event', 'last'])
    // Those that end, also by an error, make room.
    expect(await invoke({ FunctionName: 'mirror-tokens', payload: '"by hand"' })).toMatchObject({
      payload: 'by hand',
    })
  })

  it('makes room again after a function that throws', async () => {
    const { invoke, api } = await open(() => Promise.reject(new Error('broken')))
    await expect(api.invoke('mirror-tokens', {})).rejects.toThrow('broken')
    for (let run = 0; run < 2; run++)
      expect(await invoke({ FunctionName: 'mirror-tokens' })).toMatchObject({ error: 'Unhandled' })
  })

  it('hands on the last 4 KB of the log, to who asks for it', async () => {
    const record: Recorder = async (run, onText) => {
      onText(`${'x'.repeat(5_000)}\n`)
      onText('the last line\n')
      return run()
    }
    const { invoke } = await open(undefined, record)
    const { log = '' } = await invoke({ FunctionName: 'mirror-tokens', LogType: 'Tail' })
    expect(Buffer.byteLength(log)).toBe(4_096)
    expect(log).toMatch(/^x+\nthe last line\n$/)
    expect(await invoke({ FunctionName: 'mirror-tokens', LogType: 'None' })).not.toHaveProperty('log')
  })

  it('lets nobody in without the key, whoever asks and however', async () => {
    const { send, events } = await open()
    const signed = (id: string): string =>
      `AWS4-HMAC-SHA256 Credential=${id}/20261126/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0`
    for (const [authorization, code] of [
      [null, 'MissingAuthenticationTokenException'],
      ['', 'MissingAuthenticationTokenException'],
      [key, 'MissingAuthenticationTokenException'],
      [`Basic ${key}`, 'MissingAuthenticationTokenException'],
      ['Bearer', 'MissingAuthenticationTokenException'],
      [`Bearer ${key}x`, 'UnrecognizedClientException'],
      [`Bearer ${key.slice(0, -1)}`, 'UnrecognizedClientException'],
      [`Bearer ${key.toUpperCase()}`, 'UnrecognizedClientException'],
      [signed('AKIAIOSFODNN7EXAMPLE'), 'UnrecognizedClientException'],
      [signed(`x${key}`), 'UnrecognizedClientException'],
      [signed(''), 'MissingAuthenticationTokenException'],
    ] as const)
      for (const name of ['mirror-tokens', 'nothing-here']) {
        const answer = await send(path(name), {
          headers: authorization === null ? {} : { authorization },
          body: 'no JSON',
        })
        expect([authorization, answer]).toEqual([
          authorization,
          expect.objectContaining({ status: 403, type: code }),
        ])
      }
    expect(await send(path('list-tokens'), { headers: { authorization: signed(key) } })).toMatchObject({
      status: 200,
    })
    expect(events).toEqual([{}])
  })

  it('lets no key in by a signature of the SDK but its own', async () => {
    const { invoke } = await open()
    await expect(invoke({ FunctionName: 'list-tokens' }, 'AKIAIOSFODNN7EXAMPLE')).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
      $metadata: { httpStatusCode: 403 },
    })
  })

  it.each([
    ['nothing-here', {}, 404, 'ResourceNotFoundException', 'function:nothing-here; here are'],
    ['constructor', {}, 404, 'ResourceNotFoundException', 'function:constructor;'],
    ['vod-aigc-tokens-prod-other', {}, 404, 'ResourceNotFoundException', 'prod-other;'],
    ['list-tokens:live', {}, 404, 'ResourceNotFoundException', 'function:list-tokens:live;'],
    ['list-tokens', { Qualifier: '1' }, 404, 'ResourceNotFoundException', 'function:list-tokens:1;'],
    ['list-tokens:1', { Qualifier: '2' }, 400, 'InvalidParameterValueException', 'derived qualifier'],
    ['list tokens', {}, 400, 'ValidationException', 'functionName'],
    ['list-tokens', { InvocationType: 'event' as 'Event' }, 400, 'ValidationException', 'invocationType'],
    ['list-tokens', { LogType: 'tail' as 'Tail' }, 400, 'ValidationException', 'logType'],
    ['list-tokens', { payload: '{' }, 400, 'InvalidRequestContentException', 'Could not parse request body'],
  ])('refuses %s with %j', async (FunctionName, input, httpStatusCode, name, message) => {
    const { invoke, events } = await open()
    await expect(invoke({ FunctionName, ...input })).rejects.toMatchObject({
      name,
      message: expect.stringContaining(message),
      $metadata: { httpStatusCode, requestId: expect.stringMatching(/^[\da-f-]{36}$/) },
    })
    expect(events).toEqual([])
  })

  it.each([
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    // As the CLI sends where it takes the payload for base64.
    ['a secret in the wrong place', Buffer.from('token-of-somebody')],
  ])('refuses %s without saying them', async (_, body) => {
    const { send } = await open()
    expect(await send(path('list-tokens'), { body })).toEqual({
      status: 400,
      type: 'InvalidRequestContentException',
      body: { Type: 'User', message: 'Could not parse request body into json: it is not JSON in UTF-8' },
    })
  })

  it.each([
    ['RequestResponse', 6 * megabyte, 200],
    ['RequestResponse', 6 * megabyte + 1, 413],
    ['Event', megabyte, 202],
    ['Event', megabyte + 1, 413],
  ])('%s takes %d bytes: %d', async (type, bytes, status) => {
    const { send } = await open(async () => null)
    const answer = await send(path('mirror-tokens'), {
      headers: { authorization: `Bearer ${key}`, 'x-amz-invocation-type': type },
      body: `"${'x'.repeat(bytes - 2)}"`,
    })
    expect(answer).toMatchObject(
      status === 413 ? { status, type: 'RequestEntityTooLargeException' } : { status },
    )
  })

  it('gives no result that is too large', async () => {
    const { invoke } = await open(async (event) => 'x'.repeat(Number(event)))
    const most = 6_291_556 - 2
    expect(await invoke({ FunctionName: 'mirror-tokens', payload: `${most}` })).not.toHaveProperty('error')
    expect(await invoke({ FunctionName: 'mirror-tokens', payload: `${most + 1}` })).toMatchObject({
      error: 'Unhandled',
      payload: { errorType: 'Function.ResponseSizeTooLarge' },
    })
  })

  it('takes nothing but Invoke, and leaves the other paths to the gateway', async () => {
    const { send, url } = await open()
    for (const [target, method] of [
      [path('list-tokens'), 'GET'],
      [path('list-tokens'), 'PUT'],
      [`${path('list-tokens')}/`, 'POST'],
      ['/2015-03-31/functions/', 'GET'],
      ['/2015-03-31/functions/%zz/invocations/x', 'POST'],
    ] as const)
      expect(await send(target, { method, headers: { authorization: `Bearer ${key}` } })).toMatchObject({
        status: 404,
        type: 'UnknownOperationException',
      })
    expect(await send(path('%zz'))).toMatchObject({ status: 400, type: 'ValidationException' })
    for (const other of ['/2015-03-31', '/tokens', '/x/2015-03-31/functions/list-tokens/invocations'])
      expect(await (await fetch(url + other)).text()).toBe('of the gateway')
  })
})

/** The local gateway against a recorded event of the real one. */
import { once } from 'node:events'
import { request as openRequest } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startGateway } from '../../scripts/gateway.ts'
import { recorded as readRecorded } from '../support/recorded-events.ts'

const reply = { statusCode: 200, headers: {}, body: '' }

type Headers = Record<string, string | string[]>
interface Event {
  readonly [field: string]: unknown
  readonly headers: Record<string, string>
  readonly requestContext: {
    readonly http: object
    readonly time: string
    readonly timeEpoch: number
    readonly domainName: string
  }
}

const recorded = readRecorded('http-api-v2.json') as unknown as Event

/** What a request becomes: the event that the function gets. */
async function eventOf(path: string, headers: Headers = {}, method = 'GET', body?: Buffer): Promise<Event> {
  const events: Event[] = []
  const gateway = await startGateway({
    handler: async (event) => {
      events.push(event as Event)
      return reply
    },
    port: 0,
    onAnswer: () => {},
  })
  onTestFinished(() => {
    gateway.close()
    gateway.closeAllConnections()
  })
  const { port } = gateway.address() as AddressInfo
  const [answer] = await once(
    openRequest({ host: '127.0.0.1', port, path, method, headers, agent: false }).end(body),
    'response',
  )
  answer.resume()
  expect(answer.statusCode).toBe(200)
  const [event] = events
  if (!event) throw new Error('the function was not called')
  return event
}

/** The keys and types at every level. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf)
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shapeOf(inner)]))
}

describe('startGateway', () => {
  it('makes events of the shape that API Gateway makes', async () => {
    const event = await eventOf('/tokens', {
      Accept: '*/*',
      Authorization: 'Bearer example-key',
      Cookie: 'theme=dark',
      'User-Agent': 'curl/8.5.0',
    })
    expect(shapeOf(event)).toEqual(shapeOf(recorded))
    const { host, 'x-amzn-trace-id': trace, 'x-forwarded-port': port, ...headers } = event.headers
    expect(headers).toEqual({
      accept: '*/*',
      authorization: 'Bearer example-key',
      'content-length': '0',
      'user-agent': 'curl/8.5.0',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
    })
    expect(host).toBe(`127.0.0.1:${port}`)
    expect(trace).toMatch(/^Root=1-[\da-f]{8}-[\da-f]{24}$/)
    expect(event).toMatchObject({
      version: '2.0',
      rawPath: '/tokens',
      rawQueryString: '',
      cookies: ['theme=dark'],
      isBase64Encoded: false,
      requestContext: { http: { ...recorded.requestContext.http, sourceIp: '127.0.0.1' } },
    })
  })

  it('tells the time as API Gateway does', async () => {
    const { time, timeEpoch } = (await eventOf('/')).requestContext
    expect(time).toMatch(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/)
    expect(Date.parse(time.replace(':', ' '))).toBe(timeEpoch - (timeEpoch % 1000))
    const { time: recordedTime, timeEpoch: recordedEpoch } = recorded.requestContext
    expect(Date.parse(recordedTime.replace(':', ' '))).toBe(recordedEpoch)
  })

  it('joins repeated headers and parameters with commas, and takes cookies apart', async () => {
    const event = await eventOf('/a%20b?x=1&y=%C3%BC+%2B&x=2&&z', {
      'X-Many': ['one', 'two'],
      'X-Forwarded-For': '203.0.113.7',
      Cookie: ['a=1; b="2;3"', 'c=4'],
    })
    expect(event['rawQueryString']).toBe('x=1&y=%C3%BC+%2B&x=2&&z')
    expect(event['queryStringParameters']).toEqual({ x: '1,2', y: 'ü +', z: '' })
    expect(event['cookies']).toEqual(['a=1', 'b="2', '3"', 'c=4'])
    expect(event.headers).toMatchObject({ 'x-many': 'one,two', 'x-forwarded-for': '203.0.113.7, 127.0.0.1' })
    expect(Object.keys(event.headers)).not.toContain('cookie')
  })

  it.each([
    ['http://127.0.0.1/tokens', '/tokens', ''],
    ['HTTP://elsewhere.example:8080/tokens?x=1', '/tokens', 'x=1'],
    ['https://elsewhere.example/a?b?c', '/a', 'b?c'],
    ['http://elsewhere.example', '/', ''],
    ['http://elsewhere.example?x', '/', 'x'],
    ['//elsewhere.example/tokens', '//elsewhere.example/tokens', ''],
    ['/%zz?%zz', '/%zz', '%zz'],
    ['/http://elsewhere.example/', '/http://elsewhere.example/', ''],
  ])('reads the target %s', async (target, rawPath, rawQueryString) => {
    const event = await eventOf(target)
    expect(event).toMatchObject({ rawPath, rawQueryString, requestContext: { http: { path: rawPath } } })
    expect(event.requestContext.domainName).toBe('local.execute-api.localhost')
  })

  it.each([
    ['OPTIONS *', 400],
    ['GET *', 400],
    ['GET http://', 400],
    ['GET http:///tokens', 400],
    ['GET ftp://127.0.0.1/tokens', 400],
    ['GET tokens', 400],
    ['GET 127.0.0.1:80', 400],
    ['GET ?x', 400],
    ['GET /a b', 400],
    ['CONNECT 127.0.0.1:443', 405],
    ['CONNECT /tokens', 405],
  ])('answers %s with %d, and goes on', async (line, status) => {
    const gateway = await startGateway({ handler: async () => reply, port: 0, onAnswer: () => {} })
    onTestFinished(() => {
      gateway.close()
      gateway.closeAllConnections()
    })
    const { port } = gateway.address() as AddressInfo
    const socket = connect(port, '127.0.0.1').end(`${line} HTTP/1.1\r\nHost: x\r\n\r\n`)
    const answer = Buffer.concat(await socket.toArray()).toString()
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect((await fetch(`http://127.0.0.1:${port}/tokens`)).status).toBe(200)
  })

  it('leaves out what a request does not have', async () => {
    const event = await eventOf('/?')
    expect(event['rawQueryString']).toBe('')
    for (const name of ['cookies', 'queryStringParameters', 'body', 'pathParameters'])
      expect(event).not.toHaveProperty(name)
  })

  it('lets no client choose the domain', async () => {
    const event = await eventOf('/', { Host: 'x.lambda-url.eu-central-1.on.aws' })
    expect(event.requestContext.domainName).toBe('local.execute-api.localhost')
  })

  it.each([
    ['application/json', true],
    ['application/json; charset=utf-8', true],
    ['TEXT/plain', true],
    ['application/xml', true],
    ['application/javascript', true],
    ['application/x-www-form-urlencoded', false],
    ['application/jsonlines', false],
    ['application/octet-stream', false],
    [null, false],
  ])('hands on a body of type %s: as text %s', async (type, isText) => {
    const body = Buffer.from('{"ü":1}')
    const event = await eventOf('/', type === null ? {} : { 'Content-Type': type }, 'POST', body)
    expect(event).toMatchObject({
      body: body.toString(isText ? 'utf8' : 'base64'),
      isBase64Encoded: !isText,
      headers: { 'content-length': '8' },
    })
    expect(Object.keys(event.headers)).not.toContain('transfer-encoding')
  })

  it('answers 500 for a function that throws', async () => {
    const answered: unknown[] = []
    const gateway = await startGateway({
      handler: () => Promise.reject(new Error('secret')),
      port: 0,
      onAnswer: (...answer) => answered.push(answer),
    })
    onTestFinished(() => {
      gateway.close()
    })
    const answer = await fetch(`http://127.0.0.1:${(gateway.address() as AddressInfo).port}/tokens`)
    expect([answer.status, await answer.text()]).toEqual([500, '{"message":"Internal Server Error"}'])
    expect(answered).toEqual([['GET', '/tokens', 500]])
  })
})

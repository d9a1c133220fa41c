import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InputError } from '../../../lib/errors.ts'
import {
  type HttpEvent,
  isRequest,
  longestValue,
  mostNames,
  nameSender,
  readEvent,
  type Shape,
  shapes,
} from '../../../lib/platform/events.ts'
import {
  pings,
  recorded,
  recordedWith,
  recordings,
  refused,
  requests,
} from '../../support/recorded-events.ts'

function readHttp(event: unknown): HttpEvent {
  const view = readEvent(event)
  if (view.kind !== 'http') throw new Error(`read as ${view.kind}`)
  return view
}

/** Which shape each recorded event has. */
const shapeOf: Record<string, Shape['name'] | 'manual'> = {
  'alb-multi-value.json': 'alb-multi-value',
  'alb.json': 'alb',
  'eventbridge-rule.json': 'eventbridge-rule',
  'eventbridge-scheduler.json': 'eventbridge-scheduler',
  'http-api-v1.json': 'api-gateway-v1',
  'http-api-v2-custom-domain.json': 'http-api-v2',
  'http-api-v2-named-stage.json': 'http-api-v2',
  'http-api-v2.json': 'http-api-v2',
  'lambda-url.json': 'lambda-url',
  'manual-empty.json': 'manual',
  'manual-fields.json': 'manual',
  'ping-lambda-warmer-fan-out.json': 'lambda-warmer',
  'ping-lambda-warmer.json': 'lambda-warmer',
  'ping-serverless-plugin-warmup.json': 'serverless-plugin-warmup',
  'rest-api-custom-domain.json': 'api-gateway-v1',
  'rest-api.json': 'api-gateway-v1',
  'scf-api-gateway.json': 'scf-api-gateway',
  'scf-function-url-with-context.json': 'scf-function-url',
  'scf-function-url-without-query.json': 'scf-function-url',
  'scf-function-url.json': 'scf-function-url',
  'scf-timer.json': 'scf-timer',
  'vpc-lattice-v1.json': 'vpc-lattice-v1',
  'vpc-lattice-v2.json': 'vpc-lattice-v2',
}
const files = Object.keys(shapeOf)

describe('shapes', () => {
  test('are all recorded, and every recording is in the matrix', () => {
    expect([...recordings].sort()).toEqual([...files].sort())
    expect(new Set(Object.values(shapeOf))).toEqual(new Set([...shapes.map(({ name }) => name), 'manual']))
  })

  test.each(Object.entries(shapeOf))('%s is read by %s and refused by all others', (file, name) => {
    const matching = shapes.filter((shape) => shape.matches(recorded(file))).map((shape) => shape.name)
    expect(matching).toEqual(name === 'manual' ? [] : [name])
  })

  test.each(files)('%s in the body of a request stays a request', (file) => {
    const carrier = recordedWith('scf-function-url.json', 'body', JSON.stringify(recorded(file)))
    expect(readEvent(carrier)).toMatchObject({ kind: 'http', shape: 'scf-function-url' })
  })

  test.each([
    ['api.example.com', 'http-api-v2'],
    ['lambda-url.example.com', 'http-api-v2'],
    ['of.abc.lambda-url.ap-southeast-1.on.aws', 'http-api-v2'],
    ['example.com', 'http-api-v2'],
    [undefined, 'http-api-v2'],
    [5, 'http-api-v2'],
    ['abc.lambda-url.ap-southeast-1.on.aws', 'lambda-url'],
  ])('payload 2.0 from the host %j is %s', (domainName, name) => {
    const event = recordedWith('http-api-v2.json', 'requestContext.domainName', domainName)
    expect(readHttp(event).shape).toBe(name)
  })

  test.each([null, 5, ['accept'], undefined])('an ALB event with multiValueHeaders %j is alb', (many) => {
    expect(readHttp(recordedWith('alb.json', 'multiValueHeaders', many)).shape).toBe('alb')
  })
})

/** The headers a recorded event carries, under lower-case names. */
function headersIn(file: string): Record<string, string> {
  const { headers, multiValueHeaders } = recorded(file) as Record<string, Record<string, string | string[]>>
  const entries = Object.entries(multiValueHeaders ?? headers ?? {})
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), [value].flat().join(', ')]))
}

/** Which route the gateways of the recorded events say they matched; the other senders say none. */
const tokens = { template: '/tokens', parameters: {} }
const matchedIn: Record<string, HttpEvent['matched']> = {
  'http-api-v1.json': tokens,
  'http-api-v2-custom-domain.json': tokens,
  'http-api-v2-named-stage.json': tokens,
  'http-api-v2.json': tokens,
  'rest-api-custom-domain.json': {
    template: '/sub-apps/{SubAppId}/tokens',
    parameters: { SubAppId: '251006666' },
  },
  'rest-api.json': tokens,
}

describe('readEvent', () => {
  test.each([
    ['http-api-v2.json', '/tokens', null, [], 'aB1cDeFgIAMEJHg='],
    ['http-api-v2-custom-domain.json', '/aigc/tokens', 'prod', [], 'aB1cDeFgIAMEJHg='],
    ['http-api-v2-named-stage.json', '/prod/tokens', 'prod', ['verbose', 'trace id'], 'aB1cDeFgIAMEJHg='],
    ['lambda-url.json', '/tokens', null, [], '3f0a8a3e-9a63-4b1f-8f0e-6d3f5f0c7a11'],
    ['http-api-v1.json', '/prod/tokens', 'prod', [], 'aB1cDeFgIAMEJHg='],
    ['rest-api.json', '/tokens', 'prod', ['verbose'], '0d9c7c3a-4a53-4a4f-9f0e-2f6d1f0b8c21'],
    [
      'rest-api-custom-domain.json',
      '/aigc/sub-apps/251006666/tokens',
      'prod',
      [],
      '0d9c7c3a-4a53-4a4f-9f0e-2f6d1f0b8c21',
    ],
    ['alb.json', '/tokens', null, ['trace id'], null],
    ['alb-multi-value.json', '/tokens', null, ['verbose'], null],
    ['scf-function-url.json', '/tokens', null, ['verbose'], null],
    ['scf-function-url-with-context.json', '/tokens', null, [], null],
    ['scf-function-url-without-query.json', '/tokens', null, [], null],
    ['scf-api-gateway.json', '/tokens', 'release', ['verbose'], '2f1c9c1e-1c48-11f1-9d1a-0242ac120002'],
  ])('reads %s in full', (file, path, stage, queryNames, requestId) => {
    expect(readEvent(recorded(file))).toEqual({
      kind: 'http',
      shape: shapeOf[file],
      method: 'GET',
      path,
      stage,
      matched: matchedIn[file] ?? null,
      queryNames,
      headers: headersIn(file),
      requestId,
      unnamedAt:
        file === 'http-api-v2-named-stage.json' ? 'requestContext.authorizer.lambda.principalId' : null,
      principal: file.startsWith('rest-api') ? 'reader' : null,
    })
    expect(readHttp(recorded(file)).headers['authorization']).toBe('Bearer example-key')
  })

  test('reads a query of 8192 characters, and says so of a longer one', () => {
    const namesIn = (query: string): string[] =>
      readHttp(recordedWith('http-api-v2.json', 'rawQueryString', query)).queryNames
    expect(namesIn(`a=${'x'.repeat(8190)}`)).toEqual(['a'])
    expect(namesIn(`a=${'x'.repeat(8191)}`)).toEqual(['a', '…'])
  })

  test('names each parameter of an ALB once, decoded, one without a name too', () => {
    const event = recordedWith('alb.json', 'queryStringParameters', {
      '': '1',
      '=': '2',
      'a%20b': '3',
      'a+b': '4',
    })
    expect(readHttp(event).queryNames).toEqual(['', 'a b'])
  })

  const arn = 'arn:aws:iam::123456789012:user/app'
  test.each([
    ['http-api-v2.json', { iam: { userArn: arn, accountId: '123456789012' } }, arn],
    ['lambda-url.json', { iam: { userArn: arn } }, arn],
    ['http-api-v2.json', { jwt: { claims: { sub: 'alice' }, scopes: ['tokens'] } }, 'alice'],
    ['http-api-v2.json', { jwt: { claims: { client_id: 'app' }, scopes: null } }, 'app'],
    ['http-api-v2.json', { lambda: { principalId: 'bob', more: 1 } }, 'bob'],
    ['http-api-v1.json', { claims: { sub: 'alice' }, scopes: null }, 'alice'],
    ['rest-api.json', { claims: { sub: 'alice' } }, 'alice'],
    ['rest-api.json', { principalId: 'reader' }, 'reader'],
    ['http-api-v2.json', { lambda: { principalId: 'x'.repeat(256) } }, 'x'.repeat(256)],
    ['http-api-v2.json', { lambda: { principalId: 'x'.repeat(257) } }, null],
    ['http-api-v2.json', {}, null],
    ['http-api-v2.json', { lambda: null }, null],
    ['http-api-v2.json', { lambda: { more: 1 } }, null],
    ['http-api-v2.json', { jwt: { claims: {} } }, null],
    ['http-api-v2.json', { iam: { userArn: '' } }, null],
    ['http-api-v2.json', { iam: { userArn: [arn] } }, null],
    ['http-api-v2.json', { principalId: 'of the other payload' }, null],
    ['alb.json', { principalId: 'nobody asked' }, null],
    ['scf-function-url-with-context.json', { principalId: 'nobody asked' }, null],
    ['scf-api-gateway.json', { principalId: 'nobody asked' }, null],
  ])('takes from %s with the authorizer context %j the principal %j', (file, context, principal) => {
    const event = recordedWith(file, 'requestContext.authorizer', context)
    expect(readHttp(event).principal).toBe(principal)
  })

  const nobody: unknown[] = [
    ...[
      undefined,
      null,
      '',
      0,
      7,
      true,
      [],
      ['alice'],
      {},
      { toString: 'alice' },
      [['principalId', 'alice']],
    ],
    ...['{"__proto__":"alice"}', '{"__proto__":{"principalId":"alice"}}'].map((json) => JSON.parse(json)),
  ]
  test.each(nobody)('takes %j for nobody, wherever an authorizer puts it', (value) => {
    const claims = [{ principalId: value }, { claims: { sub: value } }, { claims: { client_id: value } }]
    const authorizers: Record<string, unknown[]> = {
      'http-api-v2.json': [
        ...[{ iam: { userArn: value } }, { iam: value }, { jwt: value }, { lambda: value }],
        ...[...claims, { claims: value }].flatMap((one) => [{ jwt: one }, { lambda: one }]),
      ],
      'http-api-v1.json': [...claims, { claims: value }],
    }
    for (const [file, contexts] of Object.entries(authorizers))
      for (const context of [...contexts, value, 'alice'])
        expect(readHttp(recordedWith(file, 'requestContext.authorizer', context)).principal).toBeNull()
  })

  test.each(['authorizer', 'principalId', 'identity'])(
    'takes no principal from %s beside the context',
    (name) => {
      for (const file of requests.filter((one) => !one.startsWith('rest-api')))
        expect(readHttp({ ...recorded(file), [name]: { principalId: 'alice' } }).principal).toBeNull()
    },
  )

  test('takes no request id that is longer than any', () => {
    const read = (id: string): unknown =>
      readHttp(recordedWith('http-api-v2.json', 'requestContext.requestId', id)).requestId
    expect([read('x'.repeat(256)), read('\\'.repeat(257))]).toEqual(['x'.repeat(256), null])
  })

  test('takes the ARN of an IAM caller of a REST API', () => {
    const event = recordedWith('rest-api.json', 'requestContext.identity.userArn', arn)
    expect(readHttp(event).principal).toBe(arn)
  })

  test.each(['x-amzn-oidc-identity', 'x-amzn-requestcontext', 'x-principal-id', 'authorizer', 'principalid'])(
    'never takes the header %s for a principal',
    (name) => {
      for (const file of ['http-api-v2.json', 'alb.json', 'scf-function-url.json'])
        expect(readHttp(recordedWith(file, `headers.${name}`, 'admin')).principal).toBeNull()
    },
  )

  test.each(['eventbridge-rule', 'eventbridge-scheduler', 'scf-timer'])('reads %s as the clock', (name) => {
    const view = readEvent(recorded(`${name}.json`))
    expect(view).toEqual({ kind: 'schedule', shape: name, fields: {} })
    expect(view.kind === 'schedule' && Object.getPrototypeOf(view.fields)).toBeNull()
  })

  const inputs: [unknown, object][] = [
    [{ DryRun: true }, { DryRun: true }],
    ['{"SubApp":1}', { SubApp: 1 }],
    ['\n {"__proto__":{"DryRun":true}}', JSON.parse('{"__proto__":{"DryRun":true}}')],
    ...[
      '',
      'every five minutes',
      '5',
      'null',
      '"{}"',
      '["DryRun"]',
      5,
      true,
      null,
      undefined,
      ['DryRun'],
    ].map((none): [unknown, object] => [none, {}]),
  ]
  const inputAt = { 'eventbridge-rule': 'detail', 'eventbridge-scheduler': 'detail', 'scf-timer': 'Message' }
  test.each(inputs)('reads a schedule’s own %j as the constant input %j', (given, fields) => {
    for (const [name, at] of Object.entries(inputAt))
      expect(readEvent(recordedWith(`${name}.json`, at, given))).toEqual({
        kind: 'schedule',
        shape: name,
        fields,
      })
  })

  test.each(['{DryRun: true}', '{"DryRun":true', '{} and more', ' {'])(
    'refuses what looks like a constant input and cannot be read: %s',
    (given) => {
      for (const [name, at] of Object.entries(inputAt)) {
        const read = () => readEvent(recordedWith(`${name}.json`, at, given))
        expect(read).toThrow(InputError)
        expect(read).toThrow(`"${at}" of the schedule (${name}) begins like a JSON object`)
      }
    },
  )

  test.each([
    {},
    { SubAppId: 251006666, Reveal: true },
    // Nearly a shape, and thereby none.
    { source: 'aws.events', 'detail-type': 'Object Created' },
    { source: 'example.app', 'detail-type': 'Scheduled Event' },
    { Type: 'timer' },
    { version: '2.0' },
    { source: 'serverless-plugin' },
    { warmer: 'true' },
    { warmer: false },
    { concurrency: 3 },
    { raw_path: '/tokens' },
    { method: 'GET', path: '/tokens' },
    { requestContext: { serviceArn: 'arn' } },
    { version: '2.0', requestContext: { http: 'GET' } },
    { requestContext: { http: {} } },
    { requestContext: { domainName: 'abc.lambda-url.eu-central-1.on.aws' } },
    { requestContext: { apiId: 'a1b2c3d4e5' } },
    { requestContext: { elb: true } },
    { requestContext: { serviceId: 5 } },
    { requestContext: 'x' },
    { resource: '/tokens' },
    { multiValueHeaders: {} },
    { httpMethod: 'GET', path: '/tokens' },
  ])('takes %j as a run by hand', (event) => {
    expect(readEvent(event)).toEqual({ kind: 'manual', fields: event })
  })

  test.each([null, undefined])('takes %j as a run by hand without fields', (event) => {
    const view = readEvent(event)
    expect(view).toEqual({ kind: 'manual', fields: {} })
    expect(view.kind === 'manual' && Object.getPrototypeOf(view.fields)).toBeNull()
  })

  test('gives manual fields that inherit nothing', () => {
    const view = readEvent(JSON.parse('{"__proto__":{"Reveal":true}}'))
    expect(view.kind === 'manual' && view.fields['Reveal']).toBeUndefined()
    expect(view.kind === 'manual' && Object.keys(view.fields)).toEqual(['__proto__'])
    expect(view.kind === 'manual' && 'toString' in view.fields).toBe(false)
  })

  test.each([
    ['text', 'string'],
    ['', 'string'],
    [5, 'number'],
    [true, 'boolean'],
    [[{ Type: 'Timer' }], 'array'],
  ])('refuses %j and says what to send', (event, type) => {
    const read = () => readEvent(event)
    expect(read).toThrow(InputError)
    expect(read).toThrow(
      `Reading the event: its type is "${type}", should be a JSON object such as {} or {"SubAppId":251006666}`,
    )
  })

  test('refuses an event with the marks of two senders', () => {
    const read = () => readEvent({ ...recorded('scf-function-url.json'), Type: 'Timer' })
    expect(read).toThrow(InputError)
    expect(read).toThrow('the marks of "scf-function-url" and "scf-timer"')
  })

  const methodAt = (file: string) =>
    /http-api-v2|lambda-url/.test(file) ? 'requestContext.http.method' : 'httpMethod'
  const pathAt = (file: string) => (/http-api-v2|lambda-url/.test(file) ? 'rawPath' : 'path')

  test.each(
    requests.flatMap((file) => [
      // The method is part of a function URL's mark: the next test.
      ...(shapeOf[file] === 'scf-function-url' ? [] : ['', 5, null, undefined, ['GET'], {}]).map(
        (method) => [file, methodAt(file), method] as const,
      ),
      ...['', 'tokens', 5, null, undefined, ['/tokens'], {}].map(
        (path) => [file, pathAt(file), path] as const,
      ),
    ]),
  )('refuses %s where %s is %j', (file, at, value) => {
    const read = () => readEvent(recordedWith(file, at, value))
    expect(read).toThrow(InputError)
    expect(read).toThrow(`it has the mark of "${shapeOf[file]}" but no method or path`)
  })

  test.each([
    ['httpMethod', 5],
    ['httpMethod', undefined],
    ['queryString', 5],
    ['queryString', ['a']],
    ['queryString', true],
  ])('takes an SCF function URL event with %s %j, thus without its mark, as a run by hand', (at, value) => {
    expect(readEvent(recordedWith('scf-function-url.json', at, value)).kind).toBe('manual')
  })

  test.each([
    [undefined, []],
    [null, []],
    ['', []],
    ['a=1&b%20c=2', ['a', 'b c']],
  ])(
    'reads an SCF function URL event with queryString %j as a request with the parameters %j',
    (query, names) => {
      for (const file of ['scf-function-url.json', 'scf-function-url-with-context.json']) {
        const { shape, queryNames } = readHttp(recordedWith(file, 'queryString', query))
        expect([shape, queryNames]).toEqual(['scf-function-url', names])
      }
    },
  )

  test.each([
    ['headers', null],
    ['headers', ['authorization']],
    ['resource', '/tokens'],
    ['requestContext', { apiId: 'a1b2c3d4e5' }],
  ])('takes what has no queryString, and %s %j, for no request of an SCF function URL', (at, value) => {
    expect(readEvent(recordedWith('scf-function-url-without-query.json', at, value)).kind).toBe('manual')
  })

  test.each(refused)('refuses %s by name, and says what to use', (file) => {
    const read = () => readEvent(recorded(file))
    expect(read).toThrow(InputError)
    expect(read).toThrow(`VPC Lattice (${shapeOf[file]}), which is not served; should come by an HTTP API`)
  })

  test.each(pings)('reads %s as a ping', (file) => {
    expect(readEvent(recorded(file))).toEqual({ kind: 'ping', shape: shapeOf[file] })
  })

  test.each<[string, object, string | null]>([
    ['http-api-v2.json', { lambda: { tenant: 'a' } }, 'lambda.principalId'],
    ['http-api-v2.json', { lambda: { principalId: 5 } }, 'lambda.principalId'],
    ['http-api-v2.json', { lambda: { principalId: 'x'.repeat(257) } }, 'lambda.principalId'],
    ['http-api-v2.json', { lambda: {} }, 'lambda.principalId'],
    ['http-api-v2.json', { lambda: null }, 'lambda.principalId'],
    ['http-api-v2.json', { jwt: { claims: { iss: 'i' }, scopes: null } }, 'jwt.claims.sub'],
    ['lambda-url.json', { iam: { accountId: '123456789012' } }, 'iam.userArn'],
    ['http-api-v1.json', { tenant: 'a' }, 'principalId'],
    ['http-api-v1.json', { claims: { iss: 'i' }, scopes: ['a'] }, 'claims.sub'],
    ['rest-api.json', { principalId: '', integrationLatency: 83 }, 'principalId'],
    // Where nobody was let in, or somebody with a name.
    ['http-api-v2.json', { lambda: { principalId: 'bob' } }, null],
    ['http-api-v2.json', {}, null],
    ['http-api-v2.json', { jwt: null }, null],
    ['http-api-v1.json', { claims: null, scopes: null }, null],
    ['rest-api.json', { integrationLatency: 83 }, null],
    ['rest-api.json', { principalId: 'reader' }, null],
    ['alb.json', { tenant: 'a' }, null],
  ])('says of %s with the authorizer context %j that the name is missing at %j', (file, context, place) => {
    const { unnamedAt } = readHttp(recordedWith(file, 'requestContext.authorizer', context))
    expect(unnamedAt).toBe(place && `requestContext.authorizer.${place}`)
  })

  test('takes method and path from nowhere else than where the shape keeps them', () => {
    const event = {
      ...recordedWith('http-api-v2.json', 'rawPath', undefined),
      path: '/tokens',
      httpMethod: 'GET',
    }
    expect(() => readEvent(event)).toThrow(InputError)
  })

  test.each(requests)('gives the method of %s in upper case', (file) => {
    expect(readHttp(recordedWith(file, methodAt(file), 'head')).method).toBe('HEAD')
  })

  test.each([
    [undefined, null],
    ['$default', null],
    ['', null],
    [5, null],
    [{}, null],
    ['prod', 'prod'],
  ])('gives stage %j as %j', (stage, expected) => {
    expect(readHttp(recordedWith('http-api-v2.json', 'requestContext.stage', stage)).stage).toBe(expected)
  })

  test.each([undefined, null, 5, '', ['x'], {}])('gives request id %j as null', (id) => {
    expect(readHttp(recordedWith('rest-api.json', 'requestContext.requestId', id)).requestId).toBeNull()
  })
})

describe('isRequest', () => {
  test.each(recordings)('isRequest knows whether %s came by HTTP', (file) => {
    expect(isRequest(recorded(file))).toBe([...requests, ...refused].includes(file))
  })
})

describe('readEvent, method', () => {
  test.each(['head', 'HEAD', 'Head'])('readEvent reads %s in upper case', (method) => {
    expect(readHttp(recordedWith('alb.json', 'httpMethod', method)).method).toBe('HEAD')
  })
})

describe('readEvent, the route that the gateway matched', () => {
  const routeKeys: [unknown, string | null][] = [
    ['GET /tokens', '/tokens'],
    ['ANY /{proxy+}', '/{proxy+}'],
    ['GET /', '/'],
    ...[
      ...[
        '$default',
        'POST /tokens',
        'HEAD /tokens',
        'get /tokens',
        'any /tokens',
        'GET tokens',
        'GET  /tokens',
      ],
      ...[
        ' GET /tokens',
        'GET /tokens'.slice(4),
        '',
        5,
        null,
        undefined,
        ['GET /tokens'],
        { GET: '/tokens' },
      ],
    ].map((key): [unknown, null] => [key, null]),
  ]
  test.each(routeKeys)('readEvent takes the route key %j of a GET for %j', (key, template) => {
    for (const file of ['http-api-v2.json', 'lambda-url.json']) {
      const { matched } = readHttp(recordedWith(file, 'routeKey', key))
      expect(matched).toEqual(template === null ? null : { template, parameters: {} })
    }
  })

  test.each([
    ['/{proxy+}', '/{proxy+}'],
    ['$default', null],
    ['tokens', null],
  ])('readEvent takes the resource %j for %j', (resource, template) => {
    const { matched } = readHttp(recordedWith('rest-api.json', 'resource', resource))
    expect(matched?.template ?? null).toBe(template)
  })

  test.each<[unknown, object]>([
    [{ SubAppId: '7', more: 5, less: null, list: ['7'] }, { SubAppId: '7' }],
    [JSON.parse('{"__proto__":"7"}'), JSON.parse('{"__proto__":"7"}')],
    ...[null, undefined, '7', ['7'], 7].map((odd): [unknown, object] => [odd, {}]),
  ])('readEvent takes of the path parameters %j the texts %j', (given, parameters) => {
    const { matched } = readHttp(recordedWith('http-api-v2.json', 'pathParameters', given))
    expect(matched).toEqual({ template: '/tokens', parameters })
    expect(Object.getPrototypeOf(matched?.parameters)).toBeNull()
  })

  test.each(['alb.json', 'scf-api-gateway.json', 'scf-function-url.json'])(
    'readEvent takes none from %s, whatever stands where gateways put theirs',
    (file) => {
      const event = { ...recorded(file), routeKey: 'GET /tokens', resource: '/tokens' }
      expect(readHttp(event).matched).toBeNull()
    },
  )
})

describe('readEvent, headers', () => {
  const withHeaders = (headers: unknown) => readHttp(recordedWith('alb.json', 'headers', headers)).headers

  test.each([
    ['names in any spelling', { Authorization: 'a', 'X-ID': 'b' }, { authorization: 'a', 'x-id': 'b' }],
    ['two spellings of one name, joined', { Accept: 'a', accept: 'b' }, { accept: 'a, b' }],
    ['lists of values, joined', { accept: ['a', 'b'] }, { accept: 'a, b' }],
    ['an empty value', { accept: '' }, { accept: '' }],
    ['only the texts of a list', { accept: ['a', 5, null, ['x'], {}] }, { accept: 'a' }],
    ['no values of other types', { a: null, b: 5, c: true, d: {}, e: [], f: [1] }, {}],
    ['nothing from null', null, {}],
    ['nothing from a number', 5, {}],
    ['nothing from a text', 'authorization: Bearer x', {}],
    ['nothing from a list', [['authorization', 'Bearer x']], {}],
  ])('reads %s', (_, headers, expected) => {
    expect(withHeaders(headers)).toEqual(expected)
  })

  test('gives headers that inherit nothing and keeps __proto__ a mere name', () => {
    const headers = withHeaders(JSON.parse('{"__proto__":"a","accept":"b"}'))
    expect(Object.getPrototypeOf(headers)).toBeNull()
    expect(Object.entries(headers)).toEqual([
      ['__proto__', 'a'],
      ['accept', 'b'],
    ])
    expect(
      withHeaders(JSON.parse('{"__proto__":{"authorization":"Bearer x"}}'))['authorization'],
    ).toBeUndefined()
  })

  test('prefers multiValueHeaders, where headers has the last value only', () => {
    const event = recordedWith('rest-api.json', 'multiValueHeaders.Accept', ['text/html', '*/*'])
    expect(readHttp(event).headers['accept']).toBe('text/html, */*')
  })

  test.each([null, {}, 'x', []])('falls back on headers where multiValueHeaders is %j', (many) => {
    const event = recordedWith('rest-api.json', 'multiValueHeaders', many)
    expect(readHttp(event).headers['authorization']).toBe('Bearer example-key')
  })

  test('joins what an ALB sends as lists', () => {
    expect(readHttp(recorded('alb-multi-value.json')).headers['if-none-match']).toBe('"one", "two"')
  })
})

describe('readEvent, query', () => {
  test.each([
    ['', []],
    ['a=1&b=2&a=3', ['a', 'b']],
    ['api%20key=x', ['api key']],
    ['%', ['%']],
    ['%zz=1&%E0%A4%A', ['%zz', '\ufffd%A']],
    ['__proto__=1', ['__proto__']],
    ['&&a', ['a']],
    [5, []],
    [null, []],
    [{ a: 1 }, []],
    [['a'], []],
  ])('reads the names in the raw query %j', (query, names) => {
    expect(readHttp(recordedWith('http-api-v2.json', 'rawQueryString', query)).queryNames).toEqual(names)
  })

  test.each([
    ['rest-api.json', 'multiValueQueryStringParameters', { '100%': ['1'] }, ['verbose', '100%']],
    ['rest-api.json', 'queryStringParameters', null, ['verbose']],
    ['rest-api.json', 'queryStringParameters', { more: '1' }, ['more', 'verbose']],
    ['alb.json', 'queryStringParameters', { '%zz': '1', 'a%26b': '2' }, ['%zz', 'a&b']],
    ['alb.json', 'queryStringParameters', 5, []],
    ['alb-multi-value.json', 'multiValueQueryStringParameters', { 'a%20b': ['1'] }, ['a b']],
    ['scf-function-url.json', 'queryString', { a: '1', b: ['2'] }, ['a', 'b']],
    ['scf-api-gateway.json', 'queryString', { a: '1' }, ['a']],
    ['scf-api-gateway.json', 'queryString', 'a=1', ['a']],
  ])('reads the names of %s with %s %j', (file, at, value, names) => {
    expect(readHttp(recordedWith(file, at, value)).queryNames).toEqual(names)
  })
})

describe('readEvent, megabytes', () => {
  const many = (value: unknown): Record<string, unknown> =>
    Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`n${i}`, value]))

  test.each<[string, unknown]>([
    ['one long value', { 'If-None-Match': ','.repeat(6_000_000) }],
    ['a value a little too long', { 'If-None-Match': 'a'.repeat(longestValue + 1) }],
    [
      'spellings that are too long together',
      { 'if-none-match': 'a'.repeat(5000), 'If-None-Match': 'a'.repeat(5000) },
    ],
    ['one value too often', { 'If-None-Match': Array(1_000_000).fill('a') }],
  ])('leaves out a header of %s', (_, more) => {
    const rest = { ...recorded('rest-api.json'), headers: null }
    const headers = { Authorization: ['a'.repeat(longestValue)], ...(more as object) }
    expect(readHttp({ ...rest, multiValueHeaders: headers }).headers).toEqual({
      authorization: 'a'.repeat(longestValue),
    })
  })

  test.each([
    ['rest-api.json', 'multiValueHeaders'],
    ['http-api-v2.json', 'headers'],
    ['http-api-v2.json', 'pathParameters'],
    ['rest-api.json', 'queryStringParameters'],
    ['http-api-v1.json', 'requestContext.authorizer'],
    ['eventbridge-rule.json', 'detail'],
    ['manual', ''],
  ])('of %s asks very many %s for their names once, and looks at the first', (file, place) => {
    const asked = { all: 0, one: 0 }
    const value = new Proxy(many('x'), {
      ownKeys(target) {
        asked.all++
        return Reflect.ownKeys(target)
      },
      get(target, name) {
        asked.one++
        return Reflect.get(target, name)
      },
    })
    readEvent(file === 'manual' ? value : recordedWith(file, place, value))
    expect(asked.all).toBe(1)
    expect(asked.one).toBeLessThanOrEqual(mostNames)
  })

  test('reads a constant input of a schedule up to the longest value, and refuses what is longer', () => {
    const read = (length: number) => readEvent(recordedWith('scf-timer.json', 'Message', '{}'.padEnd(length)))
    expect(read(longestValue)).toMatchObject({ kind: 'schedule', fields: {} })
    expect(() => read(longestValue + 1)).toThrow('should be one in at most 8192 characters')
  })

  test('reads the first of very many headers', () => {
    const { headers } = readHttp(recordedWith('http-api-v2.json', 'headers', { first: '1', ...many('x') }))
    expect(headers).toMatchObject({ first: '1' })
    expect(Object.keys(headers)).toHaveLength(mostNames)
  })

  test.each([
    ['http-api-v2.json', 'rawQueryString', Object.keys(many('')).join('&')],
    ['http-api-v2.json', 'rawQueryString', '&'.repeat(6_000_000)],
    ['rest-api.json', 'queryStringParameters', many('x')],
    ['rest-api.json', 'multiValueQueryStringParameters', many(['x'])],
    ['alb-multi-value.json', 'multiValueQueryStringParameters', many(['x'])],
    ['alb-multi-value.json', 'multiValueQueryStringParameters', { [`${'%41'.repeat(2_000_000)}`]: ['x'] }],
    ['scf-function-url.json', 'queryString', many('x')],
  ])('of %s names some of very much in %s', (file, place, value) => {
    const { queryNames } = readHttp(recordedWith(file, place, value))
    expect(queryNames.length).toBeGreaterThan(0)
    expect(queryNames.join('').length).toBeLessThan(2 * longestValue)
  })

  test('reads the first of very many fields of a run by hand', () => {
    const view = readEvent({ SubAppId: 7, ...many(0) })
    if (view.kind !== 'manual') throw new Error(view.kind)
    expect(view.fields['SubAppId']).toBe(7)
    expect(Object.keys(view.fields)).toHaveLength(mostNames)
  })
})

describe('properties', () => {
  const isText = (value: unknown) => typeof value === 'string' && value !== ''
  const isTextOrNull = (value: unknown) => value === null || isText(value)

  /** Reads the event and checks the view's types; whatever is thrown must be an `InputError`. */
  function check(event: unknown): void {
    let view: ReturnType<typeof readEvent>
    try {
      view = readEvent(event)
    } catch (error) {
      expect(error).toBeInstanceOf(InputError)
      return
    }
    if (view.kind === 'manual') {
      expect(Object.getPrototypeOf(view.fields)).toBeNull()
      return
    }
    expect(shapes.map(({ name }) => name)).toContain(view.shape)
    if (view.kind !== 'http') return
    expect(view.kind).toBe('http')
    expect(isText(view.method) && view.method === view.method.toUpperCase()).toBe(true)
    expect(view.path.startsWith('/')).toBe(true)
    expect(isTextOrNull(view.stage) && isTextOrNull(view.requestId)).toBe(true)
    expect(view.queryNames.every((name) => typeof name === 'string')).toBe(true)
    expect(new Set(view.queryNames).size).toBe(view.queryNames.length)
    expect(Object.getPrototypeOf(view.headers)).toBeNull()
    expect(
      Object.entries(view.headers).every(
        ([name, value]) => name === name.toLowerCase() && typeof value === 'string',
      ),
    ).toBe(true)
  }

  test('readEvent gives a view or throws InputError, whatever the JSON value', () => {
    fc.assert(fc.property(fc.jsonValue(), check))
  })

  test('readEvent gives a view or throws InputError, whatever the JavaScript value', () => {
    fc.assert(fc.property(fc.anything({ withNullPrototype: true, withMap: true, withDate: true }), check))
  })

  /** Every place in a JSON value, as dotted paths would name it. */
  const places = (value: unknown): string[][] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, inner]) => [
          [name],
          ...places(inner).map((rest) => [name, ...rest]),
        ])
      : []

  /** A recorded event with up to three places overwritten by any JSON value. */
  const damaged = fc.constantFrom(...files).chain((file) => {
    const event = recorded(file)
    const allPlaces = places(event)
    if (allPlaces.length === 0) return fc.constant<unknown>(event)
    const damage = fc.tuple(fc.constantFrom(...allPlaces), fc.oneof(fc.jsonValue(), fc.constant(undefined)))
    return fc.array(damage, { minLength: 1, maxLength: 3 }).map((damages): unknown => {
      const copy = structuredClone(event)
      for (const [place, value] of damages) {
        const last = place.at(-1) as string
        // biome-ignore lint/suspicious/noExplicitAny: walks a value of any shape
        const holder = place.slice(0, -1).reduce<any>((at, name) => at?.[name], copy)
        if (typeof holder === 'object' && holder !== null) holder[last] = value
      }
      return copy
    })
  })

  test('readEvent gives a view or throws InputError, however a recorded event is damaged', () => {
    fc.assert(fc.property(damaged, check), { numRuns: 2000 })
  })
})

describe('nameSender', () => {
  test.each(Object.entries(shapeOf))('names the sender of %s: %s', (file, name) => {
    expect(nameSender(recorded(file))).toBe(name)
  })

  test.each([null, undefined, 7, 'x', []])('calls %j manual', (event) => {
    expect(nameSender(event)).toBe('manual')
  })
})

/**
 * The canary: marked keys and tokens are pushed through every path of both bundles, and everything that leaves
 * their processes (stdout, stderr, results, errors with their stacks) is searched for the marks.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Fault } from '../../simulator/faults.ts'
import { startAwsSts } from '../support/aws-sts.ts'
import { mirrored } from '../support/documents.ts'
import { faults } from '../support/faults.ts'
import { type FunctionProcess, type InvokeOptions, startFunction } from '../support/function-process.ts'
import { getEvent, recorded } from '../support/recorded-events.ts'
import { sha256 } from '../support/sha256.ts'
import { shareSimulator } from '../support/shared-simulator.ts'

const subAppId = 251006666
/** Everything secret. Quotes, a percent sign and non-ASCII in a token make it differ in JSON and in URLs. */
const secret = {
  id: 'CANARY-secret-id-0001',
  key: 'CANARY-secret-key-0002',
  session: 'CANARY-session-token-0003',
  token: 'CANARY-token-0004',
  oddToken: 'CANARY-"odd"%é/token-0005',
  apiKey: 'CANARY-api-key-0006',
  wrongKey: 'CANARY-wrong-key-0007',
  awsKey: 'CANARY-aws-secret-access-key-0008',
  awsSession: 'CANARY-aws-session-token-0009',
  foreign: 'CANARY-foreign-password-0010',
}
const http = (path: string, key: string, headers: Record<string, string> = {}) =>
  getEvent(path, { authorization: `Bearer ${key}`, ...headers })

const simulator = await shareSimulator({
  applications: [{ subAppId, tokens: [secret.token, secret.oddToken] }],
  lagMs: 0,
  extInfos: true,
})
let aws: Server
let folder: string
let environment: Record<string, string>
const running: FunctionProcess[] = []

beforeAll(async () => {
  simulator.keys.set(secret.id, { secretKey: secret.key, token: secret.session })
  // An AWS that quotes what it was sent, as careless services do.
  aws = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const message = `Denied: ${body} ${request.headers['x-amz-security-token']} ${secret.awsKey} ${secret.token}`
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' })
    response.end(JSON.stringify({ __type: 'AccessDeniedException', message }))
  })
  await new Promise<void>((resolve) => aws.listen(0, '127.0.0.1', resolve))
  folder = mkdtempSync(join(tmpdir(), 'leak-test-'))
  environment = {
    AIGC_SECRET_ID: secret.id,
    AIGC_SECRET_KEY: secret.key,
    AIGC_SESSION_TOKEN: secret.session,
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SSM_ENDPOINT: simulator.url,
    AIGC_SUB_APP_IDS: `${subAppId}`,
    AIGC_HTTP_AUTH: 'keys',
    AIGC_API_KEYS: `app:full:${sha256(secret.apiKey)}`,
    AIGC_CACHE_SECONDS: '0',
    AIGC_SETTLE_SECONDS: '0',
    AIGC_TIMEOUT_MS: '5000',
    AIGC_LOG_LEVEL: 'debug',
    AWS_LAMBDA_FUNCTION_NAME: 'canary',
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(aws.address() as AddressInfo).port}`,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'CANARY-aws-access-key-id',
    AWS_SECRET_ACCESS_KEY: secret.awsKey,
    AWS_SESSION_TOKEN: secret.awsSession,
  }
})
afterAll(async () => {
  await Promise.all(running.map((one) => one.close()))
  aws.closeAllConnections()
  aws.close()
  rmSync(folder, { recursive: true })
})

/** Invokes and returns all that left the process; results that are meant to hold tokens are left out. */
async function leaving(
  name: 'list-tokens' | 'mirror-tokens',
  events: unknown[],
  options: {
    settings?: Record<string, string>
    invoke?: InvokeOptions
    /** Options of all events but the first. */
    later?: InvokeOptions
    resultsMayHoldTokens?: boolean
  } = {},
): Promise<{ text: string; invocations: number; lines: number }> {
  const fn = startFunction(name, { ...environment, ...options.settings })
  running.push(fn)
  const answers = []
  for (const [index, event] of events.entries()) {
    const { result, error } = await fn.invoke(event, (index > 0 && options.later) || options.invoke)
    answers.push(error ?? (options.resultsMayHoldTokens ? 'withheld' : result))
  }
  return { text: fn.output() + JSON.stringify(answers), invocations: events.length, lines: fn.log().length }
}

function expectNoSecret({ text, lines }: { text: string; lines: number }): void {
  expect(lines).toBeGreaterThan(0)
  const forms = Object.values(secret).flatMap((value) => [
    value,
    JSON.stringify(value).slice(1, -1),
    JSON.stringify(JSON.stringify(value)).slice(3, -3),
    encodeURIComponent(value),
    Buffer.from(value).toString('base64').slice(0, -4),
  ])
  for (const form of forms) expect(text).not.toContain(form)
  // Nothing else that begins like a secret either, such as one cut short.
  expect(text.replaceAll('CANARY-aws-access-key-id', '')).not.toContain('CANARY-')
}

/** Time enough for the first call, which shows the process the tokens; the others fail, and soon. */
const patientOnce = { invoke: { limitMs: 60_000 }, later: { limitMs: 1_000 } }

/** That nothing of `values` is in it, whole or in a form that other texts quote. */
function expectWithout(text: string, values: readonly string[]): void {
  for (const value of values) {
    expect(value.length).toBeGreaterThan(10)
    for (const form of [value, encodeURIComponent(value), Buffer.from(value).toString('base64').slice(0, -4)])
      expect(text).not.toContain(form)
  }
}

/** An error of Tencent that quotes every secret, also one that a cut of the message falls into. */
const quoting = `${secret.id} ${secret.key} ${secret.session} ${secret.token} ${JSON.stringify(secret.oddToken)} ${'word '.repeat(25)}${secret.token} ${secret.token}`
/** A fault, with secrets wherever it has room for words or values. */
function withSecrets(fault: Fault): Fault {
  if (fault.kind === 'error') return { ...fault, message: quoting }
  if (fault.kind === 'status') return { ...fault, body: quoting }
  if (fault.kind !== 'garbage-list') return fault
  return {
    ...fault,
    value: Array.isArray(fault.value) ? [secret.token, ...fault.value] : { [secret.token]: secret.key },
  }
}
const quotingFaults = [
  ...faults.map(({ name, fault }) => ({ name, fault: withSecrets(fault) })),
  { name: 'a secret for a code', fault: { kind: 'error', code: secret.token, message: '' } as const },
]

describe('list-tokens', () => {
  it.each([false, true])('leaks nothing when it succeeds (SCF: %s)', async (scf) => {
    const events = [
      {},
      { Refresh: true },
      http('/tokens/fingerprints', secret.apiKey),
      http('/healthz', secret.wrongKey),
    ]
    expectNoSecret(await leaving('list-tokens', events, { invoke: { scf } }))
    const revealing = [{ Reveal: true }, http('/tokens', secret.apiKey)]
    expectNoSecret(
      await leaving('list-tokens', revealing, {
        settings: { AIGC_REVEAL: 'true' },
        invoke: { scf },
        resultsMayHoldTokens: true,
      }),
    )
  })

  it('leaks nothing of what a caller sends', async () => {
    expectNoSecret(
      await leaving('list-tokens', [
        http('/tokens', secret.wrongKey),
        http(`/${secret.wrongKey}`, secret.wrongKey),
        http(`/sub-apps/${secret.wrongKey}/tokens`, secret.apiKey),
        {
          ...http('/tokens', secret.apiKey),
          rawQueryString: `${secret.apiKey}=${secret.wrongKey}`,
        },
        http('/tokens/fingerprints', secret.apiKey, {
          'if-none-match': secret.wrongKey,
          cookie: secret.wrongKey,
        }),
        recorded('scf-timer.json'),
        { SubAppId: secret.token },
      ]),
    )
  })

  it.each(quotingFaults)('leaks nothing for $name', async ({ fault }) => {
    for (const event of [{}, http('/tokens/fingerprints', secret.apiKey)]) {
      // Tokens are known to the process only after it has seen them once.
      const before = simulator.calls.length
      simulator.fail({ kind: 'slow', ms: 0 })
      simulator.fail(fault, Number.POSITIVE_INFINITY)
      const { invoke, later } = patientOnce
      const left = await leaving('list-tokens', [{}, event], {
        settings: { AIGC_TIMEOUT_MS: '10000' },
        invoke,
        later,
      })
      expectNoSecret(left)
      expect(left.text).toContain('"Fingerprints"')
      expect(simulator.calls.length - before).toBeGreaterThan(1)
      simulator.clearFaults()
    }
  })

  it('leaks nothing when its settings are secrets in the wrong place', async () => {
    const settings = Object.fromEntries(
      [
        'AIGC_SITE',
        'AIGC_SUB_APP_IDS',
        'AIGC_VOD_ENDPOINT',
        'AIGC_HTTP_AUTH',
        'AIGC_API_KEYS',
        'AIGC_CACHE_SECONDS',
        'AIGC_MIRROR_TARGETS',
        'AIGC_MIN_KEEP',
        'AIGC_LOG_LEVEL',
        'AIGC_UNKNOWN',
      ].map((name) => [name, secret.apiKey]),
    )
    expectNoSecret(await leaving('list-tokens', [{}, http('/tokens', secret.apiKey)], { settings }))
  })
})

describe('mirror-tokens', () => {
  it('leaks nothing when it writes, holds, refuses and fails', async () => {
    const path = (name: string): string => join(folder, name)
    writeFileSync(
      path('more'),
      mirrored([secret.token, secret.oddToken, 'CANARY-gone-token'], { SubAppId: subAppId }),
    )
    writeFileSync(path('foreign'), secret.foreign)
    mkdirSync(path('folder'))
    const names = ['absent', 'more', 'foreign', 'folder']
    simulator.ssm.put('ap-singapore', 'full', { current: mirrored([secret.token], { SubAppId: subAppId }) })
    simulator.ssm.set('ap-singapore', 'full', { Description: 'vod-aigc-tokens: mirrored' })
    simulator.fail({ kind: 'error', code: 'InvalidParameterValue', message: quoting }, 100, 'UpdateSecret')
    const stores = ['aws-secretsmanager:quoting', 'tencent-ssm:absent', 'tencent-ssm:full']
    const targets = [...names.map((name) => `file:${path(name)}`), ...stores]
    const events = [{ DryRun: true }, {}, recorded('eventbridge-rule.json'), { Confirm: secret.token }]
    const settings = { AIGC_MIRROR_TARGETS: targets.join() }
    const all = await leaving('mirror-tokens', events, { settings })
    expectNoSecret(all)
    expect(all.text).toContain('AccessDeniedException')
    expect(all.text).toContain('Calling UpdateSecret for tencent-ssm:full')
    expect(all.text).toContain('would-refuse')
  })

  it.each(quotingFaults)('leaks nothing for $name', async ({ fault }) => {
    writeFileSync(
      join(folder, 'known'),
      mirrored([secret.oddToken, secret.token].sort(), { SubAppId: subAppId }),
    )
    const settings = { AIGC_MIRROR_TARGETS: `file:${join(folder, 'known')}`, AIGC_TIMEOUT_MS: '10000' }
    simulator.fail({ kind: 'slow', ms: 0 })
    simulator.fail(fault, Number.POSITIVE_INFINITY)
    expectNoSecret(
      await leaving('mirror-tokens', [recorded('eventbridge-scheduler.json'), {}, { DryRun: true }], {
        settings,
        ...patientOnce,
      }),
    )
  })
})

describe('sources of credentials', () => {
  const { AIGC_SECRET_ID, AIGC_SECRET_KEY, AIGC_SESSION_TOKEN, ...keyless } = {
    AIGC_SECRET_ID: '',
    AIGC_SECRET_KEY: '',
    AIGC_SESSION_TOKEN: '',
    AIGC_ROLE_ARN: 'qcs::cam::uin/100000000001:roleName/canary',
    AIGC_OIDC_PROVIDER: 'aws',
    AIGC_OIDC_AUDIENCE: 'canary',
  }
  const none = { AIGC_SECRET_ID, AIGC_SECRET_KEY, AIGC_SESSION_TOKEN }
  const events = [{}, { Refresh: true }, http('/tokens/fingerprints', secret.apiKey)]

  /** An AWS that answers every call with this. */
  async function answering(answer: (response: ServerResponse) => void): Promise<Server> {
    const server = createServer((request, response) => request.resume().on('end', () => answer(response)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return server
  }
  const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  it('an identity token and the credentials that it buys leak nowhere, also where errors quote them', async () => {
    const sts = await startAwsSts({ region: 'eu-west-1' })
    const { issuer, jwks } = sts
    simulator.sts.providers.set('aws', { issuer, audiences: ['canary'], jwks })
    simulator.sts.roles.set(keyless.AIGC_ROLE_ARN, { providerId: 'aws' })
    const before = new Set(simulator.keys.keys())
    const fn = startFunction('list-tokens', {
      ...environment,
      ...none,
      ...keyless,
      AIGC_STS_ENDPOINT: simulator.url,
      AWS_ENDPOINT_URL: sts.url,
      AWS_ACCESS_KEY_ID: sts.accessKeyId,
      AWS_SECRET_ACCESS_KEY: sts.secretAccessKey,
      AWS_SESSION_TOKEN: sts.sessionToken,
    })
    running.push(fn)
    const answers = [await fn.invoke({})]
    const bought = [...simulator.keys].filter(([id]) => !before.has(id))
    const [[id = '', { secretKey = '', token = '' } = {}] = []] = bought
    const sent = simulator.calls.flatMap(({ body }) => /"WebIdentityToken":"([^"]+)"/.exec(body)?.[1] ?? [])
    const quoted = [...sent, id, secretKey, token, sts.secretAccessKey, sts.sessionToken]
    expect(quoted).toHaveLength(6)
    for (const code of ['InternalError', 'AuthFailure.TokenFailure', 'UnauthorizedOperation']) {
      simulator.fail({ kind: 'error', code, message: quoted.join(' ') }, Number.POSITIVE_INFINITY)
      for (const event of events) answers.push(await fn.invoke(event))
      simulator.clearFaults()
    }
    await sts.close()
    const text = fn.output() + JSON.stringify(answers.map(({ error, result }) => error ?? result))
    expect(text).toContain('credentials used: keyless')
    expectWithout(text, [...quoted, ...sent.flatMap((jwt) => jwt.split('.').slice(1))])
    expectNoSecret({ text, lines: fn.log().length })
  })

  it('an identity token that Tencent’s STS quotes when it refuses it leaks nowhere', async () => {
    const jwt = 'CANARY-jwt-header-0011.CANARY-jwt-payload-0012.CANARY-jwt-signature-0013'
    const server = await answering((response) =>
      response
        .writeHead(200, { 'content-type': 'text/xml' })
        .end(
          '<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult>' +
            `<WebIdentityToken>${jwt}</WebIdentityToken><Expiration>2030-01-01T00:00:00Z</Expiration>` +
            '</GetWebIdentityTokenResult></GetWebIdentityTokenResponse>',
        ),
    )
    const settings = {
      ...none,
      ...keyless,
      AIGC_STS_ENDPOINT: simulator.url,
      AWS_ENDPOINT_URL: urlOf(server),
    }
    const message = `cannot use ${jwt}, nor ${encodeURIComponent(jwt)}: ${'word '.repeat(45)}${jwt}`
    const code = 'InvalidParameter.WebIdentityTokenError'
    simulator.fail({ kind: 'error', code, message }, Number.POSITIVE_INFINITY, 'AssumeRoleWithWebIdentity')
    const all = await leaving('list-tokens', events, { settings })
    server.closeAllConnections()
    server.close()
    expect(all.text).toContain('compare the OIDC provider')
    expectNoSecret(all)
  })

  it('a key from the AWS secret leaks nowhere, also where errors quote it or it is misshapen', async () => {
    const good = { SecretId: secret.id, SecretKey: secret.key, Token: secret.session }
    for (const value of [
      JSON.stringify(good),
      JSON.stringify({ ...good, Extra: secret.foreign }),
      secret.key,
    ]) {
      const server = await answering((response) =>
        response
          .writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
          .end(JSON.stringify({ Name: 'canary', SecretString: value })),
      )
      const settings = { ...none, AIGC_CREDENTIALS_SECRET: 'canary', AWS_ENDPOINT_URL: urlOf(server) }
      expectNoSecret(await leaving('list-tokens', events, { settings }))
      simulator.fail(
        { kind: 'error', code: 'AuthFailure.SignatureFailure', message: Object.values(good).join(' ') },
        Number.POSITIVE_INFINITY,
      )
      expectNoSecret(await leaving('list-tokens', events, { settings }))
      simulator.clearFaults()
      server.closeAllConnections()
      server.close()
    }
  })

  it('settings of a source that hold a secret by mistake are not repeated', async () => {
    for (const name of ['AIGC_ROLE_ARN', 'AIGC_OIDC_PROVIDER', 'AIGC_OIDC_AUDIENCE', 'AIGC_STS_ENDPOINT']) {
      const settings = { ...none, ...keyless, [name]: `${secret.awsKey} ${secret.key}` }
      const all = await leaving('list-tokens', events, { settings })
      expect(all.text).toContain(name)
      expectNoSecret(all)
    }
    const settings = { ...none, AIGC_CREDENTIALS_SECRET: `${secret.awsKey} ${secret.key}` }
    expectNoSecret(await leaving('list-tokens', events, { settings }))
  })
})

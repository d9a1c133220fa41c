/** Each source of credentials in the built bundle, against its real peer: set up, rotated, expired, broken. */
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { awsError, type Gateway, startGateway } from '../support/aws-gateway.ts'
import { type AwsFault, type AwsSts, startAwsSts } from '../support/aws-sts.ts'
import { type FunctionProcess, type InvokeOptions, startFunction } from '../support/function-process.ts'
import { type Moto, motoMissing, startMoto } from '../support/moto.ts'
import { shareSimulator } from '../support/shared-simulator.ts'

const subAppId = 251006666
const running: FunctionProcess[] = []
const simulator = await shareSimulator({
  applications: [{ subAppId, tokens: ['token-one'] }],
  lagMs: 0,
})

beforeAll(() => {
  vi.stubEnv('AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED', 'true')
})
afterEach(() => Promise.all(running.splice(0).map((one) => one.close())))

function start(environment: Record<string, string>): FunctionProcess {
  const fn = startFunction('list-tokens', {
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_STS_ENDPOINT: simulator.url,
    AIGC_SUB_APP_IDS: `${subAppId}`,
    AIGC_CACHE_SECONDS: '0',
    AIGC_STALE_SECONDS: '0',
    AIGC_REVEAL: 'true',
    AIGC_LOG_LEVEL: 'debug',
    ...environment,
  })
  running.push(fn)
  simulator.calls.length = 0
  return fn
}

/** The API calls since the function was started or this was last asked: action and outcome. */
function takeCalls(): string[] {
  return simulator.calls.splice(0).map(({ action, outcome }) => `${action} ${outcome}`)
}

const list = 'DescribeAigcApiTokens'
let keys = 0
/** A new permanent key of the account. */
function makeKey(): { SecretId: string; SecretKey: string } {
  const key = { SecretId: `made-id-${++keys}`, SecretKey: `made-key-${keys}` }
  simulator.keys.set(key.SecretId, { secretKey: key.SecretKey })
  return key
}

describe('the run role of SCF', () => {
  it('run-role credentials that change in a warm instance are used at once', async () => {
    const role = (name: string): Record<string, string> => {
      simulator.keys.set(name, { secretKey: `${name}-key`, token: `${name}-token` })
      return {
        TENCENTCLOUD_SECRETID: name,
        TENCENTCLOUD_SECRETKEY: `${name}-key`,
        TENCENTCLOUD_SESSIONTOKEN: `${name}-token`,
      }
    }
    const fn = start(role('role-1'))
    expect((await fn.invoke({}, { scf: true })).error).toBeUndefined()
    const renewed = role('role-2')
    simulator.keys.delete('role-1')
    expect((await fn.invoke({}, { scf: true, environment: renewed })).error).toBeUndefined()
    expect(simulator.calls.map(({ secretId }) => secretId)).toEqual(['role-1', 'role-2'])
    expect(takeCalls()).toEqual([`${list} ok`, `${list} ok`])
    expect(fn.log().filter(({ event }) => event === 'credentials')).toEqual([
      expect.objectContaining({
        level: 'debug',
        source: 'run-role',
        passedOver: expect.arrayContaining(['fixed: AIGC_SECRET_ID and AIGC_SECRET_KEY are not set']),
      }),
    ])
  })

  it('run-role credentials that came in a warm instance are not repeated by it', async () => {
    const role = (name: string): Record<string, string> => ({
      TENCENTCLOUD_SECRETID: `${name}-id`,
      TENCENTCLOUD_SECRETKEY: `${name}-key`,
      TENCENTCLOUD_SESSIONTOKEN: `${name}-token`,
    })
    const fn = start(role('first-role'))
    for (const name of ['first-role', 'second-role']) {
      simulator.keys.set(`${name}-id`, { secretKey: `${name}-key`, token: `${name}-token` })
      const message = Object.values(role(name)).join(' ')
      simulator.fail({ kind: 'error', code: 'UnauthorizedOperation', message })
      const { error } = await fn.invoke({}, { scf: true, environment: role(name) })
      expect(error?.name).toBe('UnauthorizedOperation')
      expect(fn.output() + JSON.stringify(error)).not.toMatch(/-role-(id|key|token)/)
    }
    takeCalls()
  })

  it('run-role credentials that Tencent refuses are an error that names the source', async () => {
    const fn = start({ TENCENTCLOUD_SECRETID: 'gone', TENCENTCLOUD_SECRETKEY: 'gone-key' })
    const { error } = await fn.invoke({}, { scf: true })
    expect(error?.name).toBe('AuthFailure.SecretIdNotFound')
    expect(error?.message).toContain('; credentials used: run-role (the run role of SCF); nothing else')
    expect(takeCalls()).toEqual([`${list} AuthFailure.SecretIdNotFound`])
  })
})

describe('keyless from AWS', () => {
  let aws: AwsSts
  const exchange = 'AssumeRoleWithWebIdentity'
  const roleArn = 'qcs::cam::uin/100000000001:roleName/aigc-tokens'
  const functionRole = 'arn:aws:iam::123456789012:role/list-tokens'

  beforeAll(async () => {
    aws = await startAwsSts({ region: 'eu-west-1', roleArn: functionRole })
  })
  afterEach(() => aws.clearFaults())
  afterAll(() => aws?.close())

  /** A function with no key of Tencent anywhere in its environment. */
  function startKeyless(changes: Record<string, string> = {}): FunctionProcess {
    const { issuer, jwks } = aws
    simulator.sts.providers.set('aws', { issuer, audiences: ['vod-aigc-tokens'], jwks })
    simulator.sts.roles.set(roleArn, { providerId: 'aws', subject: functionRole })
    aws.calls.length = 0
    return start({
      AIGC_ROLE_ARN: roleArn,
      AIGC_OIDC_PROVIDER: 'aws',
      AIGC_OIDC_AUDIENCE: 'vod-aigc-tokens',
      AWS_LAMBDA_FUNCTION_NAME: 'aigc-prod-list-tokens',
      AWS_ENDPOINT_URL_STS: aws.url,
      AWS_REGION: aws.region,
      AWS_ACCESS_KEY_ID: aws.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.secretAccessKey,
      AWS_SESSION_TOKEN: aws.sessionToken,
      ...changes,
    })
  }
  const awsCalls = (): string[] => aws.calls.splice(0).map(({ action, outcome }) => `${action} ${outcome}`)
  const identity = 'GetWebIdentityToken'

  it('function in, tokens out: AWS is asked once, Tencent’s STS once, then only the list', async () => {
    const fn = startKeyless()
    const answers = await Promise.all([1, 2, 3, 4].map(() => fn.invoke({ Reveal: true })))
    for (const { result, error } of answers) {
      expect(error).toBeUndefined()
      expect(result).toMatchObject({ ApiTokens: ['token-one'] })
    }
    await fn.invoke({})
    expect(awsCalls()).toEqual([`${identity} ok`])
    expect(takeCalls()).toEqual([`${exchange} ok`, `${list} ok`, `${list} ok`])
    expect(fn.log().find(({ event }) => event === 'credentials')).toMatchObject({ source: 'keyless' })
  })

  it.each([2, -2])(
    'a clock that is %d hours ahead does not make every call fetch a token and a role',
    async (hours) => {
      const fn = startKeyless({ AIGC_CACHE_SECONDS: '0' })
      fn.setClock(hours * 3_600_000)
      for (let i = 0; i < 3; i++) expect((await fn.invoke({})).error).toBeUndefined()
      const calls = takeCalls()
      expect(calls.filter((call) => call === `${exchange} ok`)).toHaveLength(1)
      expect(calls.filter((call) => call === `${list} ok`)).toHaveLength(3)
      expect(awsCalls().filter((call) => call === `${identity} ok`)).toHaveLength(1)
    },
  )

  it('what is sent to both sides is no more than they need', async () => {
    const fn = startKeyless()
    await fn.invoke({})
    expect(aws.calls[0]?.parameters).toEqual({
      Action: identity,
      Version: '2011-06-15',
      'Audience.member.1': 'vod-aigc-tokens',
      SigningAlgorithm: 'RS256',
      DurationSeconds: '300',
    })
    const [sent, listed] = simulator.calls
    expect(sent?.headers).toMatchObject({ authorization: ['SKIP'], 'x-tc-region': ['ap-singapore'] })
    expect(sent?.headers).not.toHaveProperty('x-tc-token')
    const { WebIdentityToken, ...parameters } = JSON.parse(sent?.body ?? '')
    expect(parameters).toEqual({
      ProviderId: 'aws',
      RoleArn: roleArn,
      RoleSessionName: 'aigc-prod-list-tokens',
    })
    expect(decodeProtectedHeader(WebIdentityToken).alg).toBe('RS256')
    expect(decodeJwt(WebIdentityToken)).toMatchObject({ sub: functionRole, aud: 'vod-aigc-tokens' })
    expect(listed?.headers['x-tc-token']?.[0]).toBe(simulator.keys.get(listed?.secretId ?? '')?.token)
  })

  it('credentials that expired early are fetched again once, and the call repeated once', async () => {
    const fn = startKeyless()
    await fn.invoke({})
    simulator.sts.expireAll()
    takeCalls()
    awsCalls()
    expect((await fn.invoke({})).error).toBeUndefined()
    expect(takeCalls()).toEqual([`${list} AuthFailure.TokenFailure`, `${exchange} ok`, `${list} ok`])
    expect(awsCalls()).toEqual([`${identity} ok`])
    expect((await fn.invoke({})).error).toBeUndefined()
    expect(takeCalls()).toEqual([`${list} ok`])
  })

  const refusals: [string, () => void, string, string, string][] = [
    [
      'federation being switched off at AWS',
      () => aws.fail('OutboundWebIdentityFederationDisabledException', Number.POSITIVE_INFINITY),
      'OutboundWebIdentityFederationDisabledException',
      'Getting an identity token from AWS (sts:GetWebIdentityToken): ',
      'aws iam enable-outbound-web-identity-federation',
    ],
    [
      'a role that may not ask AWS',
      () => aws.fail('AccessDenied', Number.POSITIVE_INFINITY),
      'AccessDenied',
      'Getting an identity token from AWS (sts:GetWebIdentityToken): ',
      "allow the function's role sts:GetWebIdentityToken for the audience of AIGC_OIDC_AUDIENCE",
    ],
    [
      'AWS being down',
      () => aws.fail('ServiceUnavailable', Number.POSITIVE_INFINITY),
      'ServiceUnavailable',
      'Getting an identity token from AWS (sts:GetWebIdentityToken): ',
      '',
    ],
    [
      'an AWS that resets connections',
      () => aws.fail('reset', Number.POSITIVE_INFINITY),
      'ECONNRESET',
      'Getting an identity token from AWS (sts:GetWebIdentityToken): ',
      '',
    ],
    [
      'a provider with other keys',
      () =>
        simulator.sts.providers.set('aws', {
          issuer: aws.issuer,
          audiences: ['vod-aigc-tokens'],
          jwks: { keys: [] },
        }),
      'InvalidParameter.WebIdentityTokenError',
      `${exchange} at 127.0.0.1:`,
      'compare the OIDC provider in Tencent CAM',
    ],
    [
      'a provider for another audience',
      () => simulator.sts.providers.set('aws', { issuer: aws.issuer, audiences: ['other'], jwks: aws.jwks }),
      'InvalidParameter.WebIdentityTokenError',
      `${exchange} at 127.0.0.1:`,
      '(AIGC_OIDC_AUDIENCE)',
    ],
    [
      'a missing provider',
      () => simulator.sts.providers.clear(),
      'InvalidParameter.ParamError',
      `${exchange} at 127.0.0.1:`,
      'check AIGC_ROLE_ARN and AIGC_OIDC_PROVIDER',
    ],
    [
      'a missing role',
      () => simulator.sts.roles.clear(),
      'ResourceNotFound.RoleNotFound',
      `${exchange} at 127.0.0.1:`,
      'check AIGC_ROLE_ARN',
    ],
    [
      'a role that trusts another function',
      () => simulator.sts.roles.set(roleArn, { providerId: 'aws', subject: 'arn:aws:iam::1:role/other' }),
      'UnauthorizedOperation',
      `${exchange} at 127.0.0.1:`,
      "let the role's trust policy name the OIDC provider",
    ],
  ]
  it.each(refusals)(
    '%s is an error that says which side refused and what to set up, and is not kept',
    async (_, spoil, name, side, advice) => {
      const fn = startKeyless()
      spoil()
      const { error } = await fn.invoke({})
      expect(error?.name).toBe(name)
      expect(error?.message.startsWith(side)).toBe(true)
      expect(error?.message).toContain(advice)
      expect(error?.message).toContain('; credentials used: keyless (AIGC_ROLE_ARN); nothing else is set')
      expect(takeCalls().filter((call) => call.startsWith(list))).toEqual([])
      aws.clearFaults()
      const { issuer, jwks } = aws
      simulator.sts.providers.set('aws', { issuer, audiences: ['vod-aigc-tokens'], jwks })
      simulator.sts.roles.set(roleArn, { providerId: 'aws', subject: functionRole })
      expect((await fn.invoke({})).error).toBeUndefined()
    },
  )

  it.each<AwsFault>(['Throttling', 'InternalFailure', 'reset'])(
    '%s of AWS that passes is tried again',
    async (fault) => {
      const fn = startKeyless()
      aws.fail(fault)
      expect((await fn.invoke({})).error).toBeUndefined()
      expect(awsCalls()).toEqual([`${identity} ${fault}`, `${identity} ok`])
    },
  )

  it.each([
    ['hang', 'Timeout'],
    ['ServiceUnavailable', 'ServiceUnavailable'],
  ] as const)(
    'a %s of AWS that lasts costs no more than the time of one call, and leaves nothing running',
    async (fault, code) => {
      const fn = startKeyless({ AIGC_TIMEOUT_MS: '10000' })
      aws.fail(fault, Number.POSITIVE_INFINITY)
      const { error, timers } = await fn.invoke({}, { limitMs: 2_000 })
      expect([error?.name, timers]).toEqual([code, []])
      aws.clearFaults()
      expect((await fn.invoke({})).error).toBeUndefined()
    },
  )

  it('throttling by Tencent’s STS is tried again, and told as throttling when it lasts', async () => {
    const fn = startKeyless({ AIGC_TIMEOUT_MS: '2500' })
    simulator.fail({ kind: 'error', code: 'InvalidParameter.OverLimit' }, 2, exchange)
    expect((await fn.invoke({})).error).toBeUndefined()
    simulator.sts.expireAll()
    simulator.fail({ kind: 'error', code: 'InvalidParameter.OverLimit' }, Number.POSITIVE_INFINITY, exchange)
    expect((await fn.invoke({})).error?.name).toBe('InvalidParameter.OverLimit')
  })

  it.each([
    ['AWS', () => aws.fail('AccessDenied', Number.POSITIVE_INFINITY)],
    ['Tencent’s STS', () => simulator.fail({ kind: 'error', code: 'InternalError.DbError' }, 9, exchange)],
  ])('a refresh that %s fails while the old credentials live fails no call', async (_, fail) => {
    const fn = startKeyless({ AIGC_TIMEOUT_MS: '2500' })
    simulator.sts.roles.set(roleArn, { providerId: 'aws', sessionSeconds: 240 })
    await fn.invoke({})
    // In the second half of so short a life they are fetched anew.
    fn.setClock(125_000)
    const [first] = simulator.calls.splice(0).slice(-1)
    fail()
    awsCalls()
    expect((await fn.invoke({})).error).toBeUndefined()
    expect((await fn.invoke({})).error).toBeUndefined()
    const lists = simulator.calls.filter(({ action }) => action === list)
    expect(lists.map(({ secretId, outcome }) => [secretId, outcome])).toEqual([
      [first?.secretId, 'ok'],
      [first?.secretId, 'ok'],
    ])
    // The second call did not try again so soon.
    expect(awsCalls()).toHaveLength(1)
  })

  it('an AWS that is down once they expired is bridged with the old list, a refusal is not', async () => {
    const fn = startKeyless({ AIGC_STALE_SECONDS: '3600', AIGC_TIMEOUT_MS: '8000' })
    expect((await fn.invoke({})).result).toMatchObject({ Stale: false })
    simulator.sts.expireAll()
    aws.fail('ServiceUnavailable', Number.POSITIVE_INFINITY)
    expect((await fn.invoke({})).result).toMatchObject({ Stale: true })
    aws.clearFaults()
    aws.fail('AccessDenied', Number.POSITIVE_INFINITY)
    expect((await fn.invoke({})).error?.name).toBe('AccessDenied')
  })

  it('AWS code is loaded by those who need it, and by nobody else', async () => {
    const loaded = { NODE_DEBUG: 'module' } satisfies InvokeOptions['environment']
    const keyless = startKeyless(loaded)
    await keyless.invoke({})
    expect(keyless.output()).toContain('aws.js')
    const fixed = start({
      ...loaded,
      AIGC_SECRET_ID: simulator.secretId,
      AIGC_SECRET_KEY: simulator.secretKey,
    })
    await fixed.invoke({})
    expect(fixed.output()).toContain('index.js')
    expect(fixed.output()).not.toContain('aws.js')
  })
})

describe.skipIf(motoMissing !== null)('a key in AWS Secrets Manager', () => {
  let moto: Moto
  let gateway: Gateway
  let admin: SecretsManagerClient
  const SecretId = 'prod/tencent-credentials'

  beforeAll(async () => {
    moto = await startMoto()
    gateway = await startGateway(moto.url)
    const credentials = { accessKeyId: 'admin', secretAccessKey: 'admin' }
    admin = new SecretsManagerClient({ endpoint: moto.url, region: 'eu-west-1', credentials })
    await admin.send(new CreateSecretCommand({ Name: SecretId, SecretString: JSON.stringify(makeKey()) }))
  })
  afterEach(() => gateway.treat(() => 'pass'))
  afterAll(async () => {
    admin?.destroy()
    await gateway?.close()
    await moto?.close()
  })

  const put = async (value: unknown): Promise<void> => {
    const SecretString = typeof value === 'string' ? value : JSON.stringify(value)
    await admin.send(new PutSecretValueCommand({ SecretId, SecretString }))
  }
  const startWithSecret = (changes: Record<string, string> = {}): FunctionProcess => {
    gateway.treat(() => 'pass')
    return start({
      AIGC_CREDENTIALS_SECRET: SecretId,
      AWS_ENDPOINT_URL: gateway.url,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIATEST',
      AWS_SECRET_ACCESS_KEY: 'test',
      ...changes,
    })
  }

  it('the secret is read once for many invocations', async () => {
    const fn = startWithSecret()
    await Promise.all([1, 2, 3].map(() => fn.invoke({})))
    expect((await fn.invoke({ Refresh: true })).error).toBeUndefined()
    expect(gateway.actions).toEqual(['GetSecretValue'])
    expect(fn.log().find(({ event }) => event === 'credentials')).toMatchObject({ source: 'aws-secret' })
  })

  it.each([
    ['deleted', (id: string) => simulator.keys.delete(id), 'SecretIdNotFound'],
    [
      'given another secret key',
      (id: string) => simulator.keys.set(id, { secretKey: 'x' }),
      'SignatureFailure',
    ],
    [
      'made temporary',
      (id: string) => simulator.keys.set(id, { secretKey: 'x', token: 'y' }),
      'TokenFailure',
    ],
  ])('that was %s is read again once, and the call repeated once', async (_, spoil, code) => {
    const old = makeKey()
    await put(old)
    const fn = startWithSecret()
    expect((await fn.invoke({})).error).toBeUndefined()
    await put(makeKey())
    spoil(old.SecretId)
    takeCalls()
    expect((await fn.invoke({})).error).toBeUndefined()
    expect(takeCalls()).toEqual([`${list} AuthFailure.${code}`, `${list} ok`])
    expect(gateway.actions).toEqual(['GetSecretValue', 'GetSecretValue'])
    expect((await fn.invoke({})).error).toBeUndefined()
    expect(takeCalls()).toEqual([`${list} ok`])
    expect(gateway.actions).toHaveLength(2)
  })

  it('a refused key that was not replaced is an error, after one more read and no more calls', async () => {
    const old = makeKey()
    await put(old)
    const fn = startWithSecret()
    await fn.invoke({})
    simulator.keys.delete(old.SecretId)
    takeCalls()
    const { error } = await fn.invoke({})
    expect(error?.name).toBe('AuthFailure.SecretIdNotFound')
    expect(error?.message).toContain('credentials used: aws-secret')
    expect(takeCalls()).toEqual([`${list} AuthFailure.SecretIdNotFound`])
    expect(gateway.actions).toHaveLength(2)
  })

  it('temporary credentials in the secret are sent with their token', async () => {
    simulator.keys.set('temporary', { secretKey: 'k', token: 'secret-token' })
    await put({ SecretId: 'temporary', SecretKey: 'k', Token: 'secret-token' })
    expect((await startWithSecret().invoke({})).error).toBeUndefined()
  })

  it.each([
    ['no JSON', 'value-is-no-json'],
    ['a list', '["value"]'],
    ['no SecretKey', { SecretId: 'value' }],
    ['an empty SecretId', { SecretId: '', SecretKey: 'value' }],
    ['a number', { SecretId: 'value', SecretKey: 1 }],
    ['a line break', { SecretId: 'value', SecretKey: 'value\nvalue' }],
    ['a token of another name', { SecretId: 'value', SecretKey: 'value', accessToken: 'value' }],
  ])('a secret with %s is refused without showing it', async (_, value) => {
    await put(value)
    const fn = startWithSecret()
    const { error } = await fn.invoke({})
    expect(error?.name).toBe('CredentialsSecretInvalid')
    expect(error?.message).toContain('its value must be JSON like {"SecretId":"…","SecretKey":"…"}')
    expect(error?.message).toContain('credentials used: aws-secret')
    expect(fn.output() + error?.message).not.toContain('value"')
    // Nothing of it is kept: once the secret is right, so is the function.
    await put(makeKey())
    expect((await fn.invoke({})).error).toBeUndefined()
  })

  const broken: [string, Parameters<Gateway['treat']>[0], string, string][] = [
    [
      'no permission',
      () =>
        awsError(
          'AccessDeniedException',
          'User: x is not authorized to perform: secretsmanager:GetSecretValue',
        ),
      'AccessDeniedException',
      "allow the function's role secretsmanager:GetSecretValue",
    ],
    [
      'no such secret',
      () => awsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret."),
      'ResourceNotFoundException',
      'create the secret in this region, put a value into it (docs/deploy-aws.md), or put its ARN',
    ],
    [
      'a deleted secret',
      () => awsError('InvalidRequestException', 'The secret is currently marked deleted.'),
      'InvalidRequestException',
      'restore the secret',
    ],
    ['AWS being down', () => ({ status: 503, body: '' }), 'Http503', 'AWS secret of AIGC_CREDENTIALS_SECRET'],
    ['an AWS that hangs', () => 'hang', 'Timeout', 'AWS secret of AIGC_CREDENTIALS_SECRET'],
  ]
  it.each(broken)(
    '%s is an error that says what to do, and is not kept',
    async (_, treatment, name, advice) => {
      await put(makeKey())
      const fn = startWithSecret({ AIGC_TIMEOUT_MS: name === 'Timeout' ? '1500' : '10000' })
      gateway.treat(treatment)
      const { error } = await fn.invoke({})
      expect(error?.name).toBe(name)
      expect(error?.message).toContain(advice)
      expect(error?.message).toContain('credentials used: aws-secret')
      expect(takeCalls()).toEqual([])
      gateway.treat(() => 'pass')
      expect((await fn.invoke({})).error).toBeUndefined()
    },
  )

  it('a secret without a value, as the stack makes it, is an error that says to put one into it', async () => {
    const Name = `empty-${keys}`
    await admin.send(new CreateSecretCommand({ Name }))
    const { error } = await startWithSecret({ AIGC_CREDENTIALS_SECRET: Name }).invoke({})
    expect(error?.name).toBe('ResourceNotFoundException')
    expect(error?.message).toContain('put a value into it (docs/deploy-aws.md)')
  })

  it('an AWS that is down is bridged with the old list, a refusal is not', async () => {
    const old = makeKey()
    await put(old)
    const fn = startWithSecret({ AIGC_STALE_SECONDS: '3600', AIGC_TIMEOUT_MS: '40000' })
    expect((await fn.invoke({})).result).toMatchObject({ Stale: false })
    simulator.keys.delete(old.SecretId)
    gateway.treat(() => ({ status: 503, body: '' }))
    expect((await fn.invoke({})).result).toMatchObject({ Stale: true })
    gateway.treat(() => awsError('AccessDeniedException', 'no'))
    expect((await fn.invoke({})).error?.name).toBe('AccessDeniedException')
  })

  it('a secret in another region is named by its ARN', async () => {
    const credentials = { accessKeyId: 'admin', secretAccessKey: 'admin' }
    const singapore = new SecretsManagerClient({ endpoint: moto.url, region: 'ap-southeast-1', credentials })
    const SecretString = JSON.stringify(makeKey())
    const { ARN = '' } = await singapore.send(new CreateSecretCommand({ Name: 'far', SecretString }))
    singapore.destroy()
    expect((await startWithSecret({ AIGC_CREDENTIALS_SECRET: ARN }).invoke({})).error).toBeUndefined()
  })
})

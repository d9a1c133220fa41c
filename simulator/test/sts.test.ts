/**
 * The two peers of keyless credentials, by official clients alone: AWS's SDK gets a token from the stub of AWS STS,
 * and Tencent's SDK buys a temporary key with it from the simulator. Nothing from `lib/` takes part.
 */
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { GetWebIdentityTokenCommand, type GetWebIdentityTokenRequest, STSClient } from '@aws-sdk/client-sts'
import { createLocalJWKSet, decodeJwt, jwtVerify, SignJWT, UnsecuredJWT } from 'jose'
import { CommonClient, type Credential, OIDCRoleArnCredential } from 'tencentcloud-sdk-nodejs-common'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type AwsFault, type AwsSts, type AwsStsOptions, startAwsSts } from '../../test/support/aws-sts.ts'
import { type SimulatorOptions, startTencentSimulator, type TencentSimulator } from '../simulator.ts'

const roleArn = 'arn:aws:iam::123456789012:role/list-tokens'
const audience = 'tencent-cloud'
const RoleArn = 'qcs::cam::uin/100000000001:roleName/aigc-reader'

/** One stub for all tests that change nothing about it, as it takes a while to make its keys. */
let aws: AwsSts
beforeAll(async () => {
  aws = await startAwsSts()
})
beforeEach(() => {
  aws.calls.length = 0
})
afterAll(() => aws.close())

describe('the stub of AWS STS', () => {
  it.each([
    ['RS256', 'RSA_0'],
    ['ES384', 'EC384_0'],
  ])('GetWebIdentityToken gives the SDK a token in %s that the key set verifies', async (algorithm, kid) => {
    const now = frozen()
    const aws = await startAws({ now })
    const { WebIdentityToken = '', Expiration } = await getToken(aws, { SigningAlgorithm: algorithm })
    const { payload, protectedHeader } = await jwtVerify(WebIdentityToken, createLocalJWKSet(aws.jwks))
    const issuedAt = Math.floor(now() / 1000)
    expect(protectedHeader).toEqual({ alg: algorithm, kid, typ: 'JWT' })
    expect(payload).toEqual({
      iss: aws.issuer,
      sub: roleArn,
      aud: audience,
      iat: issuedAt,
      exp: issuedAt + 300,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      'https://sts.amazonaws.com/': {
        aws_account: '123456789012',
        source_region: aws.region,
        principal_id: roleArn,
      },
    })
    expect(Expiration).toEqual(new Date((issuedAt + 300) * 1000))
    expect(aws.issuer).toMatch(/^https:\/\/.+\.tokens\.sts\.global\.api\.aws$/)
    expect(aws.calls).toEqual([
      {
        action: 'GetWebIdentityToken',
        accessKeyId: aws.accessKeyId,
        parameters: {
          Action: 'GetWebIdentityToken',
          Version: '2011-06-15',
          'Audience.member.1': audience,
          SigningAlgorithm: algorithm,
        },
        outcome: 'ok',
      },
    ])
  })

  it('GetWebIdentityToken takes audiences, tags and a lifetime, within that of the session', async () => {
    const now = frozen()
    const aws = await startAws({ now })
    const expiresAt = Math.floor(now() / 1000) * 1000 + 600_000
    const session = { secretAccessKey: 'of ten minutes', sessionToken: 'session' }
    aws.keys.set('ASIASESSION', { ...session, expiresAt, principalArn: 'arn:aws:iam::1:role/other' })
    const ask = (DurationSeconds: number) =>
      getToken(
        aws,
        { Audience: ['a b', 'https://c/?d&e'], DurationSeconds, Tags: [{ Key: 'k', Value: 'v' }] },
        { accessKeyId: 'ASIASESSION', ...session },
      )
    const claims = decodeJwt((await ask(600)).WebIdentityToken ?? '')
    expect(claims).toMatchObject({
      aud: ['a b', 'https://c/?d&e'],
      sub: 'arn:aws:iam::1:role/other',
      exp: (claims.iat ?? 0) + 600,
      'https://sts.amazonaws.com/': {
        original_session_exp: new Date(expiresAt).toISOString().replace('.000', ''),
        request_tags: { k: 'v' },
      },
    })
    expect(await nameOf(ask(601))).toBe('SessionDurationEscalationException')
  })

  it('GetWebIdentityToken refuses the keys of others', async () => {
    const aws = await startAws()
    const codeFor = (changes: object) => nameOf(getToken(aws, {}, { ...keyOf(aws), ...changes }))
    expect(await codeFor({ secretAccessKey: 'wrong' })).toBe('SignatureDoesNotMatch')
    expect(await codeFor({ accessKeyId: 'WRONG' })).toBe('InvalidClientTokenId')
    expect(await codeFor({ sessionToken: 'wrong' })).toBe('InvalidClientTokenId')
    expect(await codeFor({ sessionToken: undefined })).toBe('InvalidClientTokenId')
    aws.keys.set(aws.accessKeyId, { ...keyOf(aws), principalArn: roleArn, expiresAt: Date.now() })
    expect(await codeFor({})).toBe('ExpiredToken')
    expect(await nameOf(getToken({ ...aws, region: 'us-east-1' }))).toBe('ExpiredToken')
    aws.keys.set(aws.accessKeyId, { ...keyOf(aws), principalArn: roleArn })
    expect(await nameOf(getToken({ ...aws, region: 'us-east-1' }))).toBe('SignatureDoesNotMatch')
    expect(await codeFor({})).toBe('ok')
  })

  it.each<[what: string, input: Partial<GetWebIdentityTokenRequest>]>([
    ['no audience', { Audience: [] }],
    ['an empty audience', { Audience: [''] }],
    ['an audience too long', { Audience: ['a'.repeat(1001)] }],
    ['11 audiences', { Audience: Array(11).fill(audience) }],
    ['an algorithm it lacks', { SigningAlgorithm: 'HS256' }],
    ['59 seconds', { DurationSeconds: 59 }],
    ['3601 seconds', { DurationSeconds: 3601 }],
    ['a parameter it lacks', { SubjectMode: 'OriginIdentity' }],
  ])('GetWebIdentityToken refuses %s with ValidationError', async (_, input) => {
    expect(await nameOf(getToken(aws, input))).toBe('ValidationError')
    expect(aws.calls).toMatchObject([{ outcome: 'ValidationError' }])
  })

  it('GetWebIdentityToken goes by the clock in Date, which the SDK learns from a refusal', async () => {
    const aws = await startAws({ now: () => Date.now() + 3600_000 })
    expect(await nameOf(getToken(aws))).toBe('SignatureDoesNotMatch')
    const { Expiration } = await getToken(aws, {}, keyOf(aws), 2)
    expect(Expiration?.getTime()).toBeGreaterThan(Date.now() + 3600_000)
    expect(aws.calls.map(({ outcome }) => outcome)).toEqual([
      'SignatureDoesNotMatch',
      'SignatureDoesNotMatch',
      'ok',
    ])
  })

  it.each<[fault: AwsFault, status: number, side: string]>([
    ['AccessDenied', 403, 'client'],
    ['OutboundWebIdentityFederationDisabledException', 403, 'client'],
    ['Throttling', 400, 'client'],
    ['InternalFailure', 500, 'server'],
    ['ServiceUnavailable', 503, 'server'],
  ])('fail %s shows as that error, with a request id, as often as asked for', async (fault, status, side) => {
    aws.fail(fault, 2)
    for (let i = 0; i < 2; i++)
      await expect(getToken(aws)).rejects.toMatchObject({
        name: fault,
        message: expect.stringMatching(/\w+ \w+/),
        $fault: side,
        $metadata: { httpStatusCode: status, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      })
    expect(await nameOf(getToken(aws))).toBe('ok')
    aws.fail(fault, Number.POSITIVE_INFINITY)
    expect(await nameOf(getToken(aws))).toBe(fault)
    aws.clearFaults()
    expect(await nameOf(getToken(aws))).toBe('ok')
  })

  it('fail reset and hang give no answer, and close ends at once', async () => {
    const aws = await startAws()
    aws.fail('reset')
    await expect(getToken(aws)).rejects.toMatchObject({ code: 'ECONNRESET' })
    aws.fail('hang')
    const unanswered = nameOf(getToken(aws))
    await vi.waitFor(() => expect(aws.calls).toHaveLength(2), { timeout: 30_000 })
    await aws.close()
    expect(await unanswered).not.toBe('ok')
    expect(aws.calls.map(({ outcome }) => outcome)).toEqual(['reset', 'hang'])
  })
})

describe('STS of the simulator', () => {
  it.each(['RS256', 'ES384'])(
    "AssumeRoleWithWebIdentity sells the official SDK's credential a key for a token in %s",
    async (algorithm) => {
      const simulator = await startSimulator()
      const token = await buyable({ SigningAlgorithm: algorithm })
      const credential = officialCredential(simulator, token)
      const tencent = client(simulator, await credential.getCredential())
      expect(await tencent('sts', 'GetCallerIdentity')).toEqual({
        Type: 'CAMRole',
        AccountId: '100000000001',
        PrincipalId: '100000000001',
        Arn: 'qcs::sts:100000000001:assumed-role/aigc-reader',
        UserId: 'aigc-reader:test',
        RequestId: expect.any(String),
      })
      expect(await tencent('vod', 'DescribeAigcApiTokens')).toMatchObject({ ApiTokens: [] })
      expect(simulator.calls).toMatchObject([
        { action: 'AssumeRoleWithWebIdentity', secretId: '', outcome: 'ok' },
        { action: 'GetCallerIdentity', secretId: expect.stringMatching(/^AKID/), outcome: 'ok' },
        { action: 'DescribeAigcApiTokens', outcome: 'ok' },
      ])
      expect(simulator.calls[0]?.headers['authorization']).toEqual(['SKIP'])
      expect(simulator.calls[0]?.headers).not.toHaveProperty('x-tc-token')
    },
  )

  it('AssumeRoleWithWebIdentity answers with the key and its time, 7200 s by default', async () => {
    const now = frozen()
    const simulator = await startSimulator({ now })
    const { WebIdentityToken, assume } = await buyer(simulator)
    const answer = await assume({ WebIdentityToken })
    const expires = Math.floor(now() / 1000) + 7200
    expect(answer).toEqual({
      Credentials: {
        Token: expect.any(String),
        TmpSecretId: expect.stringMatching(/^AKID[\w-]{48}$/),
        TmpSecretKey: expect.any(String),
      },
      ExpiredTime: expires,
      Expiration: new Date(expires * 1000).toISOString().replace('.000', ''),
      RequestId: expect.any(String),
    })
    expect(await assume({ DurationSeconds: 43_200 })).toMatchObject({ ExpiredTime: expires + 36_000 })
    expect((await assume({})).Credentials.TmpSecretId).not.toBe(answer.Credentials.TmpSecretId)
  })

  it('a temporary key works with its own token, until its time is up', async () => {
    let time = Date.now()
    const simulator = await startSimulator({ now: () => time })
    const { assume } = await buyer(simulator)
    const { TmpSecretId: secretId, TmpSecretKey: secretKey, Token: token } = (await assume()).Credentials
    const ask = (credential: Credential) => codeOf(client(simulator, credential)('sts', 'GetCallerIdentity'))

    expect(await ask({ secretId, secretKey })).toBe('AuthFailure.TokenFailure')
    expect(await ask({ secretId, secretKey, token: 'wrong' })).toBe('AuthFailure.TokenFailure')
    expect(await ask({ secretId, secretKey: 'wrong', token })).toBe('AuthFailure.SignatureFailure')
    const { secretId: permanentId, secretKey: permanentKey } = simulator
    expect(await ask({ secretId: permanentId, secretKey: permanentKey, token })).toBe(
      'AuthFailure.TokenFailure',
    )
    expect(await ask({ secretId, secretKey, token })).toBe('ok')

    // The SDK signs by the real clock, so the simulator's may only run ahead by five minutes.
    const { Credentials: short } = await assume({ DurationSeconds: 60 })
    const shortKey = { secretId: short.TmpSecretId, secretKey: short.TmpSecretKey, token: short.Token }
    time += 58_000
    expect(await ask(shortKey)).toBe('ok')
    time += 2_000
    expect(await ask(shortKey)).toBe('AuthFailure.TokenFailure')
    expect(await ask({ secretId, secretKey, token })).toBe('ok')
  })

  it('expireAll ends the temporary keys issued so far, and no others', async () => {
    const simulator = await startSimulator()
    const { assume } = await buyer(simulator)
    const ask = (answer: Awaited<ReturnType<typeof assume>>) => {
      const { TmpSecretId: secretId, TmpSecretKey: secretKey, Token: token } = answer.Credentials
      return codeOf(client(simulator, { secretId, secretKey, token })('sts', 'GetCallerIdentity'))
    }
    const before = await assume()
    simulator.sts.expireAll()
    const after = await assume()
    expect([await ask(before), await ask(after)]).toEqual(['AuthFailure.TokenFailure', 'ok'])
    expect(await codeOf(client(simulator)('sts', 'GetCallerIdentity'))).toBe('ok')
  })

  it('GetCallerIdentity knows the permanent key, takes 20 calls a second and wants a region', async () => {
    const simulator = await startSimulator({ now: frozen() })
    const ask = client(simulator)
    expect(await ask('sts', 'GetCallerIdentity')).toMatchObject({ Type: 'CAMUser', UserId: '100000000001' })
    for (let i = 0; i < 19; i++) await ask('sts', 'GetCallerIdentity')
    expect(await codeOf(ask('sts', 'GetCallerIdentity'))).toBe('RequestLimitExceeded')
    const other = await startSimulator()
    expect(await codeOf(client(other)('sts', 'GetCallerIdentity', {}, { region: '' }))).toBe(
      'MissingParameter',
    )
  })

  const tokenError = 'InvalidParameter.WebIdentityTokenError'
  const secret = new TextEncoder().encode('a shared secret of thirty-two bytes or more')

  it.each<[what: string, code: string, change: (world: World) => unknown]>([
    ['another audience', tokenError, () => buyable({ Audience: ['another'] })],
    ['another issuer', tokenError, async () => buyable({}, await startAws())],
    [
      'the issuer of another key',
      tokenError,
      async () => buyable({}, await startAws({ issuer: aws.issuer })),
    ],
    [
      'a token changed on the way',
      tokenError,
      async () => {
        const [header, , signature] = (await buyable()).split('.')
        const [, payload] = (await buyable()).split('.')
        return [header, payload, signature].join('.')
      },
    ],
    ['an unsigned token', tokenError, () => new UnsecuredJWT(claims()).encode()],
    [
      'a token in HS256',
      tokenError,
      () => new SignJWT(claims()).setProtectedHeader({ alg: 'HS256' }).sign(secret),
    ],
    ['no JWT at all', tokenError, () => 'token'],
    ['a token after its time', tokenError, ({ later }) => later(3600)],
    ['a provider gone', 'InvalidParameter.ParamError', ({ simulator }) => simulator.sts.providers.clear()],
    ['a role gone', 'ResourceNotFound.RoleNotFound', ({ simulator }) => simulator.sts.roles.clear()],
    [
      'a role for another subject',
      'UnauthorizedOperation',
      ({ simulator: { sts } }) => sts.roles.set(RoleArn, { providerId: 'aws', subject: `${roleArn}-2` }),
    ],
    [
      'a role of another provider',
      'UnauthorizedOperation',
      ({ simulator: { sts } }) => sts.roles.set(RoleArn, { providerId: 'another' }),
    ],
  ])('AssumeRoleWithWebIdentity refuses %s with %s', async (_, code, change) => {
    let time = Date.now()
    const simulator = await startSimulator({ now: () => time })
    const { assume, WebIdentityToken } = await buyer(simulator)
    expect(await codeOf(assume())).toBe('ok')
    const changed = await change({
      simulator,
      later: (seconds) => {
        time += seconds * 1000
      },
    })
    const token = typeof changed === 'string' ? changed : WebIdentityToken
    expect(await codeOf(assume({ WebIdentityToken: token }))).toBe(code)
  })

  it.each<[what: string, code: string, input: object]>([
    ['no provider', 'MissingParameter', { ProviderId: undefined }],
    ['no token', 'MissingParameter', { WebIdentityToken: undefined }],
    ['no role', 'MissingParameter', { RoleArn: undefined }],
    ['no session name', 'MissingParameter', { RoleSessionName: undefined }],
    ['a session name of one letter', 'InvalidParameter.ParamError', { RoleSessionName: 'a' }],
    ['a session name of 129', 'InvalidParameter.ParamError', { RoleSessionName: 'a'.repeat(129) }],
    ['a session name with a blank', 'InvalidParameter.ParamError', { RoleSessionName: 'a b' }],
    ['a time in quotes', 'InvalidParameter', { DurationSeconds: '7200' }],
    ['no time', 'InvalidParameter.ParamError', { DurationSeconds: 0 }],
    ['43201 seconds', 'InvalidParameter.OverTimeError', { DurationSeconds: 43_201 }],
    ['a parameter too many', 'UnknownParameter', { Policy: '{}' }],
  ])('AssumeRoleWithWebIdentity answers %s with %s', async (_, code, input) => {
    const simulator = await startSimulator()
    const { assume } = await buyer(simulator)
    expect(await codeOf(assume(input))).toBe(code)
  })

  it('AssumeRoleWithWebIdentity takes SKIP without a token, and no other action takes it', async () => {
    const simulator = await startSimulator()
    const { assume, input } = await buyer(simulator)
    const ask = client(simulator)
    const withToken = client(simulator, { secretId: '', secretKey: '', token: 'token' })
    const action = 'AssumeRoleWithWebIdentity'
    const skipSign = true
    expect(await codeOf(ask('sts', action, input))).toBe('AuthFailure.InvalidAuthorization')
    expect(await codeOf(withToken('sts', action, input, { skipSign }))).toBe('AuthFailure.TokenFailure')
    expect(await codeOf(ask('sts', action, input, { skipSign, region: '' }))).toBe('MissingParameter')
    for (const [product, other] of [
      ['sts', 'GetCallerIdentity'],
      ['vod', 'DescribeAigcApiTokens'],
    ] as const)
      expect(await codeOf(ask(product, other, {}, { skipSign }))).toBe('AuthFailure.InvalidAuthorization')
    expect(await codeOf(assume())).toBe('ok')
  })

  it('AssumeRoleWithWebIdentity takes 20 calls in any one second', async () => {
    let time = Date.now()
    const simulator = await startSimulator({ now: () => time })
    const { assume } = await buyer(simulator)
    for (let i = 0; i < 20; i++) expect(await codeOf(assume())).toBe('ok')
    expect(await codeOf(assume())).toBe('InvalidParameter.OverLimit')
    time += 1000
    expect(await codeOf(assume())).toBe('ok')
  })

  it('fail reaches AssumeRoleWithWebIdentity by name', async () => {
    const simulator = await startSimulator()
    const { assume } = await buyer(simulator)
    simulator.fail({ kind: 'throttle' }, 1, 'AssumeRoleWithWebIdentity')
    simulator.fail({ kind: 'lost-answer' }, 1, 'AssumeRoleWithWebIdentity')
    expect(await codeOf(client(simulator)('sts', 'GetCallerIdentity'))).toBe('ok')
    expect(await codeOf(assume())).toBe('RequestLimitExceeded')
    expect(await codeOf(assume())).not.toBe('ok')
    expect(await codeOf(assume())).toBe('ok')
    expect(simulator.calls.map(({ outcome }) => outcome)).toEqual(['ok', 'RequestLimitExceeded', 'ok', 'ok'])
    expect(simulator.calls.every(({ secretId }, index) => (index === 0) !== (secretId === ''))).toBe(true)
  })
})

interface World {
  readonly simulator: TencentSimulator
  /** Moves the simulator's time. */
  later(seconds: number): void
}

/** A stub of its own for a test, which ends with it. */
async function startAws(options?: AwsStsOptions): Promise<AwsSts> {
  const aws = await startAwsSts(options)
  onTestFinished(() => aws.close())
  return aws
}

/** A simulator whose account lets the role of the shared stub take one role. */
async function startSimulator(options?: SimulatorOptions): Promise<TencentSimulator> {
  const simulator = await startTencentSimulator(options)
  onTestFinished(() => simulator.close())
  simulator.sts.providers.set('aws', { issuer: aws.issuer, audiences: ['first', audience], jwks: aws.jwks })
  simulator.sts.roles.set(RoleArn, { providerId: 'aws', subject: roleArn })
  return simulator
}

function frozen(): () => number {
  const time = Date.now()
  return () => time
}

function keyOf({ accessKeyId, secretAccessKey, sessionToken }: AwsSts) {
  return { accessKeyId, secretAccessKey, sessionToken }
}

/** One call by AWS's SDK. */
async function getToken(
  aws: AwsSts,
  input: Partial<GetWebIdentityTokenRequest> = {},
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } = keyOf(aws),
  maxAttempts = 1,
) {
  const sdk = new STSClient({ endpoint: aws.url, region: aws.region, credentials, maxAttempts })
  try {
    return await sdk.send(
      new GetWebIdentityTokenCommand({ Audience: [audience], SigningAlgorithm: 'ES384', ...input }),
    )
  } finally {
    sdk.destroy()
  }
}

/** A token as such. */
async function buyable(input?: Partial<GetWebIdentityTokenRequest>, from = aws): Promise<string> {
  return (await getToken(from, input)).WebIdentityToken ?? ''
}

/** Claims that are good apart from the signature. */
function claims() {
  const iat = Math.floor(Date.now() / 1000)
  return { iss: aws.issuer, sub: roleArn, aud: audience, iat, exp: iat + 300 }
}

/** Tencent's own credential provider for web identities; what it calls goes to the simulator. */
function officialCredential(simulator: TencentSimulator, WebIdentityToken: string): OIDCRoleArnCredential {
  const parameters = { ProviderId: 'aws', WebIdentityToken, RoleArn, RoleSessionName: 'test' }
  return new OIDCRoleArnCredential(
    {
      credential: { secretId: '', secretKey: '' },
      region: 'ap-singapore',
      profile: { httpProfile: leadTo(simulator, 'sts') },
    },
    parameters,
  )
}

/** A token, and calls with it by the official SDK; a parameter that is `undefined` is not sent. */
async function buyer(simulator: TencentSimulator) {
  const WebIdentityToken = await buyable()
  const input = { ProviderId: 'aws', WebIdentityToken, RoleArn, RoleSessionName: 'test' }
  const ask = client(simulator, { secretId: '', secretKey: '' })
  const assume = (changes: object = {}) =>
    ask('sts', 'AssumeRoleWithWebIdentity', { ...input, ...changes }, { skipSign: true })
  return { WebIdentityToken, input, assume }
}

/** The official SDK keeps Tencent's host name, which it takes the scope's service from, and connects to us. */
function leadTo({ port }: TencentSimulator, product: string) {
  const agent = Object.assign(new Agent(), { createConnection: () => connect(port, '127.0.0.1') })
  return { endpoint: `${product}.intl.tencentcloudapi.com`, protocol: 'http://', agent }
}

/** Calls by the official SDK. */
function client(
  simulator: TencentSimulator,
  credential: Credential = { secretId: simulator.secretId, secretKey: simulator.secretKey },
) {
  const versions = { sts: '2018-08-13', vod: '2018-07-17' }
  return (
    product: keyof typeof versions,
    action: string,
    body: object = product === 'vod' ? { SubAppId: 251006666 } : {},
    { region = 'ap-singapore', skipSign = false }: { region?: string; skipSign?: boolean } = {},
  ) => {
    const httpProfile = leadTo(simulator, product)
    const sdk = new CommonClient(httpProfile.endpoint, versions[product], {
      credential,
      region,
      profile: { httpProfile },
    })
    return sdk.request(action, body, { skipSign })
  }
}

/** `ok`, or the code of the error that a call by Tencent's SDK rejects with. */
function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'ok',
    (error) => error.code,
  )
}

/** `ok`, or the name of the error that a call by AWS's SDK rejects with. */
function nameOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'ok',
    (error) => error.name,
  )
}

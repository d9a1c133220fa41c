/** How a role is assumed: where AWS is asked, what goes to Tencent, and what is told of each failure. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemTime } from '../../../handlers/time.ts'
import { assumeRole } from '../../../lib/credentials/web-identity.ts'
import { CredentialsError, TencentError } from '../../../lib/errors.ts'
import { awsDeps } from '../../support/aws-deps.ts'
import { type AwsSts, startAwsSts } from '../../support/aws-sts.ts'

const identity = { roleArn: 'qcs::cam::uin/1:roleName/x', provider: 'aws', audience: 'vod-aigc-tokens' }

/** The host that the AWS SDK tries to connect to, in an environment as on Lambda. */
async function hostAsked(environment: Record<string, string | undefined>): Promise<unknown> {
  const lambda = {
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    AWS_ACCESS_KEY_ID: 'AKIATEST',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_SESSION_TOKEN: 'test',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_ENDPOINT_URL: undefined,
    AWS_ENDPOINT_URL_STS: undefined,
    AWS_STS_REGIONAL_ENDPOINTS: undefined,
  }
  for (const [name, value] of Object.entries({ ...lambda, ...environment })) vi.stubEnv(name, value)
  const hosts: unknown[] = []
  const lookup = (host: string): Promise<never> => {
    hosts.push(host)
    return Promise.reject(new Error('this test connects to nobody'))
  }
  try {
    const deps = {
      now: Date.now,
      aws: await awsDeps({ network: { proxy: null, lookup } }),
      callSts: () => Promise.reject(new Error('there is no token to exchange')),
      sessionName: 'test',
      addSecrets: () => {},
    }
    await expect(assumeRole(identity, systemTime.monotonic() + 60_000, deps)).rejects.toThrow(
      'Getting an identity token from AWS',
    )
  } finally {
    vi.unstubAllEnvs()
  }
  return hosts[0]
}

describe('assumeRole', () => {
  it.each([
    ['eu-west-1', {}, 'sts.eu-west-1.amazonaws.com'],
    // The region whose endpoint used to be the global one, which gives no identity tokens.
    ['us-east-1', {}, 'sts.us-east-1.amazonaws.com'],
    ['us-east-1', { AWS_STS_REGIONAL_ENDPOINTS: 'legacy' }, 'sts.us-east-1.amazonaws.com'],
    ['cn-north-1', {}, 'sts.cn-north-1.amazonaws.com.cn'],
  ])('asks the regional endpoint of STS in %s, with %j', async (region, environment, host) => {
    expect(await hostAsked({ AWS_REGION: region, ...environment })).toBe(host)
  })
})

const uuid = 'b7f3a0c2-5d1e-4c9a-8f0e-2a6d4e8c1b35'
const answered = {
  Credentials: { TmpSecretId: 'tmp-id', TmpSecretKey: 'tmp-key', Token: 'tmp-token' },
  ExpiredTime: 1_700_007_200,
  RequestId: uuid,
  AnsweredAt: 1_700_000_000_000,
}

describe('assumeRole, with AWS STS on loopback', () => {
  let sts: AwsSts
  beforeAll(async () => {
    sts = await startAwsSts({ region: 'eu-west-1' })
  })
  afterAll(() => sts.close())
  beforeEach(() => {
    sts.calls.length = 0
    for (const [name, value] of Object.entries({
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      AWS_ENDPOINT_URL_STS: sts.url,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: sts.accessKeyId,
      AWS_SECRET_ACCESS_KEY: sts.secretAccessKey,
      AWS_SESSION_TOKEN: sts.sessionToken,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    }))
      vi.stubEnv(name, value)
  })
  afterEach(() => {
    sts.clearFaults()
    vi.unstubAllEnvs()
  })

  async function assume(answer: unknown, sessionName = 'fn') {
    const called: unknown[] = []
    const learned: string[] = []
    const deadline = systemTime.monotonic() + 10_000
    const lease = await assumeRole(identity, deadline, {
      aws: await awsDeps({ random: () => 0 }),
      now: () => 1_700_000_600_000,
      callSts: async (action, parameters, until) => {
        called.push([action, parameters, until - deadline])
        if (answer instanceof Error) throw answer
        return answer as never
      },
      sessionName,
      addSecrets: (secrets) => learned.push(...secrets),
    }).catch((thrown: unknown) => thrown)
    return { lease, called, learned }
  }

  it('gives AWS’s token to Tencent, and learns whatever is secret', async () => {
    const { lease, called, learned } = await assume(answered)
    expect(sts.calls).toMatchObject([
      {
        action: 'GetWebIdentityToken',
        parameters: {
          'Audience.member.1': 'vod-aigc-tokens',
          SigningAlgorithm: 'RS256',
          DurationSeconds: '300',
        },
        outcome: 'ok',
      },
    ])
    const [token = '', ...others] = learned
    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
    expect(others).toEqual(['tmp-id', 'tmp-key', 'tmp-token'])
    expect(called).toEqual([
      [
        'AssumeRoleWithWebIdentity',
        { ProviderId: 'aws', RoleArn: identity.roleArn, RoleSessionName: 'fn', WebIdentityToken: token },
        0,
      ],
    ])
    // By Tencent's clock, which says ten minutes less than this one's.
    expect(lease).toEqual({
      credentials: { secretId: 'tmp-id', secretKey: 'tmp-key', token: 'tmp-token' },
      lifetimeMs: 7_200_000,
    })
  })

  it('counts by its own clock where Tencent does not say its time, and fills a name of one letter', async () => {
    const { lease, called } = await assume({ ...answered, AnsweredAt: null }, 'f')
    expect(lease).toMatchObject({ lifetimeMs: 6_600_000 })
    expect(called).toMatchObject([[expect.anything(), { RoleSessionName: 'f-' }, 0]])
  })

  it.each([
    { Credentials: null },
    { Credentials: { ...answered.Credentials, TmpSecretId: '' } },
    { Credentials: { ...answered.Credentials, TmpSecretKey: undefined } },
    { Credentials: { ...answered.Credentials, Token: 7 } },
    { ExpiredTime: '1700007200' },
  ])('takes no answer with %j', async (wrong) => {
    const { lease } = await assume({ ...answered, ...wrong })
    expect(lease).toBeInstanceOf(CredentialsError)
    expect(lease).toMatchObject({
      code: 'ClientError.MalformedAnswer',
      message: `AssumeRoleWithWebIdentity: the answer lacks credentials or their expiry (request id ${uuid})`,
      retryable: true,
    })
  })

  const oidc = 'compare the OIDC provider in Tencent CAM'
  const settings = 'check AIGC_ROLE_ARN and AIGC_OIDC_PROVIDER'
  const trust = "let the role's trust policy name the OIDC provider"
  it.each([
    ['InvalidParameter.WebIdentityTokenError', oidc],
    ['InvalidParameter.WebIdentityTokenError.Expired', oidc],
    ['InvalidParameter.ParamError', settings],
    ['ResourceNotFound.RoleNotExist', settings],
    ['UnauthorizedOperation', trust],
    ['UnauthorizedOperation.X', trust],
    ['AuthFailure.AccessKeyIllegal', trust],
  ])('says what helps against Tencent’s %s', async (code, advice) => {
    const refusal = new TencentError(code, 'why', {
      action: 'AssumeRoleWithWebIdentity',
      requestId: uuid,
      attempts: 3,
      retryable: false,
    })
    const { lease } = await assume(refusal)
    expect(lease).toBeInstanceOf(TencentError)
    expect(lease).toMatchObject({ code, requestId: uuid, attempts: 3, retryable: false })
    expect(String(lease)).toContain(`why; ${advice}`)
  })

  it.each([
    new TencentError('InternalError', 'why', { action: 'A', requestId: null, attempts: 1, retryable: true }),
    new TencentError('X.ResourceNotFound', 'why', {
      action: 'A',
      requestId: null,
      attempts: 1,
      retryable: true,
    }),
    new Error('odd'),
  ])('adds nothing to %s', async (error) => {
    expect((await assume(error)).lease).toBe(error)
  })

  it.each([
    ['AccessDenied', "allow the function's role sts:GetWebIdentityToken"],
    ['OutboundWebIdentityFederationDisabledException', 'switch it on for this AWS account'],
  ] as const)('says what helps against AWS’s %s', async (fault, advice) => {
    sts.fail(fault)
    const { lease, called } = await assume(answered)
    expect(lease).toBeInstanceOf(CredentialsError)
    expect(lease).toMatchObject({ code: fault, retryable: false })
    expect(String(lease)).toMatch(/Getting an identity token from AWS \(sts:GetWebIdentityToken\): /)
    expect(String(lease)).toMatch(/: (The caller|Outbound) .+; request id [0-9a-f-]{36}; /)
    expect(String(lease)).toContain(`; ${advice}`)
    expect([called, sts.calls.length]).toEqual([[], 1])
  })

  it('says what helps where a session ends too soon, or AWS cannot be asked', async () => {
    const { keys } = sts
    const key = keys.get(sts.accessKeyId)
    if (!key) throw new Error('the stub has no key')
    keys.set(sts.accessKeyId, { ...key, expiresAt: Date.now() + 60_000 })
    expect(String((await assume(answered)).lease)).toContain('; the AWS session ends before the token would')
    keys.set(sts.accessKeyId, { ...key, secretAccessKey: 'another' })
    expect(String((await assume(answered)).lease)).toMatch(/SignatureDoesNotMatch; request id [0-9a-f-]{36}$/)
    keys.set(sts.accessKeyId, key)
    vi.stubEnv('AWS_REGION', undefined)
    expect(String((await assume(answered)).lease)).toContain(': RegionMissing; set AWS_REGION')
    vi.stubEnv('AWS_REGION', 'eu-west-1')
    keys.delete(sts.accessKeyId)
    expect(String((await assume(answered)).lease)).toContain('; this source works on AWS Lambda')
    keys.set(sts.accessKeyId, key)
  })

  it('takes a proxy that forbids AWS for a permission that is missing', async () => {
    const proxy = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(403).end('<html>no</html>'))
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    vi.stubEnv('AWS_ENDPOINT_URL_STS', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`)
    const { lease } = await assume(answered)
    proxy.closeAllConnections()
    proxy.close()
    expect(lease).toMatchObject({ code: 'Http403' })
    expect(String(lease)).toContain("; allow the function's role sts:GetWebIdentityToken")
  })

  it('says when it may help to ask again', async () => {
    sts.fail('ServiceUnavailable', Number.POSITIVE_INFINITY)
    expect((await assume(answered)).lease).toMatchObject({ code: 'ServiceUnavailable', retryable: true })
    expect(sts.calls.length).toBeGreaterThan(1)
  })
})

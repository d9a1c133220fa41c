/** The AWS SDK asks a server on loopback that says what the test wants: what is read of a secret, and told of a failure. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemTime } from '../../../handlers/time.ts'
import { readCredentialsSecret } from '../../../lib/credentials/aws-secret.ts'
import { CredentialsError } from '../../../lib/errors.ts'
import { awsDeps } from '../../support/aws-deps.ts'

const requestId = 'b7f3a0c2-5d1e-4c9a-8f0e-2a6d4e8c1b35'
const what = 'Reading Tencent credentials from the AWS secret of AIGC_CREDENTIALS_SECRET'

describe('readCredentialsSecret', () => {
  let server: Server
  let answer: { status: number; body: object }
  let asked: { region: string | undefined; body: unknown }[] = []

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      const region = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? '')?.[1]
      asked.push({ region, body: JSON.parse(await text(request)) })
      response.writeHead(answer.status, {
        'content-type': 'application/x-amz-json-1.1',
        'x-amzn-requestid': requestId,
      })
      response.end(JSON.stringify(answer.body))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  beforeEach(() => {
    asked = []
    for (const [name, value] of Object.entries({
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIATEST',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_SESSION_TOKEN: undefined,
      AWS_PROFILE: undefined,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    }))
      vi.stubEnv(name, value)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  async function read(body: object, status = 200, secretId = 'aigc/key') {
    answer = { status, body }
    return readCredentialsSecret(secretId, systemTime.monotonic() + 5_000, await awsDeps({ random: () => 0 }))
  }
  const pair = { SecretId: 'id', SecretKey: 'key' }

  it.each([
    ['a permanent key', { SecretString: JSON.stringify(pair) }, {}],
    ['a temporary key', { SecretString: JSON.stringify({ ...pair, Token: 'token' }) }, { token: 'token' }],
    ['bytes', { SecretBinary: Buffer.from(JSON.stringify(pair)).toString('base64') }, {}],
  ])('takes %s', async (_, body, more) => {
    expect(await read(body)).toEqual({
      credentials: { secretId: 'id', secretKey: 'key', ...more },
      lifetimeMs: Number.POSITIVE_INFINITY,
    })
    expect(asked).toEqual([
      { region: 'eu-west-1', body: { SecretId: 'aigc/key', VersionStage: 'AWSCURRENT' } },
    ])
  })

  it.each([
    ['arn:aws:secretsmanager:us-east-1:123456789012:secret:a', 'us-east-1'],
    ['arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:a', 'cn-north-1'],
    ['x-arn:aws:secretsmanager:us-east-1:123456789012:secret:a', 'eu-west-1'],
  ])('asks in the region of %s', async (secretId, region) => {
    await read({ SecretString: JSON.stringify(pair) }, 200, secretId)
    expect(asked).toMatchObject([{ region, body: { SecretId: secretId } }])
  })

  const full = { ...pair, Token: 'token' }
  const spelt = (id: string, key: string, token: string): string =>
    JSON.stringify({ [id]: 'id', [key]: 'key', [token]: 'token' })
  it.each([
    ['a byte order mark', `\uFEFF${JSON.stringify(full)}`],
    ['camel case', spelt('secretId', 'secretKey', 'token')],
    ['snake case', spelt('secret_id', 'secret_key', 'session_token')],
    ['hyphens', spelt('secret-id', 'secret-key', 'security-token')],
    ['capitals', spelt('SECRETID', 'SECRETKEY', 'TOKEN')],
    ['the names of this project', spelt('AIGC_SECRET_ID', 'AIGC_SECRET_KEY', 'AIGC_SESSION_TOKEN')],
    [
      'the names of Tencent’s SDKs',
      spelt('TENCENTCLOUD_SECRET_ID', 'TENCENTCLOUD_SECRET_KEY', 'TENCENTCLOUD_TOKEN'),
    ],
    [
      'the names of its Terraform provider',
      spelt('TENCENTCLOUD_SECRET_ID', 'TENCENTCLOUD_SECRET_KEY', 'TENCENTCLOUD_SECURITY_TOKEN'),
    ],
    [
      'the names of SCF',
      spelt('TENCENTCLOUD_SECRETID', 'TENCENTCLOUD_SECRETKEY', 'TENCENTCLOUD_SESSIONTOKEN'),
    ],
    ['the names of STS', spelt('TmpSecretId', 'TmpSecretKey', 'Token')],
    ['blanks around', JSON.stringify({ SecretId: ' id', SecretKey: 'key\n', Token: '\ttoken ' })],
    ['two spellings of the same value', JSON.stringify({ ...full, secret_id: 'id', token: '' })],
    ['other fields', JSON.stringify({ ...full, Region: 'CANARY', '': 7, Uin: {} })],
  ])('takes %s', async (_, SecretString) => {
    expect(await read({ SecretString })).toMatchObject({
      credentials: { secretId: 'id', secretKey: 'key', token: 'token' },
    })
  })

  it.each(['', ' ', null])('takes %j for no token', async (Token) => {
    const { credentials } = await read({ SecretString: JSON.stringify({ ...pair, Token }) })
    expect(credentials).toStrictEqual({ secretId: 'id', secretKey: 'key' })
  })

  const unprintable = 'has blanks, or what is no printable ASCII'
  it.each([
    ['no JSON', 'CANARY', 'it is no JSON object'],
    ['null', 'null', 'it is no JSON object'],
    ['a string', '"CANARY"', 'it is no JSON object'],
    ['a list', '["CANARY"]', 'it is no JSON object'],
    ['nothing', undefined, 'it is no JSON object'],
    ['no key', JSON.stringify({ SecretId: 'id' }), '"SecretKey" is missing or empty'],
    ['no id', JSON.stringify({ SecretKey: 'CANARY' }), '"SecretId" is missing or empty'],
    ['an empty id', JSON.stringify({ ...pair, SecretId: '' }), '"SecretId" is missing or empty'],
    ['a key that is null', JSON.stringify({ ...pair, SecretKey: null }), '"SecretKey" is missing or empty'],
    [
      'a value for a name',
      JSON.stringify({ CANARY: 'CANARY' }),
      '"SecretId" is missing or empty; "SecretKey" is missing or empty',
    ],
    ['a number', JSON.stringify({ ...pair, SecretKey: 12345678 }), '"SecretKey" is no text'],
    ['a token that is none', JSON.stringify({ ...pair, Token: {} }), '"Token" is no text'],
    ['a line break', JSON.stringify({ ...pair, SecretKey: 'CANARY\nCANARY' }), `"SecretKey" ${unprintable}`],
    ['an accent', JSON.stringify({ ...pair, Token: 'CANARÝ' }), `"Token" ${unprintable}`],
    [
      'two spellings of two values',
      JSON.stringify({ ...pair, secret_id: 'CANARY' }),
      '"SecretId" is there in two spellings, with different values',
    ],
    [
      'a token of another name',
      JSON.stringify({ ...pair, CanaryToken: 'CANARY' }),
      'a field named like a token is not called "Token"',
    ],
    [
      'much at once',
      JSON.stringify({ SecretKey: 7, Token: 'a b' }),
      `"SecretId" is missing or empty; "SecretKey" is no text; "Token" ${unprintable}`,
    ],
  ])('refuses %s, says which field it is, and quotes nothing', async (_, SecretString, problem) => {
    const error = await read({ SecretString }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(CredentialsError)
    expect(error).toMatchObject({
      code: 'CredentialsSecretInvalid',
      message:
        `${what}: its value must be JSON like {"SecretId":"…","SecretKey":"…"}, or with a "Token" too, ` +
        `but ${problem}`,
      retryable: false,
    })
  })

  it.each([
    ['ResourceNotFoundException', 'create the secret in this region'],
    ['AccessDeniedException', "allow the function's role secretsmanager:GetSecretValue"],
    ['InvalidRequestException', 'restore the secret'],
    ['ExpiredTokenException', 'this source works on AWS Lambda'],
    ['UnrecognizedClientException', 'this source works on AWS Lambda'],
  ])('says what helps against %s', async (code, advice) => {
    const error = await read({ __type: code, message: 'Words of AWS.' }, 400).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(CredentialsError)
    expect(error).toMatchObject({ code, retryable: false })
    expect(String(error)).toContain(`${what}: ${code}: Words of AWS.; request id ${requestId}; ${advice}`)
    expect(asked).toHaveLength(1)
  })

  it('says what helps where AWS does not answer, or says little', async () => {
    await expect(read({}, 403)).rejects.toThrow(/: Http403; (request id .+; )?allow the function's role/)
    const other = read({ __type: 'DecryptionFailure' }, 400)
    await expect(other).rejects.toMatchObject({
      message: `${what}: DecryptionFailure; request id ${requestId}`,
    })
    vi.stubEnv('AWS_REGION', undefined)
    await expect(read({})).rejects.toThrow(`${what}: RegionMissing; set AWS_REGION, or put the ARN`)
    for (const [region, code] of [
      ['', 'RegionMissing'],
      [' ', 'RegionMissing'],
      ['eu west', 'RegionInvalid'],
    ] as const) {
      vi.stubEnv('AWS_REGION', region)
      await expect(read({})).rejects.toThrow(`${what}: ${code}; set AWS_REGION, or put the ARN`)
    }
    vi.stubEnv('AWS_REGION', 'eu-west-1')
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    await expect(read({})).rejects.toThrow(
      `${what}: CredentialsProviderError; this source works on AWS Lambda`,
    )
  })

  it('says when it may help to ask again', async () => {
    const error = await read({ __type: 'InternalServiceError' }, 500).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'InternalServiceError', retryable: true })
    expect(asked.length).toBeGreaterThan(1)
  })
})

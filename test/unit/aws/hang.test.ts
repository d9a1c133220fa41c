/**
 * An endpoint of AWS credentials that never answers, and is well again later, as a warm instance meets it: what once waited
 * for it must not be asked again.
 */
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemTime } from '../../../handlers/time.ts'
import type { Aws } from '../../../lib/aws/clients.ts'
import { readCredentialsSecret } from '../../../lib/credentials/aws-secret.ts'
import { assumeRole } from '../../../lib/credentials/web-identity.ts'
import { awsSecretsManager } from '../../../lib/stores/aws-secretsmanager.ts'
import { awsDeps } from '../../support/aws-deps.ts'
import { lent, soon, targetOf } from '../../support/store-contract.ts'

const key = JSON.stringify({
  AccessKeyId: 'ASIATEST',
  SecretAccessKey: 'test',
  Token: 'test',
  Expiration: '2099-01-01T00:00:00Z',
})
const secretValue = JSON.stringify({
  Name: 'any',
  SecretString: '{"SecretId":"id","SecretKey":"key"}',
  VersionId: 'v',
})
const identityToken =
  '<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult>' +
  '<WebIdentityToken>a.b.c</WebIdentityToken></GetWebIdentityTokenResult></GetWebIdentityTokenResponse>'

describe('with an endpoint of AWS credentials that hangs and is well again later,', () => {
  let server: Server
  let well = false
  /** How long AWS itself takes, in milliseconds. */
  let slowMs = 0
  let calls = 0
  /** Who still waits for credentials. */
  let waiting: ServerResponse[] = []

  beforeAll(async () => {
    // Not within the time of the first attempt.
    await import('../../../lib/aws/sdk.ts')
    server = createServer((request, response) => {
      request.resume().on('end', () => {
        if (request.url === '/credentials' && well) response.end(key)
        else if (request.url === '/credentials') {
          // Half an answer: the SDK has time limits of its own for none at all.
          response.writeHead(200, { 'content-type': 'application/json' }).write('{"AccessKeyId":')
          waiting.push(response)
        } else if (request.headers['x-amz-target'] === undefined) response.end(identityToken)
        else {
          calls++
          setTimeout(() => response.end(secretValue), slowMs)
        }
      })
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  beforeEach(() => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const environment = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/credentials`,
      AWS_ENDPOINT_URL: url,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_SESSION_TOKEN: undefined,
      AWS_PROFILE: undefined,
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: undefined,
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    }
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
    well = false
    slowMs = 0
    calls = 0
    waiting = []
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    for (const response of waiting) response.destroy()
  })

  const exchange = {
    now: Date.now,
    sessionName: 'test',
    addSecrets: () => {},
    callSts: async () => ({
      Credentials: { TmpSecretId: 'id', TmpSecretKey: 'key', Token: 'token' },
      ExpiredTime: 4_000_000_000,
      RequestId: 'r',
    }),
  }
  const identity = { roleArn: 'qcs::cam::uin/1:roleName/x', provider: 'aws', audience: 'vod-aigc-tokens' }

  it.each<[string, (aws: Aws) => (deadline: number) => Promise<unknown>]>([
    [
      'the store of AWS secrets',
      (aws) =>
        awsSecretsManager.open(targetOf('aws-secretsmanager', 'any'), { ...lent, aws: async () => aws }).read,
    ],
    ['readCredentialsSecret', (aws) => (deadline) => readCredentialsSecret('any', deadline, aws)],
    ['assumeRole', (aws) => (deadline) => assumeRole(identity, deadline, { ...exchange, aws })],
  ])('%s fails at its deadline, and answers the next time', async (_, attemptWith) => {
    const attempt = attemptWith(await awsDeps())
    await expect(attempt(systemTime.monotonic() + 900)).rejects.toMatchObject({ code: 'Timeout' })
    expect(waiting.length).toBeGreaterThan(0)
    well = true
    await attempt(soon())
  })

  it('an AWS that is slow is waited for, longer than for credentials', async () => {
    well = true
    slowMs = 1_200
    await readCredentialsSecret('any', soon(), await awsDeps())
    expect(calls).toBe(1)
  })
})

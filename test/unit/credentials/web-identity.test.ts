/** Where identity tokens are asked for when nothing says where: the rest runs in test/bundle/credential-sources.test.ts. */
import { Socket } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { systemTime } from '../../../handlers/time.ts'
import { assumeRole } from '../../../lib/credentials/web-identity.ts'
import { lendAws } from '../../support/lend-aws.ts'

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
  const connect = vi.spyOn(Socket.prototype, 'connect').mockImplementation((...given: unknown[]) => {
    const [first] = Array.isArray(given[0]) ? given[0] : given
    hosts.push(Object(first).host)
    throw new Error('this test connects to nobody')
  })
  try {
    const lend = {
      now: Date.now,
      aws: await lendAws(),
      callSts: () => Promise.reject(new Error('there is no token to exchange')),
      sessionName: 'test',
      addSecrets: () => {},
    }
    await expect(assumeRole(identity, systemTime.monotonic() + 60_000, lend)).rejects.toThrow(
      'Getting an identity token from AWS',
    )
  } finally {
    connect.mockRestore()
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
  ])('assumeRole asks the regional endpoint of STS in %s, with %j', async (region, environment, host) => {
    expect(await hostAsked({ AWS_REGION: region, ...environment })).toBe(host)
  })
})

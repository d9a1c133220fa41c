/** The simulator's CAM, called by Tencent's own SDK. */
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { CommonClient } from 'tencentcloud-sdk-nodejs-common'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../simulator.ts'

async function start(): Promise<{ simulator: TencentSimulator; sdk: CommonClient }> {
  const simulator = await startTencentSimulator()
  onTestFinished(() => simulator.close())
  const { port, secretId, secretKey } = simulator
  const agent = Object.assign(new Agent(), { createConnection: () => connect(port, '127.0.0.1') })
  const endpoint = 'cam.intl.tencentcloudapi.com'
  const profile = { httpProfile: { endpoint, protocol: 'http://', agent } }
  return {
    simulator,
    sdk: new CommonClient(endpoint, '2019-01-16', { credential: { secretId, secretKey }, profile }),
  }
}

describe('GetRole', () => {
  it('finds a role by its name or its id, and says whom it trusts', async () => {
    const { simulator, sdk } = await start()
    simulator.scf.roles.add('other')
    const { RoleInfo: byName } = await sdk.request('GetRole', { RoleName: 'vod-aigc-tokens' })
    expect(byName).toMatchObject({ RoleName: 'vod-aigc-tokens', RoleId: expect.stringMatching(/^\d{19}$/) })
    expect(JSON.parse(byName.PolicyDocument).statement[0].principal).toEqual({ service: 'scf.qcloud.com' })
    const { RoleInfo: byId } = await sdk.request('GetRole', { RoleId: byName.RoleId })
    expect(byId).toEqual(byName)
  })

  it.each([{ RoleName: 'nobody' }, { RoleId: '0' }, {}])('of %j is RoleNotExist', async (input) => {
    const { sdk } = await start()
    await expect(sdk.request('GetRole', input)).rejects.toMatchObject({
      code: 'InvalidParameter.RoleNotExist',
    })
  })
})

describe('DescribeOIDCConfig', () => {
  it('tells the issuer of a provider, its client ids and its keys in Base64', async () => {
    const { simulator, sdk } = await start()
    const jwks = { keys: [{ kty: 'RSA', kid: 'one', n: 'AQAB', e: 'AQAB' }] }
    simulator.sts.providers.set('aws', { issuer: 'https://issuer.example.com', audiences: ['x'], jwks })
    const { IdentityUrl, IdentityKey, ClientId } = await sdk.request('DescribeOIDCConfig', { Name: 'aws' })
    expect([IdentityUrl, ClientId]).toEqual(['https://issuer.example.com', ['x']])
    expect(JSON.parse(Buffer.from(IdentityKey, 'base64').toString())).toEqual(jwks)
  })

  it('of another name is IdentityNotExist', async () => {
    const { sdk } = await start()
    await expect(sdk.request('DescribeOIDCConfig', { Name: 'aws' })).rejects.toMatchObject({
      code: 'ResourceNotFound.IdentityNotExist',
    })
  })
})

/** Keyless: what the functions ask AWS for is what their roles are granted. */
import { describe, expect, it } from 'vitest'
import { startTencentSimulator } from '../../../simulator/simulator.ts'
import { startAwsSts } from '../../support/aws-sts.ts'
import { startFunction } from '../../support/function-process.ts'
import { isAllowed, type PolicyStatement } from '../../support/iam.ts'
import { resource } from './cases.ts'

describe('without a stored key', () => {
  const name = 'keyless and everything else'
  const roles = 'qcs::cam::uin/100000000001:roleName'

  /** What is granted of the identity token; all roles have the same. */
  function statement(role: string): PolicyStatement {
    const [granted, ...others] = resource(name, role).Properties.Policies[0].PolicyDocument.Statement.filter(
      ({ Action }: PolicyStatement) => Action.includes('sts:GetWebIdentityToken'),
    )
    expect(others).toEqual([])
    return granted
  }

  it.each([
    ['list-tokens', 'ListDashtokensLambdaFunction', 'ListTokensRole', 'vod-aigc-tokens'],
    ['mirror-tokens', 'MirrorDashtokensLambdaFunction', 'MirrorTokensRole', 'vod-aigc-tokens'],
    ['rotate-tokens', 'RotateDashtokensLambdaFunction', 'RotateTokensRole', 'vod-aigc-rotation'],
  ] as const)('%s asks AWS for the identity token that its role is granted', async (...of) => {
    const [fn, logicalId, role, tencentRole] = of
    const aws = await startAwsSts({ region: 'eu-central-1' })
    const simulator = await startTencentSimulator({
      applications: [{ subAppId: 1500000001, tokens: ['token-a'] }],
    })
    const { issuer, jwks } = aws
    simulator.sts.providers.set('aws-lambda', { issuer, audiences: ['my-audience'], jwks })
    simulator.sts.roles.set(`${roles}/${tencentRole}`, { providerId: 'aws-lambda' })
    const process = startFunction(fn, {
      ...resource(name, logicalId).Properties.Environment.Variables,
      AIGC_VOD_ENDPOINT: simulator.url,
      AIGC_STS_ENDPOINT: simulator.url,
      AWS_REGION: aws.region,
      AWS_ENDPOINT_URL_STS: aws.url,
      ...(fn === 'rotate-tokens' && { AIGC_ROTATION_STATE: 'file:/tmp/no-such-folder/{SubAppId}.json' }),
      // Nobody is there: only the token is looked at here.
      AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: aws.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.secretAccessKey,
      AWS_SESSION_TOKEN: aws.sessionToken,
    })
    try {
      await process.invoke({ SubAppId: 1500000001, ...(fn === 'rotate-tokens' && { DryRun: true }) })
    } finally {
      await Promise.all([process.close(), aws.close(), simulator.close()])
    }
    expect(simulator.calls.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'AssumeRoleWithWebIdentity ok',
      'DescribeAigcApiTokens ok',
    ])
    expect(aws.calls.map(({ outcome }) => outcome)).toEqual(['ok'])
    const asked = Object.entries(aws.calls[0]?.parameters ?? {})
    const valuesOf = (prefix: string): string[] =>
      asked.filter(([parameter]) => parameter.startsWith(prefix)).map(([, value]) => value)
    const audiences = valuesOf('Audience.member.')
    const durations = valuesOf('DurationSeconds')
    const met = (audience: readonly string[], seconds: readonly string[]): boolean =>
      isAllowed([statement(role)], {
        action: 'sts:GetWebIdentityToken',
        resource: '*',
        keys: { 'sts:IdentityTokenAudience': audience, 'sts:DurationSeconds': seconds },
      })
    expect(met(audiences, durations)).toBe(true)
    // And none but that.
    expect(met([...audiences, 'other'], durations)).toBe(false)
    expect(met([], durations)).toBe(false)
    expect(met(audiences, ['301'])).toBe(false)
    expect(met(audiences, [])).toBe(true)
  })
})

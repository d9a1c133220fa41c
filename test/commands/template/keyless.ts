/** Keyless: what the functions ask AWS for is what their roles are granted. */
import { describe, expect, it } from 'vitest'
import { startTencentSimulator } from '../../../simulator/simulator.ts'
import { startAwsSts } from '../../support/aws-sts.ts'
import { startFunction } from '../../support/function-process.ts'
import { grants, resource } from './cases.ts'

describe('without a stored key', () => {
  const name = 'keyless and everything else'
  const roleArn = 'qcs::cam::uin/100000000001:roleName/vod-aigc-tokens'

  /** The conditions on the identity token; both roles have the same. */
  function condition(role: string): Record<string, Record<string, string | number>> {
    const granted = grants(name, role).filter(({ may }) => may.includes('sts:GetWebIdentityToken'))
    expect(granted).toHaveLength(1)
    return granted[0]?.if as Record<string, Record<string, string | number>>
  }

  /** Whether IAM lets a request through whose condition keys have these values. */
  function isMet(
    conditions: Record<string, Record<string, string | number>>,
    keys: Readonly<Record<string, readonly string[]>>,
  ): boolean {
    return Object.entries(conditions).every(([operator, operands]) =>
      Object.entries(operands).every(([key, operand]) => {
        const values = keys[key] ?? []
        switch (operator) {
          case 'ForAllValues:StringEquals':
            return values.every((value) => value === operand)
          case 'Null':
            return (values.length === 0) === (operand === 'true')
          case 'NumericLessThanEqualsIfExists':
            return values.every((value) => Number(value) <= Number(operand))
          default:
            throw new Error(`this test does not know ${operator}`)
        }
      }),
    )
  }

  it.each([
    ['list-tokens', 'ListDashtokensLambdaFunction', 'ListTokensRole'],
    ['mirror-tokens', 'MirrorDashtokensLambdaFunction', 'MirrorTokensRole'],
  ] as const)('%s asks AWS for the identity token that its role is granted', async (fn, logicalId, role) => {
    const aws = await startAwsSts({ region: 'eu-central-1' })
    const simulator = await startTencentSimulator({
      applications: [{ subAppId: 1500000001, tokens: ['token-a'] }],
    })
    const { issuer, jwks } = aws
    simulator.sts.providers.set('aws-lambda', { issuer, audiences: ['my-audience'], jwks })
    simulator.sts.roles.set(roleArn, { providerId: 'aws-lambda' })
    const process = startFunction(fn, {
      ...resource(name, logicalId).Properties.Environment.Variables,
      AIGC_VOD_ENDPOINT: simulator.url,
      AIGC_STS_ENDPOINT: simulator.url,
      AWS_REGION: aws.region,
      AWS_ENDPOINT_URL_STS: aws.url,
      // Nobody is there: only the token is looked at here.
      AWS_ENDPOINT_URL_SECRETS_MANAGER: 'http://127.0.0.1:9',
      AWS_ACCESS_KEY_ID: aws.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.secretAccessKey,
      AWS_SESSION_TOKEN: aws.sessionToken,
    })
    try {
      await process.invoke({ SubAppId: 1500000001 })
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
      isMet(condition(role), { 'sts:IdentityTokenAudience': audience, 'sts:DurationSeconds': seconds })
    expect(met(audiences, durations)).toBe(true)
    // And none but that.
    expect(met([...audiences, 'other'], durations)).toBe(false)
    expect(met([], durations)).toBe(false)
    expect(met(audiences, ['301'])).toBe(false)
    expect(met(audiences, [])).toBe(true)
  })
})

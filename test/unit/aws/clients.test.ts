import { describe, expect, it } from 'vitest'
import { SecretsManagerClient, SSMClient } from '../../../lib/aws/sdk.ts'
import { awsDeps } from '../../support/aws-deps.ts'

describe('createAws', () => {
  it('gives one client of a kind for a region, until it is forgotten', async () => {
    const aws = await awsDeps()
    const secretsIn = (region?: string): SecretsManagerClient => aws.shared(SecretsManagerClient, region)
    const [singapore, elsewhere] = [secretsIn('ap-southeast-1'), secretsIn('eu-west-1')]
    expect(await Promise.all([singapore, elsewhere].map((client) => client.config.region()))).toEqual([
      'ap-southeast-1',
      'eu-west-1',
    ])
    expect(secretsIn('ap-southeast-1')).toBe(singapore)
    expect(secretsIn()).toBe(secretsIn())
    expect(secretsIn()).not.toBe(singapore)
    const parameters = aws.shared(SSMClient, 'ap-southeast-1')
    expect(parameters).toBeInstanceOf(SSMClient)
    aws.forget(singapore)
    const next = secretsIn('ap-southeast-1')
    expect(next).not.toBe(singapore)
    // Whoever still has the old one forgets no other.
    aws.forget(singapore)
    expect(secretsIn('ap-southeast-1')).toBe(next)
    expect(secretsIn('eu-west-1')).toBe(elsewhere)
    expect(aws.shared(SSMClient, 'ap-southeast-1')).toBe(parameters)
    expect((await awsDeps()).shared(SecretsManagerClient, 'eu-west-1')).not.toBe(elsewhere)
  })
})

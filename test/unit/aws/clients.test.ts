import { describe, expect, it } from 'vitest'
import { awsDeps } from '../../support/aws-deps.ts'

describe('createAws', () => {
  it('gives one client of Secrets Manager for a region, until it is forgotten', async () => {
    const aws = await awsDeps()
    const [singapore, elsewhere] = [aws.secretsManager('ap-southeast-1'), aws.secretsManager('eu-west-1')]
    expect(await Promise.all([singapore, elsewhere].map((client) => client.config.region()))).toEqual([
      'ap-southeast-1',
      'eu-west-1',
    ])
    expect(aws.secretsManager('ap-southeast-1')).toBe(singapore)
    expect(aws.secretsManager()).toBe(aws.secretsManager())
    expect(aws.secretsManager()).not.toBe(singapore)
    aws.forget(singapore)
    const next = aws.secretsManager('ap-southeast-1')
    expect(next).not.toBe(singapore)
    // Whoever still has the old one forgets no other.
    aws.forget(singapore)
    expect(aws.secretsManager('ap-southeast-1')).toBe(next)
    expect(aws.secretsManager('eu-west-1')).toBe(elsewhere)
    expect((await awsDeps()).secretsManager('eu-west-1')).not.toBe(elsewhere)
  })
})

/** The parameters of the stack: their defaults, and what they take. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type Given, parameters, readDeployment } from '../../deploy/aws/parameters.ts'

const { params: declared } = parse(readFileSync(new URL('../../serverless.yml', import.meta.url), 'utf8'), {
  logLevel: 'silent',
})
const defaults: Given = { ...declared.default, secretPrefix: 'vod-aigc-tokens/dev' }
const keyArn = 'arn:aws:kms:eu-central-1:123456789012:key/mrk-0123'

describe('parameters', () => {
  const read = (changes: Partial<Given>, stage = 'dev') =>
    readDeployment(stage, 'us-east-1', { ...defaults, ...changes })
  const role = 'qcs::cam::uin/100000000001:roleName/x'

  it('have a default each in serverless.yml, and it is good', () => {
    expect(Object.keys(declared.default).sort()).toEqual(Object.keys(parameters).sort())
    expect(read({})).toMatchObject({ subAppIds: [], periodSeconds: 300, credentials: { kind: 'own-secret' } })
  })

  it.each([
    [
      'subAppIds',
      ['1', '1,2', '251006666, 251006667'],
      ['x', '1,,2', '1,1', '0', '-1', '1.5', '99999999999999999'],
    ],
    ['site', ['cn'], ['', 'eu', 'INTL']],
    ['audience', ['a', 'https://example.com/x'], ['', 'a b', '*']],
    [
      'schedule',
      ['rate(1 minute)', 'rate(90 minutes)', 'rate(24 hours)'],
      ['', '5 minutes', 'rate(0 minutes)', 'rate(5 seconds)', 'rate(25 hours)', 'cron(0 * * * ? *)'],
    ],
    ['secretPrefix', ['a/b', 'prod.aigc_x'], ['', '/a', 'a/', 'a b', 'a-', 'arn:aws:x', 'a?x']],
    ['makeSecrets', ['false'], ['', 'no', 'False']],
    ['kmsKeyArn', [keyArn], ['alias/x', 'arn:aws:kms:us-east-1:123456789012:alias/x', '0123']],
    ['replicaRegions', ['eu-west-1', 'eu-west-1,ap-southeast-1'], ['eu', 'eu-west-1,eu-west-1', 'us-east-1']],
    ['source', ['mirror'], ['', 'aws']],
    ['fallback', ['false'], ['', 'yes']],
    ['mirrorConcurrency', ['none'], ['', '0', '2']],
    [
      'alarmTopicArn',
      ['arn:aws:sns:us-east-1:123456789012:x'],
      ['x', 'arn:aws:sqs:us-east-1:123456789012:x'],
    ],
    ['tracing', ['true'], ['', 'on']],
    ['logRetentionDays', ['1', '3653'], ['', '0', '31']],
    ['logLevel', ['debug'], ['', 'trace']],
  ] as const)('%s takes what it should and names itself otherwise', (name, good, bad) => {
    for (const value of good) expect(read({ [name]: value }), value).not.toBeInstanceOf(Array)
    for (const value of bad) {
      const problems = read({ [name]: value })
      expect(problems, value).toEqual([expect.stringMatching(new RegExp(`^${name} must `))])
    }
  })

  it.each([
    [
      { roleArn: role, oidcProvider: 'p' },
      { kind: 'web-identity', roleArn: role, oidcProvider: 'p' },
    ],
    [{ credentialsSecret: 'team/tencent' }, { kind: 'secret', secret: 'team/tencent', kmsKeyArn: null }],
    [
      { credentialsSecret: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:t-AbCdEf' },
      { kind: 'secret', secret: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:t-AbCdEf' },
    ],
  ])('%j choose where credentials come from', (changes, credentials) => {
    expect(read(changes)).toMatchObject({ credentials })
  })

  it.each<[Partial<Given>, string]>([
    [{ roleArn: 'arn:aws:iam::123456789012:role/x', oidcProvider: 'p' }, 'roleArn must be '],
    [{ roleArn: role }, 'roleArn needs oidcProvider too'],
    [{ oidcProvider: 'p' }, 'oidcProvider needs roleArn too'],
    [{ oidcProvider: 'p q', roleArn: role }, 'oidcProvider must be '],
    [{ roleArn: role, oidcProvider: 'p', credentialsSecret: 's' }, 'roleArn and credentialsSecret exclude'],
    [{ credentialsSecret: 'arn:aws:iam::123456789012:role/x' }, 'credentialsSecret must be '],
    [{ credentialsKmsKeyArn: keyArn }, 'credentialsKmsKeyArn needs credentialsSecret too'],
    [{ credentialsKmsKeyArn: 'x', credentialsSecret: 's' }, 'credentialsKmsKeyArn must be '],
    [{ domain: 'aigc.example.com' }, 'domain needs certificateArn too'],
    [{ certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/x' }, 'certificateArn needs domain'],
    [
      { domain: 'https://x', certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/x' },
      'domain must be',
    ],
    [{ domain: 'a.example.com', certificateArn: 'x' }, 'certificateArn must be '],
    [{ source: 'mirror', fallback: 'false' }, 'fallback must be true when source is mirror'],
    [
      { kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/0123', replicaRegions: 'eu-west-1' },
      'kmsKeyArn must be a multi-Region key',
    ],
  ])('%j are refused', (changes, problem) => {
    expect(read(changes)).toEqual([expect.stringContaining(problem)])
  })

  it('every problem is told at once, the stage’s name too', () => {
    expect(read({ site: 'x', tracing: 'x' }, 'a_b')).toEqual([
      'site must be intl or cn',
      'tracing must be true or false',
      expect.stringContaining('stage must be '),
    ])
  })
})

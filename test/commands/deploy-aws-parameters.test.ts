/** The parameters of the stack: their defaults, and what they take. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type Deployment, type Given, parameters, readDeployment } from '../../deploy/aws/parameters.ts'
import { describeStack, type Stack, sizeProblem } from '../../deploy/aws/stack.ts'
import { isAllowed, type PolicyStatement, resolveReferences } from '../support/iam.ts'

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

describe('a stack of any number of applications', () => {
  const idsOf = (count: number): string => Array.from({ length: count }, (_, i) => 1_500_000_000 + i).join()
  const deploymentOf = (count: number, changes: Partial<Given> = {}): Deployment => {
    const read = readDeployment('dev', 'us-east-1', { ...defaults, subAppIds: idsOf(count), ...changes })
    if (Array.isArray(read)) throw new Error(read.join('; '))
    return read
  }
  const arnOf = (name: string): string =>
    `arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}-AbCdEf`
  const statementsOf = (stack: Stack, role: 'listStatements' | 'mirrorStatements'): PolicyStatement[] => {
    const secrets = Object.entries(stack.resources.Resources).map(([logicalId, { Properties }]) => [
      logicalId,
      arnOf(String(Properties['Name'])),
    ])
    return resolveReferences(stack[role], Object.fromEntries(secrets))
  }

  it.each([1, 20, 21, 26, 104, 300])(
    'fits and has the rights that it needs, and no others, with %i',
    (count) => {
      const deployment = deploymentOf(count)
      expect(sizeProblem('vod-aigc-tokens', deployment)).toBeNull()
      const stack = describeStack('vod-aigc-tokens', deployment)
      expect(Object.keys(stack.resources.Outputs).length).toBeLessThan(100)
      const mirrored = { 'aws:ResourceTag/managed-by': 'vod-aigc-tokens' }
      for (const role of ['listStatements', 'mirrorStatements'] as const) {
        const statements = statementsOf(stack, role)
        expect(JSON.stringify(statements).length).toBeLessThan(10_240)
        const may = (action: string, name: string, keys: Record<string, string> = {}): boolean =>
          isAllowed(statements, { action: `secretsmanager:${action}`, resource: arnOf(name), keys })
        for (const id of deployment.subAppIds) {
          expect(may('GetSecretValue', `vod-aigc-tokens/dev/${id}`, mirrored)).toBe(true)
          expect(may('PutSecretValue', `vod-aigc-tokens/dev/${id}`, mirrored)).toBe(
            role === 'mirrorStatements',
          )
        }
        // It has no mark, and the same prefix.
        expect(may('GetSecretValue', 'vod-aigc-tokens/dev/tencent-credentials')).toBe(true)
        expect(may('PutSecretValue', 'vod-aigc-tokens/dev/tencent-credentials')).toBe(false)
        expect(may('GetSecretValue', 'vod-aigc-tokens/prod/1500000000', mirrored)).toBe(false)
        expect(may('GetSecretValue', 'vod-aigc-tokens/dev-2/1500000000', mirrored)).toBe(false)
        expect(may('DeleteSecret', 'vod-aigc-tokens/dev/1500000000', mirrored)).toBe(false)
      }
    },
  )

  it.each([
    [420, {}],
    [1000, {}],
    [1000, { makeSecrets: 'false' }],
  ] as const)('%i with %j are refused with the number that fits, which does', (count, changes) => {
    const problem = sizeProblem('vod-aigc-tokens', deploymentOf(count, changes))
    expect(problem).toMatch(
      new RegExp(
        `^subAppIds: ${count} applications are too many for one stack, because the settings of .* bytes, and AWS takes 4096`,
      ),
    )
    const fitting = Number(/the first (\d+) fit/.exec(problem ?? '')?.[1])
    expect(fitting).toBeGreaterThan(250)
    expect(sizeProblem('vod-aigc-tokens', deploymentOf(fitting, changes))).toBeNull()
    expect(sizeProblem('vod-aigc-tokens', deploymentOf(fitting + 1, changes))).not.toBeNull()
  })

  it('is refused where so many secrets are more than a template holds', () => {
    const subAppIds = Array.from({ length: 600 }, (_, i) => 1 + i).join()
    expect(sizeProblem('vod-aigc-tokens', deploymentOf(600, { subAppIds }))).toMatch(
      /because the template would have \d+ resources, and AWS takes 500; the first 438 fit/,
    )
    expect(sizeProblem('vod-aigc-tokens', deploymentOf(600, { subAppIds, makeSecrets: 'false' }))).toBeNull()
  })

  it('names each of a few secrets in the roles, also where their names are long', () => {
    const { mirrorStatements } = describeStack('x', deploymentOf(20))
    expect(JSON.stringify(mirrorStatements)).toContain('{"Ref":"MirroredSecret1500000019"}')
    const long = deploymentOf(20, { secretPrefix: 'x'.repeat(400) })
    expect(JSON.stringify(describeStack('x', long).mirrorStatements)).toContain('x/*')
    expect(sizeProblem('x', long)).toBeNull()
  })
})

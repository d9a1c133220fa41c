/** The policies of docs/aws-policies.md against the calls that are made. What the functions call is tried in test/emulated/deploy. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { describeStack } from '../../../deploy/aws/stack.ts'
import { callsFor } from '../../support/cloudformation-calls.ts'
import { isAllowed, type PolicyStatement, resolveReferences } from '../../support/iam.ts'
import { deployment, ids, template } from './cases.ts'

const page = readFileSync(new URL('../../../docs/aws-policies.md', import.meta.url), 'utf8')
const policies: { Statement: PolicyStatement[] }[] = [...page.matchAll(/^```json\n(.*?)^```$/gms)].map(
  ([, json = '']) => JSON.parse(json),
)
const [deployer, mirror, reader, consumer, key, rotation] = policies.map(({ Statement }) => Statement)

describe('docs/aws-policies.md', () => {
  it('has six policies', () => expect(policies).toHaveLength(6))

  it.each(['keyless and everything else', 'no parameters'] as const)(
    'lets the deployer make, change and remove every resource, with %s',
    (name) => {
      // The page's stage, and its prefix.
      const written = JSON.stringify(template(name))
        .replaceAll('vod-aigc-tokens-dev', 'vod-aigc-tokens-prod')
        .replaceAll('media/aigc', 'vod-aigc-tokens/prod')
      const requests = callsFor(JSON.parse(written))
      expect(requests.length).toBeGreaterThan(150)
      expect(requests.filter((request) => !isAllowed(deployer ?? [], request))).toEqual([])
    },
  )

  it('lets the deployer see that the endpoint works, and no token', () => {
    const may = (route: string): boolean =>
      isAllowed(deployer ?? [], {
        action: 'execute-api:Invoke',
        resource: `arn:aws:execute-api:us-east-1:123456789012:a1b2c3/$default/GET/${route}`,
      })
    expect([may('tokens/fingerprints'), may('tokens'), may('sub-apps/1/tokens')]).toEqual([
      true,
      false,
      false,
    ])
  })

  it('lets the deployer do nothing to what is somebody else’s', () => {
    const others = [
      ['iam:PutRolePolicy', 'arn:aws:iam::123456789012:role/Admin'],
      ['iam:AttachRolePolicy', 'arn:aws:iam::123456789012:role/vod-aigc-tokens-prod-ListTokensRole-x'],
      ['lambda:UpdateFunctionCode', 'arn:aws:lambda:us-east-1:123456789012:function:other'],
      ['secretsmanager:GetSecretValue', 'arn:aws:secretsmanager:us-east-1:123456789012:secret:other-AbCdEf'],
      ['s3:GetObject', 'arn:aws:s3:::other/x'],
      ['cloudformation:DeleteStack', 'arn:aws:cloudformation:us-east-1:123456789012:stack/other/x'],
      ['apigateway:PATCH', 'arn:aws:apigateway:us-east-1::/restapis/x'],
      ['kms:Decrypt', 'arn:aws:kms:us-east-1:123456789012:key/x'],
    ] as const
    for (const [action, resource] of others)
      expect(isAllowed(deployer ?? [], { action, resource })).toBe(false)
    const passed = {
      action: 'iam:PassRole',
      resource: 'arn:aws:iam::123456789012:role/vod-aigc-tokens-prod-x',
    }
    const keys = { 'iam:PassedToService': 'ec2.amazonaws.com' }
    expect(isAllowed(deployer ?? [], { ...passed, keys })).toBe(false)
  })

  it('has room for the deployer’s in a managed policy, whose blanks do not count', () => {
    expect(JSON.stringify(policies[0]).length).toBeLessThan(6144)
  })

  it('gives mirror and reader what the stack gives them, and whoever makes the secrets himself two more', () => {
    const stack = describeStack(
      'vod-aigc-tokens',
      deployment({ subAppIds: '251006666', makeSecrets: 'false' }),
    )
    const granted = (statements: readonly unknown[]): string[] =>
      resolveReferences<PolicyStatement[]>(statements)
        .filter(({ Resource }) => String(Resource).includes('/251006666-'))
        .flatMap(({ Action }) => Action)
    const actionsOf = (policy: PolicyStatement[] = []): string[] => policy.flatMap(({ Action }) => Action)
    expect(actionsOf(reader)).toEqual(granted(stack.listStatements))
    expect(actionsOf(mirror)).toEqual([
      ...granted(stack.mirrorStatements),
      'secretsmanager:CreateSecret',
      'secretsmanager:TagResource',
    ])
  })

  it('gives the rotation what the stack gives it on the secret and on its record, of which it makes the last one itself', () => {
    const { rotateStatements } = describeStack(
      'vod-aigc-tokens',
      deployment({ subAppIds: '251006666', makeSecrets: 'false', rotation: 'true' }),
    )
    const statements = resolveReferences<PolicyStatement[]>(rotateStatements).filter(({ Resource }) =>
      String(Resource).includes('/251006666-'),
    )
    const [secret, record, ...others] = rotation ?? []
    expect(others).toEqual([])
    expect([secret, record].map((one) => String(one?.Resource).replace('/prod/', '/dev/'))).toEqual(
      statements.map(({ Resource }) => String(Resource)),
    )
    const [onSecret, onRecord] = statements.map(({ Action }) => Action)
    expect(secret?.Action).toEqual(onSecret)
    expect(record?.Action).toEqual([
      ...(onRecord ?? []),
      'secretsmanager:CreateSecret',
      'secretsmanager:TagResource',
    ])
  })

  it.each([
    ['mirror', mirror],
    ['reader', reader],
    ['consumer', consumer],
    ['rotation', rotation],
  ])('lets the %s at one secret, and at none whose name is longer or another', (_, policy = []) => {
    const may = (name: string): boolean =>
      isAllowed(policy, {
        action: 'secretsmanager:GetSecretValue',
        resource: `arn:aws:secretsmanager:us-east-1:123456789012:secret:vod-aigc-tokens/prod/${name}`,
      })
    expect(may('251006666-AbCdEf')).toBe(true)
    for (const name of ['2510066661-AbCdEf', '251006666-AbCdEfg', '251006667-AbCdEf', '251006666-x-AbCdEf'])
      expect(may(name)).toBe(false)
  })

  it('lets nobody but the mirror write', () => {
    for (const policy of [reader, consumer])
      for (const action of ['PutSecretValue', 'UpdateSecretVersionStage', 'DeleteSecret'])
        expect(JSON.stringify(policy)).not.toContain(action)
    expect(consumer?.flatMap(({ Action }) => Action)).toEqual(['secretsmanager:GetSecretValue'])
  })

  it('has the key used as the stack does', () => {
    const kmsKeyArn = 'arn:aws:kms:us-east-1:123456789012:key/YOUR_KEY'
    const { mirrorStatements } = describeStack('x', deployment({ subAppIds: ids[0] ?? '', kmsKeyArn }))
    const used = resolveReferences<PolicyStatement[]>(mirrorStatements).filter(
      ({ Resource }) => Resource === kmsKeyArn,
    )
    expect(used).toContainEqual(key?.[0])
  })
})

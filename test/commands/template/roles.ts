/** Who may do what. */
import { describe, expect, it } from 'vitest'
import {
  type Case,
  caseNames,
  cases,
  expectAsReviewed,
  grants,
  ofType,
  resource,
  rotating,
  textOf,
} from './cases.ts'

const names = ['ListTokensRole', 'MirrorTokensRole', 'ScheduleRole']
/** Of the one case that restarts something. */
const ofRestart = ['RestartMachineRole', 'RestartRuleRole']

const ofRotation = ['RotateTokensRole', 'RotationScheduleRole']

function rolesOf(name: Case): string[] {
  return name === rotating ? [...names, ...ofRotation, ...ofRestart] : names
}

describe('roles', () => {
  it('may do what was reviewed, and no more', async () => {
    await expectAsReviewed('roles', (name) =>
      Object.fromEntries(rolesOf(name).map((role) => [role, grants(name, role)])),
    )
  })

  it.each([
    ...caseNames.map((name) => ['ScheduleRole', name] as const),
    ['RotationScheduleRole', rotating] as const,
  ])('%s is for the schedules of this stack alone, with %s', (role, name) => {
    const { stage } = cases[name]
    const [trust, ...others] = resource(name, role).Properties.AssumeRolePolicyDocument.Statement
    expect(others).toEqual([])
    expect(trust).toMatchObject({ Effect: 'Allow', Principal: { Service: 'scheduler.amazonaws.com' } })
    expect(Object.keys(trust.Condition)).toEqual(['StringEquals'])
    expect(textOf(trust.Condition.StringEquals['aws:SourceAccount'])).toBe('<AWS::AccountId>')
    expect(textOf(trust.Condition.StringEquals['aws:SourceArn'])).toBe(
      `arn:<Partition>:scheduler:<Region>:<AccountId>:schedule-group/vod-aigc-tokens-${stage}`,
    )
  })

  it.each(caseNames)('are these, and those of functions are for Lambda, with %s', (name) => {
    expect(
      ofType(name, 'AWS::IAM::Role')
        .map(([logicalId]) => logicalId)
        .sort(),
    ).toEqual([...rolesOf(name)].sort())
    expect(ofType(name, 'AWS::IAM::Policy')).toEqual([])
    for (const role of rolesOf(name).filter((one) => one.endsWith('TokensRole')))
      expect(resource(name, role).Properties.AssumeRolePolicyDocument.Statement).toEqual([
        { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
      ])
  })

  it.each(caseNames)('never make or mark secrets, list-tokens never writes one, with %s', (name) => {
    const actions = (role: string): string[] => grants(name, role).flatMap(({ may }) => may)
    for (const role of rolesOf(name)) {
      expect(actions(role).join()).not.toMatch(/\*|CreateSecret|DeleteSecret|TagResource/)
      // Only actions that know no resources may be granted on everything.
      for (const { may, on } of grants(name, role))
        if (on.includes('*')) expect(may.join()).toMatch(/^(sts:GetWebIdentityToken|xray:.*)$/)
    }
    expect(
      actions('ListTokensRole').filter((action) => /^secretsmanager:|^kms:/.test(action)),
    ).not.toContainEqual(expect.stringMatching(/Put|Update|GenerateDataKey/))
  })

  it.each(caseNames)('resource policies let the API invoke list-tokens, and nobody else, with %s', (name) => {
    expect(
      ofType(name, 'AWS::Lambda::Permission').map(([, { Properties }]) => [
        Properties.Principal,
        textOf(Properties.FunctionName),
        textOf(Properties.SourceArn),
      ]),
    ).toEqual([
      [
        'apigateway.amazonaws.com',
        '<ListDashtokensLambdaFunction.Arn>',
        'arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<HttpApi>/*',
      ],
    ])
  })
})

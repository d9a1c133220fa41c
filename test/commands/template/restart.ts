/** What starts services of ECS anew when a token changed. That it does is shown in test/emulated/deploy/restart.test.ts. */
import { describe, expect, it } from 'vitest'
import { isAllowed, type PolicyStatement, resolveReferences } from '../../support/iam.ts'
import { type Case, cases, ofType, resource, textOf } from './cases.ts'

const name = 'keyless and everything else'
const types = ['AWS::StepFunctions::StateMachine', 'AWS::Events::Rule'] as const

describe('a restart', () => {
  it.each((Object.keys(cases) as Case[]).filter((one) => one !== name))('is not there, with %s', (other) => {
    expect(types.flatMap((type) => ofType(other, type))).toEqual([])
    expect(JSON.stringify(ofType(other, 'AWS::CloudWatch::Alarm'))).not.toContain('restart')
  })

  it('is one rule, for the secrets of this region that hold one token', () => {
    expect(types.map((type) => ofType(name, type).length)).toEqual([1, 1])
    const { EventPattern, Targets, EventBusName } = resource(name, 'RestartRule').Properties
    expect(EventBusName).toBeUndefined()
    expect(EventPattern).toEqual({
      source: ['aws.secretsmanager'],
      'detail-type': ['Secret Label Updated'],
      detail: {
        labelUpdated: ['AWSCURRENT'],
        name: ['team/1500000001/token', 'team/1500000002/token'],
      },
    })
    expect(Targets).toEqual([
      {
        Id: 'restart',
        Arn: { Ref: 'RestartMachine' },
        RoleArn: { 'Fn::GetAtt': ['RestartRuleRole', 'Arn'] },
      },
    ])
  })

  it('may look at these services and deploy them, and start itself; the rule may start it', () => {
    const statementsOf = (role: string): PolicyStatement[] =>
      resolveReferences(
        resource(name, role).Properties.Policies.flatMap(
          ({ PolicyDocument }: { PolicyDocument: { Statement: unknown[] } }) => PolicyDocument.Statement,
        ),
        { RestartMachine: machine },
      )
    const machine = 'arn:aws:states:us-east-1:123456789012:stateMachine:vod-aigc-tokens-prod-restart'
    const service = 'arn:aws:ecs:us-east-1:123456789012:service/apps'
    const may = (role: string, action: string, on: string): boolean =>
      isAllowed(statementsOf(role), { action, resource: on })
    for (const action of ['ecs:DescribeServices', 'ecs:UpdateService']) {
      for (const one of ['chat', 'worker'])
        expect(may('RestartMachineRole', action, `${service}/${one}`)).toBe(true)
      for (const one of ['chat2', 'other'])
        expect(may('RestartMachineRole', action, `${service}/${one}`)).toBe(false)
      expect(may('RestartRuleRole', action, `${service}/chat`)).toBe(false)
    }
    expect(may('RestartMachineRole', 'ecs:DeleteService', `${service}/chat`)).toBe(false)
    for (const role of ['RestartMachineRole', 'RestartRuleRole']) {
      expect(may(role, 'states:StartExecution', machine)).toBe(true)
      expect(may(role, 'states:StartExecution', `${machine}2`)).toBe(false)
      expect(may(role, 'states:StopExecution', machine)).toBe(false)
    }
  })

  it.each([
    ['RestartMachineRole', 'states', 'stateMachine:vod-aigc-tokens-prod-restart'],
    ['RestartRuleRole', 'events', 'rule/vod-aigc-tokens-prod-restart'],
  ])('%s is for this one alone', (role, service, end) => {
    const [trust, ...others] = resource(name, role).Properties.AssumeRolePolicyDocument.Statement
    expect(others).toEqual([])
    expect(trust).toMatchObject({ Effect: 'Allow', Principal: { Service: `${service}.amazonaws.com` } })
    expect(textOf(trust.Condition.StringEquals['aws:SourceAccount'])).toBe('<AWS::AccountId>')
    expect(textOf(trust.Condition.ArnLike['aws:SourceArn'])).toBe(
      `arn:<Partition>:${service}:<Region>:<AccountId>:${end}`,
    )
  })

  it('knows its services and its minutes, and tries every call again', () => {
    const { DefinitionString, StateMachineType } = resource(name, 'RestartMachine').Properties
    // An Express one takes the same name twice.
    expect(StateMachineType).toBe('STANDARD')
    const { States } = JSON.parse(DefinitionString)
    expect(States.EachService.Items).toEqual([
      { cluster: 'apps', service: 'chat' },
      { cluster: 'apps', service: 'worker' },
    ])
    expect(JSON.stringify(States)).toContain(`+ ${15 * 60_000}`)
    const tasks = Object.values<{ Type: string; Retry?: { ErrorEquals: string[] }[] }>({
      ...States,
      ...States.EachService.ItemProcessor.States,
    }).filter(({ Type }) => Type === 'Task')
    expect(tasks).toHaveLength(3)
    for (const { Retry = [] } of tasks) expect(Retry.at(-1)?.ErrorEquals).toEqual(['States.TaskFailed'])
  })
})

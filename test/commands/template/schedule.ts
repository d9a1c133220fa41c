/** When the mirror runs, and what becomes of runs that fail. */
import { describe, expect, it } from 'vitest'
import { readEvent } from '../../../lib/platform/events.ts'
import { caseNames, expectAsReviewed, ofType, resource } from './cases.ts'

describe('the schedule', () => {
  it('is set up, with what follows from a failed run, as was reviewed', async () => {
    const parts = ['Schedule', 'ScheduleGroup', 'MirrorDashtokensLambdaEvConf', 'FailedRuns']
    await expectAsReviewed('schedule', (name) =>
      Object.fromEntries(parts.map((logicalId) => [logicalId, resource(name, logicalId).Properties])),
    )
  })

  it.each(caseNames)('is the only one, and its queue refuses what comes without TLS, with %s', (name) => {
    const rules = ofType(name, 'AWS::Events::Rule').filter(([logicalId]) => logicalId !== 'RestartRule')
    expect(rules).toEqual([])
    expect(ofType(name, 'AWS::SQS::QueuePolicy').map(([, { Properties }]) => Properties)).toEqual([
      {
        Queues: [{ Ref: 'FailedRuns' }],
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Deny',
              Principal: '*',
              Action: 'sqs:*',
              Resource: { 'Fn::GetAtt': ['FailedRuns', 'Arn'] },
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            },
          ],
        },
      },
    ])
  })

  it('sends what mirror-tokens knows as a schedule’s event', () => {
    const { Input } = resource('no parameters', 'Schedule').Properties.Target
    expect(readEvent(JSON.parse(Input))).toEqual({
      kind: 'schedule',
      shape: 'eventbridge-scheduler',
      fields: {},
    })
  })
})

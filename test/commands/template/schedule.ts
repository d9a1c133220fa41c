/** When the mirror and the rotation run, and what becomes of runs that fail. */
import { describe, expect, it } from 'vitest'
import { readEvent } from '../../../lib/platform/events.ts'
import { caseNames, expectAsReviewed, ofType, resource, rotating } from './cases.ts'

describe('the schedule', () => {
  it('is set up, with what follows from a failed run, as was reviewed', async () => {
    const parts = ['Schedule', 'ScheduleGroup', 'MirrorDashtokensLambdaEvConf', 'FailedRuns']
    const ofRotation = ['RotationSchedule', 'RotateDashtokensLambdaEvConf']
    await expectAsReviewed('schedule', (name) =>
      Object.fromEntries(
        [...parts, ...(name === rotating ? ofRotation : [])].map((logicalId) => [
          logicalId,
          resource(name, logicalId).Properties,
        ]),
      ),
    )
  })

  it.each(caseNames)(
    'is the only one of its function, and its queue refuses what comes without TLS, with %s',
    (name) => {
      const rules = ofType(name, 'AWS::Events::Rule').filter(([logicalId]) => logicalId !== 'RestartRule')
      expect(rules).toEqual([])
      const schedules = ofType(name, 'AWS::Scheduler::Schedule').map(([logicalId]) => logicalId)
      expect(schedules).toEqual(['Schedule', ...(name === rotating ? ['RotationSchedule'] : [])])
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
    },
  )

  it.each(['Schedule', 'RotationSchedule'])('%s sends what functions know as a schedule’s event', (one) => {
    const { Input } = resource(rotating, one).Properties.Target
    expect(readEvent(JSON.parse(Input))).toEqual({
      kind: 'schedule',
      shape: 'eventbridge-scheduler',
      fields: {},
    })
  })
})

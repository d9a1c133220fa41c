/**
 * Restarts services of ECS when a mirrored token changed: AWS's own event about the secret, a state machine, a forced deployment.
 * Pure.
 */
import type { Json } from './intrinsics.ts'

/** What restarts what; a stack without it has none of this. */
export interface Restarts {
  readonly services: readonly { readonly cluster: string; readonly service: string }[]
  /** At least so long after a deployment of a service comes the next one. */
  readonly minutes: number
  /** Of the secrets that hold one token, `*` in one that stands for many. */
  readonly secretNames: readonly string[]
}

/** Changes of one run of the mirror come so close together, and shall be one restart. */
const settleSeconds = 30
/** How long after another execution took a restart over it is looked whether it came to it. */
const confirmSeconds = 60

/** As IAM and the alarm on it call the state machine. */
function machineArn(prefix: string): string {
  return `arn:\${AWS::Partition}:states:\${AWS::Region}:\${AWS::AccountId}:stateMachine:${prefix}-restart`
}

/**
 * What the event must be. It needs no CloudTrail and is sent for every secret, when a label moves to another version; the names of
 * secrets are in it without the six characters of AWS.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html
 */
export function eventPattern({ secretNames }: Restarts): { readonly [name: string]: Json } {
  return {
    source: ['aws.secretsmanager'],
    'detail-type': ['Secret Label Updated'],
    detail: {
      labelUpdated: ['AWSCURRENT'],
      name: secretNames.map((name) => (name.includes('*') ? { wildcard: name } : name)),
    },
  }
}

/** What the state machine may do: look at these services, deploy them, and start itself. */
export function machineStatements(
  prefix: string,
  { services }: Restarts,
): { readonly Effect: 'Allow'; readonly Action: readonly string[]; readonly Resource: Json }[] {
  return [
    {
      Effect: 'Allow',
      Action: ['ecs:DescribeServices', 'ecs:UpdateService'],
      Resource: services.map(({ cluster, service }) => ({
        'Fn::Sub': `arn:\${AWS::Partition}:ecs:\${AWS::Region}:\${AWS::AccountId}:service/${cluster}/${service}`,
      })),
    },
    { Effect: 'Allow', Action: ['states:StartExecution'], Resource: { 'Fn::Sub': machineArn(prefix) } },
  ]
}

/** The resources, by logical id; `prefix` begins their names. */
export function restartResources(
  prefix: string,
  restarts: Restarts,
): Record<string, { readonly Type: string; readonly Properties: Readonly<Record<string, Json>> }> {
  const role = (Description: string, service: string, source: string, statements: Json): Json => ({
    Description,
    AssumeRolePolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: service },
          Action: 'sts:AssumeRole',
          Condition: {
            StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
            ArnLike: { 'aws:SourceArn': { 'Fn::Sub': source } },
          },
        },
      ],
    },
    Policies: [{ PolicyName: 'restart', PolicyDocument: { Version: '2012-10-17', Statement: statements } }],
  })
  const ruleArn = `arn:\${AWS::Partition}:events:\${AWS::Region}:\${AWS::AccountId}:rule/${prefix}-restart`
  return {
    RestartMachineRole: {
      Type: 'AWS::IAM::Role',
      Properties: role(
        'the restart looks at services of ECS and deploys them anew',
        'states.amazonaws.com',
        machineArn(prefix),
        machineStatements(prefix, restarts),
      ) as Record<string, Json>,
    },
    RestartMachine: {
      Type: 'AWS::StepFunctions::StateMachine',
      Properties: {
        StateMachineName: `${prefix}-restart`,
        // Only of these the name of an execution is taken by whoever comes first.
        StateMachineType: 'STANDARD',
        RoleArn: { 'Fn::GetAtt': ['RestartMachineRole', 'Arn'] },
        DefinitionString: JSON.stringify(definition(restarts)),
      },
    },
    RestartRuleRole: {
      Type: 'AWS::IAM::Role',
      Properties: role('a changed token starts the restart', 'events.amazonaws.com', ruleArn, [
        { Effect: 'Allow', Action: ['states:StartExecution'], Resource: { Ref: 'RestartMachine' } },
      ]) as Record<string, Json>,
    },
    RestartRule: {
      Type: 'AWS::Events::Rule',
      Properties: {
        Name: `${prefix}-restart`,
        Description: 'A mirrored token changed',
        EventPattern: eventPattern(restarts),
        State: 'ENABLED',
        Targets: [
          {
            Id: 'restart',
            Arn: { Ref: 'RestartMachine' },
            RoleArn: { 'Fn::GetAtt': ['RestartRuleRole', 'Arn'] },
          },
        ],
      },
    },
  }
}

const failed = 'States.TaskFailed'
const taken = 'StepFunctions.ExecutionAlreadyExistsException'
/** Five minutes in all: throttling, and what ECS cannot do just now. */
const patience = {
  ErrorEquals: [failed],
  IntervalSeconds: 5,
  BackoffRate: 2,
  MaxAttempts: 6,
  JitterStrategy: 'FULL',
}

/**
 * For each service: nothing where a deployment is newer than the change, because its tasks read the secret when they started. Else a
 * deployment as soon as the last one is old enough. Whoever wants to replace a deployment starts an execution that is named after it,
 * which only one can: so changes that come together, or wait together, are one restart, and none is lost.
 * https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
 */
export function definition({ services, minutes }: Restarts): { readonly [name: string]: Json } {
  const newest = '$toMillis($states.input.newest.createdAt)'
  const quietUntil = `${newest} + ${minutes * 60_000}`
  const orProblem = {
    ErrorEquals: ['States.ALL'],
    Output: {
      problem:
        "{% $states.input.cluster & '/' & $states.input.service & ': ' & $states.errorOutput.Error & ': ' & $states.errorOutput.Cause %}",
    },
    Next: 'Done',
  }
  return {
    Comment: 'Starts services of ECS anew when a mirrored token changed',
    QueryLanguage: 'JSONata',
    // Twice the quiet time, and an hour.
    TimeoutSeconds: 2 * minutes * 60 + 3600,
    StartAt: 'Whose',
    States: {
      Whose: {
        Type: 'Choice',
        Choices: [{ Condition: '{% $exists($states.input.restart) %}', Next: 'Restart' }],
        Default: 'Settle',
      },
      Settle: { Type: 'Wait', Seconds: settleSeconds, Next: 'EachService' },
      EachService: {
        Type: 'Map',
        Items: services.map(({ cluster, service }) => ({ cluster, service })),
        ItemSelector: {
          cluster: '{% $states.context.Map.Item.Value.cluster %}',
          service: '{% $states.context.Map.Item.Value.service %}',
          changedAt: '{% $states.input.time %}',
          event: '{% $states.input.id %}',
        },
        ItemProcessor: {
          ProcessorConfig: { Mode: 'INLINE' },
          StartAt: 'Look',
          States: {
            Look: {
              Type: 'Task',
              Resource: 'arn:aws:states:::aws-sdk:ecs:describeServices',
              Arguments: {
                Cluster: '{% $states.input.cluster %}',
                Services: ['{% $states.input.service %}'],
              },
              Output:
                "{% $merge([$states.input, {'newest': $states.result.Services[0].Deployments[Status = 'PRIMARY'].{'id': Id, 'createdAt': CreatedAt}}]) %}",
              Retry: [patience],
              Catch: [orProblem],
              Next: 'Judge',
            },
            Judge: {
              Type: 'Choice',
              Choices: [
                { Condition: '{% $not($exists($states.input.newest)) %}', Next: 'NothingThere' },
                { Condition: `{% ${newest} > $toMillis($states.input.changedAt) %}`, Next: 'Done' },
                { Condition: `{% $millis() < ${quietUntil} %}`, Next: 'Quiet' },
              ],
              Default: 'Take',
            },
            Quiet: {
              Type: 'Wait',
              Seconds: `{% $max([0, $ceil((${quietUntil} - $millis()) / 1000)]) %}`,
              Next: 'Look',
            },
            Take: {
              Type: 'Task',
              Resource: 'arn:aws:states:::states:startExecution',
              Arguments: {
                StateMachineArn: '{% $states.context.StateMachine.Id %}',
                // Once more, where the one that took it over did not come to it, under a name of its own.
                Name: "{% 'replaces-' & $substringAfter($states.input.newest.id, '/') & ($states.input.again ? '-' & $states.input.event : '') %}",
                Input: {
                  restart: {
                    cluster: '{% $states.input.cluster %}',
                    service: '{% $states.input.service %}',
                  },
                },
              },
              Retry: [{ ErrorEquals: [taken], MaxAttempts: 0 }, patience],
              Catch: [
                {
                  ErrorEquals: [taken],
                  Output: "{% $merge([$states.input, {'again': true}]) %}",
                  Next: 'Confirm',
                },
                orProblem,
              ],
              Output: {},
              Next: 'Done',
            },
            Confirm: { Type: 'Wait', Seconds: confirmSeconds, Next: 'Look' },
            NothingThere: {
              Type: 'Pass',
              Output: {
                problem:
                  "{% $states.input.cluster & '/' & $states.input.service & ': there is no such service in this region, or none whose deployments are rolling updates of ECS' %}",
              },
              Next: 'Done',
            },
            // Not a failure, which would end what is done for the other services.
            Done: { Type: 'Pass', End: true },
          },
        },
        Next: 'AllWell',
      },
      AllWell: {
        Type: 'Choice',
        Choices: [{ Condition: '{% $exists($states.input.problem) %}', Next: 'Failed' }],
        Default: 'End',
      },
      Failed: {
        Type: 'Fail',
        Error: 'NotRestarted',
        Cause: "{% $join($states.input.problem, '; ') %}",
      },
      Restart: {
        Type: 'Task',
        Resource: 'arn:aws:states:::aws-sdk:ecs:updateService',
        Arguments: {
          Cluster: '{% $states.input.restart.cluster %}',
          Service: '{% $states.input.restart.service %}',
          ForceNewDeployment: true,
        },
        Output: {},
        Retry: [patience],
        Next: 'End',
      },
      End: { Type: 'Succeed' },
    },
  }
}

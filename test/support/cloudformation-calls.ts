/**
 * What CloudFormation calls with the rights of whoever deploys, for each resource of the stack: the permissions of the handlers in
 * AWS's registry of resource types (create, read, update and delete; read 2026-11-26), less those for properties that the stack does
 * not have: VPCs, file systems, code signing, layers, generated passwords, and buckets of other kinds.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-type-schemas.html
 */
import type { IamRequest } from './iam.ts'
import type { Resource, Template } from './serverless-cli.ts'

interface Calls {
  readonly actions: string
  /** The ARN of what they are about. */
  readonly on: (properties: Resource['Properties'], logicalId: string) => string
  /** Actions that IAM knows no resources for, or whose resource is not this one. */
  readonly onAnything?: string
}

const account = '123456789012'
const stack = 'vod-aigc-tokens-prod'
const api = 'arn:aws:apigateway:us-east-1::/apis'
const restful = 'apigateway:GET apigateway:POST apigateway:PUT apigateway:PATCH apigateway:DELETE'

const calls: Readonly<Record<string, Calls>> = {
  'AWS::S3::Bucket': {
    actions:
      's3:CreateBucket s3:DeleteBucket s3:ListBucket s3:PutBucketPublicAccessBlock s3:PutEncryptionConfiguration s3:PutBucketTagging',
    on: () => `arn:aws:s3:::${stack}-serverlessdeploymentbucket-abcdefghijkl`,
  },
  'AWS::S3::BucketPolicy': {
    actions: 's3:GetBucketPolicy s3:PutBucketPolicy s3:DeleteBucketPolicy',
    on: () => `arn:aws:s3:::${stack}-serverlessdeploymentbucket-abcdefghijkl`,
  },
  'AWS::Logs::LogGroup': {
    actions:
      'logs:CreateLogGroup logs:DeleteLogGroup logs:PutRetentionPolicy logs:DeleteRetentionPolicy logs:TagResource ' +
      'logs:ListTagsForResource logs:GetDataProtectionPolicy logs:DescribeIndexPolicies',
    on: ({ LogGroupName }) => `arn:aws:logs:us-east-1:${account}:log-group:${LogGroupName}`,
    onAnything: 'logs:DescribeLogGroups logs:DescribeResourcePolicies',
  },
  'AWS::Logs::MetricFilter': {
    actions: 'logs:PutMetricFilter logs:DescribeMetricFilters logs:DeleteMetricFilter',
    on: ({ LogGroupName: { Ref } }) =>
      `arn:aws:logs:us-east-1:${account}:log-group:${Ref === 'HttpApiLogGroup' ? `/aws/vendedlogs/${stack}-http-api` : `/aws/lambda/${stack}-list-tokens`}:log-stream:`,
  },
  'AWS::IAM::Role': {
    actions:
      'iam:CreateRole iam:PutRolePolicy iam:GetRolePolicy iam:TagRole iam:UntagRole iam:GetRole iam:ListAttachedRolePolicies ' +
      'iam:ListRolePolicies iam:UpdateRole iam:UpdateRoleDescription iam:UpdateAssumeRolePolicy iam:DeleteRolePolicy iam:DeleteRole',
    on: (_, logicalId) => roleArn(logicalId),
  },
  'AWS::Lambda::Function': {
    actions:
      'lambda:CreateFunction lambda:GetFunction lambda:PutFunctionConcurrency lambda:DeleteFunctionConcurrency ' +
      'lambda:GetFunctionCodeSigningConfig lambda:GetRuntimeManagementConfig lambda:PutRuntimeManagementConfig ' +
      'lambda:GetFunctionRecursionConfig lambda:PutFunctionRecursionConfig lambda:TagResource lambda:UntagResource ' +
      'lambda:UpdateFunctionConfiguration lambda:UpdateFunctionCode lambda:DeleteFunction',
    on: ({ FunctionName }) => `arn:aws:lambda:us-east-1:${account}:function:${FunctionName}`,
  },
  'AWS::Lambda::EventInvokeConfig': {
    actions:
      'lambda:PutFunctionEventInvokeConfig lambda:GetFunctionEventInvokeConfig lambda:UpdateFunctionEventInvokeConfig ' +
      'lambda:DeleteFunctionEventInvokeConfig',
    on: ({ FunctionName: { Ref } }) =>
      `arn:aws:lambda:us-east-1:${account}:function:${stack}-${Ref.startsWith('Rotate') ? 'rotate' : 'mirror'}-tokens:$LATEST`,
  },
  'AWS::Lambda::Permission': {
    actions: 'lambda:AddPermission lambda:RemovePermission lambda:GetPolicy',
    on: () => `arn:aws:lambda:us-east-1:${account}:function:${stack}-list-tokens`,
  },
  'AWS::ApiGatewayV2::Api': { actions: restful, on: () => api },
  'AWS::ApiGatewayV2::Stage': {
    actions: restful,
    on: () => `${api}/a1b2c3d4e5/stages/$default`,
    // Of its access log.
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
    onAnything:
      'logs:CreateLogDelivery logs:GetLogDelivery logs:UpdateLogDelivery logs:DeleteLogDelivery logs:ListLogDeliveries ' +
      'logs:PutResourcePolicy logs:DescribeResourcePolicies logs:DescribeLogGroups',
  },
  'AWS::ApiGatewayV2::Route': { actions: restful, on: () => `${api}/a1b2c3d4e5/routes/abc` },
  'AWS::ApiGatewayV2::Integration': { actions: restful, on: () => `${api}/a1b2c3d4e5/integrations/abc` },
  'AWS::ApiGatewayV2::DomainName': {
    actions: restful,
    on: ({ DomainName }) => `arn:aws:apigateway:us-east-1::/domainnames/${DomainName}`,
  },
  'AWS::ApiGatewayV2::ApiMapping': {
    actions: restful,
    on: () => 'arn:aws:apigateway:us-east-1::/domainnames/aigc.example.com/apimappings/abc',
  },
  'AWS::Scheduler::ScheduleGroup': {
    actions:
      'scheduler:CreateScheduleGroup scheduler:GetScheduleGroup scheduler:DeleteScheduleGroup scheduler:TagResource ' +
      'scheduler:UntagResource scheduler:ListTagsForResource',
    on: ({ Name }) => `arn:aws:scheduler:us-east-1:${account}:schedule-group/${Name}`,
  },
  'AWS::Scheduler::Schedule': {
    actions:
      'scheduler:CreateSchedule scheduler:GetSchedule scheduler:UpdateSchedule scheduler:DeleteSchedule',
    on: ({ Name }) => `arn:aws:scheduler:us-east-1:${account}:schedule/${stack}/${Name}`,
  },
  'AWS::SQS::Queue': {
    actions:
      'sqs:CreateQueue sqs:GetQueueUrl sqs:GetQueueAttributes sqs:SetQueueAttributes sqs:ListQueueTags sqs:TagQueue sqs:DeleteQueue',
    on: ({ QueueName }) => `arn:aws:sqs:us-east-1:${account}:${QueueName}`,
  },
  'AWS::SQS::QueuePolicy': {
    actions: 'sqs:SetQueueAttributes sqs:GetQueueAttributes',
    on: () => `arn:aws:sqs:us-east-1:${account}:${stack}-failed-runs`,
  },
  // By the names of the actions: these two were not read in the registry.
  'AWS::StepFunctions::StateMachine': {
    actions:
      'states:CreateStateMachine states:DescribeStateMachine states:UpdateStateMachine states:DeleteStateMachine ' +
      'states:ListTagsForResource states:TagResource states:UntagResource',
    on: ({ StateMachineName }) => `arn:aws:states:us-east-1:${account}:stateMachine:${StateMachineName}`,
  },
  'AWS::Events::Rule': {
    actions:
      'events:PutRule events:DescribeRule events:PutTargets events:ListTargetsByRule events:RemoveTargets events:DeleteRule ' +
      'events:EnableRule events:DisableRule events:ListTagsForResource events:TagResource events:UntagResource',
    on: ({ Name }) => `arn:aws:events:us-east-1:${account}:rule/${Name}`,
  },
  'AWS::CloudWatch::Alarm': alarm('cloudwatch:PutMetricAlarm'),
  'AWS::CloudWatch::CompositeAlarm': alarm('cloudwatch:PutCompositeAlarm'),
  'AWS::CloudWatch::Dashboard': {
    actions: 'cloudwatch:PutDashboard cloudwatch:GetDashboard cloudwatch:DeleteDashboards',
    on: ({ DashboardName }) => `arn:aws:cloudwatch::${account}:dashboard/${DashboardName}`,
  },
  'AWS::SecretsManager::Secret': {
    actions:
      'secretsmanager:CreateSecret secretsmanager:DescribeSecret secretsmanager:GetSecretValue secretsmanager:TagResource ' +
      'secretsmanager:UntagResource secretsmanager:UpdateSecret secretsmanager:ReplicateSecretToRegions ' +
      'secretsmanager:RemoveRegionsFromReplication secretsmanager:DeleteSecret',
    on: ({ Name }) => `arn:aws:secretsmanager:us-east-1:${account}:secret:${Name}-AbCdEf`,
  },
}

function alarm(put: string): Calls {
  return {
    actions: `${put} cloudwatch:DeleteAlarms cloudwatch:TagResource cloudwatch:UntagResource cloudwatch:ListTagsForResource`,
    on: ({ AlarmName }) => `arn:aws:cloudwatch:us-east-1:${account}:alarm:${AlarmName}`,
    // Composite alarms are described with all others.
    onAnything: 'cloudwatch:DescribeAlarms',
  }
}

function roleArn(logicalId: string): string {
  return `arn:aws:iam::${account}:role/${stack}-${logicalId}-AbCdEfGhIjKl`
}

/** Every call that is needed to make, change and remove a compiled template's resources, as IAM sees it. */
export function callsFor({ Resources }: Template): IamRequest[] {
  const passed = (logicalId: string, service: string): IamRequest => ({
    action: 'iam:PassRole',
    resource: roleArn(logicalId),
    keys: { 'iam:PassedToService': service },
  })
  return Object.entries(Resources).flatMap(([logicalId, { Type, Properties }]) => {
    const known = calls[Type]
    if (!known) throw new Error(`what CloudFormation calls for ${Type} is not known here; add it`)
    const resource = known.on(Properties, logicalId)
    return [
      ...known.actions.split(' ').map((action) => ({ action, resource })),
      ...(known.onAnything?.split(' ') ?? []).map((action) => ({ action, resource: '*' })),
      ...(Type === 'AWS::Lambda::Function'
        ? [passed(Properties.Role['Fn::GetAtt'][0], 'lambda.amazonaws.com')]
        : []),
      ...(Type === 'AWS::Scheduler::Schedule'
        ? [passed(Properties.Target.RoleArn['Fn::GetAtt'][0], 'scheduler.amazonaws.com')]
        : []),
      ...(Type === 'AWS::StepFunctions::StateMachine'
        ? [passed(Properties.RoleArn['Fn::GetAtt'][0], 'states.amazonaws.com')]
        : []),
      ...(Type === 'AWS::Events::Rule'
        ? [passed(Properties.Targets[0].RoleArn['Fn::GetAtt'][0], 'events.amazonaws.com')]
        : []),
    ]
  })
}

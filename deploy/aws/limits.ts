/** What AWS takes of a function's settings, a role and a template, measured before anything is built. Pure. */
import type { Json } from './intrinsics.ts'
import type { Stack, Statement } from './stack.ts'

/** What the Serverless CLI and the YAML files add to the resources and outputs of stack.ts; a test counts them. */
export const besides = { resources: 60, outputs: 20, bytes: 100_000 }

/**
 * Which limits of AWS a stack exceeds: phrases, none where it fits.
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
 */
export function exceededLimits(stack: Stack): string[] {
  const { Resources, Outputs } = stack.resources
  const names = namesOf(Resources)
  const { RestartMachineRole, RestartRule } = Resources
  const measured: readonly (readonly [what: string, size: number, most: number, unit: string])[] = [
    // Lambda measures them as JSON: its refusal quotes the text ("String measured: {…}").
    ['the settings of list-tokens', bytes(stack.listEnvironment), 4096, 'bytes'],
    ['the settings of mirror-tokens', bytes(stack.mirrorEnvironment), 4096, 'bytes'],
    ['the settings of rotate-tokens', bytes(stack.rotateEnvironment), 4096, 'bytes'],
    ['the role of list-tokens', policyLength(stack.listStatements, names), 10_240, 'characters'],
    ['the role of mirror-tokens', policyLength(stack.mirrorStatements, names), 10_240, 'characters'],
    ['the role of rotate-tokens', policyLength(stack.rotateStatements, names), 10_240, 'characters'],
    [
      'the role that restarts restartEcsServices',
      policyLength(RestartMachineRole?.Properties['Policies'] ?? [], names),
      10_240,
      'characters',
    ],
    [
      'the event pattern for targets with value=token',
      bytes(RestartRule?.Properties['EventPattern'] ?? {}),
      2048,
      'characters',
    ],
    ['the template', Object.keys(Resources).length + besides.resources, 500, 'resources'],
    ['the template', Object.keys(Outputs).length + besides.outputs, 200, 'outputs'],
    ['the template', bytes({ Resources, Outputs }) + besides.bytes, 1_000_000, 'bytes'],
  ]
  return measured
    .filter(([, size, most]) => size > most)
    .map(([what, size, most, unit]) => `${what} would have ${size} ${unit}, and AWS takes ${most}`)
}

/** The greatest number from 0 to `most` that fits; whatever fits, fewer fit too. */
export function greatestThatFits(most: number, fits: (count: number) => boolean): number {
  let [good, bad] = [0, most + 1]
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if (fits(middle)) good = middle
    else bad = middle
  }
  return good
}

function bytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}

/** The names of the resources that have one, by logical id. */
function namesOf(resources: Stack['resources']['Resources']): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(resources).map(([logicalId, { Properties }]) => [
      logicalId,
      String(Properties['Name'] ?? ''),
    ]),
  )
}

/** A policy's length in the region with the longest names, each reference replaced by an ARN as it may be there. */
function policyLength(statements: readonly Statement[] | Json, names: ReadonlyMap<string, string>): number {
  const text = JSON.stringify({ Version: '2012-10-17', Statement: statements }, (_, part) => {
    const { 'Fn::Sub': sub, Ref: ref, 'Fn::GetAtt': attribute } = part ?? {}
    if (typeof sub === 'string')
      return sub.replace(/\$\{AWS::(\w+)\}/g, (_, name: string) => longest[name] ?? '')
    if (typeof ref === 'string') return `${longestArn}${names.get(ref)}-AbCdEf`
    return attribute ? `${longestArn}${'x'.repeat(80)}` : part
  })
  return text.length
}

const longest: Readonly<Record<string, string>> = {
  Partition: 'aws-us-gov',
  Region: 'ap-southeast-1',
  AccountId: '123456789012',
  URLSuffix: 'amazonaws.com.cn',
}
const longestArn = 'arn:aws-us-gov:secretsmanager:ap-southeast-1:123456789012:secret:'

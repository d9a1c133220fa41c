/** The stack in four variants, packaged by the Serverless CLI once for all subjects, and ways to look into it. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect } from 'vitest'
import { Document, isCollection, parse, visit } from 'yaml'
import { type Deployment, type Given, readDeployment } from '../../../deploy/aws/parameters.ts'
import {
  copyProject,
  type Resource,
  type ServerlessCli,
  type Template,
} from '../../support/serverless-cli.ts'

export const ids = ['1500000001', '1500000002']
export const keyArn = 'arn:aws:kms:eu-central-1:123456789012:key/mrk-0123'
export const cases = {
  // But the one that has to be given.
  'no parameters': { stage: 'dev', args: params({ subAppIds: 'none' }) },
  'a region that only reads': {
    stage: 'dev',
    args: params({ subAppIds: ids[0] ?? '', mirror: 'false', source: 'mirror' }),
  },
  'keyless and everything else': {
    stage: 'prod',
    args: [
      '--stage=prod',
      '--region=eu-central-1',
      ...params({
        subAppIds: ids.join(),
        site: 'cn',
        roleArn: 'qcs::cam::uin/100000000001:roleName/vod-aigc-tokens',
        oidcProvider: 'aws-lambda',
        audience: 'my-audience',
        schedule: 'rate(1 hour)',
        secretPrefix: 'media/aigc',
        kmsKeyArn: keyArn,
        replicaRegions: 'eu-west-1,us-east-1',
        targets:
          'aws-secretsmanager:team/{SubAppId}?region=eu-west-1,tencent-ssm:aigc-{SubAppId},aws-parameter-store:/team/{SubAppId}?value=token,aws-secretsmanager:team/{SubAppId}/token?value=token',
        restartEcsServices: 'apps/chat,apps/worker',
        restartMinutes: '15',
        rotation: 'true',
        rotateEveryDays: '30',
        rotationWarmSeconds: '600',
        rotationGraceHours: '48',
        rotationMayDelete: 'true',
        rotationRoleArn: 'qcs::cam::uin/100000000001:roleName/vod-aigc-rotation',
        settleSeconds: '90',
        minKeep: '0.25',
        tokenLimit: '40',
        exclude: '0123456789abcdef,fedcba9876543210',
        cacheSeconds: '60',
        staleSeconds: '600',
        timeoutMs: '8000',
        rateLimit: '1000',
        burstLimit: '2000',
        basePath: '/aigc',
        mirrorConcurrency: 'none',
        alarmTopicArn: 'arn:aws:sns:eu-central-1:123456789012:alarms',
        domain: 'aigc.example.com',
        certificateArn: 'arn:aws:acm:eu-central-1:123456789012:certificate/0123',
        tracing: 'true',
        logRetentionDays: '365',
        logLevel: 'debug',
      }),
    ],
  },
  'a stored key and secrets that exist': {
    stage: 'dev',
    args: params({
      subAppIds: ids[0] ?? '',
      credentialsSecret: 'team/tencent',
      credentialsKmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/0456',
      makeSecrets: 'false',
      source: 'mirror',
    }),
  },
} as const
export type Case = keyof typeof cases
/** The one of them with a rotation. */
export const rotating: Case = 'keyless and everything else'
/** Those with a mirror. */
export const caseNames = (Object.keys(cases) as Case[]).filter((name) => name !== 'a region that only reads')

export const { params: declared } = parse(
  readFileSync(new URL('../../../serverless.yml', import.meta.url), 'utf8'),
  {
    logLevel: 'silent',
  },
)
export const defaults: Given = {
  ...declared.default,
  subAppIds: 'none',
  secretPrefix: 'vod-aigc-tokens/dev',
}

/** What these changes to the defaults come to. */
export function deployment(changes: Partial<Given>): Deployment {
  const read = readDeployment('dev', 'us-east-1', { ...defaults, ...changes })
  if (Array.isArray(read)) throw new Error(read.join('; '))
  return read
}

export let cli: ServerlessCli
const templates = new Map<Case, Template>()

beforeAll(async () => {
  cli = copyProject()
  for (const name of Object.keys(cases) as Case[]) {
    const { code, output } = await cli.run(['package', ...cases[name].args])
    expect(output).toContain('Service packaged')
    expect(code).toBe(0)
    templates.set(name, cli.readTemplate())
  }
}, 180_000)
afterAll(() => cli.remove())

export function params(values: Partial<Given>): string[] {
  return Object.entries(values).map(([name, value]) => `--param=${name}=${value}`)
}

export function template(name: Case): Template {
  const made = templates.get(name)
  if (!made) throw new Error(`no template for ${name}`)
  return made
}

export function resource(name: Case, logicalId: string): Resource {
  const found = template(name).Resources[logicalId]
  if (!found) throw new Error(`no ${logicalId} in the template for ${name}`)
  return found
}

export function ofType(name: Case, type: string): [logicalId: string, Resource][] {
  return Object.entries(template(name).Resources).filter(([, { Type }]) => Type === type)
}

/** A value as text, with `<X>` for what `{Ref: X}` refers to and `<X.Y>` for an attribute of it. */
// biome-ignore lint/suspicious/noExplicitAny: see Properties
export function textOf(value: any): string {
  if (typeof value === 'string') return value.replace(/\$\{AWS::(\w+)\}/g, '<$1>')
  if (value.Ref) return `<${value.Ref}>`
  if (value['Fn::Sub']) return textOf(value['Fn::Sub'])
  if (value['Fn::GetAtt']) return `<${value['Fn::GetAtt'].join('.')}>`
  if (value['Fn::Join']) return value['Fn::Join'][1].map(textOf).join(value['Fn::Join'][0])
  throw new Error(`no text for ${JSON.stringify(value)}`)
}

export interface Granted {
  readonly may: readonly string[]
  readonly on: readonly string[]
  readonly if?: unknown
}

/** Everything a role may do, line by line. */
export function grants(name: Case, role: string): Granted[] {
  const { Policies, ManagedPolicyArns } = resource(name, role).Properties
  expect(ManagedPolicyArns).toBeUndefined()
  return Policies.flatMap(({ PolicyDocument }: { PolicyDocument: { Statement: Resource['Properties'][] } }) =>
    PolicyDocument.Statement.map(({ Effect, Action, Resource, Condition, ...others }) => {
      expect([Effect, others]).toEqual(['Allow', {}])
      return { may: Action, on: [Resource].flat().map(textOf), ...(Condition && { if: Condition }) }
    }),
  )
}

/** Compares with `FILE.snap` in this folder, which people review; `npx vitest run test/commands/template.test.ts -u` writes it anew. */
export async function expectAsReviewed(
  file: string,
  of: (name: Case) => unknown,
  among = caseNames,
): Promise<void> {
  const found = new Document(Object.fromEntries(among.map((name) => [name, of(name)])), {
    aliasDuplicateObjects: false,
  })
  // A line for each grant, property or variable.
  visit(found, {
    Collection(_, node, path) {
      if (path.filter(isCollection).length === 3) node.flow = true
    },
  })
  const text = found.toString({ lineWidth: 0 })
  await expect(text).toMatchFileSnapshot(`./template/${file}.snap`)
}

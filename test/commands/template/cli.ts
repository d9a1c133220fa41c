/** Parameters that cannot be used, on the way through the Serverless CLI. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { besides } from '../../../deploy/aws/limits.ts'
import { describeStack } from '../../../deploy/aws/stack.ts'
import type { Resource } from '../../support/serverless-cli.ts'
import { caseNames, cases, cli, deployment, ids, ofType, params, resource, template } from './cases.ts'

describe('parameters', () => {
  it('that cannot be used stop the CLI before it packages, with sentences', async () => {
    const { code, output } = await cli.run(['package', ...params({ subAppIds: '1,x' }), '--param=subAppId=1'])
    expect(code).toBe(1)
    expect(output).toContain(
      'These parameters cannot be used: subAppId is not a parameter; there are subAppIds',
    )
    expect(output).toContain('; subAppIds must be comma-separated VOD application ids')
    expect(output).not.toMatch(/Packaging|built dist|\.ts:\d/)
  })

  it('of a deployment name the applications, which other commands do not need', async () => {
    for (const command of [['package'], ['deploy', '--stage=prod']]) {
      const { code, output } = await cli.run(command)
      expect(code).toBe(1)
      expect(output).toContain('Nothing is deployed: subAppIds must be comma-separated VOD application ids')
      expect(output).toContain('or none for an account from before 2023-12-25')
      expect(output).not.toMatch(/built dist|\.ts:\d/)
    }
    expect((await cli.run(['print', '--path=service'])).code).toBe(0)
    // Also where a stage has a rotation in serverless.yml, which a deployment without ids cannot have.
    const rotating = params({ rotation: 'true', rotateEveryDays: '30' })
    expect((await cli.run(['print', '--path=service', ...rotating])).code).toBe(0)
  })

  it('that are misspelt in serverless.yml stop the CLI too', async () => {
    const file = join(cli.folder, 'serverless.yml')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace(/^params:\n/m, '$&  prod: { subAppIDs: "1" }\n'))
    try {
      const { code, output } = await cli.run(['package', '--stage=prod'])
      expect(code).toBe(1)
      expect(output).toContain('subAppIDs is not a parameter')
      expect((await cli.run(['print', '--stage=dev', '--path=service'])).code).toBe(0)
    } finally {
      writeFileSync(file, text)
    }
  })
})

describe('limits', () => {
  it.each(caseNames)('reckon with all that is beside what stack.ts makes, with %s', (name) => {
    const { Resources, Outputs } = template(name)
    const made = describeStack(
      'vod-aigc-tokens',
      deployment({
        subAppIds: ids.join(),
        rotation: 'true',
        targets: 'aws-secretsmanager:x/{SubAppId}?value=token',
        restartEcsServices: 'apps/chat',
        domain: 'aigc.example.com',
        certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/0123',
      }),
    ).resources
    const others = (all: object, ours: object): string[] =>
      Object.keys(all).filter((key) => !/^MirroredSecret/.test(key) && !Object.hasOwn(ours, key))
    expect(others(Resources, made.Resources).length).toBeGreaterThan(30)
    expect(others(Resources, made.Resources).length).toBeLessThanOrEqual(besides.resources)
    expect(others(Outputs, made.Outputs).length).toBeLessThanOrEqual(besides.outputs)
    expect(JSON.stringify(template(name)).length).toBeLessThan(besides.bytes)
  })
})

describe('a region that only reads', () => {
  const name = 'a region that only reads'

  it('is the usual stack less the mirror and all that is about it', () => {
    const usual = Object.keys(template('a stored key and secrets that exist').Resources)
    const left = Object.keys(template(name).Resources)
    expect(usual.filter((logicalId) => !left.includes(logicalId)).sort()).toMatchInlineSnapshot(`
      [
        "FailedRuns",
        "FailedRunsPolicy",
        "MirrorDashtokensLambdaEvConf",
        "MirrorDashtokensLambdaFunction",
        "MirrorDashtokensLogGroup",
        "MirrorFailedAlarm",
        "MirrorHeldAlarm",
        "MirrorSilentAlarm",
        "MirrorStaleAlarm",
        "MirrorTokensRole",
        "Schedule",
        "ScheduleGroup",
        "ScheduleRole",
        "TokenLimitAlarm",
      ]
    `)
    expect(left.filter((logicalId) => !usual.includes(logicalId))).toEqual([])
    expect(Object.keys(template(name).Outputs)).not.toContain('MirrorTokensRoleArn')
    expect(ofType(name, 'AWS::SecretsManager::Secret')).toEqual([])
    expect(resource(name, 'ListDashtokensLambdaFunction').Properties.Environment.Variables).toMatchObject({
      AIGC_SOURCE: 'mirror',
      AIGC_FALLBACK: 'aws-secretsmanager:vod-aigc-tokens/dev/{SubAppId}',
    })
  })

  it.each(Object.keys(cases) as (keyof typeof cases)[])(
    'refers to nothing that is not there, as %s',
    (each) => {
      const { Resources } = template(each)
      const names = (part: Resource['Properties']): string[] =>
        typeof part !== 'object' || part === null
          ? []
          : Object.entries<Resource['Properties']>(part).flatMap(([key, value]) =>
              key === 'Ref'
                ? [value]
                : key === 'Fn::GetAtt'
                  ? [[value].flat()[0].split('.')[0]]
                  : key === 'Fn::Sub'
                    ? [...[value].flat()[0].matchAll(/\$\{(\w+)/g)].map(([, found]) => found)
                    : key === 'DependsOn'
                      ? [value].flat()
                      : names(value),
            )
      for (const found of new Set(names(template(each))))
        if (!found.startsWith('AWS')) expect(Object.keys(Resources)).toContain(found)
    },
  )
})

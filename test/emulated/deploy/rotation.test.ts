/**
 * A stack with a rotation, deployed to moto: with the settings that were deployed, and not a right more than the role has, a run says
 * what it would do, another one begins its record, and a whole rotation moves the mirrored secret. moto's CloudFormation passes over the
 * secrets, which are made here as the template has them.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fingerprint } from '../../../lib/digest.ts'
import { startTencentSimulator, type TencentSimulator } from '../../../simulator/simulator.ts'
import { type AwsRecorder, startAwsRecorder } from '../../support/aws-recorder.ts'
import { type Answer, type FunctionProcess, startFunction } from '../../support/function-process.ts'
import { isAllowed, type PolicyStatement, resolveReferences } from '../../support/iam.ts'
import { type Moto, motoForDeployments, motoMissing, startMoto } from '../../support/moto.ts'
import { recorded } from '../../support/recorded-events.ts'
import {
  copyProject,
  type Finished,
  type Resource,
  type ServerlessCli,
} from '../../support/serverless-cli.ts'

const subAppId = 1500000001
const old = 'CANARY-the-token-in-use'
const parameters = [`--param=subAppIds=${subAppId}`]
const rotating = ['--param=rotation=true', '--param=rotateEveryDays=30', '--param=rotationMayDelete=true']

describe.skipIf(motoMissing)('a stack with a rotation', () => {
  let moto: Moto
  let cli: ServerlessCli
  let recorder: AwsRecorder
  let ofMirror: AwsRecorder
  let simulator: TencentSimulator
  let template: ReturnType<ServerlessCli['readTemplate']>
  let mirror: FunctionProcess
  let rotate: FunctionProcess
  let aheadMs = 0
  const keys = {
    mirror: { SecretId: 'AKIDmirror', SecretKey: 'CANARY-key-of-the-mirror' },
    rotation: { SecretId: 'AKIDrotation', SecretKey: 'CANARY-key-of-the-rotation' },
  }

  beforeAll(async () => {
    moto = await startMoto(motoForDeployments)
    cli = copyProject()
    recorder = await startAwsRecorder(moto.url)
    ofMirror = await startAwsRecorder(moto.url)
    simulator = await startTencentSimulator({
      applications: [{ subAppId, tokens: [old] }],
      extInfos: true,
      now: () => Date.now() + aheadMs,
    })
    // As docs/credentials.md has it: the mirror may list, the rotation all but delete.
    const vod = [
      'CreateAigcApiToken',
      'UpdateAigcApiToken',
      'DescribeAigcQuotas',
      'CreateAigcQuota',
      'ModifyAigcQuota',
    ]
    const deletion = 'vod:DeleteAigcApiToken'
    simulator.keys.set(keys.mirror.SecretId, {
      secretKey: keys.mirror.SecretKey,
      denied: new Set([...vod.map((action) => `vod:${action}`), deletion]),
    })
    simulator.keys.set(keys.rotation.SecretId, {
      secretKey: keys.rotation.SecretKey,
      denied: new Set([deletion]),
    })
  })
  afterAll(async () => {
    await Promise.all([mirror?.kill(), rotate?.kill()])
    await Promise.all([recorder?.close(), ofMirror?.close(), simulator?.close()])
    await moto?.close()
    cli?.remove()
  })

  const serverless = (...args: string[]): Promise<Finished> =>
    cli.run(args, {
      AWS_ENDPOINT_URL: moto.url,
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
      AWS_REGION: 'us-east-1',
    })

  async function ask(service: string, path: string, form?: Record<string, string>): Promise<string> {
    const answer = await fetch(moto.url + path, {
      method: form ? 'POST' : 'GET',
      headers: { authorization: `AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/${service}/aws4_request` },
      ...(form && { body: new URLSearchParams(form) }),
    })
    return answer.text()
  }

  async function callSecrets(action: string, body: object): Promise<Resource['Properties']> {
    const answer = await fetch(moto.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `secretsmanager.${action}`,
        authorization: 'AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/secretsmanager/aws4_request',
      },
      body: JSON.stringify(body),
    })
    return answer.json()
  }

  /** The functions that were deployed, by what ends their names. */
  async function deployed(): Promise<Map<string, Resource['Properties']>> {
    const { Functions } = JSON.parse(await ask('lambda', '/2015-03-31/functions'))
    return new Map(
      Functions.map((one: Resource['Properties']) => [
        one.FunctionName.replace('vod-aigc-tokens-dev-', ''),
        one,
      ]),
    )
  }

  /** A function as it was deployed, its clock as far ahead as Tencent's. */
  async function start(name: 'mirror-tokens' | 'rotate-tokens'): Promise<FunctionProcess> {
    const { Environment } = (await deployed()).get(name)
    return startFunction(name, {
      ...Environment.Variables,
      AIGC_SETTLE_SECONDS: '0',
      AIGC_VOD_ENDPOINT: simulator.url,
      AWS_ENDPOINT_URL: (name === 'mirror-tokens' ? ofMirror : recorder).url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
      AWS_LAMBDA_FUNCTION_NAME: `vod-aigc-tokens-dev-${name}`,
    })
  }

  function pass(ms: number): void {
    aheadMs += ms
    for (const fn of [mirror, rotate]) fn.setClock(aheadMs)
  }

  function resultOf({ result, error }: Answer): Record<string, unknown> {
    if (error) throw new Error(error.message)
    return (result as { Results: Record<string, unknown>[] }).Results[0] ?? {}
  }

  async function step(event: object = recorded('eventbridge-scheduler.json')): Promise<string> {
    const { Outcome, Step, Phase } = resultOf(await rotate.invoke(event))
    return `${Outcome} ${Step} ${Phase}`
  }

  // moto does not follow the label where none is asked for.
  const readValue = async (name: string): Promise<string | undefined> =>
    (await callSecrets('GetSecretValue', { SecretId: name, VersionStage: 'AWSCURRENT' })).SecretString
  const record = `vod-aigc-tokens/dev/rotation/${subAppId}`
  const mirrored = `vod-aigc-tokens/dev/${subAppId}`

  it('is deployed: a third function with a role of its own', async () => {
    const { code, output } = await serverless('deploy', ...parameters, ...rotating)
    expect(output).toContain('Service deployed to stack vod-aigc-tokens-dev')
    expect(code).toBe(0)
    template = cli.readTemplate()
    const functions = await deployed()
    expect([...functions.keys()].sort()).toEqual(['list-tokens', 'mirror-tokens', 'rotate-tokens'])
    const { Runtime, Handler, Timeout, CodeSize, Role } = functions.get('rotate-tokens')
    expect([Runtime, Handler, Timeout]).toEqual(['nodejs24.x', 'lambda.handler', 180])
    expect(CodeSize).toBeGreaterThan(100_000)
    expect(Role).toContain('RotateTokensRole')
    expect(await ask('iam', '/', { Action: 'ListRoles', Version: '2010-05-08' })).toContain(
      'RotationScheduleRole',
    )
    expect((await serverless('deploy', ...parameters, ...rotating)).output).toContain('No changes to deploy')
  })

  it('has a record that a dry run leaves empty and the first run begins', async () => {
    for (const [logicalId, { Type, Properties }] of Object.entries(template.Resources))
      if (Type === 'AWS::SecretsManager::Secret')
        await callSecrets('CreateSecret', {
          ClientRequestToken: logicalId.padEnd(32, '-'),
          ...Properties,
          ...(logicalId === 'CredentialsSecret' && { SecretString: JSON.stringify(keys.mirror) }),
          ...(logicalId === 'RotationCredentialsSecret' && { SecretString: JSON.stringify(keys.rotation) }),
        })
    mirror = await start('mirror-tokens')
    rotate = await start('rotate-tokens')
    expect(resultOf(await mirror.invoke({}))).toMatchObject({ Outcome: 'created' })
    expect(await step({ DryRun: true })).toMatch(/^would-advance /)
    expect(await readValue(record)).toBeUndefined()
    expect(await step()).toBe('advanced note idle')
    expect(JSON.parse((await readValue(record)) ?? '{}')).toMatchObject({
      Type: 'vod-aigc-rotation',
      Phase: 'idle',
    })
    expect(await step({ DryRun: true })).toBe('would-wait wait idle')
  })

  it('rotates, and deletes nothing that its key may not delete', async () => {
    expect(await step({ Now: true })).toBe('advanced create intent')
    const [fresh = ''] = simulator.vod.list(subAppId).filter((token) => token !== old)
    pass(31_000)
    await mirror.invoke({})
    expect(await step()).toBe('advanced note warming')
    pass(300_000)
    expect(await step()).toBe('advanced promote promoted')
    expect(JSON.parse((await readValue(mirrored)) ?? '{}')).toMatchObject({ ApiToken: fresh })
    pass(24 * 3_600_000 + 2_000)
    expect(await step()).toBe('advanced note retiring')
    await expect(step()).rejects.toThrow(/DeleteAigcApiToken .*UnauthorizedOperation/)
    expect(simulator.vod.list(subAppId)).toContain(old)
    expect(await readValue(record)).toContain(fingerprint(old))
    expect(rotate.output() + mirror.output() + (await readValue(record))).not.toContain('CANARY')
  })

  it('called AWS for what its role grants, for all of that, and for nothing else', () => {
    const arns = Object.fromEntries(
      Object.entries(template.Resources).flatMap(([logicalId, { Type, Properties }]) =>
        Type === 'AWS::SecretsManager::Secret'
          ? [[logicalId, `arn:aws:secretsmanager:us-east-1:123456789012:secret:${Properties.Name}-AbCdEf`]]
          : [],
      ),
    )
    const statementsOf = (role: string): PolicyStatement[] =>
      resolveReferences(template.Resources[role]?.Properties.Policies[0].PolicyDocument.Statement, arns)
    const granted = statementsOf('RotateTokensRole')
    expect(recorder.requests.length).toBeGreaterThan(20)
    expect(recorder.requests.filter((request) => !isAllowed(granted, request))).toEqual([])
    const byMirror = statementsOf('MirrorTokensRole')
    expect(ofMirror.requests.filter((request) => !isAllowed(byMirror, request))).toEqual([])
    const unused = granted
      .flatMap(({ Action, Resource }) =>
        [Action].flat().flatMap((action) => [Resource].flat().map((resource) => ({ action, resource }))),
      )
      .filter(({ action }) => action.startsWith('secretsmanager:'))
      .filter(
        ({ action, resource }) =>
          !recorder.requests.some((one) => one.action === action && one.resource === resource),
      )
    expect(unused).toEqual([])
    for (const secret of ['RotationRecord1500000001', 'RotationCredentialsSecret'])
      for (const action of ['DescribeSecret', 'GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage'])
        expect(
          isAllowed(byMirror, {
            action: `secretsmanager:${action}`,
            resource: arns[secret] ?? '',
            keys: { 'aws:ResourceTag/managed-by': 'vod-aigc-rotation' },
          }),
        ).toBe(false)
  })

  it('loses it only where that is confirmed, and says what stays', async () => {
    const refused = await serverless('deploy', ...parameters)
    expect(refused.code).toBe(1)
    expect(refused.output).toContain('rotation: nothing replaces tokens any more')
    expect(refused.output).toContain('add --param="confirmDrop=rotation"')
    expect([...(await deployed()).keys()]).toContain('rotate-tokens')
    const { code, output } = await serverless('deploy', ...parameters, '--param=confirmDrop=rotation')
    expect(output).toContain('Left behind: rotation: nothing replaces tokens any more')
    expect(code).toBe(0)
    expect([...(await deployed()).keys()].sort()).toEqual(['list-tokens', 'mirror-tokens'])
    expect(await readValue(record)).toContain('vod-aigc-rotation')
  })
})

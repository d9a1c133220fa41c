/**
 * A whole deployment to moto: made, found unchanged, changed, rolled back, removed; and both functions with no more
 * than the actions that their roles are granted, by the ARNs that secrets really have. moto's CloudFormation makes roles, functions, log groups and the
 * queue. It passes over the API, the secrets, the schedule and the alarms: those are test/commands/template.test.ts's, and so is
 * sts:GetWebIdentityToken, which moto does not have.
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../../../simulator/simulator.ts'
import { startAwsRecorder } from '../../support/aws-recorder.ts'
import { type FunctionProcess, startFunction } from '../../support/function-process.ts'
import { isAllowed, type PolicyStatement, resolveReferences } from '../../support/iam.ts'
import { type Moto, motoForDeployments, motoMissing, startMoto } from '../../support/moto.ts'
import {
  copyProject,
  type Finished,
  type Resource,
  type ServerlessCli,
} from '../../support/serverless-cli.ts'

let moto: Moto
let cli: ServerlessCli

beforeAll(async () => {
  if (motoMissing) return
  moto = await startMoto(motoForDeployments)
  cli = copyProject()
})
afterAll(async () => {
  await moto?.close()
  cli?.remove()
})

function serverless(...args: string[]): Promise<Finished> {
  return serverlessAt(moto.url, ...args)
}

function serverlessAt(url: string, ...args: string[]): Promise<Finished> {
  return cli.run(args, {
    AWS_ENDPOINT_URL: url,
    AWS_ACCESS_KEY_ID: 'any',
    AWS_SECRET_ACCESS_KEY: 'any',
    AWS_REGION: 'us-east-1',
  })
}

/** Asks moto; the credential scope says which service is meant. */
async function ask(service: string, path: string, form?: Record<string, string>): Promise<string> {
  const answer = await fetch(moto.url + path, {
    method: form ? 'POST' : 'GET',
    headers: { authorization: `AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/${service}/aws4_request` },
    ...(form && { body: new URLSearchParams(form) }),
  })
  return answer.text()
}

// biome-ignore lint/suspicious/noExplicitAny: Lambda's own answer, looked into by assertions only
async function listFunctions(): Promise<any[]> {
  return JSON.parse(await ask('lambda', '/2015-03-31/functions')).Functions
}

async function logLevels(): Promise<string[]> {
  return (await listFunctions()).map(({ Environment }) => Environment.Variables.AIGC_LOG_LEVEL)
}

/** Those of docs/aws-policies.md, in their order: deployer, mirror, reader, consumer. */
function policies(): { Statement: PolicyStatement[] }[] {
  const page = readFileSync(new URL('../../../docs/aws-policies.md', import.meta.url), 'utf8')
  return [...page.matchAll(/^```json\n(.*?)^```$/gms)].map(([, json = '']) => JSON.parse(json))
}

async function subAppIds(): Promise<string[]> {
  return (await listFunctions()).map(({ Environment }) => Environment.Variables.AIGC_SUB_APP_IDS)
}

describe.skipIf(motoMissing)('serverless deploy', () => {
  const topic = '--param=alarmTopicArn=arn:aws:sns:us-east-1:123456789012:alarms'
  const deploy = (...args: string[]): Promise<Finished> =>
    serverless('deploy', '--param=subAppIds=1500000001,1500000002', topic, ...args)

  it('makes the functions, their roles, their logs and the queue', async () => {
    const { code, output } = await deploy()
    expect(output).toContain('Service deployed to stack vod-aigc-tokens-dev')
    expect(code).toBe(0)
    const functions = await listFunctions()
    expect(functions.map(({ FunctionName }) => FunctionName).sort()).toEqual([
      'vod-aigc-tokens-dev-list-tokens',
      'vod-aigc-tokens-dev-mirror-tokens',
    ])
    for (const { Runtime, Handler, Environment, CodeSize } of functions) {
      expect([Runtime, Handler]).toEqual(['nodejs24.x', 'lambda.handler'])
      expect(Environment.Variables.AIGC_SITE).toBe('intl')
      expect(CodeSize).toBeGreaterThan(100_000)
    }
    const roles = await ask('iam', '/', { Action: 'ListRoles', Version: '2010-05-08' })
    for (const role of ['ListTokensRole', 'MirrorTokensRole', 'ScheduleRole']) expect(roles).toContain(role)
    expect(await ask('sqs', '/', { Action: 'ListQueues', Version: '2012-11-05' })).toContain(
      'vod-aigc-tokens-dev-failed-runs',
    )
  })

  it('of the same again changes nothing', async () => {
    const { code, output } = await deploy()
    expect(output).toContain('No changes to deploy')
    expect(code).toBe(0)
  })

  it('with another parameter changes that, serverless rollback changes it back', async () => {
    const timestamp =
      /^\d{13}|(?<=Timestamp: )\d+/m.exec((await serverless('deploy', 'list')).output)?.[0] ?? ''
    expect((await deploy('--param=logLevel=debug')).output).toContain('Service deployed')
    expect(await logLevels()).toEqual(['debug', 'debug'])
    const { code, output } = await serverless('rollback', `--timestamp=${timestamp}`)
    expect(output).toContain('rolled back')
    expect(code).toBe(0)
    expect(await logLevels()).toEqual(['info', 'info'])
  })

  it('that would drop an application and the alarms’ topic stops, changes nothing, and says what would be left', async () => {
    for (const args of [['deploy'], ['deploy', 'function', '--function=mirror-tokens']]) {
      const { code, output } = await serverless(...args, '--param=subAppIds=1500000001')
      expect(code).toBe(1)
      expect(output).toContain(
        '1500000002: the secret of aws-secretsmanager:vod-aigc-tokens/dev/1500000002 stays, and nothing keeps it in step',
      )
      expect(output).toContain('add --param="confirmDrop=1500000002')
      expect(output).not.toMatch(/\.[tm]s:\d/)
    }
    const half = await serverless('deploy', '--param=subAppIds=1500000001', '--param=confirmDrop=1500000002')
    expect(half.output).toContain('alarmTopicArn: the alarms tell nobody any more')
    expect(half.output).toContain('add --param="confirmDrop=1500000002,alarmTopicArn"')
    expect(half.code).toBe(1)
    expect(await subAppIds()).toEqual(['1500000001,1500000002', '1500000001,1500000002'])
  })

  it('drops what was confirmed, and says what it left behind', async () => {
    const confirm = '--param=confirmDrop=1500000002,alarmTopicArn'
    const { code, output } = await serverless('deploy', '--param=subAppIds=1500000001', confirm)
    expect(output).toContain('Left behind: 1500000002: the secret of')
    expect(code).toBe(0)
    expect(await subAppIds()).toEqual(['1500000001', '1500000001'])
  })

  it('packaged before is compared too', async () => {
    const folder = '--package=packaged'
    expect((await serverless('package', folder, '--param=subAppIds=1500000003')).code).toBe(0)
    const { code, output } = await serverless('deploy', folder)
    expect(output).toContain('add --param="confirmDrop=1500000001"')
    expect(code).toBe(1)
    expect((await serverless('deploy', folder, '--param=confirmDrop=1500000001')).code).toBe(0)
    expect(await subAppIds()).toEqual(['1500000003', '1500000003'])
  })

  // Made anew, because moto cannot take a queue with a policy out of a stack.
  it('without a mirror takes one away only where that is confirmed, makes none, and again changes nothing', async () => {
    const reader = ['--param=subAppIds=1500000003', '--param=mirror=false', '--param=source=mirror']
    const { code, output } = await serverless('deploy', ...reader)
    expect(output).toContain('mirror: no secret is kept in step any more')
    expect(code).toBe(1)
    // Recorded, to be held against the policy of docs/aws-policies.md.
    const recorder = await startAwsRecorder(moto.url)
    const recorded = (...args: string[]): Promise<Finished> =>
      serverlessAt(recorder.url, ...args, '--stage=reader')
    expect((await recorded('deploy', ...reader)).output).toContain('Service deployed')
    const names = (await listFunctions()).map(({ FunctionName }) => FunctionName)
    expect(names).toContain('vod-aigc-tokens-reader-list-tokens')
    expect(names).not.toContain('vod-aigc-tokens-reader-mirror-tokens')
    expect((await recorded('deploy', ...reader)).output).toContain('No changes to deploy')
    expect((await recorded('remove')).output).toContain('has been successfully removed')
    await recorder.close()
    const [deployer] = policies()
    const actions = new Set(recorder.requests.map(({ action }) => action))
    for (const action of ['cloudformation:GetTemplate', 'cloudformation:DeleteStack', 's3:PutObject'])
      expect(actions).toContain(action)
    // Nobody needs a right to ask who he is, and without the other one the CLI goes on: it has no images to remove.
    const needless = ['sts:GetCallerIdentity', 'ecr:DescribeRepositories']
    const refused = recorder.requests.filter(
      (request) => !needless.includes(request.action) && !isAllowed(deployer?.Statement ?? [], request),
    )
    expect(refused).toEqual([])
  })

  it('serverless remove leaves nothing that moto could make', async () => {
    const { code, output } = await serverless('remove')
    expect(output).toContain('has been successfully removed')
    expect(code).toBe(0)
    expect(await listFunctions()).toEqual([])
    const roles = await ask('iam', '/', { Action: 'ListRoles', Version: '2010-05-08' })
    expect(roles).not.toContain('TokensRole')
    expect(await ask('s3', '/')).not.toContain('serverlessdeploymentbucket')
  })
})

describe.skipIf(motoMissing)('the granted actions', () => {
  let simulator: TencentSimulator
  const running: FunctionProcess[] = []

  beforeAll(async () => {
    if (motoMissing) return
    simulator = await startTencentSimulator({
      lagMs: 0,
      applications: [{ subAppId: 1500000001, tokens: ['token-a'] }],
    })
    await cli.run(['package', '--param=subAppIds=none'])
  })
  afterAll(async () => {
    await Promise.all(running.map((one) => one.close()))
    await simulator?.close()
  })

  function statementsOf(role: string): Resource['Properties'][] {
    return cli.readTemplate().Resources[role]?.Properties.Policies[0].PolicyDocument.Statement
  }

  /** What a role may do with one secret, which the template knows by its name only. */
  function actionsOn(arn: string, role: string): string[] {
    const statements: PolicyStatement[] = resolveReferences(statementsOf(role))
    return [...new Set(statements.flatMap(({ Action }) => Action))]
      .sort()
      .filter((action) => isAllowed(statements, { action, resource: arn }))
  }

  const fixedKey = (): Record<string, string> => ({
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
  })

  /** Starts a function as somebody who may do what its role may. */
  function startAs(
    name: 'list-tokens' | 'mirror-tokens',
    role: string,
    environment: Record<string, string>,
  ): Promise<FunctionProcess> {
    const actions = statementsOf(role).flatMap(({ Action }) => Action)
    return startWith(actions, name, { ...fixedKey(), ...environment })
  }

  /** Starts a function as somebody who may do these actions. */
  async function startWith(
    actions: readonly string[],
    name: 'list-tokens' | 'mirror-tokens',
    environment: Record<string, string>,
  ): Promise<FunctionProcess> {
    await moto.ignoreAuth()
    const user = await moto.enforceAuth(actions)
    const fn = startFunction(name, {
      AIGC_VOD_ENDPOINT: simulator.url,
      AIGC_SUB_APP_IDS: '1500000001',
      AIGC_SETTLE_SECONDS: '0',
      AWS_ENDPOINT_URL: moto.url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: user.accessKeyId,
      AWS_SECRET_ACCESS_KEY: user.secretAccessKey,
      ...environment,
    })
    running.push(fn)
    return fn
  }

  /** Makes a secret, as the stack does if nothing else is said: with our mark, without a value. Returns its ARN. */
  async function createSecret(
    Name: string,
    others: Readonly<Record<string, unknown>> = { Tags: [{ Key: 'managed-by', Value: 'vod-aigc-tokens' }] },
  ): Promise<string> {
    await moto.ignoreAuth()
    const answer = await fetch(moto.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'secretsmanager.CreateSecret',
        authorization: 'AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/secretsmanager/aws4_request',
      },
      body: JSON.stringify({ Name, ...others, ClientRequestToken: Name.padEnd(32, '-') }),
    })
    expect(answer.status).toBe(200)
    return ((await answer.json()) as { ARN: string }).ARN
  }

  const target = 'aws-secretsmanager:{SubAppId}/kept'

  it('MirrorTokensRole is enough to fill the stack’s secret, to change it and to go back', async () => {
    await createSecret('1500000001/kept')
    const mirror = await startAs('mirror-tokens', 'MirrorTokensRole', { AIGC_MIRROR_TARGETS: target })
    const runOnce = async (): Promise<string[]> => {
      const { result, error } = await mirror.invoke({})
      expect(error).toBeUndefined()
      return (result as { Results: { Outcome: string }[] }).Results.map(({ Outcome }) => Outcome)
    }
    expect(await runOnce()).toEqual(['created'])
    simulator.vod.create(1500000001, 'token-b')
    expect(await runOnce()).toEqual(['updated'])
    simulator.vod.delete(1500000001, 'token-b')
    expect(await runOnce()).toEqual(['updated'])
    expect(await runOnce()).toEqual(['unchanged'])
  })

  it('the mirror’s policy to copy is enough to make one, and the reader’s to serve it', async () => {
    const [, mirrors, reads] = policies().map(({ Statement }) => Statement.flatMap(({ Action }) => Action))
    const made = { AIGC_MIRROR_TARGETS: 'aws-secretsmanager:{SubAppId}/made', ...fixedKey() }
    const mirror = await startWith(mirrors ?? [], 'mirror-tokens', made)
    expect((await mirror.invoke({})).result).toMatchObject({ Results: [{ Outcome: 'created' }] })
    const list = await startWith(reads ?? [], 'list-tokens', {
      AIGC_SOURCE: 'mirror',
      AIGC_FALLBACK: made.AIGC_MIRROR_TARGETS,
      AIGC_REVEAL: 'true',
    })
    expect((await list.invoke({ Reveal: true })).result).toMatchObject({ Stale: false })
  })

  it('MirrorTokensRole is too little to make a secret', async () => {
    const mirror = await startAs('mirror-tokens', 'MirrorTokensRole', {
      AIGC_MIRROR_TARGETS: 'aws-secretsmanager:{SubAppId}/absent',
    })
    expect((await mirror.invoke({})).error?.message).toContain('CreateSecret')
  })

  it('MirrorTokensRole is too little to mark a secret that was made by hand', async () => {
    await createSecret('1500000001/unmarked', {})
    const mirror = await startAs('mirror-tokens', 'MirrorTokensRole', {
      AIGC_MIRROR_TARGETS: 'aws-secretsmanager:{SubAppId}/unmarked',
    })
    expect((await mirror.invoke({})).error?.message).toContain('TagResource')
  })

  it('ListTokensRole is enough to serve the mirrored secret', async () => {
    const list = await startAs('list-tokens', 'ListTokensRole', {
      AIGC_SOURCE: 'mirror',
      AIGC_FALLBACK: target,
      AIGC_REVEAL: 'true',
    })
    expect((await list.invoke({ Reveal: true })).result).toMatchObject({ ApiTokens: ['token-a'] })
  })

  it('ListTokensRole is too little to write a secret', async () => {
    await createSecret('1500000001/empty')
    const mirror = await startAs('mirror-tokens', 'ListTokensRole', {
      AIGC_MIRROR_TARGETS: 'aws-secretsmanager:{SubAppId}/empty',
    })
    expect((await mirror.invoke({})).error?.message).toContain('PutSecretValue')
  })

  it('both roles are enough for the credentials secret and the mirrored one, and for no other secret', async () => {
    const params = ['credentialsSecret=team/tencent', 'makeSecrets=false', 'subAppIds=1500000001']
    expect((await cli.run(['package', ...params.map((param) => `--param=${param}`)])).code).toBe(0)
    const { secretId: SecretId, secretKey: SecretKey } = simulator
    const credentials = await createSecret('team/tencent', {
      SecretString: JSON.stringify({ SecretId, SecretKey }),
    })
    const mirrored = await createSecret('vod-aigc-tokens/dev/1500000001')
    const other = await createSecret('team/other', { SecretString: 'x' })

    const read = ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue']
    const write = ['secretsmanager:PutSecretValue', 'secretsmanager:UpdateSecretVersionStage']
    for (const role of ['ListTokensRole', 'MirrorTokensRole']) {
      expect(actionsOn(credentials, role)).toEqual(['secretsmanager:GetSecretValue'])
      expect(actionsOn(other, role)).toEqual([])
    }
    expect(actionsOn(mirrored, 'ListTokensRole')).toEqual(read)
    expect(actionsOn(mirrored, 'MirrorTokensRole')).toEqual([...read, ...write])

    // With the settings that the stack gives them; there is no other key.
    const settingsOf = (logicalId: string): Record<string, string> =>
      cli.readTemplate().Resources[logicalId]?.Properties.Environment.Variables
    const listSettings = { ...settingsOf('ListDashtokensLambdaFunction'), AIGC_REVEAL: 'true' }
    const list = await startWith(actionsOn(credentials, 'ListTokensRole'), 'list-tokens', listSettings)
    expect((await list.invoke({ Reveal: true })).result).toMatchObject({
      ApiTokens: ['token-a'],
      Stale: false,
    })
    const mirror = await startWith(
      [...actionsOn(credentials, 'MirrorTokensRole'), ...actionsOn(mirrored, 'MirrorTokensRole')],
      'mirror-tokens',
      settingsOf('MirrorDashtokensLambdaFunction'),
    )
    expect((await mirror.invoke({})).result).toMatchObject({ Results: [{ Outcome: 'created' }] })
  })
})

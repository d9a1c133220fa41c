/**
 * A release and nothing else of the repository: the first template and the zips in a folder of their own, deployed to moto by the AWS
 * CLI alone, and run until the mirrored secret is filled. moto's CloudFormation passes over secrets, which are made here as the
 * template says.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { unzipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { startTencentSimulator, type TencentSimulator } from '../../../simulator/simulator.ts'
import { startAwsRecorder } from '../../support/aws-recorder.ts'
import { evaluateTemplate } from '../../support/cloudformation.ts'
import { type FunctionProcess, startBundle } from '../../support/function-process.ts'
import { isAllowed, type PolicyStatement } from '../../support/iam.ts'
import { type Moto, motoForDeployments, motoMissing, startMoto } from '../../support/moto.ts'
import { copyProject } from '../../support/serverless-cli.ts'

const run = promisify(execFile)
/** All that a release has. */
const folder = mkdtempSync(join(tmpdir(), 'release-test-'))
let moto: Moto
let simulator: TencentSimulator
const running: FunctionProcess[] = []

beforeAll(async () => {
  if (motoMissing) return
  const { PATH = '', HOME = '' } = process.env
  const copy = copyProject()
  await run(process.execPath, ['--import', 'tsx', 'scripts/release.ts'], {
    cwd: copy.folder,
    env: { PATH, HOME },
  })
  cpSync(join(copy.folder, 'release'), folder, { recursive: true })
  copy.remove()
  moto = await startMoto(motoForDeployments)
  simulator = await startTencentSimulator({
    lagMs: 0,
    applications: [{ subAppId: 251006666, tokens: ['token-a'] }],
  })
})
afterAll(async () => {
  await Promise.all(running.map((one) => one.close()))
  await simulator?.close()
  await moto?.close()
  rmSync(folder, { recursive: true })
})

/** By the name localhost, because moto takes the first label of any other host for the bucket of a template. */
function environment(url = moto.url): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: url.replace('127.0.0.1', 'localhost'),
    AWS_ACCESS_KEY_ID: 'any',
    AWS_SECRET_ACCESS_KEY: 'any',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_CONFIG_FILE: '/dev/null',
  }
}

// biome-ignore lint/suspicious/noExplicitAny: answers of AWS, looked into by assertions only
async function aws(...args: string[]): Promise<any> {
  const { PATH = '' } = process.env
  const { stdout } = await run('aws', [...args, '--output', 'json'], {
    cwd: folder,
    env: { PATH, ...environment() },
    maxBuffer: 16 * 1024 * 1024,
  })
  // Progress, for commands that answer nothing else.
  return /^\s*[[{]/.test(stdout) ? JSON.parse(stdout) : stdout
}

/** Downloads what a function of the stack runs, and starts it with the settings that it has. */
async function startDeployed(name: string, others: Record<string, string>): Promise<FunctionProcess> {
  const { Configuration } = await aws(
    'lambda',
    'get-function',
    '--function-name',
    `vod-aigc-tokens-prod-${name}`,
  )
  const packaged = parse(readFileSync(join(folder, 'packaged.yml'), 'utf8'))
  const logicalId =
    name === 'mirror-tokens' ? 'MirrorDashtokensLambdaFunction' : 'ListDashtokensLambdaFunction'
  const { S3Bucket, S3Key } = packaged.Resources[logicalId].Properties.Code
  await aws('s3', 'cp', `s3://${S3Bucket}/${S3Key}`, `${name}-deployed.zip`)
  const zip = readFileSync(join(folder, `${name}-deployed.zip`))
  expect(zip.length).toBe(Configuration.CodeSize)
  const unpacked = join(folder, name)
  mkdirSync(unpacked)
  for (const [file, bytes] of Object.entries(unzipSync(zip))) writeFileSync(join(unpacked, file), bytes)
  const fn = startBundle(join(unpacked, 'index.js'), {
    ...Configuration.Environment.Variables,
    AIGC_VOD_ENDPOINT: simulator.url,
    AWS_ENDPOINT_URL: moto.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'any',
    AWS_SECRET_ACCESS_KEY: 'any',
    ...others,
  })
  running.push(fn)
  return fn
}

/** The commands of a section of docs/releases.md, first block. */
function commandsUnder(heading: string): string {
  const page = readFileSync(new URL('../../../docs/releases.md', import.meta.url), 'utf8')
  return /```sh\n(.*?)```/s.exec(page.split(`\n${heading}\n`)[1] ?? '')?.[1] ?? ''
}

describe.skipIf(motoMissing)('a release', () => {
  it('is deployed as docs/releases.md says, and fills its secret', async () => {
    await aws('s3', 'mb', 's3://vod-aigc-tokens-artifacts')
    // Recorded, to be held against the deployer's policy.
    const recorder = await startAwsRecorder(moto.url)
    const { PATH = '' } = process.env
    const names = { BUCKET: 'vod-aigc-tokens-artifacts', STACK: 'vod-aigc-tokens-prod' }
    const env = { PATH, ...environment(recorder.url), ...names }
    await run('bash', ['-euo', 'pipefail', '-c', commandsUnder('## Deploy')], { cwd: folder, env })
    await recorder.close()
    const page = readFileSync(new URL('../../../docs/aws-policies.md', import.meta.url), 'utf8')
    const [, policy = ''] = /^```json\n(.*?)^```$/ms.exec(page) ?? []
    const { Statement }: { Statement: PolicyStatement[] } = JSON.parse(policy)
    const actions = recorder.requests.map(({ action }) => action)
    expect(actions).toEqual(expect.arrayContaining(['s3:PutObject', 'cloudformation:CreateChangeSet']))
    expect(recorder.requests.filter((request) => !isAllowed(Statement, request))).toEqual([])
    const { Functions } = await aws('lambda', 'list-functions')
    const made = Functions.map(({ FunctionName }: { FunctionName: string }) => FunctionName)
    expect(made.sort()).toEqual(['vod-aigc-tokens-prod-list-tokens', 'vod-aigc-tokens-prod-mirror-tokens'])

    const { Resources } = evaluateTemplate(JSON.parse(readFileSync(join(folder, 'template.json'), 'utf8')), {
      ...{
        SubAppId: '251006666',
        SecretPrefix: 'vod-aigc-tokens/prod',
        'AWS::StackName': 'vod-aigc-tokens-prod',
      },
    })
    for (const { Name, Tags = [] } of [
      Resources.MirroredSecret.Properties,
      Resources.CredentialsSecret.Properties,
    ])
      await aws('secretsmanager', 'create-secret', `--name=${Name}`, `--tags=${JSON.stringify(Tags)}`)
    const key = JSON.stringify({ SecretId: simulator.secretId, SecretKey: simulator.secretKey })
    const own = '--secret-id=vod-aigc-tokens/prod/tencent-credentials'
    await aws('secretsmanager', 'put-secret-value', own, `--secret-string=${key}`)

    const mirror = await startDeployed('mirror-tokens', { AIGC_SETTLE_SECONDS: '0' })
    expect((await mirror.invoke({})).result).toMatchObject({ Results: [{ Outcome: 'created' }] })
    const filled = await aws(
      'secretsmanager',
      'get-secret-value',
      '--secret-id=vod-aigc-tokens/prod/251006666',
    )
    expect(JSON.parse(filled.SecretString)).toMatchObject({ ApiToken: 'token-a', SubAppId: 251006666 })
    const list = await startDeployed('list-tokens', {})
    expect((await list.invoke({})).result).toMatchObject({ SubAppId: 251006666 })
  })

  it('keeps the parameters that a later deployment leaves out', async () => {
    const stack = [
      '--stack-name=vod-aigc-tokens-prod',
      '--capabilities=CAPABILITY_IAM',
      '--s3-bucket=vod-aigc-tokens-artifacts',
    ]
    const changed = ['--parameter-overrides', 'LogLevel=warn', 'EveryMinutes=5']
    await aws('cloudformation', 'deploy', '--template-file=packaged.yml', ...stack, ...changed)
    const { Configuration } = await aws(
      'lambda',
      'get-function',
      '--function-name',
      'vod-aigc-tokens-prod-mirror-tokens',
    )
    expect(Configuration.Environment.Variables).toMatchObject({
      AIGC_LOG_LEVEL: 'warn',
      AIGC_MIRROR_TARGETS: 'aws-secretsmanager:vod-aigc-tokens/prod/{SubAppId}',
    })
  })
})

/** The commands of docs/alarms.md, run as they are printed, with the AWS CLI, in front of the functions themselves. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { type FunctionProcess, startFunction } from '../support/function-process.ts'
import { type Moto, startMoto } from '../support/moto.ts'
import {
  type AwsAccount,
  cannotPaste,
  openTerminal,
  readPage,
  startAwsAccount,
  type Terminal,
} from '../support/pages.ts'
import { recordedWith } from '../support/recorded-events.ts'

const page = readPage('alarms.md')

describe.skipIf(cannotPaste)('docs/alarms.md', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'alarms-page-test-'))
  let moto: Moto
  let simulator: TencentSimulator
  let account: AwsAccount
  let terminal: Terminal
  const functions = new Map<string, FunctionProcess>()
  const accessLog: Record<string, unknown>[] = []

  beforeAll(async () => {
    // Executions of state machines fail as soon as they are started.
    moto = await startMoto(['env', 'SF_EXECUTION_HISTORY_TYPE=FAILURE', 'moto_server'])
    simulator = await startTencentSimulator({
      lagMs: 0,
      applications: [{ subAppId: 1500000001, tokens: ['token-a', 'token-b'] }],
    })
    account = await startAwsAccount(moto, (name) => functions.get(name), undefined, {
      '/aws/vendedlogs/vod-aigc-tokens-prod-http-api': accessLog,
    })
    const shared = {
      AIGC_VOD_ENDPOINT: simulator.url,
      AIGC_SUB_APP_IDS: '1500000001',
      AIGC_HTTP_AUTH: 'gateway',
      AIGC_SETTLE_SECONDS: '0',
      AIGC_CREDENTIALS_SECRET: 'vod-aigc-tokens/prod/tencent-credentials',
      AIGC_CACHE_SECONDS: '0',
      AIGC_STALE_SECONDS: '0',
      AWS_ENDPOINT_URL: account.url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
    }
    for (const name of ['list-tokens', 'mirror-tokens', 'rotate-tokens'] as const)
      functions.set(
        `vod-aigc-tokens-prod-${name}`,
        startFunction(name, {
          ...shared,
          AIGC_MIRROR_TARGETS: `file:${folder}/mirrored.json`,
          AIGC_ROTATION_STATE: `file:${folder}/rotation.json`,
          AWS_LAMBDA_FUNCTION_NAME: `vod-aigc-tokens-prod-${name}`,
        }),
      )
    terminal = openTerminal({ cwd: folder, account, environment: { AWS_REGION: 'us-east-1' } })
    await paste(page.preamble)
    await paste(`
      aws secretsmanager create-secret --name "vod-aigc-tokens/$STAGE/tencent-credentials"
      aws scheduler create-schedule-group --name "vod-aigc-tokens-$STAGE"
      aws scheduler create-schedule --group-name "vod-aigc-tokens-$STAGE" --name mirror-tokens --state DISABLED \
        --description 'as it was' --schedule-expression 'rate(1 minute)' --flexible-time-window Mode=OFF --target \
        '{"Arn":"arn:aws:lambda:us-east-1:1:function:x","RoleArn":"arn:aws:iam::1:role/x","Input":"{}"}'
      url=$(aws sqs create-queue --queue-name "vod-aigc-tokens-$STAGE-failed-runs" --query QueueUrl --output text)
      aws sqs send-message --queue-url "$url" --message-body 'a run that was given up'
      aws cloudwatch put-metric-data --namespace VodAigcTokens --metric-name "TooManyRequests-$STAGE" --value 7 \
        --timestamp "$(( $(date +%s) - 120 ))"
    `)
  })
  afterAll(async () => {
    await Promise.all([...functions.values()].map((one) => one.close()))
    await simulator?.close()
    terminal?.close()
    account?.close()
    await moto?.close()
    rmSync(folder, { recursive: true })
  })

  const paste = (commands: string, input?: string): Promise<string> =>
    terminal.paste(commands, input === undefined ? {} : { input })
  const block = page.block

  const scheduled = recordedWith('eventbridge-scheduler.json', 'detail', {})
  const mirror = (event: unknown = scheduled) =>
    functions.get('vod-aigc-tokens-prod-mirror-tokens')?.invoke(event)
  const rotate = (event: unknown = scheduled) =>
    functions.get('vod-aigc-tokens-prod-rotate-tokens')?.invoke(event)
  const list = () =>
    functions.get('vod-aigc-tokens-prod-list-tokens')?.invoke(
      recordedWith('http-api-v2.json', 'requestContext.authorizer', {
        iam: { userArn: 'arn:aws:iam::123456789012:role/app' },
      }),
    )
  const key = () => JSON.stringify({ SecretId: simulator.secretId, SecretKey: simulator.secretKey })

  it('mirror-failed: says why, has the key put there, and reads and empties the queue', async () => {
    await mirror()
    expect(await paste(block('$.MirrorSuccess = 0'))).toMatch(/^\{.*Reading Tencent credentials.*\}\n$/)
    const said = await paste(block('put-secret-value'), key())
    expect(said).toContain('"Outcome":"created"')
    const queue = await paste(block('purge-queue'))
    expect(queue).toContain('a run that was given up')
    expect(await paste(block('purge-queue'))).not.toContain('a run that was given up')
  })

  it('token-limit: shows how many tokens the last run found', async () => {
    expect(await paste(block('$.TokensListed > 0'))).toMatch(/^\{.*"TokensListed":2\b.*\}\n$/)
  })

  it('mirror-held: shows the plan, lets the next run mend it where the list was wrong, and confirms it where it was right', async () => {
    const tokens = ['token-a', 'token-b']
    for (const token of tokens) simulator.vod.delete(1500000001, token)
    expect(await paste(block('"DryRun":true'))).toContain('"Outcome":"would-hold"')
    expect((await mirror())?.error?.message).toContain('the list is empty')
    for (const token of tokens) simulator.vod.create(1500000001, token)
    expect((await mirror())?.result).toMatchObject({ Results: [{ Outcome: 'unchanged' }] })
    for (const token of tokens) simulator.vod.delete(1500000001, token)
    const plan = await paste(block('"DryRun":true'))
    expect(plan).toContain('"Outcome":"would-hold"')
    const digest = /"Digest":"(\w{64})"/.exec(plan)?.[1]
    expect(await paste(block('Confirm').replace('…', String(digest)))).toContain('"Outcome":"updated"')
  })

  it('mirror-stale: finds the schedule and the concurrency, puts both right, and shows how runs died', async () => {
    expect(await paste(block('--query State'))).toContain('"DISABLED"')
    const schedule = await paste(
      'aws scheduler get-schedule --group-name "vod-aigc-tokens-$STAGE" --name mirror-tokens',
    )
    expect(JSON.parse(schedule)).toMatchObject({
      State: 'ENABLED',
      Description: 'as it was',
      ScheduleExpression: 'rate(1 minute)',
      Target: { Input: '{}' },
    })
    expect(await paste(block('put-function-concurrency'))).toContain('"ReservedConcurrentExecutions": 0')
    expect(account.reserved.get('vod-aigc-tokens-prod-mirror-tokens')).toBe(1)
    expect((await paste(block('tail -n 10'))).trimEnd().split('\n').length).toBeGreaterThan(2)
  })

  it('rotation-failed: says why, and ends the rotation', async () => {
    for (const token of ['token-a', 'token-b']) simulator.vod.create(1500000001, token)
    await mirror()
    simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' }, 100)
    await rotate()
    simulator.clearFaults()
    expect(await paste(block('$.RotationSuccess = 0'))).toMatch(/^\{.*UnauthorizedOperation.*\}\n$/)
    await rotate()
    expect((await rotate({ Now: true }))?.result).toMatchObject({ Results: [{ Phase: 'intent' }] })
    expect(await paste(block('"Abort":true'))).toContain('"Phase":"idle"')
  })

  it('rotation-stuck: shows for what it waits', async () => {
    const said = await paste(
      block(
        `"$rotate" --cli-read-timeout 0 \\\n  --cli-binary-format raw-in-base64-out --payload '{"DryRun"`,
      ),
    )
    expect(said).toContain('"Outcome":"would-wait"')
  })

  it('rotation-deletions: shows what was deleted, and stops the function', async () => {
    expect(await paste(block('$.TokensDeleted > 0'))).toBe('')
    await paste(block('"$rotate" --reserved-concurrent-executions 0'))
    expect(account.reserved.get('vod-aigc-tokens-prod-rotate-tokens')).toBe(0)
  })

  it('restart-failed: shows the execution that failed, and deploys a service', async () => {
    await paste(`
      aws ecs create-cluster --cluster-name apps
      aws ecs register-task-definition --family app --container-definitions '[{"name":"app","image":"app","memory":128}]'
      aws ecs create-service --cluster apps --service-name chat --task-definition app --desired-count 1
      arn=$(aws stepfunctions create-state-machine --name "vod-aigc-tokens-$STAGE-restart" --definition '{}' \
        --role-arn arn:aws:iam::123456789012:role/any --query stateMachineArn --output text)
      aws stepfunctions start-execution --state-machine-arn "$arn" --input '{"restart":{"service":"chat"}}'
    `)
    expect(await paste(block('describe-execution'))).toContain('{"restart":{"service":"chat"}}')
    const deployed = await paste(
      block('update-service').replace('CLUSTER', 'apps').replace('SERVICE', 'chat'),
    )
    expect(deployed).toContain('"status": "PRIMARY"')
  })

  it('upstream-errors and 5xx: show the last line of each', async () => {
    simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' })
    await list()
    expect(await paste(block('$.StaleServed = 1'))).toContain('"code":"UnauthorizedOperation"')
    expect(await paste(block('$.status >= 500'))).toContain('"code":"UnauthorizedOperation"')
  })

  it('slow, throttles and 429: show numbers, and who is turned away, and ask for more', async () => {
    // As serverless.yml has it written.
    const manifest = readFileSync(new URL('../../serverless.yml', import.meta.url), 'utf8')
    const format: string = parse(manifest, { logLevel: 'silent' }).provider.logs.httpApi.format
    const logged = (status: number, caller: string): Record<string, unknown> =>
      JSON.parse(
        format
          .replace('$context.status', String(status))
          .replace('$context.identity.userArn', caller)
          .replace('$context.identity.sourceIp', '192.0.2.1'),
      )
    const app = 'arn:aws:sts::123456789012:assumed-role/app/x'
    accessLog.push(logged(429, app), logged(200, 'somebody-else'), logged(429, '-'), logged(429, app))
    const turnedAway = (await paste(block('/aws/vendedlogs/'))).trimEnd().split('\n')
    expect(turnedAway.map((line) => line.trim())).toEqual([
      `2 "caller":"${app}","ip":"192.0.2.1"`,
      '1 "caller":"-","ip":"192.0.2.1"',
    ])
    // moto has no percentiles: the command runs, and a value is missing.
    await paste(block('UpstreamMs'))
    expect(await paste(block('TooManyRequests'))).toMatch(/\t7\.0\n$/)
    expect(await paste(block('AccountLimit'))).toContain('UnreservedConcurrentExecutions')
    expect(await paste(block('request-service-quota-increase'))).toContain('PENDING')
  })

  it('has commands between words that work too', async () => {
    expect(page.inline).toHaveLength(1)
    for (const command of page.inline)
      await paste(command.replace('NAME', '"vod-aigc-tokens/$STAGE/tencent-credentials"'))
  })

  it('has no command that was not run', () => {
    expect(page.untouched()).toEqual([])
  })
})

/**
 * The commands of docs/alarms.md, run as they are printed, with the AWS CLI: against moto, and for what moto has not (Lambda, and
 * filters for JSON in log groups) against a stand-in here, in front of the functions themselves.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { type FunctionProcess, startFunction } from '../support/function-process.ts'
import { matchesPattern } from '../support/log-filter.ts'
import { type Moto, motoMissing, onPath, startMoto } from '../support/moto.ts'
import { recordedWith } from '../support/recorded-events.ts'

const skipped =
  motoMissing ??
  (onPath('aws') || process.env['CI'] ? null : 'skipped without aws on PATH: pip install awscli')

/** The first block of commands of the page sets variables; these are the others, by the heading that they stand under. */
const page = readFileSync(new URL('../../docs/alarms.md', import.meta.url), 'utf8')
const [preamble = '', ...blocks] = [...page.matchAll(/^(?<indent> *)```sh\n(?<code>.*?)^ *```$/gms)].map(
  ({ groups }) => (groups?.['code'] ?? '').replaceAll(new RegExp(`^${groups?.['indent'] ?? ''}`, 'gm'), ''),
)
/** The block that holds this. */
function block(part: string): string {
  const found = blocks.filter((code) => code.includes(part))
  if (found.length === 0) throw new Error(`no command on the page has ${part}`)
  run.add(found[0] as string)
  return found[0] as string
}
const run = new Set<string>()

describe.skipIf(skipped)('docs/alarms.md', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'alarms-page-test-'))
  let moto: Moto
  let simulator: TencentSimulator
  let front: ReturnType<typeof createServer>
  const functions = new Map<string, FunctionProcess>()
  let reserved = 0

  beforeAll(async () => {
    moto = await startMoto()
    simulator = await startTencentSimulator({
      lagMs: 0,
      applications: [{ subAppId: 1500000001, tokens: ['token-a', 'token-b'] }],
    })
    front = createServer((request, response) => void serve(request, response).catch(() => request.destroy()))
    await once(front.listen(0, '127.0.0.1'), 'listening')
    const shared = {
      AIGC_VOD_ENDPOINT: simulator.url,
      AIGC_SUB_APP_IDS: '1500000001',
      AIGC_HTTP_AUTH: 'gateway',
      AIGC_SETTLE_SECONDS: '0',
      AIGC_CREDENTIALS_SECRET: 'vod-aigc-tokens/prod/tencent-credentials',
      AIGC_CACHE_SECONDS: '0',
      AIGC_STALE_SECONDS: '0',
      ...account(),
    }
    for (const name of ['list-tokens', 'mirror-tokens'] as const)
      functions.set(
        `vod-aigc-tokens-prod-${name}`,
        startFunction(name, {
          ...shared,
          AIGC_MIRROR_TARGETS: `file:${folder}/mirrored.json`,
          AWS_LAMBDA_FUNCTION_NAME: `vod-aigc-tokens-prod-${name}`,
        }),
      )
    await shell(`
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
    front?.close()
    await moto?.close()
    rmSync(folder, { recursive: true })
  })

  function account(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
    }
  }

  /** Runs commands as somebody would who pasted them. Returns what they print; throws when one fails. */
  async function shell(code: string, input = ''): Promise<string> {
    // The CLI that pip has is version 1, which takes payloads raw, and looks for SQS at an old address of AWS unless it is told
    // on the command line. The page is for version 2.
    const asVersion2 = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }'
    const pasted = `${preamble}${code}`.replaceAll('--cli-binary-format raw-in-base64-out', '')
    const commands = `set -euo pipefail\n${asVersion2}\n${pasted}`
    const { PATH = '', HOME = '' } = process.env
    const { AWS_REGION = '', ...others } = account()
    return new Promise((resolve, reject) => {
      const env = { PATH, HOME, ...others, AWS_DEFAULT_REGION: AWS_REGION, AWS_CONFIG_FILE: '/dev/null' }
      // Node's own pipes cannot be opened as /dev/stdout.
      const piped = ['-c', 'set -o pipefail; bash -c "$0" | cat', commands]
      const child = execFile('bash', piped, { cwd: folder, env }, (error, stdout, stderr) =>
        error ? reject(new Error(`${error.message}\n${stdout}${stderr}`)) : resolve(stdout),
      )
      child.stdin?.end(input)
    })
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request)
    const json = (value: unknown, headers: Record<string, string> = {}): void =>
      void response
        .writeHead(200, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(value))
    const { url = '', method = 'GET' } = request
    const [, name = '', what] = /^\/[\d-]+\/functions\/([^/]+)\/(invocations|concurrency)$/.exec(url) ?? []
    if (what === 'invocations') {
      const { result, error } = (await functions.get(name)?.invoke(JSON.parse(String(body)))) ?? {}
      if (error)
        return json(
          { errorType: error.name, errorMessage: error.message },
          { 'x-amz-function-error': 'Unhandled' },
        )
      return json(result)
    }
    if (what === 'concurrency') {
      if (method === 'PUT') reserved = JSON.parse(String(body)).ReservedConcurrentExecutions
      return json({ ReservedConcurrentExecutions: reserved })
    }
    if (/account-settings/.test(url))
      return json({ AccountLimit: { ConcurrentExecutions: 10, UnreservedConcurrentExecutions: 10 } })
    const target = String(request.headers['x-amz-target'])
    if (target.endsWith('.RequestServiceQuotaIncrease'))
      return json({ RequestedQuota: { ...JSON.parse(String(body)), Status: 'PENDING' } })
    if (target.endsWith('.FilterLogEvents')) {
      const { logGroupName, filterPattern, startTime } = JSON.parse(String(body))
      expect(startTime).toBeGreaterThan(Date.now() - 2 * 3_600_000)
      const lines = functions.get(logGroupName.replace('/aws/lambda/', ''))?.log() ?? []
      const found = lines.filter((line) => filterPattern === undefined || matchesPattern(filterPattern, line))
      return json({ events: found.map((line) => ({ message: JSON.stringify(line) })) })
    }
    const headers = Object.entries(request.headers).filter(
      ([header]) => !/^(host|connection|content-length)$/.test(header),
    )
    const answer = await fetch(`${moto.url}${url}`, {
      method,
      headers: headers.map(([header, value]): [string, string] => [header, String(value)]),
      ...(body.length > 0 && { body }),
    })
    response.writeHead(answer.status, { 'content-type': String(answer.headers.get('content-type')) })
    // The CLI sends to a queue's own address, which moto says is AWS's.
    const own = account()['AWS_ENDPOINT_URL'] ?? ''
    response.end((await answer.text()).replaceAll(/https?:\/\/[\w.-]*queue[\w.-]*\.amazonaws\.com/g, own))
  }

  const scheduled = recordedWith('eventbridge-scheduler.json', 'detail', {})
  const mirror = (event: unknown = scheduled) =>
    functions.get('vod-aigc-tokens-prod-mirror-tokens')?.invoke(event)
  const list = () =>
    functions.get('vod-aigc-tokens-prod-list-tokens')?.invoke(
      recordedWith('http-api-v2.json', 'requestContext.authorizer', {
        iam: { userArn: 'arn:aws:iam::123456789012:role/app' },
      }),
    )
  const key = () => JSON.stringify({ SecretId: simulator.secretId, SecretKey: simulator.secretKey })

  it('mirror-failed: says why, has the key put there, and reads and empties the queue', async () => {
    await mirror()
    expect(await shell(block('$.MirrorSuccess = 0'))).toMatch(/^\{.*Reading Tencent credentials.*\}\n$/)
    const said = await shell(block('put-secret-value'), key())
    expect(said).toContain('"Outcome":"created"')
    const queue = await shell(block('purge-queue'))
    expect(queue).toContain('a run that was given up')
    expect(await shell(block('purge-queue'))).not.toContain('a run that was given up')
  })

  it('mirror-held: shows the plan, and confirms it', async () => {
    for (const token of ['token-a', 'token-b']) simulator.vod.delete(1500000001, token)
    const plan = await shell(block('"DryRun":true'))
    expect(plan).toContain('"Outcome":"would-hold"')
    const digest = /"Digest":"(\w{64})"/.exec(plan)?.[1]
    expect(await shell(block('Confirm').replace('…', String(digest)))).toContain('"Outcome":"updated"')
  })

  it('mirror-stale: finds the schedule and the concurrency, puts both right, and shows how runs died', async () => {
    expect(await shell(block('--query State'))).toContain('"DISABLED"')
    const schedule = await shell(
      'aws scheduler get-schedule --group-name "vod-aigc-tokens-$STAGE" --name mirror-tokens',
    )
    expect(JSON.parse(schedule)).toMatchObject({
      State: 'ENABLED',
      Description: 'as it was',
      ScheduleExpression: 'rate(1 minute)',
      Target: { Input: '{}' },
    })
    expect(await shell(block('put-function-concurrency'))).toContain('"ReservedConcurrentExecutions": 0')
    expect(reserved).toBe(1)
    expect((await shell(block('tail -n 10'))).trimEnd().split('\n').length).toBeGreaterThan(2)
  })

  it('upstream-errors and 5xx: show the last line of each', async () => {
    simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' })
    await list()
    expect(await shell(block('$.StaleServed = 1'))).toContain('"code":"UnauthorizedOperation"')
    expect(await shell(block('$.status >= 500'))).toContain('"code":"UnauthorizedOperation"')
  })

  it('slow, throttles and 429: show numbers, and ask for more', async () => {
    // moto has no percentiles: the command runs, and a value is missing.
    await shell(block('UpstreamMs'))
    expect(await shell(block('TooManyRequests'))).toMatch(/\t7\.0\n$/)
    expect(await shell(block('AccountLimit'))).toContain('UnreservedConcurrentExecutions')
    expect(await shell(block('request-service-quota-increase'))).toContain('PENDING')
  })

  it('has commands between words that work too', async () => {
    const commands = [...page.matchAll(/`(aws [^`]*)`/g)].map(([, command = '']) => command)
    expect(commands).toHaveLength(1)
    for (const command of commands)
      await shell(command.replace('NAME', '"vod-aigc-tokens/$STAGE/tencent-credentials"'))
  })

  it('has no command that was not run', () => {
    expect(blocks.filter((code) => !run.has(code))).toEqual([])
  })
})

/** `mirror-tokens` as it is deployed: the built bundle in its own process, the simulator, moto and files. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { fingerprint } from '../../lib/digest.ts'
import type { MirrorReport } from '../../lib/mirror/report.ts'
import { versionId } from '../../lib/stores/document.ts'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { mirrored } from '../support/documents.ts'
import { faults } from '../support/faults.ts'
import { type Answer, type FunctionProcess, startFunction } from '../support/function-process.ts'
import { type Moto, motoMissing, startMoto } from '../support/moto.ts'
import { recorded } from '../support/recorded-events.ts'

const subAppId = 7
const everyTime = Number.POSITIVE_INFINITY
const scheduled = recorded('eventbridge-scheduler.json')

let simulator: TencentSimulator
let folder: string
const running: FunctionProcess[] = []

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mirror-test-'))
})
beforeEach(async () => {
  await simulator?.close()
  simulator = await startTencentSimulator({ applications: [{ subAppId }, { subAppId: 2 }], lagMs: 0 })
})
afterAll(async () => {
  await Promise.all(running.map((one) => one.close()))
  await simulator.close()
  rmSync(folder, { recursive: true })
})

function start(targets: string, changes: Record<string, string> = {}): FunctionProcess {
  const started = startFunction('mirror-tokens', {
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SUB_APP_IDS: `${subAppId}`,
    AIGC_MIRROR_TARGETS: targets,
    AIGC_SETTLE_SECONDS: '0',
    AIGC_TIMEOUT_MS: '2500',
    ...changes,
  })
  running.push(started)
  return started
}

/** The report, from the result or from the message of the error. */
function reportOf({ result, error }: Answer): MirrorReport {
  return (result ?? JSON.parse(/\{"Digest".*\}/s.exec(error?.message ?? '')?.[0] ?? 'null')) as MirrorReport
}

const outcomes = (answer: Answer): string[] => reportOf(answer).Results.map(({ Outcome }) => Outcome)

describe('mirror-tokens beside what hangs', () => {
  /** A server that swallows so many requests, or all until it is told to answer; then it gives AWS credentials. */
  async function startCredentials(swallow = everyTime) {
    let asked = 0
    const server = createServer((_, response) => {
      if (asked++ < swallow) return
      const Expiration = new Date(Date.now() + 3_600_000).toISOString()
      const keys = { AccessKeyId: 'id', SecretAccessKey: 'key', Token: 'token', Expiration }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(keys))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      asked: () => asked,
      recover: () => {
        swallow = 0
      },
    }
  }

  it.skipIf(motoMissing)(
    'serves the healthy targets, ends, and recovers when AWS credentials are to be had again',
    async () => {
      const [moto, endpoint] = [await startMoto(), await startCredentials()]
      onTestFinished(() => moto.close())
      simulator.vod.create(subAppId, 'token-a')
      const path = join(folder, 'beside-hanging')
      const fn = start(`aws-secretsmanager:beside-hanging file:${path}`, {
        AIGC_TIMEOUT_MS: '1500',
        AWS_ENDPOINT_URL: moto.url,
        AWS_REGION: 'eu-west-1',
        AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoint.url,
      })
      const first = await fn.invoke({})
      expect(outcomes(first)).toEqual(['failed', 'created'])
      expect(reportOf(first).Results[0]?.Reason).toContain('Timeout')
      expect(readFileSync(path, 'utf8')).toBe(mirrored(['token-a']))
      endpoint.recover()
      expect(outcomes(await fn.invoke({}))).toEqual(['created', 'unchanged'])
    },
  )

  it.skipIf(motoMissing)('recovers when one answer of AWS credentials was swallowed', async () => {
    const [moto, endpoint] = [await startMoto(), await startCredentials(1)]
    onTestFinished(() => moto.close())
    simulator.vod.create(subAppId, 'token-a')
    const fn = start('aws-secretsmanager:one-swallowed', {
      AIGC_TIMEOUT_MS: '1500',
      AWS_ENDPOINT_URL: moto.url,
      AWS_REGION: 'eu-west-1',
      AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoint.url,
    })
    // The first run may have the time to ask again.
    await fn.invoke({})
    expect(outcomes(await fn.invoke({}))).not.toContain('failed')
  })

  it('leaves nothing behind that keeps the process, and prints only lines of JSON, when AWS credentials hang', async () => {
    const endpoint = await startCredentials()
    simulator.vod.create(subAppId, 'token-a')
    const fn = start('aws-secretsmanager:any', {
      AWS_REGION: 'eu-west-1',
      AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoint.url,
    })
    expect(outcomes(await fn.invoke({}))).toEqual(['failed'])
    expect(endpoint.asked()).toBeGreaterThan(0)
    await fn.close()
    running.splice(running.indexOf(fn), 1)
    expect(fn.output().replaceAll(/^\{.*\}\n/gm, '')).toBe('')
  })

  it('starts a credential process that hangs once, not at every attempt of every run', async () => {
    const path = join(folder, 'hanging-process')
    writeFileSync(`${path}.sh`, `echo started >> ${path}.starts\nexec sleep 60\n`)
    writeFileSync(path, `[default]\ncredential_process = sh ${path}.sh\n`)
    simulator.vod.create(subAppId, 'token-a')
    const fn = start('aws-secretsmanager:any', {
      AIGC_TIMEOUT_MS: '1500',
      AWS_REGION: 'eu-west-1',
      AWS_CONFIG_FILE: path,
    })
    for (let run = 0; run < 4; run++) expect(outcomes(await fn.invoke({}))).toEqual(['failed'])
    expect(readFileSync(`${path}.starts`, 'utf8')).toBe('started\n')
    await fn.kill()
    running.splice(running.indexOf(fn), 1)
  })

  const files = [
    'AWS_CONFIG_FILE',
    'AWS_SHARED_CREDENTIALS_FILE',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
    'the file of a profile',
  ]
  it.each(files)('says so in every run while a FIFO is %s, and recovers', async (name) => {
    const hanging = (await startCredentials()).url
    const path = join(folder, `fifo-${name.replaceAll(' ', '-')}`)
    execFileSync('mkfifo', [path])
    writeFileSync(
      `${path}.config`,
      `[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nweb_identity_token_file = ${path}\n`,
    )
    simulator.vod.create(subAppId, 'token-a')
    const fn = start(`aws-secretsmanager:any file:${path}.good`, {
      AWS_REGION: 'eu-west-1',
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/x',
      AWS_ENDPOINT_URL: hanging,
      ...(name.startsWith('the') ? { AWS_CONFIG_FILE: `${path}.config` } : { [name]: path }),
      ...(name.includes('CONTAINER') && { AWS_CONTAINER_CREDENTIALS_FULL_URI: hanging }),
    })
    // As many as Node has threads for files, and one more.
    for (const outcome of ['created', ...Array.from({ length: 4 }, () => 'unchanged')]) {
      const answer = await fn.invoke({})
      expect(outcomes(answer)).toEqual(['failed', outcome])
      expect(reportOf(answer).Results[0]?.Reason).toMatch(
        name.startsWith('the') ? /NotAFile: web_identity_token_file of/ : `NotAFile: ${name} is a FIFO`,
      )
    }
    rmSync(path)
    writeFileSync(path, name.endsWith('TOKEN_FILE') || name.startsWith('the') ? 'a token' : '')
    expect(reportOf(await fn.invoke({})).Results[0]?.Reason).not.toContain('NotAFile')
    await fn.kill()
    running.splice(running.indexOf(fn), 1)
  })

  const sources: [what: string, make: (path: string, hanging: string) => Record<string, string>][] = [
    [
      'credential process never answers',
      (path) => {
        writeFileSync(path, '[default]\ncredential_process = sleep 5\n')
        return { AWS_CONFIG_FILE: path }
      },
    ],
    [
      'web identity endpoint never answers',
      (path, hanging) => {
        writeFileSync(path, 'a token')
        return {
          AWS_WEB_IDENTITY_TOKEN_FILE: path,
          AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/x',
          AWS_ENDPOINT_URL_STS: hanging,
        }
      },
    ],
  ]
  it.each(sources)(
    'serves the healthy targets in every run of an instance whose AWS %s',
    async (what, make) => {
      const path = join(folder, `beside ${what}`.replaceAll(' ', '-'))
      simulator.vod.create(subAppId, 'token-a')
      const fn = start(`aws-secretsmanager:beside file:${path}`, {
        AIGC_TIMEOUT_MS: '1500',
        AWS_REGION: 'eu-west-1',
        ...make(`${path}.source`, (await startCredentials()).url),
      })
      for (const outcome of ['created', 'unchanged', 'unchanged'])
        expect(outcomes(await fn.invoke({}))).toEqual(['failed', outcome])
      // What it still waits for would keep it.
      await fn.kill()
      running.splice(running.indexOf(fn), 1)
    },
  )

  it.each(['fifo', 'link'])('serves the healthy targets when another is a %s', async (name) => {
    const path = join(folder, `odd-${name}`)
    execFileSync('mkfifo', [`${path}.fifo`])
    if (name === 'link') symlinkSync(`${path}.fifo`, path)
    simulator.vod.create(subAppId, 'token-a')
    const odd = name === 'link' ? path : `${path}.fifo`
    const fn = start(`file:${odd} file:/proc/nope/x.json file:${path}.good`)
    expect(outcomes(await fn.invoke({}))).toEqual(['failed', 'failed', 'created'])
  })

  it('keeps the platform’s limit when the calendar is set back an hour during the run', async () => {
    const path = join(folder, 'set-back')
    writeFileSync(path, mirrored(['token-a', 'token-b']))
    simulator.vod.create(subAppId, 'token-a')
    simulator.fail({ kind: 'slow', ms: 600 })
    const fn = start(`file:${path}`, { AIGC_SETTLE_SECONDS: '10' })
    const running = fn.invoke({}, { limitMs: 5_000 })
    setTimeout(() => fn.setClock(-3_600_000), 300)
    const answer = await running
    expect(outcomes(answer)).toEqual(['deferred'])
  })
})

describe('mirror-tokens to a file', () => {
  it.each(['eventbridge-rule.json', 'eventbridge-scheduler.json', 'scf-timer.json', 'manual-empty.json'])(
    'runs for %s',
    async (name) => {
      const path = join(folder, name)
      simulator.vod.create(subAppId, 'token-a')
      const fn = start(`file:${path}`)
      expect(outcomes(await fn.invoke(recorded(name), { scf: name.startsWith('scf') }))).toEqual(['created'])
      expect(readFileSync(path, 'utf8')).toBe(mirrored(['token-a']))
      expect(statSync(path).mode & 0o777).toBe(0o600)
      expect(fn.log()).toMatchObject([
        {
          level: 'info',
          event: 'mirror-tokens',
          trigger: name.startsWith('manual') ? 'manual' : name.replace('.json', ''),
        },
      ])
    },
  )

  it('follows a rotation: addition, settled removal', async () => {
    const path = join(folder, 'rotation')
    const fn = start(`file:${path}`)
    simulator.vod.create(subAppId, 'token-b')
    await fn.invoke(scheduled)
    simulator.vod.create(subAppId, 'token-a')
    simulator.vod.delete(subAppId, 'token-b')
    const answer = await fn.invoke(scheduled)
    expect(reportOf(answer).Results[0]).toMatchObject({
      Outcome: 'updated',
      Added: [fingerprint('token-a')],
      Removed: [fingerprint('token-b')],
      VersionId: versionId(mirrored(['token-a'])),
    })
    expect(readFileSync(path, 'utf8')).toBe(mirrored(['token-a']))
    expect(answer.timers).toEqual([])
  })

  it.each([
    [2, 'info'],
    [1, 'warn'],
  ])('counts what is listed; of a limit of %i its line is an %s', async (limit, level) => {
    simulator.vod.create(subAppId, 'token-a')
    simulator.vod.create(subAppId, 'token-b')
    const fn = start(`file:${folder}/limit-${limit}`, {
      AIGC_TOKEN_LIMIT: `${limit}`,
      AWS_LAMBDA_FUNCTION_NAME: 'mirror',
    })
    expect(outcomes(await fn.invoke(scheduled))).toEqual(['created'])
    const note = level === 'warn' ? expect.stringContaining('more than AIGC_TOKEN_LIMIT (1)') : undefined
    const line = fn.log().find(({ event }) => event === 'mirror-tokens')
    expect(line).toMatchObject({ level, listed: 2, TokensListed: 2 })
    expect(line?.['note']).toEqual(note)
  })

  it('keeps the last half second for its report', async () => {
    simulator.vod.create(subAppId, 'token-a')
    const fn = start(`file:${folder}/no-time`)
    expect(outcomes(await fn.invoke(scheduled, { limitMs: 450 }))).toEqual(['failed'])
    expect(simulator.calls).toHaveLength(0)
  })

  it('ends with a report within the time limit that SCF gives', async () => {
    simulator.vod.create(subAppId, 'token-a')
    simulator.fail({ kind: 'hang' }, everyTime)
    const fn = start(`file:${folder}/late`, { AIGC_TIMEOUT_MS: '900000' })
    expect(outcomes(await fn.invoke(scheduled, { limitMs: 3_000, scf: true }))).toEqual(['failed'])
  })

  it.each(faults)('takes nothing out of the secret for $name: $mirror', async ({ name, fault, mirror }) => {
    const path = join(folder, 'untouched')
    const before = mirrored(['token-a', 'token-b', 'token-c', 'token-d', 'token-e'])
    writeFileSync(path, before)
    for (const token of JSON.parse(before).ApiTokens) simulator.vod.create(subAppId, token)
    simulator.fail(fault, everyTime)
    const answer = await start(`file:${path}`, { AIGC_MIN_KEEP: '0.9' }).invoke(scheduled)
    expect(answer.error?.name).toBe(mirror === 'unchanged' ? undefined : 'MirrorIncomplete')
    expect(outcomes(answer)).toEqual([mirror])
    if (name !== 'shrunk') expect(readFileSync(path, 'utf8')).toBe(before)
    // Of what is short only the pick is believed.
    expect(JSON.parse(readFileSync(path, 'utf8')).ApiTokens).toEqual(JSON.parse(before).ApiTokens)
  })
})

describe.skipIf(motoMissing)('mirror-tokens to AWS Secrets Manager', () => {
  let moto: Moto
  let client: SecretsManagerClient
  let aws: Record<string, string>

  beforeAll(async () => {
    moto = await startMoto()
    const credentials = { accessKeyId: 'moto-access-key', secretAccessKey: 'moto-secret-access-key' }
    client = new SecretsManagerClient({ endpoint: moto.url, region: 'eu-west-1', credentials })
    aws = {
      AWS_ENDPOINT_URL: moto.url,
      AWS_REGION: 'eu-west-1',
      AIGC_TIMEOUT_MS: '10000',
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    }
  })
  afterAll(async () => {
    client.destroy()
    await moto.close()
  })

  const value = async (SecretId: string, VersionStage = 'AWSCURRENT'): Promise<string | undefined> =>
    (await client.send(new GetSecretValueCommand({ SecretId, VersionStage }))).SecretString
  const versions = async (SecretId: string): Promise<number> =>
    (await client.send(new ListSecretVersionIdsCommand({ SecretId, IncludeDeprecated: true }))).Versions
      ?.length ?? 0

  it('creates, then writes nothing for a hundred shuffled and doubled lists', async () => {
    for (const token of ['token-a', 'token-b', 'token-c']) simulator.vod.create(subAppId, token)
    // More runs than Tencent allows calls in a second: the client waits.
    const fn = start('aws-secretsmanager:created', { ...aws, AIGC_TIMEOUT_MS: '10000' })
    expect(outcomes(await fn.invoke(scheduled))).toEqual(['created'])
    for (let run = 0; run < 100; run++) {
      if (run % 2)
        simulator.fail({
          kind: 'garbage-list',
          value: ['token-c', 'token-a', 'token-b', 'token-c', 'token-a'],
        })
      expect(outcomes(await fn.invoke(scheduled))).toEqual(['unchanged'])
    }
    expect(await value('created')).toBe(mirrored(['token-a', 'token-b', 'token-c']))
    expect(await versions('created')).toBe(1)
  })

  it('fills a secret without a value and updates it; the value before stays AWSPREVIOUS', async () => {
    await client.send(new CreateSecretCommand({ Name: 'filled' }))
    const fn = start('aws-secretsmanager:filled', aws)
    simulator.vod.create(subAppId, 'token-a')
    expect(outcomes(await fn.invoke(scheduled))).toEqual(['created'])
    simulator.vod.create(subAppId, 'token-b')
    expect(outcomes(await fn.invoke(scheduled))).toEqual(['updated'])
    expect(await value('filled')).toBe(mirrored(['token-a', 'token-b']))
    expect(await value('filled', 'AWSPREVIOUS')).toBe(mirrored(['token-a']))
  })

  it('refuses a foreign secret and takes it over with adopt=true', async () => {
    simulator.vod.create(subAppId, 'token-a')
    await client.send(new CreateSecretCommand({ Name: 'foreign', SecretString: 'somebody-elses-password' }))
    const answer = await start('aws-secretsmanager:foreign', aws).invoke(scheduled)
    expect([answer.error?.name, outcomes(answer)]).toEqual(['MirrorIncomplete', ['refused']])
    expect(answer.error?.message).toContain('does not carry our mark; add adopt=true')
    expect(answer.error?.message).not.toContain('somebody-elses-password')
    expect(await value('foreign')).toBe('somebody-elses-password')
    const adopting = start('aws-secretsmanager:foreign?adopt=true', aws)
    expect(outcomes(await adopting.invoke(scheduled))).toEqual(['updated'])
    expect(await value('foreign', 'AWSPREVIOUS')).toBe('somebody-elses-password')
    expect(outcomes(await start('aws-secretsmanager:foreign', aws).invoke(scheduled))).toEqual(['unchanged'])
  })

  it('ends with the same bytes on both clouds, also after one of them was down for a while', async () => {
    const both = 'aws-secretsmanager:both tencent-ssm:both'
    const fn = start(both, { ...aws, AIGC_SSM_ENDPOINT: simulator.url })
    const onTencent = (): string | undefined => simulator.ssm.versions('ap-singapore', 'both')['current']
    for (const token of ['token-a', 'token-b']) simulator.vod.create(subAppId, token)
    expect(outcomes(await fn.invoke(scheduled))).toEqual(['created', 'created'])
    expect(onTencent()).toBe(await value('both'))

    simulator.ssm.purchased = false
    for (const [created, deleted] of [
      ['token-c', 'token-a'],
      ['token-0', 'token-b'],
    ] as const) {
      simulator.vod.create(subAppId, created)
      simulator.vod.delete(subAppId, deleted)
      const down = await fn.invoke(scheduled)
      expect([down.error?.name, outcomes(down)]).toEqual(['MirrorIncomplete', ['updated', 'failed']])
      expect(down.error?.message).toContain('switch Secrets Manager on in the Tencent Cloud console')
    }
    expect(onTencent()).toBe(mirrored(['token-a', 'token-b']))

    simulator.ssm.purchased = true
    expect(outcomes(await fn.invoke(scheduled))).toEqual(['unchanged', 'updated'])
    expect(onTencent()).toBe(await value('both'))
    expect(onTencent()).toBe(mirrored(['token-0', 'token-c'], { ApiToken: 'token-c' }))
    expect(simulator.ssm.versions('ap-singapore', 'both')['previous']).toContain('token-a')
  })
})

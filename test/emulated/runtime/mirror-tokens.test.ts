/** `mirror-tokens` under AWS's own runtime client, as `npx serverless package` would deploy it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { describe, expect, it } from 'vitest'
import { mirrored } from '../../support/documents.ts'
import { motoMissing, startMoto } from '../../support/moto.ts'
import { recorded, requests, schedules } from '../../support/recorded-events.ts'
import {
  createWorld,
  expectNoGrowth,
  nodeVersion,
  postedErrors,
  readLog,
  subAppIds,
  tokens,
} from './world.ts'

const everyTime = Number.POSITIVE_INFINITY
const noWaiting = { AIGC_SETTLE_SECONDS: '0' }
const scheduled = recorded('eventbridge-rule.json')
const document = mirrored(tokens, { SubAppId: subAppIds[0] ?? null })

/** The report within the message of an error. */
function reportIn(message = ''): { Results: Record<string, unknown>[] } {
  return JSON.parse(/\{"Digest".*\}/s.exec(message)?.[0] ?? '{}')
}

describe(`mirror-tokens on Lambda with Node ${nodeVersion}`, () => {
  it('mirrors for every schedule and by hand', async (context) => {
    const { simulator, folder, start } = await createWorld('mirror-tokens', context)
    const fn = await start({ ...noWaiting, AIGC_MIRROR_TARGETS: `file:${folder}/mirrored` })
    for (const file of [...schedules, 'manual-empty.json']) {
      writeFileSync(`${folder}/mirrored`, document.replace(tokens[1] ?? '', `CANARY-gone-for-${file}`))
      const { result } = await fn.invoke(recorded(file))
      expect([file, result]).toMatchObject([file, { Results: [{ Outcome: 'updated' }] }])
      expect(readFileSync(`${folder}/mirrored`, 'utf8')).toBe(document)
    }
    expect(simulator.calls.length).toBeGreaterThan(schedules.length)
  })

  it('throws InputInvalid for every HTTP trigger and for unknown fields', async (context) => {
    const { simulator, folder, start } = await createWorld('mirror-tokens', context)
    const fn = await start({ AIGC_MIRROR_TARGETS: `file:${folder}/mirrored` })
    for (const file of requests) {
      const { error } = await fn.invoke(recorded(file))
      expect([file, error?.errorType]).toEqual([file, 'InputInvalid'])
      expect(error?.errorMessage).toContain('send HTTP to list-tokens')
    }
    const { error } = await fn.invoke(recorded('manual-fields.json'))
    expect(error?.errorType).toBe('InputInvalid')
    expect(error?.errorMessage).toContain('Reveal')
    expect(simulator.calls).toEqual([])
  })

  it('throws its whole report when targets fail, a hundred of them too', async (context) => {
    const { folder, start } = await createWorld('mirror-tokens', context)
    writeFileSync(`${folder}/foreign`, 'CANARY-foreign-password')
    const broken = Array.from({ length: 100 }, (_, i) => `file:${folder}/foreign/${i}`)
    const fn = await start({ AIGC_MIRROR_TARGETS: [`file:${folder}/foreign`, ...broken].join() })
    const { error } = await fn.invoke(scheduled)
    expect(error?.errorType).toBe('MirrorIncomplete')
    const outcomes = reportIn(error?.errorMessage).Results.map(({ Outcome }) => Outcome)
    expect(outcomes).toEqual(['refused', ...broken.map(() => 'failed')])
    await fn.close()
    expect(readLog(fn)).toMatchObject([{ MirrorSuccess: 0, MirrorFailure: 1 }])
  })

  it('starts with settings that cannot be used, and every invocation names them all', async (context) => {
    const { start } = await createWorld('mirror-tokens', context)
    const bad = { AIGC_MIN_KEEP: 'CANARY-share', AIGC_MIRROR_TARGETS: 'CANARY-target' }
    const fn = await start(bad)
    for (let i = 0; i < 2; i++) {
      const { error } = await fn.invoke(scheduled)
      expect(error?.errorType).toBe('ConfigInvalid')
      for (const name of Object.keys(bad)) expect(error?.errorMessage).toContain(name)
    }
    expect(postedErrors(fn, 'init')).toEqual([])
  })

  it('reports a timeout before its deadline when Tencent does not answer', async (context) => {
    const { simulator, folder, start } = await createWorld('mirror-tokens', context)
    const fn = await start({ AIGC_MIRROR_TARGETS: `file:${folder}/mirrored`, AIGC_TIMEOUT_MS: '60000' })
    simulator.fail({ kind: 'hang' }, everyTime)
    const { error } = await fn.invoke(scheduled, 2_000)
    expect(error?.errorType).toBe('MirrorIncomplete')
    expect(reportIn(error?.errorMessage).Results).toMatchObject([
      { Outcome: 'failed', Reason: expect.stringContaining('ClientError.Timeout') },
    ])
  })

  it.skipIf(motoMissing)('writes to AWS Secrets Manager with the aws.js of its zip', async (context) => {
    const { start } = await createWorld('mirror-tokens', context)
    const moto = await startMoto()
    context.onTestFinished(() => moto.close())
    const client = new SecretsManagerClient({
      endpoint: moto.url,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'reader', secretAccessKey: 'reader' },
    })
    context.onTestFinished(() => client.destroy())
    const targets = { AIGC_MIRROR_TARGETS: 'aws-secretsmanager:prod/aigc', AWS_ENDPOINT_URL: moto.url }
    const fn = await start({ ...noWaiting, ...targets })
    for (const Outcome of ['created', 'unchanged'])
      expect((await fn.invoke(scheduled)).result).toMatchObject({ Results: [{ Outcome }] })
    const secret = await client.send(new GetSecretValueCommand({ SecretId: 'prod/aigc' }))
    expect(secret.SecretString).toBe(document)
  })

  it('keeps nothing of a hundred invocations', async (context) => {
    const { simulator, folder, start } = await createWorld('mirror-tokens', context)
    const targets = `file:${folder}/mirrored,file:${folder}/no/folder,tencent-ssm:mirrored`
    const fn = await start({ ...noWaiting, AIGC_MIRROR_TARGETS: targets })
    for (let i = 0; i < 10; i++) {
      simulator.fail({ kind: 'slow', ms: 0 }, 10)
      simulator.fail({ kind: 'reset' })
    }
    await expectNoGrowth(fn, [scheduled, { DryRun: true }], { warm: 20, times: 100 })
    expect(simulator.calls.length).toBeGreaterThan(200)
  })
})

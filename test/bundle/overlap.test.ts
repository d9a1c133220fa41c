/** Two processes mirror at the same time, again and again, while the set changes: moto, the simulator's SSM and a file. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parseDocument } from '../../lib/stores/document.ts'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { type FunctionProcess, startFunction } from '../support/function-process.ts'
import { type Moto, motoMissing, startMoto } from '../support/moto.ts'

const subAppId = 251006666
const rounds = 50

describe.skipIf(motoMissing)('mirror-tokens in two processes at the same time', () => {
  let moto: Moto
  let simulator: TencentSimulator
  let client: SecretsManagerClient
  let folder: string
  let runners: FunctionProcess[]

  beforeAll(async () => {
    vi.stubEnv('AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED', 'true')
    moto = await startMoto()
    simulator = await startTencentSimulator({
      applications: [{ subAppId, tokens: ['token-0', 'token-1'] }],
      lagMs: 0,
    })
    folder = mkdtempSync(join(tmpdir(), 'overlap-test-'))
    const credentials = { accessKeyId: 'moto-access-key', secretAccessKey: 'moto-secret-access-key' }
    client = new SecretsManagerClient({ endpoint: moto.url, region: 'eu-west-1', credentials })
    runners = [1, 2].map(() =>
      startFunction('mirror-tokens', {
        AIGC_SECRET_ID: simulator.secretId,
        AIGC_SECRET_KEY: simulator.secretKey,
        AIGC_VOD_ENDPOINT: simulator.url,
        AIGC_SSM_ENDPOINT: simulator.url,
        AIGC_SUB_APP_IDS: `${subAppId}`,
        AIGC_MIRROR_TARGETS: `aws-secretsmanager:overlap tencent-ssm:overlap file:${folder}/overlap`,
        AIGC_SETTLE_SECONDS: '0',
        AWS_ENDPOINT_URL: moto.url,
        AWS_REGION: 'eu-west-1',
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      }),
    )
  })
  afterAll(async () => {
    await Promise.all(runners.map((runner) => runner.close()))
    client.destroy()
    await simulator.close()
    await moto.close()
    rmSync(folder, { recursive: true })
  })

  // Without the label moto answers with what was last put, even after AWSCURRENT was moved away from it.
  const labelled = new GetSecretValueCommand({ SecretId: 'overlap', VersionStage: 'AWSCURRENT' })
  const held = async (): Promise<string[]> => [
    (await client.send(labelled)).SecretString ?? '',
    simulator.ssm.versions('ap-singapore', 'overlap')['current'] ?? '',
    readFileSync(`${folder}/overlap`, 'utf8'),
  ]

  it(`never ends wrong in ${rounds} rounds, and all targets hold the same bytes`, async () => {
    const [first, second] = runners as [FunctionProcess, FunctionProcess]
    await first.invoke({})
    for (let round = 2; round < rounds + 2; round++) {
      // One token comes and one goes: before the runs, or while they are at it.
      const change = (): void => {
        simulator.vod.create(subAppId, `token-${round}`)
        simulator.vod.delete(subAppId, `token-${round - 2}`)
      }
      const late = round % 2 === 0
      if (!late) change()
      const runs = [first.invoke({}), second.invoke({})]
      if (late) change()
      await Promise.all(runs)
      for (const value of await held()) {
        const { ApiTokens } = parseDocument(value) ?? {}
        expect(ApiTokens, value).toContain(`token-${round - 1}`)
      }

      // The runs overlapped the change, or each other; the next one, alone, ends with the truth.
      const { error } = await (late ? first : second).invoke({})
      expect(error).toBeUndefined()
      const values = await held()
      expect(new Set(values).size, values.join('\n')).toBe(1)
      expect(parseDocument(values[0] ?? '')?.ApiTokens).toEqual(simulator.vod.list(subAppId).sort())
    }
  }, 300_000)
})

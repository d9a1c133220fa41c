import { type Call, startTencentSimulator } from '../../simulator/simulator.ts'
import type { Bundles } from '../bundles.ts'
import { judge } from '../goals.ts'
import { type Program, startProgram } from '../processes.ts'
import { median, round } from '../rounds.ts'
import { type SecretsManager, startSecretsManager } from '../secrets-manager.ts'
import type { Topic } from './topic.ts'

const callsPerSecond = 20
const targetsEach = 2
const megabyte = 1_000_000
/** A run by hand. */
const event = '{}'

export const mirror: Topic = {
  title: 'Runs of mirror-tokens',

  async measure({ bundles, quick }) {
    const calm = await runUnchanged(bundles)
    const applications = quick ? 100 : 1_000
    const many = await runMany(bundles, applications)
    const dictatedSeconds = applications / callsPerSecond
    return {
      how:
        'The built bundle against a simulator of Tencent that verifies and counts, and a stub of AWS Secrets Manager ' +
        `that counts. The large run creates ${applications.toLocaleString('en')} x ${targetsEach} secrets` +
        `${quick ? ' (1,000 x 2 in a full run)' : ''}.`,
      rows: [
        {
          run: 'nothing changed, one target',
          'upstream calls': calm.upstream,
          'store calls': calm.store,
          seconds: '',
          'most calls in a second': '',
          'MB at a third': '',
          'MB at the end': '',
          'store connections': '',
        },
        {
          run: `${applications.toLocaleString('en')} applications, ${targetsEach} targets each`,
          'upstream calls': many.upstream,
          'store calls': many.store,
          seconds: round(many.seconds),
          'most calls in a second': many.peak,
          'MB at a third': round(many.residentEarly),
          'MB at the end': round(many.residentLate),
          'store connections': many.storeConnections,
        },
      ],
      goals: [
        judge('mirror/upstream', calm.upstream),
        judge('mirror/store', calm.store),
        judge('mirror/rate', many.peak),
        judge('mirror/time', many.seconds / dictatedSeconds, {
          ours: `${round(many.seconds)} s`,
          beside: `${round(dictatedSeconds)} s`,
        }),
        judge('mirror/memory', many.residentLate / many.residentEarly, {
          ours: `${round(many.residentLate)} MB`,
          beside: `${round(many.residentEarly)} MB`,
        }),
      ],
    }
  },
}

/** A second run over one application and one target that are in step. */
async function runUnchanged(bundles: Bundles): Promise<{ upstream: number; store: number }> {
  return withWorld(bundles, [1], ['aws-secretsmanager:bench'], async ({ calls, secrets, run }) => {
    expectOutcomes(await run(), 'created', 1)
    calls.length = 0
    secrets.calls.clear()
    expectOutcomes(await run(), 'unchanged', 1)
    return { upstream: calls.length, store: total(secrets) }
  })
}

async function runMany(bundles: Bundles, applications: number) {
  const ids = Array.from({ length: applications }, (_, i) => i + 1)
  const targets = Array.from({ length: targetsEach }, (_, i) => `aws-secretsmanager:bench-${i}-{SubAppId}`)
  return withWorld(bundles, ids, targets, async ({ calls, secrets, watch }) => {
    const started = performance.now()
    const { result, rss } = await watch()
    const seconds = (performance.now() - started) / 1000
    expectOutcomes(result, 'created', applications * targetsEach)
    if (secrets.count() !== applications * targetsEach)
      throw new Error(`the stub should hold ${applications * targetsEach} secrets: ${secrets.count()}`)
    const at = (share: number): number => {
      const middle = Math.floor(rss.length * share)
      return median(rss.slice(Math.max(0, middle - 5), middle + 1)) / megabyte
    }
    return {
      upstream: calls.length,
      store: total(secrets),
      storeConnections: secrets.connections(),
      seconds,
      peak: mostInASecond(calls),
      residentEarly: at(1 / 3),
      residentLate: at(1),
    }
  })
}

interface World {
  readonly calls: Call[]
  readonly secrets: SecretsManager
  /** One run, by hand; its result. */
  run(): Promise<unknown>
  /** The same, and the process's resident sets meanwhile, in bytes. */
  watch(): Promise<{ readonly result: unknown; readonly rss: readonly number[] }>
}

/** Tencent with these applications, a token each; an AWS without secrets; and the mirror between them. */
async function withWorld<T>(
  bundles: Bundles,
  subAppIds: readonly number[],
  targets: readonly string[],
  use: (world: World) => Promise<T>,
): Promise<T> {
  const applications = subAppIds.map((subAppId) => ({ subAppId, tokens: [`token-of-${subAppId}`] }))
  const simulator = await startTencentSimulator({ applications, lagMs: 0 })
  const secrets = await startSecretsManager()
  let program: Program | undefined
  try {
    program = startProgram(bundles.program('function'), [bundles.functions['mirror-tokens']], {
      env: {
        AIGC_VOD_ENDPOINT: simulator.url,
        AIGC_SECRET_ID: simulator.secretId,
        AIGC_SECRET_KEY: simulator.secretKey,
        AIGC_SUB_APP_IDS: subAppIds.join(','),
        AIGC_MIRROR_TARGETS: targets.join(' '),
        ...secrets.environment,
      },
    })
    const { ask } = program
    const made = await use({
      calls: simulator.calls,
      secrets,
      run: async () => (await ask<{ result: unknown }>('invoke', { event, count: 1 })).result,
      watch: () => ask('watch', { event, everyMs: 200 }),
    })
    const refused = simulator.calls.find(({ outcome }) => outcome !== 'ok')
    if (refused) throw new Error(`Tencent's simulator refused a call: ${refused.outcome}`)
    return made
  } finally {
    await program?.close()
    await secrets.close()
    await simulator.close()
  }
}

function expectOutcomes(result: unknown, outcome: string, count: number): void {
  const { Results = [] } = result as { Results?: { Outcome: string }[] }
  const good = Results.filter(({ Outcome }) => Outcome === outcome).length
  if (good !== count || Results.length !== count)
    throw new Error(
      `the mirror should report ${count} targets ${outcome}, but ${good} of ${Results.length} are`,
    )
}

function total({ calls }: SecretsManager): number {
  return [...calls.values()].reduce((sum, count) => sum + count, 0)
}

/** In any span of a second, wherever it begins. */
function mostInASecond(calls: readonly Call[]): number {
  const times = calls.map(({ at }) => at)
  return Math.max(0, ...times.map((end, i) => i + 1 - times.findIndex((start) => start > end - 1000)))
}

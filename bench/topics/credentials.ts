import { functionEnvironment, httpEvent } from '../invocation.ts'
import { type ColdStart, startCold } from '../processes.ts'
import { expectTokensInReply, secretId, secretKey } from '../request.ts'
import { interleave, median, medianRatio, round } from '../rounds.ts'
import { startSecretsManager } from '../secrets-manager.ts'
import { startServer } from '../server.ts'
import type { Topic } from './topic.ts'

const secretName = 'bench'

export const credentials: Topic = {
  title: 'Cold start of list-tokens by source of credentials',

  async measure({ bundles, quick }) {
    const rounds = quick ? 4 : 25
    const server = await startServer(bundles)
    const secrets = await startSecretsManager()
    secrets.put(secretName, JSON.stringify({ SecretId: secretId, SecretKey: secretKey }))
    const { AIGC_SECRET_ID: _, AIGC_SECRET_KEY: __, ...common } = functionEnvironment(server.url)
    const sources = {
      fixed: { AIGC_SECRET_ID: secretId, AIGC_SECRET_KEY: secretKey },
      'run role of SCF': { TENCENTCLOUD_SECRETID: secretId, TENCENTCLOUD_SECRETKEY: secretKey },
      'AWS secret': { AIGC_CREDENTIALS_SECRET: secretName, ...secrets.environment },
    }
    type Source = keyof typeof sources
    const names = Object.keys(sources) as Source[]
    const blocks = Object.fromEntries(
      names.map((name) => [
        name,
        () =>
          startCold(bundles.program('invoke-once'), bundles.functions['list-tokens'], httpEvent, {
            ...common,
            ...sources[name],
          }),
      ]),
    ) as Record<Source, () => Promise<ColdStart>>
    try {
      const samples = await interleave(blocks, rounds)
      for (const name of names) for (const { result } of samples[name]) expectTokensInReply(result, name)
      const times = (name: Source): number[] => samples[name].map(({ answeredMs }) => answeredMs)
      return {
        how: `${rounds} interleaved rounds of fresh processes until the first answer; AWS is a stub on loopback.`,
        rows: names.map((source) => ({
          source,
          'answered after ms': round(median(times(source))),
          'it / fixed': round(medianRatio(times(source), times('fixed'))),
        })),
        goals: [],
      }
    } finally {
      await secrets.close()
      await server.close()
    }
  },
}

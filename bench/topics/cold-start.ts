import { judge } from '../goals.ts'
import { functionEnvironment, httpEvent } from '../invocation.ts'
import { type ColdStart, startCold } from '../processes.ts'
import { expectTokensInReply } from '../request.ts'
import { interleave, median, medianRatio, round } from '../rounds.ts'
import { startServer } from '../server.ts'
import type { Topic } from './topic.ts'

const labels = {
  ours: 'this project, list-tokens',
  'sdk-vod': 'official vod SDK, no auth, no log',
  'sdk-intl': 'official intl vod SDK, no auth, no log',
  'middy-powertools': 'middy + powertools + intl vod SDK',
  'node-https': 'floor: bare node:https, no auth, no log',
  nothing: 'Node itself',
}
type Variant = keyof typeof labels
const variants = Object.keys(labels) as Variant[]

export const coldStart: Topic = {
  title: 'Cold start: a fresh process until its first answer',

  async measure({ bundles, quick }) {
    const rounds = quick ? 7 : 41
    const server = await startServer(bundles)
    const environment = functionEnvironment(server.url)
    const blocks = Object.fromEntries(
      variants.map((name) => {
        const bundle = name === 'ours' ? bundles.functions['list-tokens'] : bundles.variant('function', name)
        return [name, () => startCold(bundles.program('invoke-once'), bundle, httpEvent, environment)]
      }),
    ) as Record<Variant, () => Promise<ColdStart>>
    try {
      const samples = await interleave(blocks, rounds + 1)
      for (const name of variants)
        if (name !== 'nothing')
          for (const { result } of samples[name]) expectTokensInReply(result, labels[name])
      // The first round read the files from the disk.
      const times = (name: Variant): number[] => samples[name].slice(1).map(({ answeredMs }) => answeredMs)
      const ms = (name: Variant): number => round(median(times(name)))
      const judged = (goal: Parameters<typeof judge>[0], other: Variant) =>
        judge(goal, medianRatio(times('ours'), times(other)), {
          ours: `${ms('ours')} ms`,
          beside: `${ms(other)} ms`,
        })
      return {
        how:
          `${rounds} interleaved rounds of fresh processes, by the process's own clock, from its start until the ` +
          'handler has answered one API Gateway event (GET /tokens, payload 2.0) with the list from a loopback ' +
          'server over plain HTTP. Ours and the middy stack check a bearer key and log a line; the others do not, ' +
          'which is in their favour.',
        rows: variants.map((name) => ({
          bundle: labels[name],
          'loaded after ms': round(median(samples[name].slice(1).map(({ loadedMs }) => loadedMs))),
          'answered after ms': ms(name),
          'ours / it': round(medianRatio(times('ours'), times(name))),
        })),
        goals: [
          judged('cold-start/intl', 'sdk-intl'),
          judged('cold-start/stack', 'middy-powertools'),
          judged('cold-start/https', 'node-https'),
        ],
        charts: [
          {
            name: 'cold-start',
            title: 'Cold start to first answer',
            unit: 'ms',
            bars: variants.map((name) => ({ label: labels[name], value: ms(name), ours: name === 'ours' })),
          },
        ],
      }
    } finally {
      await server.close()
    }
  },
}

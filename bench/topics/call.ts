import { judge } from '../goals.ts'
import { type Program, startProgram } from '../processes.ts'
import { answerBody, expectTokens } from '../request.ts'
import { interleave, median, medianRatio, round } from '../rounds.ts'
import { startServer } from '../server.ts'
import type { Topic } from './topic.ts'

const labels = {
  ours: 'this project',
  'sdk-common': 'official SDK, common client',
  'sdk-vod': 'official SDK, vod',
  'sdk-intl': 'official SDK, intl vod',
  'undici-signed': 'floor: bare undici, bare cryptography, JSON.parse',
  undici: 'floor: bare undici, no signing, no parsing',
}
type Client = keyof typeof labels
const clients = Object.keys(labels) as Client[]

const inFlight = 64

export const call: Topic = {
  title: 'One call over a kept connection',

  async measure({ bundles, quick }) {
    const rounds = quick ? 5 : 15
    const sequentialCalls = quick ? 150 : 500
    const parallelCalls = quick ? 500 : 3_000
    const server = await startServer(bundles)
    const programs = Object.fromEntries(
      clients.map((name) => [
        name,
        startProgram(bundles.program('call'), [bundles.variant('call', name), `${server.port}`]),
      ]),
    ) as Record<Client, Program>
    const blocks = (calls: number) =>
      Object.fromEntries(
        clients.map((name) => [
          name,
          async () => ({
            p50Us: await programs[name].ask<number>('sequential', { count: sequentialCalls }),
            perSecond: await programs[name].ask<number>('parallel', { count: calls, inFlight }),
          }),
        ]),
      ) as Record<Client, () => Promise<{ p50Us: number; perSecond: number }>>
    try {
      for (const name of clients) {
        const answer = await programs[name].ask('call')
        if (name === 'undici') expectTokens(JSON.parse(`${answer}`).Response.ApiTokens, labels[name])
        else expectTokens(answer, labels[name])
      }
      // Enough for the compiler, also in a quick run.
      await interleave(blocks(1_000), 3)
      const samples = await interleave(blocks(parallelCalls), rounds)
      const p50 = (name: Client): number[] => samples[name].map(({ p50Us }) => p50Us)
      const rate = (name: Client): number[] => samples[name].map(({ perSecond }) => perSecond)
      const p50Ms = (name: Client): number => round(median(p50(name)) / 1000)
      const perSecond = (name: Client): number => round(median(rate(name)))
      return {
        how:
          `Each in a process of its own, against one server that costs next to nothing and answers ` +
          `${answerBody.length} bytes; ${rounds} interleaved rounds of ${sequentialCalls} calls one after the other ` +
          `and ${parallelCalls.toLocaleString('en')} with ${inFlight} in flight. All gave the right tokens first.`,
        rows: clients.map((name) => ({
          client: labels[name],
          'p50 ms': p50Ms(name),
          'it / undici': round(medianRatio(p50(name), p50('undici'))),
          'requests/s': perSecond(name),
          'it / official': round(medianRatio(rate(name), rate('sdk-common'))),
        })),
        goals: [
          judge('call/throughput', medianRatio(rate('ours'), rate('sdk-common')), {
            ours: `${perSecond('ours').toLocaleString('en')}/s`,
            beside: `${perSecond('sdk-common').toLocaleString('en')}/s`,
          }),
          judge('call/latency', medianRatio(p50('ours'), p50('undici')), {
            ours: `${p50Ms('ours')} ms`,
            beside: `${p50Ms('undici')} ms`,
          }),
        ],
        charts: [
          {
            name: 'call',
            title: `Requests per second, ${inFlight} in flight`,
            unit: '/s',
            moreIsBetter: true,
            bars: clients.map((name) => ({
              label: labels[name],
              value: perSecond(name),
              ours: name === 'ours',
            })),
          },
        ],
      }
    } finally {
      await Promise.all(Object.values(programs).map((program) => program.close()))
      await server.close()
    }
  },
}

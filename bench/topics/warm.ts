import { judge } from '../goals.ts'
import { functionEnvironment, httpEvent } from '../invocation.ts'
import { type Program, startProgram } from '../processes.ts'
import { expectTokensInReply } from '../request.ts'
import { interleave, median, medianRatio, round } from '../rounds.ts'
import { startServer } from '../server.ts'
import type { Topic } from './topic.ts'

const labels = {
  ours: 'this project, list-tokens',
  'ours-on-lambda': 'this project, with metrics in its log line',
  'middy-powertools': 'middy + powertools',
  plain: 'floor: plain function, prepared reply',
  'ours-into-pipe': 'this project, stdout a pipe',
  'middy-into-pipe': 'middy + powertools, stdout a pipe',
}
type Variant = keyof typeof labels
const variants = Object.keys(labels) as Variant[]
const event = JSON.stringify(httpEvent)

interface Times {
  readonly bareUs: number
  readonly wholeUs: number
}

export const warm: Topic = {
  title: 'Warm invocation, list from memory, with auth check and one log line',

  async measure({ bundles, quick }) {
    const rounds = quick ? 11 : 21
    const batches = quick ? 40 : 200
    const server = await startServer(bundles)
    const env = functionEnvironment(server.url)
    const start = (bundle: string, stdout: 'file' | 'pipe', more: Record<string, string> = {}): Program =>
      startProgram(bundles.program('function'), [bundle], { env: { ...env, ...more }, stdout })
    const list = bundles.functions['list-tokens']
    const stack = bundles.variant('function', 'middy-powertools')
    const programs: Record<Variant, Program> = {
      ours: start(list, 'file'),
      'ours-on-lambda': start(list, 'file', { AWS_LAMBDA_FUNCTION_NAME: 'bench-list-tokens' }),
      'middy-powertools': start(stack, 'file'),
      plain: start(bundles.variant('function', 'plain'), 'file'),
      'ours-into-pipe': start(list, 'pipe'),
      'middy-into-pipe': start(stack, 'pipe'),
    }
    const blocks = Object.fromEntries(
      variants.map((name) => [name, () => programs[name].ask<Times>('time', { event, batches })]),
    ) as Record<Variant, () => Promise<Times>>
    try {
      await interleave(blocks, 4)
      const samples = await interleave(blocks, rounds)
      for (const name of variants) {
        const { result } = await programs[name].ask<{ result: unknown }>('invoke', { event, count: 1 })
        expectTokensInReply(result, labels[name])
      }
      if ((await server.count()).requests !== variants.length)
        throw new Error('each variant should ask upstream once and then answer from memory')
      const bare = (name: Variant): number[] => samples[name].map(({ bareUs }) => bareUs)
      const added = (name: Variant): number[] => samples[name].map(({ bareUs, wholeUs }) => wholeUs - bareUs)
      const us = (numbers: readonly number[]): number => round(median(numbers))
      return {
        how:
          `Each in a process of its own whose stdout is a file, as waking the reader of a pipe costs more than all the ` +
          `rest and is the same for everybody; ${rounds} interleaved rounds of ` +
          `${batches} batches of 50 invocations, each with a freshly parsed API Gateway event (payload 2.0), its ` +
          'result serialised. "Added" is the time less that of JSON.parse of the event and JSON.stringify of the ' +
          'result alone, measured in the same block and process.',
        rows: variants.map((name) => ({
          handler: labels[name],
          'parse + stringify µs': us(bare(name)),
          'added µs': us(added(name)),
          'added, in units': round(medianRatio(added(name), bare(name))),
          'with it, in units': round(medianRatio(added(name), bare(name)) + 1),
        })),
        goals: [
          judge('warm/stack', medianRatio(added('ours'), added('middy-powertools')), {
            ours: `${us(added('ours'))} µs`,
            beside: `${us(added('middy-powertools'))} µs`,
          }),
        ],
        charts: [
          {
            name: 'warm',
            title: 'Handler time of a warm invocation, beyond parsing and serialising',
            unit: 'µs',
            bars: [
              ...variants.map((name) => ({
                label: labels[name],
                value: us(added(name)),
                ours: name.startsWith('ours'),
              })),
              { label: 'JSON.parse + JSON.stringify', value: us(bare('ours')), ours: false },
            ],
          },
        ],
      }
    } finally {
      await Promise.all(Object.values(programs).map((program) => program.close()))
      await server.close()
    }
  },
}

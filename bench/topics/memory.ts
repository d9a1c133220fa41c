import type { Bundles } from '../bundles.ts'
import { judge } from '../goals.ts'
import { functionEnvironment, httpEvent } from '../invocation.ts'
import { startProgram } from '../processes.ts'
import { expectTokens, expectTokensInReply } from '../request.ts'
import { round } from '../rounds.ts'
import { type Server, startServer } from '../server.ts'
import type { Topic } from './topic.ts'

/** What Lambda's launcher sets for 128 MB: a tenth for both halves of the new space, the rest for the old. */
const execArgv = ['--max-semi-space-size=6', '--max-old-space-size=116']
/** As Lambda counts. */
const megabyte = 2 ** 20
const few = 10_000
const many = 100_000

/** Resident sets in MB; `late` only where it was waited for. */
interface Resident {
  readonly load: number
  readonly early: number
  readonly late?: number
}

interface Subject {
  readonly label: string
  measure(world: { bundles: Bundles; server: Server; quick: boolean }): Promise<Resident>
}

const subjects = {
  ours: { label: 'this project, list-tokens, invocations', measure: invoke('ours') },
  stack: {
    label: 'middy + powertools + intl vod SDK, invocations',
    measure: invoke('middy-powertools'),
  },
  ourClient: { label: "this project's client, calls", measure: callWith('ours') },
  intl: { label: 'official intl vod SDK, calls', measure: callWith('sdk-intl') },
  undici: { label: 'bare undici, calls', measure: callWith('undici') },
  https: { label: 'bare node:https, calls', measure: invoke('node-https') },
} as const satisfies Readonly<Record<string, Subject>>

export const memory: Topic = {
  title: 'Memory in a process with the heap limits of 128 MB',

  async measure({ bundles, quick }) {
    const server = await startServer(bundles)
    try {
      // All at the same time: only sizes are looked at.
      const entries = Object.entries<Subject>(subjects).map(async ([name, subject]) => {
        return [name, await subject.measure({ bundles, server, quick })] as const
      })
      const residents = Object.fromEntries(await Promise.all(entries)) as Record<
        keyof typeof subjects,
        Resident
      >
      const { ours, stack } = residents
      const mb = (value = Number.NaN): string => `${round(value)} MB`
      return {
        how:
          `Resident sets under ${execArgv.join(' ')}, after the bundle was loaded and after invocations with an API ` +
          'Gateway event, answered from memory, or after calls one after the other. An MB is 1,048,576 bytes here, ' +
          `as Lambda counts.${quick ? ' A full run makes 100,000 calls too.' : ''}`,
        rows: Object.entries(residents).map(([name, { load, early, late }]) => ({
          what: subjects[name as keyof typeof subjects].label,
          'MB after load': round(load),
          'after 10,000': round(early),
          'after 100,000': late === undefined ? '' : `${round(late)}`,
        })),
        goals: [
          judge('memory/load', ours.load, { ours: mb(ours.load), beside: mb(stack.load) }),
          judge('memory/10k', ours.early, { ours: mb(ours.early), beside: mb(stack.early) }),
          judge('memory/flat', (ours.late ?? Number.NaN) / ours.early, {
            ours: mb(ours.late),
            beside: mb(ours.early),
          }),
        ],
        charts: [
          {
            name: 'memory',
            title: 'Resident after 10,000 invocations or calls, 128 MB limits',
            unit: 'MB',
            bars: Object.entries(residents).map(([name, { early }]) => ({
              label: subjects[name as keyof typeof subjects].label,
              value: round(early),
              ours: name.startsWith('our'),
            })),
          },
        ],
      }
    } finally {
      await server.close()
    }
  },
}

/** Invokes a function: `ours`, or one of the variants. */
function invoke(name: string): Subject['measure'] {
  return async ({ bundles, server, quick }) => {
    const bundle = name === 'ours' ? bundles.functions['list-tokens'] : bundles.variant('function', name)
    const env = functionEnvironment(server.url)
    const program = startProgram(bundles.program('function'), [bundle], { env, execArgv })
    const event = JSON.stringify(httpEvent)
    const invokeTimes = async (count: number): Promise<number> => {
      const { result, rss } = await program.ask<{ result: unknown; rss: number }>('invoke', { event, count })
      expectTokensInReply(result, name)
      return rss / megabyte
    }
    try {
      const load = (await program.ask<number>('rssAfterLoad')) / megabyte
      const early = await invokeTimes(few)
      // The bare function asks upstream every time.
      if (quick && name === 'node-https') return { load, early }
      return { load, early, late: await invokeTimes(many - few) }
    } finally {
      await program.close()
    }
  }
}

/** Calls with a client, every time. */
function callWith(name: string): Subject['measure'] {
  return async ({ bundles, server, quick }) => {
    const args = [bundles.variant('call', name), `${server.port}`]
    const program = startProgram(bundles.program('call'), args, { execArgv })
    const residentAfter = async (count: number): Promise<number> => {
      if (count > 0) await program.ask('sequential', { count })
      return (await program.ask<number>('rss')) / megabyte
    }
    try {
      const load = await residentAfter(0)
      if (name !== 'undici') expectTokens(await program.ask('call'), name)
      const early = await residentAfter(few)
      return quick ? { load, early } : { load, early, late: await residentAfter(many - few) }
    } finally {
      await program.close()
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { Bundles } from '../bundles.ts'
import { judge } from '../goals.ts'
import { functionEnvironment } from '../invocation.ts'
import { type Program, startProgram } from '../processes.ts'
import { expectTokens } from '../request.ts'
import { startServer } from '../server.ts'
import type { Topic } from './topic.ts'

interface Caller {
  readonly label: string
  start(bundles: Bundles, port: number): Program
  call(program: Program): Promise<unknown>
}

const callers: readonly Caller[] = [
  {
    label: 'this project, list-tokens',
    start: (bundles, port) =>
      startProgram(bundles.program('function'), [bundles.functions['list-tokens']], {
        env: { ...functionEnvironment(`http://127.0.0.1:${port}`), AIGC_REVEAL: 'true' },
      }),
    async call(program) {
      const event = '{"Refresh":true,"Reveal":true}'
      const { result } = await program.ask<{ result: { ApiTokens: unknown } }>('invoke', { event, count: 1 })
      return result.ApiTokens
    },
  },
  ...['sdk-common', 'sdk-vod', 'sdk-intl'].map((name) => ({
    label: `official ${name}`,
    start: (bundles: Bundles, port: number) =>
      startProgram(bundles.program('call'), [bundles.variant('call', name), `${port}`]),
    call: (program: Program) => program.ask('call'),
  })),
]

export const keepAlive: Topic = {
  title: 'A second call after idling',

  async measure({ bundles, quick }) {
    // Longer than the 5 s of the official SDKs and the 4 s that undici would keep a connection by itself.
    const idleSeconds = quick ? 6 : 60
    const counts = await Promise.all(callers.map((caller) => callTwice(bundles, caller, idleSeconds)))
    const [ours = Number.NaN, official = Number.NaN] = counts
    return {
      how:
        `Each against a server of its own that keeps connections for ever; ${idleSeconds} s between the calls` +
        `${quick ? ' (60 s in a full run)' : ''}.`,
      rows: callers.map(({ label }, i) => ({
        client: label,
        'new connections of the second call': counts[i] ?? 0,
      })),
      goals: [judge('keep-alive/idle', ours, { ours: `${ours}`, beside: `${official}` })],
    }
  },
}

/** How many connections the second call opened. */
async function callTwice(
  bundles: Bundles,
  { label, start, call }: Caller,
  idleSeconds: number,
): Promise<number> {
  const server = await startServer(bundles)
  const program = start(bundles, server.port)
  try {
    expectTokens(await call(program), label)
    const before = await server.count()
    await sleep(idleSeconds * 1000)
    expectTokens(await call(program), label)
    const after = await server.count()
    if (before.requests !== 1 || after.requests !== 2)
      throw new Error(`${label} should make one request each time, but made ${after.requests} in all`)
    return after.connections - before.connections
  } finally {
    await program.close()
    await server.close()
  }
}

/**
 * Freeze and thaw: between two invocations the platforms stop the process, for minutes or hours, and what was
 * connected then need not be any more. The built bundle in its own process, stopped by signal, with a proxy
 * between it and the simulator whose connections can be cut or go silent.
 */
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it, type TestContext } from 'vitest'
import { startSecretsManager } from '../../bench/secrets-manager.ts'
import { type Call, startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { mirrored } from '../support/documents.ts'
import { type Answer, type FunctionProcess, startFunction, startLambda } from '../support/function-process.ts'

/** What a network does to connections that are open; those opened later are sound. */
interface Network {
  readonly url: string
  /** How many connections were ever opened. */
  opened(): number
  /** Ends them properly, as a server does after its keep-alive time. */
  close(): void
  /** Resets them, as a restarted server or a NAT gateway does. */
  reset(): void
  /** Swallows whatever is sent on them and says nothing, as a firewall does that forgot them. */
  silence(): void
  /** How many bytes were swallowed so. */
  swallowed(): number
  end(): Promise<void>
}

interface World {
  readonly simulator: TencentSimulator
  readonly network: Network
  start(changes?: Record<string, string>): FunctionProcess
  /** The same as Lambda loads it, once it is initialised: it has one connection open. */
  startOnLambda(changes?: Record<string, string>): Promise<FunctionProcess>
}

// Few enough that no test asks more than twenty times, which Tencent might count into one second.
const subAppIds = Array.from({ length: 6 }, (_, i) => 1500000001 + i)
const everyList = subAppIds.map((SubAppId) => ({ SubAppId }))

/** A world for one test. Most tests wait, so they wait together; then a test is known by its context only. */
async function createWorld({ onTestFinished }: Pick<TestContext, 'onTestFinished'>): Promise<World> {
  const simulator = await startTencentSimulator({
    applications: subAppIds.map((subAppId) => ({ subAppId, tokens: ['a-token'] })),
    lagMs: 0,
  })
  const network = await startNetwork(simulator.port)
  const running: FunctionProcess[] = []
  onTestFinished(async () => {
    await Promise.all(running.map((one) => one.close()))
    await network.end()
    await simulator.close()
  })
  const settings = {
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
    AIGC_VOD_ENDPOINT: network.url,
    AIGC_SUB_APP_IDS: subAppIds.join(),
    // Always ask, and have nothing old to serve instead of an answer.
    AIGC_CACHE_SECONDS: '0',
    AIGC_STALE_SECONDS: '0',
  }
  return {
    simulator,
    network,
    start(changes) {
      const fn = startFunction('list-tokens', { ...settings, ...changes })
      running.push(fn)
      return fn
    },
    async startOnLambda(changes) {
      const fn = startLambda('list-tokens', { ...settings, AIGC_LOG_LEVEL: 'debug', ...changes })
      running.push(fn)
      await fn.initialized
      while (network.opened() === 0) await pause(10)
      expect([network.opened(), simulator.calls.length, fn.output()]).toEqual([1, 0, ''])
      return fn
    },
  }
}

async function startNetwork(upstreamPort: number): Promise<Network> {
  const pairs = new Set<{ near: Socket; far: Socket }>()
  let opened = 0
  let swallowed = 0
  const server: Server = createServer((near) => {
    opened++
    const far = connect(upstreamPort, '127.0.0.1')
    const pair = { near, far }
    pairs.add(pair)
    near.pipe(far).pipe(near)
    for (const one of [near, far])
      one
        .on('error', () => one.destroy())
        .on('close', () => {
          near.destroy()
          far.destroy()
          pairs.delete(pair)
        })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    opened: () => opened,
    close: () => {
      for (const { near } of pairs) near.end()
    },
    reset: () => {
      for (const { near } of pairs) near.resetAndDestroy()
    },
    silence: () => {
      for (const { near, far } of pairs) {
        near.unpipe(far)
        far.unpipe(near)
        near.on('data', (bytes: Buffer) => {
          swallowed += bytes.length
        })
        near.resume()
      }
    },
    swallowed: () => swallowed,
    end: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const { near } of pairs) near.destroy()
      }),
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Stops the process while `meanwhile` goes on. */
async function frozen(fn: FunctionProcess, meanwhile: () => Promise<void> | void): Promise<void> {
  fn.freeze()
  try {
    await pause(50)
    await meanwhile()
  } finally {
    fn.thaw()
  }
}

function expectFresh({ result, error, timers }: Answer, alone = true): void {
  expect(error).toBeUndefined()
  expect(result).toMatchObject({ Fingerprints: [expect.any(String)], Stale: false })
  // undici's own immediate may still have its turn.
  if (alone) expect(timers).not.toContain('Timeout')
}

/** Nothing but the log's lines was written: no warning, no unhandled rejection. */
function expectQuiet(fn: FunctionProcess, lines: number): void {
  expect(fn.output().split('\n').filter(Boolean)).toHaveLength(lines)
  expect(fn.log()).toHaveLength(lines)
}

/** How many times Tencent was asked, whether or not it heard. */
function attempts(fn: FunctionProcess): number {
  return fn.log().filter(({ event }) => event === 'tencent-call').length
}

/** Waits for the simulator's first call. */
async function firstCall({ calls }: TencentSimulator): Promise<void> {
  while (calls.length === 0) await pause(10)
}

/** Sends the bytes of an earlier call again, and gives the code that is answered. */
async function replay(call: Call, port: number): Promise<string> {
  const headers = Object.fromEntries(
    Object.entries(call.headers).map(([name, values]) => [name, values?.[0]]),
  )
  const again = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers, agent: false })
  again.end(call.body)
  const [response] = await once(again, 'response')
  return JSON.parse(await text(response)).Response.Error?.Code ?? 'ok'
}

const timestampOf = (call: Call | undefined): number => Number(call?.headers['x-tc-timestamp']?.[0])

describe.concurrent('list-tokens', () => {
  it('keeps its connection between invocations, frozen in between or not', async (context) => {
    const { simulator, network, start } = await createWorld(context)
    const fn = start()
    expectFresh(await fn.invoke({}))
    expectFresh(await fn.invoke({}))
    await frozen(fn, () => pause(200))
    expectFresh(await fn.invoke({}))
    expect(simulator.calls).toHaveLength(3)
    expect(network.opened()).toBe(1)
    expectQuiet(fn, 3)
  })

  it.for(['close', 'reset'] as const)(
    'signs anew on a new connection after a freeze in which its own met a %s',
    async (how, context) => {
      const { simulator, network, start } = await createWorld(context)
      // A signature is good for 300 seconds, and the simulator's clock takes all but the next three or four.
      simulator.clockOffsetMs = 296_000
      const fn = start()
      expectFresh(await fn.invoke({}))
      const [first] = simulator.calls
      const opened = network.opened()
      await frozen(fn, async () => {
        network[how]()
        await pause(5_000)
      })
      expectFresh(await fn.invoke({}))
      expect(network.opened()).toBeGreaterThan(opened)
      const last = simulator.calls.at(-1)
      expect(last?.outcome).toBe('ok')
      expect(timestampOf(last)).toBeGreaterThan(timestampOf(first))
      expect(last?.headers['authorization']).not.toEqual(first?.headers['authorization'])
      // The first signature would not have done.
      expect(first && (await replay(first, simulator.port))).toBe('AuthFailure.SignatureExpire')
      expectQuiet(fn, 2)
    },
  )

  it.for(['close', 'reset', 'silence'] as const)(
    'gets over a %s of every connection that simultaneous requests left',
    async (how, context) => {
      const { simulator, network, start } = await createWorld(context)
      const fn = start({ AIGC_TIMEOUT_MS: '4000' })
      simulator.fail({ kind: 'slow', ms: 500 }, everyList.length)
      for (const answer of await Promise.all(everyList.map((event) => fn.invoke(event))))
        expectFresh(answer, false)
      expect(network.opened()).toBeGreaterThan(1)
      await frozen(fn, async () => {
        network[how]()
        await pause(100)
      })
      for (const event of everyList) expectFresh(await fn.invoke(event))
      for (const answer of await Promise.all(everyList.map((event) => fn.invoke(event))))
        expectFresh(answer, false)
      expectQuiet(fn, 3 * everyList.length)
    },
  )

  it.for<[string, Record<string, string>]>([
    ['has nothing old to serve', { AIGC_TIMEOUT_MS: '4000' }],
    ['could serve an old list', { AIGC_STALE_SECONDS: '3600', AIGC_TIMEOUT_MS: '12000' }],
  ])('leaves a connection that went silent for a new one, when it %s', async ([_, settings], context) => {
    const { simulator, network, start } = await createWorld(context)
    const fn = start(settings)
    expectFresh(await fn.invoke({}))
    await frozen(fn, () => network.silence())
    for (let i = 0; i < 3; i++) expectFresh(await fn.invoke({}))
    expect(network.opened()).toBeGreaterThan(1)
    expect(simulator.calls).toHaveLength(4)
    const opened = network.opened()
    expectFresh(await fn.invoke({}))
    expect(network.opened()).toBe(opened)
    expectQuiet(fn, 5)
  })

  it.for([
    ['hangs', { kind: 'hang' }],
    ['comes while it is frozen', { kind: 'slow', ms: 300 }],
    ['would come much later', { kind: 'slow', ms: 60_000 }],
  ] as const)(
    'frozen within an invocation, whose answer %s, ends and goes on',
    async ([_, fault], context) => {
      const { simulator, start } = await createWorld(context)
      const fn = start({ AIGC_TIMEOUT_MS: '10000' })
      simulator.fail(fault)
      const interrupted = fn.invoke({}, { limitMs: 1_500 })
      await firstCall(simulator)
      // Longer than the attempt may take, and than the whole call: a second.
      await frozen(fn, () => pause(1_500))
      const { error, result, timers } = await interrupted
      if (error) expect(error.name).toBe('ClientError.Timeout')
      else expect(result).toMatchObject({ Stale: false })
      expect(timers).not.toContain('Timeout')
      expectFresh(await fn.invoke({}))
      expectQuiet(fn, 2)
    },
  )

  // An attempt has four seconds of the call's eight, so there is time for another in every case.
  it.for([
    ['close', 300],
    ['reset', 300],
    ['close', 4_500],
    ['reset', 4_500],
    ['silence', 4_500],
  ] as const)(
    'frozen within an invocation, whose connection meets a %s, for %i ms asks again and succeeds',
    async ([how, ms], context) => {
      const { simulator, network, start } = await createWorld(context)
      const fn = start({ AIGC_TIMEOUT_MS: '8000' })
      simulator.fail({ kind: 'hang' })
      const interrupted = fn.invoke({})
      await firstCall(simulator)
      await frozen(fn, async () => {
        network[how]()
        await pause(ms)
      })
      expectFresh(await interrupted)
      expectFresh(await fn.invoke({}))
      expect(network.opened()).toBeGreaterThan(1)
      expectQuiet(fn, 2)
    },
  )

  it('asks first over the connection that was opened while it initialised', async (context) => {
    const { simulator, network, startOnLambda } = await createWorld(context)
    const fn = await startOnLambda()
    await frozen(fn, () => pause(200))
    expectFresh(await fn.invoke({}))
    expectFresh(await fn.invoke({}))
    expect([simulator.calls.length, network.opened(), attempts(fn)]).toEqual([2, 1, 2])
  })

  it.for(['close', 'reset', 'silence', 'nothing'] as const)(
    'first asked ten minutes after it initialised, when its connection met a %s, asks once, over a new one',
    async (how, context) => {
      const { simulator, network, startOnLambda } = await createWorld(context)
      const fn = await startOnLambda()
      await frozen(fn, async () => {
        if (how !== 'nothing') network[how]()
        await pause(100)
      })
      fn.setClock(600_000)
      simulator.clockOffsetMs = 600_000
      expectFresh(await fn.invoke({}))
      expect([simulator.calls.length, network.opened(), attempts(fn)]).toEqual([1, 2, 1])
      expectFresh(await fn.invoke({}))
      expect([simulator.calls.length, network.opened()]).toEqual([2, 2])
    },
  )

  it.for(['close', 'reset', 'silence'] as const)(
    'first asked right after a %s of the connection that it opened while it initialised, answers',
    async (how, context) => {
      const { simulator, network, startOnLambda } = await createWorld(context)
      const fn = await startOnLambda({ AIGC_TIMEOUT_MS: '4000' })
      await frozen(fn, async () => {
        network[how]()
        await pause(100)
      })
      expectFresh(await fn.invoke({}))
      expect(simulator.calls).toHaveLength(1)
      expect(network.opened()).toBe(2)
    },
  )

  it('frozen within an invocation for longer than its limit throws, and goes on', async (context) => {
    const { simulator, start } = await createWorld(context)
    const fn = start({ AIGC_TIMEOUT_MS: '60000' })
    simulator.fail({ kind: 'hang' })
    const interrupted = fn.invoke({}, { limitMs: 1_500 })
    await firstCall(simulator)
    await frozen(fn, () => pause(2_000))
    expect((await interrupted).error?.name).toBe('ClientError.Timeout')
    expectFresh(await fn.invoke({}))
    expectQuiet(fn, 2)
  })
})

describe.concurrent('list-tokens from a mirrored AWS secret', () => {
  it.for(['close', 'reset', 'silence'] as const)(
    'asks over a new connection after a pause in which its own met a %s',
    async (how, { onTestFinished }) => {
      // moto keeps no connection.
      const secrets = await startSecretsManager()
      onTestFinished(() => secrets.close())
      secrets.put('kept', mirrored(['a-token']))
      const network = await startNetwork(Number(new URL(secrets.environment['AWS_ENDPOINT_URL'] ?? '').port))
      onTestFinished(() => network.end())
      const fn = startFunction('list-tokens', {
        AIGC_SOURCE: 'mirror',
        AIGC_FALLBACK: 'aws-secretsmanager:kept',
        AIGC_SUB_APP_IDS: '7',
        AIGC_CACHE_SECONDS: '0',
        AIGC_STALE_SECONDS: '0',
        ...secrets.environment,
        AWS_ENDPOINT_URL: network.url,
      })
      onTestFinished(() => fn.close())
      expectFresh(await fn.invoke({}))
      expectFresh(await fn.invoke({}))
      expect(network.opened()).toBe(1)
      await frozen(fn, async () => {
        network[how]()
        await pause(100)
      })
      fn.setClock(60_000)
      expectFresh(await fn.invoke({}))
      expect([network.opened(), network.swallowed()]).toEqual([2, 0])
    },
  )
})

/** What consumers copy, run by what consumers run it with, under load through a rotation. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Moto, startMoto } from '../../support/moto.ts'
import { openWorld, startConsumer, subAppId, type World } from './world.ts'

const pathOf = (name: string): string => fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url))
const examples = {
  node: [process.env['EXAMPLE_NODE'] ?? process.execPath, pathOf('node/ask.mjs')],
  python: ['python3', pathOf('python/ask.py')],
  shell: ['sh', pathOf('shell/ask.sh')],
} as const satisfies Record<string, readonly [string, ...string[]]>
const ways = [
  ['node', 'byKey'],
  ['node', 'bySecret'],
  ['python', 'bySecret'],
  ['shell', 'bySignature'],
  ['shell', 'bySecret'],
] as const
const text = 'This is the answer of a stand-in.'

let moto: Moto
beforeAll(async () => {
  moto = await startMoto()
})
afterAll(() => moto.close())

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(20)
}

/** For the shell, which keeps a token for five minutes: a `date` by which ten seconds are one, in front of the usual one. */
async function startFastClock(): Promise<{ PATH: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'fast-clock-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const began = Math.floor(Date.now() / 1000)
  const program = `#!/bin/sh\n[ "$*" = +%s ] || exec /bin/date "$@"\necho $((${began} + 10 * ($(/bin/date +%s) - ${began})))\n`
  await writeFile(join(folder, 'date'), program, { mode: 0o755 })
  return { PATH: `${folder}:${process.env['PATH']}` }
}

function start(
  name: keyof typeof examples,
  way: (typeof ways)[number][1],
  world: World,
  more: Record<string, string> = {},
) {
  // The one in Node asks by both packages.
  return startConsumer(examples[name], { ...world.gateway, ...world[way], ...more }, name === 'node' ? 2 : 1)
}

describe('the examples', () => {
  it('get every answer through a rotation that nobody does by hand, and none of them is refused once', async () => {
    const world = await openWorld(moto)
    const { aigc, vod } = world.simulator
    const clock = await startFastClock()
    const consumers = ways.map(([name, way]) => start(name, way, world, name === 'shell' ? clock : {}))
    const answersOf = (): number => Math.min(...consumers.map(({ answers }) => answers().length))
    await until(() => answersOf() >= 3)

    const phases = new Set<unknown>()
    let event: object = { Now: true }
    while (!(phases.has('retiring') && phases.has('idle'))) {
      const { result, error } = await world.rotate.invoke(event)
      expect(error).toBeUndefined()
      phases.add((result as { Results: { Phase: string }[] }).Results[0]?.Phase)
      event = {}
      await sleep(500)
    }
    const before = answersOf()
    await until(() => answersOf() >= before + 3)

    for (const consumer of consumers) expect([await consumer.end(), consumer.errors()]).toEqual([0, ''])
    expect(aigc.calls.filter(({ status }) => status !== 200)).toEqual([])
    expect(phases).toEqual(new Set(['intent', 'warming', 'promoted', 'retiring', 'idle']))
    expect(vod.list(subAppId)).toHaveLength(1)
    expect(vod.list(subAppId)).not.toContain('CANARY-the-old-token')
    expect(aigc.calls.at(-1)).toMatchObject({ apiToken: vod.list(subAppId)[0], status: 200 })
  }, 180_000)
})

describe.each(ways)('examples/%s, with its token %s', (name, way) => {
  it.each([
    ['after the list', 600],
    ['at once', 0],
  ])(
    'gets every answer through a rotation, where the gateway forgets the old token %s',
    async (_, forgetsAfterMs) => {
      const world = await openWorld(moto)
      const { aigc, vod } = world.simulator
      aigc.forgetsAfterMs = forgetsAfterMs
      const consumers = [start(name, way, world), start(name, way, world)]
      const answersOf = (): number => Math.min(...consumers.map(({ answers }) => answers().length))
      await until(() => answersOf() >= 3)

      vod.create(subAppId, 'CANARY-the-new-token')
      // Listed, mirrored and known to the gateway.
      await sleep(2_500)
      vod.delete(subAppId, 'CANARY-the-old-token')
      const deletedAt = aigc.calls.length
      const before = answersOf()
      // The old one leaves the list, and all that kept it.
      await sleep(2_500)
      await until(() => answersOf() >= before + 3)

      for (const consumer of consumers) expect([await consumer.end(), consumer.errors()]).toEqual([0, ''])
      expect(new Set(consumers.flatMap(({ answers }) => answers()))).toEqual(new Set([text]))
      const refused = aigc.calls.filter(({ status }) => status !== 200)
      expect(refused.length).toBeLessThanOrEqual(consumers.length)
      expect(
        new Set(refused.map(({ apiToken, status }) => `${apiToken} ${status}`)).size,
      ).toBeLessThanOrEqual(1)
      // They did move: the new one was not known before.
      expect(aigc.calls.slice(deletedAt).at(-1)).toMatchObject({
        apiToken: 'CANARY-the-new-token',
        status: 200,
      })
    },
  )

  it('says what the gateway answers where no token is good, and nothing that is secret', async () => {
    const world = await openWorld(moto)
    const { aigc, vod } = world.simulator
    // Still listed, and mirrored.
    world.simulator.lagMs = 60_000
    aigc.forgetsAfterMs = 0
    vod.delete(subAppId, 'CANARY-the-old-token')
    const consumer = start(name, way, world)
    await until(() => consumer.errors() !== '')
    expect(await consumer.end()).toBe(1)
    expect(consumer.answers()).toEqual([])
    expect(consumer.errors()).toContain('401')
    expect(consumer.errors()).not.toContain('CANARY')
    expect(aigc.calls.map(({ status }) => status)).toEqual([401])
  })

  it('asks once where the application is in arrears, whatever other tokens there are', async () => {
    const world = await openWorld(moto, ['CANARY-one', 'CANARY-other'])
    const { aigc } = world.simulator
    aigc.suspended.add(subAppId)
    const consumer = start(name, way, world)
    await until(() => consumer.errors() !== '')
    expect(await consumer.end()).toBe(1)
    expect(consumer.errors()).toContain('403')
    expect(aigc.calls.map(({ status }) => status)).toEqual([403])
  })
})

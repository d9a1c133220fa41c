/** What consumers copy, run by what consumers run it with, under load through a rotation. */
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
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

function start(name: keyof typeof examples, way: (typeof ways)[number][1], world: World) {
  return startConsumer(examples[name], { ...world.gateway, ...world[way] })
}

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

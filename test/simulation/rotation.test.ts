/**
 * `runRotation` beside `runMirror` in thousands of small worlds where everything goes wrong: lists that lag, flap and are short,
 * calls that are refused, lost or hang for ever, processes that die, or stand still and go on, in any of their waits, runs that
 * overlap, stores that are down for hours, records that are taken away, clocks that jump, and people who create, delete, promote
 * and ask for things by hand at any moment. Virtual time, the real rotation, the real mirror.
 *
 * `SEEDS=10000 npx vitest run test/simulation/rotation.test.ts` plays more worlds, `SEED=7 npx …` tells the story of one.
 * simulation/mutate.ts breaks each rule on purpose.
 *
 * Out of scope: both clocks jumping the same way, by which nobody could tell; and what a store without compare-and-set loses
 * to two runs that write at once, whereafter only the rules of the tokens in use count.
 */
import { expect, it } from 'vitest'
import { type Story, simulate } from './rotation-story.ts'

const only = process.env['SEED']
const seeds = Number(process.env['SEEDS'] ?? 400)

/** Plays a failed seed again, this time with its trace; the same seed is the same story. */
async function explain({ seed, violation }: Story): Promise<string> {
  const { lines } = await simulate(seed, { traced: true })
  const command = `SEED=${seed} npx vitest run test/simulation/rotation.test.ts`
  return [`${command}\n`, ...lines, `\nbroken rule ${violation?.message}`].join('\n')
}

/** How many worlds there are for each occasion of a rule, where that is not one in ten. */
const rare: Readonly<Record<string, number>> = {
  adopted: 40,
  graceAnew: 40,
  foreign: 40,
  rolledBack: 100,
  retired: 100,
  contested: 400,
  hiddenTwice: 400,
}

if (only) {
  it(`runRotation keeps its rules in the world of seed ${only}`, async () => {
    const story = await simulate(Number(only), { traced: true })
    process.stdout.write(`${story.lines.join('\n')}\n`)
    if (story.violation) throw story.violation
  })
} else {
  it(`runRotation keeps its rules in ${seeds} worlds`, { timeout: 60_000 + 200 * seeds }, async () => {
    const total: Record<string, number> = {}
    for (let seed = 1; seed <= seeds; seed++) {
      const story = await simulate(seed)
      if (story.violation) throw new Error(await explain(story))
      for (const [name, count] of Object.entries(story.counts)) total[name] = (total[name] ?? 0) + count
    }
    // No rule was kept for want of an occasion.
    for (const [name, count] of Object.entries(total))
      expect(count, name).toBeGreaterThanOrEqual(Math.floor(seeds / (rare[name] ?? 10)))
    // And every world that comes to rest ends a rotation.
    expect(total['ended']).toBeGreaterThanOrEqual(seeds)
  })

  it('runRotation ends a rotation wherever one run dies', { timeout: 300_000 }, async () => {
    // Seeds of a store that compares and sets, and of one that does not.
    for (const seed of [1, 2, 3]) {
      const { waits, violation } = await simulate(seed, { calmBut: { process: 0, wait: 0, arrives: false } })
      expect(violation).toBeNull()
      for (const [index, count] of waits.entries())
        for (let wait = 1; wait <= count; wait++)
          for (const arrives of [false, true]) {
            const death = { process: index + 1, wait, arrives }
            const story = await simulate(seed, { calmBut: death })
            if (story.violation)
              throw new Error(`seed ${seed}, ${JSON.stringify(death)}: ${story.violation.message}`)
            expect(story.counts).toMatchObject({ deaths: 1, ended: 1 })
          }
    }
  })

  it('simulate tells the same story for the same seed', async () => {
    for (const seed of [1, 2, 3])
      expect(await simulate(seed, { traced: true })).toEqual(await simulate(seed, { traced: true }))
  })
}

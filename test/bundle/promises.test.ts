/**
 * What people built on in version 1.1 is there in this one. `promises-1.1.jsonl` was recorded from 1.1 itself: this version may add
 * to it, and takes nothing away but what `closed` names. docs/upgrade.md says the rule.
 *
 * `RECORD=FOLDER` writes the file anew, from a checkout of a version that was built there.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { observePromises, type Promises } from '../support/promises.ts'

const file = new URL('promises-1.1.jsonl', import.meta.url)
const from = process.env['RECORD']
/** A line for each promise: `[section, name, what was seen]`. */
type Line = [keyof Promises, string, unknown]

/** Holes of 1.1, which gave tokens to whoever reads the log of SCF, or sends a request to a REST API without proxy integration. */
const closed: Readonly<Record<string, unknown>> = {
  'scf-api-gateway, tokens': { statusCode: 501, body: { code: 'TokensWouldBeLogged' } },
  'scf-function-url, tokens': { statusCode: 501, body: { code: 'TokensWouldBeLogged' } },
  'scf-function-url-with-context, tokens': { statusCode: 501, body: { code: 'TokensWouldBeLogged' } },
  '{"Reveal":true}': { error: 'InputInvalid' },
}

const lines = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line): Line => JSON.parse(line))
const of = (section: keyof Promises) =>
  lines.filter((line) => line[0] === section).map(([, name, seen]) => [name, seen] as const)

if (from)
  it('a version is recorded', async () => {
    const recorded = Object.entries(await observePromises(resolve(from))).flatMap(([section, entries]) =>
      Object.entries(entries).map(([name, seen]) => `${JSON.stringify([section, name, seen])}\n`),
    )
    writeFileSync(file, recorded.join(''))
  })
else
  describe('version 1.1', () => {
    let now: Promises
    beforeAll(async () => {
      now = await observePromises(fileURLToPath(new URL('../..', import.meta.url)))
      // The limit of a hang: a busy machine needs a minute.
    }, 180_000)

    it.each(of('settings'))('its setting %s has the same default, and whoever read it does', (name, seen) => {
      const { default: value, readers } = seen as Promises['settings'][string]
      expect(now.settings[name]?.default).toEqual(value)
      expect(now.settings[name]?.readers).toEqual(expect.arrayContaining(readers))
    })

    it.each(of('configurations'))('its settings "%s" are read as they were', (name, seen) => {
      expect(now.configurations[name]).toMatchObject(seen as object)
    })

    it('its settings are all among those', () => {
      const names = of('configurations').join()
      for (const [name] of of('settings')) expect(names).toContain(name)
    })

    it.each(of('stores'))('its target %s: takes the same options', (scheme, options) => {
      expect(now.stores[scheme]).toEqual(expect.arrayContaining(options as string[]))
    })

    it.each(of('parameters'))('its parameter %s of the stack is there', (name) => {
      expect(Object.keys(now.parameters)).toContain(name)
    })

    it.each(of('answers'))('its answer to "%s" has the same status, headers and fields', (name, seen) => {
      expect(now.answers[name]).toMatchObject((closed[name] ?? seen) as object)
    })

    it.each(of('runs'))('its run by hand %s returns the same', (event, seen) => {
      expect(now.runs[event]).toMatchObject((closed[event] ?? seen) as object)
    })

    it.each(of('reports'))(
      'its mirror, step %s: the same report, and the same bytes written',
      (step, seen) => {
        const { file, secret, ...rest } = seen as { file: string; secret: object }
        expect(now.reports[step]).toMatchObject(rest)
        expect(now.reports[step]).toMatchObject({ file, secret })
      },
    )

    it.each(of('metrics'))('its metric %s has the same unit', (name, unit) => {
      expect(now.metrics[name]).toBe(unit)
    })

    it('its outcomes are all among those steps', () => {
      const found = new Set(JSON.stringify(of('reports')).match(/(?<="Outcome":")[\w-]+/g))
      expect([...found].sort()).toEqual([
        ...['created', 'deferred', 'failed', 'held', 'refused', 'unchanged', 'updated'],
        ...['would-create', 'would-hold', 'would-refuse', 'would-update'],
      ])
    })

    it('what was closed since is a promise that 1.1 made', () => {
      const names = lines.map(([, name]) => name)
      expect(names).toEqual(expect.arrayContaining(Object.keys(closed)))
    })
  })

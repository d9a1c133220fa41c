/** The README's tables against the code. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { settings } from '../../lib/config.ts'
import { routes } from '../../lib/endpoint/routes.ts'
import { storeKinds } from '../../lib/stores/index.ts'

const root = new URL('../..', import.meta.url)
const readme = readFileSync(new URL('README.md', root), 'utf8')

/** The cells of the table under a heading, or after a line that contains `heading`. */
function table(heading: string): string[][] {
  const [, after = ''] = readme.split(heading)
  const rows = /(?:^\|.*\n)+/m.exec(after)?.[0].trim().split('\n') ?? []
  return rows.slice(2).map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const bare = (cell = ''): string => cell.replaceAll('`', '')

describe('README', () => {
  it('lists every setting with its default', () => {
    const rows = table('## Settings').map(([name, value]) => [
      bare(name),
      value === 'by site' ? '' : bare(value),
    ])
    expect(rows).toEqual(Object.entries(settings))
  })

  it('lists every route with its scope', () => {
    const scopes = { tokens: 'full', fingerprints: 'masked', health: 'none' }
    const rows = table('## Routes').map(([route, scope]) => [bare(route), bare(scope)])
    expect(rows).toEqual(routes.map(({ path, view }) => [`GET ${path}`, scopes[view]]))
  })

  it('lists every kind of store with its options', () => {
    const uris = table('Targets are URIs').map(([uri]) => bare(uri))
    expect(uris.map((uri) => uri.split(':')[0])).toEqual(Object.keys(storeKinds))
    for (const [i, kind] of Object.values(storeKinds).entries())
      for (const option of kind.options) expect(uris[i]).toContain(`${option}=`)
  })

  it('SECURITY.md names tests and pages that exist', () => {
    const page = readFileSync(new URL('SECURITY.md', root), 'utf8')
    const files = [...page.matchAll(/`(test\/[^`]+)`|\]\(([^)]+)\)/g)].map(
      ([, test, link]) => test ?? link ?? '',
    )
    expect(files.length).toBeGreaterThan(10)
    for (const file of files) expect(existsSync(new URL(file, root)), file).toBe(true)
  })

  it('links to files that exist', () => {
    const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, path]) => path ?? '')
    expect(links.length).toBeGreaterThan(5)
    for (const link of links) expect(existsSync(new URL(link, root)), link).toBe(true)
  })
})

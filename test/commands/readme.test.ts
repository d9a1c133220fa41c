/** The pages against the code: their tables, their links, and the files that they name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { settings } from '../../lib/config.ts'
import { routes } from '../../lib/endpoint/routes.ts'
import { storeKinds } from '../../lib/stores/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const filesIn = (folder: string, end: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(end))
    .map((name) => join(folder, name))

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...filesIn('docs', '.md'),
  'simulator/README.md',
  'test/README.md',
  'test/mutants/README.md',
]

/** The cells of the first table of a page after `start`. */
function table(page: string, start: string): string[][] {
  const [, after = ''] = read(page).split(start)
  const rows = /(?:^\|.*\n)+/m.exec(after)?.[0].trim().split('\n') ?? []
  return rows.slice(2).map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

const bare = (cell = ''): string => cell.replaceAll('`', '')
const withoutCode = (text: string): string => text.replace(/^ *```.*?^ *```$/gms, '')

/** What a text links to, pictures too. */
function linksIn(text: string): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '')
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  return [...withoutCode(read(page)).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** Every row of the tables of threats: what somebody could try, what stands against it, and the tests that hold that. */
const controls = read('docs/threat-model.md')
  .split(/^### /m)
  .slice(1)
  .flatMap((section) => table('docs/threat-model.md', `### ${section.split('\n')[0]}\n`))

/** The titles of tests and their groups in a file, as they are written there. */
function titlesIn(path: string): string[] {
  const text = existsSync(join(root, path)) ? read(path) : ''
  return [...text.matchAll(/(?:\b(?:it|test|describe)(?:\.\w+)?\(|\)\()\s*(['"`])((?:\\.|(?!\1).)*)\1/g)].map(
    ([, , title]) => title ?? '',
  )
}

describe('pages', () => {
  it('docs/settings.md lists every setting with its default', () => {
    const rows = table('docs/settings.md', '# Settings').map(([name, value]) => [
      bare(name),
      value === 'by site' ? '' : bare(value),
    ])
    expect(rows).toEqual(Object.entries(settings).map(([name, one]) => [name, String(one.default ?? '')]))
  })

  it('docs/http-api.md lists every route with its scope', () => {
    const scopes = { tokens: 'full', token: 'single', fingerprints: 'masked', health: 'none' }
    const rows = table('docs/http-api.md', '## Routes').map(([route, scope]) => [bare(route), bare(scope)])
    expect(rows).toEqual(routes.map(({ path, view }) => [`GET ${path}`, scopes[view]]))
  })

  it('docs/mirror.md lists every kind of store with its options', () => {
    const uris = table('docs/mirror.md', '## Where it writes').map(([uri]) => bare(uri))
    expect(uris.map((uri) => uri.split(':')[0])).toEqual(Object.keys(storeKinds))
    for (const [i, kind] of Object.values(storeKinds).entries())
      for (const option of kind.options) expect(uris[i]).toContain(`${option}=`)
  })

  it('docs/decisions.md numbers its decisions, and says of each when to look at it again', () => {
    const [, ...decisions] = read('docs/decisions.md').split(/^### /m)
    expect(decisions.length).toBeGreaterThan(30)
    expect(decisions.map((text) => Number.parseInt(text, 10))).toEqual(decisions.map((_, i) => i + 1))
    for (const text of decisions) expect(text).toContain('*Look again*')
  })

  it('docs/threat-model.md says first what is not protected', () => {
    const [, first = ''] = read('docs/threat-model.md').split(/^## /m)
    expect(first).toMatch(/^What is not protected\n/)
    for (const what of [
      'What a function returns',
      'Secrets under six characters',
      'read the function’s settings',
    ])
      expect(first.replaceAll("'", '’')).toContain(what)
    for (const what of ['Files of this machine', 'A gateway that was taken over'])
      expect(first).toContain(what)
  })

  it('docs/threat-model.md has threats in every section', () => {
    expect(controls.length).toBeGreaterThan(50)
  })

  it.each(controls)(
    'docs/threat-model.md: against "%s" stands what tests hold',
    (_, control = '', tests = '') => {
      expect(control).not.toBe('')
      const named = [...tests.matchAll(/`([^`]+)`: "([^"]+)"(; |$)/g)]
      expect(named.map(([text]) => text).join('')).toBe(tests)
      expect(tests).not.toBe('')
      for (const [, path = '', title] of named) expect(titlesIn(path), path).toContain(title)
    },
  )

  it.each(pages)('%s links to files and headings that exist', (page) => {
    for (const link of linksIn(read(page)).filter((link) => !/^[a-z]+:/.test(link))) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : join(dirname(page), path)
      expect(existsSync(join(root, target)), link).toBe(true)
      if (anchor !== undefined) expect(anchorsOf(target), link).toContain(anchor)
    }
  })

  it('README.md leads to every page', () => {
    const linked = linksIn(read('README.md')).map((link) => link.split('#')[0])
    for (const page of pages.filter((page) => /^docs\/|^[A-Z]+\.md$/.test(page) && page !== 'README.md'))
      expect(linked).toContain(page)
  })
})

describe('traces', () => {
  /** The files that a paragraph links to: the one after a bold beginning, or the section below a heading. */
  const walk = (page: string, start: string): string[] => {
    const [, after = ''] = read(page).split(start)
    const [own = ''] = after.split(/\n\n\*\*|\n#/)
    return [...new Set(linksIn(own).map((link) => join(dirname(page), link)))].filter((path) =>
      path.endsWith('.ts'),
    )
  }
  /** What a handler reaches by imports, itself included; types too, because what has them is passed along. */
  const reached = (entry: string): string[] => {
    const found = new Set<string>()
    const visit = (path: string): void => {
      if (found.has(path)) return
      found.add(path)
      for (const [, to = ''] of read(path).matchAll(/(?:from |import\()'(\.[^']+)'/g))
        visit(join(dirname(path), to))
    }
    visit(entry)
    return [...found]
  }
  /** Any of them may be what a token passes; docs/mirror.md lists them. */
  const kinds = Object.keys(storeKinds).map((scheme) => `lib/stores/${scheme}.ts`)
  const reply = walk('README.md', '**A token on its way to a reply.**')
  const secret = walk('README.md', '**A token on its way to a secret.**')
  const others = ['A credential', 'A setting', 'An error'].flatMap((start) =>
    walk('docs/architecture.md', `### ${start}`),
  )

  it('README.md: a token on its way to a reply passes the handler, and all of the endpoint', () => {
    const own = reached('handlers/list-tokens.ts').filter((path) => path.startsWith('lib/endpoint/'))
    expect(own.length).toBeGreaterThan(3)
    expect(reply).toEqual(expect.arrayContaining(['handlers/list-tokens.ts', ...own]))
  })

  it('README.md: a token on its way to a secret passes the handler, all of the mirror and the stores', () => {
    const own = reached('handlers/mirror-tokens.ts').filter(
      (path) => /^lib\/(mirror|stores)\//.test(path) && !kinds.includes(path),
    )
    expect(own.length).toBeGreaterThan(5)
    expect(secret).toEqual(expect.arrayContaining(['handlers/mirror-tokens.ts', ...own]))
  })

  it('every file of handlers and lib, but for kinds of stores, is on one of the walks: of a token, a credential, a setting or an error', () => {
    const entries = ['list-tokens', 'list-tokens-web', 'mirror-tokens'].map((name) => `handlers/${name}.ts`)
    const all = entries.flatMap(reached)
    const named = new Set([...reply, ...secret, ...others, ...kinds])
    expect([...new Set(all)].filter((path) => !named.has(path))).toEqual([])
  })

  it('a file that only the other three walks name handles no token', () => {
    const tokens = /\b(apiTokens?|ApiTokens?|TokenList|fingerprint\(|MirroredDocument)\b/
    const named = [...reply, ...secret]
    for (const path of others.filter((path) => !named.includes(path)))
      expect(read(path).replace(/\/\*.*?\*\/|\/\/.*/gs, ''), path).not.toMatch(tokens)
  })
})

describe('.github/workflows', () => {
  it.each(filesIn('.github/workflows', '.yml'))(
    '%s pins actions by digest and gives no permissions',
    (path) => {
      const text = read(path)
      expect(text).toMatch(/^permissions: \{\}$/m)
      for (const [line] of text.matchAll(/uses: .*/g))
        expect(line).toMatch(/^uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
    },
  )
})

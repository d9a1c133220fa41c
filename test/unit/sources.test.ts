/** Which way imports point, and who may touch the outside world, checked over the sources. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Source {
  /** Relative to the root. */
  readonly path: string
  /** Without comments. */
  readonly text: string
  /** Modules as resolved: paths relative to the root, or package names. */
  readonly imports: readonly string[]
}

const sources: readonly Source[] = ['lib', 'handlers'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const path = `${folder}/${name}`
      const text = withoutComments(readFileSync(join(root, path), 'utf8'))
      return { path, text, imports: importsIn(text, path) }
    }),
)
const lib = sources.filter(({ path }) => path.startsWith('lib/'))
const kinds = lib
  .filter(({ path }) => /^lib\/stores\/(?!store\.|index\.|document\.|record\.|target\.|aws\.)/.test(path))
  .map(({ path }) => path)

/** Which rooms a room may import values from, besides itself and the files right in `lib/` that are not named here. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  platform: [],
  tencent: [],
  aws: [],
  credentials: ['platform', 'tencent', 'aws'],
  stores: ['platform', 'tencent', 'aws'],
  'config.ts': ['tencent', 'credentials', 'stores'],
  endpoint: ['platform', 'tencent', 'aws', 'credentials', 'stores', 'config.ts'],
  mirror: ['platform', 'tencent', 'aws', 'credentials', 'stores', 'config.ts'],
  rotation: ['platform', 'tencent', 'aws', 'credentials', 'stores', 'config.ts', 'mirror'],
}
const roomOf = (path: string): string => /^lib\/([^/]+)/.exec(path)?.[1] ?? ''

/** What a text imports values from: of types nothing is left when it runs. */
function importsIn(text: string, path: string): string[] {
  const statements = text.matchAll(
    /\bimport\s+(?!type\b)(?:([^;'"]*?)\s+from\s+)?'([^']+)'|(?<!typeof )\bimport\('([^']+)'\)|\bexport\s+(?!type\b)[^;'"]*?\s+from\s+'([^']+)'/g,
  )
  return [...statements].flatMap(([, names = '', a, b, c]) => {
    const isTypes = /^\{(\s*type \w+( as \w+)?,?)+\s*\}$/.test(names)
    const module = a ?? b ?? c ?? ''
    return isTypes ? [] : [module.startsWith('.') ? join(dirname(path), module) : module]
  })
}

function withoutComments(text: string): string {
  return text.replace(/\/\*.*?\*\//gs, '').replace(/(^|\s)\/\/.*/g, '')
}

/** `path: import` for every import that breaks a rule. */
function offences(among: readonly Source[], allowed: (imported: string, path: string) => boolean): string[] {
  return among.flatMap(({ path, imports }) =>
    imports.filter((one) => !allowed(one, path)).map((one) => `${path}: ${one}`),
  )
}

describe('imports', () => {
  it('point from handlers to lib, never back', () => {
    expect(offences(lib, (imported) => !imported.startsWith('handlers/'))).toEqual([])
  })

  it('point down from room to room, as CONTRIBUTING.md draws them', () => {
    const found = lib.map(({ path }) => roomOf(path))
    for (const room of Object.keys(rooms)) expect(found).toContain(room)
    const wrong = offences(lib, (imported, path) => {
      const [from, to] = [roomOf(path), roomOf(imported)]
      if (!imported.startsWith('lib/') || from === to) return true
      const base = to.endsWith('.ts') && !(to in rooms)
      return base || (rooms[from]?.includes(to) ?? false)
    })
    expect(wrong).toEqual([])
  })

  it('of the network, of files and of other processes are where those are dealt with', () => {
    const outside: Readonly<Record<string, readonly string[]>> = {
      undici: ['lib/tencent/transport.ts'],
      'node:net': ['lib/connect.ts', 'lib/proxy.ts'],
      'node:dns': ['lib/connect.ts'],
      'node:tls': ['lib/connect.ts'],
      'node:http': ['lib/connect.ts', 'lib/aws/agent.ts'],
      // No outside at all.
      'node:zlib': ['lib/tencent/transport.ts'],
      'node:https': ['lib/aws/agent.ts'],
      // A store, and the look at what the AWS SDK would read before it does.
      'node:fs': ['lib/stores/file.ts', 'lib/aws/files.ts'],
    }
    const wrong = offences(lib, (imported, path) => {
      if (imported.startsWith('lib/') || ['node:crypto', 'node:path'].includes(imported)) return true
      return outside[imported]?.includes(path) || path === 'lib/aws/sdk.ts'
    })
    expect(wrong).toEqual([])
  })

  it('of the AWS SDK are in sdk.ts, which is loaded on first need', () => {
    // A static import of its values elsewhere would load it in every cold start; types cost nothing.
    for (const { path, text } of sources.filter(({ path }) => path !== 'lib/aws/sdk.ts')) {
      expect(text, path).not.toMatch(/^(import|export) (?!type )[^;]*? from '(@aws-sdk|@smithy)/m)
      expect(text, path).not.toMatch(/^(import|export) (?!type )[^\n]*\/sdk\.ts'/m)
    }
  })

  it('of store kinds are in the registry alone', () => {
    expect(kinds.length).toBeGreaterThan(1)
    expect(
      offences(sources, (imported, path) => !kinds.includes(imported) || path === 'lib/stores/index.ts'),
    ).toEqual([])
    expect(offences(lib, (imported) => imported !== 'lib/stores/index.ts')).toEqual([])
  })

  it('make no cycle', () => {
    const importsOf = new Map(sources.map(({ path, imports }) => [path, imports]))
    const visit = (path: string, above: readonly string[]): void => {
      expect(above).not.toContain(path)
      for (const imported of importsOf.get(path) ?? []) visit(imported, [...above, path])
    }
    for (const { path } of sources) visit(path, [])
  })

  it('exports are never passed on, except for the AWS bundle', () => {
    for (const { path, text } of sources.filter(({ path }) => path !== 'lib/aws/sdk.ts'))
      expect(text, path).not.toMatch(/^export (\*|(type )?\{[^}]*\} from)/m)
  })
})

describe('lib', () => {
  it.each([
    /\bprocess\./,
    /\bconsole\./,
    /\bDate\.now\b/,
    /\bnew Date\(\)/,
    /\bMath\.random\b/,
    /\bperformance\./,
    /\brandom(UUID|Bytes|Int)\b/,
  ])('never uses %s: handlers deps it', (outside) => {
    for (const { path, text } of lib) expect(text, path).not.toMatch(outside)
  })
})

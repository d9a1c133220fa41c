/** Which way imports point, and who may touch the outside world, checked over the sources. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Source {
  /** Relative to the root. */
  readonly path: string
  /** Without comments. */
  readonly text: string
  /** Modules as resolved: paths relative to the root, or package names. */
  readonly imports: readonly string[]
}

const sources: readonly Source[] = ['lib', 'lib/stores', 'handlers'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const path = `${folder}/${name}`
      const text = withoutComments(readFileSync(join(root, path), 'utf8'))
      const modules = [...text.matchAll(/\bfrom '([^']+)'|\bimport\('([^']+)'\)/g)].map(
        ([, a, b]) => a ?? b ?? '',
      )
      const imports = modules.map((module) => (module.startsWith('.') ? join(dirname(path), module) : module))
      return { path, text, imports }
    }),
)
const lib = sources.filter(({ path }) => path.startsWith('lib/'))
const kinds = lib.filter(({ path }) => /^lib\/stores\/(?!store\.|index\.)/.test(path)).map(({ path }) => path)
const pure = [
  'tc3',
  'errors',
  'config',
  'credentials',
  'aws-errors',
  'events',
  'plan',
  'document',
  'routes',
  'callers',
  'log',
  'escapes',
  'scrub',
  'manual',
  'metrics',
  'foreign',
  'time',
  'stores/store',
].map((name) => `lib/${name}.ts`)

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
  it('imports point from handlers to lib, never back', () => {
    expect(offences(lib, (imported) => !imported.startsWith('handlers/'))).toEqual([])
  })

  it('imports of pure files are pure files and node:crypto', () => {
    const files = lib.filter(({ path }) => pure.includes(path))
    expect(files).toHaveLength(pure.length)
    expect(offences(files, (imported) => imported === 'node:crypto' || pure.includes(imported))).toEqual([])
  })

  it('imports of undici are in transport.ts, of the AWS SDK in aws.ts', () => {
    expect(
      offences(sources, (imported, path) => imported !== 'undici' || path === 'lib/transport.ts'),
    ).toEqual([])
    // A static import of its values elsewhere would load it in every cold start; types cost nothing.
    for (const { path, text } of sources.filter(({ path }) => path !== 'lib/aws.ts')) {
      expect(text, path).not.toMatch(/^(import|export) (?!type )[^;]*? from '(@aws-sdk|@smithy)/m)
      expect(text, path).not.toMatch(/^(import|export) (?!type )[^\n]*'\.{1,2}\/aws\.ts'/m)
    }
  })

  it('imports of store kinds are in the registry alone', () => {
    expect(kinds.length).toBeGreaterThan(1)
    expect(
      offences(sources, (imported, path) => !kinds.includes(imported) || path === 'lib/stores/index.ts'),
    ).toEqual([])
    expect(offences(lib, (imported) => imported !== 'lib/stores/index.ts')).toEqual([])
  })

  it('imports make no cycle', () => {
    const importsOf = new Map(sources.map(({ path, imports }) => [path, imports]))
    const visit = (path: string, above: readonly string[]): void => {
      expect(above).not.toContain(path)
      for (const imported of importsOf.get(path) ?? []) visit(imported, [...above, path])
    }
    for (const { path } of sources) visit(path, [])
  })

  it('exports are never passed on, except for the AWS bundle', () => {
    for (const { path, text } of sources.filter(({ path }) => path !== 'lib/aws.ts'))
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
  ])('lib never uses %s: handlers lend it', (outside) => {
    for (const { path, text } of lib) expect(text, path).not.toMatch(outside)
  })
})

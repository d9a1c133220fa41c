/** Everything that is measured, built in a temporary folder: the product by its own build, the rest likewise. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { buildFunctions, type FunctionName } from '../scripts/build.ts'
import { undiciLean } from '../scripts/undici-lean.ts'

export interface Bundles {
  /** The product's `index.js`, as it is deployed. */
  readonly functions: Readonly<Record<FunctionName, string>>
  /** The bundle of `variants/KIND/NAME`. */
  variant(kind: 'sign' | 'call' | 'function', name: string): string
  /** The bundle of `programs/NAME`; of one with an ending the file itself. */
  program(name: string): string
}

const here = fileURLToPath(new URL('.', import.meta.url))

/** The folder goes when this process does. */
export async function buildBundles(): Promise<Bundles> {
  const folder = mkdtempSync(join(tmpdir(), 'vod-aigc-tokens-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const [functions] = await Promise.all([buildFunctions(join(folder, 'dist')), buildOthers(folder)])
  return {
    functions,
    variant: (kind, name) => join(folder, 'variants', kind, `${name}.cjs`),
    program: (name) =>
      name.endsWith('.mjs') ? join(here, 'programs', name) : join(folder, 'programs', `${name}.cjs`),
  }
}

/** The rest: programs and variants. The project's own parts get what scripts/build.ts gives them. */
async function buildOthers(outdir: string): Promise<void> {
  const folders = ['programs', 'variants/sign', 'variants/call', 'variants/function']
  const files = folders
    .flatMap((folder) => readdirSync(join(here, folder)).map((file) => join(folder, file)))
    .filter((file) => !file.endsWith('programs/first-request.mjs'))
  const isOurs = (file: string): boolean => basename(file).startsWith('ours')
  await Promise.all([
    buildFiles(outdir, files.filter(isOurs), [undiciLean]),
    buildFiles(
      outdir,
      files.filter((file) => !isOurs(file)),
      [],
    ),
  ])
}

async function buildFiles(outdir: string, files: readonly string[], plugins: Plugin[]): Promise<void> {
  await build({
    entryPoints: files.map((file) => join(here, file)),
    outdir,
    outbase: here,
    outExtension: { '.js': '.cjs' },
    plugins,
    // As in scripts/build.ts, but for `mainFields`: given the ES modules of its dependencies, the intl SDK fails.
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    minify: true,
    supported: { 'dynamic-import': false },
    logLevel: 'error',
  })
}

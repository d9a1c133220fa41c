/**
 * Builds the functions: `dist/NAME/index.js`, the lazily loaded `aws.js` beside it, and `dist/NAME.zip`; for
 * `list-tokens` also `web.js`, the same over plain HTTP, and `scf_bootstrap`, which starts it on SCF;
 * `npm run build` also says what is inside: `dist/NAME.sbom.json` and `dist/NAME.licences.txt`.
 * The same source gives the same bytes.
 */
import { realpathSync } from 'node:fs'
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, type BuildResult, build, type Metafile, type Plugin } from 'esbuild'
import { type ZippableFile, zipSync } from 'fflate'
import { readArguments } from './arguments.ts'
import { findPackages, listLocked, writeContents } from './contents.ts'
import { plainEnvironment } from './environment.ts'
import { undiciLean } from './undici-lean.ts'
import { bannerOf } from './zip-difference.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
export const functionNames = ['list-tokens', 'mirror-tokens', 'rotate-tokens'] as const
export type FunctionName = (typeof functionNames)[number]

/** What SCF wants `scf_bootstrap` to have. */
const executable = 0o755

/** SCF loads with `require` and runs Node 20, so: CommonJS for Node 20. */
const options = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  minify: true,
  // The AWS SDK's ES module build is a third smaller than its CommonJS one.
  mainFields: ['module', 'main'],
  // `import()` becomes `require` on first need.
  supported: { 'dynamic-import': false },
  logLevel: 'warning',
  absWorkingDir: root,
  metafile: true,
} satisfies BuildOptions

/** Keeps `lib/aws/sdk.ts` out of `index.js`: it is the file `aws.js` beside it. */
const awsApart: Plugin = {
  name: 'aws-apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/sdk\.ts$/ }, () => ({ path: './aws.js', external: true }))
  },
}

/** Is told what esbuild put into a function's files. */
type OnBuilt = (name: FunctionName, metafiles: readonly Metafile[]) => Promise<void>

/** Builds functions into a folder, which is emptied first; returns the path of each one's `index.js`. */
export async function buildFunctions<Name extends FunctionName = FunctionName>(
  dist = join(root, 'dist'),
  onBuilt?: OnBuilt,
  names: readonly Name[] = functionNames as readonly FunctionName[] as readonly Name[],
): Promise<Record<Name, string>> {
  await rm(dist, { recursive: true, force: true })
  await mkdir(dist, { recursive: true })
  // The bundles are CommonJS although this package is not. This file lies outside of what is deployed.
  await writeFile(join(dist, 'package.json'), '{"type":"commonjs"}\n')
  // The same for all of them, and most of the work.
  const aws = withoutKeys(() =>
    build({
      ...options,
      entryPoints: ['lib/aws/sdk.ts'],
      outfile: join(dist, 'aws.js'),
      write: false,
      // On Node 20, which is what SCF has, the SDK would write a notice among the log's JSON lines.
      define: { 'process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED': '"true"' },
    }),
  )
  const built = names.map(async (name) => [name, await buildFunction(name, dist, aws, onBuilt)] as const)
  return Object.fromEntries(await Promise.all(built)) as Record<Name, string>
}

async function buildFunction(
  name: FunctionName,
  dist: string,
  aws: Promise<BuildResult<{ metafile: true; write: false }>>,
  onBuilt?: OnBuilt,
): Promise<string> {
  const folder = join(dist, name)
  const index = {
    entryPoints: [`handlers/${name}.ts`],
    outfile: join(folder, 'index.js'),
    plugins: [awsApart, undiciLean],
  }
  const web = {
    entryPoints: ['handlers/list-tokens-web.ts'],
    outfile: join(folder, 'web.js'),
    plugins: [awsApart, undiciLean],
  }
  const isServed = name === 'list-tokens'
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  // By which `npm run verify` tells another version from another source.
  const banner = { js: bannerOf(name, version) }
  const built = await Promise.all(
    withoutKeys(() =>
      [index, ...(isServed ? [web] : [])].map((part) => build({ ...options, banner, ...part })),
    ),
  )
  const { outputFiles, metafile } = await aws
  await writeFile(join(folder, 'aws.js'), `${banner.js}\n${outputFiles[0]?.text ?? ''}`)
  const names = ['aws.js', 'index.js', 'lambda.mjs']
  await copyFile(join(root, 'handlers/lambda.mjs'), join(folder, 'lambda.mjs'))
  if (isServed) {
    const bootstrap = join(folder, 'scf_bootstrap')
    await writeFile(bootstrap, await readBootstrap())
    // Not by an option of `writeFile`, from which the process's mask is taken.
    await chmod(bootstrap, executable)
    names.push('scf_bootstrap', 'web.js')
  }
  const files = names.map(async (file): Promise<[string, ZippableFile]> => {
    const bytes = await readFile(join(folder, file))
    return [file, [bytes, file === 'scf_bootstrap' ? { attrs: executable << 16 } : {}]]
  })
  const zip = zipSync(Object.fromEntries(await Promise.all(files)), {
    level: 9,
    // Local time of the earliest date a zip can hold: the same bytes in every zone.
    mtime: new Date(1980, 0, 1),
    os: 3,
    attrs: 0o644 << 16,
  })
  await writeFile(join(dist, `${name}.zip`), zip)
  await onBuilt?.(name, [metafile, ...built.map(({ metafile }) => metafile)])
  return index.outfile
}

/** SCF takes no other line ends, and git may have given the file the machine's own. */
async function readBootstrap(): Promise<string> {
  const text = await readFile(join(root, 'handlers/scf_bootstrap'), 'utf8')
  return text.replaceAll('\r\n', '\n')
}

/** esbuild works in a process of its own, which gets the environment of the moment in which the first build begins. */
function withoutKeys<T>(begin: () => T): T {
  const own = process.env
  process.env = plainEnvironment()
  try {
    return begin()
  } finally {
    process.env = own
  }
}

if (fileURLToPath(import.meta.url) === realpathSync(process.argv[1] ?? '.')) {
  readArguments({
    name: 'npm run build',
    usage: 'npm run build',
    about: 'Builds the functions into dist/: a folder and a zip each, and what is inside them.',
    flags: {},
    words: 'none',
  })
  const dist = join(root, 'dist')
  const locked = listLocked(root)
  await buildFunctions(dist, async (name, metafiles) =>
    writeContents(join(dist, name), await findPackages(metafiles, root), await locked),
  )
  console.log(
    `built ${functionNames.map((name) => `dist/${name}`).join(', ')}, their zips and what is inside them`,
  )
}

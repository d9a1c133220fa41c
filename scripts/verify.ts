/** `npm run verify -- FILE.zip`: whether a zip of a release was built from the source that is checked out here. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readArguments, refuse } from './arguments.ts'
import { buildFunctions, functionNames } from './build.ts'
import { plainEnvironment } from './environment.ts'
import { type Difference, findDifference, findUnlocked } from './zip-difference.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const command = 'npm run verify'

const { positionals } = readArguments({
  name: command,
  usage: 'npm run verify -- FILE.zip',
  about:
    'Builds both functions from the source that is checked out, and compares FILE.zip with them byte by byte. Says "built\n' +
    'from this source" and ends with 0, or what differs and the likely cause, and ends with 1. Check out the tag of the\n' +
    'release first, and run npm ci.',
  flags: {},
  words: 'some',
})
const [file, ...more] = positionals
if (file === undefined || more.length > 0)
  refuse(command, ['name one zip; usage: npm run verify -- FILE.zip'])
if (!existsSync(file)) refuse(command, [`there is no file "${file}"`])
const given = readFileSync(file)
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const commit = git('rev-parse', 'HEAD')
// Files that git does not know of are not built, and the zip may be one.
const changed = git('status', '--porcelain', '--untracked-files=no')
if (commit === null || changed === null)
  refuse(command, ['this is no checkout of git, so nothing says which source this is; clone the repository'])
if (changed !== '')
  refuse(command, [
    `this checkout has changes, so it is the source of no release; run git stash. Changed: ${changed.replace(/\s+/g, ' ')}`,
  ])
const tag = `v${version}`
const isTagged = (git('tag', '--points-at', 'HEAD') ?? '').split('\n').includes(tag)
const here = `version ${version}, commit ${commit}${isTagged ? `, tag ${tag}` : ''}`

const folder = mkdtempSync(join(tmpdir(), 'vod-aigc-tokens-verify-'))
const built = await buildFunctions(folder)
  .then(() => functionNames.map((name) => readFileSync(join(folder, `${name}.zip`))))
  .finally(() => rmSync(folder, { recursive: true }))
const differences = built.map((zip) => findDifference(given, zip))
const sum = createHash('sha256').update(given).digest('hex')
const same = differences.indexOf(null)
if (same >= 0) {
  console.log(`${file}: built from this source: ${functionNames[same]}, ${here}; SHA-256 ${sum}`)
  process.exit(0)
}
const meant = functionNames.findIndex((name) => basename(file).includes(name))
const difference = differences[Math.max(0, meant)]
if (difference) {
  console.error(`${file}: not built from this source: ${here}; SHA-256 ${sum}`)
  console.error(`The first difference is at ${difference.where}.`)
  console.error(`The likely cause: ${causeOf(difference)}.`)
}
process.exit(1)

function causeOf({ kind, version: other }: Difference): string {
  const dontUse = 'do not use it'
  switch (kind) {
    case 'damaged':
      return `it is no zip, or was damaged or changed after it was packed; ${dontUse}`
    case 'version':
      return `it says that it is version ${other}, and this is ${version}; run git checkout v${other} && npm ci, and try again`
    case 'repacked':
      return `the same files, packed again by something else; ${dontUse}, but the one of the release`
    case 'other':
      break
  }
  const packages = findUnlocked(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')), versionAt)
  if (packages.length > 0)
    return `npm: other packages than those of package-lock.json are installed; run npm ci, and try again. ${packages.slice(0, 3).join('; ')}`
  if (other === null)
    return 'it is no zip of this project, or one from before 1.2, which does not name its version'
  if (!isTagged)
    return `another commit: this one is not tagged ${tag}; run git checkout ${tag} && npm ci, and try again`
  const node = `a Node that builds otherwise is not known (this is ${process.version}, and releases are built with 20.19)`
  return `it was built from another source or changed and packed again; ${node}; ${dontUse}`
}

/** What git says, in one text; `null` where it fails. */
function git(...args: string[]): string | null {
  try {
    return execFileSync('git', args, {
      cwd: root,
      env: plainEnvironment(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return null
  }
}

function versionAt(path: string): string | null {
  const manifest = join(root, path, 'package.json')
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : null
}

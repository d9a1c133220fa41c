/** `npm run check:tag -- v1.2.0`: whether a tag may name a release. The workflow of releases asks it first. Changes nothing. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readArguments, refuse } from './arguments.ts'
import { plainEnvironment } from './environment.ts'
import { findTagProblems } from './tag-problems.ts'

const command = 'npm run check:tag'
const usage = `${command} -- TAG, such as v1.2.0`
const root = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

const { positionals } = readArguments({
  name: command,
  usage,
  about:
    'Says whether a tag may name a release: it is annotated, and package.json, package-lock.json, docs/openapi.yaml and the newest\n' +
    'heading of CHANGELOG.md name its version. Ends with 1 if not.',
  flags: {},
  words: 'some',
})
const [tag, ...more] = positionals
if (tag === undefined || more.length > 0) refuse(command, [`name one tag; usage: ${usage}`])

const problems = findTagProblems({
  tag,
  kind: kindOf(tag),
  versions: {
    'package.json': JSON.parse(read('package.json')).version,
    'package-lock.json': JSON.parse(read('package-lock.json')).version,
    'docs/openapi.yaml': /(?<=^ {2}version: ).*/m.exec(read('docs/openapi.yaml'))?.[0] ?? null,
  },
  changes: read('CHANGELOG.md'),
})
if (problems.length > 0) refuse(command, problems)
console.log(`${tag} may name a release`)

function kindOf(name: string): string | null {
  try {
    return execFileSync('git', ['cat-file', '-t', `refs/tags/${name}`], {
      cwd: root,
      env: plainEnvironment(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return null
  }
}

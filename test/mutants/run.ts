/**
 * Breaks `handlers` and `lib` in every small way that Stryker knows, one at a time, and tells what no test noticed:
 * `npm run mutate [-- NAME...]`, where each NAME is a part of a file's path. Fails when a mutant lives that accepted.ts
 * does not excuse. README.md says more.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readArguments } from '../../scripts/arguments.ts'
import { type Accepted, accepted } from './accepted.ts'

/** Where the tests of a file are not those in `test/unit` with its name. */
const testsOf: Readonly<Record<string, readonly string[]>> = {
  'handlers/invocation': ['handlers'],
  'handlers/list-tokens': ['handlers'],
  'handlers/mirror-tokens': ['handlers'],
  'handlers/rotate-tokens': ['handlers'],
  'handlers/runtime': ['handlers'],
  'handlers/serve': ['handlers'],
  'lib/aws/call': ['aws/call'],
  'lib/aws/errors': ['aws/errors', 'foreign'],
  'lib/digest': ['tencent/vod', 'endpoint/answer', 'mirror/run'],
  'lib/credentials/lease': ['credentials/lease', 'time'],
  'lib/endpoint/cache': ['endpoint/cache', 'time'],
  'lib/endpoint/callers': ['endpoint/answer'],
  'lib/endpoint/problem': ['endpoint/answer'],
  'lib/endpoint/routes': ['endpoint/answer'],
  'lib/endpoint/view': ['endpoint/answer'],
  'lib/errors': ['config', 'credentials/chain', 'endpoint/answer', 'endpoint/cache', 'tencent/client'],
  'lib/mirror/report': ['mirror/run', 'mirror/failures'],
  'lib/mirror/run': ['mirror/run', 'mirror/failures', 'time'],
  'lib/platform/escapes': ['platform/scrub'],
  'lib/platform/metrics': ['platform/log'],
  'lib/tencent/answer': ['tencent/answer', 'tencent/client', 'foreign'],
  'lib/tencent/codes': ['tencent/client', 'tencent/codes', 'endpoint/cache'],
  'lib/tencent/sites': ['config'],
  'lib/rotation/report': ['rotation/run', 'handlers'],
  'lib/rotation/run': ['rotation/run', 'time'],
  'lib/stores/store': ['mirror/run', 'stores/index'],
}
/** What is not broken, and why. */
const leftAlone: Readonly<Record<string, string>> = {
  'handlers/list-tokens-web': 'a program: test/bundle/web.test.ts',
  'handlers/initialize': 'what it does is seen from another process only: test/bundle/initialize.test.ts',
  'handlers/rehearsal':
    'a play without an outside, which shows in what a first request need not do: test/bundle/initialize.test.ts',
  'handlers/server': 'what it does is seen from another process only: test/bundle/web.test.ts',
  'handlers/stdout': 'what it does is seen from another process only: test/bundle/stdout.test.ts',
  'handlers/time': 'one line for each clock of Node',
  'lib/aws/sdk': 'names of the AWS SDK alone',
  'lib/aws/clients':
    'what hangs is seen from another process: test/bundle/mirror-tokens.test.ts, credential-sources.test.ts',
  'lib/stores/aws': 'what both stores in AWS share, see there',
  'lib/stores/aws-parameter-store':
    'its tests need an emulator of AWS: test/emulated/stores-aws-parameter-store.test.ts',
  'lib/stores/aws-secretsmanager':
    'its tests need an emulator of AWS: test/emulated/stores-aws-secretsmanager.test.ts',
}

/** A part of Stryker's report: https://github.com/stryker-mutator/mutation-testing-elements */
interface Report {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>
}
interface Mutant {
  readonly mutatorName: string
  readonly replacement: string
  readonly status: string
  readonly location: { readonly start: Position; readonly end: Position }
}
/** Lines and columns count from 1. */
interface Position {
  readonly line: number
  readonly column: number
}

/** An error is one of loading the mutant. */
const noticing = ['Killed', 'Timeout', 'RuntimeError']
const folder = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const { positionals: wanted } = readArguments({
  name: 'npm run mutate',
  usage: 'npm run mutate -- [NAME...]',
  about: `Breaks handlers and lib in every small way, one at a time, and tells what no test noticed. All of it takes about two hours on two cores.

  NAME     a part of a file's path, such as config: only the files that have one of these`,
  flags: {},
  words: 'some',
})
const used = new Set<Accepted>()
const total = { noticed: 0, unnoticed: 0, excused: 0 }

if (!existsSync(join(folder, 'node_modules')))
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit' })
/** Files by their tests: one run of Stryker shows its mutants to all of them. */
const groups = new Map<string, string[]>()
for (const file of ['handlers', 'lib'].flatMap(sourcesIn)) {
  if (file in leftAlone || !(wanted.length === 0 || wanted.some((name) => file.includes(name)))) continue
  const names = testsOf[file] ?? [file.replace('lib/', '')]
  const tests = names.map((name) => `test/unit/${name}.test.ts`)
  const missing = tests.find((test) => !existsSync(join(root, test)))
  if (missing) throw new Error(`Mutating ${file}.ts: there is no ${missing}; name its tests in testsOf`)
  groups.set(tests.join(), [...(groups.get(tests.join()) ?? []), `${file}.ts`])
}
for (const [tests, files] of groups) show(mutate(files, tests))
if (wanted.length === 0)
  for (const one of accepted)
    if (!used.has(one)) process.stdout.write(`excused, but noticed: ${one.file}: ${one.from}\n`)
process.stdout.write(`In all ${inWords(total)}\n`)
process.exitCode = total.unnoticed > 0 ? 1 : 0

/** Without their `.ts`. */
function sourcesIn(name: string): string[] {
  return readdirSync(join(root, name), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `${name}/${path.slice(0, -3)}`)
    .sort()
}

function mutate(files: readonly string[], tests: string): Report {
  const stryker = join(folder, 'node_modules/@stryker-mutator/core/bin/stryker.js')
  const { status } = spawnSync(
    process.execPath,
    [stryker, 'run', join(folder, 'stryker.config.json'), '--mutate', files.join()],
    { cwd: root, env: { ...process.env, MUTANTS_SHOWN_TO: tests }, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  if (status !== 0) throw new Error(`Mutating ${files.join(', ')}: Stryker ended with ${status}`)
  return JSON.parse(readFileSync(join(root, 'dist/mutants.json'), 'utf8'))
}

/** One line for each file, after those for the mutants that live without an excuse. */
function show({ files }: Report): void {
  for (const [file, { source, mutants }] of Object.entries(files)) {
    const lines = source.split('\n')
    const alive = mutants.filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
    const unnoticed = alive.filter(
      (mutant) => !isPieceOfMessage(mutant, lines) && !isAccepted(file, mutant, lines),
    )
    for (const { location, mutatorName, replacement, status } of unnoticed)
      process.stdout.write(
        `${file}:${location.start.line} ${mutatorName}${status === 'NoCoverage' ? ', never run' : ''}\n` +
          `  ${lineOf(location, lines)}\n  ${textAt(location, lines)} -> ${flat(replacement)}\n`,
      )
    const counts = {
      noticed: mutants.filter(({ status }) => noticing.includes(status)).length,
      unnoticed: unnoticed.length,
      excused: alive.length - unnoticed.length,
    }
    for (const name of ['noticed', 'unnoticed', 'excused'] as const) total[name] += counts[name]
    process.stdout.write(`${file}: ${inWords(counts)}\n`)
  }
}

function inWords({ noticed, unnoticed, excused }: typeof total): string {
  const share = (100 * noticed) / Math.max(1, noticed + unnoticed)
  return `${noticed} noticed, ${unnoticed} not, ${excused} excused: ${share.toFixed(1)} %`
}

/** One of several strings that are added up to a sentence: its words may change, while the rest says what went wrong. */
function isPieceOfMessage(
  { mutatorName, location: { start, end } }: Mutant,
  lines: readonly string[],
): boolean {
  const before = `${lines.slice(0, start.line - 1).join('\n')}\n${lines[start.line - 1]?.slice(0, start.column - 1)}`
  const behind = `${lines[end.line - 1]?.slice(end.column - 1)}\n${lines[end.line]}`
  const text = textAt({ start, end }, lines)
  return mutatorName === 'StringLiteral' && / /.test(text) && (/\+\s*$/.test(before) || /^\s*\+/.test(behind))
}

function isAccepted(file: string, { location, replacement }: Mutant, lines: readonly string[]): boolean {
  const found = accepted.find(
    (one) =>
      one.file === file &&
      flat(one.from) === textAt(location, lines) &&
      (one.to === undefined || [one.to].flat().some((to) => flat(to) === flat(replacement))) &&
      (one.on === undefined || lineOf(location, lines).includes(one.on)),
  )
  if (found) used.add(found)
  return found !== undefined
}

function lineOf({ start }: Mutant['location'], lines: readonly string[]): string {
  return lines[start.line - 1]?.trim() ?? ''
}

/** What stands there, on one line. */
function textAt({ start, end }: Mutant['location'], lines: readonly string[]): string {
  const text = lines.slice(start.line - 1, end.line)
  text.push((text.pop() ?? '').slice(0, end.column - 1))
  text[0] = text[0]?.slice(start.column - 1) ?? ''
  return flat(text.join(' '))
}

function flat(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

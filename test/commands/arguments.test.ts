/** What stands behind each command of package.json: `--help` helps and does nothing, and what a command does not take is refused. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findFlagProblems, keptByNpm } from '../../scripts/arguments.ts'
import { type Checkout, openCheckout } from '../support/command.ts'

// The limit of a hang, not a measure: an idle machine needs a second, and a command that takes what it should refuse many minutes.
const timeout = 120_000
const root = fileURLToPath(new URL('../..', import.meta.url))
const manifest: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)
const npm = (name: string): string => (name === 'start' ? 'npm start' : `npm run ${name}`)

/** Ours: the others are TypeScript's, Biome's and Vitest's, which answer for themselves. */
const commands = Object.keys(manifest.scripts).filter((name) => manifest.scripts[name]?.startsWith('node '))

/** Commands with a word that they do not take, and what is said of it. */
const words: Readonly<Record<string, string>> = {
  start: '"3001" is not a flag; usage: npm start -- [--port NUMBER]',
  build: '"3001" is not a flag; usage: npm run build',
  release: '"3001" is not a flag; usage: npm run release',
  verify: 'there is no file "3001"',
  probe: '"3001" is not a URL; usage: npm run probe -- URL',
  bench: '"3001" is not a flag; usage: npm run bench -- [--quick]',
  invoke: 'there is no function "3001"; usage: npm run invoke -- list-tokens|mirror-tokens',
  'check:tag': '"3001" is not a tag such as v1.2.0',
  'check:keyless': '"3001" is not a flag; usage: npm run check:keyless -- --provider NAME',
  'deploy:scf': '"3001" is not a flag; the flags are --role, ',
}

let checkout: Checkout
beforeEach(() => {
  checkout = openCheckout()
})
afterEach(() => checkout.close())

it('commands of package.json are all held here', () => {
  expect(commands).toEqual([
    'start',
    'build',
    'release',
    'verify',
    'probe',
    'bench',
    'invoke',
    'check:tag',
    'check:keyless',
    'deploy:scf',
    'mutate',
  ])
})

describe.each(commands)('npm run %s', { timeout }, (name) => {
  it('refuses an unknown flag in a line that names it and says what it takes', async () => {
    const { stdout, stderr, ended } = checkout.run(name, ['--prot', '3001'], { PORT: 'x' })
    const [exitCode] = await ended
    expect(exitCode).toBeGreaterThan(0)
    expect(stdout()).toBe('')
    const [line = ''] = stderr().split('\n')
    expect(line).toMatch(/^\S.*: --prot is not a flag; (usage: npm .+|the flags are --.+)$/)
  })

  it.each(['--help', '-h'])('helps by %s, and does nothing', async (flag) => {
    const before = readdirSync(dirname(checkout.temporary))
    // What would be read is wrong: nobody may notice.
    checkout.writeEnv('AIGC_SITE=eu\n', 0o644)
    const { stdout, stderr, ended } = checkout.run(name, [flag, '--prot'], { PORT: 'x' })
    expect(await ended).toEqual([0, null])
    expect(stdout()).toMatch(/^usage: npm (start|run \S+)/)
    expect(stdout()).toContain(npm(name))
    expect(stderr()).toBe('')
    expect(checkout.leftovers()).toEqual([])
    expect(readdirSync(dirname(checkout.temporary))).toEqual([...before, '.env'].sort())
  })
})

it.each(Object.entries(words))(
  'npm run %s refuses a word that means nothing to it',
  { timeout },
  async (name, said) => {
    const { stderr, ended } = checkout.run(name, ['3001'], { PORT: 'x' })
    expect((await ended)[0]).toBeGreaterThan(0)
    expect(stderr()).toContain(said)
  },
)

describe('npm start', { timeout }, () => {
  it.each(['3001x', '-1', '65536', '1.5', ''])('takes no port %j', async (port) => {
    const { output, ended } = checkout.run('start', [`--port=${port}`])
    expect(await ended).toEqual([1, null])
    expect(output()).toMatch(/^npm start: --port (must be a whole number from 0 to 65535|needs a value)\n$/)
  })

  it('refuses a flag that npm kept, instead of doing without it', async () => {
    const { output, ended } = checkout.run('start', [], { npm_config_port: '3001', PORT: 'x' })
    expect(await ended).toEqual([1, null])
    expect(output()).toBe(
      'npm start: npm kept --port to itself; put -- in front of the flags: npm start -- --port\n',
    )
  })
})

describe('npm run deploy:scf', { timeout }, () => {
  it('does not deploy when npm kept --plan', async () => {
    const { output, ended } = checkout.run('deploy:scf', ['--copy-keys'], { npm_config_plan: 'true' })
    expect(await ended).toEqual([2, null])
    expect(output()).toContain('npm kept --plan to itself; put -- in front of the flags')
  })
})

describe('findFlagProblems', () => {
  const flags = { port: { type: 'string' }, quick: { type: 'boolean' } } as const
  const takes = 'usage: x'
  it.each([
    [['--port', '1', '--quick'], []],
    [['--port'], ['--port needs a value']],
    [['--port', '--quick'], ['--port needs a value']],
    [['--quick=yes'], ['--quick takes no value']],
    [['--constructor'], ['--constructor is not a flag; usage: x']],
    [
      ['--prot', '1', '-x'],
      ['--prot is not a flag; usage: x', '-x is not a flag; usage: x'],
    ],
    [['1'], ['"1" is not a flag; usage: x']],
    [['--', '--port'], ['"--port" is not a flag; usage: x']],
  ])('finds in %j: %j', (args, problems) => {
    expect(findFlagProblems(args, flags, { words: 'none', takes })).toEqual(problems)
  })

  it('leaves words to a command that takes some', () => {
    expect(findFlagProblems(['1'], flags, { words: 'some', takes })).toEqual([])
  })
})

describe('keptByNpm', () => {
  it('finds flags by the variables of npm, but for names that are npm’s own', () => {
    const flags = { 'copy-keys': { type: 'boolean' }, json: { type: 'boolean' } } as const
    const environment = { npm_config_copy_keys: 'true', npm_config_json: 'true', npm_config_port: '1' }
    expect(keptByNpm({ name: 'npm run x', flags }, environment)).toEqual([
      'npm kept --copy-keys to itself; put -- in front of the flags: npm run x -- --copy-keys',
    ])
  })
})

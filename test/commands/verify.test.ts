/** `npm run verify`: what was built from this source, what was not, and what it says of why. */
import { execFile, execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findDifference, findUnlocked, readBanner } from '../../scripts/zip-difference.ts'
import { copyProject, type Finished, type ServerlessCli } from '../support/serverless-cli.ts'

const dist = fileURLToPath(new URL('../../dist', import.meta.url))
/** As `npm run build` made it, in another folder than what `verify` builds here. */
const zip = readFileSync(join(dist, 'list-tokens.zip'))
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const banner = `/* vod-aigc-tokens ${version}: list-tokens */`

/** The same zip with something else in index.js. */
function packWith(change: (text: string) => string): Uint8Array {
  const files = unzipSync(zip)
  files['index.js'] = strToU8(change(strFromU8(files['index.js'] ?? new Uint8Array())))
  return zipSync(files, { level: 9, mtime: new Date(1980, 0, 1) })
}

describe('findDifference', () => {
  it('finds nothing where there is nothing', () => {
    expect(findDifference(zip, zip)).toBeNull()
    expect(readBanner(strFromU8(unzipSync(zip)['index.js']?.slice(0, 100) ?? new Uint8Array()))).toEqual({
      version,
      name: 'list-tokens',
    })
  })

  it('finds one flipped bit, wherever it is', () => {
    // The header of a file, its name, every 20,000th byte, and every third of the directory at the end.
    const directory = zip.indexOf('PK\x01\x02', 0, 'latin1')
    const places = [0, 5, 10, 14, 18, 30, 31]
    for (let at = 40; at < directory; at += 20_000) places.push(at)
    for (let at = directory; at < zip.length; at += 3) places.push(at)
    for (const at of places) {
      const flipped = Buffer.from(zip)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
      const found = findDifference(flipped, zip)
      expect(found?.where).toMatch(/byte \d+|which/)
      if (at >= 100 && at < directory) expect([at, found?.kind]).toEqual([at, 'damaged'])
    }
  })

  it.each([
    ['damaged', 'no zip', () => Buffer.from('no zip at all'), 'byte 0 of the zip'],
    ['damaged', 'a part', () => zip.subarray(0, 5000), 'byte 5000 of the zip'],
    [
      'version',
      'another version',
      () => packWith((text) => text.replace(version, '0.9.0')),
      'index.js, byte 19',
    ],
    ['other', 'another source', () => packWith((text) => `${text};`), /^index\.js, byte \d{6}$/],
    [
      'repacked',
      'the same packed anew',
      () => zipSync(unzipSync(zip), { level: 1 }),
      /^byte \d+ of the zip$/,
    ],
    [
      'other',
      'a file more',
      () => zipSync({ ...unzipSync(zip), 'x.js': strToU8('1') }),
      'x.js, which does not belong there',
    ],
  ] as const)('says %s of %s', (kind, _, make, where) => {
    expect(findDifference(make(), zip)).toMatchObject({
      kind,
      where: typeof where === 'string' ? where : expect.stringMatching(where),
    })
  })

  it('says which file is missing', () => {
    const { 'aws.js': _, ...others } = unzipSync(zip)
    expect(findDifference(zipSync(others), zip)?.where).toBe('aws.js, which is missing')
  })
})

describe('findUnlocked', () => {
  it('names what is installed otherwise than locked, but nothing optional that is not there', () => {
    const lock = {
      packages: {
        '': { version: '1.0.0' },
        'node_modules/a': { version: '1.0.0' },
        'node_modules/b': { version: '2.0.0' },
        'node_modules/b/node_modules/@x/c': { version: '3.0.0' },
        'node_modules/d': { version: '4.0.0', optional: true },
      },
    }
    const installed: Record<string, string> = { 'node_modules/a': '1.0.0', 'node_modules/b': '2.0.1' }
    expect(findUnlocked(lock, (folder) => installed[folder] ?? null)).toEqual([
      'b 2.0.0 is locked, and 2.0.1 is installed',
      '@x/c 3.0.0 is locked, and nothing is installed',
    ])
  })
})

describe('npm run verify', () => {
  let copy: ServerlessCli
  const { PATH = '', HOME = '' } = process.env

  function git(...args: string[]): void {
    const who = ['-c', 'user.name=x', '-c', 'user.email=x@example.com', '-c', 'commit.gpgsign=false']
    execFileSync('git', [...who, ...args], { cwd: copy.folder, env: { PATH, HOME }, stdio: 'pipe' })
  }
  const verify = (...args: string[]): Promise<Finished> => verifyIn(copy.folder, ...args)
  function verifyIn(cwd: string, ...args: string[]): Promise<Finished> {
    return new Promise((resolve) => {
      const options = { cwd, env: { PATH, HOME } }
      const command = ['--import', 'tsx', 'scripts/verify.ts', ...args]
      const child = execFile(process.execPath, command, options, (_, stdout, stderr) =>
        resolve({ code: child.exitCode ?? 1, output: stdout + stderr }),
      )
    })
  }
  function write(name: string, bytes: Uint8Array): string {
    mkdirSync(join(copy.folder, 'downloads'), { recursive: true })
    writeFileSync(join(copy.folder, 'downloads', name), bytes)
    return join('downloads', name)
  }

  beforeAll(() => {
    copy = copyProject()
    // A link here, which `node_modules/` of a folder would not match.
    appendFileSync(join(copy.folder, '.gitignore'), 'node_modules\n')
    git('init', '--quiet')
    git('add', '--all')
    git('commit', '--quiet', '--message=all')
    git('tag', `v${version}`)
  })
  afterAll(() => copy.remove())

  it('says that a zip was built from this source, of either function, and from which commit', async () => {
    for (const name of ['list-tokens', 'mirror-tokens']) {
      const file = write(`${name}.zip`, readFileSync(join(dist, `${name}.zip`)))
      const { code, output } = await verify(file)
      expect(output).toMatch(
        new RegExp(
          `^${file}: built from this source: ${name}, version ${version}, commit [0-9a-f]{40}, tag v${version}; SHA-256 [0-9a-f]{64}\n$`,
        ),
      )
      expect(code).toBe(0)
    }
  })

  it('catches one flipped bit, another version and another source, and tells them apart', async () => {
    const flipped = Buffer.from(zip)
    flipped[100_000] = (flipped[100_000] ?? 0) ^ 1
    const outcomes = [
      [flipped, 'byte 100000 of the zip', 'changed after it was packed; do not use it'],
      [
        packWith((text) => text.replace(version, '0.9.0')),
        'index.js, byte 19',
        'git checkout v0.9.0 && npm ci',
      ],
      [
        packWith((text) => text.replace(banner, `${banner}0;`)),
        'index.js, byte',
        'it was built from another source',
      ],
    ] as const
    for (const [bytes, where, cause] of outcomes) {
      const { code, output } = await verify(write('list-tokens.zip', bytes))
      expect(output).toContain('not built from this source')
      expect(output).toContain(`The first difference is at ${where}`)
      expect(output).toContain(cause)
      expect(code).toBe(1)
    }
  })

  it('says that another commit than the tagged one is checked out', async () => {
    git('commit', '--quiet', '--allow-empty', '--message=more')
    const file = write(
      'list-tokens.zip',
      packWith((text) => text.replace(banner, `${banner}0;`)),
    )
    expect((await verify(file)).output).toContain(`another commit: this one is not tagged v${version}`)
  })

  it('says nothing of a zip where the checkout has changes, or is none', async () => {
    const file = write('list-tokens.zip', zip)
    appendFileSync(join(copy.folder, 'lib/words.ts'), '\n')
    const { code, output } = await verify(file)
    expect(output).toContain('this checkout has changes, so it is the source of no release')
    expect(output).toContain('lib/words.ts')
    expect(code).toBe(1)
    const bare = copyProject()
    const { output: refused } = await verifyIn(bare.folder, join(copy.folder, file))
    bare.remove()
    expect(refused).toContain('this is no checkout of git')
  })

  it('needs one file that exists', async () => {
    expect((await verify()).output).toContain('name one zip')
    expect((await verify('none.zip')).output).toContain('there is no file "none.zip"')
  })
})

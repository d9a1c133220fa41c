/** The built bundles: what is in them, how large they are, and that they leave nothing behind. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { unzipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FunctionName, functionNames } from '../../scripts/build.ts'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { bundlePath } from '../support/function-process.ts'
import { sha256 } from '../support/sha256.ts'

const run = promisify(execFile)
/** Of index.js, in bytes, and the same packed. */
const budgets = {
  'list-tokens': [205_000, 85_000],
  'mirror-tokens': [205_000, 85_000],
  'rotate-tokens': [235_000, 94_000],
} as const satisfies Record<FunctionName, readonly [number, number]>
const root = fileURLToPath(new URL('../..', import.meta.url))
const zipOf = (name: string): Buffer => readFileSync(join(root, 'dist', `${name}.zip`))

let simulator: TencentSimulator
let folder: string

beforeAll(async () => {
  simulator = await startTencentSimulator({ lagMs: 0 })
  folder = mkdtempSync(join(tmpdir(), 'bundle-test-'))
})
afterAll(async () => {
  await simulator.close()
  rmSync(folder, { recursive: true })
})

describe.each(functionNames)('%s', (name) => {
  it('loads with require and exports one function under both platforms’ names, and what lambda.mjs waits for', () => {
    const bundle = createRequire(import.meta.url)(bundlePath(name))
    expect(Object.keys(bundle).sort()).toEqual(['handler', 'initialize', 'main_handler'])
    expect(bundle.handler).toBe(bundle.main_handler)
    expect(bundle.handler.constructor.name).toBe('AsyncFunction')
    expect(bundle.handler).toHaveLength(2)
  })

  it('consists of index.js, the lazily loaded aws.js, what Lambda loads and what serves HTTP, with no package.json', () => {
    const folder = dirname(bundlePath(name))
    const files =
      name === 'list-tokens'
        ? ['aws.js', 'index.js', 'lambda.mjs', 'scf_bootstrap', 'web.js']
        : ['aws.js', 'index.js', 'lambda.mjs']
    expect(readdirSync(folder).sort()).toEqual(files)
    const zip = unzipSync(zipOf(name))
    expect(Object.keys(zip).sort()).toEqual(files)
    for (const file of files)
      expect(readFileSync(join(folder, file)).equals(zip[file] ?? Buffer.of()), file).toBe(true)
  })

  it.each(name === 'list-tokens' ? ['index.js', 'web.js'] : ['index.js'])(
    'requires nothing in %s but Node itself and aws.js',
    (file) => {
      const source = readFileSync(join(dirname(bundlePath(name)), file), 'utf8')
      const required = [...source.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, path]) => path ?? '')
      const builtin = createRequire(import.meta.url)('node:module').builtinModules as string[]
      const others = required.filter((path) => !path.startsWith('node:') && !builtin.includes(path))
      expect([...new Set(others)]).toEqual(['./aws.js'])
    },
  )

  // Bytes. What every cold start loads. More means that undici was updated and the
  // build no longer finds what to leave out, or that something else was let in. A kind of store is 4 to 8 KB of it.
  it('stays within its budget', () => {
    const index = readFileSync(bundlePath(name))
    const [plain, packed] = budgets[name]
    expect(index.length).toBeLessThan(plain)
    expect(gzipSync(index, { level: 9 }).length).toBeLessThan(packed)
    expect(statSync(join(dirname(bundlePath(name)), 'aws.js')).size).toBeLessThan(420_000)
  })

  it('can call what it is for, and no other function of it creates or deletes tokens', () => {
    const folder = dirname(bundlePath(name))
    const code = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'))
    const called = ['CreateAigcApiToken', 'DeleteAigcApiToken', 'UpdateAigcApiToken'].filter((action) =>
      code.some((text) => text.includes(action)),
    )
    expect(called).toHaveLength(name === 'rotate-tokens' ? 3 : 0)
  })

  it('lets the process end by itself after an answer', async () => {
    // The upstream keeps the connection open; the function's socket to it must not hold the process. undici lets
    // go of it a turn of the event loop after the answer.
    const turn = 'await new Promise(setImmediate)'
    const script = `require(${JSON.stringify(bundlePath(name))}).handler({}, {}).then(async () => {
      ${turn}; ${turn}
      console.log('kept alive by', JSON.stringify(process.getActiveResourcesInfo().filter((kind) => !/Pipe|TTY/.test(kind))))
    })`
    simulator.vod.create(251006666)
    const { stdout } = await run(process.execPath, ['-e', script], {
      env: {
        AIGC_SECRET_ID: simulator.secretId,
        AIGC_SECRET_KEY: simulator.secretKey,
        AIGC_VOD_ENDPOINT: simulator.url,
        AIGC_SUB_APP_IDS: '251006666',
        AIGC_MIRROR_TARGETS: `file:${join(folder, name)}`,
        AIGC_ROTATION_STATE: `file:${join(folder, 'record')}`,
      },
    })
    expect(stdout).toContain('kept alive by []')
  })
})

describe('web.js', () => {
  const folder = dirname(bundlePath('list-tokens'))

  // As index.js, with the server and without the runs by hand.
  it('stays within its budget', () => {
    expect(statSync(join(folder, 'web.js')).size).toBeLessThan(205_000)
  })

  it('is started by scf_bootstrap, which SCF may execute: its mode, its first line and its line ends', async () => {
    const bootstrap = readFileSync(join(folder, 'scf_bootstrap'), 'utf8')
    expect(bootstrap.split('\n')[0]).toBe('#!/bin/bash')
    expect(bootstrap).toMatch(/\n$/)
    expect(bootstrap).not.toContain('\r')
    expect(statSync(join(folder, 'scf_bootstrap')).mode & 0o777).toBe(0o755)
    // `unzipSync` does not tell modes: they stand in the upper half of each entry's external attributes.
    expect(modesIn(zipOf('list-tokens'))).toEqual({
      'aws.js': 0o644,
      'index.js': 0o644,
      'lambda.mjs': 0o644,
      scf_bootstrap: 0o755,
      'web.js': 0o644,
    })
  })
})

/** Of the files of a zip, by its central directory (APPNOTE 4.3.12). */
function modesIn(zip: Buffer): Record<string, number> {
  const modes: Record<string, number> = {}
  for (let at = zip.indexOf('PK\x01\x02'); at >= 0; at = zip.indexOf('PK\x01\x02', at + 46)) {
    const name = zip.toString('utf8', at + 46, at + 46 + zip.readUInt16LE(at + 28))
    modes[name] = (zip.readUInt32LE(at + 38) >>> 16) & 0o777
  }
  return modes
}

describe('npm run build', () => {
  it('gives the same bytes in another folder and another time zone', async () => {
    const copy = join(folder, 'copy')
    for (const part of ['handlers', 'lib', 'scripts', 'package.json', 'package-lock.json', 'tsconfig.json'])
      cpSync(join(root, part), join(copy, part), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    await run(process.execPath, ['--import', 'tsx', 'scripts/build.ts'], {
      cwd: copy,
      env: { ...process.env, TZ: 'Pacific/Auckland' },
    })
    const files = functionNames.flatMap((name) => [
      `${name}.zip`,
      `${name}.sbom.json`,
      `${name}.licences.txt`,
    ])
    const digests = (project: string): string[] =>
      files.map((file) => `${file} ${sha256(readFileSync(join(project, 'dist', file)))}`)
    expect(digests(copy)).toEqual(digests(root))
  })
})

/** What `npm run build` says is inside the bundles, held against esbuild's own account of another build. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Metafile } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { buildFunctions, functionNames } from '../../scripts/build.ts'
import {
  findPackages,
  listLocked,
  type Package,
  renderLicences,
  restrictSbom,
  type Sbom,
} from '../../scripts/contents.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const written = (file: string): string => readFileSync(join(root, 'dist', file), 'utf8')
const pack = (name: string, licenceText: string, license = 'MIT'): Package => ({
  name,
  version: '1.0.0',
  license,
  licenceText,
})

describe.each(functionNames)('npm run build, %s', (name) => {
  /** Folders of the packages with bytes in the bundle: beside the nearest package.json that has a version. */
  const folders = new Set<string>()
  let scratch: string

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'contents-test-'))
    await buildFunctions(scratch, async (built, metafiles) => {
      if (built !== name) return
      for (const [path, { bytesInOutput }] of metafiles.flatMap(inputsOf)) {
        if (bytesInOutput === 0 || !path.includes('node_modules')) continue
        let folder = dirname(join(root, path))
        while (!versionIn(folder)) folder = dirname(folder)
        folders.add(folder)
      }
    })
  })
  afterAll(() => rmSync(scratch, { recursive: true }))

  function inputsOf({ outputs }: Metafile): [string, { bytesInOutput: number }][] {
    return Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs))
  }
  function versionIn(folder: string): string | undefined {
    const file = join(folder, 'package.json')
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined
  }
  const refIn = (folder: string): string =>
    `${JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name}@${versionIn(folder)}`

  it('lists in the SBOM every package with code in the bundle, and no other', () => {
    const { components, dependencies }: Sbom = JSON.parse(written(`${name}.sbom.json`))
    const listed = components.map((one) => one['bom-ref']).sort()
    expect(listed).toEqual([...folders].map(refIn).sort())
    expect(listed.map((ref) => ref.replace(/@[^@]*$/, ''))).toContain('@aws-sdk/client-secrets-manager')
    expect(dependencies[0]?.dependsOn.length).toBeGreaterThan(0)
    const known = new Set([...listed, dependencies[0]?.ref])
    for (const { ref, dependsOn } of dependencies)
      for (const one of [ref, ...dependsOn]) expect(known).toContain(one)
  })

  it('writes the licence of every package with code in the bundle', () => {
    const licences = written(`${name}.licences.txt`)
    for (const folder of folders) {
      expect(licences).toContain(`${refIn(folder)} (`)
      const file = join(folder, 'LICENSE')
      if (existsSync(file)) expect(licences).toContain(readFileSync(file, 'utf8').trim())
      else expect(licences).toMatch(new RegExp(`^${refIn(folder)} .*published without its text`, 'm'))
    }
  })

  it('names no place and no time in either', () => {
    const both = written(`${name}.sbom.json`) + written(`${name}.licences.txt`)
    expect(both).not.toMatch(/registry|tarball|\.tgz|serialNumber|timestamp|node_modules/)
    expect(both).not.toContain(root.slice(0, -1))
    expect(JSON.parse(written(`${name}.sbom.json`)).metadata.component.name).toBe('vod-aigc-tokens')
  })
})

describe('findPackages', () => {
  const metafile = (inputs: Record<string, number>): Metafile => ({
    inputs: {},
    outputs: {
      'index.js': {
        bytes: 1,
        imports: [],
        exports: [],
        inputs: Object.fromEntries(
          Object.entries(inputs).map(([path, bytesInOutput]) => [path, { bytesInOutput }]),
        ),
      },
    },
  })

  it('counts a package once, and only when bytes of it are left', async () => {
    const found = await findPackages(
      [
        metafile({
          'lib/tencent/transport.ts': 9,
          'node_modules/undici/index.js': 9,
          'node_modules/undici/lib/api.js': 9,
        }),
        metafile({ 'node_modules/@smithy/types/index.js': 1, 'node_modules/yaml/index.js': 0 }),
      ],
      root,
    )
    expect(found.map(({ name }) => name)).toEqual(['@smithy/types', 'undici'])
    expect(found[1]).toMatchObject({ license: 'MIT', licenceText: expect.stringContaining('MIT License') })
  })

  it('takes the innermost package of a path', async () => {
    const path = 'node_modules/@apidevtools/json-schema-ref-parser/node_modules/undici'
    const [found] = await findPackages([metafile({ [`${path}/index.js`]: 1 })], root)
    expect(found?.version).toBe(JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).version)
  })
})

describe('restrictSbom', () => {
  const component = (name: string, externalReferences: { type: string }[] = []) => ({
    'bom-ref': `${name}@1.0.0`,
    name,
    externalReferences,
  })
  const sbom: Sbom = {
    serialNumber: 'urn:uuid:1',
    metadata: { timestamp: 'now', tools: [{ version: '11' }], component: component('self') },
    components: [component('a', [{ type: 'distribution' }, { type: 'vcs' }]), component('b'), component('c')],
    dependencies: [
      { ref: 'self@1.0.0', dependsOn: ['a@1.0.0', 'c@1.0.0'] },
      { ref: 'a@1.0.0', dependsOn: ['b@1.0.0', 'c@1.0.0'] },
      { ref: 'c@1.0.0', dependsOn: ['b@1.0.0'] },
    ],
  }

  it('leaves these packages and what lies between them, and nothing that changes', () => {
    expect(restrictSbom(sbom, [pack('a', ''), pack('b', '')])).toEqual({
      metadata: { tools: [{}], component: component('self') },
      components: [component('a', [{ type: 'vcs' }]), component('b')],
      dependencies: [
        { ref: 'self@1.0.0', dependsOn: ['a@1.0.0'] },
        { ref: 'a@1.0.0', dependsOn: ['b@1.0.0'] },
      ],
    })
  })

  it('throws for a package that the lock does not name', () => {
    expect(() => restrictSbom(sbom, [pack('d', '')])).toThrow('package-lock.json has no d@1.0.0; run npm ci')
  })
})

describe('listLocked', () => {
  it('lists everything, whatever npm is configured to omit', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    onTestFinished(() => void vi.unstubAllEnvs())
    const names = (await listLocked(root)).components.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['undici', 'esbuild', '@smithy/core']))
  })
})

describe('children', () => {
  /** Puts an `npm` first on the path that tells its environment instead of doing anything. */
  function fakeNpm(folder: string): void {
    writeFileSync(
      join(folder, 'npm'),
      '#!/bin/sh\nmkdir -p dist\nenv | tee dist/list-tokens.zip dist/mirror-tokens.zip\n',
      {
        mode: 0o755,
      },
    )
    vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`)
    vi.stubEnv('AIGC_SECRET_KEY', 'the-key')
    vi.stubEnv('AWS_SESSION_TOKEN', 'the-key')
    onTestFinished(() => {
      vi.unstubAllEnvs()
      rmSync(folder, { recursive: true })
    })
  }

  it('hands no key to npm', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'contents-test-'))
    fakeNpm(folder)
    await expect(listLocked(folder)).rejects.toThrow('JSON')
    expect(readFileSync(join(folder, 'dist/list-tokens.zip'), 'utf8')).toMatch(/^PATH=/m)
    expect(readFileSync(join(folder, 'dist/list-tokens.zip'), 'utf8')).not.toContain('the-key')
  })

  it('serverless-build hands no key to the build', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'contents-test-'))
    fakeNpm(folder)
    const { default: BuildFunctions } = await import(`${root}deploy/aws/serverless-build.mjs`)
    const { hooks } = new BuildFunctions(
      { serviceDir: folder, service: { functions: { 'list-tokens': {}, 'mirror-tokens': {} } } },
      {},
      { log: {} },
    )
    hooks['before:package:createDeploymentArtifacts']()
    expect(readFileSync(join(folder, '.serverless/list-tokens.zip'), 'utf8')).toMatch(/^PATH=/m)
    expect(readFileSync(join(folder, '.serverless/list-tokens.zip'), 'utf8')).not.toContain('the-key')
  })
})

describe('renderLicences', () => {
  it('gives a text once, under all that have it', () => {
    const text = renderLicences([pack('a', 'Do.'), pack('b', 'Do not.'), pack('c', 'Do.')])
    expect(text).toMatch(
      /^a@1\.0\.0 \(MIT\)\nc@1\.0\.0 \(MIT\)\n\nDo\.\n\n=+\n\nb@1\.0\.0 \(MIT\)\n\nDo not\.\n$/,
    )
  })

  it('gives a missing text from a sibling under the same licence, and says so', () => {
    const siblings = [pack('@x/a', ''), pack('@y/b', 'Other.'), pack('@x/c', 'BSD.', 'BSD-2-Clause')]
    expect(renderLicences([...siblings, pack('@x/d', 'Do.')])).toContain(
      '@x/a@1.0.0 (MIT, published without its text; this is that of @x/d@1.0.0)\n@x/d@1.0.0 (MIT)\n\nDo.\n',
    )
    expect(() => renderLicences(siblings)).toThrow('@x/a@1.0.0: it was published without its text')
  })
})

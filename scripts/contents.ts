/** What is inside a bundle, told beside its zip: `NAME.sbom.json` (CycloneDX) and `NAME.licences.txt`. */
import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Metafile } from 'esbuild'
import { plainEnvironment } from './environment.ts'

/** A package of which code is in a bundle. */
export interface Package {
  readonly name: string
  readonly version: string
  /** SPDX expression, such as `Apache-2.0`. */
  readonly license: string
  /** Its files that hold its licence, in full; empty where it was published without. */
  readonly licenceText: string
}

/** The parts of a CycloneDX 1.5 document that are changed here. */
export interface Sbom {
  readonly serialNumber?: string
  readonly metadata: {
    readonly timestamp?: string
    readonly tools: readonly { readonly version?: string }[]
    readonly component: Component
  }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

interface Component {
  /** `NAME@VERSION` */
  readonly 'bom-ref': string
  readonly name: string
  readonly externalReferences: readonly { readonly type: string }[]
}

/** Everything that package-lock.json names, as `npm sbom` says it. Asks nobody: it takes half a second. */
export async function listLocked(root: string): Promise<Sbom> {
  const format = ['--sbom-format', 'cyclonedx', '--package-lock-only']
  // The configuration of a user or of an environment may leave things out.
  const all = ['--include', 'dev', '--include', 'optional', '--no-update-notifier']
  const { stdout } = await promisify(execFile)('npm', ['sbom', ...format, ...all], {
    cwd: root,
    env: plainEnvironment(),
    maxBuffer: 64 * 1024 * 1024,
  })
  return JSON.parse(stdout)
}

/** The packages with bytes in any of these outputs, sorted. Paths in metafiles are relative to `root`. */
export async function findPackages(metafiles: readonly Metafile[], root: string): Promise<Package[]> {
  const inputs = metafiles.flatMap(({ outputs }) =>
    Object.values(outputs).flatMap((output) => Object.entries(output.inputs)),
  )
  const folders = inputs.flatMap(([path, { bytesInOutput }]) => {
    const folder = /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]
    return folder && bytesInOutput > 0 ? [folder] : []
  })
  const found = await Promise.all([...new Set(folders)].map((folder) => readPackage(join(root, folder))))
  return found.sort((a, b) => compare(refOf(a), refOf(b)))
}

async function readPackage(folder: string): Promise<Package> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  if (typeof license !== 'string') throw new Error(`Reading the licence of ${name}: package.json names none`)
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|copying|notice)\b/i.test(file)).sort()
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  return { name, version, license, licenceText: texts.map((text) => text.trim()).join('\n\n') }
}

/**
 * The same document with these packages only, and without what differs from run to run or from place to place: serial
 * number, time, npm's version, the name of the folder, where packages were downloaded.
 * Throws where package-lock.json does not name a package.
 */
export function restrictSbom(sbom: Sbom, packages: readonly Package[]): Sbom {
  const { serialNumber, ...document } = sbom
  const { timestamp, tools, component, ...metadata } = document.metadata
  const self = component['bom-ref']
  const refs = new Set(packages.map(refOf))
  const components = sbom.components.filter((one) => refs.has(one['bom-ref']))
  for (const ref of refs)
    if (!components.some((one) => one['bom-ref'] === ref))
      throw new Error(`Listing what is in the bundles: package-lock.json has no ${ref}; run npm ci`)
  return {
    ...document,
    metadata: {
      ...metadata,
      tools: tools.map(({ version, ...tool }) => tool),
      component: { ...component, name: self.slice(0, self.lastIndexOf('@')) },
    },
    components: components.map((one) => ({
      ...one,
      externalReferences: one.externalReferences.filter(({ type }) => type !== 'distribution'),
    })),
    dependencies: sbom.dependencies
      .filter(({ ref }) => ref === self || refs.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) })),
  }
}

/**
 * The licences of these packages, each text once. A package that was published without its text gets that of a sibling
 * in its scope under the same licence, and a line that says so. Throws where there is no such sibling.
 */
export function renderLicences(packages: readonly Package[]): string {
  const texts = new Map<string, string[]>()
  for (const one of packages) {
    const from = one.licenceText ? one : packages.find((other) => isSibling(one, other))
    if (!from) throw new Error(`Reading the licence of ${refOf(one)}: it was published without its text`)
    const note = from === one ? '' : `, published without its text; this is that of ${refOf(from)}`
    const holders = texts.get(from.licenceText) ?? []
    holders.push(`${refOf(one)} (${one.license}${note})`)
    texts.set(from.licenceText, holders)
  }
  return [...texts]
    .map(([text, holders]) => `${holders.join('\n')}\n\n${text}\n`)
    .join(`\n${'='.repeat(80)}\n\n`)
}

/** Writes `BASE.sbom.json` and `BASE.licences.txt`. */
export async function writeContents(base: string, packages: readonly Package[], locked: Sbom): Promise<void> {
  const sbom = JSON.stringify(restrictSbom(locked, packages), null, 2)
  await Promise.all([
    writeFile(`${base}.sbom.json`, `${sbom}\n`),
    writeFile(`${base}.licences.txt`, renderLicences(packages)),
  ])
}

function isSibling(one: Package, other: Package): boolean {
  const scope = (name: string): string => /^@[^/]+\//.exec(name)?.[0] ?? name
  return other.licenceText !== '' && other.license === one.license && scope(other.name) === scope(one.name)
}

function refOf({ name, version }: Package): string {
  return `${name}@${version}`
}

/** By code unit: the same in every locale. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

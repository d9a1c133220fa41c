/** Where a zip differs from one that was built here, and what that says of it. Pure. */
import { crc32 } from 'node:zlib'
import { unzipSync } from 'fflate'

/** What was found, in a phrase each. */
export interface Difference {
  /** The first place that differs: a file and an offset in it, or an offset in the zip. */
  readonly where: string
  /**
   * `damaged`: it is no zip, or its checksums do not fit what is in it, so that it was changed after it was packed. `repacked`: the
   * same files, packed in another way. `version`: another version, which `version` names. `other`: other contents.
   */
  readonly kind: 'damaged' | 'repacked' | 'version' | 'other'
  /** The version that it says it is; `null` where it says none. */
  readonly version: string | null
}

/** What the first line of each file of a bundle says. */
export function bannerOf(name: string, version: string): string {
  return `/* vod-aigc-tokens ${version}: ${name} */`
}

/** The version and the function that a file's first line names. */
export function readBanner(text: string): { version: string; name: string } | null {
  const [, version, name] = /^(?:"use strict";\s*)?\/\* vod-aigc-tokens (\S+): ([\w-]+) \*\//.exec(text) ?? []
  return version && name ? { version, name } : null
}

/** Compares two zips byte by byte; `null` where they are the same. `built` is one that {@link bannerOf} has marked. */
export function findDifference(given: Uint8Array, built: Uint8Array): Difference | null {
  const offset = firstOffset(given, built)
  if (offset === null) return null
  const inZip = `byte ${offset} of the zip`
  const files = readFiles(given)
  if (files === null) return { where: inZip, kind: 'damaged', version: null }
  const version = readBanner(textOf(files.get('index.js')))?.version ?? null
  const expected = readFiles(built) ?? new Map<string, Uint8Array>()
  const own = readBanner(textOf(expected.get('index.js')))?.version ?? null
  const kind = version !== null && version !== own ? 'version' : 'other'
  for (const name of new Set([...expected.keys(), ...files.keys()].sort())) {
    const [here, there] = [files.get(name), expected.get(name)]
    if (!here) return { where: `${name}, which is missing`, kind, version }
    if (!there) return { where: `${name}, which does not belong there`, kind, version }
    const inFile = firstOffset(here, there)
    if (inFile !== null) return { where: `${name}, byte ${inFile}`, kind, version }
  }
  return { where: inZip, kind: 'repacked', version }
}

function firstOffset(a: Uint8Array, b: Uint8Array): number | null {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i
  return a.length === b.length ? null : length
}

/** What is in a zip, by name; `null` where it cannot be read or a checksum in it is wrong. */
function readFiles(zip: Uint8Array): Map<string, Uint8Array> | null {
  try {
    const files = unzipSync(zip)
    const sums = readChecksums(Buffer.from(zip.buffer, zip.byteOffset, zip.length))
    const fits = Object.entries(files).every(([name, bytes]) => sums.get(name) === crc32(bytes))
    return fits && sums.size === Object.keys(files).length ? new Map(Object.entries(files)) : null
  } catch {
    return null
  }
}

/** The CRC-32 of each file, of the zip's central directory. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.12 */
function readChecksums(zip: Buffer): Map<string, number> {
  const end = zip.lastIndexOf('PK\x05\x06', undefined, 'latin1')
  const count = zip.readUInt16LE(end + 10)
  let at = zip.readUInt32LE(end + 16)
  const sums = new Map<string, number>()
  for (let i = 0; i < count; i++) {
    const [name, extra, comment] = [28, 30, 32].map((field) => zip.readUInt16LE(at + field))
    const start = at + 46
    sums.set(zip.toString('utf8', start, start + (name ?? 0)), zip.readUInt32LE(at + 16))
    at = start + (name ?? 0) + (extra ?? 0) + (comment ?? 0)
  }
  return sums
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes
    ? Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 200)).toString('latin1')
    : ''
}

/** What is installed otherwise than the lock says, a phrase each; `versionAt` reads the version in a folder, `null` where none is. */
export function findUnlocked(
  lock: {
    readonly packages: Readonly<Record<string, { readonly version?: string; readonly optional?: boolean }>>
  },
  versionAt: (folder: string) => string | null,
): string[] {
  return Object.entries(lock.packages).flatMap(([folder, { version, optional = false }]) => {
    if (!folder.startsWith('node_modules/') || version === undefined) return []
    const installed = versionAt(folder)
    if (installed === version || (installed === null && optional)) return []
    const name = folder.replace(/^.*node_modules\//, '')
    return [`${name} ${version} is locked, and ${installed ?? 'nothing'} is installed`]
  })
}

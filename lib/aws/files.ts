/**
 * Looks at the files that the AWS SDK reads, before it does. It reads some of them in a way that no deadline ends, and
 * never forgets a read that hangs.
 */
// Not node:fs/promises, of which every cold start would load the whole.
import { promises, type Stats } from 'node:fs'
import { join } from 'node:path'

/** A file that the SDK would read, and whoever names it. */
export interface AwsFile {
  /** For messages, such as `AWS_CONFIG_FILE`. */
  readonly name: string
  readonly path: string
}

/** Thrown in place of a read that may never end. Its message tells no value. */
export class NotAFile extends Error {
  override readonly name = 'NotAFile'
}

/** The files that an environment names, and where none is named the SDK's own below `home`. */
export function awsFilesOf(
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
): readonly AwsFile[] {
  const shared = [
    ['AWS_CONFIG_FILE', 'config'],
    ['AWS_SHARED_CREDENTIALS_FILE', 'credentials'],
  ] as const
  const tokens = ['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE']
  return [
    ...shared.map(([name, file]) => {
      const path = environment[name]
      if (!path) return { name: `~/.aws/${file}`, path: join(home, '.aws', file) }
      return { name, path: path.startsWith('~/') ? join(home, path.slice(2)) : path }
    }),
    ...tokens.flatMap((name) => {
      const path = environment[name]
      return path ? [{ name, path }] : []
    }),
  ]
}

/** The files that profiles name, which the SDK reads like that of `AWS_WEB_IDENTITY_TOKEN_FILE`. */
export function tokenFilesIn(
  profiles: Readonly<Record<string, Readonly<Record<string, string | undefined>>>>,
): readonly AwsFile[] {
  return Object.entries(profiles).flatMap(([profile, { web_identity_token_file: path }]) =>
    path ? [{ name: `web_identity_token_file of the AWS profile ${profile}`, path }] : [],
  )
}

/**
 * Throws `NotAFile` for the first that exists and is no regular file, or none behind its links. `/dev/null` passes, which
 * is how to have no such file. What cannot be looked at is left to the SDK, which cannot open it either.
 */
export async function checkFiles(files: readonly AwsFile[]): Promise<void> {
  // One after another: a file system that hangs costs one thread, of which Node has four.
  for (const { name, path } of files) {
    const found = await promises.stat(path).catch(() => null)
    if (!found || found.isFile() || (await isNull(found))) continue
    throw new NotAFile(
      `${name} is ${kindOf(found)}, which may never come to an end: it should be a regular file, or name none`,
    )
  }
}

async function isNull(found: Stats): Promise<boolean> {
  if (!found.isCharacterDevice()) return false
  const nothing = await promises.stat('/dev/null').catch(() => null)
  return nothing?.rdev === found.rdev
}

function kindOf(found: Stats): string {
  if (found.isFIFO()) return 'a FIFO'
  if (found.isDirectory()) return 'a folder'
  return found.isSocket() ? 'a socket' : 'a device'
}

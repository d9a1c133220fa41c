/** Secrets in local files. */
// Not node:fs/promises, of which every cold start would load the whole.
import { constants, promises } from 'node:fs'
import { dirname, join } from 'node:path'
import { StoreError } from '../errors.ts'
import { hasOwnForm } from './record.ts'
import { isStill, mark, overtaken, type Reading, type Store, type StoreKind, type Target } from './store.ts'

/** A draft lies in a folder of its own, beside the target. */
const workshopPrefix = `.${mark}-`
const draftName = 'draft'
/** After this time a draft's writer must be dead. */
const draftLifeMs = 10 * 60_000
/** In one run: however many a folder has, they must not take its time. */
const mostDraftsRemoved = 100
const mostDraftsLookedAt = 1_000

/**
 * `file:PATH`, for local runs: a file that only its owner may read, replaced as a whole. PATH may be relative to the
 * working directory; its folder is made when missing. A symbolic link at PATH is followed by readers and replaced by
 * writers. Only regular files are read and replaced.
 *
 * A file has no place for a mark beside its value, so the value is the mark: a file is ours when it parses as a
 * mirrored document. Whoever calls keeps the deadline: a file system may never answer.
 *
 * A rename cannot compare and set. So a write looks right before it and right after: what somebody else writes in the
 * instant between the look and the rename is lost, for there is no place for the value before.
 */
export const file: StoreKind = {
  options: [],
  cloud: null,
  hasEmpty: true,

  check({ name }) {
    return name === '' || name.endsWith('/') || name.includes('\0')
      ? ['the name should be the path of a file, such as file:secrets/aigc.json']
      : []
  },

  open(target): Store {
    const path = target.name
    const look = async (): Promise<Reading> => {
      try {
        const value = await readRegular(path, target)
        if (value === '') return { state: 'empty', marked: false }
        return { state: 'value', marked: hasOwnForm(target, value), value }
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return { state: 'absent' }
        throw failure('Reading', target, error)
      }
    }
    return {
      mostBytes: maxBytes,
      hasMark: false,

      async read() {
        const reading = await look()
        await removeOldDrafts(dirname(path))
        return reading
      },

      async write(document, seen) {
        const expect = async (expected: Reading): Promise<void> => {
          if (!isStill(await look(), expected)) throw overtaken(target)
        }
        try {
          await replace(path, document, target, () => expect(seen))
        } catch (error) {
          throw failure('Writing', target, error)
        }
        await expect({ state: 'value', marked: true, value: document })
      },
    }
  },
}

/** No document is longer than the longest answer of Tencent that is taken. */
const maxBytes = 1_000_000

/**
 * The text of a regular file. Nothing else is opened so that it could wait (a FIFO, a terminal, the kernel's log), and
 * nothing else is read. A document of ours that others may read is closed to them.
 */
async function readRegular(path: string, target: Target): Promise<string> {
  const handle = await promises.open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    const found = await handle.stat()
    if (!found.isFile()) throw notRegular(target)
    const bytes = Buffer.alloc(Math.min(found.size, maxBytes) + 1)
    let length = 0
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    // What has no size and is not empty is a window into the kernel, such as /proc/kmsg.
    if (found.size === 0 && length > 0) throw notRegular(target)
    if (length > maxBytes)
      throw refusal(target, 'TooLarge', `it has more than ${maxBytes} bytes, so it is no mirrored document`)
    const value = bytes.toString('utf8', 0, length)
    // Best effort: it may belong to somebody else.
    if ((found.mode & 0o077) !== 0 && hasOwnForm(target, value)) await handle.chmod(0o600).catch(() => {})
    return value
  } finally {
    await handle.close()
  }
}

/**
 * A reader of `path` sees the old content or the new one, also when this process or the machine stops anywhere. `check`
 * throws, right before that, when it should keep the old one.
 */
async function replace(
  path: string,
  content: string,
  target: Target,
  check: () => Promise<void>,
): Promise<void> {
  const folder = dirname(path)
  await makeFolder(folder)
  await removeOldDrafts(folder)
  const old = await promises.lstat(path).catch(() => null)
  // A device would be gone, for every process of the machine.
  if (old && !old.isFile() && !old.isSymbolicLink()) throw notRegular(target)
  // A folder of its own, so that two writers never share a temporary file; beside the target, because a rename is
  // atomic only within one file system.
  const workshop = await promises.mkdtemp(join(folder, workshopPrefix))
  try {
    const draft = join(workshop, draftName)
    const handle = await promises.open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await check()
    await promises.rename(draft, path)
  } finally {
    await promises.rm(workshop, { recursive: true, force: true })
  }
}

/**
 * Makes a folder and those above it. Node's own `recursive` never returns where a folder cannot be made below one that
 * exists, as in `/proc` and in a working directory that was deleted (seen with Node 20).
 */
async function makeFolder(folder: string): Promise<void> {
  try {
    return await promises.mkdir(folder, 0o700)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    const above = dirname(folder)
    if (codeOf(error) !== 'ENOENT' || above === folder) throw error
    await makeFolder(above)
  }
  await promises.mkdir(folder, 0o700).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error
  })
}

/**
 * What writers that were killed have left: a younger draft may belong to one at work. How old it is, is for the file system
 * to say, whose clock need not be this machine's. Not worth a failed run.
 */
async function removeOldDrafts(folder: string): Promise<void> {
  try {
    const names = await promises.readdir(folder)
    const workshops = names.filter((name) => name.startsWith(workshopPrefix)).slice(0, mostDraftsLookedAt)
    if (workshops.length === 0) return
    const probe = await promises.mkdtemp(join(folder, workshopPrefix))
    const { mtimeMs: now } = await promises.lstat(probe).finally(() => promises.rmdir(probe))
    let removed = 0
    for (const workshop of workshops.map((name) => join(folder, name))) {
      const found = await promises.lstat(workshop).catch(() => null)
      if (!found?.isDirectory() || now - found.mtimeMs < draftLifeMs) continue
      await promises.rm(join(workshop, draftName), { force: true })
      // Fails for a folder that holds anything else.
      const gone = await promises.rmdir(workshop).then(
        () => true,
        () => false,
      )
      if (gone && ++removed === mostDraftsRemoved) return
    }
  } catch {}
}

function notRegular(target: Target): StoreError {
  return refusal(target, 'NotAFile', 'it is no regular file; name one, or a path where there is nothing yet')
}

function refusal(target: Target, code: string, reason: string): StoreError {
  return new StoreError(code, `Opening ${target.uri}: ${reason}`, target.uri)
}

/** Errors of `node:fs` name the system call and the path, never the content. */
function failure(attempt: string, target: Target, error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const reason = error instanceof Error ? error.message : 'unknown'
  return new StoreError(codeOf(error) ?? 'Unknown', `${attempt} ${target.uri}: ${reason}`, target.uri)
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

// Not node:fs/promises, of which every cold start would load the whole.
import { promises } from 'node:fs'
import { dirname, join } from 'node:path'
import { isDocument } from '../document.ts'
import { StoreError } from '../errors.ts'
import { isStill, mark, overtaken, type Reading, type Store, type StoreKind, type Target } from './store.ts'

/** A draft lies in a folder of its own, beside the target. */
const workshopPrefix = `.${mark}-`
const draftName = 'draft'
/** After this time a draft's writer must be dead. */
const draftLifeMs = 10 * 60_000

/**
 * `file:PATH`, for local runs: a file that only its owner may read, replaced as a whole. PATH may be relative to the
 * working directory; its folder is made when missing. A symbolic link at PATH is replaced, not followed.
 *
 * A file has no place for a mark beside its value, so the value is the mark: a file is ours when it parses as a
 * mirrored document. The local disk is not asked to keep deadlines.
 *
 * A rename cannot compare and set. So a write looks right before it and right after: what somebody else writes in the
 * instant between the look and the rename is lost, for there is no place for the value before.
 */
export const file: StoreKind = {
  options: [],

  check({ name }) {
    return name === '' || name.endsWith('/') || name.includes('\0')
      ? ['the name should be the path of a file, such as file:secrets/aigc.json']
      : []
  },

  open(target, lend): Store {
    const path = target.name
    const look = async (): Promise<Reading> => {
      try {
        const value = await promises.readFile(path, 'utf8')
        if (value === '') return { state: 'empty', marked: false }
        return { state: 'value', marked: isDocument(value), value }
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return { state: 'absent' }
        throw failure('Reading', target, error)
      }
    }
    return {
      read: look,

      async write(document, _, seen) {
        const expect = async (expected: Reading): Promise<void> => {
          if (!isStill(await look(), expected)) throw overtaken(target)
        }
        try {
          await replace(path, document, lend.now(), () => expect(seen))
        } catch (error) {
          throw error instanceof StoreError ? error : failure('Writing', target, error)
        }
        await expect({ state: 'value', marked: true, value: document })
      },
    }
  },
}

/**
 * A reader of `path` sees the old content or the new one, also when this process or the machine stops anywhere. `check`
 * throws, right before that, when it should keep the old one.
 */
async function replace(
  path: string,
  content: string,
  now: number,
  check: () => Promise<void>,
): Promise<void> {
  const folder = dirname(path)
  await promises.mkdir(folder, { recursive: true, mode: 0o700 })
  await removeOldDrafts(folder, now)
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

/** What writers that were killed have left: a younger draft may belong to one at work. Not worth a failed write. */
async function removeOldDrafts(folder: string, now: number): Promise<void> {
  const names = await promises.readdir(folder).catch(() => [])
  for (const name of names.filter((name) => name.startsWith(workshopPrefix))) {
    const workshop = join(folder, name)
    try {
      const found = await promises.lstat(workshop)
      if (!found.isDirectory() || now - found.mtimeMs < draftLifeMs) continue
      await promises.rm(join(workshop, draftName), { force: true })
      await promises.rmdir(workshop) // fails for a folder that holds anything else
    } catch {}
  }
}

/** Errors of `node:fs` name the system call and the path, never the content. */
function failure(attempt: string, target: Target, error: unknown): StoreError {
  const reason = error instanceof Error ? error.message : 'unknown'
  return new StoreError(codeOf(error) ?? 'Unknown', `${attempt} ${target.uri}: ${reason}`, target.uri)
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

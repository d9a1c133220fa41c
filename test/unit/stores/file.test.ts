import { execFileSync } from 'node:child_process'
import {
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { file } from '../../../lib/stores/file.ts'
import { storeKinds } from '../../../lib/stores/index.ts'
import type { Store, Target } from '../../../lib/stores/store.ts'
import {
  documentOf,
  type Harness,
  lent,
  mirror,
  refusalOf,
  soon,
  storeContract,
  targetOf,
} from '../../support/store-contract.ts'

// Everything works as ever, and a test can make one call of it fail.
vi.mock('node:fs/promises', { spy: true })
const steps = { mkdtemp, open, rename }

const [a, b] = [documentOf('a'), documentOf('b')]
let names = 0

describe('file', () => {
  let root: string
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'stores-'))
  })
  afterAll(() => rm(root, { recursive: true }))

  const target = (name = 'aigc.json'): Target => targetOf('file', join(root, `${names++}`, name))
  const storeOf = (target: Target): Store => file.open(target, lent)
  const put = async (target: Target, value: string): Promise<void> => {
    await mkdir(dirname(target.name), { recursive: true })
    await writeFile(target.name, value)
  }
  const diskError = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })

  const harness: Harness = {
    deps: lent,
    target,
    goodNames: ['aigc', '.aigc.json', 'a folder/und noch einer/Schlüssel 钥匙.json', `${'n'.repeat(255)}`],
    badNames: ['', 'folder/', 'a\0b'],
    putForeign: put,
    putEmpty: (target) => put(target, ''),
    replace: put,
    takeMark: async () => false,
    async beforeTheWrite(meanwhile, attempt) {
      const { mkdtemp } = await vi.importActual<typeof steps>('node:fs/promises')
      vi.mocked(steps.mkdtemp).mockImplementationOnce(async (...given: Parameters<typeof mkdtemp>) => {
        await meanwhile()
        return mkdtemp(...given)
      })
      await attempt()
    },
    async afterTheWrite(meanwhile, attempt) {
      const { rename } = await vi.importActual<typeof steps>('node:fs/promises')
      vi.mocked(steps.rename).mockImplementationOnce(async (from, to) => {
        await rename(from, to)
        await meanwhile()
      })
      await attempt()
    },
    marksAnyValue: false,
    currentOf: (target) => readFile(target.name, 'utf8'),
    everythingOf: async (target) => ({
      files: await readdir(dirname(target.name), { recursive: true }),
      value: await readFile(target.name, 'utf8'),
    }),
    // The mode of a file does not stop root, who runs these tests in CI.
    async whileForbidden(attempt) {
      const underFile = target()
      await put({ ...underFile, name: dirname(underFile.name) }, 'a file')
      await attempt(underFile)
      const folder = target()
      await mkdir(folder.name, { recursive: true })
      await attempt(folder)
    },
    whileSpreading: null,
    withdrawals: [],
    breaks: (['mkdtemp', 'open', 'rename'] as const).map((step) => ({
      name: `a failing ${step}`,
      on: ['nothing', 'an empty secret', 'a foreign value', 'a later document'],
      async during(attempt) {
        vi.mocked(steps[step]).mockRejectedValueOnce(diskError)
        await attempt()
      },
    })),
  }
  storeContract('file', harness)

  test('is readable by its owner only, and so is the folder made for it', async () => {
    const target = targetOf('file', join(root, `${names++}`, 'deeper', 'aigc.json'))
    await mirror(storeOf(target), a)
    expect((await stat(target.name)).mode & 0o777).toBe(0o600)
    expect((await stat(dirname(target.name))).mode & 0o777).toBe(0o700)
    expect((await stat(dirname(dirname(target.name)))).mode & 0o777).toBe(0o700)
  })

  test('narrows the mode of a file that it takes over', async () => {
    const taken = target()
    await put(taken, '')
    await chmod(taken.name, 0o666)
    await mirror(storeOf(taken), a)
    expect((await stat(taken.name)).mode & 0o777).toBe(0o600)
  })

  test('is replaced, never overwritten: who reads while it is written reads the old one to its end', async () => {
    const replaced = target()
    await mirror(storeOf(replaced), a)
    await link(replaced.name, `${replaced.name}.reader`)
    await mirror(storeOf(replaced), b)
    expect(await readFile(`${replaced.name}.reader`, 'utf8')).toBe(a)
  })

  test.each(['open', 'rename'] as const)('leaves no draft of the secret when %s fails', async (step) => {
    const broken = target()
    await mirror(storeOf(broken), a)
    vi.mocked(steps[step]).mockRejectedValueOnce(diskError)
    expect(await refusalOf(mirror(storeOf(broken), b), b)).toMatchObject({ code: 'EIO', target: broken.uri })
    expect(await harness.everythingOf(broken)).toEqual({ files: ['aigc.json'], value: a })
  })

  describe('file removes the drafts of writers that were killed', () => {
    const minutesMs = 60_000
    /** As a killed writer leaves it: a folder beside the target, with a draft in it or without. */
    const leaveDraft = async (
      target: Target,
      name: string,
      ageMs: number,
      draft?: string,
    ): Promise<string> => {
      const workshop = join(dirname(target.name), name)
      await mkdir(workshop, { recursive: true })
      if (draft !== undefined) await writeFile(join(workshop, draft), a)
      const then = new Date(Date.now() - ageMs)
      await utimes(workshop, then, then)
      return name
    }
    const leftBeside = async (target: Target): Promise<string[]> =>
      (await readdir(dirname(target.name))).filter((name) => name !== 'aigc.json').sort()

    test('after ten minutes, by the clock of the file system', async () => {
      const written = target()
      const [old, empty] = ['.vod-aigc-tokens-oldOne', '.vod-aigc-tokens-noFile']
      await leaveDraft(written, old, 9 * minutesMs, 'draft')
      await leaveDraft(written, empty, 9 * minutesMs)
      await mirror(storeOf(written), a)
      expect(await leftBeside(written)).toEqual([empty, old])
      await leaveDraft(written, old, 11 * minutesMs)
      await leaveDraft(written, empty, 11 * minutesMs)
      await mirror(file.open(written, { ...lent, now: () => 0 }), b)
      expect(await leftBeside(written)).toEqual([])
      expect(await readFile(written.name, 'utf8')).toBe(b)
    })

    test('and nothing else', async () => {
      const written = target()
      const others = [
        await leaveDraft(written, '.vod-aigc-tokens-backup', 60 * minutesMs, 'of somebody'),
        await leaveDraft(written, 'vod-aigc-tokens-123456', 60 * minutesMs, 'draft'),
      ]
      await symlink(others[1] ?? '', join(dirname(written.name), '.vod-aigc-tokens-aLink1'))
      await mirror(storeOf(written), a)
      expect(await leftBeside(written)).toEqual(['.vod-aigc-tokens-aLink1', ...others])
      expect(await readdir(join(dirname(written.name), 'vod-aigc-tokens-123456'))).toEqual(['draft'])
    })
  })

  /** Fills a path with something that is no regular file. */
  const make = (command: string, path: string, ...rest: string[]): void => {
    execFileSync(command, [path, ...rest])
  }
  const oddities: [what: string, put: (path: string) => void | Promise<void>][] = [
    ['a FIFO', (path) => make('mkfifo', path)],
    ['a folder', async (path) => void (await mkdir(path))],
    [
      'a link to a FIFO',
      async (path) => {
        make('mkfifo', `${path}.fifo`)
        await symlink(`${path}.fifo`, path)
      },
    ],
    ['a link to a window into the kernel', (path) => symlink('/proc/self/status', path)],
    ["a link to the kernel's log", (path) => symlink('/proc/kmsg', path)],
    ['a link to a terminal', (path) => symlink('/dev/tty', path)],
    ['a link to itself', (path) => symlink(path, path)],
    // Only root makes devices; /dev/null itself is too dear to try.
    ...(process.getuid?.() === 0
      ? [
          ['a device', (path: string) => make('mknod', path, 'c', '1', '3')] as [
            string,
            (path: string) => void,
          ],
        ]
      : []),
  ]
  test('takes no options, and says what its name should be', () => {
    const kind = storeKinds['file']
    expect(kind?.options).toEqual([])
    const problem = 'the name should be the path of a file, such as file:secrets/aigc.json'
    expect(kind?.check(targetOf('file', 'folder/'))).toEqual([problem])
  })

  test.each(oddities)('does not read %s, and answers at once', async (_, fill) => {
    const odd = target()
    await mkdir(dirname(odd.name), { recursive: true })
    await fill(odd.name)
    const error = await refusalOf(storeOf(odd).read(soon()))
    expect(error.message).toMatch(/^(Reading|Opening) file:/)
  })

  test.each(oddities.filter(([what]) => !what.includes('link')))('does not replace %s', async (_, fill) => {
    const odd = target()
    await mkdir(dirname(odd.name), { recursive: true })
    await fill(odd.name)
    const before = await stat(odd.name)
    const error = await refusalOf(mirror(storeOf(odd), a, { state: 'absent' }), a)
    expect(error.code).toBe('NotAFile')
    expect((await stat(odd.name)).ino).toBe(before.ino)
    expect(await readdir(dirname(odd.name))).toHaveLength(1)
  })

  test.each(['/proc/nope/x.json', '/proc/nope/deeper/x.json', '/dev/null/x.json'])(
    'says at once that it cannot make a folder for %s',
    async (path) => {
      await refusalOf(mirror(storeOf(targetOf('file', path)), a, { state: 'absent' }), a)
    },
  )

  // The one that mutants meet has no directory of its own.
  test.skipIf(!isMainThread)('says at once that the working directory is gone', async () => {
    const [here, gone] = [process.cwd(), await mkdtemp(join(root, 'gone-'))]
    process.chdir(gone)
    await rm(gone, { recursive: true })
    try {
      for (const name of ['x.json', 'folder/x.json', 'folder/deeper/x.json'])
        await refusalOf(mirror(storeOf(targetOf('file', name)), a, { state: 'absent' }), a)
    } finally {
      process.chdir(here)
    }
  })

  test.each([
    ['/dev/null/x.json', 'ENOTDIR', /^Writing file:.*ENOTDIR: not a directory/],
    ['/proc/nope/x.json', 'ENOENT', /^Writing file:.*ENOENT: no such file or directory/],
    ['/proc/self/x.json', 'ENOENT', /^Writing file:.*ENOENT/],
  ])('says what hinders it to write %s', async (path, code, words) => {
    const hindered = targetOf('file', path)
    const error = await refusalOf(mirror(storeOf(hindered), a, { state: 'absent' }), a)
    expect(error).toMatchObject({ code, target: hindered.uri, message: expect.stringMatching(words) })
  })

  test('says what is in the place of a file', async () => {
    const odd = target()
    await mkdir(odd.name, { recursive: true })
    const said = `Opening ${odd.uri}: it is no regular file; name one, or a path where there is nothing yet`
    expect((await refusalOf(storeOf(odd).read(soon()))).message).toBe(said)
    expect((await refusalOf(mirror(storeOf(odd), a, { state: 'absent' }), a)).message).toBe(said)
    const long = target()
    await put(long, 'x'.repeat(1_000_001))
    expect((await refusalOf(storeOf(long).read(soon()))).message).toBe(
      `Opening ${long.uri}: it has more than 1000000 bytes, so it is no mirrored document`,
    )
  })

  test('replaces a symbolic link, and leaves the file that it leads to', async () => {
    const linked = target()
    await put({ ...linked, name: `${linked.name}.real` }, b)
    await symlink(`${linked.name}.real`, linked.name)
    expect(await storeOf(linked).read(soon())).toMatchObject({ value: b })
    await mirror(storeOf(linked), a)
    expect((await lstat(linked.name)).isFile()).toBe(true)
    expect(await readFile(`${linked.name}.real`, 'utf8')).toBe(b)
  })

  test.skipIf(process.platform !== 'linux')('closes what it opens, whatever comes of it', async () => {
    const good = target()
    const odd = target()
    await mkdir(odd.name, { recursive: true })
    const opened = async (): Promise<number> => (await readdir('/proc/self/fd')).length
    await mirror(storeOf(good), a)
    const before = await opened()
    for (let i = 0; i < 20; i++) {
      await mirror(storeOf(good), i % 2 === 0 ? b : a)
      await storeOf(odd)
        .read(soon())
        .catch(() => {})
    }
    expect(await opened()).toBeLessThan(before + 20)
  })

  test('refuses to read what is far longer than any document', async () => {
    const long = target()
    await put(long, 'x'.repeat(1_000_001))
    expect((await refusalOf(storeOf(long).read(soon()))).code).toBe('TooLarge')
    await put(long, 'x'.repeat(1_000_000))
    expect(await storeOf(long).read(soon())).toMatchObject({ state: 'value' })
  })

  test('closes a document of ours to others, and takes dead drafts away, also while nothing changes', async () => {
    const open = target()
    await mirror(storeOf(open), a)
    await chmod(open.name, 0o666)
    const draft = join(dirname(open.name), '.vod-aigc-tokens-dead')
    await mkdir(draft)
    await writeFile(join(draft, 'draft'), b)
    await utimes(draft, 0, 0)
    await storeOf(open).read(soon())
    expect((await stat(open.name)).mode & 0o777).toBe(0o600)
    expect(await readdir(dirname(open.name))).toEqual(['aigc.json'])
    const foreign = target()
    await put(foreign, 'not ours')
    await chmod(foreign.name, 0o664)
    await storeOf(foreign).read(soon())
    expect((await stat(foreign.name)).mode & 0o777).toBe(0o664)
  })

  test('removes a hundred drafts at most in one run', async () => {
    const crowded = target()
    await mirror(storeOf(crowded), a)
    for (let i = 0; i < 250; i++) {
      const draft = join(dirname(crowded.name), `.vod-aigc-tokens-${i}`)
      await mkdir(draft)
      await utimes(draft, 0, 0)
    }
    await storeOf(crowded).read(soon())
    expect(await readdir(dirname(crowded.name))).toHaveLength(151)
  })

  test.each([
    'not JSON',
    '[]',
    'null',
    '{"ApiTokens":{},"SubAppId":1,"Site":"intl"}',
    '{"SubAppId":1,"Site":"intl"}',
    '{"ApiTokens":[],"Site":"intl"}',
    '{"ApiTokens":[],"SubAppId":1}',
  ])('does not take %s for its own', async (value) => {
    const foreign = target()
    await put(foreign, value)
    expect(await storeOf(foreign).read(soon())).toEqual({ state: 'value', marked: false, value })
  })
})

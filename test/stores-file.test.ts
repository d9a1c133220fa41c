import {
  chmod,
  link,
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
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { file } from '../lib/stores/file.ts'
import type { Store, Target } from '../lib/stores/store.ts'
import {
  documentOf,
  type Harness,
  lent,
  mirror,
  refusalOf,
  soon,
  storeContract,
  targetOf,
} from './store-contract.ts'

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
    lend: lent,
    target,
    goodNames: ['aigc', '.aigc.json', 'a folder/und noch einer/Schlüssel 钥匙.json', `${'n'.repeat(255)}`],
    badNames: ['', 'folder/', 'a\0b'],
    putForeign: put,
    putEmpty: (target) => put(target, ''),
    replace: put,
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

  test('file is readable by its owner only, and so is the folder made for it', async () => {
    const target = targetOf('file', join(root, `${names++}`, 'deeper', 'aigc.json'))
    await mirror(storeOf(target), a)
    expect((await stat(target.name)).mode & 0o777).toBe(0o600)
    expect((await stat(dirname(target.name))).mode & 0o777).toBe(0o700)
    expect((await stat(dirname(dirname(target.name)))).mode & 0o777).toBe(0o700)
  })

  test('file narrows the mode of a file that it takes over', async () => {
    const taken = target()
    await put(taken, '')
    await chmod(taken.name, 0o666)
    await mirror(storeOf(taken), a)
    expect((await stat(taken.name)).mode & 0o777).toBe(0o600)
  })

  test('file is replaced, never overwritten: who reads while it is written reads the old one to its end', async () => {
    const replaced = target()
    await mirror(storeOf(replaced), a)
    await link(replaced.name, `${replaced.name}.reader`)
    await mirror(storeOf(replaced), b)
    expect(await readFile(`${replaced.name}.reader`, 'utf8')).toBe(a)
  })

  test.each(['open', 'rename'] as const)('file leaves no draft of the secret when %s fails', async (step) => {
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

    test('after ten minutes, on the clock that was lent', async () => {
      const written = target()
      const [old, empty] = ['.vod-aigc-tokens-oldOne', '.vod-aigc-tokens-noFile']
      await leaveDraft(written, old, 9 * minutesMs, 'draft')
      await leaveDraft(written, empty, 9 * minutesMs)
      await mirror(storeOf(written), a)
      expect(await leftBeside(written)).toEqual([empty, old])
      await mirror(file.open(written, { ...lent, now: () => Date.now() + 2 * minutesMs }), b)
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
      await mirror(file.open(written, { ...lent, now: () => Date.now() + 60 * minutesMs }), a)
      expect(await leftBeside(written)).toEqual(['.vod-aigc-tokens-aLink1', ...others])
      expect(await readdir(join(dirname(written.name), 'vod-aigc-tokens-123456'))).toEqual(['draft'])
    })
  })

  test.each([
    'not JSON',
    '[]',
    'null',
    '{"ApiTokens":{},"SubAppId":1,"Site":"intl"}',
    '{"SubAppId":1,"Site":"intl"}',
    '{"ApiTokens":[],"Site":"intl"}',
    '{"ApiTokens":[],"SubAppId":1}',
  ])('file does not take %s for its own', async (value) => {
    const foreign = target()
    await put(foreign, value)
    expect(await storeOf(foreign).read(soon())).toEqual({ state: 'value', marked: false, value })
  })
})

/**
 * What every kind of store has to do, as told in lib/stores/store.ts: written once and run for each kind against its
 * real peer, to which a {@link Harness} gives access without the store.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { systemTime } from '../../handlers/time.ts'
import { StoreError } from '../../lib/errors.ts'
import type { TargetResult } from '../../lib/mirror/report.ts'
import { runMirror } from '../../lib/mirror/run.ts'
import { storeKinds } from '../../lib/stores/index.ts'
import { newRecord, renderRecord } from '../../lib/stores/record.ts'
import type { Reading, Store, StoreDependencies, Target } from '../../lib/stores/store.ts'
import type { Site } from '../../lib/tencent/sites.ts'
import { awsDeps } from './aws-deps.ts'
import { listOf } from './list-of.ts'
import { sha256 } from './sha256.ts'
import type { TencentAccess } from './tencent-deps.ts'
import type { WriteAndDie } from './write-and-die.ts'

export interface Harness {
  /** What the stores of this kind are lent; {@link lent} for those that need only a clock. */
  readonly deps: StoreDependencies
  /** A target that nobody has used yet. With a name: one called so. */
  target(name?: string): Target
  readonly goodNames: readonly string[]
  readonly badNames: readonly string[]
  /** Puts a value there as somebody else would, without our mark. */
  putForeign(target: Target, value: string): Promise<void>
  /** Makes it exist without a value; `null` for a kind of which none can. */
  readonly putEmpty: ((target: Target) => Promise<void>) | null
  /** Gives one that exists another value, as somebody else would. What it carries of ours stays. */
  replace(target: Target, value: string): Promise<void>
  /** Runs `attempt`, and `meanwhile` at the last moment of a write over a value at which it can be noticed. */
  beforeTheWrite(meanwhile: () => Promise<void>, attempt: () => Promise<void>): Promise<void>
  /** Runs `attempt`, and `meanwhile` right after the value was written; `null` where comparing and setting is one step. */
  readonly afterTheWrite:
    | ((meanwhile: () => Promise<void>, attempt: () => Promise<void>) => Promise<void>)
    | null
  /** Takes our mark away, as somebody else would; false where the value is the mark. */
  takeMark(target: Target): Promise<boolean>
  /** Whether a value that is no document of ours can carry our mark. */
  readonly marksAnyValue: boolean
  /** What its readers get. */
  currentOf(target: Target): Promise<string>
  /** Everything that the store keeps of it: values, versions, leftovers. */
  everythingOf(target: Target): Promise<unknown>
  /** Runs `attempt` on a target that the caller may not touch. */
  whileForbidden(attempt: (target: Target) => Promise<void>): Promise<void>
  /** Runs `attempt` while a value that is there cannot be read yet; `null` where that does not happen. */
  readonly whileSpreading: ((attempt: () => Promise<void>) => Promise<void>) | null
  /** How a secret can be there and out of reach, such as scheduled for deletion. */
  readonly withdrawals: readonly {
    readonly name: string
    withdraw(target: Target): Promise<unknown>
    restore(target: Target): Promise<unknown>
  }[]
  /** Where a process of its own finds the peer, if the environment does not say it. */
  tencent?(): TencentAccess
  /** The ways in which a write can break off, each with the states of the target on which it can. */
  readonly breaks: readonly {
    readonly name: string
    readonly on: readonly Start[]
    /** Runs `attempt` while writes break so. */
    during(attempt: () => Promise<void>): Promise<void>
  }[]
}

export type Start = 'nothing' | 'an empty secret' | 'a foreign value' | 'a later document'

export function targetOf(scheme: string, name: string, options: Record<string, string> = {}): Target {
  return { uri: `${scheme}:${name}`, scheme, name, options, holds: 'document', adopt: true }
}

/** The system's clock, AWS anew at each use, and no Tencent API. */
export const lent: StoreDependencies = {
  ...systemTime,
  aws: () => awsDeps(),
  tencent: ({ service }) => {
    throw new Error(`this store needs no client of ${service}`)
  },
}

/** Far enough for every test; the deadline itself is tested for the kinds that have one. */
export const soon = (): number => systemTime.monotonic() + 60_000

/** A mirrored document with tokens that no error message holds by chance. */
export function documentOf(seed: string, count = 2, tokenLength = 64): string {
  const tokens = Array.from({ length: count }, (_, index) =>
    sha256(`${seed} ${index}`)
      .repeat(Math.ceil(tokenLength / 64))
      .slice(0, tokenLength),
  )
  return JSON.stringify({ ApiToken: tokens[0], ApiTokens: tokens.sort(), SubAppId: 251006666, Site: 'intl' })
}

function recordOf(phase: 'idle' | 'intent'): string {
  const record = newRecord({ subAppId: 251006666, site: 'intl' }, { own: 0, tencent: 0 })
  return renderRecord({ ...record, phase, old: '0123456789abcdef' })
}

function withToken(token: string): string {
  return JSON.stringify({ ApiToken: token, ApiTokens: [token], SubAppId: 251006666, Site: 'intl' })
}

/** Writes `document` as a run of the mirror does: on what it has just read. */
export async function mirror(store: Store, document: string, seen?: Reading): Promise<void> {
  await store.write(document, seen ?? (await store.read(soon())), soon())
}

/** The `StoreError` that `attempt` ends in, when it tells nothing of the document. */
export async function refusalOf(attempt: Promise<unknown>, document = ''): Promise<StoreError> {
  const error = await attempt.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof StoreError)) throw new Error('not refused with a StoreError', { cause: error })
  expect(error.cause).toBeUndefined()
  const told = [error.message, error.stack, JSON.stringify(error)].join()
  for (const token of document.match(/[0-9a-f]{64}/g) ?? []) expect(told).not.toContain(token.slice(0, 12))
  return error
}

const writer = fileURLToPath(new URL('write-and-die.ts', import.meta.url))

/** Writes in a process that kills itself at the `dieAt`-th step, if it has so many; tells how many it had if not. */
async function writeAndDie(request: WriteAndDie): Promise<{ killed: boolean; steps: number }> {
  const child = spawn(process.execPath, ['--import', 'tsx', writer, JSON.stringify(request)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [told, [exitCode, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  expect([exitCode, signal]).toEqual(told === '' ? [null, 'SIGKILL'] : [0, null])
  return { killed: told === '', steps: Number(told) }
}

type Tail<T extends readonly unknown[]> = T extends readonly [unknown, ...infer Rest] ? Rest : never

export function storeContract(scheme: string, harness: Harness): void {
  const kind = storeKinds[scheme]
  if (kind === undefined) throw new Error(`Testing ${scheme}: not in the registry`)
  const { putEmpty } = harness
  if (kind.hasEmpty !== (putEmpty !== null))
    throw new Error(`Testing ${scheme}: hasEmpty is ${kind.hasEmpty}`)
  const open = (target: Target): Store => kind.open(target, harness.deps)
  const [a, b, c] = [documentOf('a'), documentOf('b'), documentOf('c')]
  const foreign = '{"password":"of somebody else"}'

  /** What becomes of targets in a run of the mirror, without a wait before tokens are taken out. */
  const runAll = async (
    targets: readonly Target[],
    tokens: readonly string[],
    { subAppId = 251006666, site = 'intl' as Site } = {},
  ): Promise<readonly TargetResult[]> => {
    const { Results } = await runMirror(
      {
        mirrors: [{ subAppId, targets }],
        dryRun: false,
        confirm: null,
        promote: null,
        deadline: soon(),
      },
      { site, settleSeconds: 0, minKeep: 0.5, timeoutMs: 10_000, exclude: new Set(), tokenLimit: 45 },
      { list: async () => listOf(tokens), openStore: open, ...systemTime, sleep: async () => {} },
    )
    return Results
  }
  const run = async (...[target, ...given]: [Target, ...Tail<Parameters<typeof runAll>>]) =>
    (await runAll([target], ...given))[0]

  describe(`${scheme} keeps the contract of a store:`, () => {
    test('read says absent for what is not there', async () => {
      expect(await open(harness.target()).read(soon())).toEqual({ state: 'absent' })
    })

    test('read gives a foreign value, unmarked', async () => {
      const target = harness.target()
      await harness.putForeign(target, foreign)
      expect(await open(target).read(soon())).toMatchObject({ state: 'value', marked: false, value: foreign })
    })

    test('write creates what is absent, with the mark', async () => {
      const target = harness.target()
      await mirror(open(target), a)
      expect(await harness.currentOf(target)).toBe(a)
      expect(await open(target).read(soon())).toMatchObject({ state: 'value', marked: true, value: a })
    })

    test('a record of a rotation has a mark of its own, and the mirror leaves it', async () => {
      const target = harness.target()
      const keeper: Target = { ...target, holds: 'record' }
      const [first, second] = [recordOf('idle'), recordOf('intent')]
      for (const record of [first, second, first]) {
        await mirror(open(keeper), record)
        expect(await open(keeper).read(soon())).toMatchObject({ state: 'value', marked: true, value: record })
        expect(await harness.currentOf(target)).toBe(record)
      }
      expect(await open(target).read(soon())).toMatchObject({ marked: false })
      const unadopted: Target = { ...target, adopt: false }
      expect(await run(unadopted, ['a-token'])).toMatchObject({ Outcome: 'refused' })
      expect(await harness.currentOf(target)).toBe(first)
      // And a rotation leaves what the mirror keeps.
      const mirrored = harness.target()
      await mirror(open(mirrored), a)
      expect(await open({ ...mirrored, holds: 'record' }).read(soon())).toMatchObject({ marked: false })
    })

    if (putEmpty)
      test('write fills what exists without a value, and marks it', async () => {
        const target = harness.target()
        await putEmpty(target)
        expect(await open(target).read(soon())).toEqual({ state: 'empty', marked: false })
        await mirror(open(target), a)
        expect(await open(target).read(soon())).toMatchObject({ state: 'value', marked: true, value: a })
      })

    test('write takes over a foreign value, and marks it', async () => {
      const target = harness.target()
      await harness.putForeign(target, foreign)
      await mirror(open(target), a)
      expect(await open(target).read(soon())).toMatchObject({ state: 'value', marked: true, value: a })
    })

    test('write makes an earlier document current again', async () => {
      const target = harness.target()
      for (const document of [a, b, a, c, b, c]) {
        await mirror(open(target), document)
        expect(await harness.currentOf(target)).toBe(document)
      }
    })

    test('write repeated changes nothing', async () => {
      const target = harness.target()
      await mirror(open(target), b)
      await mirror(open(target), a)
      const before = await harness.everythingOf(target)
      await mirror(open(target), a)
      expect(await harness.everythingOf(target)).toEqual(before)
    })

    test('write keeps every byte of the largest document: 50 tokens of 512 characters, or as many as the store takes', async () => {
      const target = harness.target()
      const { mostBytes } = open(target)
      const documents = Array.from({ length: 50 }, (_, index) => documentOf('largest', index + 1, 512))
      const largest = documents.findLast((document) => Buffer.byteLength(document) <= mostBytes) ?? ''
      await mirror(open(target), largest)
      expect(await harness.currentOf(target)).toBe(largest)
      expect(await open(target).read(soon())).toMatchObject({ value: largest })
    })

    test('write takes a document that is as long as the store says, to the byte', async () => {
      const target = harness.target()
      const { mostBytes } = open(target)
      const token = 'x'.repeat((mostBytes - Buffer.byteLength(withToken(''))) / 2)
      const longest = withToken(token).padEnd(mostBytes)
      expect(Buffer.byteLength(longest)).toBe(mostBytes)
      await mirror(open(target), longest)
      expect(await harness.currentOf(target)).toBe(longest)
      // The peer takes no more than that.
      await refusalOf(mirror(open(target), `${longest} `), longest)
    })

    test('a run refuses a list that is longer, with the numbers, and touches nothing', async () => {
      const target = harness.target()
      await mirror(open(target), a)
      const before = await harness.everythingOf(target)
      const { mostBytes } = open(target)
      for (const tokens of [
        ['x'.repeat(mostBytes)],
        Array.from({ length: 20_000 }, (_, n) => sha256(`${n}`)),
      ]) {
        const result = await run({ ...target, adopt: false }, tokens)
        expect(result).toMatchObject({
          Outcome: 'refused',
          Reason: expect.stringContaining(`takes ${mostBytes}; `),
        })
        expect(await harness.everythingOf(target)).toEqual(before)
      }
    })

    test('a run puts back the mark of our document that somebody took away, and says so once', async () => {
      const target = { ...harness.target(), adopt: false }
      expect(await run(target, ['token'])).toMatchObject({ Outcome: 'created', Reason: null })
      const document = await harness.currentOf(target)
      if (!(await harness.takeMark(target))) return
      expect(await open(target).read(soon())).toMatchObject({ marked: false, value: document })
      const Reason = expect.stringMatching(/^our own document had lost the mark, which is put back/)
      expect(await run(target, ['token'])).toMatchObject({ Outcome: 'updated', Reason })
      expect(await open(target).read(soon())).toMatchObject({ marked: true, value: document })
      expect(await run(target, ['token'])).toMatchObject({ Outcome: 'unchanged', Reason: null })
    })

    test('a run keeps the token to use alone, beside the document, in a target that asks for it', async () => {
      const document = { ...harness.target(), adopt: false }
      const alone = { ...harness.target(), holds: 'token', adopt: false } as const
      const runBoth = async (...tokens: string[]): Promise<string[]> =>
        (await runAll([alone, document], tokens)).map(({ Outcome }) => Outcome)
      const [old, fresh] = [sha256('old'), sha256('fresh')]
      expect(await runBoth(old)).toEqual(['created', 'created'])
      expect(await harness.currentOf(alone)).toBe(old)
      expect(await runBoth(old)).toEqual(['unchanged', 'unchanged'])
      expect(await runBoth(old, fresh)).toEqual(['unchanged', 'updated'])
      expect(await runBoth(fresh)).toEqual(['updated', 'updated'])
      expect(await harness.currentOf(alone)).toBe(fresh)
      expect(await runBoth(fresh)).toEqual(['unchanged', 'unchanged'])
      // What somebody else puts there is left.
      await harness.replace(alone, foreign)
      const [result] = await runAll([alone, document], [fresh])
      expect(result?.Outcome).toBe(harness.marksAnyValue ? 'held' : 'refused')
      expect(await harness.currentOf(alone)).toBe(foreign)
    })

    test('forbidden is neither absent nor written', async () => {
      await harness.whileForbidden(async (target) => {
        await refusalOf(open(target).read(soon()))
        await refusalOf(mirror(open(target), a, { state: 'absent' }), a)
        await refusalOf(mirror(open(target), a, { state: 'empty', marked: true }), a)
      })
    })

    test.each([{ subAppId: 8 }, { site: 'cn' as const }])(
      'a document of another application or site (not of %j) is given as it is, and a run leaves it, adopt or not',
      async (own) => {
        const target = harness.target()
        await mirror(open(target), a)
        const before = await harness.everythingOf(target)
        expect(await open(target).read(soon())).toMatchObject({ state: 'value', marked: true, value: a })
        for (const adopt of [true, false])
          expect(await run({ ...target, adopt }, ['token'], own)).toMatchObject({ Outcome: 'refused' })
        expect(await harness.everythingOf(target)).toEqual(before)
      },
    )

    test.each(harness.withdrawals)('a secret $name is neither read nor written', async (withdrawal) => {
      const target = harness.target()
      await mirror(open(target), a)
      const before = await harness.everythingOf(target)
      await withdrawal.withdraw(target)
      const seen = await open(target).read(soon())
      expect(seen).toEqual({
        state: 'unavailable',
        reason: expect.stringMatching(/; .*choose another name$/),
      })
      await refusalOf(mirror(open(target), b, seen), b)
      expect(await run(target, ['token'])).toMatchObject({ Outcome: 'refused' })
      expect(await open(target).read(soon())).toEqual(seen)
      await withdrawal.restore(target)
      expect(await harness.everythingOf(target)).toEqual(before)
    })

    const rivals = '{"password":"of a rival"}'
    test.each([
      { name: 'nothing', prepare: async () => {}, rival: harness.putForeign },
      ...(putEmpty ? [{ name: 'an empty secret', prepare: putEmpty, rival: harness.replace }] : []),
      {
        name: 'a foreign value',
        prepare: (target: Target) => harness.putForeign(target, foreign),
        rival: harness.replace,
      },
      {
        name: 'a document of ours',
        prepare: (target: Target) => mirror(open(target), b),
        rival: harness.replace,
      },
    ])('write over $name leaves what somebody else wrote since it was read', async ({ prepare, rival }) => {
      const target = harness.target()
      await prepare(target)
      const seen = await open(target).read(soon())
      await rival(target, rivals)
      const error = await refusalOf(mirror(open(target), a, seen), a)
      expect(error).toMatchObject({ code: 'Overtaken', target: target.uri, retryable: true })
      expect(error.message).toBe(
        `Writing ${target.uri}: somebody else changed it since it was read, and their value was left there`,
      )
      expect(await harness.currentOf(target)).toBe(rivals)
    })

    test('write looks as late as it can, and keeps the mark from what it then leaves', async () => {
      const target = harness.target()
      await harness.putForeign(target, foreign)
      const meanwhile = (): Promise<void> => harness.replace(target, rivals)
      await harness.beforeTheWrite(meanwhile, async () => {
        expect(await refusalOf(mirror(open(target), a), a)).toMatchObject({ code: 'Overtaken' })
      })
      expect(await open(target).read(soon())).toMatchObject({ state: 'value', marked: false, value: rivals })
      expect(await run({ ...target, adopt: false }, ['token'])).toMatchObject({ Outcome: 'refused' })
    })

    const { afterTheWrite } = harness
    if (afterTheWrite)
      test('write reads back what it wrote', async () => {
        const target = harness.target()
        await mirror(open(target), b)
        const meanwhile = (): Promise<void> => harness.replace(target, c)
        await afterTheWrite(meanwhile, async () => {
          expect(await refusalOf(mirror(open(target), a), a)).toMatchObject({ code: 'Overtaken' })
        })
        expect(await harness.currentOf(target)).toBe(c)
      })

    test('write of the document that is there adds a mark that is missing', async () => {
      const target = harness.target()
      await harness.putForeign(target, a)
      const seen = await open(target).read(soon())
      await mirror(open(target), a, seen)
      expect(await open(target).read(soon())).toMatchObject({ state: 'value', marked: true, value: a })
      if (!harness.marksAnyValue) return
      const raced = harness.target()
      await harness.putForeign(raced, a)
      const old = await open(raced).read(soon())
      await harness.replace(raced, rivals)
      expect(await refusalOf(mirror(open(raced), a, old), a)).toMatchObject({ code: 'Overtaken' })
      expect(await open(raced).read(soon())).toMatchObject({ marked: false, value: rivals })
    })

    test('a value of ours that somebody damaged is given with the one before, and a run repairs it', async () => {
      const target = harness.target()
      await mirror(open(target), a)
      await mirror(open(target), b)
      expect(await open(target).read(soon())).not.toHaveProperty('before')
      await harness.replace(target, rivals)
      const reading = await open(target).read(soon())
      const result = await run({ ...target, adopt: false }, ['token', 'other'])
      if (harness.marksAnyValue) {
        expect(reading).toMatchObject({ marked: true, value: rivals, before: expect.any(String) })
        expect([a, b]).toContain(reading.state === 'value' && reading.before)
        expect(result).toMatchObject({ Outcome: 'updated' })
      } else {
        expect(reading).toEqual({ state: 'value', marked: false, value: rivals })
        expect(result).toMatchObject({ Outcome: 'refused' })
      }
    })

    test('a value under our mark that somebody reuses for their own is held, and a run leaves it', async () => {
      const target = harness.target()
      await mirror(open(target), a)
      for (const value of [foreign, rivals]) await harness.replace(target, value)
      const before = await harness.everythingOf(target)
      const result = await run({ ...target, adopt: false }, ['token'])
      expect(result).toMatchObject({ Outcome: harness.marksAnyValue ? 'held' : 'refused' })
      expect(await harness.everythingOf(target)).toEqual(before)
    })

    const { whileSpreading } = harness
    if (whileSpreading)
      test('a value that cannot be read yet does not pass for none, and a shorter list does not replace it', async () => {
        const target = harness.target()
        const tokens = ['one', 'two', 'three', 'four']
        expect(await run(target, tokens)).toMatchObject({ Outcome: 'created' })
        const before = await harness.everythingOf(target)
        await whileSpreading(async () => {
          const error = await refusalOf(open(target).read(soon()))
          expect(error).toMatchObject({ code: 'ValueNotFound', target: target.uri, retryable: true })
          expect(error.message).toContain('the next run looks again')
          expect(await run(target, ['one'])).toMatchObject({ Outcome: 'failed', Reason: error.message })
        })
        expect(await harness.everythingOf(target)).toEqual(before)
        expect(await run(target, ['one'])).toMatchObject({ Outcome: 'held' })
      })

    test.each([
      { name: 'nothing', prepare: async () => {} },
      { name: 'a value', prepare: (target: Target) => mirror(open(target), a) },
    ])('writers at the same time on $name leave the value of one of them, whole', async ({ prepare }) => {
      const target = harness.target()
      await prepare(target)
      const seen = await open(target).read(soon())
      const documents = Array.from({ length: 8 }, (_, index) => documentOf(`writer ${index}`, 20))
      const results = await Promise.allSettled(
        documents.map((document) => mirror(open(target), document, seen)),
      )
      for (const [index, result] of results.entries()) {
        if (result.status === 'rejected') await refusalOf(Promise.reject(result.reason), documents[index])
      }
      expect(results.map(({ status }) => status)).toContain('fulfilled')
      expect(documents).toContain(await harness.currentOf(target))
      await mirror(open(target), b)
      expect(await harness.currentOf(target)).toBe(b)
    })

    const starts: Record<Start, { old: string | null; prepare(target: Target): Promise<void> }> = {
      nothing: { old: null, prepare: async () => {} },
      'an empty secret': {
        old: null,
        prepare: putEmpty ?? (() => Promise.reject(new Error('no such state'))),
      },
      'a foreign value': { old: foreign, prepare: (target) => harness.putForeign(target, foreign) },
      'a later document': {
        old: b,
        async prepare(target) {
          const store = open(target)
          await mirror(store, a)
          await mirror(store, b)
        },
      },
    }
    const broken = harness.breaks.flatMap(({ name, on, during }) =>
      on.map((start) => ({ name, start, during })),
    )
    test.each(broken)(
      'write broken off by $name, on $start, leaves the old value or the new one, and the next run ends well',
      async ({ start, during }) => {
        const target = harness.target()
        const { old, prepare } = starts[start]
        await prepare(target)
        const store = open(target)
        const seen = await store.read(soon())
        await during(async () => {
          await refusalOf(mirror(store, a, seen), a)
        })

        const next = open(target)
        const left = await next.read(soon())
        if (left.state === 'value') {
          expect([old, a]).toContain(left.value)
          // Without `adopt` nobody would mend it, and nobody else's value must look like ours.
          if (left.value === a && start !== 'a foreign value') expect(left.marked).toBe(true)
          if (left.value === foreign) {
            expect(left.marked).toBe(false)
            expect(await run({ ...target, adopt: false }, ['token'])).toMatchObject({ Outcome: 'refused' })
            expect(await harness.currentOf(target)).toBe(foreign)
          }
        } else {
          expect(old).toBe(null)
        }
        await mirror(next, a, left)
        expect(await harness.currentOf(target)).toBe(a)
        expect(await next.read(soon())).toMatchObject({ state: 'value', marked: true, value: a })
      },
    )

    test('write broken off by the death of its process leaves the old value or the new one, and the next run ends well', {
      timeout: 300_000,
    }, async () => {
      const writeOver = async (dieAt: number | null): Promise<{ killed: boolean; steps: number }> => {
        const target = harness.target()
        await starts['a later document'].prepare(target)
        const tencent = harness.tencent?.() ?? null
        const result = await writeAndDie({ target, document: a, dieAt, tencent })
        const left = await open(target).read(soon())
        expect(left).toMatchObject({ state: 'value', marked: true })
        expect([a, b]).toContain(left.state === 'value' && left.value)
        if (!result.killed) expect(left).toMatchObject({ value: a })
        await mirror(open(target), a, left)
        expect(await harness.currentOf(target)).toBe(a)
        expect(await open(target).read(soon())).toMatchObject({ state: 'value', marked: true, value: a })
        return result
      }
      const { killed, steps } = await writeOver(null)
      expect(killed).toBe(false)
      // At its beginning, and spread over all of it, which may be much shorter the next time: a connection that is made anew, or
      // a second look, takes steps as well.
      const deaths = [1, 2, ...[0.1, 0.3, 0.5, 0.7, 0.9].map((part) => Math.ceil(part * steps))]
      const results = await Promise.all(deaths.map(writeOver))
      expect(results.filter(({ killed }) => killed).length).toBeGreaterThan(1)
    })

    test.each(harness.goodNames)('check takes the name %s, and it works', async (name) => {
      const target = harness.target(name)
      expect(kind.check(target)).toEqual([])
      await mirror(open(target), a)
      expect(await harness.currentOf(target)).toBe(a)
    })

    test.each(harness.badNames)('check refuses the name %j without repeating it', (name) => {
      const target = { ...harness.target(), name }
      const problems = kind.check(target)
      expect(problems).toHaveLength(1)
      if (name.length > 1) expect(problems.join()).not.toContain(name)
    })
  })
}

/**
 * The rules of the rotation as statements about what happened, in true time, whatever a process believed. Nothing here uses
 * the rotation's own reading of its record, nor its judgement.
 *
 * What no run can know, and no rule asks for:
 * - What others did since its newest look. A look is at most {@link freshMs} old when a run acts on it, unless the clock of its
 *   machine jumped meanwhile, by which alone a run sees that it stood still.
 * - That a list misses a token by mistake, where two lists of two runs do (`hiddenTwice`).
 * - What stood in a record that somebody has taken away, or that a store without compare-and-set has replaced unseen
 *   (`isContested`).
 */
import {
  type Application,
  isAlive,
  lagMs,
  nameOf,
  type Process,
  put,
  type Secret,
  skewMs,
  type Token,
  timeoutMs,
  type Witness,
  type World,
} from './rotation-world.ts'

/** How old a look may be when a run acts on it: the rest of that request, five steps, and some. */
export const freshMs = 6 * (timeoutMs + 100)
/** By so much true time and the times of a record differ: two machines, and dates in whole seconds. */
const slackMs = 2 * skewMs + 2000
const hourMs = 3_600_000

/** A broken rule; the message starts with the rule's number and name. */
export class Violation extends Error {}

/** The record as it stands there, by its own names. */
export interface Record {
  readonly Phase: 'idle' | 'intent' | 'warming' | 'promoted' | 'retiring'
  readonly Old: string | null
  readonly New: string | null
  readonly Intent: string | null
  readonly Baseline: readonly string[]
  readonly Doing: string | null
  readonly Limited: object | null
  readonly Leftovers: readonly { readonly Fingerprint: string }[]
}

export function recordIn(value: string | null): Record | null {
  try {
    const parsed = JSON.parse(value ?? '')
    return parsed.Type === 'vod-aigc-rotation' ? parsed : null
  } catch {
    return null
  }
}

/** How often what a rule speaks about took place. */
export type Counts = { [Name in (typeof countNames)[number]]: number }
export const countNames = [
  'created',
  'promoted',
  'rolledBack',
  'deleted',
  'retired',
  'copied',
  'adopted',
  'failedIntents',
  'namedLeftovers',
  'hiddenTwice',
  'graceAnew',
  'contested',
  'runs',
  'overlaps',
  'frozen',
  'deaths',
  'jumps',
  'lostRecords',
  'told',
  'dry',
  'troubles',
  'foreign',
  'ended',
] as const

/** What is known of an application beside what stands in its secrets. */
export interface Ledger {
  /** Tokens that a rotation answers for: it made them and they were in use never, or it replaced them. */
  readonly owed: Set<string>
  /** Tokens that a rotation has put out of use. */
  readonly replaced: Set<string>
  readonly intents: Set<string>
  /** When the rotation was last done or, where the record is new, the time was taken down. */
  rotatedAt: number
  /** When somebody last touched the record. */
  touchedAt: number
  /** By token: in how many lists in a row it was missing by mistake, and by token when it was first listed. */
  readonly misses: Map<string, number>
  readonly sightings: Map<string, number>
}

export function createLedgers(applications: readonly Application[]): Map<Application, Ledger> {
  return new Map(
    applications.map((application) => [
      application,
      {
        owed: new Set(),
        replaced: new Set(),
        intents: new Set(),
        rotatedAt: Number.NEGATIVE_INFINITY,
        touchedAt: Number.NEGATIVE_INFINITY,
        misses: new Map(),
        sightings: new Map(),
      },
    ]),
  )
}

/** The fingerprint of the token that a target's value names. */
export function pickIn({ target }: Secret, value: string | null, application: Application): string | null {
  if (value === null) return null
  const name = target.holds === 'token' ? value : documentOf(value)?.ApiToken
  return application.tokens.find((token) => token.name === name)?.fingerprint ?? null
}

function documentOf(
  value: string | null,
): { readonly ApiToken: string; readonly ApiTokens: readonly string[] } | null {
  try {
    return JSON.parse(value ?? '')
  } catch {
    return null
  }
}

/** The times during which a target named a token, the newest last, and who ended each. */
function intervals(
  secret: Secret,
  name: string,
  application: Application,
): { readonly from: number; readonly to: number; readonly endedBy: Process | null }[] {
  const found: { from: number; to: number; endedBy: Process | null }[] = []
  let from: number | null = null
  for (const { at, value, by } of secret.history) {
    const isNamed = pickIn(secret, value, application) === name
    if (isNamed) from ??= at
    if (!isNamed && from !== null) {
      found.push({ from, to: at, endedBy: by })
      from = null
    }
  }
  if (from !== null) found.push({ from, to: Number.POSITIVE_INFINITY, endedBy: null })
  return found
}

/** Whether somebody may be consumers' token still, as far as any target says. */
export function isInUse(application: Application, name: string): boolean {
  return application.targets.some((secret) => pickIn(secret, secret.value, application) === name)
}

export function createWitness(
  world: World,
  ledgers: ReadonlyMap<Application, Ledger>,
  counts: Counts,
): Witness {
  const { clock, settings } = world
  const demand = (rule: string, fine: boolean, found: () => string): void => {
    if (!fine) world.report(new Violation(`${rule}: ${found()}`))
  }
  const ledgerOf = (application: Application): Ledger => ledgers.get(application) as Ledger
  const isSure = ({ record }: Application): boolean => !record.isContested
  const isUntouched = (application: Application, process: Process): boolean =>
    isSure(application) && ledgerOf(application).touchedAt < process.startedAt
  const tokenOf = ({ tokens }: Application, name: string | null): Token | undefined =>
    tokens.find(({ fingerprint }) => fingerprint === name)
  /** What a rotation may act on is no older than that. */
  const isFresh = (process: Process, at: number): boolean =>
    process.hasSeenJump || clock.now() - at <= freshMs
  const dry = (process: Process, what: string): void =>
    demand('13 dry', !process.work.dryRun, () => `${nameOf(process)} ${what}`)
  const lateOf = (process: Process): number => process.startedAt - lagMs

  return {
    onCreate(process, application) {
      dry(process, 'creates')
      const who = nameOf(process)
      const ledger = ledgerOf(application)
      const record = recordIn(application.record.value)
      const intent = record?.Intent ?? ''
      const stands =
        record?.Phase === 'intent' && record.New === null && intent === `intent ${process.number}`
      demand(
        '4 intent',
        stands || !isUntouched(application, process) || process.hasSeenJump,
        () => `${who} creates, and the record says ${record?.Phase} ${intent}`,
      )
      demand(
        '4 once',
        !ledger.intents.has(intent) || !isUntouched(application, process),
        () => `${who} creates for ${intent} again`,
      )
      ledger.intents.add(intent)
      const names = process.lists.get(application)?.names ?? new Set()
      demand('5 limit', names.size < settings.tokenLimit, () => `${who} creates beside ${names.size}`)
      for (const secret of application.targets) {
        const look = process.seen.get(secret)
        const held =
          secret.target.holds === 'document' ? (documentOf(look?.value ?? null)?.ApiTokens ?? []) : []
        const short = held.filter(
          (name) => !names.has(application.tokens.find((token) => token.name === name)?.fingerprint ?? ''),
        )
        demand('5 short', short.length === 0, () => `${who} creates, and the list lacks ${short}`)
        demand('5 read', look !== undefined && look.value !== null, () => `${who} has not read every target`)
      }
      const request = process.work.kind === 'rotate' ? process.work.request.kind : ''
      const isAsked = request === 'now'
      const { everyDays } = settings
      const age = clock.now() - ledger.rotatedAt
      demand(
        '8 due',
        isAsked ||
          (everyDays !== null && age >= everyDays * 24 * hourMs - freshMs) ||
          !isUntouched(application, process),
        () => `${who} creates ${age / hourMs} h after the last rotation`,
      )
    },

    onCreated(process, application, token) {
      if (isUntouched(application, process)) ledgerOf(application).owed.add(token.fingerprint)
    },

    onRemoval(process, application, token) {
      dry(process, 'deletes')
      const who = `${nameOf(process)} deletes ${token.fingerprint}`
      demand('11 withheld', settings.mayDelete, () => who)
      for (const secret of application.targets) {
        const look = process.seen.get(secret)
        demand('1 look', look !== undefined && isFresh(process, look.at), () => `${who} by an old look`)
      }
      if (isRetire(process)) return
      const ledger = ledgerOf(application)
      demand('2 replaced', ledger.replaced.has(token.fingerprint) || !isSure(application), () => who)
      const record = recordIn(application.record.value)
      const stands = record?.Phase === 'retiring' && record.Old === token.fingerprint
      demand(
        '2 stands',
        stands || !isUntouched(application, process),
        () => `${who}, and the record says ${record?.Phase} ${record?.Old} -> ${record?.New}`,
      )
    },

    onRemoved(process, application, token) {
      const name = token.fingerprint
      const who = `${nameOf(process)} deletes ${name}`
      counts[isRetire(process) ? 'retired' : 'deleted']++
      ledgerOf(application).owed.delete(name)
      for (const secret of application.targets) {
        const lookedAt = process.seen.get(secret)?.at ?? Number.NEGATIVE_INFINITY
        const uri = secret.target.uri
        for (const { from, to, endedBy } of intervals(secret, name, application)) {
          if (from > lookedAt) continue
          demand('1 in use', to < Number.POSITIVE_INFINITY, () => `${who}, which ${uri} names`)
          if (isRetire(process) || to <= clock.now() - settings.graceHours * hourMs + slackMs) continue
          const isKnown =
            endedBy?.work.kind === 'rotate' ||
            secret.looks.some(({ at, by }) => at >= from && at < to && hasNoted(by, application))
          const ago = (clock.now() - to) / hourMs
          demand('1 grace', !isKnown, () => `${who}, which ${uri} named ${ago} h ago`)
        }
      }
    },

    onLimits: (process) => dry(process, 'sets limits'),

    onTarget(process, application, secret, value) {
      dry(process, `writes ${secret.target.uri}`)
      const pick = pickIn(secret, value, application)
      const before = pickIn(secret, secret.value, application)
      const ledger = ledgerOf(application)
      if (pick !== null) ledger.owed.delete(pick)
      if (process.work.kind !== 'rotate' || pick === before) return
      const who = `${nameOf(process)} moves ${secret.target.uri} from ${before} to ${pick}`
      const record = recordIn(application.record.value)
      const isForward = record?.Phase === 'warming' && record.Doing === 'promote' && record.New === pick
      const isBack = record?.Doing === 'rollback' && record.Old === pick
      if (isBack) counts.rolledBack++
      // Within one write of a store that cannot compare, nobody asks again.
      const stoodInWrite = !secret.compares && process.frozenMs > 0
      demand(
        '6 moves',
        isForward || isBack || !isUntouched(application, process) || stoodInWrite,
        () =>
          `${who}, and the record says ${record?.Phase} ${record?.Old} -> ${record?.New} ${record?.Doing}`,
      )
      const token = tokenOf(application, pick)
      if (!isForward || !token) return
      counts.promoted++
      const age = clock.now() - token.born
      const { warmSeconds, settleSeconds } = settings
      demand('3 warm', age >= warmSeconds * 1000 - slackMs, () => `${who} after ${age} ms`)
      const seenFor = clock.now() - (ledger.sightings.get(token.fingerprint) ?? clock.now())
      const waitMs = Math.max(warmSeconds, settleSeconds) * 1000
      demand('3 settle', seenFor >= waitMs - slackMs, () => `${who}, listed for ${seenFor} ms`)
      const limits = [...token.infos, ...token.quotas].filter(({ by }) => by?.work.kind === 'rotate')
      const limited = Math.max(...limits.map(({ at }) => at))
      demand('3 limited', clock.now() - limited >= waitMs - freshMs, () => `${who}, limited at ${limited}`)
      for (const { target, value: held } of application.targets) {
        const isHeld = target.holds === 'token' || documentOf(held)?.ApiTokens.includes(token.name)
        const look = process.seen.get(secret)
        demand('3 held', isHeld || look === undefined, () => `${who}, and ${target.uri} lacks it`)
      }
      const old = tokenOf(application, record?.Old ?? null)
      if (old) {
        const [info, own] = [old, token].map(({ infos }) => steady(infos, lateOf(process)))
        demand(
          '7 info',
          info === undefined || own === undefined || same(info, own),
          () => `${who}: ${info}, ${own}`,
        )
        const [quota, ownQuota] = [old, token].map(({ quotas }) => steady(quotas, lateOf(process)))
        const isSame = quota === undefined || ownQuota === undefined || quota === null || quota === ownQuota
        demand('7 quota', isSame, () => `${who}: ${quota}, ${ownQuota}`)
      }
    },

    onRecord(process, application, value) {
      dry(process, 'writes a record')
      const who = nameOf(process)
      demand('13 secret', !value.includes('canary'), () => `${who} writes ${value}`)
      const [before, after] = [recordIn(application.record.value), recordIn(value)]
      const ledger = ledgerOf(application)
      demand('10 form', after !== null, () => `${who} writes ${value}`)
      if (!after) return
      // Its times are from when the run looked.
      if (before === null) ledger.rotatedAt = process.startedAt
      if (after.Phase === 'promoted' && before?.Phase === 'warming') {
        ledger.rotatedAt = process.startedAt
        if (after.Old !== null) {
          ledger.replaced.add(after.Old)
          ledger.owed.add(after.Old)
        }
        for (const secret of application.targets) {
          const named = intervals(secret, after.New ?? '', application)
          const isMoved = named.some(({ to }) => to >= process.startedAt)
          demand('10 promoted', isMoved, () => `${who}, and ${secret.target.uri} never named ${after.New}`)
        }
      }
      const isByItself = process.work.kind === 'rotate' && process.work.request.kind === 'next'
      const isStart = before === null && after.Phase === 'intent'
      demand(
        '10 none',
        !isStart || !isByItself || !isUntouched(application, process),
        () => `${who} begins a rotation without a record`,
      )
      if (before?.Phase === 'promoted' && after.Phase === 'promoted') counts.graceAnew++
      if (before?.Phase === 'intent' && after.Phase === 'idle') counts.failedIntents++
      if (before?.Phase === 'intent' && after.Phase === 'warming' && before.New === null) {
        counts.adopted++
      }
    },

    onList(process, application, { names }) {
      if (process.work.kind !== 'rotate' || process.work.dryRun) return
      const ledger = ledgerOf(application)
      for (const token of application.tokens) {
        const name = token.fingerprint
        if (names.has(name)) {
          if (!ledger.sightings.has(name)) ledger.sightings.set(name, clock.now())
        } else if (token.born < clock.now() - lagMs && isAlive(token, clock.now())) {
          const misses = (ledger.misses.get(name) ?? 0) + 1
          ledger.misses.set(name, misses)
          if (misses > 1 && ledger.owed.delete(name)) counts.hiddenTwice++
        }
      }
    },

    onEnd(process) {
      const text = `${JSON.stringify(process.rotated)} ${process.error?.message}`
      demand('13 secret', process.work.kind !== 'rotate' || !text.includes('canary'), () => text)
      if (!process.rotated || process.work.kind !== 'rotate') return
      if (process.work.dryRun) counts.dry++
      for (const result of process.rotated.Results) {
        const application = world.applications.find(({ subAppId }) => subAppId === result.SubAppId)
        if (!application || !isUntouched(application, process)) continue
        const who = `${nameOf(process)} says ${result.Outcome} ${result.Step}`
        const stood = stoodDuring(application.record, process.startedAt).map(recordIn)
        const isTrue = stood.some(
          (record) =>
            (record?.Phase ?? null) === result.Phase &&
            (record?.Old ?? null) === result.Old &&
            (record?.New ?? null) === result.New,
        )
        const isFailed = result.Outcome === 'failed'
        demand('12 record', isTrue || isFailed, () => `${who}: ${JSON.stringify(result)}`)
        if (result.Outcome === 'advanced') tookEffect(process, application, result, who)
        if (isFailed || process.work.dryRun) continue
        turnsBack(process, application, result, stood, who)
        // What other runs saw is in no record.
        if (process.work.request.kind === 'next')
          for (const name of process.lists.get(application)?.names ?? [])
            ledgerOf(application).misses.delete(name)
        namesOwed(process, application, who)
      }
    },
  }

  function tookEffect(
    process: Process,
    application: Application,
    { Step, Phase, Old, New, Reason }: NonNullable<Process['rotated']>['Results'][number],
    who: string,
  ): void {
    if (Step === 'create') {
      const made = tokenOf(application, New)?.maker === process
      demand('12 created', made, () => `${who}, and ${New} is not of it`)
      counts.created++
    }
    if (Step === 'promote' && Phase === 'promoted')
      for (const secret of application.targets) {
        const isMoved = intervals(secret, New ?? '', application).some(({ to }) => to >= process.startedAt)
        demand('12 promoted', isMoved, () => `${who}, and ${secret.target.uri} does not name ${New}`)
      }
    if (Step === 'copy') {
      counts.copied++
      const pair = [tokenOf(application, Old), tokenOf(application, New)]
      const [info, own] = pair.map((token) => token && steady(token.infos, lateOf(process), process))
      const isSame = info === undefined || own === undefined || same(info, own)
      demand('12 copied', isSame, () => `${who}: ${info}, ${own}`)
    }
    if (Step === 'delete') {
      const name = Reason.slice(0, 16)
      const token = tokenOf(application, name)
      demand('12 deleted', token !== undefined && token.died <= clock.now(), () => `${who}: ${Reason}`)
    }
  }

  /** Whoever asks for an end or for the way back gets it in that run, wherever it can be had. */
  function turnsBack(
    process: Process,
    application: Application,
    { Outcome, Phase }: NonNullable<Process['rotated']>['Results'][number],
    stood: readonly (Record | null)[],
    who: string,
  ): void {
    const asked = process.work.kind === 'rotate' && process.work.request.kind
    // Of a record that is lost or spoilt nothing is known.
    if (Phase === null || (asked !== 'abort' && asked !== 'rollback')) return
    const isDone = Outcome === 'advanced'
    if (asked === 'abort') {
      const isOpen = stood.every((record) => {
        const isMoving = record?.Phase === 'warming' && record.Doing === 'promote'
        return record && record.Phase !== 'idle' && !isMoving
      })
      const isEnding = stood.some((record) => record?.Phase === 'idle' || record?.Doing === 'abort')
      demand('15 abort', isDone ? isEnding : !isOpen, () => `${who} to an abort`)
      return
    }
    const names = process.lists.get(application)?.names
    const hasWay = (old: string): boolean => {
      const token = tokenOf(application, old)?.name ?? ''
      const holds = (value: string | null): boolean => documentOf(value)?.ApiTokens.includes(token) === true
      const documents = application.targets.filter(({ target }) => target.holds === 'document')
      const values = documents.flatMap((secret) => stoodDuring(secret, process.startedAt))
      return names?.has(old) === true && !process.exclude.has(old) && values.every(holds)
    }
    const isOpen = stood.every(
      (record) =>
        record &&
        ['promoted', 'retiring'].includes(record.Phase) &&
        record.Doing !== 'delete' &&
        hasWay(record.Old ?? ''),
    )
    const isBack = stood.some((record) => {
      const old = record?.Old
      const named = application.targets.map((secret) => intervals(secret, old ?? '', application))
      return old && named.every((times) => times.some(({ to }) => to >= process.startedAt))
    })
    demand('15 back', isDone ? isBack : !isOpen, () => `${who} to a rollback`)
  }

  /** What a rotation has to answer for is named in the record, and so in every report. */
  function namesOwed(process: Process, application: Application, who: string): void {
    const record = recordIn(application.record.value)
    const { owed } = ledgerOf(application)
    const named = new Set([
      record?.Old,
      record?.New,
      ...(record?.Leftovers ?? []).map(({ Fingerprint }) => Fingerprint),
    ])
    for (const name of owed) {
      const token = tokenOf(application, name)
      if (!token || token.died <= clock.now()) {
        owed.delete(name)
        continue
      }
      if (named.has(name)) {
        if (record?.Phase === 'idle') counts.namedLeftovers++
        continue
      }
      const isOpen = record?.Phase === 'intent' && !record.Baseline.includes(name)
      const isNew = token.born > lateOf(process)
      demand(
        '9 named',
        isOpen || isNew || isInUse(application, name),
        () => `${who}, and nothing names ${name}`,
      )
    }
  }
}

/** Whether somebody asks for one deletion, and answers for it. */
function isRetire({ work }: Process): boolean {
  return work.kind === 'rotate' && work.request.kind === 'retire'
}

/** Whether a run, by schedule, has come to its end with what it saw of an application. */
function hasNoted({ work, state, rotated, startedAt }: Process, { subAppId, record }: Application): boolean {
  if (state !== 'ended' || work.kind !== 'rotate' || work.dryRun || work.request.kind !== 'next') return false
  const result = rotated?.Results.find(({ SubAppId }) => SubAppId === subAppId)
  if (!result || result.Outcome === 'failed') return false
  // One that looked while consumers were not moved yet has seen nothing that should not be.
  return stoodDuring(record, startedAt).every((value) =>
    ['promoted', 'retiring'].includes(recordIn(value)?.Phase ?? ''),
  )
}

/** The values that a secret has had since then, the one at that moment too. */
function stoodDuring({ history }: Secret, since: number): (string | null)[] {
  const before = history.findLast(({ at }) => at < since)
  return [...(before ? [before] : []), ...history.filter(({ at }) => at >= since)].map(({ value }) => value)
}

/** The newest value, unless somebody has set it since then; what a rotation has set counts. */
function steady<T>(
  values: readonly { readonly at: number; readonly value: T; readonly by: Process | null }[],
  since: number,
  except: Process | null = null,
): T | undefined {
  const newest = values.at(-1)
  const isRecent = values.some(({ at, by }, index) => index > 0 && at >= since && by !== except)
  return isRecent ? undefined : newest?.value
}

/** Whether two texts say the same, in whatever order. */
function same(one: string, other: string): boolean {
  const sorted = (text: string): string => JSON.stringify(Object.entries(JSON.parse(text || '{}')).sort())
  return sorted(one) === sorted(other)
}

/** Somebody takes a record away, or damages it. */
export function touchRecord(
  world: World,
  application: Application,
  ledger: Ledger,
  value: string | null,
): void {
  put(world, application.record, value, null)
  ledger.touchedAt = world.clock.now()
  ledger.owed.clear()
}

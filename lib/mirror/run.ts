/**
 * One run of the mirror: read the lists and the targets, plan, write, report. Every application and every
 * target stands on its own. Knows the store interface, not the kinds.
 */
import type { Config } from '../config.ts'
import { fingerprint } from '../digest.ts'
import { CodedError } from '../errors.ts'
import { documentHeld, judgeReading, judgeToken } from '../stores/document.ts'
import { isOvertaken, type Reading, type Store, type Target } from '../stores/store.ts'
import type { Mirror } from '../stores/target.ts'
import type { Site } from '../tencent/sites.ts'
import type { ListTokens } from '../tencent/vod.ts'
import { type Time, takeStep } from '../time.ts'
import { type Plan, planTarget, preferTokens } from './plan.ts'
import {
  type ApplicationState,
  type Look,
  lookOf,
  MirrorError,
  type MirrorReport,
  missing,
  type Outcome,
  preview,
  report,
  type Seen,
  type TargetState,
} from './report.ts'

export interface MirrorRequest {
  readonly mirrors: readonly Mirror[]
  /** Plan only: no writes, no waiting. */
  readonly dryRun: boolean
  /** The digest of a plan that somebody looked at: exactly that plan is applied, at once. */
  readonly confirm: string | null
  /** The fingerprint of the token that consumers are to use from now on: the pick is moved to it, in every target. */
  readonly promote: string | null
  /** When the function is stopped, on `Time.monotonic`. */
  readonly deadline: number
}

export interface MirrorDependencies extends Pick<Time, 'monotonic' | 'sleep' | 'after'> {
  readonly list: ListTokens
  openStore(target: Target): Store
}

/** How many applications are worked on at the same time: as many as Tencent may be asked for in a second. */
const concurrency = 20

interface Run {
  readonly request: MirrorRequest
  readonly settings: Pick<
    Config,
    'site' | 'settleSeconds' | 'minKeep' | 'timeoutMs' | 'exclude' | 'tokenLimit'
  >
  readonly deps: MirrorDependencies
}

interface Application extends ApplicationState {
  readonly site: Site
  listed: ReadonlySet<string> | null
  excluded: readonly string[]
  /** The token that somebody wants consumers to use. */
  promoted: string | null
  /** Every token that Tencent listed or a document held, as far as this run has seen. */
  readonly known: Set<string>
  /** What the lists on both sides of the wait have, together; `null` before the second one. */
  listedEver: ReadonlySet<string> | null
  readonly targets: readonly Changing[]
}

interface Changing extends TargetState {
  readonly target: Target
  readonly store: Store
  seen: Seen | null
  before: readonly string[]
  plan: Plan | null
  outcome: Outcome | null
  reason: string | null
  credentials: string
}

/** A target that was read. */
type Read = Changing & { readonly seen: Seen }

/**
 * Runs the mirror and reports; `reportError` says whether the report is good news.
 * Throws `MirrorError` having written nothing: `PlanChanged` when `confirm` names another plan, `PromotionRefused` when
 * `promote` names a token to which the pick cannot be moved in every target.
 */
export async function runMirror(
  request: MirrorRequest,
  settings: Run['settings'],
  deps: MirrorDependencies,
): Promise<MirrorReport> {
  const run: Run = { request, settings, deps }
  const applications = await forEachLimited(request.mirrors, (mirror) => observe(run, mirror))
  if (request.promote !== null)
    for (const application of applications) choose(run, application, request.promote)
  const notes = noteAll(run, applications)
  if (request.dryRun) return preview(applications, notes)
  if (request.confirm !== null) {
    const current = preview(applications, notes)
    if (request.confirm !== current.Digest)
      throw new MirrorError(
        'PlanChanged',
        'Confirming a plan: the tokens or the targets have changed since, so nothing was written; ' +
          'look at the new plan with {"DryRun":true} and confirm its Digest',
        current,
      )
  }
  const apply = request.promote === null ? applyAll : applyInTurn
  await forEachLimited(applications, (application) => apply(run, application))
  // Somebody waits for the answer to what they do by hand.
  if (request.confirm === null && request.promote === null) await settleRemovals(run, applications)
  // What was written is a new look at its target; the report names what is still to be done.
  for (const application of applications) planAll(run, application)
  for (const { targets } of applications) for (const state of targets.filter(isOpen)) failLagging(state)
  return report(applications, notes)
}

/** What an application's targets hold now. `deadline` is on `Time.monotonic`. Never throws; of what fails, each look says why. */
export async function lookAtTargets(
  mirror: Mirror,
  deadline: number,
  settings: Run['settings'],
  deps: MirrorDependencies,
): Promise<readonly Look[]> {
  const request = { mirrors: [mirror], dryRun: true, confirm: null, promote: null, deadline }
  const { targets } = await observe({ request, settings, deps }, mirror)
  return targets.map(lookOf)
}

/** Reads an application's list and then its targets, and plans them. */
async function observe(run: Run, { subAppId, targets }: Mirror): Promise<Application> {
  const application: Application = {
    subAppId,
    site: run.settings.site,
    listed: null,
    excluded: [],
    listedEver: null,
    promoted: null,
    known: new Set(),
    targets: targets.map((target) => ({
      target,
      store: run.deps.openStore(target),
      seen: null,
      before: [],
      plan: null,
      outcome: null,
      reason: null,
      credentials: '',
    })),
  }
  if (await readList(run, application)) {
    await Promise.all(application.targets.map((state) => readTarget(run, application, state)))
    // Which tokens are known is told by all documents together.
    for (const state of tokenTargets(application))
      if (state.seen) see(run, application, state, state.seen.reading)
    for (const state of application.targets) state.before = tokensHeld(state)
    if (!documentTargets(application).some(isRead))
      for (const state of tokenTargets(application).filter(isOpen)) fail(state, notFollowed(application))
    planAll(run, application)
  }
  return application
}

/** Asks for the newest list. When that fails, so do the application's targets. */
async function readList(run: Run, application: Application): Promise<boolean> {
  try {
    const { subAppId } = application
    const listed = await step(run, 'Listing the tokens', (deadline) => run.deps.list(subAppId, deadline))
    for (const token of listed.apiTokens) application.known.add(token)
    application.listed = new Set(listed.apiTokens.filter((token) => !isExcluded(run, token)))
    application.excluded = [...new Set(listed.apiTokens)].filter((token) => isExcluded(run, token))
    return true
  } catch (error) {
    for (const state of application.targets.filter((state) => !isClosed(state))) fail(state, error)
    return false
  }
}

async function readTarget(run: Run, application: Application, state: Changing): Promise<void> {
  try {
    const attempt = `Reading ${state.target.uri}`
    see(run, application, state, await step(run, attempt, (deadline) => state.store.read(deadline)))
  } catch (error) {
    fail(state, error)
  }
}

function see(run: Run, application: Application, state: Changing, reading: Reading): void {
  const { target, store } = state
  if (target.holds === 'token') {
    const known = (token: string): boolean => application.known.has(token) || isExcluded(run, token)
    const judged = judgeToken({ application, target, reading, known, hasMark: store.hasMark })
    state.seen = { reading, judged }
    return
  }
  const judged = judgeReading({ application, target, reading })
  state.seen = { reading, judged }
  for (const token of documentHeld(judged)?.ApiTokens ?? []) application.known.add(token)
}

/** The targets that hold the document: the memory of an application. */
function documentTargets({ targets }: Application): readonly Changing[] {
  return targets.filter(({ target }) => target.holds === 'document')
}

/** The targets that hold the token to use alone. */
function tokenTargets({ targets }: Application): readonly Changing[] {
  return targets.filter(({ target }) => target.holds === 'token')
}

/** Plans every target of an application that was read, all on the same knowledge. */
function planAll(run: Run, application: Application): void {
  for (const state of application.targets.filter(isRead)) planOne(run, application, state)
}

function planOne(run: Run, application: Application, state: Read): void {
  const { listed, excluded, listedEver, promoted } = application
  const documents = documentTargets(application)
  if (!listed) return
  const pointing = [...documents, ...tokenTargets(application)]
  const preferred = preferTokens(
    pointing.map(({ seen }) => seen && documentHeld(seen.judged)),
    documents.flatMap(({ before }) => before),
    listed,
  )
  const { target, store } = state
  const memory = target.holds === 'token' ? documents : [state]
  state.plan = planTarget({
    holds: target.holds,
    application,
    ...state.seen,
    listed,
    excluded: excluded.length,
    isExcluded: (token) => isExcluded(run, token),
    settledAbsences: new Set(listedEver ? leaving(application, missing(state.before, listedEver)) : []),
    preferred: promoted === null ? preferred : [promoted, ...preferred],
    mostBytes: store.mostBytes,
    hasMark: store.hasMark,
    guard: { minKeep: run.settings.minKeep, before: longest(memory.map(({ before }) => before)) },
  })
}

/**
 * Of tokens whose absence is settled, those that no target holds alone, as far as is known: there a document is the only memory
 * that they were ours.
 */
function leaving(application: Application, absences: readonly string[]): readonly string[] {
  const followers = tokenTargets(application)
  if (followers.some(({ seen }) => seen === null)) return []
  return absences.filter(
    (token) => !followers.some(({ seen }) => seen && documentHeld(seen.judged)?.ApiToken === token),
  )
}

function longest(lists: readonly (readonly string[])[]): readonly string[] {
  return lists.reduce((most, list) => (list.length > most.length ? list : most), [])
}

function isExcluded({ settings: { exclude } }: Run, token: string): boolean {
  return exclude.size > 0 && exclude.has(fingerprint(token))
}

/** Plans anew, with the pick moved to one token. Throws `MirrorError` when that cannot be done in every target. */
function choose(run: Run, application: Application, name: string): void {
  const refused = refusePromotion(application, name)
  if (refused !== null)
    throw new MirrorError(
      'PromotionRefused',
      `Promoting ${name}: ${refused}; nothing was written`,
      preview([application], []),
    )
  application.promoted = [...(application.listed ?? [])].find((token) => fingerprint(token) === name) ?? null
  planAll(run, application)
}

/** Why the pick cannot be moved to the token of this fingerprint, if so. */
function refusePromotion(application: Application, name: string): string | null {
  const { listed, excluded, targets } = application
  const bad = targets.find(({ plan }) => plan?.kind !== 'writable' || plan.doubt !== null)
  if (bad) {
    const { plan, reason } = bad
    const why = plan === null ? reason : plan.kind === 'refused' ? plan.reason : plan.doubt
    return `every target must be one that can be written, and ${bad.target.uri} is not: ${why}`
  }
  if (excluded.some((token) => fingerprint(token) === name)) return 'AIGC_EXCLUDE names it'
  const documents = documentTargets(application)
  const isHeldByAll = (token: string): boolean =>
    documents.every((state) => tokensHeld(state).includes(token))
  const names = [...(listed ?? [])].filter(isHeldByAll).map(fingerprint).sort()
  if (names.includes(name)) return null
  const isListed = [...(listed ?? [])].some((token) => fingerprint(token) === name)
  return (
    (isListed
      ? 'a target does not hold it yet; the next run writes it there, then promote it'
      : 'Tencent lists no such token') +
    `; to be promoted are ${names.length === 0 ? 'none' : names.join(', ')}`
  )
}

/** What a run has to say that makes no target go wrong. */
function noteAll({ settings }: Run, applications: readonly Application[]): string[] {
  const crowded = applications.flatMap(({ subAppId, listed, excluded }) => {
    const count = (listed?.size ?? 0) + excluded.length
    if (count <= settings.tokenLimit) return []
    const whose = subAppId === null ? 'Tencent lists' : `application ${subAppId} has`
    return [
      `${whose} ${count} tokens, more than AIGC_TOKEN_LIMIT (${settings.tokenLimit}); ` +
        'Tencent makes no more than 50: delete those that nobody uses',
    ]
  })
  // What was not read may well be where it is.
  const isAllKnown = applications.every(({ listed, targets }) => listed && targets.every(isRead))
  const known = applications.flatMap(({ excluded, targets }) => [
    ...excluded,
    ...targets.flatMap(({ before }) => before),
    ...targets.flatMap(({ seen }) => (seen?.reading.state === 'value' ? [seen.reading.value] : [])),
  ])
  const names = new Set(settings.exclude.size > 0 ? known.map(fingerprint) : [])
  const unknown = [...settings.exclude].filter((name) => !names.has(name))
  if (!isAllKnown || unknown.length === 0) return crowded
  return [
    ...crowded,
    `AIGC_EXCLUDE names ${unknown.join(', ')}, which this run found nowhere; where that is so in all applications, ` +
      'take it out of the setting',
  ]
}

/** Carries out the plans of an application's open targets. */
async function applyAll(run: Run, application: Application): Promise<void> {
  const apply = (state: Read): Promise<void> => applyTarget(run, application, state)
  await Promise.all(documentTargets(application).filter(isOpen).map(apply))
  const followers = tokenTargets(application).filter(isOpen)
  // A document that was overtaken may point elsewhere by now. What was confirmed is applied as it was.
  if (run.request.confirm === null) for (const state of followers) planOne(run, application, state)
  await Promise.all(followers.map(apply))
}

/**
 * The same, one after the other, and none where the first fails. Later runs follow the pick of the first target that they
 * can read: so a promotion either holds, and they carry it on, or it has moved nothing.
 */
async function applyInTurn(run: Run, application: Application): Promise<void> {
  const [first, ...others] = [...documentTargets(application), ...tokenTargets(application)].filter(isOpen)
  if (!first) return
  await applyTarget(run, application, first)
  for (const state of others) {
    if (isOpen(first)) await applyTarget(run, application, state)
    else fail(state, notReached(first))
  }
}

function notReached({ target: { uri } }: TargetState): Error {
  return new CodedError(
    'NotPromoted',
    `left as it is, because ${uri} stands before it and was not written; try again`,
  )
}

async function applyTarget(run: Run, application: Application, state: Read): Promise<void> {
  if ((await applyOne(run, application, state)) !== 'overtaken') return
  if (run.request.confirm !== null) {
    fail(state, overtakenConfirmed(state))
    return
  }
  // The list and what is settled of it are as good as before; what the target holds is new.
  await readTarget(run, application, state)
  if (!isOpen(state)) return
  planOne(run, application, state)
  if ((await applyOne(run, application, state)) === 'overtaken') fail(state, overtakenTwice(state))
}

/** Carries a plan out, unless somebody else has written the target since it was read: then nothing is known of it yet. */
async function applyOne(run: Run, application: Application, state: Read): Promise<'done' | 'overtaken'> {
  const { plan, store, seen, target } = state
  const byHand = run.request.confirm !== null
  if (!plan) return 'done'
  if (plan.kind === 'refused') {
    state.outcome = 'refused'
    state.reason = plan.reason
    return 'done'
  }
  const isHeld = !byHand && plan.doubt !== null
  const document = byHand ? plan.confirmed : isHeld ? plan.meanwhile : plan.scheduled
  const hold = (): 'done' => {
    state.outcome = 'held'
    state.reason = plan.doubt
    return 'done'
  }
  if (document === null) {
    if (plan.doubt !== null) return hold()
    state.outcome ??= 'unchanged'
    state.reason ??= plan.note
    return 'done'
  }
  if (target.holds === 'token' && !isPointedTo(application, document)) {
    fail(state, notFollowed(application))
    return 'done'
  }
  try {
    await step(run, `Writing ${target.uri}`, (deadline) => store.write(document, seen.reading, deadline))
  } catch (error) {
    if (isOvertaken(error)) return 'overtaken'
    fail(state, error)
    return 'done'
  }
  const { reading } = seen
  const lagging = reading.state === 'value' ? reading.lagging : undefined
  see(run, application, state, { state: 'value', marked: true, value: document, ...(lagging && { lagging }) })
  if (isHeld) return hold()
  state.reason ??= plan.note
  if (state.outcome !== 'created') state.outcome = reading.state === 'value' ? 'updated' : 'created'
  return 'done'
}

/** Whether a document that consumers can read names a token: only then may a target hold that alone, or nobody remembers it. */
function isPointedTo(application: Application, token: string): boolean {
  return documentTargets(application).some(
    ({ seen }) => seen && documentHeld(seen.judged)?.ApiToken === token,
  )
}

function notFollowed(application: Application): Error {
  const [first] = documentTargets(application)
  return new CodedError(
    'NotFollowed',
    `left as it is, because no target that holds the document could be brought in step before it, such as ${first?.target.uri}`,
  )
}

function overtakenTwice({ target: { uri } }: TargetState): Error {
  return new CodedError(
    'Overtaken',
    `Writing ${uri}: somebody else changed it since it was read, and again when this run had planned anew; ` +
      'the next run tries again; if it stays, find out who else writes it',
  )
}

function overtakenConfirmed({ target: { uri } }: TargetState): Error {
  return new CodedError(
    'Overtaken',
    `Confirming a plan: somebody else changed ${uri} meanwhile, and their value was left there; ` +
      'look at the new plan with {"DryRun":true} and confirm its Digest',
  )
}

/** Waits until absences can be believed, reads everything again and takes out what both lists lack. */
async function settleRemovals(run: Run, applications: readonly Application[]): Promise<void> {
  const { deps, request, settings } = run
  const leaving = applications.filter((application) =>
    documentTargets(application)
      .filter(isOpen)
      .some((state) => application.listed && absent(run, state, application.listed).length > 0),
  )
  if (leaving.length === 0) return
  const waitMs = settings.settleSeconds * 1000
  const lackingMs = deps.monotonic() + waitMs + settings.timeoutMs - request.deadline
  if (lackingMs > 0) {
    for (const application of leaving) defer(run, application, lackingMs)
    return
  }
  await deps.sleep(waitMs)
  await forEachLimited(leaving, async (application) => {
    const earlier = application.listed ?? new Set()
    if (!(await readList(run, application))) return
    application.listedEver = new Set([...earlier, ...(application.listed ?? [])])
    await Promise.all(application.targets.filter(isOpen).map((state) => readTarget(run, application, state)))
    planAll(run, application)
    await applyAll(run, application)
  })
}

function defer(run: Run, application: Application, lackingMs: number): void {
  const { settleSeconds } = run.settings
  for (const state of documentTargets(application).filter(isOpen)) {
    const names = absent(run, state, application.listed ?? new Set()).map(fingerprint)
    if (names.length === 0) continue
    state.outcome = 'deferred'
    state.reason =
      `the absence of ${names.join(', ')} must be seen again after AIGC_SETTLE_SECONDS (${settleSeconds}), ` +
      `for which the function's time limit is ${Math.ceil(lackingMs / 1000)} s too short; ` +
      'raise the time limit or lower AIGC_SETTLE_SECONDS'
  }
}

/** What a target held when the run began and the list lacks; excluded tokens need no second look. */
function absent(run: Run, { before }: TargetState, listed: ReadonlySet<string>): readonly string[] {
  return missing(before, listed).filter((token) => !isExcluded(run, token))
}

/** The tokens that count as held by a target. */
function tokensHeld({ seen }: TargetState): readonly string[] {
  return (seen && documentHeld(seen.judged)?.ApiTokens) ?? []
}

function isRead(state: Changing): state is Read {
  return state.seen !== null
}

/** Whether there may still be something to do for a target. */
function isOpen(state: Changing): state is Read {
  return isRead(state) && !isClosed(state)
}

function isClosed({ outcome }: TargetState): boolean {
  return outcome === 'failed' || outcome === 'held' || outcome === 'refused'
}

function fail(state: Changing, error: unknown): void {
  state.outcome = 'failed'
  state.credentials = error instanceof CodedError ? error.credentials : ''
  state.reason =
    error instanceof CodedError ? error.brief : error instanceof Error ? error.message : String(error)
}

/** Somebody reads the copy that does not follow, so a target that has one is not in step, whatever was written. */
function failLagging(state: Read): void {
  const { reading } = state.seen
  if (reading.state === 'value' && reading.lagging && state.outcome !== 'deferred')
    fail(state, new Error(reading.lagging))
}

function step<T>(
  { request, settings, deps }: Run,
  attempt: string,
  work: (deadline: number) => Promise<T>,
): Promise<T> {
  return takeStep(deps, { timeoutMs: settings.timeoutMs, deadline: request.deadline, attempt }, work)
}

/** `Promise.all` over `items` with at most {@link concurrency} under way; results keep their order. */
async function forEachLimited<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const queue = [...items.entries()]
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) results[next[0]] = await work(next[1])
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return results
}

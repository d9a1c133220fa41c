/**
 * One run of the mirror: read the lists and the targets, plan, write, report. Every application and every
 * target stands on its own. Knows the store interface, not the kinds.
 */
import type { Config } from '../config.ts'
import { fingerprint } from '../digest.ts'
import { CodedError } from '../errors.ts'
import { documentHeld, judgeReading } from '../stores/document.ts'
import { isOvertaken, type Reading, type Store, type Target } from '../stores/store.ts'
import type { Mirror } from '../stores/target.ts'
import type { Site } from '../tencent/sites.ts'
import type { ListTokens } from '../tencent/vod.ts'
import { graceMs, type Time, within } from '../time.ts'
import { type Plan, planTarget, preferTokens } from './plan.ts'
import {
  type ApplicationState,
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
  readonly settings: Pick<Config, 'site' | 'settleSeconds' | 'minKeep' | 'timeoutMs'>
  readonly deps: MirrorDependencies
}

interface Application extends ApplicationState {
  readonly site: Site
  listed: ReadonlySet<string> | null
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
 * Throws `MirrorError` with code `PlanChanged`, having written nothing, when `confirm` names another plan.
 */
export async function runMirror(
  request: MirrorRequest,
  settings: Run['settings'],
  deps: MirrorDependencies,
): Promise<MirrorReport> {
  const run: Run = { request, settings, deps }
  const applications = await forEachLimited(request.mirrors, (mirror) => observe(run, mirror))
  if (request.dryRun) return preview(applications)
  if (request.confirm !== null) {
    const current = preview(applications)
    if (request.confirm !== current.Digest)
      throw new MirrorError(
        'PlanChanged',
        'Confirming a plan: the tokens or the targets have changed since, so nothing was written; ' +
          'look at the new plan with {"DryRun":true} and confirm its Digest',
        current,
      )
  }
  await forEachLimited(applications, (application) => applyAll(run, application))
  if (request.confirm === null) await settleRemovals(run, applications)
  // What was written is a new look at its target; the report names what is still to be done.
  for (const application of applications) planAll(run, application)
  return report(applications)
}

/** Reads an application's list and then its targets, and plans them. */
async function observe(run: Run, { subAppId, targets }: Mirror): Promise<Application> {
  const application: Application = {
    subAppId,
    site: run.settings.site,
    listed: null,
    listedEver: null,
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
    await Promise.all(
      application.targets.map(async (state) => {
        await readTarget(run, application, state)
        state.before = tokensHeld(state)
      }),
    )
    planAll(run, application)
  }
  return application
}

/** Asks for the newest list. When that fails, so do the application's targets. */
async function readList(run: Run, application: Application): Promise<boolean> {
  try {
    const { subAppId } = application
    const listed = await step(run, 'Listing the tokens', (deadline) => run.deps.list(subAppId, deadline))
    application.listed = new Set(listed.apiTokens)
    return true
  } catch (error) {
    for (const state of application.targets.filter((state) => !isClosed(state))) fail(state, error)
    return false
  }
}

async function readTarget(run: Run, application: Application, state: Changing): Promise<void> {
  try {
    const attempt = `Reading ${state.target.uri}`
    see(application, state, await step(run, attempt, (deadline) => state.store.read(deadline)))
  } catch (error) {
    fail(state, error)
  }
}

function see(application: Application, state: Changing, reading: Reading): void {
  state.seen = { reading, judged: judgeReading({ application, target: state.target, reading }) }
}

/** Plans every target of an application that was read, all on the same knowledge. */
function planAll(run: Run, application: Application): void {
  for (const state of application.targets.filter(isRead)) planOne(run, application, state)
}

function planOne(run: Run, application: Application, state: Read): void {
  const { listed, listedEver, targets } = application
  if (!listed) return
  state.plan = planTarget({
    application,
    ...state.seen,
    listed,
    settledAbsences: new Set(listedEver ? missing(state.before, listedEver) : []),
    preferred: preferTokens(
      targets.map(({ seen }) => seen && documentHeld(seen.judged)),
      targets.flatMap(({ before }) => before),
      listed,
    ),
    mostBytes: state.store.mostBytes,
    guard: { minKeep: run.settings.minKeep, size: state.before.length },
  })
}

/** Carries out the plans of an application's open targets. */
async function applyAll(run: Run, application: Application): Promise<void> {
  await Promise.all(
    application.targets.filter(isOpen).map(async (state) => {
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
    }),
  )
}

/** Carries a plan out, unless somebody else has written the target since it was read: then nothing is known of it yet. */
async function applyOne(run: Run, application: Application, state: Read): Promise<'done' | 'overtaken'> {
  const { plan, store, seen, target } = state
  const byHand = run.request.confirm !== null
  if (!plan) return 'done'
  if (plan.kind === 'refused' || (plan.doubt !== null && !byHand)) {
    state.outcome = plan.kind === 'refused' ? 'refused' : 'held'
    state.reason = plan.kind === 'refused' ? plan.reason : plan.doubt
    return 'done'
  }
  const document = byHand ? plan.confirmed : plan.scheduled
  if (document === null) {
    state.outcome ??= 'unchanged'
    return 'done'
  }
  try {
    await step(run, `Writing ${target.uri}`, (deadline) => store.write(document, seen.reading, deadline))
  } catch (error) {
    if (isOvertaken(error)) return 'overtaken'
    fail(state, error)
    return 'done'
  }
  state.reason ??= plan.note
  if (state.outcome !== 'created') state.outcome = seen.reading.state === 'value' ? 'updated' : 'created'
  see(application, state, { state: 'value', marked: true, value: document })
  return 'done'
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
  const leaving = applications.filter(({ listed, targets }) =>
    targets.filter(isOpen).some((state) => listed && missing(state.before, listed).length > 0),
  )
  if (leaving.length === 0) return
  const waitMs = settings.settleSeconds * 1000
  const lackingMs = deps.monotonic() + waitMs + settings.timeoutMs - request.deadline
  if (lackingMs > 0) {
    for (const application of leaving) defer(application, settings.settleSeconds, lackingMs)
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

function defer({ listed, targets }: Application, settleSeconds: number, lackingMs: number): void {
  for (const state of targets.filter(isOpen)) {
    const absent = missing(state.before, listed ?? new Set()).map(fingerprint)
    if (absent.length === 0) continue
    state.outcome = 'deferred'
    state.reason =
      `the absence of ${absent.join(', ')} must be seen again after AIGC_SETTLE_SECONDS (${settleSeconds}), ` +
      `for which the function's time limit is ${Math.ceil(lackingMs / 1000)} s too short; ` +
      'raise the time limit or lower AIGC_SETTLE_SECONDS'
  }
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

/** Does one step of a run, which may take no longer than one upstream call, whatever it is that hangs. */
function step<T>(
  { request, settings, deps }: Run,
  attempt: string,
  work: (deadline: number) => Promise<T>,
): Promise<T> {
  const deadline = Math.min(deps.monotonic() + settings.timeoutMs, request.deadline)
  const late = (): Error =>
    new CodedError('Timeout', `${attempt}: no answer in time; check that this function can reach it`)
  return within(deps, deadline + graceMs, late, () => work(deadline))
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

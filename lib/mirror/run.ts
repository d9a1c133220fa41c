/**
 * One run of the mirror: read the lists and the targets, plan, write, report. Every application and every
 * target stands on its own. Knows the store interface, not the kinds.
 */
import type { Config, Mirror, Site } from '../config.ts'
import { fingerprint, sha256Hex } from '../digest.ts'
import { CodedError } from '../errors.ts'
import { isDocument, judgeReading, type MirroredDocument, versionId } from '../stores/document.ts'
import { isOvertaken, type Reading, type Store, type Target } from '../stores/store.ts'
import type { ListTokens } from '../tencent/vod.ts'
import { graceMs, type Time, within } from '../time.ts'
import { type Plan, type PlanInput, planTarget, preferTokens } from './plan.ts'

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

export type Outcome =
  | 'unchanged'
  | 'created'
  | 'updated'
  | 'deferred'
  | 'held'
  | 'refused'
  | 'failed'
  | 'would-create'
  | 'would-update'
  | 'would-hold'
  | 'would-refuse'

/** What became of one target; in a dry run, what would. Tokens are named by fingerprint. */
export interface TargetResult {
  readonly SubAppId: number | null
  /** The target's URI. */
  readonly Target: string
  readonly Outcome: Outcome
  readonly Added: readonly string[]
  readonly Removed: readonly string[]
  /** The version of the document that the target holds now (in a dry run: would hold). */
  readonly VersionId: string | null
  readonly Reason: string | null
}

export interface MirrorReport {
  /** Names the changes that are still to be made: what `Confirm` would apply. */
  readonly Digest: string
  readonly Results: readonly TargetResult[]
}

/** A run that left a target out of step. The message is the summary and then the report as JSON. */
export class MirrorError extends CodedError {
  readonly summary: string
  readonly report: MirrorReport

  constructor(code: 'MirrorIncomplete' | 'PlanChanged', summary: string, report: MirrorReport) {
    super(code, `${summary}: ${JSON.stringify(report)}`)
    this.summary = summary
    this.report = report
  }
}

/** How many applications are worked on at the same time: as many as Tencent may be asked for in a second. */
const concurrency = 20

interface Run {
  readonly request: MirrorRequest
  readonly settings: Pick<Config, 'site' | 'settleSeconds' | 'minKeep' | 'timeoutMs'>
  readonly deps: MirrorDependencies
}

/** What a run knows of an application; changes as the run goes on. */
interface Application {
  readonly subAppId: number | null
  readonly site: Site
  /** The newest list; `null` when it could not be had. */
  listed: ReadonlySet<string> | null
  readonly targets: readonly TargetState[]
}

interface TargetState {
  readonly target: Target
  readonly store: Store
  /** The newest reading, or what was written since; `null` before it was read. */
  reading: Reading | null
  /** The tokens it held when the run began. */
  before: readonly string[]
  /** `null` until something is known; a run that ends with that has failed. */
  outcome: Outcome | null
  reason: string | null
}

/** A target that was read. */
type OpenTarget = TargetState & { reading: Reading }

/**
 * Runs the mirror and reports; {@link reportError} says whether the report is good news.
 * Throws `MirrorError` with code `PlanChanged`, having written nothing, when `confirm` names another plan.
 */
export async function runMirror(
  request: MirrorRequest,
  settings: Run['settings'],
  deps: MirrorDependencies,
): Promise<MirrorReport> {
  const run: Run = { request, settings, deps }
  const applications = await forEachLimited(request.mirrors, (mirror) => observe(run, mirror))
  if (request.dryRun) return report(applications, (application, state) => preview(run, application, state))
  if (request.confirm !== null) {
    const current = report(applications, (application, state) => preview(run, application, state))
    if (request.confirm !== current.Digest)
      throw new MirrorError(
        'PlanChanged',
        'Confirming a plan: the tokens or the targets have changed since, so nothing was written; ' +
          'look at the new plan with {"DryRun":true} and confirm its Digest',
        current,
      )
    await forEachLimited(applications, (application) =>
      applyAll(run, application, (state, listed) => planExactly(application, state, listed)),
    )
  } else {
    await forEachLimited(applications, (application) =>
      applyAll(run, application, (state, listed) =>
        plan(application, state, listed, [], guardOf(run, state)),
      ),
    )
    await settleRemovals(run, applications)
  }
  return report(applications, describe)
}

/** The error to throw for a report, or `null` when every target is in step (in a dry run: could be planned). */
export function reportError({ Digest, Results }: MirrorReport): MirrorError | null {
  const bad = Results.filter(({ Outcome }) => ['failed', 'held', 'refused', 'deferred'].includes(Outcome))
  if (bad.length === 0) return null
  const held = bad.some(({ Outcome }) => Outcome === 'held')
  const advice = held ? '; if a held change is right, run by hand with the Digest as "Confirm"' : ''
  return new MirrorError(
    'MirrorIncomplete',
    `Mirroring: ${bad.length} of ${Results.length} targets not in step${advice}`,
    { Digest, Results },
  )
}

/** Reads an application's list and then its targets. */
async function observe(run: Run, { subAppId, targets }: Mirror): Promise<Application> {
  const application: Application = {
    subAppId,
    site: run.settings.site,
    listed: null,
    targets: targets.map((target) => ({
      target,
      store: run.deps.openStore(target),
      reading: null,
      before: [],
      outcome: null,
      reason: null,
    })),
  }
  if (await readList(run, application))
    await Promise.all(
      application.targets.map(async (state) => {
        await readTarget(run, state)
        state.before = heldBy(application, state)?.ApiTokens ?? []
      }),
    )
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

async function readTarget(run: Run, state: TargetState): Promise<void> {
  try {
    const attempt = `Reading ${state.target.uri}`
    state.reading = await step(run, attempt, (deadline) => state.store.read(deadline))
  } catch (error) {
    fail(state, error)
  }
}

/** How a target is planned in one pass, whenever in it that is. */
type PlanOne = (state: OpenTarget, listed: ReadonlySet<string>) => Plan

/** Plans every open target of an application on the same knowledge, then carries the plans out. */
async function applyAll(run: Run, application: Application, planOne: PlanOne): Promise<void> {
  const { listed } = application
  if (!listed) return
  const planned = application.targets
    .filter(isOpen)
    .map((state) => ({ state, planned: planOne(state, listed) }))
  await Promise.all(
    planned.map(async ({ state, planned }) => {
      if ((await applyOne(run, state, planned)) !== 'overtaken') return
      if (run.request.confirm !== null) {
        fail(state, overtakenConfirmed(state))
        return
      }
      // The list and what is settled of it are as good as before; what the target holds is new.
      await readTarget(run, state)
      if (!isOpen(state)) return
      if ((await applyOne(run, state, planOne(state, listed))) === 'overtaken')
        fail(state, overtakenTwice(state))
    }),
  )
}

/** Carries a plan out, unless somebody else has written the target since it was read: then nothing is known of it yet. */
async function applyOne(run: Run, state: OpenTarget, planned: Plan): Promise<'done' | 'overtaken'> {
  if (planned.action === 'none') {
    state.outcome ??= 'unchanged'
    return 'done'
  }
  if (planned.action !== 'write') {
    state.outcome = planned.action === 'hold' ? 'held' : 'refused'
    state.reason = planned.reason
    return 'done'
  }
  try {
    await step(run, `Writing ${state.target.uri}`, (deadline) =>
      state.store.write(planned.rendered, planned.versionId, state.reading, deadline),
    )
  } catch (error) {
    if (isOvertaken(error)) return 'overtaken'
    fail(state, error)
    return 'done'
  }
  if (state.outcome !== 'created') state.outcome = state.reading.state === 'value' ? 'updated' : 'created'
  state.reading = { state: 'value', marked: true, value: planned.rendered }
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
    await Promise.all(application.targets.filter(isOpen).map((state) => readTarget(run, state)))
    await applyAll(run, application, (state, listed) => {
      const settledAbsences = missing(state.before, new Set([...earlier, ...listed]))
      return plan(application, state, listed, settledAbsences, guardOf(run, state))
    })
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

/** The plan that makes a target equal to the list: what a dry run shows and a confirmation applies. */
function planExactly(
  application: Application,
  state: OpenTarget,
  listed: ReadonlySet<string>,
  guard: PlanInput['guard'] = null,
): Plan {
  const held = heldBy(application, state)?.ApiTokens ?? []
  return plan(application, state, listed, missing(held, listed), guard)
}

function plan(
  application: Application,
  { target, reading }: OpenTarget,
  listed: ReadonlySet<string>,
  settledAbsences: readonly string[],
  guard: PlanInput['guard'],
): Plan {
  const preferred = preferTokens(
    application.targets.map((state) => heldBy(application, state)),
    application.targets.flatMap(({ before }) => before),
    listed,
  )
  return planTarget({
    application,
    target,
    reading,
    listed,
    settledAbsences: new Set(settledAbsences),
    preferred,
    guard,
  })
}

function guardOf(run: Run, { before }: TargetState): PlanInput['guard'] {
  return { minKeep: run.settings.minKeep, size: before.length }
}

/** The document whose tokens count as held: what a target holds or, where that was damaged, what it held before. */
function heldBy(application: Application, { target, reading }: TargetState): MirroredDocument | null {
  if (!reading) return null
  const judged = judgeReading({ application, target, reading })
  return judged.refusal === undefined ? (judged.held ?? judged.before) : null
}

/** The name of the document that a target holds. */
function versionHeld({ reading }: TargetState): string | null {
  return reading?.state === 'value' && isDocument(reading.value) ? versionId(reading.value) : null
}

function report(
  applications: readonly Application[],
  describe: (application: Application, state: TargetState) => TargetResult,
): MirrorReport {
  return {
    Digest: digest(applications),
    Results: applications.flatMap((application) =>
      application.targets.map((state) => describe(application, state)),
    ),
  }
}

/** Names the outstanding changes: what was seen in each target, and what would replace it. */
function digest(applications: readonly Application[]): string {
  const changes = applications.flatMap((application) =>
    application.targets.filter(isRead).flatMap((state) => {
      const planned = application.listed && planExactly(application, state, application.listed)
      if (planned?.action !== 'write') return []
      const seen = state.reading.state === 'value' ? sha256Hex(state.reading.value) : state.reading.state
      return [[application.subAppId, state.target.uri, seen, planned.versionId]]
    }),
  )
  return sha256Hex(JSON.stringify(changes))
}

/** What became of a target. */
function describe(application: Application, state: TargetState): TargetResult {
  const held = heldBy(application, state)
  return {
    SubAppId: application.subAppId,
    Target: state.target.uri,
    Outcome: state.outcome ?? 'failed',
    ...difference(state.before, held?.ApiTokens ?? state.before),
    VersionId: held && versionHeld(state),
    Reason: state.outcome ? state.reason : 'the run did not get to this target',
  }
}

/** What would become of a target. */
function preview(run: Run, application: Application, state: TargetState): TargetResult {
  const result = describe(application, state)
  if (!application.listed || !isOpen(state)) return result
  const guarded = planExactly(application, state, application.listed, guardOf(run, state))
  if (guarded.action === 'none') return { ...result, Outcome: 'unchanged', Reason: null }
  if (guarded.action === 'refuse') return { ...result, Outcome: 'would-refuse', Reason: guarded.reason }
  const exact = planExactly(application, state, application.listed)
  const change = {
    ...result,
    ...difference(state.before, [...application.listed]),
    VersionId: exact.action === 'write' ? exact.versionId : result.VersionId,
  }
  if (guarded.action === 'hold') return { ...change, Outcome: 'would-hold', Reason: guarded.reason }
  return {
    ...change,
    Reason: null,
    Outcome: state.reading.state === 'value' ? 'would-update' : 'would-create',
  }
}

function difference(
  before: readonly string[],
  after: readonly string[],
): Pick<TargetResult, 'Added' | 'Removed'> {
  return {
    Added: missing(after, new Set(before)).map(fingerprint),
    Removed: missing(before, new Set(after)).map(fingerprint),
  }
}

/** Those of `tokens` that `among` lacks. */
function missing(tokens: readonly string[], among: ReadonlySet<string>): string[] {
  return tokens.filter((token) => !among.has(token))
}

function isRead(state: TargetState): state is OpenTarget {
  return state.reading !== null
}

/** Whether there may still be something to do for a target. */
function isOpen(state: TargetState): state is OpenTarget {
  return isRead(state) && !isClosed(state)
}

function isClosed({ outcome }: TargetState): boolean {
  return outcome === 'failed' || outcome === 'held' || outcome === 'refused'
}

function fail(state: TargetState, error: unknown): void {
  state.outcome = 'failed'
  state.reason = error instanceof Error ? error.message : String(error)
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

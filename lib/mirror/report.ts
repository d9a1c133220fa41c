/** What a run says of its targets: what became of each, or what would, and a name for what is left to do. Pure. */
import { fingerprint, sha256Hex } from '../digest.ts'
import { CodedError } from '../errors.ts'
import { documentHeld, isDocument, type Judgement, parseDocument, versionId } from '../stores/document.ts'
import type { Reading, Target } from '../stores/store.ts'
import type { Plan } from './plan.ts'

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
  /** The fingerprint of the token that consumers of the target use now (in a dry run: would use). */
  readonly Pick: string | null
  /** The version of the document that the target holds now (in a dry run: would hold). */
  readonly VersionId: string | null
  readonly Reason: string | null
}

export interface MirrorReport {
  /** Names the changes that are still to be made: what `Confirm` would apply. */
  readonly Digest: string
  /** Where the Tencent credentials came from, if they were refused: said here once, and in no `Reason`. */
  readonly Credentials?: string
  /** What should be looked after although every target may be in step. */
  readonly Notes?: readonly string[]
  readonly Applications: readonly {
    readonly SubAppId: number | null
    /** How many tokens Tencent lists, excluded ones too; `null` when the list could not be had. */
    readonly Listed: number | null
  }[]
  readonly Results: readonly TargetResult[]
}

/** A run that left a target out of step. The message is the summary and then the report as JSON. */
export class MirrorError extends CodedError {
  readonly summary: string
  readonly report: MirrorReport

  constructor(
    code: 'MirrorIncomplete' | 'PlanChanged' | 'PromotionRefused',
    summary: string,
    report: MirrorReport,
  ) {
    super(code, summary)
    this.message = `${summary}: ${JSON.stringify(report)}`
    this.summary = summary
    this.report = report
  }
}

/** What a run knows of an application. */
export interface ApplicationState {
  readonly subAppId: number | null
  /** The newest list, without those that are excluded; `null` when it could not be had. */
  readonly listed: ReadonlySet<string> | null
  /** The others of that list. */
  readonly excluded: readonly string[]
  /** The token that somebody wants consumers to use. */
  readonly promoted: string | null
  readonly targets: readonly TargetState[]
}

/** What a run knows of a target. */
export interface TargetState {
  readonly target: Pick<Target, 'uri' | 'holds'>
  /** The newest look at it, or what was written since; `null` before the first. */
  readonly seen: Seen | null
  /** The tokens it held when the run began. */
  readonly before: readonly string[]
  /** Made on what was seen and on the newest list. */
  readonly plan: Plan | null
  /** `null` until something is known; a run that ends with that has failed. */
  readonly outcome: Outcome | null
  readonly reason: string | null
  /** The end of the failure's message that is no part of `reason`: where refused credentials came from, or nothing. */
  readonly credentials: string
}

/** A reading, and what it says of a target of ours. */
export interface Seen {
  readonly reading: Reading
  readonly judged: Judgement
}

/** What a target holds now, for whoever must know before doing something else. Tokens are named by fingerprint. */
export interface Look {
  /** The target's URI. */
  readonly uri: string
  readonly holds: Target['holds']
  /** Whether it could be read, holds something of ours, and its copies with it. */
  readonly isRead: boolean
  /** Whether a run of the mirror would leave it as it is, and does not doubt the list. */
  readonly isInStep: boolean
  readonly pick: string | null
  readonly tokens: ReadonlySet<string>
  /** Why it is not read or not in step, as far as that is known. */
  readonly reason: string | null
}

export function lookOf({ target, seen, plan, reason }: TargetState): Look {
  const held = seen && documentHeld(seen.judged)
  const judged = seen?.judged.kind === 'writable' ? seen.judged : null
  const lagging = (seen?.reading.state === 'value' && seen.reading.lagging) || null
  const doubt = plan?.kind === 'writable' ? plan.doubt : null
  return {
    uri: target.uri,
    holds: target.holds,
    isRead: judged !== null && judged.doubt === null && lagging === null,
    isInStep: plan?.kind === 'writable' && doubt === null && plan.confirmed === null && lagging === null,
    pick: held && nameOf(held.ApiToken),
    tokens: new Set(held?.ApiTokens.map(fingerprint)),
    reason: reason ?? (plan?.kind === 'refused' ? plan.reason : (doubt ?? lagging)),
  }
}

/** What became of the targets; the digest names what their plans still have to change. */
export function report(applications: readonly ApplicationState[], notes: readonly string[]): MirrorReport {
  return render(applications, notes, describe)
}

/** What would become of the targets: they have their plans, and nothing was written. */
export function preview(applications: readonly ApplicationState[], notes: readonly string[]): MirrorReport {
  return render(applications, notes, describePlan)
}

/** The error to throw for a report, or `null` when every target is in step (in a dry run: could be planned). */
export function reportError(report: MirrorReport): MirrorError | null {
  const { Results } = report
  const bad = Results.filter(({ Outcome }) => ['failed', 'held', 'refused', 'deferred'].includes(Outcome))
  if (bad.length === 0) return null
  const held = bad.some(({ Outcome }) => Outcome === 'held')
  const advice = held ? '; if a held change is right, run by hand with the Digest as "Confirm"' : ''
  return new MirrorError(
    'MirrorIncomplete',
    `Mirroring: ${bad.length} of ${Results.length} targets not in step, such as ${firstOf(bad)}${advice}`,
    report,
  )
}

/** From bad to good: a run is called by the first of these that one of its targets has. */
const byGravity: readonly Outcome[] = [
  'failed',
  'refused',
  'held',
  'deferred',
  'would-refuse',
  'would-hold',
  'created',
  'updated',
  'would-create',
  'would-update',
  'unchanged',
]

/** A run in texts and numbers alone, for logs that keep no more of a line. */
export interface Summary {
  /** The worst of all targets. */
  readonly outcome: Outcome
  /** Of the first target with that outcome, if it is not in step. */
  readonly reason: string | null
  /** How many targets are held. */
  readonly held: number
  /** Tokens, counted for each target. */
  readonly added: number
  readonly removed: number
  /** How many tokens Tencent lists, as far as it was asked. */
  readonly listed: number
  /** Of the application that has most; `null` where not every list could be had. */
  readonly mostListed: number | null
  readonly note: string | null
}

export function summarize({ Results, Applications, Notes }: MirrorReport): Summary {
  const listed = Applications.flatMap(({ Listed }) => Listed ?? [])
  const outcome =
    byGravity.find((one) => Results.some(({ Outcome }) => Outcome === one)) ?? ('unchanged' as const)
  const worst = Results.filter(({ Outcome, Reason }) => Outcome === outcome && Reason !== null)
  const inStep = ['created', 'updated', 'unchanged'].includes(outcome)
  const sum = (count: (result: TargetResult) => number): number =>
    Results.reduce((total, result) => total + count(result), 0)
  return {
    outcome,
    reason: inStep || worst.length === 0 ? null : firstOf(worst),
    held: sum(({ Outcome }) => (Outcome === 'held' ? 1 : 0)),
    added: sum(({ Added }) => Added.length),
    removed: sum(({ Removed }) => Removed.length),
    listed: listed.reduce((total, count) => total + count, 0),
    mostListed:
      listed.length < Applications.length ? null : listed.reduce((most, count) => Math.max(most, count), 0),
    note: Notes?.join('; ') ?? null,
  }
}

function firstOf([first]: readonly TargetResult[]): string {
  return first ? `${first.Target} (${first.Outcome}: ${first.Reason})` : ''
}

function render(
  applications: readonly ApplicationState[],
  notes: readonly string[],
  describeOne: (application: ApplicationState, state: TargetState) => TargetResult,
): MirrorReport {
  const credentials = new Set(
    applications.flatMap(({ targets }) => targets.map((state) => state.credentials)),
  )
  const Credentials = [...credentials].filter((sentence) => sentence !== '').join('; ')
  return {
    Digest: digest(applications),
    ...(Credentials !== '' && { Credentials }),
    ...(notes.length > 0 && { Notes: notes }),
    Applications: applications.map(({ subAppId, listed, excluded }) => ({
      SubAppId: subAppId,
      Listed: listed && listed.size + excluded.length,
    })),
    Results: applications.flatMap((application) =>
      application.targets.map((state) => describeOne(application, state)),
    ),
  }
}

/** Names the outstanding changes: what was seen in each target, and what would replace it. */
function digest(applications: readonly ApplicationState[]): string {
  const changes = applications.flatMap(({ subAppId, targets }) =>
    targets.flatMap(({ target, seen, plan }) => {
      if (!seen || plan?.kind !== 'writable' || plan.confirmed === null) return []
      const { reading } = seen
      // Where the store has a name for it: the hash of somebody else's password would let whoever reads this guess it.
      const found = reading.state === 'value' ? (reading.version ?? sha256Hex(reading.value)) : reading.state
      return [[subAppId, target.uri, found, versionId(plan.confirmed)]]
    }),
  )
  return sha256Hex(JSON.stringify(changes))
}

function describe({ subAppId }: ApplicationState, state: TargetState): TargetResult {
  const held = state.seen && documentHeld(state.seen.judged)
  return {
    SubAppId: subAppId,
    Target: state.target.uri,
    Outcome: state.outcome ?? 'failed',
    ...difference(state, held?.ApiTokens ?? state.before),
    Pick: held && nameOf(held.ApiToken),
    VersionId: held && versionHeld(state),
    Reason: state.outcome ? state.reason : 'the run did not get to this target',
  }
}

function describePlan(application: ApplicationState, state: TargetState): TargetResult {
  const result = describe(application, state)
  const { plan, before, seen, target } = state
  if (!plan) return result
  if (plan.kind === 'refused') return { ...result, Outcome: 'would-refuse', Reason: plan.reason }
  // A promotion takes nothing out.
  const value = application.promoted === null ? plan.confirmed : plan.scheduled
  const document = parseDocument(value ?? '')
  const change = {
    ...result,
    ...difference(state, document?.ApiTokens ?? before),
    Pick:
      value === null ? result.Pick : nameOf(target.holds === 'token' ? value : (document?.ApiToken ?? null)),
    VersionId: value === null ? result.VersionId : versionId(value),
    Reason: plan.doubt ?? plan.note,
  }
  if (plan.doubt !== null) return { ...change, Outcome: 'would-hold' }
  if (value === null) return { ...change, Outcome: 'unchanged' }
  return { ...change, Outcome: seen?.reading.state === 'value' ? 'would-update' : 'would-create' }
}

function nameOf(token: string | null): string | null {
  return token === null ? null : fingerprint(token)
}

/** The name of what a target holds of ours. */
function versionHeld({ seen, target }: TargetState): string | null {
  return seen?.reading.state === 'value' && (target.holds === 'token' || isDocument(seen.reading.value))
    ? versionId(seen.reading.value)
    : null
}

/** Where one token stands alone, another in its place is none that came or went. */
function difference(
  { before, target }: TargetState,
  after: readonly string[],
): Pick<TargetResult, 'Added' | 'Removed'> {
  if (target.holds === 'token') return { Added: [], Removed: [] }
  return {
    Added: missing(after, new Set(before)).map(fingerprint),
    Removed: missing(before, new Set(after)).map(fingerprint),
  }
}

/** Those of `tokens` that `among` lacks. */
export function missing(tokens: readonly string[], among: ReadonlySet<string>): string[] {
  return tokens.filter((token) => !among.has(token))
}

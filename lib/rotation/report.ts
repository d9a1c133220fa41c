/** What a run of the rotation says: where each application stands, what was done, what a person has to do. Pure. */
import { CodedError } from '../errors.ts'
import type { Phase, RotationRecord, Stamp } from '../stores/record.ts'
import { isStuck, type RotationSettings, type Step } from './plan.ts'

export type RotationOutcome =
  /** There is nothing to do yet. */
  | 'waiting'
  /** One step was taken. */
  | 'advanced'
  /** Nothing is done before somebody has looked. */
  | 'held'
  /** What somebody asked for by hand cannot be done now. */
  | 'refused'
  | 'failed'
  | 'would-advance'
  | 'would-wait'
  | 'would-hold'
  | 'would-refuse'

/** Where the rotation of one application stands. Tokens are named by fingerprint. */
export interface RotationResult {
  readonly SubAppId: number
  readonly Outcome: RotationOutcome
  /** What was done or, in a dry run, would be. */
  readonly Step: Step['kind'] | null
  /** As the record says now; `null` where it could not be read. */
  readonly Phase: Phase | null
  readonly Old: string | null
  readonly New: string | null
  readonly Reason: string
  /** The token that a person should delete at Tencent, because the rotation may not. */
  readonly Delete: string | null
  /** Tokens that rotations are done with and that Tencent still lists. */
  readonly Leftovers: readonly { readonly Fingerprint: string; readonly Why: string }[]
  /** Whether the phase lasts so long that somebody should look. */
  readonly Stuck: boolean
  /** Whether a person is to be told, once a day, that there is something to delete. */
  readonly Remind: boolean
  /** Names the deletion that `Confirm` would carry out. */
  readonly Digest?: string
}

export interface RotationReport {
  readonly Results: readonly RotationResult[]
}

/** A run that did not do what it was to do. The message is the summary and then the report as JSON. */
export class RotationError extends CodedError {
  readonly summary: string
  readonly report: RotationReport

  constructor(code: 'RotationIncomplete' | 'RotationRefused', summary: string, report: RotationReport) {
    super(code, summary)
    this.message = `${summary}: ${JSON.stringify(report)}`
    this.summary = summary
    this.report = report
  }
}

/** What a run knows of an application when it is over. */
export interface RotationState {
  readonly subAppId: number
  readonly outcome: RotationOutcome
  readonly step: Step | null
  /** As it stands in its target now; `null` where there is none, or it is not known. */
  readonly record: RotationRecord | null
  readonly reason: string
  readonly now: Stamp | null
}

export function describeRotation(
  { subAppId, outcome, step, record, reason, now }: RotationState,
  settings: RotationSettings,
): RotationResult {
  const isWithheld = record?.phase === 'retiring' && !settings.mayDelete
  return {
    SubAppId: subAppId,
    Outcome: outcome,
    Step: step?.kind ?? null,
    Phase: record?.phase ?? null,
    Old: record?.old ?? null,
    New: record?.new ?? null,
    Reason: reason,
    Delete: isWithheld ? record.old : null,
    Leftovers: (record?.leftovers ?? []).map(({ fingerprint, why }) => ({
      Fingerprint: fingerprint,
      Why: why,
    })),
    Stuck: record !== null && now !== null && isStuck(record, now, settings),
    Remind: step?.kind === 'wait' && step.tell === true,
    ...(step?.kind === 'ask' && { Digest: step.digest }),
  }
}

/** The error to throw for a report, or `null` where every application waits or went on. */
export function rotationError(report: RotationReport): RotationError | null {
  const { Results } = report
  const bad = Results.filter(({ Outcome }) => ['failed', 'held', 'refused'].includes(Outcome))
  const [first] = [...bad.filter(({ Outcome }) => Outcome === 'failed'), ...bad]
  if (!first) return null
  const summary =
    `Rotating: ${bad.length} of ${Results.length} applications did not go on, such as ${first.SubAppId} ` +
    `(${first.Outcome}: ${first.Reason})`
  const isRefused = bad.every(({ Outcome }) => Outcome === 'refused')
  return new RotationError(isRefused ? 'RotationRefused' : 'RotationIncomplete', summary, report)
}

/** From bad to good: a run is called by the first of these that one of its applications has. */
const byGravity: readonly RotationOutcome[] = [
  'failed',
  'held',
  'refused',
  'would-hold',
  'would-refuse',
  'advanced',
  'would-advance',
  'waiting',
  'would-wait',
]

/** A run in texts and numbers alone, for logs that keep no more of a line. */
export interface RotationSummary {
  readonly outcome: RotationOutcome
  /** Of the first application with that outcome. */
  readonly reason: string
  readonly held: number
  readonly created: number
  readonly deleted: number
  readonly stuck: number
  /** How many tokens wait for a person to delete them. */
  readonly waiting: number
  /** Whether a person is to be told of those now. */
  readonly remind: boolean
}

export function summarizeRotation({ Results }: RotationReport): RotationSummary {
  const outcome = byGravity.find((one) => Results.some(({ Outcome }) => Outcome === one)) ?? 'waiting'
  const count = (wanted: (result: RotationResult) => boolean): number => Results.filter(wanted).length
  return {
    outcome,
    reason: Results.find(({ Outcome }) => Outcome === outcome)?.Reason ?? '',
    held: count(({ Outcome }) => Outcome === 'held'),
    created: count(({ Outcome, Step }) => Outcome === 'advanced' && Step === 'create'),
    deleted: count(({ Outcome, Step }) => Outcome === 'advanced' && Step === 'delete'),
    stuck: count(({ Stuck }) => Stuck),
    waiting: count(({ Delete }) => Delete !== null) + Results.flatMap(({ Leftovers }) => Leftovers).length,
    remind: Results.some(({ Remind }) => Remind),
  }
}

/** The record of a rotation: what the target of `AIGC_ROTATION_STATE` holds. Fingerprints and times, and no secret. */
import { isFingerprint } from '../digest.ts'
import { isRecord, isStrings, parseJson } from '../json.ts'
import { type Site, sites } from '../tencent/sites.ts'
import { isDocument } from './document.ts'
import type { Reading, Target } from './store.ts'

/** A moment by two clocks, in epoch milliseconds: this machine's, and that of Tencent, which dates its answers. */
export interface Stamp {
  readonly own: number
  readonly tencent: number
}

export const phases = ['idle', 'intent', 'warming', 'promoted', 'retiring'] as const
export type Phase = (typeof phases)[number]

export const deeds = ['abort', 'promote', 'rollback', 'delete'] as const
export type Doing = (typeof deeds)[number]

/** A token that a rotation is done with and that Tencent still lists: somebody should delete it, or say what it is for. */
export interface Leftover {
  readonly fingerprint: string
  /** A sentence. */
  readonly why: string
}

/** What is known of an application's rotation between two runs. Tokens are named by fingerprint. */
export interface RotationRecord {
  readonly subAppId: number
  readonly site: Site
  readonly phase: Phase
  /** When the phase began, or what it waits for began anew. */
  readonly since: Stamp
  /** When a rotation last put a new token in use or, where none has, the first record was written. */
  readonly rotated: Stamp
  /** The token that is replaced. */
  readonly old: string | null
  /** The token that takes its place, once it is known. */
  readonly new: string | null
  /** A name for the one call that may create a token, to tell it from that of a run at the same time. */
  readonly intent: string | null
  /** Every token that was listed or mirrored before that call. */
  readonly baseline: readonly string[]
  /** When the new token was last given the limits of the old one. */
  readonly limited: Stamp | null
  /** How often a token was to be created, and none came, since a rotation last got further. */
  readonly failures: number
  /**
   * What a run is about to do, or has begun: said before it is done, so that no other run does what goes against it. While
   * promoted, `promote`: a target was seen to name the old token again, and the grace begins anew when none does.
   */
  readonly doing: Doing | null
  /** Since when the list lacks a token that is named here. */
  readonly missing: Readonly<Record<string, Stamp>>
  readonly leftovers: readonly Leftover[]
  /** When a person was last told what there is to delete. */
  readonly told: Stamp | null
}

/** The record of an application that has none, as if it had been rotated at that moment. */
export function newRecord(
  { subAppId, site }: { readonly subAppId: number; readonly site: Site },
  now: Stamp,
): RotationRecord {
  return {
    subAppId,
    site,
    phase: 'idle',
    since: now,
    rotated: now,
    old: null,
    new: null,
    intent: null,
    baseline: [],
    limited: null,
    failures: 0,
    doing: null,
    missing: {},
    leftovers: [],
    told: null,
  }
}

const type = 'vod-aigc-rotation'
const format = 1

/** The record as stored: fixed field order and no spaces. */
export function renderRecord(record: RotationRecord): string {
  return JSON.stringify({
    Type: type,
    Format: format,
    SubAppId: record.subAppId,
    Site: record.site,
    Phase: record.phase,
    Since: renderStamp(record.since),
    Rotated: renderStamp(record.rotated),
    Old: record.old,
    New: record.new,
    Intent: record.intent,
    Baseline: [...record.baseline].sort(),
    Limited: record.limited && renderStamp(record.limited),
    Failures: record.failures,
    Doing: record.doing,
    Missing: Object.fromEntries(
      Object.keys(record.missing)
        .sort()
        .map((name) => [name, renderStamp(record.missing[name] as Stamp)]),
    ),
    Leftovers: record.leftovers.map(({ fingerprint, why }) => ({ Fingerprint: fingerprint, Why: why })),
    Told: record.told && renderStamp(record.told),
  })
}

/** Reads a stored value; `null` where it is no record, or one of a later format: a record is believed as a whole or not at all. */
export function parseRecord(value: string): RotationRecord | null {
  const given = parseJson(value)
  if (!isRecord(given) || given['Type'] !== type || given['Format'] !== format) return null
  const {
    SubAppId,
    Site,
    Phase,
    Old,
    New,
    Intent,
    Baseline,
    Failures,
    Doing,
    Missing,
    Leftovers,
    Limited,
    Told,
  } = given
  const since = readStamp(given['Since'])
  const rotated = readStamp(given['Rotated'])
  const [limited, told] = [Limited, Told].map((stamp) => (stamp === null ? null : readStamp(stamp)))
  const phase = phases.find((one) => one === Phase)
  const site = isSite(Site) ? Site : null
  const doing = Doing === null ? null : deeds.find((one) => one === Doing)
  if (
    !since ||
    !rotated ||
    limited === undefined ||
    told === undefined ||
    doing === undefined ||
    !phase ||
    !site
  )
    return null
  if (typeof SubAppId !== 'number' || typeof Failures !== 'number') return null
  if (!isName(Old) || !isName(New) || (Intent !== null && typeof Intent !== 'string')) return null
  // Whatever is under way replaces a token, and from warming up on by a known one.
  if ((phase !== 'idle' && Old === null) || (isPaired(phase) && New === null)) return null
  if (!isStrings(Baseline) || !Baseline.every(isFingerprint)) return null
  if (!isRecord(Missing) || !Array.isArray(Leftovers)) return null
  const missing = Object.entries(Missing).map(([name, stamp]) => [name, readStamp(stamp)] as const)
  const leftovers = Leftovers.map(readLeftover)
  if (!missing.every(isComplete) || !leftovers.every((one) => one !== null)) return null
  return {
    subAppId: SubAppId,
    site,
    phase,
    since,
    rotated,
    old: Old,
    new: New,
    intent: Intent,
    baseline: Baseline,
    limited,
    failures: Failures,
    doing,
    missing: Object.fromEntries(missing),
    leftovers,
    told,
  }
}

/** Whether a value has the form of what a target of this kind holds: where a store has no place for a mark, that is the mark. */
export function hasOwnForm({ holds }: Pick<Target, 'holds'>, value: string): boolean {
  return holds === 'record' ? parseRecord(value) !== null : isDocument(value)
}

/** What a target holds of an application's rotation, or why it must not be touched. */
export type RecordJudgement =
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'good'; readonly record: RotationRecord | null }

export function judgeRecord(
  { subAppId, site }: { readonly subAppId: number; readonly site: Site },
  reading: Reading,
): RecordJudgement {
  if (reading.state === 'unavailable') return { kind: 'refused', reason: reading.reason }
  if (reading.state !== 'value') return { kind: 'good', record: null }
  const record = parseRecord(reading.value)
  if (record === null) return { kind: 'refused', reason: reading.marked ? damaged : foreign }
  if (record.subAppId === subAppId && record.site === site) return { kind: 'good', record }
  return {
    kind: 'refused',
    reason:
      `it holds the rotation of application ${record.subAppId} of site ${record.site}, not of ${subAppId} of ${site}; ` +
      'give each application a record of its own',
  }
}

const foreign =
  'it holds something else than the record of a rotation, and does not carry its mark; choose a name where there is nothing yet'
const damaged =
  'it carries the mark of a rotation, and holds no record that this version can read: it was damaged, or written by a later ' +
  'version; put back the version before or, where nobody knows it, delete the secret: then tokens that were being replaced stay'

function renderStamp({ own, tencent }: Stamp): object {
  return { Own: new Date(own).toISOString(), Tencent: new Date(tencent).toISOString() }
}

function readStamp(given: unknown): Stamp | undefined {
  if (!isRecord(given)) return undefined
  const [own, tencent] = [Date.parse(String(given['Own'])), Date.parse(String(given['Tencent']))]
  return Number.isFinite(own) && Number.isFinite(tencent) ? { own, tencent } : undefined
}

function readLeftover(given: unknown): Leftover | null {
  if (!isRecord(given)) return null
  const { Fingerprint, Why } = given
  return typeof Fingerprint === 'string' && isFingerprint(Fingerprint) && typeof Why === 'string'
    ? { fingerprint: Fingerprint, why: Why }
    : null
}

function isComplete(entry: readonly [string, Stamp | undefined]): entry is readonly [string, Stamp] {
  return isFingerprint(entry[0]) && entry[1] !== undefined
}

function isPaired(phase: RotationRecord['phase']): boolean {
  return phase !== 'idle' && phase !== 'intent'
}

function isName(value: unknown): value is string | null {
  return value === null || (typeof value === 'string' && isFingerprint(value))
}

function isSite(value: unknown): value is Site {
  return typeof value === 'string' && Object.hasOwn(sites, value)
}

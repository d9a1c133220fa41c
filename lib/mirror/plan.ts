/** The mirror's judgement: what a target should hold, and whether it may be written. Pure. */

import { documentHeld, type Judgement, type MirroredDocument, renderDocument } from '../stores/document.ts'
import type { Reading, Target } from '../stores/store.ts'
import type { Site } from '../tencent/sites.ts'

/** What is known when a target is judged. */
export interface PlanInput {
  /** What the target holds: the document, or the token to use alone. */
  readonly holds: Target['holds']
  readonly application: { readonly subAppId: number | null; readonly site: Site }
  readonly reading: Reading
  /** Of this reading. */
  readonly judged: Judgement
  /** The newest list of the application's tokens, without those that are excluded. */
  readonly listed: ReadonlySet<string>
  /** How many tokens Tencent lists beside these that are excluded. */
  readonly excluded: number
  /** Whether a token is to be in no document (`AIGC_EXCLUDE`). */
  isExcluded(token: string): boolean
  /**
   * Tokens whose absence is settled, because two lists lacked them (`settleRemovals` in run.ts); a run by schedule keeps every
   * other token that the target holds, but for excluded ones.
   */
  readonly settledAbsences: ReadonlySet<string>
  /** Which token consumers should use, best first; the first that the target will hold is taken. */
  readonly preferred: readonly string[]
  /** The longest document that the target takes, in bytes. */
  readonly mostBytes: number
  /**
   * The guard against wiping: a list with fewer tokens than `minKeep` times those that the target held when the run began is
   * not believed. Excluded ones do not count.
   */
  readonly guard: { readonly minKeep: number; readonly before: readonly string[] }
  /** See `Store.hasMark`. */
  readonly hasMark: boolean
}

export type Plan =
  | { readonly kind: 'refused'; readonly reason: string }
  | {
      readonly kind: 'writable'
      /** Why a run by schedule writes nothing before somebody confirmed the plan, if so. */
      readonly doubt: string | null
      /** The value that a run by schedule writes; `null` when it is there already. */
      readonly scheduled: string | null
      /** The same without any token that the list lacks: what a dry run shows, the digest names and `Confirm` writes. */
      readonly confirmed: string | null
      /**
       * What is written although the list is doubted, where the target points to a token that is not listed or holds one that is
       * excluded; else `null`. It takes out what is excluded, and nothing that the list may lack by mistake.
       */
      readonly meanwhile: string | null
      /** What to say of a change that is not one of tokens. */
      readonly note: string | null
    }

export function planTarget(input: PlanInput): Plan {
  const { application, reading, judged, listed, isExcluded, settledAbsences, mostBytes } = input
  if (judged.kind === 'refused') return judged
  const held = documentHeld(judged)
  const change = (tokens: ReadonlySet<string>): string | null => {
    const sorted = [...tokens].sort()
    const ApiToken = [...input.preferred, ...sorted].find((token) => tokens.has(token)) ?? null
    const { subAppId: SubAppId, site: Site } = application
    // Where there is no token to hold, the last one stays: nothing is ever deleted.
    const value =
      input.holds === 'token' ? ApiToken : renderDocument({ ApiToken, ApiTokens: sorted, SubAppId, Site })
    // Without the mark, as a run leaves it that died while it took the target over, it is written again.
    const isMarked = reading.state === 'value' && (reading.marked || !input.hasMark)
    return isMarked && reading.value === value ? null : value
  }
  const kept = held?.ApiTokens.filter((token) => !settledAbsences.has(token) && !isExcluded(token)) ?? []
  const [scheduled, confirmed] = [change(new Set([...listed, ...kept])), change(listed)]
  const tooLong = [confirmed, scheduled].map((document) => refuseLength(document, mostBytes))
  if (tooLong[0]) return { kind: 'refused', reason: tooLong[0] }
  const nothing = { kind: 'writable', scheduled: null, confirmed: null, meanwhile: null } as const
  // Whoever wants it empty deletes the token at Tencent.
  if (listed.size === 0 && input.excluded > 0) return { ...nothing, doubt: allExcluded, note: null }
  if (input.holds === 'token' && listed.size === 0) return { ...nothing, doubt: null, note: noToken }
  const doubt = judged.doubt ?? doubtList(input, held) ?? tooLong[1] ?? null
  const keeps = held !== null && needsChange(input, held)
  const all = keeps
    ? change(new Set([...listed, ...held.ApiTokens.filter((token) => !isExcluded(token))]))
    : null
  const meanwhile = refuseLength(all, mostBytes) === null ? all : null
  return { kind: 'writable', doubt, scheduled, confirmed, meanwhile, note: judged.lostMark ? lostMark : null }
}

/** Whether consumers are given a token that they should not have, whatever else the list lacks. */
function needsChange({ listed, isExcluded }: PlanInput, { ApiToken, ApiTokens }: MirroredDocument): boolean {
  if (listed.size === 0) return false
  return ApiToken === null || !listed.has(ApiToken) || ApiTokens.some(isExcluded)
}

const noToken = 'there is no token to hold, so what it holds stays'

const lostMark =
  'our own document had lost the mark, which is put back; if it goes again, somebody else keeps this secret too, such as ' +
  'Terraform: let that leave the mark alone (ignore_changes)'

/** Why a document cannot be written, if so. */
function refuseLength(document: string | null, mostBytes: number): string | null {
  const bytes = document === null ? 0 : Buffer.byteLength(document)
  if (bytes <= mostBytes) return null
  return (
    `its document would have ${bytes} bytes, and this target takes ${mostBytes}; ` +
    'delete tokens at Tencent that nobody uses, or choose a kind of target, or a tier, that takes more'
  )
}

/** Products of shares and counts are off by less than this: 0.14 * 50 is 7.000000000000001. */
const roundingError = 1e-9

/** Why a list is too short to be believed, if it is. An empty one is fine where a confirmed empty one is held. */
function doubtList(
  { listed, isExcluded, guard: { minKeep, before } }: PlanInput,
  held: MirroredDocument | null,
): string | null {
  if (listed.size === 0 && held?.ApiTokens.length !== 0) return 'the list is empty'
  const size = before.filter((token) => !isExcluded(token)).length
  if (listed.size < minKeep * size - roundingError)
    return `the list has ${listed.size} tokens where ${size} are held, less than the share AIGC_MIN_KEEP (${minKeep})`
  return null
}

const allExcluded =
  'AIGC_EXCLUDE takes out every token that Tencent lists, and consumers would be left without one; ' +
  'create another token first'

/**
 * The order in which consumers should use the listed tokens, for all targets of an application, so that they end with
 * the same bytes: those to which targets point now, in configured order; then those that were `mirrored` when the run
 * began, which the gateway is sure to know; then the others. One that is not listed is dead, or soon will be: the pick
 * leaves it at the first look, long before its absence is settled and it leaves the document.
 */
export function preferTokens(
  heldByTargets: readonly (MirroredDocument | null)[],
  mirrored: readonly string[],
  listed: ReadonlySet<string>,
): string[] {
  const current = heldByTargets.flatMap((held) => held?.ApiToken ?? [])
  return [...current, ...[...mirrored].sort(), ...[...listed].sort()].filter((token) => listed.has(token))
}

/** The mirror's judgement: what a target should hold, and whether it may be written. Pure. */

import type { Site } from '../config.ts'
import { judgeReading, type MirroredDocument, renderDocument, versionId } from '../stores/document.ts'
import type { Reading, Target } from '../stores/store.ts'

/** What is known when a target is judged. */
export interface PlanInput {
  readonly application: { readonly subAppId: number | null; readonly site: Site }
  readonly target: Pick<Target, 'adopt'>
  readonly reading: Reading
  /** The newest list of the application's tokens. */
  readonly listed: ReadonlySet<string>
  /** Tokens whose absence from the list is settled; every other token that the target holds stays. */
  readonly settledAbsences: ReadonlySet<string>
  /** Which token consumers should use, best first; the first that the target will hold is taken. */
  readonly preferred: readonly string[]
  /**
   * The guard against wiping: a list with fewer tokens than `minKeep` times `size` is not believed.
   * `null` after somebody confirmed the plan.
   */
  readonly guard: { readonly minKeep: number; readonly size: number } | null
}

export type Plan =
  | { readonly action: 'none' }
  | {
      readonly action: 'write'
      readonly rendered: string
      readonly versionId: string
    }
  | { readonly action: 'hold'; readonly reason: string }
  | { readonly action: 'refuse'; readonly reason: string }

export function planTarget(input: PlanInput): Plan {
  const { application, reading, listed, settledAbsences, guard } = input
  const judged = judgeReading(input)
  if (judged.refusal !== undefined) return { action: 'refuse', reason: judged.refusal }
  const held = judged.held ?? judged.before
  const doubt = guard && (judged.doubt ?? doubtList(listed.size, held, guard))
  if (doubt) return { action: 'hold', reason: doubt }
  const heldTokens = held?.ApiTokens ?? []
  const tokens = [
    ...new Set([...listed, ...heldTokens.filter((token) => !settledAbsences.has(token))]),
  ].sort()
  const ApiToken = [...input.preferred, ...tokens].find((token) => tokens.includes(token)) ?? null
  const rendered = renderDocument({
    ApiToken,
    ApiTokens: tokens,
    SubAppId: application.subAppId,
    Site: application.site,
  })
  // Without the mark, as a run leaves it that died while it took the target over, it is written again.
  if (reading.state === 'value' && reading.marked && reading.value === rendered) return { action: 'none' }
  return { action: 'write', rendered, versionId: versionId(rendered) }
}

/** Products of shares and counts are off by less than this: 0.14 * 50 is 7.000000000000001. */
const roundingError = 1e-9

/** Why a list is too short to be believed, if it is. An empty one is fine where a confirmed empty one is held. */
function doubtList(
  listed: number,
  held: MirroredDocument | null,
  { minKeep, size }: NonNullable<PlanInput['guard']>,
): string | null {
  if (listed === 0 && held?.ApiTokens.length !== 0) return 'the list is empty'
  if (listed < minKeep * size - roundingError)
    return `the list has ${listed} tokens where ${size} are held, less than the share AIGC_MIN_KEEP (${minKeep})`
  return null
}

/**
 * The order in which consumers should use tokens, for all targets of an application, so that they end with
 * the same bytes: what targets point to now, in configured order; then those of the listed tokens that were
 * `mirrored` when the run began, which the gateway is sure to know; then the other listed ones.
 */
export function preferTokens(
  heldByTargets: readonly (MirroredDocument | null)[],
  mirrored: readonly string[],
  listed: ReadonlySet<string>,
): string[] {
  const current = heldByTargets.flatMap((held) => held?.ApiToken ?? [])
  const known = mirrored.filter((token) => listed.has(token))
  return [...current, ...known.sort(), ...[...listed].sort()]
}

/** Which of an application's tokens a consumer should use, where an answer names one. */
import { sha256Hex } from '../digest.ts'
import type { Time } from '../time.ts'

/**
 * Chooses among the tokens of a list; `null` where there is none. `mirrored` is the one that the mirrored document names,
 * if that was read.
 */
export type ChoosePick = (
  subAppId: number | null,
  apiTokens: readonly string[],
  mirrored: string | null,
) => string | null

/** As many as there are sets of keys, see run-role.ts. */
const mostGiven = 4

/** What an instance remembers of an application. */
interface Memory {
  /** What was given out last, the newest first. Several, because lists that were got by other keys may have other tokens. */
  readonly given: readonly string[]
  /** When each token of the newest list was first seen, on `Time.monotonic`. */
  readonly seenSince: ReadonlyMap<string, number>
}

/**
 * The mirror's pick, because then all consumers use the same one; else the one that this instance gave out last, so that
 * nobody moves without need; else, of the tokens that it has seen for `settleSeconds` (or of all, where there is none), the
 * one with the smallest SHA-256, so that instances agree that know the same list. Each only while it is listed.
 */
export function createPick(
  { settleSeconds }: { readonly settleSeconds: number },
  { monotonic }: Pick<Time, 'monotonic'>,
): ChoosePick {
  const memories = new Map<number | null, Memory>()
  return (subAppId, apiTokens, mirrored) => {
    const now = monotonic()
    const { given, seenSince: before } = memories.get(subAppId) ?? { given: [], seenSince: new Map() }
    const seenSince = new Map(apiTokens.map((token) => [token, before.get(token) ?? now]))
    const settled = apiTokens.filter((token) => now - (seenSince.get(token) ?? now) >= settleSeconds * 1000)
    const pick =
      [mirrored, ...given].find((token) => token !== null && seenSince.has(token)) ??
      smallest(settled) ??
      smallest(apiTokens)
    const rest = given.filter((token) => token !== pick)
    memories.set(subAppId, { given: pick === null ? given : [pick, ...rest].slice(0, mostGiven), seenSince })
    return pick
  }
}

function smallest(tokens: readonly string[]): string | null {
  const [first] = tokens
    .map((token) => ({ token, hash: sha256Hex(token) }))
    .sort((a, b) => (a.hash < b.hash ? -1 : 1))
  return first?.token ?? null
}

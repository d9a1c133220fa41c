/** The mutants that may live, and why. */

export interface Accepted {
  readonly file: string
  /** What stands in the source; line breaks do not count. */
  readonly from: string
  /** What Stryker puts there; anything where it is left out. */
  readonly to?: string | readonly string[]
  /** A part of the line where it begins, if it stands on several. */
  readonly on?: string
  readonly why: string
}

export const accepted: readonly Accepted[] = []

import type { Bundles } from '../bundles.ts'
import type { Chart } from '../charts.ts'
import type { Judgement } from '../goals.ts'

/** One thing to measure, in one file of this folder. */
export interface Topic {
  /** Says what is measured. */
  readonly title: string
  /** Throws when a variant gives a wrong answer. */
  measure(bench: { readonly bundles: Bundles; readonly quick: boolean }): Promise<Measurement>
}

export interface Measurement {
  /** How it was measured, for who wants to judge the numbers. */
  readonly how: string
  /** One row per variant, this project's first; numbers are medians. */
  readonly rows: readonly Readonly<Record<string, string | number>>[]
  readonly goals: readonly Judgement[]
  readonly charts?: readonly Chart[]
}

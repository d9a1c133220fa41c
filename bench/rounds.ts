/** Interleaved rounds and what is said of them. */

/** Runs every block once per round. Each round begins with another block, so that none always follows the same one. */
export async function interleave<N extends string, T>(
  blocks: Readonly<Record<N, () => Promise<T>>>,
  rounds: number,
): Promise<Record<N, T[]>> {
  const names = Object.keys(blocks) as N[]
  const samples = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<N, T[]>
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(round + i) % names.length] as N
      samples[name][round] = await blocks[name]()
    }
  }
  return samples
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const half = sorted.length >> 1
  const upper = sorted[half] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? Number.NaN)) / 2
}

/** The median of the rounds' ratios: what slows a whole round down is not in it. */
export function medianRatio(numbers: readonly number[], toNumbers: readonly number[]): number {
  return median(numbers.map((number, round) => number / (toNumbers[round] ?? Number.NaN)))
}

/** To so many significant digits, but never less than whole. */
export function round(value: number, digits = 3): number {
  return Math.abs(value) >= 10 ** digits ? Math.round(value) : Number(value.toPrecision(digits))
}

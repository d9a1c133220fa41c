/** Words that errors share: a choice of names, and the name that somebody may have meant. */

/** `a`, `a or b`, `a, b or c`. */
export function either(names: readonly string[]): string {
  const last = names.at(-1) ?? ''
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${last}` : last
}

/** `; did you mean NAME?`, or nothing where no name is near. Says nothing of what was given. */
export function didYouMean(given: string, names: readonly string[]): string {
  const near = findNear(given, names)
  return near === undefined ? '' : `; did you mean ${near}?`
}

/** The nearest of the names that differ in a quarter of their letters at most, or of which one begins the other. */
function findNear(given: string, names: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(given.length / 4))
  return names
    .map((name) => ({ name, steps: countSteps(given.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, steps }) => steps <= most || isBeginning(given, name) || isBeginning(name, given))
    .sort((a, b) => a.steps - b.steps)[0]?.name
}

function isBeginning(short: string, long: string): boolean {
  return short.length >= 3 && long.toLowerCase().startsWith(short.toLowerCase())
}

/** Levenshtein's distance: how many letters are to be put in, taken out or changed. */
function countSteps(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...to].entries())
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)),
      )
    row = next
  }
  return row.at(-1) ?? 0
}

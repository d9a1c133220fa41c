/** How often a timer rings: SCF's cron expression in, seconds out. Pure. */

/** The ranges of second, minute and hour. */
const ranges = [60, 60, 24] as const
const daySeconds = 86_400

/**
 * The shortest time between two rings of a timer, in seconds; days, months and years can only make it longer, so they
 * do not count. `null` for fields of seconds, minutes or hours that are none
 * (https://www.tencentcloud.com/document/product/583/9708).
 */
export function shortestPeriod(schedule: string): number | null {
  const periods = readPeriods(schedule)
  return periods && Math.min(...periods)
}

/** The longest time between two rings of a timer, in seconds. `null` also where it does not ring on every day. */
export function longestPeriod(schedule: string): number | null {
  const periods = readPeriods(schedule)
  const days = schedule.split(' ').slice(3)
  return periods && days.every((field) => field === '*') ? Math.max(...periods) : null
}

/** The times between the rings of a day that it rings on, and the first of the next. */
function readPeriods(schedule: string): number[] | null {
  const [second, minute, hour] = schedule.split(' ')
  const fields = [second, minute, hour].map((field, index) => readField(field ?? '', ranges[index] ?? 0))
  if (fields.some((values) => values.length === 0)) return null
  const [seconds = [], minutes = [], hours = []] = fields
  const rings = hours.flatMap((h) => minutes.flatMap((m) => seconds.map((s) => (h * 60 + m) * 60 + s)))
  // The first ring of the next day follows the last of this one.
  const next = [...rings.slice(1), (rings[0] ?? 0) + daySeconds]
  return rings.map((at, index) => (next[index] ?? 0) - at)
}

/** The values of a field, in order: of `*`, `5`, `1-5`, each also with a step, and lists of those. */
function readField(field: string, range: number): number[] {
  const values = new Set<number>()
  for (const part of field.split(',')) {
    const [, first = '', last, step] = /^(\*|\d+)(?:-(\d+))?(?:\/(\d+))?$/.exec(part) ?? []
    if (first === '' || step === '0') return []
    const from = first === '*' ? 0 : Number(first)
    const to = last !== undefined ? Number(last) : first === '*' || step !== undefined ? range - 1 : from
    for (let value = from; value <= to && value < range; value += Number(step ?? 1)) values.add(value)
  }
  return [...values].sort((a, b) => a - b)
}

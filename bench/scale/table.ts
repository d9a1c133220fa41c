/** The counts of fleets as a table for the terminal. */
import { vodCallsPerSecond } from '../../lib/tencent/vod.ts'
import type { Answer, FleetCounts, PhaseCounts } from './meter.ts'
import type { FleetSettings } from './settings.ts'

export interface Played {
  readonly settings: FleetSettings
  readonly counts: FleetCounts
}

const headings = [
  'requests/s',
  'instances',
  'apps',
  'cache s',
  'settings',
  'calls/s: start',
  'settling',
  'steady',
  'refused %',
  'failed %',
  'stale %',
  'mirror %',
  'reads/s',
  `above ${vodCallsPerSecond} calls a second`,
]

/** Two values with a slash are those of the start and of the steady state. */
export function printTable(fleets: readonly Played[]): string {
  const rows = [headings, ...fleets.map(rowOf)]
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return isText(column) ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd(),
  )
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '))
  return lines.join('\n')
}

function isText(column: number): boolean {
  return headings[column] === 'settings' || column === headings.length - 1
}

function rowOf({ settings, counts }: Played): string[] {
  const { start, settling, steady } = counts
  const both = (show: (phase: PhaseCounts) => string): string => `${show(start)} / ${show(steady)}`
  const answered = (kind: Answer): string => both((phase) => percent(phase.answers[kind], requests(phase)))
  return [
    whole(settings.requestsPerSecond),
    whole(settings.instances),
    whole(settings.applications),
    whole(settings.cacheSeconds),
    settings.name,
    ...[start, settling, steady].map((phase) => (isPlayed(phase) ? whole(phase.mostCalls) : '-')),
    both((phase) => percent(phase.refused, phase.calls)),
    answered('failed'),
    answered('stale'),
    answered('mirror'),
    both((phase) => (isPlayed(phase) ? whole(phase.mostReads) : '-')),
    describeExcess(counts),
  ]
}

/** When more calls came than Tencent allows, in words. */
export function describeExcess({ start, settling, steady }: FleetCounts): string {
  const phases = { 'at the start': start, settling, steadily: steady }
  const parts = Object.entries(phases).flatMap(([when, { mostCalls, secondsAbove, from, to }]) =>
    mostCalls > vodCallsPerSecond ? [`${when} (${whole(secondsAbove)} of ${whole(to - from)} s)`] : [],
  )
  return parts.join(', ') || 'never'
}

/** Whether a run was long enough for a phase. */
export function isPlayed({ from, to }: PhaseCounts): boolean {
  return to > from
}

export function requests({ answers }: PhaseCounts): number {
  return Object.values(answers).reduce((sum, count) => sum + count, 0)
}

export function percent(part: number, all: number): string {
  if (all === 0) return '-'
  // Sums of fractions: 100 may be missed by a hair.
  const share = Math.round((100_000_000 * part) / all) / 1_000_000
  if (share === 0 || share === 100) return `${share}`
  return share < 0.1 ? '<0.1' : share > 99.9 ? '>99.9' : share.toFixed(1)
}

export function whole(count: number): string {
  return count.toLocaleString('en-US')
}

/**
 * Upstream calls a second over time, as an SVG: a column for each group of fleets, a panel for each fleet. Its
 * colours are readable on white and on black, and it has no background, because an image does not learn which theme
 * the page around it has.
 */
import { vodCallsPerSecond } from '../../lib/tencent/vod.ts'
import { isPlayed, type Played, percent, requests, whole } from './table.ts'

export interface Column {
  readonly heading: string
  readonly fleets: readonly Played[]
}

const colours = { text: '#768390', grid: '#76839055', calls: '#388bfd', limit: '#e5534b' }
const margin = { left: 46, top: 70, between: 66, right: 20, bottom: 66 }
const panel = { width: 392, height: 74, gap: 62 }
const ticks = [1, 10, 100, 1000]
const most = 4000
/** A column shows as much as its shortest fleet has, of those that were not cut short, and no more than this. */
const longestSeconds = 900
/** Where nothing is; one call is this many pixels higher, because a logarithm has no zero. */
const zeroGap = 10

export function drawChart(columns: readonly Column[]): string {
  const rows = Math.max(...columns.map(({ fleets }) => fleets.length))
  const left = (index: number): number => margin.left + index * (panel.width + margin.between)
  const width = left(columns.length - 1) + panel.width + margin.right
  const height = margin.top + rows * (panel.height + panel.gap) - panel.gap + margin.bottom
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
      `font-family="ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12" fill="${colours.text}">`,
    '<title>Calls to Tencent a second, by fleet and over time</title>',
    ...columns.map((column, index) => drawColumn(column, left(index))),
    text(margin.left, height - 22, 'Calls to Tencent a second, by seconds since a cold start.'),
    text(margin.left, height - 6, `Red: the ${vodCallsPerSecond} that it allows. Failed: clients' requests.`),
    '</svg>\n',
  ].join('\n')
}

function drawColumn({ heading, fleets }: Column, left: number): string {
  const settled = fleets.filter(({ settings }) => settings.seconds === null)
  const lengths = (settled.length > 0 ? settled : fleets).map(({ counts }) => counts.callsBySecond.length)
  const seconds = Math.min(longestSeconds, ...lengths)
  const panels = fleets.map((fleet, index) =>
    drawPanel(fleet, left, margin.top + index * (panel.height + panel.gap), seconds),
  )
  return [text(left, 18, heading, 'font-size="15" font-weight="600"'), ...panels].join('\n')
}

function drawPanel({ settings, counts }: Played, left: number, top: number, seconds: number): string {
  const bottom = top + panel.height
  const y = (calls: number): number =>
    calls < 1 ? bottom : bottom - zeroGap - (Math.log(calls) / Math.log(most)) * (panel.height - zeroGap)
  const x = (second: number): number => left + (second / seconds) * panel.width
  const line = (calls: number, colour: string, more = ''): string =>
    `<path d="M${left} ${round(y(calls))}h${panel.width}" stroke="${colour}" fill="none" ${more}/>`
  const step = Math.max(1, Math.ceil(seconds / panel.width))
  const played = counts.callsBySecond.slice(0, seconds)
  const bars: string[] = []
  for (let second = 0; second < played.length; second += step) {
    const calls = Math.max(...played.slice(second, second + step))
    bars.push(`V${round(y(calls))}H${round(x(Math.min(second + step, played.length)))}`)
  }
  const times = timesUpTo(seconds)
  return [
    text(left, top - 20, title(settings), `font-weight="600"`),
    text(left, top - 6, summary({ settings, counts }), 'font-size="11"'),
    ...[0, ...ticks].map((calls) => line(calls, colours.grid)),
    ...[0, ...ticks].map((calls) =>
      text(left - 6, y(calls) + 3.5, whole(calls), 'font-size="10" text-anchor="end"'),
    ),
    `<path d="M${left} ${bottom}${bars.join('')}V${bottom}" fill="${colours.calls}" fill-opacity="0.35" stroke="${colours.calls}"/>`,
    line(vodCallsPerSecond, colours.limit, 'stroke-dasharray="4 3"'),
    ...times.map((second) =>
      text(x(second), bottom + 13, `${second}`, 'font-size="10" text-anchor="middle"'),
    ),
  ].join('\n')
}

function title({ requestsPerSecond, applications, name, seconds }: Played['settings']): string {
  const many = applications === 1 ? '' : `, ${applications} applications`
  return `${whole(requestsPerSecond)} requests/s${many}: ${name}${seconds === null ? '' : ` (first ${seconds} s)`}`
}

function summary({ settings, counts: { start, steady } }: Played): string {
  const failed = percent(start.answers.failed, requests(start))
  const later = isPlayed(steady) ? `; later ${whole(steady.mostCalls)}` : ''
  return `${whole(settings.instances)} instances; at first ${whole(start.mostCalls)} a second, ${failed} % failed${later}`
}

function timesUpTo(seconds: number): number[] {
  const step = [1, 2, 5, 10, 15, 30, 60, 150, 300].find((one) => seconds / one <= 6.5) ?? seconds
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step)
}

function text(x: number, y: number, words: string, more = ''): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${round(x)}" y="${round(y)}" ${more}>${safe}</text>`
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10
}

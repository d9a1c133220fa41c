/** Horizontal bars as SVG, on a card of its own so that it reads on any background. Pure. */
import type { Chart } from './charts.ts'

const width = 760
const margin = 20
const headHeight = 62
const rowHeight = 34
const barHeight = 18
const barsLeft = 350
/** Room for the longest number behind the longest bar. */
const valueRoom = 90

/** Colours by the scheme of whoever looks. */
const style = `
  .card { fill: #ffffff; stroke: #d0d7de }
  text { fill: #1f2328; font: 13px -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif }
  .title { font-size: 16px; font-weight: 600 }
  .subtitle { fill: #59636e; font-size: 12px }
  .mine { font-weight: 600 }
  .bar { fill: #afb8c1 }
  .bar.mine { fill: #1a7f64 }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #3d444d }
    text { fill: #e6edf3 }
    .subtitle { fill: #9198a1 }
    .bar { fill: #57606a }
    .bar.mine { fill: #2ea88a }
  }
`

export function drawBars({ title, unit, bars }: Omit<Chart, 'name'>, subtitle: string): string {
  const height = headHeight + bars.length * rowHeight + margin / 2
  const largest = Math.max(...bars.map(({ value }) => value))
  const scale = (width - margin - valueRoom - barsLeft) / largest
  const rows = bars.map(({ label, value, ours }, i) => {
    const top = headHeight + i * rowHeight
    const base = top + barHeight - 4
    const length = Math.max(1, value * scale).toFixed(1)
    const mine = ours ? ' mine' : ''
    return `  <text class="label${mine}" x="${barsLeft - 10}" y="${base}" text-anchor="end">${escapeText(label)}</text>
  <rect class="bar${mine}" x="${barsLeft}" y="${top}" width="${length}" height="${barHeight}" rx="3"/>
  <text class="value${mine}" x="${barsLeft + Number(length) + 8}" y="${base}">${escapeText(value.toLocaleString('en'))} ${escapeText(unit)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
  <title>${escapeText(title)}</title>
  <style>${style}</style>
  <rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
  <text class="title" x="${margin}" y="28">${escapeText(title)}</text>
  <text class="subtitle" x="${margin}" y="47">${escapeText(subtitle)}</text>
${rows.join('\n')}
</svg>
`
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

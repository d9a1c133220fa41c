/** The charts for people: `charts/NAME.svg`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { drawBars } from './svg.ts'

export interface Chart {
  /** The file's name without its ending. */
  readonly name: string
  readonly title: string
  /** Behind each number, such as `ms`. */
  readonly unit: string
  /** Default false: less is better. */
  readonly moreIsBetter?: boolean
  readonly bars: readonly { readonly label: string; readonly value: number; readonly ours: boolean }[]
}

const folder = new URL('charts/', import.meta.url)

/** `subtitle` says under what circumstances. Returns the paths that were written, relative to the project. */
export function writeCharts(charts: readonly Chart[], subtitle: string): string[] {
  mkdirSync(folder, { recursive: true })
  return charts.map((chart) => {
    const better = `${chart.moreIsBetter ? 'more' : 'less'} is better`
    writeFileSync(new URL(`${chart.name}.svg`, folder), drawBars(chart, `${better}; ${subtitle}`))
    return `bench/charts/${chart.name}.svg`
  })
}

/** Tables for a terminal. Pure. */
import { stripVTControlCharacters, styleText } from 'node:util'

type Row = Readonly<Record<string, string | number>>

/** Columns by the keys of the first row; numbers to the right. */
export function drawTable(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {})
  const cells = rows.map((row) => names.map((name) => format(row[name])))
  const widths = names.map((name, i) => Math.max(name.length, ...cells.map((line) => lengthOf(line[i]))))
  const toRight = names.map((name) => rows.some((row) => typeof row[name] === 'number'))
  const draw = (line: readonly string[]): string =>
    line
      .map((cell, i) => {
        const filling = ' '.repeat((widths[i] ?? 0) - lengthOf(cell))
        return toRight[i] ? filling + cell : cell + filling
      })
      .join('  ')
      .trimEnd()
  return [
    styleText('bold', draw(names)),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...cells.map(draw),
  ].join('\n')
}

function format(cell: string | number | undefined): string {
  return typeof cell === 'number' ? cell.toLocaleString('en') : (cell ?? '')
}

function lengthOf(cell = ''): number {
  return stripVTControlCharacters(cell).length
}

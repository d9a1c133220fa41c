/**
 * CloudWatch Logs Insights, as far as the dashboard uses its language: a query and log lines in, rows out. Whatever else is in
 * a query is refused, and so is a field that no line has among the 200 that are read of it.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
 */
import type { Line } from '../commands/template/lines.ts'

type Value = string | number
type Fields = ReadonlyMap<string, Value>
export type Row = Readonly<Record<string, Value | null>>

/** Of a line no more fields are known. */
const readFields = 200

/** A line's fields by their dotted names, in its order. Members that are `null` count, and have no value. */
export function discoverFields(line: Line): Map<string, Value> {
  const found = new Map<string, Value>()
  let seen = 0
  function visit(value: unknown, name: string): void {
    if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) visit(inner, name === '' ? key : `${name}.${key}`)
    else if (++seen <= readFields && value !== null)
      found.set(name, typeof value === 'number' ? value : String(value))
  }
  visit(line, '')
  found.set('@timestamp', Date.parse(String(line['timestamp'])))
  return found
}

/** Runs a query over the lines of its log group, which its SOURCE must name. */
export function runQuery(query: string, logGroup: string, lines: readonly Line[]): Row[] {
  const discovered = lines.map(discoverFields)
  const [source = '', ...commands] = query.split('\n| ')
  if (source !== `SOURCE '${logGroup}'`) throw new Error(`not the log group of the query: ${source}`)
  let rows: Fields[] = discovered
  let shown: readonly string[] | null = null
  const own = new Set<string>()

  for (const command of commands) {
    const [, verb = '', rest = ''] = /^(\w+) (.*)$/s.exec(command) ?? []
    const words = createWords(rest, (name) => {
      if (!own.has(name) && !discovered.some((fields) => fields.has(name)))
        throw new Error(`no line has the field ${name} among its first ${readFields}`)
    })
    if (verb === 'filter') {
      const matches = words.condition()
      rows = rows.filter(matches)
    } else if (verb === 'fields') {
      const columns = words.columns(() => words.term())
      shown = [...(shown ?? []), ...columns.map(({ name }) => name)]
      for (const { name } of columns) own.add(name)
      rows = rows.map((row) => {
        const more = new Map(row)
        for (const { name, read } of columns) {
          const value = read(row)
          if (value === null) more.delete(name)
          else more.set(name, value)
        }
        return more
      })
    } else if (verb === 'stats') {
      const totals = words.columns(() => words.total())
      words.expect('by', { optional: true })
      const groups = words.atEnd() ? [] : words.columns(() => words.term())
      const sets = new Map<string, Fields[]>()
      for (const row of rows) {
        const key = JSON.stringify(groups.map(({ read }) => read(row)))
        sets.set(key, [...(sets.get(key) ?? []), row])
      }
      shown = [...totals, ...groups].map(({ name }) => name)
      for (const name of shown) own.add(name)
      rows = [...sets.values()].map((set) => {
        const values = [
          ...groups.map(({ name, read }) => [name, read(set[0] as Fields)] as const),
          ...totals.map(({ name, read }) => [name, read(set)] as const),
        ]
        return new Map(values.filter((pair): pair is [string, Value] => pair[1] !== null))
      })
    } else if (verb === 'sort') {
      const by = words.term()
      words.expect('desc')
      rows = [...rows].sort((one, other) => Number(by(other) ?? 0) - Number(by(one) ?? 0))
    } else if (verb === 'limit') rows = rows.slice(0, words.number())
    else throw new Error(`this Logs Insights does not know ${command}`)
    if (!words.atEnd()) throw new Error(`this Logs Insights does not know all of ${command}`)
  }
  if (shown === null) throw new Error('the query shows no columns')
  const columns = shown
  return rows.map((row) => Object.fromEntries(columns.map((name) => [name, row.get(name) ?? null])))
}

interface Column<Read> {
  readonly name: string
  readonly read: Read
}

/** The words of one command, read from left to right. */
function createWords(text: string, check: (field: string) => void) {
  const tokens = text.match(/"[^"]*"|[@A-Za-z_][\w.]*|\d+|[(),*]|>=|[=><]|\S/g) ?? []
  let at = 0
  const language = ['and', 'or', 'as', 'by', 'desc', 'asc', 'not', 'in', 'like']
  function expect(word: string, { optional = false } = {}): void {
    if (tokens[at] === word) at++
    else if (!(optional && at >= tokens.length))
      throw new Error(`${word} expected at ${tokens[at]} in ${text}`)
  }
  function name(): string {
    const word = tokens[at++] ?? ''
    if (!/^[@A-Za-z_]/.test(word) || language.includes(word))
      throw new Error(`a field expected at ${word} in ${text}`)
    return word
  }
  /** A field, or the first of several that has a value. */
  function term(): (row: Fields) => Value | null {
    const word = name()
    if (word !== 'coalesce') {
      check(word)
      return (row) => row.get(word) ?? null
    }
    expect('(')
    const fields: string[] = []
    do {
      const field = name()
      check(field)
      fields.push(field)
    } while (tokens[at] === ',' && at++ >= 0)
    expect(')')
    return (row) => fields.map((field) => row.get(field)).find((value) => value !== undefined) ?? null
  }
  function total(): (rows: readonly Fields[]) => Value | null {
    const word = name()
    expect('(')
    if (word === 'count') {
      expect('*')
      expect(')')
      return (rows) => rows.length
    }
    if (word !== 'latest') throw new Error(`this Logs Insights does not know ${word}(`)
    const read = term()
    expect(')')
    return (rows) => {
      const newest = [...rows].sort((a, b) => Number(b.get('@timestamp')) - Number(a.get('@timestamp')))
      return newest.map(read).find((value) => value !== null) ?? null
    }
  }
  function columns<Read>(one: () => Read): Column<Read>[] {
    const found: Column<Read>[] = []
    do {
      const start = at
      const read = one()
      const written = tokens.slice(start, at).join('')
      if (tokens[at] === 'as') {
        at++
        found.push({ name: tokens[at++] ?? '', read })
      } else found.push({ name: written, read })
    } while (tokens[at] === ',' && at++ >= 0)
    return found
  }
  function condition(): (row: Fields) => boolean {
    let left = both()
    while (tokens[at] === 'or') {
      at++
      const [one, other] = [left, both()]
      left = (row) => one(row) || other(row)
    }
    return left
  }
  function both(): (row: Fields) => boolean {
    let left = comparison()
    while (tokens[at] === 'and') {
      at++
      const [one, other] = [left, comparison()]
      left = (row) => one(row) && other(row)
    }
    return left
  }
  function comparison(): (row: Fields) => boolean {
    if (tokens[at] === '(') {
      at++
      const inner = condition()
      expect(')')
      return inner
    }
    const read = term()
    const operator = tokens[at++] ?? ''
    const literal = tokens[at++] ?? ''
    if (literal.startsWith('"') && operator === '=') return (row) => read(row) === literal.slice(1, -1)
    if (!/^\d+$/.test(literal) || !['=', '>', '>='].includes(operator))
      throw new Error(`this Logs Insights does not know ${operator} ${literal} in ${text}`)
    const number = Number(literal)
    return (row) => {
      const value = read(row)
      if (typeof value !== 'number') return false
      return operator === '=' ? value === number : operator === '>' ? value > number : value >= number
    }
  }
  return {
    expect,
    term,
    total,
    columns,
    condition,
    number: () => Number(tokens[at++]),
    atEnd: () => at >= tokens.length,
  }
}

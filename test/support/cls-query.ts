/**
 * CLS's alarms on lines of a log: a small part of its search syntax (CQL), of its SQL and of its trigger conditions,
 * which refuses whatever it does not know
 * (https://www.tencentcloud.com/document/product/614/37803, https://www.tencentcloud.com/document/product/614/39576).
 */

import { type Condition, readCondition, readWords } from './conditions.ts'

type Fields = Readonly<Record<string, unknown>>

/** A line as CLS keeps it, and when it was written, in minutes. */
export interface KeptLine {
  readonly at: number
  readonly fields: Readonly<Record<string, string | number>>
}

/** Of an index: what a field is taken for, and where its text is cut into words. */
export type Index = ReadonlyMap<string, { readonly type: string; readonly tokenizer: string }>

/** The index that a rule of `CreateIndex` makes. Only fields with `SqlFlag` are in it. */
export function readIndexRule(rule: Fields): Index {
  const { CaseSensitive, KeyValues } = rule['KeyValue'] as { CaseSensitive: boolean; KeyValues: Fields[] }
  if (!CaseSensitive) throw new Error('an index that does not tell large from small is not simulated')
  return new Map(
    KeyValues.map((one): [string, { type: string; tokenizer: string }] => {
      const { Type, Tokenizer, SqlFlag } = one['Value'] as Record<string, unknown>
      if (SqlFlag !== true) throw new Error(`${one['Key']} cannot be counted`)
      return [String(one['Key']), { type: String(Type), tokenizer: String(Tokenizer) }]
    }),
  )
}

/** What CLS keeps of a JSON line: texts and numbers of the first level. https://cloud.tencent.com/document/product/583/67792 */
export function keep(line: string): Record<string, string | number> {
  const kept = Object.entries(JSON.parse(line) as Fields).filter(
    ([, value]) => typeof value === 'string' || typeof value === 'number',
  )
  return Object.fromEntries(kept) as Record<string, string | number>
}

/**
 * The minutes at which an alarm, in the fields of `CreateAlarm`, rings for lines: it looks every so often from `from` on
 * and before `to`, and rings at each look that follows enough others that found its condition met.
 */
export function ring(
  alarm: Fields,
  index: Index,
  lines: readonly KeptLine[],
  { from, to }: { readonly from: number; readonly to: number },
): number[] {
  const { Type, Time } = alarm['MonitorTime'] as Fields
  if (Type !== 'Period') throw new Error('only Period is simulated')
  const targets = (alarm['AlarmTargets'] as Fields[]).map((target) => {
    if (target['SyntaxRule'] !== 1) throw new Error('only CQL is simulated')
    return {
      number: Number(target['Number']),
      start: Number(target['StartTimeOffset']),
      end: Number(target['EndTimeOffset']),
      query: parseQuery(String(target['Query']), index),
    }
  })
  const condition = parseCondition(String(alarm['Condition']))
  const rings: number[] = []
  let met = 0
  for (let now = from; now < to; now += Number(Time)) {
    const results = new Map(
      targets.map(({ number, start, end, query }) => {
        const looked = lines.filter(({ at }) => at > now + start && at <= now + end)
        return [number, { __QUERYCOUNT__: 1, [query.name]: query.aggregate(looked.filter(query.fits)) }]
      }),
    )
    met = condition(results) ? met + 1 : 0
    if (met >= Number(alarm['TriggerCount'])) rings.push(now)
  }
  return rings
}

interface Query {
  fits(line: KeptLine): boolean
  /** What the lines that fit come to; a sum of none is null. */
  aggregate(lines: readonly KeptLine[]): number | null
  /** What that is called. */
  readonly name: string
}

/** `SEARCH | select count(*) as NAME`, or `sum(FIELD)` in place of the count. */
export function parseQuery(text: string, index: Index): Query {
  const [search = '', sql = '', ...more] = text.split(' | ')
  const [, summed, name] = /^select (?:count\(\*\)|sum\((\w+)\)) as ([a-z]\w*)$/.exec(sql) ?? []
  if (!name || more.length > 0) throw new Error(`SQL that is not known: ${sql}`)
  const fits = parseSearch(search, index)
  if (summed === undefined) return { fits, aggregate: ({ length }) => length, name }
  if (index.get(summed)?.type !== 'long') throw new Error(`cannot be summed: ${summed}`)
  return {
    fits,
    aggregate: (lines) =>
      lines.length === 0 ? null : lines.reduce((sum, { fields }) => sum + Number(fields[summed] ?? 0), 0),
    name,
  }
}

type Fits = Condition<KeptLine>

function parseSearch(text: string, index: Index): Fits {
  try {
    const words = readWords(
      text,
      /\s*(\(|\)|(?:AND|OR|NOT)(?!\w)|\w+:"[^"]*"|\w+:(?:>=|<=|>|<)?\d+(?![\w.]))/y,
    )
    const fits = readCondition(words, { and: 'AND', or: 'OR', not: 'NOT' }, () =>
      parseTerm(words.next(), index),
    )
    words.end()
    return fits
  } catch (error) {
    throw new Error(`a search that is not known: ${text}: ${(error as Error).message}`)
  }
}

function parseTerm(term: string, index: Index): Fits {
  const [, key = '', operator = '', number, phrase] = /^(\w+):(?:(\D*)(\d+)|"(.*)")$/.exec(term) ?? []
  const found = index.get(key)
  if (!found) throw new Error(`not in the index: ${key || term}`)
  if (phrase !== undefined) {
    if (found.type !== 'text') throw new Error(`${key} is no text`)
    const words = cut(phrase, found.tokenizer)
    if (words.length === 0 || /[*?\\]/.test(phrase)) throw new Error(`a phrase that is not known: ${phrase}`)
    return ({ fields }) => {
      const all = cut(String(fields[key] ?? ''), found.tokenizer)
      return all.some((_, at) => words.every((word, offset) => all[at + offset] === word))
    }
  }
  if (found.type !== 'long') throw new Error(`${key} is no whole number`)
  const compare = comparisons[operator]
  if (!compare) throw new Error(`a comparison that is not known: ${term}`)
  return ({ fields }) => Number.isInteger(fields[key]) && compare(Number(fields[key]), Number(number))
}

function cut(text: string, tokenizer: string): string[] {
  let words = [text]
  for (const mark of tokenizer) words = words.flatMap((word) => word.split(mark))
  return words.filter((word) => word !== '')
}

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '': (a, b) => a === b,
  '==': (a, b) => a === b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
}

type Results = ReadonlyMap<number, Readonly<Record<string, number | null>>>

/** Comparisons of a result with a number, joined by `&&` and `||`. */
export function parseCondition(text: string): (results: Results) => boolean {
  const sides = text.split(' || ').map((side) =>
    side.split(' && ').map((part) => {
      const [, number, name = '', operator = '', value] = /^\$(\d)\.(\w+) ([<>]=?|==) (\d+)$/.exec(part) ?? []
      const compare = operator === '' ? undefined : comparisons[operator]
      if (!compare) throw new Error(`a condition that is not known: ${part}`)
      return (results: Results): boolean => {
        const is = results.get(Number(number))?.[name]
        if (is === undefined) throw new Error(`no query gives ${part}`)
        return is !== null && compare(is, Number(value))
      }
    }),
  )
  return (results) => sides.map((all) => all.map((met) => met(results)).every(Boolean)).some(Boolean)
}

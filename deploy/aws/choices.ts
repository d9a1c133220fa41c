/**
 * Variants of a document, one for each value of a parameter, as one document with conditions: a CloudFormation template that decides
 * when it is deployed what is otherwise decided when it is made. Pure.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Json } from './intrinsics.ts'

/** A parameter with a few values, each of which makes another document. */
export interface Choice {
  readonly parameter: string
  /** Each stands for a variant. With a condition they are two: what holds where it is true, then where it is false. */
  readonly values: readonly string[]
  readonly condition?: { readonly name: string; readonly otherwise: string; readonly test: Json }
}

/** What a merged document refers to. */
export interface Declarations {
  readonly Conditions: Record<string, Json>
  readonly Mappings: Record<string, Record<string, Record<string, Json>>>
}

export const noValue = { Ref: 'AWS::NoValue' }

/**
 * Makes one document of all that `describe` gives for each combination of values, and adds to `declared` the conditions and mappings
 * that it refers to. Where the variants agree it says what they say. Where they differ it has a reference to the parameter itself, an
 * `Fn::If` or an `Fn::FindInMap`.
 */
export function mergeVariants(
  choices: readonly Choice[],
  describe: (values: Readonly<Record<string, string>>) => Json,
  declared: Declarations,
): Json {
  const [choice, ...others] = choices
  if (choice === undefined) return describe({})
  const variants = choice.values.map((value) =>
    mergeVariants(others, (values) => describe({ ...values, [choice.parameter]: value }), declared),
  )
  return merge(choice, variants, { declared, key: choice.parameter }) ?? null
}

interface Place {
  readonly declared: Declarations
  /** The nearest name above, which a mapping takes its own from. */
  readonly key: string
}

/** `undefined` stands for a variant in which there is nothing at this place. */
type Variant = Json | undefined

function merge(choice: Choice, variants: readonly Variant[], place: Place): Variant {
  const [first] = variants
  if (variants.every((one) => isDeepStrictEqual(one, first))) return first
  if (variants.every((one, i) => typeof one !== 'object' && String(one) === choice.values[i]))
    return { Ref: choice.parameter }
  if (variants.every(isOpen)) {
    const keys = new Set(variants.flatMap((one) => Object.keys(one)))
    return Object.fromEntries(
      [...keys].map((key) => [
        key,
        merge(
          choice,
          variants.map((one) => one[key]),
          { ...place, key: /^\w+$/.test(key) ? key : place.key },
        ) ?? null,
      ]),
    )
  }
  if (variants.every((one) => Array.isArray(one))) return mergeLists(choice, variants, place)
  if (areLongTexts(variants)) return mergeTexts(choice, variants, place)
  return choose(choice, variants, place)
}

/** Element by element; those of a list are chosen whole, so that a statement of a policy can be read in one piece. */
function mergeLists(choice: Choice, lists: readonly (readonly Json[])[], place: Place): Json {
  const length = Math.max(...lists.map((list) => list.length))
  return Array.from({ length }, (_, i) => {
    const variants = lists.map((list) => list[i])
    const [first] = variants
    if (variants.every((one) => isDeepStrictEqual(one, first))) return first ?? null
    const isPlain = variants.some((one) => intrinsicOf(one) === null && isOpen(one))
    return (isPlain ? choose : merge)(choice, variants, place) ?? null
  })
}

/** In pieces, so that what differs in a long text are a few of its words, and not the whole. */
function mergeTexts(choice: Choice, texts: readonly string[], place: Place): Json {
  const split = texts.map((text) => text.split(/(\b\d+\b)/))
  const [first = []] = split
  const isAlike = split.every(
    (words) => words.length === first.length && words.every((word, i) => i % 2 === 1 || word === first[i]),
  )
  const columns = isAlike ? first.map((_, i) => split.map((words) => words[i] ?? '')) : splitOffEnds(texts)
  const pieces = columns.map((column) => {
    const [word = ''] = column
    return column.every((one) => one === word) ? word : choose(choice, column, place)
  })
  return { 'Fn::Join': ['', joinTexts(pieces)] }
}

/** What all texts begin with, what stands between, and what all end with. */
function splitOffEnds(texts: readonly string[]): string[][] {
  const [first = ''] = texts
  const shortest = Math.min(...texts.map((text) => text.length))
  let start = 0
  while (start < shortest && texts.every((text) => text[start] === first[start])) start++
  let end = 0
  while (end < shortest - start && texts.every((text) => text.at(-1 - end) === first.at(-1 - end))) end++
  const part = (from: number, to: (text: string) => number): string[] =>
    texts.map((text) => text.slice(from < 0 ? text.length + from : from, to(text)))
  return [
    part(0, () => start),
    part(start, (text) => text.length - end),
    end === 0 ? texts.map(() => '') : part(-end, (text) => text.length),
  ]
}

function joinTexts(pieces: readonly Json[]): Json[] {
  const joined: Json[] = []
  for (const piece of pieces) {
    const last = joined.at(-1)
    if (typeof piece === 'string' && typeof last === 'string') joined[joined.length - 1] = last + piece
    else if (piece !== '') joined.push(piece)
  }
  return joined
}

function choose(choice: Choice, variants: readonly Variant[], place: Place): Json {
  const { parameter, values, condition } = choice
  if (condition) {
    const [yes, no] = variants
    place.declared.Conditions[condition.name] = condition.test
    return { 'Fn::If': [condition.name, yes ?? noValue, no ?? noValue] }
  }
  const there = values.filter((_, i) => variants[i] !== undefined)
  if (there.length === values.length) return lookUp(choice, variants, place)
  const name = `${parameter}Is${there.join('Or')}`
  const tests = there.map((value) => ({ 'Fn::Equals': [{ Ref: parameter }, value] }))
  place.declared.Conditions[name] = tests.length > 1 ? { 'Fn::Or': tests } : (tests[0] ?? null)
  // Never looked up where it is not there, but a mapping has the same names in each row.
  const some = variants.find((one) => one !== undefined)
  const filled = variants.map((one) => one ?? some)
  return { 'Fn::If': [name, merge(choice, filled, place) ?? noValue, noValue] }
}

/** A mapping takes texts and numbers. The same values share a name in it, that of the place where they were first met. */
function lookUp({ parameter, values }: Choice, variants: readonly Variant[], { declared, key }: Place): Json {
  if (!variants.every((one) => typeof one === 'string' || typeof one === 'number'))
    throw new Error(`Making a mapping of ${parameter} at ${key}: its values are no texts and no numbers`)
  // Not the parameter's own name, which moto takes for the parameter.
  const mapping = `By${parameter}`
  declared.Mappings[mapping] ??= Object.fromEntries(values.map((value) => [value, {}]))
  const rows = Object.values(declared.Mappings[mapping])
  const texts = variants.map(String)
  const known = Object.keys(rows[0] ?? {})
  let name = known.find((one) => rows.every((row, i) => row[one] === texts[i]))
  if (name === undefined) {
    name = known.includes(key) ? `${key}${known.length}` : key
    for (const [i, row] of rows.entries()) row[name] = texts[i] ?? ''
  }
  return { 'Fn::FindInMap': [mapping, { Ref: parameter }, name] }
}

/** Long enough to be a document inside the document. */
function areLongTexts(variants: readonly Variant[]): variants is readonly string[] {
  return variants.every((one) => typeof one === 'string') && variants.some((one) => one.length > 200)
}

/** Whether it may be merged name by name: a plain object, or a function whose arguments are documents themselves. */
function isOpen(value: Variant): value is { readonly [name: string]: Json } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const name = intrinsicOf(value)
  return name === null || name === 'Fn::Join'
}

/** The function of CloudFormation that an object is, or `null`. */
export function intrinsicOf(value: Variant): string | null {
  if (typeof value !== 'object' || value === null) return null
  const [name = '', ...others] = Object.keys(value)
  return others.length === 0 && /^(Ref|Fn::\w+)$/.test(name) ? name : null
}

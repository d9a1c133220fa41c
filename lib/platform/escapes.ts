/** What a text says once its escapes are read, and where in the text that stands. Throws for no text. */

/** A part of a text; `end` is exclusive. */
export interface Run {
  readonly start: number
  readonly end: number
}

/** A text as it is, or as it reads once its escapes are read. */
export interface Reading {
  readonly text: string
  /** What was read; null for the text as it is. */
  readonly of: Reading | null
  /** In order: where an escape stands in `of`, and where its meaning stands in `text`. */
  readonly escapes: readonly { readonly from: Run; readonly to: Run }[]
}

const hex = '[\\da-fA-F]'
const next = `%[89abAB]${hex}`
/** JSON in JSON, or a URL in a URL, this many times over. */
const mostLayers = 8
/** In all layers. No text of ours has that many, and reading more would take seconds. */
const mostEscapes = 250_000
/** By a character that each of a kind begins with. */
const kinds = new Map([
  // A character in UTF-8 each, and nothing that decodeURIComponent refuses.
  [
    '%',
    [
      `%[0-7]${hex}`,
      `%(?:[cC][2-9a-fA-F]|[dD]${hex})${next}`,
      `%(?:[eE]0%[abAB]${hex}|[eE][1-9a-cA-CefEF]${next}|[eE][dD]%[89]${hex})${next}`,
      `%(?:[fF]0%[9abAB]${hex}|[fF][1-3]${next}|[fF]4%8${hex})${next}${next}`,
    ].join('|'),
  ],
  ['\\', `\\\\(?:u${hex}{4}|u\\{${hex}{1,5}\\}|U000${hex}{5}|x${hex}{2}|["'\\\\/ntrbf])`],
  ['&', `&(?:amp|lt|gt|quot|apos|#\\d{1,6}|#[xX]${hex}{1,5});`],
])
const anyEscape = new RegExp([...kinds.values()].join('|'), 'g')
const escapesByMark = [...kinds].map(([mark, escapes]) => ({ mark, pattern: new RegExp(escapes, 'g') }))
const meanings: Readonly<Record<string, string>> = {
  ...{ '\\n': '\n', '\\t': '\t', '\\r': '\r', '\\b': '\b', '\\f': '\f' },
  ...{ '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'" },
}

function readEscape(spelled: string): string {
  if (spelled.startsWith('%')) return decodeURIComponent(spelled)
  if (spelled.startsWith('&#')) return String.fromCodePoint(Number(`0${spelled.slice(2, -1)}`))
  if (spelled.length > 3 && spelled.startsWith('\\'))
    return String.fromCodePoint(Number(`0x${spelled.slice(2).replace(/[{}]/g, '')}`))
  return meanings[spelled] ?? spelled.slice(1)
}

/**
 * The text as it is and as it reads. Where kinds of escapes meet, each is read alone too: of `\nab%22`, which may be a
 * backslash before a secret `nab"`, reading all at once leaves no `n`.
 */
export function* readingsOf(text: string): Generator<Reading> {
  const asIs = { text, of: null, escapes: [] }
  yield asIs
  const present = escapesByMark.filter(({ mark }) => text.includes(mark))
  if (present.length > 0) yield* layersOf(asIs, anyEscape)
  if (present.length > 1) for (const { pattern } of present) yield* layersOf(asIs, pattern)
}

/** Reads escapes until none is left. */
function* layersOf(outermost: Reading, pattern: RegExp): Generator<Reading> {
  let of = outermost
  let left = mostEscapes
  for (let layer = 0; layer < mostLayers; layer++) {
    const escapes: { from: Run; to: Run }[] = []
    let text = ''
    let end = 0
    pattern.lastIndex = 0
    for (let match = pattern.exec(of.text); match; match = pattern.exec(of.text)) {
      const [spelled] = match
      if (left-- === 0) throw new RangeError('too many escapes')
      text += of.text.slice(end, match.index)
      end = match.index + spelled.length
      const start = text.length
      text += readEscape(spelled)
      escapes.push({ from: { start: match.index, end }, to: { start, end: text.length } })
    }
    if (escapes.length === 0) return
    of = { text: text + of.text.slice(end), of, escapes }
    yield of
  }
}

/** Where a part of a reading stands in the text as it is: escapes go whole. */
export function locate({ start, end }: Run, reading: Reading): Run {
  if (reading.of === null) return { start, end }
  return locate(
    { start: unitBefore(start, reading).start, end: unitBefore(end - 1, reading).end },
    reading.of,
  )
}

/** What the unit at `at` was read from. */
function unitBefore(at: number, { escapes }: Reading): Run {
  let low = 0
  let high = escapes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((escapes[middle]?.to.start ?? 0) <= at) low = middle + 1
    else high = middle
  }
  const last = escapes[low - 1]
  if (last && at < last.to.end) return last.from
  const start = last ? at - last.to.end + last.from.end : at
  return { start, end: start + 1 }
}

/** What is left when no escape is, or after eight layers. */
export function fullyRead(text: string): string {
  let read = text
  for (const layer of layersOf({ text, of: null, escapes: [] }, anyEscape)) read = layer.text
  return read
}

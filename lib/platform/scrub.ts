/**
 * Takes every known secret out of text, by value, in whatever spelling the text holds it. What is known of a secret is
 * numbers, never its text: there is no pattern to grow too large, and nothing that an error could quote. Applied by log.ts
 * to lines and errors, and by the handlers to problem answers and to results of runs by hand.
 */
import { hash } from 'node:crypto'
import { foldWords } from '../foreign.ts'
import { fullyRead, locate, type Run, readingsOf } from './escapes.ts'

/** Knows the secrets this process has seen and takes them out of text. */
export interface Scrubber {
  /**
   * Those under six UTF-16 units are passed over: no secret is that short, and it would garble every line. Adding a
   * known one makes it the newest.
   */
  addSecrets(secrets: Iterable<string | undefined>): void
  /**
   * The same for values of others that stand where a document of ours should be: kept apart, so that they push out no key or
   * token, and looked for in base64 up to 4,096 units only.
   */
  addForeign(values: Iterable<string | undefined>): void
  /** The text with `***` for every run of known secrets; the same text when it holds none. Never throws. */
  scrub(text: string): string
}

/** What stands where scrubbing failed: constant, because the cause could quote the text. */
export const withheld = 'This text was withheld: removing secrets from it failed'

/** These and all lengths are in UTF-16 units. */
const shortest = 6
const pieceLength = 64
/** Longer ones are documents. */
const longestInHex = 1024
/** The hashes of shorter texts share one buffer: making a new one costs more than the search. */
const longestBuffered = 8192

/**
 * Found are a secret as it is; in any nesting, up to eight layers, of JSON or JavaScript, percent and XML escapes; as
 * base64, standard or URL-safe, alone or within that of a longer text, save the up to three characters at either end
 * that are made of its neighbours too; and of a secret of 64 units or more any piece that was kept, so any 127 units in
 * a row, and the last 64. Not found are shorter parts, base64 broken into lines or of a secret over 2^20 units,
 * base64 of base64, `+` for a blank, another case, and a secret whose escaped spelling begins amid an escape.
 *
 * `capacity` is how many numbers are kept, about 55 bytes each, 27 MB for all. A token of 64 characters takes 12, a
 * foreign document of 4 KB 500. They are kept in two generations: when the newer one holds half of them, the older one is forgotten, and
 * with it each secret that was not added since the newer one began. So secrets go oldest first, and never one of those
 * that filled the last half. That is safe because whatever could quote a secret comes after the secret was added, in
 * the same invocation: credentials are added at each call, tokens and documents with each reading; and a run over 100
 * applications with 50 tokens each takes about a third of a half. A secret that is larger than a half is kept whole
 * nevertheless and ends its generation; its numbers take less memory than its text.
 */
export function createScrubber({ capacity = 500_000 }: { readonly capacity?: number } = {}): Scrubber {
  const starts = new Uint32Array(2 ** (startBits - 5))
  const own = createPool(capacity, 2 ** 20, starts)
  const foreign = createPool(capacity, 4096, starts)
  const buffer = new Int32Array(longestBuffered + 1)
  /** Those in use; `null` after something was added. */
  let known: readonly PieceClass[] | null = null

  function addTo({ add }: typeof own): Scrubber['addSecrets'] {
    return (secrets) => {
      known = null
      add(secrets)
    }
  }

  function scrub(text: string): string {
    known ??= [...own.classes(), ...foreign.classes()].filter(({ heads }) => heads.size > 0)
    if (known.length === 0) return text
    const found: Run[] = []
    for (const reading of readingsOf(text)) {
      const { length } = reading.text
      const hashes = length <= longestBuffered ? buffer : new Int32Array(length + 1)
      for (const run of findRuns(reading.text, known, starts, hashes)) found.push(locate(run, reading))
    }
    return found.length === 0 ? text : replaceRuns(text, found)
  }

  return { addSecrets: addTo(own), addForeign: addTo(foreign), scrub: guardScrub(scrub) }
}

/** Secrets of one kind, in two generations of at most half of the capacity each. */
function createPool(capacity: number, longestInBase64: number, starts: Uint32Array) {
  let current = createGeneration()
  let previous = createGeneration()
  return {
    classes: (): PieceClass[] => [...current.classes, ...previous.classes],
    add(secrets: Iterable<string | undefined>): void {
      for (const secret of secrets) {
        if (typeof secret !== 'string' || secret.length < shortest) continue
        // Not the quick hash: were two secrets taken for one, the second would stay unknown.
        const identity = hash('sha256', Buffer.from(secret, 'utf16le'), 'binary')
        if (current.identities.has(identity)) continue
        if (sizeOf(current) >= capacity / 2) [current, previous] = [createGeneration(), current]
        for (const form of formsOf(secret, longestInBase64)) addForm(form, current, starts)
        current.identities.add(identity)
      }
    },
  }
}

/** `scrub` that never throws: where it would, for want of memory or for whatever reason, {@link withheld} comes back. */
export function guardScrub(scrub: (text: string) => string): (text: string) => string {
  return (text) => {
    try {
      return scrub(text)
    } catch {
      return withheld
    }
  }
}

/**
 * JSON with every string value scrubbed before it is serialised, so that it stays JSON; names of members and numbers
 * are ours and stay. A secret is found in JSON too, so what holds none is serialised once, and most lines hold none.
 * Never throws: an object that says {@link withheld} stands for what cannot be serialised.
 */
export function scrubJson(value: unknown, scrub: (text: string) => string): string {
  try {
    const json = JSON.stringify(value) ?? 'null'
    if (scrub(json) === json) return json
    return JSON.stringify(value, (_, part) => (typeof part === 'string' ? scrub(part) : part))
  } catch {
    return JSON.stringify({ withheld })
  }
}

/** What a secret is looked for as. Escapes are not here, because texts are searched with theirs read as well. */
function formsOf(secret: string, longestInBase64: number): Set<string> {
  const forms = new Set<string>()
  // One that looks escaped is read with the text around it. A lone surrogate has no UTF-8: URLs hold U+FFFD instead.
  for (const form of [secret, secret.toWellFormed(), foldWords(secret)]) forms.add(form).add(fullyRead(form))
  const bytes = Buffer.from(secret)
  if (secret.length <= longestInHex) forms.add(bytes.toString('hex')).add(bytes.toString('hex').toUpperCase())
  if (secret.length > longestInBase64) return forms
  const json = JSON.stringify(secret).slice(1, -1)
  for (const form of new Set([secret, json, json.replaceAll('/', '\\/')]))
    for (const base64 of base64Of(Buffer.from(form))) {
      forms.add(base64)
      forms.add(base64.replaceAll('+', '-').replaceAll('/', '_'))
    }
  return forms
}

/** What base64 of any bytes with these among them holds, by how many bytes (mod 3) stand before: six bits a character. */
function base64Of(bytes: Buffer): string[] {
  return [0, 1, 2].map((before) =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)),
  )
}

/**
 * The pieces of one class of lengths, from `width` to less than twice that; of 64, that length alone. A piece stands
 * where its first `width` units stand and its whole does, so a position costs one look-up, and for a known head at
 * most 64 steps, however many secrets there are.
 */
interface PieceClass {
  readonly width: number
  /** By the hash of a head: the lengths of the pieces that begin so, a bit each, `width` the lowest. */
  readonly heads: Map<number, number>
  /** Hashes of the pieces that are longer than their head. */
  readonly wholes: Set<number>
  /** Two bits for the first hash of each head and, mostly, not both for others; 16 bits or more for each head. */
  filter: Uint32Array
}

/** What was added between two forgettings. */
interface Generation {
  readonly identities: Set<string>
  readonly classes: readonly PieceClass[]
}

function createGeneration(): Generation {
  const classes = [4, 8, 16, 32, pieceLength].map((width) => ({
    width,
    heads: new Map<number, number>(),
    wholes: new Set<number>(),
    filter: new Uint32Array(32),
  }))
  return { identities: new Set(), classes }
}

function sizeOf({ identities, classes }: Generation): number {
  return classes.reduce((size, { heads, wholes }) => size + heads.size + wholes.size, identities.size)
}

/** Two polynomials modulo 2^32; the order of either multiplier is as long as it gets. */
const multiplier = 0x85ebca6b
const otherMultiplier = 0xc2b2ae35

function step(hash: number, unit: number): number {
  return (Math.imul(hash, multiplier) + unit) | 0
}

function otherStep(hash: number, unit: number): number {
  return (Math.imul(hash, otherMultiplier) + unit) | 0
}

/** Of both hashes the 53 bits that a number holds. Two pieces in one hash garble a word, and hide nothing. */
function combine(one: number, other: number): number {
  return (other >>> 11) * 2 ** 32 + (one >>> 0)
}

function addForm(form: string, { classes }: Generation, starts: Uint32Array): void {
  const { length } = form
  const add = (at: number, long: number): void => {
    addPiece(form, at, long, classes)
    addStart(form, at, starts)
  }
  if (length < shortest) return
  if (length < pieceLength) add(0, length)
  for (let at = 0; at + pieceLength <= length; at += pieceLength) add(at, pieceLength)
  if (length % pieceLength > 0 && length > pieceLength) add(length - pieceLength, pieceLength)
}

/**
 * A bit for the first four units of each piece that was ever added: one look tells of most places that none begins there.
 * Those of forgotten pieces stay.
 */
const startBits = 16
const startUnits = 4

/** Adds a unit to the last ones, of which four count. */
function shift(units: number, unit: number): number {
  return ((units << 8) + unit) | 0
}

function bitOf(units: number): number {
  return Math.imul(units, multiplier) >>> (32 - startBits)
}

function addStart(text: string, at: number, starts: Uint32Array): void {
  let units = 0
  for (let i = 0; i < startUnits; i++) units = shift(units, text.charCodeAt(at + i))
  const bit = bitOf(units)
  starts[bit >>> 5] = (starts[bit >>> 5] ?? 0) | (1 << (bit & 31))
}

/** Puts the places where a piece may begin into `places`, and gives their number; `null` for too many to look at each. */
function findStarts(text: string, starts: Uint32Array, places: Int32Array): number | null {
  const { length } = text
  const most = length >>> 5
  let count = 0
  let units = 0
  for (let i = 0; i < length; i++) {
    units = shift(units, text.charCodeAt(i))
    if (i < startUnits - 1 || !isMarked(bitOf(units), starts)) continue
    if (count === most) return null
    places[count++] = i + 1 - startUnits
  }
  return count
}

function addPiece(text: string, at: number, length: number, classes: readonly PieceClass[]): void {
  const pieces = classes.findLast(({ width }) => width <= length)
  if (!pieces) return
  const { width, heads, wholes } = pieces
  let one = 0
  let other = 0
  let head = 0
  for (let i = 0; i < length; i++) {
    one = step(one, text.charCodeAt(at + i))
    other = otherStep(other, text.charCodeAt(at + i))
    if (i + 1 === width) head = combine(one, other)
  }
  if (length > width) wholes.add(combine(one, other))
  heads.set(head, (heads.get(head) ?? 0) | (1 << (length - width)))
  mark(head, pieces.filter)
  if (heads.size * 16 <= pieces.filter.length * 32) return
  pieces.filter = new Uint32Array(pieces.filter.length * 2)
  for (const known of heads.keys()) mark(known, pieces.filter)
}

/** Sets the bits of a head; its first hash is the low half of the number. */
function mark(head: number, filter: Uint32Array): void {
  const shift = Math.clz32(filter.length) - 4
  for (const bit of [head >>> shift, Math.imul(head, otherMultiplier) >>> shift])
    filter[bit >>> 5] = (filter[bit >>> 5] ?? 0) | (1 << (bit & 31))
}

function isMarked(bit: number, filter: Uint32Array): boolean {
  return (((filter[bit >>> 5] as number) >>> (bit & 31)) & 1) === 1
}

/** Where known pieces stand, runs of them as one. `room` is for as many numbers as the text has units, and one. */
function findRuns(
  text: string,
  known: readonly PieceClass[],
  starts: Uint32Array,
  room: Int32Array,
): readonly Run[] {
  const count = findStarts(text, starts, room)
  if (count === null) return findRunsByHash(text, known, room)
  const runs: Run[] = []
  for (const pieces of known) {
    let run = { start: 0, end: -1 }
    for (let i = 0; i < count; i++) run = takePiece(text, room[i] as number, pieces, run, runs)
  }
  return runs
}

/** The same where so much is known that a piece may begin anywhere: by the hash of every beginning of the text. */
function findRunsByHash(text: string, known: readonly PieceClass[], hashes: Int32Array): readonly Run[] {
  const { length } = text
  const runs: Run[] = []
  hashes[0] = 0
  for (let i = 0, hash = 0; i < length; ) {
    hash = step(hash, text.charCodeAt(i))
    hashes[++i] = hash
  }
  for (const pieces of known) {
    const { width, filter } = pieces
    const shift = Math.clz32(filter.length) - 4
    let power = 1
    for (let i = 0; i < width; i++) power = Math.imul(power, multiplier)
    let run = { start: 0, end: -1 }
    for (let start = 0; start + width <= length; start++) {
      const head = (hashes[start + width] as number) - Math.imul(hashes[start] as number, power)
      if (!isMarked(head >>> shift, filter)) continue
      if (!isMarked(Math.imul(head, otherMultiplier) >>> shift, filter)) continue
      run = takePiece(text, start, pieces, run, runs)
    }
  }
  // The text could be worked out from them.
  hashes.fill(0, 0, length + 1)
  return runs
}

/** Adds the piece that begins at `start`, if one does, to the runs of its class, of which `run` is the newest. Gives the newest. */
function takePiece(
  text: string,
  start: number,
  pieces: PieceClass,
  run: { readonly start: number; end: number },
  runs: Run[],
): { readonly start: number; end: number } {
  const end = endOfPiece(text, start, run.end, pieces)
  if (end === run.end) return run
  if (start > run.end) {
    const next = { start, end }
    runs.push(next)
    return next
  }
  run.end = end
  return run
}

/** The end of the longest piece that begins at `start` and ends behind `end`, or else `end`. */
function endOfPiece(text: string, start: number, end: number, pieces: PieceClass): number {
  const { width, heads, wholes } = pieces
  let one = 0
  let other = 0
  let lengths = 0
  let longest = end
  for (let at = start; at < text.length; ) {
    one = step(one, text.charCodeAt(at))
    other = otherStep(other, text.charCodeAt(at))
    const length = ++at - start
    if (length < width) continue
    if (length === width) lengths = heads.get(combine(one, other)) ?? 0
    const left = lengths >>> (length - width)
    if (left === 0) break
    if (left & 1 && at > end && (length === width || wholes.has(combine(one, other)))) longest = at
    if (length - width === 31) break
  }
  return longest
}

/** Replaces them, and those that overlap or touch as one. */
function replaceRuns(text: string, runs: Run[]): string {
  let scrubbed = ''
  let end = -1
  for (const run of runs.sort((a, b) => a.start - b.start)) {
    if (run.start > end) scrubbed += `${text.slice(Math.max(end, 0), run.start)}***`
    end = Math.max(end, run.end)
  }
  return scrubbed + text.slice(end)
}

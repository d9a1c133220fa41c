/**
 * The mirrored document: the one value that every target of an application holds, but for those that hold its `ApiToken`
 * alone; and what is made of a value found there.
 */
import { sha256Hex } from '../digest.ts'
import { isRecord, isStrings, parseJson } from '../json.ts'
import type { Site } from '../tencent/sites.ts'
import type { Reading, Target } from './store.ts'

export interface MirroredDocument {
  /** The token to use; `null` only after a confirmed empty list. */
  readonly ApiToken: string | null
  /** Sorted by code unit, without duplicates. */
  readonly ApiTokens: readonly string[]
  readonly SubAppId: number | null
  readonly Site: Site
}

/** The document as stored: fixed field order, no spaces, so that equal content is equal bytes. */
export function renderDocument(document: MirroredDocument): string {
  const { ApiToken, ApiTokens, SubAppId, Site } = document
  return JSON.stringify({ ApiToken, ApiTokens: [...new Set(ApiTokens)].sort(), SubAppId, Site })
}

/** Reads a stored value; `null` when it is not a mirrored document. */
export function parseDocument(value: string): MirroredDocument | null {
  const parsed = parseJson(value)
  if (!isRecord(parsed)) return null
  const { ApiToken, ApiTokens, SubAppId, Site } = parsed
  const good =
    (ApiToken === null || typeof ApiToken === 'string') &&
    isStrings(ApiTokens) &&
    !ApiTokens.includes('') &&
    (SubAppId === null || typeof SubAppId === 'number') &&
    (Site === 'intl' || Site === 'cn')
  return good ? { ApiToken, ApiTokens: [...new Set(ApiTokens)], SubAppId, Site } : null
}

/** Whether a stored value is a mirrored document. */
export function isDocument(value: string): boolean {
  return parseDocument(value) !== null
}

/** The name of a document's content: its SHA-256 in hex, 64 digits. */
export function versionId(rendered: string): string {
  return sha256Hex(rendered)
}

/** What a target holds of ours, or why it must not be touched. */
export type Judgement =
  | { readonly kind: 'refused'; readonly reason: string }
  | {
      readonly kind: 'writable'
      /** The document that it holds. */
      readonly held: MirroredDocument | null
      /** The document that it held a version ago, where what it holds now is none: its tokens count as held. */
      readonly before: MirroredDocument | null
      /** Why it should not be written before somebody looked, if so. */
      readonly doubt: string | null
      /** Whether the mark of what we wrote was taken away: it is put back. */
      readonly lostMark: boolean
    }

/** The document whose tokens count as held: what a target holds or, where that was damaged, what it held before. */
export function documentHeld(judged: Judgement): MirroredDocument | null {
  return judged.kind === 'writable' ? (judged.held ?? judged.before) : null
}

export function judgeReading({
  application,
  target,
  reading,
}: {
  readonly application: { readonly subAppId: number | null; readonly site: Site }
  readonly target: Pick<Target, 'adopt'>
  readonly reading: Reading
}): Judgement {
  const refuse = (reason: string): Judgement => ({ kind: 'refused', reason })
  if (reading.state === 'unavailable') return refuse(reading.reason)
  if (reading.state !== 'value')
    return { kind: 'writable', held: null, before: null, doubt: null, lostMark: false }
  const isOwn = ({ SubAppId, Site }: MirroredDocument): boolean =>
    SubAppId === application.subAppId && Site === application.site
  const held = parseDocument(reading.value)
  if (held && !isOwn(held))
    return refuse(
      `it mirrors application ${held.SubAppId} of site ${held.Site}, ` +
        `not ${application.subAppId} of ${application.site}; give each application a target of its own`,
    )
  const written = held !== null && isWrittenByUs(held, reading)
  if (!reading.marked && !target.adopt && !written) return refuse(foreign)
  const older = reading.before === undefined ? null : parseDocument(reading.before)
  const before = !held && older && isOwn(older) ? older : null
  const known = held !== null || before !== null || target.adopt
  const lostMark = !reading.marked && written
  return { kind: 'writable', held, before, doubt: known ? null : reused, lostMark }
}

/** Whether it is byte for byte what we write, under the name that we give it where the store has names. */
function isWrittenByUs(held: MirroredDocument, reading: Reading & { readonly state: 'value' }): boolean {
  return (
    renderDocument(held) === reading.value &&
    (reading.version === undefined || reading.version === versionId(reading.value))
  )
}

/**
 * The same for a target that holds one token alone. Nothing in the value says whose it is: it is ours when it is `known`, a token
 * that Tencent lists, a document of this run held or the settings exclude, and carries the mark. Without the mark, that is told
 * by the name that we gave the version; where a store has no place for a mark, by nothing more.
 */
export function judgeToken({
  application: { subAppId, site },
  target,
  reading,
  known,
  hasMark,
}: {
  readonly application: { readonly subAppId: number | null; readonly site: Site }
  readonly target: Pick<Target, 'adopt'>
  readonly reading: Reading
  known(token: string): boolean
  /** See `Store.hasMark`. */
  readonly hasMark: boolean
}): Judgement {
  if (reading.state === 'unavailable') return { kind: 'refused', reason: reading.reason }
  const nothing = { kind: 'writable', held: null, before: null, doubt: null, lostMark: false } as const
  if (reading.state !== 'value') return nothing
  const { value, marked, version } = reading
  // Whosever it is, and whatever was said of adoption.
  if (isDocument(value)) return { kind: 'refused', reason: holdsDocument }
  const isToken = known(value)
  const written = isToken && version === versionId(value)
  if (!marked && !target.adopt && !written && !(isToken && !hasMark))
    return { kind: 'refused', reason: foreign }
  if (!isToken) return { ...nothing, doubt: target.adopt ? null : reusedToken }
  const held = { ApiToken: value, ApiTokens: [value], SubAppId: subAppId, Site: site }
  return { ...nothing, held, lostMark: hasMark && !marked && written }
}

const holdsDocument =
  'it holds a mirrored document, and value=token would put one token in its place; give each its own target'

const foreign = 'it exists and does not carry our mark; add adopt=true to its URI if it may be overwritten'

const reusedToken =
  'it carries our mark, but its value is no token that Tencent lists or a document of this run held: somebody reused or ' +
  'damaged it; if it may be overwritten, confirm this plan, otherwise give the mirror another target'

const reused =
  'it carries our mark, but its value is no mirrored document, nor was it a version ago: somebody reused or damaged it; ' +
  'if it may be overwritten, confirm this plan, otherwise give the mirror another target'

/** The rotation's judgement: the one step that a run takes, from what the record, the list, the targets and two clocks say. Pure. */
import { fingerprint, sha256Hex } from '../digest.ts'
import type { Look } from '../mirror/report.ts'
import { type Leftover, newRecord, type RotationRecord, type Stamp } from '../stores/record.ts'
import type { Site } from '../tencent/sites.ts'

/** What somebody asks for: on schedule `next`. Tokens are named by fingerprint. */
export type RotationRequest =
  | { readonly kind: 'next' | 'now' | 'abort' | 'rollback' }
  | { readonly kind: 'adopt'; readonly token: string }
  /** Without the digest of a plan that somebody looked at, nothing but that plan. */
  | { readonly kind: 'retire'; readonly token: string; readonly confirm: string | null }

export interface RotationSettings {
  /** `null`: never by itself. */
  readonly everyDays: number | null
  readonly warmSeconds: number
  readonly graceHours: number
  /** Whether the old token may be deleted; else a person is told to. */
  readonly mayDelete: boolean
  readonly settleSeconds: number
  /** From so many tokens on none is created. */
  readonly tokenLimit: number
}

/** Whether the new token is limited as the old one: its `ExtInfo`, such as a list of addresses, and its text quota. */
export type Limits =
  | { readonly kind: 'same' }
  /** `what` differs: words for a sentence. */
  | { readonly kind: 'different'; readonly what: string }
  | { readonly kind: 'unknown'; readonly reason: string }

export interface RotationInput {
  readonly application: { readonly subAppId: number; readonly site: Site }
  readonly request: RotationRequest
  readonly record: RotationRecord | null
  readonly now: Stamp
  /** The newest list, excluded tokens too; as all tokens here, by fingerprint. */
  readonly listed: ReadonlySet<string>
  /** Tokens that nobody should get (`AIGC_EXCLUDE`). */
  readonly excluded: ReadonlySet<string>
  readonly targets: readonly Look[]
  /** Of the old and the new token, while both are listed and the new one is being made ready; else `null`. */
  readonly limits: Limits | null
  readonly settings: RotationSettings
  /** A name that no run has used, for the one that may create a token. */
  readonly intent: string
}

/** `reason`: a sentence that says why, or what comes next. `record`: what is written, where something is. */
export type Step =
  /** Nothing to do yet; `tell`: but for a person. */
  | {
      readonly kind: 'wait'
      readonly reason: string
      readonly record?: RotationRecord
      readonly tell?: boolean
    }
  /** Nothing is done before somebody has looked. */
  | { readonly kind: 'hold'; readonly reason: string; readonly record?: RotationRecord }
  /** What somebody asked for cannot be done now. */
  | { readonly kind: 'refuse'; readonly reason: string }
  /** The record goes on, and nothing else changes. */
  | { readonly kind: 'note'; readonly reason: string; readonly record: RotationRecord }
  /** The record says so first; then one token is created. */
  | {
      readonly kind: 'create'
      readonly reason: string
      readonly record: RotationRecord
      /** What the record says where Tencent refuses. */
      readonly refused: RotationRecord
    }
  /** The record says when; then the new token is limited as the old one is, and warms up from then on. */
  | { readonly kind: 'copy'; readonly reason: string; readonly record: RotationRecord }
  /** The record says so first (`before`); then the pick is moved to `token` in every target; then the record goes on. */
  | {
      readonly kind: 'promote'
      readonly reason: string
      readonly token: string
      readonly before: RotationRecord
      readonly record: RotationRecord
    }
  /** The record says so first, where there is one to say it; then `token` is deleted. */
  | {
      readonly kind: 'delete'
      readonly reason: string
      readonly token: string
      readonly before: RotationRecord | null
      /** What the record says where Tencent refuses. */
      readonly refused: RotationRecord | null
      /** What it says where a target names the token again. */
      readonly pointed: RotationRecord | null
    }
  /** What `Confirm` would delete. */
  | { readonly kind: 'ask'; readonly reason: string; readonly token: string; readonly digest: string }

export const secondMs = 1000
export const hourMs = 3_600_000
export const dayMs = 24 * hourMs
/** How far Tencent's list is behind: https://www.tencentcloud.com/document/product/266/78285 */
const lagMs = 30 * secondMs
/** For how long a created token may be missing from the list before it is given up. */
const appearMs = 10 * 60 * secondMs
/** After so many calls in a row of which no token came, a day passes before the next. */
const mostFailures = 3
/** By so much two good clocks may differ. */
export const toleranceMs = 60 * secondMs

/** How long ago, by whichever clock says less, so that a jump of one of them shortens no wait. */
export function elapsedMs(since: Stamp, now: Stamp): number {
  return Math.min(now.own - since.own, now.tencent - since.tencent)
}

export function planRotation(input: RotationInput): Step {
  const { record: given, request } = input
  if (request.kind === 'retire') return retire(input, request)
  if (given === null) {
    // When it was last rotated is not known, and that is never a reason to rotate.
    const first = newRecord(input.application, input.now)
    if (request.kind === 'now') return start(input, first)
    if (request.kind !== 'next') return refuse('no rotation is under way')
    return note(first, `this is the first run, which takes down the time; ${whenDue(input, first)}`)
  }
  const present = withoutFuture(given, input.now)
  if (present !== given && request.kind === 'next')
    return note(present, 'a clock was set back since the last run, so what it counted from then begins anew')
  const record = tidy(input, present)
  const step = stepOf({ ...input, record })
  // What was noticed is kept, whatever else there is to do or not.
  if ((step.kind === 'wait' || step.kind === 'hold') && !step.record && record !== given)
    return { ...step, record }
  return step
}

type Current = RotationInput & { readonly record: RotationRecord }

function stepOf(input: Current): Step {
  switch (input.record.phase) {
    case 'idle':
      return idle(input)
    case 'intent':
      return intent(input)
    case 'warming':
      return warming(input)
    case 'promoted':
      return promoted(input)
    case 'retiring':
      return retiring(input)
  }
}

function idle(input: Current): Step {
  const { record, request, now, settings } = input
  if (request.kind !== 'next' && request.kind !== 'now') return refuse('no rotation is under way')
  const isDue = settings.everyDays !== null && elapsedMs(record.rotated, now) >= settings.everyDays * dayMs
  if (request.kind === 'next' && !isDue) return { kind: 'wait', reason: whenDue(input, record) }
  if (request.kind === 'next' && record.failures >= mostFailures && elapsedMs(record.since, now) < dayMs)
    return hold(
      `${record.failures} times in a row no token came of CreateAigcApiToken; the next try is a day after the last; ` +
        'find out why, and run {"Now":true} to try at once',
    )
  return start(input, record)
}

/** From idle to intent, where nothing speaks against it. */
function start(input: RotationInput, record: RotationRecord): Step {
  const { targets, listed, excluded, settings, now, request } = input
  const later = (reason: string): Step =>
    request.kind === 'now'
      ? refuse(reason)
      : { kind: 'wait', reason: `a rotation is due, and waits: ${reason}` }
  const out = targets.find(({ isInStep }) => !isInStep)
  if (out)
    return later(
      `${out.uri} is not in step with Tencent's list${out.reason === null ? '' : ` (${out.reason})`}; mirror-tokens goes first`,
    )
  const [pick, ...others] = new Set(targets.map(({ pick }) => pick))
  if (others.length > 0)
    return later('the targets do not name the same token to use; mirror-tokens goes first')
  if (!pick) return hold('there is no token in use that could be replaced; create one at Tencent')
  if (!listed.has(pick) || excluded.has(pick)) return later(`${pick}, which is in use, is not listed`)
  if (listed.size >= settings.tokenLimit)
    return hold(
      `the application has ${listed.size} tokens, and none is created from AIGC_TOKEN_LIMIT (${settings.tokenLimit}) on; ` +
        'delete tokens at Tencent that nobody uses',
    )
  return {
    kind: 'create',
    reason: `a token is created that takes the place of ${pick}`,
    record: {
      ...record,
      phase: 'intent',
      since: now,
      old: pick,
      new: null,
      intent: input.intent,
      baseline: [...new Set([...listed, ...targets.flatMap(({ tokens }) => [...tokens])])],
      doing: null,
    },
    refused: failed({ ...record, since: now }),
  }
}

function intent(input: Current): Step {
  const { record, request, listed, settings, now } = input
  if (request.kind === 'rollback') return refuse(notPromoted)
  const candidates = candidatesOf(input, record)
  const warm = (token: string): Step =>
    note(
      {
        ...withLeftovers(record, without(candidates, token), appeared),
        phase: 'warming',
        since: now,
        new: token,
        doing: null,
      },
      `${token} takes the place of ${record.old}, and is made ready`,
    )
  if (request.kind === 'adopt') {
    if (candidates.includes(request.token) && listed.has(request.token)) return warm(request.token)
    const names = candidates.filter((token) => listed.has(token))
    return refuse(`to be adopted are ${names.length === 0 ? 'none' : names.join(', ')}`)
  }
  const isAborted = request.kind === 'abort' || record.doing === 'abort'
  if (record.new !== null) {
    const token = record.new
    if (isAborted) return giveUp(input, [token], aborted)
    // Those of others are no business of this rotation.
    if (listed.has(token))
      return note({ ...record, phase: 'warming', since: now, doing: null }, `${token} is listed`)
    if (elapsedMs(record.since, now) < appearMs)
      return { kind: 'wait', reason: `${token} was created, and Tencent does not list it yet` }
    return note(
      failed(end(input, [token], 'it was created, and Tencent did not list it for ten minutes')),
      `${token} was created and is not listed; the old token stays in use`,
    )
  }
  const later = (reason: string): Step =>
    request.kind === 'abort'
      ? note(
          { ...record, doing: 'abort' },
          'aborted: the old token stays in use; a later run says whether a token was created all the same',
        )
      : { kind: 'wait', reason }
  if (elapsedMs(record.since, now) < awaitMs(settings))
    return later('whether a token was created shows when Tencent lists it')
  const unsure = unsureOf(input)
  if (unsure !== null) return later(unsure)
  const [only, ...others] = candidates
  // One list may lack the token by mistake, and have one of somebody else's.
  if (others.length === 0 && !isGone(input, awaitedIn(record)))
    return later(`Tencent lists ${only ?? 'no token that was created'}; a second look settles it`)
  if (isAborted) return giveUp(input, candidates, appeared)
  if (only === undefined)
    return note(
      failed(end(input, [], '')),
      'no token was created; the old one stays in use, and a later run tries again',
    )
  if (others.length === 0 && listed.has(only)) return warm(only)
  return hold(
    `several tokens have come since this rotation began, and one of them is its own: ${candidates.join(', ')}; ` +
      'run {"Adopt":"FINGERPRINT"} with the one that may take over, or {"Abort":true}',
  )
}

/** For how long it may be that a token was created, and is not listed. */
function awaitMs({ settleSeconds }: RotationSettings): number {
  return lagMs + Math.max(60, settleSeconds) * secondMs
}

/** The tokens of which one may be that of the call whose answer did not come. */
function candidatesOf({ listed, targets }: RotationInput, record: RotationRecord): readonly string[] {
  const known = new Set([...record.baseline, ...record.leftovers.map(({ fingerprint }) => fingerprint)])
  const mirrored = targets.flatMap(({ tokens }) => [...tokens])
  return [...new Set([...listed, ...mirrored])].filter((token) => !known.has(token)).sort()
}

/** What stands for a token whose name is not known in `missing`. */
function awaitedIn({ intent }: RotationRecord): string {
  return fingerprint(intent ?? '')
}

/** Whether a second look has to tell which token this rotation has created, if any. */
function isAwaited(input: RotationInput, record: RotationRecord): boolean {
  return (
    record.phase === 'intent' &&
    record.new === null &&
    elapsedMs(record.since, input.now) >= awaitMs(input.settings) &&
    unsureOf(input) === null &&
    candidatesOf(input, record).length <= 1
  )
}

function warming(input: Current): Step {
  const { record, request, now, listed, excluded, targets, limits, settings } = input
  const [old, token] = [record.old ?? '', record.new ?? '']
  if (request.kind === 'rollback') return refuse(notPromoted)
  if (request.kind === 'adopt') return refuse(`${token} is adopted already`)
  if (request.kind === 'abort') {
    if (record.doing === 'promote')
      return refuse(`consumers are being moved to ${token}; run again, and then {"Rollback":true}`)
    return giveUp(input, [token], aborted)
  }
  if (isGone(input, token))
    return note(failed(end(input, [], '')), `Tencent no longer lists ${token}; the old token stays in use`)
  if (!listed.has(token)) return { kind: 'wait', reason: `Tencent does not list ${token} at the moment` }
  if (excluded.has(token))
    return note(
      end(input, [token], 'AIGC_EXCLUDE names it'),
      `AIGC_EXCLUDE names ${token}; the old token stays in use`,
    )
  const unread = whyUnread(input)
  if (unread !== null) return { kind: 'wait', reason: unread }
  const picks = new Set(targets.map(({ pick }) => pick))
  if (record.doing !== 'promote' && !picks.has(old) && !picks.has(token))
    return note(
      end(input, [token], 'it was made for a token that is no longer in use'),
      `consumers no longer use ${old}, so nothing takes its place`,
    )
  if (isGone(input, old))
    return note(
      end(input, [token], 'it was made for a token that was deleted meanwhile'),
      `Tencent no longer lists ${old}, so its limits cannot be copied, and nothing takes its place`,
    )
  if (!listed.has(old)) return { kind: 'wait', reason: `Tencent does not list ${old} at the moment` }
  if (limits === null || limits.kind === 'unknown')
    return hold(
      `whether ${token} is limited as ${old} is (addresses, quota) cannot be told: ${limits?.reason ?? 'nobody asked'}`,
    )
  // What was changed a moment ago may not show yet, and a quota that is made twice is refused.
  if (limits.kind === 'different' && record.limited !== null && elapsedMs(record.limited, now) < 2 * lagMs)
    return {
      kind: 'wait',
      reason: `${token} was given the limits of ${old}, and Tencent does not show that yet`,
    }
  if (limits.kind === 'different')
    return {
      kind: 'copy',
      reason: `${token} is given the limits of ${old}: ${limits.what}`,
      record: { ...record, limited: now },
    }
  const lacking = targets.find(({ holds, tokens }) => holds === 'document' && !tokens.has(token))
  if (lacking)
    return {
      kind: 'wait',
      reason: `${lacking.uri} does not hold ${token} yet; mirror-tokens writes it there`,
    }
  const waitMs = Math.max(settings.warmSeconds, settings.settleSeconds) * secondMs
  for (const since of [record.since, record.limited ?? record.since])
    if (elapsedMs(since, now) < waitMs)
      return { kind: 'wait', reason: `${token} warms up until ${when(since, now, waitMs)}` }
  return {
    kind: 'promote',
    reason: `consumers are moved from ${old} to ${token}`,
    token,
    before: { ...record, doing: 'promote' },
    record: { ...record, phase: 'promoted', since: now, rotated: now, doing: null, failures: 0 },
  }
}

function promoted(input: Current): Step {
  const { record, now, targets, settings } = input
  const old = record.old ?? ''
  const byHand = turnBack(input)
  if (byHand !== null) return byHand
  if (isGone(input, old))
    return note(end(input, [], ''), `Tencent no longer lists ${old}: the rotation is over`)
  const pointing = targets.filter(({ pick }) => pick === old)
  if (pointing.length === targets.length)
    return note(
      end(input, [record.new ?? ''], 'consumers were moved back from it by hand'),
      `consumers were moved back to ${old}, so the rotation is over`,
    )
  // For how long it will is not known before a run sees that it does not any more.
  if (pointing[0])
    return record.doing === 'promote'
      ? { kind: 'wait', reason: `${pointing[0].uri} still names ${old}` }
      : note(pointed(input), `${pointing[0].uri} names ${old}, so the grace begins anew when it does not`)
  const unread = whyUnread(input)
  if (unread !== null) return { kind: 'wait', reason: unread }
  if (record.doing === 'promote')
    return note({ ...record, since: now, doing: null }, `no target names ${old}, and its grace begins anew`)
  const graceMs = settings.graceHours * hourMs
  if (elapsedMs(record.since, now) < graceMs)
    return { kind: 'wait', reason: `${old} is left alone until ${when(record.since, now, graceMs)}` }
  return note({ ...record, phase: 'retiring', since: now }, `the grace of ${old} is over`)
}

function retiring(input: Current): Step {
  const { record, now, listed, targets, settings } = input
  const old = record.old ?? ''
  const byHand = turnBack(input)
  if (byHand !== null) return byHand
  if (isGone(input, old)) return note(end(input, [], ''), `${old} is gone: the rotation is over`)
  const pointing = targets.find(({ pick }) => pick === old)
  if (pointing)
    return note(pointed(input), `${pointing.uri} names ${old}, so the grace begins anew when it does not`)
  if (!listed.has(old))
    return { kind: 'wait', reason: `Tencent does not list ${old}; a second look settles it` }
  const unread = whyUnread(input)
  if (unread !== null) return { kind: 'wait', reason: unread }
  const reason = whyNoneLeft(input)
  if (reason !== null) return { kind: 'wait', reason }
  if (!settings.mayDelete) {
    const isTold = record.told !== null && elapsedMs(record.told, now) < dayMs
    return {
      kind: 'wait',
      tell: !isTold,
      reason: `nothing uses ${old} any more: delete it at Tencent; the next rotation begins when it is gone`,
      ...(!isTold && { record: { ...record, told: now } }),
    }
  }
  return {
    kind: 'delete',
    reason: `${old} is deleted`,
    token: old,
    before: { ...record, doing: 'delete' },
    refused: { ...record, doing: null },
    pointed: pointed(input),
  }
}

/** A target names the old token again: it has no grace before none does. */
function pointed({ record, now }: Current): RotationRecord {
  return { ...record, phase: 'promoted', since: now, doing: 'promote' }
}

/** What somebody asks for after the promotion, or has asked for and is not done. */
function turnBack(input: Current): Step | null {
  const { record, request, listed, excluded, targets, now } = input
  const [old, token] = [record.old ?? '', record.new ?? '']
  if (request.kind === 'adopt') return refuse(`${token} is adopted already`)
  if (request.kind === 'abort')
    return note(
      end(input, [old], 'a rotation replaced it, and was ended before it was deleted'),
      record.doing === 'delete'
        ? `ended: ${token} stays in use, and ${old} may have been deleted already`
        : `ended: ${token} stays in use, and ${old} is not deleted`,
    )
  if (request.kind !== 'rollback' && record.doing !== 'rollback') return null
  if (record.doing === 'delete') return refuse(`${old} is being deleted, so there is no way back to it`)
  if (request.kind === 'next' && isGone(input, old))
    return note(end(input, [], ''), `Tencent no longer lists ${old}, so there is no way back to it`)
  // Where somebody has asked for it before, a later run may find that the token is gone.
  const later = (reason: string): Step =>
    request.kind === 'rollback'
      ? refuse(reason)
      : { kind: 'wait', reason: `consumers are to be moved back: ${reason}` }
  if (!listed.has(old) || excluded.has(old))
    return later(`${old} is not listed, so there is no way back to it`)
  // Of one that cannot be read it is not known; the record remembers what was asked, and a later run goes on.
  const lacking = targets.find(
    ({ holds, isRead, tokens }) => holds === 'document' && isRead && !tokens.has(old),
  )
  if (lacking) return later(`${lacking.uri} does not hold ${old}`)
  return {
    kind: 'promote',
    reason: `consumers are moved back from ${token} to ${old}`,
    token: old,
    before: { ...record, doing: 'rollback' },
    record: {
      ...end(input, [token], 'a rotation put it in use, and was rolled back'),
      since: now,
    },
  }
}

/** One token at once, without waiting for anything: for a leak. */
function retire(input: RotationInput, request: RotationRequest & { kind: 'retire' }): Step {
  const { record, listed, targets, settings, application } = input
  const { token, confirm } = request
  if (!listed.has(token)) return refuse(`Tencent lists no token ${token}`)
  if (record !== null && record.new === token && record.phase !== 'promoted' && record.phase !== 'retiring')
    return refuse(`${token} is being made ready to take over; run {"Abort":true} first`)
  if (record?.doing === 'rollback' && record.old === token)
    return refuse(`consumers are being moved back to ${token}; let that end first`)
  const unread = whyUnread(input)
  if (unread !== null) return refuse(unread)
  const pointing = targets.find(({ pick }) => pick === token)
  if (pointing)
    return refuse(
      `${pointing.uri} names it as the token to use; move consumers to another first, by {"Promote":"FINGERPRINT"} of ` +
        'mirror-tokens or, where there is no other, by {"Now":true}',
    )
  const none = whyNoneLeft(input)
  if (none !== null) return refuse(none)
  if (!settings.mayDelete)
    return refuse('AIGC_ROTATION_MAY_DELETE is not true; delete it at Tencent, or let AIGC_EXCLUDE name it')
  const plan = [application.subAppId, token, [...listed].sort(), targets.map(({ uri, pick }) => [uri, pick])]
  const digest = sha256Hex(JSON.stringify(plan))
  if (confirm === null)
    return {
      kind: 'ask',
      reason: `${token} would be deleted at once; run again with the Digest as "Confirm"`,
      token,
      digest,
    }
  if (confirm !== digest)
    return refuse(
      'the tokens or the targets have changed since that plan; run again without "Confirm" and look at the new one',
    )
  return {
    kind: 'delete',
    reason: `${token} is deleted at once`,
    token,
    before: null,
    refused: null,
    pointed: null,
  }
}

/** Back to idle; `left` are tokens that nobody looks after from then on. */
function end({ record, now }: Current, left: readonly string[], why: string): RotationRecord {
  return {
    ...withLeftovers(record, left, why),
    phase: 'idle',
    since: now,
    old: null,
    new: null,
    intent: null,
    baseline: [],
    limited: null,
    doing: null,
    told: null,
  }
}

/** Back to idle because somebody said so before the promotion: the next one comes a whole period later, and not at once. */
function giveUp(input: Current, left: readonly string[], why: string): Step {
  const record = { ...end(input, left, why), rotated: input.now }
  return note(record, `aborted: the old token stays in use; ${whenDue(input, record)}`)
}

function withLeftovers(record: RotationRecord, tokens: readonly string[], why: string): RotationRecord {
  const others = record.leftovers.filter(({ fingerprint }) => !tokens.includes(fingerprint))
  const added: Leftover[] = tokens.map((fingerprint) => ({ fingerprint, why }))
  return { ...record, leftovers: [...others, ...added] }
}

function failed(record: RotationRecord): RotationRecord {
  return { ...record, failures: record.failures + 1 }
}

/** A moment that is still to come is one of a clock that was ahead: it counts as now. The same record where there is none. */
function withoutFuture(record: RotationRecord, now: Stamp): RotationRecord {
  let changed = false
  const past = (stamp: Stamp): Stamp => {
    const isAhead = stamp.own > now.own + toleranceMs || stamp.tencent > now.tencent + toleranceMs
    if (!isAhead) return stamp
    changed = true
    return { own: Math.min(stamp.own, now.own), tencent: Math.min(stamp.tencent, now.tencent) }
  }
  const made: RotationRecord = {
    ...record,
    since: past(record.since),
    rotated: past(record.rotated),
    limited: record.limited && past(record.limited),
    told: record.told && past(record.told),
    missing: mapValues(record.missing, past),
  }
  return changed ? made : record
}

/** Keeps down which of the tokens at stake the list lacks; drops what is gone or in use again. The same record for no change. */
function tidy(input: RotationInput, record: RotationRecord): RotationRecord {
  const { listed, targets, now, settings } = input
  const awaited = isAwaited(input, record) ? awaitedIn(record) : null
  const names = [record.old, record.new, awaited, ...record.leftovers.map(({ fingerprint }) => fingerprint)]
  // A list that lacks what is in use is not all there is.
  const isDoubtful = targets.some(({ pick, isRead }) => (pick === null ? !isRead : !listed.has(pick)))
  const lacking = names.filter((name): name is string => name !== null && !listed.has(name) && !isDoubtful)
  const missing = Object.fromEntries(lacking.map((name) => [name, record.missing[name] ?? now]))
  const leftovers = record.leftovers.filter(({ fingerprint }) => {
    const since = missing[fingerprint]
    const isOver = since !== undefined && elapsedMs(since, now) >= settings.settleSeconds * secondMs
    return !isOver && !targets.some(({ pick }) => pick === fingerprint)
  })
  const isSame =
    leftovers.length === record.leftovers.length &&
    lacking.length === Object.keys(record.missing).length &&
    lacking.every((name) => name in record.missing)
  return isSame ? record : { ...record, missing, leftovers }
}

/** Whether two looks, long enough apart, lacked a token. */
function isGone({ record, listed, now, settings }: Current, token: string): boolean {
  const since = record.missing[token]
  return (
    !listed.has(token) && since !== undefined && elapsedMs(since, now) >= settings.settleSeconds * secondMs
  )
}

function whyUnread({ targets }: RotationInput): string | null {
  const unread = targets.find(({ isRead }) => !isRead)
  return unread ? `${unread.uri} could not be read: ${unread.reason}` : null
}

/** Why what is listed cannot be taken for all there is, if so. */
function unsureOf(input: RotationInput): string | null {
  const unread = whyUnread(input)
  if (unread !== null) return unread
  const lacking = input.targets.flatMap(({ tokens }) => [...tokens]).find((token) => !input.listed.has(token))
  return lacking === undefined
    ? null
    : `Tencent does not list ${lacking}, which is mirrored, so the list may be short`
}

/** Why a token must not be deleted now, if so: as seen right before. */
export function whyKept(input: RotationInput, token: string): string | null {
  const pointing = input.targets.find(({ pick }) => pick === token)
  return whyUnread(input) ?? (pointing ? `${pointing.uri} names ${token}` : whyNoneLeft(input))
}

/** Whether a phase has lasted so long that somebody should look. */
export function isStuck(record: RotationRecord, now: Stamp, settings: RotationSettings): boolean {
  const lasts = elapsedMs(record.since, now)
  switch (record.phase) {
    case 'idle':
      return settings.everyDays !== null && elapsedMs(record.rotated, now) > (settings.everyDays + 1) * dayMs
    case 'intent':
      return lasts > hourMs
    case 'warming':
      return lasts > settings.warmSeconds * secondMs + 6 * hourMs
    case 'promoted':
      return lasts > settings.graceHours * hourMs + dayMs
    case 'retiring':
      return lasts > (settings.mayDelete ? 1 : 7) * dayMs
  }
}

/** Why consumers might be left without a token, if so. */
function whyNoneLeft({ targets, listed, excluded }: RotationInput): string | null {
  const bad = targets.find(({ pick }) => pick === null || !listed.has(pick) || excluded.has(pick))
  return bad ? `${bad.uri} names no token that Tencent lists` : null
}

function whenDue({ settings, now }: RotationInput, { rotated }: RotationRecord): string {
  if (settings.everyDays === null) return 'AIGC_ROTATE_EVERY_DAYS is not set, so it rotates by hand only'
  return `the next rotation is due ${when(rotated, now, settings.everyDays * dayMs)}`
}

/** `about 2026-03-10T05:16Z`, by this machine's clock. */
function when(since: Stamp, now: Stamp, waitMs: number): string {
  const at = now.own + Math.max(0, waitMs - elapsedMs(since, now))
  return `about ${new Date(at).toISOString().slice(0, 16)}Z`
}

function refuse(reason: string): Step {
  return { kind: 'refuse', reason }
}

function hold(reason: string): Step {
  return { kind: 'hold', reason }
}

function note(record: RotationRecord, reason: string): Step {
  return { kind: 'note', reason, record }
}

function without(tokens: readonly string[], token: string): readonly string[] {
  return tokens.filter((one) => one !== token)
}

function mapValues<T>(values: Readonly<Record<string, T>>, map: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]))
}

const notPromoted = 'consumers were not moved to the new token yet; {"Abort":true} ends the rotation'
const aborted = 'a rotation created it, and was aborted'
const appeared = 'it came while a rotation waited for a token of its own, and may be that'

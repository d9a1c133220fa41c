/**
 * The rules of the mirror as statements about what happened, in true time, whatever a process believed. Nothing here
 * uses the mirror's own reading or rendering of documents.
 *
 * The bounds, with L = 30 s that a list may lag and T = 10 s for a step (`AIGC_TIMEOUT_MS`):
 * - A run writes at most 5 T after the replica answered its newest list: the rest of that request, the readings (in
 *   the first pass after the slowest list of all applications), the write, and where that is overtaken a reading and a
 *   write more. Hence {@link settledMs}: a token that existed for L + 5 T = 80 s is in every document written.
 * - A write is at most 3 T younger than the reading on which it was decided: {@link readingMs}.
 * - When a run ends, its newest list may be older than that, because a run waits for the second looks of other
 *   applications. So success speaks about the time from L before the run began.
 *
 * What a write may replace:
 * - On AWS, which compares and sets, the value that the run read, and no other.
 * - Elsewhere also what came after the last request before the write, which is a look: so much no store can know. What
 *   was there at that look, and is replaced, is in `previous` where there is one.
 */
import type { Reading } from '../../lib/stores/store.ts'
import { sha256 } from '../support/sha256.ts'
import { lagMs, type Run, type Secret, type SubAppId, settings, type Witness, type World } from './world.ts'

/** A step, and the grace that `runMirror` gives to whoever keeps the deadline himself. */
const stepMs = settings.timeoutMs + 100
/** How old the list may be of which a document is written: five steps. */
const writtenMs = 5 * stepMs
/** How long a token must have existed to be in every document that is written. */
export const settledMs = lagMs + writtenMs
/** How old the reading may be on which a write was decided: three steps. */
export const readingMs = 3 * settings.timeoutMs

export interface Document {
  readonly ApiToken: string | null
  readonly ApiTokens: readonly string[]
  readonly SubAppId: SubAppId
  readonly Site: string
}

/** What a plan that somebody looked at would write: version ids by target. */
export type SeenPlans = Map<string, ReadonlyMap<string, string>>

/** A broken rule; the message starts with the rule's number and name. */
export class Violation extends Error {}

function demand(rule: string, fine: boolean, found: () => string): void {
  if (!fine) throw new Violation(`${rule}: ${found()}`)
}

/** As {@link demand}, for rules that are broken together. */
function note(world: World, rule: string, fine: boolean, found: () => string): void {
  if (!fine) world.report(new Violation(`${rule}: ${found()}`))
}

/** The document in a value, when the value is exactly one, to the byte. */
export function documentIn(value: string | null): Document | null {
  try {
    const { ApiToken, ApiTokens, SubAppId, Site } = JSON.parse(value ?? '') as Document
    const sorted = [...new Set(ApiTokens)].sort()
    const pointed = sorted.length === 0 ? ApiToken === null : sorted.includes(ApiToken ?? '')
    const canonical = JSON.stringify({ ApiToken, ApiTokens: sorted, SubAppId, Site })
    return pointed && canonical === value ? { ApiToken, ApiTokens, SubAppId, Site } : null
  } catch {
    return null
  }
}

/** Whether the mirror may ever write a secret: it has no value, or is ours, and mirrors no other application. */
export function mayWrite(
  { subAppId, value, marked, adopt, holds, aws }: Secret,
  version: string | undefined = aws.labelled('AWSCURRENT')?.id,
): boolean {
  const held = documentIn(value)
  // The name of its version is all that tells a token of ours without the mark.
  if (holds === 'token')
    return value === null || (held === null && (marked || adopt || version === sha256(value)))
  return value === null || ((marked || adopt || isExact(held, value)) && (!held || isOwn(subAppId, held)))
}

/** Whether a document stands there byte for byte as runs write it: theirs, marked or not. */
function isExact(held: Document | null, value: string | null): boolean {
  return (
    held !== null && JSON.stringify({ ...held, ApiTokens: [...new Set(held.ApiTokens)].sort() }) === value
  )
}

function isOwn(subAppId: SubAppId, { SubAppId, Site }: Document): boolean {
  return SubAppId === subAppId && Site === settings.site
}

/** Whether a value is somebody else's: none that any run writes. */
function isForeign({ subAppId, holds }: Secret, value: string | null): boolean {
  const held = documentIn(value)
  // Of one letter and a number, as no text of anybody else is.
  if (holds === 'token') return value !== null && !/^[a-z]\d+$/.test(value)
  return value !== null && !(held && isOwn(subAppId, held))
}

/** The document that a run goes by: what it read or, under our mark, what was there before a value that is none. */
function heldIn({ subAppId, adopt, holds }: Secret, reading: Reading | undefined): Document | null {
  if (reading?.state !== 'value' || holds === 'token') return null
  const held = documentIn(reading.value)
  if (!(reading.marked || adopt || isExact(held, reading.value))) return null
  if (held) return isOwn(subAppId, held) ? held : null
  const before = reading.before === undefined ? null : documentIn(reading.before)
  return before && isOwn(subAppId, before) ? before : null
}

/** Whether a run read a value under our mark that is not ours, and was not a version ago. */
function isReused(secret: Secret, reading: Reading | undefined): boolean {
  if (reading?.state !== 'value' || secret.adopt || !reading.marked) return false
  if (secret.holds === 'token') return isForeign(secret, reading.value)
  return documentIn(reading.value) === null && heldIn(secret, reading) === null
}

/** The rules that hold at every write and at the end of every run. */
export function createWitness(world: World, plans: SeenPlans): Witness {
  const { clock } = world
  const upstreamOf = ({ subAppId }: Secret) => {
    const upstream = world.upstreams.get(subAppId)
    if (!upstream) throw new Error(`Simulating: no application ${subAppId}`)
    return upstream
  }

  return {
    onWrite(run, secret, document) {
      const who = by(run, secret)
      const seen = newestOf(run, secret)
      // What it read as no value may have got one since: then the store refuses. Nobody takes a mark away.
      const marked = seen?.state === 'value' && seen.marked && secret.marked
      const may = seen?.state !== 'value' || mayWrite({ ...secret, value: seen.value, marked }, seen.version)
      demand('1 ours', may, () => `${who} writes over what belongs to somebody else`)
      demand('1 trouble', newestOf(run, secret)?.state !== 'unavailable', () => `${who} revives what is gone`)
      const written = documentIn(document)
      demand('1 whole', written !== null || secret.holds === 'token', () => `${who} writes ${document}`)
      const unmarked = seen?.state === 'value' && !seen.marked
      demand('4 unchanged', unmarked || valueIn(seen) !== document, () => `${who} writes what it read`)
      demand('5 dry', !run.dryRun, () => `${who} writes in a dry run`)
      const looked = run.confirm !== null || !isReused(secret, seen)
      demand('1 reused', looked, () => `${who} writes over ${valueIn(seen)}, which nobody has looked at`)
      const tries = run.written.filter((uri) => uri === secret.uri).length
      demand('6 once', run.confirm === null || tries === 1, () => `${who} plans again what was confirmed`)
      if (secret.holds === 'token') follows(world, run, secret, document)
      if (!written) return
      keepsPick(world, run, secret, written)
      const out = written.ApiTokens.filter((token) => isExcluded(run, token))
      demand('8 excluded', out.length === 0, () => `${who} publishes ${out}, which AIGC_EXCLUDE names`)
      if (run.confirm !== null) appliesPlan(run, secret, written, sha256(document))
    },

    onVersion(run, secret, document, name) {
      demand('1 whole', name === sha256(document), () => `${by(run, secret)} misnames its document`)
    },

    onChange(run, secret, document) {
      const who = by(run, secret)
      const written = documentIn(document)
      if (secret.holds === 'token') {
        const known = upstreamOf(secret).existedBefore(document, clock.now())
        demand('2 invented', known, () => `${who} publishes ${document}`)
        return
      }
      demand('1 whole', written !== null, () => `${who} writes ${document}`)
      const { ApiTokens, SubAppId } = written as Document
      demand('1 whole', !isForeign(secret, document), () => `${who} writes the document of ${SubAppId}`)
      const upstream = upstreamOf(secret)
      const invented = ApiTokens.filter((token) => !upstream.existedBefore(token, clock.now()))
      demand('2 invented', invented.length === 0, () => `${who} publishes ${invented}`)
      // Somebody answers for a confirmed plan; rule 6 says that nothing else was written.
      if (run.confirm !== null) return
      // One that was confirmed, and that somebody has damaged since, comes back.
      const again = heldIn(secret, newestOf(run, secret))?.ApiTokens.length === 0
      demand('1 empty', ApiTokens.length > 0 || again, () => `${who} writes an empty document unconfirmed`)
      const before = unlessExcluded(run, tokensOf(secret, run.first.get(secret.uri))).length
      demand(
        '1 share',
        ApiTokens.length >= settings.minKeep * before,
        () => `${who} goes from ${before} to ${ApiTokens.length} tokens unconfirmed`,
      )
      dropsNothingAlive(run, secret, ApiTokens)
      const taken = unlessExcluded(run, without(tokensOf(secret, newestOf(run, secret)), ApiTokens))
      const held = tokensAlone(world, run, secret).filter((token) => taken.includes(token))
      demand('10 kept', held.length === 0, () => `${who} forgets ${held}, which a target holds alone`)
      const overwritten = heldSince(secret, clock.now() - readingMs).filter(
        (token) => !ApiTokens.includes(token) && !tokensOf(secret, run.first.get(secret.uri)).includes(token),
      )
      const lost = unlessExcluded(run, overwritten)
      demand('2 overwritten', lost.length === 0, () => `${who} takes out ${overwritten}, unseen`)
    },

    onReplace(run, secret) {
      const who = by(run, secret)
      const read = valueIn(newestOf(run, secret))
      const { aws, kind, value, versions } = secret
      const compares = kind === 'aws'
      if (!compares && (value === null || !isAsOf(run, secret))) return
      const kept = compares
        ? value === null || aws.kept().includes(value)
        : kind === 'plain' || versions.get('previous') === value
      note(world, '7 seen', value === read, () => `${who} replaces ${value} and has seen ${read}`)
      note(world, '7 kept', kept, () => `${who} replaces ${value} and has not kept it`)
    },

    onMark(run, secret) {
      const theirs = isForeign(secret, secret.value) && isAsOf(run, secret)
      demand('1 mark', !theirs, () => `${by(run, secret)} marks ${secret.value}, which is somebody else's`)
    },

    onRefusal(run, secret, { inTime, failedRequests, previous, changes }) {
      // Where nothing else failed, and nobody else wrote, only its own keeping of the value has changed something.
      const alone = secret.kind === 'ssm' && inTime && failedRequests === 1
      if (!alone || secret.rivalChange > changes || secret.runChange > changes || run.others.size > 0) return
      const kept = previous === undefined || secret.versions.get('previous') === previous
      demand('7 restored', kept, () => `${by(run, secret)} fails, and ${previous} is no longer kept`)
    },

    onLimit(run) {
      demand('5 ends', false, () => `run ${run.number} is stopped at its time limit`)
    },

    onEnd(run) {
      if (['PlanChanged', 'PromotionRefused'].includes(run.error?.name ?? ''))
        demand(
          '6 nothing',
          run.written.length === 0,
          () => `run ${run.number} writes, and says ${run.error?.name}`,
        )
      for (const { Outcome, Target, Reason } of run.report?.Results ?? []) {
        if (Outcome === 'held') hasReason(run, Target)
        if (Outcome === 'held' && run.confirm === null) pointsToListed(run, Target)
        demand('5 own', !Reason?.includes('did not get to'), () => `run ${run.number} skips ${Target}`)
        const tries = run.written.filter((uri) => uri === Target).length
        const again = tries > 1 || !Reason?.includes('somebody else changed it since')
        demand('5 replan', again, () => `run ${run.number} plans ${Target} once`)
        const secret = world.secrets.find(({ uri }) => uri === Target)
        if (secret && ['created', 'updated', 'unchanged'].includes(Outcome) && !run.dryRun)
          wasThere(run, secret)
      }
      if (run.dryRun || run.error) return
      for (const { targets } of run.mirrors) {
        const secrets = world.secrets.filter((secret) => targets.some(({ uri }) => uri === secret.uri))
        for (const secret of secrets) {
          isRight(run, secret)
        }
        const alone = secrets.every((secret) => run.others.size === 0 && !hasRival(run, secret))
        if (!alone) continue
        if (run.promote === null) mustAgree('5 agree', secrets)
        else holdsPromoted(world, run, secrets)
      }
    },
  }

  /** The version that a run tells of a target in step was what readers got, at some time of the run. */
  function wasThere(run: Run, secret: Secret): void {
    const told = run.report?.Results.find(({ Target }) => Target === secret.uri)?.VersionId
    // Without any token there is none to hold, and what is there stays, whosever it is.
    if (secret.holds === 'token' && told === null) return
    const { history } = secret
    const since = history.slice(
      Math.max(
        0,
        history.findLastIndex(({ at }) => at <= run.startedAt),
      ),
    )
    const was = since.some(({ value }) => told === sha256(value ?? ''))
    demand('5 told', was, () => `${by(run, secret)} tells of ${told}, which nobody has read`)
  }

  /**
   * A run that reports success has left a target right: at its end where the store compares and sets, and where no other
   * run may write. Elsewhere another run may have replaced it since, and right is what the run saw when it looked last.
   * What somebody else wrote since then is theirs.
   */
  function isRight(run: Run, secret: Secret): void {
    if (hasRival(run, secret) || secret.holds === 'token') return
    const shared = run.others.size > 0
    const atEnd = !shared || secret.kind === 'aws'
    const value = atEnd ? secret.value : (run.looks.get(secret.uri)?.value ?? null)
    const { ApiTokens } = mustHold('5 right', { ...secret, value })
    const upstream = upstreamOf(secret)
    const begin = run.startedAt - lagMs
    // The removals of another run are its own to answer for: by lists that were cut short, or confirmed.
    const trusted = (one: Run): boolean =>
      one.confirm === null && (one.answers.get(secret.subAppId) ?? []).every(({ sound }) => sound)
    const complete =
      run.answers.get(secret.subAppId)?.at(-1)?.sound === true && (!atEnd || [...run.others].every(trusted))
    const alive = unlessExcluded(run, upstream.aliveSince(begin))
    const missing = complete ? without(alive, ApiTokens).filter((token) => !mayLack(run, token)) : []
    demand('5 right', missing.length === 0, () => `${by(run, secret)} misses ${missing}`)
    // What another run put there meanwhile was not there to be taken out.
    const first = tokensOf(secret, run.first.get(secret.uri))
    const dead = ApiTokens.filter((token) => (upstream.diedAt(token) ?? 0) < begin)
    const left = shared ? dead.filter((token) => first.includes(token)) : dead
    // A promotion moves the pick; absences are settled by the runs on schedule.
    demand('5 right', left.length === 0 || run.promote !== null, () => `${by(run, secret)} leaves ${left}`)
    if (shared && atEnd && run.looks.get(secret.uri)?.change !== secret.changes) return
    const told = run.report?.Results.find(({ Target }) => Target === secret.uri)?.VersionId
    demand('5 right', told === sha256(value ?? ''), () => `${by(run, secret)} misreports`)
  }

  /** Whether somebody else has written a secret since the run looked last. */
  function hasRival(run: Run, secret: Secret): boolean {
    return secret.rivalChange > (run.looks.get(secret.uri)?.change ?? 0)
  }

  /** Whether nothing has changed since the last request of the run that was none to replace the value. */
  function isAsOf(run: Run, secret: Secret): boolean {
    return secret.changes === run.asOf.get(secret.uri)
  }

  /** A change is held for a list that was too short, where the count decides, not which tokens; or for what is reused. */
  function hasReason(run: Run, uri: string): void {
    const secret = world.secrets.find((one) => one.uri === uri)
    if (!secret || secret.holds === 'token' || isReused(secret, newestOf(run, secret))) return
    const { subAppId } = secret
    const before = unlessExcluded(run, tokensOf(secret, run.first.get(uri)))
    const least = Math.max(1, settings.minKeep * before.length)
    const short = run.answers
      .get(subAppId)
      ?.some(({ tokens }) => new Set(unlessExcluded(run, tokens)).size < least)
    demand('3 held', short === true, () => `run ${run.number} holds ${uri} without a reason`)
  }

  /** What is held points to a token that is listed, if any is: so much is believed of a list that is too short. */
  function pointsToListed(run: Run, uri: string): void {
    const secret = world.secrets.find((one) => one.uri === uri)
    const held = secret && heldIn(secret, newestOf(run, secret))
    if (!secret || !held || run.others.size > 0) return
    const answers = run.answers.get(secret.subAppId) ?? []
    const listed = unlessExcluded(
      run,
      answers.flatMap(({ tokens }) => tokens),
    )
    const none = answers.at(-1)?.tokens.length === 0 || listed.length === 0
    const fine = none || listed.includes(held.ApiToken ?? '')
    demand(
      '4 held',
      fine,
      () => `run ${run.number} leaves ${uri} at ${held.ApiToken}, which is none of ${listed}`,
    )
  }

  function appliesPlan(run: Run, secret: Secret, written: Document, versionId: string): void {
    const planned = plans.get(run.confirm ?? '')
    demand(
      '6 exactly',
      planned?.get(secret.uri) === versionId,
      () => `${by(run, secret)} departs from the plan`,
    )
    const listed = unlessExcluded(run, run.answers.get(secret.subAppId)?.at(-1)?.tokens ?? [])
    const same = [...new Set(listed)].sort().join() === written.ApiTokens.join()
    demand('6 exactly', same, () => `${by(run, secret)} writes another set than it sees`)
  }

  /** No token that exists is left out, as far as a run can know: lists that were cut short say nothing. */
  function dropsNothingAlive(run: Run, secret: Secret, ApiTokens: readonly string[]): void {
    const upstream = upstreamOf(secret)
    const answers = run.answers.get(secret.subAppId) ?? []
    const [first, last] = [answers[0], answers.at(-1)]
    if (!first || !last) throw new Error('Simulating: a write without a list')
    const late = clock.now() - last.at
    demand('2 late', late <= writtenMs, () => `${by(run, secret)} writes ${late} ms after its list`)
    const settled = without(unlessExcluded(run, upstream.aliveSince(clock.now() - settledMs)), ApiTokens)
    demand('2 settled', !last.sound || settled.length === 0, () => `${by(run, secret)} leaves out ${settled}`)

    const taken = without(unlessExcluded(run, tokensOf(secret, newestOf(run, secret))), ApiTokens)
    if (taken.length === 0) return
    const since = last.sound ? clock.now() : first.sound ? first.at - lagMs : Number.NEGATIVE_INFINITY
    const alive = upstream.aliveSince(since).filter((token) => taken.includes(token))
    demand('2 alive', alive.length === 0, () => `${by(run, secret)} takes out ${alive}, which exists`)
    const apart = last.askedAt - first.receivedAt
    demand(
      '2 early',
      apart >= settings.settleSeconds * 1000,
      () => `${by(run, secret)} takes out ${taken} after ${apart} ms`,
    )
  }
}

/**
 * `ApiToken` is listed, wherever any token of the document is. It moves only when it is not, or is told to, or to make targets
 * agree that did not; and then to a token that was mirrored when the run began, where one of those is listed.
 */
function keepsPick(world: World, run: Run, secret: Secret, written: Document): void {
  const { ApiToken, ApiTokens } = written
  const who = by(run, secret)
  const listed = unlessExcluded(run, run.answers.get(secret.subAppId)?.at(-1)?.tokens ?? [])
  const dead = !listed.includes(ApiToken ?? '') && ApiTokens.some((token) => listed.includes(token))
  demand('4 listed', !dead, () => `${who} points to ${ApiToken}, which is none of ${listed}`)
  if (run.promote !== null) {
    demand('8 promoted', nameOf(ApiToken ?? '') === run.promote, () => `${who} promotes ${ApiToken} instead`)
    const everywhere = world.secrets
      .filter(({ subAppId, holds }) => subAppId === secret.subAppId && holds === 'document')
      .every((one) => heldIn(one, run.first.get(one.uri))?.ApiTokens.includes(ApiToken ?? ''))
    demand('8 everywhere', everywhere, () => `${who} promotes ${ApiToken}, which some target does not hold`)
    // In place of the one before, whatever becomes of it.
    world.promoted.delete(secret.subAppId)
    return
  }
  const promoted = world.promoted.get(secret.subAppId)
  demand(
    '8 stays',
    !promoted || promoted === ApiToken,
    () => `${who} moves ApiToken from ${promoted}, promoted`,
  )
  const secrets = world.secrets.filter(({ subAppId }) => subAppId === secret.subAppId)
  const picks = secrets
    .map((one) => heldIn(one, run.newest.get(one.uri))?.ApiToken)
    .filter((pick) => typeof pick === 'string')
  const [pick] = picks
  if (pick === undefined || picks.some((other) => other !== pick)) return
  const must = !listed.includes(pick)
  demand('4 pick', must || ApiToken === pick, () => `${who} moves ApiToken from ${pick} needlessly`)
  if (!must) return
  const known = secrets
    .flatMap((one) => {
      const first = run.first.get(one.uri)
      return one.holds === 'token' ? (valueIn(first) ?? []) : tokensOf(one, first)
    })
    .filter((one) => listed.includes(one))
  const fine = known.length === 0 || known.includes(ApiToken ?? '')
  demand('4 known', fine, () => `${who} moves ApiToken to a new token, not to ${known}`)
}

/** The tokens that other targets of the application hold alone under our mark, as far as the run has seen. */
function tokensAlone(world: World, run: Run, { subAppId }: Secret): readonly string[] {
  return world.secrets
    .filter((one) => one.subAppId === subAppId && one.holds === 'token')
    .map((one) => run.newest.get(one.uri))
    .flatMap((reading) => (reading?.state === 'value' && reading.marked ? [reading.value] : []))
}

/** A token alone is one to which a document points that the run has seen or written; of a plan, what that names. */
function follows(world: World, run: Run, secret: Secret, token: string): void {
  const documents = world.secrets.filter(
    (one) => one.subAppId === secret.subAppId && one.holds === 'document',
  )
  const picks = documents.map((one) => heldIn(one, run.newest.get(one.uri))?.ApiToken)
  demand('10 follows', picks.includes(token), () => `${by(run, secret)} writes ${token}, not one of ${picks}`)
}

/** What a promotion that reports success has done; from then on it is to stay. */
function holdsPromoted(world: World, run: Run, all: readonly Secret[]): void {
  const secrets = all.filter(({ holds }) => holds === 'document')
  const [first] = secrets
  if (!first) return
  const picks = secrets.map((secret) => mustHold('8 promoted', secret).ApiToken ?? '')
  const told = picks.every((pick) => nameOf(pick) === run.promote)
  demand('8 promoted', told, () => `run ${run.number} promotes ${run.promote}, and targets point to ${picks}`)
  // Settings that changed meanwhile may have taken it back already.
  if (!world.exclude.has(run.promote ?? '')) world.promoted.set(first.subAppId, picks[0] ?? '')
}

/** The name of a token by which settings and people mean it. */
function nameOf(token: string): string {
  return sha256(token).slice(0, 16)
}

function isExcluded({ exclude }: Run, token: string): boolean {
  return exclude.size > 0 && exclude.has(nameOf(token))
}

function unlessExcluded(run: Run, tokens: readonly string[]): readonly string[] {
  return tokens.filter((token) => !isExcluded(run, token))
}

/** Whether another run, with other settings, may have taken a token out, or kept it in. */
function mayLack(run: Run, token: string): boolean {
  return [...run.others].some((other) => isExcluded(other, token))
}

function by(run: Run, secret: Secret): string {
  return `run ${run.number} on ${secret.uri}`
}

/** The document that a secret holds. Throws a violation of `rule` when it holds none. */
export function mustHold(rule: string, secret: Secret): Document {
  const held = documentIn(secret.value)
  if (!held) throw new Violation(`${rule}: ${secret.uri} holds ${secret.value}`)
  return held
}

/** Throws a violation of `rule` when documents of one application differ by a byte, or a token alone is not their pick. */
export function mustAgree(rule: string, secrets: readonly Secret[]): void {
  const documents = secrets.filter(({ holds }) => holds === 'document')
  const values = new Set(documents.map(({ value }) => value))
  demand(rule, values.size <= 1, () => `${secrets.map(({ uri }) => uri)} hold ${[...values]}`)
  const pick = documentIn(documents[0]?.value ?? null)?.ApiToken ?? null
  for (const { uri, value } of secrets.filter(({ holds }) => holds === 'token'))
    demand(
      rule,
      pick === null || value === pick,
      () => `${uri} holds ${value}, and documents point to ${pick}`,
    )
}

/** Rule 3: in a world at rest every target of ours is the truth. */
export function mustBeTrue(world: World): void {
  for (const [subAppId, upstream] of world.upstreams) {
    const secrets = world.secrets.filter((secret) => mayWrite(secret) && secret.subAppId === subAppId)
    for (const secret of secrets.filter(({ holds }) => holds === 'document')) {
      const held = mustHold('3 true', secret).ApiTokens.join()
      const truth = upstream
        .truth()
        .filter((token) => !world.exclude.has(nameOf(token)))
        .sort()
        .join()
      demand('3 true', held === truth, () => `${secret.uri} holds {${held}}, the truth is {${truth}}`)
    }
    mustAgree('3 agree', secrets)
  }
}

/** Rule 3: what a run wrote carries our mark, also where somebody took it away. */
export function mustBeMarked(world: World): void {
  for (const secret of world.secrets) {
    const { uri, marked, runChange, rivalChange, value, subAppId, trouble } = secret
    // Without any token nothing is written to hold one.
    if (secret.holds === 'token' && world.upstreams.get(subAppId)?.truth().length === 0) continue
    const held = documentIn(value)
    const ours = held !== null && isOwn(subAppId, held) && isExact(held, value) && trouble === null
    demand('3 marked', marked || (runChange <= rivalChange && !ours), () => `${uri} is ours and not marked`)
  }
}

/** Rule 4: how often runs wrote to each target. */
export function mustWriteAtMost(limit: number, rule: string, writes: ReadonlyMap<string, number>): void {
  for (const [uri, count] of writes) demand(rule, count <= limit, () => `${uri} is written ${count} times`)
}

/** The tokens that a secret held at every moment from `since` until now. */
function heldSince({ history }: Secret, since: number): readonly string[] {
  const start = history.findLastIndex(({ at }) => at <= since)
  const [first = [], ...later] = history
    .slice(Math.max(0, start))
    .map(({ value }) => documentIn(value)?.ApiTokens ?? [])
  return first.filter((token) => start >= 0 && later.every((tokens) => tokens.includes(token)))
}

function newestOf(run: Run, { uri }: Secret): Reading | undefined {
  return run.newest.get(uri)
}

function valueIn(reading: Reading | undefined): string | null {
  return reading?.state === 'value' ? reading.value : null
}

function tokensOf(secret: Secret, reading: Reading | undefined): readonly string[] {
  return heldIn(secret, reading)?.ApiTokens ?? []
}

function without(tokens: readonly string[], among: readonly string[]): string[] {
  return tokens.filter((token) => !among.includes(token))
}

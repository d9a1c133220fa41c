import { describe, expect, it } from 'vitest'
import { fingerprint } from '../../../lib/digest.ts'
import type { Look } from '../../../lib/mirror/report.ts'
import {
  dayMs,
  elapsedMs,
  hourMs,
  isStuck,
  planRotation,
  type RotationInput,
  type RotationSettings,
  type Step,
  secondMs,
  whyKept,
} from '../../../lib/rotation/plan.ts'
import type { Leftover, RotationRecord, Stamp } from '../../../lib/stores/record.ts'

/** Fingerprints: of the token in use, of the one that takes over, of somebody else's. */
const [old, fresh, other] = ['a', 'b', 'c'].map((letter) => letter.repeat(16)) as [string, string, string]
const noon: Stamp = { own: Date.UTC(2026, 2, 10, 12), tencent: Date.UTC(2026, 2, 10, 12) }

function before(ms: number, by: Partial<Stamp> = {}): Stamp {
  return { own: noon.own - ms, tencent: noon.tencent - ms, ...by }
}

const settings: RotationSettings = {
  everyDays: 30,
  warmSeconds: 300,
  graceHours: 24,
  mayDelete: true,
  settleSeconds: 60,
  tokenLimit: 45,
}

function record(more: Partial<RotationRecord> = {}): RotationRecord {
  return {
    subAppId: 7,
    site: 'intl',
    phase: 'idle',
    since: before(40 * dayMs),
    rotated: before(40 * dayMs),
    old: null,
    new: null,
    intent: null,
    baseline: [],
    limited: null,
    failures: 0,
    doing: null,
    missing: {},
    leftovers: [],
    told: null,
    ...more,
  }
}

const underWay = { old, intent: 'i', baseline: [old] }
const asked = record({ ...underWay, phase: 'intent', since: before(2 * 60 * secondMs) })
const warm = record({ ...underWay, phase: 'warming', new: fresh, since: before(hourMs) })
const moved = record({ ...underWay, phase: 'promoted', new: fresh, since: before(25 * hourMs) })
const over = record({ ...moved, phase: 'retiring', since: before(hourMs) })

function target(pick: string | null, tokens: readonly string[], more: Partial<Look> = {}): Look {
  return {
    uri: 'file:a',
    holds: 'document',
    isRead: true,
    isInStep: true,
    pick,
    tokens: new Set(tokens),
    reason: null,
    ...more,
  }
}

type Given = Partial<Omit<RotationInput, 'listed' | 'excluded' | 'settings'>> & {
  readonly listed?: readonly string[]
  readonly excluded?: readonly string[]
  readonly settings?: Partial<RotationSettings>
}

function input({ listed = [old], excluded = [], settings: own = {}, ...more }: Given): RotationInput {
  return {
    application: { subAppId: 7, site: 'intl' },
    request: { kind: 'next' },
    record: record(),
    now: noon,
    targets: [target(old, [old])],
    limits: { kind: 'same' },
    intent: 'new-intent',
    ...more,
    listed: new Set(listed),
    excluded: new Set(excluded),
    settings: { ...settings, ...own },
  }
}

/** What a step says in short: its kind, the phase that it leads to, and what it does or says. */
function short(step: Step): string {
  const to = 'record' in step && step.record ? ` ${step.record.phase}` : ''
  const named = 'token' in step ? ` ${step.token.slice(0, 1)}` : ''
  return `${step.kind}${to}${named}: ${step.reason}`
}

function plan(given: Given): string {
  return short(planRotation(input(given)))
}

function left(token: string): Leftover {
  return { fingerprint: token, why: 'because' }
}

const bothListed = [old, fresh]
const bothMirrored = [target(old, bothListed)]
const onNew = [target(fresh, bothListed)]

/** Idle, and a token is left over that may be missing. */
function withLeftover(missing: RotationRecord['missing']): RotationRecord {
  return record({ rotated: noon, leftovers: [left(other)], missing })
}

describe('planRotation', () => {
  it.each<[string, Given, RegExp]>([
    ['writes a record where there is none', { record: null }, /^note idle: this is the first run/],
    [
      'never rotates by itself without a setting',
      { settings: { everyDays: null } },
      /^wait: AIGC_ROTATE_EVERY_DAYS is not set/,
    ],
    [
      'waits for the day',
      { record: record({ rotated: before(29 * dayMs) }) },
      /^wait: the next rotation is due about 2026-03-11T12:00Z/,
    ],
    ['begins when it is due', {}, /^create intent: a token is created that takes the place of a{16}$/],
    [
      'begins when somebody wants it',
      { record: record({ rotated: noon }), request: { kind: 'now' } },
      /^create intent/,
    ],
    ['begins so without a record', { record: null, request: { kind: 'now' } }, /^create intent/],
    [
      'waits for the mirror',
      { targets: [target(old, [old], { isInStep: false, reason: 'held' })] },
      /^wait: .*file:a is not in step.*\(held\); mirror-tokens goes first$/,
    ],
    [
      'tells who asks that the mirror goes first',
      { request: { kind: 'now' }, targets: [target(old, [old], { isInStep: false })] },
      /^refuse: file:a is not in step/,
    ],
    [
      'waits where targets differ',
      { targets: [target(old, bothListed), target(fresh, bothListed)], listed: bothListed },
      /^wait: .*do not name the same token/,
    ],
    [
      'holds where there is no token',
      { targets: [target(null, [])], listed: [] },
      /^hold: there is no token/,
    ],
    [
      'waits where the token in use is not listed',
      { listed: [other] },
      /^wait: .*a{16}, which is in use, is not listed/,
    ],
    [
      'creates none at the limit',
      { settings: { tokenLimit: 1 } },
      /^hold: the application has 1 tokens, and none is created from AIGC_TOKEN_LIMIT \(1\) on/,
    ],
    ['creates one below it', { settings: { tokenLimit: 2 } }, /^create/],
    [
      'holds after three failures',
      { record: record({ failures: 3, since: before(23 * hourMs) }) },
      /^hold: 3 times in a row/,
    ],
    ['tries again a day later', { record: record({ failures: 3, since: before(24 * hourMs) }) }, /^create/],
    [
      'tries at once when somebody wants it',
      { record: record({ failures: 3, since: noon }), request: { kind: 'now' } },
      /^create/,
    ],
    ['has nothing to abort', { request: { kind: 'abort' } }, /^refuse: no rotation is under way/],
    ['has nothing to roll back', { record: null, request: { kind: 'rollback' } }, /^refuse: no rotation/],

    [
      'waits for what may have been created',
      { record: { ...asked, since: before(89 * secondMs) }, listed: bothListed },
      /^wait: whether a token was created/,
    ],
    [
      'looks again before it adopts',
      { record: asked, listed: bothListed },
      /^wait intent: Tencent lists b{16}; a second look/,
    ],
    [
      'adopts the one that came',
      { record: { ...asked, missing: { [fingerprint('i')]: before(60 * secondMs) } }, listed: bothListed },
      /^note warming: b{16} takes the place of a{16}/,
    ],
    [
      'looks again before it fails',
      { record: asked },
      /^wait intent: Tencent lists no token that was created; a second look/,
    ],
    [
      'fails where none came',
      { record: { ...asked, missing: { [fingerprint('i')]: before(60 * secondMs) } } },
      /^note idle: no token was created/,
    ],
    [
      'keeps down that somebody ends it, where the list tells nothing',
      { record: asked, request: { kind: 'abort' }, targets: [target(old, [old, other])] },
      /^note intent: aborted/,
    ],
    [
      'holds where several came',
      { record: asked, listed: [...bothListed, other] },
      /^hold: several tokens have come .*: b{16}, c{16}; run \{"Adopt"/,
    ],
    [
      'counts those that are only mirrored',
      { record: asked, listed: bothListed, targets: [target(old, [old, other])] },
      /^wait: Tencent does not list c{16}, which is mirrored/,
    ],
    [
      'does not believe a list while a target cannot be read',
      { record: asked, listed: bothListed, targets: [target(null, [], { isRead: false, reason: 'down' })] },
      /^wait: file:a could not be read: down/,
    ],
    [
      'adopts the one that somebody names',
      { record: asked, listed: [...bothListed, other], request: { kind: 'adopt', token: other } },
      /^note warming: c{16} takes the place/,
    ],
    [
      'adopts none that was there before',
      { record: asked, listed: [...bothListed, other], request: { kind: 'adopt', token: old } },
      /^refuse: to be adopted are b{16}, c{16}/,
    ],
    [
      'goes on with the one that was answered, whatever else came',
      { record: { ...asked, new: fresh }, listed: [...bothListed, other] },
      /^note warming: b{16} is listed/,
    ],
    ['waits until that is listed', { record: { ...asked, new: fresh } }, /^wait intent: b{16} was created/],
    [
      'gives up what is never listed',
      { record: { ...asked, new: fresh, since: before(10 * 60 * secondMs) } },
      /^note idle: b{16} was created and is not listed/,
    ],
    [
      'aborts what was answered',
      { record: { ...asked, new: fresh }, request: { kind: 'abort' } },
      /^note idle: aborted/,
    ],
    [
      'remembers that it was aborted until it shows what came',
      { record: { ...asked, since: noon }, request: { kind: 'abort' } },
      /^note intent: aborted: .* a later run says/,
    ],
    [
      'ends then',
      {
        record: { ...asked, missing: { [fingerprint('i')]: before(60 * secondMs) }, doing: 'abort' },
        listed: bothListed,
      },
      /^note idle: aborted/,
    ],
    ['rolls back nothing yet', { record: asked, request: { kind: 'rollback' } }, /^refuse: .*"Abort"/],

    [
      'promotes what is warm',
      { record: warm, listed: bothListed, targets: bothMirrored },
      /^promote promoted b: consumers are moved from a{16} to b{16}$/,
    ],
    [
      'waits until it is warm',
      { record: { ...warm, since: before(299 * secondMs) }, listed: bothListed, targets: bothMirrored },
      /^wait: b{16} warms up until about 2026-03-10T12:00Z/,
    ],
    [
      'waits as long from its limits on',
      { record: { ...warm, limited: before(299 * secondMs) }, listed: bothListed, targets: bothMirrored },
      /^wait: b{16} warms up/,
    ],
    [
      'waits a settle at least',
      {
        record: { ...warm, since: before(59 * secondMs) },
        listed: bothListed,
        targets: bothMirrored,
        settings: { warmSeconds: 10 },
      },
      /^wait: b{16} warms up/,
    ],
    [
      'waits for the mirror to have it',
      { record: warm, listed: bothListed, targets: [...bothMirrored, target(old, [old], { uri: 'file:b' })] },
      /^wait: file:b does not hold b{16} yet/,
    ],
    [
      'asks that of no token alone',
      {
        record: warm,
        listed: bothListed,
        targets: [...bothMirrored, target(old, [old], { holds: 'token' })],
      },
      /^promote/,
    ],
    [
      'waits for targets that cannot be read',
      { record: warm, listed: bothListed, targets: [target(null, [], { isRead: false, reason: 'down' })] },
      /^wait: file:a could not be read/,
    ],
    [
      'copies limits first',
      {
        record: warm,
        listed: bothListed,
        targets: bothMirrored,
        limits: { kind: 'different', what: 'the text quota' },
      },
      /^copy warming: b{16} is given the limits of a{16}: the text quota/,
    ],
    [
      'waits until copied limits show',
      {
        record: { ...warm, limited: before(59 * secondMs) },
        listed: bothListed,
        targets: bothMirrored,
        limits: { kind: 'different', what: 'the text quota' },
      },
      /^wait: b{16} was given the limits of a{16}, and Tencent does not show/,
    ],
    [
      'copies them again where they do not',
      {
        record: { ...warm, limited: before(60 * secondMs) },
        listed: bothListed,
        targets: bothMirrored,
        limits: { kind: 'different', what: 'the text quota' },
      },
      /^copy/,
    ],
    [
      'holds where limits are not known',
      {
        record: warm,
        listed: bothListed,
        targets: bothMirrored,
        limits: { kind: 'unknown', reason: 'refused' },
      },
      /^hold: .*cannot be told: refused/,
    ],
    [
      'holds where nobody asked for them',
      { record: warm, listed: bothListed, targets: bothMirrored, limits: null },
      /^hold: .*nobody asked/,
    ],
    ['waits where the new one is not listed', { record: warm, targets: bothMirrored }, /^wait/],
    [
      'gives up where it stays away',
      { record: { ...warm, missing: { [fresh]: before(60 * secondMs) } }, targets: bothMirrored },
      /^note idle: Tencent no longer lists b{16}; the old token stays/,
    ],
    [
      'waits where the old one is not listed',
      { record: warm, listed: [fresh], targets: bothMirrored },
      /^wait: Tencent does not list a{16} at the moment/,
    ],
    [
      'gives up where that stays away',
      {
        record: { ...warm, missing: { [old]: before(60 * secondMs) } },
        listed: [fresh],
        targets: onNew,
      },
      /^note idle: Tencent no longer lists a{16}, so its limits/,
    ],
    [
      'gives up what is excluded',
      { record: warm, listed: bothListed, targets: bothMirrored, excluded: [fresh] },
      /^note idle: AIGC_EXCLUDE names b{16}/,
    ],
    [
      'gives up where somebody moved consumers elsewhere',
      { record: warm, listed: [...bothListed, other], targets: [target(other, [...bothListed, other])] },
      /^note idle: consumers no longer use a{16}/,
    ],
    [
      'goes on where they are there already',
      { record: warm, listed: bothListed, targets: onNew },
      /^promote promoted b/,
    ],
    [
      'is aborted',
      { record: warm, listed: bothListed, targets: bothMirrored, request: { kind: 'abort' } },
      /^note idle: aborted/,
    ],
    [
      'is not aborted while it promotes',
      {
        record: { ...warm, doing: 'promote' },
        listed: bothListed,
        targets: bothMirrored,
        request: { kind: 'abort' },
      },
      /^refuse: consumers are being moved/,
    ],

    [
      'leaves the old one alone for the grace',
      { record: { ...moved, since: before(23 * hourMs) }, listed: bothListed, targets: onNew },
      /^wait: a{16} is left alone until about 2026-03-10T13:00Z/,
    ],
    [
      'retires it after that',
      { record: moved, listed: bothListed, targets: onNew },
      /^note retiring: the grace of a{16} is over/,
    ],
    [
      'begins the grace anew where a target names it',
      { record: moved, listed: bothListed, targets: [...onNew, target(old, bothListed, { uri: 'file:b' })] },
      /^note promoted: file:b names a{16}, so the grace begins anew/,
    ],
    [
      'does not count it before a run sees that none does',
      {
        record: { ...moved, doing: 'promote' },
        listed: bothListed,
        targets: [...onNew, target(old, bothListed, { uri: 'file:b' })],
      },
      /^wait: file:b still names a{16}/,
    ],
    [
      'counts it from then on',
      { record: { ...moved, doing: 'promote' }, listed: bothListed, targets: onNew },
      /^note promoted: no target names a{16}, and its grace begins anew/,
    ],
    [
      'sees that a target names it where another cannot be read',
      {
        record: over,
        listed: bothListed,
        targets: [target(null, [], { isRead: false }), target(old, bothListed, { uri: 'file:b' })],
      },
      /^note promoted: file:b names a{16}/,
    ],
    [
      'waits with a rollback that cannot be finished, so that it may see that the token is gone',
      { record: { ...moved, doing: 'rollback' }, listed: [fresh], targets: onNew },
      /^wait promoted: consumers are to be moved back: a{16} is not listed/,
    ],
    [
      'does not believe a list that lacks what is in use',
      { record: { ...over, missing: { [old]: before(hourMs) } }, listed: [], targets: onNew },
      /^wait retiring: Tencent does not list a{16}; a second look/,
    ],
    [
      'takes all targets moved back for the end',
      { record: moved, listed: bothListed, targets: bothMirrored },
      /^note idle: consumers were moved back/,
    ],
    [
      'waits where a target cannot be read',
      { record: moved, listed: bothListed, targets: [target(null, [], { isRead: false, reason: 'down' })] },
      /^wait: file:a could not/,
    ],
    [
      'rolls back',
      { record: moved, listed: bothListed, targets: onNew, request: { kind: 'rollback' } },
      /^promote idle a: consumers are moved back from b{16} to a{16}/,
    ],
    [
      'goes on rolling back',
      { record: { ...moved, doing: 'rollback' }, listed: bothListed, targets: onNew },
      /^promote idle a/,
    ],
    [
      'rolls back to nothing that is gone',
      { record: moved, listed: [fresh], targets: onNew, request: { kind: 'rollback' } },
      /^refuse: a{16} is not listed/,
    ],
    [
      'rolls back to nothing that a target lacks',
      { record: moved, listed: bothListed, targets: [target(fresh, [fresh])], request: { kind: 'rollback' } },
      /^refuse: file:a does not hold a{16}/,
    ],
    [
      'wants to roll back, although a target cannot be read',
      {
        record: moved,
        listed: bothListed,
        targets: [...onNew, target(null, [], { isRead: false, uri: 'file:b' })],
        request: { kind: 'rollback' },
      },
      /^promote idle a/,
    ],
    [
      'does not roll back what is being deleted',
      {
        record: { ...over, doing: 'delete' },
        listed: bothListed,
        targets: onNew,
        request: { kind: 'rollback' },
      },
      /^refuse: a{16} is being deleted/,
    ],
    [
      'ends without deleting',
      { record: moved, listed: bothListed, targets: onNew, request: { kind: 'abort' } },
      /^note idle: ended: b{16} stays in use, and a{16} is not deleted/,
    ],
    [
      'ends while it deletes, and says so',
      {
        record: { ...over, doing: 'delete' },
        listed: bothListed,
        targets: onNew,
        request: { kind: 'abort' },
      },
      /^note idle: ended: b{16} stays in use, and a{16} may have been deleted already/,
    ],
    [
      'ends where somebody deleted the old one',
      { record: { ...moved, missing: { [old]: before(60 * secondMs) } }, listed: [fresh], targets: onNew },
      /^note idle: .*the rotation is over/,
    ],

    ['deletes', { record: over, listed: bothListed, targets: onNew }, /^delete a: a{16} is deleted/],
    [
      'tells who is to delete',
      { record: over, listed: bothListed, targets: onNew, settings: { mayDelete: false } },
      /^wait retiring: nothing uses a{16} any more: delete it at Tencent/,
    ],
    [
      'deletes nothing that a target names',
      { record: over, listed: bothListed, targets: [...onNew, target(old, bothListed, { uri: 'file:b' })] },
      /^note promoted: file:b names a{16}/,
    ],
    [
      'deletes nothing while a target cannot be read',
      { record: over, listed: bothListed, targets: [...onNew, target(null, [], { isRead: false })] },
      /^wait: file:a could not be read/,
    ],
    [
      'deletes nothing where consumers would be left without a token',
      { record: over, listed: [old], targets: onNew },
      /^wait: file:a names no token that Tencent lists/,
    ],
    [
      'deletes nothing where they have an excluded one',
      { record: over, listed: bothListed, targets: onNew, excluded: [fresh] },
      /^wait: file:a names no token/,
    ],
    [
      'looks twice',
      { record: over, listed: [fresh], targets: onNew },
      /^wait retiring: Tencent does not list a{16}/,
    ],
    [
      'is over when it is gone',
      { record: { ...over, missing: { [old]: before(60 * secondMs) } }, listed: [fresh], targets: onNew },
      /^note idle: a{16} is gone: the rotation is over/,
    ],

    [
      'says no reason where the mirror gives none',
      { request: { kind: 'now' }, targets: [target(old, [old], { isInStep: false })] },
      /Tencent's list; mirror-tokens/,
    ],
    ['tries again at once after two failures', { record: record({ failures: 2, since: noon }) }, /^create/],
    [
      'keeps down what it noticed while it holds',
      { record: record({ failures: 3, since: before(hourMs), leftovers: [left(other)] }) },
      /^hold idle: 3 times/,
    ],
    [
      'looks for what was created from the moment on at which it should be listed',
      { record: { ...asked, since: before(90 * secondMs) }, listed: bothListed },
      /^wait intent: Tencent lists b{16}; a second look/,
    ],
    [
      'waits for that as long as a settle at least',
      { record: asked, listed: bothListed, settings: { settleSeconds: 120 } },
      /^wait: whether a token was created/,
    ],
    [
      'counts no look at a list that lacks what is mirrored',
      { record: asked, targets: [target(old, [old, other])] },
      /^wait: Tencent does not list c{16}, which is mirrored/,
    ],
    [
      'takes no leftover for the one that came',
      {
        record: {
          ...asked,
          missing: { [fingerprint('i')]: before(60 * secondMs) },
          leftovers: [left(other)],
        },
        listed: [...bothListed, other],
      },
      /^note warming: b{16} takes the place/,
    ],
    [
      'names those that came in an order of its own',
      { record: asked, listed: [other, fresh, old] },
      /^hold: .*: b{16}, c{16};/,
    ],
    [
      'adopts none where none came',
      { record: asked, request: { kind: 'adopt', token: other } },
      /^refuse: to be adopted are none$/,
    ],
    [
      'adopts none that is not listed',
      {
        record: asked,
        listed: bothListed,
        targets: [target(old, [old, other])],
        request: { kind: 'adopt', token: other },
      },
      /^refuse: to be adopted are b{16}$/,
    ],
    [
      'rolls back nothing that was not promoted',
      { record: warm, listed: bothListed, targets: bothMirrored, request: { kind: 'rollback' } },
      /^refuse: .*"Abort"/,
    ],
    [
      'adopts no other once there is one',
      {
        record: warm,
        listed: bothListed,
        targets: bothMirrored,
        request: { kind: 'adopt', token: fresh },
      },
      /^refuse: b{16} is adopted already/,
    ],
    [
      'adopts none once consumers were moved',
      { record: moved, listed: bothListed, targets: onNew, request: { kind: 'adopt', token: fresh } },
      /^refuse: b{16} is adopted already/,
    ],
    [
      'says which one it waits for',
      { record: warm, targets: bothMirrored },
      /^wait( warming)?: Tencent does not list b{16} at the moment/,
    ],
    [
      'goes on with a promotion, wherever consumers are',
      {
        record: { ...warm, doing: 'promote' },
        listed: [...bothListed, other],
        targets: [target(other, [...bothListed, other])],
      },
      /^promote promoted b/,
    ],
    [
      'warms up what has the limits already',
      { record: { ...warm, limited: before(50 * secondMs) }, listed: bothListed, targets: bothMirrored },
      /^wait: b{16} warms up/,
    ],
    [
      'promotes at the very end of that',
      { record: { ...warm, since: before(300 * secondMs) }, listed: bothListed, targets: bothMirrored },
      /^promote/,
    ],
    [
      'retires at the very end of the grace',
      { record: { ...moved, since: before(24 * hourMs) }, listed: bothListed, targets: onNew },
      /^note retiring/,
    ],
    [
      'takes one that is missing for gone no sooner than after a settle',
      { record: { ...over, missing: { [old]: before(59 * secondMs) } }, listed: [fresh], targets: onNew },
      /^wait: Tencent does not list a{16}/,
    ],
    [
      'ends a rollback to one that is gone',
      {
        record: { ...moved, doing: 'rollback', missing: { [old]: before(60 * secondMs) } },
        listed: [fresh],
        targets: onNew,
      },
      /^note idle: Tencent no longer lists a{16}, so there is no way back/,
    ],
    [
      'says so to whoever asks for one',
      {
        record: { ...moved, missing: { [old]: before(60 * secondMs) } },
        listed: [fresh],
        targets: onNew,
        request: { kind: 'rollback' },
      },
      /^refuse: a{16} is not listed/,
    ],
    [
      'rolls back a token alone, too',
      {
        record: moved,
        listed: bothListed,
        targets: [...onNew, target(fresh, [fresh], { holds: 'token' })],
        request: { kind: 'rollback' },
      },
      /^promote idle a/,
    ],
  ])('%s', (_, given, expected) => {
    expect(plan(given)).toMatch(expected)
  })

  it('keeps down all tokens that there were before it creates one', () => {
    const step = planRotation(
      input({ listed: [old, other], targets: [target(old, [old, other]), target(old, [old, other])] }),
    )
    expect(step).toMatchObject({ record: { old, new: null, intent: 'new-intent', baseline: [old, other] } })
  })

  it('counts among them those that are only mirrored', () => {
    const step = planRotation(input({ targets: [target(old, [old, other])] }))
    expect(step).toMatchObject({ record: { baseline: [old, other] } })
  })

  it('counts a call that was refused', () => {
    const step = planRotation(input({ record: record({ failures: 1 }) }))
    expect(step).toMatchObject({ refused: { phase: 'idle', since: noon, failures: 2 } })
  })

  it('begins with a record of nothing', () => {
    const step = planRotation(input({ record: null }))
    expect(step).toMatchObject({ record: record({ since: noon, rotated: noon }) })
  })

  it('remembers an abort that it cannot carry out yet', () => {
    const step = planRotation(input({ record: { ...asked, since: noon }, request: { kind: 'abort' } }))
    expect(step).toMatchObject({ kind: 'note', record: { phase: 'intent', doing: 'abort' } })
  })

  it('looks out for the token whose name it knows, and for no other', () => {
    const step = planRotation(input({ record: { ...asked, new: fresh } }))
    expect('record' in step && step.record?.missing).toEqual({ [fresh]: noon })
  })

  it('says before it moves or deletes anything what it is about to do', () => {
    const warming = planRotation(input({ record: warm, listed: bothListed, targets: bothMirrored }))
    expect(warming).toMatchObject({ before: { phase: 'warming', doing: 'promote' }, record: { doing: null } })
    const deleting = planRotation(input({ record: over, listed: bothListed, targets: onNew }))
    expect(deleting).toMatchObject({
      before: { doing: 'delete' },
      refused: { doing: null },
      pointed: { phase: 'promoted', since: noon, doing: 'promote' },
    })
    const back = planRotation(
      input({ record: moved, listed: bothListed, targets: onNew, request: { kind: 'rollback' } }),
    )
    expect(back).toMatchObject({ before: { phase: 'promoted', doing: 'rollback' } })
  })

  it.each<[string, Given, readonly string[]]>([
    ['an aborted token', { record: warm, request: { kind: 'abort' } }, [fresh]],
    ['a token that was rolled back', { record: moved, request: { kind: 'rollback' } }, [fresh]],
    ['an old one that was not deleted', { record: over, request: { kind: 'abort' } }, [old]],
    ['all that came of an aborted intent', { record: { ...asked, doing: 'abort' } }, [fresh, other]],
    ['the others that came', { record: asked, request: { kind: 'adopt', token: fresh } }, [other]],
    [
      'another that is mirrored',
      {
        record: asked,
        listed: bothListed,
        targets: [target(old, [old, other])],
        request: { kind: 'adopt', token: fresh },
      },
      [other],
    ],
    [
      'once a token that was named before',
      {
        record: { ...warm, leftovers: [left(fresh), left(other)] },
        targets: bothMirrored,
        request: { kind: 'abort' },
      },
      [other, fresh],
    ],
  ])('names %s from then on', (_, given, expected) => {
    const step = planRotation(
      input({ listed: [old, fresh, other], targets: [target(fresh, bothListed)], ...given }),
    )
    const { leftovers = [] } = 'record' in step && step.record ? step.record : {}
    expect(leftovers.map(({ fingerprint }) => fingerprint)).toEqual(expected)
  })

  it.each<[string, Given, string, RegExp]>([
    [
      'what was never listed',
      { record: { ...asked, new: fresh, since: before(10 * 60 * secondMs) }, listed: [old] },
      fresh,
      /did not list it/,
    ],
    [
      'what was answered and aborted',
      { record: { ...asked, new: fresh }, request: { kind: 'abort' } },
      fresh,
      /was aborted/,
    ],
    [
      'what may have come of an abort',
      { record: { ...asked, doing: 'abort', missing: { [fingerprint('i')]: before(60 * secondMs) } } },
      fresh,
      /may be that/,
    ],
    ['what is excluded', { record: warm, excluded: [fresh] }, fresh, /AIGC_EXCLUDE/],
    [
      'what nobody needs any more',
      { record: warm, listed: [...bothListed, other], targets: [target(other, [...bothListed, other])] },
      fresh,
      /no longer in use/,
    ],
    [
      'what has lost its old one',
      { record: { ...warm, missing: { [old]: before(hourMs) } }, listed: [fresh], targets: onNew },
      fresh,
      /deleted meanwhile/,
    ],
    ['what consumers were moved back from', { record: moved }, fresh, /by hand/],
    ['what was rolled back', { record: moved, request: { kind: 'rollback' } }, fresh, /rolled back/],
    [
      'what was not deleted',
      { record: over, targets: onNew, request: { kind: 'abort' } },
      old,
      /before it was deleted/,
    ],
  ])('says why %s is left over', (_, given, token, expected) => {
    const step = planRotation(input({ listed: bothListed, targets: bothMirrored, ...given }))
    expect(step).toMatchObject({
      record: { leftovers: [{ fingerprint: token, why: expect.stringMatching(expected) }] },
    })
  })

  const settled = before(60 * secondMs)
  it.each<[string, Given]>([
    [
      'no token came',
      { record: { ...asked, missing: { [fingerprint('i')]: settled } }, targets: [target(old, [old])] },
    ],
    ['the new one is gone', { record: { ...warm, missing: { [fresh]: settled } }, targets: bothMirrored }],
    [
      'somebody has deleted the old one',
      { record: { ...moved, missing: { [old]: settled } }, listed: [fresh] },
    ],
    ['the old one is deleted', { record: { ...over, missing: { [old]: settled } }, listed: [fresh] }],
    [
      'there is no way back',
      { record: { ...moved, doing: 'rollback', missing: { [old]: settled } }, listed: [fresh] },
    ],
  ])('leaves nothing over where %s', (_, given) => {
    const step = planRotation(input({ targets: onNew, ...given }))
    expect(step).toMatchObject({ kind: 'note', record: { phase: 'idle', baseline: [], leftovers: [] } })
  })

  it.each<[string, Given]>([
    ['whose token is listed', { record: warm, request: { kind: 'abort' } }],
    ['whose token is not listed yet', { record: { ...asked, new: fresh }, request: { kind: 'abort' } }],
    [
      'that was unsure',
      { record: { ...asked, missing: { [fingerprint('i')]: before(60 * secondMs) }, doing: 'abort' } },
    ],
  ])('begins no other by itself for a whole period after an abort of one %s', (_, given) => {
    const seen = { listed: bothListed, targets: bothMirrored }
    const step = planRotation(input({ ...seen, ...given }))
    expect(short(step)).toMatch(/^note idle: aborted: .*; the next rotation is due about 2026-04-09T12:00Z$/)
    const { record: ended = null } = 'record' in step ? step : {}
    const later = (ms: number): string =>
      plan({ ...seen, record: ended, now: before(-ms), request: { kind: 'next' } })
    expect(later(30 * dayMs - 1)).toMatch(/^wait( idle)?: the next rotation is due/)
    expect(later(30 * dayMs)).toMatch(/^create intent/)
  })

  it('forgets a leftover after two looks that lack it, and one that is in use again', () => {
    const seen = (given: Given) => planRotation(input(given))
    expect(seen({ record: withLeftover({}) })).toMatchObject({
      kind: 'wait',
      record: { missing: { [other]: noon } },
    })
    expect(seen({ record: withLeftover({ [other]: before(60 * secondMs) }) })).toMatchObject({
      kind: 'wait',
      record: { leftovers: [] },
    })
    expect(seen({ record: withLeftover({}), listed: [old, other] })).not.toHaveProperty('record')
    const inUse = target(other, [other])
    for (const targets of [[inUse], [inUse, target(old, [old])]])
      expect(seen({ record: withLeftover({}), listed: [old, other], targets })).toMatchObject({
        record: { leftovers: [] },
      })
  })

  it('forgets none between two looks that are too close', () => {
    const step = planRotation(input({ record: withLeftover({ [other]: before(59 * secondMs) }) }))
    expect(step).not.toHaveProperty('record')
  })

  it.each<[string, readonly Look[], boolean]>([
    ['counts a look where every target is read and holds nothing', [target(null, [])], true],
    ['counts none where a target cannot be read', [target(null, [], { isRead: false })], false],
    [
      'counts none where the list lacks what one target names',
      [target(old, [old]), target(fresh, [fresh])],
      false,
    ],
  ])('%s', (_, targets, counts) => {
    const step = planRotation(input({ record: withLeftover({}), targets }))
    expect('record' in step && step.record?.missing).toEqual(counts && { [other]: noon })
  })

  it('tells once a day what a person should delete', () => {
    const told = (ms: number) =>
      planRotation(
        input({
          record: { ...over, told: before(ms) },
          listed: bothListed,
          targets: onNew,
          settings: { mayDelete: false },
        }),
      )
    expect(told(dayMs - 1)).toMatchObject({ kind: 'wait', tell: false })
    expect(told(dayMs)).toMatchObject({ kind: 'wait', tell: true, record: { told: noon } })
  })
})

describe('planRotation with clocks that jump', () => {
  it('waits by the clock that says less', () => {
    expect(elapsedMs(before(0, { own: noon.own - dayMs }), noon)).toBe(0)
    for (const since of [before(23 * hourMs, { own: 0 }), before(23 * hourMs, { tencent: 0 })])
      expect(plan({ record: { ...moved, since }, listed: bothListed, targets: onNew })).toMatch(/^wait/)
  })

  it('begins a wait anew that was counted from a moment to come', () => {
    const since = before(25 * hourMs, { own: noon.own + 365 * dayMs })
    const step = planRotation(input({ record: { ...moved, since }, listed: bothListed, targets: onNew }))
    expect(step).toMatchObject({
      kind: 'note',
      record: { phase: 'promoted', since: { ...since, own: noon.own } },
    })
  })

  it('takes small differences for none', () => {
    const since = before(-30 * secondMs)
    expect(plan({ record: { ...moved, since }, listed: bothListed, targets: onNew })).toMatch(/^wait/)
    for (const by of [{}, { own: noon.own }, { tencent: noon.tencent }])
      expect(
        plan({
          record: { ...moved, since: before(-60 * secondMs, by) },
          listed: bothListed,
          targets: onNew,
        }),
      ).toMatch(/^wait/)
  })

  it('says that a clock was set back, whichever it was', () => {
    for (const by of [{ own: noon.own + hourMs }, { tencent: noon.tencent + hourMs }])
      expect(
        plan({ record: { ...moved, since: before(hourMs, by) }, listed: bothListed, targets: onNew }),
      ).toMatch(/^note promoted: a clock was set back/)
  })

  it('brings back every moment that is to come, and makes up none', () => {
    const since = before(-hourMs)
    const seen = { listed: bothListed, targets: onNew }
    const all = { since, rotated: since, limited: since, told: since, missing: { [old]: since } }
    expect(planRotation(input({ ...seen, record: { ...over, ...all } }))).toMatchObject({
      record: { since: noon, rotated: noon, limited: noon, told: noon, missing: { [old]: noon } },
    })
    expect(planRotation(input({ ...seen, record: { ...over, since } }))).toMatchObject({
      record: { since: noon, limited: null, told: null },
    })
  })

  it('does what somebody asks for all the same', () => {
    const given = { record: { ...moved, since: before(-hourMs) }, listed: bothListed, targets: onNew }
    expect(plan({ ...given, request: { kind: 'rollback' } })).toMatch(/^promote idle a/)
  })
})

describe('planRotation of one token at once', () => {
  const ask = { kind: 'retire', token: other, confirm: null } as const
  const given: Given = { listed: [...bothListed, other], targets: [target(old, [...bothListed, other])] }
  const digestOf = (more: Given = {}): string => {
    const step = planRotation(input({ ...given, ...more, request: ask }))
    return step.kind === 'ask' ? step.digest : short(step)
  }

  it('shows the plan, and deletes what was confirmed', () => {
    expect(digestOf()).toMatch(/^[\da-f]{64}$/)
    const confirmed = planRotation(input({ ...given, request: { ...ask, confirm: digestOf() } }))
    expect(confirmed).toMatchObject({ kind: 'delete', token: other, before: null })
    expect(plan({ ...given, request: ask })).toMatch(/^ask c: c{16} would be deleted .*"Confirm"$/)
    expect(short(confirmed)).toMatch(/^delete c: c{16} is deleted at once$/)
  })

  it('calls it a plan of its own where a target names another token, and not where the list is in another order', () => {
    expect(digestOf({ listed: [other, fresh, old] })).toBe(digestOf())
    expect(digestOf({ targets: [target(fresh, bothListed)] })).not.toBe(digestOf())
  })

  it.each<[string, Given]>([
    ['without a record', { record: null }],
    ['that took over', { record: { ...moved, new: other } }],
    ['that took over from one that is being retired', { record: { ...over, new: other } }],
    ['that was replaced', { record: { ...moved, old: other } }],
    ['while consumers are moved back to another', { record: { ...moved, doing: 'rollback' } }],
  ])('takes one %s', (_, more) => {
    expect(plan({ ...given, ...more, request: ask })).toMatch(/^ask c/)
  })

  it('deletes nothing where the world has moved', () => {
    const step = plan({ ...given, listed: [old, other], request: { ...ask, confirm: digestOf() } })
    expect(step).toMatch(/^refuse: the tokens or the targets have changed/)
  })

  it.each<[string, Given, RegExp]>([
    ['that is not listed', { listed: bothListed }, /^refuse: Tencent lists no token c{16}/],
    ['that is in use', { targets: [target(other, [other])] }, /^refuse: file:a names it .*"Promote"/],
    ['that is made ready', { record: { ...warm, new: other } }, /^refuse: .*"Abort"/],
    [
      'that consumers are being moved back to',
      { record: { ...moved, old: other, doing: 'rollback' } },
      /^refuse: consumers are being moved back/,
    ],
    [
      'while a target cannot be read',
      { targets: [target(old, [], { isRead: false })] },
      /^refuse: file:a could/,
    ],
    ['where none would be left', { targets: [target(null, [])] }, /^refuse: file:a names no token/],
    ['where it may not', { settings: { mayDelete: false } }, /^refuse: AIGC_ROTATION_MAY_DELETE/],
  ])('refuses one %s', (_, more, expected) => {
    expect(plan({ ...given, ...more, request: ask })).toMatch(expected)
  })
})

describe('whyKept', () => {
  it('says what speaks against a deletion', () => {
    const given = input({ listed: bothListed, targets: onNew })
    expect(whyKept(given, old)).toBeNull()
    expect(whyKept(given, fresh)).toBe(`file:a names ${fresh}`)
    expect(whyKept({ ...given, targets: [target(fresh, [], { isRead: false })] }, old)).toMatch(/could not/)
    expect(whyKept({ ...given, listed: new Set([old]) }, old)).toMatch(/names no token/)
  })
})

describe('isStuck', () => {
  it.each<[RotationRecord, number, Partial<RotationSettings>?]>([
    [record({ phase: 'intent' }), hourMs],
    [record({ phase: 'warming' }), 300 * secondMs + 6 * hourMs],
    [record({ phase: 'promoted' }), 48 * hourMs],
    [record({ phase: 'retiring' }), dayMs],
    [record({ phase: 'retiring' }), 7 * dayMs, { mayDelete: false }],
  ])('says so of a phase that lasts too long', (given, mostMs, own = {}) => {
    const lasting = (ms: number): boolean =>
      isStuck({ ...given, since: before(ms) }, noon, { ...settings, ...own })
    expect(lasting(mostMs)).toBe(false)
    expect(lasting(mostMs + 1)).toBe(true)
  })

  it('says so of a rotation that is a day overdue', () => {
    const due = (days: number, everyDays: number | null = 30): boolean =>
      isStuck(record({ rotated: before(days * dayMs) }), noon, { ...settings, everyDays })
    expect([due(31), due(32), due(32, null)]).toEqual([false, true, false])
  })
})

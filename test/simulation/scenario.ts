/** One seed's story: some minutes in which everything goes wrong, then rest, then one last change. */

import { fingerprint } from '../../lib/digest.ts'
import type { MirrorReport } from '../../lib/mirror/report.ts'
import type { Mirror } from '../../lib/stores/target.ts'
import { createSsm } from '../../simulator/ssm.ts'
import { createClock } from './clock.ts'
import {
  createWitness,
  documentIn,
  mayWrite,
  mustBeMarked,
  mustBeTrue,
  mustHold,
  mustWriteAtMost,
  type SeenPlans,
  Violation,
} from './invariants.ts'
import { createRandom, type Random } from './random.ts'
import { createAwsSecret } from './secrets-manager.ts'
import {
  calm,
  createUpstream,
  keepInStore,
  lagMs,
  type Run,
  type Secret,
  type SubAppId,
  settings,
  ssmRegion,
  startRun,
  type Upstream,
  type World,
  writeAsRival,
} from './world.ts'

const secondMs = 1000
const minuteMs = 60_000
/** The function's time limit in a world at rest: room for both looks. */
const roomyMs = 5 * minuteMs

export interface Story {
  readonly seed: number
  /** The first rule that was broken, or `null`. */
  readonly violation: Error | null
  /** What happened, a line per event, when asked for. */
  readonly lines: readonly string[]
  /** How often what a rule speaks about took place, so that a test can see that no rule was kept idly. */
  readonly counts: Readonly<
    Record<
      | 'runs'
      | 'writes'
      | 'successes'
      | 'sharedSuccesses'
      | 'confirmed'
      | 'deaths'
      | 'lateDeaths'
      | 'overlaps'
      | 'unread'
      | 'hung'
      | 'rivalries'
      | 'overtaken'
      | 'promoted'
      | 'excluded'
      | 'movedPicks',
      number
    >
  >
  /** For how long each target's pick was a token that no list had any more, for each deletion of a pick in a calm world. */
  readonly deadMs: readonly number[]
}

/** Starts a run: of all applications, for real, unless the request says otherwise. */
type Start = (
  request: Partial<Pick<Run, 'mirrors' | 'dryRun' | 'confirm' | 'promote'>>,
  limitMs: number,
) => Run

/**
 * Plays the world of a seed until a rule is broken or the story ends; the same seed is the same story. `traced` asks
 * for its lines; with `rule`, only rules whose names begin so count.
 */
export async function simulate(
  seed: number,
  { traced = false, rule = '' }: { readonly traced?: boolean; readonly rule?: string } = {},
): Promise<Story> {
  const lines: string[] = []
  const { world, deadMs, play } = createStory(seed, {
    trace(line) {
      if (traced) lines.push(line())
    },
    matters: (error) => !(error instanceof Violation) || error.message.startsWith(rule),
  })
  let over = false
  play()
    .catch(world.report)
    .finally(() => {
      over = true
    })
  await world.clock.runUntil(() => over || world.violation !== null)
  const { runs, violation } = world
  const count = (wanted: (run: Run) => boolean): number => runs.filter(wanted).length
  return {
    seed,
    violation,
    lines,
    deadMs,
    counts: {
      runs: runs.length,
      writes: runs.reduce((sum, { written }) => sum + written.length, 0),
      successes: count((run) => isSuccess(run) && run.others.size === 0),
      sharedSuccesses: count((run) => isSuccess(run) && run.others.size > 0),
      confirmed: count(({ confirm, written }) => confirm !== null && written.length > 0),
      deaths: count(({ state }) => state === 'died'),
      // Beyond the first readings, where writes and second looks are.
      lateDeaths: count(({ lastWait }) => (lastWait ?? 0) > 10),
      unread: runs.reduce((sum, { unread }) => sum + unread, 0),
      overlaps: count(({ others }) => others.size > 0),
      hung: runs.reduce((sum, { hung }) => sum + hung, 0),
      rivalries: world.rivalries,
      overtaken: runs.reduce((sum, { overtaken }) => sum + overtaken, 0),
      promoted: count((run) => run.promote !== null && run.written.length > 0),
      excluded: count(({ exclude, written }) => exclude.size > 0 && written.length > 0),
      movedPicks: deadMs.length,
    },
  }
}

function isSuccess({ state, error, dryRun }: Run): boolean {
  return state === 'ended' && !error && !dryRun
}

function createStory(
  seed: number,
  { trace, matters }: { trace: World['trace']; matters: (error: Error) => boolean },
): { world: World; deadMs: number[]; play: () => Promise<void> } {
  const deadMs: number[] = []
  const random = createRandom(seed)
  const clock = createClock()
  const subAppIds: readonly SubAppId[] = random.pick([[null], [7], [7], [7, 8]])
  const upstreams = new Map(
    subAppIds.map((id, index) => {
      const counts = { initial: random.between(0, 6), former: random.between(0, 4), numbered: 100 * index }
      return [id, createUpstream({ clock, random }, counts)]
    }),
  )
  const secrets = subAppIds.flatMap((id) => {
    const upstream = upstreams.get(id) as Upstream
    const documents = Array.from({ length: random.between(1, 3) }, (_, index) =>
      createSecret(random, id, upstream, { index, holds: 'document' }),
    )
    if (random.chance(0.6)) return documents
    const index = documents.length
    return random.shuffle([...documents, createSecret(random, id, upstream, { index, holds: 'token' })])
  })
  const ssm = createSsm({ regions: [ssmRegion], now: clock.now })
  for (const secret of secrets) keepInStore({ ssm, random }, secret)
  const plans: SeenPlans = new Map()
  const world: World = {
    clock,
    random,
    upstreams,
    secrets,
    ssm,
    runs: [],
    rivalries: 0,
    exclude: new Set(),
    promoted: new Map(),
    faults: {
      request: random.pick([0, 0.03, 0.1, 0.25]),
      shortList: random.pick([0, 0.05, 0.2]),
      slow: random.pick([0, 0.05, 0.3, 0.7]),
      unspread: random.pick([0, 0.1, 0.3]),
      hang: random.pick([0, 0.01, 0.05]),
      hollow: random.pick([0, 0.03]),
      rival: random.pick([0, 0.05, 0.2]),
      death: random.pick([0, 0.03, 0.1]),
      jump: random.pick([0, 0.1, 0.4]),
    },
    violation: null,
    report(error) {
      if (matters(error)) world.violation ??= error
    },
    trace: (line) => trace(() => `${(clock.now() / secondMs).toFixed(1).padStart(7)} s  ${line()}`),
    witness: {
      onWrite() {},
      onVersion() {},
      onChange() {},
      onReplace() {},
      onMark() {},
      onRefusal() {},
      onEnd() {},
      onLimit() {},
    },
  }
  world.witness = createWitness(world, plans)
  for (const secret of secrets)
    world.trace(
      () =>
        `${secret.uri} ${secret.marked ? '' : 'unmarked '}${secret.adopt ? '(adopt) ' : ''}holds ${secret.value}`,
    )
  for (const [id, upstream] of upstreams) world.trace(() => `application ${id} has {${upstream.truth()}}`)

  const mirrors: readonly Mirror[] = subAppIds.map((subAppId) => ({
    subAppId,
    targets: secrets
      .filter((secret) => secret.subAppId === subAppId)
      .map(({ uri, kind, name, holds, adopt }) => ({
        uri,
        scheme: kind,
        name,
        options: {},
        holds,
        adopt,
      })),
  }))
  const run: Start = (request, limitMs) =>
    startRun(world, { mirrors, dryRun: false, confirm: null, promote: null, ...request }, limitMs)
  return {
    world,
    deadMs,
    async play() {
      let stormy = true
      const storm = [
        changeTokens(world, () => stormy),
        ...secrets.map((secret) => trouble(world, secret, () => stormy)),
        ...secrets.map((secret) => rivals(world, secret, () => stormy)),
        scheduleRuns(world, run, plans, () => stormy),
        excludeTokens(world, () => stormy),
      ]
      await clock.sleep(random.between(6, 15) * minuteMs)
      stormy = false
      world.faults = calm
      // Nothing goes on where nothing is left, and what rests loses a few tokens more.
      const isAmple = [...upstreams.values()].every(
        (upstream) => upstream.truth().filter((token) => !world.exclude.has(fingerprint(token))).length > 4,
      )
      if (!isAmple) world.exclude = new Set()
      for (const secret of secrets) secret.trouble = null
      await Promise.all(storm)
      await clock.sleep(lagMs + settings.settleSeconds * secondMs)
      world.trace(() => 'rest begins')
      await rest(world, run, plans)
      await rotate(world, run, deadMs)
    },
  }
}

function createSecret(
  random: Random,
  subAppId: SubAppId,
  upstream: Upstream,
  { index, holds }: { readonly index: number; readonly holds: Secret['holds'] },
): Secret {
  const kind = random.pick(['aws', 'ssm', 'plain'] as const)
  const start = random.pick([
    'absent',
    'empty',
    'good',
    'good',
    'good',
    'stray',
    'old',
    'broken',
    'foreign',
    'other',
  ])
  const adopt = random.chance(0.3)
  const document = (tokens: readonly string[], id = subAppId): string | null => {
    if (holds === 'token') return random.pick([...tokens]) ?? null
    const ApiTokens = [...tokens].sort()
    return JSON.stringify({ ApiToken: random.pick(ApiTokens) ?? null, ApiTokens, SubAppId: id, Site: 'intl' })
  }
  const truth = upstream.truth()
  const values: Readonly<Record<string, string | null>> = {
    absent: null,
    empty: null,
    // A document without tokens stands for a confirmed one.
    good: document(truth),
    stray: document(truth.filter(() => random.chance(0.6))),
    old: document(upstream.former.filter(() => random.chance(0.8)).concat(truth.slice(1))),
    broken: '{"ApiToken":"a',
    foreign: 'a password of somebody else',
    other: document(truth, 9),
  }
  const value = values[start] ?? null
  // A token alone that nobody knows any more is told to be ours by the mark only.
  const isOld = holds === 'token' && start === 'old'
  const marked =
    isOld || (start !== 'absent' && start !== 'foreign' && random.chance(start === 'empty' ? 0.5 : 0.9))
  const exists = start !== 'absent'
  return {
    uri: `${kind}:${subAppId}/${index}`,
    subAppId,
    kind,
    name: `${subAppId}-${index}`,
    adopt,
    holds,
    aws: createAwsSecret({ exists, tagged: marked }),
    plain: { exists, marked, value },
    exists,
    marked,
    value,
    versions: new Map(value === null ? [] : [['current', value]]),
    trouble: null,
    history: [{ at: Number.NEGATIVE_INFINITY, value }],
    changes: 0,
    rivalChange: 0,
    runChange: 0,
  }
}

/** Tokens come and go, one by one, all at once, in bursts. */
async function changeTokens(world: World, stormy: () => boolean): Promise<void> {
  const { clock, random } = world
  const pauseMs = random.pick([10, 40, 120, 400] as const) * secondMs
  while (stormy()) {
    await clock.sleep(random.between(1000, 2 * pauseMs))
    if (!stormy()) return
    const [id, upstream] = random.pick([...world.upstreams]) as [SubAppId, Upstream]
    const tokens = random.shuffle(upstream.truth())
    const what = random.pick([
      'create',
      'create',
      'create',
      'remove',
      'remove',
      'rotate',
      'burst',
      'thin',
      'wipe',
    ])
    if (what === 'create') upstream.create(1)
    if (what === 'remove') upstream.remove(tokens.slice(0, 1))
    if (what === 'burst') {
      upstream.create(random.between(2, 4))
      upstream.remove(tokens.slice(0, 2))
    }
    if (what === 'thin') upstream.remove(tokens.slice(1))
    if (what === 'wipe') upstream.remove(tokens)
    if (what === 'rotate') {
      upstream.create(random.between(1, 4))
      if (random.chance(0.5)) await clock.sleep(random.between(0, 60_000))
      upstream.remove(tokens)
    }
    world.trace(() => `${what}: application ${id} now has {${upstream.truth()}}`)
  }
}

/** Somebody takes tokens that leaked out of the mirror, most of them live ones, and tidies the setting up later. */
async function excludeTokens(world: World, stormy: () => boolean): Promise<void> {
  const { clock, random } = world
  if (random.chance(0.6)) return
  while (stormy()) {
    await clock.sleep(random.between(0, 6 * minuteMs))
    if (!stormy()) return
    const [, upstream] = random.pick([...world.upstreams]) as [SubAppId, Upstream]
    const leaked = random.pick([...upstream.truth(), 'mistyped'])
    const kept = random.chance(0.3) ? [] : [...world.exclude]
    world.exclude = new Set([...kept, fingerprint(leaked ?? '')])
    for (const [subAppId, token] of world.promoted)
      if (world.exclude.has(fingerprint(token))) world.promoted.delete(subAppId)
    world.trace(() => `AIGC_EXCLUDE is ${[...world.exclude]}, with ${leaked}`)
  }
}

/** A target is forbidden, or scheduled for deletion, for a while. */
async function trouble({ clock, random }: World, secret: Secret, stormy: () => boolean): Promise<void> {
  if (random.chance(0.6)) return
  while (stormy()) {
    await clock.sleep(random.between(0, 6 * minuteMs))
    if (stormy()) secret.trouble = random.pick(['forbidden', 'unavailable'])
    await clock.sleep(random.between(0, 3 * minuteMs))
    secret.trouble = null
  }
}

/** Somebody else writes a secret, at any moment; {@link writeAsRival} is called while runs write, too. */
async function rivals(world: World, secret: Secret, stormy: () => boolean): Promise<void> {
  const { clock, random } = world
  while (stormy()) {
    await clock.sleep(random.between(0, 12 * minuteMs))
    if (stormy()) writeAsRival(world, secret)
  }
}

/** The schedule, which sometimes fires twice, and people who run the mirror by hand. Ends after the last run. */
async function scheduleRuns(
  world: World,
  run: Start,
  plans: SeenPlans,
  stormy: () => boolean,
): Promise<void> {
  const { clock, random } = world
  const periodMs = random.pick([1, 2, 3, 5] as const) * minuteMs
  const limitMs = random.pick([60, 120, 180, 300] as const) * secondMs
  const people: Promise<void>[] = []
  while (stormy()) {
    await clock.sleep(periodMs + random.between(-20, 20) * secondMs)
    if (!stormy()) break
    const byHand = random.chance(0.15)
    const all = run({}, limitMs).mirrors
    const chosen = byHand ? [random.pick(all) as Mirror] : all
    if (byHand || random.chance(0.2))
      people.push(
        clock.sleep(random.between(0, 30_000)).then(() => {
          run({ mirrors: chosen }, limitMs)
        }),
      )
    if (random.chance(0.3)) people.push(promote(world, run, random.pick(all) as Mirror).catch(world.report))
    if (random.chance(0.4))
      people.push(operate(world, run, plans, chosen, random.chance(0.5)).catch(world.report))
  }
  await Promise.all(people)
  await Promise.all(world.runs.map(({ over }) => over))
}

/**
 * Somebody looks at the plan and confirms it: a careful one when it takes out no token that exists, a careless one
 * always, and late.
 */
async function operate(
  world: World,
  run: Start,
  plans: SeenPlans,
  mirrors: readonly Mirror[],
  careful: boolean,
): Promise<void> {
  const { clock, random } = world
  const look = run({ mirrors, dryRun: true }, roomyMs)
  await look.over
  if (!look.report) return
  note(plans, look.report)
  const alive = new Set(
    [...world.upstreams.values()]
      .flatMap((upstream) => upstream.truth().map(fingerprint))
      .filter((name) => !look.exclude.has(name)),
  )
  // Where one token stands alone, another in its place is no loss.
  const documents = new Set(world.secrets.filter(({ holds }) => holds === 'document').map(({ uri }) => uri))
  const right = look.report.Results.every(
    ({ Target, Removed }) => !documents.has(Target) || Removed.every((token) => !alive.has(token)),
  )
  if (careful && !right) return
  await clock.sleep(random.between(0, careful ? 20 : 240) * secondMs)
  await run({ mirrors, confirm: look.report.Digest }, roomyMs).over
}

/** Somebody moves the pick of an application to one of its tokens, which may be there and everywhere, or not. */
async function promote(world: World, run: Start, mirror: Mirror): Promise<void> {
  const { clock, random } = world
  await clock.sleep(random.between(0, 60_000))
  const upstream = world.upstreams.get(mirror.subAppId) as Upstream
  const token = random.pick([...upstream.truth(), ...upstream.former])
  if (token !== undefined) await run({ mirrors: [mirror], promote: fingerprint(token) }, roomyMs).over
}

/** Remembers what a plan would write, and that its digest names nothing else. */
function note(plans: SeenPlans, { Digest, Results }: MirrorReport): void {
  // What AIGC_EXCLUDE holds is not to be confirmed.
  const planned = Results.filter(
    ({ Outcome, Reason }) =>
      ['would-create', 'would-update', 'would-hold'].includes(Outcome) && !Reason?.startsWith('AIGC_EXCLUDE'),
  )
  const known = plans.get(Digest)
  const versions = new Map(planned.map(({ Target, VersionId }) => [Target, VersionId ?? '']))
  for (const [uri, versionId] of versions)
    if (known && known.get(uri) !== versionId) throw new Violation(`6 digest: ${Digest} names two plans`)
  plans.set(Digest, versions)
}

/** A world at rest, and then one change in it. */
async function rest(world: World, run: Start, plans: SeenPlans): Promise<void> {
  const { clock, random } = world
  const from = (first: number): readonly Run[] => world.runs.slice(first)
  /** One run, and a confirmation when it held something; once more when somebody had to do as they were told first. */
  const settle = async (): Promise<void> => {
    const first = world.runs.length
    const once = run({}, roomyMs)
    await once.over
    if (once.report?.Results.some(({ Outcome }) => Outcome === 'held'))
      await operate(world, run, plans, once.mirrors, true)
    const results = from(first).flatMap(({ report }) => report?.Results ?? [])
    const stuck = results.filter(({ Reason }) => Reason?.includes('DeleteSecretVersion'))
    for (const uri of new Set(stuck.map(({ Target }) => Target))) deletePrevious(world, uri)
    if (stuck.length > 0) await settle()
  }
  await settle()
  mustBeTrue(world)
  mustBeMarked(world)

  const idle = run({}, roomyMs)
  await idle.over
  if (idle.written.length > 0) throw new Violation(`4 idle: run ${idle.number} writes though nothing changed`)
  if (!idle.error !== world.secrets.every((secret) => mayWrite(secret)))
    throw new Violation(`5 says so: run ${idle.number} at rest ends with ${idle.error?.message ?? 'success'}`)

  for (const phase of [overlap, hollow, promotion]) {
    await phase(world, run)
    await clock.sleep(lagMs)
    await settle()
    mustBeTrue(world)
  }

  const before = world.runs.length
  const [id, upstream] = random.pick([...world.upstreams]) as [SubAppId, Upstream]
  const leaving = random.pick(upstream.truth())
  const what = random.pick(['add', 'remove', 'replace'] as const)
  if (what !== 'remove') upstream.create(1)
  if (what === 'replace' && random.chance(0.5)) await clock.sleep(random.between(0, 20_000))
  if (what !== 'add' && leaving !== undefined) upstream.remove([leaving])
  world.trace(() => `${what}: application ${id} now has {${upstream.truth()}}`)
  for (let i = 0; i < 2; i++) {
    await clock.sleep(random.between(0, 60_000))
    await run({}, roomyMs).over
  }
  await clock.sleep(lagMs)
  await settle()
  mustBeTrue(world)
  // An addition takes one write; a removal two, because the pick moves first. A replacement is both.
  mustWriteAtMost({ add: 1, remove: 2, replace: 3 }[what ?? 'add'], '4 twice', writesByTarget(from(before)))
}

/**
 * On schedule in a calm world: a token is created and mirrored, the one in use is deleted, and then no target may point to
 * it for longer than a period and a step after the last list has lost it. `deadMs` learns for how long each did.
 */
async function rotate(world: World, run: Start, deadMs: number[]): Promise<void> {
  const { clock, random } = world
  const periodMs = random.pick([1, 2, 5] as const) * minuteMs
  let over = false
  const schedule = (async () => {
    while (!over) {
      run({}, roomyMs)
      await clock.sleep(periodMs)
    }
  })()
  for (const [subAppId, upstream] of world.upstreams) {
    const secrets = world.secrets.filter((secret) => secret.subAppId === subAppId && mayWrite(secret))
    const memory = secrets.find(({ holds }) => holds === 'document')
    if (!memory) continue
    upstream.create(random.between(2, 3))
    await clock.sleep(2 * periodMs + lagMs + random.between(0, periodMs))
    const pick = mustHold('9 dead', memory).ApiToken
    if (typeof pick !== 'string') continue
    upstream.remove([pick])
    const unlistedAt = clock.now() + lagMs
    world.trace(() => `remove ${pick}: application ${subAppId} now has {${upstream.truth()}}`)
    await clock.sleep(lagMs + 2 * periodMs)
    const times = secrets.map((secret) => Math.max(0, leftAt(secret, pick) - unlistedAt))
    deadMs.push(...times)
    const worst = Math.max(0, ...times)
    if (worst > periodMs + settings.timeoutMs)
      throw new Violation(`9 dead: a target points to ${pick} for ${worst} ms, every ${periodMs} ms`)
  }
  over = true
  await schedule
  await Promise.all(world.runs.map(({ over }) => over))
}

/** When a secret stopped pointing to a token. */
function leftAt({ history, holds }: Secret, pick: string): number {
  const pointsTo = (value: string | null) =>
    (holds === 'token' ? value : documentIn(value)?.ApiToken) === pick
  const last = history.findLastIndex(({ value }) => pointsTo(value))
  return history[last + 1]?.at ?? Number.POSITIVE_INFINITY
}

/** Two runs in turn, while tokens come, and stores now and then give good answers with nothing in them. */
async function hollow(world: World, run: Start): Promise<void> {
  const { random } = world
  world.faults = { ...calm, hollow: random.pick([0.1, 0.3]) }
  for (let i = 0; i < 2; i++) {
    for (const upstream of world.upstreams.values()) upstream.create(random.between(0, 1))
    await world.clock.sleep(lagMs)
    await run({}, roomyMs).over
  }
  world.faults = calm
}

/** Somebody promotes a token of each application, the schedule runs, and they do it again. */
async function promotion(world: World, run: Start): Promise<void> {
  for (const mirror of run({ dryRun: true }, roomyMs).mirrors) {
    const token = world.random.pick(world.upstreams.get(mirror.subAppId)?.truth() ?? [])
    if (token === undefined) continue
    const promote = async (): Promise<Run> => {
      const one = run({ mirrors: [mirror], promote: fingerprint(token) }, roomyMs)
      await one.over
      return one
    }
    await promote()
    await run({}, roomyMs).over
    const again = await promote()
    if (again.written.length > 0)
      throw new Violation(`8 again: run ${again.number} promotes what is promoted`)
  }
}

/** Two runs, one a little later than the other, over a slow network, while tokens come and go. */
async function overlap(world: World, run: Start): Promise<void> {
  const { clock, random } = world
  world.faults = { ...calm, slow: random.pick([0, 0.1, 0.2]) }
  const change = async (): Promise<void> => {
    await clock.sleep(random.between(0, 30_000))
    const [id, upstream] = random.pick([...world.upstreams]) as [SubAppId, Upstream]
    upstream.remove(random.shuffle(upstream.truth()).slice(0, random.between(0, 1)))
    upstream.create(random.between(0, 2))
    world.trace(() => `application ${id} now has {${upstream.truth()}}`)
  }
  const start = async (): Promise<void> => {
    await clock.sleep(random.between(0, 20_000))
    await run({}, roomyMs).over
  }
  await Promise.all([change(), change(), start(), start()])
  world.faults = calm
}

/** A takeover on Tencent's side that was overtaken leaves a `previous` of which nobody knows whose it is. */
function deletePrevious({ secrets, ssm, trace }: World, uri: string): void {
  const secret = secrets.find((one) => one.uri === uri)
  const parameters = { SecretName: secret?.name, VersionId: 'previous' }
  ssm.service.actions.get('DeleteSecretVersion')?.(parameters, { secretId: '', region: ssmRegion })
  trace(() => `somebody deletes the version previous of ${uri}`)
}

function writesByTarget(runs: readonly Run[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { written } of runs) for (const uri of written) counts.set(uri, (counts.get(uri) ?? 0) + 1)
  return counts
}

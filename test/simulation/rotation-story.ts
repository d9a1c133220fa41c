/** One seed's story of the rotation: some hours in which everything goes wrong, then rest, in which a due rotation has to end. */
import type { RotationRequest } from '../../lib/rotation/plan.ts'
import { createClock } from './clock.ts'
import { createRandom, type Random } from './random.ts'
import {
  type Counts,
  countNames,
  createLedgers,
  createWitness,
  isInUse,
  type Ledger,
  recordIn,
  touchRecord,
  Violation,
} from './rotation-rules.ts'
import {
  type Application,
  addToken,
  calm,
  type Death,
  isAlive,
  lagMs,
  type Process,
  put,
  type Secret,
  type Settings,
  startProcess,
  type Token,
  type Work,
  type World,
} from './rotation-world.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
/** How often the rotation runs, and the mirror. */
const everyMs = 15 * minuteMs
/** How many runs a due rotation takes at most where nothing goes wrong, beside those that wait for what the settings say. */
const mostRuns = 16

export interface Story {
  readonly seed: number
  /** The first rule that was broken, or `null`. */
  readonly violation: Error | null
  /** What happened, a line per event, when asked for. */
  readonly lines: readonly string[]
  readonly counts: Readonly<Counts>
  /** In how many waits a process might have died, in order of processes. */
  readonly waits: readonly number[]
}

interface Options {
  readonly traced?: boolean
  /** Only rules whose names begin so count. */
  readonly rule?: string
  /** Nothing goes wrong, but that a process dies in one of its waits. */
  readonly calmBut?: Death
}

/** Plays the world of a seed until a rule is broken or the story ends; the same seed is the same story. */
export async function simulate(
  seed: number,
  { traced = false, rule = '', calmBut }: Options = {},
): Promise<Story> {
  const lines: string[] = []
  const story = createStory(seed, calmBut, {
    trace(line) {
      if (traced) lines.push(line())
    },
    matters: (error) => !(error instanceof Violation) || error.message.startsWith(rule),
  })
  const { world } = story
  let over = false
  story
    .play()
    .catch(world.report)
    .finally(() => {
      over = true
    })
  await world.clock.runUntil(() => over || world.violation !== null)
  const { processes } = world
  const count = (wanted: (process: Process) => boolean): number => processes.filter(wanted).length
  return {
    seed,
    violation: world.violation,
    lines,
    waits: processes.map(({ waits }) => waits),
    counts: {
      ...story.counts,
      runs: count(({ work }) => work.kind === 'rotate'),
      deaths: count(({ state }) => state === 'died'),
      frozen: count(({ frozenMs }) => frozenMs > 0),
      contested: world.applications.filter(({ record }) => record.isContested).length,
      troubles: world.troubles,
    },
  }
}

interface Told {
  readonly world: World
  readonly counts: Counts
  play(): Promise<void>
}

interface Players extends Told {
  readonly ledgers: ReadonlyMap<Application, Ledger>
  /** Which clocks jump, and which way. */
  readonly jumps: 'none' | 'own' | 'tencent' | 'apart'
  /** Whether a run may begin before the one before it is over. */
  readonly overlaps: boolean
}

function createStory(
  seed: number,
  death: Death | undefined,
  { trace, matters }: { trace: World['trace']; matters: (error: Error) => boolean },
): Told {
  const random = createRandom(seed)
  const clock = createClock()
  const isCalm = death !== undefined
  const settings: Settings = {
    everyDays: isCalm ? 0.05 : random.pick([null, 0.05, 0.1, 0.25]),
    warmSeconds: isCalm ? 300 : random.pick([60, 300, 1200]),
    graceHours: isCalm ? 0.5 : random.pick([0.5, 1, 2]),
    mayDelete: isCalm || random.chance(0.7),
    settleSeconds: 60,
    minKeep: 0.5,
    tokenLimit: 7,
  }
  const applications = (isCalm || random.chance(0.8) ? [7] : [7, 8]).map((subAppId) =>
    createApplication(random, subAppId),
  )
  const counts = Object.fromEntries(countNames.map((name) => [name, 0])) as Counts
  const ledgers = createLedgers(applications)
  const world: World = {
    clock,
    random,
    settings,
    applications,
    processes: [],
    underWay: new Set(),
    exclude: new Set(),
    faults: isCalm ? calm : createFaults(random),
    witness: undefined as unknown as World['witness'],
    ownOffset: isCalm ? 0 : random.pick([0, 0, -40_000, 3_600_000]),
    tencentOffset: 0,
    death: death ?? null,
    troubles: 0,
    violation: null,
    report(error) {
      if (matters(error)) world.violation ??= error
    },
    trace: (line) => trace(() => `${(clock.now() / 1000).toFixed(1).padStart(8)} s  ${line()}`),
  }
  world.witness = createWitness(world, ledgers, counts)
  for (const application of applications) furnish(world, application)
  trace(() => JSON.stringify({ ...settings, faults: world.faults, ownOffset: world.ownOffset }))
  const players: Players = {
    world,
    counts,
    ledgers,
    jumps: isCalm ? 'none' : random.pick(['none', 'none', 'own', 'tencent', 'apart']),
    overlaps: random.chance(0.5),
    async play() {
      if (!isCalm && random.chance(0.5)) meddle(players)
      if (!isCalm) await storm(players)
      for (const application of applications) await rest(players, application)
    },
  }
  return players
}

function createFaults(random: Random): World['faults'] {
  return {
    request: random.pick([0, 0.02, 0.08, 0.2]),
    shortList: random.pick([0, 0, 0.05, 0.2]),
    noDate: random.pick([0, 0, 0.05]),
    slow: random.pick([0, 0.05, 0.3]),
    hang: random.pick([0, 0.01, 0.04]),
    refusal: random.pick([0, 0, 0.1, 0.5]),
    death: random.pick([0, 0.01, 0.04]),
    freeze: random.pick([0, 0, 0.01, 0.04]),
  }
}

function createApplication(random: Random, subAppId: number): Application {
  const create = (name: string, holds: Secret['target']['holds']): Secret => ({
    target: { uri: `memory:${subAppId}/${name}`, scheme: 'memory', name, options: {}, holds, adopt: false },
    compares: random.chance(0.6),
    value: null,
    downUntil: 0,
    history: [],
    looks: [],
    isContested: false,
  })
  const targets = Array.from({ length: random.between(1, 2) }, (_, index) => create(`${index}`, 'document'))
  if (random.chance(0.3)) targets.push(create('alone', 'token'))
  const record = create('record', 'record')
  const mirror = { subAppId, targets: targets.map(({ target }) => target) }
  return {
    subAppId,
    tokens: [],
    views: [0, 0, 0],
    targets,
    record,
    rotation: { mirror, record: record.target },
  }
}

/** Tokens, some of them limited, and targets that the mirror has written. */
function furnish(world: World, application: Application): void {
  const { random } = world
  const tokens = Array.from({ length: random.between(1, 3) }, () => addToken(world, application, null))
  for (const token of tokens) if (random.chance(0.7)) limit(world, token)
  const [first] = tokens as [Token]
  for (const secret of application.targets) {
    const ApiTokens = tokens.map(({ name }) => name).sort()
    const document = { ApiToken: first.name, ApiTokens, SubAppId: application.subAppId, Site: 'intl' }
    put(world, secret, secret.target.holds === 'token' ? first.name : JSON.stringify(document), null)
  }
  put(world, application.record, null, null)
}

/** Somebody gives a token other limits. */
function limit({ clock, random }: World, { infos, quotas }: Token): void {
  const at = clock.now()
  if (random.chance(0.7)) {
    const info = { IpList: `10.0.0.${random.between(1, 9)}`, Note: random.between(1, 9) }
    infos.push({ at, value: JSON.stringify(info), by: null })
  }
  if (random.chance(0.5)) quotas.push({ at, value: random.between(1, 9) * 1000, by: null })
}

function alive({ clock }: World, { tokens }: Application): Token[] {
  return tokens.filter((token) => isAlive(token, clock.now()))
}

/** People who do things right when a run does: create a token while one is created, change their mind while it is carried out. */
function meddle(players: Players): void {
  const { world, counts } = players
  const { clock, random, witness } = world
  world.witness = {
    ...witness,
    onCreate(process, application) {
      witness.onCreate(process, application)
      if (world.faults === calm || !random.chance(0.4)) return
      clock.after(random.between(0, 40_000), () => {
        if (alive(world, application).length >= 9) return
        counts.foreign++
        addToken(world, application, null)
        world.trace(() => 'somebody creates a token while one is being created')
      })
    },
    onRecord(process, application, value) {
      witness.onRecord(process, application, value)
      if (world.faults === calm || !random.chance(0.1)) return
      clock.after(random.between(0, 4000), () => {
        if (world.faults !== calm) act(players, application)
      })
    },
  }
}

async function storm(players: Players): Promise<void> {
  const { world } = players
  const { clock, random, applications } = world
  let stormy = true
  const isStormy = (): boolean => stormy
  const parts = [
    schedule(players, { kind: 'rotate', request: { kind: 'next' }, dryRun: false }, isStormy),
    schedule(players, { kind: 'mirror', dryRun: false, confirm: null, promote: null }, isStormy),
    people(players, isStormy),
    jump(players, isStormy),
    ...applications
      .flatMap(({ targets, record }) => [...targets, record])
      .map((secret) => outages(world, secret, isStormy)),
  ]
  await clock.sleep(random.between(2, 6) * hourMs)
  stormy = false
  await Promise.all(parts)
  world.faults = calm
  world.exclude = new Set()
  for (const { targets, record } of applications)
    for (const secret of [...targets, record]) secret.downUntil = 0
  // What stands still or hangs ends some day.
  while (
    world.underWay.size > 0 &&
    [...world.underWay].some(({ state, inFlight }) => state === 'running' || inFlight > 0)
  )
    await clock.sleep(minuteMs)
  await clock.sleep(lagMs)
  for (const application of applications)
    while (alive(world, application).length < 1) addToken(world, application, null)
  world.trace(() => 'rest begins')
}

function start({ world, counts }: Players, work: Work): Process {
  const { random } = world
  if (work.kind === 'rotate' && [...world.underWay].some((other) => other.work.kind === 'rotate'))
    counts.overlaps++
  return startProcess(world, work, work.kind === 'rotate' ? random.pick([60_000, 120_000]) : 180_000)
}

async function schedule(players: Players, work: Work, stormy: () => boolean): Promise<void> {
  const { clock, random, underWay } = players.world
  await clock.sleep(random.between(0, everyMs))
  while (stormy()) {
    const isBusy = [...underWay].some((other) => other.work.kind === work.kind)
    if (players.overlaps || !isBusy) start(players, work)
    // Twice at once, which happens where a platform promises "at least once".
    if (players.overlaps && random.chance(0.1))
      clock.after(random.between(0, 2000), () => start(players, work))
    await clock.sleep(random.chance(0.2) ? random.between(minuteMs, everyMs) : everyMs)
  }
}

async function jump({ world, jumps, counts }: Players, stormy: () => boolean): Promise<void> {
  const { clock, random } = world
  while (jumps !== 'none' && stormy()) {
    await clock.sleep(random.between(10 * minuteMs, 3 * hourMs))
    const byMs = random.between(1, 24) * random.pick([minuteMs, hourMs, 24 * hourMs, 365 * hourMs])
    const sign = random.pick([-1, 1])
    counts.jumps++
    world.trace(() => `a clock jumps (${jumps}) by ${(sign * byMs) / hourMs} h`)
    for (const process of world.underWay) process.hasSeenJump = true
    // Apart: that of the machines only ever forward, that of Tencent only ever back.
    if (jumps === 'own') world.ownOffset += sign * byMs
    else if (jumps === 'tencent') world.tencentOffset += sign * byMs
    else if (random.chance(0.5)) world.ownOffset += byMs
    else world.tencentOffset -= byMs
  }
}

async function outages({ clock, random }: World, secret: Secret, stormy: () => boolean): Promise<void> {
  if (random.chance(0.6)) return
  while (stormy()) {
    await clock.sleep(random.between(minuteMs, 4 * hourMs))
    secret.downUntil = clock.now() + random.between(minuteMs, random.pick([10 * minuteMs, 2 * hourMs]))
  }
}

/** Somebody does something, with good reason or without. */
async function people(players: Players, stormy: () => boolean): Promise<void> {
  const { clock, random } = players.world
  const pauseMs = random.pick([10, 30, 90, 400]) * minuteMs
  while (stormy()) {
    await clock.sleep(random.between(minuteMs, 2 * pauseMs))
    if (stormy()) act(players, random.pick(players.world.applications) as Application)
  }
}

function act(players: Players, application: Application): void {
  const { world, counts, ledgers } = players
  const { clock, random } = world
  const record = recordIn(application.record.value)
  const tokens = alive(world, application)
  const any = random.pick(tokens)?.fingerprint ?? ''
  const likely = random.pick([record?.Old, record?.New, any, any]) ?? any
  const rotate = (request: RotationRequest, dryRun = false): Process =>
    start(players, { kind: 'rotate', request, dryRun })
  const remove = (name: string): void => {
    const token = tokens.find(({ fingerprint }) => fingerprint === name)
    // Somebody who deletes the last one, or all that is in use, wants that.
    if (!token || tokens.length < 2) return
    token.died = clock.now()
    world.trace(() => `somebody deletes ${name}`)
  }
  const ledger = ledgers.get(application) as Ledger
  const isMoved = record?.Phase === 'promoted' || record?.Phase === 'retiring'
  const afterwards = ['promote', 'swing', 'swing', 'rollback', 'abort', 'retire'] as const
  const whenever = [
    'create',
    'create',
    'remove',
    'promote',
    'promote',
    'swing',
    'now',
    'now',
    'abort',
    'rollback',
    'rollback',
    'adopt',
    'retire',
    'dry',
    'limits',
    'exclude',
    'lose',
    'damage',
    'fixed',
  ] as const
  switch (random.pick<(typeof whenever)[number]>(isMoved && random.chance(0.5) ? afterwards : whenever)) {
    case 'create':
      if (tokens.length < 8) addToken(world, application, null)
      return
    case 'remove':
      remove(likely)
      return
    case 'promote':
      start(players, {
        kind: 'mirror',
        dryRun: false,
        confirm: null,
        promote: isMoved && random.chance(0.5) ? (record.Old ?? any) : likely,
      })
      return
    case 'swing': {
      // There, and some time later back.
      const back = record?.New ?? any
      start(players, { kind: 'mirror', dryRun: false, confirm: null, promote: record?.Old ?? any })
      clock.after(random.between(5000, 30 * minuteMs), () => {
        if (world.faults !== calm)
          start(players, { kind: 'mirror', dryRun: false, confirm: null, promote: back })
      })
      return
    }
    case 'now':
      rotate({ kind: 'now' })
      return
    case 'abort':
      rotate({ kind: 'abort' })
      return
    case 'rollback':
      rotate({ kind: 'rollback' })
      return
    case 'adopt':
      rotate({ kind: 'adopt', token: any })
      return
    case 'retire': {
      const process = rotate({ kind: 'retire', token: likely, confirm: null })
      clock.after(random.between(2000, 5 * minuteMs), () => {
        const digest = process.rotated?.Results.find(
          ({ SubAppId }) => SubAppId === application.subAppId,
        )?.Digest
        if (digest && world.faults !== calm) rotate({ kind: 'retire', token: likely, confirm: digest })
      })
      return
    }
    case 'dry':
      rotate(random.pick<RotationRequest>([{ kind: 'next' }, { kind: 'now' }, { kind: 'rollback' }]), true)
      return
    case 'limits': {
      const token = tokens.find(({ fingerprint }) => fingerprint === likely)
      if (token) limit(world, token)
      return
    }
    case 'exclude':
      world.exclude = world.exclude.size > 0 ? new Set() : new Set([likely])
      return
    case 'lose':
    case 'damage':
      if (!random.chance(0.3)) return
      counts.lostRecords++
      world.trace(() => 'somebody takes the record away')
      touchRecord(world, application, ledger, random.chance(0.7) ? null : '{"Type":"vod-aigc-rotation"}')
      return
    case 'fixed':
      world.faults = { ...world.faults, refusal: 0 }
  }
}

/** Nothing goes wrong any more, and people do what they are told. */
async function rest(players: Players, application: Application): Promise<void> {
  const { world, counts } = players
  const { clock, settings, random } = world
  const began = clock.now()
  const isDone = (): boolean => {
    const record = recordIn(application.record.value)
    const since = application.record.history
      .filter(({ at }) => at >= began)
      .map(({ value }) => recordIn(value))
    const isPromoted = since.some((one) => one?.Phase === 'promoted' && one.Doing === null)
    return record?.Phase === 'idle' && isPromoted
  }
  const waitMs =
    (settings.everyDays ?? 0) * 24 * hourMs + settings.graceHours * hourMs + settings.warmSeconds * 1000
  // What the storm has left has to end first, and may have its grace begin anew.
  const bound = 2 * (Math.ceil(waitMs / everyMs) + mostRuns)
  for (let runs = 0; !isDone(); runs++) {
    if (runs > bound) {
      const record = recordIn(application.record.value)
      throw new Violation(
        `14 ends: after ${runs} runs the record says ${record?.Phase} ${record?.Old} -> ${record?.New}`,
      )
    }
    const mirror = await finish(players, { kind: 'mirror', dryRun: false, confirm: null, promote: null })
    if (mirror.error) await confirm(players)
    const isAsked = settings.everyDays === null && recordIn(application.record.value)?.Phase === 'idle'
    const request: RotationRequest = { kind: isAsked ? 'now' : 'next' }
    const process = await finish(players, { kind: 'rotate', request, dryRun: false })
    await heed(players, application, process)
    if (!world.death) await clock.sleep(random.between(1, 2) * (everyMs / 2))
    else await clock.sleep(everyMs)
  }
  counts.ended++
  if (application.targets.some((secret) => secret.value === null))
    throw new Violation('14 ends: without a value')
}

async function finish(players: Players, work: Work): Promise<Process> {
  const process = start(players, work)
  while (players.world.underWay.has(process)) await players.world.clock.sleep(1000)
  return process
}

/** Somebody looks at what the mirror does not dare, and confirms it. */
async function confirm(players: Players): Promise<void> {
  const looked = await finish(players, { kind: 'mirror', dryRun: true, confirm: null, promote: null })
  const digest = looked.mirrored?.Digest
  if (digest) await finish(players, { kind: 'mirror', dryRun: false, confirm: digest, promote: null })
}

/** Somebody reads a report, and does what it says. */
async function heed(players: Players, application: Application, { rotated }: Process): Promise<void> {
  const { world, counts, ledgers } = players
  const { clock } = world
  const result = rotated?.Results.find(({ SubAppId }) => SubAppId === application.subAppId)
  if (!result) return
  const { Outcome, Reason, Delete, Leftovers } = result
  const remove = (name: string): void => {
    const token = application.tokens.find(({ fingerprint }) => fingerprint === name)
    if (!token || !isAlive(token, clock.now()) || isInUse(application, name)) return
    world.trace(() => `somebody deletes ${name}, as told`)
    counts.told++
    token.died = clock.now()
  }
  if (Delete !== null) remove(Delete)
  for (const { Fingerprint } of Leftovers) remove(Fingerprint)
  if (Outcome !== 'held') return
  const [named] = /[0-9a-f]{16}/.exec(Reason) ?? []
  const ask = async (request: RotationRequest): Promise<void> =>
    heed(players, application, await finish(players, { kind: 'rotate', request, dryRun: false }))
  if (Reason.includes('Adopt') && named) await ask({ kind: 'adopt', token: named })
  else if (Reason.includes('{"Now":true}')) await ask({ kind: 'now' })
  else if (Reason.includes('AIGC_TOKEN_LIMIT'))
    for (const { fingerprint } of alive(world, application)) remove(fingerprint)
  else if (Reason.includes('create one at Tencent')) addToken(world, application, null)
  else if (Reason.includes('delete the secret'))
    touchRecord(world, application, ledgers.get(application) as Ledger, null)
}

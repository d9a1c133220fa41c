/**
 * A world for the mirror to live in: an eventually consistent upstream, secret stores in memory, other people who write
 * there too, and processes that run the real `runMirror` with the real stores of AWS and of Tencent, over a network that
 * is slow, loses answers, hangs, and lets processes die.
 */

import { sha256Hex } from '../../lib/digest.ts'
import { StoreError, TencentError } from '../../lib/errors.ts'
import { type MirrorReport, reportError } from '../../lib/mirror/report.ts'
import { runMirror } from '../../lib/mirror/run.ts'
import { type Secret as AwsActions, readSecret, writeSecret } from '../../lib/stores/aws-secretsmanager.ts'
import {
  isOvertaken,
  isStill,
  overtaken,
  type Reading,
  type Store,
  type Target,
} from '../../lib/stores/store.ts'
import type { Mirror } from '../../lib/stores/target.ts'
import { tencentSsm } from '../../lib/stores/tencent-ssm.ts'
import { ApiError, type Fields } from '../../simulator/service.ts'
import type { Ssm } from '../../simulator/ssm.ts'
import { noAws } from '../support/aws-deps.ts'
import { listOf } from '../support/list-of.ts'
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'
import { AwsRefusal, type AwsSecret } from './secrets-manager.ts'

/** How far a replica of the upstream may be behind, in milliseconds. */
export const lagMs = 30_000
/** The settings of every run; the bounds in invariants.ts follow from these and {@link lagMs}. */
export const settings = {
  site: 'intl',
  settleSeconds: 60,
  minKeep: 0.5,
  timeoutMs: 10_000,
  tokenLimit: 45,
} as const

export type SubAppId = number | null

/** What goes wrong, as probabilities, most of them per request; a calm world has none of it. */
export interface Faults {
  /** An error before the effect, an error after it, or no answer at all, in equal parts. */
  readonly request: number
  /** A list that is valid but empty, or misses half of the tokens. */
  readonly shortList: number
  /** Requests that take 3 to 12 s, past the time limit of 10 s, instead of at most 0.8 s. */
  readonly slow: number
  /** Versions of Tencent's secrets that are there and not found. */
  readonly unspread: number
  /** Requests that never end in anything, past every deadline. */
  readonly hang: number
  /** Requests to a store that get a good answer with nothing in it, and have no effect. */
  readonly hollow: number
  /** Readings of a secret after which somebody else writes it within seconds. */
  readonly rival: number
  /** Waits of a process, for a request or for its second look, in which it dies. */
  readonly death: number
  /** Runs whose clock jumps up to 5 minutes, either way, during the run. */
  readonly jump: number
}

export const calm: Faults = {
  request: 0,
  shortList: 0,
  slow: 0,
  unspread: 0,
  hang: 0,
  hollow: 0,
  rival: 0,
  death: 0,
  jump: 0,
}

/** Where the secrets of Tencent's kind are. */
export const ssmRegion = 'ap-singapore'

/** The tokens of one application, as they are in truth. */
export interface Upstream {
  create(count: number): void
  remove(tokens: readonly string[]): void
  /** Tokens that were deleted long before the start. */
  readonly former: readonly string[]
  /** The tokens that exist now. */
  truth(): string[]
  /** The tokens that existed at every moment from `since`, in true time, until now. */
  aliveSince(since: number): string[]
  /** Whether the token existed at some time before `moment`. */
  existedBefore(token: string, moment: number): boolean
  /** When the token was deleted; `Infinity` while it exists, `undefined` when it never did. */
  diedAt(token: string): number | undefined
  /** What a replica answers; each moves on at its own pace and never back. */
  look(): string[]
}

/** One secret of a store. */
export interface Secret {
  readonly uri: string
  readonly subAppId: SubAppId
  /**
   * `aws` and `ssm` are written by the real stores, in several requests each: the first compares and sets, the other
   * cannot. `plain` cannot either, is written in one request, and keeps no value before.
   */
  readonly kind: 'aws' | 'ssm' | 'plain'
  /** Its name in {@link World.ssm}. */
  readonly name: string
  readonly adopt: boolean
  readonly holds: Target['holds']
  /** What AWS keeps of it, where it is one of AWS's. */
  readonly aws: AwsSecret
  /** The same for one that is plain. */
  plain: { exists: boolean; marked: boolean; value: string | null }
  // As of the last request or of what somebody else did:
  exists: boolean
  marked: boolean
  /** What readers get. */
  value: string | null
  /** What Tencent keeps, by version id. */
  versions: Map<string, string>
  /** Passing troubles. */
  trouble: 'forbidden' | 'unavailable' | null
  /** Every value it has had, the newest last. */
  readonly history: { readonly at: number; readonly value: string | null }[]
  /** How often its value, or the one that is kept of before, has changed. */
  changes: number
  /** Of these, the last change of the value that was somebody else's, and the last that was a run's. */
  rivalChange: number
  runChange: number
}

/** One answer of the upstream to a run; times are true ones. */
export interface Answer {
  readonly tokens: readonly string[]
  /** Whether it is what a replica holds, not cut short by a fault. */
  readonly sound: boolean
  readonly askedAt: number
  /** The moment at which the replica answered. */
  readonly at: number
  readonly receivedAt: number
}

/** One process that runs the mirror once. */
export interface Run {
  readonly number: number
  readonly mirrors: readonly Mirror[]
  readonly dryRun: boolean
  readonly confirm: string | null
  readonly promote: string | null
  /** Fingerprints, as the settings were when it began. */
  readonly exclude: ReadonlySet<string>
  readonly startedAt: number
  /** How far the clock of the process is off. */
  skewMs: number
  /** The other runs that may write and were under way at some time of this one. */
  readonly others: Set<Run>
  state: 'running' | 'ended' | 'died'
  /** How often it has begun to wait. */
  waits: number
  /** In which of its waits the process died, if it did before its time limit. */
  lastWait: number | null
  /** How often a value that is there was not to be read. */
  unread: number
  /** How many of its requests hang. */
  hung: number
  /** How many of its requests came to nothing, or may have: hanging, refused, lost, late or unread. */
  failedRequests: number
  /** How many of its writes found that somebody else had written. */
  overtaken: number
  /** The report of a run that ended without throwing. */
  report: MirrorReport | null
  /** What the function throws, or did throw; `null` is success. */
  error: Error | null
  /** Requests whose effect may still come, even when the process is dead. */
  inFlight: number
  /** Resolves when the process is at its end and nothing of it is in flight. */
  readonly over: Promise<void>
  /** The targets that it asked to write, once per `Store.write`. */
  readonly written: string[]
  /** By application, in order. */
  readonly answers: Map<SubAppId, Answer[]>
  /** By target: the first reading, and the newest or what was written since. */
  readonly first: Map<string, Reading>
  readonly newest: Map<string, Reading>
  /** By target: what readers got when the run last looked, or wrote what cannot be overtaken, and after how many changes. */
  readonly looks: Map<string, { readonly value: string | null; readonly change: number }>
  /** By target: how many changes there had been when the last request took effect that was none to replace the value. */
  readonly asOf: Map<string, number>
}

/** Who watches a world; each method throws when a rule is broken. */
export interface Witness {
  /** A run asks a store to write. */
  onWrite(run: Run, secret: Secret, document: string): void
  /** A version that a store adds under this name. */
  onVersion(run: Run, secret: Secret, document: string, name: string): void
  /** A run is about to have changed a value. */
  onChange(run: Run, secret: Secret, document: string): void
  /** The same moment, as it concerns the value that is replaced. */
  onReplace(run: Run, secret: Secret): void
  /** A run has put the mark there. */
  onMark(run: Run, secret: Secret): void
  /** A write has failed, and not because it was overtaken. */
  onRefusal(run: Run, secret: Secret, refusal: Refusal): void
  onEnd(run: Run): void
  /** A run is stopped by the platform. */
  onLimit(run: Run): void
}

/** A write that failed. */
export interface Refusal {
  /** Whether an answer said so, and not that time was up. */
  readonly inTime: boolean
  /** How many requests of the run failed in it. */
  readonly failedRequests: number
  /** What was kept of before, and after how many changes, when it began. */
  readonly previous: string | undefined
  readonly changes: number
}

export interface World {
  readonly clock: Clock
  readonly random: Random
  readonly upstreams: ReadonlyMap<SubAppId, Upstream>
  readonly secrets: readonly Secret[]
  /** Tencent's secrets. */
  readonly ssm: Ssm
  readonly runs: Run[]
  /** How often somebody else has written. */
  rivalries: number
  /** The fingerprints in the settings of runs that begin now. */
  exclude: ReadonlySet<string>
  /** By application: the token that somebody promoted last, as long as nothing has moved the pick for a reason since. */
  readonly promoted: Map<SubAppId, string>
  faults: Faults
  witness: Witness
  /** The first rule that was broken, noted by {@link World.report}. */
  violation: Error | null
  /** Tells whoever drives the world what went wrong; to the mirror it must not look like a fault. */
  report(error: Error): void
  trace(line: () => string): void
}

/**
 * `initial` tokens exist at the start, `former` ones existed before. Names count up from `numbered`, so that no two
 * applications share one.
 */
export function createUpstream(
  { clock, random }: Pick<World, 'clock' | 'random'>,
  { initial, former, numbered }: { initial: number; former: number; numbered: number },
): Upstream {
  const tokens = new Map<string, { readonly born: number; died: number }>()
  const views = [0, 0, 0]
  const add = (born: number, died: number): void => {
    // The letter makes the sorted order another one than that of birth.
    tokens.set(`${random.pick([...'abcdefghijklmnopqrstuvwxyz'])}${numbered + tokens.size}`, { born, died })
  }
  const select = (wanted: (token: { born: number; died: number }) => boolean): string[] =>
    [...tokens].filter(([, token]) => wanted(token)).map(([name]) => name)
  for (let i = 0; i < former; i++) add(-7_200_000, -3_600_000)
  for (let i = 0; i < initial; i++) add(-7_200_000, Number.POSITIVE_INFINITY)
  return {
    former: select(({ died }) => died < 0),
    create(count) {
      for (let i = 0; i < count; i++) add(clock.now(), Number.POSITIVE_INFINITY)
    },
    remove(names) {
      for (const name of names) {
        const token = tokens.get(name)
        if (token && token.died > clock.now()) token.died = clock.now()
      }
    },
    truth: () => select(({ died }) => died > clock.now()),
    aliveSince: (since) => select(({ born, died }) => born <= since && died > clock.now()),
    existedBefore: (name, moment) => (tokens.get(name)?.born ?? Number.POSITIVE_INFINITY) <= moment,
    diedAt: (name) => tokens.get(name)?.died,
    look() {
      const replica = random.between(0, views.length - 1)
      const view = Math.max(views[replica] ?? 0, clock.now() - random.between(0, lagMs))
      views[replica] = view
      const seen = select(({ born, died }) => born <= view && died > view)
      return random.shuffle(random.chance(0.2) ? [...seen, ...seen.slice(0, 2)] : seen)
    },
  }
}

/** Starts a process that runs the mirror with a function time limit; it goes on as virtual time does. */
export function startRun(
  world: World,
  request: Pick<Run, 'mirrors' | 'dryRun' | 'confirm' | 'promote'>,
  limitMs: number,
): Run {
  const { clock, random } = world
  let resolveOver = (): void => {}
  const over = new Promise<void>((resolve) => {
    resolveOver = resolve
  })
  const check = (): void => {
    if (!isUnderWay(run)) resolveOver()
  }
  const run: Run = {
    ...request,
    exclude: world.exclude,
    over,
    number: world.runs.length + 1,
    startedAt: clock.now(),
    skewMs: 1_773_000_000_000 + random.between(-600_000, 600_000),
    others: new Set(),
    state: 'running',
    waits: 0,
    lastWait: null,
    unread: 0,
    hung: 0,
    failedRequests: 0,
    overtaken: 0,
    report: null,
    error: null,
    inFlight: 0,
    written: [],
    answers: new Map(),
    first: new Map(),
    newest: new Map(),
    looks: new Map(),
    asOf: new Map(),
  }
  for (const other of world.runs.filter(isUnderWay)) {
    if (other.dryRun || run.dryRun) continue
    other.others.add(run)
    run.others.add(other)
  }
  world.runs.push(run)
  const byHand = run.confirm
    ? `confirms ${run.confirm.slice(0, 6)}`
    : run.promote && `promotes ${run.promote}`
  const what = run.dryRun ? 'dry run' : (byHand ?? 'starts')
  world.trace(
    () => `run ${run.number} ${what}, applications ${run.mirrors.map(({ subAppId }) => subAppId).join()}`,
  )
  const die = (how: string, wait: number | null = null): void => {
    if (run.state !== 'running') return
    run.state = 'died'
    run.lastWait = wait
    world.trace(() => `run ${run.number} dies ${how}`)
    check()
  }
  if (random.chance(world.faults.jump))
    clock.after(random.between(0, random.pick([2000, 90_000] as const)), () => {
      run.skewMs += random.between(-300_000, 300_000)
    })
  clock.after(limitMs, () => {
    if (run.state === 'running') guarded(world, () => world.witness.onLimit(run))
    die('at its time limit')
  })
  /** The process waits for `ms`, and may die before that or at the end. */
  const wait = (what: string, ms: number): void => {
    const number = ++run.waits
    if (random.chance(world.faults.death)) clock.after(random.between(0, ms), () => die(`in ${what}`, number))
  }
  const send = createNetwork(world, run, wait, check)
  const end = (): void => {
    run.state = 'ended'
    world.trace(
      () =>
        `run ${run.number} ends: ${run.report?.Results.map(({ Outcome }) => Outcome).join() ?? run.error?.name}`,
    )
    guarded(world, () => world.witness.onEnd(run))
    check()
  }
  runMirror(
    { ...request, deadline: clock.now() + limitMs - 1000 },
    { ...settings, exclude: run.exclude },
    {
      list: async (subAppId, deadline) => listOf(await list(world, run, send, subAppId, deadline)),
      openStore: (target) => openStore(world, run, send, target),
      monotonic: clock.now,
      // Which jumps, and which nothing in the mirror may go by: mutate.ts does.
      ...{ now: () => clock.now() + run.skewMs },
      after(ms, work) {
        let due = true
        clock.after(ms, () => due && run.state === 'running' && work())
        return () => {
          due = false
        }
      },
      sleep(ms) {
        wait('the time between its looks', ms)
        return new Promise((resolve) => clock.after(ms, () => run.state === 'running' && resolve()))
      },
    },
  ).then(
    (report) => {
      run.report = report
      run.error = reportError(report)
      end()
    },
    (error: Error) => {
      run.error = error
      end()
    },
  )
  return run
}

/** Whether the run, or what it has sent, may still change something. */
export function isUnderWay({ state, inFlight }: Run): boolean {
  return state === 'running' || inFlight > 0
}

function guarded(world: World, work: () => void): void {
  try {
    work()
  } catch (error) {
    world.report(error as Error)
  }
}

/** Sends one request; `effect` happens at the far end, and its result or error travels back. */
type Send = <T>(what: string, deadline: number, effect: () => T) => Promise<T>

/**
 * The network of one process. An effect comes, if at all, before the request's deadline: a client that gives up
 * closes the connection. A dead process gets no answers, but what it has sent may still take effect. A request that hangs
 * ends in nothing at all, whatever its deadline, and may have taken effect.
 */
function createNetwork(
  world: World,
  run: Run,
  wait: (what: string, ms: number) => void,
  landed: () => void,
): Send {
  const { clock, random } = world
  return (what, deadline, effect) =>
    new Promise((resolve, reject) => {
      const { faults } = world
      const remaining = Math.max(0, deadline - clock.now())
      const hangs = random.chance(faults.hang)
      if (hangs) run.hung++
      if (hangs) run.failedRequests++
      const fault = random.chance(faults.request) ? random.pick(['before', 'after', 'silence']) : null
      const latency = random.chance(faults.slow) ? random.between(3000, 12_000) : random.between(20, 800)
      const took = fault === 'silence' ? remaining : Math.min(latency, remaining)
      const effectAfter = random.between(0, latency)
      const arrives = fault !== 'before' && effectAfter <= remaining
      const survivesDeath = random.chance(0.5)
      wait(what, took)
      const fail = (error: unknown): void => {
        run.failedRequests++
        reject(error)
      }
      const timeout = (): void => fail(new StoreError('Timeout', `Calling ${what}: no answer in time`, what))
      let answer = timeout
      if (arrives) {
        run.inFlight++
        clock.after(effectAfter, () => {
          run.inFlight--
          landed()
          if (run.state === 'died' && !survivesDeath) return
          try {
            const value = effect()
            if (latency <= remaining) answer = () => resolve(value)
          } catch (error) {
            answer = () => fail(error)
          }
        })
      }
      clock.after(took, () => {
        if (hangs) world.trace(() => `run ${run.number} ${what}: hangs`)
        if (run.state !== 'running' || hangs) return
        if (fault) world.trace(() => `run ${run.number} ${what}: fault, ${fault} the effect`)
        if (fault === 'before' || fault === 'after')
          answer = () => fail(new StoreError('ThrottlingException', `Calling ${what}: throttled`, what))
        if (fault === 'silence') answer = timeout
        answer()
      })
    })
}

async function list(
  world: World,
  run: Run,
  send: Send,
  subAppId: SubAppId,
  deadline: number,
): Promise<readonly string[]> {
  const { clock, random, faults } = world
  const askedAt = clock.now()
  const answer = await send(`list ${subAppId}`, deadline, () => {
    const tokens = world.upstreams.get(subAppId)?.look() ?? []
    const sound = !random.chance(faults.shortList)
    const kept = sound ? tokens.length : random.chance(0.3) ? 0 : Math.ceil(tokens.length / 2)
    return { tokens: tokens.slice(0, kept), sound, askedAt, at: clock.now() }
  })
  const answers = run.answers.get(subAppId) ?? []
  run.answers.set(subAppId, [...answers, { ...answer, receivedAt: clock.now() }])
  if (!answer.tokens.includes(world.promoted.get(subAppId) ?? '')) world.promoted.delete(subAppId)
  world.trace(
    () => `run ${run.number} lists ${subAppId}: {${answer.tokens}}${answer.sound ? '' : ' (cut short)'}`,
  )
  return answer.tokens
}

/** Whether a request replaces the value that readers get; the others keep, look or mark. */
type Effect = 'replaces' | 'looks' | 'other'

function openStore(world: World, run: Run, send: Send, target: Target): Store {
  const { uri } = target
  const secret = world.secrets.find((one) => one.uri === uri)
  if (!secret) throw new Error(`Simulating: no secret ${uri}`)
  /** A request about the secret. One that is forbidden fails; `effect` itself knows what is not available. */
  const call = <T>(what: string, deadline: number, kind: Effect, effect: () => T): Promise<T> =>
    send(`${what} ${uri}`, deadline, () => {
      if (secret.trouble === 'forbidden')
        throw new StoreError('AccessDeniedException', `Calling ${what} for ${uri}: forbidden`, uri)
      const result = effect()
      notice(world, run, secret, kind)
      return result
    })

  const { read, write, ...about } = { aws: inAws, ssm: inSsm, plain: inMemory }[secret.kind](
    world,
    run,
    secret,
    target,
    call,
  )
  return {
    ...about,
    async read(deadline) {
      const reading = await read(deadline)
      run.newest.set(uri, reading)
      if (!run.first.has(uri)) run.first.set(uri, reading)
      if (world.random.chance(world.faults.rival))
        world.clock.after(world.random.between(0, 2000), () => writeAsRival(world, secret))
      return reading
    },
    async write(document, seen, deadline) {
      run.written.push(uri)
      guarded(world, () => world.witness.onWrite(run, secret, document))
      const { changes } = secret
      const previous = secret.versions.get('previous')
      const failedBefore = run.failedRequests
      try {
        await write(document, seen, deadline)
      } catch (error) {
        const failedRequests = run.failedRequests - failedBefore
        if (isOvertaken(error)) run.overtaken++
        else {
          const inTime = error instanceof StoreError && !error.code.startsWith('ClientError.')
          const refusal = { inTime, failedRequests, previous, changes }
          guarded(world, () => world.witness.onRefusal(run, secret, refusal))
        }
        throw error
      }
      run.newest.set(uri, { state: 'value', marked: true, value: document })
    },
  }
}

type OpenKind = (
  world: World,
  run: Run,
  secret: Secret,
  target: Target,
  call: <T>(what: string, deadline: number, kind: Effect, effect: () => T) => Promise<T>,
) => Store

/** What the secret is after a request, compared with what it was. */
function notice(world: World, run: Run, secret: Secret, kind: Effect): void {
  const { uri } = secret
  const before = { marked: secret.marked, value: secret.value, kept: secret.versions.get('previous') }
  const now = stateOf(world, secret)
  const replaced = now.value !== null && now.value !== secret.value
  if (replaced) {
    const document = now.value ?? ''
    world.trace(() => `run ${run.number} changes ${uri} to ${document}`)
    secret.versions = now.versions
    guarded(world, () => world.witness.onChange(run, secret, document))
    guarded(world, () => world.witness.onReplace(run, secret))
    setValue(world, secret, document)
    secret.runChange = secret.changes
  } else {
    secret.versions = now.versions
    if (secret.versions.get('previous') !== before.kept) secret.changes++
  }
  secret.exists = now.exists
  secret.marked = now.marked
  if (secret.marked && !before.marked) {
    world.trace(() => `run ${run.number} marks ${uri}`)
    guarded(world, () => world.witness.onMark(run, secret))
  }
  // Where nothing is compared, another write may have come on top of one that replaced a value.
  const isSure = kind === 'looks' || (replaced && (secret.kind === 'aws' || before.value === null))
  if (isSure) run.looks.set(uri, { value: secret.value, change: secret.changes })
  if (kind !== 'replaces') run.asOf.set(uri, secret.changes)
}

function setValue({ clock }: World, secret: Secret, value: string): void {
  secret.value = value
  secret.changes++
  secret.history.push({ at: clock.now(), value })
}

/** What a store says of a secret, whoever asks. */
function stateOf({ ssm }: World, secret: Secret): Pick<Secret, 'exists' | 'marked' | 'value' | 'versions'> {
  const { aws, kind, name } = secret
  if (kind === 'plain') return { ...secret.plain, versions: secret.versions }
  if (kind === 'aws')
    return {
      exists: aws.exists,
      marked: aws.tagged,
      value: aws.labelled('AWSCURRENT')?.value ?? null,
      versions: secret.versions,
    }
  const found = ssm.secrets(ssmRegion).find(({ SecretName }) => SecretName === name)
  const versions = new Map(Object.entries(found?.Versions ?? {}))
  return {
    exists: found !== undefined,
    marked: found?.Description.startsWith('vod-aigc-tokens: ') === true,
    value: versions.get('current') ?? null,
    versions,
  }
}

/** Somebody writes a value of their own, or what another application mirrors, without a look at what is there. */
export function writeAsRival(world: World, secret: Secret): void {
  const { random, ssm } = world
  if (secret.trouble !== null || world.faults.rival === 0) return
  const number = world.rivalries++
  const other = JSON.stringify({
    ApiToken: `x${number}`,
    ApiTokens: [`x${number}`],
    SubAppId: 9,
    Site: 'intl',
  })
  const value = random.chance(0.1) ? other : `value ${number} of somebody else`
  if (secret.kind === 'aws') {
    secret.aws.exists = true
    secret.aws.deleted = false
    secret.aws.put(`version ${number} of somebody else`, value)
  }
  if (secret.kind === 'ssm') ssm.put(ssmRegion, secret.name, { current: value })
  if (secret.kind === 'plain') secret.plain = { ...secret.plain, exists: true, value }
  secret.exists = true
  setValue(world, secret, value)
  secret.versions = stateOf(world, secret).versions
  secret.rivalChange = secret.changes
  world.promoted.delete(secret.subAppId)
  world.trace(() => `somebody else writes ${secret.uri}: ${value}`)
}

/** The store of lib for AWS, over Secrets Manager in memory. */
const inAws: OpenKind = (world, run, secret, target, call) => {
  const { aws, uri } = secret
  const ask = <T>(what: string, deadline: number, kind: Effect, effect: () => T): Promise<T> =>
    call(what, deadline, kind, () => {
      aws.deleted = secret.trouble === 'unavailable'
      if (isHollow(world, run) && what !== 'TagResource' && what !== 'DescribeSecret') return {} as T
      try {
        return effect()
      } catch (error) {
        if (!(error instanceof AwsRefusal)) throw error
        throw new StoreError(error.message, `Calling ${what} for ${uri}: marked for deletion or so`, uri)
      }
    })
  const actions = (deadline: number): AwsActions => ({
    describe: () =>
      ask('DescribeSecret', deadline, 'other', () => ({
        VersionIdsToStages: aws.describe(),
        Tags: aws.tagged ? [{ Key: 'managed-by', Value: 'vod-aigc-tokens' }] : [],
        ...(aws.deleted && { DeletedDate: new Date(0) }),
      })),
    getValue: (stage) =>
      ask('GetSecretValue', deadline, stage === 'AWSCURRENT' ? 'looks' : 'other', () => {
        if (aws.deleted) throw new AwsRefusal('InvalidRequestException')
        const found = aws.labelled(stage)
        if (!found) throw new AwsRefusal('ResourceNotFoundException')
        return { SecretString: found.value, VersionId: found.id }
      }),
    create: (document, version) => {
      guarded(world, () => world.witness.onVersion(run, secret, document, version))
      return ask('CreateSecret', deadline, 'replaces', () => {
        aws.create(version, document)
        return { VersionId: version }
      })
    },
    tag: () =>
      ask('TagResource', deadline, 'other', () => {
        aws.tagged = true
      }),
    putValue: (document, version) => {
      guarded(world, () => world.witness.onVersion(run, secret, document, version))
      return ask('PutSecretValue', deadline, 'other', () => ({
        VersionId: version,
        VersionStages: aws.put(version, document, ['vod-aigc-tokens']),
      }))
    },
    moveCurrent: (from, to) =>
      ask('UpdateSecretVersionStage', deadline, 'replaces', () => aws.move('AWSCURRENT', from, to)),
  })
  return {
    mostBytes: 65_536,
    hasMark: true,
    read: (deadline) => readSecret(actions(deadline), target),
    write: (document, seen, deadline) =>
      writeSecret(actions(deadline), target, document, seen, world.clock.sleep),
  }
}

/** The store of lib for Tencent, which asks the tests' own SSM. */
const inSsm: OpenKind = (world, run, secret, target, call) =>
  tencentSsm.open(target, {
    now: () => world.clock.now() + run.skewMs,
    monotonic: world.clock.now,
    after: () => () => {},
    // Of stores that repeat calls themselves.
    random: () => 0,
    sleep: async () => {},
    aws: noAws,
    tencent: () => (action, parameters, deadline) => {
      const ofCurrent = parameters['VersionId'] === 'current'
      const kind = !ofCurrent ? 'other' : action === 'GetSecretValue' ? 'looks' : 'replaces'
      return call(action, deadline, kind, () => askSsm(world, run, secret, action, parameters)).catch(
        (error) => {
          throw error instanceof StoreError ? asClientSays(error, action) : error
        },
      )
    },
  })

/** A failed request in the words of the client of Tencent's APIs: its own where no answer came. */
function asClientSays({ code, message }: StoreError, action: string): TencentError {
  const told = code === 'Timeout' ? 'ClientError.Timeout' : code
  return new TencentError(told, message, { action, requestId: null, attempts: 1, retryable: true })
}

/** A store that writes in one request, and looks before and after, as that of files does. */
const inMemory: OpenKind = (_world, _run, secret, target, call) => {
  const look = (deadline: number): Promise<Reading> =>
    call('look', deadline, 'looks', () => {
      if (secret.trouble === 'unavailable')
        return { state: 'unavailable', reason: 'it is scheduled for deletion' }
      const { exists, marked, value } = secret.plain
      if (!exists) return { state: 'absent' }
      return value === null ? { state: 'empty', marked } : { state: 'value', marked, value }
    })
  const expect = async (expected: Reading, deadline: number): Promise<void> => {
    if (!isStill(await look(deadline), expected)) throw overtaken(target)
  }
  return {
    mostBytes: 1_000_000,
    hasMark: true,
    read: look,
    async write(document, seen, deadline) {
      await expect(seen, deadline)
      await call('put', deadline, 'replaces', () => {
        secret.plain = { exists: true, marked: true, value: document }
      })
      await expect({ state: 'value', marked: true, value: document }, deadline)
    },
  }
}

/** Puts a secret into its store as it is at the start. */
export function keepInStore({ ssm, random }: Pick<World, 'ssm' | 'random'>, secret: Secret): void {
  const { aws, kind, name, exists, holds, marked, value } = secret
  if (!exists) return
  // As a run names it, but for what no run writes. A token alone without the mark is somebody else's: they have tokens, too.
  const isOurs = holds === 'document' || (marked && /^[a-z]\d+$/.test(value ?? ''))
  if (kind === 'aws' && value !== null) aws.put(isOurs ? sha256Hex(value) : 'first of somebody else', value)
  if (kind !== 'ssm') return
  ssm.put(ssmRegion, name, value === null ? {} : { current: value })
  const notes = ['', 'a note', 'vod-aigc-tokens', 'vod-aigc-tokens-backup of March, do not touch'] as const
  const Description = marked ? 'vod-aigc-tokens: Tencent Cloud VOD AIGC API tokens' : random.pick(notes)
  ssm.set(ssmRegion, name, { Description })
}

function isHollow({ random, faults }: World, run: Run): boolean {
  const hollow = random.chance(faults.hollow)
  if (hollow) run.failedRequests++
  return hollow
}

/** One call of SSM's API. */
function askSsm(world: World, run: Run, secret: Secret, action: string, parameters: Fields): Fields {
  const { ssm, faults, random } = world
  const fail = (code: string, message: string): TencentError =>
    new TencentError(code, message, { action, requestId: null, attempts: 1, retryable: false })
  const { name } = secret
  if (secret.exists)
    ssm.set(ssmRegion, name, { Status: secret.trouble === 'unavailable' ? 'PendingDelete' : 'Enabled' })
  if (['GetSecretValue', 'UpdateSecret'].includes(action) && random.chance(faults.unspread)) {
    if (secret.versions.has(String(parameters['VersionId']))) run.unread++
    throw fail('ResourceNotFound', 'The version has not spread yet')
  }
  if (isHollow(world, run)) return {}
  try {
    return ssm.service.actions.get(action)?.(parameters, { secretId: '', region: ssmRegion }) as Fields
  } catch (error) {
    throw error instanceof ApiError ? fail(error.code, error.message) : error
  }
}

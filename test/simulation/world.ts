/**
 * A world for the mirror to live in: an eventually consistent upstream, secret stores in memory, and processes that
 * run the real `runMirror`, and for Tencent's secrets the real store, over a network that is slow, loses answers and
 * lets processes die.
 */
import type { Mirror } from '../../lib/config.ts'
import { StoreError, TencentError } from '../../lib/errors.ts'
import { type MirrorReport, reportError, runMirror } from '../../lib/mirror.ts'
import { mark, type Reading, type Store, type Target } from '../../lib/stores/store.ts'
import { tencentSsm } from '../../lib/stores/tencent-ssm.ts'
import { sha256Hex } from '../../lib/tc3.ts'
import { ApiError, type Fields } from '../peers/tencent/service.ts'
import type { Ssm } from '../peers/tencent/ssm.ts'
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

/** How far a replica of the upstream may be behind, in milliseconds. */
export const lagMs = 30_000
/** The settings of every run; the bounds in invariants.ts follow from these and {@link lagMs}. */
export const settings = { site: 'intl', settleSeconds: 60, minKeep: 0.5, timeoutMs: 10_000 } as const

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
  /** Waits of a process, for a request or for its second look, in which it dies. */
  readonly death: number
  /** Runs whose clock jumps up to 5 minutes, either way, during the run. */
  readonly jump: number
}

export const calm: Faults = { request: 0, shortList: 0, slow: 0, unspread: 0, death: 0, jump: 0 }

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
   * `aws` writes in several requests and keeps versions; `ssm` is Tencent's, which writes the version `previous` first
   * and then `current`; `plain` writes in one.
   */
  readonly kind: 'aws' | 'ssm' | 'plain'
  /** Its name in {@link World.ssm}. */
  readonly name: string
  readonly adopt: boolean
  /** Whether the mirror may ever write it. */
  readonly ours: boolean
  exists: boolean
  marked: boolean
  value: string | null
  /** By version id. */
  versions: Map<string, string>
  /** Passing troubles. */
  trouble: 'forbidden' | 'unavailable' | null
  /** Every value it has had, the newest last. */
  readonly history: { readonly at: number; readonly value: string | null }[]
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
  readonly startedAt: number
  /** How far the clock of the process is off. */
  skewMs: number
  /** Another run that may write was under way at some time of this one. */
  overlapped: boolean
  state: 'running' | 'ended' | 'died'
  /** How often it has begun to wait. */
  waits: number
  /** In which of its waits the process died, if it did before its time limit. */
  lastWait: number | null
  /** How often a value that is there was not to be read. */
  unread: number
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
}

/** Who watches a world; each method throws when a rule is broken. */
export interface Witness {
  /** A run asks a store to write. */
  onWrite(run: Run, secret: Secret, document: string, versionId: string): void
  /** A value has changed. */
  onChange(run: Run, secret: Secret, document: string): void
  onEnd(run: Run): void
}

export interface World {
  readonly clock: Clock
  readonly random: Random
  readonly upstreams: ReadonlyMap<SubAppId, Upstream>
  readonly secrets: readonly Secret[]
  /** Tencent's secrets. */
  readonly ssm: Ssm
  readonly runs: Run[]
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
  request: Pick<Run, 'mirrors' | 'dryRun' | 'confirm'>,
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
    over,
    number: world.runs.length + 1,
    startedAt: clock.now(),
    skewMs: 1_773_000_000_000 + random.between(-600_000, 600_000),
    overlapped: false,
    state: 'running',
    waits: 0,
    lastWait: null,
    unread: 0,
    report: null,
    error: null,
    inFlight: 0,
    written: [],
    answers: new Map(),
    first: new Map(),
    newest: new Map(),
  }
  for (const other of world.runs.filter(isUnderWay))
    if (!other.dryRun && !run.dryRun) other.overlapped = run.overlapped = true
  world.runs.push(run)
  const what = run.dryRun ? 'dry run' : run.confirm ? `confirms ${run.confirm.slice(0, 6)}` : 'starts'
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
    clock.after(random.between(0, random.pick([5000, 90_000])), () => {
      run.skewMs += random.between(-300_000, 300_000)
    })
  clock.after(limitMs, () => die('at its time limit'))
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
  runMirror({ ...request, deadline: clock.now() + limitMs - 1000 }, settings, {
    list: (subAppId, deadline) => list(world, run, send, subAppId, deadline),
    openStore: (target) => openStore(world, run, send, target),
    monotonic: clock.now,
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
  }).then(
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
 * closes the connection. A dead process gets no answers, but what it has sent may still take effect.
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
      const fault = random.chance(faults.request) ? random.pick(['before', 'after', 'silence']) : null
      const latency = random.chance(faults.slow) ? random.between(3000, 12_000) : random.between(20, 800)
      const took = fault === 'silence' ? remaining : Math.min(latency, remaining)
      const effectAfter = random.between(0, latency)
      const arrives = fault !== 'before' && effectAfter <= remaining
      const survivesDeath = random.chance(0.5)
      wait(what, took)
      let answer = (): void => reject(new StoreError('Timeout', `Calling ${what}: no answer in time`, what))
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
            answer = () => reject(error)
          }
        })
      }
      clock.after(took, () => {
        if (run.state !== 'running') return
        if (fault) world.trace(() => `run ${run.number} ${what}: fault, ${fault} the effect`)
        if (fault === 'before' || fault === 'after')
          answer = () => reject(new StoreError('ThrottlingException', `Calling ${what}: throttled`, what))
        if (fault === 'silence')
          answer = () => reject(new StoreError('Timeout', `Calling ${what}: no answer in time`, what))
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
  world.trace(
    () => `run ${run.number} lists ${subAppId}: {${answer.tokens}}${answer.sound ? '' : ' (cut short)'}`,
  )
  return answer.tokens
}

function openStore(world: World, run: Run, send: Send, target: Target): Store {
  const { uri } = target
  const secret = world.secrets.find((one) => one.uri === uri)
  if (!secret) throw new Error(`Simulating: no secret ${uri}`)
  /** A request about the secret, which fails while the secret has troubles. */
  const call = <T>(what: string, deadline: number, effect: () => T, evenUnavailable = false): Promise<T> =>
    send(`${what} ${uri}`, deadline, () => {
      if (secret.trouble === 'forbidden' || (secret.trouble && !evenUnavailable))
        throw new StoreError('AccessDeniedException', `Calling ${what} for ${uri}: ${secret.trouble}`, uri)
      return effect()
    })
  const change = (document: string): void => {
    if (secret.value === document) return
    secret.exists = true
    world.trace(() => `run ${run.number} changes ${uri} to ${document}`)
    guarded(world, () => world.witness.onChange(run, secret, document))
    secret.value = document
    secret.history.push({ at: world.clock.now(), value: document })
  }
  const create = (document: string, versionId: string): void => {
    if (secret.exists) throw new StoreError('ResourceExistsException', `Creating ${uri}: it exists`, uri)
    secret.marked = true
    secret.versions.set(versionId, document)
    change(document)
  }
  const describe = (): Reading => {
    if (secret.trouble === 'unavailable')
      return { state: 'unavailable', reason: 'it is scheduled for deletion' }
    const { exists, marked, value } = secret
    if (!exists) return { state: 'absent' }
    return value === null ? { state: 'empty', marked } : { state: 'value', marked, value }
  }
  const currentVersion = (): string | null => secret.value && sha256Hex(secret.value)

  /** As Secrets Manager: the mark first; then a version by its id, which a repeated id does not make current again. */
  const writeAws: Store['write'] = async (document, versionId, seen, deadline) => {
    if (seen.state === 'absent') return call('create', deadline, () => create(document, versionId))
    if (seen.state !== 'unavailable' && !seen.marked)
      await call('tag', deadline, () => {
        secret.marked = true
      })
    await call('put', deadline, () => {
      if (secret.versions.has(versionId)) return
      secret.versions.set(versionId, document)
      change(document)
    })
    const before = await call('describe', deadline, currentVersion)
    if (before === versionId) return
    await call('move', deadline, () => {
      if (currentVersion() !== before)
        throw new StoreError('InvalidParameterException', `Moving the label of ${uri}: overtaken`, uri)
      change(document)
    })
  }
  const writePlain: Store['write'] = (document, _, __, deadline) =>
    call('put', deadline, () => {
      secret.marked = true
      change(document)
    })
  const inMemory: Store = {
    async read(deadline) {
      const described = await call('describe', deadline, describe, true)
      const twice = secret.kind === 'aws' && described.state === 'value'
      return twice ? call('get', deadline, describe) : described
    },
    write: secret.kind === 'aws' ? writeAws : writePlain,
  }

  /** The store of lib, which asks the tests' own SSM. */
  const inSsm = (): Store =>
    tencentSsm.open(target, {
      now: () => world.clock.now() + run.skewMs,
      monotonic: world.clock.now,
      after: () => () => {},
      // Of stores that repeat calls themselves.
      random: () => 0,
      sleep: async () => {},
      tencent: () => (action, parameters, deadline) =>
        call(
          action,
          deadline,
          () => {
            const answer = askSsm(world, run, secret, action, parameters)
            const current = secret.versions.get('current')
            if (current !== undefined) change(current)
            return answer
          },
          true,
        ),
    })

  const { read, write } = secret.kind === 'ssm' ? inSsm() : inMemory
  return {
    async read(deadline) {
      const reading = await read(deadline)
      run.newest.set(uri, reading)
      if (!run.first.has(uri)) run.first.set(uri, reading)
      return reading
    },
    async write(document, versionId, seen, deadline) {
      run.written.push(uri)
      guarded(world, () => world.witness.onWrite(run, secret, document, versionId))
      await write(document, versionId, seen, deadline)
      run.newest.set(uri, { state: 'value', marked: true, value: document })
    },
  }
}

/** Puts a secret into Tencent's store as it is at the start. */
export function keepInSsm(ssm: Ssm, { name, marked, value }: Secret): void {
  ssm.put(ssmRegion, name, value === null ? {} : { current: value })
  if (marked) ssm.set(ssmRegion, name, { Description: mark })
}

/** One call of SSM's API. What it changes is noted in the secret, but for the value that readers get. */
function askSsm(
  { ssm, faults, random }: World,
  run: Run,
  secret: Secret,
  action: string,
  parameters: Fields,
): Fields {
  const fail = (code: string, message: string): TencentError =>
    new TencentError(code, message, { action, requestId: null, attempts: 1, retryable: false })
  const { name } = secret
  if (secret.exists)
    ssm.set(ssmRegion, name, { Status: secret.trouble === 'unavailable' ? 'PendingDelete' : 'Enabled' })
  if (['GetSecretValue', 'UpdateSecret'].includes(action) && random.chance(faults.unspread)) {
    if (secret.versions.has(String(parameters['VersionId']))) run.unread++
    throw fail('ResourceNotFound', 'The version has not spread yet')
  }
  try {
    const answer = ssm.service.actions.get(action)?.(parameters, {
      secretId: '',
      region: ssmRegion,
    }) as Fields
    secret.versions = new Map(Object.entries(ssm.versions(ssmRegion, name)))
    return answer
  } catch (error) {
    throw error instanceof ApiError ? fail(error.code, error.message) : error
  }
}

/**
 * A world for the rotation to live in: an upstream whose list lags, flaps and refuses, stores in memory that compare and set or
 * only look, clocks that jump, and processes that run the real `runRotation` and the real `runMirror` over a network that is
 * slow, loses answers and hangs; they die, or stand still and go on, in any of their waits.
 */
import type { Config } from '../../lib/config.ts'
import { fingerprint } from '../../lib/digest.ts'
import { StoreError, TencentError } from '../../lib/errors.ts'
import { type MirrorReport, reportError } from '../../lib/mirror/report.ts'
import { runMirror } from '../../lib/mirror/run.ts'
import type { RotationRequest } from '../../lib/rotation/plan.ts'
import { type RotationReport, rotationError } from '../../lib/rotation/report.ts'
import { type Rotation, type RotationDependencies, runRotation } from '../../lib/rotation/run.ts'
import { isStill, overtaken, type Reading, type Store, type Target } from '../../lib/stores/store.ts'
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

/** How far a replica of the list may be behind, in milliseconds. */
export const lagMs = 30_000
export const timeoutMs = 10_000
/** How many tokens Tencent lets an application have. */
const cap = 9
/** When the story begins, by good clocks. */
const epoch = Date.UTC(2026, 2, 1)
/** By so much the clocks of two machines differ from the right time, either way. */
export const skewMs = 1000

/** What goes wrong, as probabilities, most of them per request. */
export interface Faults {
  /** An error before the effect, an error after it, or no answer at all, in equal parts. */
  readonly request: number
  /** A list that is valid but empty, or misses half of the tokens. */
  readonly shortList: number
  /** A list without a date. */
  readonly noDate: number
  /** Requests that take 3 to 12 s, past the time limit of 10 s, instead of at most 0.8 s. */
  readonly slow: number
  /** Requests that never end in anything, past every deadline. */
  readonly hang: number
  /** Changes that Tencent refuses. */
  readonly refusal: number
  /** Waits of a process in which it dies. */
  readonly death: number
  /** Waits of a process in which it stands still, for seconds or for hours. */
  readonly freeze: number
}

export const calm: Faults = {
  request: 0,
  shortList: 0,
  noDate: 0,
  slow: 0,
  hang: 0,
  refusal: 0,
  death: 0,
  freeze: 0,
}

/** A token as it is in truth. Its limits are listed by when they were set; a rotation, or somebody else, set them. */
export interface Token {
  readonly name: string
  readonly fingerprint: string
  readonly born: number
  died: number
  readonly infos: { readonly at: number; readonly value: string; readonly by: Process | null }[]
  readonly quotas: { readonly at: number; readonly value: number | null; readonly by: Process | null }[]
  /** The process that created it, where a rotation did. */
  readonly maker: Process | null
}

/** One secret of a store: a target of the mirror, or a record. */
export interface Secret {
  readonly target: Target
  /** Whether its store compares and sets; the other kind looks right before and right after. */
  readonly compares: boolean
  value: string | null
  /** Every request fails until then, in true time. */
  downUntil: number
  /** Every value it has had, the newest last, and whose it was. */
  readonly history: { readonly at: number; readonly value: string | null; readonly by: Process | null }[]
  /** Every look of a run of the rotation. */
  readonly looks: { readonly at: number; readonly by: Process }[]
  /** Whether a store that cannot compare has replaced what its writer had not seen: no run can know what is true then. */
  isContested: boolean
}

export interface Application {
  readonly subAppId: number
  readonly tokens: Token[]
  readonly views: number[]
  readonly targets: readonly Secret[]
  readonly record: Secret
  readonly rotation: Rotation
}

export interface Settings {
  readonly everyDays: number | null
  readonly warmSeconds: number
  readonly graceHours: number
  readonly mayDelete: boolean
  readonly settleSeconds: number
  readonly minKeep: number
  readonly tokenLimit: number
}

/** One process that runs the rotation or the mirror once. */
export interface Process {
  readonly number: number
  readonly work: Work
  readonly startedAt: number
  /** Tokens that nobody should get, as its setting names them. */
  readonly exclude: ReadonlySet<string>
  state: 'running' | 'ended' | 'died'
  waits: number
  inFlight: number
  /** When it goes on, where it stands still, and for how long it has. */
  thawsAt: number
  frozenMs: number
  /** When the clock of the machine jumped, it was under way. */
  hasSeenJump: boolean
  /** The newest list that it was answered, by application. */
  readonly lists: Map<Application, Answer>
  /** Its newest look at a secret. */
  readonly seen: Map<Secret, { readonly at: number; readonly value: string | null }>
  rotated: RotationReport | null
  mirrored: MirrorReport | null
  error: Error | null
}

export interface Answer {
  readonly names: ReadonlySet<string>
  readonly at: number
}

/** What a process is for. */
export type Work =
  | { readonly kind: 'rotate'; readonly request: RotationRequest; readonly dryRun: boolean }
  | {
      readonly kind: 'mirror'
      readonly dryRun: boolean
      readonly confirm: string | null
      readonly promote: string | null
    }

/** Who watches; each method throws where a rule is broken. */
export interface Witness {
  /** A process asks for a token. */
  onCreate(process: Process, application: Application): void
  onCreated(process: Process, application: Application, token: Token): void
  /** A process asks for a deletion. */
  onRemoval(process: Process, application: Application, token: Token): void
  /** A deletion takes effect. */
  onRemoved(process: Process, application: Application, token: Token): void
  onLimits(process: Process): void
  /** A process is about to have written a target; what is there is still the value before. */
  onTarget(process: Process, application: Application, secret: Secret, value: string): void
  onRecord(process: Process, application: Application, value: string): void
  onList(process: Process, application: Application, answer: Answer): void
  onEnd(process: Process): void
}

export interface World {
  readonly clock: Clock
  readonly random: Random
  readonly settings: Settings
  readonly applications: readonly Application[]
  readonly processes: Process[]
  /** Those that may still do something. */
  readonly underWay: Set<Process>
  exclude: ReadonlySet<string>
  faults: Faults
  witness: Witness
  /** How far the clock of the machines and that of Tencent are off, in milliseconds. */
  ownOffset: number
  tencentOffset: number
  /** The process and the wait of it in which it dies, whatever the faults say. */
  death: Death | null
  /** How many requests are hanging, lost or refused. */
  troubles: number
  violation: Error | null
  report(error: Error): void
  trace(line: () => string): void
}

export interface Death {
  readonly process: number
  readonly wait: number
  /** Whether what it has sent still arrives. */
  readonly arrives: boolean
}

export function isAlive(token: Token, at: number): boolean {
  return token.born <= at && token.died > at
}

export function addToken({ clock, random }: World, application: Application, maker: Process | null): Token {
  const { tokens, subAppId } = application
  // The letter makes the sorted order another one than that of birth.
  const letter = random.pick([...'abcdefghijklmnopqrstuvwxyz'])
  const name = `${letter}-canary-${subAppId}-${tokens.length}`
  const at = clock.now()
  const token: Token = {
    name,
    fingerprint: fingerprint(name),
    born: at,
    died: Number.POSITIVE_INFINITY,
    infos: [{ at, value: '', by: maker }],
    quotas: [{ at, value: null, by: maker }],
    maker,
  }
  tokens.push(token)
  return token
}

/** Puts a value there, whoever does. */
export function put({ clock }: World, secret: Secret, value: string | null, by: Process | null): void {
  secret.value = value
  secret.history.push({ at: clock.now(), value, by })
}

/** Starts a process with a function time limit; it goes on as virtual time does. */
export function startProcess(world: World, work: Work, limitMs: number): Process {
  const { clock, random } = world
  const process: Process = {
    number: world.processes.length + 1,
    work,
    startedAt: clock.now(),
    exclude: world.exclude,
    state: 'running',
    waits: 0,
    inFlight: 0,
    thawsAt: 0,
    frozenMs: 0,
    hasSeenJump: false,
    lists: new Map(),
    seen: new Map(),
    rotated: null,
    mirrored: null,
    error: null,
  }
  world.processes.push(process)
  world.underWay.add(process)
  world.trace(() => `${nameOf(process)} starts${process.exclude.size > 0 ? ', some tokens excluded' : ''}`)
  const skew = random.between(-skewMs, skewMs)
  const node = createNode(world, process)
  const deadline = node.monotonic() + limitMs - 1000
  node.after(limitMs, () => node.die('at its time limit'))
  const end = (): void => {
    process.state = 'ended'
    world.trace(() => `${nameOf(process)} ends: ${outcomeOf(process)}`)
    guarded(world, () => world.witness.onEnd(process))
    node.leave()
  }
  const config = {
    ...world.settings,
    rotation: world.settings,
    site: 'intl',
    timeoutMs,
    exclude: process.exclude,
  } as unknown as Config
  const deps: RotationDependencies = {
    list: (subAppId, listDeadline) =>
      list(world, process, node.send, applicationOf(world, subAppId), listDeadline),
    openStore: (target) => openStore(world, process, node.send, target),
    change: createChanges(world, process, node.send),
    newIntent: () => `intent ${process.number}`,
    monotonic: node.monotonic,
    now: () => epoch + clock.now() + world.ownOffset + skew,
    after: node.after,
    sleep: (ms) =>
      new Promise((resolve) => {
        node.wait('the time between its looks', ms)
        node.after(ms, resolve)
      }),
  }
  const done =
    work.kind === 'rotate'
      ? runRotation(
          { ...work, rotations: world.applications.map(({ rotation }) => rotation), deadline },
          config,
          deps,
        ).then((report) => {
          process.rotated = report
          process.error = rotationError(report)
        })
      : runMirror(
          { ...work, mirrors: world.applications.map(({ rotation: { mirror } }) => mirror), deadline },
          config,
          deps,
        ).then((report) => {
          process.mirrored = report
          process.error = reportError(report)
        })
  done
    .catch((error: Error) => {
      process.error = error
    })
    .then(() => {
      if (process.state === 'running') end()
    })
  return process
}

export function nameOf({ number, work }: Process): string {
  const dry = work.dryRun ? ' dry' : ''
  if (work.kind === 'mirror')
    return `mirror ${number}${dry}${work.promote ? ` promoting ${work.promote}` : ''}${work.confirm ? ' confirming' : ''}`
  const { request } = work
  return `rotation ${number}${dry} (${request.kind}${'token' in request ? ` ${request.token}` : ''})`
}

function outcomeOf({ rotated, mirrored, error }: Process): string {
  const results = rotated?.Results.map(
    ({ Outcome, Step, Phase, Reason }) => `${Outcome} ${Step} ${Phase}: ${Reason}`,
  )
  return (
    results?.join(' | ') ?? mirrored?.Results.map(({ Outcome }) => Outcome).join() ?? error?.message ?? 'well'
  )
}

export function guarded(world: World, work: () => void): void {
  try {
    work()
  } catch (error) {
    world.report(error as Error)
  }
}

function applicationOf({ applications }: World, subAppId: number | null): Application {
  const found = applications.find((one) => one.subAppId === subAppId)
  if (!found) throw new Error(`Simulating: no application ${subAppId}`)
  return found
}

/** Sends one request; `effect` happens at the far end, and its result or error travels back. */
type Send = <T>(what: string, deadline: number, effect: () => T) => Promise<T>

/** The machine of one process. */
interface Node extends Pick<RotationDependencies, 'monotonic' | 'after'> {
  readonly send: Send
  /** The process waits for `ms`, and may die or stand still meanwhile. */
  wait(what: string, ms: number): Death | null
  die(how: string): void
  /** The process has ended. */
  leave(): void
}

function createNode(world: World, process: Process): Node {
  const { clock, random } = world
  // While it stands still the time does, until it goes on: then it is told that a moment has passed.
  const monotonic = (): number => clock.now() - process.frozenMs
  const leave = (): void => {
    if (process.state !== 'running' && process.inFlight === 0) world.underWay.delete(process)
  }
  const die = (how: string): void => {
    if (process.state !== 'running') return
    process.state = 'died'
    world.trace(() => `${nameOf(process)} dies ${how}`)
    leave()
  }
  /** Does it as soon as the process is not standing still. */
  const awake = (work: () => void): void => {
    if (process.state !== 'running') return
    if (clock.now() < process.thawsAt) clock.after(process.thawsAt - clock.now(), () => awake(work))
    else work()
  }
  const after: Node['after'] = (ms, work) => {
    const due = monotonic() + ms
    let isOff = false
    const check = (): void => {
      const left = due - monotonic()
      if (isOff) return
      if (left > 0) callOff = clock.after(left, () => awake(check))
      else work()
    }
    let callOff = clock.after(ms, () => awake(check))
    return () => {
      isOff = true
      callOff()
    }
  }
  const wait: Node['wait'] = (what, ms) => {
    const number = ++process.waits
    const { death, faults } = world
    if (death?.process === process.number && death.wait === number) {
      die(`in ${what}`)
      return death
    }
    if (random.chance(faults.death)) clock.after(random.between(0, ms), () => die(`in ${what}`))
    // Where it is about to do something, more often.
    if (random.chance(number > 4 ? 3 * faults.freeze : faults.freeze)) {
      const longMs = random.between(1000, random.pick([20_000, 200_000, 10_800_000] as const))
      clock.after(random.between(0, ms), () => {
        if (process.state !== 'running' || clock.now() < process.thawsAt) return
        world.trace(() => `${nameOf(process)} stands still in ${what} for ${longMs / 1000} s`)
        process.thawsAt = clock.now() + longMs
        process.frozenMs += longMs
      })
    }
    return null
  }
  const send: Send = (what, deadline, effect) =>
    new Promise((resolve, reject) => {
      const { faults } = world
      const remaining = Math.max(0, deadline - monotonic())
      const hangs = random.chance(faults.hang)
      const fault = random.chance(faults.request) ? random.pick(['before', 'after', 'silence']) : null
      const latency = random.chance(faults.slow) ? random.between(3000, 12_000) : random.between(20, 800)
      const took = fault === 'silence' ? remaining : Math.min(latency, remaining)
      const effectAfter = random.between(0, latency)
      const survives = random.chance(0.5)
      if (hangs || fault) world.troubles++
      const death = wait(what, took)
      const arrives = (death?.arrives ?? fault !== 'before') && effectAfter <= remaining
      let answer = (): void => reject(silent(what))
      if (arrives) {
        process.inFlight++
        clock.after(effectAfter, () => {
          process.inFlight--
          leave()
          if (process.state === 'died' && !(death?.arrives ?? survives)) return
          try {
            const value = effect()
            if (latency <= remaining) answer = () => resolve(value)
          } catch (error) {
            answer = () => reject(error)
          }
        })
      }
      clock.after(took, () =>
        awake(() => {
          if (hangs) return world.trace(() => `${nameOf(process)} ${what}: hangs`)
          if (fault) world.trace(() => `${nameOf(process)} ${what}: fault, ${fault} the effect`)
          if (fault) reject(silent(what))
          else answer()
        }),
      )
    })
  return { monotonic, after, send, wait, die, leave }
}

function silent(what: string): Error {
  return new TencentError('ClientError.Timeout', `Calling ${what}: no answer`, {
    action: what,
    requestId: null,
    attempts: 1,
    retryable: true,
  })
}

function refused(code: string, action: string): Error {
  return new TencentError(code, `${action}: refused`, {
    action,
    requestId: 'id',
    attempts: 1,
    retryable: false,
  })
}

async function list(
  world: World,
  process: Process,
  send: Send,
  application: Application,
  deadline: number,
): ReturnType<RotationDependencies['list']> {
  const { clock, random } = world
  const answer = await send(`DescribeAigcApiTokens ${application.subAppId}`, deadline, () => {
    const { views, tokens } = application
    const replica = random.between(0, views.length - 1)
    const view = Math.max(views[replica] ?? 0, clock.now() - random.between(0, lagMs))
    views[replica] = view
    const all = random.shuffle(tokens.filter((token) => isAlive(token, view)))
    const isShort = random.chance(world.faults.shortList)
    const listed = isShort ? all.slice(0, random.chance(0.3) ? 0 : Math.ceil(all.length / 2)) : all
    const seen: Answer = { names: new Set(listed.map((token) => token.fingerprint)), at: clock.now() }
    return {
      seen,
      apiTokens: listed.map(({ name }) => name),
      extInfos: listed.map(({ infos }) => infos.findLast(({ at }) => at <= view)?.value ?? ''),
      // In seconds, as HTTP dates are.
      date: Math.floor((epoch + clock.now() + world.tencentOffset) / 1000) * 1000,
    }
  })
  process.lists.set(application, answer.seen)
  guarded(world, () => world.witness.onList(process, application, answer.seen))
  world.trace(
    () => `${nameOf(process)} lists ${application.subAppId}: {${answer.apiTokens.map(fingerprint)}}`,
  )
  return {
    apiTokens: answer.apiTokens,
    extInfos: answer.extInfos,
    extInfosDropped: false,
    requestId: null,
    pick: null,
    ...(!random.chance(world.faults.noDate) && { answeredAt: answer.date }),
  }
}

function createChanges(world: World, process: Process, send: Send): RotationDependencies['change'] {
  const { clock, random } = world
  const now = clock.now
  const refuse = (action: string): void => {
    if (!random.chance(world.faults.refusal)) return
    world.troubles++
    throw refused(random.pick(['UnauthorizedOperation', 'FailedOperation', 'LimitExceeded']), action)
  }
  const find = (application: Application, name: string, action: string): Token => {
    const token = application.tokens.find((one) => one.name === name)
    if (!token || !isAlive(token, now())) throw refused('ResourceNotFound', action)
    return token
  }
  return {
    create(subAppId, deadline) {
      const application = applicationOf(world, subAppId)
      guarded(world, () => world.witness.onCreate(process, application))
      return send('CreateAigcApiToken', deadline, () => {
        refuse('CreateAigcApiToken')
        if (application.tokens.filter((token) => isAlive(token, now())).length >= cap)
          throw refused('LimitExceeded', 'CreateAigcApiToken')
        const token = addToken(world, application, process)
        world.trace(() => `${nameOf(process)} creates ${token.fingerprint}`)
        guarded(world, () => world.witness.onCreated(process, application, token))
        return token.name
      })
    },
    remove(subAppId, name, deadline) {
      const application = applicationOf(world, subAppId)
      const asked = application.tokens.find((one) => one.name === name)
      if (asked) guarded(world, () => world.witness.onRemoval(process, application, asked))
      return send('DeleteAigcApiToken', deadline, () => {
        refuse('DeleteAigcApiToken')
        const token = find(application, name, 'DeleteAigcApiToken')
        world.trace(() => `${nameOf(process)} deletes ${token.fingerprint}`)
        token.died = now()
        guarded(world, () => world.witness.onRemoved(process, application, token))
      })
    },
    setExtInfo(subAppId, name, value, deadline) {
      const application = applicationOf(world, subAppId)
      guarded(world, () => world.witness.onLimits(process))
      return send('UpdateAigcApiToken', deadline, () => {
        refuse('UpdateAigcApiToken')
        find(application, name, 'UpdateAigcApiToken').infos.push({ at: now(), value, by: process })
      })
    },
    textQuota(subAppId, name, deadline) {
      const application = applicationOf(world, subAppId)
      return send(
        'DescribeAigcQuotas',
        deadline,
        () =>
          application.tokens.find((token) => token.name === name && isAlive(token, now()))?.quotas.at(-1)
            ?.value ?? null,
      )
    },
    setTextQuota(subAppId, name, { limit, has }, deadline) {
      const application = applicationOf(world, subAppId)
      guarded(world, () => world.witness.onLimits(process))
      return send('ModifyAigcQuota', deadline, () => {
        refuse('ModifyAigcQuota')
        const token = find(application, name, 'ModifyAigcQuota')
        if ((token.quotas.at(-1)?.value !== null) !== has)
          throw refused('InvalidParameterValue', 'ModifyAigcQuota')
        token.quotas.push({ at: now(), value: limit, by: process })
      })
    },
  }
}

function openStore(world: World, process: Process, send: Send, target: Target): Store {
  const { clock } = world
  const application = world.applications.find(
    ({ record, targets }) => record.target === target || targets.some((one) => one.target === target),
  )
  const secret = [application?.record, ...(application?.targets ?? [])].find((one) => one?.target === target)
  if (!application || !secret) throw new Error(`Simulating: no secret ${target.uri}`)
  const call = <T>(what: string, deadline: number, effect: () => T): Promise<T> =>
    send(`${what} ${target.uri}`, deadline, () => {
      if (clock.now() < secret.downUntil)
        throw new StoreError('AccessDenied', `${what} ${target.uri}: forbidden`, target.uri)
      return effect()
    })
  const reading = (): Reading =>
    secret.value === null ? { state: 'absent' } : { state: 'value', marked: true, value: secret.value }
  const look = (deadline: number): Promise<Reading> => call('Reading', deadline, reading)
  const replace = (document: string): void => {
    world.trace(() => `${nameOf(process)} writes ${target.uri}: ${brief(document)}`)
    guarded(world, () =>
      secret === application.record
        ? world.witness.onRecord(process, application, document)
        : world.witness.onTarget(process, application, secret, document),
    )
    put(world, secret, document, process)
  }
  return {
    mostBytes: 1_000_000,
    hasMark: true,
    read: (deadline) =>
      call('Reading', deadline, () => {
        process.seen.set(secret, { at: clock.now(), value: secret.value })
        if (process.work.kind === 'rotate') secret.looks.push({ at: clock.now(), by: process })
        return reading()
      }),
    async write(document, seen, deadline) {
      if (secret.compares) {
        await call('Writing', deadline, () => {
          if (!isStill(reading(), seen)) throw overtaken(target)
          if (secret.value !== document) replace(document)
        })
        return
      }
      if (!isStill(await look(deadline), seen)) throw overtaken(target)
      await call('Writing', deadline, () => {
        if (!isStill(reading(), seen)) secret.isContested = true
        replace(document)
      })
      if (!isStill(await look(deadline), { state: 'value', marked: true, value: document }))
        throw overtaken(target)
    },
  }
}

/** A value in short, tokens by fingerprint. */
function brief(value: string): string {
  try {
    const { ApiToken, ApiTokens, Phase, Old, New, Doing, Intent, Failures, Leftovers, Missing } =
      JSON.parse(value)
    if (Phase === undefined) return `${fingerprint(ApiToken)} of {${ApiTokens.map(fingerprint)}}`
    const left = Leftovers.map(({ Fingerprint }: { Fingerprint: string }) => Fingerprint)
    return `${Phase} ${Old} -> ${New}, ${Doing}, ${Intent}, ${Failures} failures, left {${left}}, missing {${Object.keys(Missing)}}`
  } catch {
    return fingerprint(value)
  }
}

/**
 * One run of the rotation: of each application read the record, the list and the targets, plan one step, take it. A run may die
 * anywhere: what is about to be done is in the record before, and the next run goes on from there.
 */
import type { Config } from '../config.ts'
import { fingerprint } from '../digest.ts'
import { CodedError, TencentError } from '../errors.ts'
import { parseJson } from '../json.ts'
import { type Look, reportError } from '../mirror/report.ts'
import { lookAtTargets, type MirrorDependencies, runMirror } from '../mirror/run.ts'
import { judgeRecord, type RotationRecord, renderRecord, type Stamp } from '../stores/record.ts'
import { overtaken, type Reading, type Store, type Target } from '../stores/store.ts'
import type { Mirror } from '../stores/target.ts'
import type { ChangeTokens, TokenList } from '../tencent/vod.ts'
import { type Moment, momentOf, type Time, takeStep } from '../time.ts'
import {
  type Limits,
  planRotation,
  type RotationInput,
  type RotationRequest,
  type RotationSettings,
  type Step,
  toleranceMs,
  whyKept,
} from './plan.ts'
import {
  describeRotation,
  type RotationOutcome,
  type RotationReport,
  type RotationResult,
  type RotationState,
} from './report.ts'

/** An application, the secrets that mirror it, and where its record is. */
export interface Rotation {
  readonly mirror: Mirror & { readonly subAppId: number }
  readonly record: Target
}

export interface RotationOrder {
  readonly rotations: readonly Rotation[]
  readonly request: RotationRequest
  /** Plan only: nothing is written, created or deleted. */
  readonly dryRun: boolean
  /** When the function is stopped, on `Time.monotonic`. */
  readonly deadline: number
}

export interface RotationDependencies extends MirrorDependencies, Pick<Time, 'now'> {
  readonly change: ChangeTokens
  /** A name that nobody has used. */
  newIntent(): string
}

interface Run {
  readonly order: RotationOrder
  readonly config: Config
  readonly settings: RotationSettings
  readonly deps: RotationDependencies
  /** When it began to look at this application. */
  readonly began: Moment
}

/** Runs the rotation and reports; `rotationError` says whether the report is good news. */
export async function runRotation(
  order: RotationOrder,
  config: Config,
  deps: RotationDependencies,
): Promise<RotationReport> {
  const { settleSeconds, tokenLimit, rotation } = config
  const settings = { ...rotation, settleSeconds, tokenLimit }
  // One after the other: they are few, and a quarter of an hour comes again.
  const Results: RotationResult[] = []
  for (const one of order.rotations)
    Results.push(await rotate({ order, config, settings, deps, began: momentOf(deps) }, one))
  return { Results }
}

async function rotate(run: Run, rotation: Rotation): Promise<RotationResult> {
  const { order, config, settings } = run
  const { subAppId } = rotation.mirror
  const keeper = createKeeper(run, rotation.record)
  let input: RotationInput | null = null
  let step: Step | null = null
  const close = (outcome: RotationOutcome, reason: string): RotationResult => {
    const state: RotationState = {
      subAppId,
      outcome,
      step,
      record: keeper.record(),
      reason,
      now: input?.now ?? null,
    }
    return describeRotation(state, settings)
  }
  try {
    const application = { subAppId, site: config.site }
    const refused = await keeper.read(application)
    if (refused !== null) return close('held', `${rotation.record.uri}: ${refused}`)
    input = await observe(run, rotation, keeper.record())
    step = planRotation(input)
    if (order.dryRun) return close(wouldBe[step.kind], step.reason)
    step = await take(run, rotation, { input, keeper, step })
    return close(outcomeOf[step.kind], step.reason)
  } catch (error) {
    const doing = step === null || step.kind === 'note' ? '' : `, while ${step.reason}`
    return close('failed', `${messageOf(error)}${doing}`)
  }
}

const outcomeOf: Readonly<Record<Step['kind'], RotationOutcome>> = {
  wait: 'waiting',
  hold: 'held',
  refuse: 'refused',
  note: 'advanced',
  create: 'advanced',
  copy: 'advanced',
  promote: 'advanced',
  delete: 'advanced',
  ask: 'would-advance',
}
const wouldBe: typeof outcomeOf = {
  ...outcomeOf,
  wait: 'would-wait',
  hold: 'would-hold',
  refuse: 'would-refuse',
  note: 'would-advance',
  create: 'would-advance',
  copy: 'would-advance',
  promote: 'would-advance',
  delete: 'would-advance',
}

/** What is listed, what the targets hold, and how the two tokens at stake are limited. */
async function observe(run: Run, rotation: Rotation, record: RotationRecord | null): Promise<RotationInput> {
  const { order, config, settings, deps } = run
  const { subAppId } = rotation.mirror
  const { list, targets } = await look(run, rotation)
  if (list.answeredAt === undefined)
    throw new CodedError(
      'NoDate',
      'Listing the tokens: the answer has no Date, by which waits are kept as by the clock of this machine; check what answers in ' +
        'place of Tencent (AIGC_VOD_ENDPOINT, a proxy)',
    )
  const listed = new Set(list.apiTokens.map(fingerprint))
  const isMadeReady =
    record?.phase === 'warming' && listed.has(record.old ?? '') && listed.has(record.new ?? '')
  return {
    application: { subAppId, site: config.site },
    request: order.request,
    record,
    now: { own: deps.now(), tencent: list.answeredAt },
    listed,
    excluded: config.exclude,
    targets,
    limits: isMadeReady ? await compareLimits(run, subAppId, pairOf(list, record)) : null,
    settings,
    intent: deps.newIntent(),
  }
}

/** The newest list, and the targets as they are judged by it. */
async function look(
  { order, config, deps }: Run,
  { mirror }: Rotation,
): Promise<{ readonly list: TokenList; readonly targets: readonly Look[] }> {
  const { timeoutMs } = config
  const attempt = { timeoutMs, deadline: order.deadline, attempt: 'Listing the tokens' }
  const list = await takeStep(deps, attempt, (deadline) => deps.list(mirror.subAppId, deadline))
  const same = { ...deps, list: async () => list }
  return { list, targets: await lookAtTargets(mirror, order.deadline, config, same) }
}

/** The old token and the new one, and what the list tells of them. */
interface Pair {
  readonly old: Listed
  readonly new: Listed
  /** Whether the list came without what belongs to it. */
  readonly isCut: boolean
}
interface Listed {
  readonly token: string
  /** JSON text; empty for none. */
  readonly extInfo: string
}

function pairOf({ apiTokens, extInfos, extInfosDropped }: TokenList, record: RotationRecord): Pair {
  const find = (name: string | null): Listed => {
    const index = apiTokens.findIndex((token) => fingerprint(token) === name)
    return { token: apiTokens[index] ?? '', extInfo: extInfos?.[index] ?? '' }
  }
  return { old: find(record.old), new: find(record.new), isCut: extInfosDropped }
}

async function compareLimits(run: Run, subAppId: number, pair: Pair): Promise<Limits> {
  if (pair.isCut) return { kind: 'unknown', reason: 'Tencent sent ExtInfos that do not fit its ApiTokens' }
  try {
    const quotas = await quotasOf(run, subAppId, pair)
    const what = [
      ...(isSameInfo(pair) ? [] : ['its ExtInfo']),
      ...(quotas.old === null || quotas.old === quotas.new ? [] : ['its text quota']),
    ]
    return what.length === 0 ? { kind: 'same' } : { kind: 'different', what: what.join(' and ') }
  } catch (error) {
    return { kind: 'unknown', reason: messageOf(error) }
  }
}

async function quotasOf(
  { order, config, deps }: Run,
  subAppId: number,
  pair: Pair,
): Promise<{ readonly old: number | null; readonly new: number | null }> {
  const quotaOf = ({ token }: Listed): Promise<number | null> =>
    takeStep(
      deps,
      { timeoutMs: config.timeoutMs, deadline: order.deadline, attempt: 'Reading the text quota' },
      (deadline) => deps.change.textQuota(subAppId, token, deadline),
    )
  return { old: await quotaOf(pair.old), new: await quotaOf(pair.new) }
}

/** Whether two JSON texts say the same, or both nothing. */
function isSameInfo(pair: Pair): boolean {
  const [old, own] = [pair.old, pair.new].map(({ extInfo }) =>
    canonical(parseJson(extInfo || '{}') ?? extInfo),
  )
  return old === own
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  )
}

/**
 * Throws where the calendar and the other clock have gone apart since the run began: then it stood still, as a frozen process does,
 * and others may have gone on meanwhile; or a clock was set, and what it would take down is wrong.
 */
function expectAwake({ began, deps }: Run): void {
  const apartMs = deps.now() - began.now - (deps.monotonic() - began.monotonic)
  if (Math.abs(apartMs) <= toleranceMs) return
  throw new CodedError(
    'ClockJumped',
    'this run stood still, or the clock of its machine was set meanwhile, so it goes no further; a later run looks anew',
  )
}

/** What a run writes targets with: no further than {@link expectAwake} lets it. */
function awake(run: Run): MirrorDependencies {
  const { deps } = run
  return {
    ...deps,
    openStore(target) {
      const store = deps.openStore(target)
      return {
        ...store,
        async write(document, seen, deadline) {
          expectAwake(run)
          await store.write(document, seen, deadline)
        },
      }
    },
  }
}

interface Taken {
  readonly input: RotationInput
  readonly keeper: Keeper
  readonly step: Step
}

/** Takes a step; gives it back as it was taken, with the sentence that tells. Throws where it was not, or not to its end. */
async function take(run: Run, rotation: Rotation, taken: Taken): Promise<Step> {
  const { step, keeper } = taken
  switch (step.kind) {
    case 'refuse':
    case 'ask':
      return step
    case 'wait':
    case 'hold':
      if (step.record) await keeper.write(step.record)
      return step
    case 'note':
      await keeper.write(step.record)
      return step
    case 'create':
      return { ...step, reason: await create(run, rotation, keeper, step) }
    case 'copy':
      await keeper.write(step.record)
      await copyLimits(run, rotation, step.record)
      return step
    case 'promote':
      await promote(run, rotation, taken, step)
      return step
    case 'delete':
      return remove(run, rotation, taken, step)
  }
}

type StepOf<Kind extends Step['kind']> = Extract<Step, { readonly kind: Kind }>

async function create(
  run: Run,
  { mirror: { subAppId } }: Rotation,
  keeper: Keeper,
  step: StepOf<'create'>,
): Promise<string> {
  const { order, config, deps } = run
  await keeper.write(step.record)
  expectAwake(run)
  let token: string
  try {
    token = await takeStep(
      deps,
      { timeoutMs: config.timeoutMs, deadline: order.deadline, attempt: 'Creating a token' },
      (deadline) => deps.change.create(subAppId, deadline),
    )
  } catch (error) {
    if (!isRefusal(error))
      throw new CodedError(
        'CreateUnanswered',
        `${messageOf(error)}; whether a token was created shows when Tencent lists it, and a later run goes on from there`,
      )
    await keeper.write(step.refused)
    throw error
  }
  const name = fingerprint(token)
  await keeper.write({ ...step.record, new: name })
  return `${name} was created and takes the place of ${step.record.old} once it is listed, mirrored and warm`
}

/** Whether an error says that nothing was done, for sure: Tencent's own, and none of those that may pass. */
function isRefusal(error: unknown): boolean {
  return error instanceof TencentError && !error.retryable && !error.code.startsWith('ClientError.')
}

async function copyLimits(run: Run, rotation: Rotation, record: RotationRecord): Promise<void> {
  const { order, config, deps } = run
  const { subAppId } = rotation.mirror
  const { list } = await look(run, rotation)
  const pair = pairOf(list, record)
  if (pair.old.token === '' || pair.new.token === '' || pair.isCut)
    throw new CodedError(
      'ListChanged',
      'Copying limits: Tencent no longer lists both tokens with their ExtInfos',
    )
  const change = (attempt: string, work: (deadline: number) => Promise<void>): Promise<void> => {
    expectAwake(run)
    return takeStep(deps, { timeoutMs: config.timeoutMs, deadline: order.deadline, attempt }, work)
  }
  if (!isSameInfo(pair))
    await change('Copying ExtInfo', (deadline) =>
      deps.change.setExtInfo(subAppId, pair.new.token, pair.old.extInfo || '{}', deadline),
    )
  const { old: limit, new: own } = await quotasOf(run, subAppId, pair)
  if (limit !== null && limit !== own)
    await change('Copying the text quota', (deadline) =>
      deps.change.setTextQuota(subAppId, pair.new.token, { limit, has: own !== null }, deadline),
    )
}

async function promote(
  run: Run,
  { mirror }: Rotation,
  { input, keeper }: Taken,
  step: StepOf<'promote'>,
): Promise<void> {
  const { order, config, deps } = run
  await keeper.write(step.before)
  expectAwake(run)
  const seen = deps.monotonic()
  const request = {
    mirrors: [mirror],
    dryRun: false,
    confirm: null,
    promote: step.token,
    deadline: order.deadline,
  }
  const failure = reportError(await runMirror(request, config, awake(run)))
  if (failure) throw failure
  // Consumers were moved now, and not when the run began.
  const now: Stamp = { own: deps.now(), tencent: input.now.tencent + deps.monotonic() - seen }
  const isForward = step.record.phase === 'promoted'
  await keeper.write({ ...step.record, since: now, ...(isForward && { rotated: now }) })
}

async function remove(
  run: Run,
  rotation: Rotation,
  { input, keeper }: Taken,
  step: StepOf<'delete'>,
): Promise<Step> {
  const { order, config, deps } = run
  const { subAppId } = rotation.mirror
  if (step.before !== null) await keeper.write(step.before)
  // Somebody may have moved consumers meanwhile.
  const { list, targets } = await look(run, rotation)
  const reason = whyKept({ ...input, listed: new Set(list.apiTokens.map(fingerprint)), targets }, step.token)
  const isPointedTo = targets.some(({ pick }) => pick === step.token)
  if (isPointedTo && step.pointed !== null) await keeper.write(step.pointed)
  if (reason !== null) throw new CodedError('NotDeleted', `Deleting ${step.token}: ${reason}, so it was left`)
  const token = list.apiTokens.find((one) => fingerprint(one) === step.token)
  if (token === undefined)
    return { kind: 'wait', reason: `Tencent does not list ${step.token}; a second look settles it` }
  expectAwake(run)
  try {
    await takeStep(
      deps,
      { timeoutMs: config.timeoutMs, deadline: order.deadline, attempt: `Deleting ${step.token}` },
      (deadline) => deps.change.remove(subAppId, token, deadline),
    )
  } catch (error) {
    if (isRefusal(error) && step.refused !== null) await keeper.write(step.refused)
    throw error
  }
  return step
}

/** Reads and writes the record of one application. */
interface Keeper {
  /** As it stands in its target, as far as this run knows. */
  record(): RotationRecord | null
  /** Gives the reason where the target must not be touched. */
  read(application: { readonly subAppId: number; readonly site: Config['site'] }): Promise<string | null>
  /** Writes a record, where it is another, in place of the one that was read last, and reads it back. Throws where another run was faster. */
  write(record: RotationRecord): Promise<void>
}

function createKeeper(run: Run, target: Target): Keeper {
  const { order, config, deps } = run
  const store: Store = deps.openStore(target)
  let record: RotationRecord | null = null
  let reading: Reading = { state: 'absent' }
  const step = <T>(attempt: string, work: (deadline: number) => Promise<T>): Promise<T> =>
    takeStep(
      deps,
      { timeoutMs: config.timeoutMs, deadline: order.deadline, attempt: `${attempt} ${target.uri}` },
      work,
    )
  return {
    record: () => record,
    async read(application) {
      reading = await step('Reading', (deadline) => store.read(deadline))
      const judged = judgeRecord(application, reading)
      if (judged.kind === 'refused') return judged.reason
      record = judged.record
      return null
    },
    async write(next) {
      const text = renderRecord(next)
      expectAwake(run)
      if (reading.state !== 'value' || reading.value !== text)
        await step('Writing', (deadline) => store.write(text, reading, deadline))
      const found = await step('Reading', (deadline) => store.read(deadline))
      if (found.state !== 'value' || found.value !== text) throw overtaken(target)
      reading = found
      record = next
    },
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Brings a function into the state that a plan wants, one call at a time; clock and sleep are lent. */
import { CodedError, TencentError } from '../../lib/errors.ts'
import type { CallTencent } from '../../lib/tencent/client.ts'
import { advise } from './advice.ts'
import type { Plan, Step } from './plan.ts'
import { busyStates, type FunctionState, isBusy, readFunction } from './state.ts'
import type { WantedFunction } from './wanted.ts'

export const scfApi = { service: 'scf', version: '2018-04-16' } as const

/** Calls of one product, the time, and who is told. */
export interface Scf {
  readonly call: CallTencent
  /** Epoch milliseconds. */
  monotonic(): number
  sleep(ms: number): Promise<void>
  /** Told of each step before it is made and when it is done. */
  say(what: string, progress: 'begun' | 'done' | 'not done'): void
}

type Identity = Pick<WantedFunction, 'name' | 'namespace'>

/** A step that cannot be completed; the message names it, SCF's code and request id, and what to do. */
export class DeployError extends CodedError {}

/** For one call with its retries; the code of a function is under a megabyte. */
export const callMs = 60_000
/** How long SCF may take to create, update or delete. */
const busyMs = 300_000
/** How often the state is looked at while it does: the first pause, doubled up to the longest. */
const firstPauseMs = 100
const longestPauseMs = 4_000
/** How often in a row a call may be refused because of a state that does not show, or what was made may not show. */
const maxConflicts = 7

/** The function once nothing is going on with it, or `null` when there is none. */
export async function readSettled({ name, namespace }: Identity, scf: Scf): Promise<FunctionState | null> {
  const identity = { FunctionName: name, Namespace: namespace }
  const deadline = scf.monotonic() + busyMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    const state = await readState(identity, scf)
    if (!state || !isBusy(state)) return state
    if (scf.monotonic() + pauseMs > deadline)
      throw new DeployError(
        'Timeout',
        `waiting for function ${name}: it is ${state.status} for more than ${busyMs / 1000} s; ` +
          'look at it in the SCF console, then run this again',
      )
    await scf.sleep(pauseMs)
  }
}

/** Brings a function into the state of its plan; see {@link repeat}. Returns what then stands. */
export async function bringInStep(
  identity: Identity,
  plan: (state: FunctionState | null) => Plan,
  scf: Scf,
): Promise<FunctionState | null> {
  return repeat(
    {
      product: 'SCF',
      read: () => readSettled(identity, scf),
      plan,
      isConflict,
      check(step, before, after) {
        if (after?.status.endsWith('Failed') && after.status !== before?.status)
          throw unsuccessful(step, after)
      },
      unsuccessful,
    },
    scf,
  )
}

/** Something on Tencent that a plan is about. */
export interface Subject<State> {
  /** For messages, such as `SCF`. */
  readonly product: string
  read(): Promise<State>
  plan(state: State): Plan
  /** Whether a call was refused only because of a state that passes, or that has been reached already. */
  isConflict(error: unknown): boolean
  /** Throws where the step that was just made failed after all. */
  check?(step: Step, before: State, after: State): void
  /** The error for a step that was accepted and yet remains; where there is none, it may take a while to show. */
  unsuccessful?(step: Step, state: State): DeployError
}

/**
 * Makes the first step of the plan for what stands, until no step remains; returns what then stands. Looking again
 * after each step is what makes an answer that got lost, a run that died and a run beside this one harmless.
 */
export async function repeat<State>(subject: Subject<State>, scf: Scf): Promise<State> {
  const done = new Set<string>()
  let conflicts = 0
  const pause = (): Promise<void> => scf.sleep(Math.min(longestPauseMs, firstPauseMs * 2 ** (conflicts - 1)))
  let state = await subject.read()
  for (;;) {
    const { steps, refusals } = subject.plan(state)
    if (refusals.length > 0) throw new DeployError('Refused', refusals.join('\n'))
    const [first] = steps
    if (!first) return state
    const step = steps.find((one) => !(one.unseen && done.has(keyOf(one))))
    if (!step || done.has(keyOf(step))) {
      if (subject.unsuccessful) throw subject.unsuccessful(step ?? first, state)
      if (++conflicts > maxConflicts)
        throw new DeployError(
          'Unsuccessful',
          `${first.what}: ${subject.product} accepted this and does not show it; look at it in its console, then run this again`,
        )
      await pause()
      state = await subject.read()
      continue
    }
    scf.say(step.what, 'begun')
    try {
      await make(step, scf)
      done.add(keyOf(step))
      const before = state
      state = await subject.read()
      subject.check?.(step, before, state)
      conflicts = 0
      scf.say(step.what, 'done')
    } catch (error) {
      scf.say(step.what, 'not done')
      if (!subject.isConflict(error) || ++conflicts > maxConflicts) throw failed(step.what, error)
      await pause()
      state = await subject.read()
    }
  }
}

async function make(
  { action, parameters, instead }: Step,
  scf: Pick<Scf, 'call' | 'monotonic'>,
): Promise<void> {
  try {
    await scf.call(action, parameters, scf.monotonic() + callMs)
  } catch (error) {
    if (!instead || !isCode(error, instead.code)) throw error
    await make(instead.step, scf)
  }
}

/** A plan has each step once, though in other words when only a part of it remains. */
function keyOf({ action, parameters }: Step): string {
  return `${action} ${parameters['TriggerName'] ?? parameters['AlarmId'] ?? parameters['Name'] ?? ''}`
}

async function readState(
  identity: Readonly<Record<string, string>>,
  scf: Scf,
): Promise<FunctionState | null> {
  const what = `reading function ${identity['FunctionName']}`
  try {
    const deadline = scf.monotonic() + callMs
    const answer = await scf.call('GetFunction', { ...identity, ShowCode: 'FALSE' }, deadline)
    const bare = readFunction(answer, {})
    if (isBusy(bare)) return bare
    const triggers = await scf.call('ListTriggers', { ...identity, Limit: 100 }, deadline)
    if (bare.type !== 'Event' || bare.status !== 'Active') return readFunction(answer, triggers)
    try {
      return readFunction(
        answer,
        triggers,
        await scf.call('GetFunctionEventInvokeConfig', identity, deadline),
      )
    } catch (error) {
      if (!isCode(error, 'FailedOperation.FunctionVersionStatusNotActive')) throw error
      // Somebody began to change it between the two answers.
      return { ...bare, status: 'Updating' }
    }
  } catch (error) {
    if (isCode(error, 'ResourceNotFound.Function', 'ResourceNotFound.FunctionName')) return null
    throw failed(what, error)
  }
}

/** Whether a call was refused only because of a state that passes, or that has been reached already. */
function isConflict(error: unknown): boolean {
  if (namesBusyState(error)) return true
  return isCode(
    error,
    'ResourceInUse.Function',
    'ResourceInUse.FunctionName',
    'ResourceInUse.Trigger',
    'ResourceInUse.TriggerName',
    'ResourceNotFound.Function',
    'ResourceNotFound.FunctionName',
    'ResourceNotFound.Trigger',
    'ResourceNotFound.Timer',
    'FailedOperation.FunctionStatusError',
    'FailedOperation.FunctionNameStatusError',
    'FailedOperation.FunctionVersionStatusNotActive',
    'FailedOperation.OperationConflict',
    'FailedOperation.CreateTrigger',
    'FailedOperation.DeleteTrigger',
    'FailedOperation.DeleteFunction',
    'FailedOperation.UpdateFunctionCode',
  )
}

/**
 * Whether SCF says in words that the function is busy. Some of its codes stand for that and for what will not pass too:
 * `FailedOperation.UpdateFunctionConfiguration` also answers a change of the runtime. The sentences are those that
 * others met: https://github.com/qkqpttgf/OneDrive_SCF/issues/41 and /51.
 */
function namesBusyState(error: unknown): boolean {
  if (!(error instanceof TencentError)) return false
  const { code, message } = error
  if (code === 'UnauthorizedOperation.FunctionStatus') return !/Failed\b/.test(message)
  if (!code.startsWith('FailedOperation')) return false
  return busyWords.test(message) || message.includes('当前函数状态无法进行此操作')
}

const busyWords = new RegExp(`\\b(${busyStates.join('|')})\\b`)

/** Whether an error is one of Tencent's with one of the codes. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof TencentError && codes.includes(error.code)
}

/** The error of a call that failed, with what was tried and what to do about it. */
export function failed(what: string, error: unknown): unknown {
  if (!(error instanceof TencentError)) return error
  const advice = advise(error.code)
  return new DeployError(error.code, `${what}: ${error.message}${advice && `; ${advice}`}`)
}

/** SCF accepted the step, and yet it remains to be done. */
function unsuccessful(step: Step, state: FunctionState | null): DeployError {
  const now = state ? `it is ${state.status}${state.reason && ` (${state.reason})`}` : 'it does not exist'
  return new DeployError(
    'Unsuccessful',
    `${step.what}: SCF accepted this, but the function is not as it should be: ${now}; ` +
      'look at it in the SCF console, then run this again',
  )
}

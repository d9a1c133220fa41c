/** Brings a function into the state that a plan wants, one call at a time; clock and sleep are lent. */
import { CodedError, TencentError } from '../../lib/errors.ts'
import type { CallTencent } from '../../lib/tencent/client.ts'
import { advise } from './advice.ts'
import type { Plan, Step } from './plan.ts'
import { busyStates, type FunctionState, isBusy, readFunction } from './state.ts'
import type { WantedFunction } from './wanted.ts'

export const scfApi = { service: 'scf', version: '2018-04-16' } as const

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
const callMs = 60_000
/** How long SCF may take to create, update or delete. */
const busyMs = 300_000
/** How often the state is looked at while it does: the first pause, doubled up to the longest. */
const firstPauseMs = 100
const longestPauseMs = 4_000
/** How often SCF may refuse a call because of a state that `GetFunction` does not show. */
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

/**
 * Makes the first step of the plan for what stands, until no step remains; returns what then stands. Looking again
 * after each step is what makes an answer that got lost, a run that died and a run beside this one harmless.
 */
export async function bringInStep(
  identity: Identity,
  plan: (state: FunctionState | null) => Plan,
  scf: Scf,
): Promise<FunctionState | null> {
  const done = new Set<string>()
  let conflicts = 0
  let state = await readSettled(identity, scf)
  for (;;) {
    const { steps, refusals } = plan(state)
    if (refusals.length > 0) throw new DeployError('Refused', refusals.join('\n'))
    if (steps.length === 0) return state
    const step = steps.find((one) => !(one.unseen && done.has(keyOf(one))))
    if (!step || done.has(keyOf(step))) throw unsuccessful(step ?? steps[0], state)
    scf.say(step.what, 'begun')
    try {
      await make(step, scf)
      done.add(keyOf(step))
      const before = state?.status
      state = await readSettled(identity, scf)
      if (state?.status.endsWith('Failed') && state.status !== before) throw unsuccessful(step, state)
      scf.say(step.what, 'done')
    } catch (error) {
      scf.say(step.what, 'not done')
      if (!isConflict(error) || ++conflicts > maxConflicts) throw failed(step.what, error)
      await scf.sleep(Math.min(longestPauseMs, firstPauseMs * 2 ** (conflicts - 1)))
      state = await readSettled(identity, scf)
    }
  }
}

async function make({ action, parameters, instead }: Step, scf: Scf): Promise<void> {
  try {
    await scf.call(action, parameters, scf.monotonic() + callMs)
  } catch (error) {
    if (!instead || !isCode(error, instead.code)) throw error
    await make(instead.step, scf)
  }
}

/** A plan has each step once, though in other words when only a part of it remains. */
function keyOf({ action, parameters }: Step): string {
  return `${action} ${parameters['TriggerName'] ?? ''}`
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

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof TencentError && codes.includes(error.code)
}

function failed(what: string, error: unknown): unknown {
  if (!(error instanceof TencentError)) return error
  const advice = advise(error.code)
  return new DeployError(error.code, `${what}: ${error.message}${advice && `; ${advice}`}`)
}

/** SCF accepted the step, and yet it remains to be done. */
function unsuccessful(step: Step | undefined, state: FunctionState | null): DeployError {
  const now = state ? `it is ${state.status}${state.reason && ` (${state.reason})`}` : 'it does not exist'
  return new DeployError(
    'Unsuccessful',
    `${step?.what}: SCF accepted this, but the function is not as it should be: ${now}; ` +
      'look at it in the SCF console, then run this again',
  )
}

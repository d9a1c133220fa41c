/** How `npm run deploy:scf` makes its steps, against the simulator's SCF, when somebody else is at it too. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { advise } from '../../deploy/scf/advice.ts'
import { bringInStep, readSettled, type Scf, scfApi } from '../../deploy/scf/apply.ts'
import { planDeployment } from '../../deploy/scf/plan.ts'
import type { WantedFunction } from '../../deploy/scf/wanted.ts'
import { systemTime } from '../../handlers/time.ts'
import { type CallTencent, createTencentClient } from '../../lib/tencent/client.ts'
import { createTransport } from '../../lib/tencent/transport.ts'
import { type Call, startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'

const region = 'ap-singapore'
/** An empty zip. */
const code = { base64: 'UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==', sha256: 'a'.repeat(64) }
const wanted: WantedFunction = {
  function: 'list-tokens',
  name: 'vod-aigc-tokens-dev-list-tokens',
  namespace: 'default',
  memoryMb: 256,
  timeoutSeconds: 15,
  role: 'vod-aigc-tokens',
  environment: { AIGC_HTTP_AUTH: 'platform' },
  trigger: { type: 'http', auth: 'CAM' },
}
const identity = { FunctionName: wanted.name, Namespace: wanted.namespace }

/** A function that stands, with another size than wanted. */
async function start(now = Date.now): Promise<{ simulator: TencentSimulator; scf: Scf }> {
  const simulator = await startTencentSimulator({ now })
  simulator.scf.delayMs = 0
  onTestFinished(() => simulator.close())
  const { secretId, secretKey } = simulator
  const deps = {
    send: createTransport(),
    credentials: () => ({ secretId, secretKey }),
    ...systemTime,
  }
  const call = createTencentClient({ ...scfApi, endpoint: simulator.url, region }, deps)
  const scf: Scf = { ...deps, call, say: () => {} }
  await bringInStep(wanted, (state) => planDeployment(wanted, code, state), scf)
  simulator.scf.set(region, wanted.name, { MemorySize: 128 })
  return { simulator, scf }
}

/** Brings it in step; returns the calls of `action` and what came of them. */
async function bring(simulator: TencentSimulator, scf: Scf, action: string): Promise<string[]> {
  const before = simulator.calls.length
  const outcomes = (): string[] =>
    simulator.calls
      .slice(before)
      .filter((call: Call) => call.action === action)
      .map(({ outcome }) => outcome)
  await bringInStep(wanted, (state) => planDeployment(wanted, code, state), scf).catch((error) => {
    throw Object.assign(error, { outcomes: outcomes() })
  })
  return outcomes()
}

describe('bringInStep', () => {
  it('waits when somebody else began an update between its look and its step', async () => {
    let ahead = 0
    const { simulator, scf } = await start(() => Date.now() + ahead)
    const action = 'UpdateFunctionConfiguration'
    let calls = 0
    const call: CallTencent = async (name, ...rest) => {
      if (name !== action || calls++ > 0) return scf.call(name, ...rest)
      simulator.scf.delayMs = 60_000
      await scf.call(action, { ...identity, Timeout: 30 }, systemTime.monotonic() + 60_000)
      return scf.call(name, ...rest).finally(() => {
        ahead = simulator.scf.delayMs
        simulator.scf.delayMs = 0
      })
    }
    expect(await bring(simulator, { ...scf, call }, action)).toEqual([
      'ok',
      'FailedOperation.UpdateFunctionConfiguration',
      'ok',
    ])
    expect(simulator.scf.functions(region)).toMatchObject([{ MemorySize: 256, Timeout: 15 }])
  })

  it.each([
    ['FailedOperation.UpdateFunctionConfiguration', '当前函数处于Updating状态，无法进行此操作，请稍后重试。'],
    ['FailedOperation.UpdateFunctionConfiguration', 'The function is in Creating state, try again later.'],
    ['FailedOperation', 'The current status of the function is Publishing.'],
    ['FailedOperation.FunctionStatusError', 'The function cannot be changed now.'],
  ])('takes %s (%s) for a state that passes', async (code, message) => {
    const { simulator, scf } = await start()
    const action = 'UpdateFunctionConfiguration'
    simulator.fail({ kind: 'error', code, message }, 2, action)
    expect(await bring(simulator, scf, action)).toEqual([code, code, 'ok'])
  })

  it.each([
    ['FailedOperation.UpdateFunctionConfiguration', 'The runtime cannot be changed.'],
    ['InvalidParameterValue', 'There is no parameter Updating.'],
  ])('does not repeat what %s (%s) refuses for good', async (code, message) => {
    const { simulator, scf } = await start()
    const action = 'UpdateFunctionConfiguration'
    simulator.fail({ kind: 'error', code, message }, 1, action)
    await expect(bring(simulator, scf, action)).rejects.toMatchObject({ code, outcomes: [code] })
    expect(await readSettled(wanted, scf)).toMatchObject({ memoryMb: 128, status: 'Active' })
  })
})

describe('advise', () => {
  it.each([
    ['ResourceNotFound.RoleCheck', '--role'],
    ['ResourceNotFound.Role', '--role'],
    ['InvalidParameter.RoleCheck', '--role'],
    ['FailedOperation.QcsRoleNotFound', 'SCF_QcsRole'],
    ['UnauthorizedOperation.Role', 'SCF_QcsRole'],
  ])('says what to do about %s', (code, advice) => {
    expect(advise(code)).toContain(advice)
  })
})

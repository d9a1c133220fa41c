/** How `npm run deploy:scf` makes its steps, against the simulator's SCF, when somebody else is at it too. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { advise } from '../../deploy/scf/advice.ts'
import { bringInStep, readSettled, type Scf, scfApi } from '../../deploy/scf/apply.ts'
import { planDeployment, planRemoval, planReplacement } from '../../deploy/scf/plan.ts'
import { type Get, waitUntilReady } from '../../deploy/scf/ready.ts'
import { nameEarlierFunction, type WantedFunction } from '../../deploy/scf/wanted.ts'
import { logsetName, nameAlarms, type Watch } from '../../deploy/scf/watch.ts'
import { bringWatchInStep, clsApi, readWatch } from '../../deploy/scf/watch-apply.ts'
import { planAlarms, planSilence, planTopic } from '../../deploy/scf/watch-plan.ts'
import { systemTime } from '../../handlers/time.ts'
import { type CallTencent, createTencentClient } from '../../lib/tencent/client.ts'
import { createTransport } from '../../lib/tencent/transport.ts'
import { simulatedNotice } from '../../simulator/cls.ts'
import { type Call, startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'

const region = 'ap-singapore'
/** An empty zip. */
const code = { base64: 'UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==', sha256: 'a'.repeat(64) }
const wanted: WantedFunction = {
  function: 'list-tokens',
  name: 'vod-aigc-tokens-dev-list-web',
  namespace: 'default',
  type: 'HTTP',
  runtimes: ['Nodejs20.19'],
  memoryMb: 256,
  timeoutSeconds: 15,
  role: 'vod-aigc-tokens',
  environment: { AIGC_HTTP_AUTH: 'platform' },
  trigger: { type: 'http', auth: 'CAM' },
  eventInvoke: null,
  delivery: null,
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
    ['FailedOperation.UpdateFunctionConfiguration', '当前函数状态无法进行此操作，请在函数状态正常时重试。'],
    [
      'UnauthorizedOperation.FunctionStatus',
      'Function status Updating is not allowed to do UpdateFunctionConfiguration.',
    ],
    ['UnauthorizedOperation.FunctionStatus', 'The status of the function does not allow this.'],
    ['FailedOperation.FunctionStatusError', 'The function cannot be changed now.'],
  ])('takes %s (%s) for a state that passes', async (code, message) => {
    const { simulator, scf } = await start()
    const action = 'UpdateFunctionConfiguration'
    simulator.fail({ kind: 'error', code, message }, 2, action)
    expect(await bring(simulator, scf, action)).toEqual([code, code, 'ok'])
  })

  it.each([
    ['FailedOperation.UpdateFunctionConfiguration', 'The runtime cannot be changed.'],
    [
      'FailedOperation.UpdateFunctionConfiguration',
      '当前函数处于CreateFailed状态，无法进行此操作，请稍后重试。',
    ],
    ['UnauthorizedOperation.FunctionStatus', 'Function status CreateFailed is not allowed to do this.'],
    ['UnauthorizedOperation.CAM', 'Not while it is Updating.'],
    ['InvalidParameterValue', 'There is no parameter Updating.'],
  ])('does not repeat what %s (%s) refuses for good', async (code, message) => {
    const { simulator, scf } = await start()
    const action = 'UpdateFunctionConfiguration'
    simulator.fail({ kind: 'error', code, message }, 1, action)
    await expect(bring(simulator, scf, action)).rejects.toMatchObject({ code, outcomes: [code] })
    expect(await readSettled(wanted, scf)).toMatchObject({ memoryMb: 128, status: 'Active' })
  })
})

describe('bringInStep, of a function that is made,', () => {
  const name = 'vod-aigc-tokens-dev-mirror-tokens'
  const newest: WantedFunction = {
    ...{ ...wanted, name, function: 'mirror-tokens', type: 'Event' },
    runtimes: ['Nodejs24.11', 'Nodejs22.21', 'Nodejs20.19'],
    trigger: { type: 'timer', cron: '0 */5 * * * * *' },
    eventInvoke: { retries: 1, ttlSeconds: 300 },
  }

  it.each([[['Nodejs24.11', 'Nodejs22.21']], [['Nodejs22.21']], [[]]])(
    'takes the newest runtime where SCF also has %j',
    async (others) => {
      const { simulator, scf } = await start()
      for (const one of others) simulator.scf.runtimes.add(one)
      const plan = (state: Parameters<typeof planDeployment>[2]) => planDeployment(newest, code, state)
      const state = await bringInStep(newest, plan, scf)
      expect(state?.runtime).toBe(others[0] ?? 'Nodejs20.19')
      expect(plan(state).steps).toEqual([])
    },
  )

  it('makes it on nothing where SCF has none of them', async () => {
    const { simulator, scf } = await start()
    simulator.scf.runtimes.clear()
    await expect(
      bringInStep(newest, (state) => planDeployment(newest, code, state), scf),
    ).rejects.toMatchObject({
      code: 'InvalidParameterValue.Runtime',
    })
    expect(simulator.scf.functions(region)).toHaveLength(1)
  })

  it('reads its event configuration once nobody changes it any more', async () => {
    let ahead = 0
    const { simulator, scf } = await start(() => Date.now() + ahead)
    await bringInStep(newest, (state) => planDeployment(newest, code, state), scf)
    let began = false
    const call: CallTencent = async (action, ...rest) => {
      if (action === 'GetFunctionEventInvokeConfig' && !began) {
        began = true
        simulator.scf.delayMs = 60_000
        const change = { FunctionName: name, Timeout: 30 }
        await scf.call('UpdateFunctionConfiguration', change, systemTime.monotonic() + 60_000)
        return scf.call(action, ...rest).finally(() => {
          ahead = simulator.scf.delayMs
        })
      }
      return scf.call(action, ...rest)
    }
    expect(await readSettled(newest, { ...scf, call })).toMatchObject({
      timeoutSeconds: 30,
      eventInvoke: { retries: 1, ttlSeconds: 300 },
    })
  })
})

const keys: WantedFunction = {
  ...wanted,
  environment: { AIGC_HTTP_AUTH: 'keys', AIGC_API_KEYS: 'a' },
  trigger: { type: 'http', auth: 'NONE' },
}

/** What is wrong with how the functions ask their callers, at this moment. */
function misguarded({ scf }: TencentSimulator): string[] {
  return scf.functions(region).flatMap(({ FunctionName, Environment, Triggers }) =>
    Triggers.filter(({ Type }) => Type === 'http').flatMap(({ TriggerDesc }) => {
      const open = JSON.parse(TriggerDesc).AuthType === 'NONE'
      const asks = Environment['AIGC_HTTP_AUTH'] === 'keys'
      return open === asks ? [] : [`${FunctionName} is ${open ? 'open without' : 'behind CAM with'} keys`]
    }),
  )
}

/** A caller that dies with its `nth` write, after SCF has done it, and looks at the account after each. */
function dieAfter(scf: Scf, nth: number, look: () => void): Scf {
  let writes = 0
  return {
    ...scf,
    async call(action, ...rest) {
      const answer = await scf.call(action, ...rest)
      if (!/^(Create|Update|Delete)/.test(action)) return answer
      look()
      if (++writes === nth) throw new Error('death')
      return answer
    },
  }
}

describe('bringInStep, of a function URL for other callers,', () => {
  it.each([
    ['CAM to keys', 1, wanted, keys],
    ['CAM to keys', 2, wanted, keys],
    ['CAM to keys', 3, wanted, keys],
    ['keys to CAM', 1, keys, wanted],
    ['keys to CAM', 2, keys, wanted],
    ['keys to CAM', 3, keys, wanted],
  ] as const)(
    'from %s, dead after write %i and repeated, asks callers rightly at every moment',
    async (_, nth, before, after) => {
      const { simulator, scf } = await start()
      await bringInStep(before, (state) => planDeployment(before, code, state), scf)
      expect(misguarded(simulator)).toEqual([])
      const wrong: string[] = []
      const look = (): void => void wrong.push(...misguarded(simulator))
      const plan = (state: Parameters<typeof planDeployment>[2]) => planDeployment(after, code, state)
      await expect(bringInStep(after, plan, dieAfter(scf, nth, look))).rejects.toThrow('death')
      const state = await bringInStep(after, plan, dieAfter(scf, Number.NaN, look))
      expect(wrong).toEqual([])
      expect(state?.triggers).toMatchObject([{ auth: after.trigger.type === 'http' && after.trigger.auth }])
      expect(plan(state)).toEqual({ steps: [], notes: [], refusals: [] })
    },
  )
})

describe('bringInStep, of the function of version 1.1 and the one in its place,', () => {
  const earlier = { name: nameEarlierFunction('dev'), namespace: 'default' }

  it.each([1, 2, 3, 4, 5])(
    'dead after write %i and repeated, has one URL or, for one step, two',
    async (nth) => {
      const { simulator, scf } = await start()
      await bringInStep(wanted, (state) => planRemoval(wanted, state), scf)
      const version11: WantedFunction = { ...wanted, ...earlier, type: 'Event' }
      await bringInStep(version11, (state) => planDeployment(version11, code, state), scf)
      const urls: number[] = []
      const look = (): void => {
        const triggers = simulator.scf.functions(region).flatMap(({ Triggers }) => Triggers)
        urls.push(triggers.filter(({ Type }) => Type === 'http').length)
      }
      const replace = async (scf: Scf): Promise<void> => {
        await bringInStep(wanted, (state) => planDeployment(wanted, code, state), scf)
        await bringInStep(earlier, (state) => planReplacement(earlier, wanted.name, state), scf)
      }
      if (nth <= 4) await expect(replace(dieAfter(scf, nth, look))).rejects.toThrow('death')
      await replace(dieAfter(scf, Number.NaN, look))
      expect(urls).toEqual([1, 2, 1, 1])
      expect(simulator.scf.functions(region)).toMatchObject([{ FunctionName: wanted.name, Type: 'HTTP' }])
      const writes = simulator.calls.length
      await replace(scf)
      expect(
        simulator.calls.slice(writes).filter(({ action }) => /^(Create|Update|Delete)/.test(action)),
      ).toEqual([])
    },
  )
})

describe('bringWatchInStep', () => {
  const noticeId = simulatedNotice
  const watch: Watch = {
    ...{ logsetName, topicName: 'vod-aigc-tokens-dev', noticeId },
    alarms: nameAlarms('vod-aigc-tokens-dev').map((name) => ({
      ...{ name, queries: ['good:1 | select count(*) as good'], condition: '$1.good < 1', level: 0 },
      ...{ windowMinutes: 10, everyMinutes: 1, looks: 6, message: 'look' },
    })),
  }
  const startCls = async (lagMs = 0): Promise<{ simulator: TencentSimulator; cls: Scf }> => {
    let ahead = 0
    const simulator = await startTencentSimulator({ now: () => Date.now() + ahead })
    onTestFinished(() => simulator.close())
    simulator.cls.lagMs = lagMs
    const { secretId, secretKey } = simulator
    // Time passes in pauses only, so that no test waits.
    const deps = {
      ...{ send: createTransport(), credentials: () => ({ secretId, secretKey }), ...systemTime },
      async sleep(ms: number) {
        ahead += ms
      },
    }
    const call = createTencentClient({ ...clsApi, endpoint: simulator.url, region }, deps)
    return { simulator, cls: { ...deps, call, say: () => {} } }
  }
  const bringAll = async (cls: Scf, one: Watch = watch): Promise<void> => {
    await bringWatchInStep(one, (state) => planTopic(one, state), cls)
    await bringWatchInStep(one, (state) => planAlarms(one, state), cls)
  }
  const changesOf = ({ calls }: TencentSimulator): string[] =>
    calls
      .filter(({ action }) => !action.startsWith('Describe'))
      .map(({ action, outcome }) => `${action} ${outcome}`)
  const creation = ['CreateLogset', 'CreateTopic', 'CreateIndex', ...new Array(4).fill('CreateAlarm')]
  const made = creation.map((action) => `${action} ok`)

  it.each([1, 2, 3, 4, 5, 6, 7])('dead after write %i and repeated, makes nothing twice', async (nth) => {
    const { simulator, cls } = await startCls()
    await expect(bringAll(dieAfter(cls, nth, () => {}))).rejects.toThrow('death')
    expect(changesOf(simulator)).toHaveLength(nth)
    await bringAll(cls)
    await bringAll(cls)
    expect(changesOf(simulator)).toEqual(made)
  })

  it.each(['reset', 'lost-answer'] as const)('gets past one %s of each call', async (kind) => {
    const { simulator, cls } = await startCls()
    const reads = [
      'DescribeLogsets',
      'DescribeTopics',
      'DescribeIndex',
      'DescribeAlarms',
      'DescribeAlarmNotices',
    ]
    for (const action of [...reads, ...new Set(creation)]) simulator.fail({ kind }, 1, action)
    await bringAll(cls)
    expect(simulator.cls.alarms(region)).toHaveLength(4)
    expect(simulator.cls.topics(region)).toHaveLength(1)
  })

  it('waits for what takes its time to show, and makes nothing twice', async () => {
    const { simulator, cls } = await startCls(3000)
    await bringAll(cls)
    expect(changesOf(simulator)).toEqual(made)
  })

  it('gives up on what never shows, and says so', async () => {
    const { cls } = await startCls(60_000)
    await expect(bringAll(cls)).rejects.toThrow(/^create logset .*: CLS accepted this and does not show it/)
  })

  it('changes what somebody changed, but for what they switched off or keep longer, and leaves their fields', async () => {
    const { simulator, cls } = await startCls()
    await bringAll(cls)
    const [stale = '', failed = ''] = nameAlarms(watch.topicName)
    simulator.cls.setAlarm(region, stale, { Condition: '$1.good < 0', TriggerCount: 1, Status: false })
    simulator.cls.setAlarm(region, failed, { AlarmNoticeIds: ['notice-other'], MessageTemplate: '' })
    const theirs = { Key: 'theirs', Value: { Type: 'text', Tokenizer: '', SqlFlag: true } }
    const KeyValue = { CaseSensitive: true, KeyValues: [theirs] }
    simulator.cls.setTopic(region, watch.topicName, {
      Period: 90,
      Index: { Status: false, Rule: { KeyValue } },
    })
    const state = await readWatch(watch, cls)
    expect(planTopic(watch, state)).toMatchObject({
      notes: ['the log topic vod-aigc-tokens-dev keeps lines for 90 days, and is left so'],
      steps: [
        { what: expect.stringMatching(/^update index of vod-aigc-tokens-dev: switched on, event, level,/) },
      ],
    })
    expect(planAlarms(watch, state)).toMatchObject({
      notes: [`the alarm ${stale} is switched off, and is left so`],
      steps: [
        { what: `update alarm ${stale}: condition, number of looks` },
        { what: `update alarm ${failed}: message, notice group` },
      ],
    })
    await bringAll(cls)
    expect(simulator.cls.alarms(region)).toMatchObject([
      { Condition: '$1.good < 1', TriggerCount: 6, Status: false },
      { AlarmNoticeIds: [noticeId], MessageTemplate: 'look', Status: true },
      {},
      {},
    ])
    const kept = expect.arrayContaining([theirs])
    expect(simulator.cls.topics(region)).toMatchObject([
      { Index: { Status: true, Rule: { KeyValue: { KeyValues: kept } } } },
    ])
    const { index, ...others } = await readWatch(watch, cls)
    const uncounted = JSON.parse(JSON.stringify(index).replace('"SqlFlag":true', '"SqlFlag":false'))
    expect(planTopic(watch, { ...others, index: uncounted }).steps).toMatchObject([
      { what: 'update index of vod-aigc-tokens-dev: event', action: 'ModifyIndex' },
    ])
  })

  it('takes alarms away, and no others', async () => {
    const { simulator, cls } = await startCls()
    await bringAll(cls)
    // Somebody's own, whose names CLS finds beside ours.
    const { steps } = planAlarms(watch, { ...(await readWatch(watch, cls)), alarms: [] })
    const theirs = nameAlarms(watch.topicName).map((name) => `${name} copy`)
    for (const [index, { action, parameters }] of steps.entries())
      await cls.call(action, { ...parameters, Name: theirs[index] }, cls.monotonic() + 60_000)
    const gone = { topicName: watch.topicName, noticeId: null }
    await bringWatchInStep(gone, (state) => planSilence(gone.topicName, state), cls)
    expect(simulator.cls.alarms(region).map(({ Name }) => Name)).toEqual(theirs)
    expect(planSilence(gone.topicName, await readWatch(gone, cls))).toMatchObject({ steps: [] })
  })
})

describe('waitUntilReady', () => {
  const url = 'https://u'
  const name = wanted.name
  /** The clock stands still but for the pauses. */
  const wait = async (
    auth: 'CAM' | 'NONE',
    answers: readonly (number | Error)[],
    at: string | null = url,
  ) => {
    let now = 0
    const asked: unknown[] = []
    const get: Get = async (...request) => {
      const answer = answers[asked.length] ?? answers.at(-1)
      asked.push(request)
      if (typeof answer !== 'number') throw answer
      return { status: answer, text: 'words' }
    }
    const note = await waitUntilReady(
      { name, url: at, auth },
      {
        get,
        monotonic: () => now,
        sleep: async (ms) => {
          now += ms
        },
      },
    )
    return { note, asked }
  }

  it('asks, signed where CAM wants it, until the function answers', async () => {
    expect(await wait('NONE', [new Error('refused'), 404, 445, 200])).toEqual({
      note: null,
      asked: new Array(4).fill(['https://u/healthz', { signed: false }]),
    })
    expect(await wait('CAM', [200])).toEqual({ note: null, asked: [['https://u/healthz', { signed: true }]] })
  })

  it.each([401, 403, 441])('takes a %i of CAM for an answer that says nothing', async (status) => {
    expect((await wait('CAM', [status])).note).toContain('may not scf:InvokeFunctionUrl')
    await expect(wait('NONE', [status])).rejects.toMatchObject({ code: 'NotReady' })
  })

  it.each<[answer: number | Error, at: string | null, words: string]>([
    [445, url, '445 words'],
    [new Error('refused'), url, 'refused'],
    [200, null, 'it has no public address'],
  ])('gives up on %s, and says what is left as it is', async (answer, at, words) => {
    await expect(wait('NONE', [answer], at)).rejects.toThrow(
      new RegExp(`function ${name} does not answer .*${words}.*what it replaces is left as it is`),
    )
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

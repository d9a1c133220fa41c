/** `npm run deploy:scf` as its user runs it: the real command against the simulator's SCF, which runs what it gets. */
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { createSigner } from '../../lib/tencent/tc3.ts'
import { simulatedNotice } from '../../simulator/cls.ts'
import type { Call, TencentSimulator } from '../../simulator/simulator.ts'
import {
  apiKeySha256,
  type Deployment,
  listTokens,
  mirrorTokens,
  region,
  role,
  rotateTokens,
  rotation,
  rotationRole,
  secret,
  startDeployment as start,
  subAppId,
  until,
  withKeys,
  withRotation,
} from '../support/scf-deployment.ts'
import { sha256 } from '../support/sha256.ts'
import { zipWebFunction } from '../support/web-function.ts'

/** Up to version 1.1. */
const earlierListTokens = 'vod-aigc-tokens-dev-list-tokens'

// Every run of the command builds first.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

function writes(calls: readonly Call[]): string[] {
  return calls
    .filter(({ action }) => /^(Create|Update|Delete)(Function|Trigger)/.test(action))
    .map(({ action, outcome }) => `${action} ${outcome}`)
}

/** The calls of CLS that change something, and all of them. */
function clsCalls(calls: readonly Call[]): { changes: string[]; all: number } {
  const all = calls.filter(({ headers }) => headers['x-tc-version']?.[0] === '2020-10-16')
  const changes = all.filter(({ action }) => !action.startsWith('Describe'))
  return { changes: changes.map(({ action, outcome }) => `${action} ${outcome}`), all: all.length }
}

/** What stands on SCF, without what differs from one simulator to the next. */
function standing({ scf, url }: TencentSimulator): unknown {
  const functions = scf.functions(region).map(({ Code, ...others }) => ({
    ...others,
    Code: sha256(Code),
  }))
  return JSON.parse(
    JSON.stringify(functions)
      .replaceAll(url, 'URL')
      .replaceAll(/function-url\/\w+/g, 'URL'),
  )
}

function urlOf({ scf }: TencentSimulator, name = listTokens): string {
  const triggers = scf.functions(region).find(({ FunctionName }) => FunctionName === name)?.Triggers
  return JSON.parse(triggers?.[0]?.TriggerDesc ?? '{}').NetConfig.ExtranetUrl
}

/** What an undisturbed deployment comes to. */
let deployed: unknown

beforeAll(async () => {
  const { simulator, run } = await start()
  expect(await run(role)).toMatchObject({ exitCode: 0 })
  deployed = standing(simulator)
})

const page = readFileSync(new URL('../../docs/deploy-tencent.md', import.meta.url), 'utf8')

describe('docs/deploy-tencent.md', () => {
  it('shows what the command prints at its first deployment, followed from `.env` on', async () => {
    const [, env = ''] = /^Write into it:\n\n```sh\n(.*?)^```$/ms.exec(page) ?? []
    const [, commands = ''] = /^Look first, then do it:\n\n```sh\n(.*?)^```$/ms.exec(page) ?? []
    const [, shown = ''] = /^```\n(Deploying to .*?)^```$/ms.exec(page) ?? []
    const settings = [...env.matchAll(/^(AIGC_\w+)=(\S+)/gm)].map(([, name = '', value = '']) => [
      name,
      value,
    ])
    expect(settings.length).toBe(5)
    const { run } = await start()
    const own = Object.fromEntries(settings.filter(([, value]) => value !== '…'))
    const [plan, deploy] = commands
      .trim()
      .split('\n')
      .map((line) => line.replace('npm run deploy:scf -- ', '').split(' '))
    expect((await run(plan ?? [], own)).output).toContain('Nothing was changed.')
    const { exitCode, output } = await run(deploy ?? [], own)
    expect(exitCode, output).toBe(0)
    const lines = output.trim().split('\n')
    const expected = shown.trim().split('\n')
    for (const [index, line] of expected.entries()) {
      const [begin = '', ...more] = line.split('…')
      expect(lines[index]).toMatch(new RegExp(`^${quote(begin)}.*${quote(more.at(-1) ?? '')}$`))
    }
  })
})

/** A text as a pattern of itself. */
function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

describe('npm run deploy:scf', () => {
  it('makes both functions, which serve and mirror; again it changes nothing; --remove takes them away', async () => {
    const { simulator, run } = await start()
    const args = [...role, '--auth', 'NONE']
    const first = await run(args, withKeys)
    expect(first).toMatchObject({ exitCode: 0 })
    expect(first.output).toMatch(new RegExp(`^create web function ${listTokens}: .* … done$`, 'm'))
    expect(first.output).toMatch(new RegExp(`^create timer of ${mirrorTokens}: "0 \\*/5 .* … done$`, 'm'))
    expect(writes(simulator.calls)).toEqual([
      'CreateFunction ok',
      'CreateTrigger ok',
      'CreateFunction ok',
      'UpdateFunctionEventInvokeConfig ok',
      'CreateTrigger ok',
    ])
    expect(simulator.scf.functions(region)).toMatchObject([
      { FunctionName: listTokens, Type: 'HTTP', Handler: '' },
      { FunctionName: mirrorTokens, Type: 'Event', EventInvoke: { retries: 1, MsgTTL: 300 } },
    ])

    const url = `${urlOf(simulator)}/tokens`
    expect(first.output).toContain(`GET ${url} with Authorization: Bearer YOUR-KEY`)
    const answer = await fetch(url, { headers: { authorization: `Bearer ${secret.apiKey}` } })
    expect(answer.status).toBe(200)
    expect(((await answer.json()) as { ApiTokens: string[] }).ApiTokens.toSorted()).toEqual([
      'token-a-0123456789',
      'token-b-0123456789',
    ])
    expect((await fetch(url)).status).toBe(401)
    // The mirror runs as its role: the deployer's key is not in the function.
    expect(await simulator.scf.runTimer(region, mirrorTokens)).toMatchObject({
      result: { Results: [{ Outcome: 'created', Target: 'tencent-ssm:prod-aigc' }] },
    })
    expect(JSON.parse(simulator.ssm.versions(region, 'prod-aigc')['current'] ?? '')).toMatchObject({
      ApiTokens: ['token-a-0123456789', 'token-b-0123456789'],
    })
    expect(simulator.calls.at(-1)).toMatchObject({
      action: 'CreateSecret',
      secretId: expect.stringMatching(/^role-/),
    })
    for (const { Environment } of simulator.scf.functions(region))
      expect(Object.values(Environment)).not.toContain(secret.key)

    const calls = simulator.calls.length
    const second = await run(args, withKeys)
    expect(second).toMatchObject({ exitCode: 0 })
    expect(second.output).toContain(`unchanged: function ${listTokens}`)
    expect(second.output).toContain(`unchanged: function ${mirrorTokens}`)
    expect(writes(simulator.calls.slice(calls))).toEqual([])

    expect(await run(['--remove'])).toMatchObject({ exitCode: 0 })
    expect(simulator.scf.functions(region)).toEqual([])
    expect(simulator.ssm.versions(region, 'prod-aigc')).toHaveProperty('current')
    const again = await run(['--remove'])
    expect(again).toMatchObject({ exitCode: 0 })
    expect(again.output).toContain(`gone: function ${listTokens}`)
    // Whoever deploys may not be allowed to.
    expect(clsCalls(simulator.calls).all).toBe(0)
  })

  it('ends what it has begun though nobody reads what it prints', async () => {
    const { runUnread, run } = await start()
    expect(await runUnread(role)).toBe(0)
    expect((await run(role)).output).not.toMatch(/create|update/i)
  })

  it('lets only signed requests to the URL by default', async () => {
    const { simulator, run } = await start()
    const { output } = await run(role, withKeys)
    expect(output).toContain('note: AIGC_HTTP_AUTH of list-tokens is platform')
    const url = new URL(`${urlOf(simulator)}/tokens`)
    expect((await fetch(url)).status).toBe(403)
    expect((await fetch(url, { headers: { authorization: `Bearer ${secret.apiKey}` } })).status).toBe(403)
    const timestamp = Math.floor(Date.now() / 1000)
    const headers = { 'content-type': 'application/json', host: url.host }
    const sign = createSigner({ method: 'GET', headers }, 'scf')
    const answer = await fetch(url, {
      headers: {
        'content-type': 'application/json',
        'x-tc-timestamp': `${timestamp}`,
        authorization: sign('', timestamp, { secretId: secret.id, secretKey: secret.key }),
      },
    })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ SubAppId: subAppId })
  })

  it('names each change, and values of variables never', async () => {
    const { simulator, run } = await start()
    await run(role)
    const calls = simulator.calls.length
    const args = [
      ...role,
      '--schedule',
      '0 */10 * * * * *',
      '--env',
      'AWS_SECRET_ACCESS_KEY',
      '--auth',
      'NONE',
    ]
    const { exitCode, output } = await run(args, { ...withKeys, AIGC_LOG_LEVEL: 'debug' })
    expect(exitCode).toBe(0)
    expect(output).toContain(
      `update configuration of ${listTokens}: AIGC_API_KEYS added, AIGC_HTTP_AUTH changed, AIGC_LOG_LEVEL added, ` +
        'AWS_SECRET_ACCESS_KEY added … done',
    )
    expect(output).toContain(`note: the function URL of ${listTokens} is made anew, so its address changes`)
    expect(output).toContain(
      `delete function URL url-trigger of ${listTokens}: AuthType CAM becomes NONE … done`,
    )
    expect(output).toContain(
      `update timer of ${mirrorTokens}: "0 */5 * * * * *" becomes "0 */10 * * * * *" … done`,
    )
    expect(writes(simulator.calls.slice(calls))).toEqual([
      'DeleteTrigger ok',
      'UpdateFunctionConfiguration ok',
      'CreateTrigger ok',
      'UpdateFunctionConfiguration ok',
      'UpdateFunctionEventInvokeConfig ok',
      'UpdateTrigger ok',
    ])
    // SCF quotes what it was sent.
    const message = `bad values ${secret.awsKey} ${secret.key}`
    simulator.fail(
      { kind: 'error', code: 'InvalidParameterValue.Environment', message },
      1,
      'UpdateFunctionConfiguration',
    )
    const failed = await run([...args.slice(0, -2), '--copy-keys'])
    expect(failed.exitCode).toBe(1)
    expect(failed.output).toContain('bad values *** ***')
    // With the key copied the function can do without a role.
    expect(await run(['--copy-keys'])).toMatchObject({ exitCode: 0 })
    for (const { Environment, Role } of simulator.scf.functions(region)) {
      expect(Environment).toMatchObject({ AIGC_SECRET_ID: secret.id, AIGC_SECRET_KEY: secret.key })
      expect(Role).toBe('')
    }
  })

  it('leaves a timer off that somebody switched off', async () => {
    const { simulator, run } = await start()
    await run(role)
    simulator.scf.setTrigger(region, mirrorTokens, 'schedule', { Enable: 0 })
    const { exitCode, output } = await run([...role, '--schedule', '0 */10 * * * * *'])
    expect(exitCode).toBe(0)
    expect(output).toContain(`note: the timer of ${mirrorTokens} is switched off, and is left so`)
    const [timer] = simulator.scf.functions(region)[1]?.Triggers ?? []
    expect(timer).toMatchObject({ Enable: 0, TriggerDesc: '{"cron":"0 */10 * * * * *"}' })
  })

  it('says with --plan what would change and changes nothing', async () => {
    const { simulator, run } = await start()
    const { exitCode, output } = await run([...role, '--plan'])
    expect(exitCode).toBe(0)
    expect(output.match(/^would (create|update) .*/gm)).toHaveLength(5)
    expect(output).toContain('Nothing was changed.')
    await run(role)
    const calls = simulator.calls.length
    expect((await run([...role, '--plan'], { AIGC_LOG_LEVEL: 'debug' })).output).toContain(
      `would update configuration of ${listTokens}: AIGC_LOG_LEVEL added`,
    )
    expect((await run(['--remove', '--plan'])).output.match(/^would delete .*/gm)).toHaveLength(4)
    expect(writes(simulator.calls.slice(calls))).toEqual([])
    expect(standing(simulator)).toEqual(deployed)
  })
})

/** What version 1.1 left on SCF: the mirror, and list-tokens as an event function with a URL. */
async function deployVersion11({ simulator, run }: Deployment): Promise<string> {
  await run(role)
  const actions = simulator.scf.service.actions
  const call = async (action: string, parameters: object): Promise<unknown> =>
    actions.get(action)?.({ ...parameters }, { secretId: secret.id, region })
  const settled = (): Promise<void> =>
    until(
      () => simulator.scf.functions(region).every(({ Status }) => Status === 'Active'),
      () => false,
    )
  const web = simulator.scf.functions(region).find(({ FunctionName }) => FunctionName === listTokens)
  if (!web) throw new Error('there is no web function')
  await call('DeleteFunction', { FunctionName: listTokens })
  await settled()
  await call('CreateFunction', {
    FunctionName: earlierListTokens,
    Runtime: 'Nodejs20.19',
    Handler: 'index.main_handler',
    Type: 'Event',
    Code: { ZipFile: Buffer.from(web.Code).toString('base64') },
    Description: web.Description,
    Role: web.Role,
    Environment: { Variables: Object.entries(web.Environment).map(([Key, Value]) => ({ Key, Value })) },
  })
  await settled()
  const NetConfig = { EnableIntranet: false, EnableExtranet: true }
  await call('CreateTrigger', {
    FunctionName: earlierListTokens,
    TriggerName: 'url-trigger',
    Type: 'http',
    TriggerDesc: JSON.stringify({ AuthType: 'CAM', NetConfig }),
  })
  await settled()
  return urlOf(simulator, earlierListTokens)
}

/** What stands, by name: the order in which functions were made does not matter. */
function sorted(functions: unknown): unknown {
  return (functions as { FunctionName: string }[]).toSorted((a, b) =>
    a.FunctionName < b.FunctionName ? -1 : 1,
  )
}

describe('npm run deploy:scf over version 1.1', () => {
  it('puts a web function in the place of the event function, after saying so with --plan', async () => {
    const deployment = await start()
    const { simulator, run } = deployment
    const address = await deployVersion11(deployment)
    const before = standing(simulator)
    const plan = await run([...role, '--plan'])
    expect(plan.exitCode, plan.output).toBe(0)
    expect(plan.output).toContain(`the address ${address} ends, so tell its callers the new one`)
    expect(plan.output.match(/^would .*/gm)).toEqual([
      expect.stringContaining(`would create web function ${listTokens}`),
      expect.stringContaining(`would create function URL of ${listTokens}`),
      `would delete function URL url-trigger of ${earlierListTokens}`,
      `would delete function ${earlierListTokens}`,
    ])
    expect(standing(simulator)).toEqual(before)

    const calls = simulator.calls.length
    const { exitCode, output } = await run(role)
    expect(exitCode, output).toBe(0)
    expect(writes(simulator.calls.slice(calls))).toEqual([
      'CreateFunction ok',
      'CreateTrigger ok',
      'DeleteTrigger ok',
      'DeleteFunction ok',
    ])
    expect(sorted(standing(simulator))).toEqual(sorted(deployed))
    expect((await fetch(`${address}/healthz`)).status).toBe(404)
    const again = simulator.calls.length
    expect((await run(role)).output).toContain(`unchanged: function ${listTokens}`)
    expect(writes(simulator.calls.slice(again))).toEqual([])
  })

  it.each(['CreateFunction', 'CreateTrigger', 'DeleteTrigger', 'DeleteFunction'])(
    'finishes what died after %s',
    async (action) => {
      const deployment = await start()
      const { simulator, run, runUntilDeath } = deployment
      await deployVersion11(deployment)
      await runUntilDeath(role, action)
      expect(await run(role)).toMatchObject({ exitCode: 0 })
      expect(sorted(standing(simulator))).toEqual(sorted(deployed))
    },
  )

  it('leaves the event function where the web function does not answer', async () => {
    const deployment = await start()
    const { simulator, run } = deployment
    const address = await deployVersion11(deployment)
    const broken = Buffer.from(zipWebFunction({ bootstrap: null })).toString('base64')
    const create = simulator.scf.service.actions.get('CreateFunction')
    const actions = simulator.scf.service.actions as Map<string, NonNullable<typeof create>>
    actions.set(
      'CreateFunction',
      (body, caller) => create?.({ ...body, Code: { ZipFile: broken } }, caller) ?? {},
    )
    // Its minute of patience is over in a tenth of that.
    const clock = 'const now = performance.now.bind(performance); performance.now = () => now() * 10'
    const { exitCode, output } = await run([...role, '--auth', 'NONE'], {
      ...withKeys,
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(clock)}`,
    })
    expect(exitCode, output).toBe(1)
    expect(output).toMatch(
      /does not answer at .*\/healthz \(445 .*ContainerInitError.*what it replaces is left as it is/,
    )
    expect((await fetch(`${address}/healthz`)).status).toBe(403)
  })

  it('is taken away by --remove, with or without what took its place', async () => {
    const deployment = await start()
    const { simulator, run, runUntilDeath } = deployment
    await deployVersion11(deployment)
    await runUntilDeath(role, 'CreateTrigger')
    expect(simulator.scf.functions(region)).toHaveLength(3)
    expect(
      (await run(['--remove', '--plan'])).output.match(/^would delete function .*-tokens-dev-.*/gm),
    ).toHaveLength(5)
    expect(await run(['--remove'])).toMatchObject({ exitCode: 0 })
    expect(simulator.scf.functions(region)).toEqual([])
    await deployVersion11(deployment)
    expect(await run(['--remove'])).toMatchObject({ exitCode: 0 })
    expect(simulator.scf.functions(region)).toEqual([])
  })

  it('leaves a function of that name that is somebody else’s', async () => {
    const deployment = await start()
    const { simulator, run } = deployment
    await deployVersion11(deployment)
    simulator.scf.set(region, earlierListTokens, { Description: 'somebody else' })
    expect(await run(role)).toMatchObject({ exitCode: 0 })
    expect(await run(['--remove'])).toMatchObject({ exitCode: 0 })
    expect(simulator.scf.functions(region)).toMatchObject([{ FunctionName: earlierListTokens }])
  })
})

describe('npm run deploy:scf --runtime', () => {
  it('takes with newest the newest that the region has, and keeps to it', async () => {
    const { simulator, run } = await start()
    simulator.scf.runtimes.add('Nodejs22.21')
    const newest = [...role, '--runtime', 'newest']
    expect(await run(newest)).toMatchObject({ exitCode: 0 })
    expect(simulator.scf.functions(region).map(({ Runtime }) => Runtime)).toEqual([
      'Nodejs22.21',
      'Nodejs22.21',
    ])
    simulator.scf.runtimes.add('Nodejs24.11')
    const again = await run(newest)
    expect(again.output).toContain(`note: function ${listTokens} keeps Nodejs22.21, which SCF cannot change`)
    expect(again.output).toContain(`unchanged: function ${mirrorTokens}`)
    const other = await run(role)
    expect(other.exitCode).toBe(1)
    expect(other.output).toContain(
      'should have Nodejs20.19, which SCF cannot change; keep it with --runtime Nodejs22.21',
    )
  })
})

describe('npm run deploy:scf, and what SCF keeps of the runs of what it deployed,', () => {
  it('holds no token and no key, whatever is called by URL, timer and hand', async () => {
    const { simulator, run } = await start()
    await run([...role, '--auth', 'NONE'], withKeys)
    const url = urlOf(simulator)
    const bodies: string[] = []
    const paths = [
      '/tokens',
      '/token',
      '/fingerprints',
      `/sub-apps/${subAppId}/tokens`,
      '/healthz',
      '/nothing',
    ]
    for (const path of paths)
      for (const headers of [
        { authorization: `Bearer ${secret.apiKey}` },
        { authorization: 'Bearer wrong' },
        {},
      ]) {
        const answer = await fetch(`${url}${path}`, { headers: headers as Record<string, string> })
        bodies.push(await answer.text())
      }
    // A client that forges what SCF adds.
    for (const mode of ['kept', 'joined', 'overwritten'] as const) {
      simulator.scf.clientScfHeaders = mode
      const headers = { authorization: `Bearer ${secret.apiKey}`, 'x-scf-secret-id': 'CANARY-forged-id' }
      await (await fetch(`${url}/tokens`, { headers })).text()
    }
    await simulator.scf.runTimer(region, mirrorTokens)
    const invoke = simulator.scf.service.actions.get('Invoke')
    for (const event of [{}, { DryRun: true }, { SubAppId: subAppId }, { Typo: 1 }])
      await invoke?.(
        { FunctionName: mirrorTokens, ClientContext: JSON.stringify(event) },
        { secretId: secret.id, region },
      )
    // Otherwise nothing was shown.
    expect(bodies.join()).toContain('token-a-0123456789')
    const logs = simulator.scf.logs(region)
    expect(logs.length).toBeGreaterThan(paths.length * 3 + 7)
    expect(logs.filter(({ RetMsg }) => RetMsg !== '')).toHaveLength(5)
    expect(logs.every(({ Log }) => Log !== '')).toBe(true)
    const kept = JSON.stringify(logs)
    const canaries = [
      ...Object.values(secret),
      ...['token-a-0123456789', 'token-b-0123456789', apiKeySha256, 'CANARY-forged-id'],
      ...[...simulator.keys].flatMap(([id, { secretKey, token }]) => [id, secretKey, token ?? secretKey]),
    ]
    for (const canary of canaries) expect(kept).not.toContain(canary)
  })
})

describe('npm run deploy:scf --alarms', () => {
  const isClsAction = (action: string): boolean => /(Logset|Topic|Index|Alarm|AlarmNotice)s?$/.test(action)
  const watched = [...role, '--alarms', simulatedNotice]
  const topic = 'vod-aigc-tokens-dev'
  const allNew = [
    'CreateLogset ok',
    'CreateTopic ok',
    'CreateIndex ok',
    ...new Array(4).fill('CreateAlarm ok'),
  ]

  it('makes a topic, the delivery to it and four alarms; again it changes nothing; --remove leaves the topic', async () => {
    const { simulator, run } = await start()
    const plan = await run([...watched, '--plan'])
    expect(plan).toMatchObject({ exitCode: 0 })
    expect(plan.output.match(/^would create (logset|log topic|index|alarm) .*/gm)).toHaveLength(7)
    expect(plan.output.match(/^would create .*function .*, log to vod-aigc-tokens-dev$/gm)).toHaveLength(2)
    expect(clsCalls(simulator.calls).changes).toEqual([])

    const first = await run(watched)
    expect(first.exitCode, first.output).toBe(0)
    expect(clsCalls(simulator.calls).changes).toEqual(allNew)
    const [{ TopicId, LogsetId, Period } = {}, ...others] = simulator.cls.topics(region)
    expect([Period, others]).toEqual([30, []])
    const delivered = { ClsLogsetId: LogsetId, ClsTopicId: TopicId }
    expect(simulator.scf.functions(region)).toMatchObject([delivered, delivered])
    expect(simulator.cls.alarms(region)).toMatchObject(
      new Array(4).fill({ Status: true, AlarmNoticeIds: [simulatedNotice] }),
    )

    const calls = simulator.calls.length
    const second = await run(watched)
    expect(second).toMatchObject({ exitCode: 0 })
    for (const what of [`log topic ${topic}`, `function ${mirrorTokens}`, `alarms on ${topic}`])
      expect(second.output).toContain(`unchanged: ${what}`)
    const since = simulator.calls.slice(calls)
    expect([writes(since), clsCalls(since).changes]).toEqual([[], []])

    const before = simulator.calls.length
    const without = await run([...role, '--schedule', '0 */10 * * * * *'], { AIGC_LOG_LEVEL: 'debug' })
    expect(without).toMatchObject({ exitCode: 0 })
    expect(without.output).toContain(
      'note: the log topic and the alarms of an earlier deployment with --alarms',
    )
    expect(clsCalls(simulator.calls.slice(before)).all).toBe(0)
    expect(simulator.scf.functions(region)).toMatchObject([delivered, delivered])
    // They follow once they are asked for again.
    expect((await run([...watched, '--schedule', '0 */10 * * * * *'])).output).toContain(
      `update alarm ${topic}-mirror-stale: window, interval, number of looks … done`,
    )

    expect((await run(['--remove', '--plan'])).output.match(/^would delete alarm .*/gm)).toHaveLength(4)
    const removal = await run(['--remove'])
    expect(removal).toMatchObject({ exitCode: 0 })
    expect(removal.output).toContain(`note: the log topic ${topic} and the logset vod-aigc-tokens stay`)
    expect(simulator.cls.alarms(region)).toEqual([])
    expect(simulator.cls.topics(region)).toMatchObject([{ TopicId }])
    expect(simulator.scf.functions(region)).toEqual([])
    const last = simulator.calls.length
    await run(['--remove'])
    expect(clsCalls(simulator.calls.slice(last)).all).toBe(0)

    // What the deploying user needs is on the page, and no more.
    const [, policy = ''] = /With \[`--alarms`\].*?```json\n(.*?)```/s.exec(page) ?? []
    const granted = JSON.parse(policy).statement[0].action.map((action: string) => action.replace('cls:', ''))
    const called = simulator.calls.map(({ action }) => action).filter((action) => isClsAction(action))
    expect([...new Set([...called, 'ModifyIndex'])].sort()).toEqual(granted)
  })

  it.each([
    ['UpdateFunctionConfiguration', 1],
    ['CreateAlarm', 2],
  ] as const)('finishes what died after %s number %i, on functions that stood', async (action, nth) => {
    const { simulator, run, runUntilDeath } = await start()
    await run(role)
    await runUntilDeath(watched, action, nth)
    const { exitCode, output } = await run(watched)
    expect(exitCode, output).toBe(0)
    expect(clsCalls(simulator.calls).changes).toEqual(allNew)
    const calls = simulator.calls.length
    await run(watched)
    expect(writes(simulator.calls.slice(calls))).toEqual([])
    await runUntilDeath(['--remove'], 'DeleteAlarm', 2)
    expect(simulator.scf.functions(region)).toHaveLength(2)
    expect(await run(['--remove'])).toMatchObject({ exitCode: 0 })
    expect(simulator.cls.alarms(region)).toEqual([])
  })

  it('refuses, before anything is touched, an unknown notice group and a topic of somebody else', async () => {
    const { simulator, run } = await start()
    const unknown = await run([...role, '--alarms', 'notice-none'])
    expect(unknown.exitCode).toBe(1)
    expect(unknown.output).toContain('CLS has no notice group notice-none in this region')
    await run(watched)
    simulator.cls.setTopic(region, topic, { Describes: 'somebody else', Index: null })
    const calls = simulator.calls.length
    const foreign = await run(watched, { AIGC_LOG_LEVEL: 'debug' })
    expect(foreign.exitCode).toBe(1)
    expect(foreign.output).toContain(`the log topic ${topic} exists and was not made by this command`)
    const since = simulator.calls.slice(calls)
    expect([writes(since), clsCalls(since).changes]).toEqual([[], []])
  })

  it('says what to do where CLS is not switched on, and where an action is not granted', async () => {
    const { simulator, run } = await start()
    simulator.cls.opened = false
    const closed = await run(watched)
    expect(closed.exitCode).toBe(1)
    expect(closed.output).toContain('open the CLS console once, to switch the service on')
    simulator.cls.opened = true
    simulator.fail({ kind: 'error', code: 'UnauthorizedOperation' }, 1, 'CreateAlarm')
    const refused = await run(watched)
    expect(refused.exitCode).toBe(1)
    expect(refused.output).toMatch(
      /create alarm \S+-mirror-stale: .*CreateAlarm.*grant the caller this action/,
    )
    expect(await run(watched)).toMatchObject({ exitCode: 0 })
  })
})

describe('npm run deploy:scf --list-role', () => {
  it('gives list-tokens another role than mirror-tokens', async () => {
    const { simulator, run } = await start()
    simulator.scf.roles.add('list-only')
    await run(role)
    const { exitCode, output } = await run([...role, '--list-role', 'list-only'])
    expect(exitCode).toBe(0)
    expect(output).toContain(
      `update configuration of ${listTokens}: role vod-aigc-tokens becomes list-only … done`,
    )
    expect(output).toContain(`unchanged: function ${mirrorTokens}`)
    expect(simulator.scf.functions(region)).toMatchObject([
      { FunctionName: listTokens, Role: 'list-only' },
      { FunctionName: mirrorTokens, Role: 'vod-aigc-tokens' },
    ])
  })
})

describe('npm run deploy:scf --rotation', () => {
  const rotating = [...role, ...rotation]
  const startRotating = async (): Promise<Deployment> => {
    const deployment = await start()
    deployment.simulator.scf.roles.add(rotationRole)
    return deployment
  }
  const namesOf = ({ simulator }: Deployment): string[] =>
    simulator.scf.functions(region).map(({ FunctionName }) => FunctionName)

  it('makes rotate-tokens beside the others, which tells its next step; again it changes nothing', async () => {
    const deployment = await startRotating()
    const { simulator, run } = deployment
    const plan = await run([...rotating, '--plan'], withRotation)
    expect(plan.output.match(/^would (create|update) .*/gm)).toHaveLength(8)
    const { exitCode, output } = await run(rotating, withRotation)
    expect(exitCode, output).toBe(0)
    expect(output).toMatch(
      new RegExp(
        `^create function ${rotateTokens}: Nodejs20.19, 256 MB, 180 s, role ${rotationRole}, .* … done$`,
        'm',
      ),
    )
    expect(output).toContain('rotate-tokens:  replaces the token in use every 30 days')
    expect(namesOf(deployment)).toEqual([listTokens, mirrorTokens, rotateTokens])
    const [list, mirror, rotate] = simulator.scf.functions(region)
    expect(rotate).toMatchObject({
      ...{ Type: 'Event', Role: rotationRole, Timeout: 180, EventInvoke: { retries: 1, MsgTTL: 900 } },
      Triggers: [{ Type: 'timer', TriggerDesc: '{"cron":"0 */15 * * * * *"}', Enable: 1 }],
      Environment: { ...withRotation, AIGC_MIRROR_TARGETS: 'tencent-ssm:prod-aigc' },
    })
    for (const other of [list, mirror]) {
      expect(other?.Role).toBe('vod-aigc-tokens')
      expect(Object.keys(other?.Environment ?? {}).join()).not.toContain('AIGC_ROTAT')
    }

    const calls = simulator.calls.length
    const again = await run(rotating, withRotation)
    expect(again.output).toContain(`unchanged: function ${rotateTokens}`)
    expect(writes(simulator.calls.slice(calls))).toEqual([])

    await simulator.scf.runTimer(region, mirrorTokens)
    const before = simulator.calls.length
    const invoke = simulator.scf.service.actions.get('Invoke')
    const answer = await invoke?.(
      { FunctionName: rotateTokens, ClientContext: '{"DryRun":true}' },
      { secretId: secret.id, region },
    )
    const { RetMsg } = (answer as { Result: { RetMsg: string } }).Result
    expect(JSON.parse(RetMsg)).toMatchObject({
      Results: [{ SubAppId: subAppId, Outcome: 'would-advance', Step: 'note', Phase: null }],
    })
    const asked = simulator.calls.slice(before)
    expect(asked.map(({ action }) => action)).toEqual([
      'DescribeSecret',
      'DescribeAigcApiTokens',
      'DescribeSecret',
      'GetSecretValue',
    ])
    // As its role: the deployer's key is not in the function.
    for (const { secretId } of asked) expect(secretId).toMatch(/^role-/)
    expect(await simulator.scf.runTimer(region, rotateTokens)).toMatchObject({
      result: { Results: [{ Outcome: 'advanced', Step: 'note', Phase: 'idle' }] },
    })
    const record = simulator.ssm.versions(region, 'prod-aigc-rotation')['current'] ?? ''
    expect(JSON.parse(record)).toMatchObject({ Type: 'vod-aigc-rotation', Phase: 'idle' })
    const kept = JSON.stringify(simulator.scf.logs(region))
    for (const token of simulator.vod.list(subAppId)) expect(record + kept).not.toContain(token)
  })

  it('left out afterwards leaves rotate-tokens and says how it goes; --remove --rotation takes it alone', async () => {
    const deployment = await startRotating()
    const { simulator, run } = deployment
    await run(rotating, withRotation)
    const before = standing(simulator)
    for (const args of [role, [...role, '--plan']]) {
      const { exitCode, output } = await run(args, withRotation)
      expect(exitCode, output).toBe(0)
      expect(output).toContain(
        `note: function ${rotateTokens} of an earlier deployment with --rotation is left as it is: its timer goes on to ` +
          'start it',
      )
      expect(output).toContain('take it away with --remove --rotation')
      expect(output).toContain(
        'note: without --rotation no function gets AIGC_ROTATION_STATE, AIGC_ROTATE_EVERY_DAYS',
      )
      expect(output).not.toContain(`unchanged: function ${rotateTokens}`)
    }
    expect(standing(simulator)).toEqual(before)

    const taking = ['--remove', '--rotation']
    const plan = await run([...taking, '--plan'])
    expect(plan.output.match(/^would .*/gm)).toEqual([
      `would delete timer schedule of ${rotateTokens}`,
      `would delete function ${rotateTokens}`,
    ])
    expect(plan.output).toContain('note: the record of AIGC_ROTATION_STATE stays')
    expect(await run(taking)).toMatchObject({ exitCode: 0 })
    expect(standing(simulator)).toEqual(deployed)
    expect((await run(taking)).output).toContain(`gone: function ${rotateTokens}`)
    expect((await run(role)).output).not.toContain(rotateTokens)
    expect(clsCalls(simulator.calls).all).toBe(0)
  })

  it('is taken away by --remove too, also by one that died on the way', async () => {
    const deployment = await startRotating()
    const { run, runUntilDeath } = deployment
    await run(rotating, withRotation)
    await runUntilDeath(['--remove'], 'DeleteFunction')
    // The call goes on without whoever sent it.
    await expect.poll(() => namesOf(deployment), { timeout: 10_000 }).toEqual([listTokens, mirrorTokens])
    expect(await run(['--remove'])).toMatchObject({ exitCode: 0 })
    expect(namesOf(deployment)).toEqual([])
  })

  it('refuses, before anything is touched, what rotate-tokens could not do with', async () => {
    const deployment = await startRotating()
    const { simulator, run } = deployment
    const refused: [args: string[], env: Record<string, string>, says: RegExp][] = [
      [[...role, '--rotation'], withRotation, /name the run role of rotate-tokens with --rotation-role/],
      [rotating, {}, /AIGC_ROTATION_STATE must name where rotate-tokens keeps its record/],
      [
        rotating,
        { AIGC_ROTATION_STATE: 'file:/tmp/record.json' },
        /AIGC_ROTATION_STATE is a file:, and SCF keeps no files/,
      ],
      [
        [...role, '--rotation', '--rotation-role', 'nobody'],
        withRotation,
        /the role nobody of --rotation-role does not exist/,
      ],
    ]
    for (const [args, env, says] of refused) {
      const { exitCode, output } = await run(args, env)
      expect(exitCode, output).toBeGreaterThan(0)
      expect(output).toMatch(says)
    }
    expect(writes(simulator.calls)).toEqual([])
  })

  it('leaves a function of that name that is somebody else’s, and refuses to be it', async () => {
    const deployment = await startRotating()
    const { simulator, run } = deployment
    await run(rotating, withRotation)
    simulator.scf.set(region, rotateTokens, { Description: 'somebody else' })
    for (const args of [rotating, ['--remove', '--rotation']]) {
      const { exitCode, output } = await run(args, withRotation)
      expect(exitCode).toBe(1)
      expect(output).toContain(`function ${rotateTokens} exists and was not made by this command`)
    }
    expect((await run(role)).output).not.toContain(rotateTokens)
    expect(await run(['--remove'])).toMatchObject({ exitCode: 0 })
    expect(namesOf(deployment)).toEqual([rotateTokens])
  })

  it('has three alarms of its own with --alarms, which go and stay with it', async () => {
    const deployment = await startRotating()
    const { simulator, run } = deployment
    const watched = ['--alarms', simulatedNotice]
    const alarmsOf = (): string[] =>
      simulator.cls.alarms(region).map(({ Name }) => String(Name).replace('vod-aigc-tokens-dev-', ''))
    await run([...role, ...watched])
    const mirrorAlarms = alarmsOf()
    const { exitCode, output } = await run([...rotating, ...watched], withRotation)
    expect(exitCode, output).toBe(0)
    const ofRotation = ['rotation-failed', 'rotation-stuck', 'rotation-deletions']
    expect(alarmsOf()).toEqual([...mirrorAlarms, ...ofRotation])
    const [{ TopicId } = {}] = simulator.cls.topics(region)
    expect(simulator.scf.functions(region).map(({ ClsTopicId }) => ClsTopicId)).toEqual(
      new Array(3).fill(TopicId),
    )
    const calls = simulator.calls.length
    await run([...rotating, ...watched], withRotation)
    const without = await run([...role, ...watched])
    expect(without.output).toContain(
      `function ${rotateTokens} of an earlier deployment with --rotation is left`,
    )
    expect(without.output).toContain('is left as it is, with its alarms')
    expect(clsCalls(simulator.calls.slice(calls)).changes).toEqual([])

    const removal = await run(['--remove', '--rotation'])
    expect(removal.exitCode, removal.output).toBe(0)
    expect(removal.output.match(/^delete alarm .*/gm)).toHaveLength(3)
    expect(removal.output).not.toContain('the log topic')
    expect(alarmsOf()).toEqual(mirrorAlarms)
    expect(namesOf(deployment)).toEqual([listTokens, mirrorTokens])
    await run([...rotating, ...watched], withRotation)
    expect((await run(['--remove'])).output.match(/^delete alarm .*/gm)).toHaveLength(7)
    expect(alarmsOf()).toEqual([])
  })
})

describe('npm run deploy:scf after a death', () => {
  it.each([
    ['CreateFunction', 1],
    ['CreateTrigger', 1],
    ['CreateFunction', 2],
    ['UpdateFunctionEventInvokeConfig', 1],
    // The last step: nothing is left but to see that.
    ['CreateTrigger', 2],
  ] as const)('finishes what died after %s number %i', async (action, nth) => {
    const { simulator, run, runUntilDeath } = await start()
    await runUntilDeath(role, action, nth)
    if (action !== 'CreateTrigger' || nth === 1) expect(standing(simulator)).not.toEqual(deployed)
    expect(await run(role)).toMatchObject({ exitCode: 0 })
    expect(standing(simulator)).toEqual(deployed)
    // Nothing was made twice.
    expect(writes(simulator.calls)).toHaveLength(5)
  })

  it.each(['DeleteTrigger', 'UpdateFunctionCode', 'UpdateFunctionConfiguration', 'CreateTrigger'])(
    'finishes what died after %s',
    async (action) => {
      const { simulator, run, runUntilDeath } = await start()
      await run(role)
      simulator.scf.set(region, listTokens, {
        Description: 'vod aigc tokens, list tokens, code of yesterday',
        MemorySize: 128,
      })
      simulator.scf.setTrigger(region, listTokens, 'url-trigger', {
        TriggerDesc: JSON.stringify({
          AuthType: 'NONE',
          NetConfig: { EnableExtranet: true, EnableIntranet: false },
        }),
      })
      await runUntilDeath(role, action)
      expect(await run(role)).toMatchObject({ exitCode: 0 })
      expect(standing(simulator)).toEqual(deployed)
    },
  )

  it.each(['DeleteTrigger', 'DeleteFunction'])('finishes a removal that died after %s', async (action) => {
    const { simulator, run, runUntilDeath } = await start()
    await run(role)
    await runUntilDeath(['--remove'], action)
    expect(await run(['--remove'])).toMatchObject({ exitCode: 0 })
    expect(simulator.scf.functions(region)).toEqual([])
  })
})

describe('npm run deploy:scf on a bad day', () => {
  const everyWrite = ['CreateFunction', 'CreateTrigger', 'UpdateFunctionCode', 'UpdateFunctionConfiguration']

  it.each(['reset', 'lost-answer'] as const)('gets past one %s of each call', async (kind) => {
    const { simulator, run } = await start()
    for (const action of [
      ...everyWrite,
      'UpdateTrigger',
      'DeleteTrigger',
      'DeleteFunction',
      'GetFunction',
      'GetFunctionEventInvokeConfig',
      'UpdateFunctionEventInvokeConfig',
      'ListTriggers',
      'GetRole',
    ])
      simulator.fail({ kind }, 1, action)
    expect(await run(role)).toMatchObject({ exitCode: 0 })
    expect(standing(simulator)).toEqual(deployed)
    simulator.scf.set(region, listTokens, {
      Description: 'vod aigc tokens, list tokens, code of yesterday',
      MemorySize: 128,
    })
    simulator.scf.setTrigger(region, mirrorTokens, 'schedule', { TriggerDesc: '{"cron":"0 0 * * * * *"}' })
    expect(await run(role)).toMatchObject({ exitCode: 0 })
    expect(standing(simulator)).toEqual(deployed)
    expect(await run(['--remove'])).toMatchObject({ exitCode: 0 })
    expect(simulator.scf.functions(region)).toEqual([])
  })

  it('names step, code and request id of what SCF refuses, and the next run goes on from there', async () => {
    const { simulator, run } = await start()
    const events = 'UpdateFunctionEventInvokeConfig'
    for (const action of ['CreateFunction', 'CreateTrigger', 'CreateFunction', events, 'CreateTrigger']) {
      simulator.fail({ kind: 'error', code: 'UnauthorizedOperation.CAM' }, 1, action)
      const { exitCode, output } = await run(role)
      expect(exitCode, output).toBe(1)
      expect(output).toMatch(
        new RegExp(
          `deploy:scf: (create|update) .*${action}.*UnauthorizedOperation\\.CAM.*request id \\S+.*cam:PassRole`,
        ),
      )
    }
    expect(await run(role)).toMatchObject({ exitCode: 0 })
    expect(standing(simulator)).toEqual(deployed)
  })

  it('makes a function anew whose creation failed, and says why it failed', async () => {
    const { simulator, run } = await start()
    simulator.scf.failNext = 'the region has no room'
    const { exitCode, output } = await run(role)
    expect(exitCode).toBe(1)
    expect(output).toContain('it is CreateFailed (the region has no room)')
    expect(await run(role)).toMatchObject({ exitCode: 0 })
    expect(standing(simulator)).toEqual(deployed)
  })

  it('waits for what is going on', async () => {
    const { simulator, run } = await start()
    simulator.scf.delayMs = 400
    expect(await run(role)).toMatchObject({ exitCode: 0 })
    expect(standing(simulator)).toEqual(deployed)
    expect(writes(simulator.calls)).toHaveLength(5)
  })
})

describe('npm run deploy:scf refuses before anything is touched', () => {
  it.each<[what: string, args: string[], env: Record<string, string>, message: RegExp]>([
    ['an unknown flag', ['--rolle', 'x'], {}, /--rolle is not a flag; the flags are --role, --list-role,/],
    [
      'a bad setting',
      role,
      { AIGC_CACHE_SECONDS: 'x', AIGC_MIN_KEEP: '7' },
      /AIGC_CACHE_SECONDS must(.|\n)*AIGC_MIN_KEEP must/,
    ],
    ['no credentials', role, { AIGC_SECRET_ID: '', AIGC_SECRET_KEY: '' }, /no Tencent credentials/],
  ])('refuses %s', async (_, args, env, message) => {
    const { simulator, run } = await start()
    const { exitCode, output } = await run(args, env)
    expect(exitCode, output).toBeGreaterThan(0)
    expect(output).toMatch(message)
    expect(simulator.calls).toEqual([])
  })

  it('refuses a function with another runtime, one of another type, and one that is not ours', async () => {
    const { simulator, run } = await start()
    await run(role)
    const calls = simulator.calls.length
    simulator.scf.set(region, mirrorTokens, { Runtime: 'Nodejs18.15', MemorySize: 128, Type: 'HTTP' })
    simulator.scf.set(region, listTokens, { Description: 'somebody else', MemorySize: 128 })
    const { exitCode, output } = await run(role)
    expect(exitCode).toBe(1)
    expect(output).toContain(
      'has the runtime Nodejs18.15 and should have Nodejs20.19, which SCF cannot change',
    )
    expect(output).toContain('is of type HTTP and should be Event')
    expect(output).toContain(`function ${listTokens} exists and was not made by this command`)
    const removal = await run(['--remove'])
    expect(removal.exitCode).toBe(1)
    expect(removal.output).toContain(`function ${listTokens} exists and was not made by this command`)
    expect(writes(simulator.calls.slice(calls))).toEqual([])
  })

  it('refuses a role that does not exist, although there is new code to upload', async () => {
    const { simulator, run } = await start()
    await run(role)
    simulator.scf.set(region, listTokens, { Description: 'vod aigc tokens, list tokens, code of yesterday' })
    const before = standing(simulator)
    const calls = simulator.calls.length
    const mistyped = ['--role', 'vod-aigc-token', '--list-role', 'vod-aigc-tokens']
    for (const args of [mistyped, [...mistyped, '--plan'], [...role, '--list-role', 'vod-aigc-token']]) {
      const { exitCode, output } = await run(args)
      expect(exitCode, output).toBe(1)
      const flag = args[1] === 'vod-aigc-token' ? '--role' : '--list-role'
      expect(output).toContain(`the role vod-aigc-token of ${flag} does not exist in this account`)
      expect(output).toMatch(/docs\/deploy-tencent\.md .*InvalidParameter\.RoleNotExist/)
    }
    expect(writes(simulator.calls.slice(calls))).toEqual([])
    expect(standing(simulator)).toEqual(before)
  })

  it('does without an answer of CAM, and says so', async () => {
    const { simulator, run } = await start()
    simulator.fail({ kind: 'error', code: 'AuthFailure.UnauthorizedOperation' }, 2, 'GetRole')
    const refused = await run(['--role', 'nobody'])
    expect(refused.exitCode).toBe(1)
    expect(refused.output).toContain('ResourceNotFound.RoleCheck')
    expect(refused.output).toContain('trust scf.qcloud.com')
    expect(simulator.scf.functions(region)).toEqual([])
    const { exitCode, output } = await run(role)
    expect(exitCode).toBe(0)
    expect(output).toMatch(
      /^note: whether the role vod-aigc-tokens of --role exists could not be found out .*grant the caller this action/m,
    )
    expect(standing(simulator)).toEqual(deployed)
  })

  it.each([
    [
      'role',
      ['--role', 'nobody'],
      'InvalidParameter.RoleNotExist',
      'docs/deploy-tencent.md says how to make it',
    ],
    [
      'namespace',
      [...role, '--namespace', 'elsewhere'],
      'ResourceNotFound.Namespace',
      'leave --namespace out',
    ],
    ['region', [...role, '--region', 'ap-nowhere'], 'UnsupportedRegion', 'choose a --region that has SCF'],
  ])('says what to do about a %s that SCF does not know', async (_, args, code, advice) => {
    const { simulator, run } = await start()
    const { exitCode, output } = await run(args)
    expect(exitCode).toBe(1)
    expect(output).toContain(code)
    expect(output).toContain(advice)
    expect(writes(simulator.calls)).toEqual([])
    expect(simulator.scf.functions(region)).toEqual([])
  })

  it('says what to do in a region without the runtime, and has made nothing', async () => {
    const { simulator, run } = await start()
    simulator.scf.runtimes.delete('Nodejs20.19')
    const { exitCode, output } = await run(role)
    expect(exitCode).toBe(1)
    expect(output).toMatch(
      /create web function .*InvalidParameterValue\.Runtime.*request id.*this region does not have the runtime; choose another --runtime, or another --region/,
    )
    expect(writes(simulator.calls)).toEqual(['CreateFunction InvalidParameterValue.Runtime'])
    expect(simulator.scf.functions(region)).toEqual([])
  })
})

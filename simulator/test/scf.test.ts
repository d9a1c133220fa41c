/**
 * The simulator's SCF, called by Tencent's own SDK for it: what the SDK sends and expects is what the simulator has
 * to take and to give.
 */
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { zipSync } from 'fflate'
import { scf } from 'tencentcloud-sdk-nodejs-scf'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../simulator.ts'

const region = 'ap-singapore'
const FunctionName = 'greeter'
const zip = (source: string): string =>
  Buffer.from(zipSync({ 'index.js': Buffer.from(source) })).toString('base64')
const ZipFile = zip('exports.main_handler = async (event, context) => ({ event, context, env: process.env })')
const good = {
  FunctionName,
  Runtime: 'Nodejs20.19',
  Handler: 'index.main_handler',
  CodeSource: 'ZipFile',
  Code: { ZipFile },
  Description: 'vod aigc tokens, a test.',
  MemorySize: 256,
  Timeout: 10,
  Role: 'vod-aigc-tokens',
  Type: 'Event',
  Environment: { Variables: [{ Key: 'GREETING', Value: 'hello' }] },
  PublicNetConfig: { PublicNetStatus: 'ENABLE' },
}
const timer = { FunctionName, TriggerName: 'schedule', Type: 'timer', TriggerDesc: '0 */5 * * * * *' }
const NetConfig = { EnableIntranet: false, EnableExtranet: true }
const openUrl = {
  FunctionName,
  TriggerName: 'url-trigger',
  Type: 'http',
  TriggerDesc: JSON.stringify({ AuthType: 'NONE', NetConfig }),
}

describe('functions', () => {
  it('CreateFunction makes a function that is Creating, then Active, as GetFunction and ListFunctions show it', async () => {
    const { simulator, sdk, advance } = await start()
    simulator.scf.delayMs = 1000
    await sdk.CreateFunction(good)
    expect(await sdk.GetFunction({ FunctionName })).toMatchObject({ Status: 'Creating' })
    advance(1000)
    const { FunctionName: _, Code, CodeSource, Environment, ...same } = good
    expect(await sdk.GetFunction({ FunctionName, ShowCode: 'FALSE' })).toMatchObject({
      ...same,
      Status: 'Active',
      Namespace: 'default',
      Environment,
      Triggers: [],
      StatusReasons: [],
    })
    expect(await sdk.ListFunctions({})).toMatchObject({
      TotalCount: 1,
      Functions: [{ FunctionName, Status: 'Active', Runtime: 'Nodejs20.19' }],
    })
    expect(await sdk.ListFunctions({ Offset: 1 })).toMatchObject({ TotalCount: 1, Functions: [] })
  })

  it('UpdateFunctionCode and UpdateFunctionConfiguration change what they name, and nothing before they are through', async () => {
    const { simulator, sdk, advance } = await start()
    simulator.scf.delayMs = 1000
    await sdk.CreateFunction(good)
    advance(1000)
    const next = zip('exports.main_handler = async () => 2')
    await sdk.UpdateFunctionCode({ FunctionName, Code: { ZipFile: next }, Handler: 'index.main_handler' })
    expect(await sdk.GetFunction({ FunctionName })).toMatchObject({ Status: 'Updating' })
    expect(Buffer.from(simulator.scf.functions(region)[0]?.Code ?? []).toString('base64')).toBe(ZipFile)
    advance(1000)
    expect(Buffer.from(simulator.scf.functions(region)[0]?.Code ?? []).toString('base64')).toBe(next)
    await sdk.UpdateFunctionConfiguration({ FunctionName, Timeout: 180 })
    advance(1000)
    expect(await sdk.GetFunction({ FunctionName })).toMatchObject({
      Timeout: 180,
      MemorySize: 256,
      Environment: good.Environment,
      Status: 'Active',
    })
    await sdk.UpdateFunctionConfiguration({
      FunctionName,
      Environment: { Variables: [{ Key: '', Value: '' }] },
    })
    advance(1000)
    expect(await sdk.GetFunction({ FunctionName })).toMatchObject({ Environment: { Variables: [] } })
  })

  it('DeleteFunction takes a function away, after a while', async () => {
    const { simulator, sdk, advance } = await start()
    await sdk.CreateFunction(good)
    simulator.scf.delayMs = 1000
    await sdk.DeleteFunction({ FunctionName })
    expect(await sdk.GetFunction({ FunctionName })).toMatchObject({ Status: 'Deleting' })
    advance(1000)
    expect(await codeOf(sdk.GetFunction({ FunctionName }))).toBe('ResourceNotFound.Function')
  })

  it.each([
    ['CreateFunction', 'CreateFailed'],
    ['UpdateFunctionCode', 'UpdateFailed'],
    ['DeleteFunction', 'DeleteFailed'],
  ] as const)('%s can end as %s, with a reason', async (action, status) => {
    const { simulator, sdk } = await start()
    if (action !== 'CreateFunction') await sdk.CreateFunction(good)
    simulator.scf.failNext = 'no room'
    if (action === 'CreateFunction') await sdk.CreateFunction(good)
    else if (action === 'DeleteFunction') await sdk.DeleteFunction({ FunctionName })
    else await sdk.UpdateFunctionCode({ FunctionName, Code: { ZipFile } })
    expect(await sdk.GetFunction({ FunctionName })).toMatchObject({
      Status: status,
      StatusReasons: [{ ErrorMessage: 'no room' }],
    })
  })

  it('a function that is not Active refuses every change, each with its own code', async () => {
    const { simulator, sdk } = await start()
    await sdk.CreateFunction(good)
    await sdk.CreateTrigger(timer)
    simulator.scf.delayMs = 1000
    await sdk.UpdateFunctionCode({ FunctionName, Code: { ZipFile } })
    const refusals = {
      CreateFunction: await codeOf(sdk.CreateFunction(good)),
      UpdateFunctionCode: await codeOf(sdk.UpdateFunctionCode({ FunctionName, Code: { ZipFile } })),
      UpdateFunctionConfiguration: await codeOf(sdk.UpdateFunctionConfiguration({ FunctionName })),
      CreateTrigger: await codeOf(sdk.CreateTrigger({ ...timer, TriggerName: 'b' })),
      UpdateTrigger: await codeOf(sdk.UpdateTrigger({ ...timer, Enable: 'CLOSE' })),
      DeleteTrigger: await codeOf(sdk.DeleteTrigger(timer)),
      DeleteFunction: await codeOf(sdk.DeleteFunction({ FunctionName })),
    }
    expect(refusals).toEqual({
      CreateFunction: 'ResourceInUse.FunctionName',
      UpdateFunctionCode: 'FailedOperation.UpdateFunctionCode',
      UpdateFunctionConfiguration: 'FailedOperation.UpdateFunctionConfiguration',
      CreateTrigger: 'FailedOperation.CreateTrigger',
      UpdateTrigger: 'FailedOperation.FunctionStatusError',
      DeleteTrigger: 'FailedOperation.DeleteTrigger',
      DeleteFunction: 'FailedOperation.DeleteFunction',
    })
  })

  const variables = (Key: string, Value: string): object => ({ Environment: { Variables: [{ Key, Value }] } })
  it.each<[what: string, changes: object, code: string]>([
    ['a bad name', { FunctionName: '1a' }, 'InvalidParameterValue.FunctionName'],
    ['a name of 61 characters', { FunctionName: 'a'.repeat(61) }, 'InvalidParameterValue.FunctionName'],
    ['a runtime it does not have', { Runtime: 'Nodejs22.1' }, 'InvalidParameterValue.Runtime'],
    ['a bad handler', { Handler: 'index' }, 'InvalidParameterValue.Handler'],
    ['901 seconds', { Timeout: 901 }, 'LimitExceeded.Timeout'],
    ['100 MB', { MemorySize: 100 }, 'InvalidParameterValue.MemorySize'],
    ['a role that does not exist', { Role: 'nobody' }, 'ResourceNotFound.RoleCheck'],
    ['a namespace that does not exist', { Namespace: 'elsewhere' }, 'ResourceNotFound.Namespace'],
    ['a description with a colon', { Description: 'a: b' }, 'InvalidParameterValue.Description'],
    ['a description with a hyphen', { Description: 'a-b' }, 'InvalidParameterValue.Description'],
    ['a reserved variable', variables('TENCENTCLOUD_X', 'x'), 'InvalidParameterValue.Environment'],
    ['an empty variable', variables('EMPTY', ''), 'InvalidParameterValue.Environment'],
    ['4097 bytes of variables', variables('X1', 'x'.repeat(4095)), 'InvalidParameterValue.Environment'],
    ['no base64', { Code: { ZipFile: '%' } }, 'InvalidParameterValue.ZipFileBase64BinasciiError'],
    ['no zip', { Code: { ZipFile: 'AAAA' } }, 'InvalidParameterValue.ZipFile'],
    ['another source of code', { CodeSource: 'Cos' }, 'InvalidParameterValue.CodeSource'],
    ['an unknown parameter', { Memory: 1 }, 'UnknownParameter'],
  ])('CreateFunction refuses %s', async (_, changes, code) => {
    const { simulator, sdk } = await start()
    expect(await codeOf(sdk.CreateFunction({ ...good, ...changes }))).toBe(code)
    expect(simulator.scf.functions(region)).toEqual([])
  })

  it('UpdateFunctionConfiguration refuses another runtime', async () => {
    const { sdk } = await start()
    await sdk.CreateFunction(good)
    expect(await codeOf(sdk.UpdateFunctionConfiguration({ FunctionName, Runtime: 'Nodejs18.15' }))).toBe(
      'InvalidParameterValue.Runtime',
    )
  })

  it('a wrong key and a region without SCF are refused', async () => {
    const { simulator, sdk, client } = await start()
    expect(await codeOf(client(region, 'wrong').GetFunction({ FunctionName }))).toBe(
      'AuthFailure.SignatureFailure',
    )
    expect(await codeOf(client('ap-nowhere', simulator.secretKey).GetFunction({ FunctionName }))).toBe(
      'UnsupportedRegion',
    )
    expect(await codeOf(sdk.GetFunction({ FunctionName }))).toBe('ResourceNotFound.Function')
  })
})

describe('triggers', () => {
  it('CreateTrigger takes a bare cron expression and OPEN, and ListTriggers gives back JSON and 1', async () => {
    const { sdk } = await start()
    await sdk.CreateFunction(good)
    const created = {
      TriggerName: 'schedule',
      Type: 'timer',
      TriggerDesc: '{"cron":"0 */5 * * * * *"}',
      Enable: 1,
    }
    expect(await sdk.CreateTrigger({ ...timer, Enable: 'OPEN', CustomArgument: 'hi' })).toMatchObject({
      TriggerInfo: created,
    })
    expect(await sdk.ListTriggers({ FunctionName, Limit: 100 })).toMatchObject({
      TotalCount: 1,
      Triggers: [created],
    })
    await sdk.UpdateTrigger({ ...timer, TriggerDesc: '0 0 * * * * *', Enable: 'CLOSE' })
    expect(await sdk.GetFunction({ FunctionName })).toMatchObject({
      Triggers: [{ TriggerDesc: '{"cron":"0 0 * * * * *"}', Enable: 0, CustomArgument: 'hi' }],
    })
    await sdk.DeleteTrigger(timer)
    expect(await sdk.ListTriggers({ FunctionName })).toMatchObject({ TotalCount: 0, Triggers: [] })
    expect(await codeOf(sdk.DeleteTrigger(timer))).toBe('ResourceNotFound.Trigger')
  })

  it.each<[what: string, trigger: object, code: string]>([
    ['the name of another', timer, 'ResourceInUse.TriggerName'],
    ['a second URL of a version', { ...openUrl, TriggerName: 'second' }, 'ResourceInUse.Trigger'],
    [
      'no cron',
      { ...timer, TriggerName: 'b', TriggerDesc: 'rate(5 minutes)' },
      'InvalidParameterValue.TriggerDesc',
    ],
    ['no JSON', { ...openUrl, Qualifier: '1', TriggerDesc: 'x' }, 'InvalidParameterValue.TriggerDesc'],
    [
      'another AuthType',
      { ...openUrl, Qualifier: '1', TriggerDesc: '{"AuthType":"IAM"}' },
      'InvalidParameterValue.TriggerDesc',
    ],
    [
      'no NetConfig',
      { ...openUrl, Qualifier: '1', TriggerDesc: '{"AuthType":"CAM"}' },
      'InvalidParameterValue.TriggerDesc',
    ],
    ['another type', { ...timer, TriggerName: 'b', Type: 'apigw' }, 'InvalidParameterValue.Type'],
    ['1', { ...timer, TriggerName: 'b', Enable: '1' }, 'InvalidParameterValue.Enable'],
  ])('CreateTrigger refuses %s', async (_, trigger, code) => {
    const { sdk } = await start()
    await sdk.CreateFunction(good)
    await sdk.CreateTrigger(timer)
    await sdk.CreateTrigger(openUrl)
    expect(await codeOf(sdk.CreateTrigger({ ...timer, ...trigger }))).toBe(code)
  })
})

describe('what is deployed runs', () => {
  it('a timer and a URL run the code with SCF’s event, context and environment', async () => {
    const { simulator, sdk, advance } = await start()
    await sdk.CreateFunction(good)
    await sdk.CreateTrigger({ ...timer, CustomArgument: 'hi' })
    await sdk.CreateTrigger(openUrl)
    const { result } = await simulator.scf.runTimer(region, FunctionName)
    expect(result).toMatchObject({
      event: {
        Type: 'Timer',
        TriggerName: 'schedule',
        Time: `${new Date(advance(0)).toISOString().slice(0, 19)}Z`,
        Message: 'hi',
      },
      context: {
        time_limit_in_ms: 10_000,
        memory_limit_in_mb: 256,
        function_name: FunctionName,
        namespace: 'default',
      },
      env: {
        GREETING: 'hello',
        TENCENTCLOUD_RUNENV: 'SCF',
        TENCENTCLOUD_REGION: region,
        SCF_FUNCTIONNAME: FunctionName,
        SCF_RUNTIME: 'Nodejs20.19',
      },
    })
    const { env } = result as { env: Record<string, string> }
    // The run role's key is one that may sign.
    expect(simulator.keys.get(env['TENCENTCLOUD_SECRETID'] ?? '')).toEqual({
      secretKey: env['TENCENTCLOUD_SECRETKEY'],
      token: env['TENCENTCLOUD_SESSIONTOKEN'],
    })
    expect(env).not.toHaveProperty('PATH')

    const answer = await fetch(`${urlOf(simulator)}/a/b?c=1&c=2`, { method: 'POST', body: 'text' })
    // What has no status code is an answer as it is.
    expect(answer.status).toBe(200)
    const { event } = (await answer.json()) as { event: Record<string, unknown> }
    expect(event).toEqual({
      body: 'text',
      headers: expect.objectContaining({ 'content-length': '4', 'x-scf-remote-addr': '127.0.0.1' }),
      httpMethod: 'POST',
      path: '/a/b',
      queryString: { c: '2' },
    })
  })

  it('an update replaces the running code', async () => {
    const { simulator, sdk } = await start()
    await sdk.CreateFunction(good)
    await sdk.CreateTrigger(openUrl)
    await fetch(urlOf(simulator))
    const reply = '{ statusCode: 201, headers: { "x-a": "b" }, body: "new" }'
    await sdk.UpdateFunctionCode({
      FunctionName,
      Code: { ZipFile: zip(`exports.main_handler = async () => (${reply})`) },
    })
    const answer = await fetch(urlOf(simulator))
    expect([answer.status, answer.headers.get('x-a'), await answer.text()]).toEqual([201, 'b', 'new'])
  })

  it('a URL answers 430 for code that throws, 403 to the unsigned behind CAM, 404 when it is off', async () => {
    const { simulator, sdk } = await start()
    const code = zip('exports.main_handler = async () => { throw new Error("x") }')
    await sdk.CreateFunction({ ...good, Code: { ZipFile: code } })
    await sdk.CreateTrigger(openUrl)
    const url = urlOf(simulator)
    const statusOf = async (): Promise<number> => (await fetch(url)).status
    expect(await statusOf()).toBe(430)
    await sdk.UpdateTrigger({ ...openUrl, TriggerDesc: JSON.stringify({ AuthType: 'CAM', NetConfig }) })
    expect(urlOf(simulator)).toBe(url)
    expect(await statusOf()).toBe(403)
    await sdk.UpdateTrigger({ ...openUrl, Enable: 'CLOSE' })
    expect(await statusOf()).toBe(404)
    expect((await fetch(`${simulator.url}/function-url/nobody/`)).status).toBe(404)
  })
})

describe('a function whose process dies', () => {
  it('answers 430, and the next request finds a new process', async () => {
    const { simulator, sdk } = await start()
    const code = zip(
      'let calls = 0; exports.main_handler = async (event) => event.path === "/die" ? process.exit(1) : ++calls',
    )
    await sdk.CreateFunction({ ...good, Code: { ZipFile: code } })
    await sdk.CreateTrigger(openUrl)
    const get = async (path: string): Promise<unknown> => {
      const answer = await fetch(`${urlOf(simulator)}${path}`)
      return answer.status === 200 ? answer.json() : answer.status
    }
    expect([await get('/'), await get('/'), await get('/die'), await get('/')]).toEqual([1, 2, 430, 1])
  })
})

function urlOf({ scf }: TencentSimulator): string {
  const triggers = scf.functions(region)[0]?.Triggers ?? []
  const url = triggers.find(({ Type }) => Type === 'http')
  return JSON.parse(url?.TriggerDesc ?? '{}').NetConfig.ExtranetUrl
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'ok',
    (error) => error.code,
  )
}

async function start() {
  let time = Date.now()
  const simulator = await startTencentSimulator({ now: () => time })
  simulator.scf.delayMs = 0
  onTestFinished(() => simulator.close())
  const agent = Object.assign(new Agent(), { createConnection: () => connect(simulator.port, '127.0.0.1') })
  const client = (region: string, secretKey: string) =>
    new scf.v20180416.Client({
      credential: { secretId: simulator.secretId, secretKey },
      region,
      profile: { httpProfile: { endpoint: 'scf.intl.tencentcloudapi.com', protocol: 'http://', agent } },
    })
  return {
    simulator,
    client,
    sdk: client(region, simulator.secretKey),
    /** Lets time pass; returns what time it is. */
    advance: (ms: number) => {
      time += ms
      return time
    },
  }
}

/**
 * The simulator's SCF, called by Tencent's own SDK for it: what the SDK sends and expects is what the simulator has
 * to take and to give.
 */
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { zipSync } from 'fflate'
import { scf } from 'tencentcloud-sdk-nodejs-scf'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type WebFunction, zipWebFunction } from '../../test/support/web-function.ts'
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

  it('CreateFunction refuses the name of a function that is being updated as that of any other', async () => {
    const { simulator, sdk } = await start()
    await sdk.CreateFunction(good)
    simulator.scf.delayMs = 1000
    await sdk.UpdateFunctionCode({ FunctionName, Code: { ZipFile } })
    expect(await codeOf(sdk.CreateFunction(good))).toBe('ResourceInUse.FunctionName')
  })

  const AsyncTriggerConfig = { RetryConfig: [{ RetryNum: 1 }], MsgTTL: 300 }
  it.each<[action: string, code: string, change: (sdk: Sdk) => Promise<unknown>]>([
    [
      'UpdateFunctionCode',
      'FailedOperation.UpdateFunctionCode',
      (sdk) => sdk.UpdateFunctionCode({ FunctionName, Code: { ZipFile } }),
    ],
    [
      'UpdateFunctionConfiguration',
      'FailedOperation.UpdateFunctionConfiguration',
      (sdk) => sdk.UpdateFunctionConfiguration({ FunctionName }),
    ],
    [
      'UpdateFunctionEventInvokeConfig',
      'FailedOperation',
      (sdk) => sdk.UpdateFunctionEventInvokeConfig({ FunctionName, AsyncTriggerConfig }),
    ],
    [
      'CreateTrigger',
      'FailedOperation.CreateTrigger',
      (sdk) => sdk.CreateTrigger({ ...timer, TriggerName: 'b' }),
    ],
    [
      'UpdateTrigger',
      'FailedOperation.FunctionStatusError',
      (sdk) => sdk.UpdateTrigger({ ...timer, Enable: 'CLOSE' }),
    ],
    ['DeleteTrigger', 'FailedOperation.DeleteTrigger', (sdk) => sdk.DeleteTrigger(timer)],
    ['DeleteFunction', 'FailedOperation.DeleteFunction', (sdk) => sdk.DeleteFunction({ FunctionName })],
  ])(
    '%s of a function that is not Active is refused, in the ways that SCF was seen to do so, in turn',
    async (action, code, change) => {
      const { simulator, sdk } = await start()
      await sdk.CreateFunction(good)
      await sdk.CreateTrigger(timer)
      simulator.scf.delayMs = 1000
      await sdk.UpdateFunctionCode({ FunctionName, Code: { ZipFile } })
      const refusals: string[] = []
      while (refusals.length < 5)
        refusals.push(
          await change(sdk).then(
            () => 'ok',
            (error) => `${error.code}: ${error.message}`,
          ),
        )
      expect(refusals).toEqual([
        `${code}: 当前函数处于Updating状态，无法进行此操作，请稍后重试。`,
        `UnauthorizedOperation.FunctionStatus: Function status Updating is not allowed to do ${action}.`,
        `${code}: 当前函数状态无法进行此操作，请在函数状态正常时重试。`,
        'FailedOperation.FunctionStatusError: The function is Updating; try again later.',
        refusals[0],
      ])
    },
  )

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
    ['another type', { Type: 'Web' }, 'InvalidParameterValue.Type'],
    ['an event function without a handler', { Handler: undefined }, 'InvalidParameterValue.Handler'],
    ['a web function with a handler', { Type: 'HTTP' }, 'InvalidParameterValue.Handler'],
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

  it.each([
    ['Event', 'HTTP'],
    ['HTTP', 'Event'],
  ])('the type of a function of type %s cannot become %s', async (Type, other) => {
    const { sdk } = await start()
    const { Handler, ...others } = good
    await sdk.CreateFunction({ ...others, Type, ...(Type === 'Event' && { Handler }) })
    const changed = { FunctionName, Type: other }
    expect(await codeOf(sdk.UpdateFunctionConfiguration(changed))).toBe('UnknownParameter')
    const code = { ...changed, Code: { ZipFile } }
    expect(await codeOf(sdk.UpdateFunctionCode(code))).toBe('UnknownParameter')
    expect(await sdk.GetFunction({ FunctionName })).toMatchObject({ Type })
  })

  it('a web function takes no handler with new code', async () => {
    const { sdk } = await start()
    const { Handler, ...others } = good
    await sdk.CreateFunction({ ...others, Type: 'HTTP' })
    const code = { FunctionName, Code: { ZipFile } }
    expect(await codeOf(sdk.UpdateFunctionCode({ ...code, Handler }))).toBe('InvalidParameterValue.Handler')
    expect(await codeOf(sdk.UpdateFunctionCode(code))).toBe('ok')
  })

  it('every field that the SDK documents is accepted, and so are those that Tencent’s own tool sends', async () => {
    const { sdk } = await start()
    const undocumented = { DeployMode: 'code', DiskSize: 512 }
    const both = {
      ...{
        ClsLogsetId: '',
        ClsTopicId: '',
        VpcConfig: {},
        Layers: [],
        DeadLetterConfig: {},
        InitTimeout: 65,
      },
      ...{ CfsConfig: { CfsInsList: [] }, ProtocolParams: {}, InstanceConcurrencyConfig: {} },
      ...{ DnsCache: 'FALSE', IntranetConfig: { IpFixed: 'DISABLE' }, InstallDependency: 'FALSE' },
    }
    const {
      Type: _,
      Code,
      CodeSource,
      Handler,
      Runtime,
      ...configuration
    } = { ...good, Namespace: 'default' }
    const creation = {
      ...both,
      ...configuration,
      ...{ Code, CodeSource, Handler, Runtime, Type: 'Event', Tags: [], ProtocolType: '' },
      ...{ AsyncRunEnable: 'FALSE', TraceEnable: 'FALSE' },
      ...{ AutoDeployClsTopicIndex: 'FALSE', AutoCreateClsTopic: 'FALSE' },
    }
    await sdk.CreateFunction({
      ...(creation satisfies { [N in keyof Required<Request<'CreateFunction'>>]: unknown }),
      ...undocumented,
    } as object as Request<'CreateFunction'>)
    const change = {
      ...both,
      ...configuration,
      Runtime,
      Publish: 'FALSE',
      L5Enable: 'FALSE',
      IgnoreSysLog: false,
    }
    await sdk.UpdateFunctionConfiguration({
      ...(change satisfies { [N in keyof Required<Request<'UpdateFunctionConfiguration'>>]: unknown }),
      ...undocumented,
    } as object as Request<'UpdateFunctionConfiguration'>)
    const code: Omit<Required<Request<'UpdateFunctionCode'>>, 'Code'> = {
      ...{ FunctionName, Handler, CosBucketName: '', CosObjectName: '', CosBucketRegion: '', ZipFile },
      ...{ Namespace: 'default', InstallDependency: 'FALSE', EnvId: '', Publish: 'FALSE', CodeSource },
    }
    await sdk.UpdateFunctionCode(code)
    const read: Required<Request<'GetFunction'>> & { ShowTriggers: string } = {
      ...{
        FunctionName,
        Qualifier: '$LATEST',
        Namespace: 'default',
        ShowCode: 'FALSE',
        ShowTriggers: 'TRUE',
      },
    }
    await sdk.GetFunction(read)
    const list: Required<Request<'ListFunctions'>> = {
      ...{ Order: 'ASC', Orderby: 'AddTime', Offset: 0, Limit: 20, SearchKey: '', Namespace: 'default' },
      ...{ Description: '', Filters: [{ Name: 'Type', Values: ['HTTP'] }] },
    }
    expect(await sdk.ListFunctions(list)).toMatchObject({ TotalCount: 0 })
    const event = { Name: 'Type', Values: ['HTTP', 'Event'] }
    expect(await sdk.ListFunctions({ ...list, Filters: [event] })).toMatchObject({ TotalCount: 1 })
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

  it('UpdateTrigger finds no function URL', async () => {
    const { simulator, sdk } = await start()
    await sdk.CreateFunction(good)
    await sdk.CreateTrigger(openUrl)
    const before = simulator.scf.functions(region)
    for (const change of [{ Enable: 'CLOSE' }, { TriggerDesc: openUrl.TriggerDesc }])
      expect(await codeOf(sdk.UpdateTrigger({ ...openUrl, ...change }))).toBe('ResourceNotFound')
    expect(simulator.scf.functions(region)).toEqual(before)
  })

  it('ListTriggers gives those that fit every filter', async () => {
    const { sdk } = await start()
    await sdk.CreateFunction(good)
    await sdk.CreateTrigger(timer)
    await sdk.CreateTrigger(openUrl)
    const list: Required<Request<'ListTriggers'>> = {
      ...{ FunctionName, Namespace: 'default', Offset: 0, Limit: 20, OrderBy: 'add_time', Order: 'ASC' },
      Filters: [
        { Name: 'Qualifier', Values: ['$LATEST'] },
        { Name: 'TriggerName', Values: ['url-trigger', 'other'] },
      ],
    }
    expect(await sdk.ListTriggers(list)).toMatchObject({ TotalCount: 1, Triggers: [{ Type: 'http' }] })
    expect(await codeOf(sdk.ListTriggers({ ...list, Filters: [{ Name: 'Type', Values: [] }] }))).toBe(
      'InvalidParameterValue.Filters',
    )
  })

  it('CreateTrigger gives a web function no timer', async () => {
    const { sdk } = await start()
    const { Handler: _, ...others } = good
    await sdk.CreateFunction({ ...others, Type: 'HTTP' })
    expect(await codeOf(sdk.CreateTrigger(timer))).toBe('InvalidParameterValue.Type')
    expect(await codeOf(sdk.CreateTrigger(openUrl))).toBe('ok')
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
    simulator.scf.setTrigger(region, FunctionName, 'url-trigger', { Enable: 0 })
    expect(await statusOf()).toBe(404)
    await sdk.DeleteTrigger(openUrl)
    await sdk.CreateTrigger({ ...openUrl, TriggerDesc: JSON.stringify({ AuthType: 'CAM', NetConfig }) })
    // Its address is another one, as the name of the trigger is no part of it.
    expect(urlOf(simulator)).not.toBe(url)
    expect((await fetch(urlOf(simulator))).status).toBe(403)
    expect((await fetch(`${simulator.url}/function-url/nobody/`)).status).toBe(404)
  })
})

describe('event invoke configuration', () => {
  const config = (RetryNum: number, MsgTTL: number): Request<'UpdateFunctionEventInvokeConfig'> => ({
    FunctionName,
    Namespace: 'default',
    AsyncTriggerConfig: { RetryConfig: [{ RetryNum }], MsgTTL },
  })

  it('GetFunctionEventInvokeConfig gives two retries within six hours, or what was set', async () => {
    const { simulator, sdk, advance } = await start()
    await sdk.CreateFunction(good)
    const get = () =>
      sdk.GetFunctionEventInvokeConfig({ FunctionName, Namespace: 'default', Qualifier: '$LATEST' })
    expect(await get()).toMatchObject({
      AsyncTriggerConfig: { RetryConfig: [{ RetryNum: 2 }, { RetryNum: -1 }], MsgTTL: 21_600 },
    })
    simulator.scf.delayMs = 1000
    await sdk.UpdateFunctionEventInvokeConfig(config(1, 300))
    expect(await codeOf(get())).toBe('FailedOperation.FunctionVersionStatusNotActive')
    advance(1000)
    expect(await get()).toMatchObject({
      AsyncTriggerConfig: { RetryConfig: [{ RetryNum: 1 }, { RetryNum: -1 }], MsgTTL: 300 },
    })
    expect(simulator.scf.functions(region)).toMatchObject([{ EventInvoke: { retries: 1, MsgTTL: 300 } }])
  })

  it.each([
    [3, 300, 'InvalidParameterValue.RetryNum'],
    [1, 59, 'InvalidParameterValue.MsgTTL'],
    [1, 21_601, 'InvalidParameterValue.MsgTTL'],
    [0, 60, 'ok'],
    [2, 21_600, 'ok'],
  ])('UpdateFunctionEventInvokeConfig of %i retries within %i s is %s', async (retries, ttl, code) => {
    const { sdk } = await start()
    await sdk.CreateFunction(good)
    expect(await codeOf(sdk.UpdateFunctionEventInvokeConfig(config(retries, ttl)))).toBe(code)
  })
})

describe('what SCF keeps of a run', () => {
  it('is what an event function writes and returns, by timer, URL and hand, readable by GetFunctionLogs', async () => {
    const { simulator, sdk } = await start()
    const code = `let runs = 0
      console.log('starting')
      exports.main_handler = async ({ Type, path, by }, { request_id }) => {
        console.log('run ' + ++runs)
        if (by === 'failure') throw new Error('no ' + by)
        return { statusCode: 200, body: 'SECRET of ' + (Type ?? path ?? by) }
      }`
    await sdk.CreateFunction({ ...good, Code: { ZipFile: zip(code) } })
    await sdk.CreateTrigger(timer)
    await sdk.CreateTrigger(openUrl)
    await simulator.scf.runTimer(region, FunctionName)
    expect(await (await fetch(`${urlOf(simulator)}/tokens`)).text()).toBe('SECRET of /tokens')
    const { Result } = await sdk.Invoke({ FunctionName, ClientContext: '{"by":"hand"}', LogType: 'Tail' })
    expect(Result).toMatchObject({
      RetMsg: '{"statusCode":200,"body":"SECRET of hand"}',
      Log: 'run 3\n',
      InvokeResult: 0,
    })
    const failed = await sdk.InvokeFunction({ FunctionName, Event: '{"by":"failure"}' })
    expect(failed.Result).toMatchObject({ RetMsg: '', ErrMsg: expect.stringContaining('no failure') })

    const { Data = [] } = await sdk.GetFunctionLogs({ FunctionName, Order: 'asc' })
    expect(Data).toMatchObject([
      { RetMsg: expect.stringContaining('SECRET of Timer'), Log: 'starting\nrun 1\n', RetCode: 0 },
      { RetMsg: expect.stringContaining('SECRET of /tokens'), Log: 'run 2\n', RetCode: 0 },
      { RetMsg: expect.stringContaining('SECRET of hand'), RequestId: Result?.FunctionRequestId, RetCode: 0 },
      { RetMsg: expect.stringMatching(/no failure.*main_handler/), Log: 'run 4\n', RetCode: 430 },
    ])
    const all = { FunctionName, Namespace: 'default', Offset: 0, Limit: 10 }
    expect(await sdk.GetFunctionLogs({ ...all, Filter: { RetCode: 'not0' } })).toMatchObject({
      TotalCount: 1,
      Data: [{ RetCode: 430 }],
    })
    const FunctionRequestId = Data[1]?.RequestId ?? ''
    expect(await sdk.GetFunctionLogs({ ...all, FunctionRequestId })).toMatchObject({ Data: [Data[1]] })
    // The operator sees them even when the function is gone.
    await sdk.DeleteFunction({ FunctionName })
    expect(await codeOf(sdk.GetFunctionLogs(all))).toBe('ResourceNotFound.Function')
    expect(simulator.scf.logs(region).map(({ RequestId }) => RequestId)).toEqual(
      Data.map(({ RequestId }) => RequestId),
    )
  })

  it('is at most 8 KB of what is returned', async () => {
    const { simulator, sdk } = await start()
    await sdk.CreateFunction({
      ...good,
      Code: { ZipFile: zip('exports.main_handler = async () => "x".repeat(9000)') },
    })
    await sdk.Invoke({ FunctionName })
    expect(simulator.scf.logs(region)[0]?.RetMsg).toBe(`"${'x'.repeat(8191)}`)
  })
})

/** A web function that stands, with an open URL. */
async function startWeb(web: WebFunction = {}, changes: object = {}) {
  const started = await start()
  const { Handler: _, ...others } = good
  const Code = { ZipFile: Buffer.from(zipWebFunction(web)).toString('base64') }
  await started.sdk.CreateFunction({ ...others, Code, Type: 'HTTP', ...changes })
  await started.sdk.CreateTrigger(openUrl)
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(`${urlOf(started.simulator)}${path}`, init)
    return { answer, asked: (await answer.json()) as Asked }
  }
  return { ...started, ask }
}

interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string[]>
  readonly body: string
  readonly env: Record<string, string>
  readonly port: number
}

describe('a web function', () => {
  it('gets method, path, query, headers and body of its URL’s requests, and its answers are passed on', async () => {
    const { ask } = await startWeb()
    const { answer, asked } = await ask('/a%2Fb/c?d=1&d=2', {
      method: 'PUT',
      body: 'text',
      headers: { 'x-mine': 'yes', authorization: 'Bearer key' },
    })
    expect([answer.status, answer.headers.get('x-own')]).toEqual([200, 'yes'])
    expect(asked).toMatchObject({
      method: 'PUT',
      url: '/a%2Fb/c?d=1&d=2',
      body: 'text',
      headers: { 'x-mine': ['yes'], authorization: ['Bearer key'], 'content-length': ['4'] },
    })
    expect((await ask('')).asked.url).toBe('/')
    expect((await ask('/teapot')).answer.status).toBe(418)
  })

  it('gets the run role’s keys with each request, and none in its environment', async () => {
    const { simulator, ask } = await startWeb()
    const { headers, env } = (await ask('/')).asked
    expect(env).toMatchObject({
      GREETING: 'hello',
      TENCENTCLOUD_RUNENV: 'SCF',
      SCF_FUNCTIONNAME: FunctionName,
    })
    expect(env).not.toHaveProperty('TENCENTCLOUD_SECRETID')
    expect(headers).toMatchObject({
      'x-scf-request-id': [expect.stringMatching(/^[\w-]{36}$/)],
      'x-scf-remote-addr': ['127.0.0.1'],
      'x-scf-name': [FunctionName],
      'x-scf-region': [region],
      'x-scf-memory': ['256'],
    })
    const keyIn = ({ headers: { ...sent } }: Asked) => ({
      id: sent['x-scf-secret-id']?.[0],
      key: { secretKey: sent['x-scf-secret-key']?.[0], token: sent['x-scf-session-token']?.[0] },
    })
    const first = keyIn((await ask('/')).asked)
    expect(simulator.keys.get(first.id ?? '')).toEqual(first.key)
    simulator.scf.renewRoleKey(region, FunctionName)
    const second = keyIn((await ask('/')).asked)
    expect(second.id).not.toBe(first.id)
    expect(simulator.keys.get(second.id ?? '')).toEqual(second.key)
    expect(simulator.keys.get(first.id ?? '')).toEqual(first.key)
  })

  it('gets no keys without a role', async () => {
    const { ask } = await startWeb({}, { Role: '' })
    expect(Object.keys((await ask('/')).asked.headers).filter((name) => name.includes('secret'))).toEqual([])
  })

  it.each([
    ['kept', ['forged']],
    ['joined', ['forged', 'own']],
    ['overwritten', ['own']],
  ] as const)('finds headers of SCF’s names that a client sends %s', async (mode, expected) => {
    const { simulator, ask } = await startWeb()
    simulator.scf.clientScfHeaders = mode
    const { headers } = (await ask('/', { headers: { 'X-Scf-Secret-Id': 'forged' } })).asked
    const ids = headers['x-scf-secret-id']?.flatMap((value) => value.split(', ')) ?? []
    expect(ids.map((id) => (id === 'forged' ? id : 'own'))).toEqual(expected)
    expect(headers['x-scf-secret-key']).toHaveLength(1)
  })

  it('leaves what it writes in the log, and nothing that it answers', async () => {
    const { simulator, sdk, ask } = await startWeb()
    await ask('/first')
    await ask('/second')
    const { Data } = await sdk.GetFunctionLogs({ FunctionName, Order: 'asc' })
    expect(Data).toMatchObject([
      { RetMsg: '', RetCode: 0, Log: 'asked /first\n' },
      { RetMsg: '', RetCode: 0, Log: 'asked /second\n' },
    ])
    expect(JSON.stringify(simulator.scf.logs(region))).not.toContain('x-own')
    expect(await codeOf(sdk.Invoke({ FunctionName }))).toBe('InvalidParameterValue')
  })

  it.each<[what: string, web: WebFunction, status: number, message: string]>([
    ['there is no scf_bootstrap', { bootstrap: null }, 445, 'ContainerInitError'],
    ['scf_bootstrap may not be executed', { mode: 0o644 }, 445, 'ContainerInitError'],
    [
      'its lines end in CRLF',
      { bootstrap: '#!/bin/bash\r\nexec node web.js\r\n' },
      445,
      'ContainerInitError',
    ],
    ['its first line names nothing', { bootstrap: 'exec node web.js\n' }, 445, 'ContainerInitError'],
    ['it ends', { source: 'console.log("no port"); process.exit(1)' }, 405, 'ContainerStateExited'],
  ])('answers %3$i when %s', async (_, web, status, errorMessage) => {
    const { simulator, ask } = await startWeb(web)
    const { answer, asked } = await ask('/')
    expect(answer.status).toBe(status)
    expect(asked).toEqual({ errorCode: status, errorMessage })
    expect(simulator.scf.logs(region)).toMatchObject([
      { RetCode: status, Log: status === 405 ? 'no port\n' : '' },
    ])
  })

  it('answers 439 when its process ends during a request, 433 when it takes too long, and starts anew', async () => {
    const source = `let asked = 0
      require('node:http').createServer(({ url }, response) => {
        if (url === '/die') process.exit(1)
        if (url !== '/hang') response.end(String(++asked))
      }).listen(9000)`
    const { ask } = await startWeb({ source }, { Timeout: 1 })
    const statuses: unknown[] = []
    for (const path of ['/', '/die', '/', '/hang', '/']) {
      const { answer, asked } = await ask(path)
      statuses.push(answer.status === 200 ? asked : answer.status)
    }
    expect(statuses).toEqual([1, 439, 1, 433, 1])
  })

  it('gets new code in a new process, and the old one ends with what it started', async () => {
    const { simulator, sdk, ask } = await startWeb({ bootstrap: '#!/bin/bash\nnode web.js &\nwait\n' })
    const { port } = (await ask('/')).asked
    const source = "require('node:http').createServer((_, response) => response.end('2')).listen(9000)"
    const ZipFile = Buffer.from(zipWebFunction({ source })).toString('base64')
    await sdk.UpdateFunctionCode({ FunctionName, Code: { ZipFile } })
    expect((await ask('/')).asked).toBe(2)
    await simulator.scf.close()
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow()
  })

  it('does not hear on 127.0.0.1', async () => {
    const source = `require('node:http').createServer().listen(9000, '127.0.0.1', () => {
      setTimeout(() => process.exit(), 200)
    })`
    const { ask } = await startWeb({ source })
    expect((await ask('/')).answer.status).toBe(405)
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

/** What the SDK takes. */
type Request<A extends keyof Sdk> = Sdk[A] extends (request: infer R, ...others: never[]) => unknown
  ? R
  : never

type Sdk = Awaited<ReturnType<typeof start>>['sdk']

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

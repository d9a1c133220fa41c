/**
 * Tencent's own deployment code (npm `tencent-component-toolkit`) deploys to the simulator: what it sends must be taken,
 * and what it gets must make sense to it. What stands between the two is in `openToolkit`, and nothing else does.
 */
import http from 'node:http'
import https from 'node:https'
import { createRequire } from 'node:module'
import { zipSync } from 'fflate'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { simulatedNotice } from '../../../simulator/cls.ts'
import { startTencentSimulator, type TencentSimulator } from '../../../simulator/simulator.ts'
import { zipWebFunction } from '../../support/web-function.ts'

const region = 'ap-singapore'
type Fields = Record<string, unknown>

interface Toolkit {
  readonly simulator: TencentSimulator
  readonly scf: {
    deploy(inputs: Fields): Promise<Fields>
    remove(inputs: Fields): Promise<boolean>
    invoke(inputs: Fields): Promise<Fields>
  }
  readonly alarm: {
    get(which: Fields): Promise<Fields | null>
    create(options: Fields): Promise<Fields>
    delete(which: Fields): Promise<boolean>
  }
}

/** What signs and sends. */
type CapiClass = new (
  options: Fields,
) => {
  request(data: Fields, options: Fields): Promise<unknown>
}

const zip = (source: string): string =>
  Buffer.from(zipSync({ 'index.js': Buffer.from(source) })).toString('base64')
const eventZip = zip('exports.main_handler = async (event) => ({ got: event })')

const { request } = https
afterEach(() => {
  https.request = request
})

/**
 * The tool and a simulator. Five things differ from how it is used:
 * - its HTTPS goes to the simulator over plain HTTP, with the `Host` header that it signed;
 * - it signs calls of SCF in the way of version 1, which no code of ours uses; it is told to use that of version 3,
 *   which it has too, and uses for CLS;
 * - it takes code from COS, which is not simulated: the upload is put into the call;
 * - it looks for triggers by a filter `Type`, which is not documented and is taken out;
 * - it does not wait after it changed a trigger. So functions are busy for no time here.
 */
async function openToolkit(code: { ZipFile: string }): Promise<Toolkit> {
  const simulator = await startTencentSimulator()
  onTestFinished(() => simulator.close())
  simulator.scf.delayMs = 0
  simulator.cls.lagMs = 0
  vi.spyOn(console, 'log').mockImplementation(() => {})
  onTestFinished(() => void vi.restoreAllMocks())

  https.request = ((options: https.RequestOptions) => {
    const { method, path, headers } = options
    return http.request({ host: '127.0.0.1', port: simulator.port, method, path, headers })
  }) as typeof https.request

  const load = createRequire(import.meta.url)
  const { Scf, ClsAlarm } = load('tencent-component-toolkit')
  const { Capi }: { Capi: CapiClass } = createRequire(load.resolve('tencent-component-toolkit'))(
    '@tencent-sdk/capi',
  )
  class ThisCapi extends Capi {
    override request(data: Fields, options: Fields): Promise<unknown> {
      const changed = { ...data }
      if ('Code' in data) Object.assign(changed, { CodeSource: 'ZipFile', Code: code })
      if (data['Action'] === 'ListTriggers' && Array.isArray(data['Filters']))
        changed['Filters'] = data['Filters'].filter(({ Name }) => Name !== 'Type')
      return super.request(changed, { ...options, isV3: true })
    }
  }
  const credentials = { SecretId: simulator.secretId, SecretKey: simulator.secretKey }
  const scf = new Scf(credentials, region)
  const capi = new ThisCapi({ ...credentials, Region: region, ServiceType: 'scf' })
  for (const part of [scf, scf.scf, scf.alias, scf.version, scf.concurrency]) part.capi = capi
  return { simulator, scf, alarm: new ClsAlarm(credentials, region) }
}

const eventFunction = {
  name: 'mirror',
  namespace: 'default',
  type: 'event',
  runtime: 'Nodejs20.19',
  handler: 'index.main_handler',
  role: 'vod-aigc-tokens',
  memorySize: 256,
  timeout: 180,
  environment: { variables: { GREETING: 'hello' } },
  asyncRunEnable: true,
  retryNum: 1,
  msgTTL: 300,
}
const timer = (cronExpression: string): Fields => ({
  timer: { name: 'schedule', parameters: { cronExpression, enable: true, qualifier: '$LATEST' } },
})

describe('Scf of tencent-component-toolkit', () => {
  it('makes an event function with a timer, runs it, changes it and takes it away', async () => {
    const { simulator, scf } = await openToolkit({ ZipFile: eventZip })
    const made = await scf.deploy({ ...eventFunction, events: [timer('0 */5 * * * * *')] })
    expect(made).toMatchObject({ FunctionName: 'mirror', Status: 'Active', Type: 'Event' })
    expect(simulator.scf.functions(region)).toMatchObject([
      {
        ...{ FunctionName: 'mirror', Type: 'Event', Timeout: 180, Environment: { GREETING: 'hello' } },
        EventInvoke: { retries: 1, MsgTTL: 300 },
        Triggers: [{ Type: 'timer', TriggerDesc: '{"cron":"0 */5 * * * * *"}', Enable: 1 }],
      },
    ])
    expect(await scf.invoke({ functionName: 'mirror', clientContext: { a: 1 } })).toMatchObject({
      Result: { RetMsg: '{"got":{"a":1}}', InvokeResult: 0 },
    })
    const events = [timer('0 */10 * * * * *')]
    await scf.deploy({ ...eventFunction, timeout: 60, msgTTL: 600, events })
    expect(simulator.scf.functions(region)).toMatchObject([
      {
        ...{ Timeout: 60, EventInvoke: { retries: 1, MsgTTL: 600 } },
        Triggers: [{ TriggerDesc: '{"cron":"0 */10 * * * * *"}' }],
      },
    ])
    expect(await scf.remove({ functionName: 'mirror' })).toBe(true)
    expect(simulator.scf.functions(region)).toEqual([])
  })

  it('makes a web function that answers at a function URL', async () => {
    const code = Buffer.from(zipWebFunction({})).toString('base64')
    const { simulator, scf } = await openToolkit({ ZipFile: code })
    const { environment, handler: _, ...web } = { ...eventFunction, name: 'list', type: 'web' }
    const url = {
      http: { parameters: { qualifier: '$LATEST', authType: 'NONE', netConfig: { enableExtranet: true } } },
    }
    await scf.deploy({ ...web, environment, events: [url] })
    const [made] = simulator.scf.functions(region)
    expect(made).toMatchObject({ FunctionName: 'list', Type: 'HTTP', Triggers: [{ Type: 'http' }] })
    const { NetConfig } = JSON.parse(made?.Triggers[0]?.TriggerDesc ?? '{}')
    expect((await fetch(`${NetConfig.ExtranetUrl}/anything`)).status).toBe(200)
  })

  it('delivers the log of a function to a topic', async () => {
    const { simulator, scf } = await openToolkit({ ZipFile: eventZip })
    const { logsetId, topicId } = await makeTopic(simulator)
    await scf.deploy({ ...eventFunction, cls: { logsetId, topicId } })
    await scf.deploy({ ...eventFunction, cls: { logsetId, topicId }, timeout: 20 })
    expect(simulator.scf.functions(region)).toMatchObject([
      { ClsLogsetId: logsetId, ClsTopicId: topicId, Timeout: 20 },
    ])
  })
})

/** The tool makes topics by an older API only. */
async function makeTopic({
  cls,
  secretId,
}: TencentSimulator): Promise<{ logsetId: string; topicId: string }> {
  const call = async (action: string, input: Fields): Promise<Fields> =>
    (await cls.service.actions.get(action)?.(input, { secretId, region })) ?? {}
  const { LogsetId } = await call('CreateLogset', { LogsetName: 'set' })
  const { TopicId } = await call('CreateTopic', { LogsetId, TopicName: 'topic' })
  return { logsetId: String(LogsetId), topicId: String(TopicId) }
}

describe('ClsAlarm of tencent-component-toolkit', () => {
  it('makes an alarm, finds it, changes it and takes it away', async () => {
    const { simulator, alarm } = await openToolkit({ ZipFile: eventZip })
    const options = {
      ...{ name: 'mirror-failed', noticeId: simulatedNotice, status: true },
      ...(await makeTopic(simulator)),
      targets: [
        { period: 5, query: 'good:0 | select count(*) as failed' },
        { period: 5, query: 'good:1 | select count(*) as good' },
      ],
      monitor: { type: 'Period', time: 1 },
      trigger: { condition: '$1.failed > 1 && $2.good < 1', count: 1, period: 60 },
    }
    const { id } = await alarm.create(options)
    expect(simulator.cls.alarms(region)).toMatchObject([
      {
        ...{ AlarmId: id, Name: 'mirror-failed', Status: true, TriggerCount: 1, AlarmPeriod: 60 },
        AlarmTargets: [
          { Number: 1, StartTimeOffset: -5 },
          { Number: 2, EndTimeOffset: 0 },
        ],
        AlarmNoticeIds: [simulatedNotice],
      },
    ])
    expect(await alarm.get({ name: 'mirror-failed' })).toMatchObject({ alarmId: id, triggerCount: 1 })
    await alarm.create({ ...options, trigger: { ...options.trigger, count: 3 } })
    expect(simulator.cls.alarms(region)).toMatchObject([{ AlarmId: id, TriggerCount: 3 }])
    expect(await alarm.delete({ name: 'mirror-failed' })).toBe(true)
    expect(await alarm.get({ id: String(id) })).toBe(null)
    const unknown = alarm.create({ ...options, noticeId: 'notice-none' })
    await expect(unknown).rejects.toMatchObject({ code: 'ResourceNotFound.AlarmNoticeNotExist' })
  })
})

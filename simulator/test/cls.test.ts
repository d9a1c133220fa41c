/** The simulator's CLS, called by Tencent's own SDK: what it makes, and what it refuses as the documentation says. */
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { CommonClient } from 'tencentcloud-sdk-nodejs-common'
import { describe, expect, it, onTestFinished } from 'vitest'
import { simulatedNotice } from '../cls.ts'
import { startTencentSimulator, type TencentSimulator } from '../simulator.ts'

const region = 'ap-singapore'
type Fields = Record<string, unknown>

interface Started {
  readonly simulator: TencentSimulator
  /** The answer, without its request id. */
  call(action: string, input: Fields): Promise<Fields>
  /** The code of a refusal, or `ok`. */
  codeOf(action: string, input: Fields): Promise<string>
}

async function start(in_ = region): Promise<Started> {
  let ahead = 0
  // A second passes between two calls, so that none is one too many.
  const simulator = await startTencentSimulator({ now: () => Date.now() + ahead })
  onTestFinished(() => simulator.close())
  const { port, secretId, secretKey } = simulator
  const agent = Object.assign(new Agent(), { createConnection: () => connect(port, '127.0.0.1') })
  const endpoint = 'cls.intl.tencentcloudapi.com'
  const profile = { httpProfile: { endpoint, protocol: 'http://', agent } }
  const credential = { secretId, secretKey }
  const sdk = new CommonClient(endpoint, '2020-10-16', { credential, region: in_, profile })
  const call = async (action: string, input: Fields): Promise<Fields> => {
    ahead += 1000
    const { RequestId: _, ...answer } = await sdk.request(action, input)
    return answer
  }
  return {
    simulator,
    call,
    codeOf: (action, input) =>
      call(action, input).then(
        () => 'ok',
        ({ code }) => code,
      ),
  }
}

const key = (Key: string, Type: string, Tokenizer = Type === 'text' ? ',' : ''): Fields => ({
  Key,
  Value: { Type, Tokenizer, SqlFlag: true, ContainZH: false },
})
const rule = (...KeyValues: Fields[]): Fields => ({
  FullText: { CaseSensitive: false, Tokenizer: ', \n', ContainZH: false },
  KeyValue: { CaseSensitive: true, KeyValues },
})

/** A logset with a topic. */
async function startTopic(): Promise<Started & { LogsetId: string; TopicId: string }> {
  const started = await start()
  const { LogsetId } = (await started.call('CreateLogset', { LogsetName: 'set' })) as { LogsetId: string }
  const { TopicId } = (await started.call('CreateTopic', { LogsetId, TopicName: 'topic', Period: 30 })) as {
    TopicId: string
  }
  return { ...started, LogsetId, TopicId }
}

describe('logsets and topics', () => {
  it('are shown after a while, by a part of their name or by all of it', async () => {
    const { simulator, call, LogsetId, TopicId } = await startTopic()
    simulator.cls.lagMs = 5000
    await call('CreateTopic', { LogsetId, TopicName: 'topic-late' })
    const find = (Key: string, value: string, more: Fields = {}): Promise<Fields> =>
      call('DescribeTopics', { Filters: [{ Key, Values: [value] }], ...more })
    expect(await find('topicName', 'opic')).toMatchObject({
      TotalCount: 1,
      Topics: [{ TopicId, Period: 30 }],
    })
    for (let wait = 0; wait < 4; wait++) await call('DescribeLogsets', {})
    expect(await find('topicName', 'opic')).toMatchObject({ TotalCount: 2 })
    expect(await find('topicName', 'opic', { PreciseSearch: 1 })).toEqual({ TotalCount: 0, Topics: [] })
    expect(await find('topicName', 'topic', { PreciseSearch: 3 })).toMatchObject({ Topics: [{ TopicId }] })
    expect(await find('logsetName', 'se')).toMatchObject({ TotalCount: 2 })
    expect(await find('logsetName', 'se', { PreciseSearch: 2 })).toMatchObject({ TotalCount: 0 })
    expect(await find('logsetId', LogsetId, { Offset: 1, Limit: 1 })).toMatchObject({ TotalCount: 2 })
    expect(
      await call('DescribeLogsets', { Filters: [{ Key: 'logsetName', Values: ['x', 'set'] }] }),
    ).toMatchObject({ Logsets: [{ LogsetId, LogsetName: 'set' }] })
  })

  it.each<[action: string, changes: Fields, code: string]>([
    ['CreateLogset', { LogsetName: 'set' }, 'InvalidParameter.LogsetConflict'],
    ['CreateLogset', { LogsetName: 'a|b' }, 'InvalidParameter'],
    ['CreateLogset', { LogsetName: 'a'.repeat(256) }, 'InvalidParameter'],
    ['CreateLogset', {}, 'MissingParameter'],
    ['CreateLogset', { LogsetName: 'b', Period: 30 }, 'UnknownParameter'],
    ['CreateTopic', { LogsetId: 'none' }, 'ResourceNotFound.LogsetNotExist'],
    ['CreateTopic', { TopicName: 'topic' }, 'InvalidParameter.TopicConflict'],
    ['CreateTopic', { TopicName: 'cls_service_log' }, 'InvalidParameter'],
    ['CreateTopic', { TopicName: '' }, 'InvalidParameter'],
    ['CreateTopic', { Period: '30' }, 'InvalidParameter'],
    ['CreateTopic', { Period: 3601 }, 'FailedOperation.InvalidPeriod'],
    ['CreateTopic', { Period: 6, StorageType: 'cold' }, 'FailedOperation.InvalidPeriod'],
    ['CreateTopic', { Period: 3640 }, 'ok'],
    ['CreateTopic', { StorageType: 'warm' }, 'InvalidParameter'],
    ['CreateTopic', { PartitionCount: 11 }, 'InvalidParameter'],
    ['CreateTopic', { Description: 'x' }, 'UnknownParameter'],
    ['DescribeTopics', { Limit: 101 }, 'InvalidParameter'],
    ['DescribeTopics', { PreciseSearch: 4 }, 'InvalidParameter'],
    ['DescribeTopics', { Filters: [{ Name: 'topicName', Values: [] }] }, 'UnknownParameter'],
    ['DescribeTopics', { Filters: [{ Key: 'name', Values: [] }] }, 'InvalidParameter'],
    ['DescribeLogsets', { Filters: [{ Key: 'logsetName', Values: [1] }] }, 'InvalidParameter'],
    [
      'DescribeLogsets',
      { Filters: [{ Key: 'logsetName', Values: ['1', '2', '3', '4', '5', '6'] }] },
      'InvalidParameter',
    ],
  ])('%s with %j is %s', async (action, changes, code) => {
    const { codeOf, LogsetId } = await startTopic()
    const base = action === 'CreateTopic' ? { LogsetId, TopicName: 'other' } : {}
    expect(await codeOf(action, { ...base, ...changes })).toBe(code)
  })

  it('are refused elsewhere, and where CLS is not switched on', async () => {
    expect(await (await start('ap-nowhere')).codeOf('DescribeLogsets', {})).toBe('UnsupportedRegion')
    const { simulator, codeOf } = await start()
    simulator.cls.opened = false
    expect(await codeOf('CreateLogset', { LogsetName: 'a' })).toBe('OperationDenied.AccountNotExists')
    simulator.keys.clear()
    expect(await codeOf('DescribeLogsets', {})).toBe('AuthFailure.SecretIdNotFound')
  })
})

describe('the index of a topic', () => {
  it('is made once, then modified, and switched off', async () => {
    const { call, codeOf, TopicId } = await startTopic()
    expect(await codeOf('DescribeIndex', { TopicId })).toBe('ResourceNotFound.IndexNotExist')
    expect(await codeOf('ModifyIndex', { TopicId, Status: true })).toBe('ResourceNotFound.IndexNotExist')
    await call('CreateIndex', { TopicId, Rule: rule(key('a', 'text')) })
    expect(await codeOf('CreateIndex', { TopicId, Rule: rule() })).toBe('InvalidParameter.IndexConflict')
    const changed = rule(key('a', 'text'), key('b', 'long'))
    await call('ModifyIndex', { TopicId, Rule: changed })
    await call('ModifyIndex', { TopicId, Status: false })
    expect(await call('DescribeIndex', { TopicId })).toMatchObject({ Status: false, Rule: changed })
  })

  it.each<[what: string, rule: unknown, code: string]>([
    ['a key twice', rule(key('a', 'text'), key('a', 'long')), 'InvalidParameter'],
    ['a key with a leading underscore', rule(key('_a', 'text')), 'InvalidParameter'],
    ['a number cut into words', rule(key('a', 'long', ',')), 'InvalidParameter'],
    ['letters to cut at', rule(key('a', 'text', 'x')), 'InvalidParameter'],
    ['another type', rule(key('a', 'string')), 'InvalidParameter'],
    ['an unknown field', { ...rule(), Keys: [] }, 'UnknownParameter'],
    ['no object', [], 'InvalidParameter'],
    [
      '301 keys',
      rule(...Array.from({ length: 301 }, (_, at) => key(`k${at}`, 'long'))),
      'LimitExceeded.IndexKeyOverLimit',
    ],
  ])('may not have %s', async (_, Rule, code) => {
    const { codeOf, TopicId } = await startTopic()
    expect(await codeOf('CreateIndex', { TopicId, Rule })).toBe(code)
  })
})

describe('alarms', () => {
  const target = { Query: 'a:1 | select count(*) as n', Number: 1, StartTimeOffset: -15, EndTimeOffset: 0 }
  const alarmOn = ({ TopicId, LogsetId }: { TopicId: string; LogsetId: string }, changes: Fields = {}) => ({
    Name: 'alarm',
    AlarmTargets: [{ ...target, TopicId, LogsetId, SyntaxRule: 1 }],
    MonitorTime: { Type: 'Period', Time: 1 },
    Condition: '$1.n > 0',
    TriggerCount: 1,
    AlarmPeriod: 60,
    AlarmNoticeIds: [simulatedNotice],
    ...changes,
  })

  it('are made, found by a part of their name, modified and deleted', async () => {
    const topic = await startTopic()
    const { call, codeOf } = topic
    const { AlarmId } = await call('CreateAlarm', alarmOn(topic))
    expect(await codeOf('CreateAlarm', alarmOn(topic))).toBe('InvalidParameter.AlarmConflict')
    const { AlarmId: other } = await call('CreateAlarm', alarmOn(topic, { Name: 'other alarm' }))
    const find = (Key: string, Values: string[]): Promise<Fields> =>
      call('DescribeAlarms', { Filters: [{ Key, Values }], Offset: 0, Limit: 100 })
    expect(await find('name', ['alarm'])).toMatchObject({ TotalCount: 2 })
    expect(await find('alarmId', [String(other)])).toMatchObject({ Alarms: [{ Name: 'other alarm' }] })
    expect(await find('topicId', [topic.TopicId])).toMatchObject({
      Alarms: [{ AlarmId, Status: true, AlarmLevel: 0, Condition: '$1.n > 0' }, { AlarmId: other }],
    })
    await call('ModifyAlarm', { AlarmId, Status: false, TriggerCount: 2 })
    expect(await find('alarmId', [String(AlarmId)])).toMatchObject({
      Alarms: [{ Status: false, TriggerCount: 2, Name: 'alarm', AlarmTargets: [target] }],
    })
    expect(await codeOf('ModifyAlarm', { AlarmId })).toBe('InvalidParameter')
    expect(await codeOf('ModifyAlarm', { AlarmId, Name: 'other alarm' })).toBe(
      'InvalidParameter.AlarmConflict',
    )
    await call('DeleteAlarm', { AlarmId })
    expect(await codeOf('DeleteAlarm', { AlarmId })).toBe('ResourceNotFound.AlarmNotExist')
    expect(await codeOf('ModifyAlarm', { AlarmId, Status: true })).toBe('ResourceNotFound.AlarmNotExist')
  })

  it('tell a notice group that is there', async () => {
    const { call } = await start()
    const find = (id: string): Promise<Fields> =>
      call('DescribeAlarmNotices', { Filters: [{ Key: 'alarmNoticeId', Values: [id] }] })
    expect(await find(simulatedNotice)).toMatchObject({ AlarmNotices: [{ AlarmNoticeId: simulatedNotice }] })
    expect(await find('notice-none')).toMatchObject({ TotalCount: 0 })
  })

  type Refused = [what: string, changes: (topic: Fields) => Fields, code: string]
  const one =
    (changes: Fields): Refused[1] =>
    (topic) => ({ AlarmTargets: [{ ...target, ...topic, ...changes }] })
  it.each<Refused>([
    ['no notice group', () => ({ AlarmNoticeIds: [] }), 'MissingParameter'],
    ['an unknown notice group', () => ({ AlarmNoticeIds: ['x'] }), 'ResourceNotFound.AlarmNoticeNotExist'],
    ['no statement', () => ({ AlarmTargets: [] }), 'InvalidParameter'],
    [
      'four statements',
      (topic) => ({ AlarmTargets: [1, 2, 3, 4].map((at) => ({ ...target, ...topic, Number: at })) }),
      'InvalidParameter',
    ],
    ['a statement with another number', one({ Number: 2 }), 'InvalidParameter'],
    ['a window of more than a day', one({ StartTimeOffset: -1441 }), 'InvalidParameter'],
    ['a window in the future', one({ EndTimeOffset: 1 }), 'InvalidParameter'],
    ['an empty window', one({ StartTimeOffset: 0 }), 'InvalidParameter'],
    ['an empty query', one({ Query: ' ' }), 'InvalidParameter'],
    ['another syntax', one({ SyntaxRule: 2 }), 'InvalidParameter'],
    ['an unknown topic', one({ TopicId: 'x' }), 'ResourceNotFound.TopicNotExist'],
    ['the logset of another topic', one({ LogsetId: 'x' }), 'InvalidParameter'],
    ['a misspelt field of a statement', one({ Topic: 'x' }), 'UnknownParameter'],
    ['no time', () => ({ MonitorTime: { Type: 'Period' } }), 'MissingParameter'],
    ['a time of 0', () => ({ MonitorTime: { Type: 'Period', Time: 0 } }), 'InvalidParameter'],
    ['another kind of time', () => ({ MonitorTime: { Type: 'Daily', Time: 5 } }), 'InvalidParameter'],
    [
      'a cron expression with seconds',
      () => ({ MonitorTime: { Type: 'Cron', CronExpression: '0 0 3 * * *' } }),
      'InvalidParameter',
    ],
    [
      'a cron expression of five fields',
      () => ({ MonitorTime: { Type: 'Cron', CronExpression: '0 3 * * *' } }),
      'ok',
    ],
    ['a count of 0', () => ({ TriggerCount: 0 }), 'InvalidParameter'],
    ['a count of 11', () => ({ TriggerCount: 11 }), 'InvalidParameter'],
    ['repeats of more than a day', () => ({ AlarmPeriod: 1441 }), 'InvalidParameter'],
    ['a level of 3', () => ({ AlarmLevel: 3 }), 'InvalidParameter'],
    ['a condition without a comparison', () => ({ Condition: '$1.n' }), 'InvalidParameter'],
    ['a condition in SQL', () => ({ Condition: '$1.n > 0 and $1.n < 3' }), 'InvalidParameter'],
    ['a condition of two halves', () => ({ Condition: '$1.n > 0 && ($1.n < 3)' }), 'ok'],
    ['two kinds of conditions', () => ({ MultiConditions: [] }), 'InvalidParameter'],
    ['two kinds of notices', () => ({ MonitorNotice: {} }), 'InvalidParameter'],
    ['a name with a bar', () => ({ Name: 'a|b' }), 'InvalidParameter'],
    ['a number in quotes', () => ({ TriggerCount: '1' }), 'InvalidParameter'],
    ['an unknown field', () => ({ Message: 'x' }), 'UnknownParameter'],
  ])('with %s', async (_, changes, code) => {
    const topic = await startTopic()
    const { LogsetId, TopicId } = topic
    const input = alarmOn(topic, changes({ LogsetId, TopicId }))
    expect(await topic.codeOf('CreateAlarm', input)).toBe(code)
  })
})

describe('a function’s log', () => {
  const creation = {
    ...{ FunctionName: 'greeter', Runtime: 'Nodejs20.19', Handler: 'index.main_handler' },
    ...{ Code: { ZipFile: 'UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==' }, Role: 'vod-aigc-tokens' },
  }

  it('goes to SCF’s own topic, or to one that CLS has, of functions with a role', async () => {
    const { simulator, LogsetId, TopicId } = await startTopic()
    const caller = { secretId: simulator.secretId, region }
    simulator.scf.delayMs = 0
    const codeOf = async (action: string, input: Fields): Promise<string> => {
      try {
        await simulator.scf.service.actions.get(action)?.(input, caller)
        return 'ok'
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    const log = { ClsLogsetId: LogsetId, ClsTopicId: TopicId }
    const elsewhere = { ...log, ClsTopicId: 'none' }
    expect(await codeOf('CreateFunction', { ...creation, ...elsewhere })).toBe('InvalidParameterValue.Cls')
    expect(await codeOf('CreateFunction', creation)).toBe('ok')
    const [before] = simulator.scf.functions(region)
    expect(before).toMatchObject({ ClsLogsetId: 'scf-own-logset', ClsTopicId: 'scf-own-topic' })
    const update = 'UpdateFunctionConfiguration'
    const change = { FunctionName: 'greeter', ...log }
    expect(await codeOf(update, change)).toBe('InvalidParameterValue.ClsRole')
    expect(await codeOf(update, { ...change, ClsTopicId: '' })).toBe('InvalidParameterValue.Cls')
    expect(await codeOf(update, { ...change, Role: 'vod-aigc-tokens' })).toBe('ok')
    expect(await codeOf(update, { FunctionName: 'greeter', Timeout: 5 })).toBe('ok')
    expect(simulator.scf.functions(region)).toMatchObject([log])
  })
})

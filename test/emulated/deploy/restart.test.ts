/**
 * Services of ECS that are deployed anew when a token changed: the stack's rule and state machine, deployed to moto, which matches
 * events and runs the machine against its own ECS. What AWS sends is the example of its documentation; moto starts no machine for an
 * event, so what the rule lets through is handed over here. moto's deployments replace one another at once.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Moto, motoForDeployments, motoMissing, startMoto } from '../../support/moto.ts'
import { copyProject, type Resource, type ServerlessCli } from '../../support/serverless-cli.ts'

/** Of the test; in the template it is a minute. */
const quietMs = 4000
const cluster = 'apps'
const machineName = 'vod-aigc-tokens-dev-restart'

let moto: Moto
let cli: ServerlessCli
let stateMachineArn: string
let definition: string

type Answer = Resource['Properties']

/** Calls moto with the JSON protocols of AWS; the credential scope says which service is meant. */
async function call(service: string, target: string, body: unknown): Promise<Answer> {
  const answer = await fetch(moto.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': target,
      authorization: `AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/${service}/aws4_request`,
    },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`Calling moto for ${target}: ${answer.status} ${text}`)
  return text === '' ? null : JSON.parse(text)
}
const ecs = (action: string, body: object): Promise<Answer> =>
  call('ecs', `AmazonEC2ContainerServiceV20141113.${action}`, { cluster, ...body })
const states = (action: string, body: object): Promise<Answer> =>
  call('states', `AWSStepFunctions.${action}`, body)

async function deploymentOf(service: string): Promise<{ id: string; createdMs: number }> {
  const { services } = await ecs('DescribeServices', { services: [service] })
  const [{ id, createdAt }] = services[0].deployments
  return { id, createdMs: createdAt * 1000 }
}

async function executions(): Promise<{ name: string; status: string; executionArn: string }[]> {
  return (await states('ListExecutions', { stateMachineArn })).executions
}

/** Waits until none runs, and gives the names of those that deployed a service since then. */
async function restartsUntilIdle(before: readonly string[]): Promise<string[]> {
  for (;;) {
    const all = await executions()
    if (all.every(({ status }) => status !== 'RUNNING'))
      return all
        .filter(({ name, status }) => name.startsWith('replaces-') && status === 'SUCCEEDED')
        .map(({ name }) => name)
        .filter((name) => !before.includes(name))
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** After all deployments so far; AWS says when in whole seconds. */
function secondsFromNow(ms: number): string {
  return new Date(Math.ceil((Date.now() + ms) / 1000) * 1000).toISOString().replace('.000Z', 'Z')
}

/** The example of https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html */
function labelUpdated(id: string, time: string, name = 'team/1500000001/token', label = 'AWSCURRENT') {
  return {
    version: '0',
    id,
    'detail-type': 'Secret Label Updated',
    source: 'aws.secretsmanager',
    account: '123456789012',
    time,
    region: 'us-east-1',
    resources: [`arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}-a1b2c3`],
    detail: { name, labelUpdated: label, versionId: 'a1b2c3d4-5678-90ab-cdef-EXAMPLE11111' },
  }
}

/** As EventBridge does. */
async function start(id: string, time: string, arn = stateMachineArn): Promise<void> {
  await states('StartExecution', {
    stateMachineArn: arn,
    name: id,
    input: JSON.stringify(labelUpdated(id, time)),
  })
}

/** The definition of the template with waits of a second in place of minutes. */
function quick(text: string): string {
  const replaced = { '"Seconds":30': 1, '"Seconds":60': 1, '"IntervalSeconds":5': 1, '"MaxAttempts":6': 1 }
  for (const part of [...Object.keys(replaced), '+ 60000']) expect(text).toContain(part)
  return Object.entries(replaced)
    .reduce(
      (all, [part, value]) => all.replaceAll(part, `${part.slice(0, part.indexOf(':') + 1)}${value}`),
      text,
    )
    .replaceAll('+ 60000', `+ ${quietMs}`)
}

beforeAll(async () => {
  if (motoMissing) return
  moto = await startMoto(motoForDeployments)
  cli = copyProject()
  const { output } = await cli.run(
    [
      'deploy',
      '--param=subAppIds=1500000001,1500000002',
      '--param=targets=aws-secretsmanager:team/{SubAppId}/token?value=token',
      '--param=restartEcsServices=apps/chat,apps/worker',
      '--param=restartMinutes=1',
    ],
    {
      AWS_ENDPOINT_URL: moto.url,
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
      AWS_REGION: 'us-east-1',
    },
  )
  expect(output).toContain('Service deployed to stack vod-aigc-tokens-dev')
  const { stateMachines } = await states('ListStateMachines', {})
  expect(stateMachines.map(({ name }: Answer) => name)).toEqual([machineName])
  stateMachineArn = stateMachines[0].stateMachineArn
  definition = quick((await states('DescribeStateMachine', { stateMachineArn })).definition)
  await states('UpdateStateMachine', { stateMachineArn, definition })
  await ecs('CreateCluster', { clusterName: cluster })
  const containerDefinitions = [{ name: 'app', image: 'app', memory: 128 }]
  await ecs('RegisterTaskDefinition', { family: 'app', containerDefinitions })
  for (const serviceName of ['chat', 'worker'])
    await ecs('CreateService', { serviceName, taskDefinition: 'app', desiredCount: 1 })
})
afterAll(async () => {
  await moto?.close()
  cli?.remove()
})

describe.skipIf(motoMissing)('the rule', () => {
  it('lets through what AWS documents for the secrets with one token, and nothing else', async () => {
    const events = (action: string, body: object): Promise<Answer> =>
      call('events', `AWSEvents.${action}`, body)
    const { EventPattern } = await events('DescribeRule', { Name: machineName })
    const { Targets } = await events('ListTargetsByRule', { Rule: machineName })
    expect(Targets).toMatchObject([{ Arn: stateMachineArn }])
    // A bus and a target of its own: moto hands events to queues, and not to state machines.
    const EventBusName = 'judge'
    await events('CreateEventBus', { Name: EventBusName })
    const sqs = (action: string, body: object): Promise<Answer> => call('sqs', `AmazonSQS.${action}`, body)
    const { QueueUrl } = await sqs('CreateQueue', { QueueName: 'seen' })
    const Arn = 'arn:aws:sqs:us-east-1:123456789012:seen'
    await events('PutRule', { Name: 'seen', EventBusName, EventPattern })
    await events('PutTargets', { Rule: 'seen', EventBusName, Targets: [{ Id: 'seen', Arn }] })
    const time = secondsFromNow(0)
    const good = labelUpdated('1', time)
    const sent = [
      good,
      labelUpdated('2', time, 'team/1500000002/token'),
      labelUpdated('3', time, 'team/1500000003/token'),
      // The document, which changes when the token to use does not.
      labelUpdated('4', time, 'vod-aigc-tokens/dev/1500000001'),
      labelUpdated('5', time, 'team/1500000001/token', 'mine'),
      { ...good, source: 'somebody.else' },
      { ...good, 'detail-type': 'AWS API Call via CloudTrail' },
    ]
    await events('PutEvents', {
      Entries: sent.map((event) => ({
        EventBusName,
        Source: event.source,
        DetailType: event['detail-type'],
        Detail: JSON.stringify(event.detail),
        Resources: event.resources,
      })),
    })
    const { Messages } = await sqs('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 })
    const names = Messages.map(({ Body }: Answer) => JSON.parse(Body).detail.name)
    expect(names.sort()).toEqual(['team/1500000001/token', 'team/1500000002/token'])
    expect(Object.keys(JSON.parse(Messages[0].Body))).toEqual(
      expect.arrayContaining(['id', 'time', 'detail-type', 'source', 'detail']),
    )
  })
})

describe.skipIf(motoMissing)('the state machine', () => {
  let before: string[]
  beforeEach(async () => {
    before = (await executions()).map(({ name }) => name)
  })

  it('deploys each service once for changes that come together', async () => {
    const old = [await deploymentOf('chat'), await deploymentOf('worker')]
    const time = secondsFromNow(1000)
    await Promise.all(['a1', 'a2', 'a3'].map((id) => start(id, time)))
    expect(await restartsUntilIdle(before)).toHaveLength(2)
    for (const [i, service] of ['chat', 'worker'].entries()) {
      const { id, createdMs } = await deploymentOf(service)
      expect(id).not.toBe(old[i]?.id)
      expect(createdMs).toBeGreaterThan(Date.parse(time))
    }
  })

  it('deploys each once for changes within the quiet time after a deployment, when it is over', async () => {
    await ecs('UpdateService', { service: 'chat', forceNewDeployment: true })
    await ecs('UpdateService', { service: 'worker', forceNewDeployment: true })
    const begun = await deploymentOf('chat')
    const time = secondsFromNow(0)
    await Promise.all(['b1', 'b2'].map((id) => start(id, time)))
    expect(await restartsUntilIdle(before)).toHaveLength(2)
    const next = await deploymentOf('chat')
    expect(next.createdMs).toBeGreaterThanOrEqual(begun.createdMs + quietMs)
  })

  it('does nothing for a change that the newest deployment came after', async () => {
    const { id } = await deploymentOf('chat')
    await start('c1', '2024-02-06T16:43:48Z')
    expect(await restartsUntilIdle(before)).toEqual([])
    expect((await deploymentOf('chat')).id).toBe(id)
    const found = (await executions()).find(({ name }) => name === 'c1')
    expect(found?.status).toBe('SUCCEEDED')
  })

  it('restarts by itself what another execution took over and did not come to', async () => {
    const { id } = await deploymentOf('chat')
    const other = `replaces-${id.split('/')[1]}`
    const input = JSON.stringify({ restart: { cluster, service: 'gone' } })
    await states('StartExecution', { stateMachineArn, name: other, input })
    await restartsUntilIdle(before)
    expect((await executions()).find(({ name }) => name === other)?.status).toBe('FAILED')
    await start('d1', secondsFromNow(0))
    const restarts = await restartsUntilIdle([...before, other])
    expect(restarts).toHaveLength(2)
    expect(restarts).toContain(`${other}-d1`)
    expect((await deploymentOf('chat')).id).not.toBe(id)
  })

  it('fails for a service that is not there, and deploys the others all the same', async () => {
    const { id } = await deploymentOf('chat')
    const made = await states('CreateStateMachine', {
      name: 'half',
      definition: definition.replaceAll('"service":"worker"', '"service":"gone"'),
      roleArn: 'arn:aws:iam::123456789012:role/any',
    })
    stateMachineArn = made.stateMachineArn
    await start('e1', secondsFromNow(0), made.stateMachineArn)
    expect(await restartsUntilIdle([])).toHaveLength(1)
    expect((await deploymentOf('chat')).id).not.toBe(id)
    const found = (await executions()).find(({ name }) => name === 'e1')
    expect(found?.status).toBe('FAILED')
    const { error, cause } = await states('DescribeExecution', { executionArn: found?.executionArn })
    expect([error, cause]).toEqual([
      'NotRestarted',
      expect.stringMatching(/^apps\/gone: there is no such service in this region/),
    ])
  })
})

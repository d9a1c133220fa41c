/** Our client beside Tencent's official SDK: the simulator accepts both, and both sign the same input alike. */
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { CommonClient } from 'tencentcloud-sdk-nodejs-common'
import { afterEach, describe, expect, it } from 'vitest'
import { systemTime } from '../../handlers/time.ts'
import { createTencentClient } from '../../lib/tencent/client.ts'
import { createSigner } from '../../lib/tencent/tc3.ts'
import { createTransport } from '../../lib/tencent/transport.ts'
import { describeAigcApiTokens, vodApi } from '../../lib/tencent/vod.ts'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'

const host = 'vod.intl.tencentcloudapi.com'
const subAppId = 251006666
let simulator: TencentSimulator | undefined

afterEach(() => simulator?.close())

async function start(): Promise<TencentSimulator> {
  simulator = await startTencentSimulator({ applications: [{ subAppId, tokens: ['token-a', 'token-b'] }] })
  return simulator
}

/** The SDK signs the real host, and its connections end at the simulator. */
function officialClient({ port, secretId, secretKey }: TencentSimulator): CommonClient {
  const agent = Object.assign(new Agent(), { createConnection: () => connect(port, '127.0.0.1') })
  const profile = { httpProfile: { endpoint: host, protocol: 'http://', agent } }
  return new CommonClient(host, vodApi.version, { credential: { secretId, secretKey }, profile })
}

describe('authorization', () => {
  it("is the official SDK's for the same input", async () => {
    const simulator = await start()
    await officialClient(simulator).request('DescribeAigcApiTokens', { SubAppId: subAppId })
    const [call] = simulator.calls
    expect(call?.outcome).toBe('ok')
    const sent = (name: string): string => call?.headers[name]?.[0] ?? ''
    expect(sent('host')).toBe(host)
    const headers = { 'content-type': sent('content-type'), host: sent('host') }
    const sign = createSigner({ method: 'POST', headers }, 'vod')
    expect(sign(call?.body ?? '', Number(sent('x-tc-timestamp')), simulator)).toBe(sent('authorization'))
  })
})

describe('describeAigcApiTokens', () => {
  it('lists what the official SDK lists', async () => {
    const simulator = await start()
    const call = createTencentClient(
      { ...vodApi, endpoint: simulator.url },
      {
        send: createTransport(),
        credentials: () => simulator,
        ...systemTime,
      },
    )
    const ours = await describeAigcApiTokens(call, subAppId, systemTime.monotonic() + 10_000)
    const theirs = await officialClient(simulator).request('DescribeAigcApiTokens', { SubAppId: subAppId })
    expect(ours.apiTokens.toSorted()).toEqual(['token-a', 'token-b'])
    expect(theirs.ApiTokens.toSorted()).toEqual(ours.apiTokens.toSorted())
    expect(simulator.calls.map(({ outcome }) => outcome)).toEqual(['ok', 'ok'])
  })
})

/**
 * What a source of credentials costs `list-tokens` from the start of its process to the first answer: fresh processes,
 * interleaved, medians and ratios. The AWS file is loaded only where a source needs it.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { startFunction } from '../test/function-process.ts'
import { startTencentSimulator } from '../test/peers/tencent/simulator.ts'

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, json: { type: 'boolean' } } })
const rounds = values.quick ? 5 : 25
const subAppId = 251006666

const simulator = await startTencentSimulator({
  applications: [{ subAppId, tokens: ['token-one'] }],
  lagMs: 0,
})
const { secretId, secretKey } = simulator
/** Secrets Manager, as far as one read of one secret goes. */
const aws = createServer((request, response) =>
  request.resume().on('end', () => {
    const SecretString = JSON.stringify({ SecretId: secretId, SecretKey: secretKey })
    response
      .writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
      .end(JSON.stringify({ Name: 'bench', SecretString }))
  }),
)
await new Promise<void>((resolve) => aws.listen(0, '127.0.0.1', resolve))

const sources: Record<string, Record<string, string>> = {
  fixed: { AIGC_SECRET_ID: secretId, AIGC_SECRET_KEY: secretKey },
  'run-role': { TENCENTCLOUD_SECRETID: secretId, TENCENTCLOUD_SECRETKEY: secretKey },
  'aws-secret': {
    AIGC_CREDENTIALS_SECRET: 'bench',
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(aws.address() as AddressInfo).port}`,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
  },
}

/** Milliseconds from the start of a process to its first answer. */
async function measure(environment: Record<string, string>): Promise<number> {
  const started = performance.now()
  const fn = startFunction('list-tokens', {
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SUB_APP_IDS: `${subAppId}`,
    ...environment,
  })
  const { error } = await fn.invoke({})
  const tookMs = performance.now() - started
  await fn.close()
  if (error) throw new Error(error.message)
  return tookMs
}

const samples = new Map(Object.keys(sources).map((name): [string, number[]] => [name, []]))
for (let round = 0; round < rounds; round++) {
  for (const [name, environment] of Object.entries(sources))
    samples.get(name)?.push(await measure(environment))
  // Below what Tencent allows in a second.
  await new Promise((resolve) => setTimeout(resolve, 100))
}
await simulator.close()
aws.close()

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
const base = median(samples.get('fixed') ?? [])
const rows = [...samples].map(([source, times]) => ({
  source,
  medianMs: Math.round(median(times)),
  ratio: Number((median(times) / base).toFixed(2)),
}))
if (values.json) console.log(JSON.stringify(rows))
else {
  console.log(`list-tokens, process start to first answer, ${rounds} rounds, Node ${process.version}`)
  console.table(rows)
}

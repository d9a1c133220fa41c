import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { expect, onTestFinished, test, vi } from 'vitest'
import { systemTime } from '../../../handlers/time.ts'
import { storeKinds } from '../../../lib/stores/index.ts'
import { lendTencent } from '../../support/lend-tencent.ts'

test.each(Object.keys(storeKinds))('storeKinds has a contract suite for %s', (scheme) => {
  // Those that need more than this process are with the emulated ones.
  const suites = [`${scheme}.test.ts`, `../../emulated/stores-${scheme}.test.ts`]
  const suite = suites.map((path) => new URL(path, import.meta.url)).find((path) => existsSync(path))
  expect(suite && readFileSync(suite, 'utf8')).toContain(`storeContract('${scheme}', `)
})

test('aws-secretsmanager asks each region with a client of its own', async () => {
  const regions: string[] = []
  const aws = createServer((request, response) => {
    // The scope of the signature: Credential=KEY/DATE/REGION/secretsmanager/aws4_request.
    regions.push(/Credential=[^/]+\/\d+\/([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '')
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' })
    response.end('{"__type":"ResourceNotFoundException"}')
  }).listen(0, '127.0.0.1')
  await once(aws, 'listening')
  onTestFinished(() => {
    aws.close()
    aws.closeAllConnections()
    vi.unstubAllEnvs()
  })
  const address = aws.address()
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${typeof address === 'object' && address?.port}`)
  vi.stubEnv('AWS_REGION', 'us-east-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'id')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'key')
  const lend = lendTencent(() => ({ url: '', secretId: '', secretKey: '' }), 0)
  const arn = 'arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:far-AbCdEf'
  const targets: [name: string, options: Record<string, string>, region: string][] = [
    ['near', {}, 'us-east-1'],
    ['a', { region: 'eu-central-1' }, 'eu-central-1'],
    ['b', { region: 'eu-west-1' }, 'eu-west-1'],
    [arn, {}, 'ap-southeast-1'],
    ['c', { region: 'eu-central-1' }, 'eu-central-1'],
    ['near', {}, 'us-east-1'],
  ]
  for (const [name, options, region] of targets) {
    const target = { uri: name, scheme: 'aws-secretsmanager', name, options, adopt: false }
    const reading = storeKinds['aws-secretsmanager']?.open(target, lend).read(systemTime.monotonic() + 60_000)
    expect(await reading).toEqual({ state: 'absent' })
    expect(regions.pop()).toBe(region)
  }
})

import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { systemTime } from '../../../handlers/time.ts'
import { StoreError } from '../../../lib/errors.ts'
import { renderDocument } from '../../../lib/stores/document.ts'
import { openStore, storeKinds } from '../../../lib/stores/index.ts'
import { isOvertaken, isStill, mark, overtaken, type Reading, valuesIn } from '../../../lib/stores/store.ts'
import { tencentDeps } from '../../support/tencent-deps.ts'

describe('openStore', () => {
  const rendered = renderDocument({ ApiToken: 'a', ApiTokens: ['a', 'b'], SubAppId: 7, Site: 'intl' })
  const twenty = 'x'.repeat(20)
  const rows: [string, object[], string[][], string[][]][] = [
    ['a document', [{ state: 'value', marked: true, value: rendered }], [['a', 'b']], []],
    ['somebody else’s value', [{ state: 'value', marked: false, value: `${twenty}!` }], [], [[`${twenty}!`]]],
    ['a short value, which may be any word', [{ state: 'value', marked: false, value: twenty }], [], []],
    [
      'a damaged value, and what was there before',
      [{ state: 'value', marked: true, value: `${twenty}?`, before: rendered }],
      [['a', 'b']],
      [[`${twenty}?`]],
    ],
    ['nothing', [{ state: 'absent' }, { state: 'empty', marked: true }], [], []],
  ]
  test.each(rows)('tells of %s before it gives it', async (_, readings, secrets, foreign) => {
    const told: { secrets: unknown[]; foreign: unknown[] } = { secrets: [], foreign: [] }
    const given = {
      uri: 'file:/x',
      scheme: 'file',
      name: '/x',
      options: {},
      holds: 'document' as const,
      adopt: false,
    }
    const write = async (): Promise<void> => {}
    for (const reading of readings as Reading[]) {
      const file = storeKinds['file']
      if (!file) throw new Error('there is no such kind')
      const open = vi
        .spyOn(file, 'open')
        .mockReturnValue({ mostBytes: 7, hasMark: true, read: async () => reading, write })
      const deps = tencentDeps(() => ({ url: '', secretId: '', secretKey: '' }), 0)
      const store = openStore(given, deps, {
        addSecrets: (some) => told.secrets.push(some),
        addForeign: (some) => told.foreign.push(some),
      })
      expect(open).toHaveBeenCalledWith(given, deps)
      expect([await store.read(0), store.write]).toEqual([reading, write])
      open.mockRestore()
    }
    expect(told).toEqual({ secrets, foreign })
  })

  test.each(['vault', 'constructor'])('knows no %s', (scheme) => {
    const target = {
      uri: `${scheme}:x`,
      scheme,
      name: 'x',
      options: {},
      holds: 'document' as const,
      adopt: false,
    }
    const told = { addSecrets: () => {}, addForeign: () => {} }
    const deps = tencentDeps(() => ({ url: '', secretId: '', secretKey: '' }), 0)
    expect(() => openStore(target, deps, told)).toThrow(`no store for ${scheme}`)
  })
})

test('overtaken is told from other errors, and says of what', () => {
  const target = {
    uri: 'file:/x',
    scheme: 'file',
    name: '/x',
    options: {},
    holds: 'document' as const,
    adopt: false,
  }
  const error = overtaken(target)
  expect(error).toMatchObject({ code: 'Overtaken', target: 'file:/x', retryable: true })
  expect(error.message).toMatch(/^Writing file:\/x: somebody else changed it/)
  expect([error, new StoreError('Other', 'm', 'x'), { code: 'Overtaken' }].map(isOvertaken)).toEqual([
    true,
    false,
    false,
  ])
  expect(mark).toBe('vod-aigc-tokens')
})

test.each<[Reading, Reading, boolean]>([
  [{ state: 'absent' }, { state: 'absent' }, true],
  [{ state: 'absent' }, { state: 'empty', marked: true }, false],
  [{ state: 'empty', marked: true }, { state: 'empty', marked: false }, true],
  [{ state: 'value', marked: true, value: 'a' }, { state: 'value', marked: false, value: 'a' }, true],
  [{ state: 'value', marked: true, value: 'a' }, { state: 'value', marked: true, value: 'b' }, false],
])('isStill compares %j with %j: %s', (found, seen, still) => {
  expect([isStill(found, seen), isStill(seen, found)]).toEqual([still, still])
})

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
  const deps = tencentDeps(() => ({ url: '', secretId: '', secretKey: '' }), 0)
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
    const target = {
      uri: name,
      scheme: 'aws-secretsmanager',
      name,
      options,
      holds: 'document' as const,
      adopt: false,
    }
    const reading = storeKinds['aws-secretsmanager']?.open(target, deps).read(systemTime.monotonic() + 60_000)
    expect(await reading).toEqual({ state: 'absent' })
    expect(regions.pop()).toBe(region)
  }
})

const value = (text: string, marked = true): Reading => ({ state: 'value', marked, value: text })

test('valuesIn gives what a reading has brought in, and nothing else', () => {
  expect(valuesIn(value('a'))).toEqual(['a', ''])
  expect(valuesIn({ state: 'value', marked: true, value: 'a', before: 'b' })).toEqual(['a', 'b'])
  for (const reading of [
    { state: 'absent' },
    { state: 'empty', marked: true },
    { state: 'unavailable', reason: 'r' },
  ] satisfies Reading[])
    expect(valuesIn(reading)).toEqual([])
})

test.each<[Reading, Reading, boolean]>([
  [value('a'), value('a'), true],
  [value('a'), value('a', false), true],
  [value('a'), value('b'), false],
  [{ state: 'absent' }, { state: 'absent' }, true],
  [{ state: 'empty', marked: true }, { state: 'empty', marked: false }, true],
  [{ state: 'absent' }, { state: 'empty', marked: true }, false],
  [value(''), { state: 'empty', marked: true }, false],
  // What an answer holds beside its state does not make it a value.
  [{ state: 'absent', value: 'a' } as Reading, { state: 'absent' }, true],
])('isStill finds that %j is %j: %s', (found, seen, still) => {
  expect(isStill(found, seen)).toBe(still)
})

/**
 * docs/mirror.md, executed: every cell of its tables is a run of the mirror, with the real client over scripted
 * answers in virtual time. What comes out is put into the words of the table and compared.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { systemTime } from '../../../handlers/time.ts'
import { type SettingName, settings } from '../../../lib/config.ts'
import { StoreError } from '../../../lib/errors.ts'
import { reportError } from '../../../lib/mirror/report.ts'
import { runMirror } from '../../../lib/mirror/run.ts'
import { awsSecretsManager } from '../../../lib/stores/aws-secretsmanager.ts'
import { overtaken, type Reading, type Store } from '../../../lib/stores/store.ts'
import { createTencentClient } from '../../../lib/tencent/client.ts'
import { type IncomingAnswer, TransportError } from '../../../lib/tencent/transport.ts'
import { describeAigcApiTokens, vodApi } from '../../../lib/tencent/vod.ts'
import { answered, faults, transported } from '../../support/faults.ts'
import { lent, targetOf } from '../../support/store-contract.ts'
import { timeOf } from '../../support/time-of.ts'

const page = readFileSync(new URL('../../../docs/mirror.md', import.meta.url), 'utf8')

const everyToken = ['token-a', 'token-b', 'token-c']

/** What Tencent answers at every attempt. */
const answers: Record<string, Partial<IncomingAnswer> | TransportError> = {
  ok: answered({ ApiTokens: ['token-c', 'token-a', 'token-b', 'token-a'] }),
  ...Object.fromEntries(faults.map(({ name, fault }) => [name, transported(fault, everyToken)])),
}

/** The rows of the page: of the faults those that the mirror tells apart. */
const lists = [
  'ok',
  'empty',
  'null',
  'missing field',
  'shrunk',
  'garbage',
  'throttled',
  'forbidden',
  'unknown user',
  'timeout',
]

const different = ours(['token-a', 'token-b', 'token-x'])

interface Column {
  readonly holds: Reading
  readonly fault?: 'read' | 'write' | 'answer' | 'overtaken'
  /** Of a target that holds one token alone: the document in a target of its own. */
  readonly beside?: Reading
}

/** What the target holds and where it fails: the columns. */
const targets: Record<string, Column> = {
  absent: { holds: { state: 'absent' } },
  'no value': { holds: { state: 'empty', marked: false } },
  'ours equal': { holds: ours(['token-a', 'token-b', 'token-c']) },
  'ours different': { holds: different },
  'pick gone': { holds: ours(['token-a', 'token-b', 'token-x'], 7, 'token-x') },
  damaged: { holds: { state: 'value', marked: true, value: '{"ApiTok', before: lastOurs(different) } },
  reused: { holds: { state: 'value', marked: true, value: '{"password":"of somebody else"}' } },
  foreign: { holds: { state: 'value', marked: false, value: '{"password":"of somebody else"}' } },
  'other application': { holds: ours(['token-a', 'token-b', 'token-c'], 8) },
  'disabled or deleted': { holds: { state: 'unavailable', reason: '' } },
  forbidden: { holds: different, fault: 'read' },
  throttled: { holds: different, fault: 'read' },
  'write lost': { holds: { state: 'absent' }, fault: 'write' },
  'write done but answer lost': { holds: { state: 'absent' }, fault: 'answer' },
  overtaken: { holds: different, fault: 'overtaken' },
  'token equal': { holds: alone('token-b'), beside: ours(everyToken) },
  'token gone': { holds: alone('token-x'), beside: ours(['token-a', 'token-b', 'token-x'], 7, 'token-x') },
  'token reused': { holds: alone('of somebody else'), beside: ours(everyToken) },
  'token foreign': { holds: alone('of somebody else', false), beside: ours(everyToken) },
}

/** A token alone, or what stands in its place. */
function alone(value: string, marked = true): Reading {
  return { state: 'value', marked, value }
}

/** A document of ours. It points to a token that is not the first one, so that a moved pointer shows. */
function ours(ApiTokens: string[], SubAppId = 7, ApiToken = 'token-b'): Reading {
  return {
    state: 'value',
    marked: true,
    value: JSON.stringify({ ApiToken, ApiTokens, SubAppId, Site: 'intl' }),
  }
}

/** What a target holds of ours: its value, or the one before where that was damaged. */
function lastOurs(reading: Reading): string {
  return reading.state === 'value' ? (reading.before ?? reading.value) : ''
}

/** The rows of a table of the page, its head first; every cell as written. */
function table(heading: string): string[][] {
  const [, after = ''] = page.split(`## ${heading}\n`)
  const lines = /(?:^\|.*\n)+/m.exec(after)?.[0].trim().split('\n') ?? []
  const rows = lines.map((line) => line.split('|').slice(1, -1))
  return rows.filter((_, index) => index !== 1).map((row) => row.map((cell) => cell.trim()))
}

/** The cell of a grid at two labels. */
function cellAt(grid: string[][], row: string, column: string): string {
  const [head = []] = grid
  return grid.find(([label]) => label === row)?.[head.indexOf(column)] ?? 'no such cell'
}

const runs = table('This run')
const nextRuns = table('The next run')
const reasons = table('Reasons')
const cells = lists.flatMap((row) =>
  Object.keys(targets).map(
    (column) => [row, column, cellAt(runs, row, column), cellAt(nextRuns, row, column)] as const,
  ),
)

/**
 * The line of the table of Reasons for what a cell says, if that outcome has one: the list's comes first, but for what is
 * held, where the list is what is doubted last.
 */
function reasonLine(cell: string, row: string, column: string): string[] | undefined {
  const [outcome] = cell.split(',')
  const labels = [`${outcome}, list ${row}`, `${outcome}, target ${column}`]
  if (outcome === 'held') labels.reverse()
  return labels.map((label) => reasons.find(([first]) => first === label)).find((line) => line !== undefined)
}

/** A sentence of the page as a pattern: `…` stands for what differs from case to case. */
function pattern(sentence = 'no such sentence'): RegExp {
  const literal = sentence
    .replaceAll('`', '')
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${literal.join('.+')}$`)
}

const minute = 60_000

/** What the stores say, by column: the words of the AWS store, see {@link hearAws}. */
let words: Readonly<Record<string, string>> = {}

/** One application with one target, in a function with a time limit. */
function world(row: string, column: string) {
  let now = Date.UTC(2026, 0, 1)
  let list = answers[row]
  let { holds, fault, beside } = targets[column] ?? {}
  if (holds?.state === 'unavailable') holds = { ...holds, reason: words[column] ?? '' }
  if (!list || !holds) throw new Error(`no such state: ${row}, ${column}`)
  let held = holds
  const written: string[] = []
  const sleep = async (ms: number): Promise<void> => {
    now += ms
  }
  const call = createTencentClient(
    { ...vodApi, endpoint: 'https://vod.intl.tencentcloudapi.com' },
    {
      credentials: () => ({ secretId: 'id', secretKey: 'key' }),
      ...timeOf(() => now, { sleep }),
      async send({ timeoutMs }) {
        now += list instanceof TransportError ? timeoutMs : 10
        if (!list || list instanceof TransportError) throw list
        return { status: 200, headers: { date: null, retryAfter: null }, body: '', ...list }
      },
    },
  )
  const failure = (): StoreError => new StoreError('Scripted', words[column] ?? '', column)
  const store: Store = {
    mostBytes: 65_536,
    hasMark: true,
    async read() {
      if (fault === 'read') throw failure()
      return held
    },
    async write(value) {
      written.push(value)
      if (fault === 'overtaken') throw overtaken(targetOf('memory', column))
      if (fault !== 'write') held = { state: 'value', marked: true, value }
      if (fault) throw failure()
    },
  }
  /** The document beside, which nothing happens to. */
  const neighbour: Store = {
    mostBytes: 65_536,
    hasMark: true,
    read: async () => beside ?? { state: 'absent' },
    async write(value) {
      beside = { state: 'value', marked: true, value }
    },
  }
  const own = { ...targetOf('memory', column), adopt: false, holds: beside ? 'token' : 'document' } as const
  const mirrored = beside ? [own, { ...targetOf('memory', 'beside'), adopt: false }] : [own]
  return {
    /** The values that the store was asked to write in the last run. */
    written,
    /** What the target holds now. */
    held: () => held,
    /** Half an hour later: Tencent lists all tokens, and nothing fails at the target. */
    heal(): void {
      now += 30 * minute
      list = answers['ok']
      fault = undefined
    },
    /** The run in the words of the page, its Reason, and whether it ends in an error. */
    async run(timeLimitMs = 3 * minute) {
      written.length = 0
      const report = await runMirror(
        {
          mirrors: [{ subAppId: 7, targets: mirrored }],
          dryRun: false,
          confirm: null,
          promote: null,
          deadline: now + timeLimitMs,
        },
        {
          site: 'intl',
          settleSeconds: settings.AIGC_SETTLE_SECONDS.default,
          minKeep: settings.AIGC_MIN_KEEP.default,
          exclude: new Set(),
          tokenLimit: 45,
          timeoutMs: settings.AIGC_TIMEOUT_MS.default,
        },
        {
          list: (subAppId, deadline) => describeAigcApiTokens(call, subAppId, deadline),
          openStore: ({ uri }) => (uri === own.uri ? store : neighbour),
          ...timeOf(() => now, { sleep }),
        },
      )
      const [result] = report.Results
      const count = written.length
      const writes = `${count} write${count === 1 ? '' : 's'}${(fault === 'write' || fault === 'overtaken') && count > 0 ? ' lost' : ''}`
      return {
        cell: `${result?.Outcome}, ${writes}`,
        reason: result?.Reason ?? null,
        threw: reportError(report) !== null,
        /** Whether the document beside is in step. */
        isBesideGood: report.Results.slice(1).every(({ Outcome }) => isGood(Outcome)),
      }
    },
  }
}

/** The document that a target must hold after `list` was mirrored to it. */
function documentAfter(before: Reading, list: string[]): string {
  const current = before.state === 'value' && JSON.parse(lastOurs(before)).ApiToken
  const ApiToken = list.includes(current) ? current : list[0]
  return JSON.stringify({ ApiToken, ApiTokens: list, SubAppId: 7, Site: 'intl' })
}

/** Runs `world` once, and checks everything that the page says or implies of the run. */
async function expectRun(
  { run, held, written }: ReturnType<typeof world>,
  expected: string,
  row: string,
  column: string,
): Promise<void> {
  const before = held()
  const { cell, reason, threw, isBesideGood } = await run()
  expect(cell).toBe(expected)
  const inStep = isGood(cell.replace(/,.*/, ''))
  expect(threw).toBe(!inStep || !isBesideGood)
  if (inStep)
    expect(reason).toEqual(row === 'empty' || row === 'null' ? expect.stringMatching(/no token/) : null)
  else expect(reason).toMatch(pattern(reasonLine(cell, row, column)?.[1]))
  expect(reason ?? '').not.toContain('token-')
  if (targets[column]?.beside) {
    // Never anything but a token that is listed.
    for (const value of written) expect(row === 'shrunk' ? ['token-a'] : everyToken).toContain(value)
    if (written.length === 0) expect(held()).toEqual(before)
    return
  }

  const list = row === 'shrunk' ? ['token-a'] : ['token-a', 'token-b', 'token-c']
  // What is held loses nothing, and points to a token that is listed.
  const keeps = cell.startsWith('held') ? JSON.parse(lastOurs(before) || '{}').ApiTokens : []
  if (written.length === 0 || cell.endsWith('lost')) expect(held()).toEqual(before)
  else if (cell.startsWith('held'))
    expect(JSON.parse(lastOurs(held()))).toMatchObject({ ApiToken: list[0], ApiTokens: [...keeps].sort() })
  else expect(held()).toEqual({ state: 'value', marked: true, value: documentAfter(before, list) })
  for (const value of written) {
    expect(JSON.parse(value).ApiTokens, 'on the way').toEqual(expect.arrayContaining(list))
    expect(list, 'the pick on the way').toContain(JSON.parse(value).ApiToken)
  }
}

function isGood(outcome: string): boolean {
  return ['created', 'updated', 'unchanged'].includes(outcome)
}

/**
 * Makes the real AWS store fail as each column says, so that the page quotes what operators see: a server on
 * loopback answers by the name of the secret.
 */
async function hearAws(): Promise<Record<string, string>> {
  const server = createServer(async (request, response) => {
    const { SecretId, Name } = (await json(request)) as Record<string, string>
    const fail = (code: string): void => {
      response
        .writeHead(400, { 'x-amzn-requestid': '00000000-0000-4000-8000-000000000001' })
        .end(JSON.stringify({ __type: code, message: 'said so' }))
    }
    const name = SecretId ?? Name
    if (name === 'forbidden') fail('AccessDeniedException')
    else if (name === 'throttled') fail('ThrottlingException')
    else if (name === 'lost') request.socket.destroy()
    else if (name === 'deleted') response.end(JSON.stringify({ Name: name, DeletedDate: 1_767_225_600 }))
    // "unanswered": the server goes on listening, and says nothing.
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const environment = {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'AKIATEST',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  }
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)

  const open = (name: string): Store => awsSecretsManager.open(targetOf('aws-secretsmanager', name), lent)
  const complaint = (attempt: Promise<unknown>): Promise<string> =>
    attempt.then(
      () => 'no complaint',
      ({ message }) => message,
    )
  const read = (name: string): Promise<string> => complaint(open(name).read(systemTime.monotonic() + minute))
  const write = (name: string, timeoutMs = minute): Promise<string> =>
    complaint(open(name).write('{}', { state: 'absent' }, systemTime.monotonic() + timeoutMs))
  try {
    const deleted = await open('deleted').read(systemTime.monotonic() + minute)
    const [forbidden, throttled, lost, unanswered] = await Promise.all([
      read('forbidden'),
      read('throttled'),
      write('lost'),
      write('unanswered', 500),
    ])
    return {
      'disabled or deleted': 'reason' in deleted ? deleted.reason : 'no reason',
      forbidden,
      throttled,
      'write lost': lost,
      'write done but answer lost': unanswered,
    }
  } finally {
    vi.unstubAllEnvs()
    server.closeAllConnections()
    server.close()
  }
}

describe('docs/mirror.md', () => {
  it.each([
    ['This run', runs],
    ['The next run', nextRuns],
  ])('has every list and every target under "%s", and each cell once', (_, grid) => {
    const [head = [], ...rows] = grid
    expect(head.slice(1)).toEqual(Object.keys(targets))
    expect(rows.map(([label]) => label)).toEqual(lists)
    for (const row of rows) expect(row).toHaveLength(head.length)
  })

  it.each([
    ['Lists', lists],
    ['Targets', Object.keys(targets)],
  ])('says what each of its words means: %s', (heading, words) => {
    const [, ...rows] = table(heading)
    expect(rows.map(([label]) => label)).toEqual(words)
    for (const row of rows) expect(row).toEqual([expect.anything(), expect.stringMatching(/\w/)])
  })

  it('gives a Reason and advice for exactly the outcomes that occur', () => {
    const occurring = cells.flatMap(([row, column, now, next]) => [
      reasonLine(now, row, column),
      reasonLine(next, 'ok', column),
    ])
    const [, ...lines] = reasons
    // Its run is not one of the cells but the last test below.
    const deferred = reasonLine('deferred', 'ok', 'ours different')
    expect(new Set([...occurring, deferred].filter((line) => line !== undefined))).toEqual(new Set(lines))
    for (const line of lines)
      expect(line).toEqual([expect.anything(), expect.stringMatching(/^`.+`$/), expect.stringMatching(/\w/)])
  })

  it('names settings that exist, with their defaults', () => {
    const mentions = [...page.matchAll(/(AIGC_[A-Z_]+)`?(?: \(([\d.]+)\))?/g)]
    for (const [, name = '', value] of mentions) {
      expect(Object.keys(settings)).toContain(name)
      if (value !== undefined) expect(value, name).toBe(String(settings[name as SettingName].default))
    }
  })
})

describe('runMirror', () => {
  beforeAll(async () => {
    words = await hearAws()
  })

  it.each(cells)('with list "%s" on target "%s": %s; next time: %s', async (row, column, now, next) => {
    const subject = world(row, column)
    await expectRun(subject, now, row, column)
    subject.heal()
    await expectRun(subject, next, 'ok', column)
  })

  it.each(faults)('ends as $mirror and takes nothing out for $name', async ({ name, mirror }) => {
    const { run, written } = world(name, 'ours equal')
    // Of what is short only the pick is believed.
    const writes = name === 'shrunk' ? '1 write' : '0 writes'
    expect(await run()).toMatchObject({ cell: `${mirror}, ${writes}`, threw: mirror !== 'unchanged' })
    for (const value of written) expect(JSON.parse(value).ApiTokens).toEqual(everyToken)
  })

  it('without time to look again: deferred, 1 write; next time: updated, 1 write', async () => {
    const subject = world('ok', 'ours different')
    const { cell, reason, threw } = await subject.run(minute / 2)
    expect([cell, threw]).toEqual(['deferred, 1 write', true])
    expect(reason).toMatch(pattern(reasonLine(cell, 'ok', 'ours different')?.[1]))
    expect(subject.held()).toEqual(ours(['token-a', 'token-b', 'token-c', 'token-x']))
    subject.heal()
    await expectRun(subject, 'updated, 1 write', 'ok', 'ours different')
  })
})

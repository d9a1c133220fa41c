/** `npm run invoke`: a result to work with, or a reason and exit code 1. */
import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { startTencentSimulator } from '../../simulator/simulator.ts'
import { type Checkout, openCheckout } from '../support/command.ts'

// The limit of a hang, not a measure: an idle machine needs seconds.
const timeout = 600_000
const SubAppId = 251006666
const usage = "usage: npm run invoke -- list-tokens|mirror-tokens|rotate-tokens 'EVENT'"
let checkout: Checkout

beforeEach(() => {
  checkout = openCheckout()
})
afterEach(() => checkout.close())

async function openAccount(): Promise<Record<string, string>> {
  const account = await startTencentSimulator({ applications: [{ subAppId: SubAppId, tokens: ['a-token'] }] })
  onTestFinished(() => account.close())
  return {
    AIGC_SECRET_ID: account.secretId,
    AIGC_SECRET_KEY: account.secretKey,
    AIGC_VOD_ENDPOINT: account.url,
    AIGC_SUB_APP_IDS: `${SubAppId}`,
  }
}

describe('npm run invoke', { timeout }, () => {
  it('prints the result alone to stdout, and the log to stderr', async () => {
    const built = fileURLToPath(new URL('../../dist/list-tokens/index.js', import.meta.url))
    const stateOf = ({ ino, size, mtimeMs } = statSync(built)): object => ({ ino, size, mtimeMs })
    const before = stateOf()
    const account = await openAccount()
    const masked = checkout.npm('invoke', ['list-tokens', `{"SubAppId":${SubAppId}}`], account)
    expect(await masked.ended).toEqual([0, null])
    expect(JSON.parse(masked.stdout())).toMatchObject({
      SubAppId,
      Fingerprints: [expect.stringMatching(/^[\da-f]{16}$/)],
      Stale: false,
    })
    expect(JSON.parse(masked.stderr())).toMatchObject({ level: 'info', event: 'list-tokens' })
    // What `npm run build` made is what gets deployed: it is left as it is.
    expect(stateOf()).toEqual(before)
    expect(checkout.leftovers()).toEqual([])
  })

  it('prints the result alone into a pipe of the shell', async () => {
    const command = `npm run --silent invoke -- list-tokens '{"SubAppId":${SubAppId}}' | cat`
    const { stdout, stderr } = await promisify(execFile)('/bin/sh', ['-c', command], {
      cwd: dirname(checkout.temporary),
      env: { PATH: process.env['PATH'], TMPDIR: checkout.temporary, ...(await openAccount()) },
    })
    expect(JSON.parse(stdout)).toMatchObject({ SubAppId, Stale: false })
    expect(JSON.parse(stderr)).toMatchObject({ level: 'info', event: 'list-tokens' })
  })

  it('runs mirror-tokens without an event', async () => {
    const account = { ...(await openAccount()), AIGC_MIRROR_TARGETS: 'file:mirrored.json' }
    const mirrored = checkout.run('invoke', ['mirror-tokens'], account)
    expect(await mirrored.ended).toEqual([0, null])
    expect(JSON.parse(mirrored.stdout())).toMatchObject({
      Results: [{ SubAppId, Target: 'file:mirrored.json', Outcome: 'created' }],
    })
  })

  it.each([
    ['no function', [], `name a function; ${usage}`],
    ['an unknown function', ['list-token', '{}'], `there is no function "list-token"; ${usage}`],
    ['a name that every object has', ['constructor'], `there is no function "constructor"; ${usage}`],
    [
      'an event that is not JSON',
      ['list-tokens', '{SubAppId:1}'],
      'the event is not JSON; quote it for the shell',
    ],
    [
      'an event torn by the shell',
      ['list-tokens', '{"SubAppId":', '1}'],
      'there is more than one event; quote it',
    ],
    ['an unknown field', ['list-tokens', '{"SubApp":1}'], 'SubApp" is not a known field'],
    [
      'an application that is not configured',
      ['list-tokens', '{"SubAppId":1}'],
      'not one of AIGC_SUB_APP_IDS',
    ],
    ['settings that are missing', ['mirror-tokens'], 'AIGC_MIRROR_TARGETS must name at least one target'],
    ['a half digest', ['mirror-tokens', '{"Confirm":"0123"}'], '"Confirm" must be the Digest of a plan'],
  ])('fails with a reason and exit code 1 for %s', async (_, args, reason) => {
    const failing = checkout.run('invoke', args, await openAccount())
    expect(await failing.ended).toEqual([1, null])
    expect(failing.stderr().split(reason), failing.stderr()).toHaveLength(2)
    expect(failing.stderr()).not.toMatch(/^ +at /m)
    expect(failing.stdout()).toBe('')
    expect(checkout.leftovers()).toEqual([])
  })

  it('reads .env, and says when others may', async () => {
    const lines = Object.entries(await openAccount()).map(([name, value]) => `${name}=${value}`)
    checkout.writeEnv(lines.join('\n'), 0o640)
    const invoked = checkout.run('invoke', ['list-tokens'])
    expect(await invoked.ended).toEqual([0, null])
    expect(JSON.parse(invoked.stdout())).toMatchObject({ SubAppId })
    expect(invoked.stderr()).toMatch(
      /^npm run invoke: \.env holds keys, and its mode 640 .*chmod 600 \.env\n\{/,
    )
  })

  it.each(['utf8', 'utf16le'] as const)(
    'reads a .env of Windows: %s with a byte order mark and CRLF',
    async (encoding) => {
      const lines = Object.entries(await openAccount()).map(([name, value]) => `${name}=${value}\r\n`)
      checkout.writeEnv(Buffer.from(`\ufeff${lines.join('')}`, encoding))
      const invoked = checkout.run('invoke', ['list-tokens'])
      expect(await invoked.ended, invoked.stderr()).toEqual([0, null])
      expect(JSON.parse(invoked.stdout())).toMatchObject({ SubAppId })
    },
  )

  it('ends by Ctrl-C with exit code 1', async () => {
    const account = await startTencentSimulator()
    onTestFinished(() => account.close())
    account.fail({ kind: 'hang' }, Number.POSITIVE_INFINITY)
    const waiting = checkout.run('invoke', ['list-tokens'], {
      AIGC_SECRET_ID: account.secretId,
      AIGC_SECRET_KEY: account.secretKey,
      AIGC_VOD_ENDPOINT: account.url,
      AIGC_TIMEOUT_MS: '900000',
    })
    await waiting.until(() => account.calls.length > 0)
    waiting.signal('SIGINT')
    expect(await waiting.ended).toEqual([1, null])
    expect(waiting.stdout()).toBe('')
    expect(checkout.leftovers()).toEqual([])
  })
})

/** `npm start` as a stranger meets it: what it prints works, and however it ends, nothing is left behind. */
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer, request as openRequest } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { startTencentSimulator } from '../../simulator/simulator.ts'
import { type Checkout, type Command, openCheckout } from '../support/command.ts'
import { sha256 } from '../support/sha256.ts'

// The limit of a hang, not a measure: an idle machine needs seconds.
const timeout = 600_000
let checkout: Checkout

beforeEach(() => {
  checkout = openCheckout()
})
afterEach(() => checkout.close())

function start(environment: Record<string, string> = {}): Command {
  return checkout.run('start', [], { PORT: '0', ...environment })
}

/** Where somebody who reads what the command prints has read it to the end. */
async function greeted(command: Command): Promise<Command> {
  await command.until(() => command.output().includes('Ctrl-C ends all this'))
  return command
}

/** The printed commands of one program. */
function printed(command: Command, program: 'curl' | 'cat'): string[] {
  const lines = command.output().match(/^ {2}\S.*$/gm) ?? []
  // Nothing that a shell would read otherwise than as words, and nothing but these two; but for one line.
  for (const line of lines.filter((one) => !one.includes('$(curl')))
    expect(line).toMatch(/^ {2}(cat|curl( -X (POST|DELETE))?( -H '[^']+')?) [\w/.:-]+( -d '[^']+')?$/)
  return lines.map((line) => line.trim()).filter((line) => line.startsWith(`${program} `))
}

/** Does what the printed line does that only a shell can read. */
async function pasteIntoShell(line = ''): Promise<string> {
  return (await promisify(execFile)('/bin/sh', ['-c', line])).stdout
}

const hasCurl = spawnSync('curl', ['--version']).status === 0

/** Does what a printed curl line does. */
async function paste(line = ''): Promise<{ status: number; json: unknown; text: string }> {
  const [, sent, header = '', url = '', body = null] =
    /^curl(?: -X (\S+))?(?: -H '([^']+)')? (\S+)(?: -d '([^']+)')?$/.exec(line) ?? []
  const [name, value] = header.split(': ')
  const method = sent ?? (body === null ? 'GET' : 'POST')
  const answer = await fetch(url, { method, body, ...(name && value && { headers: { [name]: value } }) })
  const text = await answer.text()
  return {
    status: answer.status,
    text,
    json: answer.headers.get('content-type')?.includes('json') ? JSON.parse(text) : null,
  }
}

async function pasteForTokens(line: string | undefined): Promise<string[]> {
  const { status, json } = await paste(line)
  expect(status).toBe(200)
  return (json as { ApiTokens: string[] }).ApiTokens
}

function urlIn(line = ''): URL {
  return new URL(line.split(' ').at(-1) ?? '')
}

/** The address of a printed invocation. */
function invocationsIn(line = ''): string {
  return / (http\S+) -d /.exec(line)?.[1] ?? ''
}

function readTokens(catLine = ''): string[] {
  return JSON.parse(readFileSync(catLine.replace('cat ', ''), 'utf8')).ApiTokens
}

/** As a container does: in a PID namespace of its own. Not every system lets everybody. */
const unshared = ['--user', '--map-root-user', '--fork', '--pid']

function canUnshare(): boolean {
  return spawnSync('unshare', [...unshared, 'true']).status === 0
}

/** Sends half a request and goes away, once the server waits for the other half. */
async function breakOff(url: URL): Promise<void> {
  const socket = connect(Number(url.port), url.hostname)
  socket.write('POST /tokens HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\nhalf')
  await once(socket, 'data')
  socket.resetAndDestroy()
}

/** Sends a request with a `Host` of its own. */
async function askWithHost(url: URL, host: string): Promise<number | undefined> {
  const [answer] = await once(openRequest(url, { agent: false, headers: { host } }).end(), 'response')
  answer.resume()
  return answer.statusCode
}

describe('npm start', { timeout }, () => {
  it('serves and mirrors a simulator, follows what its printed commands do, and ends by Ctrl-C', async () => {
    const npm = await greeted(checkout.npm('start', [], { PORT: '0' }))
    expect(npm.output()).toContain('no Tencent credentials were found')
    const [one, list, fingerprints, dryRun, rotate, use, create, remove, help] = printed(npm, 'curl')
    const [cat] = printed(npm, 'cat')
    expect(printed(npm, 'curl')).toHaveLength(9)
    expect(printed(npm, 'cat')).toHaveLength(1)

    const before = await pasteForTokens(list)
    expect(before.toSorted()).toEqual(readTokens(cat))
    expect(await paste(fingerprints)).toMatchObject({
      status: 200,
      json: { Fingerprints: [expect.stringMatching(/^[\da-f]{16}$/), expect.any(String)] },
    })
    expect((await fetch(urlIn(list))).status).toBe(401)
    expect(await paste(dryRun)).toMatchObject({ status: 200, json: { Results: [{ Outcome: 'unchanged' }] } })
    expect((await fetch(invocationsIn(dryRun), { method: 'POST' })).status).toBe(403)
    if (hasCurl) expect(JSON.parse(await pasteIntoShell(use))).toMatchObject({ object: 'chat.completion' })

    const created = await paste(create)
    expect(created.status).toBe(201)
    const added = (created.json as { Tokens: { ApiToken: string }[] }).Tokens[0]?.ApiToken ?? ''
    await npm.until(() => readTokens(cat).includes(added))
    await npm.until(async () => (await pasteForTokens(list)).includes(added))
    // The token in use is deleted: the mirror and HTTP move to one and the same.
    const pick = (): string => JSON.parse(readFileSync(cat?.replace('cat ', '') ?? '', 'utf8')).ApiToken
    const pickOverHttp = async (): Promise<unknown> =>
      ((await paste(one)).json as { ApiToken: string }).ApiToken
    const removed = pick()
    await npm.until(async () => (await pickOverHttp()) === removed)
    expect((await paste(remove?.replace(/[^/]*$/, removed))).status).toBe(200)
    await npm.until(() => pick() !== removed)
    expect(readTokens(cat)).toContain(pick())
    await npm.until(async () => (await pickOverHttp()) === pick())
    await npm.until(() => !readTokens(cat).includes(removed))
    expect(readTokens(cat)).toEqual([...before.filter((token) => token !== removed), added].sort())

    const explained = await paste(help)
    expect(explained).toMatchObject({ status: 200 })
    expect(explained.text.match(/^ {2}.*$/gm)).toContain(`  ${create}`)
    for (const line of explained.text.match(/^ {2}.*$/gm) ?? [])
      expect(line).toMatch(/^ {2}curl( -X (POST|PUT|DELETE))? ([\w/.:-]+|'http:[^']+')( -d '[^']+')?$/)

    const begun = await npm.until(async () => {
      const answer = await paste(rotate)
      return answer.status === 429 ? null : answer
    })
    expect(begun.json).toMatchObject({ Results: [{ Outcome: 'advanced', Step: 'create' }] })
    await npm.until(() => npm.output().includes('is listed'))

    npm.signal('SIGINT')
    await npm.ended
    expect(npm.output()).not.toMatch(/error|exception/i)
    expect(checkout.leftovers()).toEqual([])
    await expect(fetch(urlIn(list))).rejects.toThrow()
    await expect(fetch(urlIn(create))).rejects.toThrow()
  })

  it('rehearses what a person does by hand on Lambda: moves the pick, looks at what is held, confirms', async () => {
    const command = await greeted(start({ AIGC_LOG_LEVEL: 'info' }))
    const [, list, , dryRun = '', , , , remove = ''] = printed(command, 'curl')
    const [cat] = printed(command, 'cat')
    const tokens = await pasteForTokens(list)
    const byHand = (event: object): ReturnType<typeof paste> =>
      paste(dryRun.replace(/'\{.*$/, `'${JSON.stringify(event)}'`))
    const pick = (): string => JSON.parse(readFileSync(cat?.replace('cat ', '') ?? '', 'utf8')).ApiToken
    const other = tokens.find((token) => token !== pick()) ?? ''
    const promoted = await command.until(async () => {
      const answer = await byHand({ Promote: sha256(other).slice(0, 16) })
      return answer.status === 429 ? null : answer
    })
    expect(promoted.json).toMatchObject({ Results: [{ Outcome: 'updated' }] })
    expect(pick()).toBe(other)
    for (const token of tokens) expect((await paste(remove.replace(/[^/]*$/, token))).status).toBe(200)
    await command.until(() => command.output().includes('"outcome":"held"'))
    expect(readTokens(cat)).toEqual(tokens.toSorted())

    const looked = await byHand({ DryRun: true })
    expect(looked).toMatchObject({
      status: 200,
      json: { Digest: expect.any(String), Results: [{ Outcome: 'would-hold' }] },
    })
    const slip = await byHand({ Confirm: '0'.repeat(64) })
    expect(slip).toMatchObject({ status: 200, json: { errorType: 'PlanChanged' } })
    expect(readTokens(cat)).toEqual(tokens.toSorted())
    const { Digest } = looked.json as { Digest: string }
    // While a scheduled run is under way there is no room, as on Lambda.
    const confirmed = await command.until(async () => {
      const answer = await byHand({ Confirm: Digest })
      return answer.status === 429 ? null : answer
    })
    expect(confirmed.json).toMatchObject({ Results: [{ Outcome: 'updated' }] })
    expect(readTokens(cat)).toEqual([])

    const key = / -H '[^']*(local-\w+)'/.exec(dryRun)?.[1] ?? ''
    const answer = await fetch(invocationsIn(dryRun).replace('mirror-tokens', 'list-tokens'), {
      method: 'POST',
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=${key}/20261126/us-east-1/lambda/aws4_request, Signature=x`,
        'x-amz-log-type': 'Tail',
      },
    })
    expect(await answer.json()).toMatchObject({ Fingerprints: [] })
    const log = Buffer.from(answer.headers.get('x-amz-log-result') ?? '', 'base64').toString()
    expect(JSON.parse(log)).toMatchObject({
      event: 'list-tokens',
      invocation: answer.headers.get('x-amzn-requestid'),
    })
    expect(command.output()).toContain(log)
    for (const secret of [...tokens, key])
      expect(command.output().split('Ctrl-C ends all this')[1]).not.toContain(secret)
  })

  it.each([
    ['SIGINT', 0],
    ['SIGTERM', 0],
    ['SIGHUP', 0],
    // Which the test turns into an error that nobody catches.
    ['SIGUSR2', 1],
  ] as const)('ends by %s and leaves nothing behind', async (signal, exitCode) => {
    const thrower = `process.on('SIGUSR2', () => { throw new Error('thrown by the test') })`
    const command = await greeted(
      start({ NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(thrower)}` }),
    )
    const [, list, , , , , create] = printed(command, 'curl')
    const file = printed(command, 'cat')[0]?.replace('cat ', '') ?? ''
    expect(checkout.leftovers()).toContain(relative(checkout.temporary, file))

    // To the one process, so that what it started is not ended for it.
    command.child.kill(signal)
    expect(await command.ended).toEqual([exitCode, null])
    expect(command.output().includes('thrown by the test')).toBe(exitCode === 1)
    expect(checkout.leftovers()).toEqual([])
    await expect(fetch(urlIn(list))).rejects.toThrow()
    await expect(fetch(urlIn(create))).rejects.toThrow()
  })

  it.each(['process', 'group'])(
    'ends while it builds, by a signal to the %s, and leaves nothing behind',
    async (whom) => {
      const command = start()
      await command.until(() => checkout.leftovers().some((path) => path.endsWith('/functions')))
      if (whom === 'group') command.signal('SIGINT')
      else command.child.kill('SIGTERM')
      expect(await command.ended).toEqual([0, null])
      expect(command.output()).not.toMatch(/error|exception/i)
      expect(checkout.leftovers()).toEqual([])
    },
  )

  it('survives requests that break off or make no sense', async () => {
    const command = await greeted(start())
    const [, list, , , , , create] = printed(command, 'curl')
    await breakOff(urlIn(list))
    await breakOff(urlIn(create))
    expect(await askWithHost(urlIn(create), '127.0.0.1:99999')).toBe(200)
    expect(await askWithHost(urlIn(create), 'nowhere')).toBe(403)
    expect(await pasteForTokens(list)).toHaveLength(2)
    expect((await paste(create)).status).toBe(201)
  })

  it('names wrong settings once and ends', async () => {
    const { output, ended } = start({ AIGC_SITE: 'eu', AIGC_CACHE_SECONDS: 'x', AIGC_HTTP_AUTH: 'trust' })
    expect(await ended).toEqual([1, null])
    expect(output().split('\n').toSorted()).toEqual([
      '',
      '- AIGC_CACHE_SECONDS must be a whole number from 0 to 86400',
      '- AIGC_HTTP_AUTH must be gateway, keys or platform',
      '- AIGC_SITE must be intl or cn',
      'npm start: Reading the settings:',
    ])
    expect(checkout.leftovers()).toEqual([])
  })

  it('says that its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { output, ended } = checkout.run('start', ['--port', `${port}`], { PORT: '0' })
    expect(await ended).toEqual([1, null])
    expect(output()).toContain(
      `port ${port} is taken; choose another, or any that is free: npm start -- --port 0`,
    )
    expect(checkout.leftovers()).toEqual([])
    other.close()
  })

  it('reads .env, and talks to the account that it names', async () => {
    const account = await startTencentSimulator({ applications: [{ subAppId: 7, tokens: ['a-real-token'] }] })
    onTestFinished(() => account.close())
    // The SHA-256 of "password".
    const sha256 = '5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8'
    checkout.writeEnv(`TENCENTCLOUD_SECRET_ID=${account.secretId}
TENCENTCLOUD_SECRET_KEY=${account.secretKey}
AIGC_VOD_ENDPOINT=${account.url}
AIGC_SUB_APP_IDS=7
AIGC_HTTP_AUTH=keys
AIGC_API_KEYS=mine:full:${sha256}
`)
    const command = await greeted(start())
    expect(command.stderr()).toBe('')
    expect(command.output()).toContain('your Tencent Cloud account')
    expect(command.output()).not.toContain('simulator')
    const [, list] = printed(command, 'curl')
    expect(await pasteForTokens(list)).toEqual(['a-real-token'])
    expect(readTokens(printed(command, 'cat')[0])).toEqual(['a-real-token'])
    const mine = await fetch(urlIn(list), { headers: { authorization: 'Bearer password' } })
    expect(mine.status).toBe(200)
    expect(account.calls.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'DescribeAigcApiTokens ok',
      'DescribeAigcApiTokens ok',
    ])
    command.signal('SIGINT')
    expect(await command.ended).toEqual([0, null])
    expect(checkout.leftovers()).toEqual([])
  })

  it('says that others may read .env', async () => {
    checkout.writeEnv('AIGC_SITE=eu\n', 0o644)
    const { stderr, ended } = start()
    expect(await ended).toEqual([1, null])
    const [warning = ''] = stderr().split('\n')
    expect(warning).toBe(
      'npm start: .env holds keys, and its mode 644 lets others at it; run: chmod 600 .env',
    )
    expect(stderr()).toContain('AIGC_SITE must be intl or cn')
  })

  it('npm run deploy:scf says that others may read .env', async () => {
    checkout.writeEnv('', 0o604)
    const { stderr, ended } = checkout.run('deploy:scf', ['--remove', '--plan'])
    expect(await ended).toEqual([1, null])
    const [warning = '', problem] = stderr().split('\n')
    expect(warning).toBe(
      'deploy:scf: .env holds keys, and its mode 604 lets others at it; run: chmod 600 .env',
    )
    expect(problem).toBe('deploy:scf: Reading the settings:')
  })

  it.skipIf(process.platform !== 'linux')('hands on no key to what it starts', async () => {
    checkout.writeEnv('AIGC_SECRET_KEY=the-key-of-env\n')
    const command = await greeted(start({ AIGC_SECRET_ID: 'id', AWS_SECRET_ACCESS_KEY: 'the-key-of-aws' }))
    const pid = command.child.pid
    expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).toContain('the-key-of-aws')
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ')
    // esbuild stays for the next build.
    expect(children).not.toEqual([''])
    for (const child of children) {
      const environ = readFileSync(`/proc/${child}/environ`, 'latin1')
      expect(environ).toContain('PATH=')
      expect(environ).not.toContain('the-key-of')
    }
  })

  it('keeps tokens where only its user can read, and clears up after those that were killed', async () => {
    const killed = await greeted(start())
    const file = printed(killed, 'cat')[0]?.replace('cat ', '') ?? ''
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(file)).mode & 0o777).toBe(0o700)
    killed.child.kill('SIGKILL')
    await killed.ended
    expect(readTokens(`cat ${file}`)).toHaveLength(2)

    // None made by a process that is surely dead: the last may run on a machine that has a number for it too.
    const others = [
      'vod-aigc-tokens-of-mine',
      `vod-aigc-tokens-${process.pid}-living`,
      `vod-aigc-tokens-${killed.child.pid}-young`,
    ]
    for (const name of others) mkdirSync(join(checkout.temporary, name))
    const old = join(checkout.temporary, `vod-aigc-tokens-${killed.child.pid}-old`)
    mkdirSync(old)
    const twoDaysAgo = Date.now() / 1000 - 2 * 86_400
    utimesSync(old, twoDaysAgo, twoDaysAgo)
    const link = join(checkout.temporary, `vod-aigc-tokens-${killed.child.pid}-link`)
    symlinkSync(checkout.temporary, link)

    const next = await greeted(start())
    expect(checkout.leftovers()).not.toContain(relative(checkout.temporary, file))
    expect(readdirSync(checkout.temporary)).toEqual(expect.arrayContaining(others))
    expect(existsSync(old)).toBe(false)
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
    await checkout.run('invoke', ['list-tokens'], { AIGC_SITE: 'eu' }).ended
    expect(readTokens(printed(next, 'cat')[0])).toHaveLength(2)
  })

  it.skipIf(process.platform !== 'linux')(
    'leaves what containers have that share its temporary folder, and clears up what is from before a restart',
    async () => {
      const killed = await greeted(start())
      killed.child.kill('SIGKILL')
      await killed.ended
      const [name = ''] = checkout.leftovers()
      const [, boot] = /^vod-aigc-tokens-\d+-([\da-f]{8})-[\da-f]{8}-\w+$/.exec(name) ?? []
      const elsewhere = `vod-aigc-tokens-${killed.child.pid}-${boot}-00000000-x`
      const before = `vod-aigc-tokens-${process.pid}-00000000-00000000-x`
      for (const folder of [elsewhere, before]) mkdirSync(join(checkout.temporary, folder))
      await checkout.run('invoke', ['list-tokens'], { AIGC_SITE: 'eu' }).ended
      expect(checkout.leftovers()).toEqual([elsewhere])
    },
  )

  it.skipIf(!canUnshare())('keeps its folder when a container clears up that shares it', async () => {
    const command = await greeted(start())
    const script = `
      const { makeFolder } = await import('./scripts/scratch.ts')
      console.log(makeFolder())`
    const made = execFileSync(
      'unshare',
      [...unshared, process.execPath, '--import', 'tsx', '--input-type=module', '-e', script],
      { env: { PATH: process.env['PATH'], TMPDIR: checkout.temporary }, encoding: 'utf8' },
    )
    expect(made).toContain(`${checkout.temporary}/vod-aigc-tokens-`)
    expect(readTokens(printed(command, 'cat')[0])).toHaveLength(2)
  })

  it('keeps tokens in memory where the system has a place for each user', async () => {
    const place = join(checkout.temporary, 'run')
    mkdirSync(place)
    const command = await greeted(start({ XDG_RUNTIME_DIR: place }))
    expect(printed(command, 'cat')[0]).toContain(`cat ${place}/vod-aigc-tokens-`)
    command.signal('SIGINT')
    await command.ended
    expect(readdirSync(place)).toEqual([])
  })

  it('leaves an account alone whose credentials come without settings, whatever it logs', async () => {
    const command = await greeted(
      start({
        TENCENTCLOUD_SECRET_ID: 'id',
        TENCENTCLOUD_SECRET_KEY: 'key',
        AIGC_LOG_LEVEL: 'info',
        AIGC_SITE: '',
      }),
    )
    expect(command.output()).toContain("a simulator of Tencent's API (Tencent credentials were found, but no")
    expect(command.output()).toContain('{"level":"info","event":"mirror-tokens"')
    expect(await pasteForTokens(printed(command, 'curl')[1])).toHaveLength(2)
  })

  it('keeps everything that is Tencent in the simulator', async () => {
    const command = await greeted(
      start({
        AIGC_SUB_APP_IDS: '1,2',
        AIGC_VOD_ENDPOINT: 'https://vod.tencentcloudapi.com',
        AIGC_SSM_ENDPOINT: 'https://ssm.intl.tencentcloudapi.com',
        AIGC_SESSION_TOKEN: 'of a key that is not used',
      }),
    )
    const [, first, second] = printed(command, 'curl')
    const [firstFile, secondFile] = printed(command, 'cat')
    expect(readTokens(firstFile)).toEqual((await pasteForTokens(first)).toSorted())
    expect(readTokens(secondFile)).toEqual((await pasteForTokens(second)).toSorted())
  })

  it.each(['AIGC_MIRROR_TARGETS', 'AIGC_FALLBACK'])(
    'does not touch the file that %s names without credentials',
    async (name) => {
      const real = {
        ApiToken: 'real-token-a',
        ApiTokens: ['real-token-a', 'real-token-b'],
        SubAppId: 251006666,
        Site: 'intl',
      }
      const file = join(checkout.temporary, 'real.json')
      writeFileSync(file, JSON.stringify(real))
      checkout.writeEnv(`${name}=file:${file}\n`)
      const { output, ended } = start({ AIGC_SUB_APP_IDS: '251006666' })
      expect(await ended).toEqual([1, null])
      expect(output()).toBe(
        `npm start: ${name} is set, and without Tencent credentials there are only a simulator's tokens, which have ` +
          'no place there; unset it, and they are kept in a folder of their own, or set credentials ' +
          '(docs/credentials.md)\n',
      )
      expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(real)
      expect(
        readdirSync(checkout.temporary).filter((path) => path !== 'real.json' && !path.startsWith('tsx-')),
      ).toEqual([])
    },
  )

  it.each([
    ['a new file', 'file:not/yet'],
    ['a secret on AWS', 'aws-secretsmanager:prod/aigc'],
    ['a secret on Tencent Cloud', 'tencent-ssm:{SubAppId}'],
    ['a store that there is not', 'vault:x'],
    ['several', 'file:x, aws-secretsmanager:prod/aigc'],
  ])('does not write to %s without credentials', async (_, targets) => {
    let asked = 0
    const emulator = createServer((_, answer) => {
      asked++
      answer.end()
    })
    await once(emulator.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void emulator.close())
    const { output, ended } = start({
      AIGC_MIRROR_TARGETS: targets,
      AIGC_FALLBACK: 'file:y',
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(emulator.address() as AddressInfo).port}`,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'key',
    })
    expect(await ended).toEqual([1, null])
    expect(output()).toContain(
      'npm start: AIGC_MIRROR_TARGETS and AIGC_FALLBACK are set, and without Tencent',
    )
    expect(output()).toContain('unset them')
    expect(existsSync(join(checkout.temporary, '../not'))).toBe(false)
    expect(asked).toBe(0)
    expect(checkout.leftovers()).toEqual([])
  })

  it('takes a target that names nothing for none', async () => {
    const command = await greeted(start({ AIGC_MIRROR_TARGETS: ' , ', AIGC_FALLBACK: ' ' }))
    expect(readTokens(printed(command, 'cat')[0])).toHaveLength(2)
  })
})

/** `npm start` as a stranger meets it: what it prints works, and Ctrl-C leaves nothing behind. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const environment = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' }
let child: ChildProcess | undefined

afterEach(() => {
  // npm and what it started are a process group of their own.
  if (child?.pid && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL')
})

function start(settings: Record<string, string>): {
  output(): string
  ended: Promise<unknown[]>
  child: ChildProcess
} {
  const npm = spawn('npm', ['start'], { cwd: root, env: { ...environment, ...settings }, detached: true })
  child = npm
  let output = ''
  for (const stream of [npm.stdout, npm.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  return { output: () => output, ended: once(npm, 'exit'), child: npm }
}

async function until<T>(
  find: () => T | null | undefined | false | Promise<T | null | undefined | false>,
): Promise<T> {
  for (;;) {
    const found = await find()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe('npm start', () => {
  it('npm start serves and mirrors a simulator, follows a rotation, and leaves nothing behind', async () => {
    const { output, ended, child } = start({ PORT: '0' })
    const [, key, url] = await until(() =>
      /curl -H 'Authorization: (Bearer \S+)' (\S+\/tokens)\n/.exec(output()),
    )
    const [, file = ''] = /^ {2}cat (\S+)$/m.exec(output()) ?? []
    const [, console = ''] = /curl -X POST (\S+)/.exec(output()) ?? []
    await until(() => output().includes('Ctrl-C'))

    const tokens = async (): Promise<string[]> => {
      const answer = await fetch(url ?? '', { headers: { authorization: key ?? '' } })
      expect(answer.status).toBe(200)
      return ((await answer.json()) as { ApiTokens: string[] }).ApiTokens
    }
    const mirrored = (): string[] => JSON.parse(readFileSync(file, 'utf8')).ApiTokens
    const before = await tokens()
    expect(before.toSorted()).toEqual(mirrored())
    expect((await fetch(url ?? '')).status).toBe(401)

    const created = (await (await fetch(console, { method: 'POST' })).json()) as {
      Tokens: { ApiToken: string }[]
    }
    const added = created.Tokens[0]?.ApiToken ?? ''
    await until(() => mirrored().includes(added))
    await until(async () => (await tokens()).includes(added))
    await fetch(`${console}/${before[0]}`, { method: 'DELETE' })
    await until(() => !mirrored().includes(before[0] ?? ''))
    expect(mirrored()).toEqual([before[1], added].sort())

    process.kill(-(child.pid ?? 0), 'SIGINT')
    await ended
    expect(existsSync(file)).toBe(false)
    await expect(fetch(url ?? '')).rejects.toThrow()
  })

  it('npm start names wrong settings and ends', async () => {
    const { output, ended } = start({ PORT: '0', AIGC_SITE: 'eu', AIGC_CACHE_SECONDS: 'x' })
    expect(await ended).toEqual([1, null])
    expect(output()).toContain('AIGC_SITE must be intl or cn')
    expect(output()).toContain('AIGC_CACHE_SECONDS must be a whole number')
  })

  it('npm start says that its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { output, ended } = start({ PORT: `${(other.address() as AddressInfo).port}` })
    expect(await ended).toEqual([1, null])
    expect(output()).toContain('is taken; choose another: PORT=3001 npm start')
    other.close()
  })

  it('npm start talks to another API when it finds credentials and settings', async () => {
    const asked: (string | undefined)[] = []
    const api = createServer((request, response) => {
      asked.push(request.headers['x-tc-action'] as string)
      response.end('{"Response":{"ApiTokens":["a-real-token"],"RequestId":"r"}}')
    }).listen(0, '127.0.0.1')
    await once(api, 'listening')
    const { output, child, ended } = start({
      PORT: '0',
      TENCENTCLOUD_SECRET_ID: 'id',
      TENCENTCLOUD_SECRET_KEY: 'key',
      AIGC_VOD_ENDPOINT: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
    })
    await until(() => output().includes('Ctrl-C'))
    expect(output()).toContain('your Tencent Cloud account')
    expect(output()).not.toContain('simulator')
    expect(asked).toEqual(['DescribeAigcApiTokens'])
    process.kill(-(child.pid ?? 0), 'SIGINT')
    await ended
    api.closeAllConnections()
    api.close()
  })
})

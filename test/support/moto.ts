/**
 * moto (github.com/getmoto/moto, checked with 5.2.1), an independent AWS emulator in Python, as a peer: its
 * `moto_server` runs as a child process on a free loopback port. Where it differs from AWS is listed beside the
 * tests that care.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export interface Moto {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** Forgets every secret and user. */
  reset(): Promise<void>
  /**
   * Makes a user who may do these actions, on whatever (moto does not look at resources), and has moto check
   * signatures and policies from now on.
   */
  enforceAuth(actions?: readonly string[]): Promise<{ accessKeyId: string; secretAccessKey: string }>
  ignoreAuth(): Promise<void>
  close(): Promise<void>
}

/**
 * Why tests against moto are to be skipped, or null. With `CI` set they never are: there a missing
 * `moto_server` makes {@link startMoto} throw.
 */
export const motoMissing: string | null =
  onPath('moto_server') || process.env['CI']
    ? null
    : `skipped without moto_server on PATH: pip install 'moto[server]==5.2.1'`

if (motoMissing !== null) process.stderr.write(`Tests against AWS Secrets Manager ${motoMissing}\n`)

/** The command line that starts moto, less its address; needs `python3` to be the Python that has moto. */
export const motoForDeployments: readonly string[] = [
  'python3',
  fileURLToPath(new URL('moto-for-deployments.py', import.meta.url)),
]

/**
 * Starts moto and waits until it answers. Call `close()` in the end; if this process dies first, however it
 * does, moto dies with it.
 */
export async function startMoto(command: readonly string[] = ['moto_server']): Promise<Moto> {
  // The shell and moto form a process group of their own (detached). Its standard input is a pipe from here: when
  // that ends, by close() or because this process is gone, the shell kills the group. When moto ends by itself too.
  const script = '{ "$@" -H 127.0.0.1 -p 0; kill -9 0; } & cat >/dev/null; kill -9 0'
  const group = spawn('sh', ['-c', script, 'sh', ...command], {
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const closed = once(group, 'close')

  let log = ''
  const port = await new Promise<string>((resolve, reject) => {
    group.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
      const started = /Running on http:\/\/127\.0\.0\.1:(\d+)/.exec(log)
      if (started?.[1]) resolve(started[1])
    })
    group.once('error', reject)
    group.once('close', () => reject(new Error(`Starting ${command[0]}: it ended with: ${log.trim()}`)))
  })

  const url = `http://127.0.0.1:${port}`
  const post = async (path: string, init: RequestInit = {}): Promise<string> => {
    const answer = await fetch(url + path, { method: 'POST', ...init })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`Calling moto at ${path}: ${answer.status} ${text}`)
    return text
  }
  // moto finds the service in the credential scope; the signature is not looked at while auth is ignored.
  const iam = (Action: string, UserName: string, others: Record<string, string> = {}): Promise<string> =>
    post('/', {
      headers: { authorization: 'AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request' },
      body: new URLSearchParams({ Action, UserName, ...others, Version: '2010-05-08' }),
    })
  // The number of calls that moto still lets through unchecked.
  const resetAuth = async (unchecked: number): Promise<void> => {
    await post('/moto-api/reset-auth', { headers: { 'content-type': 'text/plain' }, body: `${unchecked}` })
  }

  return {
    url,
    async reset() {
      await post('/moto-api/reset')
    },
    async enforceAuth(actions = []) {
      const user = `user-${randomUUID()}`
      await iam('CreateUser', user)
      if (actions.length > 0) {
        const Statement = [{ Effect: 'Allow', Action: actions, Resource: '*' }]
        const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement })
        await iam('PutUserPolicy', user, { PolicyName: 'may', PolicyDocument })
      }
      const key = await iam('CreateAccessKey', user)
      await resetAuth(0)
      return { accessKeyId: element(key, 'AccessKeyId'), secretAccessKey: element(key, 'SecretAccessKey') }
    },
    ignoreAuth: () => resetAuth(999_999_999),
    async close() {
      group.stdin.end()
      await closed
    },
  }
}

/** Whether a program is found. */
export function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function element(xml: string, name: string): string {
  const found = new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1]
  if (found === undefined) throw new Error(`Reading moto's answer: no ${name} in it`)
  return found
}

/**
 * The commands of a page, run as they are printed: a terminal to paste them into, and an AWS account for them. That is moto, and for
 * what moto has not (Lambda's invocations, filters for JSON in log groups) a stand-in here, in front of the functions themselves.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { buffer } from 'node:stream/consumers'
import type { FunctionProcess } from './function-process.ts'
import { matchesPattern } from './log-filter.ts'
import { motoMissing, onPath } from './moto.ts'

/** Why commands of the pages are not to be run, or null. */
export const cannotPaste: string | null =
  motoMissing ??
  (onPath('aws') || process.env['CI'] ? null : 'skipped without aws on PATH: pip install awscli')

export interface Page {
  /** The first block of commands, which sets variables for all the others. */
  readonly preamble: string
  /** The first of the other blocks that holds `part`; it then counts as run. */
  block(part: string): string
  /** The block that is this and nothing else; it then counts as run. */
  only(code: string): string
  /** The blocks that nobody asked for. */
  untouched(): string[]
  /** Commands between words. */
  readonly inline: readonly string[]
}

/** Reads a page of `docs/`. */
export function readPage(name: string): Page {
  const page = readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
  const [preamble = '', ...blocks] = [...page.matchAll(/^(?<indent> *)```sh\n(?<code>.*?)^ *```$/gms)].map(
    ({ groups }) => (groups?.['code'] ?? '').replaceAll(new RegExp(`^${groups?.['indent'] ?? ''}`, 'gm'), ''),
  )
  const touched = new Set<string>()
  const find = (part: string, suits: (code: string) => boolean): string => {
    const found = blocks.find(suits)
    if (found === undefined) throw new Error(`no command of docs/${name} has ${part}`)
    touched.add(found)
    return found
  }
  return {
    preamble,
    block: (part) => find(part, (code) => code.includes(part)),
    only: (text) => find(text, (code) => code === text),
    untouched: () => blocks.filter((code) => !touched.has(code)),
    inline: [...page.matchAll(/`(aws [^`]*)`/g)].map(([, command = '']) => command),
  }
}

export interface Terminal {
  /**
   * Pastes commands, with `input` for those that read some. Gives what they print. Throws when one fails, or with `fails`, which is
   * for a single command, when it does not.
   */
  paste(commands: string, options?: { readonly input?: string; readonly fails?: boolean }): Promise<string>
  close(): void
}

/** Opens a terminal whose AWS CLI talks to `account`. Variables and functions live as long as it does. */
export function openTerminal(options: {
  readonly cwd: string
  readonly account: { readonly url: string }
  /** More of the environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** Commands to begin with, such as a function in place of a program. */
  readonly setUp?: string
}): Terminal {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn('bash', ['--noprofile', '--norc'], {
    cwd: options.cwd,
    env: {
      PATH,
      HOME,
      AWS_ENDPOINT_URL: options.account.url,
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      ...options.environment,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.on('error', () => {})
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const ended = once(child, 'close')
  // The CLI that pip has is version 1, which takes payloads raw, knows no AWS_REGION, and looks for SQS at an old address of AWS
  // unless it is told on the command line. The pages are for version 2. Node's own pipes cannot be opened as /dev/stdout.
  child.stdin.write(`exec > >(cat) 2>&1
    aws() { AWS_DEFAULT_REGION="$AWS_REGION" command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }
    set -euo pipefail
    ${options.setUp ?? ''}\n`)
  const code = join(options.cwd, '.pasted.sh')
  const given = join(options.cwd, '.typed.txt')
  return {
    async paste(commands, { input = '', fails = false } = {}) {
      writeFileSync(code, commands.replaceAll('--cli-binary-format raw-in-base64-out', ''))
      writeFileSync(given, input)
      output = ''
      child.stdin.write(
        fails
          ? `if source '${code}' < '${given}'; then echo =went-well; else echo; echo =done; fi\n`
          : `source '${code}' < '${given}'; echo; echo =done\n`,
      )
      const done = /^=done$/m
      while (!done.test(output)) {
        const isOver = await Promise.race([
          once(child.stdout, 'data').then(() => false),
          ended.then(() => true),
        ])
        if (output.includes('=went-well')) throw new Error(`nothing of this failed: ${commands}\n${output}`)
        if (isOver && !done.test(output))
          throw new Error(`a command of these failed, and the terminal is closed: ${commands}\n${output}`)
      }
      return output.replace(/\n=done\n.*$/s, '')
    },
    close: () => void child.kill(),
  }
}

/** A function of Lambda, by the name and the region that a request names. */
export type FindFunction = (
  name: string,
  region: string,
) => FunctionProcess | undefined | Promise<FunctionProcess | undefined>

export interface AwsAccount {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** By function: what its reserved concurrency was last set to. */
  readonly reserved: Map<string, number>
  close(): void
}

/**
 * Starts an account: moto, and the stand-in for what it has not. `answerOther` may answer before either; null passes. `otherLogs` are
 * the lines of log groups that are no function's.
 */
export async function startAwsAccount(
  moto: { readonly url: string },
  findFunction: FindFunction,
  answerOther: (request: {
    method: string
    url: string
    body: string
  }) => Promise<string | null> = async () => null,
  otherLogs: Readonly<Record<string, readonly Record<string, unknown>[]>> = {},
): Promise<AwsAccount> {
  const reserved = new Map<string, number>()
  const server = createServer(
    (request, response) => void serve(request, response).catch(() => request.destroy()),
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const own = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = await buffer(request)
    const body = String(bytes)
    const json = (value: unknown, headers: Record<string, string> = {}): void =>
      void response
        .writeHead(200, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(value))
    const { url = '', method = 'GET' } = request
    const other = await answerOther({ method, url, body })
    if (other !== null) return void response.writeHead(200).end(other)
    const [, region = ''] = /Credential=[^/]*\/\d*\/([^/]*)\//.exec(request.headers.authorization ?? '') ?? []
    const [, name = '', what] = /^\/[\d-]+\/functions\/([^/]+)\/(invocations|concurrency)$/.exec(url) ?? []
    if (what === 'invocations') {
      const invoked = await findFunction(name, region)
      if (!invoked)
        return void response
          .writeHead(404, { 'x-amzn-errortype': 'ResourceNotFoundException' })
          .end(JSON.stringify({ Message: `Function not found: ${name}` }))
      const { result, error } = await invoked.invoke(JSON.parse(body))
      if (error)
        return json(
          { errorType: error.name, errorMessage: error.message },
          { 'x-amz-function-error': 'Unhandled' },
        )
      return json(result)
    }
    if (what === 'concurrency') {
      if (method === 'PUT') reserved.set(name, JSON.parse(body).ReservedConcurrentExecutions)
      return json({ ReservedConcurrentExecutions: reserved.get(name) ?? 0 })
    }
    if (/account-settings/.test(url))
      return json({ AccountLimit: { ConcurrentExecutions: 10, UnreservedConcurrentExecutions: 10 } })
    const target = String(request.headers['x-amz-target'])
    if (target.endsWith('.RequestServiceQuotaIncrease'))
      return json({ RequestedQuota: { ...JSON.parse(body), Status: 'PENDING' } })
    if (target.endsWith('.FilterLogEvents')) {
      const { logGroupName, filterPattern, startTime } = JSON.parse(body)
      // An hour ago, or a day.
      const hours = (Date.now() - startTime) / 3_600_000
      if (!(hours >= 0 && hours < 2) && !(hours >= 24 && hours < 25))
        throw new Error('this looks at another time')
      const lines =
        otherLogs[logGroupName] ??
        (await findFunction(logGroupName.replace('/aws/lambda/', ''), region))?.log() ??
        []
      const found = lines.filter((line) => filterPattern === undefined || matchesPattern(filterPattern, line))
      return json({ events: found.map((line) => ({ message: JSON.stringify(line) })) })
    }
    const headers = Object.entries(request.headers).filter(
      ([header]) => !/^(host|connection|content-length|transfer-encoding|expect)$/.test(header),
    )
    const answer = await fetch(`${moto.url}${url}`, {
      method,
      headers: headers.map(([header, value]): [string, string] => [header, String(value)]),
      ...(bytes.length > 0 && { body: bytes }),
    })
    response.writeHead(answer.status, { 'content-type': String(answer.headers.get('content-type')) })
    // The CLI sends to a queue's own address, which moto says is AWS's.
    response.end((await answer.text()).replaceAll(/https?:\/\/[\w.-]*queue[\w.-]*\.amazonaws\.com/g, own))
  }

  return {
    url: own,
    reserved,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

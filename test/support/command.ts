/** A command of `package.json` in a process of its own, as somebody at a terminal runs it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const manifest: { scripts: Record<string, string> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx'))

export interface Command {
  readonly child: ChildProcess
  stdout(): string
  stderr(): string
  /** Both, as a terminal shows them. */
  output(): string
  /** Exit code and signal, as soon as nothing is left that could write to the command's output: it and its children. */
  readonly ended: Promise<unknown[]>
  /** Sends a signal to the command and its children, as a terminal does. */
  signal(signal: NodeJS.Signals): void
  /** Waits for something to turn up; fails when the command ends without it. */
  until<T>(find: () => T | Falsy | Promise<T | Falsy>): Promise<T>
}

type Falsy = false | null | undefined

/**
 * A folder in which this project's commands work as in a checkout, and whose `.env` is the test's own; the
 * developer's is never read.
 */
export interface Checkout {
  /** Runs `npm run --silent NAME -- ARGUMENTS` with this environment and little else. */
  npm(name: string, args?: readonly string[], environment?: Record<string, string>): Command
  /** Runs what npm would run, without npm around it. */
  run(name: string, args?: readonly string[], environment?: Record<string, string>): Command
  /** With mode 600 by default. */
  writeEnv(text: string | Uint8Array, mode?: number): void
  /** The temporary folder of its commands. */
  readonly temporary: string
  /** What they have there now, files in folders too; without what npm and tsx keep. */
  leftovers(): string[]
  /** Ends what still runs and removes the folder. */
  close(): Promise<void>
}

export function openCheckout(): Checkout {
  const folder = mkdtempSync(join(tmpdir(), 'aigc-checkout-'))
  const temporary = join(folder, 'tmp')
  mkdirSync(temporary)
  for (const name of ['scripts', 'deploy', 'bench', 'test', 'node_modules', 'package.json', 'tsconfig.json'])
    symlinkSync(join(root, name), join(folder, name))
  const commands: Command[] = []

  const start = (program: string, args: readonly string[], environment: Record<string, string>): Command => {
    const { PATH = '', HOME = '' } = process.env
    const { NODE_OPTIONS: nodeOptions = '', ...others } = environment
    const env = {
      PATH,
      HOME,
      TMPDIR: temporary,
      npm_config_update_notifier: 'false',
      // Like the tests themselves, what they start reaches nothing but this machine.
      NODE_OPTIONS: `--import ${tsx} --import ${new URL('loopback-only.ts', import.meta.url)} ${nodeOptions}`,
      ...others,
    }
    // A process group of its own, so that a signal can be sent to all of it.
    const child = spawn(program, args, { cwd: folder, env, detached: true })
    const written = { stdout: '', stderr: '', output: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        written[name] += text
        written.output += text
      })
    let running = true
    const ended = once(child, 'close')
    ended.then(
      () => {
        running = false
      },
      () => {},
    )
    const command: Command = {
      child,
      stdout: () => written.stdout,
      stderr: () => written.stderr,
      output: () => written.output,
      ended,
      signal: (signal) => {
        if (running) process.kill(-(child.pid ?? Number.NaN), signal)
      },
      async until(find) {
        for (;;) {
          const last = !running
          const found = await find()
          if (found) return found
          if (last) throw new Error(`${program} ended before that: ${written.output}`)
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
      },
    }
    commands.push(command)
    return command
  }

  return {
    npm: (name, args = [], environment = {}) =>
      start('npm', ['run', '--silent', name, '--', ...args], environment),
    run(name, args = [], environment = {}) {
      const [program, ...own] = manifest.scripts[name]?.split(' ') ?? []
      if (program !== 'node') throw new Error(`"${name}" of package.json does not run node`)
      return start(process.execPath, [...own, ...args], environment)
    },
    writeEnv(text, mode = 0o600) {
      writeFileSync(join(folder, '.env'), text)
      chmodSync(join(folder, '.env'), mode)
    },
    temporary,
    leftovers: () =>
      readdirSync(temporary, { recursive: true, encoding: 'utf8' }).filter((path) =>
        path.startsWith('vod-aigc-tokens-'),
      ),
    async close() {
      for (const { signal, ended } of commands) {
        signal('SIGKILL')
        await ended
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The log's way out, in processes of their own: a reader that is late, one that never reads, one that is gone. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { describe, expect, it, onTestFinished } from 'vitest'

/** Without tsx, which makes a stream of stdout: then nothing blocks any more. */
const compiled = `data:text/javascript;base64,${Buffer.from(
  buildSync({
    entryPoints: [fileURLToPath(new URL('../../handlers/stdout.ts', import.meta.url))],
    platform: 'node',
    format: 'esm',
    write: false,
  }).outputFiles[0]?.contents ?? '',
).toString('base64')}`
/** About 0.7 MB: more than any pipe holds. */
const few = 10_000
/** More than a pipe and the queue hold. */
const many = 60_000
const lineOf = (i: number): string => `{"line":${i},"text":"${'é'.repeat(i % 40)}"}\n`
const linesOf = (count: number): string => Array.from({ length: count }, (_, i) => lineOf(i)).join('')

/** Not full at the first EAGAIN: the other side may take some into its memory. */
const fill = `
  void process.stdout
  const { writeSync } = require("node:fs")
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let refused = 0; refused < 20; )
    try {
      writeSync(1, ".")
      refused = 0
    } catch {
      refused++
      Atomics.wait(never, 0, 0, 10)
    }`

interface Writer {
  readonly child: ChildProcess
  /** What can be read at once. */
  read(): string
  /** What there is to read until the process has ended. */
  readAll(): Promise<string>
  /** Settles when all lines were given to be written. */
  readonly done: Promise<void>
  close(): void
}

/**
 * Writes so many lines into a pipe that waits, as of a shell, or a socket, as of Node. Nobody reads unasked. It says on
 * stderr when it is through, and with `last` waits for a word on stdin to write one line more. With `full` another process
 * has filled the pipe with dots before.
 */
function start(kind: 'pipe' | 'socket', count: number, more?: 'last' | 'full'): Writer {
  const script = `
    const { writeToStdout } = await import('${compiled}')
    for (let i = 0; i < ${count}; i++)
      writeToStdout('{"line":' + i + ',"text":"' + 'é'.repeat(i % 40) + '"}\\n')
    process.stderr.write('done')
    ${more === 'last' ? `process.stdin.once('data', () => { writeToStdout('{"last":true}\\n'); process.stdin.destroy() })` : ''}`
  const folder = mkdtempSync(join(tmpdir(), 'vod-aigc-tokens-test-'))
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(pipe, constants.O_WRONLY)
  const node = [process.execPath, '--input-type=module', '-e', script]
  const first = more === 'full' ? `"$0" -e '${fill}' && ` : ''
  const child = spawn('/bin/sh', ['-c', `${first}exec "$0" "$@"`, ...node], {
    stdio: ['pipe', kind === 'pipe' ? writer : 'pipe', 'pipe'],
  })
  closeSync(writer)
  const chunk = Buffer.alloc(65_536)
  const exited = once(child, 'exit')
  const { stdout, stderr } = child
  const said = once(stderr ?? child, 'data')
  let closed = false
  const close = (): void => {
    if (!closed) closeSync(reader)
    closed = true
    stdout?.destroy()
  }
  onTestFinished(() => {
    child.kill('SIGKILL')
    close()
    rmSync(folder, { recursive: true })
  })
  const read = (): string => {
    const parts: Buffer[] = []
    while (true) {
      let length = 0
      try {
        length = readSync(reader, chunk)
      } catch {
        // Empty, for now.
      }
      if (length === 0) return Buffer.concat(parts).toString('latin1')
      parts.push(Buffer.from(chunk.subarray(0, length)))
    }
  }
  return {
    child,
    read,
    async readAll() {
      if (stdout) return text(stdout)
      let all = ''
      let ended = false
      void exited.then(() => {
        ended = true
      })
      while (!ended) {
        all += read()
        await sleep(1)
      }
      return Buffer.from(all + read(), 'latin1').toString()
    },
    done: said.then(([data]) => expect(String(data)).toBe('done')),
    close,
  }
}

const kinds = ['pipe', 'socket'] as const

describe('writeToStdout', () => {
  it.each(kinds)('loses nothing when the reader of its %s is late', async (kind) => {
    const writer = start(kind, few)
    await writer.done
    expect(await writer.readAll()).toBe(linesOf(few))
  })

  it.each(kinds)('does not wait for the reader of a %s that others have filled', async (kind) => {
    const writer = start(kind, 1, 'full')
    await writer.done
    expect((await writer.readAll()).replace(/^\.+/, '')).toBe(lineOf(0))
  })

  it.each(kinds)('lets the process go on and end when nobody reads its %s', async (kind) => {
    const writer = start(kind, many)
    await writer.done
    const [code] = await once(writer.child, 'exit')
    expect(code).toBe(0)
    // Node throws away what a socket still held.
    const held = kind === 'pipe' ? await writer.readAll() : lineOf(0)
    expect(held).not.toBe('')
    expect(linesOf(many).startsWith(held.replace(/\ufffd$/, ''))).toBe(true)
  })

  it.each(kinds)('says how many lines the reader of its %s missed', async (kind) => {
    const writer = start(kind, many, 'last')
    await writer.done
    const reading = writer.readAll()
    writer.child.stdin?.write('go')
    const values: Record<string, unknown>[] = (await reading)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(values.pop()).toEqual({ last: true })
    let next = 0
    let missed = 0
    for (const { event, dropped, ...value } of values) {
      if (event === undefined) expect(value).toEqual(JSON.parse(lineOf(next++)))
      else {
        expect([event, dropped]).toEqual(['log-lines-dropped', expect.any(Number)])
        next += Number(dropped)
        missed += Number(dropped)
      }
    }
    expect(next).toBe(many)
    // A line has 60 bytes, and one megabyte waits.
    expect(missed).toBeGreaterThan(many / 2)
  })

  it.each(kinds)('throws nothing when the reader of its %s is gone', async (kind) => {
    const writer = start(kind, few)
    writer.close()
    const [code] = await once(writer.child, 'exit')
    expect(code).toBe(0)
  })

  it('throws nothing when its reader goes while lines wait', async () => {
    const writer = start('pipe', many, 'last')
    await writer.done
    writer.close()
    writer.child.stdin?.write('go')
    const [code] = await once(writer.child, 'exit')
    expect(code).toBe(0)
  })
})

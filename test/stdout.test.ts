/** The log's way out, in processes of their own: a reader that is late, one that is gone. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const lines = Array.from({ length: 10_000 }, (_, i) => `{"line":${i},"text":"${'é'.repeat(i % 40)}"}\n`)

/** Writes the lines, and says on stderr when that is done. A pipe blocks, or says EAGAIN when it is full. */
function start(pipe: 'blocks' | 'says EAGAIN'): ChildProcess & { stdout: Readable; stderr: Readable } {
  const script = `
    const { writeToStdout } = await import('./handlers/stdout.ts')
    ${pipe === 'blocks' ? '' : 'process.stdout'}
    for (let i = 0; i < ${lines.length}; i++)
      writeToStdout('{"line":' + i + ',"text":"' + 'é'.repeat(i % 40) + '"}\\n')
    process.stderr.write('done')`
  return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function read(stream: Readable): Promise<string> {
  return Buffer.concat(await stream.toArray()).toString()
}

describe('writeToStdout', () => {
  it.each(['blocks', 'says EAGAIN'] as const)(
    'writeToStdout loses nothing when its reader is late and the pipe %s',
    async (pipe) => {
      const child = start(pipe)
      await once(child.stdout, 'readable')
      await sleep(300)
      const [stdout, stderr] = await Promise.all([read(child.stdout), read(child.stderr)])
      expect(stderr).toBe('done')
      expect(stdout).toBe(lines.join(''))
    },
  )

  it('writeToStdout throws nothing when its reader is gone', async () => {
    const child = start('blocks')
    child.stdout.destroy()
    const [code] = await Promise.all([once(child, 'exit').then(([code]) => code), read(child.stderr)])
    expect(code).toBe(0)
  })
})

/**
 * Writes a document over what a target holds, as a run of the mirror does, and kills this process (SIGKILL) at the
 * `dieAt`-th thing that the write begins to wait for: a file, a connection, an answer, a tick. One that lives prints
 * how many there were.
 */

import { createHook } from 'node:async_hooks'
import process from 'node:process'
import { systemTime } from '../../handlers/time.ts'
import { storeKinds } from '../../lib/stores/index.ts'
import type { Target } from '../../lib/stores/store.ts'
import { type TencentAccess, tencentDeps } from './tencent-deps.ts'

export interface WriteAndDie {
  readonly target: Target
  readonly document: string
  readonly dieAt: number | null
  /** Where Tencent's API is, for the kind that asks it. */
  readonly tencent: TencentAccess | null
}

const { target, document, dieAt, tencent }: WriteAndDie = JSON.parse(process.argv[2] ?? '')
const deps = tencentDeps(() => tencent ?? { url: '', secretId: '', secretKey: '' }, 60_000)
const store = storeKinds[target.scheme]?.open(target, deps)
if (!store) throw new Error(`no kind ${target.scheme}`)
const deadline = systemTime.monotonic() + 60_000
const seen = await store.read(deadline)

let steps = 0
const count = createHook({
  init(_, type) {
    if (type !== 'PROMISE' && ++steps === dieAt) process.kill(process.pid, 'SIGKILL')
  },
}).enable()
await store.write(document, seen, deadline)
count.disable()
process.stdout.write(`${steps}\n`, () => process.exit())

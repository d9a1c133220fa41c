/** Where the log goes: both platforms collect what a function writes to its stdout. */
import { constants, fstatSync, openSync, writeSync } from 'node:fs'

/** What may wait for a late reader. Lines beyond are dropped, and counted. */
const queueBytes = 1_048_576
const retryMs = 50
/** How often a process that ends tries again, every 20 ms. */
const lastTries = 100

interface Queued {
  readonly bytes: Buffer
  /** How many lines are lost with it. */
  readonly lines: number
}
let stdout: number | undefined
let queue: Queued[] = []
let queuedBytes = 0
let dropped = 0
let isRetrying = false
let isAwaitingExit = false

/**
 * Writes at once what the reader takes: what a stream still held when the platform froze the process would come late or
 * never. What the reader does not take waits here, up to a megabyte; then lines
 * are dropped, and the next that goes through says how many. An invocation does not fail or wait for its log, and a
 * process does not stay for it: this throws nothing and never blocks.
 */
export function writeToStdout(text: string): void {
  flush()
  const bytes = Buffer.from(dropped > 0 ? describeDropped() + text : text)
  if (queuedBytes > 0 && queuedBytes + bytes.length > queueBytes) {
    dropped++
    return
  }
  queue.push({ bytes, lines: dropped + 1 })
  queuedBytes += bytes.length
  dropped = 0
  flush()
}

/** Writes what waits, as far as the reader takes it. */
function flush(): void {
  for (let head = queue[0]; head !== undefined; head = queue[0]) {
    let taken: number
    try {
      stdout ??= openStdout()
      taken = writeSync(stdout, head.bytes)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
        tryLater()
        return
      }
      // Nobody reads any more.
      for (const { lines } of queue) dropped += lines
      queue = []
      queuedBytes = 0
      return
    }
    queuedBytes -= taken
    if (taken < head.bytes.length) queue[0] = { ...head, bytes: head.bytes.subarray(taken) }
    else queue.shift()
  }
}

function tryLater(): void {
  if (!isAwaitingExit) process.once('exit', flushAtExit)
  isAwaitingExit = true
  if (isRetrying) return
  isRetrying = true
  setTimeout(() => {
    isRetrying = false
    flush()
  }, retryMs).unref()
}

/** Gives a late reader two seconds more. */
function flushAtExit(): void {
  const never = new Int32Array(new SharedArrayBuffer(4))
  if (dropped > 0) writeToStdout('')
  for (let tries = 0; queue.length > 0 && tries < lastTries; tries++) {
    Atomics.wait(never, 0, 0, 20)
    flush()
  }
}

/**
 * A descriptor that says EAGAIN where 1 would hold its writer, be the pipe full before the first line. Linux opens a pipe
 * anew, and leaves it as it is for those who share it. It refuses for a socket, and may for a pipe of another user: then
 * Node makes 1 itself so, when it makes a stream of it.
 */
function openStdout(): number {
  const file = fstatSync(1)
  if (!file.isFIFO() && !file.isSocket()) return 1
  try {
    return openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    void process.stdout
    return 1
  }
}

function describeDropped(): string {
  const timestamp = new Date().toISOString()
  return `${JSON.stringify({ level: 'warn', event: 'log-lines-dropped', timestamp, dropped })}\n`
}

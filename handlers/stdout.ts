/** Where the log goes: both platforms collect what a function writes to its stdout. */
import { writeSync } from 'node:fs'

/** Whether a line was left to Node's stream, behind which the next must queue. */
let streaming = false

/**
 * Writes at once: what Node's stream still held when the platform froze the process would come late or never, and
 * making the stream costs every cold start. Throws nothing: an invocation does not fail for its log.
 */
export function writeToStdout(text: string): void {
  streaming &&= process.stdout.writableLength > 0
  let rest = Buffer.from(text)
  try {
    while (rest.length > 0 && !streaming) rest = rest.subarray(writeSync(1, rest))
  } catch (error) {
    // A full pipe, for which the stream knows how to wait. Any other failure means that nobody reads.
    streaming = (error as NodeJS.ErrnoException).code === 'EAGAIN'
  }
  if (streaming) process.stdout.write(rest)
}

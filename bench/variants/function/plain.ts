/** The least that checks a key, answers from memory and logs a line: `node-https`, its first answer kept. */
import { hash, timingSafeEqual } from 'node:crypto'
import { writeSync } from 'node:fs'
import { handler as ask } from './node-https.ts'

interface Request {
  readonly rawPath: string
  readonly headers: { readonly authorization?: string }
}
interface Reply {
  readonly statusCode: number
  readonly body: string
}

const expected = Buffer.from(process.env['PEER_KEY_SHA256'] ?? '', 'latin1')
let reply: Reply | undefined

export async function handler(event: Request, context: { awsRequestId: string }): Promise<Reply> {
  const presented = hash('sha256', event.headers.authorization?.slice('Bearer '.length) ?? '', 'hex')
  if (!timingSafeEqual(Buffer.from(presented, 'latin1'), expected)) return { statusCode: 401, body: '' }
  reply ??= await ask()
  const line = { level: 'info', invocation: context.awsRequestId, status: 200, route: event.rawPath }
  writeSync(1, `${JSON.stringify(line)}\n`)
  return reply
}

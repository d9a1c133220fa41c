/**
 * What no signer can go below: hash the body, hash the canonical request, and one HMAC (two hashes over prepared pads),
 * all over buffers that lie ready. For one timestamp only, as putting the buffers together is a signer's work.
 */
import { createHash, hash } from 'node:crypto'
import { body, contentType, host, secretId, secretKey } from '../../request.ts'

const blockBytes = 64
const bodyBytes = Buffer.from(body)
const canonical = Buffer.from(
  `POST\n/\n\ncontent-type:${contentType}\nhost:${host}\n\ncontent-type;host\n${hash('sha256', bodyBytes, 'hex')}`,
)
let inner = Buffer.alloc(0)
let outer = Buffer.alloc(0)
let head = ''

export function sign(): string {
  hash('sha256', bodyBytes, 'hex')
  hash('sha256', canonical, 'hex')
  outer.write(hash('sha256', inner, 'binary'), blockBytes, 'latin1')
  return hash('sha256', outer, 'hex')
}

export function authorize(timestamp: number): { timestamp: number; authorization: string } {
  prepare(timestamp)
  return { timestamp, authorization: head + sign() }
}

function prepare(timestamp: number): void {
  const date = new Date(timestamp * 1000).toISOString().slice(0, 10)
  const scope = `${date}/vod/tc3_request`
  const toSign = `TC3-HMAC-SHA256\n${timestamp}\n${scope}\n${hash('sha256', canonical, 'hex')}`
  const key = [date, 'vod', 'tc3_request'].reduce<Buffer>(hmac, Buffer.from(`TC3${secretKey}`))
  inner = Buffer.concat([pad(key, 0x36), Buffer.from(toSign)])
  outer = Buffer.concat([pad(key, 0x5c), Buffer.alloc(32)])
  head = `TC3-HMAC-SHA256 Credential=${secretId}/${scope}, SignedHeaders=content-type;host, Signature=`
}

function hmac(key: Buffer, text: string): Buffer {
  const innerHash = createHash('sha256').update(pad(key, 0x36)).update(text).digest()
  return createHash('sha256').update(pad(key, 0x5c)).update(innerHash).digest()
}

function pad(key: Buffer, filling: number): Buffer {
  return Buffer.alloc(blockBytes).map((_, i) => (key[i] ?? 0) ^ filling) as Buffer
}

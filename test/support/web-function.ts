/** A zip of a web function of SCF, made by hand. */
import { type Zippable, zipSync } from 'fflate'

/** Finds Node on the path, as SCF has it too. */
const bootstrap = '#!/bin/bash\nexec node web.js\n'

/** The same files give the same bytes. */
const mtime = new Date(1980, 0, 1)

export interface WebFunction {
  /** The text of `web.js`. */
  readonly source?: string
  /** The text of `scf_bootstrap`; `null`: there is none. */
  readonly bootstrap?: string | null
  /** Of `scf_bootstrap`. */
  readonly mode?: number
}

/** A server on all addresses that answers with what it was asked, in JSON. */
export const echoServer = `
const { createServer } = require('node:http')
createServer((request, response) => {
  let body = ''
  request.on('data', (chunk) => { body += chunk }).on('end', () => {
    const { method, url, headersDistinct: headers } = request
    console.log('asked ' + url)
    response.writeHead(url === '/teapot' ? 418 : 200, { 'content-type': 'application/json', 'x-own': 'yes' })
    response.end(JSON.stringify({ method, url, headers, body, env: process.env, port: request.socket.localPort }))
  })
}).listen(9000, '0.0.0.0')
`

export function zipWebFunction({
  source = echoServer,
  bootstrap: script = bootstrap,
  mode = 0o755,
}: WebFunction = {}): Uint8Array {
  const files: Zippable = {
    'web.js': [Buffer.from(source), { os: 3, attrs: 0o644 << 16 }],
    ...(script !== null && { scf_bootstrap: [Buffer.from(script), { os: 3, attrs: mode << 16 }] }),
  }
  return zipSync(files, { mtime })
}

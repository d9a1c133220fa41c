/** A zip of a web function of SCF, made by hand. */
import { unzipSync, type Zippable, type ZippableFile, zipSync } from 'fflate'
import type { TencentSimulator } from '../../simulator/simulator.ts'

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

/** Serves `index.js` of the same zip over HTTP, and gives it the run role's keys of each request. */
const standIn = `
const { createServer } = require('node:http')
const { main_handler } = require('./index.js')
createServer(async ({ method, url, headers }, response) => {
  const { 'x-scf-secret-id': id, 'x-scf-secret-key': key, 'x-scf-session-token': token, ...others } = headers
  if (id) Object.assign(process.env, { TENCENTCLOUD_SECRETID: id, TENCENTCLOUD_SECRETKEY: key, TENCENTCLOUD_SESSIONTOKEN: token })
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  const event = { httpMethod: method, path: pathname, headers: others, queryString: Object.fromEntries(searchParams) }
  const answer = await main_handler(event, { request_id: headers['x-scf-request-id'], time_limit_in_ms: 15000 })
  response.writeHead(answer.statusCode, answer.headers).end(answer.body)
}).listen(9000, '0.0.0.0')
`

/** Lets a simulator add a server to what is uploaded as a web function and has none. */
export function addStandIn({ scf }: TencentSimulator): void {
  const actions = scf.service.actions as Map<
    string,
    typeof scf.service.actions extends ReadonlyMap<string, infer A> ? A : never
  >
  for (const name of ['CreateFunction', 'UpdateFunctionCode']) {
    const run = actions.get(name)
    if (!run) throw new Error(`the simulator has no ${name}`)
    actions.set(name, (body, caller) => {
      const { ZipFile = '' } = (body['Code'] ?? {}) as { ZipFile?: string }
      if (body['Handler'] !== undefined || ZipFile === '') return run(body, caller)
      const files = unzipSync(Buffer.from(ZipFile, 'base64'))
      if (files['scf_bootstrap'] || !files['index.js']) return run(body, caller)
      const added = { ...unzipSync(zipWebFunction({ source: standIn })), ...files }
      const executable: ZippableFile = [
        added['scf_bootstrap'] ?? new Uint8Array(),
        { os: 3, attrs: 0o755 << 16 },
      ]
      const zip = zipSync({ ...added, scf_bootstrap: executable }, { mtime })
      return run({ ...body, Code: { ZipFile: Buffer.from(zip).toString('base64') } }, caller)
    })
  }
}

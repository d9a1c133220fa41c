/**
 * The whole product on this machine: `npm start`. Without Tencent credentials it runs against the simulator,
 * with credentials and `AIGC_*` settings (environment or `.env`) against the real API.
 */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startTencentSimulator, type TencentSimulator } from '../test/peers/tencent/simulator.ts'
import { buildFunctions, type FunctionName } from './build.ts'
import { type Handler, lambdaContext, startGateway } from './gateway.ts'

if (existsSync('.env')) process.loadEnvFile('.env')
const env = process.env

const port = Number(env['PORT'] ?? 3000)
if (!Number.isInteger(port) || port < 0 || port > 65_535) fail('PORT must be a whole number from 0 to 65535')

const credentials = ['AIGC_SECRET_ID', 'TENCENTCLOUD_SECRET_ID', 'TENCENTCLOUD_SECRETID']
const configured = Object.keys(env).some((name) => name.startsWith('AIGC_'))
const real = configured && credentials.some((name) => env[name])
const folder = await mkdtemp(join(tmpdir(), 'vod-aigc-tokens-'))
const simulator = real ? null : await startSimulator()
const key = env['AIGC_HTTP_AUTH'] ? null : provideKey()
provide({
  AIGC_LOG_LEVEL: 'warn',
  AIGC_MIRROR_TARGETS: `file:${join(folder, env['AIGC_SUB_APP_IDS'] ? '{SubAppId}.json' : 'tokens.json')}`,
})
const mirrorEveryMs = real ? 60_000 : 5_000

const folders = await buildFunctions()
const [listTokens, mirrorTokens] = [loadHandler('list-tokens'), loadHandler('mirror-tokens')]
const gateway = await startGateway(listTokens, port, (method, path, status) =>
  say(`${method} ${path} ${status}`),
).catch(async (error: NodeJS.ErrnoException) => {
  await rm(folder, { recursive: true })
  return fail(
    error.code === 'EADDRINUSE'
      ? `port ${port} is taken; choose another: PORT=3001 npm start`
      : error.message,
  )
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)

const good = await runMirror()
greet(good)
while (true) {
  await sleep(mirrorEveryMs)
  await runMirror()
}

async function startSimulator(): Promise<TencentSimulator> {
  const subAppIds = (env['AIGC_SUB_APP_IDS'] || '251006666').split(/[\s,]+/).map(Number)
  const simulator = await startTencentSimulator({
    applications: subAppIds.map((subAppId) => ({
      subAppId,
      tokens: [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')],
    })),
    lagMs: 3_000,
  })
  // The keys of the simulator take the place of any others; the rest gives way to what was set.
  Object.assign(env, { AIGC_SECRET_ID: simulator.secretId, AIGC_SECRET_KEY: simulator.secretKey })
  provide({
    AIGC_SUB_APP_IDS: '251006666',
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_CACHE_SECONDS: '2',
    AIGC_SETTLE_SECONDS: '5',
  })
  return simulator
}

/** Makes a key for the endpoint, good until the end of this process, and lets it in. */
function provideKey(): string {
  const key = `local-${randomBytes(12).toString('hex')}`
  const sha256 = createHash('sha256').update(key).digest('hex')
  Object.assign(env, { AIGC_HTTP_AUTH: 'keys', AIGC_API_KEYS: `local:full:${sha256}` })
  return key
}

function provide(settings: Record<string, string>): void {
  for (const [name, value] of Object.entries(settings)) env[name] ||= value
}

function loadHandler(name: FunctionName): Handler {
  return createRequire(import.meta.url)(join(folders[name], 'index.js')).handler
}

/** Runs the mirror as EventBridge Scheduler does; tells whether all went well. The function logs its failures. */
async function runMirror(): Promise<boolean> {
  const event = { version: '0', source: 'aws.scheduler', 'detail-type': 'Scheduled Event', detail: '{}' }
  try {
    const { Results } = (await mirrorTokens(event, lambdaContext(180_000))) as {
      Results: { Outcome: string; Target: string; Added: string[]; Removed: string[] }[]
    }
    for (const { Outcome, Target, Added, Removed } of Results)
      if (Outcome !== 'unchanged')
        say(`${Outcome} ${Target}: ${Added.length} added, ${Removed.length} removed`)
    return true
  } catch (error) {
    say(`the mirror failed: ${error instanceof Error ? error.name : error}; its log line above says why`)
    return false
  }
}

function greet(mirrored: boolean): void {
  const address = gateway.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : port}`
  const targets = (env['AIGC_MIRROR_TARGETS'] ?? '').split(/[\s,]+/)
  const ids = (env['AIGC_SUB_APP_IDS'] || 'null').split(/[\s,]+/)
  const files = ids.flatMap((id) => targets.map((target) => target.replaceAll('{SubAppId}', id)))
  console.log(`
Serving the tokens of ${simulator ? "a simulator of Tencent's API (no Tencent credentials and settings were found)" : 'your Tencent Cloud account'} at ${url}
and mirroring them every ${mirrorEveryMs / 1000} seconds to ${files.join(', ')}${mirrored ? '' : ', which failed at first'}

Get the tokens:
  curl -H 'Authorization: Bearer ${key ?? 'YOUR-KEY'}' ${url}/tokens
  curl -H 'Authorization: Bearer ${key ?? 'YOUR-KEY'}' ${url}/tokens/fingerprints
See what is mirrored:
${files.map((file) => (file.startsWith('file:') ? `  cat ${file.slice(5).replace(/\?.*/, '')}` : `  ${file}`)).join('\n')}`)
  if (simulator)
    console.log(`Rotate a token in the simulator and watch both follow:
  curl -X POST ${simulator.url}/simulator/tokens              creates one; listed after 3 s, mirrored with the next run
  curl -X DELETE ${simulator.url}/simulator/tokens/TOKEN      deletes one; out of the mirror after about 15 s
  curl ${simulator.url}/simulator                             shows what else it can do: faults, for example`)
  console.log(`
AIGC_LOG_LEVEL=info npm start shows the functions' own log. Ctrl-C ends all this${env['AIGC_MIRROR_TARGETS']?.includes(folder) ? ' and removes the mirrored file' : ''}.
`)
}

function say(line: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)} ${line}`)
}

async function end(): Promise<void> {
  gateway.close()
  gateway.closeAllConnections()
  await simulator?.close()
  await rm(folder, { recursive: true, force: true })
  process.exit(0)
}

function fail(message: string): never {
  console.error(`npm start: ${message}`)
  process.exit(1)
}

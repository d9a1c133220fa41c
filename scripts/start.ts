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
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  console.error('npm start: PORT must be a whole number from 0 to 65535')
  process.exit(1)
}

const credentials = [
  'AIGC_SECRET_ID',
  'AIGC_ROLE_ARN',
  'AIGC_CREDENTIALS_SECRET',
  'TENCENTCLOUD_SECRET_ID',
  'TENCENTCLOUD_SECRETID',
]
const configured = Object.keys(env).some((name) => name.startsWith('AIGC_'))
const real = configured && credentials.some((name) => env[name])
const folder = await mkdtemp(join(tmpdir(), 'vod-aigc-tokens-'))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end(0))

const simulator = real ? null : await startSimulator()
// There is no gateway and no platform here to vouch for anybody.
const key = env['AIGC_HTTP_AUTH'] === 'keys' ? null : provideKey()
provide({
  AIGC_LOG_LEVEL: 'warn',
  AIGC_MIRROR_TARGETS: `file:${join(folder, env['AIGC_SUB_APP_IDS'] ? '{SubAppId}.json' : 'tokens.json')}`,
})
const mirrorEveryMs = real ? 60_000 : 5_000

const bundles = await buildFunctions(join(folder, 'functions'))
const load = (name: FunctionName): Handler => createRequire(import.meta.url)(bundles[name]).handler
const mirrorTokens = load('mirror-tokens')
const gateway = await startGateway(load('list-tokens'), port, (method, path, status) =>
  say(`${method} ${path} ${status}`),
).catch((error: NodeJS.ErrnoException) =>
  error.code === 'EADDRINUSE'
    ? fail(`port ${port} is taken; choose another: PORT=3001 npm start`)
    : fail(error.message),
)

const failure = await runMirror()
if (failure?.name === 'ConfigInvalid') await fail(failure.message)
greet(failure === null)
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

/** Runs the mirror as EventBridge Scheduler does; returns what it threw. The function logs its failures itself. */
async function runMirror(): Promise<Error | null> {
  const event = { version: '0', source: 'aws.scheduler', 'detail-type': 'Scheduled Event', detail: '{}' }
  try {
    const { Results } = (await mirrorTokens(event, lambdaContext(180_000))) as {
      Results: { Outcome: string; Target: string; Added: string[]; Removed: string[] }[]
    }
    for (const { Outcome, Target, Added, Removed } of Results)
      if (Outcome !== 'unchanged')
        say(`${Outcome} ${Target}: ${Added.length} added, ${Removed.length} removed`)
    return null
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error))
    say(`the mirror failed: ${failure.name}; the line above says why`)
    return failure
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

async function fail(message: string): Promise<never> {
  console.error(`npm start: ${message}`)
  return end(1)
}

/** Ends everything; what listens ends with the process. */
async function end(exitCode: number): Promise<never> {
  await rm(folder, { recursive: true, force: true })
  process.exit(exitCode)
}

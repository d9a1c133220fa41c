/**
 * The whole product on this machine: `npm start`. Without Tencent credentials it runs against the simulator and a
 * temporary folder, with credentials and `AIGC_*` settings (environment or `.env`) against the real API.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseConfig } from '../lib/config.ts'
import { storeKinds } from '../lib/stores/index.ts'
import { startTencentSimulator, type TencentSimulator } from '../simulator/simulator.ts'
import { readArguments } from './arguments.ts'
import type { FunctionName } from './build.ts'
import { loadEnv } from './environment.ts'
import { startGateway } from './gateway.ts'
import { createLambdaApi, type Handler, lambdaPath, recordStdout } from './lambda-api.ts'
import { makeScratch } from './scratch.ts'

const { values } = readArguments({
  name: 'npm start',
  usage: 'npm start -- [--port NUMBER]',
  about: `Runs the whole product on this machine: against a simulator of Tencent's API, or with Tencent credentials and
AIGC_ settings (environment or .env) against the real one. Ctrl-C ends it.

  --port NUMBER   where it serves on 127.0.0.1, 0 for any port that is free (default PORT, else 3000)
  --help          this text`,
  flags: { port: { type: 'string' } },
  words: 'none',
})
loadEnv('npm start')
const env = process.env
const { folder, build, end } = makeScratch(0)

const port = Number(values.port ?? (env['PORT'] || 3000))
if (!Number.isInteger(port) || port < 0 || port > 65_535)
  await fail(`${values.port === undefined ? 'PORT' : '--port'} must be a whole number from 0 to 65535`)

const hasCredentials = [
  'AIGC_SECRET_ID',
  'AIGC_ROLE_ARN',
  'AIGC_CREDENTIALS_SECRET',
  'TENCENTCLOUD_SECRET_ID',
  'TENCENTCLOUD_SECRETID',
].some((name) => env[name])
// Credentials that lie in the environment for other programs are not used unasked. How much is logged asks nothing.
const hasSettings = Object.keys(env).some(
  (name) => name.startsWith('AIGC_') && name !== 'AIGC_LOG_LEVEL' && env[name],
)
const simulatorLagMs = 3_000
const scheduled = { version: '0', source: 'aws.scheduler', 'detail-type': 'Scheduled Event', detail: '{}' }
const simulator = hasCredentials && hasSettings ? null : await startSimulator()
const key = provideKey()
const ownTarget = `file:${join(folder, env['AIGC_SUB_APP_IDS'] ? '{SubAppId}.json' : 'tokens.json')}`
// Over HTTP the same token is the one to use as in the mirrored secret.
if (list(env['AIGC_MIRROR_TARGETS']).length === 0) provide({ AIGC_FALLBACK: ownTarget })
provide({ AIGC_LOG_LEVEL: 'warn', AIGC_MIRROR_TARGETS: ownTarget })
// What each function would say of the settings, once and before anything is built.
const isRotated = await rotates()
const mirrorEveryMs = simulator ? 5_000 : 60_000

const bundles = await build()
const record = recordStdout()
const load = (name: FunctionName): Handler => createRequire(import.meta.url)(bundles[name]).handler
const listTokens = load('list-tokens')
const lambda = createLambdaApi({
  // The limits of `serverless.yml`.
  functions: {
    'list-tokens': { handler: listTokens, limitMs: 15_000 },
    'mirror-tokens': { handler: load('mirror-tokens'), limitMs: 180_000, reservedConcurrency: 1 },
    ...(isRotated && {
      'rotate-tokens': { handler: load('rotate-tokens'), limitMs: 180_000, reservedConcurrency: 1 },
    }),
  },
  key,
  record,
})
const gateway = await startGateway({
  handler: listTokens,
  port,
  lambda,
  onAnswer: (method, path, status) => say(`${method} ${path} ${status}`),
}).catch((error: NodeJS.ErrnoException) =>
  error.code === 'EADDRINUSE'
    ? fail(`port ${port} is taken; choose another, or any that is free: npm start -- --port 0`)
    : fail(error.message),
)

greet((await runMirror()) === null)
while (true) {
  await sleep(mirrorEveryMs)
  await runMirror()
  if (isRotated) await runRotation()
}

/** Whether the settings, which are what every function would take, keep a record of rotations. */
async function rotates(): Promise<boolean> {
  try {
    return parseConfig(env, storeKinds).rotation.records.length > 0
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
}

async function startSimulator(): Promise<TencentSimulator> {
  // Of every kind, and there yet or not: what somebody names may hold real tokens, or be read as if it did.
  const named = ['AIGC_MIRROR_TARGETS', 'AIGC_FALLBACK', 'AIGC_ROTATION_STATE'].filter(
    (name) => list(env[name]).length > 0,
  )
  const [are, them] = named.length > 1 ? ['are', 'them'] : ['is', 'it']
  if (named.length > 0)
    await fail(
      `${named.join(' and ')} ${are} set, and without Tencent credentials there are only a simulator's tokens, which ` +
        `have no place there; unset ${them}, and they are kept in a folder of their own, or set credentials ` +
        '(docs/credentials.md)',
    )
  provide({ AIGC_SUB_APP_IDS: '251006666', AIGC_CACHE_SECONDS: '2', AIGC_SETTLE_SECONDS: '5' })
  // As short as they go, for whoever wants to see a whole rotation.
  provide({
    AIGC_ROTATION_STATE: `file:${join(folder, 'rotation-{SubAppId}.json')}`,
    AIGC_ROTATION_WARM_SECONDS: '10',
    AIGC_ROTATION_GRACE_HOURS: '0.01',
    AIGC_ROTATION_MAY_DELETE: 'true',
  })
  const simulator = await startTencentSimulator({
    applications: list(env['AIGC_SUB_APP_IDS']).map((id) => ({
      subAppId: Number(id),
      tokens: [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')],
    })),
    lagMs: simulatorLagMs,
  })
  // The simulator takes the place of all of Tencent, whatever was set; the rest gives way to what was set.
  Object.assign(env, {
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
    AIGC_SESSION_TOKEN: '',
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SSM_ENDPOINT: simulator.url,
    AIGC_STS_ENDPOINT: simulator.url,
    AIGC_SCF_ENDPOINT: simulator.url,
    AIGC_CLS_ENDPOINT: simulator.url,
  })
  return simulator
}

/** Makes a key for the endpoint, good until the end of this process, and lets it in beside those that were set. */
function provideKey(): string {
  const key = `local-${randomBytes(12).toString('hex')}`
  const ours = `npm-start:full:${createHash('sha256').update(key).digest('hex')}`
  env['AIGC_API_KEYS'] = env['AIGC_API_KEYS'] ? `${env['AIGC_API_KEYS']},${ours}` : ours
  // There is no gateway and no platform here to vouch for anybody.
  if (['', 'gateway', 'platform'].includes(env['AIGC_HTTP_AUTH'] ?? '')) env['AIGC_HTTP_AUTH'] = 'keys'
  return key
}

function provide(settings: Record<string, string>): void {
  for (const [name, value] of Object.entries(settings)) if (list(env[name]).length === 0) env[name] = value
}

/** Runs the mirror as EventBridge Scheduler does; returns what it threw. The function logs its failures itself. */
async function runMirror(): Promise<Error | null> {
  try {
    const { Results } = (await lambda.invoke('mirror-tokens', scheduled)) as {
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

/** The same for the rotation. */
async function runRotation(): Promise<void> {
  try {
    const { Results } = (await lambda.invoke('rotate-tokens', scheduled)) as {
      Results: { Outcome: string; Reason: string; Remind: boolean }[]
    }
    for (const { Outcome, Reason, Remind } of Results)
      if (Outcome === 'advanced' || Remind) say(`rotation: ${Reason}`)
  } catch (error) {
    say(`the rotation failed: ${error instanceof Error ? error.name : error}; the line above says why`)
  }
}

/** Every line that begins with two blanks can be pasted into a shell as it is. */
function greet(mirrored: boolean): void {
  const address = gateway.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : port}`
  const curl = `curl -H 'Authorization: Bearer ${key}' ${url}`
  const ids = list(env['AIGC_SUB_APP_IDS'])
  const uris = (ids.length > 0 ? ids : ['']).flatMap((id) =>
    list(env['AIGC_MIRROR_TARGETS']).map((target) => target.replaceAll('{SubAppId}', id)),
  )
  const files = uris.filter((uri) => uri.startsWith('file:')).map((uri) => uri.slice(5).replace(/\?.*/, ''))
  const upstream = simulator
    ? `a simulator of Tencent's API (${hasCredentials ? 'Tencent credentials were found, but no AIGC_SUB_APP_IDS or other setting to go with them' : 'no Tencent credentials were found'})`
    : 'your Tencent Cloud account'
  console.log(`
Serving the tokens of ${upstream} at ${url}
and mirroring them every ${mirrorEveryMs / 1000} seconds to ${uris.join(', ')}${mirrored ? '' : ', which failed at first'}

Get the token to use:
  ${curl}/token
Get all of them:
  ${['/tokens', ...ids.slice(1).map((id) => `/sub-apps/${id}/tokens`)].map((path) => curl + path).join('\n  ')}
Get their fingerprints, which give nothing away:
  ${curl}/tokens/fingerprints
Run the mirror by hand, here without writing; as on AWS Lambda, also for the AWS CLI (docs/settings.md#a-rehearsal):
  ${curl}${lambdaPath}functions/mirror-tokens/invocations -d '{"DryRun":true}'`)
  if (files.length > 0)
    console.log(`See what is mirrored:\n${files.map((file) => `  cat ${quote(file)}`).join('\n')}`)
  if (simulator) {
    const lagSeconds = simulatorLagMs / 1000
    const mirrorSeconds = lagSeconds + mirrorEveryMs / 1000
    console.log(`Replace the token in use by a new one, step by step, in about a minute and a half (docs/rotation.md):
  ${curl}${lambdaPath}functions/rotate-tokens/invocations -d '{"Now":true}'`)
    console.log(`Use the token, as an application would, at a stand-in of the AIGC gateway:
  curl ${simulator.url}/v1/chat/completions -H 'Content-Type: application/json' -H "Authorization: Bearer $(${curl.replace('curl', 'curl -s')}/token | cut -d '"' -f 6)" -d '{"model":"gpt-5.4","messages":[{"role":"user","content":"Hello"}]}'
Create a token in the simulator, which lists it after ${lagSeconds} seconds; mirrored within about ${mirrorSeconds}:
  curl -X POST ${simulator.url}/simulator/tokens
Delete one; out of the mirror within about ${mirrorSeconds + Number(env['AIGC_SETTLE_SECONDS'])} seconds:
  curl -X DELETE ${simulator.url}/simulator/tokens/${simulator.vod.states()[0]?.ApiToken}
See what else the simulator can do, such as faults:
  curl ${simulator.url}/simulator`)
  }
  const temporary = files.some((file) => file.startsWith(folder))
  console.log(`
Ctrl-C ends all this${temporary ? ' and removes what is mirrored' : ''}. AIGC_LOG_LEVEL=info npm start shows the functions' own log too.
`)
}

function list(text = ''): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '')
}

/** As one word for the shell. */
function quote(text: string): string {
  return /^[\w/.:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function say(line: string): void {
  console.log(`${new Date().toISOString().slice(11, 19)} ${line}`)
}

async function fail(message: string): Promise<never> {
  console.error(`npm start: ${message}`)
  return end(1)
}

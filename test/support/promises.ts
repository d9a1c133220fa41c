/**
 * What people build on, as a checkout of any version shows it: settings, routes, outcomes, reports, and what is written. Seen from
 * outside, by its built bundles and its table of settings, so that versions can be compared.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parse } from 'yaml'
import type { Fault } from '../../simulator/faults.ts'
import { startTencentSimulator } from '../../simulator/simulator.ts'
import { type Answer, type FunctionProcess, startBundle } from './function-process.ts'
import { getEvent, recorded, withoutQuery } from './recorded-events.ts'
import { sha256 } from './sha256.ts'

/** JSON, as it is compared: a later version may have more fields, and none less. */
export interface Promises {
  /** By name: the value where a setting is not set, and who is given it. */
  readonly settings: Readonly<Record<string, { readonly default: unknown; readonly readers: string[] }>>
  /** By kind of store: the options of its URI. */
  readonly stores: Readonly<Record<string, readonly string[]>>
  /** By name: the default of a parameter of the stack on AWS. */
  readonly parameters: Readonly<Record<string, string>>
  /** By environment, as text: the configuration that is read from it. */
  readonly configurations: Readonly<Record<string, unknown>>
  /** By request: the answer. */
  readonly answers: Readonly<Record<string, unknown>>
  /** By event: what a run by hand returns, or the name of its error. */
  readonly runs: Readonly<Record<string, unknown>>
  /** By step: the report of the mirror, or the name of its error with the report in it, and what it wrote. */
  readonly reports: Readonly<Record<string, unknown>>
  /** By name: the unit of a metric that was in a log line. */
  readonly metrics: Readonly<Record<string, string>>
}

/** In the order of their fingerprints too. */
const [first, second, third] = ['token-b', 'token-f', 'token-i'] as const
/** The one that the recorded requests have is a full one. */
const keys = { full: 'example-key', masked: 'the-masked-key', bound: 'the-bound-key' } as const

/** Observes the version whose built checkout is `folder`. */
export async function observePromises(folder: string): Promise<Promises> {
  const load = (path: string) => import(pathToFileURL(join(folder, path)).href)
  const { settings, parseConfig } = await load('lib/config.ts')
  const { storeKinds } = await load('lib/stores/index.ts')
  const configurations = environments.map((environment) => [
    Object.entries(environment)
      .map((entry) => entry.join('='))
      .join(' '),
    plain(parseConfig({ AIGC_SECRET_ID: 'id', AIGC_SECRET_KEY: 'key', ...environment }, storeKinds)),
  ])
  const metrics: Record<string, string> = {}
  const observed = {
    settings: mapValues(settings, (one: { default: unknown; readers: string[] }) => ({
      default: one.default,
      readers: one.readers,
    })),
    stores: mapValues(storeKinds, ({ options }: { options: readonly string[] }) => options),
    configurations: Object.fromEntries(configurations),
    parameters: parse(readFileSync(join(folder, 'serverless.yml'), 'utf8'), { logLevel: 'error' }).params
      .default,
    ...(await observeList(join(folder, 'dist/list-tokens/index.js'), metrics)),
    reports: await observeMirror(join(folder, 'dist/mirror-tokens/index.js'), metrics),
    metrics,
  }
  return plain(observed) as Promises
}

/** Values that are taken, of each setting at least one. */
const environments: readonly Readonly<Record<string, string>>[] = [
  {},
  { AIGC_SUB_APP_IDS: '251006666, 1500000000', AIGC_SITE: 'cn', AIGC_REGION: 'ap-hongkong' },
  { AIGC_SUB_APP_IDS: '251006666 1500000000', AIGC_SITE: 'intl' },
  ...['VOD', 'SSM', 'STS', 'SCF'].map((name) => ({ [`AIGC_${name}_ENDPOINT`]: 'http://127.0.0.1:9000' })),
  { AIGC_VOD_ENDPOINT: 'https://vod.example.com' },
  { AIGC_SESSION_TOKEN: 'token' },
  {
    AIGC_SECRET_ID: '',
    AIGC_SECRET_KEY: '',
    AIGC_ROLE_ARN: 'qcs::cam::uin/100000000001:roleName/x',
    AIGC_OIDC_PROVIDER: 'aws',
    AIGC_OIDC_AUDIENCE: 'x',
  },
  { AIGC_SECRET_ID: '', AIGC_SECRET_KEY: '', AIGC_CREDENTIALS_SECRET: 'prod/tencent' },
  ...['gateway', 'platform'].map((value) => ({ AIGC_HTTP_AUTH: value })),
  {
    AIGC_SUB_APP_IDS: '7,8',
    AIGC_HTTP_AUTH: 'keys',
    AIGC_API_KEYS: `web.1:full:${'a'.repeat(64)}, audit_x:masked:${'AB'.repeat(32)}:7+8`,
  },
  { AIGC_CACHE_SECONDS: '0', AIGC_STALE_SECONDS: '0', AIGC_TIMEOUT_MS: '100', AIGC_SETTLE_SECONDS: '0' },
  { AIGC_CACHE_SECONDS: '86400', AIGC_STALE_SECONDS: '604800', AIGC_TIMEOUT_MS: '900000' },
  { AIGC_SETTLE_SECONDS: '900', AIGC_MIN_KEEP: '0.75' },
  ...['0', '1'].map((value) => ({ AIGC_MIN_KEEP: value })),
  ...['debug', 'info', 'warn', 'error'].map((value) => ({ AIGC_LOG_LEVEL: value })),
  { AIGC_SOURCE: 'mirror', AIGC_FALLBACK: 'file:/srv/tokens.json' },
  {
    AIGC_SUB_APP_IDS: '7,8',
    AIGC_SOURCE: 'api',
    AIGC_FALLBACK: 'aws-secretsmanager:prod/{SubAppId}',
    AIGC_MIRROR_TARGETS:
      'file:/srv/{SubAppId}.json aws-secretsmanager:prod/{SubAppId}?region=eu-west-1&kmsKeyId=alias/x&adopt=true,' +
      'tencent-ssm:aigc-{SubAppId}?region=ap-hongkong&version=current&adopt=true',
  },
]

/** Runs what `observe` does, with bundles that end when it is done. What it counted is in the metrics then. */
async function withBundles<T>(
  path: string,
  metrics: Record<string, string>,
  observe: (start: (environment: Record<string, string>) => FunctionProcess) => Promise<T>,
): Promise<T> {
  const running: FunctionProcess[] = []
  try {
    const observed = await observe((environment) => {
      const started = startBundle(path, environment)
      running.push(started)
      return started
    })
    for (const line of running.flatMap((one) => one.log()))
      for (const { Name, Unit } of metricsOf(line)) metrics[Name] = Unit
    return observed
  } finally {
    await Promise.all(running.map((one) => one.kill()))
  }
}

async function observeList(
  path: string,
  metrics: Record<string, string>,
): Promise<Pick<Promises, 'answers' | 'runs'>> {
  const simulator = await startTencentSimulator({
    lagMs: 0,
    applications: [
      { subAppId: 7, tokens: [first, second] },
      { subAppId: 8, tokens: [third] },
    ],
  })
  const environment = {
    // With metrics.
    AWS_LAMBDA_FUNCTION_NAME: 'list-tokens',
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SUB_APP_IDS: '7,8',
    AIGC_HTTP_AUTH: 'keys',
    AIGC_API_KEYS: [
      `full:full:${sha256(keys.full)}`,
      `masked:masked:${sha256(keys.masked)}`,
      `bound:full:${sha256(keys.bound)}:8`,
    ].join(),
    AIGC_TIMEOUT_MS: '4000',
  }
  const observe = async (start: (environment: Record<string, string>) => FunctionProcess) => {
    const answers: Record<string, unknown> = {}
    const fn = start(environment)
    const ask = async (name: string, event: unknown, by = fn, options = {}): Promise<string> => {
      const answer = await by.invoke(event, options)
      answers[name] = shapeOf(answer)
      return (answer.result as { headers?: Record<string, string> }).headers?.['etag'] ?? ''
    }
    const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
    const full = bearer(keys.full)
    const ids = ['7', '8', '999']
    for (const [name, key] of Object.entries(keys))
      for (const end of ['/tokens', '/tokens/fingerprints'])
        for (const path of [end, ...ids.map((id) => `/sub-apps/${id}${end}`)])
          await ask(`${name} GET ${path}`, getEvent(path, bearer(key)))
    for (const path of ['/healthz', '/tokens']) await ask(`nobody GET ${path}`, getEvent(path))
    await ask('full GET /nothing', getEvent('/nothing', full))
    const etag = await ask('full GET /tokens/', getEvent('/tokens/', full))
    await ask('full GET /tokens, If-None-Match', getEvent('/tokens', { ...full, 'if-none-match': etag }))
    await ask('full GET /tokens, no-cache', getEvent('/tokens', { ...full, 'cache-control': 'no-cache' }))
    const queried = { rawQueryString: 'x=1', queryStringParameters: { x: '1' } }
    await ask('full GET /tokens?x=1', { ...getEvent('/tokens', full), ...queried })
    for (const method of ['HEAD', 'POST']) {
      const event = getEvent('/tokens', full)
      const requestContext = event['requestContext'] as { http: object }
      const http = { ...requestContext.http, method }
      await ask(`full ${method} /tokens`, { ...event, requestContext: { ...requestContext, http } })
    }
    await ask('nobody GET /tokens, unset', getEvent('/tokens'), start({ ...environment, AIGC_HTTP_AUTH: '' }))
    for (const name of senders) await ask(name, withoutQuery(`${name}.json`))
    for (const name of scfSenders) {
      const event = withoutQuery(`${name}.json`)
      await ask(`${name}, fingerprints`, { ...event, path: '/tokens/fingerprints' }, fn, { scf: true })
      await ask(`${name}, tokens`, event, fn, { scf: true })
    }

    const runs: Record<string, unknown> = {}
    for (const event of [
      {},
      null,
      { SubAppId: 8 },
      { Refresh: true },
      { SubAppId: 999 },
      { Unknown: 1 },
      { Reveal: true },
    ])
      runs[JSON.stringify(event)] = shapeOf(await fn.invoke(event))
    runs['a schedule'] = shapeOf(await fn.invoke(recorded('eventbridge-rule.json')))

    for (const [name, fault] of Object.entries(faults)) {
      simulator.fail(fault, 100)
      await ask(`full GET /tokens, ${name}`, getEvent('/tokens', full), start(environment))
      simulator.clearFaults()
    }
    const late = start({ ...environment, AIGC_CACHE_SECONDS: '0' })
    await late.invoke(getEvent('/tokens', full))
    simulator.fail({ kind: 'status', status: 500 }, 100)
    await ask('full GET /tokens, from an old list', getEvent('/tokens', full), late)
    return { answers, runs }
  }
  try {
    return await withBundles(path, metrics, observe)
  } finally {
    await simulator.close()
  }
}

const senders = [
  ...['alb', 'alb-multi-value', 'http-api-v1', 'http-api-v2', 'http-api-v2-named-stage', 'lambda-url'],
  'rest-api',
]
const scfSenders = ['scf-api-gateway', 'scf-function-url', 'scf-function-url-with-context']
const faults: Readonly<Record<string, Fault>> = {
  refused: { kind: 'error', code: 'AuthFailure.UnauthorizedOperation' },
  throttled: { kind: 'throttle' },
  'in time no answer': { kind: 'hang' },
  'a broken answer': { kind: 'html' },
}

async function observeMirror(
  path: string,
  metrics: Record<string, string>,
): Promise<Record<string, unknown>> {
  const region = 'ap-singapore'
  const simulator = await startTencentSimulator({
    lagMs: 0,
    regions: [region],
    applications: [{ subAppId: 7, tokens: [first, second] }],
  })
  const folder = mkdtempSync(join(tmpdir(), 'promises-'))
  const file = join(folder, '7.json')
  const environment = {
    AWS_LAMBDA_FUNCTION_NAME: 'mirror-tokens',
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
    AIGC_VOD_ENDPOINT: simulator.url,
    AIGC_SSM_ENDPOINT: simulator.url,
    AIGC_SUB_APP_IDS: '7',
    AIGC_MIRROR_TARGETS: `file:${file},tencent-ssm:aigc?region=${region}`,
    AIGC_SETTLE_SECONDS: '0',
    AIGC_TIMEOUT_MS: '10000',
  }
  const observe = async (start: (environment: Record<string, string>) => FunctionProcess) => {
    const steps: Record<string, unknown> = {}
    const fn = start(environment)
    const run = async (name: string, event: unknown, by = fn, options = {}): Promise<string> => {
      const answer = await by.invoke(event, options)
      const [secret] = simulator.ssm.secrets(region)
      steps[name] = {
        ...reportOf(answer, folder),
        file: existsSync(file) ? readFileSync(file, 'utf8') : null,
        secret: secret
          ? { Description: secret.Description, Tags: secret.Tags, Versions: secret.Versions }
          : null,
      }
      return (
        /"Digest":"(\w+)"/.exec(JSON.stringify(answer.result ?? null) + (answer.error?.message ?? ''))?.[1] ??
        ''
      )
    }
    await run('1 before anything is written, DryRun', { DryRun: true })
    await run('2 by hand', {})
    await run('3 nothing changed, rule', recorded('eventbridge-rule.json'))
    await run('4 nothing changed, scheduler', recorded('eventbridge-scheduler.json'))
    await run('5 nothing changed, SCF', recorded('scf-timer.json'), fn, {
      scf: true,
      exportName: 'main_handler',
    })
    simulator.vod.create(7, third)
    await run('6 a new token, DryRun', { DryRun: true, SubAppId: 7 })
    await run('7 a new token', { SubAppId: 7 })
    simulator.vod.delete(7, third)
    await run(
      '8 a deleted token, no time to look again',
      {},
      start({ ...environment, AIGC_SETTLE_SECONDS: '60' }),
    )
    await run('9 a deleted token', {})
    for (const token of [first, second]) simulator.vod.delete(7, token)
    await run('10 an empty list, DryRun', { DryRun: true })
    const digest = await run('11 an empty list', {})
    await run('12 an empty list, wrong Confirm', { Confirm: '0'.repeat(64) })
    await run('13 an empty list, Confirm', { Confirm: digest })
    await run('14 a slip', { Unknown: 1 })
    await run('15 a request', getEvent('/tokens'))
    writeFileSync(file, 'somebody else')
    simulator.ssm.put(region, 'foreign', { current: 'somebody else' })
    const foreign = { ...environment, AIGC_MIRROR_TARGETS: `tencent-ssm:foreign?region=${region}` }
    simulator.vod.create(7, first)
    await run('16 a foreign secret, DryRun', { DryRun: true }, start(foreign))
    await run('17 a foreign secret', {}, start(foreign))
    await run(
      '18 no such folder',
      {},
      start({ ...environment, AIGC_MIRROR_TARGETS: `file:${file}/x/y.json` }),
    )
    return steps
  }
  try {
    return await withBundles(path, metrics, observe)
  } finally {
    rmSync(folder, { recursive: true })
    await simulator.close()
  }
}

/** What an answer promises: its status, the names of its headers, and what does not change from one request to the next. */
function shapeOf({ result, error }: Answer): unknown {
  if (error) return { error: error.name }
  const reply = result as Reply | Record<string, unknown>
  if (!isReply(reply)) return withoutChance(reply)
  const { statusCode, headers = {}, multiValueHeaders = {}, body } = reply
  const json = body ? JSON.parse(body) : null
  return {
    statusCode,
    headers: Object.fromEntries(
      Object.entries({ ...headers, ...multiValueHeaders }).map(([name, value]) => [
        name,
        /^(etag|age|x-request-id|retry-after|warning)$/.test(name) ? 'any' : value,
      ]),
    ),
    body: json && withoutChance(json),
  }
}

interface Reply {
  readonly statusCode: number
  readonly headers?: Readonly<Record<string, string>>
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>
  readonly body?: string
}

function isReply(value: Reply | Record<string, unknown>): value is Reply {
  return typeof value === 'object' && value !== null && 'statusCode' in value
}

/** What is different each time, or is a sentence, by its type alone. Lists are sets here: 1.1 gave them in any order. */
function withoutChance(body: Record<string, unknown>): Record<string, unknown> {
  return mapValues(body, (value, name) => {
    if (/^(ApiTokens|Fingerprints|Added|Removed)$/.test(name)) return [...(value as string[])].sort()
    const isChance = /^(RequestId|requestId|ObservedAt|detail|Reason|Digest)$/.test(name)
    return isChance && value !== null ? typeof value : value
  })
}

/** The report of a run of the mirror. */
function reportOf({ result, error }: Answer, folder: string): Record<string, unknown> {
  const text = /\{"Digest".*\}/s.exec(error?.message ?? '')?.[0]
  const report = (result ?? (text ? JSON.parse(text) : null)) as { Results: Record<string, unknown>[] } | null
  return {
    error: error?.name ?? null,
    report: report && {
      ...withoutChance(report as unknown as Record<string, unknown>),
      Results: report.Results.map((one) =>
        withoutChance({ ...one, Target: String(one['Target']).replace(folder, '/srv') }),
      ),
    },
  }
}

function metricsOf(line: Record<string, unknown>): { Name: string; Unit: string }[] {
  const { CloudWatchMetrics = [] } = (line['_aws'] ?? {}) as {
    CloudWatchMetrics?: { Metrics: { Name: string; Unit: string }[] }[]
  }
  return CloudWatchMetrics.flatMap(({ Metrics }) => Metrics)
}

function mapValues<T>(
  object: Readonly<Record<string, T>>,
  change: (value: T, name: string) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]))
}

/** As JSON has it. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

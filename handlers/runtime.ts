/**
 * The composition root. Only this folder touches the environment, the clock, randomness and stdout: settings
 * are parsed once, client, cache and stores are built, and clock and chance are lent to them.
 */

import { type Config, parseConfig } from '../lib/config.ts'
import { readCredentialsSecret } from '../lib/credentials/aws-secret.ts'
import { createCredentialChain } from '../lib/credentials/chain.ts'
import { credentialVariables } from '../lib/credentials/sources.ts'
import { assumeRole, stsApi } from '../lib/credentials/web-identity.ts'
import { createTokenCache, type TokenCache } from '../lib/endpoint/cache.ts'
import { readMirrored } from '../lib/endpoint/fallback.ts'
import {
  createLog,
  errorFields,
  type Fields,
  leavingError,
  withheldError,
  withheldLine,
} from '../lib/platform/log.ts'
import { embedMetrics, type Metrics } from '../lib/platform/metrics.ts'
import { createScrubber } from '../lib/platform/scrub.ts'
import { parseDocument } from '../lib/stores/document.ts'
import { storeKinds } from '../lib/stores/index.ts'
import type { Store, StoreDependencies, Target } from '../lib/stores/store.ts'
import { createTencentClient, type TencentClientDependencies } from '../lib/tencent/client.ts'
import { createPace } from '../lib/tencent/pace.ts'
import { createTransport } from '../lib/tencent/transport.ts'
import { describeAigcApiTokens, type TokenList, vodApi, vodCallsPerSecond } from '../lib/tencent/vod.ts'
import { writeToStdout } from './stdout.ts'
import { systemTime as time } from './time.ts'

/** What both functions work with. */
export interface Runtime {
  readonly config: Config
  readonly cache: TokenCache
  /** Asks Tencent, past the cache; `deadline` is on `Time.monotonic`. */
  list(subAppId: number | null, deadline: number): Promise<TokenList>
  openStore(target: Target): Store
}

/** What both platforms say of an invocation, in one form. */
export interface Invocation {
  readonly requestId: string | null
  /** When the platform stops the function, less the time to say so; on `Time.monotonic`. */
  readonly deadline: number
}

/** Kept back from the platform's time limit for reporting. */
const reserveMs = 500
/** Where no platform sets a limit, as in a run from a terminal. */
const noLimitMs = 900_000
/** Set on Lambda only. */
const lambdaName = process.env['AWS_LAMBDA_FUNCTION_NAME']
/** What Tencent's audit log calls the sessions of this function's role. */
const sessionName = lambdaName ?? 'vod-aigc-tokens'
/** Secrets that are not ours but that an error of the AWS SDK could quote. */
const awsVariables = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']

const scrubber = createScrubber()
/** For values of others that stand where a document of ours should be: apart, so that they push out no key or token. */
const foreign = createScrubber({ longestInBase64: 4096 })
learnFromEnvironment()
const send = createTransport()
let upstream = { calls: 0, ms: 0 }
const lendToLog = {
  write: writeToStdout,
  now: time.now,
  scrub,
}
let log = createLog('info', lendToLog)
let runtime: Runtime | undefined

export function scrub(text: string): string {
  return scrubber.scrub(foreign.scrub(text))
}

/** The runtime of this instance, made on first need. Throws `ConfigError`. */
export function getRuntime(): Runtime {
  runtime ??= createRuntime()
  return runtime
}

/** What became of an invocation: a result, or an error to throw; and what the log says of it. */
export interface Outcome {
  readonly result?: unknown
  readonly error?: unknown
  /** Default: `error` when there is one, else `info`. */
  readonly level?: 'info' | 'warn' | 'error'
  readonly fields: Fields
  readonly metrics: Metrics
}

/**
 * Makes a handler for both platforms. Each invocation logs one line, which on Lambda is also a set of
 * CloudWatch metrics; `metricsOfError` are those of an invocation whose `run` threw. What leaves as an error
 * is scrubbed and named by its code. Where that fails in itself, whatever the reason, what leaves and what is logged
 * is one constant sentence: the reason may hold what was to be kept in.
 */
export function createHandler(
  name: 'list-tokens' | 'mirror-tokens',
  metricsOfError: (error: unknown) => Metrics,
  run: (event: unknown, invocation: Invocation) => Promise<Outcome>,
): (event: unknown, context: unknown) => Promise<unknown> {
  /** What an invocation gives, and what it throws. */
  async function invoke(event: unknown, context: unknown): Promise<{ result?: unknown; error?: Error }> {
    const started = time.monotonic()
    const invocation = readContext(context)
    let outcome: Outcome
    try {
      outcome = await run(event, invocation)
    } catch (error) {
      // Also where nothing was thrown as the reason, which must not pass for success.
      outcome = { error: error ?? new Error('nothing was said'), fields: {}, metrics: metricsOfError(error) }
    }
    const { result, error, fields, metrics } = outcome
    if (error !== undefined) learnFromEnvironment()
    const about = {
      invocation: invocation.requestId,
      durationMs: Math.round(time.monotonic() - started),
    }
    log(
      outcome.level ?? (error === undefined ? 'info' : 'error'),
      name,
      Object.assign(about, error === undefined ? fields : { ...errorFields(error), ...fields }),
      lambdaName && embedMetrics(lambdaName, time.now(), metrics),
    )
    return error === undefined ? { result } : { error: leavingError(error, scrub) }
  }

  return async (event, context) => {
    const { result, error } = await invoke(event, context).catch(() => {
      writeToStdout(withheldLine(name, time.now()))
      return { result: undefined, error: withheldError() }
    })
    if (error) throw error
    return result
  }
}

/** How many calls were sent to Tencent since this was last asked, and how long they took in milliseconds. */
export function takeUpstream(): { calls: number; ms: number } {
  const taken = upstream
  upstream = { calls: 0, ms: 0 }
  return taken
}

function createRuntime(): Runtime {
  const config = parseConfig(process.env, storeKinds)
  log = createLog(config.logLevel, lendToLog)
  const unsigned: TencentClientDependencies = {
    ...time,
    send,
    credentials: () => null,
    onAttempt: (attempt) => {
      upstream.calls++
      upstream.ms += attempt.durationMs
      log('debug', 'tencent-call', { ...attempt })
    },
  }
  const { stsEndpoint, region } = config
  const callSts = createTencentClient({ ...stsApi, region, endpoint: stsEndpoint }, unsigned)
  const chain = createCredentialChain({
    ...time,
    environment: () => process.env,
    readSecret: (secretId, deadline) => readCredentialsSecret(secretId, deadline, time),
    assumeRole: (identity, deadline) =>
      assumeRole(identity, deadline, { ...time, callSts, sessionName, learn: scrubber.addSecrets }),
    learn: scrubber.addSecrets,
    onChoice: ({ source, passedOver }) => log('debug', 'credentials', { source, passedOver }),
  })
  const lend: TencentClientDependencies = {
    ...unsigned,
    credentials: (deadline, refused) => {
      learnFromEnvironment()
      return chain.get(deadline, refused)
    },
    explainCredentials: chain.explain,
  }
  const pace = createPace(vodCallsPerSecond, lend)
  const call = createTencentClient({ ...vodApi, endpoint: config.vodEndpoint }, { ...lend, pace })
  const stores: StoreDependencies = {
    ...time,
    tencent: ({ service, version, region: own = region }) =>
      createTencentClient({ service, version, region: own, endpoint: config.ssmEndpoint }, lend),
  }
  async function list(subAppId: number | null, deadline: number, patient = true): Promise<TokenList> {
    const listed = await describeAigcApiTokens(call, subAppId, deadline, { patient })
    scrubber.addSecrets(listed.apiTokens)
    const { extInfosDropped, requestId } = listed
    if (extInfosDropped) log('warn', 'ext-infos-dropped', { subAppId, requestId })
    return listed
  }
  const open = (target: Target): Store => openStore(target, stores)
  function mirrored(subAppId: number | null, deadline: number): Promise<TokenList> {
    const mirror = config.fallbacks.find((one) => one.subAppId === subAppId)
    if (!mirror) throw new Error(`no fallback for application ${subAppId}`)
    return readMirrored(mirror, config.site, open, deadline)
  }
  async function fallback(subAppId: number | null, deadline: number): Promise<TokenList> {
    try {
      return await mirrored(subAppId, deadline)
    } catch (error) {
      // What the caller gets is Tencent's failure, so this one is told here or nowhere.
      log('warn', 'fallback-failed', { subAppId, ...errorFields(error) })
      throw error
    }
  }
  const readsMirror = config.source === 'mirror'
  return {
    config,
    cache: createTokenCache(config, {
      fetch: readsMirror ? mirrored : list,
      isQuiet: pace.isQuiet,
      fallback: readsMirror || config.fallbacks.length === 0 ? null : fallback,
      ...time,
    }),
    list,
    openStore: open,
  }
}

/** A target's store, whose values become known to the scrubber. */
function openStore(target: Target, lend: StoreDependencies): Store {
  const kind = storeKinds[target.scheme]
  if (!kind) throw new Error(`no store for ${target.scheme}`)
  const store = kind.open(target, lend)
  return {
    write: store.write,
    async read(deadline) {
      const reading = await store.read(deadline)
      for (const value of reading.state === 'value' ? [reading.value, reading.before ?? ''] : []) {
        const tokens = parseDocument(value)?.ApiTokens
        // Of a document its tokens are the secrets. A foreign value is one as a whole, but it may be a word that lines of
        // ours hold, too; no error quotes what is that short.
        if (tokens) scrubber.addSecrets(tokens)
        else if (value.length > 20) foreign.addSecrets([value])
      }
      return reading
    },
  }
}

function learnFromEnvironment(): void {
  scrubber.addSecrets([...credentialVariables, ...awsVariables].map((name) => process.env[name]?.trim()))
}

/**
 * Lambda: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html. SCF's context has no clock of the
 * time left, only the limit, and holds the whole environment: it is never logged.
 */
function readContext(context: unknown): Invocation {
  const { getRemainingTimeInMillis, awsRequestId, time_limit_in_ms, request_id } = (context ??
    {}) as Readonly<Record<string, unknown>>
  const givenMs = Number(
    typeof getRemainingTimeInMillis === 'function'
      ? getRemainingTimeInMillis.call(context)
      : time_limit_in_ms,
  )
  // SCF gives the limit, which is never 0; Lambda what is left of it, which may be.
  const limitMs = givenMs > 0 || (getRemainingTimeInMillis && givenMs <= 0) ? givenMs : noLimitMs
  const requestId = awsRequestId ?? request_id
  return {
    requestId: typeof requestId === 'string' ? requestId : null,
    deadline: time.monotonic() + limitMs - reserveMs,
  }
}

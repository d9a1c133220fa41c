/**
 * The composition root: wiring, top to bottom. Only this folder touches the environment, the clock, chance and stdout;
 * everything below gets them handed in.
 */
import { homedir } from 'node:os'
import type { Aws } from '../lib/aws/clients.ts'
import { type Config, type KeyOrigin, parseConfig, readBasePath } from '../lib/config.ts'
import { type ConnectDependencies, createShelf, type Shelf } from '../lib/connect.ts'
import { readCredentialsSecret } from '../lib/credentials/aws-secret.ts'
import { createCredentialChain } from '../lib/credentials/chain.ts'
import { createPerRunRole } from '../lib/credentials/run-role.ts'
import {
  credentialVariables,
  type Environment,
  withRunRole,
  wouldUseRunRole,
} from '../lib/credentials/sources.ts'
import { assumeRole, stsApi } from '../lib/credentials/web-identity.ts'
import { createTokenCache, type TokenCache } from '../lib/endpoint/cache.ts'
import { createMirroredList } from '../lib/endpoint/fallback.ts'
import { createPick } from '../lib/endpoint/pick.ts'
import { createLog, errorFields, type Log } from '../lib/platform/log.ts'
import { createMeter, type Meter } from '../lib/platform/metrics.ts'
import { createScrubber } from '../lib/platform/scrub.ts'
import { proxySecrets } from '../lib/proxy.ts'
import { openStore, storeKinds } from '../lib/stores/index.ts'
import type { Store, StoreDependencies, Target } from '../lib/stores/store.ts'
import {
  type CallTencent,
  createTencentClient,
  type TencentClientDependencies,
} from '../lib/tencent/client.ts'
import { createPace } from '../lib/tencent/pace.ts'
import type { Credentials } from '../lib/tencent/tc3.ts'
import { createTransport } from '../lib/tencent/transport.ts'
import {
  createListTokens,
  excludeTokens,
  type ListTokens,
  vodApi,
  vodCallsPerSecond,
} from '../lib/tencent/vod.ts'
import type { Time } from '../lib/time.ts'
import { writeToStdout } from './stdout.ts'
import { systemTime } from './time.ts'

/** What an edge is made of: the process itself, or stand-ins (see rehearsal.ts). */
export interface Surroundings {
  readonly environment: Environment
  write(line: string): void
  /** How connections are opened, but for the proxy, which a setting names. */
  readonly network: Omit<ConnectDependencies, 'proxy'>
}

/** What an instance has before its settings are read, and also when they cannot be. */
export interface Edge {
  readonly environment: Environment
  readonly time: Time
  /** Set on Lambda only. */
  readonly functionName: string
  /**
   * SCF sets `TENCENTCLOUD_RUNENV` and lets nobody set a name with that prefix
   * (https://www.tencentcloud.com/document/product/583/32748); Lambda lets anybody, and sets a name of its own.
   */
  readonly isScf: boolean
  /** What may stand in front of the routes; empty for nothing. */
  readonly basePath: string
  readonly meter: Meter
  write(line: string): void
  readonly log: Log
  scrub(text: string): string
  /** Credentials of a role change in a warm instance. */
  learnEnvironment(): void
  /** What both functions work with, made on first need. Throws `ConfigError`. */
  runtime(keysFrom?: KeyOrigin): Runtime
}

/** What both functions work with. */
export interface Runtime {
  readonly config: Config
  readonly cache: TokenCache
  /**
   * The cache for a request that may have brought keys of the run role, which `readKeys` reads; it is not called where
   * others come first. Each keys have a cache of their own.
   */
  cacheFor(readKeys: () => Credentials | null): TokenCache
  /** Asks Tencent, past the cache. */
  readonly list: ListTokens
  /** Calls VOD. */
  readonly vod: CallTencent
  addSecrets(secrets: readonly string[]): void
  openStore(target: Target): Store
  /** Loads the file of the AWS SDK. */
  aws(): Promise<Aws>
}

/** What is reached with the credentials of one environment. */
type Upstream = Pick<Runtime, 'cache' | 'list' | 'vod' | 'openStore'>

/** Secrets that are not ours but that an error of the AWS SDK could quote. */
const awsVariables = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']

/** Connections that were opened while this instance initialised. */
export const shelf: Shelf = createShelf(systemTime)

export const edge: Edge = createEdge({
  environment: process.env,
  write: writeToStdout,
  network: { shelf },
})

export function createEdge({ environment, write, network }: Surroundings): Edge {
  const scrubber = createScrubber()
  const functionName = environment['AWS_LAMBDA_FUNCTION_NAME'] ?? ''
  const output = { write, now: systemTime.now, scrub: scrubber.scrub }
  // Until the settings say which level.
  let log = createLog('info', output)
  let runtime: Runtime | undefined
  const made: Edge = {
    environment,
    time: systemTime,
    functionName,
    isScf: environment['TENCENTCLOUD_RUNENV'] === 'SCF' && functionName === '',
    basePath: readBasePath(environment),
    meter: createMeter(),
    write,
    log: (...line) => log(...line),
    scrub: scrubber.scrub,
    learnEnvironment: () =>
      scrubber.addSecrets([
        ...[...credentialVariables, ...awsVariables].map((name) => environment[name]?.trim()),
        ...proxySecrets(environment),
      ]),
    runtime(keysFrom) {
      if (runtime) return runtime
      const config = parseConfig(environment, storeKinds, keysFrom)
      log = createLog(config.logLevel, output)
      runtime = createRuntime(config, made, scrubber, { ...network, proxy: config.proxy })
      return runtime
    },
  }
  made.learnEnvironment()
  return made
}

function createRuntime(
  config: Config,
  { environment: own, time, log, meter, functionName, learnEnvironment }: Edge,
  { addSecrets, addForeign }: ReturnType<typeof createScrubber>,
  network: ConnectDependencies,
): Runtime {
  const unsigned: TencentClientDependencies = {
    ...time,
    send: createTransport(network, time),
    credentials: () => null,
    onAttempt(attempt) {
      meter.add(attempt.durationMs)
      log('debug', 'tencent-call', { ...attempt })
    },
  }

  const { stsEndpoint, region } = config
  const callSts = createTencentClient({ ...stsApi, region, endpoint: stsEndpoint }, unsigned)
  // One for all, because it shares a search for credentials; made on first need, with the SDK.
  let loaded: Promise<Aws> | undefined
  const aws = (): Promise<Aws> => {
    loaded ??= import('../lib/aws/sdk.ts').then((sdk) =>
      sdk.createAws(sdk, { ...time, environment: () => own, home: homedir, network }),
    )
    return loaded
  }
  // Of the instance, whoever's keys a list was got by: it names none but tokens of the list at hand.
  const choosePick = createPick(config, time)
  // What Tencent's audit log calls the sessions of this function's role.
  const sessionName = functionName || 'vod-aigc-tokens'
  const reach = (environment: () => Environment): Upstream => {
    const chain = createCredentialChain({
      ...time,
      environment,
      readSecret: async (secretId, deadline) => readCredentialsSecret(secretId, deadline, await aws()),
      assumeRole: async (identity, deadline) =>
        assumeRole(identity, deadline, { now: time.now, aws: await aws(), callSts, sessionName, addSecrets }),
      addSecrets,
      onChoice: ({ source, passedOver }) => log('debug', 'credentials', { source, passedOver }),
    })
    const signed: TencentClientDependencies = {
      ...unsigned,
      credentials(deadline, refused) {
        learnEnvironment()
        return chain.get(deadline, refused)
      },
      explainCredentials: chain.explain,
    }

    const pace = createPace(vodCallsPerSecond, time)
    const vod = createTencentClient({ ...vodApi, endpoint: config.vodEndpoint }, { ...signed, pace })
    const list = createListTokens({
      call: vod,
      addSecrets,
      onExtInfosDropped: (subAppId, requestId) => log('warn', 'ext-infos-dropped', { subAppId, requestId }),
    })

    const stores: StoreDependencies = {
      ...time,
      aws,
      tencent: ({ service, version, region: given = region }) =>
        createTencentClient({ service, version, region: given, endpoint: config.ssmEndpoint }, signed),
    }
    const open = (target: Target): Store => openStore(target, stores, { addSecrets, addForeign })

    const { fallbacks, site } = config
    const readsMirror = config.source === 'mirror'
    const mirrored = createMirroredList({
      fallbacks,
      site,
      openStore: open,
      // What the caller gets in place of a fallback is Tencent's failure, so this one is told here or nowhere.
      onFailure: (subAppId, error) =>
        readsMirror || log('warn', 'fallback-failed', { subAppId, ...errorFields(error) }),
    })
    const unlessExcluded =
      (listAll: ListTokens): ListTokens =>
      async (...asked) =>
        excludeTokens(await listAll(...asked), config.exclude)
    const cache = createTokenCache(config, {
      ...time,
      list: unlessExcluded(readsMirror ? mirrored : list),
      isBackingOff: pace.isBackingOff,
      fallback: readsMirror || fallbacks.length === 0 ? null : unlessExcluded(mirrored),
      choosePick,
    })
    return { cache, list, vod, openStore: open }
  }
  const upstream = reach(() => own)
  const perRunRole = createPerRunRole((keys) => reach(() => withRunRole(own, keys)))
  return {
    config,
    aws,
    addSecrets,
    ...upstream,
    cacheFor(readKeys) {
      const keys = wouldUseRunRole(own) ? readKeys() : null
      return keys === null ? upstream.cache : perRunRole(keys).cache
    },
  }
}

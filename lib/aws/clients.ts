/** Makes the clients of AWS, which share one search for credentials, and calls with them. Part of `aws.js`: see sdk.ts. */
import type { Agent as PlainAgent } from 'node:http'
import type { Agent } from 'node:https'
import { type ConnectDependencies, createConnector } from '../connect.ts'
import type { HttpProxy } from '../proxy.ts'
import { ageMs, type Moment, momentOf, type Time } from '../time.ts'
import { createAgent, createPlainAgent } from './agent.ts'
import { type AwsOutcome, callAws } from './call.ts'
import type { AwsFailure } from './errors.ts'
import { awsFilesOf, checkFiles, tokenFilesIn } from './files.ts'

export interface AwsDependencies extends Time {
  /** Names the files that the SDK would read; asked for at every attempt. */
  environment(): Readonly<Record<string, string | undefined>>
  /** Where those are that it does not name. */
  home(): string
  /** How connections are opened. */
  readonly network: ConnectDependencies
}

/** What is used of the SDK here. */
type Sdk = Pick<typeof import('./sdk.ts'), 'defaultProvider' | 'loadSharedConfigFiles'>

/** A class of clients, such as `SecretsManagerClient`. */
export type ClientKind<Client> = new (options: ClientOptions) => Client

/** AWS as one process reaches it. */
export interface Aws {
  /** Makes a client, in the region that the SDK finds where none is given. Use it in `call` only. */
  client<Client>(Kind: ClientKind<Client>, region?: string): Client
  /** The one client of a kind for a region: its connections are what a thousand secrets share. */
  shared<Client>(Kind: ClientKind<Client>, region?: string): Client
  /** Gives a shared client to nobody any more: it may wait for ever for credentials that it once asked for. */
  forget(client: unknown): void
  /** `callAws`, before each attempt of which the files that the SDK reads are looked at. */
  call<Answer>(
    send: (until: { abortSignal: AbortSignal }) => Promise<Answer>,
    deadline: number,
    hold?: (words: string) => boolean,
  ): Promise<AwsOutcome<Answer>>
}

/** What every client of AWS is made with. */
export interface ClientOptions {
  readonly region?: string
  readonly maxAttempts: number
  readonly credentials: FindCredentials
  readonly requestHandler: RequestLimits & { readonly httpAgent: PlainAgent; readonly httpsAgent: Agent }
  readonly logger: typeof silent
}

interface RequestLimits {
  readonly connectionTimeout: number
  readonly requestTimeout: number
  readonly socketTimeout: number
  readonly throwOnRequestTimeout: true
  readonly logger: typeof silent
}

type FindCredentials = ReturnType<Sdk['defaultProvider']>
type Credentials = ReturnType<FindCredentials>

/** The SDK's words are no lines of JSON. What fails says so by its error. */
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** A call ends at its deadline. This is how long its request may take to begin an answer where nobody waits any more. */
const callLimits: RequestLimits = {
  connectionTimeout: 5_000,
  requestTimeout: 30_000,
  // Of a call's own silence its signal is the end. Above zero this would leave a timer behind the answer.
  socketTimeout: 0,
  throwOnRequestTimeout: true,
  logger: silent,
}
/** Of requests for credentials, which no signal reaches: as little stays behind an answer of ours as may be. */
const searchLimits: RequestLimits = {
  ...callLimits,
  connectionTimeout: 2_000,
  requestTimeout: 3_000,
  socketTimeout: 3_000,
}
/** For an answer of an endpoint on this machine; in milliseconds, and what the SDK takes by itself. */
const localTimeoutMs = 1_000
/** After this time a search that has not ended is given up. Each one may leave a process behind. */
const searchPatienceMs = 30_000

/** A connection or a handshake that failed, or an answer that did not come. */
const unreached = /^(E[A-Z_]+|Timeout.*|.*CERT.*)$/

/** Where connections may have gone through a proxy, that is the first thing to look at. */
function explained(failure: AwsFailure, proxy: HttpProxy | null): AwsFailure {
  if (!proxy || failure.answered || failure.words !== '' || !unreached.test(failure.code)) return failure
  return { ...failure, words: `connections go through the proxy of ${proxy.variable}, save for NO_PROXY` }
}

/** What AWS says of credentials that it does not know (any more). */
const refused = /^(ExpiredToken|InvalidClientTokenId|UnrecognizedClient)/

export function createAws({ defaultProvider, loadSharedConfigFiles }: Sdk, deps: AwsDependencies): Aws {
  const connector = createConnector(deps.network)
  /** By kind and region; the empty name where the SDK finds it. */
  const sharedClients = new Map<unknown, Map<string, unknown>>()
  /** The SDK's chain of sources, which remembers what it found. */
  let chain: FindCredentials | undefined
  let search: { readonly began: Moment; readonly found: Credentials } | undefined
  let looking: Promise<void> | undefined

  function limited(limits: RequestLimits): ClientOptions['requestHandler'] {
    return {
      ...limits,
      httpAgent: createPlainAgent(connector, deps),
      httpsAgent: createAgent(connector, deps),
    }
  }

  /** The search that somebody else began, unless it hangs. */
  function pending(): Credentials | undefined {
    return search && ageMs(deps, search.began) < searchPatienceMs ? search.found : undefined
  }

  function begin(find: FindCredentials, about: Parameters<FindCredentials>[0]): Credentials {
    const own = { began: momentOf(deps), found: find(about) }
    search = own
    const end = (): void => {
      if (search === own) search = undefined
    }
    own.found.then(end, end)
    return own.found
  }

  /** One search at a time, whoever asks: one that hangs must not be joined by another at every attempt. */
  const findCredentials: FindCredentials = async (about) => {
    const joined = pending()
    if (joined) return joined
    // One that still runs at this point hangs, and its chain would wait for it.
    if (search) chain = undefined
    chain ??= defaultProvider({
      logger: silent,
      timeout: localTimeoutMs,
      // An endpoint that fails is asked once more, by the next source of the SDK's chain.
      maxRetries: 0,
      clientConfig: { maxAttempts: 1, requestHandler: limited(searchLimits), logger: silent },
    })
    return begin(chain, about)
  }
  // So the SDK asks for them at every request, and keeps none itself.
  const credentials = Object.assign(findCredentials, { memoized: true })

  /** One look at a time: a file system that hangs takes one thread, however often it is asked. */
  function look(): Promise<void> {
    looking ??= lookAtFiles().finally(() => {
      looking = undefined
    })
    return looking
  }
  async function lookAtFiles(): Promise<void> {
    await checkFiles(awsFilesOf(deps.environment(), deps.home()))
    const { configFile, credentialsFile } = await loadSharedConfigFiles()
    await checkFiles(tokenFilesIn({ ...configFile, ...credentialsFile }))
  }

  function client<Client>(Kind: ClientKind<Client>, region?: string): Client {
    return new Kind({
      maxAttempts: 1,
      credentials,
      requestHandler: limited(callLimits),
      logger: silent,
      ...(region !== undefined && { region }),
    })
  }

  return {
    client,

    shared<Client>(Kind: ClientKind<Client>, region = '') {
      const ofKind = sharedClients.get(Kind) ?? new Map<string, unknown>()
      sharedClients.set(Kind, ofKind)
      const made = (ofKind.get(region) as Client | undefined) ?? client(Kind, region || undefined)
      ofKind.set(region, made)
      return made
    },

    forget(client) {
      for (const ofKind of sharedClients.values())
        for (const [region, one] of ofKind) if (one === client) ofKind.delete(region)
    },

    async call(send, deadline, hold) {
      const outcome = await callAws(
        async (until) => {
          await look()
          // What began before may fail for what was true before: this attempt then makes a search of its own.
          await pending()?.catch(() => {})
          // Nobody waits for what would begin now, and the SDK would search first.
          until.abortSignal.throwIfAborted()
          return send(until)
        },
        deadline,
        deps,
        hold,
      )
      if (!outcome.failed) return outcome
      if (refused.test(outcome.failed.code)) chain = undefined
      return { failed: explained(outcome.failed, deps.network.proxy) }
    },
  }
}

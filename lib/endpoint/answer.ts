/** The HTTP side of `list-tokens`: a request in, an answer and its audit out (RFC 9110). */

import { type Config, findSubApp, type HttpAuth } from '../config.ts'
import { ConfigError, InputError, TencentError } from '../errors.ts'
import { type HttpEvent, type HttpShape, longestName } from '../platform/events.ts'
import type { HttpResponse } from '../platform/reply.ts'
import type { CachedList } from './cache.ts'
import { type Caller, findCaller, type Platform, refuseCaller } from './callers.ts'
import { describeProblem, json, jsonType, Refusal } from './problem.ts'
import { matchRoute, methods } from './routes.ts'
import { digestOf, fingerprintsIn, viewList } from './view.ts'

export interface EndpointDependencies {
  /** Called for every route but `/healthz`. Throws `ConfigError`. */
  config(): Config
  /** See `TokenCache.get`, without the deadline. */
  list(subAppId: number | null, refresh: boolean): Promise<CachedList>
  readonly platform: Platform
  /** What `AIGC_BASE_PATH` says, also while other settings cannot be used; empty for none. */
  readonly basePath: string
}

/** What the log says of a request: who asked for what and which tokens were handed out, never a value. */
export interface Audit {
  /** The route's path template; `null` for an unknown path. */
  route: string | null
  /** The name of the caller's key. */
  caller: string | null
  subAppId: number | null
  /** Of the tokens handed out, in the clear or as these fingerprints. */
  fingerprints: readonly string[]
  /** Whether upstream was asked with this request. */
  upstream: boolean
  /** The code of the failure because of which an old list was handed out, or `null`. */
  staleBecause: string | null
  /** What went wrong, in full; the caller is told less. */
  error: unknown
}

/** Answers a request. Never throws: what went wrong is in the answer and, in full, in the audit. */
export async function answerRequest(
  request: HttpEvent,
  deps: EndpointDependencies,
): Promise<{ response: HttpResponse; audit: Audit }> {
  const audit: Audit = {
    route: null,
    caller: null,
    subAppId: null,
    fingerprints: [],
    upstream: false,
    staleBecause: null,
    error: null,
  }
  try {
    return { response: await answer(request, deps, audit), audit }
  } catch (error) {
    audit.error = error
    audit.upstream = error instanceof TencentError && wasAsked(error)
    return { response: describeProblem(error), audit }
  }
}

async function answer(request: HttpEvent, deps: EndpointDependencies, audit: Audit): Promise<HttpResponse> {
  const { stage, matched } = request
  const match = matchRoute(request.path, { stage, matched, basePath: deps.basePath })
  if (!match) throw new Refusal(404, 'NotFound', `there is no such path here${hintAt(request, deps)}`)
  const { path, view } = match.route
  audit.route = path
  if (!methods.includes(request.method))
    throw new Refusal(405, 'MethodNotAllowed', `this path takes ${methods.join(' and ')}`, {
      allow: methods.join(', '),
    })
  if (view === 'health') {
    refuseParameters(request)
    return json(200, { status: 'ok' })
  }

  const config = deps.config()
  if (config.httpAuth === null)
    throw new ConfigError([
      'AIGC_HTTP_AUTH must be gateway, keys or platform; without it every request over HTTP is refused',
    ])
  const caller = findCaller(request, config, deps.platform)
  if (!caller) {
    const [detail, headers] = challenges[config.httpAuth]
    const { unnamedAt } = request
    const isUnnamed = config.httpAuth === 'gateway' && unnamedAt !== null
    throw new Refusal(401, 'Unauthenticated', isUnnamed ? sayWhereNameIsMissing(unnamedAt) : detail, headers)
  }
  audit.caller = caller.name
  refuseParameters(request)
  const subAppId = findSubApp(match.subAppId, config.subAppIds)
  audit.subAppId = subAppId
  const refusal = refuseCaller(caller, subAppId, view)
  // The caller is told what it is told of one that is not configured: which others are is not for it to know.
  if (refusal === 'SubAppNotFound')
    throw new InputError('Finding the application: the key is not bound to it', refusal)
  if (refusal !== null) throw new Refusal(403, refusal, scopeDetails[caller.scope])
  if (view !== 'fingerprints' && !config.reveal && keptByScf.includes(request.shape))
    throw new Refusal(501, 'TokensWouldBeLogged', loggedDetail)

  const list = await deps.list(subAppId, asksAnew(request))
  audit.upstream = !list.fromCache && wasAsked(list.staleBecause)
  audit.staleBecause = list.staleBecause?.code ?? null
  const etag = `"${digestOf(list, view)}"`
  const response: HttpResponse = {
    status: 200,
    headers: {
      'content-type': jsonType,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      etag,
      age: String(Math.floor(list.ageMs / 1000)),
    },
    body: '',
  }
  if (list.staleBecause) response.headers['warning'] = '110 - "Response is Stale"'
  if (knowsAlready(request.headers['if-none-match'], etag)) {
    // Headers that say what the body is, where there is none.
    const { 'content-type': type, 'x-content-type-options': options, ...headers } = response.headers
    return { status: 304, headers, body: '' }
  }
  if (request.method !== 'HEAD') audit.fingerprints = fingerprintsIn(list, view)
  response.body = JSON.stringify(viewList(list, subAppId, view))
  return response
}

/** What a key may read that may not read this. */
const scopeDetails: Readonly<Record<Caller['scope'], string>> = {
  full: '',
  single: 'this key may read the token to use only: /token, or /sub-apps/{SubAppId}/token',
  masked:
    'this key may read fingerprints only: /tokens/fingerprints, or /sub-apps/{SubAppId}/tokens/fingerprints',
}

/**
 * SCF writes what an event function returns into its log (https://cloud.tencent.com/document/product/583/43329), and
 * what a web function answers not (https://cloud.tencent.com/document/product/583/40689).
 */
const keptByScf: readonly HttpShape[] = ['scf-function-url', 'scf-api-gateway']
const loggedDetail =
  'SCF keeps in its log what an event function returns, so this one gives no tokens away; run list-tokens as a web ' +
  'function, or set AIGC_REVEAL=true if whoever reads that log may have them'

/** Tencent is not asked while it throttles, for one. */
function wasAsked(failure: CachedList['staleBecause']): boolean {
  return !(failure instanceof TencentError) || failure.attempts > 0
}

/** A base URL that ends in a slash makes `//tokens`, at which one looks for long. */
function hintAt({ path, ...request }: HttpEvent, { basePath }: EndpointDependencies): string {
  const single = path.replace(/\/{2,}/g, '/')
  return matchRoute(single, { ...request, basePath })
    ? '; it has two slashes in a row where one is right'
    : ''
}

function sayWhereNameIsMissing(place: string): string {
  return (
    'an authorizer of the API gateway let this request in but named nobody: ' +
    `${place} must be a text of at most ${longestName} characters`
  )
}

function refuseParameters(request: HttpEvent): void {
  if (request.queryNames.length > 0)
    throw new Refusal(400, 'InputInvalid', 'this path takes no query parameters')
}

/** How to be let in, in words and as `WWW-Authenticate`. */
const challenges: Readonly<Record<HttpAuth, [detail: string, headers: Readonly<Record<string, string>>]>> = {
  keys: ['send "Authorization: Bearer KEY" with a key of this endpoint', { 'www-authenticate': 'Bearer' }],
  gateway: [
    'no authorizer of the API gateway vouches for this request; the route must have one',
    { 'www-authenticate': 'Gateway' },
  ],
  platform: [
    'only requests through an SCF function URL, which checks its callers, are served',
    { 'www-authenticate': 'TC3-HMAC-SHA256' },
  ],
}

/** `Cache-Control: no-cache` from the caller. */
function asksAnew(request: HttpEvent): boolean {
  const directives = request.headers['cache-control']?.toLowerCase().split(',')
  return directives?.some((directive) => directive.trim() === 'no-cache') ?? false
}

/** `If-None-Match`, compared weakly as RFC 9110 demands. */
function knowsAlready(ifNoneMatch: string | undefined, etag: string): boolean {
  const known = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return known !== undefined && (known.includes(etag) || known.includes('*'))
}

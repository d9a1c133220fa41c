/** The HTTP routes: the one table that code, docs/http-api.md and tests share. Pure. */

import type { GatewayMatch } from '../platform/events.ts'
import type { View } from './view.ts'

export interface Route {
  /** Path template; `{SubAppId}` stands for one segment. */
  readonly path: string
  readonly view: View | 'health'
}

/** Apart, so that an IAM policy can grant one and not another. Each answers `GET` and `HEAD`. */
export const routes: readonly Route[] = [
  { path: '/token', view: 'token' },
  { path: '/sub-apps/{SubAppId}/token', view: 'token' },
  { path: '/tokens', view: 'tokens' },
  { path: '/sub-apps/{SubAppId}/tokens', view: 'tokens' },
  { path: '/tokens/fingerprints', view: 'fingerprints' },
  { path: '/sub-apps/{SubAppId}/tokens/fingerprints', view: 'fingerprints' },
  { path: '/healthz', view: 'health' },
]

const templates = routes.map((route) => ({ route, template: route.path.split('/') }))

/** One segment of a gateway's template that may be anything; `{proxy+}` is several. */
const parameter = /\{([^{}+/]+)\}/

/** In characters. */
const longestPath = 1024

export const methods: readonly string[] = ['GET', 'HEAD']

export interface Match {
  readonly route: Route
  /** The segment in place of `{SubAppId}` as it was sent; `null` where the route has none. */
  readonly subAppId: string | null
}

/** What may stand in front of a route, and who says so. */
export interface Prefixes {
  /** The API's stage. */
  readonly stage: string | null
  /** `AIGC_BASE_PATH`, such as `/aigc`; empty for none. */
  readonly basePath: string
  /** The route that the gateway matched. */
  readonly matched: GatewayMatch | null
}

/**
 * The route of a path, with any trailing slashes. The route that the gateway matched decides, whatever is in front of it
 * in the path. Where it matched none of ours, or the path does not end in it, the path alone decides: with or without the
 * API's stage in front, and with or without the base path after that. Segments are compared as sent: what is
 * percent-encoded or doubled matches nothing.
 */
export function matchRoute(path: string, { stage, basePath, matched }: Prefixes): Match | null {
  // Not a regular expression: /\/+$/ takes quadratic time for slashes in the middle, before anybody is asked for a key.
  let end = path.length
  while (path[end - 1] === '/') end--
  // Nor are megabytes split: no route is that long, nor are a stage and an id in it.
  if (end > longestPath) return null
  const plain = path.slice(0, end)
  const own = matched && findMatched(plain, matched)
  if (own) return own
  const candidates = [plain]
  for (const prefix of [stage === null ? '' : `/${stage}`, basePath])
    if (prefix !== '')
      for (const candidate of [...candidates])
        if (candidate.startsWith(`${prefix}/`)) candidates.push(candidate.slice(prefix.length))
  for (const candidate of candidates) {
    const segments = candidate.split('/')
    for (const { route, template } of templates) {
      const fits = template.every((part, i) => part === '{SubAppId}' || part === segments[i])
      if (fits && template.length === segments.length)
        return { route, subAppId: segments[template.indexOf('{SubAppId}')] ?? null }
    }
  }
  return null
}

/**
 * The gateway's match, where it is a route of ours and the path ends in it. A policy grants by the route that was matched,
 * so no other may be opened by it, nor may it open one that the path does not spell.
 */
function findMatched(path: string, { template, parameters }: GatewayMatch): Match | null {
  if (template.length > longestPath) return null
  // Whoever made the route named its parameter.
  const name = parameter.exec(template)?.[1]
  const own = template.replace(parameter, '{SubAppId}')
  const route = routes.find(({ path }) => path === own)
  const subAppId = name === undefined ? null : parameters[name]
  if (!route || subAppId === undefined || subAppId?.includes('/')) return null
  return path.endsWith(route.path.replace('{SubAppId}', () => subAppId ?? '')) ? { route, subAppId } : null
}

/** The HTTP routes: the one table that code, docs/http-api.md and tests share. Pure. */

import type { View } from './view.ts'

export interface Route {
  /** Path template; `{SubAppId}` stands for one segment. */
  readonly path: string
  readonly view: View | 'health'
}

/** Apart, so that an IAM policy can grant one and not another. Each answers `GET` and `HEAD`. */
export const routes: readonly Route[] = [
  { path: '/tokens', view: 'tokens' },
  { path: '/sub-apps/{SubAppId}/tokens', view: 'tokens' },
  { path: '/tokens/fingerprints', view: 'fingerprints' },
  { path: '/sub-apps/{SubAppId}/tokens/fingerprints', view: 'fingerprints' },
  { path: '/healthz', view: 'health' },
]

const templates = routes.map((route) => ({ route, template: route.path.split('/') }))

/** In characters. */
const longestPath = 1024

export const methods: readonly string[] = ['GET', 'HEAD']

export interface Match {
  readonly route: Route
  /** The segment in place of `{SubAppId}` as it was sent; `null` where the route has none. */
  readonly subAppId: string | null
}

/**
 * The route of a path, with or without the API's stage in front and with any trailing slashes. Segments are
 * compared as sent: what is percent-encoded or doubled matches nothing.
 */
export function matchRoute(path: string, stage: string | null): Match | null {
  // Not a regular expression: /\/+$/ takes quadratic time for slashes in the middle, before anybody is asked for a key.
  let end = path.length
  while (path[end - 1] === '/') end--
  // Nor are megabytes split: no route is that long, nor are a stage and an id in it.
  if (end > longestPath) return null
  const plain = path.slice(0, end)
  const prefix = `/${stage}/`
  const candidates =
    stage !== null && plain.startsWith(prefix) ? [plain, plain.slice(prefix.length - 1)] : [plain]
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

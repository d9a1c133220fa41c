/** HTTP requests as they come to a server of our own: a web function of SCF, or a container. Pure. */
import { readRequestId } from '../foreign.ts'
import { decodeNames, type HttpEvent, longestValue, mostNames } from './events.ts'

/** A request as Node's parser gives it. */
export interface RawRequest {
  readonly method: string
  /** The target as it was sent. */
  readonly url: string
  /** Names and values by turns. Not by name: `headersDistinct` of older Nodes throws for a header `__proto__`. */
  readonly rawHeaders: readonly string[]
}

/** What SCF says to a web function in headers `x-scf-*`: every value that came, by lower-case name. Some are keys. */
export type PlatformHeaders = ReadonlyMap<string, readonly string[]>

export interface WebRequest {
  /** Without the platform's headers; `null` where the target names no resource of this server. */
  readonly request: HttpEvent | null
  /** SCF's; `null` elsewhere, and where it looks like none. */
  readonly requestId: string | null
  /** Empty where this is not SCF: there they are a client's. */
  readonly platformHeaders: PlatformHeaders
}

/** Clients may send such headers too, and nothing says that SCF takes them off. */
const platformPrefix = 'x-scf-'

/**
 * Reads a request within the bounds of events. Headers `x-scf-*` are taken off wherever this runs, and count on SCF only
 * (what it sends: https://www.tencentcloud.com/document/product/583/40689).
 */
export function readWebRequest(
  { method, url, rawHeaders }: RawRequest,
  { isScf }: { readonly isScf: boolean },
): WebRequest {
  const sent = new Map<string, string[]>()
  const platformHeaders = new Map<string, string[]>()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase()
    const isPlatforms = name.startsWith(platformPrefix)
    if (isPlatforms && !isScf) continue
    const among = isPlatforms ? platformHeaders : sent
    const values = among.get(name) ?? []
    // The platform's are read wherever they stand: nobody pushes them out with names of their own.
    if (!isPlatforms && values.length === 0 && sent.size === mostNames) continue
    values.push(rawHeaders[at + 1] as string)
    among.set(name, values)
  }
  const ids = platformHeaders.get('x-scf-request-id') ?? []
  const requestId = ids.length === 1 ? readRequestId(ids[0]) : null
  const target = readTarget(url)
  if (target === null) return { request: null, requestId, platformHeaders }
  const [path = '', ...query] = target.split('?')
  return {
    request: {
      kind: 'http',
      shape: isScf ? 'scf-web' : 'web',
      method: method.toUpperCase(),
      path,
      stage: null,
      queryNames: decodeNames(query.join('?')),
      headers: joinValues(sent),
      requestId,
      principal: null,
      unnamedAt: null,
      matched: null,
    },
    requestId,
    platformHeaders,
  }
}

function joinValues(sent: ReadonlyMap<string, readonly string[]>): Record<string, string> {
  // No prototype, so that a name from outside never finds anything inherited.
  const headers: Record<string, string> = Object.create(null)
  for (const [name, values] of sent) {
    const text = values.join(', ')
    if (text.length <= longestValue) headers[name] = text
  }
  return headers
}

/**
 * The path and query of a request's target, whether it has origin-form or absolute-form, which servers must take
 * (RFC 9112, 3.2); null where it names no resource of this server, as `*` does.
 */
export function readTarget(url: string): string | null {
  if (url.startsWith('/')) return url
  const [, rest] = /^https?:\/\/[^/?#]+(.*)$/i.exec(url) ?? []
  return rest === undefined || rest.startsWith('/') ? (rest ?? null) : `/${rest}`
}

/** Who asks an endpoint what, and what the answer says of its door. Pure. */
import { routes } from '../lib/endpoint/routes.ts'
import type { View } from '../lib/endpoint/view.ts'

export interface Question {
  /** Such as `without a key`. */
  readonly who: string
  readonly method: 'GET' | 'POST'
  /** Behind the URL. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** Whether this caller may have the answer; if so, not getting it proves nothing of what the key may not do. */
  readonly may: boolean
  /** What the route answers, for those who may. */
  readonly view: View | 'health' | 'by hand'
}

/** `in`: somebody got in that should not. `unknown`: the answer does not say, such as a failure or a wrong address. */
export interface Verdict {
  readonly kind: 'fine' | 'in' | 'unknown'
  /** Without anything of the answer but its status. */
  readonly sentence: string
}

/** All questions, the harmless one first. Keys come from `PROBE_MASKED_KEY` and `PROBE_SINGLE_KEY`; without one its scope is not asked. */
export function whoAsks(environment: Readonly<Record<string, string | undefined>>): Question[] {
  const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` })
  const strangers: Record<string, Record<string, string>> = {
    'without a key': {},
    'with a wrong key': bearer('probe-0000000000000000000000000000'),
    'with a wrong key in Basic': { authorization: `Basic ${btoa('probe:probe')}` },
    // As if a gateway had let somebody in.
    'with headers of a gateway': {
      'x-amzn-oidc-identity': 'probe',
      'x-apigateway-event':
        '%7B%22requestContext%22%3A%7B%22authorizer%22%3A%7B%22principalId%22%3A%22probe%22%7D%7D%7D',
      'x-scf-user-id': 'probe',
      'x-forwarded-user': 'probe',
    },
  }
  const known: Record<string, { key: string | undefined; views: readonly string[] }> = {
    'with the masked key': { key: environment['PROBE_MASKED_KEY'], views: ['fingerprints'] },
    'with the single key': { key: environment['PROBE_SINGLE_KEY'], views: ['token'] },
  }
  // An application that nobody has; those of others must not be found either.
  const asked = routes.map(({ path, view }) => ({
    path: path.replace('{SubAppId}', '1'),
    view,
    isBound: path.includes('{'),
  }))
  const health = asked.filter(({ view }) => view === 'health')
  const guarded = asked.filter(({ view }) => view !== 'health')
  const get = { method: 'GET' } as const
  return [
    ...health.map(({ path, view }) => ({ ...get, who: 'anybody', path, view, headers: {}, may: true })),
    ...Object.entries(strangers).flatMap(([who, headers]) =>
      guarded.map(({ path, view }) => ({ ...get, who, path, view, headers, may: false })),
    ),
    ...Object.entries(known).flatMap(([who, { key, views }]) =>
      key
        ? guarded
            .filter(({ view, isBound }) => !(isBound && views.includes(view)))
            .map(({ path, view }) => ({
              ...get,
              who,
              path,
              view,
              headers: bearer(key),
              may: views.includes(view),
            }))
        : [],
    ),
    // What the function takes from those who may invoke it, sent by somebody who may not.
    ...['{}', '{"Reveal":true}', '{"Confirm":"0000000000000000"}'].flatMap((body) =>
      ['/', '/tokens'].map((path) => ({
        method: 'POST' as const,
        who: `as a run by hand, ${body}`,
        path,
        view: 'by hand' as const,
        headers: { 'content-type': 'application/json' },
        body,
        may: false,
      })),
    ),
  ]
}

/** What an answer says; `status` is `null` where none came, and `text` then says why. */
export function judge(question: Question, status: number | null, text: string): Verdict {
  const { who, method, path, may, view } = question
  const told = (what: string): string => `${who}, ${method} ${path}: ${what}`
  if (status === null) return { kind: 'unknown', sentence: told(`no answer (${text})`) }
  const isIn = status >= 200 && status < 300
  if (may) {
    const isOurs = view !== 'health' || /^\s*\{\s*"status"\s*:\s*"ok"\s*\}\s*$/.test(text)
    if (isIn && isOurs) return { kind: 'fine', sentence: told(`${status}`) }
    const why =
      view === 'health'
        ? 'this is not the endpoint, or another path is in front of its routes'
        : 'the key is not taken, or not for the default application'
    return { kind: 'unknown', sentence: told(`${status}; ${why}`) }
  }
  // Whatever the status is.
  const hasTokens = /"(ApiTokens?|Fingerprints?|SubAppId)"\s*:/.test(text)
  if (isIn || hasTokens) return { kind: 'in', sentence: told(`${status}`) }
  // 404 and 405: a route or an application that is not there for anybody. 400: what a gateway says of an odd header.
  if ([400, 401, 403, 404, 405].includes(status)) return { kind: 'fine', sentence: told(`${status}`) }
  return { kind: 'unknown', sentence: told(`${status}, which is neither in nor turned away`) }
}

/** Whether a host is this machine. */
export function isPrivate(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

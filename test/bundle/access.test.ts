/** Who is let in: every route, for every sender of HTTP events, under every `AIGC_HTTP_AUTH`. A new route joins by itself. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../lib/config.ts'
import { fingerprint, nameTokens } from '../../lib/digest.ts'
import { answerRequest } from '../../lib/endpoint/answer.ts'
import { routes } from '../../lib/endpoint/routes.ts'
import { type HttpEvent, readEvent } from '../../lib/platform/events.ts'
import { expectConforming } from '../support/openapi.ts'

const folder = new URL('../support/events/', import.meta.url)
const senders = readdirSync(folder).flatMap((file) => {
  const event = readEvent(JSON.parse(readFileSync(new URL(file, folder), 'utf8')))
  return event.kind === 'http' ? [{ sender: file.replace('.json', ''), event }] : []
})
const guarded = routes.filter(({ view }) => view !== 'health')
const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex')
const keys = [
  `full:full:${sha256('full-key')}`,
  `masked:masked:${sha256('masked-key')}`,
  `other:full:${sha256('other-key')}:8`,
  // Hashes of which a half is right.
  `first:full:${sha256('first-half-key').slice(0, 32)}${'0'.repeat(32)}`,
  `last:full:${'0'.repeat(32)}${sha256('last-half-key').slice(32)}`,
]
const configWith = (httpAuth: string) =>
  parseConfig(
    {
      AIGC_SECRET_ID: 'id',
      AIGC_SECRET_KEY: 'key',
      AIGC_SUB_APP_IDS: '7,8',
      AIGC_HTTP_AUTH: httpAuth,
      AIGC_API_KEYS: keys.join(),
    },
    {},
  )

/** Asks, and gives the status, who was let in, and whether a list was asked for. */
async function ask(
  httpAuth: string,
  { event, path }: { event: HttpEvent; path: string },
  changes: { headers?: Record<string, string>; principal?: string | null; isScf?: boolean } = {},
): Promise<{ status: number; caller: string | null; asked: boolean; body: string }> {
  let asked = false
  const { authorization: _, ...headers } = event.headers
  const request: HttpEvent = {
    ...event,
    path: path.replace('{SubAppId}', '7'),
    queryNames: [],
    principal: changes.principal ?? null,
    headers: { ...headers, ...changes.headers },
  }
  const { response, audit } = await answerRequest(request, {
    config: () => configWith(httpAuth),
    list: async () => {
      asked = true
      return {
        apiTokens: ['token-a'],
        names: nameTokens(['token-a']),
        extInfos: null,
        extInfosDropped: false,
        requestId: null,
        observedAt: 0,
        ageMs: 0,
        fromCache: false,
        staleBecause: null,
      }
    },
    platform: { isScf: changes.isScf ?? false },
  })
  expectConforming(audit.route, request.method, response)
  return { status: response.status, caller: audit.caller, asked, body: response.body }
}

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })
const cases = senders.flatMap(({ sender, event }) =>
  guarded.map(({ path, view }) => ({ sender, event, path, view })),
)
const refused = { caller: null, asked: false }

describe.each(cases)('answerRequest on $path from $sender', (request) => {
  it('answerRequest names a principal that is the very token shown by its fingerprint', async () => {
    const token = 'a-bearer-token-of-somebody'
    const { caller, status } = await ask('gateway', request, {
      principal: token,
      ...bearer(token),
    })
    expect([status, caller]).toEqual([200, `fingerprint:${fingerprint(token)}`])
  })

  it('lets in a key of the right scope only', async () => {
    for (const headers of [
      {},
      bearer('wrong'),
      bearer(sha256('full-key')),
      bearer('first-half-key'),
      bearer('last-half-key'),
      { headers: { 'x-api-key': 'full-key' } },
    ])
      expect(await ask('keys', request, headers)).toMatchObject({ status: 401, ...refused })
    expect(await ask('keys', request, bearer('full-key'))).toMatchObject({ status: 200, caller: 'full' })
    const masked = await ask('keys', request, bearer('masked-key'))
    expect(masked).toMatchObject(
      request.view === 'tokens' ? { status: 403, asked: false } : { status: 200, caller: 'masked' },
    )
    expect(masked.body).not.toContain('token-a')
    expect(await ask('keys', request, bearer('other-key'))).toMatchObject({ status: 404, asked: false })
  })

  it('lets in whom the gateway vouches for, and no header', async () => {
    const posing = { 'x-amzn-oidc-identity': 'admin', principalid: 'admin', ...bearer('full-key').headers }
    expect(await ask('gateway', request, { headers: posing })).toMatchObject({ status: 401, ...refused })
    expect(await ask('gateway', request, { principal: 'alice' })).toMatchObject({
      status: 200,
      caller: 'alice',
    })
  })

  it('lets in the callers of an SCF function URL where the platform checks them', async () => {
    const answer = await ask('platform', request, { ...bearer('full-key'), isScf: true })
    if (request.event.shape === 'scf-function-url')
      expect(answer).toMatchObject({ status: 200, caller: 'platform' })
    else expect(answer).toMatchObject({ status: 401, ...refused })
  })

  it('lets in nobody by the word of a platform that is not SCF', async () => {
    for (const changes of [{}, bearer('full-key'), { principal: 'alice' }])
      expect(await ask('platform', request, changes)).toMatchObject({ status: 401, ...refused })
  })

  it('lets in nobody while AIGC_HTTP_AUTH is unset', async () => {
    for (const changes of [{}, bearer('full-key'), { principal: 'alice' }])
      expect(await ask('', request, changes)).toMatchObject({ status: 500, ...refused })
  })
})

/** Who is let in: every route, for every sender of HTTP events, under every `AIGC_HTTP_AUTH`. A new route joins by itself. */
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../lib/config.ts'
import { fingerprint, nameTokens } from '../../lib/digest.ts'
import { answerRequest } from '../../lib/endpoint/answer.ts'
import { routes } from '../../lib/endpoint/routes.ts'
import { type HttpShape, shapes } from '../../lib/platform/events.ts'
import { cachedList, requestOf } from '../support/requests.ts'
import { sha256 } from '../support/sha256.ts'

const senders = [
  ...shapes.filter(({ kind }) => kind === 'http').map(({ name }) => name as HttpShape),
  'scf-web' as const,
  'web' as const,
]
const guarded = routes.filter(({ view }) => view !== 'health')
const cases = senders.flatMap((shape) => guarded.map(({ path, view }) => ({ shape, path, view })))

/** Asks, and gives the status, who was let in, and whether a list was asked for. */
async function ask(
  httpAuth: string,
  { shape, path }: { shape: HttpShape; path: string },
  { key, principal, isScf = false }: { key?: string; principal?: string; isScf?: boolean } = {},
): Promise<{ status: number; caller: string | null; asked: boolean; body: string; told: string }> {
  let asked = false
  const request = requestOf(path.replace('{SubAppId}', '7'), {
    shape,
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    principal: principal ?? null,
  })
  const settings = {
    AIGC_SECRET_ID: 'id',
    AIGC_SECRET_KEY: 'key',
    AIGC_SUB_APP_IDS: '7,8',
    AIGC_HTTP_AUTH: httpAuth,
    AIGC_API_KEYS: [
      `full:full:${sha256('full-key')}`,
      `single:single:${sha256('single-key')}`,
      `masked:masked:${sha256('masked-key')}`,
      `other:full:${sha256('other-key')}:8`,
    ].join(),
  }
  const { response, audit } = await answerRequest(request, {
    // Who may, and not whether SCF's log may have it.
    config: () => parseConfig({ AIGC_REVEAL: 'true', ...settings }, {}),
    list: async () => {
      asked = true
      return cachedList(['token-a', 'token-b'], { extInfos: ['{"of":"a"}', '{"of":"b"}'] })
    },
    platform: { isScf },
    basePath: '',
  })
  const { status, body } = response
  return { status, caller: audit.caller, asked, body, told: JSON.stringify([response, audit]) }
}

const refused = { status: 401, caller: null, asked: false }

describe.each(cases)('answerRequest on $path from $shape', (request) => {
  it('lets in a key of the right scope only', async () => {
    for (const shown of [{}, { key: 'wrong' }, { principal: 'alice' }])
      expect(await ask('keys', request, shown)).toMatchObject(refused)
    expect(await ask('keys', request, { key: 'full-key' })).toMatchObject({ status: 200, caller: 'full' })
    const masked = await ask('keys', request, { key: 'masked-key' })
    expect(masked).toMatchObject(
      request.view === 'fingerprints' ? { status: 200, caller: 'masked' } : { status: 403, asked: false },
    )
    expect(masked.body).not.toContain('token-')
    const single = await ask('keys', request, { key: 'single-key' })
    expect(single).toMatchObject(
      request.view === 'token' ? { status: 200, caller: 'single' } : { status: 403, asked: false },
    )
    // Neither in a header nor in what is logged.
    for (const name of [
      'token-b',
      fingerprint('token-b'),
      '"of',
      nameTokens(['token-a', 'token-b'], 'token-a').digest,
    ])
      expect(single.told).not.toContain(name)
    expect(await ask('keys', request, { key: 'other-key' })).toMatchObject({ status: 404, asked: false })
  })

  it('lets in whom the gateway vouches for, and no key', async () => {
    expect(await ask('gateway', request, { key: 'full-key' })).toMatchObject(refused)
    expect(await ask('gateway', request, { principal: 'alice' })).toMatchObject({
      status: 200,
      caller: 'alice',
    })
  })

  it('lets in the callers of an SCF function URL where the platform checks them', async () => {
    const answer = await ask('platform', request, { key: 'full-key', isScf: true })
    expect(answer).toMatchObject(
      ['scf-function-url', 'scf-web'].includes(request.shape) ? { status: 200, caller: 'platform' } : refused,
    )
  })

  it('lets in nobody by the word of a platform that is not SCF', async () => {
    for (const shown of [{}, { key: 'full-key' }, { principal: 'alice' }])
      expect(await ask('platform', request, shown)).toMatchObject(refused)
  })

  it('lets in nobody while AIGC_HTTP_AUTH is unset', async () => {
    for (const shown of [{}, { key: 'full-key' }, { principal: 'alice' }])
      expect(await ask('', request, shown)).toMatchObject({ ...refused, status: 500 })
  })
})

import { describe, expect, it } from 'vitest'
import { createMirroredList } from '../../../lib/endpoint/fallback.ts'
import { renderDocument } from '../../../lib/stores/document.ts'
import type { Reading, Target } from '../../../lib/stores/store.ts'

const target: Target = { uri: 'x:1', scheme: 'x', name: '1', options: {}, holds: 'document', adopt: false }
const document = { ApiToken: 'a', ApiTokens: ['a', 'b'], SubAppId: 7, Site: 'intl' } as const

const failures: unknown[] = []

function read(reading: Reading, adopt = false) {
  const list = createMirroredList({
    fallbacks: [
      { subAppId: 8, target: { ...target, name: '8' } },
      { subAppId: 7, target: { ...target, adopt } },
    ],
    site: 'intl',
    openStore: () => ({ mostBytes: 1_000, hasMark: true, read: async () => reading, write: async () => {} }),
    onFailure: (subAppId, error) => void failures.push([subAppId, (error as { code: string }).code]),
  })
  return list(7, 0)
}
const value = (content: string, marked = true): Reading => ({ state: 'value', marked, value: content })

describe('createMirroredList', () => {
  it('gives the tokens of our document of this application', async () => {
    expect(await read(value(renderDocument(document)))).toEqual({
      apiTokens: ['a', 'b'],
      extInfos: null,
      extInfosDropped: false,
      requestId: null,
      pick: 'a',
    })
  })

  const refusal = 'it mirrors application 8 of site intl, not 7 of intl'
  const nothing = 'it holds no mirrored document; run mirror-tokens'
  it.each([
    [value(renderDocument({ ...document, SubAppId: 8 })), refusal],
    [value('spoilt'), nothing],
    [{ state: 'absent' }, nothing],
  ] satisfies [Reading, string][])('says why it gives nothing: %j', async (reading, why) => {
    await expect(read(reading)).rejects.toMatchObject({
      code: 'NotMirrored',
      message: expect.stringContaining(`Reading the tokens from x:1: ${why}`),
      target: 'x:1',
      retryable: false,
    })
    expect(failures.splice(0)).toEqual([[7, 'NotMirrored']])
  })

  const others: [string, Reading, boolean?][] = [
    ['another application', value(renderDocument({ ...document, SubAppId: 8 }))],
    ['another application, adopted', value(renderDocument({ ...document, SubAppId: 8 })), true],
    ['no application', value(renderDocument({ ...document, SubAppId: null }))],
    ['the other site', value(renderDocument({ ...document, Site: 'cn' }))],
    ['somebody without our mark', value(` ${renderDocument(document)}`, false)],
    ['something else', value('{"password":"x"}')],
    ['somebody who spoilt our document', { ...value('spoilt'), before: renderDocument(document) } as Reading],
    ['nothing yet', { state: 'empty', marked: true }],
    ['nobody', { state: 'absent' }],
    ['somebody who deleted it', { state: 'unavailable', reason: 'it is scheduled for deletion' }],
  ]
  it.each(others)('hands out nothing of %s, and says so', async (_, reading, adopt) => {
    failures.length = 0
    await expect(read(reading, adopt)).rejects.toMatchObject({ code: 'NotMirrored' })
    expect(failures.splice(0)).toEqual([[7, 'NotMirrored']])
  })

  it.each([9, null])('says that application %s has none', async (subAppId) => {
    const list = createMirroredList({
      fallbacks: [{ subAppId: 8, target }],
      site: 'intl',
      openStore: () => {
        throw new Error('opened')
      },
      onFailure: () => {},
    })
    await expect(list(subAppId, 0)).rejects.toThrow(`no mirrored document for application ${subAppId}`)
  })
})

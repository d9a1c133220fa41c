/** The one request that everybody makes, and its right answer. */
import { isDeepStrictEqual } from 'node:util'

export const subAppId = 251006666
/** Such as AWS and Tencent give out, in length and letters. */
export const secretId = 'AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE'
export const secretKey = 'Gu5t9xGARNpq86cd98joQYCN3EXAMPLE'

export const action = 'DescribeAigcApiTokens'
export const host = 'vod.intl.tencentcloudapi.com'
export const body = `{"SubAppId":${subAppId}}`
/** The media type that all peers can sign. */
export const contentType = 'application/json'

export const tokens = [
  'Qw3ErT7yUi0pAs4dFg8hJk2lZx6cVb1n',
  'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6',
  'zY9xW8vU7tS6rQ5pO4nM3lK2jI1hG0fE',
]
export const answerBody = JSON.stringify({
  Response: { ApiTokens: tokens, RequestId: '3c140219-cfe9-470e-b241-907877d6fb03' },
})

/** Throws when `found` is not the list of tokens, whatever the clock says of the one who found it. */
export function expectTokens(found: unknown, who: string): void {
  if (!isDeepStrictEqual(found, tokens))
    throw new Error(`${who} should answer the tokens, but answered ${JSON.stringify(found)?.slice(0, 300)}`)
}

/** The same for the reply of a function that was invoked over HTTP. */
export function expectTokensInReply(reply: unknown, who: string): void {
  const { statusCode, body } = reply as { statusCode?: unknown; body?: unknown }
  if (statusCode !== 200 || typeof body !== 'string')
    throw new Error(`${who} should answer 200, but answered ${JSON.stringify(reply)?.slice(0, 300)}`)
  expectTokens(JSON.parse(body).ApiTokens, who)
}

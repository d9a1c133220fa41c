/** How functions are invoked: a true event of an HTTP API (payload 2.0), and the settings of every variant at once. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { secretId, secretKey, subAppId } from './request.ts'

const recorded = readFileSync(new URL('../test/support/events/http-api-v2.json', import.meta.url), 'utf8')

/** `GET /tokens` with a bearer key. */
export const httpEvent: unknown = JSON.parse(recorded)

const bearer = /"Bearer ([^"]+)"/.exec(recorded)?.[1] ?? ''
const bearerSha256 = createHash('sha256').update(bearer).digest('hex')

/** Environment credentials and key auth; `endpoint` is a base URL. A list is good for a day, so that it stays warm. */
export function functionEnvironment(endpoint: string): Record<string, string> {
  return {
    AIGC_SUB_APP_IDS: `${subAppId}`,
    AIGC_VOD_ENDPOINT: endpoint,
    AIGC_SECRET_ID: secretId,
    AIGC_SECRET_KEY: secretKey,
    AIGC_HTTP_AUTH: 'keys',
    AIGC_API_KEYS: `bench:full:${bearerSha256}`,
    AIGC_CACHE_SECONDS: '86400',
    // What variants/function reads.
    PEER_SUB_APP_ID: `${subAppId}`,
    PEER_ENDPOINT: endpoint,
    PEER_SECRET_ID: secretId,
    PEER_SECRET_KEY: secretKey,
    PEER_KEY_SHA256: bearerSha256,
  }
}

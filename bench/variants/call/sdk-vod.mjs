import { secretId, secretKey, subAppId } from '../../request.ts'
import { createListTokens } from '../sdk/vod.mjs'

export function createCall(port) {
  return createListTokens({ endpoint: `http://127.0.0.1:${port}`, secretId, secretKey, subAppId })
}

/** The project's client: signs, sends, opens the envelope, checks the list. */
import { createTencentClient } from '../../../lib/tencent.ts'
import { describeAigcApiTokens, vodApi } from '../../../lib/tokens.ts'
import { createTransport } from '../../../lib/transport.ts'
import { secretId, secretKey, subAppId } from '../../request.ts'

export function createCall(port: number): () => Promise<readonly string[]> {
  const call = createTencentClient(
    { ...vodApi, endpoint: `http://127.0.0.1:${port}` },
    {
      send: createTransport(),
      credentials: () => ({ secretId, secretKey }),
      now: Date.now,
      random: Math.random,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    },
  )
  return async () => (await describeAigcApiTokens(call, subAppId, Date.now() + 10_000)).apiTokens
}

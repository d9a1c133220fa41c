/** The project's client: signs, sends, opens the envelope, checks the list. */
import { systemTime } from '../../../handlers/time.ts'
import { createTencentClient } from '../../../lib/tencent/client.ts'
import { createTransport } from '../../../lib/tencent/transport.ts'
import { describeAigcApiTokens, vodApi } from '../../../lib/tencent/vod.ts'
import { secretId, secretKey, subAppId } from '../../request.ts'

export function createCall(port: number): () => Promise<readonly string[]> {
  const call = createTencentClient(
    { ...vodApi, endpoint: `http://127.0.0.1:${port}` },
    {
      send: createTransport(),
      credentials: () => ({ secretId, secretKey }),
      ...systemTime,
    },
  )
  return async () => (await describeAigcApiTokens(call, subAppId, systemTime.monotonic() + 10_000)).apiTokens
}

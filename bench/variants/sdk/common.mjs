/** The official SDK's generic client, as its README shows it. */
import { CommonClient } from 'tencentcloud-sdk-nodejs-common'

export function createListTokens({ endpoint, secretId, secretKey, subAppId }) {
  const { host, protocol } = new URL(endpoint)
  const client = new CommonClient(host, '2018-07-17', {
    credential: { secretId, secretKey },
    profile: { httpProfile: { endpoint: host, protocol: `${protocol}//` } },
  })
  return async () => (await client.request('DescribeAigcApiTokens', { SubAppId: subAppId })).ApiTokens
}

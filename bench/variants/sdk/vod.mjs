/** The official SDK for VOD (cn site), as its README shows it; deep import, so that a bundle has this version only. */
import { Client } from 'tencentcloud-sdk-nodejs-vod/tencentcloud/services/vod/v20180717/vod_client.js'

export function createListTokens({ endpoint, secretId, secretKey, subAppId }) {
  const { host, protocol } = new URL(endpoint)
  const client = new Client({
    credential: { secretId, secretKey },
    region: '',
    profile: { httpProfile: { endpoint: host, protocol: `${protocol}//` } },
  })
  return async () => (await client.DescribeAigcApiTokens({ SubAppId: subAppId })).ApiTokens
}

/** The official SDK of the international site, of it only VOD. It takes callbacks. */
import { promisify } from 'node:util'
import Credential from 'tencentcloud-sdk-nodejs-intl-en/tencentcloud/common/credential.js'
import ClientProfile from 'tencentcloud-sdk-nodejs-intl-en/tencentcloud/common/profile/client_profile.js'
import HttpProfile from 'tencentcloud-sdk-nodejs-intl-en/tencentcloud/common/profile/http_profile.js'
import vod from 'tencentcloud-sdk-nodejs-intl-en/tencentcloud/vod/v20180717/index.js'

export function createListTokens({ endpoint, secretId, secretKey, subAppId }) {
  const { host, protocol } = new URL(endpoint)
  const httpProfile = new HttpProfile()
  httpProfile.endpoint = host
  httpProfile.protocol = `${protocol}//`
  const profile = new ClientProfile('TC3-HMAC-SHA256', httpProfile)
  const client = new vod.Client(new Credential(secretId, secretKey), '', profile)
  const describe = promisify(client.DescribeAigcApiTokens.bind(client))
  const request = new vod.Models.DescribeAigcApiTokensRequest()
  request.SubAppId = subAppId
  return async () => (await describe(request)).ApiTokens
}

/** `tencentSign` of @tencent-sdk/capi. It reads the clock by itself, so nobody can tell it a timestamp. */
import { tencentSign } from '@tencent-sdk/capi'
import { body, host, secretId, secretKey } from '../../request.ts'

const payload = JSON.parse(body)
const options = {
  host,
  path: '/',
  protocol: 'https',
  serviceType: 'vod',
  secretId,
  secretKey,
  method: 'POST',
}

export function sign() {
  return tencentSign(payload, options).authorization
}

export function authorize() {
  const { timestamp, authorization } = tencentSign(payload, options)
  return { timestamp: Number(timestamp), authorization }
}

/** `sign3` of Tencent's official SDK, called as the SDK calls it: with the parameters, which it serialises. */
import officialSign from 'tencentcloud-sdk-nodejs-common/tencentcloud/common/sign.js'
import { body, contentType, host, secretId, secretKey } from '../../request.ts'

const { sign3 } = officialSign.default ?? officialSign
const payload = JSON.parse(body)
const url = `https://${host}/`
const headers = { 'Content-Type': contentType }

export function sign(timestamp) {
  return sign3({ method: 'POST', url, payload, timestamp, service: 'vod', secretId, secretKey, headers })
}

export function authorize(timestamp) {
  return { timestamp, authorization: sign(timestamp) }
}

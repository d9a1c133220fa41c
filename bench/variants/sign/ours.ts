/** The project's signer, for the two headers that every peer signs. */
import { createSigner } from '../../../lib/tencent/tc3.ts'
import { body, contentType, host, secretId, secretKey } from '../../request.ts'

const credentials = { secretId, secretKey }
const signBody = createSigner({ method: 'POST', headers: { 'content-type': contentType, host } }, 'vod')

export function sign(timestamp: number): string {
  return signBody(body, timestamp, credentials)
}

export function authorize(timestamp: number): { timestamp: number; authorization: string } {
  return { timestamp, authorization: sign(timestamp) }
}

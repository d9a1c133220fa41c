/** The project's signer, for the three headers that the project signs. */
import { createSigner } from '../../../lib/tencent/tc3.ts'
import { action, body, host, secretId, secretKey } from '../../request.ts'

const credentials = { secretId, secretKey }
const headers = { 'content-type': 'application/json; charset=utf-8', host, 'x-tc-action': action }
const signBody = createSigner({ method: 'POST', headers }, 'vod')

export function sign(timestamp: number): string {
  return signBody(body, timestamp, credentials)
}

/** The floor: undici sends the same request and hands over the answer's text. Nothing is signed, nothing parsed. */
import { Pool } from 'undici'
import { action, body, host } from '../../request.ts'

export function createCall(port: number): () => Promise<string> {
  const pool = new Pool(`http://127.0.0.1:${port}`)
  const headers = {
    'content-type': 'application/json',
    host,
    authorization: 'TC3-HMAC-SHA256 not signed',
    'x-tc-action': action,
    'x-tc-timestamp': '1773119783',
    'x-tc-version': '2018-07-17',
  }
  return async () => {
    const answer = await pool.request({ path: '/', method: 'POST', headers, body })
    return answer.body.text()
  }
}

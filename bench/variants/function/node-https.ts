/** A function on nothing but Node, with a signer of its own: no peer that anybody uses, but close to the floor. */
import { createHash, createHmac } from 'node:crypto'
import { request as requestHttp } from 'node:http'
import { Agent, request as requestHttps } from 'node:https'

const { PEER_ENDPOINT = '', PEER_SECRET_ID, PEER_SECRET_KEY, PEER_SUB_APP_ID } = process.env
const endpoint = new URL(PEER_ENDPOINT)
const secure = endpoint.protocol === 'https:'
const agent = new Agent({ keepAlive: true })

export async function handler(): Promise<{ statusCode: number; body: string }> {
  const answer = await post(`{"SubAppId":${PEER_SUB_APP_ID}}`)
  return { statusCode: 200, body: JSON.stringify({ ApiTokens: JSON.parse(answer).Response.ApiTokens }) }
}

function post(body: string): Promise<string> {
  const timestamp = Math.floor(Date.now() / 1000)
  const headers = {
    'content-type': 'application/json',
    host: endpoint.host,
    authorization: authorize(body, timestamp),
    'x-tc-action': 'DescribeAigcApiTokens',
    'x-tc-timestamp': String(timestamp),
    'x-tc-version': '2018-07-17',
  }
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers }
    const sent = secure ? requestHttps(endpoint, { ...options, agent }) : requestHttp(endpoint, options)
    sent.on('error', reject)
    sent.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
    sent.end(body)
  })
}

function authorize(body: string, timestamp: number): string {
  const date = new Date(timestamp * 1000).toISOString().slice(0, 10)
  const scope = `${date}/vod/tc3_request`
  const canonical = `POST\n/\n\ncontent-type:application/json\nhost:${endpoint.host}\n\ncontent-type;host\n${sha256(body)}`
  const toSign = `TC3-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(canonical)}`
  const key = hmac(hmac(hmac(`TC3${PEER_SECRET_KEY}`, date), 'vod'), 'tc3_request')
  const signature = createHmac('sha256', key).update(toSign).digest('hex')
  return `TC3-HMAC-SHA256 Credential=${PEER_SECRET_ID}/${scope}, SignedHeaders=content-type;host, Signature=${signature}`
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

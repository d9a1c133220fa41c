/**
 * Asks models through Tencent's AIGC gateway by the official packages of OpenAI and Anthropic, with the token that is
 * current: `node ask.mjs 'How are you?'`. TOKENS_URL is the full address of `/tokens`, TOKENS_KEY an API key for it.
 */
import { fileURLToPath } from 'node:url'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { createTokenSource } from './token.mjs'

const { TOKENS_URL, TOKENS_KEY, AIGC_URL = 'https://text-aigc.vod-qcloud.com' } = process.env

const { token, withToken } = createTokenSource({ url: TOKENS_URL, key: TOKENS_KEY })
// `apiKey` gives each request the token that is current; `fetch` takes another one after a 401.
const apiKey = () => token()
const fetch = withToken()
const openai = new OpenAI({ baseURL: `${AIGC_URL}/v1`, apiKey, fetch })
const anthropic = new Anthropic({ baseURL: AIGC_URL, apiKey, fetch })

export async function askGpt(question) {
  const { choices } = await openai.chat.completions.create({
    model: 'gpt-5.4',
    messages: [{ role: 'user', content: question }],
  })
  return choices[0].message.content
}

export async function askClaude(question) {
  const { content } = await anthropic.messages.create({
    model: 'cd-sonnet-4.6',
    max_tokens: 1000,
    messages: [{ role: 'user', content: question }],
  })
  return content.map((block) => block.text ?? '').join('')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const question = process.argv[2] ?? 'How are you?'
  console.log(`gpt-5.4: ${await askGpt(question)}`)
  console.log(`cd-sonnet-4.6: ${await askClaude(question)}`)
}

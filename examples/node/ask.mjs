/**
 * Asks models through Tencent's AIGC gateway by the official packages of OpenAI and Anthropic, with the token that is
 * current: each line of stdin is a question, which both answer. The token comes from `list-tokens`, by TOKENS_URL (the full
 * address of `/tokens`) and TOKENS_KEY, or from the secret on AWS that AIGC_SECRET names.
 */
import { createInterface } from 'node:readline'
import Anthropic from '@anthropic-ai/sdk'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import OpenAI from 'openai'
import { createTokenSource } from './token.mjs'

const { TOKENS_URL, TOKENS_KEY, AIGC_SECRET, AIGC_URL = 'https://text-aigc.vod-qcloud.com' } = process.env

async function readSecret({ signal }) {
  const command = new GetSecretValueCommand({ SecretId: AIGC_SECRET, VersionStage: 'AWSCURRENT' })
  const { SecretString } = await new SecretsManagerClient().send(command, { abortSignal: signal })
  return JSON.parse(SecretString)
}

const { token, withToken } = createTokenSource(
  AIGC_SECRET ? { read: readSecret } : { url: TOKENS_URL, key: TOKENS_KEY },
)
// `apiKey` gives each request the token that is current; `fetch` takes another one after a 401.
const apiKey = () => token()
const fetch = withToken()
const openai = new OpenAI({ baseURL: `${AIGC_URL}/v1`, apiKey, fetch })
const anthropic = new Anthropic({ baseURL: AIGC_URL, apiKey, fetch })

for await (const question of createInterface({ input: process.stdin })) {
  const messages = [{ role: 'user', content: question }]
  const { choices } = await openai.chat.completions.create({ model: 'gpt-5.4', messages })
  console.log(choices[0].message.content)
  const { content } = await anthropic.messages.create({
    model: 'cd-sonnet-4.6',
    max_tokens: 1000,
    messages,
  })
  console.log(content[0].text)
}

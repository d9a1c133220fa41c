/** The least that a function around this SDK can be: it checks no caller and logs nothing. */

import { settings } from '../sdk/settings.mjs'
import { createListTokens } from '../sdk/vod.mjs'

const listTokens = createListTokens(settings)

export async function handler() {
  return { statusCode: 200, body: JSON.stringify({ ApiTokens: await listTokens() }) }
}

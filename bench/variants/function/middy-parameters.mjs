/** The usual stack on AWS: `middy-powertools`, its key in a secret that the parameters of Powertools read and keep. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { Logger } from '@aws-lambda-powertools/logger'
import { getSecret } from '@aws-lambda-powertools/parameters/secrets'
import middy from '@middy/core'
import httpErrorHandler from '@middy/http-error-handler'
import httpEventNormalizer from '@middy/http-event-normalizer'
import httpHeaderNormalizer from '@middy/http-header-normalizer'
import httpResponseSerializer from '@middy/http-response-serializer'
import httpSecurityHeaders from '@middy/http-security-headers'
import { createListTokens } from '../sdk/intl.mjs'
import { keySha256, secretName, settings } from '../sdk/settings.mjs'

const logger = new Logger({ serviceName: 'list-tokens' })
let tokens

async function listTokens() {
  const { SecretId, SecretKey } = await getSecret(secretName, { transform: 'json', maxAge: 300 })
  return createListTokens({ ...settings, secretId: SecretId, secretKey: SecretKey })()
}

async function answer(event, { awsRequestId }) {
  if (!isKey(event.headers.authorization)) return { statusCode: 401, body: { code: 'Unauthorized' } }
  tokens ??= await listTokens()
  logger.info('list-tokens', { invocation: awsRequestId, status: 200, route: event.rawPath })
  return { statusCode: 200, body: { ApiTokens: tokens } }
}

function isKey(authorization = '') {
  const digest = createHash('sha256').update(authorization.replace('Bearer ', '')).digest('hex')
  return timingSafeEqual(Buffer.from(digest), Buffer.from(keySha256))
}

export const handler = middy()
  .use(httpEventNormalizer())
  .use(httpHeaderNormalizer())
  .use(httpSecurityHeaders())
  .use(
    httpResponseSerializer({
      serializers: [{ regex: /^application\/json$/, serializer: ({ body }) => JSON.stringify(body) }],
      defaultContentType: 'application/json',
    }),
  )
  .use(httpErrorHandler())
  .handler(answer)

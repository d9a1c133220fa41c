/**
 * The parts of the AWS SDK that this bundle uses, and what is needed only with them. The build makes this file `aws.js`
 * beside `index.js`; import it only with `await import('./sdk.ts')`, so that nobody pays for the SDK who does not
 * use it.
 */
import { NodeHttpHandler } from '@smithy/node-http-handler'

export {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  TagResourceCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager'
export {
  AddTagsToResourceCommand,
  GetParameterCommand,
  ListTagsForResourceCommand,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm'
export { GetWebIdentityTokenCommand, STSClient } from '@aws-sdk/client-sts'
export { defaultProvider } from '@aws-sdk/credential-provider-node'
export { loadSharedConfigFiles } from '@smithy/core/config'
export { createAws } from './clients.ts'

/**
 * The SDK asks an endpoint of container credentials by a handler of its own, whose time limit only prints a warning: it
 * waited for ever for an answer that was swallowed once. Handlers that are made from options give up, and print nothing.
 */
const { create } = NodeHttpHandler
NodeHttpHandler.create = (given) => {
  const isOptions = typeof given === 'object' && !('handle' in given)
  if (!isOptions) return create(given)
  const warn = (): void => {}
  return create({
    throwOnRequestTimeout: true,
    // Half an answer is none either. It counts from the last byte, in milliseconds.
    socketTimeout: 1_000,
    logger: { trace: warn, debug: warn, info: warn, warn, error: warn },
    ...given,
  })
}

/**
 * What this bundle uses of the AWS SDK, and nothing else of it. The build makes this file `aws.js` beside
 * `index.js`; import it only with `await import('./sdk.ts')`, so that nobody pays for the SDK who does not
 * use it.
 */
export {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  TagResourceCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager'
export { GetWebIdentityTokenCommand, STSClient } from '@aws-sdk/client-sts'

/** Tencent credentials that AWS Secrets Manager keeps. */
import type { Aws } from '../aws/clients.ts'
import { type AwsAdvice, describeAwsFailure } from '../aws/errors.ts'
import { CredentialsError } from '../errors.ts'
import { isRecord, isText, parseJson } from '../json.ts'
import type { Lease } from './lease.ts'
import { isSendable } from './sources.ts'

const attempt = 'Reading Tencent credentials from the AWS secret of AIGC_CREDENTIALS_SECRET'

const advice: AwsAdvice = [
  [
    // AWS answers so for a secret without a value too, such as the stack makes.
    /^ResourceNotFoundException$/,
    'create the secret in this region, put a value into it (docs/deploy-aws.md), ' +
      'or put its ARN into AIGC_CREDENTIALS_SECRET',
  ],
  [
    /^(AccessDeniedException|Http403)$/,
    "allow the function's role secretsmanager:GetSecretValue on it, and kms:Decrypt if it has a key of its own",
  ],
  [/^InvalidRequestException$/, 'restore the secret (RestoreSecret) if it is scheduled for deletion'],
  [/^RegionMissing$/, 'set AWS_REGION, or put the ARN into AIGC_CREDENTIALS_SECRET'],
  [
    /^(CredentialsProviderError|ExpiredTokenException|UnrecognizedClientException)$/,
    'this source works on AWS Lambda, or wherever the AWS SDK finds credentials',
  ],
]

/**
 * Reads `{"SecretId":"…","SecretKey":"…","Token":"…"?}` from the current version of the secret with that name or ARN,
 * whose region counts if it is an ARN. `deadline` is on `Time.monotonic`. Throws `CredentialsError`; needs
 * `secretsmanager:GetSecretValue`, and the use of the secret's KMS key where it has one of its own.
 */
export async function readCredentialsSecret(secretId: string, deadline: number, aws: Aws): Promise<Lease> {
  const text = await getSecretString(secretId, deadline, aws)
  const value = parseJson(text)
  const { SecretId, SecretKey, Token, ...others } = isRecord(value) ? value : {}
  const strings = [SecretId, SecretKey, ...(Token === undefined ? [] : [Token])]
  const usable = strings.every((string) => isText(string) && isSendable(string))
  if (!usable || Object.keys(others).length > 0) {
    const shape = '{"SecretId":"…","SecretKey":"…"}, or with a "Token" too'
    throw new CredentialsError(
      'CredentialsSecretInvalid',
      `${attempt}: its value must be JSON like ${shape}, of printable ASCII without spaces`,
      false,
    )
  }
  const credentials = { secretId: String(SecretId), secretKey: String(SecretKey) }
  return {
    credentials: { ...credentials, ...(Token !== undefined && { token: String(Token) }) },
    lifetimeMs: Number.POSITIVE_INFINITY,
  }
}

async function getSecretString(secretId: string, deadline: number, aws: Aws): Promise<string> {
  const { GetSecretValueCommand, SecretsManagerClient } = await import('../aws/sdk.ts')
  const region = /^arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):/.exec(secretId)?.[1]
  const client = aws.client(SecretsManagerClient, region)
  const command = new GetSecretValueCommand({ SecretId: secretId, VersionStage: 'AWSCURRENT' })
  const outcome = await aws.call((until) => client.send(command, until), deadline)
  client.destroy()
  if (outcome.failed) {
    const { code, retryable } = outcome.failed
    throw new CredentialsError(
      code,
      describeAwsFailure({ attempt, failure: outcome.failed, advice }),
      retryable,
    )
  }
  const { SecretString, SecretBinary } = outcome.answer
  return SecretString ?? Buffer.from(SecretBinary ?? []).toString()
}

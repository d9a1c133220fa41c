/** Tencent credentials that AWS Secrets Manager keeps. */
import type { Aws } from '../aws/clients.ts'
import { type AwsAdvice, describeAwsFailure } from '../aws/errors.ts'
import { CredentialsError } from '../errors.ts'
import { isRecord, parseJson, withoutMark } from '../json.ts'
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
  [/^Region(Missing|Invalid)$/, 'set AWS_REGION, or put the ARN into AIGC_CREDENTIALS_SECRET'],
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
  const value = parseJson(withoutMark(text))
  const problems = isRecord(value) ? [] : ['it is no JSON object']
  const fields = isRecord(value) ? readFields(value, problems) : {}
  const { SecretId = '', SecretKey = '', Token = '' } = fields
  if (problems.length > 0)
    throw new CredentialsError(
      'CredentialsSecretInvalid',
      `${attempt}: its value must be JSON like {"SecretId":"…","SecretKey":"…"}, or with a "Token" too, ` +
        `but ${problems.join('; ')}`,
      false,
    )
  return {
    credentials: { secretId: SecretId, secretKey: SecretKey, ...(Token !== '' && { token: Token }) },
    lifetimeMs: Number.POSITIVE_INFINITY,
  }
}

type Field = 'SecretId' | 'SecretKey' | 'Token'

/** By what is left of a name without case, signs and a prefix: as the consoles, STS and Tencent's tools spell them. */
const spellings: Readonly<Record<string, Field>> = {
  secretid: 'SecretId',
  secretkey: 'SecretKey',
  token: 'Token',
  sessiontoken: 'Token',
  securitytoken: 'Token',
}

/**
 * What each field holds, in whatever spelling it comes; an empty token is none, and other fields are nobody's business.
 * `problems` gets a phrase for each field that is wrong: in words of ours, as a name may be a value that went astray.
 */
function readFields(
  value: Readonly<Record<string, unknown>>,
  problems: string[],
): Partial<Record<Field, string>> {
  const found: Record<Field, Set<unknown>> = {
    SecretId: new Set(),
    SecretKey: new Set(),
    Token: new Set(),
  }
  for (const [name, content] of Object.entries(value)) {
    const plain = name.toLowerCase().replace(/[^a-z]/g, '')
    const spelling = plain.replace(/^(tencentcloud|tencent|qcloud|aigc|tmp)/, '')
    const field = Object.hasOwn(spellings, spelling) ? spellings[spelling] : undefined
    if (field) found[field].add(typeof content === 'string' ? content.trim() : content)
    // Whoever wrote it may have meant the one that would be missed.
    else if (plain.endsWith('token')) problems.push('a field named like a token is not called "Token"')
  }
  for (const none of ['', null]) found.Token.delete(none)
  const fields: Partial<Record<Field, string>> = {}
  for (const field of ['SecretId', 'SecretKey', 'Token'] as const) {
    const [content, ...others] = found[field]
    if (others.length > 0) problems.push(`"${field}" is there in two spellings, with different values`)
    else if (content === undefined || content === '' || content === null) {
      if (field !== 'Token') problems.push(`"${field}" is missing or empty`)
    } else if (typeof content !== 'string') problems.push(`"${field}" is no text`)
    else if (isSendable(content)) fields[field] = content
    else problems.push(`"${field}" has blanks, or what is no printable ASCII`)
  }
  return fields
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

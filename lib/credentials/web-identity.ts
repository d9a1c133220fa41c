/**
 * Tencent credentials without any stored key: AWS vouches for the function in a signed token
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html), and Tencent gives temporary
 * credentials of a role for it (https://www.tencentcloud.com/document/product/1150/49454).
 */
import type { Aws } from '../aws/clients.ts'
import { type AwsAdvice, describeAwsFailure } from '../aws/errors.ts'
import { CredentialsError, TencentError } from '../errors.ts'
import { isRecord, isText } from '../json.ts'
import type { CallTencent } from '../tencent/client.ts'
import type { Time } from '../time.ts'
import type { Lease } from './lease.ts'
import type { WebIdentity } from './sources.ts'

/** Tencent's STS; each of its actions takes a region. */
export const stsApi = { service: 'sts', version: '2018-08-13' } as const

export interface WebIdentityDependencies extends Pick<Time, 'now'> {
  readonly aws: Aws
  /** Calls Tencent's STS without a signature: the identity token is all that counts. */
  readonly callSts: CallTencent
  /** How the role's session is called in Tencent's audit log: letters, digits and `_+=,.@-`. */
  readonly sessionName: string
  /** Is told every secret that comes by, before it goes anywhere. */
  addSecrets(secrets: readonly string[]): void
}

/** The identity token is used at once, so it need not live long; in seconds. */
const tokenSeconds = 300

/** Exchanges. `deadline` is on `Time.monotonic`. Throws `CredentialsError`, when AWS refused, or `TencentError`. */
export async function assumeRole(
  identity: WebIdentity,
  deadline: number,
  deps: WebIdentityDependencies,
): Promise<Lease> {
  const token = await getIdentityToken(identity.audience, deadline, deps)
  let answer: Awaited<ReturnType<CallTencent>>
  try {
    answer = await deps.callSts(
      'AssumeRoleWithWebIdentity',
      {
        ProviderId: identity.provider,
        RoleArn: identity.roleArn,
        RoleSessionName: deps.sessionName.padEnd(2, '-'),
        WebIdentityToken: token,
      },
      deadline,
    )
  } catch (error) {
    const advice = error instanceof TencentError && adviceOnTencent(error.code)
    if (!advice) throw error
    throw new TencentError(error.code, `${error.brief}; ${advice}`, error)
  }
  return readLease(answer, deps)
}

/** `DurationSeconds` is left out: the role's own limit may be below any number chosen here. */
function readLease(answer: Awaited<ReturnType<CallTencent>>, deps: WebIdentityDependencies): Lease {
  const { Credentials, ExpiredTime, RequestId } = answer
  const { TmpSecretId, TmpSecretKey, Token } = isRecord(Credentials) ? Credentials : {}
  if (!isText(TmpSecretId) || !isText(TmpSecretKey) || !isText(Token) || typeof ExpiredTime !== 'number')
    throw new CredentialsError(
      'ClientError.MalformedAnswer',
      'AssumeRoleWithWebIdentity: the answer lacks credentials or their expiry' +
        (RequestId === null ? '' : ` (request id ${RequestId})`),
      true,
    )
  deps.addSecrets([TmpSecretId, TmpSecretKey, Token])
  return {
    credentials: { secretId: TmpSecretId, secretKey: TmpSecretKey, token: Token },
    // By Tencent's own clock, when it said so: this machine's may be off by hours.
    lifetimeMs: ExpiredTime * 1000 - (answer.AnsweredAt ?? deps.now()),
  }
}

/** A token that AWS STS signs, for that audience. Only regional endpoints of STS give it, which the SDK takes. */
async function getIdentityToken(
  audience: string,
  deadline: number,
  deps: WebIdentityDependencies,
): Promise<string> {
  const { GetWebIdentityTokenCommand, STSClient } = await import('../aws/sdk.ts')
  const client = deps.aws.client(STSClient)
  const command = new GetWebIdentityTokenCommand({
    Audience: [audience],
    // Of the two that AWS has, the one that every verifier knows.
    SigningAlgorithm: 'RS256',
    DurationSeconds: tokenSeconds,
  })
  const outcome = await deps.aws.call((until) => client.send(command, until), deadline)
  client.destroy()
  if (outcome.failed) {
    const { code, retryable } = outcome.failed
    throw new CredentialsError(
      code,
      describeAwsFailure({
        attempt: 'Getting an identity token from AWS (sts:GetWebIdentityToken)',
        failure: outcome.failed,
        advice: adviceOnAws,
      }),
      retryable,
    )
  }
  const { WebIdentityToken = '' } = outcome.answer
  deps.addSecrets([WebIdentityToken])
  return WebIdentityToken
}

const adviceOnAws: AwsAdvice = [
  [
    /^OutboundWebIdentityFederationDisabled/,
    'switch it on for this AWS account: aws iam enable-outbound-web-identity-federation',
  ],
  [
    /^(AccessDenied|Http403$)/,
    "allow the function's role sts:GetWebIdentityToken for the audience of AIGC_OIDC_AUDIENCE",
  ],
  [
    /^SessionDurationEscalation/,
    'the AWS session ends before the token would; the next call has a new session',
  ],
  [/^Region(Missing|Invalid)$/, 'set AWS_REGION'],
  [
    /^(CredentialsProviderError|ExpiredToken|InvalidClientTokenId)/,
    'this source works on AWS Lambda, or wherever the AWS SDK finds credentials',
  ],
]

function adviceOnTencent(code: string): string {
  if (code.startsWith('InvalidParameter.WebIdentityTokenError'))
    return (
      "compare the OIDC provider in Tencent CAM with this AWS account's issuer: its URL, its client id " +
      '(AIGC_OIDC_AUDIENCE) and its public keys, which AWS may have rotated'
    )
  if (/^(ResourceNotFound|InvalidParameter\.ParamError)/.test(code))
    return 'check AIGC_ROLE_ARN and AIGC_OIDC_PROVIDER, and that AIGC_SITE is the site of that account'
  if (code.startsWith('UnauthorizedOperation') || code.startsWith('AuthFailure'))
    return "let the role's trust policy name the OIDC provider of AIGC_OIDC_PROVIDER and its audience"
  return ''
}

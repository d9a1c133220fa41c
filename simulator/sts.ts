/**
 * STS 2018-08-13 as far as callers without keys go (https://www.tencentcloud.com/document/product/1150/49454): the
 * token of a trusted OpenID Connect provider buys a temporary key. What the key may do is not modelled: anything.
 */
import { randomBytes } from 'node:crypto'
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { ApiError, action, missingParameter, requestLimitExceeded, type Service } from './service.ts'
import type { Key } from './verify-tc3.ts'

/** What the account is. */
export interface StsOptions {
  /** Where the temporary keys are put, by secret id. */
  readonly keys: Map<string, Key>
  /** The server's clock, epoch milliseconds: tokens are checked by it, and keys expire by it. */
  clock(): number
}

/** An OpenID Connect provider as CAM, the access management, keeps it. */
export interface IdentityProvider {
  /** What `iss` must be. */
  readonly issuer: string
  /** The client ids; `aud` must name one of them. */
  readonly audiences: readonly string[]
  readonly jwks: JSONWebKeySet
}

/** A role, by whom it trusts. */
export interface Role {
  /** The name of the {@link IdentityProvider} whose tokens take the role. */
  readonly providerId: string
  /** What `sub` must be; default anything. */
  readonly subject?: string
  /** How long its keys live when the caller does not say; default two hours. */
  readonly sessionSeconds?: number
}

/** The account. `service` is what callers see of it; the other members are the operator's hand. */
export interface Sts {
  readonly service: Service
  /** By name, which is the `ProviderId`; add, change and delete at will. */
  readonly providers: Map<string, IdentityProvider>
  /** By `RoleArn`, likewise. */
  readonly roles: Map<string, Role>
  /** Ends every temporary key issued so far before the time its caller was told. */
  expireAll(): void
}

const uin = '100000000001'
const defaultSeconds = 7200
const maxSeconds = 43_200
const algorithms = ['RS256', 'ES384']

/** Opens an account that trusts nobody. */
export function createSts({ keys, clock }: StsOptions): Sts {
  const providers = new Map<string, IdentityProvider>()
  const roles = new Map<string, Role>()
  /** Role and session name of the keys issued, by secret id. */
  const sessions = new Map<string, { readonly role: string; readonly name: string }>()

  const issueKey = (seconds: number, role: string, name: string) => {
    const ExpiredTime = Math.floor(clock() / 1000) + seconds
    const secretId = `AKID${randomText(36)}`
    const key = { secretKey: randomText(24), token: randomText(150), expiresAt: ExpiredTime * 1000 }
    keys.set(secretId, key)
    sessions.set(secretId, { role, name })
    return {
      Credentials: { Token: key.token, TmpSecretId: secretId, TmpSecretKey: key.secretKey },
      ExpiredTime,
      Expiration: new Date(key.expiresAt).toISOString().replace('.000', ''),
    }
  }

  const assumeRoleWithWebIdentity = action(
    {
      ProviderId: 'string',
      WebIdentityToken: 'string',
      RoleArn: 'string',
      RoleSessionName: 'string',
      DurationSeconds: 'uint64?',
    },
    async (input, { region }) => {
      const { ProviderId, RoleArn, RoleSessionName, DurationSeconds } = input
      if (!region) throw missingParameter('Region')
      if (!/^[\w+=,.@-]{2,128}$/.test(RoleSessionName))
        throw parameterError('`RoleSessionName` must be 2 to 128 letters, digits and _+=,.@-')
      if (DurationSeconds === 0) throw parameterError('`DurationSeconds` must be 1 at least')
      if (DurationSeconds !== undefined && DurationSeconds > maxSeconds)
        throw new ApiError(
          'InvalidParameter.OverTimeError',
          `The \`DurationSeconds\` must be ${maxSeconds} at most.`,
        )
      const provider = providers.get(ProviderId)
      if (!provider) throw parameterError(`the identity provider \`${ProviderId}\` does not exist`)
      const { sub } = await verifyToken(input.WebIdentityToken, provider, clock())
      const role = roles.get(RoleArn)
      if (!role)
        throw new ApiError('ResourceNotFound.RoleNotFound', `The role \`${RoleArn}\` does not exist.`)
      if (role.providerId !== ProviderId || (role.subject !== undefined && role.subject !== sub))
        throw new ApiError('UnauthorizedOperation', `The role \`${RoleArn}\` does not trust this identity.`)
      return issueKey(
        DurationSeconds ?? role.sessionSeconds ?? defaultSeconds,
        RoleArn.replace(/^.*\//, ''),
        RoleSessionName,
      )
    },
  )

  const getCallerIdentity = action({}, (_, { secretId, region }) => {
    if (!region) throw missingParameter('Region')
    const session = sessions.get(secretId)
    const account = { AccountId: uin, PrincipalId: uin }
    return session
      ? {
          ...account,
          Type: 'CAMRole',
          Arn: `qcs::sts:${uin}:assumed-role/${session.role}`,
          UserId: `${session.role}:${session.name}`,
        }
      : { ...account, Type: 'CAMUser', Arn: `qcs::cam::uin/${uin}:uin/${uin}`, UserId: uin }
  })

  return {
    service: {
      name: 'sts',
      version: '2018-08-13',
      callsPerSecond: () => 20,
      // A rate in spite of its name. The action has RequestLimitExceeded in its list too: a `throttle` fault.
      tooManyCalls: (action) =>
        action === 'AssumeRoleWithWebIdentity'
          ? new ApiError('InvalidParameter.OverLimit', 'The number of requests exceeds the frequency limit.')
          : requestLimitExceeded(),
      unsigned: new Set(['AssumeRoleWithWebIdentity']),
      actions: new Map([
        ['AssumeRoleWithWebIdentity', assumeRoleWithWebIdentity],
        ['GetCallerIdentity', getCallerIdentity],
      ]),
    },
    providers,
    roles,
    expireAll: () => {
      for (const secretId of sessions.keys()) {
        const key = keys.get(secretId)
        if (key) keys.set(secretId, { ...key, expiresAt: 0 })
      }
    },
  }
}

/** The claims of a token that `provider` signed and that is good at `now`, epoch milliseconds. */
async function verifyToken(
  token: string,
  { issuer, audiences, jwks }: IdentityProvider,
  now: number,
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), {
      algorithms,
      issuer,
      audience: [...audiences],
      requiredClaims: ['sub', 'iat', 'exp'],
      currentDate: new Date(now),
    })
    return payload
  } catch (error) {
    // Its messages name claims and never their values.
    if (!(error instanceof errors.JOSEError)) throw error
    throw new ApiError(
      'InvalidParameter.WebIdentityTokenError',
      `The \`WebIdentityToken\` is not good: ${error.message}.`,
    )
  }
}

function parameterError(problem: string): ApiError {
  return new ApiError('InvalidParameter.ParamError', `Wrong parameter: ${problem}.`)
}

function randomText(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}

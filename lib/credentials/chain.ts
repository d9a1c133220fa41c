/** Gets the credentials to sign with, from whichever source the environment chooses. */

import { CredentialsError, TencentError } from '../errors.ts'
import type { Credentials } from '../tencent/tc3.ts'
import type { Time } from '../time.ts'
import { createLeasedCredentials, type GetCredentials, type Lease } from './lease.ts'
import {
  type CredentialChoice,
  chooseCredentials,
  type Environment,
  explainChoice,
  type WebIdentity,
} from './sources.ts'

export interface CredentialChainDependencies extends Pick<Time, 'now' | 'monotonic' | 'after'> {
  environment(): Environment
  /** Reads the AWS secret with that name or ARN. */
  readSecret(secretId: string, deadline: number): Promise<Lease>
  /** Exchanges an identity token of AWS for credentials of a Tencent role. */
  assumeRole(identity: WebIdentity, deadline: number): Promise<Lease>
  /** Is told every credential that comes by. */
  addSecrets(secrets: readonly string[]): void
  /** Is told when another source is chosen than before. */
  onChoice(choice: CredentialChoice): void
}

export interface CredentialChain {
  /** Throws `ConfigError`, `CredentialsError` or `TencentError`. */
  readonly get: GetCredentials
  /** Which source is used, and which others are set, without a value. */
  explain(): string
}

export function createCredentialChain(deps: CredentialChainDependencies): CredentialChain {
  let last: CredentialChoice['source'] | undefined
  let leased: GetCredentials | undefined

  function choose(): CredentialChoice {
    const choice = chooseCredentials(deps.environment())
    if (choice.source !== last) deps.onChoice(choice)
    last = choice.source
    return choice
  }

  /** Settings do not change in a running process, so neither does what is leased. */
  function lease(choice: CredentialChoice, fetch: (deadline: number) => Promise<Lease>): GetCredentials {
    leased ??= createLeasedCredentials(async (deadline) => {
      try {
        return await fetch(deadline)
      } catch (error) {
        throw explained(error, explainChoice(choice))
      }
    }, deps)
    return leased
  }

  /** At every use, so that what is in use is never what was learned longest ago. */
  function learned(credentials: Credentials): Credentials {
    deps.addSecrets(Object.values(credentials))
    return credentials
  }

  return {
    async get(deadline, refused) {
      const choice = choose()
      switch (choice.source) {
        case 'keyless':
          return learned(await lease(choice, (until) => deps.assumeRole(choice, until))(deadline, refused))
        case 'aws-secret':
          return learned(
            await lease(choice, (until) => deps.readSecret(choice.secretId, until))(deadline, refused),
          )
        default:
          return learned(choice.credentials)
      }
    },
    explain: () => explainChoice(chooseCredentials(deps.environment())),
  }
}

function explained(error: unknown, why: string): unknown {
  if (error instanceof TencentError) {
    const { code, brief, action, requestId, attempts, retryable } = error
    return new TencentError(code, brief, { action, requestId, attempts, retryable, credentials: why })
  }
  if (error instanceof CredentialsError)
    return new CredentialsError(error.code, error.brief, error.retryable, why)
  return error
}

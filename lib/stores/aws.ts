/** What the stores in AWS share: their options, and calls whose errors tell nothing of a value. */
import type { ClientKind } from '../aws/clients.ts'
import { type AwsAdvice, type AwsFailure, describeAwsFailure } from '../aws/errors.ts'
import { StoreError } from '../errors.ts'
import { quotes } from '../foreign.ts'
import { contentsOf, mark, markOf, readTags, type StoreDependencies, type Target } from './store.ts'

type Sdk = typeof import('../aws/sdk.ts')

/** A service of AWS as the store of one target uses it. */
export interface AwsService<Client, Action extends string> {
  /** Where the SDK finds it when undefined. */
  readonly region: string | undefined
  clientKind(sdk: Sdk): ClientKind<Client>
  /** What the caller has to be allowed for an action: a phrase that begins with "allow". */
  permissionFor(action: Action): string
  /** What to do about failures of this service alone, by code. */
  readonly advice: AwsAdvice
}

/** Makes one call, again where that may help. What fails is a `StoreError` with AWS's code. */
export type CallAws<Action extends string> = <Answer>(
  action: Action,
  send: (until: { abortSignal: AbortSignal }) => Promise<Answer>,
) => Promise<Answer>

/** The SDK, the service's client and calls with it until `deadline`, whose errors quote none of `values`. */
export async function connectAws<Client, Action extends string>({
  target,
  deps,
  service,
  deadline,
  values,
}: {
  readonly target: Target
  readonly deps: StoreDependencies
  readonly service: AwsService<Client, Action>
  readonly deadline: number
  readonly values: readonly string[]
}): Promise<{ readonly sdk: Sdk; readonly client: Client; readonly call: CallAws<Action> }> {
  const [sdk, aws] = [await import('../aws/sdk.ts'), await deps.aws()]
  const client = aws.shared(service.clientKind(sdk), service.region)
  const hold = (words: string): boolean => values.some((value) => quotes(words, value))
  return {
    sdk,
    client,
    async call(action, send) {
      const outcome = await aws.call(send, deadline, hold)
      if (outcome.failed?.code === 'Timeout') aws.forget(client)
      if (outcome.failed)
        throw failure(`Calling ${action} for ${target.uri}`, target, outcome.failed, [
          [/^(AccessDeniedException|Http403)$/, service.permissionFor(action)],
          ...service.advice,
        ])
      return outcome.answer
    },
  }
}

function failure(attempt: string, target: Target, failed: AwsFailure, own: AwsAdvice): StoreError {
  // AWS's own words may be all there is to say.
  const advice: AwsAdvice = [...own, ...everywhere, [/^/, failed.answered ? '' : unanswered]]
  const message = describeAwsFailure({ attempt, failure: failed, advice })
  return new StoreError(failed.code, message, target.uri, failed.retryable)
}

const unanswered =
  'check the region and the network; from a VPC, AWS is reached by a NAT gateway or an interface endpoint'

const everywhere: AwsAdvice = [
  [
    /^(CredentialsProviderError|ExpiredTokenException|InvalidSignatureException|UnrecognizedClientException)$/,
    'give the process valid AWS credentials',
  ],
  [/^Region(Missing|Invalid)$/, 'add ?region=… to the target, or set AWS_REGION'],
  [/^NotAFile$/, ''],
  [/^(Internal(Service|Server)Error|ThrottlingException|TooManyUpdates)$/, 'the next run tries again'],
]

/** A good answer that does not say what was asked: it is not known whether anything was done. */
export function malformed(action: string, target: Target, what: string): StoreError {
  const message = `Calling ${action} for ${target.uri}: the answer does not say what was asked; ${what}`
  return new StoreError('ClientError.MalformedAnswer', message, target.uri)
}

/** The store took a value and readers get the one before, however often it was looked. */
export function notWritten(service: string, target: Target): StoreError {
  return new StoreError(
    'NotWritten',
    `Writing ${target.uri}: AWS accepted the new version, yet readers still get the one before; the next run tries ` +
      `again; if it stays, check that nothing but ${service} answers (AWS_ENDPOINT_URL, a proxy)`,
    target.uri,
    true,
  )
}

/** How long is waited for a change to be seen, look by look, in milliseconds; then it is given up. */
export const spreadingMs: readonly number[] = [200, 800]

/** Whether an error is a `StoreError` of this code. */
export function isStoreError(error: unknown, code: string): error is StoreError {
  return error instanceof StoreError && error.code === code
}

const markKey = 'managed-by'

/** The tags that our secrets carry: the mark, and those that the target names. */
export function ownTags(target: Target): { Key: string; Value: string }[] {
  return [{ Key: markKey, Value: markOf(target) }, ...readTags(target.options)]
}

/** Whether our mark is among a secret's tags. */
export function isMarked(
  target: Target,
  tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] = [],
): boolean {
  return tags.some(({ Key, Value }) => Key === markKey && Value === markOf(target))
}

/** What stands beside a secret for people. */
export function describeSecret(target: Target): string {
  return `${contentsOf(target)} by ${mark}`
}

/** What is wrong with `region` and `kmsKeyId`, if anything: phrases as `check` gives them. */
export function awsOptionProblems({ region, kmsKeyId }: Target['options']): string[] {
  const problems: string[] = []
  if (region !== undefined && !/^[a-z]+(-[a-z]+)+-\d+$/.test(region))
    problems.push('region should be an AWS region, such as eu-central-1')
  if (kmsKeyId !== undefined && !/^[\w:/-]{1,2048}$/.test(kmsKeyId))
    problems.push('kmsKeyId should be the id, the ARN or the alias of a KMS key')
  return problems
}

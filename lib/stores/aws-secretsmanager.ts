/** Secrets of AWS Secrets Manager. */
import type {
  CreateSecretResponse,
  DescribeSecretResponse,
  GetSecretValueResponse,
  PutSecretValueResponse,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { StoreError } from '../errors.ts'
import { quotes, readWords } from '../foreign.ts'
import {
  type AwsService,
  awsOptionProblems,
  type CallAws,
  connectAws,
  describeSecret,
  isMarked,
  isStoreError,
  malformed,
  notWritten,
  ownTags,
  spreadingMs,
} from './aws.ts'
import { isDocument, versionId } from './document.ts'
import {
  mark,
  overtaken,
  type Reading,
  type Store,
  type StoreDependencies,
  type StoreKind,
  type Target,
  tagProblems,
  valuesIn,
} from './store.ts'

/**
 * `aws-secretsmanager:NAME?region=…&kmsKeyId=…&tags=…`. NAME is a secret's name, or its full ARN, which then gives the
 * region too. `kmsKeyId` counts when the secret is created; an existing secret keeps its key. `tags`, such as
 * `team=media;env=prod`, are put where the mark is put: on a secret that is created or taken over. Credentials, the
 * endpoint and a region that the target leaves out come from where the AWS SDK finds them.
 *
 * The mark is the tag `managed-by` = `vod-aigc-tokens`. A version is named by the document's digest, so that a repeated
 * write finds its own version instead of making a second one. It is put there under a staging label of our own, which no
 * reader asks for; then `AWSCURRENT` moves to it from the version that was seen, and from no other, so that somebody
 * else's version is never replaced unseen; a look says whether it is there.
 *
 * Needs `secretsmanager:DescribeSecret`, `GetSecretValue`, `PutSecretValue`, `UpdateSecretVersionStage` and
 * `TagResource`; `CreateSecret` where the secret does not exist yet; the use of the secret's KMS key where it has one of
 * its own.
 */
export const awsSecretsManager: StoreKind = {
  options: ['region', 'kmsKeyId', 'tags'],
  cloud: 'aws',
  hasEmpty: true,
  check,
  open,
}

// AWS advises against names that end in a hyphen and six characters, and many do ("prod/aigc-tokens"). That matters
// only to look-ups by an ARN without its suffix, which are not made here.
// docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
const secretName = /^[A-Za-z0-9/_+=.@-]{1,512}$/
const secretArn =
  /^arn:aws[a-z-]*:secretsmanager:(?<region>[a-z0-9-]+):\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,512}-[A-Za-z0-9]{6}$/

/** https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html */
const mostBytes = 65_536

/** The staging label of the version that readers get. */
const current = 'AWSCURRENT'
/** The one of the version before it, which AWS moves along. */
const previous = 'AWSPREVIOUS'
/** The one of a version that is on its way to become the current one. */
const ownLabel = mark

function check({ name, options }: Target): string[] {
  const problems: string[] = []
  const ownRegion = regionOfArn(name)
  if (!secretName.test(name) && ownRegion === undefined) {
    problems.push(
      'the name should be 1 to 512 characters of A-Z a-z 0-9 / _ + = . @ - or the full ARN of a secret',
    )
  }
  const { region = ownRegion } = options
  if (ownRegion !== undefined && region !== ownRegion)
    problems.push('region should be the one in the ARN, or left out')
  problems.push(...awsOptionProblems(options), ...tagProblems(options))
  return problems
}

function regionOfArn(name: string): string | undefined {
  return secretArn.exec(name)?.groups?.['region']
}

function open(target: Target, deps: StoreDependencies): Store {
  const service: AwsService<SecretsManagerClient, Action> = {
    region: target.options['region'] ?? regionOfArn(target.name),
    clientKind: (sdk) => sdk.SecretsManagerClient,
    permissionFor: (action) =>
      action === 'CreateSecret'
        ? 'allow secretsmanager:CreateSecret and secretsmanager:TagResource, and the use of the KMS key if one is named'
        : `allow secretsmanager:${action}, and the use of the KMS key if the secret has its own`,
    advice,
  }

  /** What the last reading has brought in. */
  let known: readonly string[] = []

  /** The secret until the deadline; no error of its calls holds one of the values, nor what is known. */
  async function secretUntil(deadline: number, values: readonly string[]): Promise<Secret> {
    const held = [...values, ...known]
    const { sdk, client, call } = await connectAws({ target, deps, service, deadline, values: held })
    return callsTo(target, sdk, client, call)
  }

  return {
    mostBytes,
    hasMark: true,

    async read(deadline) {
      const reading = await readSecret(await secretUntil(deadline, []), target)
      known = valuesIn(reading)
      return reading
    },
    write: async (document, seen, deadline) => {
      const secret = await secretUntil(deadline, [document, ...valuesIn(seen)])
      await writeSecret(secret, target, document, seen, deps.sleep)
    },
  }
}

/** `Store.read`, in calls of the API. */
export async function readSecret(secret: Secret, target: Target): Promise<Reading> {
  let described: DescribeSecretResponse
  try {
    described = await secret.describe()
  } catch (error) {
    if (isStoreError(error, 'ResourceNotFoundException')) return { state: 'absent' }
    throw error
  }
  const reason = whyUnavailable(described)
  if (reason !== null) return { state: 'unavailable', reason }

  const marked = isMarked(target, described.Tags)
  try {
    const answer = await secret.getValue(current)
    const value = textOf(answer, target)
    const { VersionId: version } = answer
    if (version === undefined) throw malformed('GetSecretValue', target, 'it should have a "VersionId"')
    const isDamaged = marked && target.holds === 'document' && !isDocument(value)
    const before = isDamaged ? await valueBefore(secret, target) : undefined
    const lagging = whyLagging(described, value)
    return {
      state: 'value',
      marked,
      value,
      version,
      ...(before !== undefined && { before }),
      ...(lagging !== null && { lagging }),
    }
  } catch (error) {
    if (
      isStoreError(error, 'InvalidRequestException') &&
      /marked (for deletion|deleted)/.test(error.message)
    ) {
      return { state: 'unavailable', reason: deletionReason }
    }
    if (!isStoreError(error, 'ResourceNotFoundException')) throw error
    // So AWS answers for a secret without a value: "can't find the specified secret value for staging label:
    // AWSCURRENT". It answers so too while a new version has not spread yet, and then a value must not pass for none.
    if (currentVersion(described) === undefined) return { state: 'empty', marked }
    throw new StoreError(
      'ValueNotFound',
      `Calling GetSecretValue for ${target.uri}: no value, though DescribeSecret lists one; the next run looks again`,
      target.uri,
      true,
    )
  }
}

/** AWS keeps no empty value, so an answer without one is not about the value. */
function textOf({ SecretString, SecretBinary }: GetSecretValueResponse, target: Target): string {
  const text = SecretString ?? Buffer.from(SecretBinary ?? []).toString()
  if (text !== '') return text
  throw malformed(
    'GetSecretValue',
    target,
    'one of "SecretString" and "SecretBinary" should be there, and not empty',
  )
}

async function valueBefore(secret: Secret, target: Target): Promise<string | undefined> {
  try {
    return textOf(await secret.getValue(previous), target)
  } catch (error) {
    if (isStoreError(error, 'ResourceNotFoundException')) return undefined
    throw error
  }
}

/** `Store.write`, in calls of the API; `sleep` is in milliseconds. */
export async function writeSecret(
  secret: Secret,
  target: Target,
  document: string,
  seen: Reading,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  if (seen.state === 'unavailable') {
    throw new StoreError('Unavailable', `Writing ${target.uri}: ${seen.reason}`, target.uri)
  }
  if (seen.state === 'absent') return create(secret, target, document)
  if (seen.state === 'value' && seen.value === document) {
    if (!seen.marked) await markSeen(secret, target, seen.version)
    return
  }
  // Into a secret without a value the mark goes first: it marks nobody's value, and a run that dies in between would
  // otherwise leave our value without it, which later runs refuse. Everywhere else it follows the value.
  if (!seen.marked && seen.state === 'empty') await markSeen(secret, target, seen.version)
  const version = versionId(document)
  const { VersionId, VersionStages: stages = [] } = await secret.putValue(document, version)
  if (VersionId !== version)
    throw malformed('PutSecretValue', target, 'it should name the version that was put')
  // The first version of a secret becomes the current one whatever its labels. A version that exists already stays as
  // it is, label or not ("the operation succeeds but does nothing"): so it is on the way back to an earlier document.
  // docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
  if (!stages.includes(current)) await makeCurrent(secret, target, { from: seen.version, to: version }, sleep)
  if (!seen.marked && seen.state === 'value') await secret.tag()
}

/** Marks what was seen, right after a look whether it is still there: somebody else's value gets no mark of ours. */
async function markSeen(secret: Secret, target: Target, version: string | undefined): Promise<void> {
  if (currentVersion(await secret.describe()) !== version) throw overtaken(target)
  await secret.tag()
}

/**
 * Moves the label of readers if it is still where it was seen, and looks whether it is there: the answer does not say;
 * `AWSPREVIOUS` follows. AWS refuses to take a label from a version that does not have it, and to move this one without
 * being told from where. docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
 */
async function makeCurrent(
  secret: Secret,
  target: Target,
  { from, to }: { readonly from: string | undefined; readonly to: string },
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  let accepted = true
  try {
    await secret.moveCurrent(from, to)
  } catch (error) {
    // Refused too when it is done already: a first answer was lost.
    if (!isStoreError(error, 'InvalidParameterException')) throw error
    accepted = false
  }
  for (const waitMs of [...spreadingMs, null]) {
    const found = currentVersion(await secret.describe())
    if (found === to) return
    if (!accepted || found !== from) throw overtaken(target)
    if (waitMs !== null) await sleep(waitMs)
  }
  throw notWritten('AWS Secrets Manager', target)
}

async function create(secret: Secret, target: Target, document: string): Promise<void> {
  if (regionOfArn(target.name) !== undefined) {
    throw new StoreError(
      'ResourceNotFoundException',
      `Creating ${target.uri}: a secret is created by its name, not by an ARN; put the name there`,
      target.uri,
    )
  }
  const version = versionId(document)
  try {
    const { VersionId } = await secret.create(document, version)
    if (VersionId !== version)
      throw malformed('CreateSecret', target, 'it should name the version that was created')
  } catch (error) {
    if (!isStoreError(error, 'ResourceExistsException')) throw error
    // Refused too when it is done already: a first answer was lost.
    if (currentVersion(await secret.describe()) !== version) throw overtaken(target)
  }
}

function currentVersion(described: DescribeSecretResponse): string | undefined {
  const versions = Object.entries(described.VersionIdsToStages ?? {})
  return versions.find(([, stages]) => stages.includes(current))?.[0]
}

const deletionReason =
  'the secret is scheduled for deletion; restore it (RestoreSecret), or choose another name'

/** Why the secret is left alone, and what to do about it; null when nothing is in the way. */
function whyUnavailable(described: DescribeSecretResponse): string | null {
  if (described.DeletedDate !== undefined) return deletionReason
  const owner = described.OwningService ?? described.Type
  if (owner !== undefined) return `the secret is managed by ${owner}; choose another name`
  if (described.RotationEnabled === true) {
    return 'the secret is rotated by AWS, which would overwrite the mirror; turn that off (CancelRotateSecret), or choose another name'
  }
  return null
}

/**
 * Which replicas have stopped following, and why; null when none has. One that is on its way (`InProgress`) follows.
 * docs.aws.amazon.com/secretsmanager/latest/apireference/API_ReplicationStatusType.html
 */
function whyLagging({ ReplicationStatus = [] }: DescribeSecretResponse, value: string): string | null {
  const failed = ReplicationStatus.filter(({ Status }) => Status === 'Failed').map(
    ({ Region, StatusMessage }) => {
      const words = readWords(StatusMessage, 'Failed')
      return words === '' || quotes(words, value) ? `${Region}` : `${Region} (${words})`
    },
  )
  return failed.length === 0
    ? null
    : `the replica in ${failed.join(' and in ')} does not follow any more; mend what AWS names, then have it replicated ` +
        'anew (RemoveRegionsFromReplication, ReplicateSecretToRegions)'
}

type Action =
  | 'CreateSecret'
  | 'DescribeSecret'
  | 'GetSecretValue'
  | 'PutSecretValue'
  | 'TagResource'
  | 'UpdateSecretVersionStage'

/**
 * The API's actions on one secret. What fails is a `StoreError` with the API's code, or `ClientError.MalformedAnswer` where a good
 * answer does not name the secret: then it was not Secrets Manager that answered.
 */
export interface Secret {
  describe(): Promise<DescribeSecretResponse>
  /** The value under a staging label. */
  getValue(stage: string): Promise<GetSecretValueResponse>
  /** Creates it with our mark. */
  create(document: string, version: string): Promise<CreateSecretResponse>
  /** Adds our mark. */
  tag(): Promise<unknown>
  /** Adds a version under our own label. */
  putValue(document: string, version: string): Promise<PutSecretValueResponse>
  /** Moves the label `AWSCURRENT` from a version that has it. */
  moveCurrent(from: string | undefined, to: string): Promise<unknown>
}

function callsTo(
  target: Target,
  sdk: typeof import('../aws/sdk.ts'),
  client: SecretsManagerClient,
  call: CallAws<Action>,
): Secret {
  const { name: SecretId, options } = target
  const tags = ownTags(target)
  const ask = async <
    Answer extends { readonly ARN?: string | undefined; readonly Name?: string | undefined },
  >(
    action: Action,
    send: Parameters<typeof call<Answer>>[1],
  ): Promise<Answer> => {
    const answer = await call(action, send)
    if (answer.Name === SecretId || answer.ARN === SecretId) return answer
    throw malformed(
      action,
      target,
      'it should name the secret, so it is not of AWS Secrets Manager; check AWS_ENDPOINT_URL and proxies',
    )
  }
  return {
    describe: () => {
      const command = new sdk.DescribeSecretCommand({ SecretId })
      return ask('DescribeSecret', (until) => client.send(command, until))
    },

    getValue: (VersionStage) => {
      const command = new sdk.GetSecretValueCommand({ SecretId, VersionStage })
      return ask('GetSecretValue', (until) => client.send(command, until))
    },

    create: (document, version) => {
      const command = new sdk.CreateSecretCommand({
        Name: SecretId,
        Description: describeSecret(target),
        SecretString: document,
        ClientRequestToken: version,
        KmsKeyId: options['kmsKeyId'],
        Tags: tags,
      })
      return ask('CreateSecret', (until) => client.send(command, until))
    },

    tag: () => {
      const command = new sdk.TagResourceCommand({ SecretId, Tags: tags })
      return call('TagResource', (until) => client.send(command, until))
    },

    putValue: (document, version) => {
      const command = new sdk.PutSecretValueCommand({
        SecretId,
        SecretString: document,
        ClientRequestToken: version,
        VersionStages: [ownLabel],
      })
      return ask('PutSecretValue', (until) => client.send(command, until))
    },

    moveCurrent: (from, to) => {
      const command = new sdk.UpdateSecretVersionStageCommand({
        SecretId,
        VersionStage: current,
        RemoveFromVersionId: from,
        MoveToVersionId: to,
      })
      return ask('UpdateSecretVersionStage', (until) => client.send(command, until))
    },
  }
}

const advice: AwsService<SecretsManagerClient, Action>['advice'] = [
  [/^(Decryption|Encryption)Failure$/, 'check that the KMS key is enabled and may be used'],
  [/^LimitExceededException$/, 'the secret may have too many versions; AWS drops old ones after 24 hours'],
  [
    /^ResourceExistsException$/,
    'somebody else has used the digest of this document for another version; delete the secret, or choose another name',
  ],
  [
    /^ResourceNotFoundException$/,
    'somebody else changed the secret meanwhile; the next run goes on from there',
  ],
]

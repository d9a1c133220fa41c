/** Parameters of AWS Systems Manager Parameter Store. */
import type { Parameter, SSMClient } from '@aws-sdk/client-ssm'
import { StoreError } from '../errors.ts'
import {
  type AwsService,
  awsOptionProblems,
  connectAws,
  describeSecret,
  isMarked,
  isStoreError,
  malformed,
  notWritten,
  ownTags,
  spreadingMs,
} from './aws.ts'
import { isDocument } from './document.ts'
import {
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
 * `aws-parameter-store:NAME?region=…&kmsKeyId=…&tier=…&tags=…`: a `SecureString`. NAME is a parameter's name, such as
 * `/prod/aigc-tokens`, not its ARN, which cannot be written. `kmsKeyId` counts at every write: without it AWS takes its own key for
 * Parameter Store, also where the version before had another. `tier` too; a parameter does not come back from `Advanced`.
 * Credentials, the endpoint and a region that the target leaves out come from where the AWS SDK finds them.
 *
 * The mark is the tag `managed-by` = `vod-aigc-tokens`. A parameter is created together with its tags, and only where there is none
 * yet. AWS takes no tags with an overwriting, so elsewhere the mark follows the value. Versions have numbers: the value before is
 * the version before, of which AWS keeps a hundred. Labels are not used, because a version that has one is never dropped, and then
 * no more can be written.
 *
 * Parameter Store cannot compare and set. So a write looks right before, puts, and looks right after. What somebody else writes
 * within the one call of `PutParameter` is a version before ours then; the next run repairs what comes of that.
 *
 * Needs `ssm:GetParameter`, `ListTagsForResource`, `PutParameter` and `AddTagsToResource`; the use of the KMS key where one is named.
 */
export const awsParameterStore: StoreKind = {
  options: ['region', 'kmsKeyId', 'tier', 'tags'],
  cloud: 'aws',
  hasEmpty: false,
  check,
  open,
}

/**
 * AWS counts the ARN in front of the name, up to 1011 characters in all; 950 are left in every partition and region.
 * docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
 */
const longestName = 950
/** To AWS `/a` is the parameter `a`: with one name for it, two targets are not one parameter unseen. */
const parameterName = /^(?!\/?(aws|ssm))([\w.-]+|(\/[\w.-]+){2,15})$/i

/** By `tier`. Without it the account's default counts, which is `Standard` unless somebody changed it. */
const mostBytesIn: Readonly<Record<string, number>> = {
  Standard: 4096,
  Advanced: 8192,
  'Intelligent-Tiering': 8192,
}

function check({ name, options }: Target): string[] {
  const problems: string[] = []
  if (!parameterName.test(name) || name.length > longestName)
    problems.push(
      `the name should be that of a parameter, no ARN: at most ${longestName} characters of A-Z a-z 0-9 _ . - or a path of 2 ` +
        'to 15 such parts with / in front of each, and not begin with aws or ssm',
    )
  if (options['tier'] !== undefined && !Object.hasOwn(mostBytesIn, options['tier']))
    problems.push(`tier should be one of ${Object.keys(mostBytesIn).join(', ')}`)
  return [...problems, ...awsOptionProblems(options), ...tagProblems(options)]
}

type Action = 'AddTagsToResource' | 'GetParameter' | 'ListTagsForResource' | 'PutParameter'

function open(target: Target, deps: StoreDependencies): Store {
  const service: AwsService<SSMClient, Action> = {
    region: target.options['region'],
    clientKind: (sdk) => sdk.SSMClient,
    permissionFor: (action) =>
      action === 'PutParameter'
        ? 'allow ssm:PutParameter and ssm:AddTagsToResource, and the use of the KMS key if one is named'
        : `allow ssm:${action}${action === 'GetParameter' ? ', and the use of the KMS key if the parameter has its own' : ''}`,
    advice,
  }

  /** What the last reading has brought in. */
  let known: readonly string[] = []

  /** The parameter until the deadline; no error of its calls holds one of the values, nor what is known. */
  async function parameterUntil(deadline: number, values: readonly string[]): Promise<SecureString> {
    return callsTo(
      target,
      await connectAws({ target, deps, service, deadline, values: [...values, ...known] }),
    )
  }

  return {
    mostBytes: mostBytesIn[target.options['tier'] ?? 'Standard'] ?? 0,
    hasMark: true,

    async read(deadline) {
      const reading = await readParameter(await parameterUntil(deadline, []), target)
      known = valuesIn(reading)
      return reading
    },
    async write(document, seen, deadline) {
      const parameter = await parameterUntil(deadline, [document, ...valuesIn(seen)])
      await writeParameter(parameter, target, document, seen, deps.sleep)
    },
  }
}

async function readParameter(parameter: SecureString, target: Target): Promise<Reading> {
  const found = await parameter.get()
  if (found === null) return { state: 'absent' }
  if (found.type !== 'SecureString') return { state: 'unavailable', reason: plainReason }
  const { value, version } = found
  const marked = await parameter.isMarked()
  const isDamaged = marked && target.holds === 'document' && !isDocument(value)
  // Its name for the version is a number, which says nothing of the value.
  const before = isDamaged && version > 1 ? await parameter.get(version - 1) : null
  return { state: 'value', marked, value, ...(before && { before: before.value }) }
}

const plainReason =
  'the parameter is no SecureString, so it is stored in plain, and AWS does not change its type; delete it, or choose another name'

/** `sleep` is in milliseconds. */
async function writeParameter(
  parameter: SecureString,
  target: Target,
  document: string,
  seen: Reading,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  if (seen.state === 'unavailable')
    throw new StoreError('Unavailable', `Writing ${target.uri}: ${seen.reason}`, target.uri)
  if (seen.state !== 'value') return create(parameter, target, document)
  if (seen.value !== document) await replace(parameter, target, { from: seen.value, to: document }, sleep)
  if (seen.marked) return
  // Right after a look, so that somebody else's value gets no mark of ours.
  if (seen.value === document && (await parameter.get())?.value !== document) throw overtaken(target)
  await parameter.mark()
}

async function create(parameter: SecureString, target: Target, document: string): Promise<void> {
  try {
    await parameter.create(document)
  } catch (error) {
    if (!isStoreError(error, 'ParameterAlreadyExists')) throw error
    // Refused too when it is done already: a first answer was lost.
    if ((await parameter.get())?.value !== document) throw overtaken(target)
  }
}

/** Puts a value in the place of the one that was seen, and looks whether readers get it. */
async function replace(
  parameter: SecureString,
  target: Target,
  { from, to }: { readonly from: string; readonly to: string },
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  if ((await parameter.get())?.value !== from) throw overtaken(target)
  const put = await parameter.put(from, to)
  if (put === null) throw overtaken(target)
  for (const waitMs of [...spreadingMs, null]) {
    const found = await parameter.get()
    if (found && found.version >= put) {
      if (found.value === to) return
      throw overtaken(target)
    }
    if (waitMs !== null) await sleep(waitMs)
  }
  throw notWritten('AWS Systems Manager', target)
}

interface Version {
  readonly type: string
  readonly value: string
  readonly version: number
}

/**
 * The API's actions on one parameter. What fails is a `StoreError` with the API's code, or `ClientError.MalformedAnswer` where a
 * good answer does not give the parameter: then it was not Parameter Store that answered.
 */
interface SecureString {
  /** The current version, or another; `null` where there is none. */
  get(version?: number): Promise<Version | null>
  isMarked(): Promise<boolean>
  /** Creates it with our mark. */
  create(document: string): Promise<unknown>
  /** The number of the version that holds `to` now; `null` where it does not hold `from` any more. */
  put(from: string, to: string): Promise<number | null>
  /** Adds our mark. */
  mark(): Promise<unknown>
}

function callsTo(
  target: Target,
  { sdk, client, call }: Awaited<ReturnType<typeof connectAws<SSMClient, Action>>>,
): SecureString {
  const { name: Name, options } = target
  const resource = { ResourceType: 'Parameter', ResourceId: Name } as const
  const fields = {
    Name,
    Description: describeSecret(target),
    Type: 'SecureString',
    KeyId: options['kmsKeyId'],
    ...(options['tier'] !== undefined && { Tier: options['tier'] as 'Standard' }),
  } as const
  const current = new sdk.GetParameterCommand({ Name, WithDecryption: true })
  return {
    async get(version) {
      const asked =
        version === undefined
          ? current
          : new sdk.GetParameterCommand({ Name: `${Name}:${version}`, WithDecryption: true })
      try {
        const { Parameter } = await call('GetParameter', (until) => client.send(asked, until))
        return readVersion(Parameter, target)
      } catch (error) {
        if (isStoreError(error, 'ParameterNotFound') || isStoreError(error, 'ParameterVersionNotFound'))
          return null
        throw error
      }
    },

    async isMarked() {
      const command = new sdk.ListTagsForResourceCommand(resource)
      const { TagList } = await call('ListTagsForResource', (until) => client.send(command, until))
      return isMarked(target, TagList)
    },

    async create(document) {
      const command = new sdk.PutParameterCommand({ ...fields, Value: document, Tags: ownTags(target) })
      const { Version } = await call('PutParameter', (until) => client.send(command, until))
      if (Version !== 1) throw malformed('PutParameter', target, 'it should name the first version')
    },

    async put(from, to) {
      const command = new sdk.PutParameterCommand({ ...fields, Value: to, Overwrite: true })
      let sent = false
      const answer = await call('PutParameter', async (until) => {
        // An attempt before may have taken effect though its answer was lost, and somebody may have written since.
        if (sent) {
          const { Value, Version } = (await client.send(current, until)).Parameter ?? {}
          if (Value === to) return { Version }
          if (Value !== from) return null
        }
        sent = true
        return client.send(command, until)
      })
      if (answer === null) return null
      const { Version } = answer
      if (isNumber(Version)) return Version
      throw malformed('PutParameter', target, 'it should name the version that was put')
    },

    mark() {
      const command = new sdk.AddTagsToResourceCommand({ ...resource, Tags: ownTags(target) })
      return call('AddTagsToResource', (until) => client.send(command, until))
    },
  }
}

/** AWS keeps no empty value, so an answer without one is not about the value. */
function readVersion({ Name, Type, Value, Version }: Parameter = {}, target: Target): Version {
  if (Name === target.name && Type && Value && isNumber(Version))
    return { type: Type, value: Value, version: Version }
  throw malformed(
    'GetParameter',
    target,
    'it should give the parameter with its type, value and version, so it is not of AWS; check AWS_ENDPOINT_URL and proxies',
  )
}

function isNumber(version: number | undefined): version is number {
  return version !== undefined && version > 0
}

const advice: AwsService<SSMClient, Action>['advice'] = [
  [/^InvalidKeyId$/, 'check that the KMS key exists, is enabled and may be used'],
  [
    /^ParameterMaxVersionLimitExceeded$/,
    'the oldest of its hundred versions has a label, so AWS drops none; move that label to a newer version',
  ],
  [/^ParameterLimitExceeded$/, 'the region has as many parameters as AWS allows; delete some'],
  [
    /^(InvalidResourceId|Parameter(AlreadyExists|NotFound))$/,
    'somebody else changed the parameter meanwhile; the next run goes on from there',
  ],
]

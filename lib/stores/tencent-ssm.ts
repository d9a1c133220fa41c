import { StoreError, TencentError } from '../errors.ts'
import { quotes } from '../foreign.ts'
import {
  mark,
  type Reading,
  type Store,
  type StoreDependencies,
  type StoreKind,
  type Target,
} from './store.ts'

/**
 * `tencent-ssm:NAME?region=…&version=…`: Tencent Cloud Secrets Manager (SSM, 2019-09-23). A secret exists in one region.
 * Custom secrets have no label for the current version, so the document lives under one fixed version, by default
 * `current`, and the value before it under `previous`: two of the ten versions that a secret may have.
 *
 * The mark is a description that starts with `vod-aigc-tokens`. Taken over are only secrets of which nothing gets lost:
 * not those that hold binary content, nor those with a version `previous` of their own.
 *
 * Needs `ssm:DescribeSecret`, `GetSecretValue`, `ListSecretVersionIds`, `UpdateSecret` and `PutSecretValue`;
 * `CreateSecret` where the secret does not exist yet; `UpdateDescription` to take one over.
 * https://www.tencentcloud.com/document/product/1078
 */
export const tencentSsm: StoreKind = { options: ['region', 'version'], check, open }

const api = { service: 'ssm', version: '2019-09-23' } as const

/** Where the value before the current one is kept. */
const previous = 'previous'

const description = `${mark}: Tencent Cloud VOD AIGC API tokens, mirrored`
const longestDescription = 2048

function check({ name, options }: Target): string[] {
  const problems: string[] = []
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(name)) {
    problems.push('the name should be 1 to 128 of A-Z a-z 0-9 _ - and start with a letter or digit')
  }
  const { region, version } = options
  if (region !== undefined && !/^[a-z]+(-[a-z]+)+(-\d+)?$/.test(region)) {
    problems.push('region should be a Tencent Cloud region, such as ap-singapore')
  }
  if (version !== undefined && (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(version) || version === previous)) {
    problems.push(
      `version should be 1 to 64 of A-Z a-z 0-9 _ . -, start with a letter or digit, and not be "${previous}"`,
    )
  }
  return problems
}

function open(target: Target, lend: StoreDependencies): Store {
  const { region, version = 'current' } = target.options
  const call = lend.tencent({ ...api, ...(region !== undefined && { region }) })
  /** `values`: what no error of its calls may hold. */
  const secretUntil = (deadline: number, values: readonly string[]): Secret => ({
    target,
    version,
    async call(action, parameters = {}) {
      try {
        return await call(action, { SecretName: target.name, ...parameters }, deadline)
      } catch (error) {
        throw failure(action, target, error, values)
      }
    },
  })
  return {
    read: (deadline) => read(secretUntil(deadline, [])),
    write(document, _, seen, deadline) {
      const values = seen.state === 'value' ? [document, seen.value] : [document]
      return write(secretUntil(deadline, values), document, seen)
    },
  }
}

/** The API's actions on one secret. What fails is a `StoreError` with the API's code. */
interface Secret {
  readonly target: Target
  /** The version that readers get. */
  readonly version: string
  call(
    action: Action,
    parameters?: Readonly<Record<string, unknown>>,
  ): Promise<Readonly<Record<string, unknown>>>
}

type Action =
  | 'CreateSecret'
  | 'DescribeSecret'
  | 'GetSecretValue'
  | 'ListSecretVersionIds'
  | 'PutSecretValue'
  | 'UpdateDescription'
  | 'UpdateSecret'

async function read(secret: Secret): Promise<Reading> {
  const described = await unlessNotFound(secret.call('DescribeSecret'))
  if (described === null) return { state: 'absent' }
  const reason = whyUnavailable(described)
  if (reason !== null) return { state: 'unavailable', reason }
  const marked = isMarked(described)
  const content = await contentOf(secret)
  if (content?.text === null) return { state: 'unavailable', reason: binaryReason }
  if (content !== null) return { state: 'value', marked, value: content.text }
  const versions = await listVersions(secret)
  // A version that has not spread yet must not pass for none.
  if (versions.includes(secret.version)) {
    throw failed(
      secret,
      'ValueNotFound',
      `Calling GetSecretValue for ${secret.target.uri}: no version "${secret.version}", though ListSecretVersionIds ` +
        'lists it; the next run looks again',
      true,
    )
  }
  // Somebody else's secret has other versions, and then it is not ours to fill.
  return marked || versions.length === 0 ? { state: 'empty', marked } : { state: 'value', marked, value: '' }
}

async function write(secret: Secret, document: string, seen: Reading): Promise<void> {
  if (seen.state === 'unavailable') {
    throw failed(secret, 'Unavailable', `Writing ${secret.target.uri}: ${seen.reason}`)
  }
  if (seen.state === 'absent') return create(secret, document)
  // The mark first: a run that dies in between would otherwise leave our value without it, and later runs leave an
  // unchanged value alone.
  if (!seen.marked) await takeOver(secret)
  // The value before comes first, so that a run that dies in between has lost nothing.
  if (seen.state === 'value' && seen.value !== '' && seen.value !== document) {
    await put(secret, previous, seen.value)
  }
  await put(secret, secret.version, document)
}

async function create(secret: Secret, document: string): Promise<void> {
  try {
    await secret.call('CreateSecret', {
      VersionId: secret.version,
      Description: description,
      SecretType: 0,
      SecretString: document,
    })
  } catch (error) {
    if (!isStoreError(error, 'ResourceInUse')) throw error
    // Either somebody else made it meanwhile, or a first answer was lost and this was the repetition.
    if ((await contentOf(secret))?.text !== document) throw error
  }
}

/** Puts the mark in front of the description. Throws when `previous` is somebody else's. */
async function takeOver(secret: Secret): Promise<void> {
  // In this order: a run that took it over meanwhile has put the mark there before its `previous`.
  const versions = await listVersions(secret)
  const described = await secret.call('DescribeSecret')
  if (isMarked(described)) return
  if (versions.includes(previous)) {
    throw failed(
      secret,
      'PreviousExists',
      `Taking over ${secret.target.uri}: the secret has a version "${previous}" of its own, which would be ` +
        'overwritten; delete that version (DeleteSecretVersion) if nobody needs it, or choose another name',
    )
  }
  const before = String(described['Description'] ?? '')
  const marked = before === '' ? description : `${description}; before: ${before}`
  // The limit counts bytes; a character that is cut in two is dropped.
  const fitting = new TextDecoder().decode(new TextEncoder().encode(marked).slice(0, longestDescription))
  await secret.call('UpdateDescription', { Description: fitting.replace(/\ufffd+$/, '') })
}

/** Makes `value` the content of a version, which exists or not. */
async function put(secret: Secret, VersionId: string, value: string): Promise<void> {
  const content = { VersionId, SecretString: value }
  if ((await unlessNotFound(secret.call('UpdateSecret', content))) !== null) return
  try {
    await secret.call('PutSecretValue', content)
  } catch (error) {
    if (!isStoreError(error, 'ResourceInUse')) throw error
    await secret.call('UpdateSecret', content)
  }
}

/** What readers get: `text` is `null` for binary content. `null` when there is no such version. */
async function contentOf(secret: Secret): Promise<{ readonly text: string | null } | null> {
  const found = await unlessNotFound(secret.call('GetSecretValue', { VersionId: secret.version }))
  if (found === null) return null
  // Answers may carry both, one of them empty.
  const { SecretString: text, SecretBinary: base64 } = found
  if (typeof text === 'string' && text !== '') return { text }
  if (typeof base64 === 'string' && base64 !== '') return { text: null }
  throw malformed(
    secret,
    'GetSecretValue',
    'one of "SecretString" and "SecretBinary" should be a filled string',
  )
}

async function listVersions(secret: Secret): Promise<string[]> {
  const { Versions: versions } = await secret.call('ListSecretVersionIds')
  const ids = Array.isArray(versions) ? versions.map((version) => version?.VersionId) : [undefined]
  if (ids.every((id) => typeof id === 'string')) return ids
  throw malformed(
    secret,
    'ListSecretVersionIds',
    '"Versions" should be an array of objects with a "VersionId"',
  )
}

function isMarked({ Description: text }: Readonly<Record<string, unknown>>): boolean {
  return typeof text === 'string' && text.startsWith(mark)
}

// Beside the document only text is kept, as `previous`.
const binaryReason =
  'the secret holds binary content, which the mirror would not keep; put text there (UpdateSecret), or choose another name'

/** Why the secret is left alone, and what to do about it; `null` when nothing is in the way. */
function whyUnavailable(described: Readonly<Record<string, unknown>>): string | null {
  const { Status: status, SecretType: type, RotationStatus: rotation } = described
  if (status === 'PendingDelete') {
    return 'the secret is scheduled for deletion; restore it (RestoreSecret) and enable it, or choose another name'
  }
  if (status === 'Disabled') return 'the secret is disabled; enable it (EnableSecret), or choose another name'
  if (status === 'Creating') return 'the secret is still being created; the next run looks again'
  if (status === 'Failed') return 'the creation of the secret failed; delete it, or choose another name'
  if (status !== 'Enabled')
    return 'the secret is in a state that this mirror does not know; look at it in the console'
  if (typeof type === 'number' && type !== 0)
    return 'the secret belongs to another Tencent product; choose another name'
  // A boolean here, a number in the list of secrets.
  if (rotation === true || rotation === 1) {
    return 'the secret is rotated by Tencent, which would overwrite the mirror; turn that off, or choose another name'
  }
  return null
}

async function unlessNotFound<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (isStoreError(error, 'ResourceNotFound')) return null
    throw error
  }
}

/** Whether an error has this code or one of its family. */
function isStoreError(error: unknown, family: string): boolean {
  return error instanceof StoreError && `${error.code}.`.startsWith(`${family}.`)
}

function failed({ target }: Secret, code: string, message: string, retryable = false): StoreError {
  return new StoreError(code, message, target.uri, retryable)
}

function malformed(secret: Secret, action: Action, what: string): StoreError {
  return failed(secret, 'MalformedAnswer', `Calling ${action} for ${secret.target.uri}: ${what}`)
}

function failure(action: Action, target: Target, error: unknown, values: readonly string[]): unknown {
  if (!(error instanceof TencentError)) return error
  const { code, message, retryable } = error
  const told = values.some((value) => quotes(message, value)) ? code : message
  const advice = adviceOn(code)
  return new StoreError(
    code,
    `Calling ${action} for ${target.uri}: ${told}${advice === '' ? '' : `; ${advice}`}`,
    target.uri,
    retryable,
  )
}

/** What to do, where the client's own message does not say it. */
function adviceOn(code: string): string {
  switch (code) {
    case 'ResourceUnavailable.NotPurchased':
      return 'switch Secrets Manager on in the Tencent Cloud console'
    case 'LimitExceeded':
      return 'a secret may have ten versions, two of them for this mirror, and a region a thousand secrets; delete some'
    case 'OperationDenied.AutoRotatedResource':
      return 'turn its rotation off, or choose another name'
    case 'FailedOperation.AccessKmsError':
      return "check that the secret's KMS key is enabled and may be used"
    case 'ResourceInUse.SecretExists':
    case 'ResourceInUse.VersionIdExists':
      return 'somebody else changed the secret meanwhile; the next run goes on from there'
    default:
      return ''
  }
}

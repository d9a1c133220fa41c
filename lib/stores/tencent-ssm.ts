/** Secrets of Tencent Secrets Manager (SSM). */
import { StoreError, TencentError } from '../errors.ts'
import { quotes } from '../foreign.ts'
import { isDocument } from './document.ts'
import { hasOwnForm } from './record.ts'
import {
  contentsOf,
  markOf,
  overtaken,
  type Reading,
  readTags,
  type Store,
  type StoreDependencies,
  type StoreKind,
  type Target,
  tagProblems,
  valuesIn,
} from './store.ts'

/**
 * `tencent-ssm:NAME?region=…&version=…&tags=…`: Tencent Cloud Secrets Manager (SSM, 2019-09-23). A secret exists in one
 * region. `tags`, such as `team=media;env=prod`, are those of a secret that is created.
 * Custom secrets have no label for the current version, so the document lives under one fixed version, by default
 * `current`, and the value before it under `previous`: two of the ten versions that a secret may have.
 *
 * The mark is a description that starts with `vod-aigc-tokens: `. Taken over are only secrets of which nothing gets lost:
 * not those that hold binary content, nor those with a version `previous` of their own.
 *
 * SSM cannot compare and set. So a write is six calls: it looks, keeps the value in `previous`, looks again, writes
 * `current` and looks once more. What somebody else writes within the one call of `current` is lost.
 *
 * Needs `ssm:DescribeSecret`, `GetSecretValue`, `ListSecretVersionIds`, `UpdateSecret` and `PutSecretValue`;
 * `CreateSecret` where the secret does not exist yet; `UpdateDescription` to take one over.
 * https://www.tencentcloud.com/document/product/1078
 */
export const tencentSsm: StoreKind = {
  options: ['region', 'version', 'tags'],
  cloud: 'tencent',
  hasEmpty: true,
  check,
  open,
}

const api = { service: 'ssm', version: '2019-09-23' } as const

/** Where the value before the current one is kept. */
const previous = 'previous'

/** What the description of a secret of ours starts with. */
function markedBy(target: Target): string {
  return `${markOf(target)}: `
}

function describeSecret(target: Target): string {
  return `${markedBy(target)}${contentsOf(target)}`
}

/** In bytes, as the next. */
const longestDescription = 2048
const mostBytes = 32 * 1024

function check({ name, options }: Target): string[] {
  const problems: string[] = []
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(name)) {
    problems.push(
      'the name should be 1 to 128 characters of A-Z a-z 0-9 _ - and start with a letter or digit',
    )
  }
  const { region, version } = options
  if (region !== undefined && !/^[a-z]+(-[a-z]+)+(-\d+)?$/.test(region)) {
    problems.push('region should be a Tencent Cloud region, such as ap-singapore')
  }
  if (version !== undefined && (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(version) || version === previous)) {
    problems.push(
      `version should be 1 to 64 characters of A-Z a-z 0-9 _ . -, start with a letter or digit, and not be "${previous}"`,
    )
  }
  problems.push(...tagProblems(options))
  return problems
}

function open(target: Target, deps: StoreDependencies): Store {
  const { region, version = 'current' } = target.options
  const call = deps.tencent({ ...api, ...(region !== undefined && { region }) })
  /** What the last reading has brought in. */
  let known: readonly string[] = []
  /** `values`: what no error of its calls may hold, besides what is known. */
  const secretUntil = (deadline: number, values: readonly string[]): Secret => ({
    target,
    version,
    async call(action, parameters = {}) {
      let answer: Readonly<Record<string, unknown>>
      try {
        answer = await call(action, { SecretName: target.name, ...parameters }, deadline)
      } catch (error) {
        throw failure(action, target, error, [...values, ...known])
      }
      const { VersionId = answer['VersionId'] } = parameters
      if (answer['SecretName'] === target.name && answer['VersionId'] === VersionId) return answer
      throw malformed(target, action, 'it should name the secret, and the version that was asked for')
    },
  })
  return {
    mostBytes,
    hasMark: true,

    async read(deadline) {
      const reading = await read(secretUntil(deadline, []))
      known = valuesIn(reading)
      return reading
    },
    write: (document, seen, deadline) =>
      write(secretUntil(deadline, [document, ...valuesIn(seen)]), document, seen),
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
  const marked = isMarked(secret.target, described)
  const content = await contentOf(secret, secret.version)
  if (content?.text === null) return { state: 'unavailable', reason: binaryReason }
  if (content !== null) {
    const isDamaged = marked && secret.target.holds === 'document' && !isDocument(content.text)
    const before = isDamaged ? await contentOf(secret, previous) : null
    return {
      state: 'value',
      marked,
      value: content.text,
      ...(before?.text != null && { before: before.text }),
    }
  }
  const versions = await listVersions(secret)
  // A version that has not spread yet must not pass for none.
  if (versions.includes(secret.version)) throw notFoundYet(secret, 'ListSecretVersionIds lists it')
  // Somebody else's secret has other versions, and then it is not ours to fill.
  return marked || versions.length === 0 ? { state: 'empty', marked } : { state: 'value', marked, value: '' }
}

type SeenSecret = Extract<Reading, { readonly marked: boolean }>

async function write(secret: Secret, document: string, seen: Reading): Promise<void> {
  if (seen.state === 'unavailable') {
    throw failed(secret, 'Unavailable', `Writing ${secret.target.uri}: ${seen.reason}`)
  }
  if (seen.state === 'absent') return create(secret, document)
  const value = seen.state === 'value' && seen.value !== '' ? seen.value : null
  if (value === null) return fill(secret, document, seen)
  if (value !== document) await replace(secret, document, value, seen.marked)
  if (seen.marked) await expectValue(secret, document)
  else await addMark(secret, document)
}

async function create(secret: Secret, document: string): Promise<void> {
  const tags = readTags(secret.target.options)
  let created: Readonly<Record<string, unknown>>
  try {
    created = await secret.call('CreateSecret', {
      VersionId: secret.version,
      Description: describeSecret(secret.target),
      SecretType: 0,
      SecretString: document,
      ...(tags.length > 0 && { Tags: tags.map(({ Key, Value }) => ({ TagKey: Key, TagValue: Value })) }),
    })
  } catch (error) {
    if (!isStoreError(error, 'ResourceInUse')) throw error
    // Either somebody else made it meanwhile, or a first answer was lost and this was the repetition.
    if ((await contentOf(secret, secret.version))?.text !== document) throw overtaken(secret.target)
    return
  }
  // Tags that cannot be put do not fail the call.
  if (tags.length > 0 && created['TagCode'] !== 0)
    throw failed(
      secret,
      'TagsNotPut',
      `Creating ${secret.target.uri}: the secret is there, without its tags (TagCode ${readTagCode(created)}); ` +
        'put them there in the console, and check that they exist in the Tag service',
    )
}

function readTagCode({ TagCode }: Readonly<Record<string, unknown>>): string {
  return typeof TagCode === 'number' ? String(TagCode) : 'unknown'
}

/** Writes where there is no version of that name: SSM refuses to put one that exists, so nothing can be replaced. */
async function fill(secret: Secret, document: string, { marked, state }: SeenSecret): Promise<void> {
  // Into a secret without a value the mark goes first: it marks nobody's value, and a run that dies in between would
  // otherwise leave our value without it, which later runs refuse. Everywhere else it follows the value.
  const markFirst = !marked && state === 'empty'
  if (markFirst) await addMark(secret, null)
  if (!marked && !markFirst) await checkPrevious(secret, null)
  try {
    await secret.call('PutSecretValue', { VersionId: secret.version, SecretString: document })
  } catch (error) {
    if (!isStoreError(error, 'ResourceInUse')) throw error
    if ((await contentOf(secret, secret.version))?.text !== document) throw overtaken(secret.target)
  }
  if (!marked && !markFirst) await addMark(secret, document)
}

/** Replaces `value`, which it keeps in `previous`, as far as it is still there. */
async function replace(secret: Secret, document: string, value: string, marked: boolean): Promise<void> {
  if (!marked) await checkPrevious(secret, value)
  await expectValue(secret, value)
  const older = (await contentOf(secret, previous))?.text ?? null
  let sent = false
  try {
    // The value before comes first, so that a run that dies in between has lost nothing.
    if (older !== value) await put(secret, previous, value)
    await expectValue(secret, value)
    sent = true
    await put(secret, secret.version, document)
  } catch (error) {
    // Where no answer came the write may still take effect, and then `previous` is all that is left of the value.
    if (!sent || isAnswered(error)) await restorePrevious(secret, value, older)
    throw error
  }
}

/** While the value is still the current one, what `previous` was is worth more than a second copy of it. */
async function restorePrevious(secret: Secret, value: string, older: string | null): Promise<void> {
  if (older === null || older === value) return
  try {
    await expectValue(secret, value)
    await put(secret, previous, older)
  } catch {
    // What failed before says more.
  }
}

/** Whether an error is SSM's own: those of the client say that no usable answer came. */
function isAnswered(error: unknown): boolean {
  return error instanceof StoreError && !error.code.startsWith('ClientError.')
}

/** Throws when `previous` is somebody else's: not where a run of ours kept `value` there, and died. */
async function checkPrevious(secret: Secret, value: string | null): Promise<void> {
  // Under a document of ours, so is what was before it.
  if (value !== null && hasOwnForm(secret.target, value)) return
  if (!(await listVersions(secret)).includes(previous)) return
  if (value !== null && (await contentOf(secret, previous))?.text === value) return
  throw failed(
    secret,
    'PreviousExists',
    `Taking over ${secret.target.uri}: the secret has a version "${previous}" of its own, which would be ` +
      'overwritten; delete that version (DeleteSecretVersion) if nobody needs it, or choose another name',
  )
}

/** Puts the mark in front of the description, right after a look at the value: that of somebody else gets none. */
async function addMark(secret: Secret, value: string | null): Promise<void> {
  const described = await secret.call('DescribeSecret')
  await (value === null ? expectNone(secret) : expectValue(secret, value))
  if (isMarked(secret.target, described)) return
  const before = String(described['Description'] ?? '')
  const own = describeSecret(secret.target)
  const marked = before === '' ? own : `${own}; before: ${before}`
  // The limit counts bytes. A decoder that waits for more leaves out a character that is cut in two.
  const fitting = new TextEncoder().encode(marked).slice(0, longestDescription)
  await secret.call('UpdateDescription', { Description: new TextDecoder().decode(fitting, { stream: true }) })
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

/** Throws {@link overtaken} when readers get another value. */
async function expectValue(secret: Secret, value: string): Promise<void> {
  const content = await contentOf(secret, secret.version)
  // That there is none any more may only seem so.
  if (content === null) throw notFoundYet(secret, 'it was there before')
  if (content.text !== value) throw overtaken(secret.target)
}

/** Throws {@link overtaken} when there is something for readers, which may not be found yet. */
async function expectNone(secret: Secret): Promise<void> {
  if ((await listVersions(secret)).includes(secret.version)) throw overtaken(secret.target)
}

/** What a version holds: `text` is `null` for binary content. `null` when there is no such version. */
async function contentOf(
  secret: Secret,
  VersionId: string,
): Promise<{ readonly text: string | null } | null> {
  const found = await unlessNotFound(secret.call('GetSecretValue', { VersionId }))
  if (found === null) return null
  // Answers may carry both, one of them empty.
  const { SecretString: text, SecretBinary: base64 } = found
  if (typeof text === 'string' && text !== '') return { text }
  if (typeof base64 === 'string' && base64 !== '') return { text: null }
  throw malformed(
    secret.target,
    'GetSecretValue',
    'one of "SecretString" and "SecretBinary" should be a filled string',
  )
}

async function listVersions(secret: Secret): Promise<string[]> {
  const { Versions: versions } = await secret.call('ListSecretVersionIds')
  const ids = Array.isArray(versions) ? versions.map((version) => version?.VersionId) : [undefined]
  if (ids.every((id) => typeof id === 'string')) return ids
  throw malformed(
    secret.target,
    'ListSecretVersionIds',
    '"Versions" should be an array of objects with a "VersionId"',
  )
}

function isMarked(target: Target, { Description: text }: Readonly<Record<string, unknown>>): boolean {
  return typeof text === 'string' && text.startsWith(markedBy(target))
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

function notFoundYet(secret: Secret, contradiction: string): StoreError {
  const message =
    `Calling GetSecretValue for ${secret.target.uri}: no version "${secret.version}", though ${contradiction}; ` +
    'the next run looks again'
  return failed(secret, 'ValueNotFound', message, true)
}

/** A good answer that does not say what was asked: it is not known whether anything was done. */
function malformed(target: Target, action: Action, what: string): StoreError {
  const message = `Calling ${action} for ${target.uri}: the answer does not say what was asked; ${what}`
  return new StoreError('ClientError.MalformedAnswer', message, target.uri)
}

function failure(action: Action, target: Target, error: unknown, values: readonly string[]): unknown {
  if (!(error instanceof TencentError)) return error
  const { code, brief, retryable, credentials } = error
  const told = values.some((value) => quotes(brief, value)) ? code : brief
  const advice = adviceOn(code)
  return new StoreError(
    code,
    `Calling ${action} for ${target.uri}: ${told}${advice === '' ? '' : `; ${advice}`}`,
    target.uri,
    retryable,
    credentials,
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

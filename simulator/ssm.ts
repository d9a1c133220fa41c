/**
 * SSM (Secrets Manager) 2019-09-23 as far as custom secrets go (https://www.tencentcloud.com/document/product/1078):
 * one account with secrets in several regions. The error codes of each action are those of its own documentation
 * page; where a page leaves the choice, the code is `FailedOperation`.
 */
import {
  type Action,
  ApiError,
  action,
  type Fields,
  missingParameter,
  readParameters,
  type Service,
} from './service.ts'

/** What the account is. */
export interface SsmOptions {
  /** The values of `X-TC-Region` where SSM exists. */
  readonly regions: readonly string[]
  /** Epoch milliseconds. */
  now(): number
}

/** The state of a secret. A custom one gets into `Creating` or `Failed` by {@link Ssm.set} only. */
export type SecretStatus = 'Enabled' | 'Disabled' | 'PendingDelete' | 'Creating' | 'Failed'

/** A secret as the account's owner sees it. */
export interface SecretState {
  readonly SecretName: string
  readonly Description: string
  readonly Status: SecretStatus
  /** Rotated by Tencent, so that nobody else may write it. */
  readonly RotationStatus: boolean
  /** 0 is a custom secret; all others belong to a product, and nobody else may write them. */
  readonly SecretType: number
  /** Epoch seconds; 0 unless the status is `PendingDelete`. */
  readonly DeleteTime: number
  readonly Tags: readonly Tag[]
  /** What its versions hold: text, or binary content in base64. */
  readonly Versions: Readonly<Record<string, string>>
}

/** A tag of a secret. */
export interface Tag {
  readonly TagKey: string
  readonly TagValue: string
}

/** The code of a call that CAM, the access management, does not let through. */
export type Denial = 'UnauthorizedOperation' | 'AuthFailure.UnauthorizedOperation'

/**
 * The account. `service` is what callers see of it; the other members are the operator's hand, which knows no
 * limit and no state that stands in the way. A region, secret or action that does not exist is an {@link ApiError}
 * here too.
 */
export interface Ssm {
  readonly service: Service
  /** Whether the service is switched on; true at first. */
  purchased: boolean
  /** All secrets of a region, oldest first; of those whose time to be deleted has come, none. */
  secrets(region: string): SecretState[]
  /** What the versions of a secret hold, by VersionId. */
  versions(region: string, name: string): SecretState['Versions']
  /** Gives versions this text, new versions too; a secret that does not exist is created, with `{}` an empty one. */
  put(region: string, name: string, versions: Readonly<Record<string, string>>): void
  /** Changes what a secret is. `PendingDelete` is for 30 days. */
  set(
    region: string,
    name: string,
    changes: Partial<Pick<SecretState, 'Description' | 'Status' | 'RotationStatus' | 'SecretType'>>,
  ): void
  /** Refuses an action to a key until {@link allow}, by default with `UnauthorizedOperation`. */
  forbid(secretId: string, action: string, code?: Denial): void
  /** Undoes {@link forbid}. */
  allow(secretId: string, action: string): void
}

interface Secret {
  readonly name: string
  readonly createdAt: number
  readonly tags: readonly Tag[]
  /** What callers set once and Tencent gives back. */
  readonly settings: {
    readonly KmsKeyId: string
    readonly EncryptType: number
    readonly AdditionalConfig: string
  }
  readonly versions: Map<string, Version>
  description: string
  status: SecretStatus
  rotated: boolean
  type: number
  /** Epoch milliseconds; infinity unless it is to be deleted. */
  deletedAt: number
}

interface Version {
  readonly createdAt: number
  readonly content: Content
}

/** As API 3.0 gives it back: both are there, and one of them is empty. */
interface Content {
  readonly SecretString: string
  readonly SecretBinary: string
}

const maxSecretsPerRegion = 1000
const maxVersions = 10
const maxValueBytes = 32 * 1024
const maxDescriptionBytes = 2048
const maxRecoveryDays = 30
const dayMs = 24 * 60 * 60 * 1000
const initialVersion = 'SSM_Current'
const uin = 100_000_000_001
const defaultKey = 'simulator-default-key'

const secretName = { SecretName: 'string' } as const
const versionId = { SecretName: 'string', VersionId: 'string' } as const
const value = { SecretString: 'string?', SecretBinary: 'string?' } as const

/** Opens an account. */
export function createSsm({ regions: names, now }: SsmOptions): Ssm {
  const regions = new Map(names.map((region) => [region, new Map<string, Secret>()]))
  const denials = new Map<string, Denial>()

  const secretsOf = (region: string | undefined): Map<string, Secret> => {
    if (!region) throw missingParameter('Region')
    const secrets = regions.get(region)
    if (!secrets)
      throw new ApiError(
        'UnsupportedRegion',
        `SSM does not exist in \`${region}\`, but in ${names.join(', ')}.`,
      )
    for (const { name, deletedAt } of [...secrets.values()]) if (deletedAt <= now()) secrets.delete(name)
    return secrets
  }
  const find = (region: string | undefined, name: string, code = 'ResourceNotFound'): Secret => {
    const secret = secretsOf(region).get(name)
    if (!secret) throw new ApiError(code, `The secret \`${name}\` does not exist in \`${region}\`.`)
    return secret
  }

  const createSecret = action(
    {
      ...secretName,
      ...value,
      VersionId: 'string?',
      Description: 'string?',
      KmsKeyId: 'string?',
      SecretType: 'uint64?',
      AdditionalConfig: 'string?',
      Tags: 'array?',
      KmsHsmClusterId: 'string?',
      EncryptType: 'uint64?',
    },
    ({ SecretName, VersionId, Description = '', Tags = [], EncryptType = 0, ...input }, { region }) => {
      const id = VersionId || initialVersion
      checkName(SecretName)
      checkVersionId(id)
      checkDescription(Description)
      if (input.SecretType)
        throw invalidValue(
          'SecretType',
          `is ${input.SecretType}`,
          '0, a custom secret, which others do not create',
        )
      if (EncryptType > 1) throw invalidValue('EncryptType', `is ${EncryptType}`, '0 or 1')
      const tags = readTags(Tags)
      const content = readContent(input)
      const secrets = secretsOf(region)
      if (secrets.has(SecretName))
        throw new ApiError('ResourceInUse.SecretExists', `The secret \`${SecretName}\` exists already.`)
      if (secrets.size >= maxSecretsPerRegion)
        throw new ApiError('LimitExceeded', `The region has ${maxSecretsPerRegion} secrets already.`)
      const { KmsKeyId = defaultKey, AdditionalConfig = '' } = input
      secrets.set(SecretName, {
        ...newSecret(SecretName, now()),
        description: Description,
        tags,
        settings: { KmsKeyId, EncryptType, AdditionalConfig },
        versions: new Map([[id, { createdAt: now(), content }]]),
      })
      return { SecretName, VersionId: id, TagCode: 0, TagMsg: '' }
    },
  )

  const putSecretValue = action(
    { ...versionId, ...value },
    ({ SecretName, VersionId, ...input }, { region }) => {
      const content = readContent(input)
      checkVersionId(VersionId)
      const { versions } = writable(find(region, SecretName))
      if (versions.has(VersionId))
        throw new ApiError('ResourceInUse.VersionIdExists', `The version \`${VersionId}\` exists already.`)
      if (versions.size >= maxVersions)
        throw new ApiError('LimitExceeded', `The secret has ${maxVersions} versions already.`)
      versions.set(VersionId, { createdAt: now(), content })
      return { SecretName, VersionId }
    },
  )

  const updateSecret = action(
    { ...versionId, ...value },
    ({ SecretName, VersionId, ...input }, { region }) => {
      const content = readContent(input)
      const { versions } = writable(find(region, SecretName))
      const { createdAt } = versionOf(versions, VersionId)
      versions.set(VersionId, { createdAt, content })
      return { SecretName, VersionId }
    },
  )

  const getSecretValue = action(versionId, ({ SecretName, VersionId }, { region }) => {
    const { status, versions } = find(region, SecretName, 'ResourceNotFound.SecretNotExist')
    if (status !== 'Enabled')
      throw new ApiError(
        `ResourceUnavailable.${unavailable[status]}`,
        `The secret is \`${status}\` and must be \`Enabled\`.`,
      )
    return { SecretName, VersionId, ...versionOf(versions, VersionId).content }
  })

  const deleteSecretVersion = action(versionId, ({ SecretName, VersionId }, { region }) => {
    const secret = find(region, SecretName)
    checkCustom(secret)
    versionOf(secret.versions, VersionId)
    secret.versions.delete(VersionId)
    return { SecretName, VersionId }
  })

  const describeSecret = action(secretName, ({ SecretName }, { region }) => {
    const secret = find(region, SecretName)
    const { Description, Status, RotationStatus, SecretType, DeleteTime } = stateOf(secret)
    return {
      SecretName,
      Description,
      ...secret.settings,
      CreateUin: uin,
      CreateUinString: String(uin),
      Status,
      DeleteTime,
      CreateTime: seconds(secret.createdAt),
      SecretType,
      ProductName: '',
      ResourceID: '',
      RotationStatus,
      RotationFrequency: 0,
      ResourceName: '',
      ProjectID: 0,
      AssociatedInstanceIDs: [],
      TargetUin: 0,
      TargetUinString: '',
      EncryptSwitching: false,
    }
  })

  const listSecretVersionIds = action(secretName, ({ SecretName }, { region }) => {
    const { versions } = find(region, SecretName)
    const list = [...versions].map(([VersionId, { createdAt }]) => ({
      VersionId,
      CreateTime: seconds(createdAt),
    }))
    return { SecretName, Versions: list }
  })

  const updateDescription = action({ ...secretName, Description: 'string' }, (input, { region }) => {
    const { SecretName, Description } = input
    checkDescription(Description)
    checkStatus(find(region, SecretName), 'Enabled', 'Disabled').description = Description
    return { SecretName }
  })

  const deleteSecret = action(
    { ...secretName, RecoveryWindowInDays: 'uint64?', CleanSSHKey: 'boolean?' },
    ({ SecretName, RecoveryWindowInDays: days = 0 }, { region }) => {
      if (days > maxRecoveryDays)
        throw invalidValue('RecoveryWindowInDays', `is ${days}`, `at most ${maxRecoveryDays}`)
      const secret = checkStatus(find(region, SecretName), 'Disabled')
      secret.status = 'PendingDelete'
      secret.deletedAt = now() + days * dayMs
      return { SecretName, DeleteTime: seconds(secret.deletedAt) }
    },
  )

  const restoreSecret = action(secretName, ({ SecretName }, { region }) => {
    setStatus(checkStatus(find(region, SecretName), 'PendingDelete'), 'Disabled')
    return { SecretName }
  })

  const enableSecret = action(secretName, ({ SecretName }, { region }) => {
    setStatus(checkStatus(find(region, SecretName), 'Enabled', 'Disabled'), 'Enabled')
    return { SecretName }
  })

  const disableSecret = action(secretName, ({ SecretName }, { region }) => {
    setStatus(checkStatus(find(region, SecretName), 'Enabled', 'Disabled'), 'Disabled')
    return { SecretName }
  })

  const setStatus = (secret: Secret, status: SecretStatus): void => {
    secret.status = status
    secret.deletedAt = status === 'PendingDelete' ? now() + maxRecoveryDays * dayMs : Number.POSITIVE_INFINITY
  }

  /** An action behind what every one asks: a region, the right to call it, and a service that is switched on. */
  const guard = (name: string, run: Action): Action => {
    return (body, caller) => {
      secretsOf(caller.region)
      const denial = denials.get(`${caller.secretId} ${name}`)
      if (denial) throw new ApiError(denial, `The key has no permission for \`ssm:${name}\`.`)
      if (!ssm.purchased)
        throw new ApiError('ResourceUnavailable.NotPurchased', 'SSM is not switched on in this account.')
      return run(body, caller)
    }
  }
  const actions: Readonly<Record<string, Action>> = {
    CreateSecret: createSecret,
    PutSecretValue: putSecretValue,
    UpdateSecret: updateSecret,
    GetSecretValue: getSecretValue,
    DescribeSecret: describeSecret,
    ListSecretVersionIds: listSecretVersionIds,
    DeleteSecretVersion: deleteSecretVersion,
    DeleteSecret: deleteSecret,
    RestoreSecret: restoreSecret,
    EnableSecret: enableSecret,
    DisableSecret: disableSecret,
    UpdateDescription: updateDescription,
  }
  const rule = (secretId: string, name: string): string => {
    if (!Object.hasOwn(actions, name))
      throw new ApiError(
        'InvalidAction',
        `SSM has no action \`${name}\`, but ${Object.keys(actions).join(', ')}.`,
      )
    return `${secretId} ${name}`
  }

  const ssm: Ssm = {
    service: {
      name: 'ssm',
      version: '2019-09-23',
      callsPerSecond: (name) => (name === 'UpdateSecret' ? 50 : 100),
      actions: new Map(Object.entries(actions).map(([name, run]) => [name, guard(name, run)])),
    },
    purchased: true,
    secrets: (region) => [...secretsOf(region).values()].map(stateOf),
    versions: (region, name) => stateOf(find(region, name)).Versions,
    put: (region, name, versions) => {
      const secrets = secretsOf(region)
      const secret = secrets.get(name) ?? newSecret(name, now())
      for (const [id, SecretString] of Object.entries(versions)) {
        const { createdAt } = secret.versions.get(id) ?? { createdAt: now() }
        secret.versions.set(id, { createdAt, content: { SecretString, SecretBinary: '' } })
      }
      secrets.set(name, secret)
    },
    set: (region, name, { Description, Status, RotationStatus, SecretType }) => {
      const secret = find(region, name)
      if (Description !== undefined) secret.description = Description
      if (RotationStatus !== undefined) secret.rotated = RotationStatus
      if (SecretType !== undefined) secret.type = SecretType
      if (Status !== undefined) setStatus(secret, Status)
    },
    forbid: (secretId, name, code = 'UnauthorizedOperation') => {
      denials.set(rule(secretId, name), code)
    },
    allow: (secretId, name) => {
      denials.delete(rule(secretId, name))
    },
  }
  return ssm
}

/** Why the content of a secret is not to be had: the second half of `ResourceUnavailable.…`. */
const unavailable: { readonly [S in Exclude<SecretStatus, 'Enabled'>]: string } = {
  Disabled: 'ResourceDisabled',
  PendingDelete: 'ResourcePendingDeleted',
  Creating: 'ResourceUninitialized',
  Failed: 'ResourceUninitialized',
}

function newSecret(name: string, createdAt: number): Secret {
  return {
    name,
    createdAt,
    tags: [],
    settings: { KmsKeyId: defaultKey, EncryptType: 0, AdditionalConfig: '' },
    versions: new Map(),
    description: '',
    status: 'Enabled',
    rotated: false,
    type: 0,
    deletedAt: Number.POSITIVE_INFINITY,
  }
}

function stateOf(secret: Secret): SecretState {
  return {
    SecretName: secret.name,
    Description: secret.description,
    Status: secret.status,
    RotationStatus: secret.rotated,
    SecretType: secret.type,
    DeleteTime: secret.status === 'PendingDelete' ? seconds(secret.deletedAt) : 0,
    Tags: secret.tags,
    Versions: Object.fromEntries(
      [...secret.versions].map(([id, { content }]) => [id, content.SecretString || content.SecretBinary]),
    ),
  }
}

function checkName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(name))
    throw invalidValue(
      'SecretName',
      `is \`${name}\``,
      '1 to 128 letters, digits, - and _, the first a letter or digit',
    )
}

function checkVersionId(id: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(id))
    throw invalidValue(
      'VersionId',
      `is \`${id}\``,
      '1 to 64 letters, digits, -, _ and ., the first a letter or digit',
    )
}

function checkDescription(description: string): void {
  const bytes = Buffer.byteLength(description)
  if (bytes > maxDescriptionBytes)
    throw invalidValue('Description', `has ${bytes} bytes`, `at most ${maxDescriptionBytes} bytes`)
}

function readTags(tags: readonly unknown[]): Tag[] {
  const read = tags.map((tag) => {
    if (typeof tag !== 'object' || tag === null)
      throw new ApiError(
        'InvalidParameter',
        'The parameter `Tags` has something that is no object with a TagKey.',
      )
    return readParameters({ TagKey: 'string', TagValue: 'string' }, tag as Fields)
  })
  if (new Set(read.map(({ TagKey }) => TagKey)).size < read.length)
    throw new ApiError('InvalidParameterValue.TagKeysDuplicated', 'The parameter `Tags` has a key twice.')
  return read
}

/** The one of the two that is set; an empty one counts as not set. */
function readContent(input: { readonly SecretString?: string; readonly SecretBinary?: string }): Content {
  const { SecretString = '', SecretBinary = '' } = input
  if ((SecretString === '') === (SecretBinary === ''))
    throw new ApiError(
      'InvalidParameterValue',
      `The parameters \`SecretString\` and \`SecretBinary\` are both ${SecretString ? 'set' : 'empty'}; exactly one must be set.`,
    )
  if (Buffer.from(SecretBinary, 'base64').toString('base64') !== SecretBinary)
    throw invalidValue('SecretBinary', 'is something else', 'base64')
  const bytes = Buffer.byteLength(SecretString || SecretBinary)
  if (bytes > maxValueBytes)
    throw invalidValue(
      SecretString ? 'SecretString' : 'SecretBinary',
      `has ${bytes} bytes`,
      `at most ${maxValueBytes} bytes`,
    )
  return { SecretString, SecretBinary }
}

function invalidValue(name: string, is: string, should: string): ApiError {
  return new ApiError('InvalidParameterValue', `The parameter \`${name}\` ${is} and must be ${should}.`)
}

/** The secret, if its content may be changed from outside. */
function writable(secret: Secret): Secret {
  checkStatus(secret, 'Enabled', 'Disabled')
  if (secret.rotated)
    throw new ApiError(
      'OperationDenied.AutoRotatedResource',
      'The secret is rotated automatically; it must not be changed by hand.',
    )
  checkCustom(secret)
  return secret
}

function checkCustom({ type }: Secret): void {
  if (type !== 0)
    throw new ApiError('FailedOperation', `The type of the secret is ${type} and must be 0, a custom secret.`)
}

function checkStatus(secret: Secret, ...good: readonly SecretStatus[]): Secret {
  if (!good.includes(secret.status))
    throw new ApiError(
      'FailedOperation',
      `The secret is \`${secret.status}\` and must be \`${good.join('` or `')}\`.`,
    )
  return secret
}

function versionOf(versions: ReadonlyMap<string, Version>, id: string): Version {
  const version = versions.get(id)
  if (!version) throw new ApiError('ResourceNotFound', `The secret has no version \`${id}\`.`)
  return version
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}

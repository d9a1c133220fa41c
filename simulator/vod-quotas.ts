/**
 * VOD's AIGC quotas (https://www.tencentcloud.com/document/product/266/81192): how much an application may have made of
 * pictures and films, and a token of text. Nothing is used up here by itself; {@link Quotas.set} says what was used.
 */
import { type Action, ApiError, action } from './service.ts'

const quotaTypes = ['Image', 'Video', 'Text'] as const

/** Counted in pictures, seconds and tokens (of text). */
export type QuotaType = (typeof quotaTypes)[number]

/** Which quota. `ApiToken` goes with `Text` only. */
export interface QuotaKey {
  readonly SubAppId: number
  readonly QuotaType: QuotaType
  readonly ApiToken?: string
}

/** A quota that exists, is listed, or both. A changed one is two of these until the list has caught up. */
export interface QuotaState extends QuotaKey {
  readonly QuotaLimit: number
  readonly Usage: number
  readonly Exists: boolean
  readonly Listed: boolean
}

/**
 * The operator's hand: it waits for no token to be old enough, and may limit the text of a whole application. An
 * application, a token or a quota that does not exist is an {@link ApiError} here too.
 */
export interface Quotas {
  /**
   * Creates a quota, or changes it. `Usage` is what was used so far, listed at once; by default it stays what it was, in a
   * new quota 0.
   */
  set(quota: QuotaKey & { readonly QuotaLimit: number; readonly Usage?: number }): void
  delete(quota: QuotaKey): void
  /** Every quota of the account that exists or is listed. */
  states(): QuotaState[]
}

/** What quotas know of the account. */
export interface QuotaOptions {
  /** How far the list trails behind the truth at present, in milliseconds. */
  lagMs(): number
  /** Epoch milliseconds. */
  now(): number
  /** Throws for an application that does not exist. */
  requireApplication(subAppId: number): void
  /** Throws for a token that does not exist in its application, or was created after `createdUntil`. */
  requireToken(subAppId: number, token: string, createdUntil: number): void
}

/** A quota as it was for a time; a change of its limit ends one version and begins another. */
interface Version {
  readonly key: QuotaKey
  readonly limit: number
  /** What was used, shared by all versions since the quota was created. */
  readonly usage: { amount: number }
  readonly from: number
  until: number
}

/** Opens an account without quotas: what callers may do, what the operator may, and what becomes of a deleted token's. */
export function createQuotas({ lagMs, now, requireApplication, requireToken }: QuotaOptions): {
  readonly actions: ReadonlyMap<string, Action>
  readonly quotas: Quotas
  deleteOfToken(subAppId: number, token: string): void
} {
  const versions: Version[] = []
  const versionsAt = (at: number): Version[] => versions.filter(({ from, until }) => from <= at && at < until)
  const listed = (): Version[] => versionsAt(now() - lagMs())
  const find = (key: QuotaKey): Version | undefined =>
    versionsAt(now()).find((version) => isSame(version.key, key))
  const findExisting = (key: QuotaKey): Version => {
    const found = find(key)
    if (!found) throw invalid('The quota does not exist.')
    return found
  }
  const begin = (key: QuotaKey, limit: number, usage = { amount: 0 }): void => {
    versions.push({ key, limit, usage, from: now(), until: Number.POSITIVE_INFINITY })
  }
  const end = (version: Version): void => {
    version.until = now()
  }
  const change = (version: Version, limit: number): void => {
    end(version)
    begin(version.key, limit, version.usage)
  }

  /** The quota that a call is about. */
  const readKey = (input: { SubAppId: number; QuotaType: string; ApiToken?: string }): QuotaKey => {
    const { SubAppId, QuotaType, ApiToken } = input
    requireApplication(SubAppId)
    const type = readQuotaType(QuotaType)
    if (type !== 'Text' && ApiToken !== undefined)
      throw invalid('The `ApiToken` goes with the `QuotaType` Text only.')
    return { SubAppId, QuotaType: type, ...(ApiToken !== undefined && { ApiToken }) }
  }
  const readOne: typeof readKey = (input) => {
    const key = readKey(input)
    if (key.QuotaType === 'Text' && key.ApiToken === undefined)
      throw invalid('The `QuotaType` Text needs an `ApiToken`.')
    return key
  }
  const whichQuota = { SubAppId: 'uint64', QuotaType: 'string', ApiToken: 'string?' } as const

  const createAigcQuota = action({ ...whichQuota, QuotaLimit: 'uint64' }, ({ QuotaLimit, ...input }) => {
    const key = readOne(input)
    if (key.ApiToken !== undefined) requireToken(key.SubAppId, key.ApiToken, now() - lagMs())
    if (find(key)) throw invalid('The quota exists already.')
    begin(key, QuotaLimit)
    return {}
  })
  const modifyAigcQuota = action({ ...whichQuota, QuotaLimit: 'uint64' }, ({ QuotaLimit, ...input }) => {
    change(findExisting(readOne(input)), QuotaLimit)
    return {}
  })
  const deleteAigcQuota = action(whichQuota, (input) => {
    end(findExisting(readOne(input)))
    return {}
  })
  const describeAigcQuotas = action(
    { ...whichQuota, Limit: 'uint64?', Offset: 'uint64?' },
    ({ Limit = 10, Offset = 0, ...input }) => {
      const wanted = readKey(input)
      if (Limit < 1 || Limit > 100) throw invalid('The `Limit` must be from 1 to 100.')
      const all = listed().filter(
        ({ key }) => isSame(key, wanted) || (wanted.ApiToken === undefined && isSibling(key, wanted)),
      )
      return {
        QuotaSet: all.slice(Offset, Offset + Limit).map(({ key, limit, usage }) => ({
          QuotaType: key.QuotaType,
          ...(key.ApiToken !== undefined && { ApiToken: key.ApiToken }),
          QuotaLimit: limit,
          Usage: usage.amount,
        })),
        TotalCount: all.length,
      }
    },
  )

  return {
    actions: new Map([
      ['CreateAigcQuota', createAigcQuota],
      ['ModifyAigcQuota', modifyAigcQuota],
      ['DeleteAigcQuota', deleteAigcQuota],
      ['DescribeAigcQuotas', describeAigcQuotas],
    ]),
    quotas: {
      set: ({ QuotaLimit, Usage, ...input }) => {
        const key = readKey(input)
        if (key.ApiToken !== undefined) requireToken(key.SubAppId, key.ApiToken, now())
        const found = find(key)
        if (!found) return begin(key, QuotaLimit, { amount: Usage ?? 0 })
        if (Usage !== undefined) found.usage.amount = Usage
        if (QuotaLimit !== found.limit) change(found, QuotaLimit)
      },
      delete: (key) => end(findExisting(readKey(key))),
      states: () => {
        const exist = new Set(versionsAt(now()))
        const list = new Set(listed())
        return versions
          .filter((version) => exist.has(version) || list.has(version))
          .map((version) => ({
            ...version.key,
            QuotaLimit: version.limit,
            Usage: version.usage.amount,
            Exists: exist.has(version),
            Listed: list.has(version),
          }))
      },
    },
    deleteOfToken: (subAppId, token) => {
      for (const version of versionsAt(now()))
        if (version.key.SubAppId === subAppId && version.key.ApiToken === token) end(version)
    },
  }
}

/** Throws `InvalidParameterValue` for any other text. */
export function readQuotaType(value: string): QuotaType {
  const type = quotaTypes.find((type) => type === value)
  if (!type) throw invalid(`The \`QuotaType\` is \`${value}\` and must be one of ${quotaTypes.join(', ')}.`)
  return type
}

/** Of the same application and type. */
function isSibling(one: QuotaKey, other: QuotaKey): boolean {
  return one.SubAppId === other.SubAppId && one.QuotaType === other.QuotaType
}

function isSame(one: QuotaKey, other: QuotaKey): boolean {
  return isSibling(one, other) && one.ApiToken === other.ApiToken
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterValue', message)
}

/**
 * VOD 2018-07-17 as far as AIGC tokens go (https://www.tencentcloud.com/document/product/266/78285): one account
 * with applications and their tokens, and a list that trails behind the truth.
 */
import { randomInt } from 'node:crypto'
import { ApiError, action, type Fields, parseObject, type Service } from './service.ts'
import { createQuotas, type Quotas } from './vod-quotas.ts'

/** What the account is and how the list behaves. */
export interface VodOptions {
  /** At least one; the first is the default application. */
  readonly applications: readonly Application[]
  /** An account from before 2023-12-25: the list may be read without `SubAppId`. */
  readonly legacyAccount: boolean
  /** Whether the list carries `ExtInfos`, which older servers do not send. */
  readonly extInfos: boolean
  /** How far the list trails behind the truth at present, in milliseconds. */
  lagMs(): number
  /** Epoch milliseconds. */
  now(): number
}

/** A VOD application, and the tokens it has had for ever. */
export interface Application {
  readonly subAppId: number
  readonly tokens?: readonly string[]
}

/** A token that exists, is listed, or both. */
export interface TokenState {
  readonly SubAppId: number
  readonly ApiToken: string
  /** JSON text, such as `{"ip":{"127.0.0.1":true}}`; the list may show an older one still. */
  readonly ExtInfo: string
  readonly Exists: boolean
  readonly Listed: boolean
}

/**
 * The account. `service` is what callers see of it; the other members are the operator's hand, which knows no
 * cap and no waiting time, but an application that does not exist is an {@link ApiError} here too.
 */
export interface Vod {
  readonly service: Service
  /** Creates a token, by default of 32 random letters and digits, and returns it. */
  create(subAppId?: number, token?: string, extInfo?: string): string
  /** Replaces the ExtInfo of a token by any text. */
  update(subAppId: number, token: string, extInfo: string): void
  /** Deletes a token, and its quota. */
  delete(subAppId: number, token: string): void
  readonly quotas: Quotas
  /** The application of a token that was made by `madeUntil` and not deleted by `deletedFrom`, epoch milliseconds; else null. */
  findApplication(token: string, times: { madeUntil: number; deletedFrom: number }): number | null
  /** The tokens that exist now, listed or not. */
  list(subAppId: number): string[]
  /** Every token of the account that exists or is listed. */
  states(): TokenState[]
}

interface Token {
  readonly subAppId: number
  readonly token: string
  /** Oldest first, never empty. */
  readonly extInfos: { readonly text: string; readonly from: number }[]
  readonly createdAt: number
  deletedAt: number
}

const maxTokensPerAccount = 50
const alphanumerics = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Opens an account. */
export function createVod({ applications, legacyAccount, extInfos, lagMs, now }: VodOptions): Vod {
  const [first] = applications
  if (!first) throw new TypeError('Opening a VOD account: it needs at least one application')

  const tokens = applications.flatMap(({ subAppId, tokens = [] }) =>
    tokens.map((token) => newToken(subAppId, token, '{}', Number.NEGATIVE_INFINITY)),
  )
  const existing = (at = now()): Token[] =>
    tokens.filter(({ createdAt, deletedAt }) => createdAt <= at && at < deletedAt)
  // The list is the truth of `lagMs` ago. That one rule delays creations and deletions alike.
  const listed = (): Token[] => existing(now() - lagMs())

  const requireApplication = (subAppId: number): void => {
    if (!applications.some((application) => application.subAppId === subAppId))
      throw userNotExist(`The application \`${subAppId}\` does not exist.`)
  }
  const ofApplication = (subAppId: number, all: Token[]): Token[] => {
    requireApplication(subAppId)
    return all.filter((token) => token.subAppId === subAppId)
  }
  const requireToken = (subAppId: number, token: string, createdUntil: number): Token => {
    const found = ofApplication(subAppId, existing()).find((other) => other.token === token)
    if (!found || found.createdAt > createdUntil)
      throw invalid('The `ApiToken` does not exist, or is too new for this.')
    return found
  }
  const {
    actions: quotaActions,
    quotas,
    deleteOfToken,
  } = createQuotas({
    lagMs,
    now,
    requireApplication,
    requireToken,
  })

  const create: Vod['create'] = (subAppId = first.subAppId, token = randomToken(), extInfo = '{}') => {
    if (ofApplication(subAppId, existing()).some((other) => other.token === token))
      throw invalid('The token exists already.')
    tokens.push(newToken(subAppId, token, extInfo, now()))
    return token
  }
  const update = (token: Token, text: string): void => {
    token.extInfos.push({ text, from: now() })
  }
  const remove = (token: Token): void => {
    token.deletedAt = now()
    deleteOfToken(token.subAppId, token.token)
  }

  const describeAigcApiTokens = action({ SubAppId: 'uint64?' }, ({ SubAppId }) => {
    if (SubAppId === undefined && !legacyAccount)
      throw userNotExist('The account is too young to leave `SubAppId` out.')
    const list = shuffled(ofApplication(SubAppId ?? first.subAppId, listed()))
    return {
      ApiTokens: list.map(({ token }) => token),
      ...(extInfos && { ExtInfos: list.map((token) => extInfoAt(token, now() - lagMs())) }),
    }
  })
  const createAigcApiToken = action({ SubAppId: 'uint64' }, ({ SubAppId }) => {
    if (existing().length >= maxTokensPerAccount)
      throw new ApiError('LimitExceeded', `The account has ${maxTokensPerAccount} tokens already.`)
    return { ApiToken: create(SubAppId) }
  })
  const deleteAigcApiToken = action({ SubAppId: 'uint64', ApiToken: 'string' }, ({ SubAppId, ApiToken }) => {
    remove(requireToken(SubAppId, ApiToken, now() - lagMs()))
    return {}
  })
  const updateAigcApiToken = action(
    { SubAppId: 'uint64', ApiToken: 'string', ActionType: 'string?', ExtInfo: 'string?' },
    ({ SubAppId, ApiToken, ActionType = 'Merge', ExtInfo = '' }) => {
      const token = requireToken(SubAppId, ApiToken, now() - lagMs())
      if (ActionType !== 'Merge' && ActionType !== 'Overwrite')
        throw invalid(`The \`ActionType\` is \`${ActionType}\` and must be Merge or Overwrite.`)
      const given = readObject(ExtInfo)
      if (!given) throw invalid('The `ExtInfo` is not a JSON object.')
      const before = ActionType === 'Merge' ? readObject(extInfoAt(token, now())) : null
      update(token, canonicalJson({ ...before, ...given }))
      return {}
    },
  )

  return {
    service: {
      name: 'vod',
      version: '2018-07-17',
      callsPerSecond: () => 20,
      actions: new Map([
        ['DescribeAigcApiTokens', describeAigcApiTokens],
        ['CreateAigcApiToken', createAigcApiToken],
        ['DeleteAigcApiToken', deleteAigcApiToken],
        ['UpdateAigcApiToken', updateAigcApiToken],
        ...quotaActions,
      ]),
    },
    create,
    update: (subAppId, token, extInfo) => update(requireToken(subAppId, token, now()), extInfo),
    delete: (subAppId, token) => remove(requireToken(subAppId, token, now())),
    quotas,
    findApplication: (token, { madeUntil, deletedFrom }) =>
      tokens.find(
        (other) => other.token === token && other.createdAt <= madeUntil && deletedFrom < other.deletedAt,
      )?.subAppId ?? null,
    list: (subAppId) => ofApplication(subAppId, existing()).map(({ token }) => token),
    states: () => {
      const exist = new Set(existing())
      const list = new Set(listed())
      return tokens
        .filter((token) => exist.has(token) || list.has(token))
        .map((token) => ({
          SubAppId: token.subAppId,
          ApiToken: token.token,
          ExtInfo: extInfoAt(token, now()),
          Exists: exist.has(token),
          Listed: list.has(token),
        }))
    },
  }
}

function newToken(subAppId: number, token: string, extInfo: string, createdAt: number): Token {
  const extInfos = [{ text: extInfo, from: createdAt }]
  return { subAppId, token, extInfos, createdAt, deletedAt: Number.POSITIVE_INFINITY }
}

function extInfoAt({ extInfos }: Token, at: number): string {
  return extInfos.findLast(({ from }) => from <= at)?.text ?? '{}'
}

/** A JSON object, or null for any other text. */
function readObject(text: string): Fields | null {
  try {
    return parseObject(Buffer.from(text))
  } catch {
    return null
  }
}

/**
 * JSON without blanks and with its names in order, as the encoder of Go writes a map. Tencent does not promise to keep
 * the text that it was given, so nobody gets it back.
 */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterValue', message)
}

function userNotExist(message: string): ApiError {
  return new ApiError('ResourceNotFound.UserNotExist', message)
}

function randomToken(): string {
  return Array.from({ length: 32 }, () => alphanumerics[randomInt(alphanumerics.length)]).join('')
}

/** Tencent promises no order, so nobody gets one. */
function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}

/**
 * VOD 2018-07-17 as far as AIGC tokens go (https://www.tencentcloud.com/document/product/266/78285): one account
 * with applications and their tokens, and a list that trails behind the truth.
 */
import { randomInt } from 'node:crypto'
import { ApiError, action, type Service } from './service.ts'

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
  /** JSON text, such as `{"ip":{"127.0.0.1":true}}`. */
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
  delete(subAppId: number, token: string): void
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
  readonly extInfo: string
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

  const ofApplication = (subAppId: number, all: Token[]): Token[] => {
    if (!applications.some((application) => application.subAppId === subAppId))
      throw userNotExist(`The application \`${subAppId}\` does not exist.`)
    return all.filter((token) => token.subAppId === subAppId)
  }

  const create: Vod['create'] = (subAppId = first.subAppId, token = randomToken(), extInfo = '{}') => {
    if (ofApplication(subAppId, existing()).some((other) => other.token === token))
      throw new ApiError('InvalidParameterValue', 'The token exists already.')
    tokens.push(newToken(subAppId, token, extInfo, now()))
    return token
  }
  const remove = (subAppId: number, token: string, createdUntil: number): void => {
    const found = ofApplication(subAppId, existing()).find((other) => other.token === token)
    if (!found || found.createdAt > createdUntil)
      throw new ApiError(
        'InvalidParameterValue',
        'The `ApiToken` does not exist, or is too new to be deleted.',
      )
    found.deletedAt = now()
  }

  const describeAigcApiTokens = action({ SubAppId: 'uint64?' }, ({ SubAppId }) => {
    if (SubAppId === undefined && !legacyAccount)
      throw userNotExist('The account is too young to leave `SubAppId` out.')
    const list = shuffled(ofApplication(SubAppId ?? first.subAppId, listed()))
    return {
      ApiTokens: list.map(({ token }) => token),
      ...(extInfos && { ExtInfos: list.map(({ extInfo }) => extInfo) }),
    }
  })
  const createAigcApiToken = action({ SubAppId: 'uint64' }, ({ SubAppId }) => {
    if (existing().length >= maxTokensPerAccount)
      throw new ApiError('LimitExceeded', `The account has ${maxTokensPerAccount} tokens already.`)
    return { ApiToken: create(SubAppId) }
  })
  const deleteAigcApiToken = action({ SubAppId: 'uint64', ApiToken: 'string' }, ({ SubAppId, ApiToken }) => {
    remove(SubAppId, ApiToken, now() - lagMs())
    return {}
  })

  return {
    service: {
      name: 'vod',
      version: '2018-07-17',
      callsPerSecond: () => 20,
      actions: new Map([
        ['DescribeAigcApiTokens', describeAigcApiTokens],
        ['CreateAigcApiToken', createAigcApiToken],
        ['DeleteAigcApiToken', deleteAigcApiToken],
      ]),
    },
    create,
    delete: (subAppId, token) => remove(subAppId, token, now()),
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
          ExtInfo: token.extInfo,
          Exists: exist.has(token),
          Listed: list.has(token),
        }))
    },
  }
}

function newToken(subAppId: number, token: string, extInfo: string, createdAt: number): Token {
  return { subAppId, token, extInfo, createdAt, deletedAt: Number.POSITIVE_INFINITY }
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

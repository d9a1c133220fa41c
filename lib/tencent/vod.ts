/** The AIGC token actions of VOD (https://www.tencentcloud.com/document/product/266/78285), typed and validated. */
import { fingerprint } from '../digest.ts'
import type { ClientErrorCode } from '../errors.ts'
import { TencentError } from '../errors.ts'
import { field, isStrings, isText } from '../json.ts'
import type { TencentResponse } from './answer.ts'
import type { CallTencent } from './client.ts'

/** The API that {@link describeAigcApiTokens} calls. It takes no region. */
export const vodApi = { service: 'vod', version: '2018-07-17' } as const

/** Calls a second that Tencent allows to each action of {@link vodApi}. */
export const vodCallsPerSecond = 20

/** The tokens of one application as Tencent listed them: live secrets, in no particular order. */
export interface TokenList {
  readonly apiTokens: readonly string[]
  /** JSON strings, one per token by index; `null` when absent or when their number does not fit. */
  readonly extInfos: readonly string[] | null
  /** Tencent sent `ExtInfos` of another length than `ApiTokens`. */
  readonly extInfosDropped: boolean
  readonly requestId: string | null
  /** The token that the mirrored document names as the one to use; `null` where the list is not from there. */
  readonly pick: string | null
  /** When Tencent answered, by its own clock, in epoch milliseconds; left out where the answer has no date. */
  readonly answeredAt?: number
}

/** A list without the tokens whose fingerprints are `excluded`, nor what was told of them. */
export function excludeTokens(list: TokenList, excluded: ReadonlySet<string>): TokenList {
  if (excluded.size === 0) return list
  const { apiTokens, extInfos } = list
  const kept = [...apiTokens.keys()].filter((index) => !excluded.has(fingerprint(apiTokens[index] ?? '')))
  const select = (texts: readonly string[]): string[] => kept.map((index) => texts[index] ?? '')
  return { ...list, apiTokens: select(apiTokens), extInfos: extInfos && select(extInfos) }
}

/** How tokens are listed, from the handlers down to the API: by Tencent, or from the mirror. Throws what its source throws. */
export type ListTokens = (
  subAppId: number | null,
  /** On `Time.monotonic`. */
  deadline: number,
  /** Not patient (the default is): somebody has something else to serve, so a throttled call is not repeated. */
  options?: { readonly patient: boolean },
) => Promise<TokenList>

/** Lists by `call`, and tells what came: every token, and that `ExtInfos` were of no use. */
export function createListTokens({
  call,
  addSecrets,
  onExtInfosDropped,
}: {
  readonly call: CallTencent
  addSecrets(secrets: readonly string[]): void
  onExtInfosDropped(subAppId: number | null, requestId: string | null): void
}): ListTokens {
  return async (subAppId, deadline, options) => {
    const listed = await describeAigcApiTokens(call, subAppId, deadline, options)
    addSecrets(listed.apiTokens)
    if (listed.extInfosDropped) onExtInfosDropped(subAppId, listed.requestId)
    return listed
  }
}

/**
 * Lists the tokens of an application; `null` leaves `SubAppId` out, for accounts from before 2023-12-25.
 * The list lags about 30 s behind creation and deletion. `deadline` is on `Time.monotonic`.
 * Throws `TencentError`; its code is `ClientError.MalformedAnswer` for an answer that is no list of tokens.
 */
export async function describeAigcApiTokens(
  call: CallTencent,
  subAppId: number | null,
  deadline: number,
  options?: { readonly patient: boolean },
): Promise<TokenList> {
  const parameters = subAppId === null ? {} : { SubAppId: subAppId }
  return readTokenList(await call('DescribeAigcApiTokens', parameters, deadline, options))
}

/** Tencent gives a user fifty. Far more would keep this process busy for seconds. */
const mostTokens = 10_000

/** `null` and `[]` mean "no tokens"; a missing field does not. */
export function readTokenList(response: TencentResponse): TokenList {
  const { ApiTokens: tokens, ExtInfos: extInfos, RequestId: requestId, AnsweredAt: answeredAt } = response
  const apiTokens = tokens === null ? [] : tokens
  if (!isStrings(apiTokens) || apiTokens.includes('') || apiTokens.length > mostTokens)
    throw malformed(
      'DescribeAigcApiTokens',
      response,
      `"ApiTokens" must be an array of non-empty strings, but it is ${describe(tokens)}`,
    )
  const fits = isStrings(extInfos) && extInfos.length === apiTokens.length
  return {
    apiTokens,
    extInfos: fits ? extInfos : null,
    extInfosDropped: !fits && extInfos !== undefined && extInfos !== null,
    requestId,
    pick: null,
    ...(answeredAt !== undefined && { answeredAt }),
  }
}

/** What changes tokens, for the rotation alone. `deadline` is on `Time.monotonic`. Each throws `TencentError`. */
export interface ChangeTokens {
  /**
   * Creates a token and gives it. Sent once: where no answer came, there may be a token all the same.
   * https://www.tencentcloud.com/document/product/266/78286
   */
  create(subAppId: number, deadline: number): Promise<string>
  /** Deletes a token, and its quota with it. https://www.tencentcloud.com/document/product/266/78287 */
  remove(subAppId: number, token: string, deadline: number): Promise<void>
  /** Puts a JSON text in place of a token's `ExtInfo`, such as its list of addresses. */
  setExtInfo(subAppId: number, token: string, extInfo: string, deadline: number): Promise<void>
  /** The limit of a token's text quota; `null` where it has none. */
  textQuota(subAppId: number, token: string, deadline: number): Promise<number | null>
  /** Gives a token a text quota of this limit, in place of the one that it has, if `has`. */
  setTextQuota(
    subAppId: number,
    token: string,
    quota: { readonly limit: number; readonly has: boolean },
    deadline: number,
  ): Promise<void>
}

/** Changes tokens by `call`, and tells a new token before anybody else hears of it. */
export function createChangeTokens({
  call,
  addSecrets,
}: {
  readonly call: CallTencent
  addSecrets(secrets: readonly string[]): void
}): ChangeTokens {
  return {
    async create(SubAppId, deadline) {
      const answer = await call('CreateAigcApiToken', { SubAppId }, deadline, { idempotent: false })
      const { ApiToken: token } = answer
      if (!isText(token)) throw malformed('CreateAigcApiToken', answer, '"ApiToken" must be a text')
      addSecrets([token])
      return token
    },
    async remove(SubAppId, ApiToken, deadline) {
      await call('DeleteAigcApiToken', { SubAppId, ApiToken }, deadline)
    },
    async setExtInfo(SubAppId, ApiToken, ExtInfo, deadline) {
      await call('UpdateAigcApiToken', { SubAppId, ApiToken, ActionType: 'Overwrite', ExtInfo }, deadline)
    },
    async textQuota(SubAppId, ApiToken, deadline) {
      const asked = { SubAppId, QuotaType: 'Text', ApiToken, Limit: 100 }
      const answer = await call('DescribeAigcQuotas', asked, deadline)
      const { QuotaSet: quotas } = answer
      if (quotas === null) return null
      if (!Array.isArray(quotas)) throw malformed('DescribeAigcQuotas', answer, '"QuotaSet" must be an array')
      const own = quotas.find((quota) => field(quota, 'ApiToken') === ApiToken)
      if (own === undefined) return null
      const limit = field(own, 'QuotaLimit')
      if (typeof limit === 'number' && Number.isSafeInteger(limit)) return limit
      throw malformed('DescribeAigcQuotas', answer, '"QuotaLimit" must be a whole number')
    },
    async setTextQuota(SubAppId, ApiToken, { limit: QuotaLimit, has }, deadline) {
      const quota = { SubAppId, QuotaType: 'Text', QuotaLimit, ApiToken }
      await call(has ? 'ModifyAigcQuota' : 'CreateAigcQuota', quota, deadline)
    },
  }
}

function malformed(action: string, { RequestId: requestId }: TencentResponse, what: string): TencentError {
  return new TencentError(
    'ClientError.MalformedAnswer' satisfies ClientErrorCode,
    `${action}: the answer's ${what}${requestId === null ? '' : ` (request id ${requestId})`}`,
    { action, requestId, attempts: 1, retryable: false },
  )
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing'
  if (!Array.isArray(value)) return `of type ${typeof value}`
  if (value.length > mostTokens) return `one of ${value.length}, more than ${mostTokens}`
  return 'an array with other items'
}

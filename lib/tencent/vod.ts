/** The AIGC token actions of VOD (https://www.tencentcloud.com/document/product/266/78285), typed and validated. */
import { fingerprint } from '../digest.ts'
import type { ClientErrorCode } from '../errors.ts'
import { TencentError } from '../errors.ts'
import { isStrings } from '../json.ts'
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
  const { ApiTokens: tokens, ExtInfos: extInfos, RequestId: requestId } = response
  const apiTokens = tokens === null ? [] : tokens
  if (!isStrings(apiTokens) || apiTokens.includes('') || apiTokens.length > mostTokens)
    throw new TencentError(
      'ClientError.MalformedAnswer' satisfies ClientErrorCode,
      `DescribeAigcApiTokens: the answer's "ApiTokens" must be an array of non-empty strings, but it is ` +
        `${describe(tokens)}${requestId === null ? '' : ` (request id ${requestId})`}`,
      { action: 'DescribeAigcApiTokens', requestId, attempts: 1, retryable: false },
    )
  const fits = isStrings(extInfos) && extInfos.length === apiTokens.length
  return {
    apiTokens,
    extInfos: fits ? extInfos : null,
    extInfosDropped: !fits && extInfos !== undefined && extInfos !== null,
    requestId,
    pick: null,
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'missing'
  if (!Array.isArray(value)) return `of type ${typeof value}`
  if (value.length > mostTokens) return `one of ${value.length}, more than ${mostTokens}`
  return 'an array with other items'
}

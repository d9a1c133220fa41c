/**
 * The operator's console: the simulator by curl, for people who cannot sign a request. It asks for no key on
 * purpose, as it changes nothing but the simulator. What could reach it from a developer's browser is refused: a
 * web page's request carries `Origin`, and one by DNS rebinding a `Host` that is not loopback.
 */
import { type FaultQueue, faultKinds, readFault } from './faults.ts'
import { ApiError, type Fields, parseObject, readParameters, type Schema } from './service.ts'
import type { RawRequest } from './verify-tc3.ts'
import type { TokenState, Vod } from './vod.ts'
import { readQuotaType } from './vod-quotas.ts'

/** A status with a text, or with a value that is sent as JSON. */
export interface ConsoleAnswer {
  readonly status: number
  readonly content: string | Fields
}

/** Whether a request target belongs to the console rather than to the API. */
export function isConsole(url: string): boolean {
  return /^\/simulator(?=[/?]|$)/.test(url)
}

/** Runs one request to the console; `GET /simulator` says what it takes. */
export function answerConsole(
  request: RawRequest,
  { vod, faults }: { vod: Vod; faults: FaultQueue },
): ConsoleAnswer {
  const host = request.headers['host']?.[0] ?? ''
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(host) || request.headers['origin'])
    return refusal(403, 'Forbidden', 'The console is for programs on this machine, not for web pages.')

  // Not over `host`: its port need not be one.
  const { pathname, searchParams } = new URL(request.url, 'http://127.0.0.1')
  const [, , collection = '', item] = pathname.split('/')
  try {
    switch (`${request.method} ${collection}${item ? '/ITEM' : ''}`) {
      case 'GET ':
        return { status: 200, content: help(`http://${host}/simulator`, vod.states()[0]) }
      case 'GET tokens':
        return { status: 200, content: { Tokens: vod.states() } }
      case 'POST tokens': {
        const subAppId = searchParams.get('SubAppId')
        const given = searchParams.get('ApiToken') ?? undefined
        if (given !== undefined && !/^[\w.-]{8,256}$/.test(given))
          return refusal(
            400,
            'InvalidParameter',
            'The `ApiToken` must be 8 to 256 letters, digits, `_`, `.` or `-`.',
          )
        const token = vod.create(subAppId === null ? undefined : Number(subAppId), given)
        return { status: 201, content: { Tokens: vod.states().filter(({ ApiToken }) => ApiToken === token) } }
      }
      case 'PUT tokens/ITEM':
      case 'DELETE tokens/ITEM': {
        const token = vod.states().find(({ ApiToken, Exists }) => Exists && ApiToken === item)
        if (!token) return refusal(404, 'ResourceNotFound', 'No such token exists.')
        if (request.method === 'DELETE') vod.delete(token.SubAppId, token.ApiToken)
        else vod.update(token.SubAppId, token.ApiToken, JSON.stringify(parseObject(request.body)))
        return { status: 200, content: { Tokens: vod.states().filter(({ ApiToken }) => ApiToken === item) } }
      }
      case 'GET quotas':
        return { status: 200, content: { Quotas: vod.quotas.states() } }
      case 'POST quotas': {
        const { QuotaType, ...quota } = readParameters(quotaSchema, parseObject(request.body))
        vod.quotas.set({ ...quota, QuotaType: readQuotaType(QuotaType) })
        return { status: 201, content: { Quotas: vod.quotas.states() } }
      }
      case 'POST faults': {
        const { times = 1, action, ...fault } = parseObject(request.body)
        if (!Number.isSafeInteger(times) || Number(times) < 1)
          return refusal(400, 'InvalidParameter', 'The `times` must be an integer from 1.')
        if (action !== undefined && typeof action !== 'string')
          return refusal(400, 'InvalidParameter', 'The `action` must be a string.')
        faults.add(readFault(fault), Number(times), action)
        return { status: 201, content: { ...fault, times, ...(action !== undefined && { action }) } }
      }
      case 'DELETE faults':
        faults.clear()
        return { status: 200, content: {} }
      default:
        return refusal(404, 'NotFound', `There is no such thing here; see GET http://${host}/simulator.`)
    }
  } catch (error) {
    if (error instanceof ApiError) return refusal(400, error.code, error.message)
    throw error
  }
}

const quotaSchema = {
  SubAppId: 'uint64',
  QuotaType: 'string',
  ApiToken: 'string?',
  QuotaLimit: 'uint64',
  Usage: 'uint64?',
} satisfies Schema

function refusal(status: number, code: string, message: string): ConsoleAnswer {
  return { status, content: { Error: { Code: code, Message: message } } }
}

/** Every line that begins with two blanks can be pasted into a shell; with an `example` of a token also what names one. */
function help(url: string, example: TokenState | undefined): string {
  const { SubAppId = 'SUBAPPID', ApiToken = 'TOKEN' } = example ?? {}
  return `A simulator of Tencent Cloud API 3.0. Its account in your hands:

Every token: does it exist, is it listed yet
  curl ${url}/tokens
Create one in the first application, in the one that is named, or one of your choice
  curl -X POST ${url}/tokens
  curl -X POST '${url}/tokens?SubAppId=${SubAppId}'
  curl -X POST '${url}/tokens?ApiToken=example-token-1'
Say what a token carries, such as the addresses that it is good from
  curl -X PUT ${url}/tokens/${ApiToken} -d '{"ip":{"127.0.0.1":true}}'
Every quota, and one of your choice: of an application's Image or Video, or of a token's Text
  curl ${url}/quotas
  curl ${url}/quotas -d '{"SubAppId":${SubAppId},"QuotaType":"Text","ApiToken":"${ApiToken}","QuotaLimit":1000,"Usage":5}'
Delete a token, and with it its quota
  curl -X DELETE ${url}/tokens/${ApiToken}
Spoil the next call, the next three, or the next one of an action
  curl ${url}/faults -d '{"kind":"throttle"}'
  curl ${url}/faults -d '{"kind":"slow","ms":2000,"times":3}'
  curl ${url}/faults -d '{"kind":"reset","action":"DescribeAigcApiTokens"}'
Spoil nothing more
  curl -X DELETE ${url}/faults

Kinds of faults: ${faultKinds.join(', ')}.
`
}

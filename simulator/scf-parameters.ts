/** What calls of SCF may hold: names, types, limits, and the errors for what they may not. */
import { unzipSync } from 'fflate'
import { ApiError, type Fields, readParameters } from './service.ts'

const maxEnvironmentBytes = 4096
/** As in the example of `GetAccount` in Tencent's own command line tool. */
export const eventInvokeLimits = { retries: 2, minTtl: 60, maxTtl: 21_600 }

/** Which function is meant. */
export const functionName = { FunctionName: 'string', Namespace: 'string?' } as const

/** What a function is, as it is given. */
export const configuration = {
  Description: 'string?',
  MemorySize: 'uint64?',
  Timeout: 'uint64?',
  Role: 'string?',
  Environment: 'any?',
  PublicNetConfig: 'any?',
  InstallDependency: 'string?',
  ClsLogsetId: 'string?',
  ClsTopicId: 'string?',
} as const

/** What Tencent documents, or its own tools send, and what changes nothing here. */
export const unheeded = {
  AsyncRunEnable: 'string?',
  AutoCreateClsTopic: 'string?',
  AutoDeployClsTopicIndex: 'string?',
  CfsConfig: 'any?',
  DeadLetterConfig: 'any?',
  DeployMode: 'string?',
  DiskSize: 'uint64?',
  DnsCache: 'string?',
  InitTimeout: 'uint64?',
  InstanceConcurrencyConfig: 'any?',
  IntranetConfig: 'any?',
  L5Enable: 'string?',
  Layers: 'array?',
  ProtocolParams: 'any?',
  ProtocolType: 'string?',
  Tags: 'array?',
  TraceEnable: 'string?',
  VpcConfig: 'any?',
} as const

/** Where its code is. */
export const code = { Code: 'any?', CodeSource: 'string?' } as const

/** Which part of a list. */
export const page = { Offset: 'uint64?', Limit: 'uint64?' } as const

/** In what order. */
export const order = { Order: 'string?', OrderBy: 'string?' } as const

/** See {@link readFilters}. */
export const filters = { Filters: 'array?' } as const

/** Of runs that fail: how often the same event is given again, and how long events wait for their turn. */
export interface EventInvokeConfig {
  readonly retries: number
  readonly MsgTTL: number
}

/** Whether something fits all filters: it has, under each name, one of the values. */
export function readFilters(
  filters: readonly unknown[] = [],
  names: readonly string[],
): (one: Fields) => boolean {
  const read = filters.map((filter) =>
    readParameters({ Name: 'string', Values: 'array' }, (filter ?? {}) as Fields),
  )
  for (const { Name } of read)
    if (!names.includes(Name)) throw invalidValue('Filters', `names \`${Name}\``, names.join(' or '))
  return (one) => read.every(({ Name, Values }) => Values.includes(one[Name]))
}

/** An `AsyncTriggerConfig`. */
export function readEventInvoke(value: unknown): EventInvokeConfig {
  const { RetryConfig, MsgTTL } = readParameters(
    { RetryConfig: 'array', MsgTTL: 'uint64' },
    (value ?? {}) as Fields,
  )
  const { RetryNum } = readParameters({ RetryNum: 'uint64' }, (RetryConfig[0] ?? {}) as Fields)
  const { retries, minTtl, maxTtl } = eventInvokeLimits
  if (RetryNum > retries) throw invalidValue('RetryNum', `is ${RetryNum}`, `at most ${retries}`)
  if (MsgTTL < minTtl || MsgTTL > maxTtl)
    throw invalidValue('MsgTTL', `is ${MsgTTL}`, `from ${minTtl} to ${maxTtl}`)
  return { retries: RetryNum, MsgTTL }
}

/** The event of an invocation, which is JSON; none is `{}`. */
export function parseEvent(text: unknown): unknown {
  try {
    return JSON.parse(String(text ?? '{}'))
  } catch {
    throw new ApiError('InvalidParameterValue', 'The event is not JSON.')
  }
}

/** `OPEN` or `CLOSE`, as 1 or 0. */
export function readEnable(text: string): number {
  if (text !== 'OPEN' && text !== 'CLOSE') throw invalidValue('Enable', `is \`${text}\``, 'OPEN or CLOSE')
  return text === 'OPEN' ? 1 : 0
}

/** A `TriggerDesc` in JSON. */
export function parseDesc(text: string): Fields {
  try {
    return JSON.parse(text)
  } catch {
    throw invalidValue('TriggerDesc', 'is something else', 'JSON')
  }
}

/** `{Variables: [{Key, Value}]}`; one variable with an empty key stands for none. */
export function readEnvironment(value: unknown): Record<string, string> {
  const { Variables = [] } = readParameters({ Variables: 'array?' }, value as Fields)
  const variables = Variables.map((variable) =>
    readParameters({ Key: 'string', Value: 'string' }, variable as Fields),
  )
  if (variables.length === 1 && variables[0]?.Key === '') return {}
  for (const { Key, Value } of variables) {
    if (!/^[A-Za-z][A-Za-z0-9_]+$/.test(Key) || Value === '')
      throw invalidValue('Environment', 'has a bad key or an empty value', 'of letters, digits and _')
    if (/^(SCF|QCLOUD|TENCENTCLOUD)_/.test(Key))
      throw invalidValue('Environment', `has the reserved key \`${Key}\``, 'without it')
  }
  const bytes = variables.reduce((sum, { Key, Value }) => sum + Buffer.byteLength(Key + Value), 0)
  if (bytes > maxEnvironmentBytes)
    throw invalidValue('Environment', `has ${bytes} bytes`, `at most ${maxEnvironmentBytes} bytes`)
  return Object.fromEntries(variables.map(({ Key, Value }) => [Key, Value]))
}

/** No other characters than those that the documentation names, though the service may take more. */
export function checkDescription(description: string): void {
  if (!/^[\p{Script=Han}A-Za-z0-9 ,.]{0,1000}$/u.test(description))
    throw invalidValue('Description', 'is something else', '1000 letters, digits, blanks, commas and stops')
}

/** A web function has no handler: https://cloud.tencent.com/document/product/583/18586 */
export function checkHandler(type: string, handler: string | undefined): void {
  if (handler === undefined) return
  if (type === 'HTTP') throw invalidValue('Handler', `is \`${handler}\``, 'left out for a web function')
  if (!/^[A-Za-z][\w-]*[A-Za-z]\.[A-Za-z][\w-]*[A-Za-z]$/.test(handler) || handler.length > 60)
    throw invalidValue('Handler', `is \`${handler}\``, 'FILE.FUNCTION')
}

/** The zip of `Code.ZipFile`, the one source of code here. */
export function readCode({
  Code,
  CodeSource = 'ZipFile',
}: {
  Code?: unknown
  CodeSource?: string
}): Uint8Array {
  if (CodeSource !== 'ZipFile') throw invalidValue('CodeSource', `is \`${CodeSource}\``, 'ZipFile')
  const { ZipFile } = readParameters({ ZipFile: 'string' }, (Code ?? {}) as Fields)
  const zip = Buffer.from(ZipFile, 'base64')
  if (zip.toString('base64') !== ZipFile)
    throw new ApiError('InvalidParameterValue.ZipFileBase64BinasciiError', 'The `ZipFile` is not base64.')
  try {
    unzipSync(zip)
  } catch {
    throw invalidValue('ZipFile', 'is something else', 'a zip')
  }
  return zip
}

/** That part of a list. */
export function pageOf<T>(
  all: readonly T[],
  { Offset = 0, Limit = 20 }: { Offset?: number; Limit?: number },
): T[] {
  return all.slice(Offset, Offset + Limit)
}

/** The error for a value that may not be. */
export function invalidValue(name: string, is: string, should: string): ApiError {
  return new ApiError(
    `InvalidParameterValue.${name}`,
    `The parameter \`${name}\` ${is} and must be ${should}.`,
  )
}

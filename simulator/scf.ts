/**
 * SCF 2018-04-16 as far as functions from inline zips go
 * (https://www.tencentcloud.com/document/product/583/17235): one account with event and web functions, timers and
 * function URLs in several regions. Creations, updates and deletions take their time, and meanwhile the function
 * refuses others. What is deployed runs: in a process of its own, with SCF's environment, events and context, or as a
 * server with SCF's headers. What SCF would keep of it is kept.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Answer, type FunctionProcess, startBundle } from '../test/support/function-process.ts'
import {
  checkDescription,
  checkHandler,
  code,
  configuration,
  type EventInvokeConfig,
  eventInvokeLimits,
  filters,
  functionName,
  invalidValue,
  order,
  page,
  pageOf,
  parseDesc,
  parseEvent,
  readCode,
  readEnable,
  readEnvironment,
  readEventInvoke,
  readFilters,
  unheeded,
} from './scf-parameters.ts'
import { PlatformError, startWebServer, unpack, type WebServer } from './scf-web.ts'
import {
  type Action,
  ApiError,
  action,
  type Fields,
  missingParameter,
  readParameters,
  type Service,
  type Values,
} from './service.ts'
import { type Key, type RawRequest, verifyTc3 } from './verify-tc3.ts'

/** What the account is. */
export interface ScfOptions {
  /** The values of `X-TC-Region` where SCF exists. */
  readonly regions: readonly string[]
  /** The account's keys: those of a run role are added when a function starts. */
  readonly keys: Map<string, Key>
  /** Base URL of this machine, under which function URLs are served. */
  url(): string
  /** Epoch milliseconds. */
  now(): number
  /** Whether CLS has such a topic. */
  hasTopic(region: string, logsetId: string, topicId: string): boolean
}

/** https://cloud.tencent.com/document/api/583/115197 */
export type FunctionStatus =
  | 'Creating'
  | 'CreateFailed'
  | 'Active'
  | 'Updating'
  | 'UpdateFailed'
  | 'Publishing'
  | 'PublishFailed'
  | 'Deleting'
  | 'DeleteFailed'

/** What the console calls an event function, and a web function. */
export type FunctionType = 'Event' | 'HTTP'

/** What a function is, in the fields of `GetFunction`. */
export interface FunctionConfiguration {
  readonly Runtime: string
  readonly Type: FunctionType
  /** Empty for a web function. */
  readonly Handler: string
  readonly Description: string
  readonly MemorySize: number
  readonly Timeout: number
  readonly Role: string
  readonly PublicNetConfig: Fields
  readonly Environment: Readonly<Record<string, string>>
  /** Where its log goes: SCF's own topic, unless another was named. */
  readonly ClsLogsetId: string
  readonly ClsTopicId: string
}

/** A function as the account's owner sees it. */
export interface FunctionState extends FunctionConfiguration {
  readonly Namespace: string
  readonly FunctionName: string
  readonly Status: FunctionStatus
  readonly Code: Uint8Array
  readonly Triggers: readonly TriggerState[]
  readonly EventInvoke: EventInvokeConfig
}

/** A trigger in the fields of `ListTriggers`. */
export interface TriggerState {
  readonly Type: 'timer' | 'http'
  readonly TriggerName: string
  readonly Qualifier: string
  /** JSON: `{"cron":…}` of a timer, `{"AuthType":…,"NetConfig":…}` of a URL. */
  readonly TriggerDesc: string
  readonly Enable: number
  readonly CustomArgument: string
  readonly Description: string
}

/** What SCF keeps of a run, in the fields of `GetFunctionLogs`. */
export interface RunLog {
  readonly FunctionName: string
  readonly RequestId: string
  readonly StartTime: string
  /** 0 for a run that went well. */
  readonly RetCode: number
  readonly InvokeFinished: number
  /** Milliseconds. */
  readonly Duration: number
  /** What an event function returned or threw, up to 8 KB. Empty for a web function. */
  readonly RetMsg: string
  /** What the process wrote from this run on until the next began. */
  readonly Log: string
}

/**
 * What becomes of the headers that SCF adds to a web function's request when the client sends some of the same name.
 * Tencent writes that they cannot be customised (https://www.tencentcloud.com/document/product/583/40688); others
 * write that they can. The client's are `kept`, in place of SCF's, `overwritten`, or `joined` in front of SCF's.
 */
export type ClientScfHeaders = 'kept' | 'overwritten' | 'joined'

/** An answer of a function URL. */
export interface UrlAnswer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: string | Uint8Array
}

/**
 * The account. `service` is what callers see of it; the other members are the operator's hand. A region, function or
 * trigger that does not exist is an {@link ApiError} here too.
 */
export interface Scf {
  readonly service: Service
  /** How long a creation, an update, a change of a trigger or a deletion takes, in milliseconds. */
  delayMs: number
  /** Why the next creation, update or deletion is going to fail, after it was accepted; `null` if it is not. */
  failNext: string | null
  /** `kept` at first, the harder case. */
  clientScfHeaders: ClientScfHeaders
  /** The roles that exist, for CAM too, and that SCF may take on; `vod-aigc-tokens` at first. */
  readonly roles: Set<string>
  /** What functions may be written for, in every region. */
  readonly runtimes: Set<string>
  /** The namespaces of every region; `default` at first. */
  readonly namespaces: Set<string>
  /** All functions of a region, oldest first. */
  functions(region: string): FunctionState[]
  /** Changes what a function is, as nobody else could: its runtime, or its status. */
  set(
    region: string,
    name: string,
    changes: Partial<FunctionConfiguration & { Status: FunctionStatus }>,
  ): void
  /** Changes a trigger, as the console does. */
  setTrigger(
    region: string,
    name: string,
    trigger: string,
    changes: Partial<Pick<TriggerState, 'Enable' | 'TriggerDesc'>>,
  ): void
  /**
   * Lets a function's timer ring, which does not ring by itself, and says what came of it. SCF would repeat a failed
   * run twice; here it is not repeated.
   */
  runTimer(region: string, name: string): Promise<Answer>
  /** Everything that the running instance of a function has written, or nothing when there is none. */
  output(region: string, name: string): Promise<string>
  /** What is kept of all runs of all functions of a region, oldest first, of deleted functions too. */
  logs(region: string): RunLog[]
  /** Gives the run role of a web function other keys from its next request on; the earlier ones stay good. */
  renewRoleKey(region: string, name: string): void
  /** Answers a request to a function URL. One with `CAM` lets a request in that is signed for `scf` by any key. */
  answerUrl(request: RawRequest): Promise<UrlAnswer>
  /** Ends the processes of all functions. */
  close(): Promise<void>
}

interface CloudFunction {
  readonly id: string
  readonly namespace: string
  readonly name: string
  readonly region: string
  readonly createdAt: number
  configuration: FunctionConfiguration
  code: Uint8Array
  triggers: Trigger[]
  status: FunctionStatus
  reason: string
  /** What the running operation comes to, and when. */
  pending: { readonly until: number; finish(): void } | null
  eventInvoke: EventInvokeConfig
  /** Of the run role, as web functions get it with each request. */
  roleKey: RoleKey | null
  instance: Promise<Instance> | null
}

interface RoleKey {
  readonly id: string
  readonly secretKey: string
  readonly token: string
}

interface Trigger extends TriggerState {
  /** The part of a function URL's address that names it. */
  readonly urlId: string
}

interface Instance {
  /** By the function's type. */
  readonly runs: { readonly event: FunctionProcess } | { readonly web: WebServer }
  readonly folder: string
  output(): string
  kill(): Promise<void>
}

/** A run as it is kept; its part of the output is known when it is asked for. */
interface KeptRun extends Omit<RunLog, 'Log'> {
  readonly namespace: string
  /** Who wrote, and how much was written before. */
  readonly output: () => string
  readonly from: number
}

const runtimes = ['Nodejs12.16', 'Nodejs14.18', 'Nodejs16.13', 'Nodejs18.15', 'Nodejs20.19', 'Python3.10']
const maxTriggersOfType = 10
/** Of a return value: https://cloud.tencent.com/document/product/583/43329 */
const maxRetMsgBytes = 8 * 1024
/** Of the log in an answer of `Invoke`: https://www.tencentcloud.com/document/product/583/17243 */
const maxTailBytes = 4 * 1024
const appId = '1250000000'
const uin = '100000000001'

/** Whether a request target is a function URL rather than the API. */
export function isFunctionUrl(url: string): boolean {
  return url.startsWith('/function-url/')
}

/** Opens an account. */
export function createScf({ regions: names, keys, url, now, hasTopic }: ScfOptions): Scf {
  const regions = new Map(names.map((region) => [region, new Map<string, CloudFunction>()]))
  const kept = new Map<string, KeptRun[]>(names.map((region) => [region, []]))

  const functionsOf = (region: string | undefined): Map<string, CloudFunction> => {
    if (!region) throw missingParameter('Region')
    const functions = regions.get(region)
    if (!functions)
      throw new ApiError(
        'UnsupportedRegion',
        `SCF does not exist in \`${region}\`, but in ${names.join(', ')}.`,
      )
    for (const { pending } of [...functions.values()]) if (pending && pending.until <= now()) pending.finish()
    return functions
  }
  const find = (
    region: string | undefined,
    { FunctionName, Namespace = 'default' }: { FunctionName: string; Namespace?: string },
  ): CloudFunction => {
    const functions = functionsOf(region)
    checkNamespace(Namespace)
    const found = functions.get(`${Namespace}/${FunctionName}`)
    if (!found)
      throw new ApiError('ResourceNotFound.Function', `The function \`${FunctionName}\` does not exist.`)
    return found
  }
  const checkNamespace = (namespace: string): void => {
    if (!scf.namespaces.has(namespace))
      throw new ApiError('ResourceNotFound.Namespace', `The namespace \`${namespace}\` does not exist.`)
  }

  /** Starts an operation, which ends with `done`, or with `failed` if the operator wants that. */
  const start = (
    one: CloudFunction,
    status: FunctionStatus,
    failed: FunctionStatus,
    done: () => void = () => {},
  ): void => {
    const reason = scf.failNext
    scf.failNext = null
    one.status = status
    one.reason = ''
    one.pending = {
      until: now() + scf.delayMs,
      finish() {
        one.pending = null
        one.status = reason === null ? 'Active' : failed
        one.reason = reason ?? ''
        if (reason === null) done()
      },
    }
    if (scf.delayMs === 0) one.pending.finish()
  }

  let refusals = 0
  /**
   * The function, if nothing is going on with it. Otherwise one of the errors with which SCF was seen to answer, in
   * turn; `code` is the one that it documents for the action. It speaks Chinese whatever the language asked for.
   */
  const idle = (one: CloudFunction, action: string, code = `FailedOperation.${action}`): CloudFunction => {
    if (!one.pending) return one
    const variants: readonly [code: string, message: string][] = [
      [code, `当前函数处于${one.status}状态，无法进行此操作，请稍后重试。`],
      // https://github.com/qkqpttgf/OneDrive_SCF/issues/41
      [
        'UnauthorizedOperation.FunctionStatus',
        `Function status ${one.status} is not allowed to do ${action}.`,
      ],
      // https://github.com/qkqpttgf/OneDrive_SCF/issues/51
      [code, '当前函数状态无法进行此操作，请在函数状态正常时重试。'],
      ['FailedOperation.FunctionStatusError', `The function is ${one.status}; try again later.`],
    ]
    const [chosen, message] = variants[refusals++ % variants.length] ?? ['', '']
    throw new ApiError(chosen, message)
  }

  const readConfiguration = (
    input: Values<typeof configuration>,
    before: FunctionConfiguration,
    region: string,
  ): FunctionConfiguration => {
    const ClsLogsetId = input.ClsLogsetId || before.ClsLogsetId
    const ClsTopicId = input.ClsTopicId || before.ClsTopicId
    const { Description, MemorySize, Timeout, Role, Environment, PublicNetConfig } = input
    if (Description !== undefined) checkDescription(Description)
    if (MemorySize !== undefined && MemorySize !== 64 && (MemorySize % 128 !== 0 || MemorySize > 3072))
      throw invalidValue('MemorySize', `is ${MemorySize}`, '64 or a multiple of 128 to 3072')
    if (Timeout !== undefined && (Timeout < 1 || Timeout > 900))
      throw new ApiError('LimitExceeded.Timeout', `The timeout is ${Timeout} and must be from 1 to 900.`)
    if (Role && !scf.roles.has(Role))
      throw new ApiError('ResourceNotFound.RoleCheck', `The role \`${Role}\` does not exist.`)
    if (ClsTopicId !== before.ClsTopicId || ClsLogsetId !== before.ClsLogsetId) {
      if (!hasTopic(region, ClsLogsetId, ClsTopicId))
        throw invalidValue('Cls', 'is something else', 'a topic')
      if (!Role) throw invalidValue('ClsRole', 'is missing', 'there: a change of Cls takes a Role')
    }
    return {
      ...before,
      ClsLogsetId,
      ClsTopicId,
      ...(Description !== undefined && { Description }),
      ...(MemorySize !== undefined && { MemorySize }),
      ...(Timeout !== undefined && { Timeout }),
      ...(Role !== undefined && { Role }),
      ...(Environment !== undefined && { Environment: readEnvironment(Environment) }),
      ...(PublicNetConfig !== undefined && { PublicNetConfig: PublicNetConfig as Fields }),
    }
  }

  const createFunction = action(
    {
      ...{ ...functionName, ...configuration, ...unheeded, ...code },
      ...{ Runtime: 'string?', Handler: 'string?', Type: 'string?' },
    },
    (input, { region = '' }) => {
      const { FunctionName: name, Namespace: namespace = 'default', Runtime = 'Python2.7' } = input
      const { Type = 'Event', Handler } = input
      const functions = functionsOf(region)
      checkNamespace(namespace)
      if (!/^[A-Za-z](?=.{1,59}$)[A-Za-z0-9_-]*[A-Za-z0-9]$/.test(name))
        throw invalidValue('FunctionName', `is \`${name}\``, '2 to 60 letters, digits, - and _')
      if (!scf.runtimes.has(Runtime))
        throw invalidValue('Runtime', `is \`${Runtime}\``, [...scf.runtimes].join(' or '))
      if (Type !== 'Event' && Type !== 'HTTP') throw invalidValue('Type', `is \`${Type}\``, 'Event or HTTP')
      checkHandler(Type, Handler ?? (Type === 'Event' ? '' : undefined))
      const files = readCode(input)
      if (functions.has(`${namespace}/${name}`))
        throw new ApiError('ResourceInUse.FunctionName', `The function \`${name}\` exists already.`)
      const blank = {
        Description: '',
        MemorySize: 128,
        Timeout: 3,
        Role: '',
        PublicNetConfig: { PublicNetStatus: 'ENABLE' },
        Environment: {},
        ClsLogsetId: 'scf-own-logset',
        ClsTopicId: 'scf-own-topic',
      }
      const created: CloudFunction = {
        id: `lam-${randomBytes(4).toString('hex')}`,
        namespace,
        name,
        region,
        createdAt: now(),
        configuration: readConfiguration(input, { ...blank, Runtime, Type, Handler: Handler ?? '' }, region),
        code: files,
        triggers: [],
        status: 'Creating',
        reason: '',
        pending: null,
        eventInvoke: { retries: eventInvokeLimits.retries, MsgTTL: eventInvokeLimits.maxTtl },
        roleKey: null,
        instance: null,
      }
      functions.set(`${namespace}/${name}`, created)
      start(created, 'Creating', 'CreateFailed')
      return {}
    },
  )

  const updateFunctionCode = action(
    {
      ...{ ...functionName, ...code, Handler: 'string?', ZipFile: 'string?', InstallDependency: 'string?' },
      ...{ CosBucketName: 'string?', CosBucketRegion: 'string?', CosObjectName: 'string?' },
      ...{ EnvId: 'string?', Publish: 'string?' },
    },
    (input, { region }) => {
      const files = readCode(input.ZipFile === undefined ? input : { Code: { ZipFile: input.ZipFile } })
      const one = idle(find(region, input), 'UpdateFunctionCode')
      checkHandler(one.configuration.Type, input.Handler)
      start(one, 'Updating', 'UpdateFailed', () => {
        one.code = files
        one.configuration = { ...one.configuration, Handler: input.Handler ?? one.configuration.Handler }
        stop(one)
      })
      return {}
    },
  )

  const updateFunctionConfiguration = action(
    {
      ...{ ...functionName, ...configuration, ...unheeded },
      ...{ Runtime: 'string?', Publish: 'string?', IgnoreSysLog: 'boolean?' },
    },
    (input, { region }) => {
      const one = idle(find(region, input), 'UpdateFunctionConfiguration')
      if (input.Runtime !== undefined && input.Runtime !== one.configuration.Runtime)
        throw invalidValue('Runtime', 'differs', 'what it was: it cannot be changed')
      const changed = readConfiguration(input, one.configuration, one.region)
      start(one, 'Updating', 'UpdateFailed', () => {
        one.configuration = changed
        stop(one)
      })
      return {}
    },
  )

  const getFunction = action(
    { ...functionName, Qualifier: 'string?', ShowCode: 'string?', ShowTriggers: 'string?' },
    (input, { region }) => {
      const one = find(region, input)
      const { Environment, ...others } = one.configuration
      return {
        ...others,
        FunctionName: one.name,
        Namespace: one.namespace,
        FunctionId: one.id,
        FunctionVersion: '$LATEST',
        Qualifier: '$LATEST',
        Status: one.status,
        StatusDesc: one.reason,
        StatusReasons: one.reason ? [{ ErrorCode: 'FailedOperation', ErrorMessage: one.reason }] : [],
        AvailableStatus: 'Available',
        CodeSize: one.code.length,
        CodeInfo: '',
        Environment: { Variables: Object.entries(Environment).map(([Key, Value]) => ({ Key, Value })) },
        Triggers: one.triggers.map(describeTrigger),
        Tags: [],
        ModTime: timeText(one.createdAt),
        InstallDependency: 'FALSE',
      }
    },
  )

  const listFunctions = action(
    {
      ...{ ...page, ...filters, Order: 'string?', Orderby: 'string?' },
      ...{ Namespace: 'string?', SearchKey: 'string?', Description: 'string?' },
    },
    ({ Namespace = 'default', SearchKey = '', Description = '', ...input }, { region }) => {
      const fits = readFilters(input.Filters, ['Status', 'Runtime', 'Type', 'Role'])
      const found = [...functionsOf(region).values()].filter(
        (one) =>
          one.namespace === Namespace &&
          one.name.includes(SearchKey) &&
          one.configuration.Description.includes(Description) &&
          fits({ ...one.configuration, Status: one.status }),
      )
      return {
        TotalCount: found.length,
        Functions: pageOf(found, input).map((one) => ({
          FunctionName: one.name,
          Namespace: one.namespace,
          Runtime: one.configuration.Runtime,
          Type: one.configuration.Type,
          Description: one.configuration.Description,
          Status: one.status,
          AddTime: timeText(one.createdAt),
        })),
      }
    },
  )

  const deleteFunction = action({ ...functionName, Qualifier: 'string?' }, (input, { region }) => {
    const one = idle(find(region, input), 'DeleteFunction')
    start(one, 'Deleting', 'DeleteFailed', () => {
      functionsOf(region).delete(`${one.namespace}/${one.name}`)
      stop(one)
    })
    return {}
  })

  const triggerName = {
    ...functionName,
    TriggerName: 'string',
    Type: 'string',
    Qualifier: 'string?',
  } as const
  const triggerFields = {
    TriggerDesc: 'string?',
    Enable: 'string?',
    CustomArgument: 'string?',
    Description: 'string?',
  } as const

  // Whether a trigger's change makes the function busy is not documented. Here it does, the harder case.
  const busy = (one: CloudFunction): void => start(one, 'Updating', 'UpdateFailed')

  const createTrigger = action({ ...triggerName, ...triggerFields }, (input, { region }) => {
    const { TriggerName, Type, Qualifier = '$LATEST', TriggerDesc = '' } = input
    const one = idle(find(region, input), 'CreateTrigger')
    if (Type !== 'timer' && Type !== 'http') throw invalidValue('Type', `is \`${Type}\``, 'timer or http')
    // A web function takes requests and no events.
    if (Type === 'timer' && one.configuration.Type === 'HTTP')
      throw invalidValue('Type', 'is `timer`', 'http for a web function')
    if (!/^[A-Za-z0-9_-]{1,100}$/.test(TriggerName))
      throw invalidValue('TriggerName', `is \`${TriggerName}\``, '1 to 100 letters, digits, - and _')
    const siblings = one.triggers.filter((other) => other.Type === Type)
    if (siblings.some((other) => other.TriggerName === TriggerName && other.Qualifier === Qualifier))
      throw new ApiError('ResourceInUse.TriggerName', `The trigger \`${TriggerName}\` exists already.`)
    if (Type === 'http' && siblings.some((other) => other.Qualifier === Qualifier))
      throw new ApiError('ResourceInUse.Trigger', 'The version has a function URL already.')
    if (siblings.length >= maxTriggersOfType)
      throw new ApiError('LimitExceeded.Trigger', `The function has ${maxTriggersOfType} such triggers.`)
    const urlId = randomBytes(5).toString('hex')
    const created: Trigger = {
      Type,
      TriggerName,
      Qualifier,
      TriggerDesc: readTriggerDesc(Type, TriggerDesc, urlId),
      Enable: readEnable(input.Enable ?? 'OPEN'),
      CustomArgument: input.CustomArgument ?? '',
      Description: input.Description ?? '',
      urlId,
    }
    one.triggers = [...one.triggers, created]
    busy(one)
    return { TriggerInfo: describeTrigger(created) }
  })

  const updateTrigger = action({ ...triggerName, ...triggerFields }, (input, { region }) => {
    const one = idle(find(region, input), 'UpdateTrigger', 'FailedOperation.FunctionStatusError')
    // The page names timers and ckafka alone (https://cloud.tencent.com/document/product/583/96828), the text of the
    // parameter http too; with that SCF was seen to find nothing.
    if (input.Type === 'http')
      throw new ApiError('ResourceNotFound', `The trigger \`${input.TriggerName}\` does not exist.`)
    const before = triggerOf(one, input)
    const { TriggerDesc, Enable, CustomArgument, Description } = input
    const after: Trigger = {
      ...before,
      ...(TriggerDesc !== undefined && {
        TriggerDesc: readTriggerDesc('timer', TriggerDesc, before.urlId),
      }),
      ...(Enable !== undefined && { Enable: readEnable(Enable) }),
      ...(CustomArgument !== undefined && { CustomArgument }),
      ...(Description !== undefined && { Description }),
    }
    one.triggers = one.triggers.map((trigger) => (trigger === before ? after : trigger))
    busy(one)
    return {}
  })

  const deleteTrigger = action({ ...triggerName, TriggerDesc: 'string?' }, (input, { region }) => {
    const one = idle(find(region, input), 'DeleteTrigger')
    const gone = triggerOf(one, input)
    one.triggers = one.triggers.filter((trigger) => trigger !== gone)
    busy(one)
    return {}
  })

  const listTriggers = action({ ...functionName, ...page, ...order, ...filters }, (input, { region }) => {
    const fits = readFilters(input.Filters, ['Qualifier', 'TriggerName', 'Description'])
    const triggers = find(region, input).triggers.filter((trigger) => fits({ ...trigger }))
    return { TotalCount: triggers.length, Triggers: pageOf(triggers, input).map(describeTrigger) }
  })

  const updateFunctionEventInvokeConfig = action(
    { ...functionName, AsyncTriggerConfig: 'any' },
    (input, { region }) => {
      const config = readEventInvoke(input.AsyncTriggerConfig)
      const one = idle(find(region, input), 'UpdateFunctionEventInvokeConfig', 'FailedOperation')
      one.eventInvoke = config
      busy(one)
      return {}
    },
  )

  const getFunctionEventInvokeConfig = action(
    { ...functionName, Qualifier: 'string?' },
    (input, { region }) => {
      const one = find(region, input)
      // Its page lists this code and no other of the kind: https://www.tencentcloud.com/document/product/583/39921
      if (one.pending)
        throw new ApiError('FailedOperation.FunctionVersionStatusNotActive', `The version is ${one.status}.`)
      const { retries, MsgTTL } = one.eventInvoke
      // What the second is, the page does not say.
      return { AsyncTriggerConfig: { RetryConfig: [{ RetryNum: retries }, { RetryNum: -1 }], MsgTTL } }
    },
  )

  const getFunctionLogs = action(
    {
      ...{ ...page, ...order, FunctionName: 'string', Namespace: 'string?', Qualifier: 'string?' },
      ...{ Filter: 'any?', FunctionRequestId: 'string?', StartTime: 'string?', EndTime: 'string?' },
      SearchContext: 'any?',
    },
    ({ FunctionRequestId: id, Filter, Order = 'desc', ...input }, { region = '' }) => {
      const { name, namespace } = find(region, input)
      const { RetCode } = readParameters({ RetCode: 'string?' }, (Filter ?? {}) as Fields)
      const found = logsOf(region).filter(
        (run) =>
          run.FunctionName === name &&
          run.namespace === namespace &&
          (id === undefined || run.RequestId === id) &&
          (RetCode === undefined || (RetCode === 'is0') === (run.RetCode === 0)),
      )
      if (Order === 'desc') found.reverse()
      return {
        TotalCount: found.length,
        Data: pageOf(found, input).map(({ namespace: _, ...run }) => ({
          ...run,
          BillDuration: Math.ceil(run.Duration),
          MemUsage: 0,
          RetryNum: 0,
        })),
      }
    },
  )

  const invokeFunction = (eventField: 'ClientContext' | 'Event'): Action =>
    action(
      {
        ...{ ...functionName, Qualifier: 'string?', LogType: 'string?', RoutingKey: 'string?' },
        ...{ [eventField]: 'string?', ...(eventField === 'ClientContext' && { InvocationType: 'string?' }) },
      },
      async (input, { region }) => {
        const one = find(region, input)
        if (one.configuration.Type === 'HTTP')
          throw new ApiError('InvalidParameterValue', 'A web function is called by its URL.')
        const run = await runEvent(one, parseEvent((input as Fields)[eventField]))
        const Log = input.LogType === 'Tail' ? Buffer.from(logOf(run)).subarray(-maxTailBytes).toString() : ''
        return {
          Result: {
            Log,
            RetMsg: run.RetCode === 0 ? run.RetMsg : '',
            ErrMsg: run.RetCode === 0 ? '' : run.RetMsg,
            MemUsage: 0,
            Duration: run.Duration,
            BillDuration: Math.ceil(run.Duration),
            FunctionRequestId: run.RequestId,
            InvokeResult: run.RetCode,
          },
        }
      },
    )

  const logOf = ({ output, from }: KeptRun): string => output().slice(from)

  /** What is kept, each with its part of the output. */
  const logsOf = (region: string): (RunLog & { namespace: string })[] => {
    const runs = kept.get(region) ?? []
    return runs.map(({ output, from, ...run }, index) => {
      const next = runs.find((other, at) => at > index && other.output === output)
      return { ...run, Log: output().slice(from, next?.from) }
    })
  }

  /** Keeps what SCF keeps of a run. */
  const keep = (
    one: CloudFunction,
    run: Pick<KeptRun, 'RequestId' | 'RetCode' | 'RetMsg' | 'output' | 'from'>,
    startedAt: number,
  ): KeptRun => {
    const result = {
      ...run,
      FunctionName: one.name,
      namespace: one.namespace,
      StartTime: timeText(startedAt),
      InvokeFinished: 1,
      Duration: now() - startedAt,
    }
    kept.get(one.region)?.push(result)
    return result
  }

  /** The `TriggerDesc` as it is given back. It goes in as a bare cron expression, or as JSON of a URL. */
  const readTriggerDesc = (type: 'timer' | 'http', text: string, urlId: string): string => {
    if (type === 'timer') {
      if (![5, 7].includes(text.split(' ').length) || !/^[\d*/,\-A-Z ]+$/i.test(text))
        throw invalidValue('TriggerDesc', `is \`${text}\``, 'a cron expression of 7 fields')
      return JSON.stringify({ cron: text })
    }
    const { AuthType, NetConfig, ...others } = parseDesc(text)
    if (AuthType !== 'NONE' && AuthType !== 'CAM')
      throw invalidValue('TriggerDesc', 'has another AuthType', 'JSON with AuthType NONE or CAM')
    const { EnableExtranet, EnableIntranet } = (NetConfig ?? {}) as Fields
    if (typeof EnableExtranet !== 'boolean' || typeof EnableIntranet !== 'boolean')
      throw invalidValue('TriggerDesc', 'lacks some of NetConfig', 'JSON with NetConfig')
    const ExtranetUrl = EnableExtranet ? `${url()}/function-url/${urlId}` : ''
    return JSON.stringify({
      AuthType,
      NetConfig: { EnableIntranet, EnableExtranet, IntranetUrl: '', ExtranetUrl },
      CorsConfig: { Enable: false },
      ...others,
    })
  }

  const makeRoleKey = (): RoleKey => {
    const key = { id: `role-${randomUUID()}`, secretKey: randomUUID(), token: `token-${randomUUID()}` }
    keys.set(key.id, { secretKey: key.secretKey, token: key.token })
    return key
  }

  const startInstance = async (one: CloudFunction): Promise<Instance> => {
    const { Runtime, Role, Environment, Handler, Type } = one.configuration
    const folder = await mkdtemp(join(tmpdir(), 'scf-simulator-'))
    await unpack(one.code, folder)
    // A web function gets the keys with each request. Whether its environment has some too, which would grow old, is
    // said both ways: here it has none.
    const key = Role && Type === 'Event' ? makeRoleKey() : null
    const environment = {
      ...Environment,
      ...(key && {
        TENCENTCLOUD_SECRETID: key.id,
        TENCENTCLOUD_SECRETKEY: key.secretKey,
        TENCENTCLOUD_SESSIONTOKEN: key.token,
      }),
      TENCENTCLOUD_RUNENV: 'SCF',
      TENCENTCLOUD_REGION: one.region,
      TENCENTCLOUD_APPID: appId,
      TENCENTCLOUD_UIN: uin,
      TENCENTCLOUD_TZ: 'UTC',
      SCF_RUNTIME: Runtime,
      SCF_FUNCTIONNAME: one.name,
      SCF_FUNCTIONVERSION: '$LATEST',
      SCF_NAMESPACE: one.namespace,
      _SCF_SERVER_PORT: '28902',
      USER_CODE_ROOT: `${folder}/`,
    }
    try {
      if (Type === 'HTTP') {
        const web = await startWebServer(folder, environment)
        return { runs: { web }, folder, output: web.output, kill: web.kill }
      }
      const event = startBundle(join(folder, `${Handler.split('.')[0]}.js`), environment)
      return { runs: { event }, folder, output: event.output, kill: event.kill }
    } catch (error) {
      await rm(folder, { recursive: true })
      throw error
    }
  }

  /** The instance, which is started on first need and replaced after an update. */
  const instanceOf = (one: CloudFunction): Promise<Instance> => {
    if (one.instance) return one.instance
    const instance = startInstance(one)
    one.instance = instance
    instance.catch(() => {
      if (one.instance === instance) one.instance = null
    })
    return instance
  }

  /** Runs an event function, and keeps what SCF keeps of that. */
  const runEvent = async (one: CloudFunction, event: unknown): Promise<KeptRun & { answer: Answer }> => {
    const startedAt = now()
    const RequestId = randomUUID()
    const instance = instanceOf(one)
    const { runs, output } = await instance
    if (!('event' in runs)) throw new Error(`${one.name} is no event function`)
    const from = lengthSoFar(one, output)
    const { Handler, MemorySize, Timeout } = one.configuration
    const answer = await runs.event
      .invoke(event, {
        scf: true,
        exportName: Handler.split('.')[1] ?? '',
        limitMs: Timeout * 1000,
        context: {
          request_id: RequestId,
          memory_limit_in_mb: MemorySize,
          function_version: '$LATEST',
          function_name: one.name,
          namespace: one.namespace,
          tencentcloud_region: one.region,
          tencentcloud_appid: appId,
          tencentcloud_uin: uin,
        },
      })
      .catch((error: Error): Answer => {
        // The process has died: the next event finds a new one.
        stop(one, instance)
        const { name, message, stack = '' } = error
        return { error: { name, message, stack, keys: [] }, timers: [] }
      })
    const { result, error } = answer
    const returned = error
      ? { errorCode: 430, errorMessage: `${error.name}: ${error.message}`, stackTrace: error.stack }
      : (result ?? null)
    const RetMsg = Buffer.from(JSON.stringify(returned)).subarray(0, maxRetMsgBytes).toString()
    const run = { RequestId, RetCode: error ? 430 : 0, RetMsg, output, from }
    return { ...keep(one, run, startedAt), answer }
  }

  /** Where a run's own output begins: of the first run of a process, before all that it wrote while it started. */
  const lengthSoFar = ({ region }: CloudFunction, output: () => string): number =>
    kept.get(region)?.some((run) => run.output === output) ? output().length : 0

  /** Hands a request to a web function, and keeps what SCF keeps of that, which is nothing of the answer. */
  const runWeb = async (one: CloudFunction, request: RawRequest, target: string): Promise<UrlAnswer> => {
    const startedAt = now()
    const RequestId = randomUUID()
    const run = { RequestId, RetMsg: '' }
    try {
      const instance = instanceOf(one)
      const { runs, output } = await instance
      if (!('web' in runs)) throw new Error(`${one.name} is no web function`)
      const from = lengthSoFar(one, output)
      try {
        const { method, body } = request
        const headers = headersFor(one, request.headers, RequestId)
        const answer = await runs.web.ask({ method, target, headers, body }, one.configuration.Timeout * 1000)
        keep(one, { ...run, RetCode: 0, output, from }, startedAt)
        return { ...answer, headers: withoutHops(answer.headers) }
      } catch (error) {
        if (!(error instanceof PlatformError)) throw error
        // SCF takes an instance out of use that ran into its limit or died.
        stop(one, instance)
        keep(one, { ...run, RetCode: error.status, output, from }, startedAt)
        return refuse(error.status, error.message)
      }
    } catch (error) {
      if (!(error instanceof PlatformError)) throw error
      const { status, message, output } = error
      keep(one, { ...run, RetCode: status, output: () => output, from: 0 }, startedAt)
      return refuse(status, message)
    }
  }

  /** The client's headers and SCF's: https://www.tencentcloud.com/document/product/583/40688 */
  const headersFor = (
    one: CloudFunction,
    client: RawRequest['headers'],
    requestId: string,
  ): OutgoingHttpHeaders => {
    const { MemorySize, Timeout, Role } = one.configuration
    if (Role) one.roleKey ??= makeRoleKey()
    const key = Role ? one.roleKey : null
    const own: Record<string, string> = {
      'x-scf-request-id': requestId,
      'x-scf-memory': `${MemorySize}`,
      'x-scf-timeout': `${Timeout * 1000}`,
      'x-scf-version': '$LATEST',
      'x-scf-name': one.name,
      'x-scf-namespace': one.namespace,
      'x-scf-region': one.region,
      'x-scf-appid': appId,
      'x-scf-uin': uin,
      'x-scf-remote-addr': '127.0.0.1',
      ...(key && {
        'x-scf-secret-id': key.id,
        'x-scf-secret-key': key.secretKey,
        'x-scf-session-token': key.token,
      }),
    }
    const { host, ...others } = withoutHops(client)
    const headers: Record<string, string[]> = {}
    for (const [name, values] of Object.entries(others)) headers[name] = [values ?? []].flat().map(String)
    for (const [name, value] of Object.entries(own)) {
      const given = headers[name] ?? []
      if (scf.clientScfHeaders === 'overwritten' || given.length === 0) headers[name] = [value]
      else if (scf.clientScfHeaders === 'joined') headers[name] = [...given, value]
    }
    return { ...headers, host: String(host) }
  }

  const running: Promise<void>[] = []
  /** Ends the instance of a function, or only a given one. */
  const stop = (one: CloudFunction, only: Promise<Instance> | null = one.instance): void => {
    const { instance } = one
    if (instance !== only) return
    one.instance = null
    one.roleKey = null
    if (instance)
      running.push(
        instance.then(
          async ({ kill, folder }) => {
            await kill()
            await rm(folder, { recursive: true })
          },
          // It never ran.
          () => {},
        ),
      )
  }

  const answerUrl = async (request: RawRequest): Promise<UrlAnswer> => {
    const { pathname, searchParams } = new URL(request.url, url())
    const [, , urlId, ...path] = pathname.split('/')
    const all = names.flatMap((region) => [...functionsOf(region).values()])
    const one = all.find(({ triggers }) => triggers.some((trigger) => trigger.urlId === urlId))
    const trigger = one?.triggers.find((trigger) => trigger.urlId === urlId)
    const { AuthType, NetConfig } = parseDesc(trigger?.TriggerDesc ?? '{}')
    if (!one || !trigger?.Enable || !(NetConfig as Fields)['EnableExtranet'])
      return refuse(404, 'FunctionUrlNotFound')
    // Which headers and path the signature of a URL covers beyond this is not documented in full.
    if (AuthType === 'CAM' && verifyTc3(request, { service: 'scf', keys, now: now() }))
      return refuse(403, 'Unauthorized')
    if (one.configuration.Type === 'HTTP') {
      const target = request.url.slice(`/function-url/${urlId}`.length)
      return runWeb(one, request, target.startsWith('/') ? target : `/${target}`)
    }
    const headers = Object.entries(request.headers).map(([name, values]) => [name, (values ?? []).join(',')])
    const event = {
      body: Buffer.from(request.body).toString(),
      headers: { ...Object.fromEntries(headers), 'x-scf-remote-addr': '127.0.0.1' },
      httpMethod: request.method,
      path: `/${path.join('/')}`,
      queryString: Object.fromEntries(searchParams),
    }
    const { result, error } = (await runEvent(one, event)).answer
    if (error) return refuse(430, error.name)
    const reply = result as Partial<{ statusCode: number; headers: Record<string, string>; body: string }>
    if (typeof reply?.statusCode !== 'number')
      return {
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(result ?? null),
      }
    return { status: reply.statusCode, headers: reply.headers ?? {}, body: reply.body ?? '' }
  }

  const actions: Readonly<Record<string, Action>> = {
    CreateFunction: createFunction,
    UpdateFunctionCode: updateFunctionCode,
    UpdateFunctionConfiguration: updateFunctionConfiguration,
    GetFunction: getFunction,
    ListFunctions: listFunctions,
    DeleteFunction: deleteFunction,
    CreateTrigger: createTrigger,
    UpdateTrigger: updateTrigger,
    DeleteTrigger: deleteTrigger,
    ListTriggers: listTriggers,
    GetFunctionEventInvokeConfig: getFunctionEventInvokeConfig,
    UpdateFunctionEventInvokeConfig: updateFunctionEventInvokeConfig,
    GetFunctionLogs: getFunctionLogs,
    Invoke: invokeFunction('ClientContext'),
    InvokeFunction: invokeFunction('Event'),
  }
  const scf: Scf = {
    service: {
      name: 'scf',
      version: '2018-04-16',
      callsPerSecond: (name) => (['GetFunction', 'CreateTrigger', 'DeleteTrigger'].includes(name) ? 100 : 20),
      actions: new Map(Object.entries(actions)),
    },
    delayMs: 20,
    failNext: null,
    clientScfHeaders: 'kept',
    roles: new Set(['vod-aigc-tokens']),
    runtimes: new Set(runtimes),
    namespaces: new Set(['default']),
    functions: (region) =>
      [...functionsOf(region).values()].map((one) => ({
        ...one.configuration,
        Namespace: one.namespace,
        FunctionName: one.name,
        Status: one.status,
        Code: one.code,
        Triggers: one.triggers.map(({ urlId: _, ...trigger }) => trigger),
        EventInvoke: one.eventInvoke,
      })),
    set: (region, name, { Status, ...changes }) => {
      const one = find(region, { FunctionName: name })
      one.configuration = { ...one.configuration, ...changes }
      one.status = Status ?? one.status
    },
    setTrigger: (region, name, triggerName, changes) => {
      const one = find(region, { FunctionName: name })
      one.triggers = one.triggers.map((trigger) =>
        trigger.TriggerName === triggerName ? { ...trigger, ...changes } : trigger,
      )
    },
    runTimer: async (region, name) => {
      const one = find(region, { FunctionName: name })
      const timer = one.triggers.find(({ Type, Enable }) => Type === 'timer' && Enable === 1)
      if (!timer)
        throw new ApiError('ResourceNotFound.Timer', `\`${name}\` has no timer that is switched on.`)
      const run = await runEvent(one, {
        Type: 'Timer',
        TriggerName: timer.TriggerName,
        Time: `${new Date(now()).toISOString().slice(0, 19)}Z`,
        Message: timer.CustomArgument,
      })
      return run.answer
    },
    output: async (region, name) => (await find(region, { FunctionName: name }).instance)?.output() ?? '',
    logs: (region) => logsOf(region).map(({ namespace: _, ...run }) => run),
    renewRoleKey: (region, name) => {
      find(region, { FunctionName: name }).roleKey = makeRoleKey()
    },
    answerUrl,
    close: async () => {
      for (const functions of regions.values()) for (const one of functions.values()) stop(one)
      await Promise.all(running)
    },
  }
  return scf
}

function describeTrigger({ urlId: _, ...trigger }: Trigger): Fields {
  return { ...trigger, AvailableStatus: 'Available', BindStatus: '', ResourceId: '' }
}

function triggerOf(
  { triggers }: CloudFunction,
  { TriggerName, Type, Qualifier = '$LATEST' }: { TriggerName: string; Type: string; Qualifier?: string },
): Trigger {
  const found = triggers.find(
    (trigger) =>
      trigger.TriggerName === TriggerName && trigger.Type === Type && trigger.Qualifier === Qualifier,
  )
  if (!found) throw new ApiError('ResourceNotFound.Trigger', `The trigger \`${TriggerName}\` does not exist.`)
  return found
}

/** Without what is about one connection only. */
function withoutHops(headers: IncomingHttpHeaders | NodeJS.Dict<string[]>): OutgoingHttpHeaders {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...others } = headers
  return others
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
}

function refuse(status: number, errorCode: string): UrlAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ errorCode: status, errorMessage: errorCode }),
  }
}

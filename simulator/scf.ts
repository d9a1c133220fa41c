/**
 * SCF 2018-04-16 as far as event functions from inline zips go
 * (https://www.tencentcloud.com/document/product/583/17235): one account with functions, timers and function URLs
 * in several regions. Creations, updates and deletions take their time, and meanwhile the function refuses
 * others. What is deployed runs: in a process of its own, with SCF's environment, events and context.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { unzipSync } from 'fflate'
import { type Answer, type FunctionProcess, startBundle } from '../test/support/function-process.ts'
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

/** What a function is, in the fields of `GetFunction`. */
export interface FunctionConfiguration {
  readonly Runtime: string
  readonly Type: string
  readonly Handler: string
  readonly Description: string
  readonly MemorySize: number
  readonly Timeout: number
  readonly Role: string
  readonly PublicNetConfig: Fields
  readonly Environment: Readonly<Record<string, string>>
}

/** A function as the account's owner sees it. */
export interface FunctionState extends FunctionConfiguration {
  readonly Namespace: string
  readonly FunctionName: string
  readonly Status: FunctionStatus
  readonly Code: Uint8Array
  readonly Triggers: readonly TriggerState[]
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

/** An answer of a function URL. */
export interface UrlAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
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
  instance: Promise<Instance> | null
}

interface Trigger extends TriggerState {
  /** The part of a function URL's address that names it. */
  readonly urlId: string
}

interface Instance {
  readonly process: FunctionProcess
  readonly folder: string
}

const runtimes = ['Nodejs12.16', 'Nodejs14.18', 'Nodejs16.13', 'Nodejs18.15', 'Nodejs20.19', 'Python3.10']
const maxEnvironmentBytes = 4096
const maxTriggersOfType = 10
const appId = '1250000000'
const uin = '100000000001'

const functionName = { FunctionName: 'string', Namespace: 'string?' } as const
const configuration = {
  Description: 'string?',
  MemorySize: 'uint64?',
  Timeout: 'uint64?',
  Role: 'string?',
  Environment: 'any?',
  PublicNetConfig: 'any?',
  InstallDependency: 'string?',
} as const
const code = { Code: 'any?', CodeSource: 'string?' } as const
const page = { Offset: 'uint64?', Limit: 'uint64?' } as const

/** Whether a request target is a function URL rather than the API. */
export function isFunctionUrl(url: string): boolean {
  return url.startsWith('/function-url/')
}

/** Opens an account. */
export function createScf({ regions: names, keys, url, now }: ScfOptions): Scf {
  const regions = new Map(names.map((region) => [region, new Map<string, CloudFunction>()]))

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

  /** The function, if nothing is going on with it; `refusal` is the code otherwise. */
  const idle = (
    one: CloudFunction,
    refusal: string,
    words: (status: string) => string = (status) => `The function is \`${status}\`; try again later.`,
  ): CloudFunction => {
    if (one.pending) throw new ApiError(refusal, words(one.status))
    return one
  }

  const readConfiguration = (
    input: Values<typeof configuration>,
    before: FunctionConfiguration,
  ): FunctionConfiguration => {
    const { Description, MemorySize, Timeout, Role, Environment, PublicNetConfig } = input
    if (Description !== undefined) checkDescription(Description)
    if (MemorySize !== undefined && MemorySize !== 64 && (MemorySize % 128 !== 0 || MemorySize > 3072))
      throw invalidValue('MemorySize', `is ${MemorySize}`, '64 or a multiple of 128 to 3072')
    if (Timeout !== undefined && (Timeout < 1 || Timeout > 900))
      throw new ApiError('LimitExceeded.Timeout', `The timeout is ${Timeout} and must be from 1 to 900.`)
    if (Role && !scf.roles.has(Role))
      throw new ApiError('ResourceNotFound.RoleCheck', `The role \`${Role}\` does not exist.`)
    return {
      ...before,
      ...(Description !== undefined && { Description }),
      ...(MemorySize !== undefined && { MemorySize }),
      ...(Timeout !== undefined && { Timeout }),
      ...(Role !== undefined && { Role }),
      ...(Environment !== undefined && { Environment: readEnvironment(Environment) }),
      ...(PublicNetConfig !== undefined && { PublicNetConfig: PublicNetConfig as Fields }),
    }
  }

  const createFunction = action(
    { ...functionName, ...configuration, ...code, Runtime: 'string?', Handler: 'string?', Type: 'string?' },
    (input, { region = '' }) => {
      const { FunctionName: name, Namespace: namespace = 'default', Runtime = 'Python2.7' } = input
      const { Type = 'Event', Handler = '' } = input
      const functions = functionsOf(region)
      checkNamespace(namespace)
      if (!/^[A-Za-z](?=.{1,59}$)[A-Za-z0-9_-]*[A-Za-z0-9]$/.test(name))
        throw invalidValue('FunctionName', `is \`${name}\``, '2 to 60 letters, digits, - and _')
      if (!scf.runtimes.has(Runtime))
        throw invalidValue('Runtime', `is \`${Runtime}\``, [...scf.runtimes].join(' or '))
      if (Type !== 'Event' && Type !== 'HTTP') throw invalidValue('Type', `is \`${Type}\``, 'Event or HTTP')
      checkHandler(Handler)
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
      }
      const created: CloudFunction = {
        id: `lam-${randomBytes(4).toString('hex')}`,
        namespace,
        name,
        region,
        createdAt: now(),
        configuration: readConfiguration(input, { ...blank, Runtime, Type, Handler }),
        code: files,
        triggers: [],
        status: 'Creating',
        reason: '',
        pending: null,
        instance: null,
      }
      functions.set(`${namespace}/${name}`, created)
      start(created, 'Creating', 'CreateFailed')
      return {}
    },
  )

  const updateFunctionCode = action(
    { ...functionName, ...code, Handler: 'string?', ZipFile: 'string?', InstallDependency: 'string?' },
    (input, { region }) => {
      if (input.Handler !== undefined) checkHandler(input.Handler)
      const files = readCode(input.ZipFile === undefined ? input : { Code: { ZipFile: input.ZipFile } })
      const one = idle(find(region, input), 'FailedOperation.UpdateFunctionCode')
      start(one, 'Updating', 'UpdateFailed', () => {
        one.code = files
        one.configuration = { ...one.configuration, Handler: input.Handler ?? one.configuration.Handler }
        stop(one)
      })
      return {}
    },
  )

  const updateFunctionConfiguration = action(
    { ...functionName, ...configuration, Runtime: 'string?' },
    (input, { region }) => {
      const one = idle(
        find(region, input),
        'FailedOperation.UpdateFunctionConfiguration',
        // As the service says it, whatever the language asked for.
        (status) => `当前函数处于${status}状态，无法进行此操作，请稍后重试。`,
      )
      if (input.Runtime !== undefined && input.Runtime !== one.configuration.Runtime)
        throw invalidValue('Runtime', 'differs', 'what it was: it cannot be changed')
      const changed = readConfiguration(input, one.configuration)
      start(one, 'Updating', 'UpdateFailed', () => {
        one.configuration = changed
        stop(one)
      })
      return {}
    },
  )

  const getFunction = action(
    { ...functionName, Qualifier: 'string?', ShowCode: 'string?' },
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
    { ...page, Namespace: 'string?', SearchKey: 'string?', Description: 'string?' },
    ({ Namespace = 'default', SearchKey = '', Description = '', ...input }, { region }) => {
      const found = [...functionsOf(region).values()].filter(
        (one) =>
          one.namespace === Namespace &&
          one.name.includes(SearchKey) &&
          one.configuration.Description.includes(Description),
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
    const one = idle(find(region, input), 'FailedOperation.DeleteFunction')
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
    const one = idle(find(region, input), 'FailedOperation.CreateTrigger')
    if (Type !== 'timer' && Type !== 'http') throw invalidValue('Type', `is \`${Type}\``, 'timer or http')
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
    const one = idle(find(region, input), 'FailedOperation.FunctionStatusError')
    const before = triggerOf(one, input)
    const { TriggerDesc, Enable, CustomArgument, Description } = input
    const after: Trigger = {
      ...before,
      ...(TriggerDesc !== undefined && {
        TriggerDesc: readTriggerDesc(before.Type, TriggerDesc, before.urlId),
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
    const one = idle(find(region, input), 'FailedOperation.DeleteTrigger')
    const gone = triggerOf(one, input)
    one.triggers = one.triggers.filter((trigger) => trigger !== gone)
    busy(one)
    return {}
  })

  const listTriggers = action({ ...functionName, ...page }, (input, { region }) => {
    const { triggers } = find(region, input)
    return { TotalCount: triggers.length, Triggers: pageOf(triggers, input).map(describeTrigger) }
  })

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

  const startInstance = async (one: CloudFunction): Promise<Instance> => {
    const { Runtime, Role, Environment, Handler } = one.configuration
    const folder = await mkdtemp(join(tmpdir(), 'scf-simulator-'))
    for (const [path, bytes] of Object.entries(unzipSync(one.code))) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), bytes)
    }
    const key = { id: `role-${randomUUID()}`, secretKey: randomUUID(), token: `token-${randomUUID()}` }
    if (Role) keys.set(key.id, { secretKey: key.secretKey, token: key.token })
    const environment = {
      ...Environment,
      ...(Role && {
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
    return { process: startBundle(join(folder, `${Handler.split('.')[0]}.js`), environment), folder }
  }

  /** Runs a function in its instance, which is started on first need and replaced after an update. */
  const invoke = async (one: CloudFunction, event: unknown): Promise<Answer> => {
    one.instance ??= startInstance(one)
    const { process } = await one.instance
    const { Handler, MemorySize, Timeout } = one.configuration
    const answer = process.invoke(event, {
      scf: true,
      exportName: Handler.split('.')[1] ?? '',
      limitMs: Timeout * 1000,
      context: {
        memory_limit_in_mb: MemorySize,
        function_version: '$LATEST',
        function_name: one.name,
        namespace: one.namespace,
        tencentcloud_region: one.region,
        tencentcloud_appid: appId,
        tencentcloud_uin: uin,
      },
    })
    return answer.catch((error: Error) => {
      // The process has died: the next event finds a new one.
      stop(one)
      throw error
    })
  }

  const running: Promise<void>[] = []
  const stop = (one: CloudFunction): void => {
    const { instance } = one
    one.instance = null
    if (instance)
      running.push(
        instance.then(async ({ process, folder }) => {
          await process.kill()
          await rm(folder, { recursive: true })
        }),
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
    const headers = Object.entries(request.headers).map(([name, values]) => [name, (values ?? []).join(',')])
    const event = {
      body: Buffer.from(request.body).toString(),
      headers: { ...Object.fromEntries(headers), 'x-scf-remote-addr': '127.0.0.1' },
      httpMethod: request.method,
      path: `/${path.join('/')}`,
      queryString: Object.fromEntries(searchParams),
    }
    const { result, error } = await invoke(one, event).catch((error: Error) => ({ result: null, error }))
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
      return invoke(one, {
        Type: 'Timer',
        TriggerName: timer.TriggerName,
        Time: `${new Date(now()).toISOString().slice(0, 19)}Z`,
        Message: timer.CustomArgument,
      })
    },
    output: async (region, name) =>
      (await find(region, { FunctionName: name }).instance)?.process.output() ?? '',
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

function readEnable(text: string): number {
  if (text !== 'OPEN' && text !== 'CLOSE') throw invalidValue('Enable', `is \`${text}\``, 'OPEN or CLOSE')
  return text === 'OPEN' ? 1 : 0
}

function parseDesc(text: string): Fields {
  try {
    return JSON.parse(text)
  } catch {
    throw invalidValue('TriggerDesc', 'is something else', 'JSON')
  }
}

/** `{Variables: [{Key, Value}]}`; one variable with an empty key stands for none. */
function readEnvironment(value: unknown): Record<string, string> {
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
function checkDescription(description: string): void {
  if (!/^[\p{Script=Han}A-Za-z0-9 ,.]{0,1000}$/u.test(description))
    throw invalidValue('Description', 'is something else', '1000 letters, digits, blanks, commas and stops')
}

function checkHandler(handler: string): void {
  if (!/^[A-Za-z][\w-]*[A-Za-z]\.[A-Za-z][\w-]*[A-Za-z]$/.test(handler) || handler.length > 60)
    throw invalidValue('Handler', `is \`${handler}\``, 'FILE.FUNCTION')
}

/** The zip of `Code.ZipFile`, the one source of code here. */
function readCode({ Code, CodeSource = 'ZipFile' }: { Code?: unknown; CodeSource?: string }): Uint8Array {
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

function pageOf<T>(all: readonly T[], { Offset = 0, Limit = 20 }: { Offset?: number; Limit?: number }): T[] {
  return all.slice(Offset, Offset + Limit)
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

function invalidValue(name: string, is: string, should: string): ApiError {
  return new ApiError(
    `InvalidParameterValue.${name}`,
    `The parameter \`${name}\` ${is} and must be ${should}.`,
  )
}

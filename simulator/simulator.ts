/**
 * A simulator of Tencent Cloud API 3.0 on loopback: real HTTP, real signatures, real limits, faults on demand.
 * `npm start` and the tests talk to it as to the service.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { type Aigc, createAigc, isAigc } from './aigc.ts'
import { createCam } from './cam.ts'
import { type Cls, createCls } from './cls.ts'
import { answerConsole, isConsole } from './console.ts'
import { type CallFault, createFaultQueue, type Fault, spoilList } from './faults.ts'
import { createGate, maxBodyBytes, secretIdOf } from './gate.ts'
import { createScf, isFunctionUrl, type Scf } from './scf.ts'
import {
  type Action,
  ApiError,
  type Caller,
  type Fields,
  parseObject,
  requestLimitExceeded,
} from './service.ts'
import { createSsm, type Ssm } from './ssm.ts'
import { createSts, type Sts } from './sts.ts'
import type { Key, RawRequest } from './verify-tc3.ts'
import { type Application, createVod, type Vod } from './vod.ts'

/** How to start a simulator. */
export interface SimulatorOptions {
  /** 0, the default, takes any free port. */
  readonly port?: number
  /** The account's VOD applications and their tokens; default: application 251006666 without tokens. */
  readonly applications?: readonly Application[]
  /** Whether the token list may be read without `SubAppId`; default false. */
  readonly legacyAccount?: boolean
  /** Whether the token list carries `ExtInfos`; default false. */
  readonly extInfos?: boolean
  /** Where SSM, SCF and CLS exist; default: five regions, `ap-singapore` one of them. */
  readonly regions?: readonly string[]
  /** Initial {@link TencentSimulator.lagMs}; default 30000. */
  readonly lagMs?: number
  /** Initial {@link TencentSimulator.clockOffsetMs}; default 0. */
  readonly clockOffsetMs?: number
  /** The passage of time, epoch milliseconds: lag, rate limits and deletions go by it; default `Date.now`. */
  readonly now?: () => number
}

/** A running simulator. */
export interface TencentSimulator {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  /** A permanent key pair, good from the start. */
  readonly secretId: string
  readonly secretKey: string
  /** The keys that may sign, by secret id; add and delete at will. One with `denied` is refused those actions. */
  readonly keys: Map<string, Key>
  /** The account, to look into and to change behind the API's back. */
  readonly vod: Vod
  /** The account's secrets, likewise. */
  readonly ssm: Ssm
  /** Whom the account trusts to take its roles, likewise; at first nobody. */
  readonly sts: Sts
  /** The account's functions, likewise; what is deployed runs. */
  readonly scf: Scf
  /** The account's log topics and alarms, likewise. */
  readonly cls: Cls
  /** The gateway that the tokens are for, at the same address: `/v1/…`. Likewise. */
  readonly aigc: Aigc
  /** Every call to the API so far, refused and spoilt ones too, oldest first. */
  readonly calls: Call[]
  /**
   * Lets the next `times` calls (default 1, `Infinity` allowed) meet a fault, after those asked for before. With an
   * `action` only its calls count, and all others pass by.
   */
  fail(fault: Fault, times?: number, action?: string): void
  clearFaults(): void
  /**
   * How far the lists of tokens and quotas trail behind what was created, changed and deleted, and the age from which a
   * token may be updated, deleted or given a quota.
   */
  lagMs: number
  /** How far the clock that signatures are checked by, and that the `Date` header shows, is ahead of the time. */
  clockOffsetMs: number
  /** Ends at once, whatever hangs or is kept alive. */
  close(): Promise<void>
}

/** A call as the API saw it. */
export interface Call {
  /** Epoch milliseconds of the simulator's passage of time. */
  readonly at: number
  /** `X-TC-Action`, or empty. */
  readonly action: string
  /** From the credential in `Authorization`, verified or not; empty where there is none. */
  readonly secretId: string
  readonly headers: NodeJS.Dict<string[]>
  readonly body: string
  /** `ok` or the error code, even if the answer was lost, or the kind of the fault that kept the call from the API. */
  outcome: string
}

const paddingBytes = 1024 * 1024

const ssmRegions = ['ap-guangzhou', 'ap-hongkong', 'ap-singapore', 'eu-frankfurt', 'na-siliconvalley']

/** Starts a simulator on 127.0.0.1. Rejects when the port is taken. */
export async function startTencentSimulator(options: SimulatorOptions = {}): Promise<TencentSimulator> {
  const { now = Date.now, applications = [{ subAppId: 251006666 }] } = options
  const { legacyAccount = false, extInfos = false, regions = ssmRegions } = options
  // What a caller may set later on. It becomes the returned simulator, so what is set is what is used.
  const settings = { lagMs: options.lagMs ?? 30_000, clockOffsetMs: options.clockOffsetMs ?? 0 }

  const vod = createVod({ applications, legacyAccount, extInfos, lagMs: () => settings.lagMs, now })
  const ssm = createSsm({ regions, now })
  const keys = new Map<string, Key>()
  const cls = createCls({ regions, now })
  const url = (): string => `http://127.0.0.1:${port}`
  const scf = createScf({ regions, keys, now, url, hasTopic: cls.hasTopic })
  const clock = (): number => now() + settings.clockOffsetMs
  const sts = createSts({ keys, clock })
  const aigc = createAigc({
    findApplication: (token, { learnsAfterMs, forgetsAfterMs }) =>
      vod.findApplication(token, { madeUntil: now() - learnsAfterMs, deletedFrom: now() - forgetsAfterMs }),
    settings: {
      learnsAfterMs: 2 * settings.lagMs,
      forgetsAfterMs: 2 * settings.lagMs,
      requestsPerMinute: 10,
    },
    now,
  })
  const cam = createCam({ roles: scf.roles, providers: sts.providers })
  const services = [vod.service, ssm.service, sts.service, scf.service, cls.service, cam]
  const faults = createFaultQueue(new Set(services.flatMap(({ actions }) => [...actions.keys()])))
  const calls: Call[] = []
  const admit = createGate({ services, keys, now, clock })

  const answerApi = async (request: RawRequest, response: ServerResponse): Promise<void> => {
    const call: Call = {
      at: now(),
      action: request.headers['x-tc-action']?.[0] ?? '',
      secretId: secretIdOf(request),
      headers: request.headers,
      body: Buffer.from(request.body).toString(),
      outcome: 'ok',
    }
    calls.push(call)
    const { action, secretId } = call
    const fault = faults.takeForCall(action)
    if (fault && breakConnection(fault, response)) {
      call.outcome = fault.kind
      return
    }
    let fields: Fields
    try {
      const caller = { secretId, region: request.headers['x-tc-region']?.[0] }
      fields = await runCall(admit(request), request.body, caller, fault)
      const listFault = !fault && 'ApiTokens' in fields ? faults.takeForList(action) : null
      if (listFault) fields = spoilList(listFault, fields)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      call.outcome = error.code
      fields = { Error: { Code: error.code, Message: error.message } }
    }
    deliver({ ...fields, RequestId: randomUUID() }, response, fault)
  }

  const server = createServer(async (incoming, response) => {
    response.setHeader('date', new Date(clock()).toUTCString())
    const body = await readBody(incoming)
    if (!body) return
    const { method = '', url = '', headersDistinct: headers } = incoming
    const request: RawRequest = { method, url, headers, body }
    if (isFunctionUrl(url)) {
      const { status, headers, body } = await scf.answerUrl(request)
      return response.writeHead(status, headers).end(body)
    }
    if (isAigc(url)) {
      const { status, headers, body } = aigc.answer(request)
      return response.writeHead(status, headers).end(body)
    }
    if (!isConsole(url)) return answerApi(request, response)
    const { status, content } = answerConsole(request, { vod, faults })
    if (typeof content === 'string')
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(content)
    else
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(`${JSON.stringify(content, null, 2)}\n`)
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')

  const { port } = server.address() as AddressInfo
  const secretId = 'simulator-secret-id'
  const secretKey = 'simulator-secret-key'
  keys.set(secretId, { secretKey })
  return Object.assign(settings, {
    url: `http://127.0.0.1:${port}`,
    port,
    secretId,
    secretKey,
    keys,
    vod,
    ssm,
    sts,
    scf,
    cls,
    aigc,
    calls,
    fail: faults.add,
    clearFaults: faults.clear,
    close: async () => {
      await scf.close()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  })
}

/** Runs an admitted call, or fails it where `fault` says so. Fails with {@link ApiError}. */
async function runCall(
  action: Action,
  body: Uint8Array,
  caller: Caller,
  fault: CallFault | null,
): Promise<Fields> {
  if (fault?.kind === 'throttle') throw requestLimitExceeded()
  if (fault?.kind === 'error' || fault?.kind === 'old-error')
    throw new ApiError(fault.code, fault.message ?? 'A fault on demand.')
  return action(parseObject(body), caller)
}

/** Plays the faults in whose way the API never gets to see the call; tells whether `fault` was one of them. */
function breakConnection(fault: CallFault, response: ServerResponse): boolean {
  switch (fault.kind) {
    case 'hang':
      return true
    case 'reset':
      response.socket?.resetAndDestroy()
      return true
    case 'html':
      response
        .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
        .end('<!doctype html><title>Welcome</title><p>Please log in to this network.</p>')
      return true
    case 'status':
      response
        .writeHead(fault.status, {
          'content-type': 'text/plain',
          ...(fault.retryAfter !== undefined && { 'retry-after': fault.retryAfter }),
        })
        .end(fault.body)
      return true
    default:
      return false
  }
}

/** Sends the answer, an HTTP 200 even for errors, as well as `fault` lets it. */
function deliver(fields: Fields, response: ServerResponse, fault: CallFault | null): void {
  if (fault?.kind === 'lost-answer') {
    response.socket?.resetAndDestroy()
    return
  }
  const padding = fault?.kind === 'too-large' && { Padding: ' '.repeat(paddingBytes) }
  const isOld = fault?.kind === 'old-error'
  const text = JSON.stringify(isOld ? oldForm(fields) : { Response: { ...fields, ...padding } })
  const plain = Buffer.from(fault?.kind === 'bom' ? `\uFEFF${text}` : text)
  const packed = fault?.kind === 'gzip'
  const bytes = packed ? gzipSync(plain) : plain
  const send = (): void => {
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': bytes.length,
      ...(packed && { 'content-encoding': 'gzip' }),
    })
    if (fault?.kind === 'truncated')
      response.write(bytes.subarray(0, bytes.length / 2), () => response.socket?.end())
    else response.end(bytes)
  }
  if (fault?.kind === 'slow') setTimeout(send, fault.ms).unref()
  else send()
}

/** An error as API 2.0 had it: a number for its kind, and its code for the number's description. */
function oldForm({ Error: error }: Fields): Fields {
  const { Code, Message } = error as Fields
  return { code: 4000, codeDesc: Code, message: Message }
}

/** The whole body, or null when the client went away. Of one beyond the limit only the excess is dropped. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (length <= maxBodyBytes) chunks.push(chunk)
      length += chunk.length
    }
    return Buffer.concat(chunks)
  } catch {
    return null
  }
}

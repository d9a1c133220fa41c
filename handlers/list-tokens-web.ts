/**
 * `list-tokens` over plain HTTP: a web function of SCF, whose log keeps nothing of what it answers
 * (https://www.tencentcloud.com/document/product/583/40689), or a container.
 */
import { randomUUID } from 'node:crypto'
import { readRunRole } from '../lib/credentials/run-role.ts'
import { describeProblem, Refusal } from '../lib/endpoint/problem.ts'
import { methods } from '../lib/endpoint/routes.ts'
import { ConfigError } from '../lib/errors.ts'
import { errorFields, reasonOf } from '../lib/platform/log.ts'
import { type Reply, toReply } from '../lib/platform/reply.ts'
import { type RawRequest, readWebRequest, type WebRequest } from '../lib/platform/web.ts'
import { initializeAtLoad, initializeInFull } from './initialize.ts'
import { createHandler, type Outcome, type Work } from './invocation.ts'
import { rehearsalKey } from './rehearsal.ts'
import { type Edge, edge } from './runtime.ts'
import { countRequest, serve } from './serve.ts'
import { type HttpServer, type ServerAnswer, startServer } from './server.ts'

/** The port that SCF sends requests to, on any address but loopback (https://www.tencentcloud.com/document/product/583/40690). */
const scfPort = 9000

/** On SCF the keys of the run role may come with requests alone. */
const web: Edge = { ...edge, runtime: () => edge.runtime(edge.isScf ? 'requests' : 'environment') }

interface Received extends WebRequest {
  readonly method: string
}

const work: Work = {
  name: 'list-tokens',
  metricsOfError: (_, edge) => countRequest(edge),
  async run(event, invocation, edge) {
    const { method, request, platformHeaders } = event as Received
    if (method === 'CONNECT' || request === null) return refuse(method, invocation.requestId)
    return serve(request, invocation, edge, () => edge.runtime().cacheFor(() => readRunRole(platformHeaders)))
  },
}
const handler = createHandler(work, web)

/** What asks for nothing of this server. */
function refuse(method: string, requestId: string | null): Outcome {
  const refusal =
    method === 'CONNECT'
      ? new Refusal(405, 'MethodNotAllowed', 'this is no proxy', { allow: methods.join(', ') })
      : new Refusal(400, 'InputInvalid', 'the target of the request names nothing here')
  const trigger = web.isScf ? 'scf-web' : 'web'
  return {
    result: toReply({ shape: trigger, method }, describeProblem(refusal)),
    level: 'warn',
    fields: {
      trigger,
      invocation: requestId,
      outcome: 'refused',
      reason: reasonOf(refusal),
      good: 1,
      status: refusal.status,
      ...errorFields(refusal),
    },
    metrics: countRequest(web),
  }
}

async function answer(sent: RawRequest): Promise<ServerAnswer> {
  const { method } = sent
  const read = readWebRequest(sent, web)
  const requestId = read.requestId ?? randomUUID()
  const received: Received = { method, ...read }
  const reply = await handler(received, { request_id: requestId }).catch(() =>
    // What it threw is in the log.
    toReply({ shape: 'web', method }, describeProblem(new Error('see the log'))),
  )
  const { statusCode, headers, body } = reply as Reply
  return { status: statusCode, headers: { 'x-request-id': requestId, ...headers }, body }
}

/** Everywhere but on SCF the environment says where to listen: by default on all addresses. */
function readAddress(): { port: number; host?: string } {
  if (web.isScf) return { port: scfPort, host: '0.0.0.0' }
  const { PORT: port = '', HOST: host = '' } = process.env
  if (!/^\d{0,5}$/.test(port) || Number(port) > 65_535)
    throw new ConfigError(['PORT must be a whole number from 0 to 65535'])
  return { port: port === '' ? scfPort : Number(port), ...(host !== '' && { host }) }
}

/** Wrong settings keep nothing from starting: they are told here, and with each request that needs them. */
function findConfigError(): unknown {
  try {
    web.runtime()
    return null
  } catch (error) {
    return error
  }
}

/** SCF waits for a function that listens. */
async function initialize(): Promise<void> {
  initializeAtLoad(web)
  const rawHeaders = ['authorization', `Bearer ${rehearsalKey}`]
  await initializeInFull(web, (stage) => {
    const sent = { method: 'GET', url: '/tokens', rawHeaders }
    return createHandler(work, stage)(
      { ...sent, ...readWebRequest(sent, stage) },
      { request_id: 'rehearsal' },
    )
  })
}

async function start(): Promise<void> {
  const error = findConfigError()
  await initialize()
  let server: HttpServer
  try {
    server = await startServer(answer, readAddress())
  } catch (failure) {
    const { code, message } = failure as NodeJS.ErrnoException
    web.log('error', 'listening', {
      code: code ?? 'InternalError',
      message: `Listening for requests: ${message}`,
    })
    process.exit(1)
  }
  const { address, port } = server.address
  web.log(error ? 'error' : 'info', 'listening', { address, port, ...(error !== null && errorFields(error)) })
  let isStopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (isStopping) process.exit(1)
      isStopping = true
      void server.stop().then(() => process.exit(0))
    })
}

void start()

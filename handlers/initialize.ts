/**
 * What a function does before it is first asked. Lambda gives a whole CPU to that and a fraction of one to each invocation, so
 * whatever a first request needs is loaded, connected and run once here. Nothing is asked of anybody, and nothing that goes
 * wrong is told: the first request meets it again, and tells it.
 */
import { createConnector, type Destination } from '../lib/connect.ts'
import { storeKinds } from '../lib/stores/index.ts'
import { within } from '../lib/time.ts'
import { type Rehearse, rehearse, sourceOf } from './rehearsal.ts'
import { type Edge, type Runtime, shelf } from './runtime.ts'

/** What a start may wait, in milliseconds: connections to the other side of the world take half of it. */
const patienceMs = 1_500

/**
 * What can be done at once, while a CommonJS module is loaded; that is all that Lambda and SCF wait for. In terminals and
 * containers it does nothing.
 */
export function initializeAtLoad(edge: Edge): void {
  if (!isOnPlatform(edge)) return
  try {
    const runtime = edge.runtime()
    // The system's trusted roots are read once in a process.
    process.getBuiltinModule('node:tls').createSecureContext()
    if (usesAws(runtime, edge)) runtime.aws().catch(() => {})
  } catch {}
}

/**
 * The rest, for a start that can be waited for. Never rejects, and resolves within {@link patienceMs}; what is not ready then is
 * dropped.
 */
export async function initializeInFull(edge: Edge, run: Rehearse): Promise<void> {
  if (!isOnPlatform(edge)) return
  let isOver = false
  const { time } = edge
  const late = (): Error => new Error('initialising took too long')
  try {
    await within(time, time.monotonic() + patienceMs, late, async () => {
      const runtime = edge.runtime()
      if (usesAws(runtime, edge)) {
        await runtime.aws()
        // Elsewhere the SDK would ask somebody for credentials.
        if (!hasAwsKeys(edge)) return
      }
      const opening: Promise<void>[] = []
      const onOpen = (to: Destination): void => {
        opening.push(open(to, runtime, () => isOver))
      }
      await rehearse(runtime.config, edge, { run, onOpen }).catch(() => {})
      await Promise.all(opening)
    })
  } catch {}
  isOver = true
}

function isOnPlatform({ functionName, isScf }: Edge): boolean {
  return functionName !== '' || isScf
}

function usesAws({ config }: Runtime, { environment }: Edge): boolean {
  const { fallbacks, mirrors, rotation, source } = config
  const targets = [
    ...[...fallbacks, ...rotation.records].map(({ target }) => target),
    ...mirrors.flatMap(({ targets }) => targets),
  ]
  if (targets.some(({ scheme }) => storeKinds[scheme]?.cloud === 'aws')) return true
  if (source === 'mirror') return false
  return ['aws-secret', 'keyless'].includes(sourceOf(environment))
}

/** Those that Lambda gives to every function, and nothing that comes before them. */
function hasAwsKeys({ environment }: Edge): boolean {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE } = environment
  return Boolean(AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY && !AWS_PROFILE)
}

/** Opens a connection and puts it on the shelf. Never rejects. */
async function open(to: Destination, { config: { proxy } }: Runtime, isOver: () => boolean): Promise<void> {
  // A proxy would have to be asked for it.
  if (to.use === 'tls' && proxy?.covers(to.host, to.port)) return
  try {
    const socket = await createConnector({ proxy: null }).connect(to)
    if (isOver()) socket.destroy()
    else shelf.put(to, socket)
  } catch {}
}

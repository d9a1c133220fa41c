/**
 * `npm run deploy:scf`: the functions, their timers and the function URL on Tencent SCF, and alarms in CLS, made or
 * brought up to date.
 * The thin edge: arguments, environment, files and the terminal. What is decided is in `scf/plan.ts`.
 */
import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemTime } from '../../handlers/time.ts'
import { type Config, parseConfig, settings } from '../../lib/config.ts'
import { chooseCredentials, credentialVariables, type Environment } from '../../lib/credentials/sources.ts'
import { CodedError } from '../../lib/errors.ts'
import { createScrubber } from '../../lib/platform/scrub.ts'
import { proxySecrets } from '../../lib/proxy.ts'
import { storeKinds } from '../../lib/stores/index.ts'
import { type CallTencent, createTencentClient } from '../../lib/tencent/client.ts'
import { type Credentials, createSigner } from '../../lib/tencent/tc3.ts'
import { createTransport } from '../../lib/tencent/transport.ts'
import { buildFunctions } from '../../scripts/build.ts'
import { loadEnv } from '../../scripts/environment.ts'
import { makeFolder } from '../../scripts/scratch.ts'
import { bringInStep, readSettled, type Scf, scfApi } from './apply.ts'
import { type DeployOptions, help, parseOptions } from './options.ts'
import {
  type Code,
  findUrl,
  type Plan,
  planDeployment,
  planLeft,
  planRemoval,
  planReplacement,
  planRotationRemoval,
} from './plan.ts'
import { type Get, waitUntilReady } from './ready.ts'
import { camApi, camEndpoint, checkRoles, type NamedRole } from './roles.ts'
import { type FunctionState, isOurs, isWatched } from './state.ts'
import {
  type Delivery,
  type FunctionName,
  functionNames,
  nameEarlierFunction,
  nameFunctions,
  type WantedFunction,
  wantFunctions,
} from './wanted.ts'
import { nameTopic, wantWatch } from './watch.ts'
import { bringWatchInStep, clsApi, readWatch } from './watch-apply.ts'
import { planAlarms, planRotationSilence, planSilence, planTopic } from './watch-plan.ts'
import type { WatchState } from './watch-state.ts'

// Whoever reads what is printed may stop, as `head` does: what was begun is done to its end all the same.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
const options = readOptions()
loadEnv('deploy:scf')
const env = process.env
// SCF's words could quote what was sent. The settings that are no secrets stay readable.
const secrets = [...credentialVariables, 'AIGC_API_KEYS', ...options.variables]
const { addSecrets, scrub } = createScrubber()
addSecrets([...secrets.map((name) => env[name]?.trim()), ...proxySecrets(env)])

try {
  await run(options)
} catch (error) {
  // A bug shows its stack, all else its message.
  const text = error instanceof CodedError ? error.message : error instanceof Error ? error.stack : error
  fail(String(text))
}

/** Something that a deployment makes, changes or removes: a function, the log topic, the alarms. */
interface Target {
  /** For people, such as `function NAME`. */
  readonly title: string
  /** Whether that there is nothing to do is nothing to tell. */
  readonly isQuiet?: boolean
  /** Looks at what stands. */
  look(): Promise<Plan>
  /** Makes the steps of the plan, looking again after each; may return a sentence to tell. */
  bring(): Promise<void>
}

interface Tencent {
  readonly scf: Scf
  readonly cls: Scf
  readonly callCam: CallTencent
}

async function run({ mode, stage, namespace, auth, ...others }: DeployOptions): Promise<void> {
  const config = readDeployment()
  const region = others.region ?? config.region
  const removing = mode === 'remove' || mode === 'plan-remove'
  const planning = mode === 'plan' || mode === 'plan-remove'
  const tencent = openTencent(config, region)
  const states = new Map<string, FunctionState | null>()
  const targets = removing
    ? await chooseRemovals(states, tencent)
    : await chooseDeployments(region, states, tencent)

  // Nothing is touched before all is known to be well.
  const roles = await checkRoles(removing ? [] : namedRoles(others), {
    ...systemTime,
    call: tencent.callCam,
  })
  const plans: { target: Target; plan: Plan }[] = []
  for (const target of targets) plans.push({ target, plan: await target.look() })
  const refusals = [...roles.refusals, ...plans.flatMap(({ plan }) => plan.refusals)]
  if (refusals.length > 0) fail(refusals.join('\n'))
  const doing = removing ? 'Removing from' : 'Deploying to'
  print(`${planning ? 'Plan: ' : ''}${doing} SCF in ${region}, namespace ${namespace}, stage ${stage}`)
  for (const note of roles.notes) print(`note: ${note}`)

  for (const { target, plan } of plans) {
    for (const note of plan.notes) print(`note: ${note}`)
    if (plan.steps.length === 0) {
      if (!target.isQuiet) print(`${removing ? 'gone' : 'unchanged'}: ${target.title}`)
    } else if (planning) for (const { what } of plan.steps) print(`would ${what}`)
    else await target.bring()
  }
  if (planning) print('Nothing was changed.')
  if (mode === 'deploy') greet(states, nameFunctions(stage), options)
}

/** Site, region and endpoint: what the command itself needs of the settings. */
function readDeployment(): Config {
  const own = Object.entries(settings).flatMap(([name, { readers }]) =>
    readers.includes('deploy') ? [name] : [],
  )
  const names = [...own, 'TENCENTCLOUD_REGION', ...credentialVariables]
  return parseConfig(pickOwn(names), storeKinds)
}

/** The log topic first, which the functions need; the alarms last, which need lines. */
async function chooseDeployments(
  region: string,
  states: Map<string, FunctionState | null>,
  tencent: Tencent,
): Promise<Target[]> {
  const { alarms, stage, namespace, auth } = options
  const wanted = wantFunctions(options, region, env)
  const watch = alarms === null ? null : wantWatch(alarms, options, env)
  if (auth === 'CAM' && !['', 'platform'].includes(env['AIGC_HTTP_AUTH']?.trim() ?? ''))
    print('note: AIGC_HTTP_AUTH of list-tokens is platform, because --auth is CAM; for keys use --auth NONE')
  const ofRotation = Object.entries(settings).flatMap(([name, { readers }]) =>
    readers.every((reader) => reader === 'rotate-tokens') && env[name]?.trim() ? [name] : [],
  )
  if (!options.rotation && ofRotation.length > 0)
    print(`note: without --rotation no function gets ${ofRotation.join(', ')}`)
  const built = await build(wanted)
  const { scf, cls } = tencent
  let watchState: WatchState | null = null
  const deliver = (): Delivery | null =>
    watch && {
      topicName: watch.topicName,
      logsetId: watchState?.logsetId ?? '',
      topicId: watchState?.topic?.id ?? '',
    }
  const deployments = built.map(({ one, code }) =>
    targetOf(one, (state) => planDeployment({ ...one, delivery: deliver() }, code, state), states, scf),
  )
  const names = nameFunctions(stage)
  const earlier = { name: nameEarlierFunction(stage), namespace }
  const successor = names['list-tokens']
  const replacement = targetOf(earlier, (state) => planReplacement(earlier, successor, state), states, scf)
  const replacing: Target = {
    ...replacement,
    // That nothing is left of an earlier version is nothing to tell.
    isQuiet: true,
    async bring() {
      const state = states.get(successor)
      const url = state ? findUrl(state) : null
      const note = await waitUntilReady({ name: successor, url, auth }, { ...scf, get })
      if (note) print(`note: ${note}`)
      await replacement.bring()
    },
  }
  const rotation = { name: names['rotate-tokens'], namespace }
  const left: Target = {
    ...targetOf(rotation, (state) => planLeft(rotation, state), states, scf),
    isQuiet: true,
  }
  const functions = [
    // It goes as soon as its successor stands.
    ...wanted.flatMap(({ name }, index) => [
      ...deployments.slice(index, index + 1),
      ...(name === successor ? [replacing] : []),
    ]),
    ...(options.rotation ? [] : [left]),
  ]
  if (!watch) return functions
  const watchTarget = (title: string, plan: (state: WatchState) => Plan): Target => ({
    title: `${title} ${watch.topicName}`,
    async look() {
      watchState ??= await readWatch(watch, cls)
      return plan(watchState)
    },
    async bring() {
      watchState = await bringWatchInStep(watch, plan, cls)
    },
  })
  return [
    watchTarget('log topic', (state) => planTopic(watch, state)),
    ...functions,
    watchTarget('alarms on', (state) => planAlarms(watch, state)),
  ]
}

/** What stands of a function is kept in `states`. */
function targetOf(
  identity: { readonly name: string; readonly namespace: string },
  plan: (state: FunctionState | null) => Plan,
  states: Map<string, FunctionState | null>,
  scf: Scf,
): Target {
  return {
    title: `function ${identity.name}`,
    async look() {
      const state = await readSettled(identity, scf)
      states.set(identity.name, state)
      return plan(state)
    },
    async bring() {
      states.set(identity.name, await bringInStep(identity, plan, scf))
    },
  }
}

/** The alarms first, which would ring; then what has a timer, so that it does not ring in between. */
async function chooseRemovals(
  states: Map<string, FunctionState | null>,
  { scf, cls }: Tencent,
): Promise<Target[]> {
  const { stage, namespace, alarms, rotation } = options
  const names = nameFunctions(stage)
  const chosen = rotation ? (['rotate-tokens'] as const) : [...functionNames].reverse()
  const removals = chosen.map((name): Target => {
    const identity = { name: names[name], namespace }
    if (name !== 'rotate-tokens')
      return targetOf(identity, (state) => planRemoval(identity, state), states, scf)
    const plan = (state: FunctionState | null): Plan =>
      planRotationRemoval(identity, rotation ? state : oursOf(state))
    return { ...targetOf(identity, plan, states, scf), isQuiet: !rotation }
  })
  const earlier = { name: nameEarlierFunction(stage), namespace }
  const ofEarlier = (state: FunctionState | null): Plan => planRemoval(earlier, oursOf(state))
  const functions = [
    ...removals,
    ...(rotation ? [] : [{ ...targetOf(earlier, ofEarlier, states, scf), isQuiet: true }]),
  ]
  // Without alarms nothing of CLS is asked: who deploys may not be allowed to.
  const silenced = await Promise.all(
    chosen
      .filter((name) => name !== 'list-tokens')
      .map((name) => readSettled({ name: names[name], namespace }, scf)),
  )
  if (alarms === null && !silenced.some((state) => state && isOurs(state) && isWatched(state)))
    return functions
  const topicName = nameTopic(options)
  const watched = { topicName, noticeId: null }
  const plan = (state: WatchState): Plan =>
    rotation ? planRotationSilence(topicName, state) : planSilence(topicName, state)
  const silence: Target = {
    title: rotation ? `alarms on ${names['rotate-tokens']}` : `alarms on ${topicName}`,
    look: async () => plan(await readWatch(watched, cls)),
    bring: async () => void (await bringWatchInStep(watched, plan, cls)),
  }
  return [silence, ...functions]
}

/** What stands there, unless that is somebody else's: then it is in nobody's way. */
function oursOf(state: FunctionState | null): FunctionState | null {
  return state && isOurs(state) ? state : null
}

/** Builds into a folder of its own: `dist` may be in use. */
async function build(
  wanted: readonly WantedFunction[],
): Promise<readonly { readonly one: WantedFunction; readonly code: Code }[]> {
  const folder = makeFolder()
  try {
    await buildFunctions(
      folder,
      undefined,
      wanted.map((one) => one.function),
    )
    const read = async (name: FunctionName): Promise<Code> => {
      const zip = await readFile(join(folder, `${name}.zip`))
      return { base64: zip.toString('base64'), sha256: createHash('sha256').update(zip).digest('hex') }
    }
    return await Promise.all(wanted.map(async (one) => ({ one, code: await read(one.function) })))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The key of whoever deploys: one from the environment, because AWS vouches for nobody here. */
function ownKey(): Credentials {
  const choice = chooseCredentials(pickOwn(credentialVariables))
  if (!('credentials' in choice)) throw new Error('only these variables were picked')
  return choice.credentials
}

function pickOwn(names: readonly string[]): Environment {
  return Object.fromEntries(names.map((name) => [name, env[name]]))
}

function namedRoles({
  role,
  listRole,
  rotationRole,
}: Pick<DeployOptions, 'role' | 'listRole' | 'rotationRole'>): NamedRole[] {
  return [
    ...(role === null ? [] : [{ name: role, flag: '--role' as const }]),
    ...(listRole === null || listRole === role ? [] : [{ name: listRole, flag: '--list-role' as const }]),
    ...(rotationRole === null ? [] : [{ name: rotationRole, flag: '--rotation-role' as const }]),
  ]
}

function openTencent({ scfEndpoint, clsEndpoint, proxy }: Config, region: string): Tencent {
  const deps = {
    send: createTransport({ proxy }),
    credentials: ownKey,
    ...systemTime,
  }
  const say: Scf['say'] = (what, progress) => {
    if (progress === 'begun') process.stdout.write(scrub(`${what} … `))
    else console.log(progress)
  }
  const cls = createTencentClient({ ...clsApi, endpoint: clsEndpoint, region }, deps)
  return {
    scf: { ...deps, say, call: createTencentClient({ ...scfApi, endpoint: scfEndpoint, region }, deps) },
    cls: { ...deps, say, call: cls },
    callCam: createTencentClient({ ...camApi, endpoint: camEndpoint(scfEndpoint) }, deps),
  }
}

async function get(url: string, { signed }: { readonly signed: boolean }): ReturnType<Get> {
  const answer = await fetch(url, {
    headers: signed ? signUrl(url, ownKey()) : {},
    signal: AbortSignal.timeout(20_000),
  })
  return { status: answer.status, text: await answer.text() }
}

/** https://www.tencentcloud.com/document/product/583/69493 */
function signUrl(url: string, credentials: Credentials): Record<string, string> {
  const timestamp = Math.floor(systemTime.now() / 1000)
  const type = { 'content-type': 'application/json' }
  const sign = createSigner({ method: 'GET', headers: { ...type, host: new URL(url).host } }, 'scf')
  return {
    ...type,
    'x-tc-timestamp': `${timestamp}`,
    authorization: sign('', timestamp, credentials),
    ...(credentials.token && { 'x-tc-token': credentials.token }),
  }
}

function greet(
  states: ReadonlyMap<string, FunctionState | null>,
  names: Readonly<Record<FunctionName, string>>,
  { auth, rotation }: DeployOptions,
): void {
  const listTokens = states.get(names['list-tokens'])
  const url = listTokens ? findUrl(listTokens) : null
  const caller = auth === 'CAM' ? 'a request signed for scf' : 'Authorization: Bearer YOUR-KEY'
  print(`
list-tokens:    GET ${url ? `${url}/tokens` : '(no public address yet; see the SCF console)'} with ${caller}
mirror-tokens:  runs by its timer; in the SCF console, run it with {} at once, with {"DryRun":true} to only look`)
  if (!rotation) return
  const days = env['AIGC_ROTATE_EVERY_DAYS']?.trim()
  const when = days
    ? `replaces the token in use every ${days} days`
    : 'replaces the token in use when it is run with {"Now":true}'
  print(`rotate-tokens:  ${when}; with {"DryRun":true} it says its next step`)
}

function readOptions(): DeployOptions {
  const read = parseOptions(process.argv.slice(2), process.env)
  if ('problems' in read) {
    console.error(`deploy:scf: ${read.problems.join('\n- ')}\n\nnpm run deploy:scf -- --help says more.`)
    process.exit(2)
  }
  if (read.mode === 'help') {
    console.log(help)
    process.exit(0)
  }
  return read
}

function print(line: string): void {
  console.log(scrub(line))
}

function fail(message: string): never {
  console.error(scrub(`deploy:scf: ${message}`))
  process.exit(1)
}

/**
 * A fleet in virtual time. Each instance has the real pace, client and cache of `lib/`; clients come at random
 * (Poisson). Only requests that can change something are played: those that a cache answers are counted by their
 * expected number, which is exact, because what comes at random has no memory of what came before.
 */
import { type CachedList, createTokenCache } from '../../lib/endpoint/cache.ts'
import { type CallTencent, createTencentClient } from '../../lib/tencent/client.ts'
import { createPace, type Pace } from '../../lib/tencent/pace.ts'
import { describeAigcApiTokens, vodApi, vodCallsPerSecond } from '../../lib/tencent/vod.ts'
import { createRandom } from '../../test/simulation/random.ts'
import { type Clock, createClock } from './clock.ts'
import { type Answer, createMeter, type FleetCounts, type Meter } from './meter.ts'
import { type FleetSettings, startOf } from './settings.ts'
import { createWorld, isMirrored, type World } from './world.ts'

/** Defaults of `AIGC_STALE_SECONDS` and `AIGC_TIMEOUT_MS`. */
const staleSeconds = 3_600
const timeoutMs = 10_000
/** The longest silence of a pace, and then some. */
const longestQuietMs = 5_000
/** How many times the model's idea of a list's time is compared with the cache's own. */
const probes = 200

interface Fleet {
  readonly settings: FleetSettings
  readonly clock: Clock
  readonly meter: Meter
  readonly world: World
  /** Chance in the world: starts and arrivals. */
  readonly chance: () => number
  /** Chance that is lent to the code. */
  readonly lent: () => number
  probesLeft: number
  /** Where the code does otherwise than the model holds. */
  readonly misfits: string[]
}

interface Instance {
  readonly call: CallTencent
  readonly pace: Pace
  /** The clock that is lent to the code. */
  now(): number
  /** When the silence that is on at present ends, in whole milliseconds, as the pace itself has it. */
  backOffUntil(): number
}

/** Plays a fleet from its cold start on. The same settings give the same counts. Throws when `lib/endpoint/cache.ts` has changed. */
export async function runFleet(settings: FleetSettings): Promise<FleetCounts> {
  const { instances, applications, jitter, seed } = settings
  const clock = createClock()
  const meter = createMeter(settings)
  const chance = createRandom(seed).next
  const lent = jitter ? createRandom(seed + 1).next : () => 0.5
  const world = createWorld(settings, clock, meter, createRandom(seed + 2).next)
  const fleet: Fleet = { settings, clock, meter, world, chance, lent, probesLeft: probes, misfits: [] }
  for (let index = 0; index < instances; index++) {
    const instance = createInstance(fleet)
    const startMs = startOf(index, chance)
    // An instance starts because of a request, which is for one of the applications.
    const wanted = Math.floor(chance() * applications)
    for (let application = 0; application < applications; application++)
      playApplication(fleet, instance, application, startMs, application === wanted)
  }
  await clock.run(meter.seconds * 1000)
  const [misfit] = fleet.misfits
  if (misfit)
    throw new Error(`Playing a fleet: lib/endpoint/cache.ts ${misfit}; fit bench/scale/fleet.ts to it`)
  return meter.counts()
}

function createInstance({ settings, clock, world, lent }: Fleet): Instance {
  let pretended: number | null = null
  const now = (): number => pretended ?? clock.now()
  const deps = { now, monotonic: now, random: lent, sleep: clock.sleep }
  const real = createPace(vodCallsPerSecond, deps)
  const pace: Pace = settings.quiet ? real : { ...real, throttled: () => {}, isBackingOff: () => false }
  const call = createTencentClient(
    { ...vodApi, endpoint: 'https://tencent' },
    { ...deps, pace, send: world.connect(), credentials: () => null },
  )
  return {
    call,
    pace,
    now,
    backOffUntil() {
      let quiet = clock.now()
      let over = quiet + 2 * longestQuietMs
      while (over - quiet > 1) {
        pretended = Math.floor((quiet + over) / 2)
        if (pace.isBackingOff()) quiet = pretended
        else over = pretended
      }
      pretended = null
      return over
    },
  }
}

/** All that clients want of one application from one instance; its cache has one entry. */
function playApplication(
  fleet: Fleet,
  { call, pace, now, backOffUntil }: Instance,
  subAppId: number,
  startMs: number,
  wantedAtOnce: boolean,
): void {
  const { settings, clock, meter, world, chance } = fleet
  const { cacheSeconds, source, applications, instances, requestsPerSecond } = settings
  const perMs = requestsPerSecond / 1000 / instances / applications
  let drawn = 0
  let freshUntil = 0
  const cache = createTokenCache(
    { cacheSeconds, staleSeconds },
    {
      list:
        source === 'mirror'
          ? world.readMirrored
          : (_, deadline, options) => describeAigcApiTokens(call, subAppId, deadline, options),
      isBackingOff: pace.isBackingOff,
      choosePick: (_, apiTokens) => apiTokens[0] ?? null,
      fallback: settings.fallback && source === 'api' ? world.readMirrored : null,
      now,
      monotonic: now,
      // Nothing hangs in this fleet.
      after: () => () => {},
      random: () => {
        drawn = fleet.lent()
        return drawn
      },
    },
  )
  const ask = (): Promise<CachedList> =>
    cache.get(subAppId, { refresh: false, deadline: clock.now() + timeoutMs })
  /** The next request after `ms`: what comes at random waits an exponential time, whenever one begins to wait. */
  const requestAfter = (ms: number): void => clock.at(ms - Math.log(1 - chance()) / perMs, request)

  function request(): void {
    const asked = clock.now()
    /** Whoever came meanwhile got the same answer; whoever comes before `until` will, and changes nothing. */
    const settle = (kind: Answer, until = clock.now()): void => {
      meter.answer(kind, asked, until, perMs, 1)
      requestAfter(until)
    }
    ask().then(
      (list) => {
        if (list.fromCache && !list.staleBecause) {
          fleet.misfits.push('still serves a list that the model holds for old')
          return
        }
        if (list.staleBecause) return isMirrored(list) ? settle('mirror') : settle('stale', staleEnd())
        freshUntil = Date.parse(list.observedAt) + cacheSeconds * 1000 * (0.75 + 0.5 * drawn)
        probe()
        settle(source === 'mirror' ? 'mirror' : 'good', Math.ceil(freshUntil))
      },
      () => settle('failed'),
    )
  }

  /** Until when every request gets the old list without a call, because Tencent is left alone. */
  function staleEnd(): number {
    // Calls for other applications of this instance may change the silence at any time.
    if (applications > 1 || !pace.isBackingOff()) return clock.now()
    return Math.min(backOffUntil(), freshUntil + staleSeconds * 1000)
  }

  /** A request just before a list gets old must still be answered from the cache. */
  function probe(): void {
    const last = Math.ceil(freshUntil) - 1
    if (fleet.probesLeft <= 0 || last <= clock.now()) return
    fleet.probesLeft--
    clock.at(last, () =>
      ask().then(({ fromCache }) => {
        if (!fromCache) fleet.misfits.push('asks again for a list that the model holds for good')
      }),
    )
  }

  clock.at(startMs, wantedAtOnce ? request : () => requestAfter(clock.now()))
}

/** The fleets of a default run. */
import { awsReadsPerSecond, type FleetSettings, instancesFor } from './settings.ts'

export interface Scenario {
  readonly settings: FleetSettings
  /** Where its calls are drawn: the heading of a column of the chart; `null` where they are not. */
  readonly column: string | null
}

/** The defaults of the function, at ten requests a second. */
export const defaults: FleetSettings = {
  name: '',
  requestsPerSecond: 10,
  instances: instancesFor(10),
  applications: 1,
  cacheSeconds: 30,
  jitter: true,
  quiet: true,
  limit: true,
  fallback: false,
  source: 'api',
  storeReadsPerSecond: awsReadsPerSecond,
  seconds: null,
  seed: 1,
}

type Changes = Partial<FleetSettings>

const rates = 'What to set for a rate'
const thousand = '1,000 instances, AIGC_CACHE_SECONDS=300'

/** Runs that never settle, and in which every request is played, are cut short with `seconds`. */
export function scenarios(seed: number): Scenario[] {
  const at = (requestsPerSecond: number, name: string, changes: Changes = {}, drawn = true): Scenario => ({
    settings: {
      ...defaults,
      requestsPerSecond,
      instances: instancesFor(requestsPerSecond),
      name,
      seed,
      ...changes,
    },
    column: drawn ? rates : null,
  })
  const table = (name: string, changes: Changes, drawn = false): Scenario => ({
    settings: { ...defaults, requestsPerSecond: 1_000, instances: 1_000, name, seed, ...changes },
    column: drawn ? thousand : null,
  })
  const long = { cacheSeconds: 300 }
  return [
    at(10, 'defaults'),
    at(1_000, 'defaults'),
    at(1_000, 'cache 60 s, fallback', { cacheSeconds: 60, fallback: true }),
    at(100_000, 'defaults', { seconds: 30 }),
    at(100_000, 'fallback', { fallback: true, seconds: 10 }, false),
    at(100_000, 'source mirror', { source: 'mirror' }),
    table('no jitter, no refusals', { ...long, jitter: false, limit: false }, true),
    table('jitter, no refusals', { ...long, limit: false }),
    table('no jitter, no quiet', { ...long, jitter: false, quiet: false }),
    table('no jitter', { ...long, jitter: false }, true),
    table('jitter', long, true),
    table('jitter, fallback', { ...long, fallback: true }, true),
    table('source mirror', { ...long, source: 'mirror' }, true),
    table('defaults', { seconds: 120 }),
    table('fallback', { fallback: true, seconds: 120 }),
    table('no quiet', { applications: 20, quiet: false, seconds: 6 }),
    table('fallback', { applications: 20, fallback: true, seconds: 75 }),
    table('source mirror', { applications: 20, source: 'mirror', seconds: 75 }),
  ]
}

/** The command line of the scale model. */
import { parseArgs } from 'node:util'
import { defaults, type Scenario, scenarios } from './scenarios.ts'
import { type FleetSettings, instancesFor } from './settings.ts'

export interface Options {
  readonly scenarios: readonly Scenario[]
  readonly json: boolean
  /** Where the chart is written. */
  readonly chart: string | null
}

export const usage = `node --import tsx bench/scale/run.ts [--json] [--chart FILE] [--seed N]
  plays a chosen set of fleets; with any of these, one fleet of your own:
  --requests-per-second N  from all clients (10)
  --instances N            (from the rate)
  --applications N         (1)
  --cache-seconds N        AIGC_CACHE_SECONDS (30)
  --fallback               AIGC_FALLBACK is set
  --source mirror          AIGC_SOURCE=mirror
  --store-reads-per-second N  documents that the mirror's store hands out (5000: AWS; Tencent SSM: 300)
  --seconds N              virtual time (until the fleet is steady)
  --no-jitter, --no-quiet, --no-limit  for comparison`

/** Throws a sentence for an option that is unknown or has no such value. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      chart: { type: 'string' },
      seed: { type: 'string' },
      'requests-per-second': { type: 'string' },
      instances: { type: 'string' },
      applications: { type: 'string' },
      'cache-seconds': { type: 'string' },
      fallback: { type: 'boolean' },
      source: { type: 'string' },
      'store-reads-per-second': { type: 'string' },
      seconds: { type: 'string' },
      'no-jitter': { type: 'boolean' },
      'no-quiet': { type: 'boolean' },
      'no-limit': { type: 'boolean' },
    },
  })
  const { json, chart = null, seed: _, ...own } = values
  const number = <T>(name: keyof typeof values, standard: T, min = 1): number | T => {
    const text = values[name]
    if (text === undefined) return standard
    const value = Number(text)
    const whole = Number.isInteger(value) || name === 'requests-per-second'
    if (!whole || !(value >= min))
      throw new Error(`--${name} must be a number from ${min}, but it is "${text}"`)
    return value
  }
  const seed = number('seed', 1, 0)
  if (Object.keys(own).length === 0) return { scenarios: scenarios(seed), json, chart }

  const { source = 'api' } = values
  if (source !== 'api' && source !== 'mirror')
    throw new Error(`--source must be api or mirror, but it is "${source}"`)
  const requestsPerSecond = number('requests-per-second', defaults.requestsPerSecond, 0.001)
  const settings: FleetSettings = {
    ...defaults,
    name: 'yours',
    requestsPerSecond,
    instances: number('instances', instancesFor(requestsPerSecond)),
    applications: number('applications', 1),
    cacheSeconds: number('cache-seconds', defaults.cacheSeconds, 0),
    fallback: values.fallback ?? false,
    source,
    storeReadsPerSecond: number('store-reads-per-second', defaults.storeReadsPerSecond),
    seconds: number('seconds', null),
    jitter: !values['no-jitter'],
    quiet: !values['no-quiet'],
    limit: !values['no-limit'],
    seed,
  }
  return { scenarios: [{ settings, column: 'Your fleet' }], json, chart }
}

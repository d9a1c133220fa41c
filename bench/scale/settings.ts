/** What a fleet is, and how many instances serve a rate. */

export interface FleetSettings {
  readonly name: string
  /** From all clients together, spread evenly at random over instances and applications. */
  readonly requestsPerSecond: number
  readonly instances: number
  readonly applications: number
  /** `AIGC_CACHE_SECONDS`. */
  readonly cacheSeconds: number
  /** `false`, for comparison: what the code draws at random is always 0.5. */
  readonly jitter: boolean
  /** `false`, for comparison: after being throttled the next request simply asks again. */
  readonly quiet: boolean
  /** `false`, for comparison: Tencent counts calls and refuses none. */
  readonly limit: boolean
  /** Whether `AIGC_FALLBACK` is set. */
  readonly fallback: boolean
  /** `AIGC_SOURCE`. */
  readonly source: 'api' | 'mirror'
  /** Documents that the mirror's store hands out in a second. */
  readonly storeReadsPerSecond: number
  /** Virtual time; `null` for as long as it takes to see the fleet settle, see `createMeter`. */
  readonly seconds: number | null
  readonly seed: number
}

/**
 * AWS Secrets Manager answers 10,000 `DescribeSecret` and `GetSecretValue` a second, taken together
 * (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html), and one reading of the
 * mirrored document takes one of each. Tencent SSM: 300.
 */
export const awsReadsPerSecond = 5_000

/** How long a new instance is busy with its first request: start of the process, TLS, first answer. */
const coldStartSeconds = 0.4
/** Lambda adds 1,000 instances, or as many as serve 10,000 requests a second, to a function in ten seconds. */
export const scalingStep = { instances: 1_000, seconds: 10, requestsPerSecondEach: 10 }

/**
 * How many instances a fleet has that serves this rate. Lambda runs one request at a time in each instance, so a
 * warm fleet would do with rate x 5 ms. But it grew when it was cold: whoever came in the 0.4 s of a cold start got
 * an instance of its own, up to what Lambda adds at once, and idle instances stay for minutes.
 * https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
 */
export function instancesFor(requestsPerSecond: number): number {
  const burst = Math.ceil(requestsPerSecond * coldStartSeconds)
  const added = Math.max(scalingStep.instances, requestsPerSecond / scalingStep.requestsPerSecondEach)
  return Math.max(2, Math.min(burst, Math.ceil(added)))
}

/** When an instance starts, in milliseconds: the first thousand within a second, the others as Lambda adds them. */
export function startOf(instance: number, random: () => number): number {
  const { instances, seconds } = scalingStep
  return 1_000 * (Math.max(0, (instance - instances) * (seconds / instances)) + random())
}

/** What the instances of a fleet share: Tencent with its limit, the mirror's store with its own. */
import { StoreError } from '../../lib/errors.ts'
import type { Send } from '../../lib/tencent/transport.ts'
import { type TokenList, vodCallsPerSecond } from '../../lib/tencent/vod.ts'
import type { Clock } from './clock.ts'
import type { Meter } from './meter.ts'
import type { FleetSettings } from './settings.ts'
import { createSpan } from './span.ts'

export interface World {
  /** Opens a connection of its own for an instance. */
  connect(): Send
  /** Reads the mirrored document as the AWS SDK does; throws `StoreError` when it is throttled three times. */
  readMirrored(): Promise<TokenList>
}

/** Whether a list was read from the mirror. */
export function isMirrored({ requestId }: TokenList): boolean {
  return requestId === null
}

/** As measured at 100 ms to Tencent and back: a call over a new TLS 1.3 connection, and over a kept one. */
const newConnectionMs = 300
const roundTripMs = 100
/** Within a region. */
const readMs = 20
/** The SDK's standard mode: three attempts, waits up to this, doubled each time, after a throttled one. */
const readAttempts = 3
const readBackoffMs = 500

const listed = answer({ ApiTokens: ['token'], RequestId: 'r' })
const throttled = answer({ Error: { Code: 'RequestLimitExceeded', Message: '' }, RequestId: 'r' })
const mirrored = {
  apiTokens: ['token'],
  extInfos: null,
  extInfosDropped: false,
  requestId: null,
  pick: 'token',
}

function answer(response: object): Awaited<ReturnType<Send>> {
  return {
    status: 200,
    headers: { date: null, retryAfter: null },
    body: JSON.stringify({ Response: response }),
  }
}

/**
 * Tencent answers 20 calls in any span of one second, and refuses the others, which do not count. A window that
 * slides is stricter than one that begins with each second of the clock; Tencent does not say which it has.
 */
export function createWorld(
  { limit, storeReadsPerSecond }: FleetSettings,
  clock: Clock,
  meter: Meter,
  random: () => number,
): World {
  const answered = createSpan()
  const readings = createSpan()
  return {
    connect() {
      let connected = false
      return async () => {
        await clock.sleep((connected ? 0 : newConnectionMs - roundTripMs) + roundTripMs / 2)
        connected = true
        const now = clock.now()
        const refused = limit && answered.count(now) >= vodCallsPerSecond
        if (!refused) answered.add(now)
        meter.call(now, refused)
        await clock.sleep(roundTripMs / 2)
        return refused ? throttled : listed
      }
    },
    async readMirrored() {
      for (let attempt = 1; ; attempt++) {
        await clock.sleep(readMs)
        const now = clock.now()
        meter.read(now)
        if (readings.count(now) < storeReadsPerSecond) {
          readings.add(now)
          return mirrored
        }
        if (attempt === readAttempts)
          throw new StoreError('ThrottlingException', 'Reading: throttled', 'mirror')
        await clock.sleep(random() * readBackoffMs * 2 ** (attempt - 1))
      }
    },
  }
}

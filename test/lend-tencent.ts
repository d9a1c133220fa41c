/** What a store is lent to reach a simulator of Tencent's API: a real client, in a region that a target may change. */
import type { StoreDependencies } from '../lib/stores/store.ts'
import { createTencentClient } from '../lib/tencent.ts'
import { createTransport } from '../lib/transport.ts'

const send = createTransport()
const time = {
  now: Date.now,
  random: Math.random,
  sleep: (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms)),
}

export interface TencentAccess {
  readonly url: string
  readonly secretId: string
  readonly secretKey: string
}

/** `access` is asked for at every call; `patienceMs` is how long a call may take at most. */
export function lendTencent(access: () => TencentAccess, patienceMs: number): StoreDependencies {
  return {
    ...time,
    tencent: ({ service, version, region = 'ap-singapore' }) => {
      const call = createTencentClient(
        { service, version, region, endpoint: access().url },
        { ...time, send, credentials: access },
      )
      return (action, parameters, deadline) =>
        call(action, parameters, Math.min(deadline, Date.now() + patienceMs))
    },
  }
}

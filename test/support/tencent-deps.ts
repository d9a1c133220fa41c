/** What a store is lent to reach a simulator of Tencent's API: a real client, in a region that a target may change. */
import { systemTime } from '../../handlers/time.ts'
import type { StoreDependencies } from '../../lib/stores/store.ts'
import { createTencentClient } from '../../lib/tencent/client.ts'
import { createTransport } from '../../lib/tencent/transport.ts'
import { awsDeps } from './aws-deps.ts'

const send = createTransport()

export interface TencentAccess {
  readonly url: string
  readonly secretId: string
  readonly secretKey: string
}

/** `access` is asked for at every call; `patienceMs` is how long a call may take at most. */
export function tencentDeps(access: () => TencentAccess, patienceMs: number): StoreDependencies {
  return {
    ...systemTime,
    aws: () => awsDeps(),
    tencent: ({ service, version, region = 'ap-singapore' }) => {
      const call = createTencentClient(
        { service, version, region, endpoint: access().url },
        { ...systemTime, send, credentials: access },
      )
      return (action, parameters, deadline) =>
        call(action, parameters, Math.min(deadline, systemTime.monotonic() + patienceMs))
    },
  }
}

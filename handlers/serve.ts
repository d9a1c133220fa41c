/** An HTTP request to `list-tokens`, whoever sent it: the answer, and what the log says of it. */
import { answerRequest } from '../lib/endpoint/answer.ts'
import type { TokenCache } from '../lib/endpoint/cache.ts'
import type { Invocation } from '../lib/platform/context.ts'
import type { HttpEvent } from '../lib/platform/events.ts'
import { errorFields, reasonOf } from '../lib/platform/log.ts'
import type { Metrics } from '../lib/platform/metrics.ts'
import { toReply } from '../lib/platform/reply.ts'
import { scrubJson } from '../lib/platform/scrub.ts'
import type { Outcome } from './invocation.ts'
import type { Edge } from './runtime.ts'

/** Answers it. `cache` is called once the caller was let in. */
export async function serve(
  request: HttpEvent,
  invocation: Invocation,
  edge: Edge,
  cache: () => TokenCache,
): Promise<Outcome> {
  const { response, audit } = await answerRequest(request, {
    config: () => edge.runtime().config,
    list: (subAppId, refresh) => cache().get(subAppId, { refresh, deadline: callDeadline(invocation, edge) }),
    platform: edge,
    basePath: edge.basePath,
  })
  const { status } = response
  const requestId = invocation.requestId ?? request.requestId
  if (requestId !== null) response.headers['x-request-id'] = requestId
  // Parsed, so that it stays JSON.
  if (status >= 400) response.body = scrubJson(JSON.parse(response.body), edge.scrub)
  const { error, route, caller, subAppId, fingerprints, upstream, staleBecause } = audit
  const outcome = status >= 500 ? 'failed' : status >= 400 ? 'refused' : staleBecause ? 'stale' : 'served'
  const fields = {
    trigger: request.shape,
    invocation: requestId,
    outcome,
    reason: error === null ? staleBecause : reasonOf(error),
    good: status >= 500 ? 0 : 1,
    listed: fingerprints.length,
    status,
    route,
    caller,
    subAppId,
    fingerprints,
    upstream,
    staleBecause,
  }
  return {
    result: toReply(request, response),
    level: status >= 500 ? 'error' : status >= 400 || staleBecause !== null ? 'warn' : 'info',
    fields: error === null ? fields : { ...fields, ...errorFields(error) },
    metrics: countRequest(edge, staleBecause !== null),
  }
}

export function countRequest({ meter }: Edge, stale = false): Metrics {
  const { calls, ms } = meter.take()
  return { Requests: 1, UpstreamCalls: calls, UpstreamMs: ms, StaleServed: stale ? 1 : 0 }
}

export function callDeadline({ deadline }: Invocation, { time, runtime }: Edge): number {
  return Math.min(deadline, time.monotonic() + runtime().config.timeoutMs)
}

/** Serves the current tokens: an HTTP request or a run by hand in, the list out. */
import { findSubApp } from '../lib/config.ts'
import { answerRequest } from '../lib/endpoint/answer.ts'
import { viewList } from '../lib/endpoint/view.ts'
import { InputError } from '../lib/errors.ts'
import type { Invocation } from '../lib/platform/context.ts'
import { type HttpEvent, readEvent } from '../lib/platform/events.ts'
import { errorFields } from '../lib/platform/log.ts'
import { readManual } from '../lib/platform/manual.ts'
import type { Metrics } from '../lib/platform/metrics.ts'
import { toReply } from '../lib/platform/reply.ts'
import { scrubJson } from '../lib/platform/scrub.ts'
import { answerPing, createHandler, type Outcome } from './invocation.ts'
import type { Edge } from './runtime.ts'

export const handler = createHandler({
  name: 'list-tokens',
  metricsOfError: (_, edge) => countRequest(edge),
  async run(event, invocation, edge) {
    const read = readEvent(event)
    if (read.kind === 'http') return serve(read, invocation, edge)
    if (read.kind === 'ping') return answerPing(read)
    if (read.kind === 'manual') return runByHand(read.fields, invocation, edge)
    throw new InputError(
      `list-tokens: the event is a schedule's (${read.shape}); this function takes HTTP requests, and runs by ` +
        'hand such as {}; put the schedule on mirror-tokens',
    )
  },
})
export { handler as main_handler }

async function serve(request: HttpEvent, invocation: Invocation, edge: Edge): Promise<Outcome> {
  const { response, audit } = await answerRequest(request, {
    config: () => edge.runtime().config,
    list: (subAppId, refresh) =>
      edge.runtime().cache.get(subAppId, { refresh, deadline: callDeadline(invocation, edge) }),
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
  const failure = error === null ? null : errorFields(error)
  const fields = {
    trigger: request.shape,
    invocation: requestId,
    outcome,
    reason: failure ? `${failure['code']}: ${failure['message']}` : staleBecause,
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
    fields: { ...fields, ...failure },
    metrics: countRequest(edge, staleBecause !== null),
  }
}

async function runByHand(
  fields: Readonly<Record<string, unknown>>,
  invocation: Invocation,
  edge: Edge,
): Promise<Outcome> {
  const { SubAppId, Reveal, Refresh } = readManual(fields, {
    SubAppId: 'a whole number',
    Reveal: 'true or false',
    Refresh: 'true or false',
  })
  const { config, cache } = edge.runtime()
  if (Reveal && !config.reveal)
    throw new InputError(
      'list-tokens: "Reveal" needs the setting AIGC_REVEAL=true, because what a run by hand returns may be kept or passed ' +
        'on: by the log of SCF, by an API without proxy integration; without "Reveal" you get fingerprints',
    )
  const subAppId = findSubApp(SubAppId ?? null, config.subAppIds)
  const deadline = callDeadline(invocation, edge)
  const list = await cache.get(subAppId, { refresh: Refresh ?? false, deadline })
  const masked = viewList(list, subAppId, 'fingerprints')
  return {
    // The one result that holds tokens: somebody with the right to invoke asked for them by name.
    result: Reveal ? viewList(list, subAppId, 'tokens') : JSON.parse(scrubJson(masked, edge.scrub)),
    fields: {
      trigger: 'manual',
      outcome: masked.Stale ? 'stale' : 'served',
      reason: list.staleBecause?.code ?? null,
      good: 1,
      listed: list.apiTokens.length,
      subAppId,
      revealed: Reveal ?? false,
      fingerprints: masked.Fingerprints ?? [],
      staleBecause: list.staleBecause?.code ?? null,
    },
    metrics: countRequest(edge, masked.Stale),
  }
}

function countRequest({ meter }: Edge, stale = false): Metrics {
  const { calls, ms } = meter.take()
  return { Requests: 1, UpstreamCalls: calls, UpstreamMs: ms, StaleServed: stale ? 1 : 0 }
}

function callDeadline({ deadline }: Invocation, { time, runtime }: Edge): number {
  return Math.min(deadline, time.monotonic() + runtime().config.timeoutMs)
}

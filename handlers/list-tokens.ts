/** Serves the current tokens: an HTTP request or a run by hand in, the list out. */
import { answerRequest, findSubApp, viewList } from '../lib/endpoint/answer.ts'
import { InputError } from '../lib/errors.ts'
import { type HttpEvent, readEvent, toReply } from '../lib/platform/events.ts'
import { errorFields } from '../lib/platform/log.ts'
import { readManual } from '../lib/platform/manual.ts'
import type { Metrics } from '../lib/platform/metrics.ts'
import { scrubJson } from '../lib/platform/scrub.ts'
import { createHandler, getRuntime, type Invocation, type Outcome, scrub, takeUpstream } from './runtime.ts'
import { systemTime } from './time.ts'

/**
 * SCF sets the first and lets nobody set a name with that prefix
 * (https://www.tencentcloud.com/document/product/583/32748); Lambda lets anybody, and sets the second.
 */
const platform = {
  isScf:
    process.env['TENCENTCLOUD_RUNENV'] === 'SCF' && process.env['AWS_LAMBDA_FUNCTION_NAME'] === undefined,
}

export const handler = createHandler(
  'list-tokens',
  () => countRequest(),
  async (event, invocation) => {
    const read = readEvent(event)
    if (read.kind === 'http') return serve(read, invocation)
    if (read.kind === 'manual') return runByHand(read.fields, invocation)
    throw new InputError(
      `list-tokens: the event is a schedule's (${read.shape}); this function takes HTTP requests, and runs by ` +
        'hand such as {}; put the schedule on mirror-tokens',
    )
  },
)
export { handler as main_handler }

async function serve(request: HttpEvent, invocation: Invocation): Promise<Outcome> {
  const { response, audit } = await answerRequest(request, {
    config: () => getRuntime().config,
    list: (subAppId, refresh) =>
      getRuntime().cache.get(subAppId, { refresh, deadline: callDeadline(invocation) }),
    platform,
  })
  const { status } = response
  const requestId = invocation.requestId ?? request.requestId
  if (requestId !== null) response.headers['x-request-id'] = requestId
  // Parsed, so that it stays JSON.
  if (status >= 400) response.body = scrubJson(JSON.parse(response.body), scrub)
  const { error, route, caller, subAppId, fingerprints, upstream, staleBecause } = audit
  const fields = {
    trigger: request.shape,
    invocation: requestId,
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
    metrics: countRequest(staleBecause !== null),
  }
}

async function runByHand(
  fields: Readonly<Record<string, unknown>>,
  invocation: Invocation,
): Promise<Outcome> {
  const { SubAppId, Reveal, Refresh } = readManual(fields, {
    SubAppId: 'a whole number',
    Reveal: 'true or false',
    Refresh: 'true or false',
  })
  const { config, cache } = getRuntime()
  const subAppId = findSubApp(SubAppId ?? null, config.subAppIds)
  const list = await cache.get(subAppId, { refresh: Refresh ?? false, deadline: callDeadline(invocation) })
  const masked = viewList(list, subAppId, false)
  return {
    // The one result that holds tokens: somebody with the right to invoke asked for them by name.
    result: Reveal ? viewList(list, subAppId, true) : JSON.parse(scrubJson(masked, scrub)),
    fields: {
      trigger: 'manual',
      subAppId,
      revealed: Reveal ?? false,
      fingerprints: masked.Fingerprints ?? [],
      staleBecause: list.staleBecause?.code ?? null,
    },
    metrics: countRequest(masked.Stale),
  }
}

function countRequest(stale = false): Metrics {
  const { calls, ms } = takeUpstream()
  return { Requests: 1, UpstreamCalls: calls, UpstreamMs: ms, StaleServed: stale ? 1 : 0 }
}

function callDeadline({ deadline }: Invocation): number {
  return Math.min(deadline, systemTime.monotonic() + getRuntime().config.timeoutMs)
}

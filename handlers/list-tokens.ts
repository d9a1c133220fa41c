/** Serves the current tokens: an HTTP request or a run by hand in, the list out. */
import { findSubApp } from '../lib/config.ts'
import { viewList } from '../lib/endpoint/view.ts'
import { InputError } from '../lib/errors.ts'
import type { Invocation } from '../lib/platform/context.ts'
import { readEvent } from '../lib/platform/events.ts'
import { readManual } from '../lib/platform/manual.ts'
import { scrubJson } from '../lib/platform/scrub.ts'
import { initializeAtLoad, initializeInFull } from './initialize.ts'
import { answerPing, createHandler, type Outcome, type Work } from './invocation.ts'
import { rehearsalKey } from './rehearsal.ts'
import { type Edge, edge } from './runtime.ts'
import { callDeadline, countRequest, serve } from './serve.ts'

const work: Work = {
  name: 'list-tokens',
  metricsOfError: (_, edge) => countRequest(edge),
  async run(event, invocation, edge) {
    const read = readEvent(event)
    if (read.kind === 'http') return serve(read, invocation, edge, () => edge.runtime().cache)
    if (read.kind === 'ping') return answerPing(read)
    if (read.kind === 'manual') return runByHand(read.fields, invocation, edge)
    throw new InputError(
      `list-tokens: the event is a schedule's (${read.shape}); this function takes HTTP requests, and runs by ` +
        'hand such as {}; put the schedule on mirror-tokens',
    )
  },
}
export const handler = createHandler(work)
export { handler as main_handler }

initializeAtLoad(edge)

/** For a start that can wait for it: the first request is then answered as later ones are. Never rejects. */
export async function initialize(): Promise<void> {
  const event = {
    version: '2.0',
    routeKey: 'GET /tokens',
    rawPath: '/tokens',
    rawQueryString: '',
    headers: { authorization: `Bearer ${rehearsalKey}` },
    requestContext: { http: { method: 'GET', path: '/tokens' }, stage: '$default', requestId: 'rehearsal' },
    isBase64Encoded: false,
  }
  await initializeInFull(edge, (stage) => createHandler(work, stage)(event, { awsRequestId: 'rehearsal' }))
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

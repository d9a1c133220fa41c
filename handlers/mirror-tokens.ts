/** Keeps the secrets in step: a schedule or a run by hand in, the report out, or an error that holds it. */
import { type Config, findSubApp } from '../lib/config.ts'
import { ConfigError, InputError } from '../lib/errors.ts'
import { field } from '../lib/json.ts'
import { MirrorError, reportError, summarize } from '../lib/mirror/report.ts'
import { runMirror } from '../lib/mirror/run.ts'
import { isRequest, readEvent } from '../lib/platform/events.ts'
import { readDigest, readFingerprint, readManual } from '../lib/platform/manual.ts'
import { scrubJson } from '../lib/platform/scrub.ts'
import type { Mirror } from '../lib/stores/target.ts'
import { initializeAtLoad, initializeInFull } from './initialize.ts'
import { answerPing, createHandler, type Work } from './invocation.ts'
import { edge } from './runtime.ts'

const work: Work = {
  name: 'mirror-tokens',
  metricsOfError: (error, _, event) => (isSlip(error, event) ? {} : { MirrorSuccess: 0, MirrorFailure: 1 }),
  async run(event, { deadline }, { time, scrub, runtime }) {
    const read = readEvent(event)
    if (read.kind === 'ping') return answerPing(read)
    if (read.kind === 'http')
      throw new InputError(
        `mirror-tokens: the event is an HTTP request (${read.shape}); this function takes schedules, and runs ` +
          'by hand such as {}; send HTTP to list-tokens',
      )
    const byHand = read.kind === 'manual'
    const { SubAppId, DryRun, Confirm, Promote } = readManual(
      read.fields,
      { SubAppId: 'a whole number', DryRun: 'true or false', Confirm: 'a string', Promote: 'a string' },
      byHand
        ? 'the event, given by hand or as the input of a schedule'
        : `the input of the schedule (${read.shape})`,
    )
    if (DryRun && Confirm !== undefined)
      throw new InputError('mirror-tokens: "DryRun" and "Confirm" exclude each other; send one of them')
    if (Promote !== undefined && Confirm !== undefined)
      throw new InputError('mirror-tokens: "Promote" and "Confirm" exclude each other; send one of them')
    const confirm = Confirm === undefined ? null : readDigest('mirror-tokens', Confirm, '{"DryRun":true}')
    const promote = Promote === undefined ? null : readFingerprint('mirror-tokens', 'Promote', Promote)
    const { config, list, openStore } = runtime()
    const mirrors = chooseMirrors(config, SubAppId ?? null)
    if (promote !== null && mirrors.length > 1)
      throw new InputError(
        'mirror-tokens: "Promote" needs "SubAppId" beside it, because there are several applications',
      )
    const request = { mirrors, dryRun: DryRun ?? false, confirm, promote, deadline }
    const report = await runMirror(request, config, { ...time, openStore, list })
    const error = reportError(report) ?? undefined
    const { outcome, reason, held, added, removed, listed, mostListed, note } = summarize(report)
    return {
      ...(note !== null && !error && { level: 'warn' as const }),
      ...(error ? { error } : { result: JSON.parse(scrubJson(report, scrub)) }),
      fields: {
        trigger: byHand ? 'manual' : read.shape,
        outcome,
        reason,
        good: error ? 0 : 1,
        dryRun: DryRun ? 1 : 0,
        listed,
        held,
        added,
        removed,
        ...(note !== null && { note }),
        ...(error && { message: error.summary }),
        digest: report.Digest,
        ...(report.Credentials && { credentials: report.Credentials }),
        results: report.Results.map((result) => ({ ...result })),
      },
      metrics: DryRun
        ? {}
        : {
            MirrorSuccess: error ? 0 : 1,
            // What is held has a metric of its own.
            MirrorFailure: error && outcome !== 'held' ? 1 : 0,
            MirrorHeld: held,
            TokensAdded: added,
            TokensRemoved: removed,
            ...(mostListed !== null && { TokensListed: mostListed }),
          },
    }
  },
}
export const handler = createHandler(work)
export { handler as main_handler }

initializeAtLoad(edge)

/** For a start that can wait for it; never rejects. Of a run it does all but writing. */
export async function initialize(): Promise<void> {
  await initializeInFull(edge, (stage) =>
    createHandler(work, stage)({ DryRun: true }, { awsRequestId: 'rehearsal' }),
  )
}

/**
 * Whether a failure is somebody's slip, who sees it, and says nothing about the mirror. The constant input of a schedule
 * arrives as a run by hand does: so wrong fields are a slip only beside what no schedule has any use for, a confirmation, a
 * promotion or a dry run. Elsewhere an alarm about a slip is better than none about a schedule that never mirrors.
 */
function isSlip(error: unknown, event: unknown): boolean {
  const isSomebody =
    ['Confirm', 'Promote'].some((name) => typeof field(event, name) === 'string') ||
    field(event, 'DryRun') === true
  if (error instanceof MirrorError) return error.code !== 'MirrorIncomplete' && isSomebody
  return error instanceof InputError && (isSomebody || isRequest(event))
}

/** The mirrors of one application, or all of them. */
function chooseMirrors({ mirrors, subAppIds }: Config, subAppId: number | null): readonly Mirror[] {
  if (mirrors.length === 0)
    throw new ConfigError(['AIGC_MIRROR_TARGETS must name at least one target, such as file:/tmp/aigc.json'])
  if (subAppId === null) return mirrors
  const chosen = findSubApp(subAppId, subAppIds)
  return mirrors.filter((mirror) => mirror.subAppId === chosen)
}

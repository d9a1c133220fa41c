/** Keeps the secrets in step: a schedule or a run by hand in, the report out, or an error that holds it. */
import { type Config, findSubApp } from '../lib/config.ts'
import { ConfigError, InputError } from '../lib/errors.ts'
import { field } from '../lib/json.ts'
import { MirrorError, type MirrorReport, reportError } from '../lib/mirror/report.ts'
import { runMirror } from '../lib/mirror/run.ts'
import { isRequest, readEvent } from '../lib/platform/events.ts'
import { readManual } from '../lib/platform/manual.ts'
import type { Metrics } from '../lib/platform/metrics.ts'
import { scrubJson } from '../lib/platform/scrub.ts'
import type { Mirror } from '../lib/stores/target.ts'
import { answerPing, createHandler } from './invocation.ts'

export const handler = createHandler({
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
    const { SubAppId, DryRun, Confirm } = readManual(
      read.fields,
      { SubAppId: 'a whole number', DryRun: 'true or false', Confirm: 'a string' },
      byHand
        ? 'the event, given by hand or as the input of a schedule'
        : `the input of the schedule (${read.shape})`,
    )
    if (DryRun && Confirm !== undefined)
      throw new InputError('mirror-tokens: "DryRun" and "Confirm" exclude each other; send one of them')
    const { config, list, openStore } = runtime()
    const report = await runMirror(
      {
        mirrors: chooseMirrors(config, SubAppId ?? null),
        dryRun: DryRun ?? false,
        confirm: Confirm ?? null,
        deadline,
      },
      config,
      { ...time, list, openStore },
    )
    const error = reportError(report) ?? undefined
    return {
      ...(error ? { error } : { result: JSON.parse(scrubJson(report, scrub)) }),
      fields: {
        trigger: byHand ? 'manual' : read.shape,
        dryRun: DryRun ?? false,
        ...(error && { message: error.summary }),
        digest: report.Digest,
        results: report.Results.map((result) => ({ ...result })),
      },
      metrics: DryRun ? {} : measure(report, error !== undefined),
    }
  },
})
export { handler as main_handler }

/**
 * Whether a failure is somebody's slip, who sees it, and says nothing about the mirror. The constant input of a schedule
 * arrives as a run by hand does: so wrong fields are a slip only beside what no schedule has any use for, a confirmation or
 * a dry run. Elsewhere an alarm about a slip is better than none about a schedule that never mirrors.
 */
function isSlip(error: unknown, event: unknown): boolean {
  const isSomebody = typeof field(event, 'Confirm') === 'string' || field(event, 'DryRun') === true
  if (error instanceof MirrorError) return error.code === 'PlanChanged' && isSomebody
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

function measure({ Results }: MirrorReport, failed: boolean): Metrics {
  const sum = (count: (result: MirrorReport['Results'][number]) => number): number =>
    Results.reduce((total, result) => total + count(result), 0)
  return {
    MirrorSuccess: failed ? 0 : 1,
    MirrorFailure: failed ? 1 : 0,
    MirrorHeld: sum(({ Outcome }) => (Outcome === 'held' ? 1 : 0)),
    TokensAdded: sum(({ Added }) => Added.length),
    TokensRemoved: sum(({ Removed }) => Removed.length),
  }
}

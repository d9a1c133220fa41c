/** Keeps the secrets in step: a schedule or a run by hand in, the report out, or an error that holds it. */
import { type Config, findSubApp } from '../lib/config.ts'
import { ConfigError, InputError } from '../lib/errors.ts'
import { MirrorError, reportError, summarize } from '../lib/mirror/report.ts'
import { runMirror } from '../lib/mirror/run.ts'
import { readEvent } from '../lib/platform/events.ts'
import { readManual } from '../lib/platform/manual.ts'
import { scrubJson } from '../lib/platform/scrub.ts'
import type { Mirror } from '../lib/stores/target.ts'
import { createHandler } from './invocation.ts'

export const handler = createHandler({
  name: 'mirror-tokens',
  // A slip in a run by hand says nothing about the mirror.
  metricsOfError: (error) => (isSlip(error) ? {} : { MirrorSuccess: 0, MirrorFailure: 1 }),
  async run(event, { deadline }, { time, scrub, runtime }) {
    const read = readEvent(event)
    if (read.kind === 'http')
      throw new InputError(
        `mirror-tokens: the event is an HTTP request (${read.shape}); this function takes schedules, and runs ` +
          'by hand such as {}; send HTTP to list-tokens',
      )
    const byHand = read.kind === 'manual'
    const { SubAppId, DryRun, Confirm } = readManual(byHand ? read.fields : {}, {
      SubAppId: 'a whole number',
      DryRun: 'true or false',
      Confirm: 'a string',
    })
    if (DryRun && Confirm !== undefined)
      throw new InputError('mirror-tokens: "DryRun" and "Confirm" exclude each other; send one of them')
    const { config, list, openStore } = runtime()
    const listed = new Map<number | null, number>()
    const report = await runMirror(
      {
        mirrors: chooseMirrors(config, SubAppId ?? null),
        dryRun: DryRun ?? false,
        confirm: Confirm ?? null,
        deadline,
      },
      config,
      {
        ...time,
        openStore,
        async list(subAppId, until) {
          const found = await list(subAppId, until)
          listed.set(subAppId, found.apiTokens.length)
          return found
        },
      },
    )
    const error = reportError(report) ?? undefined
    const { outcome, reason, held, added, removed } = summarize(report)
    return {
      ...(error ? { error } : { result: JSON.parse(scrubJson(report, scrub)) }),
      fields: {
        trigger: byHand ? 'manual' : read.shape,
        outcome,
        reason,
        good: error ? 0 : 1,
        dryRun: DryRun ? 1 : 0,
        listed: [...listed.values()].reduce((sum, count) => sum + count, 0),
        held,
        added,
        removed,
        ...(error && { message: error.summary }),
        digest: report.Digest,
        results: report.Results.map((result) => ({ ...result })),
      },
      metrics: DryRun
        ? {}
        : {
            MirrorSuccess: error ? 0 : 1,
            MirrorFailure: error ? 1 : 0,
            MirrorHeld: held,
            TokensAdded: added,
            TokensRemoved: removed,
          },
    }
  },
})
export { handler as main_handler }

function isSlip(error: unknown): boolean {
  return error instanceof InputError || (error instanceof MirrorError && error.code === 'PlanChanged')
}

/** The mirrors of one application, or all of them. */
function chooseMirrors({ mirrors, subAppIds }: Config, subAppId: number | null): readonly Mirror[] {
  if (mirrors.length === 0)
    throw new ConfigError(['AIGC_MIRROR_TARGETS must name at least one target, such as file:/tmp/aigc.json'])
  if (subAppId === null) return mirrors
  const chosen = findSubApp(subAppId, subAppIds)
  return mirrors.filter((mirror) => mirror.subAppId === chosen)
}

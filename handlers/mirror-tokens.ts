/** Keeps the secrets in step: a schedule or a run by hand in, the report out, or an error that holds it. */
import { type Config, findSubApp } from '../lib/config.ts'
import { ConfigError, InputError } from '../lib/errors.ts'
import { MirrorError, type MirrorReport, reportError } from '../lib/mirror/report.ts'
import { runMirror } from '../lib/mirror/run.ts'
import { readEvent } from '../lib/platform/events.ts'
import { readManual } from '../lib/platform/manual.ts'
import type { Metrics } from '../lib/platform/metrics.ts'
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
    const confirm = Confirm === undefined ? null : readDigest(Confirm)
    const { config, list, openStore } = runtime()
    const report = await runMirror(
      {
        mirrors: chooseMirrors(config, SubAppId ?? null),
        dryRun: DryRun ?? false,
        confirm,
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
        ...(report.Credentials && { credentials: report.Credentials }),
        results: report.Results.map((result) => ({ ...result })),
      },
      metrics: DryRun ? {} : measure(report, error !== undefined),
    }
  },
})
export { handler as main_handler }

function isSlip(error: unknown): boolean {
  return error instanceof InputError || (error instanceof MirrorError && error.code === 'PlanChanged')
}

/** A digest as somebody copied it: blanks around it and capitals do not matter. Throws `InputError`. */
function readDigest(text: string): string {
  const digest = text.trim().toLowerCase()
  if (/^[\da-f]{64}$/.test(digest)) return digest
  throw new InputError(
    'mirror-tokens: "Confirm" must be the Digest of a plan, which has 64 hex digits; ' +
      'run {"DryRun":true}, look at the plan, and send all of its "Digest"',
  )
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

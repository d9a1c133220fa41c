/** Replaces tokens by new ones, a step a run: a schedule or a run by hand in, the report out, or an error that holds it. */
import { randomUUID } from 'node:crypto'
import { type Config, findSubApp } from '../lib/config.ts'
import { ConfigError, InputError } from '../lib/errors.ts'
import { field } from '../lib/json.ts'
import { isRequest, readEvent } from '../lib/platform/events.ts'
import { readDigest, readFingerprint, readManual } from '../lib/platform/manual.ts'
import { scrubJson } from '../lib/platform/scrub.ts'
import type { RotationRequest } from '../lib/rotation/plan.ts'
import { rotationError, summarizeRotation } from '../lib/rotation/report.ts'
import { type Rotation, runRotation } from '../lib/rotation/run.ts'
import { createChangeTokens } from '../lib/tencent/vod.ts'
import { initializeAtLoad, initializeInFull } from './initialize.ts'
import { answerPing, createHandler, type Work } from './invocation.ts'
import { edge } from './runtime.ts'

const fields = {
  SubAppId: 'a whole number',
  DryRun: 'true or false',
  Now: 'true or false',
  Abort: 'true or false',
  Rollback: 'true or false',
  Adopt: 'a string',
  Retire: 'a string',
  Confirm: 'a string',
} as const

const work: Work = {
  name: 'rotate-tokens',
  metricsOfError: (error, _, event) =>
    isSlip(error, event) ? {} : { RotationSuccess: 0, RotationFailure: 1 },
  async run(event, { deadline }, { time, scrub, runtime }) {
    const read = readEvent(event)
    if (read.kind === 'ping') return answerPing(read)
    if (read.kind === 'http')
      throw new InputError(
        `rotate-tokens: the event is an HTTP request (${read.shape}); this function takes schedules, and runs ` +
          'by hand such as {"DryRun":true}',
      )
    const byHand = read.kind === 'manual'
    const given = readManual(
      read.fields,
      fields,
      byHand
        ? 'the event, given by hand or as the input of a schedule'
        : `the input of the schedule (${read.shape})`,
    )
    const request = readOrder(given)
    const { config, list, vod, addSecrets, openStore } = runtime()
    const rotations = chooseRotations(config, given.SubAppId ?? null)
    if (!['next', 'now'].includes(request.kind) && rotations.length > 1)
      throw new InputError(
        `rotate-tokens: "${nameOf(request)}" needs "SubAppId" beside it, because there are several applications`,
      )
    const report = await runRotation(
      { rotations, request, dryRun: given.DryRun ?? false, deadline },
      config,
      {
        ...time,
        openStore,
        list,
        change: createChangeTokens({ call: vod, addSecrets }),
        newIntent: randomUUID,
      },
    )
    const error = rotationError(report) ?? undefined
    const { outcome, reason, held, created, deleted, stuck, waiting, remind } = summarizeRotation(report)
    return {
      ...((remind || stuck > 0) && !error && { level: 'warn' as const }),
      ...(error ? { error } : { result: JSON.parse(scrubJson(report, scrub)) }),
      fields: {
        trigger: byHand ? 'manual' : read.shape,
        outcome,
        reason,
        good: error ? 0 : 1,
        dryRun: given.DryRun ? 1 : 0,
        held,
        created,
        deleted,
        stuck,
        waiting,
        ...(error && { message: error.summary }),
        results: report.Results.map((result) => ({ ...result })),
      },
      metrics: given.DryRun
        ? {}
        : {
            RotationSuccess: error ? 0 : 1,
            // What is held has a metric of its own; what is refused is seen by whoever asked for it.
            RotationFailure: outcome === 'failed' ? 1 : 0,
            RotationHeld: held,
            // Of a run that did not go on the other two tell: one cause has one alarm.
            RotationStuck: error ? 0 : stuck,
            TokensDeleted: deleted,
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

/** Whether a failure is somebody's slip, who sees it, and says nothing about the rotation: no schedule sends any of these fields. */
function isSlip(error: unknown, event: unknown): boolean {
  const isSomebody = Object.keys(fields).some(
    (name) => name !== 'SubAppId' && field(event, name) !== undefined,
  )
  return error instanceof InputError && (isSomebody || isRequest(event))
}

type Given = ReturnType<typeof readManual<typeof fields>>

/** The one thing that is asked for. Throws `InputError`. */
function readOrder({ DryRun, Now, Abort, Rollback, Adopt, Retire, Confirm }: Given): RotationRequest {
  const asked = [
    Now && 'Now',
    Abort && 'Abort',
    Rollback && 'Rollback',
    Adopt !== undefined && 'Adopt',
    Retire !== undefined && 'Retire',
  ].filter((name) => typeof name === 'string')
  if (asked.length > 1)
    throw new InputError(`rotate-tokens: "${asked.join('" and "')}" exclude each other; send one of them`)
  if (Confirm !== undefined && Retire === undefined)
    throw new InputError('rotate-tokens: "Confirm" confirms a "Retire"; send both of them')
  if (Confirm !== undefined && DryRun)
    throw new InputError('rotate-tokens: "DryRun" and "Confirm" exclude each other; send one of them')
  if (Retire !== undefined)
    return {
      kind: 'retire',
      token: readFingerprint('rotate-tokens', 'Retire', Retire),
      confirm:
        Confirm === undefined ? null : readDigest('rotate-tokens', Confirm, '{"Retire":"FINGERPRINT"}'),
    }
  if (Adopt !== undefined) return { kind: 'adopt', token: readFingerprint('rotate-tokens', 'Adopt', Adopt) }
  return { kind: Now ? 'now' : Abort ? 'abort' : Rollback ? 'rollback' : 'next' }
}

function nameOf({ kind }: RotationRequest): string {
  return kind.charAt(0).toUpperCase() + kind.slice(1)
}

/** The rotation of one application, or of all. */
function chooseRotations(
  { rotation, mirrors, subAppIds }: Config,
  subAppId: number | null,
): readonly Rotation[] {
  if (rotation.records.length === 0)
    throw new ConfigError([
      'AIGC_ROTATION_STATE must name where the record is kept, such as file:/tmp/rotation.json',
    ])
  const chosen = subAppId === null ? null : findSubApp(subAppId, subAppIds)
  return rotation.records.flatMap(({ subAppId: id, target: record }) => {
    const mirror = mirrors.find((one) => one.subAppId === id)
    if (!mirror || (chosen !== null && id !== chosen)) return []
    return [{ mirror: { subAppId: id, targets: mirror.targets }, record }]
  })
}

/** What a secret store is to the mirror, whatever its kind: the interface, and what all kinds share. */
import type { Aws } from '../aws/clients.ts'
import { StoreError } from '../errors.ts'
import type { Time } from '../time.ts'

/**
 * A secret store as the mirror sees it. One instance stands for one target: one secret of one application.
 *
 * What every store promises, and the contract suite checks for each kind:
 * - `read` says "absent" or "empty" only when the store itself said so. Forbidden, throttled, unreachable or not to be
 *   read yet is a thrown `StoreError`.
 * - `write` ends with `document` as the value that readers get, keeps the value before it where the store has
 *   a place for it, deletes nothing, and may be repeated: writing the current document again changes nothing.
 * - `write` replaces what was seen and nothing else: when somebody wrote since, it throws {@link overtaken} and leaves
 *   their value. Where the store can compare and set, that is certain. Elsewhere `write` looks right before and right
 *   after, so that only what comes within that one call is replaced, and only what comes after the second look unseen.
 * - A write interrupted anywhere leaves the old value or the new one, whole.
 * - A secret written by us carries our mark: it is put there after our value, so that nobody else's value carries it, and
 *   before it only where there is no value yet. Writing the current document again puts a mark that is missing.
 *   A secret that is being deleted or is disabled is not revived.
 * - No message of a thrown error holds the document, or the value before it.
 */
export interface Store {
  /** The longest value that it takes, in bytes of UTF-8: known, so that nothing is touched before it is refused. */
  readonly mostBytes: number

  /** Whether it has a place for our mark. Where it has none, whose a value is shows in the value alone. */
  readonly hasMark: boolean

  /** What the target holds now. Throws `StoreError`. `deadline` is on `Time.monotonic`. */
  read(deadline: number): Promise<Reading>

  /**
   * Makes `document` the current value. `seen` is the reading on which the decision to write was made. Throws `StoreError`, with code `Overtaken` when `seen` is not what is there any more.
   * `deadline` is on `Time.monotonic`.
   */
  write(document: string, seen: Reading, deadline: number): Promise<void>
}

/**
 * `marked`: the secret carries our mark (see {@link markOf}). `version`: the store's name for what was read; left out where
 * it has none.
 */
export type Reading =
  | { readonly state: 'absent' }
  | { readonly state: 'empty'; readonly marked: boolean; readonly version?: string }
  | {
      readonly state: 'value'
      readonly marked: boolean
      readonly value: string
      readonly version?: string
      /** The value a version ago, where the store keeps it: only of one that is marked and should be a mirrored document, and is none. */
      readonly before?: string
      /** Which copy of it, that readers elsewhere get, does not follow any more: a sentence that says what to do. */
      readonly lagging?: string
    }
  /** Scheduled for deletion, disabled and the like; `reason` is a sentence that says what to do. */
  | { readonly state: 'unavailable'; readonly reason: string }

/** The values that a reading has brought in, of which no error may tell anything. */
export function valuesIn(reading: Reading): string[] {
  return reading.state === 'value' ? [reading.value, reading.before ?? ''] : []
}

/** The name by which a secret says that this bundle keeps it. */
export const mark = 'vod-aigc-tokens'

/** The mark of a target's secret: the record of a rotation has one of its own, so that no mirror takes it for a target of its. */
export function markOf({ holds }: Pick<Target, 'holds'>): string {
  return holds === 'record' ? 'vod-aigc-rotation' : mark
}

/** What stands beside a target's secret for people. */
export function contentsOf({ holds }: Pick<Target, 'holds'>): string {
  return holds === 'record'
    ? 'Rotation of Tencent Cloud VOD AIGC API tokens, no secret, kept'
    : 'Tencent Cloud VOD AIGC API tokens, mirrored'
}

/** Whether a store still holds what was seen. */
export function isStill(found: Reading, seen: Reading): boolean {
  const valueIn = (reading: Reading): string | null => (reading.state === 'value' ? reading.value : null)
  return found.state === seen.state && valueIn(found) === valueIn(seen)
}

/** What `write` throws when somebody else has written since the target was read: code `Overtaken`. */
export function overtaken({ uri }: Target): StoreError {
  const message = `Writing ${uri}: somebody else changed it since it was read, and their value was left there`
  return new StoreError('Overtaken', message, uri, true)
}

/** Whether an error is {@link overtaken}. */
export function isOvertaken(error: unknown): error is StoreError {
  return error instanceof StoreError && error.code === 'Overtaken'
}

/** A parsed target URI, `scheme:name?option=value&adopt=true`. */
export interface Target {
  /** As configured, `{SubAppId}` replaced. */
  readonly uri: string
  readonly scheme: string
  readonly name: string
  /** Every option but `adopt` and `value`. */
  readonly options: Readonly<Record<string, string>>
  /**
   * What it holds: the mirrored document or, with `value=token`, the token to use alone, plain; the target of
   * `AIGC_ROTATION_STATE`: the record of a rotation.
   */
  readonly holds: 'document' | 'token' | 'record'
  /** Whether a secret without our mark may be taken over. */
  readonly adopt: boolean
}

/** The tags of the option `tags`, such as `team=media;env=prod`, in their order. */
export function readTags({ tags = '' }: Target['options']): { Key: string; Value: string }[] {
  const parts = tags.split(';').filter((part) => part !== '')
  return parts.map((part) => {
    const [Key = '', ...value] = part.split('=')
    return { Key: Key.trim(), Value: value.join('=').trim() }
  })
}

/** What is wrong with the option `tags`, if anything: phrases as `check` gives them. */
export function tagProblems(options: Target['options']): string[] {
  if (options['tags'] === undefined) return []
  const tags = readTags(options)
  const good =
    options['tags'].split(';').every((part) => part === '' || part.includes('=')) &&
    tags.length > 0 &&
    tags.length <= mostTags &&
    new Set(tags.map(({ Key }) => Key)).size === tags.length &&
    tags.every(({ Key, Value }) => tagKey.test(Key) && Key !== 'managed-by' && tagValue.test(Value))
  return good
    ? []
    : [`tags should read KEY=VALUE;KEY=VALUE, at most ${mostTags} of them, each key once and not managed-by`]
}

/** AWS takes 50 tags, of which one is our mark; Tencent fewer. */
const mostTags = 30
/** What both clouds take: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html */
const tagKey = /^(?!aws:)[\p{L}\p{Z}\p{N}_.:/+@-]{1,127}$/iu
const tagValue = /^[\p{L}\p{Z}\p{N}_.:/=+@-]{0,255}$/u

/** A kind of store: one file in this folder and one line in the registry. */
export interface StoreKind {
  /** The option names its URIs accept, besides `adopt` and `value`. */
  readonly options: readonly string[]
  /**
   * The cloud that its secrets are in: what is written there leaves this machine, and takes that cloud's credentials. `null`: on
   * this machine, which a function in a cloud does not keep.
   */
  readonly cloud: 'aws' | 'tencent' | null
  /** Whether a secret can be there without a value, so that a reading may say `empty`. */
  readonly hasEmpty: boolean
  /** What is wrong with a target of this kind: phrases that say what should be, none when it is fine. */
  check(target: Target): string[]
  open(target: Target, deps: StoreDependencies): Store
}

/** What a store may use of the outside. */
export interface StoreDependencies extends Time {
  /** AWS, where the environment says. */
  aws(): Promise<Aws>
  /** A client of a Tencent API (see `createTencentClient`) at the configured site; the region too is configured where none is given. */
  tencent(api: {
    service: 'ssm'
    version: string
    region?: string
  }): (
    action: string,
    parameters: Readonly<Record<string, unknown>>,
    deadline: number,
  ) => Promise<Readonly<Record<string, unknown>>>
}

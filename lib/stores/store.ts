import type { Time } from '../time.ts'

/**
 * A secret store as the mirror sees it. One instance stands for one target: one secret of one application.
 *
 * What every store promises, and the contract suite checks for each kind:
 * - `read` says "absent" or "empty" only when the store itself said so. Forbidden, throttled, unreachable or not to be
 *   read yet is a thrown `StoreError`.
 * - `write` ends with `document` as the value that readers get, keeps the value before it where the store has
 *   a place for it, deletes nothing, and may be repeated: writing the current document again changes nothing.
 * - A write interrupted anywhere leaves the old value or the new one, whole.
 * - A secret written by us carries our mark. A secret that is being deleted or is disabled is not revived.
 * - No message of a thrown error holds the document, or the value before it.
 */
export interface Store {
  /** What the target holds now. Throws `StoreError`. `deadline` is on `Time.monotonic`. */
  read(deadline: number): Promise<Reading>

  /**
   * Makes `document` the current value. `versionId` is its SHA-256 in hex, `seen` the reading on which the
   * decision to write was made. Throws `StoreError`. `deadline` is on `Time.monotonic`.
   */
  write(document: string, versionId: string, seen: Reading, deadline: number): Promise<void>
}

/** `marked`: the secret carries our mark (see {@link mark}). */
export type Reading =
  | { readonly state: 'absent' }
  | { readonly state: 'empty'; readonly marked: boolean }
  | { readonly state: 'value'; readonly marked: boolean; readonly value: string }
  /** Scheduled for deletion, disabled and the like; `reason` is a sentence that says what to do. */
  | { readonly state: 'unavailable'; readonly reason: string }

/** The name by which a secret says that this bundle keeps it. */
export const mark = 'vod-aigc-tokens'

/** A parsed target URI, `scheme:name?option=value&adopt=true`. */
export interface Target {
  /** As configured, `{SubAppId}` replaced. */
  readonly uri: string
  readonly scheme: string
  readonly name: string
  /** Every option but `adopt`. */
  readonly options: Readonly<Record<string, string>>
  /** Whether a secret without our mark may be taken over. */
  readonly adopt: boolean
}

/** A kind of store: one file in this folder and one line in the registry. */
export interface StoreKind {
  /** The option names its URIs accept, besides `adopt`. */
  readonly options: readonly string[]
  /** What is wrong with a target of this kind: phrases that say what should be, none when it is fine. */
  check(target: Target): string[]
  open(target: Target, lend: StoreDependencies): Store
}

/** What a store may use of the outside. */
export interface StoreDependencies extends Time {
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

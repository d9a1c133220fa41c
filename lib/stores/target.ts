/** The grammar of target URIs: `scheme:name?option=value&value=token&adopt=true`, with `{SubAppId}` for the application. */
import { didYouMean, either } from '../words.ts'
import type { StoreKind, Target } from './store.ts'

/** One application and the secrets that mirror it. */
export interface Mirror {
  /** `null` where no application is configured: the call is made without `SubAppId`. */
  readonly subAppId: number | null
  readonly targets: readonly Target[]
}

/**
 * The targets of each application, or of none where none is configured. `complain` hears what is wrong with the URIs, a phrase
 * each; what comes back then is of no use.
 */
export function parseMirrors(
  uris: readonly string[],
  subAppIds: readonly number[],
  storeKinds: Readonly<Record<string, StoreKind>>,
  complain: (what: string) => void,
): Mirror[] {
  const mirrors = parseTargets(uris, subAppIds, storeKinds, complain)
  if (mirrors[0]?.targets.length && mirrors[0].targets.every(({ holds }) => holds === 'token'))
    complain('must name a target that holds the document too: with value=token it holds one token alone')
  return mirrors
}

function parseTargets(
  uris: readonly string[],
  subAppIds: readonly number[],
  storeKinds: Readonly<Record<string, StoreKind>>,
  complain: (what: string) => void,
): Mirror[] {
  if (uris.length === 0) return []
  const applications: readonly (number | null)[] = subAppIds.length > 0 ? subAppIds : [null]
  const problems = new Set<string>()
  const mirrors = applications.map((subAppId) => ({
    subAppId,
    targets: uris.flatMap((uri, index) => {
      const target = parseTarget(uri.replaceAll('{SubAppId}', String(subAppId)), storeKinds)
      if (!Array.isArray(target)) return [target]
      for (const problem of target) problems.add(`entry ${index + 1} ${problem}`)
      return []
    }),
  }))
  for (const [index, uri] of uris.entries()) {
    // In an option it would give all of them one secret.
    const [name = ''] = uri.split('?')
    if (!name.includes('{SubAppId}') && subAppIds.length > 1)
      problems.add(
        `entry ${index + 1} must contain {SubAppId} in the name, because AIGC_SUB_APP_IDS names several applications`,
      )
    if (uri.includes('{SubAppId}') && subAppIds.length === 0)
      problems.add(
        `entry ${index + 1} contains {SubAppId}, but AIGC_SUB_APP_IDS is empty; set that, or write another name`,
      )
  }
  if (problems.size === 0) {
    const all = mirrors.flatMap(({ targets }) => targets.map(nameSecret))
    if (new Set(all).size < all.length)
      problems.add('must name each target once: another name, region or kind makes another target')
  }
  for (const problem of problems) complain(problem)
  return problems.size > 0 ? [] : mirrors
}

/** A name for the secret of a target: other options do not make it another one. */
function nameSecret({ scheme, name, options }: Target): string {
  return JSON.stringify([scheme, name, options['region']])
}

export function isSameSecret(one: Target, other: Target): boolean {
  return nameSecret(one) === nameSecret(other)
}

/** The target of each application's record of its rotation, as {@link parseMirrors} reads them. */
export function parseRecordTargets(
  uris: readonly string[],
  subAppIds: readonly number[],
  storeKinds: Readonly<Record<string, StoreKind>>,
  complain: (what: string) => void,
): { readonly subAppId: number; readonly target: Target }[] {
  return parseTargets(uris, subAppIds, storeKinds, complain).flatMap(({ subAppId, targets }) =>
    targets.flatMap((target) => {
      if (target.adopt || target.holds === 'token')
        complain(
          'must leave out adopt and value: it holds the record of a rotation, and nothing else may stand there',
        )
      return subAppId === null ? [] : [{ subAppId, target: { ...target, holds: 'record' as const } }]
    }),
  )
}

/** A URI taken apart, or phrases that say what is wrong with it. */
export function parseTarget(uri: string, storeKinds: Readonly<Record<string, StoreKind>>): Target | string[] {
  const [, scheme = '', name = '', query = ''] = /^([a-z\d-]+):([^?]*)\??(.*)$/s.exec(uri) ?? []
  const kind = Object.hasOwn(storeKinds, scheme) ? storeKinds[scheme] : undefined
  if (!kind) return [describeStart(uri, storeKinds)]
  const { adopt, value, ...options } = Object.fromEntries(new URLSearchParams(query))
  const problems: string[] = []
  const accepted = [...kind.options, 'value', 'adopt']
  const names = [...new URLSearchParams(query).keys()]
  for (const [index, option] of names.entries()) {
    if (!accepted.includes(option))
      problems.push(
        `has ${quoteName(option)} ${scheme} does not take` +
          (didYouMean(option, accepted) || `; it takes ${accepted.join(', ')}`),
      )
    else if (names.indexOf(option) < index) problems.push(`has the option ${option} twice; write it once`)
  }
  // The usual spelling of others, by which a secret would be called so.
  if (name.startsWith('//'))
    return [`must read ${scheme}:${scheme === 'file' ? 'PATH' : 'NAME'}, without // in front`]
  if (adopt !== undefined && adopt !== 'true') problems.push('must say adopt=true or leave adopt out')
  if (value !== undefined && value !== 'token') problems.push('must say value=token or leave value out')
  const holds = value === 'token' ? 'token' : 'document'
  const target: Target = { uri, scheme, name, options, holds, adopt: adopt === 'true' }
  problems.push(...kind.check(target).map((problem) => `(${scheme}): ${problem}`))
  return problems.length > 0 ? problems : target
}

/** What a URI without a known scheme should start with. */
function describeStart(uri: string, storeKinds: Readonly<Record<string, StoreKind>>): string {
  const schemes = Object.keys(storeKinds)
  const [, scheme = ''] = /^([\w-]+):/.exec(uri) ?? []
  const inAws = schemes.filter((one) => storeKinds[one]?.cloud === 'aws').map((one) => `${one}:`)
  if (scheme === 'arn') return `is an ARN; write ${either(inAws)} in front of it`
  return `must start with ${either(schemes.map((one) => `${one}:`))}${didYouMean(scheme, schemes)}`
}

/** An option's name as somebody wrote it, unless it may be anything else. */
function quoteName(option: string): string {
  return /^[\w-]{1,40}$/.test(option) ? `the option ${option}, which` : 'an option that'
}

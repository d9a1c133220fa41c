/** The fields of a run by hand, and of a schedule's constant input. Pure. */
import { isFingerprint } from '../digest.ts'
import { InputError } from '../errors.ts'

interface FieldTypes {
  'a whole number': number
  'true or false': boolean
  'a string': string
}

const mostFields = 32
/** What is quoted as a name. Anything else may be a secret in the wrong place. */
const fieldName = /^[A-Za-z]{1,16}$/

/**
 * Checks the fields against the known ones and their types. Throws `InputError` that lists what is taken; `from` says where
 * they stand.
 */
export function readManual<Known extends Readonly<Record<string, keyof FieldTypes>>>(
  fields: Readonly<Record<string, unknown>>,
  known: Known,
  from = 'the event',
): { [Name in keyof Known]?: FieldTypes[Known[Name]] } {
  const takes = `this function takes ${Object.entries(known)
    .map(([name, type]) => `"${name}" (${type})`)
    .join(', ')}`
  const entries = Object.entries(fields)
  if (entries.length > mostFields)
    throw new InputError(`Reading ${from}: it has more than ${mostFields} fields; ${takes}`)
  for (const [name, value] of entries) {
    const type = Object.hasOwn(known, name) ? known[name] : undefined
    if (type === undefined)
      throw new InputError(
        `Reading ${from}: ${fieldName.test(name) ? `"${name}"` : 'it has one that'} is not a known field; ${takes}`,
      )
    if (!isOf(type, value)) throw new InputError(`Reading ${from}: "${name}" must be ${type}; ${takes}`)
  }
  return fields as { [Name in keyof Known]?: FieldTypes[Known[Name]] }
}

function isOf(type: keyof FieldTypes, value: unknown): boolean {
  if (type === 'a whole number') return Number.isSafeInteger(value)
  return typeof value === (type === 'a string' ? 'string' : 'boolean')
}

/**
 * A digest as somebody copied it: blanks around it and capitals do not matter. `plan` is the event that shows it. Throws
 * `InputError`.
 */
export function readDigest(who: string, text: string, plan: string): string {
  const digest = text.trim().toLowerCase()
  if (/^[\da-f]{64}$/.test(digest)) return digest
  throw new InputError(
    `${who}: "Confirm" must be the Digest of a plan, which has 64 hex digits; ` +
      `run ${plan}, look at the plan, and send all of its "Digest"`,
  )
}

/** A fingerprint as somebody copied it. Throws `InputError`. */
export function readFingerprint(who: string, name: string, text: string): string {
  const token = text.trim().toLowerCase()
  if (isFingerprint(token)) return token
  throw new InputError(
    `${who}: "${name}" must be the fingerprint of a token, which has 16 hex digits, and never the token; ` +
      'list-tokens and the logs tell fingerprints',
  )
}

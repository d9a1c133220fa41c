/** The fields of a run by hand, and of a schedule's constant input. Pure. */
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

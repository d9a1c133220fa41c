/** The fields of a run by hand: each type, each way to miss it. */
import { describe, expect, it } from 'vitest'
import { InputError } from '../../../lib/errors.ts'
import { readManual } from '../../../lib/platform/manual.ts'

const known = { Id: 'a whole number', Really: 'true or false', Name: 'a string' } as const
const takes = 'this function takes "Id" (a whole number), "Really" (true or false), "Name" (a string)'
const fieldsOf = (count: number): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, 'x']))

describe('readManual', () => {
  it.each([{}, { Id: 1, Really: false, Name: '' }, { Id: Number.MAX_SAFE_INTEGER }])('takes %j', (fields) => {
    expect(readManual(fields, known)).toEqual(fields)
  })

  it.each<[object, string]>([
    [{ Id: '1' }, '"Id" must be a whole number'],
    [{ Id: 1.5 }, '"Id" must be a whole number'],
    [{ Id: true }, '"Id" must be a whole number'],
    [{ Id: null }, '"Id" must be a whole number'],
    [{ Really: 'true' }, '"Really" must be true or false'],
    [{ Really: 1 }, '"Really" must be true or false'],
    [{ Name: 1 }, '"Name" must be a string'],
    [{ Name: true }, '"Name" must be a string'],
    [{ id: 1 }, '"id" is not a known field'],
    [{ toString: 'x' }, '"toString" is not a known field'],
    [{ ['a'.repeat(16)]: 1 }, `"${'a'.repeat(16)}" is not a known field`],
    ...['a'.repeat(17), '', 'a1', '1a', 'a b'].map(
      // It may be a secret in the wrong place.
      (name): [object, string] => [{ [name]: 1 }, 'it has one that is not a known field'],
    ),
    [fieldsOf(32), 'it has one that is not a known field'],
    [fieldsOf(33), 'it has more than 32 fields'],
  ])('refuses %j, and says what is taken', (fields, what) => {
    const read = (): unknown => readManual({ ...fields }, known)
    expect(read).toThrow(InputError)
    expect(read).toThrow(new InputError(`Reading the event: ${what}; ${takes}`))
    expect(() => readManual({ ...fields }, known, 'a place')).toThrow(`Reading a place: ${what}; ${takes}`)
  })
})

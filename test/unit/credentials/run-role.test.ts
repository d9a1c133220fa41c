/** Keys of the run role that come with a request: which are taken, and who has what they got. */
import { describe, expect, it } from 'vitest'
import { createPerRunRole, readRunRole } from '../../../lib/credentials/run-role.ts'
import { CredentialsError } from '../../../lib/errors.ts'

const names = ['x-scf-secret-id', 'x-scf-secret-key', 'x-scf-session-token'] as const
const good: Record<string, string[]> = {
  'x-scf-secret-id': ['the-id'],
  'x-scf-secret-key': ['the-key'],
  'x-scf-session-token': ['the+session/token=='],
}
const readKeys = (changes: Record<string, string[]> = {}) =>
  readRunRole(new Map(Object.entries({ ...good, ...changes })))

describe('readRunRole', () => {
  it('takes all three', () => {
    expect(readKeys()).toEqual({
      secretId: 'the-id',
      secretKey: 'the-key',
      token: 'the+session/token==',
    })
  })

  it('says that there are none where none came, or empty ones', () => {
    expect(readRunRole(new Map())).toBeNull()
    expect(readRunRole(new Map([['x-scf-request-id', ['id']]]))).toBeNull()
    expect(readRunRole(new Map(names.map((name) => [name, ['']])))).toBeNull()
  })

  it.each(
    names.flatMap((name) =>
      [
        [],
        [''],
        ['VALUE-1', 'VALUE-1'],
        ['VALUE-1', 'VALUE-2'],
        ['', 'VALUE-1'],
        ['VALUE-1, VALUE-2'],
        ['VALUE-1,VALUE-2'],
        ['VALUE 1'],
        ['VALUE-é'],
      ].map((values) => ({ name, values })),
    ),
  )('refuses $name with the values $values, says which, and repeats none', ({ name, values }) => {
    const refused = (): unknown => readKeys({ [name]: values })
    expect(refused).toThrow(CredentialsError)
    expect(refused).toThrow(`${name} came ${values.length} times`)
    expect(refused).not.toThrow(/VALUE|the-/)
  })
})

describe('createPerRunRole', () => {
  const keysOf = (secretId: string, more = {}) => ({ secretId, secretKey: 'key', token: 'token', ...more })
  let made = 0
  const make = () => ++made

  it('makes one thing for the same keys, and another where any of the three differs', () => {
    const of = createPerRunRole(make)
    const first = of(keysOf('a'))
    expect(of(keysOf('a'))).toBe(first)
    const others = [keysOf('b'), keysOf('a', { secretKey: 'other' }), keysOf('a', { token: 'other' })].map(of)
    expect(new Set([first, ...others]).size).toBe(4)
  })

  it('does not take keys for one another that read alike side by side', () => {
    const of = createPerRunRole(make)
    expect(of({ secretId: 'ab', secretKey: 'c', token: 'd' })).not.toBe(
      of({ secretId: 'a', secretKey: 'bc', token: 'd' }),
    )
  })

  it('keeps the four that were used last', () => {
    const of = createPerRunRole(make)
    const [a, b] = ['a', 'b', 'c', 'd'].map((id) => of(keysOf(id)))
    expect(of(keysOf('a'))).toBe(a)
    for (const id of ['e', 'f', 'g']) of(keysOf(id))
    expect(of(keysOf('a'))).toBe(a)
    expect(of(keysOf('b'))).not.toBe(b)
  })
})

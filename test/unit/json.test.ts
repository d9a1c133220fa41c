import { describe, expect, it } from 'vitest'
import { field, isRecord, isStrings, isText, parseJson, withoutMark } from '../../lib/json.ts'

describe('parseJson', () => {
  it('gives what JSON says, and undefined for what is none', () => {
    expect(parseJson('{"a":[1]}')).toEqual({ a: [1] })
    expect(parseJson('null')).toBe(null)
    for (const text of ['', '{', 'undefined', "{'a':1}"]) expect(parseJson(text)).toBe(undefined)
  })
})

describe('withoutMark', () => {
  it('takes a byte order mark from the front, one and there only', () => {
    expect(['\uFEFF{}', '{}', '\uFEFF\uFEFF', '{\uFEFF}', ''].map(withoutMark)).toEqual([
      '{}',
      '{}',
      '\uFEFF',
      '{\uFEFF}',
      '',
    ])
  })
})

describe('isRecord, isText and isStrings', () => {
  it.each([
    [{}, true, false, false],
    [{ a: 1 }, true, false, false],
    [Object.create(null), true, false, false],
    [[], false, false, true],
    [['', 'a'], false, false, true],
    [['a', 1], false, false, false],
    ['a', false, true, false],
    ['', false, false, false],
    [null, false, false, false],
    [undefined, false, false, false],
    [1, false, false, false],
    [() => 1, false, false, false],
  ])('take %j for what it is', (value, record, text, strings) => {
    expect([isRecord(value), isText(value), isStrings(value)]).toEqual([record, text, strings])
  })
})

describe('field', () => {
  const value = JSON.parse('{"a":{"b":{"c":1}},"__proto__":{"d":2},"list":["x"]}')

  it('gives an own member, up to three deep', () => {
    expect(field(value, 'a', 'b', 'c')).toBe(1)
    expect(field(value, 'a', 'b')).toEqual({ c: 1 })
    expect(field(value, '__proto__', 'd')).toBe(2)
  })

  it('gives undefined for what is missing, inherited, or in something else than an object', () => {
    expect(field(value, 'd')).toBe(undefined)
    expect(field(value, 'toString')).toBe(undefined)
    expect(field(value, 'a', 'constructor')).toBe(undefined)
    expect(field(value, 'list', '0')).toBe(undefined)
    expect(field(value, 'x', 'y', 'z')).toBe(undefined)
    for (const other of [undefined, null, 'text', 7, ['a']]) expect(field(other, 'length')).toBe(undefined)
  })
})

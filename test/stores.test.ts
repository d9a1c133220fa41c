import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { storeKinds } from '../lib/stores/index.ts'
import { quotes } from '../lib/stores/store.ts'

test.each(Object.keys(storeKinds))('storeKinds has a contract suite for %s', (scheme) => {
  const suite = new URL(`stores-${scheme}.test.ts`, import.meta.url)
  expect(existsSync(suite), `${suite.pathname} exists`).toBe(true)
  expect(readFileSync(suite, 'utf8')).toContain(`storeContract('${scheme}', `)
})

test.each([
  ["value 'abcdefghijkl' is bad", 'abcdefghijkl', true],
  ["value 'cdefghijklmn' is bad", 'abcdefghijklmnop', true],
  ["value 'cdefghijklm' is bad", 'abcdefghijklmnop', false],
  ["value 'hunter2' is bad", 'hunter2', true],
  ["value 'hunter' is bad", 'hunter2', false],
  ['no value is bad', '', false],
])('quotes finds in "%s" a piece of "%s": %s', (words, value, found) => {
  expect(quotes(words, value)).toBe(found)
})

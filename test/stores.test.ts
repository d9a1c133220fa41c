import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { storeKinds } from '../lib/stores/index.ts'

test.each(Object.keys(storeKinds))('storeKinds has a contract suite for %s', (scheme) => {
  const suite = new URL(`stores-${scheme}.test.ts`, import.meta.url)
  expect(existsSync(suite), `${suite.pathname} exists`).toBe(true)
  expect(readFileSync(suite, 'utf8')).toContain(`storeContract('${scheme}', `)
})

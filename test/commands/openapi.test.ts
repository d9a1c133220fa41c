import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { methods, routes } from '../../lib/endpoint/routes.ts'
import { expectConforming, openapi } from '../support/openapi.ts'

describe('docs/openapi.yaml', () => {
  it('is valid by its linter', () => {
    const root = fileURLToPath(new URL('../..', import.meta.url))
    const redocly = `${root}node_modules/@redocly/cli/bin/cli.js`
    execFileSync(process.execPath, [redocly, 'lint', 'docs/openapi.yaml'], {
      cwd: root,
      env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
      stdio: 'pipe',
    })
  })

  it('has the routes and methods of the router, and no others', () => {
    expect(Object.keys(openapi.paths).sort()).toEqual(routes.map(({ path }) => path).sort())
    for (const operations of Object.values(openapi.paths))
      expect(Object.keys(operations).filter((key) => key !== 'parameters')).toEqual(
        methods.map((method) => method.toLowerCase()),
      )
  })

  const good = {
    status: 200,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
    body: '{"status":"ok"}',
  }
  it.each([
    ['another status', { ...good, status: 418 }],
    ['another body', { ...good, body: '{"status":"ill"}' }],
    ['one field more', { ...good, body: '{"status":"ok","token":"x"}' }],
    ['a header missing', { ...good, headers: { 'content-type': 'application/json' } }],
    ['another value of a header', { ...good, headers: { ...good.headers, 'cache-control': 'public' } }],
    ['another media type', { ...good, headers: { ...good.headers, 'content-type': 'text/html' } }],
  ])('expectConforming refuses %s', (_, answer) => {
    expectConforming('/healthz', 'GET', good)
    expect(() => expectConforming('/healthz', 'GET', answer)).toThrow()
  })
})

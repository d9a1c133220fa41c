/** `npm run check:keyless`: tells keys that Tencent lacks, and what stands in the way of knowing. test/emulated/deploy follows the page. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'
import { type Checkout, openCheckout } from '../support/command.ts'

// The limit of a hang, not a measure.
const timeout = 600_000
let checkout: Checkout

beforeEach(() => {
  checkout = openCheckout()
})
afterEach(() => checkout.close())

async function makeKey(kid: string): Promise<JWK> {
  return { ...(await exportJWK((await generateKeyPair('ES384')).publicKey)), kid }
}

/** An issuer that publishes `published`, and an account whose provider `aws` holds `held`. */
async function open(published: JWK[], held: JWK[]): Promise<TencentSimulator> {
  const server = createServer((request, response) =>
    request.url === '/.well-known/jwks.json'
      ? response.end(JSON.stringify({ keys: published }))
      : response.writeHead(404).end(),
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const simulator = await startTencentSimulator()
  onTestFinished(() => simulator.close())
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  simulator.sts.providers.set('aws', { issuer, audiences: ['x'], jwks: { keys: held } as never })
  return simulator
}

async function check(simulator: TencentSimulator, args: string[], environment = {}) {
  const command = checkout.run('check:keyless', args, {
    AIGC_SCF_ENDPOINT: simulator.url,
    AIGC_SECRET_ID: simulator.secretId,
    AIGC_SECRET_KEY: simulator.secretKey,
    ...environment,
  })
  const [code] = await command.ended
  return { code, output: command.output() }
}

describe('npm run check:keyless', { timeout }, () => {
  it('ends with 1 and names the key where another has its name', async () => {
    const [one, two] = [await makeKey('the-id'), await makeKey('the-id')]
    const { code, output } = await check(await open([two], [one]), ['--provider', 'aws'])
    expect(output).toMatch(/^note: .*the-id.*\n.*lacks the-id of http/)
    expect(code).toBe(1)
  })

  it('takes the provider of AIGC_OIDC_PROVIDER, and passes over fields that say nothing of the key', async () => {
    const key = await makeKey('the-id')
    const simulator = await open([{ ...key, use: 'sig' }], [key])
    expect(await check(simulator, [], { AIGC_OIDC_PROVIDER: 'aws' })).toMatchObject({
      code: 0,
      output: expect.stringContaining('has every key'),
    })
  })

  it.each([
    ['no provider', [], {}, 'name the provider'],
    ['an unknown provider', ['--provider', 'x'], {}, 'ResourceNotFound.IdentityNotExist'],
    ['no key', ['--provider', 'aws'], { AIGC_SECRET_ID: '', AIGC_SECRET_KEY: '' }, 'AIGC_SECRET_ID'],
  ])('says that there is %s', async (_, args, environment, said) => {
    const { code, output } = await check(await open([], []), args, environment)
    expect(output).toContain(said)
    expect(output).not.toMatch(/\.ts:\d/)
    expect(code).toBe(1)
  })

  it.each([
    ['AWS publishes none', [[], ['held']]],
    ['Tencent has none', [['published'], []]],
  ] as const)('fails where %s', async (_, [published, held]) => {
    const keys = (ids: readonly string[]) => Promise.all(ids.map(makeKey))
    const { code, output } = await check(await open(await keys(published), await keys(held)), [
      '--provider',
      'aws',
    ])
    expect(output).toContain('there are none')
    expect(code).toBe(1)
  })
})

/** What is done with the source that the environment chooses: leased, told, learned, explained. */
import { describe, expect, it } from 'vitest'
import { createCredentialChain } from '../../../lib/credentials/chain.ts'
import type { Lease } from '../../../lib/credentials/lease.ts'
import type { CredentialChoice, Environment } from '../../../lib/credentials/sources.ts'
import { CredentialsError, TencentError } from '../../../lib/errors.ts'
import { timeOf } from '../../support/time-of.ts'

const keyless = {
  AIGC_ROLE_ARN: 'qcs::cam::uin/100000000001:roleName/role',
  AIGC_OIDC_PROVIDER: 'provider',
  AIGC_OIDC_AUDIENCE: 'audience',
}
const secret = { AIGC_CREDENTIALS_SECRET: 'aigc/key' }
const fixed = { AIGC_SECRET_ID: 'fixed-id', AIGC_SECRET_KEY: 'fixed-key' }
const explanation = /; credentials used: aws-secret \(AIGC_CREDENTIALS_SECRET\); nothing else is set$/

/** A chain whose sources give `id-1`, `id-2` and so on for an hour, or throw what `fails` says. */
function chainOf(environment: () => Environment, fails: () => unknown = () => undefined) {
  const fetched: unknown[] = []
  const learned: string[] = []
  const choices: CredentialChoice[] = []
  async function fetch(from: unknown): Promise<Lease> {
    fetched.push(from)
    const failure = fails()
    if (failure !== undefined) throw failure
    const number = fetched.length
    const credentials = { secretId: `id-${number}`, secretKey: `key-${number}`, token: `token-${number}` }
    return { credentials, lifetimeMs: 3_600_000 }
  }
  const chain = createCredentialChain({
    ...timeOf(() => 0),
    environment,
    readSecret: (secretId, deadline) => fetch({ secretId, deadline }),
    assumeRole: ({ roleArn, provider, audience }, deadline) =>
      fetch({ roleArn, provider, audience, deadline }),
    addSecrets: (secrets) => learned.push(...secrets),
    onChoice: (choice) => choices.push(choice),
  })
  return { chain, fetched, learned, choices }
}

describe('createCredentialChain', () => {
  it('gives what stands in the environment, as it stands there now', async () => {
    let environment: Environment = fixed
    const { chain, fetched, choices } = chainOf(() => environment)
    expect(await chain.get(1000)).toEqual({ secretId: 'fixed-id', secretKey: 'fixed-key' })
    environment = { AIGC_SECRET_ID: 'new-id', AIGC_SECRET_KEY: 'new-key' }
    expect(await chain.get(1000)).toEqual({ secretId: 'new-id', secretKey: 'new-key' })
    expect(fetched).toEqual([])
    // Told once, and again when another source counts.
    expect(choices.map(({ source }) => source)).toEqual(['fixed'])
    environment = { TENCENTCLOUD_SECRETID: 'role-id', TENCENTCLOUD_SECRETKEY: 'role-key' }
    await chain.get(1000)
    expect(choices.map(({ source }) => source)).toEqual(['fixed', 'run-role'])
    expect(choices[1]?.passedOver).toContain(
      'official-names: TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY are not set',
    )
  })

  it.each([
    ['the role’s', keyless, { roleArn: keyless.AIGC_ROLE_ARN, provider: 'provider', audience: 'audience' }],
    ['the secret’s', secret, { secretId: 'aigc/key' }],
  ])('fetches %s credentials once, and anew when they are refused', async (_, environment, from) => {
    const { chain, fetched, learned } = chainOf(() => environment)
    const first = await chain.get(1000)
    expect(first).toEqual({ secretId: 'id-1', secretKey: 'key-1', token: 'token-1' })
    expect(await chain.get(2000)).toBe(first)
    expect(fetched).toEqual([{ ...from, deadline: 1000 }])
    // At each use.
    expect(learned).toEqual(['id-1', 'key-1', 'token-1', 'id-1', 'key-1', 'token-1'])
    const second = await chain.get(3000, first)
    expect(second).toMatchObject({ secretId: 'id-2' })
    // Those that were replaced already are no reason to fetch again.
    expect(await chain.get(4000, first)).toBe(second)
    expect(fetched).toHaveLength(2)
  })

  it('adds to a failure which source it was, and why no other', async () => {
    const refused = new TencentError('AuthFailure', 'refused', {
      action: 'AssumeRoleWithWebIdentity',
      requestId: 'r',
      attempts: 2,
      retryable: true,
    })
    const { chain } = chainOf(
      () => secret,
      () => refused,
    )
    const error = await chain.get(1000).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(TencentError)
    expect(error).toMatchObject({ code: 'AuthFailure', requestId: 'r', attempts: 2, retryable: true })
    expect(String(error)).toMatch(explanation)
    expect(error).toMatchObject({ brief: 'refused', action: 'AssumeRoleWithWebIdentity' })

    const missing = new CredentialsError('ResourceNotFoundException', 'missing', true)
    const other = chainOf(
      () => secret,
      () => missing,
    )
    const told = await other.chain.get(1000).catch((thrown: unknown) => thrown)
    expect(told).toBeInstanceOf(CredentialsError)
    expect(told).toMatchObject({ code: 'ResourceNotFoundException', retryable: true })
    expect(String(told)).toMatch(explanation)
    expect(told).toMatchObject({ brief: 'missing' })

    const odd = new Error('odd')
    await expect(
      chainOf(
        () => secret,
        () => odd,
      ).chain.get(1000),
    ).rejects.toBe(odd)
  })

  it('explains without telling of a choice', () => {
    const { chain, choices } = chainOf(() => secret)
    expect(`; ${chain.explain()}`).toMatch(explanation)
    expect(choices).toEqual([])
  })
})

const credentials = { secretId: 'an-id', secretKey: 'a-key', token: 'a-token' }

it.each([
  ['fixed', { AIGC_SECRET_ID: 'an-id', AIGC_SECRET_KEY: 'a-key', AIGC_SESSION_TOKEN: 'a-token' }],
  ['aws-secret', { AIGC_CREDENTIALS_SECRET: 'name' }],
  [
    'keyless',
    { AIGC_ROLE_ARN: 'qcs::cam::uin/1:roleName/x', AIGC_OIDC_PROVIDER: 'aws', AIGC_OIDC_AUDIENCE: 'a' },
  ],
])(
  'createCredentialChain tells what it gives at every use, not only when it is fetched: %s',
  async (_, environment) => {
    const learned: string[][] = []
    let fetches = 0
    const fetch = async () => {
      fetches++
      return { credentials, lifetimeMs: Number.POSITIVE_INFINITY }
    }
    const chain = createCredentialChain({
      ...timeOf(() => 0),
      environment: () => environment,
      readSecret: fetch,
      assumeRole: fetch,
      addSecrets: (secrets) => void learned.push([...secrets]),
      onChoice: () => {},
    })
    for (let i = 0; i < 3; i++) expect(await chain.get(1000)).toEqual(credentials)
    expect(fetches).toBeLessThan(2)
    expect(learned).toEqual(Array(3).fill(Object.values(credentials)))
  },
)

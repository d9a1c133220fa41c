import { expect, it } from 'vitest'
import { createCredentialChain } from '../../../lib/credentials/chain.ts'
import { timeOf } from '../../support/time-of.ts'

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

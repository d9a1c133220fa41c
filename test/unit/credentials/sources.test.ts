/** Which source of credentials counts, and what is said of sources that are set by half. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  type CredentialChoice,
  chooseCredentials,
  credentialProblems,
  type Environment,
  explainChoice,
  withRunRole,
  wouldUseRunRole,
} from '../../../lib/credentials/sources.ts'
import { ConfigError } from '../../../lib/errors.ts'

/** Every source in full, in order of precedence, with values that no sentence holds by chance. */
const full: Record<CredentialChoice['source'], Record<string, string>> = {
  fixed: {
    AIGC_SECRET_ID: 'value-fixed-id',
    AIGC_SECRET_KEY: 'value-fixed-key',
    AIGC_SESSION_TOKEN: 'value-fixed-token',
  },
  keyless: {
    AIGC_ROLE_ARN: 'qcs::cam::uin/100000000001:roleName/value-role',
    AIGC_OIDC_PROVIDER: 'value-provider',
    AIGC_OIDC_AUDIENCE: 'value-audience',
  },
  'aws-secret': { AIGC_CREDENTIALS_SECRET: 'value/secret-name' },
  'run-role': {
    TENCENTCLOUD_SECRETID: 'value-role-id',
    TENCENTCLOUD_SECRETKEY: 'value-role-key',
    TENCENTCLOUD_SESSIONTOKEN: 'value-role-token',
  },
  'official-names': {
    TENCENTCLOUD_SECRET_ID: 'value-official-id',
    TENCENTCLOUD_SECRET_KEY: 'value-official-key',
  },
}
const order = Object.keys(full) as CredentialChoice['source'][]
const pair = (source: 'fixed' | 'run-role' | 'official-names'): Record<string, string> =>
  Object.fromEntries(Object.entries(full[source]).slice(0, 2))

describe('chooseCredentials', () => {
  it('has the order that docs/credentials.md shows', () => {
    const page = readFileSync(new URL('../../../docs/credentials.md', import.meta.url), 'utf8')
    const rows = [...page.matchAll(/^\| \d+ \| `([a-z-]+)` \|/gm)].map(([, source]) => source)
    expect(rows).toEqual(order)
  })

  // Every set of sources, from one alone to all five.
  const sets = Array.from({ length: 2 ** order.length - 1 }, (_, index) =>
    order.filter((_source, bit) => (index + 1) & (1 << bit)),
  )
  it.each(sets.map((present) => ({ present, first: present[0] })))(
    'takes $first of $present',
    ({ present, first }) => {
      const env = Object.assign({}, ...present.map((source) => full[source]))
      const choice = chooseCredentials(env)
      expect(choice.source).toBe(first)
      expect(choice.passedOver.map((reason) => reason.split(/[: ]/)[0])).toEqual(
        order.filter((source) => source !== first),
      )
      for (const reason of choice.passedOver) {
        const name = reason.split(/[: ]/)[0] as CredentialChoice['source']
        expect(reason).toContain(present.includes(name) ? `comes after ${first}` : 'not set')
      }
      expect(explainChoice(choice)).not.toContain('value')
    },
  )

  it('says which source it took and which others are set, in a line', () => {
    expect(explainChoice(chooseCredentials({ ...full['run-role'], ...full['official-names'] }))).toBe(
      'credentials used: run-role (the run role of SCF); ' +
        'also set, but not used: official-names (TENCENTCLOUD_SECRET_ID)',
    )
    expect(explainChoice(chooseCredentials(full.fixed))).toBe(
      'credentials used: fixed (AIGC_SECRET_ID); nothing else is set',
    )
    expect(explainChoice(chooseCredentials(Object.assign({}, ...Object.values(full))))).toBe(
      'credentials used: fixed (AIGC_SECRET_ID); also set, but not used: keyless (AIGC_ROLE_ARN), ' +
        'aws-secret (AIGC_CREDENTIALS_SECRET), run-role (the run role of SCF), ' +
        'official-names (TENCENTCLOUD_SECRET_ID)',
    )
  })

  const given = (id: string, key: string, token?: string): object => ({
    credentials: { secretId: id, secretKey: key, ...(token && { token }) },
  })
  const rows: [string, Environment, object][] = [
    ['a permanent key', pair('fixed'), given('value-fixed-id', 'value-fixed-key')],
    ['a temporary key', full.fixed, given('value-fixed-id', 'value-fixed-key', 'value-fixed-token')],
    [
      'the role’s own spelling',
      full['run-role'],
      given('value-role-id', 'value-role-key', 'value-role-token'),
    ],
    [
      'another spelling of the role’s token',
      { ...pair('run-role'), TENCENTCLOUD_SESSION_TOKEN: 't' },
      given('value-role-id', 'value-role-key', 't'),
    ],
    [
      'the third spelling of the role’s token',
      { ...pair('run-role'), TENCENTCLOUD_TOKEN: 't' },
      given('value-role-id', 'value-role-key', 't'),
    ],
    [
      'no token of the official names for the run role',
      { ...pair('run-role'), ...full['official-names'], TENCENTCLOUD_SESSION_TOKEN: 't' },
      given('value-role-id', 'value-role-key'),
    ],
    [
      'the official token',
      { ...full['official-names'], TENCENTCLOUD_SESSION_TOKEN: 't' },
      given('value-official-id', 'value-official-key', 't'),
    ],
    [
      'the token as tccli spells it',
      { ...full['official-names'], TENCENTCLOUD_TOKEN: 't' },
      given('value-official-id', 'value-official-key', 't'),
    ],
    [
      'the token as the Terraform provider spells it',
      { ...full['official-names'], TENCENTCLOUD_SECURITY_TOKEN: 't' },
      given('value-official-id', 'value-official-key', 't'),
    ],
    [
      'the first spelling of the token that is set',
      { ...full['official-names'], TENCENTCLOUD_SECURITY_TOKEN: 't', TENCENTCLOUD_TOKEN: 'u' },
      given('value-official-id', 'value-official-key', 'u'),
    ],
    [
      'surrounding space as nothing',
      { ...full.fixed, AIGC_SECRET_ID: ' a\n' },
      given('a', 'value-fixed-key', 'value-fixed-token'),
    ],
    [
      'empty variables as unset ones',
      { ...full['run-role'], AIGC_SECRET_ID: '', AIGC_SECRET_KEY: ' ' },
      { source: 'run-role' },
    ],
    [
      'what keyless needs',
      full.keyless,
      {
        roleArn: 'qcs::cam::uin/100000000001:roleName/value-role',
        provider: 'value-provider',
        audience: 'value-audience',
      },
    ],
    ['the secret’s name', full['aws-secret'], { secretId: 'value/secret-name' }],
  ]
  it.each(rows)('reads %s', (_, env, expected) => {
    const choice = chooseCredentials(env)
    expect(choice).toMatchObject(expected)
    // A token too many would spoil the signature's meaning.
    if ('credentials' in expected) expect(choice).toHaveProperty('credentials', expected.credentials)
  })
})

describe('credentialProblems', () => {
  // Every way of setting a source by half, and the whole sentence.
  const halves: [names: string[], sentence: string][] = [
    [['AIGC_SECRET_ID'], 'AIGC_SECRET_ID is set but AIGC_SECRET_KEY is not; set both, or none'],
    [['AIGC_SECRET_KEY'], 'AIGC_SECRET_KEY is set but AIGC_SECRET_ID is not; set both, or none'],
    [
      ['AIGC_SESSION_TOKEN'],
      'AIGC_SESSION_TOKEN is set but AIGC_SECRET_ID and AIGC_SECRET_KEY are not; set all of them, or none',
    ],
    [
      ['AIGC_ROLE_ARN'],
      'AIGC_ROLE_ARN is set but AIGC_OIDC_PROVIDER and AIGC_OIDC_AUDIENCE are not; set all of them, or none',
    ],
    [
      ['AIGC_OIDC_PROVIDER'],
      'AIGC_OIDC_PROVIDER is set but AIGC_ROLE_ARN and AIGC_OIDC_AUDIENCE are not; set all of them, or none',
    ],
    [
      ['AIGC_OIDC_AUDIENCE'],
      'AIGC_OIDC_AUDIENCE is set but AIGC_ROLE_ARN and AIGC_OIDC_PROVIDER are not; set all of them, or none',
    ],
    [
      ['AIGC_ROLE_ARN', 'AIGC_OIDC_PROVIDER'],
      'AIGC_ROLE_ARN and AIGC_OIDC_PROVIDER are set but AIGC_OIDC_AUDIENCE is not; set all of them, or none',
    ],
    [
      ['AIGC_ROLE_ARN', 'AIGC_OIDC_AUDIENCE'],
      'AIGC_ROLE_ARN and AIGC_OIDC_AUDIENCE are set but AIGC_OIDC_PROVIDER is not; set all of them, or none',
    ],
    [
      ['AIGC_OIDC_PROVIDER', 'AIGC_OIDC_AUDIENCE'],
      'AIGC_OIDC_PROVIDER and AIGC_OIDC_AUDIENCE are set but AIGC_ROLE_ARN is not; set all of them, or none',
    ],
    [
      ['TENCENTCLOUD_SECRETID'],
      'TENCENTCLOUD_SECRETID is set but TENCENTCLOUD_SECRETKEY is not; set both, or none',
    ],
    [
      ['TENCENTCLOUD_SECRETKEY'],
      'TENCENTCLOUD_SECRETKEY is set but TENCENTCLOUD_SECRETID is not; set both, or none',
    ],
    [
      ['TENCENTCLOUD_SESSIONTOKEN'],
      'TENCENTCLOUD_SESSIONTOKEN is set but TENCENTCLOUD_SECRETID and TENCENTCLOUD_SECRETKEY are not; set all of them, or none',
    ],
    [
      ['TENCENTCLOUD_SECRET_ID'],
      'TENCENTCLOUD_SECRET_ID is set but TENCENTCLOUD_SECRET_KEY is not; set both, or none',
    ],
    [
      ['TENCENTCLOUD_SECRET_KEY'],
      'TENCENTCLOUD_SECRET_KEY is set but TENCENTCLOUD_SECRET_ID is not; set both, or none',
    ],
    [
      ['TENCENTCLOUD_SESSION_TOKEN'],
      'TENCENTCLOUD_SESSION_TOKEN is set but TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY are not; set all of them, or none',
    ],
    [
      ['TENCENTCLOUD_TOKEN'],
      'TENCENTCLOUD_TOKEN is set but TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY are not; set all of them, or none',
    ],
    [
      ['TENCENTCLOUD_SECURITY_TOKEN'],
      'TENCENTCLOUD_SECURITY_TOKEN is set but TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY are not; set all of them, or none',
    ],
  ]
  const values: Record<string, string> = Object.assign({}, ...Object.values(full))
  const pick = (names: string[]): Environment =>
    Object.fromEntries(names.map((name) => [name, values[name] ?? 'value-of-a-token']))
  it.each(halves)('names what is missing beside %j, and no value', (names, sentence) => {
    expect(credentialProblems(pick(names))).toEqual([sentence])
    // Whatever else is set in full, half a source is a mistake.
    for (const source of order) {
      const variables = Object.keys(full[source])
      if (variables.some((name) => names.includes(name))) continue
      if (names.every((name) => /TOKEN$/.test(name)) && source === 'run-role') continue
      if (/^TENCENTCLOUD_(SESSION_|SECURITY_)?TOKEN$/.test(names.join()) && source === 'official-names')
        continue
      expect(credentialProblems({ ...full[source], ...pick(names) }), source).toEqual([sentence])
    }
    expect(() => chooseCredentials(pick(names))).toThrow(ConfigError)
    expect(() => chooseCredentials(pick(names))).toThrow(sentence)
  })

  it('lists every source when there is none', () => {
    const [problem = ''] = credentialProblems({})
    for (const names of Object.values(full))
      for (const name of Object.keys(names).filter((one) => !/TOKEN$/.test(one)))
        expect(problem).toContain(name)
    expect(credentialProblems({}, false)).toEqual([])
    expect(problem).toMatch(
      /^no Tencent credentials; set all variables of fixed \(AIGC_SECRET_ID, AIGC_SECRET_KEY\), keyless \(AIGC_ROLE_ARN, /,
    )
    expect(problem).toContain(', which SCF sets for a role) or official-names (TENCENTCLOUD_SECRET_ID, ')
  })

  it('complains once of a token beside half of its key', () => {
    expect(credentialProblems({ AIGC_SECRET_ID: 'a', AIGC_SESSION_TOKEN: 't' })).toEqual([
      'AIGC_SECRET_ID is set but AIGC_SECRET_KEY is not; set both, or none',
    ])
  })

  it.each([
    ['qcs::cam::uin/1:role/value', true],
    ['qcs::cam::uin/1:roleName/value', true],
    ['xqcs::cam::uin/1:roleName/value', false],
    ['qcs::cam::uin/1:roleName/value:more', false],
    ['qcs::cam::uin/x:roleName/value', false],
  ])('finds that %s is the ARN of a role: %s', (arn, good) => {
    expect(credentialProblems({ ...full.keyless, AIGC_ROLE_ARN: arn })).toHaveLength(good ? 0 : 1)
  })

  const misshapen: [string, string, string][] = [
    ['AIGC_ROLE_ARN', 'arn:aws:iam::1:role/value', 'must be the ARN of a Tencent role'],
    ['AIGC_OIDC_PROVIDER', 'value value', 'must be the name of an OIDC provider'],
    ['AIGC_OIDC_AUDIENCE', 'value value', 'must be 1 to 1000 characters without spaces'],
    ['AIGC_CREDENTIALS_SECRET', 'value value', 'must be the name or the ARN of a secret'],
    ['AIGC_SECRET_KEY', 'value\r\nvalue', 'must be printable ASCII without spaces'],
    ['TENCENTCLOUD_SESSIONTOKEN', 'valué', 'must be printable ASCII without spaces'],
  ]
  it.each(misshapen)('says what %s must be, without its value', (name, value, what) => {
    const [problem = '', ...others] = credentialProblems({ ...values, [name]: value })
    expect(problem).toContain(`${name} ${what}`)
    expect(problem).not.toContain('valu')
    expect(others).toEqual([])
  })
})

describe('wouldUseRunRole', () => {
  it.each(order)('%s, if set: only what comes before a run role stands in its way', (source) => {
    expect(wouldUseRunRole(full[source])).toBe(['run-role', 'official-names'].includes(source))
  })

  it('is so where nothing is set, and where a source before it is set by half', () => {
    expect(wouldUseRunRole({})).toBe(true)
    expect(wouldUseRunRole({ AIGC_SECRET_ID: 'id', AIGC_CREDENTIALS_SECRET: ' ' })).toBe(true)
  })
})

describe('withRunRole', () => {
  const keys = { secretId: 'sent-id', secretKey: 'sent-key', token: 'sent-token' }

  it.each([{}, full['run-role'], full['official-names'], { ...full['run-role'], ...full['official-names'] }])(
    'makes these keys the run role’s, whatever the environment holds: %o',
    (env) => {
      const choice = chooseCredentials(withRunRole(env, keys))
      expect(choice).toMatchObject({ source: 'run-role', credentials: keys })
    },
  )

  it('leaves what comes first', () => {
    expect(chooseCredentials(withRunRole(full.fixed, keys)).source).toBe('fixed')
  })
})

/** What the pages say of the stack, and the outputs that they read. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parameters } from '../../../deploy/aws/parameters.ts'
import { describeStack } from '../../../deploy/aws/stack.ts'
import { caseNames, declared, deployment, ofType, resource, rotating, template } from './cases.ts'

describe('outputs', () => {
  it.each(caseNames)('give the ARNs of the functions’ roles, whose names AWS makes, with %s', (name) => {
    for (const role of ['ListTokensRole', 'MirrorTokensRole']) {
      expect(resource(name, role).Properties.RoleName).toBeUndefined()
      expect(template(name).Outputs[`${role}Arn`]?.Value).toEqual({ 'Fn::GetAtt': [role, 'Arn'] })
    }
  })
})

describe('docs/credentials.md', () => {
  const page = readFileSync(new URL('../../../docs/credentials.md', import.meta.url), 'utf8')
  const guide = readFileSync(new URL('../../../docs/deploy-aws.md', import.meta.url), 'utf8')
  const blocks = [...page.matchAll(/^( *)```json\n(.*?)^ *```$/gms)].map(([, , json]) =>
    JSON.parse(json ?? ''),
  )
  const keyless = describeStack(
    'x',
    deployment({ roleArn: 'qcs::cam::uin/1:roleName/r', oidcProvider: 'aws' }),
  )

  it('shows the statement that the stack grants, for the default audience', () => {
    const granted = keyless.listStatements.find(({ Action }) => Action.includes('sts:GetWebIdentityToken'))
    expect(granted).toBeDefined()
    expect(blocks).toContainEqual(granted)
  })

  it('has the default audience everywhere, and both functions in oidc:sub', () => {
    const audience = keyless.listEnvironment['AIGC_OIDC_AUDIENCE']
    const [trust] = blocks.flatMap(({ statement }) => statement ?? []).filter(({ principal }) => principal)
    const { 'oidc:aud': audiences, 'oidc:sub': subjects } = trust.condition.string_equal
    expect(audiences).toEqual([audience])
    expect(subjects).toEqual([
      expect.stringMatching(/^arn:aws:iam::\d{12}:role\/.*-ListTokensRole-/),
      expect.stringMatching(/^arn:aws:iam::\d{12}:role\/.*-MirrorTokensRole-/),
    ])
    expect(page).toContain(`Client ID: the audience, \`${audience}\``)
    expect(page).toContain(`AIGC_OIDC_AUDIENCE=${audience}\n`)
    expect(parameters.audience.takes).toContain(`such as ${audience}`)
  })

  it('gives the rotation what its page lists, deletion apart and for one application only, and nobody else any of it', () => {
    const rotation = readFileSync(new URL('../../../docs/rotation.md', import.meta.url), 'utf8')
    const listed = [...rotation.matchAll(/^\| (`vod:.*?`) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`(vod:\w+)`/g)].map(([, action]) => action),
    )
    const cam = blocks.flatMap(({ statement }) =>
      statement?.[0]?.action?.[0].startsWith('vod:') ? [statement] : [],
    )
    const [usual, own, deletion, ...others] = cam
    expect(others).toEqual([])
    expect(usual.flatMap(({ action }: { action: string[] }) => action)).toEqual(['vod:DescribeAigcApiTokens'])
    const actions = [...own, ...deletion].flatMap(({ action }: { action: string[] }) => action)
    expect(actions.sort()).toEqual(listed.sort())
    expect(JSON.stringify(own)).not.toContain('Delete')
    expect(deletion).toEqual([
      {
        effect: 'allow',
        action: ['vod:DeleteAigcApiToken'],
        resource: ['qcs::vod::uin/*:subAppId/251006666'],
      },
    ])
  })

  it('names the role’s ARN that the trust of the rotation needs, beside none of the others', () => {
    const { Outputs } = template(rotating)
    expect(Outputs['RotationRoleArn']?.Value).toEqual({ 'Fn::GetAtt': ['RotateTokensRole', 'Arn'] })
    const found = Object.keys(Outputs).filter((key) => key.endsWith('TokensRoleArn'))
    expect(found).toEqual(['ListTokensRoleArn', 'MirrorTokensRoleArn'])
    for (const text of [page, guide]) expect(text).toContain('`RotationRoleArn`')
  })

  it('reads, as docs/deploy-aws.md does, the roles’ ARNs from outputs that there are', () => {
    const outputs = Object.keys(template('no parameters').Outputs)
    const found = outputs.filter((key) => key.endsWith('TokensRoleArn'))
    expect(found).toEqual(['ListTokensRoleArn', 'MirrorTokensRoleArn'])
    for (const text of [page, guide]) expect(text).toContain("?ends_with(OutputKey, 'TokensRoleArn')")
    for (const key of found) expect(page).toContain(key)
  })
})

describe('docs/deploy-aws.md', () => {
  const guide = readFileSync(new URL('../../../docs/deploy-aws.md', import.meta.url), 'utf8')
  /** The cells of the rows of all tables that begin with this header. */
  const rows = (header: string): string[][] =>
    guide
      .split(`${header}\n`)
      .slice(1)
      .flatMap((table) => (table.split('\n\n')[0] ?? '').split('\n').slice(1))
      .map((row) => row.split('|').map((cell) => cell.trim().replaceAll('`', '')))

  it('says which mark a secret must carry that the stack did not make', () => {
    expect(
      rows('| parameter | default | meaning |').find(([, name]) => name === 'makeSecrets')?.[3],
    ).toContain('managed-by=vod-aigc-tokens')
    expect(guide).toContain('--tags Key=managed-by,Value=vod-aigc-tokens')
    expect(parameters.makeSecrets.takes).toContain('managed-by=vod-aigc-tokens')
  })

  it('adds up what it costs, and what each schedule does of that', () => {
    const money = (cell = ''): number => Number(/\$([\d.]+)/.exec(cell)?.[1] ?? 0)
    const costs = rows('| what | arithmetic | mirror only | with 10 million reads |')
    for (const column of [3, 4]) {
      const cells = costs.map((row) => money(row[column]))
      const sum = cells.pop() ?? 0
      expect(cells.reduce((all, one) => all + one, 0)).toBeCloseTo(sum, 5)
    }
    const schedules = rows(
      '| schedule | runs a month | of the sum above | ApiToken still names a deleted token for at most |'.replace(
        /schedule|ApiToken/g,
        '`$&`',
      ),
    )
    expect(schedules).toHaveLength(4)
    for (const [, schedule = '', runs = '', cost] of schedules) {
      const { periodSeconds } = deployment({ schedule })
      const perMonth = (30 * 86_400) / periodSeconds
      expect(Number(runs.replace(',', ''))).toBe(perMonth)
      // Warm, a run takes a fifth of what it takes cold.
      const seconds = periodSeconds < 300 ? 0.2 : 1
      const perRun = 3 * 5e-6 + seconds * 0.25 * 0.0000133334 + 0.2e-6 + 2.1e-6 * 0.5 + 1e-6
      expect(money(cost)).toBeCloseTo(perMonth * perRun, 2)
    }
  })

  it('adds up what the rotation costs', () => {
    const [, sum = '', parts = ''] = /for one application, (\$[\d.]+\d): (.*?\.) Each/s.exec(guide) ?? []
    const amounts = [...parts.matchAll(/\$(\d+\.\d\d)/g)].map(([, amount]) => Number(amount))
    expect(amounts).toHaveLength(5)
    expect(amounts.reduce((all, one) => all + one, 0)).toBeCloseTo(Number(sum.slice(1)), 5)
  })

  it('lists every parameter with its default', () => {
    const defaults = Object.entries<string>(declared.default).map(([name, value]) => [
      name,
      value.replace(/\$\{sls:stage\}/, 'STAGE'),
    ])
    expect(rows('| parameter | default | meaning |').map(([, name, value]) => [name, value])).toEqual(
      expect.arrayContaining(defaults),
    )
    expect(rows('| parameter | default | meaning |')).toHaveLength(defaults.length)
  })
})

describe('docs/alarms.md', () => {
  it('has a section for every alarm, with what it means, a first look, what to do and when to do nothing', () => {
    const page = readFileSync(new URL('../../../docs/alarms.md', import.meta.url), 'utf8')
    const [, ...sections] = page.split(/^## /m)
    const runbooks = sections.filter((text) => text.includes('**Means:**'))
    const alarms = ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm']
      .flatMap((type) => ofType('keyless and everything else', type))
      .filter(([, { Properties }]) => Properties.AlarmActions)
      .map(([, { Properties }]) => Properties.AlarmName.replace('vod-aigc-tokens-prod-', ''))
    expect(runbooks.map((text) => text.split('\n')[0]).sort()).toEqual(alarms.sort())
    for (const text of runbooks)
      expect(text).toMatch(/\*\*Means:\*\*.*\*\*Look at:\*\*.*```sh\n.*\*\*Do:\*\*.*\*\*Nothing to do:\*\*/s)
  })
})

describe('pages', () => {
  it('have every run by hand wait for its answer, which the CLI would otherwise ask for three times', () => {
    const folder = new URL('../../../docs/', import.meta.url)
    const commands = readdirSync(folder)
      .filter((name) => name.endsWith('.md'))
      .map((name) => readFileSync(new URL(name, folder), 'utf8'))
      .flatMap((text) => text.match(/aws lambda invoke (.*\\\n)*.*/g) ?? [])
    expect(commands.length).toBeGreaterThan(3)
    for (const command of commands) expect(command).toContain('--cli-read-timeout 0')
  })
})

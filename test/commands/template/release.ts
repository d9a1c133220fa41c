/** The templates of a release, each held against what the Serverless CLI makes of the same parameters. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { parameters } from '../../../deploy/aws/parameters.ts'
import { parametersFor } from '../../../deploy/aws/release.ts'
import { functionNames } from '../../../scripts/build.ts'
import { evaluateTemplate, passesRules, type Values } from '../../support/cloudformation.ts'
import { cli, params } from './cases.ts'

// biome-ignore lint/suspicious/noExplicitAny: see cloudformation.ts
let one: any
// biome-ignore lint/suspicious/noExplicitAny: see cloudformation.ts
let many: any
const read = (file: string): string => readFileSync(join(cli.folder, 'release', file), 'utf8')

const keyless = {
  SubAppId: '1500000001',
  Site: 'cn',
  SecretPrefix: 'media/aigc',
  EveryMinutes: '15',
  AlarmTopicArn: 'arn:aws:sns:us-east-1:123456789012:alarms',
  RoleArn: 'qcs::cam::uin/100000000001:roleName/vod-aigc-tokens',
  OidcProvider: 'aws-lambda',
  Audience: 'my-audience',
  MirrorConcurrency: 'none',
  LogLevel: 'debug',
}
const stored = { SecretPrefix: 'vod-aigc-tokens/dev', EveryMinutes: '1', MirrorConcurrency: '1' }
const usual = { Site: 'intl', LogLevel: 'info' }
/** As many as the template's limits are for. */
const ids = Array.from({ length: 300 }, (_, i) => `${1500000001 + i}`)

beforeAll(async () => {
  const { PATH = '', HOME = '' } = process.env
  const args = ['--import', 'tsx', 'scripts/release.ts']
  await promisify(execFile)(process.execPath, args, { cwd: cli.folder, env: { PATH, HOME } })
  one = JSON.parse(read('template.json'))
  many = JSON.parse(read('template-many.json'))
}, 180_000)

/** What the CLI compiles, in the form of {@link evaluateTemplate}, less what a release leaves to others. */
async function compile(subAppIds: string, values: Readonly<Record<string, string>>, stage = 'dev') {
  const { code, output } = await cli.run([
    'package',
    `--stage=${stage}`,
    ...params({
      subAppIds,
      secretPrefix: values['SecretPrefix'] ?? '',
      ...Object.fromEntries(
        Object.entries(parametersFor({ ...usual, ...values })).filter(([, value]) => value),
      ),
    }),
  ])
  expect(output).toContain('Service packaged')
  expect(code).toBe(0)
  const { Resources, Outputs } = evaluateTemplate(cli.readTemplate(), {})
  delete Resources.ServerlessDeploymentBucket
  delete Resources.ServerlessDeploymentBucketPolicy
  delete Outputs.ServerlessDeploymentBucketName
  for (const output of Object.values<Record<string, unknown>>(Outputs)) delete output['Export']
  // A release knows no stage, and uses the name of the stack in its place.
  Resources.HttpApi.Properties.Name = `vod-aigc-tokens-${stage}`
  const text = JSON.stringify(withoutCode({ Resources, Outputs }))
  return JSON.parse(text.replaceAll(`TooManyRequests-${stage}`, `TooManyRequests-vod-aigc-tokens-${stage}`))
}

// biome-ignore lint/suspicious/noExplicitAny: see cloudformation.ts
function withoutCode(template: any): any {
  for (const name of ['ListDashtokensLambdaFunction', 'MirrorDashtokensLambdaFunction'])
    delete template.Resources[name].Properties.Code
  return template
}

describe('template.json', () => {
  const evaluate = (values: Values) => withoutCode(evaluateTemplate(one, values))

  it('is the stack of one application without a stored key, to every resource and output', async () => {
    const compiled = await compile(keyless.SubAppId, keyless, 'prod')
    const named = JSON.parse(
      JSON.stringify(compiled).replaceAll('MirroredSecret1500000001', 'MirroredSecret'),
    )
    const made = evaluate({ ...keyless, 'AWS::StackName': 'vod-aigc-tokens-prod' })
    expect(made.Resources.MirrorTokensRole.Properties.Policies[0].PolicyDocument.Statement.length).toBe(4)
    expect(made).toEqual(named)
  })

  it('is the stack without an id and with a stored key, where nothing else is said', async () => {
    const made = evaluate({
      SubAppId: 'none',
      SecretPrefix: stored.SecretPrefix,
      'AWS::StackName': 'vod-aigc-tokens-dev',
    })
    expect(Object.keys(made.Resources)).toContain('CredentialsSecret')
    expect(made).toEqual(await compile('none', stored))
  })

  it('takes the zips beside it', () => {
    for (const name of ['list-tokens', 'mirror-tokens']) {
      const [, logicalName = ''] = /^(\w+)-/.exec(name) ?? []
      const logicalId = `${logicalName[0]?.toUpperCase()}${logicalName.slice(1)}DashtokensLambdaFunction`
      for (const template of [one, many])
        expect(template.Resources[logicalId].Properties.Code).toBe(`./${name}.zip`)
      expect(existsSync(join(cli.folder, 'release', `${name}.zip`))).toBe(true)
    }
  })

  it('refuses an identity provider without a role, and a role without one', () => {
    const { RoleArn, OidcProvider } = keyless
    const outcomes = [{}, { RoleArn }, { OidcProvider }, { RoleArn, OidcProvider }]
    expect(outcomes.map((values) => passesRules(one, values))).toEqual([true, false, false, true])
  })
})

describe('template-many.json', () => {
  it('is the stack of as many applications as fit, to every resource and output', async () => {
    const compiled = await compile(ids.join(), stored)
    const made = evaluateTemplate(many, {
      SubAppIds: ids,
      SecretPrefix: stored.SecretPrefix,
      'AWS::StackName': 'vod-aigc-tokens-dev',
    })
    const columns = JSON.stringify(compiled).replace(
      /outcome_(\d+)/g,
      (_, id) => `outcome_${ids.indexOf(id) + 1}`,
    )
    expect(withoutCode(made)).toEqual(JSON.parse(columns))
    const [, , , kept] = made.Resources.MirrorTokensRole.Properties.Policies[0].PolicyDocument.Statement
    expect([
      kept,
      made.Resources.MirrorTokensRole.Properties.Policies[0].PolicyDocument.Statement[2],
    ]).toContainEqual(
      expect.objectContaining({ Resource: expect.stringMatching(/:secret:vod-aigc-tokens\/dev\/\*$/) }),
    )
  })
})

describe('parameters of a release', () => {
  const names = {
    SubAppId: 'subAppIds',
    Site: 'site',
    SecretPrefix: 'secretPrefix',
    AlarmTopicArn: 'alarmTopicArn',
    RoleArn: 'roleArn',
    OidcProvider: 'oidcProvider',
    Audience: 'audience',
    MirrorConcurrency: 'mirrorConcurrency',
    LogLevel: 'logLevel',
  } as const

  it.each(Object.entries(names))('%s takes what %s does', (name, ofCli) => {
    const samples = [
      '',
      'none',
      '0',
      '1',
      '251006666',
      '1,2',
      ...Object.values(keyless),
      'a/',
      '/a',
      'a b',
      'a\n',
      'x'.repeat(513),
    ]
    const { AllowedValues, AllowedPattern } = one.Parameters[name]
    const takes = (value: string): boolean =>
      AllowedValues?.includes(value) ?? new RegExp(`^(?:${AllowedPattern})$`).test(value)
    // One id, not a list.
    for (const sample of samples)
      if (!(name === 'SubAppId' && sample.includes(',')))
        expect([sample, takes(sample)]).toEqual([sample, parameters[ofCli].accepts(sample)])
  })

  it('stand in docs/releases.md, each with its default', () => {
    const page = readFileSync(new URL('../../../docs/releases.md', import.meta.url), 'utf8')
    const [, table = ''] = /\| parameter \| default \| meaning \|\n\|.*\n((?:\|.*\n)+)/.exec(page) ?? []
    const rows = table
      .trim()
      .split('\n')
      .flatMap((row) => {
        const [, names = '', defaults = ''] = row.split('|')
        const values = defaults.split(',').map((value) => value.trim())
        return names.split(',').map((name, i) => [name.trim().slice(1, -1), values[i] ?? values[0]])
      })
    const shown = (value?: string): string =>
      (value === undefined ? 'to be given' : value && `\`${value}\``) || 'empty'
    expect(Object.fromEntries(rows)).toEqual(
      Object.fromEntries(
        Object.entries<{ Default?: string }>({ ...many.Parameters, ...one.Parameters }).map(
          ([name, { Default }]) => [name, shown(Default)],
        ),
      ),
    )
  })

  it('have the defaults of the stack', () => {
    const defaults = Object.fromEntries(
      Object.entries<{ Default?: string }>(one.Parameters).map(([name, { Default }]) => [name, Default]),
    )
    expect(defaults).toEqual({
      ...{
        SubAppId: undefined,
        SecretPrefix: 'vod-aigc-tokens',
        EveryMinutes: '1',
        Audience: 'vod-aigc-tokens',
      },
      ...{ Site: 'intl', LogLevel: 'info', MirrorConcurrency: '1' },
      ...{ AlarmTopicArn: '', RoleArn: '', OidcProvider: '' },
    })
  })
})

describe('npm run release', () => {
  it('writes nothing else, and the sum of each', async () => {
    const ends = ['licences.txt', 'sbom.json', 'zip']
    const files = functionNames.flatMap((name) => ends.map((end) => `${name}.${end}`))
    const summed = [...files, 'template-many.json', 'template.json']
    expect(readdirSync(join(cli.folder, 'release')).sort()).toEqual(['SHA256SUMS', ...summed])
    const checked = await promisify(execFile)('sha256sum', ['--check', 'SHA256SUMS'], {
      cwd: join(cli.folder, 'release'),
    })
    expect(checked.stdout).toBe(summed.map((file) => `${file}: OK\n`).join(''))
  })

  it('names no place and no placeholder in a template', () => {
    for (const file of ['template.json', 'template-many.json'])
      expect(read(file)).not.toMatch(/placeholder|90071992547|123456789012/)
  })
})

/** The functions: what they are, and what they are told. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { parseConfig, settings } from '../../../lib/config.ts'
import { storeKinds } from '../../../lib/stores/index.ts'
import { type Case, caseNames, cases, cli, expectAsReviewed, ofType, resource, rotating } from './cases.ts'

const names = ['list-tokens', 'mirror-tokens']

function functionsOf(name: Case): string[] {
  return name === rotating ? [...names, 'rotate-tokens'] : names
}

function logicalIdsOf(name: Case): string[] {
  return functionsOf(name).map((one) => {
    const [first = '', ...others] = one
    return `${first.toUpperCase()}${others.join('').replace('-', 'Dash')}LambdaFunction`
  })
}

describe('functions', () => {
  it.each(caseNames)('run Node 24 on arm64, each with its own role and zip, with %s', (name) => {
    expect(ofType(name, 'AWS::Lambda::Function').map(([logicalId]) => logicalId)).toEqual(logicalIdsOf(name))
    for (const [logicalId, role, memory] of [
      ['ListDashtokensLambdaFunction', 'ListTokensRole', 512],
      ['MirrorDashtokensLambdaFunction', 'MirrorTokensRole', 256],
      ...(name === rotating ? ([['RotateDashtokensLambdaFunction', 'RotateTokensRole', 256]] as const) : []),
    ] as const)
      expect(resource(name, logicalId).Properties).toMatchObject({
        Handler: 'lambda.handler',
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        MemorySize: memory,
        Role: { 'Fn::GetAtt': [role, 'Arn'] },
        LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'DEBUG', SystemLogLevel: 'WARN' },
      })
  })

  it('are zips of index.js, the file that it loads when it needs it and what Lambda loads, beside what serves HTTP elsewhere', () => {
    const filesIn = (zip: string): string[] =>
      Object.keys(unzipSync(readFileSync(join(cli.folder, '.serverless', `${zip}.zip`)))).sort()
    expect(filesIn('list-tokens')).toEqual(['aws.js', 'index.js', 'lambda.mjs', 'scf_bootstrap', 'web.js'])
    expect(filesIn('mirror-tokens')).toEqual(['aws.js', 'index.js', 'lambda.mjs'])
  })

  const environment = (name: Case, logicalId: string): Record<string, string> =>
    resource(name, logicalId).Properties.Environment.Variables

  it('have the environment that was reviewed', async () => {
    await expectAsReviewed('environments', (name) =>
      Object.fromEntries(logicalIdsOf(name).map((logicalId) => [logicalId, environment(name, logicalId)])),
    )
  })

  it.each(caseNames)('have settings that they accept, and no key among them, with %s', (name) => {
    for (const logicalId of logicalIdsOf(name)) {
      const given = environment(name, logicalId)
      expect(Object.keys(given)).not.toContainEqual(expect.stringMatching(/SECRET_(ID|KEY)|TOKEN$|API_KEYS/))
      // Where the functions know another source of credentials, it has to satisfy them; else a stand-in does.
      const known = Object.entries(given).filter(([setting]) => Object.hasOwn(settings, setting))
      const isComplete = known.length === Object.keys(given).length
      const standIn = isComplete ? {} : { AIGC_SECRET_ID: 'id', AIGC_SECRET_KEY: 'key' }
      const config = parseConfig({ ...Object.fromEntries(known), ...standIn }, storeKinds)
      expect(config.mirrors.length > 0).toBe(!logicalId.startsWith('List'))
      expect(config.rotation.records.length > 0).toBe(logicalId.startsWith('Rotate'))
    }
  })

  it('are traced, and runs of the mirror overlap, only where that was asked for', () => {
    const of = (name: Case) => resource(name, 'MirrorDashtokensLambdaFunction').Properties
    expect(of('no parameters')).toMatchObject({ Timeout: 180, ReservedConcurrentExecutions: 1 })
    expect(of('no parameters').TracingConfig).toBeUndefined()
    expect(of('keyless and everything else').ReservedConcurrentExecutions).toBeUndefined()
    for (const logicalId of logicalIdsOf('keyless and everything else'))
      expect(resource('keyless and everything else', logicalId).Properties.TracingConfig).toEqual({
        Mode: 'Active',
      })
  })

  it.each([
    ['no parameters', 30],
    ['keyless and everything else', 365],
  ] as const)('and the API keep their logs, with %s, for %i days', (name, days) => {
    expect(ofType(name, 'AWS::Logs::LogGroup').map(([, { Properties }]) => Properties)).toEqual([
      ...functionsOf(name).map((one) => ({
        LogGroupName: `/aws/lambda/vod-aigc-tokens-${cases[name].stage}-${one}`,
        RetentionInDays: days,
      })),
      {
        LogGroupName: `/aws/vendedlogs/vod-aigc-tokens-${cases[name].stage}-http-api`,
        RetentionInDays: days,
      },
    ])
  })
})

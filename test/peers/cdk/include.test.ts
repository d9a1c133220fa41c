/**
 * AWS CDK's `CfnInclude` takes the template of a release, in the form that `aws cloudformation package` gives it: CDK knows no zips
 * beside a template. Needs `npm run release`, and `npm ci` in this folder.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'

it('CfnInclude takes the template, with parameters set and left', async () => {
  // By names that are not looked up where the packages are not installed, which is everywhere but in this step of .ci/run.
  const [cdk, include, assertions] = await Promise.all(
    ['aws-cdk-lib', 'aws-cdk-lib/cloudformation-include', 'aws-cdk-lib/assertions'].map(
      (name) => import(name),
    ),
  )
  const folder = mkdtempSync(join(tmpdir(), 'cdk-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const template = JSON.parse(
    readFileSync(new URL('../../../release/template.json', import.meta.url), 'utf8'),
  )
  for (const name of ['List', 'Mirror'])
    template.Resources[`${name}DashtokensLambdaFunction`].Properties.Code = {
      S3Bucket: 'artifacts',
      S3Key: name,
    }
  const templateFile = join(folder, 'packaged.json')
  writeFileSync(templateFile, JSON.stringify(template))

  const app = new cdk.App({ outdir: join(folder, 'out') })
  const stack = new cdk.Stack(app, 'vod-aigc-tokens-prod')
  const parameters = { SubAppId: '251006666' }
  const included = new include.CfnInclude(stack, 'Tokens', { templateFile, parameters })
  const found = assertions.Template.fromStack(stack).toJSON()
  const { SubAppId: _, ...left } = template.Parameters
  expect(Object.keys(found.Parameters)).toEqual(expect.arrayContaining(Object.keys(left)))
  expect(Object.keys(found.Parameters)).not.toContain('SubAppId')
  expect(Object.keys(found.Resources).sort()).toEqual(Object.keys(template.Resources).sort())
  expect(found.Mappings).toEqual(template.Mappings)
  expect(found.Resources.MirrorTokensRole.Properties).toEqual(template.Resources.MirrorTokensRole.Properties)
  // What somebody includes it for.
  expect(included.getResource('MirroredSecret').ref).toContain('Token')
})

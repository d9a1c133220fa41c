/** The secrets that the stack makes. */
import { describe, expect, it } from 'vitest'
import { caseNames, expectAsReviewed, ofType, template } from './cases.ts'

describe('secrets', () => {
  it('are made as was reviewed, and those that exist are left out', async () => {
    await expectAsReviewed('secrets', (name) =>
      Object.fromEntries(ofType(name, 'AWS::SecretsManager::Secret')),
    )
  })

  it.each(caseNames)('outlive the stack, with %s', (name) => {
    for (const [, secret] of ofType(name, 'AWS::SecretsManager::Secret'))
      expect(secret).toMatchObject({
        DeletionPolicy: 'RetainExceptOnCreate',
        UpdateReplacePolicy: 'Retain',
      })
  })

  it.each(caseNames)('have no value in the template, and nothing else has the mark, with %s', (name) => {
    const text = JSON.stringify(template(name))
    expect(text).not.toMatch(/SecretString|GenerateSecretString/)
    const marked = Object.entries(template(name).Resources).filter(([, one]) =>
      JSON.stringify(one.Properties.Tags ?? []).includes('managed-by'),
    )
    expect(marked.map(([logicalId]) => logicalId)).not.toContainEqual(
      expect.not.stringMatching(/^MirroredSecret/),
    )
  })
})

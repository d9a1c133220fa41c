/** The secrets that the stack makes. */
import { describe, expect, it } from 'vitest'
import { type Case, caseNames, expectAsReviewed, ofType, rotating, template } from './cases.ts'

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

  const markedAs = (name: Case, mark: string): string[] =>
    Object.entries(template(name).Resources)
      .filter(([, one]) =>
        (one.Properties.Tags ?? []).some(
          ({ Key, Value }: { Key: string; Value: string }) => Key === 'managed-by' && Value === mark,
        ),
      )
      .map(([logicalId]) => logicalId)

  it.each(caseNames)('have no value in the template, and nothing else has the mark, with %s', (name) => {
    const text = JSON.stringify(template(name))
    expect(text).not.toMatch(/SecretString|GenerateSecretString/)
    const marked = Object.entries(template(name).Resources).filter(([, one]) =>
      JSON.stringify(one.Properties.Tags ?? []).includes('managed-by'),
    )
    expect(marked.map(([logicalId]) => logicalId)).not.toContainEqual(
      expect.not.stringMatching(/^(MirroredSecret|RotationRecord)/),
    )
    expect(markedAs(name, 'vod-aigc-tokens')).not.toContainEqual(expect.not.stringMatching(/^MirroredSecret/))
  })

  it('of the rotation have a mark of their own, one for each application', () => {
    expect(markedAs(rotating, 'vod-aigc-rotation')).toEqual([
      'RotationRecord1500000001',
      'RotationRecord1500000002',
    ])
  })
})

/** Variants of a document as one with conditions: what CloudFormation makes of it is the variant, for every combination of values. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Choice, type Declarations, mergeVariants } from '../../deploy/aws/choices.ts'
import type { Json } from '../../deploy/aws/intrinsics.ts'
import { mergeDescriptions } from '../../deploy/aws/release.ts'
import { evaluateTemplate } from '../support/cloudformation.ts'

const flag: Choice = {
  parameter: 'Flag',
  values: ['on', 'off'],
  condition: { name: 'IsOn', otherwise: 'IsOff', test: { 'Fn::Equals': [{ Ref: 'Flag' }, 'on'] } },
}
const size: Choice = { parameter: 'Size', values: ['1', '20', '300'] }
const choices = [flag, size]
const combinations = ['on', 'off'].flatMap((Flag) => size.values.map((Size) => ({ Flag, Size })))

/** The document that CloudFormation makes for these values of one that was merged. */
function evaluated(
  describe: (values: Readonly<Record<string, string>>) => Json,
  values: Record<string, string>,
) {
  const declared: Declarations = { Conditions: {}, Mappings: {} }
  const merged = mergeVariants(choices, describe, declared)
  const template = {
    ...declared,
    Parameters: { Flag: {}, Size: {} },
    Resources: { It: { merged } },
    Outputs: {},
  }
  return evaluateTemplate(template, values).Resources.It.merged
}

describe('mergeVariants', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '7', '"', ':'), maxLength: 8 })
  const long = text.map((part) => `{"widgets":["${'x'.repeat(210)}",${part.length},"${part}"]}`)
  const document = fc.record(
    {
      Name: text,
      Count: fc.constantFrom('1', '2'),
      Body: long,
      List: fc.array(fc.record({ Effect: text, Resource: fc.array(text, { maxLength: 2 }) }), {
        maxLength: 3,
      }),
      Nested: fc.record({ A: text, B: fc.constantFrom('1', '2') }, { requiredKeys: [] }),
    },
    { requiredKeys: ['Name', 'Body', 'List'] },
  )

  it('gives each variant back, for any documents', () => {
    const { length } = combinations
    fc.assert(
      fc.property(fc.array(document, { minLength: length, maxLength: length }), (variants) => {
        const of = (values: Readonly<Record<string, string>>): Json =>
          (variants[
            combinations.findIndex(({ Flag, Size }) => Flag === values['Flag'] && Size === values['Size'])
          ] ?? null) as Json
        // A mapping holds texts and numbers: lists differ by the flag alone.
        const described = (values: Readonly<Record<string, string>>): Json => ({
          ...(of(values) as object),
          List: (of({ ...values, Size: '1' }) as { List: Json }).List,
        })
        for (const values of combinations) expect(evaluated(described, values)).toEqual(described(values))
      }),
      { numRuns: 200 },
    )
  })

  it('refers to the parameter where a value is that of the parameter', () => {
    const declared: Declarations = { Conditions: {}, Mappings: {} }
    const describe = (values: Readonly<Record<string, string>>): Json => ({
      Size: values['Size'] ?? '',
      Same: '1',
    })
    expect(mergeVariants(choices, describe, declared)).toEqual({ Size: { Ref: 'Size' }, Same: '1' })
    expect(declared).toEqual({ Conditions: {}, Mappings: {} })
  })

  it('chooses a statement whole, so that it can be read in one piece', () => {
    const describe = ({ Flag = '' }: Readonly<Record<string, string>>): Json => [
      { Effect: 'Allow', Action: ['a'], Resource: Flag },
    ]
    const statement = (Resource: string): Json => ({ Effect: 'Allow', Action: ['a'], Resource })
    expect(mergeVariants([flag], describe, { Conditions: {}, Mappings: {} })).toEqual([
      { 'Fn::If': ['IsOn', statement('on'), statement('off')] },
    ])
  })

  it('throws for a list where only a text can be looked up', () => {
    const describe = ({ Size = '' }: Readonly<Record<string, string>>): Json => ({ List: [{ of: Size }] })
    expect(() => mergeVariants([size], describe, { Conditions: {}, Mappings: {} })).toThrow(
      'Making a mapping of Size at List: its values are no texts and no numbers',
    )
  })
})

describe('mergeDescriptions', () => {
  it('gives the same settings names as the CLI, and no condition that is not used', () => {
    const { stack, declared } = mergeDescriptions('one')
    expect(Object.keys(stack.mirrorEnvironment)).toEqual(
      expect.arrayContaining(['AIGC_ROLE_ARN', 'AIGC_SITE']),
    )
    const text = JSON.stringify(stack) + JSON.stringify(declared.Conditions)
    for (const name of Object.keys(declared.Conditions))
      expect(text).toMatch(new RegExp(`(If|Condition)":\\[?"${name}"`))
    expect(Object.keys(mergeDescriptions('many').declared.Conditions)).not.toContain('HasSubAppId')
  })
})

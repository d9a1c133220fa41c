/** What CloudFormation makes of a template with parameters and conditions, for the functions that releases use. */

// biome-ignore lint/suspicious/noExplicitAny: a template without a schema here, looked into by assertions only
type Part = any

/** The values of the parameters, and of `AWS::StackName`; what is left out has its default. */
export type Values = Readonly<Record<string, string | readonly string[]>>

const nothing = Symbol('AWS::NoValue')

/**
 * Resources and outputs as they are with these values. What is known only when a stack is made stays: references to resources, to
 * the account and to the region. They stand within texts as `${X}` and `${X.Attribute}`; numbers are texts. Throws where a value is
 * not one that the parameter takes.
 */
export function evaluateTemplate(template: Part, values: Values): { Resources: Part; Outputs: Part } {
  const parameters: Record<string, string | readonly string[]> = { ...values }
  for (const [name, { Default, AllowedValues, AllowedPattern }] of Object.entries<Part>(
    template.Parameters ?? {},
  )) {
    parameters[name] ??= Default
    if (parameters[name] === undefined) throw new Error(`${name} has no value`)
    for (const value of [parameters[name]].flat()) {
      if (AllowedValues && !AllowedValues.includes(value)) throw new Error(`${name} is not one of its values`)
      if (AllowedPattern && !new RegExp(`^(?:${AllowedPattern})$`).test(value))
        throw new Error(`${name} does not match its pattern`)
    }
  }
  for (const name of Object.keys(values))
    if (name !== 'AWS::StackName' && !template.Parameters?.[name]) throw new Error(`${name} is no parameter`)
  const evaluate = (part: Part): Part => evaluatePart(part, { template, parameters })
  const section = (entries: Part): Part => {
    const found: Part = {}
    for (const [name, entry] of Object.entries<Part>(entries)) {
      const { Condition, ...rest } = entry
      if (Condition === undefined || isTrue(Condition, { template, parameters })) found[name] = evaluate(rest)
    }
    return found
  }
  return {
    Resources: section(expandLoops(template.Resources, parameters)),
    Outputs: section(template.Outputs),
  }
}

interface Scope {
  readonly template: Part
  readonly parameters: Readonly<Record<string, string | readonly string[]>>
}

function evaluatePart(part: Part, scope: Scope): Part {
  if (typeof part === 'number') return String(part)
  if (Array.isArray(part)) return part.map((one) => evaluatePart(one, scope)).filter((one) => one !== nothing)
  if (typeof part !== 'object' || part === null) return part
  const [name = '', ...others] = Object.keys(part)
  const argument = part[name]
  if (others.length === 0)
    switch (name) {
      case 'Ref':
        if (argument === 'AWS::NoValue') return nothing
        return scope.parameters[argument] ?? `\${${argument}}`
      case 'Fn::GetAtt':
        return `\${${[argument].flat().join('.')}}`
      case 'Fn::Sub':
        if (typeof argument !== 'string') throw new Error('Fn::Sub with a map is not known here')
        return argument.replace(/\$\{(!?)([^}]*)\}/g, (all, literal, reference) =>
          literal ? `\${${reference}}` : String(scope.parameters[reference] ?? all),
        )
      case 'Fn::Join':
        return [evaluatePart(argument[1], scope)].flat().join(argument[0])
      case 'Fn::If':
        return evaluatePart(argument[isTrue(argument[0], scope) ? 1 : 2], scope)
      case 'Fn::FindInMap': {
        const [mapping, key, column] = argument
        const found = scope.template.Mappings[mapping]?.[evaluatePart(key, scope)]?.[column]
        if (found === undefined) throw new Error(`Nothing in ${mapping} at ${column}`)
        return found
      }
      default:
        if (name.startsWith('Fn::')) throw new Error(`${name} is not known here`)
    }
  return Object.fromEntries(
    Object.entries(part).flatMap(([key, one]) => {
      const value = evaluatePart(one, scope)
      return value === nothing ? [] : [[key, value]]
    }),
  )
}

function isTrue(condition: Part, scope: Scope): boolean {
  if (typeof condition === 'string') {
    const found = scope.template.Conditions?.[condition]
    if (found === undefined) throw new Error(`There is no condition ${condition}`)
    return isTrue(found, scope)
  }
  const [name, argument] = Object.entries<Part>(condition)[0] ?? []
  switch (name) {
    case 'Condition':
      return isTrue(argument, scope)
    case 'Fn::Not':
      return !isTrue(argument[0], scope)
    case 'Fn::Or':
      return argument.some((one: Part) => isTrue(one, scope))
    case 'Fn::And':
      return argument.every((one: Part) => isTrue(one, scope))
    case 'Fn::Equals':
      return evaluatePart(argument[0], scope) === evaluatePart(argument[1], scope)
    default:
      throw new Error(`${name} is no condition that is known here`)
  }
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-foreach.html */
function expandLoops(resources: Part, parameters: Scope['parameters']): Part {
  return Object.fromEntries(
    Object.entries<Part>(resources).flatMap(([name, entry]) => {
      if (!name.startsWith('Fn::ForEach::')) return [[name, entry]]
      const [identifier, collection, output] = entry
      return [parameters[collection.Ref] ?? []]
        .flat()
        .flatMap((value) =>
          Object.entries(JSON.parse(JSON.stringify(output).replaceAll(`\${${identifier}}`, value))),
        )
    }),
  )
}

/** Whether the rules of the template let these values pass. */
export function passesRules(template: Part, values: Values): boolean {
  const defaults = Object.fromEntries(
    Object.entries<Part>(template.Parameters).map(([name, { Default }]) => [name, Default]),
  )
  const scope: Scope = { template, parameters: { ...defaults, ...values } }
  return Object.values<Part>(template.Rules).every(({ Assertions }) =>
    Assertions.every(({ Assert }: Part) => isTrue(Assert, scope)),
  )
}

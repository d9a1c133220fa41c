/** What IAM would say of a request, for the policies of the stack and of the pages: Allow only, and the operators used there. */

/** A statement of a policy, references to pseudo parameters and resources already replaced. */
export interface PolicyStatement {
  readonly Effect: string
  readonly Action: string | readonly string[]
  readonly Resource: string | readonly string[]
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, Operand>>>>
}
type Operand = string | number | readonly (string | number)[]

export interface IamRequest {
  /** Such as `secretsmanager:GetSecretValue`. */
  readonly action: string
  /** An ARN; `*` for an action that knows no resources. */
  readonly resource: string
  /** The values of condition keys that the request has, such as `aws:ResourceTag/managed-by`. */
  readonly keys?: Readonly<Record<string, string | readonly string[]>>
}

/** Whether some statement allows the request. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */
export function isAllowed(statements: readonly PolicyStatement[], request: IamRequest): boolean {
  return statements.some(
    ({ Effect, Action, Resource, Condition = {} }) =>
      Effect === 'Allow' &&
      [Action].flat().some((pattern) => like(pattern, request.action, 'i')) &&
      [Resource].flat().some((pattern) => like(pattern, request.resource)) &&
      Object.entries(Condition).every(([operator, operands]) =>
        Object.entries(operands).every(([key, operand]) =>
          isMet(operator, [request.keys?.[key] ?? []].flat(), [operand].flat().map(String)),
        ),
      ),
  )
}

function isMet(operator: string, values: readonly string[], operands: readonly string[]): boolean {
  const [single, ...others] = values
  const one = (matches: (value: string, operand: string) => boolean): boolean =>
    single !== undefined && others.length === 0 && operands.some((operand) => matches(single, operand))
  switch (operator) {
    case 'StringEquals':
      return one((value, operand) => value === operand)
    case 'StringLike':
    case 'ArnLike':
      return one((value, operand) => like(operand, value))
    case 'ForAllValues:StringEquals':
      return values.every((value) => operands.includes(value))
    case 'Null':
      return (values.length === 0) === (operands[0] === 'true')
    case 'NumericLessThanEqualsIfExists':
      return values.every((value) => Number(value) <= Number(operands[0]))
    default:
      throw new Error(`this stand-in of IAM does not know ${operator}`)
  }
}

/** IAM's wildcards: `*` is anything, also `/`; `?` is one character. */
function like(pattern: string, text: string, flags = ''): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('?', '.')
    .replaceAll('*', '.*')
  return new RegExp(`^${expression}$`, `s${flags}`).test(text)
}

/** Replaces what CloudFormation would: `${AWS::…}` by `account`, `{Ref}` and `{Fn::GetAtt}` by `arns`. */
export function resolveReferences<T>(
  value: unknown,
  arns: Readonly<Record<string, string>> = {},
  account: Readonly<Record<string, string>> = {
    Partition: 'aws',
    Region: 'us-east-1',
    AccountId: '123456789012',
    URLSuffix: 'amazonaws.com',
  },
): T {
  return JSON.parse(
    JSON.stringify(value, (_, part) => {
      const { 'Fn::Sub': sub, Ref: ref, 'Fn::GetAtt': attribute } = part ?? {}
      if (typeof sub === 'string')
        return sub.replace(/\$\{AWS::(\w+)\}/g, (_match, name: string) => account[name] ?? name)
      const logicalId = ref ?? attribute?.[0]
      return typeof logicalId === 'string' ? (arns[logicalId] ?? `unknown:${logicalId}`) : part
    }),
  )
}

/**
 * Filter patterns of CloudWatch Logs for JSON, as far as the stack uses them: what else is in one is refused.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax-JSON.html
 */

import { type Condition, readCondition, readWords, type Words } from './conditions.ts'

type Line = Readonly<Record<string, unknown>>

/** Whether a log line matches. A field that is missing, or of another type than what it is compared with, matches nothing. */
export function matchesPattern(pattern: string, line: Line): boolean {
  const words = readWords(pattern, /\s*(\$\.\w+|"[^"]*"|\d+|&&|\|\||>=|[{}()=>])\s*/y)
  if (!words.take('{')) throw new Error(`no pattern for JSON: ${pattern}`)
  const isMet = readCondition(words, { and: '&&', or: '||' }, () => readComparison(words))
  if (!words.take('}')) throw new Error(`not known in the pattern ${pattern}`)
  words.end()
  return isMet(line)
}

function readComparison(words: Words): Condition<Line> {
  const [selector, operator, literal] = [words.next(), words.next(), words.next()]
  if (!selector.startsWith('$.')) throw new Error(`a field expected in a pattern, not ${selector}`)
  const name = selector.slice(2)
  if (literal.startsWith('"') && operator === '=') return (line) => line[name] === literal.slice(1, -1)
  const compare = comparisons[operator]
  if (!compare || !/^\d+$/.test(literal)) throw new Error(`not known in a pattern: ${operator} ${literal}`)
  return ({ [name]: found }) => typeof found === 'number' && compare(found, Number(literal))
}

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}

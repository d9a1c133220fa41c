/**
 * Filter patterns of CloudWatch Logs for JSON, as far as the stack uses them: what else is in one is refused.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax-JSON.html
 */

/** Whether a log line matches. A field that is missing, or of another type than what it is compared with, matches nothing. */
export function matchesPattern(pattern: string, line: Readonly<Record<string, unknown>>): boolean {
  const tokens = pattern.match(/\$\.\w+|"[^"]*"|\d+|&&|\|\||>=|[{}()=>]|\S/g) ?? []
  let at = 0
  const take = (token: string): void => {
    if (tokens[at++] !== token) throw new Error(`${token} expected in the pattern ${pattern}`)
  }
  function any(): boolean {
    let left = all()
    while (tokens[at] === '||') {
      at++
      const right = all()
      left = left || right
    }
    return left
  }
  function all(): boolean {
    let left = one()
    while (tokens[at] === '&&') {
      at++
      const right = one()
      left = left && right
    }
    return left
  }
  function one(): boolean {
    if (tokens[at] === '(') {
      at++
      const inner = any()
      take(')')
      return inner
    }
    const [selector = '', operator = '', literal = ''] = tokens.slice(at, at + 3)
    at += 3
    if (!selector.startsWith('$.'))
      throw new Error(`a field expected, not ${selector}, in the pattern ${pattern}`)
    const found = line[selector.slice(2)]
    if (literal.startsWith('"') && operator === '=') return found === literal.slice(1, -1)
    if (!/^\d+$/.test(literal)) throw new Error(`not known in a pattern: ${operator} ${literal}`)
    if (typeof found !== 'number') return false
    if (operator === '=') return found === Number(literal)
    if (operator === '>') return found > Number(literal)
    if (operator === '>=') return found >= Number(literal)
    throw new Error(`not known in a pattern: ${operator}`)
  }
  take('{')
  const matched = any()
  take('}')
  if (at < tokens.length) throw new Error(`something behind the pattern ${pattern}`)
  return matched
}

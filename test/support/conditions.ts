/** Conditions as both clouds take them: operands joined by AND, which binds closer, and OR; in brackets, or denied. */

export type Condition<T> = (subject: T) => boolean

/** The words of a text, one by one; it fails where the text is something else. */
export interface Words {
  /** Whether the next one is this, which is then behind us. */
  take(word: string): boolean
  next(): string
  end(): void
}

export interface Operators {
  readonly and: string
  readonly or: string
  readonly not?: string
}

/** `word` finds the next one, as its first group, where the last one ended. */
export function readWords(text: string, word: RegExp): Words {
  const words: string[] = []
  word.lastIndex = 0
  for (let at = 0; at < text.length; at = word.lastIndex) {
    const [, found] = word.exec(text) ?? []
    if (found === undefined) throw new Error(`not known: ${text.slice(at)}`)
    words.push(found)
  }
  return {
    take: (wanted) => words[0] === wanted && words.shift() !== undefined,
    next: () => words.shift() ?? fail(`it ends too early: ${text}`),
    end: () => void (words.length > 0 && fail(`not known: ${words.join(' ')}`)),
  }
}

/** Every operand is read, whatever those before it are. */
export function readCondition<T>(
  words: Words,
  { and, or, not }: Operators,
  operand: () => Condition<T>,
): Condition<T> {
  const anyOf = (): Condition<T> => {
    const parts = [allOf()]
    while (words.take(or)) parts.push(allOf())
    return (subject) => parts.some((isMet) => isMet(subject))
  }
  const allOf = (): Condition<T> => {
    const parts = [one()]
    while (words.take(and)) parts.push(one())
    return (subject) => parts.every((isMet) => isMet(subject))
  }
  const one = (): Condition<T> => {
    if (not !== undefined && words.take(not)) {
      const denied = one()
      return (subject) => !denied(subject)
    }
    if (!words.take('(')) return operand()
    const inner = anyOf()
    if (!words.take(')')) throw new Error('a bracket is open')
    return inner
  }
  return anyOf()
}

function fail(message: string): never {
  throw new Error(message)
}

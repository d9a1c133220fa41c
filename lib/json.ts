/** Reading JSON, and values of whose shape nothing is known. */

/** What the text says; `undefined` where it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The text without the byte order mark that some editors and servers put in front, of which JSON knows nothing. */
export function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}

/** Whether it is an object, and no array. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An own member, or one inside it: nothing inherited, `__proto__` a name like any other. */
export function field(value: unknown, name: string, inner?: string, innermost?: string): unknown {
  const outer = isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined
  return inner === undefined ? outer : field(outer, inner, innermost)
}

/** Whether it is text, and not empty. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

/** Whether it is an array of texts, which may be empty. */
export function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

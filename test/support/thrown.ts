/** Whatever may be thrown by code of others: errors with and without a code, made of others, and what is no error. */
import fc from 'fast-check'

/** Stands in every text of {@link anyThrown}: whoever repeats those words repeats it. */
export const canary = 'CANARY'

const code = fc.constantFrom<unknown>(
  undefined,
  null,
  20,
  '',
  'ECONNREFUSED',
  'HPE_INVALID_CONSTANT',
  `${canary} 1`,
  {},
  Symbol('code'),
)
const name = fc.constantFrom<unknown>('Error', 'HTTPParserError', 'TimeoutError', undefined, null, 7, '')

const plain = fc.record({ code, name }).map(({ code, name }) => {
  const error = Object.assign(new Error(canary), { code })
  // Errors have a name; some make it their own.
  if (name !== 'Error') Object.defineProperty(error, 'name', { value: name })
  return error
})

export const anyThrown: fc.Arbitrary<unknown> = fc.oneof(
  plain,
  plain.map((cause) => new Error(canary, { cause })),
  fc.array(plain, { maxLength: 2 }).map((errors) => new AggregateError(errors, canary)),
  fc.constantFrom<unknown>(
    undefined,
    null,
    canary,
    '',
    7,
    Symbol(canary),
    new DOMException(canary, 'AbortError'),
    Object.create(null),
    { message: { words: canary } },
    { name: undefined, $metadata: {} },
    { code: undefined, message: undefined },
    () => canary,
  ),
)

/** Words that stand for nothing. */
export const emptyWords = /undefined|null|NaN|\[object|Symbol|UnreadableCode|\(\)|: ;|: $/

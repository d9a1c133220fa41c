/** What each platform says of an invocation, and what is made of contexts that are odd. */
import { expect, it } from 'vitest'
import { readContext } from '../../../lib/platform/context.ts'

const lambda = (left: unknown, awsRequestId: unknown = 'a') => ({
  awsRequestId,
  getRemainingTimeInMillis: () => left,
})

it.each<[string, unknown, string | null, number]>([
  ['Lambda', lambda(30_000), 'a', 29_500],
  ['Lambda with no time left', lambda(0), 'a', -500],
  ['Lambda with less than that', lambda(-7), 'a', -507],
  ['Lambda with a time that is none', lambda('x'), 'a', 899_500],
  ['Lambda with an id that is none', lambda(30_000, 7), null, 29_500],
  ['SCF', { request_id: 'b', time_limit_in_ms: 3_000 }, 'b', 2_500],
  ['SCF with a limit that is none', { request_id: 'b', time_limit_in_ms: 0 }, 'b', 899_500],
  ['SCF with a limit below none', { request_id: 'b', time_limit_in_ms: -1 }, 'b', 899_500],
  ['both', { ...lambda(30_000), request_id: 'b', time_limit_in_ms: 3_000 }, 'a', 29_500],
  ['neither', {}, null, 899_500],
  ['nobody', null, null, 899_500],
  ['no argument', undefined, null, 899_500],
])('readContext reads what %s says', (_, context, requestId, deadline) => {
  expect(readContext(context, 1_000)).toEqual({ requestId, deadline: 1_000 + deadline })
})

it('readContext asks Lambda as a method of its context', () => {
  const context = {
    left: 1_000,
    getRemainingTimeInMillis(this: { left: number }) {
      return this.left
    },
  }
  expect(readContext(context, 0).deadline).toBe(500)
})

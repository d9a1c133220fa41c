/** The Runtime API of the tests, held against AWS's description of it by a runtime made of `fetch`. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LambdaRuntimeApi, startLambdaRuntimeApi } from '../support/lambda-runtime-api.ts'

let api: LambdaRuntimeApi

beforeEach(async () => {
  api = await startLambdaRuntimeApi()
})
afterEach(() => api.close())

const url = (path: string): string => `http://${api.host}/2018-06-01/runtime/${path}`

async function next(): Promise<{ id: string; deadline: number; event: unknown }> {
  const answer = await fetch(url('invocation/next'))
  const header = (name: string): string => answer.headers.get(`lambda-runtime-${name}`) ?? ''
  return { id: header('aws-request-id'), deadline: Number(header('deadline-ms')), event: await answer.json() }
}

async function post(path: string, content: unknown): Promise<number> {
  return (await fetch(url(path), { method: 'POST', body: JSON.stringify(content) })).status
}

describe('startLambdaRuntimeApi', () => {
  it('hands out one event at a time, in order, whoever came first', async () => {
    const waiting = next()
    const first = api.invoke({ number: 1 }, 60_000)
    const second = api.invoke({ number: 2 }, 60_000)
    const one = await waiting
    expect(one.event).toEqual({ number: 1 })
    expect(one.deadline).toBeGreaterThan(Date.now())
    expect(await post(`invocation/${one.id}/response`, 'done')).toBe(202)
    expect(await first).toEqual({ requestId: one.id, result: 'done' })
    const two = await next()
    expect(two.event).toEqual({ number: 2 })
    const error = { errorType: 'Broken', errorMessage: 'it is', trace: [] }
    expect(await post(`invocation/${two.id}/error`, error)).toBe(202)
    expect(await second).toEqual({ requestId: two.id, error })
  })

  it('ends an invocation at its deadline and refuses the answer after it', async () => {
    const invocation = api.invoke({}, 50)
    const { id } = await next()
    expect((await invocation).error).toEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: 'Task timed out after 0.05 seconds',
    })
    expect(await post(`invocation/${id}/response`, 'late')).toBe(400)
  })

  it('refuses an answer to another invocation', async () => {
    const invocation = api.invoke({}, 60_000)
    const { id } = await next()
    expect(await post('invocation/other/response', 'wrong')).toBe(400)
    await post(`invocation/${id}/response`, 'right')
    expect((await invocation).result).toBe('right')
  })

  it('keeps all it got, and fails what waits for a runtime that has ended', async () => {
    expect(await post('init/error', { errorType: 'Runtime.HandlerNotFound' })).toBe(202)
    expect(api.requests.map(({ path }) => path)).toEqual(['/2018-06-01/runtime/init/error'])
    const waiting = api.invoke({}, 60_000)
    api.fail(new Error('it ended'))
    await expect(waiting).rejects.toThrow('it ended')
    await expect(api.invoke({}, 60_000)).rejects.toThrow('it ended')
  })
})

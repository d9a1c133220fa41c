import { describe, expect, it } from 'vitest'
import { ConfigError, TencentError } from '../../../lib/errors.ts'
import {
  createLog,
  errorFields,
  leavingError,
  withheldError,
  withheldLine,
} from '../../../lib/platform/log.ts'
import { createMeter, embedMetrics } from '../../../lib/platform/metrics.ts'
import { createScrubber } from '../../../lib/platform/scrub.ts'

describe('createLog', () => {
  const lines: string[] = []
  const { addSecrets, scrub } = createScrubber()
  addSecrets(['"secret"', '1234567'])
  const log = createLog('warn', { write: (line) => void lines.push(line), now: () => 0, scrub })

  it('writes one scrubbed JSON line from its level on', () => {
    log('info', 'unheard', {})
    log('warn', 'heard', { text: 'a "secret"\nline', list: ['"secret"'] })
    expect(lines).toEqual([
      '{"level":"warn","event":"heard","timestamp":"1970-01-01T00:00:00.000Z","text":"a ***\\nline","list":["***"]}\n',
    ])
  })

  it('has texts and numbers first, those of metrics too, and what is nested behind them', () => {
    lines.length = 0
    log(
      'warn',
      'e',
      { list: [1], a: 1, text: 'x', object: { b: 1 }, none: null },
      { _aws: { c: 1 }, Requests: 2 },
    )
    log('warn', 'e', { list: ['1234567'], a: 1 }, { _aws: {}, Requests: 2 })
    const names = lines.map((line) => Object.keys(JSON.parse(line)).slice(3).join())
    expect(names).toEqual(['a,text,none,Requests,list,object,_aws', 'a,Requests,list,_aws'])
  })

  it('writes what carries metrics, whatever its level', () => {
    lines.length = 0
    log('debug', 'unheard', { a: 1 }, {})
    log('debug', 'counted', {}, { Requests: 1 })
    log('debug', 'counted', { a: 1 }, { Requests: 1 })
    expect(lines.map((line) => line.replace(/"timestamp":"[^"]+"/, 'TIME'))).toEqual([
      '{"level":"debug","event":"counted",TIME,"Requests":1}\n',
      '{"level":"debug","event":"counted",TIME,"a":1,"Requests":1}\n',
    ])
  })

  it.each([
    ['debug', 'debug info warn error'],
    ['info', 'info warn error'],
    ['warn', 'warn error'],
    ['error', 'error'],
  ] as const)('of level %s writes %s', (least, heard) => {
    const levels: unknown[] = []
    const write = (line: string): void => void levels.push(JSON.parse(line).level)
    const all = createLog(least, { write, now: () => 0, scrub })
    for (const level of ['debug', 'info', 'warn', 'error'] as const) all(level, 'event', {})
    expect(levels.join(' ')).toBe(heard)
  })

  it('leaves JSON whole where a number looks like a secret', () => {
    lines.length = 0
    log('warn', 'heard', { subAppId: 1234567, text: 'of 1234567' })
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ subAppId: 1234567, text: 'of ***' })
  })

  it('leaves metrics whole where their names look like a secret', () => {
    lines.length = 0
    addSecrets(['Requests'])
    const metrics = embedMetrics('fn', 0, { Requests: 1 })
    log('warn', 'heard', { text: 'Requests' }, metrics)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ text: '***', ...metrics })
  })
})

describe('errorFields and leavingError', () => {
  it('errorFields chooses what is known of an error', () => {
    const call = { action: 'A', requestId: 'r', attempts: 2, retryable: true }
    expect(errorFields(new TencentError('C', 'm', call))).toEqual({
      code: 'C',
      message: 'm',
      requestId: 'r',
      attempts: 2,
    })
    expect(errorFields(new ConfigError(['a', 'b']))).toEqual({
      code: 'ConfigInvalid',
      message: 'Reading the settings:\n- a\n- b',
    })
    expect(errorFields(Object.assign(new TypeError('oops'), { token: 'hidden' }))).toEqual({
      code: 'InternalError',
      message: 'TypeError: oops',
      stack: expect.stringMatching(/TypeError: oops\n +at /),
    })
    expect(errorFields('thrown text')).toMatchObject({ code: 'InternalError', message: 'thrown text' })
  })

  it('leavingError is named by its code, scrubbed, and has no cause', () => {
    const scrub = (text: string): string => text.replaceAll('secret', '***')
    const leaving = leavingError(new TypeError('a secret', { cause: new Error('secret') }), scrub)
    expect([leaving.name, leaving.message, leaving.cause]).toEqual(['InternalError', 'a ***', undefined])
    expect(leaving.stack).toContain('TypeError: a ***')
    expect(leavingError(new ConfigError(['x']), scrub).name).toBe('ConfigInvalid')
    const odd = leavingError('a secret', scrub)
    expect([odd.message, odd.stack]).toEqual(['a ***', 'a ***'])
    expect(leavingError(null, scrub).message).toBe('null')
    const bare = Object.assign(new Error('a secret'), { stack: '' })
    expect(leavingError(bare, scrub).stack).toBe('Error: a ***')
  })

  it('withheldError and withheldLine say one sentence, and where to look', () => {
    const { name, message, stack } = withheldError()
    expect(message).toMatch(/^This function failed, .+ not told; with AIGC_LOG_LEVEL=debug .+ was done$/)
    expect([name, stack]).toEqual(['InternalError', `InternalError: ${message}`])
    const line = withheldLine('list-tokens', 0)
    expect(line).toMatch(/\n$/)
    expect(JSON.parse(line)).toEqual({
      level: 'error',
      event: 'list-tokens',
      timestamp: '1970-01-01T00:00:00.000Z',
      code: 'InternalError',
      message,
    })
  })
})

describe('embedMetrics', () => {
  const counts = { MirrorSuccess: 1, MirrorFailure: 0, MirrorHeld: 0, TokensAdded: 2, TokensRemoved: 0 }
  const served = { Requests: 1, UpstreamCalls: 0, StaleServed: 0, UpstreamMs: 1.5 }

  it.each([counts, served, { Requests: 1 }, counts])('says what each of %j counts', (metrics) => {
    const { _aws, FunctionName, ...values } = embedMetrics('fn "x"', 123, metrics)
    expect(values).toEqual(metrics)
    expect(FunctionName).toBe('fn "x"')
    expect(_aws).toEqual({
      Timestamp: 123,
      CloudWatchMetrics: [
        {
          Namespace: 'VodAigcTokens',
          Dimensions: [['FunctionName']],
          Metrics: Object.keys(metrics).map((Name) => ({
            Name,
            Unit: Name === 'UpstreamMs' ? 'Milliseconds' : 'Count',
          })),
        },
      ],
    })
  })

  it('adds nothing for no metrics', () => {
    expect(embedMetrics('fn', 0, {})).toEqual({})
  })
})

describe('createMeter', () => {
  it('counts calls and their time until they are taken', () => {
    const meter = createMeter()
    expect(meter.take()).toEqual({ calls: 0, ms: 0 })
    meter.add(10)
    meter.add(5.5)
    expect(meter.take()).toEqual({ calls: 2, ms: 15.5 })
    expect(meter.take()).toEqual({ calls: 0, ms: 0 })
  })
})

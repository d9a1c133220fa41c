import { describe, expect, it } from 'vitest'
import { ConfigError, TencentError } from '../../../lib/errors.ts'
import { createLog, errorFields, leavingError } from '../../../lib/platform/log.ts'
import { createScrubber } from '../../../lib/platform/scrub.ts'

describe('createLog', () => {
  const lines: string[] = []
  const { addSecrets, scrub } = createScrubber()
  addSecrets(['"secret"', '1234567'])
  const log = createLog('warn', { write: (line) => void lines.push(line), now: () => 0, scrub })

  it('createLog writes one scrubbed JSON line from its level on', () => {
    log('info', 'unheard', {})
    log('warn', 'heard', { text: 'a "secret"\nline', list: ['"secret"'] })
    expect(lines).toEqual([
      '{"level":"warn","event":"heard","time":"1970-01-01T00:00:00.000Z","text":"a ***\\nline","list":["***"]}\n',
    ])
  })

  it('createLog leaves JSON whole where a number looks like a secret', () => {
    lines.length = 0
    log('warn', 'heard', { subAppId: 1234567, text: 'of 1234567' })
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ subAppId: 1234567, text: 'of ***' })
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
      stack: expect.stringContaining('TypeError: oops'),
    })
    expect(errorFields('thrown text')).toMatchObject({ code: 'InternalError', message: 'thrown text' })
  })

  it('leavingError is named by its code, scrubbed, and has no cause', () => {
    const scrub = (text: string): string => text.replaceAll('secret', '***')
    const leaving = leavingError(new TypeError('a secret', { cause: new Error('secret') }), scrub)
    expect([leaving.name, leaving.message, leaving.cause]).toEqual(['InternalError', 'a ***', undefined])
    expect(leaving.stack).toContain('TypeError: a ***')
    expect(leavingError(new ConfigError(['x']), scrub).name).toBe('ConfigInvalid')
    expect(leavingError(null, scrub).message).toBe('null')
  })
})

import { describe, expect, it } from 'vitest'
import { ConfigError, TencentError } from '../lib/errors.ts'
import { createLog, createScrubber, errorFields, leavingError, scrubJson } from '../lib/log.ts'

describe('createScrubber', () => {
  it('createScrubber takes out every known secret, the longer one first', () => {
    const { learn, scrub } = createScrubber()
    learn(['secret', 'secret-and-more', undefined, ''])
    expect(scrub('a secret, a secret-and-more, a Secret')).toBe('a ***, a ***, a Secret')
  })

  it('createScrubber finds a secret as JSON, as JSON inside JSON, and in a URL', () => {
    const { learn, scrub } = createScrubber()
    const secret = 'p"w\\d %é'
    learn([secret])
    const json = JSON.stringify({ secret })
    const twice = JSON.stringify(json)
    const thrice = JSON.stringify(twice)
    for (const text of [secret, json, twice, thrice, encodeURIComponent(secret)]) {
      expect(scrub(text)).not.toMatch(/p["\\%]/)
      expect(scrubJson({ text }, scrub)).not.toMatch(/p["\\%]/)
    }
  })

  it('createScrubber takes a secret literally, not as a pattern', () => {
    const { learn, scrub } = createScrubber()
    learn(['a.c+(e)$', 'lone \ud800 half'])
    expect(scrub('a.c+(e)$ abc+(e)$ lone \ud800 half')).toBe('*** abc+(e)$ ***')
  })

  it('createScrubber passes over what is too short to be a secret', () => {
    const { learn, scrub } = createScrubber()
    learn(['null', 'error'])
    expect(scrub('null error')).toBe('null error')
  })
})

describe('createLog', () => {
  const lines: string[] = []
  const { learn, scrub } = createScrubber()
  learn(['"secret"', '1234567'])
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

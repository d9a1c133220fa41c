/** Which proxy the environment names, and which destinations it leaves out. */
import { describe, expect, it } from 'vitest'
import { proxySecrets, readProxy } from '../../lib/proxy.ts'

function read(env: Record<string, string>) {
  const problems: string[] = []
  const proxy = readProxy(env, (problem) => problems.push(problem))
  return { proxy, problems }
}

describe('readProxy', () => {
  it.each([
    [{}],
    [{ HTTPS_PROXY: '' }],
    [{ HTTPS_PROXY: '  ', https_proxy: '' }],
    [{ HTTP_PROXY: 'http://proxy.test', ALL_PROXY: 'http://proxy.test', NO_PROXY: '*' }],
  ])('reads none of %j', (env) => {
    expect(read(env)).toEqual({ proxy: null, problems: [] })
  })

  const proxyOf = (host: string, port: number, more: object = {}) => ({ host, port, secure: false, ...more })
  it.each([
    ['http://proxy.test:3128', proxyOf('proxy.test', 3128)],
    ['http://proxy.test:3128/', proxyOf('proxy.test', 3128)],
    ['http://proxy.test', proxyOf('proxy.test', 80)],
    ['https://proxy.test', proxyOf('proxy.test', 443, { secure: true })],
    ['HTTPS://Proxy.Test:80', proxyOf('proxy.test', 80, { secure: true })],
    ['proxy.test:3128', proxyOf('proxy.test', 3128)],
    [' 10.0.0.1 ', proxyOf('10.0.0.1', 80)],
    ['http://[2001:db8::1]:3128', proxyOf('2001:db8::1', 3128)],
    ['http://a%40b:c%2Fd@proxy.test', proxyOf('proxy.test', 80, { authorization: 'Basic YUBiOmMvZA==' })],
    ['http://user@proxy.test', proxyOf('proxy.test', 80, { authorization: 'Basic dXNlcjo=' })],
    ['u:100%@proxy.test', proxyOf('proxy.test', 80, { authorization: 'Basic dToxMDAl' })],
  ])('reads %s', (HTTPS_PROXY, expected) => {
    const { proxy, problems } = read({ HTTPS_PROXY })
    expect(problems).toEqual([])
    expect(proxy).toMatchObject({ variable: 'HTTPS_PROXY', authorization: null, ...expected })
  })

  it('takes the lower-case name too, and first', () => {
    expect(read({ https_proxy: 'one.test' }).proxy).toMatchObject({
      variable: 'https_proxy',
      host: 'one.test',
    })
    const both = { https_proxy: 'one.test', HTTPS_PROXY: 'two.test', no_proxy: 'a.test', NO_PROXY: 'b.test' }
    const { proxy } = read(both)
    expect(proxy?.host).toBe('one.test')
    expect([proxy?.covers('a.test', 443), proxy?.covers('b.test', 443)]).toEqual([false, true])
    const emptied = { https_proxy: '', HTTPS_PROXY: 'two.test', no_proxy: '', NO_PROXY: 'b.test' }
    expect(read(emptied).proxy).toMatchObject({ variable: 'HTTPS_PROXY', host: 'two.test' })
    expect(read(emptied).proxy?.covers('b.test', 443)).toBe(false)
  })

  it.each([
    'socks5://canary.test',
    'ftp://canary.test',
    'http://canary:canary@',
    'http://canary.test/canary',
    'http://canary.test?canary',
    'http://canary.test:99999',
    'canary canary',
  ])('refuses %s, and does not repeat it', (HTTPS_PROXY) => {
    expect(read({ HTTPS_PROXY })).toEqual({
      proxy: null,
      problems: ['HTTPS_PROXY must be http://[USER:PASSWORD@]HOST[:PORT], or the same with https'],
    })
  })

  const host = 'vod.intl.example.com'
  it.each<[string, string, boolean]>([
    ['*', host, false],
    [host, host, false],
    ['VOD.intl.Example.COM', host, false],
    ['example.com', host, false],
    ['.example.com', host, false],
    ['*.example.com', host, false],
    ['other.test, example.com', host, false],
    ['other.test example.com', host, false],
    [`${host}:443`, host, false],
    ['.example.com:443', host, false],
    [`${host}:8443`, host, true],
    ['ample.com', host, true],
    ['intl', host, true],
    ['vod.intl', host, true],
    ['a.vod.intl.example.com', host, true],
    ['', host, true],
    [' , ', host, true],
    ['.example.com', 'example.com', false],
    ['10.0.0.1', '10.0.0.1', false],
    ['0.0.0.1', '10.0.0.0.0.1', true],
    ['10.0.0.1:443', '10.0.0.1', false],
    ['::1', '::1', false],
    ['[::1]', '::1', false],
    ['[::1]:443', '::1', false],
    ['[::1]:80', '::1', true],
    ['::1', '[::1]', false],
  ])('NO_PROXY=%s of %s: goes through the proxy: %s', (NO_PROXY, to, covered) => {
    expect(read({ HTTPS_PROXY: 'proxy.test', NO_PROXY }).proxy?.covers(to, 443)).toBe(covered)
  })
})

describe('proxySecrets', () => {
  it('gives the passwords, or users without one, of both spellings', () => {
    const env = {
      https_proxy: 'http://user:p%40ss@proxy.test',
      HTTPS_PROXY: 'http://t0ken@proxy.test',
    }
    expect(proxySecrets(env)).toEqual(['p@ss', 't0ken'])
    expect(proxySecrets({})).toEqual([])
    expect(proxySecrets({ HTTPS_PROXY: 'socks5://a:b@proxy.test', https_proxy: 'proxy.test' })).toEqual([])
  })
})

/** The proxy that the environment names, in the variables that other programs read too, and what goes through it. */
import { isIP } from 'node:net'

/** A proxy for connections by TLS: it is asked to open them (CONNECT), and reads nothing of what passes. */
export interface HttpProxy {
  /** The variable that names it, such as `HTTPS_PROXY`, for messages: its value may hold a password. */
  readonly variable: string
  /** Whether the proxy itself is spoken to by TLS. */
  readonly secure: boolean
  /** A name, or an address without brackets. */
  readonly host: string
  readonly port: number
  /** The header `Proxy-Authorization`, where the URL holds a user. */
  readonly authorization: string | null
  /** Whether `NO_PROXY` leaves this destination to the proxy. */
  covers(host: string, port: number): boolean
}

type Environment = Readonly<Record<string, string | undefined>>

/** The lower-case names count first, as for curl and Python. */
const proxyVariables = ['https_proxy', 'HTTPS_PROXY']
const exceptionVariables = ['no_proxy', 'NO_PROXY']

/**
 * Reads `HTTPS_PROXY` (`http://[USER:PASSWORD@]HOST[:PORT]`, or `https://…`; without a scheme it is `http://`) and
 * `NO_PROXY`; `null` where none is set. `complain` hears what the value must be, if it is not that.
 */
export function readProxy(env: Environment, complain: (problem: string) => void): HttpProxy | null {
  const variable = firstSet(env, proxyVariables)
  if (variable === undefined) return null
  const url = parseProxyUrl(read(env, variable))
  if (!url) {
    complain(`${variable} must be http://[USER:PASSWORD@]HOST[:PORT], or the same with https`)
    return null
  }
  const secure = url.protocol === 'https:'
  const { user, password } = credentialsIn(url)
  const exceptions = read(env, firstSet(env, exceptionVariables))
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(parseException)
  return {
    variable,
    secure,
    host: bare(url.hostname),
    port: Number(url.port) || (secure ? 443 : 80),
    authorization:
      user === '' && password === ''
        ? null
        : `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
    covers: (host, port) => !exceptions.some((excepts) => excepts(bare(host).toLowerCase(), port)),
  }
}

/** What of the proxy's URL must not be repeated: the password, or the user where that is all there is. */
export function proxySecrets(env: Environment): string[] {
  return proxyVariables.flatMap((variable) => {
    const url = parseProxyUrl(read(env, variable))
    if (!url) return []
    const { user, password } = credentialsIn(url)
    return [password || user].filter((secret) => secret !== '')
  })
}

function firstSet(env: Environment, names: readonly string[]): string | undefined {
  return names.find((name) => read(env, name) !== '')
}

function read(env: Environment, name: string | undefined): string {
  return (name !== undefined && env[name]?.trim()) || ''
}

function parseProxyUrl(text: string): URL | null {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (text === '' || !URL.canParse(whole)) return null
  const url = new URL(whole)
  const isBase = url.pathname === '/' && url.search === '' && url.hash === ''
  return /^https?:$/.test(url.protocol) && isBase ? url : null
}

/** As they are sent. What is no percent-encoding is taken as it stands. */
function credentialsIn({ username, password }: URL): { user: string; password: string } {
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text)
    } catch {
      return text
    }
  }
  return { user: decode(username), password: decode(password) }
}

/** One entry of `NO_PROXY`: `*`, or a host with all below it, with or without a dot in front, and maybe a port. */
function parseException(entry: string): (host: string, port: number) => boolean {
  if (entry === '*') return () => true
  const address = /^\[?[\da-f:]*:[\da-f:.]*\]?$/i.test(entry) && isIP(bare(entry)) === 6
  const [, name = entry, only] = address ? [] : (/^(.*?):(\d{1,5})$/.exec(entry) ?? [])
  const wanted = bare(name.replace(/^\*?\./, '')).toLowerCase()
  return (host, port) =>
    (only === undefined || Number(only) === port) &&
    (host === wanted || (isIP(wanted) === 0 && host.endsWith(`.${wanted}`)))
}

/** An IPv6 address without its brackets. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

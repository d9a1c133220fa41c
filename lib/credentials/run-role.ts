/** Keys of SCF's run role that come with each request to a web function, instead of standing in the environment. */
import { sha256Hex } from '../digest.ts'
import { CredentialsError } from '../errors.ts'
import type { PlatformHeaders } from '../platform/web.ts'
import type { Credentials } from '../tencent/tc3.ts'

const headerNames = ['x-scf-secret-id', 'x-scf-secret-key', 'x-scf-session-token'] as const

/** A comma is how proxies join what came twice. */
const key = /^[\x21-\x2b\x2d-\x7e]+$/

/**
 * The keys that came with a request; `null` where none did. Throws `CredentialsError` for all but one good value of each
 * header: a client may have sent its own beside the platform's, and which is whose nothing says.
 */
export function readRunRole(headers: PlatformHeaders): Credentials | null {
  const sent = headerNames.map((name) => ({ name, values: headers.get(name) ?? [] }))
  if (sent.every(({ values }) => values.every((value) => value === ''))) return null
  const wrong = sent.filter(({ values: [value = '', ...more] }) => more.length > 0 || !key.test(value))
  if (wrong.length > 0)
    throw new CredentialsError(
      'RunRoleUnreadable',
      "Reading the run role's keys from the request: " +
        `${wrong.map(({ name, values }) => `${name} came ${values.length} times`).join(', ')}; ` +
        'each must come once, in printable ASCII without spaces and commas; was it sent by the client?',
      false,
    )
  const [secretId = '', secretKey = '', token = ''] = sent.map(({ values }) => values[0])
  return { secretId, secretKey, token }
}

/** How many keys are remembered: the run role's, those before them, and some that a client made up. */
const mostKeys = 4

/**
 * Keeps what `make` makes of keys, for the keys that were used last. Only who brings all three has it, so that what was
 * got by other keys, or failed by them, reaches nobody else.
 */
export function createPerRunRole<T>(make: (keys: Credentials) => T): (keys: Credentials) => T {
  const made = new Map<string, T>()
  return (keys) => {
    const name = sha256Hex(JSON.stringify([keys.secretId, keys.secretKey, keys.token]))
    const found = made.get(name) ?? make(keys)
    made.delete(name)
    made.set(name, found)
    for (const oldest of made.keys()) if (made.size > mostKeys) made.delete(oldest)
    return found
  }
}

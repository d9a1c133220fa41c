/** Tests reach nothing but this machine: a connection to anywhere else throws, and so does asking where that is. */
import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import { isIP, Socket } from 'node:net'

const { lookup } = dns
dns.lookup = ((host: string, ...given: unknown[]) => {
  if (isIP(host) === 0 && host !== 'localhost')
    throw new Error(`a test looked for ${host}; tests stay on loopback`)
  return Reflect.apply(lookup, dns, [host, ...given])
}) as typeof lookup
syncBuiltinESMExports()

const connect = Socket.prototype.connect
Socket.prototype.connect = function (this: Socket, ...given: unknown[]) {
  // `net.connect` hands its arguments on as one array.
  const [first] = Array.isArray(given[0]) ? given[0] : given
  const { host = 'localhost', path } =
    typeof first === 'object' && first !== null ? first : { host: given[1] }
  if (path === undefined && !/^(localhost|127(\.\d+){3}|::1)$/.test(host))
    throw new Error(`a test tried to connect to ${host}; tests stay on loopback`)
  return Reflect.apply(connect, this, given)
} as typeof connect

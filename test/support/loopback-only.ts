/** Tests reach nothing but this machine: a connection to anywhere else throws. */
import { Socket } from 'node:net'

const connect = Socket.prototype.connect
Socket.prototype.connect = function (this: Socket, ...given: unknown[]) {
  // `net.connect` hands its arguments on as one array.
  const [first] = Array.isArray(given[0]) ? given[0] : given
  const { host = 'localhost', path } =
    typeof first === 'object' && first !== null ? first : { host: given[1] }
  if (path === undefined && !/^(localhost|::1|127(\.\d+){3})$/.test(host))
    throw new Error(`a test tried to connect to ${host}; tests stay on loopback`)
  return Reflect.apply(connect, this, given)
} as typeof connect

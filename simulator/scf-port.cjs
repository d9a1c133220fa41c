/**
 * `--require`d into a web function's server, which listens on SCF's one port, 9000 of all addresses. Here there are
 * several such servers: it gets the port of `SCF_SIMULATOR_PORT`, on loopback. One that listens on loopback by itself is
 * reached by nobody, as on SCF.
 */
const { Server } = require('node:net')
const { listen } = Server.prototype
const port = Number(process.env.SCF_SIMULATOR_PORT)
delete process.env.SCF_SIMULATOR_PORT
delete process.env.NODE_OPTIONS

Server.prototype.listen = function (first, second, ...more) {
  const asked =
    typeof first === 'object' && first !== null
      ? first
      : { port: first, host: typeof second === 'string' ? second : undefined }
  if (Number(asked.port) !== 9000) return listen.call(this, first, second, ...more)
  const onAll = asked.host === undefined || asked.host === '0.0.0.0' || asked.host === '::'
  const callback = [second, ...more].find((one) => typeof one === 'function')
  return listen.call(this, { port: onAll ? port : 0, host: '127.0.0.1' }, callback)
}

/**
 * `--require` it into a process that would listen on SCF's one port, of all addresses: says on stderr what was asked for,
 * and listens at any free port of loopback instead, so that several run side by side and nobody else reaches them.
 */
const { Server } = require('node:net')
const { listen } = Server.prototype
Server.prototype.listen = function (options, ...more) {
  process.stderr.write(`asked to listen: ${JSON.stringify(options)}\n`)
  return listen.call(this, { port: 0, host: '127.0.0.1' }, ...more)
}

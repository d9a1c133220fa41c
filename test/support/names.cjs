/**
 * Preload it (`NODE_OPTIONS=--require …`) to give names addresses: TEST_NAMES is JSON such as {"name.test":["127.0.0.1"]}.
 */
const dns = require('node:dns')

const names = JSON.parse(process.env.TEST_NAMES ?? '{}')
const { lookup } = dns
dns.lookup = (host, options, callback) => {
  const addresses = names[host]
  if (!addresses) return lookup(host, options, callback)
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  process.nextTick(callback, null, found)
}

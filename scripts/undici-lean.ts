/**
 * Leaves out of a bundle what a pool of HTTP/1.1 connections never reaches of undici: a third of what an instance would
 * load at its start. The tests call through the bundles, so a part that is missed after an update shows.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { brotliCompressSync } from 'node:zlib'
import type { Plugin } from 'esbuild'

const require = createRequire(import.meta.url)

/** In place of a module that is required but never used. */
function leaveOut(what: string): string {
  return `module.exports = () => { throw new Error(${JSON.stringify(`${what} is not part of this bundle`)}) }`
}

/** Modules of Node that undici requires for little, each a millisecond or more of every cold start, and that little. */
const littleOfNode: Readonly<Record<string, string>> = {
  'node:assert': `module.exports = (value, message) => {
    if (!value) throw Object.assign(new Error(message || 'undici: assertion failed'), { code: 'ERR_ASSERTION' })
  }`,
  // To recognise bodies that are messages of a server, and Node's own limit, which --max-http-header-size can change.
  'node:http': `exports.IncomingMessage = class {}
    exports.maxHeaderSize = 16384`,
}

/** Modules of undici, by their path in it, and what stands in for them. */
const standIns: Readonly<Record<string, () => string>> = {
  // What lib/tencent/transport.ts imports.
  'index.js': () => `exports.Pool = require('./lib/dispatcher/pool.js')`,
  // lib/connect.ts does that.
  'lib/core/connect.js': () => leaveOut('a way to connect'),
  'lib/dispatcher/client-h2.js': () => leaveOut('HTTP/2'),
  // Of interceptors and statistics.
  'lib/handler/wrap-handler.js': () => leaveOut('an interceptor'),
  'lib/util/stats.js': () => 'exports.ClientStats = exports.PoolStats = class {}',
  // A table of what headers are called in lower case, to save work; those that come or go here.
  'lib/core/constants.js': () => {
    const names = ['Connection', 'Content-Length', 'Content-Type', 'Date', 'Host', 'Retry-After', 'Server']
    const entries = names.flatMap((name) =>
      [name, name.toLowerCase()].map((key) => [key, name.toLowerCase()]),
    )
    return `exports.wellknownHeaderNames = ${JSON.stringify(names)}
      exports.headerNameLowerCasedRecord = { __proto__: null, ...${JSON.stringify(Object.fromEntries(entries))} }`
  },
  // The channels that monitors subscribe to, without the log of NODE_DEBUG.
  'lib/core/diagnostics.js': () => {
    const { channels } = require('undici/lib/core/diagnostics.js')
    const names = Object.entries(channels)
      .map(([key, channel]) => [key, (channel as { name: string }).name])
      .filter(([, name]) => /^undici:(client|request):/.test(name ?? ''))
    return `const { channel } = require('node:diagnostics_channel')
      exports.channels = Object.fromEntries(${JSON.stringify(names)}.map(([key, name]) => [key, channel(name)]))`
  },
  // Bodies of fetch: streams, forms and blobs.
  'lib/web/fetch/body.js': () => leaveOut('the fetch API'),
  // The parser, packed: a third of its 72 KB is left. Unpacking takes half a millisecond, and loading zlib two.
  'lib/llhttp/llhttp_simd-wasm.js': () => {
    const packed = brotliCompressSync(require('undici/lib/llhttp/llhttp_simd-wasm.js'))
    return `module.exports = require('node:zlib').brotliDecompressSync(Buffer.from('${packed.toString('base64')}', 'base64'))`
  },
  // The parser for processors without SIMD, which no platform of this bundle has.
  'lib/llhttp/llhttp-wasm.js': () =>
    `throw new Error('the HTTP parser without SIMD is not part of this bundle')`,
  // Of the parser's tables, what is read.
  'lib/llhttp/constants.js': () => {
    const tables: Record<string, Record<string, number>> = require('undici/lib/llhttp/constants.js')
    const reader = readFileSync(require.resolve('undici/lib/dispatcher/client-h1.js'), 'utf8')
    const used = [...reader.matchAll(/\bconstants\.(\w+)\.(\w+)/g)]
    const lines = used.map(
      ([, table = '', name = '']) => `(exports.${table} ??= {}).${name} = ${tables[table]?.[name]}`,
    )
    return [...new Set(lines)].join(';')
  },
}

export const undiciLean: Plugin = {
  name: 'undici-lean',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^node:(assert|http)$/ }, ({ path, importer }) =>
      pathInUndici(importer) === undefined ? undefined : { path, namespace: 'undici-lean' },
    )
    onLoad({ filter: /./, namespace: 'undici-lean' }, ({ path }) => ({ contents: littleOfNode[path] ?? '' }))
    onLoad({ filter: /[\\/]node_modules[\\/]undici[\\/].*\.js$/ }, ({ path }) => {
      const contents = standIns[pathInUndici(path) ?? '']?.()
      return contents === undefined ? undefined : { contents, loader: 'js' }
    })
  },
}

function pathInUndici(path: string): string | undefined {
  return path.replaceAll('\\', '/').split('/node_modules/undici/')[1]
}

/** Runs one function by hand with the environment and `.env`: `npm run invoke -- list-tokens '{"SubAppId":251006666}'`. */
import { createRequire } from 'node:module'
import { readArguments, refuse } from './arguments.ts'
import { type FunctionName, functionNames } from './build.ts'
import { loadEnv } from './environment.ts'
import { makeScratch } from './scratch.ts'

const command = 'npm run invoke'
const usage = `${command} -- ${functionNames.join('|')} 'EVENT', such as '{"SubAppId":251006666}'; EVENT is JSON, by default {}`

const { positionals } = readArguments({
  name: command,
  usage,
  about:
    'Runs one function by hand with the environment and .env. Prints its result to stdout and its log to stderr.',
  flags: {},
  words: 'some',
})
const [name, text = '{}', ...rest] = positionals
if (name === undefined) refuse(command, [`name a function; usage: ${usage}`])
if (!isFunctionName(name)) refuse(command, [`there is no function ${JSON.stringify(name)}; usage: ${usage}`])
if (rest.length > 0)
  refuse(command, [`there is more than one event; quote it for the shell; usage: ${usage}`])

let event: unknown
try {
  event = JSON.parse(text)
} catch {
  refuse(command, [`the event is not JSON; quote it for the shell; usage: ${usage}`])
}

loadEnv(command)

const require = createRequire(import.meta.url)
// The result alone goes to stdout, so that it can be piped. The function's log goes to stderr, wherever the function
// means to write it.
const printResult = process.stdout.write.bind(process.stdout)
process.stdout.write = process.stderr.write.bind(process.stderr)
const fs: Pick<typeof import('node:fs'), 'openSync' | 'writeSync'> = require('node:fs')
const { openSync, writeSync } = fs
fs.openSync = (path, ...rest) => (path === '/proc/self/fd/1' ? 2 : openSync(path, ...rest))
fs.writeSync = (file: number, data: string | NodeJS.ArrayBufferView, ...rest: unknown[]) => {
  const bytes =
    typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  // What this line says, the message says that ends this command.
  if (bytes.toString().startsWith(`{"level":"error","event":"${name}",`)) return bytes.length
  return Reflect.apply(writeSync, fs, [file === 1 ? 2 : file, data, ...rest])
}

const bundles = await makeScratch(1).build()
const { handler } = require(bundles[name])
try {
  printResult(`${JSON.stringify(await handler(event, {}), null, 2)}\n`)
} catch (error) {
  // A bug shows where it is, all else its message.
  const text =
    error instanceof Error && error.name !== 'InternalError' ? `${error.name}: ${error.message}` : null
  fail(text ?? (error instanceof Error && error.stack ? error.stack : String(error)))
}

function isFunctionName(text: string): text is FunctionName {
  return functionNames.some((known) => known === text)
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}

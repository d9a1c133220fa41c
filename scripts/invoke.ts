/** Runs one function by hand with the current environment: `npm run invoke -- list-tokens '{"SubAppId":251006666}'`. */
import { createRequire } from 'node:module'
import { buildFunctions, type FunctionName, functionNames } from './build.ts'

const [name, text = '{}', ...rest] = process.argv.slice(2)
if (!isFunctionName(name) || rest.length > 0)
  fail(`usage: npm run invoke -- ${functionNames.join('|')} '{JSON event}'`)

let event: unknown
try {
  event = JSON.parse(text)
} catch {
  fail(`the event must be JSON, such as '{"SubAppId":251006666}'; quote it for the shell`)
}

// The result alone goes to stdout, so that it can be piped; the function's log goes to stderr.
const printResult = process.stdout.write.bind(process.stdout)
process.stdout.write = process.stderr.write.bind(process.stderr)

const bundles = await buildFunctions()
const { handler } = createRequire(import.meta.url)(bundles[name])
try {
  printResult(`${JSON.stringify(await handler(event, {}), null, 2)}\n`)
} catch (error) {
  fail(error instanceof Error ? `${error.name}: ${error.message}` : String(error))
}

function isFunctionName(text: string | undefined): text is FunctionName {
  return functionNames.some((known) => known === text)
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}

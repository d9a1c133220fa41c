/** The environment of a command: what `.env` adds to it, and what of it goes on to the processes that it starts. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { parseEnv } from 'node:util'

/** Reads `.env`, where there is one. What is set already stays. Tells on stderr when others may read that file. */
export function loadEnv(command: string): void {
  if (!existsSync('.env')) return
  for (const [name, value] of Object.entries(parseEnv(decode(readFileSync('.env')))))
    process.env[name] ??= value
  const mode = statSync('.env').mode & 0o777
  // On Windows a mode says nothing of who may read.
  if ((mode & 0o077) !== 0 && process.platform !== 'win32')
    console.error(
      `${command}: .env holds keys, and its mode ${mode.toString(8)} lets others at it; run: chmod 600 .env`,
    )
}

/** Text as editors write it. Those of Windows put a byte order mark in front, which `process.loadEnvFile` takes for a part of a name. */
function decode(bytes: Uint8Array): string {
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe
  return new TextDecoder(isUtf16 ? 'utf-16le' : 'utf-8').decode(bytes)
}

const plainNames: readonly string[] = JSON.parse(
  readFileSync(new URL('plain-environment.json', import.meta.url), 'utf8'),
)

/** What any program needs to run, and no key: for processes that only build. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    plainNames.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}

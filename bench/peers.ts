/** The peers: dev dependencies of this folder, which nobody but the bench installs. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))

/** Runs `npm ci` in this folder unless every peer is there in the version of the lock file. */
export function installPeers(): void {
  const { devDependencies } = readJson<{ devDependencies: Record<string, string> }>('package.json')
  const { packages } = readJson<{ packages: Record<string, { version: string }> }>('package-lock.json')
  const missing = Object.keys(devDependencies).filter((name) => {
    const place = `node_modules/${name}`
    return versionIn(place) !== packages[place]?.version
  })
  if (missing.length === 0) return
  console.error(`installing ${missing.join(', ')}`)
  try {
    // Its output goes to stderr: stdout may be for a machine.
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: folder,
      stdio: ['ignore', process.stderr, process.stderr],
    })
  } catch (error) {
    throw new Error('the peers could not be installed: see above, mend it and run "npm ci" in bench/', {
      cause: error,
    })
  }
}

function versionIn(place: string): string | undefined {
  const file = `${place}/package.json`
  return existsSync(`${folder}${file}`) ? readJson<{ version: string }>(file).version : undefined
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(`${folder}${file}`, 'utf8'))
}

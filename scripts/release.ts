/** `npm run release`: what somebody needs who has neither this repository nor Node, in `release/`. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { finishTemplate, mergeDescriptions, type ReleaseKind, releaseKinds } from '../deploy/aws/release.ts'
import { readArguments } from './arguments.ts'
import { functionNames } from './build.ts'
import { plainEnvironment } from './environment.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const templateNames = { one: 'template.json', many: 'template-many.json' } as const

readArguments({
  name: 'npm run release',
  usage: 'npm run release',
  about:
    'Writes release/: the zip of each function with its SBOM and licences, template.json for one application,\n' +
    'template-many.json for several, and SHA256SUMS. Builds dist/ too.',
  flags: {},
  words: 'none',
})
const release = join(root, 'release')
rmSync(release, { recursive: true, force: true })
mkdirSync(release)
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
for (const kind of releaseKinds) await writeTemplate(kind)
for (const name of functionNames)
  for (const end of ['zip', 'sbom.json', 'licences.txt'])
    copyFileSync(join(root, 'dist', `${name}.${end}`), join(release, `${name}.${end}`))
const sums = readdirSync(release)
  .sort()
  .map(
    (file) =>
      `${createHash('sha256')
        .update(readFileSync(join(release, file)))
        .digest('hex')}  ${file}\n`,
  )
writeFileSync(join(release, 'SHA256SUMS'), sums.join(''))
console.log(`made release/ of version ${version}:\n${sums.join('').trimEnd()}`)

/** Has the Serverless CLI compile the stack, which builds the functions as well. */
async function writeTemplate(kind: ReleaseKind): Promise<void> {
  const cli = createRequire(import.meta.url).resolve('serverless/bin/serverless.js')
  const args = [cli, 'package', '--stage=placeholder-stage', '--region=us-east-1']
  try {
    await promisify(execFile)(process.execPath, args, {
      cwd: root,
      env: { ...plainEnvironment(), VOD_AIGC_TOKENS_RELEASE: kind },
    })
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    console.error(
      `npm run release: the Serverless CLI could not compile ${templateNames[kind]}:\n${stdout}${stderr}`,
    )
    process.exit(1)
  }
  const compiled = readFileSync(join(root, '.serverless/cloudformation-template-update-stack.json'), 'utf8')
  const template = finishTemplate(kind, mergeDescriptions(kind), JSON.parse(compiled), version)
  writeFileSync(join(release, templateNames[kind]), `${JSON.stringify(template, null, 2)}\n`)
}

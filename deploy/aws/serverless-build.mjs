/**
 * A plugin of the Serverless CLI: builds the zips before anything is packaged and puts them where serverless.yml
 * names them. That is the CLI's own folder, because there it looks for what has changed since the last deployment,
 * and that is what `--package` keeps.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

// Nothing that builds needs the keys of whoever deploys.
const names = JSON.parse(
  readFileSync(new URL('../../scripts/plain-environment.json', import.meta.url), 'utf8'),
)
const plain = (env) => Object.fromEntries(Object.entries(env).filter(([name]) => names.includes(name)))

export default class BuildFunctions {
  constructor({ serviceDir }) {
    const build = () => {
      execFileSync('npm', ['run', 'build', '--silent'], {
        cwd: serviceDir,
        env: plain(process.env),
        stdio: 'inherit',
      })
      mkdirSync(join(serviceDir, '.serverless'), { recursive: true })
      for (const zip of ['list-tokens.zip', 'mirror-tokens.zip'])
        copyFileSync(join(serviceDir, 'dist', zip), join(serviceDir, '.serverless', zip))
    }
    this.hooks = {
      'before:package:createDeploymentArtifacts': build,
      'before:deploy:function:packageFunction': build,
    }
  }
}

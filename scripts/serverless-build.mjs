/** A plugin of the Serverless CLI: builds the zips that serverless.yml names before anything is packaged. */
import { execFileSync } from 'node:child_process'

export default class BuildFunctions {
  hooks = {
    'before:package:createDeploymentArtifacts': () =>
      execFileSync('npm', ['run', 'build', '--silent'], { stdio: 'inherit' }),
  }
}

/**
 * A plugin of the Serverless CLI: builds the zips before anything is packaged and puts them where serverless.yml
 * names them. That is the CLI's own folder, because there it looks for what has changed since the last deployment,
 * and that is what `--package` keeps. Before anything is deployed it compares the deployed template with the new one, and
 * refuses what would be dropped without having been named.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { require as load } from 'tsx/cjs/api'

const { findDrops, leaveOut } = load('./drops.ts', import.meta.url)
// The CLI's own.
const { CloudFormationClient, GetTemplateCommand } = createRequire(
  createRequire(import.meta.url).resolve('serverless/package.json'),
)('@aws-sdk/client-cloudformation')

// Nothing that builds needs the keys of whoever deploys.
const names = JSON.parse(
  readFileSync(new URL('../../scripts/plain-environment.json', import.meta.url), 'utf8'),
)
const plain = (env) => Object.fromEntries(Object.entries(env).filter(([name]) => names.includes(name)))

export default class BuildFunctions {
  constructor(serverless, _, { log }) {
    const { serviceDir } = serverless
    const build = () => {
      execFileSync('npm', ['run', 'build', '--silent'], {
        cwd: serviceDir,
        env: plain(process.env),
        stdio: 'inherit',
      })
      mkdirSync(join(serviceDir, '.serverless'), { recursive: true })
      for (const name of ['list-tokens', 'mirror-tokens', 'rotate-tokens']) {
        const zip = join(serviceDir, '.serverless', `${name}.zip`)
        // What is not deployed would count as a change each time.
        if (Object.hasOwn(serverless.service.functions, name))
          copyFileSync(join(serviceDir, 'dist', `${name}.zip`), zip)
        else rmSync(zip, { force: true })
      }
    }

    /** As this command has it; `deploy --package` puts that of the package in its place. */
    let stack
    let drops = []
    const refuseMissing = () => {
      if (stack.missing) throw new serverless.classes.Error(`Nothing is deployed: ${stack.missing}`)
    }
    const refuseDrops = async (nextOf) => {
      const deployed = await readDeployed(serverless)
      if (deployed === null) return
      drops = findDrops(deployed, nextOf(deployed))
      const unconfirmed = drops.filter(({ name }) => !stack.confirmedDrops.includes(name))
      if (unconfirmed.length === 0) return
      const names = [...new Set(drops.map(({ name }) => name))].join()
      throw new serverless.classes.Error(
        `Nothing is deployed, because this would drop what the stack has: ${sentences(unconfirmed)}. ` +
          `Give the parameters as before, or, if it is meant, add --param="confirmDrop=${names}"`,
      )
    }
    this.hooks = {
      initialize: () => {
        stack = serverless.service.custom?.stack
        for (const name of ['mirror-tokens', 'rotate-tokens']) {
          const logicalId = serverless.getProvider('aws').naming.getLambdaLogicalId(name)
          if (stack?.leftOut.includes(logicalId)) delete serverless.service.functions[name]
        }
      },
      'after:aws:package:finalize:mergeCustomProviderResources': () =>
        leaveOut(serverless.service.provider.compiledCloudFormationTemplate, stack.leftOut),
      'before:package:cleanup': refuseMissing,
      'before:package:createDeploymentArtifacts': build,
      'before:deploy:deploy': () =>
        refuseDrops(() =>
          JSON.parse(
            readFileSync(join(serviceDir, '.serverless/cloudformation-template-update-stack.json'), 'utf8'),
          ),
        ),
      'after:deploy:deploy': () => {
        if (drops.length > 0) log.notice(`Left behind: ${sentences(drops)}`)
      },
      'before:deploy:function:packageFunction': async () => {
        refuseMissing()
        const Environment = { Variables: stack.mirrorEnvironment }
        await refuseDrops(({ Resources, ...others }) => ({
          ...others,
          Resources: { ...Resources, MirrorDashtokensLambdaFunction: { Properties: { Environment } } },
        }))
        build()
      },
    }
  }
}

const sentences = (drops) => drops.map(({ name, leaves }) => `${name}: ${leaves}`).join('; ')

/** The template of the stack; `null` where there is none yet. */
async function readDeployed(serverless) {
  const provider = serverless.getProvider('aws')
  const client = new CloudFormationClient(await provider.getAwsSdkV3Config())
  const StackName = provider.naming.getStackName()
  try {
    const { TemplateBody } = await client.send(
      new GetTemplateCommand({ StackName, TemplateStage: 'Original' }),
    )
    return TemplateBody ? JSON.parse(TemplateBody) : null
  } catch (error) {
    if (error.name === 'ValidationError' && /does not exist/.test(error.message)) return null
    throw new serverless.classes.Error(
      `Nothing is deployed, because the template of the stack ${StackName} cannot be read (cloudformation:GetTemplate), ` +
        `so what this would drop is not known: ${error.message}`,
    )
  }
}

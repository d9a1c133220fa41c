/** The Serverless CLI in a private copy of the project: packaging builds, and other tests read `dist/` meanwhile. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Finished {
  /** 0 when all went well. */
  readonly code: number
  /** Everything written to stdout and stderr. */
  readonly output: string
}

export interface ServerlessCli {
  readonly folder: string
  /** Runs `serverless ...args` with no AWS credentials but those in `environment`. */
  run(args: readonly string[], environment?: Record<string, string>): Promise<Finished>
  /** The compiled template of the last run. */
  readTemplate(): Template
  remove(): void
}

/** A CloudFormation template. */
export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>
  readonly Outputs: Readonly<Record<string, { readonly Value: unknown }>>
}

// biome-ignore lint/suspicious/noExplicitAny: a document without a schema here, looked into by assertions only
type Properties = any

export interface Resource {
  readonly Type: string
  readonly Properties: Properties
  readonly DependsOn?: string | readonly string[]
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
}

export function copyProject(): ServerlessCli {
  const folder = mkdtempSync(join(tmpdir(), 'serverless-test-'))
  for (const name of readdirSync(root))
    if (!['.env', '.git', '.serverless', 'dist', 'node_modules', 'test'].includes(name))
      cpSync(join(root, name), join(folder, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return {
    folder,
    run: (args, environment = {}) =>
      new Promise((resolve) => {
        const { PATH = '', HOME = '' } = process.env
        const options = {
          cwd: folder,
          // No file of this machine gives it credentials either.
          env: {
            PATH,
            HOME,
            AWS_CONFIG_FILE: '/dev/null',
            AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
            ...environment,
          },
        }
        const cli = join(root, 'node_modules/serverless/bin/serverless.js')
        const child = execFile(process.execPath, [cli, ...args], options, (_, stdout, stderr) =>
          resolve({ code: child.exitCode ?? 1, output: stdout + stderr }),
        )
      }),
    readTemplate: () =>
      JSON.parse(readFileSync(join(folder, '.serverless/cloudformation-template-update-stack.json'), 'utf8')),
    remove: () => rmSync(folder, { recursive: true }),
  }
}

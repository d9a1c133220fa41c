/** The flags of `npm run deploy:scf`: arguments in, options or every problem out. Pure. */
import { parseArgs } from 'node:util'
import { findFlagProblems, keptByNpm } from '../../scripts/arguments.ts'

export interface DeployOptions {
  readonly mode: 'deploy' | 'plan' | 'remove' | 'plan-remove' | 'help'
  /** Part of the functions' names, such as `dev`. */
  readonly stage: string
  /** `null`: as the settings say. */
  readonly region: string | null
  readonly namespace: string
  /** The name of the run role; `null` only where none is needed. */
  readonly role: string | null
  /** The name of the run role of list-tokens; `null`: the same. */
  readonly listRole: string | null
  /** Whether rotate-tokens is deployed too; of a removal, whether nothing but that is removed. */
  readonly rotation: boolean
  /** The name of the run role of rotate-tokens; `null` only where none is needed. */
  readonly rotationRole: string | null
  /** Whether `AIGC_SECRET_ID` and `AIGC_SECRET_KEY` are put into the functions. */
  readonly copyKeys: boolean
  /** Names of further variables that are put into the functions. */
  readonly variables: readonly string[]
  /** A cron expression of SCF's seven fields. */
  readonly schedule: string
  /** The same for rotate-tokens. */
  readonly rotationSchedule: string
  readonly auth: 'CAM' | 'NONE'
  /** The CLS notice group that hears of alarms; `null`: nothing of CLS is touched. */
  readonly alarms: string | null
  /** Such as `Nodejs20.19`, or `newest`: the newest of {@link newestRuntimes} that SCF has. */
  readonly runtime: string
}

export const defaultRuntime = 'Nodejs20.19'
const defaultRotationSchedule = '0 */15 * * * * *'
/**
 * Which Node.js `newest` tries, newest first. The names of the newer ones follow those of CloudBase, which runs on SCF
 * (https://docs.cloudbase.net/run/develop/runtime); SCF's own list ends earlier.
 */
export const newestRuntimes: readonly string[] = ['Nodejs24.11', 'Nodejs22.21', defaultRuntime]

const flags = {
  role: { type: 'string' },
  'list-role': { type: 'string' },
  rotation: { type: 'boolean', default: false },
  'rotation-role': { type: 'string' },
  'rotation-schedule': { type: 'string' },
  stage: { type: 'string', default: 'dev' },
  region: { type: 'string' },
  namespace: { type: 'string', default: 'default' },
  schedule: { type: 'string', default: '0 */5 * * * * *' },
  auth: { type: 'string', default: 'CAM' },
  runtime: { type: 'string', default: defaultRuntime },
  alarms: { type: 'string' },
  env: { type: 'string', multiple: true, default: [] as string[] },
  'copy-keys': { type: 'boolean', default: false },
  plan: { type: 'boolean', default: false },
  remove: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

export const help = `usage: npm run deploy:scf -- --role NAME [flags]

Deploys list-tokens and mirror-tokens to Tencent SCF, or brings them up to date. Safe to repeat.

  --role NAME         the run role of these functions; docs/deploy-tencent.md says how to make it
  --list-role NAME    another run role for list-tokens, one that may write no secrets (default that of --role)
  --rotation          deploys rotate-tokens too, which replaces tokens by new ones; with --rotation-role, and
                      AIGC_ROTATION_STATE set
  --rotation-role NAME
                      the run role of rotate-tokens, the only one that may create tokens
  --rotation-schedule CRON
                      when rotate-tokens looks for its next step (default "0 */15 * * * * *", every 15 minutes)
  --stage NAME        part of the functions' names: vod-aigc-tokens-STAGE-list-web, vod-aigc-tokens-STAGE-mirror-tokens
                      (default dev)
  --region REGION     where the functions run (default AIGC_REGION, else TENCENTCLOUD_REGION, else by AIGC_SITE)
  --namespace NAME    SCF namespace, which must exist (default "default")
  --schedule CRON     when mirror-tokens runs, SCF's seven fields: second minute hour day month weekday year
                      (default "0 */5 * * * * *", every five minutes)
  --auth CAM|NONE     who may call the function URL of list-tokens (default CAM: requests that are signed by a
                      user with scf:InvokeFunctionUrl); NONE: everybody, so only with AIGC_HTTP_AUTH=keys
  --runtime NAME      what new functions run on, such as Nodejs22.21 (default Nodejs20.19); newest: the newest that SCF
                      has of ${newestRuntimes.join(', ')}. A function keeps what it was made with
  --alarms NOTICE_ID  keeps the log of the functions for 30 days in a CLS topic of its own, and makes four alarms on it
                      (with --rotation seven), which tell this CLS notice group (made in the CLS console). Without it
                      nothing of CLS is touched
  --env NAME          puts one more variable of this environment into all functions, such as AWS_ACCESS_KEY_ID;
                      may be repeated
  --copy-keys         puts AIGC_SECRET_ID and AIGC_SECRET_KEY into the functions, in place of a run role's
                      credentials
  --plan              says what would change and changes nothing
  --remove            takes timers, function URL and functions away, those of version 1.1 too, and the alarms of
                      --alarms; mirrored secrets, a rotation's record and the log topic stay. With --rotation: only
                      rotate-tokens and its alarms
  --help              this text

Credentials to deploy with: AIGC_SECRET_ID and AIGC_SECRET_KEY, or TENCENTCLOUD_SECRET_ID and
TENCENTCLOUD_SECRET_KEY, from the environment or .env. They stay here: the functions get theirs from the run role.

Settings: every other AIGC_* variable of the environment or .env goes to the function that reads it. With --auth CAM
list-tokens gets AIGC_HTTP_AUTH=platform, whatever the environment says, and no AIGC_API_KEYS.
`

/** Reads the arguments behind `npm run deploy:scf --`, and from the environment what npm kept of them. */
export function parseOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): DeployOptions | { readonly problems: string[] } {
  const { values } = parseArgs({ args: [...args], options: flags, strict: false, allowPositionals: true })
  const problems = values.help
    ? []
    : [
        ...findFlagProblems(args, flags, { words: 'none', takes: knownFlags }),
        ...keptByNpm({ name: 'npm run deploy:scf', flags }, environment),
      ]
  if (problems.length > 0) return { problems }

  const text = (name: keyof typeof flags): string => String(values[name])
  const { plan, remove } = values
  const mode = values.help ? 'help' : remove ? (plan ? 'plan-remove' : 'remove') : plan ? 'plan' : 'deploy'
  const [stage, namespace, schedule] = [text('stage'), text('namespace'), text('schedule')]
  const optional = (name: keyof typeof flags): string | null => (values[name] ? text(name) : null)
  const [role, listRole, region] = [optional('role'), optional('list-role'), optional('region')]
  const rotation = values.rotation === true
  const rotationRole = optional('rotation-role')
  const rotationSchedule = optional('rotation-schedule')
  const auth = text('auth')
  const runtime = text('runtime')
  const variables = values.env as string[]
  const alarms = optional('alarms')
  // Function names end at 60 characters.
  if (!/^[A-Za-z0-9]([A-Za-z0-9-]{0,28}[A-Za-z0-9])?$/.test(stage))
    problems.push('--stage must be 1 to 30 letters, digits and hyphens, such as prod')
  if (!/^[A-Za-z0-9][\w-]{0,29}$/.test(namespace))
    problems.push('--namespace must be 1 to 30 letters, digits, "-" and "_"')
  if (region && !/^[a-z]+(-[a-z]+)+(-\d+)?$/.test(region))
    problems.push('--region must be a Tencent Cloud region, such as ap-singapore')
  for (const [flag, name] of [
    ['--role', role],
    ['--list-role', listRole],
    ['--rotation-role', rotationRole],
  ])
    if (name && !/^[\w+=,.@-]{1,128}$/.test(name))
      problems.push(`${flag} must be the name of a CAM role, without uin or path`)
  if (listRole && !role && !remove)
    problems.push('--list-role goes with --role, which mirror-tokens then has')
  for (const [flag, given, example] of [
    ['--schedule', schedule, '0 */5 * * * * *'],
    ['--rotation-schedule', rotationSchedule ?? defaultRotationSchedule, defaultRotationSchedule],
  ] as const)
    if (!isSchedule(given))
      problems.push(
        `${flag} must be a cron expression of seven fields (second minute hour day month weekday year), such as "${example}"`,
      )
  if (rotation && !remove) problems.push(...findRotationProblems(role, listRole, rotationRole))
  if (rotation && values['copy-keys'])
    problems.push(
      '--rotation and --copy-keys exclude each other: with one key for all functions each of them could create tokens',
    )
  if (!rotation && (rotationRole || rotationSchedule))
    problems.push('--rotation-role and --rotation-schedule go with --rotation')
  if (auth !== 'CAM' && auth !== 'NONE') problems.push('--auth must be CAM or NONE')
  if (runtime !== 'newest' && !(Number(/^Nodejs(\d+)\.\d+$/.exec(runtime)?.[1]) >= 20))
    problems.push('--runtime must be newest, or Node.js 20 or newer in the words of SCF, such as Nodejs22.21')
  if (alarms && !/^notice-[\w-]{1,80}$/.test(alarms))
    problems.push(
      '--alarms must be the id of a CLS notice group, such as notice-5281f1d2-6275-4e56-9ec3-a1eb19d8bc2f',
    )
  if (alarms && !role && !remove)
    problems.push('--alarms goes with --role: SCF delivers the log elsewhere only for functions with a role')
  for (const name of variables)
    if (!/^[A-Za-z][A-Za-z0-9_]+$/.test(name))
      problems.push('--env must be the name of a variable, without a value: it is read from the environment')
  if (mode !== 'help' && !remove && !role && !values['copy-keys'])
    problems.push(
      'the functions would have no credentials: name their run role with --role NAME ' +
        '(docs/deploy-tencent.md says how to make one), or put your own key into them with --copy-keys',
    )
  if (problems.length > 0 && mode !== 'help') return { problems }
  return {
    mode,
    stage,
    region,
    namespace,
    role,
    listRole,
    rotation,
    rotationRole,
    copyKeys: values['copy-keys'] === true,
    variables,
    schedule,
    rotationSchedule: rotationSchedule ?? defaultRotationSchedule,
    auth: auth === 'NONE' ? 'NONE' : 'CAM',
    runtime,
    alarms,
  }
}

const knownFlags = `the flags are ${Object.keys(flags)
  .map((name) => `--${name}`)
  .join(', ')}`

/** The other functions stay unable to create tokens. */
function findRotationProblems(
  role: string | null,
  listRole: string | null,
  rotationRole: string | null,
): string[] {
  if (!rotationRole)
    return [
      '--rotation: name the run role of rotate-tokens with --rotation-role NAME ' +
        '(docs/deploy-tencent.md says how to make one)',
    ]
  return [role, listRole].includes(rotationRole)
    ? ['--rotation-role must be another role than the other functions have, which may not create tokens']
    : []
}

/** SCF also takes the five fields of Unix, which count minutes where these count seconds: only seven are accepted. */
function isSchedule(text: string): boolean {
  const fields = text.split(' ')
  return fields.length === 7 && fields.every((field) => /^[\dA-Za-z*/,-]+$/.test(field))
}

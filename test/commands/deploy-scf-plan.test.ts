/** The pure half of `npm run deploy:scf`: flags, what is wanted, and what is to be done about it. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type DeployOptions, help, parseOptions } from '../../deploy/scf/options.ts'
import {
  findUrl,
  type Plan,
  planDeployment,
  planLeft,
  planRemoval,
  planReplacement,
  planRotationRemoval,
} from '../../deploy/scf/plan.ts'
import { camEndpoint } from '../../deploy/scf/roles.ts'
import { longestPeriod, shortestPeriod } from '../../deploy/scf/schedule.ts'
import {
  type FunctionState,
  isBusy,
  isOurs,
  readFunction,
  type TriggerState,
} from '../../deploy/scf/state.ts'
import {
  functionNames,
  nameEarlierFunction,
  nameFunctions,
  type WantedFunction,
  wantFunctions,
} from '../../deploy/scf/wanted.ts'
import { type SettingName, settings } from '../../lib/config.ts'
import { functionNames as builtFunctions } from '../../scripts/build.ts'

const region = 'ap-singapore'
const code = { base64: 'UEs=', sha256: 'a'.repeat(64) }
const otherCode = { base64: 'UEsB', sha256: 'b'.repeat(64) }

function options(...args: string[]): DeployOptions {
  const read = parseOptions(args)
  if ('problems' in read) throw new Error(read.problems.join('\n'))
  return read
}

const rotating = ['--role', 'r', '--rotation', '--rotation-role', 'rotator']

describe('parseOptions', () => {
  it('has a default for everything but the role', () => {
    expect(options('--role', 'my-role')).toEqual({
      mode: 'deploy',
      stage: 'dev',
      region: null,
      namespace: 'default',
      role: 'my-role',
      listRole: null,
      rotation: false,
      rotationRole: null,
      copyKeys: false,
      variables: [],
      schedule: '0 */5 * * * * *',
      rotationSchedule: '0 */15 * * * * *',
      auth: 'CAM',
      runtime: 'Nodejs20.19',
      alarms: null,
    })
  })

  it.each([
    [['--role', 'r', '--plan'], { mode: 'plan' }],
    [['--remove'], { mode: 'remove' }],
    [['--remove', '--plan'], { mode: 'plan-remove' }],
    [['--help'], { mode: 'help' }],
    [['--copy-keys'], { role: null, copyKeys: true }],
    [['--role=r', '--stage=prod', '--region=ap-tokyo'], { stage: 'prod', region: 'ap-tokyo' }],
    [['--role', 'r', '--list-role', 'l'], { role: 'r', listRole: 'l' }],
    [['--role', 'r', '--auth', 'NONE', '--namespace', 'media'], { auth: 'NONE', namespace: 'media' }],
    [['--role', 'r', '--env', 'AWS_REGION', '--env', 'TZ'], { variables: ['AWS_REGION', 'TZ'] }],
    [['--role', 'r', '--schedule', '0 0 3 * * MON *'], { schedule: '0 0 3 * * MON *' }],
    [['--role', 'r', '--runtime', 'Nodejs22.21'], { runtime: 'Nodejs22.21' }],
    [['--role', 'r', '--runtime', 'newest'], { runtime: 'newest' }],
    [['--role', 'r', '--alarms', 'notice-a1'], { alarms: 'notice-a1' }],
    [['--remove', '--alarms', 'notice-a1'], { mode: 'remove', alarms: 'notice-a1' }],
    [rotating, { rotation: true, rotationRole: 'rotator', rotationSchedule: '0 */15 * * * * *' }],
    [[...rotating, '--rotation-schedule', '0 0 * * * * *'], { rotationSchedule: '0 0 * * * * *' }],
    [['--remove', '--rotation'], { mode: 'remove', rotation: true, rotationRole: null }],
  ])('reads %j', (args, expected) => {
    expect(options(...args)).toMatchObject(expected)
  })

  it.each([
    [[], 'name their run role with --role NAME'],
    [['--plan'], 'name their run role with --role NAME'],
    [['--rol', 'r'], '--rol is not a flag; the flags are --role, --list-role'],
    [['--role', 'r', 'prod'], '"prod" is not a flag'],
    [['-x', '--role', 'r'], '-x is not a flag'],
    [['--role'], '--role needs a value'],
    [['--role', '--plan'], '--role needs a value'],
    [['--plan=yes', '--role', 'r'], '--plan takes no value'],
    [['--role', 'qcs::cam::uin/1:roleName/r'], '--role must be the name of a CAM role'],
    [['--role', 'r', '--list-role', 'a b'], '--list-role must be the name of a CAM role'],
    [['--copy-keys', '--list-role', 'l'], '--list-role goes with --role'],
    [['--role', 'r', '--stage', 'a_b'], '--stage must be'],
    [['--role', 'r', '--stage', 'a'.repeat(31)], '--stage must be'],
    [['--role', 'r', '--region', 'Singapore'], '--region must be a Tencent Cloud region'],
    [['--role', 'r', '--namespace', 'a b'], '--namespace must be'],
    [['--role', 'r', '--auth', 'cam'], '--auth must be CAM or NONE'],
    [['--role', 'r', '--schedule', '*/5 * * * *'], '--schedule must be a cron expression of seven fields'],
    [['--role', 'r', '--runtime', 'Nodejs18.15'], '--runtime must be newest, or Node.js 20 or newer'],
    [['--role', 'r', '--runtime', 'nodejs22.x'], '--runtime must be newest, or Node.js 20 or newer'],
    [['--role', 'r', '--alarms', 'me@example.com'], '--alarms must be the id of a CLS notice group'],
    [['--copy-keys', '--alarms', 'notice-a1'], '--alarms goes with --role'],
    [['--role', 'r', '--env', 'A=b'], '--env must be the name of a variable, without a value'],
    [
      ['--role', 'r', '--rotation'],
      '--rotation: name the run role of rotate-tokens with --rotation-role NAME',
    ],
    [['--role', 'r', '--rotation', '--rotation-role', 'r'], '--rotation-role must be another role'],
    [[...rotating, '--list-role', 'rotator'], '--rotation-role must be another role'],
    [
      ['--role', 'r', '--rotation', '--rotation-role', 'a b'],
      '--rotation-role must be the name of a CAM role',
    ],
    [[...rotating, '--copy-keys'], '--rotation and --copy-keys exclude each other'],
    [['--role', 'r', '--rotation-role', 'rotator'], 'go with --rotation'],
    [['--role', 'r', '--rotation-schedule', '0 0 * * * * *'], 'go with --rotation'],
    [
      [...rotating, '--rotation-schedule', '*/15 * * * *'],
      '--rotation-schedule must be a cron expression of seven',
    ],
  ])('refuses %j', (args, message) => {
    expect(parseOptions(args)).toEqual({ problems: [expect.stringContaining(message)] })
  })

  it('names every flag in its help', () => {
    const problem = parseOptions(['--unknown'])
    const [, names = ''] =
      /the flags are (.*)/.exec('problems' in problem ? (problem.problems[0] ?? '') : '') ?? []
    expect(names.split(', ').length).toBeGreaterThan(8)
    for (const name of names.split(', ')) expect(help).toContain(`\n  ${name} `)
  })
})

/** Good settings of every kind, so that each goes where it belongs. */
const everySetting: Partial<Record<SettingName, string>> = {
  ...Object.fromEntries(Object.entries(settings).map(([name, one]) => [name, String(one.default ?? '')])),
  AIGC_SUB_APP_IDS: '251006666',
  AIGC_VOD_ENDPOINT: 'https://vod.example.com',
  AIGC_SSM_ENDPOINT: 'https://ssm.example.com',
  AIGC_SCF_ENDPOINT: 'https://scf.example.com',
  AIGC_REGION: 'ap-tokyo',
  AIGC_SECRET_ID: 'id',
  AIGC_SECRET_KEY: 'key',
  AIGC_HTTP_AUTH: 'keys',
  AIGC_API_KEYS: `app:full:${'0'.repeat(64)}`,
  AIGC_MIRROR_TARGETS: 'tencent-ssm:prod-aigc',
  AIGC_FALLBACK: 'tencent-ssm:prod-aigc',
  AIGC_EXCLUDE: '0123456789abcdef',
}
const env = { AIGC_MIRROR_TARGETS: 'tencent-ssm:prod-aigc', AIGC_SECRET_ID: 'id', AIGC_SECRET_KEY: 'key' }
const rotationEnv = {
  ...env,
  AIGC_SUB_APP_IDS: '251006666',
  AIGC_ROTATION_STATE: 'tencent-ssm:prod-aigc-rotation',
}

function want(args: string[] = ['--role', 'r'], from: Record<string, string> = env): WantedFunction[] {
  return wantFunctions(options(...args), region, from)
}

function problemsOf(args: string[], from: Record<string, string>): string {
  try {
    want(args, from)
    return ''
  } catch (error) {
    return String(error)
  }
}

describe('wantFunctions', () => {
  it('gives each function the settings it reads, and neither the deployer’s key', () => {
    const from = {
      ...everySetting,
      TENCENTCLOUD_SECRET_KEY: 'x',
      TENCENTCLOUD_REGION: 'ap-tokyo',
      PATH: '/bin',
    }
    const [list, mirror] = want(['--role', 'r', '--auth', 'NONE'], from).map(({ environment }) =>
      Object.keys(environment),
    )
    const common = [
      'AIGC_EXCLUDE',
      'AIGC_LOG_LEVEL',
      'AIGC_REGION',
      'AIGC_SETTLE_SECONDS',
      'AIGC_SITE',
      'AIGC_SSM_ENDPOINT',
      'AIGC_SUB_APP_IDS',
    ]
    expect(list).toEqual(
      [
        ...common,
        'AIGC_API_KEYS',
        'AIGC_CACHE_SECONDS',
        'AIGC_FALLBACK',
        'AIGC_HTTP_AUTH',
        'AIGC_REVEAL',
        'AIGC_SOURCE',
        'AIGC_STALE_SECONDS',
        'AIGC_TIMEOUT_MS',
        'AIGC_VOD_ENDPOINT',
      ].sort(),
    )
    expect(mirror).toEqual(
      [
        ...common,
        'AIGC_MIN_KEEP',
        'AIGC_MIRROR_TARGETS',
        'AIGC_TIMEOUT_MS',
        'AIGC_TOKEN_LIMIT',
        'AIGC_VOD_ENDPOINT',
      ].sort(),
    )
  })

  it('gives rotate-tokens the settings that it reads, to which the mirror’s belong', () => {
    const from = { ...everySetting, ...rotationEnv, AIGC_ROTATE_EVERY_DAYS: '30' }
    const [list, mirror, rotation] = want([...rotating, '--auth', 'NONE'], from)
    const own = [
      'AIGC_ROTATE_EVERY_DAYS',
      'AIGC_ROTATION_GRACE_HOURS',
      'AIGC_ROTATION_MAY_DELETE',
      'AIGC_ROTATION_STATE',
      'AIGC_ROTATION_WARM_SECONDS',
    ]
    expect(Object.keys(rotation?.environment ?? {})).toEqual(
      [...Object.keys(mirror?.environment ?? {}), ...own].sort(),
    )
    for (const one of own)
      for (const other of [list, mirror]) expect(other?.environment).not.toHaveProperty(one)
    expect(rotation?.environment).toMatchObject({
      AIGC_ROTATION_STATE: 'tencent-ssm:prod-aigc-rotation',
      AIGC_ROTATION_MAY_DELETE: 'false',
    })
  })

  it('wants rotate-tokens with --rotation only, on a timer and with a role of its own', () => {
    expect(want(['--role', 'r'], rotationEnv)).toHaveLength(2)
    expect(want([...rotating, '--list-role', 'l'], rotationEnv).map(({ role }) => role)).toEqual([
      'l',
      'r',
      'rotator',
    ])
    const wanted = want(rotating, rotationEnv)
    expect(wanted.map((one) => one.function)).toEqual(functionNames)
    expect(wanted[2]).toMatchObject({
      name: 'vod-aigc-tokens-dev-rotate-tokens',
      type: 'Event',
      timeoutSeconds: 180,
      trigger: { type: 'timer', cron: '0 */15 * * * * *' },
      eventInvoke: { retries: 1, ttlSeconds: 900 },
    })
    const [, , hourly] = want([...rotating, '--rotation-schedule', '0 0 * * * * *'], rotationEnv)
    expect(hourly).toMatchObject({
      trigger: { cron: '0 0 * * * * *' },
      eventInvoke: { retries: 1, ttlSeconds: 3600 },
    })
  })

  it('lets the platform vouch for callers behind CAM, whatever the environment says', () => {
    const [list, mirror] = want(['--role', 'r'], everySetting)
    expect(list).toMatchObject({
      environment: { AIGC_HTTP_AUTH: 'platform' },
      trigger: { type: 'http', auth: 'CAM' },
    })
    expect(list?.environment).not.toHaveProperty('AIGC_API_KEYS')
    expect(mirror?.environment).not.toHaveProperty('AIGC_HTTP_AUTH')
  })

  it('copies keys and variables when told so, and leaves empty ones out', () => {
    for (const { environment } of want(['--copy-keys', '--env', 'TZ'], {
      ...env,
      TZ: 'UTC',
      AIGC_SITE: ' ',
    })) {
      expect(environment).toMatchObject({ AIGC_SECRET_ID: 'id', AIGC_SECRET_KEY: 'key', TZ: 'UTC' })
      expect(environment).not.toHaveProperty('AIGC_SITE')
    }
  })

  it('gives both functions the role of --role, and list-tokens that of --list-role', () => {
    expect(want().map(({ role }) => role)).toEqual(['r', 'r'])
    expect(want(['--role', 'r', '--list-role', 'l']).map(({ role }) => role)).toEqual(['l', 'r'])
  })

  it('gives the mirror time to look twice', () => {
    expect(want().map(({ timeoutSeconds }) => timeoutSeconds)).toEqual([15, 180])
  })

  it('makes list-tokens a web function, and the mirror one of events', () => {
    expect(want().map(({ type }) => type)).toEqual(['HTTP', 'Event'])
  })

  it.each([
    [[], ['Nodejs20.19']],
    [['--runtime', 'Nodejs22.21'], ['Nodejs22.21']],
    [
      ['--runtime', 'newest'],
      ['Nodejs24.11', 'Nodejs22.21', 'Nodejs20.19'],
    ],
  ])('lets functions run on what %j says', (args, runtimes) => {
    for (const wanted of want(['--role', 'r', ...args])) expect(wanted.runtimes).toEqual(runtimes)
  })

  it.each([
    ['0 */5 * * * * *', 300],
    ['0 */10 * * * * *', 600],
    ['*/30 * * * * * *', 60],
    ['0 0 3 * * MON *', 21_600],
    ['0 X * * * * *', 60],
  ])('lets events of the schedule %s wait %i s, and fail twice', (schedule, ttlSeconds) => {
    const [list, mirror] = want(['--role', 'r', '--schedule', schedule])
    expect([list?.eventInvoke, mirror?.eventInvoke]).toEqual([null, { retries: 1, ttlSeconds }])
  })

  it('takes 4096 bytes of settings and no more', () => {
    const filled = (bytes: number): Record<string, string> => {
      const [, mirror] = want(['--role', 'r', '--env', 'FILL'], { ...env, FILL: 'x' })
      const taken = Object.entries(mirror?.environment ?? {}).reduce(
        (sum, [k, v]) => sum + k.length + v.length,
        0,
      )
      return { ...env, FILL: 'x'.repeat(bytes - taken + 1) }
    }
    expect(problemsOf(['--role', 'r', '--env', 'FILL'], filled(4096))).toBe('')
    expect(problemsOf(['--role', 'r', '--env', 'FILL'], filled(4097))).toMatch(
      /mirror-tokens have 4097 bytes and may have 4096 on SCF; the longest are FILL,/,
    )
  })

  const alarms = ['--role', 'r', '--alarms', 'notice-a1']
  type Refused = [args: string[], from: Record<string, string>, message: string]
  it.each<Refused>([
    ...['TENCENTCLOUD_TOKEN', 'SCF_X', 'QCLOUD_X'].map(
      (name): Refused => [
        ['--role', 'r', '--env', name],
        { ...env, [name]: 'x' },
        `--env ${name}: SCF reserves names`,
      ],
    ),
    [['--role', 'r', '--auth', 'NONE'], env, 'set AIGC_HTTP_AUTH=keys'],
    [['--role', 'r'], { ...env, AIGC_TYPO: 'x' }, 'AIGC_TYPO is not a setting'],
    [
      ['--role', 'r'],
      { ...env, AIGC_MIRROR_TARGETS: '' },
      'AIGC_MIRROR_TARGETS must name at least one target',
    ],
    [
      ['--role', 'r'],
      { ...env, AIGC_MIRROR_TARGETS: 'file:/tmp/x' },
      'SCF keeps no files; use aws-secretsmanager:, aws-parameter-store: or tencent-ssm:',
    ],
    [['--copy-keys'], { ...env, AIGC_SESSION_TOKEN: 'x' }, 'temporary credentials expire'],
    [['--role', 'r', '--env', 'AIGC_SECRET_KEY'], env, 'keys with --copy-keys'],
    [['--role', 'r', '--env', 'MISSING'], env, 'MISSING is not set in this environment'],
    [
      ['--copy-keys'],
      { ...env, AIGC_SECRET_KEY: '' },
      '--copy-keys: AIGC_SECRET_ID and AIGC_SECRET_KEY must be set',
    ],
    [['--role', 'r'], { ...env, AIGC_FALLBACK: 'file:/tmp/x' }, 'SCF keeps no files'],
    [
      alarms,
      { ...env, AIGC_LOG_LEVEL: 'warn' },
      '--alarms: with AIGC_LOG_LEVEL=warn or error a good run writes',
    ],
    [[...alarms, '--schedule', '0 0 3 * * MON *'], env, '--alarms: silence can be told only of a timer'],
    [
      rotating,
      { ...env, AIGC_SUB_APP_IDS: '251006666' },
      'AIGC_ROTATION_STATE must name where rotate-tokens keeps its record',
    ],
    [
      rotating,
      { ...env, AIGC_SUB_APP_IDS: '251006666', AIGC_ROTATE_EVERY_DAYS: '30' },
      'AIGC_ROTATION_STATE must name where the record is kept, because AIGC_ROTATE_EVERY_DAYS is set',
    ],
    [
      rotating,
      { ...rotationEnv, AIGC_ROTATION_STATE: 'file:/tmp/x' },
      'AIGC_ROTATION_STATE is a file:, and SCF keeps no files; use aws-secretsmanager:',
    ],
    [
      rotating,
      { ...rotationEnv, AIGC_ROTATION_STATE: 'tencent-ssm:prod-aigc' },
      'AIGC_ROTATION_STATE must name a target of its own',
    ],
    [
      rotating,
      { ...rotationEnv, AIGC_ROTATION_STATE: 'aws-secretsmanager:x?region=eu-west-1' },
      'a target is in AWS, for which a function on SCF has no credentials',
    ],
    [rotating, { ...rotationEnv, AIGC_SUB_APP_IDS: '' }, 'AIGC_SUB_APP_IDS must name the applications'],
    [rotating, { ...rotationEnv, AIGC_ROTATION_WARM_SECONDS: '1' }, 'AIGC_ROTATION_WARM_SECONDS must'],
  ])('refuses %j', (args, from, message) => {
    expect(problemsOf(args, from)).toContain(message)
  })

  const awsKeys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'key' }
  const copied = ['--env', 'AWS_ACCESS_KEY_ID', '--env', 'AWS_SECRET_ACCESS_KEY']
  const inArn = 'aws-secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf'
  it.each<[uri: string, args: string[], problems: string[]]>([
    ['aws-secretsmanager:x?region=eu-west-1', copied, []],
    [inArn, copied, []],
    ['aws-parameter-store:/x/y?region=eu-west-1', copied, []],
    ['aws-secretsmanager:x', [...copied, '--env', 'AWS_REGION'], []],
    [
      'aws-secretsmanager:x',
      copied,
      ['a target in AWS names no region; add ?region=… to it, or --env AWS_REGION'],
    ],
    [`${inArn},aws-secretsmanager:x`, copied, [expect.stringContaining('names no region')]],
    [
      inArn,
      copied.slice(0, 2),
      [expect.stringMatching(/has no credentials; add --env AWS_SECRET_ACCESS_KEY$/)],
    ],
    [inArn, copied.slice(2), [expect.stringMatching(/has no credentials; add --env AWS_ACCESS_KEY_ID$/)]],
    ...['aws-secretsmanager:x', 'aws-parameter-store:x'].map((uri): [string, string[], string[]] => [
      uri,
      [],
      [
        expect.stringMatching(/has no credentials; add --env AWS_ACCESS_KEY_ID --env AWS_SECRET_ACCESS_KEY$/),
        expect.stringContaining('names no region'),
      ],
    ]),
  ])('checks what %s needs on SCF, with %j', (uri, args, problems) => {
    const from = { ...env, ...awsKeys, AWS_REGION: 'eu-west-1', AIGC_MIRROR_TARGETS: uri }
    const said = problemsOf(['--role', 'r', ...args], from)
    expect(said.split('\n- ').slice(1)).toEqual(problems)
  })

  it('names every problem at once, and each once', () => {
    const problems = problemsOf(['--role', 'r', '--auth', 'NONE'], {
      ...env,
      AIGC_SITE: 'eu',
      AIGC_CACHE_SECONDS: 'x',
    })
    expect(problems.split('\n- ').slice(1)).toEqual([
      expect.stringContaining('--auth NONE'),
      expect.stringContaining('AIGC_SITE'),
      expect.stringContaining('AIGC_CACHE_SECONDS'),
    ])
  })
})

describe('nameFunctions', () => {
  it('gives names that SCF takes, for the longest stage too, none of them that of version 1.1', () => {
    const names = [...Object.values(nameFunctions('s'.repeat(30))), nameEarlierFunction('s'.repeat(30))]
    expect(new Set(names).size).toBe(4)
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9-]{1,58}[a-z0-9]$/)
  })
})

describe('functionNames', () => {
  it('are those of the zips', () => {
    expect([...functionNames].sort()).toEqual([...builtFunctions].sort())
  })
})

describe('longestPeriod', () => {
  it.each([
    ['0 */5 * * * * *', 300],
    ['15 0,20,30 * * * * *', 1800],
    ['0 0 9-17 * * * *', 16 * 3600],
    ['0 0 3 * * * *', 86_400],
    ['0 0 3 * * MON *', null],
    ['0 0 3 1 * * *', null],
    ['0 0 3 * * * 2027', null],
    ['0 L * * * * *', null],
  ])('of %s is %s', (schedule, seconds) => {
    expect(longestPeriod(schedule)).toBe(seconds)
  })
})

describe('shortestPeriod', () => {
  it.each([
    ['0 */5 * * * * *', 300],
    ['0 * * * * * *', 60],
    ['* * * * * * *', 1],
    ['15 0,20,30 * * * * *', 600],
    ['0 0 * * * * *', 3600],
    ['0 30 8-18/2 * * MON-FRI *', 7200],
    ['0 0 3 1 * * *', 86_400],
    // From the last of a day to the first of the next.
    ['0 0 1,23 * * * *', 7200],
    ['0 7/50 * * * * *', 600],
    ['0 0 24 * * * *', null],
    ['0 L * * * * *', null],
    ['0 */0 * * * * *', null],
  ])('of %s is %s', (schedule, seconds) => {
    expect(shortestPeriod(schedule)).toBe(seconds)
  })
})

const [list, mirror] = want() as [WantedFunction, WantedFunction]
const [, , rotation] = want(rotating, rotationEnv) as [WantedFunction, WantedFunction, WantedFunction]
const [openList] = want(['--role', 'r', '--auth', 'NONE'], everySetting) as [WantedFunction]
const url: TriggerState = {
  type: 'http',
  name: 'url-trigger',
  qualifier: '$LATEST',
  enabled: true,
  cron: '',
  auth: 'CAM',
  url: 'https://1250000000-abc.ap-singapore.tencentscf.com',
}
const timer: TriggerState = {
  ...{ type: 'timer', name: 'schedule', qualifier: '$LATEST', enabled: true },
  ...{ cron: '0 */5 * * * * *', auth: '', url: '' },
}

/** A function that is as wanted. */
function deployed(wanted: WantedFunction, changes: Partial<FunctionState> = {}): FunctionState {
  return {
    status: 'Active',
    reason: '',
    runtime: 'Nodejs20.19',
    type: wanted.type,
    handler: wanted.type === 'HTTP' ? '' : 'index.main_handler',
    description: `vod aigc tokens, ${wanted.function.replace('-', ' ')}, code ${code.sha256}`,
    memoryMb: 256,
    timeoutSeconds: wanted.timeoutSeconds,
    role: 'r',
    environment: wanted.environment,
    logTopic: { logsetId: 'scf-own-logset', topicId: 'scf-own-topic' },
    triggers: [
      wanted.trigger.type === 'timer'
        ? { ...timer, cron: wanted.trigger.cron }
        : { ...url, auth: wanted.trigger.auth },
    ],
    eventInvoke: wanted.eventInvoke,
    ...changes,
  }
}

const delivery = { topicName: 'vod-aigc-tokens-dev', logsetId: 'l', topicId: 't' }
/** One whose log goes to that topic. */
const watchedMirror = deployed(mirror, {
  description: `vod aigc tokens, mirror tokens, alarms, code ${code.sha256}`,
  logTopic: { logsetId: 'l', topicId: 't' },
})

describe('planDeployment, of where the log goes,', () => {
  it.each([
    ['a topic that stands', delivery, ['log to vod-aigc-tokens-dev']],
    ['one that is not made yet', { ...delivery, logsetId: '', topicId: '' }, ['log to vod-aigc-tokens-dev']],
    ['where it goes', null, []],
  ])('sends it to %s', (_, to, changes) => {
    const state = deployed(mirror, { logTopic: { logsetId: '', topicId: '' } })
    const { steps } = planDeployment({ ...mirror, delivery: to }, code, state)
    expect(steps.map(({ what }) => what)).toEqual(
      changes.map((change) => `update configuration of ${mirror.name}: ${change}`),
    )
    if (to)
      expect(steps[0]?.parameters).toMatchObject({
        ...{ ClsLogsetId: to.logsetId, ClsTopicId: to.topicId, Role: 'r' },
        Description: watchedMirror.description,
      })
  })

  it('leaves it, and the mark, without --alarms, and says so once', () => {
    expect(planDeployment({ ...mirror, delivery }, code, watchedMirror)).toEqual({
      ...{ steps: [], notes: [], refusals: [] },
    })
    const { steps, notes } = planDeployment({ ...mirror, timeoutSeconds: 9 }, code, watchedMirror)
    expect(notes).toEqual([expect.stringContaining('give --alarms again')])
    expect(steps[0]?.parameters).toMatchObject({ Description: watchedMirror.description, Timeout: 9 })
    expect(steps[0]?.parameters).not.toHaveProperty('ClsTopicId')
    const watchedList = deployed(list, { description: watchedMirror.description.replace('mirror', 'list') })
    expect(planDeployment(list, code, watchedList).notes).toEqual([])
  })
})

const actions = ({ steps }: Plan): string[] => steps.map(({ action }) => action)

describe('planDeployment', () => {
  it('creates a web function, without a handler, then its URL', () => {
    const { steps } = planDeployment(list, code, null)
    expect(steps).toMatchObject([
      {
        what: expect.stringMatching(
          /^create web function vod-aigc-tokens-dev-list-web: Nodejs20.19, 256 MB, 15 s/,
        ),
        action: 'CreateFunction',
        parameters: { FunctionName: 'vod-aigc-tokens-dev-list-web', Type: 'HTTP', Runtime: 'Nodejs20.19' },
      },
      { what: 'create function URL of vod-aigc-tokens-dev-list-web: AuthType CAM', action: 'CreateTrigger' },
    ])
    expect(steps[0]?.parameters).not.toHaveProperty('Handler')
    expect(steps[0]).not.toHaveProperty('instead')
  })

  it('tries the newest runtime first, and the others where SCF does not have it', () => {
    const [newest] = want(['--role', 'r', '--runtime', 'newest']) as [WantedFunction]
    const tried: unknown[] = []
    let step = planDeployment(newest, code, null).steps[0]
    expect(step?.what).toContain('Nodejs24.11 or Nodejs22.21 or Nodejs20.19')
    for (; step; step = step.instead?.step) tried.push([step.parameters['Runtime'], step.instead?.code])
    expect(tried).toEqual([
      ['Nodejs24.11', 'InvalidParameterValue.Runtime'],
      ['Nodejs22.21', 'InvalidParameterValue.Runtime'],
      ['Nodejs20.19', undefined],
    ])
    expect(planDeployment(newest, code, deployed(newest))).toEqual({
      steps: [],
      notes: [expect.stringContaining('keeps Nodejs20.19, which SCF cannot change')],
      refusals: [],
    })
  })

  it('creates a function, then its trigger', () => {
    const plan = planDeployment(mirror, code, null)
    expect(plan.steps).toEqual([
      {
        what: expect.stringMatching(
          /^create function .*mirror-tokens: Nodejs20.19, 256 MB, 180 s, role r, AIGC_MIRROR/,
        ),
        action: 'CreateFunction',
        parameters: {
          FunctionName: 'vod-aigc-tokens-dev-mirror-tokens',
          Namespace: 'default',
          Type: 'Event',
          Runtime: 'Nodejs20.19',
          Handler: 'index.main_handler',
          CodeSource: 'ZipFile',
          Code: { ZipFile: 'UEs=' },
          InstallDependency: 'FALSE',
          PublicNetConfig: { PublicNetStatus: 'ENABLE' },
          Description: `vod aigc tokens, mirror tokens, code ${code.sha256}`,
          MemorySize: 256,
          Timeout: 180,
          Role: 'r',
          Environment: { Variables: [{ Key: 'AIGC_MIRROR_TARGETS', Value: 'tencent-ssm:prod-aigc' }] },
        },
      },
      {
        what: expect.stringMatching(/^update events of .*: 1 retry, none starts more than 300 s late$/),
        action: 'UpdateFunctionEventInvokeConfig',
        parameters: {
          FunctionName: 'vod-aigc-tokens-dev-mirror-tokens',
          Namespace: 'default',
          AsyncTriggerConfig: { RetryConfig: [{ RetryNum: 1 }], MsgTTL: 300 },
        },
      },
      {
        what: 'create timer of vod-aigc-tokens-dev-mirror-tokens: "0 */5 * * * * *"',
        action: 'CreateTrigger',
        parameters: {
          FunctionName: 'vod-aigc-tokens-dev-mirror-tokens',
          Namespace: 'default',
          TriggerName: 'schedule',
          Type: 'timer',
          Qualifier: '$LATEST',
          TriggerDesc: '0 */5 * * * * *',
          Enable: 'OPEN',
        },
      },
    ])
  })

  it.each([
    ['list-tokens', list],
    ['list-tokens with an open URL', openList],
    ['mirror-tokens', mirror],
    ['rotate-tokens', rotation],
  ])('has nothing to do for a %s as wanted', (_, wanted) => {
    const state = deployed(wanted, { role: wanted.role })
    expect(planDeployment(wanted, code, state)).toEqual({ steps: [], notes: [], refusals: [] })
  })

  it.each<[what: string, changes: Partial<FunctionState>, steps: string[], named: string]>([
    ['the memory', { memoryMb: 128 }, ['UpdateFunctionConfiguration'], 'memory 128 MB becomes 256 MB'],
    ['the timeout', { timeoutSeconds: 3 }, ['UpdateFunctionConfiguration'], 'timeout 3 s becomes 180 s'],
    ['the role', { role: '' }, ['UpdateFunctionConfiguration'], 'role none becomes r'],
    [
      'a variable',
      { environment: { AIGC_MIRROR_TARGETS: 'SECRET' } },
      ['UpdateFunctionConfiguration'],
      'AIGC_MIRROR_TARGETS changed',
    ],
    [
      'another variable',
      { environment: { ...mirror.environment, X: 'SECRET' } },
      ['UpdateFunctionConfiguration'],
      'X removed',
    ],
    ['a missing variable', { environment: {} }, ['UpdateFunctionConfiguration'], 'AIGC_MIRROR_TARGETS added'],
    [
      'the code',
      { description: `vod aigc tokens, mirror tokens, code ${otherCode.sha256}` },
      ['UpdateFunctionCode', 'UpdateFunctionConfiguration'],
      'code',
    ],
    [
      'no digest',
      { description: 'vod aigc tokens' },
      ['UpdateFunctionCode', 'UpdateFunctionConfiguration'],
      'code',
    ],
    ['the handler', { handler: 'index.handler' }, ['UpdateFunctionCode'], 'handler'],
    ['a failed update', { status: 'UpdateFailed' }, ['UpdateFunctionCode'], 'the last update failed'],
    [
      'the cron',
      { triggers: [{ ...timer, cron: '0 0 * * * * *' }] },
      ['UpdateTrigger'],
      '"0 0 * * * * *" becomes "0 */5 * * * * *"',
    ],
    ['the trigger', { triggers: [] }, ['CreateTrigger'], 'create timer'],
    [
      'SCF’s own retries',
      { eventInvoke: { retries: 2, ttlSeconds: 300 } },
      ['UpdateFunctionEventInvokeConfig'],
      '1 retry',
    ],
    [
      'how long SCF keeps events',
      { eventInvoke: { retries: 1, ttlSeconds: 21_600 } },
      ['UpdateFunctionEventInvokeConfig'],
      '300 s late',
    ],
    ['events of which nothing is known', { eventInvoke: null }, [], ''],
    ['a timer of somebody else', { triggers: [{ ...timer, name: 'other', cron: 'x' }, timer] }, [], ''],
  ])('mends %s, and shows no value', (_, changes, expected, named) => {
    const plan = planDeployment(mirror, code, deployed(mirror, changes))
    expect(actions(plan)).toEqual(expected)
    const said = plan.steps.map(({ what }) => what).join('\n')
    expect(said).toContain(named)
    expect(said).not.toContain('SECRET')
  })

  it.each([
    ['list-tokens', list],
    ['mirror-tokens', mirror],
    ['rotate-tokens', rotation],
  ])('describes %s in characters that SCF promises to take', (_, wanted) => {
    const [create] = planDeployment(wanted, code, null).steps
    expect(create?.parameters['Description']).toMatch(/^[A-Za-z0-9 ,.]{1,1000}$/)
  })

  it.each([
    ['closes the URL before the function stops asking for keys', openList, list],
    ['takes the URL behind CAM away before the function begins to ask for keys', list, openList],
  ])('%s, and makes it anew after', (_, before, after) => {
    const plan = planDeployment(after, otherCode, deployed(before))
    expect(actions(plan)).toEqual([
      'DeleteTrigger',
      'UpdateFunctionCode',
      'UpdateFunctionConfiguration',
      'CreateTrigger',
    ])
    expect(plan.steps[0]?.what).toMatch(/AuthType \w+ becomes \w+$/)
    expect(plan.notes).toEqual([expect.stringContaining('its address changes; tell its callers')])
    // Whoever died after the first step goes on with the others.
    const rest = planDeployment(after, otherCode, deployed(before, { triggers: [] }))
    expect(actions(rest)).toEqual(actions(plan).slice(1))
  })

  it('makes a URL without a public address anew', () => {
    const plan = planDeployment(list, code, deployed(list, { triggers: [{ ...url, url: '' }] }))
    expect(plan.steps).toMatchObject([
      { what: expect.stringContaining('it gets a public address'), action: 'DeleteTrigger' },
      {
        action: 'CreateTrigger',
        parameters: {
          Type: 'http',
          TriggerDesc: '{"AuthType":"CAM","NetConfig":{"EnableIntranet":false,"EnableExtranet":true}}',
        },
      },
    ])
  })

  it('leaves a trigger off that is off, and says so', () => {
    const off = deployed(mirror, { triggers: [{ ...timer, enabled: false }] })
    expect(planDeployment(mirror, code, off)).toEqual({
      steps: [],
      notes: [expect.stringContaining('is switched off, and is left so')],
      refusals: [],
    })
  })

  it('makes a function anew whose creation failed', () => {
    const plan = planDeployment(mirror, code, deployed(mirror, { status: 'CreateFailed', reason: 'no room' }))
    expect(actions(plan)).toEqual([
      'DeleteFunction',
      'CreateFunction',
      'UpdateFunctionEventInvokeConfig',
      'CreateTrigger',
    ])
    expect(plan.steps[0]?.what).toContain('(no room)')
  })

  it.each<[what: string, changes: Partial<FunctionState>, refusal: string]>([
    ['a foreign function', { description: 'mine' }, 'was not made by this command'],
    [
      'another runtime',
      { runtime: 'Nodejs18.15' },
      'has the runtime Nodejs18.15 and should have Nodejs20.19',
    ],
    ['another runtime', { runtime: 'Nodejs22.21' }, 'keep it with --runtime Nodejs22.21'],
    ['another type', { type: 'Event' }, 'is of type Event and should be HTTP'],
    [
      'a URL that is off and would have to be made anew',
      { triggers: [{ ...url, auth: 'NONE', enabled: false }] },
      'is switched off and would have to be made anew (AuthType NONE becomes CAM)',
    ],
    ['a failed deletion', { status: 'DeleteFailed', reason: 'stuck' }, 'failed (stuck); try --remove again'],
    [
      'another URL that is open',
      { triggers: [url, { ...url, qualifier: '$DEFAULT', auth: 'NONE' }] },
      'open to everybody',
    ],
  ])('refuses %s', (_, changes, refusal) => {
    const plan = planDeployment(list, otherCode, deployed(list, changes))
    expect(plan).toEqual({ steps: [], notes: [], refusals: [expect.stringContaining(refusal)] })
  })

  it('takes another URL that is open where keys are asked for', () => {
    const triggers = [
      { ...url, auth: 'NONE' },
      { ...url, qualifier: '$DEFAULT', auth: 'NONE' },
    ]
    expect(planDeployment(openList, code, deployed(openList, { triggers }))).toMatchObject({
      steps: [],
      refusals: [],
    })
  })
})

describe('planReplacement', () => {
  const earlier = { name: nameEarlierFunction('dev'), namespace: 'default' }
  const version11 = (changes: Partial<FunctionState> = {}): FunctionState =>
    deployed(list, { type: 'Event', handler: 'index.main_handler', ...changes })

  it('takes the URL of version 1.1’s function away, then the function, and says that the address changes', () => {
    const plan = planReplacement(earlier, list.name, version11())
    expect(plan.steps.map(({ action, parameters }) => [action, parameters['FunctionName']])).toEqual([
      ['DeleteTrigger', 'vod-aigc-tokens-dev-list-tokens'],
      ['DeleteFunction', 'vod-aigc-tokens-dev-list-tokens'],
    ])
    expect(plan.notes).toEqual([
      expect.stringMatching(
        /^the web function vod-aigc-tokens-dev-list-web takes the place of .*; the address https:.* ends, so tell its callers/,
      ),
    ])
  })

  it('goes on where it died, and leaves what is not ours', () => {
    expect(actions(planReplacement(earlier, list.name, version11({ triggers: [] })))).toEqual([
      'DeleteFunction',
    ])
    const nothing = { steps: [], notes: [], refusals: [] }
    expect(planReplacement(earlier, list.name, null)).toEqual(nothing)
    expect(planReplacement(earlier, list.name, version11({ description: 'mine' }))).toEqual(nothing)
  })
})

describe('planRemoval', () => {
  it('deletes the triggers, then the function', () => {
    const { steps } = planRemoval(list, deployed(list))
    expect(steps).toEqual([
      {
        what: 'delete function URL url-trigger of vod-aigc-tokens-dev-list-web',
        action: 'DeleteTrigger',
        parameters: {
          FunctionName: 'vod-aigc-tokens-dev-list-web',
          Namespace: 'default',
          TriggerName: 'url-trigger',
          Type: 'http',
          Qualifier: '$LATEST',
        },
      },
      {
        what: 'delete function vod-aigc-tokens-dev-list-web',
        action: 'DeleteFunction',
        parameters: { FunctionName: 'vod-aigc-tokens-dev-list-web', Namespace: 'default' },
      },
    ])
  })

  it('has nothing to do where nothing is, and refuses what is not ours', () => {
    expect(planRemoval(list, null)).toEqual({ steps: [], notes: [], refusals: [] })
    expect(planRemoval(list, deployed(list, { description: '' }))).toMatchObject({
      steps: [],
      refusals: [expect.any(String)],
    })
  })
})

describe('planLeft', () => {
  const watched = { description: `vod aigc tokens, rotate tokens, alarms, code ${code.sha256}` }
  const off = { triggers: [{ ...timer, enabled: false }] }

  it.each<[what: string, changes: Partial<FunctionState>, says: RegExp]>([
    [
      'one that runs',
      {},
      /is left as it is: its timer goes on to start it;.* take it away with --remove --rotation$/,
    ],
    ['one that alarms watch', watched, /is left as it is, with its alarms: its timer goes on/],
    ['one whose timer is off', off, /is left as it is: its timer does not start it; give --rotation again/],
  ])('says what is left of %s, and how it goes', (_, changes, says) => {
    expect(planLeft(rotation, deployed(rotation, changes))).toEqual({
      ...{ steps: [], refusals: [] },
      notes: [expect.stringMatching(says)],
    })
  })

  it('has nothing to say where nothing is, and of what is not ours', () => {
    const nothing = { steps: [], notes: [], refusals: [] }
    expect(planLeft(rotation, null)).toEqual(nothing)
    expect(planLeft(rotation, deployed(rotation, { description: 'mine' }))).toEqual(nothing)
  })
})

describe('planRotationRemoval', () => {
  it('deletes the timer, then the function, and says what stays of a rotation', () => {
    const plan = planRotationRemoval(rotation, deployed(rotation))
    expect(actions(plan)).toEqual(['DeleteTrigger', 'DeleteFunction'])
    expect(plan.notes).toEqual([expect.stringMatching(/^the record of AIGC_ROTATION_STATE stays/)])
    expect(planRotationRemoval(rotation, null)).toEqual({ steps: [], notes: [], refusals: [] })
    expect(planRotationRemoval(rotation, deployed(rotation, { description: '' })).refusals).toHaveLength(1)
  })
})

describe('readFunction', () => {
  const answer = {
    Status: 'UpdateFailed',
    StatusDesc: 'failed',
    StatusReasons: [{ ErrorCode: 'x', ErrorMessage: 'no role' }],
    Runtime: 'Nodejs20.19',
    Handler: 'index.main_handler',
    Description: 'vod aigc tokens, list tokens',
    MemorySize: 256,
    Timeout: 15,
    Role: 'r',
    Environment: { Variables: [{ Key: 'A', Value: 'b' }] },
  }

  it('reads a function, a timer and a URL', () => {
    const triggers = {
      Triggers: [
        {
          Type: 'timer',
          TriggerName: 't',
          TriggerDesc: '{"cron":"0 0 * * * * *"}',
          Enable: 1,
          Qualifier: '$LATEST',
        },
        {
          Type: 'http',
          TriggerName: 'u',
          TriggerDesc: '{"AuthType":"NONE","NetConfig":{"EnableExtranet":true,"ExtranetUrl":"https://u"}}',
          Enable: 0,
          Qualifier: '$DEFAULT',
        },
      ],
    }
    const state = readFunction(answer, triggers)
    expect(state).toMatchObject({
      status: 'UpdateFailed',
      reason: 'no role',
      type: 'Event',
      environment: { A: 'b' },
    })
    expect(state.triggers).toEqual([
      { ...timer, name: 't', cron: '0 0 * * * * *' },
      { ...url, name: 'u', qualifier: '$DEFAULT', enabled: false, auth: 'NONE', url: 'https://u' },
    ])
    expect(isOurs(state)).toBe(true)
    expect(isBusy(state)).toBe(false)
    expect(findUrl(state)).toBe(null)
    expect(state.eventInvoke).toBe(null)
  })

  it('reads the first of the retries, and how long events wait', () => {
    const config = { RetryConfig: [{ RetryNum: 1 }, { RetryNum: -1 }], MsgTTL: 300 }
    expect(readFunction(answer, {}, { AsyncTriggerConfig: config }).eventInvoke).toEqual({
      retries: 1,
      ttlSeconds: 300,
    })
  })

  it('bears what is missing or null', () => {
    const state = readFunction(
      { Status: 'Creating', Environment: null, StatusReasons: null },
      { Triggers: null },
    )
    expect(state).toMatchObject({ environment: {}, triggers: [], reason: '', description: '' })
    expect(isOurs(state)).toBe(false)
    expect(isBusy(state)).toBe(true)
  })

  it.each([
    ['Creating', true],
    ['Updating', true],
    ['Publishing', true],
    ['Deleting', true],
    ['Active', false],
    ['CreateFailed', false],
    ['UpdateFailed', false],
    ['PublishFailed', false],
    ['DeleteFailed', false],
  ])('isBusy of a function that is %s is %s', (Status, busy) => {
    expect(isBusy(readFunction({ Status }, {}))).toBe(busy)
  })
})

describe('camEndpoint', () => {
  it.each([
    ['https://scf.intl.tencentcloudapi.com', 'https://cam.intl.tencentcloudapi.com'],
    ['https://scf.tencentcloudapi.com', 'https://cam.tencentcloudapi.com'],
    ['https://scf.internal.tencentcloudapi.com', 'https://cam.internal.tencentcloudapi.com'],
    ['https://proxy.example.com', 'https://proxy.example.com'],
    ['http://127.0.0.1:4000', 'http://127.0.0.1:4000'],
  ])('beside %s is %s', (scf, cam) => {
    expect(camEndpoint(scf)).toBe(cam)
  })
})

describe('docs/deploy-tencent.md', () => {
  const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  const page = read('docs/deploy-tencent.md')
  const permissions = (service: string): string[] => {
    const named = [...page.matchAll(new RegExp(`"${service}:(\\w+)"`, 'g'))].map(([, action]) => action ?? '')
    return [...new Set(named)].sort()
  }
  const policies = [...page.matchAll(/^```json\n(.*?)^```$/gms)].map(([, json]) => JSON.parse(json ?? ''))

  it('permits the deploying user the calls that the command makes, and no more', () => {
    const callsOf = (...names: string[]): string[] => {
      const sources = names.map((name) => read(`deploy/scf/${name}.ts`)).join('')
      const calls = [...sources.matchAll(/(?:action: |\.call\()'(\w+)'/g)].map(([, action]) => action ?? '')
      return [...new Set(calls)].sort()
    }
    expect(permissions('scf')).toEqual(callsOf('plan', 'apply'))
    // SCF asks for the other one when a function gets a role.
    expect(permissions('cam')).toEqual([...callsOf('roles'), 'PassRole'])
  })

  it('permits the run role the calls that the functions make, and no more', () => {
    const calls = [...read('lib/stores/tencent-ssm.ts').matchAll(/\.call\('(\w+)'/g)].map(
      ([, action]) => action ?? '',
    )
    expect(permissions('ssm')).toEqual([...new Set(calls)].sort())
    const changing = [...read('lib/tencent/vod.ts').matchAll(/'([A-Z][a-z]+Aigc\w+)'/g)].map(
      ([, action]) => action,
    )
    expect(permissions('vod')).toEqual([...new Set(changing)].sort())
  })

  it('permits only rotate-tokens to change tokens, and in a policy of its own to delete them', () => {
    const ofVod = policies
      .map(({ statement }) => statement.flatMap(({ action }: { action: string }) => action))
      .map((actions: string[]) => actions.filter((action) => action.startsWith('vod:')))
      .filter(({ length }) => length > 0)
    expect(ofVod.map((actions) => actions.toSorted())).toEqual([
      ['vod:DescribeAigcApiTokens'],
      ['vod:DescribeAigcApiTokens'],
      permissions('vod').flatMap((name) => (name === 'DeleteAigcApiToken' ? [] : [`vod:${name}`])),
      ['vod:DeleteAigcApiToken'],
    ])
    const narrowed = policies
      .flatMap(({ statement }) => statement)
      .filter(({ resource }) => String(resource).includes('qcs::vod'))
    const [, subAppId] = /^AIGC_SUB_APP_IDS=(\d+)/m.exec(page) ?? []
    const resource = [`qcs::vod::uin/*:subAppId/${subAppId}`]
    expect(narrowed).toEqual(
      ['vod:CreateAigcApiToken', 'vod:DeleteAigcApiToken'].map((action) => ({
        effect: 'allow',
        action: [action],
        resource,
      })),
    )
  })

  it('has the one policy for tencent-ssm: targets, in three parts, and credentials.md links there', () => {
    const parts = policies
      .flatMap(({ statement }) => statement)
      .filter(({ action }) => String(action).includes('ssm:'))
      .map(({ action }) => action)
    const three = [
      ['ssm:CreateSecret'],
      [
        'ssm:DescribeSecret',
        'ssm:GetSecretValue',
        'ssm:ListSecretVersionIds',
        'ssm:PutSecretValue',
        'ssm:UpdateSecret',
      ],
      ['ssm:UpdateDescription'],
    ]
    // Of the mirror and, with one more secret, of the rotation.
    expect(parts).toEqual([...three, ...three])
    const other = read('docs/credentials.md')
    expect(other).not.toContain('"ssm:')
    const [, anchor] = /\(deploy-tencent\.md#([\w-]+)\)/.exec(other) ?? []
    const anchors = [...page.matchAll(/^##+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    )
    expect(anchors).toContain(anchor)
  })

  it('permits the run roles the secrets that the page deploys with, and the mirror no record', () => {
    const [target, record] = ['AIGC_MIRROR_TARGETS', 'AIGC_ROTATION_STATE'].map(
      (name) => new RegExp(`^${name}=tencent-ssm:([\\w-]+)`, 'm').exec(page)?.[1],
    )
    const secretsOf = policies.flatMap(({ statement }) => {
      const ssm = statement.filter(({ action }: { action: string[] }) => String(action).includes('ssm:'))
      return ssm.length > 0 ? [ssm] : []
    })
    for (const [index, names] of [[target], [target, record]].entries())
      for (const { action, resource } of secretsOf[index] ?? [])
        expect([action, resource]).toEqual([
          action,
          String(action) === 'ssm:CreateSecret'
            ? ['qcs::ssm::uin/UIN:secret/*']
            : names.map((name) => `qcs::ssm:ap-singapore:uin/UIN:secret/creatorUin/*/${name}`),
        ])
    expect(secretsOf).toHaveLength(2)
  })

  it('permits the deploying user to hand over the roles that it deploys with', () => {
    const named = [...page.matchAll(/--(?:list-|rotation-)?role\s+([\w-]+)/g)].map(([, name]) => name)
    const resource = [...new Set(named)].sort().map((name) => `qcs::cam::uin/UIN:roleName/${name}`)
    expect(resource).toHaveLength(3)
    const handing = policies
      .flatMap(({ statement }) => statement)
      .filter(({ action }) => action.includes('cam:PassRole'))
    expect(handing).toEqual([{ effect: 'allow', action: ['cam:PassRole'], resource }])
  })

  it('uses flags that there are', () => {
    const used = [...page.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag)
    expect(used.length).toBeGreaterThan(10)
    for (const flag of used) expect(help, flag).toContain(`\n  ${flag} `)
  })
})

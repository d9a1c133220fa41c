import { describe, expect, it } from 'vitest'
import {
  type Config,
  findSubApp,
  parseConfig,
  type Reader,
  readBasePath,
  settings,
} from '../../lib/config.ts'
import type { Environment } from '../../lib/credentials/sources.ts'
import { ConfigError, InputError } from '../../lib/errors.ts'
import { storeKinds } from '../../lib/stores/index.ts'
import { sha256 } from '../support/sha256.ts'

const credentials = { AIGC_SECRET_ID: 'id', AIGC_SECRET_KEY: 'key' }
const digest = 'a'.repeat(64)
const form = 'name:scope:sha256hex, with scope full, single or masked and 64 hex digits'

function parse(env: Environment): Config {
  return parseConfig({ ...credentials, ...env }, storeKinds)
}

function problemsOf(env: Environment, read: (env: Environment) => unknown = parse): readonly string[] {
  try {
    read(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('parseConfig', () => {
  it('has the defaults of the contract', () => {
    expect(parse({})).toEqual({
      subAppIds: [],
      site: 'intl',
      vodEndpoint: 'https://vod.intl.tencentcloudapi.com',
      ssmEndpoint: 'https://ssm.intl.tencentcloudapi.com',
      stsEndpoint: 'https://sts.intl.tencentcloudapi.com',
      scfEndpoint: 'https://scf.intl.tencentcloudapi.com',
      clsEndpoint: 'https://cls.intl.tencentcloudapi.com',
      region: 'ap-singapore',
      httpAuth: null,
      apiKeys: [],
      cacheSeconds: 30,
      staleSeconds: 3600,
      fallbacks: [],
      source: 'api',
      reveal: false,
      timeoutMs: 10_000,
      mirrors: [],
      settleSeconds: 60,
      minKeep: 0.5,
      exclude: new Set(),
      tokenLimit: 45,
      rotation: { everyDays: null, records: [], warmSeconds: 300, graceHours: 24, mayDelete: false },
      logLevel: 'info',
      proxy: null,
    })
  })

  it('reads every setting', () => {
    const config = parse({
      AIGC_SUB_APP_IDS: '251006666, 1500000000',
      AIGC_SITE: 'cn',
      AIGC_VOD_ENDPOINT: 'http://127.0.0.1:9000',
      AIGC_REGION: 'ap-hongkong',
      AIGC_HTTP_AUTH: 'keys',
      AIGC_API_KEYS: `web:full:${digest},audit:masked:${'AB'.repeat(32)}:1500000000`,
      AIGC_CACHE_SECONDS: '0',
      AIGC_TIMEOUT_MS: '2500',
      AIGC_MIRROR_TARGETS:
        'file:/srv/{SubAppId}.json aws-secretsmanager:prod/{SubAppId}?region=eu-west-1&adopt=true',
      AIGC_SETTLE_SECONDS: '90',
      AIGC_MIN_KEEP: '0.75',
      AIGC_EXCLUDE: '0123456789abcdef, 0123456789ABCDE0',
      AIGC_TOKEN_LIMIT: '40',
      AIGC_ROTATION_STATE: 'aws-secretsmanager:rotation/{SubAppId}?region=eu-west-1',
      AIGC_ROTATE_EVERY_DAYS: '90',
      AIGC_ROTATION_WARM_SECONDS: '600',
      AIGC_ROTATION_GRACE_HOURS: '0.5',
      AIGC_ROTATION_MAY_DELETE: 'true',
      AIGC_LOG_LEVEL: 'debug',
    })
    expect(config).toMatchObject({
      subAppIds: [251006666, 1500000000],
      site: 'cn',
      vodEndpoint: 'http://127.0.0.1:9000',
      ssmEndpoint: 'https://ssm.tencentcloudapi.com',
      scfEndpoint: 'https://scf.tencentcloudapi.com',
      clsEndpoint: 'https://cls.tencentcloudapi.com',
      region: 'ap-hongkong',
      httpAuth: 'keys',
      apiKeys: [
        { name: 'web', scope: 'full', sha256: digest, subAppIds: null },
        { name: 'audit', scope: 'masked', sha256: 'ab'.repeat(32), subAppIds: [1500000000] },
      ],
      cacheSeconds: 0,
      timeoutMs: 2500,
      settleSeconds: 90,
      minKeep: 0.75,
      exclude: new Set(['0123456789abcdef', '0123456789abcde0']),
      tokenLimit: 40,
      rotation: { everyDays: 90, warmSeconds: 600, graceHours: 0.5, mayDelete: true },
      logLevel: 'debug',
    })
    expect(
      config.rotation.records.map(({ subAppId, target }) => [subAppId, target.name, target.holds]),
    ).toEqual([
      [251006666, 'rotation/251006666', 'record'],
      [1500000000, 'rotation/1500000000', 'record'],
    ])
    expect(config.mirrors[1]).toEqual({
      subAppId: 1500000000,
      targets: [
        {
          uri: 'file:/srv/1500000000.json',
          scheme: 'file',
          name: '/srv/1500000000.json',
          options: {},
          holds: 'document',
          adopt: false,
        },
        {
          uri: 'aws-secretsmanager:prod/1500000000?region=eu-west-1&adopt=true',
          scheme: 'aws-secretsmanager',
          name: 'prod/1500000000',
          options: { region: 'eu-west-1' },
          holds: 'document',
          adopt: true,
        },
      ],
    })
  })

  it('takes the region from SCF, then from the site', () => {
    expect(parse({ TENCENTCLOUD_REGION: ' ap-tokyo ' }).region).toBe('ap-tokyo')
    expect(parse({ AIGC_REGION: ' ap-tokyo ', TENCENTCLOUD_REGION: 'ap-seoul' }).region).toBe('ap-tokyo')
    expect(parse({ AIGC_REGION: ' ', TENCENTCLOUD_REGION: 'ap-seoul' }).region).toBe('ap-seoul')
    expect(parse({ AIGC_SITE: 'cn' }).region).toBe('ap-guangzhou')
  })

  it('takes an empty variable and white space around a value for what they are', () => {
    expect(parse({ AIGC_SITE: '', AIGC_CACHE_SECONDS: ' 5 ', AIGC_SUB_APP_IDS: ' 1 ' })).toMatchObject({
      site: 'intl',
      cacheSeconds: 5,
      subAppIds: [1],
    })
  })

  it('takes commas and white space, one or more, between the parts of a list', () => {
    expect(parse({ AIGC_SUB_APP_IDS: '1,, 2\n3 ,' }).subAppIds).toEqual([1, 2, 3])
    expect(parse({ AIGC_MIRROR_TARGETS: ',file:/a  file:/b,' }).mirrors).toMatchObject([
      { targets: [{ name: '/a' }, { name: '/b' }] },
    ])
  })

  it('mirrors the account without an application when none is configured', () => {
    expect(parse({ AIGC_MIRROR_TARGETS: 'file:/a' }).mirrors).toMatchObject([
      { subAppId: null, targets: [{ name: '/a' }] },
    ])
  })

  it.each(['ap-tokyo', 'ap-shanghai-fsi', 'na-siliconvalley-12'])('takes the region %s', (region) => {
    expect(parse({ AIGC_REGION: region }).region).toBe(region)
  })

  it.each(['https://vod.example.com', 'http://127.0.0.1:1', 'http://localhost:1', 'http://[::1]:1'])(
    'takes the endpoint %s',
    (url) => {
      expect(parse({ AIGC_VOD_ENDPOINT: url }).vodEndpoint).toBe(url)
    },
  )

  it('takes the least and the most of a number', () => {
    expect(parse({ AIGC_CACHE_SECONDS: '86400', AIGC_TIMEOUT_MS: '100', AIGC_MIN_KEEP: '1' })).toMatchObject({
      cacheSeconds: 86_400,
      timeoutMs: 100,
      minKeep: 1,
    })
  })

  it('takes a digest of any hex digits, and a key for several applications', () => {
    const keys = `a:full:${'1'.repeat(64)}:1+2`
    expect(parse({ AIGC_SUB_APP_IDS: '1,2,3', AIGC_API_KEYS: keys }).apiKeys).toMatchObject([
      { subAppIds: [1, 2] },
    ])
  })

  it('needs credentials for whatever asks Tencent, and for nothing else', () => {
    const none = { AIGC_SECRET_ID: '', AIGC_SECRET_KEY: '' }
    const needed = expect.stringContaining('no Tencent credentials')
    const mirror = { ...none, AIGC_SOURCE: 'mirror', AIGC_FALLBACK: 'file:/a' }
    expect(parse(mirror)).toMatchObject({
      source: 'mirror',
      fallbacks: [{ subAppId: null, target: { name: '/a' } }],
    })
    expect(problemsOf({ ...mirror, AIGC_MIRROR_TARGETS: 'file:/b' })).toEqual([needed])
    expect(problemsOf(none)).toEqual([needed])
    expect(problemsOf({ ...none, AIGC_FALLBACK: 'file:/a' })).toEqual([needed])
  })

  it('needs none where they may come with requests, and still refuses half of a source', () => {
    expect(parseConfig({}, storeKinds, 'requests').source).toBe('api')
    expect(() => parseConfig({ AIGC_SECRET_ID: 'id' }, storeKinds, 'requests')).toThrow(
      'AIGC_SECRET_ID is set but',
    )
  })

  const bad: [string, Environment, string][] = [
    [
      'an unknown name',
      { AIGC_CACHE_SECOND: '1' },
      'AIGC_CACHE_SECOND is not a setting; did you mean AIGC_CACHE_SECONDS?',
    ],
    [
      'a name that is nearly one',
      { AIGC_SUB_APP_ID: '1' },
      'AIGC_SUB_APP_ID is not a setting; did you mean AIGC_SUB_APP_IDS?',
    ],
    [
      'a name from the prototype',
      { AIGC_constructor: '1' },
      'AIGC_constructor is not a setting; docs/settings.md lists them all',
    ],
    ['a site', { AIGC_SITE: 'eu' }, 'AIGC_SITE must be intl or cn'],
    [
      'an application id',
      { AIGC_SUB_APP_IDS: '1,1e9' },
      'AIGC_SUB_APP_IDS must be comma-separated whole numbers, such as 251006666 or 251006666,251006667',
    ],
    [
      'an id beyond exact integers',
      { AIGC_SUB_APP_IDS: '9007199254740993' },
      'AIGC_SUB_APP_IDS must be comma-separated whole numbers, such as 251006666 or 251006666,251006667',
    ],
    ['an id given twice', { AIGC_SUB_APP_IDS: '7,7' }, 'AIGC_SUB_APP_IDS must name each application once'],
    [
      'plain HTTP to elsewhere',
      { AIGC_VOD_ENDPOINT: 'http://vod.example.com' },
      'AIGC_VOD_ENDPOINT must be https://HOST, or http://127.0.0.1:PORT, without a path',
    ],
    [
      'a region',
      { AIGC_REGION: 'Singapore 1' },
      'AIGC_REGION must be a Tencent Cloud region, such as ap-singapore',
    ],
    [
      'an endpoint with a path',
      { AIGC_VOD_ENDPOINT: 'https://vod.example.com/v1' },
      'AIGC_VOD_ENDPOINT must be https://HOST, or http://127.0.0.1:PORT, without a path',
    ],
    [
      'an endpoint with a password',
      { AIGC_VOD_ENDPOINT: 'https://u:p@vod.example.com' },
      'AIGC_VOD_ENDPOINT must be https://HOST, or http://127.0.0.1:PORT, without a path',
    ],
    [
      'a negative number',
      { AIGC_CACHE_SECONDS: '-1' },
      'AIGC_CACHE_SECONDS must be a whole number from 0 to 86400',
    ],
    [
      'a number in words',
      { AIGC_TIMEOUT_MS: '10s' },
      'AIGC_TIMEOUT_MS must be a whole number from 100 to 900000',
    ],
    [
      'a hexadecimal number',
      { AIGC_SETTLE_SECONDS: '0x10' },
      'AIGC_SETTLE_SECONDS must be a whole number from 0 to 900',
    ],
    ['too little', { AIGC_TIMEOUT_MS: '99' }, 'AIGC_TIMEOUT_MS must be a whole number from 100 to 900000'],
    ...['AIGC_CACHE_SECONDS', 'AIGC_STALE_SECONDS', 'AIGC_TIMEOUT_MS', 'AIGC_SETTLE_SECONDS'].map(
      (name): [string, Environment, string] => [
        `a fraction in ${name}`,
        { [name]: '100.5' },
        expect.stringMatching(`^${name} must be a whole number from \\d+ to \\d+$`),
      ],
    ),
    ...['x ap-tokyo', 'ap-tokyo!', 'ap', 'ap-tokyo-x1', 'ap-'].map(
      (region): [string, Environment, string] => [
        `the region ${region}`,
        { AIGC_REGION: region },
        'AIGC_REGION must be a Tencent Cloud region, such as ap-singapore',
      ],
    ),
    ...['nonsense', 'ftp://127.0.0.1', 'http://127.0.0.2'].map((url): [string, Environment, string] => [
      `the endpoint ${url}`,
      { AIGC_VOD_ENDPOINT: url },
      'AIGC_VOD_ENDPOINT must be https://HOST, or http://127.0.0.1:PORT, without a path',
    ]),
    ...['éa', 'aé', 'a'.repeat(65)].map((name): [string, Environment, string] => [
      `a key's name ${name}`,
      { AIGC_API_KEYS: `${name}:full:${digest}` },
      `AIGC_API_KEYS entry 1 must read ${form}; a name has 1 to 64 letters, digits, ".", "_" and "-"`,
    ]),
    [
      'a key of too many parts',
      { AIGC_SUB_APP_IDS: '1', AIGC_API_KEYS: `web:full:${digest}:1:2` },
      `AIGC_API_KEYS entry 1 must read ${form}; a name has 1 to 64 letters, digits, ".", "_" and "-"`,
    ],
    ...[`0${digest}`, `${digest}0`, digest.slice(1)].map((sha256): [string, Environment, string] => [
      `a digest of ${sha256.length} digits`,
      { AIGC_API_KEYS: `web:full:${sha256}` },
      "AIGC_API_KEYS entry 1 must hold the key's SHA-256 as 64 hex digits, never the key itself; make it by printf %s 'THE KEY' | sha256sum",
    ]),
    [
      "one of a key's applications",
      { AIGC_SUB_APP_IDS: '1', AIGC_API_KEYS: `web:full:${digest}:1+9` },
      'AIGC_API_KEYS entry 1 must list only applications of AIGC_SUB_APP_IDS, separated by "+"',
    ],
    [
      'two fallbacks',
      { AIGC_FALLBACK: 'file:/a,file:/b' },
      'AIGC_FALLBACK must name one target, not several',
    ],
    ...[
      'aigc',
      '/',
      '/aigc/',
      '//aigc',
      '/a//b',
      '/..',
      '/a/./b',
      '/.well',
      '/%61',
      '/a b',
      '/{a}',
      '/é',
      'https://h/a',
    ].map((path): [string, Environment, string] => [
      `the base path ${path}`,
      { AIGC_BASE_PATH: path },
      'AIGC_BASE_PATH must be a path such as /aigc: of letters, digits, "_", "-", "." and "~", and without "/" at its end',
    ]),
    ['a source', { AIGC_SOURCE: 'file' }, 'AIGC_SOURCE must be api or mirror'],
    [
      'a mirror as source that is not named',
      { AIGC_SOURCE: 'mirror' },
      'AIGC_FALLBACK must name the target to read when AIGC_SOURCE is mirror',
    ],
    ['a share above one', { AIGC_MIN_KEEP: '1.5' }, 'AIGC_MIN_KEEP must be a number from 0 to 1'],
    ['a log level', { AIGC_LOG_LEVEL: 'trace' }, 'AIGC_LOG_LEVEL must be debug, info, warn or error'],
    ['a way to authenticate', { AIGC_HTTP_AUTH: 'none' }, 'AIGC_HTTP_AUTH must be gateway, keys or platform'],
    [
      'keys that are missing',
      { AIGC_HTTP_AUTH: 'keys' },
      `AIGC_API_KEYS must be set when AIGC_HTTP_AUTH is keys: comma-separated ${form}`,
    ],
    [
      'a key in the clear',
      { AIGC_API_KEYS: 'web:full:hunter2' },
      "AIGC_API_KEYS entry 1 must hold the key's SHA-256 as 64 hex digits, never the key itself; make it by printf %s 'THE KEY' | sha256sum",
    ],
    [
      'a scope',
      { AIGC_API_KEYS: `web:full:${digest},b:all:${digest}` },
      `AIGC_API_KEYS entry 2 must have its scope behind the name; write ${form}`,
    ],
    [
      'a hash alone',
      { AIGC_API_KEYS: digest },
      `AIGC_API_KEYS entry 1 is a hash without a name and a scope; write ${form}`,
    ],
    [
      'a key in place of its entry',
      { AIGC_API_KEYS: 'SECRET' },
      `AIGC_API_KEYS entry 1 has no name and no scope; write ${form}, never the key itself`,
    ],
    [
      'a hash without a scope',
      { AIGC_API_KEYS: `web:${digest}` },
      `AIGC_API_KEYS entry 1 must have its scope behind the name; write ${form}`,
    ],
    [
      'a key without a name',
      { AIGC_API_KEYS: `:full:${digest}` },
      `AIGC_API_KEYS entry 1 must read ${form}; a name has 1 to 64 letters, digits, ".", "_" and "-"`,
    ],
    [
      "a key's application",
      { AIGC_API_KEYS: `web:full:${digest}:9` },
      'AIGC_API_KEYS entry 1 must list only applications of AIGC_SUB_APP_IDS, separated by "+"',
    ],
    [
      'a key given twice',
      { AIGC_API_KEYS: `web:masked:${digest},admin:full:${digest.toUpperCase()}` },
      'AIGC_API_KEYS must hold each key once: two entries have the same hash',
    ],
    ...['SECRET', '0123456789abcdef,x', '0123456789abcde', sha256('a token')].map(
      (AIGC_EXCLUDE): [string, Environment, string] => [
        `${AIGC_EXCLUDE} as fingerprints`,
        { AIGC_EXCLUDE },
        'AIGC_EXCLUDE must be comma-separated fingerprints of 16 hex digits, as list-tokens and the log show them; ' +
          'never tokens',
      ],
    ),
    [
      'a target',
      { AIGC_MIRROR_TARGETS: 'file:/a,vault:x' },
      expect.stringMatching(/^AIGC_MIRROR_TARGETS entry 2 must start with aws-secretsmanager:, .* or file:$/),
    ],
    [
      'what a target of that kind must be',
      { AIGC_MIRROR_TARGETS: 'file:/a,aws-secretsmanager:a!' },
      'AIGC_MIRROR_TARGETS entry 2 (aws-secretsmanager): the name should be 1 to 512 characters of ' +
        'A-Z a-z 0-9 / _ + = . @ - or the full ARN of a secret',
    ],
    [
      'a fallback',
      { AIGC_SUB_APP_IDS: '1,2', AIGC_FALLBACK: 'tencent-ssm:a?version={SubAppId}' },
      'AIGC_FALLBACK entry 1 must contain {SubAppId} in the name, because AIGC_SUB_APP_IDS names several applications',
    ],
    ...[
      ['without applications', {}, 'AIGC_SUB_APP_IDS must name the applications whose tokens are rotated'],
      [
        'without targets',
        { AIGC_SUB_APP_IDS: '7', AIGC_MIRROR_TARGETS: '' },
        'AIGC_MIRROR_TARGETS must name the targets that the rotation moves to a new token',
      ],
      [
        'in a target',
        { AIGC_SUB_APP_IDS: '7', AIGC_ROTATION_STATE: 'file:/a' },
        'AIGC_ROTATION_STATE must name a target of its own: AIGC_MIRROR_TARGETS or AIGC_FALLBACK names it too',
      ],
      [
        'in two places',
        { AIGC_ROTATION_STATE: 'file:/r,file:/s' },
        'AIGC_ROTATION_STATE must name one target, not several',
      ],
      ...['adopt=true', 'value=token'].map(
        (option) =>
          [
            `with ${option}`,
            { AIGC_SUB_APP_IDS: '7', AIGC_ROTATION_STATE: `file:/r?${option}` },
            'AIGC_ROTATION_STATE must leave out adopt and value: it holds the record of a rotation, and nothing else may stand there',
          ] as const,
      ),
      [
        'for several applications',
        { AIGC_SUB_APP_IDS: '7,8' },
        'AIGC_ROTATION_STATE entry 1 must contain {SubAppId} in the name, because AIGC_SUB_APP_IDS names several applications',
      ],
    ].map(([what, env, problem]): [string, Environment, string] => [
      `a record of a rotation ${what}`,
      { AIGC_MIRROR_TARGETS: 'file:/a', AIGC_ROTATION_STATE: 'file:/r', ...(env as Environment) },
      problem as string,
    ]),
    [
      'a rotation without a record',
      { AIGC_ROTATE_EVERY_DAYS: '30' },
      'AIGC_ROTATION_STATE must name where the record is kept, because AIGC_ROTATE_EVERY_DAYS is set',
    ],
    [
      'half a day',
      { AIGC_ROTATE_EVERY_DAYS: '0.5' },
      'AIGC_ROTATE_EVERY_DAYS must be a whole number from 1 to 3650',
    ],
    [
      'half a pair',
      { AIGC_SECRET_KEY: '' },
      'AIGC_SECRET_ID is set but AIGC_SECRET_KEY is not; set both, or none',
    ],
  ]
  it.each(bad)('refuses %s', (_, env, problem) => {
    expect(problemsOf(env)).toContainEqual(problem)
  })

  it('reports nothing that follows from another mistake', () => {
    expect(problemsOf({ AIGC_API_KEYS: 'a:b:c,a:b:c' })).toEqual([
      `AIGC_API_KEYS entry 1 must have its scope behind the name; write ${form}`,
      `AIGC_API_KEYS entry 2 must have its scope behind the name; write ${form}`,
    ])
  })

  it('reports five mistakes as five problems, without a value', () => {
    const env = {
      AIGC_SITE: 'SECRET1',
      AIGC_SUB_APP_IDS: 'SECRET2',
      AIGC_API_KEYS: 'SECRET3',
      AIGC_MIRROR_TARGETS: 'SECRET4:x',
      AIGC_CACHE_SECONDS: 'SECRET5',
    }
    const problems = problemsOf(env)
    expect(problems).toHaveLength(5)
    expect(problems.join()).not.toContain('SECRET')
  })
})

describe('readBasePath', () => {
  it.each([
    ['/aigc', '/aigc'],
    [' /v1.0/aigc_tokens-x~ ', '/v1.0/aigc_tokens-x~'],
    ['', ''],
    [undefined, ''],
    ['/aigc/', ''],
  ])('reads %j as %j, whatever the other settings are', (text, path) => {
    expect(readBasePath({ AIGC_BASE_PATH: text, AIGC_SITE: 'eu' })).toBe(path)
  })
})

describe('settings', () => {
  const readBy = (reader: Reader): string[] =>
    Object.entries(settings).flatMap(([name, { readers }]) => (readers.includes(reader) ? [name] : []))

  it('are each read by a function, or by the command that deploys', () => {
    for (const [name, { readers }] of Object.entries(settings)) expect(readers, name).not.toEqual([])
    expect(readBy('list-tokens')).not.toContain('AIGC_MIRROR_TARGETS')
    expect(readBy('mirror-tokens')).not.toContain('AIGC_API_KEYS')
    expect(readBy('deploy')).toEqual([
      'AIGC_SITE',
      'AIGC_SCF_ENDPOINT',
      'AIGC_CLS_ENDPOINT',
      'AIGC_REGION',
      'AIGC_SECRET_ID',
      'AIGC_SECRET_KEY',
      'AIGC_SESSION_TOKEN',
    ])
  })

  it('take any text for credentials: what it must be is said where they are chosen', () => {
    expect(settings.AIGC_SECRET_ID.read('any text', expect.unreachable)).toBe('any text')
  })

  it('take their defaults, as the page shows them, for values', () => {
    const shown = Object.entries(settings).map(([name, one]) => [name, String(one.default ?? '')])
    expect(parse(Object.fromEntries(shown.filter(([name]) => !/SECRET/.test(name ?? ''))))).toEqual(parse({}))
  })
})

describe('findSubApp', () => {
  it.each([
    [null, [7, 8], 7],
    [null, [], null],
    [8, [7, 8], 8],
    ['8', [7, 8], 8],
  ])('takes %j of %j for %j', (given, configured, found) => {
    expect(findSubApp(given, configured)).toBe(found)
  })

  it.each([9, '9', '08', '', 'x'])('finds no %j', (given) => {
    expect(() => findSubApp(given, [7, 8])).toThrow(
      new InputError('Finding the application: it is not one of AIGC_SUB_APP_IDS', 'SubAppNotFound'),
    )
    expect(() => findSubApp(given, [7, 8])).toThrow(expect.objectContaining({ code: 'SubAppNotFound' }))
  })
})

describe('ConfigError and InputError', () => {
  it('say what was read and every problem, a line each, and have a code', () => {
    const error = new ConfigError(['a', 'b'])
    expect([error.code, error.name, error.message, error.problems]).toEqual([
      'ConfigInvalid',
      'ConfigInvalid',
      'Reading the settings:\n- a\n- b',
      ['a', 'b'],
    ])
    expect(new InputError('x')).toMatchObject({ code: 'InputInvalid', name: 'InputInvalid', message: 'x' })
  })
})

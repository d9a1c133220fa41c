import { describe, expect, it } from 'vitest'
import { storeKinds } from '../../../lib/stores/index.ts'
import { type Mirror, parseMirrors, parseTarget } from '../../../lib/stores/target.ts'
import { either } from '../../../lib/words.ts'

function parse(uris: string, subAppIds: readonly number[] = []): { mirrors: Mirror[]; problems: string[] } {
  const problems: string[] = []
  const mirrors = parseMirrors(uris.split(' '), subAppIds, storeKinds, (what) => problems.push(what))
  return { mirrors, problems }
}

const schemes = `must start with ${either(Object.keys(storeKinds).map((scheme) => `${scheme}:`))}`

describe('parseTarget', () => {
  it.each([
    ['file:/a', { scheme: 'file', name: '/a', options: {}, holds: 'document', adopt: false }],
    ['file:/a:b', { scheme: 'file', name: '/a:b', options: {}, holds: 'document', adopt: false }],
    [
      'aws-secretsmanager:prod/a?region=eu-west-1&adopt=true',
      {
        scheme: 'aws-secretsmanager',
        name: 'prod/a',
        options: { region: 'eu-west-1' },
        holds: 'document',
        adopt: true,
      },
    ],
    [
      'tencent-ssm:a?version=v1&region=ap-tokyo',
      {
        scheme: 'tencent-ssm',
        name: 'a',
        options: { version: 'v1', region: 'ap-tokyo' },
        holds: 'document',
        adopt: false,
      },
    ],
    ['file:/a?value=token', { scheme: 'file', name: '/a', options: {}, holds: 'token', adopt: false }],
  ])('takes %s apart', (uri, parts) => {
    expect(parseTarget(uri, storeKinds)).toEqual({ uri, ...parts })
  })

  it.each([
    ['vault:x', [schemes]],
    ['!file:/a', [schemes]],
    ['constructor:/a', [schemes]],
    ['', [schemes]],
    ['/srv/a.json', [schemes]],
    ['aws-secrets-manager:a', [`${schemes}; did you mean aws-secretsmanager?`]],
    ['tencent_ssm:a', [`${schemes}; did you mean tencent-ssm?`]],
    [
      'arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf',
      ['is an ARN; write aws-secretsmanager: or aws-parameter-store: in front of it'],
    ],
    ['file:/a?adopt=true&adopt=true', ['has the option adopt twice; write it once']],
    ['file:/a?mode=1', ['has the option mode, which file does not take; it takes value, adopt']],
    [
      'aws-secretsmanager:a?kmskey=b',
      ['has the option kmskey, which aws-secretsmanager does not take; did you mean kmsKeyId?'],
    ],
    [
      'tencent-ssm:a?kmsKeyId=b&region=ap-tokyo',
      [
        'has the option kmsKeyId, which tencent-ssm does not take; it takes region, version, tags, value, adopt',
      ],
    ],
    ...['%0a', '%0amode', 'mode%0a', 'm'.repeat(41)].map((option): [string, string[]] => [
      `file:/a?${option}=1`,
      ['has an option that file does not take; it takes value, adopt'],
    ]),
    [
      `file:/a?${'m'.repeat(40)}=1`,
      [`has the option ${'m'.repeat(40)}, which file does not take; it takes value, adopt`],
    ],
    ['file:///a', ['must read file:PATH, without // in front']],
    ['aws-secretsmanager://prod/a', ['must read aws-secretsmanager:NAME, without // in front']],
    ['tencent-ssm://a', ['must read tencent-ssm:NAME, without // in front']],
    ['file:/a?adopt=yes', ['must say adopt=true or leave adopt out']],
    ['file:/a?value=document', ['must say value=token or leave value out']],
    ['file:', [expect.stringMatching(/^\(file\): the name should be/)]],
    [
      'tencent-ssm:a?region=1&adopt=yes',
      ['must say adopt=true or leave adopt out', expect.stringContaining('(tencent-ssm): region should be')],
    ],
  ])('says what is wrong with "%s"', (uri, problems) => {
    expect(parseTarget(uri, storeKinds)).toEqual(problems)
  })
})

describe('parseMirrors', () => {
  it('gives nothing for no URIs', () => {
    expect(parseMirrors([], [1, 2], storeKinds, expect.unreachable)).toEqual([])
  })

  it('mirrors the account without an application when none is configured', () => {
    expect(parse('file:/a')).toMatchObject({
      mirrors: [{ subAppId: null, targets: [{ name: '/a' }] }],
      problems: [],
    })
  })

  it('gives each application its own targets, in order, and takes {SubAppId} in an option too', () => {
    const uris =
      'tencent-ssm:a{SubAppId} tencent-ssm:a{SubAppId}?region=ap-tokyo aws-secretsmanager:a{SubAppId} ' +
      'aws-secretsmanager:b{SubAppId}?kmsKeyId=alias/{SubAppId}'
    const targets = (id: number) => [
      { uri: `tencent-ssm:a${id}`, name: `a${id}` },
      { name: `a${id}`, options: { region: 'ap-tokyo' } },
      { name: `a${id}`, scheme: 'aws-secretsmanager' },
      { name: `b${id}`, options: { kmsKeyId: `alias/${id}` } },
    ]
    expect(parse(uris, [1, 2])).toMatchObject({
      mirrors: [1, 2].map((subAppId) => ({ subAppId, targets: targets(subAppId) })),
      problems: [],
    })
    expect(parse('tencent-ssm:a?version={SubAppId}', [1])).toMatchObject({
      mirrors: [{ subAppId: 1, targets: [{ name: 'a', options: { version: '1' } }] }],
      problems: [],
    })
  })

  const several = 'must contain {SubAppId} in the name, because AIGC_SUB_APP_IDS names several applications'
  const once = 'must name each target once: another name, region or kind makes another target'
  it.each<[uris: string, subAppIds: number[], problems: string[]]>([
    [
      'file:/a?value=token',
      [],
      ['must name a target that holds the document too: with value=token it holds one token alone'],
    ],
    ['file:/a?value=token file:/b', [], []],
    ['file:/a?value=token file:/a', [], [once]],
    ['file:/a vault:x', [], [`entry 2 ${schemes}`]],
    ['vault:{SubAppId}', [1, 2], [`entry 1 ${schemes}`]],
    ['file:/a', [1, 2], [`entry 1 ${several}`]],
    ['tencent-ssm:a?version={SubAppId}', [1, 2], [`entry 1 ${several}`]],
    ['aws-secretsmanager:a?kmsKeyId=alias/{SubAppId}', [1, 2], [`entry 1 ${several}`]],
    [
      'file:/{SubAppId}',
      [],
      ['entry 1 contains {SubAppId}, but AIGC_SUB_APP_IDS is empty; set that, or write another name'],
    ],
    ['file:/a file:/a', [], [once]],
    ['file:/a file:/a?adopt=true', [], [once]],
    ['tencent-ssm:a?version=v1 tencent-ssm:a?version=v2', [], [once]],
    ['tencent-ssm:a?region=ap-tokyo&version=v1 tencent-ssm:a?version=v2&region=ap-tokyo', [], [once]],
    ['aws-secretsmanager:a aws-secretsmanager:a?kmsKeyId=alias/b', [], [once]],
    ['file:/{SubAppId}1 file:/{SubAppId}', [1, 11], [once]],
    // Nothing that follows from another mistake.
    ['file:/a file:/a vault:a', [], [`entry 3 ${schemes}`]],
  ])('says of %s for %j what is wrong', (uris, subAppIds, problems) => {
    expect(parse(uris, subAppIds).problems).toEqual(problems)
  })
})

/**
 * The commands of docs/procedures.md, each procedure from its beginning to its end, pasted as they are printed. Deployments go to moto,
 * whose CloudFormation makes roles, functions, log groups and the queue. Secrets, copies of them in other regions and the schedule, over which it
 * passes, are made here from the template that was deployed. Lambda starts the bundles with the settings that moto's Lambda has of them.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../../../simulator/simulator.ts'
import { type FunctionProcess, startFunction } from '../../support/function-process.ts'
import { isAllowed, type PolicyStatement, resolveReferences } from '../../support/iam.ts'
import { type Moto, motoForDeployments, startMoto } from '../../support/moto.ts'
import {
  type AwsAccount,
  cannotPaste,
  openTerminal,
  readPage,
  startAwsAccount,
  type Terminal,
} from '../../support/pages.ts'
import { copyProject, type ServerlessCli } from '../../support/serverless-cli.ts'
import { sha256 } from '../../support/sha256.ts'

const page = readPage('procedures.md')
const application = 251006666
const oldTokens = ['CANARY-old-one', 'CANARY-old-two']
const fingerprint = (token: string): string => sha256(token).slice(0, 16)

describe.skipIf(cannotPaste)('docs/procedures.md', () => {
  let moto: Moto
  let cli: ServerlessCli
  let account: AwsAccount
  let terminal: Terminal
  let intl: TencentSimulator
  let cn: TencentSimulator
  const warm = new Map<string, { readonly settings: string; readonly process: FunctionProcess }>()
  const published: { keys: JWK[] } = { keys: [] }

  beforeAll(async () => {
    moto = await startMoto(motoForDeployments)
    cli = copyProject()
    const applications = [
      { subAppId: application, tokens: oldTokens },
      { subAppId: 251006667, tokens: ['CANARY-of-the-second'] },
    ]
    intl = await startTencentSimulator({ lagMs: 0, applications })
    cn = await startTencentSimulator({
      lagMs: 0,
      applications: [{ subAppId: 1500000001, tokens: ['CANARY-of-the-other-site'] }],
    })
    cn.keys.clear()
    cn.keys.set('key-of-the-other-site', { secretKey: 'its-secret' })
    intl.aigc.requestsPerMinute = Number.POSITIVE_INFINITY
    account = await startAwsAccount(moto, findFunction, answerOther)
    // As the page says. Waits are shorter.
    const manifest = join(cli.folder, 'serverless.yml')
    writeFileSync(
      manifest,
      readFileSync(manifest, 'utf8').replace(
        /^params:\n/m,
        `params:\n  prod:\n    subAppIds: "${application}"\n    settleSeconds: "0"\n`,
      ),
    )
    const serverless = fileURLToPath(
      new URL('../../../node_modules/serverless/bin/serverless.js', import.meta.url),
    )
    terminal = openTerminal({
      cwd: cli.folder,
      account,
      environment: {
        AIGC_SCF_ENDPOINT: intl.url,
        AIGC_SECRET_ID: intl.secretId,
        AIGC_SECRET_KEY: intl.secretKey,
      },
      // `npm ci` would go through the link to this checkout's own packages.
      setUp: `
        npx() {
          shift
          AWS_ENDPOINT_URL='${moto.url}' '${process.execPath}' '${serverless}' "$@"
          if [ "$1 \${2:-}" = 'deploy --stage' ]; then curl -sSf "$AWS_ENDPOINT_URL/deployed?$AWS_REGION"; fi
        }
        npm() { if [ "$1" != ci ]; then command npm "$@"; fi; }
      `,
    })
    await terminal.paste(page.preamble)
    await paste('npx serverless deploy --stage "$STAGE"')
    await giveAccess(intl.secretId, intl.secretKey)
    expect(await paste(`run mirror-tokens '{}'`)).toContain('"Outcome":"created"')
  })
  afterAll(async () => {
    await Promise.all([...warm.values()].map(({ process }) => process.close()))
    terminal?.close()
    account?.close()
    await Promise.all([intl?.close(), cn?.close(), moto?.close()])
    cli?.remove()
  })

  const paste = (commands: string, options?: Parameters<Terminal['paste']>[1]): Promise<string> =>
    terminal.paste(commands, options)
  const pasteBlock = (part: string, options?: Parameters<Terminal['paste']>[1]): Promise<string> =>
    terminal.paste(page.block(part), options)

  /** As step 4 of docs/deploy-aws.md does. `prefix` names another region or stage, as on the page. */
  async function giveAccess(SecretId: string, SecretKey: string, prefix = ''): Promise<void> {
    const commands = readPage('deploy-aws.md').block('cat > key.json')
    // A subshell, so that what is set for it is not kept.
    await paste(`(${prefix}\n${commands})`, { input: JSON.stringify({ SecretId, SecretKey }) })
  }

  async function askMoto(service: string, region: string, path: string, init: RequestInit = {}) {
    const authorization = `AWS4-HMAC-SHA256 Credential=x/20260101/${region}/${service}/aws4_request`
    const answer = await fetch(moto.url + path, { ...init, headers: { ...init.headers, authorization } })
    return {
      ok: answer.ok,
      body: (await answer.json()) as Record<string, unknown>,
    }
  }

  function askSecrets(region: string, action: string, input: object) {
    return askMoto('secretsmanager', region, '/', {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `secretsmanager.${action}`,
      },
      body: JSON.stringify(input),
    })
  }

  /** A function as Lambda has it now: other settings begin with a fresh process. */
  async function findFunction(name: string, region: string): Promise<FunctionProcess | undefined> {
    const { ok, body } = await askMoto('lambda', region, `/2015-03-31/functions/${name}/configuration`)
    if (!ok) return undefined
    const { Variables } = body['Environment'] as { Variables: Record<string, string> }
    const settings = JSON.stringify(body['Environment'])
    const key = `${region} ${name}`
    const known = warm.get(key)
    if (known?.settings === settings) return known.process
    await known?.process.close()
    const started = startFunction(name.endsWith('list-tokens') ? 'list-tokens' : 'mirror-tokens', {
      ...Variables,
      AIGC_VOD_ENDPOINT: Variables['AIGC_SITE'] === 'cn' ? cn.url : intl.url,
      AWS_ENDPOINT_URL: moto.url,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
      AWS_LAMBDA_FUNCTION_NAME: name,
    })
    warm.set(key, { settings, process: started })
    return started
  }

  async function answerOther({ url, body }: { url: string; body: string }): Promise<string | null> {
    if (url.startsWith('/deployed?')) {
      await makeWhatMotoPassesOver(url.split('?')[1] ?? '')
      return ''
    }
    if (url === '/issuer/.well-known/jwks.json') return JSON.stringify(published)
    if (!body.includes('Action=GetOutboundWebIdentityFederationInfo')) return null
    const result = `<IssuerIdentifier>${account.url}/issuer</IssuerIdentifier><JwtVendingEnabled>true</JwtVendingEnabled>`
    const name = 'GetOutboundWebIdentityFederationInfo'
    return `<${name}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><${name}Result>${result}</${name}Result></${name}Response>`
  }

  async function makeWhatMotoPassesOver(region: string): Promise<void> {
    for (const { Type, Properties } of Object.values(cli.readTemplate().Resources)) {
      if (Type === 'AWS::Scheduler::Schedule') {
        const { Name, GroupName, ...schedule } = resolveReferences<Record<string, unknown>>(Properties, {
          ScheduleGroup: Properties.GroupName?.Ref ? `vod-aigc-tokens-prod` : Properties.GroupName,
          MirrorDashtokensLambdaFunction: 'arn:aws:lambda:us-east-1:123456789012:function:x',
          ScheduleRole: 'arn:aws:iam::123456789012:role/x',
        })
        const send = (path: string, body: unknown) =>
          askMoto('scheduler', region, path, { method: 'POST', body: JSON.stringify(body) })
        await send(`/schedule-groups/${GroupName}`, { ClientToken: 'x' })
        await send(`/schedules/${Name}`, { GroupName, ...schedule })
      }
      if (Type !== 'AWS::SecretsManager::Secret') continue
      const {
        Name,
        Tags,
        KmsKeyId,
        ReplicaRegions = [],
      } = resolveReferences<{
        Name: string
        Tags?: unknown
        KmsKeyId?: string
        ReplicaRegions?: { Region: string }[]
      }>(Properties)
      const SecretId = Name
      const { ok, body: before } = await askSecrets(region, 'DescribeSecret', { SecretId })
      if (!ok) {
        const made = await askSecrets(region, 'CreateSecret', {
          Name,
          Tags,
          ...(KmsKeyId && { KmsKeyId }),
          ClientRequestToken: sha256(Name),
        })
        expect(made).toMatchObject({ ok: true })
      } else if (KmsKeyId && KmsKeyId !== before['KmsKeyId'])
        await askSecrets(region, 'UpdateSecret', { SecretId, KmsKeyId })
      const copied = ((before['ReplicationStatus'] ?? []) as { Region: string }[]).map(({ Region }) => Region)
      const wanted = ReplicaRegions.map(({ Region }) => Region)
      const added = wanted.filter((one) => !copied.includes(one))
      const ended = copied.filter((one) => !wanted.includes(one))
      if (added.length > 0)
        await askSecrets(region, 'ReplicateSecretToRegions', {
          SecretId,
          AddReplicaRegions: added.map((Region) => ({ Region })),
        })
      if (ended.length > 0)
        await askSecrets(region, 'RemoveRegionsFromReplication', { SecretId, RemoveReplicaRegions: ended })
    }
  }

  async function readSecret(id: number | string, region = 'us-east-1', stage = 'prod') {
    const { body } = await askSecrets(region, 'GetSecretValue', {
      SecretId: `vod-aigc-tokens/${stage}/${id}`,
      // Without it moto gives the version that was put last.
      VersionStage: 'AWSCURRENT',
    })
    return JSON.parse(String(body['SecretString'])) as { ApiToken: string; ApiTokens: string[] }
  }

  /** Calls a model with what the secret says, again and again, until told to end. */
  function startConsumer() {
    let isOver = false
    const statuses: number[] = []
    const running = (async () => {
      while (!isOver) {
        const { ApiToken } = await readSecret(application)
        const answer = await fetch(`${intl.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${ApiToken}`, 'content-type': 'application/json' },
          body: JSON.stringify({ model: 'gpt-5', messages: [{ role: 'user', content: 'How are you?' }] }),
        })
        await answer.arrayBuffer()
        statuses.push(answer.status)
      }
    })()
    return {
      async end(): Promise<number[]> {
        isOver = true
        await running
        return statuses
      },
    }
  }

  it('Rotate all tokens: not one call is refused', async () => {
    const consumer = startConsumer()
    const look = page.block(`run list-tokens '{"Refresh":true}'\n`)
    const before = await paste(look)
    for (const token of oldTokens) expect(before).toContain(fingerprint(token))
    const fresh = [intl.vod.create(application), intl.vod.create(application)]
    const added = await paste(page.block(`run mirror-tokens '{}'\n${look}`))
    for (const token of fresh) {
      expect(/"Added":\[[^\]]*/.exec(added)?.[0]).toContain(fingerprint(token))
      expect(/"Fingerprints":\[[^\]]*/.exec(added)?.[0]).toContain(fingerprint(token))
    }
    const next = fingerprint(String(fresh[0]))
    const promoted = await paste(page.block('Promote').replace('…', next))
    expect(promoted).toContain(`"Pick":"${next}"`)
    for (const token of oldTokens) intl.vod.delete(application, token)
    const removed = await paste(page.only(`run mirror-tokens '{}'\n`))
    for (const token of oldTokens)
      expect(/"Removed":\[[^\]]*/.exec(removed)?.[0]).toContain(fingerprint(token))
    const after = await paste(look)
    for (const token of oldTokens) expect(after).not.toContain(fingerprint(token))
    const statuses = await consumer.end()
    expect(statuses.length).toBeGreaterThan(10)
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect((await readSecret(application)).ApiToken).toBe(fresh[0])
  })

  it('A token has leaked: is out of the secret and the answers while Tencent lists it, and comes back when it is let in again', async () => {
    const { ApiToken: leaked, ApiTokens } = await readSecret(application)
    const shown = [
      await pasteBlock('read -rs token', { input: `${leaked}\n` }),
      await pasteBlock('sha256sum'),
    ].join('')
    expect(shown).toContain(fingerprint(leaked))
    expect(shown).not.toContain(leaked)
    const excluded = await pasteBlock('exclude=$leaked')
    expect(excluded).toMatch(new RegExp(`"Removed":\\["${fingerprint(leaked)}"\\]`))
    const [, listed = ''] = excluded.split('"Fingerprints":')
    expect(listed).not.toContain(fingerprint(leaked))
    expect(await readSecret(application)).toMatchObject({
      ApiTokens: ApiTokens.filter((token) => token !== leaked),
    })
    intl.vod.delete(application, leaked)
    expect(await paste(`run mirror-tokens '{}'`)).toContain('"Notes"')
    await paste(page.only('npx serverless deploy --stage "$STAGE"\n'))
    expect(await paste(`run mirror-tokens '{}'`)).not.toContain('"Notes"')
  })

  it('A second application: has its secret, and leaves it', async () => {
    const made = await pasteBlock('251006666,251006667')
    expect(made).toContain('"Outcome":"created"')
    expect(made).toContain('AWSCURRENT')
    expect(await pasteBlock('confirmDrop=251006667')).toContain('Left behind: 251006667')
    expect((await readSecret(251006667)).ApiToken).toBe('CANARY-of-the-second')
    expect(await paste(`run mirror-tokens '{}'`)).not.toContain('251006667')
  })

  it('A region that only reads: shows what the first one shows, and is gone without a trace', async () => {
    const here = await paste(`run list-tokens '{"Refresh":true}'`)
    const there = await pasteBlock('replicaRegions=eu-west-1')
    expect(there).toMatch(/"eu-west-1",\s+"InSync"/)
    expect(there).toContain(/"Fingerprint":"\w+","Fingerprints":\[[^\]]*\]/.exec(here)?.[0])
    await pasteBlock('AWS_REGION=eu-west-1 npx serverless remove')
    expect(await askSecrets('eu-west-1', 'ListSecrets', {})).toMatchObject({ body: { SecretList: [] } })
    expect((await readSecret(application)).ApiTokens).toHaveLength(1)
  })

  it('Two active regions: each has its own mirror and secret', async () => {
    await paste(page.only('AWS_REGION=eu-west-1 npx serverless deploy --stage "$STAGE"\n'))
    await giveAccess(intl.secretId, intl.secretKey, 'AWS_REGION=eu-west-1')
    const shown = await pasteBlock('AWS_REGION=eu-west-1 run mirror-tokens')
    expect(shown).toContain('"Outcome":"')
    expect(await readSecret(application, 'eu-west-1')).toEqual(await readSecret(application))
  })

  it('Both sites: another stage, with other ids and credentials', async () => {
    await pasteBlock('site=cn')
    await giveAccess('key-of-the-other-site', 'its-secret', 'STAGE=prod-cn')
    const shown = await pasteBlock('STAGE=prod-cn run mirror-tokens')
    expect(shown).toContain('AWSCURRENT')
    expect((await readSecret(1500000001, 'us-east-1', 'prod-cn')).ApiToken).toBe('CANARY-of-the-other-site')
    expect(await paste(`run mirror-tokens '{}'`)).toContain('"Outcome":"unchanged"')
  })

  it('Another AWS account reads: both policies let it do that and nothing else, and both go', async () => {
    const made = JSON.parse(await paste('aws kms create-key')) as { KeyMetadata: { Arn: string } }
    const arn = made.KeyMetadata.Arn
    await paste(page.block('kmsKeyArn').replace('…   #', `${arn} #`))
    await pasteBlock('put-resource-policy')
    await pasteBlock('put-key-policy')
    const secretArn = (await pasteBlock('--query ARN')).trim()
    const readPolicy = async (commands: string): Promise<PolicyStatement[]> =>
      JSON.parse(await paste(commands)).Statement
    const ofSecret = await readPolicy(
      'aws secretsmanager get-resource-policy --secret-id "vod-aigc-tokens/$STAGE/251006666" --query ResourcePolicy --output text',
    )
    const ofKey = await readPolicy(
      'aws kms get-key-policy --key-id "$key" --policy-name default --query Policy --output text',
    )
    const others = ofKey.filter((statement) => JSON.stringify(statement).includes('210987654321'))
    expect(ofKey.length).toBe(others.length + 1)
    const read = { action: 'secretsmanager:GetSecretValue', resource: secretArn }
    expect(isAllowed(ofSecret, read)).toBe(true)
    expect(isAllowed(ofSecret, { ...read, action: 'secretsmanager:PutSecretValue' })).toBe(false)
    const decrypt = { action: 'kms:Decrypt', resource: arn }
    const via = (service: string) => ({ ...decrypt, keys: { 'kms:ViaService': service } })
    expect(isAllowed(others, via('secretsmanager.us-east-1.amazonaws.com'))).toBe(true)
    expect(isAllowed(others, via('s3.us-east-1.amazonaws.com'))).toBe(false)
    expect(
      isAllowed(others, { ...via('secretsmanager.us-east-1.amazonaws.com'), action: 'kms:Encrypt' }),
    ).toBe(false)
    await pasteBlock('delete-resource-policy')
    expect(
      await paste(
        'aws kms get-key-policy --key-id "$key" --policy-name default --query Policy --output text',
      ),
    ).not.toContain('210987654321')
    expect(await paste(`run mirror-tokens '{}'`)).toContain('"Outcome":"unchanged"')
  })

  it('Freeze and thaw: the schedule is as it was otherwise; the tokens before are back, and the next run mends that', async () => {
    const read = async (): Promise<Record<string, unknown>> => {
      const shown = JSON.parse(
        await paste('aws scheduler get-schedule --group-name "vod-aigc-tokens-$STAGE" --name mirror-tokens'),
      )
      return Object.fromEntries(Object.entries(shown).filter(([name]) => !/Date$/.test(name)))
    }
    const before = await read()
    expect(before).toMatchObject({ ScheduleExpression: 'rate(1 minute)', State: 'ENABLED' })
    await pasteBlock('--state DISABLED')
    expect(await read()).toEqual({ ...before, State: 'DISABLED' })
    const now = await readSecret(application)
    intl.vod.create(application)
    await paste(`run mirror-tokens '{}'`)
    const grown = await readSecret(application)
    expect(grown).not.toEqual(now)
    const back = page.block('update-secret-version-stage')
    await paste(back)
    expect(await readSecret(application)).toEqual(now)
    await paste(back)
    expect(await readSecret(application)).toEqual(grown)
    await paste(back)
    expect(await pasteBlock('--state ENABLED')).toContain('"Outcome":"updated"')
    expect(await read()).toEqual(before)
    expect(await readSecret(application)).toEqual(grown)
  })

  it('Upgrade and roll back: takes the version with the parameters, and goes back to the deployment before', async () => {
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.com', ...args], {
        cwd: cli.folder,
        encoding: 'utf8',
      })
    const memory = async () =>
      (
        await askMoto(
          'lambda',
          'us-east-1',
          '/2015-03-31/functions/vod-aigc-tokens-prod-mirror-tokens/configuration',
        )
      ).body['MemorySize']
    const manifest = join(cli.folder, 'serverless.yml')
    const own = readFileSync(manifest, 'utf8')
    const commit = (text: string, tag: string) => {
      writeFileSync(manifest, text)
      git('add', 'serverless.yml')
      git('commit', '-qm', tag)
      git('tag', tag)
    }
    const released = own.replace(/ {2}prod:\n( {4}.*\n)+/, '')
    expect(released).not.toContain('prod:')
    git('init', '-q')
    commit(released, 'v1.1.0')
    commit(released.replace('memorySize: 256', 'memorySize: 320'), 'v1.2.0')
    git('checkout', '-q', 'v1.1.0')
    git('remote', 'add', 'origin', cli.folder)
    writeFileSync(manifest, own)
    const timestamps = [...(await pasteBlock('deploy list')).matchAll(/(?<=Timestamp: )\d+/g)].map(
      ([one]) => one,
    )
    expect(await memory()).toBe(256)
    await pasteBlock('git checkout')
    expect(readFileSync(manifest, 'utf8')).toContain(`subAppIds: "${application}"`)
    expect(await paste(page.block('"$STAGE"\nrun mirror-tokens'))).toContain('"Outcome":"unchanged"')
    expect(await memory()).toBe(320)
    const rolledBack = await paste(page.block('rollback').replace('…', String(timestamps.at(-1))))
    expect(rolledBack).toContain('"Outcome":"unchanged"')
    expect(await memory()).toBe(256)
    rmSync(join(cli.folder, '.git'), { recursive: true })
  })

  it('AWS changes its keys: is noticed before Tencent refuses, and mended by what the page downloads', async () => {
    const makeKey = async (kid: string): Promise<JWK> => ({
      ...(await exportJWK((await generateKeyPair('RS256')).publicKey)),
      kid,
      use: 'sig',
    })
    published.keys = [await makeKey('first')]
    intl.sts.providers.set('aws', {
      issuer: `${account.url}/issuer`,
      audiences: ['vod-aigc-tokens'],
      jwks: { keys: [...published.keys] },
    })
    const check = page.block('check:keyless')
    expect(await paste(check)).toContain('has every key')
    published.keys.push(await makeKey('second'))
    expect(await paste(check, { fails: true })).toContain("Tencent's provider aws lacks second")
    await pasteBlock('get-outbound-web-identity-federation-info')
    const jwks = JSON.parse(readFileSync(join(cli.folder, 'jwks.json'), 'utf8'))
    intl.sts.providers.set('aws', { issuer: `${account.url}/issuer`, audiences: ['vod-aigc-tokens'], jwks })
    expect(await paste(check)).toContain('has every key')
    published.keys.shift()
    expect(await paste(check)).toContain('note: Tencent also has first')
  })

  it('has no command that was not run', () => {
    expect(page.untouched()).toEqual([])
  })
})

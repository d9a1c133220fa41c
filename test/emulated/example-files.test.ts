/** The files of examples/ that are no programs: by the schema of what they are for, where one is to be had, and by what we answer. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { validateWorkflow } from '@action-validator/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { parseDocument, renderDocument } from '../../lib/stores/document.ts'
import { startTencentSimulator } from '../../simulator/simulator.ts'
import { isAllowed } from '../support/iam.ts'
import { startMoto } from '../support/moto.ts'
import { cannotPaste } from '../support/pages.ts'
import { sha256 } from '../support/sha256.ts'
import { startWeb } from '../support/web-process.ts'

const pathOf = (name: string): string => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))
const read = (name: string): string => readFileSync(pathOf(name), 'utf8')
const mirrored = renderDocument({ ApiToken: 'a', ApiTokens: ['a'], SubAppId: 251006666, Site: 'intl' })

/** Whether the policy of docs/aws-policies.md for an application that reads the secret lets it read that one. */
function isReadable(arn: string): boolean {
  const page = readFileSync(new URL('../../docs/aws-policies.md', import.meta.url), 'utf8')
  const [, section = ''] = page.split('## An application that reads the secret')
  const { Statement } = JSON.parse(/```json\n(.*?)```/s.exec(section)?.[1] ?? '')
  return isAllowed(Statement, { action: 'secretsmanager:GetSecretValue', resource: arn })
}

describe('examples/ecs/task-definition.json', () => {
  const file = 'ecs/task-definition.json'
  const [container] = JSON.parse(read(file)).containerDefinitions

  it('takes the token to use out of a secret that the policy to copy lets it read', () => {
    const [, arn = '', field = ''] = /^(.*):(\w+)::$/.exec(container.secrets[0].valueFrom) ?? []
    expect(JSON.parse(mirrored)[field]).toBe('a')
    expect(arn).toBe(container.environment[0].value)
    expect(isReadable(arn)).toBe(true)
  })

  it.skipIf(cannotPaste)('is one by AWS’s model, and moto registers it', async () => {
    const moto = await startMoto()
    onTestFinished(() => moto.close())
    const { PATH, HOME } = process.env
    const { stdout } = await promisify(execFile)(
      'aws',
      ['ecs', 'register-task-definition', '--cli-input-json', `file://${pathOf(file)}`],
      {
        env: {
          PATH,
          HOME,
          AWS_ENDPOINT_URL: moto.url,
          AWS_DEFAULT_REGION: 'us-east-1',
          AWS_ACCESS_KEY_ID: 'x',
          AWS_SECRET_ACCESS_KEY: 'x',
          AWS_CONFIG_FILE: '/dev/null',
        },
      },
    )
    expect(JSON.parse(stdout).taskDefinition.containerDefinitions[0]).toMatchObject(container)
  })
})

describe('examples/kubernetes', () => {
  // biome-ignore lint/suspicious/noExplicitAny: manifests, looked into by assertions only
  const manifests = (name: string): Record<string, any> =>
    Object.fromEntries(parseAllDocuments(read(name)).map((one) => [one.toJS().kind, one.toJS()]))

  it.each(['kubernetes/eks.yaml', 'kubernetes/tke.yaml'])(
    '%s is made of parts that refer to each other',
    (name) => {
      const { SecretStore, ExternalSecret } = manifests(name)
      const { secretStoreRef, target, data } = ExternalSecret.spec
      expect(secretStoreRef).toEqual({ kind: 'SecretStore', name: SecretStore.metadata.name })
      expect([target, data]).toMatchObject([{ name: 'aigc-token' }, [{ secretKey: 'AIGC_TOKEN' }]])
    },
  )

  it('eks.yaml takes the token to use out of the secret of the stack', () => {
    const { remoteRef } = manifests('kubernetes/eks.yaml')['ExternalSecret'].spec.data[0]
    expect(JSON.parse(mirrored)[remoteRef.property]).toBe('a')
    expect(isReadable(`arn:aws:secretsmanager:us-east-1:123456789012:secret:${remoteRef.key}-AbCdEf`)).toBe(
      true,
    )
  })

  it('tke.yaml asks list-tokens for what a key of scope single may have, and takes the token to use from it', async () => {
    const { Secret, SecretStore, ExternalSecret } = manifests('kubernetes/tke.yaml')
    const { url, headers, result, secrets } = SecretStore.spec.provider.webhook
    expect(secrets).toEqual([{ name: 'auth', secretRef: { name: Secret.metadata.name } }])
    const { key } = ExternalSecret.spec.data[0].remoteRef
    const simulator = await startTencentSimulator({
      applications: [{ subAppId: Number(key), tokens: ['the-token'] }],
    })
    onTestFinished(() => simulator.close())
    const web = await startWeb({
      AIGC_SECRET_ID: simulator.secretId,
      AIGC_SECRET_KEY: simulator.secretKey,
      AIGC_VOD_ENDPOINT: simulator.url,
      AIGC_SUB_APP_IDS: key,
      AIGC_HTTP_AUTH: 'keys',
      AIGC_API_KEYS: `operator:single:${sha256('the-key')}`,
    })
    onTestFinished(() => web.kill())
    const fill = (template: string): string =>
      template.replace('{{ .remoteRef.key }}', key).replace('{{ .auth.key }}', 'the-key')
    const { pathname } = new URL(fill(url))
    const answer = await web.ask(pathname, { authorization: fill(headers.Authorization) })
    expect(answer.status).toBe(200)
    const [, field = ''] = /^\$\.(\w+)$/.exec(result.jsonPath) ?? []
    expect(JSON.parse(answer.body)[field]).toBe('the-token')
    expect((await web.ask('/tokens', { authorization: fill(headers.Authorization) })).status).toBe(403)
  })
})

describe('examples/github-actions/ask.yml', () => {
  const text = read('github-actions/ask.yml')

  it('is a workflow by its schema', () => {
    expect(validateWorkflow(text).errors).toEqual([])
    expect(validateWorkflow(text.replace('steps:', 'stepz:')).errors).not.toEqual([])
  })

  it('may do nothing at GitHub but have its identity vouched for, and masks the token before it uses it', () => {
    const { permissions, jobs } = parse(text)
    expect([permissions, jobs.ask.permissions]).toEqual([{}, { 'id-token': 'write' }])
    const [action, step] = jobs.ask.steps
    expect(action.uses).toMatch(/^aws-actions\/configure-aws-credentials@[\da-f]{40}$/)
    const [, field = ''] = /jq -er \.(\w+)\)/.exec(step.run) ?? []
    expect(parseDocument(mirrored)).toHaveProperty(field, 'a')
    const [before, after] = step.run.split('echo "::add-mask::$token"')
    expect(before).not.toContain('curl')
    expect(after).toContain('Bearer $token')
  })
})

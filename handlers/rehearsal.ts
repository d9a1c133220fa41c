/**
 * A run without an outside: the function once more, with made-up keys, on a network that has no wire. It shows which
 * connections a first request opens, and Node has then compiled what that request runs.
 */
import { Duplex } from 'node:stream'
import type { Config } from '../lib/config.ts'
import type { Destination } from '../lib/connect.ts'
import {
  type CredentialChoice,
  chooseCredentials,
  credentialProblems,
  type Environment,
} from '../lib/credentials/sources.ts'
import { sha256Hex } from '../lib/digest.ts'
import { renderDocument } from '../lib/stores/document.ts'
import { newRecord, renderRecord } from '../lib/stores/record.ts'
import type { Target } from '../lib/stores/store.ts'
import { createEdge, type Edge } from './runtime.ts'

/** One run of a function. */
export type Rehearse = (edge: Edge) => Promise<unknown>

/** The bearer key that the rehearsal's caller has, and that its endpoint takes. */
export const rehearsalKey = 'rehearsal-of-a-caller'

const subAppId = 1
const key = { SecretId: 'rehearsal-id', SecretKey: 'rehearsal-key' }
const token = 'rehearsal-of-a-token'

/** Runs it; `onOpen` hears of each connection that it opens. Rejects where the function does. */
export async function rehearse(
  config: Config,
  live: Edge,
  { run, onOpen }: { readonly run: Rehearse; onOpen(to: Destination): void },
): Promise<void> {
  const opened: Duplex[] = []
  const edge = createEdge({
    environment: rehearsalSettings(config, live),
    write: () => {},
    network: {
      lookup: () => Promise.reject(new Error('a rehearsal has no network')),
      shelf: {
        take(to) {
          const socket = createStandIn(config)
          opened.push(socket)
          onOpen({ host: to.host, port: to.port, use: to.use })
          // It is used as far as HTTP goes.
          return socket as never
        },
      },
    },
  })
  try {
    await run(edge)
  } finally {
    for (const socket of opened) socket.destroy()
  }
}

/** Settings by which the same code runs as by the real ones, and the same hosts are called. They hold nothing of the real keys. */
function rehearsalSettings(config: Config, { environment, isScf, functionName }: Edge): Environment {
  const { site, vodEndpoint, ssmEndpoint, stsEndpoint, region, source } = config
  const targets = new Set(config.mirrors[0]?.targets.flatMap(standFor))
  const [record = ''] = config.rotation.records[0] ? standFor(config.rotation.records[0].target) : []
  const [fallback = ''] = config.fallbacks[0] ? standFor(config.fallbacks[0].target) : []
  return {
    ...(isScf ? { TENCENTCLOUD_RUNENV: 'SCF' } : { AWS_LAMBDA_FUNCTION_NAME: functionName }),
    AIGC_SUB_APP_IDS: String(subAppId),
    AIGC_SITE: site,
    AIGC_VOD_ENDPOINT: vodEndpoint,
    AIGC_SSM_ENDPOINT: ssmEndpoint,
    AIGC_STS_ENDPOINT: stsEndpoint,
    AIGC_REGION: region,
    AIGC_HTTP_AUTH: 'keys',
    AIGC_API_KEYS: `rehearsal:full:${sha256Hex(rehearsalKey)}`,
    AIGC_MIRROR_TARGETS: [...targets].join(' '),
    AIGC_FALLBACK: fallback,
    AIGC_ROTATION_STATE: record,
    AIGC_SOURCE: fallback === '' ? 'api' : source,
    AIGC_REVEAL: 'true',
    ...(source === 'api' && standInKeys(environment)),
    AWS_CONFIG_FILE: environment['AWS_CONFIG_FILE'],
    AWS_SHARED_CREDENTIALS_FILE: environment['AWS_SHARED_CREDENTIALS_FILE'],
  }
}

/** The URI of a target of the same kind in the same place; none for a file, which is no stand-in's to read. */
function standFor({ scheme, name, options, holds }: Target): string[] {
  if (scheme === 'file') return []
  const region = options['region'] ?? regionOf(name)
  const more = [region && `region=${region}`, holds === 'token' && 'value=token'].filter(Boolean)
  const own = holds === 'document' ? 'rehearsal' : `rehearsal-${holds}`
  return [`${scheme}:${own}${more.length > 0 ? `?${more.join('&')}` : ''}`]
}

/** Of an ARN. */
function regionOf(name: string): string | undefined {
  return /^arn:[^:]*:[^:]*:([^:]+):/.exec(name)?.[1]
}

/** Where the keys come from; `fixed` also where they come with requests only. */
export function sourceOf(environment: Environment): CredentialChoice['source'] {
  return credentialProblems(environment).length > 0 ? 'fixed' : chooseCredentials(environment).source
}

function standInKeys(environment: Environment): Environment {
  switch (sourceOf(environment)) {
    case 'aws-secret': {
      const region = regionOf(environment['AIGC_CREDENTIALS_SECRET'] ?? '')
      const arn = region ? `arn:aws:secretsmanager:${region}:123456789012:secret:` : ''
      return { AIGC_CREDENTIALS_SECRET: `${arn}rehearsal-key` }
    }
    case 'keyless':
      return {
        AIGC_ROLE_ARN: 'qcs::cam::uin/1:roleName/rehearsal',
        AIGC_OIDC_PROVIDER: 'rehearsal',
        AIGC_OIDC_AUDIENCE: 'rehearsal',
      }
    default:
      return { AIGC_SECRET_ID: key.SecretId, AIGC_SECRET_KEY: key.SecretKey }
  }
}

/** The other end of a connection, which answers each request of HTTP at once. */
function createStandIn({ site }: Config): Duplex {
  let received = ''
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      received += chunk.toString('latin1')
      const head = received.indexOf('\r\n\r\n')
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(received)?.[1] ?? 0)
      if (head >= 0 && received.length >= head + 4 + length) {
        const body = answer(received.slice(0, head), received.slice(head + 4), site)
        received = ''
        this.push(
          `HTTP/1.1 200 OK\r\ndate: ${new Date().toUTCString()}\r\ncontent-type: application/json\r\n` +
            `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
        )
      }
      done()
    },
  })
  const itself = (): Duplex => socket
  return Object.assign(socket, {
    ref: itself,
    unref: itself,
    setTimeout: itself,
    setKeepAlive: itself,
    setNoDelay: itself,
  })
}

/** What Tencent or AWS would say. */
function answer(head: string, body: string, site: Config['site']): string {
  const [, action = ''] = /\r\nx-(?:tc-action|amz-target): *(?:\w+\.)?(\w+)/i.exec(head) ?? []
  if (/^x-tc-action/im.test(head)) {
    const RequestId = '00000000-0000-4000-8000-000000000000'
    return JSON.stringify({ Response: { RequestId, ...ofTencent(action, body, site) } })
  }
  if (body.includes('Action=GetWebIdentityToken'))
    return (
      '<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult>' +
      `<WebIdentityToken>${token}</WebIdentityToken></GetWebIdentityTokenResult></GetWebIdentityTokenResponse>`
    )
  return JSON.stringify(ofAws(action, body, site))
}

function ofAws(action: string, body: string, site: Config['site']): object {
  const { SecretId: Name, Name: parameter = '' } = JSON.parse(body)
  const Tags = [{ Key: 'managed-by', Value: 'vod-aigc-tokens' }]
  switch (action) {
    case 'GetParameter':
      return {
        Parameter: { Name: parameter, Type: 'SecureString', Value: valueNamed(parameter, site), Version: 1 },
      }
    case 'ListTagsForResource':
      return { TagList: Tags }
    default: {
      const SecretString = Name.endsWith('-key') ? JSON.stringify(key) : valueNamed(Name, site)
      const VersionId = sha256Hex(SecretString)
      return { Name, VersionId, SecretString, Tags, VersionIdsToStages: { [VersionId]: ['AWSCURRENT'] } }
    }
  }
}

function valueNamed(name: string, Site: Config['site']): string {
  if (name.endsWith('-token')) return token
  if (name.endsWith('-record'))
    return renderRecord(newRecord({ subAppId, site: Site }, { own: 0, tencent: 0 }))
  return renderDocument({ ApiToken: token, ApiTokens: [token], SubAppId: subAppId, Site })
}

function ofTencent(action: string, body: string, site: Config['site']): object {
  switch (action) {
    case 'AssumeRoleWithWebIdentity':
      return {
        Credentials: { TmpSecretId: key.SecretId, TmpSecretKey: key.SecretKey, Token: token },
        ExpiredTime: 4_000_000_000,
      }
    case 'DescribeAigcApiTokens':
      return { ApiTokens: [token] }
    default: {
      const { SecretName = '', VersionId } = JSON.parse(body)
      return {
        SecretName,
        VersionId,
        Status: 'Enabled',
        Description: 'vod-aigc-tokens: rehearsal',
        SecretString: valueNamed(SecretName, site),
      }
    }
  }
}

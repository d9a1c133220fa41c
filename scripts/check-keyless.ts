/**
 * `npm run check:keyless -- --provider aws`: whether Tencent has every key that AWS publishes for the tokens by which functions are
 * known there. Changes nothing. https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetOutboundWebIdentityFederationInfo.html
 */
import { calculateJwkThumbprint, type JWK } from 'jose'
import { camApi, camEndpoint } from '../deploy/scf/roles.ts'
import { systemTime } from '../handlers/time.ts'
import { parseConfig } from '../lib/config.ts'
import { chooseCredentials, credentialVariables } from '../lib/credentials/sources.ts'
import { field, isText, parseJson } from '../lib/json.ts'
import { createScrubber } from '../lib/platform/scrub.ts'
import { proxySecrets } from '../lib/proxy.ts'
import { storeKinds } from '../lib/stores/index.ts'
import { createTencentClient } from '../lib/tencent/client.ts'
import { createTransport } from '../lib/tencent/transport.ts'
import { readArguments, refuse } from './arguments.ts'
import { loadEnv } from './environment.ts'

const command = 'npm run check:keyless'
const callMs = 30_000

const { values } = readArguments({
  name: command,
  usage: `${command} -- --provider NAME`,
  about:
    'Compares the keys that AWS publishes with those of an OIDC provider in Tencent CAM. Ends with 1 when Tencent lacks one.\n' +
    'Needs a Tencent key that may cam:DescribeOIDCConfig, in the environment or in .env.\n' +
    '  --provider NAME  by default AIGC_OIDC_PROVIDER',
  flags: { provider: { type: 'string' } },
  words: 'none',
})
loadEnv(command)
// Tencent's words could quote what was sent.
const { addSecrets, scrub } = createScrubber()
addSecrets([...credentialVariables.map((name) => process.env[name]?.trim()), ...proxySecrets(process.env)])

try {
  const name = values.provider ?? process.env['AIGC_OIDC_PROVIDER']?.trim() ?? ''
  if (name === '') refuse(command, ['name the provider: --provider NAME'])
  await compareKeys(name)
} catch (error) {
  refuse(command, [scrub(error instanceof Error ? error.message : String(error))])
}

async function compareKeys(name: string): Promise<void> {
  const provider = await describeProvider(name)
  const issuer = provider['IdentityUrl']
  if (!isText(issuer) || !/^https:\/\/|^http:\/\/127\.0\.0\.1:/.test(issuer))
    throw new Error(`Reading the provider ${name}: its IdentityUrl is not https`)
  const url = `${issuer.replace(/\/+$/, '')}/.well-known/jwks.json`
  const held = await readKeys(
    Buffer.from(String(provider['IdentityKey']), 'base64').toString(),
    `the provider ${name} of Tencent`,
  )
  const published = await readKeys(await download(url), url)
  const missing = [...published.keys()].filter((key) => !held.has(key)).map((key) => published.get(key))
  const over = [...held.keys()].filter((key) => !published.has(key)).map((key) => held.get(key))
  if (over.length > 0)
    console.log(`note: Tencent also has ${over.join(', ')}, which AWS does not publish any more`)
  if (missing.length > 0)
    refuse(command, [
      `Tencent's provider ${name} lacks ${missing.join(', ')} of ${url}; put the content of that address there, as its public key`,
    ])
  console.log(`Tencent's provider ${name} has every key of ${url}: ${[...published.values()].join(', ')}`)
}

/** https://www.tencentcloud.com/document/product/598/47113 */
async function describeProvider(name: string): Promise<Readonly<Record<string, unknown>>> {
  const names = ['AIGC_SITE', 'AIGC_SCF_ENDPOINT', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy']
  const env = Object.fromEntries(
    [...names, ...credentialVariables].map((variable) => [variable, process.env[variable]]),
  )
  const { scfEndpoint, proxy } = parseConfig(env, storeKinds)
  const chosen = chooseCredentials(env)
  if (!('credentials' in chosen))
    throw new Error('a Tencent key is needed: AIGC_SECRET_ID and AIGC_SECRET_KEY')
  const call = createTencentClient(
    { ...camApi, endpoint: camEndpoint(scfEndpoint) },
    { send: createTransport({ proxy }), credentials: () => chosen.credentials, ...systemTime },
  )
  return call('DescribeOIDCConfig', { Name: name }, systemTime.monotonic() + callMs)
}

async function download(url: string): Promise<string> {
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(callMs) })
  if (!answer.ok) throw new Error(`Reading ${url}: ${answer.status}`)
  return answer.text()
}

/** A set of keys in JSON: their ids, by id and what the key is. Other fields may differ. */
async function readKeys(text: string, where: string): Promise<Map<string, string>> {
  const keys = field(parseJson(text), 'keys')
  if (!Array.isArray(keys) || keys.length === 0)
    throw new Error(`Reading the keys of ${where}: there are none`)
  const named = await Promise.all(
    keys.map(async (key: JWK): Promise<[string, string]> => {
      const id = String(key.kid)
      return [`${id} ${await calculateJwkThumbprint(key)}`, id]
    }),
  )
  return new Map(named)
}

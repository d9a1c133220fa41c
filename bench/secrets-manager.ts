/** AWS Secrets Manager as far as the mirror and its credentials use it, with every call counted; nothing is verified. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface SecretsManager {
  /** What points the AWS SDK here. */
  readonly environment: Readonly<Record<string, string>>
  /** By action, since it was started or last forgotten. */
  readonly calls: Map<string, number>
  /** Connections that were opened, in all. */
  connections(): number
  /** The current value of a secret. */
  valueOf(name: string): string | undefined
  /** How many secrets there are. */
  count(): number
  /** Makes a secret anew, with this value. */
  put(name: string, value: string): void
  close(): Promise<void>
}

type Input = Readonly<
  Record<
    | 'Name'
    | 'SecretId'
    | 'SecretString'
    | 'ClientRequestToken'
    | 'VersionStage'
    | 'MoveToVersionId'
    | 'RemoveFromVersionId',
    string
  >
> & { readonly VersionStages?: readonly string[] }

/** The versions of a secret by their id: a value, and its labels. */
type Secret = Map<string, { readonly value: string; readonly stages: Set<string> }>

const noSuchSecret = { __type: 'ResourceNotFoundException', message: 'no such secret' }
const current = 'AWSCURRENT'

/** By TLS where there is a certificate: then at `localhost`. */
export async function startSecretsManager(certificate?: {
  readonly key: string
  readonly cert: string
}): Promise<SecretsManager> {
  const secrets = new Map<string, Secret>()
  const calls = new Map<string, number>()
  let connections = 0

  function add(secret: Secret, id: string, value: string, labels: readonly string[]): void {
    const stages = new Set(secret.size === 0 ? [...labels, current] : labels)
    for (const one of secret.values()) for (const stage of stages) one.stages.delete(stage)
    secret.set(id, { value, stages })
  }

  function answer(action: string, input: Input): object {
    const name = input.Name ?? input.SecretId
    if (action === 'CreateSecret') secrets.set(name, new Map())
    const secret = secrets.get(name)
    if (!secret) return noSuchSecret
    const id = input.ClientRequestToken
    if (action === 'CreateSecret' || action === 'PutSecretValue')
      add(secret, id, input.SecretString, input.VersionStages ?? [current])
    if (action === 'UpdateSecretVersionStage') {
      secret.get(input.RemoveFromVersionId)?.stages.delete(input.VersionStage)
      secret.get(input.MoveToVersionId)?.stages.add(input.VersionStage)
    }
    const found = [...secret].find(([, { stages }]) => stages.has(input.VersionStage ?? current))
    if (action === 'GetSecretValue' && !found) return noSuchSecret
    return {
      ARN: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${name}-AbCdEf`,
      Name: name,
      VersionId: id ?? found?.[0],
      VersionStages: [...(secret.get(id)?.stages ?? [])],
      ...(action === 'GetSecretValue' && { SecretString: found?.[1].value }),
      ...(action === 'DescribeSecret' && {
        Tags: [{ Key: 'managed-by', Value: 'vod-aigc-tokens' }],
        VersionIdsToStages: Object.fromEntries([...secret].map(([one, { stages }]) => [one, [...stages]])),
      }),
    }
  }

  const listener: RequestListener = async (request, response) => {
    const action = String(request.headers['x-amz-target']).replace('secretsmanager.', '')
    calls.set(action, (calls.get(action) ?? 0) + 1)
    let body = ''
    for await (const chunk of request) body += chunk
    const output = answer(action, JSON.parse(body))
    response
      .writeHead(output === noSuchSecret ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' })
      .end(JSON.stringify(output))
  }
  const server = certificate ? createTlsServer(certificate, listener) : createServer(listener)
  server.on('connection', () => connections++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    environment: {
      AWS_ENDPOINT_URL: certificate ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'bench-access-key',
      AWS_SECRET_ACCESS_KEY: 'bench-secret-access-key',
    },
    calls,
    connections: () => connections,
    valueOf: (name) =>
      [...(secrets.get(name)?.values() ?? [])].find(({ stages }) => stages.has(current))?.value,
    count: () => secrets.size,
    put(name, value) {
      secrets.set(name, new Map())
      add(secrets.get(name) as Secret, 'first-version', value, [current])
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

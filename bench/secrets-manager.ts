/** AWS Secrets Manager as far as the mirror and its credentials use it, with every call counted; nothing is verified. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SecretsManager {
  /** What points the AWS SDK here. */
  readonly environment: Readonly<Record<string, string>>
  /** By action, since it was started or last forgotten. */
  readonly calls: Map<string, number>
  /** Connections that were opened, in all. */
  connections(): number
  /** The current values by name. */
  readonly values: ReadonlyMap<string, string>
  put(name: string, value: string): void
  close(): Promise<void>
}

type Input = Readonly<Record<'Name' | 'SecretId' | 'SecretString' | 'ClientRequestToken', string>>

const noSuchSecret = { __type: 'ResourceNotFoundException', message: 'no such secret' }

export async function startSecretsManager(): Promise<SecretsManager> {
  const values = new Map<string, string>()
  const calls = new Map<string, number>()
  let connections = 0

  function answer(action: string, input: Input): object {
    if (action === 'CreateSecret') values.set(input.Name, input.SecretString)
    if (action === 'PutSecretValue') values.set(input.SecretId, input.SecretString)
    const name = input.Name ?? input.SecretId
    const value = values.get(name)
    if (value === undefined) return noSuchSecret
    return {
      ARN: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${name}-AbCdEf`,
      Name: name,
      VersionId: 'version',
      ...(action === 'GetSecretValue' && { SecretString: value }),
      ...(action === 'DescribeSecret' && {
        Tags: [{ Key: 'managed-by', Value: 'vod-aigc-tokens' }],
        VersionIdsToStages: { version: ['AWSCURRENT'] },
      }),
    }
  }

  const server = createServer(async (request, response) => {
    const action = String(request.headers['x-amz-target']).replace('secretsmanager.', '')
    calls.set(action, (calls.get(action) ?? 0) + 1)
    let body = ''
    for await (const chunk of request) body += chunk
    const output = answer(action, JSON.parse(body))
    response
      .writeHead(output === noSuchSecret ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' })
      .end(JSON.stringify(output))
  })
  server.on('connection', () => connections++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    environment: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'bench-access-key',
      AWS_SECRET_ACCESS_KEY: 'bench-secret-access-key',
    },
    calls,
    connections: () => connections,
    values,
    put: (name, value) => values.set(name, value),
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

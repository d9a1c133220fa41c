/** A front of moto that notes what a client of S3, CloudFormation, Lambda, STS and Secrets Manager calls, as IAM would see it. What it does not know is noted by method and path. */
import { createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { IamRequest } from './iam.ts'

export interface AwsRecorder {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly requests: readonly IamRequest[]
  close(): Promise<void>
}

export async function startAwsRecorder(upstream: string): Promise<AwsRecorder> {
  const requests: IamRequest[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const { method = '', headers } = request
      const url = new URL(request.url ?? '/', upstream)
      const service = /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? ''
      requests.push(
        readRequest(service, method, url, body.toString('latin1'), headers['x-amz-target']) ?? {
          action: `${service}:${method} ${url.pathname}`,
          resource: 'not known to this recorder',
        },
      )
      const passed = send(url, { method, headers: { ...headers, host: url.host } }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(response)
      })
      passed.on('error', () => response.destroy())
      passed.end(body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function readRequest(
  service: string,
  method: string,
  url: URL,
  body: string,
  target: string | string[] | undefined,
): IamRequest | null {
  switch (service) {
    case 's3':
      return readS3(method, url)
    case 'cloudformation':
    case 'sts': {
      const fields = new URLSearchParams(body)
      const [name] = (fields.get('StackName') ?? '').replace(/^arn:[^/]*\//, '').split('/')
      const resource = name ? `arn:aws:cloudformation:us-east-1:123456789012:stack/${name}/id` : '*'
      return { action: `${service}:${fields.get('Action')}`, resource }
    }
    case 'lambda': {
      const [, name, ...others] = /^\/2015-03-31\/functions\/([^/]+)(.*)$/.exec(url.pathname) ?? []
      if (method === 'GET' && name && others.join('') === '')
        return {
          action: 'lambda:GetFunction',
          resource: `arn:aws:lambda:us-east-1:123456789012:function:${name}`,
        }
      return null
    }
    case 'secretsmanager': {
      const { SecretId = '' } = JSON.parse(body)
      return {
        action: `secretsmanager:${`${target}`.split('.')[1]}`,
        // With six characters as AWS appends them.
        resource: `arn:aws:secretsmanager:us-east-1:123456789012:secret:${SecretId}-AbCdEf`,
      }
    }
    default:
      return target ? { action: `${service}:${`${target}`.split('.')[1]}`, resource: '*' } : null
  }
}

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html */
function readS3(method: string, { pathname, searchParams }: URL): IamRequest | null {
  const [, bucket = '', key = ''] = /^\/([^/]+)\/?(.*)$/.exec(pathname) ?? []
  const resource = `arn:aws:s3:::${bucket}${key && `/${key}`}`
  const actions: Readonly<Record<string, string>> = key
    ? { PUT: 'PutObject', GET: 'GetObject', HEAD: 'GetObject', DELETE: 'DeleteObject' }
    : { HEAD: 'ListBucket', GET: 'ListBucket' }
  if (method === 'POST' && searchParams.has('delete'))
    return { action: 's3:DeleteObject', resource: `${resource}/any` }
  if (method === 'GET' && searchParams.has('versions')) return { action: 's3:ListBucketVersions', resource }
  if (method === 'GET' && searchParams.has('location')) return { action: 's3:GetBucketLocation', resource }
  const action = actions[method]
  return action === undefined ? null : { action: `s3:${action}`, resource }
}

import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { makeCertificate } from '../../test/support/tls-front.ts'
import type { Bundles } from '../bundles.ts'
import { makeCpuShare } from '../cpu-share.ts'
import { judge } from '../goals.ts'
import { functionEnvironment, httpEvent } from '../invocation.ts'
import { type FirstRequest, startFirstRequest } from '../processes.ts'
import {
  answerBody,
  expectTokens,
  expectTokensInReply,
  secretId,
  secretKey,
  subAppId,
  tokens,
} from '../request.ts'
import { interleave, median, medianRatio, round } from '../rounds.ts'
import { startSecretsManager } from '../secrets-manager.ts'
import type { Topic } from './topic.ts'

const keySecret = 'bench-key'
const mirroredSecret = 'bench-tokens'
const onLambda = { AWS_LAMBDA_FUNCTION_NAME: 'bench' }

/** What Lambda gives to functions of 512 and 256 MB: 1,769 MB get one CPU. */
const shares = { list: 512 / 1769, mirror: 256 / 1769 }

interface Block {
  readonly path: keyof typeof paths
  readonly label: string
  readonly module: (bundles: Bundles) => string
  readonly environment?: Readonly<Record<string, string>>
}

const paths = {
  fixed: 'fixed key',
  secret: 'key in an AWS secret',
  mirrored: 'AIGC_SOURCE=mirror, in AWS',
  mirror: 'mirror-tokens, a whole first run',
} as const

/** For the chart. */
const shortly = {
  fixed: 'fixed key',
  secret: 'AWS secret',
  mirrored: 'source=mirror',
  mirror: 'mirror-tokens',
}

const list = ({ functions }: Bundles): string => functions['list-tokens']
const mirror = ({ functions }: Bundles): string => functions['mirror-tokens']
const forLambda =
  (bundle: (bundles: Bundles) => string) =>
  (bundles: Bundles): string =>
    join(dirname(bundle(bundles)), 'lambda.mjs')
const peer =
  (name: string) =>
  ({ variant }: Bundles): string =>
    variant('function', name)

const ours = Object.keys(paths).flatMap((name): Block[] => {
  const path = name as keyof typeof paths
  const bundle = path === 'mirror' ? mirror : list
  return [
    { path, label: 'this project', module: forLambda(bundle), environment: onLambda },
    { path, label: 'its index.js', module: bundle, environment: onLambda },
    { path, label: 'nothing initialised', module: bundle },
  ]
})

const blocks: readonly Block[] = [
  ...ours,
  { path: 'fixed', label: 'middy + powertools, intl SDK', module: peer('middy-powertools') },
  { path: 'fixed', label: 'floor: bare node:https', module: peer('node-https') },
  {
    path: 'secret',
    label: 'middy + powertools, intl SDK',
    module: peer('middy-parameters'),
  },
  { path: 'fixed', label: 'Node itself', module: peer('nothing') },
]

export const firstRequest: Topic = {
  title: 'First request: the invocation that starts right behind the initialisation',

  async measure({ bundles, quick }) {
    const rounds = quick ? 5 : 15
    const certificate = await makeCertificate(['localhost'])
    const { key, cert } = certificate
    const vod = createServer({ key, cert }, (request, response) =>
      request
        .resume()
        .on('end', () => response.setHeader('content-type', 'application/json').end(answerBody)),
    ).listen(0, '127.0.0.1')
    await once(vod, 'listening')
    const secrets = await startSecretsManager({ key, cert })
    const groups = { list: makeCpuShare(shares.list), mirror: makeCpuShare(shares.mirror) }
    const isThrottled = groups.list !== null && groups.mirror !== null
    secrets.put(keySecret, JSON.stringify({ SecretId: secretId, SecretKey: secretKey }))

    const {
      AIGC_SECRET_ID: _,
      AIGC_SECRET_KEY: __,
      ...common
    } = functionEnvironment(`https://localhost:${(vod.address() as AddressInfo).port}`)
    const fixed = { AIGC_SECRET_ID: secretId, AIGC_SECRET_KEY: secretKey }
    const inSecret = {
      AIGC_CREDENTIALS_SECRET: keySecret,
      PEER_SECRET_NAME: keySecret,
      ...secrets.environment,
    }
    const target = `aws-secretsmanager:${mirroredSecret}`
    const settings: Record<Block['path'], Readonly<Record<string, string>>> = {
      fixed,
      secret: inSecret,
      mirrored: { AIGC_SOURCE: 'mirror', AIGC_FALLBACK: target, ...secrets.environment },
      mirror: { AIGC_MIRROR_TARGETS: target, ...inSecret },
    }
    const document = (held: readonly string[]): string =>
      JSON.stringify({ ApiToken: held[0], ApiTokens: [...held].sort(), SubAppId: subAppId, Site: 'intl' })

    async function run(
      { path, label, module, environment }: Block,
      share: keyof typeof groups | null,
    ): Promise<FirstRequest> {
      // Of the mirror's run something is to write: the other tokens.
      secrets.put(mirroredSecret, document(path === 'mirror' ? tokens.slice(0, 1) : tokens))
      const first = await startFirstRequest(
        bundles.program('first-request.mjs'),
        module(bundles),
        path === 'mirror' ? {} : httpEvent,
        {
          NODE_EXTRA_CA_CERTS: certificate.file,
          AWS_CONFIG_FILE: '/dev/null',
          AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
          ...common,
          ...settings[path],
          ...environment,
          ...(share && groups[share] && { BENCH_CPU_GROUP: groups[share].folder }),
        },
      )
      const who = `${paths[path]}, ${label}`
      if (path === 'mirror') expectTokens(JSON.parse(secrets.valueOf(mirroredSecret) ?? '{}').ApiTokens, who)
      else if (path === 'mirrored') expectTokens(readTokens(first.result), who)
      else if (label !== 'Node itself') expectTokensInReply(first.result, who)
      return first
    }

    try {
      const named = blocks.flatMap((block) => {
        const share = block.path === 'mirror' ? ('mirror' as const) : ('list' as const)
        return [
          [nameOf(block), () => run(block, null)] as const,
          ...(isThrottled ? [[`${nameOf(block)}, throttled`, () => run(block, share)] as const] : []),
        ]
      })
      const samples = await interleave<string, FirstRequest>(Object.fromEntries(named), rounds + 1)
      // The first round read the files from the disk.
      const numbers = (name: string, number: 'cpuMs' | 'wallMs' | 'initCpuMs'): number[] =>
        (samples[name] ?? []).slice(1).map((sample) => sample[number])
      const cpu = (path: Block['path'], label: string): number[] => numbers(`${path}, ${label}`, 'cpuMs')
      const judged = (goal: Parameters<typeof judge>[0], path: Block['path'], label: string) =>
        judge(goal, medianRatio(cpu(path, 'this project'), cpu(path, label)), {
          ours: `${round(median(cpu(path, 'this project')))} ms`,
          beside: `${round(median(cpu(path, label)))} ms`,
        })
      return {
        how:
          `${rounds} interleaved rounds of fresh processes; CPU time of the invocation alone. Tencent and AWS are servers of this ` +
          'process, by TLS on loopback. ' +
          (isThrottled
            ? 'Throttled: the invocation gets the share of a CPU that Lambda gives to 512 MB, and to the mirror 256 MB, in periods of 20 ms.'
            : 'No control groups can be made here, so there is no time of a throttled invocation.'),
        rows: blocks.map((block) => {
          const name = nameOf(block)
          return {
            path: paths[block.path],
            what: block.label,
            'CPU ms': round(median(numbers(name, 'cpuMs'))),
            'ours / it': round(medianRatio(cpu(block.path, 'this project'), numbers(name, 'cpuMs'))),
            'wall ms': round(median(numbers(name, 'wallMs'))),
            'throttled, wall ms': isThrottled ? round(median(numbers(`${name}, throttled`, 'wallMs'))) : '',
            'CPU ms before': round(median(numbers(name, 'initCpuMs'))),
          }
        }),
        goals: [
          judged('first-request/secret', 'secret', 'nothing initialised'),
          judged('first-request/fixed', 'fixed', 'nothing initialised'),
          judged('first-request/mirror', 'mirror', 'nothing initialised'),
          judged('first-request/stack', 'secret', 'middy + powertools, intl SDK'),
        ],
        charts: [
          {
            name: 'first-request',
            title: isThrottled
              ? 'First request of an instance, at the CPU share of 512 MB (the mirror 256 MB)'
              : 'CPU time of the first request of an instance',
            unit: 'ms',
            bars: blocks
              .filter(({ label }) => label !== 'its index.js' && label !== 'Node itself')
              .map((block) => {
                const name = nameOf(block)
                const value = isThrottled ? numbers(`${name}, throttled`, 'wallMs') : numbers(name, 'cpuMs')
                return {
                  label: `${shortly[block.path]}: ${block.label}`,
                  value: round(median(value)),
                  ours: block.label === 'this project',
                }
              }),
          },
        ],
      }
    } finally {
      groups.list?.remove()
      groups.mirror?.remove()
      await secrets.close()
      vod.close()
      vod.closeAllConnections()
      certificate.remove()
    }
  },
}

function nameOf({ path, label }: Block): string {
  return `${path}, ${label}`
}

function readTokens(reply: unknown): unknown {
  return JSON.parse((reply as { body: string }).body).ApiTokens
}

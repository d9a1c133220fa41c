import { judge } from '../goals.ts'
import { type Program, startProgram } from '../processes.ts'
import { interleave, median, medianRatio, round } from '../rounds.ts'
import type { Topic } from './topic.ts'

const labels = {
  ours: 'this project, two headers as all',
  'ours-as-sent': 'this project, three headers as it sends them',
  official: 'tencentcloud-sdk-nodejs-common, sign3',
  capi: '@tencent-sdk/capi, tencentSign',
  floor: 'floor: 2 hashes and 1 HMAC on prepared buffers',
}
type Signer = keyof typeof labels
const signers = Object.keys(labels) as Signer[]

interface Signed {
  readonly timestamp: number
  readonly authorization: string
}

export const sign: Topic = {
  title: 'Sign one call of DescribeAigcApiTokens',

  async measure({ bundles, quick }) {
    const rounds = quick ? 9 : 41
    const batches = quick ? 25 : 200
    const programs = Object.fromEntries(
      signers.map((name) => [name, startProgram(bundles.program('sign'), [bundles.variant('sign', name)])]),
    ) as Record<Signer, Program>
    try {
      await expectOneSignature(programs)
      const blocks = Object.fromEntries(
        signers.map((name) => [name, () => programs[name].ask<number>('time', { batches })]),
      ) as Record<Signer, () => Promise<number>>
      await interleave(blocks, 3)
      const us = await interleave(blocks, rounds)
      const cost = (name: Signer): number => round(median(us[name]))
      return {
        how:
          `Each in a process of its own, warmed up; ${rounds} interleaved rounds of ${batches} ` +
          'batches of 100 signatures, the timestamp another each time (capi takes no timestamp). All sign content-type and host, ' +
          'and gave one and the same signature first.',
        rows: signers.map((name) => ({
          signer: labels[name],
          µs: cost(name),
          'official / it': round(medianRatio(us.official, us[name])),
          'it / floor': round(medianRatio(us[name], us.floor)),
        })),
        goals: [
          judge('sign/official', medianRatio(us.official, us.ours), {
            ours: `${cost('ours')} µs`,
            beside: `${cost('official')} µs`,
          }),
        ],
        charts: [
          {
            name: 'sign',
            title: 'Signing one call',
            unit: 'µs',
            bars: signers.map((name) => ({
              label: labels[name],
              value: cost(name),
              ours: name.startsWith('ours'),
            })),
          },
        ],
      }
    } finally {
      await Promise.all(Object.values(programs).map((program) => program.close()))
    }
  },
}

/** capi chooses the timestamp, and the others sign for it. */
async function expectOneSignature(programs: Record<Signer, Program>): Promise<void> {
  const { timestamp, authorization } = await programs.capi.ask<Signed>('authorize')
  for (const name of ['ours', 'official', 'floor'] as const) {
    const other = await programs[name].ask<Signed>('authorize', { timestamp })
    if (other.authorization !== authorization)
      throw new Error(`${labels[name]} signs ${other.authorization}, but capi signs ${authorization}`)
  }
}

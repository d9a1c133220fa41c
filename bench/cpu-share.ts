/** Shares of a CPU, by control groups of Linux, as Lambda gives them to an invocation. */
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'

export interface CpuShare {
  /** The folder of the group. */
  readonly folder: string
  /** Once no process is in it. */
  remove(): void
}

/** Of it a group gets its share; in microseconds. */
const periodUs = 20_000

/** Where the groups of either version are, and what limits one. */
const versions = [
  { root: '/sys/fs/cgroup/cpu', limits: { 'cpu.cfs_period_us': '{period}', 'cpu.cfs_quota_us': '{quota}' } },
  { root: '/sys/fs/cgroup', limits: { 'cpu.max': '{quota} {period}' } },
]

/** Makes a group that gets this share of one CPU; `null` where this machine lets nobody make one. */
export function makeCpuShare(share: number): CpuShare | null {
  for (const { root, limits } of versions) {
    const folder = `${root}/vod-aigc-tokens-bench-${process.pid}-${Math.round(share * 1000)}`
    try {
      mkdirSync(folder)
    } catch {
      continue
    }
    try {
      for (const [file, limit] of Object.entries(limits))
        writeFileSync(
          `${folder}/${file}`,
          limit.replace('{period}', `${periodUs}`).replace('{quota}', `${Math.round(periodUs * share)}`),
          { flag: 'r+' },
        )
      return { folder, remove: () => rmdirSync(folder) }
    } catch {
      rmdirSync(folder)
    }
  }
  return null
}

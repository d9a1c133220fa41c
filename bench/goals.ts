/** What was promised, in one table. Ratios are of medians in one run; a KB is 1000 bytes, an MB a million. */
import { round } from './rounds.ts'

interface Goal {
  readonly what: string
  readonly atLeast?: number
  readonly atMost?: number
  /** Of the value and the limit: `x` for a ratio, else a unit, or empty for a count. */
  readonly unit: string
}

const goals = {
  // CPU time of the invocation.
  'first-request/secret': {
    what: 'first request, key in an AWS secret: ours / nothing initialised',
    atMost: 0.35,
    unit: 'x',
  },
  'first-request/fixed': {
    what: 'first request, fixed key: ours / nothing initialised',
    atMost: 0.6,
    unit: 'x',
  },
  'first-request/mirror': {
    what: 'first run of the mirror: ours / nothing initialised',
    atMost: 0.55,
    unit: 'x',
  },
  'first-request/stack': {
    what: 'first request, key in an AWS secret: ours / middy + powertools + SDK',
    atMost: 0.35,
    unit: 'x',
  },
  'sign/official': { what: 'signing: official SDK / ours', atLeast: 3.5, unit: 'x' },
  'call/throughput': {
    what: 'requests per second, 64 in flight: ours / official SDK',
    atLeast: 4,
    unit: 'x',
  },
  'call/latency': { what: 'p50 of a call: ours / bare undici', atMost: 1.1, unit: 'x' },
  'cold-start/intl': { what: 'cold start: ours / intl vod SDK', atMost: 0.6, unit: 'x' },
  'cold-start/stack': { what: 'cold start: ours / middy + powertools + SDK', atMost: 0.45, unit: 'x' },
  'cold-start/https': { what: 'cold start: ours / bare node:https', atMost: 1.5, unit: 'x' },
  'size/list': { what: 'list-tokens/index.js', atMost: 205, unit: 'KB' },
  'size/list-gzip': { what: 'list-tokens/index.js, gzipped', atMost: 85, unit: 'KB' },
  'size/mirror': { what: 'mirror-tokens/index.js', atMost: 205, unit: 'KB' },
  'size/aws': { what: 'aws.js, loaded where AWS is used', atMost: 420, unit: 'KB' },
  'warm/stack': { what: 'warm invocation: time added, ours / middy + powertools', atMost: 1, unit: 'x' },
  'memory/load': { what: 'resident after load', atMost: 48, unit: 'MB' },
  'memory/10k': { what: 'resident after 10,000 invocations', atMost: 75, unit: 'MB' },
  // Flat: what remains is the collector's freedom inside its limits.
  'memory/flat': { what: 'resident after 100,000 invocations / after 10,000', atMost: 1.1, unit: 'x' },
  'keep-alive/idle': { what: 'new connections of a second call after idling', atMost: 0, unit: '' },
  'mirror/upstream': { what: 'mirror, nothing changed, one target: upstream calls', atMost: 1, unit: '' },
  'mirror/store': { what: 'mirror, nothing changed, one target: store calls', atMost: 2, unit: '' },
  'mirror/rate': { what: 'many applications: most upstream calls in a second', atMost: 20, unit: '' },
  'mirror/time': { what: 'many applications: time / what 20 calls a second dictate', atMost: 1.2, unit: 'x' },
  'mirror/memory': {
    what: 'many applications: resident at the end / a third of the way',
    atMost: 1.1,
    unit: 'x',
  },
} as const satisfies Readonly<Record<string, Goal>>

/** A goal and how this run stands to it. */
export interface Judgement extends Goal {
  readonly goal: keyof typeof goals
  readonly measured: number
  readonly met: boolean
  /** What was measured of this project and, where there is one, of the peer or floor beside it. */
  readonly ours: string
  readonly beside: string
}

export function judge(
  goal: keyof typeof goals,
  measured: number,
  { ours = '', beside = '' }: { ours?: string; beside?: string } = {},
): Judgement {
  const { what, unit, ...limits }: Goal = goals[goal]
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = limits
  return {
    goal,
    what,
    unit,
    ...limits,
    measured,
    met: measured >= atLeast && measured <= atMost,
    ours,
    beside,
  }
}

/** The cells of a table's row. */
export function describeJudgement(judgement: Judgement): Record<string, string> {
  const { what, unit, atLeast, atMost, measured, met, ours, beside } = judgement
  return {
    goal: what,
    ours,
    beside,
    // More digits than elsewhere, so that nothing rounds to its limit.
    measured: withUnit(round(measured, 4), unit),
    limit: atLeast === undefined ? `<= ${withUnit(atMost ?? 0, unit)}` : `>= ${withUnit(atLeast, unit)}`,
    '': met ? 'met' : 'NOT MET',
  }
}

function withUnit(value: number, unit: string): string {
  return unit === 'x' ? `${value}x` : `${value.toLocaleString('en')} ${unit}`.trim()
}

/**
 * One secret of AWS Secrets Manager in memory: its versions and their labels, by the rules of
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/. What AWS refuses is an {@link AwsRefusal}.
 */

/** An exception of AWS, by its name. */
export class AwsRefusal extends Error {}

export interface AwsSecret {
  exists: boolean
  /** Whether it carries the tag that is our mark. */
  tagged: boolean
  /** Whether it is scheduled for deletion. */
  deleted: boolean
  /** What a label is attached to, such as `AWSCURRENT`. */
  labelled(stage: string): { readonly id: string; readonly value: string } | null
  /** Every value under a label: what has none is AWS's to delete. */
  kept(): string[]
  describe(): { readonly [version: string]: string[] }
  create(id: string, value: string): void
  /** Gives back the labels of the version. Without `stages` it becomes the current one. */
  put(id: string, value: string, stages?: readonly string[]): string[]
  move(stage: string, from: string | undefined, to: string): void
}

const current = 'AWSCURRENT'
const previous = 'AWSPREVIOUS'

export function createAwsSecret(initial: Pick<AwsSecret, 'exists' | 'tagged'>): AwsSecret {
  const versions = new Map<string, { readonly value: string; readonly stages: Set<string> }>()
  const idOf = (stage: string): string | undefined =>
    [...versions].find(([, { stages }]) => stages.has(stage))?.[0]
  /** Each label is attached to one version; AWSPREVIOUS goes where AWSCURRENT was. */
  const attach = (stage: string, id: string): void => {
    const from = idOf(stage)
    if (from === id) return
    if (from !== undefined) versions.get(from)?.stages.delete(stage)
    versions.get(id)?.stages.add(stage)
    if (stage !== current || from === undefined) return
    versions.get(id)?.stages.delete(previous)
    attach(previous, from)
  }
  const demandLive = (): void => {
    if (!secret.exists) throw new AwsRefusal('ResourceNotFoundException')
    if (secret.deleted) throw new AwsRefusal('InvalidRequestException')
  }
  const secret: AwsSecret = {
    ...initial,
    deleted: false,
    labelled(stage) {
      const id = idOf(stage)
      return id === undefined ? null : { id, value: versions.get(id)?.value ?? '' }
    },
    kept: () => [...versions.values()].filter(({ stages }) => stages.size > 0).map(({ value }) => value),
    describe() {
      if (!secret.exists) throw new AwsRefusal('ResourceNotFoundException')
      const labelled = [...versions].filter(([, { stages }]) => stages.size > 0)
      return Object.fromEntries(labelled.map(([id, { stages }]) => [id, [...stages]]))
    },
    create(id, value) {
      if (secret.exists && versions.get(id)?.value !== value) throw new AwsRefusal('ResourceExistsException')
      if (secret.exists) return
      secret.exists = true
      secret.tagged = true
      secret.put(id, value)
    },
    put(id, value, stages = [current]) {
      demandLive()
      const known = versions.get(id)
      if (known && known.value !== value) throw new AwsRefusal('ResourceExistsException')
      // "The operation succeeds but does nothing."
      if (known) return [...known.stages]
      versions.set(id, { value, stages: new Set() })
      for (const stage of versions.size === 1 ? new Set([...stages, current]) : stages) attach(stage, id)
      return [...(versions.get(id)?.stages ?? [])]
    },
    move(stage, from, to) {
      demandLive()
      if (!versions.has(to)) throw new AwsRefusal('ResourceNotFoundException')
      // It must be said from where the label goes, and it must be there.
      if (idOf(stage) !== from) throw new AwsRefusal('InvalidParameterException')
      attach(stage, to)
    },
  }
  return secret
}

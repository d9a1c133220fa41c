/**
 * Compiled templates: what a deployment would take from a stack that is there (applications, their secrets' place, their copies, targets,
 * what is restarted, the rotation, the alarms' topic), and how a part of a template is left out. Pure but for that.
 */

/** A compiled template, of which little is known: an older version of this project may have made it. */
export interface AnyTemplate {
  readonly Resources?: Readonly<Record<string, AnyResource>>
}

interface AnyResource {
  readonly Type?: string
  readonly Properties?: Readonly<Record<string, unknown>>
}

/** `name` is what `confirmDrop` has to list. */
export interface Drop {
  readonly name: string
  /** What it leaves behind, in a sentence. */
  readonly leaves: string
}

/** Compares the template of the deployed stack with the one that is about to be deployed. */
export function findDrops(deployed: AnyTemplate, next: AnyTemplate): Drop[] {
  const [before, after] = [keptBy(deployed), keptBy(next)]
  if (before.uris.length > 0 && after.uris.length === 0)
    return [
      { name: 'mirror', leaves: 'no secret is kept in step any more; each stays as it is' },
      ...restartDrops(before, after),
      ...rotationDrop(before, after),
      ...topicDrop(before, after),
    ]
  const [own = '', ...others] = before.uris
  // Both forms of the stack's own target: with ids and without.
  const prefixOf = (uri: string | undefined): string | undefined =>
    uri?.replace(/\/(\{SubAppId\}|tokens)$/, '')
  const moved = own !== '' && prefixOf(own) !== prefixOf(after.uris[0])
  return [
    ...(moved
      ? [{ name: 'secretPrefix', leaves: `the secrets of ${own} stay, and nothing keeps them in step` }]
      : before.ids
          .filter((id) => !after.ids.includes(id))
          .map((id) => ({
            name: id,
            leaves: `the secret of ${own.replace('{SubAppId}', id)} stays, and nothing keeps it in step`,
          }))),
    ...others
      .filter((uri) => !after.uris.includes(uri))
      .map((uri) => ({ name: 'targets', leaves: `${uri} stays, and nothing keeps it in step` })),
    ...copyDrops(deployed, next),
    ...restartDrops(before, after),
    ...rotationDrop(before, after),
    ...topicDrop(before, after),
  ]
}

interface Kept {
  /** `none` alone where the mirror asks without an id. */
  readonly ids: readonly string[]
  /** The mirror's targets, the stack's own first; none without a mirror. */
  readonly uris: readonly string[]
  /** CLUSTER/SERVICE. */
  readonly restarted: readonly string[]
  /** The URI of the rotation's records; `null` without a rotation. */
  readonly records: string | null
  readonly hasTopic: boolean
}

function topicDrop(before: Kept, after: Kept): Drop[] {
  return before.hasTopic && !after.hasTopic
    ? [{ name: 'alarmTopicArn', leaves: 'the alarms tell nobody any more' }]
    : []
}

/** Of secrets that the stack goes on making: one that leaves it is kept, and so are its copies. */
function copyDrops({ Resources: deployed = {} }: AnyTemplate, { Resources: next = {} }: AnyTemplate): Drop[] {
  const regionsOf = (resource: AnyResource): readonly string[] => {
    const copies = resource.Properties?.['ReplicaRegions']
    return Array.isArray(copies) ? copies.map(({ Region }) => String(Region)) : []
  }
  const dropped = Object.entries(deployed).flatMap(([logicalId, resource]) => {
    const left = next[logicalId]
    return left ? regionsOf(resource).filter((region) => !regionsOf(left).includes(region)) : []
  })
  return [...new Set(dropped)].map((region) => ({
    name: 'replicaRegions',
    leaves: `AWS deletes the copies in ${region}, and whoever reads them there gets none`,
  }))
}

function restartDrops(before: Kept, after: Kept): Drop[] {
  return before.restarted
    .filter((service) => !after.restarted.includes(service))
    .map((service) => ({
      name: 'restartEcsServices',
      leaves: `${service} keeps the token that it has, and is not started anew when that changes`,
    }))
}

function rotationDrop(before: Kept, after: Kept): Drop[] {
  if (before.records === null || after.records !== null) return []
  return [
    {
      name: 'rotation',
      leaves:
        'nothing replaces tokens any more, and a rotation that has begun stops where it is: the token in use stays in use, and old and ' +
        `new ones stay at Tencent; the records of ${before.records} stay, and the secret with its Tencent credentials where the stack made ` +
        'one: delete that key',
    },
  ]
}

function keptBy({ Resources = {} }: AnyTemplate): Kept {
  const settingsOf = (logicalId: string): { Variables?: Readonly<Record<string, string>> } | undefined =>
    Resources[logicalId]?.Properties?.['Environment'] as ReturnType<typeof settingsOf>
  const mirror = settingsOf('MirrorDashtokensLambdaFunction')
  const { AIGC_SUB_APP_IDS = '', AIGC_MIRROR_TARGETS = '' } = mirror?.Variables ?? {}
  return {
    ids: mirror === undefined ? [] : AIGC_SUB_APP_IDS === '' ? ['none'] : AIGC_SUB_APP_IDS.split(','),
    uris: AIGC_MIRROR_TARGETS === '' ? [] : AIGC_MIRROR_TARGETS.split(','),
    restarted: [
      ...JSON.stringify(Resources['RestartMachineRole'] ?? '').matchAll(/:service\/([\w-]+\/[\w-]+)/g),
    ].map(([, service = '']) => service),
    records: settingsOf('RotateDashtokensLambdaFunction')?.Variables?.['AIGC_ROTATION_STATE'] ?? null,
    hasTopic: Object.values(Resources).some(({ Properties = {} }) => {
      const actions = Properties['AlarmActions']
      return Array.isArray(actions) && actions.length > 0
    }),
  }
}

/**
 * Takes resources out of a compiled template, in place, and with them every resource and output that refers to one of them:
 * a stack without a mirror is the usual one less what belongs to it.
 */
export function leaveOut(
  template: { Resources: Record<string, unknown>; Outputs: Record<string, unknown> },
  logicalIds: readonly string[],
): void {
  const gone = new Set<string>()
  const take = (logicalId: string): void => {
    if (gone.has(logicalId)) return
    gone.add(logicalId)
    delete template.Resources[logicalId]
    for (const [other, resource] of Object.entries(template.Resources))
      if (refersTo(resource, logicalId)) take(other)
    for (const [output, value] of Object.entries(template.Outputs))
      if (refersTo(value, logicalId)) delete template.Outputs[output]
  }
  for (const logicalId of logicalIds) take(logicalId)
}

/** By `Ref`, `Fn::GetAtt`, `DependsOn` or in the text of an `Fn::Sub`. */
function refersTo(part: unknown, logicalId: string): boolean {
  if (typeof part !== 'object' || part === null) return false
  return Object.entries(part).some(([name, value]) => {
    const texts = [value].flat()
    switch (name) {
      case 'Ref':
      case 'DependsOn':
        return texts.includes(logicalId)
      case 'Fn::GetAtt':
        return texts[0] === logicalId || String(texts[0]).startsWith(`${logicalId}.`)
      case 'Fn::Sub':
        return texts.some(
          (text) =>
            typeof text === 'string' &&
            (text.includes(`\${${logicalId}}`) || text.includes(`\${${logicalId}.`)),
        )
      default:
        return refersTo(value, logicalId)
    }
  })
}

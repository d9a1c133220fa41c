/** What keeps a tag from naming a release. Pure. */

export interface TagToCheck {
  /** Such as `v1.2.0`. */
  readonly tag: string
  /** What git says of it: `tag` for an annotated one, `commit` for another, `null` where there is none. */
  readonly kind: string | null
  /** By file: the version that it names. */
  readonly versions: Readonly<Record<string, string | null>>
  /** Of CHANGELOG.md. */
  readonly changes: string
}

/** A sentence for each problem. */
export function findTagProblems({ tag, kind, versions, changes }: TagToCheck): string[] {
  if (!/^v(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$/.test(tag)) return [`"${tag}" is not a tag such as v1.2.0`]
  const version = tag.slice(1)
  const [newest = ''] = /(?<=^## ).*/m.exec(changes) ?? []
  return [
    ...(kind === null ? [`there is no tag ${tag} here`] : []),
    ...(kind === 'commit' ? [`${tag} is not annotated: git tag --annotate ${tag}`] : []),
    ...Object.entries(versions)
      .filter(([, named]) => named !== version)
      .map(([file, named]) => `${file} names version ${named}, not ${version}`),
    ...(!newest.startsWith(`${version} (`)
      ? [`CHANGELOG.md begins with "${newest}", not with ${version}`]
      : []),
    ...(!/ \(\d{4}-\d\d-\d\d\)$/.test(newest)
      ? [`CHANGELOG.md does not say when: "## ${version} (YYYY-MM-DD)"`]
      : []),
  ]
}

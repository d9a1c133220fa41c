/** `npm run check:tag`: which tags may name a release. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findTagProblems } from '../../scripts/tag-problems.ts'
import { copyProject, type ServerlessCli } from '../support/serverless-cli.ts'

const good = {
  tag: 'v1.2.0',
  kind: 'tag',
  versions: { 'package.json': '1.2.0', 'docs/openapi.yaml': '1.2.0' },
  changes: '# Changes\n\n## 1.2.0 (2026-11-26)\n\n## 1.1\n',
}

describe('findTagProblems', () => {
  it('finds nothing where there is nothing', () => {
    expect(findTagProblems(good)).toEqual([])
  })

  it.each([
    ['another form', { tag: '1.2.0' }, '"1.2.0" is not a tag such as v1.2.0'],
    ['two numbers', { tag: 'v1.2' }, '"v1.2" is not a tag such as v1.2.0'],
    ['a word behind it', { tag: 'v1.2.0-rc.1' }, '"v1.2.0-rc.1" is not a tag such as v1.2.0'],
    ['a zero in front', { tag: 'v1.02.0' }, '"v1.02.0" is not a tag such as v1.2.0'],
    ['no tag', { kind: null }, 'there is no tag v1.2.0 here'],
    ['no annotation', { kind: 'commit' }, 'v1.2.0 is not annotated: git tag --annotate v1.2.0'],
    [
      'another version in a file',
      { versions: { ...good.versions, 'docs/openapi.yaml': '1.1.0' } },
      'docs/openapi.yaml names version 1.1.0, not 1.2.0',
    ],
    [
      'another version in the changes',
      { changes: '## 1.2.00 (2026-11-26)\n## 1.2.0 (2026-11-25)\n' },
      'CHANGELOG.md begins with "1.2.00 (2026-11-26)", not with 1.2.0',
    ],
    [
      'no date in the changes',
      { changes: '## 1.2.0 (not released)\n' },
      'CHANGELOG.md does not say when: "## 1.2.0 (YYYY-MM-DD)"',
    ],
  ])('refuses %s', (_, change, problem) => {
    expect(findTagProblems({ ...good, ...change })).toEqual([problem])
  })
})

describe('npm run check:tag', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  let copy: ServerlessCli
  const { PATH = '', HOME = '' } = process.env
  const env = { PATH, HOME }
  function git(...args: string[]): void {
    const who = ['-c', 'user.name=x', '-c', 'user.email=x@example.com', '-c', 'commit.gpgsign=false']
    execFileSync('git', [...who, ...args], { cwd: copy.folder, env, stdio: 'pipe' })
  }
  function check(tag: string) {
    const command = ['--import', 'tsx', 'scripts/check-tag.ts', tag]
    const { status, stdout, stderr } = spawnSync(process.execPath, command, {
      cwd: copy.folder,
      env,
      encoding: 'utf8',
    })
    return { status, output: stdout + stderr }
  }

  beforeAll(() => {
    copy = copyProject()
    git('init', '-q')
    git('add', 'package.json')
    git('commit', '-qm', 'x')
  })
  afterAll(() => copy.remove())

  it('lets an annotated tag of the version through that the files of this checkout name, once it has a date', () => {
    git('tag', 'v0.0.1')
    expect(check('v0.0.1').output).toContain('v0.0.1 is not annotated')
    git('tag', '--annotate', '-m', 'x', `v${version}`)
    const changes = join(copy.folder, 'CHANGELOG.md')
    const text = readFileSync(new URL('../../CHANGELOG.md', import.meta.url), 'utf8')
    writeFileSync(changes, text.replace(/^(## [\d.]+) \(.*\)$/m, '$1 (2026-11-26)'))
    expect(check(`v${version}`)).toEqual({ status: 0, output: `v${version} may name a release\n` })
    writeFileSync(changes, text.replace(/^(## [\d.]+) \(.*\)$/m, '$1 (not released)'))
    expect(check(`v${version}`)).toMatchObject({ status: 1 })
  })
})

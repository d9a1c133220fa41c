import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { awsFilesOf, checkFiles, tokenFilesIn } from '../../../lib/aws/files.ts'

const folder = mkdtempSync(join(tmpdir(), 'aws-files-'))
const at = (name: string): string => join(folder, name)
const socket = createServer()

beforeAll(async () => {
  writeFileSync(at('file'), '')
  symlinkSync(at('file'), at('link-to-file'))
  execFileSync('mkfifo', [at('fifo')])
  symlinkSync(at('fifo'), at('link-to-fifo'))
  symlinkSync('/dev/null', at('link-to-null'))
  mkdirSync(at('folder'))
  await once(socket.listen(at('socket')), 'listening')
})
afterAll(() => {
  socket.close()
  rmSync(folder, { recursive: true })
})

describe('checkFiles', () => {
  it.each(['file', 'link-to-file', 'link-to-null', 'missing', 'file/below', '/dev/null', '\0'])(
    'takes %j',
    async (name) => {
      await checkFiles([{ name: 'X', path: name.startsWith('/') ? name : at(name) }])
    },
  )

  it.each([
    ['fifo', 'a FIFO'],
    ['link-to-fifo', 'a FIFO'],
    ['folder', 'a folder'],
    ['socket', 'a socket'],
    ['/dev/zero', 'a device'],
  ])('refuses %s, names who names it, and tells no path', async (name, what) => {
    const path = name.startsWith('/') ? name : at(name)
    const refused = checkFiles([
      { name: 'A', path: at('file') },
      { name: 'B', path },
    ])
    await expect(refused).rejects.toMatchObject({
      name: 'NotAFile',
      message: `B is ${what}, which may never come to an end: it should be a regular file, or name none`,
    })
  })
})

describe('awsFilesOf', () => {
  it('names the SDK’s own files where the environment names none', () => {
    expect(awsFilesOf({ AWS_CONFIG_FILE: '', AWS_WEB_IDENTITY_TOKEN_FILE: undefined }, '/home/a')).toEqual([
      { name: '~/.aws/config', path: '/home/a/.aws/config' },
      { name: '~/.aws/credentials', path: '/home/a/.aws/credentials' },
    ])
  })

  it('names what the environment does, with ~ where the SDK takes it', () => {
    const environment = {
      AWS_CONFIG_FILE: '~/config',
      AWS_SHARED_CREDENTIALS_FILE: '/credentials',
      AWS_WEB_IDENTITY_TOKEN_FILE: '~/token',
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/authorization',
    }
    expect(awsFilesOf(environment, '/home/a').map(({ name, path }) => [name, path])).toEqual(
      Object.entries({ ...environment, AWS_CONFIG_FILE: '/home/a/config' }),
    )
  })
})

describe('tokenFilesIn', () => {
  it('names the files of all profiles that have one', () => {
    expect(tokenFilesIn({ a: { web_identity_token_file: '/t' }, b: { region: 'x' } })).toEqual([
      { name: 'web_identity_token_file of the AWS profile a', path: '/t' },
    ])
  })
})

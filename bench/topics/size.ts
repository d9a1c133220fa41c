import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { judge } from '../goals.ts'
import { round } from '../rounds.ts'
import type { Topic } from './topic.ts'

export const size: Topic = {
  title: 'Size of the bundles',

  async measure({ bundles }) {
    const { 'list-tokens': list, 'mirror-tokens': mirror } = bundles.functions
    const files = {
      'list-tokens/index.js': list,
      'mirror-tokens/index.js': mirror,
      'aws.js, loaded where AWS is used': join(dirname(mirror), 'aws.js'),
      'official vod SDK': bundles.variant('function', 'sdk-vod'),
      'official intl vod SDK': bundles.variant('function', 'sdk-intl'),
      'middy + powertools + intl vod SDK': bundles.variant('function', 'middy-powertools'),
      'bare node:https': bundles.variant('function', 'node-https'),
    }
    const sizes = Object.entries(files).map(([file, path]) => {
      const bytes = readFileSync(path)
      return { file, kilobytes: bytes.length / 1000, gzipped: gzipSync(bytes).length / 1000 }
    })
    const [listSize, mirrorSize, awsSize] = sizes
    return {
      how: 'Minified by esbuild with the same options. A KB is 1000 bytes.',
      rows: sizes.map(({ file, kilobytes, gzipped }) => ({
        file,
        KB: round(kilobytes),
        'KB gzipped': round(gzipped),
      })),
      goals: [
        judge('size/list', listSize?.kilobytes ?? Number.NaN),
        judge('size/list-gzip', listSize?.gzipped ?? Number.NaN),
        judge('size/mirror', mirrorSize?.kilobytes ?? Number.NaN),
        judge('size/aws', awsSize?.kilobytes ?? Number.NaN),
      ],
    }
  },
}

/** What serverless.yml includes: the Serverless CLI loads JavaScript only, and the work is done in TypeScript. */
const { require: load } = require('tsx/cjs/api')

// scripts/release.ts has the stack of all its templates' parameters compiled.
module.exports = process.env.VOD_AIGC_TOKENS_RELEASE
  ? load('./release.ts', __filename).resolveRelease
  : load('./stack.ts', __filename).resolveStack

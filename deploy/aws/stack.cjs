/** What serverless.yml includes: the Serverless CLI loads JavaScript only, and the work is done in TypeScript. */
const { require: load } = require('tsx/cjs/api')

module.exports = load('./stack.ts', __filename).resolveStack

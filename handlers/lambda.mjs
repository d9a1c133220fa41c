/** What Lambda loads: it waits for this module, while it only starts what a CommonJS module would leave pending. */
import { createRequire } from 'node:module'

const { handler, initialize } = createRequire(import.meta.url)('./index.js')
await initialize()

export { handler }

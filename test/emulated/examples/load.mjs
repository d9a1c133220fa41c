/** Asks the models of an example in turn, without a pause, until its standard input ends: a line of JSON for each call. */
import { pathToFileURL } from 'node:url'

const asks = Object.values(await import(pathToFileURL(process.argv[2])))
let isOver = false
process.stdin.resume().on('end', () => {
  isOver = true
})
for (let count = 0; !isOver; count++) {
  const outcome = await asks[count % asks.length]('How are you?').then(
    () => ({ ok: true }),
    (error) => ({ ok: false, error: String(error) }),
  )
  process.stdout.write(`${JSON.stringify(outcome)}\n`)
}

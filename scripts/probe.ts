/** `npm run probe -- URL`: asks an endpoint as those who must not get tokens, and says who of them got in. */
import { setTimeout as sleep } from 'node:timers/promises'
import { readArguments, refuse } from './arguments.ts'
import { loadEnv } from './environment.ts'
import { isPrivate, judge, type Verdict, whoAsks } from './probe-cases.ts'

const command = 'npm run probe'
const usage = `${command} -- URL, such as https://abc123.execute-api.us-east-1.amazonaws.com`

const { positionals } = readArguments({
  name: command,
  usage,
  about:
    'Asks every route of an endpoint without a key, with a wrong one, with headers that claim to come from a gateway, and as a\n' +
    'run by hand; with PROBE_MASKED_KEY and PROBE_SINGLE_KEY, from the environment or .env, also with a key of these scopes.\n' +
    'Says who got in that should not, prints no answer, and ends with 1 if anybody did or if a question had no answer.',
  flags: {},
  words: 'some',
})
const [given, ...more] = positionals
if (given === undefined || more.length > 0) refuse(command, [`name one URL; usage: ${usage}`])
const base = URL.canParse(given) ? new URL(given) : null
if (!base || !/^https?:$/.test(base.protocol)) refuse(command, [`"${given}" is not a URL; usage: ${usage}`])
if (base.username !== '' || base.search !== '' || base.hash !== '')
  refuse(command, ['the URL must have no user, query or fragment'])
if (base.protocol === 'http:' && !isPrivate(base.hostname))
  refuse(command, [`keys are sent, so the URL must begin with https://; http:// is for this machine`])
loadEnv(command)

const verdicts: Verdict[] = []
for (const question of whoAsks(process.env)) {
  verdicts.push(await ask(question))
  // Far below what any stage lets through, so that no answer is a 429.
  await sleep(50)
}
const bad = verdicts.filter(({ kind }) => kind !== 'fine')
for (const { kind, sentence } of bad) console.error(`${kind === 'in' ? 'GOT IN' : 'NOT KNOWN'}: ${sentence}`)
for (const name of ['PROBE_MASKED_KEY', 'PROBE_SINGLE_KEY'])
  if (!process.env[name])
    console.log(`Not asked with a key of the scope ${name.split('_')[1]?.toLowerCase()}: ${name} is not set`)
const count = (kind: Verdict['kind']): number => verdicts.filter((one) => one.kind === kind).length
console.log(
  `${base.origin}: ${verdicts.length} questions, ${count('in')} got in that should not, ${count('unknown')} had no answer that says`,
)
process.exit(bad.length > 0 ? 1 : 0)

async function ask(question: ReturnType<typeof whoAsks>[number]): Promise<Verdict> {
  const { method, path, headers, body } = question
  const url = `${base?.href.replace(/\/+$/, '')}${path}`
  try {
    const answer = await fetch(url, {
      method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(35_000),
      ...(body !== undefined && { body }),
    })
    return judge(question, answer.status, await answer.text())
  } catch (error) {
    const { cause, name } = error as { cause?: { code?: string }; name: string }
    return judge(question, null, cause?.code ?? name)
  }
}

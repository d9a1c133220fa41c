/** What stands behind a command of package.json: `--help` is answered, and whatever the command does not take is refused. */
import { type ParseArgsConfig, parseArgs } from 'node:util'

export type Flags = NonNullable<ParseArgsConfig['options']>

interface Command<F extends Flags> {
  /** As somebody types it, such as `npm start`. */
  readonly name: string
  /** One line: what may stand behind the name. */
  readonly usage: string
  /** What the command does, and each of its flags on a line. */
  readonly about: string
  /** Without `--help`, which every command takes. */
  readonly flags: F
  /** Whether words that are no flags mean something. */
  readonly words: 'none' | 'some'
}

type Parsed<F extends Flags> = ReturnType<
  typeof parseArgs<{ options: F; allowPositionals: true; strict: true }>
>

const help = { help: { type: 'boolean', short: 'h', default: false } } as const

/**
 * Reads the arguments of this process. `--help` prints what the command takes and ends the process; so does what the
 * command does not take, with exit code 1. Call it before anything else is done.
 */
export function readArguments<F extends Flags>(command: Command<F>): Parsed<F> {
  const { name, usage, about, words } = command
  const args = process.argv.slice(2)
  const flags = { ...command.flags, ...help }
  const parsed = parseArgs({ args, options: flags, allowPositionals: true, strict: false })
  if (parsed.values['help'] === true) {
    console.log(`usage: ${usage}\n\n${about}`)
    process.exit(0)
  }
  const takes = `usage: ${usage}`
  const problems = [...findFlagProblems(args, flags, { words, takes }), ...keptByNpm(command, process.env)]
  if (problems.length > 0) refuse(name, problems)
  return parsed as Parsed<F>
}

/** Tells in a line what is wrong with the arguments and ends the process. */
export function refuse(name: string, problems: readonly string[]): never {
  console.error(`${name}: ${problems.join('\n- ')}`)
  process.exit(1)
}

/** What is wrong with arguments, a phrase each; `takes` stands behind those that the command does not know. */
export function findFlagProblems(
  args: readonly string[],
  flags: Flags,
  { words, takes }: { readonly words: 'none' | 'some'; readonly takes: string },
): string[] {
  // Not strict, so that every problem is found and named in our words.
  const { positionals, tokens } = parseArgs({
    args: [...args],
    options: flags,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const problems: string[] = []
  for (const { name, rawName, value } of tokens.filter((token) => token.kind === 'option')) {
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
    if (!flag) problems.push(`${rawName} is not a flag; ${takes}`)
    else if (flag.type === 'string' && (!value || value.startsWith('-')))
      problems.push(`${rawName} needs a value`)
    else if (flag.type === 'boolean' && value !== undefined) problems.push(`${rawName} takes no value`)
  }
  // What follows an unknown flag may be its value.
  if (words === 'none' && problems.length === 0)
    for (const word of positionals) problems.push(`"${word}" is not a flag; ${takes}`)
  return problems
}

/** Settings of npm's own that are called like flags of ours, so that somebody may have them in `.npmrc`. */
const namesOfNpm = ['help', 'json', 'only']

/**
 * Flags in front of `--`, a phrase each: npm takes `npm start --port=1` for a setting of its own, and the command sees
 * no more of it than this variable.
 */
export function keptByNpm(
  { name, flags }: { readonly name: string; readonly flags: Flags },
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  return Object.keys(flags)
    .filter((flag) => !namesOfNpm.includes(flag))
    .filter((flag) => environment[`npm_config_${flag.replaceAll('-', '_')}`] !== undefined)
    .map((flag) => `npm kept --${flag} to itself; put -- in front of the flags: ${name} -- --${flag}`)
}

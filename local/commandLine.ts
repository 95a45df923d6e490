import { parseArgs } from 'node:util'
import { typed } from './typed.ts'
import { version } from './version.ts'
import { messageOf, UserError } from '../lib/userError.ts'

/** A flag that takes a value, and what --help says of it. */
export interface Flag {
  readonly value: string
  readonly says: string
  readonly default?: string
}

export interface Command<F extends Readonly<Record<string, Flag>>> {
  /** The npm script, e.g. `start`. */
  readonly name: string
  readonly does: string
  /** What may stand beside the flags, e.g. `[status | heal]`. */
  readonly words?: string
  readonly flags: F
  /** What --help says below the flags. */
  readonly more?: string
}

export interface CommandLine<F extends Readonly<Record<string, Flag>>> {
  readonly flags: { readonly [N in keyof F]: F[N] extends { default: string } ? string : string | undefined }
  readonly words: readonly string[]
}

/** Answers --help and --version and ends the process there. @throws UserError */
export function readCommandLine<const F extends Readonly<Record<string, Flag>>>(command: Command<F>): CommandLine<F> {
  const { flags, name } = command
  requireNothingSwallowed(command)
  const options = Object.fromEntries(
    Object.entries(flags).map(([flag, { default: otherwise }]) => [
      flag,
      { type: 'string' as const, ...(otherwise === undefined ? {} : { default: otherwise }) },
    ]),
  )
  const answers = { help: { type: 'boolean' }, version: { type: 'boolean' } } as const
  try {
    const { values, positionals } = parseArgs({
      options: { ...options, ...answers },
      allowPositionals: command.words !== undefined,
    })
    if (values.help === true) answer(helpOf(command))
    if (values.version === true) answer(`Vaultspan ${version}`)
    // INVARIANT: parseArgs gives every option here a string, its default or nothing.
    return { flags: values as CommandLine<F>['flags'], words: positionals }
  } catch (cause) {
    const [line] = messageOf(cause).split('\n')
    throw new UserError(`${line ?? ''} Run ${typed(name, '--help')}.`, { cause })
  }
}

function answer(text: string): never {
  console.log(text)
  process.exit(0)
}

/** npm keeps what stands before `--` as its own configuration and starts the script without it. */
function requireNothingSwallowed({
  name,
  flags,
}: Pick<Command<Readonly<Record<string, Flag>>>, 'name' | 'flags'>): void {
  if (process.env['npm_lifecycle_event'] === undefined) return
  const swallowed = Object.keys(flags).flatMap((flag) => {
    const value = process.env[`npm_config_${flag.replaceAll('-', '_')}`]
    if (value === undefined) return []
    // A flag that stood last, or whose value npm took for a word of the script's.
    return value === '' || value === 'true' ? [`--${flag}`] : [`--${flag} ${value}`]
  })
  if (swallowed.length === 0) return
  const all = [...swallowed, ...process.argv.slice(2)].join(' ')
  throw new UserError(`npm kept ${swallowed.join(' and ')} for itself. Put -- before the flags: ${typed(name, all)}`)
}

function helpOf({ name, does, words, flags, more }: Command<Readonly<Record<string, Flag>>>): string {
  const rows = Object.entries(flags).map(([flag, { value, says, default: otherwise }]) => [
    `--${flag} ${value}`,
    otherwise === undefined ? says : `${says} (default ${otherwise})`,
  ])
  rows.push(['--help', 'this text'], ['--version', 'the version'])
  const width = Math.max(...rows.map(([flag = '']) => flag.length))
  return [
    typed(name, '[flags]', ...(words === undefined ? [] : [words])),
    '',
    does,
    '',
    ...rows.map(([flag = '', says = '']) => `  ${flag.padEnd(width)}  ${says}`),
    ...(more === undefined ? [] : ['', more]),
  ].join('\n')
}

import { Command } from 'commander'
import { typed } from '../typed.ts'
import { version } from '../version.ts'
import { UserError } from '../../lib/userError.ts'

/** What stands above all commands; it is no word that a clone's reader types. */
const rootName = 'vaultspan'

/** A command as commander has them, in this program's manner: what a person can put right is one line that says what to type. */
export class CommandLine extends Command {
  constructor(name: string) {
    super(name)
    this.helpOption('--help', 'this text')
    this.version(version, '--version', 'the version')
    this.configureHelp({ commandUsage: usageOf, subcommandTerm: (command) => command.name() })
    this.configureOutput({ writeOut: print })
    this.helpCommand(false)
  }

  override createCommand(name: string): CommandLine {
    return new CommandLine(name)
  }

  /** What commander finds wrong with what was typed. @throws UserError */
  override error(message: string): never {
    const [first = '', ...more] = message.replace(/^error: /, '').split('\n')
    const line = [`${first.charAt(0).toUpperCase()}${first.slice(1)}`, ...more].join(' ')
    throw new UserError(`${line.replace(/([^.?)])$/, '$1.')} Run ${typed(pathOf(this), '--help')}.`)
  }

  override parseOptions(argv: string[]): ReturnType<Command['parseOptions']> {
    requireNothingSwallowed(this)
    const parsed = super.parseOptions(argv)
    this.#refuseEmpty()
    // Beside --help too: so a test sees that what documents say to type is there.
    const wrong = parsed.unknown.find((word) => word.startsWith('-') && word !== '--help')
    if (wrong !== undefined && parsed.unknown.includes('--help') && this.commands.length === 0)
      return this.error(`unknown option '${wrong}'`)
    // Else what is missing would be told first, and the flag that was mistyped for it only then.
    if (wrong !== undefined && this.commands.length === 0 && this.#lacksRequired())
      return this.error(`unknown option '${wrong}'`)
    if (parsed.unknown.includes('--help')) this.#requireCommands(parsed.operands)
    return parsed
  }

  /** A variable of the shell that is not set leaves an empty word; as a directory it would be the one where one is. */
  #refuseEmpty(): void {
    const empty = this.options.find(
      (option) =>
        this.getOptionValueSource(option.attributeName()) === 'cli' &&
        isEmpty(this.getOptionValue(option.attributeName())),
    )
    if (empty !== undefined) this.error(`${empty.long ?? ''} has an empty value; is a variable of the shell not set?`)
  }

  #lacksRequired(): boolean {
    return this.options.some((option) => option.mandatory && this.getOptionValue(option.attributeName()) === undefined)
  }

  /** Help is asked of a command that is there. */
  #requireCommands([name, ...below]: readonly string[]): void {
    if (name === undefined || this.commands.length === 0) return
    const found = this.commands.find((command) => command.name() === name)
    if (found === undefined) this.error(`unknown command '${name}'`)
    if (found instanceof CommandLine) found.#requireCommands(below)
  }
}

function isEmpty(value: unknown): boolean {
  return value === '' || (Array.isArray(value) && value.includes(''))
}

/** The version's line has the name before it. */
function print(text: string): void {
  process.stdout.write(text === `${version}\n` ? `Vaultspan ${text}` : text)
}

function usageOf(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? name : `[${name}]`
  })
  const below = command.commands.length > 0 ? ['COMMAND'] : []
  return typed(pathOf(command), ...below, ...(command.options.length > 1 ? ['[flags]'] : []), ...words)
}

/** Its words, as they are typed behind the program's own name. */
function pathOf(command: Command): string {
  const names: string[] = []
  for (let each: Command | null = command; each !== null; each = each.parent) {
    if (each.name() !== rootName) names.unshift(each.name())
  }
  return names.join(' ')
}

export function rootCommand(): CommandLine {
  return new CommandLine(rootName)
}

/** npm keeps what stands before `--` as its own configuration and starts the script without it. @throws UserError */
function requireNothingSwallowed(command: Command): void {
  if (process.env['npm_lifecycle_event'] === undefined) return
  const swallowed = command.options.flatMap(({ long, required }) => {
    const flag = long ?? ''
    const value = process.env[`npm_config_${flag.slice(2).replaceAll('-', '_')}`]
    if (value === undefined || flag === '--version') return []
    // One without a value, one that stood last, or one whose value npm took for a word of the script's.
    return value === '' || value === 'true' || !required ? [flag] : [`${flag} ${value}`]
  })
  if (swallowed.length === 0) return
  const path = pathOf(command).split(' ')
  const words = process.argv.slice(2).filter((word, index) => word !== path[index])
  const all = [...swallowed, ...words].join(' ')
  throw new UserError(
    `npm kept ${swallowed.join(' and ')} for itself. Put -- before the flags: ${typed(pathOf(command), all)}`,
  )
}

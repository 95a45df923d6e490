import type { CommandLine } from './commandLine.ts'

/** One word of `vaultspan`, and the npm script of the same name. Only what it runs imports the rest of the program, and on use. */
export interface CommandRow {
  readonly name: string
  /** For the list of commands, and the first sentence of its own help. */
  readonly does: string
  /** Gives it flags, arguments and what it runs; or words below it. */
  readonly build: (command: CommandLine) => void
}

/** The directory that a command works on. */
export interface DataFlag {
  readonly data: string
}

/** `--data` as every command has it. */
export const dataFlag = ['--data <DIR>', 'the directory where everything is kept', '.vaultspan'] as const

import { parseArgs } from 'node:util'
import { ParameterError } from './parameters.ts'

/** Options as `--name value`. @throws ParameterError for one that the command does not have. */
export function options<N extends string>(names: readonly N[]): Readonly<Partial<Record<N, string>>> {
  try {
    const known = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]))
    return parseArgs({ options: known }).values as Partial<Record<N, string>>
  } catch (cause) {
    throw new ParameterError(`${reasonOf(cause)} Options: ${names.map((name) => `--${name}`).join(' ')}.`)
  }
}

/** Runs a command; what a person can put right is one line, all else comes with its stack. */
export async function command(run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (cause) {
    console.error(cause instanceof ParameterError ? cause.message : cause)
    process.exitCode = 1
  }
}

export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

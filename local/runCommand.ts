import { personsLine } from './personsLine.ts'

/** Runs a command: what a person can put right is one line and exit code 1; all else comes with its stack. */
export async function runCommand(run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (cause) {
    console.error(personsLine(cause) ?? cause)
    process.exitCode = 1
  }
}

import { UsageError } from './commandLine.ts'

/** Why the service cannot start, in one line for the person who started it. */
export class StartError extends Error {}

/** Runs a command: what a person can put right is one line and exit code 1; all else comes with its stack. */
export async function runCommand(run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (cause) {
    if (!(cause instanceof StartError) && !(cause instanceof UsageError)) throw cause
    console.error(cause.message)
    process.exitCode = 1
  }
}

export function requireRegionName(region: string): string {
  if (!/^[a-z]{2,}(-[a-z]+)+-[0-9]+$/.test(region)) {
    throw new StartError(`"${region}" is not a region name; write it like us-ashburn-1.`)
  }
  return region
}

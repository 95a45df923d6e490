import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Service } from './service.ts'

const run = promisify(execFile)

/** Lets every message between the two regions take so long, each way. */
export async function slowLink({ directory, endpoints }: Service, delayMs: number): Promise<void> {
  const regions = endpoints.map(({ region }) => region).slice(0, 2)
  await run(process.execPath, ['local/main.ts', 'faults', '--data', directory, 'slow', ...regions, `${delayMs}ms`])
}

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isReady, startProcess, type StartedProcess } from '../local/startedService.ts'

/** What `npm start` runs, in a process of its own. */
export interface Service {
  readonly process: StartedProcess
  /** Endpoints of the home region and of the other. */
  readonly home: string
  readonly other: string
  readonly tenancyId: string
}

export interface Start {
  readonly directory: string
  readonly base: number
  readonly acknowledgement: 'available' | 'strict'
  /** A region that nobody reaches from the start. */
  readonly cut?: string
}

/**
 * Whoever is asked to hand off has the time for it: a change that is answered at risk because the machine is busy is no
 * loss, and no test of one.
 */
export function startProcessOf({ directory, base, acknowledgement, cut }: Start): StartedProcess {
  const cutOff = cut === undefined ? [] : ['--cut', cut]
  return startProcess('local/main.ts', ['--data', directory, '--port', String(base), ...cutOff], {
    REPLICATION_ACK: acknowledgement,
    HANDOFF_BUDGET_MS: '60000',
    PREPARE_KEYS: 'off',
    LOG_LEVEL: 'warn',
  })
}

export async function startedService(start: Start): Promise<Service> {
  const process = startProcessOf(start)
  await isReady(process)
  const { regions, tenancyId } = JSON.parse(readFileSync(join(start.directory, 'endpoints.json'), 'utf8')) as {
    readonly regions: readonly { readonly endpoint: string }[]
    readonly tenancyId: string
  }
  const [home = '', other = ''] = regions.map(({ endpoint }) => endpoint)
  return { process, home, other, tenancyId }
}

export async function killed(process: StartedProcess): Promise<void> {
  process.killAll()
  await process.exited
}

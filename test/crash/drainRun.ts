import { readFileSync } from 'node:fs'
import { askFaultServer } from '../../local/control/faultServer.ts'
import { callerByProfile, type SignedCaller } from '../local/signedCaller.ts'
import { createKey, createVault, replicate } from '../local/vaultSteps.ts'
import { killed, startedService, type Service } from './service.ts'
import { regions } from './stage.ts'
import { storedDifference } from './storedDifference.ts'
import { pause } from './verify.ts'

export interface DrainOptions {
  /** How many changes wait when the link heals: so many keys are made while it is cut. */
  readonly changes: number
  readonly directory: string
  readonly base: number
  readonly say: (line: string) => void
}

export interface DrainReport {
  /** Of the waiting keys, from the heal until the last one is acknowledged. */
  readonly recordsPerSecond: number
  /** Undefined where the system has no /proc. */
  readonly memory: DrainMemory | undefined
  /** Compared one by one. */
  readonly rows: number
}

/** Resident memory of the two regions' processes, in MB. */
export interface DrainMemory {
  /** Of processes that have not drained anything yet. */
  readonly before: number
  /** The most in either half of the draining: flat is what needs no more in the second. */
  readonly firstHalf: number
  readonly secondHalf: number
  readonly after: number
}

const clientsAtOnce = 16
/** Nothing arrives for so long: it never will. */
const patienceMs = 180_000
/** A look counts what waits, which takes its time where that is much. */
const lookMs = (changes: number) => Math.max(250, changes / 50)

/**
 * A day's partition: two regions, the replica's cut off, so many keys made meanwhile; the link heals, and everything that
 * waited arrives. @throws Error where the regions' files differ after it.
 */
export async function drainRun({ changes, directory, base, say }: DrainOptions): Promise<DrainReport> {
  const service = await startedService({ directory, base, acknowledgement: 'available' })
  try {
    const { home, tenancyId } = service
    const call = callerByProfile(directory)
    await allowReplication(call, service)
    const vault = await createVault(call, home, tenancyId)
    await replicate(call, home, vault, regions[1])
    await askFaultServer(directory, `cut ${regions[1]}`)
    await inParallel(changes, () => createKey(call, vault, tenancyId))
    say(`${changes} keys were made while ${regions[1]} was cut off.`)
    const samples = [memoryOf(service)]
    const start = performance.now()
    await askFaultServer(directory, 'heal')
    let before: { readonly left: number; readonly at: number } | undefined
    for (let left = await waiting(service); left > 0; left = await waiting(service)) {
      if (left !== before?.left) before = { left, at: performance.now() }
      if (performance.now() > before.at + patienceMs) throw new Error(`${left} changes wait, and none arrives.`)
      await pause(lookMs(changes))
      samples.push(memoryOf(service))
    }
    const seconds = (performance.now() - start) / 1000
    service.process.signal('SIGTERM')
    const code = await service.process.exited
    if (code !== 0) throw new Error(`The service ended with ${code}: ${service.process.said.err}`)
    const { rows, difference } = storedDifference(directory, regions, [vault.id])
    if (difference !== undefined) throw new Error(difference)
    return { recordsPerSecond: changes / seconds, memory: summary(samples), rows }
  } finally {
    await killed(service.process)
  }
}

async function allowReplication(call: SignedCaller, { home, tenancyId }: Service): Promise<void> {
  const { status, body } = await call('POST', `${home}/20160918/policies`, {
    compartmentId: tenancyId,
    name: 'replication',
    description: 'd',
    statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
  })
  if (status !== 200) throw new Error(`CreatePolicy answered ${status}: ${JSON.stringify(body)}`)
}

async function inParallel(count: number, work: () => Promise<unknown>): Promise<void> {
  let left = count
  const worker = async () => {
    while (left > 0) {
      left -= 1
      await work()
    }
  }
  await Promise.all(Array.from({ length: clientsAtOnce }, worker))
}

interface Health {
  readonly links: readonly { readonly atRisk: number }[]
  readonly queues: { readonly inbox: number; readonly outbox: number; readonly deadLetters: number }
}

/** What waits or is at risk; else each change has its receipt, or has lost its mark to one. */
async function waiting({ home, other }: Service): Promise<number> {
  let left = 0
  for (const endpoint of [home, other]) {
    const { links, queues } = (await (await fetch(`${endpoint}/healthz`)).json()) as Health
    if (queues.deadLetters > 0) throw new Error(`${endpoint} has dead letters.`)
    left += links.reduce((sum, { atRisk }) => sum + atRisk, queues.inbox + queues.outbox)
  }
  return left
}

function summary(samples: readonly (number | undefined)[]): DrainMemory | undefined {
  const known = samples.flatMap((sample) => sample ?? [])
  const [before, after] = [known[0], known.at(-1)]
  if (before === undefined || after === undefined) return undefined
  const half = Math.ceil(known.length / 2)
  const most = (part: readonly number[]) => Math.max(...part, 0)
  return { before, firstHalf: most(known.slice(0, half)), secondHalf: most(known.slice(half)), after }
}

/** The region's processes are the children of the one that looks after them. */
function memoryOf({ process }: Service): number | undefined {
  try {
    const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ')
    const kilobytes = children.map((pid) =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]),
    )
    return kilobytes.reduce((sum, each) => sum + each, 0) / 1024
  } catch {
    return undefined
  }
}

import { SeededRandom } from '../simulation/seededRandom.ts'
import { callerByProfile } from '../local/signedCaller.ts'
import type { OperationName } from '../../lib/http/operations.ts'
import { NoAnswer, type Client, type Load } from './client.ts'
import { keysOf } from './ledger.ts'
import { killed, startedService, startProcessOf, type Service, type Start } from './service.ts'
import { makeStage, regions, type Stage } from './stage.ts'
import { eventually, pause } from './verify.ts'
import { expectAll, expectFromReplica, expectSame } from './expectAll.ts'

export interface CrashOptions {
  readonly kills: number
  readonly seed: number
  readonly directory: string
  readonly base: number
  readonly say: (line: string) => void
}

export interface CrashReport {
  readonly acknowledged: ReadonlyMap<OperationName, number>
  readonly refused: ReadonlyMap<OperationName, number>
  readonly keys: number
  readonly ciphertexts: number
  /** Kills of a process that was still starting or making up for the last one. */
  readonly earlyKills: number
  readonly rows: number
}

/** A kill comes after so many answers, so that a slow machine does as much as a fast one, and then at any moment. */
const answersBetween = { least: 3, most: 60 }
const momentMs = 12
const earlyMs = 1500

/**
 * Changes of every kind by several clients; kill -9 in their midst; a start on the same directory; then everything that was
 * acknowledged must be there, in both regions. Again, as often as is asked. @throws Error where a promise is broken.
 */
export async function crashRun(options: CrashOptions): Promise<CrashReport> {
  const { kills, seed, directory, base, say } = options
  const random = new SeededRandom(seed)
  const counts = { acknowledged: new Map<OperationName, number>(), refused: new Map<OperationName, number>() }
  const start = (): Start => ({ directory, base, acknowledgement: random.pick(['available', 'strict']) })
  let service = await startedService(start())
  let earlyKills = 0
  try {
    const call = callerByProfile(directory)
    const stage = await makeStage(call, service, seed)
    const load = (answered: () => void): Load => ({ call, ...counts, answered })
    for (let kill = 1; kill <= kills; kill += 1) {
      const answers = answersBetween.least + random.below(answersBetween.most - answersBetween.least)
      const moment = random.next() * momentMs
      await loadUntilKilled(stage.clients, service, load, { answers, moment })
      while (random.chance(0.25)) {
        const starting = startProcessOf(start())
        await pause(random.below(earlyMs))
        await killed(starting)
        earlyKills += 1
      }
      // Every other time the primary can give the replica nothing any more before the replica is looked at.
      const isCut = kill % 2 === 0
      const next = { ...start(), ...(isCut ? { cut: regions[0] } : {}) }
      service = await startedService(next)
      if (isCut) await expectFromReplica(call, directory, service, stage)
      await finishAll(
        stage.clients,
        load(() => undefined),
      )
      const seen = await expectAll(call, service, stage, 'touched')
      const moments = `after ${answers} answers and ${moment.toFixed(1)} ms`
      say(`Kill ${kill} of ${kills} ${moments}; ${next.acknowledgement}${isCut ? ', replica first' : ''}; ${seen}`)
    }
    await restoreAll(stage, load)
    say(`At the end ${await expectAll(call, service, stage, 'all')}`)
    const rows = await stopAndCompare(service, directory, stage)
    const keys = keysOf(stage.ledger)
    const ciphertexts = keys.reduce((sum, key) => sum + key.ciphertexts.length, 0)
    return { ...counts, keys: keys.length, ciphertexts, earlyKills, rows }
  } finally {
    await killed(service.process)
  }
}

async function loadUntilKilled(
  clients: readonly Client[],
  { process }: Service,
  load: (answered: () => void) => Load,
  { answers, moment }: { readonly answers: number; readonly moment: number },
): Promise<void> {
  const kill = { isDone: false }
  let left = answers
  const shared = load(() => {
    left -= 1
    if (left !== 0) return
    setTimeout(() => {
      kill.isDone = true
      process.killAll()
    }, moment)
  })
  await Promise.all(
    clients.map(async (client) => {
      for (;;) {
        try {
          await client.step(shared)
          if (client.hasPending) await pause(10)
        } catch (cause) {
          if (!(cause instanceof NoAnswer)) throw cause
          if (!kill.isDone) throw new Error(`The service ended by itself: ${process.said.err}`, { cause })
          return
        }
      }
    }),
  )
  await process.exited
}

/** Every call that got no answer is repeated with its token until it gets one. */
async function finishAll(clients: readonly Client[], load: Load): Promise<void> {
  await Promise.all(
    clients.map(async (client) => {
      await eventually(async () => {
        await client.finishPending(load)
        return unanswered(client)
      })
    }),
  )
}

/** So that every ciphertext there is must open. */
async function restoreAll({ restoring }: Stage, load: (answered: () => void) => Load): Promise<void> {
  for (;;) {
    const client = restoring()
    if (client === undefined) return
    await eventually(async () => {
      await client.step(load(() => undefined))
      return unanswered(client)
    })
  }
}

function unanswered({ name, hasPending, pendingUrl }: Client): string | undefined {
  return hasPending ? `${name}: ${pendingUrl} is not done, however often it is repeated.` : undefined
}

async function stopAndCompare({ process }: Service, directory: string, stage: Stage): Promise<number> {
  process.signal('SIGTERM')
  const code = await process.exited
  if (code !== 0) throw new Error(`The service ended with ${code}: ${process.said.err}`)
  return expectSame(directory, stage)
}

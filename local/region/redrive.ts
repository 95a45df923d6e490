import { canonicalJson } from '../../lib/canonicalJson.ts'
import { messageQueues } from './deadMessages.ts'
import { deadChanges } from '../../lib/replication/deadChanges.ts'
import { redriveChanges } from '../../lib/replication/redriveChanges.ts'
import type { RegionHost } from './regionHost.ts'
import type { Region } from './region.ts'
import { chosenRegions } from '../names/chosenRegions.ts'
import { parseJson } from '../../lib/parseJson.ts'

type Redriven = Pick<Region, 'name' | 'store' | 'runtime'>

/** `stream`: changes of the tables that no try could send. */
export const deadLetterPlaces = [...messageQueues, 'stream'] as const
export type Place = (typeof deadLetterPlaces)[number]

/** One kind of what could not be worked, and why: a line for a person. */
export interface DeadLetters {
  readonly region: string
  readonly queue: Place
  readonly what: string
  readonly reason: string
}

/** At most so many at once; whoever has more asks again. */
const limit = 1000

export async function listDead(
  { name: region, store }: Redriven,
  places: readonly Place[],
): Promise<readonly DeadLetters[]> {
  const found: DeadLetters[] = []
  for (const queue of places) {
    if (queue === 'stream') {
      for (const { change, reason } of await deadChanges(store.tables, limit))
        found.push({ region, queue, what: canonicalJson(change ?? null), reason: canonicalJson(reason ?? null) })
    } else {
      for (const { body, reason, firstSentAt } of await store.queues.deadLetters(queue, limit))
        found.push({ region, queue, what: `${kindOf(body)} of ${new Date(firstSentAt).toISOString()}`, reason })
    }
  }
  return found
}

/** Puts dead letters back to be worked again; resolves with how many there were. */
export async function redrive({ runtime, store }: Redriven, places: readonly Place[]): Promise<number> {
  let redriven = 0
  for (const queue of places) {
    if (queue === 'stream') redriven += await redriveChanges(runtime, limit)
    else {
      const letters = await store.queues.deadLetters(queue, limit)
      redriven += await store.queues.redrive(
        queue,
        letters.map(({ id }) => id),
      )
    }
  }
  return redriven
}

/** What a message is, in one word: its body is nobody's business but its receiver's. */
function kindOf(text: string): string {
  try {
    const { task, body } = parseJson(text) as { readonly task?: string; readonly body?: string }
    return task ?? (parseJson(body ?? '{}') as { readonly kind?: string }).kind ?? 'a message'
  } catch {
    return 'a message that is no JSON'
  }
}

/** Answers `dead REGION QUEUE` and `redrive REGION QUEUE`; `-` stands for all. @throws where there is no such one. */
export async function redriveCommand(
  regions: readonly Pick<RegionHost, 'name' | 'listDead' | 'redrive'>[],
  [command, region = '-', queue = '-']: readonly string[],
): Promise<string> {
  const chosen = chosenRegions(regions, region)
  const places = deadLetterPlaces.filter((each) => queue === '-' || each === queue)
  if (places.length === 0) throw new Error(`There is no queue ${queue}; there are ${deadLetterPlaces.join(', ')}.`)
  if (command === 'dead') {
    return JSON.stringify((await Promise.all(chosen.map((each) => each.listDead(places)))).flat())
  }
  const redriven = await Promise.all(chosen.map((each) => each.redrive(places)))
  return `${redriven.reduce((sum, each) => sum + each, 0)} redriven`
}

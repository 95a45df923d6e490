import { isKmsError } from '../errors.ts'
import type { Timers } from '../ports.ts'
import type { HttpPorts } from './httpPorts.ts'
import type { Answer, Operation, Request } from './operation.ts'

/** What other regions have sent here and this region has not stored yet. */
export interface Arrivals {
  /**
   * Yields each time that it is worth looking again; ends when nothing is left of what had arrived, or after a bounded
   * time.
   */
  awaited: () => AsyncIterable<undefined>
}

const firstLookMs = 10

/** For a host that cannot look into its queue: a few more looks, each after a longer while, within `ms` in all. */
export function polledArrivals(timers: Timers, ms: number): Arrivals {
  return {
    awaited: async function* () {
      for (let left = ms, pause = firstLookMs; left > 0; left -= pause, pause = Math.min(pause * 2, left)) {
        await timers.sleep(Math.min(pause, left))
        yield undefined
      }
    },
  }
}

/**
 * Runs an operation. What a replica refuses by its rows is judged once more on what has arrived meanwhile, because a key
 * or version is in its inbox before its primary answers. Absent and forbidden take the same way, so neither tells by its time.
 */
export async function runOnArrivals<P extends HttpPorts>(
  operation: Operation<P>,
  request: Request<P>,
  input: unknown,
): Promise<Answer> {
  try {
    return await operation.run(request, input)
  } catch (refusal) {
    if (!isByRows(refusal) || !(await isAtReplica(request))) throw refusal
    let last: unknown = refusal
    const ports = { ...request.ports, cache: request.ports.cache.uncached() }
    for await (const _ of ports.arrivals.awaited()) {
      try {
        return await operation.run({ ...request, ports }, input)
      } catch (again) {
        if (!isByRows(again)) throw again
        last = again
      }
    }
    throw last
  }
}

/** A key that is not there, not ENABLED yet, or whose ciphertext names a version that is not there. */
function isByRows(refusal: unknown): boolean {
  return isKmsError(refusal, 'notAuthorizedOrNotFound', 'incorrectState', 'invalidParameter')
}

async function isAtReplica({ ports, vaultId }: Request): Promise<boolean> {
  if (vaultId === '') return false
  const vault = await ports.cache.vault(vaultId)
  return vault !== undefined && vault.row.primaryRegion !== ports.region
}

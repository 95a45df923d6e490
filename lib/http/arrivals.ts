import { isKmsError } from '../errors.ts'
import type { Timers } from '../ports.ts'
import { evenOut, runEvenly } from './evenRefusal.ts'
import type { HttpPorts } from './httpPorts.ts'
import { nothingLooked, type Answer, type Operation, type Request } from './operation.ts'
import { operations } from './operations.ts'

/** What other regions have sent here and this region has not stored yet. */
export interface Arrivals {
  /**
   * Yields each time that it is worth looking again; ends when nothing is left of what had arrived, or after a bounded
   * time.
   */
  awaited: () => AsyncIterable<undefined>
  /**
   * Undefined where no record of these vaults and keys, and no identity of these tenancies, has arrived that is not stored; else resolves when they are stored,
   * or after the same bounded time. Only a host has it that can look into its queue.
   */
  stored?: (ids: readonly string[]) => Promise<void> | undefined
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
 * What it would answer while a record of the same key waits is answered by that record: the key may be disabled by it, or rotated.
 * Each further run gets an input of its own from `parseAgain`: an operation wipes a plaintext once it has used it.
 */
export async function runOnArrivals<P extends HttpPorts>(
  operation: Operation<P>,
  request: Request<P>,
  input: unknown,
  parseAgain: () => unknown,
): Promise<Answer> {
  const { arrivals } = request.ports
  // Asked before the rows are read: what is stored by now is in them.
  const stored = isRepeatable(request) ? arrivals.stored?.(namedBy(request, input)) : undefined
  const ports = () => ({ ...request.ports, cache: request.ports.cache.uncached() })
  const afresh = () => ({ ...request, ports: ports(), looked: nothingLooked() })
  let answer: Answer
  try {
    answer = await operation.run(request, input)
  } catch (refusal) {
    await evenOut(request, refusal)
    if (!isByRows(refusal) || !(await isAtReplica(request))) throw refusal
    let last: unknown = refusal
    for await (const _ of arrivals.awaited()) {
      try {
        return await runEvenly(operation, afresh(), parseAgain())
      } catch (next) {
        if (!isByRows(next)) throw next
        last = next
      }
    }
    throw last
  }
  if (stored === undefined || !(await isAtReplica(request))) return answer
  // Only now, after the caller was allowed: a wait before would tell that there is such a key.
  await stored
  return runEvenly(operation, afresh(), parseAgain())
}

/** Reads, and what only computes with a key. */
function isRepeatable({ operation: name }: Request): boolean {
  const { method, serves } = operations[name]
  return method === 'GET' || serves === 'crypto'
}

/** The vault, and the key that the path or the body names. */
function namedBy({ vaultId, parameters }: Request, input: unknown): readonly string[] {
  const inBody = typeof input === 'object' && input !== null && 'keyId' in input ? input.keyId : undefined
  return [vaultId, parameters['keyId'], inBody].filter((id) => typeof id === 'string')
}

/** A key that is not there, not ENABLED yet, or whose ciphertext names a version that is not there. */
function isByRows(refusal: unknown): boolean {
  return isKmsError(refusal, 'notAuthorizedOrNotFound', 'incorrectState', 'invalidParameter')
}

async function isAtReplica({ ports, vaultId, looked }: Request): Promise<boolean> {
  if (vaultId === '') return false
  if (looked.isAtReplica !== undefined) return looked.isAtReplica
  const vault = await ports.cache.vault(vaultId)
  return vault !== undefined && vault.row.primaryRegion !== ports.region
}

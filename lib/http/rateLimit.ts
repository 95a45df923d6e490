import { isKmsError, KmsError } from '../errors.ts'
import type { Clock, Tables } from '../ports.ts'
import { rowOf, type OperationName, type RateClass } from './operations.ts'

/** Requests a second; a second's worth may come at once. */
export type RateLimits = Readonly<Record<RateClass, number>>

export const ociRateLimits: RateLimits = { PW: 10, PR: 10, MW: 10, MR: 10 }

interface Ports {
  readonly tables: Pick<Tables, 'advance'>
  readonly clock: Clock
  /** null: nothing is limited. */
  readonly rateLimits: RateLimits | null
}

/**
 * Takes a token of the tenancy's, in one step, whoever else takes one at the same moment in another function: the item in the
 * table says until when the tenancy's calls reach at its rate, and that lies at most a second ahead. Undefined: nothing is limited.
 * @throws KmsError tooManyRequests with the seconds to wait.
 */
export function takeToken(ports: Ports, operation: OperationName, tenancyId: string): Promise<void> | undefined {
  const { rateClass } = rowOf(operation)
  if (rateClass === undefined || ports.rateLimits === null) return undefined
  return takeTokenOf(ports, rateClass, ports.rateLimits[rateClass], tenancyId)
}

async function takeTokenOf(ports: Ports, rateClass: RateClass, rate: number, tenancyId: string): Promise<void> {
  const now = ports.clock()
  const stepMs = 1000 / rate
  const latest = now + 1000
  const { ok, until } = await ports.tables
    .advance(`rate#${tenancyId}#${rateClass}`, 'until', { now, stepMs, latest })
    .catch(passWhereNothingIsStored)
  if (!ok) throw tooMany(rateClass, rate, Math.ceil((until + stepMs - latest) / 1000))
}

/** A full disk must not stop reads and crypto; a change is refused by its own write. */
function passWhereNothingIsStored(cause: unknown): { readonly ok: true; readonly until: number } {
  if (isKmsError(cause, 'cannotStore')) return { ok: true, until: 0 }
  throw cause
}

function tooMany(rateClass: RateClass, rate: number, retryAfter: number): KmsError {
  return new KmsError(
    'tooManyRequests',
    `Your tenancy makes more than ${rate} requests of the class ${rateClass} a second; try again after ${retryAfter} s.`,
    { retryAfter },
  )
}

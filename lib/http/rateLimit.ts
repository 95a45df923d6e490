import { KmsError } from '../errors.ts'
import { unchangedSince } from '../kms/mutation.ts'
import type { Clock, Item, Tables, Write } from '../ports.ts'
import { rowOf, type OperationName, type RateClass } from './operations.ts'

/** Requests a second; a second's worth may come at once. */
export type RateLimits = Readonly<Record<RateClass, number>>

export const ociRateLimits: RateLimits = { PW: 10, PR: 10, MW: 10, MR: 10 }

interface Bucket extends Item {
  readonly revision: number
  readonly tokens: number
  /** Unix milliseconds at which there were so many. */
  readonly at: number
}

interface Ports {
  readonly tables: Pick<Tables, 'get' | 'write'>
  readonly clock: Clock
  /** null: nothing is limited. */
  readonly rateLimits: RateLimits | null
}

const attempts = 5

/**
 * Takes a token from the tenancy's bucket, which lies in the table so that all functions share it: a read and a write.
 * @throws KmsError tooManyRequests with the seconds to wait.
 */
export async function takeToken(ports: Ports, operation: OperationName, tenancyId: string): Promise<void> {
  const { rateClass } = rowOf(operation)
  if (rateClass === undefined || ports.rateLimits === null) return
  const rate = ports.rateLimits[rateClass]
  const key = { pk: `rate#${tenancyId}#${rateClass}`, sk: 'bucket' }
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const stored = (await ports.tables.get('Requests', key.pk, key.sk)) as Bucket | undefined
    const at = ports.clock()
    const passed = stored === undefined ? 0 : Math.max(0, at - stored.at)
    const tokens = stored === undefined ? rate : Math.min(rate, stored.tokens + (passed * rate) / 1000)
    if (tokens < 1) throw tooMany(rateClass, rate, Math.ceil((1 - tokens) / rate))
    const expiresAt = Math.floor(at / 1000) + 3600
    const next: Bucket = { ...key, revision: (stored?.revision ?? 0) + 1, tokens: tokens - 1, at, expiresAt }
    const put: Write = { op: 'put', table: 'Requests', item: next, condition: unchangedSince(stored) }
    if ((await ports.tables.write([put])).ok) return
  }
  // So many at once that none of these attempts came through.
  throw tooMany(rateClass, rate, 1)
}

function tooMany(rateClass: RateClass, rate: number, retryAfter: number): KmsError {
  return new KmsError(
    'tooManyRequests',
    `Your tenancy makes more than ${rate} requests of the class ${rateClass} a second; try again after ${retryAfter} s.`,
    { retryAfter },
  )
}

import { KmsError } from '../../errors.ts'

const day = 24 * 3_600_000
/** Clients compute "now + 7 days" before they send (contract §3.6). */
const toleranceMs = 5 * 60_000
const earliestDays = 7
const latestDays = 30

/**
 * When something is to be deleted: 7 to 30 days from now, 30 where nothing is said, in whole seconds.
 * @throws KmsError invalidParameter
 */
export function deletionTime(now: number, wanted: Date | undefined): string {
  const at = wanted?.getTime() ?? now + latestDays * day
  if (at < now + earliestDays * day - toleranceMs || at > now + latestDays * day + toleranceMs) {
    throw new KmsError(
      'invalidParameter',
      `timeOfDeletion must lie ${earliestDays} to ${latestDays} days after the request.`,
    )
  }
  return new Date(Math.floor(at / 1000) * 1000).toISOString()
}

import { backOff, type BackOffPorts } from '../backOff.ts'
import { KmsError } from '../errors.ts'

const attempts = 8
export const betweenRounds = { firstMs: 4, maxMs: 512 } as const

/**
 * Runs an attempt until it commits: undefined means that another request changed the rows in between.
 * @throws KmsError incorrectState (which clients may retry) where it never does.
 */
export async function untilCommitted<T>(
  ports: BackOffPorts,
  attempt: (round: number) => Promise<T | undefined>,
): Promise<T> {
  for (let round = 0; round < attempts; round += 1) {
    const result = await attempt(round)
    if (result !== undefined) return result
    await backOff(ports, betweenRounds, round + 1)
  }
  throw new KmsError('incorrectState', 'The resource is being changed by other requests; try again.')
}

import { backOff, type BackOffPorts } from '../backOff.ts'
import { betweenRounds } from '../kms/untilCommitted.ts'

/** Somebody else wrote first, so nothing was written: what a message means must be judged again, on the rows as they are now. */
export class ChangedMeanwhile extends Error {
  constructor(vaultId: string) {
    super(`The vault ${vaultId} changed meanwhile.`)
  }
}

const rounds = 5

/**
 * Works a message, and again where it lost a race: two deliveries of one message in a batch do, as a rule. Waiting for the
 * queue to bring it again would take its visibility time-out.
 */
export async function retryIfChanged<T>(ports: BackOffPorts, work: () => Promise<T>): Promise<T> {
  for (let round = 1; ; round += 1) {
    try {
      return await work()
    } catch (cause) {
      if (!(cause instanceof ChangedMeanwhile) || round === rounds) throw cause
      await backOff(ports, betweenRounds, round)
    }
  }
}

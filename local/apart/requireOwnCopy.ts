import type { Logger } from '../../lib/ports.ts'
import { UserError } from '../../lib/userError.ts'
import { putBackRefusal } from '../cloud/putBack.ts'
import type { FoundBehind } from '../../lib/replication/takeBack/foundBehind.ts'
import type { RegionCommands } from '../processes/protocol.ts'

/**
 * Asks every region that is there whether it knows of changes that are missing here (cloud/putBack.ts). One that is not there is asked
 * before anything is sent to it. @throws UserError
 */
export async function requireOwnCopy(
  host: Pick<RegionCommands, 'comparePeers' | 'takeBack'>,
  { path, region, recovers, log }: { path: string; region: string; recovers: boolean; log: Logger },
): Promise<void> {
  const compared = await host.comparePeers()
  const [behind] = compared.flatMap((each) => each.behind ?? []).toSorted((a, b) => b.knows - a.knows)
  const unreached = compared.find((each) => each.unreached !== undefined)
  if (recovers && unreached !== undefined) {
    throw new UserError(
      `--recover takes back what the other regions have, and ${unreached.peer} does not answer: ${unreached.unreached ?? ''} Start it, or have it forgotten (region forget).`,
    )
  }
  if (behind === undefined) {
    if (unreached !== undefined)
      log.warn('A region does not answer; it is asked what it knows of this one before anything is sent to it.', {
        peer: unreached.peer,
      })
    return
  }
  if (!recovers) throw behindRefusal(path, region, behind)
  await host.takeBack(behind)
}

export function behindRefusal(path: string, region: string, behind: FoundBehind): UserError {
  return putBackRefusal(path, region, behind, '--recover')
}

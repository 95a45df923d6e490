import type { Logger } from '../../lib/ports.ts'
import type { FoundBehind } from '../../lib/replication/takeBack/foundBehind.ts'
import { recover, type PutBackPeer } from '../../lib/replication/takeBack/recover.ts'
import type { Prepared } from './prepareStart.ts'
import type { RegionHost } from '../region/regionHost.ts'
import { UserError } from '../../lib/userError.ts'

type Cloud = Pick<Prepared, 'directory' | 'homeRegion' | 'tenancyId' | 'recover'>

/**
 * Every message between regions names how many changes its sender had committed, and which run of it made the last. A region
 * that now has fewer than a peer knows of, or another one there, was put back to an older copy of its file: it would write revisions a second time, with other content. So the
 * start ends here, unless it is told to take back from the others what they have.
 * @throws UserError naming the region, what is missing, and the ways on.
 */
export async function requireNotPutBack(cloud: Cloud, hosts: readonly RegionHost[], log: Logger): Promise<void> {
  const behind = (
    await Promise.all(
      hosts.map((host) =>
        comparedWith(
          host,
          hosts.filter((each) => each !== host),
        ),
      ),
    )
  )
    .flat()
    .toSorted((a, b) => b.knows - a.knows)
  // What is told is by the region that knows most, as it is by that one that a recovery counts on.
  const left = behind.find(({ host }) => host.name !== cloud.recover)
  if (left !== undefined) throw putBackRefusal(cloud.directory.path, left.host.name, left)
  const [first] = behind
  if (first === undefined) return
  const peers = hosts.filter((each) => each !== first.host)
  const { homeRegion, tenancyId } = cloud
  await recover({ homeRegion, tenancyIds: [tenancyId] }, first.host, peers, first, log)
}

/** A region that lacks changes that a peer knows of. */
export interface Behind extends FoundBehind {
  readonly host: RegionHost
}

export async function comparedWith(
  host: RegionHost,
  peers: readonly Pick<PutBackPeer, 'name' | 'knownMark'>[],
): Promise<readonly Behind[]> {
  const compared = await Promise.all(
    peers.map(async (peer) => ({
      peer: peer.name,
      missing: await host.missingChanges(await peer.knownMark(host.name)),
    })),
  )
  return compared.flatMap(({ peer, missing }) => (missing === undefined ? [] : [{ host, peer, ...missing }]))
}

export function putBackRefusal(
  path: string | undefined,
  region: string,
  { peer, has, knows }: FoundBehind,
  flag = `--recover ${region}`,
): UserError {
  const file = `${path ?? ''}/regions/${region}.db`
  return new UserError(
    `${file} is an older copy: ${peer} knows of ${knows - has} changes of ${region} that are missing in it. Put the latest copy of the whole directory back; or start once with ${flag}, which takes back what the other regions have of it, and loses what none of them has.`,
  )
}

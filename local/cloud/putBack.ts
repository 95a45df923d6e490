import { treeStart, type TreePlace } from '../../lib/kms/rows/digestTree.ts'
import type { Logger } from '../../lib/ports.ts'
import type { Prepared } from './prepareStart.ts'
import type { RegionHost } from '../region/regionHost.ts'
import { UserError } from '../../lib/userError.ts'

type Cloud = Pick<Prepared, 'directory' | 'homeRegion' | 'tenancyId' | 'recover'>

/** What another region tells of its rows, on this machine or another. */
export type PutBackPeer = Pick<
  RegionHost,
  | 'name'
  | 'peerMark'
  | 'statement'
  | 'identityEntries'
  | 'standingVaults'
  | 'standingKeys'
  | 'fenceOf'
  | 'replicateAnew'
>

/**
 * Every message between regions names how many changes its sender had committed. A region that now has fewer than a peer
 * knows of was put back to an older copy of its file: it would write revisions a second time, with other content. So the
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
  ).flat()
  const left = behind.find(({ host }) => host.name !== cloud.recover)
  if (left !== undefined) throw putBackRefusal(cloud.directory.path, left.host.name, left)
  const [first] = behind.toSorted((a, b) => b.knows - a.knows)
  if (first === undefined) return
  const peers = hosts.filter((each) => each !== first.host)
  await recover(cloud, first.host, peers, first, log)
}

/** A region that has fewer changes than a peer knows of. */
export interface Behind {
  readonly host: RegionHost
  readonly peer: string
  readonly has: number
  readonly knows: number
}

export async function comparedWith(
  host: RegionHost,
  peers: readonly Pick<PutBackPeer, 'name' | 'peerMark'>[],
): Promise<readonly Behind[]> {
  const has = await host.commitMark()
  const known = await Promise.all(
    peers.map(async (peer) => ({ peer: peer.name, knows: await peer.peerMark(host.name) })),
  )
  return known.flatMap(({ peer, knows }) => (knows > has ? [{ host, peer, has, knows }] : []))
}

export function putBackRefusal(
  path: string | undefined,
  region: string,
  { peer, has, knows }: Omit<Behind, 'host'>,
  flag = `--recover ${region}`,
): UserError {
  const file = `${path ?? ''}/regions/${region}.db`
  return new UserError(
    `${file} is an older copy: ${peer} knows of ${knows - has} changes of ${region} that are missing in it. Put the latest copy of the whole directory back; or start once with ${flag}, which takes back what the other regions have of it, and loses what none of them has.`,
  )
}

/** Takes back from all peers what they have of a region that is behind. Before it serves anybody. */
export async function recover(
  cloud: Pick<Cloud, 'homeRegion' | 'tenancyId'>,
  host: RegionHost,
  peers: readonly PutBackPeer[],
  { has, knows }: Pick<Behind, 'has' | 'knows'>,
  log: Logger,
): Promise<void> {
  const { tenancyId } = cloud
  await recoverIdentity(cloud, host, peers)
  let keys = 0
  let vaults = 0
  const lostVaults: string[] = []
  for (const peer of peers) {
    const there = await peer.standingVaults(tenancyId)
    for (const standing of there) {
      const { vault } = standing
      if (vault.primaryRegion !== host.name) continue
      const outcome = await host.takeBackVault(standing)
      if (outcome === 'isTaken') vaults += 1
      if (outcome === 'isLost') lostVaults.push(vault.id)
      else keys += await recoverKeys(host, peer, vault.id)
    }
    await mendLinks(host, peer, tenancyId)
  }
  const putBack = {
    missingChanges: knows - has,
    knownChanges: knows,
    takenBack: { vaults, keys },
    lostVaults: lostVaults.length,
  }
  await host.endPutBack(putBack)
  log.error('A region was put back to an older copy of its data; it took back what its peers had.', undefined, {
    region: host.name,
    missingChanges: putBack.missingChanges,
    vaults,
    keys,
    lostVaults,
  })
}

async function recoverIdentity(
  { homeRegion, tenancyId }: Pick<Cloud, 'homeRegion' | 'tenancyId'>,
  host: RegionHost,
  peers: readonly PutBackPeer[],
): Promise<void> {
  const home = [host, ...peers].find(({ name }) => name === homeRegion)
  if (home === undefined) return
  const statement = await home.statement(tenancyId)
  for (const peer of peers) {
    for (;;) {
      const entries = await peer.identityEntries(tenancyId, await host.identityHead(tenancyId))
      if (entries.length === 0) break
      await host.takeBackIdentity(tenancyId, statement, entries)
    }
  }
}

async function recoverKeys(host: RegionHost, peer: PutBackPeer, vaultId: string): Promise<number> {
  let taken = 0
  for (let from: TreePlace | undefined = treeStart; from !== undefined;) {
    const page: Awaited<ReturnType<RegionHost['standingKeys']>> = await peer.standingKeys(vaultId, from)
    taken += await host.takeBackKeys(vaultId, page.keys)
    from = page.next
  }
  return taken
}

/** Links that only one of the two knows of. */
async function mendLinks(host: RegionHost, peer: PutBackPeer, tenancyId: string): Promise<void> {
  const [mine, theirs] = await Promise.all([host, peer].map((each) => each.standingVaults(tenancyId)))
  const here = new Map(mine?.map(({ vault }) => [vault.id, vault]))
  const there = new Map(theirs?.map(({ vault }) => [vault.id, vault]))
  for (const { id, primaryRegion, replicaRegion } of here.values()) {
    if (primaryRegion !== host.name || replicaRegion !== peer.name || there.has(id)) continue
    const fence = await peer.fenceOf(id)
    // 0: its replica was never made; the link goes on where it stands.
    if (fence > 0) await host.dropReplica(id, fence)
  }
  for (const { id, primaryRegion, replicaRegion, replicaStatus, fence } of there.values()) {
    if (primaryRegion !== peer.name || replicaRegion !== host.name || replicaStatus === 'DELETING') continue
    if (here.get(id)?.fence !== fence) await peer.replicateAnew(id)
  }
}

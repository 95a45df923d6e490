import { treeStart, type TreePlace } from '../../lib/kms/rows/digestTree.ts'
import type { Logger } from '../../lib/ports.ts'
import type { Prepared } from './prepareStart.ts'
import type { RegionHost } from '../region/regionHost.ts'
import { UserError } from '../../lib/userError.ts'

type Cloud = Pick<Prepared, 'directory' | 'homeRegion' | 'tenancyId' | 'recover'>

/**
 * Every message between regions names how many changes its sender had committed. A region that now has fewer than a peer
 * knows of was put back to an older copy of its file: it would write revisions a second time, with other content. So the
 * start ends here, unless it is told to take back from the others what they have.
 * @throws UserError naming the region, what is missing, and the ways on.
 */
export async function requireNotPutBack(cloud: Cloud, hosts: readonly RegionHost[], log: Logger): Promise<void> {
  const behind: Behind[] = []
  for (const host of hosts) {
    const has = await host.commitMark()
    for (const peer of hosts) {
      const knows = peer === host ? 0 : await peer.peerMark(host.name)
      if (knows > has) behind.push({ host, peer: peer.name, has, knows })
    }
  }
  const left = behind.find(({ host }) => host.name !== cloud.recover)
  if (left !== undefined) throw refusal(cloud, left)
  const [first] = behind.toSorted((a, b) => b.knows - a.knows)
  if (first !== undefined) await recover(cloud, hosts, first, log)
}

interface Behind {
  readonly host: RegionHost
  readonly peer: string
  readonly has: number
  readonly knows: number
}

function refusal({ directory }: Cloud, { host: { name }, peer, has, knows }: Behind): UserError {
  const file = `${directory.path ?? ''}/regions/${name}.db`
  return new UserError(
    `${file} is an older copy: ${peer} knows of ${knows - has} changes of ${name} that are missing in it. Put the latest copy of the whole directory back; or start once with --recover ${name}, which takes back what the other regions have of it, and loses what none of them has.`,
  )
}

async function recover(cloud: Cloud, hosts: readonly RegionHost[], behind: Behind, log: Logger): Promise<void> {
  const { host, has, knows } = behind
  const { tenancyId } = cloud
  const peers = hosts.filter((each) => each !== host)
  await recoverIdentity(cloud, hosts, host)
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
  { homeRegion, tenancyId }: Cloud,
  hosts: readonly RegionHost[],
  host: RegionHost,
): Promise<void> {
  const home = hosts.find(({ name }) => name === homeRegion)
  if (home === undefined) return
  const statement = await home.stateRegion(tenancyId, homeRegion, await home.identityPublicKey())
  for (const peer of hosts) {
    if (peer === host) continue
    for (;;) {
      const entries = await peer.identityEntries(tenancyId, await host.identityHead(tenancyId))
      if (entries.length === 0) break
      await host.takeBackIdentity(tenancyId, statement, entries)
    }
  }
}

async function recoverKeys(host: RegionHost, peer: RegionHost, vaultId: string): Promise<number> {
  let taken = 0
  for (let from: TreePlace | undefined = treeStart; from !== undefined;) {
    const page: Awaited<ReturnType<RegionHost['standingKeys']>> = await peer.standingKeys(vaultId, from)
    taken += await host.takeBackKeys(vaultId, page.keys)
    from = page.next
  }
  return taken
}

/** Links that only one of the two knows of. */
async function mendLinks(host: RegionHost, peer: RegionHost, tenancyId: string): Promise<void> {
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

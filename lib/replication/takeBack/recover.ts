import type { AuditSink } from '../../kms/audit.ts'
import type { KmsPorts } from '../../kms/kmsPorts.ts'
import { operatorEvent } from '../../kms/operatorAudit.ts'
import { treeStart, type TreePlace } from '../../kms/rows/digestTree.ts'
import type { Logger } from '../../ports.ts'
import type { RegionStatement } from '../../hsm/hsm.ts'
import type { MissingChanges } from './missingChanges.ts'
import type { TakeBackHost } from './takeBackHost.ts'

/** What a start, or an operator, has done about a region that was put back to an older copy of its data. */
export interface PutBack {
  /** What its peers knew of and its own data had not. */
  readonly missingChanges: number
  readonly knownChanges: number
  readonly takenBack: { readonly vaults: number; readonly keys: number }
  /** Made after the copy: their replicas alone have them. */
  readonly lostVaults: number
}

/** Before the end of it: a recovery that cannot be audited is not over, and is begun again. */
export async function auditRecovery(
  ports: Pick<KmsPorts, 'region' | 'clock' | 'random'> & { readonly audit: Pick<AuditSink, 'written'> },
  tenancyIds: readonly string[],
  putBack: PutBack,
): Promise<void> {
  for (const tenancyId of tenancyIds) {
    const effect = { resourceId: tenancyId, resourceName: ports.region, current: { ...putBack } }
    await ports.audit.written(operatorEvent(ports, tenancyId, 'RecoverRegion', effect))
  }
}

/** Asked of the region that was put back. */
export interface PutBackRegion extends TakeBackHost {
  readonly name: string
  identityHead(tenancyId: string): Promise<number>
  statement(tenancyId: string): Promise<RegionStatement>
  /** The end: it counts on from what its peers know. The audit of each tenancy says that it was done. */
  endPutBack(putBack: PutBack, tenancyIds: readonly string[]): Promise<void>
}

/** What another region tells of its rows, wherever it is. */
export type PutBackPeer = Pick<
  PutBackRegion,
  | 'name'
  | 'peerMark'
  | 'knownMark'
  | 'statement'
  | 'identityEntries'
  | 'standingVaults'
  | 'standingKeys'
  | 'fenceOf'
  | 'replicateAnew'
>

export interface PutBackCloud {
  readonly homeRegion: string
  readonly tenancyIds: readonly string[]
}

/** Takes back from all peers what they have of a region that is behind. Before it serves anybody. Resolves with what was found. */
export async function recover(
  { homeRegion, tenancyIds }: PutBackCloud,
  host: PutBackRegion,
  peers: readonly PutBackPeer[],
  { has, knows }: MissingChanges,
  log: Pick<Logger, 'error'>,
): Promise<PutBack & { readonly lost: readonly string[] }> {
  let keys = 0
  let vaults = 0
  const lost: string[] = []
  for (const tenancyId of tenancyIds) {
    await recoverIdentity(homeRegion, tenancyId, host, peers)
    for (const peer of peers) {
      const there = await peer.standingVaults(tenancyId)
      for (const standing of there) {
        const { vault } = standing
        if (vault.primaryRegion !== host.name) continue
        const outcome = await host.takeBackVault(standing)
        if (outcome === 'isTaken') vaults += 1
        if (outcome === 'isLost') lost.push(vault.id)
        else keys += await recoverKeys(host, peer, vault.id)
      }
      await mendLinks(host, peer, tenancyId)
    }
  }
  const putBack = {
    missingChanges: knows - has,
    knownChanges: knows,
    takenBack: { vaults, keys },
    lostVaults: lost.length,
  }
  await host.endPutBack(putBack, tenancyIds)
  log.error('A region was put back to an older copy of its data; it took back what its peers had.', undefined, {
    region: host.name,
    missingChanges: putBack.missingChanges,
    vaults,
    keys,
    lostVaults: lost,
  })
  return { ...putBack, lost }
}

async function recoverIdentity(
  homeRegion: string,
  tenancyId: string,
  host: PutBackRegion,
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

async function recoverKeys(host: PutBackRegion, peer: PutBackPeer, vaultId: string): Promise<number> {
  let taken = 0
  for (let from: TreePlace | undefined = treeStart; from !== undefined;) {
    const page: Awaited<ReturnType<PutBackPeer['standingKeys']>> = await peer.standingKeys(vaultId, from)
    taken += await host.takeBackKeys(vaultId, page.keys)
    from = page.next
  }
  return taken
}

/** Links that only one of the two knows of. */
async function mendLinks(host: PutBackRegion, peer: PutBackPeer, tenancyId: string): Promise<void> {
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

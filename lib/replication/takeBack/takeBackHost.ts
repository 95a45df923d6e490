import type { RegionStatement } from '../../hsm/hsm.ts'
import type { TreePlace } from '../../kms/rows/digestTree.ts'
import type { Item } from '../../ports.ts'
import { knownMark, peerMark } from '../peerMarks.ts'
import type { CommitMark } from '../../commitMark.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import {
  fenceOf,
  identityEntries,
  standingKeys,
  standingVaults,
  type StandingKey,
  type StandingKeys,
  type StandingVault,
} from './standing.ts'
import { dropReplica, replicateAnew, takeBackIdentity, takeBackKey, takeBackVault, type TakenBack } from './takeBack.ts'

/** What is asked of a region when one of them was put back to an older copy of its data. All of it can be sent. */
export interface TakeBackHost {
  /** How many of a peer's changes this region knows of. */
  peerMark(peer: string): Promise<number>
  /** The same, and which run of the peer made the last of them. */
  knownMark(peer: string): Promise<CommitMark>
  identityEntries(tenancyId: string, after: number): Promise<readonly Item[]>
  standingVaults(tenancyId: string): Promise<readonly StandingVault[]>
  standingKeys(vaultId: string, from: TreePlace): Promise<StandingKeys>
  fenceOf(vaultId: string): Promise<number>
  takeBackIdentity(tenancyId: string, statement: RegionStatement, entries: readonly Item[]): Promise<void>
  takeBackVault(vault: StandingVault): Promise<TakenBack>
  /** Resolves with how many were taken. */
  takeBackKeys(vaultId: string, keys: readonly StandingKey[]): Promise<number>
  dropReplica(vaultId: string, fence: number): Promise<void>
  replicateAnew(vaultId: string): Promise<void>
}

export function takeBackHost(ports: ReplicationPorts): TakeBackHost {
  return {
    peerMark: (peer) => peerMark(ports.tables, peer),
    knownMark: (peer) => knownMark(ports.tables, peer),
    identityEntries: (tenancyId, after) => identityEntries(ports, tenancyId, after),
    standingVaults: (tenancyId) => standingVaults(ports, tenancyId),
    standingKeys: (vaultId, from) => standingKeys(ports, vaultId, from),
    fenceOf: (vaultId) => fenceOf(ports, vaultId),
    takeBackIdentity: (tenancyId, statement, entries) => takeBackIdentity(ports, tenancyId, { statement, entries }),
    takeBackVault: (vault) => takeBackVault(ports, vault),
    takeBackKeys: async (vaultId, keys) => {
      const vault = await ports.cache.freshVault(vaultId)
      if (vault === undefined) return 0
      let taken = 0
      for (const key of keys) if ((await takeBackKey(ports, vault, key)) === 'isTaken') taken += 1
      return taken
    },
    dropReplica: (vaultId, fence) => dropReplica(ports, vaultId, fence),
    replicateAnew: (vaultId) => replicateAnew(ports, vaultId),
  }
}

import type { RegionStatement } from '../../lib/hsm/hsm.ts'
import type { TreePlace } from '../../lib/kms/rows/digestTree.ts'
import type { Item } from '../../lib/ports.ts'
import { peerMark } from '../../lib/replication/peerMarks.ts'
import {
  fenceOf,
  identityEntries,
  standingKeys,
  standingVaults,
  type StandingKey,
  type StandingKeys,
  type StandingVault,
} from '../../lib/replication/takeBack/standing.ts'
import {
  dropReplica,
  replicateAnew,
  takeBackIdentity,
  takeBackKey,
  takeBackVault,
  type TakenBack,
} from '../../lib/replication/takeBack/takeBack.ts'
import type { PutBack } from './regionHealth.ts'
import type { Region } from './startRegion.ts'

/** What is asked of a region when one of them was put back to an older copy of its data. As in RegionHost. */
export interface PutBackHost {
  /** How many changes this region ever committed. */
  commitMark(): Promise<number>
  /** How many of a peer's changes this region knows of. */
  peerMark(peer: string): Promise<number>
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
  /** The end: it counts on from what its peers know, and says so in /healthz. */
  endPutBack(putBack: PutBack): Promise<void>
}

export function putBackHost(region: Region): PutBackHost {
  const { runtime, store } = region
  return {
    commitMark: async () => store.tables.commitMark(),
    peerMark: (peer) => peerMark(store.tables, peer),
    identityEntries: (tenancyId, after) => identityEntries(runtime, tenancyId, after),
    standingVaults: (tenancyId) => standingVaults(runtime, tenancyId),
    standingKeys: (vaultId, from) => standingKeys(runtime, vaultId, from),
    fenceOf: (vaultId) => fenceOf(runtime, vaultId),
    takeBackIdentity: (tenancyId, statement, entries) => takeBackIdentity(runtime, tenancyId, { statement, entries }),
    takeBackVault: (vault) => takeBackVault(runtime, vault),
    takeBackKeys: async (vaultId, keys) => {
      const vault = await runtime.cache.freshVault(vaultId)
      if (vault === undefined) return 0
      let taken = 0
      for (const key of keys) if ((await takeBackKey(runtime, vault, key)) === 'isTaken') taken += 1
      return taken
    },
    dropReplica: (vaultId, fence) => dropReplica(runtime, vaultId, fence),
    replicateAnew: (vaultId) => replicateAnew(runtime, vaultId),
    endPutBack: async (putBack) => {
      await store.tables.raiseCommitMark(putBack.knownChanges)
      region.notePutBack(putBack)
    },
  }
}

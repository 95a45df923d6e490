import { commitKey, keyStep } from '../kms/keys/commitKey.ts'
import { isComplete, completeUnlessDeleted } from '../kms/keys/completeKey.ts'
import { treeProgress, treeProgressWrite } from '../kms/rows/digestTree.ts'
import { keyListingPartition, listingShards } from '../kms/rows/rows.ts'
import type { Vault } from '../kms/vaultCache.ts'
import type { ReplicationPorts } from './replicationPorts.ts'
import { storeKey } from './storeKey.ts'

type AdoptPorts = Pick<ReplicationPorts, 'tables' | 'cache' | 'handOff' | 'clock' | 'region' | 'log'>

const pageSize = 50

/**
 * Takes a page of the keys that 0.1.0 wrote into the vault's digests; true once every key is in them. At the primary such
 * a key's row gets the digest of its versions, by a change that replicates as any other: so the replica finds out what
 * it lacks, and gets it.
 */
export async function adoptKeys(ports: AdoptPorts, vault: Vault): Promise<boolean> {
  const { id } = vault.row
  const { isWhole, shard, after } = (await treeProgress(ports.tables, id)) ?? { isWhole: false, shard: 0, after: null }
  if (isWhole) return true
  const page = await ports.tables.queryIndex('Keys', 'byTime', keyListingPartition(id, shard), {
    limit: pageSize,
    ...(after === null ? {} : { after }),
  })
  for (const { pk } of page.items) await adoptKey(ports, vault, pk)
  const isLast = page.next === undefined && shard + 1 >= listingShards
  const next = page.next === undefined ? { shard: shard + 1, after: null } : { shard, after: page.next }
  await ports.tables.write([treeProgressWrite(id, { isWhole: isLast, ...next })])
  return isLast
}

async function adoptKey(ports: AdoptPorts, vault: Vault, keyId: string): Promise<void> {
  const stored = await ports.cache.freshKey(vault.keys, keyId)
  if (stored === undefined) return
  if (vault.row.primaryRegion !== ports.region) {
    await storeKey(ports, vault, { key: stored, versions: [], request: null })
    return
  }
  const key = await completeUnlessDeleted(ports, vault, stored)
  if (key.versionsDigest !== undefined) return
  const revision = key.revision + (isComplete(key) ? 1 : 2)
  const step = await keyStep(ports, vault, key, { ...key, revision, committedAt: ports.clock() })
  if (!(await commitKey(ports, vault, step))) {
    ports.log.info('A key changed while it was entered into the digests of its vault.', { key: keyId })
    return adoptKey(ports, vault, keyId)
  }
  // The replica may lack more than this change: nothing is said of what stood before it.
  await ports.handOff.send({ vault, key: step.next })
}

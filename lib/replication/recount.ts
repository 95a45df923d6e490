import { storedVersions } from '../kms/keys/commitKey.ts'
import { treeEntry, treePage, treeStart, treeWrites, type TreePlace } from '../kms/rows/digestTree.ts'
import { keyDigest, versionsDigest } from '../kms/rows/rowsDigest.ts'
import type { Vault } from '../kms/vaultCache.ts'
import type { Item, Write } from '../ports.ts'
import { coverageOf, coverageWrite } from './coverage.ts'
import { orderOf } from './messages/record.ts'
import type { ReplicationPorts } from './replicationPorts.ts'
import { standsAsReplica } from './storeKey.ts'

type RecountPorts = Pick<ReplicationPorts, 'tables' | 'cache' | 'region' | 'log'>

interface CursorRow extends Item, TreePlace {
  readonly leaf: number
  readonly after: string | null
}

const keysAtOnce = 20

function cursorKey(vaultId: string): { readonly pk: string; readonly sk: string } {
  return { pk: `recount#${vaultId}`, sk: 'cursor' }
}

/** For a purge: where the recount of a replica that goes stood. */
export function cursorDelete(vaultId: string): Write {
  return { op: 'delete', table: 'Replication', ...cursorKey(vaultId) }
}

/** Recounts a few keys of a vault, others each time, so that in the end every row is read again. */
export async function recountSome(ports: RecountPorts, vault: Vault): Promise<void> {
  const key = cursorKey(vault.row.id)
  const stored = (await ports.tables.get('Replication', key.pk, key.sk)) as CursorRow | undefined
  const { entries, next } = await treePage(ports.tables, vault.row.id, stored ?? treeStart, keysAtOnce)
  for (const { sk } of entries) await recount(ports, vault, sk)
  const item: CursorRow = { ...key, ...(next ?? treeStart) }
  await ports.tables.write([{ op: 'put', table: 'Replication', item }])
}

/**
 * Counts a key's rows as they are stored, so that a row that was lost or altered behind this service's back stands out in
 * the digests, and the next comparison finds it.
 */
export async function recount(ports: RecountPorts, vault: Vault, keyId: string): Promise<void> {
  const { tables } = ports
  const { id: vaultId, primaryRegion } = vault.row
  const known = await coverageOf(ports, vault, keyId)
  const key = await ports.cache.freshKey(vault.keys, keyId)
  const versions = versionsDigest(await storedVersions(tables, vault, keyId))
  const entry = await treeEntry(tables, vaultId, keyId)
  const digest = key === undefined ? undefined : keyDigest(key, versions)
  if (entry?.digest === digest) return
  // The rows are not read in one moment: whoever changes them meanwhile changes the key's row or its coverage too.
  const [stillKnown, still] = await Promise.all([
    coverageOf(ports, vault, keyId),
    ports.cache.freshKey(vault.keys, keyId),
  ])
  if (still?.mac !== key?.mac || stillKnown?.revision !== known?.revision) return
  ports.log.error('Rows of a key are not those that were stored.', undefined, { vault: vaultId, key: keyId })
  const { epoch, revision } = key ?? { epoch: '', revision: 0 }
  const tree = await treeWrites(tables, vaultId, { id: keyId, epoch, revision, digest })
  const isReplica = primaryRegion !== ports.region
  const whole = key !== undefined && key.versionsDigest === versions ? orderOf(key) : null
  // What does not commit now is counted again by the next round.
  await tables.write([
    ...(isReplica ? [standsAsReplica(vault.row), coverageWrite(vault, keyId, known, { versions, whole })] : []),
    ...tree,
  ])
}

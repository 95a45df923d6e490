import { eachItem } from '../kms/rows/pages.ts'
import type { Item, PageRequest } from '../ports.ts'
import { keyListingPartition, listingShards } from '../kms/rows/rows.ts'
import { fanOut } from './fanOut.ts'
import { linkedPk } from './link/links.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** How far a vault's keys were looked at; the next run goes on there. */
interface CursorRow extends Item {
  readonly shard: number
  readonly after: string | null
}

const pageSize = 100
const vaultsAtOnce = 50

/**
 * The last safety net: looks at what the replica has acknowledged, vault by vault and page by page, and sends what it
 * has not. So a change that neither the hand-off nor the stream brought over arrives after all. It never deletes.
 */
export async function reconcile(ports: ReplicationPorts): Promise<void> {
  const read = (request: PageRequest) => ports.tables.query('Replication', linkedPk, '', request)
  for await (const { sk: vaultId } of eachItem(read, { limit: vaultsAtOnce })) {
    try {
      await reconcileVault(ports, vaultId)
    } catch (cause) {
      // One vault that cannot be read holds up no other.
      ports.log.error('A vault could not be reconciled with its replica.', cause, { vault: vaultId })
    }
  }
}

async function reconcileVault(ports: ReplicationPorts, vaultId: string): Promise<void> {
  await fanOut(ports, { kind: 'vault', vaultId })
  const pk = `reconcile#${vaultId}`
  const stored = (await ports.tables.get('Replication', pk, 'cursor')) as CursorRow | undefined
  const { shard, after } = stored ?? { shard: 0, after: null }
  const page = await ports.tables.queryIndex('Keys', 'byTime', keyListingPartition(vaultId, shard), {
    limit: pageSize,
    ...(after === null ? {} : { after }),
  })
  for (const { pk: keyId } of page.items) await fanOut(ports, { kind: 'key', vaultId, keyId })
  const next =
    page.next === undefined ? { shard: (shard + 1) % listingShards, after: null } : { shard, after: page.next }
  const cursor: CursorRow = { pk, sk: 'cursor', ...next }
  await ports.tables.write([{ op: 'put', table: 'Replication', item: cursor }])
}

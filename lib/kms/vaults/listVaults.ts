import type { KmsPorts } from '../kmsPorts.ts'
import { openListedVault } from '../rows/listedRows.ts'
import { listPage, type ListPage, type ListRequest } from '../rows/listing.ts'
import { vaultListingPartition, type VaultRow } from '../rows/rows.ts'

type Ports = Pick<KmsPorts, 'tables' | 'cache' | 'log'>

/**
 * The vaults of a compartment, each opened with its own keys. A row without a vault behind it is left out: the index may
 * still show a replica that was purged, and whoever can write to the table may have made one up.
 * @throws KmsError integrityFailure for a row whose MAC does not verify under its vault's keys.
 */
export async function listVaults(
  ports: Ports,
  compartmentId: string,
  request: ListRequest,
): Promise<ListPage<VaultRow>> {
  const partition = vaultListingPartition(compartmentId)
  const page = await listPage(ports, 'Vaults', [partition], request, () => true)
  const rows = await Promise.all(page.items.map((item) => openListedVault(ports, item, partition)))
  return { ...page, items: rows.filter((row) => row !== undefined) }
}

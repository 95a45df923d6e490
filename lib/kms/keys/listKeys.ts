import type { KmsPorts } from '../kmsPorts.ts'
import {
  keyMatches,
  keyPartitions,
  listPage,
  openListed,
  type KeyFilter,
  type ListPage,
  type ListRequest,
} from '../rows/listing.ts'
import { versionListingPartition, type KeyRow, type KeyVersionRow } from '../rows/rows.ts'
import type { Vault } from '../vaultCache.ts'
import type { VaultKey } from './changeKey.ts'

type Ports = Pick<KmsPorts, 'tables'>

/** The keys of a vault. @throws KmsError integrityFailure for a row whose MAC does not verify under the vault's keys. */
export async function listKeys(
  ports: Ports,
  { row: vault, keys }: Vault,
  filter: KeyFilter,
  request: ListRequest,
): Promise<ListPage<KeyRow>> {
  const partitions = keyPartitions(vault.id)
  const page = await listPage(ports, 'Keys', partitions, request, keyMatches(filter))
  const open = (item: (typeof page.items)[number]) => openListed<KeyRow>(keys, 'vaultspan/key-row/1', item, partitions)
  return { ...page, items: page.items.map(open) }
}

/** The versions of a key, likewise. */
export async function listKeyVersions(
  ports: Ports,
  { vault, key }: VaultKey,
  request: ListRequest,
): Promise<ListPage<KeyVersionRow>> {
  const partitions = [versionListingPartition(key.id)]
  const page = await listPage(ports, 'Keys', partitions, request, () => true)
  const open = (item: (typeof page.items)[number]) =>
    openListed<KeyVersionRow>(vault.keys, 'vaultspan/key-version-row/1', item, partitions)
  return { ...page, items: page.items.map(open) }
}

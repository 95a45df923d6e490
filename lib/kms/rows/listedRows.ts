import type { VaultKeys } from '../../hsm/hsm.ts'
import type { Item, Logger, PageRequest, Tables } from '../../ports.ts'
import { keyPartitions, openListed } from './listing.ts'
import { eachItem } from './pages.ts'
import { vaultListingPartition, type KeyRow, type VaultRow } from './rows.ts'

/** A vault with its opened keys, as the cache of vaults has it. */
export interface OpenedVault {
  readonly row: VaultRow
  readonly keys: VaultKeys
}

export interface VaultListingPorts {
  readonly tables: Pick<Tables, 'queryIndex'>
  readonly cache: { vault(vaultId: string): Promise<OpenedVault | undefined> | OpenedVault | undefined }
  readonly log: Logger
}

/**
 * A row of a compartment's listing of vaults, opened with the vault's own keys. Undefined where no vault is behind it: the
 * index may still show a replica that was purged, and whoever can write to the table may have made one up.
 * @throws KmsError integrityFailure for a row whose MAC does not verify under its vault's keys.
 */
export async function openListedVault(
  { cache, log }: Pick<VaultListingPorts, 'cache' | 'log'>,
  item: Item,
  partition: string,
): Promise<VaultRow | undefined> {
  const vault = await cache.vault(item.pk)
  if (vault !== undefined) return openListed<VaultRow>(vault.keys, 'vaultspan/vault/1', item, [partition])
  log.warn('The index of vaults shows one that is not there.', { vault: item.pk })
  return undefined
}

/** Every vault of a compartment's listing, whatever its state. @throws KmsError integrityFailure likewise. */
export async function* listedVaults(ports: VaultListingPorts, compartmentId: string): AsyncGenerator<VaultRow> {
  const partition = vaultListingPartition(compartmentId)
  const read = (page: PageRequest) => ports.tables.queryIndex('Vaults', 'byTime', partition, page)
  for await (const item of eachItem(read, { limit: 100 })) {
    const row = await openListedVault(ports, item, partition)
    if (row !== undefined) yield row
  }
}

/** Every key of a vault's listing, whatever its compartment and state. @throws KmsError integrityFailure likewise. */
export async function* listedKeys(
  tables: Pick<Tables, 'queryIndex'>,
  { row, keys }: OpenedVault,
): AsyncGenerator<KeyRow> {
  const partitions = keyPartitions(row.id)
  for (const gpk of partitions) {
    const read = (page: PageRequest) => tables.queryIndex('Keys', 'byTime', gpk, page)
    for await (const item of eachItem(read, { limit: 1000 })) {
      yield openListed<KeyRow>(keys, 'vaultspan/key-row/1', item, partitions)
    }
  }
}
